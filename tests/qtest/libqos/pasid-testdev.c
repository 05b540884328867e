/*
 * pasid-testdev from a driver's side
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/pci/pci_regs.h"
#include "pasid-testdev.h"
#include "patience.h"

#define ECAM            0xb0000000ULL
#define POLL_US         1000
#define PATIENCE        20000   /* polls */

/* No firmware ran: the q35's PCIEXBAR is ours to set. */
static void enable_ecam(QTestState *qts)
{
    qtest_outl(qts, 0xcf8, 0x80000064);
    qtest_outl(qts, 0xcfc, 0);
    qtest_outl(qts, 0xcf8, 0x80000060);
    qtest_outl(qts, 0xcfc, ECAM | 1);
}

void qtestdev_init(QTestdev *t, QTestState *qts, QPCIDevice *dev)
{
    g_assert_nonnull(dev);
    *t = (QTestdev) { .qts = qts, .dev = dev };
    enable_ecam(qts);
    qpci_device_enable(dev);
    t->bar = qpci_iomap(dev, 0, NULL);
    g_assert_cmphex(qtestdev_readl(t, PASID_TESTDEV_ID), ==,
                    PASID_TESTDEV_MAGIC);
}

/* On bus 0, where libqos finds devices. */
static uint64_t ecam_of(QTestdev *t, uint16_t offset)
{
    return ECAM + (uint64_t)t->dev->devfn * 4096 + offset;
}

uint32_t qtestdev_config_readl(QTestdev *t, uint16_t offset)
{
    return qtest_readl(t->qts, ecam_of(t, offset));
}

void qtestdev_config_writel(QTestdev *t, uint16_t offset, uint32_t val)
{
    qtest_writel(t->qts, ecam_of(t, offset), val);
}

void qtestdev_config_writew(QTestdev *t, uint16_t offset, uint16_t val)
{
    qtest_writew(t->qts, ecam_of(t, offset), val);
}

uint16_t qtestdev_find_ext_cap(QTestdev *t, uint16_t id)
{
    uint16_t offset = 0x100;
    uint32_t header;
    int ttl = 64;

    do {
        header = qtestdev_config_readl(t, offset);
        if ((header & 0xffff) == id) {
            return offset;
        }
        offset = header >> 20;
    } while (offset && --ttl);
    return 0;
}

/* PASID before ATS, and PRI last, as Linux does. */
void qtestdev_enable(QTestdev *t, unsigned what)
{
    uint16_t pasid = qtestdev_find_ext_cap(t, PCI_EXT_CAP_ID_PASID);
    uint16_t ats = qtestdev_find_ext_cap(t, PCI_EXT_CAP_ID_ATS);
    uint16_t pri = qtestdev_find_ext_cap(t, PCI_EXT_CAP_ID_PRI);
    uint16_t features;

    if (pri) {
        qtestdev_config_writew(t, pri + PCI_PRI_CTRL, 0);
    }
    if (pasid) {
        features = qtestdev_config_readl(t, pasid + PCI_PASID_CAP) &
                   (PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV);
        qtestdev_config_writew(t, pasid + PCI_PASID_CTRL,
                               what & QTESTDEV_PASID
                               ? features | PCI_PASID_CTRL_ENABLE : 0);
    }
    if (ats) {
        qtestdev_config_writew(t, ats + PCI_ATS_CTRL,
                               what & QTESTDEV_ATS ? PCI_ATS_CTRL_ENABLE : 0);
    }
    if (what & QTESTDEV_PRI) {
        g_assert_cmphex(pri, !=, 0);
        qtestdev_config_writel(t, pri + PCI_PRI_ALLOC_REQ,
                               qtestdev_config_readl(t, pri + PCI_PRI_MAX_REQ));
        qtestdev_config_writew(t, pri + PCI_PRI_CTRL, PCI_PRI_CTRL_ENABLE);
    }
    g_assert_true(!(what & QTESTDEV_PASID) || pasid);
    g_assert_true(!(what & QTESTDEV_ATS) || ats);
}

uint32_t qtestdev_readl(QTestdev *t, unsigned offset)
{
    return qpci_io_readl(t->dev, t->bar, offset);
}

uint64_t qtestdev_readq(QTestdev *t, unsigned offset)
{
    return qpci_io_readq(t->dev, t->bar, offset);
}

void qtestdev_writel(QTestdev *t, unsigned offset, uint32_t val)
{
    qpci_io_writel(t->dev, t->bar, offset, val);
}

void qtestdev_memread(QTestdev *t, unsigned offset, void *buf, size_t size)
{
    qpci_memread(t->dev, t->bar, PASID_TESTDEV_MEMORY + offset, buf, size);
}

void qtestdev_memwrite(QTestdev *t, unsigned offset, const void *buf,
                       size_t size)
{
    qpci_memwrite(t->dev, t->bar, PASID_TESTDEV_MEMORY + offset, buf, size);
}

void qtestdev_start(QTestdev *t, const QTestdevCommand *c)
{
    unsigned base = PASID_TESTDEV_CHANNEL(c->channel);

    qpci_io_writeq(t->dev, t->bar, base + PASID_TESTDEV_IOVA, c->iova);
    qtestdev_writel(t, base + PASID_TESTDEV_LENGTH, c->length);
    qtestdev_writel(t, base + PASID_TESTDEV_BUFFER, c->buffer);
    qtestdev_writel(t, base + PASID_TESTDEV_PASID, c->pasid);
    qtestdev_writel(t, base + PASID_TESTDEV_PRGI, c->prgi);
    qtestdev_writel(t, base + PASID_TESTDEV_COMMAND, c->op);
}

uint32_t qtestdev_settle(QTestdev *t, unsigned channel)
{
    unsigned reg = PASID_TESTDEV_CHANNEL(channel) + PASID_TESTDEV_STATUS;
    uint32_t status;
    unsigned polls = 0;

    while (((status = qtestdev_readl(t, reg)) & PASID_TESTDEV_STATE) ==
           PASID_TESTDEV_BUSY && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    return status;
}

unsigned qtestdev_finish(QTestdev *t, unsigned channel)
{
    unsigned reg = PASID_TESTDEV_CHANNEL(channel) + PASID_TESTDEV_STATUS;
    uint32_t status;
    unsigned polls = 0;

    while (((status = qtestdev_readl(t, reg)) & PASID_TESTDEV_STATE) !=
           PASID_TESTDEV_ENDED && has_patience(&polls, PATIENCE)) {
        g_usleep(POLL_US);
    }
    return PASID_TESTDEV_CODE(status);
}

unsigned qtestdev_run(QTestdev *t, const QTestdevCommand *command)
{
    qtestdev_start(t, command);
    return qtestdev_finish(t, command->channel);
}

QTestdevEvent qtestdev_event(QTestdev *t, unsigned n)
{
    unsigned slot = PASID_TESTDEV_LOG_SLOT(n);

    return (QTestdevEvent) {
        .event = qtestdev_readl(t, slot + PASID_TESTDEV_EVENT),
        .pasid = qtestdev_readl(t, slot + PASID_TESTDEV_EVENT_PASID),
        .first = qtestdev_readq(t, slot + PASID_TESTDEV_EVENT_FIRST),
        .last = qtestdev_readq(t, slot + PASID_TESTDEV_EVENT_LAST),
    };
}
