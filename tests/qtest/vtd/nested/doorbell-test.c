/*
 * intel-iommu,nested=on,iothread=: registers and queue, as a guest sees them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs no device and no host: what invalidations come to is for
 * intel-iommu-nested-thread-test.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libqtest.h"
#include "libqos/patience.h"
#include "libqos/vtd-migrate.h"
#include "libqos/vtd.h"

#define MIB             (1024 * 1024ULL)
#define PAGE            4096
#define TABLES          (16 * MIB)
#define TABLES_END      (24 * MIB)
#define STATUS          (32 * MIB)      /* of wait descriptors */
#define NOWHERE         (1024 * MIB)    /* no RAM */
#define ROOT_SCALABLE   (1 << 10)
#define ROM             0xffff0000ULL

#define BAD_DESC        0xbULL          /* of a type that there is not */
#define NARROW_PC       QVTD_INV_PC_GLOBAL

/* Rounds of what a thread may come before, or too late for */
#define RACES           200

typedef struct World {
    QTestState *qts;
    QVTD v;
} World;

static void start(World *w, const char *props, const char *more)
{
    w->qts = qtest_initf("-machine q35 -m 64M -nodefaults "
                         "-object iothread,id=io0 -device intel-iommu,%s %s",
                         props, more);
    qvtd_init(&w->v, w->qts, TABLES, TABLES_END);
}

#define THREAD  "nested=on,iothread=io0"

/* With a queue of 128 descriptors and a root table */
static void start_queue(World *w)
{
    start(w, THREAD, "");
    qvtd_set_root(&w->v, w->v.root, ROOT_SCALABLE);
    qvtd_enable_queue(&w->v);
}

static void stop(World *w)
{
    qvtd_quit(w->qts);
}

static int64_t counter(World *w, const char *name)
{
    QDict *reply = qtest_qmp(w->qts,
                             "{'execute': 'x-query-intel-iommu-nested'}");
    QDict *unit = qobject_to(QDict,
                             qlist_peek(qdict_get_qlist(reply, "return")));
    int64_t number = qdict_get_int(qdict_get_qdict(unit, "counters"), name);

    qobject_unref(reply);
    return number;
}

static void put(World *w, uint64_t lo, uint64_t hi)
{
    const uint64_t desc[4] = { lo, hi };

    qvtd_queue_put(&w->v, desc);
}

/* A wait descriptor that writes @val to the @nr-th status */
static void put_wait(World *w, unsigned nr, uint32_t val)
{
    put(w, VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
        (uint64_t)val << VTD_INV_DESC_WAIT_DATA_SHIFT, STATUS + nr * 4);
}

static uint32_t status(World *w, unsigned nr)
{
    return qtest_readl(w->qts, STATUS + nr * 4);
}

static uint32_t tail(World *w)
{
    return w->v.tail * (w->v.narrow ? 16 : 32);
}

static bool has_queue_error(World *w)
{
    return qvtd_readl(&w->v, DMAR_FSTS_REG) & VTD_FSTS_IQE;
}

/* The register page */

typedef struct Dump {
    uint32_t reg[PAGE / 4];
} Dump;

static void dump(World *w, Dump *d)
{
    for (unsigned i = 0; i < PAGE / 4; i++) {
        d->reg[i] = qvtd_readl(&w->v, i * 4);
    }
}

enum { DUMPS = 6 };

/* The states that a register can get into without a device */
static void visit_states(Dump dumps[DUMPS], const char *props)
{
    World w;

    start(&w, props, "");
    dump(&w, &dumps[0]);
    qvtd_writeq(&w.v, DMAR_IQA_REG, w.v.queue | VTD_IQA_DW_MASK);
    qvtd_writeq(&w.v, DMAR_IVA_REG, ~0ULL);
    qvtd_writel(&w.v, DMAR_FEDATA_REG, 0x1234);
    qvtd_writeq(&w.v, DMAR_FECTL_REG, 0x5678ULL << 32);
    dump(&w, &dumps[1]);
    qvtd_set_root(&w.v, w.v.root, ROOT_SCALABLE);
    qvtd_enable_queue(&w.v);
    qvtd_enable_translation(&w.v, true);
    put_wait(&w, 0, 1);
    put(&w, VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_IF, 0);
    qvtd_queue_submit(&w.v);
    qvtd_queue_settle(&w.v);
    dump(&w, &dumps[2]);
    g_assert_cmphex(dumps[2].reg[DMAR_ICS_REG / 4], ==, 1);
    put(&w, BAD_DESC, 0);
    qvtd_queue_submit(&w.v);
    qvtd_queue_settle(&w.v);
    dump(&w, &dumps[3]);
    g_assert_cmphex(dumps[3].reg[DMAR_FSTS_REG / 4], ==, VTD_FSTS_IQE);
    qvtd_edit(&w.v, w.v.queue + tail(&w) - 32, ~0ULL, QVTD_INV_IEC_GLOBAL);
    qvtd_writel(&w.v, DMAR_FSTS_REG, VTD_FSTS_IQE);
    qvtd_writel(&w.v, DMAR_ICS_REG, 1);
    qvtd_queue_settle(&w.v);
    dump(&w, &dumps[4]);
    g_assert_cmphex(dumps[4].reg[DMAR_FSTS_REG / 4], ==, 0);
    qtest_system_reset(w.qts);
    dump(&w, &dumps[5]);
    stop(&w);
}

/* Each register reads the same as where each read exits. */
static void test_registers(gconstpointer data)
{
    static Dump with[DUMPS], without[DUMPS];
    g_autofree char *props = g_strdup_printf("%s,iothread=io0",
                                             (const char *)data);

    visit_states(without, data);
    visit_states(with, props);
    for (unsigned i = 0; i < DUMPS; i++) {
        for (unsigned reg = 0; reg < PAGE / 4; reg++) {
            if (with[i].reg[reg] != without[i].reg[reg]) {
                g_test_message("state %u, register 0x%x", i, reg * 4);
            }
            g_assert_cmphex(with[i].reg[reg], ==, without[i].reg[reg]);
        }
    }
}

/* The doorbell */

static void test_doorbell(void)
{
    int64_t doorbells;
    World w;

    start_queue(&w);
    g_assert_cmpint(counter(&w, "doorbells"), ==, 0);
    for (unsigned i = 1; i <= 300; i++) {
        put(&w, QVTD_INV_IOTLB_GLOBAL, 0);
        put_wait(&w, 0, i);
        qvtd_queue_submit(&w.v);
        qvtd_queue_settle(&w.v);
        g_assert_cmpuint(status(&w, 0), ==, i);
    }
    g_assert_cmpint(counter(&w, "doorbells"), ==, 300);
    g_assert_cmpint(counter(&w, "batches"), >, 0);
    g_assert_cmpint(counter(&w, "handovers"), ==, 0);

    /* Another width exits, and is carried out when it returns. */
    put_wait(&w, 0, 1000);
    qvtd_writeq(&w.v, DMAR_IQT_REG, tail(&w));
    g_assert_cmpuint(status(&w, 0), ==, 1000);
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQT_REG), ==, tail(&w));
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQH_REG), ==, tail(&w));
    g_assert_cmpint(counter(&w, "doorbells"), ==, 300);

    /* A queue that is disabled has none. */
    qvtd_disable_queue(&w.v);
    doorbells = counter(&w, "doorbells");
    qvtd_writel(&w.v, DMAR_IQT_REG, 32);
    g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQT_REG), ==, 32);
    g_assert_cmpint(counter(&w, "doorbells"), ==, doorbells);
    stop(&w);
}

/* Where a tail is out of its queue, or no multiple of a descriptor */
static void test_bad_tail(void)
{
    World w;

    start_queue(&w);
    qvtd_writel(&w.v, DMAR_IQT_REG, 128 * 32);
    g_assert_true(has_queue_error(&w));
    g_assert_cmpint(counter(&w, "doorbells"), ==, 0);
    stop(&w);
    start_queue(&w);
    qvtd_writel(&w.v, DMAR_IQT_REG, 16);
    g_assert_true(has_queue_error(&w));
    stop(&w);
}

typedef struct Size {
    const char *name;
    unsigned order;
    bool narrow;
    unsigned number;            /* of descriptors */
    bool has_doorbells;
} Size;

static const Size sizes[] = {
    { "128-wide", 0, false, 128, true },
    { "256-wide", 1, false, 256, true },
    { "512-wide", 2, false, 512, false },
    { "256-narrow", 0, true, 256, true },
    { "512-narrow", 1, true, 512, false },
};

static void run_size(World *w, const Size *size)
{
    int64_t doorbells = counter(w, "doorbells");

    w->v.narrow = size->narrow;
    qvtd_size_queue(&w->v, size->order);
    qvtd_enable_queue(&w->v);
    /* Three times round, and each tail once or more. */
    for (unsigned i = 1; i <= 3 * size->number / 2 + 1; i++) {
        put(w, QVTD_INV_IOTLB_DOMAIN(7), 0);
        put_wait(w, 0, i);
        qvtd_queue_submit(&w->v);
        qvtd_queue_settle(&w->v);
        g_assert_cmpuint(status(w, 0), ==, i);
    }
    g_assert_cmpint(counter(w, "doorbells") > doorbells, ==,
                    size->has_doorbells);
    qvtd_disable_queue(&w->v);
}

/* One after the other: what one had must not be left to the next. */
static void test_sizes(void)
{
    World w;

    start(&w, THREAD, "");
    qvtd_set_root(&w.v, w.v.root, ROOT_SCALABLE);
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        run_size(&w, &sizes[i]);
    }
    for (unsigned i = ARRAY_SIZE(sizes); i--; ) {
        run_size(&w, &sizes[i]);
    }
    stop(&w);
}

/* The order of what is in the queue, and of what is beside it */

/* Descriptors for the thread and for the main loop in turn */
static void test_mixed(void)
{
    static const uint64_t others[] = {
        QVTD_INV_PC_GLOBAL, QVTD_INV_CC_GLOBAL, QVTD_INV_IEC_GLOBAL,
        QVTD_INV_PC_PASID(7, 5),
    };
    World w;

    start_queue(&w);
    for (unsigned round = 0; round < RACES; round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
            put(&w, QVTD_INV_PIOTLB_ALL(7, 5), 0);
            put(&w, others[i], 0);
            put_wait(&w, i, round + 1);
            qvtd_queue_submit(&w.v);
        }
        qvtd_queue_settle(&w.v);
        for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
            g_assert_cmpuint(status(&w, i), ==, round + 1);
        }
    }
    g_assert_cmpint(counter(&w, "handovers"), >, 0);
    g_assert_cmpint(counter(&w, "doorbells"), ==,
                    RACES * ARRAY_SIZE(others));
    stop(&w);
}

typedef void (*Act)(World *w);

static void write_iqa(World *w)
{
    qvtd_writeq(&w->v, DMAR_IQA_REG, w->v.queue | VTD_IQA_DW_MASK);
}

static void write_gcmd(World *w)
{
    qvtd_writel(&w->v, DMAR_GCMD_REG, VTD_GCMD_QIE | VTD_GCMD_SRTP);
}

static void write_other(World *w)
{
    qvtd_writel(&w->v, DMAR_FEDATA_REG, 1);
}

static void write_tail(World *w)
{
    put_wait(w, 9, 1);
    qvtd_writeq(&w->v, DMAR_IQT_REG, tail(w));
}

static const struct {
    const char *name;
    Act act;
} acts[] = {
    { "iqa", write_iqa },
    { "gcmd", write_gcmd },
    { "other", write_other },
    { "iqt", write_tail },
};

/*
 * A register is written behind a doorbell: the queue has been served when that
 * returns, whether the thread was faster or not.
 */
static void test_behind(gconstpointer data)
{
    Act act = data;
    World w;

    start_queue(&w);
    for (unsigned i = 1; i <= RACES; i++) {
        for (unsigned n = 0; n < 20; n++) {
            put(&w, QVTD_INV_IOTLB_DOMAIN(7), 0);
            put(&w, i % 2 ? QVTD_INV_PIOTLB_ALL(7, 0) : QVTD_INV_PC_GLOBAL, 0);
        }
        put_wait(&w, 0, i);
        qvtd_queue_submit(&w.v);
        act(&w);
        g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQH_REG), ==, tail(&w));
        g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQT_REG), ==, tail(&w));
        g_assert_cmpuint(status(&w, 0), ==, i);
    }
    stop(&w);
}

/* Nothing that was signalled before a reset is left to what comes after it. */
static void test_reset(void)
{
    World w;

    start_queue(&w);
    for (unsigned i = 1; i <= RACES / 4; i++) {
        for (unsigned n = 0; n < 40; n++) {
            put(&w, n % 8 ? QVTD_INV_IOTLB_DOMAIN(7) : QVTD_INV_PC_GLOBAL, 0);
        }
        put_wait(&w, 0, i);
        qvtd_queue_submit(&w.v);
        qtest_system_reset(w.qts);
        g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQH_REG), ==, 0);
        g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQT_REG), ==, 0);
        g_assert_cmphex(qvtd_readl(&w.v, DMAR_GSTS_REG), ==, 0);
        qvtd_enable_queue(&w.v);
        put_wait(&w, 1, i);
        qvtd_queue_submit(&w.v);
        qvtd_queue_settle(&w.v);
        g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQH_REG), ==, 32);
        g_assert_cmpuint(status(&w, 1), ==, i);
        g_assert_false(has_queue_error(&w));
    }
    stop(&w);
}

/* Errors */

/* @bad is met at the head, and the queue goes on once it is mended. */
static void check_error(World *w, uint64_t lo, uint64_t hi)
{
    uint64_t slot;

    put_wait(w, 0, 1);
    put(w, QVTD_INV_IOTLB_DOMAIN(7), 0);
    slot = w->v.queue + tail(w);
    put(w, lo, hi);
    put_wait(w, 0, 2);
    qvtd_queue_submit(&w->v);
    qvtd_queue_settle(&w->v);
    g_assert_true(has_queue_error(w));
    g_assert_cmphex(qvtd_readq(&w->v, DMAR_IQH_REG), ==, slot - w->v.queue);
    g_assert_cmpuint(status(w, 0), ==, 1);

    /* Nothing moves while the error stands. */
    put_wait(w, 0, 3);
    qvtd_queue_submit(&w->v);
    g_assert_cmpint(counter(w, "doorbells"), >, 0);
    g_assert_cmphex(qvtd_readq(&w->v, DMAR_IQH_REG), ==, slot - w->v.queue);
    g_assert_cmphex(qvtd_readq(&w->v, DMAR_IQT_REG), ==, tail(w));
    g_assert_cmpuint(status(w, 0), ==, 1);

    qvtd_edit(&w->v, slot, ~0ULL, QVTD_INV_IOTLB_GLOBAL);
    qvtd_edit(&w->v, slot + 8, ~0ULL, 0);
    qvtd_writel(&w->v, DMAR_FSTS_REG, VTD_FSTS_IQE);
    qvtd_queue_settle(&w->v);
    g_assert_false(has_queue_error(w));
    g_assert_cmpuint(status(w, 0), ==, 3);
}

static void test_errors(void)
{
    static const uint64_t bad[][2] = {
        { BAD_DESC },
        { QVTD_INV_IOTLB_GLOBAL | 1 << 8 },
        { QVTD_INV_IOTLB_PAGE(7), 0x3f },
        { QVTD_INV_IOTLB_PAGE(7), 1 << 7 },
        { 0x2 },                                    /* no granularity */
        { QVTD_INV_PIOTLB_ALL(7, 0) | 1 << 6 },
        { QVTD_INV_PIOTLB_PAGE(7, 0), 0x3f },
        { 0x6 },
        { QVTD_INV_DEVTLB(0x20) | 1ULL << 48 },
        { QVTD_INV_DEVTLB(0x20), 1 << 1 },
        { QVTD_INV_PDEVTLB(0x20, 5) | 1 << 12 },
        { QVTD_INV_PDEVTLB(0x20, 5), 1 << 1 },
        { VTD_INV_DESC_WAIT },
        { VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW | 1 << 8, STATUS },
        { VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW, STATUS + 1 },
        { VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW, NOWHERE },
        { 0x7 | 2 << 4 },                           /* PASID cache */
    };
    World w;

    start_queue(&w);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        g_test_message("descriptor 0x%" PRIx64 " 0x%" PRIx64, bad[i][0],
                       bad[i][1]);
        check_error(&w, bad[i][0], bad[i][1]);
    }
    stop(&w);
}

/* Bits above 128 of a wide descriptor, and wide ones in a queue of narrow ones */
static void test_width(void)
{
    static const uint64_t kinds[] = {
        QVTD_INV_IOTLB_GLOBAL, QVTD_INV_PIOTLB_ALL(7, 0), QVTD_INV_DEVTLB(0x20),
        QVTD_INV_PDEVTLB(0x20, 5),
    };
    World w;

    start_queue(&w);
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        uint64_t desc[4] = { kinds[i], 0, 0, 1 };
        uint64_t slot = w.v.queue + tail(&w);

        qvtd_queue_put(&w.v, desc);
        qvtd_queue_submit(&w.v);
        qvtd_queue_settle(&w.v);
        g_assert_true(has_queue_error(&w));
        qvtd_edit(&w.v, slot + 24, ~0ULL, 0);
        qvtd_writel(&w.v, DMAR_FSTS_REG, VTD_FSTS_IQE);
        qvtd_queue_settle(&w.v);
        g_assert_false(has_queue_error(&w));
    }
    stop(&w);

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        start(&w, THREAD, "");
        w.v.narrow = true;
        qvtd_enable_queue(&w.v);
        put(&w, kinds[i], 0);
        put_wait(&w, 0, 1);
        qvtd_queue_submit(&w.v);
        qvtd_queue_settle(&w.v);
        g_assert_cmpint(has_queue_error(&w), ==, i & 1);
        g_assert_cmpuint(status(&w, 0), ==, !(i & 1));
        stop(&w);
    }
}

/* Where a status, or the queue, is in no ordinary RAM */
static void test_places(void)
{
    World w;

    start_queue(&w);
    /* The unit's own registers, which a device must not reach from within */
    put(&w, VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
        3ULL << VTD_INV_DESC_WAIT_DATA_SHIFT,
        Q35_HOST_BRIDGE_IOMMU_ADDR + DMAR_FEDATA_REG);
    qvtd_queue_submit(&w.v);
    qvtd_queue_settle(&w.v);
    g_assert_cmphex(qvtd_readl(&w.v, DMAR_FEDATA_REG), ==, 0);
    g_assert_true(has_queue_error(&w));
    stop(&w);

    /* A queue that is in ROM, and one that is in no memory */
    for (unsigned i = 0; i < 2; i++) {
        start(&w, THREAD, "");
        w.v.queue = i ? NOWHERE : ROM & ~0xfffULL;
        qvtd_enable_queue(&w.v);
        qvtd_writel(&w.v, DMAR_IQT_REG, 32);
        w.v.tail = 1;
        qvtd_queue_settle(&w.v);
        g_assert_true(has_queue_error(&w));
        g_assert_cmphex(qvtd_readq(&w.v, DMAR_IQH_REG), ==, 0);
        stop(&w);
    }
}

/* A machine that stands still */

static void run_state(World *w, const char *command)
{
    qtest_qmp_assert_success(w->qts, "{'execute': %s}", command);
}

/* Taken in, and not carried out */
static void check_stopped(World *w, uint32_t seq)
{
    g_assert_cmpint(counter(w, "doorbells"), >, 0);
    g_assert_cmphex(qvtd_readq(&w->v, DMAR_IQT_REG), ==, tail(w));
    g_assert_cmphex(qvtd_readq(&w->v, DMAR_IQH_REG), ==, tail(w) - 64);
    g_assert_cmpuint(status(w, 0), !=, seq);
}

static void test_stop(void)
{
    World w;

    start_queue(&w);
    for (unsigned i = 1; i <= 20; i++) {
        run_state(&w, "stop");
        put(&w, QVTD_INV_PIOTLB_ALL(7, 0), 0);
        put_wait(&w, 0, i);
        qvtd_queue_submit(&w.v);
        check_stopped(&w, i);
        run_state(&w, "cont");
        qvtd_queue_settle(&w.v);
        g_assert_cmpuint(status(&w, 0), ==, i);
    }
    stop(&w);
}

/*
 * Saved with descriptors outstanding, and loaded by a unit with a thread or one
 * without
 */
static void test_save(gconstpointer data)
{
    g_autofree char *file = NULL;
    int fd = g_file_open_tmp("doorbell-XXXXXX", &file, NULL);
    World w, loaded;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    start_queue(&w);
    put_wait(&w, 0, 1);
    qvtd_queue_submit(&w.v);
    qvtd_queue_settle(&w.v);
    run_state(&w, "stop");
    put(&w, QVTD_INV_PIOTLB_ALL(7, 0), 0);
    put_wait(&w, 0, 2);
    qvtd_queue_submit(&w.v);
    check_stopped(&w, 2);
    qvtd_save(w.qts, file);

    start(&loaded, data, "-incoming defer");
    qvtd_load(loaded.qts, file, "completed");
    loaded.v = w.v;
    loaded.v.qts = loaded.qts;
    g_assert_cmphex(qvtd_readq(&loaded.v, DMAR_IQT_REG), ==, tail(&w));
    run_state(&loaded, "cont");
    qvtd_queue_settle(&loaded.v);
    g_assert_cmpuint(status(&loaded, 0), ==, 2);
    /* And it goes on from there. */
    put_wait(&loaded, 0, 3);
    qvtd_queue_submit(&loaded.v);
    qvtd_queue_settle(&loaded.v);
    g_assert_cmpuint(status(&loaded, 0), ==, 3);
    g_assert_cmpint(counter(&loaded, "doorbells"), ==,
                    strstr(data, "iothread=") ? 1 : 0);
    unlink(file);
    stop(&loaded);
    stop(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_data_func("/intel-iommu/nested/doorbell/registers", "nested=on",
                        test_registers);
    qtest_add_data_func("/intel-iommu/nested/doorbell/registers-pri",
                        "nested=on,pri=on,device-iotlb=on,pasid=on",
                        test_registers);
    qtest_add_func("/intel-iommu/nested/doorbell/taken", test_doorbell);
    qtest_add_func("/intel-iommu/nested/doorbell/bad-tail", test_bad_tail);
    qtest_add_func("/intel-iommu/nested/doorbell/sizes", test_sizes);
    qtest_add_func("/intel-iommu/nested/doorbell/mixed", test_mixed);
    for (unsigned i = 0; i < ARRAY_SIZE(acts); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/doorbell/behind/%s", acts[i].name);

        qtest_add_data_func(path, acts[i].act, test_behind);
    }
    qtest_add_func("/intel-iommu/nested/doorbell/reset", test_reset);
    qtest_add_func("/intel-iommu/nested/doorbell/errors", test_errors);
    qtest_add_func("/intel-iommu/nested/doorbell/width", test_width);
    qtest_add_func("/intel-iommu/nested/doorbell/places", test_places);
    qtest_add_func("/intel-iommu/nested/doorbell/stop", test_stop);
    qtest_add_data_func("/intel-iommu/nested/doorbell/save/thread", THREAD,
                        test_save);
    qtest_add_data_func("/intel-iommu/nested/doorbell/save/none", "nested=on",
                        test_save);
    return g_test_run();
}
