/*
 * Loads the kernel that a Linux starts when it crashes (kdump), or starts one now
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What "kexec -p -s" of kexec-tools does, without the libraries that a guest of
 * an initramfs has not: kexec_file_load(2), for a kernel with "crashkernel=" on
 * its command line.  With --now what "kexec -s -l" and "kexec -e" do: the kernel
 * that runs shuts its devices down, and the other one starts.
 * usage: crash-kernel [--now] VMLINUZ INITRD COMMAND-LINE
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ON_CRASH 2UL                /* KEXEC_FILE_ON_CRASH */
#define START_LOADED 0x45584543     /* LINUX_REBOOT_CMD_KEXEC */

static int open_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        fprintf(stderr, "crash-kernel: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    bool now = argc > 1 && !strcmp(argv[1], "--now");
    int kernel, initrd;

    argv += now;
    if (argc - now != 4) {
        fprintf(stderr, "usage: crash-kernel [--now] VMLINUZ INITRD "
                "COMMAND-LINE\n");
        return 2;
    }
    kernel = open_file(argv[1]);
    initrd = open_file(argv[2]);
    if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1,
                argv[3], now ? 0 : ON_CRASH)) {
        fprintf(stderr, "crash-kernel: kexec_file_load: %s\n",
                strerror(errno));
        return 1;
    }
    if (now) {
        reboot(START_LOADED);
        fprintf(stderr, "crash-kernel: reboot: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
