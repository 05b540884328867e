/*
 * VFIO on iommufd: what its files share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The object graph, owners first:
 *
 *   VFIOAddressSpace -> VFIOIOMMUFDContainer (an IOAS) -> VFIOIOASHwpt
 *                                                      -> VFIODevice
 *
 * A device is attached to one of its container's HWPTs, or, if it is mediated
 * and so has no IOMMU, to the IOAS itself.  A HWPT goes with its last device,
 * a container with its last device, and the IOAS with the container.
 *
 * All of it is called with the BQL held.
 */

#ifndef HW_VFIO_IOMMUFD_INTERNAL_H
#define HW_VFIO_IOMMUFD_INTERNAL_H

#include "nvtd/vfio.h"
#include "system/iommufd.h"

static inline VFIOIOMMUFDContainer *
vfio_iommufd_container(const VFIOContainer *bcontainer)
{
    return VFIO_IOMMU_IOMMUFD(bcontainer);
}

/* attach.c: the two ioctls that connect a device with a page table */

/* Return: 0 or -errno; EINVAL says that @pt_id does not fit the device. */
int vfio_iommufd_attach_pt(VFIODevice *vbasedev, uint32_t pasid,
                           uint32_t pt_id);
void vfio_iommufd_detach_pt(VFIODevice *vbasedev, uint32_t pasid);
/* Does not name the device: who realizes it prepends that to every error. */
void vfio_iommufd_attach_error(uint32_t pasid, uint32_t pt_id, int ret,
                               Error **errp);

/* group.c */

/* Return: the number of the group of the opened device, -1 if unknown. */
int vfio_iommufd_group_of(const VFIODevice *vbasedev);
/*
 * False if a device of this VM shares the host's IOMMU group with @vbasedev,
 * which is to live in @as, and a nesting vIOMMU translates for one of the two.
 */
bool vfio_iommufd_group_check(const VFIODevice *vbasedev, AddressSpace *as,
                              Error **errp);

/* hwpt.c: which page table a device uses */

bool vfio_iommufd_hwpt_get(VFIODevice *vbasedev,
                           VFIOIOMMUFDContainer *container, Error **errp);
void vfio_iommufd_hwpt_put(VFIODevice *vbasedev,
                           VFIOIOMMUFDContainer *container);

/* ioas.c: the container */

/* Do the devices of @container nest? */
bool vfio_iommufd_container_nests(const VFIOIOMMUFDContainer *container);
/*
 * Attach @vbasedev to a container of @space, a new one if need be.
 * Return: the container, or NULL; then nothing is left behind.
 */
VFIOIOMMUFDContainer *vfio_iommufd_container_join(VFIODevice *vbasedev,
                                                  VFIOAddressSpace *space,
                                                  Error **errp);
/* Undo of the above; @vbasedev is on no list of @container any more. */
void vfio_iommufd_container_leave(VFIODevice *vbasedev,
                                  VFIOIOMMUFDContainer *container);

/* map.c, guest memory, is declared by nvtd/vfio.h */

/* bars.c */

/*
 * Maps the part of a BAR that is at @vaddr, or warns that it cannot be mapped.
 * Return: false if there is no BAR.
 */
bool vfio_iommufd_bar_map(VFIOIOMMUFDContainer *container, hwaddr iova,
                          ram_addr_t size, void *vaddr);

/* file.c */

/*
 * Return: false if it is to be mapped by its address: it is in no file, or the
 * kernel does not map that.
 */
bool vfio_iommufd_file_map(VFIOIOMMUFDContainer *container, hwaddr iova,
                           uint64_t size, void *vaddr, bool readonly);

/* dirty.c */

bool vfio_iommufd_hwpt_tracks_dirty(const VFIOIOASHwpt *hwpt);
int vfio_iommufd_set_dirty_tracking(const VFIOContainer *bcontainer,
                                    bool start, Error **errp);
int vfio_iommufd_query_dirty_bitmap(const VFIOContainer *bcontainer,
                                    VFIOBitmap *vbmap, hwaddr iova,
                                    hwaddr size, Error **errp);

/* unmapped.c: sections that are not in the IOAS, and are treated as if */

void vfio_iommufd_unmapped_add(const VFIOIOMMUFDContainer *container,
                               hwaddr iova, ram_addr_t size);
/* Those in the range; it is unmapped for good. */
void vfio_iommufd_unmapped_remove(const VFIOIOMMUFDContainer *container,
                                  hwaddr iova, ram_addr_t size);
bool vfio_iommufd_is_unmapped(const VFIOIOMMUFDContainer *container,
                              hwaddr iova, ram_addr_t size);

/* reset.c */

int vfio_iommufd_pci_hot_reset(VFIODevice *vbasedev, bool single);

#endif
