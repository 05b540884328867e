/*
 * intel-iommu,nested=on,pasid=on: the world of its tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "nested-pasid-world.h"

#define PROBE_BYTES     64
#define ROOT_PORT       "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=" \
                        stringify(SLOT2)

void pasid_set_context(PasidTest *t, unsigned pdts, bool pasids)
{
    const QVTDPasid pass = { .pgtt = PGTT_PASS, .did = DID };
    NestedTest *n = &t->n;

    n->context = qvtd_context(n->vtd, n->bus << 8 | n->devfn, pdts, 0,
                              pasids ? QVTD_CONTEXT_PASIDE : 0);
    pasid_write(t, 0, &pass);
    g_assert_true(qvtd_invalidate(n->vtd, QVTD_INV_CC_GLOBAL, 0));
}

void pasid_write(PasidTest *t, uint32_t pasid, const QVTDPasid *entry)
{
    NestedTest *n = &t->n;
    uint64_t slot = qvtd_pasid_slot(n->vtd, n->context, pasid);

    if (entry) {
        qvtd_write_pasid(n->vtd, slot, entry);
    } else {
        qvtd_edit(n->vtd, slot, ~0ULL, 0);
    }
}

void pasid_setup(PasidTest *t, const char *props)
{
    pasid_setup_device(t, props, "");
}

static void start(PasidTest *t, const char *unit, const char *bdf,
                  const char *device_props)
{
    g_autofree char *device = NULL;

    device = g_strdup_printf(ROOT_PORT " -device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0%s", bdf, device_props);
    nested_start_props(&t->n, unit, device);
    t->n.bdf = bdf;
    nested_setup_bridge(&t->n, QPCI_DEVFN(SLOT2, 0), 1, 1);
}

static void setup(PasidTest *t, uint8_t bus, uint8_t devfn)
{
    NestedTest *n = &t->n;

    n->bus = bus;
    n->devfn = devfn;
    n->edu.dev = qpci_device_find(n->pci, bus << 8 | devfn);
    qtestdev_init(&t->dev, n->qts, n->edu.dev);
    qtestdev_enable(&t->dev, QTESTDEV_PASID);

    nested_build_tables(n);
    pasid_set_context(t, 0, true);
    qvtd_enable_translation(n->vtd, true);
}

void pasid_teardown(PasidTest *t)
{
    nested_teardown(&t->n);
}

void pasid_setup_machine(PasidTest *t, const char *unit, const char *bdf,
                         const char *device_props)
{
    g_autofree char *all = g_strdup_printf(",addr=%d%s", SLOT, device_props);

    start(t, unit, bdf, all);
    setup(t, 0, QPCI_DEVFN(SLOT, 0));
}

void pasid_setup_device(PasidTest *t, const char *props,
                        const char *device_props)
{
    g_autofree char *unit = g_strdup_printf("nested=on,pasid=on%s", props);

    pasid_setup_machine(t, unit, vtd_host_device(), device_props);
}

void pasid_setup_behind(PasidTest *t, const char *props)
{
    g_autofree char *unit = g_strdup_printf("nested=on,pasid=on%s", props);

    start(t, unit, vtd_host_device(), ",bus=rp");
    setup(t, 1, 0);
}

Dma pasid_probe(PasidTest *t, uint32_t pasid)
{
    const QTestdevCommand command = {
        .op = PASID_TESTDEV_READ |
              (pasid == QTESTDEV_NO_PASID ? 0 : PASID_TESTDEV_WITH_PASID),
        .pasid = pasid,
        .iova = IOVA_SRC,
        .length = PROBE_BYTES,
    };
    QTestState *qts = t->n.qts;
    char data[PROBE_BYTES];

    qtest_memset(qts, PAGE_A, 'A', PROBE_BYTES);
    qtest_memset(qts, PAGE_B, 'B', PROBE_BYTES);
    qtest_memset(qts, IOVA_SRC, 'I', PROBE_BYTES);
    memset(data, 0, sizeof(data));
    qtestdev_memwrite(&t->dev, 0, data, sizeof(data));

    if (qtestdev_run(&t->dev, &command) != PASID_TESTDEV_OK) {
        return BLOCKED;
    }
    qtestdev_memread(&t->dev, 0, data, sizeof(data));
    for (int i = 1; i < PROBE_BYTES; i++) {
        g_assert_cmphex(data[i], ==, data[0]);
    }
    switch (data[0]) {
    case 'A':
        return TO_A;
    case 'B':
        return TO_B;
    case 'I':
        return IDENTITY;
    default:
        g_assert_not_reached();
    }
}
