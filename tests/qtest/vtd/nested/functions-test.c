/*
 * intel-iommu,nested=on: functions of one slot
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host resets them together, and may have to translate for them together.
 *
 * Needs in VTD_TEST_BDFS four pasid-testdevs that have no reset of their own,
 * two and two functions of a slot: the first two in one IOMMU group of the host,
 * the others in one each.
 */

#include "qemu/osdep.h"
#include <sys/mount.h>
#include "qobject/qdict.h"
#include "nested-pasid-world.h"
#include "nested-steps.h"

#define FUNCTIONS       4
#define ROOT_PORT       "-device pcie-root-port,id=rp,chassis=1,slot=1"
#define MARK            0x5a5a0000      /* in a register that a reset clears */

static char **functions;
enum { TOGETHER, TOGETHER2, APART, APART2 };

static void find(PasidTest *t, unsigned function, unsigned slot)
{
    NestedTest *n = &t->n;

    g_free(n->edu.dev);
    n->bdf = functions[function];
    n->bus = 0;
    n->devfn = QPCI_DEVFN(slot, 0);
    n->edu.dev = qpci_device_find(n->pci, n->devfn);
    g_assert_nonnull(n->edu.dev);
    qtestdev_init(&t->dev, n->qts, n->edu.dev);
}

static void mark(PasidTest *t)
{
    qtestdev_writel(&t->dev, PASID_TESTDEV_CHANNEL(0) + PASID_TESTDEV_IOVA,
                    MARK);
}

static bool is_marked(PasidTest *t)
{
    return qtestdev_readl(&t->dev, PASID_TESTDEV_CHANNEL(0) +
                          PASID_TESTDEV_IOVA) == MARK;
}

static Dma probe(PasidTest *t)
{
    return pasid_probe(t, QTESTDEV_NO_PASID);
}

/* One function of a slot, nothing translated, and room to plug another */
static void start_one(PasidTest *t, unsigned function)
{
    g_autofree char *devices = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%u " ROOT_PORT,
        functions[function], SLOT);

    nested_start(&t->n, devices);
    find(t, function, SLOT);
}

/* The two that are apart, the first on table A and the second on table B */
static void start_translated(PasidTest t[2])
{
    g_autofree char *devices = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%u "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%u",
        functions[APART], SLOT, functions[APART2], SLOT2);

    nested_start(&t[0].n, devices);
    find(&t[0], APART, SLOT);
    nested_build_tables(&t[0].n);
    t[1].n = t[0].n;
    t[1].n.edu.dev = NULL;
    find(&t[1], APART2, SLOT2);
    nested_build_entries(&t[1].n);
    nested_step(&t[0].n, SET_A);
    nested_step(&t[1].n, SET_B);
    nested_step(&t[0].n, TE_ON);
}

/* A group each: each has its own table, and a reset of both undoes both. */
static void test_reset_both(void)
{
    PasidTest t[2] = {};

    start_translated(t);
    g_assert_cmpint(probe(&t[0]), ==, TO_A);
    g_assert_cmpint(probe(&t[1]), ==, TO_B);
    for (int i = 0; i < 2; i++) {
        mark(&t[i]);
        g_assert_true(is_marked(&t[i]));
    }

    qtest_system_reset(t[0].n.qts);
    for (int i = 0; i < 2; i++) {
        nested_check_host(&t[i].n, PGTT_STAGE2, 0);
        find(&t[i], APART + i, i ? SLOT2 : SLOT);
        g_assert_false(is_marked(&t[i]));
        g_assert_cmpint(probe(&t[i]), ==, IDENTITY);
    }
    g_free(t[1].n.edu.dev);
    nested_teardown(&t[0].n);
}

/* A system reset with one of two functions: is that one reset? */
static void run_reset(unsigned function, bool is_reset)
{
    PasidTest t = {};

    start_one(&t, function);
    mark(&t);
    qtest_system_reset(t.n.qts);
    find(&t, function, SLOT);
    g_assert_cmpint(is_marked(&t), ==, !is_reset);
    g_assert_cmpint(probe(&t), ==, IDENTITY);
    nested_teardown(&t.n);
}

/* The other function is the VM's only in that it is in the group. */
static void test_reset_one(void)
{
    run_reset(TOGETHER, true);
}

/* The other function may be anybody's: neither is reset. */
static void test_reset_foreign(void)
{
    run_reset(APART, false);
}

/* A guest that resets a bus means what is on it, not the neighbour in the host. */
static void test_reset_bus(void)
{
    g_autofree char *devices = g_strdup_printf(
        ROOT_PORT ",addr=%u "
        "-device vfio-pci,host=%s,iommufd=iommufd0,bus=rp "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%u",
        SLOT, functions[APART], functions[APART2], SLOT2);
    PasidTest t = {};

    nested_start(&t.n, devices);
    find(&t, APART2, SLOT2);
    nested_build_tables(&t.n);
    nested_step(&t.n, SET_B);
    nested_step(&t.n, TE_ON);
    mark(&t);
    nested_reset_bus(&t.n, QPCI_DEVFN(SLOT, 0));
    g_assert_true(is_marked(&t));
    g_assert_cmpint(probe(&t), ==, TO_B);
    nested_teardown(&t.n);
}

static void check_refused(NestedTest *t, unsigned function, const char *why)
{
    QDict *error = qtest_qmp_assert_failure_ref(
        t->qts, "{'execute': 'device_add', 'arguments': {'driver': 'vfio-pci', "
        "'host': %s, 'iommufd': 'iommufd0', 'bus': 'rp'}}",
        functions[function]);
    const char *message = qdict_get_str(error, "desc");

    g_test_message("%s", message);
    g_assert_nonnull(strstr(message, why));
    g_assert_nonnull(strstr(message, t->bdf));
    qobject_unref(error);
}

/* One table for two that want one each: the second is not let in. */
static void test_group(void)
{
    PasidTest t = {};

    start_one(&t, TOGETHER);
    nested_build_tables(&t.n);
    nested_step(&t.n, SET_A);
    nested_step(&t.n, TE_ON);
    check_refused(&t.n, TOGETHER2, "shares IOMMU group");
    nested_check_host(&t.n, PGTT_NESTED, t.n.tables[TABLE_A].root);
    g_assert_cmpint(probe(&t), ==, TO_A);
    nested_teardown(&t.n);
}

/* A sysfs that does not tell: a group of its own is not taken for granted. */
static void test_group_unknown(void)
{
    PasidTest t = {};

    start_one(&t, APART);
    if (mount("none", "/sys/dev/char", "tmpfs", 0, NULL)) {
        g_test_skip("cannot mount over /sys/dev/char");
    } else {
        check_refused(&t.n, APART2, "cannot tell if it is in an IOMMU group");
        g_assert_cmpint(umount("/sys/dev/char"), ==, 0);
        qtest_qmp_device_add(t.n.qts, "vfio-pci", "other", "{'host': %s, "
                             "'iommufd': 'iommufd0', 'bus': 'rp'}",
                             functions[APART2]);
    }
    nested_teardown(&t.n);
}

int main(int argc, char **argv)
{
    const char *all = getenv("VTD_TEST_BDFS");

    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    functions = g_strsplit(all ?: "", " ", -1);
    if (vtd_host_device() && g_strv_length(functions) != FUNCTIONS) {
        g_print("1..0 # SKIP VTD_TEST_BDFS names not %d devices but %u\n",
                FUNCTIONS, g_strv_length(functions));
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/functions/reset-both", test_reset_both);
    qtest_add_func("/intel-iommu/nested/functions/reset-one", test_reset_one);
    qtest_add_func("/intel-iommu/nested/functions/reset-foreign",
                   test_reset_foreign);
    qtest_add_func("/intel-iommu/nested/functions/reset-bus", test_reset_bus);
    qtest_add_func("/intel-iommu/nested/functions/group", test_group);
    qtest_add_func("/intel-iommu/nested/functions/group-unknown",
                   test_group_unknown);

    return g_test_run();
}
