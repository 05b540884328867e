/*
 * intel-iommu: emulated devices on first-stage tables, without ecap-nest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An edu device, translated by intel_iommu.c itself: what it gets with
 * nested=on beside passed-through ones, and what later QEMUs mended.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "libqos/vtd.h"

#define SCALABLE        "x-scalable-mode=on,x-flts=on"
#define NESTED          "nested=on"
#define NO_SMPWC        "nested=on,x-smpwc=off"
#define THREAD          "nested=on,iothread=io0"
#define FIVE_LEVELS     "nested=on,fs5lp=on"

#define PAGE            4096
#define TABLES          0x01000000ULL
#define TABLES_END      0x02000000ULL
#define PAGE_A          0x03000000ULL
#define PAGE_B          0x03001000ULL
#define PAGE_DST        0x03002000ULL
/* Are addresses of RAM as well, as the pages behind pass-through */
#define IOVA_SRC        0x03100000ULL
#define IOVA_DST        0x03101000ULL
/* Beyond what 4 levels reach, as far up as 5 levels do, and in no table */
#define IOVA_WIDE       (1ULL << 55 | IOVA_SRC)
#define IOVA_TOP        (~0ULL << 56 | IOVA_SRC)
#define IOVA_NOWHERE    (1ULL << 60 | IOVA_SRC)

#define ROOT_SCALABLE   (1 << 10)
#define SID             (4 << 3)
#define DID             7
#define RID_PASID       5
#define PGTT_STAGE1     1
#define PGTT_PASS       4

#define ACCESSED        (1 << 5)
#define DIRTY           (1 << 6)
#define READ_ONLY       0x5             /* P, U/S */

#define BAD_DESC        0xbULL          /* of a type that there is not */
#define PC_RESERVED     (0x7ULL | 2 << 4)
#define PC_RSVD_BIT     (0x7ULL | 1 << 6)

typedef struct World {
    QTestState *qts;
    QPCIBus *pci;
    QVTD v;
    QVTDEdu edu;
    QVTDTable table;        /* the source is page A there */
    uint64_t context;       /* the device's context entry */
    uint64_t entry;         /* the device's PASID entry */
    uint64_t src;           /* the leaf entries of IOVA_SRC and IOVA_DST */
    uint64_t dst;
} World;

static void write_entry(World *w, unsigned pgtt)
{
    const QVTDPasid entry = {
        .pgtt = pgtt,
        .did = DID,
        .stage1 = w->table.root,
        .fspm = w->table.levels - 4,
        .aw = 2,
    };

    qvtd_write_pasid(&w->v, w->entry, &entry);
}

/* Translation is on, by an entry of @pgtt. */
static void start(World *w, const char *props, unsigned levels, unsigned pgtt)
{
    QVTD *v = &w->v;

    w->qts = qtest_initf("-machine q35 -m 64M -nodefaults "
                         "-object iothread,id=io0 -device intel-iommu,%s "
                         "-device edu,addr=4,dma_mask=0xffffffffffffffff",
                         props);
    w->pci = qpci_new_pc(w->qts, NULL);
    qvtd_init(v, w->qts, TABLES, TABLES_END);
    qvtd_edu_init(&w->edu, v, qpci_device_find(w->pci, SID));
    qvtd_set_root(v, v->root, ROOT_SCALABLE);
    qvtd_enable_queue(v);
    w->context = qvtd_context(v, SID, 0, RID_PASID, 0);
    w->entry = qvtd_pasid_slot(v, w->context, RID_PASID);
    qvtd_table_init(v, &w->table, levels, 0, QVTD_S1_LINK);
    w->src = qvtd_map(v, &w->table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
    w->dst = qvtd_map(v, &w->table, IOVA_DST, PAGE_DST, 12, QVTD_S1_PAGE);
    write_entry(w, pgtt);
    qvtd_enable_translation(v, true);
}

static void stop(World *w)
{
    g_free(w->edu.dev);
    qpci_free_pc(w->pci);
    qvtd_quit(w->qts);
}

static void inv(World *w, uint64_t lo, uint64_t hi)
{
    g_assert_true(qvtd_invalidate(&w->v, lo, hi));
}

/* What the device finds at @iova: the letter that a page is full of, or 0 */
static char read_at(World *w, uint64_t iova)
{
    qtest_memset(w->qts, PAGE_A, 'A', PAGE);
    qtest_memset(w->qts, PAGE_B, 'B', PAGE);
    qtest_memset(w->qts, IOVA_SRC, 'I', PAGE);
    qtest_memset(w->qts, IOVA_DST, 0, PAGE);
    qtest_memset(w->qts, PAGE_DST, 0, PAGE);
    qvtd_edu_read(&w->edu, iova, 16);
    qvtd_edu_write(&w->edu, IOVA_DST, 16);
    return qtest_readb(w->qts, PAGE_DST) ?: qtest_readb(w->qts, IOVA_DST);
}

/* A fault of the device's, or none if @reason is 0 */
static void check_fault(World *w, unsigned reason, uint64_t addr, bool read)
{
    QVTDFault fault;
    bool any = qvtd_take_fault(&w->v, &fault);

    g_assert_cmphex(any ? fault.reason : 0, ==, reason);
    if (reason && any) {
        g_assert_cmphex(fault.sid, ==, SID);
        g_assert_cmphex(fault.addr, ==, addr);
        g_assert_cmpint(fault.read, ==, read);
        g_assert_false(fault.has_pasid);
        g_assert_cmphex(fault.pasid, ==, 0);
    }
}

/* The dirty bit */

static unsigned ad_bits(World *w, uint64_t slot)
{
    return qtest_readq(w->qts, slot) & (ACCESSED | DIRTY);
}

static void run_dirty(bool invalidates)
{
    World w;

    start(&w, SCALABLE, 4, PGTT_STAGE1);
    qtest_memset(w.qts, PAGE_A, 'A', PAGE);
    qvtd_edu_read(&w.edu, IOVA_SRC, 16);
    g_assert_cmphex(ad_bits(&w, w.src), ==, ACCESSED);
    if (invalidates) {
        inv(&w, QVTD_INV_PIOTLB_ALL(DID, RID_PASID), 0);
    }
    qtest_memset(w.qts, PAGE_A, 0, PAGE);
    qvtd_edu_write(&w.edu, IOVA_SRC, 16);
    g_assert_cmphex(qtest_readb(w.qts, PAGE_A), ==, 'A');
    g_assert_cmphex(ad_bits(&w, w.src), ==, ACCESSED | DIRTY);
    /* A write alone sets both, and the tables above have no dirty bit. */
    qvtd_edu_write(&w.edu, IOVA_DST, 16);
    g_assert_cmphex(ad_bits(&w, w.dst), ==, ACCESSED | DIRTY);
    g_assert_cmphex(ad_bits(&w, w.table.root), ==, ACCESSED);
    check_fault(&w, 0, 0, false);
    stop(&w);
}

static void test_dirty_walked(void)
{
    run_dirty(true);
}

static void test_dirty_cached(void)
{
    run_dirty(false);
}

/* A write to a page that a read has cached faults, and sets nothing. */
static void test_read_only(void)
{
    World w;

    start(&w, SCALABLE, 4, PGTT_STAGE1);
    qvtd_edit(&w.v, w.src, QVTD_S1_PAGE, READ_ONLY);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    qtest_memset(w.qts, PAGE_A, 'Z', PAGE);
    qvtd_edu_write(&w.edu, IOVA_SRC, 16);
    g_assert_cmpint(qtest_readb(w.qts, PAGE_A), ==, 'Z');
    g_assert_cmphex(ad_bits(&w, w.src), ==, ACCESSED);
    check_fault(&w, 0x85, IOVA_SRC, false);
    stop(&w);
}

/* Of requests without PASID, though the table is one of a PASID */

static void test_fault(void)
{
    World w;

    start(&w, SCALABLE, 4, PGTT_STAGE1);
    qvtd_edit(&w.v, w.src, ~0ULL, 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 0);
    check_fault(&w, 0x71, IOVA_SRC, true);
    /* And where the entry itself is at fault */
    qvtd_edit(&w.v, w.entry, ~0ULL, 0);
    inv(&w, QVTD_INV_PC_GLOBAL, 0);
    inv(&w, QVTD_INV_PIOTLB_ALL(DID, RID_PASID), 0);
    qvtd_edu_read(&w.edu, IOVA_SRC, 16);
    check_fault(&w, 0x59, IOVA_SRC, true);
    stop(&w);
}

/* What of the tables above is no good */

#define FPD             (1 << 1)
#define ECAP_RPS        (1ULL << 49)

typedef enum Where {
    IN_CONTEXT, IN_DIRECTORY, IN_ENTRY,
} Where;

/* One bit is turned in tables that are good, and in cached ones. */
typedef struct BadRow {
    const char *props;
    Where where;
    unsigned quad, bit;
    unsigned reason;        /* 0: nobody minds */
} BadRow;

static const BadRow bad_rows[] = {
    { SCALABLE, IN_ENTRY, 0, 0, 0x59 },
    { SCALABLE, IN_ENTRY, 0, 5, 0x5a },
    { SCALABLE, IN_ENTRY, 0, 9, 0x5a },         /* SSADE: ECAP.SSADS */
    { SCALABLE, IN_ENTRY, 0, 10, 0x5a },
    { SCALABLE, IN_ENTRY, 0, 11, 0x5a },
    { SCALABLE, IN_ENTRY, 0, 12 },              /* SSPTPTR, of no use here */
    { SCALABLE, IN_ENTRY, 2, 3, 0x5b },         /* FSPM */
    { SCALABLE, IN_DIRECTORY, 0, 0, 0x51 },
    { SCALABLE, IN_DIRECTORY, 0, 2, 0x52 },
    { SCALABLE, IN_DIRECTORY, 0, 63, 0x52 },
    { SCALABLE, IN_CONTEXT, 1, 13, 0x48 },      /* RID_PASID beyond PDTS */
    { NESTED, IN_ENTRY, 0, 0, 0x59 },
    { NESTED, IN_ENTRY, 0, 5, 0x5a },
    { NESTED, IN_ENTRY, 0, 9, 0x5a },
    { NESTED, IN_ENTRY, 0, 10, 0x5a },
    { NESTED, IN_ENTRY, 0, 11, 0x5a },
    { NESTED, IN_ENTRY, 0, 63 },
    { NESTED, IN_ENTRY, 1, 16, 0x5a },
    { NESTED, IN_ENTRY, 1, 22, 0x5a },
    { NESTED, IN_ENTRY, 1, 23 },                /* PWSNP: ECAP.SMPWC */
    { NO_SMPWC, IN_ENTRY, 1, 23, 0x5a },
    { NESTED, IN_ENTRY, 1, 24, 0x5a },          /* PGSNP: ECAP.SC */
    { NESTED, IN_ENTRY, 1, 25, 0x5a },          /* ECAP.MTS */
    { NESTED, IN_ENTRY, 1, 63, 0x5a },
    { NESTED, IN_ENTRY, 2, 1, 0x5a },           /* ERE: ECAP.ERS */
    { NESTED, IN_ENTRY, 2, 3, 0x5b },
    { NESTED, IN_ENTRY, 2, 6, 0x5a },           /* SMEP: the same */
    { NESTED, IN_ENTRY, 2, 7, 0x5a },           /* EAFE: ECAP.EAFS */
    { NESTED, IN_ENTRY, 2, 8, 0x5a },
    { NESTED, IN_ENTRY, 2, 63, 0x5a },          /* beyond all addresses */
    { NESTED, IN_ENTRY, 3, 0, 0x5a },
    { NESTED, IN_ENTRY, 7, 63, 0x5a },
    { NESTED, IN_DIRECTORY, 0, 0, 0x51 },
    { NESTED, IN_DIRECTORY, 0, 11, 0x52 },
    { NESTED, IN_CONTEXT, 0, 2, 0x42 },         /* DTE: ECAP.DIT */
    { NESTED, IN_CONTEXT, 0, 3, 0x42 },         /* PASIDE: ECAP.PASID */
    { NESTED, IN_CONTEXT, 1, 13, 0x48 },
    { NESTED, IN_CONTEXT, 1, 20, 0x42 },        /* RID_PRIV: ECAP.RPRIVS */
};

static uint64_t slot_of(World *w, Where where)
{
    return where == IN_CONTEXT ? w->context :
           where == IN_DIRECTORY ? qvtd_dir_slot(&w->v, w->context, RID_PASID) :
           w->entry;
}

static void invalidate_entries(World *w, Where where)
{
    if (where == IN_CONTEXT) {
        inv(w, QVTD_INV_CC_GLOBAL, 0);
    }
    inv(w, QVTD_INV_PC_GLOBAL, 0);
    inv(w, QVTD_INV_IOTLB_GLOBAL, 0);
}

static void run_row(World *w, const BadRow *row, unsigned recorded)
{
    uint64_t slot = slot_of(w, row->where) + row->quad * 8, good;

    g_assert_cmpint(read_at(w, IOVA_SRC), ==, 'A');
    good = qtest_readq(w->qts, slot);
    qtest_writeq(w->qts, slot, good ^ 1ULL << row->bit);
    invalidate_entries(w, row->where);
    g_test_message("quadword %u, bit %u of table %u", row->quad, row->bit,
                   row->where);
    g_assert_cmpint(read_at(w, IOVA_SRC), ==, row->reason ? 0 : 'A');
    check_fault(w, recorded, IOVA_SRC, true);
    qtest_writeq(w->qts, slot, good);
    invalidate_entries(w, row->where);
}

static void test_bad(gconstpointer props)
{
    World w;

    start(&w, props, 4, PGTT_STAGE1);
    for (int i = 0; i < ARRAY_SIZE(bad_rows) && !g_test_failed(); i++) {
        if (!strcmp(bad_rows[i].props, props)) {
            run_row(&w, &bad_rows[i], bad_rows[i].reason);
        }
    }
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    stop(&w);
}

/* Nothing is recorded, and nothing is let through, with the context cached. */
static void test_bad_silent(gconstpointer props)
{
    static const Where fpd[] = { IN_CONTEXT, IN_DIRECTORY, IN_ENTRY };
    World w;

    start(&w, props, 4, PGTT_STAGE1);
    for (int i = 0; i < ARRAY_SIZE(fpd); i++) {
        qvtd_edit(&w.v, slot_of(&w, fpd[i]), 0, FPD);
        invalidate_entries(&w, IN_CONTEXT);
        g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
        for (int j = 0; j < ARRAY_SIZE(bad_rows) && !g_test_failed(); j++) {
            const BadRow *row = &bad_rows[j];

            if (!strcmp(row->props, props) && row->where >= fpd[i] &&
                row->reason) {
                run_row(&w, row, 0);
            }
        }
        qvtd_edit(&w.v, slot_of(&w, fpd[i]), FPD, 0);
    }
    stop(&w);
}

/*
 * The field is honoured, so the capability says so; without RPRIVS it has no
 * privilege beside it.
 */
static void test_rid_pasid(void)
{
    World w;

    start(&w, NESTED, 4, PGTT_STAGE1);
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_ECAP_REG) & ECAP_RPS, !=, 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    qtest_writeq(w.qts, w.context + 8, 0);
    invalidate_entries(&w, IN_CONTEXT);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 0);
    check_fault(&w, 0x59, IOVA_SRC, true);
    stop(&w);
}

/* PASID-cache invalidations */

static void test_pasid_cache(gconstpointer data)
{
    uint64_t desc = *(const uint64_t *)data;
    World w;

    start(&w, SCALABLE, 4, PGTT_PASS);
    /* Twice: from the second request on nobody translates. */
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'I');
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'I');
    write_entry(&w, PGTT_STAGE1);
    inv(&w, desc, 0);
    inv(&w, QVTD_INV_PIOTLB_ALL(DID, RID_PASID), 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    write_entry(&w, PGTT_PASS);
    inv(&w, desc, 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'I');
    qvtd_edit(&w.v, w.entry, ~0ULL, 0);
    inv(&w, desc, 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 0);
    stop(&w);
}

/*
 * The entry that a request found passed through becomes one of another
 * domain-id: the invalidation names the old one.
 */
static void test_pasid_cache_old_did(void)
{
    World w;

    start(&w, SCALABLE, 4, PGTT_PASS);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'I');
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'I');
    write_entry(&w, PGTT_STAGE1);
    qvtd_edit(&w.v, w.entry + 8, 0xffff, DID + 1);
    inv(&w, QVTD_INV_PC_PASID(DID, RID_PASID), 0);
    inv(&w, QVTD_INV_PIOTLB_ALL(DID, RID_PASID), 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    stop(&w);
}

/* One that goes, found passed through by a request and nowhere else */
static void test_pasid_cache_gone(void)
{
    World w;

    start(&w, SCALABLE, 4, PGTT_PASS);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'I');
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'I');
    qvtd_edit(&w.v, w.entry, ~0ULL, 0);
    inv(&w, QVTD_INV_PC_PASID(DID, RID_PASID), 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 0);
    stop(&w);
}

/* What one names goes, and no more: each bind of a PASID has one. */
static void test_pasid_cache_other(gconstpointer props)
{
    World w;

    start(&w, props, 4, PGTT_STAGE1);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    qvtd_map(&w.v, &w.table, IOVA_SRC, PAGE_B, 12, QVTD_S1_PAGE);
    inv(&w, QVTD_INV_PC_PASID(DID, RID_PASID + 1), 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    inv(&w, QVTD_INV_PC_PASID(DID, RID_PASID), 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'B');
    /* The domain-id is that which the entry had. */
    qvtd_map(&w.v, &w.table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
    inv(&w, QVTD_INV_PC_PASID(DID + 1, RID_PASID), 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    stop(&w);
}

static void test_pasid_cache_reserved(void)
{
    static const uint64_t bad[] = { PC_RESERVED, PC_RSVD_BIT };
    World w;

    start(&w, SCALABLE, 4, PGTT_STAGE1);
    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t slot = w.v.queue + w.v.tail * 32;

        g_assert_false(qvtd_invalidate(&w.v, bad[i], 0));
        g_assert_cmphex(qvtd_readl(&w.v, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
        qvtd_edit(&w.v, slot, ~0ULL, QVTD_INV_IEC_GLOBAL);
        qvtd_writel(&w.v, DMAR_FSTS_REG, VTD_FSTS_IQE);
        inv(&w, QVTD_INV_PC_GLOBAL, 0);
    }
    stop(&w);
}

/* Once software has mended the descriptor it clears IQE, and writes no tail. */
static void test_queue_goes_on(gconstpointer props)
{
    uint64_t slot;
    World w;

    start(&w, props, 4, PGTT_STAGE1);
    slot = w.v.queue + w.v.tail * 32;
    g_assert_false(qvtd_invalidate(&w.v, BAD_DESC, 0));
    g_assert_cmphex(qvtd_readl(&w.v, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQH_REG), ==, slot - w.v.queue);
    qvtd_edit(&w.v, slot, ~0ULL, QVTD_INV_IEC_GLOBAL);
    g_assert_cmpuint(qtest_readl(w.qts, w.v.status), !=, w.v.status_seq);
    qvtd_writel(&w.v, DMAR_FSTS_REG, VTD_FSTS_IQE);
    g_assert_cmpuint(qtest_readl(w.qts, w.v.status), ==, w.v.status_seq);
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQH_REG), ==, w.v.tail * 32);
    g_assert_cmphex(qvtd_readl(&w.v, DMAR_FSTS_REG) & VTD_FSTS_IQE, ==, 0);
    /* A bad one is met again if nobody mends it. */
    g_assert_false(qvtd_invalidate(&w.v, BAD_DESC, 0));
    qvtd_writel(&w.v, DMAR_FSTS_REG, VTD_FSTS_IQE);
    g_assert_cmphex(qvtd_readl(&w.v, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    stop(&w);
}

/* What each descriptor takes from the cache, whoever serves it */
static void test_invalidations(gconstpointer props)
{
    static const struct {
        uint64_t desc[2];
        char then;
    } rows[] = {
        { { QVTD_INV_IOTLB_DOMAIN(DID + 1) }, 'A' },
        { { QVTD_INV_IOTLB_PAGE(DID + 1), IOVA_SRC }, 'A' },
        { { QVTD_INV_PIOTLB_ALL(DID, RID_PASID + 1) }, 'A' },
        { { QVTD_INV_PIOTLB_ALL(DID + 1, RID_PASID) }, 'A' },
        { { QVTD_INV_PIOTLB_PAGE(DID, RID_PASID), IOVA_SRC + 2 * PAGE }, 'A' },
        { { QVTD_INV_PIOTLB_PAGE(DID, RID_PASID), IOVA_SRC }, 'B' },
        { { QVTD_INV_PIOTLB_PAGE(DID, RID_PASID), IOVA_SRC | 2 }, 'B' },
        { { QVTD_INV_PIOTLB_ALL(DID, RID_PASID) }, 'B' },
        { { QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC }, 'B' },
        { { QVTD_INV_IOTLB_DOMAIN(DID) }, 'B' },
        { { QVTD_INV_IOTLB_GLOBAL }, 'B' },
    };
    World w;

    start(&w, props, 4, PGTT_STAGE1);
    for (int i = 0; i < ARRAY_SIZE(rows); i++) {
        qvtd_map(&w.v, &w.table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
        inv(&w, QVTD_INV_IOTLB_GLOBAL, 0);
        g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
        qvtd_map(&w.v, &w.table, IOVA_SRC, PAGE_B, 12, QVTD_S1_PAGE);
        inv(&w, rows[i].desc[0], rows[i].desc[1]);
        g_assert_cmpint(read_at(&w, IOVA_SRC), ==, rows[i].then);
    }
    stop(&w);
}

/* Five levels */

static void test_five_levels(void)
{
    World w;
    uint64_t top;

    start(&w, FIVE_LEVELS, 5, PGTT_STAGE1);
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_CAP_REG) & 1ULL << 60, !=, 0);
    qvtd_map(&w.v, &w.table, IOVA_WIDE, PAGE_B, 12, QVTD_S1_PAGE);
    qvtd_map(&w.v, &w.table, IOVA_TOP, PAGE_B, 12, QVTD_S1_PAGE);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    g_assert_cmpint(read_at(&w, IOVA_WIDE), ==, 'B');
    g_assert_cmpint(read_at(&w, IOVA_TOP), ==, 'B');
    check_fault(&w, 0, 0, false);

    /* Cached, and gone when it is invalidated */
    qvtd_map(&w.v, &w.table, IOVA_WIDE, PAGE_A, 12, QVTD_S1_PAGE);
    g_assert_cmpint(read_at(&w, IOVA_WIDE), ==, 'B');
    inv(&w, QVTD_INV_PIOTLB_PAGE(DID, RID_PASID), IOVA_WIDE);
    g_assert_cmpint(read_at(&w, IOVA_WIDE), ==, 'A');

    qvtd_edu_read(&w.edu, IOVA_NOWHERE, 16);
    check_fault(&w, 0x80, IOVA_NOWHERE, true);
    top = qvtd_table_slot(&w.v, &w.table, IOVA_SRC, 5);
    qvtd_edit(&w.v, top, 0, 1 << 7);
    inv(&w, QVTD_INV_PIOTLB_ALL(DID, RID_PASID), 0);
    qvtd_edu_read(&w.edu, IOVA_SRC, 16);
    check_fault(&w, 0x72, IOVA_SRC, true);
    stop(&w);
}

/* The same unit, a table of four levels: those are as wide as ever. */
static void test_four_of_five(void)
{
    World w;

    start(&w, FIVE_LEVELS, 4, PGTT_STAGE1);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 'A');
    qvtd_edu_read(&w.edu, IOVA_WIDE, 16);
    check_fault(&w, 0x80, IOVA_WIDE, true);
    stop(&w);
}

/* And where it is not offered */
static void test_not_offered(void)
{
    World w;

    start(&w, NESTED, 5, PGTT_STAGE1);
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_CAP_REG) & 1ULL << 60, ==, 0);
    g_assert_cmpint(read_at(&w, IOVA_SRC), ==, 0);
    check_fault(&w, 0x5b, IOVA_SRC, true);
    stop(&w);
}

int main(int argc, char **argv)
{
    static const uint64_t pasid_cache[] = {
        QVTD_INV_PC_GLOBAL, QVTD_INV_PC_DOMAIN(DID),
        QVTD_INV_PC_PASID(DID, RID_PASID),
    };

    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/intel-iommu/emulated/dirty/walked", test_dirty_walked);
    qtest_add_func("/intel-iommu/emulated/dirty/cached", test_dirty_cached);
    qtest_add_func("/intel-iommu/emulated/read-only", test_read_only);
    qtest_add_func("/intel-iommu/emulated/fault", test_fault);
    qtest_add_data_func("/intel-iommu/emulated/bad/scalable", SCALABLE,
                        test_bad);
    qtest_add_data_func("/intel-iommu/emulated/bad/nested", NESTED, test_bad);
    qtest_add_data_func("/intel-iommu/emulated/bad/no-smpwc", NO_SMPWC,
                        test_bad);
    qtest_add_data_func("/intel-iommu/emulated/bad-silent/scalable", SCALABLE,
                        test_bad_silent);
    qtest_add_data_func("/intel-iommu/emulated/bad-silent/nested", NESTED,
                        test_bad_silent);
    qtest_add_func("/intel-iommu/emulated/rid-pasid", test_rid_pasid);
    qtest_add_data_func("/intel-iommu/emulated/pasid-cache/global",
                        &pasid_cache[0], test_pasid_cache);
    qtest_add_data_func("/intel-iommu/emulated/pasid-cache/domain",
                        &pasid_cache[1], test_pasid_cache);
    qtest_add_data_func("/intel-iommu/emulated/pasid-cache/pasid",
                        &pasid_cache[2], test_pasid_cache);
    qtest_add_func("/intel-iommu/emulated/pasid-cache/old-did",
                   test_pasid_cache_old_did);
    qtest_add_func("/intel-iommu/emulated/pasid-cache/gone",
                   test_pasid_cache_gone);
    qtest_add_func("/intel-iommu/emulated/pasid-cache/reserved",
                   test_pasid_cache_reserved);
    qtest_add_data_func("/intel-iommu/emulated/pasid-cache/other", NESTED,
                        test_pasid_cache_other);
    qtest_add_data_func("/intel-iommu/emulated/pasid-cache/other-thread",
                        THREAD, test_pasid_cache_other);
    qtest_add_data_func("/intel-iommu/emulated/invalidations/nested", NESTED,
                        test_invalidations);
    qtest_add_data_func("/intel-iommu/emulated/invalidations/thread", THREAD,
                        test_invalidations);
    qtest_add_data_func("/intel-iommu/emulated/queue-goes-on/thread", THREAD,
                        test_queue_goes_on);
    qtest_add_data_func("/intel-iommu/emulated/queue-goes-on/scalable",
                        SCALABLE, test_queue_goes_on);
    qtest_add_data_func("/intel-iommu/emulated/queue-goes-on/nested",
                        NESTED, test_queue_goes_on);
    qtest_add_func("/intel-iommu/emulated/five-level/walked",
                   test_five_levels);
    qtest_add_func("/intel-iommu/emulated/five-level/four",
                   test_four_of_five);
    qtest_add_func("/intel-iommu/emulated/five-level/not-offered",
                   test_not_offered);

    return g_test_run();
}
