/*
 * intel-iommu,nested=on: a machine that migrates with its device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs two pasid-testdevs that are bound to pasid-testdev-vfio, a driver of the
 * host VM with VFIO's migration.  Two QEMUs are in one host: the machine goes
 * from one device to the other and back.  The device writes all the time, through
 * the guest's stage 1, and numbers its passes; so a page that was left behind has
 * the number of an earlier pass.
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libqos/patience.h"
#include "libqos/vtd-migrate.h"
#include "nested-pasid-world.h"

#define ROUNDS          4
#define WINDOW          (1ULL << 40)    /* where stage 1 has the data */
#define DATA            (40 * MIB)      /* where it is in RAM */
#define DATA_PAGES      1024
#define CHUNK           16              /* pages of the device's memory */
#define RUNNING         (DATA + DATA_PAGES * PAGE)  /* what is repeated */
#define RUNNERS         2               /* channels that repeat */
#define RUNNER_PAGES    8
#define POLL_US         10000
#define PATIENCE        6000            /* polls */

typedef struct MoveTest {
    PasidTest p;
    QVTD vtd;                   /* it outlives the QEMU */
    bool pasids;
    const char *props;          /* of intel-iommu */
    uint32_t runner[RUNNERS];   /* PASIDs, 0: without */
    uint8_t want[DATA_PAGES];
    QVTDTable s1;
    unsigned passes;            /* when it was looked at last */
} MoveTest;

/* QMP */

static bool migration_is(QTestState *qts, const char *status)
{
    g_autofree char *now = qvtd_migration_string(qts, "status");

    return g_str_equal(now, status);
}

/* Nothing blocks it. */
static void check_may_migrate(QTestState *qts)
{
    g_autofree char *reason = qvtd_blocked_by(qts, "");

    g_assert_cmpstr(reason, ==, NULL);
}

static void set_speed(QTestState *qts, uint64_t bandwidth, unsigned downtime)
{
    qtest_qmp_assert_success(qts, "{'execute': 'migrate-set-parameters', "
                             "'arguments': {'max-bandwidth': %" PRIu64 ", "
                             "'downtime-limit': %u}}", bandwidth, downtime);
}

/* The machine */

static void start(MoveTest *m, const char *bdf, const char *more)
{
    g_autofree char *devices = g_strdup_printf(
        "-device vfio-pci,id=dev,host=%s,iommufd=iommufd0,addr=%d %s", bdf,
        SLOT, more);

    nested_start_props(&m->p.n, m->props, devices);
    m->p.n.bdf = bdf;
    m->p.n.devfn = QPCI_DEVFN(SLOT, 0);
}

static void attach(MoveTest *m, uint32_t pasid)
{
    const QVTDPasid entry = {
        .pgtt = PGTT_STAGE1, .did = DID, .stage1 = m->s1.root,
    };

    pasid_write(&m->p, pasid, &entry);
    g_assert_true(qvtd_invalidate(m->p.n.vtd, QVTD_INV_PC_PASID(DID, pasid),
                                  0));
}

static void setup(MoveTest *m, bool pasids)
{
    NestedTest *n = &m->p.n;

    *m = (MoveTest) {
        .pasids = pasids,
        .props = pasids ? "nested=on,pasid=on" : "nested=on",
        .runner = { 0, pasids ? PASID_X : 0 },
    };
    start(m, vtd_host_device(), "");
    n->edu.dev = qpci_device_find(n->pci, n->devfn);
    qtestdev_init(&m->p.dev, n->qts, n->edu.dev);
    if (pasids) {
        qtestdev_enable(&m->p.dev, QTESTDEV_PASID);
    }
    nested_build_tables(n);
    qvtd_table_init(n->vtd, &m->s1, 4, 0, QVTD_S1_LINK);
    for (unsigned i = 0; i < DATA_PAGES + RUNNERS * RUNNER_PAGES; i++) {
        qvtd_map(n->vtd, &m->s1, WINDOW + i * PAGE, DATA + i * PAGE, 12,
                 QVTD_S1_PAGE);
    }
    pasid_set_context(&m->p, 0, pasids);
    attach(m, 0);
    if (pasids) {
        attach(m, PASID_X);
    }
    qvtd_enable_translation(n->vtd, true);
}

/* The device */

static void fill_device(MoveTest *m)
{
    uint8_t page[PAGE];

    for (unsigned i = 0; i < CHUNK; i++) {
        memset(page, i + 1, PAGE);
        qtestdev_memwrite(&m->p.dev, i * PAGE, page, PAGE);
    }
}

/* Channel 0 writes some pages; RID and PASID take turns. */
static void write_some(MoveTest *m)
{
    unsigned from = g_test_rand_int_range(0, CHUNK / 2);
    unsigned nr = CHUNK / 2 - from;
    unsigned at = g_test_rand_int_range(0, DATA_PAGES - CHUNK);
    bool pasid = m->pasids && g_test_rand_bit();
    const QTestdevCommand command = {
        .op = PASID_TESTDEV_WRITE | (pasid ? PASID_TESTDEV_WITH_PASID : 0),
        .pasid = PASID_X,
        .iova = WINDOW + at * PAGE,
        .length = nr * PAGE,
        .buffer = from * PAGE,
    };

    g_assert_cmpuint(qtestdev_run(&m->p.dev, &command), ==, PASID_TESTDEV_OK);
    for (unsigned i = 0; i < nr; i++) {
        m->want[at + i] = from + i + 1;
    }
}

/* Channels 1 and 2 go on until they are told otherwise. */
static void start_runners(MoveTest *m)
{
    for (unsigned i = 0; i < RUNNERS; i++) {
        const QTestdevCommand command = {
            .channel = 1 + i,
            .op = PASID_TESTDEV_WRITE | PASID_TESTDEV_REPEAT |
                  (m->runner[i] ? PASID_TESTDEV_WITH_PASID : 0),
            .pasid = m->runner[i],
            .iova = WINDOW + (DATA_PAGES + i * RUNNER_PAGES) * PAGE,
            .length = (CHUNK / 2 / RUNNERS) * PAGE,
            .buffer = (CHUNK / 2 + i * (CHUNK / 2 / RUNNERS)) * PAGE,
        };

        qtestdev_start(&m->p.dev, &command);
    }
}

static unsigned runner_passes(MoveTest *m, unsigned i)
{
    return qtestdev_readl(&m->p.dev, PASID_TESTDEV_CHANNEL(1 + i) +
                          PASID_TESTDEV_RESULT);
}

static void wait_for_pass(MoveTest *m, unsigned i, unsigned pass)
{
    unsigned polls = 0;

    while (runner_passes(m, i) < pass && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
}

/* Stops them; each page has what the last pass wrote. */
static void stop_runners(MoveTest *m)
{
    for (unsigned i = 0; i < RUNNERS; i++) {
        unsigned channel = 1 + i, passes;

        qtestdev_writel(&m->p.dev, PASID_TESTDEV_CHANNEL(channel) +
                        PASID_TESTDEV_COMMAND, 0);
        g_assert_cmpuint(qtestdev_finish(&m->p.dev, channel), ==,
                         PASID_TESTDEV_OK);
        passes = runner_passes(m, i);
        g_test_message("channel %u: %u passes", channel, passes);
        for (unsigned page = 0; page < CHUNK / 2 / RUNNERS; page++) {
            uint64_t at = RUNNING + (i * RUNNER_PAGES + page) * PAGE;

            g_assert_cmpuint(qtest_readl(m->p.n.qts, at), ==, passes);
        }
    }
}

static void check_data(MoveTest *m)
{
    g_autofree uint8_t *data = g_malloc(DATA_PAGES * PAGE);
    unsigned wrong = 0;

    qtest_bufread(m->p.n.qts, DATA, data, DATA_PAGES * PAGE);
    for (unsigned i = 0; i < DATA_PAGES; i++) {
        for (unsigned at = 0; at < PAGE; at++) {
            wrong += data[i * PAGE + at] != m->want[i];
        }
    }
    g_test_message("%u pages were looked at, %u bytes wrong", DATA_PAGES,
                   wrong);
    g_assert_cmpuint(wrong, ==, 0);
}

/* Moves */

/* What the last QEMU knew of itself goes with it; the guest's things stay. */
static void end_source(NestedTest *n)
{
    g_free(n->edu.dev);
    g_free(n->vtd);
    qpci_free_pc(n->pci);
    qvtd_quit(n->qts);
}

static void begin_target(MoveTest *m, const MoveTest *from, const char *bdf,
                         const char *uri)
{
    NestedTest *n = &m->p.n;

    *m = *from;
    start(m, bdf, "-incoming defer");
    m->vtd = *from->p.n.vtd;
    *n->vtd = m->vtd;
    n->vtd->qts = n->qts;
    n->context = from->p.n.context;
    n->entry = from->p.n.entry;
    qtest_qmp_assert_success(n->qts, "{'execute': 'migrate-incoming', "
                             "'arguments': {'uri': %s, 'exit-on-error': "
                             "false}}", uri);
}

/* The machine runs there now: the queue's tail has moved since. */
static void take_over(MoveTest *m, const MoveTest *from)
{
    NestedTest *n = &m->p.n;

    *n->vtd = *from->p.n.vtd;
    n->vtd->qts = n->qts;
    memcpy(m->want, from->want, sizeof(m->want));
    n->edu.dev = qpci_device_find(n->pci, n->devfn);
    m->p.dev = (QTestdev) {
        .qts = n->qts, .dev = n->edu.dev, .bar = from->p.dev.bar,
    };
}

static void check_nested(MoveTest *m)
{
    VTDHostEntry host = vtd_host_pasid_entry(m->p.n.bdf, 0);

    g_assert_cmpuint(host.pgtt, ==, PGTT_NESTED);
    g_assert_cmphex(host.stage1, ==, m->s1.root);
    if (m->pasids) {
        host = vtd_host_pasid_entry(m->p.n.bdf, PASID_X);
        g_assert_cmpuint(host.pgtt, ==, PGTT_NESTED);
        g_assert_cmphex(host.stage1, ==, m->s1.root);
    }
}

static void report_numbers(QTestState *qts)
{
    QDict *reply = qtest_qmp(qts, "{'execute': 'query-migrate'}");
    QDict *info = qdict_get_qdict(reply, "return");
    QDict *ram = qdict_get_qdict(info, "ram");
    int64_t state = qdict_get_int(qdict_get_qdict(info, "vfio"), "transferred");

    g_test_message("downtime %" PRId64 " ms, %" PRId64 " rounds, %" PRId64
                   " pages, %" PRId64 " bytes of RAM, %" PRId64 " of the "
                   "device's state",
                   qdict_get_try_int(info, "downtime", -1),
                   qdict_get_try_int(ram, "dirty-sync-count", -1),
                   qdict_get_try_int(ram, "normal", -1),
                   qdict_get_try_int(ram, "transferred", -1), state);
    /* Of the device that runs, and of the one that was stopped */
    g_assert_cmpint(state, ==, 2 * QTESTDEV_STATE_SIZE);
    qobject_unref(reply);
}

/* While pages are sent, the device writes to them; then it may end. */
static void migrate(MoveTest *from, const char *uri)
{
    QTestState *qts = from->p.n.qts;

    set_speed(qts, 2 * MIB, 1);
    qtest_qmp_assert_success(qts, "{'execute': 'migrate', 'arguments': "
                             "{'uri': %s}}", uri);
    for (int i = 0; i < 40 && !qvtd_migration_ended(qts) && !g_test_failed(); i++) {
        write_some(from);
    }
    set_speed(qts, 0, 2000);
    qvtd_await_migration(qts, "completed", PATIENCE);
    report_numbers(qts);
}

static void move(MoveTest *m, const char *bdf)
{
    g_autofree char *dir = g_dir_make_tmp("migrate-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "socket", NULL);
    g_autofree char *uri = g_strdup_printf("unix:%s", path);
    MoveTest from = *m;

    begin_target(m, &from, bdf, uri);
    migrate(&from, uri);
    qvtd_await_migration(m->p.n.qts, "completed", PATIENCE);
    qvtd_await_running(m->p.n.qts, PATIENCE);
    take_over(m, &from);
    end_source(&from.p.n);
    unlink(path);
    rmdir(dir);
}

static void run_rounds(bool pasids, int rounds)
{
    const char *bdf2 = getenv("VTD_TEST_BDF2");
    MoveTest m;

    if (!bdf2) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
        return;
    }
    setup(&m, pasids);
    check_may_migrate(m.p.n.qts);
    fill_device(&m);
    for (int i = 0; i < rounds && !g_test_failed(); i++) {
        unsigned passes;

        start_runners(&m);
        wait_for_pass(&m, 0, 3);
        passes = runner_passes(&m, 0);
        for (int j = 0; j < 20; j++) {
            write_some(&m);
        }
        move(&m, i % 2 ? vtd_host_device() : bdf2);
        check_nested(&m);
        wait_for_pass(&m, 0, passes + 3);
        write_some(&m);
        stop_runners(&m);
        check_data(&m);
    }
    nested_teardown(&m.p.n);
}

static void test_rid(void)
{
    /* There and back; the other row has requests without PASID as well. */
    run_rounds(false, 2);
}

static void test_pasid(void)
{
    if (!nested_host_at_least(6, 15)) {
        g_test_skip("PASIDs of passed-through devices: needs Linux 6.15 or "
                    "later");
        return;
    }
    run_rounds(true, ROUNDS);
}

/* The guest runs on, and may try again. */
typedef struct FailRow {
    const char *name;
    const char *what;           /* for x-inject */
} FailRow;

static const FailRow fail_rows[] = {
    { "start", "iommu-hwpt-set-dirty-tracking 12 1" },
    { "bitmap", "iommu-hwpt-get-dirty-bitmap 12 1" },
    { "bitmap-later", "iommu-hwpt-get-dirty-bitmap 12 1 3" },
};

static void start_to_file(MoveTest *m, const char *uri)
{
    qtest_qmp_assert_success(m->p.n.qts, "{'execute': 'migrate', 'arguments': "
                             "{'uri': %s}}", uri);
}

static void test_fails(gconstpointer data)
{
    const FailRow *row = data;
    g_autofree char *dir = g_dir_make_tmp("migrate-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "file", NULL);
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    MoveTest m;

    setup(&m, false);
    fill_device(&m);
    start_runners(&m);
    wait_for_pass(&m, 0, 2);
    nested_inject(&m.p.n, row->what);
    start_to_file(&m, uri);
    qvtd_await_migration(m.p.n.qts, "failed", PATIENCE);
    check_nested(&m);
    qvtd_await_running(m.p.n.qts, PATIENCE);
    wait_for_pass(&m, 0, runner_passes(&m, 0) + 3);
    write_some(&m);
    stop_runners(&m);
    check_data(&m);
    start_to_file(&m, uri);
    qvtd_await_migration(m.p.n.qts, "completed", PATIENCE);
    unlink(path);
    rmdir(dir);
    nested_teardown(&m.p.n);
}

/* The device is put on a second-stage table while pages are sent. */

#define AW_48           2

static void legacy_on(MoveTest *m)
{
    NestedTest *n = &m->p.n;
    uint64_t root = qvtd_alloc(n->vtd, 1), context = qvtd_alloc(n->vtd, 1);
    QVTDTable table;

    qvtd_table_init(n->vtd, &table, 4, 0, QVTD_S2_LINK);
    qvtd_map(n->vtd, &table, WINDOW, DATA, 12, QVTD_S2_PAGE);
    qtest_writeq(n->qts, root, context | 1);
    qtest_writeq(n->qts, context + n->devfn * 16 + 8, AW_48 | DID << 8);
    qtest_writeq(n->qts, context + n->devfn * 16, table.root | 1);
    qvtd_set_root(n->vtd, root, 0);
}

static void check_failed_for_legacy(QTestState *qts)
{
    g_autofree char *why = NULL;

    qvtd_await_migration(qts, "failed", PATIENCE);
    why = qvtd_migration_string(qts, "error-desc");
    g_test_message("%s", why);
    g_assert_nonnull(strstr(why, "legacy mode"));
}

static void test_legacy(void)
{
    g_autofree char *dir = g_dir_make_tmp("migrate-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "file", NULL);
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    unsigned polls = 0;
    NestedTest *n;
    MoveTest m;

    setup(&m, false);
    n = &m.p.n;
    set_speed(n->qts, PAGE, 1);
    start_to_file(&m, uri);
    while (!migration_is(n->qts, "active") && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    legacy_on(&m);
    check_failed_for_legacy(n->qts);
    /* The next one does not get far, either. */
    start_to_file(&m, uri);
    check_failed_for_legacy(n->qts);

    qvtd_set_root(n->vtd, n->vtd->root, ROOT_SCALABLE);
    check_nested(&m);
    set_speed(n->qts, 0, 2000);
    start_to_file(&m, uri);
    qvtd_await_migration(n->qts, "completed", PATIENCE);
    unlink(path);
    rmdir(dir);
    nested_teardown(n);
}

/* Modes in which another QEMU takes over on the same host */
typedef struct ModeRow {
    const char *mode;
    const char *blocked_by;     /* in query-migrate, or NULL: by nothing */
    const char *fails_by;
} ModeRow;

static const ModeRow mode_rows[] = {
    { "cpr-reboot", NULL, "only supports cpr-reboot for runstate suspended" },
    { "cpr-transfer", "iommufd" },
    { "cpr-exec", "iommufd" },
};

static bool set_mode(QTestState *qts, const char *mode)
{
    QDict *reply = qtest_qmp(qts, "{'execute': 'migrate-set-parameters', "
                             "'arguments': {'mode': %s}}", mode);
    bool known = !qdict_haskey(reply, "error");

    qobject_unref(reply);
    return known;
}

static void check_mode(MoveTest *m, const ModeRow *row)
{
    QTestState *qts = m->p.n.qts;
    g_autofree char *reason = qvtd_blocked_by(qts, row->blocked_by ?: "");

    if (row->blocked_by) {
        g_assert_nonnull(reason);
        g_test_message("%s", reason);
    } else {
        g_autofree char *why = NULL;

        g_assert_null(reason);
        start_to_file(m, "exec:cat >/dev/null");
        qvtd_await_migration(qts, "failed", PATIENCE);
        why = qvtd_migration_string(qts, "error-desc");
        g_test_message("%s", why);
        g_assert_nonnull(strstr(why, row->fails_by));
    }
}

/* Refused by name, and the guest runs on; by the usual mode it can go. */
static void test_mode(gconstpointer data)
{
    const ModeRow *row = data;
    QTestState *qts;
    MoveTest m;

    setup(&m, false);
    qts = m.p.n.qts;
    if (set_mode(qts, row->mode)) {
        check_mode(&m, row);
        qvtd_await_running(qts, PATIENCE);
        check_nested(&m);
        g_assert_true(set_mode(qts, "normal"));
        start_to_file(&m, "exec:cat >/dev/null");
        qvtd_await_migration(qts, "completed", PATIENCE);
    } else {
        g_autofree char *reason = g_strdup_printf("this QEMU has no mode %s",
                                                  row->mode);

        g_test_skip(reason);
    }
    nested_teardown(&m.p.n);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/migrate/rid", test_rid);
    qtest_add_func("/intel-iommu/nested/migrate/pasid", test_pasid);
    for (unsigned i = 0; i < ARRAY_SIZE(fail_rows); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/migrate/fails/%s", fail_rows[i].name);

        qtest_add_data_func(path, &fail_rows[i], test_fails);
    }
    qtest_add_func("/intel-iommu/nested/migrate/legacy", test_legacy);
    for (unsigned i = 0; i < ARRAY_SIZE(mode_rows); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/migrate/mode/%s", mode_rows[i].mode);

        qtest_add_data_func(path, &mode_rows[i], test_mode);
    }

    return nested_test_run();
}
