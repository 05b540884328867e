/*
 * A driver of pasid-testdev in userspace: process address spaces on VFIO
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two PASIDs are attached to two I/O address spaces; the device moves data
 * through both at one address, and asks for pages that are not there.  Prints
 * TAP.  Runs where the kernel has iommufd with PASIDs: 6.15 or later.
 *
 * usage: pasid-demo DDDD:BB:DD.F..., bound to vfio-pci
 * With PASID_DEMO_PAUSE in the environment it waits for a line on its standard
 * input once the PASIDs are attached, for others to look at them.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hw/i386/vtd_host_kernel.h"
#include "hw/misc/pasid-testdev.h"
#include "hostdev.h"

#define PAGE        4096u
#define BYTES       0x1800u         /* a page and a half */
#define IOVA        0x40000000ull   /* the same in every space */
#define ABSENT      0x50000000ull   /* not mapped before it is asked for */
#define RACED       0x60000000ull   /* mapped and unmapped, by threads */
#define ROUNDS      100
#define PASID_A     5u
#define PASID_B     70u             /* in another PASID table */
#define SLOT        0x2000u         /* in the device's memory, per channel */
#define POLL_US     1000
#define PATIENCE    60000           /* polls */

/* An address space: an IOAS, a page table of it, and two pages in it */
typedef struct Space {
    uint32_t pasid;
    uint32_t ioas, hwpt;
    uint8_t *data;
    uint8_t fill;
} Space;

static HostDev dev;
static uint32_t fault_id;
static int fault_fd;
static Space space[3] = {
    { .pasid = PASID_A, .fill = 0xa1 },
    { .pasid = PASID_B, .fill = 0xb2 },
    { .pasid = HOSTDEV_NO_PASID, .fill = 0xc3 },
};

/* What went wrong in a case, for its TAP line */
static char why[200];

#define CHECK(cond, ...) do { \
        if (!(cond)) { \
            snprintf(why, sizeof(why), __VA_ARGS__); \
            return false; \
        } \
    } while (0)

/* The device */

static volatile uint32_t *reg(unsigned offset)
{
    return (volatile uint32_t *)(dev.bar + offset);
}

static volatile uint32_t *chan(unsigned n, unsigned offset)
{
    return reg(PASID_TESTDEV_CHANNEL(n) + offset);
}

static void fill_memory(unsigned n, uint8_t byte)
{
    unsigned i;

    for (i = 0; i < BYTES / 4; i++) {
        reg(PASID_TESTDEV_MEMORY + n * SLOT)[i] = byte * 0x01010101u;
    }
}

static void start(unsigned n, uint32_t op, uint64_t iova, uint32_t length)
{
    if (space[n].pasid != HOSTDEV_NO_PASID) {
        op |= PASID_TESTDEV_WITH_PASID;
        *chan(n, PASID_TESTDEV_PASID) = space[n].pasid;
    }
    *chan(n, PASID_TESTDEV_IOVA) = iova;
    *chan(n, PASID_TESTDEV_IOVA + 4) = iova >> 32;
    *chan(n, PASID_TESTDEV_LENGTH) = length;
    *chan(n, PASID_TESTDEV_BUFFER) = n * SLOT;
    *chan(n, PASID_TESTDEV_COMMAND) = op;
}

/* Return: how it ended, or -1 if it did not. */
static int finish(unsigned n)
{
    unsigned polls;
    uint32_t status;

    for (polls = 0; polls < PATIENCE; polls++) {
        status = *chan(n, PASID_TESTDEV_STATUS);
        if ((status & PASID_TESTDEV_STATE) == PASID_TESTDEV_ENDED) {
            return PASID_TESTDEV_CODE(status);
        }
        usleep(POLL_US);
    }
    return -1;
}

static int run(unsigned n, uint32_t op, uint64_t iova, uint32_t length)
{
    start(n, op, iova, length);
    return finish(n);
}

static bool all_are(const uint8_t *data, uint8_t byte, unsigned size)
{
    unsigned i;

    for (i = 0; i < size; i++) {
        if (data[i] != byte) {
            return false;
        }
    }
    return true;
}

static uint8_t *new_pages(unsigned n)
{
    void *at = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (at == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return at;
}

/* Cases, in order: each finds what the ones before left. */

static bool case_capability(void)
{
    CHECK(*reg(PASID_TESTDEV_ID) == PASID_TESTDEV_MAGIC, "no pasid-testdev");
    CHECK(dev.max_pasid_log2 > 7, "the kernel offers PASIDs of %u bits",
          dev.max_pasid_log2);
    printf("# PASIDs have %u bits\n", dev.max_pasid_log2);
    return true;
}

static void pause_for_others(void)
{
    if (getenv("PASID_DEMO_PAUSE")) {
        printf("# attached\n");
        while (getchar() != '\n' && !feof(stdin)) {
        }
    }
}

static bool case_attach(void)
{
    unsigned n;
    int ret = hostdev_fault_queue(&dev, &fault_id, &fault_fd);

    CHECK(!ret, "fault queue: %d", ret);
    /* The RID first: iommufd wants to know its page table is fit for PASIDs. */
    for (n = 3; n-- > 0;) {
        Space *sp = &space[n];

        sp->data = new_pages(2);
        ret = hostdev_ioas_alloc(&dev, &sp->ioas);
        CHECK(!ret, "IOAS: %d", ret);
        ret = hostdev_map(&dev, sp->ioas, IOVA, sp->data, 2 * PAGE);
        CHECK(!ret, "map: %d", ret);
        ret = hostdev_hwpt_alloc(&dev, sp->ioas, n < 2 ? fault_id : 0,
                                 &sp->hwpt);
        CHECK(!ret, "HWPT: %d", ret);
        ret = hostdev_attach(&dev, sp->pasid, sp->hwpt);
        CHECK(!ret, "attach: %d", ret);
    }
    pause_for_others();
    return true;
}

static bool check_both_ways(uint32_t flags)
{
    unsigned n;
    int code;

    for (n = 0; n < 3; n++) {
        memset(space[n].data, 0, 2 * PAGE);
        fill_memory(n, space[n].fill);
    }
    for (n = 0; n < 3; n++) {
        start(n, PASID_TESTDEV_WRITE | flags, IOVA, BYTES);
    }
    for (n = 0; n < 3; n++) {
        code = finish(n);
        CHECK(code == 0, "space %u: write ended with %d", n, code);
        CHECK(all_are(space[n].data, space[n].fill, BYTES),
              "space %u: not its data", n);
        CHECK(all_are(space[n].data + BYTES, 0, 2 * PAGE - BYTES),
              "space %u: data beyond the end", n);
    }
    for (n = 0; n < 3; n++) {
        memset(space[n].data, space[n].fill ^ 0xff, BYTES);
        start(n, PASID_TESTDEV_READ | flags, IOVA, BYTES);
    }
    for (n = 0; n < 3; n++) {
        code = finish(n);
        CHECK(code == 0, "space %u: read ended with %d", n, code);
        CHECK(all_are((const uint8_t *)dev.bar + PASID_TESTDEV_MEMORY +
                      n * SLOT, space[n].fill ^ 0xff, BYTES),
              "space %u: the device read something else", n);
    }
    return true;
}

static bool case_untranslated(void)
{
    return check_both_ways(0);
}

static bool case_ats(void)
{
    uint32_t count;

    if (!check_both_ways(PASID_TESTDEV_ATS)) {
        return false;
    }
    count = *reg(PASID_TESTDEV_ATC_COUNT);
    CHECK(count == 6, "%u translations in the device, wanted 6", count);
    return true;
}

/* Unmapped: gone from the device's cache too when the ioctl returns. */
static bool case_unmap(void)
{
    int ret = hostdev_unmap(&dev, space[0].ioas, IOVA, 2 * PAGE), code;

    CHECK(!ret, "unmap: %d", ret);
    code = run(0, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS, IOVA, BYTES);
    CHECK(code == PASID_TESTDEV_NO_PAGE, "unmapped, and ended with %d", code);
    code = run(1, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS, IOVA, BYTES);
    CHECK(code == 0, "the other PASID ended with %d", code);
    ret = hostdev_map(&dev, space[0].ioas, IOVA, space[0].data, 2 * PAGE);
    CHECK(!ret, "map: %d", ret);
    return check_both_ways(PASID_TESTDEV_ATS);
}

/* One thread's: what is unmapped is out of reach, whatever others do. */
static bool race_round(unsigned n, unsigned round, uint8_t *page)
{
    uint8_t fill = space[n].fill ^ (round & 0x0f);
    uint32_t ats = round & 1 ? PASID_TESTDEV_ATS : 0;
    int ret = hostdev_map(&dev, space[n].ioas, RACED, page, PAGE), code;

    CHECK(!ret, "space %u, round %u: map: %d", n, round, ret);
    fill_memory(n, fill);
    code = run(n, PASID_TESTDEV_WRITE | ats, RACED, PAGE);
    CHECK(code == 0, "space %u, round %u: write ended with %d", n, round, code);
    CHECK(all_are(page, fill, PAGE), "space %u, round %u: not its data", n,
          round);
    ret = hostdev_unmap(&dev, space[n].ioas, RACED, PAGE);
    CHECK(!ret, "space %u, round %u: unmap: %d", n, round, ret);
    memset(page, 0, PAGE);
    code = run(n, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS, RACED, PAGE);
    CHECK(code == PASID_TESTDEV_NO_PAGE,
          "space %u, round %u: unmapped, and ended with %d", n, round, code);
    CHECK(all_are(page, 0, PAGE), "space %u, round %u: written after its unmap",
          n, round);
    return true;
}

static void *race(void *opaque)
{
    Space *sp = opaque;
    uint8_t *page = new_pages(1);
    unsigned round;

    for (round = 0; round < ROUNDS; round++) {
        if (!race_round(sp - space, round, page)) {
            return NULL;
        }
    }
    munmap(page, PAGE);
    return sp;
}

static bool case_threads(void)
{
    pthread_t thread[3];
    void *done[3];
    unsigned n;
    int ret;

    printf("# a thread a space, %ld processors\n",
           sysconf(_SC_NPROCESSORS_ONLN));
    for (n = 0; n < 3; n++) {
        ret = pthread_create(&thread[n], NULL, race, &space[n]);
        CHECK(!ret, "thread: %d", ret);
    }
    for (n = 0; n < 3; n++) {
        pthread_join(thread[n], &done[n]);
    }
    /* The thread has said why. */
    return done[0] && done[1] && done[2];
}

static bool take_fault(unsigned n, uint32_t perm,
                       struct iommu_hwpt_pgfault *fault)
{
    CHECK(hostdev_read_fault(fault_fd, fault), "no page fault");
    /* Linux shows a flag more here, one of its own. */
    CHECK(fault->flags & IOMMU_PGFAULT_FLAGS_PASID_VALID &&
          fault->flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE,
          "flags 0x%x", fault->flags);
    CHECK(fault->dev_id == dev.id, "device %u", fault->dev_id);
    CHECK(fault->pasid == space[n].pasid, "PASID %u, wanted %u", fault->pasid,
          space[n].pasid);
    CHECK(fault->grpid == PASID_TESTDEV_PRGI_CHANNEL + n, "group 0x%x",
          fault->grpid);
    CHECK(fault->perm == perm, "permissions 0x%x, wanted 0x%x", fault->perm,
          perm);
    CHECK(fault->addr == ABSENT, "address 0x%llx",
          (unsigned long long)fault->addr);
    return true;
}

#define DEMAND (PASID_TESTDEV_ATS | PASID_TESTDEV_PRI)

static bool case_demand(void)
{
    struct iommu_hwpt_pgfault fault;
    uint8_t *page = new_pages(1);
    int ret, code;

    fill_memory(0, 0x3c);
    start(0, PASID_TESTDEV_WRITE | DEMAND, ABSENT, PAGE);
    if (!take_fault(0, IOMMU_PGFAULT_PERM_WRITE, &fault)) {
        return false;
    }
    CHECK(*chan(0, PASID_TESTDEV_STATUS) == PASID_TESTDEV_WAITING,
          "status 0x%x, wanted waiting", *chan(0, PASID_TESTDEV_STATUS));
    /* The other space goes on meanwhile. */
    code = run(1, PASID_TESTDEV_WRITE | DEMAND, IOVA, BYTES);
    CHECK(code == 0, "the other PASID ended with %d", code);

    ret = hostdev_map(&dev, space[0].ioas, ABSENT, page, PAGE);
    CHECK(!ret, "map: %d", ret);
    ret = hostdev_answer(fault_fd, fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
    CHECK(!ret, "answer: %d", ret);
    code = finish(0);
    CHECK(code == 0, "ended with %d", code);
    CHECK(all_are(page, 0x3c, PAGE), "the page has other data");
    CHECK(*chan(0, PASID_TESTDEV_REQUESTS) == 1, "%u page requests",
          *chan(0, PASID_TESTDEV_REQUESTS));
    return true;
}

static bool case_invalid(void)
{
    struct iommu_hwpt_pgfault fault;
    int ret, code;

    start(1, PASID_TESTDEV_READ | DEMAND, ABSENT, PAGE);
    if (!take_fault(1, IOMMU_PGFAULT_PERM_READ, &fault)) {
        return false;
    }
    ret = hostdev_answer(fault_fd, fault.cookie, IOMMUFD_PAGE_RESP_INVALID);
    CHECK(!ret, "answer: %d", ret);
    code = finish(1);
    CHECK(code == PASID_TESTDEV_INVALID, "ended with %d", code);
    ret = hostdev_answer(fault_fd, fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
    CHECK(ret == -EINVAL, "a second answer: %d", ret);
    return true;
}

/* Detached with a request outstanding: the kernel answers for us. */
static bool case_detach(void)
{
    struct iommu_hwpt_pgfault fault;
    int ret, code;

    start(1, PASID_TESTDEV_WRITE | DEMAND, ABSENT, PAGE);
    if (!take_fault(1, IOMMU_PGFAULT_PERM_WRITE, &fault)) {
        return false;
    }
    ret = hostdev_detach(&dev, space[1].pasid);
    CHECK(!ret, "detach: %d", ret);
    code = finish(1);
    CHECK(code == PASID_TESTDEV_INVALID || code == PASID_TESTDEV_ATS_REFUSED,
          "ended with %d", code);
    code = run(1, PASID_TESTDEV_WRITE, IOVA, BYTES);
    CHECK(code == PASID_TESTDEV_FAULT, "detached, and DMA ended with %d", code);
    code = run(0, PASID_TESTDEV_WRITE, IOVA, BYTES);
    CHECK(code == 0, "the other PASID ended with %d", code);
    return true;
}

static bool case_release(void)
{
    uint32_t left = *reg(PASID_TESTDEV_OUTSTANDING);
    unsigned n;
    int ret;

    CHECK(left == 0, "%u page requests without a response", left);
    ret = hostdev_detach(&dev, space[0].pasid);
    CHECK(!ret, "detach: %d", ret);
    ret = hostdev_detach(&dev, HOSTDEV_NO_PASID);
    CHECK(!ret, "detach: %d", ret);
    for (n = 0; n < 3; n++) {
        ret = hostdev_destroy(&dev, space[n].hwpt);
        CHECK(!ret, "HWPT %u: %d", n, ret);
        ret = hostdev_destroy(&dev, space[n].ioas);
        CHECK(!ret, "IOAS %u: %d", n, ret);
    }
    close(fault_fd);
    ret = hostdev_destroy(&dev, fault_id);
    CHECK(!ret, "fault queue: %d", ret);
    hostdev_close(&dev);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(void);
} cases[] = {
    { "the device has PASIDs", case_capability },
    { "two PASIDs and the RID on three address spaces", case_attach },
    { "DMA through all three at once, each with its own data",
      case_untranslated },
    { "the same with translations cached in the device", case_ats },
    { "an unmapped page leaves the device's cache", case_unmap },
    { "three threads map, move data and unmap at once", case_threads },
    { "a page request is mapped, answered and completed", case_demand },
    { "a page request is refused", case_invalid },
    { "a PASID is detached with a page request outstanding", case_detach },
    { "nothing is left", case_release },
};

#define CASES ((int)(sizeof(cases) / sizeof(cases[0])))

/* Return: how many cases failed; they have numbers from @first on. */
static int run_device(const char *bdf, int first)
{
    int i, failed = 0;

    for (i = 0; i < CASES; i++) {
        /* What a case needs, the ones before it have set up. */
        if (failed) {
            snprintf(why, sizeof(why), "not tried");
        }
        if (!failed && cases[i].run()) {
            printf("ok %d - %s: %s\n", first + i, bdf, cases[i].name);
        } else {
            printf("not ok %d - %s: %s\n# %s\n", first + i, bdf,
                   cases[i].name, why);
            failed++;
        }
    }
    return failed;
}

/* VFIO attaches PASIDs since Linux 6.15. */
static bool kernel_has_pasids(void)
{
    VTDHostKernel kernel = { 0 };
    struct utsname uts;

    if (!uname(&uts)) {
        vtd_host_kernel_version(&kernel, uts.release);
    }
    return vtd_host_kernel_at_least(&kernel, 6, 15);
}

int main(int argc, char **argv)
{
    int i, failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!kernel_has_pasids()) {
        printf("1..0 # SKIP PASIDs of VFIO devices need Linux 6.15 or later\n");
        return 0;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: %s DDDD:BB:DD.F...\n", argv[0]);
        return 2;
    }
    printf("1..%d\n", CASES * (argc - 1));
    for (i = 1; i < argc; i++) {
        if (hostdev_open(&dev, argv[i])) {
            printf("Bail out! %s can't be opened\n", argv[i]);
            return 1;
        }
        failed += run_device(argv[i], 1 + CASES * (i - 1));
    }
    return failed > 0;
}
