/*
 * intel-iommu,nested=on: the world of its tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "hw/i386/intel_iommu_internal.h"
#include "intel-iommu-nested-world.h"

/* Setting up */

bool nested_test_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    /* A case that fails ends there; the next one has a machine of its own. */
    g_test_set_nonfatal_assertions();
    if (!vtd_host_device()) {
        g_print("1..0 # SKIP VTD_TEST_BDF names no device bound to vfio-pci\n");
        return false;
    }
    return true;
}

void nested_start(NestedTest *t, const char *devices)
{
    *t = (NestedTest) { .bdf = vtd_host_device() };
    t->qts = qtest_initf("-machine q35 -m 256M -nodefaults "
                         "-object iommufd,id=iommufd0 "
                         "-device intel-iommu,nested=on %s", devices);
    t->pci = qpci_new_pc(t->qts, NULL);
    t->vtd = g_new0(QVTD, 1);
    qvtd_init(t->vtd, t->qts, TABLES, TABLES_END);
}

void nested_build_entries(NestedTest *t)
{
    t->context = qvtd_context(t->vtd, t->bus << 8 | t->devfn, 0, 0, 0);
    t->entry = qvtd_pasid_slot(t->vtd, t->context, 0);
    t->context_val[0] = qtest_readq(t->qts, t->context);
    t->context_val[1] = qtest_readq(t->qts, t->context + 8);
}

void nested_build_tables(NestedTest *t)
{
    static const uint64_t page[] = { [TABLE_A] = PAGE_A, [TABLE_B] = PAGE_B };

    qvtd_set_root(t->vtd, t->vtd->root, ROOT_SCALABLE);
    qvtd_enable_queue(t->vtd);
    nested_build_entries(t);
    for (int i = TABLE_A; i <= TABLE_B; i++) {
        QVTDTable *table = &t->tables[i];

        qvtd_table_init(t->vtd, table, 4, 0, QVTD_S1_LINK);
        qvtd_map(t->vtd, table, IOVA_SRC, page[i], 12, QVTD_S1_PAGE);
        qvtd_map(t->vtd, table, IOVA_DST, PAGE_DST, 12, QVTD_S1_PAGE);
    }
}

void nested_setup_device(NestedTest *t, uint8_t bus, uint8_t devfn)
{
    QPCIDevice *pci;

    t->bus = bus;
    t->devfn = devfn;
    pci = qpci_device_find(t->pci, bus << 8 | devfn);
    g_assert_nonnull(pci);
    qvtd_edu_init(&t->edu, t->vtd, pci);
}

void nested_setup(NestedTest *t)
{
    g_autofree char *device = NULL;

    device = g_strdup_printf("-device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,addr=%d", vtd_host_device(),
                             SLOT);
    nested_start(t, device);
    nested_setup_device(t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(t);
}

/* A number that QEMU's iommufd object has */
int64_t nested_iommufd_number(NestedTest *t, const char *property)
{
    QDict *reply = qtest_qmp(t->qts, "{'execute': 'qom-get', 'arguments': {"
                             "'path': '/objects/iommufd0', 'property': %s}}",
                             property);
    int64_t number = qdict_get_int(reply, "return");

    qobject_unref(reply);
    return number;
}

/* x-calls-* and x-failures-*, by ioctl */
static int64_t counter(NestedTest *t, const char *what, const char *ioctl_name)
{
    g_autofree char *property = g_strdup_printf("x-%s-%s", what, ioctl_name);

    return nested_iommufd_number(t, property);
}

int64_t nested_calls(NestedTest *t, const char *ioctl_name)
{
    return counter(t, "calls", ioctl_name);
}

void nested_teardown(NestedTest *t)
{
    /* Every object was destroyed in an order that the kernel takes. */
    g_assert_cmpint(counter(t, "failures", "iommu-destroy"), ==, 0);
    g_free(t->edu.dev);
    g_free(t->vtd);
    qpci_free_pc(t->pci);
    qtest_quit(t->qts);
}

/* Looking */

static bool page_is(NestedTest *t, uint64_t addr, uint8_t fill)
{
    uint8_t data[PAGE], want[PAGE];

    qtest_memread(t->qts, addr, data, PAGE);
    memset(want, fill, PAGE);
    return !memcmp(data, want, PAGE);
}

Dma nested_probe(NestedTest *t)
{
    qtest_memset(t->qts, PAGE_A, 'A', PAGE);
    qtest_memset(t->qts, PAGE_B, 'B', PAGE);
    qtest_memset(t->qts, IOVA_SRC, 'I', PAGE);
    qtest_memset(t->qts, PAGE_DST, 0, PAGE);
    qtest_memset(t->qts, IOVA_DST, 0, PAGE);

    qvtd_edu_read(&t->edu, IOVA_SRC, PAGE);
    qvtd_edu_write(&t->edu, IOVA_DST, PAGE);

    if (page_is(t, IOVA_DST, 'I') && page_is(t, PAGE_DST, 0)) {
        return IDENTITY;
    }
    g_assert_true(page_is(t, IOVA_DST, 0));
    if (page_is(t, PAGE_DST, 'A')) {
        return TO_A;
    }
    if (page_is(t, PAGE_DST, 'B')) {
        return TO_B;
    }
    g_assert_true(page_is(t, PAGE_DST, 0));
    return BLOCKED;
}

void nested_check_host(NestedTest *t, unsigned pgtt, uint64_t stage1)
{
    VTDHostEntry host = vtd_host_entry(t->bdf);

    g_assert_cmpuint(host.present ? host.pgtt : 0, ==, pgtt);
    if (pgtt == PGTT_NESTED) {
        g_assert_cmphex(host.stage1, ==, stage1);
    }
    if (pgtt) {
        g_assert_cmphex(host.stage2, !=, 0);
    }
}

void nested_check_fault(NestedTest *t, unsigned want)
{
    QVTDFault fault;
    bool any = qvtd_take_fault(t->vtd, &fault);

    g_assert_cmphex(any ? fault.reason : 0, ==, want);
    if (want) {
        g_assert_cmphex(fault.sid, ==, t->bus << 8 | t->devfn);
    }
}
