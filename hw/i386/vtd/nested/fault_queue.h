/*
 * Intel VT-d, nested=on: fault queues of the host's kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_I386_VTD_NESTED_FAULT_QUEUE_H
#define HW_I386_VTD_NESTED_FAULT_QUEUE_H

#include "internal.h"

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

/* Return: NULL if the device uses an index that is in use. */
VTDNestedGroup *vtd_nested_group_new(VTDNestedAttach *at,
                                     const struct iommu_hwpt_pgfault *f);
void vtd_nested_group_forget(VTDNested *n, VTDNestedGroup *group);
/* All groups of @at.  @answer: the kernel still waits for one. */
void vtd_nested_fault_queue_forget(VTDNestedAttach *at, bool answer);
/* In VTDNested.groups */
uint32_t vtd_nested_group_key(uint16_t sid, uint16_t prgi);
void vtd_nested_group_free(gpointer group);

/* In VTDNestedFaultQueue.attaches */
uint64_t vtd_nested_fault_key(uint32_t devid, uint32_t pasid);

/* @code: VTD_PRQ_*; written with the next vtd_nested_fault_queue_write(). */
void vtd_nested_fault_queue_answer(VTDNestedFaultQueue *q, uint32_t cookie,
                                   uint8_t code);
void vtd_nested_fault_queue_write(VTDNestedFaultQueue *q);

/* Whether VTDNested.page_requests_in is called while it is readable. */
void vtd_nested_fault_queue_listen(VTDNestedFaultQueue *q, bool on);

#endif
