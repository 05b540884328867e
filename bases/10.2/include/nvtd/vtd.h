/*
 * Nested VT-d on QEMU 10.2: intel_iommu_internal.h names all that spec.h
 * leaves to it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef NVTD_VTD_H
#define NVTD_VTD_H

#include "hw/i386/intel_iommu_internal.h"

#endif
