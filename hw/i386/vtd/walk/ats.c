/*
 * Intel VT-d, ecap-nest=on: requests with PASID, and ATS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What emulated devices find through hw/pci/pci_ats.h.  BQL held throughout.
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "hw/pci/pci_ats.h"
#include "hw/pci/pci_bus.h"
#include "hw/i386/vtd/trace.h"
#include "hw/i386/vtd/prq.h"
#include "internal.h"
#include "state.h"

static VTDWalkTLP ats_tlp(IntelIOMMUState *s, PCIDevice *dev,
                          const PCIPASIDPrefix *prefix, uint64_t addr,
                          bool write, uint8_t type)
{
    bool has_pasid = prefix && prefix->pasid != PCI_NO_PASID;

    return (VTDWalkTLP) {
        .as = vtd_find_add_as(s, pci_get_bus(dev), dev->devfn, PCI_NO_PASID),
        .pasid = has_pasid ? prefix->pasid : PCI_NO_PASID,
        .priv = has_pasid && prefix->priv,
        .exec = has_pasid && prefix->exec && !write,
        .write = write,
        .addr = addr,
        .type = type,
    };
}

/* VT-d 3.14: without PASID that is an interrupt, and never translated. */
static bool ats_is_interrupt(const VTDWalkTLP *tlp)
{
    return tlp->pasid == PCI_NO_PASID &&
           tlp->addr >= VTD_INTERRUPT_ADDR_FIRST &&
           tlp->addr <= VTD_INTERRUPT_ADDR_LAST;
}

static void ats_fill(PCIATSTranslation *out, uint64_t addr,
                     const VTDWalkPage *page)
{
    uint64_t mask = vtd_walk_page_mask(page->size_lg2);

    *out = (PCIATSTranslation) {
        .iova = addr & mask,
        .addr = page->out & mask,
        .size_lg2 = page->size_lg2,
        .read = page->read,
        .write = page->write,
    };
}

/* Translation is off: addresses are guest-physical, whatever the PASID. */
static void ats_fill_untranslated(PCIATSTranslation *out, uint64_t addr)
{
    const VTDWalkPage page = {
        .out = addr,
        .size_lg2 = VTD_PAGE_SHIFT_4K,
        .read = true,
        .write = true,
    };

    ats_fill(out, addr, &page);
}

/* The device is to send it untranslated; it can be written only. */
static void ats_fill_interrupt(PCIATSTranslation *out, uint64_t addr)
{
    const VTDWalkPage page = {
        .out = addr,
        .size_lg2 = VTD_PAGE_SHIFT_4K,
        .write = true,
    };

    ats_fill(out, addr, &page);
    out->untranslated = true;
}

/* Legacy root tables know of no PASID. */
static void ats_report_legacy(IntelIOMMUState *s, const VTDWalkTLP *tlp,
                              int fault)
{
    const VTDCoreRequest req = {
        .sid = PCI_BUILD_BDF(pci_bus_num(tlp->as->bus), tlp->as->devfn),
        .addr = tlp->addr,
        .write = tlp->write,
        .has_pasid = tlp->pasid != PCI_NO_PASID,
        .pasid = tlp->pasid,
        .priv = tlp->priv,
        .exec = tlp->exec,
        .type = tlp->type,
        .page_request = fault == VTD_SM_RTA_PAGE_REQ,
    };

    vtd_core_report_request(s, fault, false, &req);
}

static bool ats_translate(void *opaque, PCIDevice *dev,
                          const PCIPASIDPrefix *prefix, uint64_t addr,
                          bool write, PCIATSTranslation *page)
{
    IntelIOMMUState *s = opaque;
    VTDWalkTLP tlp = ats_tlp(s, dev, prefix, addr, write, VTD_AT_UNTRANSLATED);
    VTDWalkPage walked;

    QEMU_LOCK_GUARD(&s->iommu_lock);
    if (!s->dmar_enabled) {
        ats_fill_untranslated(page, addr);
        return true;
    }
    if (!vtd_walk_owns(s)) {
        ats_report_legacy(s, &tlp, VTD_SM_RTA_PASID);
        return false;
    }
    if (!vtd_walk_tlp_locked(s, &tlp, &walked)) {
        return false;
    }
    ats_fill(page, addr, &walked);
    return true;
}

/* VT-d 4.2.1: only where the context entry trusts the device to translate. */
static bool ats_translated(void *opaque, PCIDevice *dev, uint64_t addr,
                           bool write)
{
    IntelIOMMUState *s = opaque;
    VTDWalkTLP tlp = ats_tlp(s, dev, NULL, addr, write, VTD_AT_TRANSLATED);

    QEMU_LOCK_GUARD(&s->iommu_lock);
    return (s->ecap & VTD_ECAP_DT) && vtd_walk_owns(s) &&
           vtd_walk_check_translated_locked(s, &tlp);
}

/*
 * A translation request for writing gets what rights there are, so it is
 * tried for reading too; dirty bits are set for what is granted.  Without
 * ECAP.NWFS each is one for writing.
 */
static bool ats_request(void *opaque, PCIDevice *dev,
                        const PCIPASIDPrefix *prefix, uint64_t addr,
                        bool write, PCIATSTranslation *page)
{
    IntelIOMMUState *s = opaque;
    VTDWalkTLP tlp;
    VTDWalkPage walked;

    write |= !(s->ecap & VTD_ECAP_NWFS);
    tlp = ats_tlp(s, dev, prefix, addr, write, VTD_AT_TRANSLATION);
    QEMU_LOCK_GUARD(&s->iommu_lock);
    if (!(s->ecap & VTD_ECAP_DT) || !vtd_walk_owns(s)) {
        return false;
    }
    if (ats_is_interrupt(&tlp)) {
        ats_fill_interrupt(page, addr);
        return !vtd_walk_check_context_locked(s, &tlp);
    }
    if (!vtd_walk_tlp_locked(s, &tlp, &walked)) {
        return false;
    }
    if (write && !walked.write) {
        tlp.write = false;
        if (!vtd_walk_tlp_locked(s, &tlp, &walked)) {
            return false;
        }
    }
    walked.write &= write;
    ats_fill(page, addr, &walked);
    trace_vtd_ats_request(pci_get_bdf(dev), tlp.pasid, addr, page->addr,
                          page->size_lg2, page->read, page->write);
    return true;
}

/* Page requests */

static void ats_page_request(void *opaque, PCIDevice *dev,
                             const PCIPageRequest *r)
{
    IntelIOMMUState *s = opaque;
    const VTDPageRequest req = {
        .addr = r->addr,
        .sid = pci_get_bdf(dev),
        .has_pasid = r->prefix.pasid != PCI_NO_PASID,
        .pasid = r->prefix.pasid,
        .prgi = r->prgi,
        .read = r->read,
        .write = r->write,
        .priv = r->prefix.priv,
        .exec = r->prefix.exec,
        .last = r->last,
    };
    VTDWalkTLP tlp = ats_tlp(s, dev, &r->prefix, r->addr, r->write,
                             VTD_AT_UNTRANSLATED);
    int fault = VTD_SM_RTA_PAGE_REQ;

    if (vtd_prq_present(s) && s->dmar_enabled) {
        QEMU_LOCK_GUARD(&s->iommu_lock);
        if (vtd_walk_owns(s)) {
            tlp.page_request = true;
            fault = vtd_walk_check_context_locked(s, &tlp);
        } else {
            ats_report_legacy(s, &tlp, fault);
        }
    }
    if (!fault) {
        vtd_prq_put(s, &req);
    } else {
        vtd_prq_auto_respond(s, &req, fault == VTD_SM_CTX_PRE
                                      ? VTD_PRQ_INVALID : VTD_PRQ_FAILURE);
    }
}

static void ats_respond(IntelIOMMUState *s, const VTDPageResponse *r)
{
    const PCIPRGResponse response = {
        .pasid = r->has_pasid ? r->pasid : PCI_NO_PASID,
        .prgi = r->prgi,
        .code = r->code,
    };

    pci_ats_prg_response(s->ext.walk->bus, r->sid, &response);
}

static const VTDPRQOps ats_prq_ops = {
    .respond = ats_respond,
};

static const PCIATSIOMMUOps ats_ops = {
    .page_request = ats_page_request,
    .translate = ats_translate,
    .translated = ats_translated,
    .ats_request = ats_request,
};

void vtd_walk_ats_init(IntelIOMMUState *s, PCIBus *bus)
{
    s->ext.walk->bus = bus;
    object_property_add_uint32_ptr(OBJECT(s), "x-inject-ite",
                                   &s->ext.walk->inject_ite,
                                   OBJ_PROP_FLAG_READWRITE);
    pci_ats_setup_iommu(bus, &ats_ops, s);
    vtd_prq_setup(s, &ats_prq_ops);
}
