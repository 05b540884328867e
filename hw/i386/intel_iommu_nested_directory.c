/*
 * Intel VT-d, nested=on: the PASID directory of a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each present entry of it, beside that for requests without PASID, is an
 * attach.  Which entries there are is known from what the guest invalidates;
 * only an invalidation that names no PASID, or a table above that changed, has
 * the directory read from end to end.
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_bus.h"
#include "intel_iommu_nested_internal.h"

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
    if (!at) {
        at = vtd_nested_attach_new(dev, pasid);
    }
    dev->nested->counters.pasid_entries++;
    vtd_nested_attach_sync(at);
    if (attach_is_idle(at)) {
        g_hash_table_remove(dev->attaches, GUINT_TO_POINTER(pasid));
    }
    return true;
}

static gboolean resync_attach(gpointer key, gpointer value, gpointer opaque)
{
    VTDNestedAttach *at = value;

    if (at->pasid == IOMMUFD_NO_PASID) {
        return false;
    }
    at->dev->nested->counters.pasid_entries++;
    vtd_nested_attach_sync(at);
    return attach_is_idle(at);
}

/*
 * The entries at @table, from that of PASID @first on, that are new.
 * Return: false if there are too many.
 */
static bool sync_table(VTDNestedDevice *dev, hwaddr table, uint32_t first)
{
    uint64_t quads[TABLE_QUADS];

    if (!vtd_core_read(table, quads, TABLE_QUADS)) {
        return true;
    }
    for (uint32_t i = 0; i < TABLE_ENTRIES; i++) {
        if (quads[i * ENTRY_QUADS] & VTD_PASID_ENTRY_P &&
            !vtd_nested_device_attach(dev, first + i) &&
            !sync_pasid(dev, first + i)) {
            return false;
        }
    }
    return true;
}

/* The same for the page of directory entries at @page */
static bool sync_directory_page(VTDNestedDevice *dev, hwaddr page,
                                uint32_t first)
{
    uint64_t quads[TABLE_QUADS];

    if (!vtd_core_read(page, quads, TABLE_QUADS)) {
        return true;
    }
    for (uint32_t i = 0; i < TABLE_QUADS; i++) {
        if (quads[i] & VTD_PASID_ENTRY_P &&
            !sync_table(dev, quads[i] & VTD_PASID_TABLE_BASE_ADDR_MASK,
                        first + i * TABLE_ENTRIES)) {
            return false;
        }
    }
    return true;
}

static void sync_new_entries(VTDNestedDevice *dev)
{
    IntelIOMMUState *s = dev->nested->iommu;
    VTDContextEntry ce;
    uint32_t first, end;
    hwaddr page;

    if (!s->dmar_enabled || !s->root_scalable ||
        vtd_core_get_context_entry(s, pci_bus_num(dev->bus), dev->devfn, &ce) ||
        !(ce.val[0] & VTD_SM_CE_PASIDE)) {
        return;
    }
    /* VT-d 9.4: 2^(PDTS + 7) directory entries */
    end = MIN(1u << (VTD_SM_CE_PDTS(&ce) + 7 + 6), 1u << dev->pasid_bits);
    page = VTD_SM_CE_PASIDDIR(&ce);
    for (first = 0; first < end; first += TABLE_QUADS * TABLE_ENTRIES) {
        if (!sync_directory_page(dev, page, first)) {
            return;
        }
        page += VTD_PAGE_SIZE;
    }
}

void vtd_nested_directory_sync(VTDNestedDevice *dev)
{
    g_hash_table_foreach_remove(dev->attaches, resync_attach, NULL);
    sync_new_entries(dev);
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
