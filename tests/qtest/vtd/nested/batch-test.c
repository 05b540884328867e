/*
 * intel-iommu,nested=on: invalidations that are submitted together
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.
 */

#include "qemu/osdep.h"
#include "nested-steps.h"

/*
 * What is submitted in one go is one ioctl.  The ranges are of a page each,
 * @apart bytes from one to the next; the last is the page that changed.  Where
 * the kernel stops half-way, what it did not do is sent again.
 */
typedef struct BatchRow {
    const char *name;
    const char *props;
    unsigned descriptors;
    uint64_t apart;
    int calls, entries, full_flushes;
    const char *inject;         /* of the iommufd object, or NULL */
} BatchRow;

#define STOPS   "iommu-hwpt-invalidate 5 "      /* EIO */

static const BatchRow batch_rows[] = {
    { "apart", "nested=on", 64, 2 * PAGE, 1, 64, 0 },
    { "adjacent", "nested=on", 64, PAGE, 1, 1, 0 },
    { "same", "nested=on", 64, 0, 1, 1, 0 },
    { "most", "nested=on", 256, 2 * PAGE, 1, 256, 0 },
    { "too-many", "nested=on", 257, 2 * PAGE, 1, 1, 1 },
    { "off", "nested=on,x-batch=off", 64, 2 * PAGE, 64, 64, 0 },
    { "stops-once", "nested=on", 64, 2 * PAGE, 2, 64 + 54, 0, STOPS "1 0 10" },
    { "stops-twice", "nested=on", 64, 2 * PAGE, 3, 64 + 54 + 44, 0,
      STOPS "2 0 10" },
    { "stops-at-first", "nested=on", 64, 2 * PAGE, 2, 64 + 1, 1, STOPS "1" },
    { "stops-then-no-more", "nested=on", 1, 0, 2, 1 + 1, 1, STOPS "1 0 10" },
    { "stops-at-last", "nested=on", 64, 2 * PAGE, 2, 64 + 1, 0,
      STOPS "1 0 63" },
};

static void test_batch(gconstpointer data)
{
    const BatchRow *row = data;
    int64_t calls, entries, full_flushes;
    NestedFlush flush;
    NestedTest t;

    nested_setup_props(&t, row->props);
    g_assert_true(qvtd_queue_wait(t.vtd, 0));
    qvtd_disable_queue(t.vtd);
    /* With iothread= a tail of 256 descriptors or less does not exit. */
    qvtd_size_queue(t.vtd, row->descriptors < 255 ? 1 : 2);
    qvtd_enable_queue(t.vtd);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    nested_check_dma(&t, TO_A);
    nested_step(&t, REMAP_B);
    nested_check_dma(&t, TO_A);

    flush = nested_flush(&t);
    if (!flush.page_selective) {
        g_test_skip("this host takes full invalidations only: nothing is "
                    "merged");
        nested_teardown(&t);
        return;
    }
    calls = nested_calls(&t, "iommu-hwpt-invalidate");
    entries = nested_counter(&t, "invalidation-entries");
    full_flushes = nested_counter(&t, "full-flushes");
    if (row->inject) {
        nested_inject(&t, row->inject);
    }
    for (unsigned i = 1; i <= row->descriptors; i++) {
        const uint64_t desc[4] = {
            QVTD_INV_PIOTLB_PAGE(DID, 0),
            IOVA_SRC + row->apart * (row->descriptors - i),
        };

        qvtd_queue_put(t.vtd, desc);
    }
    g_assert_true(qvtd_queue_wait(t.vtd, 0));
    g_assert_cmpint(nested_calls(&t, "iommu-hwpt-invalidate"), ==,
                    calls + row->calls +
                    row->full_flushes * (flush.calls - 1));
    g_assert_cmpint(nested_counter(&t, "invalidation-entries"), ==,
                    entries + row->entries +
                    row->full_flushes * (flush.entries - 1));
    g_assert_cmpint(nested_counter(&t, "full-flushes"), ==,
                    full_flushes + row->full_flushes);
    nested_check_dma(&t, TO_B);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (int i = 0; i < ARRAY_SIZE(batch_rows); i++) {
        g_autofree char *path = g_strdup_printf("/intel-iommu/nested/batch/%s",
                                                batch_rows[i].name);

        qtest_add_data_func(path, &batch_rows[i], test_batch);
    }

    return nested_test_run();
}
