/*
 * VFIO on iommufd: the guest's RAM, by the file that it is in
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IOMMU_IOAS_MAP_FILE (Linux 6.13) pins whole folios of the file, which takes the
 * kernel less than to look pages up by their addresses.  What it pins is the same.
 */

#include "qemu/osdep.h"
#include <linux/magic.h>
#include <sys/vfs.h>
#include "qapi/error.h"
#include "exec/cpu-common.h"
#include "trace.h"
#include "internal.h"

/* The kernel pins these; of another file it would say so at an attachment. */
static bool file_is_memory(int fd)
{
    struct statfs fs;
    int ret;

    do {
        ret = fstatfs(fd, &fs);
    } while (ret && errno == EINTR);
    return !ret && (fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC);
}

/*
 * A private mapping has pages of its own, which are not the file's.
 * Return: the file that has @vaddr, at @start, or -1
 */
static int ram_file(void *vaddr, uint64_t *start)
{
    ram_addr_t offset;
    MemoryRegion *mr;
    int fd;

    RCU_READ_LOCK_GUARD();
    mr = memory_region_from_host(vaddr, &offset);
    if (!mr || memory_region_is_ram_device(mr) ||
        !qemu_ram_is_shared(mr->ram_block)) {
        return -1;
    }
    fd = memory_region_get_fd(mr);
    *start = qemu_ram_get_fd_offset(mr->ram_block) + offset;
    return fd;
}

bool vfio_iommufd_file_map(VFIOIOMMUFDContainer *container, hwaddr iova,
                           uint64_t size, void *vaddr, bool readonly)
{
    IOMMUFDBackend *be = container->be;
    uint64_t start;
    int fd, ret;

    if (!iommufd_backend_maps_files(be)) {
        return false;
    }
    fd = ram_file(vaddr, &start);
    if (fd < 0 || !file_is_memory(fd)) {
        return false;
    }
    ret = iommufd_backend_map_file_dma(be, container->ioas_id, iova, size, fd,
                                       start, readonly);
    trace_vfio_iommufd_file_map(be->fd, container->ioas_id, iova, size, fd,
                                start, ret);
    return !ret;
}
