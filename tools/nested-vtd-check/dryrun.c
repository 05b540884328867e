/*
 * nested-vtd-check: what QEMU would ask the kernel for, and back again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Nothing is attached, so that nothing is translated by the tables made here.
 * Binding lets vfio-pci reset the device.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "check.h"

typedef struct DryRun {
    const char *bdf;
    int iommufd;
    int device;
    uint32_t devid;
    uint32_t ioas;
    uint32_t parent;
    uint32_t nested;
} DryRun;

static bool failed(DryRun *d, const char *what, const char *fix)
{
    report(CHECK_FAIL, "dry-run", d->bdf, fix, "%s: %s", what,
           strerror(errno));
    return false;
}

static bool open_files(DryRun *d)
{
    char path[PATH_SIZE];

    d->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    if (d->iommufd < 0) {
        return failed(d, "/dev/iommu", "see what is said of /dev/iommu");
    }
    if (!device_cdev(d->bdf, path, sizeof(path))) {
        errno = ENODEV;
        return failed(d, "no device file", "bind the device to vfio-pci");
    }
    d->device = open(path, O_RDWR | O_CLOEXEC);
    return d->device >= 0 || failed(d, path, "give this user access to it, "
                                    "and end what else has the device");
}

static bool bind_device(DryRun *d)
{
    struct vfio_device_bind_iommufd cmd = {
        .argsz = sizeof(cmd),
        .iommufd = d->iommufd,
    };

    if (ioctl(d->device, VFIO_DEVICE_BIND_IOMMUFD, &cmd)) {
        return failed(d, "VFIO_DEVICE_BIND_IOMMUFD", errno == EPERM ?
                      "turn interrupt remapping on, or accept the risk with "
                      "iommufd.allow_unsafe_interrupts=1" :
                      "see what is said of the device's IOMMU group");
    }
    d->devid = cmd.out_devid;
    return true;
}

static bool read_info(DryRun *d)
{
    struct iommu_hw_info_vtd vtd = { 0 };
    struct iommu_hw_info cmd = {
        .size = sizeof(cmd),
        .dev_id = d->devid,
        .data_len = sizeof(vtd),
        .data_uptr = (uintptr_t)&vtd,
    };

    if (ioctl(d->iommufd, IOMMU_GET_HW_INFO, &cmd)) {
        return failed(d, "IOMMU_GET_HW_INFO", "use a newer kernel");
    }
    if (cmd.out_data_type != IOMMU_HW_INFO_TYPE_INTEL_VTD) {
        report(CHECK_FAIL, "dry-run", d->bdf, "nested=on is for Intel VT-d",
               "its IOMMU is of type %u, must be %u", cmd.out_data_type,
               IOMMU_HW_INFO_TYPE_INTEL_VTD);
        return false;
    }
    return true;
}

static bool alloc_ioas(DryRun *d)
{
    struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };

    if (ioctl(d->iommufd, IOMMU_IOAS_ALLOC, &cmd)) {
        return failed(d, "IOMMU_IOAS_ALLOC", "the host is out of memory");
    }
    d->ioas = cmd.out_ioas_id;
    return true;
}

static bool alloc_parent(DryRun *d)
{
    struct iommu_hwpt_alloc cmd = {
        .size = sizeof(cmd),
        .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
        .dev_id = d->devid,
        .pt_id = d->ioas,
    };

    if (ioctl(d->iommufd, IOMMU_HWPT_ALLOC, &cmd)) {
        return failed(d, "IOMMU_HWPT_ALLOC of a nest parent",
                      errno == EOPNOTSUPP ? "the kernel runs this IOMMU "
                      "without nesting: boot with intel_iommu=on,sm_on" :
                      "look at the kernel's log");
    }
    d->parent = cmd.out_hwpt_id;
    return true;
}

static bool alloc_nested(DryRun *d)
{
    struct iommu_hwpt_vtd_s1 s1 = {
        .pgtbl_addr = 0x1000,   /* nobody walks it */
        .addr_width = 48,
    };
    struct iommu_hwpt_alloc cmd = {
        .size = sizeof(cmd),
        .dev_id = d->devid,
        .pt_id = d->parent,
        .data_type = IOMMU_HWPT_DATA_VTD_S1,
        .data_len = sizeof(s1),
        .data_uptr = (uintptr_t)&s1,
    };

    if (ioctl(d->iommufd, IOMMU_HWPT_ALLOC, &cmd)) {
        return failed(d, "IOMMU_HWPT_ALLOC of a nested page table",
                      errno == EOPNOTSUPP ? "boot with intel_iommu=on,sm_on" :
                      "look at the kernel's log");
    }
    d->nested = cmd.out_hwpt_id;
    return true;
}

static bool destroy(DryRun *d, uint32_t id)
{
    struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

    return !id || !ioctl(d->iommufd, IOMMU_DESTROY, &cmd) ||
           failed(d, "IOMMU_DESTROY", "a bug of the kernel; please report it");
}

bool check_dry_run(const char *bdf)
{
    DryRun d = { .bdf = bdf, .iommufd = -1, .device = -1 };
    bool ok;

    ok = open_files(&d) && bind_device(&d) && read_info(&d) &&
         alloc_ioas(&d) && alloc_parent(&d) && alloc_nested(&d);
    ok &= destroy(&d, d.nested);
    ok &= destroy(&d, d.parent);
    ok &= destroy(&d, d.ioas);
    if (ok) {
        report(CHECK_PASS, "dry-run", bdf, NULL, "the kernel made IOAS %u, "
               "nest parent %u and nested page table %u, and freed them",
               d.ioas, d.parent, d.nested);
    }
    if (d.device >= 0) {
        close(d.device);
    }
    if (d.iommufd >= 0) {
        close(d.iommufd);
    }
    return ok;
}
