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

/* In intel_iommu_ats.c: emulated devices on the page request queue */
extern const struct VTDPRQOps vtd_ats_prq_ops;

/*
 * The invalidation queue; BQL held.  All but the drain flag of a wait
 * descriptor is for ecap-nest=on only.
 */

/**
 * vtd_ats_inv_desc: Before intel_iommu.c carries out a descriptor.
 * @val: its first two quadwords; what intel_iommu.c would take for reserved
 *       bits is carried out and cleared
 *
 * Invalidates the devices' caches.
 */
void vtd_ats_inv_desc(IntelIOMMUState *s, uint8_t type, uint64_t val[2]);

/**
 * vtd_ats_abort_wait: Before a wait descriptor completes.
 *
 * Return: true if a device did not complete an invalidation: the wait
 * descriptor is not to complete, and the queue stops (FSTS.ITE).
 */
bool vtd_ats_abort_wait(IntelIOMMUState *s);

/* Return: whether no descriptor is to be fetched, after a time-out. */
bool vtd_ats_queue_stopped(IntelIOMMUState *s);

/* Software wrote FSTS_REG: the queue may go on. */
void vtd_ats_fsts_written(IntelIOMMUState *s);

#endif
