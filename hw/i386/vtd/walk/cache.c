/*
 * Intel VT-d, ecap-nest=on: the IOTLB and the PASID cache
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pass-through is never cached, nor is a fault (CAP.CM's rule for hardware).
 */

#include "qemu/osdep.h"
#include "cache.h"

/* Beyond these a guest gains nothing but our memory. */
#define IOTLB_MAX       4096
#define PASID_MAX       1024

#define SIZES           3       /* 4 KiB, 2 MiB, 1 GiB */

typedef struct IotlbEntry {
    uint64_t frame;             /* address >> 12, the page's first */
    uint64_t tag;               /* see pack_tag() */
    uint8_t size;               /* 0 .. SIZES - 1 */
    uint8_t pgtt;
    uint16_t did;
    uint32_t pasid;
    VTDWalkPage page;           /* its .out is the page's base */
} IotlbEntry;

typedef struct PasidEntry {
    uint64_t tag;
    uint32_t pasid;
    VTDWalkPasid pasid_entry;
} PasidEntry;

struct VTDWalkCache {
    GHashTable *iotlb;          /* set of IotlbEntry */
    GHashTable *pasids;         /* set of PasidEntry */
    unsigned in_use[SIZES];     /* spares lookups for sizes nobody uses */
};

static uint64_t pack_tag(VTDWalkTag tag)
{
    return (uint64_t)tag.sid << 32 | (uint64_t)tag.priv << 31 | tag.pasid;
}

static guint mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ b * 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;

    return h >> 32;
}

static guint iotlb_hash(gconstpointer v)
{
    const IotlbEntry *e = v;

    return mix(e->frame << 2 | e->size, e->tag);
}

static gboolean iotlb_equal(gconstpointer v1, gconstpointer v2)
{
    const IotlbEntry *a = v1, *b = v2;

    return a->frame == b->frame && a->tag == b->tag && a->size == b->size;
}

static guint pasid_hash(gconstpointer v)
{
    return mix(0, ((const PasidEntry *)v)->tag);
}

static gboolean pasid_equal(gconstpointer v1, gconstpointer v2)
{
    return ((const PasidEntry *)v1)->tag == ((const PasidEntry *)v2)->tag;
}

VTDWalkCache *vtd_walk_cache_new(void)
{
    VTDWalkCache *cache = g_new0(VTDWalkCache, 1);

    cache->iotlb = g_hash_table_new_full(iotlb_hash, iotlb_equal, g_free, NULL);
    cache->pasids = g_hash_table_new_full(pasid_hash, pasid_equal, g_free,
                                          NULL);
    return cache;
}

static void iotlb_clear(VTDWalkCache *cache)
{
    g_hash_table_remove_all(cache->iotlb);
    memset(cache->in_use, 0, sizeof(cache->in_use));
}

void vtd_walk_cache_clear(VTDWalkCache *cache)
{
    iotlb_clear(cache);
    g_hash_table_remove_all(cache->pasids);
}

static unsigned size_lg2(unsigned size)
{
    return VTD_PAGE_SHIFT_4K + size * VTD_LEVEL_BITS;
}

bool vtd_walk_iotlb_find(VTDWalkCache *cache, VTDWalkTag tag, hwaddr addr,
                         const VTDWalkPasid *of, VTDWalkPage *page)
{
    IotlbEntry key = { .tag = pack_tag(tag) }, *e;

    for (key.size = 0; key.size < SIZES; key.size++) {
        uint64_t mask = vtd_walk_page_mask(size_lg2(key.size));

        if (!cache->in_use[key.size]) {
            continue;
        }
        key.frame = (addr & mask) >> VTD_PAGE_SHIFT_4K;
        e = g_hash_table_lookup(cache->iotlb, &key);
        if (e && (!of || (e->did == of->did && e->pgtt == of->pgtt))) {
            *page = e->page;
            page->out |= addr & ~mask;
            return true;
        }
    }
    return false;
}

void vtd_walk_iotlb_add(VTDWalkCache *cache, VTDWalkTag tag, hwaddr addr,
                        const VTDWalkPasid *pasid, const VTDWalkPage *page)
{
    uint64_t mask = vtd_walk_page_mask(page->size_lg2);
    IotlbEntry *e;

    if (g_hash_table_size(cache->iotlb) >= IOTLB_MAX) {
        iotlb_clear(cache);
    }
    e = g_new(IotlbEntry, 1);
    *e = (IotlbEntry) {
        .frame = (addr & mask) >> VTD_PAGE_SHIFT_4K,
        .tag = pack_tag(tag),
        .size = (page->size_lg2 - VTD_PAGE_SHIFT_4K) / VTD_LEVEL_BITS,
        .pgtt = pasid->pgtt,
        .did = pasid->did,
        .pasid = tag.pasid,
        .page = *page,
    };
    e->page.out &= mask;
    cache->in_use[e->size] += g_hash_table_add(cache->iotlb, e);
}

const VTDWalkPasid *vtd_walk_pasid_find(VTDWalkCache *cache, VTDWalkTag tag)
{
    PasidEntry key = { .tag = pack_tag(tag) };
    PasidEntry *e = g_hash_table_lookup(cache->pasids, &key);

    return e ? &e->pasid_entry : NULL;
}

const VTDWalkPasid *vtd_walk_pasid_add(VTDWalkCache *cache, VTDWalkTag tag,
                                       const VTDWalkPasid *pasid)
{
    PasidEntry *e;

    if (g_hash_table_size(cache->pasids) >= PASID_MAX) {
        vtd_walk_cache_clear(cache);
    }
    e = g_new(PasidEntry, 1);
    *e = (PasidEntry) {
        .tag = pack_tag(tag),
        .pasid = tag.pasid,
        .pasid_entry = *pasid,
    };
    g_hash_table_add(cache->pasids, e);
    return &e->pasid_entry;
}

/* Invalidation */

typedef struct IotlbSweep {
    VTDWalkCache *cache;
    const VTDWalkInvalidation *inv;
} IotlbSweep;

/*
 * VT-d 6.5.2.3 and 6.5.2.4: what a translation took from stage 1 has no place
 * in stage 2's address space.  So a page of a domain takes all of its
 * translations through stage 1, and a page of a PASID none of pure stage 2.
 */
static gboolean iotlb_doomed(gpointer key, gpointer value, gpointer opaque)
{
    const IotlbEntry *e = key;
    const IotlbSweep *sweep = opaque;
    const VTDWalkInvalidation *inv = sweep->inv;
    bool stage1 = e->pgtt != VTD_WALK_STAGE2;
    uint64_t first = e->frame << VTD_PAGE_SHIFT_4K;
    uint64_t last = first | ~vtd_walk_page_mask(size_lg2(e->size));

    if (inv->by_did && e->did != inv->did) {
        return false;
    }
    if (inv->by_pasid && e->pasid != inv->pasid) {
        return false;
    }
    if (inv->by_pasid && !inv->pasid_cache && !stage1) {
        return false;
    }
    if (inv->by_page && (inv->by_pasid || !stage1) &&
        (last < inv->first || first > inv->last)) {
        return false;
    }
    sweep->cache->in_use[e->size]--;
    return true;
}

static gboolean pasid_doomed(gpointer key, gpointer value, gpointer opaque)
{
    const PasidEntry *e = key;
    const VTDWalkInvalidation *inv = opaque;

    return (!inv->by_did || e->pasid_entry.did == inv->did) &&
           (!inv->by_pasid || e->pasid == inv->pasid);
}

void vtd_walk_cache_invalidate(VTDWalkCache *cache,
                               const VTDWalkInvalidation *inv)
{
    IotlbSweep sweep = { cache, inv };

    if (!inv->pasid_cache || !inv->strict) {
        g_hash_table_foreach_remove(cache->iotlb, iotlb_doomed, &sweep);
    }
    if (inv->pasid_cache) {
        g_hash_table_foreach_remove(cache->pasids, pasid_doomed,
                                    (gpointer)inv);
    }
}
