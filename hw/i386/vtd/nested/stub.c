/*
 * Intel VT-d, nested=on: a QEMU without iommufd, or without VT-d
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/i386/vtd/nested.h"

bool vtd_nested_decide_config(IntelIOMMUState *s, Error **errp)
{
    if (s->ext.nested || s->ext.nested_pri) {
        error_setg(errp, "intel-iommu: nested=on requires iommufd, and this "
                   "QEMU was built without CONFIG_IOMMUFD");
        return false;
    }
    if (s->ext.iothread) {
        error_setg(errp, "intel-iommu: iothread= requires nested=on, and this "
                   "QEMU was built without CONFIG_IOMMUFD");
        return false;
    }
    return true;
}

/* Nobody has it: nested=on is refused. */
const VTDExtOps vtd_nested_ops;

static bool state_needed(void *opaque)
{
    return false;
}

const VMStateDescription vtd_nested_vmstate = {
    .name = "iommu-intel/nested",
    .needed = state_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_END_OF_LIST()
    }
};
