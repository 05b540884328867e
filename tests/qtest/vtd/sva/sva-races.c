/*
 * sva-guest: several processes, several threads, and what goes meanwhile
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sva-dev.h"

#define CHANNELS    8u              /* of those that are used at once */
#define ROUNDS      25
#define EXITS       20
#define UNBINDS     20

/* Two processes, one address */

typedef struct Process {
    unsigned chan;
    uint8_t byte;
    long *pasid;                    /* of both, shared with who forked them */
    uint8_t *at;                    /* the same in both */
} Process;

static bool same_address(SvaDev *d, void *opaque)
{
    Process *p = opaque;
    unsigned round;
    int code;

    p->pasid[p->chan] = d->pasid;
    for (round = 0; round < ROUNDS; round++) {
        uint8_t byte = p->byte + round;
        void *at = mmap(p->at, PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

        CHECK(at == p->at, "mmap: %s", strerror(errno));
        sva_fill(d, p->chan, byte);
        code = sva_run(d, p->chan, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
        CHECK(code == 0, "round %u: write ended with %d", round, code);
        CHECK(sva_all_are(at, byte, PAGE), "round %u: not its data", round);
        memset(at, byte ^ 0xff, PAGE);
        code = sva_run(d, p->chan, PASID_TESTDEV_READ, at, PAGE);
        CHECK(code == 0, "round %u: read ended with %d", round, code);
        CHECK(sva_holds(d, p->chan, byte ^ 0xff, PAGE),
              "round %u: the device read other data", round);
    }
    return true;
}

bool sva_case_two_processes(SvaTest *t)
{
    long *pasid = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *at = sva_pages(1);
    Process p[2] = {
        { .chan = 0, .byte = 0x10, .pasid = pasid, .at = at },
        { .chan = 1, .byte = 0x90, .pasid = pasid, .at = at },
    };
    int pid[2], i;
    bool done;

    for (i = 0; i < 2; i++) {
        pid[i] = sva_fork(t->path, same_address, &p[i]);
    }
    done = sva_join(pid[0]);
    done = sva_join(pid[1]) && done;
    CHECK(done, "a process failed");
    CHECK(pasid[0] != pasid[1] && pasid[0] != t->dev.pasid &&
          pasid[1] != t->dev.pasid, "PASIDs %ld, %ld and %ld", pasid[0],
          pasid[1], t->dev.pasid);
    munmap(pasid, PAGE);
    sva_free(at, 1);
    return true;
}

/* One page that all ask for at once; each has a part of it. */
bool sva_case_one_page(SvaTest *t)
{
    const unsigned part = PAGE / CHANNELS;
    unsigned round, n, requests = 0;
    uint8_t *at;
    int code;

    for (round = 0; round < ROUNDS; round++) {
        at = sva_pages(1);
        for (n = 0; n < CHANNELS; n++) {
            sva_fill(&t->dev, n, 0x80 + n);
        }
        for (n = 0; n < CHANNELS; n++) {
            sva_start(&t->dev, n, PASID_TESTDEV_WRITE | DEMAND, at + n * part,
                      part);
        }
        for (n = 0; n < CHANNELS; n++) {
            code = sva_finish(&t->dev, n);
            CHECK(code == 0, "round %u: channel %u ended with %d", round, n,
                  code);
            requests += sva_requests(&t->dev, n);
        }
        for (n = 0; n < CHANNELS; n++) {
            CHECK(sva_all_are(at + n * part, 0x80 + n, part),
                  "round %u: not the data of channel %u", round, n);
        }
        sva_free(at, 1);
    }
    printf("# %u page requests for %d pages\n", requests, ROUNDS);
    CHECK(requests > ROUNDS, "never more than one channel asked for a page");
    return true;
}

/* Threads, each with a channel and memory that comes and goes */

typedef struct Thread {
    pthread_t id;
    const SvaDev *dev;
    unsigned chan;
    char why[sizeof(sva_why)];
} Thread;

static bool come_and_go(const SvaDev *d, unsigned chan, unsigned round)
{
    uint8_t *at = sva_pages(1), byte = chan << 4 | (round & 0xf);
    int code;

    sva_fill(d, chan, byte);
    code = sva_run(d, chan, PASID_TESTDEV_WRITE | DEMAND, at, PAGE);
    CHECK(code == 0, "channel %u, round %u: write ended with %d", chan, round,
          code);
    CHECK(sva_all_are(at, byte, PAGE), "channel %u, round %u: not its data",
          chan, round);
    memset(at, byte ^ 0xff, PAGE);
    code = sva_run(d, chan, PASID_TESTDEV_READ | DEMAND, at, PAGE);
    CHECK(code == 0, "channel %u, round %u: read ended with %d", chan, round,
          code);
    CHECK(sva_holds(d, chan, byte ^ 0xff, PAGE),
          "channel %u, round %u: the device read other data", chan, round);
    sva_free(at, 1);
    return true;
}

static void *thread_body(void *opaque)
{
    Thread *th = opaque;
    unsigned round;

    for (round = 0; round < ROUNDS; round++) {
        if (!come_and_go(th->dev, th->chan, round)) {
            memcpy(th->why, sva_why, sizeof(th->why));
            return NULL;
        }
    }
    return th;
}

bool sva_case_threads(SvaTest *t)
{
    Thread th[CHANNELS];
    const char *why = NULL;
    unsigned n;
    void *done;
    int ret;

    for (n = 0; n < CHANNELS; n++) {
        th[n].dev = &t->dev;
        th[n].chan = n;
        ret = pthread_create(&th[n].id, NULL, thread_body, &th[n]);
        CHECK(!ret, "thread: %s", strerror(ret));
    }
    for (n = 0; n < CHANNELS; n++) {
        pthread_join(th[n].id, &done);
        if (!done) {
            why = th[n].why;
        }
    }
    CHECK(!why, "%s", why);
    return true;
}

/* Page requests and DMA under way while the address space goes */

typedef struct Going {
    uint8_t *shared;                /* LONG bytes, seen by who waits */
    bool killed;                    /* or it ends by itself */
} Going;

#define OWN_PAGES   (CHANNELS * (LONG / PAGE))

/*
 * Even channels write what is shared, odd ones ask for pages of their own.
 * Return: these, OWN_PAGES.
 */
static uint8_t *start_all(const SvaDev *d, uint8_t *shared)
{
    uint8_t *own = sva_pages(OWN_PAGES);
    unsigned n;

    for (n = 0; n < CHANNELS; n++) {
        sva_start(d, n, PASID_TESTDEV_WRITE | DEMAND,
                  n & 1 ? own + n * LONG : shared, LONG);
    }
    return own;
}

static bool go(SvaDev *d, void *opaque)
{
    Going *g = opaque;

    start_all(d, g->shared);
    if (g->killed) {
        kill(getpid(), SIGKILL);
    }
    return true;
}

/* Return: how many channels did not get to the end, or -1 with what is wrong */
static int check_ended(const SvaDev *d)
{
    unsigned n;
    int code, cut = 0;

    for (n = 0; n < CHANNELS; n++) {
        code = sva_finish(d, n);
        if (code < 0) {
            snprintf(sva_why, sizeof(sva_why), "channel %u never ended", n);
            return -1;
        }
        cut += code != 0;
    }
    return cut;
}

/* The same where nobody else has the device */
static int check_all_ended(const SvaDev *d)
{
    int cut = check_ended(d);

    if (cut >= 0 && sva_reg(d, PASID_TESTDEV_OUTSTANDING)) {
        snprintf(sva_why, sizeof(sva_why), "%u page requests without response",
                 sva_reg(d, PASID_TESTDEV_OUTSTANDING));
        return -1;
    }
    return cut;
}

#define FREED_PAGES 1024u

/*
 * Who answers a page request of a process has its memory meanwhile, so this may
 * outlive the process for a moment, and the device's access with it.  But what
 * was freed is another's, and no longer the device's: it is taken at once here.
 */
static bool exit_round(SvaTest *t, Going *g, unsigned *cut)
{
    uint8_t *freed = sva_pages(FREED_PAGES);
    int pid, status, ended;

    pid = sva_fork(t->path, go, g);
    CHECK(pid > 0, "fork: %s", strerror(errno));
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    CHECK(g->killed ? WIFSIGNALED(status) : status == 0, "status 0x%x", status);
    memset(freed, 0x77, FREED_PAGES * PAGE);
    ended = check_all_ended(&t->dev);
    if (ended < 0) {
        return false;
    }
    *cut += ended;
    CHECK(sva_all_are(freed, 0x77, FREED_PAGES * PAGE),
          "a page of another process was written");
    sva_free(freed, FREED_PAGES);
    return true;
}

bool sva_case_exit(SvaTest *t)
{
    Going g = {
        .shared = mmap(NULL, LONG, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0),
    };
    unsigned round, cut = 0;

    CHECK(g.shared != MAP_FAILED, "mmap: %s", strerror(errno));
    sva_fill_all(&t->dev, 0x66);
    for (round = 0; round < EXITS; round++) {
        g.killed = round & 1;
        if (!exit_round(t, &g, &cut)) {
            return false;
        }
    }
    printf("# %u of %u commands were cut short\n", cut, EXITS * CHANNELS);
    CHECK(cut, "each process lived until its DMA was done");
    munmap(g.shared, LONG);
    return true;
}

/* Unbound with requests under way: the HWPT goes while they arrive. */
static bool unbind_round(SvaTest *t, uint8_t *shared, unsigned *cut)
{
    uint8_t *own = start_all(&t->dev, shared);
    int ended;

    if (!sva_unbind(&t->dev)) {
        return false;
    }
    memset(shared, 0x77, LONG);
    ended = check_all_ended(&t->dev);
    if (ended < 0) {
        return false;
    }
    *cut += ended;
    sva_free(own, OWN_PAGES);
    CHECK(sva_all_are(shared, 0x77, LONG), "written after it was unbound");
    return sva_bind(&t->dev);
}

bool sva_case_unbind(SvaTest *t)
{
    uint8_t *shared = sva_pages(LONG / PAGE);
    unsigned round, cut = 0;
    int code;

    memset(shared, 0, LONG);
    sva_fill_all(&t->dev, 0x66);
    for (round = 0; round < UNBINDS; round++) {
        if (!unbind_round(t, shared, &cut)) {
            return false;
        }
    }
    printf("# %u of %u commands were cut short\n", cut, UNBINDS * CHANNELS);
    CHECK(cut, "all DMA was done before");
    code = sva_run(&t->dev, 0, PASID_TESTDEV_WRITE, shared, PAGE);
    CHECK(code == 0, "bound again, the write ended with %d", code);
    CHECK(sva_all_are(shared, 0x66, PAGE), "not its data");
    sva_free(shared, LONG / PAGE);
    return true;
}

/* A process that goes on while others are bound and unbound */

static bool go_on(SvaDev *d, void *opaque)
{
    const unsigned *stop = opaque;
    unsigned round;

    for (round = 0; !__atomic_load_n(stop, __ATOMIC_ACQUIRE); round++) {
        if (!come_and_go(d, CHANNELS, round)) {
            return false;
        }
    }
    CHECK(round, "it did nothing");
    return true;
}

bool sva_case_beside(SvaTest *t)
{
    unsigned *stop = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *shared = sva_pages(LONG / PAGE), *own;
    unsigned round;
    bool done = true;
    int pid;

    memset(shared, 0, LONG);
    sva_fill_all(&t->dev, 0x66);
    pid = sva_fork(t->path, go_on, stop);
    for (round = 0; round < UNBINDS && done; round++) {
        own = start_all(&t->dev, shared);
        done = sva_unbind(&t->dev) && check_ended(&t->dev) >= 0 &&
               sva_bind(&t->dev);
        sva_free(own, OWN_PAGES);
    }
    __atomic_store_n(stop, 1, __ATOMIC_RELEASE);
    if (!sva_join(pid) || !done) {
        return false;
    }
    munmap(stop, PAGE);
    sva_free(shared, LONG / PAGE);
    return true;
}
