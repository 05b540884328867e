/*
 * The device, memory and their checks, for the cases of sva-guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sva-dev.h"

#define POLL_US     1000
#define PATIENCE    20000           /* polls */

__thread char sva_why[200];
const char *sva_skip;

bool sva_open(SvaDev *d, const char *path)
{
    *d = (SvaDev) { .fd = open(path, O_RDWR | O_CLOEXEC), .pasid = -1 };
    CHECK(d->fd >= 0, "%s: %s", path, strerror(errno));
    d->bar = mmap(NULL, PASID_TESTDEV_BAR_SIZE, PROT_READ | PROT_WRITE,
                  MAP_SHARED, d->fd, 0);
    CHECK(d->bar != MAP_FAILED, "BAR 0: %s", strerror(errno));
    CHECK(sva_reg(d, PASID_TESTDEV_ID) == PASID_TESTDEV_MAGIC,
          "no pasid-testdev");
    return true;
}

bool sva_bind(SvaDev *d)
{
    d->pasid = ioctl(d->fd, PASID_TESTDEV_BIND);
    CHECK(d->pasid > 0, "bind: %s", strerror(errno));
    return true;
}

bool sva_unbind(SvaDev *d)
{
    int ret = ioctl(d->fd, PASID_TESTDEV_UNBIND);

    d->pasid = -1;
    CHECK(!ret, "unbind: %s", strerror(errno));
    return true;
}

void sva_close(SvaDev *d)
{
    /* The mapping keeps the file. */
    munmap(d->bar, PASID_TESTDEV_BAR_SIZE);
    close(d->fd);
}

static volatile uint32_t *reg(const SvaDev *d, unsigned offset)
{
    return (volatile uint32_t *)(d->bar + offset);
}

static volatile uint32_t *chan_reg(const SvaDev *d, unsigned n, unsigned offset)
{
    return reg(d, PASID_TESTDEV_CHANNEL(n) + offset);
}

uint32_t sva_reg(const SvaDev *d, unsigned offset)
{
    return *reg(d, offset);
}

uint32_t sva_requests(const SvaDev *d, unsigned chan)
{
    return *chan_reg(d, chan, PASID_TESTDEV_REQUESTS);
}

static void fill(const SvaDev *d, unsigned offset, uint8_t byte, unsigned size)
{
    unsigned i;

    for (i = 0; i < size / 4; i++) {
        reg(d, PASID_TESTDEV_MEMORY + offset)[i] = byte * 0x01010101u;
    }
}

void sva_fill(const SvaDev *d, unsigned chan, uint8_t byte)
{
    fill(d, chan * SLOT, byte, SLOT);
}

void sva_fill_all(const SvaDev *d, uint8_t byte)
{
    fill(d, 0, byte, LONG);
}

bool sva_holds(const SvaDev *d, unsigned chan, uint8_t byte, unsigned size)
{
    unsigned i;

    for (i = 0; i < size / 4; i++) {
        if (reg(d, PASID_TESTDEV_MEMORY + chan * SLOT)[i] !=
            byte * 0x01010101u) {
            return false;
        }
    }
    return true;
}

void sva_start(const SvaDev *d, unsigned chan, uint32_t op, const void *at,
               uint32_t length)
{
    uint64_t iova = (uintptr_t)at;

    *chan_reg(d, chan, PASID_TESTDEV_PASID) = d->pasid;
    *chan_reg(d, chan, PASID_TESTDEV_IOVA) = iova;
    *chan_reg(d, chan, PASID_TESTDEV_IOVA + 4) = iova >> 32;
    *chan_reg(d, chan, PASID_TESTDEV_LENGTH) = length;
    *chan_reg(d, chan, PASID_TESTDEV_BUFFER) = length > SLOT ? 0 : chan * SLOT;
    *chan_reg(d, chan, PASID_TESTDEV_COMMAND) = op | PASID_TESTDEV_WITH_PASID;
}

int sva_finish(const SvaDev *d, unsigned chan)
{
    unsigned polls;
    uint32_t status;

    for (polls = 0; polls < PATIENCE; polls++) {
        status = *chan_reg(d, chan, PASID_TESTDEV_STATUS);
        if ((status & PASID_TESTDEV_STATE) == PASID_TESTDEV_ENDED) {
            return PASID_TESTDEV_CODE(status);
        }
        usleep(POLL_US);
    }
    return -1;
}

int sva_run(const SvaDev *d, unsigned chan, uint32_t op, const void *at,
            uint32_t length)
{
    sva_start(d, chan, op, at, length);
    return sva_finish(d, chan);
}

uint8_t *sva_pages(unsigned nr)
{
    void *at = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    /* One page at a time: a case has huge pages by itself. */
    madvise(at, nr * PAGE, MADV_NOHUGEPAGE);
    return at;
}

void sva_free(void *at, unsigned nr)
{
    munmap(at, nr * PAGE);
}

bool sva_all_are(const void *data, uint8_t byte, unsigned size)
{
    const volatile uint8_t *at = data;
    unsigned i;

    for (i = 0; i < size; i++) {
        if (at[i] != byte) {
            return false;
        }
    }
    return true;
}

bool sva_is_resident(const void *page)
{
    unsigned char yes = 0;

    return !mincore((void *)page, PAGE, &yes) && yes & 1;
}

uint8_t *sva_twice(unsigned nr, uint8_t **second)
{
    int fd = memfd_create("sva", MFD_CLOEXEC);
    void *one = MAP_FAILED, *two = MAP_FAILED;

    if (fd >= 0 && !ftruncate(fd, nr * PAGE)) {
        one = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_POPULATE, fd, 0);
        two = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_POPULATE, fd, 0);
    }
    if (one == MAP_FAILED || two == MAP_FAILED) {
        perror("memory that is mapped twice");
        exit(1);
    }
    close(fd);
    *second = two;
    return one;
}

int sva_fork(const char *path, SvaBody *body, void *opaque)
{
    SvaDev d;
    int pid;

    fflush(stdout);
    pid = fork();
    if (pid) {
        return pid;
    }
    if (!sva_open(&d, path) || !sva_bind(&d) || !body(&d, opaque)) {
        printf("# process %d: %s\n", getpid(), sva_why);
        fflush(stdout);
        _exit(1);
    }
    _exit(0);
}

bool sva_join(int pid)
{
    int status;

    CHECK(pid > 0, "fork: %s", strerror(errno));
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    CHECK(WIFEXITED(status) && !WEXITSTATUS(status),
          "process %d ended with status 0x%x", pid, status);
    return true;
}
