/*
 * Intel VT-d, nested=on: the guest's stage 1 on kernel-managed stage 2
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The seam: all that intel_iommu.c knows of nested translation.  Every
 * function is called with the BQL held and without the IOMMU lock, and every
 * one but decide_config does nothing with nested=off.  Those that each
 * descriptor passes look for that themselves, so that it costs no call.
 *
 * With iothread= a thread serves part of the queue, without these functions;
 * it stands still between the ones that are named _begin and _end.
 */

#ifndef HW_I386_INTEL_IOMMU_NESTED_H
#define HW_I386_INTEL_IOMMU_NESTED_H

#include "hw/i386/intel_iommu.h"
#include "migration/vmstate.h"
#include "system/host_iommu_device.h"

/**
 * vtd_nested_decide_config: First step of realize.
 *
 * nested=on implies scalable mode and stage 1.
 *
 * Return: false with @errp for a property that contradicts nested=on.
 */
bool vtd_nested_decide_config(IntelIOMMUState *s, Error **errp);

/**
 * vtd_nested_realize: Last step of realize, after the shared memory regions
 * exist and before the bus learns of the vIOMMU.
 *
 * Return: false with @errp if a vfio-pci device was realized before, which
 * would never be registered and so would bypass translation.
 */
bool vtd_nested_realize(IntelIOMMUState *s, Error **errp);

/**
 * vtd_nested_cap_init: Realize and every reset, after the CAP and ECAP values
 * were made up from the properties.  Leaves in them what every host device
 * that is there can honour.
 */
void vtd_nested_cap_init(IntelIOMMUState *s);

/**
 * vtd_nested_address_space: VFIO asks where a device's DMA goes.
 *
 * Return: the address space that all nested devices share (guest-physical
 * addresses and the interrupt range), or NULL if (@bus, @devfn) is not a
 * passed-through device with an iommufd.
 */
AddressSpace *vtd_nested_address_space(IntelIOMMUState *s, PCIBus *bus,
                                       int devfn);

/**
 * vtd_nested_set_device: A host device is realized, attached to stage 2.
 *
 * From here on the guest's tables decide where its DMA goes.
 *
 * Return: false with @errp if the device can't be nested: legacy VFIO
 * container, or a requester ID that it shares with others.
 */
bool vtd_nested_set_device(IntelIOMMUState *s, PCIBus *bus, int devfn,
                           HostIOMMUDevice *hiod, Error **errp);

/**
 * vtd_nested_unset_device: The device goes away.  Its DMA is blocked, every
 * nested HWPT that it alone used is destroyed.
 */
void vtd_nested_unset_device(IntelIOMMUState *s, PCIBus *bus, int devfn);

/**
 * vtd_nested_set_root: The guest set the root pointer.  Takes note of the
 * translation table mode that RTADDR_REG had at that moment.
 */
void vtd_nested_set_root(IntelIOMMUState *s);

/**
 * vtd_nested_refresh_all: The guest set the root pointer, switched translation,
 * or invalidated all context entries; or the system is reset.
 *
 * Each device follows its tables anew.  One for which the kernel refuses that
 * ends blocked, with a fault record.
 */
void vtd_nested_refresh_all(IntelIOMMUState *s);

/**
 * vtd_nested_refresh_function: Context-cache invalidation of the functions
 * whose requester ID is @sid in the bits of @sid_mask.  Failures: as above.
 */
void vtd_nested_refresh_function(IntelIOMMUState *s, uint16_t sid,
                                 uint16_t sid_mask);

/* What nested=on adds to the vIOMMU's saved state. */
extern const VMStateDescription vtd_nested_vmstate;

/**
 * vtd_nested_post_load: A state was loaded.  The devices follow it before the
 * first vCPU runs; until then they are as a reset left them.
 *
 * Return: false, with a message, if the guest was told of another vIOMMU.
 */
bool vtd_nested_post_load(IntelIOMMUState *s);

/**
 * vtd_nested_reset_begin, vtd_nested_reset_end: Around a reset of the unit.
 */
void vtd_nested_reset_begin(IntelIOMMUState *s);
void vtd_nested_reset_end(IntelIOMMUState *s);

/**
 * vtd_nested_notifiers_changed: The list of address spaces with notifiers has
 * one more, or one less.
 */
void vtd_nested_notifiers_changed(IntelIOMMUState *s);

/* Behind the inline functions below: with nested=on only. */
void vtd_nested_do_write_begin(IntelIOMMUState *s);
void vtd_nested_do_write_end(IntelIOMMUState *s);
bool vtd_nested_do_queue_begin(IntelIOMMUState *s);
bool vtd_nested_do_queue_more(IntelIOMMUState *s);
void vtd_nested_do_queue_end(IntelIOMMUState *s);
bool vtd_nested_do_inv_begin(IntelIOMMUState *s, uint8_t type);
void vtd_nested_do_gcmd_begin(IntelIOMMUState *s);
void vtd_nested_do_gcmd_end(IntelIOMMUState *s);
bool vtd_nested_do_inv_desc(IntelIOMMUState *s, uint8_t type,
                            const uint64_t val[4]);
void vtd_nested_do_inv_flush(IntelIOMMUState *s);

/**
 * vtd_nested_write_begin, vtd_nested_write_end: Around a write of a register.
 *
 * What the guest put into the queue before is served first.
 */
static inline void vtd_nested_write_begin(IntelIOMMUState *s)
{
    if (unlikely(s->nest)) {
        vtd_nested_do_write_begin(s);
    }
}

static inline void vtd_nested_write_end(IntelIOMMUState *s)
{
    if (unlikely(s->nest)) {
        vtd_nested_do_write_end(s);
    }
}

/**
 * vtd_nested_queue_begin: The queue is about to be served.
 *
 * Return: false if what is left of earlier work comes first; it will serve the
 * queue, up to the tail that the register then has.
 */
static inline bool vtd_nested_queue_begin(IntelIOMMUState *s)
{
    return likely(!s->nest) || vtd_nested_do_queue_begin(s);
}

/**
 * vtd_nested_queue_more: A descriptor was carried out, or put off.
 *
 * Return: false if IQH_REG must not pass it yet, or the budget is used up: the
 * queue is left.
 */
static inline bool vtd_nested_queue_more(IntelIOMMUState *s)
{
    return likely(!s->nest) || vtd_nested_do_queue_more(s);
}

/**
 * vtd_nested_queue_end: The queue is left, for whatever reason.  What was
 * collected reaches the kernel; what is too much for now is done later.
 */
static inline void vtd_nested_queue_end(IntelIOMMUState *s)
{
    if (unlikely(s->nest)) {
        vtd_nested_do_queue_end(s);
    }
}

/**
 * vtd_nested_inv_begin: A descriptor was fetched.
 *
 * Return: false to put it off, as what it has to come after is not all done.
 */
static inline bool vtd_nested_inv_begin(IntelIOMMUState *s, uint8_t type)
{
    return likely(!s->nest) || vtd_nested_do_inv_begin(s, type);
}

/**
 * vtd_nested_gcmd_begin, vtd_nested_gcmd_end: Around a write of GCMD_REG.
 *
 * What a new root pointer or a switch of translation asks for is done, or is
 * begun, and GSTS_REG reports it when it is done.
 */
static inline void vtd_nested_gcmd_begin(IntelIOMMUState *s)
{
    if (unlikely(s->nest)) {
        vtd_nested_do_gcmd_begin(s);
    }
}

static inline void vtd_nested_gcmd_end(IntelIOMMUState *s)
{
    if (unlikely(s->nest)) {
        vtd_nested_do_gcmd_end(s);
    }
}

/**
 * vtd_nested_inv_desc: A descriptor of the invalidation queue was found sound
 * by intel_iommu.c and carried out for emulated devices.
 * @type: VTD_INV_DESC_*
 * @val: its quadwords; in a queue of 128-bit descriptors only the first two
 *       mean something
 *
 * PASID-cache invalidations act at once; IOTLB invalidations are collected
 * until vtd_nested_inv_flush().
 *
 * Return: false if the descriptor is malformed: an invalidation queue error.
 */
static inline bool vtd_nested_inv_desc(IntelIOMMUState *s, uint8_t type,
                                       const uint64_t val[4])
{
    return likely(!s->nest) || vtd_nested_do_inv_desc(s, type, val);
}

/**
 * vtd_nested_iotlb_reg: Register-based IOTLB invalidation.
 * @granularity: VTD_TLB_*_FLUSH
 * @domain_id: for all but a global one
 */
void vtd_nested_iotlb_reg(IntelIOMMUState *s, uint64_t granularity,
                          uint16_t domain_id);

/**
 * vtd_nested_inv_flush: Before a wait descriptor completes.  What was collected
 * reaches the kernel, as far as the budget allows; vtd_nested_inv_begin() saw to
 * it that nothing is left there.
 *
 * Where the kernel refuses even a full flush, the devices concerned end
 * blocked with a fault record: no stale translation outlives the wait.
 */
static inline void vtd_nested_inv_flush(IntelIOMMUState *s)
{
    if (unlikely(s->nest)) {
        vtd_nested_do_inv_flush(s);
    }
}

#endif
