/*
 * intel-iommu,nested=on: a host that fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.
 */

#include "qemu/osdep.h"
#include "nested-steps.h"

static const Case cases[] = {
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
};

/* Where the host invalidates all of a stage 1 by a new HWPT. */
static const Case replace_cases[] = {
    { "replace/alloc-once", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_ALLOC, HOST_NESTED_A, SKIP },
        { INV_PASID, HOST_NESTED_A, TO_B } } },
    { "replace/alloc", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_ALLOC_2, HOST_NESTED_A, SKIP },
        { INV_PASID, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_A, TO_B } } },
    { "replace/attach", {
        ATTACH_A, { REMAP_B, HOST_NESTED_A, TO_A },
        { FAIL_ATTACH, HOST_NESTED_A, SKIP },
        { INV_PASID, HOST_NOTHING, BLOCKED, 0x5b },
        { PC_GLOBAL, HOST_NESTED_A, TO_B } } },
};

int main(int argc, char **argv)
{
    const char *flush = getenv("VTD_TEST_FLUSH");

    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    /* The case that says so has a host with a small CAP.MAMV. */
    if (flush && g_str_equal(flush, "replace")) {
        nested_add_cases(replace_cases, ARRAY_SIZE(replace_cases));
    } else {
        nested_add_cases(cases, ARRAY_SIZE(cases));
    }

    return nested_test_run();
}
