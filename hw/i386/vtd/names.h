/*
 * Intel VT-d: the names that QEMU 11 has for properties
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_I386_VTD_NAMES_H
#define HW_I386_VTD_NAMES_H

#include "hw/i386/intel_iommu.h"

/**
 * vtd_names_take: Turn scalable-mode, fsts, pasid-bits and svm into our own
 * properties.  Before these are looked at.
 *
 * Return: false with @errp if one of them requires what was not given.
 */
bool vtd_names_take(IntelIOMMUState *s, Error **errp);

#endif
