/*
 * intel-iommu,nested=on: guest memory of all kinds, as it comes and goes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.  The device always translates
 * through the guest's stage 1; what changes is the stage 2 behind it.  A page is
 * reached if the device reads what the guest wrote there, and the other way
 * round.
 */

#include "qemu/osdep.h"
#include "hw/pci-host/q35.h"
#include "standard-headers/linux/virtio_mem.h"
#include "libqos/malloc-pc.h"
#include "libqos/virtio-pci.h"
#include "nested-steps.h"

#define KIB             1024ULL
#define GIB             (1024 * MIB)

/* Where Q35 puts memory devices, with no RAM above 4 GiB */
#define DEVICE_MEMORY   (4 * GIB)

static void setup(NestedTest *t, const char *memory, const char *devices)
{
    g_autofree char *all = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d %s",
        vtd_host_device(), SLOT, devices);

    nested_start_machine(t, &(NestedMachine) { .memory = memory }, all);
    nested_setup_device(t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(t);
    nested_map_mark(t);
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
}

/* Backings and places */

typedef struct Layout {
    const char *name;
    const char *memory;
    uint64_t gpa;
    unsigned page_lg2;      /* of the host's stage 2, 0: any */
    unsigned hugepages;     /* of that size, which the host has to have */
} Layout;

static const Layout layouts[] = {
    { "ram", NULL, 48 * MIB },
    { "above-4g", "-m " RAM " -machine max-ram-below-4g=48M", 4 * GIB },
    { "hugetlb-2m", "-m " RAM " -machine memory-backend=ram "
      "-object memory-backend-memfd,id=ram,size=" RAM ",hugetlb=on,hugetlbsize=2M",
      48 * MIB, 21, RAM_END / (2 * MIB) },
    { "hugetlb-1g", "-m " RAM ",slots=1,maxmem=2G "
      "-object memory-backend-memfd,id=big,size=1G,hugetlb=on,hugetlbsize=1G "
      "-device pc-dimm,memdev=big", DEVICE_MEMORY + 512 * MIB, 30, 1 },
};

static void test_layout(gconstpointer data)
{
    const Layout *row = data;
    NestedTest t;

    if (row->hugepages &&
        !vtd_host_has_hugepages(row->page_lg2, row->hugepages)) {
        return;
    }
    setup(&t, row->memory, "");
    g_assert_true(nested_reaches(&t, row->gpa));
    if (row->page_lg2) {
        g_assert_cmpuint(vtd_host_page_lg2(t.bdf, row->gpa), ==,
                         row->page_lg2);
    }
    nested_teardown(&t);
}

/* Memory that is plugged and unplugged: QEMU's docs/specs/acpi_mem_hotplug.rst */
#define MEMHP_SLOT      0xa00
#define MEMHP_FLAGS     0xa14
#define MEMHP_EJECT     (1 << 3)

#define DIMM_SIZE       (16 * MIB)

static void plug_dimm(NestedTest *t)
{
    qtest_qmp_assert_success(t->qts, "{'execute': 'object-add', 'arguments': {"
                             "'qom-type': 'memory-backend-ram', 'id': 'mem', "
                             "'size': %d}}", (int)DIMM_SIZE);
    qtest_qmp_device_add(t->qts, "pc-dimm", "dimm", "{'memdev': 'mem'}");
}

/* As the guest's ACPI code lets slot 0 go */
static void unplug_dimm(NestedTest *t)
{
    qtest_qmp_device_del_send(t->qts, "dimm");
    qtest_outl(t->qts, MEMHP_SLOT, 0);
    qtest_outb(t->qts, MEMHP_FLAGS, MEMHP_EJECT);
    qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
    qtest_qmp_assert_success(t->qts, "{'execute': 'object-del', "
                             "'arguments': {'id': 'mem'}}");
}

static void fail_next_map(NestedTest *t)
{
    nested_inject(t, "iommu-ioas-map 12 1");
}

static void test_dimm(void)
{
    NestedTest t;

    setup(&t, "-m " RAM ",slots=1,maxmem=1G", "");
    g_assert_false(nested_reaches(&t, DEVICE_MEMORY));
    /* From here on stage 1 stays, and nothing is invalidated. */
    plug_dimm(&t);
    g_assert_true(nested_is_at_src(&t, DEVICE_MEMORY));
    unplug_dimm(&t);
    g_assert_false(nested_is_at_src(&t, DEVICE_MEMORY));
    g_assert_cmpuint(vtd_host_page_lg2(t.bdf, DEVICE_MEMORY), ==, 0);
    plug_dimm(&t);
    g_assert_true(nested_is_at_src(&t, DEVICE_MEMORY));
    g_assert_true(nested_reaches(&t, DEVICE_MEMORY + DIMM_SIZE - PAGE));
    nested_teardown(&t);
}

/* The host has no room for it: the guest has the memory, the device has not. */
static void test_dimm_refused(void)
{
    NestedTest t;

    setup(&t, "-m " RAM ",slots=1,maxmem=1G", "");
    fail_next_map(&t);
    plug_dimm(&t);
    g_assert_false(nested_reaches(&t, DEVICE_MEMORY));
    g_assert_true(nested_reaches(&t, PAGE_A));
    unplug_dimm(&t);
    plug_dimm(&t);
    g_assert_true(nested_reaches(&t, DEVICE_MEMORY));
    nested_teardown(&t);
}

/* What the host's stage 2 has of the DIMM: all or nothing */
static bool is_mapped(NestedTest *t)
{
    bool first = vtd_host_page_lg2(t->bdf, DEVICE_MEMORY);
    bool last = vtd_host_page_lg2(t->bdf, DEVICE_MEMORY + DIMM_SIZE - PAGE);

    g_assert_cmpint(first, ==, last);
    return first;
}

/*
 * Each allocation that the kernel makes when it maps or unmaps the DIMM fails
 * once: the device has it or has it not, and never when it is gone.
 */
static void test_dimm_sweep(void)
{
    unsigned nth, blocked = 0;
    bool plug_failed, unplug_failed;
    NestedTest t;

    if (!nested_can_fail_nth()) {
        return;
    }
    setup(&t, "-m " RAM ",slots=1,maxmem=1G", "");
    for (nth = 1; !g_test_failed(); nth++) {
        nested_fail_nth(&t, nth);
        plug_dimm(&t);
        plug_failed = nested_has_failed(&t);
        g_assert_true(is_mapped(&t) || plug_failed);
        g_assert_cmpint(nested_reaches(&t, DEVICE_MEMORY), ==, is_mapped(&t));
        blocked += !is_mapped(&t);
        nested_fail_nth(&t, nth);
        unplug_dimm(&t);
        unplug_failed = nested_has_failed(&t);
        g_assert_false(is_mapped(&t));
        if (!plug_failed && !unplug_failed) {
            break;
        }
    }
    g_assert_true(nested_reaches(&t, PAGE_A));
    g_assert_cmpuint(blocked, >, 0);
    g_test_message("dimm: %u allocations failed, one at a time: %u times the "
                   "device had none of it", nth - 1, blocked);
    nested_teardown(&t);
}

/* virtio-mem */

#define VMEM_SLOT       6
#define VMEM_BLOCK      (2 * MIB)
#define VMEM_PATIENCE   (30 * 1000 * 1000)      /* microseconds */

typedef struct VMem {
    QVirtioPCIDevice *pci;
    QVirtQueue *vq;
    QGuestAllocator alloc;
    uint64_t addr;
} VMem;

static void vmem_init(NestedTest *t, VMem *m)
{
    QPCIAddress slot = { .devfn = QPCI_DEVFN(VMEM_SLOT, 0) };
    QVirtioDevice *dev;

    pc_alloc_init(&m->alloc, t->qts, 0);
    m->pci = virtio_pci_new(t->pci, &slot);
    g_assert_nonnull(m->pci);
    dev = &m->pci->vdev;
    qvirtio_pci_device_enable(m->pci);
    qvirtio_start_device(dev);
    qvirtio_set_features(dev, qvirtio_get_features(dev) &
                         ~(QVIRTIO_F_BAD_FEATURE |
                           1ULL << VIRTIO_RING_F_INDIRECT_DESC |
                           1ULL << VIRTIO_RING_F_EVENT_IDX));
    m->vq = qvirtqueue_setup(dev, &m->alloc, 0);
    qvirtio_set_driver_ok(dev);
    m->addr = qvirtio_config_readq(dev, offsetof(struct virtio_mem_config,
                                                 addr));
}

static void vmem_free(VMem *m)
{
    qvirtqueue_cleanup(m->pci->vdev.bus, m->vq, &m->alloc);
    g_free(m->pci->pdev);
    g_free(m->pci);
    alloc_destroy(&m->alloc);
}

/* One block.  Return: VIRTIO_MEM_RESP_* */
static unsigned vmem_request(NestedTest *t, VMem *m, unsigned type,
                             uint64_t addr)
{
    struct virtio_mem_req req = {
        .type = cpu_to_le16(type),
        .u.plug.addr = cpu_to_le64(addr),
        .u.plug.nb_blocks = cpu_to_le16(1),
    };
    struct virtio_mem_resp resp;
    uint64_t out = guest_alloc(&m->alloc, sizeof(req));
    uint64_t in = guest_alloc(&m->alloc, sizeof(resp));
    uint32_t head;

    qtest_memwrite(t->qts, out, &req, sizeof(req));
    head = qvirtqueue_add(t->qts, m->vq, out, sizeof(req), false, true);
    qvirtqueue_add(t->qts, m->vq, in, sizeof(resp), true, false);
    qvirtqueue_kick(t->qts, &m->pci->vdev, m->vq, head);
    qvirtio_wait_used_elem(t->qts, &m->pci->vdev, m->vq, head, NULL,
                           VMEM_PATIENCE);
    qtest_memread(t->qts, in, &resp, sizeof(resp));
    guest_free(&m->alloc, out);
    guest_free(&m->alloc, in);
    return le16_to_cpu(resp.type);
}

static void vmem_start(NestedTest *t, VMem *m)
{
    g_autofree char *device = g_strdup_printf(
        "-device virtio-mem-pci,memdev=mem,requested-size=8M,block-size=%llu,"
        "addr=%d", VMEM_BLOCK, VMEM_SLOT);

    setup(t, "-m " RAM ",maxmem=1G -object memory-backend-ram,id=mem,size=64M",
          device);
    vmem_init(t, m);
}

static void test_virtio_mem(void)
{
    NestedTest t;
    VMem m;

    vmem_start(&t, &m);
    g_assert_false(nested_reaches(&t, m.addr));
    g_assert_cmpuint(vmem_request(&t, &m, VIRTIO_MEM_REQ_PLUG, m.addr), ==,
                     VIRTIO_MEM_RESP_ACK);
    g_assert_true(nested_is_at_src(&t, m.addr));
    g_assert_cmpuint(vmem_request(&t, &m, VIRTIO_MEM_REQ_PLUG,
                                  m.addr + VMEM_BLOCK), ==,
                     VIRTIO_MEM_RESP_ACK);
    g_assert_true(nested_is_at_src(&t, m.addr));
    g_assert_cmpuint(vmem_request(&t, &m, VIRTIO_MEM_REQ_UNPLUG, m.addr), ==,
                     VIRTIO_MEM_RESP_ACK);
    g_assert_false(nested_is_at_src(&t, m.addr));
    g_assert_true(nested_reaches(&t, m.addr + VMEM_BLOCK));
    g_assert_false(nested_reaches(&t, m.addr + 2 * VMEM_BLOCK));

    /* A reset takes all of it out. */
    vmem_free(&m);
    qtest_system_reset(t.qts);
    g_assert_cmpuint(vtd_host_page_lg2(t.bdf, PAGE_A), !=, 0);
    g_assert_cmpuint(vtd_host_page_lg2(t.bdf, m.addr + VMEM_BLOCK), ==, 0);
    nested_teardown(&t);
}

/* The host has no room for a block: the guest's driver is told. */
static void test_virtio_mem_refused(void)
{
    NestedTest t;
    VMem m;

    vmem_start(&t, &m);
    fail_next_map(&t);
    g_assert_cmpuint(vmem_request(&t, &m, VIRTIO_MEM_REQ_PLUG, m.addr), ==,
                     VIRTIO_MEM_RESP_BUSY);
    g_assert_false(nested_reaches(&t, m.addr));
    g_assert_cmpuint(vmem_request(&t, &m, VIRTIO_MEM_REQ_PLUG, m.addr), ==,
                     VIRTIO_MEM_RESP_ACK);
    g_assert_true(nested_is_at_src(&t, m.addr));
    vmem_free(&m);
    nested_teardown(&t);
}

/* Each allocation for a block fails once: it is there, or the guest is told. */
static void test_virtio_mem_sweep(void)
{
    unsigned nth, refused = 0;
    NestedTest t;
    VMem m;

    if (!nested_can_fail_nth()) {
        return;
    }
    vmem_start(&t, &m);
    for (nth = 1; !g_test_failed(); nth++) {
        unsigned plugged, unplugged;
        bool failed;

        nested_fail_nth(&t, nth);
        plugged = vmem_request(&t, &m, VIRTIO_MEM_REQ_PLUG, m.addr);
        failed = nested_has_failed(&t);
        g_assert_true(plugged == VIRTIO_MEM_RESP_ACK ||
                      (failed && plugged == VIRTIO_MEM_RESP_BUSY));
        g_assert_cmpint(nested_reaches(&t, m.addr), ==,
                        plugged == VIRTIO_MEM_RESP_ACK);
        if (plugged != VIRTIO_MEM_RESP_ACK) {
            refused++;
            continue;
        }
        nested_fail_nth(&t, nth);
        unplugged = vmem_request(&t, &m, VIRTIO_MEM_REQ_UNPLUG, m.addr);
        failed |= nested_has_failed(&t);
        g_assert_cmpuint(unplugged, ==, VIRTIO_MEM_RESP_ACK);
        g_assert_cmpuint(vtd_host_page_lg2(t.bdf, m.addr), ==, 0);
        if (!failed) {
            break;
        }
    }
    g_assert_true(nested_reaches(&t, PAGE_A));
    g_assert_cmpuint(refused, >, 0);
    g_test_message("virtio-mem: %u allocations failed, one at a time: %u times "
                   "the block was refused", nth - 1, refused);
    vmem_free(&m);
    nested_teardown(&t);
}

/* ROMs, and RAM that the guest shadows or hides */

#define BIOS            (4 * GIB - PAGE)
#define BIOS_BELOW_1M   (1 * MIB - PAGE)
#define PAM_C0000       0x91            /* bits 1:0, 0xc0000 to 0xc3fff */
#define PAM_READ        1
#define PAM_WRITE       2
#define TSEG            (8 * MIB)

static void test_rom(void)
{
    NestedTest t;

    setup(&t, NULL, "");
    g_assert_false(nested_reaches(&t, BIOS));
    g_assert_false(nested_reaches(&t, BIOS_BELOW_1M));
    g_assert_true(nested_reaches(&t, 640 * KIB - PAGE));
    nested_teardown(&t);
}

typedef struct HostBridge {
    NestedTest t;
    QPCIDevice *dev;
} HostBridge;

static void bridge_setup(HostBridge *b)
{
    setup(&b->t, NULL, "");
    b->dev = qpci_device_find(b->t.pci, 0);
    g_assert_nonnull(b->dev);
}

static void bridge_teardown(HostBridge *b)
{
    g_free(b->dev);
    nested_teardown(&b->t);
}

static void test_shadow_ram(void)
{
    static const struct {
        unsigned pam;
        bool reached;
    } rows[] = {
        { 0, false },
        { PAM_READ | PAM_WRITE, true },
        { PAM_READ, false },            /* read-only memory is kept out */
        { PAM_READ | PAM_WRITE, true },
        { 0, false },
    };
    HostBridge b;

    bridge_setup(&b);
    for (size_t i = 0; i < ARRAY_SIZE(rows) && !g_test_failed(); i++) {
        qpci_config_writeb(b.dev, PAM_C0000, rows[i].pam);
        g_assert_cmpint(nested_reaches(&b.t, 0xc0000), ==, rows[i].reached);
    }
    bridge_teardown(&b);
}

/* The RAM below the hole becomes shorter, and what a device does goes on. */
static void test_resize(void)
{
    HostBridge b;

    bridge_setup(&b);
    g_assert_true(nested_reaches(&b.t, RAM_END - PAGE));
    qpci_config_writeb(b.dev, MCH_HOST_BRIDGE_ESMRAMC,
                       MCH_HOST_BRIDGE_ESMRAMC_TSEG_SZ_8MB |
                       MCH_HOST_BRIDGE_ESMRAMC_T_EN);
    qpci_config_writeb(b.dev, MCH_HOST_BRIDGE_SMRAM,
                       MCH_HOST_BRIDGE_SMRAM_G_SMRAME);
    g_assert_false(nested_is_at_src(&b.t, RAM_END - PAGE));
    g_assert_false(nested_reaches(&b.t, RAM_END - TSEG));
    g_assert_true(nested_reaches(&b.t, RAM_END - TSEG - PAGE));
    qpci_config_writeb(b.dev, MCH_HOST_BRIDGE_SMRAM, 0);
    g_assert_true(nested_reaches(&b.t, RAM_END - PAGE));
    bridge_teardown(&b);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/memory/%s", layouts[i].name);
        qtest_add_data_func(path, &layouts[i], test_layout);
    }
    qtest_add_func("/intel-iommu/nested/memory/dimm", test_dimm);
    qtest_add_func("/intel-iommu/nested/memory/dimm-refused",
                   test_dimm_refused);
    qtest_add_func("/intel-iommu/nested/memory/dimm-sweep", test_dimm_sweep);
    qtest_add_func("/intel-iommu/nested/memory/virtio-mem", test_virtio_mem);
    qtest_add_func("/intel-iommu/nested/memory/virtio-mem-refused",
                   test_virtio_mem_refused);
    qtest_add_func("/intel-iommu/nested/memory/virtio-mem-sweep",
                   test_virtio_mem_sweep);
    qtest_add_func("/intel-iommu/nested/memory/rom", test_rom);
    qtest_add_func("/intel-iommu/nested/memory/shadow-ram", test_shadow_ram);
    qtest_add_func("/intel-iommu/nested/memory/resize", test_resize);

    return g_test_run();
}
