/*
 * iommufd: what QEMU has in the kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel does not tell what an iommufd holds, so the ioctl wrappers note
 * it, for x-query-iommufd.  Nothing else looks here.  BQL.
 */

#ifndef BACKENDS_IOMMUFD_OBJECTS_H
#define BACKENDS_IOMMUFD_OBJECTS_H

#include <linux/iommufd.h>
#include "qapi/qapi-types-iommufd.h"
#include "system/iommufd.h"

/* One for the life of an IOMMUFDBackend; emptied when its file is closed. */
IOMMUFDObjects *iommufd_objects_new(void);
void iommufd_objects_free(IOMMUFDObjects *objects);
void iommufd_objects_clear(IOMMUFDObjects *objects);

void iommufd_objects_add_ioas(IOMMUFDObjects *objects, uint32_t id);
/* @cmd: as the kernel answered it; its data are still there. */
void iommufd_objects_add_hwpt(IOMMUFDObjects *objects,
                              const struct iommu_hwpt_alloc *cmd);
void iommufd_objects_add_fault_queue(IOMMUFDObjects *objects, uint32_t id);
void iommufd_objects_remove(IOMMUFDObjects *objects, uint32_t id);
void iommufd_objects_mapped(IOMMUFDObjects *objects, uint32_t ioas_id,
                            uint64_t size);
void iommufd_objects_add_bar(IOMMUFDObjects *objects, uint32_t ioas_id,
                             uint64_t iova, const IOMMUFDBar *bar);
/* @unmapped: bytes of the range that were mapped */
void iommufd_objects_unmapped(IOMMUFDObjects *objects, uint32_t ioas_id,
                              uint64_t iova, uint64_t size, uint64_t unmapped);
void iommufd_objects_failed(IOMMUFDObjects *objects, IOMMUFDIoctl nr, int err);

/* Its part of x-query-iommufd's answer */
void iommufd_objects_query(IOMMUFDObjects *objects, IommufdInfo *info);
/* HWPTs and attachments that the answers visited so far */
uint64_t iommufd_objects_looks(const IOMMUFDObjects *objects);
IommufdErrorCountList *iommufd_objects_errors(IOMMUFDObjects *objects,
                                              IOMMUFDIoctl nr);

#endif
