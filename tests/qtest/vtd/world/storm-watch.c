/*
 * What a hostile guest must not do to QEMU and to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqos/vtd.h"
#include "storm-watch.h"

#define CANARY          0xc5
#define CANARY_BYTES    (4 << 20)
#define CANARY_PAGES    (64 << 20)      /* of this program */
/*
 * The IOTLBs have a limit each, and the rest of what grows at first is the
 * allocator's; with the address sanitizer that includes what it quarantines.
 */
#define RSS_GROWTH_KIB  (48 * 1024)
/* Each message is printed once, or once a device. */
#define LOG_LINES       64

static bool is_canary(const uint8_t *data, size_t bytes)
{
    return data[0] == CANARY && !memcmp(data, data + 1, bytes - 1);
}

/* A process that aborts, of a sanitizer's finding for one, says why there. */
static void show_log(void *opaque)
{
    StormWatch *w = opaque;
    g_autofree char *text = NULL;

    if (w->log && g_file_get_contents(w->log, &text, NULL, NULL)) {
        fputs(text, stderr);
    }
}

char *storm_watch_init(StormWatch *w)
{
    g_autofree char *fill = g_malloc(CANARY_BYTES);
    g_autoptr(GError) err = NULL;

    *w = (StormWatch) {};
    close(g_file_open_tmp("vtd-storm-log-XXXXXX", &w->log, &err));
    g_assert_no_error(err);
    close(g_file_open_tmp("vtd-storm-canary-XXXXXX", &w->canary_file, &err));
    g_assert_no_error(err);
    memset(fill, CANARY, CANARY_BYTES);
    g_file_set_contents_full(w->canary_file, fill, CANARY_BYTES,
                             G_FILE_SET_CONTENTS_NONE, 0600, &err);
    g_assert_no_error(err);
    w->canary = g_malloc(CANARY_PAGES);
    memset(w->canary, CANARY, CANARY_PAGES);
    qtest_add_abrt_handler(show_log, w);
    /* The guest's own memory is there from the start, or it would count. */
    return g_strdup_printf("-mem-prealloc -object memory-backend-file,id=canary,size=%d,"
                           "share=on,prealloc=on,mem-path=%s 2>%s",
                           CANARY_BYTES, w->canary_file, w->log);
}

static int64_t rss_kib(QTestState *qts)
{
    return qvtd_process_status(qts, "VmRSS");
}

void storm_watch_start(StormWatch *w, QTestState *qts)
{
    w->rss_kib = rss_kib(qts);
}

static void check_log(StormWatch *w)
{
    g_autofree char *text = NULL;
    unsigned lines = 0;

    g_assert_true(g_file_get_contents(w->log, &text, NULL, NULL));
    for (const char *c = text; *c; c++) {
        lines += *c == '\n';
    }
    g_test_message("QEMU printed %u lines", lines);
    g_assert_cmpuint(lines, <, LOG_LINES);
    if (strstr(text, "runtime error:") || strstr(text, "ERROR: ")) {
        show_log(w);
        g_test_fail();
    }
}

void storm_watch_check(StormWatch *w, QTestState *qts)
{
    int64_t now = rss_kib(qts);
    g_autofree char *file = NULL;
    size_t bytes;

    g_test_message("QEMU's memory: %" PRId64 " KiB before, %" PRId64
                   " KiB after", w->rss_kib, now);
    g_assert_cmpint(now - w->rss_kib, <, RSS_GROWTH_KIB);
    g_assert_true(g_file_get_contents(w->canary_file, &file, &bytes, NULL));
    g_assert_cmpuint(bytes, ==, CANARY_BYTES);
    g_assert_true(is_canary((uint8_t *)file, bytes));
    g_assert_true(is_canary(w->canary, CANARY_PAGES));
    check_log(w);
}

void storm_watch_end(StormWatch *w)
{
    qtest_remove_abrt_handler(w);
    unlink(w->log);
    unlink(w->canary_file);
    g_free(w->log);
    g_free(w->canary_file);
    g_free(w->canary);
}
