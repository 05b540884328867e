/*
 * intel-iommu,nested=on: the world of its tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A QEMU with passed-through edu devices, in a host whose debugfs tells what
 * its VT-d hardware was told.
 */

#ifndef QTEST_INTEL_IOMMU_NESTED_WORLD_H
#define QTEST_INTEL_IOMMU_NESTED_WORLD_H

#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "libqos/vtd.h"
#include "libqos/vtd-host.h"

#define MIB             (1024 * 1024ULL)
#define PAGE            4096

/* Guest memory; the IOVAs are guest-physical addresses of RAM as well. */
#define IOVA_SRC        (64 * MIB)
#define IOVA_DST        (IOVA_SRC + PAGE)
#define PAGE_A          (80 * MIB)
#define PAGE_B          (PAGE_A + PAGE)
#define PAGE_DST        (PAGE_A + 2 * PAGE)
#define TABLES          (96 * MIB)
#define TABLES_END      (112 * MIB)

#define ROOT_SCALABLE   (1 << 10)       /* RTADDR_REG.TTM */

#define SLOT            4
#define SLOT2           5
#define DID             7
#define DID2            8

/* PASID-granular translation types */
enum {
    PGTT_STAGE1 = 1,
    PGTT_STAGE2 = 2,
    PGTT_NESTED = 3,
    PGTT_PASS = 4,
};

typedef enum Op {
    END,
    START,              /* boot: the host's stage 2 alone */
    TE_ON,
    TE_OFF,
    SRTP,               /* set the root pointer again */
    LEGACY,             /* ... to a table of legacy mode */
    SET_A,              /* PASID entry: first stage, table A; and invalidate */
    SET_A_DID2,         /* the same table in another domain */
    SET_B,              /* first stage, table B */
    SET_PASS,
    SET_STAGE2,
    SET_NESTED,
    SET_FIVE_LEVEL,     /* which the vIOMMU does not offer */
    SET_NO_TYPE,        /* PGTT 0 */
    SET_STAGE2_FPD,     /* with Fault Processing Disable */
    SET_EAFE,           /* extended accessed flags, which the host has not */
    SET_NONE,
    WRITE_B,            /* PASID entry to table B, without invalidation */
    CONTEXT_CLEAR,
    CONTEXT_RESERVED,   /* a bit that must be 0 */
    CONTEXT_RID_PASID,  /* beyond the PASID directory */
    CONTEXT_SET,        /* as it was before */
    DIRECTORY_CLEAR,    /* the directory's entry not present */
    REMAP_B,            /* table A: the IOVA now leads to page B */
    INV_OTHER_PAGE,
    INV_OTHER_DID,
    INV_PAGE,
    INV_RANGE,          /* 2^9 pages around it */
    INV_PASID,
    INV_DOMAIN,
    INV_GLOBAL,
    INV_IOTLB_PAGE,
    PC_GLOBAL,
    CC_GLOBAL,
    PC_BAD,             /* a PASID-cache descriptor of reserved granularity */
    SYSTEM_RESET,
    FAIL_INVALIDATE_1,  /* the next one, two, three IOMMU_HWPT_INVALIDATE */
    FAIL_INVALIDATE_2,
    FAIL_INVALIDATE_3,
    FAIL_ALLOC,         /* the next IOMMU_HWPT_ALLOC */
    FAIL_ATTACH,        /* the next VFIO_DEVICE_ATTACH_IOMMUFD_PT */
} Op;

/* Where the device's read of IOVA_SRC ended up */
typedef enum Dma {
    BLOCKED,
    TO_A,
    TO_B,
    IDENTITY,           /* at the guest-physical address IOVA_SRC */
    SKIP,
} Dma;

enum { TABLE_NONE, TABLE_A, TABLE_B };

typedef struct NestedTest {
    QTestState *qts;
    QPCIBus *pci;
    QVTDEdu edu;
    QVTD *vtd;                  /* one for all devices of a machine */
    const char *bdf;
    uint8_t bus;
    uint8_t devfn;
    uint64_t entry;             /* the device's PASID entry */
    uint64_t context;           /* ... and context entry */
    uint64_t context_val[2];    /* what the context entry should hold */
    QVTDTable tables[3];        /* TABLE_A and TABLE_B */
} NestedTest;

/* A machine with the vIOMMU and @devices, and no tables. */
void nested_start(NestedTest *t, const char *devices);
/* ... with the device in SLOT, its tables built but not used yet. */
void nested_setup(NestedTest *t);
/* Takes the device there for the one that does DMA. */
void nested_setup_device(NestedTest *t, uint8_t bus, uint8_t devfn);
/* Queue, root table, and stage-1 tables A and B; translation is off. */
void nested_build_tables(NestedTest *t);
/* Context and PASID entries of the device. */
void nested_build_entries(NestedTest *t);
/* Ends QEMU.  Asserts that every object was destroyed in a good order. */
void nested_teardown(NestedTest *t);
/* One invalidation descriptor.  Asserts that it is carried out. */
void nested_inv(NestedTest *t, uint64_t lo, uint64_t hi);
/* What a guest, or the host, does. */
void nested_step(NestedTest *t, Op op);
/* A number that QEMU's iommufd object has, such as x-calls-*. */
int64_t nested_iommufd_number(NestedTest *t, const char *property);
/* How often QEMU made an ioctl: "iommu-hwpt-alloc". */
int64_t nested_calls(NestedTest *t, const char *ioctl_name);
/* The host's PASID entry: @pgtt, 0 for not present, and if nested @stage1. */
void nested_check_host(NestedTest *t, unsigned pgtt, uint64_t stage1);
/* Takes the guest's fault record: reason @want, or 0 for none. */
void nested_check_fault(NestedTest *t, unsigned want);
/* Has the device copy a page from IOVA_SRC to IOVA_DST. */
Dma nested_probe(NestedTest *t);

#endif
