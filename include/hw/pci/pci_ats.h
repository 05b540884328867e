/*
 * PCI: requests with PASID, ATS and PRI between devices and their IOMMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QEMU 10.0 knows of an IOMMU as an address space for each function, which has
 * no place for what else a transaction says; later ones have operations for a
 * part of it (nvtd/ats.h).  Here an IOMMU that understands more offers its
 * operations for a root bus, and a device finds them by the bus it is on.  BQL
 * held throughout.
 */

#ifndef HW_PCI_PCI_ATS_H
#define HW_PCI_PCI_ATS_H

#include "nvtd/base.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"

/* A PASID TLP prefix, PCIe 6.20; all but @pasid is off without one. */
typedef struct PCIPASIDPrefix {
    uint32_t pasid;             /* PCI_NO_PASID: no prefix */
    bool priv;                  /* Privileged Mode Requested */
    bool exec;                  /* Execute Requested; reads only */
} PCIPASIDPrefix;

/* A translation completion, PCIe 10.2.3, of one page */
typedef struct PCIATSTranslation {
    uint64_t iova;              /* its first byte */
    uint64_t addr;              /* what that is translated to */
    uint8_t size_lg2;           /* 12 and above */
    bool read, write, exec;     /* all off: no translation */
    bool untranslated;          /* U: requests there must be untranslated */
} PCIATSTranslation;

/* A page request message, PCIe 10.4.1 */
typedef struct PCIPageRequest {
    PCIPASIDPrefix prefix;
    uint64_t addr;              /* 4 KiB aligned */
    uint16_t prgi;              /* group index, 9 bits */
    bool read, write;           /* neither, and last: a stop marker */
    bool last;                  /* the last request of its group */
} PCIPageRequest;

/* Response codes of a PRG response message, PCIe 10.4.2.1 */
typedef enum PCIPRGResponseCode {
    PCI_PRG_SUCCESS = 0x0,
    PCI_PRG_INVALID = 0x1,
    PCI_PRG_FAILURE = 0xf,
} PCIPRGResponseCode;

typedef struct PCIPRGResponse {
    uint32_t pasid;             /* PCI_NO_PASID: the response has no prefix */
    uint16_t prgi;
    uint8_t code;               /* four bits */
} PCIPRGResponse;

/* An invalidate request message, PCIe 10.3.1 */
typedef struct PCIATSInvalidation {
    uint32_t pasid;             /* PCI_NO_PASID: what has no PASID */
    bool global;                /* of any PASID: @pasid is not looked at */
    uint64_t first, last;       /* addresses, both inclusive */
} PCIATSInvalidation;

/* What a device receives */
typedef struct PCIATSDeviceOps {
    /**
     * @invalidate: Drop translations.
     *
     * Return: false if the device doesn't complete the request: the IOMMU
     * gives it up as timed out.
     */
    bool (*invalidate)(PCIDevice *dev, const PCIATSInvalidation *inv);

    /**
     * @prg_response: The answer to a group of page requests.
     *
     * Also from within page_request.
     */
    void (*prg_response)(PCIDevice *dev, const PCIPRGResponse *response);
} PCIATSDeviceOps;

/* What an IOMMU does; @opaque as given to pci_ats_setup_iommu. */
typedef struct PCIATSIOMMUOps {
    /**
     * @translate: An untranslated request with PASID.
     *
     * Return: false if it is blocked; the IOMMU has recorded the fault.
     */
    bool (*translate)(void *opaque, PCIDevice *dev,
                      const PCIPASIDPrefix *prefix, uint64_t addr, bool write,
                      PCIATSTranslation *page);

    /**
     * @translated: A request whose address the device says is translated.
     *
     * Return: false if it is blocked.
     */
    bool (*translated)(void *opaque, PCIDevice *dev, uint64_t addr, bool write);

    /**
     * @ats_request: A translation request.
     * @write: write access is wanted: the "no write" flag is clear
     *
     * Return: false if it is answered with Unsupported Request or Completer
     * Abort; true with no rights in @page if nothing is mapped.
     */
    bool (*ats_request)(void *opaque, PCIDevice *dev,
                        const PCIPASIDPrefix *prefix, uint64_t addr,
                        bool write, PCIATSTranslation *page);

    /**
     * @page_request: A page request message; NULL: never listened to.
     *
     * It has no completion.  The response to its group comes through
     * prg_response, maybe at once; never for a stop marker.
     */
    void (*page_request)(void *opaque, PCIDevice *dev,
                         const PCIPageRequest *request);
} PCIATSIOMMUOps;

/* The IOMMU of all devices below the root bus @bus; for good. */
void pci_ats_setup_iommu(PCIBus *bus, const PCIATSIOMMUOps *ops, void *opaque);

/* From realize to exit of a device that receives anything. */
void pci_ats_register_device(PCIDevice *dev, const PCIATSDeviceOps *ops);
void pci_ats_unregister_device(PCIDevice *dev);

/* For IOMMUs.  A function that is not registered: nothing to do, true. */
bool pci_ats_invalidate(PCIBus *root, uint16_t sid,
                        const PCIATSInvalidation *inv);
void pci_ats_prg_response(PCIBus *root, uint16_t sid,
                          const PCIPRGResponse *response);

/* For nvtd/ats.h, by which pci_ats_request() finds its way to the IOMMU */
bool pci_ats_ask_iommu(PCIDevice *dev, const PCIPASIDPrefix *prefix,
                       uint64_t addr, bool write, PCIATSTranslation *page);

/* Is there a function, and ATS enabled in its config space? */
bool pci_ats_is_enabled(PCIBus *root, uint16_t sid);

/* For devices.  Without such an IOMMU the request fails or is lost. */
bool pci_ats_request(PCIDevice *dev, const PCIPASIDPrefix *prefix,
                     uint64_t addr, bool write, PCIATSTranslation *page);

/* Return: false, and there will be no response, without such an IOMMU. */
bool pci_ats_page_request(PCIDevice *dev, const PCIPageRequest *request);

/**
 * pci_ats_dma: Memory request with PASID, untranslated.
 *
 * Return: MEMTX_OK, or an error with some part of it done.
 */
MemTxResult pci_ats_dma(PCIDevice *dev, const PCIPASIDPrefix *prefix,
                        uint64_t addr, void *buf, uint64_t len, bool write);

/**
 * pci_ats_dma_translated: Memory request with a translated address.
 *
 * Return: MEMTX_OK, or an error with some part of it done.
 */
MemTxResult pci_ats_dma_translated(PCIDevice *dev, uint64_t addr, void *buf,
                                   uint64_t len, bool write);

#endif
