/*
 * Nested VT-d on QEMU 10.2: translation requests are those of PCIIOMMUOps
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/porting.rst says what else QEMU's operations do, and why ours stay
 * beside them.
 */

#ifndef NVTD_ATS_H
#define NVTD_ATS_H

#include "hw/pci/pci_ats.h"
#include "hw/pci/pcie.h"

/* Our own PASID capability at @offset counts as that of pcie_pasid_init(). */
static inline void nvtd_pcie_pasid_added(PCIDevice *dev, uint16_t offset)
{
    dev->exp.pasid_cap = offset;
}

static inline IOMMUTLBEntry nvtd_ats_entry(const PCIATSTranslation *page,
                                           uint32_t pasid)
{
    return (IOMMUTLBEntry) {
        .target_as = &address_space_memory,
        .iova = page->iova,
        .translated_addr = page->addr,
        .addr_mask = (1ULL << page->size_lg2) - 1,
        .perm = IOMMU_ACCESS_FLAG_FULL(page->read, page->write, page->exec,
                                       false, false, page->untranslated),
        .pasid = pasid,
    };
}

/* A device asks. */
static inline bool nvtd_ats_request(PCIDevice *dev,
                                    const PCIPASIDPrefix *prefix,
                                    uint64_t addr, bool write,
                                    PCIATSTranslation *page)
{
    static const PCIPASIDPrefix none = { .pasid = PCI_NO_PASID };
    const PCIPASIDPrefix *p = prefix ?: &none;
    IOMMUTLBEntry entry = {};
    uint32_t errors;

    if (pci_ats_request_translation(dev, p->pasid, p->priv, p->exec, addr, 1,
                                    !write, &entry, 1, &errors) != 1) {
        return false;
    }
    *page = (PCIATSTranslation) {
        .iova = entry.iova,
        .addr = entry.translated_addr,
        .size_lg2 = ctz64(~entry.addr_mask),
        .read = entry.perm & IOMMU_RO,
        .write = entry.perm & IOMMU_WO,
        .exec = entry.perm & IOMMU_EXEC,
        .untranslated = entry.perm & IOMMU_UNTRANSLATED_ONLY,
    };
    return true;
}

/* Behind ats_request_translation of a PCIIOMMUOps; @length is not 0. */
static inline ssize_t nvtd_ats_serve(PCIBus *bus, int devfn, uint32_t pasid,
                                     bool priv, bool exec, hwaddr addr,
                                     size_t length, bool no_write,
                                     IOMMUTLBEntry *result, size_t count,
                                     uint32_t *errors)
{
    const PCIPASIDPrefix prefix = { .pasid = pasid, .priv = priv,
                                    .exec = exec };
    IOMMUAccessFlags wanted = IOMMU_ACCESS_FLAG(true, !no_write);
    hwaddr at = addr, last = addr + length - 1;
    PCIATSTranslation page;
    ssize_t n = 0;

    *errors = 0;
    do {
        if (n == count) {
            return -ENOMEM;
        }
        if (!pci_ats_ask_iommu(bus->devices[devfn], &prefix, at, !no_write,
                               &page)) {
            return -EPERM;
        }
        result[n] = nvtd_ats_entry(&page, pasid);
        *errors += (result[n].perm & wanted) != wanted;
        at = page.iova + (1ULL << page.size_lg2);
        n++;
    } while (at - 1 < last);
    return n;
}

#endif
