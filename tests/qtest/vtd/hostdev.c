/*
 * A PCI device for a program: VFIO's character device, and iommufd
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include "hostdev.h"

#define FAULT_PATIENCE_MS   60000

/* Linux 6.15 appended a PASID to these; older headers don't have it. */
struct attach_pt {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pt_id;
    uint32_t pasid;
};

struct detach_pt {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pasid;
};

#define FLAG_PASID  (1u << 0)

/* As far as out_max_pasid_log2 of Linux 6.15, whatever the headers have. */
struct hw_info {
    uint32_t size;
    uint32_t flags;
    uint32_t dev_id;
    uint32_t data_len;
    uint64_t data_uptr;
    uint32_t out_data_type;
    uint8_t out_max_pasid_log2;
    uint8_t reserved[3];
    uint64_t out_capabilities;
};

static int call(int fd, const char *name, unsigned long request, void *arg)
{
    if (ioctl(fd, request, arg) < 0) {
        int err = errno;

        printf("# %s: %s\n", name, strerror(err));
        return -err;
    }
    return 0;
}

#define CALL(fd, request, arg) call(fd, #request, request, arg)

/* The device's node is named after its vfio-dev directory in sysfs. */
static int open_cdev(const char *bdf)
{
    char path[300];
    struct dirent *entry;
    DIR *dir;
    int fd = -ENODEV;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "vfio", 4) == 0) {
            snprintf(path, sizeof(path), "/dev/vfio/devices/%.200s",
                     entry->d_name);
            fd = open(path, O_RDWR);
            fd = fd < 0 ? -errno : fd;
        }
    }
    if (dir) {
        closedir(dir);
    }
    if (fd < 0) {
        printf("# %s: no VFIO device, wanted one bound to vfio-pci\n", bdf);
    }
    return fd;
}

static int enable_master(HostDev *d)
{
    struct vfio_region_info config = {
        .argsz = sizeof(config),
        .index = VFIO_PCI_CONFIG_REGION_INDEX,
    };
    uint16_t command;
    int ret = CALL(d->fd, VFIO_DEVICE_GET_REGION_INFO, &config);

    if (ret) {
        return ret;
    }
    if (pread(d->fd, &command, 2, config.offset + PCI_COMMAND) != 2) {
        return -EIO;
    }
    command |= PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;
    return pwrite(d->fd, &command, 2, config.offset + PCI_COMMAND) == 2
           ? 0 : -EIO;
}

static int map_bar(HostDev *d)
{
    struct vfio_region_info bar = {
        .argsz = sizeof(bar),
        .index = VFIO_PCI_BAR0_REGION_INDEX,
    };
    int ret = CALL(d->fd, VFIO_DEVICE_GET_REGION_INFO, &bar);
    void *at;

    if (ret) {
        return ret;
    }
    at = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
              bar.offset);
    if (at == MAP_FAILED) {
        printf("# BAR 0 can't be mapped: %s\n", strerror(errno));
        return -errno;
    }
    d->bar = at;
    d->bar_size = bar.size;
    return 0;
}

static int bind_iommufd(HostDev *d)
{
    struct vfio_device_bind_iommufd bind = {
        .argsz = sizeof(bind),
        .iommufd = d->iommufd,
    };
    struct hw_info info = { .size = sizeof(info) };
    int ret = CALL(d->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);

    if (ret) {
        return ret;
    }
    d->id = bind.out_devid;
    info.dev_id = d->id;
    ret = CALL(d->iommufd, IOMMU_GET_HW_INFO, &info);
    d->max_pasid_log2 = info.out_max_pasid_log2;
    return ret;
}

int hostdev_open(HostDev *d, const char *bdf)
{
    int ret;

    memset(d, 0, sizeof(*d));
    d->iommufd = open("/dev/iommu", O_RDWR);
    if (d->iommufd < 0) {
        printf("# /dev/iommu: %s\n", strerror(errno));
        return -errno;
    }
    d->fd = open_cdev(bdf);
    if (d->fd < 0) {
        return d->fd;
    }
    ret = bind_iommufd(d);
    ret = ret ? ret : enable_master(d);
    return ret ? ret : map_bar(d);
}

void hostdev_close(HostDev *d)
{
    munmap((void *)d->bar, d->bar_size);
    close(d->fd);
    close(d->iommufd);
}

int hostdev_ioas_alloc(HostDev *d, uint32_t *ioas)
{
    struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
    int ret = CALL(d->iommufd, IOMMU_IOAS_ALLOC, &alloc);

    *ioas = alloc.out_ioas_id;
    return ret;
}

int hostdev_map(HostDev *d, uint32_t ioas, uint64_t iova, void *page,
                size_t size)
{
    struct iommu_ioas_map map = {
        .size = sizeof(map),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                 IOMMU_IOAS_MAP_WRITEABLE,
        .ioas_id = ioas,
        .user_va = (uintptr_t)page,
        .length = size,
        .iova = iova,
    };

    return CALL(d->iommufd, IOMMU_IOAS_MAP, &map);
}

int hostdev_unmap(HostDev *d, uint32_t ioas, uint64_t iova, size_t size)
{
    struct iommu_ioas_unmap unmap = {
        .size = sizeof(unmap),
        .ioas_id = ioas,
        .iova = iova,
        .length = size,
    };

    return CALL(d->iommufd, IOMMU_IOAS_UNMAP, &unmap);
}

int hostdev_fault_queue(HostDev *d, uint32_t *id, int *fd)
{
    struct iommu_fault_alloc alloc = { .size = sizeof(alloc) };
    int ret = CALL(d->iommufd, IOMMU_FAULT_QUEUE_ALLOC, &alloc);

    *id = alloc.out_fault_id;
    *fd = alloc.out_fault_fd;
    return ret;
}

int hostdev_hwpt_alloc(HostDev *d, uint32_t ioas, uint32_t fault,
                       uint32_t *hwpt)
{
    struct iommu_hwpt_alloc alloc = {
        .size = sizeof(alloc),
        .flags = IOMMU_HWPT_ALLOC_PASID |
                 (fault ? IOMMU_HWPT_FAULT_ID_VALID : 0),
        .dev_id = d->id,
        .pt_id = ioas,
        .fault_id = fault,
    };
    int ret = CALL(d->iommufd, IOMMU_HWPT_ALLOC, &alloc);

    *hwpt = alloc.out_hwpt_id;
    return ret;
}

int hostdev_attach(HostDev *d, uint32_t pasid, uint32_t pt)
{
    struct attach_pt attach = { .argsz = sizeof(attach), .pt_id = pt };

    if (pasid != HOSTDEV_NO_PASID) {
        attach.flags = FLAG_PASID;
        attach.pasid = pasid;
    }
    return CALL(d->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

int hostdev_detach(HostDev *d, uint32_t pasid)
{
    struct detach_pt detach = { .argsz = sizeof(detach) };

    if (pasid != HOSTDEV_NO_PASID) {
        detach.flags = FLAG_PASID;
        detach.pasid = pasid;
    }
    return CALL(d->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

int hostdev_destroy(HostDev *d, uint32_t object)
{
    struct iommu_destroy destroy = { .size = sizeof(destroy), .id = object };

    return CALL(d->iommufd, IOMMU_DESTROY, &destroy);
}

bool hostdev_read_fault(int fd, struct iommu_hwpt_pgfault *fault)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    if (poll(&wait, 1, FAULT_PATIENCE_MS) != 1) {
        printf("# no page fault in %d s\n", FAULT_PATIENCE_MS / 1000);
        return false;
    }
    return read(fd, fault, sizeof(*fault)) == sizeof(*fault);
}

int hostdev_answer(int fd, uint32_t cookie, uint32_t code)
{
    const struct iommu_hwpt_page_response response = {
        .cookie = cookie,
        .code = code,
    };

    if (write(fd, &response, sizeof(response)) != sizeof(response)) {
        printf("# response to cookie %u: %s\n", cookie, strerror(errno));
        return -errno;
    }
    return 0;
}
