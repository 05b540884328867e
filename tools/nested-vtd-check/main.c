/*
 * nested-vtd-check: options, and the order of the checks
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"

#define MAX_DEVICES 64

static const char usage[] =
    "usage: nested-vtd-check [--memory SIZE] [--no-dry-run] [--json] [BDF]...\n"
    "       nested-vtd-check --report [--qmp SOCKET] [BDF]...\n"
    "\n"
    "Says whether this host can run guests with intel-iommu,nested=on, and for\n"
    "each PCI device BDF (0000:01:00.0) whether it can be passed to one.\n"
    "\n"
    "  --memory SIZE  of the guest, such as 4G: may that much be locked?\n"
    "  --no-dry-run   do not open the devices\n"
    "  --json         for scripts\n"
    "  --report       all that a report of a bug has to have\n"
    "  --qmp SOCKET   ... also of the QEMU that has this monitor (-qmp)\n"
    "\n"
    "Exit status: 0 nothing failed, 1 something failed, 2 wrong usage.\n";

static bool parse_size(const char *text, uint64_t *size)
{
    static const char suffixes[] = "KMGT";
    const char *suffix;
    char *end;

    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    *size = strtoull(text, &end, 10);
    if (*end) {
        suffix = strchr(suffixes, toupper((unsigned char)*end));
        if (!suffix || end[1]) {
            return false;
        }
        *size <<= 10 * (suffix - suffixes + 1);
    }
    return *size > 0;
}

/* "01:00.0" is in domain 0. */
static const char *full_bdf(const char *bdf)
{
    static char full[MAX_DEVICES][32];
    static unsigned used;

    if (strlen(bdf) != strlen("01:00.0")) {
        return bdf;
    }
    snprintf(full[used], sizeof(full[used]), "0000:%s", bdf);
    return full[used++];
}

static unsigned units_of(char *const *bdfs, unsigned count,
                         char units[][64], const char **names)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++) {
        bool known = false;

        if (!device_iommu(bdfs[i], units[n], sizeof(units[n]))) {
            continue;
        }
        for (unsigned j = 0; j < n; j++) {
            known |= !strcmp(units[j], units[n]);
        }
        if (!known) {
            names[n] = units[n];
            n++;
        }
    }
    return n;
}

static void check_all(char **bdfs, unsigned count, uint64_t memory,
                      bool dry_run)
{
    static char units[MAX_DEVICES][64];
    const char *names[MAX_DEVICES];

    check_kernel();
    check_iommus(names, units_of(bdfs, count, units, names));
    check_dev_iommu();
    check_memlock(memory);
    for (unsigned i = 0; i < count; i++) {
        if (check_device(bdfs[i]) && (!dry_run || check_dry_run(bdfs[i]))) {
            suggest_device(bdfs[i]);
        }
    }
    if (!count) {
        check_candidates();
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "memory", required_argument, NULL, 'm' },
        { "no-dry-run", no_argument, NULL, 'n' },
        { "json", no_argument, NULL, 'j' },
        { "report", no_argument, NULL, 'r' },
        { "qmp", required_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    bool json = false, dry_run = true, bundle = false;
    const char *qmp = NULL;
    uint64_t memory = 0;
    unsigned failed;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            if (!parse_size(optarg, &memory)) {
                fprintf(stderr, "nested-vtd-check: --memory is '%s', must be a "
                        "size such as 4G\n", optarg);
                return 2;
            }
            break;
        case 'n':
            dry_run = false;
            break;
        case 'j':
            json = true;
            break;
        case 'r':
            bundle = true;
            break;
        case 'q':
            qmp = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (argc - optind > MAX_DEVICES) {
        fprintf(stderr, "nested-vtd-check: %d devices, must be %d at most\n",
                argc - optind, MAX_DEVICES);
        return 2;
    }
    if (qmp && !bundle) {
        fputs("nested-vtd-check: --qmp is for --report\n", stderr);
        return 2;
    }
    for (int i = optind; i < argc; i++) {
        argv[i] = (char *)full_bdf(argv[i]);
    }
    /* A report is made while a guest may have the devices. */
    check_all(argv + optind, argc - optind, memory, dry_run && !bundle);
    if (bundle) {
        bool answered = bundle_print(qmp);

        return report_print(false) || !answered;
    }
    failed = report_print(json);
    if (!json) {
        suggest_print();
    }
    return failed ? 1 : 0;
}
