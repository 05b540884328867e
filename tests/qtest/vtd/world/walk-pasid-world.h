/*
 * A machine with pasid-testdev, and address spaces for its PASIDs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_INTEL_IOMMU_WALK_PASID_WORLD_H
#define QTEST_INTEL_IOMMU_WALK_PASID_WORLD_H

#include "libqos/vtd.h"
#include "libqos/pasid-testdev.h"

#define PASIDS_SID      0x28        /* the device: 00:05.0 */
#define PASIDS_DID(n)   (7 + (n))
#define PASIDS_IOVA     0x0a123000ULL   /* the same in all spaces */
#define PASIDS_SPACES   3

/* Spaces 0 and 1 have these, 2 is that of requests without PASID. */
#define PASIDS_A        0x9abcd     /* does not fit 16 bits */
#define PASIDS_B        0x2f
#define PASIDS_RID      0x3

#define PASIDE          (1ULL << 3) /* of the context entry */
#define DTE             (1ULL << 2)
#define PRE             (1ULL << 4)

/* One PASID's way from PASIDS_IOVA to a page */
typedef struct PasidSpace {
    uint32_t pasid;
    unsigned pgtt;
    uint16_t did;
    uint64_t slot;          /* of its PASID entry */
    QVTDTable s1, s2;
    uint64_t leaf;          /* slot of the address's last entry */
    uint64_t data;          /* two pages of RAM */
} PasidSpace;

typedef struct PasidWorld {
    QTestState *qts;
    QPCIBus *bus;
    QVTD vtd;
    QTestdev dev;
    uint64_t context;       /* slot */
    PasidSpace space[PASIDS_SPACES];
} PasidWorld;

typedef struct PasidSetup {
    const char *props;      /* of intel-iommu [ecap-nest=on] */
    const char *device;     /* more properties of pasid-testdev */
    unsigned pgtt[PASIDS_SPACES];   /* [1] */
    uint64_t context;       /* flags of the context entry [PASIDE] */
    unsigned enable;        /* QTESTDEV_* [QTESTDEV_PASID] */
    bool off;               /* translation stays off */
} PasidSetup;

void pasids_start(PasidWorld *w, const PasidSetup *setup);
void pasids_stop(PasidWorld *w);

/* Write what the device's memory has at space @n's place, through it. */
QTestdevCommand pasids_command(PasidWorld *w, unsigned n, uint32_t op);

/* The pattern of space @n; 8 KiB: across two pages. */
#define PASIDS_BYTES    0x1800
void pasids_pattern(unsigned n, uint8_t buf[PASIDS_BYTES]);
/* Writes 16 bytes of the pattern, as @op says; are they where it should be? */
void pasids_write_16(PasidWorld *w, unsigned n, uint32_t op);
bool pasids_arrived_16(PasidWorld *w, unsigned n);

/* Is the pattern of space @n at @addr in RAM? */
bool pasids_holds(PasidWorld *w, uint64_t addr, unsigned n);

#endif
