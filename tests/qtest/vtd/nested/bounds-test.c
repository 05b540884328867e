/*
 * intel-iommu,nested=on: what a hostile guest may ask for, and what it gets
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs a pasid-testdev bound to vfio-pci in the host: VTD_TEST_BDF names it.
 * Bounds are of work, as QEMU counts it, and never of time.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-pasid-world.h"
#include "libqos/patience.h"

#define MAX_PASIDS      8192            /* VTD_NESTED_MAX_PASIDS */
#define FIRST           128             /* the first PASID of a table */
#define TABLE_ENTRIES   (PAGE / VTD_PASID_ENTRY_SIZE)
#define PDTS_MOST       7               /* 16384 directory entries */
#define DIRECTORY_BYTES ((128u << PDTS_MOST) * 8)

/* A stay's last step may pass the budget: a move is an attach and its HWPT's. */
#define BUDGET          64
#define STEP            5
#define BUDGET_PROPS    ",x-stay-budget=" stringify(BUDGET)

#define POLL_US         500
#define PATIENCE        100000

/* Where wait descriptors of a case write */
#define STATUS(i)       (15 * MIB + (i) * 4)
/* Roots of tables that nothing is in */
#define EMPTY_TABLES    (8 * MIB)

static void inv(PasidTest *t, uint64_t lo)
{
    g_assert_true(qvtd_invalidate(t->n.vtd, lo, 0));
}

/* Not x-query-intel-iommu-nested, which tells of all PASIDs */
static QDict *get(PasidTest *t, const char *name)
{
    g_autofree char *property = g_strconcat("x-", name, NULL);

    return qtest_qmp(t->n.qts, "{'execute': 'qom-get', 'arguments': {"
                     "'path': '/machine/peripheral/viommu', "
                     "'property': %s}}", property);
}

static bool work_left(PasidTest *t)
{
    QDict *reply = get(t, "work-left");
    bool left = qdict_get_bool(reply, "return");

    qobject_unref(reply);
    return left;
}

static int64_t counter(PasidTest *t, const char *name)
{
    QDict *reply = get(t, name);
    int64_t number = qdict_get_int(reply, "return");

    qobject_unref(reply);
    return number;
}

static void setup(PasidTest *t, const char *props)
{
    g_autofree char *all = g_strconcat(",id=viommu", props, NULL);

    pasid_setup(t, all);
}

/* A page of entries: stage 1 of the i-th is at @table + i * @step. */
static void write_page(PasidTest *t, uint32_t pasid, unsigned number,
                       uint64_t table, uint64_t step)
{
    uint64_t quads[PAGE / 8] = {};
    uint64_t slot = qvtd_pasid_slot(t->n.vtd, t->n.context, pasid);

    for (unsigned i = 0; i < number; i++) {
        uint64_t *entry = quads + i * VTD_PASID_ENTRY_SIZE / 8;

        entry[0] = cpu_to_le64((uint64_t)PGTT_STAGE1 << 6 | 1);
        entry[1] = cpu_to_le64(DID_Y);
        entry[2] = cpu_to_le64(table + i * step);
    }
    qtest_memwrite(t->n.qts, slot, quads, PAGE);
}

/* The same for @number PASIDs from FIRST on */
static void write_entries(PasidTest *t, unsigned number, uint64_t table,
                          uint64_t step)
{
    for (unsigned i = 0; i < number; i += TABLE_ENTRIES) {
        write_page(t, FIRST + i, MIN(number - i, TABLE_ENTRIES),
                   table + i * step, step);
    }
}

static void check_longest_stay(PasidTest *t, unsigned budget)
{
    g_assert_cmpint(counter(t, "longest-stay"), >=, budget / 2);
    g_assert_cmpint(counter(t, "longest-stay"), <, budget + STEP);
}

/* Directories that are all alike: one page of entries, 2^20 times */

typedef struct SweepRow {
    const char *name;
    unsigned pgtt;
    bool fpd;
    unsigned ttm;           /* 0: as it is */
    int64_t visits;         /* at most, in one sweep */
} SweepRow;

static const SweepRow sweep_rows[] = {
    { "suppressed", PGTT_STAGE2, true, 0, MAX_PASIDS },
    { "recorded", PGTT_STAGE2, false, 0, MAX_PASIDS },
    { "no-mode", PGTT_STAGE1, false, 3, 0 },
};

static void alike_directory(PasidTest *t, const QVTDPasid *entry)
{
    g_autofree uint64_t *dir = g_malloc(DIRECTORY_BYTES);
    NestedTest *n = &t->n;
    uint64_t table;

    pasid_set_context(t, PDTS_MOST, true);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        pasid_write(t, FIRST + i, entry);
    }
    table = qtest_readq(n->qts, qvtd_dir_slot(n->vtd, n->context, FIRST));
    for (unsigned i = 0; i < DIRECTORY_BYTES / 8; i++) {
        dir[i] = cpu_to_le64(table);
    }
    /* Not the first: that is for requests without PASID. */
    qtest_memwrite(n->qts, qvtd_dir_slot(n->vtd, n->context, 64), dir,
                   DIRECTORY_BYTES - 8);
}

static void test_sweep(gconstpointer data)
{
    const SweepRow *row = data;
    QVTDPasid entry = { .pgtt = row->pgtt, .did = DID_X,
                        .flags = { row->fpd ? VTD_PASID_ENTRY_FPD : 0 } };
    const QVTDPasid good = { .pgtt = PGTT_PASS, .did = DID_Y };
    int64_t before;
    QDict *event;
    PasidTest t;

    setup(&t, "");
    alike_directory(&t, &entry);
    before = counter(&t, "pasid-entries");
    if (row->ttm) {
        qvtd_set_root(t.n.vtd, t.n.vtd->root, row->ttm << 10);
    }
    inv(&t, QVTD_INV_PC_GLOBAL);
    g_assert_cmpint(counter(&t, "pasid-entries") - before, <=, row->visits);
    g_assert_cmpint(counter(&t, "longest-stay"), <, 256 + STEP);
    event = qtest_qmp_event_ref(t.n.qts, "INTEL_IOMMU_DMA_BLOCKED");
    g_assert_cmpint(!event, ==, row->fpd);
    qobject_unref(event);
    g_assert_cmpint(counter(&t, "blocks"), ==, row->fpd ? 0 :
                    row->ttm ? 1 : MAX_PASIDS);

    /* The guest comes to its senses. */
    if (row->ttm) {
        qvtd_set_root(t.n.vtd, t.n.vtd->root, ROOT_SCALABLE);
    }
    pasid_set_context(&t, 0, true);
    pasid_write(&t, PASID_X, &good);
    inv(&t, QVTD_INV_PC_PASID(DID_Y, PASID_X));
    g_assert_cmpint(pasid_probe(&t, PASID_X), ==, IDENTITY);
    pasid_teardown(&t);
}

/* Parts */

/* One descriptor that takes many stays, and then the entries gone again */
static void test_descriptor(void)
{
    const unsigned number = 512;
    int64_t cuts;
    PasidTest t;

    setup(&t, BUDGET_PROPS);
    write_entries(&t, number, t.n.tables[TABLE_B].root, 0);
    inv(&t, QVTD_INV_PC_GLOBAL);
    cuts = counter(&t, "stays-cut");
    /* A look and an attach each */
    g_assert_cmpint(cuts, >=, 2 * number / (BUDGET + STEP) - 1);
    g_assert_cmpint(pasid_probe(&t, FIRST), ==, TO_B);
    g_assert_cmpint(pasid_probe(&t, FIRST + number - 1), ==, TO_B);
    g_assert_cmpint(counter(&t, "pasid-entries"), ==, number);

    write_entries(&t, 1, t.n.tables[TABLE_A].root, 0);
    for (unsigned i = TABLE_ENTRIES; i < number; i += TABLE_ENTRIES) {
        qvtd_edit(t.n.vtd, qvtd_dir_slot(t.n.vtd, t.n.context, FIRST + i),
                  1, 0);
    }
    inv(&t, QVTD_INV_PC_GLOBAL);
    g_assert_cmpint(pasid_probe(&t, FIRST), ==, TO_A);
    g_assert_cmpint(pasid_probe(&t, FIRST + number - 1), ==, BLOCKED);
    g_assert_cmpint(counter(&t, "stays-cut"), >, cuts);
    check_longest_stay(&t, BUDGET);
    pasid_teardown(&t);
}

/* Many tables, and one invalidation of all */
static void build_tables(PasidTest *t, unsigned number)
{
    qtest_memset(t->n.qts, EMPTY_TABLES, 0, PAGE);
    write_entries(t, number, EMPTY_TABLES, PAGE);
    inv(t, QVTD_INV_PC_GLOBAL);
    g_assert_cmpint(nested_calls(&t->n, "iommu-hwpt-alloc"), ==, number + 1);
}

static void setup_tables(PasidTest *t, unsigned number, const char *props)
{
    setup(t, props);
    build_tables(t, number);
}

/*
 * The wait is over when all is sent.  The budget is for the global invalidation,
 * a mark for 64 tables, and a few calls: a wait that is not put off then is over
 * long before.
 */
static void test_flush(void)
{
    const unsigned number = 256, budget = 8;
    int64_t calls, cuts;
    PasidTest t;

    setup_tables(&t, number, ",x-stay-budget=8");
    calls = nested_calls(&t.n, "iommu-hwpt-invalidate");
    cuts = counter(&t, "stays-cut");
    inv(&t, QVTD_INV_IOTLB_GLOBAL);
    g_assert_cmpint(nested_calls(&t.n, "iommu-hwpt-invalidate"), ==,
                    calls + number);
    g_assert_cmpint(counter(&t, "stays-cut"), >=,
                    cuts + number / (budget + STEP));
    check_longest_stay(&t, budget);
    pasid_teardown(&t);
}

static void put(PasidTest *t, uint64_t lo, uint64_t hi)
{
    const uint64_t desc[4] = { lo, hi };

    qvtd_queue_put(t->n.vtd, desc);
}

/* Descriptor @i of the case: writes i + 1 to STATUS(i) */
static void put_wait(PasidTest *t, unsigned i)
{
    put(t, VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
        (uint64_t)(i + 1) << VTD_INV_DESC_WAIT_DATA_SHIFT, STATUS(i));
}

static bool waited(PasidTest *t, unsigned i)
{
    uint32_t status = qtest_readl(t->n.qts, STATUS(i));

    g_assert_true(!status || status == i + 1);
    return status;
}

/* How many of the @number waits are over; none is before an earlier one. */
static unsigned count_waits(PasidTest *t, unsigned number)
{
    unsigned over = 0;

    /* From the last: what is over later in the queue, is over here by now. */
    for (int i = number - 1; i >= 0; i--) {
        bool is_over = waited(t, i);

        g_assert_true(is_over || !over);
        over += is_over;
    }
    return over;
}

static unsigned head(PasidTest *t)
{
    return qvtd_readq(t->n.vtd, DMAR_IQH_REG) / 32;
}

/*
 * Global invalidations with waits, in several tail writes.  Waits are over in
 * order, IQH_REG never shows one as passed that is not, and an invalidation that
 * comes last finds what was written before it.
 */
static void test_order(void)
{
    const unsigned tables = 32, waits = 8;
    unsigned base, over = 0, polls = 0;
    int64_t cut;
    QVTDPasid entry = { .pgtt = PGTT_STAGE1, .did = DID_X };
    PasidTest t;

    setup_tables(&t, tables, ",x-stay-budget=4");
    entry.stage1 = t.n.tables[TABLE_B].root;
    qtest_memset(t.n.qts, STATUS(0), 0, PAGE);
    base = t.n.vtd->tail;
    cut = counter(&t, "stays-cut");
    for (unsigned i = 0; i < waits; i++) {
        if (i == waits - 2) {
            pasid_write(&t, PASID_X, &entry);
            put(&t, QVTD_INV_PC_PASID(DID_X, PASID_X), 0);
        } else {
            put(&t, QVTD_INV_IOTLB_GLOBAL, 0);
        }
        put_wait(&t, i);
        qvtd_queue_submit(t.n.vtd);
    }
    while (over < waits && has_patience(&polls, PATIENCE)) {
        unsigned passed = (head(&t) - base) / 2;

        over = count_waits(&t, waits);
        g_assert_cmpuint(passed, <=, over);
        g_assert_cmpint(vtd_host_pasid_entry(t.n.bdf, PASID_X).present, >=,
                        over >= waits - 1);
    }
    qvtd_queue_settle(t.n.vtd);
    /* It was done in parts. */
    g_assert_cmpint(counter(&t, "stays-cut"), >, cut);
    g_assert_cmpuint(head(&t), ==, t.n.vtd->tail);
    g_assert_cmpint(pasid_probe(&t, PASID_X), ==, TO_B);
    g_assert_false(work_left(&t));
    pasid_teardown(&t);
}

/* What happens while much is left */

typedef enum Meanwhile {
    NOTHING,
    QMP_STATUS,
    SYSTEM_RESET,
    QUEUE_OFF,
    QUEUE_ADDRESS,
    ROOT_POINTER,
    TRANSLATION_OFF,
    STOP_CONT,
    BAD_DESCRIPTOR,
    UNPLUG,
} Meanwhile;

typedef struct LeftRow {
    const char *name;
    Meanwhile what;
} LeftRow;

static const LeftRow left_rows[] = {
    { "nothing", NOTHING },
    { "query-status", QMP_STATUS },
    { "reset", SYSTEM_RESET },
    { "queue-off", QUEUE_OFF },
    { "queue-address", QUEUE_ADDRESS },
    { "root-pointer", ROOT_POINTER },
    { "translation-off", TRANSLATION_OFF },
    { "stop", STOP_CONT },
    { "bad-descriptor", BAD_DESCRIPTOR },
    { "unplug", UNPLUG },
};

/* A queue that is as long as one can be: 2^14 descriptors of 256 bits */
#define QUEUE_ORDER     7
#define QUEUE_SLOTS     (PAGE << QUEUE_ORDER) / 32
#define LEFT_TABLES     64

static void fill_queue(PasidTest *t, unsigned pairs)
{
    g_autofree uint64_t *descs = g_malloc0(QUEUE_SLOTS * 32);
    QVTD *v = t->n.vtd;

    for (unsigned i = 0; i < pairs; i++) {
        uint64_t *desc = descs + i * 8;

        desc[0] = cpu_to_le64(QVTD_INV_IOTLB_GLOBAL);
        /* With an interrupt, or all would be sent and waited for together. */
        desc[4] = cpu_to_le64(VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
                              VTD_INV_DESC_WAIT_IF |
                              (i + 1ULL) << VTD_INV_DESC_WAIT_DATA_SHIFT);
        desc[5] = cpu_to_le64(STATUS(0));
    }
    g_assert_cmpuint(v->tail, ==, 0);
    qtest_memwrite(t->n.qts, v->queue, descs, pairs * 64);
    v->tail = pairs * 2;
}

static void resize_queue(PasidTest *t)
{
    g_assert_true(qvtd_queue_wait(t->n.vtd, 0));
    qvtd_disable_queue(t->n.vtd);
    qvtd_size_queue(t->n.vtd, QUEUE_ORDER);
    qvtd_enable_queue(t->n.vtd);
    qtest_memset(t->n.qts, STATUS(0), 0, PAGE);
}

/* QMP is answered again and again, and in between the queue gets on. */
static void check_answers(PasidTest *t)
{
    unsigned last = 0, now, moved = 0, polls = 0;

    while (moved < 3 && has_patience(&polls, PATIENCE)) {
        qtest_qmp_assert_success(t->n.qts, "{'execute': 'query-status'}");
        now = qtest_readl(t->n.qts, STATUS(0));
        moved += now > last;
        last = now;
    }
    g_assert_true(work_left(t));
    g_assert_cmpint(counter(t, "longest-stay"), <, 256 + STEP);
}

static void check_stop(PasidTest *t)
{
    unsigned at;

    qtest_qmp_assert_success(t->n.qts, "{'execute': 'stop'}");
    g_assert_false(work_left(t));
    at = qtest_readl(t->n.qts, STATUS(0));
    for (int i = 0; i < 20; i++) {
        g_usleep(POLL_US);
        qtest_qmp_assert_success(t->n.qts, "{'execute': 'query-status'}");
    }
    g_assert_cmpuint(qtest_readl(t->n.qts, STATUS(0)), ==, at);
    qtest_qmp_assert_success(t->n.qts, "{'execute': 'cont'}");
    g_assert_true(work_left(t));
}

static void check_bad_descriptor(PasidTest *t, unsigned pairs)
{
    /* PC of a granularity that is reserved */
    put(t, 0x7ULL | 2 << 4, 0);
    put_wait(t, 1);
    qvtd_queue_submit(t->n.vtd);
    g_assert_cmphex(qvtd_readl(t->n.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE, ==, 0);
    qvtd_queue_settle(t->n.vtd);
    g_assert_cmphex(qvtd_readl(t->n.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    g_assert_cmpuint(qtest_readl(t->n.qts, STATUS(0)), ==, pairs);
    g_assert_cmpuint(head(t), ==, pairs * 2);
    g_assert_false(waited(t, 1));
}

static void device_away(PasidTest *t)
{
    g_clear_pointer(&t->n.edu.dev, g_free);
    nested_eject(t->n.qts, "dev");
}

static void other_root(PasidTest *t)
{
    uint64_t root = qvtd_alloc(t->n.vtd, 1);

    /* With nothing present in it */
    qvtd_set_root(t->n.vtd, root, ROOT_SCALABLE);
    g_assert_false(vtd_host_pasid_entry(t->n.bdf, FIRST).present);
}

static void meanwhile(PasidTest *t, Meanwhile what, unsigned pairs)
{
    QVTD *v = t->n.vtd;

    switch (what) {
    case NOTHING:
        break;
    case QMP_STATUS:
        check_answers(t);
        break;
    case SYSTEM_RESET:
        qtest_system_reset(t->n.qts);
        g_assert_false(work_left(t));
        g_assert_cmphex(qvtd_readq(v, DMAR_IQH_REG), ==, 0);
        g_assert_cmphex(qvtd_readl(v, DMAR_GSTS_REG), ==, 0);
        break;
    case QUEUE_OFF:
        qvtd_writel(v, DMAR_GCMD_REG, VTD_GCMD_TE);
        g_assert_cmphex(qvtd_readl(v, DMAR_GSTS_REG) & VTD_GSTS_QIES, !=, 0);
        break;
    case QUEUE_ADDRESS:
        qvtd_writeq(v, DMAR_IQA_REG, v->queue + PAGE);
        break;
    case ROOT_POINTER:
        other_root(t);
        break;
    case TRANSLATION_OFF:
        qvtd_enable_translation(v, false);
        g_assert_false(vtd_host_pasid_entry(t->n.bdf, FIRST).present);
        break;
    case STOP_CONT:
        check_stop(t);
        break;
    case BAD_DESCRIPTOR:
        check_bad_descriptor(t, pairs);
        break;
    case UNPLUG:
        device_away(t);
        break;
    }
}

static void test_left(gconstpointer data)
{
    const LeftRow *row = data;
    unsigned pairs = row->what == QMP_STATUS || row->what == SYSTEM_RESET ?
                     QUEUE_SLOTS / 2 - 1 : 64;
    PasidTest t;

    if (row->what == UNPLUG) {
        pasid_setup_behind(&t, ",id=viommu");
        build_tables(&t, LEFT_TABLES);
    } else {
        setup_tables(&t, LEFT_TABLES, "");
    }
    resize_queue(&t);
    fill_queue(&t, pairs);
    qvtd_queue_submit(t.n.vtd);
    g_assert_true(work_left(&t));
    meanwhile(&t, row->what, pairs);
    if (row->what == QMP_STATUS) {
        /* 8191 invalidations of everything are not for a test to wait for. */
        qtest_system_reset(t.n.qts);
    } else if (row->what != SYSTEM_RESET && row->what != BAD_DESCRIPTOR) {
        qvtd_queue_settle(t.n.vtd);
        g_assert_cmpuint(qtest_readl(t.n.qts, STATUS(0)), ==, pairs);
        g_assert_cmpuint(head(&t), ==, pairs * 2);
    }
    g_assert_cmpint(counter(&t, "longest-stay"), <, 256 + STEP);
    pasid_teardown(&t);
}

/* GSTS_REG says so when all PASIDs are there, and not before. */
static void test_translation_on(void)
{
    const unsigned number = 512;
    unsigned polls = 0;
    PasidTest t;

    setup(&t, BUDGET_PROPS);
    qvtd_enable_translation(t.n.vtd, false);
    write_entries(&t, number, t.n.tables[TABLE_B].root, 0);
    qvtd_writel(t.n.vtd, DMAR_GCMD_REG, VTD_GCMD_QIE | VTD_GCMD_TE);
    g_assert_cmphex(qvtd_readl(t.n.vtd, DMAR_GSTS_REG) & VTD_GSTS_TES, ==, 0);
    while (!(qvtd_readl(t.n.vtd, DMAR_GSTS_REG) & VTD_GSTS_TES) &&
           has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_cmpint(counter(&t, "pasid-entries"), ==, number);
    g_assert_false(work_left(&t));
    /* Both ways at once: what was commanded last holds. */
    qvtd_writel(t.n.vtd, DMAR_GCMD_REG, VTD_GCMD_QIE);
    g_assert_cmphex(qvtd_readl(t.n.vtd, DMAR_GSTS_REG) & VTD_GSTS_TES, !=, 0);
    qvtd_writel(t.n.vtd, DMAR_GCMD_REG, VTD_GCMD_QIE | VTD_GCMD_TE);
    g_assert_cmphex(qvtd_readl(t.n.vtd, DMAR_GSTS_REG) & VTD_GSTS_TES, ==, 0);
    polls = 0;
    while (work_left(&t) && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_cmphex(qvtd_readl(t.n.vtd, DMAR_GSTS_REG) & VTD_GSTS_TES, !=, 0);
    g_assert_cmpint(pasid_probe(&t, FIRST + number - 1), ==, TO_B);
    check_longest_stay(&t, BUDGET);
    pasid_teardown(&t);
}

/* Tables */

static void set_entry(PasidTest *t, uint32_t pasid, uint64_t stage1)
{
    const QVTDPasid entry = { .pgtt = PGTT_STAGE1, .did = DID_X,
                              .stage1 = stage1 };

    pasid_write(t, pasid, stage1 ? &entry : NULL);
    inv(t, QVTD_INV_PC_PASID(DID_X, pasid));
}

static void check_fault(PasidTest *t, unsigned want, uint32_t pasid)
{
    QVTDFault fault;
    bool any = qvtd_take_fault(t->n.vtd, &fault);

    g_assert_cmphex(any ? fault.reason : 0, ==, want);
    if (want) {
        g_assert_cmphex(fault.pasid, ==, pasid);
    }
}

static void test_max_hwpts(void)
{
    const uint32_t z = PASID_Y + 1;
    uint64_t a, b;
    QDict *event;
    PasidTest t;

    setup(&t, ",max-hwpts=2");
    a = t.n.tables[TABLE_A].root;
    b = t.n.tables[TABLE_B].root;
    set_entry(&t, PASID_X, a);
    set_entry(&t, PASID_Y, b);
    check_fault(&t, 0, 0);
    set_entry(&t, z, EMPTY_TABLES);
    check_fault(&t, 0x5b, z);
    /* Whatever was sent comes before an answer. */
    g_assert_cmpint(counter(&t, "blocks"), ==, 1);
    event = qtest_qmp_event_ref(t.n.qts, "INTEL_IOMMU_DMA_BLOCKED");
    g_assert_nonnull(event);
    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(event, "data"), "reason"),
                    ==, "too-many-tables");
    qobject_unref(event);
    g_assert_false(vtd_host_pasid_entry(t.n.bdf, z).present);
    /* One more user of a table is none more. */
    set_entry(&t, z, b);
    g_assert_cmpint(pasid_probe(&t, z), ==, TO_B);
    /* And a table that goes makes room for that which comes. */
    set_entry(&t, PASID_X, EMPTY_TABLES);
    check_fault(&t, 0, 0);
    g_assert_cmpuint(vtd_host_pasid_entry(t.n.bdf, PASID_X).stage1, ==,
                     EMPTY_TABLES);
    /* Blocked, until there is room */
    set_entry(&t, z, a);
    check_fault(&t, 0x5b, z);
    g_assert_cmpint(pasid_probe(&t, z), ==, BLOCKED);
    set_entry(&t, PASID_X, 0);
    inv(&t, QVTD_INV_PC_GLOBAL);
    g_assert_cmpint(pasid_probe(&t, z), ==, TO_A);
    g_assert_cmpint(pasid_probe(&t, PASID_Y), ==, TO_B);
    pasid_teardown(&t);
}

/* x-query-iommufd looks at each object twice: to count, and to tell. */
static void test_query(void)
{
    const unsigned number = 128;
    int64_t before;
    PasidTest t;

    setup_tables(&t, number, "");
    before = nested_iommufd_number(&t.n, "x-query-looks");
    qtest_qmp_assert_success(t.n.qts, "{'execute': 'x-query-iommufd'}");
    /* Nested HWPTs and the nest parent; PASIDs and the requester ID */
    g_assert_cmpint(nested_iommufd_number(&t.n, "x-query-looks") - before, ==,
                    2 * (number + 1 + number + 1));
    pasid_teardown(&t);
}

static void add(const char *group, const char *name, const void *row,
                GTestDataFunc test)
{
    g_autofree char *path = g_strdup_printf("/intel-iommu/nested/bounds/%s/%s",
                                            group, name);

    qtest_add_data_func(path, row, test);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv) ||
        !nested_test_requires(6, 15, "PASIDs of passed-through devices")) {
        return 0;
    }
    for (int i = 0; i < ARRAY_SIZE(sweep_rows); i++) {
        add("sweep", sweep_rows[i].name, &sweep_rows[i], test_sweep);
    }
    for (int i = 0; i < ARRAY_SIZE(left_rows); i++) {
        add("left", left_rows[i].name, &left_rows[i], test_left);
    }
    qtest_add_func("/intel-iommu/nested/bounds/descriptor", test_descriptor);
    qtest_add_func("/intel-iommu/nested/bounds/flush", test_flush);
    qtest_add_func("/intel-iommu/nested/bounds/order", test_order);
    qtest_add_func("/intel-iommu/nested/bounds/translation-on",
                   test_translation_on);
    qtest_add_func("/intel-iommu/nested/bounds/max-hwpts", test_max_hwpts);
    qtest_add_func("/intel-iommu/nested/bounds/query", test_query);

    return nested_test_run();
}
