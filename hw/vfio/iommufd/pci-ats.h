/*
 * VFIO: the ATS and PRI capabilities that a guest sees
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The seam: what hw/vfio/pci.c calls.  BQL held.
 */

#ifndef HW_VFIO_PCI_ATS_H
#define HW_VFIO_PCI_ATS_H

#include "hw/vfio/pci.h"

/**
 * vfio_pci_ats_add: After the device's capabilities were added.  Behind a
 * nesting vIOMMU the guest gets control registers of its own for ATS and PRI.
 */
void vfio_pci_ats_add(VFIOPCIDevice *vdev);

/**
 * vfio_pci_ats_show: The property "ats", when the guest's chain of capabilities
 * is complete.  With "off", or "auto" on a host that cannot use it, the guest
 * sees no ATS.
 *
 * Return: false with @errp if "on" cannot be had.
 */
bool vfio_pci_ats_show(VFIOPCIDevice *vdev, Error **errp);

/*
 * Return: the capability whose "next" is @offset, or 0: it is the head of the
 * guest's chain, or not in it.
 */
uint16_t vfio_pci_capability_before(const PCIDevice *pdev, uint16_t offset);

/* The device is about to be reset: for the guest both are disabled. */
void vfio_pci_ats_reset(VFIOPCIDevice *vdev);

#endif
