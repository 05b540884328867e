/*
 * nested-vtd-check: what was found, for people and for scripts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"

typedef struct Line {
    Result result;
    const char *check;
    char *subject;
    char *text;
    char *fix;
} Line;

static Line *lines;
static unsigned num_lines;

static void *must(void *pointer)
{
    if (!pointer) {
        fputs("nested-vtd-check: out of memory\n", stderr);
        exit(2);
    }
    return pointer;
}

void report(Result result, const char *check, const char *subject,
            const char *fix, const char *format, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);

    lines = must(realloc(lines, (num_lines + 1) * sizeof(*lines)));
    lines[num_lines++] = (Line) {
        .result = result,
        .check = check,
        .subject = must(strdup(subject)),
        .text = must(strdup(text)),
        .fix = fix ? must(strdup(fix)) : NULL,
    };
}

static unsigned count(Result result)
{
    unsigned n = 0;

    for (unsigned i = 0; i < num_lines; i++) {
        n += lines[i].result == result;
    }
    return n;
}

static void print_text(void)
{
    static const char *const names[] = { "INFO", "PASS", "WARN", "FAIL" };

    for (unsigned i = 0; i < num_lines; i++) {
        const Line *line = &lines[i];

        printf("%s  %s: %s\n", names[line->result], line->subject, line->text);
        if (line->fix) {
            printf("      fix: %s\n", line->fix);
        }
    }
    printf("%u passed, %u warnings, %u failed\n", count(CHECK_PASS),
           count(CHECK_WARN), count(CHECK_FAIL));
}

/* Sysfs holds what firmware says: escape all that JSON wants escaped. */
static void print_string(const char *name, const char *text, const char *end)
{
    printf("\"%s\": \"", name);
    for (; *text; text++) {
        unsigned char c = *text;

        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    printf("\"%s", end);
}

static void print_json(void)
{
    static const char *const names[] = { "info", "pass", "warn", "fail" };

    printf("{\n  \"checks\": [");
    for (unsigned i = 0; i < num_lines; i++) {
        const Line *line = &lines[i];

        printf("%s\n    { ", i ? "," : "");
        print_string("check", line->check, ", ");
        print_string("subject", line->subject, ", ");
        print_string("result", names[line->result], ", ");
        print_string("text", line->text, line->fix ? ", " : "");
        if (line->fix) {
            print_string("fix", line->fix, "");
        }
        printf(" }");
    }
    printf("\n  ],\n  \"passed\": %u, \"warnings\": %u, \"failed\": %u\n}\n",
           count(CHECK_PASS), count(CHECK_WARN), count(CHECK_FAIL));
}

unsigned report_print(bool json)
{
    if (json) {
        print_json();
    } else {
        print_text();
    }
    return count(CHECK_FAIL);
}
