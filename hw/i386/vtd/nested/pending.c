/*
 * Intel VT-d, nested=on: invalidations that were not sent yet
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Of each nested HWPT: ranges in the guest's order, or everything.
 */

#include "qemu/osdep.h"
#include "internal.h"

typedef struct iommu_hwpt_vtd_s1_invalidate S1Invalidate;

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

void vtd_nested_iotlb_range(VTDNestedHwpt *hwpt,
                            const struct iommu_hwpt_vtd_s1_invalidate *inv)
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

void vtd_nested_iotlb_forget(VTDNestedHwpt *hwpt)
{
    if (hwpt->is_dirty) {
        hwpt->is_dirty = false;
        QSIMPLEQ_REMOVE(&hwpt->nested->dirty, hwpt, VTDNestedHwpt, dirty_next);
    }
}
