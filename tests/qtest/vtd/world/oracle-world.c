/*
 * Two devices on the same tables, behind intel-iommu,nested=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "oracle-world.h"

#define BASE            (44 * MIB)
#define DATA            (48 * MIB)      /* each page begins with its address */
#define HOLE            (1ULL << 37)
#define WRITTEN         0x5752495454454eULL

/* Channels of a device, and where each has its data */
#define READS           0
#define WRITES          1

/* Pages from BASE on */
#define ROOT_PAGE       0
#define CONTEXT_PAGE    1
#define DIR_PAGE        2
#define PASID_PAGE      3
#define SET_PAGE(set)   (4 + (set) * 12)

/* A cell is an address of three indices: 2 by 4 by 8 */
#define CELLS           64
#define L2_FIRST        24              /* 48 MiB, which is in RAM */

/* Memory */

static uint64_t page_address(unsigned page)
{
    return BASE + page * PAGE;
}

static bool mem_read(void *opaque, uint64_t addr, uint64_t *val)
{
    OracleWorld *w = opaque;

    if (addr >= BASE && addr < page_address(ORACLE_PAGES)) {
        *val = w->words[(addr - BASE) / 8];
        return true;
    }
    *val = addr >= DATA && addr % PAGE == 0 ? addr : 0;
    return addr < RAM_END;
}

/* Accessed and dirty flags are no matter here. */
static void mem_set(void *opaque, uint64_t addr, uint64_t bits)
{
}

/* The devices' own flags stay where the entry is as it was. */
static void put(OracleWorld *w, unsigned page, unsigned slot, uint64_t val)
{
    if (w->words[page * 512 + slot] == val) {
        return;
    }
    w->words[page * 512 + slot] = val;
    qtest_writeq(w->n.qts, page_address(page) + slot * 8, val);
}

static uint64_t get(OracleWorld *w, unsigned page, unsigned slot)
{
    return w->words[page * 512 + slot];
}

/*
 * Entries, each made from the one number that an operation has for it.  Half of
 * all are sound, or soon nothing would be translated.
 */

/* A linear congruential generator: its low bits are no good. */
static unsigned any_of(uint32_t *r, unsigned n)
{
    *r = *r * 1664525 + 1013904223;
    return (*r >> 8) % n;
}

static bool one_in(uint32_t *r, unsigned n)
{
    return any_of(r, n) == 0;
}

/* One of the bits @first to @last, now and then */
static uint64_t stray_bit(uint32_t *r, unsigned n, unsigned first,
                          unsigned last)
{
    return one_in(r, n) ? 1ULL << (first + any_of(r, last - first + 1)) : 0;
}

static unsigned did_of(OracleWorld *w, unsigned pasid)
{
    return get(w, PASID_PAGE, pasid * 8 + 1) & 0xffff;
}

/* An entry of @level that, if it is no page, leads to the table @below. */
static uint64_t any_entry(uint32_t r, unsigned level, unsigned below)
{
    bool sound = one_in(&r, 2);
    uint64_t flags = 7;

    if (!sound) {
        flags = (one_in(&r, 4) ? 0 : 1) | (one_in(&r, 4) ? 0 : 2) |
                (one_in(&r, 8) ? 0 : 4) | (one_in(&r, 16) ? 1ULL << 51 : 0);
    }
    if (level == 1) {
        return (one_in(&r, 32) ? HOLE : DATA + any_of(&r, 4096) * PAGE) | flags;
    }
    if (!(sound && level == 4) && one_in(&r, 4)) {
        /* Bit 12 is PAT's; at level 4 there are no pages. */
        flags |= 1 << 7 | (sound ? 0 : stray_bit(&r, 4, 12, 20));
        return (level == 2 ? DATA + any_of(&r, 8) * 2 * MIB : 0) | flags;
    }
    return (!sound && one_in(&r, 16) ? HOLE : page_address(below)) | flags;
}

static void put_pasid(OracleWorld *w, unsigned pasid, uint32_t r)
{
    static const uint8_t pgtts[] = { 1, 1, 1, 1, 4, 2, 3, 0 };
    unsigned set = any_of(&r, 2), did = 1 + any_of(&r, 4);
    uint64_t val[3] = {
        PGTT_STAGE1 << 6 | 2 << 2 | 1, did, page_address(SET_PAGE(set)),
    };

    val[0] |= one_in(&r, 4) ? VTD_PASID_ENTRY_FPD : 0;
    if (one_in(&r, 2)) {
        val[0] &= ~(VTD_SM_PASID_ENTRY_PGTT | (one_in(&r, 4) ? 1 : 0));
        val[0] |= (uint64_t)pgtts[any_of(&r, ARRAY_SIZE(pgtts))] << 6;
        val[0] |= stray_bit(&r, 4, 9, 12) | (one_in(&r, 16) ? 1 << 5 : 0);
        val[1] |= stray_bit(&r, 8, 16, 26);
        val[2] ^= stray_bit(&r, 4, 0, 13);
        val[2] = one_in(&r, 16) ? HOLE : val[2];
    }
    for (unsigned i = 2; i > 0; i--) {
        put(w, PASID_PAGE, pasid * 8 + i, val[i]);
    }
    put(w, PASID_PAGE, pasid * 8, val[0]);
}

static void put_directory(OracleWorld *w, uint32_t r)
{
    uint64_t table = one_in(&r, 8) ? HOLE : page_address(PASID_PAGE);

    put(w, DIR_PAGE, 0, table | (one_in(&r, 8) ? 0 : 1) |
        (one_in(&r, 4) ? VTD_PASID_DIR_FPD : 0) | stray_bit(&r, 8, 2, 11));
}

static void put_context(OracleWorld *w, uint64_t flags0, uint64_t flags1)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned slot = QPCI_DEVFN(SLOT + i, 0) * 4;

        put(w, CONTEXT_PAGE, slot + 1, w->rid_pasid | flags1);
        put(w, CONTEXT_PAGE, slot, page_address(DIR_PAGE) | flags0);
    }
}

/* RID_PASID beyond the directory, RID_PRIV, or a bit that is reserved for good */
static void put_any_context(OracleWorld *w, uint32_t r)
{
    uint64_t flags0 = (one_in(&r, 8) ? 0 : VTD_CONTEXT_ENTRY_P) |
                      (one_in(&r, 4) ? VTD_CONTEXT_ENTRY_FPD : 0) |
                      stray_bit(&r, 8, 2, 8);

    put_context(w, flags0, stray_bit(&r, 8, 13, 22));
}

/* Tables: 1 of level 4, 1 of level 3, 2 of level 2, 8 of level 1 */
static unsigned l1_page(unsigned set, unsigned l3, unsigned l2)
{
    return SET_PAGE(set) + 4 + l3 * 4 + l2;
}

static void build_set(OracleWorld *w, unsigned set)
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

static void descriptor(OracleWorld *w, uint64_t lo, uint64_t hi)
{
    const uint64_t desc[4] = { lo, hi };

    qvtd_queue_put(w->n.vtd, desc);
}

static void all_is_clean(OracleWorld *w)
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
static void invalidate_tables(OracleWorld *w, OracleInv inv)
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

static void invalidate(OracleWorld *w, OracleInv inv)
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

static void change_entry(OracleWorld *w, const OracleOperation *op)
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

static void change_pasid(OracleWorld *w, const OracleOperation *op)
{
    unsigned pasid = op->where % 8 ? w->rid_pasid : !w->rid_pasid;

    w->mixed |= w->cells > 0 || w->context;
    w->entries++;
    w->old_pasid = pasid;
    w->old_did = did_of(w, pasid);
    put_pasid(w, pasid, op->what);
}

static void change(OracleWorld *w, const OracleOperation *op)
{
    switch (op->change) {
    case CHANGE_PASID:
        change_pasid(w, op);
        break;
    case CHANGE_DIRECTORY:
        /* All entries behind it, so that none alone will do. */
        w->mixed = true;
        w->entries++;
        put_directory(w, op->what);
        break;
    case CHANGE_CONTEXT:
        w->rid_pasid = op->what & 1;
        w->context = true;
        put_any_context(w, op->what / 2);
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

/* What a device did, or should have done */
typedef struct Done {
    bool done;
    uint64_t data;          /* what was read, or is where it was to write */
} Done;

/* Return: the fault reason; 1 where there is no memory. */
static unsigned reference(OracleWorld *w, uint64_t addr, bool write,
                          uint64_t *out)
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
        if (r.reason) {
            return r.reason;
        }
    }
    return *out >= RAM_END;
}

/* What never changes in a command; each access to a register takes its time. */
static void prepare_channels(QTestdev *dev)
{
    const uint64_t data = cpu_to_le64(WRITTEN);

    for (unsigned i = READS; i <= WRITES; i++) {
        unsigned base = PASID_TESTDEV_CHANNEL(i);

        qtestdev_writel(dev, base + PASID_TESTDEV_LENGTH, 8);
        qtestdev_writel(dev, base + PASID_TESTDEV_BUFFER, i * 8);
    }
    qtestdev_memwrite(dev, WRITES * 8, &data, 8);
}

static bool run(QTestdev *dev, unsigned channel, uint64_t addr, uint32_t op)
{
    unsigned base = PASID_TESTDEV_CHANNEL(channel);

    qpci_io_writeq(dev->dev, dev->bar, base + PASID_TESTDEV_IOVA, addr);
    qtestdev_writel(dev, base + PASID_TESTDEV_COMMAND, op);
    return qtestdev_finish(dev, channel) == PASID_TESTDEV_OK;
}

/* A read that is blocked leaves what the one before has read. */
static Done copy(OracleWorld *w, unsigned i, uint64_t addr, bool write,
                 uint64_t out)
{
    QTestdev *dev = &w->dev[i];
    Done d = {};
    uint64_t data;

    if (!write) {
        d.done = run(dev, READS, addr, PASID_TESTDEV_READ);
        qtestdev_memread(dev, READS * 8, &data, 8);
        d.data = le64_to_cpu(data);
        if (!d.done && d.data == w->seen[i]) {
            d.data = 0;
        } else {
            w->seen[i] = d.data;
        }
        return d;
    }
    d.done = run(dev, WRITES, addr, PASID_TESTDEV_WRITE);
    if (out) {
        d.data = qtest_readq(w->n.qts, out);
        qtest_writeq(w->n.qts, out, out);
    }
    return d;
}

static void note_difference(OracleWorld *w, uint64_t addr, bool write,
                            const Done *is, const Done *want, unsigned reason)
{
    static const char *const names[] = { "passed through", "emulated" };
    GString *s = g_string_new(NULL);
    unsigned slot = w->rid_pasid * 8;

    g_string_printf(s, "%s of 0x%" PRIx64 ":", write ? "write" : "read", addr);
    for (unsigned i = w->first; i < 2; i++) {
        g_string_append_printf(s, " %s %s 0x%" PRIx64 ",", names[i],
                               is[i].done ? "done" : "blocked", is[i].data);
    }
    g_string_append_printf(
        s, " the reference %s 0x%" PRIx64 ", reason 0x%x; context entry 0x%"
        PRIx64 " 0x%" PRIx64 ", directory entry 0x%" PRIx64 ", PASID entry 0x%"
        PRIx64 " 0x%" PRIx64 " 0x%" PRIx64, want->done ? "done" : "blocked",
        want->data, reason, get(w, CONTEXT_PAGE, QPCI_DEVFN(SLOT, 0) * 4),
        get(w, CONTEXT_PAGE, QPCI_DEVFN(SLOT, 0) * 4 + 1), get(w, DIR_PAGE, 0),
        get(w, PASID_PAGE, slot), get(w, PASID_PAGE, slot + 1),
        get(w, PASID_PAGE, slot + 2));
    g_free(w->difference);
    w->difference = g_string_free(s, false);
}

static void probe(OracleWorld *w, unsigned cell, bool write)
{
    uint64_t addr = cell_address(cell), out;
    unsigned reason = reference(w, addr, write, &out);
    const Done want = {
        .done = !reason,
        .data = reason ? 0 : write ? WRITTEN : out,
    };
    bool alike = true;
    Done is[2] = {};

    for (unsigned i = w->first; i < 2; i++) {
        is[i] = copy(w, i, addr, write, reason ? 0 : out);
        alike &= is[i].done == want.done && is[i].data == want.data;
    }
    if (alike) {
        w->alike++;
        w->blocked += !!reason;
    } else {
        note_difference(w, addr, write, is, &want, reason);
    }
}

static void probe_some(OracleWorld *w, const OracleOperation *op)
{
    uint32_t r = op->probes;

    for (unsigned i = 0; i < 2; i++, r >>= 8) {
        unsigned cell = i ? r % CELLS : op->where % CELLS;

        if (w->context || w->entries || w->cells & 1ULL << cell) {
            w->left_out++;
        } else {
            probe(w, cell, r / CELLS % 2);
        }
    }
}

bool oracle_world_operate(OracleWorld *w, const OracleOperation *op)
{
    change(w, op);
    invalidate(w, op->inv);
    probe_some(w, op);
    return !w->difference;
}

bool oracle_world_is_intact(OracleWorld *w)
{
    for (uint64_t addr = DATA; addr < RAM_END; addr += PAGE) {
        if (qtest_readq(w->n.qts, addr) != addr) {
            return false;
        }
    }
    return true;
}

void oracle_world_build(OracleWorld *w)
{
    g_clear_pointer(&w->difference, g_free);
    w->rid_pasid = 0;
    put(w, ROOT_PAGE, 0, page_address(CONTEXT_PAGE) | 1);
    put(w, DIR_PAGE, 0, page_address(PASID_PAGE) | 1);
    for (unsigned pasid = 0; pasid < 2; pasid++) {
        put(w, PASID_PAGE, pasid * 8 + 1, 1 + pasid);
        put(w, PASID_PAGE, pasid * 8 + 2, page_address(SET_PAGE(pasid)));
        put(w, PASID_PAGE, pasid * 8, PGTT_STAGE1 << 6 | 2 << 2 | 1);
        build_set(w, pasid);
    }
    put_context(w, VTD_CONTEXT_ENTRY_P, 0);
    if (!w->enabled) {
        qvtd_enable_translation(w->n.vtd, true);
        w->enabled = true;
    }
    invalidate(w, INV_ALL);
}

static void boot(OracleWorld *w)
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

void oracle_world_stop(OracleWorld *w)
{
    g_free(w->difference);
    g_free(w->dev[1].dev);
    if (!w->first) {
        nested_teardown(&w->n);
        return;
    }
    g_free(w->n.vtd);
    qpci_free_pc(w->n.pci);
    qvtd_quit(w->n.qts);
}

void oracle_world_start(OracleWorld *w)
{
    uint64_t cap;
    QVTD *v;

    boot(w);
    v = w->n.vtd;
    for (unsigned i = w->first; i < 2; i++) {
        qtestdev_init(&w->dev[i], w->n.qts,
                      qpci_device_find(w->n.pci, QPCI_DEVFN(SLOT + i, 0)));
        prepare_channels(&w->dev[i]);
    }
    w->n.edu.dev = w->dev[0].dev;
    cap = qvtd_readq(v, DMAR_CAP_REG);
    oracle_unit_init(&w->unit, cap, qvtd_readq(v, DMAR_ECAP_REG));
    w->mamv = (cap >> 48) & 0x3f;
    w->unit.memory = (OracleMemory) { mem_read, mem_set, w };
    w->unit.root = page_address(ROOT_PAGE);
    for (uint64_t addr = DATA; addr < RAM_END; addr += PAGE) {
        qtest_writeq(w->n.qts, addr, addr);
    }
    qvtd_set_root(v, w->unit.root, ROOT_SCALABLE);
    qvtd_enable_queue(v);
}
