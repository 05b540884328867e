/*
 * QTest cases for intel-iommu,ecap-nest=on and DMA of other threads
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A virtio-blk device in an iothread translates without the BQL, and so meets
 * faults there.  What the unit tells of them is under the BQL.
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/libqos-malloc.h"
#include "libqos/patience.h"
#include "libqos/pci-pc.h"
#include "libqos/virtio-pci.h"
#include "libqos/vtd.h"
#include "standard-headers/linux/virtio_blk.h"
#include "rows.h"

#define SID             0x30            /* 00:06.0 */
#define POOL_START      0x01000000ULL
#define POOL_END        0x02000000ULL
#define RINGS           0x06000000ULL   /* mapped to itself, 2 MiB */
#define REQUEST         0x06100000ULL
#define STATUS          0x06101000ULL
#define UNMAPPED        0x40000000ULL
#define VECTOR          0x51
#define SECTOR          512
#define DISK_LATENCY_MS 1000
#define INV_DW          (1ULL << 6)
#define INV_DR          (1ULL << 7)
#define ROM_SIZE        (128 * 1024)
#define POLL_US         1000
#define PATIENCE        20000           /* polls */

typedef struct IothreadWorld {
    QTestState *qts;
    QPCIBus *bus;
    QVTD vtd;
    QGuestAllocator alloc;
    QVirtioPCIDevice *disk;
    QVirtQueue *queue;
} IothreadWorld;

typedef struct IothreadRow {
    const char *name;
    const char *props;
    bool scalable;
    bool masked;                        /* FECTL.IM */
    unsigned reason;
} IothreadRow;

static const IothreadRow iothread_rows[] = {
    { "scalable", "ecap-nest=on", true, .reason = 0x79 },
    { "scalable/masked", "ecap-nest=on", true, true, .reason = 0x79 },
    { "legacy", "ecap-nest=on", .reason = 0x6 },
    { "legacy/stock", "intremap=off", .reason = 0x6 },
};

static void bind_tables(IothreadWorld *w, const IothreadRow *row)
{
    QVTD *v = &w->vtd;
    QVTDPasid entry = { .pgtt = 2, .did = 7, .aw = 2 };
    uint64_t contexts, context;
    QVTDTable table;

    qvtd_table_init(v, &table, 4, 0, QVTD_S2_LINK);
    qvtd_map(v, &table, RINGS, RINGS, 21, QVTD_S2_PAGE);
    if (row->scalable) {
        entry.stage2 = table.root;
        context = qvtd_context(v, SID, 0, 0, 0);
        qvtd_write_pasid(v, qvtd_pasid_slot(v, context, 0), &entry);
        qvtd_set_root(v, v->root, VTD_RTADDR_SMT);
        return;
    }
    contexts = qvtd_alloc(v, 1);
    qtest_writeq(w->qts, contexts + SID * 16 + 8, 2 | 7 << 8);
    qtest_writeq(w->qts, contexts + SID * 16, table.root | 1);
    qtest_writeq(w->qts, v->root, contexts | 1);
    qvtd_set_root(v, v->root, 0);
}

static void start_disk(IothreadWorld *w)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(6, 0) };
    uint64_t features;

    w->disk = virtio_pci_new(w->bus, &addr);
    g_assert_nonnull(w->disk);
    qvirtio_pci_device_enable(w->disk);
    qvirtio_start_device(&w->disk->vdev);
    features = qvirtio_get_features(&w->disk->vdev);
    features &= ~(QVIRTIO_F_BAD_FEATURE | 1ULL << VIRTIO_RING_F_INDIRECT_DESC |
                  1ULL << VIRTIO_RING_F_EVENT_IDX);
    qvirtio_set_features(&w->disk->vdev, features);
    alloc_init(&w->alloc, ALLOC_NO_FLAGS, RINGS, REQUEST, 4096);
    w->queue = qvirtqueue_setup(&w->disk->vdev, &w->alloc, 0);
    qvirtio_set_driver_ok(&w->disk->vdev);
}

/* A firmware that halts: under TCG the processor runs, and takes interrupts. */
static char *halting_rom(void)
{
    static const uint8_t code[] = { 0xfa, 0xf4, 0xeb, 0xfd };
    g_autofree uint8_t *rom = g_malloc0(ROM_SIZE);
    char *name = NULL;
    int fd = g_file_open_tmp("vtd-rom-XXXXXX", &name, NULL);

    g_assert_cmpint(fd, >=, 0);
    memcpy(rom + ROM_SIZE - 16, code, sizeof(code));
    g_assert_cmpint(write(fd, rom, ROM_SIZE), ==, ROM_SIZE);
    close(fd);
    return name;
}

#define IN_THREAD       "iothread=thread"
#define IN_MAIN_LOOP    "ioeventfd=off"

static void start(IothreadWorld *w, const IothreadRow *row, const char *disk,
                  unsigned latency_ms)
{
    g_autofree char *unit = qvtd_unit_props(row->props);
    g_autofree char *rom = halting_rom();

    *w = (IothreadWorld) {};
    w->qts = qtest_initf("-accel tcg -M q35 -m 256M -nodefaults -vga none "
                         "-bios %s -device intel-iommu,%s "
                         "-object iothread,id=thread,poll-max-ns=0 "
                         "-blockdev null-co,node-name=disk,read-zeroes=on,"
                         "latency-ns=%u000000 "
                         "-device virtio-blk-pci,id=blk,drive=disk,%s,"
                         "addr=6,disable-legacy=on,iommu_platform=on",
                         rom, unit, latency_ms, disk);
    unlink(rom);
    w->bus = qpci_new_pc(w->qts, NULL);
    qvtd_init(&w->vtd, w->qts, POOL_START, POOL_END);
    bind_tables(w, row);
    qvtd_writel(&w->vtd, DMAR_FEADDR_REG, 0xfee00000);
    qvtd_writel(&w->vtd, DMAR_FEDATA_REG, VECTOR);
    qvtd_writel(&w->vtd, DMAR_FECTL_REG, row->masked ? VTD_FECTL_IM : 0);
    qvtd_enable_translation(&w->vtd, true);
    start_disk(w);
}

static void stop(IothreadWorld *w)
{
    qvirtqueue_cleanup(w->disk->vdev.bus, w->queue, &w->alloc);
    alloc_destroy(&w->alloc);
    qvirtio_pci_device_disable(w->disk);
    g_free(w->disk->pdev);
    g_free(w->disk);
    qpci_free_pc(w->bus);
    qvtd_quit(w->qts);
}

/* A read of one sector, to @data */
static void submit_read(IothreadWorld *w, uint64_t data)
{
    const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN };
    uint32_t head;

    qtest_memwrite(w->qts, REQUEST, &header, sizeof(header));
    qtest_writeb(w->qts, STATUS, 0xff);
    head = qvirtqueue_add(w->qts, w->queue, REQUEST, sizeof(header), false,
                          true);
    qvirtqueue_add(w->qts, w->queue, data, SECTOR, true, true);
    qvirtqueue_add(w->qts, w->queue, STATUS, 1, true, false);
    qvirtqueue_kick(w->qts, &w->disk->vdev, w->queue, head);
}

static bool vector_is_requested(QTestState *qts)
{
    g_autofree char *lapic = qtest_hmp(qts, "info lapic 0");
    g_autofree char *vector = g_strdup_printf(" %d", VECTOR);
    const char *irr = strstr(lapic, "IRR");

    g_assert_nonnull(irr);
    return strstr(irr, vector) != NULL;
}

static void await_status(IothreadWorld *w)
{
    unsigned polls = 0;

    while (qtest_readb(w->qts, STATUS) == 0xff &&
           has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_cmphex(qtest_readb(w->qts, STATUS), ==, VIRTIO_BLK_S_OK);
}

static void await_fault(IothreadWorld *w)
{
    unsigned polls = 0;

    while (!(qvtd_readl(&w->vtd, DMAR_FSTS_REG) & VTD_FSTS_PPF) &&
           has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
}

static void test_iothread(gconstpointer opaque)
{
    const IothreadRow *row = opaque;
    QVTDFault fault;
    IothreadWorld w;

    start(&w, row, IN_THREAD, 0);
    qtest_memset(w.qts, RINGS + 0x120000, 0xff, SECTOR);
    submit_read(&w, RINGS + 0x120000);
    await_status(&w);
    g_assert_cmphex(qtest_readb(w.qts, RINGS + 0x120000), ==, 0);

    submit_read(&w, UNMAPPED);
    await_fault(&w);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FECTL_REG), ==,
                    row->masked ? VTD_FECTL_IM | VTD_FECTL_IP : 0);
    g_assert_cmpint(vector_is_requested(w.qts), ==, !row->masked);
    if (row->masked) {
        qvtd_writel(&w.vtd, DMAR_FECTL_REG, 0);
        g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_FECTL_REG), ==, 0);
        g_assert_true(vector_is_requested(w.qts));
    }
    g_assert_true(qvtd_take_fault(&w.vtd, &fault));
    g_assert_cmphex(fault.sid, ==, SID);
    g_assert_cmphex(fault.addr, ==, UNMAPPED);
    /* Stock QEMU's reason for an absent page is that of the access. */
    g_assert_true(fault.reason == row->reason ||
                  (!row->scalable && fault.reason == 0x5));
    stop(&w);
}

/*
 * A disk's DMA goes on after its addresses are translated.  An invalidation
 * that drains, and the wait descriptor after it, let it come to its end.
 */
static void test_drain(gconstpointer opaque)
{
    const IothreadRow row = {
        .props = "ecap-nest=on,x-strict=on",
        .scalable = true,
    };
    const uint64_t *desc = opaque;
    IothreadWorld w;

    start(&w, &row, IN_MAIN_LOOP, DISK_LATENCY_MS);
    qvtd_enable_queue(&w.vtd);
    submit_read(&w, RINGS + 0x120000);
    g_assert_true(qvtd_invalidate(&w.vtd, desc[0], desc[1]));
    g_assert_cmphex(qtest_readb(w.qts, STATUS), ==, VIRTIO_BLK_S_OK);
    stop(&w);
}

#define QUEUE_ORDER     7
#define QUEUE_ENTRIES   (256u << QUEUE_ORDER)
#define PASS_THROUGH    (2 << 2)        /* of a legacy context entry */

static void await_taken(IothreadWorld *w)
{
    unsigned polls = 0;
    int64_t in_use;

    do {
        QDict *status = qtest_qmp_assert_success_ref(
            w->qts, "{'execute': 'x-query-virtio-queue-status', 'arguments': "
            "{'path': '/machine/peripheral/blk/virtio-backend', 'queue': 0}}");

        in_use = qdict_get_int(status, "inuse");
        qobject_unref(status);
    } while (!in_use && has_patience(&polls, PATIENCE));
    g_assert_cmpint(in_use, ==, 1);
}

/* The queue full of invalidations, all but one; they are done under the BQL. */
static void invalidate_often(IothreadWorld *w)
{
    QVTD *v = &w->vtd;
    uint64_t head = qvtd_readq(v, DMAR_IQH_REG) >> 4;

    qvtd_writeq(v, DMAR_IQT_REG,
                (uint64_t)((head - 1) % QUEUE_ENTRIES) << 4);
}

static void fill_queue(IothreadWorld *w)
{
    g_autofree uint64_t *desc = g_new0(uint64_t, QUEUE_ENTRIES * 2);

    for (unsigned i = 0; i < QUEUE_ENTRIES; i++) {
        desc[i * 2] = cpu_to_le64(QVTD_INV_IOTLB_GLOBAL);
    }
    qtest_memwrite(w->qts, w->vtd.queue, desc, QUEUE_ENTRIES * 16);
}

/* The memory region behind which the disk's requests are translated */
static bool disk_is_translated(IothreadWorld *w)
{
    g_autofree char *tree = qtest_hmp(w->qts, "info mtree");

    return strstr(tree, "vtd-06.0-dmar") != NULL;
}

/*
 * The first request that meets a pass-through entry has the memory region
 * switched, for which the BQL is needed.  A thread that holds the IOMMU lock
 * must not wait for that: invalidations are taking both the other way round.
 */
static void test_pass_through(void)
{
    const IothreadRow row = { .props = "intremap=off" };
    unsigned polls = 0;
    uint64_t slot;
    IothreadWorld w;

    start(&w, &row, IN_THREAD, DISK_LATENCY_MS);
    w.vtd.narrow = true;
    qvtd_size_queue(&w.vtd, QUEUE_ORDER);
    qvtd_enable_queue(&w.vtd);
    submit_read(&w, RINGS + 0x120000);
    await_taken(&w);

    /* It is not in the context cache, and no invalidation tells of it. */
    slot = (qtest_readq(w.qts, w.vtd.root) & ~0xfffULL) + SID * 16;
    qtest_writeq(w.qts, slot, 0);
    g_assert_true(qvtd_invalidate(&w.vtd, QVTD_INV_CC_GLOBAL, 0));
    qtest_writeq(w.qts, slot, PASS_THROUGH | 1);
    g_assert_true(disk_is_translated(&w));
    fill_queue(&w);
    while (qtest_readb(w.qts, STATUS) == 0xff) {
        invalidate_often(&w);
    }
    g_assert_cmphex(qtest_readb(w.qts, STATUS), ==, VIRTIO_BLK_S_OK);
    while (disk_is_translated(&w) && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_false(disk_is_translated(&w));
    stop(&w);
}

static const uint64_t drain_domain[2] = {
    QVTD_INV_IOTLB_DOMAIN(7) | INV_DR | INV_DW,
};
static const uint64_t drain_pasid[2] = { QVTD_INV_PIOTLB_ALL(7, 0) };

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/iothread", iothread_rows, test_iothread);
    qtest_add_func("/vtd-walk/iothread/pass-through", test_pass_through);
    qtest_add_data_func("/vtd-walk/drain/domain", drain_domain, test_drain);
    qtest_add_data_func("/vtd-walk/drain/pasid", drain_pasid, test_drain);
}
