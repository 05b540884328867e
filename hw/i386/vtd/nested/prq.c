/*
 * Intel VT-d, nested=on: page requests of passed-through devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   device -> host's queue -> fault queue (fd) -> guest's queue -> guest
 *   device <- host kernel  <- cookie (fd)      <- page group response
 *
 * The kernel hands out whole groups, each with a cookie, and takes each cookie
 * once.  A group is outstanding from when it was read until its answer is
 * written, or until its device or PASID leaves the HWPT: then the kernel
 * answers by itself and forgets the cookie, and so do we.
 *
 * Each device has a fault queue, so that what one sends, and what cannot be read
 * of it, is its own affair.
 */

#include "qemu/osdep.h"
#include <poll.h>
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "internal.h"
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
typedef struct iommu_hwpt_page_response Answer;

struct VTDNestedFaultQueue {
    VTDNested *nested;
    const VTDNestedDevice *dev; /* whose it is */
    IOMMUFDBackend *iommufd;
    uint32_t id;
    int fd;
    unsigned users;             /* HWPTs, and who is at work here */
    GHashTable *attaches;       /* VTDNestedAttach by its fault_key */
    GArray *answers;            /* Answer: not yet written */
    QEMUTimer *retry;
    bool put_off;               /* readable, but invalidations come first */
    QLIST_ENTRY(VTDNestedFaultQueue) next;
};

/* A group of requests that the guest has to answer. */
struct VTDNestedGroup {
    VTDNestedAttach *at;
    uint32_t key;               /* in VTDNested.groups */
    uint32_t cookie;
    QLIST_ENTRY(VTDNestedGroup) next;   /* of at->groups */
};

/*
 * PCIe 10.4.1: a function must not use an index again before its group is
 * answered, whatever the PASID.  That bounds a device to 512 groups.
 */
static uint32_t group_key(uint16_t sid, uint16_t prgi)
{
    return (uint32_t)sid << 9 | (prgi & 0x1ff);
}

static void group_free(gpointer v)
{
    VTDNestedGroup *group = v;

    QLIST_REMOVE(group, next);
    g_free(group);
}

/* Return: NULL if the device uses an index that is in use. */
static VTDNestedGroup *group_new(VTDNestedAttach *at, const Fault *f)
{
    VTDNested *n = at->dev->nested;
    uint32_t key = group_key(vtd_nested_device_sid(at->dev), f->grpid);
    VTDNestedGroup *group;

    if (g_hash_table_contains(n->groups, GUINT_TO_POINTER(key))) {
        return NULL;
    }
    group = g_new0(VTDNestedGroup, 1);
    group->at = at;
    group->key = key;
    group->cookie = f->cookie;
    QLIST_INSERT_HEAD(&at->groups, group, next);
    g_hash_table_insert(n->groups, GUINT_TO_POINTER(key), group);
    return group;
}

static void group_forget(VTDNested *n, VTDNestedGroup *group)
{
    g_hash_table_remove(n->groups, GUINT_TO_POINTER(group->key));
}

static void queue_listen(VTDNestedFaultQueue *q, bool on);

/* Answers */

/*
 * The kernel knows success and invalid request; the third code of PCIe, Response
 * Failure, would stop the device's interface, which is not the guest's alone.
 */
static void queue_answer(VTDNestedFaultQueue *q, uint32_t cookie, uint8_t code)
{
    Answer answer = {
        .cookie = cookie,
        .code = code == VTD_PRQ_SUCCESS ? IOMMUFD_PAGE_RESP_SUCCESS
                                        : IOMMUFD_PAGE_RESP_INVALID,
    };

    g_array_append_val(q->answers, answer);
}

/*
 * The kernel stops at a cookie that it does not know: that of a device or PASID
 * that left meanwhile, which has its answer.
 */
static void queue_write_answers(VTDNestedFaultQueue *q)
{
    const Answer *answers = (void *)q->answers->data;
    size_t left = q->answers->len;

    while (left) {
        ssize_t bytes = RETRY_ON_EINTR(write(q->fd, answers,
                                             left * sizeof(*answers)));
        size_t done = bytes > 0 ? bytes / sizeof(*answers) : 0;

        trace_vtd_nested_prq_answers(q->id, left, done);
        if (!done) {
            q->nested->page_requests.late++;
            done = 1;
        }
        answers += done;
        left -= done;
    }
    g_array_set_size(q->answers, 0);
}

void vtd_nested_prq_flush(VTDNested *n)
{
    VTDNestedFaultQueue *q;

    QLIST_FOREACH(q, &n->fault_queues, next) {
        queue_write_answers(q);
        if (q->put_off) {
            q->put_off = false;
            queue_listen(q, true);
        }
    }
}

/* The guest's answer, or an automatic one; to what is outstanding only. */
static void nested_respond(IntelIOMMUState *s, const VTDPageResponse *r)
{
    VTDNested *n = s->nest;
    uint32_t key = group_key(r->sid, r->prgi);
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
    queue_answer(group->at->hwpt->faults, group->cookie, r->code);
    group_forget(n, group);
}

/* Requests */

static uint64_t fault_key(uint32_t devid, uint32_t pasid)
{
    return (uint64_t)devid << 32 | pasid;
}

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
    uint64_t key = fault_key(f->dev_id, fault_pasid(f));
    VTDNestedAttach *at = g_hash_table_lookup(q->attaches, &key);
    VtdNestedPageRequests *counters = &q->nested->page_requests;

    counters->groups++;
    counters->requests += nr;
    trace_vtd_nested_prq_group(q->id, f->dev_id, fault_pasid(f), f->grpid,
                               f->cookie, nr);
    if (!at || !group_new(at, f)) {
        counters->refused++;
        queue_answer(q, f->cookie, VTD_PRQ_INVALID);
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

/*
 * A group that does not fit: Linux says EINVAL, where older ones say that there
 * is nothing to read.
 */
static bool is_too_large(VTDNestedFaultQueue *q, ssize_t bytes)
{
    struct pollfd fd = { .fd = q->fd, .events = POLLIN };

    return bytes == -EINVAL ||
           (!bytes && poll(&fd, 1, 0) == 1 && fd.revents & POLLIN);
}

static void queue_read_failed(VTDNestedFaultQueue *q, int err)
{
    trace_vtd_nested_prq_read_failed(q->id, err);
    queue_listen(q, false);
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

    queue_write_answers(q);
    bytes = iommufd_backend_read_faults(q->iommufd, q->fd, faults,
                                        BATCH * sizeof(*faults));
    if (is_too_large(q, bytes)) {
        bytes = -EMSGSIZE;
    }
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
        queue_listen(q, false);
        return;
    }
    q->users++;
    queue_read(q);
    queue_write_answers(q);
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

static void queue_listen(VTDNestedFaultQueue *q, bool on)
{
    qemu_set_fd_handler(q->fd, on ? queue_readable : NULL, NULL, q);
}

static void queue_retry(void *opaque)
{
    queue_listen(opaque, true);
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
    QLIST_FOREACH_SAFE(q, &s->nest->fault_queues, next, next) {
        q->users++;
        for (int i = 0; i < DRAIN_BATCHES && queue_read(q); i++) {
        }
        vtd_nested_fault_queue_put(q);
    }
}

/* The guest may answer later, and another group may have the index then. */
static void attach_abandon(VTDNestedAttach *at)
{
    VTDNestedGroup *group, *next;

    QLIST_FOREACH_SAFE(group, &at->groups, next, next) {
        at->dev->nested->page_requests.forgotten++;
        trace_vtd_nested_prq_forget(at->hwpt->faults->id, group->cookie);
        queue_answer(at->hwpt->faults, group->cookie, VTD_PRQ_INVALID);
        group_forget(at->dev->nested, group);
    }
}

/*
 * The kernel still has the groups, and what it has not handed out yet was asked
 * before the reset as well.
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
        attach_abandon(at);
    }
    vtd_nested_prq_flush(n);
}

static const VTDPRQOps nested_prq_ops = {
    .respond = nested_respond,
    .drain = nested_drain,
};

/* Attaches come and go */

void vtd_nested_prq_join(VTDNestedAttach *at)
{
    VTDNestedFaultQueue *q = at->hwpt->faults;

    if (q) {
        at->fault_key = fault_key(at->dev->idev->devid, at->pasid);
        g_hash_table_insert(q->attaches, &at->fault_key, at);
    }
}

void vtd_nested_prq_leave(VTDNestedAttach *at)
{
    VTDNestedFaultQueue *q = at->hwpt->faults;
    VTDNestedGroup *group, *next;

    if (!q) {
        return;
    }
    QLIST_FOREACH_SAFE(group, &at->groups, next, next) {
        at->dev->nested->page_requests.forgotten++;
        trace_vtd_nested_prq_forget(q->id, group->cookie);
        group_forget(at->dev->nested, group);
    }
    g_hash_table_remove(q->attaches, &at->fault_key);
}

/* Queues come and go */

static VTDNestedFaultQueue *queue_find(VTDNested *n, const VTDNestedDevice *dev)
{
    VTDNestedFaultQueue *q;

    QLIST_FOREACH(q, &n->fault_queues, next) {
        if (q->dev == dev) {
            return q;
        }
    }
    return NULL;
}

VTDNestedFaultQueue *vtd_nested_fault_queue_get(VTDNestedDevice *dev,
                                                Error **errp)
{
    VTDNested *n = dev->nested;
    IOMMUFDBackend *iommufd = dev->idev->iommufd;
    VTDNestedFaultQueue *q = queue_find(n, dev);
    uint32_t id;
    int fd;

    if (q) {
        q->users++;
        return q;
    }
    if (!iommufd_backend_alloc_fault_queue(iommufd, &id, &fd, errp)) {
        return NULL;
    }
    q = g_new0(VTDNestedFaultQueue, 1);
    q->nested = n;
    q->dev = dev;
    q->iommufd = iommufd;
    q->id = id;
    q->fd = fd;
    q->users = 1;
    q->attaches = g_hash_table_new(g_int64_hash, g_int64_equal);
    q->answers = g_array_new(false, false, sizeof(Answer));
    q->retry = timer_new_ms(QEMU_CLOCK_REALTIME, queue_retry, q);
    QLIST_INSERT_HEAD(&n->fault_queues, q, next);
    queue_listen(q, true);
    return q;
}

uint32_t vtd_nested_fault_queue_id(const VTDNestedFaultQueue *q)
{
    return q->id;
}

typedef struct BusyQueue {
    IOMMUFDBackend *iommufd;
    uint32_t id;
} BusyQueue;

static void queue_destroy_again(void *opaque)
{
    BusyQueue *busy = opaque;

    iommufd_backend_free_id(busy->iommufd, busy->id);
    iommufd_backend_disconnect(busy->iommufd);
    object_unref(busy->iommufd);
    g_free(busy);
}

/*
 * The open file is a user of the object, and closed it stays open while the main
 * loop's thread polls it, if we are a vCPU's thread.  In a bottom half that poll
 * has ended.
 */
static void queue_destroy(IOMMUFDBackend *iommufd, uint32_t id)
{
    int ret = iommufd_backend_try_free_id(iommufd, id);
    BusyQueue *busy;

    if (!ret) {
        return;
    }
    busy = g_new(BusyQueue, 1);
    busy->iommufd = IOMMUFD_BACKEND(object_ref(iommufd));
    busy->id = id;
    /* It is connected, so this opens nothing. */
    iommufd_backend_connect(iommufd, &error_abort);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), queue_destroy_again, busy);
}

void vtd_nested_fault_queue_put(VTDNestedFaultQueue *q)
{
    if (!q || --q->users) {
        return;
    }
    queue_listen(q, false);
    QLIST_REMOVE(q, next);
    timer_free(q->retry);
    close(q->fd);
    queue_destroy(q->iommufd, q->id);
    g_hash_table_destroy(q->attaches);
    g_array_free(q->answers, true);
    g_free(q);
}

void vtd_nested_prq_init(VTDNested *n)
{
    QLIST_INIT(&n->fault_queues);
    n->groups = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
                                      group_free);
    if (n->iommu->nested_pri) {
        vtd_prq_setup(n->iommu, &nested_prq_ops);
    }
}
