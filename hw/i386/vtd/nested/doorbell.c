/*
 * Intel VT-d, nested=on: a tail register that the kernel takes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * With iothread= a 32-bit write of IQT_REG is an ioeventfd: KVM signals it and
 * returns to the guest.  An ioeventfd drops the value that was written, so
 * there is one for each value that the tail can have, up to DOORBELLS of them.
 * A larger queue, or another width, exits as ever.
 *
 * The guest moves the tail on and never past the head.  So of what was
 * signalled the furthest one, going round from the head, is the tail, whatever
 * the order in which the signals are found.
 *
 * All are in one epoll set, edge-triggered: one call tells which were
 * signalled since the call before, and none has to be read.
 */

#include "qemu/osdep.h"
#include <sys/epoll.h>
#include "qemu/error-report.h"
#include "qemu/event_notifier.h"
#include "qapi/error.h"
#include "nvtd/base.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/regs.h"
#include "hw/i386/vtd/trace.h"

/* The queue of Linux: 256 descriptors of 16 or of 32 bytes */
#define DOORBELLS   256
/* What the guest writes: IQT_REG's lower half */
#define WIDTH       4

struct VTDNestedDoorbell {
    int epoll;
    bool is_made;               /* bells are, and stay */
    unsigned number;            /* of them in the register, 0: none */
    unsigned shift;             /* from a descriptor's number to the tail */
    EventNotifier bells[DOORBELLS];
};

static unsigned tail_shift(const IntelIOMMUState *s)
{
    return s->iq_dw ? VTD_IQH_QH_SHIFT_5 : VTD_IQH_QH_SHIFT_4;
}

static bool bell_make(VTDNestedDoorbell *d, unsigned nr)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLET,
        .data.u32 = nr,
    };

    if (event_notifier_init(&d->bells[nr], false)) {
        return false;
    }
    if (epoll_ctl(d->epoll, EPOLL_CTL_ADD,
                  event_notifier_get_fd(&d->bells[nr]), &event)) {
        event_notifier_cleanup(&d->bells[nr]);
        return false;
    }
    return true;
}

/* Once, when a guest first has a queue: they are many files. */
static bool bells_make(VTDNestedDoorbell *d)
{
    unsigned nr;

    if (d->is_made) {
        return true;
    }
    for (nr = 0; nr < DOORBELLS; nr++) {
        if (!bell_make(d, nr)) {
            goto undo;
        }
    }
    d->is_made = true;
    return true;

undo:
    warn_report_once("intel-iommu: no %u event files for iothread= (%s): each "
                     "invalidation of the guest exits to QEMU; raise the limit "
                     "of open files (RLIMIT_NOFILE)", DOORBELLS,
                     strerror(errno));
    while (nr--) {
        event_notifier_cleanup(&d->bells[nr]);
    }
    return false;
}

static void register_bells(IntelIOMMUState *s, bool on)
{
    VTDNestedDoorbell *d = s->ext.nest->doorbell;

    memory_region_transaction_begin();
    for (unsigned nr = 0; nr < d->number; nr++) {
        (on ? memory_region_add_eventfd : memory_region_del_eventfd)(
            &s->csrmem, DMAR_IQT_REG, WIDTH, true, (uint64_t)nr << d->shift,
            &d->bells[nr]);
    }
    memory_region_transaction_commit();
}

void vtd_nested_doorbell_update(VTDNested *n)
{
    IntelIOMMUState *s = n->iommu;
    VTDNestedDoorbell *d = n->doorbell;
    unsigned number = s->qi_enabled && s->iq_size <= DOORBELLS ? s->iq_size : 0;

    if (!d || (number == d->number &&
               (!number || tail_shift(s) == d->shift))) {
        return;
    }
    /* First the writes that the kernel takes end, then come the exits. */
    register_bells(s, false);
    vtd_nested_doorbell_take(n);
    d->number = bells_make(d) ? number : 0;
    d->shift = tail_shift(s);
    register_bells(s, true);
    trace_vtd_nested_doorbell(d->number, d->shift);
}

/* How far @index is ahead of the head */
static unsigned ahead(const IntelIOMMUState *s, unsigned index)
{
    return (index + s->iq_size - s->iq_head) % s->iq_size;
}

static void move_tail(IntelIOMMUState *s, unsigned index)
{
    if (index >= s->iq_size ||
        (s->iq_tail < s->iq_size && ahead(s, index) <= ahead(s, s->iq_tail))) {
        return;
    }
    s->iq_tail = index;
    stq_le_p(&s->csr[DMAR_IQT_REG], (uint64_t)index << tail_shift(s));
    vtd_regs_changed(s, DMAR_IQT_REG);
}

void vtd_nested_doorbell_take(VTDNested *n)
{
    struct epoll_event events[DOORBELLS];
    VTDNestedDoorbell *d = n->doorbell;
    int found;

    if (!d || !d->is_made) {
        return;
    }
    found = epoll_wait(d->epoll, events, DOORBELLS, 0);
    for (int i = 0; i < found; i++) {
        move_tail(n->iommu, events[i].data.u32);
        n->counters.doorbells++;
    }
}

int vtd_nested_doorbell_fd(const VTDNested *n)
{
    return n->doorbell->epoll;
}

bool vtd_nested_doorbell_init(VTDNested *n, Error **errp)
{
    VTDNestedDoorbell *d;
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0) {
        error_setg_errno(errp, errno, "intel-iommu: iothread= requires an "
                         "epoll file");
        return false;
    }
    /* Lives as long as the unit, which can't be unplugged. */
    d = g_new0(VTDNestedDoorbell, 1);
    d->epoll = fd;
    n->doorbell = d;
    return true;
}
