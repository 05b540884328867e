/*
 * intel-iommu,nested=on,iothread=: invalidations that a thread carries out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs a pasid-testdev, and for the rows "storm" and "unplug" another.  What
 * a guest sees of registers and queue is in intel-iommu-nested-doorbell-test.
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include "qemu/atomic.h"
#include "hw/i386/intel_iommu_internal.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libqos/number-from.h"
#include "libqos/patience.h"
#include "nested-steps.h"
#include "nested-pasid-world.h"

/* Of each machine here: VTD_TEST_PROPS */
#define THREAD          ",iothread=io0"
#define PORT            3
#define PORT_BUS        1
#define ROOT_PORT       "-device pcie-root-port,id=rp,chassis=1,slot=1," \
                        "addr=" stringify(PORT)

#define BYTES           64

/* Where the thread enters or leaves the kernel, until it makes a call */
#define THREAD_STOPS    1000

/* Those who map, unmap and wait; each has a page, and an IOVA of its own. */
#define WRITERS         3
#define WRITER_IOVA(w)  (0x40000000ULL + (w) * 0x200000ULL)
#define WRITER_PAGE(w)  (44 * MIB + (w) * PAGE)
#define WRITER_STATUS(w) (48 * MIB + (w) * 64)

#define STATUS_US       20
#define STATUS_POLLS    1000000

typedef struct World {
    NestedTest n;
    QTestdev dev;
    bool has_other;             /* the second device is plugged */

    GMutex lock;                /* the queue, the device, the sockets of QEMU */
    uint8_t *ram;
    unsigned epoch;             /* a reset begins a new one */
    unsigned rounds;            /* atomic */
    unsigned wanted;
} World;

typedef struct Writer {
    World *w;
    unsigned nr;
    uint64_t *slot;             /* the leaf entry of its IOVA */
    uint32_t seq;
} Writer;

/* The machine */

static const char *other_bdf(void)
{
    return getenv("VTD_TEST_BDF2");
}

static void enable_device(World *w)
{
    NestedTest *n = &w->n;

    n->devfn = QPCI_DEVFN(SLOT, 0);
    n->edu.dev = qpci_device_find(n->pci, n->devfn);
    qtestdev_init(&w->dev, n->qts, n->edu.dev);
    nested_setup_bridge(n, PORT << 3, PORT_BUS, PORT_BUS);
}

/* @ram_fd: memory that this process has as well, or -1 */
static void start(World *w, int ram_fd)
{
    g_autofree char *device = g_strdup_printf(
        ROOT_PORT " -device vfio-pci,id=dev,host=%s,iommufd=iommufd0,addr=%d",
        vtd_host_device(), SLOT);
    g_autofree char *memory = g_strdup_printf(
        "-m " RAM " -object memory-backend-file,id=ram,size=" RAM ",share=on,"
        "mem-path=/proc/%d/fd/%d -machine memory-backend=ram", getpid(),
        ram_fd);
    const NestedMachine machine = {
        .memory = ram_fd < 0 ? NULL : memory,
    };

    *w = (World) {};
    nested_start_machine(&w->n, &machine, device);
    enable_device(w);
    nested_build_tables(&w->n);
    g_assert_true(qvtd_queue_wait(w->n.vtd, 0));
    qvtd_disable_queue(w->n.vtd);
    qvtd_size_queue(w->n.vtd, 1);
    qvtd_enable_queue(w->n.vtd);
    nested_step(&w->n, SET_A);
    nested_step(&w->n, TE_ON);
}

static void stop(World *w)
{
    nested_teardown(&w->n);
}

static Dma probe(World *w)
{
    PasidTest t = { .n = w->n, .dev = w->dev };

    return pasid_probe(&t, QTESTDEV_NO_PASID);
}

static void put(World *w, uint64_t lo, uint64_t hi)
{
    const uint64_t desc[4] = { lo, hi };

    qvtd_queue_put(w->n.vtd, desc);
}

/* One unmap after the other */

static void test_unmap(void)
{
    int64_t doorbells, handovers, calls;
    World w;

    start(&w, -1);
    doorbells = nested_counter(&w.n, "doorbells");
    handovers = nested_counter(&w.n, "handovers");
    calls = nested_calls(&w.n, "iommu-hwpt-invalidate");
    for (unsigned i = 1; i <= 40; i++) {
        bool to_b = i % 2;

        nested_map_src(&w.n, to_b ? PAGE_B : PAGE_A);
        g_assert_true(qvtd_invalidate(w.n.vtd, QVTD_INV_PIOTLB_PAGE(DID, 0),
                                      IOVA_SRC));
        g_assert_cmpint(probe(&w), ==, to_b ? TO_B : TO_A);
    }
    g_assert_cmpint(nested_counter(&w.n, "doorbells"), ==, doorbells + 40);
    g_assert_cmpint(nested_counter(&w.n, "handovers"), ==, handovers);
    g_assert_cmpint(nested_calls(&w.n, "iommu-hwpt-invalidate"), ==,
                    calls + 40);
    stop(&w);
}

/*
 * Those of several vCPUs, each with a wait descriptor of its own, which are there
 * by the time that the thread looks: one call.
 */
static void test_together(void)
{
    int64_t calls, entries;
    World w;

    start(&w, -1);
    g_assert_cmpint(probe(&w), ==, TO_A);
    nested_map_src(&w.n, PAGE_B);
    qtest_qmp_assert_success(w.n.qts, "{'execute': 'stop'}");
    calls = nested_calls(&w.n, "iommu-hwpt-invalidate");
    entries = nested_counter(&w.n, "invalidation-entries");
    for (unsigned i = 0; i < 8; i++) {
        put(&w, QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC + 2 * PAGE * (7 - i));
        put(&w, VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
            7ULL << VTD_INV_DESC_WAIT_DATA_SHIFT, WRITER_STATUS(i));
        qvtd_queue_submit(w.n.vtd);
    }
    qtest_qmp_assert_success(w.n.qts, "{'execute': 'cont'}");
    qvtd_queue_settle(w.n.vtd);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmpuint(qtest_readl(w.n.qts, WRITER_STATUS(i)), ==, 7);
    }
    g_assert_cmpint(nested_calls(&w.n, "iommu-hwpt-invalidate"), ==, calls + 1);
    g_assert_cmpint(nested_counter(&w.n, "invalidation-entries"), ==,
                    entries + 8);
    g_assert_cmpint(probe(&w), ==, TO_B);
    stop(&w);
}

/* The thread, held up by ptrace() where it enters the kernel */

static pid_t thread_id(World *w)
{
    QDict *reply = qtest_qmp(w->n.qts, "{'execute': 'query-iothreads'}");
    QDict *thread = qobject_to(QDict,
                               qlist_peek(qdict_get_qlist(reply, "return")));
    pid_t tid = qdict_get_int(thread, "thread-id");

    qobject_unref(reply);
    return tid;
}

static void thread_wait_stop(pid_t tid)
{
    int status;

    g_assert_cmpint(waitpid(tid, &status, __WALL), ==, tid);
    g_assert_true(WIFSTOPPED(status));
}

static void thread_stop(pid_t tid)
{
    g_assert_cmpint(ptrace(PTRACE_SEIZE, tid, NULL, NULL), ==, 0);
    g_assert_cmpint(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL), ==, 0);
    thread_wait_stop(tid);
}

/* Goes on to its next IOMMU_HWPT_INVALIDATE, which is not made yet. */
static void thread_to_invalidation(pid_t tid)
{
    struct user_regs_struct regs = {};
    unsigned stops = 0;

    while (!(regs.orig_rax == SYS_ioctl && regs.rsi == IOMMU_HWPT_INVALIDATE) &&
           has_patience(&stops, THREAD_STOPS)) {
        g_assert_cmpint(ptrace(PTRACE_SYSCALL, tid, NULL, NULL), ==, 0);
        thread_wait_stop(tid);
        g_assert_cmpint(ptrace(PTRACE_GETREGS, tid, NULL, &regs), ==, 0);
    }
}

/*
 * A wait is over when what it waits for is sent, and not before: with the thread
 * held up before the call, the status of each of two is as it was.
 */
static void test_order(void)
{
    pid_t tid;
    World w;

    start(&w, -1);
    tid = thread_id(&w);
    g_assert_cmpint(probe(&w), ==, TO_A);
    nested_map_src(&w.n, PAGE_B);
    thread_stop(tid);
    for (unsigned i = 0; i < 2; i++) {
        put(&w, QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC + 2 * PAGE * (1 - i));
        put(&w, VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
            7ULL << VTD_INV_DESC_WAIT_DATA_SHIFT, WRITER_STATUS(i));
    }
    qvtd_queue_submit(w.n.vtd);
    thread_to_invalidation(tid);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpuint(qtest_readl(w.n.qts, WRITER_STATUS(i)), ==, 0);
    }
    g_assert_cmpint(ptrace(PTRACE_DETACH, tid, NULL, NULL), ==, 0);
    qvtd_queue_settle(w.n.vtd);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpuint(qtest_readl(w.n.qts, WRITER_STATUS(i)), ==, 7);
    }
    g_assert_cmpint(probe(&w), ==, TO_B);
    stop(&w);
}

/* The host fails: what the thread cannot make good, the main loop does. */
static void test_failure(void)
{
    static const struct {
        const char *inject;
        Dma dma;
    } rows[] = {
        { "iommu-hwpt-invalidate 5 1", TO_B },
        { "iommu-hwpt-invalidate 5 2", TO_B },
        { "iommu-hwpt-invalidate 5 3", BLOCKED },
    };
    World w;

    start(&w, -1);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t handovers = nested_counter(&w.n, "handovers");

        nested_map_src(&w.n, PAGE_A);
        nested_step(&w.n, SET_A);
        nested_step(&w.n, INV_PASID);
        g_assert_cmpint(probe(&w), ==, TO_A);
        nested_map_src(&w.n, PAGE_B);
        nested_inject(&w.n, rows[i].inject);
        g_assert_true(qvtd_invalidate(w.n.vtd, QVTD_INV_PIOTLB_PAGE(DID, 0),
                                      IOVA_SRC));
        g_assert_cmpint(probe(&w), ==, rows[i].dma);
        g_assert_cmpint(nested_counter(&w.n, "handovers"), >, handovers);
        nested_check_fault(&w.n, rows[i].dma == BLOCKED ? 0x5b : 0);
    }
    stop(&w);
}

/* Devices that come and go */

static void plug(World *w)
{
    qtest_qmp_assert_success(w->n.qts, "{'execute': 'device_add', 'arguments': "
                             "{'driver': 'vfio-pci', 'id': 'other', 'host': "
                             "%s, 'iommufd': 'iommufd0', 'bus': 'rp'}}",
                             other_bdf());
    w->has_other = true;
}

static void unplug(World *w)
{
    nested_eject(w->n.qts, "other");
    w->has_other = false;
}

/* The second device has an entry like the first one's: they share a table. */
static void build_other(World *w)
{
    const QVTDPasid entry = {
        .pgtt = PGTT_STAGE1,
        .did = DID,
        .stage1 = w->n.tables[TABLE_A].root,
    };
    uint64_t context = qvtd_context(w->n.vtd, PORT_BUS << 8, 0, 0, 0);

    qvtd_write_pasid(w->n.vtd, qvtd_pasid_slot(w->n.vtd, context, 0), &entry);
}

static bool has_two(void)
{
    if (!other_bdf()) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
    }
    return other_bdf();
}

/* It goes while there is much to do for it. */
static void test_unplug(void)
{
    World w;

    if (!has_two()) {
        return;
    }
    start(&w, -1);
    build_other(&w);
    for (unsigned round = 0; round < 10; round++) {
        plug(&w);
        nested_check_host(&w.n, PGTT_NESTED, w.n.tables[TABLE_A].root);
        for (unsigned i = 0; i < 60; i++) {
            put(&w, QVTD_INV_PIOTLB_PAGE(DID, 0), IOVA_SRC + 2 * PAGE * i);
            put(&w, i % 16 ? QVTD_INV_IOTLB_DOMAIN(DID) : QVTD_INV_PC_GLOBAL,
                0);
        }
        qvtd_queue_submit(w.n.vtd);
        unplug(&w);
        g_assert_true(qvtd_queue_wait(w.n.vtd, 0));
        g_assert_cmpint(probe(&w), ==, TO_A);
    }
    stop(&w);
}

/*
 * Several that submit, and a main loop that is busy
 *
 * A writer has the lock while it puts descriptors and writes the tail, as Linux
 * has that of its queue; and waits for its status, in memory, without it.
 */

static void writer_put(Writer *me)
{
    World *w = me->w;

    me->seq++;
    put(w, QVTD_INV_PIOTLB_PAGE(DID, 0), WRITER_IOVA(me->nr));
    put(w, VTD_INV_DESC_WAIT | VTD_INV_DESC_WAIT_SW |
        (uint64_t)me->seq << VTD_INV_DESC_WAIT_DATA_SHIFT,
        WRITER_STATUS(me->nr));
    qvtd_queue_submit(w->n.vtd);
}

/* Return: false if a reset took the queue away. */
static bool writer_wait(Writer *me, unsigned epoch)
{
    uint32_t *status = (void *)(me->w->ram + WRITER_STATUS(me->nr));
    unsigned polls = 0;

    while (qatomic_read(status) != me->seq) {
        if (qatomic_read(&me->w->epoch) != epoch ||
            !has_patience(&polls, STATUS_POLLS)) {
            return false;
        }
        g_usleep(STATUS_US);
    }
    return true;
}

/* Does the device reach its page?  With the lock */
static bool writer_reaches(Writer *me)
{
    const QTestdevCommand command = {
        .channel = me->nr,
        .op = PASID_TESTDEV_WRITE,
        .iova = WRITER_IOVA(me->nr),
        .length = BYTES,
        .buffer = me->nr * PAGE,
    };
    uint8_t *page = me->w->ram + WRITER_PAGE(me->nr);
    uint8_t data[BYTES];
    bool ok;

    memset(data, ++me->seq | 0x80, BYTES);
    qtestdev_memwrite(&me->w->dev, command.buffer, data, BYTES);
    memset(page, 0, BYTES);
    ok = qtestdev_run(&me->w->dev, &command) == PASID_TESTDEV_OK;
    g_assert_cmpint(ok, ==, !memcmp(page, data, BYTES));
    return ok;
}

/* Mapped, reached; unmapped, and after the wait not reached any more */
static void writer_round(Writer *me)
{
    World *w = me->w;
    unsigned epoch;

    qatomic_set(me->slot, WRITER_PAGE(me->nr) | QVTD_S1_PAGE);
    g_mutex_lock(&w->lock);
    epoch = w->epoch;
    g_assert_true(writer_reaches(me));
    qatomic_set(me->slot, 0);
    writer_put(me);
    g_mutex_unlock(&w->lock);

    if (!writer_wait(me, epoch)) {
        return;
    }
    g_mutex_lock(&w->lock);
    g_assert_false(writer_reaches(me));
    g_mutex_unlock(&w->lock);
    qatomic_inc(&w->rounds);
}

static gpointer writer_main(gpointer opaque)
{
    Writer *me = opaque;

    while (qatomic_read(&me->w->rounds) < me->w->wanted && !g_test_failed()) {
        writer_round(me);
    }
    return NULL;
}

/* What the main loop is busy with.  Each leaves translation as it was. */

static void switch_plug(World *w)
{
    if (w->has_other) {
        unplug(w);
    } else {
        plug(w);
    }
}

static void switch_translation(World *w)
{
    qvtd_enable_translation(w->n.vtd, false);
    qvtd_enable_translation(w->n.vtd, true);
}

static void set_root(World *w)
{
    qvtd_set_root(w->n.vtd, w->n.vtd->root, ROOT_SCALABLE);
}

static void invalidate_entries(World *w)
{
    put(w, QVTD_INV_PC_GLOBAL, 0);
    put(w, QVTD_INV_CC_GLOBAL, 0);
    g_assert_true(qvtd_queue_wait(w->n.vtd, 0));
}

static void stop_and_go(World *w)
{
    qtest_qmp_assert_success(w->n.qts, "{'execute': 'stop'}");
    qtest_qmp_assert_success(w->n.qts, "{'execute': 'cont'}");
}

static void query(World *w)
{
    nested_counter(&w->n, "batches");
}

static void reset(World *w)
{
    QVTD *v = w->n.vtd;

    qatomic_set(&w->epoch, w->epoch + 1);
    qtest_system_reset(w->n.qts);
    g_free(w->n.edu.dev);
    enable_device(w);
    qvtd_set_root(v, v->root, ROOT_SCALABLE);
    qvtd_enable_queue(v);
    qvtd_enable_translation(v, true);
}

static void disturb(World *w)
{
    static void (*const acts[])(World *w) = {
        switch_plug, switch_translation, set_root, invalidate_entries,
        stop_and_go, switch_plug, query, reset,
    };
    unsigned nr;

    for (nr = 0; qatomic_read(&w->rounds) < w->wanted && !g_test_failed();
         nr++) {
        g_mutex_lock(&w->lock);
        acts[nr % ARRAY_SIZE(acts)](w);
        g_mutex_unlock(&w->lock);
        g_usleep(2000);
    }
    g_test_message("%u rounds beside %u of the main loop's, %u of them resets",
                   w->rounds, nr, w->epoch);
    g_assert_cmpuint(w->epoch, >, 0);
}

static void test_storm(void)
{
    int fd = memfd_create("ram", 0);
    GThread *threads[WRITERS];
    Writer writers[WRITERS];
    World w;

    if (!has_two()) {
        return;
    }
    g_assert_cmpint(ftruncate(fd, RAM_END), ==, 0);
    start(&w, fd);
    build_other(&w);
    g_mutex_init(&w.lock);
    w.wanted = number_from("VTD_THREAD_ROUNDS", 1000);
    w.ram = mmap(NULL, RAM_END, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(w.ram != MAP_FAILED);
    for (unsigned i = 0; i < WRITERS; i++) {
        uint64_t slot = qvtd_map(w.n.vtd, &w.n.tables[TABLE_A], WRITER_IOVA(i),
                                 WRITER_PAGE(i), 12, QVTD_S1_PAGE);

        writers[i] = (Writer) { &w, i, (void *)(w.ram + slot) };
        qatomic_set(writers[i].slot, 0);
    }
    g_assert_true(qvtd_invalidate(w.n.vtd, QVTD_INV_PIOTLB_ALL(DID, 0), 0));
    for (unsigned i = 0; i < WRITERS; i++) {
        threads[i] = g_thread_new("writer", writer_main, &writers[i]);
    }
    disturb(&w);
    for (unsigned i = 0; i < WRITERS; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_cmpuint(w.rounds, >=, w.wanted);
    munmap(w.ram, RAM_END);
    close(fd);
    stop(&w);
}

int main(int argc, char **argv)
{
    g_setenv("VTD_TEST_PROPS", THREAD, true);
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/thread/unmap", test_unmap);
    qtest_add_func("/intel-iommu/nested/thread/together", test_together);
    qtest_add_func("/intel-iommu/nested/thread/order", test_order);
    qtest_add_func("/intel-iommu/nested/thread/failure", test_failure);
    qtest_add_func("/intel-iommu/nested/thread/unplug", test_unplug);
    qtest_add_func("/intel-iommu/nested/thread/storm", test_storm);
    return g_test_run();
}
