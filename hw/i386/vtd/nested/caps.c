/*
 * Intel VT-d, nested=on: what the guest is told that the vIOMMU can do
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-core.h"
#include "system/runstate.h"
#include "internal.h"
#include "hw/i386/vtd/regs.h"
#include "hw/i386/vtd/spec.h"
#include "hw/i386/vtd/trace.h"

const VTDNestedCap vtd_nested_caps[] = {
    { false, VTD_CAP_FS1GP, "CAP.FS1GP", "fs1gp" },
    { false, VTD_CAP_5LP, "CAP.FS5LP", "fs5lp" },
    { true, VTD_ECAP_SRS, "ECAP.SRS", "x-srs" },
    { true, VTD_ECAP_SMPWC, "ECAP.SMPWC", "x-smpwc" },
    { }
};

uint64_t vtd_nested_caps_mask(bool ecap)
{
    uint64_t mask = 0;

    for (const VTDNestedCap *c = vtd_nested_caps; c->name; c++) {
        mask |= c->ecap == ecap ? c->bit : 0;
    }
    return mask;
}

void vtd_nested_caps_make(IntelIOMMUState *s)
{
    /*
     * PASID entries are read when they are invalidated, so entries that are
     * not present must be invalidated too: that is what CM says.  It costs a
     * Linux guest nothing on first-stage maps, which are exempt.
     */
    s->cap |= VTD_CAP_CM;
    /*
     * Which PASID entry requests without PASID have is looked up here, not by
     * the host: RID_PASID works whatever that reports.
     */
    s->ecap |= VTD_ECAP_RPS;
    if (s->ext.srs) {
        s->ecap |= VTD_ECAP_SRS;
    }
    if (s->ext.smpwc) {
        s->ecap |= VTD_ECAP_SMPWC;
    }
    if (s->ext.nested_pri) {
        s->ecap |= VTD_ECAP_PRS | VTD_ECAP_PDS;
    }
    if (s->ext.fs5lp) {
        s->cap |= VTD_CAP_5LP;
    }
    s->cap &= s->ext.nest->host_cap | ~vtd_nested_caps_mask(false);
    /* A new root pointer invalidates nothing of the host's. */
    s->cap &= ~VTD_CAP_ESRTPS;
    s->ecap &= s->ext.nest->host_ecap | ~vtd_nested_caps_mask(true);
    if (s->pasid) {
        s->ecap &= ~VTD_ECAP_PSS_MASK;
        s->ecap |= VTD_ECAP_PSS_BITS(s->ext.nest->host_pasid_bits);
    }
    trace_vtd_nested_caps(s->cap, s->ecap);
}

bool vtd_nested_caps_are_told(void)
{
    return phase_check(PHASE_MACHINE_READY) &&
           !runstate_check(RUN_STATE_INMIGRATE);
}

void vtd_nested_narrow_caps(VTDNested *n, const HostIOMMUDeviceIOMMUFD *idev)
{
    IntelIOMMUState *s = n->iommu;

    n->host_cap &= idev->vtd.cap;
    n->host_ecap &= idev->vtd.ecap;
    n->host_mamv = MIN(n->host_mamv, VTD_CAP_MAMV_OF(idev->vtd.cap));
    n->host_pasid_bits = MIN(n->host_pasid_bits,
                             VTD_ECAP_PASID_BITS(idev->vtd.ecap));
    if (!vtd_nested_caps_are_told()) {
        vtd_nested_caps_make(s);
        stq_le_p(&s->csr[DMAR_CAP_REG], s->cap);
        stq_le_p(&s->csr[DMAR_ECAP_REG], s->ecap);
        vtd_regs_changed(s, DMAR_CAP_REG);
        vtd_regs_changed(s, DMAR_ECAP_REG);
    }
}
