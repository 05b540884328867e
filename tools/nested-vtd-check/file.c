/*
 * nested-vtd-check: files of sysfs and procfs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check.h"

bool read_line(char *line, size_t size, const char *format, ...)
{
    char path[PATH_SIZE];
    va_list ap;
    FILE *file;
    bool ok;

    va_start(ap, format);
    vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    file = fopen(path, "r");
    if (!file) {
        return false;
    }
    ok = fgets(line, size, file);
    fclose(file);
    if (ok) {
        line[strcspn(line, "\n")] = '\0';
    }
    return ok;
}

bool read_link(char *name, size_t size, const char *format, ...)
{
    char path[PATH_SIZE], target[PATH_SIZE];
    const char *slash;
    va_list ap;
    ssize_t len;

    va_start(ap, format);
    vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    len = readlink(path, target, sizeof(target) - 1);
    if (len < 0) {
        return false;
    }
    target[len] = '\0';
    slash = strrchr(target, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : target);
    return true;
}

bool exists(const char *format, ...)
{
    char path[PATH_SIZE];
    va_list ap;

    va_start(ap, format);
    vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    return !access(path, F_OK);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

void each_entry(const char *dir, void (*each)(const char *name, void *opaque),
                void *opaque)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, not_hidden, alphasort);

    for (int i = 0; i < count; i++) {
        each(entries[i]->d_name, opaque);
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}
