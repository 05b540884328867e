/*
 * Guests of KVM on an emulated SVM: what a hypervisor may rely on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Guests of a few instructions, in real mode and without any device, run by
 * /dev/kvm of the host VM.  Prints TAP.  Requires two processors.
 *
 * usage: svm-guest [ROUNDS [CONFIG]]
 * CONFIG: the file in sysfs of a PCI device's configuration space, which has a BAR
 * of memory and no driver
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kvm.h>

/* Of the guest's memory, which begins at 0; the vector table is at 0. */
#define MEMORY      0x10000u
#define HANDLER     0x800u          /* of every vector */
#define CODE        0x1000u
#define WITNESS     0x2000u         /* a byte that the guest stores */
#define STACK       0x4000u
#define MMIO        0x80000u        /* DS is based here: nothing is there */
#define MMIO_READ   4u              /* what the guest reads, beyond it */

#define IRQ_HANDLER 0x900u          /* of IRQ_VECTOR: a second one finds BUSY */
#define IRQ_VECTOR  0x30u
#define BUSY        0x2000u         /* a byte */
#define TAKEN       0x2002u         /* a word: how many interrupts */
#define NESTED      0x2004u         /* a byte: one came while BUSY */
#define IRQS        500u

#define EXITS       1000u           /* of the guest, in a round */
#define ROUNDS      100u
#define SAY         10u             /* rounds from one sign of life to the next */

typedef struct Guest {
    int kvm, vm, vcpu;
    uint8_t *memory;
    struct kvm_run *run;
    size_t run_size;
} Guest;

/* What went wrong in a case, for its TAP line */
static char why[200];
static unsigned rounds = ROUNDS;

#define CHECK(cond, ...) do { \
        if (!(cond)) { \
            snprintf(why, sizeof(why), __VA_ARGS__); \
            return false; \
        } \
    } while (0)

/* The guest: its code goes where it starts. */

static const uint8_t handler_code[] = {
    0xb0, 0x01,                     /* mov $1, %al */
    0xcf,                           /* iret */
};

/* What the exceptions need is mapped before: they are delivered at once. */
static const uint8_t touch_code[] = {
    0x26, 0xa0, 0x00, 0x00,         /* mov %es:0, %al */
    0x50,                           /* push %ax */
    0x58,                           /* pop %ax */
};

static const uint8_t write_code[] = {
    0xb0, 0x5a,                     /* mov $0x5a, %al */
    0xa2, 0x00, 0x00,               /* mov %al, %ds:0 */
};

static const uint8_t read_code[] = {
    0xa0, MMIO_READ, 0x00,          /* mov %ds:4, %al */
    0x26, 0xa2, 0x00, 0x20,         /* mov %al, %es:0x2000 */
    0xf4,                           /* hlt */
};

static const uint8_t exits_code[] = {
    0x66, 0xbe, EXITS & 0xff, EXITS >> 8, 0, 0,     /* mov $EXITS, %esi */
    0x66, 0x31, 0xc0,               /* 1: xor %eax, %eax */
    0x0f, 0xa2,                     /* cpuid */
    0x66, 0x4e,                     /* dec %esi */
    0x75, 0xf7,                     /* jnz 1b */
    0xf4,                           /* hlt */
    0xeb, 0xee,                     /* jmp to the begin */
};

/* Long enough for the other processor to change the memory map meanwhile */
static const uint8_t irq_handler_code[] = {
    0x26, 0x80, 0x3e, BUSY & 0xff, BUSY >> 8, 0,    /* cmpb $0, %es:BUSY */
    0x75, 0x1b,                                     /* jne 1f */
    0x26, 0xfe, 0x06, BUSY & 0xff, BUSY >> 8,       /* incb %es:BUSY */
    0xb3, 0x40,                                     /* mov $0x40, %bl */
    0xb9, 0x00, 0x40,                               /* 2: mov $0x4000, %cx */
    0xe2, 0xfe,                                     /* loop . */
    0xfe, 0xcb,                                     /* dec %bl */
    0x75, 0xf7,                                     /* jne 2b */
    0x26, 0xfe, 0x0e, BUSY & 0xff, BUSY >> 8,       /* decb %es:BUSY */
    0x26, 0xff, 0x06, TAKEN & 0xff, TAKEN >> 8,     /* incw %es:TAKEN */
    0xcf,                                           /* iret */
    0x26, 0xc6, 0x06, NESTED & 0xff, NESTED >> 8, 1, /* 1: movb $1, %es:NESTED */
    0xcf,                                           /* iret */
};

static const uint8_t wait_code[] = {
    0xfb,                           /* sti */
    0xe6, 0x80,                     /* 1: out %al, $0x80 */
    0xeb, 0xfc,                     /* jmp 1b */
};

/* Return: where the next code goes. */
static uint8_t *put_code(uint8_t *at, const uint8_t *code, size_t size)
{
    memcpy(at, code, size);
    return at + size;
}

static void fill_vectors(Guest *guest)
{
    unsigned vector;

    for (vector = 0; vector < 256; vector++) {
        guest->memory[vector * 4] = HANDLER & 0xff;
        guest->memory[vector * 4 + 1] = HANDLER >> 8;
    }
    put_code(guest->memory + HANDLER, handler_code, sizeof(handler_code));
}

/* Its processor, as KVM has it */

static bool set_registers(Guest *guest)
{
    struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = 2 };
    struct kvm_sregs sregs;
    int ret = ioctl(guest->vcpu, KVM_GET_SREGS, &sregs);

    CHECK(!ret, "KVM_GET_SREGS: %s", strerror(errno));
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    sregs.ds.base = MMIO;
    sregs.ds.selector = MMIO >> 4;
    ret = ioctl(guest->vcpu, KVM_SET_SREGS, &sregs);
    CHECK(!ret, "KVM_SET_SREGS: %s", strerror(errno));
    ret = ioctl(guest->vcpu, KVM_SET_REGS, &regs);
    CHECK(!ret, "KVM_SET_REGS: %s", strerror(errno));
    return true;
}

static bool map_guest(Guest *guest)
{
    struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
    int size;

    guest->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(guest->memory != MAP_FAILED, "mmap: %s", strerror(errno));
    region.userspace_addr = (uintptr_t)guest->memory;
    CHECK(!ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region),
          "KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
    guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
    CHECK(guest->vcpu >= 0, "KVM_CREATE_VCPU: %s", strerror(errno));
    size = ioctl(guest->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    CHECK(size > 0, "KVM_GET_VCPU_MMAP_SIZE: %s", strerror(errno));
    guest->run_size = size;
    guest->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                      guest->vcpu, 0);
    CHECK(guest->run != MAP_FAILED, "mmap of the vCPU: %s", strerror(errno));
    return true;
}

/* @apic: KVM has the interrupt controllers. */
static bool open_guest(Guest *guest, bool apic)
{
    guest->kvm = open("/dev/kvm", O_RDWR);
    CHECK(guest->kvm >= 0, "/dev/kvm: %s", strerror(errno));
    guest->vm = ioctl(guest->kvm, KVM_CREATE_VM, 0);
    CHECK(guest->vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
    CHECK(!apic || !ioctl(guest->vm, KVM_CREATE_IRQCHIP, 0),
          "KVM_CREATE_IRQCHIP: %s", strerror(errno));
    if (!map_guest(guest)) {
        return false;
    }
    fill_vectors(guest);
    return set_registers(guest);
}

static void close_guest(Guest *guest)
{
    if (guest->run && guest->run != MAP_FAILED) {
        munmap(guest->run, guest->run_size);
    }
    close(guest->vcpu);
    close(guest->vm);
    close(guest->kvm);
    if (guest->memory && guest->memory != MAP_FAILED) {
        munmap(guest->memory, MEMORY);
    }
}

static bool run_until_exit(Guest *guest, uint32_t reason)
{
    struct kvm_run *run = guest->run;
    int ret;

    do {
        ret = ioctl(guest->vcpu, KVM_RUN, 0);
    } while (ret && errno == EINTR);
    CHECK(!ret, "KVM_RUN: %s", strerror(errno));
    CHECK(run->exit_reason == reason, "exit %u, required is %u; suberror %u",
          run->exit_reason, reason,
          run->exit_reason == KVM_EXIT_INTERNAL_ERROR ? run->internal.suberror
                                                      : 0);
    return true;
}

/* Cases: an exception of the guest's own, and then an MMIO access */

typedef struct Exception {
    const char *name;
    uint8_t code[8];
    uint8_t size;
} Exception;

static const Exception exceptions[] = {
    { "int3", { 0xcc }, 1 },
    { "int-n", { 0xcd, 0x20 }, 2 },
    /* xor %ah, %ah; xor %al, %al; div %al: the handler makes it 1 by 1. */
    { "divide", { 0x30, 0xe4, 0x30, 0xc0, 0xf6, 0xf0 }, 6 },
};

static bool run_mmio(const Exception *exception, Guest *guest)
{
    struct kvm_run *run;
    uint8_t *at;

    if (!open_guest(guest, false)) {
        return false;
    }
    at = put_code(guest->memory + CODE, touch_code, sizeof(touch_code));
    at = put_code(at, exception->code, exception->size);
    at = put_code(at, write_code, sizeof(write_code));
    at = put_code(at, exception->code, exception->size);
    put_code(at, read_code, sizeof(read_code));
    run = guest->run;

    if (!run_until_exit(guest, KVM_EXIT_MMIO)) {
        return false;
    }
    CHECK(run->mmio.is_write && run->mmio.phys_addr == MMIO &&
          run->mmio.data[0] == 0x5a, "the write is one of 0x%02x at 0x%llx",
          run->mmio.data[0], (unsigned long long)run->mmio.phys_addr);
    if (!run_until_exit(guest, KVM_EXIT_MMIO)) {
        return false;
    }
    CHECK(!run->mmio.is_write && run->mmio.phys_addr == MMIO + MMIO_READ,
          "the read is at 0x%llx", (unsigned long long)run->mmio.phys_addr);
    run->mmio.data[0] = 0xc3;
    if (!run_until_exit(guest, KVM_EXIT_HLT)) {
        return false;
    }
    CHECK(guest->memory[WITNESS] == 0xc3, "the guest read 0x%02x, not 0xc3",
          guest->memory[WITNESS]);
    return true;
}

/* A case: exits on one processor, FPU states restored on the other */

static bool pin(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    CHECK(!sched_setaffinity(0, sizeof(set), &set), "processor %u: %s", cpu,
          strerror(errno));
    return true;
}

static bool stop;

/* Return: how many thousands, or none where it has said why. */
static void *restore_fpu(void *unused)
{
    struct { uint32_t word[7]; } env;
    uintptr_t thousands = 0;
    unsigned i;

    if (!pin(1)) {
        return NULL;
    }
    asm volatile("fnstenv %0" : "=m"(env));
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        for (i = 0; i < 1000; i++) {
            asm volatile("fldenv %0" : : "m"(env));
        }
        thousands++;
    }
    return (void *)thousands;
}

static bool run_rounds(Guest *guest)
{
    struct kvm_regs regs;
    unsigned round;

    for (round = 1; round <= rounds; round++) {
        if (!run_until_exit(guest, KVM_EXIT_HLT)) {
            return false;
        }
        CHECK(!ioctl(guest->vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS: %s",
              strerror(errno));
        CHECK(regs.rsi == 0 && regs.rip == CODE + sizeof(exits_code) - 2,
              "round %u ended at 0x%llx with %llu exits left", round,
              (unsigned long long)regs.rip, (unsigned long long)regs.rsi);
        if (round % SAY == 0) {
            printf("# %u exits\n", round * EXITS);
        }
    }
    return true;
}

/* @beside returns how much of @what it did, or NULL where it has said why. */
static bool run_beside(void *(*beside)(void *), const char *what,
                       bool (*body)(Guest *), Guest *guest)
{
    pthread_t thread;
    void *count;
    bool done;
    int ret;

    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    ret = pthread_create(&thread, NULL, beside, NULL);
    CHECK(!ret, "thread: %s", strerror(ret));
    done = body(guest);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, &count);
    printf("# %lu %s meanwhile\n", (unsigned long)(uintptr_t)count, what);
    return done && count;
}

static bool run_beside_fpu(const Exception *unused, Guest *guest)
{
    if (!open_guest(guest, false) || !pin(0)) {
        return false;
    }
    put_code(guest->memory + CODE, exits_code, sizeof(exits_code));
    return run_beside(restore_fpu, "thousand FPU states restored", run_rounds,
                      guest);
}

/*
 * A case: interrupts that KVM injects, while the other processor has QEMU change
 * the memory map, for which each processor leaves its loop.
 */

static const char *config_file;

/* Return: how many changes, or none where it has said why. */
static void *change_memory_map(void *unused)
{
    int fd = open(config_file, O_RDWR);
    uintptr_t changes = 0;
    uint16_t command;

    if (!pin(1) || fd < 0) {
        printf("# %s: %s\n", config_file, strerror(errno));
        return NULL;
    }
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        command = changes % 2 ? 0 : 2;
        if (pwrite(fd, &command, sizeof(command), 4) != sizeof(command)) {
            printf("# %s: %s\n", config_file, strerror(errno));
            return NULL;
        }
        changes++;
    }
    close(fd);
    return (void *)changes;
}

#define APIC_ISR    0x100           /* 8 registers, 16 bytes apart */
#define APIC_SPIV   0xf0
#define APIC_ENABLE 0x1ff

/* No interrupt is in service: the handler makes no access to its APIC. */
static bool clear_apic(Guest *guest)
{
    struct kvm_lapic_state apic;
    const uint32_t enable = APIC_ENABLE;

    CHECK(!ioctl(guest->vcpu, KVM_GET_LAPIC, &apic), "KVM_GET_LAPIC: %s",
          strerror(errno));
    memset(apic.regs + APIC_ISR, 0, 8 * 16);
    memcpy(apic.regs + APIC_SPIV, &enable, sizeof(enable));
    CHECK(!ioctl(guest->vcpu, KVM_SET_LAPIC, &apic), "KVM_SET_LAPIC: %s",
          strerror(errno));
    return true;
}

static bool inject_interrupts(Guest *guest)
{
    struct kvm_msi msi = { .address_lo = 0xfee00000, .data = IRQ_VECTOR };
    unsigned i, taken;

    for (i = 0; i <= IRQS; i++) {
        if (!run_until_exit(guest, KVM_EXIT_IO) || !clear_apic(guest)) {
            return false;
        }
        taken = guest->memory[TAKEN] | guest->memory[TAKEN + 1] << 8;
        CHECK(!guest->memory[NESTED], "interrupt %u came twice, in its handler",
              i);
        CHECK(taken == i, "the guest took %u interrupts of %u", taken, i);
        CHECK(i == IRQS || ioctl(guest->vm, KVM_SIGNAL_MSI, &msi) == 1,
              "KVM_SIGNAL_MSI: %s", strerror(errno));
    }
    return true;
}

static bool run_beside_changes(const Exception *unused, Guest *guest)
{
    if (!open_guest(guest, true) || !pin(0)) {
        return false;
    }
    guest->memory[IRQ_VECTOR * 4] = IRQ_HANDLER & 0xff;
    guest->memory[IRQ_VECTOR * 4 + 1] = IRQ_HANDLER >> 8;
    put_code(guest->memory + IRQ_HANDLER, irq_handler_code,
             sizeof(irq_handler_code));
    put_code(guest->memory + CODE, wait_code, sizeof(wait_code));
    return run_beside(change_memory_map, "changes of the memory map",
                      inject_interrupts, guest);
}

/* Return: 1 if the case failed. */
static unsigned run_case(const char *what, const char *name,
                         bool (*body)(const Exception *, Guest *),
                         const Exception *exception)
{
    Guest guest = { .kvm = -1, .vm = -1, .vcpu = -1 };
    static unsigned number;
    bool passed;

    passed = body(exception, &guest);
    close_guest(&guest);
    printf("%s %u - %s%s%s%s\n", passed ? "ok" : "not ok", ++number, what, name,
           passed ? "" : ": ", passed ? "" : why);
    return !passed;
}

int main(int argc, char **argv)
{
    unsigned n, failed = 0, count = sizeof(exceptions) / sizeof(exceptions[0]);

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        rounds = strtoul(argv[1], NULL, 0);
    }
    config_file = argc > 2 ? argv[2] : NULL;
    printf("1..%u\n", count + 1 + !!config_file);
    for (n = 0; n < count; n++) {
        failed += run_case("mmio-after/", exceptions[n].name, run_mmio,
                           &exceptions[n]);
    }
    failed += run_case("exits-beside-fpu", "", run_beside_fpu, NULL);
    if (config_file) {
        failed += run_case("interrupts-beside-changes", "", run_beside_changes,
                           NULL);
    }
    return failed != 0;
}
