/*
 * Intel VT-d, nested=on: what a manager can ask
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/i386/x86-iommu.h"
#include "hw/pci/pci_bus.h"
#include "qapi/qapi-commands-intel-iommu.h"
#include "internal.h"
#include "thread.h"

static VtdNestedReason attach_reason(const VTDNestedAttach *at)
{
    switch (at->target) {
    case VTD_NESTED_BLOCKED:
        return vtd_nested_reason(at->cause);
    case VTD_NESTED_STAGE2:
        return at->dev->nested->iommu->dmar_enabled ?
               VTD_NESTED_REASON_PASS_THROUGH :
               VTD_NESTED_REASON_TRANSLATION_OFF;
    case VTD_NESTED_STAGE1:
        return VTD_NESTED_REASON_FIRST_STAGE;
    case VTD_NESTED_SHADOW:
        return VTD_NESTED_REASON_LEGACY_MODE;
    }
    return VTD_NESTED_REASON_OTHER;
}

static IommufdVtdStage1 *stage1_info(const VTDNestedStage1 *s1)
{
    return iommufd_vtd_stage1(s1->pgtbl_addr, s1->addr_width, s1->flags);
}

static VtdNestedAttachInfo *attach_info(const VTDNestedAttach *at)
{
    VtdNestedAttachInfo *info = g_new0(VtdNestedAttachInfo, 1);

    info->has_pasid = at->pasid != IOMMUFD_NO_PASID;
    info->pasid = info->has_pasid ? at->pasid : 0;
    info->target = (VtdNestedTarget)at->target;
    info->reason = attach_reason(at);
    info->has_page_table = at->target != VTD_NESTED_BLOCKED;
    info->page_table = vtd_nested_attach_hwpt_id(at);
    if (at->last.has_entry) {
        info->has_pgtt = info->has_domain_id = info->has_entry_pasid = true;
        info->pgtt = at->last.pgtt;
        info->domain_id = at->last.domain_id;
        info->entry_pasid = at->last.pasid;
    }
    if (at->hwpt) {
        info->stage1 = stage1_info(&at->hwpt->stage1);
    }
    if (at->shadow) {
        info->has_shadow_maps = true;
        info->shadow_maps = at->shadow->maps_nr;
    }
    info->fault = at->fault;
    return info;
}

static VtdNestedDeviceInfo *device_info(const VTDNestedDevice *dev)
{
    VtdNestedDeviceInfo *info = g_new0(VtdNestedDeviceInfo, 1);
    GHashTableIter iter;
    gpointer at;

    info->qom_path = vtd_nested_device_path(dev);
    info->host = g_strdup(dev->idev->parent_obj.name);
    info->sid = vtd_nested_device_sid(dev);
    info->iommufd = g_strdup(vtd_nested_iommufd_name(dev->idev->iommufd));
    info->stage2 = dev->idev->hwpt_id;
    info->host_cap = dev->idev->vtd.cap;
    info->host_ecap = dev->idev->vtd.ecap;
    g_hash_table_iter_init(&iter, dev->attaches);
    while (g_hash_table_iter_next(&iter, NULL, &at)) {
        QAPI_LIST_PREPEND(info->attaches, attach_info(at));
    }
    return info;
}

static VtdNestedHwptInfo *hwpt_info(const VTDNestedHwpt *hwpt)
{
    VtdNestedHwptInfo *info = g_new0(VtdNestedHwptInfo, 1);
    const VTDNestedAttach *at;

    info->id = hwpt->id;
    info->iommufd = g_strdup(vtd_nested_iommufd_name(hwpt->stage1.iommufd));
    info->stage2 = hwpt->stage1.stage2_hwpt_id;
    info->stage1 = stage1_info(&hwpt->stage1);
    info->pending = hwpt->pending_all ? 1 : hwpt->pending->len;
    QLIST_FOREACH(at, &hwpt->attaches, hwpt_next) {
        info->users++;
    }
    return info;
}

/* VT-d specification, 11.4.2 and 11.4.3 */
static VtdNestedCapabilityList *capabilities(const VTDNested *n)
{
    static const struct {
        const char *name;
        bool in_cap;
        unsigned bit;
    } fields[] = {
        { "CM", true, 7 }, { "FS1GP", true, 56 }, { "FS5LP", true, 60 },
        { "NEST", false, 26 }, { "PRS", false, 29 }, { "SRS", false, 31 },
        { "PASID", false, 40 }, { "SMTS", false, 43 }, { "SLTS", false, 46 },
        { "FLTS", false, 47 }, { "SMPWC", false, 48 },
    };
    bool any = g_hash_table_size(n->devices);
    VtdNestedCapabilityList *list = NULL;

    for (int i = ARRAY_SIZE(fields) - 1; i >= 0; i--) {
        VtdNestedCapability *cap = g_new0(VtdNestedCapability, 1);
        uint64_t bit = BIT_ULL(fields[i].bit);

        cap->name = g_strdup(fields[i].name);
        cap->has_host = any;
        cap->host = any &&
                    (fields[i].in_cap ? n->host_cap : n->host_ecap) & bit;
        cap->guest = (fields[i].in_cap ? n->iommu->cap : n->iommu->ecap) & bit;
        QAPI_LIST_PREPEND(list, cap);
    }
    return list;
}

static VtdNestedFlush flush_of(const VTDNested *n)
{
    if (vtd_nested_kernel_replaces(n, n->iommu->ext.fs5lp ? 57 : 48)) {
        return VTD_NESTED_FLUSH_REPLACE;
    }
    return n->host_flush == VTD_HOST_FLUSH_ALL ? VTD_NESTED_FLUSH_ALL
                                               : VTD_NESTED_FLUSH_RANGES;
}

static VtdNestedInfo *query(VTDNested *n)
{
    VtdNestedInfo *info = g_new0(VtdNestedInfo, 1);
    GHashTableIter iter;
    gpointer v;

    assert(bql_locked());
    vtd_nested_hold(n);
    info->qom_path = object_get_canonical_path(OBJECT(n->iommu));
    info->translation = n->iommu->dmar_enabled;
    info->cap = n->iommu->cap;
    info->ecap = n->iommu->ecap;
    info->capabilities = capabilities(n);
    info->flush = flush_of(n);
    info->page_selective = n->host_flush != VTD_HOST_FLUSH_COARSE;
    g_hash_table_iter_init(&iter, n->devices);
    while (g_hash_table_iter_next(&iter, &v, NULL)) {
        QAPI_LIST_PREPEND(info->devices, device_info(v));
    }
    g_hash_table_iter_init(&iter, n->hwpts);
    while (g_hash_table_iter_next(&iter, NULL, &v)) {
        QAPI_LIST_PREPEND(info->hwpts, hwpt_info(v));
    }
    info->work_left = n->queue.is_due;
    info->counters = g_memdup2(&n->counters, sizeof(n->counters));
    if (n->iommu->ext.nested_pri) {
        info->page_requests = g_memdup2(&n->page_requests,
                                        sizeof(n->page_requests));
        info->page_requests->outstanding = g_hash_table_size(n->groups);
    }
    vtd_nested_release(n);
    return info;
}

/* A machine has one vIOMMU at most. */
VtdNestedInfoList *qmp_x_query_intel_iommu_nested(Error **errp)
{
    VtdNestedInfoList *list = NULL;
    X86IOMMUState *x86 = x86_iommu_get_default();
    Object *unit = object_dynamic_cast(OBJECT(x86), TYPE_INTEL_IOMMU_DEVICE);

    if (unit && INTEL_IOMMU_DEVICE(unit)->ext.nest) {
        QAPI_LIST_PREPEND(list, query(INTEL_IOMMU_DEVICE(unit)->ext.nest));
    }
    return list;
}
