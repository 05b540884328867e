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
#include "nvtd/vfio.h"
#include "system/iommufd.h"
#include "pci-ats.h"
#include "pci-bars.h"
#include "pci-pasid.h"

/* PCI Express Base Specification, 7.8.9: version, and a width of 20 bits */
#define PASID_CAP_VERSION   1
#define PASID_CAP_WIDTH     0x1f00
#define PASID_CAP_KNOWN     (PASID_CAP_WIDTH | PCI_PASID_CAP_EXEC | \
                             PCI_PASID_CAP_PRIV)

/* The ID of no capability, as vfio_add_ext_cap() has it for the head, too */
#define CHAIN_HEAD_ID       0xffff

#define PM_STATE_D3HOT      3

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
        !pci_is_express(PCI_DEVICE(vdev)) ||
        vdev->config_size < PCIE_CONFIG_SPACE_SIZE) {
        return false;
    }
    idev = pasid_host_device(vdev);
    nesting = iommufd_nesting_find(vbasedev->bcontainer->space->as);
    return idev && idev->max_pasid_log2 && nesting && nesting->pasid;
}

/* What the kernel leaves of a hidden capability that heads the chain */
static bool is_null_head(const PCIDevice *pdev, uint16_t offset)
{
    uint32_t header = pci_get_long(pdev->config + offset);

    return offset == PCI_CONFIG_SPACE_SIZE && !PCI_EXT_CAP_ID(header) &&
           !PCI_EXT_CAP_VER(header);
}

static bool is_capability(const PCIDevice *pdev, uint16_t offset)
{
    return offset == PCI_CONFIG_SPACE_SIZE ||
           vfio_pci_capability_before(pdev, offset);
}

/*
 * The device's own capability: not in the chain, which the kernel links around
 * it, but still readable where it is.  No other register looks like it: ID,
 * version, and all bits of the next word that have no meaning clear.  At the
 * head of the chain the kernel has put zeros in the place of ID and version.
 */
static uint16_t find_hidden(const VFIOPCIDevice *vdev,
                            const HostIOMMUDeviceIOMMUFD *idev)
{
    const uint8_t *config = PCI_DEVICE(vdev)->config;
    uint16_t found = 0;

    for (unsigned at = PCI_CONFIG_SPACE_SIZE;
         at <= PCIE_CONFIG_SPACE_SIZE - PCI_EXT_CAP_PASID_SIZEOF; at += 4) {
        uint32_t header = pci_get_long(config + at);
        uint16_t cap = pci_get_word(config + at + PCI_PASID_CAP);

        if (cap & ~PASID_CAP_KNOWN ||
            (cap & PASID_CAP_WIDTH) >> 8 < idev->max_pasid_log2 ||
            !(is_null_head(PCI_DEVICE(vdev), at) ||
              (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_PASID &&
               PCI_EXT_CAP_VER(header) == PASID_CAP_VERSION &&
               !is_capability(PCI_DEVICE(vdev), at)))) {
            continue;
        }
        if (found) {
            return 0;   /* Two of them: neither is trusted. */
        }
        found = at;
    }
    return found;
}

/* Registers outside of capabilities may be anywhere: free means read as 0 */
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
    if (!is_free(PCI_DEVICE(vdev), offset)) {
        error_setg(errp, "no room for a PASID capability at 0x%x of the "
                   "device's config space: it requires 8 bytes that read as 0, "
                   "at a multiple of 4 from 0x%x on", offset,
                   PCI_CONFIG_SPACE_SIZE);
        error_append_hint(errp, "x-pasid-cap-offset names another place\n");
        return 0;
    }
    return offset;
}

/*
 * pcie_add_capability() adds behind others, and takes a head of zeros for no
 * chain at all: a head that leads on has an ID while it is at work.
 */
static void chain_add(VFIOPCIDevice *vdev, uint16_t offset)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    uint8_t *head = pdev->config + PCI_CONFIG_SPACE_SIZE;
    uint16_t next = PCI_EXT_CAP_NEXT(pci_get_long(head));
    bool is_head = offset == PCI_CONFIG_SPACE_SIZE;

    memset(pdev->config + offset, 0, PCI_EXT_CAP_PASID_SIZEOF);
    if (!is_head && !pci_get_long(head)) {
        pci_set_long(head, PCI_EXT_CAP(CHAIN_HEAD_ID, 0, 0));
        pci_set_long(pdev->wmask + PCI_CONFIG_SPACE_SIZE, 0);
        pci_set_long(vdev->emulated_config_bits + PCI_CONFIG_SPACE_SIZE, ~0u);
    }
    pcie_add_capability(pdev, PCI_EXT_CAP_ID_PASID, PASID_CAP_VERSION, offset,
                        PCI_EXT_CAP_PASID_SIZEOF);
    if (is_head) {
        pci_set_long(head, PCI_EXT_CAP(PCI_EXT_CAP_ID_PASID,
                                       PASID_CAP_VERSION, next));
    } else if (pci_get_word(head) == CHAIN_HEAD_ID) {
        pci_set_word(head, 0);
    }
}

static bool add_capability(VFIOPCIDevice *vdev, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
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

    chain_add(vdev, offset);
    pci_set_word(pdev->config + offset + PCI_PASID_CAP, cap);
    memset(pdev->wmask + offset, 0, PCI_EXT_CAP_PASID_SIZEOF);
    pci_set_word(pdev->wmask + offset + PCI_PASID_CTRL, ctrl);
    memset(vdev->emulated_config_bits + offset, 0xff, PCI_EXT_CAP_PASID_SIZEOF);
    vdev->pasid_cap = offset;
    return true;
}

bool vfio_pci_pasid_add(VFIOPCIDevice *vdev, Error **errp)
{
    return add_capability(vdev, errp) && vfio_pci_ats_show(vdev, errp);
}

/* Does the write reach the byte at @at, with one of @bits set? */
static bool sets_bits(uint32_t addr, uint32_t val, int len, uint32_t at,
                      uint8_t bits)
{
    return range_covers_byte(addr, len, at) && (val >> (at - addr) * 8) & bits;
}

/* Function Level Reset of PCI Express, PCIe 7.5.3.4 */
static bool is_function_reset(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                              int len)
{
    const PCIDevice *pdev = PCI_DEVICE(vdev);
    uint8_t exp = pdev->exp.exp_cap;

    return pci_is_express(pdev) &&
           pci_get_long(pdev->config + exp + PCI_EXP_DEVCAP) &
           PCI_EXP_DEVCAP_FLR &&
           sets_bits(addr, val, len, exp + PCI_EXP_DEVCTL + 1,
                     PCI_EXP_DEVCTL_BCR_FLR >> 8);
}

/* The same by the Advanced Features capability, of conventional PCI */
static bool is_af_reset(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                        int len)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    uint8_t af = pci_find_capability(pdev, PCI_CAP_ID_AF);
    const uint8_t needed = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;

    return af && (pdev->config[af + PCI_AF_CAP] & needed) == needed &&
           sets_bits(addr, val, len, af + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
}

/* From D3hot to D0, PCI Power Management 5.4.1; a bit says if state is kept. */
static bool is_power_up(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                        int len)
{
    const PCIDevice *pdev = PCI_DEVICE(vdev);
    uint32_t pmcsr = pdev->pm_cap + PCI_PM_CTRL;
    uint16_t old;

    if (!pdev->pm_cap || !range_covers_byte(addr, len, pmcsr)) {
        return false;
    }
    old = pci_get_word(pdev->config + pmcsr);
    return (old & PCI_PM_CTRL_STATE_MASK) == PM_STATE_D3HOT &&
           !(old & PCI_PM_CTRL_NO_SOFT_RESET) &&
           !sets_bits(addr, val, len, pmcsr, PCI_PM_CTRL_STATE_MASK);
}

bool vfio_pci_pasid_write(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                          int len)
{
    bool resets = is_function_reset(vdev, addr, val, len) ||
                  is_af_reset(vdev, addr, val, len);

    if (resets && vfio_pci_bars_reset(vdev, addr, val, len)) {
        return true;
    }
    if (resets || is_power_up(vdev, addr, val, len)) {
        vfio_pci_pasid_reset(vdev);
        vfio_pci_ats_reset(vdev);
    }
    if (!vdev->pasid_cap ||
        !ranges_overlap(addr, len, vdev->pasid_cap, PCI_EXT_CAP_PASID_SIZEOF)) {
        return false;
    }
    /* Accesses are aligned, so none crosses its bounds. */
    pci_default_write_config(PCI_DEVICE(vdev), addr, val, len);
    return true;
}

/* The vIOMMU has page requests of the device that are void after the reset. */
static void tell_nesting(VFIOPCIDevice *vdev)
{
    VFIODevice *vbasedev = &vdev->vbasedev;
    HostIOMMUDeviceIOMMUFD *idev = pasid_host_device(vdev);
    IOMMUFDNesting *nesting;

    if (!idev || !vbasedev->bcontainer) {
        return;
    }
    nesting = iommufd_nesting_find(vbasedev->bcontainer->space->as);
    if (nesting) {
        nesting->device_reset(nesting, idev);
    }
}

void vfio_pci_pasid_reset(VFIOPCIDevice *vdev)
{
    tell_nesting(vdev);
    if (vdev->pasid_cap) {
        pci_set_word(PCI_DEVICE(vdev)->config + vdev->pasid_cap +
                     PCI_PASID_CTRL, 0);
    }
}
