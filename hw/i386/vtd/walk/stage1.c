/*
 * Intel VT-d, ecap-nest=on: stage 1, and nested translation around it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Entries: VT-d 9.7, the processor's own format.  Under nested translation
 * (VT-d 3.8) a table's address is guest-physical like the page's: each one that
 * the walk touches goes through stage 2.
 */

#include "qemu/osdep.h"
#include "state.h"
#include "hw/i386/vtd/spec.h"

static const VTDWalkReasons page_reasons = {
    .beyond = VTD_SM_S2_BEYOND,
    .read = VTD_SM_READ,
    .write = VTD_SM_WRITE,
};

static bool s1_is_leaf(unsigned level, uint64_t entry)
{
    return level == VTD_PT_LEVEL ||
           (level <= VTD_PDP_LEVEL && (entry & VTD_S1_PS));
}

static uint64_t s1_reserved(IntelIOMMUState *s, unsigned level, uint64_t entry)
{
    uint64_t mask = ~(VTD_HAW_MASK(s->aw_bits) | VTD_S1_IGNORED);

    if (level > VTD_PDP_LEVEL ||
        (level == VTD_PDP_LEVEL && !(s->cap & VTD_CAP_FS1GP))) {
        mask |= VTD_S1_PS;
    }
    if (level > VTD_PT_LEVEL && s1_is_leaf(level, entry)) {
        /* Bit 12 is PAT's. */
        mask |= ~vtd_walk_page_mask(vtd_walk_level_lg2(level)) & ~0x1fffULL;
    }
    return mask;
}

static bool s1_canonical(uint64_t addr, unsigned levels)
{
    unsigned width = vtd_walk_level_lg2(levels + 1);

    return sextract64(addr, 0, width) == (int64_t)addr;
}

/* Where the stage-1 table, or entry, at @addr lies in memory. */
static int s1_locate(const VTDWalkRequest *req, uint64_t addr, bool top,
                     bool write, hwaddr *out)
{
    const VTDWalkReasons reasons = {
        .beyond = VTD_SM_S1_BEYOND_S2,
        .read = top ? VTD_SM_S1_TOP_READ : VTD_SM_S1_READ,
        .write = VTD_SM_S1_WRITE,
    };
    VTDWalkPage page;
    int ret;

    if (req->pasid->pgtt != VTD_WALK_NESTED) {
        *out = addr;
        return 0;
    }
    ret = vtd_walk_stage2(req, addr, write, &reasons, &page);
    *out = ret ? 0 : page.out;
    return ret;
}

static bool s1_is_top(const VTDWalkRequest *req, const VTDWalkTable *t)
{
    return t->level == req->pasid->s1_levels;
}

/* VT-d 3.6.3: set accessed and dirty bits, with stage 2's leave to write. */
static int s1_mark(const VTDWalkRequest *req, const VTDWalkTable *t,
                   uint64_t *entry, uint64_t bits, bool *again)
{
    uint64_t slot = vtd_walk_slot(t->table, t->level, req->addr);
    hwaddr where;
    int ret;

    *again = false;
    if ((*entry & bits) == bits) {
        return 0;
    }
    ret = s1_locate(req, slot, s1_is_top(req, t), true, &where);
    if (ret) {
        return ret;
    }
    switch (vtd_walk_entry_set(where, *entry, bits)) {
    case VTD_WALK_UPDATE_DONE:
        *entry |= bits;
        return 0;
    case VTD_WALK_UPDATE_CHANGED:
        *again = true;
        return 0;
    default:
        return -VTD_SM_S1_AD_FAILED;
    }
}

/* VT-d 3.6.1: the rights of all levels, against what is asked. */
static int s1_check(const VTDWalkRequest *req, bool user, bool *write)
{
    if (req->priv) {
        /* A supervisor may go anywhere, and ignore R/W without WPE. */
        *write |= !req->pasid->wpe;
    } else if (!user) {
        return -VTD_SM_USER;
    }
    return req->write && !*write ? -VTD_SM_WRITE : 0;
}

/* Read, and judge by itself, the entry for the request's address. */
static int s1_fetch(const VTDWalkRequest *req, const VTDWalkTable *t,
                    uint64_t *entry)
{
    hwaddr where = vtd_walk_slot(t->host, t->level, req->addr);

    if (!vtd_walk_entry_read(req->iommu, where, entry)) {
        return s1_is_top(req, t) ? -VTD_SM_S1_TOP_ACCESS : -VTD_SM_S1_ACCESS;
    }
    if (!(*entry & VTD_FL_P)) {
        return -VTD_SM_S1_P;
    }
    if (*entry & s1_reserved(req->iommu, t->level, *entry)) {
        return -VTD_SM_S1_RSVD;
    }
    return 0;
}

/* The table that the walk begins at */
static int s1_begin(const VTDWalkRequest *req, VTDWalkTable *t)
{
    if (vtd_walk_psc_find(req, VTD_WALK_STAGE1, req->addr, t)) {
        return 0;
    }
    *t = (VTDWalkTable) {
        .table = req->pasid->s1_root,
        .level = req->pasid->s1_levels,
        .access = true,
        .write = true,
    };
    return s1_locate(req, t->table, true, false, &t->host);
}

/* Down to the table that @entry leads to */
static int s1_enter(const VTDWalkRequest *req, VTDWalkTable *t, uint64_t entry,
                    bool user, bool write)
{
    int ret;

    t->table = entry & VTD_HAW_MASK(req->iommu->aw_bits) & VTD_PAGE_MASK_4K;
    t->access = user;
    t->write = write;
    t->level--;
    ret = s1_locate(req, t->table, false, false, &t->host);
    if (!ret) {
        vtd_walk_psc_add(req, VTD_WALK_STAGE1, req->addr, t);
    }
    return ret;
}

/* Down the tables to the last entry */
static int s1_descend(const VTDWalkRequest *req, unsigned *leaf_level,
                      uint64_t *leaf, bool *write)
{
    bool again = false, user, is_leaf;
    uint64_t entry, bits;
    int ret, tries = 0;
    VTDWalkTable t;

    ret = s1_begin(req, &t);
    while (!ret) {
        ret = s1_fetch(req, &t, &entry);
        if (ret) {
            return ret;
        }
        user = t.access && (entry & VTD_FL_US);
        *write = t.write && (entry & VTD_FL_RW);
        is_leaf = s1_is_leaf(t.level, entry);

        bits = VTD_FL_A | (req->pasid->eafe ? VTD_S1_EXTENDED : 0);
        if (is_leaf) {
            ret = s1_check(req, user, write);
            bits |= req->write ? VTD_FL_D : 0;
        }
        ret = ret ?: s1_mark(req, &t, &entry, bits, &again);
        if (ret) {
            return ret;
        }
        if (again) {
            if (++tries > 16) {
                return -VTD_SM_S1_AD_FAILED;
            }
        } else if (is_leaf) {
            *leaf_level = t.level;
            *leaf = entry;
            return 0;
        } else {
            ret = s1_enter(req, &t, entry, user, *write);
        }
    }
    return ret;
}

int vtd_walk_stage1(const VTDWalkRequest *req, VTDWalkPage *page)
{
    VTDWalkPage below;
    uint64_t entry, mask;
    unsigned level;
    bool write;
    int ret;

    if (!s1_canonical(req->addr, req->pasid->s1_levels)) {
        return -VTD_SM_CANONICAL;
    }
    ret = s1_descend(req, &level, &entry, &write);
    if (ret) {
        return ret;
    }

    page->size_lg2 = vtd_walk_level_lg2(level);
    mask = vtd_walk_page_mask(page->size_lg2);
    page->out = (entry & mask & VTD_HAW_MASK(req->iommu->aw_bits)) |
                (req->addr & ~mask);
    page->read = true;
    page->write = write && (entry & VTD_FL_D);
    if (req->pasid->pgtt != VTD_WALK_NESTED) {
        return 0;
    }

    ret = vtd_walk_stage2(req, page->out, req->write, &page_reasons, &below);
    if (ret) {
        return ret;
    }
    page->out = below.out;
    page->size_lg2 = MIN(page->size_lg2, below.size_lg2);
    page->read = below.read;
    page->write &= below.write;
    return 0;
}
