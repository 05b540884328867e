/*
 * A machine with both stages set up around one page of data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QTEST_INTEL_IOMMU_WALK_WORLD_H
#define QTEST_INTEL_IOMMU_WALK_WORLD_H

#include "libqos/vtd.h"

/* What a case starts from; zeroes mean the default in brackets. */
typedef struct WorldSetup {
    const char *props;      /* of intel-iommu [ecap-nest=on] */
    unsigned pgtt;          /* [3, nested] */
    unsigned s1_lg2;        /* page sizes [12] */
    unsigned s2_lg2;
    unsigned s1_levels;     /* [4] */
    unsigned s2_levels;     /* [4] */
    uint64_t iova_base;     /* added to the address */
    uint64_t pe_flags[3];   /* of the PASID entry */
    uint64_t rid_pasid;     /* with RID_PRIV, bit 20 [WORLD_PASID] */
    bool pdts_small;        /* PDTS = 0: PASIDs up to 8191 */
    const char *machine;    /* [q35] */
} WorldSetup;

#define WORLD_SID       0x20
#define WORLD_DID       7
#define WORLD_PASID     5
#define WORLD_RID_PRIV  (1ULL << 20)
#define WORLD_IOVA_SHIFT 0x7f80000000ULL    /* IOVA - GPA; a multiple of 1 GiB */
#define WORLD_NO_RAM    0x7f00000000ULL     /* nothing is there */
#define WORLD_ROM       0xfffe0000ULL       /* entries, read-only */
#define WORLD_S2_END    0x8000000000ULL     /* of a stage 2 of 3 levels */

/* Entries, for a case to edit.  "Top" and "leaf" are those of the address. */
typedef enum Where {
    NOWHERE,
    RTADDR,                 /* the register: not an entry */
    ROOT,
    CONTEXT0,
    CONTEXT1,
    CONTEXT2,
    PASID_DIR,
    PASID0,
    PASID1,
    PASID2,
    PASID3,
    S1_TOP,
    S1_MIDDLE,              /* level 3, above the leaf */
    S1_LEAF,
    S2_TOP,
    S2_LEAF,
    S2_OF_S1_TOP,           /* stage 2's leaf of the table that S1_TOP is in */
    S2_OF_S1_LEAF,
    WHERE_NR,
} Where;

typedef struct World {
    QTestState *qts;
    QPCIBus *bus;
    QVTD vtd;
    QVTDEdu edu;
    QVTDTable s1, s2;
    uint64_t slot[WHERE_NR];
    uint64_t iova;          /* what the device says */
    uint64_t gpa;           /* what stage 1 makes of it, nested */
    uint64_t data;          /* where it ends: a page of RAM */
    uint64_t other;         /* another page, in reach of the same tables */
    unsigned pgtt;
} World;

/* The device's buffer holds world_pattern; translation is off. */
void world_start(World *w, const WorldSetup *setup);
/* Tables and pattern anew; translation is off, and was who knows where. */
void world_rebuild(World *w, const WorldSetup *setup);
void world_translate(World *w);
void world_stop(World *w);

/* Translation is on, and its wait descriptors are done. */
void world_save(World *w, const char *file);
/*
 * A machine of such properties, by the state that world_save() made.  Of the
 * slots only S1_LEAF is known; world_rebuild() is not for it.
 * @uri: as "migrate-incoming" has it
 */
void world_load(World *w, const WorldSetup *setup, const char *uri);
/* The device's buffer holds world_pattern, by the tables: translation is on. */
void world_load_pattern_translated(World *w);

/*
 * Nothing runs the firmware.  Its ROM, at the end of the first 4 GiB, is where
 * a table can be read but not updated: every entry is present, not accessed.
 *
 * Return: the file's name; unlink and g_free it once QEMU has started.
 */
char *world_rom_file(void);

void world_edit(World *w, Where where, uint64_t clear, uint64_t set);
uint64_t world_entry(World *w, Where where);

/* DMA of the pattern to the address: which page holds it now? */
typedef enum Landed { NO_PAGE, DATA_PAGE, OTHER_PAGE } Landed;
Landed world_write(World *w, uint64_t iova);

/* DMA from the address: did the data page's content arrive? */
bool world_read(World *w);

#endif
