/*
 * Intel VT-d, nested=on: invalidations on their way to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the guest submits in one go is collected per nested HWPT and goes out
 * as one IOMMU_HWPT_INVALIDATE with an array, in the guest's order, before the
 * wait descriptor that the guest spins on completes.  The kernel invalidates
 * the device TLBs of the attached devices along with it, so that device-TLB
 * descriptors have nothing left to do.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/trace.h"
#include "hw/i386/vtd/spec.h"

typedef struct iommu_hwpt_vtd_s1_invalidate S1Invalidate;

/* Collecting */

static void hwpt_mark_dirty(VTDNestedHwpt *hwpt)
{
    if (!hwpt->is_dirty) {
        hwpt->is_dirty = true;
        QSIMPLEQ_INSERT_TAIL(&hwpt->nested->dirty, hwpt, dirty_next);
    }
}

void vtd_nested_iotlb_all(VTDNestedHwpt *hwpt)
{
    hwpt->pending_all = true;
    g_array_set_size(hwpt->pending, 0);
    hwpt_mark_dirty(hwpt);
}

/*
 * The kernel makes one descriptor of a range, for the least naturally aligned
 * block around it, and looks neither at the host's CAP.MAMV nor at what the
 * hardware makes of the descriptor: beyond MAMV that is a queue error, nothing
 * is invalidated, and the ioctl succeeds.
 */
static bool host_takes(VTDNested *n, uint64_t first, uint64_t last)
{
    return !((first ^ last) >> (VTD_PAGE_SHIFT + n->host_mamv));
}

/* Extends the last pending range by @inv where the two touch or overlap. */
static bool invalidate_merge(VTDNestedHwpt *hwpt, const S1Invalidate *inv)
{
    GArray *pending = hwpt->pending;
    uint64_t last_end, end, first;
    S1Invalidate *last;

    if (!pending->len) {
        return false;
    }
    last = &g_array_index(pending, S1Invalidate, pending->len - 1);
    last_end = last->addr + last->npages * VTD_PAGE_SIZE;
    end = inv->addr + inv->npages * VTD_PAGE_SIZE;
    if (last->flags != inv->flags || last_end < last->addr || end < inv->addr ||
        inv->addr > last_end || last->addr > end) {
        return false;
    }
    first = MIN(last->addr, inv->addr);
    end = MAX(last_end, end);
    if (!host_takes(hwpt->nested, first, end - 1)) {
        return false;
    }
    last->addr = first;
    last->npages = (end - first) / VTD_PAGE_SIZE;
    return true;
}

static void hwpt_invalidate_range(VTDNestedHwpt *hwpt, const S1Invalidate *inv)
{
    uint64_t last = inv->addr + inv->npages * VTD_PAGE_SIZE - 1;

    if (hwpt->pending_all || invalidate_merge(hwpt, inv)) {
        return;
    }
    if (hwpt->pending->len == VTD_NESTED_MAX_PENDING ||
        !host_takes(hwpt->nested, inv->addr, last)) {
        vtd_nested_iotlb_all(hwpt);
        return;
    }
    g_array_append_val(hwpt->pending, *inv);
    hwpt_mark_dirty(hwpt);
}

/* @inv NULL: all of the stage 1 */
static void tag_invalidate(VTDNestedTag *tag, const S1Invalidate *inv)
{
    const VTDNestedHwpt *done = NULL;
    VTDNestedAttach *at;

    QLIST_FOREACH(at, &tag->attaches, tag_next) {
        /* Mostly one HWPT, which all devices of the domain share. */
        if (at->hwpt == done) {
            continue;
        }
        done = at->hwpt;
        if (inv) {
            hwpt_invalidate_range(at->hwpt, inv);
        } else {
            vtd_nested_iotlb_all(at->hwpt);
        }
    }
}

static void invalidate_global(VTDNested *n)
{
    VTDNestedHwpt *hwpt;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, n->hwpts);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&hwpt)) {
        vtd_nested_iotlb_all(hwpt);
    }
}

static void invalidate_domain(VTDNested *n, uint16_t domain_id)
{
    VTDNestedTag *any = vtd_nested_tag_find(n, domain_id, VTD_NESTED_ANY_PASID);
    VTDNestedTag *tag;

    if (!any) {
        return;
    }
    QLIST_FOREACH(tag, &any->same_domain, next) {
        tag_invalidate(tag, NULL);
    }
}

static void invalidate_pasid(VTDNested *n, const uint64_t val[2])
{
    VTDNestedTag *tag = vtd_nested_tag_find(n, VTD_INV_DESC_PIOTLB_DID(val[0]),
                                            VTD_INV_DESC_PIOTLB_PASID(val[0]));
    S1Invalidate inv;
    uint8_t am;

    if (!tag) {
        return;
    }
    if ((val[0] & VTD_INV_DESC_PIOTLB_G) == VTD_INV_DESC_PIOTLB_ALL_IN_PASID ||
        n->host_flush == VTD_HOST_FLUSH_COARSE) {
        tag_invalidate(tag, NULL);
        return;
    }
    am = VTD_INV_DESC_PIOTLB_AM(val[1]);
    inv = (S1Invalidate) {
        .addr = VTD_INV_DESC_PIOTLB_ADDR(val[1]) &
                ~(((uint64_t)VTD_PAGE_SIZE << am) - 1),
        .npages = 1ULL << am,
        .flags = VTD_INV_DESC_PIOTLB_IH(val[1]) ? IOMMU_VTD_INV_FLAGS_LEAF : 0,
    };
    tag_invalidate(tag, &inv);
}

/*
 * Which devices are meant is not said: an entry that is new has its domain-id
 * in the guest's memory only.  So each device looks at its entry of that PASID,
 * or at all of them, whatever domain-id is named; hardware may drop more than
 * it is told to.  For entries that did not change that is a read of guest
 * memory.
 *
 * The descriptor is one of 256 bits (VT-d specification, 6.5.2.2), so it has no
 * place in a queue of 128-bit ones.
 */
static bool invalidate_pasid_cache(VTDNested *n, const uint64_t val[4])
{
    uint64_t lo = val[0];

    if (!n->iommu->iq_dw || lo & VTD_INV_PC_RSVD || val[1] || val[2] || val[3]) {
        return false;
    }
    trace_vtd_nested_inv_pasid_cache(VTD_INV_PC_G(lo), VTD_INV_PC_DID(lo),
                                     VTD_INV_PC_PASID(lo));
    n->counters.pasid_cache_invalidations++;
    switch (VTD_INV_PC_G(lo)) {
    case VTD_INV_PC_G_PASID:
        vtd_core_forget_pasid(n->iommu, VTD_INV_PC_PASID(lo));
        vtd_nested_refresh_pasid(n, VTD_INV_PC_PASID(lo));
        return true;
    case VTD_INV_PC_G_DOMAIN:
    case VTD_INV_PC_G_GLOBAL:
        vtd_core_forget_pasid_entries(n->iommu);
        vtd_nested_refresh_all(n->iommu);
        return true;
    default:
        return false;
    }
}

/*
 * What is collected costs little: a descriptor must not end the batch that it is
 * in.  But one may mark as many HWPTs as there are.
 */
#define DESCRIPTORS_A_UNIT  16
#define MARKS_A_UNIT        64

void vtd_nested_count_descriptor(VTDNested *n)
{
    if (!(++n->queue.descriptors % DESCRIPTORS_A_UNIT)) {
        vtd_nested_work(n, 1);
    }
}

void vtd_nested_collect(VTDNested *n, uint8_t type, const uint64_t *val)
{
    if (type == VTD_INV_DESC_PIOTLB) {
        invalidate_pasid(n, val);
        return;
    }
    /*
     * A page-selective one names a second-stage address.  Of what first
     * stages made, it takes out all (VT-d specification, 6.5.2.4).
     */
    if ((val[0] & VTD_INV_DESC_IOTLB_G) == VTD_INV_DESC_IOTLB_GLOBAL) {
        invalidate_global(n);
        vtd_nested_work(n, g_hash_table_size(n->hwpts) / MARKS_A_UNIT);
    } else {
        invalidate_domain(n, VTD_INV_DESC_IOTLB_DID(val[0]));
        vtd_nested_work(n, g_hash_table_size(n->tags) / MARKS_A_UNIT);
    }
}

static bool inv_desc(VTDNested *n, uint8_t type, const uint64_t val[4])
{
    vtd_nested_count_descriptor(n);
    switch (type) {
    case VTD_INV_DESC_PC:
        return invalidate_pasid_cache(n, val);
    case VTD_INV_DESC_PIOTLB:
    case VTD_INV_DESC_IOTLB:
        vtd_nested_collect(n, type, val);
        return true;
    default:
        return true;
    }
}

bool vtd_nested_do_inv_desc(IntelIOMMUState *s, uint8_t type,
                            const uint64_t val[4])
{
    bool ok;

    assert(bql_locked() && vtd_nested_is_held(s->nest));
    ok = inv_desc(s->nest, type, val);
    if (!s->nested_batch) {
        vtd_nested_inv_flush(s);
    }
    return ok;
}

void vtd_nested_iotlb_reg(IntelIOMMUState *s, uint64_t granularity,
                          uint16_t domain_id)
{
    if (!s->nest) {
        return;
    }
    if (granularity == VTD_TLB_GLOBAL_FLUSH) {
        invalidate_global(s->nest);
    } else {
        invalidate_domain(s->nest, domain_id);
    }
    vtd_nested_inv_flush(s);
}

/* Sending */

static bool hwpt_send(VTDNestedHwpt *hwpt, uint32_t *num, const void *entries,
                      Error **errp)
{
    uint32_t want = *num;
    bool ok;

    ok = iommufd_backend_invalidate_hwpt(hwpt->stage1.iommufd, hwpt->id,
                                         IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
                                         sizeof(S1Invalidate), num, entries,
                                         errp);
    trace_vtd_nested_inv_send(hwpt->id, want, *num);
    hwpt->nested->counters.invalidations++;
    hwpt->nested->counters.invalidation_entries += want;
    vtd_nested_work(hwpt->nested, want);
    return ok;
}

/* Return: false if the kernel refused. */
static bool hwpt_send_all(VTDNestedHwpt *hwpt, Error **errp)
{
    VTDNested *n = hwpt->nested;
    unsigned width = hwpt->stage1.addr_width;
    S1Invalidate inv[2];
    uint32_t num;

    n->counters.full_flushes++;
    if (vtd_nested_kernel_replaces(n, width)) {
        return vtd_nested_hwpt_renew(hwpt, errp);
    }
    num = vtd_nested_kernel_all(n, width, inv);
    return hwpt_send(hwpt, &num, inv, errp);
}

/* In parts if the kernel stops half-way, as long as it gets on. */
static bool hwpt_send_pending(VTDNestedHwpt *hwpt)
{
    const S1Invalidate *entries = (void *)hwpt->pending->data;
    uint32_t left = hwpt->pending->len;

    while (left) {
        uint32_t num = left;
        bool ok = hwpt_send(hwpt, &num, entries, NULL);

        if (ok) {
            return true;
        }
        if (!num) {
            return false;
        }
        entries += num;
        left -= num;
    }
    return true;
}

static void hwpt_block(VTDNestedHwpt *hwpt, Error *err)
{
    VTDNestedAttach *at, *next;

    /* Each one blocked drops a reference, the last one the HWPT. */
    QLIST_FOREACH_SAFE(at, &hwpt->attaches, hwpt_next, next) {
        vtd_nested_attach_block(at, error_copy(err));
    }
    error_free(err);
}

static void hwpt_flush(VTDNestedHwpt *hwpt)
{
    bool failed = hwpt->has_failed ||
                  (!hwpt->pending_all && !hwpt_send_pending(hwpt));
    bool all = hwpt->pending_all || failed;
    Error *err = NULL;

    g_array_set_size(hwpt->pending, 0);
    hwpt->pending_all = hwpt->has_failed = false;
    if (all && !hwpt_send_all(hwpt, NULL)) {
        failed = true;
        if (!hwpt_send_all(hwpt, &err)) {
            vtd_nested_event_inv_failed(hwpt, true);
            hwpt_block(hwpt, err);
            return;
        }
    }
    if (failed) {
        vtd_nested_event_inv_failed(hwpt, false);
    }
}

/* Whoever is blocked leaves the HWPT, and the last one takes it along. */
static void hwpt_flush_and_put(VTDNestedHwpt *hwpt)
{
    hwpt->is_busy = true;
    hwpt_flush(hwpt);
    hwpt->is_busy = false;
    vtd_nested_hwpt_put(hwpt);
}

/*
 * The thread sends, no more: a new HWPT, or devices that are blocked, are for the
 * main loop, to which all of the stage 1 is left.
 *
 * Return: false if it is.
 */
static bool hwpt_flush_in_thread(VTDNestedHwpt *hwpt)
{
    unsigned width = hwpt->stage1.addr_width;

    if (hwpt->has_failed || (hwpt->pending_all &&
                             vtd_nested_kernel_replaces(hwpt->nested, width))) {
        return false;
    }
    if (hwpt->pending_all ? hwpt_send_all(hwpt, NULL)
                          : hwpt_send_pending(hwpt)) {
        g_array_set_size(hwpt->pending, 0);
        hwpt->pending_all = false;
        return true;
    }
    vtd_nested_iotlb_all(hwpt);
    hwpt->has_failed = true;
    return false;
}

void vtd_nested_do_inv_flush(IntelIOMMUState *s)
{
    VTDNested *n = s->nest;
    VTDNestedHwpt *hwpt;
    bool in_thread = vtd_nested_in_thread(n);

    assert(vtd_nested_is_held(n));
    while ((hwpt = QSIMPLEQ_FIRST(&n->dirty))) {
        if (!vtd_nested_may_work(n)) {
            return;
        }
        if (in_thread && !hwpt_flush_in_thread(hwpt)) {
            return;
        }
        QSIMPLEQ_REMOVE_HEAD(&n->dirty, dirty_next);
        hwpt->is_dirty = false;
        if (!in_thread) {
            hwpt_flush_and_put(hwpt);
        }
    }
    /*
     * A device that is told to try again must not find what was just flushed.
     * Answers are given with the BQL, and written before it is let go of.
     */
    if (!in_thread) {
        vtd_nested_prq_flush(n);
    }
}

void vtd_nested_iotlb_forget(VTDNestedHwpt *hwpt)
{
    if (hwpt->is_dirty) {
        hwpt->is_dirty = false;
        QSIMPLEQ_REMOVE(&hwpt->nested->dirty, hwpt, VTDNestedHwpt, dirty_next);
    }
}
