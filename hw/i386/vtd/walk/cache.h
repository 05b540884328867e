/*
 * Intel VT-d, ecap-nest=on: the IOTLB and the PASID cache
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Both are bounded and tagged as the invalidations need it; context entries
 * stay in intel_iommu.c's cache.  Everything here runs under the IOMMU lock.
 */

#ifndef HW_I386_INTEL_IOMMU_WALK_CACHE_H
#define HW_I386_INTEL_IOMMU_WALK_CACHE_H

#include "internal.h"

typedef struct VTDWalkCache VTDWalkCache;

VTDWalkCache *vtd_walk_cache_new(void);
void vtd_walk_cache_clear(VTDWalkCache *cache);

/* What a translation or a PASID entry is found by. */
typedef struct VTDWalkTag {
    uint16_t sid;
    bool priv;              /* the requester has supervisor privilege */
    uint32_t pasid;         /* RID_PASID for a request without one */
} VTDWalkTag;

/*
 * @of: only a translation of this entry's type and domain-id; NULL: any
 *
 * @page: out: the translation of @addr
 *
 * Return: whether there is one.
 */
bool vtd_walk_iotlb_find(VTDWalkCache *cache, VTDWalkTag tag, hwaddr addr,
                         const VTDWalkPasid *of, VTDWalkPage *page);
void vtd_walk_iotlb_add(VTDWalkCache *cache, VTDWalkTag tag, hwaddr addr,
                        const VTDWalkPasid *pasid, const VTDWalkPage *page);

/* Return: the entry, or NULL; good until the next add. */
const VTDWalkPasid *vtd_walk_pasid_find(VTDWalkCache *cache, VTDWalkTag tag);
const VTDWalkPasid *vtd_walk_pasid_add(VTDWalkCache *cache, VTDWalkTag tag,
                                       const VTDWalkPasid *pasid);

/*
 * What an invalidation takes out: all that agrees in every field that counts.
 * A PASID-cache invalidation takes the entries out, and their translations
 * unless @strict; the others translations only.
 */
typedef struct VTDWalkInvalidation {
    bool pasid_cache;
    bool strict;
    bool by_did;
    bool by_pasid;          /* translations through stage 1 only, too */
    bool by_page;
    bool leaf_only;         /* IH: tables above the pages stay as they are */
    uint16_t did;
    uint32_t pasid;
    uint64_t first, last;   /* addresses of by_page, both inclusive */
} VTDWalkInvalidation;

/* vtd/walk/notify.c: BQL held, IOMMU lock not, before the caches. */
void vtd_walk_notify(IntelIOMMUState *s, const VTDWalkInvalidation *inv);

void vtd_walk_cache_invalidate(VTDWalkCache *cache,
                               const VTDWalkInvalidation *inv);

#endif
