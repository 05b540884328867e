/*
 * intel-iommu,ecap-nest=on: what the unit makes of random tables, against a
 * reference walker
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A table is a set of all: context and directory entry, 64 PASID entries, two
 * stages of all levels.  It is written at once, everything that the unit keeps
 * is invalidated, and requests of a pasid-testdev go through it: with and
 * without PASID, of a user and privileged, reads, writes and translation
 * requests.  Compared are the data or the translation, the fault record, and in
 * the end all accessed and dirty flags.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/number-from.h"
#include "libqos/pci-pc.h"
#include "libqos/pasid-testdev.h"
#include "libqos/vtd.h"
#include "oracle.h"
#include "oracle-tables.h"
#include "rows.h"

#define RAM_MB          32
#define SID             0x28            /* 00:05.0 */
#define TABLES_NR       300             /* of each unit */
#define PROBES          24
#define SOME_TABLES     300             /* with so many each outcome occurs */
#define TOOLS           0x00c00000ULL   /* the queue and where waits write */
#define ADDRESS         ((uint64_t)~0xfffULL)
#define TOOLS_END       0x00d00000ULL

typedef struct World {
    const char *props;
    QTestState *qts;
    QPCIBus *bus;
    QVTD vtd;
    QTestdev dev;
    OracleTables tables;
    OracleUnit unit;
    uint64_t first, table;  /* numbers of tables */
} World;

/* What has occurred, by any unit */
static uint64_t reasons_seen[256];
static uint64_t pages_seen[5][31];      /* by PGTT and the page's size */
static uint64_t silent_seen, empty_seen, compared;

static bool mem_read(void *opaque, uint64_t addr, uint64_t *val)
{
    World *w = opaque;

    return oracle_tables_read(&w->tables, addr, val);
}

static void mem_set(void *opaque, uint64_t addr, uint64_t bits)
{
    World *w = opaque;

    oracle_tables_set(&w->tables, addr, bits);
}

/* Each page of RAM that is not a table begins with its own address. */
static void fill_ram(World *w)
{
    uint64_t addr;

    for (addr = ORACLE_TABLES; addr < RAM_MB << 20; addr += 4096) {
        qtest_writeq(w->qts, addr, oracle_data_at(addr));
    }
}

static void start(World *w, const char *props)
{
    g_autofree char *unit = qvtd_unit_props(props);

    *w = (World) { .props = props };
    w->qts = qtest_initf("-M q35 -m %dM -nodefaults -vga none "
                         "-device intel-iommu,%s "
                         "-device pasid-testdev,addr=5", RAM_MB, unit);
    w->bus = qpci_new_pc(w->qts, NULL);
    qvtd_init(&w->vtd, w->qts, TOOLS, TOOLS_END);
    qtestdev_init(&w->dev, w->qts, qpci_device_find(w->bus, SID));
    qtestdev_enable(&w->dev, QTESTDEV_PASID | QTESTDEV_ATS);
    oracle_unit_init(&w->unit, qvtd_readq(&w->vtd, DMAR_CAP_REG),
                     qvtd_readq(&w->vtd, DMAR_ECAP_REG));
    w->unit.memory = (OracleMemory) { mem_read, mem_set, w };
    w->unit.root = ORACLE_TABLES;
    fill_ram(w);
    oracle_tables_init(&w->tables, (uint64_t)RAM_MB << 20, w->unit.width,
                       w->unit.five_levels);
    qvtd_set_root(&w->vtd, w->unit.root, VTD_RTADDR_SMT);
    qvtd_enable_queue(&w->vtd);
    qvtd_enable_translation(&w->vtd, true);
}

static void stop(World *w)
{
    oracle_tables_end(&w->tables);
    g_free(w->dev.dev);
    qpci_free_pc(w->bus);
    qvtd_quit(w->qts);
}

static void invalidate(World *w)
{
    const uint64_t context[4] = { QVTD_INV_CC_GLOBAL };
    const uint64_t pasid[4] = { QVTD_INV_PC_GLOBAL };
    const uint64_t iotlb[4] = { QVTD_INV_IOTLB_GLOBAL };

    qvtd_queue_put(&w->vtd, context);
    qvtd_queue_put(&w->vtd, pasid);
    qvtd_queue_put(&w->vtd, iotlb);
    g_assert_true(qvtd_queue_wait(&w->vtd, 0));
    qtestdev_writel(&w->dev, PASID_TESTDEV_ATC_COUNT, 0);
}

static void G_GNUC_PRINTF(3, 4) diverged(World *w, const OracleRequest *req,
                                         const char *fmt, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, fmt);
    what = g_strdup_vprintf(fmt, args);
    va_end(args);
    if (req) {
        g_test_message("%s%s of 0x%" PRIx64 ", PASID %d%s%s",
                       req->translation ? "translation for " : "",
                       req->write ? "write" : "read", req->addr,
                       req->has_pasid ? (int)req->pasid : -1,
                       req->priv ? ", privileged" : "",
                       req->exec ? ", execute" : "");
        oracle_tables_print(&w->tables, req->has_pasid ? req->pasid
                                                       : UINT32_MAX);
    }
    g_test_message("VTD_ORACLE_SEED=%" PRIu64 " VTD_ORACLE_FIRST=%" PRIu64
                   " VTD_ORACLE_TABLES=1 repeats it",
                   number_from("VTD_ORACLE_SEED", 1), w->table);
    g_error("%s: %s", w->props, what);
}

static uint32_t op_of(const OracleRequest *req)
{
    return (req->translation ? PASID_TESTDEV_TRANSLATE :
            req->write ? PASID_TESTDEV_WRITE : PASID_TESTDEV_READ) |
           (req->translation ? PASID_TESTDEV_WANT_READ : 0) |
           (req->translation && req->write ? PASID_TESTDEV_WANT_WRITE : 0) |
           (req->has_pasid ? PASID_TESTDEV_WITH_PASID : 0) |
           (req->priv ? PASID_TESTDEV_PRIVILEGED : 0) |
           (req->exec ? PASID_TESTDEV_EXECUTE : 0);
}

static unsigned send_request(World *w, const OracleRequest *req)
{
    const QTestdevCommand command = {
        .op = op_of(req),
        .pasid = req->pasid,
        .iova = req->addr,
        .length = 8,
    };

    if (req->translation) {
        qtestdev_writel(&w->dev, PASID_TESTDEV_ATC_COUNT, 0);
    }
    return qtestdev_run(&w->dev, &command);
}

/* The fault record is what it should be. */
static void check_record(World *w, const OracleRequest *req,
                         const OracleResult *r)
{
    unsigned want = r->silent ? 0 : r->reason;
    QVTDFault fault;
    bool found = qvtd_take_fault(&w->vtd, &fault);

    if (found != !!want) {
        diverged(w, req, "fault reason 0x%x recorded, must be 0x%x",
                 found ? fault.reason : 0, want);
    }
    if (!want) {
        return;
    }
    if (fault.reason != want && !(r->also && fault.reason == r->also)) {
        diverged(w, req, "fault reason 0x%x, must be 0x%x", fault.reason, want);
    }
    if (fault.sid != SID || fault.addr != (req->addr & ~0xfffULL) ||
        fault.read == req->write || fault.has_pasid != req->has_pasid ||
        (req->has_pasid && fault.pasid != req->pasid) ||
        fault.type != req->translation) {
        diverged(w, req, "the record of fault 0x%x names another request",
                 want);
    }
}

static void check_data(World *w, const OracleRequest *req,
                       const OracleResult *r)
{
    uint64_t page = r->out & ~0xfffULL, data, zero = 0;

    if (req->write) {
        data = qtest_readq(w->qts, page);
        if (data != ORACLE_WRITTEN) {
            diverged(w, req, "nothing was written to 0x%" PRIx64, page);
        }
        qtest_writeq(w->qts, page, oracle_data_at(page));
        return;
    }
    qtestdev_memread(&w->dev, 0, &data, sizeof(data));
    if (le64_to_cpu(data) != oracle_data_at(page)) {
        diverged(w, req, "0x%" PRIx64 " was read, must be 0x%" PRIx64,
                 le64_to_cpu(data), oracle_data_at(page));
    }
    qtestdev_memwrite(&w->dev, 0, &zero, sizeof(zero));
}

static void check_memory(World *w, OracleRequest *req)
{
    const uint64_t written = cpu_to_le64(ORACLE_WRITTEN);
    OracleResult r;
    unsigned code;

    req->addr &= ~0xfffULL;
    r = oracle_translate(&w->unit, req);
    if (req->write) {
        qtestdev_memwrite(&w->dev, 0, &written, sizeof(written));
    }
    code = send_request(w, req);
    if (!r.reason && !oracle_is_data(&w->tables, r.out)) {
        diverged(w, req, "what was readable is not");
    }
    if (code != (r.reason ? PASID_TESTDEV_FAULT : PASID_TESTDEV_OK)) {
        diverged(w, req, "ended with %u, reason 0x%x", code, r.reason);
    }
    check_record(w, req, &r);
    if (!r.reason) {
        check_data(w, req, &r);
    }
    reasons_seen[r.reason]++;
    silent_seen += r.silent && r.reason;
}

/* VT-d 4.1: for writing, what rights there are */
static OracleResult translate_request(World *w, OracleRequest *req)
{
    OracleResult r = oracle_translate(&w->unit, req);
    OracleRequest read = *req;

    if (req->write && oracle_is_recoverable(r.reason)) {
        read.write = false;
        r = oracle_translate(&w->unit, &read);
        r.write = false;
        if (r.reason && !oracle_is_recoverable(r.reason)) {
            *req = read;
        }
    }
    return r;
}

static void check_translation(World *w, OracleRequest *req)
{
    OracleRequest asked = *req;
    OracleResult r = translate_request(w, req);
    bool refused = r.reason && !oracle_is_recoverable(r.reason);
    unsigned code = send_request(w, &asked), size;
    uint64_t result = qtestdev_readq(&w->dev, PASID_TESTDEV_CHANNEL(0) +
                                     PASID_TESTDEV_RESULT), mask;
    bool some = !r.reason && (r.read || (r.write && req->write));

    if (code != (refused ? PASID_TESTDEV_ATS_REFUSED :
                 some ? PASID_TESTDEV_OK : PASID_TESTDEV_NO_PAGE)) {
        diverged(w, &asked, "ended with %u, reason 0x%x", code, r.reason);
    }
    if (refused) {
        check_record(w, req, &r);
    } else {
        check_record(w, req, &(OracleResult) {});
    }
    reasons_seen[r.reason]++;
    empty_seen += !refused && !some;
    if (!some) {
        return;
    }
    size = PASID_TESTDEV_RESULT_LG2(result);
    mask = (1ULL << size) - 1;
    if (((result & ADDRESS & ~mask) | (req->addr & mask)) != r.out ||
        size > r.size_lg2) {
        diverged(w, &asked, "0x%" PRIx64 " of 2^%u, must be 0x%" PRIx64
                 " of 2^%u", result & ADDRESS, size, r.out, r.size_lg2);
    }
    if (!!(result & PASID_TESTDEV_RESULT_READ) != r.read ||
        !!(result & PASID_TESTDEV_RESULT_WRITE) != (req->write && r.write)) {
        diverged(w, &asked, "rights 0x%x, must be %sread %swrite",
                 (unsigned)result & 3, r.read ? "" : "no ",
                 r.write ? "" : "no ");
    }
    pages_seen[r.pgtt][size]++;
}

/* Only what lies in RAM can be read; it is a guess until all is set in motion. */
static bool ends_in_data(World *w, const OracleRequest *req)
{
    OracleUnit dry = w->unit;
    OracleRequest page = *req;
    OracleResult r;

    page.addr &= ~0xfffULL;
    dry.memory.set = oracle_set_nothing;
    r = oracle_translate(&dry, &page);
    return r.reason || oracle_is_data(&w->tables, r.out);
}

static void probe(World *w)
{
    OracleTables *t = &w->tables;
    OracleRequest req = {
        .sid = SID,
        .has_pasid = !oracle_one_in(t, 8),
        .write = oracle_one_in(t, 2),
        .translation = oracle_one_in(t, 2),
    };

    req.pasid = req.has_pasid ? oracle_pick_pasid(t) : 0;
    req.priv = req.has_pasid && oracle_one_in(t, 6);
    req.exec = req.has_pasid && !req.write && oracle_one_in(t, 60);
    req.addr = oracle_pick_address(t, req.has_pasid ? req.pasid : UINT32_MAX);
    if (req.translation || !ends_in_data(w, &req)) {
        req.translation = true;
        check_translation(w, &req);
    } else {
        check_memory(w, &req);
    }
    compared++;
}

/* The flags in guest memory are those that the reference set. */
static void check_flags(World *w)
{
    g_autofree uint64_t *seen = g_new(uint64_t, ORACLE_WORDS);

    qtest_bufread(w->qts, ORACLE_TABLES, seen, ORACLE_WORDS * 8);
    for (unsigned i = 0; i < ORACLE_WORDS; i++) {
        uint64_t wanted = w->tables.words[i], slot = ORACLE_TABLES + i * 8;

        if (le64_to_cpu(seen[i]) != wanted) {
            diverged(w, NULL, "the entry at 0x%" PRIx64 " is 0x%" PRIx64
                     ", must be 0x%" PRIx64, slot, le64_to_cpu(seen[i]),
                     wanted);
        }
    }
}

static void write_tables(World *w)
{
    g_autofree uint64_t *raw = g_new(uint64_t, ORACLE_WORDS);

    for (unsigned i = 0; i < ORACLE_WORDS; i++) {
        raw[i] = cpu_to_le64(w->tables.words[i]);
    }
    qtest_bufwrite(w->qts, ORACLE_TABLES, raw, ORACLE_TABLE_PAGES * 4096);
}

static void test_unit(gconstpointer props)
{
    uint64_t tables = number_from("VTD_ORACLE_TABLES", TABLES_NR);
    uint64_t seed = number_from("VTD_ORACLE_SEED", 1);
    World w;

    start(&w, props);
    w.first = number_from("VTD_ORACLE_FIRST", 0);
    for (w.table = w.first; w.table < w.first + tables; w.table++) {
        oracle_tables_build(&w.tables, seed, w.table);
        write_tables(&w);
        invalidate(&w);
        for (unsigned i = 0; i < PROBES; i++) {
            probe(&w);
        }
        check_flags(&w);
    }
    stop(&w);
}

/* Each outcome that the specification has for such requests has occurred. */
static void test_outcomes(void)
{
    static const uint8_t wanted[] = {
        0, ORACLE_SRT2, ORACLE_SRT3, ORACLE_SCT1, ORACLE_SCT2,
        ORACLE_SCT3, ORACLE_SCT5, ORACLE_SCT6, ORACLE_SCT7, ORACLE_SCT9,
        ORACLE_SPD1, ORACLE_SPD2, ORACLE_SPD3, ORACLE_SPT1, ORACLE_SPT2,
        ORACLE_SPT3, ORACLE_SPT4, ORACLE_SPT5, ORACLE_SPT6, ORACLE_SFS1,
        ORACLE_SFS2, ORACLE_SFS3, ORACLE_SFS4, ORACLE_SFS5, ORACLE_SFS6,
        ORACLE_SFS7, ORACLE_SFS8, ORACLE_SSS1, ORACLE_SSS2, ORACLE_SSS3,
        ORACLE_SSS4, ORACLE_SGN1, ORACLE_SGN2, ORACLE_SGN4, ORACLE_SGN5,
        ORACLE_SGN6, ORACLE_SGN7, ORACLE_SGN8,
    };
    g_autoptr(GString) line = g_string_new("");

    for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
        g_string_append_printf(line, " 0x%x:%" PRIu64, wanted[i],
                               reasons_seen[wanted[i]]);
    }
    g_test_message("%" PRIu64 " requests compared; by fault reason:%s; %" PRIu64
                   " unrecorded, %" PRIu64 " translations without rights",
                   compared, line->str, silent_seen, empty_seen);
    for (unsigned pgtt = 1; pgtt <= 4; pgtt++) {
        g_test_message("PGTT %u: %" PRIu64 " pages of 4 KiB, %" PRIu64
                       " of 2 MiB, %" PRIu64 " of 1 GiB", pgtt,
                       pages_seen[pgtt][12], pages_seen[pgtt][21],
                       pages_seen[pgtt][30]);
    }
    if (number_from("VTD_ORACLE_TABLES", TABLES_NR) < SOME_TABLES) {
        g_test_skip("VTD_ORACLE_TABLES asks for too few to have all outcomes");
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
        g_assert_cmpuint(reasons_seen[wanted[i]], >, 0);
    }
    for (unsigned pgtt = 1; pgtt <= 3; pgtt++) {
        g_assert_cmpuint(pages_seen[pgtt][12], >, 0);
        g_assert_cmpuint(pages_seen[pgtt][21], >, 0);
        g_assert_cmpuint(pages_seen[pgtt][30], >, 0);
    }
    g_assert_cmpuint(pages_seen[4][12], >, 0);
    g_assert_cmpuint(silent_seen, >, 0);
    g_assert_cmpuint(empty_seen, >, 0);
}

void add_tests(void)
{
    qtest_add_data_func("/vtd-walk/oracle/48-bits",
                        "ecap-nest=on,device-iotlb=on", test_unit);
    qtest_add_data_func("/vtd-walk/oracle/39-bits",
                        "ecap-nest=on,device-iotlb=on,aw-bits=39,fs1gp=off",
                        test_unit);
    qtest_add_data_func("/vtd-walk/oracle/57-bits",
                        "ecap-nest=on,device-iotlb=on,aw-bits=57,fs5lp=on",
                        test_unit);
    qtest_add_func("/vtd-walk/oracle/outcomes", test_outcomes);
}
