/*
 * VFIO: the ATS and PRI capabilities that a guest sees
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host kernel enables translation services and page requests when it probes
 * the device; VFIO shows both as they are and drops what is written.  A guest
 * that finds page requests running cannot set them up (Linux gives up on it),
 * so it gets registers of its own.  They change nothing in the device: whether
 * a page request reaches the guest is up to its context entry.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/pcie.h"
#include "nvtd/vfio.h"
#include "system/iommufd.h"
#include "pci-ats.h"

#define ATS_CTRL_STU        0x1f    /* smallest translation unit */
/* The bits of the PRI status that the device itself changes */
#define PRI_STATUS_RUNNING  (PCI_PRI_STATUS_RF | PCI_PRI_STATUS_UPRGI | \
                             PCI_PRI_STATUS_STOPPED)

/* Return: the host device if a nesting vIOMMU translates for it, or NULL. */
static HostIOMMUDeviceIOMMUFD *nesting_host_device(VFIOPCIDevice *vdev)
{
    VFIODevice *vbasedev = &vdev->vbasedev;

    if (!vbasedev->hiod || !vbasedev->bcontainer ||
        !iommufd_nesting_find(vbasedev->bcontainer->space->as)) {
        return NULL;
    }
    return (HostIOMMUDeviceIOMMUFD *)
        object_dynamic_cast(OBJECT(vbasedev->hiod),
                            TYPE_HOST_IOMMU_DEVICE_IOMMUFD);
}

/* The guest sees @val, and can write the bits of @wmask. */
static void emulate(VFIOPCIDevice *vdev, uint32_t at, uint32_t val,
                    uint32_t mask, uint32_t wmask)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);

    pci_set_long(pdev->config + at,
                 (pci_get_long(pdev->config + at) & ~mask) | val);
    pci_set_long(pdev->wmask + at,
                 (pci_get_long(pdev->wmask + at) & ~mask) | wmask);
    pci_set_long(vdev->emulated_config_bits + at,
                 pci_get_long(vdev->emulated_config_bits + at) | mask);
}

static void emulate_pri(VFIOPCIDevice *vdev, uint16_t pri, bool enabled)
{
    uint32_t allocated = pci_get_long(PCI_DEVICE(vdev)->config + pri +
                                      PCI_PRI_ALLOC_REQ);

    if (!enabled) {
        /* No capability: the guest would wait for requests that never come. */
        emulate(vdev, pri, 0, 0xffff, 0);
        return;
    }
    /* Control, and in the upper half the status */
    emulate(vdev, pri + PCI_PRI_CTRL, PCI_PRI_STATUS_STOPPED << 16,
            0xffff | PRI_STATUS_RUNNING << 16, PCI_PRI_CTRL_ENABLE);
    /* The device does not send more than the host allows. */
    emulate(vdev, pri + PCI_PRI_MAX_REQ, allocated, ~0u, 0);
    emulate(vdev, pri + PCI_PRI_ALLOC_REQ, 0, ~0u, ~0u);
}

static uint16_t find_cap(VFIOPCIDevice *vdev, uint16_t id)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);

    return pci_is_express(pdev) ? pcie_find_capability(pdev, id) : 0;
}

/* Of the device or its IOMMU; Linux 6.12 does not say it. */
static bool host_has_no_ats(const VFIOPCIDevice *vdev)
{
    const HostIOMMUDevice *hiod = vdev->vbasedev.hiod;

    return hiod && hiod->caps.hw_caps & IOMMUFD_HW_CAP_NO_ATS;
}

uint16_t vfio_pci_capability_before(const PCIDevice *pdev, uint16_t offset)
{
    uint16_t at = PCI_CONFIG_SPACE_SIZE;

    while (at) {
        uint16_t next = PCI_EXT_CAP_NEXT(pci_get_long(pdev->config + at));

        if (next == offset) {
            return at;
        }
        at = next;
    }
    return 0;
}

/* The one before leads to the next; a head of the chain stays, without an ID. */
static void hide(VFIOPCIDevice *vdev, uint16_t ats)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    uint16_t before = vfio_pci_capability_before(pdev, ats);
    uint32_t next = PCI_EXT_CAP_NEXT(pci_get_long(pdev->config + ats));

    if (before) {
        emulate(vdev, before, next << 20, 0xfff00000, 0);
    }
    emulate(vdev, ats, before ? 0 : next << 20, ~0u, 0);
    emulate(vdev, ats + PCI_ATS_CAP, 0, ~0u, 0);
}

static bool check_on(VFIOPCIDevice *vdev, Error **errp)
{
    ERRP_GUARD();

    if (!find_cap(vdev, PCI_EXT_CAP_ID_ATS)) {
        error_setg(errp, "ats=on requires an ATS capability, which the device "
                   "does not have");
    } else if (host_has_no_ats(vdev)) {
        error_setg(errp, "ats=on requires ATS in the host, whose kernel says "
                   "that the device cannot use it");
    } else {
        return true;
    }
    error_append_hint(errp, "Leave ats=on out\n");
    return false;
}

bool vfio_pci_ats_show(VFIOPCIDevice *vdev, Error **errp)
{
    uint16_t ats = find_cap(vdev, PCI_EXT_CAP_ID_ATS);

    if (vdev->ats == ON_OFF_AUTO_ON) {
        return check_on(vdev, errp);
    }
    if (ats && (vdev->ats == ON_OFF_AUTO_OFF || host_has_no_ats(vdev))) {
        hide(vdev, ats);
    }
    return true;
}

void vfio_pci_ats_add(VFIOPCIDevice *vdev)
{
    HostIOMMUDeviceIOMMUFD *idev = nesting_host_device(vdev);
    uint16_t ats = find_cap(vdev, PCI_EXT_CAP_ID_ATS);
    uint16_t pri = find_cap(vdev, PCI_EXT_CAP_ID_PRI);

    if (!idev) {
        return;
    }
    if (ats) {
        /* Its control register is the upper half of the word. */
        emulate(vdev, ats + PCI_ATS_CAP, 0, 0xffff0000,
                (uint32_t)(PCI_ATS_CTRL_ENABLE | ATS_CTRL_STU) << 16);
    }
    if (pri) {
        emulate_pri(vdev, pri, idev->page_requests);
    }
}

void vfio_pci_ats_reset(VFIOPCIDevice *vdev)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    uint16_t ats = find_cap(vdev, PCI_EXT_CAP_ID_ATS);
    uint16_t pri = find_cap(vdev, PCI_EXT_CAP_ID_PRI);

    if (!nesting_host_device(vdev)) {
        return;
    }
    if (ats) {
        pci_set_word(pdev->config + ats + PCI_ATS_CTRL, 0);
    }
    if (pri) {
        pci_set_word(pdev->config + pri + PCI_PRI_CTRL, 0);
        pci_set_long(pdev->config + pri + PCI_PRI_ALLOC_REQ, 0);
    }
}
