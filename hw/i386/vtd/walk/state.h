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

/* What is in the table of walk/ops.c, or called from there: vtd/ext.h */

/* config.c */
void vtd_walk_cap_init(IntelIOMMUState *s);
void vtd_walk_version_init(IntelIOMMUState *s);
hwaddr vtd_walk_reg(IntelIOMMUState *s, hwaddr addr);

/* ats.c: emulated devices on @bus can issue requests with PASID. */
void vtd_walk_ats_init(IntelIOMMUState *s, PCIBus *bus);

/* ats_inv.c */
void vtd_walk_inv_reset(IntelIOMMUState *s);
bool vtd_walk_queue_begin(IntelIOMMUState *s);
bool vtd_walk_queue_more(IntelIOMMUState *s);
uint64_t vtd_walk_desc_before(IntelIOMMUState *s, uint8_t type,
                              const uint64_t val[2]);
bool vtd_walk_wait_before(IntelIOMMUState *s, uint64_t lo);

/* inv.c */
bool vtd_walk_desc_after(IntelIOMMUState *s, uint8_t type,
                         const uint64_t val[4]);
void vtd_walk_iotlb_reg(IntelIOMMUState *s, uint64_t val);

/* walk.c */
/* Translation is on, and its tables are the walk's: scalable mode ones. */
bool vtd_walk_owns(IntelIOMMUState *s);
bool vtd_walk_translate(VTDAddressSpace *as, hwaddr addr,
                        IOMMUAccessFlags flag, IOMMUTLBEntry *entry);

/* notify.c */
bool vtd_walk_check_notifier(IntelIOMMUState *s, VTDAddressSpace *as,
                             IOMMUNotifierFlag flags, Error **errp);

#endif
