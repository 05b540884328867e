/*
 * Intel VT-d, nested=on: a thread that serves the invalidation queue
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A vCPU that submits descriptors goes on at once.  While the thread is in the
 * kernel for one batch, vCPUs add descriptors, and the next batch takes them
 * all: one IOMMU_HWPT_INVALIDATE for unmaps of several vCPUs.
 *
 * The lock order is in vtd/nested/thread.h.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "block/aio.h"
#include "system/iothread.h"
#include "internal.h"
#include "thread.h"

/* Return: whether there is more, for the next batch. */
static bool serve_batch(VTDNested *n)
{
    bool more;

    n->thread->is_serving = true;
    more = vtd_nested_queue_batch(n);
    if (n->queue.is_due) {
        /* Handed over: the main loop opens the queue again. */
        n->thread->is_open = false;
        more = false;
    }
    n->thread->is_serving = false;
    return more;
}

/* With the lock, which is let go of.  Return: as above */
static bool serve_and_unlock(VTDNested *n)
{
    bool more = n->thread->is_open && vtd_nested_queue_has_descriptors(n) &&
                serve_batch(n);

    qemu_mutex_unlock(&n->lock);
    return more;
}

/*
 * The lock is not fair: who lets go of it and takes it at once is faster than
 * one that has to wake up for it.
 */
static bool must_wait(VTDNestedThread *t)
{
    if (!qatomic_read(&t->waiting)) {
        return false;
    }
    g_thread_yield();
    return true;
}

static void thread_serve(void *opaque)
{
    VTDNested *n = opaque;
    bool more = true;

    while (more && !must_wait(n->thread)) {
        qemu_mutex_lock(&n->lock);
        vtd_nested_doorbell_take(n);
        more = serve_and_unlock(n);
    }
    if (more) {
        /* Or what is in the register already would wait for the next signal. */
        qemu_bh_schedule(n->thread->bh);
    }
}

/* Adaptive polling, as poll-max-ns of the iothread says */

static bool thread_poll(void *opaque)
{
    VTDNested *n = opaque;
    bool found;

    if (qatomic_read(&n->thread->waiting) || qemu_mutex_trylock(&n->lock)) {
        return false;
    }
    vtd_nested_doorbell_take(n);
    found = n->thread->is_open && vtd_nested_queue_has_descriptors(n);
    qemu_mutex_unlock(&n->lock);
    return found;
}

bool vtd_nested_thread_init(VTDNested *n, Error **errp)
{
    IOThread *iothread = n->iommu->ext.iothread;
    VTDNestedThread *t;

    qemu_mutex_init(&n->lock);
    if (!iothread) {
        return true;
    }
    if (!vtd_nested_doorbell_init(n, errp)) {
        return false;
    }
    /* Lives as long as the unit, as does the iothread, which it refers to. */
    t = g_new0(VTDNestedThread, 1);
    t->ctx = iothread_get_aio_context(iothread);
    t->bh = aio_bh_new(t->ctx, thread_serve, n);
    n->thread = t;
    aio_set_fd_handler(t->ctx, vtd_nested_doorbell_fd(n), thread_serve, NULL,
                       thread_poll, thread_serve, n);
    return true;
}
