/*
 * Nested VT-d on QEMU 10.0: registers that intel_iommu_internal.h of 10.2 names
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef NVTD_VTD_H
#define NVTD_VTD_H

#include "qemu/bitops.h"

/* CAP_REG, VT-d 11.4.2, and ECAP_REG, 11.4.3 */
#define VTD_CAP_ESRTPS          BIT_ULL(63)
#define VTD_ECAP_PRS            BIT_ULL(29)

/* Page group response descriptor, 7.6.1 */
#define VTD_INV_DESC_PGRESP     0x9

#endif
