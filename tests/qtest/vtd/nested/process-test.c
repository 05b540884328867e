/*
 * intel-iommu,nested=on: QEMU as a process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs, and root.  QEMU ends in several
 * ways while its device is on a nested HWPT, and runs as a user without rights
 * on files that it is given.  What the host counts is as before after each:
 *
 *  - the device's PASID entry;
 *  - pages pinned (each page of an IOAS), pages of page tables (each HWPT but
 *    nested ones) and domain-ids, which nested HWPTs take as well; nothing else
 *    in the host pins any;
 *  - the device's file: its driver could not be unbound if it was open;
 *  - and the kernel has nothing to say that is a warning or worse.
 *
 * Called as "--as-nobody ARGS", the program becomes QEMU, as user nobody.
 */

#include "qemu/osdep.h"
#include <grp.h>
#include <sys/resource.h>
#include "qobject/qdict.h"
#include "nested-steps.h"

#define NOBODY          65534
#define AS_NOBODY       "--as-nobody"
#define NOBODY_QEMU     "NVTD_NOBODY_QEMU"      /* variable for libqtest */
#define NOBODY_MEMLOCK  "NVTD_NOBODY_MEMLOCK"   /* bytes */

#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3"

#define SANDBOX "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny," \
                "resourcecontrol=deny"

static int become_nobody(char **argv)
{
    const char *bytes = getenv(NOBODY_MEMLOCK) ?: "0";
    const char *qemu = getenv("QTEST_QEMU_BINARY");
    rlim_t memlock = g_ascii_strtoull(bytes, NULL, 10);
    struct rlimit limit = { .rlim_cur = memlock, .rlim_max = memlock };

    if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
        setgid(NOBODY) || setuid(NOBODY)) {
        perror(AS_NOBODY);
        return 1;
    }
    argv[1] = (char *)qemu;
    execv(qemu, argv + 1);
    perror(qemu);
    return 1;
}

/* Before libqtest starts QEMU as nobody */
static void prepare_nobody(uint64_t memlock)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *command = g_strdup_printf("%s " AS_NOBODY, self);
    g_autofree char *bytes = g_strdup_printf("%" PRIu64, memlock);

    g_setenv(NOBODY_QEMU, command, true);
    g_setenv(NOBODY_MEMLOCK, bytes, true);
    /* QEMU connects to libqtest's sockets. */
    umask(0);
}

/* What the host counts */

typedef struct HostState {
    VTDHostEntry entry;
    VTDHostObjects objects;
} HostState;

static HostState host_state(const char *bdf)
{
    return (HostState) {
        .entry = vtd_host_entry(bdf), .objects = vtd_host_objects(),
    };
}

static void check_same(const HostState *a, const HostState *b)
{
    g_assert_cmpint(a->entry.present, ==, b->entry.present);
    g_assert_cmpuint(a->entry.pgtt, ==, b->entry.pgtt);
    g_assert_cmpuint(a->entry.domain_id, ==, b->entry.domain_id);
    g_assert_cmphex(a->entry.stage1, ==, b->entry.stage1);
    g_assert_cmphex(a->entry.stage2, ==, b->entry.stage2);
    vtd_host_check_objects(&a->objects, &b->objects);
}

static void write_sysfs(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    close(fd);
}

/* The kernel waits for all files of the device. */
static void rebind(const char *bdf)
{
    write_sysfs("/sys/bus/pci/drivers/vfio-pci/unbind", bdf);
    write_sysfs("/sys/bus/pci/drivers/vfio-pci/bind", bdf);
}

/* The kernel's log from now on */
static int kmsg_open(void)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(lseek(fd, 0, SEEK_END), >=, 0);
    return fd;
}

static void kmsg_check(int fd)
{
    const int warning = 4;
    char record[8192];
    ssize_t len;

    /* Each read is a record: "PRIORITY,SEQUENCE,...;TEXT" */
    while ((len = read(fd, record, sizeof(record) - 1)) > 0) {
        record[len] = 0;
        g_test_message("kernel: %s", record);
        g_assert_cmpint(atoi(record) & 7, >, warning);
    }
    close(fd);
}

/* How QEMU ends */

typedef enum End {
    QUIT,               /* of the monitor */
    TERM,
    KILL,
    KILL_IN_DMA,
} End;

typedef struct EndCase {
    const char *name;
    End end;
} EndCase;

static const EndCase end_cases[] = {
    { "quit", QUIT },
    { "sigterm", TERM },
    { "sigkill", KILL },
    { "sigkill-in-dma", KILL_IN_DMA },
};

static void attach(NestedTest *t)
{
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    g_assert_cmpint(nested_probe(t), ==, TO_A);
}

static void end_qemu(NestedTest *t, End end)
{
    pid_t pid = qtest_pid(t->qts);

    switch (end) {
    case QUIT:
        qtest_qmp_assert_success(t->qts, "{'execute': 'quit'}");
        qtest_wait_qemu(t->qts);
        break;
    case TERM:
        kill(pid, SIGTERM);
        qtest_wait_qemu(t->qts);
        break;
    case KILL_IN_DMA:
        qvtd_edu_start_read(&t->edu, IOVA_SRC, PAGE);
        /* fallthrough */
    case KILL:
        kill(pid, SIGKILL);
        while (qtest_probe_child(t->qts)) {
            g_usleep(1000);
        }
        break;
    }
    g_free(t->edu.dev);
    g_free(t->vtd);
    qpci_free_pc(t->pci);
    if (end == QUIT || end == TERM) {
        qtest_quit(t->qts);
    }
    /* Else left to leak: libqtest takes each signal for a crash. */
}

static void test_end(gconstpointer data)
{
    const EndCase *c = data;
    const char *bdf = vtd_host_device();
    HostState before, during, after;
    int kmsg = kmsg_open();
    NestedTest t;

    before = host_state(bdf);
    nested_setup(&t);
    attach(&t);
    during = host_state(bdf);
    g_assert_cmpint(during.objects.pinned_pages, >,
                    before.objects.pinned_pages);
    g_assert_cmpint(during.objects.table_pages, >,
                    before.objects.table_pages);
    end_qemu(&t, c->end);
    after = host_state(bdf);
    check_same(&before, &after);

    /* The next one may have it at once. */
    nested_setup(&t);
    attach(&t);
    g_assert_cmpuint(vtd_host_entry(bdf).domain_id, ==,
                     during.entry.domain_id);
    nested_teardown(&t);

    rebind(bdf);
    after = host_state(bdf);
    check_same(&before, &after);
    kmsg_check(kmsg);
}

/* What QEMU may do */

typedef struct RightsCase {
    const char *name;
    bool files;                 /* opened by us, and handed over */
    bool nobody;
    const char *more;
} RightsCase;

static const RightsCase rights_cases[] = {
    { "files", true, false, "" },
    { "nobody", true, true, "" },
    { "sandbox", false, false, SANDBOX },
    { "nobody-sandbox", true, true, SANDBOX },
};

static int open_iommu(void)
{
    struct stat st;
    int fd = open("/dev/iommu", O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    /* Or it would prove nothing that another user gets it from us. */
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 0007, ==, 0);
    return fd;
}

static void check_user(NestedTest *t, uid_t want)
{
    g_assert_cmpuint(qvtd_process_status(t->qts, "Uid"), ==, want);
}

static bool has_sandbox(void)
{
    g_autofree char *command = g_strdup_printf(
        "%s -sandbox off -version", getenv("QTEST_QEMU_BINARY"));
    g_autofree char *out = NULL, *err = NULL;
    int status;

    return g_spawn_command_line_sync(command, &out, &err, &status, NULL) &&
           !status;
}

static void test_rights(gconstpointer data)
{
    const RightsCase *c = data;
    const char *bdf = vtd_host_device();
    NestedMachine machine = { .env = c->nobody ? NOBODY_QEMU : NULL };
    g_autofree char *iommufd = NULL, *devices = NULL;
    HostState before = host_state(bdf), after;
    int iommu = -1, device = -1;
    NestedTest t;

    if (*c->more && !has_sandbox()) {
        g_test_skip("QEMU was built without seccomp");
        return;
    }
    if (c->nobody) {
        prepare_nobody(512 * MIB);
    }
    if (c->files) {
        iommu = open_iommu();
        device = vtd_host_open_device(bdf);
        machine.iommufd = iommufd = g_strdup_printf(",fd=%d", iommu);
        devices = g_strdup_printf("-device vfio-pci,fd=%d,iommufd=iommufd0,"
                                  "addr=%d %s", device, SLOT, c->more);
    } else {
        devices = g_strdup_printf("-device vfio-pci,host=%s,iommufd=iommufd0,"
                                  "addr=%d %s", bdf, SLOT, c->more);
    }
    nested_start_machine(&t, &machine, devices);
    if (c->files) {
        /* QEMU's are copies, and what we hold would outlive QEMU. */
        close(iommu);
        close(device);
    }
    check_user(&t, c->nobody ? NOBODY : 0);
    nested_setup_device(&t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(&t);
    attach(&t);
    nested_step(&t, SET_NONE);
    nested_check_host(&t, 0, 0);
    nested_teardown(&t);
    after = host_state(bdf);
    check_same(&before, &after);
}

/* Less may be locked than the guest has: refused, with both numbers. */
static void test_memlock(void)
{
    const uint64_t allowed = 16 * MIB, ram = RAM_END;
    const char *bdf = vtd_host_device(), *desc, *at;
    unsigned long long named_need = 0, named_allowed = 0;
    g_autofree char *iommufd = NULL, *fd = NULL;
    HostState before = host_state(bdf), after;
    int iommu = open_iommu(), device = vtd_host_open_device(bdf);
    NestedMachine machine = { .env = NOBODY_QEMU };
    NestedTest t;
    QDict *error;

    prepare_nobody(allowed);
    machine.iommufd = iommufd = g_strdup_printf(",fd=%d", iommu);
    nested_start_machine(&t, &machine, ROOT_PORT);
    close(iommu);

    fd = g_strdup_printf("%d", device);
    error = qtest_qmp_assert_failure_ref(t.qts, "{'execute': 'device_add', "
                                         "'arguments': {'driver': 'vfio-pci', "
                                         "'fd': %s, 'iommufd': 'iommufd0', "
                                         "'bus': 'rp'}}", fd);
    close(device);
    desc = qdict_get_str(error, "desc");
    g_test_message("%s", desc);
    at = strstr(desc, "the guest has ");
    g_assert_nonnull(at);
    g_assert_cmpint(sscanf(at, "the guest has %llu bytes to pin in all, "
                           "RLIMIT_MEMLOCK allows the user %llu bytes",
                           &named_need, &named_allowed), ==, 2);
    g_assert_cmpuint(named_allowed, ==, allowed);
    /* All of RAM but what is a hole or a ROM below 1 MiB */
    g_assert_cmpuint(named_need, <=, ram);
    g_assert_cmpuint(named_need, >=, ram - 384 * 1024);
    qobject_unref(error);

    g_assert_cmpint(nested_calls(&t, "iommu-destroy"), ==,
                    nested_calls(&t, "iommu-ioas-alloc") +
                    nested_calls(&t, "iommu-hwpt-alloc"));
    nested_teardown(&t);
    after = host_state(bdf);
    check_same(&before, &after);
}

#define EXPANDER "-device pxb-pcie,id=pxb,bus_nr=64,addr=7,bypass_iommu=on " \
                 "-device pcie-root-port,id=out,bus=pxb,chassis=2,slot=2,addr=0"

/* Plugs a device whose file QEMU has open.  Return: the error, or NULL */
static char *plug_opened(NestedTest *t, int device, const char *bus)
{
    g_autofree char *fd = g_strdup_printf("%d", device);
    QDict *reply = qtest_qmp(t->qts, "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'vfio-pci', 'fd': %s, 'iommufd': "
                             "'iommufd0', 'bus': %s}}", fd, bus);
    char *desc = NULL;

    if (qdict_haskey(reply, "error")) {
        desc = g_strdup(qdict_get_str(qdict_get_qdict(reply, "error"),
                                      "desc"));
        g_test_message("%s", desc);
    }
    qobject_unref(reply);
    return desc;
}

/*
 * A device outside the vIOMMU, on the same iommufd, has an IOAS of its own: the
 * guest's memory is pinned twice, and the message counts both.
 */
static void test_memlock_twice(void)
{
    const uint64_t ram = RAM_END, allowed = ram + ram / 2;
    const char *bdf = vtd_host_device(), *bdf2 = getenv("VTD_TEST_BDF2"), *at;
    unsigned long long named_need = 0, named_allowed = 0;
    g_autofree char *iommufd = NULL, *desc = NULL;
    NestedMachine machine = { .env = NOBODY_QEMU };
    int iommu, inside, outside;
    unsigned ioases = 0;
    NestedTest t;

    if (!bdf2) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
        return;
    }
    iommu = open_iommu();
    inside = vtd_host_open_device(bdf);
    outside = vtd_host_open_device(bdf2);
    prepare_nobody(allowed);
    machine.iommufd = iommufd = g_strdup_printf(",fd=%d", iommu);
    nested_start_machine(&t, &machine, ROOT_PORT " " EXPANDER);
    close(iommu);
    g_assert_null(plug_opened(&t, inside, "rp"));
    desc = plug_opened(&t, outside, "out");
    close(inside);
    close(outside);
    g_assert_nonnull(desc);
    at = strstr(desc, "the guest has ");
    g_assert_nonnull(at);
    g_assert_cmpint(sscanf(at, "the guest has %llu bytes to pin in all in %u "
                           "IOASes, RLIMIT_MEMLOCK allows the user %llu bytes",
                           &named_need, &ioases, &named_allowed), ==, 3);
    g_assert_cmpuint(ioases, ==, 2);
    g_assert_cmpuint(named_allowed, ==, allowed);
    /* The second one maps ROMs as well. */
    g_assert_cmpuint(named_need, >=, 2 * (ram - 384 * 1024));
    g_assert_cmpuint(named_need, <=, 2 * ram + MIB);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], AS_NOBODY)) {
        return become_nobody(argv);
    }
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(end_cases); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/process/%s", end_cases[i].name);
        qtest_add_data_func(path, &end_cases[i], test_end);
    }
    for (size_t i = 0; i < ARRAY_SIZE(rights_cases); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/process/%s", rights_cases[i].name);
        qtest_add_data_func(path, &rights_cases[i], test_rights);
    }
    qtest_add_func("/intel-iommu/nested/process/memlock", test_memlock);
    qtest_add_func("/intel-iommu/nested/process/memlock-twice",
                   test_memlock_twice);

    return g_test_run();
}
