/*
 * Programs whose tests are rows of tables
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_QTEST_VTD_ROWS_H
#define TESTS_QTEST_VTD_ROWS_H

/* The program's: adds all its tests. */
void add_tests(void);

void qtest_add_row(const char *prefix, const char *name, const void *row,
                   GTestDataFunc test);

/* All of a table, whose rows have a name */
#define qtest_add_rows(prefix, rows, test)                                  \
    do {                                                                    \
        for (size_t i_ = 0; i_ < ARRAY_SIZE(rows); i_++) {                  \
            qtest_add_row(prefix, (rows)[i_].name, &(rows)[i_], test);      \
        }                                                                   \
    } while (0)

#endif
