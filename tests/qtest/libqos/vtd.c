/*
 * VT-d from a guest's side: registers, tables, invalidation queue, faults
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <poll.h>
#include <sys/pidfd.h>
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "patience.h"
#include "vtd.h"

#define PAGE            4096ULL
#define ADDRESS         0x000ffffffffff000ULL
#define SLOT_BYTES(v)   ((v)->narrow ? 16 : 32)

#define FSTS_ITE                (1u << 6)

#define QUIT_PATIENCE_MS        10000

/* For hardware that is at work: a vIOMMU with nested=on does much in parts. */
#define WORK_POLL_US            500
#define WORK_PATIENCE           100000  /* polls */

#define EDU_SOURCE      0x80
#define EDU_TARGET      0x88
#define EDU_COUNT       0x90
#define EDU_COMMAND     0x98
#define EDU_RUN         1
#define EDU_TO_RAM      2
#define EDU_BUFFER      0x40000
#define EDU_WAIT_US     (QVTD_EDU_DELAY_NS / 1000)
#define EDU_POLL_US     2000
#define EDU_PATIENCE    10000   /* polls */

void qvtd_init(QVTD *v, QTestState *qts, uint64_t start, uint64_t end)
{
    *v = (QVTD) { .qts = qts, .next = start, .end = end };
    v->root = qvtd_alloc(v, 1);
    v->queue = qvtd_alloc(v, 1);
    v->status = qvtd_alloc(v, 1);
}

void qvtd_resume(QVTD *v, QTestState *qts, uint64_t start, uint64_t end)
{
    uint64_t iqa;

    *v = (QVTD) { .qts = qts, .next = start, .end = end };
    iqa = qvtd_readq(v, DMAR_IQA_REG);
    v->root = qvtd_readq(v, DMAR_RTADDR_REG) & ~0xfffULL;
    v->queue = iqa & ~0xfffULL;
    v->queue_order = iqa & 7;
    v->narrow = !(iqa & VTD_IQA_DW_MASK);
    v->tail = qvtd_readq(v, DMAR_IQT_REG) >> (v->narrow ? 4 : 5);
    v->status = qvtd_alloc(v, 1);
}

char *qvtd_unit_props(const char *props)
{
    const char *more = getenv("VTD_TEST_PROPS");

    if (!more || !strstr(props, "ecap-nest=on") || strstr(props, "x-strict")) {
        return g_strdup(props);
    }
    return g_strdup_printf("%s,%s", props, more);
}

bool qvtd_is_strict(void)
{
    const char *more = getenv("VTD_TEST_PROPS");

    return more && strstr(more, "x-strict=on");
}

uint64_t qvtd_process_status(QTestState *qts, const char *field)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status",
                                            (int)qtest_pid(qts));
    g_autofree char *head = g_strdup_printf("\n%s:\t", field);
    g_autofree char *text = NULL;
    const char *line;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    line = strstr(text, head);
    g_assert_nonnull(line);
    return g_ascii_strtoull(line + strlen(head), NULL, 10);
}

void qvtd_quit(QTestState *qts)
{
    pid_t pid = qtest_pid(qts);
    struct pollfd end = { .fd = pidfd_open(pid, 0), .events = POLLIN };

    /* Where it does not end, or cannot be waited for so, libqtest sees to it. */
    if (end.fd >= 0) {
        kill(pid, SIGTERM);
        poll(&end, 1, QUIT_PATIENCE_MS);
        close(end.fd);
    }
    qtest_quit(qts);
}

uint64_t qvtd_alloc(QVTD *v, unsigned pages)
{
    uint64_t addr = v->next;

    v->next += pages * PAGE;
    g_assert_cmphex(v->next, <=, v->end);
    qtest_memset(v->qts, addr, 0, pages * PAGE);
    return addr;
}

uint32_t qvtd_readl(QVTD *v, unsigned offset)
{
    return qtest_readl(v->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + offset);
}

uint64_t qvtd_readq(QVTD *v, unsigned offset)
{
    return qtest_readq(v->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + offset);
}

void qvtd_writel(QVTD *v, unsigned offset, uint32_t val)
{
    qtest_writel(v->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + offset, val);
}

void qvtd_writeq(QVTD *v, unsigned offset, uint64_t val)
{
    qtest_writeq(v->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + offset, val);
}

uint64_t qvtd_edit(QVTD *v, uint64_t slot, uint64_t clear, uint64_t set)
{
    uint64_t old = qtest_readq(v->qts, slot);

    qtest_writeq(v->qts, slot, (old & ~clear) | set);
    return old;
}

/* GCMD_REG: what stays on is what GSTS_REG says, but for the one-shot bits. */
static void qvtd_command(QVTD *v, uint32_t off, uint32_t on)
{
    const uint32_t keep = VTD_GSTS_TES | VTD_GSTS_QIES | VTD_GSTS_IRES;
    uint32_t status = qvtd_readl(v, DMAR_GSTS_REG) & keep;
    unsigned polls = 0;

    qvtd_writel(v, DMAR_GCMD_REG, (status & ~off) | on);
    while ((qvtd_readl(v, DMAR_GSTS_REG) & (on | off)) != on &&
           has_patience(&polls, WORK_PATIENCE)) {
        g_usleep(WORK_POLL_US);
    }
    status = qvtd_readl(v, DMAR_GSTS_REG);
    g_assert_cmphex(status & on, ==, on);
    g_assert_cmphex(status & off, ==, 0);
}

void qvtd_set_root(QVTD *v, uint64_t table, uint64_t flags)
{
    qvtd_writeq(v, DMAR_RTADDR_REG, table | flags);
    qvtd_command(v, 0, VTD_GCMD_SRTP);
}

void qvtd_size_queue(QVTD *v, unsigned order)
{
    v->queue = qvtd_alloc(v, 1 << order);
    v->queue_order = order;
}

void qvtd_enable_queue(QVTD *v)
{
    v->tail = 0;
    qvtd_writeq(v, DMAR_IQA_REG, v->queue | v->queue_order |
                (v->narrow ? 0 : VTD_IQA_DW_MASK));
    qvtd_writeq(v, DMAR_IQT_REG, 0);
    qvtd_command(v, 0, VTD_GCMD_QIE);
}

void qvtd_disable_queue(QVTD *v)
{
    qvtd_command(v, VTD_GCMD_QIE, 0);
}

void qvtd_enable_translation(QVTD *v, bool on)
{
    qvtd_command(v, on ? 0 : VTD_GCMD_TE, on ? VTD_GCMD_TE : 0);
}

/* Tables above the page tables */

uint64_t qvtd_context(QVTD *v, uint16_t sid, unsigned pdts, uint32_t rid_pasid,
                      uint64_t flags)
{
    uint64_t root = QVTD_ROOT_SLOT(v, sid), slot;

    if (!(qtest_readq(v->qts, root) & 1)) {
        qvtd_edit(v, root, ~0ULL, qvtd_alloc(v, 1) | 1);
    }
    slot = (qtest_readq(v->qts, root) & ADDRESS) + (sid & 0x7f) * 32;
    qtest_writeq(v->qts, slot + 8, rid_pasid);
    qtest_writeq(v->qts, slot,
                 qvtd_alloc(v, MAX(1, (128u << pdts) * 8 / PAGE)) |
                 pdts << 9 | flags | 1);
    return slot;
}

uint64_t qvtd_dir_slot(QVTD *v, uint64_t context, uint32_t pasid)
{
    return (qtest_readq(v->qts, context) & ADDRESS) + (pasid >> 6) * 8;
}

uint64_t qvtd_pasid_slot(QVTD *v, uint64_t context, uint32_t pasid)
{
    uint64_t dir = qvtd_dir_slot(v, context, pasid);

    if (!(qtest_readq(v->qts, dir) & 1)) {
        qvtd_edit(v, dir, ~0ULL, qvtd_alloc(v, 1) | 1);
    }
    return (qtest_readq(v->qts, dir) & ADDRESS) + (pasid & 63) * 64;
}

void qvtd_write_pasid(QVTD *v, uint64_t slot, const QVTDPasid *p)
{
    qtest_writeq(v->qts, slot + 8, p->did | p->flags[1]);
    qtest_writeq(v->qts, slot + 16, p->stage1 | p->fspm << 2 | p->flags[2]);
    qtest_writeq(v->qts, slot,
                 p->stage2 | p->pgtt << 6 | p->aw << 2 | p->flags[0] | 1);
}

/* Page tables */

void qvtd_table_init(QVTD *v, QVTDTable *t, unsigned levels, uint64_t shift,
                     uint64_t link)
{
    *t = (QVTDTable) {
        .root = qvtd_alloc(v, 1),
        .levels = levels,
        .shift = shift,
        .link = link,
    };
}

static uint64_t table_index(uint64_t addr, unsigned level)
{
    return (addr >> (12 + 9 * (level - 1))) & 511;
}

uint64_t qvtd_table_slot(QVTD *v, QVTDTable *t, uint64_t addr, unsigned level)
{
    uint64_t table = t->root, slot, entry;
    unsigned at;

    for (at = t->levels; at > level; at--) {
        slot = table + table_index(addr, at) * 8;
        entry = qtest_readq(v->qts, slot);
        if (entry & 3) {
            table = (entry & ADDRESS) - t->shift;
        } else {
            table = qvtd_alloc(v, 1);
            qtest_writeq(v->qts, slot, (table + t->shift) | t->link);
        }
    }
    return table + table_index(addr, level) * 8;
}

uint64_t qvtd_map(QVTD *v, QVTDTable *t, uint64_t addr, uint64_t to,
                  unsigned size_lg2, uint64_t flags)
{
    unsigned level = (size_lg2 - 12) / 9 + 1;
    uint64_t slot = qvtd_table_slot(v, t, addr, level);

    to &= ~((1ULL << size_lg2) - 1);
    qtest_writeq(v->qts, slot, to | flags | (level > 1 ? 1 << 7 : 0));
    return slot;
}

void qvtd_map_tables(QVTD *v, QVTDTable *s2, QVTDTable *s1, uint64_t addr,
                     unsigned leaf_level)
{
    unsigned level;

    for (level = s1->levels; level >= leaf_level; level--) {
        uint64_t table = qvtd_table_slot(v, s1, addr, level) & ADDRESS;

        qvtd_map(v, s2, table + s1->shift, table, 12, QVTD_S2_PAGE);
    }
}

/* Invalidation and faults */

void qvtd_queue_put(QVTD *v, const uint64_t desc[4])
{
    uint64_t raw[4];

    for (int i = 0; i < 4; i++) {
        raw[i] = cpu_to_le64(desc[i]);
    }
    qtest_memwrite(v->qts, v->queue + v->tail * SLOT_BYTES(v), raw,
                   SLOT_BYTES(v));
    v->tail = (v->tail + 1) % ((PAGE << v->queue_order) / SLOT_BYTES(v));
}

void qvtd_queue_submit(QVTD *v)
{
    /* As wide as Linux writes it: what an ioeventfd takes */
    qvtd_writel(v, DMAR_IQT_REG, v->tail * SLOT_BYTES(v));
}

bool qvtd_queue_wait(QVTD *v, uint64_t flags)
{
    uint64_t desc[4] = { 0, v->status };

    v->status_seq++;
    desc[0] = VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW | flags |
              (uint64_t)v->status_seq << VTD_INV_DESC_WAIT_DATA_SHIFT;
    qvtd_queue_put(v, desc);
    qvtd_queue_submit(v);
    qvtd_queue_settle(v);
    return qtest_readl(v->qts, v->status) == v->status_seq;
}

static bool queue_is_settled(QVTD *v)
{
    uint32_t errors = VTD_FSTS_IQE | FSTS_ITE;

    return qvtd_readq(v, DMAR_IQH_REG) == v->tail * SLOT_BYTES(v) ||
           qvtd_readl(v, DMAR_FSTS_REG) & errors ||
           !(qvtd_readl(v, DMAR_GSTS_REG) & VTD_GSTS_QIES);
}

void qvtd_queue_settle(QVTD *v)
{
    unsigned polls = 0;

    while (!queue_is_settled(v) && has_patience(&polls, WORK_PATIENCE)) {
        g_usleep(WORK_POLL_US);
    }
}

bool qvtd_invalidate(QVTD *v, uint64_t lo, uint64_t hi)
{
    const uint64_t desc[4] = { lo, hi };

    qvtd_queue_put(v, desc);
    return qvtd_queue_wait(v, 0);
}

void qvtd_invalidate_all(QVTD *v)
{
    g_assert_true(qvtd_invalidate(v, QVTD_INV_CC_GLOBAL, 0));
    g_assert_true(qvtd_invalidate(v, QVTD_INV_PC_GLOBAL, 0));
    g_assert_true(qvtd_invalidate(v, QVTD_INV_IOTLB_GLOBAL, 0));
}

bool qvtd_take_fault(QVTD *v, QVTDFault *fault)
{
    uint64_t lo = qvtd_readq(v, DMAR_FRCD_REG_0_0);
    uint64_t hi = qvtd_readq(v, DMAR_FRCD_REG_0_2);

    *fault = (QVTDFault) {
        .reason = (hi >> 32) & 0xff,
        .sid = hi & 0xffff,
        .addr = lo & ~0xfffULL,
        .read = hi & VTD_FRCD_T,
        .has_pasid = hi & VTD_FRCD_PP(1),
        .priv = hi & 1ULL << 29,
        .exec = hi & 1ULL << 30,
        .page_request = hi & 1ULL << 28,
        .type = (hi >> 60) & 3,
        .pasid = (hi >> 40) & 0xfffff,
    };
    if (!(hi & VTD_FRCD_F)) {
        return false;
    }
    qvtd_writeq(v, DMAR_FRCD_REG_0_2, VTD_FRCD_F);
    qvtd_writel(v, DMAR_FSTS_REG, VTD_FSTS_PFO);
    g_assert_cmphex(qvtd_readl(v, DMAR_FSTS_REG) & VTD_FSTS_PPF, ==, 0);
    return true;
}

/* DMA */

void qvtd_edu_init(QVTDEdu *edu, QVTD *v, QPCIDevice *dev)
{
    *edu = (QVTDEdu) { .v = v, .dev = dev };
    qpci_device_enable(dev);
    edu->bar = qpci_iomap(dev, 0, NULL);
}

static void edu_start(QVTDEdu *edu, uint64_t source, uint64_t target,
                      unsigned bytes, unsigned command)
{
    g_assert_cmpuint(bytes, <=, PAGE);
    qpci_io_writeq(edu->dev, edu->bar, EDU_SOURCE, source);
    qpci_io_writeq(edu->dev, edu->bar, EDU_TARGET, target);
    qpci_io_writeq(edu->dev, edu->bar, EDU_COUNT, bytes);
    qpci_io_writeq(edu->dev, edu->bar, EDU_COMMAND, command | EDU_RUN);
}

bool qvtd_edu_is_busy(QVTDEdu *edu)
{
    return qpci_io_readq(edu->dev, edu->bar, EDU_COMMAND) & EDU_RUN;
}

void qvtd_edu_finish(QVTDEdu *edu)
{
    unsigned polls = 0;

    /* An emulated edu has the test's clock, a passed-through one its own. */
    qtest_clock_step(edu->v->qts, QVTD_EDU_DELAY_NS + 1);
    if (qvtd_edu_is_busy(edu)) {
        g_usleep(EDU_WAIT_US);
    }
    while (qvtd_edu_is_busy(edu) && has_patience(&polls, EDU_PATIENCE)) {
        g_usleep(EDU_POLL_US);
    }
}

void qvtd_edu_write(QVTDEdu *edu, uint64_t iova, unsigned bytes)
{
    qvtd_edu_start_write(edu, iova, bytes);
    qvtd_edu_finish(edu);
}

void qvtd_edu_read(QVTDEdu *edu, uint64_t iova, unsigned bytes)
{
    qvtd_edu_start_read(edu, iova, bytes);
    qvtd_edu_finish(edu);
}

void qvtd_edu_start_write(QVTDEdu *edu, uint64_t iova, unsigned bytes)
{
    edu_start(edu, EDU_BUFFER, iova, bytes, EDU_TO_RAM);
}

void qvtd_edu_start_read(QVTDEdu *edu, uint64_t iova, unsigned bytes)
{
    edu_start(edu, iova, EDU_BUFFER, bytes, 0);
}
