/*
 * Intel VT-d, ecap-nest=on: the paging-structure caches of both stages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The key has the roots too: hardware may mix up two tables of one domain-id,
 * which software must not have, but an emulation that does is hard to debug.
 * With x-strict=on it does.
 */

#include "qemu/osdep.h"
#include "state.h"

/* Tables; 1,024 of the lowest level reach 2 GiB. */
#define PSC_MAX         1024
/* Levels of the tables kept: below the top of 5. */
#define PSC_LEVELS      4

typedef struct PscEntry {
    uint64_t first;             /* of the addresses that lead here */
    uint64_t s1_root;           /* 0 for stage 2; else with the level count */
    uint64_t s2_root;           /* 0 for stage 1 alone; the same */
    uint32_t pasid;             /* 0 for stage 2 */
    uint16_t did;
    VTDWalkTable table;
} PscEntry;

struct VTDWalkPSC {
    GHashTable *tables;                 /* set of PscEntry */
    unsigned in_use[PSC_LEVELS + 1];    /* by level: spares lookups */
};

static guint psc_hash(gconstpointer v)
{
    const PscEntry *e = v;
    uint64_t h = (e->first | e->table.level) * 0x9e3779b97f4a7c15ULL;

    h ^= e->s1_root + (e->s2_root << 1) + ((uint64_t)e->pasid << 40) + e->did;
    return (h * 0xbf58476d1ce4e5b9ULL) >> 32;
}

static gboolean psc_equal(gconstpointer v1, gconstpointer v2)
{
    const PscEntry *a = v1, *b = v2;

    return a->first == b->first && a->table.level == b->table.level &&
           a->s1_root == b->s1_root && a->s2_root == b->s2_root &&
           a->pasid == b->pasid && a->did == b->did;
}

VTDWalkPSC *vtd_walk_psc_new(void)
{
    VTDWalkPSC *psc = g_new0(VTDWalkPSC, 1);

    psc->tables = g_hash_table_new_full(psc_hash, psc_equal, g_free, NULL);
    return psc;
}

void vtd_walk_psc_clear(VTDWalkPSC *psc)
{
    g_hash_table_remove_all(psc->tables);
    memset(psc->in_use, 0, sizeof(psc->in_use));
}

/* What a table of this level translates */
static uint64_t psc_mask(unsigned level)
{
    return vtd_walk_page_mask(vtd_walk_level_lg2(level + 1));
}

static PscEntry psc_key(const VTDWalkRequest *req, unsigned stage)
{
    const VTDWalkPasid *pasid = req->pasid;
    uint64_t roots = req->iommu->ext.walk_strict ? 0 : ~0ULL;
    PscEntry key = { .did = pasid->did };

    if (stage == VTD_WALK_STAGE1) {
        key.s1_root = (pasid->s1_root & roots) | pasid->s1_levels;
        key.pasid = req->pasid_id;
    }
    if (pasid->pgtt != VTD_WALK_STAGE1) {
        key.s2_root = (pasid->s2_root & roots) | pasid->s2_levels;
    }
    return key;
}

bool vtd_walk_psc_find(const VTDWalkRequest *req, unsigned stage, uint64_t addr,
                       VTDWalkTable *table)
{
    struct VTDWalk *walk = req->iommu->ext.walk;
    VTDWalkPSC *psc = walk->psc;
    PscEntry key = psc_key(req, stage), *e;
    unsigned level;

    if (req->from_top) {
        return false;
    }
    for (level = 1; level <= PSC_LEVELS; level++) {
        if (!psc->in_use[level]) {
            continue;
        }
        key.first = addr & psc_mask(level);
        key.table.level = level;
        e = g_hash_table_lookup(psc->tables, &key);
        if (e) {
            *table = e->table;
            walk->psc_hits++;
            return true;
        }
    }
    return false;
}

void vtd_walk_psc_add(const VTDWalkRequest *req, unsigned stage, uint64_t addr,
                      const VTDWalkTable *table)
{
    VTDWalkPSC *psc = req->iommu->ext.walk->psc;
    PscEntry *e;

    if (g_hash_table_size(psc->tables) >= PSC_MAX) {
        vtd_walk_psc_clear(psc);
    }
    e = g_new(PscEntry, 1);
    *e = psc_key(req, stage);
    e->first = addr & psc_mask(table->level);
    e->table = *table;
    psc->in_use[table->level] += g_hash_table_add(psc->tables, e);
}

typedef struct PscSweep {
    VTDWalkPSC *psc;
    const VTDWalkInvalidation *inv;
} PscSweep;

static bool psc_in_range(const PscEntry *e, const VTDWalkInvalidation *inv)
{
    uint64_t last = e->first | ~psc_mask(e->table.level);

    return !inv->by_page || (last >= inv->first && e->first <= inv->last);
}

/*
 * Where a stage-1 table lies is a leaf of stage 2's: so any invalidation of the
 * domain's stage 2 takes it out, whatever its hint and range.
 */
static gboolean psc_doomed(gpointer key, gpointer value, gpointer opaque)
{
    const PscEntry *e = key;
    const PscSweep *sweep = opaque;
    const VTDWalkInvalidation *inv = sweep->inv;
    bool stage1 = e->s1_root;

    if (inv->by_did && e->did != inv->did) {
        return false;
    }
    if (inv->by_pasid && stage1 && e->pasid != inv->pasid) {
        return false;
    }
    if (!inv->pasid_cache) {
        if (inv->by_pasid && !stage1) {
            return false;
        }
        if (inv->by_pasid == stage1 &&
            (inv->leaf_only || !psc_in_range(e, inv))) {
            return false;
        }
    }
    sweep->psc->in_use[e->table.level]--;
    return true;
}

void vtd_walk_psc_invalidate(VTDWalkPSC *psc, const VTDWalkInvalidation *inv)
{
    PscSweep sweep = { psc, inv };

    if (!inv->pasid_cache || !inv->strict) {
        g_hash_table_foreach_remove(psc->tables, psc_doomed, &sweep);
    }
}
