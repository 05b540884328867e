/*
 * QTest cases for users that keep translations of intel-iommu,ecap-nest=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pasid-testdev,iotlb=on keeps them as vhost does, until its notifiers say what
 * to drop.  A case is a row: the tables change, and an invalidation shows it to
 * the device, or does not.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-pasid-world.h"
#include "rows.h"

#define RID             2               /* the space without PASID */
#define DID             PASIDS_DID(RID)
#define IOVA            PASIDS_IOVA
#define OTHER_PAGE      (1ULL << 22)    /* of the last entry */
#define S1_RW           (1ULL << 1)
#define S1_DIRTY        (1ULL << 6)
/* 1 GiB that the interrupt range is in */
#define AROUND_HOLE     QVTD_INV_ADDR(0xc0000000ULL, 18, 0)

typedef struct NotifyRow {
    const char *name;
    unsigned pgtt;
    uint64_t lo, hi;
    bool kept;
} NotifyRow;

static const NotifyRow notify_rows[] = {
    { "second/page", 2, QVTD_INV_IOTLB_PAGE(DID), IOVA },
    { "second/other-page", 2, QVTD_INV_IOTLB_PAGE(DID), IOVA + 4096, true },
    { "second/other-domain", 2, QVTD_INV_IOTLB_PAGE(DID + 1), IOVA, true },
    { "second/around-interrupts", 2, QVTD_INV_IOTLB_PAGE(DID), AROUND_HOLE,
      true },
    { "second/domain", 2, QVTD_INV_IOTLB_DOMAIN(DID) },
    { "second/domain/other", 2, QVTD_INV_IOTLB_DOMAIN(DID + 1), .kept = true },
    { "second/global", 2, QVTD_INV_IOTLB_GLOBAL },
    { "second/piotlb", 2, QVTD_INV_PIOTLB_ALL(DID, PASIDS_RID), .kept = true },
    { "first/page", 1, QVTD_INV_PIOTLB_PAGE(DID, PASIDS_RID), IOVA },
    { "first/other-page", 1, QVTD_INV_PIOTLB_PAGE(DID, PASIDS_RID),
      IOVA + 4096, true },
    { "first/other-pasid", 1, QVTD_INV_PIOTLB_PAGE(DID, PASIDS_RID + 1), IOVA,
      true },
    { "first/around-interrupts", 1, QVTD_INV_PIOTLB_PAGE(DID, PASIDS_RID),
      AROUND_HOLE, true },
    { "first/pasid", 1, QVTD_INV_PIOTLB_ALL(DID, PASIDS_RID) },
    /* The address is not the device's: it says nothing. */
    { "first/iotlb", 1, QVTD_INV_IOTLB_PAGE(DID), IOVA + (77 << 12) },
    { "nested/iotlb", 3, QVTD_INV_IOTLB_PAGE(DID), IOVA + (77 << 12) },
    { "nested/iotlb/other-domain", 3, QVTD_INV_IOTLB_PAGE(DID + 1),
      IOVA + (77 << 12), true },
    { "nested/page", 3, QVTD_INV_PIOTLB_PAGE(DID, PASIDS_RID), IOVA },
    { "nested/other-page", 3, QVTD_INV_PIOTLB_PAGE(DID, PASIDS_RID),
      IOVA + 4096, true },
    { "nested/pasid", 3, QVTD_INV_PIOTLB_ALL(DID, PASIDS_RID) },
    { "context-cache", 3, QVTD_INV_CC_DEVICE(PASIDS_SID) },
    { "pasid-cache", 3, QVTD_INV_PC_PASID(DID, PASIDS_RID) },
};

static unsigned run(PasidWorld *w, uint32_t op)
{
    QTestdevCommand c = pasids_command(w, RID, op);

    c.length = 16;
    return qtestdev_run(&w->dev, &c);
}

static bool went_to(PasidWorld *w, uint64_t addr)
{
    uint8_t pattern[PASIDS_BYTES], got[16];

    pasids_pattern(RID, pattern);
    qtest_bufread(w->qts, addr, got, sizeof(got));
    return !memcmp(got, pattern, sizeof(got));
}

static void start(PasidWorld *w, unsigned pgtt, const char *props,
                  const char *device)
{
    PasidSetup setup = { .props = props, .device = device };

    setup.pgtt[RID] = pgtt;
    pasids_start(w, &setup);
}

static void test_notify(gconstpointer opaque)
{
    const NotifyRow *row = opaque;
    uint64_t data, other;
    PasidWorld w;

    start(&w, row->pgtt, NULL, "iotlb=on");
    data = w.space[RID].data;
    other = data | OTHER_PAGE;
    g_assert_cmpuint(run(&w, PASID_TESTDEV_WRITE), ==, PASID_TESTDEV_OK);
    g_assert_true(went_to(&w, data));

    qvtd_edit(&w.vtd, w.space[RID].leaf, 0, OTHER_PAGE);
    g_assert_true(qvtd_invalidate(&w.vtd, row->lo, row->hi));
    if (!strcmp(row->name, "context-cache") ||
        !strcmp(row->name, "pasid-cache")) {
        /* Only what the device keeps is in question. */
        g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_IOTLB_DOMAIN(DID), 0));
    }
    qtest_memset(w.qts, data, 0, 16);
    g_assert_cmpuint(run(&w, PASID_TESTDEV_WRITE), ==, PASID_TESTDEV_OK);
    g_assert_cmpint(went_to(&w, data), ==, row->kept);
    g_assert_cmpint(went_to(&w, other), ==, !row->kept);
    pasids_stop(&w);
}

/* The device may write where it has read: its right has the dirty bit set. */
static void test_write_after_read(gconstpointer opaque)
{
    unsigned pgtt = GPOINTER_TO_UINT(opaque);
    PasidWorld w;

    start(&w, pgtt, NULL, "iotlb=on");
    g_assert_cmpuint(run(&w, PASID_TESTDEV_READ), ==, PASID_TESTDEV_OK);
    if (pgtt == 1) {
        g_assert_cmphex(qtest_readq(w.qts, w.space[RID].leaf) & S1_DIRTY, ==,
                        S1_DIRTY);
    }
    g_assert_cmpuint(run(&w, PASID_TESTDEV_WRITE), ==, PASID_TESTDEV_OK);
    pasids_stop(&w);
}

/* And not where it must not, which no fault is recorded of. */
static void test_read_only(gconstpointer opaque)
{
    unsigned pgtt = GPOINTER_TO_UINT(opaque);
    QVTDFault fault;
    PasidWorld w;

    start(&w, pgtt, NULL, "iotlb=on");
    qtest_memset(w.qts, w.space[RID].data, 0x5a, 16);
    qvtd_edit(&w.vtd, w.space[RID].leaf, S1_RW, 0);
    g_assert_cmpuint(run(&w, PASID_TESTDEV_READ), ==, PASID_TESTDEV_OK);
    g_assert_cmpuint(run(&w, PASID_TESTDEV_WRITE), ==, PASID_TESTDEV_FAULT);
    g_assert_cmphex(qtest_readb(w.qts, w.space[RID].data), ==, 0x5a);
    g_assert_cmphex(qtest_readq(w.qts, w.space[RID].leaf) & S1_DIRTY, ==, 0);
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
    pasids_stop(&w);
}

/* A user of mappings gets none, and QEMU lives. */
static void test_map_refused(void)
{
    PasidWorld w;

    start(&w, 1, "ecap-nest=on,caching-mode=on,fs5lp=on", "iotlb-map=on");
    qvtd_edit(&w.vtd, w.space[RID].slot + 16, 0, 1 << 2);
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_PC_GLOBAL, 0));
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_IOTLB_GLOBAL, 0));
    g_assert_cmpuint(run(&w, PASID_TESTDEV_WRITE), ==, PASID_TESTDEV_FAULT);
    pasids_stop(&w);
}

/* Without ecap-nest=on: 1 GiB that is mapped around the interrupt range */
static void test_shadowed_around_interrupts(void)
{
    PasidWorld w;
    QTestdevCommand c;
    uint64_t base = 0xc0000000ULL;

    start(&w, 2, "x-scalable-mode=on,caching-mode=on", "iotlb-map=on");
    qvtd_map(&w.vtd, &w.space[RID].s2, base, 0, 30, QVTD_S2_PAGE);
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_IOTLB_DOMAIN(DID), 0));
    c = pasids_command(&w, RID, PASID_TESTDEV_WRITE);
    c.iova = base + w.space[RID].data;
    c.length = 16;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_true(went_to(&w, w.space[RID].data));
    pasids_stop(&w);
}

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/notify", notify_rows, test_notify);
    qtest_add_data_func("/vtd-walk/notify/write-after-read/first",
                        GUINT_TO_POINTER(1), test_write_after_read);
    qtest_add_data_func("/vtd-walk/notify/write-after-read/second",
                        GUINT_TO_POINTER(2), test_write_after_read);
    qtest_add_data_func("/vtd-walk/notify/read-only/first",
                        GUINT_TO_POINTER(1), test_read_only);
    qtest_add_data_func("/vtd-walk/notify/read-only/second",
                        GUINT_TO_POINTER(2), test_read_only);
    qtest_add_func("/vtd-walk/notify/map-refused", test_map_refused);
    qtest_add_func("/vtd-walk/notify/shadowed/around-interrupts",
                   test_shadowed_around_interrupts);
}
