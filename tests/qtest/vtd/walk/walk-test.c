/*
 * QTest cases for the two-stage walk of intel-iommu,ecap-nest=on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A case is a row.  Faults are named as VT-d 7.1.3 does.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-world.h"
#include "rows.h"

/* Bits that several rows edit */
#define S1_P            (1ULL << 0)
#define S1_RW           (1ULL << 1)
#define S1_US           (1ULL << 2)
#define S1_A            (1ULL << 5)
#define S1_D            (1ULL << 6)
#define S2_R            (1ULL << 0)
#define S2_W            (1ULL << 1)
#define S2_A            (1ULL << 8)
#define S2_D            (1ULL << 9)
#define PS              (1ULL << 7)
#define FPD             (1ULL << 1)
#define ADDRESS         0x000ffffffffff000ULL
#define BEYOND_HAW      (1ULL << 51)
#define PE_SRE          (1ULL << 0)
#define PE_WPE          (1ULL << 4)
#define PE_SLADE        (1ULL << 9)
#define PE_PGTT         (7ULL << 6)
#define INTERRUPT       0xfee00000ULL

#define NEST5           "ecap-nest=on,fs5lp=on"
#define AW57            "ecap-nest=on,aw-bits=57"

typedef struct Edit {
    Where where;
    uint64_t clear, set;
} Edit;

/* Translations and faults */

typedef struct WalkRow {
    const char *name;
    WorldSetup setup;
    Edit edit[4];
    uint64_t iova;          /* if not the world's */
    bool read;              /* else the device writes */
    unsigned fault;         /* reason; 0: the data arrives */
    bool unrecorded;        /* and no record is made of it */
} WalkRow;

static const WalkRow walk_rows[] = {
    /* Each translation type, each page size */
    { "first-stage/4k", { .pgtt = 1 } },
    { "first-stage/4k/read", { .pgtt = 1 }, .read = true },
    { "first-stage/2m", { .pgtt = 1, .s1_lg2 = 21 } },
    { "first-stage/1g", { .pgtt = 1, .s1_lg2 = 30 } },
    { "first-stage/5-level", { NEST5, .pgtt = 1, .s1_levels = 5,
                               .iova_base = 0x00ab000000000000ULL } },
    { "first-stage/upper-half", { .pgtt = 1,
                                  .iova_base = 0xffff800000000000ULL } },
    { "first-stage/5-level/upper-half",
      { NEST5, .pgtt = 1, .s1_levels = 5,
        .iova_base = 0xff10000000000000ULL } },
    { "second-stage/4k", { .pgtt = 2 } },
    { "second-stage/4k/read", { .pgtt = 2 }, .read = true },
    { "second-stage/2m", { .pgtt = 2, .s2_lg2 = 21 } },
    { "second-stage/1g", { .pgtt = 2, .s2_lg2 = 30 } },
    { "second-stage/3-level", { .pgtt = 2, .s2_levels = 3 } },
    { "second-stage/aw-39", { "ecap-nest=on,aw-bits=39", .pgtt = 2,
                              .s2_levels = 3 } },
    { "pass-through", { .pgtt = 4 } },
    { "pass-through/read", { .pgtt = 4 }, .read = true },
    { "nested/4k-4k", { .pgtt = 3 } },
    { "nested/4k-4k/read", { .pgtt = 3 }, .read = true },
    { "nested/4k-2m", { .s2_lg2 = 21 } },
    { "nested/4k-1g", { .s2_lg2 = 30 } },
    { "nested/2m-4k", { .s1_lg2 = 21 } },
    { "nested/2m-2m", { .s1_lg2 = 21, .s2_lg2 = 21 } },
    { "nested/2m-1g", { .s1_lg2 = 21, .s2_lg2 = 30 } },
    { "nested/1g-4k", { .s1_lg2 = 30 } },
    { "nested/1g-2m", { .s1_lg2 = 30, .s2_lg2 = 21 } },
    { "nested/1g-1g", { .s1_lg2 = 30, .s2_lg2 = 30 } },
    { "nested/3-level-stage-2", { .s2_levels = 3 } },
    { "nested/aw-39", { "ecap-nest=on,aw-bits=39", .s2_levels = 3 } },
    { "nested/aw-39/4-level", { "ecap-nest=on,aw-bits=39" } },
    { "nested/5-level", { NEST5, .s1_levels = 5,
                          .iova_base = 0x00ab000000000000ULL } },
    { "nested/5-level/2m-1g/read",
      { NEST5, .s1_levels = 5, .s1_lg2 = 21, .s2_lg2 = 30,
        .iova_base = 0xff10000000000000ULL }, .read = true },
    { "nested/device-iotlb", { "ecap-nest=on,device-iotlb=on" } },

    /* Accessed and dirty bits; every row above checks them, too */
    { "ad/second-stage/write", { .pgtt = 2, .pe_flags = { PE_SLADE } } },
    { "ad/second-stage/read", { .pgtt = 2, .pe_flags = { PE_SLADE } },
      .read = true },
    { "ad/second-stage/1g", { .pgtt = 2, .s2_lg2 = 30,
                              .pe_flags = { PE_SLADE } } },
    { "ad/nested/write", { .pe_flags = { PE_SLADE } } },
    { "ad/nested/read", { .pe_flags = { PE_SLADE } }, .read = true },
    { "ad/nested/2m-2m", { .s1_lg2 = 21, .s2_lg2 = 21,
                           .pe_flags = { PE_SLADE } } },
    /* Nothing to update: tables may be read-only in stage 2. */
    { "ad/nested/set-before", {},
      { { S1_LEAF, 0, S1_A | S1_D }, { S2_OF_S1_LEAF, S2_W, 0 } } },

    /* Beyond 52 bits an address is never the host's: they are software's. */
    { "aw-57/first-stage", { AW57, .pgtt = 1 },
      { { S1_LEAF, 0, 1ULL << 52 }, { S1_TOP, 0, 1ULL << 56 } } },
    { "aw-57/second-stage", { AW57, .pgtt = 2 },
      { { S2_LEAF, 0, 1ULL << 52 }, { S2_TOP, 0, 1ULL << 56 } } },
    { "aw-57/second-stage/5-level", { AW57, .pgtt = 2, .s2_levels = 5,
                                      .iova_base = 0x00ab000000000000ULL } },
    { "aw-57/nested", { AW57, .s2_levels = 5 },
      { { S1_LEAF, 0, 1ULL << 53 }, { S2_LEAF, 0, 1ULL << 54 },
        { S2_OF_S1_LEAF, 0, 1ULL << 55 } } },
    { "aw-57/SRT.3", { AW57 }, { { ROOT, 0, 1ULL << 52 } }, .fault = 0x3a },
    { "aw-57/SCT.3", { AW57 }, { { CONTEXT0, 0, 1ULL << 52 } },
      .fault = 0x42 },
    { "aw-57/SPD.3", { AW57 }, { { PASID_DIR, 0, 1ULL << 52 } },
      .fault = 0x52 },
    { "aw-57/SPT.3/stage-1-pointer", { AW57, .pgtt = 1 },
      { { PASID2, 0, 1ULL << 52 } }, .fault = 0x5a },
    { "aw-57/SPT.3/stage-2-pointer", { AW57, .pgtt = 2 },
      { { PASID0, 0, 1ULL << 52 } }, .fault = 0x5a },
    { "aw-57/SGN.4/pass-through", { AW57, .pgtt = 4 }, .iova = 1ULL << 52,
      .fault = 0x83 },

    /* Privilege */
    { "supervisor", { .rid_pasid = WORLD_PASID | WORLD_RID_PRIV,
                      .pe_flags = { [2] = PE_SRE } },
      { { S1_LEAF, S1_US, 0 } } },
    { "supervisor/ignores-rw", { .rid_pasid = WORLD_PASID | WORLD_RID_PRIV,
                                 .pe_flags = { [2] = PE_SRE } },
      { { S1_LEAF, S1_RW, 0 } } },
    { "supervisor/wpe", { .rid_pasid = WORLD_PASID | WORLD_RID_PRIV,
                          .pe_flags = { [2] = PE_SRE | PE_WPE } },
      { { S1_LEAF, S1_RW, 0 } }, .fault = 0x85 },
    { "supervisor/wpe/read", { .rid_pasid = WORLD_PASID | WORLD_RID_PRIV,
                               .pe_flags = { [2] = PE_SRE | PE_WPE } },
      { { S1_LEAF, S1_RW, 0 } }, .read = true },
    { "SPT.6/no-sre", { .rid_pasid = WORLD_PASID | WORLD_RID_PRIV },
      .fault = 0x5d },
    { "user/wpe-is-for-supervisors", { .pe_flags = { [2] = PE_SRE } },
      { { S1_LEAF, S1_RW, 0 } }, .fault = 0x85 },

    /* From the root table to the PASID entry */
    { "RTA.1/reserved-mode", {}, { { RTADDR, 0xc00, 0x800 } }, .fault = 0x30 },
    { "RTA.1/abort-mode", {}, { { RTADDR, 0xc00, 0xc00 } }, .fault = 0x30 },
    { "RTA.1/abort-mode/pass-through", { .pgtt = 4 },
      { { RTADDR, 0xc00, 0xc00 } }, .fault = 0x30 },
    { "SRT.1", {}, { { RTADDR, ADDRESS, WORLD_NO_RAM } }, .fault = 0x38 },
    { "SRT.2", {}, { { ROOT, 1, 0 } }, .fault = 0x39 },
    { "SRT.3", {}, { { ROOT, 0, 2 } }, .fault = 0x3a },
    { "SCT.1", {}, { { ROOT, ADDRESS, WORLD_NO_RAM } }, .fault = 0x40 },
    { "SCT.1/in-registers", {},
      { { ROOT, ADDRESS, Q35_HOST_BRIDGE_IOMMU_ADDR } }, .fault = 0x40 },
    { "SCT.2", {}, { { CONTEXT0, 1, 0 } }, .fault = 0x41 },
    { "SCT.3/quadword-2", {}, { { CONTEXT2, 0, 1 } }, .fault = 0x42 },
    { "SCT.3/dte-without-dt", {}, { { CONTEXT0, 0, 4 } }, .fault = 0x42 },
    { "SCT.3/rid-pasid-without-rps", { "ecap-nest=on,x-rps=off" },
      .fault = 0x42 },
    { "SCT.3/rid-priv-without-rprivs",
      { "ecap-nest=on,x-rprivs=off", .pe_flags = { [2] = PE_SRE },
        .rid_pasid = WORLD_PASID | WORLD_RID_PRIV }, .fault = 0x42 },
    { "SCT.3/rid-priv-without-srs",
      { "ecap-nest=on,x-srs=off",
        .rid_pasid = WORLD_PASID | WORLD_RID_PRIV }, .fault = 0x42 },
    { "SCT.9", { .pdts_small = true }, { { CONTEXT1, 0xfffff, 0x2000 } },
      .fault = 0x48 },
    { "SPD.1", {}, { { CONTEXT0, ADDRESS, WORLD_NO_RAM } }, .fault = 0x50 },
    { "SPD.2", {}, { { PASID_DIR, 1, 0 } }, .fault = 0x51 },
    { "SPD.3", {}, { { PASID_DIR, 0, 4 } }, .fault = 0x52 },
    { "SPT.1", {}, { { PASID_DIR, ADDRESS, WORLD_NO_RAM } }, .fault = 0x58 },
    { "SPT.2", {}, { { PASID0, 1, 0 } }, .fault = 0x59 },
    { "SPT.3/quadword-0", {}, { { PASID0, 0, 1 << 10 } }, .fault = 0x5a },
    { "SPT.3/quadword-1", {}, { { PASID1, 0, 1 << 16 } }, .fault = 0x5a },
    { "SPT.3/quadword-2", {}, { { PASID2, 0, 1 << 8 } }, .fault = 0x5a },
    { "SPT.3/quadword-3", {}, { { PASID3, 0, 1 } }, .fault = 0x5a },
    { "SPT.3/stage-1-pointer", { .pgtt = 1 }, { { PASID2, 0, BEYOND_HAW } },
      .fault = 0x5a },
    { "SPT.3/stage-2-pointer", {}, { { PASID0, 0, BEYOND_HAW } },
      .fault = 0x5a },
    { "SPT.3/bit-5", {}, { { PASID0, 0, 1 << 5 } }, .fault = 0x5a },
    { "SPT.3/pass-through", { .pgtt = 4 }, { { PASID0, 0, 1 << 10 } },
      .fault = 0x5a },
    { "SPT.3/pgsnp-without-sc", { "ecap-nest=on,x-sc=off" },
      { { PASID1, 0, 1 << 24 } }, .fault = 0x5a },
    { "SPT.3/pwsnp-without-smpwc", { "ecap-nest=on,x-smpwc=off" },
      { { PASID1, 0, 1 << 23 } }, .fault = 0x5a },
    { "SPT.3/cd-without-mts", {}, { { PASID1, 0, 1 << 25 } }, .fault = 0x5a },
    { "SPT.3/emte-without-mts", {}, { { PASID1, 0, 1 << 26 } },
      .fault = 0x5a },
    { "SPT.3/emt-without-mts", {}, { { PASID1, 0, 1 << 27 } }, .fault = 0x5a },
    { "SPT.3/pwt-without-mts", {}, { { PASID1, 0, 1 << 30 } }, .fault = 0x5a },
    { "SPT.3/pat-without-mts", {}, { { PASID1, 0, 1ULL << 63 } },
      .fault = 0x5a },
    { "SPT.3/wpe-without-srs", { "ecap-nest=on,x-srs=off" },
      { { PASID2, 0, PE_WPE } }, .fault = 0x5a },
    { "SPT.3/eafe-without-eafs", {}, { { PASID2, 0, 1 << 7 } },
      .fault = 0x5a },
    { "fields/mts", { "ecap-nest=on,x-mts=on" },
      { { PASID1, 0, 0xfffffffffe000000ULL } } },
    { "fields/snoop", { "ecap-nest=on" }, { { PASID1, 0, 3 << 23 },
                                            { S2_LEAF, 0, 1 << 11 } } },
    { "SPT.3/execute-without-ers", {}, { { PASID2, 0, 2 } }, .fault = 0x5a },
    { "SPT.4/type-0", {}, { { PASID0, PE_PGTT, 0 } }, .fault = 0x5b },
    { "SPT.4/type-7", {}, { { PASID0, 0, PE_PGTT } }, .fault = 0x5b },
    { "SPT.4/57-bit-stage-2", {}, { { PASID0, 7 << 2, 3 << 2 } },
      .fault = 0x5b },
    { "SPT.4/5-level-without-fs5lp", {}, { { PASID2, 0, 1 << 2 } },
      .fault = 0x5b },

    /* Stage 1 */
    { "SFS.1", { .pgtt = 1 }, { { S1_TOP, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x70 },
    { "SFS.1/nested", {}, { { S2_OF_S1_LEAF, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x70 },
    { "SFS.2/leaf", { .pgtt = 1 }, { { S1_LEAF, S1_P, 0 } }, .fault = 0x71 },
    { "SFS.2/top", { .pgtt = 1 }, { { S1_TOP, S1_P, 0 } }, .fault = 0x71 },
    { "SFS.2/nested", {}, { { S1_LEAF, S1_P, 0 } }, .fault = 0x71 },
    { "SFS.3/leaf", { .pgtt = 1 }, { { S1_LEAF, 0, BEYOND_HAW } },
      .fault = 0x72 },
    { "SFS.3/top-ps", { .pgtt = 1 }, { { S1_TOP, 0, PS } }, .fault = 0x72 },
    { "SFS.3/2m", { .s1_lg2 = 21 }, { { S1_LEAF, 0, 1 << 13 } },
      .fault = 0x72 },
    { "SFS.3/1g", { .s1_lg2 = 30 }, { { S1_LEAF, 0, 1 << 13 } },
      .fault = 0x72 },
    { "SFS.3/no-fs1gp", { "ecap-nest=on,fs1gp=off", .s1_lg2 = 30 },
      .fault = 0x72 },
    { "SFS.4", { .pgtt = 1 }, { { PASID2, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x73 },
    { "SFS.4/nested", {}, { { S2_OF_S1_TOP, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x73 },
    { "SFS.5/pointer", { .s2_levels = 3 },
      { { PASID2, ADDRESS, WORLD_S2_END } }, .fault = 0x74 },
    { "SFS.5/table", { .s2_levels = 3 },
      { { S1_TOP, ADDRESS, WORLD_S2_END } }, .fault = 0x74 },
    { "SFS.6", {}, { { S2_OF_S1_TOP, S2_R, 0 } }, .fault = 0x75 },
    { "SFS.7", {}, { { S2_OF_S1_LEAF, S2_R, 0 } }, .fault = 0x76 },
    { "SFS.8/top", {}, { { S2_OF_S1_TOP, S2_W, 0 } }, .fault = 0x77 },
    { "SFS.8/leaf", {}, { { S2_OF_S1_LEAF, S2_W, 0 } }, .fault = 0x77 },
    { "SFS.8/dirty-only", {},
      { { S1_LEAF, 0, S1_A }, { S2_OF_S1_LEAF, S2_W, 0 } }, .fault = 0x77 },
    { "SFS.10", { .pgtt = 1 }, { { S1_TOP, ADDRESS, WORLD_ROM } },
      .fault = 0x91 },
    { "SFS.10/nested", {}, { { S2_OF_S1_LEAF, ADDRESS, WORLD_ROM } },
      .fault = 0x91 },

    /* Stage 2 */
    { "SSS.1", { .pgtt = 2 }, { { S2_TOP, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x78 },
    { "SSS.1/nested", {}, { { S2_TOP, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x78 },
    { "SSS.2/leaf", { .pgtt = 2 }, { { S2_LEAF, S2_R | S2_W, 0 } },
      .fault = 0x79 },
    { "SSS.2/nested/page", {}, { { S2_LEAF, S2_R | S2_W, 0 } },
      .fault = 0x79 },
    { "SSS.2/nested/table", {}, { { S2_OF_S1_LEAF, S2_R | S2_W, 0 } },
      .fault = 0x79 },
    { "SSS.3/leaf", { .pgtt = 2 }, { { S2_LEAF, 0, BEYOND_HAW } },
      .fault = 0x7a },
    { "SSS.3/top-ps", { .pgtt = 2 }, { { S2_TOP, 0, PS } }, .fault = 0x7a },
    { "SSS.3/2m", { .s2_lg2 = 21 }, { { S2_LEAF, 0, 1 << 12 } },
      .fault = 0x7a },
    { "SSS.3/snp-without-sc", { "ecap-nest=on,x-sc=off", .pgtt = 2 },
      { { S2_LEAF, 0, 1 << 11 } }, .fault = 0x7a },
    { "SSS.3/nested/table", {}, { { S2_OF_S1_LEAF, 0, BEYOND_HAW } },
      .fault = 0x7a },
    { "SSS.4", { .pgtt = 2 }, { { PASID0, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x7b },
    { "SSS.4/nested", {}, { { PASID0, ADDRESS, WORLD_NO_RAM } },
      .fault = 0x7b },

    /* The request as a whole */
    { "SGN.1", {}, .iova = 0x0000800000000000ULL, .fault = 0x80 },
    { "SGN.1/5-level", { NEST5, .s1_levels = 5 },
      .iova = 0x0100000000000000ULL, .fault = 0x80 },
    { "SGN.2/leaf", {}, { { S1_LEAF, S1_US, 0 } }, .fault = 0x81 },
    { "SGN.2/top", { .pgtt = 1 }, { { S1_TOP, S1_US, 0 } }, .fault = 0x81 },
    { "SGN.4/aw", { .pgtt = 2, .s2_levels = 3 }, .iova = WORLD_S2_END,
      .fault = 0x83 },
    { "SGN.4/mgaw", { .pgtt = 2 }, .iova = 1ULL << 48, .fault = 0x83 },
    { "SGN.4/mgaw-39", { "ecap-nest=on,aw-bits=39", .pgtt = 2 },
      .iova = WORLD_S2_END, .fault = 0x83 },
    { "SGN.4/pass-through", { .pgtt = 4 }, .iova = 1ULL << 48,
      .fault = 0x83 },
    { "SGN.4/pass-through/39", { "ecap-nest=on,aw-bits=39", .pgtt = 4 },
      .iova = WORLD_S2_END, .fault = 0x83 },
    { "SGN.5", { .s2_levels = 3 }, { { S1_LEAF, ADDRESS, WORLD_S2_END } },
      .fault = 0x84 },
    { "SGN.6/first-stage", { .pgtt = 1 }, { { S1_LEAF, S1_RW, 0 } },
      .fault = 0x85 },
    { "SGN.6/first-stage/top", { .pgtt = 1 }, { { S1_TOP, S1_RW, 0 } },
      .fault = 0x85 },
    { "SGN.6/first-stage/read", { .pgtt = 1 }, { { S1_LEAF, S1_RW, 0 } },
      .read = true },
    { "SGN.6/second-stage", { .pgtt = 2 }, { { S2_LEAF, S2_W, 0 } },
      .fault = 0x85 },
    { "SGN.6/second-stage/top", { .pgtt = 2 }, { { S2_TOP, S2_W, 0 } },
      .fault = 0x85 },
    { "SGN.6/nested/stage-1", {}, { { S1_LEAF, S1_RW, 0 } }, .fault = 0x85 },
    { "SGN.6/nested/stage-2", {}, { { S2_LEAF, S2_W, 0 } }, .fault = 0x85 },
    { "SGN.6/nested/read", {}, { { S2_LEAF, S2_W, 0 } }, .read = true },
    { "SGN.7/second-stage", { .pgtt = 2 }, { { S2_LEAF, S2_R, 0 } },
      .read = true, .fault = 0x86 },
    { "SGN.7/nested", {}, { { S2_LEAF, S2_R, 0 } }, .read = true,
      .fault = 0x86 },
    { "SGN.7/nested/write", {}, { { S2_LEAF, S2_R, 0 } } },
    { "SGN.8/first-stage", { .pgtt = 1 }, { { S1_LEAF, ADDRESS, INTERRUPT } },
      .fault = 0x87 },
    { "SGN.8/second-stage", { .pgtt = 2 }, { { S2_LEAF, ADDRESS, INTERRUPT } },
      .fault = 0x87 },
    { "SGN.8/nested", {}, { { S2_LEAF, ADDRESS, INTERRUPT } }, .fault = 0x87 },

    /* Fault processing disabled, at each level that can */
    { "fpd/context", {}, { { S1_LEAF, S1_P, 0 }, { CONTEXT0, 0, FPD } },
      .fault = 0x71, .unrecorded = true },
    { "fpd/directory", {}, { { S1_LEAF, S1_P, 0 }, { PASID_DIR, 0, FPD } },
      .fault = 0x71, .unrecorded = true },
    { "fpd/pasid", {}, { { S1_LEAF, S1_P, 0 }, { PASID0, 0, FPD } },
      .fault = 0x71, .unrecorded = true },
    { "fpd/pasid/not-present", {}, { { PASID0, 1, FPD } },
      .fault = 0x59, .unrecorded = true },
    { "fpd/context/not-present", {}, { { CONTEXT0, 1, FPD } },
      .fault = 0x41, .unrecorded = true },
    { "fpd/pass-through", { .pgtt = 4 },
      { { PASID0, 0, FPD } }, .iova = 1ULL << 48, .fault = 0x83,
      .unrecorded = true },
    { "fpd/unqualified", {},
      { { CONTEXT0, ADDRESS, WORLD_NO_RAM | FPD } }, .fault = 0x50 },

    /* Without the property, this is stock QEMU. */
    { "off/nested-refused", { "x-scalable-mode=on,x-flts=on" },
      .fault = 0x5b },
    { "off/first-stage", { "x-scalable-mode=on,x-flts=on", .pgtt = 1 } },
    { "off/second-stage", { "x-scalable-mode=on", .pgtt = 2 } },
};

static void check_bits(World *w, Where where, uint64_t mask, uint64_t want)
{
    g_assert_cmphex(world_entry(w, where) & mask, ==, want);
}

/* What the walk must have left in the tables of a translation that worked */
static void check_ad(World *w, const WalkRow *row)
{
    bool slade = row->setup.pe_flags[0] & PE_SLADE;

    if (w->pgtt & 1) {
        check_bits(w, S1_TOP, S1_A, S1_A);
        check_bits(w, S1_LEAF, S1_A | S1_D, S1_A | (row->read ? 0 : S1_D));
    }
    if (w->pgtt == 2 || w->pgtt == 3) {
        check_bits(w, S2_TOP, S2_A | S2_D, slade ? S2_A : 0);
        check_bits(w, S2_LEAF, S2_A | S2_D,
                   !slade ? 0 : row->read ? S2_A : S2_A | S2_D);
    }
}

static void check_fault(World *w, const WalkRow *row, uint64_t iova)
{
    QVTDFault fault;
    bool found = qvtd_take_fault(&w->vtd, &fault);

    if (!row->fault || row->unrecorded) {
        g_assert_false(found);
        return;
    }
    g_assert_true(found);
    g_assert_cmphex(fault.reason, ==, row->fault);
    g_assert_cmphex(fault.sid, ==, WORLD_SID);
    g_assert_cmphex(fault.addr, ==, iova & ~0xfffULL);
    g_assert_cmpint(fault.read, ==, row->read);
    if (strncmp(row->name, "off/", 4)) {
        g_assert_false(fault.has_pasid);
    }
}

static void test_walk(gconstpointer opaque)
{
    const WalkRow *row = opaque;
    uint64_t rtaddr, iova;
    World w;
    int i;

    world_start(&w, &row->setup);
    rtaddr = w.vtd.root | VTD_RTADDR_SMT;
    for (i = 0; i < ARRAY_SIZE(row->edit); i++) {
        const Edit *e = &row->edit[i];

        world_edit(&w, e->where, e->clear, e->set);
        if (e->where == RTADDR) {
            rtaddr = (rtaddr & ~e->clear) | e->set;
        }
    }
    qvtd_set_root(&w.vtd, rtaddr, 0);
    world_translate(&w);

    iova = row->iova ?: w.iova;
    if (row->read) {
        g_assert_cmpint(world_read(&w), ==, !row->fault);
    } else {
        g_assert_cmpint(world_write(&w, iova), ==,
                        row->fault ? NO_PAGE : DATA_PAGE);
    }
    check_fault(&w, row, iova);
    if (!row->fault) {
        check_ad(&w, row);
    }
    world_stop(&w);
}

/*
 * Extended-accessed bits (bit 10): at a device's access, where the PASID entry
 * asks for them.
 */
static void test_extended_accessed(gconstpointer opaque)
{
    bool on = GPOINTER_TO_UINT(opaque);
    WorldSetup setup = { .props = "ecap-nest=on,x-eafs=on" };
    World w;

    setup.pe_flags[2] = on ? 1 << 7 : 0;
    world_start(&w, &setup);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    check_bits(&w, S1_TOP, 1 << 10 | S1_A, (on ? 1 << 10 : 0) | S1_A);
    check_bits(&w, S1_LEAF, 1 << 10 | S1_A, (on ? 1 << 10 : 0) | S1_A);
    world_stop(&w);
}

/* A write after a read must still set the dirty bits, of both stages. */
static void test_dirty_after_read(void)
{
    const WorldSetup setup = { .pe_flags = { PE_SLADE } };
    World w;

    world_start(&w, &setup);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    qvtd_edu_read(&w.edu, w.iova, 8);
    check_bits(&w, S1_LEAF, S1_A | S1_D, S1_A);
    check_bits(&w, S2_LEAF, S2_A | S2_D, S2_A);
    qvtd_edu_write(&w.edu, w.iova, 8);
    check_bits(&w, S1_LEAF, S1_A | S1_D, S1_A | S1_D);
    check_bits(&w, S2_LEAF, S2_A | S2_D, S2_A | S2_D);
    world_stop(&w);
}

/* With the book's invalidations nothing is left of the caches. */
static void test_translation_off(void)
{
    World w;

    world_start(&w, &(WorldSetup) {});
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    qvtd_enable_translation(&w.vtd, false);
    g_assert_cmpint(world_write(&w, w.other), ==, OTHER_PAGE);
    world_edit(&w, S2_LEAF, ADDRESS, w.other);
    qvtd_invalidate_all(&w.vtd);
    qvtd_enable_translation(&w.vtd, true);
    g_assert_cmpint(world_write(&w, w.iova), ==, OTHER_PAGE);
    world_edit(&w, S2_LEAF, ADDRESS, w.data);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    qvtd_invalidate_all(&w.vtd);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    world_stop(&w);
}

/* Whatever a guest writes into its tables, QEMU lives and the loop ends. */
static void test_random_tables(void)
{
    GRand *random = g_rand_new_with_seed(20);
    QVTDFault fault;
    World w;
    int i;

    world_start(&w, &(WorldSetup) {});
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    for (i = 0; i < 400; i++) {
        Where where = g_rand_int_range(random, ROOT, WHERE_NR);
        uint64_t bits = (uint64_t)g_rand_int(random) << 32 |
                        g_rand_int(random);
        uint64_t old = world_entry(&w, where);

        /* Sparse bits, else nothing comes past the first reserved field. */
        bits &= (uint64_t)g_rand_int(random) << 32 | g_rand_int(random);
        bits &= (uint64_t)g_rand_int(random) << 32 | g_rand_int(random);
        qtest_writeq(w.qts, w.slot[where], old ^ bits);
        qvtd_invalidate_all(&w.vtd);
        qvtd_edu_read(&w.edu, w.iova, 8);
        qvtd_take_fault(&w.vtd, &fault);
        qtest_writeq(w.qts, w.slot[where], old);
    }
    qvtd_invalidate_all(&w.vtd);
    g_assert_true(world_read(&w));
    g_rand_free(random);
    world_stop(&w);
}

void add_tests(void)
{
    qtest_add_rows("/vtd-walk/walk", walk_rows, test_walk);
    qtest_add_data_func("/vtd-walk/extended-accessed/on", GUINT_TO_POINTER(1),
                        test_extended_accessed);
    qtest_add_data_func("/vtd-walk/extended-accessed/off", NULL,
                        test_extended_accessed);
    qtest_add_func("/vtd-walk/dirty-after-read", test_dirty_after_read);
    qtest_add_func("/vtd-walk/translation-off", test_translation_off);
    qtest_add_func("/vtd-walk/random-tables", test_random_tables);
}
