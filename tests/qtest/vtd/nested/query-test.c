/*
 * intel-iommu,nested=on: what QMP tells of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each answer is held against what the host's debugfs shows and where the
 * device's DMA goes.  Needs what intel-iommu-nested-test needs.
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-steps.h"

#define NESTED_CMD  "x-query-intel-iommu-nested"

/* The command's answer; of a list, its only element. */
static QDict *query_one(NestedTest *t, const char *command)
{
    QDict *reply = qtest_qmp(t->qts, "{'execute': %s}", command);
    QList *list = qdict_get_qlist(reply, "return");
    QDict *one;

    g_assert_nonnull(list);
    g_assert_cmpint(qlist_size(list), ==, 1);
    one = qobject_to(QDict, qlist_peek(list));
    qobject_ref(one);
    qobject_unref(reply);
    return one;
}

/* The element of dict[list] whose member @key is @value, or NULL. */
static QDict *find_id(const QDict *dict, const char *list, const char *key,
                      int64_t value)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(dict, list), entry) {
        QDict *element = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_get_int(element, key) == value) {
            return element;
        }
    }
    return NULL;
}

static QDict *find_name(const QDict *dict, const char *list, const char *name)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(dict, list), entry) {
        QDict *element = qobject_to(QDict, qlist_entry_obj(entry));

        if (!strcmp(qdict_get_str(element, "name"), name)) {
            return element;
        }
    }
    g_assert_not_reached();
}

static QDict *first(const QDict *dict, const char *list)
{
    return qobject_to(QDict, qlist_peek(qdict_get_qlist(dict, list)));
}

static bool has_flag(const QDict *dict, const char *flag)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(dict, "flags"), entry) {
        if (!strcmp(qstring_get_str(qobject_to(QString,
                                               qlist_entry_obj(entry))),
                    flag)) {
            return true;
        }
    }
    return false;
}

/* Where the requests go: rows */

typedef struct Row {
    const char *name;
    Op ops[6];              /* up to END */
    const char *target;
    const char *reason;
    unsigned pgtt;          /* of the guest's entry; NO_ENTRY: not given */
    unsigned fault;         /* recorded, as the guest's register has it too */
    Dma dma;
    const char *event;      /* reason in INTEL_IOMMU_DMA_BLOCKED, or NULL */
} Row;

#define NO_ENTRY 99

static const Row rows[] = {
    { "boot", { START }, "stage2", "translation-off", NO_ENTRY, 0, IDENTITY },
    { "pass-through", { SET_PASS, TE_ON },
      "stage2", "pass-through", PGTT_PASS, 0, IDENTITY },
    { "stage1", { SET_A, TE_ON },
      "stage1", "first-stage", PGTT_STAGE1, 0, TO_A },
    { "stage1-other-table", { SET_A, TE_ON, SET_B },
      "stage1", "first-stage", PGTT_STAGE1, 0, TO_B },
    { "not-present", { SET_A, TE_ON, SET_NONE },
      "blocked", "not-present", NO_ENTRY, 0, BLOCKED },
    { "legacy", { SET_A, LEGACY, TE_ON }, "blocked", "not-present", NO_ENTRY,
      0, BLOCKED },
    { "malformed", { SET_A, TE_ON, CONTEXT_RESERVED },
      "blocked", "malformed-table", NO_ENTRY, 0x42, BLOCKED,
      "malformed-table" },
    { "second-stage", { SET_A, TE_ON, SET_STAGE2 },
      "blocked", "second-stage", PGTT_STAGE2, 0x5b, BLOCKED, "second-stage" },
    { "paging-mode", { SET_A, TE_ON, SET_FIVE_LEVEL },
      "blocked", "paging-mode", PGTT_STAGE1, 0x5b, BLOCKED, "paging-mode" },
    { "translation-type", { SET_A, TE_ON, SET_NO_TYPE },
      "blocked", "translation-type", 0, 0x5b, BLOCKED, "translation-type" },
    { "host-refused", { SET_A, TE_ON, FAIL_ATTACH, SET_B },
      "blocked", "host-refused", PGTT_STAGE1, 0x5b, BLOCKED, "host-refused" },
    { "back-again", { SET_A, TE_ON, SET_STAGE2, SET_B },
      "stage1", "first-stage", PGTT_STAGE1, 0, TO_B, "second-stage" },
};

/* The kernel's table of the device, against what QEMU says it is. */
static void check_truth(NestedTest *t, const QDict *at, const QDict *iommufd)
{
    VTDHostEntry host = vtd_host_entry(t->bdf);
    int64_t id = qdict_get_try_int(at, "page-table", 0);
    QDict *attachment = first(iommufd, "attachments");
    QDict *hwpt, *s1;

    if (!host.present) {
        g_assert_false(qdict_haskey(at, "page-table"));
        g_assert_null(attachment);
        return;
    }
    g_assert_cmpint(qdict_get_int(attachment, "page-table"), ==, id);
    g_assert_cmpstr(qdict_get_str(attachment, "device"), ==, t->bdf);
    hwpt = find_id(iommufd, "hwpts", "id", id);
    g_assert_nonnull(hwpt);
    g_assert_cmpint(qdict_get_int(hwpt, "users"), ==, 1);
    s1 = qdict_get_qdict(hwpt, "vtd-stage1");
    if (host.pgtt == PGTT_NESTED) {
        g_assert_cmphex(qdict_get_int(s1, "pointer"), ==, host.stage1);
        g_assert_false(has_flag(hwpt, "nest-parent"));
        s1 = qdict_get_qdict(at, "stage1");
        g_assert_cmphex(qdict_get_int(s1, "pointer"), ==, host.stage1);
        g_assert_cmpint(qdict_get_int(s1, "addr-width"), ==, 48);
    } else {
        g_assert_null(s1);
        g_assert_true(has_flag(hwpt, "nest-parent"));
        g_assert_false(qdict_haskey(at, "stage1"));
    }
}

static void run_row(gconstpointer data)
{
    const Row *row = data;
    QDict *nested, *iommufd, *dev, *at;
    NestedTest t;

    nested_setup(&t);
    for (const Op *op = row->ops; *op != END; op++) {
        nested_step(&t, *op);
    }
    nested = query_one(&t, NESTED_CMD);
    iommufd = query_one(&t, "x-query-iommufd");
    dev = first(nested, "devices");
    at = first(dev, "attaches");

    g_assert_cmpstr(qdict_get_str(dev, "qom-path"), ==,
                    "/machine/peripheral/dev");
    g_assert_cmpstr(qdict_get_str(dev, "host"), ==, t.bdf);
    g_assert_cmpint(qdict_get_int(dev, "sid"), ==, t.devfn);
    g_assert_cmpstr(qdict_get_str(at, "target"), ==, row->target);
    g_assert_cmpstr(qdict_get_str(at, "reason"), ==, row->reason);
    g_assert_cmpint(qdict_get_try_int(at, "pgtt", NO_ENTRY), ==, row->pgtt);
    if (row->pgtt != NO_ENTRY) {
        g_assert_cmpint(qdict_get_int(at, "domain-id"), ==, DID);
        g_assert_cmpint(qdict_get_int(at, "entry-pasid"), ==, 0);
    }
    g_assert_cmphex(qdict_get_int(at, "fault"), ==, row->fault);
    g_assert_cmpint(qdict_get_int(qdict_get_qdict(nested, "counters"),
                                  "blocks"), ==, row->event ? 1 : 0);
    check_truth(&t, at, iommufd);
    nested_check_event(&t, row->event);
    if (row->fault) {
        nested_check_fault(&t, row->fault);
    }
    g_assert_cmpint(nested_probe(&t), ==, row->dma);

    qobject_unref(nested);
    qobject_unref(iommufd);
    nested_teardown(&t);
}

/* What is in the kernel, and what was asked of it */
static void test_objects(void)
{
    QDict *info, *ioas, *parent, *nested, *ioctl, *error;
    const VTDHostEntry *host;
    VTDHostEntry entry;
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    nested_step(&t, FAIL_INVALIDATE_1);
    nested_step(&t, INV_PAGE);
    entry = vtd_host_entry(t.bdf);
    host = &entry;
    info = query_one(&t, "x-query-iommufd");

    g_assert_cmpstr(qdict_get_str(info, "id"), ==, "iommufd0");
    g_assert_cmpint(qdict_get_int(info, "users"), ==, 1);
    g_assert_cmpint(qlist_size(qdict_get_qlist(info, "ioas")), ==, 1);
    g_assert_cmpint(qlist_size(qdict_get_qlist(info, "hwpts")), ==, 2);
    ioas = first(info, "ioas");
    /* All of the guest's RAM but what lies under the ROMs */
    g_assert_cmpint(qdict_get_int(ioas, "mapped"), >, RAM_END - MIB);
    g_assert_cmpint(qdict_get_int(ioas, "mapped"), <=, RAM_END);
    g_assert_cmpint(qdict_get_int(ioas, "users"), ==, 1);

    parent = find_id(info, "hwpts", "parent", qdict_get_int(ioas, "id"));
    g_assert_nonnull(parent);
    g_assert_true(has_flag(parent, "nest-parent"));
    g_assert_cmpint(qdict_get_int(parent, "users"), ==, 1);
    nested = find_id(info, "hwpts", "parent", qdict_get_int(parent, "id"));
    g_assert_nonnull(nested);
    g_assert_cmphex(qdict_get_int(qdict_get_qdict(nested, "vtd-stage1"),
                                  "pointer"), ==, host->stage1);
    g_assert_cmpint(qdict_get_int(first(info, "attachments"), "page-table"),
                    ==, qdict_get_int(nested, "id"));

    ioctl = find_name(info, "ioctls", "IOMMU_HWPT_INVALIDATE");
    g_assert_cmpint(qdict_get_int(ioctl, "failures"), ==, 1);
    error = first(ioctl, "errors");
    g_assert_cmpint(qdict_get_int(error, "errno"), ==, EIO);
    g_assert_cmpint(qdict_get_int(error, "count"), ==, 1);
    ioctl = find_name(info, "ioctls", "IOMMU_HWPT_ALLOC");
    g_assert_cmpint(qdict_get_int(ioctl, "calls"), ==,
                    nested_calls(&t, "iommu-hwpt-alloc"));
    g_assert_cmpint(qdict_get_int(ioctl, "failures"), ==, 0);
    qobject_unref(info);

    /* Off again: the nested one is gone, in the kernel and in the answer. */
    nested_step(&t, TE_OFF);
    info = query_one(&t, "x-query-iommufd");
    g_assert_cmpint(qlist_size(qdict_get_qlist(info, "hwpts")), ==, 1);
    g_assert_true(has_flag(first(info, "hwpts"), "nest-parent"));
    g_assert_cmpint(qdict_get_int(first(info, "hwpts"), "users"), ==, 1);
    qobject_unref(info);
    nested_teardown(&t);
}

/* Host value, guest value */
static void test_capabilities(void)
{
    static const struct {
        const char *name;
        bool in_cap;
        unsigned bit;
    } fields[] = {
        { "CM", true, 7 }, { "FS1GP", true, 56 }, { "FS5LP", true, 60 },
        { "NEST", false, 26 }, { "SRS", false, 31 }, { "SMTS", false, 43 },
        { "SLTS", false, 46 }, { "FLTS", false, 47 }, { "SMPWC", false, 48 },
    };
    uint64_t cap, ecap, host_cap, host_ecap;
    QDict *info, *dev;
    NestedTest t;

    nested_setup(&t);
    cap = qvtd_readq(t.vtd, DMAR_CAP_REG);
    ecap = qvtd_readq(t.vtd, DMAR_ECAP_REG);
    info = query_one(&t, NESTED_CMD);
    dev = first(info, "devices");
    host_cap = qdict_get_int(dev, "host-cap");
    host_ecap = qdict_get_int(dev, "host-ecap");

    g_assert_cmphex(host_ecap, ==, vtd_host_register("ecap"));
    g_assert_cmphex((uint64_t)qdict_get_int(info, "cap"), ==, cap);
    g_assert_cmphex((uint64_t)qdict_get_int(info, "ecap"), ==, ecap);
    for (int i = 0; i < ARRAY_SIZE(fields); i++) {
        QDict *field = find_name(info, "capabilities", fields[i].name);
        uint64_t bit = 1ULL << fields[i].bit;

        g_test_message("%s", fields[i].name);
        g_assert_cmpint(qdict_get_bool(field, "guest"), ==,
                        !!((fields[i].in_cap ? cap : ecap) & bit));
        g_assert_cmpint(qdict_get_bool(field, "host"), ==,
                        !!((fields[i].in_cap ? host_cap : host_ecap) & bit));
    }
    qobject_unref(info);
    nested_teardown(&t);
}

/* What a guest can provoke comes once a second, and the last one comes. */
static void test_rate_limit(void)
{
    QDict *event;
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    for (int i = 0; i < 20; i++) {
        nested_step(&t, SET_STAGE2);
        nested_step(&t, SET_A);
    }
    nested_step(&t, SET_FIVE_LEVEL);
    /* Whatever was sent comes before an answer. */
    qobject_unref(query_one(&t, NESTED_CMD));
    event = qtest_qmp_event_ref(t.qts, "INTEL_IOMMU_DMA_BLOCKED");
    g_assert_nonnull(event);
    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(event, "data"), "reason"),
                    ==, "second-stage");
    qobject_unref(event);
    g_assert_null(qtest_qmp_event_ref(t.qts, "INTEL_IOMMU_DMA_BLOCKED"));
    qtest_clock_step(t.qts, 1000 * 1000 * 1000LL);
    event = qtest_qmp_eventwait_ref(t.qts, "INTEL_IOMMU_DMA_BLOCKED");
    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(event, "data"), "reason"),
                    ==, "paging-mode");
    qobject_unref(event);
    nested_teardown(&t);
}

/* An invalidation that failed: made up for, or the device blocked */
static void test_invalidation_event(gconstpointer data)
{
    Op fail = GPOINTER_TO_INT(data);
    QDict *event, *fields;
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    nested_step(&t, REMAP_B);
    nested_step(&t, fail);
    nested_step(&t, INV_PAGE);
    event = qtest_qmp_eventwait_ref(t.qts, "INTEL_IOMMU_INVALIDATION_FAILED");
    fields = qdict_get_qdict(event, "data");
    g_assert_cmpstr(qdict_get_str(fields, "iommufd"), ==, "iommufd0");
    g_assert_cmpint(qdict_get_bool(fields, "blocked"), ==,
                    fail == FAIL_INVALIDATE_3);
    g_assert_cmpint(nested_probe(&t), ==,
                    fail == FAIL_INVALIDATE_3 ? BLOCKED : TO_B);
    qobject_unref(event);
    qobject_unref(query_one(&t, NESTED_CMD));
    nested_check_event(&t, fail == FAIL_INVALIDATE_3 ? "host-refused" : NULL);
    nested_teardown(&t);
}

/* The twins for people */
static void test_hmp(void)
{
    g_autofree char *objects = NULL, *nested = NULL, *table = NULL;
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    table = g_strdup_printf("table 0x%" PRIx64 ", 48 bits",
                            vtd_host_entry(t.bdf).stage1);
    objects = qtest_hmp(t.qts, "info iommufd");
    nested = qtest_hmp(t.qts, "info intel-iommu-nested");
    g_assert_nonnull(strstr(objects, table));
    g_assert_nonnull(strstr(objects, "nest-parent"));
    g_assert_nonnull(strstr(nested, table));
    g_assert_nonnull(strstr(nested, "stage1 (first-stage)"));
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (int i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *path =
            g_strdup_printf("/intel-iommu/nested/query/%s", rows[i].name);

        qtest_add_data_func(path, &rows[i], run_row);
    }
    qtest_add_func("/intel-iommu/nested/query/objects", test_objects);
    qtest_add_func("/intel-iommu/nested/query/capabilities",
                   test_capabilities);
    qtest_add_func("/intel-iommu/nested/query/rate-limit", test_rate_limit);
    qtest_add_data_func("/intel-iommu/nested/query/invalidation-flushed",
                        GINT_TO_POINTER(FAIL_INVALIDATE_1),
                        test_invalidation_event);
    qtest_add_data_func("/intel-iommu/nested/query/invalidation-blocked",
                        GINT_TO_POINTER(FAIL_INVALIDATE_3),
                        test_invalidation_event);
    qtest_add_func("/intel-iommu/nested/query/hmp", test_hmp);

    return g_test_run();
}
