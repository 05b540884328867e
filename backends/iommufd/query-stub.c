/*
 * iommufd: the query of a QEMU that has none
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qapi-commands-iommufd.h"

IommufdInfoList *qmp_x_query_iommufd(Error **errp)
{
    return NULL;
}
