/*
 * Intel VT-d, nested=on: what a manager is told
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_bus.h"
#include "qapi/qapi-events-intel-iommu.h"
#include "internal.h"

VtdNestedReason vtd_nested_reason(VTDNestedCause cause)
{
    switch (cause) {
    case VTD_NESTED_CAUSE_NONE:
        return VTD_NESTED_REASON_NOT_PRESENT;
    case VTD_NESTED_CAUSE_LEGACY:
        return VTD_NESTED_REASON_LEGACY_MODE;
    case VTD_NESTED_CAUSE_TABLES:
        return VTD_NESTED_REASON_MALFORMED_TABLE;
    case VTD_NESTED_CAUSE_STAGE2:
        return VTD_NESTED_REASON_SECOND_STAGE;
    case VTD_NESTED_CAUSE_WIDTH:
        return VTD_NESTED_REASON_PAGING_MODE;
    case VTD_NESTED_CAUSE_PGTT:
    case VTD_NESTED_CAUSE_PT:
        return VTD_NESTED_REASON_TRANSLATION_TYPE;
    case VTD_NESTED_CAUSE_PASIDS:
        return VTD_NESTED_REASON_OTHER;     /* is no attach's */
    case VTD_NESTED_CAUSE_HWPTS:
        return VTD_NESTED_REASON_TOO_MANY_TABLES;
    case VTD_NESTED_CAUSE_HOST:
        return VTD_NESTED_REASON_HOST_REFUSED;
    case VTD_NESTED_CAUSE_SHADOW:
        return VTD_NESTED_REASON_SHADOW_FAILED;
    }
    return VTD_NESTED_REASON_OTHER;
}

const char *vtd_nested_iommufd_name(IOMMUFDBackend *be)
{
    return object_get_canonical_path_component(OBJECT(be));
}

char *vtd_nested_device_path(const VTDNestedDevice *dev)
{
    return object_get_canonical_path(OBJECT(dev->bus->devices[dev->devfn]));
}

void vtd_nested_event_blocked(const VTDNestedAttach *at)
{
    bool has_pasid = at->pasid != IOMMUFD_NO_PASID;
    g_autofree char *path = vtd_nested_device_path(at->dev);

    at->dev->nested->counters.blocks++;
    qapi_event_send_intel_iommu_dma_blocked(path,
                                            at->dev->idev->parent_obj.name,
                                            has_pasid,
                                            has_pasid ? at->pasid : 0,
                                            vtd_nested_reason(at->cause));
}

void vtd_nested_event_inv_failed(const VTDNestedHwpt *hwpt, bool blocked)
{
    qapi_event_send_intel_iommu_invalidation_failed(
        vtd_nested_iommufd_name(hwpt->stage1.iommufd), hwpt->id, blocked);
}
