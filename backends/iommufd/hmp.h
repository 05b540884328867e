/*
 * iommufd: what "info" commands have in common
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BACKENDS_IOMMUFD_HMP_H
#define BACKENDS_IOMMUFD_HMP_H

#include "monitor/monitor.h"
#include "qapi/qapi-types-iommufd.h"

/* A guest's table, as x-query-iommufd has it */
void iommufd_hmp_print_stage1(Monitor *mon, const IommufdVtdStage1 *s1);

/* "device", or "device, PASID 5" */
void iommufd_hmp_print_requests(Monitor *mon, const char *device,
                                bool has_pasid, uint32_t pasid);

#endif
