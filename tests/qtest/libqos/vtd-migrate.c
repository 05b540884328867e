/*
 * A machine's state goes to a file, or comes from one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "patience.h"
#include "vtd-migrate.h"

#define POLL_US         10000
#define PATIENCE        3000        /* polls */

/* Return: "completed", "failed" ... */
static char *migration_status(QTestState *qts)
{
    QDict *reply = qtest_qmp(qts, "{'execute': 'query-migrate'}");
    QDict *info = qdict_get_qdict(reply, "return");
    char *status = g_strdup(qdict_get_try_str(info, "status") ?: "none");

    qobject_unref(reply);
    return status;
}

static void check_migration(QTestState *qts, const char *want)
{
    unsigned polls = 0;
    char *status = migration_status(qts);

    while (!g_str_equal(status, "completed") &&
           !g_str_equal(status, "failed") && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
        g_free(status);
        status = migration_status(qts);
    }
    g_assert_cmpstr(status, ==, want);
    g_free(status);
}

void qvtd_save(QTestState *qts, const char *file)
{
    g_autofree char *uri = g_strdup_printf("file:%s", file);

    qtest_qmp_assert_success(qts, "{'execute': 'migrate', 'arguments': "
                             "{'uri': %s}}", uri);
    check_migration(qts, "completed");
}

void qvtd_load(QTestState *qts, const char *file, const char *want)
{
    g_autofree char *uri = g_strdup_printf("file:%s", file);

    qtest_qmp_assert_success(qts, "{'execute': 'migrate-incoming', "
                             "'arguments': {'uri': %s, 'exit-on-error': "
                             "false}}", uri);
    check_migration(qts, want);
}

char *qvtd_blocked_by(QTestState *qts, const char *text)
{
    QDict *reply = qtest_qmp(qts, "{'execute': 'query-migrate'}");
    QDict *info = qdict_get_qdict(reply, "return");
    const QListEntry *entry;
    char *found = NULL;

    if (qdict_haskey(info, "blocked-reasons")) {
        QLIST_FOREACH_ENTRY(qdict_get_qlist(info, "blocked-reasons"), entry) {
            const char *reason = qstring_get_str(
                qobject_to(QString, qlist_entry_obj(entry)));

            if (!found && strstr(reason, text)) {
                found = g_strdup(reason);
            }
        }
    }
    qobject_unref(reply);
    return found;
}
