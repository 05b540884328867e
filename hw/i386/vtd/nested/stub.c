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
    if (s->nested || s->nested_pri) {
        error_setg(errp, "intel-iommu: nested=on requires iommufd, and this "
                   "QEMU was built without CONFIG_IOMMUFD");
        return false;
    }
    if (s->iothread) {
        error_setg(errp, "intel-iommu: iothread= requires nested=on, and this "
                   "QEMU was built without CONFIG_IOMMUFD");
        return false;
    }
    return true;
}

bool vtd_nested_realize(IntelIOMMUState *s, Error **errp)
{
    return true;
}

void vtd_nested_cap_init(IntelIOMMUState *s)
{
}

AddressSpace *vtd_nested_address_space(IntelIOMMUState *s, PCIBus *bus,
                                       int devfn)
{
    return NULL;
}

void vtd_nested_reset_begin(IntelIOMMUState *s)
{
}

void vtd_nested_reset_end(IntelIOMMUState *s)
{
}

void vtd_nested_notifiers_changed(IntelIOMMUState *s)
{
}

/* Behind nested=on, which cannot be: reaching one of these is a bug. */
void vtd_nested_do_write_begin(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

void vtd_nested_do_write_end(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

bool vtd_nested_do_queue_begin(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

bool vtd_nested_do_queue_more(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

void vtd_nested_do_queue_end(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

bool vtd_nested_do_inv_begin(IntelIOMMUState *s, uint8_t type)
{
    g_assert_not_reached();
}

void vtd_nested_do_gcmd_begin(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

void vtd_nested_do_gcmd_end(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

bool vtd_nested_set_device(IntelIOMMUState *s, PCIBus *bus, int devfn,
                           HostIOMMUDevice *hiod, Error **errp)
{
    g_assert_not_reached();
}

void vtd_nested_unset_device(IntelIOMMUState *s, PCIBus *bus, int devfn)
{
    g_assert_not_reached();
}

bool vtd_nested_do_inv_desc(IntelIOMMUState *s, uint8_t type,
                            const uint64_t val[4])
{
    g_assert_not_reached();
}

void vtd_nested_do_inv_flush(IntelIOMMUState *s)
{
    g_assert_not_reached();
}

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

bool vtd_nested_post_load(IntelIOMMUState *s)
{
    return true;
}

void vtd_nested_set_root(IntelIOMMUState *s)
{
}

void vtd_nested_refresh_all(IntelIOMMUState *s)
{
}

void vtd_nested_refresh_function(IntelIOMMUState *s, uint16_t sid,
                                 uint16_t sid_mask)
{
}

void vtd_nested_iotlb_reg(IntelIOMMUState *s, uint64_t granularity,
                          uint16_t domain_id)
{
}
