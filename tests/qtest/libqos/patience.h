/*
 * Loops that wait for something, and give up
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_LIBQOS_PATIENCE_H
#define QTEST_LIBQOS_PATIENCE_H

/*
 * For the condition of a loop that polls.  A failed assertion does not end a case
 * where others shall follow it: so the loop must end, too.
 *
 * Return: false, and the case has failed, when it was called @limit times.
 */
static inline bool has_patience(unsigned *polls, unsigned limit)
{
    g_assert_cmpuint(*polls, <, limit);
    return (*polls)++ < limit;
}

#endif
