/*
 * intel-iommu,nested=on: what a guest does, and a host that fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A case is a row: steps, and after each what the host's PASID entry is, where
 * the device's DMA goes, and what fault the guest finds.
 */

#ifndef QTEST_INTEL_IOMMU_NESTED_STEPS_H
#define QTEST_INTEL_IOMMU_NESTED_STEPS_H

#include "nested-world.h"

typedef enum Op {
    END,
    START,              /* boot: the host's stage 2 alone */
    TE_ON,
    TE_OFF,
    SRTP,               /* set the root pointer again */
    LEGACY,             /* ... to a table of legacy mode */
    TTM_RESERVED,       /* ... of no mode */
    TTM_ABORT,          /* ... of abort-DMA mode, which is not offered */
    ROOT_OTHER,         /* ... to another one, which leads to table B */
    RTADDR_OTHER,       /* writes the register, does not set the pointer */
    SET_A,              /* PASID entry: first stage, table A; and invalidate */
    SET_A_DID2,         /* the same table in another domain */
    SET_B,              /* first stage, table B */
    SET_PASS,
    SET_STAGE2,
    SET_NESTED,
    SET_FIVE_LEVEL,     /* which the vIOMMU does not offer */
    SET_NO_TYPE,        /* PGTT 0 */
    SET_STAGE2_FPD,     /* with Fault Processing Disable */
    SET_EAFE,           /* extended accessed flags, which are not offered */
    SET_SRE,            /* supervisor requests */
    SET_WPE,            /* ... and write protection for them */
    SET_A_FPD,          /* translation works, faults are not recorded */
    SET_WIDE,           /* 57 bits: the table of 5 levels */
    SET_NONE,
    WRITE_B,            /* PASID entry to table B, without invalidation */
    WRITE_A_DID2,       /* ... to another domain */
    CONTEXT_CLEAR,
    CONTEXT_RESERVED,   /* a bit that must be 0 */
    CONTEXT_RID_PASID,  /* beyond the PASID directory */
    CONTEXT_DTE,        /* device TLB enable: ECAP.DT is 0 */
    CONTEXT_PASIDE,     /* PASID enable: ECAP.PASID is 0 */
    CONTEXT_FPD,
    CONTEXT_SET,        /* as it was before */
    CONTEXT_OTHER,      /* another directory, which leads to table B */
    CONTEXT_RID5,       /* another directory, PASID 5 for RID: table A */
    CONTEXT_HIGH,       /* the largest one, the highest PASID: table B */
    DIRECTORY_CLEAR,    /* the directory's entry not present */
    DIRECTORY_RESERVED, /* ... with a bit that must be 0 */
    DIRECTORY_FPD,
    REMAP_A,            /* table A: the IOVA now leads to page A */
    REMAP_B,            /* ... to page B */
    INV_OTHER_PAGE,
    INV_OTHER_DID,
    INV_PAGE,
    INV_RANGE,          /* 2^9 pages around it */
    INV_PASID,
    INV_PASID5,
    INV_DOMAIN,
    INV_GLOBAL,
    INV_IOTLB_PAGE,
    PC_GLOBAL,
    CC_GLOBAL,
    PC_BAD,             /* a PASID-cache descriptor of reserved granularity */
    SYSTEM_RESET,       /* and the tables built anew, not used yet */
    FAIL_INVALIDATE_1,  /* the next one, two, three IOMMU_HWPT_INVALIDATE */
    FAIL_INVALIDATE_2,
    FAIL_INVALIDATE_3,
    FAIL_ALLOC,         /* the next IOMMU_HWPT_ALLOC */
    FAIL_ALLOC_2,       /* ... two */
    FAIL_ATTACH,        /* the next VFIO_DEVICE_ATTACH_IOMMUFD_PT */
} Op;

typedef struct Step {
    Op op;
    unsigned pgtt;      /* of the host's entry, 0: not present */
    unsigned table;     /* in the host's entry */
    Dma dma;
    unsigned fault;     /* reason in the guest's fault record, 0: none */
} Step;

typedef struct Case {
    const char *name;
    Step steps[12];
} Case;

#define HOST_STAGE2     PGTT_STAGE2, TABLE_NONE
#define HOST_NESTED_A   PGTT_NESTED, TABLE_A
#define HOST_NESTED_B   PGTT_NESTED, TABLE_B
#define HOST_NESTED_5   PGTT_NESTED, TABLE_5_LEVELS
#define HOST_NOTHING    0, TABLE_NONE

#define BOOT            { START, HOST_STAGE2, IDENTITY }
#define ATTACH_A        BOOT, { SET_A, HOST_STAGE2, SKIP }, \
                        { TE_ON, HOST_NESTED_A, TO_A }

/* One invalidation descriptor.  Asserts that it is carried out. */
void nested_inv(NestedTest *t, uint64_t lo, uint64_t hi);
/* What a guest, or the host, does. */
void nested_step(NestedTest *t, Op op);
/* Each step, and what is to be seen after it */
void nested_run_steps(NestedTest *t, const Case *c);
/* Adds the cases to the program, each under /intel-iommu/nested. */
void nested_add_cases(const Case *cases, size_t count);

/*
 * Any page of the guest, with a device on table A; a read that is blocked leaves
 * what nested_map_mark(), before that table is set, put beside IOVA_SRC.
 */
void nested_map_mark(NestedTest *t);
/* Are @gpa, in guest memory, and IOVA_SRC, for the device, the same page? */
bool nested_is_at_src(NestedTest *t, uint64_t gpa);
/* The same, of any page: stage 1 is changed to it. */
bool nested_reaches(NestedTest *t, uint64_t gpa);

#endif
