/*
 * The cost of the kernel's DMA mapping, by its own benchmark
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A device has to be bound to the driver dma_map_benchmark (kernel:
 * include/uapi/linux/map_benchmark.h, CONFIG_DMA_MAP_BENCHMARK).  Prints the
 * nanoseconds that one map and one unmap took on average, to 100.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define FILE_NAME   "/sys/kernel/debug/dma_map_benchmark"

struct dma_map_run {
    uint64_t map_100ns, map_deviation;
    uint64_t unmap_100ns, unmap_deviation;
    uint32_t threads;
    uint32_t seconds;
    int32_t node;               /* -1: any */
    uint32_t dma_bits;
    uint32_t direction;         /* 0: both ways */
    uint32_t transfer_ns;       /* between map and unmap */
    uint32_t pages;             /* of 4 KiB, mapped by one call */
    uint8_t mode;               /* 0: not a scatter list */
    uint8_t reserved[75];
};

#define DMA_MAP_RUN _IOWR('d', 1, struct dma_map_run)

static uint32_t number(const char *text, const char *what)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (!*text || *end || !value || value > UINT32_MAX) {
        fprintf(stderr, "dma-map: %s is '%s', wanted a number above 0\n", what,
                text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    struct dma_map_run run = { .node = -1, .dma_bits = 48 };
    int fd;

    if (argc != 4) {
        fprintf(stderr, "usage: dma-map PAGES THREADS SECONDS\n");
        return 2;
    }
    run.pages = number(argv[1], "PAGES");
    run.threads = number(argv[2], "THREADS");
    run.seconds = number(argv[3], "SECONDS");
    fd = open(FILE_NAME, O_RDWR);
    if (fd < 0) {
        fprintf(stderr, "dma-map: %s: %s; wanted a device bound to the driver "
                "dma_map_benchmark\n", FILE_NAME, strerror(errno));
        return 1;
    }
    if (ioctl(fd, DMA_MAP_RUN, &run) < 0) {
        fprintf(stderr, "dma-map: DMA_MAP_BENCHMARK: %s\n", strerror(errno));
        return 1;
    }
    printf("%" PRIu64 " %" PRIu64 "\n", run.map_100ns * 100,
           run.unmap_100ns * 100);
    return 0;
}
