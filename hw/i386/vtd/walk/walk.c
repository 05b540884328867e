/*
 * Intel VT-d, ecap-nest=on: an emulated unit that walks both stages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A request's way: context entry, PASID entry, then what its PGTT asks for.
 * Legacy root tables are left to intel_iommu.c.
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "hw/pci/pci_bus.h"
#include "hw/i386/x86-iommu.h"
#include "hw/i386/vtd/trace.h"
#include "hw/i386/vtd/prq.h"
#include "cache.h"
#include "state.h"

bool vtd_walk_owns(IntelIOMMUState *s)
{
    /* Modes 2 and 3 are not reported: the walk faults on them. */
    return s->dmar_enabled &&
           (s->root_scalable || s->ext.walk->ttm > VTD_TTM_SCALABLE);
}

/* Translation */

/* A request, with what its context entry says about it */
typedef struct Requester {
    const VTDWalkTLP *tlp;
    VTDWalkTag tag;
    bool fpd;
} Requester;

static int walk_context(IntelIOMMUState *s, Requester *r, VTDContextEntry *ce)
{
    VTDAddressSpace *as = r->tlp->as;
    VTDContextCacheEntry *cached = &as->context_cache_entry;
    uint8_t bus = pci_bus_num(as->bus);
    int ret;

    r->tag.sid = PCI_BUILD_BDF(bus, as->devfn);
    if (s->ext.walk->ttm > VTD_TTM_SCALABLE) {
        return -VTD_SM_RTA_TTM;
    }
    if (cached->context_cache_gen == s->context_cache_gen) {
        *ce = cached->context_entry;
    } else {
        ret = vtd_core_get_context_entry(s, bus, as->devfn, ce);
        r->fpd = ce->lo & VTD_CONTEXT_ENTRY_FPD;
        if (ret) {
            return ret;
        }
        cached->context_entry = *ce;
        cached->context_cache_gen = s->context_cache_gen;
    }

    r->fpd = ce->lo & VTD_CONTEXT_ENTRY_FPD;
    if (r->tlp->type != VTD_AT_UNTRANSLATED &&
        !(ce->val[0] & VTD_SM_CE_DTE)) {
        return -VTD_SM_CTX_DTE;
    }
    if (r->tlp->page_request && !(ce->val[0] & VTD_SM_CE_PRE)) {
        return -VTD_SM_CTX_PRE;
    }
    return 0;
}

static int walk_context_pasid(Requester *r, const VTDContextEntry *ce)
{
    if (r->tlp->pasid != PCI_NO_PASID) {
        r->tag.pasid = r->tlp->pasid;
        r->tag.priv = r->tlp->priv;
        return ce->val[0] & VTD_SM_CE_PASIDE ? 0 : -VTD_SM_CTX_PASIDE;
    }
    r->tag.pasid = VTD_SM_CE_RID_PASID(ce);
    r->tag.priv = ce->val[1] & VTD_SM_CE_RID_PRIV;
    return 0;
}

static int walk_pasid(IntelIOMMUState *s, Requester *r, VTDContextEntry *ce,
                      const VTDWalkPasid **out)
{
    VTDPASIDEntry pe;
    VTDWalkPasid pasid;
    int ret;

    *out = vtd_walk_pasid_find(s->ext.walk->cache, r->tag);
    if (!*out) {
        ret = vtd_core_get_pasid_entry(s, ce, r->tag.pasid, &pe, &r->fpd);
        if (ret == -VTD_SM_CTX_PASID_MAX && r->tlp->pasid == PCI_NO_PASID) {
            ret = -VTD_SM_CTX_RID_PASID;
        }
        ret = ret ?: vtd_walk_parse_pasid(s, &pe, &pasid);
        if (ret) {
            return ret;
        }
        pasid.fpd = r->fpd;
        *out = vtd_walk_pasid_add(s->ext.walk->cache, r->tag, &pasid);
    }
    r->fpd |= (*out)->fpd;
    if (r->tlp->exec) {
        /* ECAP.ERS is not reported, so ERE is reserved: it reads as 0. */
        return -VTD_SM_PASID_ERE;
    }
    return r->tag.priv && !(*out)->sre ? -VTD_SM_PASID_SRE : 0;
}

static int walk_pass_through(const VTDWalkRequest *req, VTDWalkPage *page)
{
    if (req->addr & ~VTD_HAW_MASK(req->iommu->aw_bits)) {
        return -VTD_SM_BEYOND;
    }
    *page = (VTDWalkPage) {
        .out = req->addr,
        .size_lg2 = VTD_PAGE_SHIFT_4K,
        .read = true,
        .write = true,
    };
    return 0;
}

static int walk_from(const VTDWalkRequest *req, VTDWalkPage *page)
{
    static const VTDWalkReasons reasons = {
        .beyond = VTD_SM_BEYOND,
        .read = VTD_SM_READ,
        .write = VTD_SM_WRITE,
    };

    switch (req->pasid->pgtt) {
    case VTD_WALK_STAGE1:
    case VTD_WALK_NESTED:
        return vtd_walk_stage1(req, page);
    case VTD_WALK_STAGE2:
        return vtd_walk_stage2(req, req->addr, req->write, &reasons, page);
    default:
        return walk_pass_through(req, page);
    }
}

/*
 * A table's entry that gained a right, or a page, needs no invalidation: so a
 * fault must not come from a cached table.
 */
static int walk_by_type(VTDWalkRequest *req, VTDWalkPage *page)
{
    struct VTDWalk *walk = req->iommu->ext.walk;
    int ret;

    walk->reads = 0;
    walk->psc_hits = 0;
    ret = walk_from(req, page);
    if (ret && walk->psc_hits) {
        req->from_top = true;
        ret = walk_from(req, page);
    }
    return ret;
}

static bool overlaps_interrupts(uint64_t out, unsigned size_lg2)
{
    uint64_t mask = vtd_walk_page_mask(size_lg2);

    return (out & mask) <= VTD_INTERRUPT_ADDR_LAST &&
           (out | ~mask) >= VTD_INTERRUPT_ADDR_FIRST;
}

/*
 * VT-d 3.15: no request may end in the interrupt range.  A large page around
 * it is fine elsewhere, so it is handed out in pieces that stay clear.
 */
static int walk_check_output(VTDWalkPage *page)
{
    if (overlaps_interrupts(page->out, VTD_PAGE_SHIFT_4K)) {
        return -VTD_SM_INTERRUPT;
    }
    while (overlaps_interrupts(page->out, page->size_lg2)) {
        page->size_lg2 -= VTD_LEVEL_BITS;
    }
    return 0;
}

static int walk_tables(IntelIOMMUState *s, Requester *r, VTDWalkPage *page)
{
    const VTDWalkTLP *tlp = r->tlp;
    VTDWalkPage cached;
    VTDContextEntry ce;
    VTDWalkRequest req = {
        .iommu = s,
        .addr = tlp->addr,
        .write = tlp->write,
    };
    int ret = walk_context(s, r, &ce);

    ret = ret ?: walk_context_pasid(r, &ce);
    if (ret) {
        return ret;
    }
    /* By the book a translation is that of its entry's domain-id. */
    if (s->ext.walk_strict) {
        ret = walk_pasid(s, r, &ce, &req.pasid);
        if (ret) {
            return ret;
        }
    }
    if (!tlp->exec &&
        vtd_walk_iotlb_find(s->ext.walk->cache, r->tag, tlp->addr, req.pasid,
                            &cached) &&
        (tlp->write ? cached.write : cached.read)) {
        *page = cached;
        return 0;
    }

    if (!req.pasid) {
        ret = walk_pasid(s, r, &ce, &req.pasid);
        if (ret) {
            return ret;
        }
    }
    req.priv = r->tag.priv;
    req.pasid_id = r->tag.pasid;
    ret = walk_by_type(&req, page);
    ret = ret ?: walk_check_output(page);
    if (!ret && req.pasid->pgtt != VTD_WALK_PASS_THROUGH) {
        vtd_walk_iotlb_add(s->ext.walk->cache, r->tag, tlp->addr, req.pasid,
                           page);
    }
    trace_vtd_walk(r->tag.sid, r->tag.pasid, tlp->addr, tlp->write,
                   s->ext.walk->reads, -ret, ret ? 0 : page->out,
                   ret ? 0 : page->size_lg2);
    return ret;
}

/*
 * VT-d 7.1.3: what a page request can resolve is no fault of a translation
 * request, but a translation without rights.
 */
static bool walk_is_recoverable(int fault)
{
    switch (fault) {
    case VTD_SM_S1_P:
    case VTD_SM_S2_P:
    case VTD_SM_S1_TOP_READ:
    case VTD_SM_S1_READ:
    case VTD_SM_S1_WRITE:
    case VTD_SM_USER:
    case VTD_SM_WRITE:
    case VTD_SM_READ:
        return true;
    default:
        return false;
    }
}

static void walk_report(IntelIOMMUState *s, const Requester *r, int fault)
{
    const VTDCoreRequest req = {
        .sid = r->tag.sid,
        .addr = r->tlp->addr,
        .write = r->tlp->write,
        .has_pasid = r->tlp->pasid != PCI_NO_PASID,
        .pasid = r->tlp->pasid,
        .priv = r->tlp->priv,
        .exec = r->tlp->exec,
        .type = r->tlp->type,
        .page_request = r->tlp->page_request,
    };

    vtd_core_report_request(s, fault, r->fpd, &req);
}

bool vtd_walk_tlp_locked(IntelIOMMUState *s, const VTDWalkTLP *tlp,
                         VTDWalkPage *page)
{
    Requester r = { .tlp = tlp };
    int ret;

    ret = walk_tables(s, &r, page);
    if (!ret) {
        return true;
    }
    if (tlp->type == VTD_AT_TRANSLATION && walk_is_recoverable(-ret)) {
        *page = (VTDWalkPage) { .size_lg2 = VTD_PAGE_SHIFT_4K };
        return true;
    }
    walk_report(s, &r, -ret);
    return false;
}

bool vtd_walk_check_translated_locked(IntelIOMMUState *s, const VTDWalkTLP *tlp)
{
    Requester r = { .tlp = tlp };
    VTDWalkPage page = { .out = tlp->addr, .size_lg2 = VTD_PAGE_SHIFT_4K };
    VTDContextEntry ce;
    int ret = walk_context(s, &r, &ce);

    ret = ret ?: walk_check_output(&page);
    if (ret) {
        walk_report(s, &r, -ret);
    }
    return !ret;
}

int vtd_walk_check_context_locked(IntelIOMMUState *s, const VTDWalkTLP *tlp)
{
    Requester r = { .tlp = tlp };
    VTDContextEntry ce;
    int ret = walk_context(s, &r, &ce);

    ret = ret ?: walk_context_pasid(&r, &ce);
    if (ret) {
        walk_report(s, &r, -ret);
    }
    return -ret;
}

/*
 * vhost keeps what it asked for, and what it reads it may write later: it gets
 * the rights there are, as for a translation request, with the dirty bits set.
 */
static void walk_widen_locked(IntelIOMMUState *s, const VTDWalkTLP *read,
                              VTDWalkPage *page)
{
    VTDWalkTLP write = *read;
    Requester r = { .tlp = &write };
    VTDWalkPage wider;

    write.write = true;
    if (!walk_tables(s, &r, &wider) && wider.read) {
        *page = wider;
    }
}

bool vtd_walk_translate(VTDAddressSpace *as, hwaddr addr,
                        IOMMUAccessFlags flag, IOMMUTLBEntry *entry)
{
    IntelIOMMUState *s = as->iommu_state;
    const VTDWalkTLP tlp = {
        .as = as,
        .pasid = as->pasid,
        .addr = addr,
        .write = flag & IOMMU_WO,
    };
    VTDWalkPage page;
    uint64_t mask;

    QEMU_LOCK_GUARD(&s->iommu_lock);
    if (!vtd_walk_tlp_locked(s, &tlp, &page)) {
        entry->iova = 0;
        entry->translated_addr = 0;
        entry->addr_mask = 0;
        entry->perm = IOMMU_NONE;
        return false;
    }
    if (!page.write && as->notifier_flags != IOMMU_NOTIFIER_NONE) {
        walk_widen_locked(s, &tlp, &page);
    }

    mask = vtd_walk_page_mask(page.size_lg2);
    entry->iova = addr & mask;
    entry->translated_addr = page.out & mask;
    entry->addr_mask = ~mask;
    entry->perm = IOMMU_ACCESS_FLAG(page.read, page.write);
    return true;
}
