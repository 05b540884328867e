/*
 * VFIO on iommufd: the host's IOMMU group of a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host cannot tell the DMA of a group's devices apart, so that the kernel
 * gives them one page table: to replace one device's replaces all (Linux,
 * drivers/iommu/iommufd/device.c).  Where a guest chooses a table for each
 * device, the last choice would hold for all of them.
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "internal.h"

/* By its file: a device passed by fd= has no other name. */
int vfio_iommufd_group_of(const VFIODevice *vbasedev)
{
    g_autofree char *link = NULL;
    g_autofree char *path = NULL;
    g_autofree char *name = NULL;
    struct stat st;
    int group;

    if (fstat(vbasedev->fd, &st)) {
        return -1;
    }
    link = g_strdup_printf("/sys/dev/char/%u:%u/device/iommu_group",
                           major(st.st_rdev), minor(st.st_rdev));
    path = g_file_read_link(link, NULL);
    if (!path) {
        return -1;
    }
    name = g_path_get_basename(path);
    return qemu_strtoi(name, NULL, 10, &group) ? -1 : group;
}

static int group_known(const VFIODevice *vbasedev)
{
    return HOST_IOMMU_DEVICE_IOMMUFD(vbasedev->hiod)->group;
}

static bool group_check_other(const VFIODevice *vbasedev,
                              const VFIODevice *other, Error **errp)
{
    int group = group_known(vbasedev), group_other = group_known(other);

    if (group < 0 || group_other < 0) {
        error_setg(errp, "cannot tell if it is in an IOMMU group with %s: "
                   "sysfs does not show the group of %s", other->name,
                   group < 0 ? "the former" : "the latter");
        error_append_hint(errp, "A nesting vIOMMU must know: mount /sys where "
                          "QEMU runs, or pass through one device\n");
        return false;
    }
    if (group == group_other) {
        error_setg(errp, "shares IOMMU group %d of the host with %s, which "
                   "this VM has too: the host has one page table for the "
                   "group, a nesting vIOMMU requires one for each device",
                   group, other->name);
        error_append_hint(errp, "Pass through one device of the group only\n");
        return false;
    }
    return true;
}

bool vfio_iommufd_group_check(const VFIODevice *vbasedev, AddressSpace *as,
                              Error **errp)
{
    bool nests = iommufd_nesting_find(as);
    const VFIODevice *other;

    if (vbasedev->mdev) {
        return true;
    }
    /* A group on two iommufds is refused by the kernel. */
    QLIST_FOREACH(other, &vfio_device_list, global_next) {
        if (other->iommufd == vbasedev->iommufd && !other->mdev &&
            (nests || iommufd_nesting_find(other->bcontainer->space->as)) &&
            !group_check_other(vbasedev, other, errp)) {
            return false;
        }
    }
    return true;
}
