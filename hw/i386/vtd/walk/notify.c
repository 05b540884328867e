/*
 * Intel VT-d, ecap-nest=on: users that keep translations outside the unit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vhost has a cache of its own, and an UNMAP notifier for each part of the
 * address space that it may cache.  What the unit's invalidations take out must
 * go there, too: the range that was asked for if the address is the one that
 * the device says, else all.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/pci_bus.h"
#include "cache.h"
#include "state.h"

bool vtd_walk_check_notifier(IntelIOMMUState *s, VTDAddressSpace *as,
                             IOMMUNotifierFlag flags, Error **errp)
{
    if (!(flags & IOMMU_NOTIFIER_MAP)) {
        return true;
    }
    error_setg(errp, "intel-iommu: device %02x:%02x.%x requires shadowed "
               "mappings (VFIO, vhost-vdpa), which ecap-nest=on does not "
               "make",
               pci_bus_num(as->bus), PCI_SLOT(as->devfn), PCI_FUNC(as->devfn));
    error_append_hint(errp, "ecap-nest=on is for emulated devices: leave it "
                      "out, and use caching-mode=on or nested=on\n");
    return false;
}

/* The PASID entry of requests without PASID, as the unit has it cached */
static const VTDWalkPasid *notify_pasid(IntelIOMMUState *s, VTDAddressSpace *as,
                                        uint32_t *pasid)
{
    VTDContextCacheEntry *context = &as->context_cache_entry;
    VTDWalkTag tag = {
        .sid = PCI_BUILD_BDF(pci_bus_num(as->bus), as->devfn),
    };

    if (context->context_cache_gen != s->context_cache_gen) {
        return NULL;
    }
    tag.pasid = *pasid = VTD_SM_CE_RID_PASID(&context->context_entry);
    tag.priv = context->context_entry.val[1] & VTD_SM_CE_RID_PRIV;
    return vtd_walk_pasid_find(s->ext.walk->cache, tag);
}

typedef enum Concern { NOTHING, THE_RANGE, EVERYTHING } Concern;

/* Before the cache loses what tells. */
static Concern notify_concern(IntelIOMMUState *s, VTDAddressSpace *as,
                              const VTDWalkInvalidation *inv)
{
    const VTDWalkPasid *entry;
    uint32_t pasid;
    bool stage1;

    QEMU_LOCK_GUARD(&s->iommu_lock);
    entry = notify_pasid(s, as, &pasid);
    if (!entry || inv->pasid_cache) {
        return EVERYTHING;
    }
    stage1 = entry->pgtt != VTD_WALK_STAGE2;
    if ((inv->by_did && entry->did != inv->did) ||
        (inv->by_pasid && (pasid != inv->pasid || !stage1))) {
        return NOTHING;
    }
    return inv->by_page && inv->by_pasid == stage1 ? THE_RANGE : EVERYTHING;
}

void vtd_walk_notify(IntelIOMMUState *s, const VTDWalkInvalidation *inv)
{
    VTDAddressSpace *as;
    IOMMUNotifier *n;
    IOMMUTLBEvent event = {
        .type = IOMMU_NOTIFIER_UNMAP,
        .entry = {
            .target_as = &address_space_memory,
            .iova = inv->first,
            .addr_mask = inv->last - inv->first,
        },
    };

    QLIST_FOREACH(as, &s->vtd_as_with_notifiers, next) {
        switch (notify_concern(s, as, inv)) {
        case NOTHING:
            break;
        case THE_RANGE:
            vtd_core_notify(as, &event);
            break;
        case EVERYTHING:
            IOMMU_NOTIFIER_FOREACH(n, &as->iommu) {
                memory_region_unmap_iommu_notifier_range(n);
            }
        }
    }
}
