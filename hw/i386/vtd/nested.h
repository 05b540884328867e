/*
 * Intel VT-d, nested=on: the guest's stage 1 on kernel-managed stage 2
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What vtd/ext.c knows of it.
 *
 * With iothread= a thread serves part of the queue, without the functions of
 * the table; it stands still between those that are named _begin and _end.
 */

#ifndef HW_I386_INTEL_IOMMU_NESTED_H
#define HW_I386_INTEL_IOMMU_NESTED_H

#include "ext.h"

/**
 * vtd_nested_decide_config: First step of realize, also with nested=off.
 *
 * nested=on implies scalable mode and stage 1.
 *
 * Return: false with @errp for a property that contradicts nested=on, or needs
 * it.
 */
bool vtd_nested_decide_config(IntelIOMMUState *s, Error **errp);

extern const VTDExtOps vtd_nested_ops;

#endif
