/*
 * Intel VT-d, ecap-nest=on: the unit, and what it does at which hook
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "hw/i386/vtd/walk.h"
#include "state.h"

/* All of it lives as long as the unit, which can't be unplugged. */
static bool walk_realize(IntelIOMMUState *s, PCIBus *bus, Error **errp)
{
    s->ext.walk = g_new0(struct VTDWalk, 1);
    s->ext.walk->cache = vtd_walk_cache_new();
    s->ext.walk->psc = vtd_walk_psc_new();
    vtd_walk_ats_init(s, bus);
    return true;
}

static void walk_reset(IntelIOMMUState *s)
{
    vtd_walk_version_init(s);
    vtd_walk_inv_reset(s);
}

static void walk_reset_caches_locked(IntelIOMMUState *s)
{
    vtd_walk_cache_clear(s->ext.walk->cache);
    vtd_walk_psc_clear(s->ext.walk->psc);
    s->ext.walk->ttm = vtd_core_ttm(s);
}

/* x-strict=on, and CAP.ESRTPS is 0 */
static bool walk_keeps_caches(IntelIOMMUState *s)
{
    if (!s->ext.walk_strict || s->cap & VTD_CAP_ESRTPS) {
        return false;
    }
    QEMU_LOCK_GUARD(&s->iommu_lock);
    s->ext.walk->ttm = vtd_core_ttm(s);
    return true;
}

static bool walk_post_load(IntelIOMMUState *s)
{
    s->ext.walk->ttm = vtd_core_ttm(s);
    return true;
}

const VTDExtOps vtd_walk_ops = {
    .realize = walk_realize,
    .cap_init = vtd_walk_cap_init,
    .reset = walk_reset,
    .post_load = walk_post_load,
    .reg = vtd_walk_reg,
    .keeps_caches = walk_keeps_caches,
    .reset_caches_locked = walk_reset_caches_locked,
    .iotlb_reg = vtd_walk_iotlb_reg,
    .queue_begin = vtd_walk_queue_begin,
    .queue_more = vtd_walk_queue_more,
    .desc_before = vtd_walk_desc_before,
    .wait_before = vtd_walk_wait_before,
    .desc_after = vtd_walk_desc_after,
    .translates = vtd_walk_owns,
    .translate = vtd_walk_translate,
    .check_notifier = vtd_walk_check_notifier,
};
