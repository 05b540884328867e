/*
 * intel-iommu,nested=on: an emulated device and a passed-through one behave
 * alike
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * VTD_TEST_BDF is a pasid-testdev bound to vfio-pci; a second, emulated one is on
 * the same guest's tables.  Without the first, the second is judged alone.  An operation changes an
 * entry of a table, a PASID entry, the context entries, or turns translation off
 * or on, and may be followed by an invalidation.  Then both devices read and
 * write some pages, and the same data must be moved, or both be blocked, as the
 * reference walker has it.
 *
 * Caches may keep what was there before, so what is compared is what VT-d 6.5
 * lays down: a page that no change concerns since an invalidation that covers
 * it, by domain-id, PASID and address.  A table's entry that was not present
 * concerns none.  After a PASID entry changed, nothing is compared until the
 * PASID cache and the IOTLB of its old domain-id are invalidated, also where it
 * was not present: with nested=on the invalidation is how the host is told.
 *
 * Operations come in batches, each on tables made anew.  What shows a difference
 * is done again without some of its operations, and the shortest is printed.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "intel-iommu-nested-world.h"
#include "libqos/number-from.h"
#include "libqos/pasid-testdev.h"
#include "vtd-oracle.h"

#define BASE            (44 * MIB)
#define DATA            (48 * MIB)      /* each page begins with its address */
#define HOLE            (1ULL << 37)
#define WRITTEN         0x5752495454454eULL
#define BATCH           200
#define OPERATIONS      8000
#define SHRINK_TRIES    60

/* Pages from BASE on */
#define ROOT_PAGE       0
#define CONTEXT_PAGE    1
#define DIR_PAGE        2
#define PASID_PAGE      3
#define SET_PAGE(set)   (4 + (set) * 12)
#define PAGES           28
#define WORDS           (PAGES * 512)

/* A cell is an address of three indices: 2 by 4 by 8 */
#define CELLS           64
#define L2_FIRST        24              /* 48 MiB, which is in RAM */

typedef enum Change {
    CHANGE_LEAF, CHANGE_L2, CHANGE_L3, CHANGE_L4, CHANGE_PASID,
    CHANGE_CONTEXT, CHANGE_ENABLE, CHANGES,
} Change;

typedef enum Inv {
    INV_NONE, INV_PAGE, INV_PASID, INV_DOMAIN, INV_IOTLB, INV_ENTRY,
    INV_GLOBAL, INV_ALL, INVS,
} Inv;

/* What it does depends on nothing but this, so that it can be left out. */
typedef struct Operation {
    Change change;
    Inv inv;
    uint32_t where, what, probes;
    bool skip;
} Operation;

typedef struct World {
    NestedTest n;
    QTestdev dev[2];            /* passed through, emulated */
    unsigned first;             /* 1 where there is none to pass through */
    OracleUnit unit;
    uint64_t words[WORDS];
    unsigned mamv;
    unsigned rid_pasid;
    bool enabled;
    /* What caches may have that is no more */
    uint64_t cells;
    unsigned entries;           /* changes of PASID entries */
    unsigned old_pasid, old_did;
    bool context, mixed;
    uint64_t inv_address;       /* of the last entry changed */
    unsigned inv_am;
    unsigned reason;            /* of the reference, of the last request */
    char *difference;
} World;

static uint64_t counts[CHANGES], inv_counts[INVS];
static uint64_t alike, blocked, left_out;

/* Memory */

static uint64_t page_address(unsigned page)
{
    return BASE + page * PAGE;
}

static bool mem_read(void *opaque, uint64_t addr, uint64_t *val)
{
    World *w = opaque;

    if (addr >= BASE && addr < page_address(PAGES)) {
        *val = w->words[(addr - BASE) / 8];
        return true;
    }
    *val = addr >= DATA && addr % PAGE == 0 ? addr : 0;
    return addr < RAM_END;
}

static void mem_set(void *opaque, uint64_t addr, uint64_t bits)
{
}

static void put(World *w, unsigned page, unsigned slot, uint64_t val)
{
    w->words[page * 512 + slot] = val;
    qtest_writeq(w->n.qts, page_address(page) + slot * 8, val);
}

static uint64_t get(World *w, unsigned page, unsigned slot)
{
    return w->words[page * 512 + slot];
}

/* Entries */

static unsigned did_of(World *w, unsigned pasid)
{
    return get(w, PASID_PAGE, pasid * 8 + 1) & 0xffff;
}

static uint64_t any_flags(uint32_t r)
{
    return (r % 8 == 0 ? 0 : 1) | (r / 8 % 8 == 0 ? 0 : 2) |
           (r / 64 % 16 == 0 ? 0 : 4) |
           (r / 1024 % 32 == 0 ? 1ULL << 51 : 0);
}

/* An entry of @level that, if it is no page, leads to the table @below. */
static uint64_t any_entry(uint32_t r, unsigned level, unsigned below)
{
    uint64_t flags = any_flags(r);

    r >>= 15;
    if (level == 1) {
        return (r % 32 == 0 ? HOLE : DATA + r % 4096 * PAGE) | flags;
    }
    if (level < 4 && r % 4 == 0) {
        return (level == 3 ? 0 : DATA + r / 4 % 8 * 2 * MIB) | 1 << 7 | flags;
    }
    return page_address(below) | flags;
}

static void put_pasid(World *w, unsigned pasid, uint32_t r)
{
    static const uint8_t pgtts[] = { 1, 1, 1, 1, 1, 1, 1, 4, 4, 2, 0 };
    uint64_t pgtt = pgtts[r % ARRAY_SIZE(pgtts)];
    unsigned set = r / 16 % 2, did = 1 + r / 32 % 4;
    bool present = r / 128 % 8;
    bool hole = r / 16384 % 24 == 0;
    unsigned sre = r >> 31;

    put(w, PASID_PAGE, pasid * 8 + 1, did);
    put(w, PASID_PAGE, pasid * 8 + 2,
        (hole ? HOLE : page_address(SET_PAGE(set))) | sre);
    /*
     * What translates emulated devices beside nested=on looks neither at P nor at
     * reserved bits: an entry that is not present has no type either.
     */
    put(w, PASID_PAGE, pasid * 8,
        present ? pgtt << 6 | 2 << 2 | 1 : 0);
}

static void put_context(World *w, bool present)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned slot = QPCI_DEVFN(SLOT + i, 0) * 4;

        put(w, CONTEXT_PAGE, slot + 1, w->rid_pasid);
        put(w, CONTEXT_PAGE, slot, page_address(DIR_PAGE) | present);
    }
}

/* Tables: 1 of level 4, 1 of level 3, 2 of level 2, 8 of level 1 */
static unsigned l1_page(unsigned set, unsigned l3, unsigned l2)
{
    return SET_PAGE(set) + 4 + l3 * 4 + l2;
}

static void build_set(World *w, unsigned set)
{
    unsigned first = SET_PAGE(set);

    put(w, first, 0, page_address(first + 1) | 7);
    for (unsigned cell = 0; cell < CELLS; cell++) {
        unsigned l3 = cell / 32, l2 = cell / 8 % 4;

        put(w, first + 1, l3, page_address(first + 2 + l3) | 7);
        put(w, first + 2 + l3, L2_FIRST + l2,
            page_address(l1_page(set, l3, l2)) | 7);
        put(w, l1_page(set, l3, l2), cell % 8,
            (DATA + (set * CELLS + cell) * PAGE) | 7);
    }
}

/* Invalidations */

static void descriptor(World *w, uint64_t lo, uint64_t hi)
{
    const uint64_t desc[4] = { lo, hi };

    qvtd_queue_put(w->n.vtd, desc);
}

static void all_is_clean(World *w)
{
    w->cells = 0;
    w->entries = 0;
    w->context = w->mixed = false;
}

static uint64_t cell_address(unsigned cell)
{
    return (uint64_t)(cell / 32) << 30 |
           (uint64_t)(L2_FIRST + cell / 8 % 4) << 21 | (cell % 8) << 12;
}

/* The cells that 2^@am pages around @addr have */
static uint64_t cells_of(uint64_t addr, unsigned am)
{
    uint64_t cells = 0;

    for (unsigned cell = 0; cell < CELLS; cell++) {
        if ((cell_address(cell) ^ addr) >> (12 + am) == 0) {
            cells |= 1ULL << cell;
        }
    }
    return cells;
}

/* With PASID and domain-id of the entry that both devices use */
static void invalidate_tables(World *w, Inv inv)
{
    unsigned pasid = w->rid_pasid, did = did_of(w, pasid);
    uint64_t cells = ~0ULL;

    if (inv == INV_PAGE && w->inv_am > w->mamv) {
        inv = INV_PASID;
    }
    switch (inv) {
    case INV_PAGE:
        descriptor(w, QVTD_INV_PIOTLB_PAGE(did, pasid),
                   QVTD_INV_ADDR(w->inv_address, w->inv_am, 0));
        cells = cells_of(w->inv_address, w->inv_am);
        break;
    case INV_PASID:
        descriptor(w, QVTD_INV_PIOTLB_ALL(did, pasid), 0);
        break;
    case INV_DOMAIN:
        descriptor(w, QVTD_INV_IOTLB_DOMAIN(did), 0);
        break;
    default:
        descriptor(w, QVTD_INV_IOTLB_GLOBAL, 0);
    }
    if (!w->context && !w->entries) {
        w->cells &= ~cells;
    }
}

static void invalidate(World *w, Inv inv)
{
    switch (inv) {
    case INV_NONE:
        return;
    case INV_ENTRY:
        descriptor(w, QVTD_INV_PC_PASID(w->old_did, w->old_pasid), 0);
        descriptor(w, QVTD_INV_PIOTLB_ALL(w->old_did, w->old_pasid), 0);
        if (w->entries == 1 && !w->mixed && !w->context && !w->cells) {
            all_is_clean(w);
        }
        break;
    case INV_ALL:
        descriptor(w, QVTD_INV_CC_GLOBAL, 0);
        /* fallthrough */
    case INV_GLOBAL:
        descriptor(w, QVTD_INV_PC_GLOBAL, 0);
        descriptor(w, QVTD_INV_IOTLB_GLOBAL, 0);
        if (inv == INV_ALL || !w->context) {
            all_is_clean(w);
        }
        break;
    default:
        invalidate_tables(w, inv);
    }
    g_assert_true(qvtd_queue_wait(w->n.vtd, 0));
}

/* Changes */

static void change_entry(World *w, const Operation *op)
{
    unsigned level = op->change - CHANGE_LEAF + 1;
    unsigned cell = op->where % CELLS, set = op->where / CELLS % 2;
    unsigned l3 = cell / 32, l2 = cell / 8 % 4, first = SET_PAGE(set);
    const unsigned page[] = { l1_page(set, l3, l2), first + 2 + l3, first + 1,
                              first };
    const unsigned slot[] = { cell % 8, L2_FIRST + l2, l3, 0 };
    unsigned below = level == 1 ? 0 : page[level - 2];
    uint64_t old = get(w, page[level - 1], slot[level - 1]);
    uint64_t touched = cells_of(cell_address(cell), (level - 1) * 9);

    put(w, page[level - 1], slot[level - 1], any_entry(op->what, level, below));
    w->inv_address = cell_address(cell) &
                     ~((1ULL << (12 + (level - 1) * 9)) - 1);
    w->inv_am = (level - 1) * 9;
    if (old & 1) {
        w->cells |= touched;
        w->mixed |= w->entries > 0;
    }
}

static void change_pasid(World *w, const Operation *op)
{
    unsigned pasid = op->where % 8 ? w->rid_pasid : !w->rid_pasid;

    w->mixed |= w->cells > 0 || w->context;
    w->entries++;
    w->old_pasid = pasid;
    w->old_did = did_of(w, pasid);
    put_pasid(w, pasid, op->what);
}

static void change_context(World *w, const Operation *op)
{
    w->rid_pasid = op->what & 1;
    w->context = true;
    put_context(w, op->what / 2 % 3);
}

static void change(World *w, const Operation *op)
{
    switch (op->change) {
    case CHANGE_PASID:
        change_pasid(w, op);
        break;
    case CHANGE_CONTEXT:
        change_context(w, op);
        break;
    case CHANGE_ENABLE:
        /* Nothing may be stale when it is turned on. */
        invalidate(w, INV_ALL);
        w->enabled = !w->enabled;
        qvtd_enable_translation(w->n.vtd, w->enabled);
        invalidate(w, INV_ALL);
        break;
    default:
        change_entry(w, op);
    }
}

/* Probes */

static bool reference(World *w, uint64_t addr, bool write, uint64_t *out)
{
    const OracleRequest req = {
        .sid = QPCI_DEVFN(SLOT, 0),
        .addr = addr,
        .write = write,
    };
    OracleResult r;

    *out = addr;
    if (w->enabled) {
        r = oracle_translate(&w->unit, &req);
        *out = r.out;
        w->reason = r.reason;
        if (r.reason) {
            return false;
        }
    }
    return *out < RAM_END;
}

/* Return: whether @addr was read or written; @data is what was. */
static bool copy(World *w, QTestdev *dev, uint64_t addr, bool write,
                 uint64_t out, uint64_t *data)
{
    const QTestdevCommand command = {
        .op = write ? PASID_TESTDEV_WRITE : PASID_TESTDEV_READ,
        .iova = addr,
        .length = 8,
    };
    const uint64_t written = cpu_to_le64(WRITTEN), zero = 0;
    bool done;

    qtestdev_memwrite(dev, 0, write ? &written : &zero, 8);
    done = qtestdev_run(dev, &command) == PASID_TESTDEV_OK;
    if (!write) {
        qtestdev_memread(dev, 0, data, 8);
        *data = le64_to_cpu(*data);
        return done;
    }
    *data = 0;
    if (out >= DATA && out < RAM_END) {
        *data = qtest_readq(w->n.qts, out);
        qtest_writeq(w->n.qts, out, out);
    }
    return done;
}

static void probe(World *w, unsigned cell, bool write)
{
    uint64_t addr = cell_address(cell), out, data[2] = {}, want;
    bool may = reference(w, addr, write, &out), done[2] = {};

    for (unsigned i = w->first; i < 2; i++) {
        done[i] = copy(w, &w->dev[i], addr, write, may ? out : 0, &data[i]);
    }
    if (w->first) {
        done[0] = done[1];
        data[0] = data[1];
    }
    want = !may ? 0 : write ? WRITTEN : out;
    if (done[0] == may && done[1] == may && data[0] == want &&
        data[1] == want) {
        alike++;
        blocked += !may;
        return;
    }
    g_free(w->difference);
    w->difference = g_strdup_printf(
        "%s of 0x%" PRIx64 ": passed through %s 0x%" PRIx64 ", emulated %s 0x%"
        PRIx64 ", the reference %s 0x%" PRIx64 ", reason 0x%x; PASID entry 0x%"
        PRIx64 " 0x%" PRIx64 " 0x%" PRIx64, write ? "write" : "read", addr,
        done[0] ? "done" : "blocked", data[0],
        done[1] ? "done" : "blocked", data[1], may ? "done" : "blocked", want,
        w->reason, get(w, PASID_PAGE, w->rid_pasid * 8),
        get(w, PASID_PAGE, w->rid_pasid * 8 + 1),
        get(w, PASID_PAGE, w->rid_pasid * 8 + 2));
}

static void probe_some(World *w, const Operation *op)
{
    uint32_t r = op->probes;

    for (unsigned i = 0; i < 2; i++, r >>= 8) {
        unsigned cell = i ? r % CELLS : op->where % CELLS;

        if (w->context || w->entries || w->cells & 1ULL << cell) {
            left_out++;
        } else {
            probe(w, cell, r / CELLS % 2);
        }
    }
}

/* Batches */

static void build(World *w)
{
    const uint64_t written = 1 | 1 << 6;

    w->rid_pasid = 0;
    put(w, ROOT_PAGE, 0, page_address(CONTEXT_PAGE) | 1);
    put(w, DIR_PAGE, 0, page_address(PASID_PAGE) | 1);
    for (unsigned pasid = 0; pasid < 2; pasid++) {
        put_pasid(w, pasid, 0);
        put(w, PASID_PAGE, pasid * 8 + 2, page_address(SET_PAGE(pasid)));
        put(w, PASID_PAGE, pasid * 8, written | 2 << 2);
        build_set(w, pasid);
    }
    put_context(w, true);
    if (!w->enabled) {
        qvtd_enable_translation(w->n.vtd, true);
        w->enabled = true;
    }
    invalidate(w, INV_ALL);
}

/* Return: false if the devices differ, after operation @last. */
static bool run_batch(World *w, const Operation *ops, unsigned *last)
{
    g_clear_pointer(&w->difference, g_free);
    build(w);
    for (unsigned i = 0; i < BATCH; i++) {
        if (ops[i].skip) {
            continue;
        }
        change(w, &ops[i]);
        invalidate(w, ops[i].inv);
        probe_some(w, &ops[i]);
        *last = i;
        if (w->difference) {
            return false;
        }
    }
    return true;
}

static void make_batch(Operation *ops, uint64_t seed, uint64_t number)
{
    static const uint8_t changes[] = {
        CHANGE_LEAF, CHANGE_LEAF, CHANGE_LEAF, CHANGE_LEAF, CHANGE_LEAF,
        CHANGE_L2, CHANGE_L2, CHANGE_L3, CHANGE_L4, CHANGE_PASID, CHANGE_PASID,
        CHANGE_PASID, CHANGE_CONTEXT, CHANGE_ENABLE,
    };
    const guint32 seeds[] = { seed, seed >> 32, number, number >> 32 };
    GRand *rand = g_rand_new_with_seed_array(seeds, ARRAY_SIZE(seeds));

    for (unsigned i = 0; i < BATCH; i++) {
        Change kind = changes[g_rand_int_range(rand, 0, ARRAY_SIZE(changes))];
        Inv inv = g_rand_int_range(rand, 0, INVS);

        /* Mostly what the change asks for */
        if (g_rand_int_range(rand, 0, 3)) {
            inv = kind < CHANGE_PASID ? INV_PAGE :
                  kind == CHANGE_PASID ? INV_ENTRY : INV_ALL;
        }
        ops[i] = (Operation) {
            .change = kind,
            .inv = inv,
            .where = g_rand_int(rand),
            .what = g_rand_int(rand),
            .probes = g_rand_int(rand),
        };
    }
    g_rand_free(rand);
}

/* Leaves out what is not needed for a difference, half of it first. */
static void shrink(World *w, Operation *ops, unsigned last)
{
    unsigned tries = 0;

    for (unsigned i = last + 1; i < BATCH; i++) {
        ops[i].skip = true;
    }
    for (unsigned part = MAX(1, (last + 1) / 2); part; part /= 2) {
        for (unsigned at = 0; at <= last && tries < SHRINK_TRIES; at += part) {
            g_autofree Operation *fewer = g_memdup2(ops, sizeof(*ops) * BATCH);
            unsigned end;

            for (unsigned i = at; i < MIN(at + part, last + 1); i++) {
                fewer[i].skip = true;
            }
            tries++;
            if (!run_batch(w, fewer, &end)) {
                memcpy(ops, fewer, sizeof(*ops) * BATCH);
            }
        }
    }
    run_batch(w, ops, &last);
}

static void print_batch(const Operation *ops)
{
    static const char *const change_names[] = {
        "level 1", "level 2", "level 3", "level 4", "PASID entry",
        "context entries", "translation",
    };
    static const char *const inv_names[] = {
        "none", "page", "PASID", "domain", "IOTLB", "PASID entry",
        "PASID cache and IOTLB", "all",
    };

    for (unsigned i = 0; i < BATCH; i++) {
        if (!ops[i].skip) {
            g_test_message("%u: %s at 0x%x, 0x%x; invalidation: %s", i,
                           change_names[ops[i].change], ops[i].where,
                           ops[i].what, inv_names[ops[i].inv]);
        }
    }
}

static void boot(World *w)
{
    g_autofree char *emulated = g_strdup_printf("-device pasid-testdev,addr=%d",
                                                SLOT2);
    g_autofree char *both = NULL;
    NestedTest *n = &w->n;

    if (vtd_host_device()) {
        both = g_strdup_printf("-device vfio-pci,host=%s,iommufd=iommufd0,"
                               "addr=%d %s", vtd_host_device(), SLOT, emulated);
        nested_start_props(n, "nested=on", both);
        return;
    }
    w->first = 1;
    n->qts = qtest_initf("-machine q35 -m " RAM " -nodefaults "
                         "-device intel-iommu,nested=on %s", emulated);
    n->pci = qpci_new_pc(n->qts, NULL);
    n->vtd = g_new0(QVTD, 1);
    qvtd_init(n->vtd, n->qts, TABLES, TABLES_END);
}

static void stop(World *w)
{
    g_free(w->dev[1].dev);
    if (!w->first) {
        nested_teardown(&w->n);
        return;
    }
    g_free(w->n.vtd);
    qpci_free_pc(w->n.pci);
    qvtd_quit(w->n.qts);
}

static void start(World *w)
{
    QVTD *v;

    boot(w);
    v = w->n.vtd;
    for (unsigned i = w->first; i < 2; i++) {
        qtestdev_init(&w->dev[i], w->n.qts,
                      qpci_device_find(w->n.pci, QPCI_DEVFN(SLOT + i, 0)));
    }
    w->n.edu.dev = w->dev[0].dev;
    oracle_unit_init(&w->unit, qvtd_readq(v, DMAR_CAP_REG),
                     qvtd_readq(v, DMAR_ECAP_REG));
    w->mamv = (qvtd_readq(v, DMAR_CAP_REG) >> 48) & 0x3f;
    w->unit.memory = (OracleMemory) { mem_read, mem_set, w };
    w->unit.root = page_address(ROOT_PAGE);
    for (uint64_t addr = DATA; addr < RAM_END; addr += PAGE) {
        qtest_writeq(w->n.qts, addr, addr);
    }
    qvtd_set_root(v, w->unit.root, ROOT_SCALABLE);
    qvtd_enable_queue(v);
}

static void count(const Operation *ops)
{
    for (unsigned i = 0; i < BATCH; i++) {
        counts[ops[i].change]++;
        inv_counts[ops[i].inv]++;
    }
}

static void print_counts(uint64_t done)
{
    g_test_message("%" PRIu64 " operations: %" PRIu64 " pages alike, of these %"
                   PRIu64 " blocked; %" PRIu64 " not compared, as caches may "
                   "have them", done, alike, blocked, left_out);
    for (unsigned i = 0; i < CHANGES; i++) {
        g_assert_cmpuint(counts[i], >, 0);
    }
    for (unsigned i = 0; i < INVS; i++) {
        g_assert_cmpuint(inv_counts[i], >, 0);
    }
    g_assert_cmpuint(blocked, >, 0);
    g_assert_cmpuint(alike, >, blocked);
}

static void test_alike(void)
{
    uint64_t wanted = number_from("VTD_ORACLE_OPS", OPERATIONS);
    uint64_t seed = number_from("VTD_ORACLE_SEED", 1);
    uint64_t number = number_from("VTD_ORACLE_FIRST", 0), done;
    g_autofree World *w = g_new0(World, 1);
    Operation ops[BATCH];
    unsigned last;

    start(w);
    for (done = 0; done < wanted; done += BATCH, number++) {
        make_batch(ops, seed, number);
        if (!run_batch(w, ops, &last)) {
            g_test_message("%s", w->difference);
            shrink(w, ops, last);
            print_batch(ops);
            g_test_message("VTD_ORACLE_SEED=%" PRIu64 " VTD_ORACLE_FIRST=%"
                           PRIu64 " VTD_ORACLE_OPS=%d repeats it", seed, number,
                           BATCH);
            g_test_message("after operation %u: %s", last,
                           w->difference ?: "but not once more");
            g_test_fail();
            break;
        }
        count(ops);
    }
    if (done >= wanted) {
        print_counts(done);
    }
    stop(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/intel-iommu/nested/oracle", test_alike);
    return g_test_run();
}
