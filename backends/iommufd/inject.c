/*
 * iommufd: ioctls that fail on purpose, for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "inject.h"

/*
 * The kernel counts the allocations of the thread, and must count those of the
 * ioctl alone.  Neither access to the file allocates anything.
 */
static void fail_nth_arm(IOMMUFDBackend *be, unsigned nth)
{
    g_autofree char *text = g_strdup_printf("%u", nth);

    if (pwrite(be->fail_nth.fd, text, strlen(text), 0) < 0) {
        be->fail_nth.left = 0;
    }
}

static void fail_nth_disarm(IOMMUFDBackend *be)
{
    char text[16] = "";
    const char *end;

    /* It ends with a newline. */
    if (pread(be->fail_nth.fd, text, sizeof(text) - 1, 0) < 0 ||
        qemu_strtoui(text, &end, 10, &be->fail_nth.left)) {
        be->fail_nth.left = 0;
    }
    fail_nth_arm(be, 0);
}

/* The kernel stops in the middle of an array of invalidations. */
static void invalidate_part(struct iommu_hwpt_invalidate *cmd, unsigned part,
                            int fd, unsigned long request)
{
    cmd->entry_num = MIN(cmd->entry_num, part);
    if (!cmd->entry_num || ioctl(fd, request, cmd)) {
        cmd->entry_num = 0;
    }
}

bool iommufd_inject_fails(IOMMUFDBackend *be, IOMMUFDIoctl nr)
{
    if (likely(!qatomic_read(&be->inject.count))) {
        return false;
    }
    QEMU_LOCK_GUARD(&be->inject.lock);
    if (!be->inject.count || be->inject.nr != nr) {
        return false;
    }
    if (be->inject.skip) {
        be->inject.skip--;
        return false;
    }
    qatomic_set(&be->inject.count, be->inject.count - 1);
    errno = be->inject.err;
    return true;
}

int iommufd_inject_ioctl(IOMMUFDBackend *be, IOMMUFDIoctl nr, int fd,
                         unsigned long request, void *arg)
{
    int ret, err;

    if (unlikely(iommufd_inject_fails(be, nr))) {
        if (nr == IOMMUFD_IOCTL_HWPT_INVALIDATE) {
            invalidate_part(arg, be->inject.part, fd, request);
            errno = be->inject.err;
        }
        return -1;
    }
    /*
     * Not the bind: it enables the PCI device.  After allocations failed there
     * the kernel (7.3) was seen to oops in its ACPI code when the device was
     * disabled, which is not iommufd's matter.  Nor another thread's, as the
     * file is of one.
     */
    if (likely(!qatomic_read(&be->fail_nth.left)) ||
        nr == IOMMUFD_IOCTL_BIND || !bql_locked()) {
        return ioctl(fd, request, arg);
    }
    fail_nth_arm(be, be->fail_nth.left);
    ret = ioctl(fd, request, arg);
    err = errno;
    fail_nth_disarm(be);
    errno = err;
    return ret;
}

/*
 * "x-inject", for qom-set: "IOCTL ERRNO COUNT [SKIP [PART]]" lets COUNT calls
 * of the ioctl fail with the errno, a number, without being made; the first
 * SKIP calls are made.  Of an array of invalidations the first PART are
 * carried out.  With errno 0, of a read, it finds nothing.
 */
static void inject_set(Object *obj, const char *str, Error **errp)
{
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);
    char ioctl_name[64];
    unsigned count, skip = 0, part = 0;
    int err;

    if (sscanf(str, "%63s %d %u %u %u", ioctl_name, &err, &count, &skip,
               &part) < 3 ||
        err < 0) {
        error_setg(errp, "iommufd: x-inject is '%s', must be 'IOCTL ERRNO "
                   "COUNT [SKIP [PART]]' such as 'iommu-hwpt-alloc 12 1'", str);
        return;
    }
    for (IOMMUFDIoctl nr = 0; nr < IOMMUFD_IOCTL__MAX; nr++) {
        g_autofree char *name = iommufd_backend_property_name(nr);

        if (!strcmp(name, ioctl_name) &&
            (err || nr == IOMMUFD_IOCTL_FAULT_READ)) {
            QEMU_LOCK_GUARD(&be->inject.lock);
            be->inject.nr = nr;
            be->inject.err = err;
            be->inject.skip = skip;
            be->inject.part = part;
            qatomic_set(&be->inject.count, count);
            return;
        }
    }
    error_setg(errp, "iommufd: x-inject names '%s', which is no ioctl that is "
               "counted", ioctl_name);
}

static void fail_nth_get(Object *obj, Visitor *v,
                         const char *name, void *opaque, Error **errp)
{
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);
    uint32_t left = be->fail_nth.left;

    visit_type_uint32(v, name, &left, errp);
}

/*
 * "x-fail-nth": let the kernel's Nth allocation from now on fail, among those
 * of the ioctls that the thread makes which sets it (CONFIG_FAULT_INJECTION).
 * Reads as what is left to count, 0 once one has failed.
 */
static void fail_nth_set(Object *obj, Visitor *v,
                         const char *name, void *opaque, Error **errp)
{
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);
    uint32_t nth;

    if (!visit_type_uint32(v, name, &nth, errp)) {
        return;
    }
    if (be->fail_nth.fd < 0) {
        be->fail_nth.fd = qemu_open("/proc/thread-self/fail-nth", O_RDWR,
                                    errp);
        if (be->fail_nth.fd < 0) {
            return;
        }
    }
    be->fail_nth.left = nth;
}

void iommufd_inject_init(IOMMUFDBackend *be)
{
    qemu_mutex_init(&be->inject.lock);
    be->fail_nth.fd = -1;
}

void iommufd_inject_finalize(IOMMUFDBackend *be)
{
    if (be->fail_nth.fd >= 0) {
        close(be->fail_nth.fd);
    }
    qemu_mutex_destroy(&be->inject.lock);
}

void iommufd_inject_class_init(ObjectClass *oc)
{
    object_class_property_add_str(oc, "x-inject", NULL, inject_set);
    object_class_property_add(oc, "x-fail-nth", "uint32", fail_nth_get,
                              fail_nth_set, NULL, NULL);
}
