/*
 * Random VT-d tables that mostly lead somewhere
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "oracle-tables.h"

#define PAGE            4096ULL
#define SLOTS           512
#define BIT(n)          (1ULL << (n))
#define ADDRESS         0xffffffffff000ULL

#define CONTEXT_PAGE    1
#define DIR_PAGE        2
#define PASID_PAGE      3
#define S1_PAGE         4
#define S1_PAGES        2       /* of each level */
#define S2_PAGE         14
#define S2_PAGES        3
#define LEVELS          5
#define DATA_PAGE       40      /* data that the tables' 2 MiB page has too */
#define DATA_PAGES      24

#define DEVFN           0x28
#define HOLE            0x7f00000000ULL     /* aligned to 1 GiB */
#define INTERRUPTS      0xfee00000ULL
#define BEYOND_PDTS     9000

/* The slots that are used, by level from 1 on; -1 ends a list */
static const int s1_slots[LEVELS][9] = {
    { 40, 41, 42, 43, 44, 45, 46, 47, -1 },
    { 8, 9, 10, -1 },
    { 0, 1, 2, -1 },
    { 0, 1, 256, 511, -1 },
    { 0, 511, -1 },
};
static const int s2_slots[LEVELS][4] = {
    { -1 },                     /* 0 to 63 */
    { 8, 9, 10, -1 },
    { 0, 1, 2, -1 },
    { 0, 1, -1 },
    { 0, 1, -1 },
};

static unsigned below(OracleTables *t, unsigned n)
{
    return g_rand_int_range(t->rand, 0, n);
}

bool oracle_one_in(OracleTables *t, unsigned n)
{
    return !below(t, n);
}

static bool one_in(OracleTables *t, unsigned n)
{
    return oracle_one_in(t, n);
}

static int any_of(OracleTables *t, const int *list)
{
    unsigned n = 0;

    while (list[n] >= 0) {
        n++;
    }
    return list[below(t, n)];
}

static uint64_t page_address(unsigned page)
{
    return ORACLE_TABLES + page * PAGE;
}

static uint64_t *page_words(OracleTables *t, unsigned page)
{
    return t->words + page * SLOTS;
}

static unsigned level_lg2(unsigned level)
{
    return 12 + 9 * (level - 1);
}

static unsigned s1_page(OracleTables *t, unsigned level)
{
    return S1_PAGE + (level - 1) * S1_PAGES + below(t, S1_PAGES);
}

static unsigned s2_page(OracleTables *t, unsigned level)
{
    return S2_PAGE + (level - 1) * S2_PAGES + below(t, S2_PAGES);
}

/* A guest-physical address whose last index is that of @page */
static uint64_t any_gpa(OracleTables *t, unsigned page)
{
    uint64_t gpa = page * PAGE;

    if (!one_in(t, 6)) {
        return page_address(page);
    }
    gpa |= (uint64_t)any_of(t, s2_slots[1]) << 21;
    gpa |= (uint64_t)any_of(t, s2_slots[2]) << 30;
    gpa |= one_in(t, 2) ? (uint64_t)any_of(t, s2_slots[3]) << 39 : 0;
    gpa |= one_in(t, 6) ? (uint64_t)any_of(t, s2_slots[4]) << 48 : 0;
    return gpa;
}

/* Host-physical: data, or now and then nothing, or the interrupt range */
static uint64_t any_data(OracleTables *t, unsigned size_lg2)
{
    uint64_t first = size_lg2 == 30 ? 0 : ORACLE_TABLES;

    if (one_in(t, 16)) {
        return one_in(t, 2) || size_lg2 == 30 ? HOLE : INTERRUPTS;
    }
    if (size_lg2 == 12) {
        return one_in(t, 2) ? page_address(DATA_PAGE + below(t, DATA_PAGES))
                            : t->ram - (1 + below(t, 1024)) * PAGE;
    }
    return size_lg2 == 30 || !one_in(t, 3)
           ? first : first + ((1 + below(t, 6)) << 21);
}

/* A bit that must be 0, or any other way to spoil an entry */
static uint64_t spoil(OracleTables *t, uint64_t e, unsigned level, bool leaf)
{
    switch (below(t, 4)) {
    case 0:
        return t->width < 52 ? e | BIT(t->width + below(t, 52 - t->width)) : e;
    case 1:
        return (e & ~ADDRESS) | HOLE;
    case 2:
        return level > 3 ? e | BIT(7) :
               leaf && level > 1
               ? e | BIT(13 + below(t, level_lg2(level) - 13)) : e;
    default:
        return e & ~3ULL;
    }
}

static void fill_s1(OracleTables *t, unsigned page, unsigned level)
{
    const int *slot;

    for (slot = s1_slots[level - 1]; *slot >= 0; slot++) {
        bool leaf = level == 1 || (level <= 3 && one_in(t, 6));
        uint64_t mask = ~(BIT(level_lg2(level)) - 1);
        uint64_t e = leaf ? any_gpa(t, DATA_PAGE + below(t, DATA_PAGES)) & mask
                          : any_gpa(t, s1_page(t, level - 1));

        e |= 1 | (one_in(t, 12) ? 0 : 2) | (one_in(t, 20) ? 0 : 4);
        e |= one_in(t, 2) ? BIT(5) : 0;
        e |= leaf && one_in(t, 3) ? BIT(6) : 0;
        e |= leaf && level > 1 ? BIT(7) : 0;
        e |= leaf && level > 1 && one_in(t, 8) ? BIT(12) : 0;
        e |= one_in(t, 8) ? BIT(52 + below(t, 11)) : 0;
        page_words(t, page)[*slot] = one_in(t, 40) ? spoil(t, e, level, leaf)
                                                   : e;
    }
}

static uint64_t any_s2(OracleTables *t, unsigned level, unsigned slot)
{
    bool leaf = level == 1 || (level <= 3 && one_in(t, 5));
    bool to_table = level == 1 && slot < S2_PAGE && slot >= S1_PAGE;
    uint64_t e = to_table ? page_address(slot) :
                 leaf ? any_data(t, level_lg2(level)) :
                 page_address(s2_page(t, level - 1));

    e |= (one_in(t, 30) ? 0 : 1) | (one_in(t, 12) ? 0 : 2);
    e |= one_in(t, 2) ? BIT(8) : 0;
    e |= leaf && one_in(t, 3) ? BIT(9) : 0;
    e |= leaf && level > 1 ? BIT(7) : 0;
    return one_in(t, 60) ? spoil(t, e, level, leaf) : e;
}

static void fill_s2(OracleTables *t, unsigned page, unsigned level)
{
    const int *slot;

    if (level == 1) {
        for (unsigned i = 0; i < DATA_PAGE + DATA_PAGES; i++) {
            page_words(t, page)[i] = any_s2(t, level, i);
        }
        return;
    }
    for (slot = s2_slots[level - 1]; *slot >= 0; slot++) {
        page_words(t, page)[*slot] = any_s2(t, level, *slot);
    }
}

/* Reserved bits of a PASID entry's quadwords, whatever is reported */
static void spoil_pasid(OracleTables *t, uint64_t *e)
{
    switch (below(t, 6)) {
    case 0:
        e[0] |= BIT(10 + below(t, 2));
        break;
    case 1:
        e[1] |= BIT(16 + below(t, 7));
        break;
    case 2:
        e[2] |= BIT(8 + below(t, 4));
        break;
    case 3:
        e[3 + below(t, 5)] = BIT(below(t, 64));
        break;
    case 4:
        e[one_in(t, 2) ? 0 : 2] |= BIT(63);
        break;
    default:
        e[0] &= ~1ULL;
    }
}

static void fill_pasid(OracleTables *t, unsigned pasid)
{
    static const uint8_t pgtts[] = { 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4 };
    uint64_t *e = page_words(t, PASID_PAGE) + pasid * 8;
    uint64_t pgtt = pgtts[below(t, ARRAY_SIZE(pgtts))];
    unsigned aw = one_in(t, 8) ? 1 : t->width == 52 && one_in(t, 3) ? 3 : 2;
    unsigned fspm = t->five_levels ? below(t, 2) : 0;

    if (t->width < 48) {
        aw = 1;
    }
    pgtt = one_in(t, 60) ? below(t, 8) : pgtt;
    e[0] = page_address(s2_page(t, aw + 2)) | pgtt << 6 | aw << 2 | 1;
    e[0] |= one_in(t, 12) ? BIT(1) : 0;
    e[0] |= one_in(t, 2) ? BIT(9) : 0;
    /* A domain-id has one stage 2 only. */
    e[1] = pasid + 1;
    e[2] = any_gpa(t, s1_page(t, fspm + 4)) | fspm << 2;
    e[2] |= one_in(t, 2) ? BIT(0) : 0;
    e[2] |= one_in(t, 3) ? BIT(4) : 0;
    if (one_in(t, 30)) {
        e[0] = (e[0] & ~ADDRESS) | HOLE;
    }
    if (one_in(t, 30)) {
        e[2] = (e[2] & ~ADDRESS) | (one_in(t, 2) ? HOLE : BIT(49));
    }
    if (one_in(t, 60)) {
        e[0] ^= BIT(4);
    }
    if (one_in(t, 60)) {
        e[2] ^= BIT(3);
    }
    if (one_in(t, 20)) {
        spoil_pasid(t, e);
    }
}

static void fill_directory(OracleTables *t)
{
    uint64_t *e = page_words(t, DIR_PAGE);

    e[0] = page_address(PASID_PAGE) | 1 | (one_in(t, 20) ? BIT(1) : 0);
    e[1] = HOLE | 1 | (one_in(t, 2) ? BIT(1) : 0);
    e[2] = page_address(PASID_PAGE) | 1 | BIT(2 + below(t, 10));
    e[3] = one_in(t, 2) ? BIT(1) : 0;
    if (one_in(t, 40)) {
        e[0] &= ~1ULL;
    }
}

static void fill_context(OracleTables *t)
{
    uint64_t *root = page_words(t, 0);
    uint64_t *e = page_words(t, CONTEXT_PAGE) + DEVFN * 4;

    root[0] = page_address(CONTEXT_PAGE) | 1;
    t->rid_pasid = one_in(t, 20) ? BEYOND_PDTS : below(t, ORACLE_PASIDS);
    e[0] = page_address(DIR_PAGE) | 1 | (one_in(t, 20) ? BIT(1) : 0) |
           (one_in(t, 16) ? 0 : BIT(2)) | (one_in(t, 16) ? 0 : BIT(3));
    e[1] = t->rid_pasid | (one_in(t, 3) ? BIT(20) : 0);
    switch (below(t, 60)) {
    case 0:
        root[0] &= ~1ULL;
        break;
    case 1:
        root[0] |= BIT(1 + below(t, 11));
        break;
    case 2:
        root[0] = HOLE | 1;
        break;
    case 3:
        e[0] &= ~1ULL;
        break;
    case 4:
        e[0] |= BIT(5 + below(t, 4));
        break;
    case 5:
        e[1] |= BIT(21 + below(t, 43));
        break;
    case 6:
        e[2 + below(t, 2)] = BIT(below(t, 64));
        break;
    case 7:
        e[0] = (e[0] & ~ADDRESS) | HOLE;
        break;
    }
}

void oracle_tables_init(OracleTables *t, uint64_t ram, unsigned width,
                        bool five_levels)
{
    t->rand = g_rand_new_with_seed(0);
    t->ram = ram;
    t->width = width;
    t->five_levels = five_levels;
}

void oracle_tables_end(OracleTables *t)
{
    g_rand_free(t->rand);
}

void oracle_tables_build(OracleTables *t, uint64_t seed, uint64_t number)
{
    const guint32 seeds[] = { seed, seed >> 32, number, number >> 32 };

    g_rand_set_seed_array(t->rand, seeds, ARRAY_SIZE(seeds));
    memset(t->words, 0, sizeof(t->words));
    fill_context(t);
    fill_directory(t);
    for (unsigned i = 0; i < ORACLE_PASIDS; i++) {
        fill_pasid(t, i);
    }
    for (unsigned level = 1; level <= LEVELS; level++) {
        for (unsigned i = 0; i < S1_PAGES; i++) {
            fill_s1(t, S1_PAGE + (level - 1) * S1_PAGES + i, level);
        }
        for (unsigned i = 0; i < S2_PAGES; i++) {
            fill_s2(t, S2_PAGE + (level - 1) * S2_PAGES + i, level);
        }
    }
}

/* Memory */

uint64_t oracle_data_at(uint64_t page)
{
    return page ^ 0x1d00d00000000000ULL;
}

bool oracle_is_data(const OracleTables *t, uint64_t addr)
{
    return addr >= page_address(ORACLE_TABLE_PAGES) && addr < t->ram;
}

bool oracle_tables_read(OracleTables *t, uint64_t addr, uint64_t *val)
{
    if (oracle_is_data(t, addr)) {
        *val = addr % PAGE ? 0 : oracle_data_at(addr);
        return true;
    }
    if (addr < ORACLE_TABLES || addr >= t->ram) {
        return false;
    }
    *val = t->words[(addr - ORACLE_TABLES) / 8];
    return true;
}

void oracle_tables_set(OracleTables *t, uint64_t addr, uint64_t bits)
{
    g_assert_cmphex(addr - ORACLE_TABLES, <, ORACLE_WORDS * 8);
    t->words[(addr - ORACLE_TABLES) / 8] |= bits;
}

void oracle_set_nothing(void *opaque, uint64_t addr, uint64_t bits)
{
}

/* Requests */

uint32_t oracle_pick_pasid(OracleTables *t)
{
    if (one_in(t, 25)) {
        return one_in(t, 4) ? BEYOND_PDTS
                            : ORACLE_PASIDS * (1 + below(t, 3)) + below(t, 64);
    }
    return below(t, ORACLE_PASIDS);
}

static const uint64_t *entry_of(const OracleTables *t, uint32_t pasid)
{
    pasid = pasid == UINT32_MAX ? t->rid_pasid : pasid;
    return t->words + PASID_PAGE * SLOTS + (pasid % ORACLE_PASIDS) * 8;
}

static uint64_t canonical(uint64_t addr, unsigned width)
{
    return (uint64_t)((int64_t)(addr << (64 - width)) >> (64 - width));
}

uint64_t oracle_pick_address(OracleTables *t, uint32_t pasid)
{
    const uint64_t *e = entry_of(t, pasid);
    unsigned pgtt = (e[0] >> 6) & 7;
    uint64_t addr = below(t, PAGE);

    if (pgtt != 1 && pgtt != 3) {
        return any_gpa(t, DATA_PAGE + below(t, 8)) | addr |
               (one_in(t, 30) ? BIT(57) : 0);
    }
    for (unsigned level = 1; level <= LEVELS; level++) {
        addr |= (uint64_t)any_of(t, s1_slots[level - 1]) << level_lg2(level);
    }
    if (one_in(t, 30)) {
        return addr | BIT(60);
    }
    return canonical(addr, e[2] & BIT(2) ? 57 : 48);
}

void oracle_tables_print(const OracleTables *t, uint32_t pasid)
{
    const uint64_t *e = entry_of(t, pasid);

    g_test_message("RID_PASID %u; PASID entry 0x%" PRIx64 " 0x%" PRIx64
                   " 0x%" PRIx64, t->rid_pasid, e[0], e[1], e[2]);
}
