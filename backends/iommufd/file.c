/*
 * iommufd: files that an IOAS maps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "objects.h"
#include "trace.h"

/* From @start on in the file */
typedef struct FileMap {
    uint32_t ioas_id;
    hwaddr iova;
    uint64_t size;
    int fd;
    uint64_t start;
    bool readonly;
} FileMap;

static int map_file(IOMMUFDBackend *be, const FileMap *map)
{
    struct iommu_ioas_map_file cmd = {
        .size = sizeof(cmd),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                 (map->readonly ? 0 : IOMMU_IOAS_MAP_WRITEABLE),
        .ioas_id = map->ioas_id,
        .fd = map->fd,
        .start = map->start,
        .iova = map->iova,
        .length = map->size,
    };

    return iommufd_backend_call(be, IOMMUFD_IOCTL_IOAS_MAP_FILE, be->fd, &cmd);
}

int iommufd_backend_map_bar(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                            int fd, const IOMMUFDBar *bar)
{
    int ret = map_file(be, &(FileMap) {
        .ioas_id = ioas_id, .iova = iova, .size = bar->size, .fd = fd,
    });

    trace_iommufd_backend_map_bar(be->fd, ioas_id, iova, bar->device, bar->nr,
                                  bar->offset, bar->size, ret);
    if (!ret) {
        iommufd_objects_add_bar(be->objects, ioas_id, iova, bar);
    }
    return ret;
}

bool iommufd_backend_maps_files(const IOMMUFDBackend *be)
{
    return be->map_file;
}

int iommufd_backend_map_file_dma(IOMMUFDBackend *be, uint32_t ioas_id,
                                 hwaddr iova, uint64_t size, int fd,
                                 uint64_t start, bool readonly)
{
    int ret = map_file(be, &(FileMap) {
        .ioas_id = ioas_id, .iova = iova, .size = size, .fd = fd,
        .start = start, .readonly = readonly,
    });

    if (!ret) {
        iommufd_objects_mapped(be->objects, ioas_id, size);
    } else if (ret == -ENOTTY) {
        /* Linux 6.12 and earlier: it need not be asked again. */
        be->map_file = false;
    }
    return ret;
}
