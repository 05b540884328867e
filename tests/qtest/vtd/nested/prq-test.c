/*
 * intel-iommu,nested=on,pri=on: page requests of a passed-through device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs; VTD_TEST_BDF names a pasid-testdev
 * on a host VT-d with page requests.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qobject/qlist.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "nested-prq-world.h"
#include "libqos/patience.h"

#define PASID           5
#define HOST_ALLOCATION 2048            /* Linux: requests a device may have */
#define WAIT_DRAIN      (1 << 7)

/* Cases: a page on demand, and how its request may be answered */

typedef struct DemandRow {
    const char *name;
    uint32_t pasid;
    unsigned code;
    unsigned ends;          /* how the device's command does */
} DemandRow;

static const DemandRow demand_rows[] = {
    { "success", QTESTDEV_NO_PASID, QVTD_SUCCESS, PASID_TESTDEV_OK },
    { "success/pasid", PASID, QVTD_SUCCESS, PASID_TESTDEV_OK },
    { "invalid", QTESTDEV_NO_PASID, QVTD_INVALID, PASID_TESTDEV_INVALID },
    /* The kernel takes no Response Failure, which would stop the device. */
    { "failure", QTESTDEV_NO_PASID, QVTD_FAILURE, PASID_TESTDEV_INVALID },
    { "failure/pasid", PASID, QVTD_FAILURE, PASID_TESTDEV_INVALID },
    { "unknown-code", QTESTDEV_NO_PASID, 7, PASID_TESTDEV_INVALID },
};

static void test_demand(gconstpointer opaque)
{
    const DemandRow *row = opaque;
    bool works = row->ends == PASID_TESTDEV_OK;
    PrqWorld w;

    prq_start(&w, row->pasid, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_check_request(&w, 0);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);
    prq_check_counted(&w, "requests 1 groups 1 outstanding 1");
    if (works) {
        prq_map_page(&w);
    }
    prq_respond(&w, PRQ_SID, row->pasid, PASID_TESTDEV_PRGI_CHANNEL, row->code);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, row->ends);
    g_assert_cmpint(prq_written(&w), ==, works);
    g_assert_cmpuint(prq_tail(&w), ==, 1);
    prq_check_counted(&w, "requests 1 groups 1 answered 1");
    prq_stop(&w);
}

/* What was not asked, or is answered twice, reaches nobody. */
static void test_unexpected(void)
{
    unsigned prgi = PASID_TESTDEV_PRGI_CHANNEL;
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_respond(&w, PRQ_SID, QTESTDEV_NO_PASID, 3, QVTD_SUCCESS);
    prq_respond(&w, PRQ_SID + 8, QTESTDEV_NO_PASID, prgi, QVTD_SUCCESS);
    prq_respond(&w, PRQ_SID, PASID, prgi, QVTD_INVALID);
    prq_await_responses(&w, 0, 0);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);

    prq_map_page(&w);
    prq_respond(&w, PRQ_SID, QTESTDEV_NO_PASID, prgi, QVTD_SUCCESS);
    prq_respond(&w, PRQ_SID, QTESTDEV_NO_PASID, prgi, QVTD_INVALID);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(prq_written(&w));
    prq_await_responses(&w, 1, QVTD_SUCCESS);
    prq_check_counted(&w, "requests 1 groups 1 answered 1 unexpected 4");
    prq_stop(&w);
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

static void leave(PrqWorld *w, Leave how)
{
    QVTD *v = w->t.vtd;

    switch (how) {
    case LEAVE_ENTRY:
        qvtd_edit(v, w->t.entry, ~0ULL, 0);
        g_assert_true(qvtd_invalidate(v, QVTD_INV_PC_PASID(DID, prq_pasid(w)),
                                      0));
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
    PrqWorld w;

    prq_start(&w, row->pasid, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    leave(&w, row->how);
    /* The kernel answered: the device does not wait for a guest that is gone. */
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_INVALID);
    g_assert_false(prq_written(&w));
    /* The guest's answer comes too late for the group, and for the next one. */
    prq_respond(&w, PRQ_SID, row->pasid, PASID_TESTDEV_PRGI_CHANNEL,
                QVTD_SUCCESS);
    prq_await_responses(&w, 1, QVTD_INVALID);
    prq_check_counted(&w, "requests 1 groups 1 unexpected 1 forgotten 1");
    prq_stop(&w);
}

/* How a guest resets the function alone */
typedef enum Reset {
    RESET_MACHINE,
    RESET_FLR,
    RESET_FLR_BYTE,         /* the same by a write of one byte */
    RESET_FLR_LONG,         /* ... of four */
    RESET_AF,               /* by the Advanced Features capability */
    RESET_POWER,            /* from D3hot to D0 */
} Reset;

#define PM_D3HOT        3

static uint8_t find_cap(PrqWorld *w, uint8_t id)
{
    uint8_t cap = qpci_find_capability(w->dev.dev, id, 0);

    g_assert_cmpuint(cap, !=, 0);
    return cap;
}

static void reset_machine(PrqWorld *w)
{
    qtest_system_reset(w->t.qts);
    g_free(w->dev.dev);
    qtestdev_init(&w->dev, w->t.qts,
                  qpci_device_find(w->t.pci, QPCI_DEVFN(SLOT, 0)));
}

static void do_reset(PrqWorld *w, Reset how)
{
    QPCIDevice *dev = w->dev.dev;
    uint8_t cap;

    switch (how) {
    case RESET_MACHINE:
        reset_machine(w);
        break;
    case RESET_FLR:
        cap = find_cap(w, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
        qpci_config_writew(dev, cap, PCI_EXP_DEVCTL_BCR_FLR);
        break;
    case RESET_FLR_BYTE:
        cap = find_cap(w, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL + 1;
        qpci_config_writeb(dev, cap, PCI_EXP_DEVCTL_BCR_FLR >> 8);
        break;
    case RESET_FLR_LONG:
        cap = find_cap(w, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
        qpci_config_writel(dev, cap, PCI_EXP_DEVCTL_BCR_FLR);
        break;
    case RESET_AF:
        cap = find_cap(w, PCI_CAP_ID_AF) + PCI_AF_CTRL;
        qpci_config_writeb(dev, cap, PCI_AF_CTRL_FLR);
        break;
    case RESET_POWER:
        cap = find_cap(w, PCI_CAP_ID_PM) + PCI_PM_CTRL;
        qpci_config_writew(dev, cap, PM_D3HOT);
        qpci_config_writew(dev, cap, 0);
        break;
    }
}

/*
 * The function is reset with a request outstanding: nobody waits for the answer,
 * and the index is free for the next one.
 */
static void test_leave_by_reset(gconstpointer opaque)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    do_reset(&w, GPOINTER_TO_UINT(opaque));
    prq_check_counted(&w, "requests 1 groups 1 forgotten 1");
    nested_check_host(&w.t, PGTT_NESTED, w.table.root);

    g_free(w.dev.dev);
    prq_enable(&w);
    prq_start_write(&w);
    prq_await_tail(&w, 2);
    prq_serve_write(&w);
    prq_check_counted(&w, "requests 2 groups 2 answered 1 forgotten 1");
    prq_stop(&w);
}

static void check_no_queue(PrqWorld *w)
{
    QDict *info = prq_query(w, "x-query-iommufd");

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
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    info = prq_query(&w, "x-query-iommufd");
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
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    hmp = qtest_hmp(w.t.qts, "info intel-iommu-nested");
    g_assert_nonnull(strstr(hmp, "1 page requests in 1 groups, 0 lost"));
    g_assert_nonnull(strstr(hmp, "1 outstanding"));
    g_free(hmp);

    leave(&w, LEAVE_TRANSLATION);
    check_no_queue(&w);
    prq_stop(&w);
}

/* QEMU ends, or the machine is reset, with a request outstanding. */
static void test_reboot(gconstpointer opaque)
{
    bool reset = opaque;
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    if (reset) {
        leave(&w, LEAVE_RESET);
        g_free(w.dev.dev);
        qvtd_init(w.t.vtd, w.t.qts, TABLES, TABLES_END);
        prq_build(&w, PRQ_CONTEXT);
        qvtd_writeq(w.t.vtd, DMAR_PQA_REG, PRQ_QUEUE);
        prq_enable(&w);
    } else {
        prq_stop(&w);
        prq_start(&w, QTESTDEV_NO_PASID, 0);
    }
    /* The same index is free again, with the device and in QEMU. */
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_serve_write(&w);
    prq_stop(&w);
}

/* The device goes away with a request outstanding, and comes back. */
static void test_unplug(void)
{
    PrqWorld w = { .pasid = QTESTDEV_NO_PASID, .sid = PRQ_SID_BEHIND };
    NestedTest *t = &w.t;

    prq_boot(&w, PRQ_PROPS, PRQ_CONTEXT);
    qvtd_writeq(t->vtd, DMAR_PQA_REG, PRQ_QUEUE);
    prq_enable(&w);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    g_free(w.dev.dev);
    nested_eject(t->qts, "dev");
    g_assert_cmpint(nested_calls(t, "iommu-fault-queue-alloc"), ==, 1);
    g_assert_cmpint(nested_calls(t, "iommu-destroy"), ==,
                    nested_calls(t, "iommu-ioas-alloc") +
                    nested_calls(t, "iommu-hwpt-alloc") + 1);
    prq_respond(&w, w.sid, QTESTDEV_NO_PASID, PASID_TESTDEV_PRGI_CHANNEL,
                QVTD_SUCCESS);

    nested_device_add(t->qts, t->bdf);
    prq_enable(&w);
    prq_start_write(&w);
    prq_await_tail(&w, 2);
    prq_serve_write(&w);
    prq_stop(&w);
}

/* A wait descriptor with the drain flag is taken, and nothing is there twice. */
#define DRAINED         32

static void test_drain(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    prq_send_requests(&w, 0, DRAINED);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(qvtd_queue_wait(w.t.vtd, WAIT_DRAIN));
    prq_await_tail(&w, DRAINED);
    prq_answer_new(&w, PRQ_SMALL);
    prq_await_responses(&w, DRAINED, QVTD_SUCCESS);
    g_assert_cmpuint(prq_tail(&w), ==, DRAINED);
    prq_stop(&w);
}

/* Many requests, and a queue that is full */

#define GROUPS          5
#define GROUP_SIZE      2000
#define BURST_PQS       7               /* 16384 entries */

static void test_burst(void)
{
    const size_t bytes = GROUPS * GROUP_SIZE * PRQ_ENTRY_BYTES;
    g_autofree uint64_t *quads = g_malloc(bytes);
    QTestdevCommand c;
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, BURST_PQS);
    c = prq_command(&w, PASID_TESTDEV_PAGE_REQUEST | PASID_TESTDEV_WANT_READ |
                    PASID_TESTDEV_LAST | PASID_TESTDEV_ONE_GROUP);
    c.length = GROUP_SIZE * PAGE;
    for (c.prgi = 0; c.prgi < GROUPS; c.prgi++) {
        g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
        prq_await_tail(&w, (c.prgi + 1) * GROUP_SIZE);
        prq_respond(&w, PRQ_SID, QTESTDEV_NO_PASID, c.prgi, QVTD_SUCCESS);
    }
    prq_await_responses(&w, GROUPS, QVTD_SUCCESS);
    prq_check_counted(&w, "requests 10000 groups 5 answered 5");
    qtest_bufread(w.t.qts, PRQ_QUEUE, quads, bytes);
    for (unsigned n = 0; n < GROUPS * GROUP_SIZE; n++) {
        unsigned in_group = n % GROUP_SIZE;
        bool last = in_group == GROUP_SIZE - 1;

        g_assert_cmphex(le64_to_cpu(quads[n * 4 + 1]), ==,
                        (IOVA_SRC + (uint64_t)in_group * PAGE) | 1 |
                        (last ? 4 : 0) | (uint64_t)(n / GROUP_SIZE) << 3);
    }
    g_assert_cmphex(qvtd_readl(w.t.vtd, DMAR_PRS_REG), ==, QVTD_PRS_PPR);
    prq_stop(&w);
}

/* A group's index comes again before its answer: that request is refused. */
static void test_index_twice(void)
{
    QTestdevCommand c;
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    c = prq_command(&w, PASID_TESTDEV_PAGE_REQUEST | PASID_TESTDEV_WANT_READ |
                    PASID_TESTDEV_LAST | PASID_TESTDEV_ONE_GROUP);
    c.length = PAGE;
    c.prgi = 3;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    prq_await_tail(&w, 1);
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    prq_await_responses(&w, 1, QVTD_INVALID);
    prq_check_counted(&w, "requests 2 groups 2 refused 1 outstanding 1");
    g_assert_cmpuint(prq_tail(&w), ==, 1);

    prq_respond(&w, PRQ_SID, QTESTDEV_NO_PASID, 3, QVTD_SUCCESS);
    c.prgi = 4;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    prq_await_tail(&w, 2);
    prq_check_counted(&w, "requests 3 groups 3 refused 1 answered 1 "
                      "outstanding 1");
    prq_stop(&w);
}

/* The guest answers, but takes nothing out. */
static void fill_queue(PrqWorld *w)
{
    unsigned polls = 0;

    prq_send_requests(w, 0, PRQ_SMALL - 1);
    while (w->answered < PRQ_SMALL - 1 && has_patience(&polls, PATIENCE)) {
        prq_answer_new(w, PRQ_SMALL);
        g_usleep(POLL_US);
    }
    g_assert_cmpuint(qtestdev_finish(&w->dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_cmphex(qvtd_readl(w->t.vtd, DMAR_PRS_REG), ==, QVTD_PRS_PPR);
    qtestdev_writel(&w->dev, PASID_TESTDEV_LOG_COUNT, 0);
}

static void test_overflow(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    fill_queue(&w);
    /* The device is told to try again. */
    prq_send_requests(&w, 200, 1);
    prq_await_responses(&w, 1, QVTD_SUCCESS);
    g_assert_cmphex(qvtd_readl(w.t.vtd, DMAR_PRS_REG), ==,
                    QVTD_PRS_PPR | QVTD_PRS_PRO);
    g_assert_cmpuint(prq_tail(&w), ==, PRQ_SMALL - 1);

    qvtd_writeq(w.t.vtd, DMAR_PQH_REG, (PRQ_SMALL - 1) * PRQ_ENTRY_BYTES);
    qvtd_writel(w.t.vtd, DMAR_PRS_REG, QVTD_PRS_PPR | QVTD_PRS_PRO);
    prq_send_requests(&w, 201, 1);
    prq_await_tail(&w, 0);
    g_assert_cmphex(prq_entry(&w, PRQ_SMALL - 1, 1) >> 3 & 0x1ff, ==, 201);
    prq_check_counted(&w, "requests 129 groups 129 lost 1 answered 127 "
                      "automatic 1 outstanding 1");
    prq_stop(&w);
}

/* A guest without a queue: the device is told no, at once. */
static void test_no_queue(void)
{
    PrqWorld w = { .pasid = QTESTDEV_NO_PASID, .sid = PRQ_SID };

    prq_boot(&w, PRQ_PROPS, PRQ_CONTEXT);
    prq_enable(&w);
    prq_start_write(&w);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_INVALID);
    g_assert_false(prq_written(&w));
    prq_check_counted(&w, "requests 1 groups 1 lost 1 automatic 1");
    prq_stop(&w);
}

/* Without pri=on the context entry's bit is reserved. */
static void test_off(void)
{
    PrqWorld w = { .pasid = QTESTDEV_NO_PASID, .sid = PRQ_SID };

    prq_boot(&w, "nested=on,device-iotlb=on", PRQ_CONTEXT);
    g_assert_cmphex(qvtd_readq(w.t.vtd, DMAR_ECAP_REG) & 1 << 29, ==, 0);
    qvtd_enable_translation(w.t.vtd, true);
    nested_check_fault(&w.t, 0x42);
    nested_check_host(&w.t, 0, 0);
    g_assert_cmpint(nested_calls(&w.t, "iommu-fault-queue-alloc"), ==, 0);
    prq_stop(&w);
}

/* As if another thread polled the queue's file while a vCPU lets go of it. */
static void test_busy_queue(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    /* The HWPT goes first. */
    nested_inject(&w.t, "iommu-destroy 16 1 1");
    w.t.injected_destroys = 1;
    leave(&w, LEAVE_TRANSLATION);
    check_no_queue(&w);
    g_assert_cmpint(nested_calls(&w.t, "iommu-destroy"), ==, 3);
    prq_stop(&w);
}

/* The kernel has no memory for a fault queue. */
static void test_no_fault_queue(void)
{
    PrqWorld w = { .pasid = QTESTDEV_NO_PASID, .sid = PRQ_SID };

    prq_boot(&w, PRQ_PROPS, PRQ_CONTEXT);
    qvtd_writeq(w.t.vtd, DMAR_PQA_REG, PRQ_QUEUE);
    nested_inject(&w.t, "iommu-fault-queue-alloc 12 1");
    qvtd_enable_translation(w.t.vtd, true);
    nested_check_fault(&w.t, 0x5b);
    nested_check_host(&w.t, 0, 0);

    g_assert_true(qvtd_invalidate(w.t.vtd, QVTD_INV_PC_GLOBAL, 0));
    nested_check_host(&w.t, PGTT_NESTED, w.table.root);
    prq_enable(&w);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_serve_write(&w);
    prq_stop(&w);
}

/* The queue can't be read now: a little later it can. */
static void test_read_retried(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    nested_inject(&w.t, "iommu-fault-queue-read 12 2");
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    g_assert_cmpint(nested_calls(&w.t, "iommu-fault-queue-read"), >=, 3);
    prq_serve_write(&w);
    prq_stop(&w);
}

/* It can't be read at all: its devices are blocked, and the kernel answers. */
static void test_read_failed(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    nested_inject(&w.t, "iommu-fault-queue-read 5 1");
    prq_start_write(&w);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_INVALID);
    g_assert_false(prq_written(&w));
    nested_check_fault(&w.t, 0x5b);
    nested_check_host(&w.t, 0, 0);
    prq_check_counted(&w, "");

    g_assert_true(qvtd_invalidate(w.t.vtd, QVTD_INV_PC_GLOBAL, 0));
    nested_check_host(&w.t, PGTT_NESTED, w.table.root);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_stop(&w);
}

/* Each allocation for a table with a fault queue fails once. */
static void test_sweep(void)
{
    unsigned nth;
    PrqWorld w;

    if (!nested_can_fail_nth()) {
        return;
    }
    prq_start(&w, QTESTDEV_NO_PASID, 0);
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
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_serve_write(&w);
    /* No failure has left a user behind. */
    leave(&w, LEAVE_TRANSLATION);
    check_no_queue(&w);
    prq_stop(&w);
}

/* What a driver finds, and can set; @opaque: how the device is reset then */
static void test_capabilities(gconstpointer opaque)
{
    uint16_t ats, pri;
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
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

    /* What does not set the bit, or not this time, resets nothing. */
    qpci_config_writeb(w.dev.dev, find_cap(&w, PCI_CAP_ID_EXP) +
                       PCI_EXP_DEVCTL + 1, 0);
    qpci_config_writew(w.dev.dev, find_cap(&w, PCI_CAP_ID_PM) + PCI_PM_CTRL, 0);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, ats + PCI_ATS_CAP) >> 16, ==,
                    PCI_ATS_CTRL_ENABLE);
    do_reset(&w, GPOINTER_TO_UINT(opaque));
    /* Off and stopped, as Linux wants it before it enables them. */
    g_assert_cmphex(qtestdev_config_readl(&w.dev, ats + PCI_ATS_CAP) >> 16, ==,
                    0);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pri + PCI_PRI_CTRL) &
                    (0xffff | PCI_PRI_STATUS_STOPPED << 16), ==,
                    PCI_PRI_STATUS_STOPPED << 16);
    g_assert_cmpuint(qtestdev_config_readl(&w.dev, pri + PCI_PRI_ALLOC_REQ),
                     ==, 0);
    prq_stop(&w);
}

static void add(const char *group, const char *name, const void *row,
                GTestDataFunc test)
{
    g_autofree char *path = g_strdup_printf("/intel-iommu/nested/prq/%s/%s",
                                            group, name);

    qtest_add_data_func(path, row, test);
}

static const struct {
    const char *name;
    Reset how;
} resets[] = {
    { "reset", RESET_MACHINE },
    { "function-reset", RESET_FLR },
    { "function-reset-byte", RESET_FLR_BYTE },
    { "function-reset-long", RESET_FLR_LONG },
    { "af-reset", RESET_AF },
    { "power-up", RESET_POWER },
};

int main(int argc, char **argv)
{
    int i;

    if (!prq_test_init(&argc, &argv)) {
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
    for (i = 0; i < ARRAY_SIZE(resets); i++) {
        void *how = GUINT_TO_POINTER(resets[i].how);

        add("capabilities", resets[i].name, how, test_capabilities);
        if (resets[i].how != RESET_MACHINE) {
            add("leave", resets[i].name, how, test_leave_by_reset);
        }
    }

    return nested_test_run();
}
