/*
 * intel-iommu,nested=on: flows that may fail half-way
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_INTEL_IOMMU_NESTED_FLOW_H
#define QTEST_INTEL_IOMMU_NESTED_FLOW_H

#include "nested-steps.h"

/* From a device on table A, with @start after that, one step of the guest */
typedef struct NestedFlow {
    const char *name;
    Op start;
    Op op;
    unsigned pgtt;      /* where it leads: as in Step */
    unsigned table;
    Dma dma;
} NestedFlow;

/* Leaves the device where the flow starts, whatever happened before. */
void nested_flow_start(NestedTest *t, const NestedFlow *flow);
/* The flow came to its end. */
void nested_flow_check(NestedTest *t, const NestedFlow *flow);
/* The device is blocked, and the guest finds a fault. */
void nested_flow_check_blocked(NestedTest *t);
/* What the guest does next finds the device in order. */
void nested_flow_recover(NestedTest *t);

/* Hot-plug, with the guest's tables in place and translation on */

/* A machine with an empty root port */
void nested_plug_start(NestedTest *t);
/* Return: NULL, or the message; g_free it. */
char *nested_plug(NestedTest *t);
void nested_unplug(NestedTest *t);
/* IOASes and HWPTs that QEMU made and did not destroy */
int64_t nested_objects(NestedTest *t);

#endif
