/*
 * Intel VT-d, nested=on: a thread that serves the invalidation queue
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * With iothread= the queue has two servers, and never both at a time:
 *
 *   - the thread, without the BQL, for descriptors that invalidate what the
 *     host has cached, and for wait descriptors: vtd/nested/serve.c;
 *   - the main loop and vCPUs in a register write, with the BQL, for all
 *     others.
 *
 * Lock order, outermost first:
 *
 *   1. the BQL
 *   2. VTDNested.lock: the queue (iq_*, IQH_REG, IQT_REG), tags, nested HWPTs,
 *      what is pending, and all else that vtd/nested/internal.h declares
 *   3. IntelIOMMUState.iommu_lock, VTDFaults.lock, and those of iommufd
 *
 * With the BQL the lock is taken by vtd_nested_hold(), which may be nested.
 * The thread takes it alone.  It never takes the BQL, nor calls anything that
 * may, as the holder of the BQL may be waiting for it: it reads and writes
 * guest RAM only, tries the IOMMU lock, and hands a descriptor that is not its
 * own over to the main loop.  From then on the queue stands still until the
 * main loop has served it, so that its order is kept.
 *
 * The thread lets go of the lock after each batch, and does not take it again
 * before a holder of the BQL that waits for it has had it.
 */

#ifndef HW_I386_INTEL_IOMMU_NESTED_THREAD_H
#define HW_I386_INTEL_IOMMU_NESTED_THREAD_H

#include "block/aio.h"
#include "internal.h"

/* vtd/nested/thread.c */

struct VTDNestedThread {
    AioContext *ctx;
    QEMUBH *bh;                 /* in @ctx: look at the queue */
    unsigned waiting;           /* atomic: holders of the BQL that wait */

    /* The BQL */
    unsigned depth;             /* of vtd_nested_hold() */

    /* VTDNested.lock */
    bool is_open;               /* the thread may serve the queue */
    bool is_serving;            /* ... and does */
};

/* Return: false with @errp if the thread cannot have a doorbell. */
bool vtd_nested_thread_init(VTDNested *n, Error **errp);

/* vtd/nested/lock.c */

/**
 * vtd_nested_hold: With the BQL: the thread lets go of the queue, and what the
 * guest signalled is in IQT_REG.  Without iothread= it does nothing.
 */
void vtd_nested_hold(VTDNested *n);
/* The thread may go on. */
void vtd_nested_release(VTDNested *n);

/* Is the caller one that may touch the objects? */
bool vtd_nested_is_held(const VTDNested *n);

/* A batch of the thread's, as opposed to a holder of the BQL */
bool vtd_nested_in_thread(const VTDNested *n);

/* vtd/nested/serve.c */

/**
 * vtd_nested_serve: Serve descriptors that need no BQL, as far as the budget
 * allows.  What is behind the last wait descriptor may be pending then.
 *
 * It never judges a descriptor wrong: such a one, and each that is not its own,
 * stays at the head for intel_iommu.c.
 */
void vtd_nested_serve(VTDNested *n);

/* vtd/nested/doorbell.c; held */

bool vtd_nested_doorbell_init(VTDNested *n, Error **errp);
/* Readable when the guest wrote a tail. */
int vtd_nested_doorbell_fd(const VTDNested *n);
/* The queue was enabled or disabled.  BQL held */
void vtd_nested_doorbell_update(VTDNested *n);
/* What was signalled becomes the tail. */
void vtd_nested_doorbell_take(VTDNested *n);

#endif
