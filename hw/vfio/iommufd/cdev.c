/*
 * VFIO on iommufd: a device's file, and its way into a container and out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/chardev_open.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "hw/vfio/pci.h"
#include "hw/vfio/trace.h"
#include "trace.h"
#include "internal.h"

/* Return: the name of the only vfioN in @dir, or NULL. */
static char *cdev_find_name(const char *dir, Error **errp)
{
    g_autoptr(GError) gerr = NULL;
    g_autoptr(GDir) entries = g_dir_open(dir, 0, &gerr);
    const char *name;

    if (!entries) {
        error_setg(errp, "%s; is the device bound to vfio-pci, and has the "
                   "host kernel CONFIG_VFIO_DEVICE_CDEV?", gerr->message);
        return NULL;
    }
    while ((name = g_dir_read_name(entries))) {
        if (g_str_has_prefix(name, "vfio")) {
            return g_strdup(name);
        }
    }
    error_setg(errp, "no vfioN in %s", dir);
    return NULL;
}

/* Open the character device that sysfs names for the device. */
static int cdev_open(VFIODevice *vbasedev, Error **errp)
{
    ERRP_GUARD();
    g_autoptr(GError) gerr = NULL;
    g_autofree char *dir = g_strdup_printf("%s/vfio-dev", vbasedev->sysfsdev);
    g_autofree char *name = NULL;
    g_autofree char *numbers_path = NULL;
    g_autofree char *numbers = NULL;
    g_autofree char *node = NULL;
    unsigned int dev_major, dev_minor;
    int fd = -1;

    name = cdev_find_name(dir, errp);
    if (!name) {
        goto out_prepend;
    }
    numbers_path = g_build_filename(dir, name, "dev", NULL);
    if (!g_file_get_contents(numbers_path, &numbers, NULL, &gerr)) {
        error_setg(errp, "%s", gerr->message);
        goto out_prepend;
    }
    if (sscanf(numbers, "%u:%u", &dev_major, &dev_minor) != 2) {
        error_setg(errp, "%s holds '%s' instead of major:minor", numbers_path,
                   g_strchomp(numbers));
        goto out_prepend;
    }

    node = g_build_filename("/dev/vfio/devices", name, NULL);
    fd = open_cdev(node, makedev(dev_major, dev_minor));
    trace_iommufd_cdev_getfd(node, fd);
    if (fd >= 0) {
        return fd;
    }
    error_setg_errno(errp, errno, "cannot open %s as character device %u:%u",
                     node, dev_major, dev_minor);

out_prepend:
    error_prepend(errp, VFIO_MSG_PREFIX, dir);
    return -1;
}

/*
 * Linux 6.17 appended a token to the struct; QEMU's headers are older.  argsz
 * says which of the two it is.
 */
#ifndef VFIO_DEVICE_BIND_FLAG_TOKEN
#define VFIO_DEVICE_BIND_FLAG_TOKEN (1 << 0)
#endif

typedef struct VFIOBind {
    uint32_t argsz;
    uint32_t flags;
    int32_t iommufd;
    uint32_t out_devid;
    uint64_t token_uuid_ptr;    /* to the 16 bytes, as the text has them */
} VFIOBind;

/* Return: the token that a VF shares with its PF's driver, or NULL. */
static const QemuUUID *device_token(const VFIODevice *vbasedev)
{
    const VFIOPCIDevice *vdev;

    if (vbasedev->type != VFIO_DEVICE_TYPE_PCI) {
        return NULL;
    }
    vdev = container_of(vbasedev, VFIOPCIDevice, vbasedev);
    return qemu_uuid_is_null(&vdev->vf_token) ? NULL : &vdev->vf_token;
}

static void set_token_error(int err, bool has_token, Error **errp)
{
    if (err == EACCES && has_token) {
        error_setg(errp, "vf-token is not the token that the PF and its VFs "
                   "have now");
    } else if (err == EACCES) {
        error_setg(errp, "the device requires a vf-token: it is a VF whose PF "
                   "is bound to vfio-pci, or such a PF with VFs in use");
    } else {
        error_setg(errp, "vf-token was refused");
        error_append_hint(errp, "Linux takes it with an iommufd from 6.17 on, "
                          "and only for a VF whose PF is bound to vfio-pci, or "
                          "such a PF; leave vf-token out otherwise\n");
    }
}

static void set_bind_error(VFIODevice *vbasedev, IOMMUFDBackend *be, int err,
                           Error **errp)
{
    ERRP_GUARD();
    bool has_token = device_token(vbasedev);

    if (err == EACCES || (err == EINVAL && has_token)) {
        set_token_error(err, has_token, errp);
        error_prepend(errp, "VFIO_DEVICE_BIND_IOMMUFD failed: ");
        return;
    }
    error_setg_errno(errp, err, "VFIO_DEVICE_BIND_IOMMUFD failed (device fd "
                     "%d, iommufd fd %d)", vbasedev->fd, be->fd);
    if (err == EPERM) {
        error_append_hint(errp, "The host must remap interrupts: enable it in "
                          "its firmware, and boot without intremap=off\n");
    }
}

/*
 * KVM learns of the device before it is bound: some drivers look for their VM
 * when the kernel opens the device, which is at the bind.
 */
static bool cdev_bind(VFIODevice *vbasedev, Error **errp)
{
    IOMMUFDBackend *be = vbasedev->iommufd;
    const QemuUUID *token = device_token(vbasedev);
    VFIOBind cmd = { .argsz = offsetof(VFIOBind, token_uuid_ptr) };
    int ret;

    if (!iommufd_backend_connect(be, errp)) {
        return false;
    }
    if (vfio_kvm_device_add_fd(vbasedev->fd, errp)) {
        goto out_disconnect;
    }

    cmd.iommufd = be->fd;
    if (token) {
        cmd.argsz = sizeof(cmd);
        cmd.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
        cmd.token_uuid_ptr = (uintptr_t)token->data;
    }
    ret = iommufd_backend_call(be, IOMMUFD_IOCTL_BIND, vbasedev->fd, &cmd);
    if (ret) {
        trace_vfio_iommufd_bind_failed(be->fd, vbasedev->name, vbasedev->fd,
                                       -ret);
        set_bind_error(vbasedev, be, -ret, errp);
        goto out_kvm_del;
    }
    vbasedev->devid = cmd.out_devid;
    trace_iommufd_cdev_connect_and_bind(be->fd, vbasedev->name, vbasedev->fd,
                                        vbasedev->devid);
    return true;

out_kvm_del:
    if (vfio_kvm_device_fd >= 0) {
        vfio_kvm_device_del_fd(vbasedev->fd, NULL);
    }
out_disconnect:
    iommufd_backend_disconnect(be);
    return false;
}

/* There is no unbind ioctl: closing the device's file unbinds it. */
static void cdev_unbind(VFIODevice *vbasedev)
{
    Error *err = NULL;

    /* Without KVM nothing was added. */
    if (vfio_kvm_device_fd >= 0 &&
        vfio_kvm_device_del_fd(vbasedev->fd, &err)) {
        error_report_err(err);
    }
    iommufd_backend_disconnect(vbasedev->iommufd);
}

static void cdev_close(VFIODevice *vbasedev)
{
    close(vbasedev->fd);
    vbasedev->fd = -1;
}

static bool cdev_read_info(VFIODevice *vbasedev, struct vfio_device_info *info,
                           Error **errp)
{
    if (ioctl(vbasedev->fd, VFIO_DEVICE_GET_INFO, info)) {
        error_setg_errno(errp, errno, "VFIO_DEVICE_GET_INFO failed");
        return false;
    }
    trace_iommufd_cdev_device_info(vbasedev->name, vbasedev->fd,
                                   info->num_irqs, info->num_regions,
                                   info->flags);
    return true;
}

/* May the device be in @as?  A nesting vIOMMU may refuse it. */
static bool cdev_check_nesting(VFIODevice *vbasedev, AddressSpace *as,
                               Error **errp)
{
    IOMMUFDNesting *nesting = iommufd_nesting_find(as);

    if (!nesting) {
        return true;
    }
    if (vbasedev->mdev) {
        error_setg(errp, "a mediated device cannot be used with a nesting "
                   "vIOMMU: no IOMMU of the host translates its DMA");
        return false;
    }
    return nesting->check(nesting, HOST_IOMMU_DEVICE_IOMMUFD(vbasedev->hiod),
                          errp);
}

/* Publish: nothing can fail any more. */
static void cdev_enter(VFIODevice *vbasedev, VFIOContainer *bcontainer,
                       struct vfio_device_info *info)
{
    /* Only now, so that no page goes away while the container is filled. */
    if (vbasedev->ram_block_discard_allowed) {
        ram_block_uncoordinated_discard_disable(false);
    }
    if (vbasedev->hwpt) {
        HOST_IOMMU_DEVICE_IOMMUFD(vbasedev->hiod)->hwpt_id =
            vbasedev->hwpt->hwpt_id;
    }
    vfio_device_prepare(vbasedev, bcontainer, info);
}

static bool cdev_attach_device(const char *name, VFIODevice *vbasedev,
                               AddressSpace *as, Error **errp)
{
    struct vfio_device_info info = { .argsz = sizeof(info) };
    VFIOIOMMUFDContainer *container;
    VFIOAddressSpace *space;

    if (vbasedev->fd < 0) {
        vbasedev->fd = cdev_open(vbasedev, errp);
        if (vbasedev->fd < 0) {
            return false;
        }
    }
    if (!cdev_bind(vbasedev, errp)) {
        goto out_close;
    }
    /* IOMMU_GET_HW_INFO takes the device ID, hence not earlier. */
    if (!vfio_device_hiod_create_and_realize(vbasedev,
                                    TYPE_HOST_IOMMU_DEVICE_IOMMUFD_VFIO,
                                             errp)) {
        goto out_unbind;
    }
    if (!cdev_check_nesting(vbasedev, as, errp) ||
        !vfio_iommufd_group_check(vbasedev, as, errp) ||
        !cdev_read_info(vbasedev, &info, errp)) {
        goto out_drop_hiod;
    }

    space = vfio_address_space_get(as);
    container = vfio_iommufd_container_join(vbasedev, space, errp);
    if (!container) {
        goto out_put_space;
    }
    cdev_enter(vbasedev, VFIO_IOMMU(container), &info);
    return true;

out_put_space:
    vfio_address_space_put(space);
out_drop_hiod:
    nvtd_vfio_hiod_drop(vbasedev);
out_unbind:
    cdev_unbind(vbasedev);
out_close:
    cdev_close(vbasedev);
    return false;
}

static void cdev_detach_device(VFIODevice *vbasedev)
{
    VFIOContainer *bcontainer = vbasedev->bcontainer;
    VFIOAddressSpace *space = bcontainer->space;

    vfio_device_unprepare(vbasedev);
    nvtd_vfio_hiod_drop(vbasedev);
    vfio_iommufd_container_leave(vbasedev, vfio_iommufd_container(bcontainer));
    vfio_address_space_put(space);
    vfio_iommufd_cpr_unregister_device(vbasedev);
    cdev_unbind(vbasedev);
    cdev_close(vbasedev);
}

static void vfio_iommufd_class_init(ObjectClass *oc, NVTDClassData *data)
{
    VFIOIOMMUClass *vioc = VFIO_IOMMU_CLASS(oc);

    vioc->attach_device = cdev_attach_device;
    vioc->detach_device = cdev_detach_device;
    vioc->set_dirty_page_tracking = vfio_iommufd_set_dirty_tracking;
    vioc->query_dirty_bitmap = vfio_iommufd_query_dirty_bitmap;
    vioc->pci_hot_reset = vfio_iommufd_pci_hot_reset;
    nvtd_vfio_class_init(vioc);
}

static const TypeInfo vfio_iommufd_types[] = {
    {
        .name = TYPE_VFIO_IOMMU_IOMMUFD,
        .parent = TYPE_VFIO_IOMMU,
        .instance_size = sizeof(VFIOIOMMUFDContainer),
        .class_init = vfio_iommufd_class_init,
    },
};

DEFINE_TYPES(vfio_iommufd_types)
