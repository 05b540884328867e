/*
 * Intel VT-d: registers that a guest reads without an exit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qapi/error.h"
#include "hw/i386/intel_iommu_internal.h"
#include "regs.h"

bool vtd_regs_init(IntelIOMMUState *s, const MemoryRegionOps *ops,
                   Error **errp)
{
    if (!s->ext.iothread) {
        memory_region_init_io(&s->csrmem, OBJECT(s), ops, s, "intel_iommu",
                              VTD_PAGE_SIZE);
        return true;
    }
    /* Its contents are made from csr, which is what migrates. */
    if (!memory_region_init_rom_device_nomigrate(&s->csrmem, OBJECT(s), ops, s,
                                                 "intel_iommu", VTD_PAGE_SIZE,
                                                 errp)) {
        return false;
    }
    s->ext.regs_page = memory_region_get_ram_ptr(&s->csrmem);
    /* As an access beyond the registers reads. */
    memset(s->ext.regs_page, 0xff, VTD_PAGE_SIZE);
    return true;
}

/* The same that vtd_mem_read() returns */
static uint64_t reg_as_read(IntelIOMMUState *s, hwaddr quad)
{
    uint64_t val = ldq_le_p(&s->csr[quad]) & ~ldq_le_p(&s->womask[quad]);

    if (quad == DMAR_IQA_REG) {
        val = s->iq | (val & (VTD_IQA_QS | VTD_IQA_DW_MASK));
    }
    return val;
}

/* A vCPU that reads meanwhile has the old value or the new one. */
static void quad_store(IntelIOMMUState *s, hwaddr quad)
{
    qatomic_set((uint64_t *)(s->ext.regs_page + quad),
                cpu_to_le64(reg_as_read(s, quad)));
}

void vtd_regs_store(IntelIOMMUState *s, hwaddr addr)
{
    if (!s->ext.regs_held) {
        quad_store(s, QEMU_ALIGN_DOWN(addr, sizeof(uint64_t)));
    }
}

void vtd_regs_publish(IntelIOMMUState *s)
{
    if (!s->ext.regs_page) {
        return;
    }
    for (hwaddr quad = 0; quad < DMAR_REG_SIZE; quad += sizeof(uint64_t)) {
        quad_store(s, quad);
    }
}

void vtd_regs_hold(IntelIOMMUState *s)
{
    s->ext.regs_held = true;
}

void vtd_regs_release(IntelIOMMUState *s)
{
    s->ext.regs_held = false;
    vtd_regs_publish(s);
}
