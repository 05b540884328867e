/*
 * Intel VT-d, nested=on: how much is done under the BQL in one go
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One register write of the guest may ask for millions of ioctls: a queue full
 * of global invalidations, each over thousands of HWPTs, or a PASID directory
 * to sweep for each descriptor.  A stay under the BQL therefore has a budget.
 * Where it is used up, what is left is left, and a bottom half goes on, in the
 * queue's order:
 *
 *   1. sweeps that a descriptor or a register write began,
 *   2. invalidations that a wait descriptor has to see sent,
 *   3. the next descriptor.
 *
 * All that is left is in the objects: sweeps in the devices, HWPTs in
 * VTDNested.dirty, and the rest of the queue in guest memory.  So a device may
 * be unplugged and a register written in between.  IQH_REG passes a descriptor
 * when what it began is done, but for invalidations, which a wait descriptor
 * is for.
 *
 * With iothread= the budget is that of a batch of the thread as well, which
 * then goes on itself; what is not for the thread is handed over to the bottom
 * half.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qapi/visitor.h"
#include "system/runstate.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/regs.h"
#include "hw/i386/vtd/trace.h"

/*
 * The BQL is not fair: who lets go of it and takes it at once is faster than a
 * vCPU that has to wake up for it.
 */
#define PAUSE_MS    1

static bool can_fetch(const VTDNested *n)
{
    return vtd_nested_queue_runs(n) && vtd_nested_queue_has_descriptors(n);
}

/* Stays */

static void go_on_later(VTDNested *n)
{
    if (n->queue.is_due) {
        return;
    }
    n->queue.is_due = true;
    n->counters.stays_cut++;
    trace_vtd_nested_queue_cut(n->queue.work, n->sweeps, n->iommu->iq_head,
                               n->iommu->iq_tail);
    timer_mod(n->queue.pause,
              qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + PAUSE_MS);
}

static void stay_begin(VTDNested *n)
{
    if (!n->queue.stay_depth++) {
        n->queue.work = 0;
    }
}

static void stay_end(VTDNested *n)
{
    if (--n->queue.stay_depth) {
        return;
    }
    n->counters.longest_stay = MAX(n->counters.longest_stay, n->queue.work);
    if (n->sweeps || !vtd_nested_is_flushed(n) || can_fetch(n)) {
        go_on_later(n);
    }
}

/* GSTS_REG says that a command is carried out when it is. */

static void status_set(VTDNested *n, uint32_t bit, bool on)
{
    uint8_t *reg = &n->iommu->csr[DMAR_GSTS_REG];
    uint32_t status = ldl_le_p(reg) & ~bit;

    stl_le_p(reg, status | (on ? bit : 0));
    vtd_regs_changed(n->iommu, DMAR_GSTS_REG);
}

static void status_hold(VTDNested *n)
{
    if (n->queue.held & VTD_GSTS_TES) {
        status_set(n, VTD_GSTS_TES, !n->iommu->dmar_enabled);
    }
    if (n->queue.held & VTD_GSTS_RTPS) {
        status_set(n, VTD_GSTS_RTPS, false);
    }
}

static void status_publish(VTDNested *n)
{
    if (n->queue.held & VTD_GSTS_TES) {
        status_set(n, VTD_GSTS_TES, n->iommu->dmar_enabled);
    }
    if (n->queue.held & VTD_GSTS_RTPS) {
        status_set(n, VTD_GSTS_RTPS, true);
    }
}

static void status_settle(VTDNested *n)
{
    if (!n->sweeps && vtd_nested_is_flushed(n)) {
        status_publish(n);
        n->queue.held = 0;
    }
}

void vtd_nested_gcmd_begin(IntelIOMMUState *s)
{
    VTDNested *n = s->ext.nest;

    /* The guest sees a command carried out when it is, and not before. */
    vtd_regs_hold(s);
    /* intel_iommu.c compares the command with what was commanded before. */
    status_publish(n);
    n->queue.was_enabled = s->dmar_enabled;
    stay_begin(n);
}

void vtd_nested_gcmd_end(IntelIOMMUState *s)
{
    VTDNested *n = s->ext.nest;

    if (s->dmar_enabled != n->queue.was_enabled) {
        n->queue.held |= VTD_GSTS_TES;
    }
    if (ldl_le_p(&s->csr[DMAR_GCMD_REG]) & VTD_GCMD_SRTP) {
        n->queue.held |= VTD_GSTS_RTPS;
    }
    status_hold(n);
    status_settle(n);
    vtd_nested_doorbell_update(n);
    stay_end(n);
    vtd_regs_release(s);
}

/* The queue, as intel_iommu.c fetches it */

bool vtd_nested_queue_begin(IntelIOMMUState *s)
{
    VTDNested *n = s->ext.nest;

    assert(bql_locked() && vtd_nested_is_held(n));
    if (n->queue.is_due || n->queue.is_served) {
        return false;
    }
    n->queue.is_served = true;
    stay_begin(n);
    vtd_nested_serve(n);
    vtd_core_set_iqh(s);
    return true;
}

bool vtd_nested_desc_begin(IntelIOMMUState *s, uint8_t type)
{
    switch (type) {
    case VTD_INV_DESC_WAIT:
    case VTD_INV_DESC_PC:
    case VTD_INV_DESC_CC:
        vtd_nested_inv_flush(s);
        return vtd_nested_is_flushed(s->ext.nest);
    default:
        return true;
    }
}

bool vtd_nested_queue_more(IntelIOMMUState *s)
{
    VTDNested *n = s->ext.nest;

    if (n->sweeps || !vtd_nested_may_work(n)) {
        return false;
    }
    vtd_nested_serve(n);
    return vtd_nested_may_work(n);
}

void vtd_nested_queue_end(IntelIOMMUState *s)
{
    VTDNested *n = s->ext.nest;

    vtd_nested_inv_flush(s);
    if (!n->sweeps) {
        vtd_core_set_iqh(s);
    }
    n->queue.is_served = false;
    stay_end(n);
}

/* The thread */

static void hand_over(VTDNested *n)
{
    n->queue.is_due = n->queue.is_handed = true;
    n->counters.handovers++;
    trace_vtd_nested_handover(n->iommu->iq_head, n->iommu->iq_tail);
    qemu_bh_schedule(n->queue.bh);
}

bool vtd_nested_queue_batch(VTDNested *n)
{
    bool is_cut;

    stay_begin(n);
    n->counters.batches++;
    vtd_nested_serve(n);
    vtd_nested_inv_flush(n->iommu);
    if (vtd_nested_is_flushed(n)) {
        vtd_core_set_iqh(n->iommu);
    }
    is_cut = !vtd_nested_may_work(n);
    n->counters.stays_cut += is_cut;
    n->queue.stay_depth--;
    n->counters.longest_stay = MAX(n->counters.longest_stay, n->queue.work);
    if (vtd_nested_is_flushed(n) && !vtd_nested_queue_has_descriptors(n)) {
        return false;
    }
    if (!is_cut) {
        hand_over(n);
    }
    return is_cut;
}

/* Going on */

static void go_on_held(VTDNested *n)
{
    IntelIOMMUState *s = n->iommu;

    n->queue.is_due = n->queue.is_handed = false;
    stay_begin(n);
    if (vtd_nested_sweep_devices(n)) {
        vtd_nested_inv_flush(s);
        status_settle(n);
        vtd_core_set_iqh(s);
        if (vtd_nested_is_flushed(n) && can_fetch(n)) {
            vtd_core_fetch(s);
        }
    }
    stay_end(n);
}

static void go_on(void *opaque)
{
    VTDNested *n = opaque;

    vtd_nested_hold(n);
    go_on_held(n);
    vtd_nested_release(n);
}

/*
 * A register is about to be written; what the guest put into the queue before
 * is done first, as if its write of the tail had been an exit.
 */
void vtd_nested_queue_catch_up(VTDNested *n)
{
    if (n->queue.is_handed) {
        qemu_bh_cancel(n->queue.bh);
        go_on_held(n);
    } else if (runstate_is_running() && can_fetch(n)) {
        vtd_core_fetch(n->iommu);
    }
}

static void pause_over(void *opaque)
{
    VTDNested *n = opaque;

    qemu_bh_schedule(n->queue.bh);
}

static void cancel(VTDNested *n)
{
    timer_del(n->queue.pause);
    qemu_bh_cancel(n->queue.bh);
    n->queue.is_due = n->queue.is_handed = false;
}

/*
 * While the machine stands still its memory must not change, by a wait
 * descriptor for instance; and what is saved then has to be whole: all but the
 * descriptors that the registers tell of is done at once.
 */
static void vm_changed(void *opaque, bool running, RunState state)
{
    VTDNested *n = opaque;

    vtd_nested_hold(n);
    if (!running && (n->queue.is_due || !vtd_nested_is_flushed(n))) {
        cancel(n);
        vtd_nested_sweep_devices(n);
        vtd_nested_inv_flush(n->iommu);
        status_settle(n);
        vtd_core_set_iqh(n->iommu);
    } else if (running && can_fetch(n)) {
        go_on_later(n);
    }
    vtd_nested_release(n);
}

/* The machine is reset; what was left is of no use, or done by the reset. */
void vtd_nested_queue_reset(VTDNested *n)
{
    cancel(n);
    n->queue.held = 0;
    vtd_nested_doorbell_update(n);
}

/* Read by "qom-get", which costs the same however many PASIDs there are. */

static bool get_work_left(Object *obj, Error **errp)
{
    VTDNested *n = INTEL_IOMMU_DEVICE(obj)->ext.nest;
    bool left;

    vtd_nested_hold(n);
    left = n->queue.is_due ||
           (n->thread && runstate_is_running() && can_fetch(n));
    vtd_nested_release(n);
    return left;
}

static void get_counter(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    VTDNested *n = INTEL_IOMMU_DEVICE(obj)->ext.nest;
    uint64_t val;

    vtd_nested_hold(n);
    val = *(uint64_t *)opaque;
    vtd_nested_release(n);
    visit_type_uint64(v, name, &val, errp);
}

static void add_counter(VTDNested *n, const char *name, uint64_t *counter)
{
    object_property_add(OBJECT(n->iommu), name, "uint64", get_counter, NULL,
                        NULL, counter);
}

static void add_properties(VTDNested *n)
{
    VtdNestedCounters *c = &n->counters;

    object_property_add_bool(OBJECT(n->iommu), "x-work-left", get_work_left,
                             NULL);
    add_counter(n, "x-work", &c->work);
    add_counter(n, "x-longest-stay", &c->longest_stay);
    add_counter(n, "x-stays-cut", &c->stays_cut);
    add_counter(n, "x-pasid-entries", &c->pasid_entries);
    add_counter(n, "x-blocks", &c->blocks);
    add_counter(n, "x-doorbells", &c->doorbells);
    add_counter(n, "x-batches", &c->batches);
    add_counter(n, "x-handovers", &c->handovers);
}

void vtd_nested_queue_init(VTDNested *n)
{
    DeviceState *dev = DEVICE(n->iommu);

    /* Guarded: a wait descriptor may name the vIOMMU's own registers. */
    n->queue.bh = qemu_bh_new_guarded(go_on, n, &dev->mem_reentrancy_guard);
    n->queue.pause = timer_new_ms(QEMU_CLOCK_REALTIME, pause_over, n);
    qemu_add_vm_change_state_handler(vm_changed, n);
    add_properties(n);
}
