/*
 * sva-guest: what a process takes away, its device does not reach
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linux tells the IOMMU by an MMU notifier.  The device's translations and the
 * IOMMU's are cached before, or there would be nothing to tell.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "sva-dev.h"

#define ROUNDS      50
#define WRITES_MAX  1000u           /* if nothing stops them */

/* Through both caches, and with data that tells one from the other */
static bool cache(SvaTest *t, uint8_t *at)
{
    int code;

    sva_fill(&t->dev, 0, 0x21);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | PASID_TESTDEV_ATS, at,
                   PAGE);
    CHECK(code == 0, "translated, the write ended with %d", code);
    CHECK(sva_all_are(at, 0x21, PAGE), "translated, not its data");
    sva_fill(&t->dev, 0, 0x22);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE, at, PAGE);
    CHECK(code == 0, "untranslated, the write ended with %d", code);
    CHECK(sva_all_are(at, 0x22, PAGE), "untranslated, not its data");
    sva_fill(&t->dev, 0, 0xbd);
    return true;
}

/* By none of the ways; @write or a read */
static bool refused(SvaTest *t, uint8_t *at, bool write)
{
    uint32_t op = write ? PASID_TESTDEV_WRITE : PASID_TESTDEV_READ;
    int code;

    code = sva_run(&t->dev, 0, op | PASID_TESTDEV_ATS, at, PAGE);
    CHECK(code == PASID_TESTDEV_NO_PAGE, "translated it ended with %d", code);
    code = sva_run(&t->dev, 0, op, at, PAGE);
    CHECK(code == PASID_TESTDEV_FAULT, "untranslated it ended with %d", code);
    code = sva_run(&t->dev, 0, op | DEMAND, at, PAGE);
    CHECK(code == PASID_TESTDEV_INVALID, "the page request ended with %d",
          code);
    CHECK(sva_holds(&t->dev, 0, 0xbd, PAGE), "the device read it");
    return true;
}

bool sva_case_munmap(SvaTest *t)
{
    uint8_t *second, *at = sva_twice(1, &second);

    if (!cache(t, at)) {
        return false;
    }
    munmap(at, PAGE);
    if (!refused(t, at, true) || !refused(t, at, false)) {
        return false;
    }
    CHECK(sva_all_are(second, 0x22, PAGE), "the page was written");
    munmap(second, PAGE);
    return true;
}

/* A device that writes all of a region again and again, until it can't */
typedef struct Writer {
    const SvaDev *dev;
    uint8_t *at;
    unsigned rounds;                /* that were complete */
    int code;                       /* of the last */
} Writer;

static void *write_on(void *opaque)
{
    Writer *w = opaque;

    do {
        w->code = sva_run(w->dev, 0, PASID_TESTDEV_WRITE | DEMAND, w->at, LONG);
        __atomic_add_fetch(&w->rounds, 1, __ATOMIC_RELEASE);
    } while (w->code == 0 && w->rounds < WRITES_MAX);
    return NULL;
}

/* What the process writes after its munmap() is not written over. */
static bool unmap_under(SvaTest *t, unsigned round)
{
    uint8_t *second, *at = sva_twice(LONG / PAGE, &second);
    Writer w = { .dev = &t->dev, .at = at };
    pthread_t thread;
    int ret = pthread_create(&thread, NULL, write_on, &w);

    CHECK(!ret, "thread: %s", strerror(ret));
    while (!__atomic_load_n(&w.rounds, __ATOMIC_ACQUIRE)) {
    }
    munmap(at, LONG);
    memset(second, 0x77, LONG);
    pthread_join(thread, NULL);
    CHECK(w.code == PASID_TESTDEV_INVALID, "round %u: it ended with %d", round,
          w.code);
    CHECK(sva_all_are(second, 0x77, LONG), "round %u: written after munmap()",
          round);
    munmap(second, LONG);
    return true;
}

bool sva_case_munmap_during(SvaTest *t)
{
    unsigned round;

    sva_fill_all(&t->dev, 0x66);
    for (round = 0; round < ROUNDS; round++) {
        if (!unmap_under(t, round)) {
            return false;
        }
    }
    return true;
}

bool sva_case_mprotect(SvaTest *t)
{
    uint8_t *at = sva_pages(1);
    int code;

    memset(at, 0, PAGE);
    if (!cache(t, at)) {
        return false;
    }
    CHECK(!mprotect(at, PAGE, PROT_READ), "mprotect: %s", strerror(errno));
    if (!refused(t, at, true)) {
        return false;
    }
    CHECK(sva_all_are(at, 0x22, PAGE), "read-only, and was written");
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | DEMAND, at, PAGE);
    CHECK(code == 0, "read-only, the read ended with %d", code);
    CHECK(sva_holds(&t->dev, 0, 0x22, PAGE), "the device read other data");
    sva_fill(&t->dev, 0, 0xbd);
    CHECK(!mprotect(at, PAGE, PROT_NONE), "mprotect: %s", strerror(errno));
    if (!refused(t, at, false)) {
        return false;
    }
    CHECK(!mprotect(at, PAGE, PROT_READ | PROT_WRITE), "mprotect: %s",
          strerror(errno));
    sva_fill(&t->dev, 0, 0x23);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == 0, "writable again, the write ended with %d", code);
    CHECK(sva_all_are(at, 0x23, PAGE), "not its data");
    sva_free(at, 1);
    return true;
}

/* The address stays, its page goes: the next one is of zeros. */
bool sva_case_dontneed(SvaTest *t)
{
    uint8_t *at = sva_pages(1);
    int code;

    memset(at, 0, PAGE);
    if (!cache(t, at)) {
        return false;
    }
    CHECK(!madvise(at, PAGE, MADV_DONTNEED), "madvise: %s", strerror(errno));
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | PASID_TESTDEV_ATS, at,
                   PAGE);
    CHECK(code == PASID_TESTDEV_NO_PAGE, "translated it ended with %d", code);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_READ | DEMAND, at, PAGE);
    CHECK(code == 0, "read ended with %d", code);
    CHECK(sva_holds(&t->dev, 0, 0, PAGE), "the device read the page that went");
    sva_fill(&t->dev, 0, 0x24);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == 0, "write ended with %d", code);
    CHECK(sva_all_are(at, 0x24, PAGE), "not its data");
    sva_free(at, 1);
    return true;
}

/* The page stays, its address goes. */
bool sva_case_mremap(SvaTest *t)
{
    uint8_t *at = sva_pages(1), *to = sva_pages(1);
    int code;

    memset(at, 0, PAGE);
    if (!cache(t, at)) {
        return false;
    }
    CHECK(mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
          "mremap: %s", strerror(errno));
    if (!refused(t, at, true)) {
        return false;
    }
    CHECK(sva_all_are(to, 0x22, PAGE), "it was written at the old address");
    sva_fill(&t->dev, 0, 0x25);
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE, to, PAGE);
    CHECK(code == 0, "at the new address the write ended with %d", code);
    CHECK(sva_all_are(to, 0x25, PAGE), "not its data");
    sva_free(to, 1);
    return true;
}
