/*
 * QTest cases for what invalidations take out of intel-iommu,ecap-nest=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A case is a row: a translation is used, its tables change, and only the
 * right invalidation shows that to the device.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-world.h"
#include "rows.h"

#define ADDRESS         0x000ffffffffff000ULL

typedef enum Change {
    CHANGE_LEAF,            /* the page's entry of the innermost stage */
    CHANGE_S1_LINK,         /* the entry above the page's, to another table */
    CHANGE_S2_LINK,
    CHANGE_S1_PLACE,        /* where stage 2 has the last table of stage 1 */
    CHANGE_STAGE1,          /* the PASID entry's pointer, to another table */
    CHANGE_RID_PASID,       /* the context entry's, to one with another table */
} Change;

typedef struct InvRow {
    const char *name;
    unsigned pgtt;
    Change change;
    uint64_t lo;
    uint64_t hi;            /* beside the address */
    int64_t page;           /* address: pages away from the world's; hi != 0 */
    bool kept;              /* the stale entry survives */
    uint64_t iotlb_reg;     /* by register, not by queue */
    unsigned lg2;           /* page size of both stages */
    bool strict_kept;       /* with x-strict=on it does */
} InvRow;

#define DID     WORLD_DID
#define PASID   WORLD_PASID
#define STRICT  "ecap-nest=on,x-strict=on"
#define AM(am)  (1ULL << 63 | (am))     /* bit 63 of .hi: take the address */
#define IH      (1ULL << 6)

/* From the world's IOVA to its GPA, in pages */
#define TO_GPA  (-(int64_t)(WORLD_IOVA_SHIFT >> 12))

static const InvRow inv_rows[] = {
    { "iotlb/global/first", 1, CHANGE_LEAF, QVTD_INV_IOTLB_GLOBAL },
    { "iotlb/global/second", 2, CHANGE_LEAF, QVTD_INV_IOTLB_GLOBAL },
    { "iotlb/global/nested", 3, CHANGE_LEAF, QVTD_INV_IOTLB_GLOBAL },
    { "iotlb/domain/first", 1, CHANGE_LEAF, QVTD_INV_IOTLB_DOMAIN(DID) },
    { "iotlb/domain/second", 2, CHANGE_LEAF, QVTD_INV_IOTLB_DOMAIN(DID) },
    { "iotlb/domain/nested", 3, CHANGE_LEAF, QVTD_INV_IOTLB_DOMAIN(DID) },
    { "iotlb/domain/other-domain", 3, CHANGE_LEAF,
      QVTD_INV_IOTLB_DOMAIN(DID + 1), .kept = true },
    { "iotlb/page/second", 2, CHANGE_LEAF, QVTD_INV_IOTLB_PAGE(DID), AM(0) },
    { "iotlb/page/second/am", 2, CHANGE_LEAF, QVTD_INV_IOTLB_PAGE(DID), AM(3),
      .page = 4 },
    { "iotlb/page/second/2m", 2, CHANGE_LEAF, QVTD_INV_IOTLB_PAGE(DID), AM(0),
      .page = 5, .lg2 = 21 },
    { "iotlb/page/second/other-page", 2, CHANGE_LEAF,
      QVTD_INV_IOTLB_PAGE(DID), AM(0), .page = 1, .kept = true },
    { "iotlb/page/second/other-domain", 2, CHANGE_LEAF,
      QVTD_INV_IOTLB_PAGE(DID + 1), AM(0), .kept = true },
    /* The address is stage 2's: stage 1 can't be picked by it. */
    { "iotlb/page/first/any-page", 1, CHANGE_LEAF, QVTD_INV_IOTLB_PAGE(DID),
      AM(0), .page = 77 },
    { "iotlb/page/nested/any-page", 3, CHANGE_LEAF, QVTD_INV_IOTLB_PAGE(DID),
      AM(0), .page = 77 },
    { "iotlb/page/nested/other-domain", 3, CHANGE_LEAF,
      QVTD_INV_IOTLB_PAGE(DID + 1), AM(0), .kept = true },

    { "piotlb/pasid/first", 1, CHANGE_LEAF, QVTD_INV_PIOTLB_ALL(DID, PASID) },
    { "piotlb/pasid/nested", 3, CHANGE_LEAF, QVTD_INV_PIOTLB_ALL(DID, PASID) },
    { "piotlb/pasid/second-stays", 2, CHANGE_LEAF,
      QVTD_INV_PIOTLB_ALL(DID, PASID), .kept = true },
    { "piotlb/pasid/other-pasid", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_ALL(DID, PASID + 1), .kept = true },
    { "piotlb/pasid/other-domain", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_ALL(DID + 1, PASID), .kept = true },
    { "piotlb/page/first", 1, CHANGE_LEAF, QVTD_INV_PIOTLB_PAGE(DID, PASID),
      AM(0) },
    { "piotlb/page/nested", 3, CHANGE_LEAF, QVTD_INV_PIOTLB_PAGE(DID, PASID),
      AM(0) },
    { "piotlb/page/nested/ih", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0) | IH },
    { "piotlb/page/nested/am", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(3), .page = 4 },
    { "piotlb/page/nested/2m", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0), .page = 5, .lg2 = 21 },
    { "piotlb/page/second-stays", 2, CHANGE_LEAF,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0), .kept = true },
    { "piotlb/page/other-page", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0), .page = 1, .kept = true },
    { "piotlb/page/other-pasid", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_PAGE(DID, PASID + 1), AM(0), .kept = true },
    { "piotlb/page/other-domain", 3, CHANGE_LEAF,
      QVTD_INV_PIOTLB_PAGE(DID + 1, PASID), AM(0), .kept = true },

    /* Tables above the page's are cached too, and IH says they may stay. */
    { "link/piotlb/page/first", 1, CHANGE_S1_LINK,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0) },
    { "link/piotlb/page/nested", 3, CHANGE_S1_LINK,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0) },
    { "link/piotlb/page/ih", 3, CHANGE_S1_LINK,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0) | IH, .kept = true },
    { "link/piotlb/pasid", 3, CHANGE_S1_LINK, QVTD_INV_PIOTLB_ALL(DID, PASID) },
    { "link/piotlb/leaves-stage2", 3, CHANGE_S2_LINK,
      QVTD_INV_PIOTLB_ALL(DID, PASID), .kept = true },
    { "link/iotlb/global", 3, CHANGE_S2_LINK, QVTD_INV_IOTLB_GLOBAL },
    { "link/iotlb/domain", 3, CHANGE_S2_LINK, QVTD_INV_IOTLB_DOMAIN(DID) },
    { "link/iotlb/page/first", 1, CHANGE_S1_LINK, QVTD_INV_IOTLB_PAGE(DID),
      AM(0), .page = 77 },
    { "link/iotlb/page/second", 2, CHANGE_S2_LINK, QVTD_INV_IOTLB_PAGE(DID),
      AM(0) },
    { "link/iotlb/page/second/ih", 2, CHANGE_S2_LINK, QVTD_INV_IOTLB_PAGE(DID),
      AM(0) | IH, .kept = true },
    { "link/iotlb/page/nested", 3, CHANGE_S2_LINK, QVTD_INV_IOTLB_PAGE(DID),
      AM(0), .page = TO_GPA },
    { "link/iotlb/page/nested/other-page", 3, CHANGE_S2_LINK,
      QVTD_INV_IOTLB_PAGE(DID), AM(0), .page = TO_GPA + 512, .kept = true },
    { "link/iotlb/page/nested/ih", 3, CHANGE_S2_LINK, QVTD_INV_IOTLB_PAGE(DID),
      AM(0) | IH, .page = TO_GPA, .kept = true },
    { "link/iotlb/place/ih", 3, CHANGE_S1_PLACE, QVTD_INV_IOTLB_PAGE(DID),
      AM(0) | IH, .page = 77 },
    { "link/piotlb/place/ih", 3, CHANGE_S1_PLACE,
      QVTD_INV_PIOTLB_PAGE(DID, PASID), AM(0) | IH, .kept = true },
    { "link/pasid-cache/pasid", 3, CHANGE_S1_LINK,
      QVTD_INV_PC_PASID(DID, PASID), .strict_kept = true },
    { "link/pasid-cache/domain", 3, CHANGE_S2_LINK, QVTD_INV_PC_DOMAIN(DID),
      .strict_kept = true },
    { "link/register/global", 3, CHANGE_S2_LINK,
      .iotlb_reg = VTD_TLB_GLOBAL_FLUSH },
    { "link/register/page/ih", 2, CHANGE_S2_LINK, .hi = AM(0) | IH,
      .iotlb_reg = VTD_TLB_PSI_FLUSH | (uint64_t)DID << 32, .kept = true },

    { "pasid-cache/global", 1, CHANGE_STAGE1, QVTD_INV_PC_GLOBAL,
      .strict_kept = true },
    { "pasid-cache/domain", 1, CHANGE_STAGE1, QVTD_INV_PC_DOMAIN(DID),
      .strict_kept = true },
    { "pasid-cache/pasid", 1, CHANGE_STAGE1, QVTD_INV_PC_PASID(DID, PASID),
      .strict_kept = true },
    { "pasid-cache/other-domain", 1, CHANGE_STAGE1,
      QVTD_INV_PC_DOMAIN(DID + 1), .kept = true },
    { "pasid-cache/other-pasid", 1, CHANGE_STAGE1,
      QVTD_INV_PC_PASID(DID, PASID + 1), .kept = true },
    { "pasid-cache/pasid-of-other-domain", 1, CHANGE_STAGE1,
      QVTD_INV_PC_PASID(DID + 1, PASID), .kept = true },
    { "pasid-cache/survives-iotlb", 1, CHANGE_STAGE1, QVTD_INV_IOTLB_GLOBAL,
      .kept = true },
    { "context-cache/leaves-iotlb", 3, CHANGE_LEAF, QVTD_INV_CC_GLOBAL,
      .kept = true },
    { "context-cache/leaves-pasid-cache", 1, CHANGE_STAGE1,
      QVTD_INV_CC_DEVICE(WORLD_SID), .kept = true },
    { "context-cache/global", 1, CHANGE_RID_PASID, QVTD_INV_CC_GLOBAL },
    { "context-cache/device", 1, CHANGE_RID_PASID,
      QVTD_INV_CC_DEVICE(WORLD_SID) },
    { "context-cache/other-device", 1, CHANGE_RID_PASID,
      QVTD_INV_CC_DEVICE(WORLD_SID + 8), .kept = true },
    { "context-cache/survives-pasid-cache", 1, CHANGE_RID_PASID,
      QVTD_INV_PC_GLOBAL, .kept = true },

    { "register/global", 3, CHANGE_LEAF, .iotlb_reg = VTD_TLB_GLOBAL_FLUSH },
    { "register/domain", 2, CHANGE_LEAF,
      .iotlb_reg = VTD_TLB_DSI_FLUSH | (uint64_t)DID << 32 },
    { "register/other-domain", 2, CHANGE_LEAF,
      .iotlb_reg = VTD_TLB_DSI_FLUSH | (DID + 1ULL) << 32, .kept = true },
    { "register/page", 2, CHANGE_LEAF, .hi = AM(0),
      .iotlb_reg = VTD_TLB_PSI_FLUSH | (uint64_t)DID << 32 },
    { "register/other-page", 2, CHANGE_LEAF, .hi = AM(0), .page = 1,
      .iotlb_reg = VTD_TLB_PSI_FLUSH | (uint64_t)DID << 32, .kept = true },
};

static unsigned index_of(uint64_t addr)
{
    return (addr >> 12) & 511;
}

/* A table like the last one of @addr's, that leads to the other page. */
static uint64_t other_table(World *w, uint64_t addr, uint64_t flags, bool s1)
{
    uint64_t table = qvtd_alloc(&w->vtd, 1);
    uint64_t to = w->other + (s1 ? w->gpa - w->data : 0);

    qtest_writeq(w->qts, table + index_of(addr) * 8, to | flags);
    if (s1 && w->pgtt == 3) {
        qvtd_map(&w->vtd, &w->s2, table + w->s1.shift, table, 12, QVTD_S2_PAGE);
        qvtd_map(&w->vtd, &w->s2, to, w->other, 12, QVTD_S2_PAGE);
    }
    return table;
}

static void change_table(World *w, Change change)
{
    bool s1 = change != CHANGE_S2_LINK;
    uint64_t addr = s1 ? w->iova : w->gpa, table, slot;

    table = other_table(w, addr, s1 ? QVTD_S1_PAGE : QVTD_S2_PAGE, s1);
    if (change == CHANGE_S1_PLACE) {
        world_edit(w, S2_OF_S1_LEAF, ADDRESS, table);
        return;
    }
    slot = qvtd_table_slot(&w->vtd, s1 ? &w->s1 : &w->s2, addr, 2);
    qvtd_edit(&w->vtd, slot, ADDRESS, table + (s1 ? w->s1.shift : 0));
}

static void change_pointer(World *w, Change change)
{
    QVTDPasid entry = { .pgtt = 1, .did = DID };
    QVTDTable fresh;

    qvtd_table_init(&w->vtd, &fresh, 4, 0, QVTD_S1_LINK);
    qvtd_map(&w->vtd, &fresh, w->iova, w->other, 12, QVTD_S1_PAGE);
    if (change == CHANGE_STAGE1) {
        world_edit(w, PASID2, ADDRESS, fresh.root);
        return;
    }
    entry.stage1 = fresh.root;
    qvtd_write_pasid(&w->vtd,
                     qvtd_pasid_slot(&w->vtd, w->slot[CONTEXT0], PASID + 1),
                     &entry);
    world_edit(w, CONTEXT1, 0xfffff, PASID + 1);
}

static void change_leaf(World *w, const InvRow *row)
{
    uint64_t mask = ADDRESS & ~((1ULL << (row->lg2 ?: 12)) - 1);

    world_edit(w, w->pgtt == 1 ? S1_LEAF : S2_LEAF, mask, w->other & mask);
}

static void change_tables(World *w, const InvRow *row)
{
    switch (row->change) {
    case CHANGE_LEAF:
        change_leaf(w, row);
        break;
    case CHANGE_S1_LINK:
    case CHANGE_S2_LINK:
    case CHANGE_S1_PLACE:
        change_table(w, row->change);
        break;
    default:
        change_pointer(w, row->change);
    }
}

static void invalidate(World *w, const InvRow *row)
{
    uint64_t hi = row->hi & ~(1ULL << 63);

    if (row->hi) {
        hi |= (w->iova & ~0xfffULL) + row->page * 4096;
    }
    if (!row->iotlb_reg) {
        g_assert_true(qvtd_invalidate(&w->vtd, row->lo, hi));
        return;
    }
    qvtd_writeq(&w->vtd, DMAR_IVA_REG, hi);
    qvtd_writeq(&w->vtd, DMAR_IOTLB_REG, row->iotlb_reg | VTD_TLB_IVT);
    g_assert_cmphex(qvtd_readq(&w->vtd, DMAR_IOTLB_REG) & VTD_TLB_IVT, ==, 0);
}

static void test_inv(gconstpointer opaque)
{
    const InvRow *row = opaque;
    const WorldSetup setup = {
        .pgtt = row->pgtt,
        .s1_lg2 = row->lg2,
        .s2_lg2 = row->lg2,
    };
    bool kept = row->kept || (row->strict_kept && qvtd_is_strict());
    QVTDFault fault;
    World w;

    world_start(&w, &setup);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    if (row->iotlb_reg) {
        qvtd_enable_translation(&w.vtd, true);
    } else {
        world_translate(&w);
    }

    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    change_tables(&w, row);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    invalidate(&w, row);
    g_assert_cmpint(world_write(&w, w.iova), ==,
                    kept ? DATA_PAGE : OTHER_PAGE);
    if (kept && !row->kept) {
        g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_IOTLB_DOMAIN(DID), 0));
        g_assert_cmpint(world_write(&w, w.iova), ==, OTHER_PAGE);
    }
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
    world_stop(&w);
}

/*
 * A new table behind the same entry, for an address that was not used before:
 * the table above it is kept, so the old one serves.
 */
static void test_strict_table(void)
{
    QVTDFault fault;
    QVTDTable fresh;
    World w;

    world_start(&w, &(WorldSetup) { .props = STRICT, .pgtt = 1 });
    qvtd_map(&w.vtd, &w.s1, w.iova + 4096, w.data, 12, QVTD_S1_PAGE);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);

    qvtd_table_init(&w.vtd, &fresh, 4, 0, QVTD_S1_LINK);
    qvtd_map(&w.vtd, &fresh, w.iova + 4096, w.other, 12, QVTD_S1_PAGE);
    world_edit(&w, PASID2, ADDRESS, fresh.root);
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_PC_PASID(DID, PASID), 0));
    g_assert_cmpint(world_write(&w, w.iova + 4096), ==, DATA_PAGE);
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_PIOTLB_ALL(DID, PASID), 0));
    g_assert_cmpint(world_write(&w, w.iova + 4096), ==, OTHER_PAGE);
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
    world_stop(&w);
}

/* A translation is its domain-id's: an entry of another has none. */
static void test_strict_domain(void)
{
    QVTDTable fresh;
    World w;

    world_start(&w, &(WorldSetup) { .props = STRICT, .pgtt = 1 });
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    qvtd_table_init(&w.vtd, &fresh, 4, 0, QVTD_S1_LINK);
    qvtd_map(&w.vtd, &fresh, w.iova, w.other, 12, QVTD_S1_PAGE);
    world_edit(&w, PASID2, ADDRESS, fresh.root);
    world_edit(&w, PASID1, 0xffff, DID + 1);
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_PC_PASID(DID, PASID), 0));
    g_assert_cmpint(world_write(&w, w.iova), ==, OTHER_PAGE);
    world_stop(&w);
}

/* A root pointer, and a switch of translation, with and without CAP.ESRTPS */
typedef struct RootRow {
    const char *name;
    const char *props;
    bool switches;          /* translation off and on; else the pointer */
    bool kept;
} RootRow;

static const RootRow root_rows[] = {
    { "pointer", STRICT, .kept = true },
    { "switch", STRICT, true, true },
    { "pointer/esrtps", STRICT ",x-esrtps=on" },
    { "switch/esrtps", STRICT ",x-esrtps=on", true },
    { "pointer/lenient", "ecap-nest=on,x-strict=off" },
    { "switch/lenient", "ecap-nest=on,x-strict=off", true },
};

static void test_root(gconstpointer opaque)
{
    const RootRow *row = opaque;
    World w;

    world_start(&w, &(WorldSetup) { .props = row->props });
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    world_edit(&w, S2_LEAF, ADDRESS, w.other);
    if (row->switches) {
        qvtd_enable_translation(&w.vtd, false);
        g_assert_cmpint(world_write(&w, w.other), ==, OTHER_PAGE);
        qvtd_enable_translation(&w.vtd, true);
    } else {
        qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    }
    g_assert_cmpint(world_write(&w, w.iova), ==,
                    row->kept ? DATA_PAGE : OTHER_PAGE);
    qvtd_invalidate_all(&w.vtd);
    g_assert_cmpint(world_write(&w, w.iova), ==, OTHER_PAGE);
    world_stop(&w);
}

/*
 * A right that is given needs no invalidation: the entry above the page's did
 * not let writes pass when the page was read.
 */
static void test_right_given(gconstpointer opaque)
{
    unsigned pgtt = GPOINTER_TO_UINT(opaque);
    const uint64_t write_bit = 1 << 1;
    uint64_t slot;
    World w;

    world_start(&w, &(WorldSetup) { .pgtt = pgtt });
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    slot = qvtd_table_slot(&w.vtd, pgtt == 2 ? &w.s2 : &w.s1, w.iova, 2);
    qvtd_edit(&w.vtd, slot, write_bit, 0);
    world_translate(&w);

    qvtd_edu_read(&w.edu, w.iova, 16);
    qvtd_edit(&w.vtd, slot, 0, write_bit);
    qtest_memset(w.qts, w.data, 0xff, 16);
    qvtd_edu_write(&w.edu, w.iova, 16);
    g_assert_cmphex(qtest_readb(w.qts, w.data), !=, 0xff);
    world_stop(&w);
}

/* A malformed PASID-cache descriptor stops the queue. */
static void test_bad_descriptor(gconstpointer opaque)
{
    World w;

    world_start(&w, &(WorldSetup) {});
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_false(qvtd_invalidate(&w.vtd, *(const uint64_t *)opaque, 0));
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FSTS_REG) & VTD_FSTS_IQE, !=, 0);
    world_stop(&w);
}

static const uint64_t pc_granularity_2 = 0x7ULL | 2 << 4;
static const uint64_t pc_reserved = QVTD_INV_PC_GLOBAL | 1 << 12;

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/inv", inv_rows, test_inv);
    qtest_add_data_func("/vtd-walk/inv/right-given/first",
                        GUINT_TO_POINTER(1), test_right_given);
    qtest_add_data_func("/vtd-walk/inv/right-given/second",
                        GUINT_TO_POINTER(2), test_right_given);
    qtest_add_data_func("/vtd-walk/inv/right-given/nested",
                        GUINT_TO_POINTER(3), test_right_given);
    qtest_add_rows("/vtd-walk/inv/root", root_rows, test_root);
    qtest_add_func("/vtd-walk/inv/strict/table", test_strict_table);
    qtest_add_func("/vtd-walk/inv/strict/domain", test_strict_domain);
    qtest_add_data_func("/vtd-walk/inv/bad/granularity", &pc_granularity_2, test_bad_descriptor);
    qtest_add_data_func("/vtd-walk/inv/bad/reserved", &pc_reserved, test_bad_descriptor);
}
