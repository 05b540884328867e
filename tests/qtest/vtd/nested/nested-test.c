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
#include "nested-steps.h"

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
    /* In each state: the device ends on stage 2, and the guest starts anew. */
    { "detach/reset", { ATTACH_A, { SYSTEM_RESET, HOST_STAGE2, IDENTITY },
                        { SET_B, HOST_STAGE2, SKIP },
                        { TE_ON, HOST_NESTED_B, TO_B } } },
    { "detach/reset-pass-through", {
        ATTACH_A, { SET_PASS, HOST_STAGE2, SKIP },
        { SYSTEM_RESET, HOST_STAGE2, IDENTITY } } },
    { "detach/reset-blocked", {
        ATTACH_A, { SET_STAGE2, HOST_NOTHING, SKIP, 0x5b },
        { SYSTEM_RESET, HOST_STAGE2, IDENTITY },
        { SET_STAGE2, HOST_STAGE2, SKIP },
        { TE_ON, HOST_NOTHING, BLOCKED, 0x5b } } },
    { "detach/reset-not-present", {
        ATTACH_A, { SET_NONE, HOST_NOTHING, SKIP },
        { SYSTEM_RESET, HOST_STAGE2, IDENTITY } } },
    { "detach/reset-legacy", {
        ATTACH_A, { LEGACY, HOST_NOTHING, SKIP },
        { SYSTEM_RESET, HOST_STAGE2, IDENTITY } } },
    { "detach/reset-off", {
        ATTACH_A, { TE_OFF, HOST_STAGE2, SKIP },
        { SYSTEM_RESET, HOST_STAGE2, IDENTITY },
        { SET_A, HOST_STAGE2, SKIP },
        { TE_ON, HOST_NESTED_A, TO_A } } },
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
        ATTACH_A, { LEGACY, HOST_NOTHING, BLOCKED },
        { SRTP, HOST_NESTED_A, TO_A } } },
    { "blocked/context-reserved", {
        ATTACH_A, { CONTEXT_RESERVED, HOST_NOTHING, BLOCKED, 0x42 },
        { CONTEXT_SET, HOST_NESTED_A, TO_A } } },
    { "blocked/rid-pasid", {
        ATTACH_A, { CONTEXT_RID_PASID, HOST_NOTHING, BLOCKED, 0x48 },
        { CONTEXT_SET, HOST_NESTED_A, TO_A } } },
    /* A capability that is not offered: the bit is reserved. */
    { "blocked/eafe", {
        ATTACH_A, { SET_EAFE, HOST_NOTHING, BLOCKED, 0x5a },
        { SET_B, HOST_NESTED_B, TO_B } } },
    { "blocked/eafe-at-first", {
        BOOT, { SET_EAFE, HOST_STAGE2, IDENTITY },
        { TE_ON, HOST_NOTHING, BLOCKED, 0x5a },
        { TE_OFF, HOST_STAGE2, IDENTITY } } },
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
    nested_check_dma(&t, BLOCKED);

    maps = nested_calls(&t, "iommu-ioas-map");
    invalidations = nested_calls(&t, "iommu-hwpt-invalidate");
    qvtd_map(t.vtd, table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
    nested_check_dma(&t, TO_A);
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-map"), ==, maps);
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-invalidate"), ==,
                    invalidations);
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
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    nested_add_cases(cases, ARRAY_SIZE(cases));
    qtest_add_func("/intel-iommu/nested/capabilities", test_capabilities);
    qtest_add_func("/intel-iommu/nested/map-is-free", test_map_is_free);

    return nested_test_run();
}
