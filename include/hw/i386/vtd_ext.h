/*
 * Intel VT-d: what nested=on and ecap-nest=on keep in a unit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The one field of IntelIOMMUState that is ours.  What intel_iommu.c calls is
 * in hw/i386/vtd/ext.h, and so is the list of the properties.
 */

#ifndef HW_I386_VTD_EXT_H
#define HW_I386_VTD_EXT_H

typedef struct VTDExt {
    const struct VTDExtOps *ops;    /* NULL: neither, or not realized yet */

    /* Properties */
    bool nested;                    /* stage 1 on the host's stage 2 */
    bool ecap_nest;                 /* walk both stages */
    const char *switched_off;       /* x-scalable-mode or x-flts, if said off */
    bool fsts, svm;                 /* names of QEMU 11: vtd/names.c */
    uint8_t pasid_bits;             /* ... 0: not given */
    bool fs5lp;                     /* First Stage 5-level Paging Support */
    bool srs;                       /* Supervisor Request Support */
    bool smpwc;                     /* Scalable Mode Page-walk Coherency */
    uint8_t mamv;                   /* CAP.MAMV: log2 of pages */
    /* ... of nested=on */
    bool nested_batch;              /* invalidations go out together? */
    bool nested_pri;                /* page requests of nested devices */
    uint32_t nested_max_hwpts;      /* first-stage tables in use, at most */
    char *nested_legacy;            /* "shadow" or "block" its tables */
    uint32_t nested_max_maps;       /* pages that one of them maps, at most */
    uint32_t nested_stay_budget;    /* units of work in one go */
    struct IOThread *iothread;      /* that serves the queue, or NULL */
    char *host_flush;               /* class of the host's kernel, or NULL */
    /* ... of ecap-nest=on */
    uint64_t walk_cap, walk_ecap;   /* capabilities by properties */
    bool walk_strict;               /* forget nothing that hardware may keep */
    char *walk_profile;             /* or NULL: what some hardware reports */
    char *rmrr, *satc;              /* functions: vtd/acpi.h */

    /* State; each is known to the files that are named */
    struct VTDNested *nest;         /* vtd/nested/ */
    struct VTDWalk *walk;           /* vtd/walk/ */
    struct VTDPRQ *prq;             /* page requests: vtd/prq.c */
    struct VTDFaults *faults;       /* met outside the BQL: vtd/fault.c */
    uint8_t *regs_page;             /* or NULL: vtd/regs.c */
    bool regs_held;                 /* changes are seen later */
    QEMUBH *pt_bh;                  /* a pass-through entry was met */
} VTDExt;

#endif
