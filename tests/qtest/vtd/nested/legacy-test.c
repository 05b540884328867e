/*
 * intel-iommu,nested=on: a guest in legacy mode, whose tables are shadowed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.  The root table of legacy mode lies
 * beside that of scalable mode, so that a case goes from one to the other.
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/vtd-migrate.h"
#include "nested-steps.h"

#define SWITCHES        1000
#define AW_39           1
#define AW_48           2
#define TT_DEVICE       (1 << 2)
#define TT_PASS         (2 << 2)
#define TT_NONE         (3 << 2)
/* Of the host bridge, and what the second one decides: RAM or ROM */
#define MCH_PCIEXBAR    0x60
#define MCH_PAM_D       0x93
#define SEGMENT_D       0xd0000
#define PS              (1 << 7)

typedef struct Legacy {
    NestedTest *t;
    uint64_t root;
    uint64_t slot;          /* the device's context entry */
    QVTDTable table;
} Legacy;

/* 4 levels, IOVA_SRC to page A; translation as it is */
static void legacy_build(Legacy *l, NestedTest *t)
{
    QVTD *v = t->vtd;
    uint64_t context = qvtd_alloc(v, 1);

    l->t = t;
    l->root = qvtd_alloc(v, 1);
    l->slot = context + t->devfn * 16;
    qtest_writeq(t->qts, l->root + t->bus * 16, context | 1);
    qvtd_table_init(v, &l->table, 4, 0, QVTD_S2_LINK);
    qvtd_map(v, &l->table, IOVA_SRC, PAGE_A, 12, QVTD_S2_PAGE);
    qvtd_map(v, &l->table, IOVA_DST, PAGE_DST, 12, QVTD_S2_PAGE);
}

static void context_write(Legacy *l, uint64_t lo, uint64_t hi)
{
    qtest_writeq(l->t->qts, l->slot, 0);
    qtest_writeq(l->t->qts, l->slot + 8, hi);
    qtest_writeq(l->t->qts, l->slot, lo);
}

static void context_set(Legacy *l, uint64_t lo, uint64_t hi)
{
    context_write(l, lo, hi);
    nested_inv(l->t, QVTD_INV_CC_DEVICE(l->t->devfn), 0);
    nested_inv(l->t, QVTD_INV_IOTLB_DOMAIN(hi >> 8), 0);
}

static void context_map(Legacy *l)
{
    context_set(l, l->table.root | 1, AW_48 | DID << 8);
}

static void legacy_on(Legacy *l)
{
    qvtd_set_root(l->t->vtd, l->root, 0);
}

static void scalable_on(Legacy *l)
{
    qvtd_set_root(l->t->vtd, l->t->vtd->root, ROOT_SCALABLE);
}

/* A machine whose guest is in legacy mode, and the device on its table */
static void legacy_start(Legacy *l, NestedTest *t, const char *props)
{
    g_autofree char *all = g_strdup_printf("nested=on%s", props);

    nested_setup_props(t, all);
    nested_step(t, SET_A);
    legacy_build(l, t);
    context_write(l, l->table.root | 1, AW_48 | DID << 8);
    legacy_on(l);
    qvtd_enable_translation(t->vtd, true);
}

static void check(Legacy *l, unsigned pgtt, Dma dma)
{
    nested_check_host(l->t, pgtt, l->t->tables[TABLE_A].root);
    nested_check_dma(l->t, dma);
}

/* Which stage the host's table of an IOAS is for is the kernel's choice. */
static void check_shadow(Legacy *l, Dma dma)
{
    VTDHostEntry host = vtd_host_entry(l->t->bdf);

    g_assert_true(host.present);
    g_assert_true(host.pgtt == PGTT_STAGE1 || host.pgtt == PGTT_STAGE2);
    nested_check_dma(l->t, dma);
}

static int64_t shadow_maps(NestedTest *t)
{
    QDict *reply = qtest_qmp(t->qts,
                             "{'execute': 'x-query-intel-iommu-nested'}");
    QDict *unit = qobject_to(QDict, qlist_peek(qdict_get_qlist(reply,
                                                               "return")));
    QDict *dev = qobject_to(QDict, qlist_peek(qdict_get_qlist(unit,
                                                              "devices")));
    QDict *at = qobject_to(QDict, qlist_peek(qdict_get_qlist(dev, "attaches")));
    int64_t maps = qdict_get_try_int(at, "shadow-maps", -1);

    qobject_unref(reply);
    return maps;
}

static void test_maps(void)
{
    NestedTest t;
    int64_t maps;
    Legacy l;

    legacy_start(&l, &t, "");
    check_shadow(&l, TO_A);
    g_assert_cmpint(shadow_maps(&t), ==, 2);
    maps = nested_calls(&t, "iommu-ioas-map");

    /* What the guest changed acts when it invalidates. */
    qvtd_map(t.vtd, &l.table, IOVA_SRC, 0, 12, 0);
    check_shadow(&l, TO_A);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID2), IOVA_SRC);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC + 4 * PAGE);
    check_shadow(&l, TO_A);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC);
    check_shadow(&l, BLOCKED);
    g_assert_cmpint(shadow_maps(&t), ==, 1);

    qvtd_map(t.vtd, &l.table, IOVA_SRC, PAGE_B, 12, QVTD_S2_PAGE);
    check_shadow(&l, BLOCKED);
    nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID2), 0);
    check_shadow(&l, BLOCKED);
    nested_inv(&t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
    check_shadow(&l, TO_B);
    qvtd_map(t.vtd, &l.table, IOVA_SRC, PAGE_A, 12, QVTD_S2_PAGE);
    nested_inv(&t, QVTD_INV_IOTLB_GLOBAL, 0);
    check_shadow(&l, TO_A);
    /* By address mask: 2 MiB */
    qvtd_map(t.vtd, &l.table, IOVA_SRC, PAGE_B, 12, QVTD_S2_PAGE);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), (IOVA_SRC & ~(2 * MIB - 1)) | 9);
    check_shadow(&l, TO_B);
    /* No more than what changed */
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-map"), ==, maps + 3);
    nested_check_fault(&t, 0);

    qvtd_enable_translation(t.vtd, false);
    check(&l, PGTT_STAGE2, IDENTITY);
    g_assert_cmpint(shadow_maps(&t), ==, -1);
    nested_teardown(&t);
}

static void test_types(void)
{
    static const struct {
        uint64_t lo, hi;
        unsigned pgtt;
        Dma dma;
        unsigned fault;
    } rows[] = {
        { TT_PASS | 1, AW_48 | DID << 8, PGTT_STAGE2, IDENTITY },
        { 0, AW_48 | DID << 8, 0, BLOCKED },
        { TT_DEVICE | 1, AW_48 | DID << 8, 0, BLOCKED, 0x3 },
        { TT_NONE | 1, AW_48 | DID << 8, 0, BLOCKED, 0x3 },
        { 1, 6 | DID << 8, 0, BLOCKED, 0x3 },
        { 1, 1 << 7 | AW_48 | DID << 8, 0, BLOCKED, 0xb },
    };
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    for (int i = 0; i < ARRAY_SIZE(rows) && !g_test_failed(); i++) {
        g_test_message("row %d", i);
        context_set(&l, l.table.root | rows[i].lo, rows[i].hi);
        check(&l, rows[i].pgtt, rows[i].dma);
        nested_check_fault(&t, rows[i].fault);
        context_map(&l);
        check_shadow(&l, TO_A);
    }
    nested_teardown(&t);
}

static void test_device_tlb(void)
{
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, ",device-iotlb=on");
    context_set(&l, l.table.root | TT_DEVICE | 1, AW_48 | DID << 8);
    check_shadow(&l, TO_A);
    nested_teardown(&t);
}

/* Larger pages, of which only a part is RAM, and back to small ones */
static void test_sizes(void)
{
    QVTDTable narrow;
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    qvtd_table_init(t.vtd, &narrow, 3, 0, QVTD_S2_LINK);
    qvtd_map(t.vtd, &narrow, 0, 0, 30, QVTD_S2_PAGE | PS);
    context_set(&l, narrow.root | 1, AW_39 | DID << 8);
    check_shadow(&l, IDENTITY);

    /* 2 MiB of the same memory: what is mapped is mapped anew. */
    qtest_writeq(t.qts, qvtd_table_slot(t.vtd, &narrow, 0, 3), 0);
    qvtd_map(t.vtd, &narrow, IOVA_SRC, IOVA_SRC, 21, QVTD_S2_PAGE | PS);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC);
    check_shadow(&l, IDENTITY);
    g_assert_cmpint(shadow_maps(&t), ==, 1);
    qtest_writeq(t.qts, qvtd_table_slot(t.vtd, &narrow, IOVA_SRC, 2), 0);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC);
    check_shadow(&l, BLOCKED);
    g_assert_cmpint(shadow_maps(&t), ==, 0);
    nested_teardown(&t);
}

/* A page that is read-only */
static void test_rights(void)
{
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    qvtd_map(t.vtd, &l.table, IOVA_DST, PAGE_DST, 12, 1);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_DST);
    check_shadow(&l, BLOCKED);
    qvtd_map(t.vtd, &l.table, IOVA_DST, PAGE_DST, 12, 2);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_DST);
    check_shadow(&l, TO_A);
    nested_teardown(&t);
}

/* Two devices of one domain have one IOAS. */
static void test_share(void)
{
    int64_t ioases, maps;
    NestedTest t, t2;
    Legacy l, l2;

    if (!nested_setup_two(&t, &t2)) {
        return;
    }
    legacy_build(&l, &t);
    l2 = l;
    l2.t = &t2;
    l2.slot += (t2.devfn - t.devfn) * 16;
    context_write(&l, l.table.root | 1, AW_48 | DID << 8);
    context_write(&l2, l.table.root | 1, AW_48 | DID << 8);
    ioases = nested_calls(&t, "iommu-ioas-alloc");
    maps = nested_calls(&t, "iommu-ioas-map");
    legacy_on(&l);
    qvtd_enable_translation(t.vtd, true);
    check_shadow(&l, TO_A);
    check_shadow(&l2, TO_A);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-alloc"), ==, ioases + 1);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-map"), ==, maps + 2);

    qvtd_map(t.vtd, &l.table, IOVA_SRC, 0, 12, 0);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC);
    check_shadow(&l, BLOCKED);
    check_shadow(&l2, BLOCKED);

    /* One passes through, the other stays. */
    context_set(&l2, l.table.root | TT_PASS | 1, AW_48 | DID << 8);
    check(&l2, PGTT_STAGE2, IDENTITY);
    check_shadow(&l, BLOCKED);
    g_free(t2.edu.dev);
    nested_teardown(&t);
}

/* Between first stage, legacy mode, pass-through and no translation */
static void test_switches(void)
{
    int64_t ioases, destroys;
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    ioases = nested_calls(&t, "iommu-ioas-alloc");
    destroys = nested_calls(&t, "iommu-destroy");
    for (int i = 0; i < SWITCHES / 4 && !g_test_failed(); i++) {
        bool look = !(i % 25);

        scalable_on(&l);
        if (look) {
            check(&l, PGTT_NESTED, TO_A);
        }
        qvtd_enable_translation(t.vtd, false);
        if (look) {
            check(&l, PGTT_STAGE2, IDENTITY);
        }
        context_write(&l, l.table.root | (i & 1 ? TT_PASS : 0) | 1,
                      AW_48 | DID << 8);
        legacy_on(&l);
        qvtd_enable_translation(t.vtd, true);
        if (look) {
            check_shadow(&l, i & 1 ? IDENTITY : TO_A);
        }
        context_map(&l);
        if (look) {
            check_shadow(&l, TO_A);
        }
    }
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-alloc"), ==,
                    ioases + SWITCHES / 4);
    /* A shadow and a nested HWPT each time */
    g_assert_cmpint(nested_calls(&t, "iommu-destroy"), ==,
                    destroys + SWITCHES / 2);
    nested_check_fault(&t, 0);
    nested_teardown(&t);
}

static void test_bound(void)
{
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, ",max-maps=2");
    check_shadow(&l, TO_A);
    qvtd_map(t.vtd, &l.table, 8 * MIB, PAGE_B, 12, QVTD_S2_PAGE);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), 8 * MIB);
    check(&l, 0, BLOCKED);
    nested_check_fault(&t, 0x3);
    nested_check_event(&t, "shadow-failed");
    qvtd_map(t.vtd, &l.table, 8 * MIB, 0, 12, 0);
    nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
    check_shadow(&l, TO_A);
    nested_teardown(&t);
}

/*
 * A table that points at itself has 2^36 leaves; three of which each points at
 * the next one have 2^27 pages, and no leaf.
 */
static void test_loops(void)
{
    uint64_t page[2][4];
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, ",max-maps=1000");
    for (int i = 0; i < 4; i++) {
        page[0][i] = i ? page[0][0] : qvtd_alloc(t.vtd, 1);
        page[1][i] = qvtd_alloc(t.vtd, 1);
    }
    for (int row = 0; row < 2 && !g_test_failed(); row++) {
        g_test_message("row %d", row);
        for (int i = 0; i < 3; i++) {
            for (int slot = 0; slot < 512; slot++) {
                qtest_writeq(t.qts, page[row][i] + slot * 8,
                             page[row][i + 1] | QVTD_S2_LINK);
            }
        }
        context_set(&l, page[row][0] | 1, AW_48 | DID2 << 8);
        nested_check_host(&t, 0, 0);
        nested_check_fault(&t, 0x3);
        nested_check_event(&t, "shadow-failed");
        context_map(&l);
        check_shadow(&l, TO_A);
    }
    nested_teardown(&t);
}

static void test_failures(void)
{
    static const char *const calls[] = {
        "iommu-ioas-alloc", "iommu-ioas-map", "vfio-device-attach-iommufd-pt",
    };
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    for (int i = 0; i < ARRAY_SIZE(calls) && !g_test_failed(); i++) {
        g_autofree char *inject = g_strdup_printf("%s 12 1",
                                                  calls[i]);

        g_test_message("%s", calls[i]);
        scalable_on(&l);
        check(&l, PGTT_NESTED, TO_A);
        nested_inject(&t, inject);
        legacy_on(&l);
        check(&l, 0, BLOCKED);
        nested_check_fault(&t, 0x3);
        nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
        check_shadow(&l, TO_A);
    }

    /* Later, what is not unmapped must not be reached, nor what is half so. */
    qvtd_map(t.vtd, &l.table, IOVA_SRC, PAGE_B, 12, QVTD_S2_PAGE);
    nested_inject(&t, "iommu-ioas-unmap 12 1");
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC);
    check(&l, 0, BLOCKED);
    nested_check_fault(&t, 0x3);
    nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
    check_shadow(&l, TO_B);
    nested_teardown(&t);
}

/* Each allocation of the kernel's on the way from first stage to legacy mode */
static void test_fail_nth(void)
{
    NestedTest t;
    Legacy l;
    unsigned nth = 0;
    bool failed = true;

    if (!nested_can_fail_nth()) {
        return;
    }
    legacy_start(&l, &t, "");
    while (failed && nth < 200 && !g_test_failed()) {
        scalable_on(&l);
        nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
        nested_fail_nth(&t, ++nth);
        legacy_on(&l);
        failed = nested_has_failed(&t);
        if (!vtd_host_entry(t.bdf).present) {
            nested_check_dma(&t, BLOCKED);
            nested_check_fault(&t, 0x3);
            nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
        }
        check_shadow(&l, TO_A);
    }
    g_assert_false(failed);
    g_assert_cmpuint(nth, >, 5);
    g_test_message("%u allocations", nth - 1);
    nested_teardown(&t);
}

static void test_reset(void)
{
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    check_shadow(&l, TO_A);
    nested_reboot(&t);
    nested_check_host(&t, PGTT_STAGE2, 0);
    g_assert_cmpint(shadow_maps(&t), ==, -1);
    nested_check_dma(&t, IDENTITY);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_dma(&t, TO_A);
    nested_teardown(&t);
}

/* What the device reads at t->src, a page of one value */
static uint8_t read_value(NestedTest *t)
{
    uint8_t page[PAGE];

    qtest_memset(t->qts, PAGE_DST, 0, PAGE);
    qvtd_edu_read(&t->edu, t->src, PAGE);
    qvtd_edu_write(&t->edu, IOVA_DST, PAGE);
    qtest_memread(t->qts, PAGE_DST, page, PAGE);
    return page[0] == page[PAGE - 1] ? page[0] : 0;
}

/*
 * The guest moves what is no RAM: nothing is mapped anew.  It puts RAM where
 * there was ROM: that is mapped, and without an invalidation.
 */
static void test_layout(void)
{
    int64_t maps, unmaps;
    QPCIDevice *host;
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    host = qpci_device_find(t.pci, 0);
    g_assert_nonnull(host);
    qvtd_map(t.vtd, &l.table, IOVA_SRC, SEGMENT_D, 12, QVTD_S2_PAGE);
    nested_inv(&t, QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC);
    g_assert_cmpint(read_value(&t), ==, 0);
    maps = nested_calls(&t, "iommu-ioas-map");
    unmaps = nested_calls(&t, "iommu-ioas-unmap");

    qpci_config_writel(host, MCH_PCIEXBAR, 0xc0000000 | 1);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-map"), ==, maps);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-unmap"), ==, unmaps);

    qpci_config_writeb(host, MCH_PAM_D, 0x33);
    qtest_memset(t.qts, SEGMENT_D, 'D', PAGE);
    g_assert_cmpint(read_value(&t), ==, 'D');
    g_assert_cmpint(shadow_maps(&t), ==, 2);
    g_free(host);
    nested_teardown(&t);
}

static void test_block(void)
{
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, ",legacy=block");
    check(&l, 0, BLOCKED);
    nested_check_fault(&t, 0x3);
    nested_check_event(&t, "legacy-mode");
    scalable_on(&l);
    check(&l, PGTT_NESTED, TO_A);
    nested_teardown(&t);
}

/* The command line of QEMU 11, of which both kinds of guests can be */
static void test_names(void)
{
    bool pasids = nested_host_at_least(6, 15);
    g_autofree char *props = g_strdup_printf(
        "scalable-mode=on,fsts=on,caching-mode=on%s",
        pasids ? ",pasid-bits=9" : "");
    NestedTest t;
    Legacy l;

    nested_setup_props(&t, props);
    g_assert_cmphex(qvtd_readq(t.vtd, DMAR_CAP_REG) & VTD_CAP_CM, !=, 0);
    if (pasids) {
        g_assert_cmpuint(extract64(qvtd_readq(t.vtd, DMAR_ECAP_REG), 35, 5),
                         ==, 8);
    }
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    legacy_build(&l, &t);
    check(&l, PGTT_NESTED, TO_A);
    context_write(&l, l.table.root | 1, AW_48 | DID << 8);
    legacy_on(&l);
    check_shadow(&l, TO_A);
    nested_teardown(&t);
}

/* What a device writes by a shadow is in no dirty bitmap. */
static bool is_blocked_by_shadow(NestedTest *t)
{
    g_autofree char *reason = qvtd_blocked_by(t->qts, "legacy mode");

    return reason;
}

static void test_blocks_migration(void)
{
    NestedTest t;
    Legacy l;

    legacy_start(&l, &t, "");
    g_assert_true(is_blocked_by_shadow(&t));
    scalable_on(&l);
    g_assert_false(is_blocked_by_shadow(&t));
    legacy_on(&l);
    g_assert_true(is_blocked_by_shadow(&t));
    context_set(&l, TT_PASS | 1, AW_48 | DID << 8);
    g_assert_false(is_blocked_by_shadow(&t));
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/legacy/maps", test_maps);
    qtest_add_func("/intel-iommu/nested/legacy/types", test_types);
    qtest_add_func("/intel-iommu/nested/legacy/device-tlb", test_device_tlb);
    qtest_add_func("/intel-iommu/nested/legacy/sizes", test_sizes);
    qtest_add_func("/intel-iommu/nested/legacy/rights", test_rights);
    qtest_add_func("/intel-iommu/nested/legacy/share", test_share);
    qtest_add_func("/intel-iommu/nested/legacy/switches", test_switches);
    qtest_add_func("/intel-iommu/nested/legacy/bound", test_bound);
    qtest_add_func("/intel-iommu/nested/legacy/loops", test_loops);
    qtest_add_func("/intel-iommu/nested/legacy/failures", test_failures);
    qtest_add_func("/intel-iommu/nested/legacy/fail-nth", test_fail_nth);
    qtest_add_func("/intel-iommu/nested/legacy/reset", test_reset);
    nested_add_func("/intel-iommu/nested/legacy/layout", test_layout);
    qtest_add_func("/intel-iommu/nested/legacy/block", test_block);
    qtest_add_func("/intel-iommu/nested/legacy/names", test_names);
    qtest_add_func("/intel-iommu/nested/legacy/blocks-migration",
                   test_blocks_migration);
    return nested_test_run();
}
