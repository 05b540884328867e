/*
 * Intel VT-d: what nested=on and ecap-nest=on have to say, in one place
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "core.h"
#include "fault.h"
#include "names.h"
#include "nested.h"
#include "prq.h"
#include "walk.h"

bool vtd_ext_decide_config(IntelIOMMUState *s, Error **errp)
{
    return vtd_names_take(s, errp) && vtd_walk_decide_config(s, errp) &&
           vtd_nested_decide_config(s, errp);
}

bool vtd_ext_realize(IntelIOMMUState *s, PCIBus *bus, Error **errp)
{
    const VTDExtOps *ops = s->ext.nested ? &vtd_nested_ops :
                           s->ext.ecap_nest ? &vtd_walk_ops : NULL;

    s->ext.pt_bh = qemu_bh_new(vtd_core_pt_bh, s);
    if (ops && !ops->realize(s, bus, errp)) {
        return false;
    }
    s->ext.ops = ops;
    return true;
}

void vtd_ext_reset(IntelIOMMUState *s)
{
    const VTDExtOps *ops = s->ext.ops;

    vtd_fault_reset(s);
    if (ops && ops->reset) {
        ops->reset(s);
    }
    vtd_prq_reset(s);
    vtd_regs_publish(s);
}
