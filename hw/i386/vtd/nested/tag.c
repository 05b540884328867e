/*
 * Intel VT-d, nested=on: tags of what hardware caches
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "internal.h"

static guint tag_hash(gconstpointer v)
{
    const VTDNestedTag *tag = v;

    return tag->pasid ^ (guint)tag->domain_id << 16;
}

static gboolean tag_equal(gconstpointer a, gconstpointer b)
{
    const VTDNestedTag *x = a, *y = b;

    return x->domain_id == y->domain_id && x->pasid == y->pasid;
}

void vtd_nested_tags_init(VTDNested *n)
{
    n->tags = g_hash_table_new_full(tag_hash, tag_equal, g_free, NULL);
}

VTDNestedTag *vtd_nested_tag_find(VTDNested *n, uint16_t domain_id,
                                  uint32_t pasid)
{
    VTDNestedTag key = { .domain_id = domain_id, .pasid = pasid };
    VTDNestedTag *tag = n->last_tag;

    /* What a guest submits in a row is mostly about one table. */
    if (tag && tag_equal(tag, &key)) {
        return tag;
    }
    tag = g_hash_table_lookup(n->tags, &key);
    if (tag) {
        n->last_tag = tag;
    }
    return tag;
}

static void tag_remove(VTDNested *n, VTDNestedTag *tag)
{
    if (n->last_tag == tag) {
        n->last_tag = NULL;
    }
    g_hash_table_remove(n->tags, tag);
}

VTDNestedTag *vtd_nested_tag_get(VTDNested *n, uint16_t domain_id,
                                 uint32_t pasid)
{
    VTDNestedTag *tag = vtd_nested_tag_find(n, domain_id, pasid);

    if (tag) {
        return tag;
    }
    tag = g_new0(VTDNestedTag, 1);
    tag->domain_id = domain_id;
    tag->pasid = pasid;
    g_hash_table_add(n->tags, tag);
    if (pasid != VTD_NESTED_ANY_PASID) {
        VTDNestedTag *any = vtd_nested_tag_get(n, domain_id,
                                               VTD_NESTED_ANY_PASID);

        QLIST_INSERT_HEAD(&any->same_domain, tag, next);
    }
    return tag;
}

void vtd_nested_tag_put(VTDNested *n, VTDNestedTag *tag)
{
    VTDNestedTag *any;

    if (!QLIST_EMPTY(&tag->attaches)) {
        return;
    }
    any = vtd_nested_tag_find(n, tag->domain_id, VTD_NESTED_ANY_PASID);
    QLIST_REMOVE(tag, next);
    tag_remove(n, tag);
    if (QLIST_EMPTY(&any->same_domain)) {
        tag_remove(n, any);
    }
}
