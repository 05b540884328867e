/*
 * Intel VT-d, nested=on: a state that is saved and loaded
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A passed-through device blocks migration by itself.  A machine without one
 * may be saved, and its state be loaded where there is one: into another QEMU,
 * or into the same after the device was plugged.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/regs.h"

static bool state_needed(void *opaque)
{
    IntelIOMMUState *s = opaque;

    return s->ext.nest;
}

/*
 * The mode that RTADDR_REG had when the root pointer was set; the register may
 * have been written since.
 */
static const VMStateDescription root_vmstate = {
    .name = "iommu-intel/nested/root",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(ttm, VTDNested),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription vtd_nested_vmstate = {
    .name = "iommu-intel/nested",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = state_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_POINTER(ext.nest, IntelIOMMUState, root_vmstate,
                               VTDNested),
        VMSTATE_END_OF_LIST()
    }
};

/* What the guest was told where it came from, it relies on here. */
static bool check_told(IntelIOMMUState *s)
{
    uint64_t cap = ldq_le_p(&s->csr[DMAR_CAP_REG]);
    uint64_t ecap = ldq_le_p(&s->csr[DMAR_ECAP_REG]);

    if (cap == s->cap && ecap == s->ecap) {
        return true;
    }
    error_report("intel-iommu nested=on: the loaded guest was told CAP 0x%"
                 PRIx64 " ECAP 0x%" PRIx64 ", this vIOMMU has CAP 0x%" PRIx64
                 " ECAP 0x%" PRIx64 ", which must be the same: start with the "
                 "properties that it was saved with, and plug devices later",
                 cap, ecap, s->cap, s->ecap);
    return false;
}

bool vtd_nested_post_load(IntelIOMMUState *s)
{
    if (!check_told(s)) {
        return false;
    }
    s->root_scalable = s->ext.nest->ttm & 1;
    s->ext.nest->loaded = true;
    vtd_nested_hold(s->ext.nest);
    vtd_nested_doorbell_update(s->ext.nest);
    vtd_regs_publish(s);
    vtd_nested_release(s->ext.nest);
    return true;
}

/*
 * The vIOMMU is loaded before the bridges, which number the buses, and so the
 * requester IDs.  By now they are, and no vCPU has run.
 */
static void run_state_changed(void *opaque, bool running, RunState state)
{
    VTDNested *n = opaque;

    if (running && n->loaded) {
        vtd_nested_hold(n);
        n->loaded = false;
        vtd_nested_refresh_all(n->iommu);
        vtd_nested_release(n);
    }
}

void vtd_nested_state_init(VTDNested *n)
{
    qemu_add_vm_change_state_handler(run_state_changed, n);
}
