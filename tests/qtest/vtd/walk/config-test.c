/*
 * QTest cases for what intel-iommu,ecap-nest=on reports, and refuses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A case is a row.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "qobject/qlist.h"
#include "walk-world.h"
#include "rows.h"

#define NEST5           "ecap-nest=on,fs5lp=on"
#define ADDRESS         0x000ffffffffff000ULL

typedef struct PropRow {
    const char *name;
    const char *props;
    const char *error;      /* part of the message; NULL: the unit starts */
    uint64_t cap, ecap;     /* bits that must be there */
    uint64_t no_cap, no_ecap;
} PropRow;

#define NEST_ECAP   (1ULL << 26 | 1ULL << 31 | 19ULL << 35 | 1ULL << 40 | \
                     1ULL << 43 | 1ULL << 45 | 1ULL << 46 | 1ULL << 47 | \
                     1ULL << 48 | 1ULL << 49 | 1ULL << 53 | 1ULL << 7)
/* Of properties that are off by default */
#define MORE_CAP    (3ULL << 62)
#define MORE_ECAP   (1ULL << 34 | 1ULL << 25 | 1ULL << 0)
#define MORE_PROPS  "ecap-nest=on,x-c=on,x-mts=on,x-eafs=on,x-esrtps=on," \
                    "x-esirtps=on"
#define PROFILE     "ecap-nest=on,intremap=on,x-profile=server-6.0"
#define PROFILE_CAP     0x09ed008c40780466ULL
#define PROFILE_ECAP    0x0003ee9e86f050dfULL
#define LESS_ECAP   (1ULL << 7 | 1ULL << 48 | 1ULL << 49 | 1ULL << 53)
#define LESS_PROPS  "ecap-nest=on,x-sc=off,x-smpwc=off,x-rps=off,x-rprivs=off"

static const PropRow prop_rows[] = {
    { "on", "ecap-nest=on", NULL, 1ULL << 56 | 3ULL << 34, NEST_ECAP,
      1ULL << 60 | 1 << 7 | MORE_CAP, MORE_ECAP | 1ULL << 33 },
    { "more", MORE_PROPS, NULL, MORE_CAP, NEST_ECAP | MORE_ECAP },
    { "less", LESS_PROPS, NULL, 0, NEST_ECAP & ~LESS_ECAP, 0, LESS_ECAP },
    { "less/srs", "ecap-nest=on,x-srs=off", NULL, 0, 0, 0,
      1ULL << 31 | 1ULL << 53 },
    { "nwfs", "ecap-nest=on,device-iotlb=on", NULL, 0, NEST_ECAP | 1ULL << 33 },
    { "fs5lp", NEST5, NULL, 1ULL << 60, NEST_ECAP },
    { "aw-39", "ecap-nest=on,aw-bits=39", NULL, 38 << 16 | 0x600,
      NEST_ECAP, 63 << 16 & ~(38 << 16) },
    { "off", "x-scalable-mode=on,x-flts=on", NULL, 0, 0, 1ULL << 60,
      NEST_ECAP & ~(1ULL << 43 | 1ULL << 47) },
    { "error/aw-bits", "ecap-nest=on,aw-bits=40", "aw-bits=40" },
    { "error/dma-translation", "ecap-nest=on,dma-translation=off",
      "dma-translation=off" },
    { "error/fs5lp", "fs5lp=on", "ecap-nest=on" },
    { "profile", PROFILE, NULL, PROFILE_CAP, PROFILE_ECAP, ~PROFILE_CAP,
      ~PROFILE_ECAP },
    { "error/profile", "ecap-nest=on,intremap=on,x-profile=none",
      "x-profile=none" },
    { "error/profile/intremap",
      "ecap-nest=on,intremap=off,x-profile=server-6.0",
      "requires intremap=on" },
    { "error/profile/aw-bits", PROFILE ",aw-bits=57", "leave aw-bits out" },
    { "error/profile/srs", PROFILE ",x-srs=off", "leave x-srs out" },
    { "error/profile/sc", PROFILE ",x-sc=off", "leave x-sc out" },
    { "error/profile/alone", "x-profile=server-6.0",
      "x-profile requires ecap-nest=on" },
    { "error/rmrr", "ecap-nest=on,x-rmrr=4", "x-rmrr=4" },
    { "error/rmrr/slot", "ecap-nest=on,x-rmrr=00:20.0", "x-rmrr=00:20.0" },
    { "error/satc", "ecap-nest=on,x-satc=00:04.0x", "x-satc=00:04.0x" },
    { "error/satc/alone", "x-satc=00:04.0", "x-satc requires ecap-nest=on" },
    { "error/pasid", "ecap-nest=on,pasid=on", "pasid=on" },
    { "error/pasid/device-iotlb", "ecap-nest=on,device-iotlb=on,pasid=on",
      "pasid=on" },
    { "error/snoop-control", "ecap-nest=on,snoop-control=on",
      "snoop-control=on" },
    { "error/dma-drain", "ecap-nest=on,dma-drain=off", "dma-drain=off" },
    { "error/pri", "ecap-nest=on,device-iotlb=on,pri=on", "pri=on" },
    { "error/nested", "ecap-nest=on,nested=on", "nested=on" },
    { "error/strict", "x-strict=on", "x-strict=on requires ecap-nest=on" },
    { "error/slads", "x-slads=off", "x-slads=off requires ecap-nest=on" },
    { "error/profile/smpwc", PROFILE ",x-smpwc=off", "leave x-smpwc out" },
    { "error/smpwc", "x-smpwc=off", "x-smpwc=off requires nested=on or" },
    { "nested/smpwc", "nested=on", NULL, 0, 1ULL << 48 },
    { "nested/no-smpwc", "nested=on,x-smpwc=off", NULL, 0, 0, 0, 1ULL << 48 },
    { "error/eim", "nested=on,intremap=off,eim=on",
      "eim=on cannot be selected without intremap=on" },
    { "error/rps", "x-rps=off", "x-rps=off requires ecap-nest=on" },
    { "error/c", "x-c=on", "x-c=on requires ecap-nest=on" },
    { "error/esrtps", "nested=on,x-esrtps=on",
      "x-esrtps=on requires ecap-nest=on" },
};

static void check_refused(const PropRow *row)
{
    g_autofree char *device = g_strdup_printf("intel-iommu,%s", row->props);
    g_autofree char *rom = world_rom_file();
    g_autofree char *err = NULL;
    const char *argv[] = {
        getenv("QTEST_QEMU_BINARY"), "-M", "q35,accel=qtest", "-display",
        "none", "-nodefaults", "-S", "-bios", rom, "-device", device, NULL,
    };
    int status = 0;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL,
                               G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &err,
                               &status, NULL));
    unlink(rom);
    g_assert_cmpint(status, !=, 0);
    if (!strstr(err, row->error)) {
        g_test_message("no \"%s\" in: %s", row->error, err);
        g_test_fail();
    }
}

static void test_props(gconstpointer opaque)
{
    const PropRow *row = opaque;
    uint64_t cap, ecap;
    World w;

    if (row->error) {
        check_refused(row);
        return;
    }
    world_start(&w, &(WorldSetup) { .props = row->props });
    cap = qvtd_readq(&w.vtd, DMAR_CAP_REG);
    ecap = qvtd_readq(&w.vtd, DMAR_ECAP_REG);
    g_assert_cmphex(cap & row->cap, ==, row->cap);
    g_assert_cmphex(cap & row->no_cap, ==, 0);
    g_assert_cmphex(ecap & row->ecap, ==, row->ecap);
    g_assert_cmphex(ecap & row->no_ecap, ==, 0);
    world_stop(&w);
}

/* A unit whose registers are where that server's has them */
static void test_profile(void)
{
    World w;

    world_start(&w, &(WorldSetup) { .props = PROFILE });
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_VER_REG), ==, 0x60);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    qvtd_enable_translation(&w.vtd, true);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    world_edit(&w, S2_LEAF, ADDRESS, w.other);
    qvtd_writeq(&w.vtd, 0x508, VTD_TLB_IVT | VTD_TLB_GLOBAL_FLUSH);
    g_assert_cmphex(qvtd_readq(&w.vtd, 0x508) & VTD_TLB_IVT, ==, 0);
    g_assert_cmpint(world_write(&w, w.iova), ==, OTHER_PAGE);

    g_assert_cmpint(world_write(&w, 1ULL << 47), ==, NO_PAGE);
    g_assert_cmphex(qvtd_readq(&w.vtd, 0x408) >> 32 & 0xff, ==, 0x80);
    g_assert_cmphex(qvtd_readq(&w.vtd, DMAR_FRCD_REG_0_2), ==, 0);
    qvtd_writeq(&w.vtd, 0x408, VTD_FRCD_F);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & VTD_FSTS_PPF, ==, 0);
    world_stop(&w);
}

/* As many vCPUs as have APIC IDs beyond 255, which the remapping has as well */
static void test_vcpus(void)
{
    QTestState *qts = qtest_init(
        "-M q35,kernel-irqchip=split -m 64M -nodefaults -smp 288 "
        "-cpu qemu64,x2apic=on "
        "-device intel-iommu,nested=on,intremap=on,eim=on");
    g_autoptr(QDict) answer = qtest_qmp(qts, "{'execute': 'query-cpus-fast'}");
    QVTD v;
    uint64_t ecap;

    qvtd_init(&v, qts, 0x1000000, 0x2000000);
    ecap = qvtd_readq(&v, DMAR_ECAP_REG);
    g_assert_cmpuint(qlist_size(qdict_get_qlist(answer, "return")), ==, 288);
    g_assert_cmphex(ecap & VTD_ECAP_IR, ==, VTD_ECAP_IR);
    g_assert_cmphex(ecap & VTD_ECAP_EIM, ==, VTD_ECAP_EIM);
    g_assert_cmphex(ecap & VTD_ECAP_SMTS, ==, VTD_ECAP_SMTS);
    qvtd_quit(qts);
}

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/props", prop_rows, test_props);
    qtest_add_func("/vtd-walk/profile", test_profile);
    qtest_add_func("/vtd-walk/288-vcpus", test_vcpus);
}
