/*
 * intel-iommu,nested=on: objects that come and go while the machine runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The monitor makes the iommufd and the device from files that it is given, as
 * a manager does that lets QEMU open nothing; and the host takes a device away
 * that a guest uses.
 */

#include "qemu/osdep.h"
#include <sys/wait.h>
#include "qobject/qdict.h"
#include "nested-flow.h"

#define ROUNDS          20

/* The monitor keeps a copy of @fd by that name. */
static void give(NestedTest *t, const char *name, int fd)
{
    QDict *reply;

    g_assert_cmpint(fd, >=, 0);
    reply = qtest_qmp_fds(t->qts, &fd, 1, "{'execute': 'getfd', 'arguments': "
                          "{'fdname': %s}}", name);
    g_assert_true(qdict_haskey(reply, "return"));
    qobject_unref(reply);
    close(fd);
}

static void add_iommufd(NestedTest *t)
{
    give(t, "iommu", open("/dev/iommu", O_RDWR));
    qtest_qmp_assert_success(t->qts, "{'execute': 'object-add', 'arguments': {"
                             "'qom-type': 'iommufd', 'id': 'given', "
                             "'fd': 'iommu'}}");
}

static void add_device(NestedTest *t)
{
    give(t, "device", vtd_host_open_device(t->bdf));
    qtest_qmp_assert_success(t->qts, "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'vfio-pci', 'id': 'dev', 'bus': 'rp', "
                             "'fd': 'device', 'iommufd': 'given'}}");
    nested_setup_device(t, t->bus, 0);
}

static void del_iommufd(NestedTest *t)
{
    qtest_qmp_assert_success(t->qts, "{'execute': 'object-del', 'arguments': {"
                             "'id': 'given'}}");
}

static void refuse_del_iommufd(NestedTest *t)
{
    QDict *error = qtest_qmp_assert_failure_ref(
        t->qts, "{'execute': 'object-del', 'arguments': {'id': 'given'}}");

    g_assert_cmpstr(qdict_get_str(error, "desc"), ==,
                    "object 'given' is in use, can not be deleted");
    qobject_unref(error);
}

static void check_nested(NestedTest *t)
{
    nested_check_host(t, 3, t->tables[TABLE_A].root);
    g_assert_cmpint(nested_probe(t), ==, TO_A);
}

static void test_given(void)
{
    VTDHostObjects before, after;
    NestedTest t;

    nested_plug_start(&t);
    before = vtd_host_objects();
    for (int i = 0; i < ROUNDS && !g_test_failed(); i++) {
        add_iommufd(&t);
        add_device(&t);
        check_nested(&t);
        refuse_del_iommufd(&t);
        check_nested(&t);
        nested_unplug(&t);
        del_iommufd(&t);
    }
    after = vtd_host_objects();
    vtd_host_check_objects(&before, &after);
    nested_teardown(&t);
}

/* The host takes the device away */

typedef struct AwayCase {
    const char *name;
    bool remove;                /* from the bus; else from its driver */
    bool paused;
} AwayCase;

static const AwayCase away_cases[] = {
    { "unbind" },
    { "unbind-paused", .paused = true },
    { "remove", .remove = true },
};

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) != strlen(text)) {
        perror(path);
        _exit(1);
    }
    close(fd);
}

/* Whoever writes waits until QEMU has let the device go. */
static pid_t take_away(const AwayCase *c, const char *bdf)
{
    g_autofree char *remove = g_strdup_printf("/sys/bus/pci/devices/%s/remove",
                                              bdf);
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (!pid) {
        if (c->remove) {
            write_file(remove, "1");
        } else {
            write_file("/sys/bus/pci/drivers/vfio-pci/unbind", bdf);
        }
        _exit(0);
    }
    return pid;
}

/* QEMU asks the guest for it, by ACPI. */
static void wait_until_asked(NestedTest *t)
{
    while (!nested_is_to_eject(t->qts)) {
        g_usleep(10000);
    }
}

/* The host has its driver back; a device that is removed has its own domain. */
static void give_back(const char *bdf)
{
    g_autofree char *dir = g_strdup_printf("/sys/bus/pci/devices/%s", bdf);
    g_autofree char *override = g_strdup_printf("%s/driver_override", dir);
    g_autofree char *driver = g_strdup_printf("%s/driver", dir);

    if (!g_file_test(dir, G_FILE_TEST_EXISTS)) {
        write_file("/sys/bus/pci/rescan", "1");
    }
    if (!g_file_test(driver, G_FILE_TEST_EXISTS)) {
        write_file(override, "vfio-pci");
        write_file("/sys/bus/pci/drivers_probe", bdf);
    }
}

static void test_away(gconstpointer data)
{
    const AwayCase *c = data;
    VTDHostObjects before, after;
    NestedTest t;
    int status;
    pid_t pid;

    nested_plug_start(&t);
    before = vtd_host_objects();
    g_assert_null(nested_plug(&t));
    check_nested(&t);
    if (c->paused) {
        qtest_qmp_assert_success(t.qts, "{'execute': 'stop'}");
    }
    pid = take_away(c, t.bdf);
    wait_until_asked(&t);

    /* The guest has it until it lets go, and the host waits. */
    check_nested(&t);
    g_assert_cmpint(waitpid(pid, &status, WNOHANG), ==, 0);
    if (c->paused) {
        qtest_qmp_assert_success(t.qts, "{'execute': 'cont'}");
    }
    nested_unplug(&t);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    give_back(t.bdf);
    after = vtd_host_objects();
    vtd_host_check_objects(&before, &after);

    g_assert_null(nested_plug(&t));
    check_nested(&t);
    nested_unplug(&t);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/objects/given", test_given);
    for (int i = 0; i < ARRAY_SIZE(away_cases); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/objects/away/%s", away_cases[i].name);

        qtest_add_data_func(path, &away_cases[i], test_away);
    }
    return nested_test_run();
}
