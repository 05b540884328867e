/*
 * A driver of pasid-testdev in a guest that migrates
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two channels of the device write all the time, one without a PASID and one
 * with, each through an address space of its own, and number their passes.  On
 * each line of its standard input the program stops them, looks at all that the
 * device has written, prints what it found, and has them go on.  What was left
 * behind by a migration is older than the last pass.
 *
 * usage: move-demo DDDD:BB:DD.F, bound to vfio-pci
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hw/misc/pasid-testdev.h"
#include "hostdev.h"

#define PAGE        4096u
#define IOVA        0x40000000ull
#define PASID       70u
#define SPACES      2
#define BYTES       (4 * PAGE)      /* that a channel writes again and again */
#define COPIES      500             /* pages of each space that are written once */
#define SLOT        0x8000u         /* in the device's memory, of each channel */
#define POLL_US     1000
#define PATIENCE    60000           /* polls */

typedef struct Space {
    uint32_t pasid;
    uint32_t ioas, hwpt;
    uint8_t *data;                  /* BYTES, then COPIES pages */
} Space;

static HostDev dev;
static Space space[SPACES] = {
    { .pasid = HOSTDEV_NO_PASID },
    { .pasid = PASID },
};

static volatile uint32_t *reg(unsigned offset)
{
    return (volatile uint32_t *)(dev.bar + offset);
}

static volatile uint32_t *chan(unsigned n, unsigned offset)
{
    return reg(PASID_TESTDEV_CHANNEL(n) + offset);
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
    for (unsigned polls = 0; polls < PATIENCE; polls++) {
        uint32_t status = *chan(n, PASID_TESTDEV_STATUS);

        if ((status & PASID_TESTDEV_STATE) == PASID_TESTDEV_ENDED) {
            return PASID_TESTDEV_CODE(status);
        }
        usleep(POLL_US);
    }
    return -1;
}

static void fill_memory(unsigned n, uint32_t word)
{
    for (unsigned i = 0; i < BYTES / 4; i++) {
        reg(PASID_TESTDEV_MEMORY + n * SLOT)[i] = word;
    }
}

static uint32_t pattern(unsigned n, unsigned round)
{
    return 0x5a000000u | n << 16 | round;
}

/* Each copy is another command; afterwards the channel repeats. */
static int begin(unsigned n, unsigned round)
{
    fill_memory(n, pattern(n, round));
    for (unsigned i = 0; i < COPIES; i++) {
        int code;

        start(n, PASID_TESTDEV_WRITE, IOVA + BYTES + i * PAGE, PAGE);
        code = finish(n);
        if (code) {
            printf("# space %u, copy %u: %d\n", n, i, code);
            return -1;
        }
    }
    start(n, PASID_TESTDEV_WRITE | PASID_TESTDEV_REPEAT, IOVA, BYTES);
    return 0;
}

/* Return: how many words are not what they should be. */
static unsigned look(unsigned n, unsigned round)
{
    const uint32_t *data = (const uint32_t *)space[n].data;
    uint32_t passes = *chan(n, PASID_TESTDEV_RESULT);
    unsigned wrong = 0;

    for (unsigned i = 0; i < (BYTES + COPIES * PAGE) / 4; i++) {
        bool stamp = i < BYTES / 4 && i % (PAGE / 4) == 0;

        wrong += data[i] != (stamp ? passes : pattern(n, round));
    }
    printf("# space %u: %u passes, %u words wrong\n", n, passes, wrong);
    return wrong;
}

static int check(unsigned round)
{
    unsigned wrong = 0;

    for (unsigned n = 0; n < SPACES; n++) {
        int code;

        *chan(n, PASID_TESTDEV_COMMAND) = 0;
        code = finish(n);
        if (code) {
            printf("# space %u ended with %d\n", n, code);
            return -1;
        }
        wrong += look(n, round);
    }
    return wrong ? -1 : 0;
}

static int setup(const char *bdf)
{
    size_t size = BYTES + COPIES * PAGE;

    if (hostdev_open(&dev, bdf)) {
        return -1;
    }
    for (unsigned n = 0; n < SPACES; n++) {
        Space *s = &space[n];
        void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

        if (at == MAP_FAILED) {
            perror("mmap");
            return -1;
        }
        s->data = at;
        if (hostdev_ioas_alloc(&dev, &s->ioas) ||
            hostdev_map(&dev, s->ioas, IOVA, s->data, size) ||
            hostdev_hwpt_alloc(&dev, s->ioas, 0, &s->hwpt) ||
            hostdev_attach(&dev, s->pasid, s->hwpt)) {
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned round = 0;
    char line[80];

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 2) {
        fprintf(stderr, "usage: %s DDDD:BB:DD.F\n", argv[0]);
        return 2;
    }
    if (setup(argv[1])) {
        return 1;
    }
    for (;;) {
        for (unsigned n = 0; n < SPACES; n++) {
            if (begin(n, round)) {
                return 1;
            }
        }
        printf("writing %u\n", round);
        if (!fgets(line, sizeof(line), stdin) || line[0] == 'q') {
            return 0;
        }
        if (check(round)) {
            printf("wrong %u\n", round);
            return 1;
        }
        printf("right %u\n", round);
        round++;
    }
}
