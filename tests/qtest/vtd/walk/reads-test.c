/*
 * QTest cases for how many entries a walk of intel-iommu,ecap-nest=on reads
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The trace of the walk says it.  A row: the first access to a page; the same
 * again, which the IOTLB knows; the page beside it, whose tables are cached; and
 * the first one anew after a global invalidation, with all accessed and dirty
 * bits set.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-world.h"
#include "rows.h"

typedef struct ReadsRow {
    const char *name;
    WorldSetup setup;
    unsigned beside;        /* reads for the page beside it */
    unsigned cold;          /* reads with nothing cached, at most */
} ReadsRow;

static const ReadsRow rows[] = {
    { "first/4-levels", { .pgtt = 1 }, 1, 4 },
    { "first/5-levels", { .props = "ecap-nest=on,fs5lp=on", .pgtt = 1,
                          .s1_levels = 5 }, 1, 5 },
    { "second/4-levels", { .pgtt = 2 }, 1, 4 },
    { "nested/4-on-4", { .pgtt = 3 }, 2, 24 },
    { "nested/4-on-4-2m", { .pgtt = 3, .s2_lg2 = 21 }, 2, 24 },
    { "nested/5-on-5", { .props = "ecap-nest=on,fs5lp=on,aw-bits=57",
                         .pgtt = 3, .s1_levels = 5, .s2_levels = 5 }, 2, 35 },
};

/* What the walks since the last call read; @walks of them. */
static unsigned reads_of(const char *log, size_t *seen, unsigned walks)
{
    g_autofree char *text = NULL;
    unsigned reads = 0, found = 0, n;
    char *line;
    size_t size;

    g_assert_true(g_file_get_contents(log, &text, &size, NULL));
    for (line = text + *seen; (line = strstr(line, "vtd_walk sid")); line++) {
        g_assert_cmpint(sscanf(strstr(line, " write "), " write %*d: %u reads",
                               &n), ==, 1);
        reads += n;
        found++;
    }
    *seen = size;
    g_assert_cmpint(found, ==, walks);
    return reads;
}

/* Its accessed and dirty bits are set: to set them takes stage 2's leave. */
static void map_beside(World *w)
{
    const unsigned page = 1 << 12, marks = 1 << 5 | 1 << 6;

    if (w->pgtt != 2) {
        qvtd_map(&w->vtd, &w->s1, w->iova + page, w->gpa + page, 12,
                 QVTD_S1_PAGE | marks);
    }
    if (w->pgtt != 1 && !(world_entry(w, S2_LEAF) & 1 << 7)) {
        qvtd_map(&w->vtd, &w->s2, w->gpa + page, w->data + page, 12,
                 QVTD_S2_PAGE);
    }
}

static void test_reads(gconstpointer opaque)
{
    const ReadsRow *row = opaque;
    g_autofree char *log = NULL, *props = NULL;
    WorldSetup setup = row->setup;
    int fd = g_file_open_tmp("vtd-reads-XXXXXX", &log, NULL);
    size_t seen = 0;
    World w;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    props = g_strdup_printf("%s -trace vtd_walk -D %s",
                            setup.props ?: "ecap-nest=on", log);
    setup.props = props;
    world_start(&w, &setup);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    map_beside(&w);
    world_translate(&w);

    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    g_assert_cmpint(reads_of(log, &seen, 1), <=, row->cold);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    g_assert_cmpint(reads_of(log, &seen, 0), ==, 0);
    qvtd_edu_write(&w.edu, w.iova + 4096, 16);
    g_assert_cmpint(reads_of(log, &seen, 1), ==, row->beside);
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_IOTLB_GLOBAL, 0));
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    g_assert_cmpint(reads_of(log, &seen, 1), <=, row->cold);
    world_stop(&w);
    unlink(log);
}

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/reads", rows, test_reads);
}
