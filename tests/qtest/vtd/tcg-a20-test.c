/*
 * The A20 gate, which one vCPU switches while another uses its TLB
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A firmware of a few instructions: the first vCPU writes and reads pages all
 * the time, the second one writes port 92h.  The addresses are the same whatever
 * A20 is.
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/patience.h"

#define FIRMWARE_SIZE   0x10000u
#define SECOND_VCPU     0x1000u     /* in it; the vector of the SIPI says so */
#define RESET           0xfff0u
#define RESULT          0x500u
#define BAD_SEGMENT     0x502u
#define SWITCHED        0x600u      /* by the second vCPU, twice each */
#define PASSED          0x4b4fu     /* "OK" */
#define POLL_US         1000
#define PATIENCE        120000      /* polls */

static const uint8_t first_vcpu[] = {
    0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00,     /* mov $0x1b, %ecx: APIC base */
    0x0f, 0x32,                             /* rdmsr */
    0x66, 0x0d, 0x00, 0x04, 0x00, 0x00,     /* or $0x400, %eax: x2APIC */
    0x0f, 0x30,                             /* wrmsr */
    0x66, 0xb9, 0x30, 0x08, 0x00, 0x00,     /* mov $0x830, %ecx: ICR */
    0x66, 0x31, 0xd2,                       /* xor %edx, %edx */
    0x66, 0xb8, 0xf1, 0x46, 0x0c, 0x00,     /* mov $0xc46f1, %eax: SIPI */
    0x0f, 0x30,                             /* wrmsr */
    0x31, 0xc0,                             /* xor %ax, %ax */
    0x8e, 0xc0,                             /* mov %ax, %es */
    /* 1: */
    0xbb, 0x00, 0x10,                       /* mov $0x1000, %bx */
    /* 2: each page from 0x10000 to 0x8ffff gets its own segment */
    0x8e, 0xdb,                             /* mov %bx, %ds */
    0x89, 0x1e, 0x00, 0x00,                 /* mov %bx, %ds:0 */
    0x81, 0xc3, 0x00, 0x01,                 /* add $0x100, %bx */
    0x81, 0xfb, 0x00, 0x90,                 /* cmp $0x9000, %bx */
    0x75, 0xf0,                             /* jne 2b */
    0xbb, 0x00, 0x10,                       /* mov $0x1000, %bx */
    /* 3: and still has it */
    0x8e, 0xdb,                             /* mov %bx, %ds */
    0x39, 0x1e, 0x00, 0x00,                 /* cmp %bx, %ds:0 */
    0x75, 0x1e,                             /* jne 4f */
    0x81, 0xc3, 0x00, 0x01,                 /* add $0x100, %bx */
    0x81, 0xfb, 0x00, 0x90,                 /* cmp $0x9000, %bx */
    0x75, 0xee,                             /* jne 3b */
    0x26, 0x66, 0x81, 0x3e, 0x00, 0x06,     /* cmpl $1000000, %es:SWITCHED */
    0x40, 0x42, 0x0f, 0x00,
    0x72, 0xcc,                             /* jb 1b */
    0x26, 0xc7, 0x06, 0x00, 0x05, 0x4f, 0x4b,   /* movw $PASSED, %es:RESULT */
    0xf4,                                   /* hlt */
    /* 4: */
    0x26, 0x89, 0x1e, 0x02, 0x05,           /* mov %bx, %es:BAD_SEGMENT */
    0x26, 0xc7, 0x06, 0x00, 0x05, 0x4e, 0x4f,   /* movw $"NO", %es:RESULT */
    0xf4,                                   /* hlt */
};

static const uint8_t second_vcpu[] = {
    0x31, 0xc0,                             /* xor %ax, %ax */
    0x8e, 0xd8,                             /* mov %ax, %ds */
    0xb0, 0x00,                             /* 1: mov $0, %al */
    0xe6, 0x92,                             /* out %al, $0x92 */
    0xb0, 0x02,                             /* mov $2, %al: A20 */
    0xe6, 0x92,                             /* out %al, $0x92 */
    0x66, 0xff, 0x06, 0x00, 0x06,           /* incl %ds:SWITCHED */
    0xeb, 0xf1,                             /* jmp 1b */
};

static const uint8_t reset[] = {
    0xea, 0x00, 0x00, 0x00, 0xf0,           /* ljmp $0xf000, $0 */
};

static char *write_firmware(void)
{
    g_autofree uint8_t *image = g_malloc0(FIRMWARE_SIZE);
    g_autoptr(GError) error = NULL;
    char *name = NULL;
    int fd = g_file_open_tmp("nested-vtd-a20-XXXXXX", &name, &error);

    g_assert_no_error(error);
    close(fd);
    memcpy(image, first_vcpu, sizeof(first_vcpu));
    memcpy(image + SECOND_VCPU, second_vcpu, sizeof(second_vcpu));
    memcpy(image + RESET, reset, sizeof(reset));
    g_file_set_contents(name, (const char *)image, FIRMWARE_SIZE, &error);
    g_assert_no_error(error);
    return name;
}

static void test_other_vcpu(void)
{
    g_autofree char *firmware = write_firmware();
    QTestState *qts = qtest_initf("-machine q35 -accel tcg,thread=multi "
                                  "-cpu max,+x2apic -smp 2 -m 64M "
                                  "-nodefaults -bios %s", firmware);
    unsigned polls = 0;

    while (!qtest_readw(qts, RESULT) && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    g_test_message("A20 was switched off and on %u times",
                   qtest_readl(qts, SWITCHED));
    g_assert_cmphex(qtest_readw(qts, BAD_SEGMENT), ==, 0);
    g_assert_cmphex(qtest_readw(qts, RESULT), ==, PASSED);
    qtest_quit(qts);
    unlink(firmware);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!qtest_has_accel("tcg")) {
        g_test_skip("QEMU is built without TCG");
        return 0;
    }
    qtest_add_func("/a20/other-vcpu", test_other_vcpu);
    return g_test_run();
}
