/*
 * VFIO on iommufd: the host device, as a vIOMMU sees it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/module.h"
#include "hw/pci/pci.h"
#include "internal.h"

/* Reads config space as the kernel shows it; 0 if it cannot be read. */
static uint32_t device_config_read(VFIODevice *vbasedev, uint64_t offset)
{
    uint32_t val;

    return pread(vbasedev->fd, &val, sizeof(val), offset) == sizeof(val)
           ? le32_to_cpu(val) : 0;
}

/*
 * Whether the host kernel enabled the device's page requests.  No ioctl
 * reports it; VFIO shows the PRI capability as the hardware has it.
 */
static bool device_requests_pages(VFIODevice *vbasedev)
{
    struct vfio_region_info config = {
        .argsz = sizeof(config),
        .index = VFIO_PCI_CONFIG_REGION_INDEX,
    };
    uint32_t at = PCI_CONFIG_SPACE_SIZE, header;
    int ttl = PCI_CONFIG_SPACE_SIZE;

    if (vbasedev->type != VFIO_DEVICE_TYPE_PCI ||
        ioctl(vbasedev->fd, VFIO_DEVICE_GET_REGION_INFO, &config)) {
        return false;
    }
    for (; at && ttl; at = PCI_EXT_CAP_NEXT(header), ttl--) {
        header = device_config_read(vbasedev, config.offset + at);
        if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_PRI) {
            return device_config_read(vbasedev, config.offset + at +
                                      PCI_PRI_CTRL) & PCI_PRI_CTRL_ENABLE;
        }
    }
    return false;
}

/* The device is bound, but not attached yet. */
static bool hiod_iommufd_vfio_realize(HostIOMMUDevice *hiod, void *opaque,
                                      Error **errp)
{
    HostIOMMUDeviceIOMMUFD *idev = HOST_IOMMU_DEVICE_IOMMUFD(hiod);
    VFIODevice *vbasedev = opaque;
    struct iommu_hw_info_vtd vtd = { };

    hiod->agent = vbasedev;
    if (!iommufd_backend_get_device_info(vbasedev->iommufd, vbasedev->devid,
                                         &hiod->caps.type, &vtd, sizeof(vtd),
                                         &hiod->caps.hw_caps,
                                         &idev->max_pasid_log2, errp)) {
        return false;
    }
    hiod->name = g_strdup(vbasedev->name);

    idev->iommufd = vbasedev->iommufd;
    idev->devid = vbasedev->devid;
    idev->group = vfio_iommufd_group_of(vbasedev);
    idev->page_requests = device_requests_pages(vbasedev);
    if (hiod->caps.type == IOMMU_HW_INFO_TYPE_INTEL_VTD) {
        idev->vtd.flags = vtd.flags;
        idev->vtd.cap = vtd.cap_reg;
        idev->vtd.ecap = vtd.ecap_reg;
        nvtd_vfio_note_vtd(hiod, &vtd);
    }
    return true;
}

static GList *hiod_iommufd_vfio_get_iova_ranges(HostIOMMUDevice *hiod)
{
    VFIODevice *vbasedev = hiod->agent;

    return vfio_container_get_iova_ranges(vbasedev->bcontainer);
}

static uint64_t hiod_iommufd_vfio_get_page_size_mask(HostIOMMUDevice *hiod)
{
    VFIODevice *vbasedev = hiod->agent;

    return vfio_container_get_page_size_mask(vbasedev->bcontainer);
}

static bool hiod_iommufd_vfio_attach(HostIOMMUDeviceIOMMUFD *idev,
                                     uint32_t pasid, uint32_t pt_id,
                                     Error **errp)
{
    ERRP_GUARD();
    VFIODevice *vbasedev = HOST_IOMMU_DEVICE(idev)->agent;
    int ret = vfio_iommufd_attach_pt(vbasedev, pasid, pt_id);

    if (ret) {
        vfio_iommufd_attach_error(pasid, pt_id, ret, errp);
        error_prepend(errp, "%s: ", vbasedev->name);
    }
    return !ret;
}

static void hiod_iommufd_vfio_detach(HostIOMMUDeviceIOMMUFD *idev,
                                     uint32_t pasid)
{
    vfio_iommufd_detach_pt(HOST_IOMMU_DEVICE(idev)->agent, pasid);
}

static void hiod_iommufd_vfio_class_init(ObjectClass *oc, NVTDClassData *data)
{
    HostIOMMUDeviceClass *hiodc = HOST_IOMMU_DEVICE_CLASS(oc);
    HostIOMMUDeviceIOMMUFDClass *idevc = HOST_IOMMU_DEVICE_IOMMUFD_CLASS(oc);

    hiodc->realize = hiod_iommufd_vfio_realize;
    hiodc->get_iova_ranges = hiod_iommufd_vfio_get_iova_ranges;
    hiodc->get_page_size_mask = hiod_iommufd_vfio_get_page_size_mask;
    idevc->attach_hwpt = hiod_iommufd_vfio_attach;
    idevc->detach_hwpt = hiod_iommufd_vfio_detach;
}

static const TypeInfo hiod_iommufd_vfio_types[] = {
    {
        .name = TYPE_HOST_IOMMU_DEVICE_IOMMUFD_VFIO,
        .parent = TYPE_HOST_IOMMU_DEVICE_IOMMUFD,
        .class_init = hiod_iommufd_vfio_class_init,
    },
};

DEFINE_TYPES(hiod_iommufd_vfio_types)
