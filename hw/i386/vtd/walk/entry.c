/*
 * Intel VT-d, ecap-nest=on: paging-structure entries in guest RAM
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "nvtd/base.h"
#include "system/dma.h"
#include "state.h"

/* A table in a device's registers is an access error, not a device access. */
static const MemTxAttrs ram_only = { .memory = 1 };

bool vtd_walk_entry_read(IntelIOMMUState *s, hwaddr addr, uint64_t *entry)
{
    uint64_t raw;

    s->ext.walk->reads++;
    if (dma_memory_read(&address_space_memory, addr, &raw, sizeof(raw),
                        ram_only)) {
        return false;
    }
    *entry = le64_to_cpu(raw);
    return true;
}

VTDWalkUpdate vtd_walk_entry_set(hwaddr addr, uint64_t entry, uint64_t bits)
{
    uint64_t old = cpu_to_le64(entry), new = cpu_to_le64(entry | bits);
    hwaddr xlat, len = sizeof(uint64_t);
    MemoryRegion *mr;
    uint64_t *ptr, seen;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(&address_space_memory, addr, &xlat, &len,
                                 true, ram_only);
    if (len < sizeof(uint64_t) || !memory_region_is_ram(mr) || mr->readonly ||
        mr->rom_device) {
        return VTD_WALK_UPDATE_FAILED;
    }
    /* Direct, as it is RAM: the unmap marks the page dirty for migration. */
    ptr = address_space_map(&address_space_memory, addr, &len, true, ram_only);
    if (!ptr) {
        return VTD_WALK_UPDATE_FAILED;
    }
    if (len < sizeof(uint64_t)) {
        address_space_unmap(&address_space_memory, ptr, len, true, 0);
        return VTD_WALK_UPDATE_FAILED;
    }
    seen = qatomic_cmpxchg(ptr, old, new);
    address_space_unmap(&address_space_memory, ptr, len, true,
                        sizeof(uint64_t));
    return seen == old ? VTD_WALK_UPDATE_DONE : VTD_WALK_UPDATE_CHANGED;
}
