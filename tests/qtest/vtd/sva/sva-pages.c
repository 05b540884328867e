/*
 * sva-guest: pages that the device's requests fill
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sva-dev.h"

#define BYTES       0x1800u         /* more than a page ... */
#define OFFSET      0x180u          /* ... that begins in one */

/* Each way once; what the device reads is what was written before. */
static bool both_ways(const SvaDev *d, uint8_t *at, uint32_t flags)
{
    uint8_t byte = 0xa0 | flags >> 7;
    int code;

    sva_fill_all(d, byte);
    code = sva_run(d, 0, PASID_TESTDEV_WRITE | flags, at, BYTES);
    CHECK(code == 0, "flags 0x%x: write ended with %d", flags, code);
    CHECK(sva_requests(d, 0) == 0, "%u page requests for what is there",
          sva_requests(d, 0));
    CHECK(sva_all_are(at, byte, BYTES), "flags 0x%x: not its data", flags);
    memset(at, byte ^ 0xff, BYTES);
    code = sva_run(d, 0, PASID_TESTDEV_READ | flags, at, BYTES);
    CHECK(code == 0, "flags 0x%x: read ended with %d", flags, code);
    CHECK(sva_holds(d, 0, byte ^ 0xff, BYTES),
          "flags 0x%x: the device read something else", flags);
    return true;
}

bool sva_case_touched(SvaTest *t)
{
    static const uint32_t flags[] = { 0, PASID_TESTDEV_ATS, DEMAND };
    uint8_t *at = sva_pages(3);
    unsigned i;

    memset(at, 0x11, 3 * PAGE);
    for (i = 0; i < 3; i++) {
        if (!both_ways(&t->dev, at + OFFSET, flags[i])) {
            return false;
        }
    }
    CHECK(sva_all_are(at, 0x11, OFFSET) &&
          sva_all_are(at + OFFSET + BYTES, 0x11, 3 * PAGE - OFFSET - BYTES),
          "data beside what was written");
    sva_free(at, 3);
    return true;
}

/* The process has the pages only because the device asked. */
bool sva_case_untouched(SvaTest *t)
{
    uint8_t *at = sva_pages(3);
    int code;

    CHECK(!sva_is_resident(at) && !sva_is_resident(at + PAGE),
          "the pages are there before");
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS, at,
                   PAGE);
    CHECK(code == PASID_TESTDEV_NO_PAGE, "without PRI it ended with %d", code);
    sva_fill_all(&t->dev, 0x3c);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, 2 * PAGE);
    CHECK(code == 0, "ended with %d", code);
    CHECK(sva_requests(&t->dev, 0) == 2, "%u page requests for 2 pages",
          sva_requests(&t->dev, 0));
    CHECK(sva_is_resident(at) && sva_is_resident(at + PAGE) &&
          !sva_is_resident(at + 2 * PAGE), "not these pages");
    CHECK(sva_all_are(at, 0x3c, 2 * PAGE), "not its data");
    sva_free(at, 3);
    return true;
}

/* Linux has one page of zeros for all who only read: a write gets its own. */
bool sva_case_zero_page(SvaTest *t)
{
    uint8_t *at = sva_pages(2);
    int code;

    sva_fill(&t->dev, 0, 0xee);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | DEMAND, at, PAGE);
    CHECK(code == 0, "read ended with %d", code);
    CHECK(sva_holds(&t->dev, 0, 0, PAGE), "the device read no zeros");
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | DEMAND, at + PAGE, PAGE);
    CHECK(code == 0, "read ended with %d", code);
    sva_fill(&t->dev, 0, 0x5a);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == 0, "write ended with %d", code);
    CHECK(sva_requests(&t->dev, 0) >= 1, "no page request");
    CHECK(sva_all_are(at, 0x5a, PAGE), "not its data");
    CHECK(sva_all_are(at + PAGE, 0, PAGE), "the other page is not zero");
    sva_free(at, 2);
    return true;
}

#define FILE_NAME   "/tmp/sva-file"

/* A page of a file, of @byte; nothing has touched its mapping. */
static uint8_t *map_file(uint8_t byte, int flags, int *fd)
{
    uint8_t page[PAGE];
    void *at;

    memset(page, byte, PAGE);
    *fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (*fd < 0 || write(*fd, page, PAGE) != PAGE) {
        return NULL;
    }
    at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, *fd, 0);
    unlink(FILE_NAME);
    return at == MAP_FAILED ? NULL : at;
}

/* The device reads the file, and writes to the mapping: @in_file is there. */
static bool through_mapping(SvaTest *t, int flags, uint8_t in_file)
{
    uint8_t page[PAGE];
    uint8_t *at;
    int fd, code;

    at = map_file(0x71, flags, &fd);
    CHECK(at, FILE_NAME ": %s", strerror(errno));
    sva_fill(&t->dev, 0, 0xee);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | DEMAND, at, PAGE);
    CHECK(code == 0, "read ended with %d", code);
    CHECK(sva_requests(&t->dev, 0) >= 1, "no page request");
    CHECK(sva_holds(&t->dev, 0, 0x71, PAGE), "the device read other data");
    sva_fill(&t->dev, 0, 0x72);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == 0, "write ended with %d", code);
    CHECK(sva_all_are(at, 0x72, PAGE), "the mapping has other data");
    CHECK(pread(fd, page, PAGE, 0) == PAGE, "pread: %s", strerror(errno));
    CHECK(sva_all_are(page, in_file, PAGE), "the file has 0x%02x, not 0x%02x",
          page[0], in_file);
    munmap(at, PAGE);
    close(fd);
    return true;
}

bool sva_case_file_shared(SvaTest *t)
{
    return through_mapping(t, MAP_SHARED, 0x72);
}

bool sva_case_file_private(SvaTest *t)
{
    return through_mapping(t, MAP_PRIVATE, 0x71);
}

/* Copy-on-write: both ends of a pipe, and what the child is to see */
typedef struct Fork {
    uint8_t *page;
    int go[2];
} Fork;

/* Its copy is as it was when it was forked, and then the device's. */
static bool forked(SvaDev *d, void *opaque)
{
    Fork *f = opaque;
    char c;
    int code;

    CHECK(read(f->go[0], &c, 1) == 1, "pipe: %s", strerror(errno));
    CHECK(sva_all_are(f->page, 0xd0, PAGE), "the child's copy has 0x%02x",
          f->page[0]);
    sva_fill(d, 1, 0xc1);
    code = sva_run(d, 1, PASID_TESTDEV_WRITE | DEMAND, f->page, PAGE);
    CHECK(code == 0, "the child's write ended with %d", code);
    CHECK(sva_all_are(f->page, 0xc1, PAGE), "the child's copy has 0x%02x "
          "after the write", f->page[0]);
    return true;
}

/* The parent's half: what the device has cached of the page may be written. */
static bool write_after_fork(SvaTest *t, uint8_t *page)
{
    int code;

    sva_fill(&t->dev, 0, 0xd1);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE, page, PAGE);
    CHECK(code == PASID_TESTDEV_FAULT, "untranslated, the write to a page that "
          "is to be copied ended with %d", code);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, page, PAGE);
    CHECK(code == 0, "the parent's write ended with %d", code);
    CHECK(sva_requests(&t->dev, 0) >= 1, "no page request");
    CHECK(sva_all_are(page, 0xd1, PAGE), "the parent's page has 0x%02x",
          page[0]);
    return true;
}

bool sva_case_fork(SvaTest *t)
{
    Fork f = { .page = sva_pages(1) };
    bool done;
    int pid, code;

    CHECK(!pipe(f.go), "pipe: %s", strerror(errno));
    sva_fill(&t->dev, 0, 0xd0);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, f.page, PAGE);
    CHECK(code == 0, "write ended with %d", code);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE, f.page, PAGE);
    CHECK(code == 0, "untranslated, the write ended with %d", code);
    pid = sva_fork(t->path, forked, &f);
    done = write_after_fork(t, f.page);
    /* Whatever came of it, the child is to end. */
    if (write(f.go[1], "", 1) != 1 || !sva_join(pid) || !done) {
        return false;
    }
    CHECK(sva_all_are(f.page, 0xd1, PAGE), "the parent's page has 0x%02x after "
          "the child's write", f.page[0]);
    close(f.go[0]);
    close(f.go[1]);
    sva_free(f.page, 1);
    return true;
}

/* Huge pages: one request fills all of it. */

static bool fill_huge(SvaTest *t, uint8_t *at)
{
    static const uint32_t places[] = { 0, HUGE_PAGE / 2, HUGE_PAGE - PAGE };
    unsigned i;
    int code;

    sva_fill(&t->dev, 0, 0x4b);
    for (i = 0; i < 3; i++) {
        code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND,
                       at + places[i], PAGE);
        CHECK(code == 0, "write at 0x%x ended with %d", places[i], code);
        CHECK(sva_requests(&t->dev, 0) == !i, "%u page requests at 0x%x",
              sva_requests(&t->dev, 0), places[i]);
        CHECK(sva_all_are(at + places[i], 0x4b, PAGE), "other data at 0x%x",
              places[i]);
    }
    CHECK(sva_all_are(at + PAGE, 0, HUGE_PAGE / 2 - PAGE),
          "data beside what was written");
    return true;
}

bool sva_case_hugetlb(SvaTest *t)
{
    void *at = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    int code;

    CHECK(at != MAP_FAILED, "mmap: %s; are there huge pages?",
          strerror(errno));
    if (!fill_huge(t, at)) {
        return false;
    }
    munmap(at, HUGE_PAGE);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == PASID_TESTDEV_INVALID, "unmapped, and ended with %d", code);
    return true;
}

/* A huge page that Linux splits: one small page of it loses its rights. */
static bool split_huge(SvaTest *t, uint8_t *at)
{
    uint8_t *middle = at + HUGE_PAGE / 2;
    int code;

    CHECK(!mprotect(middle, PAGE, PROT_READ), "mprotect: %s", strerror(errno));
    sva_fill(&t->dev, 0, 0x4c);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, middle, PAGE);
    CHECK(code == PASID_TESTDEV_INVALID, "read-only, and ended with %d", code);
    CHECK(sva_all_are(middle, 0x4b, PAGE), "it was written");
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, middle - PAGE,
                   PAGE);
    CHECK(code == 0, "beside it the write ended with %d", code);
    CHECK(sva_all_are(middle - PAGE, 0x4c, PAGE), "beside it is other data");
    return true;
}

bool sva_case_thp(SvaTest *t)
{
    uint8_t *all = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *at = (uint8_t *)(((uintptr_t)all + HUGE_PAGE - 1) &
                              -(uintptr_t)HUGE_PAGE);

    CHECK(all != MAP_FAILED, "mmap: %s", strerror(errno));
    CHECK(!madvise(at, HUGE_PAGE, MADV_HUGEPAGE), "madvise: %s",
          strerror(errno));
    if (!fill_huge(t, at) || !split_huge(t, at)) {
        return false;
    }
    munmap(all, 2 * HUGE_PAGE);
    return true;
}

#define BEYOND_4_LEVELS (1ull << 52)

/* An address that takes 5 levels, where the process can have one */
bool sva_case_five_levels(SvaTest *t)
{
    uint8_t *at = mmap((void *)BEYOND_4_LEVELS, 2 * PAGE,
                       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);
    const char *levels = getenv("SVA_GUEST_LEVELS");
    int code;

    CHECK(at != MAP_FAILED, "mmap: %s", strerror(errno));
    if ((uintptr_t)at != BEYOND_4_LEVELS) {
        CHECK(!levels || atoi(levels) < 5, "the guest has no 5-level paging");
        sva_skip = "the guest has no 5-level paging (LA57)";
        munmap(at, 2 * PAGE);
        return true;
    }
    sva_fill(&t->dev, 0, 0x57);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == 0, "at %p the write ended with %d", (void *)at, code);
    CHECK(sva_all_are(at, 0x57, PAGE), "not its data");
    memset(at, 0x58, PAGE);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ, at, PAGE);
    CHECK(code == 0, "untranslated, the read ended with %d", code);
    CHECK(sva_holds(&t->dev, 0, 0x58, PAGE), "the device read other data");
    munmap(at, 2 * PAGE);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == PASID_TESTDEV_INVALID, "unmapped, and ended with %d", code);
    return true;
}

/* Its half of the address space is in the same table. */
bool sva_case_kernel(SvaTest *t)
{
    unsigned long long text = 0;
    FILE *symbols = fopen("/proc/kallsyms", "r");
    char line[256], name[2];
    int code;

    CHECK(symbols, "/proc/kallsyms: %s", strerror(errno));
    while (fgets(line, sizeof(line), symbols)) {
        if (sscanf(line, "%llx %1s", &text, name) == 2 &&
            strstr(line, " _text\n")) {
            break;
        }
    }
    fclose(symbols);
    CHECK(text >> 63, "_text is at 0x%llx", text);
    sva_fill(&t->dev, 0, 0xee);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ, (void *)text, PAGE);
    CHECK(code == PASID_TESTDEV_FAULT, "untranslated it ended with %d", code);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | DEMAND, (void *)text, PAGE);
    CHECK(code == PASID_TESTDEV_INVALID, "it ended with %d", code);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | PASID_TESTDEV_PRIVILEGED,
                   (void *)text, PAGE);
    CHECK(code == PASID_TESTDEV_FAULT || code == PASID_TESTDEV_DISABLED,
          "privileged it ended with %d", code);
    CHECK(sva_holds(&t->dev, 0, 0xee, PAGE), "the device read the kernel");
    return true;
}
