/*
 * Intel VT-d, nested=on: fault queues of the host's kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   device -> host's queue -> fault queue (fd) -> prq.c
 *   device <- host kernel  <- cookie (fd)      <- prq.c
 *
 * The kernel hands out whole groups, each with a cookie, and takes each cookie
 * once. A group is outstanding from when it was read until its answer is
 * written, or until its device or PASID leaves the HWPT: then the kernel
 * answers by itself and forgets the cookie, and so do we.
 *
 * Each device has a fault queue, so that what one sends, and what cannot be
 * read of it, is its own affair.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "internal.h"
#include "fault_queue.h"
#include "hw/i386/vtd/prq.h"
#include "hw/i386/vtd/trace.h"

typedef struct iommu_hwpt_page_response Answer;

void vtd_nested_fault_queue_listen(VTDNestedFaultQueue *q, bool on)
{
    qemu_set_fd_handler(q->fd, on ? q->nested->page_requests_in : NULL, NULL,
                        q);
}

static void queue_retry(void *opaque)
{
    vtd_nested_fault_queue_listen(opaque, true);
}

/* Groups */

/*
 * PCIe 10.4.1: a function must not use an index again before its group is
 * answered, whatever the PASID.  That bounds a device to 512 groups.
 */
uint32_t vtd_nested_group_key(uint16_t sid, uint16_t prgi)
{
    return (uint32_t)sid << 9 | (prgi & 0x1ff);
}

void vtd_nested_group_free(gpointer v)
{
    VTDNestedGroup *group = v;

    QLIST_REMOVE(group, next);
    g_free(group);
}

/* Return: NULL if the device uses an index that is in use. */
VTDNestedGroup *vtd_nested_group_new(VTDNestedAttach *at,
                                     const struct iommu_hwpt_pgfault *f)
{
    VTDNested *n = at->dev->nested;
    uint32_t key = vtd_nested_group_key(vtd_nested_device_sid(at->dev),
                                        f->grpid);
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

void vtd_nested_group_forget(VTDNested *n, VTDNestedGroup *group)
{
    g_hash_table_remove(n->groups, GUINT_TO_POINTER(group->key));
}

/* Answers */

/*
 * The kernel knows success and invalid request; the third code of PCIe,
 * Response Failure, would stop the device's interface, which is not the
 * guest's alone.
 */
void vtd_nested_fault_queue_answer(VTDNestedFaultQueue *q, uint32_t cookie,
                                   uint8_t code)
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
void vtd_nested_fault_queue_write(VTDNestedFaultQueue *q)
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

void vtd_nested_fault_queue_flush(VTDNested *n)
{
    VTDNestedFaultQueue *q;

    QLIST_FOREACH(q, &n->fault_queues, next) {
        vtd_nested_fault_queue_write(q);
        if (q->put_off) {
            q->put_off = false;
            vtd_nested_fault_queue_listen(q, true);
        }
    }
}

/* Attaches come and go */

uint64_t vtd_nested_fault_key(uint32_t devid, uint32_t pasid)
{
    return (uint64_t)devid << 32 | pasid;
}

void vtd_nested_fault_queue_join(VTDNestedAttach *at)
{
    VTDNestedFaultQueue *q = at->hwpt->faults;

    if (q) {
        at->fault_key = vtd_nested_fault_key(at->dev->idev->devid, at->pasid);
        g_hash_table_insert(q->attaches, &at->fault_key, at);
    }
}

void vtd_nested_fault_queue_forget(VTDNestedAttach *at, bool answer)
{
    VTDNestedGroup *group, *next;

    QLIST_FOREACH_SAFE(group, &at->groups, next, next) {
        VTDNestedFaultQueue *q = at->hwpt->faults;

        at->dev->nested->page_requests.forgotten++;
        trace_vtd_nested_fault_queue_forget(q->id, group->cookie);
        if (answer) {
            vtd_nested_fault_queue_answer(q, group->cookie, VTD_PRQ_INVALID);
        }
        vtd_nested_group_forget(at->dev->nested, group);
    }
}

void vtd_nested_fault_queue_leave(VTDNestedAttach *at)
{
    VTDNestedFaultQueue *q = at->hwpt->faults;

    if (q) {
        vtd_nested_fault_queue_forget(at, false);
        g_hash_table_remove(q->attaches, &at->fault_key);
    }
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
    vtd_nested_fault_queue_listen(q, true);
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
 * The open file is a user of the object, and closed it stays open while the
 * main loop's thread polls it, if we are a vCPU's thread.  In a bottom half
 * that poll has ended.
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
    vtd_nested_fault_queue_listen(q, false);
    QLIST_REMOVE(q, next);
    timer_free(q->retry);
    close(q->fd);
    queue_destroy(q->iommufd, q->id);
    g_hash_table_destroy(q->attaches);
    g_array_free(q->answers, true);
    g_free(q);
}
