/*
 * Intel VT-d, ecap-nest=on: stage 2, guest-physical to host-physical
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Entries: VT-d 9.8.
 */

#include "qemu/osdep.h"
#include "state.h"
#include "hw/i386/vtd/spec.h"

static uint64_t s2_reserved(IntelIOMMUState *s, unsigned level, bool leaf)
{
    uint64_t mask = ~(VTD_HAW_MASK(s->aw_bits) | VTD_SL_IGN_COM);

    if (leaf) {
        if (s->stale_tm && (s->ecap & VTD_ECAP_DT)) {
            mask &= ~VTD_S2_TM;
        }
        /* Address bits below the page; the 12 low ones are flags. */
        mask |= ~vtd_walk_page_mask(vtd_walk_level_lg2(level)) & ~0xfffULL;
        if (!(s->ecap & VTD_ECAP_SC)) {
            mask |= VTD_S2_SNP;
        }
    } else {
        mask |= VTD_S2_SNP;
        if (level > VTD_PDP_LEVEL) {
            mask |= VTD_S2_PS;
        }
    }
    return mask;
}

static bool s2_is_leaf(unsigned level, uint64_t entry)
{
    return level == VTD_PT_LEVEL ||
           (level <= VTD_PDP_LEVEL && (entry & VTD_S2_PS));
}

/* Set accessed and dirty bits; @again if the entry changed meanwhile. */
static int s2_mark(const VTDWalkRequest *req, hwaddr slot, uint64_t *entry,
                   uint64_t bits, bool *again)
{
    *again = false;
    if (!req->pasid->slade || (*entry & bits) == bits) {
        return 0;
    }
    switch (vtd_walk_entry_set(slot, *entry, bits)) {
    case VTD_WALK_UPDATE_DONE:
        *entry |= bits;
        return 0;
    case VTD_WALK_UPDATE_CHANGED:
        *again = true;
        return 0;
    default:
        return -VTD_SM_S2_ACCESS;
    }
}

/* The last entry is found: permissions of all levels are in @page. */
static int s2_leaf(const VTDWalkRequest *req, bool write,
                   const VTDWalkReasons *reasons, hwaddr slot,
                   uint64_t *entry, VTDWalkPage *page, bool *again)
{
    uint64_t bits = VTD_S2_ACCESSED | (write ? VTD_S2_DIRTY : 0);
    int ret;

    if (write && !page->write) {
        return -reasons->write;
    }
    if (!write && !page->read) {
        return -reasons->read;
    }
    ret = s2_mark(req, slot, entry, bits, again);
    if (req->pasid->slade && !(*entry & VTD_S2_DIRTY)) {
        page->write = false;
    }
    return ret;
}

/* Down the tables to the last entry; rights of all levels are in @page. */
static int s2_descend(const VTDWalkRequest *req, uint64_t addr, bool write,
                      const VTDWalkReasons *reasons, VTDWalkTable *t,
                      uint64_t *entry, VTDWalkPage *page)
{
    IntelIOMMUState *s = req->iommu;
    uint64_t address = VTD_HAW_MASK(s->aw_bits) & VTD_PAGE_MASK_4K;
    bool again = false, leaf;
    int ret, tries = 0;
    hwaddr slot;

    for (;;) {
        slot = vtd_walk_slot(t->host, t->level, addr);
        if (!vtd_walk_entry_read(s, slot, entry)) {
            return t->level == req->pasid->s2_levels ? -VTD_SM_S2_TOP_ACCESS
                                                     : -VTD_SM_S2_ACCESS;
        }
        if (!(*entry & (VTD_S2_READ | VTD_S2_WRITE))) {
            return -VTD_SM_S2_P;
        }
        leaf = s2_is_leaf(t->level, *entry);
        if (*entry & s2_reserved(s, t->level, leaf)) {
            return -VTD_SM_S2_RSVD;
        }
        page->read = t->access && (*entry & VTD_S2_READ);
        page->write = t->write && (*entry & VTD_S2_WRITE);

        ret = leaf ? s2_leaf(req, write, reasons, slot, entry, page, &again)
                   : s2_mark(req, slot, entry, VTD_S2_ACCESSED, &again);
        if (ret) {
            return ret;
        }
        if (again) {
            /* A vCPU that rewrites the entry for ever must not hold us. */
            if (++tries > 16) {
                return -VTD_SM_S2_ACCESS;
            }
            continue;
        }
        if (leaf) {
            return 0;
        }
        t->table = t->host = *entry & address;
        t->access = page->read;
        t->write = page->write;
        t->level--;
        vtd_walk_psc_add(req, VTD_WALK_STAGE2, addr, t);
    }
}

int vtd_walk_stage2(const VTDWalkRequest *req, uint64_t addr, bool write,
                    const VTDWalkReasons *reasons, VTDWalkPage *page)
{
    IntelIOMMUState *s = req->iommu;
    uint64_t entry, mask;
    VTDWalkTable t;
    int ret;

    if (addr >> req->pasid->s2_width) {
        return -reasons->beyond;
    }
    if (!vtd_walk_psc_find(req, VTD_WALK_STAGE2, addr, &t)) {
        t = (VTDWalkTable) {
            .table = req->pasid->s2_root,
            .host = req->pasid->s2_root,
            .level = req->pasid->s2_levels,
            .access = true,
            .write = true,
        };
    }
    ret = s2_descend(req, addr, write, reasons, &t, &entry, page);
    if (ret) {
        return ret;
    }

    page->size_lg2 = vtd_walk_level_lg2(t.level);
    mask = vtd_walk_page_mask(page->size_lg2);
    page->out = (entry & VTD_HAW_MASK(s->aw_bits) & mask) | (addr & ~mask);
    return 0;
}
