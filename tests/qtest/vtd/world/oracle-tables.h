/*
 * Random VT-d tables that mostly lead somewhere
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A page for each purpose, and of each level of both stages some.  Each has
 * entries in a few slots, from which the addresses of requests are made.  A
 * guest-physical address of a table leads to it by many ways through stage 2,
 * and one of these is where it really lies: so stage 1 alone finds it too.
 */

#ifndef QTEST_VTD_ORACLE_TABLES_H
#define QTEST_VTD_ORACLE_TABLES_H

/* The tables, aligned to 2 MiB; the root table is the first page. */
#define ORACLE_TABLES       0x01000000ULL
#define ORACLE_TABLE_PAGES  29
#define ORACLE_WORDS        (ORACLE_TABLE_PAGES * 512)
#define ORACLE_PASIDS       64
#define ORACLE_WRITTEN      0x5752495454454eULL

typedef struct OracleTables {
    GRand *rand;
    uint64_t ram;           /* its end; from the tables on all is known */
    unsigned width;         /* of a host address */
    bool five_levels;
    uint64_t words[ORACLE_WORDS];
    uint32_t rid_pasid;
} OracleTables;

void oracle_tables_init(OracleTables *t, uint64_t ram, unsigned width,
                        bool five_levels);
void oracle_tables_end(OracleTables *t);
/* Anew, and the same for the same numbers */
void oracle_tables_build(OracleTables *t, uint64_t seed, uint64_t number);

/* OracleMemory, with the tables' words and what RAM holds besides */
bool oracle_tables_read(OracleTables *t, uint64_t addr, uint64_t *val);
void oracle_tables_set(OracleTables *t, uint64_t addr, uint64_t bits);
void oracle_set_nothing(void *opaque, uint64_t addr, uint64_t bits);

/* What a page of RAM at @page begins with; the rest of it is zero. */
uint64_t oracle_data_at(uint64_t page);
/* Is that RAM, and no table? */
bool oracle_is_data(const OracleTables *t, uint64_t addr);

bool oracle_one_in(OracleTables *t, unsigned n);
uint32_t oracle_pick_pasid(OracleTables *t);
/* An address that the tables of @pasid know; UINT32_MAX is RID_PASID. */
uint64_t oracle_pick_address(OracleTables *t, uint32_t pasid);

/* What is said of @pasid, for the log */
void oracle_tables_print(const OracleTables *t, uint32_t pasid);

#endif
