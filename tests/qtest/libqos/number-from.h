/*
 * Numbers that the environment sets
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_LIBQOS_NUMBER_FROM_H
#define QTEST_LIBQOS_NUMBER_FROM_H

#include "qemu/cutils.h"

/* Return: @otherwise if @variable is not set, or no number. */
static inline uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    uint64_t val;

    return text && !qemu_strtou64(text, NULL, 0, &val) ? val : otherwise;
}

#endif
