/*
 * nested-vtd-check: the VT-d units
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CAP_REG and ECAP_REG are in sysfs, readable by everybody; VT-d
 * specification, 11.4.2 and 11.4.3.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"

#define UNITS "/sys/class/iommu"
/* What the vIOMMU offers a guest by default, aw-bits */
#define WANT_WIDTH 48

#define BIT(n) (UINT64_C(1) << (n))

/* With what the lack of each means: FAIL for what nested=on refuses. */
static const struct {
    const char *check;
    const char *name;
    unsigned bit;
    bool in_cap;        /* otherwise in ECAP_REG */
    bool required;
    const char *fix;
} capabilities[] = {
    { "iommu-smts", "ECAP.SMTS", 43, false, true,
      "this unit has no scalable mode; use a device behind another one, or a "
      "newer processor" },
    { "iommu-nest", "ECAP.NEST", 26, false, true,
      "this unit cannot nest; use a device behind another one, or "
      "caching-mode=on in place of nested=on" },
    { "iommu-slts", "ECAP.SLTS", 46, false, true,
      "this unit has no second stage in scalable mode, on which a guest's "
      "stage 1 could lie; use caching-mode=on in place of nested=on" },
    { "iommu-ir", "ECAP.IR", 3, false, true,
      "VFIO binds no device without interrupt remapping: turn it on in the "
      "firmware, or accept the risk with iommufd.allow_unsafe_interrupts=1" },
    { "iommu-pasid", "ECAP.PASID", 40, false, false,
      "requests with PASID are not possible; others are" },
    { "iommu-prs", "ECAP.PRS", 29, false, false,
      "page requests are not possible: DMA memory must be pinned" },
    { "iommu-smpwc", "ECAP.SMPWC", 48, false, false,
      "the guest has no SVA, and flushes its page tables from its caches" },
    { "iommu-slads", "ECAP.SLADS", 45, false, false,
      "pages that devices write cannot be tracked for live migration" },
    { "iommu-fs1gp", "CAP.FS1GP", 56, true, false,
      "the guest is told not to use 1 GiB pages; nothing to do" },
};
#define NUM_CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

typedef struct Unit {
    uint64_t cap;
    uint64_t ecap;
} Unit;

static bool read_register(const char *name, const char *reg, uint64_t *value)
{
    char text[64];

    if (!read_line(text, sizeof(text), UNITS "/%s/intel-iommu/%s", name, reg)) {
        return false;
    }
    *value = strtoull(text, NULL, 16);
    return true;
}

static bool read_unit(const char *name, Unit *unit)
{
    return read_register(name, "cap", &unit->cap) &&
           read_register(name, "ecap", &unit->ecap);
}

static bool has(const Unit *unit, unsigned i)
{
    return (capabilities[i].in_cap ? unit->cap : unit->ecap) &
           BIT(capabilities[i].bit);
}

/* The widest page table of SAGAW, unless MGAW ends before. */
static unsigned stage2_width(uint64_t cap)
{
    unsigned sagaw = cap >> 8 & 0x1f;
    unsigned mgaw = (cap >> 16 & 0x3f) + 1;
    unsigned width = sagaw & 8 ? 57 : sagaw & 4 ? 48 : sagaw & 2 ? 39 : 0;

    return width < mgaw ? width : mgaw;
}

bool iommu_can_nest(const char *name)
{
    Unit unit;

    if (!read_unit(name, &unit) || stage2_width(unit.cap) < WANT_WIDTH) {
        return false;
    }
    for (unsigned i = 0; i < NUM_CAPABILITIES; i++) {
        if (capabilities[i].required && !has(&unit, i)) {
            return false;
        }
    }
    return true;
}

bool iommu_has(const char *name, const char *check)
{
    Unit unit;

    if (read_unit(name, &unit)) {
        for (unsigned i = 0; i < NUM_CAPABILITIES; i++) {
            if (!strcmp(capabilities[i].check, check)) {
                return has(&unit, i);
            }
        }
    }
    return false;
}

static void check_capability(const char *name, const Unit *unit, unsigned i,
                             Result lack)
{
    if (has(unit, i)) {
        report(CHECK_PASS, capabilities[i].check, name, NULL, "%s=1",
               capabilities[i].name);
    } else {
        report(capabilities[i].required ? lack : CHECK_WARN,
               capabilities[i].check, name, capabilities[i].fix,
               "%s=0 (%s 0x%" PRIx64 "), must be 1", capabilities[i].name,
               capabilities[i].in_cap ? "CAP" : "ECAP",
               capabilities[i].in_cap ? unit->cap : unit->ecap);
    }
}

static void check_widths(const char *name, const Unit *unit, Result lack)
{
    unsigned width = stage2_width(unit->cap);

    if (width >= WANT_WIDTH) {
        report(CHECK_PASS, "iommu-width", name, NULL, "stage 2 has %u bits, "
               "must be %u or more (CAP.SAGAW and CAP.MGAW)", width,
               WANT_WIDTH);
    } else {
        report(lack, "iommu-width", name, "use a device behind another unit, "
               "or caching-mode=on with aw-bits=39 in place of nested=on",
               "stage 2 has %u bits (CAP 0x%" PRIx64 "), must be %u or "
               "more", width, unit->cap, WANT_WIDTH);
    }
    report(CHECK_INFO, "iommu-fs5lp", name, NULL, "CAP.FS5LP=%d: %s",
           !!(unit->cap & BIT(60)), unit->cap & BIT(60) ?
           "fs5lp=on offers the guest 5-level tables" :
           "leave fs5lp off, the guest has 4-level tables");
}

/* Whether a range has half of a stage 1, whose addresses are canonical. */
static void check_flush(const char *name, const Unit *unit)
{
    static const unsigned need = WANT_WIDTH - 1 - 12;
    unsigned mamv = unit->cap >> 48 & 0x3f;
    VTDHostFlush flush = kernel_flush();

    if (flush == VTD_HOST_FLUSH_ALL) {
        report(CHECK_PASS, "iommu-flush", name, NULL, "the kernel invalidates "
               "all of a stage 1 by a request for that");
    } else if (mamv < need) {
        report(CHECK_WARN, "iommu-flush", name, "use Linux 7.2 or later",
               "the kernel cannot invalidate all of a stage 1, and CAP.MAMV "
               "is %u (CAP 0x%" PRIx64 "), must be %u for ranges of that "
               "size: QEMU replaces the page table, and requests of the "
               "device fault meanwhile", mamv, unit->cap, need);
    } else if (flush == VTD_HOST_FLUSH_COARSE) {
        report(CHECK_WARN, "iommu-flush", name, "use Linux 7.2 or later",
               "the kernel may invalidate the wrong pages: QEMU invalidates "
               "all of a stage 1 each time");
    } else {
        report(CHECK_PASS, "iommu-flush", name, NULL, "all of a stage 1 is "
               "invalidated by two ranges (CAP.MAMV=%u, must be %u or more)",
               mamv, need);
    }
}

static void check_unit(const char *name, Result lack)
{
    Unit unit;

    if (!read_unit(name, &unit)) {
        report(CHECK_FAIL, "iommu-registers", name, "nested=on is for Intel "
               "VT-d", "no CAP and ECAP in " UNITS "/%s/intel-iommu", name);
        return;
    }
    check_widths(name, &unit, lack);
    check_flush(name, &unit);
    for (unsigned i = 0; i < NUM_CAPABILITIES; i++) {
        check_capability(name, &unit, i, lack);
    }
}

/* The kernel's choice, from what it was told; false with the reason. */
static bool wants_scalable(bool *known)
{
    char value[256];
    const char *on = NULL, *off = NULL;
    Config config = kernel_config("INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON");

    *known = true;
    if (kernel_parameter("intel_iommu", value, sizeof(value))) {
        for (const char *at = value; (at = strstr(at, "sm_on")); at++) {
            on = at;
        }
        for (const char *at = value; (at = strstr(at, "sm_off")); at++) {
            off = at;
        }
    }
    if (on || off) {
        return on > off;
    }
    *known = config != CONFIG_UNKNOWN;
    return config == CONFIG_YES;
}

static void check_scalable(void)
{
    bool known, wanted = wants_scalable(&known);

    if (!known) {
        report(CHECK_WARN, "scalable-mode", "host", "boot with "
               "intel_iommu=on,sm_on to be sure", "whether the kernel uses "
               "scalable mode depends on its configuration, which is not "
               "readable");
    } else if (wanted) {
        report(CHECK_PASS, "scalable-mode", "host", NULL, "the kernel uses "
               "scalable mode where the hardware has it");
    } else {
        report(CHECK_FAIL, "scalable-mode", "host", "boot with "
               "intel_iommu=on,sm_on", "the kernel runs VT-d in legacy mode, "
               "which cannot nest");
    }
}

static void check_off(void)
{
    if (!exists("/sys/firmware/acpi/tables/DMAR")) {
        report(CHECK_FAIL, "vtd", "host", "turn VT-d on in the firmware "
               "(\"VT-d\" or \"Directed I/O\"); in a virtual machine, give it "
               "a vIOMMU", "no VT-d unit: the firmware has no DMAR table");
    } else {
        report(CHECK_FAIL, "vtd", "host", "boot with intel_iommu=on,sm_on",
               "no VT-d unit in " UNITS ", though the firmware has a DMAR "
               "table: the kernel leaves VT-d off");
    }
}

typedef struct Found {
    unsigned units;
    unsigned good;
} Found;

static void find_unit(const char *name, void *opaque)
{
    Found *found = opaque;

    if (!strncmp(name, "dmar", 4)) {
        found->units++;
        found->good += iommu_can_nest(name);
    }
}

/* One unit that cannot nest is no harm where another one can. */
static void check_any_unit(const char *name, void *opaque)
{
    Found *found = opaque;

    if (!strncmp(name, "dmar", 4)) {
        check_unit(name, found->good ? CHECK_WARN : CHECK_FAIL);
    }
}

void check_iommus(const char *const *only, unsigned num_only)
{
    Found found = { 0 };

    each_entry(UNITS, find_unit, &found);
    if (!found.units) {
        check_off();
        return;
    }
    report(CHECK_PASS, "vtd", "host", NULL, "%u VT-d unit%s in use",
           found.units, found.units == 1 ? "" : "s");
    check_scalable();
    for (unsigned i = 0; i < num_only; i++) {
        check_unit(only[i], CHECK_FAIL);
    }
    if (!num_only) {
        each_entry(UNITS, check_any_unit, &found);
    }
}
