/*
 * Intel VT-d, nested=on: the query of a QEMU that has none
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qapi-commands-intel-iommu.h"

VtdNestedInfoList *qmp_x_query_intel_iommu_nested(Error **errp)
{
    return NULL;
}
