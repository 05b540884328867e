/*
 * What a hostile guest must not do to QEMU and to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_VTD_STORM_WATCH_H
#define QTEST_VTD_STORM_WATCH_H

#include "libqtest.h"

typedef struct StormWatch {
    char *log;              /* the file that QEMU's stderr goes to */
    char *canary_file;      /* memory of QEMU's that is not the guest's */
    uint8_t *canary;        /* memory of this program */
    int64_t rss_kib;
} StormWatch;

/**
 * storm_watch_init: Before QEMU starts.
 *
 * Return: options for QEMU; g_free it.
 */
char *storm_watch_init(StormWatch *w);
/* Remembers how much memory QEMU has. */
void storm_watch_start(StormWatch *w, QTestState *qts);
/* Asserts that memory and log stayed bounded, and the canaries as they were. */
void storm_watch_check(StormWatch *w, QTestState *qts);
/* After QEMU has ended */
void storm_watch_end(StormWatch *w);

#endif
