/*
 * Intel VT-d, nested=on: what the guest's tables ask for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Guest memory is read, and nothing is changed.  A PASID entry is read when
 * the guest says that it changed, never at a DMA: the guest sees CAP.CM, which
 * obliges it to say so even where the entry was not present before (VT-d
 * specification, 6.1). First-stage mappings are exempt from that, so a guest's
 * map stays free of exits.
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_bus.h"
#include "internal.h"
#include "hw/i386/vtd/spec.h"

void vtd_nested_want_fault(VTDNestedWant *want, int fault,
                           VTDNestedCause cause)
{
    want->target = VTD_NESTED_BLOCKED;
    want->fault = fault;
    want->cause = cause;
}

static void want_stage1(const VTDNestedAttach *at, const VTDPASIDEntry *pe,
                        VTDNestedWant *want)
{
    IntelIOMMUState *s = at->dev->nested->iommu;
    VTDNestedStage1 *s1 = &want->stage1;

    switch (VTD_PE2_FSPM(pe)) {
    case VTD_FSPM_4_LEVEL:
        s1->addr_width = 48;
        break;
    case VTD_FSPM_5_LEVEL:
        if (s->ext.fs5lp) {
            s1->addr_width = 57;
            break;
        }
        /* fallthrough */
    default:
        vtd_nested_want_fault(want, VTD_SM_PASID_INV, VTD_NESTED_CAUSE_WIDTH);
        return;
    }

    s1->iommufd = at->dev->idev->iommufd;
    s1->stage2_hwpt_id = at->dev->idev->hwpt_id;
    s1->pgtbl_addr = VTD_PE2_FSPTPTR(pe);
    s1->page_requests = want->pre && at->dev->idev->page_requests;
    if (s1->page_requests) {
        /* One fault queue a device, and one fault queue a HWPT. */
        s1->only = at->dev;
    }
    if (pe->val[2] & VTD_PE2_SRE) {
        s1->flags |= IOMMU_VTD_S1_SRE;
        /* Without SRE there are no supervisor requests to protect from. */
        if (pe->val[2] & VTD_PE2_WPE) {
            s1->flags |= IOMMU_VTD_S1_WPE;
        }
    }
    if (pe->val[2] & VTD_PE2_EAFE) {
        s1->flags |= IOMMU_VTD_S1_EAFE;
    }
    /*
     * PWSNP requires no flag.  The guest may set it where all host IOMMUs have
     * ECAP.SMPWC, and there the kernel sets it in every nested entry, as its
     * own stage 2 is walked with snooping: a guest that leaves it out gets more
     * than it asked for.
     */
    want->target = VTD_NESTED_STAGE1;
}

static void want_from_entry(const VTDNestedAttach *at,
                            const VTDPASIDEntry *pe, VTDNestedWant *want)
{
    want->has_entry = true;
    want->pgtt = VTD_PE0_PGTT(pe) >> 6;
    want->domain_id = VTD_PE1_DID(pe);

    if (vtd_core_pasid_is_reserved(at->dev->nested->iommu, pe)) {
        vtd_nested_want_fault(want, VTD_SM_PASID_RSVD,
                              VTD_NESTED_CAUSE_TABLES);
        return;
    }
    switch (VTD_PE0_PGTT(pe)) {
    case VTD_SM_PASID_ENTRY_FLT:
        want_stage1(at, pe, want);
        return;
    case VTD_SM_PASID_ENTRY_PT:
        if (at->dev->nested->iommu->ecap & VTD_ECAP_PT) {
            want->target = VTD_NESTED_STAGE2;
        } else {
            vtd_nested_want_fault(want, VTD_SM_PASID_INV, VTD_NESTED_CAUSE_PT);
        }
        return;
    case VTD_SM_PASID_ENTRY_SLT:
    case VTD_SM_PASID_ENTRY_NESTED:
        vtd_nested_want_fault(want, VTD_SM_PASID_INV, VTD_NESTED_CAUSE_STAGE2);
        return;
    default:
        vtd_nested_want_fault(want, VTD_SM_PASID_INV, VTD_NESTED_CAUSE_PGTT);
    }
}

/*
 * Present bits may be clear at any time: that is how a guest blocks DMA.  Nor
 * is it a mistake to have a directory smaller than the device's PASIDs.
 */
static bool fault_is_not_present(int fault)
{
    return fault == VTD_SM_ROOT_P || fault == VTD_SM_CTX_P ||
           fault == VTD_SM_PDIR_P || fault == VTD_SM_PASID_P ||
           fault == VTD_SM_CTX_PASID_MAX ||
           fault == VTD_FR_ROOT_ENTRY_P || fault == VTD_FR_CONTEXT_ENTRY_P;
}

static void want_from_error(VTDNestedWant *want, int fault)
{
    if (fault_is_not_present(fault)) {
        vtd_nested_want_fault(want, 0, VTD_NESTED_CAUSE_NONE);
    } else {
        vtd_nested_want_fault(want, fault, VTD_NESTED_CAUSE_TABLES);
    }
}

/* A context entry of legacy mode: VT-d specification, 9.3 */
static void want_from_context(const VTDNestedAttach *at,
                              const VTDContextEntry *ce, VTDNestedWant *want)
{
    IntelIOMMUState *s = at->dev->nested->iommu;
    unsigned aw = ce->hi & VTD_CONTEXT_ENTRY_AW;

    switch (ce->lo & VTD_CONTEXT_ENTRY_TT) {
    case VTD_CONTEXT_TT_PASS_THROUGH:
        if (s->ecap & VTD_ECAP_PT) {
            want->target = VTD_NESTED_STAGE2;
            return;
        }
        break;
    case VTD_CONTEXT_TT_DEV_IOTLB:
        if (!(s->ecap & VTD_ECAP_DT)) {
            break;
        }
        /* fallthrough */
    case VTD_CONTEXT_TT_MULTI_LEVEL:
        if (!(VTD_CAP_SAGAW(s->cap) & BIT(aw))) {
            break;
        }
        want->stage2 = (VTDNestedStage2) {
            .iommufd = at->dev->idev->iommufd,
            .table = ce->lo & VTD_CONTEXT_ENTRY_SLPTPTR,
            .levels = aw + 2,
            .domain_id = VTD_CONTEXT_ENTRY_DID(ce->hi),
        };
        want->target = VTD_NESTED_SHADOW;
        return;
    }
    vtd_nested_want_fault(want, VTD_FR_CONTEXT_ENTRY_INV,
                          VTD_NESTED_CAUSE_TABLES);
}

static bool legacy_is_blocked(const IntelIOMMUState *s)
{
    return !g_strcmp0(s->ext.nested_legacy, "block");
}

static void want_legacy(const VTDNestedAttach *at, VTDNestedWant *want)
{
    VTDNestedDevice *dev = at->dev;
    VTDContextEntry ce = {};
    int ret = vtd_core_get_context_entry(dev->nested->iommu,
                                         pci_bus_num(dev->bus), dev->devfn,
                                         &ce);

    want->fpd = ce.lo & VTD_CONTEXT_ENTRY_FPD;
    if (ret) {
        want_from_error(want, -ret);
    } else {
        want_from_context(at, &ce, want);
    }
}

/* Where there are no PASID entries.  Return: false if there may be. */
static bool want_from_registers(const VTDNestedAttach *at,
                                VTDNestedWant *want)
{
    VTDNested *n = at->dev->nested;
    IntelIOMMUState *s = n->iommu;
    bool scalable = s->root_scalable && n->ttm <= VTD_TTM_SCALABLE;

    if (s->dmar_enabled && scalable) {
        return false;
    }
    if (at->pasid != IOMMUFD_NO_PASID) {
        /* What is wrong is said of the requester ID, once. */
        vtd_nested_want_fault(want, 0, VTD_NESTED_CAUSE_NONE);
    } else if (!s->dmar_enabled) {
        want->target = VTD_NESTED_STAGE2;
    } else if (n->ttm > VTD_TTM_SCALABLE) {
        vtd_nested_want_fault(want, VTD_SM_RTA_TTM, VTD_NESTED_CAUSE_TABLES);
    } else if (legacy_is_blocked(s)) {
        vtd_nested_want_fault(want, VTD_FR_CONTEXT_ENTRY_INV,
                              VTD_NESTED_CAUSE_LEGACY);
    } else {
        want_legacy(at, want);
    }
    return true;
}

void vtd_nested_want(const VTDNestedAttach *at, VTDNestedWant *want)
{
    VTDNestedDevice *dev = at->dev;
    IntelIOMMUState *s = dev->nested->iommu;
    VTDContextEntry ce = {};
    VTDPASIDEntry pe = {};
    int ret;

    *want = (VTDNestedWant) { .pasid = VTD_NESTED_ANY_PASID };

    if (want_from_registers(at, want)) {
        return;
    }

    ret = vtd_core_get_context_entry(s, pci_bus_num(dev->bus), dev->devfn, &ce);
    want->fpd = ce.val[0] & VTD_CONTEXT_ENTRY_FPD;
    want->pre = ce.val[0] & VTD_SM_CE_PRE;
    if (ret) {
        want_from_error(want, -ret);
        return;
    }
    want->pasid = at->pasid;
    if (at->pasid == IOMMUFD_NO_PASID) {
        want->pasid = ce.val[1] & VTD_SM_CONTEXT_ENTRY_RID2PASID_MASK;
    } else if (!(ce.val[0] & VTD_SM_CE_PASIDE)) {
        vtd_nested_want_fault(want, 0, VTD_NESTED_CAUSE_NONE);
        return;
    }
    ret = vtd_core_get_pasid_entry(s, &ce, want->pasid, &pe, &want->fpd);
    if (ret == -VTD_SM_CTX_PASID_MAX && at->pasid == IOMMUFD_NO_PASID) {
        /* Beyond the directory is not the request's PASID but RID_PASID. */
        ret = -VTD_SM_CTX_RID_PASID;
    }
    if (ret) {
        want_from_error(want, -ret);
        return;
    }
    want_from_entry(at, &pe, want);
}
