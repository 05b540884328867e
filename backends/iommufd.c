/*
 * iommufd: the ioctls of /dev/iommu and the object that owns the file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every ioctl goes through iommufd_backend_call(), which counts it; there is
 * no policy here.  Callers hold the BQL, but for IOMMU_HWPT_INVALIDATE, whose
 * callers exclude each other by a lock of their own: so the counters of an
 * ioctl have one writer at a time.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qom/object_interfaces.h"
#include "monitor/monitor.h"
#include "nvtd/vfio.h"
#include "system/iommufd.h"
#include "backends/iommufd/inject.h"
#include "backends/iommufd/objects.h"
#include "trace.h"
#include "backends/iommufd/trace.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#define DEV_IOMMU "/dev/iommu"
/* How often an ioctl is tried that ends with EINTR or EAGAIN */
#define IOMMUFD_TRIES 8

static const struct {
    const char *name;
    unsigned long request;
} iommufd_ioctls[IOMMUFD_IOCTL__MAX] = {
#define IOCTL(nr, request) [IOMMUFD_IOCTL_##nr] = { #request, request }
    IOCTL(DESTROY, IOMMU_DESTROY),
    IOCTL(IOAS_ALLOC, IOMMU_IOAS_ALLOC),
    IOCTL(IOAS_IOVA_RANGES, IOMMU_IOAS_IOVA_RANGES),
    IOCTL(IOAS_MAP, IOMMU_IOAS_MAP),
    IOCTL(IOAS_UNMAP, IOMMU_IOAS_UNMAP),
    IOCTL(HWPT_ALLOC, IOMMU_HWPT_ALLOC),
    IOCTL(GET_HW_INFO, IOMMU_GET_HW_INFO),
    IOCTL(HWPT_SET_DIRTY, IOMMU_HWPT_SET_DIRTY_TRACKING),
    IOCTL(HWPT_GET_DIRTY, IOMMU_HWPT_GET_DIRTY_BITMAP),
    IOCTL(HWPT_INVALIDATE, IOMMU_HWPT_INVALIDATE),
    IOCTL(FAULT_QUEUE_ALLOC, IOMMU_FAULT_QUEUE_ALLOC),
    IOCTL(IOAS_MAP_FILE, IOMMU_IOAS_MAP_FILE),
    IOCTL(BIND, VFIO_DEVICE_BIND_IOMMUFD),
    IOCTL(ATTACH, VFIO_DEVICE_ATTACH_IOMMUFD_PT),
    IOCTL(DETACH, VFIO_DEVICE_DETACH_IOMMUFD_PT),
#undef IOCTL
    [IOMMUFD_IOCTL_DMA_BUF] = { "VFIO_DEVICE_FEATURE_DMA_BUF",
                                VFIO_DEVICE_FEATURE },
    [IOMMUFD_IOCTL_FAULT_READ] = { "IOMMU_FAULT_QUEUE_READ" },
};

const char *iommufd_backend_ioctl_name(IOMMUFDIoctl nr)
{
    return iommufd_ioctls[nr].name;
}

static void count_failure(IOMMUFDBackend *be, IOMMUFDIoctl nr, int err)
{
    qatomic_set(&be->failures[nr], be->failures[nr] + 1);
    iommufd_objects_failed(be->objects, nr, err);
    trace_iommufd_backend_ioctl_failed(be->fd, iommufd_ioctls[nr].name, err);
}

static int iommufd_backend_call_once(IOMMUFDBackend *be, IOMMUFDIoctl nr,
                                     int fd, void *arg)
{
    int ret;

    qatomic_set(&be->calls[nr], be->calls[nr] + 1);
    ret = iommufd_inject_ioctl(be, nr, fd, iommufd_ioctls[nr].request, arg);
    if (ret < 0) {
        ret = -errno;
        count_failure(be, nr, -ret);
    }
    return ret;
}

/*
 * After EINTR and EAGAIN the kernel has undone its work, and a second try may
 * succeed.  An invalidation is the exception: the struct reports its progress,
 * which iommufd_backend_invalidate_cache() returns.
 */
int iommufd_backend_call(IOMMUFDBackend *be, IOMMUFDIoctl nr, int fd,
                         void *arg)
{
    unsigned tries = nr == IOMMUFD_IOCTL_HWPT_INVALIDATE ? 1 : IOMMUFD_TRIES;
    int ret;

    do {
        ret = iommufd_backend_call_once(be, nr, fd, arg);
    } while (--tries && (ret == -EINTR || ret == -EAGAIN));
    return ret;
}

/* The file */

bool iommufd_backend_connect(IOMMUFDBackend *be, Error **errp)
{
    ERRP_GUARD();

    if (be->owned && !be->users) {
        int fd = qemu_open(DEV_IOMMU, O_RDWR, errp);

        if (fd < 0) {
            error_append_hint(errp, "The host kernel needs CONFIG_IOMMUFD "
                              "(as a module: modprobe iommufd) and " DEV_IOMMU
                              " must be readable and writable; or pass an "
                              "open file to the iommufd object with fd=.\n");
            return false;
        }
        be->fd = fd;
    }
    if (!be->users && !vfio_iommufd_cpr_register_iommufd(be, errp)) {
        goto out_close;
    }
    be->users++;
    trace_iommufd_backend_connect(be->fd, be->owned, be->users);
    return true;

out_close:
    if (be->owned) {
        close(be->fd);
        be->fd = -1;
    }
    return false;
}

/*
 * Another QEMU could take the mappings over (IOMMU_IOAS_CHANGE_PROCESS) only
 * if it knew what of the guest's tables is attached where.  Not yet: a base
 * that has migration mode cpr-transfer blocks it.
 */
bool iommufd_change_process_capable(IOMMUFDBackend *be)
{
    return false;
}

bool iommufd_change_process(IOMMUFDBackend *be, Error **errp)
{
    error_setg(errp, "an iommufd cannot be handed to another QEMU: use another "
               "migration mode than cpr-transfer");
    return false;
}

void iommufd_backend_disconnect(IOMMUFDBackend *be)
{
    if (be->users && !--be->users) {
        vfio_iommufd_cpr_unregister_iommufd(be);
        if (be->owned) {
            close(be->fd);
            be->fd = -1;
            iommufd_objects_clear(be->objects);
        }
    }
    trace_iommufd_backend_disconnect(be->fd, be->users);
}

int iommufd_backend_try_free_id(IOMMUFDBackend *be, uint32_t id)
{
    struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_DESTROY, be->fd, &cmd);

    trace_iommufd_backend_free_id(be->fd, id, ret);
    if (!ret) {
        iommufd_objects_remove(be->objects, id);
    }
    return ret;
}

void iommufd_backend_free_id(IOMMUFDBackend *be, uint32_t id)
{
    int ret = iommufd_backend_try_free_id(be, id);

    if (ret) {
        /* EBUSY: something still refers to it, the caller's order is wrong */
        error_report_once("iommufd: object %u cannot be destroyed and is "
                          "leaked until the iommufd is closed: %s", id,
                          strerror(-ret));
    }
}

/* IOAS */

bool iommufd_backend_alloc_ioas(IOMMUFDBackend *be, uint32_t *ioas_id,
                                Error **errp)
{
    struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_IOAS_ALLOC, be->fd, &cmd);

    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_IOAS_ALLOC failed on fd %d",
                         be->fd);
        return false;
    }
    trace_iommufd_backend_alloc_ioas(be->fd, cmd.out_ioas_id);
    iommufd_objects_add_ioas(be->objects, cmd.out_ioas_id);
    *ioas_id = cmd.out_ioas_id;
    return true;
}

/* The kernel pins pages; VFIO's mapping of a BAR has none. */
static void iommufd_explain_map_failure(hwaddr iova, uint64_t size, int err)
{
    if (err == EFAULT) {
        /* A guest with a shadowed vIOMMU can cause it, hence once. */
        warn_report_once("IOMMU_IOAS_MAP cannot map 0x%" PRIx64 " bytes at "
                         "IOVA 0x%" HWADDR_PRIx " (a PCI BAR?): other "
                         "devices cannot reach it by DMA", (uint64_t)size,
                         iova);
    }
}

int iommufd_backend_map_dma(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                            uint64_t size, void *vaddr, bool readonly)
{
    struct iommu_ioas_map cmd = {
        .size = sizeof(cmd),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                 (readonly ? 0 : IOMMU_IOAS_MAP_WRITEABLE),
        .ioas_id = ioas_id,
        .iova = iova,
        .length = size,
        .user_va = (uintptr_t)vaddr,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_IOAS_MAP, be->fd, &cmd);

    trace_iommufd_backend_map_dma(be->fd, ioas_id, iova, size, vaddr, readonly,
                                  ret);
    if (ret) {
        iommufd_explain_map_failure(iova, size, -ret);
    } else {
        iommufd_objects_mapped(be->objects, ioas_id, size);
    }
    return ret;
}

int iommufd_backend_unmap_dma(IOMMUFDBackend *be, uint32_t ioas_id,
                              hwaddr iova, uint64_t size)
{
    struct iommu_ioas_unmap cmd = {
        .size = sizeof(cmd),
        .ioas_id = ioas_id,
        .iova = iova,
        .length = size,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_IOAS_UNMAP, be->fd, &cmd);

    if (ret == -ENOENT) {
        /*
         * The range is already empty.  VFIO's type1 returns success here, and
         * callers rely on it: a guest's flush covers more than was ever
         * mapped.
         */
        trace_iommufd_backend_unmap_dma_non_exist(be->fd, ioas_id, iova, size,
                                                  ret);
        return 0;
    }
    trace_iommufd_backend_unmap_dma(be->fd, ioas_id, iova, size, ret);
    if (!ret) {
        /* The kernel sets length to the number of bytes unmapped. */
        iommufd_objects_unmapped(be->objects, ioas_id, iova, size,
                                 cmd.length);
    }
    return ret;
}

/* Devices and HWPTs */

bool iommufd_backend_get_device_info(IOMMUFDBackend *be, uint32_t devid,
                                     uint32_t *type, void *data, uint32_t len,
                                     uint64_t *caps, uint8_t *max_pasid_log2,
                                     Error **errp)
{
    struct iommu_hw_info cmd = {
        .size = sizeof(cmd),
        .dev_id = devid,
        .data_len = len,
        .data_uptr = (uintptr_t)data,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_GET_HW_INFO, be->fd,
                                   &cmd);
    /*
     * out_max_pasid_log2 is the byte after out_data_type since Linux 6.15.
     * Headers and kernels before that have reserved bytes there, which read
     * as zero: no PASIDs.
     */
    uint8_t pasid_log2 = *((uint8_t *)(&cmd.out_data_type + 1));

    trace_iommufd_backend_get_hw_info(be->fd, devid, cmd.out_data_type,
                                      cmd.out_capabilities, pasid_log2, ret);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_GET_HW_INFO failed for device "
                         "ID %u", devid);
        return false;
    }
    *type = cmd.out_data_type;
    *caps = cmd.out_capabilities;
    *max_pasid_log2 = pasid_log2;
    return true;
}

/* The meaning of IOMMU_HWPT_ALLOC's errno */
static const char *iommufd_hwpt_alloc_reason(int err, uint32_t flags,
                                             uint32_t data_type)
{
    switch (err) {
    case EOPNOTSUPP:
        if (data_type != IOMMU_HWPT_DATA_NONE) {
            return "the host IOMMU does not do this kind of nesting";
        }
        if (flags & IOMMUFD_HWPT_ALLOC_PASID) {
            return "the host's kernel has no PASIDs of passed-through devices "
                   "(pasid=on), which require Linux 6.15 or later, or its "
                   "IOMMU cannot nest";
        }
        return flags & IOMMU_HWPT_ALLOC_NEST_PARENT ?
               "the host IOMMU or its driver cannot nest" :
               "the host IOMMU or its driver lacks what the flags ask for";
    case EINVAL:
        return data_type != IOMMU_HWPT_DATA_NONE ?
               "the page table's data or its parent does not fit the device" :
               "the IOAS does not fit the device";
    case ENOENT:
        return "no such device, IOAS or HWPT in this iommufd";
    case EADDRINUSE:
        return "the IOAS maps what the device reserves";
    case ENOMEM:
        return "out of memory or of RLIMIT_MEMLOCK";
    default:
        return "unexpected";
    }
}

bool iommufd_backend_alloc_hwpt(IOMMUFDBackend *be,
                                const IOMMUFDHwptAlloc *alloc,
                                uint32_t *hwpt_id, Error **errp)
{
    struct iommu_hwpt_alloc cmd = {
        .size = sizeof(cmd),
        .dev_id = alloc->dev_id,
        .pt_id = alloc->pt_id,
        .flags = alloc->flags,
        .data_type = alloc->data_type,
        .data_uptr = (uintptr_t)alloc->data,
        .data_len = alloc->data_len,
        .fault_id = alloc->fault_id,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_HWPT_ALLOC, be->fd, &cmd);

    trace_iommufd_backend_alloc_hwpt(be->fd, cmd.dev_id, cmd.pt_id, cmd.flags,
                                     cmd.data_type, cmd.data_len,
                                     cmd.data_uptr, cmd.out_hwpt_id, ret);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_HWPT_ALLOC failed for device ID "
                         "%u from page table %u with flags 0x%x, data type "
                         "%u (%s)", cmd.dev_id, cmd.pt_id, cmd.flags,
                         cmd.data_type,
                         iommufd_hwpt_alloc_reason(-ret, cmd.flags,
                                                   cmd.data_type));
        return false;
    }
    *hwpt_id = cmd.out_hwpt_id;
    iommufd_objects_add_hwpt(be->objects, &cmd);
    return true;
}

bool iommufd_backend_alloc_fault_queue(IOMMUFDBackend *be, uint32_t *id,
                                       int *fd, Error **errp)
{
    struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_FAULT_QUEUE_ALLOC, be->fd,
                                   &cmd);

    trace_iommufd_backend_alloc_fault_queue(be->fd, cmd.out_fault_id,
                                            cmd.out_fault_fd, ret);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_FAULT_QUEUE_ALLOC failed");
        return false;
    }
    *id = cmd.out_fault_id;
    *fd = cmd.out_fault_fd;
    iommufd_objects_add_fault_queue(be->objects, *id);
    return true;
}

ssize_t iommufd_backend_read_faults(IOMMUFDBackend *be, int fd, void *faults,
                                    size_t size)
{
    const IOMMUFDIoctl nr = IOMMUFD_IOCTL_FAULT_READ;
    ssize_t ret = -1;

    be->calls[nr]++;
    if (!iommufd_inject_fails(be, nr)) {
        ret = RETRY_ON_EINTR(read(fd, faults, size));
    } else if (!errno) {
        return 0;
    }
    if (ret < 0) {
        ret = -errno;
        count_failure(be, nr, -ret);
    }
    return ret;
}

bool iommufd_backend_set_dirty_tracking(IOMMUFDBackend *be, uint32_t hwpt_id,
                                        bool start, Error **errp)
{
    struct iommu_hwpt_set_dirty_tracking cmd = {
        .size = sizeof(cmd),
        .flags = start ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
        .hwpt_id = hwpt_id,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_HWPT_SET_DIRTY, be->fd,
                                   &cmd);

    trace_iommufd_backend_set_dirty(be->fd, hwpt_id, start, -ret);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_HWPT_SET_DIRTY_TRACKING: cannot "
                         "turn tracking %s for HWPT %u",
                         start ? "on" : "off", hwpt_id);
    }
    return !ret;
}

bool iommufd_backend_get_dirty_bitmap(IOMMUFDBackend *be, uint32_t hwpt_id,
                                      uint64_t iova, uint64_t size,
                                      uint64_t page_size, uint64_t *data,
                                      Error **errp)
{
    struct iommu_hwpt_get_dirty_bitmap cmd = {
        .size = sizeof(cmd),
        .hwpt_id = hwpt_id,
        .page_size = page_size,
        .iova = iova,
        .length = size,
        .data = (uintptr_t)data,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_HWPT_GET_DIRTY, be->fd,
                                   &cmd);

    trace_iommufd_backend_get_dirty_bitmap(be->fd, hwpt_id, iova, size,
                                           page_size, -ret);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_HWPT_GET_DIRTY_BITMAP: no bitmap "
                         "from HWPT %u for 0x%" PRIx64 " bytes at IOVA 0x%"
                         PRIx64, hwpt_id, (uint64_t)size, iova);
    }
    return !ret;
}

bool iommufd_backend_invalidate_cache(IOMMUFDBackend *be, uint32_t hwpt_id,
                                      uint32_t data_type, uint32_t entry_len,
                                      uint32_t *entry_num, const void *data,
                                      Error **errp)
{
    uint32_t wanted = *entry_num;
    struct iommu_hwpt_invalidate cmd = {
        .size = sizeof(cmd),
        .hwpt_id = hwpt_id,
        .data_type = data_type,
        .data_uptr = (uintptr_t)data,
        .entry_len = entry_len,
        .entry_num = wanted,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_HWPT_INVALIDATE, be->fd,
                                   &cmd);

    trace_iommufd_backend_invalidate_hwpt(be->fd, hwpt_id, data_type,
                                          entry_len, wanted, cmd.entry_num,
                                          ret);
    *entry_num = MIN(cmd.entry_num, wanted);
    if (ret && *entry_num == wanted) {
        /* It failed before it came to the entries, and wrote no number. */
        *entry_num = 0;
    }
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_HWPT_INVALIDATE stopped at %u of "
                         "%u requests for HWPT %u", *entry_num, wanted,
                         hwpt_id);
        return false;
    }
    if (*entry_num != wanted) {
        error_setg(errp, "IOMMU_HWPT_INVALIDATE did %u of %u requests for "
                   "HWPT %u and named no reason", *entry_num, wanted, hwpt_id);
        return false;
    }
    return true;
}

/* The "iommufd" object */

char *iommufd_backend_property_name(IOMMUFDIoctl nr)
{
    char *lower = g_ascii_strdown(iommufd_backend_ioctl_name(nr), -1);

    return g_strdelimit(lower, "_", '-');
}

/* "x-calls-IOCTL" and "x-failures-IOCTL", for qom-get */
static void iommufd_backend_add_counter(Object *obj, const char *what,
                                        IOMMUFDIoctl nr, uint64_t *counter)
{
    g_autofree char *ioctl_name = iommufd_backend_property_name(nr);
    g_autofree char *name = g_strdup_printf("%s-%s", what, ioctl_name);

    object_property_add_uint64_ptr(obj, name, counter, OBJ_PROP_FLAG_READ);
}

static void iommufd_backend_init(Object *obj)
{
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);

    be->owned = true;
    be->fd = -1;
    be->map_file = true;
    be->objects = iommufd_objects_new();
    iommufd_inject_init(be);
    for (IOMMUFDIoctl nr = 0; nr < IOMMUFD_IOCTL__MAX; nr++) {
        iommufd_backend_add_counter(obj, "x-calls", nr, &be->calls[nr]);
        iommufd_backend_add_counter(obj, "x-failures", nr, &be->failures[nr]);
    }
}

static void iommufd_backend_finalize(Object *obj)
{
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);

    if (be->owned && be->fd >= 0) {
        close(be->fd);
    }
    be->fd = -1;
    iommufd_inject_finalize(be);
    iommufd_objects_free(be->objects);
}

static void iommufd_backend_set_fd(Object *obj, const char *str, Error **errp)
{
    ERRP_GUARD();
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);
    int fd;

    if (be->users) {
        error_setg(errp, "iommufd: fd cannot change while %u devices use it",
                   be->users);
        return;
    }
    fd = monitor_fd_param(monitor_cur(), str, errp);
    if (fd < 0) {
        error_prepend(errp, "iommufd: fd=%s names no open file: ", str);
        return;
    }
    be->fd = fd;
    be->owned = false;
    trace_iommu_backend_set_fd(fd);
}

static bool iommufd_backend_can_be_deleted(UserCreatable *uc)
{
    return IOMMUFD_BACKEND(uc)->users == 0;
}

/* "x-query-looks": what x-query-iommufd costs, for tests */
static void iommufd_backend_get_looks(Object *obj, Visitor *v,
                                      const char *name, void *opaque,
                                      Error **errp)
{
    uint64_t looks = iommufd_objects_looks(IOMMUFD_BACKEND(obj)->objects);

    visit_type_uint64(v, name, &looks, errp);
}

/* "x-map-file" */
static bool iommufd_backend_get_map_file(Object *obj, Error **errp)
{
    return IOMMUFD_BACKEND(obj)->map_file;
}

static void iommufd_backend_set_map_file(Object *obj, bool value, Error **errp)
{
    IOMMUFD_BACKEND(obj)->map_file = value;
}

static void iommufd_backend_class_init(ObjectClass *oc, NVTDClassData *data)
{
    USER_CREATABLE_CLASS(oc)->can_be_deleted = iommufd_backend_can_be_deleted;
    object_class_property_add_str(oc, "fd", NULL, iommufd_backend_set_fd);
    object_class_property_add_bool(oc, "x-map-file",
                                   iommufd_backend_get_map_file,
                                   iommufd_backend_set_map_file);
    object_class_property_add(oc, "x-query-looks", "uint64",
                              iommufd_backend_get_looks, NULL, NULL, NULL);
    iommufd_inject_class_init(oc);
}

/* The host device, as a vIOMMU sees it */

bool host_iommu_device_iommufd_attach_hwpt(HostIOMMUDeviceIOMMUFD *idev,
                                           uint32_t pasid, uint32_t pt_id,
                                           Error **errp)
{
    HostIOMMUDeviceIOMMUFDClass *k = HOST_IOMMU_DEVICE_IOMMUFD_GET_CLASS(idev);

    return k->attach_hwpt(idev, pasid, pt_id, errp);
}

void host_iommu_device_iommufd_detach_hwpt(HostIOMMUDeviceIOMMUFD *idev,
                                           uint32_t pasid)
{
    HOST_IOMMU_DEVICE_IOMMUFD_GET_CLASS(idev)->detach_hwpt(idev, pasid);
}

static int hiod_iommufd_get_cap(HostIOMMUDevice *hiod, int cap, Error **errp)
{
    VFIODevice *vbasedev = hiod->agent;

    switch (cap) {
    case HOST_IOMMU_DEVICE_CAP_IOMMU_TYPE:
        return hiod->caps.type;
    case HOST_IOMMU_DEVICE_CAP_AW_BITS:
        if (!vbasedev->bcontainer) {
            error_setg(errp, "%s: the host's address width is known only "
                       "after the device is attached", hiod->name);
            return -EAGAIN;
        }
        return vfio_device_get_aw_bits(vbasedev);
    default:
        error_setg(errp, "%s: host IOMMU capability %d is unknown to iommufd",
                   hiod->name, cap);
        return -EINVAL;
    }
}

static void hiod_iommufd_class_init(ObjectClass *oc, NVTDClassData *data)
{
    HOST_IOMMU_DEVICE_CLASS(oc)->get_cap = hiod_iommufd_get_cap;
}

static const TypeInfo iommufd_types[] = {
    {
        .name = TYPE_HOST_IOMMU_DEVICE_IOMMUFD,
        .parent = TYPE_HOST_IOMMU_DEVICE,
        .abstract = true,
        .instance_size = sizeof(HostIOMMUDeviceIOMMUFD),
        .class_size = sizeof(HostIOMMUDeviceIOMMUFDClass),
        .class_init = hiod_iommufd_class_init,
    }, {
        .name = TYPE_IOMMUFD_BACKEND,
        .parent = TYPE_OBJECT,
        .instance_size = sizeof(IOMMUFDBackend),
        .class_size = sizeof(IOMMUFDBackendClass),
        .instance_init = iommufd_backend_init,
        .instance_finalize = iommufd_backend_finalize,
        .class_init = iommufd_backend_class_init,
        .interfaces = (InterfaceInfo[]) { { TYPE_USER_CREATABLE }, { } },
    },
};

DEFINE_TYPES(iommufd_types)
