/*
 * nested-vtd-check: what a report of a bug has to have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Versions, what the hardware has, and what QEMU counted.  No names of users,
 * machines or files, no serial numbers, and of the kernel's command line only
 * what is about IOMMUs and VFIO.
 */

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "check.h"

#define UNITS   "/sys/class/iommu"
#define DEVICES "/sys/bus/pci/devices"

static void print_file(const char *path, const char *key)
{
    FILE *file = fopen(path, "r");
    char line[512];

    while (file && fgets(line, sizeof(line), file)) {
        if (!strncmp(line, key, strlen(key))) {
            fputs(line, stdout);
            break;
        }
    }
    if (file) {
        fclose(file);
    }
}

static bool is_about_iommus(const char *word)
{
    static const char *const prefixes[] = {
        "intel_iommu", "iommu", "intremap", "vfio", "pci=", "pcie_",
    };

    for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (!strncmp(word, prefixes[i], strlen(prefixes[i]))) {
            return true;
        }
    }
    return false;
}

static void print_parameters(void)
{
    char cmdline[4096];

    printf("parameters:");
    if (read_line(cmdline, sizeof(cmdline), "/proc/cmdline")) {
        for (char *word = strtok(cmdline, " "); word;
             word = strtok(NULL, " ")) {
            if (is_about_iommus(word)) {
                printf(" %s", word);
            }
        }
    }
    putchar('\n');
}

static void print_host(void)
{
    struct utsname uts;

    uname(&uts);
    printf("== host\nkernel: Linux %s %s\n", uts.release, uts.machine);
    print_file("/etc/os-release", "PRETTY_NAME=");
    print_file("/proc/cpuinfo", "model name");
    print_parameters();
}

static void print_unit(const char *name, void *opaque)
{
    static const char *const files[] = {
        "version", "cap", "ecap", "domains_supported", "domains_used",
    };
    char value[64];

    (void)opaque;
    if (strncmp(name, "dmar", 4)) {
        return;
    }
    printf("%s:", name);
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (read_line(value, sizeof(value), UNITS "/%s/intel-iommu/%s", name,
                      files[i])) {
            printf(" %s %s", files[i], value);
        }
    }
    putchar('\n');
}

/* Those of vfio-pci and its kind; what else the host has is its own affair. */
static void print_device(const char *bdf, void *opaque)
{
    char driver[64], unit[64] = "none", group[32] = "none";
    char vendor[16] = "", device[16] = "", class[16] = "";
    DeviceCaps caps;

    (void)opaque;
    if (!read_link(driver, sizeof(driver), DEVICES "/%s/driver", bdf) ||
        !strstr(driver, "vfio")) {
        return;
    }
    device_iommu(bdf, unit, sizeof(unit));
    read_link(group, sizeof(group), DEVICES "/%s/iommu_group", bdf);
    read_line(vendor, sizeof(vendor), DEVICES "/%s/vendor", bdf);
    read_line(device, sizeof(device), DEVICES "/%s/device", bdf);
    read_line(class, sizeof(class), DEVICES "/%s/class", bdf);
    printf("%s: %s %s class %s, %s, unit %s, group %s", bdf, vendor, device,
           class, driver, unit, group);
    if (device_caps(bdf, &caps)) {
        printf("%s%s%s", caps.pasid ? ", PASID" : "", caps.ats ? ", ATS" : "",
               caps.pri ? ", PRI" : "");
    }
    putchar('\n');
}

bool bundle_print(const char *qmp)
{
    static const char *const commands[] = {
        "query-version", "query-status", "x-query-iommufd",
        "x-query-intel-iommu-nested", NULL,
    };
    bool ok = true;

    print_host();
    puts("== VT-d units");
    each_entry(UNITS, print_unit, NULL);
    puts("== devices of VFIO");
    each_entry(DEVICES, print_device, NULL);
    if (qmp) {
        puts("== QEMU");
        fflush(stdout);
        ok = qmp_print(qmp, commands);
    }
    puts("== checks");
    return ok;
}
