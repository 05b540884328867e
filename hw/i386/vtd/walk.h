/*
 * Intel VT-d, ecap-nest=on: an emulated unit that walks both stages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The seam: all that intel_iommu.c knows of the walk.  With ecap-nest=off
 * every function but decide_config returns at once; those that each request or
 * descriptor passes look for that themselves, so that it costs no call.
 */

#ifndef HW_I386_INTEL_IOMMU_WALK_H
#define HW_I386_INTEL_IOMMU_WALK_H

#include "hw/i386/intel_iommu.h"
#include "exec/memory.h"

/**
 * vtd_walk_decide_config: First step of realize.
 *
 * ecap-nest=on implies scalable mode and stage 1.
 *
 * Return: false with @errp for a property that contradicts it.
 */
bool vtd_walk_decide_config(IntelIOMMUState *s, Error **errp);

/**
 * vtd_walk_cap_init: Realize and every reset, after CAP and ECAP were made up
 * from the other properties.
 */
void vtd_walk_cap_init(IntelIOMMUState *s);

/* End of realize's and each reset's initialisation of registers: VER_REG. */
void vtd_walk_version_init(IntelIOMMUState *s);

/* Behind vtd_walk_reg(). */
hwaddr vtd_walk_profile_reg(hwaddr addr);

/* Where intel_iommu.c has the register that a guest finds at @addr */
static inline hwaddr vtd_walk_reg(IntelIOMMUState *s, hwaddr addr)
{
    return unlikely(s->walk_profile) ? vtd_walk_profile_reg(addr) : addr;
}

/**
 * vtd_walk_reset_locked: The root pointer or translation enable changed, or
 * the unit is reset.  Empties the caches.  The IOMMU lock is held.
 */
void vtd_walk_reset_locked(IntelIOMMUState *s);

/**
 * vtd_walk_keeps_caches: Before a new root pointer, or a switch of translation,
 * empties the caches.  The IOMMU lock is not held.
 *
 * Return: true if they stay: x-strict=on, and CAP.ESRTPS is 0.
 */
bool vtd_walk_keeps_caches(IntelIOMMUState *s);

/* Migration brought new registers. */
void vtd_walk_loaded(IntelIOMMUState *s);

/**
 * vtd_walk_check_notifier: A user of @as wants to be notified as @flags say.
 *
 * Return: false with @errp if the walk can't serve it.
 */
bool vtd_walk_check_notifier(IntelIOMMUState *s, VTDAddressSpace *as,
                             IOMMUNotifierFlag flags, Error **errp);

/* Behind vtd_walk_active(). */
bool vtd_walk_owns(IntelIOMMUState *s);

/* Translation is on, and its tables are the walk's: scalable mode ones. */
static inline bool vtd_walk_active(IntelIOMMUState *s)
{
    return unlikely(s->ecap_nest) && vtd_walk_owns(s);
}

/**
 * vtd_walk_translate: A request of an emulated device.
 *
 * In an RCU critical section, with or without the BQL, without the IOMMU lock.
 *
 * Return: false with @entry all zero, and a fault recorded, if the request is
 * blocked.
 */
bool vtd_walk_translate(VTDAddressSpace *as, hwaddr addr,
                        IOMMUAccessFlags flag, IOMMUTLBEntry *entry);

/* Behind the inline function below: with ecap-nest=on only. */
bool vtd_walk_do_inv_desc(IntelIOMMUState *s, uint8_t type,
                          const uint64_t val[2]);

/**
 * vtd_walk_inv_desc: intel_iommu.c carried out a descriptor of the queue.
 * @type: VTD_INV_DESC_*
 * @val: its first two quadwords
 *
 * BQL held, IOMMU lock not.
 *
 * Return: false if the descriptor is malformed: an invalidation queue error.
 */
static inline bool vtd_walk_inv_desc(IntelIOMMUState *s, uint8_t type,
                                     const uint64_t val[2])
{
    return likely(!s->ecap_nest) || vtd_walk_do_inv_desc(s, type, val);
}

/**
 * vtd_walk_iotlb_reg: Register-based IOTLB invalidation.
 * @val: IOTLB_REG
 *
 * BQL held, IOMMU lock not.
 */
void vtd_walk_iotlb_reg(IntelIOMMUState *s, uint64_t val);

#endif
