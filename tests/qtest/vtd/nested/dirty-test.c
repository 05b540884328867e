/*
 * intel-iommu,nested=on: which pages the device wrote, by stage 2
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs a pasid-testdev that is bound to vfio-pci.  QEMU gets its iommufd from
 * here, so that the nest parent's bitmap can be read beside it.  A page is dirty
 * if the device wrote to it, or if it is a table of the guest's in which the
 * walk set an accessed or dirty bit; and then the whole page of stage 2 is.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "libqos/patience.h"
#include "libqos/vtd-migrate.h"
#include "nested-pasid-world.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>

#define KIB             1024ULL
#define GIB             (1024 * MIB)
#define DEVICE_MEMORY   (4 * GIB)       /* where Q35 puts a DIMM */
#define WINDOW          (1ULL << 40)    /* where stage 1 has the data */
#define SPREAD          8               /* pages of data */
#define TABLE_PAGES     64              /* enough for the guest's tables */
#define ECAP_SLADS      (1ULL << 45)
#define POLL_US         1000
#define PATIENCE        10000           /* polls */

/* What stage 2 is made of */
typedef struct Backing {
    const char *name;
    const char *memory;
    uint64_t gpa;               /* of the data */
    uint64_t distance;          /* from one page of it to the next */
    unsigned lg2, tables_lg2;   /* pages of stage 2 there, and at the tables */
    unsigned hugepages;         /* of 2^lg2 bytes */
} Backing;

#define MEMFD "-object memory-backend-memfd,id=ram,size=" RAM \
              " -machine memory-backend=ram "

static const Backing backings[] = {
    { "4k", "-m " RAM " " MEMFD, 48 * MIB, 65 * PAGE, 12, 12 },
    { "2m", "-m " RAM " -machine memory-backend=ram "
      "-object memory-backend-memfd,id=ram,size=" RAM
      ",hugetlb=on,hugetlbsize=2M", 48 * MIB, 2 * MIB, 21, 21,
      RAM_END / (2 * MIB) },
    { "1g", "-m " RAM ",slots=1,maxmem=2G " MEMFD
      "-object memory-backend-memfd,id=big,size=1G,hugetlb=on,hugetlbsize=1G "
      "-device pc-dimm,memdev=big", DEVICE_MEMORY, 4 * MIB, 30, 12, 1 },
};

typedef struct DirtyTest {
    PasidTest p;
    const Backing *b;
    int iommu;
    uint32_t parent;            /* the nest parent */
    QVTDTable s1[2];            /* both lead to the same data */
    uint8_t fill;
    bool wrote[SPREAD];         /* since the last read */
    uint8_t *tables;            /* of the guest's, as last looked at */
    unsigned long *walked;      /* pages of them that the walk wrote since */
} DirtyTest;

/* The kernel */

static int call_tracking(DirtyTest *d, bool on)
{
    struct iommu_hwpt_set_dirty_tracking cmd = {
        .size = sizeof(cmd),
        .flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
        .hwpt_id = d->parent,
    };

    return ioctl(d->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd) ? -errno : 0;
}

static int call_bitmap(DirtyTest *d, uint64_t gpa, uint64_t size,
                       unsigned long *bits)
{
    struct iommu_hwpt_get_dirty_bitmap cmd = {
        .size = sizeof(cmd),
        .hwpt_id = d->parent,
        .iova = gpa,
        .length = size,
        .page_size = PAGE,
        .data = (uintptr_t)bits,
    };

    return ioctl(d->iommu, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd) ? -errno : 0;
}

/* The guest's tables, which lie in RAM */

static void look_at_tables(DirtyTest *d)
{
    g_assert_cmpuint(d->p.n.vtd->next, <=, TABLES + TABLE_PAGES * PAGE);
    qtest_bufread(d->p.n.qts, TABLES, d->tables, TABLE_PAGES * PAGE);
}

/* The page of stage 2 that has @at, in a bitmap that begins at @base */
static void expect(unsigned long *bits, uint64_t base, uint64_t at,
                   unsigned lg2)
{
    uint64_t first = at & ~((1ULL << lg2) - 1);
    uint64_t end = first + (1ULL << lg2);

    first = MAX(first, base);
    bitmap_set(bits, (first - base) / PAGE, (end - first) / PAGE);
}

/* Those that changed since they were looked at were written by the walk. */
static void collect_walked(DirtyTest *d)
{
    g_autofree uint8_t *then = g_steal_pointer(&d->tables);

    d->tables = g_malloc(TABLE_PAGES * PAGE);
    look_at_tables(d);
    for (unsigned i = 0; i < TABLE_PAGES; i++) {
        if (memcmp(then + i * PAGE, d->tables + i * PAGE, PAGE)) {
            expect(d->walked, 0, TABLES + i * PAGE, d->b->tables_lg2);
        }
    }
}

/* Setting up */

static bool has_flag(const QDict *hwpt, const char *flag)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(hwpt, "flags"), entry) {
        QString *name = qobject_to(QString, qlist_entry_obj(entry));

        if (g_str_equal(qstring_get_str(name), flag)) {
            return true;
        }
    }
    return false;
}

/* @tracks: out: it was allocated with dirty tracking. */
static uint32_t find_parent(NestedTest *n, bool *tracks)
{
    QDict *reply = qtest_qmp(n->qts, "{'execute': 'x-query-iommufd'}");
    QList *iommufds = qdict_get_qlist(reply, "return");
    QDict *info = qobject_to(QDict, qlist_peek(iommufds));
    const QListEntry *entry;
    uint32_t id = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(info, "hwpts"), entry) {
        QDict *hwpt = qobject_to(QDict, qlist_entry_obj(entry));

        if (has_flag(hwpt, "nest-parent")) {
            id = qdict_get_int(hwpt, "id");
            *tracks = has_flag(hwpt, "dirty-tracking");
        }
    }
    qobject_unref(reply);
    return id;
}

static uint64_t data_gpa(DirtyTest *d, unsigned i)
{
    return d->b->gpa + i * d->b->distance;
}

static void build(DirtyTest *d, bool pasids)
{
    NestedTest *n = &d->p.n;

    nested_build_tables(n);
    for (int i = 0; i < 2; i++) {
        qvtd_table_init(n->vtd, &d->s1[i], 4, 0, QVTD_S1_LINK);
        for (unsigned page = 0; page < SPREAD; page++) {
            qvtd_map(n->vtd, &d->s1[i], WINDOW + page * PAGE,
                     data_gpa(d, page), 12, QVTD_S1_PAGE);
        }
    }
    pasid_set_context(&d->p, 0, pasids);
    qvtd_enable_translation(n->vtd, true);
    look_at_tables(d);
}

/* Has the host's unit dirty bits? */
static bool host_tracks(void)
{
    return !vtd_host_has_unit() || vtd_host_register("ecap") & ECAP_SLADS;
}

static bool setup(DirtyTest *d, const Backing *b, bool pasids,
                  const char *more)
{
    g_autofree char *iommufd = NULL;
    g_autofree char *devices = NULL;
    NestedMachine machine = {
        .memory = b->memory,
        .props = pasids ? "nested=on,pasid=on" : "nested=on",
    };
    NestedTest *n = &d->p.n;
    bool tracks = false;

    if (pasids && !nested_host_at_least(6, 15)) {
        g_test_skip("PASIDs of passed-through devices: needs Linux 6.15 or "
                    "later");
        return false;
    }
    if (b->hugepages && !vtd_host_has_hugepages(b->lg2, b->hugepages)) {
        return false;
    }
    *d = (DirtyTest) { .b = b, .iommu = open("/dev/iommu", O_RDWR) };
    g_assert_cmpint(d->iommu, >=, 0);
    machine.iommufd = iommufd = g_strdup_printf(",fd=%d", d->iommu);
    devices = g_strdup_printf("-device vfio-pci,host=%s,iommufd=iommufd0,"
                              "addr=%d %s", vtd_host_device(), SLOT, more);
    nested_start_machine(n, &machine, devices);
    n->devfn = QPCI_DEVFN(SLOT, 0);
    n->edu.dev = qpci_device_find(n->pci, n->devfn);
    qtestdev_init(&d->p.dev, n->qts, n->edu.dev);
    if (pasids) {
        qtestdev_enable(&d->p.dev, QTESTDEV_PASID);
    }
    d->tables = g_malloc(TABLE_PAGES * PAGE);
    d->walked = bitmap_new(RAM_END / PAGE);
    d->parent = find_parent(n, &tracks);
    g_assert_cmpint(tracks, ==, host_tracks());
    build(d, pasids);
    /* Else the rows show nothing of pages of that size. */
    g_assert_cmpuint(vtd_host_page_lg2(n->bdf, b->gpa), ==, b->lg2);
    g_assert_cmpuint(vtd_host_page_lg2(n->bdf, TABLES), ==, b->tables_lg2);
    return true;
}

static void teardown(DirtyTest *d)
{
    pasid_teardown(&d->p);
    close(d->iommu);
    g_free(d->tables);
    g_free(d->walked);
}

/* The guest */

/* Of @pasid; 0: of requests without one.  @table: of s1[], or -1: not present */
static void attach(DirtyTest *d, uint32_t pasid, int table)
{
    NestedTest *n = &d->p.n;
    const QVTDPasid entry = {
        .pgtt = PGTT_STAGE1,
        .did = DID,
        .stage1 = table < 0 ? 0 : d->s1[table].root,
    };

    collect_walked(d);
    pasid_write(&d->p, pasid, table < 0 ? NULL : &entry);
    g_assert_true(qvtd_invalidate(n->vtd, QVTD_INV_PC_PASID(DID, pasid), 0));
    look_at_tables(d);
    if (table >= 0) {
        VTDHostEntry host = vtd_host_pasid_entry(n->bdf, pasid);

        g_assert_cmpuint(host.pgtt, ==, PGTT_NESTED);
        g_assert_cmphex(host.stage1, ==, entry.stage1);
    }
}

/* Back to the nest parent itself */
static void pass_through(DirtyTest *d)
{
    const QVTDPasid entry = { .pgtt = PGTT_PASS, .did = DID };

    collect_walked(d);
    pasid_write(&d->p, 0, &entry);
    g_assert_true(qvtd_invalidate(d->p.n.vtd, QVTD_INV_PC_PASID(DID, 0), 0));
    look_at_tables(d);
}

static void run(DirtyTest *d, uint32_t op, uint32_t pasid, uint64_t iova)
{
    const QTestdevCommand command = {
        .op = op | (pasid ? PASID_TESTDEV_WITH_PASID : 0),
        .pasid = pasid,
        .iova = iova,
        .length = PAGE,
    };

    g_assert_cmpuint(qtestdev_run(&d->p.dev, &command), ==, PASID_TESTDEV_OK);
}

/* The device writes one page of the data. */
static void write_to(DirtyTest *d, uint32_t pasid, unsigned page, uint64_t iova)
{
    uint8_t data[PAGE];

    memset(data, ++d->fill, PAGE);
    qtestdev_memwrite(&d->p.dev, 0, data, PAGE);
    run(d, PASID_TESTDEV_WRITE, pasid, iova);
    g_assert_cmphex(qtest_readb(d->p.n.qts, data_gpa(d, page) + PAGE - 1), ==,
                    d->fill);
    d->wrote[page] = true;
}

static void write_page(DirtyTest *d, uint32_t pasid, unsigned page)
{
    write_to(d, pasid, page, WINDOW + page * PAGE);
}

static void read_page(DirtyTest *d, uint32_t pasid, unsigned page)
{
    run(d, PASID_TESTDEV_READ, pasid, WINDOW + page * PAGE);
}

/* What must be dirty, and what is */

static void compare(const char *what, uint64_t gpa, uint64_t pages,
                    const unsigned long *want, const unsigned long *got)
{
    unsigned told = 0;

    for (uint64_t i = 0; i < pages && told < 8; i++) {
        if (test_bit(i, want) != test_bit(i, got)) {
            told++;
            g_test_message("%s: page 0x%" PRIx64 " is%s dirty, should%s", what,
                           gpa + i * PAGE, test_bit(i, got) ? "" : " not",
                           test_bit(i, want) ? "" : " not");
        }
    }
    g_assert_true(bitmap_equal(want, got, pages));
}

/* Of RAM, and of the DIMM if the data is there */
static void check_dirty_at(DirtyTest *d, const char *what, uint64_t gpa,
                           uint64_t size, bool tables)
{
    unsigned long pages = size / PAGE;
    g_autofree unsigned long *want = bitmap_new(pages);
    g_autofree unsigned long *got = bitmap_new(pages);

    for (unsigned i = 0; i < SPREAD; i++) {
        uint64_t at = data_gpa(d, i);

        if (d->wrote[i] && at >= gpa && at < gpa + size) {
            expect(want, gpa, at, d->b->lg2);
        }
    }
    if (tables) {
        collect_walked(d);
        bitmap_copy_with_src_offset(got, d->walked, gpa / PAGE, pages);
        bitmap_or(want, want, got, pages);
        bitmap_zero(got, pages);
        bitmap_zero(d->walked, RAM_END / PAGE);
    }
    g_assert_cmpint(call_bitmap(d, gpa, size, got), ==, 0);
    compare(what, gpa, pages, want, got);
}

/* The kernel stops at a hole without a word: there is one below 1 MiB. */
static void check_dirty(DirtyTest *d, const char *what)
{
    check_dirty_at(d, what, MIB, RAM_END - MIB, true);
    if (d->b->gpa >= DEVICE_MEMORY) {
        check_dirty_at(d, what, DEVICE_MEMORY, GIB, false);
    }
    memset(d->wrote, 0, sizeof(d->wrote));
}

static void start_tracking(DirtyTest *d)
{
    g_assert_cmpint(call_tracking(d, true), ==, 0);
    look_at_tables(d);
    bitmap_zero(d->walked, RAM_END / PAGE);
    memset(d->wrote, 0, sizeof(d->wrote));
}

/* Once there is a dirty bit in the entry, a cached one must not hide writes. */
static void check_rounds(DirtyTest *d, uint32_t pasid)
{
    check_dirty(d, "nothing was written");
    write_page(d, pasid, 0);
    write_page(d, pasid, 3);
    read_page(d, pasid, 4);
    check_dirty(d, "first writes");
    check_dirty(d, "nothing since");
    write_page(d, pasid, 3);
    check_dirty(d, "the same page again");
    /* What the read caches has stage 1's dirty bit, and not stage 2's. */
    read_page(d, pasid, 3);
    write_page(d, pasid, 3);
    write_page(d, pasid, 4);
    write_page(d, pasid, SPREAD - 1);
    read_page(d, pasid, 1);
    check_dirty(d, "old and new pages");
}

/* Rows */

typedef struct Row {
    const char *name;
    void (*func)(DirtyTest *d);
    bool pasids;
} Row;

static void before(DirtyTest *d)
{
    attach(d, 0, 0);
    write_page(d, 0, 2);
    read_page(d, 0, 0);
    start_tracking(d);
    check_rounds(d, 0);
}

/* The nest parent tracks already when the nested HWPT comes. */
static void attached(DirtyTest *d)
{
    start_tracking(d);
    check_dirty(d, "nothing is attached");
    attach(d, 0, 0);
    check_rounds(d, 0);
}

static void replaced(DirtyTest *d)
{
    attach(d, 0, 0);
    start_tracking(d);
    write_page(d, 0, 0);
    write_page(d, 0, 1);
    attach(d, 0, 1);
    write_page(d, 0, 2);
    check_dirty(d, "on both tables");
    write_page(d, 0, 1);
    attach(d, 0, -1);
    check_dirty(d, "the device is blocked");
    attach(d, 0, 0);
    check_rounds(d, 0);
}

/* On the nest parent itself, there and back */
static void passes(DirtyTest *d)
{
    pass_through(d);
    start_tracking(d);
    write_to(d, 0, 0, data_gpa(d, 0));
    attach(d, 0, 0);
    write_page(d, 0, 1);
    pass_through(d);
    write_to(d, 0, 5, data_gpa(d, 5));
    check_dirty(d, "with and without a stage 1");
    write_to(d, 0, 5, data_gpa(d, 5));
    check_dirty(d, "the same page again");
}

static void with_pasids(DirtyTest *d)
{
    attach(d, PASID_X, 0);
    start_tracking(d);
    attach(d, PASID_Y, 1);
    check_rounds(d, PASID_X);
    check_rounds(d, PASID_Y);
    attach(d, PASID_X, 1);
    write_page(d, PASID_X, 6);
    write_page(d, PASID_Y, 7);
    attach(d, 0, 0);
    write_page(d, 0, 5);
    check_dirty(d, "by two PASIDs and without one");
}

/* What was written before it ended is not dirty when it starts again. */
static void stopped(DirtyTest *d)
{
    attach(d, 0, 0);
    start_tracking(d);
    write_page(d, 0, 0);
    g_assert_cmpint(call_tracking(d, false), ==, 0);
    write_page(d, 0, 1);
    start_tracking(d);
    check_rounds(d, 0);
}

static const Row rows[] = {
    { "before", before },
    { "attached", attached },
    { "replaced", replaced },
    { "pass-through", passes },
    { "pasids", with_pasids, true },
    { "stopped", stopped },
};

typedef struct Case {
    const Row *row;
    const Backing *backing;
} Case;

static void run_case(gconstpointer data)
{
    const Case *c = data;
    DirtyTest d;

    if (setup(&d, c->backing, c->row->pasids, "")) {
        c->row->func(&d);
        teardown(&d);
    }
}

/* A read that fails half-way leaves what the next one returns. */

/* The file is open before: what opens it allocates. */
static void fail_own_nth(int fd, unsigned nth)
{
    g_autofree char *text = g_strdup_printf("%u", nth);

    g_assert_cmpint(pwrite(fd, text, strlen(text), 0), ==, strlen(text));
}

/* Return: whether it failed. */
static bool has_own_failed(int fd)
{
    char text[16] = "";

    g_assert_cmpint(pread(fd, text, sizeof(text) - 1, 0), >, 0);
    fail_own_nth(fd, 0);
    return !atoi(text);
}

static void test_fail_read(void)
{
    g_autofree unsigned long *bits = bitmap_new(RAM_END / PAGE);
    int fd = open("/proc/thread-self/fail-nth", O_RDWR), ret;
    unsigned nth = 0;
    bool failed;
    DirtyTest d;

    if (!nested_can_fail_nth() || !setup(&d, &backings[0], false, "")) {
        return;
    }
    attach(&d, 0, 0);
    start_tracking(&d);
    do {
        write_page(&d, 0, 0);
        write_page(&d, 0, 3);
        fail_own_nth(fd, ++nth);
        ret = call_bitmap(&d, MIB, RAM_END - MIB, bits);
        failed = has_own_failed(fd);
        g_assert_cmpint(ret < 0, ==, failed);
        if (failed) {
            check_dirty(&d, "after a read that failed");
        }
    } while (failed && !g_test_failed());
    g_test_message("%u allocations failed", nth - 1);
    g_assert_cmpuint(nth, >, 1);
    close(fd);
    teardown(&d);
}

/* QEMU tracks, as for a migration */

#define SET_DIRTY       "iommu-hwpt-set-dirty-tracking"
#define GET_DIRTY       "iommu-hwpt-get-dirty-bitmap"
#define PAM_C0000       0x91            /* of the host bridge */
#define PAM_ROM         1
#define PAM_RAM         3
#define MOVING          0xc0000

static void qemu_starts_tracking(DirtyTest *d)
{
    NestedTest *n = &d->p.n;
    unsigned polls = 0;

    qtest_qmp_assert_success(n->qts, "{'execute': 'calc-dirty-rate', "
                             "'arguments': {'calc-time': 60, 'mode': "
                             "'dirty-bitmap'}}");
    while (!nested_calls(n, SET_DIRTY) && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_assert_cmpint(nested_calls(n, SET_DIRTY), ==, 1);
    look_at_tables(d);
}

static void test_qemu(void)
{
    DirtyTest d;

    if (!setup(&d, &backings[0], false, "")) {
        return;
    }
    attach(&d, 0, 0);
    qemu_starts_tracking(&d);
    check_rounds(&d, 0);
    teardown(&d);
}

/* The device is as it was, and QEMU does not ask for bits. */
static void test_qemu_fails(void)
{
    DirtyTest d;

    if (!setup(&d, &backings[0], false, "")) {
        return;
    }
    attach(&d, 0, 0);
    nested_inject(&d.p.n, SET_DIRTY " 12 1");
    qemu_starts_tracking(&d);
    write_page(&d, 0, 0);
    attach(&d, 0, 1);
    write_page(&d, 0, 1);
    memset(d.wrote, 0, sizeof(d.wrote));
    bitmap_zero(d.walked, RAM_END / PAGE);
    look_at_tables(&d);
    /* A new start finds nothing of before. */
    start_tracking(&d);
    check_rounds(&d, 0);
    teardown(&d);
}

/* The trace of what QEMU took over: dirty pages of sections that have @gpa */
static unsigned pages_taken(const char *log, uint64_t gpa)
{
    g_autofree char *text = NULL;
    const char *line;
    unsigned all = 0;

    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    for (line = text; (line = strstr(line, "dirty_bitmap iova=")); line++) {
        uint64_t iova, size, pages;

        g_assert_cmpint(sscanf(line, "dirty_bitmap iova=0x%" SCNx64
                               " size= 0x%" SCNx64 " %*s %*s dirty_pages=%"
                               SCNu64, &iova, &size, &pages), ==, 3);
        if (gpa - iova < size) {
            all += pages;
        }
    }
    return all;
}

/* Memory goes away while its pages are tracked. */
static void test_unmap(void)
{
    g_autofree char *log = NULL;
    g_autofree char *more = NULL;
    int fd = g_file_open_tmp("dirty-XXXXXX", &log, NULL);
    QPCIDevice *bridge;
    DirtyTest d;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    more = g_strdup_printf("-trace enable=vfio_*_dirty_bitmap,file=%s", log);
    if (!setup(&d, &backings[0], false, more)) {
        unlink(log);
        return;
    }
    qvtd_map(d.p.n.vtd, &d.s1[0], WINDOW, MOVING + 2 * PAGE, 12, QVTD_S1_PAGE);
    bridge = qpci_device_find(d.p.n.pci, 0);
    qpci_config_writeb(bridge, PAM_C0000, PAM_RAM);
    attach(&d, 0, 0);
    qemu_starts_tracking(&d);
    run(&d, PASID_TESTDEV_WRITE, 0, WINDOW);
    g_assert_cmpuint(pages_taken(log, MOVING), ==, 0);
    qpci_config_writeb(bridge, PAM_C0000, 0);
    g_assert_cmpint(nested_calls(&d.p.n, GET_DIRTY), >=, 1);
    g_assert_cmpuint(pages_taken(log, MOVING), ==, 1);
    g_free(bridge);
    teardown(&d);
    unlink(log);
}

/*
 * Read-only memory is not in a nest parent, so there is nothing to ask for; some
 * kernels refuse that.
 */
static void test_rom(void)
{
    QPCIDevice *bridge;
    DirtyTest d;

    if (!setup(&d, &backings[0], false, "")) {
        return;
    }
    bridge = qpci_device_find(d.p.n.pci, 0);
    qpci_config_writeb(bridge, PAM_C0000, PAM_ROM);
    qemu_starts_tracking(&d);
    qpci_config_writeb(bridge, PAM_C0000, 0);
    qpci_config_writeb(bridge, PAM_C0000, PAM_RAM);
    g_assert_cmpint(nested_iommufd_number(&d.p.n, "x-failures-" GET_DIRTY), ==,
                    0);
    /* RAM is there now. */
    attach(&d, 0, 0);
    check_rounds(&d, 0);
    g_free(bridge);
    teardown(&d);
}

/* The host has none: a nest parent without, on which devices nest as ever. */
static void test_absent(void)
{
    g_autofree char *reason = NULL;
    DirtyTest d;

    if (!setup(&d, &backings[0], false, "")) {
        return;
    }
    attach(&d, 0, 0);
    write_page(&d, 0, 0);
    g_assert_cmpint(call_tracking(&d, true), ==, -EOPNOTSUPP);
    write_page(&d, 0, 1);
    reason = qvtd_blocked_by(d.p.n.qts, "dirty tracking");
    g_assert_nonnull(reason);
    teardown(&d);
}

int main(int argc, char **argv)
{
    static Case cases[ARRAY_SIZE(rows) * ARRAY_SIZE(backings)];
    Case *c = cases;

    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    /* Where there is no unit, rows are only listed: all of them. */
    if (!vtd_host_has_unit() || !host_tracks()) {
        qtest_add_func("/intel-iommu/nested/dirty/absent", test_absent);
    }
    if (!host_tracks()) {
        return nested_test_run();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(backings); j++, c++) {
            g_autofree char *path = g_strdup_printf(
                "/intel-iommu/nested/dirty/%s/%s", rows[i].name,
                backings[j].name);

            *c = (Case) { &rows[i], &backings[j] };
            qtest_add_data_func(path, c, run_case);
        }
    }
    qtest_add_func("/intel-iommu/nested/dirty/fail-read", test_fail_read);
    qtest_add_func("/intel-iommu/nested/dirty/qemu", test_qemu);
    qtest_add_func("/intel-iommu/nested/dirty/qemu-fails", test_qemu_fails);
    qtest_add_func("/intel-iommu/nested/dirty/unmap", test_unmap);
    qtest_add_func("/intel-iommu/nested/dirty/rom", test_rom);

    return nested_test_run();
}
