/*
 * QTest cases for ATS under intel-iommu,ecap-nest=on,device-iotlb=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A case is a row.  What the device's cache holds shows by where its translated
 * requests end.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-pasid-world.h"
#include "rows.h"

#define WRITE           PASID_TESTDEV_WRITE
#define READ            PASID_TESTDEV_READ
#define TRANSLATE       PASID_TESTDEV_TRANSLATE
#define ATS             PASID_TESTDEV_ATS
#define WANT_WRITE      PASID_TESTDEV_WANT_WRITE
#define S1_P            (1ULL << 0)
#define S1_RW           (1ULL << 1)
#define S1_US           (1ULL << 2)
#define S1_RESERVED     (1ULL << 51)
#define DT              "ecap-nest=on,device-iotlb=on"
#define FSTS_ITE        (1u << 6)
#define DMAR_IQERCD_REG 0xb0
#define WAIT_PD         (1ULL << 7)
#define INTERRUPT       0xfee00000ULL
#define RIGHTS_R        PASID_TESTDEV_RESULT_READ
#define RIGHTS_RW       (RIGHTS_R | PASID_TESTDEV_RESULT_WRITE)

#define UNIT            "/machine/peripheral-anon/device[0]"

static void set_property(QTestState *qts, const char *path, const char *prop,
                         unsigned value)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'qom-set', 'arguments': { "
                             "'path': %s, 'property': %s, 'value': %u } }",
                             path, prop, value);
}

/* Translation requests */

typedef struct AtsRow {
    const char *name;
    unsigned n;             /* space; 2: without PASID */
    uint32_t op;
    uint64_t clear, set;    /* of the page's last entry */
    unsigned code;
    unsigned rights;
    unsigned fault;
    unsigned type;          /* address type in the fault record */
    unsigned pgtt;          /* of the space [1] */
    uint64_t context;       /* [PASIDE | DTE] */
    uint64_t iova;          /* [PASIDS_IOVA] */
    const char *props;
    bool lands;             /* WRITE: the data is in the page */
} AtsRow;

static const AtsRow ats_rows[] = {
    { "translate/first", 0, TRANSLATE | WANT_WRITE, .rights = RIGHTS_RW },
    { "translate/second", 0, TRANSLATE | WANT_WRITE, .rights = RIGHTS_RW,
      .pgtt = 2 },
    { "translate/nested", 0, TRANSLATE | WANT_WRITE, .rights = RIGHTS_RW,
      .pgtt = 3 },
    { "translate/pass-through", 0, TRANSLATE | WANT_WRITE,
      .rights = RIGHTS_RW, .pgtt = 4 },
    { "translate/no-pasid", 2, TRANSLATE | WANT_WRITE, .rights = RIGHTS_RW },
    { "translate/no-write", 0, TRANSLATE, .rights = RIGHTS_R },
    { "translate/no-write/without-nwfs", 0, TRANSLATE, .rights = RIGHTS_RW,
      .props = DT ",x-nwfs=off" },
    { "translate/read-only-page", 0, TRANSLATE | WANT_WRITE, S1_RW,
      .rights = RIGHTS_R },
    { "translate/absent", 0, TRANSLATE | WANT_WRITE, S1_P,
      .code = PASID_TESTDEV_NO_PAGE },
    { "translate/absent/second", 0, TRANSLATE | WANT_WRITE, 3, .pgtt = 2,
      .code = PASID_TESTDEV_NO_PAGE },
    { "translate/absent/nested", 0, TRANSLATE | WANT_WRITE, 3, .pgtt = 3,
      .code = PASID_TESTDEV_NO_PAGE },
    { "translate/supervisor-page", 0, TRANSLATE, S1_US,
      .code = PASID_TESTDEV_NO_PAGE },
    { "translate/reserved-bit", 0, TRANSLATE, 0, S1_RESERVED, .fault = 0x72,
      .code = PASID_TESTDEV_ATS_REFUSED, .type = 1 },
    { "translate/no-dte", 0, TRANSLATE, .context = PASIDE, .fault = 0x44,
      .code = PASID_TESTDEV_ATS_REFUSED, .type = 1 },
    { "translate/not-canonical", 0, TRANSLATE, .iova = 1ULL << 50,
      .fault = 0x80, .code = PASID_TESTDEV_ATS_REFUSED, .type = 1 },
    { "translate/interrupt-range/pasid", 0, TRANSLATE | WANT_WRITE,
      .iova = INTERRUPT, .code = PASID_TESTDEV_NO_PAGE },
    { "translate/interrupt-range/no-dte", 2, TRANSLATE | WANT_WRITE,
      .context = PASIDE, .iova = INTERRUPT, .fault = 0x44,
      .code = PASID_TESTDEV_ATS_REFUSED, .type = 1 },
    { "translate/no-dt", 0, TRANSLATE, .context = PASIDE,
      .props = "ecap-nest=on", .code = PASID_TESTDEV_ATS_REFUSED },
    { "translate/dte-without-dt", 0, WRITE, .props = "ecap-nest=on",
      .fault = 0x42, .code = PASID_TESTDEV_FAULT },

    { "dma/first", 0, WRITE | ATS, .lands = true },
    { "dma/second", 0, WRITE | ATS, .lands = true, .pgtt = 2 },
    { "dma/nested", 0, WRITE | ATS, .lands = true, .pgtt = 3 },
    { "dma/no-pasid", 2, WRITE | ATS, .lands = true },
    { "dma/absent", 0, WRITE | ATS, S1_P, .code = PASID_TESTDEV_NO_PAGE },
    { "dma/read-only-page", 0, WRITE | ATS, S1_RW,
      .code = PASID_TESTDEV_NO_PAGE },

    { "forged/no-dte", 2, WRITE | PASID_TESTDEV_FORGED, .context = PASIDE,
      .fault = 0x44, .code = PASID_TESTDEV_FAULT, .type = 2 },
    { "forged/interrupt-range", 2, WRITE | PASID_TESTDEV_FORGED,
      .iova = 0xfee00000, .fault = 0x87, .code = PASID_TESTDEV_FAULT,
      .type = 2 },
    { "forged/no-dt", 2, WRITE | PASID_TESTDEV_FORGED, .context = PASIDE,
      .props = "ecap-nest=on", .code = PASID_TESTDEV_FAULT },
};

static void check_result(PasidWorld *w, const AtsRow *row)
{
    const PasidSpace *sp = &w->space[row->n];
    uint64_t result = qtestdev_readq(&w->dev, PASID_TESTDEV_CHANNEL(row->n) +
                                     PASID_TESTDEV_RESULT);

    if (!row->rights) {
        g_assert_cmphex(qtestdev_readl(&w->dev, PASID_TESTDEV_ATC_COUNT), ==,
                        0);
        return;
    }
    g_assert_cmphex(result & ~0xfffULL, ==, sp->data);
    g_assert_cmphex(result & 0xf, ==, row->rights);
    g_assert_cmpuint(PASID_TESTDEV_RESULT_LG2(result), ==, 12);
    g_assert_cmphex(qtestdev_readl(&w->dev, PASID_TESTDEV_ATC_COUNT), ==, 1);
}

static void check_fault(PasidWorld *w, const AtsRow *row,
                        const QTestdevCommand *c)
{
    QVTDFault fault;

    if (!row->fault) {
        g_assert_false(qvtd_take_fault(&w->vtd, &fault));
        return;
    }
    g_assert_true(qvtd_take_fault(&w->vtd, &fault));
    g_assert_cmphex(fault.reason, ==, row->fault);
    g_assert_cmpuint(fault.type, ==, row->type);
    g_assert_cmphex(fault.addr, ==, c->iova);
    g_assert_cmphex(fault.sid, ==, PASIDS_SID);
}

static void test_ats(gconstpointer opaque)
{
    const AtsRow *row = opaque;
    PasidSetup setup = {
        .props = row->props ?: DT,
        .context = row->context ?: PASIDE | DTE,
        .enable = QTESTDEV_PASID | QTESTDEV_ATS,
        .off = true,
    };
    QTestdevCommand c;
    PasidWorld w;

    setup.pgtt[row->n] = row->pgtt;
    pasids_start(&w, &setup);
    if (row->clear | row->set) {
        qvtd_edit(&w.vtd, w.space[row->n].leaf, row->clear, row->set);
    }
    qvtd_enable_translation(&w.vtd, true);
    c = pasids_command(&w, row->n, row->op);
    c.iova = row->iova ?: c.iova;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, row->code);
    g_assert_cmpint(pasids_holds(&w, w.space[row->n].data, row->n), ==,
                    row->lands);
    if ((row->op & PASID_TESTDEV_OP) == TRANSLATE) {
        check_result(&w, row);
    }
    check_fault(&w, row, &c);
    pasids_stop(&w);
}

/* A translated request is taken at its word: that is what DTE means. */
static void test_forged_trusted(void)
{
    QTestdevCommand c;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) { .props = DT, .context = PASIDE | DTE });
    c = pasids_command(&w, 2, WRITE | PASID_TESTDEV_FORGED);
    c.iova = w.space[0].data;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, w.space[0].data, 2));
    pasids_stop(&w);
}

/*
 * Without PASID the interrupt range is not translated, whatever is mapped
 * there: the device is told so (U), and sends an interrupt.
 */
static void test_interrupt_range(void)
{
    QTestdevCommand c;
    QVTDFault fault;
    PasidWorld w;
    uint64_t result;

    pasids_start(&w, &(PasidSetup) {
        .props = DT,
        .context = PASIDE | DTE,
        .enable = QTESTDEV_PASID | QTESTDEV_ATS,
    });
    qvtd_map(&w.vtd, &w.space[2].s1, INTERRUPT, w.space[2].data, 12,
             QVTD_S1_PAGE);
    c = pasids_command(&w, 2, TRANSLATE | WANT_WRITE);
    c.iova = INTERRUPT;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    result = qtestdev_readq(&w.dev, PASID_TESTDEV_CHANNEL(2) +
                            PASID_TESTDEV_RESULT);
    g_assert_cmphex(result, ==, INTERRUPT | 12 << 4 |
                    PASID_TESTDEV_RESULT_WRITE |
                    PASID_TESTDEV_RESULT_UNTRANSLATED);
    c = pasids_command(&w, 2, WRITE | ATS);
    c.iova = INTERRUPT;
    c.length = 4;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_false(pasids_holds(&w, w.space[2].data, 2));
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
    pasids_stop(&w);
}

/* Device TLB invalidations */

typedef struct InvRow {
    const char *name;
    uint64_t lo, hi;
    bool drops[PASIDS_SPACES];
    bool nobody;            /* no such function: by the book a time-out */
} InvRow;

/* VT-d 6.5.2.5 and 6.5.2.6 */
#define DEVTLB(sid)     (0x3ULL | (uint64_t)(sid) << 32)
#define DEVTLB_S        1ULL
#define PDEVTLB(sid, pasid) \
    (0x8ULL | (uint64_t)(sid) << 16 | (uint64_t)(pasid) << 32)
#define PDEVTLB_G       1ULL
#define PDEVTLB_S       (1ULL << 11)
#define PFSID(sid)      (((sid) & 0xfULL) << 12 | ((sid) & 0xfff0ULL) << 48)
#define ALL             0x7ffffffffffff000ULL
#define SID             PASIDS_SID
#define IOVA            PASIDS_IOVA

static const InvRow inv_rows[] = {
    { "no-pasid/all", DEVTLB(SID), ALL | DEVTLB_S, { false, false, true } },
    { "no-pasid/page", DEVTLB(SID), IOVA, { false, false, true } },
    { "no-pasid/other-page", DEVTLB(SID), IOVA + 0x2000 },
    { "no-pasid/pfsid", DEVTLB(SID) | PFSID(0xabcd), ALL | DEVTLB_S,
      { false, false, true } },
    { "no-pasid/other-device", DEVTLB(SID + 1), ALL | DEVTLB_S,
      .nobody = true },
    { "pasid/all", PDEVTLB(SID, PASIDS_A), ALL | PDEVTLB_S, { true } },
    { "pasid/page", PDEVTLB(SID, PASIDS_A), IOVA, { true } },
    { "pasid/other-page", PDEVTLB(SID, PASIDS_A), IOVA + 0x2000 },
    { "pasid/other-pasid", PDEVTLB(SID, PASIDS_A & 0xffff), ALL | PDEVTLB_S },
    { "pasid/b", PDEVTLB(SID, PASIDS_B), IOVA, { false, true } },
    { "pasid/pfsid", PDEVTLB(SID, PASIDS_A) | PFSID(0x1234), IOVA, { true } },
    { "pasid/other-device", PDEVTLB(SID + 1, PASIDS_A), IOVA,
      .nobody = true },
    { "pasid/global", PDEVTLB(SID, 0), ALL | PDEVTLB_S | PDEVTLB_G,
      { true, true, false } },
    { "pasid/global/other-page", PDEVTLB(SID, 0),
      (IOVA + 0x2000) | PDEVTLB_G },
    /* Sizes: address bits below the lowest 0 of the page number count. */
    { "pasid/16k", PDEVTLB(SID, PASIDS_A), 0x0a121000 | PDEVTLB_S, { true } },
    { "pasid/16k-next", PDEVTLB(SID, PASIDS_A), 0x0a125000 | PDEVTLB_S },
    { "no-pasid/64k", DEVTLB(SID), 0x0a127000 | DEVTLB_S,
      { false, false, true } },
    { "no-pasid/64k-next", DEVTLB(SID), 0x0a137000 | DEVTLB_S },
    { "iotlb-only", QVTD_INV_IOTLB_GLOBAL },
};

static void start_with_atc_of(PasidWorld *w, const char *props)
{
    unsigned n;

    pasids_start(w, &(PasidSetup) {
        .props = props,
        .context = PASIDE | DTE,
        .enable = QTESTDEV_PASID | QTESTDEV_ATS,
    });
    for (n = 0; n < PASIDS_SPACES; n++) {
        pasids_write_16(w, n, WRITE | ATS);
        g_assert_true(pasids_arrived_16(w, n));
        qvtd_edit(&w->vtd, w->space[n].leaf, 0, 1ULL << 22);
    }
    /* The unit forgets; what is left is the device's. */
    g_assert_true(qvtd_invalidate(&w->vtd, QVTD_INV_IOTLB_GLOBAL, 0));
}

static void start_with_atc(PasidWorld *w)
{
    start_with_atc_of(w, DT);
}

static void test_inv(gconstpointer opaque)
{
    const InvRow *row = opaque;
    PasidWorld w;
    unsigned n;

    start_with_atc(&w);
    g_assert_cmpint(qvtd_invalidate(&w.vtd, row->lo, row->hi), ==,
                    !(row->nobody && qvtd_is_strict()));
    for (n = 0; n < PASIDS_SPACES; n++) {
        pasids_write_16(&w, n, WRITE | ATS);
        g_assert_cmpint(pasids_arrived_16(&w, n), ==, !row->drops[n]);
    }
    pasids_stop(&w);
}

/* Malformed descriptors stop the queue. */
static const InvRow bad_rows[] = {
    { "no-pasid/reserved-low", DEVTLB(SID) | 1ULL << 8, ALL },
    { "no-pasid/reserved-high", DEVTLB(SID), ALL | 2 },
    { "pasid/reserved-high", PDEVTLB(SID, PASIDS_A), ALL | 2 },
};

static void test_bad(gconstpointer opaque)
{
    const InvRow *row = opaque;
    PasidWorld w;

    start_with_atc(&w);
    g_assert_false(qvtd_invalidate(&w.vtd, row->lo, row->hi));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    g_assert_cmphex(qtestdev_readl(&w.dev, PASID_TESTDEV_ATC_COUNT), ==, 3);
    pasids_stop(&w);
}

/* A device that does not complete: no wait descriptor does, nothing hangs. */
static void test_timeout(void)
{
    PasidWorld w;
    unsigned i;

    start_with_atc(&w);
    qtestdev_writel(&w.dev, PASID_TESTDEV_CONTROL,
                    PASID_TESTDEV_HOLD_INVALIDATIONS);
    g_assert_false(qvtd_invalidate(&w.vtd, DEVTLB(SID), ALL | DEVTLB_S));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & FSTS_ITE, !=, 0);
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_IQERCD_REG), ==,
                    (uint64_t)SID << 32);
    /* Stopped: nothing more is fetched, however often it is asked for. */
    for (i = 0; i < 20; i++) {
        g_assert_false(qvtd_invalidate(&w.vtd, QVTD_INV_IOTLB_GLOBAL, 0));
    }
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_IQH_REG), !=,
                    qvtd_readq(&w.vtd, DMAR_IQT_REG));

    qtestdev_writel(&w.dev, PASID_TESTDEV_CONTROL, 0);
    qvtd_writel(&w.vtd, DMAR_FSTS_REG, FSTS_ITE);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & FSTS_ITE, ==, 0);
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_IQH_REG), ==,
                    qvtd_readq(&w.vtd, DMAR_IQT_REG));
    g_assert_cmpuint(qtest_readl(w.qts, w.vtd.status), ==, w.vtd.status_seq);
    g_assert_true(qvtd_invalidate(&w.vtd, DEVTLB(SID), ALL | DEVTLB_S));
    g_assert_cmphex(qtestdev_readl(&w.dev, PASID_TESTDEV_ATC_COUNT), ==, 2);
    pasids_stop(&w);
}

/* Its interrupt stays pending until software has cleared what it is for. */
static void test_timeout_pending(void)
{
    PasidWorld w;

    start_with_atc(&w);
    qtestdev_writel(&w.dev, PASID_TESTDEV_CONTROL,
                    PASID_TESTDEV_HOLD_INVALIDATIONS);
    g_assert_false(qvtd_invalidate(&w.vtd, DEVTLB(SID), ALL | DEVTLB_S));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FECTL_REG), ==,
                    VTD_FECTL_IM | VTD_FECTL_IP);
    qvtd_writel(&w.vtd, DMAR_FSTS_REG, VTD_FSTS_PFO | VTD_FSTS_IQE);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & FSTS_ITE, !=, 0);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FECTL_REG), ==,
                    VTD_FECTL_IM | VTD_FECTL_IP);
    qtestdev_writel(&w.dev, PASID_TESTDEV_CONTROL, 0);
    qvtd_writel(&w.vtd, DMAR_FSTS_REG, FSTS_ITE);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FECTL_REG), ==, VTD_FECTL_IM);
    pasids_stop(&w);
}

/* What is behind the wait descriptor was written with it, and is not served. */
static void test_timeout_behind(void)
{
    const uint64_t device[4] = { DEVTLB(SID), ALL | DEVTLB_S };
    const uint64_t wait[4] = { VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW };
    uint64_t behind;
    PasidWorld w;

    start_with_atc(&w);
    qtestdev_writel(&w.dev, PASID_TESTDEV_CONTROL,
                    PASID_TESTDEV_HOLD_INVALIDATIONS);
    qvtd_queue_put(&w.vtd, device);
    qvtd_queue_put(&w.vtd, (uint64_t[4]) { wait[0], w.vtd.status });
    behind = w.vtd.tail * 32;
    g_assert_false(qvtd_queue_wait(&w.vtd, 0));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & FSTS_ITE, !=, 0);
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_IQH_REG), ==, behind);

    qtestdev_writel(&w.dev, PASID_TESTDEV_CONTROL, 0);
    qvtd_writel(&w.vtd, DMAR_FSTS_REG, FSTS_ITE);
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_IQH_REG), ==, w.vtd.tail * 32);
    g_assert_cmpuint(qtest_readl(w.qts, w.vtd.status), ==, w.vtd.status_seq);
    pasids_stop(&w);
}

/* One that is lost on its way, on demand */
static void test_timeout_injected(void)
{
    PasidWorld w;

    start_with_atc(&w);
    set_property(w.qts, UNIT, "x-inject-ite", 1);
    g_assert_false(qvtd_invalidate(&w.vtd, DEVTLB(SID), ALL | DEVTLB_S));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & FSTS_ITE, !=, 0);
    qvtd_writel(&w.vtd, DMAR_FSTS_REG, FSTS_ITE);
    g_assert_true(qvtd_invalidate(&w.vtd, DEVTLB(SID), ALL | DEVTLB_S));
    pasids_stop(&w);
}

/* By the book: who has no device TLB does not complete an invalidation. */
typedef struct StrictRow {
    const char *name;
    const char *props;
    uint16_t sid;
    unsigned enable;
    bool completes;
} StrictRow;

static const StrictRow strict_rows[] = {
    { "enabled", DT ",x-strict=on", SID, QTESTDEV_ATS, true },
    { "disabled", DT ",x-strict=on", SID, 0 },
    { "absent", DT ",x-strict=on", SID + 8, QTESTDEV_ATS },
    { "absent/bus", DT ",x-strict=on", SID + 0x100, QTESTDEV_ATS },
    { "lenient/disabled", DT ",x-strict=off", SID, 0, true },
    { "lenient/absent", DT ",x-strict=off", SID + 8, QTESTDEV_ATS, true },
};

static void test_strict(gconstpointer opaque)
{
    const StrictRow *row = opaque;
    PasidWorld w;

    start_with_atc_of(&w, row->props);
    qtestdev_enable(&w.dev, QTESTDEV_PASID | row->enable);
    g_assert_cmpint(qvtd_invalidate(&w.vtd, DEVTLB(row->sid), ALL | DEVTLB_S),
                    ==, row->completes);
    g_assert_cmpint(!(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & FSTS_ITE), ==,
                    row->completes);
    if (!row->completes) {
        g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_IQERCD_REG), ==,
                        (uint64_t)row->sid << 32);
    }
    pasids_stop(&w);
}

/* ATS Enable off, and a reset, empty the device's cache. */
static void test_disable(void)
{
    PasidWorld w;

    start_with_atc(&w);
    g_assert_cmphex(qtestdev_readl(&w.dev, PASID_TESTDEV_ATC_COUNT), ==, 3);
    qtestdev_enable(&w.dev, QTESTDEV_PASID);
    g_assert_cmphex(qtestdev_readl(&w.dev, PASID_TESTDEV_ATC_COUNT), ==, 0);
    pasids_stop(&w);
}

/* Wait descriptors as Linux drains page requests with */
typedef struct WaitRow {
    const char *name;
    uint64_t lo;
    const char *props;
    bool taken;             /* else an invalidation queue error */
} WaitRow;

static const WaitRow wait_rows[] = {
    { "drain", VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW | WAIT_PD, DT, true },
    { "drain/no-pds", VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW | WAIT_PD,
      "ecap-nest=on" },
    { "fence", VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_FN, DT, true },
    { "fence/no-prs", VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_FN,
      "ecap-nest=on", true },
    { "fence/reserved", VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_FN | 1 << 8, DT },
};

static void test_wait(gconstpointer opaque)
{
    const WaitRow *row = opaque;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) { .props = row->props });
    g_assert_cmpint(qvtd_invalidate(&w.vtd, row->lo, w.vtd.status), ==,
                    row->taken);
    g_assert_cmpint(!(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE), ==,
                    row->taken);
    pasids_stop(&w);
}

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/ats/request", ats_rows, test_ats);
    qtest_add_rows("/vtd-walk/ats/inv", inv_rows, test_inv);
    qtest_add_rows("/vtd-walk/ats/bad", bad_rows, test_bad);
    qtest_add_rows("/vtd-walk/ats/wait", wait_rows, test_wait);
    qtest_add_func("/vtd-walk/ats/request/forged/trusted",
                   test_forged_trusted);
    qtest_add_rows("/vtd-walk/ats/strict", strict_rows, test_strict);
    qtest_add_func("/vtd-walk/ats/request/interrupt-range",
                   test_interrupt_range);
    qtest_add_func("/vtd-walk/ats/timeout", test_timeout);
    qtest_add_func("/vtd-walk/ats/timeout/pending", test_timeout_pending);
    qtest_add_func("/vtd-walk/ats/timeout/behind", test_timeout_behind);
    qtest_add_func("/vtd-walk/ats/timeout/injected", test_timeout_injected);
    qtest_add_func("/vtd-walk/ats/disable", test_disable);
}
