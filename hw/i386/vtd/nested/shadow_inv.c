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
#include "exec/address-spaces.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/spec.h"

static void shadow_block(VTDNestedShadow *shadow, Error *err)
{
    VTDNestedAttach *at, *next;

    shadow->is_broken = true;
    /* Each one blocked drops a reference. */
    QLIST_FOREACH_SAFE(at, &shadow->attaches, shadow_next, next) {
        vtd_nested_attach_block_shadow(at, error_copy(err));
    }
    error_free(err);
}

static void shadow_follow(VTDNestedShadow *shadow, uint64_t first,
                          uint64_t last, bool all)
{
    Error *err = NULL;

    shadow->is_busy = true;
    if (!vtd_nested_shadow_sync(shadow, first, last, all, &err)) {
        shadow_block(shadow, err);
    }
    shadow->is_busy = false;
    vtd_nested_shadow_put(shadow);
}

static void follow_range(VTDNested *n, bool any_domain, uint16_t domain_id,
                         uint64_t first, uint64_t last, bool all)
{
    VTDNestedShadow *shadow, *next;

    QLIST_FOREACH_SAFE(shadow, &n->shadows, next, next) {
        if (any_domain || shadow->domain_id == domain_id) {
            shadow_follow(shadow, first, last, all);
        }
    }
}

void vtd_nested_shadow_global(VTDNested *n)
{
    follow_range(n, true, 0, 0, UINT64_MAX, false);
}

void vtd_nested_shadow_domain(VTDNested *n, uint16_t domain_id)
{
    follow_range(n, false, domain_id, 0, UINT64_MAX, false);
}

void vtd_nested_shadow_pages(VTDNested *n, uint16_t domain_id, uint64_t addr,
                             unsigned am)
{
    uint64_t mask = ((uint64_t)VTD_PAGE_SIZE << am) - 1;

    follow_range(n, false, domain_id, addr & ~mask, addr | mask, false);
}

/*
 * The machine's memory is laid out anew: what is mapped may be another
 * region's, though the guest's tables say the same.
 */
static void memory_commit(MemoryListener *listener)
{
    VTDNested *n = container_of(listener, VTDNested, shadow_listener);

    vtd_nested_hold(n);
    follow_range(n, true, 0, 0, UINT64_MAX, true);
    vtd_nested_release(n);
}

void vtd_nested_shadows_init(VTDNested *n)
{
    QLIST_INIT(&n->shadows);
    n->shadow_listener = (MemoryListener) {
        .name = "vtd-nested-shadow",
        .commit = memory_commit,
        .priority = MEMORY_LISTENER_PRIORITY_ACCEL,
    };
    memory_listener_register(&n->shadow_listener, &address_space_memory);
}
