/*
 * intel-iommu,nested=on: devices beside each other, and where they are plugged
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs, and a second device.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-steps.h"

#define PORT            3           /* the root port's slot */
#define EMULATED        6           /* the emulated edu's */
#define CYCLES          1000
#define CYCLE_SLOTS     8           /* descriptors of a cycle */
#define SLOTS           128         /* ... of the queue */

#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3 "

static char *vfio_device(const char *bdf, const char *more)
{
    return g_strdup_printf("-device vfio-pci,host=%s,%s ", bdf, more);
}

/* NULL, and the case is skipped, if there is none */
static const char *second_device(void)
{
    const char *bdf = getenv("VTD_TEST_BDF2");

    if (!bdf) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
    }
    return bdf;
}

/* Another device of the same machine.  @bdf NULL: an emulated one */
static void add_device(NestedTest *t, const NestedTest *first, const char *bdf,
                       uint8_t bus, uint8_t devfn)
{
    *t = *first;
    t->bdf = bdf;
    nested_setup_device(t, bus, devfn);
    nested_build_entries(t);
}

static void start_two(NestedTest *t, NestedTest *t2, const char *bdf2,
                      const char *more2)
{
    g_autofree char *one = vfio_device(vtd_host_device(),
                                       "iommufd=iommufd0,addr=4");
    g_autofree char *two = vfio_device(bdf2, more2);
    g_autofree char *devices = g_strdup_printf(
        "-object iommufd,id=iommufd1 %s %s", one, two);

    nested_start(t, devices);
    nested_setup_device(t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(t);
    add_device(t2, t, bdf2, 0, QPCI_DEVFN(SLOT2, 0));
}

/* Each iommufd has a stage 2 and nested HWPTs of its own. */
static void test_two_iommufds(void)
{
    const char *bdf2 = second_device();
    VTDHostEntry one, two;
    NestedTest t, t2;

    if (!bdf2) {
        return;
    }
    start_two(&t, &t2, bdf2, "iommufd=iommufd1,addr=5");
    nested_step(&t, SET_A);
    nested_step(&t2, SET_A);
    nested_step(&t, TE_ON);
    one = vtd_host_entry(t.bdf);
    two = vtd_host_entry(t2.bdf);
    g_assert_cmphex(one.stage1, ==, two.stage1);
    g_assert_cmphex(one.stage2, !=, two.stage2);
    g_assert_cmpuint(one.domain_id, !=, two.domain_id);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-alloc"), ==, 1);
    nested_check_dma(&t, TO_A);
    nested_check_dma(&t2, TO_A);

    /* One invalidation of the guest is one for each. */
    nested_step(&t, REMAP_B);
    nested_step(&t, INV_PAGE);
    nested_check_dma(&t, TO_B);
    nested_check_dma(&t2, TO_B);
    nested_step(&t, SET_NONE);
    nested_check_host(&t, 0, 0);
    nested_check_dma(&t2, TO_B);
    g_free(t2.edu.dev);
    nested_teardown(&t);
}

/*
 * A device that joins others on a table with a domain-id of its own has nothing
 * cached, whatever the others have.
 */
static void test_join(void)
{
    const char *bdf2 = second_device();
    int64_t invalidations;
    NestedTest t, t2;

    if (!bdf2) {
        return;
    }
    start_two(&t, &t2, bdf2, "iommufd=iommufd0,addr=5");
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    nested_check_dma(&t, TO_A);
    nested_step(&t, REMAP_B);
    /* Hardware that caches by device shows no difference: count it as well. */
    invalidations = nested_calls(&t, "iommu-hwpt-invalidate");
    nested_step(&t2, SET_A_DID2);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-invalidate"), ==,
                    invalidations + 1);
    nested_check_host(&t2, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_dma(&t2, TO_B);

    /* Each domain-id reaches what the two share, though it is one of them. */
    nested_step(&t, REMAP_A);
    nested_step(&t, INV_OTHER_DID);
    nested_check_dma(&t2, TO_A);
    nested_step(&t, REMAP_B);
    nested_step(&t, INV_PASID);
    nested_check_dma(&t, TO_B);

    /* One moves away: the other one's invalidations still reach it. */
    nested_step(&t2, SET_B);
    nested_step(&t, REMAP_A);
    nested_step(&t, INV_PASID);
    nested_check_dma(&t, TO_A);
    nested_check_dma(&t2, TO_B);
    g_free(t2.edu.dev);
    nested_teardown(&t);
}

/* An emulated device on the same table: QEMU walks it for that one. */
static void test_emulated(void)
{
    g_autofree char *vfio = vfio_device(vtd_host_device(),
                                        "iommufd=iommufd0,addr=4");
    g_autofree char *devices = g_strdup_printf(
        "%s -device edu,addr=6,dma_mask=0xffffffffffffffff", vfio);
    NestedTest t, emulated;

    nested_start(&t, devices);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(&t);
    add_device(&emulated, &t, NULL, 0, QPCI_DEVFN(EMULATED, 0));
    nested_check_dma(&emulated, IDENTITY);
    nested_step(&t, SET_A);
    nested_step(&emulated, SET_A);
    nested_step(&t, TE_ON);
    nested_check_dma(&t, TO_A);
    nested_check_dma(&emulated, TO_A);

    nested_step(&t, REMAP_B);
    nested_step(&t, INV_PAGE);
    nested_check_dma(&t, TO_B);
    nested_check_dma(&emulated, TO_B);

    /* Its entry changes; a PASID-cache invalidation is what tells. */
    nested_step(&emulated, SET_PASS);
    nested_check_dma(&emulated, IDENTITY);
    nested_step(&emulated, SET_A_DID2);
    nested_check_dma(&emulated, TO_B);
    nested_step(&t, REMAP_A);
    nested_step(&emulated, SET_B);
    nested_step(&emulated, SET_A);
    nested_check_dma(&emulated, TO_A);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_free(emulated.edu.dev);
    nested_teardown(&t);
}

/* Attach, change, clear: the requester ID has the bus that the guest set. */
static void run_function(NestedTest *t, uint8_t bus, uint8_t devfn)
{
    nested_setup_device(t, bus, devfn);
    nested_build_tables(t);
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    nested_check_dma(t, TO_A);
    nested_step(t, REMAP_B);
    nested_step(t, INV_PAGE);
    nested_check_dma(t, TO_B);
    nested_step(t, SET_STAGE2);
    nested_check_fault(t, 0x5b);
    nested_check_dma(t, BLOCKED);
    nested_step(t, SET_A);
    nested_check_dma(t, TO_B);
}

static void run_behind(NestedTest *t, uint8_t bus)
{
    run_function(t, bus, 0);
}

static void test_root_port(void)
{
    g_autofree char *vfio = vfio_device(vtd_host_device(),
                                        "iommufd=iommufd0,bus=rp");
    g_autofree char *devices = g_strconcat(ROOT_PORT, vfio, NULL);
    NestedTest t;

    nested_start(&t, devices);
    nested_setup_bridge(&t, PORT << 3, 1, 1);
    run_behind(&t, 1);
    nested_teardown(&t);
}

static void test_switch(void)
{
    g_autofree char *vfio = vfio_device(vtd_host_device(),
                                        "iommufd=iommufd0,bus=down");
    g_autofree char *devices = g_strconcat(
        ROOT_PORT "-device x3130-upstream,id=up,bus=rp "
        "-device xio3130-downstream,id=down,bus=up,chassis=2,slot=2 ", vfio,
        NULL);
    NestedTest t;

    nested_start(&t, devices);
    nested_setup_bridge(&t, PORT << 3, 1, 3);
    nested_setup_bridge(&t, 1 << 8, 2, 3);
    nested_setup_bridge(&t, 2 << 8, 3, 3);
    run_behind(&t, 3);
    nested_teardown(&t);
}

/* From devfn 0x80 on the root entry's upper half leads to the context entry. */
static void test_upper_half(void)
{
    g_autofree char *vfio = vfio_device(vtd_host_device(),
                                        "iommufd=iommufd0,addr=0x13");
    NestedTest t;

    nested_start(&t, vfio);
    run_function(&t, 0, QPCI_DEVFN(0x13, 0));
    /* Neither half stands for the other. */
    qvtd_edit(t.vtd, t.vtd->root, ~0ULL, 0);
    nested_step(&t, CC_GLOBAL);
    nested_check_dma(&t, TO_B);
    qvtd_edit(t.vtd, t.vtd->root + 8, ~0ULL, 0);
    nested_step(&t, CC_GLOBAL);
    nested_check_host(&t, 0, 0);
    nested_check_dma(&t, BLOCKED);
    nested_teardown(&t);
}

/* A root bus beside pcie.0, which the vIOMMU translates as well */
#define EXPANDER_BUS    0x40

static void test_expander(void)
{
    g_autofree char *vfio = vfio_device(vtd_host_device(),
                                        "iommufd=iommufd0,bus=down");
    g_autofree char *devices = g_strconcat(
        "-device pxb-pcie,id=pxb,bus_nr=" stringify(EXPANDER_BUS) ",addr=7 "
        "-device pcie-root-port,id=down,bus=pxb,chassis=2,slot=2,addr=0 ", vfio,
        NULL);
    NestedTest t;

    nested_start(&t, devices);
    nested_setup_bridge(&t, EXPANDER_BUS << 8, EXPANDER_BUS + 1,
                        EXPANDER_BUS + 1);
    run_behind(&t, EXPANDER_BUS + 1);
    nested_teardown(&t);
}

/* ... and one that it does not: the guest's tables are not asked. */
static void test_bypass(void)
{
    const char *bdf2 = second_device();
    g_autofree char *one = NULL;
    g_autofree char *two = NULL;
    g_autofree char *devices = NULL;
    NestedTest t, t2;

    if (!bdf2) {
        return;
    }
    one = vfio_device(vtd_host_device(), "iommufd=iommufd0,bus=pcie.0,addr=4");
    two = vfio_device(bdf2, "iommufd=iommufd0,bus=down");
    devices = g_strconcat(
        "-device pxb-pcie,id=pxb,bus_nr=" stringify(EXPANDER_BUS) ",addr=7,"
        "bypass_iommu=on "
        "-device pcie-root-port,id=down,bus=pxb,chassis=2,slot=2,addr=0 ", one,
        two, NULL);
    nested_start(&t, devices);
    nested_setup_bridge(&t, EXPANDER_BUS << 8, EXPANDER_BUS + 1,
                        EXPANDER_BUS + 1);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(&t);
    add_device(&t2, &t, bdf2, EXPANDER_BUS + 1, 0);
    /* Each has an IOAS of its own, with all of the guest's memory. */
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-alloc"), ==, 2);
    nested_step(&t, SET_A);
    nested_step(&t2, SET_A);
    nested_step(&t, TE_ON);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_host(&t2, PGTT_STAGE2, 0);
    nested_check_dma(&t, TO_A);
    nested_check_dma(&t2, IDENTITY);
    nested_check_fault(&t, 0);
    g_free(t2.edu.dev);
    nested_teardown(&t);
}

/* One of two on one HWPT is unplugged while the other one does DMA. */
static void test_unplug_one(void)
{
    const char *bdf2 = second_device();
    g_autofree char *one = NULL;
    g_autofree char *two = NULL;
    g_autofree char *devices = NULL;
    NestedTest t, t2;

    if (!bdf2) {
        return;
    }
    one = vfio_device(vtd_host_device(), "iommufd=iommufd0,addr=4");
    two = vfio_device(bdf2, "iommufd=iommufd0,id=two,bus=rp");
    devices = g_strconcat(ROOT_PORT, one, two, NULL);
    nested_start(&t, devices);
    nested_setup_bridge(&t, PORT << 3, 1, 1);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(&t);
    add_device(&t2, &t, bdf2, 1, 0);
    nested_step(&t, SET_A);
    nested_step(&t2, SET_A);
    nested_step(&t, TE_ON);
    nested_check_dma(&t2, TO_A);
    g_free(t2.edu.dev);

    qtest_memset(t.qts, PAGE_A, 'A', PAGE);
    qvtd_edu_start_read(&t.edu, IOVA_SRC, PAGE);
    nested_eject(t.qts, "two");
    qvtd_edu_finish(&t.edu);
    g_assert_cmpuint(vtd_host_entry(t2.bdf).pgtt, !=, PGTT_NESTED);
    /* What it read meanwhile, and what it does now */
    qtest_memset(t.qts, PAGE_DST, 0, PAGE);
    qvtd_edu_write(&t.edu, IOVA_DST, PAGE);
    g_assert_cmphex(qtest_readb(t.qts, PAGE_DST + PAGE - 1), ==, 'A');
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_step(&t, REMAP_B);
    nested_step(&t, INV_PAGE);
    nested_check_dma(&t, TO_B);
    nested_teardown(&t);
}

/* HWPTs that the kernel was asked for and that were not destroyed */
static int64_t hwpts_alive(NestedTest *t)
{
    return nested_calls(t, "iommu-hwpt-alloc") +
           nested_calls(t, "iommu-ioas-alloc") -
           nested_calls(t, "iommu-destroy");
}

/* A wait descriptor writes: one that writes an entry */
static void put_write(QVTD *v, uint64_t addr, uint32_t val)
{
    const uint64_t desc[4] = {
        VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
        (uint64_t)val << VTD_INV_DESC_WAIT_DATA_SHIFT, addr,
    };

    qvtd_queue_put(v, desc);
}

/*
 * Fills the queue with SLOTS / CYCLE_SLOTS times the same: the entry on table A,
 * on table B, not present.
 */
static void fill_queue(NestedTest *t)
{
    const uint64_t pasid_cache[4] = { QVTD_INV_PC_GLOBAL };
    const uint64_t nothing[4] = { QVTD_INV_IEC_GLOBAL };
    QVTD *v = t->vtd;

    qvtd_disable_queue(v);
    qvtd_enable_queue(v);
    do {
        put_write(v, t->entry + 16, t->tables[TABLE_A].root);
        put_write(v, t->entry, PGTT_STAGE1 << 6 | 1);
        qvtd_queue_put(v, pasid_cache);
        put_write(v, t->entry + 16, t->tables[TABLE_B].root);
        qvtd_queue_put(v, pasid_cache);
        put_write(v, t->entry, 0);
        qvtd_queue_put(v, pasid_cache);
        qvtd_queue_put(v, nothing);
    } while (v->tail);
}

/* Attach, replace, detach, over and over: nothing is left behind. */
static void test_cycles(void)
{
    const unsigned at_once = SLOTS / CYCLE_SLOTS - 1;
    VTDHostObjects without, idle, now;
    unsigned domain_id, cycles;
    int64_t alive, allocs;
    NestedTest t;

    nested_shared_done(true);
    without = vtd_host_objects();
    nested_setup(&t);
    nested_step(&t, TE_ON);
    nested_step(&t, SET_A);
    domain_id = vtd_host_entry(t.bdf).domain_id;
    nested_step(&t, SET_NONE);
    alive = hwpts_alive(&t);
    allocs = nested_calls(&t, "iommu-hwpt-alloc");
    idle = vtd_host_objects();

    fill_queue(&t);
    for (cycles = 0; cycles < CYCLES && !g_test_failed(); cycles += at_once) {
        t.vtd->tail = (t.vtd->tail + at_once * CYCLE_SLOTS) % SLOTS;
        qvtd_queue_submit(t.vtd);
        qvtd_queue_settle(t.vtd);
        g_assert_cmphex(qvtd_readq(t.vtd, DMAR_IQH_REG), ==,
                        t.vtd->tail * 32);
    }
    g_test_message("%u cycles: %" PRId64 " HWPTs allocated; alive: %" PRId64
                   " before, %" PRId64 " after", cycles,
                   nested_calls(&t, "iommu-hwpt-alloc") - allocs, alive,
                   hwpts_alive(&t));
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-alloc") - allocs, ==,
                    2 * cycles);
    g_assert_cmpint(hwpts_alive(&t), ==, alive);
    now = vtd_host_objects();
    vtd_host_check_objects(&idle, &now);
    /* Had each cycle forgotten one, there would be that many more. */
    g_assert_cmpint(now.heap, <, idle.heap + cycles);
    /* The kernel gives the lowest free number: none was kept. */
    nested_step(&t, SET_A);
    g_assert_cmpuint(vtd_host_entry(t.bdf).domain_id, ==, domain_id);
    nested_check_dma(&t, TO_A);
    nested_teardown(&t);
    /* And QEMU leaves nothing. */
    now = vtd_host_objects();
    vtd_host_check_objects(&without, &now);
    g_assert_cmpint(now.heap, <, without.heap + cycles);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/topology/two-iommufds",
                   test_two_iommufds);
    qtest_add_func("/intel-iommu/nested/topology/join", test_join);
    nested_add_func("/intel-iommu/nested/topology/emulated", test_emulated);
    qtest_add_func("/intel-iommu/nested/topology/root-port", test_root_port);
    qtest_add_func("/intel-iommu/nested/topology/switch", test_switch);
    qtest_add_func("/intel-iommu/nested/topology/upper-half",
                   test_upper_half);
    qtest_add_func("/intel-iommu/nested/topology/expander", test_expander);
    qtest_add_func("/intel-iommu/nested/topology/bypass", test_bypass);
    nested_add_func("/intel-iommu/nested/topology/unplug-one",
                    test_unplug_one);
    qtest_add_func("/intel-iommu/nested/topology/cycles", test_cycles);

    return g_test_run();
}
