/*
 * Intel VT-d, nested=on: the guest's invalidations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * By descriptors of the queue, and by registers.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/trace.h"
#include "hw/i386/vtd/spec.h"

/*
 * Which devices are meant is not said: an entry that is new has its domain-id
 * in the guest's memory only.  So each device looks at its entry of that PASID,
 * or at all of them, whatever domain-id is named; hardware may drop more than
 * it is told to.  For entries that did not change that is a read of guest
 * memory.
 *
 * The descriptor is one of 256 bits (VT-d specification, 6.5.2.2), so it has no
 * place in a queue of 128-bit ones.
 */
static bool invalidate_pasid_cache(VTDNested *n, const uint64_t val[4])
{
    uint64_t lo = val[0];

    if (!n->iommu->iq_dw || lo & VTD_INV_PC_RSVD ||
        val[1] || val[2] || val[3]) {
        return false;
    }
    trace_vtd_nested_inv_pasid_cache(VTD_INV_PC_G(lo), VTD_INV_PC_DID(lo),
                                     VTD_INV_PC_PASID(lo));
    n->counters.pasid_cache_invalidations++;
    switch (VTD_INV_PC_G(lo)) {
    case VTD_INV_PC_G_PASID:
        vtd_core_forget_pasid(n->iommu, VTD_INV_PC_PASID(lo));
        vtd_nested_refresh_pasid(n, VTD_INV_PC_PASID(lo));
        return true;
    case VTD_INV_PC_G_DOMAIN:
    case VTD_INV_PC_G_GLOBAL:
        vtd_core_forget_pasid_entries(n->iommu);
        vtd_nested_refresh_all(n->iommu);
        return true;
    default:
        return false;
    }
}

static bool inv_desc(VTDNested *n, uint8_t type, const uint64_t val[4])
{
    vtd_nested_count_descriptor(n);
    switch (type) {
    case VTD_INV_DESC_PC:
        return invalidate_pasid_cache(n, val);
    case VTD_INV_DESC_PIOTLB:
    case VTD_INV_DESC_IOTLB:
        vtd_nested_collect(n, type, val);
        return true;
    default:
        return true;
    }
}

bool vtd_nested_desc_after(IntelIOMMUState *s, uint8_t type,
                           const uint64_t val[4])
{
    bool ok;

    assert(bql_locked() && vtd_nested_is_held(s->ext.nest));
    ok = inv_desc(s->ext.nest, type, val);
    if (!s->ext.nested_batch) {
        vtd_nested_inv_flush(s);
    }
    return ok;
}

void vtd_nested_iotlb_reg(IntelIOMMUState *s, uint64_t val)
{
    if ((val & VTD_TLB_FLUSH_GRANU_MASK) == VTD_TLB_GLOBAL_FLUSH) {
        vtd_nested_iotlb_global(s->ext.nest);
    } else {
        vtd_nested_iotlb_domain(s->ext.nest, VTD_TLB_DID(val));
    }
    vtd_nested_inv_flush(s);
}
