/*
 * Intel VT-d: the seam, all that intel_iommu.c calls
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What nested=on and ecap-nest=on have a say in goes by one table of functions,
 * of which each has an implementation.  With neither there is no table, and a
 * hook is a load and a branch.  Below that are calls that are for every unit:
 * faults of QEMU's that are mended.
 *
 * The other way round, what of intel_iommu.c our files call, is core.h.
 */

#ifndef HW_I386_VTD_EXT_OPS_H
#define HW_I386_VTD_EXT_OPS_H

#include "hw/i386/intel_iommu.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "system/host_iommu_device.h"
#include "system/iothread.h"
#include "prq.h"
#include "regs.h"

/*
 * Each may be NULL, but realize.  With the BQL and without the IOMMU lock,
 * unless it says otherwise.
 */
typedef struct VTDExtOps {
    /* The unit */

    /*
     * The last step of realize, before the registers are made up, and before
     * @bus learns of the vIOMMU.
     *
     * Return: false with @errp if it can't be.
     */
    bool (*realize)(IntelIOMMUState *s, PCIBus *bus, Error **errp);
    /*
     * Realize and every reset, after CAP and ECAP were made up from the other
     * properties.
     */
    void (*cap_init)(IntelIOMMUState *s);
    /* The registers were defined, at realize and at every reset. */
    void (*reset)(IntelIOMMUState *s);
    /* Around a reset of the unit. */
    void (*reset_begin)(IntelIOMMUState *s);
    void (*reset_end)(IntelIOMMUState *s);
    /*
     * A state was loaded.
     *
     * Return: false, with a message, if the guest was told of another vIOMMU.
     */
    bool (*post_load)(IntelIOMMUState *s);

    /* Registers */

    /*
     * Return: where intel_iommu.c has the register that a guest finds at
     * @addr.
     */
    hwaddr (*reg)(IntelIOMMUState *s, hwaddr addr);
    /* Around a write of a register. */
    void (*write_begin)(IntelIOMMUState *s);
    void (*write_end)(IntelIOMMUState *s);
    /* Around a write of GCMD_REG. */
    void (*gcmd_begin)(IntelIOMMUState *s);
    void (*gcmd_end)(IntelIOMMUState *s);
    /*
     * Return: whether IQA_REG.DW, as just written, is not looked at before the
     * queue is enabled the next time.
     */
    bool (*iqa_is_held)(IntelIOMMUState *s);
    /* The guest set the root pointer: what RTADDR_REG has now counts. */
    void (*set_root)(IntelIOMMUState *s);
    /*
     * Before a new root pointer, or a switch of translation, empties the
     * caches.
     *
     * Return: true if they stay.
     */
    bool (*keeps_caches)(IntelIOMMUState *s);
    /* Empty the caches.  The IOMMU lock is held. */
    void (*reset_caches_locked)(IntelIOMMUState *s);
    /*
     * The guest set the root pointer, switched translation, or invalidated all
     * context entries; or the system is reset.  All that the guest's tables
     * say may be new.
     */
    void (*refresh_all)(IntelIOMMUState *s);
    /*
     * Context-cache invalidation of the functions whose requester ID is @sid
     * in the bits of @mask.
     */
    void (*refresh_function)(IntelIOMMUState *s, uint16_t sid, uint16_t mask);
    /*
     * intel_iommu.c carried out a register-based IOTLB invalidation.
     * @val: IOTLB_REG
     */
    void (*iotlb_reg)(IntelIOMMUState *s, uint64_t val);

    /* The invalidation queue */

    /*
     * The queue is about to be served.
     *
     * Return: false to leave it: what comes before is not done, or an error
     * stops it.
     */
    bool (*queue_begin)(IntelIOMMUState *s);
    /*
     * A descriptor was carried out, or put off.
     *
     * Return: false to leave the queue: IQH_REG must not pass the descriptor
     * yet, or says already how far the queue has come.
     */
    bool (*queue_more)(IntelIOMMUState *s);
    /* The queue is left, for whatever reason. */
    void (*queue_end)(IntelIOMMUState *s);
    /*
     * A descriptor was fetched.
     * @type: VTD_INV_DESC_*
     *
     * Return: false to put it off, as what it has to come after is not all
     * done.
     */
    bool (*desc_begin)(IntelIOMMUState *s, uint8_t type);
    /*
     * Before intel_iommu.c carries out a descriptor.
     *
     * Return: the bits of val[0] that were carried out, which intel_iommu.c
     * would take for reserved.
     */
    uint64_t (*desc_before)(IntelIOMMUState *s, uint8_t type,
                            const uint64_t val[2]);
    /*
     * Before a wait descriptor completes: what it waits for is done now.
     *
     * Return: false if intel_iommu.c is not to complete it.
     */
    bool (*wait_before)(IntelIOMMUState *s, uint64_t lo);
    /*
     * intel_iommu.c found a descriptor sound, and carried it out.
     * @val: its quadwords; in a queue of 128-bit descriptors only the first
     * two mean something
     *
     * Return: false if it is malformed after all: an invalidation queue error.
     */
    bool (*desc_after)(IntelIOMMUState *s, uint8_t type, const uint64_t val[4]);

    /* Emulated devices */

    /*
     * In any thread.
     *
     * Return: whether translation is on, and its tables are for translate().
     */
    bool (*translates)(IntelIOMMUState *s);
    /*
     * A request.  In an RCU critical section, with or without the BQL, without
     * the IOMMU lock.
     *
     * Return: false with @entry all zero, and a fault recorded, if it is
     * blocked.
     */
    bool (*translate)(VTDAddressSpace *as, hwaddr addr, IOMMUAccessFlags flag,
                      IOMMUTLBEntry *entry);
    /*
     * A user of @as asks to be notified as @flags say.
     *
     * Return: false with @errp if it can't be served.
     */
    bool (*check_notifier)(IntelIOMMUState *s, VTDAddressSpace *as,
                           IOMMUNotifierFlag flags, Error **errp);
    /* The list of address spaces with notifiers has one more, or one less. */
    void (*notifiers_changed)(IntelIOMMUState *s);

    /* Passed-through devices; all three, or none */

    /*
     * VFIO asks where a device's DMA goes.
     *
     * Return: NULL for what intel_iommu.c serves: no passed-through device
     * with an iommufd.
     */
    AddressSpace *(*address_space)(IntelIOMMUState *s, PCIBus *bus, int devfn);
    /*
     * A host device is realized, attached to stage 2.  From here on the
     * guest's tables decide where its DMA goes.
     *
     * Return: false with @errp if the device can't be nested.
     */
    bool (*set_device)(IntelIOMMUState *s, PCIBus *bus, int devfn,
                       HostIOMMUDevice *hiod, Error **errp);
    /* The device goes away. */
    void (*unset_device)(IntelIOMMUState *s, PCIBus *bus, int devfn);
} VTDExtOps;

/**
 * vtd_ext_decide_config: First step of realize.
 *
 * Return: false with @errp for properties that contradict each other.
 */
bool vtd_ext_decide_config(IntelIOMMUState *s, Error **errp);

/* See VTDExtOps.realize: from here on the table is in force. */
bool vtd_ext_realize(IntelIOMMUState *s, PCIBus *bus, Error **errp);

/* See VTDExtOps.reset; with it what every unit has. */
void vtd_ext_reset(IntelIOMMUState *s);

/* Before realize as well */
static inline bool vtd_ext_is_on(const IntelIOMMUState *s)
{
    return s->ext.nested || s->ext.ecap_nest;
}

/* The unit */

static inline void vtd_ext_cap_init(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->cap_init) {
        ops->cap_init(s);
    }
}

static inline void vtd_ext_reset_begin(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->reset_begin) {
        ops->reset_begin(s);
    }
}

static inline void vtd_ext_reset_end(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->reset_end) {
        ops->reset_end(s);
    }
}

static inline bool vtd_ext_post_load(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->post_load ? ops->post_load(s) : true;
}

/* Registers */

static inline hwaddr vtd_ext_reg(IntelIOMMUState *s, hwaddr addr)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->reg ? ops->reg(s, addr) : addr;
}

static inline void vtd_ext_write_begin(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->write_begin) {
        ops->write_begin(s);
    }
}

static inline void vtd_ext_write_end(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->write_end) {
        ops->write_end(s);
    }
}

static inline void vtd_ext_gcmd_begin(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->gcmd_begin) {
        ops->gcmd_begin(s);
    }
}

static inline void vtd_ext_gcmd_end(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->gcmd_end) {
        ops->gcmd_end(s);
    }
}

static inline bool vtd_ext_iqa_is_held(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->iqa_is_held ? ops->iqa_is_held(s) : false;
}

static inline void vtd_ext_set_root(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->set_root) {
        ops->set_root(s);
    }
}

static inline bool vtd_ext_keeps_caches(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->keeps_caches ? ops->keeps_caches(s) : false;
}

static inline void vtd_ext_reset_caches_locked(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->reset_caches_locked) {
        ops->reset_caches_locked(s);
    }
}

static inline void vtd_ext_refresh_all(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->refresh_all) {
        ops->refresh_all(s);
    }
}

static inline void vtd_ext_refresh_function(IntelIOMMUState *s, uint16_t sid,
                                            uint16_t mask)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->refresh_function) {
        ops->refresh_function(s, sid, mask);
    }
}

static inline void vtd_ext_iotlb_reg(IntelIOMMUState *s, uint64_t val)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->iotlb_reg) {
        ops->iotlb_reg(s, val);
    }
}

/* The invalidation queue */

static inline bool vtd_ext_queue_begin(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->queue_begin ? ops->queue_begin(s) : true;
}

static inline bool vtd_ext_queue_more(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->queue_more ? ops->queue_more(s) : true;
}

static inline void vtd_ext_queue_end(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->queue_end) {
        ops->queue_end(s);
    }
}

static inline bool vtd_ext_desc_begin(IntelIOMMUState *s, uint8_t type)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->desc_begin ? ops->desc_begin(s, type) : true;
}

static inline uint64_t vtd_ext_desc_before(IntelIOMMUState *s, uint8_t type,
                                           const uint64_t val[2])
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->desc_before
        ? ops->desc_before(s, type, val) : 0;
}

static inline bool vtd_ext_wait_before(IntelIOMMUState *s, uint64_t lo)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->wait_before ? ops->wait_before(s, lo) : true;
}

static inline bool vtd_ext_desc_after(IntelIOMMUState *s, uint8_t type,
                                      const uint64_t val[4])
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->desc_after
        ? ops->desc_after(s, type, val) : true;
}

/* Emulated devices */

static inline bool vtd_ext_translates(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->translates ? ops->translates(s) : false;
}

static inline bool vtd_ext_translate(VTDAddressSpace *as, hwaddr addr,
                                     IOMMUAccessFlags flag,
                                     IOMMUTLBEntry *entry)
{
    return as->iommu_state->ext.ops->translate(as, addr, flag, entry);
}

static inline bool vtd_ext_check_notifier(IntelIOMMUState *s,
                                          VTDAddressSpace *as,
                                          IOMMUNotifierFlag flags, Error **errp)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->check_notifier
        ? ops->check_notifier(s, as, flags, errp) : true;
}

static inline void vtd_ext_notifiers_changed(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    if (unlikely(ops) && ops->notifiers_changed) {
        ops->notifiers_changed(s);
    }
}

/* Passed-through devices; all three, or none */

static inline AddressSpace *vtd_ext_address_space(IntelIOMMUState *s,
                                                  PCIBus *bus, int devfn)
{
    const VTDExtOps *ops = s->ext.ops;

    return unlikely(ops) && ops->address_space
        ? ops->address_space(s, bus, devfn) : NULL;
}

/* Do set_device and unset_device serve this unit's passed-through devices? */
static inline bool vtd_ext_takes_devices(IntelIOMMUState *s)
{
    return unlikely(s->ext.ops) && s->ext.ops->set_device;
}

static inline bool vtd_ext_set_device(IntelIOMMUState *s, PCIBus *bus,
                                      int devfn, HostIOMMUDevice *hiod,
                                      Error **errp)
{
    return s->ext.ops->set_device(s, bus, devfn, hiod, errp);
}

static inline void vtd_ext_unset_device(IntelIOMMUState *s, PCIBus *bus,
                                        int devfn)
{
    s->ext.ops->unset_device(s, bus, devfn);
}

/* What nested=on adds to the vIOMMU's saved state */
extern const VMStateDescription vtd_nested_vmstate;

/* Faults that are met outside the BQL: fault.c */

/**
 * vtd_fault_defer: Before a fault is put into the recording register.
 * @sid: the requester
 * @hi: the record's upper quadword, without its F bit
 * @lo: the lower one
 *
 * With or without the BQL and the IOMMU lock.
 *
 * Return: false if the BQL is held: the caller goes on.  Else the same call is
 * made again from the main loop.
 */
bool vtd_fault_defer(IntelIOMMUState *s, uint16_t sid, uint64_t hi,
                     uint64_t lo);

/* For every unit: core.c.inc */

/* Bits that are reserved for good, or while a capability is not reported */
bool vtd_core_context_is_reserved(IntelIOMMUState *s,
                                  const VTDContextEntry *ce);
bool vtd_core_pdir_is_reserved(IntelIOMMUState *s, uint64_t dir);

/**
 * vtd_core_pasid_is_reserved: The same of a PASID entry, but for ecap-nest=on,
 * whose walk has its own.  What the entry's type has no use for, such as the
 * pointer to a second stage, is not looked at.
 *
 * Without nested=on it is quadword 0 alone: what guests of the ordinary
 * translation may have had in the others is served as ever.
 */
bool vtd_core_pasid_is_reserved(IntelIOMMUState *s, const VTDPASIDEntry *pe);

/* @pasid is beyond the directory in @ce. */
bool vtd_core_pasid_is_beyond(const VTDContextEntry *ce, uint32_t pasid);

/**
 * vtd_core_notify: Tell the notifiers of an address space.
 *
 * Each of them gets its own part of the event: a page, or what a guest
 * invalidates, may cross the interrupt range, where none is.
 */
void vtd_core_notify(VTDAddressSpace *as, const IOMMUTLBEvent *event);
void vtd_core_notify_one(IOMMUNotifier *n, const IOMMUTLBEvent *event);

/* vtd_mem_write(), with what has to be around it. */
MemTxResult vtd_core_mem_write(void *opaque, hwaddr addr, uint64_t val,
                               unsigned size, MemTxAttrs attrs);

/**
 * vtd_core_pasid_cache_desc: A PASID-cache invalidation descriptor in scalable
 * mode.  Those of nested=on and ecap-nest=on are carried out by their own code.
 *
 * Return: false if it is malformed: an invalidation queue error.
 */
bool vtd_core_pasid_cache_desc(IntelIOMMUState *s, const uint64_t val[2]);

/*
 * A boolean property of IntelIOMMUState that is off by default: which of them
 * was said to be off is in ext.switched_off.
 */
extern const PropertyInfo vtd_core_noted_bool;

/**
 * vtd_core_write_halves: A 64-bit write to a pair of 32-bit registers, of which
 * intel_iommu.c takes each by itself only.
 *
 * Return: whether it was one.
 */
bool vtd_core_write_halves(IntelIOMMUState *s, hwaddr addr, uint64_t val,
                           unsigned size);

/* Software wrote FSTS_REG: the queue may go on. */
void vtd_core_fsts_written(IntelIOMMUState *s);

/**
 * vtd_core_defer_fast_path: A pass-through entry was met.
 *
 * Return: true if that was without the BQL: a bottom half switches regions.
 */
bool vtd_core_defer_fast_path(IntelIOMMUState *s);

/* A context entry that the ordinary translation would serve */
static inline bool vtd_ext_refuses_context(IntelIOMMUState *s,
                                           const VTDContextEntry *ce)
{
    return unlikely(s->ext.nested) && s->root_scalable &&
           vtd_core_context_is_reserved(s, ce);
}

#define VTD_EXT_CAP(name, bit, on)                                          \
    DEFINE_PROP_BIT64(name, IntelIOMMUState, ext.walk_cap, bit, on)
#define VTD_EXT_ECAP(name, bit, on)                                         \
    DEFINE_PROP_BIT64(name, IntelIOMMUState, ext.walk_ecap, bit, on)

/* What intel_iommu.c's list of properties has of ours */
#define VTD_EXT_PROPERTIES                                                  \
    DEFINE_PROP_BOOL("nested", IntelIOMMUState, ext.nested, false),         \
    DEFINE_PROP_BOOL("ecap-nest", IntelIOMMUState, ext.ecap_nest, false),   \
    DEFINE_PROP("scalable-mode", IntelIOMMUState, scalable_mode,            \
                vtd_core_noted_bool, bool),                                 \
    DEFINE_PROP("fsts", IntelIOMMUState, ext.fsts, vtd_core_noted_bool,     \
                bool),                                                      \
    DEFINE_PROP_UINT8("pasid-bits", IntelIOMMUState, ext.pasid_bits, 0),    \
    DEFINE_PROP_BOOL("svm", IntelIOMMUState, ext.svm, false),               \
    DEFINE_PROP_BOOL("fs5lp", IntelIOMMUState, ext.fs5lp, false),           \
    DEFINE_PROP_BOOL("x-srs", IntelIOMMUState, ext.srs, true),              \
    DEFINE_PROP_BOOL("x-smpwc", IntelIOMMUState, ext.smpwc, true),          \
    DEFINE_PROP_UINT8("x-mamv", IntelIOMMUState, ext.mamv, VTD_MAMV),       \
    DEFINE_PROP_BOOL("x-batch", IntelIOMMUState, ext.nested_batch, true),   \
    DEFINE_PROP_BOOL("pri", IntelIOMMUState, ext.nested_pri, false),        \
    DEFINE_PROP_UINT32("max-hwpts", IntelIOMMUState, ext.nested_max_hwpts,  \
                       4096),                                               \
    DEFINE_PROP_STRING("legacy", IntelIOMMUState, ext.nested_legacy),       \
    DEFINE_PROP_UINT32("max-maps", IntelIOMMUState, ext.nested_max_maps,    \
                       262144),                                             \
    DEFINE_PROP_UINT32("x-stay-budget", IntelIOMMUState,                    \
                       ext.nested_stay_budget, 256),                        \
    DEFINE_PROP_LINK("iothread", IntelIOMMUState, ext.iothread,             \
                     TYPE_IOTHREAD, IOThread *),                            \
    DEFINE_PROP_STRING("x-host-flush", IntelIOMMUState, ext.host_flush),    \
    DEFINE_PROP_BOOL("x-strict", IntelIOMMUState, ext.walk_strict, false),  \
    DEFINE_PROP_STRING("x-profile", IntelIOMMUState, ext.walk_profile),     \
    DEFINE_PROP_STRING("x-rmrr", IntelIOMMUState, ext.rmrr),                \
    DEFINE_PROP_STRING("x-satc", IntelIOMMUState, ext.satc),                \
    VTD_EXT_ECAP("x-c", 0, false),                                          \
    VTD_EXT_ECAP("x-sc", 7, true),                                          \
    VTD_EXT_ECAP("x-mts", 25, false),                                       \
    VTD_EXT_ECAP("x-nwfs", 33, true),                                       \
    VTD_EXT_ECAP("x-eafs", 34, false),                                      \
    VTD_EXT_ECAP("x-slads", 45, true),                                      \
    VTD_EXT_ECAP("x-rps", 49, true),                                        \
    VTD_EXT_ECAP("x-rprivs", 53, true),                                     \
    VTD_EXT_CAP("x-esirtps", 62, false),                                    \
    VTD_EXT_CAP("x-esrtps", 63, false)

#endif
