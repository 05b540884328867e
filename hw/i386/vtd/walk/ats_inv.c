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
    bool done = (!s->ext.walk_strict ||
                 pci_ats_is_enabled(s->ext.walk->bus, sid)) &&
                pci_ats_invalidate(s->ext.walk->bus, sid, inv);

    if (s->ext.walk->inject_ite) {
        s->ext.walk->inject_ite--;
        done = false;
    }
    trace_vtd_ats_invalidate(sid, inv->pasid, inv->global, inv->first,
                             inv->last, done);
    if (!done) {
        s->ext.walk->inv_timed_out = true;
        s->ext.walk->inv_sid = sid;
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

/* A malformed one is left to intel_iommu.c's check, which reports it. */
static void inv_device_tlb(IntelIOMMUState *s, uint8_t type, uint64_t lo,
                           uint64_t hi)
{
    lo &= ~VTD_INV_DEVICE_PFSID;
    if (type == VTD_INV_DESC_DEVICE) {
        if (!(lo & VTD_INV_DESC_DEVICE_IOTLB_RSVD_LO) &&
            !(hi & VTD_INV_DESC_DEVICE_IOTLB_RSVD_HI)) {
            inv_device(s, lo, hi);
        }
    } else if (!(lo & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL0) &&
               !(hi & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL1)) {
        inv_device_pasid(s, lo, hi);
    }
}

uint64_t vtd_walk_desc_before(IntelIOMMUState *s, uint8_t type,
                              const uint64_t val[2])
{
    switch (type) {
    case VTD_INV_DESC_WAIT:
        return vtd_prq_wait_desc(s, val[0]);
    case VTD_INV_DESC_DEVICE:
    case VTD_INV_DESC_DEV_PIOTLB:
        if (s->ecap & VTD_ECAP_DT) {
            inv_device_tlb(s, type, val[0], val[1]);
            return VTD_INV_DEVICE_PFSID;
        }
        return 0;
    default:
        return 0;
    }
}

/* Timed out */

/*
 * VT-d 6.5.4: what was translated before is in memory when the wait descriptor
 * completes.  Only disks have DMA that lasts longer than its translation.
 */
static void drain_dma(IntelIOMMUState *s)
{
    if (s->ext.walk_strict && s->ext.walk->drain) {
        bdrv_drain_all();
    }
    s->ext.walk->drain = false;
}

/*
 * Return: true if a device did not complete an invalidation: the wait
 * descriptor is not to complete, and the queue stops (FSTS.ITE).
 */
static bool abort_wait(IntelIOMMUState *s)
{
    uint32_t fsts;

    drain_dma(s);
    if (!s->ext.walk->inv_timed_out) {
        return false;
    }
    s->ext.walk->inv_timed_out = false;
    fsts = ldl_le_p(&s->csr[DMAR_FSTS_REG]);
    stq_le_p(&s->csr[DMAR_IQERCD_REG],
             (uint64_t)s->ext.walk->inv_sid << VTD_IQERCD_ITESID);
    stl_le_p(&s->csr[DMAR_FSTS_REG], fsts | VTD_FSTS_ITE);
    trace_vtd_ats_inv_timed_out(s->ext.walk->inv_sid);
    if (!(fsts & VTD_FSTS_ITE)) {
        vtd_core_fault_event(s, fsts);
    }
    return true;
}

bool vtd_walk_wait_before(IntelIOMMUState *s, uint64_t lo)
{
    return !abort_wait(s) && !vtd_prq_is_fence(lo);
}

static bool is_stopped(IntelIOMMUState *s)
{
    return ldl_le_p(&s->csr[DMAR_FSTS_REG]) & VTD_FSTS_ITE;
}

bool vtd_walk_queue_begin(IntelIOMMUState *s)
{
    return !is_stopped(s);
}

/* The queue stops behind the wait descriptor that did not complete. */
bool vtd_walk_queue_more(IntelIOMMUState *s)
{
    if (!is_stopped(s)) {
        return true;
    }
    vtd_core_set_iqh(s);
    return false;
}

void vtd_walk_inv_reset(IntelIOMMUState *s)
{
    s->ext.walk->inv_timed_out = false;
    s->ext.walk->drain = false;
    stl_le_p(&s->w1cmask[DMAR_FSTS_REG],
             ldl_le_p(&s->w1cmask[DMAR_FSTS_REG]) | VTD_FSTS_ITE);
}
