/*
 * pasid-testdev: what its files share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * BQL held throughout.
 */

#ifndef HW_MISC_PASID_TESTDEV_INTERNAL_H
#define HW_MISC_PASID_TESTDEV_INTERNAL_H

#include "qemu/timer.h"
#include "hw/pci/pci_ats.h"
#include "hw/misc/pasid-testdev.h"
#include "qom/object.h"

#define TYPE_PASID_TESTDEV "pasid-testdev"
OBJECT_DECLARE_SIMPLE_TYPE(PASIDTestdev, PASID_TESTDEV)

#define ATC_ENTRIES     256
#define PRG_NR          512     /* a group index has 9 bits */
#define VECTORS         4

typedef struct PASIDTestdevChannel {
    uint32_t command;
    uint8_t state;              /* PASID_TESTDEV_IDLE ... */
    uint8_t code;
    uint64_t iova;
    uint32_t length;
    uint32_t buffer;
    uint32_t pasid;
    uint32_t prgi;
    uint32_t done;
    uint32_t requests;
    uint64_t result;
    unsigned tries;             /* page requests for the page at hand */
    bool retry;                 /* WAITING, but for the timer */
} PASIDTestdevChannel;

typedef struct PASIDTestdevATCEntry {
    bool valid;
    uint32_t pasid;             /* PCI_NO_PASID */
    bool priv;
    PCIATSTranslation page;
} PASIDTestdevATCEntry;

typedef struct PASIDTestdevEvent {
    uint32_t event;
    uint32_t pasid;
    uint64_t first, last;
} PASIDTestdevEvent;

struct PASIDTestdev {
    PCIDevice parent_obj;

    /* properties */
    bool ats, pri, flr, af, pm, acs, exec, priv;
    bool prg_pasid;             /* responses must have the group's PASID */
    bool iotlb_on, iotlb_map;
    uint8_t pasid_bits;
    uint32_t max_requests;

    uint16_t ats_cap, pri_cap, pasid_cap;   /* 0: none */
    uint8_t af_cap;                         /* ditto */

    MemoryRegion bar, regs, memory;
    QEMUBH *bh;
    QEMUTimer *timer;           /* asks again for pages that didn't come */
    uint32_t control;
    uint32_t migration;
    uint32_t interrupts;
    PASIDTestdevChannel channel[PASID_TESTDEV_CHANNELS];

    PASIDTestdevATCEntry atc[ATC_ENTRIES];
    unsigned atc_next;

    uint32_t outstanding;       /* page requests, in all groups */
    uint32_t in_group[PRG_NR];
    uint32_t group_pasid[PRG_NR];
    PASIDTestdevEvent log[PASID_TESTDEV_LOG_ENTRIES];
    uint32_t log_count;
    struct PASIDTestdevIOTLB *iotlb;        /* NULL: there is none */
};

/* pasid-testdev.c: what config space allows */
bool pasid_testdev_pasid_enabled(PASIDTestdev *d, uint16_t bits);
bool pasid_testdev_ats_enabled(PASIDTestdev *d);
bool pasid_testdev_pri_enabled(PASIDTestdev *d);
/* Page requests that may be outstanding. */
uint32_t pasid_testdev_pri_allocation(PASIDTestdev *d);
void pasid_testdev_pri_set_status(PASIDTestdev *d, uint16_t set);
void pasid_testdev_pri_update_stopped(PASIDTestdev *d);

/* device.c */
/* A register of a channel that says what its commands are to do */
void pasid_testdev_set_argument(PASIDTestdevChannel *c, unsigned offset,
                                uint32_t val);

/* dma.c */
bool pasid_testdev_makes_sense(PASIDTestdev *d, const PASIDTestdevChannel *c);
void pasid_testdev_start(PASIDTestdev *d, unsigned channel, uint32_t command);
void pasid_testdev_run(void *opaque);
void pasid_testdev_wake(void *opaque);
/* A group of page requests is answered: which channel waits for it? */
void pasid_testdev_answered(PASIDTestdev *d, unsigned prgi, unsigned code);
/* There will be no responses to what is outstanding. */
void pasid_testdev_stop_waiting(PASIDTestdev *d);

/* migrate.c */
bool pasid_testdev_is_stopped(PASIDTestdev *d);
bool pasid_testdev_is_loading(PASIDTestdev *d);
/* A write of MIGRATION, and one of another register while it is loading */
void pasid_testdev_set_migration(PASIDTestdev *d, uint32_t val);
void pasid_testdev_load(PASIDTestdev *d, hwaddr addr, uint32_t val);

/* iotlb.c */
void pasid_testdev_iotlb_realize(PASIDTestdev *d);
void pasid_testdev_iotlb_exit(PASIDTestdev *d);
void pasid_testdev_iotlb_clear(PASIDTestdev *d);
/* A request without PASID, within a page */
MemTxResult pasid_testdev_iotlb_rw(PASIDTestdev *d, uint64_t addr, void *buf,
                                   uint64_t len, bool write);

/* ats.c */
extern const PCIATSDeviceOps pasid_testdev_ats_ops;

/**
 * pasid_testdev_atc_find: The translation of @addr, asked for if need be.
 *
 * Return: false if the IOMMU refuses to translate; @page may lack rights.
 */
bool pasid_testdev_atc_find(PASIDTestdev *d, const PCIPASIDPrefix *prefix,
                            uint64_t addr, bool write, PCIATSTranslation *page);
void pasid_testdev_atc_clear(PASIDTestdev *d);
unsigned pasid_testdev_atc_count(PASIDTestdev *d);

/* Return: false if no more may be outstanding now. */
bool pasid_testdev_send_page_request(PASIDTestdev *d,
                                     const PCIPageRequest *request);
void pasid_testdev_forget_requests(PASIDTestdev *d);

#endif
