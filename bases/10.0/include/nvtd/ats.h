/*
 * Nested VT-d on QEMU 10.0: translation requests have no operation of QEMU's
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef NVTD_ATS_H
#define NVTD_ATS_H

#include "hw/pci/pci_ats.h"

static inline void nvtd_pcie_pasid_added(PCIDevice *dev, uint16_t offset)
{
}

static inline bool nvtd_ats_request(PCIDevice *dev,
                                    const PCIPASIDPrefix *prefix,
                                    uint64_t addr, bool write,
                                    PCIATSTranslation *page)
{
    return pci_ats_ask_iommu(dev, prefix, addr, write, page);
}

#endif
