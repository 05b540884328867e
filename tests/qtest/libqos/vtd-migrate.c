/*
 * A machine's state goes elsewhere, or comes from there
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
#define FILE_POLLS      3000

char *qvtd_migration_string(QTestState *qts, const char *key)
{
    QDict *reply = qtest_qmp(qts, "{'execute': 'query-migrate'}");
    QDict *info = qdict_get_qdict(reply, "return");
    char *value = g_strdup(qdict_get_try_str(info, key) ?: "");

    qobject_unref(reply);
    return value;
}

bool qvtd_migration_ended(QTestState *qts)
{
    g_autofree char *status = qvtd_migration_string(qts, "status");

    return g_str_equal(status, "completed") || g_str_equal(status, "failed");
}

void qvtd_await_migration(QTestState *qts, const char *want, unsigned polls)
{
    g_autofree char *status = NULL;
    unsigned done = 0;

    while (!qvtd_migration_ended(qts) && has_patience(&done, polls)) {
        g_usleep(POLL_US);
    }
    status = qvtd_migration_string(qts, "status");
    if (!g_str_equal(status, want)) {
        g_autofree char *why = qvtd_migration_string(qts, "error-desc");

        g_test_message("migration %s: %s", status, why);
    }
    g_assert_cmpstr(status, ==, want);
}

void qvtd_await_running(QTestState *qts, unsigned polls)
{
    unsigned done = 0;
    bool running;

    do {
        QDict *reply = qtest_qmp(qts, "{'execute': 'query-status'}");

        running = qdict_get_bool(qdict_get_qdict(reply, "return"), "running");
        qobject_unref(reply);
        g_usleep(POLL_US);
    } while (!running && has_patience(&done, polls));
}

void qvtd_save(QTestState *qts, const char *file)
{
    g_autofree char *uri = g_strdup_printf("file:%s", file);

    qtest_qmp_assert_success(qts, "{'execute': 'migrate', 'arguments': "
                             "{'uri': %s}}", uri);
    qvtd_await_migration(qts, "completed", FILE_POLLS);
}

void qvtd_load(QTestState *qts, const char *file, const char *want)
{
    g_autofree char *uri = g_strdup_printf("file:%s", file);

    qvtd_load_uri(qts, uri, want);
}

void qvtd_load_uri(QTestState *qts, const char *uri, const char *want)
{
    qtest_qmp_assert_success(qts, "{'execute': 'migrate-incoming', "
                             "'arguments': {'uri': %s, 'exit-on-error': "
                             "false}}", uri);
    qvtd_await_migration(qts, want, FILE_POLLS);
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
