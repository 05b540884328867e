/*
 * Shared virtual addressing: a process and its device have one address space
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs in a guest whose kernel has our driver, tests/hostvm/kernel.  The device
 * gets plain pointers, and PASIDs; page tables, page faults and MMU notifiers
 * are the kernel's.  Prints TAP.
 *
 * usage: sva-guest /dev/pasid-testdevN
 * SVA_GUEST_LEVELS=5 in the environment: processes can have 5-level tables.
 * With SVA_GUEST_PAUSE in the environment it waits for a line on its standard
 * input before it binds its address space, and after: others look meanwhile.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "sva-dev.h"

static void pause_for_others(const char *what)
{
    if (getenv("SVA_GUEST_PAUSE")) {
        printf("# %s\n", what);
        while (getchar() != '\n' && !feof(stdin)) {
        }
    }
}

static bool case_bind(SvaTest *t)
{
    if (!sva_open(&t->dev, t->path)) {
        return false;
    }
    pause_for_others("open");
    if (!sva_bind(&t->dev)) {
        return false;
    }
    printf("# PASID %ld\n", t->dev.pasid);
    pause_for_others("bound");
    return true;
}

static bool case_release(SvaTest *t)
{
    uint8_t *at = sva_pages(1);
    long pasid = t->dev.pasid;
    int code;

    at[0] = 1;
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS, at,
                   PAGE);
    CHECK(code == 0, "bound, the write ended with %d", code);
    if (!sva_unbind(&t->dev)) {
        return false;
    }
    CHECK(!sva_reg(&t->dev, PASID_TESTDEV_ATC_COUNT),
          "%u translations left in the device",
          sva_reg(&t->dev, PASID_TESTDEV_ATC_COUNT));
    t->dev.pasid = pasid;
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE, at, PAGE);
    CHECK(code == PASID_TESTDEV_FAULT, "unbound, the write ended with %d",
          code);
    sva_close(&t->dev);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(SvaTest *t);
} cases[] = {
    { "a process binds its address space to a PASID", case_bind },
    { "DMA through the process's own page table", sva_case_touched },
    { "pages that nothing touched are filled on request", sva_case_untouched },
    { "a page of zeros, and a page of its own when written",
      sva_case_zero_page },
    { "a file's shared mapping", sva_case_file_shared },
    { "a file's private mapping is copied on write", sva_case_file_private },
    { "copy on write after fork, in parent and child", sva_case_fork },
    { "munmap() takes the page from the device", sva_case_munmap },
    { "munmap() during DMA", sva_case_munmap_during },
    { "mprotect() takes the right to write, or all", sva_case_mprotect },
    { "MADV_DONTNEED takes the page, not the address", sva_case_dontneed },
    { "mremap() takes the address, not the page", sva_case_mremap },
    { "a page of hugetlbfs", sva_case_hugetlb },
    { "a transparent huge page, and its split", sva_case_thp },
    { "an address beyond 4 levels", sva_case_five_levels },
    { "the kernel's half of the table is refused", sva_case_kernel },
    { "two processes at one address", sva_case_two_processes },
    { "several channels request one page", sva_case_one_page },
    { "threads that map, request and unmap", sva_case_threads },
    { "a process ends with DMA and page requests under way", sva_case_exit },
    { "unbound with page requests under way", sva_case_unbind },
    { "others are bound and unbound beside a process", sva_case_beside },
    { "nothing is left when it is unbound", case_release },
};

#define CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static void say(int n, bool passed)
{
    if (!passed) {
        printf("not ok %d - %s\n# %s\n", n + 1, cases[n].name, sva_why);
    } else if (sva_skip) {
        printf("ok %d - %s # SKIP %s\n", n + 1, cases[n].name, sva_skip);
    } else {
        printf("ok %d - %s\n", n + 1, cases[n].name);
    }
}

int main(int argc, char **argv)
{
    SvaTest test = { .path = argv[1] };
    int i, failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 2) {
        fprintf(stderr, "usage: %s /dev/pasid-testdevN\n", argv[0]);
        return 2;
    }
    printf("1..%d\n", CASES);
    for (i = 0; i < CASES; i++) {
        bool passed;

        sva_skip = NULL;
        passed = cases[i].run(&test);
        failed += !passed;
        say(i, passed);
        /* Without an address space there is nothing to try. */
        if (test.dev.pasid < 0 && i < CASES - 1) {
            break;
        }
    }
    for (i++; i < CASES; i++, failed++) {
        snprintf(sva_why, sizeof(sva_why), "not tried");
        say(i, false);
    }
    return failed > 0;
}
