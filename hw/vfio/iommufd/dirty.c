/*
 * VFIO on iommufd: dirty tracking by the IOMMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "internal.h"

bool vfio_iommufd_hwpt_tracks_dirty(const VFIOIOASHwpt *hwpt)
{
    return hwpt->hwpt_flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
}

int vfio_iommufd_set_dirty_tracking(const VFIOContainer *bcontainer,
                                    bool start, Error **errp)
{
    VFIOIOMMUFDContainer *container = vfio_iommufd_container(bcontainer);
    VFIOIOASHwpt *hwpt, *failed;

    QLIST_FOREACH(hwpt, &container->hwpt_list, next) {
        if (vfio_iommufd_hwpt_tracks_dirty(hwpt) &&
            !iommufd_backend_set_dirty_tracking(container->be, hwpt->hwpt_id,
                                                start, errp)) {
            goto out_undo;
        }
    }
    return 0;

out_undo:
    /* All of them or none; if this fails too, there is nothing left to try. */
    failed = hwpt;
    QLIST_FOREACH(hwpt, &container->hwpt_list, next) {
        if (hwpt == failed) {
            break;
        }
        if (vfio_iommufd_hwpt_tracks_dirty(hwpt)) {
            iommufd_backend_set_dirty_tracking(container->be, hwpt->hwpt_id,
                                               !start, NULL);
        }
    }
    return -EINVAL;
}

/* The bitmaps of the HWPTs add up in @vbmap: the kernel only sets bits. */
int vfio_iommufd_query_dirty_bitmap(const VFIOContainer *bcontainer,
                                    VFIOBitmap *vbmap, hwaddr iova,
                                    hwaddr size, Error **errp)
{
    VFIOIOMMUFDContainer *container = vfio_iommufd_container(bcontainer);
    uint64_t *data = (uint64_t *)vbmap->bitmap;
    VFIOIOASHwpt *hwpt;

    if (vfio_iommufd_is_unmapped(container, iova, size)) {
        return 0;
    }
    QLIST_FOREACH(hwpt, &container->hwpt_list, next) {
        if (vfio_iommufd_hwpt_tracks_dirty(hwpt) &&
            !iommufd_backend_get_dirty_bitmap(container->be, hwpt->hwpt_id,
                                              iova, size,
                                              qemu_real_host_page_size(),
                                              data, errp)) {
            return -EINVAL;
        }
    }
    return 0;
}
