/*
 * Intel VT-d, nested=on: the objects
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   VTDNested -- devices --> VTDNestedDevice -- attaches --> VTDNestedAttach
 *       |                                                        |   |
 *       +-- tags (domain-id, PASID) -----------------------------+   |
 *       +-- hwpts (table, width, ...) --> VTDNestedHwpt <------------+
 *
 * A tag lists the attaches that an invalidation descriptor can name.  Where the
 * guest is in legacy mode, an attach has a VTDNestedShadow in place of a HWPT.
 *
 * One lock protects everything here: the BQL; with iothread= that of
 * vtd/nested/thread.h besides, which has the lock order.
 */

#ifndef HW_I386_INTEL_IOMMU_NESTED_INTERNAL_H
#define HW_I386_INTEL_IOMMU_NESTED_INTERNAL_H

#include <linux/iommufd.h>

#include "hw/pci/pci_bus.h"
#include "hw/i386/intel_iommu.h"
#include "hw/i386/vtd_host_kernel.h"
#include "system/iommufd.h"
#include "qapi/qapi-types-intel-iommu.h"
#include "nvtd/base.h"
#include "qemu/interval-tree.h"
#include "qemu/queue.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/i386/vtd/core.h"

typedef struct VTDNested VTDNested;
typedef struct VTDNestedDevice VTDNestedDevice;
typedef struct VTDNestedAttach VTDNestedAttach;
typedef struct VTDNestedHwpt VTDNestedHwpt;
typedef struct VTDNestedTag VTDNestedTag;
typedef struct VTDNestedShadow VTDNestedShadow;
typedef struct VTDNestedFaultQueue VTDNestedFaultQueue;
typedef struct VTDNestedGroup VTDNestedGroup;
typedef struct VTDNestedThread VTDNestedThread;
typedef struct VTDNestedDoorbell VTDNestedDoorbell;

/*
 * How much is done under the BQL in one go: vtd/nested/queue.c.  What is
 * left then, of sweeps, invalidations and the guest's queue, is done later.
 */
typedef struct VTDNestedQueue {
    QEMUBH *bh;                 /* goes on with what is left */
    QEMUTimer *pause;           /* ... after others had the BQL */
    bool is_due;                /* one of the two is under way */
    bool is_handed;             /* ... as the thread handed over */
    bool is_ahead;              /* what is behind the head was collected, too */
    bool is_served;             /* intel_iommu.c is fetching descriptors */
    unsigned stay_depth;        /* 0: outside of a stay, which is unbounded */
    unsigned work;              /* units of this stay */
    unsigned descriptors;       /* carried out; wraps round */
    uint32_t held;              /* bits of GSTS_REG that wait for the rest */
    bool was_enabled;           /* translation, before this write of GCMD_REG */
} VTDNestedQueue;

struct VTDNested {
    IntelIOMMUState *iommu;
    AddressSpace as;            /* of all nested devices: stage 2's input */
    IOMMUFDNesting nesting;     /* tells VFIO to allocate nest parents for it */

    GHashTable *devices;        /* VTDNestedDevice by its bus and devfn */
    GHashTable *hwpts;          /* VTDNestedHwpt by its VTDNestedStage1 */
    GHashTable *tags;           /* VTDNestedTag by domain-id and PASID */
    VTDNestedTag *last_tag;     /* of them, that was found last; or NULL */
    QSIMPLEQ_HEAD(, VTDNestedHwpt) dirty;  /* with invalidations pending */
    QLIST_HEAD(, VTDNestedShadow) shadows; /* of tables of legacy mode */
    MemoryListener shadow_listener;
    bool shadow_memory_changed; /* RAM came or went, since the last commit */
    Error *blocker;             /* of migration, as there are shadows; or NULL */
    NotifierWithReturn migration;
    QLIST_HEAD(, VTDNestedFaultQueue) fault_queues;     /* one a device */
    GHashTable *groups;         /* VTDNestedGroup by requester ID and index */
    IOHandler *page_requests_in;    /* a fault queue is readable */

    uint64_t host_cap;          /* AND of the host devices' CAP_REG */
    uint64_t host_ecap;         /* ... and ECAP_REG */
    unsigned host_mamv;         /* least CAP.MAMV of them: log2 of pages */
    VTDHostFlush host_flush;    /* what the host's kernel makes of a flush */
    unsigned host_pasid_bits;   /* least PASID width of them */
    unsigned ttm;               /* RTADDR_REG.TTM when SRTP was written */
    bool loaded;                /* a state, which no device follows yet */

    QemuMutex lock;             /* with iothread=: vtd/nested/thread.h */
    VTDNestedThread *thread;    /* NULL: all is done with the BQL */
    VTDNestedDoorbell *doorbell;
    bool has_notifiers;         /* an emulated device asked to be told */

    VTDNestedQueue queue;
    unsigned sweeps;            /* devices with one that is not done */

    /* For x-query-intel-iommu-nested */
    VtdNestedCounters counters;
    VtdNestedPageRequests page_requests;
};

/* Where a device's, or one PASID's, DMA goes. */
typedef enum VTDNestedTarget {
    VTD_NESTED_BLOCKED,         /* nowhere: the kernel faults each request */
    VTD_NESTED_STAGE2,          /* input addresses are guest-physical */
    VTD_NESTED_STAGE1,          /* through the guest's stage 1, then stage 2 */
    VTD_NESTED_SHADOW,          /* what the guest's second-stage table maps */
} VTDNestedTarget;

/* A guest's second-stage table, of legacy mode */
typedef struct VTDNestedStage2 {
    IOMMUFDBackend *iommufd;
    uint64_t table;             /* guest-physical, 4 KiB aligned */
    unsigned levels;            /* 3 to 5: 39, 48 or 57 bits of input address */
    uint16_t domain_id;
} VTDNestedStage2;

/* A guest stage-1 page table, and the stage 2 that it lies on. */
typedef struct VTDNestedStage1 {
    IOMMUFDBackend *iommufd;
    uint32_t stage2_hwpt_id;
    uint32_t addr_width;        /* bits of input address: 48 or 57 */
    uint64_t pgtbl_addr;        /* guest-physical, 4 KiB aligned */
    uint64_t flags;             /* IOMMU_VTD_S1_* */
    bool page_requests;         /* absent pages go to the guest */
    /*
     * Set for a HWPT that only this device uses, because its IOMMU would not
     * take the one that others share, or as its page requests are read by
     * themselves; else NULL.
     */
    const VTDNestedDevice *only;
} VTDNestedStage1;

/* Why a device is blocked, as far as that is news to the user. */
typedef enum VTDNestedCause {
    VTD_NESTED_CAUSE_NONE,      /* the guest cleared a present bit */
    VTD_NESTED_CAUSE_LEGACY,
    VTD_NESTED_CAUSE_TABLES,
    VTD_NESTED_CAUSE_STAGE2,
    VTD_NESTED_CAUSE_WIDTH,
    VTD_NESTED_CAUSE_PGTT,
    VTD_NESTED_CAUSE_PT,
    VTD_NESTED_CAUSE_PASIDS,    /* more than VTD_NESTED_MAX_PASIDS */
    VTD_NESTED_CAUSE_HWPTS,     /* more than max-hwpts */
    VTD_NESTED_CAUSE_HOST,      /* the kernel refused */
    VTD_NESTED_CAUSE_SHADOW,    /* a second-stage table could not be followed */
} VTDNestedCause;

/* What the guest's tables ask for. */
typedef struct VTDNestedWant {
    VTDNestedTarget target;
    bool has_entry;             /* a PASID entry was read: the next three */
    uint8_t pgtt;
    uint16_t domain_id;
    uint32_t pasid;             /* that of the PASID entry, RID_PASID too;
                                   VTD_NESTED_ANY_PASID: none was found */
    VTDNestedStage1 stage1;     /* for VTD_NESTED_STAGE1 */
    VTDNestedStage2 stage2;     /* for VTD_NESTED_SHADOW */
    /*
     * For VTD_NESTED_BLOCKED: the fault to record, VTD_SM_* or VTD_FR_*, 0 for
     * an entry that is merely not present: then each DMA would fault, which is
     * the kernel's to see.
     */
    int fault;
    bool fpd;                   /* Fault Processing Disable */
    bool pre;                   /* Page Request Enable */
    VTDNestedCause cause;
} VTDNestedWant;

/*
 * A look at all that the guest's tables say of a device, in steps: it may be
 * left and gone on with at each.
 */
typedef struct VTDNestedSweep {
    enum {
        VTD_NESTED_SWEEP_DONE,
        VTD_NESTED_SWEEP_RID,       /* next: requests without PASID */
        VTD_NESTED_SWEEP_FOLLOWED,  /* PASIDs that have an attach */
        VTD_NESTED_SWEEP_NEW,       /* entries of the directory without one */
    } step;
    GArray *followed;           /* uint32_t: PASIDs not looked at yet */
    uint32_t next;              /* PASID whose entry is the next to look at */
    unsigned idle;              /* entries that came to nothing */
} VTDNestedSweep;

struct VTDNestedDevice {
    VTDNested *nested;
    PCIBus *bus;
    int devfn;
    HostIOMMUDeviceIOMMUFD *idev;   /* a reference */
    GHashTable *attaches;       /* VTDNestedAttach by PASID */
    unsigned pasid_bits;        /* of its requests, 0: none have a PASID */
    VTDNestedSweep sweep;
    /* Bit by VTDNestedCause: said once for good, or a guest could flood us. */
    uint32_t reported;
};

static inline uint16_t vtd_nested_device_sid(const VTDNestedDevice *dev)
{
    return PCI_BUILD_BDF(pci_bus_num(dev->bus), dev->devfn);
}

/*
 * The state of one (device, PASID).  That of the requester ID is there as long
 * as the device; that of a PASID while the guest has an entry for it.
 */
struct VTDNestedAttach {
    VTDNestedDevice *dev;
    uint32_t pasid;             /* IOMMUFD_NO_PASID: the requester ID */
    VTDNestedTarget target;
    int fault;                  /* recorded for what is blocked now, or 0 */
    VTDNestedCause cause;       /* why it is blocked now, or NONE */
    VTDNestedCause told;        /* the cause that an event told of */
    VTDNestedWant last;         /* what the guest's tables asked for last */
    bool fpd;                   /* of the entries read last */
    VTDNestedHwpt *hwpt;        /* a reference, for VTD_NESTED_STAGE1 */
    VTDNestedTag *tag;          /* for VTD_NESTED_STAGE1 */
    VTDNestedShadow *shadow;    /* a reference, for VTD_NESTED_SHADOW */
    uint64_t fault_key;         /* in VTDNestedFaultQueue.attaches */
    QLIST_HEAD(, VTDNestedGroup) groups;    /* without an answer */
    QLIST_ENTRY(VTDNestedAttach) tag_next;
    QLIST_ENTRY(VTDNestedAttach) hwpt_next;
    QLIST_ENTRY(VTDNestedAttach) shadow_next;
};

/*
 * The attaches with one domain-id and PASID.  The tags of a domain-id are
 * listed by the one that has VTD_NESTED_ANY_PASID, and no attaches of its own.
 */
#define VTD_NESTED_ANY_PASID UINT32_MAX

struct VTDNestedTag {
    uint16_t domain_id;
    uint32_t pasid;
    QLIST_HEAD(, VTDNestedAttach) attaches;
    QLIST_HEAD(, VTDNestedTag) same_domain;     /* of VTD_NESTED_ANY_PASID */
    QLIST_ENTRY(VTDNestedTag) next;
};

/* A nested HWPT in the kernel. */
struct VTDNestedHwpt {
    VTDNested *nested;
    VTDNestedStage1 stage1;     /* the key */
    uint32_t id;
    VTDNestedFaultQueue *faults;                /* a reference, or NULL */
    QLIST_HEAD(, VTDNestedAttach) attaches;     /* each holds a reference */

    /* Invalidations not yet sent. */
    GArray *pending;            /* struct iommu_hwpt_vtd_s1_invalidate */
    bool pending_all;           /* everything; pending is then empty */
    bool is_dirty;              /* in VTDNested.dirty */
    bool is_busy;               /* being flushed: stays, whoever leaves it */
    bool has_failed;            /* the thread could not: all is pending */
    QSIMPLEQ_ENTRY(VTDNestedHwpt) dirty_next;
};

/* An IOAS that has what a guest's second-stage table maps: shadow.c */
struct VTDNestedShadow {
    VTDNested *nested;
    VTDNestedStage2 stage2;     /* the key */
    uint32_t ioas_id;
    IntervalTreeRoot maps;      /* by input address */
    unsigned maps_nr;
    bool is_busy;               /* being followed: stays, whoever leaves it */
    QLIST_HEAD(, VTDNestedAttach) attaches;     /* each holds a reference */
    QLIST_ENTRY(VTDNestedShadow) next;
};

/* More ranges than this go out as one invalidation of everything. */
#define VTD_NESTED_MAX_PENDING 256

/*
 * PASIDs of one device that are followed at a time, and entries of its
 * directory that a sweep looks at.  Each costs the kernel an HWPT and a slot
 * of a table, and nobody charges the guest for them: that there are 2^20
 * PASIDs must not mean that a guest can have so many at once.
 */
#define VTD_NESTED_MAX_PASIDS 8192

/* vtd/nested/caps.c */

/* A capability that the guest is told of if all host IOMMUs have it */
typedef struct VTDNestedCap {
    bool ecap;                  /* in ECAP_REG; else in CAP_REG */
    uint64_t bit;
    const char *name;
    const char *property;       /* whose "off" does without it */
} VTDNestedCap;

/* The last one has no name.  The width of PASIDs, a number, is not among them. */
extern const VTDNestedCap vtd_nested_caps[];
/* Those of a register */
uint64_t vtd_nested_caps_mask(bool ecap);

/* Of the properties and the host devices that are there */
void vtd_nested_caps_make(IntelIOMMUState *s);
/* A guest may have seen CAP and ECAP; not while a state is awaited. */
bool vtd_nested_caps_are_told(void);
/* A device is there: until the guest was told, it will see what that can do. */
void vtd_nested_narrow_caps(VTDNested *n, const HostIOMMUDeviceIOMMUFD *idev);

/* vtd/nested/stay.c */
/*
 * @units more of work: an ioctl, a request of an IOMMU_HWPT_INVALIDATE, a look
 * at an entry, a page of tables, a number of descriptors.
 */
void vtd_nested_work(VTDNested *n, unsigned units);
/* Return: false if what is left has to be left for later. */
bool vtd_nested_may_work(const VTDNested *n);
/* Nothing is pending. */
bool vtd_nested_is_flushed(const VTDNested *n);
bool vtd_nested_queue_has_descriptors(const VTDNested *n);
/* It is enabled, and no error stops it. */
bool vtd_nested_queue_runs(const VTDNested *n);
/* For the thread: may it look at the queue?  BQL held */
bool vtd_nested_queue_is_open(VTDNested *n);

/* vtd/nested/queue.c; the first ones are of the table, vtd/ext.h */
void vtd_nested_gcmd_begin(IntelIOMMUState *s);
void vtd_nested_gcmd_end(IntelIOMMUState *s);
bool vtd_nested_queue_begin(IntelIOMMUState *s);
bool vtd_nested_queue_more(IntelIOMMUState *s);
void vtd_nested_queue_end(IntelIOMMUState *s);
bool vtd_nested_desc_begin(IntelIOMMUState *s, uint8_t type);
void vtd_nested_queue_init(VTDNested *n);
void vtd_nested_queue_reset(VTDNested *n);
/* A batch of the thread.  Return: false if nothing is left for it. */
bool vtd_nested_queue_batch(VTDNested *n);
/* What is in the queue is served, as far as the budget allows.  BQL held */
void vtd_nested_queue_catch_up(VTDNested *n);

/* vtd/nested/inv.c; of the table */
bool vtd_nested_desc_after(IntelIOMMUState *s, uint8_t type,
                           const uint64_t val[4]);
void vtd_nested_iotlb_reg(IntelIOMMUState *s, uint64_t val);

/* vtd/nested/flush.c */
/*
 * What was collected reaches the kernel, as far as the budget allows.  Where it
 * refuses even a full flush, the devices concerned end blocked with a fault
 * record: no stale translation outlives a wait descriptor.
 */
void vtd_nested_inv_flush(IntelIOMMUState *s);

/* vtd/nested/device.c; the first ones are of the table */
bool vtd_nested_set_device(IntelIOMMUState *s, PCIBus *bus, int devfn,
                           HostIOMMUDevice *hiod, Error **errp);
void vtd_nested_unset_device(IntelIOMMUState *s, PCIBus *bus, int devfn);
void vtd_nested_refresh_all(IntelIOMMUState *s);
void vtd_nested_refresh_function(IntelIOMMUState *s, uint16_t sid,
                                 uint16_t sid_mask);
void vtd_nested_devices_init(VTDNested *n);
/* Goes on with sweeps.  Return: whether all are done. */
bool vtd_nested_sweep_devices(VTDNested *n);

/* vtd/nested/tag.c */
void vtd_nested_tags_init(VTDNested *n);
VTDNestedTag *vtd_nested_tag_find(VTDNested *n, uint16_t domain_id,
                                  uint32_t pasid);
/* The same, and made if there is none; gone with its last attach. */
VTDNestedTag *vtd_nested_tag_get(VTDNested *n, uint16_t domain_id,
                                 uint32_t pasid);
void vtd_nested_tag_put(VTDNested *n, VTDNestedTag *tag);

/* vtd/nested/want.c */
/* Reads the guest's tables. */
void vtd_nested_want(const VTDNestedAttach *at, VTDNestedWant *want);
void vtd_nested_want_fault(VTDNestedWant *want, int fault,
                           VTDNestedCause cause);

/* vtd/nested/attach.c */
/* Return: NULL if the PASID is not followed. */
VTDNestedAttach *vtd_nested_device_attach(VTDNestedDevice *dev, uint32_t pasid);
VTDNestedAttach *vtd_nested_attach_new(VTDNestedDevice *dev, uint32_t pasid);
/* Blocks DMA, forgets the state; also the destructor in dev->attaches. */
void vtd_nested_attach_free(gpointer attach);
/* Reads the guest's tables, and makes the kernel's state follow. */
void vtd_nested_attach_sync(VTDNestedAttach *at);
/* The host failed this attach: block it, record a fault, say why once. */
void vtd_nested_attach_block(VTDNestedAttach *at, Error *err);
/* The same, as its second-stage table could not be followed. */
void vtd_nested_attach_block_shadow(VTDNestedAttach *at, Error *err);
/* The HWPT, or the IOAS, that it is attached to; 0 if blocked. */
uint32_t vtd_nested_attach_hwpt_id(const VTDNestedAttach *at);
/*
 * Replaces the kernel's HWPT by a new one of the same stage 1, so that nothing
 * is cached of it.  @hwpt is busy.  A device that cannot be moved is blocked.
 *
 * Return: false with @errp, and nothing changed, if there is no new one.
 */
bool vtd_nested_attach_renew_all(VTDNestedHwpt *hwpt, Error **errp);

/*
 * Say once a device why DMA of it is blocked.  Takes @err, the host's reason,
 * which may be NULL.
 */
void vtd_nested_report_cause(VTDNestedDevice *dev, VTDNestedCause cause,
                             Error *err);

/* vtd/nested/directory.c */
/* The device has to follow the guest's tables anew, for each PASID it has. */
void vtd_nested_sweep_start(VTDNestedDevice *dev);
/* As far as vtd_nested_may_work() */
void vtd_nested_sweep(VTDNestedDevice *dev);
/* The device goes away. */
void vtd_nested_sweep_end(VTDNestedDevice *dev);
/* PASID-selective PASID-cache invalidation */
void vtd_nested_refresh_pasid(VTDNested *n, uint32_t pasid);

/* vtd/nested/hwpt.c */
void vtd_nested_hwpts_init(VTDNested *n);
/*
 * The nested HWPT for @stage1, allocated for @dev if there is none yet.
 * The caller links an attach to it, or drops it again if there is none.
 */
VTDNestedHwpt *vtd_nested_hwpt_get(VTDNestedDevice *dev,
                                   const VTDNestedStage1 *stage1, Error **errp);
/*
 * May @at have the nested HWPT for @stage1: is it there, or is the number of
 * them below max-hwpts?  That of @at does not count if it goes with @at's
 * move.
 */
bool vtd_nested_hwpt_has_room(const VTDNestedAttach *at,
                              const VTDNestedStage1 *stage1);
/* Destroys @hwpt unless an attach is linked to it, or it is busy. */
void vtd_nested_hwpt_put(VTDNestedHwpt *hwpt);
/*
 * Gives @hwpt a new one of the kernel's, for the same stage 1.
 *
 * Return: the ID of the old one, which is the caller's to free when nothing is
 * attached to it any more; 0 with @errp, and nothing changed.
 */
uint32_t vtd_nested_hwpt_replace(VTDNestedHwpt *hwpt, VTDNestedDevice *dev,
                                 Error **errp);

/* vtd/nested/kernel.c */
/* x-host-flush */
bool vtd_nested_kernel_check_property(IntelIOMMUState *s, Error **errp);
void vtd_nested_kernel_init(VTDNested *n);
/* All of a stage 1 can be invalidated only by a new HWPT. */
bool vtd_nested_kernel_replaces(const VTDNested *n, unsigned addr_width);
/* Otherwise: the requests that do so.  Return: how many there are. */
uint32_t vtd_nested_kernel_all(const VTDNested *n, unsigned addr_width,
                               struct iommu_hwpt_vtd_s1_invalidate inv[2]);
/* Tell the user, once, what a new HWPT means for the device's requests. */
void vtd_nested_kernel_warn(const VTDNested *n);

/* vtd/nested/shadow.c */
/*
 * The shadow of @s2, made if there is none.  The caller links an attach to it,
 * or drops it again if there is none.
 *
 * Return: NULL with @errp, if the host or a bound refused.
 */
VTDNestedShadow *vtd_nested_shadow_get(VTDNested *n, const VTDNestedStage2 *s2,
                                       Error **errp);
/* Is it that of @s2? */
bool vtd_nested_shadow_is(const VTDNestedShadow *shadow,
                          const VTDNestedStage2 *s2);
/* An attach that has @shadow from now on, or no longer: then it may go. */
void vtd_nested_shadow_link(VTDNestedShadow *shadow, VTDNestedAttach *at);
void vtd_nested_shadow_unlink(VTDNestedAttach *at);
/* Destroys @shadow unless an attach is linked to it, or it is busy. */
void vtd_nested_shadow_put(VTDNestedShadow *shadow);
/*
 * Follows the guest's table from @first to @last, input addresses, and the
 * machine's memory that it leads to.
 *
 * Return: false with @errp if the IOAS is not what the table says.
 */
bool vtd_nested_shadow_sync(VTDNestedShadow *shadow, uint64_t first,
                            uint64_t last, Error **errp);

/* vtd/nested/blocker.c */
void vtd_nested_blocker_init(VTDNested *n);
/* A device came to a shadow, or left it. */
void vtd_nested_blocker_update(VTDNested *n);

/* vtd/nested/shadow_inv.c */
void vtd_nested_shadows_init(VTDNested *n);
/* IOTLB invalidations; devices whose table cannot be followed are blocked. */
void vtd_nested_shadow_global(VTDNested *n);
void vtd_nested_shadow_domain(VTDNested *n, uint16_t domain_id);
/* 2^@am pages at @addr */
void vtd_nested_shadow_pages(VTDNested *n, uint16_t domain_id, uint64_t addr,
                             unsigned am);

/* vtd/nested/pending.c */
/* All of the stage 1 is invalidated with the next vtd_nested_inv_flush(). */
void vtd_nested_iotlb_all(VTDNestedHwpt *hwpt);
void vtd_nested_iotlb_range(VTDNestedHwpt *hwpt,
                            const struct iommu_hwpt_vtd_s1_invalidate *inv);
void vtd_nested_iotlb_forget(VTDNestedHwpt *hwpt);

/* vtd/nested/iotlb.c */
void vtd_nested_iotlb_global(VTDNested *n);
void vtd_nested_iotlb_domain(VTDNested *n, uint16_t domain_id);
/* A sound IOTLB or PASID-IOTLB descriptor */
void vtd_nested_collect(VTDNested *n, uint8_t type, const uint64_t *val);
/* One descriptor was carried out. */
void vtd_nested_count_descriptor(VTDNested *n);

/* vtd/nested/fault_queue.c */
/*
 * The attach was put on an HWPT, and is about to leave it.  When it leaves, the
 * kernel has answered its requests.
 */
void vtd_nested_fault_queue_join(VTDNestedAttach *at);
void vtd_nested_fault_queue_leave(VTDNestedAttach *at);
/* What the guest answered reaches the kernel. */
void vtd_nested_fault_queue_flush(VTDNested *n);
/* A reference to the fault queue of @dev, for one HWPT. */
VTDNestedFaultQueue *vtd_nested_fault_queue_get(VTDNestedDevice *dev,
                                                Error **errp);
uint32_t vtd_nested_fault_queue_id(const VTDNestedFaultQueue *q);
/* Drops it, after the HWPT is destroyed; @q may be NULL. */
void vtd_nested_fault_queue_put(VTDNestedFaultQueue *q);

/* vtd/nested/prq.c */
void vtd_nested_prq_init(VTDNested *n);
/* The device is about to be reset: nobody waits for an answer any more. */
void vtd_nested_prq_reset(VTDNestedDevice *dev);

/* vtd/nested/state.c; of the table */
bool vtd_nested_post_load(IntelIOMMUState *s);
void vtd_nested_state_init(VTDNested *n);

/* vtd/nested/event.c */
/* As QMP names them; the path is the caller's to free. */
VtdNestedReason vtd_nested_reason(VTDNestedCause cause);
const char *vtd_nested_iommufd_name(IOMMUFDBackend *be);
char *vtd_nested_device_path(const VTDNestedDevice *dev);
/* QMP events.  @at: was just blocked, for @at->cause */
void vtd_nested_event_blocked(const VTDNestedAttach *at);
/* @blocked: in place of the invalidation; otherwise all was flushed. */
void vtd_nested_event_inv_failed(const VTDNestedHwpt *hwpt, bool blocked);

#endif
