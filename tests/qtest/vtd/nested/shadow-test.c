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
#include "nested-steps.h"
#include "libqos/patience.h"

#define CONTEXT_39_BIT  1           /* AW, in the second quadword */
#define CONTEXT_48_BIT  2

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

static void start(NestedTest *t, const char *props)
{
    g_autofree char *device = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d",
        vtd_host_device(), SLOT);

    nested_start_props(t, props, device);
    nested_setup_device(t, 0, QPCI_DEVFN(SLOT, 0));
}

static void test_shadow(void)
{
    QVTDTable table;
    NestedTest t;
    int64_t maps;

    start(&t, "caching-mode=on");
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

static uint64_t context_slot(NestedTest *t)
{
    return (qtest_readq(t->qts, t->vtd->root) & ~0xfffULL) + t->devfn * 16;
}

/* What is no context entry translates nothing, whatever there was before. */
static void test_malformed(void)
{
    static const struct {
        unsigned quad;
        uint64_t flip;
        bool one_device;        /* else all are invalidated */
    } rows[] = {
        { 1, 1 << 7 }, { 1, 1 << 7, true },     /* reserved */
        { 0, 3 << 2 }, { 0, 3 << 2, true },     /* a type that there is not */
        { 1, 6 ^ CONTEXT_48_BIT }, { 1, 6 ^ CONTEXT_48_BIT, true },
        { 0, 1 }, { 0, 1, true },               /* not present: always was */
    };
    QVTDTable table;
    NestedTest t;

    start(&t, "caching-mode=on");
    build_legacy(&t, &table);
    qvtd_enable_translation(t.vtd, true);
    for (int i = 0; i < ARRAY_SIZE(rows) && !g_test_failed(); i++) {
        uint64_t slot = context_slot(&t) + rows[i].quad * 8;
        uint64_t desc = rows[i].one_device ? QVTD_INV_CC_DEVICE(t.devfn) :
                                             QVTD_INV_CC_GLOBAL;
        uint64_t good = qtest_readq(t.qts, slot);

        g_test_message("row %d", i);
        nested_inv(&t, desc, 0);
        g_assert_cmpint(nested_probe(&t), ==, TO_A);
        qtest_writeq(t.qts, slot, good ^ rows[i].flip);
        nested_inv(&t, desc, 0);
        nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
        g_assert_cmpint(nested_probe(&t), ==, BLOCKED);
        qtest_writeq(t.qts, slot, good);
    }
    nested_teardown(&t);
}

/* Nor does an entry of a narrower table leave what is beyond it. */
static void test_narrower(void)
{
    const uint64_t beyond = 1ULL << 40 | IOVA_SRC;
    QVTDTable table, narrow;
    NestedTest t;

    start(&t, "caching-mode=on,aw-bits=48");
    build_legacy(&t, &table);
    qvtd_map(t.vtd, &table, beyond, PAGE_A, 12, QVTD_S2_PAGE);
    qvtd_table_init(t.vtd, &narrow, 3, 0, QVTD_S2_LINK);
    qvtd_map(t.vtd, &narrow, IOVA_SRC, PAGE_B, 12, QVTD_S2_PAGE);
    qvtd_map(t.vtd, &narrow, IOVA_DST, PAGE_DST, 12, QVTD_S2_PAGE);
    qvtd_enable_translation(t.vtd, true);
    nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
    t.src = beyond;
    g_assert_cmpint(nested_probe(&t), ==, TO_A);

    qtest_writeq(t.qts, context_slot(&t), narrow.root | 1);
    qtest_writeq(t.qts, context_slot(&t) + 8, CONTEXT_39_BIT | DID << 8);
    nested_inv(&t, QVTD_INV_CC_DEVICE(t.devfn), 0);
    nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
    g_assert_cmpint(nested_probe(&t), ==, BLOCKED);
    t.src = IOVA_SRC;
    g_assert_cmpint(nested_probe(&t), ==, TO_B);
    nested_teardown(&t);
}

/*
 * Scalable mode: a PASID entry that is cleared, or turned to pass-through and
 * back, is told by a PASID-cache invalidation.
 */
static void test_scalable(void)
{
    QVTDTable table;
    NestedTest t;
    QVTDPasid entry = { .pgtt = PGTT_STAGE2, .did = DID, .aw = 2 };
    const QVTDPasid pass = { .pgtt = PGTT_PASS, .did = DID };

    start(&t, "caching-mode=on,x-scalable-mode=on");
    qvtd_set_root(t.vtd, t.vtd->root, ROOT_SCALABLE);
    qvtd_enable_queue(t.vtd);
    nested_build_entries(&t);
    qvtd_table_init(t.vtd, &table, 4, 0, QVTD_S2_LINK);
    qvtd_map(t.vtd, &table, IOVA_SRC, PAGE_A, 12, QVTD_S2_PAGE);
    qvtd_map(t.vtd, &table, IOVA_DST, PAGE_DST, 12, QVTD_S2_PAGE);
    entry.stage2 = table.root;
    qvtd_write_pasid(t.vtd, t.entry, &entry);
    qvtd_enable_translation(t.vtd, true);
    nested_inv(&t, QVTD_INV_PC_PASID(DID, 0), 0);
    nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);

    qvtd_edit(t.vtd, t.entry, 1, 0);
    nested_inv(&t, QVTD_INV_PC_PASID(DID, 0), 0);
    nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
    g_assert_cmpint(nested_probe(&t), ==, BLOCKED);

    qvtd_write_pasid(t.vtd, t.entry, &pass);
    nested_inv(&t, QVTD_INV_PC_PASID(DID, 0), 0);
    g_assert_cmpint(nested_probe(&t), ==, IDENTITY);
    qvtd_write_pasid(t.vtd, t.entry, &entry);
    nested_inv(&t, QVTD_INV_PC_PASID(DID, 0), 0);
    nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    nested_teardown(&t);
}

/* Dirty pages */

#define PAM_C0000       0x91            /* of the host bridge */
#define PAM_RAM         3
#define MOVING          0xc0000
#define POLL_US         1000
#define PATIENCE        10000           /* polls */

/* As migration does it, for a minute */
static void track_dirty_pages(NestedTest *t)
{
    const char *ioctl_name = "iommu-hwpt-set-dirty-tracking";
    unsigned polls = 0;

    qtest_qmp_assert_success(t->qts, "{'execute': 'calc-dirty-rate', "
                             "'arguments': {'calc-time': 60, 'mode': "
                             "'dirty-bitmap'}}");
    while (!nested_calls(t, ioctl_name) && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_cmpint(nested_calls(t, ioctl_name), ==, 1);
}

/*
 * Memory goes away while dirty pages are tracked: what the IOMMU knows of it is
 * asked for first.  Where the bits end up QMP does not show: the question is
 * counted.
 */
static void test_dirty(void)
{
    const char *ioctl_name = "iommu-hwpt-get-dirty-bitmap";
    QPCIDevice *bridge;
    int64_t asked;
    NestedTest t;

    start(&t, "caching-mode=on");
    bridge = qpci_device_find(t.pci, 0);
    g_assert_nonnull(bridge);
    qpci_config_writeb(bridge, PAM_C0000, PAM_RAM);
    /* Without dirty tracking nobody asks. */
    qpci_config_writeb(bridge, PAM_C0000, 0);
    qpci_config_writeb(bridge, PAM_C0000, PAM_RAM);
    g_assert_cmpint(nested_calls(&t, ioctl_name), ==, 0);

    track_dirty_pages(&t);
    qtest_memset(t.qts, IOVA_SRC, 'I', PAGE);
    qvtd_edu_read(&t.edu, IOVA_SRC, PAGE);
    qvtd_edu_write(&t.edu, MOVING, PAGE);
    g_assert_cmphex(qtest_readb(t.qts, MOVING), ==, 'I');
    asked = nested_calls(&t, ioctl_name);
    qpci_config_writeb(bridge, PAM_C0000, 0);
    g_assert_cmpint(nested_calls(&t, ioctl_name), >, asked);
    g_free(bridge);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/shadow/legacy", test_shadow);
    qtest_add_func("/intel-iommu/shadow/malformed", test_malformed);
    qtest_add_func("/intel-iommu/shadow/narrower", test_narrower);
    qtest_add_func("/intel-iommu/shadow/scalable", test_scalable);
    qtest_add_func("/intel-iommu/shadow/dirty-kept", test_dirty);

    return g_test_run();
}
