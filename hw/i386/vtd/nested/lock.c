/*
 * Intel VT-d, nested=on: the lock of nested=on's objects
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The lock order is in vtd/nested/thread.h.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "block/aio.h"
#include "internal.h"
#include "thread.h"

bool vtd_nested_is_held(const VTDNested *n)
{
    if (!n->thread) {
        return bql_locked();
    }
    return bql_locked() ? n->thread->depth : n->thread->is_serving;
}

bool vtd_nested_in_thread(const VTDNested *n)
{
    return n->thread && n->thread->is_serving;
}

void vtd_nested_hold(VTDNested *n)
{
    VTDNestedThread *t = n->thread;

    assert(bql_locked());
    if (!t || t->depth++) {
        return;
    }
    qatomic_inc(&t->waiting);
    qemu_mutex_lock(&n->lock);
    qatomic_dec(&t->waiting);
    vtd_nested_doorbell_take(n);
}

void vtd_nested_release(VTDNested *n)
{
    VTDNestedThread *t = n->thread;
    bool kick;

    if (!t || --t->depth) {
        return;
    }
    t->is_open = vtd_nested_queue_is_open(n);
    kick = t->is_open && vtd_nested_queue_has_descriptors(n);
    qemu_mutex_unlock(&n->lock);
    if (kick) {
        qemu_bh_schedule(t->bh);
    }
}
