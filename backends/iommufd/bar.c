/*
 * iommufd: BARs that an IOAS maps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "objects.h"
#include "trace.h"

int iommufd_backend_map_bar(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                            int fd, const IOMMUFDBar *bar)
{
    struct iommu_ioas_map_file cmd = {
        .size = sizeof(cmd),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
                 IOMMU_IOAS_MAP_WRITEABLE,
        .ioas_id = ioas_id,
        .fd = fd,
        .iova = iova,
        .length = bar->size,
    };
    int ret = iommufd_backend_call(be, IOMMUFD_IOCTL_IOAS_MAP_FILE, be->fd,
                                   &cmd);

    trace_iommufd_backend_map_bar(be->fd, ioas_id, iova, bar->device, bar->nr,
                                  bar->offset, bar->size, ret);
    if (!ret) {
        iommufd_objects_add_bar(be->objects, ioas_id, iova, bar);
    }
    return ret;
}
