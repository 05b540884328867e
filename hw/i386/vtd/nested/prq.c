/*
 * Intel VT-d, nested=on: page requests of passed-through devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   fault queue -> guest's queue -> guest
 *   fault queue <- page group response
 */

#include "qemu/osdep.h"
#include <poll.h>
#include "qemu/timer.h"
#include "qapi/error.h"
#include "internal.h"
#include "fault_queue.h"
#include "thread.h"
#include "hw/i386/vtd/prq.h"
#include "hw/i386/vtd/trace.h"

/*
 * Faults that are read at once.  A group has to fit, and does if the device
 * keeps to its allocation of requests, 2048 under Linux.
 */
#define BATCH           4096
/* Batches that a wait descriptor with the drain flag reads at most. */
#define DRAIN_BATCHES   64
/* Until the next try if the kernel has no memory for a cookie. */
#define RETRY_MS        100

typedef struct iommu_hwpt_pgfault Fault;

/* The guest's answer, or an automatic one; to what is outstanding only. */
static void nested_respond(IntelIOMMUState *s, const VTDPageResponse *r)
{
    VTDNested *n = s->ext.nest;
    uint32_t key = vtd_nested_group_key(r->sid, r->prgi);
    uint32_t pasid = r->has_pasid ? r->pasid : IOMMUFD_NO_PASID;
    VTDNestedGroup *group = g_hash_table_lookup(n->groups,
                                                GUINT_TO_POINTER(key));

    if (!group || group->at->pasid != pasid) {
        n->page_requests.unexpected++;
        trace_vtd_nested_prq_unexpected(r->sid, pasid, r->prgi);
        return;
    }
    if (r->automatic) {
        n->page_requests.automatic++;
    } else {
        n->page_requests.answered++;
    }
    vtd_nested_fault_queue_answer(group->at->hwpt->faults, group->cookie,
                                  r->code);
    vtd_nested_group_forget(n, group);
}

/* Requests */

static uint32_t fault_pasid(const Fault *f)
{
    return f->flags & IOMMU_PGFAULT_FLAGS_PASID_VALID ? f->pasid
                                                      : IOMMUFD_NO_PASID;
}

static void put_request(VTDNestedAttach *at, const Fault *f)
{
    const VTDPageRequest req = {
        .addr = f->addr,
        .sid = vtd_nested_device_sid(at->dev),
        .has_pasid = at->pasid != IOMMUFD_NO_PASID,
        .pasid = f->pasid,
        .prgi = f->grpid,
        .read = f->perm & IOMMU_PGFAULT_PERM_READ,
        .write = f->perm & IOMMU_PGFAULT_PERM_WRITE,
        .exec = f->perm & IOMMU_PGFAULT_PERM_EXEC,
        .priv = f->perm & IOMMU_PGFAULT_PERM_PRIV,
        .last = f->flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE,
    };

    if (!vtd_prq_put(at->dev->nested->iommu, &req)) {
        at->dev->nested->page_requests.lost++;
    }
}

/* The last request of a group may have it answered at once: known before. */
static void put_group(VTDNestedFaultQueue *q, const Fault *f, size_t nr)
{
    uint64_t key = vtd_nested_fault_key(f->dev_id, fault_pasid(f));
    VTDNestedAttach *at = g_hash_table_lookup(q->attaches, &key);
    VtdNestedPageRequests *counters = &q->nested->page_requests;

    counters->groups++;
    counters->requests += nr;
    trace_vtd_nested_prq_group(q->id, f->dev_id, fault_pasid(f), f->grpid,
                               f->cookie, nr);
    if (!at || !vtd_nested_group_new(at, f)) {
        counters->refused++;
        vtd_nested_fault_queue_answer(q, f->cookie, VTD_PRQ_INVALID);
        return;
    }
    for (size_t i = 0; i < nr; i++) {
        put_request(at, &f[i]);
    }
}

static size_t group_size(const Fault *f, size_t left)
{
    size_t nr = 1;

    while (nr < left && f[nr].cookie == f->cookie) {
        nr++;
    }
    return nr;
}

static void put_faults(VTDNestedFaultQueue *q, const Fault *f, size_t left)
{
    while (left) {
        size_t nr = group_size(f, left);

        put_group(q, f, nr);
        f += nr;
        left -= nr;
    }
}

/* The queue is of no use any more: neither are the HWPTs that rely on it. */
static void queue_block(VTDNestedFaultQueue *q, int err)
{
    g_autoptr(GList) attaches = g_hash_table_get_values(q->attaches);

    for (GList *l = attaches; l; l = l->next) {
        Error *error = NULL;

        if (err == EMSGSIZE) {
            error_setg(&error, "it sent a group of more than "
                       stringify(BATCH) " page requests");
        } else {
            error_setg_errno(&error, err, "cannot read page requests from its "
                             "fault queue %u", q->id);
        }
        vtd_nested_attach_block(l->data, error);
    }
}

static ssize_t read_faults(VTDNestedFaultQueue *q, Fault *faults)
{
    return iommufd_backend_read_faults(q->iommufd, q->fd, faults,
                                       BATCH * sizeof(*faults));
}

/*
 * A group that does not fit: Linux says EINVAL, where older ones say that there
 * is nothing to read.  So does one that had nothing, while a request has come
 * since: only what was there before a read, and is not read, does not fit.
 */
static ssize_t read_groups(VTDNestedFaultQueue *q, Fault *faults)
{
    struct pollfd fd = { .fd = q->fd, .events = POLLIN };
    ssize_t bytes = read_faults(q, faults);

    if (!bytes && poll(&fd, 1, 0) == 1 && fd.revents & POLLIN) {
        bytes = read_faults(q, faults);
        if (!bytes) {
            return -EMSGSIZE;
        }
    }
    return bytes == -EINVAL ? -EMSGSIZE : bytes;
}

static void queue_read_failed(VTDNestedFaultQueue *q, int err)
{
    trace_vtd_nested_prq_read_failed(q->id, err);
    vtd_nested_fault_queue_listen(q, false);
    if (err == ENOMEM) {
        timer_mod(q->retry, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + RETRY_MS);
        return;
    }
    queue_block(q, err);
}

/*
 * Never waits: the kernel returns what there is.  Answers go first, so that
 * none is left for a cookie that the kernel gives out anew.
 *
 * Return: whether there may be more.
 */
static bool queue_read(VTDNestedFaultQueue *q)
{
    g_autofree Fault *faults = g_new(Fault, BATCH);
    ssize_t bytes;

    vtd_nested_fault_queue_write(q);
    bytes = read_groups(q, faults);
    if (bytes < 0) {
        queue_read_failed(q, -bytes);
        return false;
    }
    put_faults(q, faults, bytes / sizeof(*faults));
    return bytes > 0;
}

/*
 * One batch a turn: other handlers have theirs in between.  Answers go before a
 * read, and after invalidations: so while those are left for later, is this.
 */
static void queue_readable_held(VTDNestedFaultQueue *q)
{
    if (!vtd_nested_is_flushed(q->nested)) {
        q->put_off = true;
        vtd_nested_fault_queue_listen(q, false);
        return;
    }
    q->users++;
    queue_read(q);
    vtd_nested_fault_queue_write(q);
    vtd_nested_fault_queue_put(q);
}

static void queue_readable(void *opaque)
{
    VTDNestedFaultQueue *q = opaque;
    VTDNested *n = q->nested;

    vtd_nested_hold(n);
    queue_readable_held(q);
    vtd_nested_release(n);
}

/*
 * What comes in later than the wait descriptor is not waited for, or a device
 * that asks again and again would hold up the guest's queue.
 */
static void nested_drain(IntelIOMMUState *s)
{
    VTDNestedFaultQueue *q, *next;

    /* Invalidations before answers. */
    vtd_nested_inv_flush(s);
    QLIST_FOREACH_SAFE(q, &s->ext.nest->fault_queues, next, next) {
        q->users++;
        for (int i = 0; i < DRAIN_BATCHES && queue_read(q); i++) {
        }
        vtd_nested_fault_queue_put(q);
    }
}

/*
 * The kernel still has the groups, and what it has not handed out yet was asked
 * before the reset as well.  The guest may answer later, and another group may
 * have the index then.
 */
void vtd_nested_prq_reset(VTDNestedDevice *dev)
{
    VTDNested *n = dev->nested;
    VTDNestedAttach *at;
    GHashTableIter iter;

    if (QLIST_EMPTY(&n->fault_queues)) {
        return;
    }
    nested_drain(n->iommu);
    g_hash_table_iter_init(&iter, dev->attaches);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&at)) {
        vtd_nested_fault_queue_forget(at, true);
    }
    vtd_nested_fault_queue_flush(n);
}

static const VTDPRQOps nested_prq_ops = {
    .respond = nested_respond,
    .drain = nested_drain,
};

void vtd_nested_prq_init(VTDNested *n)
{
    QLIST_INIT(&n->fault_queues);
    n->page_requests_in = queue_readable;
    n->groups = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
                                      vtd_nested_group_free);
    if (n->iommu->ext.nested_pri) {
        vtd_prq_setup(n->iommu, &nested_prq_ops);
    }
}
