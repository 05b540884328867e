/*
 * Intel VT-d, nested=on: the PASID directory of a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each present entry of it, beside that for requests without PASID, is an
 * attach.  Which entries there are is known from what the guest invalidates;
 * only an invalidation that names no PASID, or a table above that changed, has
 * the directory read from end to end: a sweep.  What the guest changes under a
 * sweep that is not done, it has to invalidate, as at any other time.
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_bus.h"
#include "internal.h"

/* A page of PASID entries, or of directory entries, as quadwords */
#define TABLE_QUADS     (VTD_PAGE_SIZE / sizeof(uint64_t))
#define ENTRY_QUADS     (VTD_PASID_ENTRY_SIZE / sizeof(uint64_t))
#define TABLE_ENTRIES   (TABLE_QUADS / ENTRY_QUADS)

/*
 * The kernel calls PASID 0 what is a request without PASID to us: attaching
 * it would move the requester ID.  So requests that are tagged with it stay
 * blocked; Linux gives it to nobody.
 */
static bool pasid_is_usable(const VTDNestedDevice *dev, uint32_t pasid)
{
    return pasid && !(pasid >> dev->pasid_bits);
}

/* Beside the attach of the requester ID */
static bool directory_is_full(const VTDNestedDevice *dev)
{
    return g_hash_table_size(dev->attaches) > VTD_NESTED_MAX_PASIDS;
}

static void refuse_pasid(VTDNestedDevice *dev, uint32_t pasid)
{
    vtd_nested_report_cause(dev, VTD_NESTED_CAUSE_PASIDS, NULL);
    vtd_core_report_fault(dev->nested->iommu, VTD_SM_PASID_INV, false,
                          vtd_nested_device_sid(dev), 0, false, true, pasid);
}

/* A PASID without an entry is not worth remembering. */
static bool attach_is_idle(const VTDNestedAttach *at)
{
    return at->target == VTD_NESTED_BLOCKED && !at->fault;
}

static void sync_attach(VTDNestedAttach *at)
{
    VTDNestedDevice *dev = at->dev;

    dev->nested->counters.pasid_entries++;
    vtd_nested_attach_sync(at);
    if (attach_is_idle(at)) {
        g_hash_table_remove(dev->attaches, GUINT_TO_POINTER(at->pasid));
    }
}

/* Return: false if there are too many. */
static bool sync_pasid(VTDNestedDevice *dev, uint32_t pasid)
{
    VTDNestedAttach *at = vtd_nested_device_attach(dev, pasid);

    if (!pasid_is_usable(dev, pasid)) {
        return true;
    }
    if (!at && directory_is_full(dev)) {
        refuse_pasid(dev, pasid);
        return false;
    }
    sync_attach(at ?: vtd_nested_attach_new(dev, pasid));
    return true;
}

/* Sweeps */

static void sweep_rid(VTDNestedDevice *dev)
{
    VTDNestedSweep *sweep = &dev->sweep;
    GHashTableIter iter;
    gpointer key;

    vtd_nested_attach_sync(vtd_nested_device_attach(dev, IOMMUFD_NO_PASID));
    if (!dev->pasid_bits) {
        sweep->step = VTD_NESTED_SWEEP_DONE;
        return;
    }
    g_array_set_size(sweep->followed, 0);
    g_hash_table_iter_init(&iter, dev->attaches);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        uint32_t pasid = GPOINTER_TO_UINT(key);

        if (pasid != IOMMUFD_NO_PASID) {
            g_array_append_val(sweep->followed, pasid);
        }
    }
    sweep->step = VTD_NESTED_SWEEP_FOLLOWED;
}

static void sweep_followed(VTDNestedDevice *dev)
{
    GArray *followed = dev->sweep.followed;
    VTDNestedAttach *at;

    if (!followed->len) {
        dev->sweep.next = 0;
        dev->sweep.idle = 0;
        dev->sweep.step = VTD_NESTED_SWEEP_NEW;
        return;
    }
    at = vtd_nested_device_attach(dev, g_array_index(followed, uint32_t,
                                                     followed->len - 1));
    g_array_set_size(followed, followed->len - 1);
    if (at) {
        sync_attach(at);
    }
}

/*
 * An entry that is new.  One that comes to nothing is not remembered, but
 * counts: all entries of a directory may be like that, and many may be one in
 * memory.
 *
 * Return: false if there are too many.
 */
static bool sweep_entry(VTDNestedDevice *dev, uint32_t pasid)
{
    if (vtd_nested_device_attach(dev, pasid) || !pasid_is_usable(dev, pasid)) {
        return true;
    }
    if (g_hash_table_size(dev->attaches) + dev->sweep.idle >
        VTD_NESTED_MAX_PASIDS) {
        refuse_pasid(dev, pasid);
        return false;
    }
    if (!sync_pasid(dev, pasid)) {
        return false;
    }
    dev->sweep.idle += !vtd_nested_device_attach(dev, pasid);
    return true;
}

/*
 * The entries at @table, from that of PASID sweep.next on.
 * Return: false if there are too many.
 */
static bool sweep_table(VTDNestedDevice *dev, hwaddr table)
{
    uint32_t *next = &dev->sweep.next;
    uint64_t quads[TABLE_QUADS];
    uint32_t i;

    vtd_nested_work(dev->nested, 1);
    if (!vtd_core_read(table, quads, TABLE_QUADS)) {
        *next = ROUND_UP(*next + 1, TABLE_ENTRIES);
        return true;
    }
    do {
        i = *next % TABLE_ENTRIES;
        if (quads[i * ENTRY_QUADS] & VTD_PASID_ENTRY_P &&
            !sweep_entry(dev, *next)) {
            return false;
        }
        ++*next;
    } while (*next % TABLE_ENTRIES && vtd_nested_may_work(dev->nested));
    return true;
}

/*
 * The same for the page of directory entries at @page, up to PASID @end.
 */
static bool sweep_directory_page(VTDNestedDevice *dev, hwaddr page,
                                 uint32_t end)
{
    uint32_t *next = &dev->sweep.next;
    uint64_t quads[TABLE_QUADS];

    vtd_nested_work(dev->nested, 1);
    if (!vtd_core_read(page, quads, TABLE_QUADS)) {
        *next = end;
        return true;
    }
    do {
        uint64_t entry = quads[*next / TABLE_ENTRIES % TABLE_QUADS];

        if (!(entry & VTD_PASID_ENTRY_P)) {
            *next = ROUND_UP(*next + 1, TABLE_ENTRIES);
        } else if (!sweep_table(dev, entry & VTD_PASID_TABLE_BASE_ADDR_MASK)) {
            return false;
        }
    } while (*next < end && vtd_nested_may_work(dev->nested));
    return true;
}

/* Where the guest's directory is.  Return: false if there is none to read. */
static bool find_directory(VTDNestedDevice *dev, hwaddr *base, uint32_t *end)
{
    VTDNested *n = dev->nested;
    IntelIOMMUState *s = n->iommu;
    VTDContextEntry ce;

    if (!s->dmar_enabled || !s->root_scalable || n->ttm > VTD_TTM_SCALABLE ||
        vtd_core_get_context_entry(s, pci_bus_num(dev->bus), dev->devfn, &ce) ||
        !(ce.val[0] & VTD_SM_CE_PASIDE)) {
        return false;
    }
    /* VT-d 9.4: 2^(PDTS + 7) directory entries */
    *end = MIN(1u << (VTD_SM_CE_PDTS(&ce) + 7 + 6), 1u << dev->pasid_bits);
    *base = VTD_SM_CE_PASIDDIR(&ce);
    return true;
}

static void sweep_new(VTDNestedDevice *dev)
{
    const uint32_t page_pasids = TABLE_QUADS * TABLE_ENTRIES;
    VTDNestedSweep *sweep = &dev->sweep;
    uint32_t page, end;
    hwaddr base;

    if (find_directory(dev, &base, &end) && sweep->next < end) {
        page = sweep->next / page_pasids;
        end = MIN(end, (page + 1) * page_pasids);
        if (sweep_directory_page(dev, base + page * VTD_PAGE_SIZE, end)) {
            return;
        }
    }
    sweep->step = VTD_NESTED_SWEEP_DONE;
}

void vtd_nested_sweep_start(VTDNestedDevice *dev)
{
    VTDNestedSweep *sweep = &dev->sweep;

    if (sweep->step == VTD_NESTED_SWEEP_DONE) {
        dev->nested->sweeps++;
    }
    if (!sweep->followed) {
        sweep->followed = g_array_new(false, false, sizeof(uint32_t));
    }
    sweep->step = VTD_NESTED_SWEEP_RID;
}

void vtd_nested_sweep_end(VTDNestedDevice *dev)
{
    if (dev->sweep.step != VTD_NESTED_SWEEP_DONE) {
        dev->sweep.step = VTD_NESTED_SWEEP_DONE;
        dev->nested->sweeps--;
    }
    if (dev->sweep.followed) {
        g_array_free(g_steal_pointer(&dev->sweep.followed), true);
    }
}

void vtd_nested_sweep(VTDNestedDevice *dev)
{
    VTDNestedSweep *sweep = &dev->sweep;

    while (sweep->step != VTD_NESTED_SWEEP_DONE) {
        if (!vtd_nested_may_work(dev->nested)) {
            return;
        }
        switch (sweep->step) {
        case VTD_NESTED_SWEEP_RID:
            sweep_rid(dev);
            break;
        case VTD_NESTED_SWEEP_FOLLOWED:
            sweep_followed(dev);
            break;
        default:
            sweep_new(dev);
        }
        if (sweep->step == VTD_NESTED_SWEEP_DONE) {
            dev->nested->sweeps--;
        }
    }
}

void vtd_nested_refresh_pasid(VTDNested *n, uint32_t pasid)
{
    VTDNestedAttach *rid;
    VTDNestedDevice *dev;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, n->devices);
    while (g_hash_table_iter_next(&iter, (gpointer *)&dev, NULL)) {
        rid = vtd_nested_device_attach(dev, IOMMUFD_NO_PASID);
        if (rid->last.pasid == pasid ||
            rid->last.pasid == VTD_NESTED_ANY_PASID) {
            vtd_nested_attach_sync(rid);
        }
        sync_pasid(dev, pasid);
    }
}
