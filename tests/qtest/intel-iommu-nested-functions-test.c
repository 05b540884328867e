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
#include "hw/pci/pci_regs.h"
#include "intel-iommu-nested-steps.h"
#include "libqos/pasid-testdev.h"

#define FUNCTIONS       4
#define BYTES           8
#define MARK            0x5a5a0000      /* in a register that a reset clears */

static char **functions;
enum { TOGETHER, TOGETHER2, APART, APART2 };

typedef struct Pair {
    NestedTest t[2];
    QTestdev dev[2];
} Pair;

static char *device_args(unsigned function, unsigned slot)
{
    return g_strdup_printf("-device vfio-pci,host=%s,iommufd=iommufd0,addr=%u ",
                           functions[function], slot);
}

static void find(NestedTest *t, QTestdev *dev, unsigned function, unsigned slot)
{
    g_free(t->edu.dev);
    t->bdf = functions[function];
    t->bus = 0;
    t->devfn = QPCI_DEVFN(slot, 0);
    t->edu.dev = qpci_device_find(t->pci, t->devfn);
    g_assert_nonnull(t->edu.dev);
    qtestdev_init(dev, t->qts, t->edu.dev);
}

static void mark(QTestdev *dev)
{
    qtestdev_writel(dev, PASID_TESTDEV_CHANNEL(0) + PASID_TESTDEV_IOVA, MARK);
}

static bool is_marked(QTestdev *dev)
{
    return qtestdev_readl(dev, PASID_TESTDEV_CHANNEL(0) + PASID_TESTDEV_IOVA) ==
           MARK;
}

/* Has the device write, and tells where that went. */
static Dma probe(NestedTest *t, QTestdev *dev)
{
    const uint64_t at[] = { [TO_A] = PAGE_A, [TO_B] = PAGE_B,
                            [IDENTITY] = IOVA_SRC };
    const QTestdevCommand write = {
        .op = PASID_TESTDEV_WRITE,
        .iova = IOVA_SRC,
        .length = BYTES,
    };
    const uint64_t value = 0x1122334455667788;
    Dma found = BLOCKED;

    for (unsigned i = TO_A; i <= IDENTITY; i++) {
        qtest_writeq(t->qts, at[i], 0);
    }
    qtestdev_memwrite(dev, 0, &value, sizeof(value));
    qtestdev_run(dev, &write);
    for (unsigned i = TO_A; i <= IDENTITY; i++) {
        if (qtest_readq(t->qts, at[i]) == value) {
            g_assert_cmpint(found, ==, BLOCKED);
            found = i;
        }
    }
    return found;
}

/* One function of a slot, nothing translated, and room to plug another */
static void start_one(Pair *p, unsigned function)
{
    g_autofree char *device = device_args(function, SLOT);
    g_autofree char *devices = g_strconcat(device, "-device pcie-root-port,"
                                           "id=rp,chassis=1,slot=1", NULL);

    nested_start(&p->t[0], devices);
    find(&p->t[0], &p->dev[0], function, SLOT);
}

/* Two of them, the first on table A and the second on table B */
static void start_translated(Pair *p)
{
    g_autofree char *first = device_args(APART, SLOT);
    g_autofree char *second = device_args(APART2, SLOT2);
    g_autofree char *devices = g_strconcat(first, second, NULL);

    nested_start(&p->t[0], devices);
    find(&p->t[0], &p->dev[0], APART, SLOT);
    nested_build_tables(&p->t[0]);
    p->t[1] = p->t[0];
    p->t[1].edu.dev = NULL;
    find(&p->t[1], &p->dev[1], APART2, SLOT2);
    nested_build_entries(&p->t[1]);
    nested_step(&p->t[0], SET_A);
    nested_step(&p->t[1], SET_B);
    nested_step(&p->t[0], TE_ON);
}

/* A group each: each has its own table, and a reset of both undoes both. */
static void test_reset_both(void)
{
    Pair p = {};

    start_translated(&p);
    g_assert_cmpint(probe(&p.t[0], &p.dev[0]), ==, TO_A);
    g_assert_cmpint(probe(&p.t[1], &p.dev[1]), ==, TO_B);
    for (int i = 0; i < 2; i++) {
        mark(&p.dev[i]);
        g_assert_true(is_marked(&p.dev[i]));
    }

    qtest_system_reset(p.t[0].qts);
    for (int i = 0; i < 2; i++) {
        nested_check_host(&p.t[i], PGTT_STAGE2, 0);
        find(&p.t[i], &p.dev[i], APART + i, i ? SLOT2 : SLOT);
        g_assert_false(is_marked(&p.dev[i]));
        g_assert_cmpint(probe(&p.t[i], &p.dev[i]), ==, IDENTITY);
    }
    g_free(p.t[1].edu.dev);
    nested_teardown(&p.t[0]);
}

/* The other function is the VM's only in that it is in the group. */
static void test_reset_one(void)
{
    Pair p = {};

    start_one(&p, TOGETHER);
    mark(&p.dev[0]);
    qtest_system_reset(p.t[0].qts);
    find(&p.t[0], &p.dev[0], TOGETHER, SLOT);
    g_assert_false(is_marked(&p.dev[0]));
    g_assert_cmpint(probe(&p.t[0], &p.dev[0]), ==, IDENTITY);
    nested_teardown(&p.t[0]);
}

/* The other function may be anybody's: neither is reset. */
static void test_reset_foreign(void)
{
    Pair p = {};

    start_one(&p, APART);
    mark(&p.dev[0]);
    qtest_system_reset(p.t[0].qts);
    find(&p.t[0], &p.dev[0], APART, SLOT);
    g_assert_true(is_marked(&p.dev[0]));
    g_assert_cmpint(probe(&p.t[0], &p.dev[0]), ==, IDENTITY);
    nested_teardown(&p.t[0]);
}

/* A guest that resets a bus means what is on it, not the neighbour in the host. */
static void test_reset_bus(void)
{
    g_autofree char *devices = g_strdup_printf(
        "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=%u "
        "-device vfio-pci,host=%s,iommufd=iommufd0,bus=rp "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%u",
        SLOT, functions[APART], functions[APART2], SLOT2);
    QPCIDevice *port;
    NestedTest t;
    QTestdev dev;

    nested_start(&t, devices);
    find(&t, &dev, APART2, SLOT2);
    nested_build_tables(&t);
    nested_step(&t, SET_B);
    nested_step(&t, TE_ON);
    mark(&dev);

    port = qpci_device_find(t.pci, QPCI_DEVFN(SLOT, 0));
    qpci_config_writew(port, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET);
    qpci_config_writew(port, PCI_BRIDGE_CONTROL, 0);
    g_free(port);
    g_assert_true(is_marked(&dev));
    g_assert_cmpint(probe(&t, &dev), ==, TO_B);
    nested_teardown(&t);
}

static QDict *plug(NestedTest *t, unsigned function)
{
    return qtest_qmp(t->qts, "{'execute': 'device_add', 'arguments': {"
                     "'driver': 'vfio-pci', 'host': %s, "
                     "'iommufd': 'iommufd0', 'bus': 'rp'}}",
                     functions[function]);
}

static void check_refused(NestedTest *t, unsigned function, const char *why)
{
    QDict *reply = plug(t, function);
    const char *message;

    g_assert_true(qdict_haskey(reply, "error"));
    message = qdict_get_str(qdict_get_qdict(reply, "error"), "desc");
    g_test_message("%s", message);
    g_assert_nonnull(strstr(message, why));
    g_assert_nonnull(strstr(message, t->bdf));
    qobject_unref(reply);
}

/* One table for two that want one each: the second is not let in. */
static void test_group(void)
{
    Pair p = {};

    start_one(&p, TOGETHER);
    nested_build_tables(&p.t[0]);
    nested_step(&p.t[0], SET_A);
    nested_step(&p.t[0], TE_ON);
    check_refused(&p.t[0], TOGETHER2, "shares IOMMU group");
    nested_check_host(&p.t[0], PGTT_NESTED, p.t[0].tables[TABLE_A].root);
    g_assert_cmpint(probe(&p.t[0], &p.dev[0]), ==, TO_A);
    nested_teardown(&p.t[0]);
}

/* A sysfs that does not tell: a group of its own is not taken for granted. */
static void test_group_unknown(void)
{
    Pair p = {};
    QDict *reply;

    start_one(&p, APART);
    if (mount("none", "/sys/dev/char", "tmpfs", 0, NULL)) {
        g_test_skip("cannot mount over /sys/dev/char");
    } else {
        check_refused(&p.t[0], APART2, "cannot tell if it is in an IOMMU group");
        g_assert_cmpint(umount("/sys/dev/char"), ==, 0);
        reply = plug(&p.t[0], APART2);
        g_assert_false(qdict_haskey(reply, "error"));
        qobject_unref(reply);
    }
    nested_teardown(&p.t[0]);
}

int main(int argc, char **argv)
{
    const char *all = getenv("VTD_TEST_BDFS");

    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    functions = g_strsplit_set(all ?: "", " \n", -1);
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
