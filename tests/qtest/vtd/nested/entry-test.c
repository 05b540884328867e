/*
 * intel-iommu,nested=on: root, context, directory and PASID entries
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs; "five-level" also a host with
 * CAP.FS5LP.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "nested-steps.h"

static const Case cases[] = {
    { "root/other", {
        ATTACH_A, { ROOT_OTHER, HOST_NESTED_B, TO_B } } },
    { "root/other-while-off", {
        ATTACH_A, { TE_OFF, HOST_STAGE2, IDENTITY },
        { ROOT_OTHER, HOST_STAGE2, IDENTITY },
        { TE_ON, HOST_NESTED_B, TO_B } } },
    /* RTADDR_REG takes effect with SRTP. */
    { "root/register-only", {
        ATTACH_A, { RTADDR_OTHER, HOST_NESTED_A, TO_A } } },
    { "blocked/ttm-reserved", {
        ATTACH_A, { TTM_RESERVED, HOST_NOTHING, BLOCKED, 0x30 },
        { SRTP, HOST_NESTED_A, TO_A } } },
    { "blocked/ttm-abort", {
        ATTACH_A, { TTM_ABORT, HOST_NOTHING, BLOCKED, 0x30 },
        { TE_OFF, HOST_STAGE2, IDENTITY } } },
    { "context/other-directory", {
        ATTACH_A, { CONTEXT_OTHER, HOST_NESTED_B, TO_B } } },
    { "context/rid-pasid", {
        ATTACH_A, { CONTEXT_RID5, HOST_NESTED_A, TO_A },
        { REMAP_B, HOST_NESTED_A, TO_A },
        { INV_PASID, HOST_NESTED_A, TO_A },
        { INV_PASID5, HOST_NESTED_A, TO_B } } },
    { "context/largest-directory", {
        ATTACH_A, { CONTEXT_HIGH, HOST_NESTED_B, TO_B } } },
    { "blocked/context-dte", {
        ATTACH_A, { CONTEXT_DTE, HOST_NOTHING, BLOCKED, 0x42 },
        { CONTEXT_SET, HOST_NESTED_A, TO_A } } },
    { "blocked/context-paside", {
        ATTACH_A, { CONTEXT_PASIDE, HOST_NOTHING, BLOCKED, 0x42 },
        { CONTEXT_SET, HOST_NESTED_A, TO_A } } },
    { "blocked/directory-reserved", {
        ATTACH_A, { DIRECTORY_RESERVED, HOST_NOTHING, BLOCKED, 0x52 } } },
    /* Fault Processing Disable: nothing is recorded, and that is all. */
    { "fpd/entry", {
        ATTACH_A, { SET_A_FPD, HOST_NESTED_A, TO_A },
        { SET_STAGE2_FPD, HOST_NOTHING, BLOCKED },
        { SET_STAGE2, HOST_NOTHING, BLOCKED, 0x5b } } },
    { "fpd/context", {
        ATTACH_A, { CONTEXT_FPD, HOST_NESTED_A, TO_A },
        { SET_STAGE2, HOST_NOTHING, BLOCKED } } },
    { "fpd/directory", {
        ATTACH_A, { DIRECTORY_FPD, HOST_NESTED_A, TO_A },
        { SET_STAGE2, HOST_NOTHING, BLOCKED } } },
    { "replace/pass-through-twice", {
        BOOT, { SET_PASS, HOST_STAGE2, SKIP },
        { TE_ON, HOST_STAGE2, IDENTITY },
        { SET_A, HOST_NESTED_A, TO_A },
        { SET_PASS, HOST_STAGE2, IDENTITY },
        { SET_NONE, HOST_NOTHING, BLOCKED },
        { SET_PASS, HOST_STAGE2, IDENTITY },
        { SET_STAGE2, HOST_NOTHING, BLOCKED, 0x5b },
        { SET_B, HOST_NESTED_B, TO_B } } },
    { "attach/off-and-on", {
        ATTACH_A, { TE_OFF, HOST_STAGE2, IDENTITY },
        { TE_ON, HOST_NESTED_A, TO_A }, { TE_OFF, HOST_STAGE2, IDENTITY },
        { SET_B, HOST_STAGE2, SKIP }, { TE_ON, HOST_NESTED_B, TO_B } } },
};

static const Case five_level_cases[] = {
    { "five-level/attach", {
        BOOT, { SET_WIDE, HOST_STAGE2, SKIP },
        { TE_ON, HOST_NESTED_5, TO_B } } },
    { "five-level/replace", {
        ATTACH_A, { SET_WIDE, HOST_NESTED_5, TO_B },
        { SET_A, HOST_NESTED_A, TO_A } } },
};

static bool host_has_five_levels(void)
{
    g_autofree char *text = NULL;
    uint64_t cap = 0;

    if (g_file_get_contents("/sys/class/iommu/dmar0/intel-iommu/cap", &text,
                            NULL, NULL)) {
        cap = g_ascii_strtoull(text, NULL, 16);
    }
    return cap & BIT_ULL(60);
}

static void test_five_level(gconstpointer data)
{
    NestedTest t;

    if (!host_has_five_levels()) {
        g_test_skip("the host's CAP.FS5LP is 0");
        return;
    }
    nested_setup_props(&t, "nested=on,fs5lp=on");
    nested_run_steps(&t, data);
    nested_teardown(&t);
}

/* What of an entry the host's entry shows beside the table */
static void test_flags(void)
{
    static const struct {
        Op op;
        unsigned flags;
    } rows[] = {
        { SET_SRE, 1 << 0 },
        { SET_WPE, 1 << 0 | 1 << 4 },
        { SET_SRE, 1 << 0 },
        { SET_A, 0 },
    };
    int64_t allocs;
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    if (!(qvtd_readq(t.vtd, DMAR_ECAP_REG) & VTD_ECAP_SRS)) {
        g_test_skip("the host's ECAP.SRS is 0");
        nested_teardown(&t);
        return;
    }
    allocs = nested_calls(&t, "iommu-hwpt-alloc");
    for (int i = 0; i < ARRAY_SIZE(rows); i++) {
        nested_step(&t, rows[i].op);
        nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
        g_assert_cmphex(vtd_host_entry(t.bdf).flags, ==, rows[i].flags);
        nested_check_dma(&t, TO_A);
    }
    /* A HWPT cannot be changed: each is a new one. */
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-alloc"), ==,
                    allocs + ARRAY_SIZE(rows));
    nested_teardown(&t);
}

/*
 * Bits of a first-stage entry that are reserved for good, or as long as the
 * vIOMMU lacks a capability
 */
static const struct {
    unsigned quad;
    unsigned bit;
} reserved[] = {
    { 0, 5 },
    { 0, 9 },           /* SSADE: ECAP.SSADS */
    { 0, 10 }, { 0, 11 }, { 1, 16 }, { 1, 22 },
    { 1, 23 },          /* PWSNP: ECAP.SMPWC */
    { 1, 24 },          /* PGSNP: ECAP.SC */
    { 1, 25 }, { 1, 26 }, { 1, 31 }, { 1, 32 }, { 1, 63 },  /* ECAP.MTS */
    { 2, 1 }, { 2, 6 },     /* ERE, SMEP: ECAP.ERS, or SRS */
    { 2, 7 },           /* EAFE: ECAP.EAFS */
    { 2, 8 }, { 2, 11 },
    { 2, 48 }, { 2, 63 },   /* beyond the guest's addresses */
    { 3, 0 }, { 4, 0 }, { 7, 63 },
};

static void test_reserved(void)
{
    NestedTest t;

    nested_setup_props(&t, "nested=on,x-smpwc=off");
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    for (int i = 0; i < ARRAY_SIZE(reserved) && !g_test_failed(); i++) {
        uint64_t slot = t.entry + reserved[i].quad * 8;

        g_test_message("quadword %u, bit %u", reserved[i].quad,
                       reserved[i].bit);
        qvtd_edit(t.vtd, slot, 0, BIT_ULL(reserved[i].bit));
        nested_step(&t, PC_GLOBAL);
        nested_check_host(&t, 0, 0);
        nested_check_fault(&t, 0x5a);
        nested_check_dma(&t, BLOCKED);
        qvtd_edit(t.vtd, slot, BIT_ULL(reserved[i].bit), 0);
        nested_step(&t, PC_GLOBAL);
        nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
        nested_check_fault(&t, 0);
    }
    nested_check_dma(&t, TO_A);
    nested_teardown(&t);
}

#define RID_PRIV    (1 << 20)   /* in the context entry's second quadword */
#define ECAP_RPS    BIT_ULL(49)
#define ECAP_RPRIVS BIT_ULL(53)

/* RID_PASID comes with ECAP.RPS; RID_PRIV would with RPRIVS. */
static void test_rid_priv(void)
{
    uint64_t ecap;
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    ecap = qvtd_readq(t.vtd, DMAR_ECAP_REG);
    g_assert_cmphex(ecap & (ECAP_RPS | ECAP_RPRIVS), ==, ECAP_RPS);
    qvtd_edit(t.vtd, t.context + 8, 0, RID_PRIV);
    nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
    nested_check_host(&t, 0, 0);
    nested_check_fault(&t, 0x42);
    nested_check_dma(&t, BLOCKED);
    qvtd_edit(t.vtd, t.context + 8, RID_PRIV, 0);
    nested_inv(&t, QVTD_INV_CC_GLOBAL, 0);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_dma(&t, TO_A);
    nested_teardown(&t);
}

/* Fields of what the entry does not ask for are not looked at. */
static void test_ignored(void)
{
    NestedTest t;

    nested_setup(&t);
    nested_step(&t, SET_A);
    qvtd_edit(t.vtd, t.entry, 0, ~0xfffULL | 7 << 2);   /* SSPTPTR, AW */
    qvtd_edit(t.vtd, t.entry + 16, 0, BIT_ULL(5));      /* NXE of Linux 6.1 */
    nested_step(&t, TE_ON);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_check_fault(&t, 0);
    nested_check_dma(&t, TO_A);
    nested_teardown(&t);
}

#define ECAP_PT     (1 << 6)

/* pt=off: not offered, and an entry that asks for it all the same is blocked */
static void test_no_pass_through(void)
{
    static const Case steps = { "", {
        BOOT, { SET_PASS, HOST_STAGE2, IDENTITY },
        { TE_ON, HOST_NOTHING, BLOCKED, 0x5b },
        { SET_A, HOST_NESTED_A, TO_A },
        { SET_PASS, HOST_NOTHING, BLOCKED, 0x5b },
        { TE_OFF, HOST_STAGE2, IDENTITY } } };
    NestedTest t;

    nested_setup_props(&t, "nested=on,pt=off");
    g_assert_cmphex(qvtd_readq(t.vtd, DMAR_ECAP_REG) & ECAP_PT, ==, 0);
    nested_run_steps(&t, &steps);
    nested_teardown(&t);
}

/* However often the guest does it, one message a device and reason */
static void test_one_message(void)
{
    const char *blocked = "intel-iommu: the DMA of device";
    NestedLog log;
    NestedTest t;

    nested_log_begin(&log);
    nested_setup_props(&t, "nested=on,legacy=block");
    nested_log_started(&log);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    g_assert_cmpuint(nested_log_count(&log, blocked), ==, 0);
    for (int i = 0; i < 8; i++) {
        nested_step(&t, LEGACY);
        nested_step(&t, SRTP);
    }
    g_assert_cmpuint(nested_log_count(&log, blocked), ==, 1);
    g_assert_cmpuint(nested_log_count(&log, "intel_iommu=on,sm_on"), ==, 1);
    for (int i = 0; i < 8; i++) {
        nested_step(&t, i & 1 ? SET_NESTED : SET_STAGE2);
        nested_step(&t, SET_A);
    }
    g_assert_cmpuint(nested_log_count(&log, blocked), ==, 2);
    g_assert_cmpuint(nested_log_count(&log, "asks for second-stage translation"), ==, 1);
    nested_log_end(&log);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    nested_add_cases(cases, ARRAY_SIZE(cases));
    for (int i = 0; i < ARRAY_SIZE(five_level_cases); i++) {
        g_autofree char *path = g_strdup_printf("/intel-iommu/nested/%s",
                                                five_level_cases[i].name);

        qtest_add_data_func(path, &five_level_cases[i], test_five_level);
    }
    qtest_add_func("/intel-iommu/nested/replace/flags", test_flags);
    qtest_add_func("/intel-iommu/nested/blocked/entry-reserved",
                   test_reserved);
    qtest_add_func("/intel-iommu/nested/blocked/rid-priv", test_rid_priv);
    qtest_add_func("/intel-iommu/nested/attach/ignored-fields", test_ignored);
    qtest_add_func("/intel-iommu/nested/blocked/pass-through-off",
                   test_no_pass_through);
    qtest_add_func("/intel-iommu/nested/blocked/one-message",
                   test_one_message);

    return nested_test_run();
}
