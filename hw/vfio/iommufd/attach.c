/*
 * VFIO on iommufd: attach a device, or a PASID of it, to a page table
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/vfio/trace.h"
#include "trace.h"
#include "internal.h"

/*
 * Linux 6.15 appended a PASID to the structs of both ioctls; QEMU's headers
 * are older.  argsz says which of the two it is.
 */
#ifndef VFIO_DEVICE_ATTACH_PASID
#define VFIO_DEVICE_ATTACH_PASID (1 << 0)
#endif
#ifndef VFIO_DEVICE_DETACH_PASID
#define VFIO_DEVICE_DETACH_PASID (1 << 0)
#endif

typedef struct VFIOAttachPT {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pt_id;     /* in: IOAS or HWPT; out: the HWPT, IOAS if mediated */
    uint32_t pasid;
} VFIOAttachPT;

typedef struct VFIODetachPT {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pasid;
} VFIODetachPT;

int vfio_iommufd_attach_pt(VFIODevice *vbasedev, uint32_t pasid,
                           uint32_t pt_id)
{
    IOMMUFDBackend *be = vbasedev->iommufd;
    VFIOAttachPT cmd = {
        .argsz = offsetof(VFIOAttachPT, pasid),
        .pt_id = pt_id,
    };
    int ret;

    if (pasid != IOMMUFD_NO_PASID) {
        cmd.argsz = sizeof(cmd);
        cmd.flags = VFIO_DEVICE_ATTACH_PASID;
        cmd.pasid = pasid;
    }

    ret = iommufd_backend_call(be, IOMMUFD_IOCTL_ATTACH, vbasedev->fd, &cmd);
    trace_vfio_iommufd_attach_pt(be->fd, vbasedev->name, pasid, pt_id,
                                 cmd.pt_id, ret);
    if (!ret) {
        iommufd_backend_note_attach(be, vbasedev->devid, vbasedev->name,
                                    pasid, pt_id);
    }
    if (!ret && pasid == IOMMUFD_NO_PASID) {
        trace_iommufd_cdev_attach_ioas_hwpt(be->fd, vbasedev->name,
                                            vbasedev->fd, pt_id);
    }
    return ret;
}

void vfio_iommufd_detach_pt(VFIODevice *vbasedev, uint32_t pasid)
{
    IOMMUFDBackend *be = vbasedev->iommufd;
    VFIODetachPT cmd = { .argsz = offsetof(VFIODetachPT, pasid) };
    int ret;

    if (pasid != IOMMUFD_NO_PASID) {
        cmd.argsz = sizeof(cmd);
        cmd.flags = VFIO_DEVICE_DETACH_PASID;
        cmd.pasid = pasid;
    }

    ret = iommufd_backend_call(be, IOMMUFD_IOCTL_DETACH, vbasedev->fd, &cmd);
    trace_vfio_iommufd_detach_pt(be->fd, vbasedev->name, pasid, ret);
    if (ret) {
        /*
         * The kernel refuses malformed requests only; its own detach returns
         * nothing.  Closing the device's file detaches in any case.
         */
        error_report_once("%s: VFIO_DEVICE_DETACH_IOMMUFD_PT failed: %s",
                          vbasedev->name, strerror(-ret));
        return;
    }
    iommufd_backend_note_detach(be, vbasedev->devid, pasid);
    if (pasid == IOMMUFD_NO_PASID) {
        trace_iommufd_cdev_detach_ioas_hwpt(be->fd, vbasedev->name);
    }
}

void vfio_iommufd_attach_error(uint32_t pasid, uint32_t pt_id, int ret,
                               Error **errp)
{
    if (pasid == IOMMUFD_NO_PASID) {
        error_setg_errno(errp, -ret, "VFIO_DEVICE_ATTACH_IOMMUFD_PT failed "
                         "for page table %u", pt_id);
    } else {
        error_setg_errno(errp, -ret, "VFIO_DEVICE_ATTACH_IOMMUFD_PT failed "
                         "for PASID %u and page table %u", pasid, pt_id);
    }
}
