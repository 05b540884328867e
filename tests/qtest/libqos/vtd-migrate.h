/*
 * A machine's state goes to a file, or comes from one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_LIBQOS_VTD_MIGRATE_H
#define QTEST_LIBQOS_VTD_MIGRATE_H

#include "../libqtest.h"

/* Saves the state, and waits until that is completed. */
void qvtd_save(QTestState *qts, const char *file);

/**
 * qvtd_load: Loads a state into a QEMU that was started with "-incoming defer".
 * @want: how that ends, "completed" or "failed"
 */
void qvtd_load(QTestState *qts, const char *file, const char *want);

/*
 * Return: of the reasons why the machine cannot migrate the first that has
 * @text, or NULL; g_free it.
 */
char *qvtd_blocked_by(QTestState *qts, const char *text);

#endif
