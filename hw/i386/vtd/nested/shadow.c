/*
 * Intel VT-d, nested=on: an IOAS of a guest's second-stage table
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A guest in legacy mode has tables that the host's IOMMU cannot nest.  What
 * they map is mapped in an IOAS of its own, one IOMMU_IOAS_MAP a leaf, and
 * followed at each invalidation: the guest sees CAP.CM, so it tells of what it
 * maps as well (VT-d specification, 6.1).  Devices of one domain share it.
 *
 * A leaf is mapped as far as there is RAM, or ROM to read; DMA to anything else
 * faults.  The kernel cannot unmap a part of what was mapped at once, so leaves
 * are not merged.  What may be written may be read as well: the kernel may take
 * a first-stage table for the IOAS, which has no other way.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/interval-tree.h"
#include "nvtd/base.h"
#include "qemu/rcu.h"
#include "internal.h"
#include "hw/i386/vtd/trace.h"
#include "hw/i386/vtd/spec.h"

/*
 * Pages of tables that are read in one go: what a guest makes of few pages that
 * point at each other must not hold the BQL.
 */
#define MAX_TABLE_PAGES     32768

#define ADDRESS             (VTD_HAW_MASK(52) & VTD_PAGE_MASK_4K)

typedef struct ShadowMap {
    IntervalTreeNode node;      /* input addresses, both inclusive */
    uint64_t out;               /* guest-physical address of the first */
    uint64_t leaf_size;         /* of the entry that it was made of */
    uint8_t rights;             /* VTD_S2_READ, VTD_S2_WRITE */
    void *vaddr;                /* the guest's memory there */
    bool rom;
} ShadowMap;

/* A leaf of the guest's table */
typedef struct Leaf {
    uint64_t in, out, size;
    uint8_t rights;
} Leaf;

/* A look at the tables; ends early when @pages is 0. */
typedef struct Walk {
    VTDNestedShadow *shadow;
    uint64_t first, last;       /* input addresses */
    unsigned pages;             /* that may still be read */
    bool (*leaf)(struct Walk *w, const Leaf *leaf, Error **errp);
    void *opaque;
} Walk;

static uint64_t shadow_last(const VTDNestedShadow *shadow)
{
    return (1ULL << (12 + 9 * shadow->stage2.levels)) - 1;
}

static bool walk_level(Walk *w, uint64_t table, unsigned level, uint64_t base,
                       uint8_t rights, Error **errp)
{
    unsigned shift = 12 + 9 * (level - 1);
    uint64_t size = 1ULL << shift;
    uint64_t from = MAX(w->first, base);
    uint64_t to = MIN(w->last, base + (size << 9) - 1);
    unsigned first = (from - base) >> shift;
    unsigned nr = ((to - base) >> shift) - first + 1;
    g_autofree uint64_t *entries = g_new(uint64_t, nr);

    if (!w->pages) {
        error_setg(errp, "the guest's second-stage table has more than %u "
                   "pages", MAX_TABLE_PAGES);
        return false;
    }
    w->pages--;
    if (!vtd_core_read(table + first * sizeof(*entries), entries, nr)) {
        return true;            /* no RAM: nothing is mapped there */
    }
    for (unsigned i = 0; i < nr; i++) {
        uint64_t entry = entries[i];
        Leaf leaf = {
            .in = base + ((uint64_t)(first + i) << shift),
            .out = entry & ADDRESS & ~(size - 1),
            .size = size,
            .rights = rights & entry,
        };

        if (!leaf.rights) {
            continue;
        }
        if (level == 1 || (level <= 3 && entry & VTD_S2_PS)) {
            if (!w->leaf(w, &leaf, errp)) {
                return false;
            }
        } else if (!walk_level(w, entry & ADDRESS, level - 1, leaf.in,
                               leaf.rights, errp)) {
            return false;
        }
    }
    return true;
}

static bool walk(Walk *w, Error **errp)
{
    const VTDNestedShadow *shadow = w->shadow;
    bool ok;

    w->pages = MAX_TABLE_PAGES;
    ok = walk_level(w, shadow->stage2.table, shadow->stage2.levels, 0,
                    VTD_S2_READ | VTD_S2_WRITE, errp);
    vtd_nested_work(shadow->nested, 1 + (MAX_TABLE_PAGES - w->pages));
    return ok;
}

/* The guest's memory at @addr, of which @len is shortened to what is alike. */
static void *memory_at(uint64_t addr, uint64_t *len, bool *rom)
{
    hwaddr offset, there = *len;
    MemoryRegion *mr = address_space_translate(&address_space_memory, addr,
                                               &offset, &there, false,
                                               MEMTXATTRS_UNSPECIFIED);
    bool usable = memory_region_is_ram(mr) && !memory_region_is_ram_device(mr);

    *len = MIN(*len, MAX(there, VTD_PAGE_SIZE)) & VTD_PAGE_MASK_4K;
    if (!usable || there < VTD_PAGE_SIZE) {
        return NULL;
    }
    if (memory_region_has_ram_discard_manager(mr)) {
        MemoryRegionSection section = {
            .mr = mr,
            .offset_within_region = offset,
            .size = int128_make64(*len),
        };

        /* What the guest gave back must not be pinned again. */
        if (!ram_discard_manager_is_populated(
                memory_region_get_ram_discard_manager(mr), &section)) {
            return NULL;
        }
    }
    *rom = mr->readonly || memory_region_is_rom(mr);
    return memory_region_get_ram_ptr(mr) + offset;
}

static bool map_piece(VTDNestedShadow *shadow, const Leaf *leaf, uint64_t in,
                      uint64_t len, void *vaddr, bool rom, Error **errp)
{
    bool readonly = rom || !(leaf->rights & VTD_S2_WRITE);
    unsigned max = shadow->nested->iommu->ext.nested_max_maps;
    ShadowMap *map;
    int ret;

    if (shadow->maps_nr >= max) {
        error_setg(errp, "the guest's second-stage table maps more than "
                   "%u pages (max-maps)", max);
        return false;
    }
    ret = iommufd_backend_map_dma(shadow->stage2.iommufd, shadow->ioas_id, in,
                                  len, vaddr, readonly);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_IOAS_MAP failed for 0x%" PRIx64
                         " bytes at 0x%" PRIx64, len, in);
        return false;
    }
    map = g_new0(ShadowMap, 1);
    map->node.start = in;
    map->node.last = in + len - 1;
    map->out = leaf->out + (in - leaf->in);
    map->leaf_size = leaf->size;
    map->rights = leaf->rights;
    map->vaddr = vaddr;
    map->rom = rom;
    interval_tree_insert(&map->node, &shadow->maps);
    shadow->maps_nr++;
    vtd_nested_work(shadow->nested, 1);
    return true;
}

/* Maps what of a leaf is not mapped. */
static bool map_leaf(Walk *w, const Leaf *leaf, Error **errp)
{
    VTDNestedShadow *shadow = w->shadow;
    uint64_t in = leaf->in, last = leaf->in + leaf->size - 1;

    while (in <= last) {
        IntervalTreeNode *there = interval_tree_iter_first(&shadow->maps, in,
                                                           last);
        uint64_t len = last - in + 1;
        bool rom = false;
        void *vaddr;

        if (there && there->start <= in) {
            in = there->last + 1;
            continue;
        }
        if (there) {
            len = there->start - in;
        }
        vaddr = memory_at(leaf->out + (in - leaf->in), &len, &rom);
        if (vaddr && !(rom && !(leaf->rights & VTD_S2_READ)) &&
            !map_piece(shadow, leaf, in, len, vaddr, rom, errp)) {
            return false;
        }
        in += len;
    }
    return true;
}

static bool note_leaf(Walk *w, const Leaf *leaf, Error **errp)
{
    *(Leaf *)w->opaque = *leaf;
    return true;
}

/* The machine's memory may have been laid out anew. */
static bool map_is_in_place(const ShadowMap *map)
{
    uint64_t size = map->node.last - map->node.start + 1, len = size;
    bool rom = false;

    return memory_at(map->out, &len, &rom) == map->vaddr && len == size &&
           rom == map->rom;
}

/* A larger leaf of the same memory leaves a mapping as it is. */
static bool map_is_valid(VTDNestedShadow *shadow, const ShadowMap *map)
{
    Leaf leaf = {};
    Walk w = {
        .shadow = shadow,
        .first = map->node.start,
        .last = map->node.start,
        .leaf = note_leaf,
        .opaque = &leaf,
    };

    return walk(&w, NULL) && leaf.size >= map->leaf_size &&
           leaf.rights == map->rights &&
           leaf.out + (map->node.start - leaf.in) == map->out &&
           map_is_in_place(map);
}

static bool unmap(VTDNestedShadow *shadow, ShadowMap *map, Error **errp)
{
    uint64_t len = map->node.last - map->node.start + 1;
    int ret = iommufd_backend_unmap_dma(shadow->stage2.iommufd,
                                        shadow->ioas_id, map->node.start, len);

    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_IOAS_UNMAP failed for 0x%" PRIx64
                         " bytes at 0x%" PRIx64, len, map->node.start);
        return false;
    }
    interval_tree_remove(&map->node, &shadow->maps);
    g_free(map);
    shadow->maps_nr--;
    vtd_nested_work(shadow->nested, 1);
    return true;
}

/* Whoever invalidates a part of a page invalidates all of it. */
static bool walk_grow(Walk *w, const ShadowMap *map)
{
    uint64_t first = map->node.start & ~(map->leaf_size - 1);
    uint64_t last = first + map->leaf_size - 1;
    bool grows = first < w->first || last > w->last;

    w->first = MIN(w->first, first);
    w->last = MAX(w->last, last);
    return grows;
}

/* Unmaps what is not so any more; @w grows by what goes with it. */
static bool unmap_stale(Walk *w, Error **errp)
{
    VTDNestedShadow *shadow = w->shadow;
    IntervalTreeNode *node = interval_tree_iter_first(&shadow->maps, w->first,
                                                      w->last);

    while (node) {
        ShadowMap *map = container_of(node, ShadowMap, node);
        bool grows;

        node = interval_tree_iter_next(node, w->first, w->last);
        if (map_is_valid(shadow, map)) {
            continue;
        }
        grows = walk_grow(w, map);
        if (!unmap(shadow, map, errp)) {
            return false;
        }
        if (grows) {
            node = interval_tree_iter_first(&shadow->maps, w->first, w->last);
        }
    }
    return true;
}

bool vtd_nested_shadow_sync(VTDNestedShadow *shadow, uint64_t first,
                            uint64_t last, Error **errp)
{
    Walk w = {
        .shadow = shadow,
        .first = first,
        .last = MIN(last, shadow_last(shadow)),
        .leaf = map_leaf,
    };

    if (first > w.last) {
        return true;
    }
    trace_vtd_nested_shadow_sync(shadow->ioas_id, w.first, w.last);
    RCU_READ_LOCK_GUARD();
    return unmap_stale(&w, errp) && walk(&w, errp);
}

bool vtd_nested_shadow_is(const VTDNestedShadow *shadow,
                          const VTDNestedStage2 *s2)
{
    const VTDNestedStage2 *own = &shadow->stage2;

    return own->iommufd == s2->iommufd && own->table == s2->table &&
           own->levels == s2->levels && own->domain_id == s2->domain_id;
}

VTDNestedShadow *vtd_nested_shadow_get(VTDNested *n, const VTDNestedStage2 *s2,
                                       Error **errp)
{
    VTDNestedShadow *shadow;

    QLIST_FOREACH(shadow, &n->shadows, next) {
        if (vtd_nested_shadow_is(shadow, s2)) {
            return shadow;
        }
    }
    shadow = g_new0(VTDNestedShadow, 1);
    shadow->nested = n;
    shadow->stage2 = *s2;
    vtd_nested_work(n, 1);
    if (!iommufd_backend_alloc_ioas(s2->iommufd, &shadow->ioas_id, errp)) {
        g_free(shadow);
        return NULL;
    }
    QLIST_INSERT_HEAD(&n->shadows, shadow, next);
    n->counters.shadows++;
    trace_vtd_nested_shadow_new(shadow->ioas_id, s2->table, s2->levels,
                                s2->domain_id);
    if (!vtd_nested_shadow_sync(shadow, 0, UINT64_MAX, errp)) {
        vtd_nested_shadow_put(shadow);
        return NULL;
    }
    return shadow;
}

void vtd_nested_shadow_link(VTDNestedShadow *shadow, VTDNestedAttach *at)
{
    at->shadow = shadow;
    QLIST_INSERT_HEAD(&shadow->attaches, at, shadow_next);
    vtd_nested_blocker_update(shadow->nested);
}

void vtd_nested_shadow_unlink(VTDNestedAttach *at)
{
    VTDNestedShadow *shadow = at->shadow;

    QLIST_REMOVE(at, shadow_next);
    at->shadow = NULL;
    vtd_nested_blocker_update(shadow->nested);
    vtd_nested_shadow_put(shadow);
}

void vtd_nested_shadow_put(VTDNestedShadow *shadow)
{
    IntervalTreeNode *node;

    if (!QLIST_EMPTY(&shadow->attaches) || shadow->is_busy) {
        return;
    }
    while ((node = interval_tree_iter_first(&shadow->maps, 0, UINT64_MAX))) {
        interval_tree_remove(node, &shadow->maps);
        g_free(container_of(node, ShadowMap, node));
    }
    QLIST_REMOVE(shadow, next);
    trace_vtd_nested_shadow_free(shadow->ioas_id);
    iommufd_backend_free_id(shadow->stage2.iommufd, shadow->ioas_id);
    vtd_nested_work(shadow->nested, 1);
    g_free(shadow);
}
