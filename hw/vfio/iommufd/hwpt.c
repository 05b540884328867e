/*
 * VFIO on iommufd: the HWPTs of a container
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All HWPTs of a container mirror one IOAS.  There is more than one only if
 * the devices sit behind IOMMUs that cannot share a page table.
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/vfio/trace.h"
#include "internal.h"

typedef enum HwptShare {
    HWPT_SHARED,        /* the device is attached to an existing HWPT */
    HWPT_NONE_FITS,     /* a new one is needed */
    HWPT_SHARE_FAILED,  /* the device cannot be attached, @errp says why */
} HwptShare;

static bool hwpt_nests(const VFIOIOASHwpt *hwpt)
{
    return hwpt->hwpt_flags & IOMMU_HWPT_ALLOC_NEST_PARENT;
}

/* The last step of every success; vfio_iommufd_hwpt_put() is the undo. */
static void hwpt_publish(VFIODevice *vbasedev, VFIOIOASHwpt *hwpt)
{
    vbasedev->hwpt = hwpt;
    vbasedev->iommu_dirty_tracking = vfio_iommufd_hwpt_tracks_dirty(hwpt);
    QLIST_INSERT_HEAD(&hwpt->device_list, vbasedev, hwpt_next);
}

static HwptShare hwpt_share(VFIODevice *vbasedev,
                            VFIOIOMMUFDContainer *container, Error **errp)
{
    bool nests = vfio_iommufd_container_nests(container);
    VFIOIOASHwpt *hwpt;

    QLIST_FOREACH(hwpt, &container->hwpt_list, next) {
        int ret;

        if (hwpt_nests(hwpt) != nests) {
            continue;
        }
        ret = vfio_iommufd_attach_pt(vbasedev, IOMMUFD_NO_PASID,
                                     hwpt->hwpt_id);
        if (!ret) {
            hwpt_publish(vbasedev, hwpt);
            return HWPT_SHARED;
        }
        /* EINVAL: the HWPT belongs to an incompatible IOMMU. */
        if (ret != -EINVAL) {
            vfio_iommufd_attach_error(IOMMUFD_NO_PASID, hwpt->hwpt_id, ret,
                                      errp);
            return HWPT_SHARE_FAILED;
        }
    }
    return HWPT_NONE_FITS;
}

static uint32_t hwpt_wanted_flags(VFIODevice *vbasedev,
                                  const VFIOIOMMUFDContainer *container)
{
    const IOMMUFDNesting *nesting =
        iommufd_nesting_find(VFIO_IOMMU(container)->space->as);
    uint32_t flags = 0;

    if (nesting) {
        flags |= IOMMU_HWPT_ALLOC_NEST_PARENT |
                 (nesting->pasid ? IOMMUFD_HWPT_ALLOC_PASID : 0);
    }
    /*
     * Requested even if the device tracks its writes itself: that is known
     * only when migration is set up, and an HWPT cannot be changed later.  A
     * nest parent knows what is written through the nested HWPTs on it.
     */
    if (vbasedev->hiod->caps.hw_caps & IOMMU_HW_CAP_DIRTY_TRACKING) {
        flags |= IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
    }
    return flags;
}

static VFIOIOASHwpt *hwpt_new(VFIODevice *vbasedev,
                              VFIOIOMMUFDContainer *container, Error **errp)
{
    ERRP_GUARD();
    IOMMUFDHwptAlloc alloc = {
        .dev_id = vbasedev->devid,
        .pt_id = container->ioas_id,
        .flags = hwpt_wanted_flags(vbasedev, container),
        .data_type = IOMMU_HWPT_DATA_NONE,
    };
    uint32_t hwpt_id;
    VFIOIOASHwpt *hwpt;

    if (!iommufd_backend_alloc_hwpt(container->be, &alloc, &hwpt_id, errp)) {
        error_prepend(errp, "no %s page table: ",
                      alloc.flags & IOMMU_HWPT_ALLOC_NEST_PARENT ?
                      "nest parent (stage-2)" : "host IOMMU");
        return NULL;
    }

    hwpt = g_new0(VFIOIOASHwpt, 1);
    hwpt->hwpt_id = hwpt_id;
    hwpt->hwpt_flags = alloc.flags;
    QLIST_INIT(&hwpt->device_list);
    QLIST_INSERT_HEAD(&container->hwpt_list, hwpt, next);
    return hwpt;
}

static void hwpt_free(VFIOIOMMUFDContainer *container, VFIOIOASHwpt *hwpt)
{
    QLIST_REMOVE(hwpt, next);
    iommufd_backend_free_id(container->be, hwpt->hwpt_id);
    g_free(hwpt);
}

static void hwpt_note_dirty_support(VFIODevice *vbasedev,
                                    VFIOContainer *bcontainer)
{
    if (vbasedev->iommu_dirty_tracking) {
        bcontainer->dirty_pages_supported = true;
    } else if (bcontainer->dirty_pages_supported) {
        warn_report("%s: its IOMMU has no dirty tracking, while that of other "
                    "devices does: its pages count as dirty during migration",
                    vbasedev->name);
    }
}

bool vfio_iommufd_hwpt_get(VFIODevice *vbasedev,
                           VFIOIOMMUFDContainer *container, Error **errp)
{
    uint32_t pt_id = container->ioas_id;
    VFIOIOASHwpt *hwpt = NULL;
    int ret;

    if (!vbasedev->mdev) {
        HwptShare share = hwpt_share(vbasedev, container, errp);

        if (share != HWPT_NONE_FITS) {
            return share == HWPT_SHARED;
        }
        hwpt = hwpt_new(vbasedev, container, errp);
        if (!hwpt) {
            return false;
        }
        pt_id = hwpt->hwpt_id;
    }

    ret = vfio_iommufd_attach_pt(vbasedev, IOMMUFD_NO_PASID, pt_id);
    if (ret) {
        vfio_iommufd_attach_error(IOMMUFD_NO_PASID, pt_id, ret, errp);
        goto out_free_hwpt;
    }
    if (hwpt) {
        hwpt_publish(vbasedev, hwpt);
        hwpt_note_dirty_support(vbasedev, VFIO_IOMMU(container));
    }
    return true;

out_free_hwpt:
    if (hwpt) {
        hwpt_free(container, hwpt);
    }
    return false;
}

/*
 * Does not use vbasedev->hiod, which is already freed at the last detach.  The
 * nested HWPTs belong to the vIOMMU, which destroyed them when the device was
 * unset.
 */
void vfio_iommufd_hwpt_put(VFIODevice *vbasedev,
                           VFIOIOMMUFDContainer *container)
{
    VFIOIOASHwpt *hwpt = vbasedev->hwpt;

    vfio_iommufd_detach_pt(vbasedev, IOMMUFD_NO_PASID);
    if (!hwpt) {
        return;
    }
    QLIST_REMOVE(vbasedev, hwpt_next);
    vbasedev->hwpt = NULL;
    vbasedev->iommu_dirty_tracking = false;
    if (QLIST_EMPTY(&hwpt->device_list)) {
        hwpt_free(container, hwpt);
    }
}
