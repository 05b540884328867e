/*
 * What the cases of sva-guest share: the device, memory and their checks
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SVA_DEV_H
#define SVA_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hw/misc/pasid-testdev.h"

#define PAGE        4096u
#define HUGE_PAGE   (2u << 20)
#define SLOT        0x1000u         /* in the device's memory, per channel */
#define LONG        PASID_TESTDEV_MEMORY_SIZE   /* all of it */

#define DEMAND      (PASID_TESTDEV_ATS | PASID_TESTDEV_PRI)

/* /dev/pasid-testdevN, and this process's address space on it */
typedef struct SvaDev {
    int fd;
    uint8_t *bar;
    long pasid;                     /* -1: not bound */
} SvaDev;

/* What went wrong in a case, for its TAP line; each thread has its own. */
extern __thread char sva_why[200];

#define CHECK(cond, ...) do { \
        if (!(cond)) { \
            snprintf(sva_why, sizeof(sva_why), __VA_ARGS__); \
            return false; \
        } \
    } while (0)

bool sva_open(SvaDev *d, const char *path);
bool sva_bind(SvaDev *d);
bool sva_unbind(SvaDev *d);
/* Drops the device: unbound, closed. */
void sva_close(SvaDev *d);

uint32_t sva_reg(const SvaDev *d, unsigned offset);
/* Of the channel's last command */
uint32_t sva_requests(const SvaDev *d, unsigned chan);

/* The channel's part of the device's memory */
void sva_fill(const SvaDev *d, unsigned chan, uint8_t byte);
bool sva_holds(const SvaDev *d, unsigned chan, uint8_t byte, unsigned size);
/* All of it */
void sva_fill_all(const SvaDev *d, uint8_t byte);

/*
 * A command with this process's PASID; beyond SLOT bytes it takes all of the
 * device's memory.
 */
void sva_start(const SvaDev *d, unsigned chan, uint32_t op, const void *at,
               uint32_t length);
/* Return: how it ended, or -1 if it did not in 20,000 polls. */
int sva_finish(const SvaDev *d, unsigned chan);
int sva_run(const SvaDev *d, unsigned chan, uint32_t op, const void *at,
            uint32_t length);

/* Anonymous pages that nothing has touched yet */
uint8_t *sva_pages(unsigned nr);
void sva_free(void *at, unsigned nr);
bool sva_all_are(const void *data, uint8_t byte, unsigned size);
bool sva_is_resident(const void *page);

/**
 * sva_twice: Pages that are mapped at two addresses, the second of which shows
 * what became of them when the first is gone.
 *
 * Return: the first; @second gets the other one.
 */
uint8_t *sva_twice(unsigned nr, uint8_t **second);

/*
 * Another process: it runs @body on the device, opened and bound anew, and is
 * successful if that returns true.  What @body says is printed.
 */
typedef bool SvaBody(SvaDev *d, void *opaque);
int sva_fork(const char *path, SvaBody *body, void *opaque);
bool sva_join(int pid);

/* What a case is run with */
typedef struct SvaTest {
    const char *path;
    SvaDev dev;                     /* bound */
} SvaTest;

/* Cases: sva-pages.c, sva-unmap.c, sva-races.c */
bool sva_case_touched(SvaTest *t);
bool sva_case_untouched(SvaTest *t);
bool sva_case_zero_page(SvaTest *t);
bool sva_case_file_shared(SvaTest *t);
bool sva_case_file_private(SvaTest *t);
bool sva_case_fork(SvaTest *t);
bool sva_case_hugetlb(SvaTest *t);
bool sva_case_thp(SvaTest *t);
bool sva_case_five_levels(SvaTest *t);
bool sva_case_kernel(SvaTest *t);

bool sva_case_munmap(SvaTest *t);
bool sva_case_munmap_during(SvaTest *t);
bool sva_case_mprotect(SvaTest *t);
bool sva_case_dontneed(SvaTest *t);
bool sva_case_mremap(SvaTest *t);

bool sva_case_two_processes(SvaTest *t);
bool sva_case_one_page(SvaTest *t);
bool sva_case_threads(SvaTest *t);
bool sva_case_exit(SvaTest *t);
bool sva_case_unbind(SvaTest *t);
bool sva_case_beside(SvaTest *t);

/* Why a case has nothing to say here, or NULL */
extern const char *sva_skip;

#endif
