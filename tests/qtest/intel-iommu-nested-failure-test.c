/*
 * intel-iommu,nested=on: a host that fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.
 */

#include "qemu/osdep.h"
#include "intel-iommu-nested-steps.h"

static const Case cases[] = {
    /* An invalidation that fails is made up for, or the device is blocked. */
    { "failure/invalidate-once", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_INVALIDATE_1, HOST_NESTED_A, SKIP },
        { INV_PAGE, HOST_NESTED_A, TO_B } } },
    { "failure/invalidate-twice", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_INVALIDATE_2, HOST_NESTED_A, SKIP },
        { INV_PAGE, HOST_NESTED_A, TO_B } } },
    { "failure/invalidate", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_INVALIDATE_3, HOST_NESTED_A, SKIP },
        { INV_PAGE, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_A, TO_B } } },
    { "failure/alloc", {
        ATTACH_A, { FAIL_ALLOC, HOST_NESTED_A, SKIP },
        { SET_B, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_B, TO_B } } },
    { "failure/attach", {
        ATTACH_A, { FAIL_ATTACH, HOST_NESTED_A, SKIP },
        { SET_B, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_B, TO_B } } },
    { "failure/attach-stage2", {
        ATTACH_A, { FAIL_ATTACH, HOST_NESTED_A, SKIP },
        { SET_PASS, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_STAGE2, IDENTITY } } },
};

/* Has the kernel fault injection?  Allows it to fail all allocations. */
static bool can_fail_nth(void)
{
    const char *knob = "/sys/kernel/debug/failslab/ignore-gfp-wait";

    return !access("/proc/self/fail-nth", W_OK) &&
           g_file_set_contents_full(knob, "N", 1, G_FILE_SET_CONTENTS_NONE,
                                    0644, NULL);
}

static void arm_fail_nth(NestedTest *t, unsigned nth)
{
    qtest_qmp_assert_success(t->qts, "{'execute': 'qom-set', 'arguments': {"
                             "'path': '/objects/iommufd0', "
                             "'property': 'x-fail-nth', 'value': %u}}", nth);
}

/* Is the device where it should be, or blocked with a fault?  No third way. */
static void check_failed_or(NestedTest *t, unsigned table, Dma dma)
{
    if (vtd_host_entry(t->bdf).present) {
        nested_check_host(t, PGTT_NESTED, t->tables[table].root);
        nested_check_fault(t, 0);
        nested_check_dma(t, dma);
    } else {
        nested_check_fault(t, 0x5b);
        nested_check_dma(t, BLOCKED);
    }
}

/*
 * Each allocation that the kernel makes for an attach or an invalidation fails
 * once.  @op is done on table A; then the device should read what @dma says.
 */
static void sweep(NestedTest *t, Op op, Dma dma)
{
    unsigned nth;

    for (nth = 1; !g_test_failed(); nth++) {
        nested_step(t, TE_OFF);
        qvtd_map(t->vtd, &t->tables[TABLE_A], IOVA_SRC, PAGE_A, 12,
                 QVTD_S1_PAGE);
        nested_step(t, SET_A);
        if (op != TE_ON) {
            nested_step(t, TE_ON);
            nested_check_dma(t, TO_A);
            nested_step(t, REMAP_B);
        }
        arm_fail_nth(t, nth);
        nested_step(t, op);
        if (nested_iommufd_number(t, "x-fail-nth")) {
            break;
        }
        check_failed_or(t, TABLE_A, dma);
        nested_step(t, PC_GLOBAL);
        nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
        nested_check_fault(t, 0);
    }
    arm_fail_nth(t, 0);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    g_test_message("op %d: %u allocations failed, one at a time", op, nth - 1);
}

static void test_fail_nth(void)
{
    NestedTest t;

    if (!can_fail_nth()) {
        g_test_skip("the kernel has no fault injection: CONFIG_FAILSLAB and "
                    "CONFIG_FAULT_INJECTION_DEBUG_FS");
        return;
    }
    nested_setup(&t);
    sweep(&t, TE_ON, TO_A);
    sweep(&t, INV_PAGE, TO_B);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    nested_add_cases(cases, ARRAY_SIZE(cases));
    qtest_add_func("/intel-iommu/nested/fail-nth", test_fail_nth);

    return nested_test_run();
}
