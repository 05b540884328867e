/*
 * Intel VT-d: registers that a guest reads without an exit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * With iothread= the register page is memory to the guest's reads, and its
 * writes exit.  No register of VT-d has a side effect on a read, so the page
 * only has to hold what a read would return: each change of csr is stored there
 * as well.
 */

#ifndef HW_I386_INTEL_IOMMU_REGS_H
#define HW_I386_INTEL_IOMMU_REGS_H

#include "hw/i386/intel_iommu.h"

/**
 * vtd_regs_init: Make the memory region of the registers.
 * @ops: for accesses that exit
 *
 * Return: false with @errp if there is no memory for the page.
 */
bool vtd_regs_init(IntelIOMMUState *s, const MemoryRegionOps *ops,
                   Error **errp);

/**
 * vtd_regs_publish: All registers may have changed: at realize, each reset, and
 * after a state was loaded.  BQL held.
 */
void vtd_regs_publish(IntelIOMMUState *s);

/**
 * vtd_regs_hold, vtd_regs_release: What changes in between is seen together at
 * the end.  BQL held.
 */
void vtd_regs_hold(IntelIOMMUState *s);
void vtd_regs_release(IntelIOMMUState *s);

/* Behind vtd_regs_changed(): there is a page. */
void vtd_regs_store(IntelIOMMUState *s, hwaddr addr);

/**
 * vtd_regs_changed: The register at @addr changed in csr.
 *
 * BQL held; but IQH_REG belongs to whoever serves the invalidation queue.
 */
static inline void vtd_regs_changed(IntelIOMMUState *s, hwaddr addr)
{
    if (unlikely(s->ext.regs_page)) {
        vtd_regs_store(s, addr);
    }
}

#endif
