/*
 * pasid-testdev: requests without PASID through a cache like vhost's
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * With iotlb=on the device keeps what address_space_get_iotlb_entry() gave, and
 * has an IOMMU notifier for each part of its address space that says what to
 * drop.  With iotlb-map=on it lives on notified mappings alone, as VFIO and
 * vhost-vdpa do.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "nvtd/base.h"
#include "qemu/error-report.h"
#include "internal.h"

#define IOTLB_ENTRIES   64

typedef struct IotlbNotifier {
    IOMMUNotifier n;
    PASIDTestdev *d;
    IOMMUMemoryRegion *mr;
    hwaddr offset;
    QLIST_ENTRY(IotlbNotifier) next;
} IotlbNotifier;

struct PASIDTestdevIOTLB {
    PASIDTestdev *d;
    AddressSpace *as;
    MemoryListener listener;
    QLIST_HEAD(, IotlbNotifier) notifiers;
    IOMMUTLBEntry entries[IOTLB_ENTRIES];   /* perm: IOMMU_NONE is free */
    unsigned next;
};

static void iotlb_add(struct PASIDTestdevIOTLB *t, const IOMMUTLBEntry *entry)
{
    t->entries[t->next++ % IOTLB_ENTRIES] = *entry;
}

static void iotlb_notify(IOMMUNotifier *n, IOMMUTLBEntry *event)
{
    struct PASIDTestdevIOTLB *t = container_of(n, IotlbNotifier, n)->d->iotlb;
    uint64_t last = event->iova + event->addr_mask;
    unsigned i;

    if (event->perm != IOMMU_NONE) {
        iotlb_add(t, event);
        return;
    }
    for (i = 0; i < IOTLB_ENTRIES; i++) {
        IOMMUTLBEntry *e = &t->entries[i];

        if (e->iova <= last && e->iova + e->addr_mask >= event->iova) {
            e->perm = IOMMU_NONE;
        }
    }
}

static void iotlb_region_add(MemoryListener *listener,
                             MemoryRegionSection *section)
{
    struct PASIDTestdevIOTLB *t = container_of(listener,
                                               struct PASIDTestdevIOTLB,
                                               listener);
    Int128 size = int128_sub(section->size, int128_one());
    IotlbNotifier *notifier;
    Error *err = NULL;

    if (!memory_region_is_iommu(section->mr)) {
        return;
    }
    notifier = g_new0(IotlbNotifier, 1);
    notifier->d = t->d;
    notifier->mr = IOMMU_MEMORY_REGION(section->mr);
    notifier->offset = section->offset_within_region;
    iommu_notifier_init(&notifier->n, iotlb_notify,
                        t->d->iotlb_map ? IOMMU_NOTIFIER_IOTLB_EVENTS
                                        : IOMMU_NOTIFIER_UNMAP,
                        notifier->offset,
                        notifier->offset + int128_get64(size), 0);
    if (memory_region_register_iommu_notifier(section->mr, &notifier->n,
                                              &err)) {
        error_report_err(err);
        g_free(notifier);
        return;
    }
    QLIST_INSERT_HEAD(&t->notifiers, notifier, next);
    if (t->d->iotlb_map) {
        memory_region_iommu_replay(notifier->mr, &notifier->n);
    }
}

static void iotlb_region_del(MemoryListener *listener,
                             MemoryRegionSection *section)
{
    struct PASIDTestdevIOTLB *t = container_of(listener,
                                               struct PASIDTestdevIOTLB,
                                               listener);
    IotlbNotifier *notifier;

    QLIST_FOREACH(notifier, &t->notifiers, next) {
        if (MEMORY_REGION(notifier->mr) == section->mr &&
            notifier->offset == section->offset_within_region) {
            memory_region_unregister_iommu_notifier(section->mr, &notifier->n);
            QLIST_REMOVE(notifier, next);
            g_free(notifier);
            return;
        }
    }
}

static void iotlb_commit(MemoryListener *listener)
{
    pasid_testdev_iotlb_clear(container_of(listener, struct PASIDTestdevIOTLB,
                                           listener)->d);
}

void pasid_testdev_iotlb_clear(PASIDTestdev *d)
{
    if (d->iotlb) {
        memset(d->iotlb->entries, 0, sizeof(d->iotlb->entries));
    }
}

static bool iotlb_find(struct PASIDTestdevIOTLB *t, uint64_t addr, bool write,
                       IOMMUTLBEntry *entry)
{
    unsigned i;

    for (i = 0; i < IOTLB_ENTRIES; i++) {
        IOMMUTLBEntry *e = &t->entries[i];

        if (e->perm && e->iova <= addr && addr - e->iova <= e->addr_mask) {
            *entry = *e;
            return true;
        }
    }
    if (t->d->iotlb_map) {
        return false;
    }
    RCU_READ_LOCK_GUARD();
    *entry = address_space_get_iotlb_entry(t->as, addr, write,
                                           MEMTXATTRS_UNSPECIFIED);
    if (!entry->target_as) {
        return false;
    }
    iotlb_add(t, entry);
    return true;
}

MemTxResult pasid_testdev_iotlb_rw(PASIDTestdev *d, uint64_t addr, void *buf,
                                   uint64_t len, bool write)
{
    struct PASIDTestdevIOTLB *t = d->iotlb;
    IOMMUTLBEntry entry;

    if (!iotlb_find(t, addr, write, &entry) ||
        !(entry.perm & (write ? IOMMU_WO : IOMMU_RO))) {
        return MEMTX_ACCESS_ERROR;
    }
    return address_space_rw(&address_space_memory,
                            entry.translated_addr + (addr - entry.iova),
                            MEMTXATTRS_UNSPECIFIED, buf, len, write);
}

void pasid_testdev_iotlb_realize(PASIDTestdev *d)
{
    struct PASIDTestdevIOTLB *t;

    if (!d->iotlb_on && !d->iotlb_map) {
        return;
    }
    t = g_new0(struct PASIDTestdevIOTLB, 1);
    t->d = d;
    t->as = pci_device_iommu_address_space(&d->parent_obj);
    t->listener = (MemoryListener) {
        .name = "pasid-testdev",
        .commit = iotlb_commit,
        .region_add = iotlb_region_add,
        .region_del = iotlb_region_del,
    };
    d->iotlb = t;
    memory_listener_register(&t->listener, t->as);
}

void pasid_testdev_iotlb_exit(PASIDTestdev *d)
{
    if (d->iotlb) {
        memory_listener_unregister(&d->iotlb->listener);
        g_clear_pointer(&d->iotlb, g_free);
    }
}
