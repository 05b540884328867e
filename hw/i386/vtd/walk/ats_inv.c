/*
 * Intel VT-d, ecap-nest=on: invalidation requests to devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Device-TLB descriptors (VT-d 6.5.2.5, 6.5.2.6) become invalidate requests;
 * the emulated device completes one at once or never.  For one that never
 * does, the unit gives up at the next wait descriptor: VT-d 6.5.2.11.
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "block/block.h"
#include "hw/pci/pci_ats.h"
#include "hw/i386/vtd/trace.h"
#include "hw/i386/vtd/ats.h"
#include "hw/i386/vtd/fault.h"
#include "hw/i386/vtd/prq.h"
#include "internal.h"
#include "state.h"

/* S and the low ones of the address give the size, PCIe 10.2.3.2. */
static void set_range(PCIATSInvalidation *inv, uint64_t addr, bool s)
{
    unsigned lg2 = VTD_PAGE_SHIFT_4K;

    addr &= VTD_PAGE_MASK_4K;
    if (s) {
        lg2 += 1 + cto64(addr >> VTD_PAGE_SHIFT_4K);
    }
    if (lg2 >= 64) {
        inv->first = 0;
        inv->last = UINT64_MAX;
        return;
    }
    inv->first = addr & vtd_walk_page_mask(lg2);
    inv->last = inv->first | ~vtd_walk_page_mask(lg2);
}

static void request(IntelIOMMUState *s, uint16_t sid,
                    const PCIATSInvalidation *inv)
{
    bool done = (!s->walk_strict ||
                 pci_ats_is_enabled(s->walk->bus, sid)) &&
                pci_ats_invalidate(s->walk->bus, sid, inv);

    if (s->walk->inject_ite) {
        s->walk->inject_ite--;
        done = false;
    }
    trace_vtd_ats_invalidate(sid, inv->pasid, inv->global, inv->first,
                             inv->last, done);
    if (!done) {
        s->walk->inv_timed_out = true;
        s->walk->inv_sid = sid;
    }
}

static void inv_device(IntelIOMMUState *s, uint64_t lo, uint64_t hi)
{
    PCIATSInvalidation inv = { .pasid = PCI_NO_PASID };

    set_range(&inv, hi, VTD_INV_DESC_DEVICE_IOTLB_SIZE(hi));
    request(s, VTD_INV_DESC_DEVICE_IOTLB_SID(lo), &inv);
}

static void inv_device_pasid(IntelIOMMUState *s, uint64_t lo, uint64_t hi)
{
    PCIATSInvalidation inv = {
        .pasid = VTD_INV_DESC_PASID_DEVICE_IOTLB_PASID(lo),
        .global = VTD_INV_DESC_PASID_DEVICE_IOTLB_GLOBAL(hi),
    };

    set_range(&inv, hi, VTD_INV_DESC_PASID_DEVICE_IOTLB_SIZE(hi));
    request(s, VTD_INV_DESC_PASID_DEVICE_IOTLB_SID(lo), &inv);
}

void vtd_ats_do_inv_desc(IntelIOMMUState *s, uint8_t type, uint64_t val[2])
{
    if (type == VTD_INV_DESC_WAIT) {
        vtd_prq_wait_desc(s, &val[0]);
    }
    if (!s->ecap_nest || !(s->ecap & VTD_ECAP_DT)) {
        return;
    }
    /* A malformed one is left to QEMU's check, which reports it. */
    switch (type) {
    case VTD_INV_DESC_DEVICE:
        val[0] &= ~VTD_INV_DEVICE_PFSID;
        if (!(val[0] & VTD_INV_DESC_DEVICE_IOTLB_RSVD_LO) &&
            !(val[1] & VTD_INV_DESC_DEVICE_IOTLB_RSVD_HI)) {
            inv_device(s, val[0], val[1]);
        }
        break;
    case VTD_INV_DESC_DEV_PIOTLB:
        val[0] &= ~VTD_INV_DEVICE_PFSID;
        if (!(val[0] & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL0) &&
            !(val[1] & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL1)) {
            inv_device_pasid(s, val[0], val[1]);
        }
        break;
    }
}

/* Timed out */

/*
 * VT-d 6.5.4: what was translated before is in memory when the wait descriptor
 * completes.  Only disks have DMA that lasts longer than its translation.
 */
static void drain_dma(IntelIOMMUState *s)
{
    if (s->walk_strict && s->walk->drain) {
        bdrv_drain_all();
    }
    s->walk->drain = false;
}

bool vtd_ats_do_abort_wait(IntelIOMMUState *s)
{
    uint32_t fsts;

    drain_dma(s);
    if (!s->walk->inv_timed_out) {
        return false;
    }
    s->walk->inv_timed_out = false;
    fsts = ldl_le_p(&s->csr[DMAR_FSTS_REG]);
    stq_le_p(&s->csr[DMAR_IQERCD_REG],
             (uint64_t)s->walk->inv_sid << VTD_IQERCD_ITESID);
    stl_le_p(&s->csr[DMAR_FSTS_REG], fsts | VTD_FSTS_ITE);
    trace_vtd_ats_inv_timed_out(s->walk->inv_sid);
    if (!(fsts & VTD_FSTS_ITE)) {
        vtd_core_fault_event(s, fsts);
    }
    return true;
}

bool vtd_ats_inv_timed_out(IntelIOMMUState *s)
{
    return ldl_le_p(&s->csr[DMAR_FSTS_REG]) & VTD_FSTS_ITE;
}

void vtd_ats_fsts_written(IntelIOMMUState *s)
{
    uint32_t fsts = ldl_le_p(&s->csr[DMAR_FSTS_REG]);

    /* ITE is set with ecap-nest=on only; IQE by every unit. */
    if (s->qi_enabled && !(fsts & (VTD_FSTS_ITE | VTD_FSTS_IQE))) {
        vtd_core_fetch(s);
    }
}

void vtd_ats_reset(IntelIOMMUState *s)
{
    vtd_fault_reset(s);
    vtd_walk_version_init(s);
    if (s->ecap_nest) {
        s->walk->inv_timed_out = false;
        s->walk->drain = false;
        stl_le_p(&s->w1cmask[DMAR_FSTS_REG],
                 ldl_le_p(&s->w1cmask[DMAR_FSTS_REG]) | VTD_FSTS_ITE);
        if (!s->prq) {
            vtd_prq_setup(s, &vtd_ats_prq_ops);
        }
    }
    vtd_prq_reset(s);
}
