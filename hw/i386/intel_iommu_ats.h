/*
 * Intel VT-d, ecap-nest=on: requests with PASID, and ATS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_I386_INTEL_IOMMU_ATS_H
#define HW_I386_INTEL_IOMMU_ATS_H

#include "hw/i386/intel_iommu.h"

/**
 * vtd_ats_realize: At realize, after pci_setup_iommu.
 *
 * From now on emulated devices can issue requests with PASID.  Nothing with
 * ecap-nest=off.
 */
void vtd_ats_realize(IntelIOMMUState *s, PCIBus *bus);

#endif
