/*
 * VT-d translation by the book: a reference walker for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Written from the specification, section by section, and not from the code that
 * it judges: nothing of hw/ is included, and there is no cache.
 */

#ifndef QTEST_VTD_ORACLE_H
#define QTEST_VTD_ORACLE_H

/* Guest memory as the test knows it */
typedef struct OracleMemory {
    /* Return: false if no memory is there. */
    bool (*read)(void *opaque, uint64_t addr, uint64_t *val);
    /* Sets @bits of the quadword at @addr, which was read before. */
    void (*set)(void *opaque, uint64_t addr, uint64_t bits);
    void *opaque;
} OracleMemory;

/* What the unit reports of itself: CAP_REG, ECAP_REG */
typedef struct OracleUnit {
    OracleMemory memory;
    uint64_t root;
    unsigned mgaw;          /* bits of an address that stage 2 translates */
    unsigned width;         /* bits of a host address */
    unsigned sagaw;         /* bit 1: 39 bits, 2: 48, 3: 57 */
    bool five_levels;       /* of stage 1 */
    bool s1_1g;
    bool mts, sc, srs, slads, smpwc;
    uint64_t context_rsvd[2];   /* of a context entry */
    unsigned types;         /* bit n: PGTT n */
} OracleUnit;

void oracle_unit_init(OracleUnit *u, uint64_t cap, uint64_t ecap);

typedef struct OracleRequest {
    uint16_t sid;
    bool has_pasid;
    uint32_t pasid;
    uint64_t addr;
    bool write;
    bool priv, exec;        /* of one with PASID */
    bool translation;       /* a translation request, of ATS */
} OracleRequest;

/* Fault reasons by their condition codes, VT-d 7.1.3 */
enum {
    ORACLE_SRT1 = 0x38, ORACLE_SRT2, ORACLE_SRT3,
    ORACLE_SCT1 = 0x40, ORACLE_SCT2, ORACLE_SCT3,
    ORACLE_SCT5 = 0x44, ORACLE_SCT6, ORACLE_SCT7,
    ORACLE_SCT9 = 0x48,
    ORACLE_SPD1 = 0x50, ORACLE_SPD2, ORACLE_SPD3,
    ORACLE_SPT1 = 0x58, ORACLE_SPT2, ORACLE_SPT3, ORACLE_SPT4, ORACLE_SPT5,
    ORACLE_SPT6,
    ORACLE_SFS1 = 0x70, ORACLE_SFS2, ORACLE_SFS3, ORACLE_SFS4, ORACLE_SFS5,
    ORACLE_SFS6, ORACLE_SFS7, ORACLE_SFS8,
    ORACLE_SSS1 = 0x78, ORACLE_SSS2, ORACLE_SSS3, ORACLE_SSS4,
    ORACLE_SGN1 = 0x80, ORACLE_SGN2,
    ORACLE_SGN4 = 0x83, ORACLE_SGN5, ORACLE_SGN6, ORACLE_SGN7, ORACLE_SGN8,
};

typedef struct OracleResult {
    unsigned reason;        /* 0: translated */
    unsigned also;          /* of the same entry, where no order is laid down */
    bool silent;            /* fault processing is disabled: no record */
    unsigned pgtt;          /* once it is known */
    uint64_t out;           /* of the address asked for */
    unsigned size_lg2;      /* of the page around it */
    bool read, write;       /* rights that all levels give */
} OracleResult;

/* Accessed and dirty flags are set in memory on the way. */
OracleResult oracle_translate(const OracleUnit *u, const OracleRequest *req);

/* VT-d 7.1.3: no fault of a translation request, but one without rights */
bool oracle_is_recoverable(unsigned reason);

#endif
