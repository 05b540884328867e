/*
 * nested-vtd-check: the kernel, /dev/iommu and what may be locked
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "check.h"

/* The first with all that nested HWPTs and VFIO's device files need. */
#define OLDEST_MAJOR    6
#define OLDEST_MINOR    12

#define CAP_IPC_LOCK_BIT    14

/* Configuration and command line */

static FILE *open_config(bool *is_pipe)
{
    struct utsname uts;
    char path[PATH_SIZE];

    *is_pipe = false;
    if (!access("/proc/config.gz", R_OK)) {
        *is_pipe = true;
        return popen("gzip -dc /proc/config.gz 2>/dev/null", "r");
    }
    uname(&uts);
    snprintf(path, sizeof(path), "/boot/config-%s", uts.release);
    return fopen(path, "r");
}

Config kernel_config(const char *option)
{
    Config config = CONFIG_NO;
    bool is_pipe, any = false;
    FILE *file = open_config(&is_pipe);
    char line[1024], want[64];
    size_t len;

    if (!file) {
        return CONFIG_UNKNOWN;
    }
    len = snprintf(want, sizeof(want), "CONFIG_%s=", option);
    while (fgets(line, sizeof(line), file)) {
        any = true;
        if (!strncmp(line, want, len)) {
            config = line[len] == 'y' ? CONFIG_YES :
                     line[len] == 'm' ? CONFIG_MODULE : CONFIG_NO;
        }
    }
    if (is_pipe) {
        pclose(file);
    } else {
        fclose(file);
    }
    return any ? config : CONFIG_UNKNOWN;
}

bool kernel_parameter(const char *name, char *value, size_t size)
{
    char cmdline[4096];
    size_t len = strlen(name);
    bool found = false;

    if (!read_line(cmdline, sizeof(cmdline), "/proc/cmdline")) {
        return false;
    }
    for (char *word = strtok(cmdline, " "); word; word = strtok(NULL, " ")) {
        if (!strncmp(word, name, len) && word[len] == '=') {
            snprintf(value, size, "%s", word + len + 1);
            found = true;
        }
    }
    return found;
}

bool kernel_at_least(unsigned major, unsigned minor)
{
    VTDHostKernel kernel = { 0 };
    struct utsname uts;

    uname(&uts);
    vtd_host_kernel_version(&kernel, uts.release);
    return vtd_host_kernel_at_least(&kernel, major, minor);
}

VTDHostFlush kernel_flush(void)
{
    static VTDHostFlush flush;
    static bool known;
    VTDHostKernel kernel = { 0 };
    struct utsname uts;

    if (!known) {
        uname(&uts);
        vtd_host_kernel_version(&kernel, uts.release);
        vtd_host_kernel_read(&kernel, VTD_HOST_SYMBOLS);
        flush = vtd_host_kernel_flush(&kernel);
        known = true;
    }
    return flush;
}

static void check_version(void)
{
    struct utsname uts;

    uname(&uts);
    if (kernel_at_least(OLDEST_MAJOR, OLDEST_MINOR)) {
        report(CHECK_PASS, "kernel-version", "host", NULL, "Linux %s, must "
               "be %u.%u or later", uts.release, OLDEST_MAJOR, OLDEST_MINOR);
    } else {
        report(CHECK_FAIL, "kernel-version", "host", "boot a newer kernel",
               "Linux %s, must be %u.%u or later", uts.release, OLDEST_MAJOR,
               OLDEST_MINOR);
    }
}

static void check_options(void)
{
    static const char *const options[] = {
        "INTEL_IOMMU", "IOMMUFD", "VFIO_PCI", "VFIO_DEVICE_CDEV",
    };
    char missing[256] = "", fix[512];
    bool unknown = false;

    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        Config config = kernel_config(options[i]);

        unknown |= config == CONFIG_UNKNOWN;
        if (config == CONFIG_NO) {
            snprintf(missing + strlen(missing),
                     sizeof(missing) - strlen(missing), " CONFIG_%s",
                     options[i]);
        }
    }
    if (unknown) {
        report(CHECK_WARN, "kernel-config", "host", "look for CONFIG_IOMMUFD "
               "and CONFIG_VFIO_DEVICE_CDEV where the kernel was built",
               "neither /proc/config.gz nor /boot/config-* tells the kernel's "
               "configuration");
    } else if (missing[0]) {
        snprintf(fix, sizeof(fix), "use a kernel that is built with%s",
                 missing);
        report(CHECK_FAIL, "kernel-config", "host", fix,
               "the kernel lacks%s", missing);
    } else {
        report(CHECK_PASS, "kernel-config", "host", NULL, "the kernel has "
               "CONFIG_INTEL_IOMMU, CONFIG_IOMMUFD, CONFIG_VFIO_PCI and "
               "CONFIG_VFIO_DEVICE_CDEV");
    }
}

static void check_interrupts(void)
{
    char value[64] = "", unsafe[8] = "";

    read_line(unsafe, sizeof(unsafe),
              "/sys/module/iommufd/parameters/allow_unsafe_interrupts");
    if (kernel_parameter("intremap", value, sizeof(value)) &&
        strstr(value, "off") && unsafe[0] != 'Y') {
        report(CHECK_FAIL, "interrupt-remapping", "host", "boot without "
               "intremap=off", "intremap=%s: VFIO binds no device without "
               "interrupt remapping", value);
    }
}

/* The first with what a feature needs; without it the rest works. */
static void check_feature(const char *check, unsigned major, unsigned minor,
                          const char *option, const char *what)
{
    char fix[256];

    if (!kernel_at_least(major, minor)) {
        snprintf(fix, sizeof(fix), "boot Linux %u.%u or later, or do without",
                 major, minor);
        report(CHECK_WARN, check, "host", fix, "%s requires Linux %u.%u",
               what, major, minor);
    } else if (option && kernel_config(option) == CONFIG_NO) {
        snprintf(fix, sizeof(fix), "use a kernel that is built with CONFIG_%s, "
                 "or do without", option);
        report(CHECK_WARN, check, "host", fix, "%s requires CONFIG_%s", what,
               option);
    } else {
        report(CHECK_PASS, check, "host", NULL, "the kernel has what %s "
               "requires", what);
    }
}

void check_kernel(void)
{
    check_version();
    check_options();
    check_feature("kernel-pasid", 6, 15, NULL, "DMA with PASIDs (pasid=on)");
    check_feature("kernel-p2p", 6, 19, "PCI_P2PDMA",
                  "DMA from device to device");
    check_interrupts();
}

/* /dev/iommu */

void check_dev_iommu(void)
{
    int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        report(CHECK_PASS, "dev-iommu", "host", NULL,
               "/dev/iommu opens for reading and writing");
    } else if (errno == EACCES || errno == EPERM) {
        report(CHECK_FAIL, "dev-iommu", "host", "give the user that runs QEMU "
               "access, by a udev rule for /dev/iommu, or pass an open file "
               "with -object iommufd,fd=", "/dev/iommu: %s", strerror(errno));
    } else {
        report(CHECK_FAIL, "dev-iommu", "host", "modprobe iommufd, or use a "
               "kernel with CONFIG_IOMMUFD", "/dev/iommu: %s",
               strerror(errno));
    }
}

/* The kernel counts no pages for whoever has CAP_IPC_LOCK (iommufd/pages.c). */
static bool may_lock_all(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t caps = 0;

    while (file && fgets(line, sizeof(line), file)) {
        sscanf(line, "CapEff: %" SCNx64, &caps);
    }
    if (file) {
        fclose(file);
    }
    return caps >> CAP_IPC_LOCK_BIT & 1;
}

void check_memlock(uint64_t memory)
{
    struct rlimit limit;

    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (may_lock_all()) {
        report(CHECK_PASS, "memlock", "host", NULL, "this user has "
               "CAP_IPC_LOCK: RLIMIT_MEMLOCK does not count");
    } else if (limit.rlim_cur == RLIM_INFINITY) {
        report(CHECK_PASS, "memlock", "host", NULL,
               "RLIMIT_MEMLOCK is unlimited");
    } else if (!memory) {
        report(CHECK_INFO, "memlock", "host", NULL, "RLIMIT_MEMLOCK is "
               "%" PRIu64 " bytes; --memory SIZE compares it with a guest's "
               "memory, which is locked once", (uint64_t)limit.rlim_cur);
    } else if (limit.rlim_cur < memory) {
        report(CHECK_FAIL, "memlock", "host", "raise memlock in "
               "/etc/security/limits.conf, LimitMEMLOCK= of a systemd unit, or "
               "<hard_limit> of libvirt's <memtune>", "RLIMIT_MEMLOCK is "
               "%" PRIu64 " bytes, must be %" PRIu64 " for the guest's memory",
               (uint64_t)limit.rlim_cur, memory);
    } else {
        report(CHECK_PASS, "memlock", "host", NULL, "RLIMIT_MEMLOCK is "
               "%" PRIu64 " bytes, must be %" PRIu64, (uint64_t)limit.rlim_cur,
               memory);
    }
}
