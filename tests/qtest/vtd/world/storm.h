/*
 * A hostile guest: random tables, descriptors and register writes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All that is random comes from one seed, so that a run can be repeated.
 * Tables are well-formed for the most part, or nothing would get past the
 * first check.  What counts as an operation: a table entry written, a
 * descriptor queued, a register written, a DMA started.
 */

#ifndef QTEST_VTD_STORM_H
#define QTEST_VTD_STORM_H

#include "libqos/pasid-testdev.h"
#include "libqos/vtd.h"

#define STORM_DEVICES   2

typedef enum StormOp {
    STORM_ROOT,
    STORM_CONTEXT,
    STORM_DIRECTORY,
    STORM_PASID,
    STORM_STAGE,            /* first- and second-stage page tables */
    STORM_DESCRIPTOR,
    STORM_REGISTER,
    STORM_DMA,
    STORM_OP__MAX,
} StormOp;

typedef struct Storm {
    QVTD *vtd;              /* for its registers only */
    GRand *rand;
    uint32_t seed;
    uint64_t base;          /* RAM to write all this in: STORM_BYTES of it */
    uint64_t ram;           /* bytes that the guest has from 0 on */
    QVTDEdu *edu[STORM_DEVICES];
    uint16_t sid[STORM_DEVICES];
    unsigned devices;
    unsigned stage_batches; /* 128 page-table entries each, a round */
    /* A device with PASIDs and page requests beside these, or NULL; whose @sid */
    QTestdev *testdev;
    uint16_t testdev_sid;
    uint64_t count[STORM_OP__MAX];
    uint64_t rounds;
    uint64_t queue_errors;
} Storm;

#define STORM_PAGES     128
#define STORM_BYTES     (STORM_PAGES * 4096ULL)

/**
 * storm_init: Seeds from VTD_STORM_SEED, 1 by default, and says so.
 */
void storm_init(Storm *s, QVTD *vtd, uint64_t base, uint64_t ram);
void storm_add_device(Storm *s, QVTDEdu *edu, uint16_t sid);
/* Its context entry lets PASIDs and page requests pass, most of the time. */
void storm_add_testdev(Storm *s, QTestdev *testdev, uint16_t sid);

/* Rounds until @ops operations more are done. */
void storm_run(Storm *s, uint64_t ops);
/* Operations so far */
uint64_t storm_ops(const Storm *s);
/* How many a run should have: VTD_STORM_OPS, or @ops. */
uint64_t storm_wanted(uint64_t ops);

/**
 * storm_end: Prints what was done.  Leaves a unit that is switched off, with no
 * fault recorded and no DMA on its way, as the next kernel would.
 */
void storm_end(Storm *s);

#endif
