/*
 * Intel VT-d, ecap-nest=on: requests with PASID, and ATS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_I386_INTEL_IOMMU_ATS_H
#define HW_I386_INTEL_IOMMU_ATS_H

#include "hw/i386/intel_iommu.h"

/**
 * vtd_ats_realize: At realize, after pci_setup_iommu.
 *
 * From now on emulated devices can issue requests with PASID.  Nothing with
 * ecap-nest=off.
 */
void vtd_ats_realize(IntelIOMMUState *s, PCIBus *bus);

/* End of realize's and each reset's initialisation of registers. */
void vtd_ats_reset(IntelIOMMUState *s);

/* In vtd/walk/ats.c: emulated devices on the page request queue */
extern const struct VTDPRQOps vtd_ats_prq_ops;

/*
 * The invalidation queue; BQL held.  All but the drain flag of a wait
 * descriptor is for ecap-nest=on only.  First what is behind the inline
 * functions, which spare a call where there is neither.
 */
void vtd_ats_do_inv_desc(IntelIOMMUState *s, uint8_t type, uint64_t val[2]);
bool vtd_ats_do_abort_wait(IntelIOMMUState *s);
bool vtd_ats_inv_timed_out(IntelIOMMUState *s);

/**
 * vtd_ats_inv_desc: Before intel_iommu.c carries out a descriptor.
 * @val: its first two quadwords; what intel_iommu.c would take for reserved
 *       bits is carried out and cleared
 *
 * Invalidates the devices' caches.
 */
static inline void vtd_ats_inv_desc(IntelIOMMUState *s, uint8_t type,
                                    uint64_t val[2])
{
    if (unlikely(s->ecap_nest || s->prq)) {
        vtd_ats_do_inv_desc(s, type, val);
    }
}

/**
 * vtd_ats_abort_wait: Before a wait descriptor completes.
 *
 * Return: true if a device did not complete an invalidation: the wait
 * descriptor is not to complete, and the queue stops (FSTS.ITE).
 */
static inline bool vtd_ats_abort_wait(IntelIOMMUState *s)
{
    return unlikely(s->ecap_nest) && vtd_ats_do_abort_wait(s);
}

/* Return: whether no descriptor is to be fetched, after a time-out. */
static inline bool vtd_ats_queue_stopped(IntelIOMMUState *s)
{
    return unlikely(s->ecap_nest) && vtd_ats_inv_timed_out(s);
}

/* Software wrote FSTS_REG: the queue may go on. */
void vtd_ats_fsts_written(IntelIOMMUState *s);

#endif
