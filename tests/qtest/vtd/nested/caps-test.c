/*
 * intel-iommu,nested=on: what the host has, and what was asked for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs; runs on hosts with more and less.
 * A device on the command line narrows what the guest is told to what the host
 * has too.  One that is plugged later must have all that the guest was told, or
 * is refused, with the capability and the host's value named.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "libqos/vtd-migrate.h"
#include "nested-steps.h"

#define CAP_FS1GP       (1ULL << 56)
#define CAP_FS5LP       (1ULL << 60)
#define CAP_SAGAW_57    (1ULL << 11)
#define ECAP_SMPWC      (1ULL << 48)
#define PWSNP           (1ULL << 23)    /* of an entry's second quadword */

#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3"

/* The optional capabilities */
typedef struct Caps {
    bool fs1gp;
    bool fs5lp;
    bool srs;
    bool smpwc;
} Caps;

typedef struct Ask {
    const char *name;
    const char *viommu;
    Caps caps;
} Ask;

/* The first is what a vIOMMU has by itself. */
static const Ask asks[] = {
    { "default", "", { .fs1gp = true, .srs = true, .smpwc = true } },
    { "no-srs", ",x-srs=off", { .fs1gp = true, .smpwc = true } },
    { "only-smpwc", ",fs1gp=off,x-srs=off", { .smpwc = true } },
    { "least", ",fs1gp=off,x-srs=off,x-smpwc=off", {} },
    { "five-level", ",fs5lp=on", { .fs1gp = true, .srs = true, .smpwc = true,
                                   .fs5lp = true } },
};

static Caps decode(uint64_t cap, uint64_t ecap)
{
    return (Caps) {
        .fs1gp = cap & CAP_FS1GP,
        .fs5lp = cap & CAP_FS5LP,
        .srs = ecap & VTD_ECAP_SRS,
        .smpwc = ecap & ECAP_SMPWC,
    };
}

static Caps host_caps(void)
{
    return decode(vtd_host_register("cap"), vtd_host_register("ecap"));
}

/* What is asked for, if the host has it; 5 levels are required of it. */
static Caps told_of(const Ask *ask, Caps host)
{
    return (Caps) {
        .fs1gp = ask->caps.fs1gp && host.fs1gp,
        .fs5lp = ask->caps.fs5lp,
        .srs = ask->caps.srs && host.srs,
        .smpwc = ask->caps.smpwc && host.smpwc,
    };
}

static void check_guest(NestedTest *t, Caps want)
{
    Caps got = decode(qvtd_readq(t->vtd, DMAR_CAP_REG),
                      qvtd_readq(t->vtd, DMAR_ECAP_REG));

    g_assert_cmpint(got.fs1gp, ==, want.fs1gp);
    g_assert_cmpint(got.fs5lp, ==, want.fs5lp);
    g_assert_cmpint(got.srs, ==, want.srs);
    g_assert_cmpint(got.smpwc, ==, want.smpwc);
}

static void start(NestedTest *t, const Ask *ask, const char *devices)
{
    nested_start_machine(t, &(NestedMachine) { .viommu = ask->viommu },
                         devices);
}

/* An entry with flags that the guest was told of, or not */
static void check_flags(NestedTest *t, uint64_t flags1, uint64_t flags2,
                        bool told)
{
    QVTDPasid pasid = {
        .pgtt = PGTT_STAGE1,
        .did = DID,
        .stage1 = t->tables[TABLE_A].root,
        .flags = { 0, flags1, flags2 },
    };

    /* What is blocked already has no other fault. */
    nested_step(t, SET_A);
    qvtd_write_pasid(t->vtd, t->entry, &pasid);
    nested_inv(t, QVTD_INV_PC_PASID(DID, 0), 0);
    if (told) {
        nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
        nested_check_fault(t, 0);
        g_assert_cmpint(nested_probe(t), ==, TO_A);
    } else {
        nested_check_host(t, 0, 0);
        nested_check_fault(t, 0x5a);
        g_assert_cmpint(nested_probe(t), ==, BLOCKED);
    }
}

/*
 * Supervisor requests, and walks that snoop.  The host's kernel has the latter
 * in a nested entry by itself, whatever the guest's says.
 */
static void check_entries(NestedTest *t, Caps told, Caps host)
{
    g_assert_cmpint(vtd_host_entry(t->bdf).pwsnp, ==, host.smpwc);
    check_flags(t, 0, 1, told.srs);
    check_flags(t, PWSNP, 0, told.smpwc);
    if (told.smpwc) {
        g_assert_true(vtd_host_entry(t->bdf).pwsnp);
    }
}

/* On the command line */
static void test_cold(gconstpointer data)
{
    const Ask *ask = data;
    Caps host = host_caps();
    Caps want = told_of(ask, host);
    g_autofree char *device = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d",
        vtd_host_device(), SLOT);
    NestedTest t;

    start(&t, ask, device);
    check_guest(&t, want);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    check_entries(&t, want, host);
    qtest_system_reset(t.qts);
    check_guest(&t, want);
    nested_teardown(&t);
}

/* What a host that lacks it is refused for, first thing first */
static char *refusal(Caps told, Caps host)
{
    if (told.fs5lp && !host.fs5lp) {
        return g_strdup_printf("has CAP.FS5LP=0 (CAP 0x%" PRIx64 "), must be 1",
                               vtd_host_register("cap"));
    }
    if (told.fs1gp && !host.fs1gp) {
        return g_strdup_printf("has CAP.FS1GP=0 (CAP 0x%" PRIx64 "), but the "
                               "guest was told 1", vtd_host_register("cap"));
    }
    if (told.srs && !host.srs) {
        return g_strdup_printf("has ECAP.SRS=0 (ECAP 0x%" PRIx64 "), but the "
                               "guest was told 1", vtd_host_register("ecap"));
    }
    if (told.smpwc && !host.smpwc) {
        return g_strdup_printf("has ECAP.SMPWC=0 (ECAP 0x%" PRIx64 "), but the "
                               "guest was told 1", vtd_host_register("ecap"));
    }
    return NULL;
}

/* A device for a guest that was told so */
static void plug(NestedTest *t, Caps told)
{
    g_autofree char *message = refusal(told, host_caps());
    const char *bdf = vtd_host_device();
    QDict *error;

    check_guest(t, told);
    if (message) {
        error = qtest_qmp_assert_failure_ref(
            t->qts, "{'execute': 'device_add', 'arguments': {'driver': "
            "'vfio-pci', 'host': %s, 'iommufd': 'iommufd0', 'bus': 'rp'}}",
            bdf);
        g_test_message("%s", qdict_get_str(error, "desc"));
        g_assert_nonnull(strstr(qdict_get_str(error, "desc"), message));
        qobject_unref(error);
    } else {
        nested_device_add(t->qts, bdf);
        nested_check_host(t, PGTT_STAGE2, 0);
    }
    /* The guest has seen them: nothing changes under it. */
    check_guest(t, told);
}

/* Plugged into a guest that was told all that was asked for */
static void test_plug(gconstpointer data)
{
    const Ask *ask = data;
    NestedTest t;

    start(&t, ask, ROOT_PORT);
    plug(&t, ask->caps);
    nested_teardown(&t);
}

/*
 * Plugged after a state came, into a vIOMMU that has more than the guest was
 * told where that was: what it was told counts.
 */
static void test_plug_loaded(gconstpointer data)
{
    const Ask *ask = data;
    g_autofree char *dir = g_dir_make_tmp("caps-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "state", NULL);
    NestedTest from, t;

    start(&from, ask, ROOT_PORT);
    qvtd_save(from.qts, file);
    nested_teardown(&from);

    start(&t, ask->caps.fs5lp ? ask : &asks[0], ROOT_PORT " -incoming defer");
    qvtd_load(t.qts, file, "completed");
    unlink(file);
    rmdir(dir);
    plug(&t, ask->caps);
    nested_teardown(&t);
}

/* Plugged before a state comes: no guest was told anything yet. */
static void test_plug_incoming(gconstpointer data)
{
    const Ask *ask = data;
    Caps want = told_of(ask, host_caps());
    NestedTest t;

    start(&t, ask, ROOT_PORT " -incoming defer");
    check_guest(&t, ask->caps);
    nested_device_add(t.qts, vtd_host_device());
    check_guest(&t, want);
    nested_teardown(&t);
}

#define IOVA_HIGH       (1ULL << 52)    /* beyond 4 levels */

static void test_five_levels(void)
{
    g_autofree char *device = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d",
        vtd_host_device(), SLOT);
    uint8_t page[PAGE];
    QVTDTable *table;
    NestedTest t;

    nested_start_machine(&t, &(NestedMachine) { .viommu = ",fs5lp=on" },
                         device);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(&t);
    table = &t.tables[TABLE_A];
    qvtd_table_init(t.vtd, table, 5, 0, QVTD_S1_LINK);
    qvtd_map(t.vtd, table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
    qvtd_map(t.vtd, table, IOVA_DST, PAGE_DST, 12, QVTD_S1_PAGE);
    qvtd_map(t.vtd, table, IOVA_HIGH, PAGE_B, 12, QVTD_S1_PAGE);
    nested_step(&t, SET_FIVE_LEVEL);
    nested_step(&t, TE_ON);
    nested_check_host(&t, PGTT_NESTED, table->root);
    g_assert_cmpuint(vtd_host_entry(t.bdf).s2_levels, ==,
                     vtd_host_register("cap") & CAP_SAGAW_57 ? 5 : 4);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);

    qvtd_edu_read(&t.edu, IOVA_SRC, PAGE);
    qvtd_edu_write(&t.edu, IOVA_HIGH, PAGE);
    qtest_bufread(t.qts, PAGE_B, page, PAGE);
    g_assert_cmphex(page[0], ==, 'A');
    g_assert_cmphex(page[PAGE - 1], ==, 'A');
    nested_teardown(&t);
}

/* Where there is no unit, rows are only listed: all of them. */
static bool host_may_have_five_levels(void)
{
    return !vtd_host_has_unit() || host_caps().fs5lp;
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        g_autofree char *cold = g_strdup_printf(
            "/intel-iommu/nested/caps/%s", asks[i].name);
        g_autofree char *plug = g_strdup_printf(
            "/intel-iommu/nested/caps/%s/plug", asks[i].name);
        g_autofree char *incoming = g_strdup_printf(
            "/intel-iommu/nested/caps/%s/plug-incoming", asks[i].name);
        g_autofree char *loaded = g_strdup_printf(
            "/intel-iommu/nested/caps/%s/plug-loaded", asks[i].name);

        /* Or QEMU would not start: host-4-level of tests/hostvm/refusals. */
        if (!asks[i].caps.fs5lp || host_may_have_five_levels()) {
            qtest_add_data_func(cold, &asks[i], test_cold);
            qtest_add_data_func(incoming, &asks[i], test_plug_incoming);
        }
        qtest_add_data_func(plug, &asks[i], test_plug);
        qtest_add_data_func(loaded, &asks[i], test_plug_loaded);
    }
    if (host_may_have_five_levels()) {
        qtest_add_func("/intel-iommu/nested/caps/five-level/dma",
                       test_five_levels);
    }

    return g_test_run();
}
