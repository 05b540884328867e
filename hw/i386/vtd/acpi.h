/*
 * Intel VT-d: more of the DMAR table, for hosts to be tested with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_I386_INTEL_IOMMU_ACPI_H
#define HW_I386_INTEL_IOMMU_ACPI_H

#include "hw/i386/intel_iommu.h"

/**
 * vtd_acpi_decide_config: At realize.  Reserves memory for x-rmrr.
 *
 * Return: false with @errp for what is no function.
 */
bool vtd_acpi_decide_config(IntelIOMMUState *s, Error **errp);

/* The DMAR table's structures are in the order of their types. */
void vtd_acpi_build_rmrr(IntelIOMMUState *s, GArray *table);
void vtd_acpi_build_satc(IntelIOMMUState *s, GArray *table);

#endif
