/*
 * iommufd: which address spaces nest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Read and written with the BQL held.  A machine has one vIOMMU, so that the
 * list is as good as a pointer; VFIO looks at it at each map.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "nvtd/base.h"
#include "system/iommufd.h"
#include "trace.h"

static QLIST_HEAD(, IOMMUFDNesting) nestings =
    QLIST_HEAD_INITIALIZER(nestings);

void iommufd_nesting_register(IOMMUFDNesting *nesting)
{
    g_assert(bql_locked());
    g_assert(nesting->as && nesting->check);
    g_assert(!iommufd_nesting_find(nesting->as));

    QLIST_INSERT_HEAD(&nestings, nesting, next);
    trace_iommufd_nesting_register(nesting->as->name);
}

void iommufd_nesting_unregister(IOMMUFDNesting *nesting)
{
    g_assert(bql_locked());

    QLIST_REMOVE(nesting, next);
    trace_iommufd_nesting_unregister(nesting->as->name);
}

IOMMUFDNesting *iommufd_nesting_find(AddressSpace *as)
{
    IOMMUFDNesting *nesting;

    QLIST_FOREACH(nesting, &nestings, next) {
        if (nesting->as == as) {
            return nesting;
        }
    }
    return NULL;
}

bool iommufd_nesting_exists(void)
{
    return !QLIST_EMPTY(&nestings);
}
