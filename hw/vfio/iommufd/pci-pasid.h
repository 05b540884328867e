/*
 * VFIO: the PASID capability that a guest sees
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The seam: what hw/vfio/pci.c calls.  BQL held.
 */

#ifndef HW_VFIO_PCI_PASID_H
#define HW_VFIO_PCI_PASID_H

#include "hw/vfio/pci.h"

/* Properties of vfio-pci; x-vpasid-cap-offset is the name that QEMU 11 has. */
#define VFIO_PCI_PASID_PROPERTIES                                           \
    DEFINE_PROP_UINT16("x-pasid-cap-offset", VFIOPCIDevice,                 \
                       pasid_cap_offset, 0),                                \
    DEFINE_PROP_UINT16("x-vpasid-cap-offset", VFIOPCIDevice,                \
                       pasid_cap_offset, 0),                                \
    DEFINE_PROP_ON_OFF_AUTO("ats", VFIOPCIDevice, ats, ON_OFF_AUTO_AUTO)

/**
 * vfio_pci_pasid_add: After all capabilities of the device were added, and
 * before a vIOMMU gets to know it.  Adds that for PASIDs if the device has them
 * and its vIOMMU lets the guest use them.
 *
 * Return: false with @errp if there is no room for it.
 */
bool vfio_pci_pasid_add(VFIOPCIDevice *vdev, Error **errp);

/**
 * vfio_pci_pasid_write: The guest writes to config space.  If it resets the
 * function, its PASID, ATS and PRI registers are reset too.
 *
 * Return: true if the write was to the capability alone, and must not reach the
 * device, or was made here.
 */
bool vfio_pci_pasid_write(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                          int len);

/* The device is about to be reset: PASIDs are disabled. */
void vfio_pci_pasid_reset(VFIOPCIDevice *vdev);

#endif
