/*
 * nested-vtd-check: PCI devices that a guest may get
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "check.h"

#define DEVICES "/sys/bus/pci/devices"

/* PCI Express extended capabilities */
#define EXT_CAP_START   0x100
#define EXT_CAP_ATS     0x0f
#define EXT_CAP_PRI     0x13
#define EXT_CAP_PASID   0x1b

/* Configuration space; without root there are 64 bytes of it. */
typedef struct Space {
    uint8_t bytes[4096];
    size_t size;
} Space;

static void read_space(const char *bdf, Space *space)
{
    char path[PATH_SIZE];
    ssize_t size;
    int fd;

    snprintf(path, sizeof(path), DEVICES "/%s/config", bdf);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    space->size = 0;
    if (fd < 0) {
        return;
    }
    while (space->size < sizeof(space->bytes) &&
           (size = read(fd, space->bytes + space->size,
                        sizeof(space->bytes) - space->size)) > 0) {
        space->size += size;
    }
    close(fd);
}

static uint32_t space_long(const Space *space, unsigned at)
{
    const uint8_t *b = space->bytes + at;

    return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Return: where it is, or 0.  A list longer than the space has a loop in it. */
static unsigned find_ext_cap(const Space *space, unsigned id)
{
    unsigned at = EXT_CAP_START;

    for (unsigned i = 0; i < sizeof(space->bytes) / 8; i++) {
        uint32_t header;

        if (at < EXT_CAP_START || at + 8 > space->size) {
            return 0;
        }
        header = space_long(space, at);
        if ((header & 0xffff) == id) {
            return at;
        }
        at = header >> 20 & ~3u;
    }
    return 0;
}

bool device_caps(const char *bdf, DeviceCaps *caps)
{
    Space space;

    read_space(bdf, &space);
    *caps = (DeviceCaps) {
        .pasid = find_ext_cap(&space, EXT_CAP_PASID),
        .ats = find_ext_cap(&space, EXT_CAP_ATS),
        .pri = find_ext_cap(&space, EXT_CAP_PRI),
    };
    return space.size > 64;
}

static void describe_caps(const char *bdf, char *text, size_t size)
{
    DeviceCaps caps;

    if (!device_caps(bdf, &caps)) {
        snprintf(text, size, "PASID, ATS and PRI are for root to see");
        return;
    }
    snprintf(text, size, "%s PASID, %s ATS, %s PRI", caps.pasid ? "has" : "no",
             caps.ats ? "has" : "no", caps.pri ? "has" : "no");
}

bool device_iommu(const char *bdf, char *name, size_t size)
{
    return read_link(name, size, DEVICES "/%s/iommu", bdf);
}

typedef struct Cdev {
    char *path;
    size_t size;
    bool found;
} Cdev;

static void find_cdev(const char *name, void *opaque)
{
    Cdev *cdev = opaque;

    if (!strncmp(name, "vfio", 4)) {
        snprintf(cdev->path, cdev->size, "/dev/vfio/devices/%s", name);
        cdev->found = true;
    }
}

bool device_cdev(const char *bdf, char *path, size_t size)
{
    char dir[PATH_SIZE];
    Cdev cdev = { .path = path, .size = size };

    snprintf(dir, sizeof(dir), DEVICES "/%s/vfio-dev", bdf);
    each_entry(dir, find_cdev, &cdev);
    return cdev.found;
}

static void check_unit_of(const char *bdf)
{
    char unit[64];

    if (!device_iommu(bdf, unit, sizeof(unit))) {
        report(CHECK_FAIL, "device-iommu", bdf, "turn VT-d on (see above); a "
               "device that the firmware excludes cannot be passed through",
               "no IOMMU translates its DMA");
    } else if (!iommu_can_nest(unit)) {
        report(CHECK_FAIL, "device-iommu", bdf, "see what is said of the "
               "unit; use a device behind another one", "it is behind %s, "
               "which cannot nest", unit);
    } else {
        report(CHECK_PASS, "device-iommu", bdf, NULL, "it is behind %s", unit);
    }
}

static bool check_driver(const char *bdf)
{
    char driver[64], fix[256];
    bool any = read_link(driver, sizeof(driver), DEVICES "/%s/driver", bdf);

    if (any && !strcmp(driver, "vfio-pci")) {
        report(CHECK_PASS, "device-driver", bdf, NULL, "bound to vfio-pci");
        return true;
    }
    snprintf(fix, sizeof(fix), "driverctl set-override %s vfio-pci, or write "
             "vfio-pci to " DEVICES "/%s/driver_override, unbind it and write "
             "its address to /sys/bus/pci/drivers_probe", bdf, bdf);
    report(CHECK_FAIL, "device-driver", bdf, fix, "bound to %s, must be "
           "vfio-pci", any ? driver : "no driver");
    return false;
}

static bool check_cdev(const char *bdf)
{
    char path[PATH_SIZE];

    if (!device_cdev(bdf, path, sizeof(path))) {
        report(CHECK_FAIL, "device-cdev", bdf, "use a kernel with "
               "CONFIG_VFIO_DEVICE_CDEV", "vfio-pci made no device file");
    } else if (access(path, R_OK | W_OK)) {
        report(CHECK_FAIL, "device-cdev", bdf, "give the user that runs QEMU "
               "access to the file, by a udev rule", "%s: %s", path,
               strerror(errno));
    } else {
        report(CHECK_PASS, "device-cdev", bdf, NULL, "its file is %s", path);
        return true;
    }
    return false;
}

typedef struct Group {
    const char *bdf;
    char others[256];       /* members that a driver of the host has */
    unsigned endpoints;     /* that can be passed through: no bridges */
} Group;

/* VFIO takes a group in which no driver of the host does DMA. */
static void look_at_member(const char *name, void *opaque)
{
    Group *group = opaque;
    char driver[64] = "";
    size_t len = strlen(group->others);

    read_link(driver, sizeof(driver), DEVICES "/%s/driver", name);
    if (!strcmp(driver, "pcieport")) {
        return;
    }
    group->endpoints++;
    if (strcmp(name, group->bdf) && driver[0] && strncmp(driver, "vfio", 4) &&
        strcmp(driver, "pci-stub")) {
        snprintf(group->others + len, sizeof(group->others) - len, " %s (%s)",
                 name, driver);
    }
}

static void check_group(const char *bdf)
{
    Group group = { .bdf = bdf };
    char number[32], dir[PATH_SIZE];

    if (!read_link(number, sizeof(number), DEVICES "/%s/iommu_group", bdf)) {
        return;
    }
    snprintf(dir, sizeof(dir), DEVICES "/%s/iommu_group/devices", bdf);
    each_entry(dir, look_at_member, &group);
    if (group.others[0]) {
        report(CHECK_FAIL, "device-group", bdf, "bind all devices of the group "
               "to vfio-pci", "its IOMMU group %s has devices that the host "
               "uses:%s", number, group.others);
    } else if (group.endpoints > 1) {
        report(CHECK_WARN, "device-group", bdf, "pass through one of them: the "
               "host has one page table for a group, nested=on requires one "
               "for each device", "its IOMMU group %s has %u devices, "
               "none used by the host", number, group.endpoints);
    } else {
        report(CHECK_PASS, "device-group", bdf, NULL, "it is the only device of "
               "its IOMMU group %s", number);
    }
}

/*
 * Firmware that uses the device's DMA has the kernel map its memory, by an
 * RMRR.  Such a device cannot be taken from the kernel, unless the region is of
 * the kind that ends with the firmware's use of it (USB, graphics).
 */
static void check_rmrr(const char *bdf)
{
    char path[PATH_SIZE], line[128], first[64] = "";
    FILE *file;

    snprintf(path, sizeof(path), DEVICES "/%s/iommu_group/reserved_regions",
             bdf);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        char start[32], end[32], type[32];

        if (sscanf(line, "%31s %31s %31s", start, end, type) == 3 &&
            !strcmp(type, "direct") && !first[0]) {
            snprintf(first, sizeof(first), "%.24s to %.24s", start, end);
        }
    }
    if (file) {
        fclose(file);
    }
    if (first[0]) {
        report(CHECK_FAIL, "device-rmrr", bdf, "turn off in the firmware what "
               "uses this device, or use another one", "the firmware uses its "
               "DMA (RMRR %s): the kernel lets nobody have it", first);
    }
}

bool check_device(const char *bdf)
{
    char caps[128];
    bool bound;

    if (!exists(DEVICES "/%s", bdf)) {
        report(CHECK_FAIL, "device", bdf, "lspci -D lists the addresses",
               "no such PCI device");
        return false;
    }
    check_unit_of(bdf);
    bound = check_driver(bdf) && check_cdev(bdf);
    check_group(bdf);
    check_rmrr(bdf);
    describe_caps(bdf, caps, sizeof(caps));
    report(CHECK_INFO, "device-capabilities", bdf, NULL, "%s", caps);
    return bound;
}

/* Without a BDF */

static void look_at_device(const char *bdf, void *opaque)
{
    unsigned *ready = opaque;
    char class[16] = "", driver[64] = "no driver", unit[64], group[32] = "?";
    char caps[128];

    /* 0x06....: bridges, which belong to the host */
    if (!read_line(class, sizeof(class), DEVICES "/%s/class", bdf) ||
        !strncmp(class, "0x06", 4) ||
        !device_iommu(bdf, unit, sizeof(unit))) {
        return;
    }
    if (read_link(driver, sizeof(driver), DEVICES "/%s/driver", bdf) &&
        !strcmp(driver, "vfio-pci")) {
        *ready += 1;
        check_device(bdf);
        return;
    }
    read_link(group, sizeof(group), DEVICES "/%s/iommu_group", bdf);
    describe_caps(bdf, caps, sizeof(caps));
    report(CHECK_INFO, "device-candidate", bdf, NULL, "class %s, %s, group %s, "
           "behind %s, which %s nest; %s", class, driver, group, unit,
           iommu_can_nest(unit) ? "can" : "cannot", caps);
}

void check_candidates(void)
{
    unsigned ready = 0;

    each_entry(DEVICES, look_at_device, &ready);
    if (!ready) {
        report(CHECK_WARN, "device", "host", "choose one and say "
               "nested-vtd-check BDF", "no PCI device is bound to vfio-pci");
    }
}
