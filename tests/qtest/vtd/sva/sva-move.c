/*
 * A process that shares its address space with a device, in a guest that migrates
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs where sva-guest does.  A thread for each of some channels takes a page that
 * nothing has touched, and has the device write to it: the device requests the
 * page, and the guest's kernel fills it.  A page is looked at again when many others
 * were written after it, so that many are older than a migration.  On each line of its
 * standard input the program waits until all that were written before were
 * looked at, prints whether they were right, and goes on.
 *
 * usage: sva-move /dev/pasid-testdevN
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "sva-dev.h"

#define THREADS     4
#define PAGES       250             /* of each thread, written and not yet looked at */
#define POLL_US     10000
#define PATIENCE    6000            /* polls without a pass */

typedef struct Writer {
    pthread_t thread;
    const SvaDev *dev;
    unsigned chan;
    uint8_t *page[PAGES];
    uint8_t byte[PAGES];
    atomic_uint passes;
    atomic_uint requests;           /* page requests */
    atomic_bool failed;
    char why[200];
} Writer;

static atomic_bool end;

static bool look_at(Writer *w, unsigned i)
{
    if (w->page[i]) {
        CHECK(sva_all_are(w->page[i], w->byte[i], PAGE),
              "channel %u: a page has not what was written", w->chan);
        sva_free(w->page[i], 1);
        w->page[i] = NULL;
    }
    return true;
}

static bool write_page(Writer *w)
{
    unsigned i = w->passes % PAGES;
    int code;

    if (!look_at(w, i)) {
        return false;
    }
    w->page[i] = sva_pages(1);
    w->byte[i] = w->passes % 255 + 1;
    sva_fill(w->dev, w->chan, w->byte[i]);
    code = sva_run(w->dev, w->chan, PASID_TESTDEV_WRITE | DEMAND, w->page[i],
                   PAGE);
    CHECK(code == 0, "channel %u: the write ended with %d", w->chan, code);
    w->requests += sva_requests(w->dev, w->chan);
    w->passes++;
    return true;
}

static void *write_pages(void *opaque)
{
    Writer *w = opaque;

    while (!end) {
        if (!write_page(w)) {
            snprintf(w->why, sizeof(w->why), "%s", sva_why);
            w->failed = true;
            break;
        }
    }
    return NULL;
}

/* All that was there is looked at by then. */
static bool await_passes(Writer *w)
{
    unsigned want = w->passes + PAGES, last = w->passes, polls = 0;

    while (w->passes < want) {
        CHECK(!w->failed, "%s", w->why);
        CHECK(polls++ < PATIENCE, "channel %u stands still: status 0x%x, %u "
              "page requests, page %p", w->chan,
              sva_reg(w->dev, PASID_TESTDEV_CHANNEL(w->chan) +
                      PASID_TESTDEV_STATUS),
              sva_requests(w->dev, w->chan), w->page[w->passes % PAGES]);
        if (w->passes != last) {
            last = w->passes;
            polls = 0;
        }
        usleep(POLL_US);
    }
    return true;
}

static bool await_all(Writer *writers)
{
    for (int i = 0; i < THREADS; i++) {
        if (!await_passes(&writers[i])) {
            return false;
        }
    }
    return true;
}

static void report(Writer *writers)
{
    unsigned passes = 0, requests = 0;

    for (int i = 0; i < THREADS; i++) {
        passes += writers[i].passes;
        requests += writers[i].requests;
    }
    printf("# %u pages written, %u page requests\n", passes, requests);
}

static void start(Writer *writers, const SvaDev *dev)
{
    for (int i = 0; i < THREADS; i++) {
        writers[i].dev = dev;
        writers[i].chan = i;
        if (pthread_create(&writers[i].thread, NULL, write_pages,
                           &writers[i])) {
            perror("pthread_create");
            exit(1);
        }
    }
}

/* Return: false if a page was wrong. */
static bool run(Writer *writers)
{
    char line[16];

    for (unsigned round = 0; ; round++) {
        bool right;

        printf("writing %u\n", round);
        if (!fgets(line, sizeof(line), stdin) || line[0] == 'q') {
            return true;
        }
        right = await_all(writers);
        report(writers);
        if (!right) {
            printf("# %s\n", sva_why);
            return false;
        }
        printf("right %u\n", round);
    }
}

int main(int argc, char **argv)
{
    static Writer writers[THREADS];
    SvaDev dev;
    bool right;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 2) {
        fprintf(stderr, "usage: %s /dev/pasid-testdevN\n", argv[0]);
        return 2;
    }
    if (!sva_open(&dev, argv[1]) || !sva_bind(&dev)) {
        printf("# %s\n", sva_why);
        return 1;
    }
    start(writers, &dev);
    right = run(writers);
    end = true;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(writers[i].thread, NULL);
        right = right && !writers[i].failed;
    }
    sva_close(&dev);
    return !right;
}
