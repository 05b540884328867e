/*
 * Intel VT-d, ecap-nest=on: what the guest's invalidations take out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * intel_iommu.c checked the reserved bits and the address mask of every
 * descriptor that comes here but the PASID-cache's, which it does not look at.
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "hw/i386/vtd/trace.h"
#include "cache.h"
#include "state.h"
#include "hw/i386/vtd/spec.h"

static void inv_run(IntelIOMMUState *s, const char *what,
                    const VTDWalkInvalidation *inv)
{
    trace_vtd_walk_invalidate(what, inv->did, inv->pasid, inv->first,
                              inv->last);
    vtd_walk_notify(s, inv);
    QEMU_LOCK_GUARD(&s->iommu_lock);
    vtd_walk_cache_invalidate(s->ext.walk->cache, inv);
    vtd_walk_psc_invalidate(s->ext.walk->psc, inv);
}

/* @hint: IH, at the same place of all three forms */
static void inv_set_page(VTDWalkInvalidation *inv, uint64_t addr, unsigned am,
                         uint64_t hint)
{
    uint64_t size = VTD_PAGE_SIZE << am;

    inv->by_page = true;
    inv->leaf_only = hint & VTD_INV_IH;
    inv->first = addr & ~(size - 1);
    inv->last = inv->first + size - 1;
}

static void inv_iotlb(IntelIOMMUState *s, uint64_t lo, uint64_t hi)
{
    VTDWalkInvalidation inv = {};

    s->ext.walk->drain |= lo & (VTD_INV_DW | VTD_INV_DR);
    if ((lo & VTD_INV_DESC_IOTLB_G) != VTD_INV_DESC_IOTLB_GLOBAL) {
        inv.by_did = true;
        inv.did = VTD_INV_DESC_IOTLB_DID(lo);
    }
    if ((lo & VTD_INV_DESC_IOTLB_G) == VTD_INV_DESC_IOTLB_PAGE) {
        inv_set_page(&inv, VTD_INV_DESC_IOTLB_ADDR(hi),
                     VTD_INV_DESC_IOTLB_AM(hi), hi);
    }
    inv_run(s, "iotlb", &inv);
}

static void inv_piotlb(IntelIOMMUState *s, uint64_t lo, uint64_t hi)
{
    VTDWalkInvalidation inv = {
        .by_did = true,
        .by_pasid = true,
        .did = VTD_INV_DESC_PIOTLB_DID(lo),
        .pasid = VTD_INV_DESC_PIOTLB_PASID(lo),
    };

    s->ext.walk->drain = true;
    if ((lo & VTD_INV_DESC_PIOTLB_G) == VTD_INV_DESC_PIOTLB_PSI_IN_PASID) {
        inv_set_page(&inv, VTD_INV_DESC_PIOTLB_ADDR(hi),
                     VTD_INV_DESC_PIOTLB_AM(hi), hi);
    }
    inv_run(s, "piotlb", &inv);
}

static bool inv_pasid_cache(IntelIOMMUState *s, uint64_t lo, uint64_t hi)
{
    VTDWalkInvalidation inv = {
        .pasid_cache = true,
        .strict = s->ext.walk_strict,
    };

    if (lo & VTD_INV_PC_RSVD || hi) {
        return false;
    }
    switch (VTD_INV_PC_G(lo)) {
    case VTD_INV_PC_G_PASID:
        inv.by_pasid = true;
        inv.pasid = (lo >> 32) & VTD_PASID_ID_MASK;
        /* fall through */
    case VTD_INV_PC_G_DOMAIN:
        inv.by_did = true;
        inv.did = (lo >> 16) & VTD_DOMAIN_ID_MASK;
        break;
    case VTD_INV_PC_G_GLOBAL:
        break;
    default:
        return false;
    }
    inv_run(s, "pasid-cache", &inv);
    return true;
}

bool vtd_walk_desc_after(IntelIOMMUState *s, uint8_t type,
                         const uint64_t val[4])
{
    switch (type) {
    case VTD_INV_DESC_IOTLB:
        inv_iotlb(s, val[0], val[1]);
        return true;
    case VTD_INV_DESC_PIOTLB:
        inv_piotlb(s, val[0], val[1]);
        return true;
    case VTD_INV_DESC_PC:
        return inv_pasid_cache(s, val[0], val[1]);
    default:
        return true;
    }
}

void vtd_walk_iotlb_reg(IntelIOMMUState *s, uint64_t val)
{
    VTDWalkInvalidation inv = {};
    uint64_t iva = vtd_core_iva(s);

    switch (val & VTD_TLB_FLUSH_GRANU_MASK) {
    case VTD_TLB_PSI_FLUSH:
        if (VTD_IVA_AM(iva) > s->ext.mamv) {
            return;
        }
        inv_set_page(&inv, VTD_IVA_ADDR(iva), VTD_IVA_AM(iva), iva);
        /* fall through */
    case VTD_TLB_DSI_FLUSH:
        inv.by_did = true;
        inv.did = VTD_TLB_DID(val);
        break;
    case VTD_TLB_GLOBAL_FLUSH:
        break;
    default:
        return;
    }
    inv_run(s, "iotlb register", &inv);
}
