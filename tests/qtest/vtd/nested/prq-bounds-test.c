/*
 * intel-iommu,nested=on,pri=on: devices that do not keep to PCIe
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-prq-test needs, and a second pasid-testdev, which
 * VTD_TEST_BDF2 names.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "nested-prq-world.h"
#include "libqos/patience.h"

#define HOST_ALLOCATION 2048            /* Linux: requests a device may have */

/* Two devices, and a group of one that no read takes */

#define LARGE_GROUP     4500            /* more than QEMU reads at once */
#define LARGE_PART      1500            /* the host's queue takes 2047 */

typedef struct LargeRow {
    const char *name;
    const char *inject;     /* as a kernel that finds nothing to read */
} LargeRow;

static const LargeRow large_rows[] = {
    { "as-it-is", NULL },
    { "reads-nothing", "iommu-fault-queue-read 0 1000000" },
};

/* The host lets a device have 2048 requests: this one has more. */
static void host_allocation(const char *bdf, uint16_t pri, uint32_t requests)
{
    g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s/config",
                                            bdf);
    int fd = open(path, O_RDWR);

    requests = cpu_to_le32(requests);
    g_assert_cmpint(pwrite(fd, &requests, 4, pri + PCI_PRI_ALLOC_REQ), ==, 4);
    close(fd);
}

/* In parts, each followed by a request that shows that the host has it. */
static void send_large_group(PrqWorld *w)
{
    QTestdevCommand c;
    unsigned tail = prq_tail(w);

    for (unsigned sent = 0; sent < LARGE_GROUP; sent += LARGE_PART) {
        c = prq_command(w, PASID_TESTDEV_PAGE_REQUEST | PASID_TESTDEV_WANT_READ |
                        PASID_TESTDEV_ONE_GROUP);
        c.length = LARGE_PART * PAGE;
        c.prgi = 1;
        g_assert_cmpuint(qtestdev_run(&w->dev, &c), ==, PASID_TESTDEV_OK);
        prq_send_requests(w, 2 + sent / LARGE_PART, 1);
        prq_await_tail(w, ++tail);
    }
    c.op |= PASID_TESTDEV_LAST;
    c.length = PAGE;
    g_assert_cmpuint(qtestdev_run(&w->dev, &c), ==, PASID_TESTDEV_OK);
}

static void start_two(PrqWorld *one, PrqWorld *two, const char *bdf2)
{
    QVTDPasid entry = { .pgtt = PGTT_STAGE1, .did = DID };
    g_autofree char *device = NULL;
    NestedTest *t = &one->t;

    device = g_strdup_printf("-device vfio-pci,id=two,host=%s,"
                             "iommufd=iommufd0,addr=%d", bdf2, SLOT2);
    *one = (PrqWorld) { .pasid = QTESTDEV_NO_PASID, .sid = PRQ_SID,
                        .more = device };
    prq_boot(one, PRQ_PROPS, PRQ_CONTEXT);
    one->more = NULL;
    *two = *one;
    two->sid = SLOT2 << 3;
    two->t.bdf = bdf2;
    entry.stage1 = one->table.root;
    two->t.context = qvtd_context(t->vtd, two->sid, 0, 0, PRQ_CONTEXT);
    two->t.entry = qvtd_pasid_slot(t->vtd, two->t.context, 0);
    qvtd_write_pasid(t->vtd, two->t.entry, &entry);
    qvtd_writeq(t->vtd, DMAR_PQA_REG, PRQ_QUEUE);
    prq_enable(one);
    qtestdev_init(&two->dev, t->qts, qpci_device_find(t->pci, two->sid));
    qtestdev_enable(&two->dev, QTESTDEV_ATS | QTESTDEV_PRI);
}

/* The one that sent it is blocked, at once; the other one does not notice. */
static void test_large(gconstpointer opaque)
{
    const LargeRow *row = opaque;
    const char *bdf2 = getenv("VTD_TEST_BDF2");
    int64_t reads;
    unsigned tail, polls = 0;
    uint16_t pri;
    PrqWorld one, two;

    if (!bdf2) {
        g_test_skip("VTD_TEST_BDF2 names no second pasid-testdev");
        return;
    }
    start_two(&one, &two, bdf2);
    pri = qtestdev_find_ext_cap(&one.dev, PCI_EXT_CAP_ID_PRI);
    host_allocation(one.t.bdf, pri, 2 * LARGE_GROUP);
    prq_start_write(&two);
    prq_await_tail(&two, 1);
    if (row->inject) {
        /* Those of the parts are read before. */
        g_autofree char *inject = g_strdup_printf("%s %d", row->inject,
                                                  LARGE_GROUP / LARGE_PART);
        nested_inject(&one.t, inject);
    }
    send_large_group(&one);
    tail = prq_tail(&one);
    while (vtd_host_entry(one.t.bdf).present && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    nested_check_fault(&one.t, 0x5b);
    nested_inject(&one.t, "iommu-fault-queue-read 0 0");
    nested_check_host(&two.t, PGTT_NESTED, two.table.root);

    /* Nobody reads again and again what cannot be read. */
    reads = nested_calls(&one.t, "iommu-fault-queue-read");
    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(nested_calls(&one.t, "iommu-fault-queue-read"), ==,
                        reads);
    }
    g_assert_cmpuint(prq_tail(&two), ==, tail);
    prq_serve_write(&two);

    /* A device that is blocked is tried again. */
    host_allocation(one.t.bdf, pri, HOST_ALLOCATION);
    g_assert_true(qvtd_invalidate(one.t.vtd, QVTD_INV_PC_GLOBAL, 0));
    nested_check_host(&one.t, PGTT_NESTED, one.table.root);
    prq_send_requests(&one, 9, 1);
    prq_await_tail(&one, tail + 1);
    g_free(two.dev.dev);
    prq_stop(&one);
}

/* A request that came between a read, which found nothing, and the next step */
static void test_came_since(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    nested_inject(&w.t, "iommu-fault-queue-read 0 1");
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    nested_check_fault(&w.t, 0);
    nested_check_host(&w.t, PGTT_NESTED, w.table.root);
    prq_serve_write(&w);
    prq_stop(&w);
}

/*
 * A device that does not complete invalidations of its TLB.  Linux tries again as
 * long as the device is there, in the ioctl: QEMU waits with the BQL held.
 */

#define HELD            50              /* then the device goes on */

static void test_held(void)
{
    uint32_t logged;
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_serve_write(&w);

    qtestdev_writel(&w.dev, PASID_TESTDEV_CONTROL,
                    PASID_TESTDEV_HOLD_INVALIDATIONS |
                    PASID_TESTDEV_HOLD_ONLY(HELD));
    logged = qtestdev_readl(&w.dev, PASID_TESTDEV_LOG_COUNT);
    qvtd_edit(w.t.vtd, w.leaf, ~0ULL, PAGE_B | QVTD_S1_PAGE);
    qtest_memset(w.t.qts, PAGE_B, 0, PAGE);
    g_assert_true(qvtd_invalidate(w.t.vtd, QVTD_INV_PIOTLB_ALL(DID, 0), 0));
    /* The wait descriptor was not over before the device gave in. */
    g_assert_cmphex(qtestdev_readl(&w.dev, PASID_TESTDEV_CONTROL), ==, 0);
    g_assert_cmpuint(qtestdev_readl(&w.dev, PASID_TESTDEV_LOG_COUNT) - logged,
                     >, HELD);

    prq_start_write(&w);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    g_assert_false(prq_written(&w));
    g_assert_cmphex(qtest_readb(w.t.qts, PAGE_B), ==, 0x5a);
    prq_stop(&w);
}

int main(int argc, char **argv)
{
    if (!prq_test_init(&argc, &argv)) {
        return 0;
    }
    for (int i = 0; i < ARRAY_SIZE(large_rows); i++) {
        g_autofree char *path =
            g_strdup_printf("/intel-iommu/nested/prq/large-group/%s",
                            large_rows[i].name);

        qtest_add_data_func(path, &large_rows[i], test_large);
    }
    qtest_add_func("/intel-iommu/nested/prq/came-since", test_came_since);
    qtest_add_func("/intel-iommu/nested/prq/held-invalidation", test_held);

    return nested_test_run();
}
