/*
 * intel-iommu,nested=on,pri=on: the world of its tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qobject/qlist.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-prq-world.h"
#include "libqos/patience.h"

#define BYTES           64

bool prq_test_init(int *argc, char ***argv)
{
    return nested_test_init(argc, argv) &&
           nested_test_requires(6, 15, "page requests of a passed-through "
                                "device");
}

static bool has_pasid(const PrqWorld *w)
{
    return w->pasid != QTESTDEV_NO_PASID;
}

uint32_t prq_pasid(const PrqWorld *w)
{
    return has_pasid(w) ? w->pasid : 0;
}

void prq_build(PrqWorld *w, uint64_t context_flags)
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
    t->entry = qvtd_pasid_slot(t->vtd, t->context, prq_pasid(w));
    qvtd_write_pasid(t->vtd, t->entry, &entry);
    qvtd_writeq(t->vtd, DMAR_PQH_REG, 0);
    qvtd_writeq(t->vtd, DMAR_PQT_REG, 0);
}

void prq_enable(PrqWorld *w)
{
    NestedTest *t = &w->t;

    qvtd_enable_translation(t->vtd, true);
    nested_check_fault(t, 0);
    qtestdev_init(&w->dev, t->qts, qpci_device_find(t->pci, w->sid));
    qtestdev_enable(&w->dev, QTESTDEV_ATS | QTESTDEV_PRI |
                    (has_pasid(w) ? QTESTDEV_PASID : 0));
    qtestdev_writel(&w->dev, PASID_TESTDEV_LOG_COUNT, 0);
}

void prq_boot(PrqWorld *w, const char *props, uint64_t context_flags)
{
    g_autofree char *device = NULL;

    device = g_strdup_printf("-device pcie-root-port,id=rp,chassis=1,slot=1,"
                             "addr=3 -device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,%s %s", vtd_host_device(),
                             w->sid == PRQ_SID_BEHIND ? "bus=rp" : "addr="
                             stringify(SLOT), w->more ?: "");
    nested_start_props(&w->t, props, device);
    nested_setup_bridge(&w->t, QPCI_DEVFN(3, 0), 1, 1);
    w->t.bus = w->sid >> 8;
    w->t.devfn = w->sid;
    prq_build(w, context_flags);
}

void prq_start(PrqWorld *w, uint32_t pasid, unsigned pqs)
{
    *w = (PrqWorld) { .pasid = pasid, .sid = PRQ_SID };
    prq_boot(w, has_pasid(w) ? PRQ_PROPS ",pasid=on" : PRQ_PROPS, PRQ_CONTEXT);
    qvtd_writeq(w->t.vtd, DMAR_PQA_REG, PRQ_QUEUE | pqs);
    prq_enable(w);
}

void prq_stop(PrqWorld *w)
{
    g_free(w->dev.dev);
    w->t.edu.dev = NULL;
    nested_teardown(&w->t);
}

/* What the device does */

QTestdevCommand prq_command(PrqWorld *w, uint32_t op)
{
    return (QTestdevCommand) {
        .op = op | (has_pasid(w) ? PASID_TESTDEV_WITH_PASID : 0),
        .pasid = prq_pasid(w),
        .iova = IOVA_SRC,
        .length = BYTES,
    };
}

void prq_start_write(PrqWorld *w)
{
    QTestdevCommand c = prq_command(w, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS |
                                    PASID_TESTDEV_PRI);
    uint8_t data[BYTES];

    memset(data, 0x5a, sizeof(data));
    qtestdev_memwrite(&w->dev, 0, data, sizeof(data));
    qtest_memset(w->t.qts, PAGE_A, 0, PAGE);
    qtestdev_start(&w->dev, &c);
}

bool prq_written(PrqWorld *w)
{
    uint8_t data[BYTES], want[BYTES];

    memset(want, 0x5a, sizeof(want));
    qtest_bufread(w->t.qts, PAGE_A, data, sizeof(data));
    return !memcmp(data, want, sizeof(want));
}

void prq_send_requests(PrqWorld *w, unsigned first, unsigned nr)
{
    QTestdevCommand c = prq_command(w, PASID_TESTDEV_PAGE_REQUEST |
                                    PASID_TESTDEV_WANT_READ |
                                    PASID_TESTDEV_LAST);

    c.length = nr * PAGE;
    c.prgi = first;
    qtestdev_start(&w->dev, &c);
}

/* Page group responses that it got; invalidations are logged as well. */
static unsigned responses(PrqWorld *w, unsigned *code)
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

void prq_await_responses(PrqWorld *w, unsigned want, unsigned want_code)
{
    unsigned polls = 0, code = 0;

    while (responses(w, &code) < want && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_cmpuint(responses(w, &code), ==, want);
    g_assert_cmphex(code, ==, want_code);
}

/* What the guest does */

unsigned prq_tail(PrqWorld *w)
{
    return qvtd_readq(w->t.vtd, DMAR_PQT_REG) / PRQ_ENTRY_BYTES;
}

void prq_await_tail(PrqWorld *w, unsigned want)
{
    unsigned polls = 0;

    while (prq_tail(w) != want && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
}

uint64_t prq_entry(PrqWorld *w, unsigned n, unsigned quad)
{
    return qtest_readq(w->t.qts, PRQ_QUEUE + n * PRQ_ENTRY_BYTES + quad * 8);
}

static void put_response(PrqWorld *w, uint16_t sid, uint32_t pasid,
                         unsigned prgi, unsigned code)
{
    uint64_t desc[4] = {
        QVTD_INV_RESPONSE(sid, code), QVTD_INV_RESPONSE_HI(prgi),
    };

    if (pasid != QTESTDEV_NO_PASID) {
        desc[0] |= QVTD_INV_RESPONSE_PASID(pasid);
    }
    qvtd_queue_put(w->t.vtd, desc);
}

void prq_respond(PrqWorld *w, uint16_t sid, uint32_t pasid, unsigned prgi,
                 unsigned code)
{
    put_response(w, sid, pasid, prgi, code);
    g_assert_true(qvtd_queue_wait(w->t.vtd, 0));
}

/* In batches, as one queue page takes */
void prq_answer_new(PrqWorld *w, unsigned entries)
{
    unsigned end = prq_tail(w), batch = 0;

    while (w->answered != end) {
        uint64_t quads[4];

        qtest_memread(w->t.qts, PRQ_QUEUE + w->answered * PRQ_ENTRY_BYTES,
                      quads, sizeof(quads));
        put_response(w, w->sid, w->pasid,
                     extract64(le64_to_cpu(quads[1]), 3, 9), QVTD_SUCCESS);
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

void prq_check_request(PrqWorld *w, unsigned n)
{
    uint64_t prgi = PASID_TESTDEV_PRGI_CHANNEL;
    uint64_t lo = 1 | (uint64_t)w->sid << 16;

    if (has_pasid(w)) {
        lo |= 1 << 8 | (uint64_t)w->pasid << 32;
    }
    g_assert_cmphex(prq_entry(w, n, 0), ==, lo);
    /* A write that asks for a page needs to read nothing. */
    g_assert_cmphex(prq_entry(w, n, 1) & ~1ULL, ==,
                    IOVA_SRC | 2 | 4 | prgi << 3);
    g_assert_cmphex(qvtd_readl(w->t.vtd, DMAR_PRS_REG), ==, QVTD_PRS_PPR);
}

void prq_map_page(PrqWorld *w)
{
    qvtd_edit(w->t.vtd, w->leaf, 0, QVTD_S1_PAGE);
}

void prq_serve_write(PrqWorld *w)
{
    prq_map_page(w);
    prq_respond(w, w->sid, QTESTDEV_NO_PASID, PASID_TESTDEV_PRGI_CHANNEL,
                QVTD_SUCCESS);
    g_assert_cmpuint(qtestdev_finish(&w->dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(prq_written(w));
}

/* What QMP tells of it */

QDict *prq_query(PrqWorld *w, const char *command)
{
    QDict *reply = qtest_qmp(w->t.qts, "{'execute': %s}", command);
    QList *list = qdict_get_qlist(reply, "return");
    QDict *one;

    g_assert_cmpuint(qlist_size(list), ==, 1);
    one = qobject_to(QDict, qlist_pop(list));
    qobject_unref(reply);
    return one;
}

void prq_check_counted(PrqWorld *w, const char *want)
{
    static const char *const names[] = {
        "requests", "groups", "lost", "refused", "answered", "automatic",
        "unexpected", "forgotten", "late", "outstanding",
    };
    QDict *info = prq_query(w, "x-query-intel-iommu-nested");
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
