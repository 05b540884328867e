/*
 * VFIO on iommufd: memory of an address space that is not in the IOAS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Read-only memory of a nest parent, and what the host had no room for.  No
 * device writes there.  A kernel may refuse to tell which pages of it are dirty,
 * as 6.12 does, so it is not asked.  There are no more than sections of memory.
 */

#include "qemu/osdep.h"
#include "internal.h"

typedef struct Unmapped {
    const VFIOIOMMUFDContainer *container;
    hwaddr iova, last;
    QLIST_ENTRY(Unmapped) next;
} Unmapped;

static QLIST_HEAD(, Unmapped) unmapped = QLIST_HEAD_INITIALIZER(unmapped);

void vfio_iommufd_unmapped_add(const VFIOIOMMUFDContainer *container,
                               hwaddr iova, ram_addr_t size)
{
    Unmapped *u = g_new0(Unmapped, 1);

    u->container = container;
    u->iova = iova;
    u->last = iova + size - 1;
    QLIST_INSERT_HEAD(&unmapped, u, next);
}

void vfio_iommufd_unmapped_remove(const VFIOIOMMUFDContainer *container,
                                  hwaddr iova, ram_addr_t size)
{
    Unmapped *u, *next;

    QLIST_FOREACH_SAFE(u, &unmapped, next, next) {
        if (u->container == container && u->iova >= iova &&
            u->last <= iova + size - 1) {
            QLIST_REMOVE(u, next);
            g_free(u);
        }
    }
}

bool vfio_iommufd_is_unmapped(const VFIOIOMMUFDContainer *container,
                              hwaddr iova, ram_addr_t size)
{
    Unmapped *u;

    QLIST_FOREACH(u, &unmapped, next) {
        if (u->container == container && u->iova <= iova &&
            u->last >= iova + size - 1) {
            return true;
        }
    }
    return false;
}
