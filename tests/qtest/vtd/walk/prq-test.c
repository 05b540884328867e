/*
 * QTest cases for page requests under intel-iommu,ecap-nest=on,device-iotlb=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "walk-pasid-world.h"
#include "rows.h"

#define DT              "ecap-nest=on,device-iotlb=on"
#define ALL_ON          (QTESTDEV_PASID | QTESTDEV_ATS | QTESTDEV_PRI)
#define QUEUE           0x05000000ULL   /* guest RAM */
#define PECTL_IP        (1u << 30)
#define PECTL_IM        (1u << 31)
#define DEMAND          (PASID_TESTDEV_ATS | PASID_TESTDEV_PRI)
#define REQUEST         PASID_TESTDEV_PAGE_REQUEST
#define WANT_READ       PASID_TESTDEV_WANT_READ
#define WANT_WRITE      PASID_TESTDEV_WANT_WRITE
#define LAST            PASID_TESTDEV_LAST
#define GROUP_OF(n)     (PASID_TESTDEV_PRGI_CHANNEL + (n))
#define S1_P            (1ULL << 0)

/* All of these have a PASID. */
#define RESPONSE(sid, pasid, code) \
    (QVTD_INV_RESPONSE(sid, code) | QVTD_INV_RESPONSE_PASID(pasid))

/* @pqs: the queue has 128 << @pqs entries */
static void start(PasidWorld *w, unsigned pqs)
{
    pasids_start(w, &(PasidSetup) {
        .props = DT,
        .context = PASIDE | DTE | PRE,
        .enable = ALL_ON,
    });
    qvtd_writeq(&w->vtd, DMAR_PQA_REG, QUEUE | pqs);
}

static void set_absent(PasidWorld *w, unsigned n)
{
    qvtd_edit(&w->vtd, w->space[n].leaf, S1_P, 0);
}

static void set_present(PasidWorld *w, unsigned n)
{
    qvtd_edit(&w->vtd, w->space[n].leaf, 0, S1_P);
}

static void respond(PasidWorld *w, uint32_t pasid, unsigned prgi, unsigned code)
{
    g_assert_true(qvtd_invalidate(&w->vtd,
                                  RESPONSE(PASIDS_SID, pasid, code),
                                  QVTD_INV_RESPONSE_HI(prgi)));
}

static uint64_t entry(PasidWorld *w, unsigned n, unsigned quad)
{
    return qtest_readq(w->qts, QUEUE + n * 32 + quad * 8);
}

static uint64_t tail(PasidWorld *w)
{
    return qvtd_readq(&w->vtd, DMAR_PQT_REG) / 32;
}

static uint32_t prs(PasidWorld *w)
{
    return qvtd_readl(&w->vtd, DMAR_PRS_REG);
}

static unsigned log_count(PasidWorld *w)
{
    return qtestdev_readl(&w->dev, PASID_TESTDEV_LOG_COUNT);
}

/* Descriptors */

typedef struct DescRow {
    const char *name;
    uint32_t flags;
    bool no_pasid;
    unsigned prgi;
    uint64_t lo, hi;        /* beside type, SID and address */
} DescRow;

#define LO_PASID    (1ULL << 8 | (uint64_t)PASIDS_A << 32)
#define LO_EXEC     (1ULL << 52)
#define LO_PRIV     (1ULL << 53)

static const DescRow desc_rows[] = {
    { "read", WANT_READ | LAST, .lo = LO_PASID, .hi = 1 | 4 },
    { "write", WANT_WRITE | LAST, .lo = LO_PASID, .hi = 2 | 4 },
    { "read-write", WANT_READ | WANT_WRITE | LAST, .lo = LO_PASID,
      .hi = 3 | 4 },
    { "not-last", WANT_READ, .lo = LO_PASID, .hi = 1 },
    { "group", WANT_READ | LAST, .prgi = 0x155, .lo = LO_PASID,
      .hi = 1 | 4 | 0x155 << 3 },
    { "priv", WANT_READ | LAST | PASID_TESTDEV_PRIVILEGED,
      .lo = LO_PASID | LO_PRIV, .hi = 1 | 4 },
    { "exec", WANT_READ | LAST | PASID_TESTDEV_EXECUTE,
      .lo = LO_PASID | LO_EXEC, .hi = 1 | 4 },
    { "no-pasid", WANT_READ | LAST, .no_pasid = true, .hi = 1 | 4 },
    { "stop-marker", LAST, .lo = LO_PASID, .hi = 4 },
};

static void test_desc(gconstpointer opaque)
{
    const DescRow *row = opaque;
    QTestdevCommand c;
    PasidWorld w;

    start(&w, 0);
    c = pasids_command(&w, row->no_pasid ? 2 : 0, REQUEST | row->flags);
    c.length = 1;
    c.prgi = row->prgi;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmpuint(tail(&w), ==, 1);
    g_assert_cmphex(entry(&w, 0, 0), ==, 1 | PASIDS_SID << 16 | row->lo);
    g_assert_cmphex(entry(&w, 0, 1), ==, PASIDS_IOVA | row->hi);
    g_assert_cmphex(entry(&w, 0, 2), ==, 0);
    g_assert_cmphex(entry(&w, 0, 3), ==, 0);
    g_assert_cmphex(prs(&w), ==, QVTD_PRS_PPR);
    g_assert_cmpuint(qtestdev_readl(&w.dev, PASID_TESTDEV_OUTSTANDING), ==,
                     row->flags == LAST ? 0 : 1);
    pasids_stop(&w);
}

/* Pages on demand, of two spaces at once */

static void test_demand(gconstpointer opaque)
{
    unsigned pgtt = GPOINTER_TO_UINT(opaque), n;
    QTestdevCommand c;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) {
        .props = DT,
        .context = PASIDE | DTE | PRE,
        .enable = ALL_ON,
        .pgtt = { pgtt, 1 },
    });
    qvtd_writeq(&w.vtd, DMAR_PQA_REG, QUEUE);
    for (n = 0; n < 2; n++) {
        qvtd_edit(&w.vtd, w.space[n].leaf, 3, 0);
        c = pasids_command(&w, n, PASID_TESTDEV_WRITE | DEMAND);
        qtestdev_start(&w.dev, &c);
    }
    for (n = 0; n < 2; n++) {
        g_assert_cmphex(qtestdev_settle(&w.dev, n), ==, PASID_TESTDEV_WAITING);
    }
    g_assert_cmpuint(tail(&w), ==, 2);

    /* The second one first: each answer finds its own channel. */
    qvtd_edit(&w.vtd, w.space[1].leaf, 0, 3);
    respond(&w, PASIDS_B, GROUP_OF(1), QVTD_SUCCESS);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 1), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, w.space[1].data, 1));
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);
    g_assert_false(pasids_holds(&w, w.space[0].data, 0));

    qvtd_edit(&w.vtd, w.space[0].leaf, 0, 3);
    respond(&w, PASIDS_A, GROUP_OF(0), QVTD_SUCCESS);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, w.space[0].data, 0));
    g_assert_cmpuint(tail(&w), ==, 2);
    pasids_stop(&w);
}

/* Responses */

typedef struct ResponseRow {
    const char *name;
    unsigned code;
    unsigned ends;          /* how the command does */
    bool failed;            /* the device's interface is stopped */
} ResponseRow;

static const ResponseRow response_rows[] = {
    { "invalid", QVTD_INVALID, PASID_TESTDEV_INVALID },
    { "failure", QVTD_FAILURE, PASID_TESTDEV_FAILURE, true },
    { "unknown-code", 7, PASID_TESTDEV_FAILURE },
};

static void test_response(gconstpointer opaque)
{
    const ResponseRow *row = opaque;
    QTestdevCommand c;
    PasidWorld w;
    uint16_t pri;

    start(&w, 0);
    set_absent(&w, 0);
    c = pasids_command(&w, 0, PASID_TESTDEV_WRITE | DEMAND);
    qtestdev_start(&w.dev, &c);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);
    respond(&w, PASIDS_A, GROUP_OF(0), row->code);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, row->ends);
    g_assert_false(pasids_holds(&w, w.space[0].data, 0));
    pri = qtestdev_find_ext_cap(&w.dev, PCI_EXT_CAP_ID_PRI);
    g_assert_cmpint(!!(qtestdev_config_readl(&w.dev, pri + PCI_PRI_CTRL) >> 16 &
                       PCI_PRI_STATUS_RF), ==, row->failed);
    pasids_stop(&w);
}

/* What was not asked, or was answered already, changes nothing. */
static void test_unexpected(void)
{
    QTestdevCommand c;
    PasidWorld w;

    start(&w, 0);
    set_absent(&w, 0);
    c = pasids_command(&w, 0, PASID_TESTDEV_WRITE | DEMAND);
    qtestdev_start(&w.dev, &c);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);
    respond(&w, PASIDS_A, 5, QVTD_SUCCESS);
    g_assert_cmpuint(log_count(&w), ==, 1);
    g_assert_cmphex(qtestdev_event(&w.dev, 0).event, ==,
                    PASID_TESTDEV_RESPONSE | PASID_TESTDEV_UNEXPECTED);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);

    /* To a device that is not there */
    g_assert_true(qvtd_invalidate(&w.vtd, RESPONSE(PASIDS_SID + 1, 1,
                                                   QVTD_SUCCESS),
                                  QVTD_INV_RESPONSE_HI(GROUP_OF(0))));
    g_assert_cmpuint(log_count(&w), ==, 1);

    set_present(&w, 0);
    respond(&w, PASIDS_A, GROUP_OF(0), QVTD_SUCCESS);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    respond(&w, PASIDS_A, GROUP_OF(0), QVTD_SUCCESS);
    g_assert_cmpuint(log_count(&w), ==, 3);
    g_assert_cmphex(qtestdev_event(&w.dev, 1).event, ==,
                    PASID_TESTDEV_RESPONSE);
    g_assert_cmphex(qtestdev_event(&w.dev, 2).event, ==,
                    PASID_TESTDEV_RESPONSE | PASID_TESTDEV_UNEXPECTED);
    pasids_stop(&w);
}

/* PRG Response PASID Required: another PASID's response is not the group's. */
static void test_wrong_pasid(gconstpointer opaque)
{
    bool required = !opaque;
    QTestdevCommand c;
    PasidWorld w;
    uint16_t pri;

    pasids_start(&w, &(PasidSetup) {
        .props = DT,
        .device = required ? NULL : "prg-pasid=off",
        .context = PASIDE | DTE | PRE,
        .enable = ALL_ON,
    });
    qvtd_writeq(&w.vtd, DMAR_PQA_REG, QUEUE);
    pri = qtestdev_find_ext_cap(&w.dev, PCI_EXT_CAP_ID_PRI);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pri + PCI_PRI_CTRL) >> 16 &
                    PCI_PRI_STATUS_PASID, ==,
                    required ? PCI_PRI_STATUS_PASID : 0);
    set_absent(&w, 0);
    c = pasids_command(&w, 0, PASID_TESTDEV_WRITE | DEMAND);
    qtestdev_start(&w.dev, &c);
    g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);
    set_present(&w, 0);
    respond(&w, PASIDS_B, GROUP_OF(0), QVTD_SUCCESS);
    g_assert_cmphex(qtestdev_event(&w.dev, 0).event, ==,
                    PASID_TESTDEV_RESPONSE |
                    (required ? PASID_TESTDEV_UNEXPECTED : 0));
    if (required) {
        g_assert_cmphex(qtestdev_settle(&w.dev, 0), ==, PASID_TESTDEV_WAITING);
        g_assert_cmphex(qtestdev_config_readl(&w.dev, pri + PCI_PRI_CTRL) >> 16
                        & PCI_PRI_STATUS_UPRGI, ==, PCI_PRI_STATUS_UPRGI);
        respond(&w, PASIDS_A, GROUP_OF(0), QVTD_SUCCESS);
    }
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    pasids_stop(&w);
}

static const uint64_t bad_responses[][2] = {
    { RESPONSE(PASIDS_SID, 1, 0) | 1 << 5, 0 },
    { RESPONSE(PASIDS_SID, 1, 0) | 1ULL << 52, 0 },
    { RESPONSE(PASIDS_SID, 1, 0), 1 },
    { RESPONSE(PASIDS_SID, 1, 0), 1 << 12 },
};

static void test_bad_response(gconstpointer opaque)
{
    const uint64_t *desc = opaque;
    PasidWorld w;

    start(&w, 0);
    g_assert_false(qvtd_invalidate(&w.vtd, desc[0], desc[1]));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    g_assert_cmpuint(log_count(&w), ==, 0);
    pasids_stop(&w);
}

/* Bursts and overflow */

typedef struct BurstRow {
    const char *name;
    unsigned pqs;
    unsigned requests;
    bool one_group;
    unsigned queued;        /* the rest is lost */
} BurstRow;

static const BurstRow burst_rows[] = {
    { "fits", 0, 127, .queued = 127 },
    { "one-too-many", 0, 128, .queued = 127 },
    { "overflow", 0, 300, .queued = 127 },
    { "group-of-10000/fits", 7, 10000, true, 10000 },
    { "group-of-10000/overflow", 6, 10000, true, 8191 },
    { "group/smallest-queue", 0, 5000, true, 127 },
};

/* Every one that is queued is there, in order. */
static void check_queue(PasidWorld *w, const BurstRow *row)
{
    unsigned i;

    for (i = 0; i < row->queued; i += 1 + row->queued / 256) {
        unsigned prgi = row->one_group ? 0 : i;
        bool last = !row->one_group || i == row->requests - 1;

        g_assert_cmphex(entry(w, i, 1), ==, (PASIDS_IOVA + i * 4096ULL) | 1 |
                        (uint64_t)prgi << 3 | last << 2);
    }
}

static void test_burst(gconstpointer opaque)
{
    const BurstRow *row = opaque;
    bool overflow = row->queued < row->requests;
    QTestdevCommand c;
    PasidWorld w;

    start(&w, row->pqs);
    c = pasids_command(&w, 0, REQUEST | WANT_READ | LAST |
                       (row->one_group ? PASID_TESTDEV_ONE_GROUP : 0));
    c.length = row->requests * 4096;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmpuint(tail(&w), ==, row->queued);
    check_queue(&w, row);
    g_assert_cmphex(prs(&w), ==, QVTD_PRS_PPR | (overflow ? QVTD_PRS_PRO : 0));
    /* Each lost group has its automatic response, no other has one. */
    g_assert_cmpuint(log_count(&w), ==, !overflow ? 0 : row->one_group ? 1 :
                     row->requests - row->queued);
    if (overflow) {
        g_assert_cmphex(qtestdev_event(&w.dev, 0).event, ==,
                        PASID_TESTDEV_RESPONSE | QVTD_SUCCESS << 4);
    }
    pasids_stop(&w);
}

/* After an overflow: nothing is queued until PRO is cleared. */
static void test_overflow_cleared(void)
{
    QTestdevCommand c;
    PasidWorld w;

    start(&w, 0);
    c = pasids_command(&w, 0, REQUEST | WANT_READ | LAST);
    c.length = 130 * 4096;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmphex(prs(&w), ==, QVTD_PRS_PPR | QVTD_PRS_PRO);
    qvtd_writeq(&w.vtd, DMAR_PQH_REG, 127 * 32);
    c.length = 4096;
    c.prgi = 200;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmpuint(tail(&w), ==, 127);
    qvtd_writel(&w.vtd, DMAR_PRS_REG, QVTD_PRS_PPR | QVTD_PRS_PRO);
    g_assert_cmphex(prs(&w), ==, 0);
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmphex(prs(&w), ==, QVTD_PRS_PPR);
    g_assert_cmpuint(tail(&w), ==, 0);
    pasids_stop(&w);
}

/* The device asks again by itself until the queue has room. */
static void test_overflow_retried(void)
{
    QTestdevCommand c, demand;
    PasidWorld w;

    start(&w, 0);
    set_absent(&w, 1);
    c = pasids_command(&w, 0, REQUEST | WANT_READ | LAST);
    c.length = 128 * 4096;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    demand = pasids_command(&w, 1, PASID_TESTDEV_WRITE | DEMAND);
    qtestdev_start(&w.dev, &demand);
    g_usleep(20000);
    set_present(&w, 1);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 1), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, w.space[1].data, 1));
    pasids_stop(&w);
}

/* Refused */

typedef struct RefusedRow {
    const char *name;
    const char *props;
    uint64_t context;
    uint64_t root_flags;    /* of RTADDR_REG */
    uint64_t queue;
    bool off;
    unsigned ends;
    unsigned fault;
} RefusedRow;

static const RefusedRow refused_rows[] = {
    { "no-pre", DT, PASIDE | DTE, VTD_RTADDR_SMT, QUEUE,
      .ends = QVTD_INVALID, .fault = 0x47 },
    { "no-paside", DT, DTE | PRE, VTD_RTADDR_SMT, QUEUE,
      .ends = QVTD_FAILURE, .fault = 0x45 },
    { "legacy-mode", DT, PASIDE | DTE | PRE, 0, QUEUE,
      .ends = QVTD_FAILURE, .fault = 0x32 },
    { "translation-off", DT, PASIDE | DTE | PRE, VTD_RTADDR_SMT, QUEUE,
      .off = true, .ends = QVTD_FAILURE },
    { "no-queue", DT, PASIDE | DTE | PRE, VTD_RTADDR_SMT, 0,
      .ends = QVTD_FAILURE },
    { "queue-outside-ram", DT, PASIDE | DTE | PRE, VTD_RTADDR_SMT,
      0x7f00000000ULL, .ends = QVTD_FAILURE },
    { "queue-is-a-register", DT, PASIDE | DTE | PRE, VTD_RTADDR_SMT,
      Q35_HOST_BRIDGE_IOMMU_ADDR, .ends = QVTD_FAILURE },
    { "queue-at-the-end", DT, PASIDE | DTE | PRE, VTD_RTADDR_SMT,
      ~0xfffULL | 7, .ends = QVTD_FAILURE },
    { "no-prs", "ecap-nest=on", PASIDE, VTD_RTADDR_SMT, QUEUE,
      .ends = QVTD_FAILURE },
};

static void test_refused(gconstpointer opaque)
{
    const RefusedRow *row = opaque;
    QTestdevCommand c;
    QVTDFault fault;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) {
        .props = row->props,
        .context = row->context,
        .enable = ALL_ON,
        .off = true,
    });
    qvtd_set_root(&w.vtd, w.vtd.root, row->root_flags);
    if (!row->off) {
        qvtd_enable_translation(&w.vtd, true);
    }
    qvtd_writeq(&w.vtd, DMAR_PQA_REG, row->queue);
    c = pasids_command(&w, 0, REQUEST | WANT_READ | LAST);
    c.length = 1;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmpuint(log_count(&w), ==, 1);
    g_assert_cmphex(qtestdev_event(&w.dev, 0).event, ==,
                    PASID_TESTDEV_RESPONSE | row->ends << 4);
    g_assert_cmpuint(qtestdev_readl(&w.dev, PASID_TESTDEV_OUTSTANDING), ==, 0);
    g_assert_cmpuint(tail(&w), ==, 0);
    g_assert_cmphex(prs(&w), ==, 0);
    g_assert_cmpint(qvtd_take_fault(&w.vtd, &fault), ==, !!row->fault);
    if (row->fault) {
        g_assert_cmphex(fault.reason, ==, row->fault);
        g_assert_true(fault.page_request);
        g_assert_true(fault.has_pasid);
        g_assert_cmphex(fault.pasid, ==, PASIDS_A);
    }
    pasids_stop(&w);
}

/* Without ECAP.PRS its registers are not there, nor is the descriptor. */
static void test_no_prs(void)
{
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) {});
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_ECAP_REG) & 1 << 29, ==, 0);
    qvtd_writeq(&w.vtd, DMAR_PQA_REG, QUEUE);
    qvtd_writel(&w.vtd, DMAR_PEDATA_REG, 0x30);
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_PQA_REG), ==, 0);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_PECTL_REG), ==, 0);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_PEDATA_REG), ==, 0);
    g_assert_false(qvtd_invalidate(&w.vtd, RESPONSE(PASIDS_SID, 1, 0), 0));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    pasids_stop(&w);
}

/* The event: pending while it is masked, sent when it no longer is. */
static void test_event(void)
{
    QTestdevCommand c;
    PasidWorld w;

    start(&w, 0);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_PECTL_REG), ==, PECTL_IM);
    c = pasids_command(&w, 0, REQUEST | WANT_READ | LAST);
    c.length = 1;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_PECTL_REG), ==,
                    PECTL_IM | PECTL_IP);
    qvtd_writel(&w.vtd, DMAR_PECTL_REG, 0);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_PECTL_REG), ==, 0);

    /* PPR cleared: nothing is pending any more. */
    qvtd_writel(&w.vtd, DMAR_PECTL_REG, PECTL_IM);
    qvtd_writel(&w.vtd, DMAR_PRS_REG, QVTD_PRS_PPR);
    c.prgi = 1;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_PECTL_REG), ==,
                    PECTL_IM | PECTL_IP);
    qvtd_writel(&w.vtd, DMAR_PRS_REG, QVTD_PRS_PPR);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_PECTL_REG), ==, PECTL_IM);
    pasids_stop(&w);
}

/* Head and tail wherever a guest puts them: QEMU stays inside the queue. */
static void test_wild_pointers(void)
{
    uint64_t before, after;
    QTestdevCommand c;
    PasidWorld w;

    start(&w, 0);
    qvtd_writeq(&w.vtd, DMAR_PQT_REG, ~0ULL);
    qvtd_writeq(&w.vtd, DMAR_PQH_REG, ~0ULL - 0x1000);
    qtest_memset(w.qts, QUEUE - 4096, 0x5a, 3 * 4096);
    c = pasids_command(&w, 0, REQUEST | WANT_READ | LAST);
    c.length = 3 * 4096;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    before = qtest_readq(w.qts, QUEUE - 8);
    after = qtest_readq(w.qts, QUEUE + 4096);
    g_assert_cmphex(before, ==, 0x5a5a5a5a5a5a5a5aULL);
    g_assert_cmphex(after, ==, 0x5a5a5a5a5a5a5a5aULL);
    pasids_stop(&w);
}

void add_tests(void)
{
    static const char *pgtt[] = { NULL, "first", "second", "nested" };
    int i;

    qtest_add_rows("/vtd-walk/prq/descriptor", desc_rows, test_desc);
    for (i = 1; i < ARRAY_SIZE(pgtt); i++) {
        qtest_add_row("/vtd-walk/prq/demand", pgtt[i],
                      GUINT_TO_POINTER(i), test_demand);
    }
    qtest_add_rows("/vtd-walk/prq/response", response_rows, test_response);
    for (i = 0; i < ARRAY_SIZE(bad_responses); i++) {
        g_autofree char *name = g_strdup_printf("malformed-%d", i);

        qtest_add_row("/vtd-walk/prq/response", name, bad_responses[i], test_bad_response);
    }
    qtest_add_rows("/vtd-walk/prq/burst", burst_rows, test_burst);
    qtest_add_rows("/vtd-walk/prq/refused", refused_rows, test_refused);
    qtest_add_func("/vtd-walk/prq/response/unexpected", test_unexpected);
    qtest_add_data_func("/vtd-walk/prq/wrong-pasid", NULL, test_wrong_pasid);
    qtest_add_data_func("/vtd-walk/prq/wrong-pasid/not-required",
                        GUINT_TO_POINTER(1), test_wrong_pasid);
    qtest_add_func("/vtd-walk/prq/burst/cleared", test_overflow_cleared);
    qtest_add_func("/vtd-walk/prq/burst/retried", test_overflow_retried);
    qtest_add_func("/vtd-walk/prq/no-prs", test_no_prs);
    qtest_add_func("/vtd-walk/prq/event", test_event);
    qtest_add_func("/vtd-walk/prq/wild-pointers", test_wild_pointers);
}
