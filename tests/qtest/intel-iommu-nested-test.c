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
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "intel-iommu-nested-world.h"

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

static void run_case(gconstpointer data)
{
    const Case *c = data;
    NestedTest t;

    nested_setup(&t);
    for (const Step *s = c->steps; s->op != END && !g_test_failed(); s++) {
        g_test_message("step %d: op %d", (int)(s - c->steps), s->op);
        nested_step(&t, s->op);
        nested_check_host(&t, s->pgtt, t.tables[s->table].root);
        nested_check_fault(&t, s->fault);
        if (s->dma != SKIP) {
            g_assert_cmpint(nested_probe(&t), ==, s->dma);
        }
    }
    nested_teardown(&t);
}

/* A page that was not mapped needs no invalidation, and so no ioctl. */
static void test_map_is_free(void)
{
    int64_t maps, invalidations;
    QVTDTable *table;
    NestedTest t;

    nested_setup(&t);
    table = &t.tables[TABLE_A];
    qvtd_edit(t.vtd, qvtd_table_slot(t.vtd, table, IOVA_SRC, 1), ~0ULL, 0);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    g_assert_cmpint(nested_probe(&t), ==, BLOCKED);

    maps = nested_calls(&t, "iommu-ioas-map");
    invalidations = nested_calls(&t, "iommu-hwpt-invalidate");
    qvtd_map(t.vtd, table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-map"), ==, maps);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-invalidate"), ==,
                    invalidations);
    nested_teardown(&t);
}

/* What is submitted in one go is one ioctl. */
static void test_batch(void)
{
    const int descriptors = 64;
    int64_t before;
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    nested_step(&t, REMAP_B);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);

    before = nested_calls(&t, "iommu-hwpt-invalidate");
    for (int i = 0; i < descriptors; i++) {
        /* Every other page, so that no two make one range; the last is ours. */
        uint64_t addr = IOVA_SRC + 2 * PAGE * (descriptors - 1 - i);
        uint64_t slot = t.vtd->queue + t.vtd->tail++ * 32;

        qtest_writeq(t.qts, slot, QVTD_INV_PIOTLB_PAGE(DID, 0));
        qtest_writeq(t.qts, slot + 8, addr);
        qtest_writeq(t.qts, slot + 16, 0);
        qtest_writeq(t.qts, slot + 24, 0);
    }
    nested_inv(&t, QVTD_INV_PIOTLB_PAGE(DID2, 0), 0);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-invalidate"), ==, before + 1);
    g_assert_cmpint(nested_probe(&t), ==, TO_B);
    nested_teardown(&t);
}

/* Has the kernel fault injection?  Allows it to fail all allocations. */
static bool can_fail_nth(void)
{
    const char *knob = "/sys/kernel/debug/failslab/ignore-gfp-wait";

    return !access("/proc/self/fail-nth", W_OK) &&
           g_file_set_contents_full(knob, "N", 1, G_FILE_SET_CONTENTS_NONE,
                                    0644, NULL);
}

static void arm_fail_nth(NestedTest *t, unsigned nth)
{
    qtest_qmp_assert_success(t->qts, "{'execute': 'qom-set', 'arguments': {"
                             "'path': '/objects/iommufd0', "
                             "'property': 'x-fail-nth', 'value': %u}}", nth);
}

/* Is the device where it should be, or blocked with a fault?  No third way. */
static void check_failed_or(NestedTest *t, unsigned table, Dma dma)
{
    if (vtd_host_entry(t->bdf).present) {
        nested_check_host(t, PGTT_NESTED, t->tables[table].root);
        nested_check_fault(t, 0);
        g_assert_cmpint(nested_probe(t), ==, dma);
    } else {
        nested_check_fault(t, 0x5b);
        g_assert_cmpint(nested_probe(t), ==, BLOCKED);
    }
}

/*
 * Each allocation that the kernel makes for an attach or an invalidation fails
 * once.  @op is done on table A; then the device should read what @dma says.
 */
static void sweep(NestedTest *t, Op op, Dma dma)
{
    unsigned nth;

    for (nth = 1; !g_test_failed(); nth++) {
        nested_step(t, TE_OFF);
        qvtd_map(t->vtd, &t->tables[TABLE_A], IOVA_SRC, PAGE_A, 12,
                 QVTD_S1_PAGE);
        nested_step(t, SET_A);
        if (op != TE_ON) {
            nested_step(t, TE_ON);
            g_assert_cmpint(nested_probe(t), ==, TO_A);
            nested_step(t, REMAP_B);
        }
        arm_fail_nth(t, nth);
        nested_step(t, op);
        if (nested_iommufd_number(t, "x-fail-nth")) {
            break;
        }
        check_failed_or(t, TABLE_A, dma);
        nested_step(t, PC_GLOBAL);
        nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
        nested_check_fault(t, 0);
    }
    arm_fail_nth(t, 0);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    g_test_message("op %d: %u allocations failed, one at a time", op, nth - 1);
}

static void test_fail_nth(void)
{
    NestedTest t;

    if (!can_fail_nth()) {
        g_test_skip("the kernel has no fault injection: CONFIG_FAILSLAB and "
                    "CONFIG_FAULT_INJECTION_DEBUG_FS");
        return;
    }
    nested_setup(&t);
    sweep(&t, TE_ON, TO_A);
    sweep(&t, INV_PAGE, TO_B);
    nested_teardown(&t);
}

/* Two devices: one stage 2, and one stage 1 where they name the same table */
static void test_share(void)
{
    const char *bdf2 = getenv("VTD_TEST_BDF2");
    g_autofree char *devices = NULL;
    VTDHostEntry one, two;
    NestedTest t, t2;

    if (!bdf2) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
        return;
    }
    devices = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d",
        vtd_host_device(), SLOT, bdf2, SLOT2);
    nested_start(&t, devices);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(&t);

    t2 = t;
    t2.bdf = bdf2;
    nested_setup_device(&t2, 0, QPCI_DEVFN(SLOT2, 0));
    nested_build_entries(&t2);

    g_assert_cmpint(nested_calls(&t, "iommu-ioas-alloc"), ==, 1);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-alloc"), ==, 1);
    one = vtd_host_entry(t.bdf);
    two = vtd_host_entry(bdf2);
    g_assert_cmphex(one.stage2, ==, two.stage2);
    g_assert_cmpuint(one.domain_id, ==, two.domain_id);

    nested_step(&t, SET_A);
    nested_step(&t2, SET_A);
    qvtd_enable_translation(t.vtd, true);
    one = vtd_host_entry(t.bdf);
    two = vtd_host_entry(bdf2);
    g_assert_cmpuint(one.pgtt, ==, PGTT_NESTED);
    g_assert_cmpuint(two.pgtt, ==, PGTT_NESTED);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-alloc"), ==, 2);
    g_assert_cmpuint(one.domain_id, ==, two.domain_id);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    g_assert_cmpint(nested_probe(&t2), ==, TO_A);

    /* One invalidation is for both. */
    nested_step(&t, REMAP_B);
    nested_step(&t, INV_PAGE);
    g_assert_cmpint(nested_probe(&t), ==, TO_B);
    g_assert_cmpint(nested_probe(&t2), ==, TO_B);

    /* And one that leaves does not take the other one along. */
    nested_step(&t2, SET_NONE);
    nested_check_host(&t2, 0, 0);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_cmpint(nested_probe(&t), ==, TO_B);

    g_free(t2.edu.dev);
    nested_teardown(&t);
}

/* ACPI PCI hotplug of Q35, QEMU's docs/specs/acpi_pci_hotplug.rst */
#define PCIHP_BASE      0x0cc0
#define PCIHP_EJECT     0x08
#define PCIHP_SELECT    0x10

#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3"

/* Bus 1 behind it, and a memory window for one BAR */
static void setup_root_port(NestedTest *t)
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

/* Behind the root port, under tables that say table A: translated at once */
static void plug_translated(NestedTest *t)
{
    qtest_qmp_device_add(t->qts, "vfio-pci", "dev", "{'host': %s, "
                         "'iommufd': 'iommufd0', 'bus': 'rp'}", t->bdf);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    nested_setup_device(t, 1, 0);
    g_assert_cmpint(nested_probe(t), ==, TO_A);
}

static void test_unplug(void)
{
    g_autofree char *device = NULL;
    NestedTest t;

    device = g_strdup_printf(ROOT_PORT " -device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,bus=rp", vtd_host_device());
    nested_start(&t, device);
    setup_root_port(&t);
    nested_setup_device(&t, 1, 0);
    nested_build_tables(&t);
    nested_step(&t, SET_A);
    qvtd_enable_translation(t.vtd, true);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    g_free(t.edu.dev);

    /* As the guest's ACPI code lets slot 0 of the only such bus go */
    qtest_qmp_device_del_send(t.qts, "dev");
    qtest_outl(t.qts, PCIHP_BASE + PCIHP_SELECT, 0);
    qtest_outl(t.qts, PCIHP_BASE + PCIHP_EJECT, 1);
    qtest_qmp_eventwait(t.qts, "DEVICE_DELETED");
    g_assert_cmpuint(vtd_host_entry(t.bdf).pgtt, !=, PGTT_NESTED);
    g_assert_cmpint(nested_calls(&t, "iommu-destroy"), ==,
                    nested_calls(&t, "iommu-ioas-alloc") +
                    nested_calls(&t, "iommu-hwpt-alloc"));

    /* Nothing was left attached: the device comes back, and stage 1 too. */
    plug_translated(&t);
    nested_teardown(&t);
}

/* Hot-plugged under a guest that has its tables in place already */
static void test_plug_translated(void)
{
    NestedTest t;

    nested_start(&t, ROOT_PORT);
    setup_root_port(&t);
    t.bus = 1;
    nested_build_tables(&t);
    nested_step(&t, SET_A);
    qvtd_enable_translation(t.vtd, true);
    plug_translated(&t);
    nested_teardown(&t);
}

/* What the guest is told */
static void test_capabilities(void)
{
    uint64_t cap, ecap;
    NestedTest t;

    nested_setup(&t);
    cap = qvtd_readq(t.vtd, DMAR_CAP_REG);
    ecap = qvtd_readq(t.vtd, DMAR_ECAP_REG);
    g_assert_cmphex(ecap & VTD_ECAP_SMTS, !=, 0);
    g_assert_cmphex(ecap & VTD_ECAP_FLTS, !=, 0);
    g_assert_cmphex(ecap & VTD_ECAP_SLTS, ==, 0);
    g_assert_cmphex(ecap & BIT_ULL(26), ==, 0);         /* NEST */
    g_assert_cmphex(cap & BIT_ULL(60), ==, 0);          /* FS5LP */
    /* Entries that are not present are as good as cached. */
    g_assert_cmphex(cap & VTD_CAP_CM, !=, 0);
    nested_teardown(&t);
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
    qtest_add_func("/intel-iommu/nested/fail-nth", test_fail_nth);
    qtest_add_func("/intel-iommu/nested/share", test_share);
    qtest_add_func("/intel-iommu/nested/unplug", test_unplug);
    qtest_add_func("/intel-iommu/nested/plug-translated", test_plug_translated);

    return g_test_run();
}
