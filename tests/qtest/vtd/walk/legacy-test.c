/*
 * QTest cases for other modes of the root table of intel-iommu,ecap-nest=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QEMU's own translation serves legacy mode, in a unit that may report more
 * than it was written for.  A case is a row.  Faults are named as VT-d 7.1.2 does.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-world.h"
#include "rows.h"

#define AW57            "ecap-nest=on,aw-bits=57"
#define ADDRESS         0x000ffffffffff000ULL
#define INTERRUPT       0xfee00000ULL
#define TT_PASS_THROUGH (2ULL << 2)
#define TTM_ABORT       (3ULL << 10)

typedef struct LegacyRow {
    const char *name;
    const char *props;
    unsigned levels;
    uint64_t iova;          /* [the world's] */
    uint64_t leaf;          /* the last entry's address and more [the data] */
    uint64_t context;       /* flags of the context entry */
    unsigned fault;
} LegacyRow;

static const LegacyRow legacy_rows[] = {
    { "3-level", "ecap-nest=on", 3, .iova = 0x1234567000ULL },
    { "4-level", "ecap-nest=on", 4 },
    { "5-level", AW57, 5 },
    { "5-level/upper", AW57, 5, .iova = 0x00ab00000a123000ULL },
    { "5-level/ignored-bits", AW57, 5, .leaf = 0x1fULL << 52 },
    { "5-level/entry-reserved", AW57, 5, .leaf = 1ULL << 62, .fault = 0xc },
    { "5-level/beyond", AW57, 5, .iova = 1ULL << 57, .fault = 0x4 },
    { "4-level/without-57", "ecap-nest=on", 5, .fault = 0x3 },
    { "LGN.4", "ecap-nest=on", 4, .leaf = INTERRUPT, .fault = 0xe },
    { "LGN.4/aw-57", AW57, 5, .leaf = INTERRUPT, .fault = 0xe },
    { "pass-through", "ecap-nest=on", 4, .context = TT_PASS_THROUGH },
};

/* The first quadword has the present bit. */
static void write_context(World *w, const LegacyRow *row, uint64_t table)
{
    uint64_t contexts = qvtd_alloc(&w->vtd, 1);
    uint64_t slot = contexts + WORLD_SID * 16;

    qtest_writeq(w->qts, slot + 8, (row->levels - 2) | WORLD_DID << 8);
    qtest_writeq(w->qts, slot, table | row->context | 1);
    qtest_writeq(w->qts, w->vtd.root + 8, 0);
    qtest_writeq(w->qts, w->vtd.root, contexts | 1);
}

static void test_legacy(gconstpointer opaque)
{
    const LegacyRow *row = opaque;
    bool elsewhere = row->leaf & ADDRESS;
    QVTDFault fault;
    QVTDTable table;
    uint64_t iova;
    World w;

    world_start(&w, &(WorldSetup) { .props = row->props });
    iova = row->context & TT_PASS_THROUGH ? w.data : row->iova ?: w.iova;
    qvtd_table_init(&w.vtd, &table, row->levels, 0, QVTD_S2_LINK);
    qvtd_map(&w.vtd, &table, iova, elsewhere ? row->leaf & ADDRESS : w.data,
             12, QVTD_S2_PAGE | (row->leaf & ~ADDRESS));
    write_context(&w, row, table.root);
    qvtd_set_root(&w.vtd, w.vtd.root, 0);
    world_translate(&w);

    g_assert_cmpint(world_write(&w, iova), ==,
                    row->fault ? NO_PAGE : DATA_PAGE);
    g_assert_cmpint(qvtd_take_fault(&w.vtd, &fault), ==, row->fault != 0);
    if (row->fault) {
        g_assert_cmphex(fault.reason, ==, row->fault);
        g_assert_cmphex(fault.sid, ==, WORLD_SID);
    }
    world_stop(&w);
}

/* State that is loaded has the mode of its root table: all DMA is aborted. */
static void test_loaded(void)
{
    const WorldSetup setup = {};
    g_autofree char *name = g_strdup_printf("%s/vtd-state-%d", g_get_tmp_dir(),
                                            getpid());
    g_autofree char *uri = g_strdup_printf("file:%s", name);
    QVTDFault fault;
    World w;

    world_start(&w, &setup);
    qvtd_set_root(&w.vtd, w.vtd.root, TTM_ABORT);
    world_translate(&w);
    world_save(&w, name);
    world_stop(&w);

    world_load(&w, &setup, uri);
    unlink(name);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_GSTS_REG) & VTD_GSTS_TES, !=, 0);
    g_assert_cmpint(world_write(&w, w.iova), ==, NO_PAGE);
    g_assert_true(qvtd_take_fault(&w.vtd, &fault));
    g_assert_cmphex(fault.reason, ==, 0x30);
    world_stop(&w);
}

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/legacy", legacy_rows, test_legacy);
    qtest_add_func("/vtd-walk/loaded", test_loaded);
}
