/*
 * Intel VT-d, ecap-nest=on: what the unit reports
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/i386/x86-iommu.h"
#include "hw/i386/vtd/acpi.h"
#include "hw/i386/vtd/core.h"
#include "hw/i386/vtd/prq.h"
#include "hw/i386/vtd/walk.h"
#include "state.h"

#define AW_57           57

/* log2 of the pages of all addresses */
#define MAMV_MAX        (64 - VTD_PAGE_SHIFT)

/* Capabilities with a property of their own, and what it is by default */
typedef struct WalkFeature {
    const char *prop;
    uint64_t cap, ecap;         /* one of them */
    bool on;
} WalkFeature;

static const WalkFeature walk_features[] = {
    { "x-c", .ecap = VTD_ECAP_C },
    { "x-sc", .ecap = VTD_ECAP_SC, .on = true },
    { "x-mts", .ecap = VTD_ECAP_MTS },
    { "x-nwfs", .ecap = VTD_ECAP_NWFS, .on = true },
    { "x-eafs", .ecap = VTD_ECAP_EAFS },
    { "x-slads", .ecap = VTD_ECAP_SLADS, .on = true },
    { "x-rps", .ecap = VTD_ECAP_RPS, .on = true },
    { "x-rprivs", .ecap = VTD_ECAP_RPRIVS, .on = true },
    { "x-esirtps", .cap = VTD_CAP_ESIRTPS },
    { "x-esrtps", .cap = VTD_CAP_ESRTPS },
};

/* A unit as a server has it; docs/emulated-hardware.rst says what is missing */
#define PROFILE_SERVER          "server-6.0"
#define PROFILE_SERVER_CAP      0x09ed008c40780466ULL
#define PROFILE_SERVER_ECAP     0x0003ee9e86f050dfULL
#define PROFILE_SERVER_VERSION  0x60
#define PROFILE_SERVER_MAMV     45
/* Where that one has registers which stock QEMU has elsewhere */
#define PROFILE_FRCD            0x400
#define PROFILE_IOTLB           0x500
#define BANK_SIZE               16
#define UNUSED_BANK             0x1f0

static bool feature_is_on(IntelIOMMUState *s, const WalkFeature *f)
{
    return f->cap ? s->ext.walk_cap & f->cap : s->ext.walk_ecap & f->ecap;
}

static const WalkFeature *find_changed_feature(IntelIOMMUState *s)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(walk_features); i++) {
        if (feature_is_on(s, &walk_features[i]) != walk_features[i].on) {
            return &walk_features[i];
        }
    }
    return NULL;
}

/* What is of no use without ecap-nest=on */
static bool check_without_nest(IntelIOMMUState *s, Error **errp)
{
    const WalkFeature *f = find_changed_feature(s);

    if (s->ext.fs5lp && !s->ext.nested) {
        error_setg(errp, "intel-iommu: fs5lp=on requires a unit that walks 5 "
                   "levels: add nested=on or ecap-nest=on");
        return false;
    }
    if (!s->ext.smpwc && !s->ext.nested) {
        error_setg(errp, "intel-iommu: x-smpwc=off requires nested=on or "
                   "ecap-nest=on");
        return false;
    }
    if (s->ext.mamv != VTD_MAMV) {
        error_setg(errp, "intel-iommu: x-mamv=%u requires ecap-nest=on",
                   s->ext.mamv);
        return false;
    }
    if (s->ext.walk_strict || s->ext.walk_profile) {
        error_setg(errp, "intel-iommu: %s requires ecap-nest=on, which is off",
                   s->ext.walk_strict ? "x-strict=on" : "x-profile");
        return false;
    }
    if (f) {
        error_setg(errp, "intel-iommu: %s=%s requires ecap-nest=on, which is "
                   "off", f->prop, f->on ? "off" : "on");
        return false;
    }
    return vtd_acpi_decide_config(s, errp);
}

static bool check_contradictions(IntelIOMMUState *s, Error **errp)
{
    const char *prop = NULL, *why = NULL;

    if (s->pasid) {
        prop = "pasid=on";
        why = "which always has PASIDs: leave it out";
    } else if (s->snoop_control) {
        prop = "snoop-control=on";
        why = "which has snoop control by x-sc=on: leave it out";
    } else if (!s->dma_drain) {
        prop = "dma-drain=off";
        why = "as scalable mode always drains: leave it out";
    }
    if (prop) {
        error_setg(errp, "intel-iommu: %s can't be combined with ecap-nest=on, "
                   "%s", prop, why);
    }
    return !prop;
}

static bool check_values(IntelIOMMUState *s, Error **errp)
{
    if (s->ext.mamv > MAMV_MAX) {
        error_setg(errp, "intel-iommu: x-mamv=%u, must be %u or less",
                   s->ext.mamv, MAMV_MAX);
        return false;
    }
    if (s->aw_bits != VTD_HOST_AW_39BIT && s->aw_bits != VTD_HOST_AW_48BIT &&
        s->aw_bits != AW_57) {
        error_setg(errp, "intel-iommu: aw-bits=%u with ecap-nest=on: the width "
                   "of stage 2 must be %d, %d or %d", s->aw_bits,
                   VTD_HOST_AW_39BIT, VTD_HOST_AW_48BIT, AW_57);
        return false;
    }
    if (!nvtd_dma_translation(s)) {
        error_setg(errp, "intel-iommu: ecap-nest=on translates DMA: it can't be"
                   " combined with dma-translation=off");
        return false;
    }
    if (s->ext.switched_off) {
        error_setg(errp, "intel-iommu: ecap-nest=on requires scalable mode and "
                   "first-stage translation, but %s=off was given",
                   s->ext.switched_off);
        return false;
    }
    return true;
}

/* A profile says all that is reported, so no property may say otherwise. */
static const char *find_profile_contradiction(IntelIOMMUState *s)
{
    const WalkFeature *f = find_changed_feature(s);

    return f ? f->prop :
           s->aw_bits != VTD_HOST_ADDRESS_WIDTH ? "aw-bits" :
           s->ext.mamv != VTD_MAMV ? "x-mamv" :
           s->ext.fs5lp ? "fs5lp" :
           !s->fs1gp ? "fs1gp" :
           !s->ext.srs ? "x-srs" :
           !s->ext.smpwc ? "x-smpwc" :
           s->caching_mode ? "caching-mode" :
           s->intr_eim == ON_OFF_AUTO_OFF ? "eim" :
           !X86_IOMMU_DEVICE(s)->pt_supported ? "pt" : NULL;
}

static bool decide_profile(IntelIOMMUState *s, Error **errp)
{
    X86IOMMUState *x86 = X86_IOMMU_DEVICE(s);
    const char *prop;

    if (!s->ext.walk_profile) {
        return true;
    }
    if (strcmp(s->ext.walk_profile, PROFILE_SERVER)) {
        error_setg(errp, "intel-iommu: x-profile=%s must be %s",
                   s->ext.walk_profile, PROFILE_SERVER);
        return false;
    }
    prop = find_profile_contradiction(s);
    if (prop) {
        error_setg(errp, "intel-iommu: x-profile=%s says what is reported: "
                   "leave %s out", s->ext.walk_profile, prop);
        return false;
    }
    if (!x86_iommu_ir_supported(x86)) {
        error_setg(errp, "intel-iommu: x-profile=%s requires intremap=on",
                   s->ext.walk_profile);
        return false;
    }
    x86->dt_supported = true;
    s->intr_eim = ON_OFF_AUTO_ON;
    s->ext.mamv = PROFILE_SERVER_MAMV;
    /* CAP.MGAW; the width of stage 2 is SAGAW's. */
    s->aw_bits = AW_57;
    return true;
}

bool vtd_walk_decide_config(IntelIOMMUState *s, Error **errp)
{
    if (!s->ext.ecap_nest) {
        return check_without_nest(s, errp);
    }
    if (s->ext.nested) {
        /* vtd_nested_decide_config() has the words for that. */
        return true;
    }
    if (!check_contradictions(s, errp) || !check_values(s, errp) ||
        !decide_profile(s, errp) || !vtd_acpi_decide_config(s, errp)) {
        return false;
    }
    s->scalable_mode = true;
    s->flts = true;
    return true;
}

void vtd_walk_cap_init(IntelIOMMUState *s)
{
    uint64_t ecap = s->ext.walk_ecap;

    if (s->ext.walk_profile) {
        s->cap = PROFILE_SERVER_CAP;
        s->ecap = PROFILE_SERVER_ECAP;
        return;
    }
    if (X86_IOMMU_DEVICE(s)->dt_supported) {
        ecap |= VTD_ECAP_DIT | VTD_ECAP_PRS | VTD_ECAP_PDS;
    } else {
        ecap &= ~VTD_ECAP_NWFS;
    }
    if (s->ext.srs) {
        ecap |= VTD_ECAP_SRS;
    } else {
        ecap &= ~VTD_ECAP_RPRIVS;
    }
    if (s->ext.smpwc) {
        ecap |= VTD_ECAP_SMPWC;
    }
    s->cap &= ~VTD_CAP_ESRTPS;
    s->ecap &= ~VTD_ECAP_PSS_MASK;
    s->ecap |= ecap | VTD_ECAP_NEST | VTD_ECAP_SLTS | VTD_ECAP_PASID |
               VTD_ECAP_PSS_BITS(VTD_PASID_ID_SHIFT);
    s->cap |= s->ext.walk_cap;
    /*
     * Of any MGAW, as client hardware does it: the 4 levels of stage 1 must be
     * among SAGAW for Linux to use a unit that has both stages.
     */
    s->cap |= VTD_CAP_SAGAW_48bit;
    if (s->aw_bits == AW_57) {
        s->cap |= VTD_CAP_SAGAW_57;
    }
    if (s->ext.fs5lp) {
        s->cap |= VTD_CAP_5LP;
    }
}

void vtd_walk_version_init(IntelIOMMUState *s)
{
    if (s->ext.walk_profile) {
        stl_le_p(&s->csr[DMAR_VER_REG], PROFILE_SERVER_VERSION);
    }
}

/* One bank of registers there is at @at, and read and written at @seen. */
static bool reg_moves(hwaddr addr, hwaddr seen, hwaddr at, hwaddr *out)
{
    hwaddr offset = addr % BANK_SIZE;

    if (addr - offset == seen) {
        *out = at + offset;
        return true;
    }
    if (addr - offset == at) {
        *out = UNUSED_BANK + offset;
        return true;
    }
    return false;
}

hwaddr vtd_walk_reg(IntelIOMMUState *s, hwaddr addr)
{
    hwaddr out = addr;

    if (s->ext.walk_profile &&
        !reg_moves(addr, PROFILE_FRCD, DMAR_FRCD_REG_OFFSET, &out)) {
        reg_moves(addr, PROFILE_IOTLB, DMAR_IOTLB_REG_OFFSET, &out);
    }
    return out;
}
