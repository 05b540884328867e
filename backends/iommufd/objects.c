/*
 * iommufd: what QEMU has in the kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "objects.h"

/* Since Linux 6.14, and QEMU's headers are older */
#define HWPT_ALLOC_PASID    (1 << 3)

typedef struct Bar {
    uint64_t iova;
    uint64_t size;
    uint64_t offset;            /* in the BAR */
    int nr;
    char *device;
    QLIST_ENTRY(Bar) next;
} Bar;

typedef struct Ioas {
    uint32_t id;
    QLIST_HEAD(, Bar) bars;     /* that it maps: few */
    uint64_t mapped;            /* bytes of memory */
    uint64_t maps, unmaps;
} Ioas;

typedef struct Hwpt {
    uint32_t id;
    uint32_t parent;
    uint32_t flags;             /* IOMMU_HWPT_* */
    uint32_t fault_id;          /* with IOMMU_HWPT_FAULT_ID_VALID */
    bool has_vtd;
    struct iommu_hwpt_vtd_s1 vtd;
} Hwpt;

typedef struct Attachment {
    uint32_t devid;
    uint32_t pasid;             /* or IOMMUFD_NO_PASID */
    uint32_t pt_id;
    char *device;
} Attachment;

struct IOMMUFDObjects {
    GHashTable *ioas;           /* Ioas by its ID */
    GHashTable *hwpts;          /* Hwpt by its ID */
    GHashTable *fault_queues;   /* their IDs */
    GHashTable *attachments;    /* Attachment by device and PASID */
    QemuMutex errors_lock;      /* an invalidation may fail without the BQL */
    GHashTable *errors;         /* uint64_t by ioctl and errno */
    uint64_t looks;             /* at HWPTs and attachments, by queries */
};

/* Keeping */

static guint attachment_hash(gconstpointer v)
{
    const Attachment *at = v;

    return at->devid * 31 ^ at->pasid;
}

static gboolean attachment_equal(gconstpointer a, gconstpointer b)
{
    const Attachment *x = a, *y = b;

    return x->devid == y->devid && x->pasid == y->pasid;
}

static void attachment_free(gpointer v)
{
    Attachment *at = v;

    g_free(at->device);
    g_free(at);
}

static void bar_free(Bar *bar)
{
    QLIST_REMOVE(bar, next);
    g_free(bar->device);
    g_free(bar);
}

static void ioas_free(gpointer v)
{
    Ioas *ioas = v;
    Bar *bar, *tmp;

    QLIST_FOREACH_SAFE(bar, &ioas->bars, next, tmp) {
        bar_free(bar);
    }
    g_free(ioas);
}

IOMMUFDObjects *iommufd_objects_new(void)
{
    IOMMUFDObjects *objects = g_new0(IOMMUFDObjects, 1);

    objects->ioas = g_hash_table_new_full(NULL, NULL, NULL, ioas_free);
    objects->hwpts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    objects->fault_queues = g_hash_table_new(NULL, NULL);
    objects->attachments = g_hash_table_new_full(attachment_hash,
                                                 attachment_equal,
                                                 attachment_free, NULL);
    qemu_mutex_init(&objects->errors_lock);
    objects->errors = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return objects;
}

void iommufd_objects_free(IOMMUFDObjects *objects)
{
    g_hash_table_destroy(objects->ioas);
    g_hash_table_destroy(objects->hwpts);
    g_hash_table_destroy(objects->fault_queues);
    g_hash_table_destroy(objects->attachments);
    g_hash_table_destroy(objects->errors);
    qemu_mutex_destroy(&objects->errors_lock);
    g_free(objects);
}

void iommufd_objects_clear(IOMMUFDObjects *objects)
{
    g_hash_table_remove_all(objects->ioas);
    g_hash_table_remove_all(objects->hwpts);
    g_hash_table_remove_all(objects->fault_queues);
    g_hash_table_remove_all(objects->attachments);
}

void iommufd_objects_add_ioas(IOMMUFDObjects *objects, uint32_t id)
{
    Ioas *ioas = g_new0(Ioas, 1);

    ioas->id = id;
    g_hash_table_insert(objects->ioas, GUINT_TO_POINTER(id), ioas);
}

void iommufd_objects_add_hwpt(IOMMUFDObjects *objects,
                              const struct iommu_hwpt_alloc *cmd)
{
    Hwpt *hwpt = g_new0(Hwpt, 1);

    hwpt->id = cmd->out_hwpt_id;
    hwpt->parent = cmd->pt_id;
    hwpt->flags = cmd->flags;
    hwpt->fault_id = cmd->fault_id;
    if (cmd->data_type == IOMMU_HWPT_DATA_VTD_S1 &&
        cmd->data_len >= sizeof(hwpt->vtd)) {
        hwpt->has_vtd = true;
        hwpt->vtd = *(struct iommu_hwpt_vtd_s1 *)(uintptr_t)cmd->data_uptr;
    }
    g_hash_table_insert(objects->hwpts, GUINT_TO_POINTER(hwpt->id), hwpt);
}

void iommufd_objects_add_fault_queue(IOMMUFDObjects *objects, uint32_t id)
{
    g_hash_table_add(objects->fault_queues, GUINT_TO_POINTER(id));
}

void iommufd_objects_remove(IOMMUFDObjects *objects, uint32_t id)
{
    /* The kernel has one space of IDs for all kinds. */
    g_hash_table_remove(objects->ioas, GUINT_TO_POINTER(id));
    g_hash_table_remove(objects->hwpts, GUINT_TO_POINTER(id));
    g_hash_table_remove(objects->fault_queues, GUINT_TO_POINTER(id));
}

void iommufd_objects_mapped(IOMMUFDObjects *objects, uint32_t ioas_id,
                            uint64_t size)
{
    Ioas *ioas = g_hash_table_lookup(objects->ioas, GUINT_TO_POINTER(ioas_id));

    if (ioas) {
        ioas->mapped += size;
        ioas->maps++;
    }
}

void iommufd_objects_add_bar(IOMMUFDObjects *objects, uint32_t ioas_id,
                             uint64_t iova, const IOMMUFDBar *from)
{
    Ioas *ioas = g_hash_table_lookup(objects->ioas, GUINT_TO_POINTER(ioas_id));
    Bar *bar;

    if (!ioas) {
        return;
    }
    bar = g_new0(Bar, 1);
    bar->iova = iova;
    bar->size = from->size;
    bar->offset = from->offset;
    bar->nr = from->nr;
    bar->device = g_strdup(from->device);
    QLIST_INSERT_HEAD(&ioas->bars, bar, next);
    ioas->maps++;
}

/*
 * The kernel unmaps a mapping as a whole, or refuses.
 * Return: bytes of BARs
 */
static uint64_t forget_bars(Ioas *ioas, uint64_t iova, uint64_t size)
{
    uint64_t bytes = 0;
    Bar *bar, *tmp;

    QLIST_FOREACH_SAFE(bar, &ioas->bars, next, tmp) {
        if (bar->iova - iova < size) {
            bytes += bar->size;
            bar_free(bar);
        }
    }
    return bytes;
}

void iommufd_objects_unmapped(IOMMUFDObjects *objects, uint32_t ioas_id,
                              uint64_t iova, uint64_t size, uint64_t unmapped)
{
    Ioas *ioas = g_hash_table_lookup(objects->ioas, GUINT_TO_POINTER(ioas_id));

    if (ioas) {
        ioas->mapped -= unmapped - forget_bars(ioas, iova, size);
        ioas->unmaps++;
    }
}

void iommufd_backend_note_attach(IOMMUFDBackend *be, uint32_t devid,
                                 const char *device, uint32_t pasid,
                                 uint32_t pt_id)
{
    Attachment *at = g_new0(Attachment, 1);

    at->devid = devid;
    at->pasid = pasid;
    at->pt_id = pt_id;
    at->device = g_strdup(device);
    g_hash_table_add(be->objects->attachments, at);
}

void iommufd_backend_note_detach(IOMMUFDBackend *be, uint32_t devid,
                                 uint32_t pasid)
{
    Attachment key = { .devid = devid, .pasid = pasid };

    g_hash_table_remove(be->objects->attachments, &key);
}

/* An errno is below 4096. */
static gpointer error_key(IOMMUFDIoctl nr, int err)
{
    return GUINT_TO_POINTER(nr << 12 | (err & 0xfff));
}

void iommufd_objects_failed(IOMMUFDObjects *objects, IOMMUFDIoctl nr, int err)
{
    uint64_t *count;

    QEMU_LOCK_GUARD(&objects->errors_lock);
    count = g_hash_table_lookup(objects->errors, error_key(nr, err));
    if (!count) {
        count = g_new0(uint64_t, 1);
        g_hash_table_insert(objects->errors, error_key(nr, err), count);
    }
    *count += 1;
}

/* Telling */

/*
 * How many objects refer to an ID, by ID.  Counted once for each answer: a
 * search for each object would let the guest make the answer expensive.
 */
typedef struct Users {
    IOMMUFDObjects *objects;
    GHashTable *count;
} Users;

static void users_add(Users *users, uint32_t id)
{
    gpointer key = GUINT_TO_POINTER(id);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(users->count, key));

    g_hash_table_insert(users->count, key, GUINT_TO_POINTER(count + 1));
}

static uint32_t users_of(const Users *users, uint32_t id)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(users->count,
                                                GUINT_TO_POINTER(id)));
}

static void users_count(Users *users, IOMMUFDObjects *objects)
{
    GHashTableIter iter;
    Attachment *at;
    Hwpt *hwpt;

    users->objects = objects;
    users->count = g_hash_table_new(NULL, NULL);
    g_hash_table_iter_init(&iter, objects->hwpts);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&hwpt)) {
        objects->looks++;
        users_add(users, hwpt->parent);
        if (hwpt->flags & IOMMU_HWPT_FAULT_ID_VALID) {
            users_add(users, hwpt->fault_id);
        }
    }
    g_hash_table_iter_init(&iter, objects->attachments);
    while (g_hash_table_iter_next(&iter, (gpointer *)&at, NULL)) {
        objects->looks++;
        users_add(users, at->pt_id);
    }
}

static IommufdHwptFlagList *hwpt_flags(uint32_t flags)
{
    static const struct {
        uint32_t bit;
        IommufdHwptFlag flag;
    } names[] = {
        { HWPT_ALLOC_PASID, IOMMUFD_HWPT_FLAG_PASID },
        { IOMMU_HWPT_FAULT_ID_VALID, IOMMUFD_HWPT_FLAG_FAULT },
        { IOMMU_HWPT_ALLOC_DIRTY_TRACKING, IOMMUFD_HWPT_FLAG_DIRTY_TRACKING },
        { IOMMU_HWPT_ALLOC_NEST_PARENT, IOMMUFD_HWPT_FLAG_NEST_PARENT },
    };
    IommufdHwptFlagList *list = NULL;

    for (int i = 0; i < ARRAY_SIZE(names); i++) {
        if (flags & names[i].bit) {
            QAPI_LIST_PREPEND(list, names[i].flag);
        }
    }
    return list;
}

IommufdVtdStage1 *iommufd_vtd_stage1(uint64_t pointer, uint32_t addr_width,
                                     uint64_t flags)
{
    IommufdVtdStage1 *s1 = g_new0(IommufdVtdStage1, 1);

    s1->pointer = pointer;
    s1->addr_width = addr_width;
    if (flags & IOMMU_VTD_S1_WPE) {
        QAPI_LIST_PREPEND(s1->flags, IOMMUFD_VTD_STAGE1_FLAG_WPE);
    }
    if (flags & IOMMU_VTD_S1_EAFE) {
        QAPI_LIST_PREPEND(s1->flags, IOMMUFD_VTD_STAGE1_FLAG_EAFE);
    }
    if (flags & IOMMU_VTD_S1_SRE) {
        QAPI_LIST_PREPEND(s1->flags, IOMMUFD_VTD_STAGE1_FLAG_SRE);
    }
    return s1;
}

static IommufdBarInfo *bar_info(const Bar *bar)
{
    IommufdBarInfo *info = g_new0(IommufdBarInfo, 1);

    info->device = g_strdup(bar->device);
    info->bar = bar->nr;
    info->offset = bar->offset;
    info->iova = bar->iova;
    info->size = bar->size;
    return info;
}

static IommufdIoasInfo *ioas_info(const Users *users, const Ioas *ioas)
{
    IommufdIoasInfo *info = g_new0(IommufdIoasInfo, 1);
    Bar *bar;

    info->id = ioas->id;
    QLIST_FOREACH(bar, &ioas->bars, next) {
        QAPI_LIST_PREPEND(info->bars, bar_info(bar));
    }
    info->mapped = ioas->mapped;
    info->maps = ioas->maps;
    info->unmaps = ioas->unmaps;
    info->users = users_of(users, ioas->id);
    return info;
}

static IommufdHwptInfo *hwpt_info(const Users *users, const Hwpt *hwpt)
{
    IommufdHwptInfo *info = g_new0(IommufdHwptInfo, 1);

    users->objects->looks++;
    info->id = hwpt->id;
    info->parent = hwpt->parent;
    info->flags = hwpt_flags(hwpt->flags);
    if (hwpt->has_vtd) {
        info->vtd_stage1 = iommufd_vtd_stage1(hwpt->vtd.pgtbl_addr,
                                              hwpt->vtd.addr_width,
                                              hwpt->vtd.flags);
    }
    info->has_fault_queue = hwpt->flags & IOMMU_HWPT_FAULT_ID_VALID;
    info->fault_queue = hwpt->fault_id;
    info->users = users_of(users, hwpt->id);
    return info;
}

static IommufdFaultQueueInfo *fault_queue_info(const Users *users, uint32_t id)
{
    IommufdFaultQueueInfo *info = g_new0(IommufdFaultQueueInfo, 1);

    info->id = id;
    info->users = users_of(users, id);
    return info;
}

static IommufdAttachmentInfo *attachment_info(const Users *users,
                                              const Attachment *at)
{
    IommufdAttachmentInfo *info = g_new0(IommufdAttachmentInfo, 1);

    users->objects->looks++;
    info->device = g_strdup(at->device);
    info->device_id = at->devid;
    info->has_pasid = at->pasid != IOMMUFD_NO_PASID;
    info->pasid = info->has_pasid ? at->pasid : 0;
    info->page_table = at->pt_id;
    return info;
}

void iommufd_objects_query(IOMMUFDObjects *objects, IommufdInfo *info)
{
    GHashTableIter iter;
    Users users;
    gpointer v;

    users_count(&users, objects);
    g_hash_table_iter_init(&iter, objects->ioas);
    while (g_hash_table_iter_next(&iter, NULL, &v)) {
        QAPI_LIST_PREPEND(info->ioas, ioas_info(&users, v));
    }
    g_hash_table_iter_init(&iter, objects->hwpts);
    while (g_hash_table_iter_next(&iter, NULL, &v)) {
        QAPI_LIST_PREPEND(info->hwpts, hwpt_info(&users, v));
    }
    g_hash_table_iter_init(&iter, objects->fault_queues);
    while (g_hash_table_iter_next(&iter, &v, NULL)) {
        QAPI_LIST_PREPEND(info->fault_queues,
                          fault_queue_info(&users, GPOINTER_TO_UINT(v)));
    }
    g_hash_table_iter_init(&iter, objects->attachments);
    while (g_hash_table_iter_next(&iter, &v, NULL)) {
        QAPI_LIST_PREPEND(info->attachments, attachment_info(&users, v));
    }
    g_hash_table_destroy(users.count);
}

uint64_t iommufd_objects_looks(const IOMMUFDObjects *objects)
{
    return objects->looks;
}

IommufdErrorCountList *iommufd_objects_errors(IOMMUFDObjects *objects,
                                              IOMMUFDIoctl nr)
{
    IommufdErrorCountList *list = NULL;
    GHashTableIter iter;
    gpointer key, count;

    QEMU_LOCK_GUARD(&objects->errors_lock);
    g_hash_table_iter_init(&iter, objects->errors);
    while (g_hash_table_iter_next(&iter, &key, &count)) {
        if (GPOINTER_TO_UINT(key) >> 12 == nr) {
            IommufdErrorCount *error = g_new0(IommufdErrorCount, 1);

            error->q_errno = GPOINTER_TO_UINT(key) & 0xfff;
            error->count = *(uint64_t *)count;
            QAPI_LIST_PREPEND(list, error);
        }
    }
    return list;
}
