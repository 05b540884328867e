/*
 * Intel VT-d, ecap-nest=on: what the files of the walk share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Everything here runs under IntelIOMMUState.iommu_lock.  An int result is 0 or
 * a negated fault reason (VTD_SM_*).
 */

#ifndef HW_I386_INTEL_IOMMU_WALK_INTERNAL_H
#define HW_I386_INTEL_IOMMU_WALK_INTERNAL_H

#include "hw/i386/vtd/core.h"

/* A scalable-mode PASID entry, judged and taken apart (VT-d 9.6) */
typedef struct VTDWalkPasid {
    uint16_t did;
    uint8_t pgtt;           /* VTD_SM_PASID_ENTRY_* >> 6 */
    uint8_t s1_levels;      /* 4 or 5 */
    uint8_t s2_levels;      /* 3 to 5 */
    uint8_t s2_width;       /* bits of a stage-2 input address */
    bool fpd;               /* no fault records: context, directory or entry */
    bool sre;               /* supervisor requests allowed */
    bool wpe;               /* supervisor writes obey R/W */
    bool eafe;              /* extended-accessed bits in stage 1 */
    bool slade;             /* accessed and dirty bits in stage 2 */
    uint64_t s1_root;       /* guest-physical if nested */
    uint64_t s2_root;
} VTDWalkPasid;

enum {
    VTD_WALK_STAGE1 = 1,
    VTD_WALK_STAGE2 = 2,
    VTD_WALK_NESTED = 3,
    VTD_WALK_PASS_THROUGH = 4,
};

/* A request on its way through the tables */
typedef struct VTDWalkRequest {
    IntelIOMMUState *iommu;
    const VTDWalkPasid *pasid;
    uint32_t pasid_id;      /* its number */
    hwaddr addr;
    bool write;
    bool priv;              /* supervisor privilege */
    bool from_top;          /* use no cached table */
} VTDWalkRequest;

/* What one stage, or both, make of an address */
typedef struct VTDWalkPage {
    uint64_t out;           /* of the address asked for, not of the page */
    uint8_t size_lg2;       /* 12, 21 or 30 */
    bool read;
    bool write;             /* and nothing is left to do to the dirty bit */
} VTDWalkPage;

/*
 * vtd/walk/walk.c: a request as the unit receives it, from a function's own
 * address space (with its RID_PASID) or with a PASID prefix.
 */
typedef struct VTDWalkTLP {
    VTDAddressSpace *as;    /* of the function, PCI_NO_PASID */
    uint32_t pasid;         /* PCI_NO_PASID: none, and no @priv, no @exec */
    bool priv;
    bool exec;
    bool write;
    hwaddr addr;
    uint8_t type;           /* VTD_AT_* */
    bool page_request;      /* not a request for memory: nothing is walked */
} VTDWalkTLP;

/**
 * vtd_walk_tlp_locked: Translate, and record a fault.
 *
 * A translation request that finds no page, or not the right to it, ends well:
 * with no rights in @page and no record.
 *
 * Return: false if the request is blocked.
 */
bool vtd_walk_tlp_locked(IntelIOMMUState *s, const VTDWalkTLP *tlp,
                         VTDWalkPage *page);

/**
 * vtd_walk_check_translated_locked: May a translated request pass?
 *
 * Return: false, with a fault recorded, if not.
 */
bool vtd_walk_check_translated_locked(IntelIOMMUState *s,
                                      const VTDWalkTLP *tlp);

/**
 * vtd_walk_check_context_locked: Does the context entry let the request pass?
 *
 * For what is not translated: a page request, or a translation request of an
 * address that is told apart before any table.
 *
 * Return: 0, or the fault reason, recorded.
 */
int vtd_walk_check_context_locked(IntelIOMMUState *s, const VTDWalkTLP *tlp);

/* Reasons that depend on whose address stage 2 translates */
typedef struct VTDWalkReasons {
    uint8_t beyond;
    uint8_t read;
    uint8_t write;
} VTDWalkReasons;

static inline uint64_t vtd_walk_page_mask(unsigned size_lg2)
{
    return ~((1ULL << size_lg2) - 1);
}

/* log2 of what an entry of a table of this level maps */
static inline unsigned vtd_walk_level_lg2(unsigned level)
{
    return VTD_PAGE_SHIFT_4K + (level - 1) * VTD_LEVEL_BITS;
}

/* Where the entry for @addr is in a table of this level at @table. */
static inline uint64_t vtd_walk_slot(uint64_t table, unsigned level,
                                     uint64_t addr)
{
    return table + ((addr >> vtd_walk_level_lg2(level)) &
                    (VTD_PT_ENTRY_NR - 1)) * sizeof(uint64_t);
}

/* vtd/walk/entry.c: paging-structure entries in guest RAM */

/* Counted, for the trace.  Return: false if no RAM is there. */
bool vtd_walk_entry_read(IntelIOMMUState *s, hwaddr addr, uint64_t *entry);

typedef enum VTDWalkUpdate {
    VTD_WALK_UPDATE_DONE,
    VTD_WALK_UPDATE_CHANGED,    /* the entry is no longer @entry */
    VTD_WALK_UPDATE_FAILED,     /* no writable RAM is there */
} VTDWalkUpdate;

/* Set @bits in the entry @entry at @addr, atomically, as the vCPUs may too. */
VTDWalkUpdate vtd_walk_entry_set(hwaddr addr, uint64_t entry, uint64_t bits);

/* vtd/walk/stage1.c, vtd/walk/stage2.c */

/* Both stages, if @req is nested.  */
int vtd_walk_stage1(const VTDWalkRequest *req, VTDWalkPage *page);

int vtd_walk_stage2(const VTDWalkRequest *req, uint64_t addr, bool write,
                    const VTDWalkReasons *reasons, VTDWalkPage *page);

/* vtd/walk/pasid.c */

/* Judge the PASID entry @pe. */
int vtd_walk_parse_pasid(IntelIOMMUState *s, const VTDPASIDEntry *pe,
                         VTDWalkPasid *out);

#endif
