/*
 * intel-iommu,nested=on: what the guest's tables make of the host's
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs a host with a VT-d unit that nests, and an edu device bound to
 * vfio-pci there: VTD_TEST_BDF names it, VTD_TEST_BDF2 another one.  In the
 * host VM both are emulated.  After each step of a case, the host's PASID entry
 * is read from debugfs, and the device is made to copy a page: what arrives
 * where tells how its requests were translated.
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "libqos/pci-pc.h"
#include "libqos/vtd.h"
#include "libqos/vtd-host.h"

#define MIB             (1024 * 1024ULL)
#define PAGE            4096

/* Guest memory; the IOVAs are guest-physical addresses of RAM as well. */
#define IOVA_SRC        (64 * MIB)
#define IOVA_DST        (IOVA_SRC + PAGE)
#define PAGE_A          (80 * MIB)
#define PAGE_B          (PAGE_A + PAGE)
#define PAGE_DST        (PAGE_A + 2 * PAGE)
#define TABLES          (96 * MIB)
#define TABLES_END      (112 * MIB)

#define PC_RESERVED     (0x7 | 2 << 4)  /* of a granularity that is none */
#define PASID_FPD       (1 << 1)        /* in quadword 0 */
#define PASID_EAFE      (1 << 7)        /* in quadword 2 */
#define CONTEXT_RSVD    (1 << 5)
#define ROOT_SCALABLE   (1 << 10)       /* RTADDR_REG.TTM */

#define SLOT            4
#define SLOT2           5
#define DID             7
#define DID2            8

/* PASID-granular translation types */
enum {
    PGTT_STAGE1 = 1,
    PGTT_STAGE2 = 2,
    PGTT_NESTED = 3,
    PGTT_PASS = 4,
};

typedef enum Op {
    END,
    START,              /* boot: the host's stage 2 alone */
    TE_ON,
    TE_OFF,
    SRTP,               /* set the root pointer again */
    LEGACY,             /* ... to a table of legacy mode */
    SET_A,              /* PASID entry: first stage, table A; and invalidate */
    SET_A_DID2,         /* the same table in another domain */
    SET_B,              /* first stage, table B */
    SET_PASS,
    SET_STAGE2,
    SET_NESTED,
    SET_FIVE_LEVEL,     /* which the vIOMMU does not offer */
    SET_NO_TYPE,        /* PGTT 0 */
    SET_STAGE2_FPD,     /* with Fault Processing Disable */
    SET_EAFE,           /* extended accessed flags, which the host has not */
    SET_NONE,
    WRITE_B,            /* PASID entry to table B, without invalidation */
    CONTEXT_CLEAR,
    CONTEXT_RESERVED,   /* a bit that must be 0 */
    CONTEXT_RID_PASID,  /* beyond the PASID directory */
    CONTEXT_SET,        /* as it was before */
    DIRECTORY_CLEAR,    /* the directory's entry not present */
    REMAP_B,            /* table A: the IOVA now leads to page B */
    INV_OTHER_PAGE,
    INV_OTHER_DID,
    INV_PAGE,
    INV_RANGE,          /* 2^9 pages around it */
    INV_PASID,
    INV_DOMAIN,
    INV_GLOBAL,
    INV_IOTLB_PAGE,
    PC_GLOBAL,
    CC_GLOBAL,
    PC_BAD,             /* a PASID-cache descriptor of reserved granularity */
    SYSTEM_RESET,
    FAIL_INVALIDATE_1,  /* the next one, two, three IOMMU_HWPT_INVALIDATE */
    FAIL_INVALIDATE_2,
    FAIL_INVALIDATE_3,
    FAIL_ALLOC,         /* the next IOMMU_HWPT_ALLOC */
    FAIL_ATTACH,        /* the next VFIO_DEVICE_ATTACH_IOMMUFD_PT */
} Op;

/* Where the device's read of IOVA_SRC ended up */
typedef enum Dma {
    BLOCKED,
    TO_A,
    TO_B,
    IDENTITY,           /* at the guest-physical address IOVA_SRC */
    SKIP,
} Dma;

enum { TABLE_NONE, TABLE_A, TABLE_B };

typedef struct Step {
    Op op;
    unsigned pgtt;      /* of the host's entry, 0: not present */
    unsigned table;     /* in the host's entry */
    Dma dma;
    unsigned fault;     /* reason in the guest's fault record, 0: none */
} Step;

typedef struct Case {
    const char *name;
    Step steps[12];
} Case;

#define HOST_STAGE2     PGTT_STAGE2, TABLE_NONE
#define HOST_NESTED_A   PGTT_NESTED, TABLE_A
#define HOST_NESTED_B   PGTT_NESTED, TABLE_B
#define HOST_NOTHING    0, TABLE_NONE

#define BOOT            { START, HOST_STAGE2, IDENTITY }
#define ATTACH_A        BOOT, { SET_A, HOST_STAGE2, SKIP }, \
                        { TE_ON, HOST_NESTED_A, TO_A }

static const Case cases[] = {
    { "realize", { BOOT } },
    { "attach/translation-on", { ATTACH_A } },
    { "attach/pasid-cache", {
        BOOT, { TE_ON, HOST_NOTHING, BLOCKED },
        { SET_A, HOST_NESTED_A, TO_A } } },
    { "attach/pasid-cache-global", {
        ATTACH_A, { WRITE_B, HOST_NESTED_A, SKIP },
        { PC_GLOBAL, HOST_NESTED_B, TO_B } } },
    { "attach/root-pointer", {
        ATTACH_A, { WRITE_B, HOST_NESTED_A, SKIP },
        { SRTP, HOST_NESTED_B, TO_B } } },
    { "replace/table", { ATTACH_A, { SET_B, HOST_NESTED_B, TO_B },
                         { SET_A, HOST_NESTED_A, TO_A } } },
    { "replace/domain", { ATTACH_A, { SET_A_DID2, HOST_NESTED_A, TO_A },
                          { REMAP_B, HOST_NESTED_A, TO_A },
                          { INV_PASID, HOST_NESTED_A, TO_A },
                          { INV_OTHER_DID, HOST_NESTED_A, TO_B } } },
    { "replace/pass-through", {
        ATTACH_A, { SET_PASS, HOST_STAGE2, IDENTITY },
        { SET_A, HOST_NESTED_A, TO_A } } },
    { "detach/entry", { ATTACH_A, { SET_NONE, HOST_NOTHING, BLOCKED },
                        { SET_B, HOST_NESTED_B, TO_B } } },
    { "detach/context", { ATTACH_A, { CONTEXT_CLEAR, HOST_NOTHING, BLOCKED },
                          { CONTEXT_SET, HOST_NESTED_A, TO_A } } },
    { "detach/translation-off", { ATTACH_A, { TE_OFF, HOST_STAGE2, IDENTITY },
                                  { TE_ON, HOST_NESTED_A, TO_A } } },
    { "detach/reset", { ATTACH_A, { SYSTEM_RESET, HOST_STAGE2, SKIP } } },
    { "blocked/second-stage", {
        ATTACH_A, { SET_STAGE2, HOST_NOTHING, BLOCKED, 0x5b },
        { SET_A, HOST_NESTED_A, TO_A } } },
    { "blocked/nested", {
        ATTACH_A, { SET_NESTED, HOST_NOTHING, BLOCKED, 0x5b } } },
    { "blocked/five-level", {
        ATTACH_A, { SET_FIVE_LEVEL, HOST_NOTHING, BLOCKED, 0x5b } } },
    { "blocked/no-type", {
        ATTACH_A, { SET_NO_TYPE, HOST_NOTHING, BLOCKED, 0x5b } } },
    { "blocked/fault-processing-disabled", {
        ATTACH_A, { SET_STAGE2_FPD, HOST_NOTHING, BLOCKED } } },
    /* One fault when the device is blocked, not one an invalidation */
    { "blocked/fault-once", {
        ATTACH_A, { SET_STAGE2, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NOTHING, SKIP },
        { SET_A, HOST_NESTED_A, SKIP },
        { SET_STAGE2, HOST_NOTHING, BLOCKED, 0x5b } } },
    { "blocked/legacy-mode", {
        ATTACH_A, { LEGACY, HOST_NOTHING, BLOCKED, 0x03 },
        { SRTP, HOST_NESTED_A, TO_A } } },
    { "blocked/context-reserved", {
        ATTACH_A, { CONTEXT_RESERVED, HOST_NOTHING, BLOCKED, 0x42 },
        { CONTEXT_SET, HOST_NESTED_A, TO_A } } },
    { "blocked/rid-pasid", {
        ATTACH_A, { CONTEXT_RID_PASID, HOST_NOTHING, BLOCKED, 0x48 },
        { CONTEXT_SET, HOST_NESTED_A, TO_A } } },
    /* What the host's kernel does not take blocks the device, too. */
    { "refused/attach", {
        ATTACH_A, { SET_EAFE, HOST_NOTHING, BLOCKED, 0x5b },
        { SET_B, HOST_NESTED_B, TO_B } } },
    { "refused/first-attach", {
        BOOT, { SET_EAFE, HOST_STAGE2, IDENTITY },
        { TE_ON, HOST_NOTHING, BLOCKED, 0x5b },
        { TE_OFF, HOST_STAGE2, IDENTITY } } },
    /* An invalidation that fails is made up for, or the device is blocked. */
    { "failure/invalidate-once", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_INVALIDATE_1, HOST_NESTED_A, SKIP },
        { INV_PAGE, HOST_NESTED_A, TO_B } } },
    { "failure/invalidate-twice", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_INVALIDATE_2, HOST_NESTED_A, SKIP },
        { INV_PAGE, HOST_NESTED_A, TO_B } } },
    { "failure/invalidate", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_INVALIDATE_3, HOST_NESTED_A, SKIP },
        { INV_PAGE, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_A, TO_B } } },
    { "failure/alloc", {
        ATTACH_A, { FAIL_ALLOC, HOST_NESTED_A, SKIP },
        { SET_B, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_B, TO_B } } },
    { "failure/attach", {
        ATTACH_A, { FAIL_ATTACH, HOST_NESTED_A, SKIP },
        { SET_B, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_B, TO_B } } },
    { "failure/attach-stage2", {
        ATTACH_A, { FAIL_ATTACH, HOST_NESTED_A, SKIP },
        { SET_PASS, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_STAGE2, IDENTITY } } },
    { "detach/directory", {
        ATTACH_A, { DIRECTORY_CLEAR, HOST_NOTHING, BLOCKED } } },
    { "replace/context-global", {
        ATTACH_A, { WRITE_B, HOST_NESTED_A, SKIP },
        { CC_GLOBAL, HOST_NESTED_B, TO_B } } },
    /* The host caches: a changed entry acts when it is invalidated. */
    { "invalidate/page", { ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
                           { INV_OTHER_PAGE, HOST_NESTED_A, TO_A },
                           { INV_OTHER_DID, HOST_NESTED_A, TO_A },
                           { INV_PAGE, HOST_NESTED_A, TO_B } } },
    { "invalidate/range", { ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
                            { INV_RANGE, HOST_NESTED_A, TO_B } } },
    { "invalidate/pasid", { ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
                            { INV_PASID, HOST_NESTED_A, TO_B } } },
    { "invalidate/domain", { ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
                             { INV_DOMAIN, HOST_NESTED_A, TO_B } } },
    { "invalidate/global", { ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
                             { INV_GLOBAL, HOST_NESTED_A, TO_B } } },
    { "invalidate/iotlb-page", { ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
                                 { INV_IOTLB_PAGE, HOST_NESTED_A, TO_B } } },
    { "queue-error/pasid-cache", { ATTACH_A,
                                   { PC_BAD, HOST_NESTED_A, TO_A } } },
};

typedef struct Test {
    QTestState *qts;
    QPCIBus *pci;
    QVTDEdu edu;
    QVTD *vtd;                  /* one for all devices of a machine */
    const char *bdf;
    uint8_t bus;
    uint8_t devfn;
    uint64_t entry;             /* the device's PASID entry */
    uint64_t context;           /* ... and context entry */
    uint64_t context_val[2];    /* what the context entry should hold */
    QVTDTable tables[3];        /* TABLE_A and TABLE_B */
} Test;

/* Setting up */

static void start_qemu(Test *t, const char *devices)
{
    *t = (Test) { .bdf = vtd_host_device() };
    t->qts = qtest_initf("-machine q35 -m 256M -nodefaults "
                         "-object iommufd,id=iommufd0 "
                         "-device intel-iommu,nested=on %s", devices);
    t->pci = qpci_new_pc(t->qts, NULL);
    t->vtd = g_new0(QVTD, 1);
    qvtd_init(t->vtd, t->qts, TABLES, TABLES_END);
}

static void build_entries(Test *t)
{
    t->context = qvtd_context(t->vtd, t->bus << 8 | t->devfn, 0, 0, 0);
    t->entry = qvtd_pasid_slot(t->vtd, t->context, 0);
    t->context_val[0] = qtest_readq(t->qts, t->context);
    t->context_val[1] = qtest_readq(t->qts, t->context + 8);
}

static void build_tables(Test *t)
{
    static const uint64_t page[] = { [TABLE_A] = PAGE_A, [TABLE_B] = PAGE_B };

    qvtd_set_root(t->vtd, t->vtd->root, ROOT_SCALABLE);
    qvtd_enable_queue(t->vtd);
    build_entries(t);
    for (int i = TABLE_A; i <= TABLE_B; i++) {
        QVTDTable *table = &t->tables[i];

        qvtd_table_init(t->vtd, table, 4, 0, QVTD_S1_LINK);
        qvtd_map(t->vtd, table, IOVA_SRC, page[i], 12, QVTD_S1_PAGE);
        qvtd_map(t->vtd, table, IOVA_DST, PAGE_DST, 12, QVTD_S1_PAGE);
    }
}

static void setup_device(Test *t, uint8_t bus, uint8_t devfn)
{
    QPCIDevice *pci;

    t->bus = bus;
    t->devfn = devfn;
    pci = qpci_device_find(t->pci, bus << 8 | devfn);
    g_assert_nonnull(pci);
    qvtd_edu_init(&t->edu, t->vtd, pci);
}

static void setup(Test *t)
{
    g_autofree char *device = NULL;

    device = g_strdup_printf("-device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,addr=%d", vtd_host_device(),
                             SLOT);
    start_qemu(t, device);
    setup_device(t, 0, QPCI_DEVFN(SLOT, 0));
    build_tables(t);
}

/* A counter of QEMU's iommufd object: x-calls-* and x-failures-*, by ioctl */
static int64_t counter(Test *t, const char *what, const char *ioctl_name)
{
    g_autofree char *property = g_strdup_printf("x-%s-%s", what, ioctl_name);
    QDict *reply = qtest_qmp(t->qts, "{'execute': 'qom-get', 'arguments': {"
                             "'path': '/objects/iommufd0', 'property': %s}}",
                             property);
    int64_t count = qdict_get_int(reply, "return");

    qobject_unref(reply);
    return count;
}

static int64_t calls(Test *t, const char *ioctl_name)
{
    return counter(t, "calls", ioctl_name);
}

static void teardown(Test *t)
{
    /* Every object was destroyed in an order that the kernel takes. */
    g_assert_cmpint(counter(t, "failures", "iommu-destroy"), ==, 0);
    g_free(t->edu.dev);
    g_free(t->vtd);
    qpci_free_pc(t->pci);
    qtest_quit(t->qts);
}

/* Steps */

static void inv(Test *t, uint64_t lo, uint64_t hi)
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
    [SET_NONE] = { .did = DID },
};

static void set_entry(Test *t, Op op)
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
    inv(t, QVTD_INV_PC_PASID(entries[op].did, 0), 0);
}

/* Recovers as a driver does: a sound descriptor in its place, clear IQE. */
static void submit_bad(Test *t)
{
    QVTD *v = t->vtd;
    uint64_t slot = v->queue + v->tail * 32;

    g_assert_false(qvtd_invalidate(v, PC_RESERVED, 0));
    g_assert_cmphex(qvtd_readl(v, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    g_assert_cmphex(qvtd_readq(v, DMAR_IQH_REG), ==, slot - v->queue);
    qvtd_edit(v, slot, ~0ULL, QVTD_INV_PC_GLOBAL);
    qvtd_writel(v, DMAR_FSTS_REG, VTD_FSTS_IQE);
    inv(t, QVTD_INV_PC_GLOBAL, 0);
}

/* Descriptors, two quadwords each */
static const uint64_t invalidations[][2] = {
    [INV_OTHER_PAGE] = { QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC + 16 * PAGE },
    [INV_OTHER_DID] = { QVTD_INV_PIOTLB_PAGE(DID2, 0), IOVA_SRC },
    [INV_PAGE] = { QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC },
    [INV_RANGE] = { QVTD_INV_PIOTLB_PAGE(DID, 0),
                    QVTD_INV_ADDR(IOVA_SRC & ~(2 * MIB - 1), 9, 0) },
    [INV_PASID] = { QVTD_INV_PIOTLB_ALL(DID, 0) },
    [INV_DOMAIN] = { QVTD_INV_IOTLB_DOMAIN(DID) },
    [INV_GLOBAL] = { QVTD_INV_IOTLB_GLOBAL },
    [INV_IOTLB_PAGE] = { QVTD_INV_IOTLB_PAGE(DID), IOVA_SRC },
    [PC_GLOBAL] = { QVTD_INV_PC_GLOBAL },
    [CC_GLOBAL] = { QVTD_INV_CC_GLOBAL },
};

static void change_context(Test *t, Op op)
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
    default:
        break;
    }
    qvtd_edit(t->vtd, t->context + 8, ~0ULL, val[1]);
    qvtd_edit(t->vtd, t->context, ~0ULL, val[0]);
    inv(t, QVTD_INV_CC_DEVICE(t->bus << 8 | t->devfn), 0);
}

static void clear_directory(Test *t)
{
    qvtd_edit(t->vtd, qvtd_dir_slot(t->vtd, t->context, 0), ~0ULL, 0);
    inv(t, QVTD_INV_PC_GLOBAL, 0);
}

/* For the iommufd object's x-inject: ioctl, errno, how often */
static const char *const failures[] = {
    [FAIL_INVALIDATE_1] = "iommu-hwpt-invalidate 5 1",
    [FAIL_INVALIDATE_2] = "iommu-hwpt-invalidate 5 2",
    [FAIL_INVALIDATE_3] = "iommu-hwpt-invalidate 5 3",
    [FAIL_ALLOC] = "iommu-hwpt-alloc 12 1",
    [FAIL_ATTACH] = "vfio-device-attach-iommufd-pt 16 1",
};

static void do_step(Test *t, Op op)
{
    QVTD *v = t->vtd;

    switch (op) {
    case START:
        break;
    case TE_ON:
    case TE_OFF:
        qvtd_enable_translation(v, op == TE_ON);
        break;
    case SRTP:
        qvtd_set_root(v, v->root, ROOT_SCALABLE);
        break;
    case WRITE_B:
        qtest_writeq(t->qts, t->entry + 16, t->tables[TABLE_B].root);
        break;
    case LEGACY:
        qvtd_set_root(v, v->root, 0);
        break;
    case CONTEXT_CLEAR ... CONTEXT_SET:
        change_context(t, op);
        break;
    case DIRECTORY_CLEAR:
        clear_directory(t);
        break;
    case REMAP_B:
        qvtd_map(v, &t->tables[TABLE_A], IOVA_SRC, PAGE_B, 12, QVTD_S1_PAGE);
        break;
    case PC_BAD:
        submit_bad(t);
        break;
    case SYSTEM_RESET:
        qtest_system_reset(t->qts);
        break;
    case FAIL_INVALIDATE_1 ... FAIL_ATTACH:
        qtest_qmp_assert_success(t->qts, "{'execute': 'qom-set', 'arguments': "
                                 "{'path': '/objects/iommufd0', "
                                 "'property': 'x-inject', 'value': %s}}",
                                 failures[op]);
        break;
    case SET_A ... SET_NONE:
        set_entry(t, op);
        break;
    default:
        inv(t, invalidations[op][0], invalidations[op][1]);
    }
}

/* Looking */

static bool page_is(Test *t, uint64_t addr, uint8_t fill)
{
    uint8_t data[PAGE], want[PAGE];

    qtest_memread(t->qts, addr, data, PAGE);
    memset(want, fill, PAGE);
    return !memcmp(data, want, PAGE);
}

static Dma probe(Test *t)
{
    qtest_memset(t->qts, PAGE_A, 'A', PAGE);
    qtest_memset(t->qts, PAGE_B, 'B', PAGE);
    qtest_memset(t->qts, IOVA_SRC, 'I', PAGE);
    qtest_memset(t->qts, PAGE_DST, 0, PAGE);
    qtest_memset(t->qts, IOVA_DST, 0, PAGE);

    qvtd_edu_read(&t->edu, IOVA_SRC, PAGE);
    qvtd_edu_write(&t->edu, IOVA_DST, PAGE);

    if (page_is(t, IOVA_DST, 'I') && page_is(t, PAGE_DST, 0)) {
        return IDENTITY;
    }
    g_assert_true(page_is(t, IOVA_DST, 0));
    if (page_is(t, PAGE_DST, 'A')) {
        return TO_A;
    }
    if (page_is(t, PAGE_DST, 'B')) {
        return TO_B;
    }
    g_assert_true(page_is(t, PAGE_DST, 0));
    return BLOCKED;
}

static void check_host(Test *t, unsigned pgtt, uint64_t stage1)
{
    VTDHostEntry host = vtd_host_entry(t->bdf);

    g_assert_cmpuint(host.present ? host.pgtt : 0, ==, pgtt);
    if (pgtt == PGTT_NESTED) {
        g_assert_cmphex(host.stage1, ==, stage1);
    }
    if (pgtt) {
        g_assert_cmphex(host.stage2, !=, 0);
    }
}

static void check_fault(Test *t, unsigned want)
{
    QVTDFault fault;
    bool any = qvtd_take_fault(t->vtd, &fault);

    g_assert_cmphex(any ? fault.reason : 0, ==, want);
    if (want) {
        g_assert_cmphex(fault.sid, ==, t->bus << 8 | t->devfn);
    }
}

static void run_case(gconstpointer data)
{
    const Case *c = data;
    Test t;

    setup(&t);
    for (const Step *s = c->steps; s->op != END && !g_test_failed(); s++) {
        g_test_message("step %d: op %d", (int)(s - c->steps), s->op);
        do_step(&t, s->op);
        check_host(&t, s->pgtt, t.tables[s->table].root);
        check_fault(&t, s->fault);
        if (s->dma != SKIP) {
            g_assert_cmpint(probe(&t), ==, s->dma);
        }
    }
    teardown(&t);
}

/* A page that was not mapped needs no invalidation, and so no ioctl. */
static void test_map_is_free(void)
{
    int64_t maps, invalidations;
    QVTDTable *table;
    Test t;

    setup(&t);
    table = &t.tables[TABLE_A];
    qvtd_edit(t.vtd, qvtd_table_slot(t.vtd, table, IOVA_SRC, 1), ~0ULL, 0);
    do_step(&t, SET_A);
    do_step(&t, TE_ON);
    g_assert_cmpint(probe(&t), ==, BLOCKED);

    maps = calls(&t, "iommu-ioas-map");
    invalidations = calls(&t, "iommu-hwpt-invalidate");
    qvtd_map(t.vtd, table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
    g_assert_cmpint(probe(&t), ==, TO_A);
    g_assert_cmpint(calls(&t, "iommu-ioas-map"), ==, maps);
    g_assert_cmpint(calls(&t, "iommu-hwpt-invalidate"), ==, invalidations);
    teardown(&t);
}

/* What is submitted in one go is one ioctl. */
static void test_batch(void)
{
    const int descriptors = 64;
    int64_t before;
    Test t;

    setup(&t);
    do_step(&t, SET_A);
    do_step(&t, TE_ON);
    g_assert_cmpint(probe(&t), ==, TO_A);
    do_step(&t, REMAP_B);
    g_assert_cmpint(probe(&t), ==, TO_A);

    before = calls(&t, "iommu-hwpt-invalidate");
    for (int i = 0; i < descriptors; i++) {
        /* Every other page, so that no two make one range; the last is ours. */
        uint64_t addr = IOVA_SRC + 2 * PAGE * (descriptors - 1 - i);
        uint64_t slot = t.vtd->queue + t.vtd->tail++ * 32;

        qtest_writeq(t.qts, slot, QVTD_INV_PIOTLB_PAGE(DID, 0));
        qtest_writeq(t.qts, slot + 8, addr);
        qtest_writeq(t.qts, slot + 16, 0);
        qtest_writeq(t.qts, slot + 24, 0);
    }
    inv(&t, QVTD_INV_PIOTLB_PAGE(DID2, 0), 0);
    g_assert_cmpint(calls(&t, "iommu-hwpt-invalidate"), ==, before + 1);
    g_assert_cmpint(probe(&t), ==, TO_B);
    teardown(&t);
}

/* Two devices: one stage 2, and one stage 1 where they name the same table */
static void test_share(void)
{
    const char *bdf2 = getenv("VTD_TEST_BDF2");
    g_autofree char *devices = NULL;
    VTDHostEntry one, two;
    Test t, t2;

    if (!bdf2) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
        return;
    }
    devices = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d",
        vtd_host_device(), SLOT, bdf2, SLOT2);
    start_qemu(&t, devices);
    setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    build_tables(&t);

    t2 = t;
    t2.bdf = bdf2;
    setup_device(&t2, 0, QPCI_DEVFN(SLOT2, 0));
    build_entries(&t2);

    g_assert_cmpint(calls(&t, "iommu-ioas-alloc"), ==, 1);
    g_assert_cmpint(calls(&t, "iommu-hwpt-alloc"), ==, 1);
    one = vtd_host_entry(t.bdf);
    two = vtd_host_entry(bdf2);
    g_assert_cmphex(one.stage2, ==, two.stage2);
    g_assert_cmpuint(one.domain_id, ==, two.domain_id);

    set_entry(&t, SET_A);
    set_entry(&t2, SET_A);
    qvtd_enable_translation(t.vtd, true);
    one = vtd_host_entry(t.bdf);
    two = vtd_host_entry(bdf2);
    g_assert_cmpuint(one.pgtt, ==, PGTT_NESTED);
    g_assert_cmpuint(two.pgtt, ==, PGTT_NESTED);
    g_assert_cmpint(calls(&t, "iommu-hwpt-alloc"), ==, 2);
    g_assert_cmpuint(one.domain_id, ==, two.domain_id);
    g_assert_cmpint(probe(&t), ==, TO_A);
    g_assert_cmpint(probe(&t2), ==, TO_A);

    /* One invalidation is for both. */
    do_step(&t, REMAP_B);
    do_step(&t, INV_PAGE);
    g_assert_cmpint(probe(&t), ==, TO_B);
    g_assert_cmpint(probe(&t2), ==, TO_B);

    /* And one that leaves does not take the other one along. */
    do_step(&t2, SET_NONE);
    check_host(&t2, 0, 0);
    check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_cmpint(probe(&t), ==, TO_B);

    g_free(t2.edu.dev);
    teardown(&t);
}

/* ACPI PCI hotplug of Q35, QEMU's docs/specs/acpi_pci_hotplug.rst */
#define PCIHP_BASE      0x0cc0
#define PCIHP_EJECT     0x08
#define PCIHP_SELECT    0x10

#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3"

/* Bus 1 behind it, and a memory window for one BAR */
static void setup_root_port(Test *t)
{
    QPCIDevice *port = qpci_device_find(t->pci, QPCI_DEVFN(3, 0));

    g_assert_nonnull(port);
    qpci_config_writeb(port, PCI_SECONDARY_BUS, 1);
    qpci_config_writeb(port, PCI_SUBORDINATE_BUS, 1);
    qpci_config_writew(port, PCI_MEMORY_BASE, 0xe000);
    qpci_config_writew(port, PCI_MEMORY_LIMIT, 0xe7f0);
    qpci_device_enable(port);
    g_free(port);
}

static void test_unplug(void)
{
    g_autofree char *device = NULL;
    Test t;

    device = g_strdup_printf(ROOT_PORT " -device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,bus=rp", vtd_host_device());
    start_qemu(&t, device);
    setup_root_port(&t);
    setup_device(&t, 1, 0);
    build_tables(&t);
    set_entry(&t, SET_A);
    qvtd_enable_translation(t.vtd, true);
    check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_cmpint(probe(&t), ==, TO_A);
    g_free(t.edu.dev);

    /* As the guest's ACPI code lets slot 0 of the only such bus go */
    qtest_qmp_device_del_send(t.qts, "dev");
    qtest_outl(t.qts, PCIHP_BASE + PCIHP_SELECT, 0);
    qtest_outl(t.qts, PCIHP_BASE + PCIHP_EJECT, 1);
    qtest_qmp_eventwait(t.qts, "DEVICE_DELETED");
    g_assert_cmpuint(vtd_host_entry(t.bdf).pgtt, !=, PGTT_NESTED);
    g_assert_cmpint(calls(&t, "iommu-destroy"), ==,
                    calls(&t, "iommu-ioas-alloc") +
                    calls(&t, "iommu-hwpt-alloc"));

    /* Nothing was left attached: the device comes back, and stage 1 too. */
    qtest_qmp_device_add(t.qts, "vfio-pci", "dev", "{'host': %s, "
                         "'iommufd': 'iommufd0', 'bus': 'rp'}", t.bdf);
    check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    setup_device(&t, 1, 0);
    g_assert_cmpint(probe(&t), ==, TO_A);
    teardown(&t);
}

/* Hot-plugged under a guest that has its tables in place already */
static void test_plug_translated(void)
{
    Test t;

    start_qemu(&t, ROOT_PORT);
    setup_root_port(&t);
    t.bus = 1;
    build_tables(&t);
    set_entry(&t, SET_A);
    qvtd_enable_translation(t.vtd, true);
    qtest_qmp_device_add(t.qts, "vfio-pci", "dev", "{'host': %s, "
                         "'iommufd': 'iommufd0', 'bus': 'rp'}", t.bdf);
    check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    setup_device(&t, 1, 0);
    g_assert_cmpint(probe(&t), ==, TO_A);
    teardown(&t);
}

/* What the guest is told */
static void test_capabilities(void)
{
    uint64_t cap, ecap;
    Test t;

    setup(&t);
    cap = qvtd_readq(t.vtd, DMAR_CAP_REG);
    ecap = qvtd_readq(t.vtd, DMAR_ECAP_REG);
    g_assert_cmphex(ecap & VTD_ECAP_SMTS, !=, 0);
    g_assert_cmphex(ecap & VTD_ECAP_FLTS, !=, 0);
    g_assert_cmphex(ecap & VTD_ECAP_SLTS, ==, 0);
    g_assert_cmphex(ecap & BIT_ULL(26), ==, 0);         /* NEST */
    g_assert_cmphex(cap & BIT_ULL(60), ==, 0);          /* FS5LP */
    /* Entries that are not present are as good as cached. */
    g_assert_cmphex(cap & VTD_CAP_CM, !=, 0);
    teardown(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* A case that fails ends there; the next one has a machine of its own. */
    g_test_set_nonfatal_assertions();

    if (!vtd_host_device()) {
        g_print("1..0 # SKIP VTD_TEST_BDF names no device bound to vfio-pci\n");
        return 0;
    }
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = g_strdup_printf("/intel-iommu/nested/%s",
                                                cases[i].name);
        qtest_add_data_func(path, &cases[i], run_case);
    }
    qtest_add_func("/intel-iommu/nested/capabilities", test_capabilities);
    qtest_add_func("/intel-iommu/nested/map-is-free", test_map_is_free);
    qtest_add_func("/intel-iommu/nested/batch", test_batch);
    qtest_add_func("/intel-iommu/nested/share", test_share);
    qtest_add_func("/intel-iommu/nested/unplug", test_unplug);
    qtest_add_func("/intel-iommu/nested/plug-translated", test_plug_translated);

    return g_test_run();
}
