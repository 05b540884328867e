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
#include "intel-iommu-walk-world.h"

#define ADDRESS         0x000ffffffffff000ULL

typedef enum Change {
    CHANGE_LEAF,            /* the page's entry of the innermost stage */
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
} InvRow;

#define DID     WORLD_DID
#define PASID   WORLD_PASID
#define AM(am)  (1ULL << 63 | (am))     /* bit 63 of .hi: take the address */
#define IH      (1ULL << 6)

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

    { "pasid-cache/global", 1, CHANGE_STAGE1, QVTD_INV_PC_GLOBAL },
    { "pasid-cache/domain", 1, CHANGE_STAGE1, QVTD_INV_PC_DOMAIN(DID) },
    { "pasid-cache/pasid", 1, CHANGE_STAGE1, QVTD_INV_PC_PASID(DID, PASID) },
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

static void change_tables(World *w, const InvRow *row)
{
    uint64_t mask = ADDRESS & ~((1ULL << (row->lg2 ?: 12)) - 1);

    QVTDPasid entry = { .pgtt = 1, .did = DID };
    QVTDTable fresh;

    if (row->change == CHANGE_LEAF) {
        world_edit(w, w->pgtt == 1 ? S1_LEAF : S2_LEAF, mask,
                   w->other & mask);
        return;
    }
    qvtd_table_init(&w->vtd, &fresh, 4, 0, QVTD_S1_LINK);
    qvtd_map(&w->vtd, &fresh, w->iova, w->other, 12, QVTD_S1_PAGE);
    if (row->change == CHANGE_STAGE1) {
        world_edit(w, PASID2, ADDRESS, fresh.root);
        return;
    }
    entry.stage1 = fresh.root;
    qvtd_write_pasid(&w->vtd,
                     qvtd_pasid_slot(&w->vtd, w->slot[CONTEXT0], PASID + 1),
                     &entry);
    world_edit(w, CONTEXT1, 0xfffff, PASID + 1);
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
                    row->kept ? DATA_PAGE : OTHER_PAGE);
    g_assert_false(qvtd_take_fault(&w.vtd, &fault));
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

static void add(const char *name, const void *row, GTestDataFunc test)
{
    g_autofree char *path = g_strdup_printf("/vtd-walk/inv/%s", name);

    qtest_add_data_func(path, row, test);
}

int main(int argc, char **argv)
{
    int i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < ARRAY_SIZE(inv_rows); i++) {
        add(inv_rows[i].name, &inv_rows[i], test_inv);
    }
    add("bad/granularity", &pc_granularity_2, test_bad_descriptor);
    add("bad/reserved", &pc_reserved, test_bad_descriptor);
    return g_test_run();
}
