/*
 * Intel VT-d: more of the DMAR table, for hosts to be tested with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * x-rmrr and x-satc name a function each: one whose firmware wants a piece of
 * memory reserved for its DMA, and one that is integrated with its ATS.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "hw/acpi/aml-build.h"
#include "hw/pci/pci.h"
#include "hw/i386/e820_memory_layout.h"
#include "acpi.h"

/* VT-d 8.4 and 8.8 */
#define DMAR_TYPE_RMRR      1
#define DMAR_TYPE_SATC      5
#define DMAR_RMRR_SIZE      24
#define DMAR_SATC_SIZE      8
#define SATC_ATC_REQUIRED   (1u << 0)
/* A device scope of one endpoint, 8.3.1 */
#define SCOPE_ENDPOINT      1
#define SCOPE_SIZE          8

/* Where q35 has nothing: reserved, and no RAM is lost */
#define RMRR_BASE           0xfedb0000ULL
#define RMRR_SIZE           0x10000ULL

typedef struct Function {
    uint8_t bus, slot, func;
} Function;

/* "BB:DD.F", hexadecimal */
static bool parse_function(const char *prop, const char *value, Function *f,
                           Error **errp)
{
    unsigned bus, slot, func;
    int end = 0;

    if (sscanf(value, "%2x:%2x.%1x%n", &bus, &slot, &func, &end) == 3 &&
        !value[end] && slot < 32 && func < 8) {
        *f = (Function) { bus, slot, func };
        return true;
    }
    error_setg(errp, "intel-iommu: %s=%s must be a function, bus:slot.function "
               "in hexadecimal, as in 00:04.0", prop, value);
    return false;
}

bool vtd_acpi_decide_config(IntelIOMMUState *s, Error **errp)
{
    Function f;

    if ((s->ext.rmrr || s->ext.satc) && !s->ext.ecap_nest) {
        error_setg(errp, "intel-iommu: %s requires ecap-nest=on, which is off",
                   s->ext.rmrr ? "x-rmrr" : "x-satc");
        return false;
    }
    if (s->ext.rmrr && !parse_function("x-rmrr", s->ext.rmrr, &f, errp)) {
        return false;
    }
    if (s->ext.satc && !parse_function("x-satc", s->ext.satc, &f, errp)) {
        return false;
    }
    if (s->ext.rmrr) {
        e820_add_entry(RMRR_BASE, RMRR_SIZE, E820_RESERVED);
    }
    return true;
}

static void add_scope(GArray *table, const char *value)
{
    Function f = {};

    parse_function("", value, &f, &error_abort);
    build_append_int_noprefix(table, SCOPE_ENDPOINT, 1);
    build_append_int_noprefix(table, SCOPE_SIZE, 1);
    build_append_int_noprefix(table, 0, 2);     /* flags, reserved */
    build_append_int_noprefix(table, 0, 1);     /* enumeration ID */
    build_append_int_noprefix(table, f.bus, 1);
    build_append_int_noprefix(table, f.slot, 1);
    build_append_int_noprefix(table, f.func, 1);
}

void vtd_acpi_build_rmrr(IntelIOMMUState *s, GArray *table)
{
    if (s->ext.rmrr) {
        build_append_int_noprefix(table, DMAR_TYPE_RMRR, 2);
        build_append_int_noprefix(table, DMAR_RMRR_SIZE + SCOPE_SIZE, 2);
        build_append_int_noprefix(table, 0, 2); /* reserved */
        build_append_int_noprefix(table, 0, 2); /* segment */
        build_append_int_noprefix(table, RMRR_BASE, 8);
        build_append_int_noprefix(table, RMRR_BASE + RMRR_SIZE - 1, 8);
        add_scope(table, s->ext.rmrr);
    }
}

void vtd_acpi_build_satc(IntelIOMMUState *s, GArray *table)
{
    if (s->ext.satc) {
        build_append_int_noprefix(table, DMAR_TYPE_SATC, 2);
        build_append_int_noprefix(table, DMAR_SATC_SIZE + SCOPE_SIZE, 2);
        build_append_int_noprefix(table, SATC_ATC_REQUIRED, 1);
        build_append_int_noprefix(table, 0, 1); /* reserved */
        build_append_int_noprefix(table, 0, 2); /* segment */
        add_scope(table, s->ext.satc);
    }
}
