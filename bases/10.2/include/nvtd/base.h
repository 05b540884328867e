/*
 * Nested VT-d on QEMU 10.2: what the base calls by another name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Our files are written for the newest base; bases/SERIES/include/nvtd/ gives
 * an older one the names that it lacks.
 */

#ifndef NVTD_BASE_H
#define NVTD_BASE_H

#include "system/address-spaces.h"
#include "system/memory.h"

/* The last argument of a class_init */
typedef const void NVTDClassData;

/* Of an IntelIOMMUState: the property "dma-translation" */
#define nvtd_dma_translation(s) (X86_IOMMU_DEVICE(s)->dma_translation)

#endif
