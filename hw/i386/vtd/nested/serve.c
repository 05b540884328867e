/*
 * Intel VT-d, nested=on: the descriptors that need no BQL
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IOTLB, PASID-IOTLB and device-TLB invalidations and the wait descriptors
 * that write a status are what a guest submits all the time.  They concern
 * what the host has cached, so nothing is attached or detached for them.  Here
 * they are read from guest memory together, and served by the thread of
 * iothread=, or with the BQL before intel_iommu.c fetches what is left.
 *
 * Emulated devices: their IOTLB is looked at once a batch, and what it has of
 * a descriptor goes.  Where a device has asked to be notified, all is left to
 * intel_iommu.c.
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "nvtd/base.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/trace.h"

/* Descriptors that are read at once, of 4 quadwords at most */
#define RUN_MAX     64
/*
 * Wait descriptors that are completed together, and descriptors before the
 * last of them: more ranges than VTD_NESTED_MAX_PENDING would be made one of
 * everything.
 */
#define WAITS_MAX   64
#define BATCH_MAX   (VTD_NESTED_MAX_PENDING / 2)

typedef struct Wait {
    unsigned index;             /* of the descriptor */
    hwaddr addr;
    uint32_t val;
} Wait;

/*
 * What is read ahead of the head.  The head passes a wait descriptor, and what
 * is behind it, when what is before it has been sent.  A call of the host
 * takes a while: so all that is there is collected first, whoever waits for
 * it.
 */
typedef struct Batch {
    VTDCoreIOTLB emulated;
    unsigned cursor;            /* the next descriptor */
    unsigned number;            /* carried out, since the last that was sent */
    uint8_t last_type;
    unsigned waits;
    Wait wait[WAITS_MAX];

    unsigned words;             /* quadwords a descriptor: 2 or 4 */
    unsigned read;              /* descriptors in val, from the cursor on */
    uint64_t val[RUN_MAX * 4];
} Batch;

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

/* From the cursor to the tail, or to the end of the queue */
static void batch_read(IntelIOMMUState *s, Batch *b)
{
    unsigned end = s->iq_tail >= b->cursor ? s->iq_tail : s->iq_size;
    unsigned bytes = s->iq_dw ? 32 : 16;
    hwaddr len = (hwaddr)MIN(end - b->cursor, RUN_MAX) * bytes;

    b->words = bytes / sizeof(uint64_t);
    len = ram_read(s->iq + (hwaddr)b->cursor * bytes, b->val, len);
    b->read = len / bytes;
    for (unsigned i = 0; i < b->read * b->words; i++) {
        b->val[i] = le64_to_cpu(b->val[i]);
    }
}

/* Sound: as intel_iommu.c would have it.  What it would not is left to it. */

static bool upper_is_clear(const Batch *b, const uint64_t *val)
{
    return b->words == 2 || !(val[2] | val[3]);
}

static bool iotlb_is_sound(IntelIOMMUState *s, const Batch *b,
                           const uint64_t *val)
{
    uint64_t granularity = val[0] & VTD_INV_DESC_IOTLB_G;

    if (val[0] & VTD_INV_DESC_IOTLB_RSVD_LO ||
        val[1] & VTD_INV_DESC_IOTLB_RSVD_HI || !upper_is_clear(b, val)) {
        return false;
    }
    return granularity == VTD_INV_DESC_IOTLB_GLOBAL ||
           granularity == VTD_INV_DESC_IOTLB_DOMAIN ||
           (granularity == VTD_INV_DESC_IOTLB_PAGE &&
            VTD_INV_DESC_IOTLB_AM(val[1]) <= s->ext.mamv);
}

static bool piotlb_is_sound(IntelIOMMUState *s, const Batch *b,
                            const uint64_t *val)
{
    uint64_t granularity = val[0] & VTD_INV_DESC_PIOTLB_G;

    if (b->words == 2 || val[0] & VTD_INV_DESC_PIOTLB_RSVD_VAL0 ||
        val[1] & VTD_INV_DESC_PIOTLB_RSVD_VAL1 || val[2] || val[3]) {
        return false;
    }
    return granularity == VTD_INV_DESC_PIOTLB_ALL_IN_PASID ||
           (granularity == VTD_INV_DESC_PIOTLB_PSI_IN_PASID &&
            VTD_INV_DESC_PIOTLB_AM(val[1]) <= s->ext.mamv);
}

static bool device_is_sound(const Batch *b, const uint64_t *val)
{
    return !(val[0] & VTD_INV_DESC_DEVICE_IOTLB_RSVD_LO) &&
           !(val[1] & VTD_INV_DESC_DEVICE_IOTLB_RSVD_HI) &&
           upper_is_clear(b, val);
}

static bool device_pasid_is_sound(const Batch *b, const uint64_t *val)
{
    return b->words == 4 &&
           !(val[0] & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL0) &&
           !(val[1] & VTD_INV_DESC_PASID_DEVICE_IOTLB_RSVD_VAL1) &&
           !val[2] && !val[3];
}

/* A status, and no interrupt; whether it is a fence tells nothing new. */
static bool wait_is_sound(const Batch *b, const uint64_t *val)
{
    return !(val[0] & (VTD_INV_DESC_WAIT_RSVD_LO | VTD_INV_DESC_WAIT_IF)) &&
           val[0] & VTD_INV_DESC_WAIT_SW &&
           !(val[1] & VTD_INV_DESC_WAIT_RSVD_HI) && upper_is_clear(b, val);
}

/* Serving */

static bool serve_iotlb(VTDNested *n, const Batch *b, uint8_t type,
                        const uint64_t *val)
{
    switch (b->emulated) {
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

/* Return: false if it has to be left for now. */
static bool serve_wait(VTDNested *n, Batch *b, const uint64_t *val)
{
    uint32_t status = val[0] >> VTD_INV_DESC_WAIT_DATA_SHIFT;

    if (!b->waits && vtd_nested_is_flushed(n)) {
        return ram_write_long(val[1], status);
    }
    if (b->waits == WAITS_MAX) {
        return false;
    }
    b->wait[b->waits++] = (Wait) { b->cursor, val[1], status };
    return true;
}

/* Return: false to leave it. */
static bool serve_one(VTDNested *n, Batch *b, uint8_t type, const uint64_t *val)
{
    IntelIOMMUState *s = n->iommu;

    switch (type) {
    case VTD_INV_DESC_IOTLB:
        return iotlb_is_sound(s, b, val) && serve_iotlb(n, b, type, val);
    case VTD_INV_DESC_PIOTLB:
        return piotlb_is_sound(s, b, val) && serve_iotlb(n, b, type, val);
    case VTD_INV_DESC_WAIT:
        return wait_is_sound(b, val) && serve_wait(n, b, val);
    case VTD_INV_DESC_DEVICE:
        return device_is_sound(b, val);
    case VTD_INV_DESC_DEV_PIOTLB:
        return device_pasid_is_sound(b, val);
    default:
        return false;
    }
}

static void pass(VTDNested *n, Batch *b, uint8_t type)
{
    b->last_type = type;
    b->number++;
    if (++b->cursor == n->iommu->iq_size) {
        b->cursor = 0;
    }
    vtd_nested_count_descriptor(n);
    if (!n->iommu->ext.nested_batch) {
        vtd_nested_inv_flush(n->iommu);
    }
}

/* Return: false if one of what was read was left. */
static bool serve_read(VTDNested *n, Batch *b)
{
    const uint64_t *val = b->val;

    for (unsigned left = b->read; left; left--, val += b->words) {
        uint8_t type = VTD_INV_DESC_TYPE(val[0]);

        if ((b->waits && b->number >= BATCH_MAX) || !vtd_nested_may_work(n) ||
            !serve_one(n, b, type, val)) {
            return false;
        }
        pass(n, b, type);
    }
    return b->read;
}

/* Sends what the wait descriptors are for.  Return: the new head */
static unsigned complete(VTDNested *n, Batch *b)
{
    if (b->waits) {
        vtd_nested_inv_flush(n->iommu);
        if (!vtd_nested_is_flushed(n)) {
            n->queue.is_ahead = true;
            return b->wait[0].index;
        }
    }
    for (unsigned i = 0; i < b->waits; i++) {
        if (!ram_write_long(b->wait[i].addr, b->wait[i].val)) {
            return b->wait[i].index;
        }
    }
    return b->cursor;
}

/* Return: whether the head got as far as it was looked at. */
static bool serve_batch(VTDNested *n, Batch *b)
{
    IntelIOMMUState *s = n->iommu;
    unsigned head = s->iq_head;

    b->cursor = head;
    b->number = b->waits = 0;
    b->last_type = s->iq_last_desc_type;
    do {
        batch_read(s, b);
    } while (serve_read(n, b) && b->cursor != s->iq_tail);
    s->iq_head = complete(n, b);
    if (s->iq_head != b->cursor) {
        return false;
    }
    s->iq_last_desc_type = b->last_type;
    return s->iq_head != head;
}

void vtd_nested_serve(VTDNested *n)
{
    IntelIOMMUState *s = n->iommu;
    unsigned head = s->iq_head;
    Batch b;

    if (s->iq_head == s->iq_tail || n->has_notifiers ||
        !QLIST_EMPTY(&n->shadows)) {
        return;
    }
    if (n->queue.is_ahead) {
        /* Or what is collected once more would never all be sent. */
        vtd_nested_inv_flush(s);
        if (!vtd_nested_is_flushed(n)) {
            return;
        }
        n->queue.is_ahead = false;
    }
    /*
     * The guest changed its tables before it moved the tail.  So what is cached
     * from now on is not of what it invalidates.
     */
    b.emulated = vtd_core_iotlb_use(s);
    while (s->iq_head != s->iq_tail && serve_batch(n, &b)) {
    }
    if (s->iq_head != head) {
        trace_vtd_nested_serve(vtd_nested_in_thread(n), head, s->iq_head,
                               s->iq_tail);
    }
}
