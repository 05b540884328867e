/*
 * QTest cases for requests with PASID under intel-iommu,ecap-nest=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A case is a row.  Three address spaces use one address at once; each has
 * data of its own there.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "walk-pasid-world.h"
#include "rows.h"

#define WRITE           PASID_TESTDEV_WRITE
#define READ            PASID_TESTDEV_READ
#define PRIV            PASID_TESTDEV_PRIVILEGED
#define EXEC            PASID_TESTDEV_EXECUTE
#define S1_US           (1ULL << 2)
#define S1_RW           (1ULL << 1)
#define PE_FPD          (1ULL << 1)
#define PE_SRE          (1ULL << 0)
#define PE_WPE          (1ULL << 4)

/* All spaces at once */

typedef struct TypeRow {
    const char *name;
    unsigned pgtt[PASIDS_SPACES];
} TypeRow;

static const TypeRow type_rows[] = {
    { "first-first", { 1, 1, 1 } },
    { "second-second", { 2, 2, 2 } },
    { "nested-nested", { 3, 3, 3 } },
    { "first-second", { 1, 2, 3 } },
    { "nested-first", { 3, 1, 2 } },
    { "pass-through-nested", { 4, 3, 1 } },
    { "second-pass-through", { 2, 4, 3 } },
};

static void test_types(gconstpointer opaque)
{
    const TypeRow *row = opaque;
    PasidSetup setup = {};
    uint8_t got[PASIDS_BYTES], wanted[PASIDS_BYTES];
    QTestdevCommand c;
    PasidWorld w;
    unsigned n;

    memcpy(setup.pgtt, row->pgtt, sizeof(setup.pgtt));
    pasids_start(&w, &setup);
    for (n = 0; n < PASIDS_SPACES; n++) {
        c = pasids_command(&w, n, WRITE);
        qtestdev_start(&w.dev, &c);
    }
    for (n = 0; n < PASIDS_SPACES; n++) {
        g_assert_cmpuint(qtestdev_finish(&w.dev, n), ==, PASID_TESTDEV_OK);
        g_assert_true(pasids_holds(&w, w.space[n].data, n));
    }
    /* And back: each finds its own again, in another place. */
    for (n = 0; n < PASIDS_SPACES; n++) {
        c = pasids_command(&w, n, READ);
        c.buffer += 0x2000;
        qtestdev_start(&w.dev, &c);
    }
    for (n = 0; n < PASIDS_SPACES; n++) {
        g_assert_cmpuint(qtestdev_finish(&w.dev, n), ==, PASID_TESTDEV_OK);
        qtestdev_memread(&w.dev, n * 0x4000 + 0x2000, got, PASIDS_BYTES);
        pasids_pattern(n, wanted);
        g_assert_cmpmem(got, PASIDS_BYTES, wanted, PASIDS_BYTES);
    }
    pasids_stop(&w);
}

/* Faults */

typedef enum Target { NOTHING, LEAF, ENTRY0, ENTRY2, CONTEXT } Target;

typedef struct FaultRow {
    const char *name;
    uint32_t op;            /* of space 0 */
    Target target;
    uint64_t clear, set;
    unsigned fault;         /* 0: the data arrives */
    unsigned pgtt;          /* [1] */
    uint32_t pasid;         /* [PASIDS_A] */
    bool legacy;            /* root table */
    bool unrecorded;
    Target target2;
    uint64_t clear2;
} FaultRow;

static const FaultRow fault_rows[] = {
    { "RTA.2", WRITE, .legacy = true, .fault = 0x31 },
    { "SCT.6", WRITE, CONTEXT, PASIDE, 0, 0x45 },
    { "SCT.7", WRITE, CONTEXT, 7 << 9, 0, 0x46 },
    { "SCT.7/just-beyond", WRITE, CONTEXT, 7 << 9, 0, 0x46, .pasid = 8192 },
    { "SCT.7/last-inside", WRITE, CONTEXT, 7 << 9, 0, 0x51, .pasid = 8191 },
    { "SPD.2", WRITE, .pasid = 0xfffff, .fault = 0x51 },
    { "SPT.2", WRITE, .pasid = PASIDS_A + 1, .fault = 0x59 },
    { "SPT.2/read", READ, .pasid = PASIDS_A + 1, .fault = 0x59 },
    { "SPT.5", READ | EXEC, .fault = 0x5c },
    { "SPT.5/priv", READ | EXEC | PRIV, .fault = 0x5c },
    { "SPT.6", WRITE | PRIV, .fault = 0x5d },
    { "SPT.6/second", WRITE | PRIV, .pgtt = 2, .fault = 0x5d },
    { "SPT.6/read", READ | PRIV, .fault = 0x5d },
    { "SFS.2", WRITE, LEAF, 1, 0, 0x71 },
    { "SSS.2", WRITE, LEAF, 3, 0, 0x79, .pgtt = 2 },
    { "SSS.2/nested", READ, LEAF, 3, 0, 0x79, .pgtt = 3 },
    { "SGN.2", WRITE, LEAF, S1_US, 0, 0x81 },
    { "SGN.6", WRITE, LEAF, S1_RW, 0, 0x85 },
    { "SGN.6/nested", WRITE, LEAF, 2, 0, 0x85, .pgtt = 3 },
    { "supervisor", WRITE | PRIV, ENTRY2, 0, PE_SRE },
    { "supervisor/user-page-not-needed", WRITE | PRIV, ENTRY2, 0, PE_SRE,
      .target2 = LEAF, .clear2 = S1_US },
    { "supervisor/writes-anywhere", WRITE | PRIV, ENTRY2, 0, PE_SRE,
      .target2 = LEAF, .clear2 = S1_RW },
    { "supervisor/write-protect", WRITE | PRIV, ENTRY2, 0, PE_SRE | PE_WPE,
      0x85, .target2 = LEAF, .clear2 = S1_RW },
    { "fpd", WRITE, ENTRY0, 1ULL << 6 | 1ULL << 7, PE_FPD, 0x5b,
      .unrecorded = true },
};

static uint64_t target_slot(PasidWorld *w, Target target)
{
    switch (target) {
    case LEAF:
        return w->space[0].leaf;
    case ENTRY0:
        return w->space[0].slot;
    case ENTRY2:
        return w->space[0].slot + 16;
    default:
        return w->context;
    }
}

static void check_record(PasidWorld *w, const FaultRow *row,
                         const QTestdevCommand *c)
{
    QVTDFault fault;

    if (row->unrecorded) {
        g_assert_false(qvtd_take_fault(&w->vtd, &fault));
        return;
    }
    g_assert_true(qvtd_take_fault(&w->vtd, &fault));
    g_assert_cmphex(fault.reason, ==, row->fault);
    g_assert_cmphex(fault.sid, ==, PASIDS_SID);
    g_assert_cmphex(fault.addr, ==, PASIDS_IOVA);
    g_assert_true(fault.has_pasid);
    g_assert_cmphex(fault.pasid, ==, c->pasid);
    g_assert_cmpint(fault.read, ==, (row->op & PASID_TESTDEV_OP) == READ);
    g_assert_cmpint(fault.priv, ==, !!(row->op & PRIV));
    g_assert_cmpint(fault.exec, ==, !!(row->op & EXEC));
    g_assert_cmpuint(fault.type, ==, 0);
    g_assert_false(fault.page_request);
}

static void test_fault(gconstpointer opaque)
{
    const FaultRow *row = opaque;
    const PasidSetup setup = {
        .pgtt = { row->pgtt },
        .off = true,
    };
    QTestdevCommand c;
    PasidWorld w;

    pasids_start(&w, &setup);
    if (row->target != NOTHING) {
        qvtd_edit(&w.vtd, target_slot(&w, row->target), row->clear, row->set);
    }
    if (row->target2 != NOTHING) {
        qvtd_edit(&w.vtd, target_slot(&w, row->target2), row->clear2, 0);
    }
    if (row->legacy) {
        qvtd_set_root(&w.vtd, w.vtd.root, 0);
    }
    qvtd_enable_translation(&w.vtd, true);
    c = pasids_command(&w, 0, row->op);
    c.pasid = row->pasid ?: c.pasid;
    if (!row->fault) {
        g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
        g_assert_true(pasids_holds(&w, w.space[0].data, 0));
    } else {
        g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_FAULT);
        g_assert_false(pasids_holds(&w, w.space[0].data, 0));
        check_record(&w, row, &c);
    }
    pasids_stop(&w);
}

/* Invalidations that name a PASID */

typedef struct InvRow {
    const char *name;
    uint64_t lo, hi;
    bool stays[2];          /* the stale translation of this space */
    unsigned pgtt;          /* [1] */
    bool same_did;          /* both spaces are of space 0's domain */
} InvRow;

#define DID0    PASIDS_DID(0)
#define PAGE0   QVTD_INV_ADDR(PASIDS_IOVA, 0, 0)

static const InvRow inv_rows[] = {
    { "piotlb/pasid", QVTD_INV_PIOTLB_ALL(DID0, PASIDS_A),
      .stays = { false, true } },
    { "piotlb/pasid/same-domain", QVTD_INV_PIOTLB_ALL(DID0, PASIDS_A),
      .stays = { false, true }, .same_did = true },
    { "piotlb/pasid/nested", QVTD_INV_PIOTLB_ALL(DID0, PASIDS_A),
      .stays = { false, true }, .pgtt = 3 },
    { "piotlb/page", QVTD_INV_PIOTLB_PAGE(DID0, PASIDS_A), PAGE0,
      .stays = { false, true }, .same_did = true },
    { "piotlb/no-such-pasid", QVTD_INV_PIOTLB_ALL(DID0, PASIDS_A & 0xffff),
      .stays = { true, true } },
    { "pasid-cache/pasid", QVTD_INV_PC_PASID(DID0, PASIDS_A),
      .stays = { false, true }, .same_did = true },
    { "pasid-cache/domain", QVTD_INV_PC_DOMAIN(DID0), .stays = { false, true } },
    { "pasid-cache/domain/same-domain", QVTD_INV_PC_DOMAIN(DID0),
      .same_did = true },
    { "pasid-cache/global", QVTD_INV_PC_GLOBAL },
    { "iotlb/domain", QVTD_INV_IOTLB_DOMAIN(DID0), .stays = { false, true } },
    { "iotlb/domain/same-domain", QVTD_INV_IOTLB_DOMAIN(DID0),
      .same_did = true },
    { "iotlb/global", QVTD_INV_IOTLB_GLOBAL },
    { "nothing", QVTD_INV_CC_GLOBAL, .stays = { true, true } },
};

static void test_inv(gconstpointer opaque)
{
    const InvRow *row = opaque;
    const PasidSetup setup = { .pgtt = { row->pgtt, row->pgtt }, .off = true };
    PasidWorld w;
    unsigned n;

    pasids_start(&w, &setup);
    if (row->same_did) {
        qtest_writeq(w.qts, w.space[1].slot + 8, DID0);
    }
    qvtd_enable_translation(&w.vtd, true);
    for (n = 0; n < 2; n++) {
        pasids_write_16(&w, n, WRITE);
        g_assert_true(pasids_arrived_16(&w, n));
        qvtd_edit(&w.vtd, w.space[n].leaf, 0, 1ULL << 22);
        g_assert_cmphex(w.space[n].data & 1ULL << 22, ==, 0);
        pasids_write_16(&w, n, WRITE);
        g_assert_true(pasids_arrived_16(&w, n));
    }
    g_assert_true(qvtd_invalidate(&w.vtd, row->lo, row->hi));
    for (n = 0; n < 2; n++) {
        /* By the book, a PASID-cache invalidation is of entries alone. */
        bool stays = row->stays[n] ||
                     (qvtd_is_strict() &&
                      VTD_INV_DESC_TYPE(row->lo) == VTD_INV_DESC_PC);

        pasids_write_16(&w, n, WRITE);
        g_assert_cmpint(pasids_arrived_16(&w, n), ==, stays);
    }
    pasids_stop(&w);
}

/* The device's own switches */

typedef struct SwitchRow {
    const char *name;
    unsigned enable;
    uint32_t op;
    uint32_t pasid;
    bool no_master;
    unsigned code;
} SwitchRow;

#define WITH_PASID  PASID_TESTDEV_WITH_PASID

static const SwitchRow switch_rows[] = {
    { "on", QTESTDEV_PASID, WRITE | WITH_PASID, PASIDS_A,
      .code = PASID_TESTDEV_OK },
    { "no-pasid-enable", QTESTDEV_ATS, WRITE | WITH_PASID, PASIDS_A,
      .code = PASID_TESTDEV_DISABLED },
    { "no-pasid-needed", QTESTDEV_ATS, WRITE, .code = PASID_TESTDEV_OK },
    { "no-bus-master", QTESTDEV_PASID, WRITE | WITH_PASID, PASIDS_A,
      .no_master = true, .code = PASID_TESTDEV_DISABLED },
    { "no-bus-master/no-pasid", QTESTDEV_PASID, WRITE, .no_master = true,
      .code = PASID_TESTDEV_DISABLED },
    { "no-ats-enable", QTESTDEV_PASID,
      WRITE | WITH_PASID | PASID_TESTDEV_ATS, PASIDS_A,
      .code = PASID_TESTDEV_DISABLED },
    { "no-pri-enable", QTESTDEV_PASID | QTESTDEV_ATS,
      WRITE | WITH_PASID | PASID_TESTDEV_ATS | PASID_TESTDEV_PRI, PASIDS_A,
      .code = PASID_TESTDEV_DISABLED },
    { "pasid-too-wide", QTESTDEV_PASID, WRITE | WITH_PASID, 1u << 20,
      .code = PASID_TESTDEV_BAD },
    { "pri-without-ats", QTESTDEV_PASID, WRITE | PASID_TESTDEV_PRI,
      .code = PASID_TESTDEV_BAD },
    { "no-such-op", QTESTDEV_PASID, 0xf, .code = PASID_TESTDEV_BAD },
};

static void test_switch(gconstpointer opaque)
{
    const SwitchRow *row = opaque;
    const PasidSetup setup = { .enable = row->enable };
    QTestdevCommand c;
    PasidWorld w;

    pasids_start(&w, &setup);
    if (row->no_master) {
        qpci_config_writew(w.dev.dev, PCI_COMMAND, PCI_COMMAND_MEMORY);
    }
    c = pasids_command(&w, row->pasid ? 0 : 2, 0);
    c.op = row->op;
    c.pasid = row->pasid;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, row->code);
    g_assert_cmpint(pasids_holds(&w, w.space[row->pasid ? 0 : 2].data,
                                 row->pasid ? 0 : 2), ==,
                    row->code == PASID_TESTDEV_OK);
    pasids_stop(&w);
}

/* A buffer that does not fit the device's memory is refused. */
static void test_bounds(void)
{
    PasidWorld w;
    QTestdevCommand c;

    pasids_start(&w, &(PasidSetup) {});
    c = pasids_command(&w, 0, WRITE);
    c.buffer = PASID_TESTDEV_MEMORY_SIZE - 16;
    c.length = 17;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_BAD);
    c.buffer = 16;
    c.length = UINT32_MAX;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_BAD);
    c.buffer = UINT32_MAX;
    c.length = 1;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_BAD);
    c.length = 0;
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_BAD);
    pasids_stop(&w);
}

/* What Linux looks at before it enables PASID; and FLR turns all off. */
static void test_config(void)
{
    uint16_t pasid, ats, pri, exp;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) {
        .enable = QTESTDEV_PASID | QTESTDEV_ATS | QTESTDEV_PRI });
    pasid = qtestdev_find_ext_cap(&w.dev, PCI_EXT_CAP_ID_PASID);
    ats = qtestdev_find_ext_cap(&w.dev, PCI_EXT_CAP_ID_ATS);
    pri = qtestdev_find_ext_cap(&w.dev, PCI_EXT_CAP_ID_PRI);
    exp = qpci_find_capability(w.dev.dev, PCI_CAP_ID_EXP, 0);

    /* Root complex integrated; one end-end prefix */
    g_assert_cmphex((qpci_config_readw(w.dev.dev, exp + 2) >> 4) & 0xf, ==, 9);
    g_assert_cmphex(qpci_config_readl(w.dev.dev, exp + PCI_EXP_DEVCAP2) &
                    0xe00000, ==, 0x600000);
    g_assert_cmphex(qpci_config_readl(w.dev.dev, exp + PCI_EXP_DEVCAP) &
                    PCI_EXP_DEVCAP_FLR, !=, 0);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pasid + 4), ==, 0x00071406);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, ats + 4), ==, 0x80000020);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pri + 4), ==, 0x80000001);

    qpci_config_writew(w.dev.dev, exp + PCI_EXP_DEVCTL,
                       PCI_EXP_DEVCTL_BCR_FLR);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pasid + 4), ==, 0x00001406);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, ats + 4), ==, 0x20);
    g_assert_cmphex(qtestdev_config_readl(&w.dev, pri + 4), ==, 0x81000000);
    pasids_stop(&w);
}

/* Properties that contradict each other, or the place: the reason is given. */
static const struct {
    const char *props;      /* of the device, JSON */
    const char *why;        /* in the message; NULL: it is taken */
} realize_rows[] = {
    { "'bus': 'rp0', 'acs': true", "acs=on requires multifunction=on" },
    { "'bus': 'rp0', 'ats': false", "pri=on requires ats=on" },
    { "'bus': 'rp0', 'pasid-bits': 21", "a PASID has 20 at most" },
    { "'bus': 'rp0', 'acs': true, 'multifunction': true", NULL },
    { "'bus': 'rp1', 'flr': false, 'ats': false, 'pri': false", NULL },
    { "'bus': 'conventional', 'addr': '1'", "is not PCI Express" },
};

static void test_realize(void)
{
    QTestState *qts = qtest_init(
        "-machine q35 -nodefaults -device pcie-root-port,id=rp0,chassis=1 "
        "-device pcie-root-port,id=rp1,chassis=2 "
        "-device pcie-pci-bridge,id=conventional");

    for (int i = 0; i < ARRAY_SIZE(realize_rows); i++) {
        const char *why = realize_rows[i].why;
        g_autofree char *arguments = g_strdup_printf(
            "{'driver': 'pasid-testdev', %s}", realize_rows[i].props);
        QDict *reply = qtest_qmp(qts, "{'execute': 'device_add', "
                                 "'arguments': %p}",
                                 qobject_from_json(arguments, &error_abort));

        g_test_message("%s", realize_rows[i].props);
        g_assert_cmpint(qdict_haskey(reply, "error"), ==, !!why);
        if (why) {
            g_assert_nonnull(strstr(
                qdict_get_str(qdict_get_qdict(reply, "error"), "desc"), why));
        }
        qobject_unref(reply);
    }
    qvtd_quit(qts);
}

/* Without translation addresses are physical, whatever the PASID. */
static void test_translation_off(void)
{
    QTestdevCommand c;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) { .off = true });
    c = pasids_command(&w, 0, WRITE);
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, PASIDS_IOVA, 0));
    pasids_stop(&w);
}

/* ecap-nest=off: nobody takes a request with PASID; others are QEMU's. */
static void test_off(void)
{
    QTestdevCommand c;
    QVTDFault fault;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) {
        .props = "x-scalable-mode=on,x-flts=on", .context = 1 });
    c = pasids_command(&w, 0, WRITE);
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_FAULT);
    g_assert_false(pasids_holds(&w, w.space[0].data, 0));
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
    c = pasids_command(&w, 2, WRITE);
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, w.space[2].data, 2));
    pasids_stop(&w);
}

/* Stop, save, restore: docs/pasid-testdev.rst */

#define STOP            PASID_TESTDEV_STOP
#define LOAD            PASID_TESTDEV_LOAD
#define CHANNEL_BYTES   0x30            /* of registers */

static void set_migration(PasidWorld *w, uint32_t val)
{
    qtestdev_writel(&w->dev, PASID_TESTDEV_MIGRATION, val);
}

static uint32_t channel_read(PasidWorld *w, unsigned reg)
{
    return qtestdev_readl(&w->dev, PASID_TESTDEV_CHANNEL(0) + reg);
}

/* A device that is stopped, and then gets a command */
static QTestdevCommand start_stopped(PasidWorld *w)
{
    QTestdevCommand c;

    pasids_start(w, &(PasidSetup) {});
    set_migration(w, STOP);
    c = pasids_command(w, 0, WRITE);
    qtestdev_start(&w->dev, &c);
    return c;
}

/* Nothing is sent while it is stopped, and all of it afterwards. */
static void test_stop(void)
{
    PasidWorld w;

    start_stopped(&w);
    /* Another device's turn, and the main loop's. */
    for (int i = 0; i < 100; i++) {
        g_assert_cmpuint(channel_read(&w, PASID_TESTDEV_STATUS), ==,
                         PASID_TESTDEV_BUSY);
    }
    g_assert_cmpuint(channel_read(&w, PASID_TESTDEV_DONE), ==, 0);
    g_assert_false(pasids_holds(&w, w.space[0].data, 0));
    set_migration(&w, 0);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, w.space[0].data, 0));
    pasids_stop(&w);
}

/* A command that was stopped goes on in a device that was reset meanwhile. */
static void test_restore(void)
{
    uint32_t saved[CHANNEL_BYTES / 4];
    uint8_t memory[PASIDS_BYTES];
    QTestdevCommand c;
    PasidWorld w;

    c = start_stopped(&w);
    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++) {
        saved[i] = channel_read(&w, i * 4);
    }
    qtestdev_memread(&w.dev, c.buffer, memory, PASIDS_BYTES);

    /* As after a reset: the channel is idle, its memory has something else. */
    set_migration(&w, STOP | LOAD);
    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++) {
        qtestdev_writel(&w.dev, PASID_TESTDEV_CHANNEL(0) + i * 4, 0);
    }
    set_migration(&w, 0);
    qtest_memset(w.qts, w.space[0].data, 0, PASIDS_BYTES);
    g_assert_cmpuint(channel_read(&w, PASID_TESTDEV_STATUS), ==,
                     PASID_TESTDEV_IDLE);

    set_migration(&w, STOP | LOAD);
    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++) {
        qtestdev_writel(&w.dev, PASID_TESTDEV_CHANNEL(0) + i * 4, saved[i]);
    }
    qtestdev_memwrite(&w.dev, c.buffer, memory, PASIDS_BYTES);
    set_migration(&w, STOP);
    g_assert_false(pasids_holds(&w, w.space[0].data, 0));
    set_migration(&w, 0);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_true(pasids_holds(&w, w.space[0].data, 0));
    pasids_stop(&w);
}

/* A busy channel of a state that no device was ever in */
typedef struct LoadRow {
    const char *name;
    unsigned reg;
    uint32_t val;
} LoadRow;

static const LoadRow load_rows[] = {
    { "buffer", PASID_TESTDEV_BUFFER, PASID_TESTDEV_MEMORY_SIZE - 4 },
    { "length", PASID_TESTDEV_LENGTH, UINT32_MAX },
    { "no-length", PASID_TESTDEV_LENGTH, 0 },
    { "done", PASID_TESTDEV_DONE, 0x80000000 },
    { "all-done", PASID_TESTDEV_DONE, PASIDS_BYTES },
    { "operation", PASID_TESTDEV_COMMAND, 0xf },
    { "repeated-read", PASID_TESTDEV_COMMAND, READ | PASID_TESTDEV_REPEAT },
    { "pasid", PASID_TESTDEV_PASID, UINT32_MAX },
};

static void test_load(gconstpointer opaque)
{
    const LoadRow *row = opaque;
    unsigned base = PASID_TESTDEV_CHANNEL(0);
    QTestdevCommand c;
    PasidWorld w;

    pasids_start(&w, &(PasidSetup) {});
    c = pasids_command(&w, 0, WRITE);
    set_migration(&w, STOP);
    qtestdev_start(&w.dev, &c);
    set_migration(&w, STOP | LOAD);
    qtestdev_writel(&w.dev, base + row->reg, row->val);
    /* It is waiting for a page: busy, once it was loaded. */
    qtestdev_writel(&w.dev, base + PASID_TESTDEV_STATUS, PASID_TESTDEV_WAITING);
    set_migration(&w, 0);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_BAD);
    g_assert_false(pasids_holds(&w, w.space[0].data, 0));
    c = pasids_command(&w, 0, WRITE);
    g_assert_cmpuint(qtestdev_run(&w.dev, &c), ==, PASID_TESTDEV_OK);
    pasids_stop(&w);
}

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/pasid/device/load", load_rows, test_load);
    qtest_add_func("/vtd-walk/pasid/device/stop", test_stop);
    qtest_add_func("/vtd-walk/pasid/device/restore", test_restore);
    qtest_add_rows("/vtd-walk/pasid/types", type_rows, test_types);
    qtest_add_rows("/vtd-walk/pasid/fault", fault_rows, test_fault);
    qtest_add_rows("/vtd-walk/pasid/inv", inv_rows, test_inv);
    qtest_add_rows("/vtd-walk/pasid/device", switch_rows, test_switch);
    qtest_add_func("/vtd-walk/pasid/device/bounds", test_bounds);
    qtest_add_func("/vtd-walk/pasid/device/config", test_config);
    qtest_add_func("/vtd-walk/pasid/device/realize", test_realize);
    qtest_add_func("/vtd-walk/pasid/translation-off", test_translation_off);
    qtest_add_func("/vtd-walk/pasid/off", test_off);
}
