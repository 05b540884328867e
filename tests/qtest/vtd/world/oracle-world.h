/*
 * Two devices on the same tables, behind intel-iommu,nested=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An operation changes an entry of a table, or turns translation off or on, and
 * may be followed by an invalidation.  Then some pages are probed: the devices
 * read and write them, and must move the same data, or both be blocked, as the
 * reference walker has it.
 *
 * Caches may keep what was there before, so what is compared is what VT-d 6.5
 * lays down: a page that no change concerns since an invalidation that covers
 * it, by domain-id, PASID and address.  A table's entry that was not present
 * concerns none.  After a PASID entry changed, nothing is compared until the
 * PASID cache and the IOTLB of its old domain-id are invalidated, also where it
 * was not present: with nested=on the invalidation is how the host is told.
 */

#ifndef QTEST_VTD_ORACLE_WORLD_H
#define QTEST_VTD_ORACLE_WORLD_H

#include "nested-world.h"
#include "libqos/pasid-testdev.h"
#include "oracle.h"

/* Pages that the tables have */
#define ORACLE_PAGES    28

typedef enum OracleChange {
    CHANGE_LEAF, CHANGE_L2, CHANGE_L3, CHANGE_L4, CHANGE_PASID,
    CHANGE_DIRECTORY, CHANGE_CONTEXT, CHANGE_ENABLE, CHANGES,
} OracleChange;

typedef enum OracleInv {
    INV_NONE, INV_PAGE, INV_PASID, INV_DOMAIN, INV_IOTLB, INV_ENTRY,
    INV_GLOBAL, INV_ALL, INVS,
} OracleInv;

/* What it does depends on nothing but this, so that it can be left out. */
typedef struct OracleOperation {
    OracleChange change;
    OracleInv inv;
    uint32_t where, what, probes;
    bool skip;
} OracleOperation;

typedef struct OracleWorld {
    NestedTest n;
    QTestdev dev[2];            /* passed through, emulated */
    unsigned first;             /* 1 where there is none to pass through */
    uint64_t seen[2];           /* what each has read last */
    OracleUnit unit;
    uint64_t words[ORACLE_PAGES * 512];
    unsigned mamv;
    unsigned rid_pasid;
    bool enabled;
    /* What caches may have that is no more */
    uint64_t cells;
    unsigned entries;           /* changes of PASID entries */
    unsigned old_pasid, old_did;
    bool context, mixed;
    uint64_t inv_address;       /* of the last entry changed */
    unsigned inv_am;
    char *difference;           /* NULL: none was seen */
    uint64_t alike, blocked, left_out;      /* pages probed, or not */
} OracleWorld;

/* VTD_TEST_BDF is what is passed through; without, there is one device. */
void oracle_world_start(OracleWorld *w);
void oracle_world_stop(OracleWorld *w);

/* Sound tables, all of them invalidated, translation on */
void oracle_world_build(OracleWorld *w);

/* Return: false if the devices, or the walker, differ. */
bool oracle_world_operate(OracleWorld *w, const OracleOperation *op);

/* Return: whether each page of data is as it was, less what was probed. */
bool oracle_world_is_intact(OracleWorld *w);

#endif
