/*
 * intel-iommu,caching-mode=on: without nested=on, shadowing works as in stock
 * QEMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.  The guest's tables are legacy
 * ones, of the second stage; what they map is seen by the device through the
 * table that QEMU fills.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "intel-iommu-nested-steps.h"

#define CONTEXT_48_BIT  2           /* AW, in the second quadword */

/* Root and context entry of legacy mode for the device, on @table */
static void build_legacy(NestedTest *t, QVTDTable *table)
{
    QVTD *v = t->vtd;
    uint64_t context = qvtd_alloc(v, 1);

    v->narrow = true;
    qvtd_set_root(v, v->root, 0);
    qvtd_enable_queue(v);
    qvtd_table_init(v, table, 4, 0, QVTD_S2_LINK);
    qvtd_map(v, table, IOVA_SRC, PAGE_A, 12, QVTD_S2_PAGE);
    qvtd_map(v, table, IOVA_DST, PAGE_DST, 12, QVTD_S2_PAGE);
    qtest_writeq(t->qts, v->root, context | 1);
    qtest_writeq(t->qts, context + t->devfn * 16 + 8,
                 CONTEXT_48_BIT | DID << 8);
    qtest_writeq(t->qts, context + t->devfn * 16, table->root | 1);
}

static void test_shadow(void)
{
    g_autofree char *device = NULL;
    QVTDTable table;
    NestedTest t;
    int64_t maps;

    device = g_strdup_printf("-device vfio-pci,host=%s,iommufd=iommufd0,"
                             "addr=%d", vtd_host_device(), SLOT);
    nested_start_props(&t, "caching-mode=on", device);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    g_assert_cmpint(nested_probe(&t), ==, IDENTITY);

    build_legacy(&t, &table);
    qvtd_enable_translation(t.vtd, true);
    nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
    nested_inv(&t, QVTD_INV_IOTLB_GLOBAL, 0);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);

    /* Each map is an ioctl here; it acts when the guest invalidates. */
    maps = nested_calls(&t, "iommu-ioas-map");
    qvtd_map(t.vtd, &table, IOVA_SRC, 0, 12, 0);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC);
    g_assert_cmpint(nested_probe(&t), ==, BLOCKED);
    qvtd_map(t.vtd, &table, IOVA_SRC, PAGE_B, 12, QVTD_S2_PAGE);
    nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
    g_assert_cmpint(nested_probe(&t), ==, TO_B);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-map"), ==, maps + 1);

    qvtd_enable_translation(t.vtd, false);
    g_assert_cmpint(nested_probe(&t), ==, IDENTITY);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/shadow", test_shadow);

    return g_test_run();
}
