/*
 * intel-iommu,nested=on: a device is reset under the guest's tables
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs an edu device alone on a bus in VTD_TEST_BDF, and for what needs
 * Function Level Reset an NVMe controller in VTD_TEST_NVME.  The tables are the
 * IOMMU's, not the device's: what they say stays in force.
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "nested-steps.h"

#define PORT            3           /* the root port's slot */
#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3 "

/* NVMe registers, and commands of its admin queue (NVMe base specification) */
#define NVME_CC         0x14
#define NVME_CC_EN      (1 | 6 << 16 | 4 << 20)     /* entries of 64 and 16 */
#define NVME_CSTS       0x1c
#define NVME_CSTS_RDY   1
#define NVME_AQA        0x24
#define NVME_ASQ        0x28
#define NVME_ACQ        0x30
#define NVME_SQ0_TAIL   0x1000
#define NVME_IDENTIFY   0x06
#define NVME_CONTROLLER 1           /* CNS */

/* Queues and buffer: IOVAs, and the pages that table A maps them to */
#define IOVA_SQ         (IOVA_SRC + 32 * PAGE)
#define IOVA_CQ         (IOVA_SRC + 33 * PAGE)
#define IOVA_DATA       (IOVA_SRC + 34 * PAGE)
#define MAPPED(iova)    ((iova) - IOVA_SRC + PAGE_A)

#define POLL_US         10000
#define POLLS           200         /* until something must have happened */
#define POLLS_BLOCKED   30          /* ... that should not happen */

static void nvme_wait_ready(NestedTest *t, QPCIBar bar, bool ready)
{
    for (int i = 0; i < POLLS; i++) {
        if ((qpci_io_readl(t->edu.dev, bar, NVME_CSTS) & NVME_CSTS_RDY) ==
            ready) {
            return;
        }
        g_usleep(POLL_US);
    }
    g_assert_not_reached();
}

static void nvme_enable(NestedTest *t, QPCIBar bar)
{
    QPCIDevice *dev = t->edu.dev;

    qpci_io_writel(dev, bar, NVME_CC, 0);
    nvme_wait_ready(t, bar, false);
    qpci_io_writel(dev, bar, NVME_AQA, 1 << 16 | 1);
    qpci_io_writeq(dev, bar, NVME_ASQ, IOVA_SQ);
    qpci_io_writeq(dev, bar, NVME_ACQ, IOVA_CQ);
    qpci_io_writel(dev, bar, NVME_CC, NVME_CC_EN);
    nvme_wait_ready(t, bar, true);
}

/* Has the controller identify itself: where did it read and write? */
static Dma nvme_probe(NestedTest *t, QPCIBar bar, Dma expected)
{
    const uint64_t sq[] = { IOVA_SQ, MAPPED(IOVA_SQ) };
    const uint64_t data[] = { IOVA_DATA, MAPPED(IOVA_DATA) };

    nvme_enable(t, bar);
    for (int i = 0; i < 2; i++) {
        qtest_memset(t->qts, data[i], 0, PAGE);
        qtest_memset(t->qts, sq[i], 0, PAGE);
        qtest_writel(t->qts, sq[i], NVME_IDENTIFY);
        qtest_writeq(t->qts, sq[i] + 24, IOVA_DATA);
        qtest_writel(t->qts, sq[i] + 40, NVME_CONTROLLER);
    }
    qpci_io_writel(t->edu.dev, bar, NVME_SQ0_TAIL, 1);
    for (int i = 0; i < (expected == BLOCKED ? POLLS_BLOCKED : POLLS); i++) {
        /* The page begins with the PCI vendor ID. */
        if (qtest_readw(t->qts, data[0])) {
            return IDENTITY;
        }
        if (qtest_readw(t->qts, data[1])) {
            return TO_A;
        }
        g_usleep(POLL_US);
    }
    return BLOCKED;
}

static bool start_behind_port(NestedTest *t, const char *variable)
{
    const char *bdf = getenv(variable);
    g_autofree char *devices = NULL;

    if (!bdf) {
        g_autofree char *why = g_strdup_printf("%s names no device", variable);

        g_test_skip(why);
        return false;
    }
    devices = g_strdup_printf(ROOT_PORT "-device vfio-pci,host=%s,"
                              "iommufd=iommufd0,bus=rp", bdf);
    nested_start(t, devices);
    t->bdf = bdf;
    nested_setup_bridge(t, PORT << 3, 1, 1);
    nested_setup_device(t, 1, 0);
    nested_build_tables(t);
    for (uint64_t iova = IOVA_SQ; iova <= IOVA_DATA; iova += PAGE) {
        qvtd_map(t->vtd, &t->tables[TABLE_A], iova, MAPPED(iova), 12,
                 QVTD_S1_PAGE);
    }
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
    return true;
}

static void reset_bus(NestedTest *t)
{
    nested_reset_bus(t, PORT << 3);
}

static void reset_function(NestedTest *t)
{
    QPCIDevice *dev = t->edu.dev;
    uint8_t cap = qpci_find_capability(dev, PCI_CAP_ID_EXP, 0);

    g_assert_cmpuint(cap, !=, 0);
    g_assert_cmphex(qpci_config_readl(dev, cap + PCI_EXP_DEVCAP) &
                    PCI_EXP_DEVCAP_FLR, !=, 0);
    qpci_config_writew(dev, cap + PCI_EXP_DEVCTL,
                       qpci_config_readw(dev, cap + PCI_EXP_DEVCTL) |
                       PCI_EXP_DEVCTL_BCR_FLR);
}

static void run_nvme(void (*reset)(NestedTest *t))
{
    QPCIBar bar;
    NestedTest t;

    if (!start_behind_port(&t, "VTD_TEST_NVME")) {
        return;
    }
    bar = t.edu.bar;
    g_assert_cmpint(nvme_probe(&t, bar, TO_A), ==, TO_A);

    reset(&t);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_free(t.edu.dev);
    nested_setup_device(&t, 1, 0);
    bar = t.edu.bar;
    /* It was reset. */
    g_assert_cmphex(qpci_io_readl(t.edu.dev, bar, NVME_CC), ==, 0);
    g_assert_cmpint(nvme_probe(&t, bar, TO_A), ==, TO_A);
    nested_step(&t, SET_NONE);
    g_assert_cmpint(nvme_probe(&t, bar, BLOCKED), ==, BLOCKED);
    nested_check_host(&t, 0, 0);
    /* Blocked it stays, when it is reset. */
    reset(&t);
    nested_check_host(&t, 0, 0);
    nested_teardown(&t);
}

static void test_function(void)
{
    run_nvme(reset_function);
}

static void test_bus(void)
{
    run_nvme(reset_bus);
}

/* The host can reset an edu but with the bus that it is on. */
static void test_bus_edu(void)
{
    NestedTest t;

    if (!start_behind_port(&t, "VTD_TEST_BDF")) {
        return;
    }
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    reset_bus(&t);
    g_assert_cmphex(qpci_config_readw(t.edu.dev, PCI_COMMAND) &
                    PCI_COMMAND_MASTER, ==, 0);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_free(t.edu.dev);
    nested_setup_device(&t, 1, 0);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    nested_step(&t, SET_NONE);
    reset_bus(&t);
    g_free(t.edu.dev);
    nested_setup_device(&t, 1, 0);
    nested_check_host(&t, 0, 0);
    g_assert_cmpint(nested_probe(&t), ==, BLOCKED);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/reset/function", test_function);
    qtest_add_func("/intel-iommu/nested/reset/bus", test_bus);
    qtest_add_func("/intel-iommu/nested/reset/bus-edu", test_bus_edu);

    return g_test_run();
}
