/*
 * intel-iommu,nested=on: a hostile guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-steps.h"
#include "libqos/patience.h"
#include "storm.h"
#include "storm-watch.h"

#define STORM_BASE      (44 * MIB)
#define PAGE_REQUESTS   (60 * MIB)      /* their queue */
#define SLOT_TESTDEV    6
#define PATIENCE        1000            /* polls */
#define POLL_US         10000
#define OPERATIONS      200000
/* A round has ioctls, and is slow under TCG: let it have more in it. */
#define STAGE_BATCHES   8

/* Afterwards a guest does as it should, and each of the devices works. */
static void check_sane(NestedTest *t, unsigned devfn)
{
    g_free(t->edu.dev);
    nested_setup_device(t, 0, devfn);
    qvtd_init(t->vtd, t->qts, TABLES, TABLES_END);
    nested_build_tables(t);
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    /* The edu's buffer is of the storm; a read from it comes first. */
    g_assert_cmpint(nested_probe(t), ==, TO_A);
    nested_step(t, REMAP_B);
    nested_step(t, INV_PAGE);
    g_assert_cmpint(nested_probe(t), ==, TO_B);
    nested_check_fault(t, 0);
    nested_step(t, TE_OFF);
    qvtd_disable_queue(t->vtd);
}

static int64_t allocated(NestedTest *t, const char *ioctl_name)
{
    g_autofree char *failures = g_strdup_printf("x-failures-%s", ioctl_name);

    return nested_calls(t, ioctl_name) - nested_iommufd_number(t, failures);
}

/* With VTD_TEST_TESTDEV, PASIDs and page requests are part of it. */
static char *testdev_options(const char *testdev)
{
    return testdev ? g_strdup_printf("-device vfio-pci,host=%s,"
                                     "iommufd=iommufd0,addr=%d", testdev,
                                     SLOT_TESTDEV)
                   : g_strdup("");
}

static void add_testdev(Storm *storm, NestedTest *t, QTestdev *testdev)
{
    unsigned devfn = QPCI_DEVFN(SLOT_TESTDEV, 0);

    qtestdev_init(testdev, t->qts, qpci_device_find(t->pci, devfn));
    qtestdev_enable(testdev, QTESTDEV_PASID | QTESTDEV_ATS | QTESTDEV_PRI);
    qvtd_writeq(t->vtd, DMAR_PQA_REG, PAGE_REQUESTS);
    storm_add_testdev(storm, testdev, devfn);
}

/* With all detached the kernel has answered for the guest. */
static void check_testdev(NestedTest *t, QTestdev *testdev)
{
    unsigned polls = 0;

    while (qtestdev_readl(testdev, PASID_TESTDEV_OUTSTANDING) &&
           has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_test_message("%" PRId64 " fault queues, %" PRId64 " reads of them",
                   nested_calls(t, "iommu-fault-queue-alloc"),
                   nested_calls(t, "iommu-fault-queue-read"));
    g_free(testdev->dev);
}

static void test_storm(void)
{
    const char *bdf2 = getenv("VTD_TEST_BDF2");
    /* PASIDs of passed-through devices came with that version. */
    const char *pasids = nested_host_at_least(6, 15) ?
                         getenv("VTD_TEST_TESTDEV") : NULL;
    g_autofree char *more = testdev_options(pasids);
    QTestdev testdev;
    uint64_t operations = storm_wanted(OPERATIONS);
    g_autofree char *watch_options = NULL;
    g_autofree char *options = NULL;
    StormWatch watch;
    NestedTest t, t2;
    Storm storm;

    if (!bdf2) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
        return;
    }
    watch_options = storm_watch_init(&watch);
    options = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d %s %s",
        vtd_host_device(), SLOT, bdf2, SLOT2, more, watch_options);
    nested_start_props(&t, pasids ? "nested=on,pasid=on,pri=on,device-iotlb=on"
                                  : "nested=on", options);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    t2 = t;
    t2.bdf = bdf2;
    nested_setup_device(&t2, 0, QPCI_DEVFN(SLOT2, 0));

    storm_init(&storm, t.vtd, STORM_BASE, RAM_END);
    storm.stage_batches = STAGE_BATCHES;
    storm_add_device(&storm, &t.edu, t.devfn);
    storm_add_device(&storm, &t2.edu, t2.devfn);
    if (pasids) {
        add_testdev(&storm, &t, &testdev);
    }
    storm_run(&storm, operations / 10);
    storm_watch_start(&watch, t.qts);
    storm_run(&storm, operations - operations / 10);
    storm_watch_check(&watch, t.qts);
    storm_end(&storm);
    if (pasids) {
        check_testdev(&t, &testdev);
    }
    g_test_message("%" PRId64 " nested HWPTs, %" PRId64 " invalidations, %"
                   PRId64 " attaches", nested_calls(&t, "iommu-hwpt-alloc"),
                   nested_calls(&t, "iommu-hwpt-invalidate"),
                   nested_calls(&t, "vfio-device-attach-iommufd-pt"));

    check_sane(&t, QPCI_DEVFN(SLOT, 0));
    check_sane(&t2, QPCI_DEVFN(SLOT2, 0));
    /* What is not attached any more is not there any more. */
    g_assert_cmpint(allocated(&t, "iommu-hwpt-alloc") +
                    allocated(&t, "iommu-fault-queue-alloc") - 1, ==,
                    nested_calls(&t, "iommu-destroy"));
    g_free(t2.edu.dev);
    nested_teardown(&t);
    storm_watch_end(&watch);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/storm", test_storm);
    return g_test_run();
}
