/*
 * Intel VT-d, nested=on: how much was done in one go
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is counted, and what the thread and the main loop look at before they
 * go on. vtd/nested/queue.c says what for.
 */

#include "qemu/osdep.h"
#include "system/runstate.h"
#include "internal.h"

void vtd_nested_work(VTDNested *n, unsigned units)
{
    n->queue.work += units;
    n->counters.work += units;
}

bool vtd_nested_may_work(const VTDNested *n)
{
    return !n->queue.stay_depth ||
           n->queue.work < n->iommu->ext.nested_stay_budget;
}

bool vtd_nested_is_flushed(const VTDNested *n)
{
    return QSIMPLEQ_EMPTY(&n->dirty);
}

bool vtd_nested_queue_has_descriptors(const VTDNested *n)
{
    return n->iommu->iq_head != n->iommu->iq_tail;
}

bool vtd_nested_queue_runs(const VTDNested *n)
{
    const IntelIOMMUState *s = n->iommu;

    return s->qi_enabled && s->iq_tail < s->iq_size &&
           !(ldl_le_p(&s->csr[DMAR_FSTS_REG]) & VTD_FSTS_IQE);
}

/* Is what is in the queue next the thread's to look at?  BQL held */
bool vtd_nested_queue_is_open(VTDNested *n)
{
    return runstate_is_running() && vtd_nested_queue_runs(n) &&
           !n->queue.is_due && !n->sweeps;
}
