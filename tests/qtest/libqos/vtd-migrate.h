/*
 * A machine's state goes elsewhere, or comes from there
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_LIBQOS_VTD_MIGRATE_H
#define QTEST_LIBQOS_VTD_MIGRATE_H

#include "../libqtest.h"

/* Of query-migrate's answer, "" if it has no @key; g_free it. */
char *qvtd_migration_string(QTestState *qts, const char *key);
bool qvtd_migration_ended(QTestState *qts);

/* These look every 10 ms, @polls times at most: until the migration ended ... */
void qvtd_await_migration(QTestState *qts, const char *want, unsigned polls);
/* ... and until vCPUs run. */
void qvtd_await_running(QTestState *qts, unsigned polls);

/* Saves the state to a file, and waits until that is completed. */
void qvtd_save(QTestState *qts, const char *file);

/**
 * qvtd_load: Loads a state into a QEMU that was started with "-incoming defer".
 * @want: how that ends, "completed" or "failed"
 */
void qvtd_load(QTestState *qts, const char *file, const char *want);
/* The same, from where @uri says, as "migrate-incoming" has it */
void qvtd_load_uri(QTestState *qts, const char *uri, const char *want);

/*
 * Return: of the reasons why the machine cannot migrate the first that has
 * @text, or NULL; g_free it.
 */
char *qvtd_blocked_by(QTestState *qts, const char *text);

#endif
