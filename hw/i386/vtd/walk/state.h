/*
 * Intel VT-d, ecap-nest=on: what a unit keeps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_I386_INTEL_IOMMU_WALK_STATE_H
#define HW_I386_INTEL_IOMMU_WALK_STATE_H

#include "cache.h"
#include "psc.h"

struct VTDWalk {
    unsigned ttm;           /* translation table mode in force, VT-d 11.4.5 */
    /* Under the IOMMU lock; the numbers are those of the walk that runs. */
    VTDWalkCache *cache;
    VTDWalkPSC *psc;
    unsigned psc_hits;
    unsigned reads;         /* of entries */

    /* Since the last wait descriptor one asked to drain DMA; BQL */
    bool drain;

    /* vtd/walk/ats*.c; BQL */
    PCIBus *bus;            /* the root bus whose devices it serves */
    bool inv_timed_out;     /* @inv_sid didn't complete an invalidation */
    uint16_t inv_sid;
    uint32_t inject_ite;    /* so many invalidations are not completed */
};

#endif
