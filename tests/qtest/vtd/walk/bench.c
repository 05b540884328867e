/*
 * What a translation costs an emulated device, with and without ecap-nest=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not a test: scripts/bench-walk runs it, with QEMU under callgrind, which is
 * told to count in vtd_iommu_translate() only, to write what it counted at each
 * query-name, and to begin anew.  BENCH_PROPS are intel-iommu's, BENCH_PGTT is
 * the PASID entry's, BENCH_S2_LG2 the size of stage 2's pages; each of
 * BENCH_ACCESSES DMAs reads 16 bytes, once from one page that the IOTLB knows,
 * once from pages in a row that it does not know, and once with nothing cached.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/number-from.h"
#include "walk-world.h"

#define PAGE    4096

typedef enum Kind { HIT, STREAM, COLD } Kind;

/* All to one page of data: it is the translation that counts. */
static void map_pages(World *w, unsigned pages, unsigned s2_lg2)
{
    for (unsigned n = 1; n < pages; n++) {
        uint64_t iova = w->iova + n * PAGE, gpa = w->gpa + n * PAGE;

        if (w->pgtt == 2) {
            qvtd_map(&w->vtd, &w->s2, iova, w->data, 12, QVTD_S2_PAGE);
            continue;
        }
        qvtd_map(&w->vtd, &w->s1, iova, gpa, 12, QVTD_S1_PAGE);
        if (w->pgtt != 3) {
            continue;
        }
        qvtd_map_tables(&w->vtd, &w->s2, &w->s1, iova, 1);
        if (s2_lg2 == 12) {
            qvtd_map(&w->vtd, &w->s2, gpa, w->data, 12, QVTD_S2_PAGE);
        } else {
            qvtd_map(&w->vtd, &w->s2, gpa, w->data + n * PAGE, s2_lg2,
                     QVTD_S2_PAGE);
        }
    }
}

static void flush(World *w)
{
    g_assert_true(qvtd_invalidate(&w->vtd, QVTD_INV_IOTLB_GLOBAL, 0));
}

static void run(World *w, Kind kind, unsigned accesses)
{
    for (unsigned n = 0; n < accesses; n++) {
        if (kind == COLD) {
            flush(w);
        }
        qvtd_edu_read(&w->edu, w->iova + (kind == STREAM ? n * PAGE : 0), 16);
    }
}

static void row(World *w, const char *name, Kind kind, unsigned accesses)
{
    static unsigned dump;

    run(w, kind, accesses);     /* accessed bits are set by now */
    flush(w);
    run(w, HIT, 1);
    qobject_unref(qtest_qmp(w->qts, "{'execute': 'query-name'}"));
    run(w, kind, accesses);
    qobject_unref(qtest_qmp(w->qts, "{'execute': 'query-name'}"));
    dump += 2;
    printf("row %u %s %u\n", dump, name, accesses);
    fflush(stdout);
}

int main(void)
{
    unsigned accesses = number_from("BENCH_ACCESSES", 0);
    const WorldSetup setup = {
        .props = getenv("BENCH_PROPS"),
        .pgtt = number_from("BENCH_PGTT", 0),
        .s2_lg2 = number_from("BENCH_S2_LG2", 0),
    };
    QVTDFault fault;
    World w;

    world_start(&w, &setup);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    map_pages(&w, accesses, setup.s2_lg2);
    world_translate(&w);
    row(&w, "hit", HIT, accesses);
    row(&w, "stream", STREAM, accesses);
    row(&w, "cold", COLD, accesses);
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
    world_stop(&w);
    return 0;
}
