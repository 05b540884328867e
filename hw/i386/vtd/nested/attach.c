/*
 * Intel VT-d, nested=on: the host's state of one (device, PASID)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It follows what want.c read in the guest's tables.  Where the host refuses,
 * the device, or the PASID, ends blocked with a fault record.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qapi/error.h"
#include "internal.h"
#include "hw/i386/vtd/trace.h"
#include "hw/i386/vtd/spec.h"

/* Making it so */

static const char *nested_target_name(VTDNestedTarget target)
{
    static const char *const names[] = {
        [VTD_NESTED_BLOCKED] = "blocked",
        [VTD_NESTED_STAGE2] = "stage 2",
        [VTD_NESTED_STAGE1] = "stage 1",
        [VTD_NESTED_SHADOW] = "shadow",
    };

    return names[target];
}

/* Drops what the attach holds.  The kernel's state has moved on already. */
static void attach_release(VTDNestedAttach *at)
{
    VTDNestedHwpt *hwpt = at->hwpt;

    if (at->shadow) {
        vtd_nested_shadow_unlink(at);
    }
    if (!hwpt) {
        return;
    }
    vtd_nested_fault_queue_leave(at);
    QLIST_REMOVE(at, tag_next);
    vtd_nested_tag_put(at->dev->nested, at->tag);
    at->tag = NULL;
    QLIST_REMOVE(at, hwpt_next);
    at->hwpt = NULL;
    vtd_nested_hwpt_put(hwpt);
}

uint32_t vtd_nested_attach_hwpt_id(const VTDNestedAttach *at)
{
    switch (at->target) {
    case VTD_NESTED_STAGE1:
        return at->hwpt->id;
    case VTD_NESTED_STAGE2:
        return at->dev->idev->hwpt_id;
    case VTD_NESTED_SHADOW:
        return at->shadow->ioas_id;
    default:
        return 0;
    }
}

static void attach_settle(VTDNestedAttach *at, VTDNestedTarget target)
{
    at->target = target;
    at->dev->nested->counters.moves++;
    vtd_nested_work(at->dev->nested, 1);
    if (target != VTD_NESTED_BLOCKED) {
        at->fault = 0;
        at->cause = at->told = VTD_NESTED_CAUSE_NONE;
    }
    trace_vtd_nested_attach(vtd_nested_device_sid(at->dev), at->pasid,
                            nested_target_name(target),
                            vtd_nested_attach_hwpt_id(at));
}

static void attach_detach(VTDNestedAttach *at)
{
    host_iommu_device_iommufd_detach_hwpt(at->dev->idev, at->pasid);
    attach_release(at);
    attach_settle(at, VTD_NESTED_BLOCKED);
}

/*
 * Once when the state is entered, not at each invalidation that leaves it as
 * it is: one bad device would drown the faults of the others.
 */
static void record_fault(VTDNestedAttach *at, int fault)
{
    bool is_pasid = at->pasid != IOMMUFD_NO_PASID;

    if (fault && fault != at->fault) {
        if (vtd_core_report_fault(at->dev->nested->iommu, fault, at->fpd,
                                  vtd_nested_device_sid(at->dev), 0, false,
                                  is_pasid, is_pasid ? at->pasid : 0)) {
            at->dev->nested->counters.faults++;
        } else {
            /* Still to be recorded, should the guest turn that on. */
            fault = 0;
        }
    }
    at->fault = fault;
}

static const char *const cause_texts[] = {
    [VTD_NESTED_CAUSE_LEGACY] =
        "the guest runs the vIOMMU in legacy mode, which legacy=block does not "
        "serve; leave that out, or boot the guest with scalable mode (Linux: "
        "intel_iommu=on,sm_on)",
    [VTD_NESTED_CAUSE_TABLES] =
        "its root, context or PASID table is malformed",
    [VTD_NESTED_CAUSE_STAGE2] =
        "its PASID entry asks for second-stage translation, which the vIOMMU "
        "does not offer; the guest must use first-stage tables",
    [VTD_NESTED_CAUSE_WIDTH] =
        "its PASID entry asks for a first-stage paging mode that the vIOMMU "
        "does not offer",
    [VTD_NESTED_CAUSE_PGTT] =
        "its PASID entry asks for an unknown translation type",
    [VTD_NESTED_CAUSE_PT] =
        "its PASID entry asks for pass-through, which pt=off does not offer",
    [VTD_NESTED_CAUSE_PASIDS] =
        "it has more PASID entries than are followed for one device ("
        stringify(VTD_NESTED_MAX_PASIDS) ")",
    [VTD_NESTED_CAUSE_HWPTS] =
        "the guest has as many first-stage tables in use as the vIOMMU allows "
        "(max-hwpts)",
    [VTD_NESTED_CAUSE_HOST] = "the host refused",
    [VTD_NESTED_CAUSE_SHADOW] = "its second-stage table cannot be followed",
};

void vtd_nested_report_cause(VTDNestedDevice *dev, VTDNestedCause cause,
                             Error *err)
{
    if (cause == VTD_NESTED_CAUSE_NONE || dev->reported & BIT(cause)) {
        error_free(err);
        return;
    }
    dev->reported |= BIT(cause);
    if (err) {
        error_reportf_err(err, "intel-iommu: the DMA of device %s is blocked: "
                          "%s: ", dev->idev->parent_obj.name,
                          cause_texts[cause]);
    } else {
        error_report("intel-iommu: the DMA of device %s is blocked: %s",
                     dev->idev->parent_obj.name, cause_texts[cause]);
    }
}

/*
 * Like a fault, it is news only when it changes; and it is none where the guest
 * had the fault suppressed, which @fault was not recorded for.
 */
static void settle_cause(VTDNestedAttach *at, VTDNestedCause cause, int fault)
{
    at->cause = cause;
    if (fault && !at->fault) {
        return;
    }
    if (cause != VTD_NESTED_CAUSE_NONE && cause != at->told) {
        vtd_nested_event_blocked(at);
    }
    at->told = cause;
}

static void attach_block(VTDNestedAttach *at, VTDNestedCause cause, int fault,
                         Error *err)
{
    vtd_nested_report_cause(at->dev, cause, err);
    attach_detach(at);
    record_fault(at, fault);
    settle_cause(at, cause, fault);
}

void vtd_nested_attach_block(VTDNestedAttach *at, Error *err)
{
    const IntelIOMMUState *s = at->dev->nested->iommu;
    bool legacy = s->dmar_enabled && !s->root_scalable;

    attach_block(at, VTD_NESTED_CAUSE_HOST,
                 legacy ? VTD_FR_CONTEXT_ENTRY_INV : VTD_SM_PASID_INV, err);
}

void vtd_nested_attach_block_shadow(VTDNestedAttach *at, Error *err)
{
    attach_block(at, VTD_NESTED_CAUSE_SHADOW, VTD_FR_CONTEXT_ENTRY_INV, err);
}

static void sync_blocked(VTDNestedAttach *at, const VTDNestedWant *want)
{
    vtd_nested_report_cause(at->dev, want->cause, NULL);
    if (at->target != VTD_NESTED_BLOCKED) {
        attach_detach(at);
    }
    record_fault(at, want->fault);
    settle_cause(at, want->cause, want->fault);
}

static void sync_stage2(VTDNestedAttach *at)
{
    Error *err = NULL;

    if (at->target == VTD_NESTED_STAGE2) {
        return;
    }
    if (!host_iommu_device_iommufd_attach_hwpt(at->dev->idev, at->pasid,
                                               at->dev->idev->hwpt_id, &err)) {
        vtd_nested_attach_block(at, err);
        return;
    }
    attach_release(at);
    attach_settle(at, VTD_NESTED_STAGE2);
}

/* Attaches to the shared HWPT, or where that one does not suit, to an own. */
static VTDNestedHwpt *stage1_attach(VTDNestedAttach *at, VTDNestedStage1 *s1,
                                    Error **errp)
{
    ERRP_GUARD();
    VTDNestedHwpt *hwpt;
    bool shared;

    do {
        hwpt = vtd_nested_hwpt_get(at->dev, s1, errp);
        if (!hwpt) {
            return NULL;
        }
        if (host_iommu_device_iommufd_attach_hwpt(at->dev->idev, at->pasid,
                                                  hwpt->id, errp)) {
            return hwpt;
        }
        shared = !QLIST_EMPTY(&hwpt->attaches) && !s1->only;
        vtd_nested_hwpt_put(hwpt);
        if (shared) {
            s1->only = at->dev;
            error_free(*errp);
            *errp = NULL;
        }
    } while (shared);
    return NULL;
}

static bool stage1_unchanged(VTDNestedAttach *at, const VTDNestedWant *want)
{
    const VTDNestedStage1 *old = &at->hwpt->stage1, *new = &want->stage1;

    return old->pgtbl_addr == new->pgtbl_addr &&
           old->addr_width == new->addr_width && old->flags == new->flags &&
           old->page_requests == new->page_requests;
}

/*
 * The guest's hardware tags what it caches with domain-id and PASID, the host's
 * with the HWPT.  A request under a tag that is new to the HWPT must not meet
 * what was cached under others: nobody is obliged to invalidate that by the new
 * tag, and the old one may be in nobody's entry any more.
 */
static void attach_retag(VTDNestedAttach *at, const VTDNestedWant *want)
{
    VTDNested *n = at->dev->nested;
    VTDNestedTag *old = at->tag;

    at->tag = vtd_nested_tag_get(n, want->domain_id, want->pasid);
    if (at->tag == old) {
        return;
    }
    if (old || QLIST_NEXT(QLIST_FIRST(&at->hwpt->attaches), hwpt_next)) {
        vtd_nested_iotlb_all(at->hwpt);
    }
    if (old) {
        QLIST_REMOVE(at, tag_next);
        vtd_nested_tag_put(n, old);
    }
    QLIST_INSERT_HEAD(&at->tag->attaches, at, tag_next);
}

/*
 * The kernel answers the page requests that are outstanding on the old HWPT,
 * and forgets their cookies.
 */
static void attach_renew(VTDNestedAttach *at)
{
    Error *err = NULL;

    vtd_nested_work(at->dev->nested, 1);
    vtd_nested_fault_queue_leave(at);
    if (!host_iommu_device_iommufd_attach_hwpt(at->dev->idev, at->pasid,
                                               at->hwpt->id, &err)) {
        vtd_nested_attach_block(at, err);
        return;
    }
    vtd_nested_fault_queue_join(at);
}

bool vtd_nested_attach_renew_all(VTDNestedHwpt *hwpt, Error **errp)
{
    VTDNestedAttach *at = QLIST_FIRST(&hwpt->attaches), *next;
    uint32_t old;

    assert(hwpt->is_busy);
    if (!at) {
        /* With no device on it, nothing of it is cached. */
        return true;
    }
    old = vtd_nested_hwpt_replace(hwpt, at->dev, errp);
    if (!old) {
        return false;
    }
    QLIST_FOREACH_SAFE(at, &hwpt->attaches, hwpt_next, next) {
        attach_renew(at);
    }
    iommufd_backend_free_id(hwpt->stage1.iommufd, old);
    return true;
}

static void sync_stage1(VTDNestedAttach *at, VTDNestedWant *want)
{
    VTDNestedHwpt *hwpt;
    Error *err = NULL;

    if (at->target == VTD_NESTED_STAGE1 && stage1_unchanged(at, want)) {
        attach_retag(at, want);
        return;
    }
    if (!vtd_nested_hwpt_has_room(at, &want->stage1)) {
        vtd_nested_want_fault(want, VTD_SM_PASID_INV,
                              VTD_NESTED_CAUSE_HWPTS);
        sync_blocked(at, want);
        return;
    }

    hwpt = stage1_attach(at, &want->stage1, &err);
    if (!hwpt) {
        vtd_nested_attach_block(at, err);
        return;
    }
    attach_release(at);
    at->hwpt = hwpt;
    QLIST_INSERT_HEAD(&hwpt->attaches, at, hwpt_next);
    vtd_nested_fault_queue_join(at);
    attach_retag(at, want);
    attach_settle(at, VTD_NESTED_STAGE1);
}

/*
 * What the table says is in the IOAS before the device is; what changes in it
 * afterwards comes by invalidations.
 */
static void sync_shadow(VTDNestedAttach *at, const VTDNestedWant *want)
{
    VTDNestedShadow *shadow;
    Error *err = NULL;

    if (at->shadow && vtd_nested_shadow_is(at->shadow, &want->stage2)) {
        return;
    }
    shadow = vtd_nested_shadow_get(at->dev->nested, &want->stage2, &err);
    if (!shadow) {
        vtd_nested_attach_block_shadow(at, err);
        return;
    }
    if (!host_iommu_device_iommufd_attach_hwpt(at->dev->idev, at->pasid,
                                               shadow->ioas_id, &err)) {
        vtd_nested_shadow_put(shadow);
        vtd_nested_attach_block(at, err);
        return;
    }
    attach_release(at);
    vtd_nested_shadow_link(shadow, at);
    attach_settle(at, VTD_NESTED_SHADOW);
}

void vtd_nested_attach_sync(VTDNestedAttach *at)
{
    VTDNestedWant want;

    vtd_nested_work(at->dev->nested, 1);
    vtd_nested_want(at, &want);
    at->last = want;
    at->fpd = want.fpd;
    switch (want.target) {
    case VTD_NESTED_BLOCKED:
        sync_blocked(at, &want);
        break;
    case VTD_NESTED_STAGE2:
        sync_stage2(at);
        break;
    case VTD_NESTED_STAGE1:
        sync_stage1(at, &want);
        break;
    case VTD_NESTED_SHADOW:
        sync_shadow(at, &want);
        break;
    }
}

VTDNestedAttach *vtd_nested_attach_new(VTDNestedDevice *dev, uint32_t pasid)
{
    VTDNestedAttach *at = g_new0(VTDNestedAttach, 1);

    at->dev = dev;
    at->pasid = pasid;
    /* VFIO attaches the requester ID to stage 2, and PASIDs to nothing. */
    at->target = pasid == IOMMUFD_NO_PASID ? VTD_NESTED_STAGE2
                                           : VTD_NESTED_BLOCKED;
    g_hash_table_insert(dev->attaches, GUINT_TO_POINTER(pasid), at);
    return at;
}

void vtd_nested_attach_free(gpointer v)
{
    VTDNestedAttach *at = v;

    /* Of the requester ID VFIO may know more than we. */
    if (at->target != VTD_NESTED_BLOCKED || at->pasid == IOMMUFD_NO_PASID) {
        attach_detach(at);
    }
    g_free(at);
}

VTDNestedAttach *vtd_nested_device_attach(VTDNestedDevice *dev, uint32_t pasid)
{
    return g_hash_table_lookup(dev->attaches, GUINT_TO_POINTER(pasid));
}
