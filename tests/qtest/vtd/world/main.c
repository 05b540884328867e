/*
 * The main of a program with rows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "rows.h"

void qtest_add_row(const char *prefix, const char *name, const void *row,
                   GTestDataFunc test)
{
    g_autofree char *path = g_strdup_printf("%s/%s", prefix, name);

    qtest_add_data_func(path, row, test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests();
    return g_test_run();
}
