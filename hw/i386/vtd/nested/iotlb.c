/*
 * Intel VT-d, nested=on: which nested HWPTs an invalidation is for
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the guest submits in one go is collected per nested HWPT, in the
 * guest's order.  Shadows of legacy mode follow at once.  The kernel
 * invalidates the device TLBs of the attached devices along with it, so that
 * device-TLB descriptors have nothing left to do.
 */

#include "qemu/osdep.h"
#include "internal.h"

typedef struct iommu_hwpt_vtd_s1_invalidate S1Invalidate;

/* @inv NULL: all of the stage 1 */
static void tag_invalidate(VTDNestedTag *tag, const S1Invalidate *inv)
{
    const VTDNestedHwpt *done = NULL;
    VTDNestedAttach *at;

    QLIST_FOREACH(at, &tag->attaches, tag_next) {
        /* Mostly one HWPT, which all devices of the domain share. */
        if (at->hwpt == done) {
            continue;
        }
        done = at->hwpt;
        if (inv) {
            vtd_nested_iotlb_range(at->hwpt, inv);
        } else {
            vtd_nested_iotlb_all(at->hwpt);
        }
    }
}

void vtd_nested_iotlb_global(VTDNested *n)
{
    VTDNestedHwpt *hwpt;
    GHashTableIter iter;

    vtd_nested_shadow_global(n);
    g_hash_table_iter_init(&iter, n->hwpts);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&hwpt)) {
        vtd_nested_iotlb_all(hwpt);
    }
}

/* Of what first stages made, it takes out all (VT-d spec., 6.5.2.4). */
static void domain_hwpts(VTDNested *n, uint16_t domain_id)
{
    VTDNestedTag *any = vtd_nested_tag_find(n, domain_id, VTD_NESTED_ANY_PASID);
    VTDNestedTag *tag;

    if (!any) {
        return;
    }
    QLIST_FOREACH(tag, &any->same_domain, next) {
        tag_invalidate(tag, NULL);
    }
}

void vtd_nested_iotlb_domain(VTDNested *n, uint16_t domain_id)
{
    vtd_nested_shadow_domain(n, domain_id);
    domain_hwpts(n, domain_id);
}

/* A page-selective one names a second-stage address. */
static void iotlb_pages(VTDNested *n, const uint64_t val[2])
{
    uint16_t domain_id = VTD_INV_DESC_IOTLB_DID(val[0]);

    vtd_nested_shadow_pages(n, domain_id, VTD_INV_DESC_IOTLB_ADDR(val[1]),
                            VTD_INV_DESC_IOTLB_AM(val[1]));
    domain_hwpts(n, domain_id);
}

static void invalidate_pasid(VTDNested *n, const uint64_t val[2])
{
    VTDNestedTag *tag = vtd_nested_tag_find(n, VTD_INV_DESC_PIOTLB_DID(val[0]),
                                            VTD_INV_DESC_PIOTLB_PASID(val[0]));
    S1Invalidate inv;
    uint8_t am;

    if (!tag) {
        return;
    }
    if ((val[0] & VTD_INV_DESC_PIOTLB_G) == VTD_INV_DESC_PIOTLB_ALL_IN_PASID ||
        n->host_flush == VTD_HOST_FLUSH_COARSE) {
        tag_invalidate(tag, NULL);
        return;
    }
    am = VTD_INV_DESC_PIOTLB_AM(val[1]);
    inv = (S1Invalidate) {
        .addr = VTD_INV_DESC_PIOTLB_ADDR(val[1]) &
                ~(((uint64_t)VTD_PAGE_SIZE << am) - 1),
        .npages = 1ULL << am,
        .flags = VTD_INV_DESC_PIOTLB_IH(val[1]) ? IOMMU_VTD_INV_FLAGS_LEAF : 0,
    };
    tag_invalidate(tag, &inv);
}

/*
 * What is collected costs little: a descriptor must not end the batch that it
 * is in.  But one may mark as many HWPTs as there are.
 */
#define DESCRIPTORS_A_UNIT  16
#define MARKS_A_UNIT        64

void vtd_nested_count_descriptor(VTDNested *n)
{
    if (!(++n->queue.descriptors % DESCRIPTORS_A_UNIT)) {
        vtd_nested_work(n, 1);
    }
}

void vtd_nested_collect(VTDNested *n, uint8_t type, const uint64_t *val)
{
    if (type == VTD_INV_DESC_PIOTLB) {
        invalidate_pasid(n, val);
        return;
    }
    switch (val[0] & VTD_INV_DESC_IOTLB_G) {
    case VTD_INV_DESC_IOTLB_GLOBAL:
        vtd_nested_iotlb_global(n);
        vtd_nested_work(n, g_hash_table_size(n->hwpts) / MARKS_A_UNIT);
        return;
    case VTD_INV_DESC_IOTLB_PAGE:
        iotlb_pages(n, val);
        break;
    default:
        vtd_nested_iotlb_domain(n, VTD_INV_DESC_IOTLB_DID(val[0]));
    }
    vtd_nested_work(n, g_hash_table_size(n->tags) / MARKS_A_UNIT);
}
