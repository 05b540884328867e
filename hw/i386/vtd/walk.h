/*
 * Intel VT-d, ecap-nest=on: an emulated unit that walks both stages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What vtd/ext.c knows of it.
 */

#ifndef HW_I386_INTEL_IOMMU_WALK_H
#define HW_I386_INTEL_IOMMU_WALK_H

#include "ext.h"
#include "nvtd/base.h"

/**
 * vtd_walk_decide_config: First step of realize, also with ecap-nest=off.
 *
 * ecap-nest=on implies scalable mode and stage 1.
 *
 * Return: false with @errp for a property that contradicts it, or needs it.
 */
bool vtd_walk_decide_config(IntelIOMMUState *s, Error **errp);

extern const VTDExtOps vtd_walk_ops;

#endif
