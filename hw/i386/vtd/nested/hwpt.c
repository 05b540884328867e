/*
 * Intel VT-d, nested=on: nested HWPTs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A nested HWPT is a guest stage-1 table as the kernel knows it.  Devices
 * whose PASID entries name the same table, with the same width and flags, on
 * the same stage 2, share one: an invalidation then goes out once.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "internal.h"
#include "hw/i386/vtd/trace.h"

static guint stage1_hash(gconstpointer v)
{
    const VTDNestedStage1 *s1 = v;

    return g_int64_hash(&s1->pgtbl_addr) ^ g_direct_hash(s1->only);
}

static gboolean stage1_equal(gconstpointer a, gconstpointer b)
{
    const VTDNestedStage1 *x = a, *y = b;

    return x->pgtbl_addr == y->pgtbl_addr &&
           x->flags == y->flags &&
           x->addr_width == y->addr_width &&
           x->page_requests == y->page_requests &&
           x->stage2_hwpt_id == y->stage2_hwpt_id &&
           x->iommufd == y->iommufd &&
           x->only == y->only;
}

void vtd_nested_hwpts_init(VTDNested *n)
{
    n->hwpts = g_hash_table_new(stage1_hash, stage1_equal);
}

static bool hwpt_alloc(VTDNestedDevice *dev, const VTDNestedStage1 *stage1,
                       const VTDNestedFaultQueue *faults, uint32_t *id,
                       Error **errp)
{
    struct iommu_hwpt_vtd_s1 data = {
        .flags = stage1->flags,
        .pgtbl_addr = stage1->pgtbl_addr,
        .addr_width = stage1->addr_width,
    };
    IOMMUFDHwptAlloc alloc = {
        .dev_id = dev->idev->devid,
        .pt_id = stage1->stage2_hwpt_id,
        .flags = dev->nested->nesting.pasid ? IOMMUFD_HWPT_ALLOC_PASID : 0,
        .data_type = IOMMU_HWPT_DATA_VTD_S1,
        .data_len = sizeof(data),
        .data = &data,
    };

    if (faults) {
        alloc.flags |= IOMMU_HWPT_FAULT_ID_VALID;
        alloc.fault_id = vtd_nested_fault_queue_id(faults);
    }
    return iommufd_backend_alloc_hwpt(stage1->iommufd, &alloc, id, errp);
}

/*
 * Each takes a domain-id of the host's IOMMU, of which there are 65,536 at most
 * for all that the host runs, and some of the kernel's memory.
 */
bool vtd_nested_hwpt_has_room(const VTDNestedAttach *at,
                              const VTDNestedStage1 *stage1)
{
    GHashTable *hwpts = at->dev->nested->hwpts;
    const VTDNestedHwpt *old = at->hwpt;
    unsigned number = g_hash_table_size(hwpts);

    if (old && !QLIST_NEXT(QLIST_FIRST(&old->attaches), hwpt_next)) {
        number--;
    }
    return number < at->dev->nested->iommu->ext.nested_max_hwpts ||
           g_hash_table_contains(hwpts, stage1);
}

VTDNestedHwpt *vtd_nested_hwpt_get(VTDNestedDevice *dev,
                                   const VTDNestedStage1 *stage1, Error **errp)
{
    VTDNested *n = dev->nested;
    VTDNestedHwpt *hwpt = g_hash_table_lookup(n->hwpts, stage1);
    VTDNestedFaultQueue *faults = NULL;
    uint32_t id;

    if (hwpt) {
        return hwpt;
    }
    /* One more is for a move; a device that can't share comes here unasked. */
    if (g_hash_table_size(n->hwpts) > n->iommu->ext.nested_max_hwpts) {
        error_setg(errp, "more than max-hwpts=%" PRIu32 " first-stage tables "
                   "in use", n->iommu->ext.nested_max_hwpts);
        return NULL;
    }
    vtd_nested_work(n, 1);
    if (stage1->page_requests) {
        faults = vtd_nested_fault_queue_get(dev, errp);
        if (!faults) {
            return NULL;
        }
    }
    if (!hwpt_alloc(dev, stage1, faults, &id, errp)) {
        vtd_nested_fault_queue_put(faults);
        return NULL;
    }

    hwpt = g_new0(VTDNestedHwpt, 1);
    hwpt->nested = n;
    hwpt->stage1 = *stage1;
    hwpt->id = id;
    hwpt->faults = faults;
    hwpt->pending = g_array_new(false, false,
                                sizeof(struct iommu_hwpt_vtd_s1_invalidate));
    QLIST_INIT(&hwpt->attaches);
    g_hash_table_insert(n->hwpts, &hwpt->stage1, hwpt);
    n->counters.hwpts++;
    trace_vtd_nested_hwpt_alloc(id, stage1->stage2_hwpt_id, stage1->pgtbl_addr,
                                stage1->addr_width, stage1->flags);
    return hwpt;
}

void vtd_nested_hwpt_put(VTDNestedHwpt *hwpt)
{
    if (!QLIST_EMPTY(&hwpt->attaches) || hwpt->is_busy) {
        return;
    }
    /* With no device on it, nothing of it is cached any more. */
    vtd_nested_iotlb_forget(hwpt);
    g_hash_table_remove(hwpt->nested->hwpts, &hwpt->stage1);
    iommufd_backend_free_id(hwpt->stage1.iommufd, hwpt->id);
    vtd_nested_work(hwpt->nested, 1);
    trace_vtd_nested_hwpt_free(hwpt->id);
    vtd_nested_fault_queue_put(hwpt->faults);
    g_array_free(hwpt->pending, true);
    g_free(hwpt);
}

uint32_t vtd_nested_hwpt_replace(VTDNestedHwpt *hwpt, VTDNestedDevice *dev,
                                 Error **errp)
{
    uint32_t old = hwpt->id;

    if (!hwpt_alloc(dev, &hwpt->stage1, hwpt->faults, &hwpt->id, errp)) {
        hwpt->id = old;
        return 0;
    }
    vtd_nested_work(hwpt->nested, 2);
    trace_vtd_nested_hwpt_renew(old, hwpt->id);
    hwpt->nested->counters.hwpts++;
    hwpt->nested->counters.replaced_hwpts++;
    return old;
}
