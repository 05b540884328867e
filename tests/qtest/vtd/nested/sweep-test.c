/*
 * intel-iommu,nested=on: each allocation of the host kernel fails once
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs, and a kernel with CONFIG_FAILSLAB
 * and CONFIG_FAULT_INJECTION_DEBUG_FS.  A flow is run once for each n, with the
 * nth allocation that the kernel makes in its ioctls failing, until none does.
 */

#include "qemu/osdep.h"
#include "nested-flow.h"

static const NestedFlow flows[] = {
    { "attach", TE_OFF, TE_ON, HOST_NESTED_A, TO_A },
    { "replace", TE_ON, SET_B, HOST_NESTED_B, TO_B },
    { "pass-through", TE_ON, SET_PASS, HOST_STAGE2, IDENTITY },
    { "from-pass", SET_PASS, SET_A, HOST_NESTED_A, TO_A },
    { "from-blocked", SET_NONE, SET_A, HOST_NESTED_A, TO_A },
    { "off", TE_ON, TE_OFF, HOST_STAGE2, IDENTITY },
    { "invalidate", REMAP_B, INV_PAGE, HOST_NESTED_A, TO_B },
};

/* These must have something to fail, or the sweep is none. */
static bool must_allocate(const NestedFlow *flow)
{
    return flow->pgtt == PGTT_NESTED && flow->op != INV_PAGE;
}

/* Where the flow should lead, or blocked with a fault; no third way. */
static void check_either(NestedTest *t, const NestedFlow *flow)
{
    if (vtd_host_entry(t->bdf).present) {
        nested_flow_check(t, flow);
    } else {
        nested_flow_check_blocked(t);
    }
}

static void sweep(NestedTest *t, const NestedFlow *flow)
{
    unsigned nth;

    for (nth = 1; !g_test_failed(); nth++) {
        nested_flow_start(t, flow);
        nested_fail_nth(t, nth);
        nested_step(t, flow->op);
        if (!nested_has_failed(t)) {
            break;
        }
        check_either(t, flow);
        nested_flow_recover(t);
        nested_check_host(t, flow->pgtt, t->tables[flow->table].root);
    }
    nested_flow_check(t, flow);
    if (must_allocate(flow)) {
        g_assert_cmpuint(nth, >, 1);
    }
    g_test_message("%s: %u allocations failed, one at a time", flow->name,
                   nth - 1);
}

static void test_flow(gconstpointer flow)
{
    NestedTest t;

    if (nested_can_fail_nth()) {
        nested_setup(&t);
        sweep(&t, flow);
        nested_teardown(&t);
    }
}

/* Hot-plug: refused, or there and blocked, or there and translated */
static void test_plug(void)
{
    unsigned nth, refused = 0, blocked = 0;
    NestedTest t;

    if (!nested_can_fail_nth()) {
        return;
    }
    nested_plug_start(&t);
    for (nth = 1; !g_test_failed(); nth++) {
        g_autofree char *message = NULL;

        nested_fail_nth(&t, nth);
        message = nested_plug(&t);
        if (!nested_has_failed(&t)) {
            g_assert_cmpstr(message, ==, NULL);
            break;
        }
        if (message) {
            g_test_message("%u: %s", nth, message);
            refused++;
        } else {
            if (!vtd_host_entry(t.bdf).present) {
                nested_flow_check_blocked(&t);
                nested_flow_recover(&t);
                blocked++;
            }
            nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
            nested_unplug(&t);
        }
        g_assert_cmpint(nested_objects(&t), ==, 0);
    }
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    g_assert_cmpuint(refused, >, 0);
    g_test_message("plug: %u allocations failed, one at a time: %u times "
                   "refused, %u times blocked", nth - 1, refused, blocked);
    nested_teardown(&t);
}

/* Hot-unplug: whatever fails, nothing of the device is left. */
static void test_unplug(void)
{
    unsigned nth;
    NestedTest t;

    if (!nested_can_fail_nth()) {
        return;
    }
    nested_plug_start(&t);
    for (nth = 1; !g_test_failed(); nth++) {
        g_autofree char *message = nested_plug(&t);
        bool failed;

        g_assert_cmpstr(message, ==, NULL);
        nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
        nested_fail_nth(&t, nth);
        nested_unplug(&t);
        failed = nested_has_failed(&t);
        g_assert_cmpint(nested_objects(&t), ==, 0);
        g_assert_cmpuint(vtd_host_entry(t.bdf).pgtt, !=, PGTT_NESTED);
        if (!failed) {
            break;
        }
    }
    g_test_message("unplug: %u allocations failed, one at a time", nth - 1);
    nested_teardown(&t);
}

/*
 * A machine is reset: without translation the device has all of memory, or it is
 * blocked until the guest turns translation on.  The vIOMMU is reset before, so
 * that the guest may find the fault.
 */
static void check_reset(NestedTest *t)
{
    bool present = vtd_host_entry(t->bdf).present;
    QVTDFault fault;

    nested_check_host(t, present ? PGTT_STAGE2 : 0, 0);
    g_assert_cmpint(nested_probe(t), ==, present ? IDENTITY : BLOCKED);
    if (qvtd_take_fault(t->vtd, &fault)) {
        g_assert_cmphex(fault.reason, ==, 0x5b);
    } else {
        g_assert_true(present);
    }
}

static void test_reset(void)
{
    const NestedFlow flow = {
        "reset", TE_ON, SYSTEM_RESET, HOST_STAGE2, IDENTITY
    };
    unsigned nth, blocked = 0;
    NestedTest t;

    if (!nested_can_fail_nth()) {
        return;
    }
    nested_setup(&t);
    for (nth = 1; !g_test_failed(); nth++) {
        nested_flow_start(&t, &flow);
        nested_fail_nth(&t, nth);
        nested_step(&t, SYSTEM_RESET);
        if (!nested_has_failed(&t)) {
            break;
        }
        blocked += !vtd_host_entry(t.bdf).present;
        check_reset(&t);
        nested_step(&t, SET_A);
        nested_step(&t, TE_ON);
        nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
        g_assert_cmpint(nested_probe(&t), ==, TO_A);
    }
    nested_flow_check(&t, &flow);
    g_test_message("reset: %u allocations failed, one at a time; %u times "
                   "blocked", nth - 1, blocked);
    nested_teardown(&t);
}

/* A second device on a table that the first one uses, which goes on */
static void test_share(void)
{
    const NestedFlow flow = {
        "share", SET_NONE, SET_A, HOST_NESTED_A, TO_A
    };
    NestedTest t, t2;

    if (!nested_can_fail_nth() || !nested_setup_two(&t, &t2)) {
        return;
    }
    nested_step(&t, SET_A);
    sweep(&t2, &flow);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    g_free(t2.edu.dev);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(flows); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/sweep/%s", flows[i].name);

        qtest_add_data_func(path, &flows[i], test_flow);
    }
    qtest_add_func("/intel-iommu/nested/sweep/plug", test_plug);
    qtest_add_func("/intel-iommu/nested/sweep/unplug", test_unplug);
    qtest_add_func("/intel-iommu/nested/sweep/reset", test_reset);
    qtest_add_func("/intel-iommu/nested/sweep/share", test_share);
    return nested_test_run();
}
