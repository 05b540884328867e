/*
 * intel-iommu,nested=on: what a guest does, and a host that fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-steps.h"

#define PC_RESERVED     (0x7 | 2 << 4)  /* of a granularity that is none */
#define PASID_FPD       (1 << 1)        /* in quadword 0 */
#define PASID_SRE       (1 << 0)        /* in quadword 2 */
#define PASID_WPE       (1 << 4)
#define PASID_EAFE      (1 << 7)
#define CONTEXT_FPD_BIT (1 << 1)
#define CONTEXT_RSVD    (1 << 5)
#define DIR_FPD         (1 << 1)
#define DIR_RSVD        (1 << 2)

void nested_inv(NestedTest *t, uint64_t lo, uint64_t hi)
{
    g_assert_true(qvtd_invalidate(t->vtd, lo, hi));
}

/* PASID entries; SET_NONE is one that is not present */
static const struct {
    unsigned pgtt;
    unsigned table;
    uint16_t did;
    unsigned fspm;
    uint64_t flags0;
    uint64_t flags2;
} entries[] = {
    [SET_A] = { PGTT_STAGE1, TABLE_A, DID },
    [SET_A_DID2] = { PGTT_STAGE1, TABLE_A, DID2 },
    [SET_B] = { PGTT_STAGE1, TABLE_B, DID },
    [SET_PASS] = { PGTT_PASS, TABLE_NONE, DID },
    [SET_STAGE2] = { PGTT_STAGE2, TABLE_A, DID },
    [SET_NESTED] = { PGTT_NESTED, TABLE_A, DID },
    [SET_FIVE_LEVEL] = { PGTT_STAGE1, TABLE_A, DID, 1 },
    [SET_NO_TYPE] = { 0, TABLE_A, DID },
    [SET_STAGE2_FPD] = { PGTT_STAGE2, TABLE_A, DID, 0, PASID_FPD },
    [SET_EAFE] = { PGTT_STAGE1, TABLE_A, DID, .flags2 = PASID_EAFE },
    [SET_SRE] = { PGTT_STAGE1, TABLE_A, DID, .flags2 = PASID_SRE },
    [SET_WPE] = { PGTT_STAGE1, TABLE_A, DID, .flags2 = PASID_SRE | PASID_WPE },
    [SET_A_FPD] = { PGTT_STAGE1, TABLE_A, DID, .flags0 = PASID_FPD },
    [SET_WIDE] = { PGTT_STAGE1, TABLE_5_LEVELS, DID, 1 },
    [SET_NONE] = { .did = DID },
};

static void set_entry(NestedTest *t, Op op)
{
    uint64_t table = t->tables[entries[op].table].root;
    QVTDPasid pasid = {
        .pgtt = entries[op].pgtt,
        .did = entries[op].did,
        .stage1 = table,
        .stage2 = table,
        .aw = 2,
        .fspm = entries[op].fspm,
        .flags = { entries[op].flags0, 0, entries[op].flags2 },
    };

    if (op == SET_NONE) {
        qvtd_edit(t->vtd, t->entry, ~0ULL, 0);
    } else {
        qvtd_write_pasid(t->vtd, t->entry, &pasid);
    }
    nested_inv(t, QVTD_INV_PC_PASID(entries[op].did, 0), 0);
}

/* Recovers as a driver does: a sound descriptor in its place, clear IQE. */
static void submit_bad(NestedTest *t)
{
    QVTD *v = t->vtd;
    uint64_t slot = v->queue + v->tail * 32;

    g_assert_false(qvtd_invalidate(v, PC_RESERVED, 0));
    g_assert_cmphex(qvtd_readl(v, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    g_assert_cmphex(qvtd_readq(v, DMAR_IQH_REG), ==, slot - v->queue);
    qvtd_edit(v, slot, ~0ULL, QVTD_INV_PC_GLOBAL);
    qvtd_writel(v, DMAR_FSTS_REG, VTD_FSTS_IQE);
    nested_inv(t, QVTD_INV_PC_GLOBAL, 0);
}

/* Descriptors, two quadwords each */
static const uint64_t invalidations[][2] = {
    [INV_OTHER_PAGE] = { QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC + 16 * PAGE },
    [INV_OTHER_DID] = { QVTD_INV_PIOTLB_PAGE(DID2, 0), IOVA_SRC },
    [INV_PAGE] = { QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC },
    [INV_RANGE] = { QVTD_INV_PIOTLB_PAGE(DID, 0),
                    QVTD_INV_ADDR(IOVA_SRC & ~(2 * MIB - 1), 9, 0) },
    [INV_PASID] = { QVTD_INV_PIOTLB_ALL(DID, 0) },
    [INV_PASID5] = { QVTD_INV_PIOTLB_ALL(DID, 5) },
    [INV_DOMAIN] = { QVTD_INV_IOTLB_DOMAIN(DID) },
    [INV_GLOBAL] = { QVTD_INV_IOTLB_GLOBAL },
    [INV_IOTLB_PAGE] = { QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC },
    [PC_GLOBAL] = { QVTD_INV_PC_GLOBAL },
    [CC_GLOBAL] = { QVTD_INV_CC_GLOBAL },
};

static void change_context(NestedTest *t, Op op)
{
    uint64_t val[2] = { t->context_val[0], t->context_val[1] };

    switch (op) {
    case CONTEXT_CLEAR:
        val[0] = 0;
        break;
    case CONTEXT_RESERVED:
        val[0] |= CONTEXT_RSVD;
        break;
    case CONTEXT_RID_PASID:
        /* PDTS 0: 128 directory entries of 64 PASIDs */
        val[1] |= 128 * 64;
        break;
    case CONTEXT_DTE:
        val[0] |= QVTD_CONTEXT_DTE;
        break;
    case CONTEXT_PASIDE:
        val[0] |= QVTD_CONTEXT_PASIDE;
        break;
    case CONTEXT_FPD:
        val[0] |= CONTEXT_FPD_BIT;
        break;
    default:
        break;
    }
    qvtd_edit(t->vtd, t->context + 8, ~0ULL, val[1]);
    qvtd_edit(t->vtd, t->context, ~0ULL, val[0]);
    nested_inv(t, QVTD_INV_CC_DEVICE(t->bus << 8 | t->devfn), 0);
}

static void change_directory(NestedTest *t, Op op)
{
    uint64_t set = op == DIRECTORY_RESERVED ? DIR_RSVD :
                   op == DIRECTORY_FPD ? DIR_FPD : 0;

    qvtd_edit(t->vtd, qvtd_dir_slot(t->vtd, t->context, 0),
              op == DIRECTORY_CLEAR ? ~0ULL : 0, set);
    nested_inv(t, QVTD_INV_PC_GLOBAL, 0);
}

/* The device's context entry with a directory that is new */
static void new_context(NestedTest *t, unsigned pdts, uint32_t rid_pasid,
                        unsigned table)
{
    const QVTDPasid pasid = {
        .pgtt = PGTT_STAGE1,
        .did = DID,
        .stage1 = t->tables[table].root,
    };

    t->context = qvtd_context(t->vtd, t->bus << 8 | t->devfn, pdts, rid_pasid,
                              0);
    t->entry = qvtd_pasid_slot(t->vtd, t->context, rid_pasid);
    qvtd_write_pasid(t->vtd, t->entry, &pasid);
}

static void change_root(NestedTest *t, Op op)
{
    QVTD *v = t->vtd;
    uint64_t other;

    switch (op) {
    case ROOT_OTHER:
        v->root = qvtd_alloc(v, 1);
        new_context(t, 0, 0, TABLE_B);
        qvtd_set_root(v, v->root, ROOT_SCALABLE);
        break;
    case RTADDR_OTHER:
        other = qvtd_alloc(v, 1);
        qvtd_writeq(v, DMAR_RTADDR_REG, other | ROOT_SCALABLE << 1);
        nested_inv(t, QVTD_INV_CC_GLOBAL, 0);
        break;
    case TTM_RESERVED:
        qvtd_set_root(v, v->root, ROOT_SCALABLE << 1);
        break;
    case TTM_ABORT:
        qvtd_set_root(v, v->root, ROOT_SCALABLE * 3);
        break;
    case LEGACY:
        qvtd_set_root(v, v->root, 0);
        break;
    default:
        qvtd_set_root(v, v->root, ROOT_SCALABLE);
    }
}

/* For the iommufd object's x-inject: ioctl, errno, how often */
static const char *const failures[] = {
    [FAIL_INVALIDATE_1] = "iommu-hwpt-invalidate 5 1",
    [FAIL_INVALIDATE_2] = "iommu-hwpt-invalidate 5 2",
    [FAIL_INVALIDATE_3] = "iommu-hwpt-invalidate 5 3",
    [FAIL_ALLOC] = "iommu-hwpt-alloc 12 1",
    [FAIL_ALLOC_2] = "iommu-hwpt-alloc 12 2",
    [FAIL_ATTACH] = "vfio-device-attach-iommufd-pt 16 1",
};

void nested_step(NestedTest *t, Op op)
{
    QVTD *v = t->vtd;

    switch (op) {
    case START:
        break;
    case TE_ON:
    case TE_OFF:
        qvtd_enable_translation(v, op == TE_ON);
        break;
    case SRTP ... RTADDR_OTHER:
        change_root(t, op);
        break;
    case WRITE_B:
        qtest_writeq(t->qts, t->entry + 16, t->tables[TABLE_B].root);
        break;
    case WRITE_A_DID2:
        qtest_writeq(t->qts, t->entry + 8, DID2);
        break;
    case CONTEXT_CLEAR ... CONTEXT_SET:
        change_context(t, op);
        break;
    case CONTEXT_OTHER:
        new_context(t, 0, 0, TABLE_B);
        nested_inv(t, QVTD_INV_CC_DEVICE(t->bus << 8 | t->devfn), 0);
        break;
    case CONTEXT_RID5:
        new_context(t, 0, 5, TABLE_A);
        nested_inv(t, QVTD_INV_CC_DEVICE(t->bus << 8 | t->devfn), 0);
        break;
    case CONTEXT_HIGH:
        new_context(t, 7, 0xfffff, TABLE_B);
        nested_inv(t, QVTD_INV_CC_DEVICE(t->bus << 8 | t->devfn), 0);
        break;
    case DIRECTORY_CLEAR ... DIRECTORY_FPD:
        change_directory(t, op);
        break;
    case REMAP_A:
    case REMAP_B:
        nested_map_src(t, op == REMAP_A ? PAGE_A : PAGE_B);
        break;
    case PC_BAD:
        submit_bad(t);
        break;
    case SYSTEM_RESET:
        nested_reboot(t);
        break;
    case FAIL_INVALIDATE_1 ... FAIL_ATTACH:
        nested_inject(t, failures[op]);
        break;
    case SET_A ... SET_NONE:
        set_entry(t, op);
        break;
    default:
        nested_inv(t, invalidations[op][0], invalidations[op][1]);
    }
}

void nested_run_steps(NestedTest *t, const Case *c)
{
    for (const Step *s = c->steps; s->op != END && !g_test_failed(); s++) {
        g_test_message("step %d: op %d", (int)(s - c->steps), s->op);
        nested_step(t, s->op);
        nested_check_host(t, s->pgtt, t->tables[s->table].root);
        nested_check_fault(t, s->fault);
        if (s->dma != SKIP) {
            nested_check_dma(t, s->dma);
        }
    }
}

static void run_case(gconstpointer data)
{
    nested_run_steps(nested_shared_boot(), data);
    nested_shared_done(false);
}

/* Is there a step that only DMA can tell: the host's entry stays as it is? */
static bool needs_dma(const Case *c)
{
    const Step *seen = NULL;

    for (const Step *s = c->steps; s->op != END; s++) {
        if (s->dma == SKIP) {
            continue;
        }
        if (seen && seen->pgtt == s->pgtt && seen->table == s->table &&
            seen->dma != s->dma) {
            return true;
        }
        seen = s;
    }
    return false;
}

void nested_add_cases(const Case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *path = g_strdup_printf("/intel-iommu/nested/%s",
                                                cases[i].name);
        if (needs_dma(&cases[i])) {
            nested_add_data_func(path, &cases[i], run_case);
        } else {
            qtest_add_data_func(path, &cases[i], run_case);
        }
    }
}

/* Any page of the guest */

#define IOVA_MARK       (IOVA_SRC + 2 * PAGE)   /* page B */

static bool is_filled(const uint8_t *page, uint8_t fill)
{
    return page[0] == fill && !memcmp(page, page + 1, PAGE - 1);
}

bool nested_is_at_src(NestedTest *t, uint64_t gpa)
{
    uint8_t guest[PAGE], device[PAGE];
    bool reads, writes;

    qtest_memset(t->qts, PAGE_B, 'X', PAGE);
    qtest_memset(t->qts, PAGE_DST, 'Z', PAGE);
    qtest_memset(t->qts, gpa, 'M', PAGE);
    qtest_bufread(t->qts, gpa, guest, PAGE);
    qvtd_edu_read(&t->edu, IOVA_MARK, PAGE);
    qvtd_edu_read(&t->edu, IOVA_SRC, PAGE);
    qvtd_edu_write(&t->edu, IOVA_DST, PAGE);
    qtest_bufread(t->qts, PAGE_DST, device, PAGE);
    /* The device itself works. */
    g_assert_false(is_filled(device, 'Z'));
    /* A read that is blocked leaves the mark, or zeros. */
    reads = !is_filled(device, 'X') && !is_filled(device, 0) &&
            !memcmp(device, guest, PAGE);

    qvtd_edu_read(&t->edu, IOVA_MARK, PAGE);
    qvtd_edu_write(&t->edu, IOVA_SRC, PAGE);
    qtest_bufread(t->qts, gpa, guest, PAGE);
    writes = is_filled(guest, 'X');

    g_assert_cmpint(reads, ==, writes);
    return reads;
}

void nested_map_mark(NestedTest *t)
{
    qvtd_map(t->vtd, &t->tables[TABLE_A], IOVA_MARK, PAGE_B, 12, QVTD_S1_PAGE);
}

bool nested_reaches(NestedTest *t, uint64_t gpa)
{
    qvtd_map(t->vtd, &t->tables[TABLE_A], IOVA_SRC, gpa, 12, QVTD_S1_PAGE);
    nested_step(t, INV_PAGE);
    return nested_is_at_src(t, gpa);
}
