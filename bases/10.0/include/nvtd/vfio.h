/*
 * Nested VT-d on QEMU 10.0: VFIO as hw/vfio/iommufd/ sees it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The names are those of QEMU 10.2.
 */

#ifndef NVTD_VFIO_H
#define NVTD_VFIO_H

#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "exec/ramblock.h"
#include "hw/vfio/vfio-common.h"
#include "migration/blocker.h"
#include "nvtd/base.h"

#define VFIOContainer               VFIOContainerBase
#define vfio_address_space_get      vfio_get_address_space
#define vfio_address_space_put      vfio_put_address_space

static inline ram_addr_t qemu_ram_get_fd_offset(RAMBlock *rb)
{
    return rb->fd_offset;
}

/* hw/vfio/iommufd/map.c */
int vfio_iommufd_dma_map(const VFIOContainerBase *bcontainer, hwaddr iova,
                         uint64_t size, void *vaddr, bool readonly,
                         MemoryRegion *mr);
int vfio_iommufd_dma_unmap(const VFIOContainerBase *bcontainer, hwaddr iova,
                           uint64_t size, IOMMUTLBEntry *iotlb, bool unmap_all);

static inline int nvtd_vfio_dma_map(const VFIOContainerBase *bcontainer,
                                    hwaddr iova, ram_addr_t size, void *vaddr,
                                    bool readonly)
{
    return vfio_iommufd_dma_map(bcontainer, iova, size, vaddr, readonly, NULL);
}

static inline int nvtd_vfio_dma_unmap(const VFIOContainerBase *bcontainer,
                                      hwaddr iova, ram_addr_t size,
                                      IOMMUTLBEntry *iotlb)
{
    return vfio_iommufd_dma_unmap(bcontainer, iova, size, iotlb, false);
}

static inline void nvtd_vfio_class_init(VFIOIOMMUClass *vioc)
{
    vioc->dma_map = nvtd_vfio_dma_map;
    vioc->dma_unmap = nvtd_vfio_dma_unmap;
    vioc->hiod_typename = TYPE_HOST_IOMMU_DEVICE_IOMMUFD_VFIO;
}

/* VFIO made the host device, and drops it. */
static inline bool vfio_device_hiod_create_and_realize(VFIODevice *vbasedev,
                                                       const char *name,
                                                       Error **errp)
{
    return vfio_device_hiod_realize(vbasedev, errp);
}

static inline void nvtd_vfio_hiod_drop(VFIODevice *vbasedev)
{
}

static inline void nvtd_vfio_note_vtd(HostIOMMUDevice *hiod,
                                      const struct iommu_hw_info_vtd *vtd)
{
}

static inline void vfio_device_prepare(VFIODevice *vbasedev,
                                       VFIOContainerBase *bcontainer,
                                       struct vfio_device_info *info)
{
    vbasedev->num_irqs = info->num_irqs;
    vbasedev->num_regions = info->num_regions;
    vbasedev->flags = info->flags;
    vbasedev->reset_works = info->flags & VFIO_DEVICE_FLAGS_RESET;
    vbasedev->group = NULL;
    vbasedev->bcontainer = bcontainer;
    QLIST_INSERT_HEAD(&bcontainer->device_list, vbasedev, container_next);
    QLIST_INSERT_HEAD(&vfio_device_list, vbasedev, global_next);
}

static inline void vfio_device_unprepare(VFIODevice *vbasedev)
{
    QLIST_REMOVE(vbasedev, global_next);
    QLIST_REMOVE(vbasedev, container_next);
    vbasedev->bcontainer = NULL;
}

static inline bool vfio_listener_register(VFIOContainerBase *bcontainer,
                                          Error **errp)
{
    bcontainer->listener = vfio_memory_listener;
    memory_listener_register(&bcontainer->listener, bcontainer->space->as);
    /* Whoever called gives the listener up. */
    error_propagate(errp, bcontainer->error);
    return !bcontainer->error;
}

static inline void vfio_listener_unregister(VFIOContainerBase *bcontainer)
{
    memory_listener_unregister(&bcontainer->listener);
}

static inline bool
vfio_iommufd_cpr_register_container(VFIOIOMMUFDContainer *container,
                                    Error **errp)
{
    return vfio_cpr_register_container(VFIO_IOMMU(container), errp);
}

static inline void
vfio_iommufd_cpr_unregister_container(VFIOIOMMUFDContainer *container)
{
    vfio_cpr_unregister_container(VFIO_IOMMU(container));
}

/*
 * QEMU 10.0 does not hand an iommufd to its successor, and has migration mode
 * cpr-transfer all the same.
 */
static inline bool vfio_iommufd_cpr_register_iommufd(IOMMUFDBackend *be,
                                                     Error **errp)
{
    error_setg(&be->cpr_blocker, "an iommufd cannot be handed to another "
               "QEMU: use another migration mode than cpr-transfer");
    return !migrate_add_blocker_modes(&be->cpr_blocker, errp,
                                      MIG_MODE_CPR_TRANSFER, -1);
}

static inline void vfio_iommufd_cpr_unregister_device(VFIODevice *vbasedev)
{
}

static inline void vfio_iommufd_cpr_unregister_iommufd(IOMMUFDBackend *be)
{
    migrate_del_blocker(&be->cpr_blocker);
}

#endif
