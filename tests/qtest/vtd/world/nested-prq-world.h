/*
 * intel-iommu,nested=on,pri=on: the world of its tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A QEMU with a passed-through pasid-testdev, whose page at IOVA_SRC is absent
 * at first.
 */

#ifndef QTEST_INTEL_IOMMU_NESTED_PRQ_WORLD_H
#define QTEST_INTEL_IOMMU_NESTED_PRQ_WORLD_H

#include "qobject/qdict.h"
#include "nested-world.h"
#include "libqos/pasid-testdev.h"

#define PRQ_PROPS           "nested=on,pri=on,device-iotlb=on"
#define PRQ_SID             (SLOT << 3)     /* on bus 0 */
#define PRQ_SID_BEHIND      (1 << 8)        /* behind a root port */
#define PRQ_CONTEXT         (QVTD_CONTEXT_DTE | QVTD_CONTEXT_PRE)

/* The guest's page request queue, VT-d 7.4 */
#define PRQ_QUEUE           (40 * MIB)
#define PRQ_ENTRY_BYTES     32
#define PRQ_SMALL           128             /* entries of the smallest */

#define POLL_US             1000
#define PATIENCE            20000           /* polls */

typedef struct PrqWorld {
    NestedTest t;
    QTestdev dev;
    QVTDTable table;
    uint64_t leaf;          /* the entry of IOVA_SRC; absent at first */
    uint16_t sid;
    uint32_t pasid;         /* QTESTDEV_NO_PASID: requests have none */
    unsigned answered;      /* entries of the queue */
    const char *more;       /* further devices, or NULL */
} PrqWorld;

/* nested_test_init(), and the kernel has what page requests require. */
bool prq_test_init(int *argc, char ***argv);
/*
 * From QEMU to a device that may ask for pages, with a queue for it.
 * @pqs: the queue has PRQ_SMALL << @pqs entries
 */
void prq_start(PrqWorld *w, uint32_t pasid, unsigned pqs);
/* Its steps: a QEMU with tables; tables anew; translation and the device */
void prq_boot(PrqWorld *w, const char *props, uint64_t context_flags);
void prq_build(PrqWorld *w, uint64_t context_flags);
void prq_enable(PrqWorld *w);
void prq_stop(PrqWorld *w);

/* The PASID whose entry translates its requests, 0 where they have none */
uint32_t prq_pasid(const PrqWorld *w);

/* What the device does: any operation at IOVA_SRC, with w->pasid */
QTestdevCommand prq_command(PrqWorld *w, uint32_t op);
/* It writes to IOVA_SRC, and waits for the page. */
void prq_start_write(PrqWorld *w);
bool prq_written(PrqWorld *w);
/* @nr groups of one request each, with indices from @first */
void prq_send_requests(PrqWorld *w, unsigned first, unsigned nr);
void prq_await_responses(PrqWorld *w, unsigned want, unsigned want_code);

/* What the guest does: the queue's tail, and an entry's quadwords */
unsigned prq_tail(PrqWorld *w);
void prq_await_tail(PrqWorld *w, unsigned want);
uint64_t prq_entry(PrqWorld *w, unsigned n, unsigned quad);
/* Entry @n must be the request of prq_start_write(). */
void prq_check_request(PrqWorld *w, unsigned n);
void prq_respond(PrqWorld *w, uint16_t sid, uint32_t pasid, unsigned prgi,
                 unsigned code);
/* To the requests that came in since; @entries: of the whole queue */
void prq_answer_new(PrqWorld *w, unsigned entries);
void prq_map_page(PrqWorld *w);
/* The guest maps the page that prq_start_write() asked for, and answers. */
void prq_serve_write(PrqWorld *w);

/* The one element that a query gives.  Return: the caller's */
QDict *prq_query(PrqWorld *w, const char *command);
/* @want: "NAME N ...", of each counter of page requests that is not 0 */
void prq_check_counted(PrqWorld *w, const char *want);

#endif
