/*
 * Intel VT-d: faults that are met outside the BQL
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fault registers, and the interrupt that tells of them, are under the BQL.
 * A device in an iothread translates without it, and can't take it: the IOMMU
 * lock, which it holds, comes after the BQL.  So its faults wait for a bottom
 * half.
 */

#ifndef HW_I386_INTEL_IOMMU_FAULT_H
#define HW_I386_INTEL_IOMMU_FAULT_H

#include "hw/i386/intel_iommu.h"

/* Realize and each reset, BQL held: what waits is forgotten. */
void vtd_fault_reset(IntelIOMMUState *s);

#endif
