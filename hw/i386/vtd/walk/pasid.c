/*
 * Intel VT-d, ecap-nest=on: what a PASID entry asks for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "internal.h"
#include "hw/i386/vtd/spec.h"

/* Bit 5 is of units without ECAP.SMPWC; NXE has no meaning here. */
#define WALK_PE0_RSVD   (VTD_PE0_RSVD | 1ULL << 5)
#define WALK_PE2_RSVD   (VTD_PE2_RSVD | VTD_PE2_ERE | VTD_PE2_SMEP)

static bool pe_uses_stage1(unsigned pgtt)
{
    return pgtt == VTD_WALK_STAGE1 || pgtt == VTD_WALK_NESTED;
}

static bool pe_uses_stage2(unsigned pgtt)
{
    return pgtt == VTD_WALK_STAGE2 || pgtt == VTD_WALK_NESTED;
}

/* A field of a capability that is not reported is reserved. */
static bool pe_unsupported(IntelIOMMUState *s, const VTDPASIDEntry *pe)
{
    uint64_t pe1 = 0, pe2 = 0;

    if (!(s->ecap & VTD_ECAP_SMPWC)) {
        pe1 |= VTD_PE1_PWSNP;
    }
    if (!(s->ecap & VTD_ECAP_SC)) {
        pe1 |= VTD_PE1_PGSNP;
    }
    if (!(s->ecap & VTD_ECAP_MTS)) {
        pe1 |= VTD_PE1_MEMORY_TYPE;
    }
    if (!(s->ecap & VTD_ECAP_SRS)) {
        pe2 |= VTD_PE2_SRE | VTD_PE2_WPE;
    }
    if (!(s->ecap & VTD_ECAP_EAFS)) {
        pe2 |= VTD_PE2_EAFE;
    }
    return pe->val[1] & pe1 || pe->val[2] & pe2;
}

static bool pe_reserved(IntelIOMMUState *s, const VTDPASIDEntry *pe,
                        unsigned pgtt)
{
    uint64_t beyond = ~VTD_HAW_MASK(s->aw_bits);
    int i;

    for (i = 3; i < ARRAY_SIZE(pe->val); i++) {
        if (pe->val[i]) {
            return true;
        }
    }
    /* Nested, the pointer is guest-physical: stage 2 judges its width. */
    return pe->val[0] & WALK_PE0_RSVD || pe->val[1] & VTD_PE1_RSVD ||
           pe->val[2] & WALK_PE2_RSVD || pe_unsupported(s, pe) ||
           (pe_uses_stage2(pgtt) && pe->val[0] & beyond) ||
           (pgtt == VTD_WALK_STAGE1 && pe->val[2] & beyond);
}

static bool pe_supported(IntelIOMMUState *s, const VTDPASIDEntry *pe,
                         unsigned pgtt)
{
    unsigned aw = (pe->val[0] >> 2) & VTD_SM_PASID_ENTRY_AW;
    unsigned fspm = (pe->val[2] >> 2) & VTD_SM_PASID_ENTRY_FLPM;

    if (pgtt < VTD_WALK_STAGE1 || pgtt > VTD_WALK_PASS_THROUGH ||
        (pgtt == VTD_WALK_PASS_THROUGH && !(s->ecap & VTD_ECAP_PT))) {
        return false;
    }
    /* 1 to 3 are the widths that the walk can do, of SAGAW's five bits. */
    if (pe_uses_stage2(pgtt) &&
        (aw < 1 || aw > 3 ||
         !(s->cap & VTD_CAP_SAGAW_MASK & 1ULL << (aw + VTD_CAP_SAGAW_SHIFT)))) {
        return false;
    }
    return !pe_uses_stage1(pgtt) || fspm == 0 || (fspm == 1 && s->fs5lp);
}

int vtd_walk_parse_pasid(IntelIOMMUState *s, const VTDPASIDEntry *pe,
                         VTDWalkPasid *out)
{
    unsigned pgtt = (pe->val[0] & VTD_SM_PASID_ENTRY_PGTT) >> 6;
    unsigned aw = (pe->val[0] >> 2) & VTD_SM_PASID_ENTRY_AW;

    if (pe_reserved(s, pe, pgtt)) {
        return -VTD_SM_PASID_RSVD;
    }
    if (!pe_supported(s, pe, pgtt)) {
        return -VTD_SM_PASID_INV;
    }

    *out = (VTDWalkPasid) {
        .did = VTD_SM_PASID_ENTRY_DID(pe->val[1]),
        .pgtt = pgtt,
        .s1_levels = 4 + ((pe->val[2] >> 2) & VTD_SM_PASID_ENTRY_FLPM),
        .s2_levels = 2 + aw,
        .s2_width = MIN(s->aw_bits, 30 + 9 * aw),
        .sre = pe->val[2] & VTD_PE2_SRE,
        .wpe = pe->val[2] & VTD_PE2_WPE,
        .eafe = pe->val[2] & VTD_PE2_EAFE,
        .slade = pe->val[0] & VTD_PE0_SSADE,
        .s1_root = pe->val[2] & VTD_SM_PASID_ENTRY_FLPTPTR,
        .s2_root = pe->val[0] & VTD_SM_PASID_ENTRY_SLPTPTR,
    };
    return 0;
}
