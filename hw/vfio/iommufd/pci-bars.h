/*
 * VFIO: BARs that other devices reach by DMA, when the guest resets a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * BQL held.
 */

#ifndef HW_VFIO_PCI_BARS_H
#define HW_VFIO_PCI_BARS_H

#include "hw/vfio/pci.h"

/**
 * vfio_pci_bars_reset: The guest's write to config space resets the function.
 * Makes the write with the device's BARs out of the guest's memory, so that who
 * maps them maps them anew.
 *
 * Return: false if no BAR is mapped: then the write is still to be made.
 */
bool vfio_pci_bars_reset(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                         int len);

#endif
