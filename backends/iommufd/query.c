/*
 * iommufd: x-query-iommufd
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qapi-commands-iommufd.h"
#include "qom/object_interfaces.h"
#include "objects.h"

static IommufdIoctlInfo *ioctl_info(IOMMUFDBackend *be, IOMMUFDIoctl nr)
{
    IommufdIoctlInfo *info = g_new0(IommufdIoctlInfo, 1);

    info->name = g_strdup(iommufd_backend_ioctl_name(nr));
    info->calls = be->calls[nr];
    info->failures = be->failures[nr];
    info->errors = iommufd_objects_errors(be->objects, nr);
    return info;
}

static int add_backend(Object *obj, void *opaque)
{
    IommufdInfoList **list = opaque;
    IommufdInfo *info;
    IOMMUFDBackend *be;

    be = (IOMMUFDBackend *)object_dynamic_cast(obj, TYPE_IOMMUFD_BACKEND);
    if (!be) {
        return 0;
    }
    info = g_new0(IommufdInfo, 1);
    info->id = g_strdup(object_get_canonical_path_component(obj));
    info->users = be->users;
    iommufd_objects_query(be->objects, info);
    for (int nr = IOMMUFD_IOCTL__MAX - 1; nr >= 0; nr--) {
        QAPI_LIST_PREPEND(info->ioctls, ioctl_info(be, nr));
    }
    QAPI_LIST_PREPEND(*list, info);
    return 0;
}

IommufdInfoList *qmp_x_query_iommufd(Error **errp)
{
    IommufdInfoList *list = NULL;

    object_child_foreach(object_get_objects_root(), add_backend, &list);
    return list;
}
