/*
 * Intel VT-d, nested=on: invalidations reach the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One IOMMU_HWPT_INVALIDATE a nested HWPT, with an array, before the wait
 * descriptor that the guest spins on completes.  Where the kernel refuses even
 * an invalidation of everything, the devices concerned end blocked: nothing
 * stale outlives the wait.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/trace.h"

typedef struct iommu_hwpt_vtd_s1_invalidate S1Invalidate;

static bool hwpt_send(VTDNestedHwpt *hwpt, uint32_t *num, const void *entries,
                      Error **errp)
{
    uint32_t want = *num;
    bool ok;

    ok = iommufd_backend_invalidate_cache(hwpt->stage1.iommufd, hwpt->id,
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
        return vtd_nested_attach_renew_all(hwpt, errp);
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
 * The thread sends, no more: a new HWPT, or devices that are blocked, are for
 * the main loop, to which all of the stage 1 is left.
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

void vtd_nested_inv_flush(IntelIOMMUState *s)
{
    VTDNested *n = s->ext.nest;
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
        vtd_nested_fault_queue_flush(n);
    }
}
