/*
 * VFIO on iommufd: reset of a whole PCI bus or slot
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A hot reset takes several devices.  The kernel lists them, and says whether
 * all of them belong to the caller's iommufd; only then it will reset.
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/vfio.h>
#include "qemu/error-report.h"
#include "hw/qdev-core.h"
#include "hw/vfio/pci.h"
#include "hw/vfio/trace.h"
#include "internal.h"

typedef struct vfio_pci_dependent_device DependentDevice;

/*
 * Return: the realized vfio-pci device of this QEMU that @dep stands for, NULL
 * if it is @self or not ours.  IDs are valid on one iommufd only, so that the
 * iommufd has to match as well.
 */
static VFIOPCIDevice *reset_find_other(const DependentDevice *dep,
                                       const VFIODevice *self)
{
    VFIODevice *vbasedev;

    if (dep->devid == VFIO_PCI_DEVID_OWNED || dep->devid == self->devid) {
        return NULL;
    }
    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        if (vbasedev->iommufd == self->iommufd &&
            vbasedev->devid == dep->devid) {
            break;
        }
    }
    if (!vbasedev || vbasedev->type != VFIO_DEVICE_TYPE_PCI ||
        !vbasedev->dev->realized) {
        return NULL;
    }
    return container_of(vbasedev, VFIOPCIDevice, vbasedev);
}

static void reset_report_foreign(const VFIOPCIDevice *vdev,
                                 const struct vfio_pci_hot_reset_info *info)
{
    for (uint32_t i = 0; i < info->count; i++) {
        const DependentDevice *dep = &info->devices[i];

        if (dep->devid == VFIO_PCI_DEVID_NOT_OWNED) {
            error_report("vfio: Cannot reset device %s: host device "
                         "%04x:%02x:%02x.%x would be reset with it, but is "
                         "not this VM's", vdev->vbasedev.name, dep->segment,
                         dep->bus, PCI_SLOT(dep->devfn), PCI_FUNC(dep->devfn));
        }
    }
}

/* Quiesce the others.  Return: how many there are. */
static unsigned int reset_prepare_others(const VFIODevice *self,
                                  const struct vfio_pci_hot_reset_info *info,
                                         bool single)
{
    unsigned int others = 0;

    for (uint32_t i = 0; i < info->count; i++) {
        const DependentDevice *dep = &info->devices[i];
        VFIOPCIDevice *other = reset_find_other(dep, self);

        trace_iommufd_cdev_pci_hot_reset_dep_devices(dep->segment, dep->bus,
                                                     PCI_SLOT(dep->devfn),
                                                     PCI_FUNC(dep->devfn),
                                                     dep->devid);
        if (!other) {
            continue;
        }
        others++;
        if (!single) {
            vfio_pci_pre_reset(other);
            other->vbasedev.needs_reset = false;
        }
    }
    return others;
}

static void reset_resume_others(const VFIODevice *self,
                                const struct vfio_pci_hot_reset_info *info)
{
    for (uint32_t i = 0; i < info->count; i++) {
        VFIOPCIDevice *other = reset_find_other(&info->devices[i], self);

        if (other) {
            vfio_pci_post_reset(other);
        }
    }
}

/*
 * @single is for a device that is reset alone: then nobody else's may be
 * affected.  Otherwise somebody else's should be, or else the caller could
 * have used the device's own reset.
 */
static int reset_bus(VFIOPCIDevice *vdev, bool single,
                     const struct vfio_pci_hot_reset_info *info)
{
    VFIODevice *self = &vdev->vbasedev;
    /* No group files: the iommufd the device is bound to is the credential. */
    struct vfio_pci_hot_reset cmd = { .argsz = sizeof(cmd) };
    unsigned int others;
    int ret = 0;

    if (!(info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID)) {
        error_report("vfio: Cannot reset device %s: the kernel lists groups "
                     "instead of iommufd device IDs (flags 0x%x)", self->name,
                     info->flags);
        return -EINVAL;
    }
    if (!(info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED)) {
        if (!vdev->has_pm_reset) {
            reset_report_foreign(vdev, info);
        }
        return -EPERM;
    }

    trace_vfio_pci_hot_reset_has_dep_devices(self->name);
    others = reset_prepare_others(self, info, single);
    if (single == (others > 0)) {
        return -EINVAL;
    }

    if (ioctl(self->fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd)) {
        ret = -errno;
    }
    trace_vfio_pci_hot_reset_result(self->name,
                                    ret ? strerror(-ret) : "Success");
    reset_resume_others(self, info);
    return ret;
}

int vfio_iommufd_pci_hot_reset(VFIODevice *vbasedev, bool single)
{
    VFIOPCIDevice *vdev = container_of(vbasedev, VFIOPCIDevice, vbasedev);
    g_autofree struct vfio_pci_hot_reset_info *info = NULL;
    int ret;

    trace_vfio_pci_hot_reset(vbasedev->name, single ? "one" : "multi");

    if (!single) {
        vfio_pci_pre_reset(vdev);
    }
    vbasedev->needs_reset = false;

    ret = vfio_pci_get_pci_hot_reset_info(vdev, &info);
    if (!ret) {
        ret = reset_bus(vdev, single, info);
    }

    if (!single) {
        vfio_pci_post_reset(vdev);
    }
    return ret;
}
