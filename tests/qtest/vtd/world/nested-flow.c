/*
 * intel-iommu,nested=on: flows that may fail half-way
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "nested-flow.h"

#define FAULT           0x5b    /* VT-d condition SPT.3 */
#define PORT            3
#define PORT_BUS        1

void nested_flow_start(NestedTest *t, const NestedFlow *flow)
{
    nested_step(t, TE_OFF);
    nested_map_src(t, PAGE_A);
    nested_step(t, SET_A);
    if (flow->start != TE_OFF) {
        nested_step(t, TE_ON);
        nested_step(t, flow->start);
    }
    nested_check_fault(t, 0);
}

void nested_flow_check(NestedTest *t, const NestedFlow *flow)
{
    nested_check_host(t, flow->pgtt, t->tables[flow->table].root);
    nested_check_fault(t, 0);
    g_assert_cmpint(nested_probe(t), ==, flow->dma);
}

void nested_flow_check_blocked(NestedTest *t)
{
    nested_check_host(t, 0, 0);
    nested_check_fault(t, FAULT);
    g_assert_cmpint(nested_probe(t), ==, BLOCKED);
}

void nested_flow_recover(NestedTest *t)
{
    nested_step(t, PC_GLOBAL);
    nested_check_fault(t, 0);
}

void nested_plug_start(NestedTest *t)
{
    nested_start(t, "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3");
    nested_setup_bridge(t, PORT << 3, PORT_BUS, PORT_BUS);
    t->bus = PORT_BUS;
    nested_build_tables(t);
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
}

char *nested_plug(NestedTest *t)
{
    QDict *reply = qtest_qmp(t->qts, "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'vfio-pci', 'id': 'dev', 'host': %s, "
                             "'iommufd': 'iommufd0', 'bus': 'rp'}}", t->bdf);
    char *message = NULL;

    if (qdict_haskey(reply, "error")) {
        message = g_strdup(qdict_get_str(qdict_get_qdict(reply, "error"),
                                         "desc"));
    } else {
        nested_setup_device(t, PORT_BUS, 0);
    }
    qobject_unref(reply);
    return message;
}

void nested_unplug(NestedTest *t)
{
    g_clear_pointer(&t->edu.dev, g_free);
    nested_eject(t->qts, "dev");
}

static int64_t succeeded(NestedTest *t, const char *ioctl_name)
{
    g_autofree char *failures = g_strdup_printf("x-failures-%s", ioctl_name);

    return nested_calls(t, ioctl_name) - nested_iommufd_number(t, failures);
}

int64_t nested_objects(NestedTest *t)
{
    return succeeded(t, "iommu-ioas-alloc") + succeeded(t, "iommu-hwpt-alloc") -
           succeeded(t, "iommu-destroy");
}
