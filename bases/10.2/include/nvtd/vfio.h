/*
 * Nested VT-d on QEMU 10.2: VFIO as hw/vfio/iommufd/ sees it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef NVTD_VFIO_H
#define NVTD_VFIO_H

#include <linux/vfio.h>
#include "hw/vfio/vfio-device.h"
#include "hw/vfio/vfio-helpers.h"
#include "hw/vfio/vfio-iommufd.h"
#include "hw/vfio/vfio-listener.h"
#include "nvtd/base.h"

#define TYPE_HOST_IOMMU_DEVICE_IOMMUFD_VFIO \
            TYPE_HOST_IOMMU_DEVICE_IOMMUFD "-vfio"

/* hw/vfio/iommufd/map.c */
int vfio_iommufd_dma_map(const VFIOContainer *bcontainer, hwaddr iova,
                         uint64_t size, void *vaddr, bool readonly,
                         MemoryRegion *mr);
int vfio_iommufd_dma_unmap(const VFIOContainer *bcontainer, hwaddr iova,
                           uint64_t size, IOMMUTLBEntry *iotlb, bool unmap_all);

static inline void nvtd_vfio_class_init(VFIOIOMMUClass *vioc)
{
    vioc->dma_map = vfio_iommufd_dma_map;
    vioc->dma_unmap = vfio_iommufd_dma_unmap;
}

/* Drop the host device that vfio_device_hiod_create_and_realize() made. */
static inline void nvtd_vfio_hiod_drop(VFIODevice *vbasedev)
{
    object_unref(vbasedev->hiod);
    vbasedev->hiod = NULL;
}

static inline void nvtd_vfio_note_vtd(HostIOMMUDevice *hiod,
                                      const struct iommu_hw_info_vtd *vtd)
{
    hiod->caps.vendor_caps.vtd = *vtd;
}

#endif
