/*
 * Which invalidations of a nested HWPT the host's kernel carries out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IOMMU_HWPT_INVALIDATE succeeds whatever the hardware makes of the descriptor
 * that the intel-iommu driver builds from it (drivers/iommu/intel/cache.c).  No
 * uAPI tells how that driver builds it.  So a kernel is classed by the driver's
 * own symbols, which also tell of changes that a distribution took over.  Its
 * version is the second choice.
 *
 * Plain C without QEMU's headers: nested-vtd-check uses it, too.
 */

#ifndef HW_I386_VTD_HOST_KERNEL_H
#define HW_I386_VTD_HOST_KERNEL_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define VTD_HOST_SYMBOLS    "/proc/kallsyms"

typedef enum VTDHostFlush {
    /*
     * Ranges, and npages = UINT64_MAX for all of a stage 1, become what they
     * mean.  "All" has a descriptor of its own.
     */
    VTD_HOST_FLUSH_ALL,
    /*
     * Ranges are right.  UINT64_MAX becomes a range of 2^52 pages, which is
     * more than any CAP.MAMV: an Invalidation Queue Error, nothing is
     * invalidated, and the ioctl succeeds.
     */
    VTD_HOST_FLUSH_RANGE,
    /*
     * As above, or ranges are taken for second-stage addresses: then only one
     * of the full width takes out what lies in it.  The driver's symbols do
     * not tell which of the two.
     */
    VTD_HOST_FLUSH_COARSE,
} VTDHostFlush;

/* What is known of a kernel */
typedef struct VTDHostKernel {
    unsigned major, minor;      /* 0.0: not known */
    bool has_driver;            /* the symbols are those of a VT-d driver */
    bool has_data;              /* ... with its data (CONFIG_KALLSYMS_ALL) */
    bool flushes_all;           /* a descriptor of its own for "all" */
    bool splits_stages;         /* a first-stage domain is known by its ops */
} VTDHostKernel;

/**
 * vtd_host_kernel_version: Take note of a release, such as "6.12.118-amd64".
 */
static inline void vtd_host_kernel_version(VTDHostKernel *k,
                                           const char *release)
{
    if (sscanf(release, "%u.%u", &k->major, &k->minor) != 2) {
        k->major = k->minor = 0;
    }
}

/**
 * vtd_host_kernel_symbol: Take note of a line "ADDRESS TYPE NAME[.SUFFIX]".
 */
static inline void vtd_host_kernel_symbol(VTDHostKernel *k, const char *line)
{
    const char *name = strchr(line, ' ');
    size_t len;

    name = name ? strchr(name + 1, ' ') : NULL;
    if (!name) {
        return;
    }
    name++;
    len = strcspn(name, ".\t\n");
#define IS(symbol) (len == sizeof(symbol) - 1 && !memcmp(name, symbol, len))
    k->has_driver |= IS("qi_submit_sync");
    k->has_data |= IS("intel_nested_domain_ops");
    k->flushes_all |= IS("qi_flush_piotlb_all");
    k->splits_stages |= IS("intel_fs_paging_domain_ops");
#undef IS
}

static inline bool vtd_host_kernel_at_least(const VTDHostKernel *k,
                                            unsigned major, unsigned minor)
{
    return k->major > major || (k->major == major && k->minor >= minor);
}

/**
 * vtd_host_kernel_flush: The class of a kernel.
 *
 * In Linux 6.12 a nested domain counts as a first-stage one.  From 6.17 on
 * first-stage domains are known by their ops, which a nested one has not, until
 * a fix that no symbol shows.  7.2 has the descriptor for "all".
 */
static inline VTDHostFlush vtd_host_kernel_flush(const VTDHostKernel *k)
{
    if (k->flushes_all ||
        (!k->has_driver && vtd_host_kernel_at_least(k, 7, 2))) {
        return VTD_HOST_FLUSH_ALL;
    }
    if (k->has_driver && k->has_data) {
        return k->splits_stages ? VTD_HOST_FLUSH_COARSE : VTD_HOST_FLUSH_RANGE;
    }
    return k->major && !vtd_host_kernel_at_least(k, 6, 17) ?
           VTD_HOST_FLUSH_RANGE : VTD_HOST_FLUSH_COARSE;
}

/**
 * vtd_host_kernel_read: The symbols of a kernel, if they can be read.
 *
 * The kernel unpacks each, which takes some 10 ms in all.
 */
static inline void vtd_host_kernel_read(VTDHostKernel *k, const char *symbols)
{
    FILE *file = fopen(symbols, "r");
    char line[512];

    if (file) {
        while (fgets(line, sizeof(line), file)) {
            vtd_host_kernel_symbol(k, line);
        }
        fclose(file);
    }
}

#endif
