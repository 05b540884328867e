/*
 * pasid-testdev from a driver's side
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_LIBQOS_PASID_TESTDEV_H
#define QTEST_LIBQOS_PASID_TESTDEV_H

#include "../libqtest.h"
#include "hw/misc/pasid-testdev.h"
#include "pci.h"

typedef struct QTestdev {
    QTestState *qts;
    QPCIDevice *dev;
    QPCIBar bar;
} QTestdev;

#define QTESTDEV_NO_PASID   UINT32_MAX
/* What its driver saves: identification, channels, log and memory */
#define QTESTDEV_STATE_SIZE (0x10 + 0x400 + 0x800 + 0x10000)

/* What qtestdev_enable turns on, beside bus mastering */
#define QTESTDEV_PASID      (1u << 0)   /* with its execute and privilege */
#define QTESTDEV_ATS        (1u << 1)
#define QTESTDEV_PRI        (1u << 2)   /* with all that the device can do */

/**
 * qtestdev_init: @dev is the device, or what passes one through, on a q35.
 *
 * Bus mastering is on; PASID, ATS and PRI are left as they are.
 */
void qtestdev_init(QTestdev *t, QTestState *qts, QPCIDevice *dev);

/* Extended config space: 0 if there is no such capability. */
uint16_t qtestdev_find_ext_cap(QTestdev *t, uint16_t id);
uint32_t qtestdev_config_readl(QTestdev *t, uint16_t offset);
void qtestdev_config_writel(QTestdev *t, uint16_t offset, uint32_t val);
void qtestdev_config_writew(QTestdev *t, uint16_t offset, uint16_t val);

/* Turns what @what names on and the rest off; the device must have it. */
void qtestdev_enable(QTestdev *t, unsigned what);

uint32_t qtestdev_readl(QTestdev *t, unsigned offset);
uint64_t qtestdev_readq(QTestdev *t, unsigned offset);
void qtestdev_writel(QTestdev *t, unsigned offset, uint32_t val);

/* The device's own memory */
void qtestdev_memread(QTestdev *t, unsigned offset, void *buf, size_t size);
void qtestdev_memwrite(QTestdev *t, unsigned offset, const void *buf,
                       size_t size);

/* A command; .op is PASID_TESTDEV_WRITE and so on, with flags. */
typedef struct QTestdevCommand {
    unsigned channel;
    uint32_t op;
    uint32_t pasid;         /* counts with PASID_TESTDEV_WITH_PASID */
    uint64_t iova;
    uint32_t length;
    uint32_t buffer;
    uint32_t prgi;
} QTestdevCommand;

void qtestdev_start(QTestdev *t, const QTestdevCommand *command);

/* Return: STATUS, once the channel is not busy any more: it may wait. */
uint32_t qtestdev_settle(QTestdev *t, unsigned channel);

/* Return: how it ended, PASID_TESTDEV_OK and so on. */
unsigned qtestdev_finish(QTestdev *t, unsigned channel);
unsigned qtestdev_run(QTestdev *t, const QTestdevCommand *command);

typedef struct QTestdevEvent {
    uint32_t event;
    uint32_t pasid;
    uint64_t first, last;
} QTestdevEvent;

/* The @n-th event since the log was cleared. */
QTestdevEvent qtestdev_event(QTestdev *t, unsigned n);

#endif
