/*
 * VT-d translation by the book: a reference walker for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "oracle.h"

#define BIT(n)          (1ULL << (n))
#define BITS(hi, lo)    ((~0ULL >> (63 - (hi))) & (~0ULL << (lo)))

#define PRESENT         BIT(0)
#define FPD             BIT(1)
#define PAGE_ADDRESS(u) BITS((u)->width - 1, 12)

/* Of a stage-1 entry, 9.7, and of a stage-2 one, 9.8 */
#define S1_WRITE        BIT(1)
#define S1_USER         BIT(2)
#define S1_ACCESSED     BIT(5)
#define S1_DIRTY        BIT(6)
#define S2_READ         BIT(0)
#define S2_WRITE        BIT(1)
#define S2_ACCESSED     BIT(8)
#define S2_DIRTY        BIT(9)
#define S2_SNOOP        BIT(11)
#define LARGE           BIT(7)

/* A request on its way */
typedef struct Walk {
    const OracleUnit *u;
    const OracleRequest *req;
    uint64_t context[4];
    uint64_t entry[8];      /* the PASID entry */
    bool priv;
    OracleResult *r;
} Walk;

void oracle_unit_init(OracleUnit *u, uint64_t cap, uint64_t ecap)
{
    unsigned mgaw = ((cap >> 16) & 0x3f) + 1;

    *u = (OracleUnit) {
        .mgaw = mgaw,
        .width = MIN(mgaw, 52),
        .sagaw = (cap >> 8) & 0x1f,
        .five_levels = cap & BIT(60),
        .s1_1g = cap & BIT(56),
        .mts = ecap & BIT(25),
        .sc = ecap & BIT(7),
        .srs = ecap & BIT(31),
        .slads = ecap & BIT(45),
        .smpwc = ecap & BIT(48),
        .types = 1 << 1 | (ecap & BIT(46) ? 1 << 2 : 0) |
                 (ecap & BIT(26) ? 1 << 3 : 0) | (ecap & BIT(6) ? 1 << 4 : 0),
        .context_rsvd = {
            BITS(8, 5) | BITS(63, MIN(mgaw, 52)) |
            (ecap & BIT(2) ? 0 : BIT(2)) |      /* DT: DTE */
            (ecap & BIT(40) ? 0 : BIT(3)) |     /* PASID: PASIDE */
            (ecap & BIT(29) ? 0 : BIT(4)),      /* PRS: PRE */
            BITS(63, 21) |
            (ecap & BIT(49) ? 0 : BITS(19, 0)) |    /* RPS: RID_PASID */
            (ecap & BIT(53) ? 0 : BIT(20)),     /* RPRIVS: RID_PRIV */
        },
    };
}

bool oracle_is_recoverable(unsigned reason)
{
    switch (reason) {
    case ORACLE_SFS2:
    case ORACLE_SFS6:
    case ORACLE_SFS7:
    case ORACLE_SFS8:
    case ORACLE_SSS2:
    case ORACLE_SGN2:
    case ORACLE_SGN6:
    case ORACLE_SGN7:
        return true;
    default:
        return false;
    }
}

static bool fail(Walk *w, unsigned reason)
{
    w->r->reason = reason;
    /* 7.1.3: not of a fault that no fault processing disable bit qualifies */
    if (reason == ORACLE_SPD1 || reason == ORACLE_SPT1) {
        w->r->silent = false;
    }
    return false;
}

static bool mem_read(Walk *w, uint64_t addr, uint64_t *val)
{
    return w->u->memory.read(w->u->memory.opaque, addr, val);
}

static void mem_set(Walk *w, uint64_t addr, uint64_t bits)
{
    w->u->memory.set(w->u->memory.opaque, addr, bits);
}

static bool mem_read_many(Walk *w, uint64_t addr, uint64_t *val, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!mem_read(w, addr + i * 8, val + i)) {
            return false;
        }
    }
    return true;
}

/* Root and context entry, 9.1 to 9.4 */
static bool find_context(Walk *w)
{
    const OracleUnit *u = w->u;
    uint16_t sid = w->req->sid;
    uint64_t root, *ce = w->context;

    if (!mem_read(w, u->root + (sid >> 8) * 16 + (sid & 0x80 ? 8 : 0),
                  &root)) {
        return fail(w, ORACLE_SRT1);
    }
    if (!(root & PRESENT)) {
        return fail(w, ORACLE_SRT2);
    }
    if (root & ~(PAGE_ADDRESS(u) | PRESENT)) {
        return fail(w, ORACLE_SRT3);
    }
    if (!mem_read_many(w, (root & PAGE_ADDRESS(u)) + (sid & 0x7f) * 32, ce,
                       4)) {
        return fail(w, ORACLE_SCT1);
    }
    w->r->silent = ce[0] & FPD;
    if (!(ce[0] & PRESENT)) {
        return fail(w, ORACLE_SCT2);
    }
    if (ce[0] & u->context_rsvd[0] || ce[1] & u->context_rsvd[1] || ce[2] ||
        ce[3]) {
        return fail(w, ORACLE_SCT3);
    }
    return true;
}

/* What the context entry lets the function do */
static bool check_context(Walk *w)
{
    if (w->req->translation && !(w->context[0] & BIT(2))) {
        return fail(w, ORACLE_SCT5);
    }
    if (w->req->has_pasid && !(w->context[0] & BIT(3))) {
        return fail(w, ORACLE_SCT6);
    }
    return true;
}

/* Directory and PASID entry, 9.5 and 9.6 */
static bool find_pasid(Walk *w)
{
    const OracleRequest *req = w->req;
    uint32_t pasid = req->has_pasid ? req->pasid : w->context[1] & BITS(19, 0);
    uint64_t directory = w->context[0] & PAGE_ADDRESS(w->u), dir;
    unsigned pdts = (w->context[0] >> 9) & 7;

    w->priv = req->has_pasid ? req->priv : w->context[1] & BIT(20);
    if ((pasid >> 6) >= 1u << (pdts + 7)) {
        return fail(w, req->has_pasid ? ORACLE_SCT7 : ORACLE_SCT9);
    }
    if (!mem_read(w, directory + (pasid >> 6) * 8, &dir)) {
        return fail(w, ORACLE_SPD1);
    }
    w->r->silent |= !!(dir & FPD);
    if (!(dir & PRESENT)) {
        return fail(w, ORACLE_SPD2);
    }
    if (dir & ~(PAGE_ADDRESS(w->u) | FPD | PRESENT)) {
        return fail(w, ORACLE_SPD3);
    }
    if (!mem_read_many(w, (dir & PAGE_ADDRESS(w->u)) + (pasid & 63) * 64,
                       w->entry, 8)) {
        return fail(w, ORACLE_SPT1);
    }
    w->r->silent |= !!(w->entry[0] & FPD);
    return w->entry[0] & PRESENT || fail(w, ORACLE_SPT2);
}

static unsigned pgtt_of(const Walk *w)
{
    return (w->entry[0] >> 6) & 7;
}

static unsigned aw_of(const Walk *w)
{
    return (w->entry[0] >> 2) & 7;
}

static unsigned fspm_of(const Walk *w)
{
    return (w->entry[2] >> 2) & 3;
}

static bool pasid_is_reserved(const Walk *w)
{
    const uint64_t *e = w->entry;
    uint64_t beyond = BITS(63, w->u->width);
    unsigned pgtt = pgtt_of(w);

    return e[0] & (BIT(5) | BITS(11, 10)) || e[1] & BITS(22, 16) ||
           (!w->u->mts && e[1] & BITS(63, 25)) ||
           (!w->u->slads && e[0] & BIT(9)) ||
           (!w->u->sc && e[1] & BIT(24)) ||
           (!w->u->smpwc && e[1] & BIT(23)) ||
           /* ERE, SMEP: no execute requests; EAFE: not reported */
           e[2] & (BIT(1) | BITS(11, 6)) ||
           (!w->u->srs && e[2] & (BIT(0) | BIT(4))) ||
           e[3] || e[4] || e[5] || e[6] || e[7] ||
           ((pgtt == 2 || pgtt == 3) && e[0] & beyond) ||
           (pgtt == 1 && e[2] & beyond);
}

static bool pasid_is_unsupported(const Walk *w)
{
    unsigned pgtt = pgtt_of(w);

    if (!(w->u->types & 1 << pgtt)) {
        return true;
    }
    if ((pgtt == 2 || pgtt == 3) &&
        (aw_of(w) < 1 || aw_of(w) > 3 || !(w->u->sagaw & 1 << aw_of(w)))) {
        return true;
    }
    return (pgtt == 1 || pgtt == 3) && fspm_of(w) &&
           !(fspm_of(w) == 1 && w->u->five_levels);
}

static bool check_pasid(Walk *w)
{
    bool unsupported = pasid_is_unsupported(w);

    if (pasid_is_reserved(w)) {
        w->r->also = unsupported ? ORACLE_SPT4 : 0;
        return fail(w, ORACLE_SPT3);
    }
    if (unsupported) {
        return fail(w, ORACLE_SPT4);
    }
    w->r->pgtt = pgtt_of(w);
    if (w->req->exec) {
        return fail(w, ORACLE_SPT5);
    }
    return !(w->priv && !(w->entry[2] & BIT(0))) || fail(w, ORACLE_SPT6);
}

static unsigned level_lg2(unsigned level)
{
    return 12 + 9 * (level - 1);
}

static uint64_t slot_of(uint64_t table, unsigned level, uint64_t addr)
{
    return table + ((addr >> level_lg2(level)) & 511) * 8;
}

/* A page that a stage found */
typedef struct Page {
    uint64_t out;
    unsigned size_lg2;
    bool read, write;
} Page;

static void page_finish(Walk *w, Page *page, unsigned level, uint64_t leaf,
                        uint64_t addr)
{
    uint64_t offset = BIT(level_lg2(level)) - 1;

    page->size_lg2 = level_lg2(level);
    page->out = (leaf & PAGE_ADDRESS(w->u) & ~offset) | (addr & offset);
}

/* Stage 2, 3.7; faults that depend on what is translated are the caller's */
typedef struct Reasons {
    unsigned beyond, read, write;
} Reasons;

static bool s2_is_reserved(Walk *w, unsigned level, uint64_t e, bool leaf)
{
    if (e & BITS(51, w->u->width) && w->u->width < 52) {
        return true;
    }
    if (level > 3 && e & LARGE) {
        return true;
    }
    if (e & S2_SNOOP && !(leaf && w->u->sc)) {
        return true;
    }
    return leaf && level > 1 && e & BITS(level_lg2(level) - 1, 12);
}

static bool stage2(Walk *w, uint64_t addr, bool write, const Reasons *why,
                   Page *page)
{
    unsigned top = aw_of(w) + 2, level = top;
    uint64_t table = w->entry[0] & PAGE_ADDRESS(w->u), e, bits;
    bool flags = w->entry[0] & BIT(9), leaf;

    if (addr >> MIN(w->u->mgaw, level_lg2(top + 1))) {
        return fail(w, why->beyond);
    }
    page->read = page->write = true;
    for (;; level--) {
        uint64_t slot = slot_of(table, level, addr);

        if (!mem_read(w, slot, &e)) {
            return fail(w, level == top ? ORACLE_SSS4 : ORACLE_SSS1);
        }
        if (!(e & (S2_READ | S2_WRITE))) {
            return fail(w, ORACLE_SSS2);
        }
        leaf = level == 1 || (level <= 3 && e & LARGE);
        if (s2_is_reserved(w, level, e, leaf)) {
            return fail(w, ORACLE_SSS3);
        }
        page->read &= !!(e & S2_READ);
        page->write &= !!(e & S2_WRITE);
        if (leaf && !(write ? page->write : page->read)) {
            return fail(w, write ? why->write : why->read);
        }
        bits = S2_ACCESSED | (leaf && write ? S2_DIRTY : 0);
        if (flags) {
            mem_set(w, slot, bits);
        }
        if (leaf) {
            page_finish(w, page, level, e, addr);
            return true;
        }
        table = e & PAGE_ADDRESS(w->u);
    }
}

/* Stage 1, 3.6, and around it stage 2, 3.8 */

static bool s1_locate(Walk *w, uint64_t addr, bool top, bool write,
                      uint64_t *out)
{
    const Reasons why = {
        .beyond = ORACLE_SFS5,
        .read = top ? ORACLE_SFS6 : ORACLE_SFS7,
        .write = ORACLE_SFS8,
    };
    Page page;

    if (pgtt_of(w) == 1) {
        *out = addr;
        return true;
    }
    if (!stage2(w, addr, write, &why, &page)) {
        return false;
    }
    *out = page.out;
    return true;
}

static bool s1_is_reserved(Walk *w, unsigned level, uint64_t e, bool leaf)
{
    if (e & BITS(51, w->u->width) && w->u->width < 52) {
        return true;
    }
    if (e & LARGE && (level > 3 || (level == 3 && !w->u->s1_1g))) {
        return true;
    }
    /* Bit 12 of a large page is PAT's. */
    return leaf && level > 1 && e & BITS(level_lg2(level) - 1, 13);
}

/* The rights that all levels give, 3.6.1 */
static bool s1_check(Walk *w, bool user, Page *page)
{
    bool write_protect = w->entry[2] & BIT(4);
    bool denied;

    if (w->priv && !write_protect) {
        page->write = true;
    }
    denied = w->req->write && !page->write;
    if (!w->priv && !user) {
        w->r->also = denied ? ORACLE_SGN6 : 0;
        return fail(w, ORACLE_SGN2);
    }
    return !denied || fail(w, ORACLE_SGN6);
}

static bool s1_fetch(Walk *w, uint64_t slot, unsigned level, bool top,
                     uint64_t *e, bool *leaf)
{
    uint64_t where;

    if (!s1_locate(w, slot, top, false, &where)) {
        return false;
    }
    if (!mem_read(w, where, e)) {
        return fail(w, top ? ORACLE_SFS4 : ORACLE_SFS1);
    }
    if (!(*e & PRESENT)) {
        return fail(w, ORACLE_SFS2);
    }
    *leaf = level == 1 || (level <= 3 && *e & LARGE);
    return !s1_is_reserved(w, level, *e, *leaf) || fail(w, ORACLE_SFS3);
}

/* Accessed and dirty flags: a write, which stage 2 must allow, 3.6.3 */
static bool s1_mark(Walk *w, uint64_t slot, bool top, uint64_t e, uint64_t bits)
{
    uint64_t where;

    if ((e & bits) == bits) {
        return true;
    }
    if (!s1_locate(w, slot, top, true, &where)) {
        return false;
    }
    mem_set(w, where, bits);
    return true;
}

static bool stage1(Walk *w, Page *page)
{
    uint64_t addr = w->req->addr, e;
    uint64_t table = w->entry[2] & BITS(63, 12);
    unsigned top = 4 + fspm_of(w), level = top;
    unsigned sign = level_lg2(top + 1) - 1;
    bool user = true, leaf;

    if (addr >> sign != 0 && addr >> sign != ~0ULL >> sign) {
        return fail(w, ORACLE_SGN1);
    }
    page->read = page->write = true;
    for (;; level--) {
        uint64_t slot = slot_of(table, level, addr), bits = S1_ACCESSED;

        if (!s1_fetch(w, slot, level, level == top, &e, &leaf)) {
            return false;
        }
        user &= !!(e & S1_USER);
        page->write &= !!(e & S1_WRITE);
        if (leaf && !s1_check(w, user, page)) {
            return false;
        }
        bits |= leaf && w->req->write ? S1_DIRTY : 0;
        if (!s1_mark(w, slot, level == top, e, bits)) {
            return false;
        }
        if (leaf) {
            page_finish(w, page, level, e, addr);
            return true;
        }
        table = e & PAGE_ADDRESS(w->u);
    }
}

static bool both_stages(Walk *w, Page *page)
{
    const Reasons why = { ORACLE_SGN5, ORACLE_SGN7, ORACLE_SGN6 };
    Page below;

    if (!stage1(w, page) ||
        !stage2(w, page->out, w->req->write, &why, &below)) {
        return false;
    }
    page->out = below.out;
    page->size_lg2 = MIN(page->size_lg2, below.size_lg2);
    page->read &= below.read;
    page->write &= below.write;
    return true;
}

static bool by_type(Walk *w, Page *page)
{
    const Reasons why = { ORACLE_SGN4, ORACLE_SGN7, ORACLE_SGN6 };

    switch (pgtt_of(w)) {
    case 1:
        return stage1(w, page);
    case 2:
        return stage2(w, w->req->addr, w->req->write, &why, page);
    case 3:
        return both_stages(w, page);
    default:
        *page = (Page) { w->req->addr, 12, true, true };
        return !(w->req->addr & BITS(63, w->u->width)) || fail(w, ORACLE_SGN4);
    }
}

OracleResult oracle_translate(const OracleUnit *u, const OracleRequest *req)
{
    OracleResult r = {};
    Walk w = { .u = u, .req = req, .r = &r };
    Page page;

    if (!find_context(&w) || !check_context(&w) || !find_pasid(&w) ||
        !check_pasid(&w) || !by_type(&w, &page)) {
        return r;
    }
    /* 3.15: no request may end in the interrupt range. */
    if (page.out >> 20 == 0xfee) {
        r.reason = ORACLE_SGN8;
        return r;
    }
    r.out = page.out;
    r.size_lg2 = page.size_lg2;
    r.read = page.read;
    r.write = page.write;
    return r;
}
