/*
 * Intel VT-d: faults that are met outside the BQL
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "core.h"
#include "fault.h"

/*
 * Of different requesters: more of one's are compressed by the registers, too,
 * and one register is full with the second requester's.
 */
#define WAITING_MAX     8

typedef struct WaitingFault {
    uint16_t sid;
    uint64_t hi, lo;
} WaitingFault;

struct VTDFaults {
    QemuMutex lock;             /* a leaf: nothing is called with it held */
    QEMUBH *bh;
    unsigned count;
    WaitingFault waiting[WAITING_MAX];
};

static void fault_report_waiting(void *opaque)
{
    IntelIOMMUState *s = opaque;
    struct VTDFaults *f = s->ext.faults;
    WaitingFault waiting[WAITING_MAX];
    unsigned i, count;

    WITH_QEMU_LOCK_GUARD(&f->lock) {
        count = f->count;
        memcpy(waiting, f->waiting, count * sizeof(*waiting));
        f->count = 0;
    }
    for (i = 0; i < count; i++) {
        vtd_core_record_fault(s, waiting[i].sid, waiting[i].hi,
                              waiting[i].lo);
    }
}

void vtd_fault_reset(IntelIOMMUState *s)
{
    if (!s->ext.faults) {
        /* Lives as long as the unit, which can't be unplugged. */
        s->ext.faults = g_new0(struct VTDFaults, 1);
        qemu_mutex_init(&s->ext.faults->lock);
        s->ext.faults->bh = qemu_bh_new(fault_report_waiting, s);
    }
    QEMU_LOCK_GUARD(&s->ext.faults->lock);
    s->ext.faults->count = 0;
}

bool vtd_fault_defer(IntelIOMMUState *s, uint16_t sid, uint64_t hi, uint64_t lo)
{
    struct VTDFaults *f = s->ext.faults;
    unsigned i;

    if (bql_locked()) {
        return false;
    }
    QEMU_LOCK_GUARD(&f->lock);
    for (i = 0; i < f->count; i++) {
        if (f->waiting[i].sid == sid) {
            return true;
        }
    }
    if (f->count < WAITING_MAX) {
        f->waiting[f->count++] = (WaitingFault) { sid, hi, lo };
    }
    qemu_bh_schedule(f->bh);
    return true;
}
