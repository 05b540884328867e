/*
 * Intel VT-d, nested=on: a state that is saved and loaded
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is kept of the guest's tables is not saved: it is read from them again.
 * A machine may be saved with devices, if their drivers in the host can, or
 * without; and its state be loaded where there are others, or be given one later.
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

/*
 * What the guest was told where it came from, it relies on here.  Of what host
 * IOMMUs may lack it may have been told less than this vIOMMU has, as there were
 * other devices, or none here yet.
 */

static void report_told(const char *what, unsigned told, unsigned own,
                        uint64_t told_reg, uint64_t own_reg)
{
    error_report("intel-iommu nested=on: the loaded guest was told %s=%u "
                 "(0x%" PRIx64 "), this vIOMMU has %u (0x%" PRIx64 "), must "
                 "be as much: start with the properties that it was saved "
                 "with, and with devices whose host IOMMU has as much", what,
                 told, told_reg, own, own_reg);
}

static bool check_told_bits(IntelIOMMUState *s, uint64_t cap, uint64_t ecap)
{
    for (const VTDNestedCap *c = vtd_nested_caps; c->name; c++) {
        uint64_t told = c->ecap ? ecap : cap;
        uint64_t own = c->ecap ? s->ecap : s->cap;

        if (told & ~own & c->bit) {
            report_told(c->name, 1, 0, told, own);
            return false;
        }
    }
    return true;
}

static bool check_told_pasid(IntelIOMMUState *s, uint64_t told)
{
    unsigned bits = VTD_ECAP_PASID_BITS(told);
    unsigned own = VTD_ECAP_PASID_BITS(s->ecap);

    if (bits > own) {
        report_told("PASID bits", bits, own, told, s->ecap);
        return false;
    }
    return true;
}

static bool check_told(IntelIOMMUState *s, uint64_t cap, uint64_t ecap)
{
    uint64_t ecap_may_be_less = vtd_nested_caps_mask(true) | VTD_ECAP_PSS_MASK;

    if (!check_told_bits(s, cap, ecap) || !check_told_pasid(s, ecap)) {
        return false;
    }
    if (!((cap ^ s->cap) & ~vtd_nested_caps_mask(false)) &&
        !((ecap ^ s->ecap) & ~ecap_may_be_less)) {
        return true;
    }
    error_report("intel-iommu nested=on: the loaded guest was told CAP 0x%"
                 PRIx64 " ECAP 0x%" PRIx64 ", this vIOMMU has CAP 0x%" PRIx64
                 " ECAP 0x%" PRIx64 ", which must be the same: start with the "
                 "properties that it was saved with",
                 cap, ecap, s->cap, s->ecap);
    return false;
}

/* Devices that are plugged from now on are judged by this. */
static bool take_told(IntelIOMMUState *s)
{
    uint64_t cap = ldq_le_p(&s->csr[DMAR_CAP_REG]);
    uint64_t ecap = ldq_le_p(&s->csr[DMAR_ECAP_REG]);

    if (!check_told(s, cap, ecap)) {
        return false;
    }
    s->cap = cap;
    s->ecap = ecap;
    if (s->pasid) {
        s->ext.nest->host_pasid_bits = VTD_ECAP_PASID_BITS(ecap);
    }
    return true;
}

bool vtd_nested_post_load(IntelIOMMUState *s)
{
    if (!take_told(s)) {
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
