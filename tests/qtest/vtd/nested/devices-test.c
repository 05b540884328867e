/*
 * intel-iommu,nested=on: devices that come, go and share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.
 */

#include "qemu/osdep.h"
#include "nested-steps.h"

/* Both name the same table. */
static void two_translate(NestedTest *t, NestedTest *t2)
{
    nested_step(t, SET_A);
    nested_step(t2, SET_A);
    qvtd_enable_translation(t->vtd, true);
}

/* Two devices: one stage 2, and one stage 1 where they name the same table */
static void test_share(void)
{
    VTDHostEntry one, two;
    NestedTest t, t2;

    if (!nested_setup_two(&t, &t2)) {
        return;
    }
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-alloc"), ==, 1);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-alloc"), ==, 1);
    one = vtd_host_entry(t.bdf);
    two = vtd_host_entry(t2.bdf);
    g_assert_cmphex(one.stage2, ==, two.stage2);
    g_assert_cmpuint(one.domain_id, ==, two.domain_id);

    two_translate(&t, &t2);
    one = vtd_host_entry(t.bdf);
    two = vtd_host_entry(t2.bdf);
    g_assert_cmpuint(one.pgtt, ==, PGTT_NESTED);
    g_assert_cmpuint(two.pgtt, ==, PGTT_NESTED);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-alloc"), ==, 2);
    g_assert_cmpuint(one.domain_id, ==, two.domain_id);
    nested_check_dma(&t, TO_A);
    nested_check_dma(&t2, TO_A);

    /* One invalidation is for both. */
    nested_step(&t, REMAP_B);
    nested_step(&t, INV_PAGE);
    nested_check_dma(&t, TO_B);
    nested_check_dma(&t2, TO_B);

    /* And one that leaves does not take the other one along. */
    nested_step(&t2, SET_NONE);
    nested_check_host(&t2, 0, 0);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_dma(&t, TO_B);

    g_free(t2.edu.dev);
    nested_teardown(&t);
}

/* Neither goes on with what was not invalidated; each is back when asked for. */
static void test_share_failure(void)
{
    NestedTest t, t2;

    if (!nested_setup_two(&t, &t2)) {
        return;
    }
    two_translate(&t, &t2);
    nested_check_dma(&t, TO_A);
    nested_check_dma(&t2, TO_A);
    nested_step(&t, REMAP_B);
    nested_step(&t, FAIL_INVALIDATE_3);
    nested_step(&t, INV_PAGE);
    nested_check_host(&t, 0, 0);
    nested_check_host(&t2, 0, 0);
    nested_check_fault(&t, 0x5b);
    nested_check_dma(&t, BLOCKED);
    nested_check_dma(&t2, BLOCKED);

    nested_step(&t, PC_GLOBAL);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_host(&t2, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_dma(&t, TO_B);
    nested_check_dma(&t2, TO_B);

    g_free(t2.edu.dev);
    nested_teardown(&t);
}

#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3"

/* Behind the root port, under tables that say table A: translated at once */
static void plug_translated(NestedTest *t)
{
    nested_device_add(t->qts, t->bdf);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    nested_setup_device(t, 1, 0);
    nested_check_dma(t, TO_A);
}

static void test_unplug(void)
{
    g_autofree char *device = NULL;
    NestedTest t;

    device = g_strdup_printf(ROOT_PORT " -device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,bus=rp", vtd_host_device());
    nested_start(&t, device);
    nested_setup_bridge(&t, QPCI_DEVFN(3, 0), 1, 1);
    nested_setup_device(&t, 1, 0);
    nested_build_tables(&t);
    nested_step(&t, SET_A);
    qvtd_enable_translation(t.vtd, true);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_dma(&t, TO_A);
    g_free(t.edu.dev);

    nested_eject(t.qts, "dev");
    g_assert_cmpuint(vtd_host_entry(t.bdf).pgtt, !=, PGTT_NESTED);
    g_assert_cmpint(nested_calls(&t, "iommu-destroy"), ==,
                    nested_calls(&t, "iommu-ioas-alloc") +
                    nested_calls(&t, "iommu-hwpt-alloc"));

    /* Nothing was left attached: the device comes back, and stage 1 too. */
    plug_translated(&t);
    nested_teardown(&t);
}

/* Hot-plugged under a guest that has its tables in place already */
static void test_plug_translated(void)
{
    NestedTest t;

    nested_start(&t, ROOT_PORT);
    nested_setup_bridge(&t, QPCI_DEVFN(3, 0), 1, 1);
    t.bus = 1;
    nested_build_tables(&t);
    nested_step(&t, SET_A);
    qvtd_enable_translation(t.vtd, true);
    plug_translated(&t);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/share", test_share);
    qtest_add_func("/intel-iommu/nested/share-failure", test_share_failure);
    qtest_add_func("/intel-iommu/nested/unplug", test_unplug);
    qtest_add_func("/intel-iommu/nested/plug-translated", test_plug_translated);

    return g_test_run();
}
