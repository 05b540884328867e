/*
 * intel-iommu,nested=on: invalidations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.  The cases of a table are rows:
 * what was cached, what the guest invalidates, and whether that reached it.
 * They share a machine, as each of them needs no more than a few requests of
 * the device.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-steps.h"

#define SID             (SLOT << 3)
#define BESIDE          (IOVA_SRC + 16 * PAGE)
#define AM_MAX          18
#define GIB             (1024 * MIB)

/* Of cached translations: remap the page, then invalidate. */
typedef struct Row {
    const char *name;
    struct {
        uint64_t desc[2];
        bool acts;              /* the device now reads the new page */
    } inv[4];
} Row;

static const Row rows[] = {
    { "invalidate/iotlb-domain-other", {
        { { QVTD_INV_IOTLB_DOMAIN(DID2) }, false },
        { { QVTD_INV_IOTLB_DOMAIN(DID) }, true } } },
    { "invalidate/iotlb-page-other-domain", {
        { { QVTD_INV_IOTLB_PAGE(DID2), IOVA_SRC }, false },
        { { QVTD_INV_IOTLB_PAGE(DID), QVTD_INV_ADDR(0, AM_MAX, 1) }, true } } },
    { "invalidate/pasid-other", {
        { { QVTD_INV_PIOTLB_ALL(DID, 1) }, false },
        { { QVTD_INV_PIOTLB_ALL(DID2, 0) }, false },
        { { QVTD_INV_PIOTLB_ALL(DID, 0) }, true } } },
    { "invalidate/page-other", {
        { { QVTD_INV_PIOTLB_PAGE(DID, 1), IOVA_SRC }, false },
        { { QVTD_INV_PIOTLB_PAGE(DID2, 0), IOVA_SRC }, false },
        { { QVTD_INV_PIOTLB_PAGE(DID, 0), BESIDE }, false },
        { { QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC }, true } } },
    /* The hint that only leaves changed, and only one did. */
    { "invalidate/page-hint", {
        { { QVTD_INV_PIOTLB_PAGE(DID, 0), QVTD_INV_ADDR(BESIDE, 0, 1) },
          false },
        { { QVTD_INV_PIOTLB_PAGE(DID, 0), QVTD_INV_ADDR(IOVA_SRC, 0, 1) },
          true } } },
    /* Caches of entries are not those of translations. */
    { "invalidate/context-cache", {
        { { QVTD_INV_CC_GLOBAL }, false },
        { { QVTD_INV_CC_DOMAIN(DID) }, false },
        { { QVTD_INV_CC_DEVICE(SID) }, false },
        { { QVTD_INV_IOTLB_GLOBAL }, true } } },
    { "invalidate/pasid-cache", {
        { { QVTD_INV_PC_DOMAIN(DID) }, false },
        { { QVTD_INV_PC_PASID(DID, 0) }, false },
        { { QVTD_INV_PC_GLOBAL }, false },
        { { QVTD_INV_IOTLB_GLOBAL }, true } } },
    /* The device has no TLB, and the IOTLB is none. */
    { "invalidate/device-tlb", {
        { { QVTD_INV_DEVTLB(SID), IOVA_SRC }, false },
        { { QVTD_INV_DEVTLB(SID), IOVA_SRC | 1 }, false },
        { { QVTD_INV_DEVTLB(SID), 0x7ffffffffffff000ULL | 1 }, false },
        { { QVTD_INV_PIOTLB_ALL(DID, 0) }, true } } },
    { "invalidate/pasid-device-tlb", {
        { { QVTD_INV_PDEVTLB(SID, 0), IOVA_SRC }, false },
        { { QVTD_INV_PDEVTLB(SID, 0), IOVA_SRC | 1 << 11 }, false },
        { { QVTD_INV_PDEVTLB(SID, 0), 0x7ffffffffffff000ULL | 1 << 11 | 1 },
          false },
        { { QVTD_INV_PIOTLB_ALL(DID, 0) }, true } } },
    { "invalidate/interrupt-entries", {
        { { QVTD_INV_IEC_GLOBAL }, false },
        { { QVTD_INV_IEC(4, 2) }, false },
        { { QVTD_INV_PIOTLB_ALL(DID, 0) }, true } } },
};

/* The device has read page A through table A, which now leads to page B. */
static void make_stale(NestedTest *t)
{
    nested_map_src(t, PAGE_A);
    nested_inv(t, QVTD_INV_IOTLB_GLOBAL, 0);
    g_assert_cmpint(nested_probe(t), ==, TO_A);
    nested_map_src(t, PAGE_B);
}

/* Where the host takes only full invalidations, each page is all of them. */
static bool is_full_here(const uint64_t desc[2], NestedFlush flush)
{
    const uint64_t page[] = { QVTD_INV_PIOTLB_PAGE(DID, 0) };

    return !flush.page_selective && desc[0] == page[0];
}

static void run_row(gconstpointer data)
{
    const Row *row = data;
    NestedTest *t = nested_shared();
    NestedFlush flush = nested_flush(t);
    bool acts = false;

    make_stale(t);
    for (int i = 0; i < ARRAY_SIZE(row->inv) && row->inv[i].desc[0]; i++) {
        g_test_message("descriptor %d", i);
        nested_inv(t, row->inv[i].desc[0], row->inv[i].desc[1]);
        acts |= row->inv[i].acts || is_full_here(row->inv[i].desc, flush);
        g_assert_cmpint(nested_probe(t), ==, acts ? TO_B : TO_A);
    }
    nested_shared_done(false);
}

/* 2^AM pages: those beside the page in question, and those around it */
static void run_am(gconstpointer data)
{
    unsigned am = GPOINTER_TO_UINT(data);
    uint64_t bytes = (uint64_t)PAGE << am;
    uint64_t around = IOVA_SRC & ~(bytes - 1);
    const Row row = { .inv = {
        { { QVTD_INV_PIOTLB_PAGE(DID, 0), (around ^ bytes) | am }, false },
        { { QVTD_INV_PIOTLB_PAGE(DID, 0), around | am | (am & 1) << 6 }, true },
    } };

    run_row(&row);
}

/* Of changed PASID entries: written, then the host follows or does not. */
typedef struct EntryRow {
    const char *name;
    unsigned reg;               /* a register instead of the queue */
    uint64_t val;
    bool acts;
} EntryRow;

#define CCMD(type)      DMAR_CCMD_REG, VTD_CCMD_ICC | VTD_CCMD_##type##_INVL
#define CCMD_SID(sid)   ((uint64_t)(sid) << 16)
#define CCMD_FM(fm)     ((uint64_t)(fm) << 32)

static const EntryRow entry_rows[] = {
    { "follow/context-domain", 0, QVTD_INV_CC_DOMAIN(DID), true },
    { "follow/context-device", 0, QVTD_INV_CC_DEVICE(SID), true },
    { "follow/context-device-other", 0, QVTD_INV_CC_DEVICE(SID + 8), false },
    { "follow/context-function-other", 0, QVTD_INV_CC_DEVICE(SID + 1), false },
    { "follow/context-functions-1", 0, QVTD_INV_CC_FUNCTIONS(SID + 4, 1),
      true },
    { "follow/context-functions-2", 0, QVTD_INV_CC_FUNCTIONS(SID + 6, 2),
      true },
    { "follow/context-functions-2-other", 0, QVTD_INV_CC_FUNCTIONS(SID + 7, 2),
      false },
    { "follow/context-functions-3", 0, QVTD_INV_CC_FUNCTIONS(SID + 7, 3),
      true },
    { "follow/context-functions-3-other", 0,
      QVTD_INV_CC_FUNCTIONS(SID + 8, 3), false },
    { "follow/pasid-cache-domain", 0, QVTD_INV_PC_DOMAIN(DID), true },
    { "follow/pasid-cache-pasid", 0, QVTD_INV_PC_PASID(DID, 0), true },
    { "follow/iotlb-global", 0, QVTD_INV_IOTLB_GLOBAL, false },
    { "follow/iotlb-pasid", 0, QVTD_INV_PIOTLB_ALL(DID, 0), false },
    { "register/context-global", CCMD(GLOBAL), true },
    { "register/context-domain", CCMD(DOMAIN) | DID, true },
    { "register/context-device", CCMD(DEVICE) | CCMD_SID(SID), true },
    { "register/context-device-other", CCMD(DEVICE) | CCMD_SID(SID + 8),
      false },
    { "register/context-functions", CCMD(DEVICE) | CCMD_SID(SID + 7) |
      CCMD_FM(3), true },
};

static void run_entry_row(gconstpointer data)
{
    const EntryRow *row = data;
    NestedTest *t = nested_shared();

    nested_step(t, SET_A);
    nested_step(t, WRITE_B);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    if (row->reg) {
        qvtd_disable_queue(t->vtd);
        qvtd_writeq(t->vtd, row->reg, row->val);
        g_assert_cmphex(qvtd_readq(t->vtd, row->reg) & VTD_CCMD_ICC, ==, 0);
        qvtd_enable_queue(t->vtd);
    } else {
        nested_inv(t, row->val, 0);
    }
    nested_check_host(t, PGTT_NESTED,
                      t->tables[row->acts ? TABLE_B : TABLE_A].root);
    nested_step(t, SET_A);
    nested_shared_done(false);
}

/* The same of cached translations, by registers */
static const struct {
    const char *name;
    uint64_t val;               /* IOTLB_REG */
    uint64_t iva;               /* IVA_REG */
    bool acts;
} register_rows[] = {
    { "domain-other", VTD_TLB_DSI_FLUSH | (uint64_t)DID2 << 32, 0, false },
    { "domain", VTD_TLB_DSI_FLUSH | (uint64_t)DID << 32, 0, true },
    { "page", VTD_TLB_PSI_FLUSH | (uint64_t)DID << 32, IOVA_SRC, true },
    { "global", VTD_TLB_GLOBAL_FLUSH, 0, true },
};

static void test_register_iotlb(void)
{
    NestedTest *t = nested_shared();

    for (int i = 0; i < ARRAY_SIZE(register_rows); i++) {
        g_test_message("%s", register_rows[i].name);
        make_stale(t);
        qvtd_disable_queue(t->vtd);
        qvtd_writeq(t->vtd, DMAR_IVA_REG, register_rows[i].iva);
        qvtd_writeq(t->vtd, DMAR_IOTLB_REG, VTD_TLB_IVT | register_rows[i].val);
        g_assert_cmphex(qvtd_readq(t->vtd, DMAR_IOTLB_REG) & VTD_TLB_IVT, ==,
                        0);
        g_assert_cmpint(nested_probe(t), ==,
                        register_rows[i].acts ? TO_B : TO_A);
        qvtd_enable_queue(t->vtd);
    }
    nested_shared_done(false);
}

/*
 * Two pages in one go that touch, but at a boundary of 1 GiB: no naturally
 * aligned block that hardware takes (CAP.MAMV) has both.
 */
static void test_across_gib(void)
{
    const uint64_t page[4] = { QVTD_INV_PIOTLB_PAGE(DID, 0), GIB - PAGE };
    NestedTest *t = nested_shared();

    t->src = GIB - PAGE;
    make_stale(t);
    qvtd_queue_put(t->vtd, page);
    nested_inv(t, QVTD_INV_PIOTLB_PAGE(DID, 0), GIB);
    g_assert_cmpint(nested_probe(t), ==, TO_B);
    t->src = IOVA_SRC;
    nested_shared_done(false);
}

/* A wait descriptor in the middle, and what comes after it */
static void test_after_wait(void)
{
    const uint64_t other[4] = { QVTD_INV_PIOTLB_ALL(DID2, 0) };
    const uint64_t page[4] = { QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC };
    NestedTest *t = nested_shared();
    uint64_t wait[4] = { VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW,
                         t->vtd->status + 8 };

    make_stale(t);
    qvtd_queue_put(t->vtd, other);
    qvtd_queue_put(t->vtd, wait);
    qvtd_queue_put(t->vtd, page);
    /* No wait descriptor behind it: complete when the head is there. */
    qvtd_queue_submit(t->vtd);
    g_assert_cmphex(qvtd_readq(t->vtd, DMAR_IQH_REG), ==,
                    qvtd_readq(t->vtd, DMAR_IQT_REG));
    g_assert_cmpint(nested_probe(t), ==, TO_B);

    make_stale(t);
    qvtd_queue_put(t->vtd, page);
    g_assert_true(qvtd_queue_wait(t->vtd, VTD_INV_DESC_WAIT_FN));
    g_assert_cmpint(nested_probe(t), ==, TO_B);
    nested_shared_done(false);
}

/* The wait descriptor's interrupt flag, as the CPU's local APIC sees it */
#define VECTOR  0x41

static bool interrupt_pending(NestedTest *t)
{
    g_autofree char *text = qtest_hmp(t->qts, "info lapic");
    const char *irr = strstr(text, "IRR");
    g_autofree char *line = NULL;

    g_assert_nonnull(irr);
    line = g_strndup(irr, strcspn(irr, "\r\n"));
    return strstr(line, " 65");
}

static void test_wait_interrupt(void)
{
    NestedTest *t = nested_shared();
    QVTD *v = t->vtd;

    qvtd_writel(v, DMAR_IEDATA_REG, VECTOR);
    qvtd_writel(v, DMAR_IEADDR_REG, 0xfee00000);
    g_assert_true(qvtd_queue_wait(v, VTD_INV_DESC_WAIT_IF));
    g_assert_cmphex(qvtd_readl(v, DMAR_ICS_REG) & VTD_ICS_IWC, !=, 0);
    /* Masked after reset: pending in the register */
    g_assert_cmphex(qvtd_readl(v, DMAR_IECTL_REG), ==,
                    VTD_IECTL_IM | VTD_IECTL_IP);
    g_assert_false(interrupt_pending(t));
    qvtd_writel(v, DMAR_ICS_REG, VTD_ICS_IWC);
    g_assert_cmphex(qvtd_readl(v, DMAR_ICS_REG) & VTD_ICS_IWC, ==, 0);
    g_assert_cmphex(qvtd_readl(v, DMAR_IECTL_REG), ==, VTD_IECTL_IM);

    qvtd_writel(v, DMAR_IECTL_REG, 0);
    g_assert_false(interrupt_pending(t));
    g_assert_true(qvtd_queue_wait(v, VTD_INV_DESC_WAIT_IF));
    g_assert_true(interrupt_pending(t));
    g_assert_cmphex(qvtd_readl(v, DMAR_IECTL_REG), ==, 0);
    qvtd_writel(v, DMAR_ICS_REG, VTD_ICS_IWC);
    nested_shared_done(false);
}

static void set_narrow(QVTD *v, bool narrow)
{
    qvtd_disable_queue(v);
    v->narrow = narrow;
    qvtd_enable_queue(v);
}

/* Round the end of the queue, with descriptors of either width */
static void test_wrap(void)
{
    NestedTest *t = nested_shared();

    for (int narrow = 0; narrow <= 1; narrow++) {
        unsigned slots = narrow ? 256 : 128, before;

        set_narrow(t->vtd, narrow);
        make_stale(t);
        do {
            before = t->vtd->tail;
            nested_inv(t, QVTD_INV_IOTLB_DOMAIN(DID2), 0);
        } while (t->vtd->tail > before);
        g_assert_cmpuint(before, >=, slots - 2);
        nested_inv(t, QVTD_INV_IOTLB_DOMAIN(DID), 0);
        g_assert_cmphex(qvtd_readq(t->vtd, DMAR_IQH_REG), ==,
                        t->vtd->tail * (narrow ? 16 : 32));
        g_assert_cmpint(nested_probe(t), ==, TO_B);
    }
    set_narrow(t->vtd, false);
    nested_shared_done(false);
}

/* Queue errors: the queue stops there, and goes on once that is mended. */
typedef struct BadRow {
    const char *name;
    uint64_t desc[4];
    bool narrow;
} BadRow;

static const BadRow bad_rows[] = {
    { "type-none", { 0 } },
    { "type-unknown", { 0xf } },
    { "context-granularity", { 0x1 } },
    { "context-reserved", { QVTD_INV_CC_GLOBAL | 1ULL << 63 } },
    { "context-high", { QVTD_INV_CC_GLOBAL, 1 } },
    { "context-upper", { QVTD_INV_CC_GLOBAL, 0, 0, 1 } },
    { "iotlb-granularity", { 0x2 } },
    { "iotlb-reserved", { QVTD_INV_IOTLB_GLOBAL | 1ULL << 63 } },
    { "iotlb-am", { QVTD_INV_IOTLB_PAGE(DID), AM_MAX + 1 } },
    { "pasid-iotlb-granularity", { 0x6 } },
    { "pasid-iotlb-reserved", { QVTD_INV_PIOTLB_ALL(DID, 0) | 1ULL << 63 } },
    { "pasid-iotlb-am", { QVTD_INV_PIOTLB_PAGE(DID, 0), AM_MAX + 1 } },
    { "pasid-iotlb-narrow", { QVTD_INV_PIOTLB_ALL(DID, 0) }, true },
    { "pasid-cache-reserved", { QVTD_INV_PC_GLOBAL | 1ULL << 63 } },
    { "pasid-cache-high", { QVTD_INV_PC_GLOBAL, 1 } },
    { "pasid-cache-upper", { QVTD_INV_PC_GLOBAL, 0, 1 } },
    { "pasid-cache-narrow", { QVTD_INV_PC_GLOBAL }, true },
    { "device-tlb-reserved", { QVTD_INV_DEVTLB(SID) | 1ULL << 63 } },
    { "pasid-device-tlb-reserved", { QVTD_INV_PDEVTLB(SID, 0) | 1ULL << 63 } },
    { "pasid-device-tlb-narrow", { QVTD_INV_PDEVTLB(SID, 0) }, true },
    { "interrupt-entries-reserved", { QVTD_INV_IEC_GLOBAL | 1ULL << 63 } },
    { "wait-nothing", { VTD_INV_DESC_WAIT } },
    { "wait-reserved", { VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW | 1 << 12 } },
};

/* Return: the descriptor's offset in the queue. */
static uint64_t put_bad(QVTD *v, const BadRow *row)
{
    uint64_t slot = v->tail * (row->narrow ? 16 : 32);

    qvtd_queue_put(v, row->desc);
    g_assert_false(qvtd_queue_wait(v, 0));
    g_assert_cmphex(qvtd_readl(v, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    g_assert_cmphex(qvtd_readq(v, DMAR_IQH_REG), ==, slot);
    return slot;
}

/* As a driver recovers: a sound descriptor in its place, clear IQE. */
static void mend(QVTD *v, const BadRow *row, uint64_t slot)
{
    qtest_memset(v->qts, v->queue + slot, 0, row->narrow ? 16 : 32);
    qtest_writeq(v->qts, v->queue + slot, QVTD_INV_IOTLB_GLOBAL);
    qvtd_writel(v, DMAR_FSTS_REG, VTD_FSTS_IQE);
    g_assert_true(qvtd_queue_wait(v, 0));
}

static void run_bad_row(gconstpointer data)
{
    const BadRow *row = data;
    NestedTest *t = nested_shared();
    QVTD *v = t->vtd;

    if (row->narrow) {
        set_narrow(v, true);
    }
    mend(v, row, put_bad(v, row));
    if (row->narrow) {
        set_narrow(v, false);
    }
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    nested_shared_done(false);
}

/* What was sound before the bad descriptor is carried out before it stops. */
static void test_error_behind_sound(void)
{
    const uint64_t page[4] = { QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC };
    const BadRow bad = { "", { 0xf } };
    NestedTest *t = nested_shared();
    uint64_t slot;

    make_stale(t);
    qvtd_queue_put(t->vtd, page);
    slot = put_bad(t->vtd, &bad);
    g_assert_cmpint(nested_probe(t), ==, TO_B);
    /* What is behind it waits until it goes on. */
    nested_map_src(t, PAGE_A);
    g_assert_cmpint(nested_probe(t), ==, TO_B);
    mend(t->vtd, &bad, slot);
    g_assert_cmpint(nested_probe(t), ==, TO_A);
    nested_shared_done(false);
}

/*
 * A queue that is not in memory, or a tail beyond its end.  Only a reset makes
 * it a queue again; until then translation stays as it is.
 */
static void test_unreadable(void)
{
    NestedTest t;

    for (int beyond = 0; beyond <= 1; beyond++) {
        nested_setup(&t);
        nested_step(&t, SET_A);
        nested_step(&t, TE_ON);
        g_assert_true(qvtd_queue_wait(t.vtd, 0));
        qvtd_disable_queue(t.vtd);
        if (!beyond) {
            t.vtd->queue = 1ULL << 40;
        }
        qvtd_enable_queue(t.vtd);
        qvtd_writeq(t.vtd, DMAR_IQT_REG, (beyond ? 128 : 1) * 32);
        g_assert_cmphex(qvtd_readl(t.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
        g_assert_cmphex(qvtd_readq(t.vtd, DMAR_IQH_REG), ==, 0);
        nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
        g_assert_cmpint(nested_probe(&t), ==, TO_A);

        nested_reboot(&t);
        nested_step(&t, SET_B);
        nested_step(&t, TE_ON);
        g_assert_cmpint(nested_probe(&t), ==, TO_B);
        nested_teardown(&t);
    }
}

/* Entries that change in ways that make what is cached stale */
static const Case cases[] = {
    /*
     * The new domain-id has nothing cached: the guest need not invalidate by
     * it, and by the old one it may at any time.
     */
    { "stale/domain", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { SET_A_DID2, HOST_NESTED_A, TO_B } } },
    { "stale/rid-pasid", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { CONTEXT_RID5, HOST_NESTED_A, TO_B },
        { REMAP_A, HOST_NESTED_A, TO_B },
        { INV_PASID, HOST_NESTED_A, TO_B },
        { INV_PASID5, HOST_NESTED_A, TO_A } } },
    /* Invalidated by the domain-id that the entry had, and has in the cache */
    { "stale/old-domain", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { WRITE_A_DID2, HOST_NESTED_A, TO_A },
        { INV_OTHER_DID, HOST_NESTED_A, TO_A },
        { INV_PASID, HOST_NESTED_A, TO_B } } },
    /* IOTLB first, PASID cache second: the entry acts with the latter. */
    { "stale/iotlb-before-pasid-cache", {
        ATTACH_A, { WRITE_B, HOST_NESTED_A, SKIP },
        { INV_PASID, HOST_NESTED_A, TO_A },
        { PC_GLOBAL, HOST_NESTED_B, TO_B } } },
    /* Away and back: the table's own changes act, too. */
    { "stale/away-and-back", {
        ATTACH_A, { SET_B, HOST_NESTED_B, TO_B },
        { REMAP_B, HOST_NESTED_B, SKIP },
        { SET_A, HOST_NESTED_A, TO_B } } },
    { "stale/off-and-on", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { TE_OFF, HOST_STAGE2, SKIP }, { TE_ON, HOST_NESTED_A, TO_B } } },
    { "stale/cleared-and-set", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { SET_NONE, HOST_NOTHING, SKIP }, { SET_A, HOST_NESTED_A, TO_B } } },
};

static void test_clean(void)
{
    nested_shared();
    nested_shared_done(true);
}

static void add(const char *name, gconstpointer data, GTestDataFunc func)
{
    g_autofree char *path = g_strdup_printf("/intel-iommu/nested/%s", name);

    nested_add_data_func(path, data, func);
}

static void add_rows(void)
{
    for (int i = 0; i < ARRAY_SIZE(rows); i++) {
        add(rows[i].name, &rows[i], run_row);
    }
    for (unsigned am = 0; am <= AM_MAX; am++) {
        g_autofree char *name = g_strdup_printf("invalidate/am-%u", am);

        add(name, GUINT_TO_POINTER(am), run_am);
    }
    for (int i = 0; i < ARRAY_SIZE(entry_rows); i++) {
        add(entry_rows[i].name, &entry_rows[i], run_entry_row);
    }
    for (int i = 0; i < ARRAY_SIZE(bad_rows); i++) {
        g_autofree char *name = g_strdup_printf("queue-error/%s",
                                                bad_rows[i].name);

        add(name, &bad_rows[i], run_bad_row);
    }
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    add_rows();
    nested_add_func("/intel-iommu/nested/invalidate/across-gib",
                    test_across_gib);
    nested_add_func("/intel-iommu/nested/register/iotlb", test_register_iotlb);
    nested_add_func("/intel-iommu/nested/queue/after-wait", test_after_wait);
    qtest_add_func("/intel-iommu/nested/queue/wait-interrupt",
                   test_wait_interrupt);
    nested_add_func("/intel-iommu/nested/queue/wrap", test_wrap);
    nested_add_func("/intel-iommu/nested/queue-error/behind-sound",
                    test_error_behind_sound);
    qtest_add_func("/intel-iommu/nested/queue-error/clean", test_clean);
    nested_add_func("/intel-iommu/nested/queue-error/unreadable",
                    test_unreadable);
    nested_add_cases(cases, ARRAY_SIZE(cases));

    return nested_test_run();
}
