/*
 * intel-iommu,nested=on,pri=on: page requests of a passed-through device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs; VTD_TEST_BDF names a pasid-testdev
 * on a host VT-d with page requests.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "intel-iommu-nested-world.h"
#include "libqos/pasid-testdev.h"
#include "libqos/patience.h"

#define PROPS           "nested=on,pri=on,device-iotlb=on"
#define SID             (SLOT << 3)     /* on bus 0 */
#define SID_BEHIND      (1 << 8)        /* behind a root port */
#define QUEUE           (40 * MIB)      /* the guest's page request queue */
#define QUEUE_ENTRY     32
#define SMALL           128             /* entries of the smallest queue */
#define REQUESTS_ALL    (QVTD_CONTEXT_DTE | QVTD_CONTEXT_PRE)
#define PASID           5
#define PRS_PPR         (1u << 0)
#define PRS_PRO         (1u << 1)
#define HOST_ALLOCATION 2048            /* Linux: requests a device may have */
#define BYTES           64
#define POLL_US         1000
#define PATIENCE        20000           /* polls */
#define WAIT_DRAIN      (1 << 7)

#define SUCCESS         0x0
#define INVALID         0x1
#define FAILURE         0xf

typedef struct World {
    NestedTest t;
    QTestdev dev;
    QVTDTable table;
    uint64_t leaf;          /* the entry of IOVA_SRC; absent at first */
    uint16_t sid;
    uint32_t pasid;         /* QTESTDEV_NO_PASID: requests have none */
    unsigned answered;      /* entries of the queue */
} World;

static bool has_pasid(const World *w)
{
    return w->pasid != QTESTDEV_NO_PASID;
}

/* Tables, up to translation; then what the device should be allowed. */
static void build(World *w, uint64_t context_flags)
{
    NestedTest *t = &w->t;
    QVTDPasid entry = { .pgtt = PGTT_STAGE1, .did = DID };

    if (has_pasid(w)) {
        context_flags |= QVTD_CONTEXT_PASIDE;
    }
    qvtd_set_root(t->vtd, t->vtd->root, ROOT_SCALABLE);
    qvtd_enable_queue(t->vtd);
    t->context = qvtd_context(t->vtd, w->sid, 0, 0, context_flags);
    qvtd_table_init(t->vtd, &w->table, 4, 0, QVTD_S1_LINK);
    w->leaf = qvtd_map(t->vtd, &w->table, IOVA_SRC, PAGE_A, 12, 0);
    entry.stage1 = w->table.root;
    t->entry = qvtd_pasid_slot(t->vtd, t->context,
                               has_pasid(w) ? w->pasid : 0);
    qvtd_write_pasid(t->vtd, t->entry, &entry);
    qvtd_writeq(t->vtd, DMAR_PQH_REG, 0);
    qvtd_writeq(t->vtd, DMAR_PQT_REG, 0);
}

static void enable(World *w)
{
    NestedTest *t = &w->t;

    qvtd_enable_translation(t->vtd, true);
    nested_check_fault(t, 0);
    qtestdev_init(&w->dev, t->qts, qpci_device_find(t->pci, w->sid));
    qtestdev_enable(&w->dev, QTESTDEV_ATS | QTESTDEV_PRI |
                    (has_pasid(w) ? QTESTDEV_PASID : 0));
    qtestdev_writel(&w->dev, PASID_TESTDEV_LOG_COUNT, 0);
}

static void boot(World *w, const char *props, uint64_t context_flags)
{
    g_autofree char *device = NULL;

    device = g_strdup_printf("-device pcie-root-port,id=rp,chassis=1,slot=1,"
                             "addr=3 -device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,%s", vtd_host_device(),
                             w->sid == SID_BEHIND ? "bus=rp" : "addr="
                             stringify(SLOT));
    nested_start_props(&w->t, props, device);
    nested_setup_bridge(&w->t, QPCI_DEVFN(3, 0), 1, 1);
    w->t.bus = w->sid >> 8;
    w->t.devfn = w->sid;
    build(w, context_flags);
}

/* @pqs: the queue has SMALL << @pqs entries */
static void start(World *w, uint32_t pasid, unsigned pqs)
{
    *w = (World) { .pasid = pasid, .sid = SID };
    boot(w, has_pasid(w) ? PROPS ",pasid=on" : PROPS, REQUESTS_ALL);
    qvtd_writeq(w->t.vtd, DMAR_PQA_REG, QUEUE | pqs);
    enable(w);
}

static void stop(World *w)
{
    g_free(w->dev.dev);
    w->t.edu.dev = NULL;
    nested_teardown(&w->t);
}

/* What the device does */

static QTestdevCommand command(World *w, uint32_t op)
{
    return (QTestdevCommand) {
        .op = op | (has_pasid(w) ? PASID_TESTDEV_WITH_PASID : 0),
        .pasid = has_pasid(w) ? w->pasid : 0,
        .iova = IOVA_SRC,
        .length = BYTES,
    };
}

/* It writes BYTES to IOVA_SRC, and waits for the page. */
static void start_write(World *w)
{
    QTestdevCommand c = command(w, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS |
                                PASID_TESTDEV_PRI);
    uint8_t data[BYTES];

    memset(data, 0x5a, sizeof(data));
    qtestdev_memwrite(&w->dev, 0, data, sizeof(data));
    qtest_memset(w->t.qts, PAGE_A, 0, PAGE);
    qtestdev_start(&w->dev, &c);
}

static bool written(World *w)
{
    uint8_t data[BYTES], want[BYTES];

    memset(want, 0x5a, sizeof(want));
    qtest_bufread(w->t.qts, PAGE_A, data, sizeof(data));
    return !memcmp(data, want, sizeof(want));
}

static void send_requests(World *w, unsigned first, unsigned nr)
{
    QTestdevCommand c = command(w, PASID_TESTDEV_PAGE_REQUEST |
                                PASID_TESTDEV_WANT_READ | PASID_TESTDEV_LAST);

    c.length = nr * PAGE;
    c.prgi = first;
    qtestdev_start(&w->dev, &c);
}

/* Page group responses that it got; invalidations are logged as well. */
static unsigned responses(World *w, unsigned *code)
{
    unsigned logged = qtestdev_readl(&w->dev, PASID_TESTDEV_LOG_COUNT);
    unsigned nr = 0;

    for (unsigned n = 0; n < MIN(logged, PASID_TESTDEV_LOG_ENTRIES); n++) {
        QTestdevEvent event = qtestdev_event(&w->dev, n);

        if ((event.event & PASID_TESTDEV_EVENT_KIND) ==
            PASID_TESTDEV_RESPONSE) {
            g_assert_cmphex(event.event & PASID_TESTDEV_UNEXPECTED, ==, 0);
            *code = PASID_TESTDEV_EVENT_CODE(event.event);
            nr++;
        }
    }
    return nr;
}

static void await_responses(World *w, unsigned want, unsigned want_code)
{
    unsigned polls = 0, code = 0;

    while (responses(w, &code) < want && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_cmpuint(responses(w, &code), ==, want);
    g_assert_cmphex(code, ==, want_code);
}

/* What the guest does */

static unsigned tail(World *w)
{
    return qvtd_readq(w->t.vtd, DMAR_PQT_REG) / QUEUE_ENTRY;
}

static void await_tail(World *w, unsigned want)
{
    unsigned polls = 0;

    while (tail(w) != want && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
}

static uint64_t entry(World *w, unsigned n, unsigned quad)
{
    return qtest_readq(w->t.qts, QUEUE + n * QUEUE_ENTRY + quad * 8);
}

static void put_response(World *w, uint16_t sid, uint32_t pasid, unsigned prgi,
                         unsigned code)
{
    uint64_t desc[4] = {
        QVTD_INV_RESPONSE(sid, code), QVTD_INV_RESPONSE_HI(prgi),
    };

    if (pasid != QTESTDEV_NO_PASID) {
        desc[0] |= QVTD_INV_RESPONSE_PASID(pasid);
    }
    qvtd_queue_put(w->t.vtd, desc);
}

static void respond(World *w, uint16_t sid, uint32_t pasid, unsigned prgi,
                    unsigned code)
{
    put_response(w, sid, pasid, prgi, code);
    g_assert_true(qvtd_queue_wait(w->t.vtd, 0));
}

/* To the requests that came in since; in batches, as one queue page takes. */
static void answer_new(World *w, unsigned entries)
{
    unsigned end = tail(w), batch = 0;

    while (w->answered != end) {
        uint64_t quads[4];

        qtest_memread(w->t.qts, QUEUE + w->answered * QUEUE_ENTRY, quads,
                      sizeof(quads));
        put_response(w, w->sid, w->pasid, extract64(le64_to_cpu(quads[1]), 3, 9),
                     SUCCESS);
        w->answered = (w->answered + 1) % entries;
        if (++batch == 64) {
            batch = 0;
            g_assert_true(qvtd_queue_wait(w->t.vtd, 0));
        }
    }
    if (batch) {
        g_assert_true(qvtd_queue_wait(w->t.vtd, 0));
    }
}

static void check_request(World *w, unsigned n)
{
    uint64_t prgi = PASID_TESTDEV_PRGI_CHANNEL;
    uint64_t lo = 1 | (uint64_t)w->sid << 16;

    if (has_pasid(w)) {
        lo |= 1 << 8 | (uint64_t)w->pasid << 32;
    }
    g_assert_cmphex(entry(w, n, 0), ==, lo);
    /* A write that asks for a page needs to read nothing. */
    g_assert_cmphex(entry(w, n, 1) & ~1ULL, ==,
                    IOVA_SRC | 2 | 4 | prgi << 3);
    g_assert_cmphex(qvtd_readl(w->t.vtd, DMAR_PRS_REG), ==, PRS_PPR);
}

static void map_page(World *w)
{
    qvtd_edit(w->t.vtd, w->leaf, 0, QVTD_S1_PAGE);
}

/* The guest maps the page that start_write() asked for, and answers. */
static void serve_write(World *w)
{
    map_page(w);
    respond(w, w->sid, QTESTDEV_NO_PASID, PASID_TESTDEV_PRGI_CHANNEL, SUCCESS);
    g_assert_cmpuint(qtestdev_finish(&w->dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(written(w));
}

/* What QMP tells of it */

static QDict *query(World *w, const char *command)
{
    QDict *reply = qtest_qmp(w->t.qts, "{'execute': %s}", command);
    QList *list = qdict_get_qlist(reply, "return");
    QDict *one;

    g_assert_cmpuint(qlist_size(list), ==, 1);
    one = qobject_to(QDict, qlist_pop(list));
    qobject_unref(reply);
    return one;
}

/* @want: "NAME N ...", of each counter that is not 0 */
static void check_counted(World *w, const char *want)
{
    static const char *const names[] = {
        "requests", "groups", "lost", "refused", "answered", "automatic",
        "unexpected", "forgotten", "late", "outstanding",
    };
    QDict *info = query(w, "x-query-intel-iommu-nested");
    QDict *counters = qdict_get_qdict(info, "page-requests");
    g_autoptr(GString) is = g_string_new(NULL);

    g_assert_cmpuint(qdict_size(counters), ==, ARRAY_SIZE(names));
    for (int i = 0; i < ARRAY_SIZE(names); i++) {
        int64_t value = qdict_get_int(counters, names[i]);

        if (value) {
            g_string_append_printf(is, "%s%s %" PRId64, is->len ? " " : "",
                                   names[i], value);
        }
    }
    g_assert_cmpstr(is->str, ==, want);
    qobject_unref(info);
}

/* Cases: a page on demand, and how its request may be answered */

typedef struct DemandRow {
    const char *name;
    uint32_t pasid;
    unsigned code;
    unsigned ends;          /* how the device's command does */
} DemandRow;

static const DemandRow demand_rows[] = {
    { "success", QTESTDEV_NO_PASID, SUCCESS, PASID_TESTDEV_OK },
    { "success/pasid", PASID, SUCCESS, PASID_TESTDEV_OK },
    { "invalid", QTESTDEV_NO_PASID, INVALID, PASID_TESTDEV_INVALID },
    /* The kernel takes no Response Failure, which would stop the device. */
    { "failure", QTESTDEV_NO_PASID, FAILURE, PASID_TESTDEV_INVALID },
    { "failure/pasid", PASID, FAILURE, PASID_TESTDEV_INVALID },
    { "unknown-code", QTESTDEV_NO_PASID, 7, PASID_TESTDEV_INVALID },
};

static void test_demand(gconstpointer opaque)
{
    const DemandRow *row = opaque;
    bool works = row->ends == PASID_TESTDEV_OK;
    World w;

    start(&w, row->pasid, 0);
    start_write(&w);
    await_tail(&w, 1);
    check_request(&w, 0);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);
    check_counted(&w, "requests 1 groups 1 outstanding 1");
    if (works) {
        map_page(&w);
    }
    respond(&w, SID, row->pasid, PASID_TESTDEV_PRGI_CHANNEL, row->code);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, row->ends);
    g_assert_cmpint(written(&w), ==, works);
    g_assert_cmpuint(tail(&w), ==, 1);
    check_counted(&w, "requests 1 groups 1 answered 1");
    stop(&w);
}

/* What was not asked, or is answered twice, reaches nobody. */
static void test_unexpected(void)
{
    unsigned prgi = PASID_TESTDEV_PRGI_CHANNEL;
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    start_write(&w);
    await_tail(&w, 1);
    respond(&w, SID, QTESTDEV_NO_PASID, 3, SUCCESS);
    respond(&w, SID + 8, QTESTDEV_NO_PASID, prgi, SUCCESS);
    respond(&w, SID, PASID, prgi, INVALID);
    await_responses(&w, 0, 0);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);

    map_page(&w);
    respond(&w, SID, QTESTDEV_NO_PASID, prgi, SUCCESS);
    respond(&w, SID, QTESTDEV_NO_PASID, prgi, INVALID);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(written(&w));
    await_responses(&w, 1, SUCCESS);
    check_counted(&w, "requests 1 groups 1 answered 1 unexpected 4");
    stop(&w);
}

/* Nobody answers, and the device's translation goes away. */

typedef enum Leave {
    LEAVE_ENTRY,            /* the PASID entry is cleared */
    LEAVE_PRE,              /* page requests are disabled in the context */
    LEAVE_TRANSLATION,      /* switched off */
    LEAVE_RESET,            /* of the machine */
} Leave;

typedef struct LeaveRow {
    const char *name;
    Leave how;
    uint32_t pasid;
} LeaveRow;

static const LeaveRow leave_rows[] = {
    { "entry-cleared", LEAVE_ENTRY, QTESTDEV_NO_PASID },
    { "entry-cleared/pasid", LEAVE_ENTRY, PASID },
    { "pre-cleared", LEAVE_PRE, QTESTDEV_NO_PASID },
    { "translation-off", LEAVE_TRANSLATION, QTESTDEV_NO_PASID },
    { "translation-off/pasid", LEAVE_TRANSLATION, PASID },
};

static void leave(World *w, Leave how)
{
    QVTD *v = w->t.vtd;

    switch (how) {
    case LEAVE_ENTRY:
        qvtd_edit(v, w->t.entry, ~0ULL, 0);
        g_assert_true(qvtd_invalidate(v, QVTD_INV_PC_PASID(DID,
                                      has_pasid(w) ? w->pasid : 0), 0));
        break;
    case LEAVE_PRE:
        qvtd_edit(v, w->t.context, QVTD_CONTEXT_PRE, 0);
        g_assert_true(qvtd_invalidate(v, QVTD_INV_CC_DEVICE(w->sid), 0));
        break;
    case LEAVE_TRANSLATION:
        qvtd_enable_translation(v, false);
        break;
    case LEAVE_RESET:
        qtest_system_reset(w->t.qts);
        break;
    }
}

static void test_leave(gconstpointer opaque)
{
    const LeaveRow *row = opaque;
    World w;

    start(&w, row->pasid, 0);
    start_write(&w);
    await_tail(&w, 1);
    leave(&w, row->how);
    /* The kernel answered: the device does not wait for a guest that is gone. */
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_INVALID);
    g_assert_false(written(&w));
    /* The guest's answer comes too late for the group, and for the next one. */
    respond(&w, SID, row->pasid, PASID_TESTDEV_PRGI_CHANNEL, SUCCESS);
    await_responses(&w, 1, INVALID);
    check_counted(&w, "requests 1 groups 1 unexpected 1 forgotten 1");
    stop(&w);
}

static void check_no_queue(World *w)
{
    QDict *info = query(w, "x-query-iommufd");

    g_assert_true(qlist_empty(qdict_get_qlist(info, "fault-queues")));
    qobject_unref(info);
}

/* The fault queue is one of the iommufd's objects, as long as it is there. */
static void test_query(void)
{
    g_autofree char *in_hwpt = NULL;
    char *hmp;
    QDict *info, *hwpt = NULL, *queue;
    const QListEntry *entry;
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    info = query(&w, "x-query-iommufd");
    g_assert_cmpuint(qlist_size(qdict_get_qlist(info, "fault-queues")), ==, 1);
    queue = qobject_to(QDict, qlist_peek(qdict_get_qlist(info,
                                                         "fault-queues")));
    g_assert_cmpint(qdict_get_int(queue, "users"), ==, 1);
    QLIST_FOREACH_ENTRY(qdict_get_qlist(info, "hwpts"), entry) {
        QDict *one = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_haskey(one, "fault-queue")) {
            g_assert_null(hwpt);
            hwpt = one;
        }
    }
    g_assert_nonnull(hwpt);
    g_assert_true(qdict_haskey(hwpt, "vtd-stage1"));
    g_assert_cmpint(qdict_get_int(hwpt, "fault-queue"), ==,
                    qdict_get_int(queue, "id"));
    in_hwpt = g_strdup_printf("; fault queue %" PRId64 "\r\n",
                              qdict_get_int(queue, "id"));
    qobject_unref(info);
    hmp = qtest_hmp(w.t.qts, "info iommufd");
    g_assert_nonnull(strstr(hmp, in_hwpt));
    g_free(hmp);
    start_write(&w);
    await_tail(&w, 1);
    hmp = qtest_hmp(w.t.qts, "info intel-iommu-nested");
    g_assert_nonnull(strstr(hmp, "1 page requests in 1 groups, 0 lost"));
    g_assert_nonnull(strstr(hmp, "1 outstanding"));
    g_free(hmp);

    leave(&w, LEAVE_TRANSLATION);
    check_no_queue(&w);
    stop(&w);
}

/* QEMU ends, or the machine is reset, with a request outstanding. */
static void test_reboot(gconstpointer opaque)
{
    bool reset = opaque;
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    start_write(&w);
    await_tail(&w, 1);
    if (reset) {
        leave(&w, LEAVE_RESET);
        g_free(w.dev.dev);
        qvtd_init(w.t.vtd, w.t.qts, TABLES, TABLES_END);
        build(&w, REQUESTS_ALL);
        qvtd_writeq(w.t.vtd, DMAR_PQA_REG, QUEUE);
        enable(&w);
    } else {
        stop(&w);
        start(&w, QTESTDEV_NO_PASID, 0);
    }
    /* The same index is free again, with the device and in QEMU. */
    start_write(&w);
    await_tail(&w, 1);
    serve_write(&w);
    stop(&w);
}

/* ACPI PCI hotplug of Q35, QEMU's docs/specs/acpi_pci_hotplug.rst */
#define PCIHP_BASE      0x0cc0
#define PCIHP_EJECT     0x08
#define PCIHP_SELECT    0x10

/* The device goes away with a request outstanding, and comes back. */
static void test_unplug(void)
{
    World w = { .pasid = QTESTDEV_NO_PASID, .sid = SID_BEHIND };
    NestedTest *t = &w.t;

    boot(&w, PROPS, REQUESTS_ALL);
    qvtd_writeq(t->vtd, DMAR_PQA_REG, QUEUE);
    enable(&w);
    start_write(&w);
    await_tail(&w, 1);
    g_free(w.dev.dev);
    qtest_qmp_device_del_send(t->qts, "dev");
    qtest_outl(t->qts, PCIHP_BASE + PCIHP_SELECT, 0);
    qtest_outl(t->qts, PCIHP_BASE + PCIHP_EJECT, 1);
    qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
    g_assert_cmpint(nested_calls(t, "iommu-fault-queue-alloc"), ==, 1);
    g_assert_cmpint(nested_calls(t, "iommu-destroy"), ==,
                    nested_calls(t, "iommu-ioas-alloc") +
                    nested_calls(t, "iommu-hwpt-alloc") + 1);
    respond(&w, w.sid, QTESTDEV_NO_PASID, PASID_TESTDEV_PRGI_CHANNEL, SUCCESS);

    qtest_qmp_device_add(t->qts, "vfio-pci", "dev", "{'host': %s, "
                         "'iommufd': 'iommufd0', 'bus': 'rp'}", t->bdf);
    enable(&w);
    start_write(&w);
    await_tail(&w, 2);
    serve_write(&w);
    stop(&w);
}

/* A wait descriptor with the drain flag is taken, and nothing is there twice. */
#define DRAINED         32

static void test_drain(void)
{
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    send_requests(&w, 0, DRAINED);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(qvtd_queue_wait(w.t.vtd, WAIT_DRAIN));
    await_tail(&w, DRAINED);
    answer_new(&w, SMALL);
    await_responses(&w, DRAINED, SUCCESS);
    g_assert_cmpuint(tail(&w), ==, DRAINED);
    stop(&w);
}

/* Many requests, and a queue that is full */

#define GROUPS          5
#define GROUP_SIZE      2000
#define BURST_PQS       7               /* 16384 entries */

static void test_burst(void)
{
    const size_t bytes = GROUPS * GROUP_SIZE * QUEUE_ENTRY;
    g_autofree uint64_t *quads = g_malloc(bytes);
    QTestdevCommand c;
    World w;

    start(&w, QTESTDEV_NO_PASID, BURST_PQS);
    c = command(&w, PASID_TESTDEV_PAGE_REQUEST | PASID_TESTDEV_WANT_READ |
                PASID_TESTDEV_LAST | PASID_TESTDEV_ONE_GROUP);
    c.length = GROUP_SIZE * PAGE;
    for (c.prgi = 0; c.prgi < GROUPS; c.prgi++) {
        g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
        await_tail(&w, (c.prgi + 1) * GROUP_SIZE);
        respond(&w, SID, QTESTDEV_NO_PASID, c.prgi, SUCCESS);
    }
    await_responses(&w, GROUPS, SUCCESS);
    check_counted(&w, "requests 10000 groups 5 answered 5");
    qtest_bufread(w.t.qts, QUEUE, quads, bytes);
    for (unsigned n = 0; n < GROUPS * GROUP_SIZE; n++) {
        unsigned in_group = n % GROUP_SIZE;
        bool last = in_group == GROUP_SIZE - 1;

        g_assert_cmphex(le64_to_cpu(quads[n * 4 + 1]), ==,
                        (IOVA_SRC + (uint64_t)in_group * PAGE) | 1 |
                        (last ? 4 : 0) | (uint64_t)(n / GROUP_SIZE) << 3);
    }
    g_assert_cmphex(qvtd_readl(w.t.vtd, DMAR_PRS_REG), ==, PRS_PPR);
    stop(&w);
}

/* A group's index comes again before its answer: that request is refused. */
static void test_index_twice(void)
{
    QTestdevCommand c;
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    c = command(&w, PASID_TESTDEV_PAGE_REQUEST | PASID_TESTDEV_WANT_READ |
                PASID_TESTDEV_LAST | PASID_TESTDEV_ONE_GROUP);
    c.length = PAGE;
    c.prgi = 3;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    await_tail(&w, 1);
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    await_responses(&w, 1, INVALID);
    check_counted(&w, "requests 2 groups 2 refused 1 outstanding 1");
    g_assert_cmpuint(tail(&w), ==, 1);

    respond(&w, SID, QTESTDEV_NO_PASID, 3, SUCCESS);
    c.prgi = 4;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    await_tail(&w, 2);
    check_counted(&w, "requests 3 groups 3 refused 1 answered 1 outstanding 1");
    stop(&w);
}

/* The guest answers, but takes nothing out. */
static void fill_queue(World *w)
{
    unsigned polls = 0;

    send_requests(w, 0, SMALL - 1);
    while (w->answered < SMALL - 1 && has_patience(&polls, PATIENCE)) {
        answer_new(w, SMALL);
        g_usleep(POLL_US);
    }
    g_assert_cmpuint(qtestdev_finish(&w->dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_cmphex(qvtd_readl(w->t.vtd, DMAR_PRS_REG), ==, PRS_PPR);
    qtestdev_writel(&w->dev, PASID_TESTDEV_LOG_COUNT, 0);
}

static void test_overflow(void)
{
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    fill_queue(&w);
    /* The device is told to try again. */
    send_requests(&w, 200, 1);
    await_responses(&w, 1, SUCCESS);
    g_assert_cmphex(qvtd_readl(w.t.vtd, DMAR_PRS_REG), ==, PRS_PPR | PRS_PRO);
    g_assert_cmpuint(tail(&w), ==, SMALL - 1);

    qvtd_writeq(w.t.vtd, DMAR_PQH_REG, (SMALL - 1) * QUEUE_ENTRY);
    qvtd_writel(w.t.vtd, DMAR_PRS_REG, PRS_PPR | PRS_PRO);
    send_requests(&w, 201, 1);
    await_tail(&w, 0);
    g_assert_cmphex(entry(&w, SMALL - 1, 1) >> 3 & 0x1ff, ==, 201);
    check_counted(&w, "requests 129 groups 129 lost 1 answered 127 "
                  "automatic 1 outstanding 1");
    stop(&w);
}

/* A guest without a queue: the device is told no, at once. */
static void test_no_queue(void)
{
    World w = { .pasid = QTESTDEV_NO_PASID, .sid = SID };

    boot(&w, PROPS, REQUESTS_ALL);
    enable(&w);
    start_write(&w);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_INVALID);
    g_assert_false(written(&w));
    check_counted(&w, "requests 1 groups 1 lost 1 automatic 1");
    stop(&w);
}

/* Without pri=on the context entry's bit is reserved. */
static void test_off(void)
{
    World w = { .pasid = QTESTDEV_NO_PASID, .sid = SID };

    boot(&w, "nested=on,device-iotlb=on", REQUESTS_ALL);
    g_assert_cmphex(qvtd_readq(w.t.vtd, DMAR_ECAP_REG) & 1 << 29, ==, 0);
    qvtd_enable_translation(w.t.vtd, true);
    nested_check_fault(&w.t, 0x42);
    nested_check_host(&w.t, 0, 0);
    g_assert_cmpint(nested_calls(&w.t, "iommu-fault-queue-alloc"), ==, 0);
    stop(&w);
}

/* As if another thread polled the queue's file while a vCPU lets go of it. */
static void test_busy_queue(void)
{
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    /* The HWPT goes first. */
    nested_inject(&w.t, "iommu-destroy 16 1 1");
    w.t.injected_destroys = 1;
    leave(&w, LEAVE_TRANSLATION);
    check_no_queue(&w);
    g_assert_cmpint(nested_calls(&w.t, "iommu-destroy"), ==, 3);
    stop(&w);
}

/* The kernel has no memory for a fault queue. */
static void test_no_fault_queue(void)
{
    World w = { .pasid = QTESTDEV_NO_PASID, .sid = SID };

    boot(&w, PROPS, REQUESTS_ALL);
    qvtd_writeq(w.t.vtd, DMAR_PQA_REG, QUEUE);
    nested_inject(&w.t, "iommu-fault-queue-alloc 12 1");
    qvtd_enable_translation(w.t.vtd, true);
    nested_check_fault(&w.t, 0x5b);
    nested_check_host(&w.t, 0, 0);

    g_assert_true(qvtd_invalidate(w.t.vtd, QVTD_INV_PC_GLOBAL, 0));
    nested_check_host(&w.t, PGTT_NESTED, w.table.root);
    enable(&w);
    start_write(&w);
    await_tail(&w, 1);
    serve_write(&w);
    stop(&w);
}

static void function_reset(World *w)
{
    uint8_t exp = qpci_find_capability(w->dev.dev, PCI_CAP_ID_EXP, 0);

    qtestdev_config_writew(&w->dev, exp + PCI_EXP_DEVCTL,
                           PCI_EXP_DEVCTL_BCR_FLR);
}

/* The queue can't be read now: a little later it can. */
static void test_read_retried(void)
{
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    nested_inject(&w.t, "iommu-fault-queue-read 12 2");
    start_write(&w);
    await_tail(&w, 1);
    g_assert_cmpint(nested_calls(&w.t, "iommu-fault-queue-read"), >=, 3);
    serve_write(&w);
    stop(&w);
}

/* It can't be read at all: its devices are blocked, and the kernel answers. */
static void test_read_failed(void)
{
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    nested_inject(&w.t, "iommu-fault-queue-read 5 1");
    start_write(&w);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_INVALID);
    g_assert_false(written(&w));
    nested_check_fault(&w.t, 0x5b);
    nested_check_host(&w.t, 0, 0);
    check_counted(&w, "");

    g_assert_true(qvtd_invalidate(w.t.vtd, QVTD_INV_PC_GLOBAL, 0));
    nested_check_host(&w.t, PGTT_NESTED, w.table.root);
    start_write(&w);
    await_tail(&w, 1);
    stop(&w);
}

/* Each allocation for a table with a fault queue fails once. */
static void test_sweep(void)
{
    unsigned nth;
    World w;

    if (!nested_can_fail_nth()) {
        return;
    }
    start(&w, QTESTDEV_NO_PASID, 0);
    for (nth = 1; !g_test_failed(); nth++) {
        qvtd_enable_translation(w.t.vtd, false);
        nested_fail_nth(&w.t, nth);
        qvtd_enable_translation(w.t.vtd, true);
        if (!nested_has_failed(&w.t)) {
            break;
        }
        if (!vtd_host_entry(w.t.bdf).present) {
            nested_check_fault(&w.t, 0x5b);
            g_assert_true(qvtd_invalidate(w.t.vtd, QVTD_INV_PC_GLOBAL, 0));
        }
        nested_check_host(&w.t, PGTT_NESTED, w.table.root);
    }
    g_assert_cmpuint(nth, >, 3);
    g_test_message("fault queue: %u allocations failed, one at a time",
                   nth - 1);
    start_write(&w);
    await_tail(&w, 1);
    serve_write(&w);
    /* No failure has left a user behind. */
    leave(&w, LEAVE_TRANSLATION);
    check_no_queue(&w);
    stop(&w);
}

/* What a driver finds, and can set; @opaque: the function alone is reset */
static void test_capabilities(gconstpointer opaque)
{
    uint16_t ats, pri;
    World w;

    start(&w, QTESTDEV_NO_PASID, 0);
    ats = qtestdev_find_ext_cap(&w.dev, PCI_EXT_CAP_ID_ATS);
    pri = qtestdev_find_ext_cap(&w.dev, PCI_EXT_CAP_ID_PRI);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, ats + PCI_ATS_CAP) >> 16, ==,
                    PCI_ATS_CTRL_ENABLE);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pri + PCI_PRI_CTRL) & 0xffff,
                    ==, PCI_PRI_CTRL_ENABLE);
    g_assert_cmpuint(qtestdev_config_readl(&w.dev, pri + PCI_PRI_MAX_REQ), ==,
                     HOST_ALLOCATION);
    g_assert_cmpuint(qtestdev_config_readl(&w.dev, pri + PCI_PRI_ALLOC_REQ),
                     ==, HOST_ALLOCATION);

    if (opaque) {
        function_reset(&w);
    } else {
        qtest_system_reset(w.t.qts);
        g_free(w.dev.dev);
        qtestdev_init(&w.dev, w.t.qts,
                      qpci_device_find(w.t.pci, QPCI_DEVFN(SLOT, 0)));
    }
    /* Off and stopped, as Linux wants it before it enables them. */
    g_assert_cmphex(qtestdev_config_readl(&w.dev, ats + PCI_ATS_CAP) >> 16, ==,
                    0);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pri + PCI_PRI_CTRL) &
                    (0xffff | PCI_PRI_STATUS_STOPPED << 16), ==,
                    PCI_PRI_STATUS_STOPPED << 16);
    g_assert_cmpuint(qtestdev_config_readl(&w.dev, pri + PCI_PRI_ALLOC_REQ),
                     ==, 0);
    stop(&w);
}

static void add(const char *group, const char *name, const void *row,
                GTestDataFunc test)
{
    g_autofree char *path = g_strdup_printf("/intel-iommu/nested/prq/%s/%s",
                                            group, name);

    qtest_add_data_func(path, row, test);
}

int main(int argc, char **argv)
{
    int i;

    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (i = 0; i < ARRAY_SIZE(demand_rows); i++) {
        add("demand", demand_rows[i].name, &demand_rows[i], test_demand);
    }
    for (i = 0; i < ARRAY_SIZE(leave_rows); i++) {
        add("leave", leave_rows[i].name, &leave_rows[i], test_leave);
    }
    add("leave", "reset", (void *)true, test_reboot);
    add("leave", "quit", (void *)false, test_reboot);
    qtest_add_func("/intel-iommu/nested/prq/leave/unplug", test_unplug);
    qtest_add_func("/intel-iommu/nested/prq/unexpected", test_unexpected);
    qtest_add_func("/intel-iommu/nested/prq/query", test_query);
    qtest_add_func("/intel-iommu/nested/prq/drain", test_drain);
    qtest_add_func("/intel-iommu/nested/prq/burst", test_burst);
    qtest_add_func("/intel-iommu/nested/prq/index-twice", test_index_twice);
    qtest_add_func("/intel-iommu/nested/prq/overflow", test_overflow);
    qtest_add_func("/intel-iommu/nested/prq/no-queue", test_no_queue);
    qtest_add_func("/intel-iommu/nested/prq/off", test_off);
    qtest_add_func("/intel-iommu/nested/prq/no-fault-queue",
                   test_no_fault_queue);
    qtest_add_func("/intel-iommu/nested/prq/busy-queue", test_busy_queue);
    qtest_add_func("/intel-iommu/nested/prq/sweep", test_sweep);
    qtest_add_func("/intel-iommu/nested/prq/read-retried", test_read_retried);
    qtest_add_func("/intel-iommu/nested/prq/read-failed", test_read_failed);
    add("capabilities", "reset", NULL, test_capabilities);
    add("capabilities", "function-reset", (void *)true, test_capabilities);

    return nested_test_run();
}
