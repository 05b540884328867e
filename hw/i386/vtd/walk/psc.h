/*
 * Intel VT-d, ecap-nest=on: the paging-structure caches of both stages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * VT-d 6.2.5: entries that lead to a further table.  A walk begins at the
 * deepest table that is known for its address.  Tagged with the domain-id, and
 * the PASID for stage 1, and bounded; all under the IOMMU lock.
 */

#ifndef HW_I386_INTEL_IOMMU_WALK_PSC_H
#define HW_I386_INTEL_IOMMU_WALK_PSC_H

#include "internal.h"

typedef struct VTDWalkPSC VTDWalkPSC;
struct VTDWalkInvalidation;

VTDWalkPSC *vtd_walk_psc_new(void);
void vtd_walk_psc_clear(VTDWalkPSC *psc);

/* A table, and what the entries above it let pass */
typedef struct VTDWalkTable {
    uint64_t table;         /* guest-physical for stage 1 of nested */
    hwaddr host;            /* where it lies */
    uint8_t level;          /* 1: its entries are of 4 KiB pages */
    bool access;            /* stage 1: users; stage 2: reads */
    bool write;
} VTDWalkTable;

/*
 * @stage: VTD_WALK_STAGE1 or VTD_WALK_STAGE2, whose input @addr is.
 *
 * Return: false if no table below the top is known for @addr.
 */
bool vtd_walk_psc_find(const VTDWalkRequest *req, unsigned stage, uint64_t addr,
                       VTDWalkTable *table);
void vtd_walk_psc_add(const VTDWalkRequest *req, unsigned stage, uint64_t addr,
                      const VTDWalkTable *table);

void vtd_walk_psc_invalidate(VTDWalkPSC *psc,
                             const struct VTDWalkInvalidation *inv);

#endif
