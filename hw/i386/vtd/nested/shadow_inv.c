/*
 * Intel VT-d, nested=on: shadowed tables follow the guest's
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Done when the descriptor is carried out, so before any wait descriptor behind
 * it.  Where the host refuses, the devices of the table are blocked.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "nvtd/base.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/spec.h"

static void shadow_block(VTDNestedShadow *shadow, Error *err)
{
    VTDNestedAttach *at, *next;

    /* Each one blocked drops a reference. */
    QLIST_FOREACH_SAFE(at, &shadow->attaches, shadow_next, next) {
        vtd_nested_attach_block_shadow(at, error_copy(err));
    }
    error_free(err);
}

static void shadow_follow(VTDNestedShadow *shadow, uint64_t first,
                          uint64_t last)
{
    Error *err = NULL;

    shadow->is_busy = true;
    if (!vtd_nested_shadow_sync(shadow, first, last, &err)) {
        shadow_block(shadow, err);
    }
    shadow->is_busy = false;
    vtd_nested_shadow_put(shadow);
}

static void follow_range(VTDNested *n, uint16_t domain_id, uint64_t first,
                         uint64_t last)
{
    VTDNestedShadow *shadow, *next;

    QLIST_FOREACH_SAFE(shadow, &n->shadows, next, next) {
        if (shadow->stage2.domain_id == domain_id) {
            shadow_follow(shadow, first, last);
        }
    }
}

void vtd_nested_shadow_global(VTDNested *n)
{
    VTDNestedShadow *shadow, *next;

    QLIST_FOREACH_SAFE(shadow, &n->shadows, next, next) {
        shadow_follow(shadow, 0, UINT64_MAX);
    }
}

void vtd_nested_shadow_domain(VTDNested *n, uint16_t domain_id)
{
    follow_range(n, domain_id, 0, UINT64_MAX);
}

void vtd_nested_shadow_pages(VTDNested *n, uint16_t domain_id, uint64_t addr,
                             unsigned am)
{
    uint64_t mask = ((uint64_t)VTD_PAGE_SIZE << am) - 1;

    follow_range(n, domain_id, addr & ~mask, addr | mask);
}

/*
 * The machine's memory is laid out anew: what is mapped may be another
 * region's, though the guest's tables say the same.
 */
static void memory_changed(MemoryListener *listener,
                           MemoryRegionSection *section)
{
    VTDNested *n = container_of(listener, VTDNested, shadow_listener);

    n->shadow_memory_changed |= memory_region_is_ram(section->mr) &&
                                !memory_region_is_ram_device(section->mr);
}

/* Once a change is complete; most are of what is no RAM. */
static void memory_commit(MemoryListener *listener)
{
    VTDNested *n = container_of(listener, VTDNested, shadow_listener);

    if (n->shadow_memory_changed) {
        n->shadow_memory_changed = false;
        vtd_nested_hold(n);
        vtd_nested_shadow_global(n);
        vtd_nested_release(n);
    }
}

void vtd_nested_shadows_init(VTDNested *n)
{
    QLIST_INIT(&n->shadows);
    n->shadow_listener = (MemoryListener) {
        .name = "vtd-nested-shadow",
        .region_add = memory_changed,
        .region_del = memory_changed,
        .commit = memory_commit,
        .priority = MEMORY_LISTENER_PRIORITY_ACCEL,
    };
    memory_listener_register(&n->shadow_listener, &address_space_memory);
}
