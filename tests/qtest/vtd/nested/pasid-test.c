/*
 * intel-iommu,nested=on,pasid=on: what the guest's PASID entries make of the host's
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs a pasid-testdev bound to vfio-pci in the host: VTD_TEST_BDF names it.
 * After each step of a case two PASIDs are looked at: their entries in the
 * host's debugfs, and where the device's requests go that are tagged with them.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "nested-pasid-world.h"

#define EAFE        (1 << 7)        /* in quadword 2; it is not offered */
#define MANY        4096
#define COST_FIRST  128             /* the first of a table */
#define TABLE_ENTRIES (PAGE / VTD_PASID_ENTRY_SIZE)

typedef enum Op {
    END,
    START,
    SET,                /* x's, y's entry; and invalidate it */
    WRITE,              /* the same without invalidation */
    REMAP,              /* both tables: IOVA_SRC leads to the other page */
    INV,                /* PASID-based IOTLB: of the PASID */
    INV_SWAPPED,        /* ... with the other one's domain-id */
    INV_DOMAIN,         /* IOTLB: of the PASID's domain-id */
    PC_DOMAIN,
    PC_GLOBAL,
    PASIDE_OFF,
    PASIDE_ON,
    TE_OFF,
    TE_ON,
    FAIL_ALLOC,
    FAIL_ATTACH,
    FAIL_ATTACH_2,      /* the next two */
    FAIL_INVALIDATE,    /* and the full flushes after it */
} Op;

typedef enum Entry {
    NONE,
    ON_A,               /* first-stage, table A */
    ON_B,
    PASS,
    STAGE2,             /* second-stage, which is not offered */
    UNFIT,              /* with a bit that is reserved */
} Entry;

typedef struct Seen {
    unsigned pgtt;      /* of the host's entry, 0: not present */
    unsigned table;
    Dma dma;
} Seen;

typedef struct Step {
    Op op;
    unsigned which;     /* PASID_X or PASID_Y */
    Entry entry;
    Seen x, y;
    unsigned fault;     /* with @which in the record */
} Step;

typedef struct Case {
    const char *name;
    Step steps[10];
} Case;

#define X           PASID_X
#define Y           PASID_Y
#define NOTHING     { 0, TABLE_NONE, BLOCKED }
#define A           { PGTT_NESTED, TABLE_A, TO_A }
#define B           { PGTT_NESTED, TABLE_B, TO_B }
#define IDENT       { PGTT_STAGE2, TABLE_NONE, IDENTITY }
/* After REMAP */
#define A_NEW       { PGTT_NESTED, TABLE_A, TO_B }
#define B_NEW       { PGTT_NESTED, TABLE_B, TO_A }

#define BOTH        { START, 0, 0, NOTHING, NOTHING }, \
                    { SET, X, ON_A, A, NOTHING }, \
                    { SET, Y, ON_B, A, B }

static const Case cases[] = {
    { "attach", { BOTH } },
    { "same-table", { { SET, X, ON_A, A, NOTHING }, { SET, Y, ON_A, A, A },
                      { SET, X, NONE, NOTHING, A } } },
    { "detach", { BOTH, { SET, X, NONE, NOTHING, B },
                  { SET, X, ON_A, A, B } } },
    { "replace", { BOTH, { SET, X, ON_B, B, B }, { SET, Y, ON_A, B, A } } },
    { "pass-through", { BOTH, { SET, X, PASS, IDENT, B },
                        { SET, X, ON_A, A, B } } },
    { "written-only", { BOTH, { WRITE, X, NONE, A, B },
                        { SET, Y, NONE, A, NOTHING },
                        { PC_GLOBAL, 0, 0, NOTHING, NOTHING } } },
    { "global", { { START, 0, 0, NOTHING, NOTHING },
                  { WRITE, X, ON_A, NOTHING, NOTHING },
                  { WRITE, Y, ON_B, NOTHING, NOTHING },
                  { PC_GLOBAL, 0, 0, A, B } } },
    { "domain", { { WRITE, X, ON_A, NOTHING, NOTHING },
                  { PC_DOMAIN, X, 0, A, NOTHING } } },
    { "invalidate", { BOTH, { REMAP, 0, 0, A, B },
                      { INV, X, 0, A_NEW, B },
                      { INV_SWAPPED, Y, 0, A_NEW, B },
                      { INV, Y, 0, A_NEW, B_NEW } } },
    { "invalidate-domain", { BOTH, { REMAP, 0, 0, A, B },
                             { INV_DOMAIN, Y, 0, A, B_NEW },
                             { INV_DOMAIN, X, 0, A_NEW, B_NEW } } },
    { "context/pasids-off", { BOTH, { PASIDE_OFF, 0, 0, NOTHING, NOTHING },
                              { PASIDE_ON, 0, 0, A, B } } },
    { "translation-off", { BOTH, { TE_OFF, 0, 0, NOTHING, NOTHING },
                           { TE_ON, 0, 0, A, B } } },
    { "blocked/second-stage", { BOTH, { SET, X, STAGE2, NOTHING, B, 0x5b },
                                { PC_GLOBAL, 0, 0, NOTHING, B },
                                { SET, X, ON_A, A, B } } },
    { "blocked/eafe", { BOTH, { SET, Y, UNFIT, A, NOTHING, 0x5a },
                          { SET, Y, ON_B, A, B } } },
    { "failure/alloc", { { SET, X, ON_A, A, NOTHING },
                         { FAIL_ALLOC, 0, 0, A, NOTHING },
                         { SET, Y, ON_B, A, NOTHING, 0x5b },
                         { SET, Y, ON_B, A, B } } },
    { "failure/attach", { { SET, X, ON_A, A, NOTHING },
                          { FAIL_ATTACH, 0, 0, A, NOTHING },
                          { SET, Y, ON_B, A, NOTHING, 0x5b },
                          { PC_GLOBAL, 0, 0, A, B } } },
    /* One that others share may not suit a device; an own one is tried. */
    { "failure/shared", { BOTH, { FAIL_ATTACH, 0, 0, A, B },
                          { SET, X, ON_B, B, B } } },
    { "failure/replace", { BOTH, { FAIL_ATTACH_2, 0, 0, A, B },
                           { SET, X, ON_B, NOTHING, B, 0x5b },
                           { SET, X, ON_A, A, B } } },
    { "failure/invalidate", { BOTH, { REMAP, 0, 0, A, B },
                              { FAIL_INVALIDATE, 0, 0, A, B },
                              { INV, X, 0, NOTHING, B, 0x5b },
                              { SET, X, ON_A, A_NEW, B } } },
};

static uint16_t did_of(uint32_t pasid)
{
    return pasid == PASID_X ? DID_X : DID_Y;
}

static void inv(PasidTest *t, uint64_t lo)
{
    g_assert_true(qvtd_invalidate(t->n.vtd, lo, 0));
}

static void write_entry(PasidTest *t, uint32_t pasid, Entry what)
{
    static const QVTDPasid entries[] = {
        [ON_A] = { .pgtt = PGTT_STAGE1, .stage1 = TABLE_A },
        [ON_B] = { .pgtt = PGTT_STAGE1, .stage1 = TABLE_B },
        [PASS] = { .pgtt = PGTT_PASS },
        [STAGE2] = { .pgtt = PGTT_STAGE2, .aw = 2 },
        [UNFIT] = { .pgtt = PGTT_STAGE1, .stage1 = TABLE_B,
                    .flags = { 0, 0, EAFE } },
    };
    QVTDPasid entry = entries[what];

    entry.did = did_of(pasid);
    entry.stage1 = t->n.tables[entry.stage1].root;
    pasid_write(t, pasid, what == NONE ? NULL : &entry);
}

static void remap(PasidTest *t)
{
    NestedTest *n = &t->n;

    qvtd_map(n->vtd, &n->tables[TABLE_A], IOVA_SRC, PAGE_B, 12, QVTD_S1_PAGE);
    qvtd_map(n->vtd, &n->tables[TABLE_B], IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
}

static void switch_pasids(PasidTest *t, bool on)
{
    NestedTest *n = &t->n;

    qvtd_edit(n->vtd, n->context, 1 << 3, on << 3);
    inv(t, QVTD_INV_CC_DEVICE(n->bus << 8 | n->devfn));
}

static void run_step(PasidTest *t, const Step *s)
{
    uint32_t other = s->which == PASID_X ? PASID_Y : PASID_X;

    switch (s->op) {
    case SET:
        write_entry(t, s->which, s->entry);
        inv(t, QVTD_INV_PC_PASID(did_of(s->which), s->which));
        break;
    case WRITE:
        write_entry(t, s->which, s->entry);
        break;
    case REMAP:
        remap(t);
        break;
    case INV:
        inv(t, QVTD_INV_PIOTLB_ALL(did_of(s->which), s->which));
        break;
    case INV_SWAPPED:
        inv(t, QVTD_INV_PIOTLB_ALL(did_of(other), s->which));
        break;
    case INV_DOMAIN:
        inv(t, QVTD_INV_IOTLB_DOMAIN(did_of(s->which)));
        break;
    case PC_DOMAIN:
        inv(t, QVTD_INV_PC_DOMAIN(did_of(s->which)));
        break;
    case PC_GLOBAL:
        inv(t, QVTD_INV_PC_GLOBAL);
        break;
    case PASIDE_OFF:
    case PASIDE_ON:
        switch_pasids(t, s->op == PASIDE_ON);
        break;
    case TE_OFF:
    case TE_ON:
        qvtd_enable_translation(t->n.vtd, s->op == TE_ON);
        break;
    case FAIL_ALLOC:
        nested_inject(&t->n, "iommu-hwpt-alloc 12 1");
        break;
    case FAIL_ATTACH:
        nested_inject(&t->n, "vfio-device-attach-iommufd-pt 16 1");
        break;
    case FAIL_ATTACH_2:
        nested_inject(&t->n, "vfio-device-attach-iommufd-pt 16 2");
        break;
    case FAIL_INVALIDATE:
        nested_inject(&t->n, "iommu-hwpt-invalidate 5 3");
        break;
    default:
        break;
    }
}

static void check_pasid(PasidTest *t, uint32_t pasid, const Seen *seen)
{
    VTDHostEntry host = vtd_host_pasid_entry(t->n.bdf, pasid);

    g_assert_cmpuint(host.present ? host.pgtt : 0, ==, seen->pgtt);
    if (seen->pgtt == PGTT_NESTED) {
        g_assert_cmphex(host.stage1, ==, t->n.tables[seen->table].root);
    }
    g_assert_cmpint(pasid_probe(t, pasid), ==, seen->dma);
}

static void check_fault(PasidTest *t, const Step *s)
{
    QVTDFault fault;
    bool any = qvtd_take_fault(t->n.vtd, &fault);

    g_assert_cmphex(any ? fault.reason : 0, ==, s->fault);
    if (s->fault) {
        g_assert_cmphex(fault.sid, ==, t->n.bus << 8 | t->n.devfn);
        g_assert_true(fault.has_pasid);
        g_assert_cmphex(fault.pasid, ==, s->which);
    }
}

static void run_case(gconstpointer data)
{
    const Case *c = data;
    PasidTest t;

    pasid_setup(&t, "");
    for (const Step *s = c->steps; s->op != END && !g_test_failed(); s++) {
        g_test_message("step %d: op %d", (int)(s - c->steps), s->op);
        run_step(&t, s);
        check_fault(&t, s);
        check_pasid(&t, PASID_X, &s->x);
        check_pasid(&t, PASID_Y, &s->y);
    }
    pasid_teardown(&t);
}

/* What the guest sees: the vIOMMU's registers, and the device's capability */
static void test_capability(void)
{
    uint16_t offset, cap;
    uint64_t ecap;
    PasidTest t;

    pasid_setup(&t, "");
    ecap = qvtd_readq(t.n.vtd, DMAR_ECAP_REG);
    g_assert_cmphex(ecap & VTD_ECAP_PASID, !=, 0);
    g_assert_cmpuint(extract64(ecap, 35, 5) + 1, ==, 20);

    offset = qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_PASID);
    g_assert_cmphex(offset, !=, 0);
    cap = qtestdev_config_readl(&t.dev, offset + PCI_PASID_CAP);
    g_assert_cmpuint(extract32(cap, 8, 5), ==, 20);
    /* pasid_setup() enabled it. */
    g_assert_cmphex(qtestdev_config_readl(&t.dev, offset + PCI_PASID_CAP) >> 16,
                    ==, PCI_PASID_CTRL_ENABLE |
                    (cap & (PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV)));
    /* Not the device's own register: that is the host kernel's. */
    qtestdev_config_writew(&t.dev, offset + PCI_PASID_CTRL, 0);
    g_assert_cmphex(qtestdev_config_readl(&t.dev, offset + PCI_PASID_CAP) >> 16,
                    ==, 0);
    write_entry(&t, PASID_X, ON_A);
    inv(&t, QVTD_INV_PC_PASID(DID_X, PASID_X));
    g_assert_cmpint(pasid_probe(&t, PASID_X), ==, TO_A);
    qtestdev_enable(&t.dev, QTESTDEV_PASID);
    qtest_system_reset(t.n.qts);
    g_assert_cmphex(qtestdev_config_readl(&t.dev, offset + PCI_PASID_CAP) >> 16,
                    ==, 0);
    pasid_teardown(&t);
}

/*
 * Each allocation of a PASID's attach fails once; the other PASID does not notice.
 */
static void test_sweep(void)
{
    unsigned nth;
    PasidTest t;

    if (!nested_can_fail_nth()) {
        return;
    }
    pasid_setup(&t, "");
    write_entry(&t, PASID_Y, ON_B);
    inv(&t, QVTD_INV_PC_PASID(DID_Y, PASID_Y));
    for (nth = 1; !g_test_failed(); nth++) {
        Dma is;

        write_entry(&t, PASID_X, NONE);
        inv(&t, QVTD_INV_PC_PASID(DID_X, PASID_X));
        write_entry(&t, PASID_X, ON_A);
        nested_fail_nth(&t.n, nth);
        inv(&t, QVTD_INV_PC_PASID(DID_X, PASID_X));
        if (!nested_has_failed(&t.n)) {
            break;
        }
        is = pasid_probe(&t, PASID_X);
        g_assert_true(is == BLOCKED || is == TO_A);
        g_assert_cmpint(pasid_probe(&t, PASID_Y), ==, TO_B);
        inv(&t, QVTD_INV_PC_PASID(DID_X, PASID_X));
        g_assert_cmpint(pasid_probe(&t, PASID_X), ==, TO_A);
    }
    g_assert_cmpuint(nth, >, 1);
    g_test_message("PASID: %u allocations failed, one at a time", nth - 1);
    g_assert_cmpint(pasid_probe(&t, PASID_X), ==, TO_A);
    pasid_teardown(&t);
}

/* x-pasid-cap-offset: the capability's place; in use, or odd, is refused. */
static void test_offset(void)
{
    static const unsigned bad[] = { 0x100, 0xff2, 0xffc, 0x40 };
    PasidTest t;

    nested_start_props(&t.n, "nested=on,pasid=on",
                       "-device pcie-root-port,id=rp");
    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *want = g_strdup_printf("no room for a PASID "
                                                "capability at 0x%x", bad[i]);
        QDict *error = qtest_qmp_assert_failure_ref(
            t.n.qts, "{'execute': 'device_add', 'arguments': {'driver': "
            "'vfio-pci', 'host': %s, 'iommufd': 'iommufd0', 'bus': 'rp', "
            "'x-pasid-cap-offset': %u}}", vtd_host_device(), bad[i]);

        g_assert_nonnull(strstr(qdict_get_str(error, "desc"), want));
        qobject_unref(error);
    }
    t.n.edu.dev = NULL;
    pasid_teardown(&t);

    pasid_setup_device(&t, "", ",x-pasid-cap-offset=0xff0");
    g_assert_cmphex(qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_PASID), ==,
                    0xff0);
    write_entry(&t, PASID_X, ON_A);
    inv(&t, QVTD_INV_PC_PASID(DID_X, PASID_X));
    g_assert_cmpint(pasid_probe(&t, PASID_X), ==, TO_A);
    pasid_teardown(&t);
}

/* QEMU 11's name */
static void test_vpasid(void)
{
    PasidTest t;

    pasid_setup_device(&t, "", ",x-vpasid-cap-offset=0xff0");
    g_assert_cmphex(qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_PASID), ==,
                    0xff0);
    pasid_teardown(&t);
}

static void check_pasid_works(PasidTest *t)
{
    write_entry(t, PASID_X, ON_A);
    inv(t, QVTD_INV_PC_PASID(DID_X, PASID_X));
    g_assert_cmpint(pasid_probe(t, PASID_X), ==, TO_A);
    write_entry(t, PASID_X, NONE);
    inv(t, QVTD_INV_PC_PASID(DID_X, PASID_X));
    g_assert_cmpint(pasid_probe(t, PASID_X), ==, BLOCKED);
}

/* QEMU's own name of the property, of emulated translation */
static void test_alias(void)
{
    PasidTest t;

    pasid_setup_machine(&t, "nested=on,x-pasid-mode=on", vtd_host_device(), "");
    g_assert_cmphex(qvtd_readq(t.n.vtd, DMAR_ECAP_REG) & VTD_ECAP_PASID, !=, 0);
    g_assert_cmphex(qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_PASID), !=, 0);
    check_pasid_works(&t);
    pasid_teardown(&t);
}

/* ECAP.DT of the host's unit */
static bool host_has_device_tlb(void)
{
    return vtd_host_register("ecap") & BIT(2);
}

/* The guest sees ATS or does not; what is before and behind it stays. */
static void check_ats(const char *props, bool seen)
{
    PasidTest t;

    pasid_setup_machine(&t, "nested=on,pasid=on", vtd_host_device(), props);
    g_assert_cmpint(!!qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_ATS), ==,
                    seen);
    /* Without device TLBs the guest sees no page requests either. */
    g_assert_cmpint(!!qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_PRI), ==,
                    host_has_device_tlb());
    g_assert_cmphex(qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_PASID), !=, 0);
    check_pasid_works(&t);
    pasid_teardown(&t);
}

static void test_ats(void)
{
    if (!host_has_device_tlb()) {
        g_test_skip("the host's IOMMU has ECAP.DT=0: no device can use ATS");
        return;
    }
    check_ats("", true);
    check_ats(",ats=on", true);
    check_ats(",ats=off", false);
}

static void refuse_ats(const char *bdf, const char *want)
{
    PasidTest t;
    QDict *error;

    nested_start_props(&t.n, "nested=on,pasid=on",
                       "-device pcie-root-port,id=rp");
    error = qtest_qmp_assert_failure_ref(
        t.n.qts, "{'execute': 'device_add', 'arguments': {'driver': "
        "'vfio-pci', 'host': %s, 'iommufd': 'iommufd0', 'bus': 'rp', "
        "'ats': 'on'}}", bdf);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), want));
    qobject_unref(error);
    t.n.edu.dev = NULL;
    pasid_teardown(&t);
}

static void test_no_ats(void)
{
    const char *bdf = getenv("VTD_TEST_BDF2");

    if (!bdf) {
        g_test_skip("VTD_TEST_BDF2 names no device without ATS and PRI");
        return;
    }
    refuse_ats(bdf, "ats=on requires an ATS capability");
}

/* The host's kernel says that no device can use ATS. */
static void test_host_no_ats(void)
{
    if (host_has_device_tlb()) {
        g_test_skip("the host's IOMMU has ECAP.DT=1: devices can use ATS");
        return;
    }
    check_ats("", false);
    check_ats(",ats=off", false);
    refuse_ats(vtd_host_device(), "ats=on requires ATS in the host");
}

/*
 * A device whose extended capabilities are all hidden by the host: it has no
 * chain for the guest's to be added to.
 */
static void run_alone(const char *bdf, const char *props, uint16_t offset)
{
    uint32_t head;
    PasidTest t;

    pasid_setup_machine(&t, "nested=on,pasid=on", bdf, props);
    g_assert_cmphex(qtestdev_find_ext_cap(&t.dev, PCI_EXT_CAP_ID_PASID), ==,
                    offset);
    /* It ends with it. */
    g_assert_cmphex(PCI_EXT_CAP_NEXT(qtestdev_config_readl(&t.dev, offset)),
                    ==, 0);
    head = qtestdev_config_readl(&t.dev, PCI_CFG_SPACE_SIZE);
    if (offset != PCI_CFG_SPACE_SIZE) {
        g_assert_cmphex(PCI_EXT_CAP_ID(head), ==, 0);
        g_assert_cmphex(PCI_EXT_CAP_NEXT(head), ==, offset);
    }
    check_pasid_works(&t);
    pasid_teardown(&t);
}

static void test_alone(void)
{
    const char *bdf = getenv("VTD_TEST_BDF2");

    if (!bdf) {
        g_test_skip("VTD_TEST_BDF2 names no device without ATS and PRI");
        return;
    }
    /* Its own is the head of the chain. */
    run_alone(bdf, "", PCI_CFG_SPACE_SIZE);
    run_alone(bdf, ",x-pasid-cap-offset=0xff0", 0xff0);
}

/* The kernel has another use for PASID 0: a request with it is blocked. */
static void test_zero(void)
{
    PasidTest t;

    pasid_setup(&t, "");
    write_entry(&t, 0, ON_A);
    inv(&t, QVTD_INV_PC_PASID(DID_Y, 0));
    /* It is that of requests without PASID, which follow. */
    nested_check_host(&t.n, PGTT_NESTED, t.n.tables[TABLE_A].root);
    write_entry(&t, 0, PASS);
    inv(&t, QVTD_INV_PC_GLOBAL);
    nested_check_host(&t.n, PGTT_STAGE2, 0);
    pasid_teardown(&t);
}

/* The last PASID of the largest directory; then the directory ends before it. */
static void test_high(void)
{
    const uint32_t high = 0xfffff;
    PasidTest t;

    pasid_setup(&t, "");
    pasid_set_context(&t, 7, true);
    write_entry(&t, high, ON_A);
    inv(&t, QVTD_INV_PC_GLOBAL);
    g_assert_cmpuint(vtd_host_pasid_entry(t.n.bdf, high).pgtt, ==, PGTT_NESTED);
    g_assert_cmpint(pasid_probe(&t, high), ==, TO_A);
    pasid_set_context(&t, 0, true);
    g_assert_false(vtd_host_pasid_entry(t.n.bdf, high).present);
    g_assert_cmpint(pasid_probe(&t, high), ==, BLOCKED);
    pasid_teardown(&t);
}

/* Two PASIDs that are in use */
static void setup_both(PasidTest *t)
{
    pasid_setup(t, "");
    write_entry(t, PASID_X, ON_A);
    write_entry(t, PASID_Y, ON_B);
    inv(t, QVTD_INV_PC_GLOBAL);
    g_assert_cmpint(pasid_probe(t, PASID_Y), ==, TO_B);
}

static void check_gone(PasidTest *t)
{
    g_assert_false(vtd_host_pasid_entry(t->n.bdf, PASID_X).present);
    g_assert_false(vtd_host_pasid_entry(t->n.bdf, PASID_Y).present);
}

static void test_reset(void)
{
    PasidTest t;

    setup_both(&t);
    qtest_system_reset(t.n.qts);
    check_gone(&t);
    /* The nest parent is left. */
    g_assert_cmpint(nested_calls(&t.n, "iommu-hwpt-alloc"), ==,
                    nested_calls(&t.n, "iommu-destroy") + 1);
    pasid_teardown(&t);
}

static void test_quit(void)
{
    const char *bdf;
    PasidTest t;

    setup_both(&t);
    bdf = t.n.bdf;
    pasid_teardown(&t);
    g_assert_false(vtd_host_pasid_entry(bdf, PASID_X).present);
    g_assert_false(vtd_host_pasid_entry(bdf, PASID_Y).present);
}

/* The entries of @number PASIDs from COST_FIRST on, on table B; a page a write */
static void write_many(PasidTest *t, unsigned number)
{
    g_autofree uint8_t *table = g_malloc0(PAGE);
    uint64_t slot;

    write_entry(t, COST_FIRST, ON_B);
    slot = qvtd_pasid_slot(t->n.vtd, t->n.context, COST_FIRST);
    qtest_memread(t->n.qts, slot, table, VTD_PASID_ENTRY_SIZE);
    for (unsigned i = 1; i < MIN(number, TABLE_ENTRIES); i++) {
        memcpy(table + i * VTD_PASID_ENTRY_SIZE, table, VTD_PASID_ENTRY_SIZE);
    }
    for (unsigned first = 0; first < number; first += TABLE_ENTRIES) {
        slot = qvtd_pasid_slot(t->n.vtd, t->n.context, COST_FIRST + first);
        qtest_memwrite(t->n.qts, slot, table, PAGE);
    }
}

/* One PASID's invalidations cost the same however many others there are. */
static void test_cost(void)
{
    static const int numbers[] = { 1, 64, MANY };
    int64_t before[4];
    PasidTest t;

    pasid_setup(&t, "");
    for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
        write_many(&t, numbers[i]);
        inv(&t, QVTD_INV_PC_GLOBAL);
        before[0] = nested_calls(&t.n, "iommu-hwpt-invalidate");
        before[1] = nested_calls(&t.n, "vfio-device-attach-iommufd-pt");
        before[2] = nested_calls(&t.n, "vfio-device-detach-iommufd-pt");
        before[3] = nested_counter(&t.n, "pasid-entries");

        write_entry(&t, PASID_X, ON_A);
        inv(&t, QVTD_INV_PC_PASID(DID_X, PASID_X));
        inv(&t, QVTD_INV_PIOTLB_ALL(DID_X, PASID_X));
        write_entry(&t, PASID_X, NONE);
        inv(&t, QVTD_INV_PC_PASID(DID_X, PASID_X));

        g_assert_cmpint(nested_calls(&t.n, "iommu-hwpt-invalidate"), ==,
                        before[0] + 1);
        g_assert_cmpint(nested_calls(&t.n, "vfio-device-attach-iommufd-pt"),
                        ==, before[1] + 1);
        g_assert_cmpint(nested_calls(&t.n, "vfio-device-detach-iommufd-pt"),
                        ==, before[2] + 1);
        g_assert_cmpint(nested_counter(&t.n, "pasid-entries"), ==, before[3] + 2);
        g_test_message("%d PASIDs attached: one PASID's attach, invalidation "
                       "and detach are 1, 1 and 1 calls, 2 entries looked at",
                       numbers[i]);
    }
    g_assert_cmpint(pasid_probe(&t, COST_FIRST + MANY - 1), ==, TO_B);
    pasid_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv) ||
        !nested_test_requires(6, 15, "PASIDs of passed-through devices")) {
        return 0;
    }
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = g_strdup_printf("/intel-iommu/pasid/%s",
                                                cases[i].name);
        qtest_add_data_func(path, &cases[i], run_case);
    }
    qtest_add_func("/intel-iommu/pasid/capability", test_capability);
    qtest_add_func("/intel-iommu/pasid/capability-offset", test_offset);
    qtest_add_func("/intel-iommu/pasid/capability-alone", test_alone);
    qtest_add_func("/intel-iommu/pasid/capability-offset-11", test_vpasid);
    qtest_add_func("/intel-iommu/pasid/ats", test_ats);
    qtest_add_func("/intel-iommu/pasid/ats-absent", test_no_ats);
    qtest_add_func("/intel-iommu/pasid/ats-not-in-host", test_host_no_ats);
    qtest_add_func("/intel-iommu/pasid/x-pasid-mode", test_alias);
    qtest_add_func("/intel-iommu/pasid/sweep", test_sweep);
    qtest_add_func("/intel-iommu/pasid/zero", test_zero);
    qtest_add_func("/intel-iommu/pasid/high", test_high);
    qtest_add_func("/intel-iommu/pasid/reset", test_reset);
    qtest_add_func("/intel-iommu/pasid/quit", test_quit);
    qtest_add_func("/intel-iommu/pasid/cost", test_cost);

    return nested_test_run();
}
