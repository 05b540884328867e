/*
 * nested-vtd-check: can this host nest?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Plain C on libc and the kernel's headers: it has to run where QEMU's
 * dependencies are not installed.  Each check says one thing, once.
 */

#ifndef NESTED_VTD_CHECK_H
#define NESTED_VTD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hw/i386/vtd_host_kernel.h"

typedef enum Result {
    CHECK_INFO,         /* neither good nor bad */
    CHECK_PASS,
    CHECK_WARN,         /* works, or may work, with less */
    CHECK_FAIL,
} Result;

/* report.c */

/**
 * report: One line, and its fix.
 * @check: a name for scripts, such as "iommu-nest"
 * @subject: "host", an IOMMU or a device
 * @fix: what to do about a WARN or a FAIL; NULL for the others
 * @format: what was found, and if that is not enough what is wanted
 */
void report(Result result, const char *check, const char *subject,
            const char *fix, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Prints all that was reported.  Return: the number of CHECK_FAIL. */
unsigned report_print(bool json);

/* file.c */

#define PATH_SIZE 512

/*
 * The first line of a file that printf-style @format names, without its
 * newline.  Return: false if there is no such file, or not for us; errno.
 */
bool read_line(char *line, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The last part of where a link points to.  Return: false if it is none. */
bool read_link(char *name, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool exists(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Calls @each with the name of each entry of @dir, in order. */
void each_entry(const char *dir, void (*each)(const char *name, void *opaque),
                void *opaque);

/* host.c: kernel, /dev/iommu, limits */

typedef enum Config { CONFIG_UNKNOWN, CONFIG_NO, CONFIG_YES, CONFIG_MODULE } Config;

/* Of the kernel that runs; @option without CONFIG_. */
Config kernel_config(const char *option);
/* The value of the last @name= of the kernel's command line, or false. */
bool kernel_parameter(const char *name, char *value, size_t size);

/* Which invalidations of a nested page table the kernel carries out. */
VTDHostFlush kernel_flush(void);

/* Linux @major.@minor or later? */
bool kernel_at_least(unsigned major, unsigned minor);

void check_kernel(void);
void check_dev_iommu(void);
/* @memory: the guest's, in bytes; 0 if not known */
void check_memlock(uint64_t memory);

/* iommu.c: the VT-d units */

/* Is @name, such as "dmar0", one that nesting works on? */
bool iommu_can_nest(const char *name);
/* Does @name have the capability that check @check looks for? */
bool iommu_has(const char *name, const char *check);
/* @only: the units that matter, or none for all */
void check_iommus(const char *const *only, unsigned num_only);

/* device.c: PCI devices */

/* The unit behind @bdf, such as "dmar0".  Return: false if there is none. */
bool device_iommu(const char *bdf, char *name, size_t size);
/* The device file of @bdf, if vfio-pci made one. */
bool device_cdev(const char *bdf, char *path, size_t size);

/* What a device has for the guest to use */
typedef struct DeviceCaps {
    bool pasid, ats, pri;
} DeviceCaps;

/* Return: false if this user may not see them. */
bool device_caps(const char *bdf, DeviceCaps *caps);

/* Return: whether there is something to open. */
bool check_device(const char *bdf);
/* All those that could be passed through. */
void check_candidates(void);

/* dryrun.c */

/*
 * Allocates and frees what QEMU would, for a device that is not in use.
 * Return: whether the kernel did all of it.
 */
bool check_dry_run(const char *bdf);

/* suggest.c: QEMU's command line and libvirt's XML for a device */

/* A device that nothing failed for. */
void suggest_device(const char *bdf);
void suggest_print(void);

/* bundle.c: what a report of a bug has to have */

/*
 * @qmp: the socket of a QEMU that runs, or NULL
 * Return: false if that QEMU did not answer.
 */
bool bundle_print(const char *qmp);

/* qmp.c */

/*
 * Prints what the QEMU behind @socket answers to each of @commands.
 * Return: false with a message if it does not.
 */
bool qmp_print(const char *socket, const char *const *commands);

#endif
