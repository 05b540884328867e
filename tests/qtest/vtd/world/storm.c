/*
 * A hostile guest: random tables, descriptors and register writes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/number-from.h"
#include "libqos/patience.h"
#include "storm.h"

#define PAGE            4096ULL
#define SLOTS           (PAGE / 8)
#define PRESENT         1ULL

/* The pages, by what they are used for */
#define ROOT_PAGE       0
#define CONTEXT_PAGE    1
#define CONTEXT_PAGES   3
#define DIR_PAGE        4
#define DIR_PAGES       4
#define PASID_PAGE      8
#define PASID_PAGES     8
#define STAGE_PAGE      16      /* both stages: tables of one read as the other */
#define STAGE_PAGES     64
#define QUEUE_PAGE      80
#define QUEUE_PAGES     2
#define STATUS_PAGE     82

#define STAGE_BATCH     128     /* entries of one page table that change */
#define DESCRIPTORS     120
#define REGISTERS       16
#define NARROW_SHIFT    4       /* log2 of a descriptor's bytes */
#define WIDE_SHIFT      5
#define TESTDEV_GROUPS  8
#define IDLE_US         1000    /* between two looks at a queue at work */
#define IDLE_POLLS      60000
#define TESTDEV_COMMANDS    8       /* a round */
#define STOPS           8       /* of the queue that a round makes up for */

/* Random numbers */

static uint64_t rand64(Storm *s)
{
    uint64_t high = g_rand_int(s->rand);

    return high << 32 | g_rand_int(s->rand);
}

static unsigned below(Storm *s, unsigned n)
{
    return g_rand_int_range(s->rand, 0, n);
}

static bool one_in(Storm *s, unsigned n)
{
    return !below(s, n);
}

/* Now and then a bit is wrong, and rarely everything. */
static uint64_t mutate(Storm *s, uint64_t val)
{
    if (one_in(s, 12)) {
        val ^= 1ULL << below(s, 64);
    }
    return one_in(s, 100) ? rand64(s) : val;
}

static uint64_t page_of(Storm *s, unsigned first, unsigned pages)
{
    return s->base + (first + below(s, pages)) * PAGE;
}

/* Where a leaf, a status write or an interrupt may point */
static uint64_t any_target(Storm *s)
{
    static const uint64_t places[] = {
        0, 0xa0000, 0xfec00000, Q35_HOST_BRIDGE_IOMMU_ADDR, 0xfee00000,
        0xfffff000, 0x100000000, 0x7ffffffff000, 0xffffffffff000,
    };

    switch (below(s, 8)) {
    case 0:
        return places[below(s, ARRAY_SIZE(places))];
    case 1:
        return s->ram + (rand64(s) % s->ram & ~(PAGE - 1));
    case 2:
        return s->base + below(s, STORM_PAGES) * PAGE;
    default:
        return rand64(s) % s->ram & ~(PAGE - 1);
    }
}

/* Tables */

static void write_slots(Storm *s, uint64_t addr, uint64_t *slots, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        slots[i] = cpu_to_le64(slots[i]);
    }
    qtest_bufwrite(s->vtd->qts, addr, slots, n * 8);
}

static void write_root(Storm *s)
{
    uint64_t slots[2] = {
        mutate(s, page_of(s, CONTEXT_PAGE, CONTEXT_PAGES) | PRESENT),
        mutate(s, page_of(s, CONTEXT_PAGE, CONTEXT_PAGES) | PRESENT),
    };

    write_slots(s, s->base + ROOT_PAGE * PAGE, slots, 2);
    s->count[STORM_ROOT]++;
}

static void write_context(Storm *s, uint16_t sid, uint64_t flags)
{
    uint64_t pdts = one_in(s, 4) ? below(s, 8) : 0;
    uint64_t rid_pasid = one_in(s, 16) ? below(s, 1 << 20) : below(s, 64);
    uint64_t slots[4] = {
        mutate(s, page_of(s, DIR_PAGE, DIR_PAGES) | pdts << 9 | flags |
               PRESENT),
        mutate(s, rid_pasid),
    };

    write_slots(s, page_of(s, CONTEXT_PAGE, CONTEXT_PAGES) + (sid & 0x7f) * 32,
                slots, 4);
    s->count[STORM_CONTEXT]++;
}

static void write_contexts(Storm *s)
{
    for (unsigned i = 0; i < s->devices; i++) {
        write_context(s, s->sid[i], 0);
    }
    if (s->testdev) {
        write_context(s, s->testdev_sid,
                      QVTD_CONTEXT_DTE | QVTD_CONTEXT_PASIDE |
                      QVTD_CONTEXT_PRE);
    }
}

static void write_directory(Storm *s)
{
    uint64_t slots[8];

    for (unsigned i = 0; i < ARRAY_SIZE(slots); i++) {
        slots[i] = mutate(s, page_of(s, PASID_PAGE, PASID_PAGES) | PRESENT);
    }
    write_slots(s, page_of(s, DIR_PAGE, DIR_PAGES), slots, ARRAY_SIZE(slots));
    s->count[STORM_DIRECTORY] += ARRAY_SIZE(slots);
}

static void fill_pasid(Storm *s, uint64_t slots[8])
{
    static const uint8_t pgtts[] = { 1, 1, 1, 1, 1, 1, 1, 3, 3, 2, 4, 4, 0, 7 };
    uint64_t pgtt = pgtts[below(s, ARRAY_SIZE(pgtts))];
    uint64_t aw = one_in(s, 8) ? below(s, 8) : 2;
    uint64_t fspm = one_in(s, 16) ? below(s, 4) : 0;
    uint64_t flags = one_in(s, 8) ? (rand64(s) & 0x93) : 0;

    memset(slots, 0, 64);
    slots[0] = mutate(s, page_of(s, STAGE_PAGE, STAGE_PAGES) | pgtt << 6 |
                      aw << 2 | (one_in(s, 16) ? 2 : 0) | PRESENT);
    slots[1] = mutate(s, below(s, 6));
    slots[2] = mutate(s, page_of(s, STAGE_PAGE, STAGE_PAGES) | fspm << 2 |
                      flags);
    slots[3] = one_in(s, 32) ? rand64(s) : 0;
}

static void write_pasids(Storm *s)
{
    uint64_t slots[64 * 8];

    for (unsigned i = 0; i < 64; i++) {
        fill_pasid(s, slots + i * 8);
    }
    write_slots(s, page_of(s, PASID_PAGE, PASID_PAGES), slots,
                ARRAY_SIZE(slots));
    s->count[STORM_PASID] += 64;
}

/* First-stage flags are P, R/W, U/S; the second stage reads R, W, X there. */
static void write_stage(Storm *s)
{
    unsigned at = below(s, SLOTS / STAGE_BATCH) * STAGE_BATCH;
    uint64_t slots[STAGE_BATCH];

    for (unsigned i = 0; i < STAGE_BATCH; i++) {
        uint64_t big = one_in(s, 8) ? 1 << 7 : 0;
        uint64_t to = big || one_in(s, 3) ? any_target(s) :
                      page_of(s, STAGE_PAGE, STAGE_PAGES);

        slots[i] = mutate(s, (to & 0xffffffffff000) | big |
                          (one_in(s, 8) ? below(s, 8) : 7));
    }
    write_slots(s, page_of(s, STAGE_PAGE, STAGE_PAGES) + at * 8, slots,
                STAGE_BATCH);
    s->count[STORM_STAGE] += STAGE_BATCH;
}

static void write_tables(Storm *s)
{
    if (one_in(s, 4)) {
        write_root(s);
    }
    write_contexts(s);
    write_directory(s);
    write_pasids(s);
    for (unsigned i = 0; i < s->stage_batches; i++) {
        write_stage(s);
    }
}

/* Registers */

static void write_reg(Storm *s, unsigned offset, unsigned size, uint64_t val)
{
    if (size == 8) {
        qvtd_writeq(s->vtd, offset, val);
    } else {
        qvtd_writel(s->vtd, offset, val);
    }
    s->count[STORM_REGISTER]++;
}

/* GCMD_REG: @off and @on among what GSTS_REG says is on */
static void command(Storm *s, uint32_t off, uint32_t on)
{
    uint32_t keep = VTD_GSTS_TES | VTD_GSTS_QIES | VTD_GSTS_IRES;
    uint32_t status = qvtd_readl(s->vtd, DMAR_GSTS_REG) & keep;

    write_reg(s, DMAR_GCMD_REG, 4, (status & ~off) | on);
}

/*
 * Anything to anywhere; only the queue stays as large as there is room for,
 * so that it can be emptied again.
 */
static void write_random_register(Storm *s)
{
    static const uint16_t known[] = {
        DMAR_GCMD_REG, DMAR_RTADDR_REG, DMAR_CCMD_REG, DMAR_FSTS_REG,
        DMAR_FECTL_REG, DMAR_FEADDR_REG, DMAR_FEDATA_REG, DMAR_PMEN_REG,
        DMAR_IQT_REG, DMAR_ICS_REG, DMAR_IECTL_REG, DMAR_IEADDR_REG,
        DMAR_IEDATA_REG, DMAR_IRTA_REG, DMAR_IVA_REG, DMAR_IOTLB_REG,
        DMAR_FRCD_REG_0_0, DMAR_FRCD_REG_0_2, DMAR_PQH_REG, DMAR_PQT_REG,
        DMAR_PQA_REG, DMAR_PRS_REG, DMAR_PECTL_REG,
    };
    unsigned offset = one_in(s, 3) ? below(s, DMAR_REG_SIZE / 4) * 4
                                   : known[below(s, ARRAY_SIZE(known))];
    unsigned size = offset % 8 || one_in(s, 2) ? 4 : 8;
    uint64_t val = one_in(s, 3) ? any_target(s) : rand64(s);

    if ((offset & ~7) == DMAR_IQA_REG) {
        val = (offset & 4) ? 0 : (s->base + QUEUE_PAGE * PAGE) | below(s, 2);
    }
    write_reg(s, offset, size, val);
}

static void set_root(Storm *s)
{
    uint64_t mode = one_in(s, 12) ? below(s, 4) : 1;

    write_reg(s, DMAR_RTADDR_REG, 8, s->base + ROOT_PAGE * PAGE + (mode << 10));
    command(s, 0, VTD_GCMD_SRTP);
}

/* The invalidation queue */

static uint64_t wait_lo(Storm *s)
{
    return VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
           s->rounds << VTD_INV_DESC_WAIT_DATA_SHIFT;
}

/* Mostly what the descriptor's type has */
static uint64_t granularity(Storm *s, unsigned least, unsigned most)
{
    return (uint64_t)(one_in(s, 400) ? below(s, 4)
                                    : least + below(s, most - least + 1)) << 4;
}

/* To a page request, of which there are some with any of these indices */
static void fill_response(Storm *s, uint64_t desc[4])
{
    uint64_t pasid = one_in(s, 4) ? 0 : QVTD_INV_RESPONSE_PASID(below(s, 64));
    uint64_t index = one_in(s, 2) ? below(s, TESTDEV_GROUPS)
                                  : PASID_TESTDEV_PRGI_CHANNEL +
                                    below(s, TESTDEV_GROUPS);

    desc[0] = QVTD_INV_RESPONSE(s->testdev_sid, below(s, 2)) | pasid;
    desc[1] = QVTD_INV_RESPONSE_HI(index);
    desc[2] = 0;
    desc[3] = 0;
}

static void fill_descriptor(Storm *s, uint64_t desc[4])
{
    static const uint8_t types[] = { 1, 2, 3, 4, 5, 6, 6, 6, 7, 7, 8 };
    uint64_t type = types[below(s, ARRAY_SIZE(types))];
    uint64_t did = below(s, 6);

    if (s->testdev && one_in(s, 8)) {
        fill_response(s, desc);
        return;
    }
    desc[0] = type;
    desc[1] = 0;
    desc[2] = 0;
    desc[3] = 0;
    switch (type) {
    case VTD_INV_DESC_CC:
        desc[0] |= (uint64_t)s->sid[0] << 32;
        /* fallthrough */
    case VTD_INV_DESC_IOTLB:
        desc[0] |= granularity(s, 1, 3) | did << 16;
        break;
    case VTD_INV_DESC_PIOTLB:
        desc[0] |= granularity(s, 2, 3) | did << 16 |
                   (uint64_t)below(s, 64) << 32;
        break;
    case VTD_INV_DESC_PC:
        desc[0] |= granularity(s, 0, 1) | did << 16 |
                   (uint64_t)below(s, 64) << 32;
        break;
    case VTD_INV_DESC_WAIT:
        desc[0] = wait_lo(s) | (one_in(s, 4) ? VTD_INV_DESC_WAIT_IF : 0);
        desc[1] = one_in(s, 4) ? any_target(s) : s->base + STATUS_PAGE * PAGE;
        return;
    }
    if (type == VTD_INV_DESC_IOTLB || type == VTD_INV_DESC_PIOTLB) {
        unsigned am = one_in(s, 200) ? below(s, 64) : below(s, 19);

        desc[1] = any_target(s) | am | (one_in(s, 4) ? 1 << 6 : 0);
    }
    /* Most descriptors with a wrong bit stop the queue. */
    if (one_in(s, 150)) {
        desc[below(s, 4)] ^= 1ULL << below(s, 64);
    }
}

/* With nested=on, what is too much for one go is done later. */
static void wait_idle(Storm *s)
{
    unsigned polls = 0;

    while (qvtd_readq(s->vtd, DMAR_IQH_REG) !=
           qvtd_readq(s->vtd, DMAR_IQT_REG) &&
           !(qvtd_readl(s->vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE) &&
           has_patience(&polls, IDLE_POLLS)) {
        g_usleep(IDLE_US);
    }
}

/*
 * Nothing but waits of 2^@shift bytes, and a tail that has the queue run: once
 * around, or one descriptor on.  Both are within any size.
 */
static void run_waits(Storm *s, unsigned shift)
{
    uint64_t queue = s->base + QUEUE_PAGE * PAGE;
    uint64_t waits[QUEUE_PAGES * SLOTS] = {};
    unsigned head, tail;

    for (unsigned i = 0; i < ARRAY_SIZE(waits); i += (1 << shift) / 8) {
        waits[i] = wait_lo(s);
        waits[i + 1] = s->base + STATUS_PAGE * PAGE;
    }
    write_slots(s, queue, waits, ARRAY_SIZE(waits));
    write_reg(s, DMAR_IQA_REG, 8, queue | 1 |
              (shift == WIDE_SHIFT ? VTD_IQA_DW_MASK : 0));
    head = qvtd_readq(s->vtd, DMAR_IQH_REG) >> shift;
    tail = head ? 0 : 1 << shift;
    write_reg(s, DMAR_IQT_REG, 8, tail);
    /* This alone lets a queue that stopped run, from whatever tail it has. */
    write_reg(s, DMAR_FSTS_REG, 4, UINT32_MAX);
    wait_idle(s);
    write_reg(s, DMAR_IQT_REG, 8, tail);
    wait_idle(s);
    command(s, VTD_GCMD_QIE, 0);
}

/*
 * A queue that stopped, or that is somewhere else by now, can be emptied from
 * wherever its head is.  Which width its descriptors have, the register tells no
 * more if it was written since.
 */
static void drain_queue(Storm *s)
{
    static const unsigned shifts[] = { NARROW_SHIFT, WIDE_SHIFT };

    for (int i = 0; i < ARRAY_SIZE(shifts); i++) {
        if (!(qvtd_readl(s->vtd, DMAR_GSTS_REG) & VTD_GSTS_QIES)) {
            return;
        }
        run_waits(s, shifts[i]);
    }
    g_assert_cmphex(qvtd_readl(s->vtd, DMAR_GSTS_REG) & VTD_GSTS_QIES, ==, 0);
}

/*
 * Puts a wait where a descriptor stopped the queue, some times.
 *
 * Return: how many descriptors were looked at.
 */
static unsigned run_to(Storm *s, uint64_t tail, unsigned shift)
{
    unsigned stops = 0, head;

    for (;;) {
        uint64_t slots[4] = { wait_lo(s), s->base + STATUS_PAGE * PAGE };

        write_reg(s, DMAR_IQT_REG, 8, tail << shift);
        wait_idle(s);
        if (!(qvtd_readl(s->vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE)) {
            return tail;
        }
        s->queue_errors++;
        head = qvtd_readq(s->vtd, DMAR_IQH_REG) >> shift;
        if (++stops == STOPS || head >= tail) {
            return MIN(head + 1, tail);
        }
        write_slots(s, s->base + QUEUE_PAGE * PAGE + (head << shift), slots,
                    (1 << shift) / 8);
        write_reg(s, DMAR_FSTS_REG, 4, VTD_FSTS_IQE);
    }
}

static void run_queue(Storm *s)
{
    uint64_t queue = s->base + QUEUE_PAGE * PAGE;
    uint64_t slots[DESCRIPTORS * 4];
    bool wide = !one_in(s, 8);
    unsigned per = wide ? 4 : 2;

    for (unsigned i = 0; i < DESCRIPTORS; i++) {
        uint64_t desc[4];

        fill_descriptor(s, desc);
        memcpy(slots + i * per, desc, per * 8);
    }
    write_reg(s, DMAR_IQA_REG, 8, queue | (wide ? VTD_IQA_DW_MASK : 0));
    write_reg(s, DMAR_IQT_REG, 8, 0);
    command(s, 0, VTD_GCMD_QIE);
    write_slots(s, queue, slots, DESCRIPTORS * per);
    s->count[STORM_DESCRIPTOR] += run_to(s, DESCRIPTORS, wide ? 5 : 4);
}

/* DMA, which goes on while the tables change */

static void start_dma(Storm *s, QVTDEdu *edu)
{
    /* Drawn in any case: what is random must not depend on the time. */
    uint64_t iova = one_in(s, 4) ? rand64(s) % s->ram
                                 : rand64(s) & ((1ULL << 48) - 1);
    uint64_t count = below(s, PAGE) + 1;
    bool to_ram = one_in(s, 2);

    if (qvtd_edu_is_busy(edu)) {
        return;
    }
    if (to_ram) {
        qvtd_edu_start_write(edu, iova, count);
    } else {
        qvtd_edu_start_read(edu, iova, count);
    }
    s->count[STORM_DMA]++;
}

static void start_testdev(Storm *s)
{
    static const uint32_t ops[] = {
        PASID_TESTDEV_WRITE, PASID_TESTDEV_READ, PASID_TESTDEV_PAGE_REQUEST,
        PASID_TESTDEV_TRANSLATE,
    };
    const uint32_t flags = PASID_TESTDEV_WITH_PASID | PASID_TESTDEV_ATS |
                           PASID_TESTDEV_PRI | PASID_TESTDEV_PRIVILEGED |
                           PASID_TESTDEV_WANT_READ | PASID_TESTDEV_WANT_WRITE;
    QTestdevCommand c = {
        .channel = below(s, TESTDEV_GROUPS),
        /* A group that has no last request would get no response. */
        .op = ops[below(s, ARRAY_SIZE(ops))] | (rand64(s) & flags) |
              PASID_TESTDEV_LAST,
        .pasid = one_in(s, 8) ? below(s, 1 << 20) : below(s, 64),
        .iova = rand64(s) & ((1ULL << 48) - 1),
        .length = below(s, 2 * PAGE) + 1,
        .prgi = below(s, TESTDEV_GROUPS),
    };

    qtestdev_start(s->testdev, &c);
    s->count[STORM_DMA]++;
}

/* The whole */

uint64_t storm_wanted(uint64_t ops)
{
    return number_from("VTD_STORM_OPS", ops);
}

void storm_init(Storm *s, QVTD *vtd, uint64_t base, uint64_t ram)
{
    *s = (Storm) {
        .vtd = vtd, .base = base, .ram = ram, .stage_batches = 1,
    };
    s->seed = number_from("VTD_STORM_SEED", 1);
    s->rand = g_rand_new_with_seed(s->seed);
    qtest_memset(vtd->qts, base, 0, STORM_BYTES);
    g_test_message("seed %u (VTD_STORM_SEED)", s->seed);
    /* Each page table has something in it before the first round. */
    for (unsigned i = 0; i < 2 * STAGE_PAGES; i++) {
        write_stage(s);
    }
}

void storm_add_device(Storm *s, QVTDEdu *edu, uint16_t sid)
{
    g_assert_cmpuint(s->devices, <, STORM_DEVICES);
    s->edu[s->devices] = edu;
    s->sid[s->devices++] = sid;
}

void storm_add_testdev(Storm *s, QTestdev *testdev, uint16_t sid)
{
    s->testdev = testdev;
    s->testdev_sid = sid;
}

uint64_t storm_ops(const Storm *s)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < STORM_OP__MAX; i++) {
        sum += s->count[i];
    }
    return sum;
}

static void storm_round(Storm *s)
{
    s->rounds++;
    write_tables(s);
    set_root(s);
    if (one_in(s, 8)) {
        command(s, VTD_GCMD_TE, 0);
    } else {
        command(s, 0, VTD_GCMD_TE);
    }
    run_queue(s);
    for (unsigned i = 0; i < s->devices; i++) {
        start_dma(s, s->edu[i]);
    }
    for (unsigned i = 0; s->testdev && i < TESTDEV_COMMANDS; i++) {
        start_testdev(s);
    }
    qtest_clock_step(s->vtd->qts, QVTD_EDU_DELAY_NS + 1);
    for (unsigned i = below(s, REGISTERS); i; i--) {
        write_random_register(s);
    }
    drain_queue(s);
}

void storm_run(Storm *s, uint64_t ops)
{
    uint64_t end = storm_ops(s) + ops;

    while (storm_ops(s) < end && !g_test_failed()) {
        storm_round(s);
    }
}

void storm_end(Storm *s)
{
    static const char *const names[] = {
        [STORM_ROOT] = "root", [STORM_CONTEXT] = "context",
        [STORM_DIRECTORY] = "directory", [STORM_PASID] = "PASID",
        [STORM_STAGE] = "page-table", [STORM_DESCRIPTOR] = "descriptor",
        [STORM_REGISTER] = "register", [STORM_DMA] = "DMA",
    };
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < s->devices; i++) {
        qvtd_edu_finish(s->edu[i]);
    }
    drain_queue(s);
    command(s, UINT32_MAX, 0);
    write_reg(s, DMAR_PMEN_REG, 4, 0);
    write_reg(s, DMAR_FRCD_REG_0_2, 8, VTD_FRCD_F);
    write_reg(s, DMAR_FSTS_REG, 4, UINT32_MAX);

    for (unsigned i = 0; i < STORM_OP__MAX; i++) {
        g_string_append_printf(text, ", %" PRIu64 " %s", s->count[i], names[i]);
    }
    g_test_message("%" PRIu64 " operations in %" PRIu64 " rounds%s; "
                   "the queue stopped %" PRIu64 " times", storm_ops(s),
                   s->rounds, text->str, s->queue_errors);
    g_rand_free(s->rand);
}
