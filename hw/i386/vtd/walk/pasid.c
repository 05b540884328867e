/*
 * Intel VT-d, ecap-nest=on: what a PASID entry asks for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "internal.h"
#include "hw/i386/vtd/spec.h"

static bool pe_uses_stage1(unsigned pgtt)
{
    return pgtt == VTD_WALK_STAGE1 || pgtt == VTD_WALK_NESTED;
}

static bool pe_uses_stage2(unsigned pgtt)
{
    return pgtt == VTD_WALK_STAGE2 || pgtt == VTD_WALK_NESTED;
}

static bool pe_reserved(IntelIOMMUState *s, const VTDPASIDEntry *pe,
                        unsigned pgtt)
{
    return pe->val[0] & VTD_PE0_RSVD ||
           vtd_core_pasid_fields_are_reserved(s, pe) ||
           (!(s->ecap & VTD_ECAP_SRS) && pe->val[2] & VTD_PE2_WPE) ||
           (pe_uses_stage2(pgtt) && pe->val[0] & ~VTD_HAW_MASK(s->aw_bits));
}

static bool pe_supported(IntelIOMMUState *s, const VTDPASIDEntry *pe,
                         unsigned pgtt)
{
    unsigned aw = VTD_PE0_AW(pe);
    unsigned fspm = VTD_PE2_FSPM(pe);

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
    return !pe_uses_stage1(pgtt) || fspm == 0 || (fspm == 1 && s->ext.fs5lp);
}

int vtd_walk_parse_pasid(IntelIOMMUState *s, const VTDPASIDEntry *pe,
                         VTDWalkPasid *out)
{
    unsigned pgtt = VTD_PE0_PGTT(pe) >> 6;
    unsigned aw = VTD_PE0_AW(pe);

    if (pe_reserved(s, pe, pgtt)) {
        return -VTD_SM_PASID_RSVD;
    }
    if (!pe_supported(s, pe, pgtt)) {
        return -VTD_SM_PASID_INV;
    }

    *out = (VTDWalkPasid) {
        .did = VTD_PE1_DID(pe),
        .pgtt = pgtt,
        .s1_levels = 4 + VTD_PE2_FSPM(pe),
        .s2_levels = 2 + aw,
        .s2_width = MIN(s->aw_bits, 30 + 9 * aw),
        .sre = pe->val[2] & VTD_PE2_SRE,
        .wpe = pe->val[2] & VTD_PE2_WPE,
        .eafe = pe->val[2] & VTD_PE2_EAFE,
        .slade = pe->val[0] & VTD_PE0_SSADE,
        .s1_root = VTD_PE2_FSPTPTR(pe),
        .s2_root = pe->val[0] & VTD_SM_PASID_ENTRY_SLPTPTR,
    };
    return 0;
}
