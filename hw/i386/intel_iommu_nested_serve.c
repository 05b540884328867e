/*
 * Intel VT-d, nested=on: the descriptors that need no BQL
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IOTLB, PASID-IOTLB and device-TLB invalidations and the wait descriptors that
 * write a status are what a guest submits all the time.  They concern what the host
 * has cached, so nothing is attached or detached for them.  Here they are read from
 * guest memory together, and served by the thread of iothread=, or with the BQL
 * before intel_iommu.c fetches what is left.
 *
 * Emulated devices: their IOTLB is looked at once a batch, and what it has of a
 * descriptor goes.  Where a device has asked to be notified, all is left to
 * intel_iommu.c.
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "intel_iommu_nested_internal.h"
#include "intel_iommu_nested_thread.h"
#include "trace.h"

/* Descriptors that are read at once, of 4 quadwords at most */
#define RUN_MAX     64

/* What is read ahead of the head, and for whom besides the host it is */
typedef struct Run {
    VTDCoreIOTLB emulated;
    unsigned words;             /* quadwords a descriptor: 2 or 4 */
    unsigned number;            /* of descriptors */
    uint64_t val[RUN_MAX * 4];
} Run;

/*
 * Guest RAM only, as the access to a device's register would take the BQL.  The
 * RCU critical section keeps the last reference to what is unplugged elsewhere.
 *
 * Return: how many bytes of @addr are in one piece of RAM.
 */
static hwaddr ram_read(hwaddr addr, void *buf, hwaddr len)
{
    MemoryRegionCache cache;
    hwaddr got;

    RCU_READ_LOCK_GUARD();
    got = address_space_cache_init(&cache, &address_space_memory, addr, len,
                                   false);
    if (cache.ptr) {
        memcpy(buf, cache.ptr, got);
    } else {
        got = 0;
    }
    address_space_cache_destroy(&cache);
    return got;
}

/* Return: false if there is no RAM. */
static bool ram_write_long(hwaddr addr, uint32_t val)
{
    MemoryRegionCache cache;
    bool ok;

    RCU_READ_LOCK_GUARD();
    ok = address_space_cache_init(&cache, &address_space_memory, addr,
                                  sizeof(val), true) == sizeof(val) &&
         cache.ptr;
    if (ok) {
        qatomic_set((uint32_t *)cache.ptr, cpu_to_le32(val));
        address_space_cache_invalidate(&cache, 0, sizeof(val));
    }
    address_space_cache_destroy(&cache);
    return ok;
}

/* From the head to the tail, or to the end of the queue */
static void run_read(IntelIOMMUState *s, Run *run)
{
    unsigned end = s->iq_tail >= s->iq_head ? s->iq_tail : s->iq_size;
    unsigned bytes = s->iq_dw ? 32 : 16;
    hwaddr len = (hwaddr)MIN(end - s->iq_head, RUN_MAX) * bytes;

    run->words = bytes / sizeof(uint64_t);
    len = ram_read(s->iq + (hwaddr)s->iq_head * bytes, run->val, len);
    run->number = len / bytes;
    for (unsigned i = 0; i < run->number * run->words; i++) {
        run->val[i] = le64_to_cpu(run->val[i]);
    }
}

/* Sound: as intel_iommu.c would have it.  What it would not is left to it. */

static bool upper_is_clear(const Run *run, const uint64_t *val)
{
    return run->words == 2 || !(val[2] | val[3]);
}

static bool iotlb_is_sound(IntelIOMMUState *s, const Run *run,
                           const uint64_t *val)
{
    uint64_t granularity = val[0] & VTD_INV_DESC_IOTLB_G;

    if (val[0] & VTD_INV_DESC_IOTLB_RSVD_LO ||
        val[1] & VTD_INV_DESC_IOTLB_RSVD_HI || !upper_is_clear(run, val)) {
        return false;
    }
    return granularity == VTD_INV_DESC_IOTLB_GLOBAL ||
           granularity == VTD_INV_DESC_IOTLB_DOMAIN ||
           (granularity == VTD_INV_DESC_IOTLB_PAGE &&
            VTD_INV_DESC_IOTLB_AM(val[1]) <= s->mamv);
}

static bool piotlb_is_sound(IntelIOMMUState *s, const Run *run,
                            const uint64_t *val)
{
    uint64_t granularity = val[0] & VTD_INV_DESC_PIOTLB_G;

    if (run->words == 2 || val[0] & VTD_INV_DESC_PIOTLB_RSVD_VAL0 ||
        val[1] & VTD_INV_DESC_PIOTLB_RSVD_VAL1 || val[2] || val[3]) {
        return false;
    }
    return granularity == VTD_INV_DESC_PIOTLB_ALL_IN_PASID ||
           (granularity == VTD_INV_DESC_PIOTLB_PSI_IN_PASID &&
            VTD_INV_DESC_PIOTLB_AM(val[1]) <= s->mamv);
}

static bool device_is_sound(const Run *run, const uint64_t *val)
{
    return !(val[0] & VTD_INV_DESC_DEVICE_IOTLB_RSVD_LO) &&
           !(val[1] & VTD_INV_DESC_DEVICE_IOTLB_RSVD_HI) &&
           upper_is_clear(run, val);
}

static bool device_pasid_is_sound(const Run *run, const uint64_t *val)
{
    return run->words == 4 &&
           !(val[0] & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL0) &&
           !(val[1] & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL1) &&
           !val[2] && !val[3];
}

/* A status, and no interrupt; whether it is a fence tells nothing new. */
static bool wait_is_sound(const Run *run, const uint64_t *val)
{
    return !(val[0] & (VTD_INV_DESC_WAIT_RSVD_LO | VTD_INV_DESC_WAIT_IF)) &&
           val[0] & VTD_INV_DESC_WAIT_SW &&
           !(val[1] & VTD_INV_DESC_WAIT_RSVD_HI) && upper_is_clear(run, val);
}

/* Serving */

static bool serve_iotlb(VTDNested *n, const Run *run, uint8_t type,
                        const uint64_t *val)
{
    switch (run->emulated) {
    case VTD_CORE_IOTLB_EMPTY:
        break;
    case VTD_CORE_IOTLB_USED:
        if (vtd_core_iotlb_forget(n->iommu, type, val)) {
            break;
        }
        /* fallthrough */
    case VTD_CORE_IOTLB_BUSY:
        return false;
    }
    vtd_nested_collect(n, type, val);
    return true;
}

/* Return: false if not all could be sent, for now or by the thread. */
static bool serve_wait(VTDNested *n, const uint64_t *val)
{
    vtd_nested_do_inv_flush(n->iommu);
    return vtd_nested_is_flushed(n) &&
           ram_write_long(val[1], val[0] >> VTD_INV_DESC_WAIT_DATA_SHIFT);
}

/* Return: false to leave it at the head. */
static bool serve_one(VTDNested *n, const Run *run, uint8_t type,
                      const uint64_t *val)
{
    IntelIOMMUState *s = n->iommu;

    switch (type) {
    case VTD_INV_DESC_IOTLB:
        return iotlb_is_sound(s, run, val) && serve_iotlb(n, run, type, val);
    case VTD_INV_DESC_PIOTLB:
        return piotlb_is_sound(s, run, val) && serve_iotlb(n, run, type, val);
    case VTD_INV_DESC_WAIT:
        return wait_is_sound(run, val) && serve_wait(n, val);
    case VTD_INV_DESC_DEVICE:
        return device_is_sound(run, val);
    case VTD_INV_DESC_DEV_PIOTLB:
        return device_pasid_is_sound(run, val);
    default:
        return false;
    }
}

/* Return: false if one of them was left. */
static bool serve_run(VTDNested *n, const Run *run)
{
    IntelIOMMUState *s = n->iommu;
    const uint64_t *val = run->val;

    for (unsigned i = 0; i < run->number; i++, val += run->words) {
        uint8_t type = VTD_INV_DESC_TYPE(val[0]);

        if (!vtd_nested_may_work(n) || !serve_one(n, run, type, val)) {
            return false;
        }
        s->iq_last_desc_type = type;
        if (++s->iq_head == s->iq_size) {
            s->iq_head = 0;
        }
        vtd_nested_count_descriptor(n);
        if (!s->nested_batch) {
            vtd_nested_do_inv_flush(s);
        }
    }
    return run->number;
}

void vtd_nested_serve(VTDNested *n)
{
    IntelIOMMUState *s = n->iommu;
    unsigned head = s->iq_head;
    Run run;

    if (s->iq_head == s->iq_tail || n->has_notifiers) {
        return;
    }
    /*
     * The guest changed its tables before it moved the tail.  So what is cached
     * from now on is not of what it invalidates.
     */
    run.emulated = vtd_core_iotlb_use(s);
    do {
        run_read(s, &run);
    } while (serve_run(n, &run) && s->iq_head != s->iq_tail);
    if (s->iq_head != head) {
        trace_vtd_nested_serve(vtd_nested_in_thread(n), head, s->iq_head,
                               s->iq_tail);
    }
}
