/*
 * Intel VT-d, nested=on: what the host's kernel makes of invalidations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IOMMU_HWPT_INVALIDATE takes a request for all of a stage 1, but not each
 * kernel carries it out.  Where it does not, a range for each half of the
 * addresses does, if the host's CAP.MAMV is large enough; else a new HWPT in
 * the place of the old one.  include/hw/i386/vtd_host_kernel.h has the classes.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qapi/error.h"
#include "internal.h"
#include "hw/i386/vtd/trace.h"

static const char *const flush_names[] = {
    [VTD_HOST_FLUSH_ALL] = "all",
    [VTD_HOST_FLUSH_RANGE] = "range",
    [VTD_HOST_FLUSH_COARSE] = "coarse",
};

/* x-host-flush.  Return: false if it names no class. */
static bool parse_flush(const char *name, VTDHostFlush *flush)
{
    for (int i = 0; i < ARRAY_SIZE(flush_names); i++) {
        if (!strcmp(name, flush_names[i])) {
            *flush = i;
            return true;
        }
    }
    return false;
}

bool vtd_nested_kernel_check_property(IntelIOMMUState *s, Error **errp)
{
    VTDHostFlush flush;

    if (!s->ext.host_flush) {
        return true;
    }
    if (!s->ext.nested) {
        error_setg(errp, "intel-iommu: x-host-flush requires nested=on, which "
                   "is off");
        return false;
    }
    if (!parse_flush(s->ext.host_flush, &flush)) {
        error_setg(errp, "intel-iommu: x-host-flush=%s is unknown, must be "
                   "all, range or coarse", s->ext.host_flush);
        error_append_hint(errp, "Leave it out, and QEMU looks at the host's "
                          "kernel\n");
        return false;
    }
    return true;
}

void vtd_nested_kernel_init(VTDNested *n)
{
    VTDHostKernel kernel = {};
    struct utsname uts;

    if (n->iommu->ext.host_flush) {
        parse_flush(n->iommu->ext.host_flush, &n->host_flush);
    } else {
        if (!uname(&uts)) {
            vtd_host_kernel_version(&kernel, uts.release);
        }
        if (vtd_host_kernel_flush(&kernel) != VTD_HOST_FLUSH_ALL) {
            vtd_host_kernel_read(&kernel, VTD_HOST_SYMBOLS);
        }
        n->host_flush = vtd_host_kernel_flush(&kernel);
    }
    trace_vtd_nested_host_flush(flush_names[n->host_flush]);
}

/* log2 of the pages in each half of a stage 1: addresses are canonical. */
static unsigned half_width_lg2(unsigned addr_width)
{
    return addr_width - 1 - VTD_PAGE_SHIFT;
}

bool vtd_nested_kernel_replaces(const VTDNested *n, unsigned addr_width)
{
    return n->host_flush != VTD_HOST_FLUSH_ALL &&
           n->host_mamv < half_width_lg2(addr_width);
}

uint32_t vtd_nested_kernel_all(const VTDNested *n, unsigned addr_width,
                               struct iommu_hwpt_vtd_s1_invalidate inv[2])
{
    unsigned lg2 = half_width_lg2(addr_width);

    memset(inv, 0, 2 * sizeof(*inv));
    if (n->host_flush == VTD_HOST_FLUSH_ALL) {
        inv[0].npages = UINT64_MAX;
        return 1;
    }
    inv[0].npages = 1ULL << lg2;
    inv[1].npages = 1ULL << lg2;
    inv[1].addr = -((uint64_t)VTD_PAGE_SIZE << lg2);
    return 2;
}

void vtd_nested_kernel_warn(const VTDNested *n)
{
    unsigned width = n->iommu->ext.fs5lp ? 57 : 48;
    struct utsname uts = {};

    if (!vtd_nested_kernel_replaces(n, width)) {
        return;
    }
    uname(&uts);
    warn_report_once("intel-iommu nested=on: the host's Linux %s cannot "
                     "invalidate all of a stage 1, and the host IOMMU's "
                     "CAP.MAMV is %u, must be %u for a range of that size: "
                     "the page table is replaced instead, and requests of "
                     "the device fault meanwhile; use Linux 7.2 or later",
                     uts.release, n->host_mamv, half_width_lg2(width));
}
