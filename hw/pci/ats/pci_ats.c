/*
 * PCI: requests with PASID, ATS and PRI between devices and their IOMMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/queue.h"
#include "nvtd/base.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_ats.h"
#include "nvtd/ats.h"

typedef struct AtsIOMMU {
    PCIBus *root;
    const PCIATSIOMMUOps *ops;
    void *opaque;
    QLIST_ENTRY(AtsIOMMU) next;
} AtsIOMMU;

typedef struct AtsDevice {
    PCIDevice *dev;
    const PCIATSDeviceOps *ops;
    QLIST_ENTRY(AtsDevice) next;
} AtsDevice;

static QLIST_HEAD(, AtsIOMMU) iommus = QLIST_HEAD_INITIALIZER(iommus);
static QLIST_HEAD(, AtsDevice) devices = QLIST_HEAD_INITIALIZER(devices);

void pci_ats_setup_iommu(PCIBus *bus, const PCIATSIOMMUOps *ops, void *opaque)
{
    AtsIOMMU *iommu = g_new(AtsIOMMU, 1);

    *iommu = (AtsIOMMU) { .root = bus, .ops = ops, .opaque = opaque };
    QLIST_INSERT_HEAD(&iommus, iommu, next);
}

/*
 * Also through bridges; a bus that a bridge hides has no PCIe devices.  The
 * root bus of an expander (pxb-pcie) hangs off a device of the machine's own.
 */
static PCIBus *ats_root(PCIDevice *dev)
{
    PCIBus *bus = pci_get_bus(dev);

    while (bus->parent_dev) {
        bus = pci_get_bus(bus->parent_dev);
    }
    return bus;
}

static AtsIOMMU *ats_iommu(PCIDevice *dev)
{
    PCIBus *root = ats_root(dev);
    AtsIOMMU *iommu;

    if (pci_bus_bypass_iommu(pci_get_bus(dev))) {
        return NULL;
    }
    QLIST_FOREACH(iommu, &iommus, next) {
        if (iommu->root == root) {
            return iommu;
        }
    }
    return NULL;
}

void pci_ats_register_device(PCIDevice *dev, const PCIATSDeviceOps *ops)
{
    AtsDevice *d = g_new(AtsDevice, 1);

    *d = (AtsDevice) { .dev = dev, .ops = ops };
    QLIST_INSERT_HEAD(&devices, d, next);
}

void pci_ats_unregister_device(PCIDevice *dev)
{
    AtsDevice *d, *tmp;

    QLIST_FOREACH_SAFE(d, &devices, next, tmp) {
        if (d->dev == dev) {
            QLIST_REMOVE(d, next);
            g_free(d);
        }
    }
}

/* By the requester ID of now: the guest numbers the buses. */
static AtsDevice *ats_device(PCIBus *root, uint16_t sid)
{
    AtsDevice *d;

    QLIST_FOREACH(d, &devices, next) {
        if (pci_get_bdf(d->dev) == sid && ats_root(d->dev) == root) {
            return d;
        }
    }
    return NULL;
}

bool pci_ats_invalidate(PCIBus *root, uint16_t sid,
                        const PCIATSInvalidation *inv)
{
    AtsDevice *d = ats_device(root, sid);

    return !d || d->ops->invalidate(d->dev, inv);
}

void pci_ats_prg_response(PCIBus *root, uint16_t sid,
                          const PCIPRGResponse *response)
{
    AtsDevice *d = ats_device(root, sid);

    if (d) {
        d->ops->prg_response(d->dev, response);
    }
}

bool pci_ats_is_enabled(PCIBus *root, uint16_t sid)
{
    PCIDevice *dev = pci_find_device(root, PCI_BUS_NUM(sid), sid & 0xff);

    return dev && dev->exp.ats_cap &&
           pci_get_word(dev->config + dev->exp.ats_cap + PCI_ATS_CTRL) &
           PCI_ATS_CTRL_ENABLE;
}

bool pci_ats_ask_iommu(PCIDevice *dev, const PCIPASIDPrefix *prefix,
                       uint64_t addr, bool write, PCIATSTranslation *page)
{
    AtsIOMMU *iommu = ats_iommu(dev);

    *page = (PCIATSTranslation) {};
    return iommu && iommu->ops->ats_request(iommu->opaque, dev, prefix, addr,
                                            write, page);
}

bool pci_ats_request(PCIDevice *dev, const PCIPASIDPrefix *prefix,
                     uint64_t addr, bool write, PCIATSTranslation *page)
{
    *page = (PCIATSTranslation) {};
    return nvtd_ats_request(dev, prefix, addr, write, page);
}

bool pci_ats_page_request(PCIDevice *dev, const PCIPageRequest *request)
{
    AtsIOMMU *iommu = ats_iommu(dev);

    if (!iommu || !iommu->ops->page_request) {
        return false;
    }
    iommu->ops->page_request(iommu->opaque, dev, request);
    return true;
}

static MemTxResult ats_access(PCIDevice *dev, uint64_t addr, void *buf,
                              uint64_t len, bool write)
{
    const MemTxAttrs attrs = { .requester_id = pci_requester_id(dev) };

    return address_space_rw(&address_space_memory, addr, attrs, buf, len,
                            write);
}

MemTxResult pci_ats_dma(PCIDevice *dev, const PCIPASIDPrefix *prefix,
                        uint64_t addr, void *buf, uint64_t len, bool write)
{
    AtsIOMMU *iommu = ats_iommu(dev);
    PCIATSTranslation page;
    uint64_t offset, here;
    MemTxResult ret;

    while (len) {
        if (!iommu || !iommu->ops->translate(iommu->opaque, dev, prefix, addr,
                                             write, &page)) {
            return MEMTX_ACCESS_ERROR;
        }
        offset = addr - page.iova;
        here = MIN(len, (1ULL << page.size_lg2) - offset);
        ret = ats_access(dev, page.addr + offset, buf, here, write);
        if (ret != MEMTX_OK) {
            return ret;
        }
        addr += here;
        buf += here;
        len -= here;
    }
    return MEMTX_OK;
}

MemTxResult pci_ats_dma_translated(PCIDevice *dev, uint64_t addr, void *buf,
                                   uint64_t len, bool write)
{
    AtsIOMMU *iommu = ats_iommu(dev);

    if (!iommu || !iommu->ops->translated(iommu->opaque, dev, addr, write)) {
        return MEMTX_ACCESS_ERROR;
    }
    return ats_access(dev, addr, buf, len, write);
}
