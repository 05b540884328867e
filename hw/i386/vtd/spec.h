/*
 * Intel VT-d: what the specification says, once
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sections are those of revision 4.1 of the Intel Virtualization Technology for
 * Directed I/O specification.  What QEMU's own intel_iommu_internal.h names is
 * not here; what only newer ones name is in nvtd/vtd.h of the older bases.
 */

#ifndef HW_I386_VTD_SPEC_H
#define HW_I386_VTD_SPEC_H

#include "qemu/bitops.h"
#include "nvtd/vtd.h"

/* CAP_REG, 11.4.2; also of the host's unit, as IOMMU_GET_HW_INFO tells it */
#define VTD_CAP_SAGAW(cap)      extract64(cap, 8, 5)
#define VTD_CAP_SAGAW_57        (8ULL << VTD_CAP_SAGAW_SHIFT)
#define VTD_CAP_MGAW_BITS(cap)  (extract64(cap, 16, 6) + 1)
#define VTD_CAP_MAMV_OF(cap)    extract64(cap, 48, 6)
#define VTD_CAP_5LP             BIT_ULL(60)
#define VTD_CAP_ESIRTPS         BIT_ULL(62)

/* ECAP_REG, 11.4.3 */
#define VTD_ECAP_C              BIT_ULL(0)
#define VTD_ECAP_MTS            BIT_ULL(25)
#define VTD_ECAP_NEST           BIT_ULL(26)
#define VTD_ECAP_NWFS           BIT_ULL(33)
#define VTD_ECAP_EAFS           BIT_ULL(34)
#define VTD_ECAP_PSS_MASK       (0x1fULL << 35)
#define VTD_ECAP_PSS_BITS(bits) ((uint64_t)((bits) - 1) << 35)
#define VTD_ECAP_PASID_BITS(ecap) \
    ((ecap) & VTD_ECAP_PASID ? extract64(ecap, 35, 5) + 1 : 0)
#define VTD_ECAP_DIT            BIT_ULL(41)
#define VTD_ECAP_PDS            BIT_ULL(42)     /* drain, by wait descriptors */
#define VTD_ECAP_SLADS          BIT_ULL(45)
#define VTD_ECAP_SMPWC          BIT_ULL(48)
#define VTD_ECAP_RPS            BIT_ULL(49)
#define VTD_ECAP_RPRIVS         BIT_ULL(53)

/* RTADDR_REG.TTM, 11.4.5: 0 legacy, 1 scalable, 2 reserved, 3 if ECAP.ADMS */
#define VTD_TTM_SCALABLE        1

/* Context entry, scalable mode, 9.4 */
#define VTD_SM_CE_DTE           BIT_ULL(2)
#define VTD_SM_CE_PASIDE        BIT_ULL(3)
#define VTD_SM_CE_PRE           BIT_ULL(4)
#define VTD_SM_CE_PDTS(ce)      (((ce)->val[0] >> 9) & 7)
#define VTD_SM_CE_PASIDDIR(ce)  ((ce)->val[0] & ~0xfffULL)
#define VTD_SM_CE_RID_PASID(ce) ((ce)->val[1] & VTD_PASID_ID_MASK)
#define VTD_SM_CE_RID_PRIV      BIT_ULL(20)

/*
 * PASID entry, 9.6, by quadword.  A field of a capability that is not reported
 * is reserved; each user has its own, as the units report different ones.
 */
#define VTD_PE0_AW(pe)          (((pe)->val[0] >> 2) & VTD_SM_PASID_ENTRY_AW)
#define VTD_PE0_PGTT(pe)        ((pe)->val[0] & VTD_SM_PASID_ENTRY_PGTT)
#define VTD_PE0_SSADE           BIT_ULL(9)      /* A/D bits of second stages */
#define VTD_PE0_RSVD            (BIT_ULL(5) | 3ULL << 10)
#define VTD_PE1_DID(pe)         VTD_SM_PASID_ENTRY_DID((pe)->val[1])
#define VTD_PE1_RSVD            (0x7fULL << 16)
#define VTD_PE1_PWSNP           BIT_ULL(23)
#define VTD_PE1_PGSNP           BIT_ULL(24)
#define VTD_PE1_MEMORY_TYPE     (~0ULL << 25)   /* CD, EMTE, EMT, ... PAT */
#define VTD_PE2_SRE             BIT_ULL(0)
#define VTD_PE2_ERE             BIT_ULL(1)
#define VTD_PE2_FSPM(pe)        extract64((pe)->val[2], 2, 2)
#define VTD_PE2_WPE             BIT_ULL(4)
#define VTD_PE2_SMEP            BIT_ULL(6)      /* 5 is NXE: nothing executes */
#define VTD_PE2_EAFE            BIT_ULL(7)
#define VTD_PE2_RSVD            (0xfULL << 8)
#define VTD_PE2_FSPTPTR(pe)     ((pe)->val[2] & VTD_SM_PASID_ENTRY_FLPTPTR)

#define VTD_FSPM_4_LEVEL        0
#define VTD_FSPM_5_LEVEL        1

/* PASID-cache invalidation descriptor, 6.5.2.2 */
#define VTD_INV_PC_G(lo)        extract64(lo, 4, 2)
#define VTD_INV_PC_G_DOMAIN     0
#define VTD_INV_PC_G_PASID      1
#define VTD_INV_PC_G_GLOBAL     3
#define VTD_INV_PC_DID(lo)      extract64(lo, 16, 16)
#define VTD_INV_PC_PASID(lo)    extract64(lo, 32, 20)
#define VTD_INV_PC_RSVD         0xfff000000000f1c0ULL

/* IOTLB invalidation, 6.5.2.3, 6.5.2.4 and 11.4.6.2 */
#define VTD_INV_DR              BIT_ULL(7)      /* drain reads */
#define VTD_INV_DW              BIT_ULL(6)      /* drain writes */
#define VTD_INV_IH              BIT_ULL(6)      /* hint, of an address */

/* Device-TLB invalidation, 6.5.2.5: PFSID, reserved without ECAP.DIT */
#define VTD_INV_DEVICE_PFSID    0xfff000000000f000ULL

/* Invalidation wait, 6.5.2.8: page-request drain */
#define VTD_INV_WAIT_PD         BIT_ULL(7)

/* IQERCD_REG, 11.4.9.9 */
#define DMAR_IQERCD_REG         0xb0
#define VTD_IQERCD_ITESID       32

/* Page request queue, 7.4.1 and 11.4.11 */
#define VTD_PRS_PPR             (1u << 0)       /* a request is pending */
#define VTD_PRS_PRO             (1u << 1)       /* overflow */
#define VTD_PECTL_IP            (1u << 30)
#define VTD_PECTL_IM            (1u << 31)
#define VTD_PQA_PQS(pqa)        ((pqa) & 7)     /* 2^PQS pages */
#define VTD_PQA_BASE(pqa)       ((pqa) & ~0xfffULL)
#define VTD_PQA_WMASK           0xfffffffffffff007ULL
#define VTD_PQ_OFFSET           0x7ffe0ULL      /* PQH_REG, PQT_REG: bytes */
#define VTD_PQ_DESC_SIZE        32
#define VTD_PQ_DESC_TYPE        0x01ULL

/* Page group response descriptor, 7.6.1 */
#define VTD_PGRESP_LO_RSVD      0xfff0000000000fe0ULL
#define VTD_PGRESP_HI_RSVD      0xfffffffffffff003ULL
#define VTD_PGRESP_HAS_PASID    BIT_ULL(4)

/* First-stage paging entries, 9.8; the lowest bits are VTD_FL_* */
#define VTD_S1_PS               BIT_ULL(7)
#define VTD_S1_EXTENDED         BIT_ULL(10)     /* accessed by a device */
/* Bits 62:52 are software's; 63 has no meaning without execute requests. */
#define VTD_S1_IGNORED          0xfff0000000000000ULL

/* Second-stage paging entries, 9.9 */
#define VTD_S2_READ             BIT_ULL(0)
#define VTD_S2_WRITE            BIT_ULL(1)
#define VTD_S2_PS               BIT_ULL(7)
#define VTD_S2_ACCESSED         BIT_ULL(8)
#define VTD_S2_DIRTY            BIT_ULL(9)
#define VTD_S2_SNP              BIT_ULL(11)
#define VTD_S2_TM               BIT_ULL(62)

/*
 * Fault reasons of scalable mode, 7.1.3.  Stock QEMU names some of them
 * VTD_FR_*; here is the whole set, by the specification's condition codes.
 */
enum {
    VTD_SM_RTA_TTM = 0x30,          /* RTA.1: TTM not supported */
    VTD_SM_RTA_PASID = 0x31,        /* RTA.2: TTM legacy, request with PASID */
    VTD_SM_RTA_PAGE_REQ = 0x32,     /* RTA.3: TTM legacy, page request */
    VTD_SM_ROOT_ACCESS = 0x38,      /* SRT.1 */
    VTD_SM_ROOT_P = 0x39,           /* SRT.2 */
    VTD_SM_ROOT_RSVD = 0x3a,        /* SRT.3 */
    VTD_SM_CTX_ACCESS = 0x40,       /* SCT.1 */
    VTD_SM_CTX_P = 0x41,            /* SCT.2 */
    VTD_SM_CTX_RSVD = 0x42,         /* SCT.3 */
    VTD_SM_CTX_DTE = 0x44,          /* SCT.5: DTE = 0, (to be) translated */
    VTD_SM_CTX_PASIDE = 0x45,       /* SCT.6: PASID on PASIDE = 0 */
    VTD_SM_CTX_PASID_MAX = 0x46,    /* SCT.7: PASID beyond PDTS */
    VTD_SM_CTX_PRE = 0x47,          /* SCT.8: page request on PRE = 0 */
    VTD_SM_CTX_RID_PASID = 0x48,    /* SCT.9: RID_PASID beyond PDTS */
    VTD_SM_PDIR_ACCESS = 0x50,      /* SPD.1 */
    VTD_SM_PDIR_P = 0x51,           /* SPD.2 */
    VTD_SM_PDIR_RSVD = 0x52,        /* SPD.3 */
    VTD_SM_PASID_ACCESS = 0x58,     /* SPT.1 */
    VTD_SM_PASID_P = 0x59,          /* SPT.2 */
    VTD_SM_PASID_RSVD = 0x5a,       /* SPT.3 */
    VTD_SM_PASID_INV = 0x5b,        /* SPT.4: PGTT, AW or FSPM not supported */
    VTD_SM_PASID_ERE = 0x5c,        /* SPT.5: execute request, ERE = 0 */
    VTD_SM_PASID_SRE = 0x5d,        /* SPT.6: supervisor request, SRE = 0 */
    VTD_SM_S1_ACCESS = 0x70,        /* SFS.1 */
    VTD_SM_S1_P = 0x71,             /* SFS.2 */
    VTD_SM_S1_RSVD = 0x72,          /* SFS.3 */
    VTD_SM_S1_TOP_ACCESS = 0x73,    /* SFS.4: through FSPTPTR */
    VTD_SM_S1_BEYOND_S2 = 0x74,     /* SFS.5: table beyond stage 2's width */
    VTD_SM_S1_TOP_READ = 0x75,      /* SFS.6: stage 2 lets not read FSPTPTR */
    VTD_SM_S1_READ = 0x76,          /* SFS.7: nor a lower table */
    VTD_SM_S1_WRITE = 0x77,         /* SFS.8: nor update A/D bits */
    VTD_SM_S2_ACCESS = 0x78,        /* SSS.1 */
    VTD_SM_S2_P = 0x79,             /* SSS.2: R = W = 0 */
    VTD_SM_S2_RSVD = 0x7a,          /* SSS.3 */
    VTD_SM_S2_TOP_ACCESS = 0x7b,    /* SSS.4: through SSPTPTR */
    VTD_SM_CANONICAL = 0x80,        /* SGN.1 */
    VTD_SM_USER = 0x81,             /* SGN.2: user request, U/S = 0 */
    VTD_SM_BEYOND = 0x83,           /* SGN.4: request beyond MGAW or AW */
    VTD_SM_S2_BEYOND = 0x84,        /* SGN.5: stage 1's output beyond it */
    VTD_SM_WRITE = 0x85,            /* SGN.6 */
    VTD_SM_READ = 0x86,             /* SGN.7 */
    VTD_SM_INTERRUPT = 0x87,        /* SGN.8 */
    VTD_SM_S1_AD_FAILED = 0x91,     /* SFS.10 */
};

#endif
