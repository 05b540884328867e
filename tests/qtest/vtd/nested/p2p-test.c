/*
 * intel-iommu,nested=on: DMA from one device to the BAR of another
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs two pasid-testdevs, VTD_TEST_BDF and VTD_TEST_BDF2, with af=on,pm=on, and
 * for one row an NVMe controller with a controller memory buffer, VTD_TEST_NVME.
 * The first does DMA.  The other one is behind a root port; its memory is looked
 * at through its registers.  Linux 6.19 is the first that can map a BAR; older
 * ones run what is left, the warning.
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "hw/pci/pci_regs.h"
#include "nested-pasid-world.h"

#define IOVA_BAR        (64 * MIB)  /* in table A: the target's memory */
#define BYTES           256
#define CMB_BAR         2           /* of QEMU's NVMe controller */

/* Where a BAR may be behind the root port: nested_setup_bridge() */
#define WINDOW          0xe1000000
#define PLACES          40
#define PLACE(n)        (WINDOW + (n) % PLACES * 0x120000)
#define ROUNDS          25
#define STORM           100

#define UNREACHABLE     "other devices cannot reach BAR"

typedef struct P2PTest {
    PasidTest source;           /* .n has the machine */
    const char *bdf;            /* of the target */
    QPCIDevice *dev;
    QPCIBar bar;                /* the target's */
    unsigned memory;            /* where in the BAR its memory is */
    uint8_t pattern;
    NestedLog log;
} P2PTest;

static bool host_maps_bars(void)
{
    return nested_host_at_least(6, 19);
}

static QTestState *qts_of(const P2PTest *p)
{
    return p->source.n.qts;
}

/* Setting up */

static void find_target(P2PTest *p)
{
    QTestdev target;

    g_free(p->dev);
    p->dev = qpci_device_find(p->source.n.pci, 1 << 8);
    qtestdev_init(&target, qts_of(p), p->dev);
    p->bar = target.bar;
    p->memory = PASID_TESTDEV_MEMORY;
}

/* Table A leads from IOVA_BAR to the target's memory. */
static void map_target(P2PTest *p)
{
    NestedTest *n = &p->source.n;

    for (unsigned i = 0; i < PASID_TESTDEV_MEMORY_SIZE; i += PAGE) {
        qvtd_map(n->vtd, &n->tables[TABLE_A], IOVA_BAR + i,
                 p->bar.addr + p->memory + i, 12, QVTD_S1_PAGE);
    }
}

static void set_entry(P2PTest *p, uint32_t pasid, unsigned pgtt)
{
    NestedTest *n = &p->source.n;
    const QVTDPasid entry = {
        .pgtt = pgtt, .did = pasid ? DID_X : DID,
        .stage1 = pgtt == PGTT_STAGE1 ? n->tables[TABLE_A].root : 0,
    };

    pasid_write(&p->source, pasid, &entry);
    g_assert_true(qvtd_invalidate(n->vtd, QVTD_INV_PC_GLOBAL, 0));
    g_assert_true(qvtd_invalidate(n->vtd, QVTD_INV_IOTLB_GLOBAL, 0));
}

/* Without PASID, addresses are the guest's own: a pass-through entry. */
static void setup_with(P2PTest *p, const char *bdf)
{
    g_autofree char *more = g_strdup_printf(
        " -device vfio-pci,id=target,host=%s,iommufd=iommufd0,bus=rp", bdf);

    *p = (P2PTest) { .bdf = bdf };
    nested_log_begin(&p->log);
    pasid_setup_machine(&p->source, "nested=on,pasid=on", vtd_host_device(),
                        more);
    nested_log_started(&p->log);
}

static bool setup(P2PTest *p)
{
    const char *bdf = getenv("VTD_TEST_BDF2");

    if (!host_maps_bars()) {
        g_test_skip("Linux is the first to map BARs in version 6.19");
        return false;
    }
    if (!bdf) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
        return false;
    }
    setup_with(p, bdf);
    find_target(p);
    return true;
}

/* Translation stays off: Linux before 6.15 has no PASIDs. */
static void setup_untranslated(P2PTest *p, const char *bdf)
{
    NestedTest *n = &p->source.n;
    g_autofree char *devices = g_strdup_printf(
        "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=%d "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d "
        "-device vfio-pci,host=%s,iommufd=iommufd0,bus=rp",
        SLOT2, vtd_host_device(), SLOT, bdf);

    *p = (P2PTest) { .bdf = bdf };
    nested_log_begin(&p->log);
    nested_start(n, devices);
    nested_log_started(&p->log);
    nested_setup_bridge(n, QPCI_DEVFN(SLOT2, 0), 1, 1);
    n->edu.dev = qpci_device_find(n->pci, QPCI_DEVFN(SLOT, 0));
    qtestdev_init(&p->source.dev, n->qts, n->edu.dev);
}

static void teardown(P2PTest *p)
{
    g_free(p->dev);
    pasid_teardown(&p->source);
    nested_log_end(&p->log);
}

/* What is seen */

static void fill(P2PTest *p, uint8_t *bytes)
{
    p->pattern += 7;
    for (unsigned i = 0; i < BYTES; i++) {
        bytes[i] = p->pattern + i;
    }
}

static unsigned run(P2PTest *p, uint32_t op, uint32_t pasid, uint64_t iova)
{
    const QTestdevCommand command = {
        .op = op | (pasid == QTESTDEV_NO_PASID ? 0 : PASID_TESTDEV_WITH_PASID),
        .pasid = pasid, .iova = iova, .length = BYTES,
    };

    return qtestdev_run(&p->source.dev, &command);
}

/* Writes of the source end up in the target's memory: or they are blocked. */
static bool writes_reach(P2PTest *p, uint32_t pasid, uint64_t iova)
{
    uint8_t sent[BYTES], before[BYTES], after[BYTES];
    unsigned code;

    fill(p, sent);
    qtestdev_memwrite(&p->source.dev, 0, sent, BYTES);
    fill(p, before);
    qpci_memwrite(p->dev, p->bar, p->memory, before, BYTES);

    code = run(p, PASID_TESTDEV_WRITE, pasid, iova);
    qpci_memread(p->dev, p->bar, p->memory, after, BYTES);
    if (code == PASID_TESTDEV_OK) {
        g_assert_cmpmem(after, BYTES, sent, BYTES);
        return true;
    }
    g_assert_cmpuint(code, ==, PASID_TESTDEV_FAULT);
    g_assert_cmpmem(after, BYTES, before, BYTES);
    return false;
}

static bool reads_reach(P2PTest *p, uint32_t pasid, uint64_t iova)
{
    uint8_t there[BYTES], after[BYTES];
    unsigned code;

    fill(p, there);
    qpci_memwrite(p->dev, p->bar, p->memory, there, BYTES);
    memset(after, 0, BYTES);
    qtestdev_memwrite(&p->source.dev, 0, after, BYTES);

    code = run(p, PASID_TESTDEV_READ, pasid, iova);
    qtestdev_memread(&p->source.dev, 0, after, BYTES);
    if (code == PASID_TESTDEV_OK) {
        g_assert_cmpmem(after, BYTES, there, BYTES);
        return true;
    }
    g_assert_cmpuint(code, ==, PASID_TESTDEV_FAULT);
    g_assert_cmpint(memcmp(after, there, BYTES), !=, 0);
    return false;
}

static bool reaches_iova(P2PTest *p, uint32_t pasid, uint64_t iova)
{
    bool reaches = writes_reach(p, pasid, iova);

    g_assert_cmpint(reads_reach(p, pasid, iova), ==, reaches);
    return reaches;
}

/* At the BAR's own address */
static bool reaches(P2PTest *p)
{
    return reaches_iova(p, QTESTDEV_NO_PASID, p->bar.addr + p->memory);
}

/* Is the DMA to an address where the target is no more blocked? */
static bool faults(P2PTest *p, uint64_t addr)
{
    return run(p, PASID_TESTDEV_WRITE, QTESTDEV_NO_PASID, addr) ==
           PASID_TESTDEV_FAULT &&
           run(p, PASID_TESTDEV_READ, QTESTDEV_NO_PASID, addr) ==
           PASID_TESTDEV_FAULT;
}

/* Mappings of the target's BARs that QEMU tells of; @iova: of one of them */
static unsigned count_bars(P2PTest *p, uint64_t *iova)
{
    QDict *reply = qtest_qmp(qts_of(p), "{'execute': 'x-query-iommufd'}");
    QDict *be = qobject_to(QDict, qlist_peek(qdict_get_qlist(reply, "return")));
    const QListEntry *ioas, *bar;
    unsigned count = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(be, "ioas"), ioas) {
        QDict *dict = qobject_to(QDict, qlist_entry_obj(ioas));

        QLIST_FOREACH_ENTRY(qdict_get_qlist(dict, "bars"), bar) {
            QDict *info = qobject_to(QDict, qlist_entry_obj(bar));

            if (g_str_equal(qdict_get_str(info, "device"), p->bdf)) {
                count++;
                *iova = qdict_get_int(info, "iova");
            }
        }
    }
    qobject_unref(reply);
    return count;
}

static void check_bars(P2PTest *p, unsigned want)
{
    uint64_t iova = 0;

    g_assert_cmpuint(count_bars(p, &iova), ==, want);
    if (want) {
        g_assert_cmphex(iova, ==, p->bar.addr);
    }
}

/* dma-bufs in all of the host */
static int64_t count_dma_bufs(void)
{
    g_autofree char *text = NULL;
    const char *total;

    g_assert_true(g_file_get_contents("/sys/kernel/debug/dma_buf/bufinfo",
                                      &text, NULL, NULL));
    /* The last line; each of them has one on who is attached to it. */
    total = g_strrstr(text, "\nTotal ");
    g_assert_nonnull(total);
    return g_ascii_strtoll(total + strlen("\nTotal "), NULL, 10);
}

/* What the guest does to the target */

static void set_memory_enable(P2PTest *p, bool on)
{
    uint16_t command = qpci_config_readw(p->dev, PCI_COMMAND);

    command &= ~PCI_COMMAND_MEMORY;
    qpci_config_writew(p->dev, PCI_COMMAND,
                       command | (on ? PCI_COMMAND_MEMORY : 0));
}

/* As Linux does, or with the BAR in use */
static void move(P2PTest *p, uint64_t addr, bool in_use)
{
    if (!in_use) {
        set_memory_enable(p, false);
    }
    qpci_config_writel(p->dev, PCI_BASE_ADDRESS_0, addr);
    if (!in_use) {
        set_memory_enable(p, true);
    }
    p->bar.addr = addr;
}

static void reset_function(P2PTest *p)
{
    uint8_t cap = qpci_find_capability(p->dev, PCI_CAP_ID_EXP, 0);

    g_assert_cmphex(qpci_config_readl(p->dev, cap + PCI_EXP_DEVCAP) &
                    PCI_EXP_DEVCAP_FLR, !=, 0);
    qpci_config_writew(p->dev, cap + PCI_EXP_DEVCTL,
                       qpci_config_readw(p->dev, cap + PCI_EXP_DEVCTL) |
                       PCI_EXP_DEVCTL_BCR_FLR);
}

static void reset_af(P2PTest *p)
{
    uint8_t cap = qpci_find_capability(p->dev, PCI_CAP_ID_AF, 0);

    g_assert_cmphex(cap, !=, 0);
    qpci_config_writeb(p->dev, cap + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
}

static void set_power_state(P2PTest *p, unsigned state)
{
    uint8_t cap = qpci_find_capability(p->dev, PCI_CAP_ID_PM, 0);

    g_assert_cmphex(cap, !=, 0);
    qpci_config_writew(p->dev, cap + PCI_PM_CTRL, state);
}

static void reset_power(P2PTest *p)
{
    set_power_state(p, 3);
    check_bars(p, 0);
    g_assert_true(faults(p, p->bar.addr + p->memory));
    set_power_state(p, 0);
}

static void reset_bus(P2PTest *p)
{
    nested_reset_bus(&p->source.n, QPCI_DEVFN(SLOT2, 0));
    check_bars(p, 0);
    g_assert_true(faults(p, p->bar.addr + p->memory));
    find_target(p);
}

static void disable_memory(P2PTest *p)
{
    set_memory_enable(p, false);
    check_bars(p, 0);
    g_assert_true(faults(p, p->bar.addr + p->memory));
    set_memory_enable(p, true);
}

/* Cases */

/* Through both stages, or the host's alone */
static void test_reach(gconstpointer data)
{
    uint32_t pasid = GPOINTER_TO_UINT(data);
    g_autofree char *text = NULL, *line = NULL;
    P2PTest p;

    if (!setup(&p)) {
        return;
    }
    map_target(&p);
    check_bars(&p, 1);
    text = qtest_hmp(qts_of(&p), "info iommufd");
    line = g_strdup_printf("BAR 0 of %s + 0x0: 0x20000 bytes at 0x%" PRIx64,
                           p.bdf, p.bar.addr);
    g_assert_nonnull(strstr(text, line));
    /* All of the BAR, the registers as well */
    g_assert_cmpuint(vtd_host_page_lg2(p.source.n.bdf, p.bar.addr), >, 0);
    g_assert_true(reaches(&p));

    set_entry(&p, pasid == QTESTDEV_NO_PASID ? 0 : pasid, PGTT_STAGE1);
    g_assert_true(reaches_iova(&p, pasid, IOVA_BAR));
    /* Not by the address that it has in the guest */
    g_assert_false(reaches_iova(&p, pasid, p.bar.addr + p.memory));
    teardown(&p);
}

static void test_move(void)
{
    int64_t dma_bufs, maps, unmaps;
    VTDHostObjects before, after;
    P2PTest p;

    if (!setup(&p)) {
        return;
    }
    /* The tables for all places are there then. */
    for (unsigned i = 0; i < PLACES; i++) {
        move(&p, PLACE(i), i & 1);
    }
    dma_bufs = count_dma_bufs();
    before = vtd_host_objects();
    maps = nested_calls(&p.source.n, "iommu-ioas-map-file");
    unmaps = nested_calls(&p.source.n, "iommu-ioas-unmap");
    for (unsigned i = 0; i < PLACES * ROUNDS && !g_test_failed(); i++) {
        uint64_t old = p.bar.addr + p.memory;

        move(&p, PLACE(i), i & 1);
        g_assert_true(writes_reach(&p, QTESTDEV_NO_PASID,
                                   p.bar.addr + p.memory));
        g_assert_cmpuint(run(&p, PASID_TESTDEV_WRITE, QTESTDEV_NO_PASID, old),
                         ==, PASID_TESTDEV_FAULT);
        if (i % PLACES == 0) {
            g_test_message("%u moves", i);
        }
    }
    after = vtd_host_objects();
    vtd_host_check_objects(&before, &after);
    g_assert_cmpint(after.heap - before.heap, <, PLACES * ROUNDS / 2);
    g_assert_cmpint(count_dma_bufs(), ==, dma_bufs);
    g_assert_cmpint(nested_calls(&p.source.n, "iommu-ioas-map-file") - maps,
                    ==, PLACES * ROUNDS);
    g_assert_cmpint(nested_calls(&p.source.n, "iommu-ioas-unmap") - unmaps,
                    ==, PLACES * ROUNDS);
    check_bars(&p, 1);
    g_assert_cmpuint(nested_log_count(&p.log, UNREACHABLE), ==, 0);
    teardown(&p);
}

/* The kernel takes the mapping away; it comes back with the BAR. */
static void test_reset(gconstpointer data)
{
    void (*const reset)(P2PTest *p) = data;
    int64_t dma_bufs;
    P2PTest p;

    if (!setup(&p)) {
        return;
    }
    map_target(&p);
    set_entry(&p, PASID_X, PGTT_STAGE1);
    dma_bufs = count_dma_bufs();
    for (int i = 0; i < 20 && !g_test_failed(); i++) {
        reset(&p);
        check_bars(&p, 1);
        g_assert_true(reaches(&p));
    }
    if (reset != reset_bus) {
        g_assert_true(reaches_iova(&p, PASID_X, IOVA_BAR));
    }
    g_assert_cmpint(count_dma_bufs(), ==, dma_bufs);
    teardown(&p);
}

static void test_system_reset(void)
{
    P2PTest p;
    PasidTest *t = &p.source;

    if (!setup(&p)) {
        return;
    }
    g_assert_true(reaches(&p));
    qtest_system_reset(qts_of(&p));
    check_bars(&p, 0);
    g_assert_cmpint(count_dma_bufs(), ==, 0);
    /* Translation is off: the host's stage 2 alone */
    nested_setup_bridge(&t->n, QPCI_DEVFN(SLOT2, 0), 1, 1);
    qtestdev_init(&t->dev, t->n.qts, t->n.edu.dev);
    find_target(&p);
    check_bars(&p, 1);
    g_assert_true(reaches(&p));
    teardown(&p);
}

static void unplug(P2PTest *p)
{
    g_clear_pointer(&p->dev, g_free);
    nested_eject(qts_of(p), "target");
}

static void test_unplug(void)
{
    int64_t dma_bufs;
    P2PTest p;

    if (!setup(&p)) {
        return;
    }
    dma_bufs = count_dma_bufs();
    for (int i = 0; i < 5 && !g_test_failed(); i++) {
        uint64_t addr = p.bar.addr + p.memory;

        g_assert_true(reaches(&p));
        unplug(&p);
        check_bars(&p, 0);
        g_assert_true(faults(&p, addr));
        g_assert_cmpint(count_dma_bufs(), <, dma_bufs);
        qtest_qmp_device_add(qts_of(&p), "vfio-pci", "target", "{'host': %s, "
                             "'iommufd': 'iommufd0', 'bus': 'rp'}", p.bdf);
        find_target(&p);
        check_bars(&p, 1);
    }
    g_assert_true(reaches(&p));
    g_assert_cmpint(count_dma_bufs(), ==, dma_bufs);
    teardown(&p);
}

/* The target is a controller memory buffer, of @size bytes. */
static bool setup_nvme(P2PTest *p, uint64_t *size)
{
    const char *bdf = getenv("VTD_TEST_NVME");

    if (!host_maps_bars() || !bdf) {
        g_test_skip(bdf ? "Linux is the first to map BARs in version 6.19"
                        : "VTD_TEST_NVME names no NVMe controller");
        return false;
    }
    setup_with(p, bdf);
    p->dev = qpci_device_find(p->source.n.pci, 1 << 8);
    qpci_device_enable(p->dev);
    p->bar = qpci_iomap(p->dev, CMB_BAR, size);
    g_assert_cmpuint(*size, >=, MIB);
    return true;
}

static void test_nvme(void)
{
    uint64_t size, old;
    P2PTest p;

    if (!setup_nvme(&p, &size)) {
        return;
    }
    g_assert_true(reaches(&p));
    p.memory = size - BYTES;
    g_assert_true(reaches(&p));

    /* A BAR of 64 bits */
    old = p.bar.addr + p.memory;
    set_memory_enable(&p, false);
    g_assert_true(faults(&p, old));
    set_memory_enable(&p, true);
    g_assert_true(reaches(&p));
    teardown(&p);
}

static void move_source(P2PTest *p, uint64_t addr)
{
    qpci_config_writel(p->source.n.edu.dev, PCI_BASE_ADDRESS_0, addr);
    p->source.dev.bar.addr = addr;
}

/*
 * The source's own BAR hides a part of the target's: each has what the CPU sees
 * there.
 */
static void test_overlap(void)
{
    const unsigned hole = 2 * PASID_TESTDEV_BAR_SIZE;
    uint64_t size, iova, home;
    P2PTest p;

    if (!setup_nvme(&p, &size)) {
        return;
    }
    home = p.source.dev.bar.addr;
    check_bars(&p, 1);
    move_source(&p, p.bar.addr + hole);
    g_assert_cmpuint(count_bars(&p, &iova), ==, 2);
    g_assert_true(reaches(&p));
    p.memory = hole - BYTES;
    g_assert_true(reaches(&p));
    p.memory = hole + PASID_TESTDEV_BAR_SIZE;
    g_assert_true(reaches(&p));
    p.memory = size - BYTES;
    g_assert_true(reaches(&p));

    move_source(&p, home);
    check_bars(&p, 1);
    p.memory = hole;
    g_assert_true(reaches(&p));
    teardown(&p);
}

/* The host fails: a warning, and what is not mapped is blocked. */
typedef struct FailureRow {
    const char *name;
    const char *inject;
    const char *message;
} FailureRow;

static const FailureRow failure_rows[] = {
    { "export", "vfio-device-feature-dma-buf 5 100000",
      "VFIO_DEVICE_FEATURE_DMA_BUF failed" },
    { "old-kernel", "vfio-device-feature-dma-buf 25 100000", "Linux 6.19" },
    { "other-driver", "vfio-device-feature-dma-buf 95 100000", "vfio-pci" },
    { "map", "iommu-ioas-map-file 12 100000", "IOMMU_IOAS_MAP_FILE failed" },
};

static void test_failure(gconstpointer data)
{
    const FailureRow *row = data;
    int64_t dma_bufs;
    P2PTest p;

    if (!setup(&p)) {
        return;
    }
    set_memory_enable(&p, false);
    dma_bufs = count_dma_bufs();
    nested_inject(&p.source.n, row->inject);
    set_memory_enable(&p, true);
    check_bars(&p, 0);
    g_assert_false(reaches(&p));
    g_assert_cmpuint(nested_log_count(&p.log, row->message), ==, 1);

    /* However often the guest does it */
    for (unsigned i = 0; i < STORM; i++) {
        move(&p, PLACE(i), i & 1);
    }
    g_assert_cmpuint(nested_log_count(&p.log, UNREACHABLE), ==, 1);
    g_assert_cmpuint(nested_log_count(&p.log, "\n"), ==, 1);
    g_assert_cmpint(count_dma_bufs(), ==, dma_bufs);
    g_assert_false(reaches(&p));
    nested_inject(&p.source.n, "iommu-ioas-map-file 12 0");
    move(&p, WINDOW, false);
    g_assert_true(reaches(&p));
    teardown(&p);
}

/* Each allocation that the kernel makes for the map fails once. */
static void test_sweep(void)
{
    unsigned nth, lost = 0;
    int64_t dma_bufs;
    P2PTest p;

    if (!nested_can_fail_nth() || !setup(&p)) {
        return;
    }
    dma_bufs = count_dma_bufs();
    for (nth = 1; !g_test_failed(); nth++) {
        bool failed, is;

        set_memory_enable(&p, false);
        nested_fail_nth(&p.source.n, nth);
        set_memory_enable(&p, true);
        failed = nested_has_failed(&p.source.n);
        is = reaches(&p);
        check_bars(&p, is);
        lost += !is;
        if (!failed) {
            g_assert_true(is);
            break;
        }
    }
    g_assert_cmpuint(lost, >, 0);
    g_assert_cmpint(count_dma_bufs(), ==, dma_bufs);
    g_test_message("%u allocations failed, one at a time: %u times the BAR was "
                   "not mapped", nth - 1, lost);
    teardown(&p);
}

/* A kernel that does not share BARs: one warning a device, and no more */
static void test_old_kernel(void)
{
    const char *bdf = getenv("VTD_TEST_BDF2");
    P2PTest p;

    if (host_maps_bars() || !bdf) {
        g_test_skip(bdf ? "the host's Linux maps BARs: it is 6.19 or later"
                        : "VTD_TEST_BDF2 names no second device");
        return;
    }
    setup_untranslated(&p, bdf);
    find_target(&p);
    g_assert_false(reaches(&p));
    check_bars(&p, 0);
    for (unsigned i = 0; i < STORM; i++) {
        move(&p, PLACE(i), i & 1);
    }
    /* Of both devices */
    g_assert_cmpuint(nested_log_count(&p.log, UNREACHABLE), ==, 2);
    g_assert_cmpuint(nested_log_count(&p.log, "requires Linux 6.19"), ==, 2);
    g_assert_cmpuint(nested_log_count(&p.log, "\n"), ==, 2);
    reset_function(&p);
    g_assert_false(reaches(&p));
    teardown(&p);
}

#define P2P "/intel-iommu/nested/p2p/"

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_data_func(P2P "rid", GUINT_TO_POINTER(QTESTDEV_NO_PASID),
                        test_reach);
    qtest_add_data_func(P2P "pasid", GUINT_TO_POINTER(PASID_X), test_reach);
    qtest_add_func(P2P "move", test_move);
    qtest_add_data_func(P2P "disable", disable_memory, test_reset);
    qtest_add_data_func(P2P "reset/function", reset_function, test_reset);
    qtest_add_data_func(P2P "reset/af", reset_af, test_reset);
    qtest_add_data_func(P2P "reset/power", reset_power, test_reset);
    qtest_add_data_func(P2P "reset/bus", reset_bus, test_reset);
    qtest_add_func(P2P "reset/system", test_system_reset);
    qtest_add_func(P2P "unplug", test_unplug);
    qtest_add_func(P2P "nvme-memory-buffer", test_nvme);
    qtest_add_func(P2P "overlap", test_overlap);
    for (int i = 0; i < ARRAY_SIZE(failure_rows); i++) {
        g_autofree char *path = g_strdup_printf(P2P "failure/%s",
                                                failure_rows[i].name);

        qtest_add_data_func(path, &failure_rows[i], test_failure);
    }
    qtest_add_func(P2P "sweep", test_sweep);
    qtest_add_func(P2P "old-kernel", test_old_kernel);
    return g_test_run();
}
