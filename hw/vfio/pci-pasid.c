/*
 * VFIO: the PASID capability that a guest sees
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host kernel enables the PASIDs of a device, and hides the capability
 * from VFIO's users: its register is the kernel's.  What the guest is shown is
 * made up here, and what it writes there goes nowhere: whether a request with
 * PASID passes is a matter of the IOMMU.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/range.h"
#include "hw/pci/pcie.h"
#include "hw/vfio/vfio-common.h"
#include "system/iommufd.h"
#include "pci-ats.h"
#include "pci-pasid.h"

/* PCI Express Base Specification, 7.8.9: version, and a width of 20 bits */
#define PASID_CAP_VERSION   1
#define PASID_CAP_WIDTH     0x1f00
#define PASID_CAP_KNOWN     (PASID_CAP_WIDTH | PCI_PASID_CAP_EXEC | \
                             PCI_PASID_CAP_PRIV)

static HostIOMMUDeviceIOMMUFD *pasid_host_device(VFIOPCIDevice *vdev)
{
    return (HostIOMMUDeviceIOMMUFD *)
        object_dynamic_cast(OBJECT(vdev->vbasedev.hiod),
                            TYPE_HOST_IOMMU_DEVICE_IOMMUFD);
}

/* Does the device have PASIDs, and may the guest use them? */
static bool pasid_is_offered(VFIOPCIDevice *vdev)
{
    VFIODevice *vbasedev = &vdev->vbasedev;
    IOMMUFDNesting *nesting;
    HostIOMMUDeviceIOMMUFD *idev;

    if (!vbasedev->hiod || !vbasedev->bcontainer ||
        !pci_is_express(&vdev->pdev) ||
        vdev->config_size < PCIE_CONFIG_SPACE_SIZE) {
        return false;
    }
    idev = pasid_host_device(vdev);
    nesting = iommufd_nesting_find(vbasedev->bcontainer->space->as);
    return idev && idev->max_pasid_log2 && nesting && nesting->pasid;
}

static bool is_capability(const PCIDevice *pdev, uint16_t offset)
{
    uint16_t next = PCI_CONFIG_SPACE_SIZE;

    while (next) {
        if (next == offset) {
            return true;
        }
        next = PCI_EXT_CAP_NEXT(pci_get_long(pdev->config + next));
    }
    return false;
}

/*
 * The device's own capability: not in the chain, which the kernel mends around
 * it, but still readable where it is.  No other register looks like it: ID,
 * version, and all bits of the next word that have no meaning clear.
 */
static uint16_t find_hidden(const VFIOPCIDevice *vdev,
                            const HostIOMMUDeviceIOMMUFD *idev)
{
    const uint8_t *config = vdev->pdev.config;
    uint16_t found = 0;

    for (unsigned at = PCI_CONFIG_SPACE_SIZE;
         at <= PCIE_CONFIG_SPACE_SIZE - PCI_EXT_CAP_PASID_SIZEOF; at += 4) {
        uint32_t header = pci_get_long(config + at);
        uint16_t cap = pci_get_word(config + at + PCI_PASID_CAP);

        if (PCI_EXT_CAP_ID(header) != PCI_EXT_CAP_ID_PASID ||
            PCI_EXT_CAP_VER(header) != PASID_CAP_VERSION ||
            cap & ~PASID_CAP_KNOWN ||
            (cap & PASID_CAP_WIDTH) >> 8 < idev->max_pasid_log2 ||
            is_capability(&vdev->pdev, at)) {
            continue;
        }
        if (found) {
            return 0;   /* Two of them: neither is trusted. */
        }
        found = at;
    }
    return found;
}

/* Registers that no capability announces may be anywhere: read as 0, free */
static bool is_free(const PCIDevice *pdev, uint16_t offset)
{
    return offset >= PCI_CONFIG_SPACE_SIZE && !(offset % 4) &&
           offset <= PCIE_CONFIG_SPACE_SIZE - PCI_EXT_CAP_PASID_SIZEOF &&
           !pci_get_quad(pdev->config + offset) &&
           !is_capability(pdev, offset) && !is_capability(pdev, offset + 4);
}

static uint16_t choose_offset(VFIOPCIDevice *vdev,
                              const HostIOMMUDeviceIOMMUFD *idev, Error **errp)
{
    ERRP_GUARD();
    uint16_t own = find_hidden(vdev, idev);
    uint16_t offset = vdev->pasid_cap_offset;

    if (own && (!offset || offset == own)) {
        return own;
    }
    if (!offset) {
        offset = PCIE_CONFIG_SPACE_SIZE - PCI_EXT_CAP_PASID_SIZEOF;
    }
    if (!is_free(&vdev->pdev, offset)) {
        error_setg(errp, "no room for a PASID capability at 0x%x of the "
                   "device's config space, want 8 bytes that read as 0, at a "
                   "multiple of 4 from 0x%x on", offset,
                   PCI_CONFIG_SPACE_SIZE);
        error_append_hint(errp, "x-pasid-cap-offset names another place\n");
        return 0;
    }
    return offset;
}

bool vfio_pci_pasid_add(VFIOPCIDevice *vdev, Error **errp)
{
    PCIDevice *pdev = &vdev->pdev;
    HostIOMMUDeviceIOMMUFD *idev;
    uint64_t host_caps;
    uint16_t offset, cap, ctrl = PCI_PASID_CTRL_ENABLE;

    if (!pasid_is_offered(vdev)) {
        return true;
    }
    idev = pasid_host_device(vdev);
    offset = choose_offset(vdev, idev, errp);
    if (!offset) {
        return false;
    }

    host_caps = HOST_IOMMU_DEVICE(idev)->caps.hw_caps;
    cap = idev->max_pasid_log2 << 8;
    if (host_caps & IOMMUFD_HW_CAP_PASID_EXEC) {
        cap |= PCI_PASID_CAP_EXEC;
        ctrl |= PCI_PASID_CTRL_EXEC;
    }
    if (host_caps & IOMMUFD_HW_CAP_PASID_PRIV) {
        cap |= PCI_PASID_CAP_PRIV;
        ctrl |= PCI_PASID_CTRL_PRIV;
    }

    memset(pdev->config + offset, 0, PCI_EXT_CAP_PASID_SIZEOF);
    pcie_add_capability(pdev, PCI_EXT_CAP_ID_PASID, PASID_CAP_VERSION, offset,
                        PCI_EXT_CAP_PASID_SIZEOF);
    pci_set_word(pdev->config + offset + PCI_PASID_CAP, cap);
    memset(pdev->wmask + offset, 0, PCI_EXT_CAP_PASID_SIZEOF);
    pci_set_word(pdev->wmask + offset + PCI_PASID_CTRL, ctrl);
    memset(vdev->emulated_config_bits + offset, 0xff, PCI_EXT_CAP_PASID_SIZEOF);
    vdev->pasid_cap = offset;
    return true;
}

static bool is_function_reset(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                              int len)
{
    uint32_t devctl = vdev->pdev.exp.exp_cap + PCI_EXP_DEVCTL;

    return pci_is_express(&vdev->pdev) &&
           addr <= devctl && addr + len >= devctl + 2 &&
           (val >> (devctl - addr) * 8) & PCI_EXP_DEVCTL_BCR_FLR;
}

bool vfio_pci_pasid_write(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                          int len)
{
    if (is_function_reset(vdev, addr, val, len)) {
        vfio_pci_pasid_reset(vdev);
        vfio_pci_ats_reset(vdev);
    }
    if (!vdev->pasid_cap ||
        !ranges_overlap(addr, len, vdev->pasid_cap, PCI_EXT_CAP_PASID_SIZEOF)) {
        return false;
    }
    /* Accesses are aligned, so that none goes beyond it on either side. */
    pci_default_write_config(&vdev->pdev, addr, val, len);
    return true;
}

void vfio_pci_pasid_reset(VFIOPCIDevice *vdev)
{
    if (vdev->pasid_cap) {
        pci_set_word(vdev->pdev.config + vdev->pasid_cap + PCI_PASID_CTRL, 0);
    }
}
