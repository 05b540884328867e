/*
 * intel-iommu,ecap-nest=on: a hostile guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqos/pci-pc.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-world.h"
#include "storm.h"
#include "storm-watch.h"
#include "rows.h"

#define STORM_BASE      0x0c800000ULL
#define RAM             (256ULL << 20)
#define OPERATIONS      1000000
#define SID2            0x28

/* A storm, and then a guest that does all as it should */
static void test_storm(gconstpointer props)
{
    g_autofree char *watch_options = NULL;
    g_autofree char *unit = qvtd_unit_props(props);
    g_autofree char *all_props = NULL;
    WorldSetup setup = {};
    uint64_t operations = storm_wanted(OPERATIONS);
    QVTDFault fault;
    QVTDEdu edu2;
    StormWatch watch;
    Storm storm;
    World w;

    watch_options = storm_watch_init(&watch);
    all_props = g_strdup_printf("%s -device edu,addr=5,dma_mask="
                                "0xffffffffffffffff %s", unit,
                                watch_options);
    setup.props = all_props;
    world_start(&w, &setup);
    qvtd_edu_init(&edu2, &w.vtd, qpci_device_find(w.bus, QPCI_DEVFN(5, 0)));
    storm_init(&storm, &w.vtd, STORM_BASE, RAM);
    storm_add_device(&storm, &w.edu, WORLD_SID);
    storm_add_device(&storm, &edu2, SID2);
    storm_run(&storm, operations / 10);
    storm_watch_start(&watch, w.qts);
    storm_run(&storm, operations - operations / 10);
    storm_watch_check(&watch, w.qts);
    storm_end(&storm);

    world_rebuild(&w, &setup);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    g_assert_true(world_read(&w));
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
    g_free(edu2.dev);
    world_stop(&w);
    storm_watch_end(&watch);
}

void add_tests(void)
{
    qtest_add_data_func("/vtd-walk/storm", "ecap-nest=on", test_storm);
}
