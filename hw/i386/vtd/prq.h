/*
 * Intel VT-d: the page request queue
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Registers, descriptors in guest memory, the event interrupt, and page group
 * responses from the invalidation queue: VT-d 7.4 to 7.7, 11.4.11.  Whose
 * requests these are and who takes the responses is up to VTDPRQOps: emulated
 * devices, or the host kernel's fault queue.
 *
 * A unit has a queue if ECAP.PRS is set.  BQL held throughout, the IOMMU lock
 * never.
 */

#ifndef HW_I386_INTEL_IOMMU_PRQ_H
#define HW_I386_INTEL_IOMMU_PRQ_H

#include "hw/i386/intel_iommu.h"
#include "spec.h"

typedef struct VTDPageRequest {
    uint64_t addr;              /* 4 KiB aligned */
    uint32_t pasid;
    uint16_t sid;
    uint16_t prgi;              /* 9 bits */
    bool has_pasid;
    bool read, write;           /* neither, and last: a stop marker */
    bool priv, exec;
    bool last;                  /* of its group */
} VTDPageRequest;

/* Response codes, VT-d 7.6.1 */
enum {
    VTD_PRQ_SUCCESS = 0x0,
    VTD_PRQ_INVALID = 0x1,
    VTD_PRQ_FAILURE = 0xf,
};

typedef struct VTDPageResponse {
    uint32_t pasid;
    uint16_t sid;
    uint16_t prgi;
    bool has_pasid;
    bool automatic;             /* ours, not the guest's */
    uint8_t code;               /* as the guest gave it: four bits */
} VTDPageResponse;

typedef struct VTDPRQOps {
    /**
     * @respond: The guest's answer to a group, or an automatic one.
     *
     * Also from within vtd_prq_put.  What the guest answers need not have been
     * asked, and may have been answered before.
     */
    void (*respond)(IntelIOMMUState *s, const VTDPageResponse *response);

    /**
     * @drain: Optional.  Before a wait descriptor with the drain flag
     * completes: put what has come in, discard what can't be put.
     */
    void (*drain)(IntelIOMMUState *s);
} VTDPRQOps;

/* At realize, before the first reset, of a unit that may report ECAP.PRS. */
void vtd_prq_setup(IntelIOMMUState *s, const VTDPRQOps *ops);

/* At realize and reset, after ECAP was made up.  Defines the registers. */
void vtd_prq_reset(IntelIOMMUState *s);

static inline bool vtd_prq_present(const IntelIOMMUState *s)
{
    return s->ext.prq && (s->ecap & VTD_ECAP_PRS);
}

/**
 * vtd_prq_put: Queue a page request.
 *
 * On overflow, or if the queue is not in RAM, the request is lost; if it was
 * the last of its group the group has got an automatic response: success on
 * overflow, so that the device asks again, else failure.
 *
 * Return: whether it was queued.
 */
bool vtd_prq_put(IntelIOMMUState *s, const VTDPageRequest *req);

/* An automatic response to @req, if its group is to have one. */
void vtd_prq_auto_respond(IntelIOMMUState *s, const VTDPageRequest *req,
                          uint8_t code);

/* A guest wrote PRS_REG or PECTL_REG. */
void vtd_prq_reg_write(IntelIOMMUState *s, hwaddr addr, uint64_t val,
                       unsigned size);

/**
 * vtd_prq_response_desc: A page group response descriptor.
 *
 * Return: false if it is malformed, or there is no queue: an invalidation
 * queue error.
 */
bool vtd_prq_response_desc(IntelIOMMUState *s, const uint64_t val[2]);

/**
 * vtd_prq_wait_desc: Before a wait descriptor is looked at.
 *
 * Carries out the drain flag, which stock QEMU takes for reserved.
 *
 * Return: the bits of @lo that were carried out.
 */
uint64_t vtd_prq_wait_desc(IntelIOMMUState *s, uint64_t lo);

/**
 * vtd_prq_is_fence: A wait descriptor that only orders others?
 *
 * Linux drains page requests with one, and it is well-formed without them too;
 * QEMU 10.0 takes it for malformed.  Descriptors are carried out in order, so
 * there is nothing left to do.
 */
bool vtd_prq_is_fence(uint64_t lo);

#endif
