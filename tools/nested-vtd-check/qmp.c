/*
 * nested-vtd-check: questions to a QEMU that runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Without "pretty", QMP is a line of JSON a message.  Answers are printed as
 * they are; events, which may come between them, are not.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "check.h"

#define ANSWER_SECONDS 10

static FILE *open_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = ANSWER_SECONDS };
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return NULL;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        int saved = errno;

        close(fd);
        errno = saved;
        return NULL;
    }
    return fdopen(fd, "r+");
}

/* The next line that is not an event.  Return: false if there is none. */
static bool next_answer(FILE *qmp, char **line, size_t *size)
{
    while (getline(line, size, qmp) > 0) {
        if (!strstr(*line, "\"event\": ")) {
            return true;
        }
    }
    return false;
}

static bool ask(FILE *qmp, const char *command, char **line, size_t *size)
{
    fprintf(qmp, "{\"execute\": \"%s\"}\n", command);
    fflush(qmp);
    return next_answer(qmp, line, size);
}

bool qmp_print(const char *socket, const char *const *commands)
{
    FILE *qmp = open_socket(socket);
    char *line = NULL;
    size_t size = 0;
    bool ok = false;

    if (!qmp) {
        fprintf(stderr, "nested-vtd-check: %s: %s; must be the socket of "
                "-qmp unix:FILE,server=on,wait=off\n", socket, strerror(errno));
        return false;
    }
    if (next_answer(qmp, &line, &size) &&
        ask(qmp, "qmp_capabilities", &line, &size)) {
        ok = true;
        for (unsigned i = 0; commands[i] && ok; i++) {
            ok = ask(qmp, commands[i], &line, &size);
            printf("%s: %s", commands[i], ok ? line : "no answer\n");
        }
    }
    if (!ok) {
        fprintf(stderr, "nested-vtd-check: %s: no answer in %d s; has another "
                "program this monitor?\n", socket, ANSWER_SECONDS);
    }
    free(line);
    fclose(qmp);
    return ok;
}
