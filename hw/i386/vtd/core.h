/*
 * What intel_iommu.c keeps to itself and our files need
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vtd/core.c.inc is included at the end of intel_iommu.c and hands out
 * that file's static functions under these names.
 */

#ifndef HW_I386_INTEL_IOMMU_CORE_H
#define HW_I386_INTEL_IOMMU_CORE_H

#include "hw/i386/intel_iommu.h"
#include "hw/i386/intel_iommu_internal.h"
#include "ext.h"
#include "spec.h"

/**
 * vtd_core_read: Little-endian quadwords of guest RAM.
 *
 * Return: false, and @val zeroed, if there is no RAM.
 */
bool vtd_core_read(hwaddr addr, uint64_t *val, int nr);

/**
 * vtd_core_get_context_entry: Read and check the context entry of a function.
 *
 * No look at what it points to.  After a failure @ce holds what could be read,
 * or zeroes, so that its FPD bit can be judged.
 *
 * Return: 0 or the negated fault reason, fit for the mode of the root table.
 */
int vtd_core_get_context_entry(IntelIOMMUState *s, uint8_t bus_num,
                               uint8_t devfn, VTDContextEntry *ce);

/* What nested=on and ecap-nest=on have in common, of quadwords 1 and up */
bool vtd_core_pasid_fields_are_reserved(IntelIOMMUState *s,
                                        const VTDPASIDEntry *pe);

/**
 * vtd_core_get_pasid_entry: Read a PASID entry through the directory in @ce.
 * @pe: the entry, present; its fields are the caller's to judge
 * @fpd: set, and never cleared, if the context entry, directory entry or PASID
 *       entry turns fault processing off, also when the call fails
 *
 * Return: 0 or the negated fault reason.
 */
int vtd_core_get_pasid_entry(IntelIOMMUState *s, VTDContextEntry *ce,
                             uint32_t pasid, VTDPASIDEntry *pe, bool *fpd);

/**
 * vtd_core_report_fault: Put a fault in the recording register, and interrupt.
 * @fault: the reason, positive
 * @fpd: fault processing is off: nothing is recorded for a qualified fault
 * @is_pasid: the request came with @pasid
 *
 * Return: false if fault processing was off.
 */
bool vtd_core_report_fault(IntelIOMMUState *s, int fault, bool fpd,
                           uint16_t sid, hwaddr addr, bool is_write,
                           bool is_pasid, uint32_t pasid);

/* Address types of a request, as a fault record has them, VT-d 11.4.14.1 */
enum {
    VTD_AT_UNTRANSLATED = 0,
    VTD_AT_TRANSLATION = 1,         /* a translation request */
    VTD_AT_TRANSLATED = 2,
};

/* What a fault record tells of the request beside the reason */
typedef struct VTDCoreRequest {
    uint16_t sid;
    hwaddr addr;
    bool write;
    bool page_request;
    bool has_pasid;                 /* else none of the three below */
    bool priv;
    bool exec;
    uint32_t pasid;
    uint8_t type;                   /* VTD_AT_* */
} VTDCoreRequest;

/* vtd_core_report_fault(), with all that a record has room for. */
bool vtd_core_report_request(IntelIOMMUState *s, int fault, bool fpd,
                             const VTDCoreRequest *req);

/* A write of a register, by the rules of its bits; no side effects. */
void vtd_core_reg_write(IntelIOMMUState *s, hwaddr addr, uint64_t val,
                        unsigned size);

/* A fault event for a new bit of FSTS_REG, which had @fsts before. */
void vtd_core_fault_event(IntelIOMMUState *s, uint32_t fsts);

/* A fault record, BQL held; its F bit, and what follows, is set. */
void vtd_core_record_fault(IntelIOMMUState *s, uint16_t sid, uint64_t hi,
                           uint64_t lo);

/* Go on with the invalidation queue. */
void vtd_core_fetch(IntelIOMMUState *s);

/* What the ordinary translation has cached for emulated devices */
typedef enum VTDCoreIOTLB {
    VTD_CORE_IOTLB_EMPTY,
    VTD_CORE_IOTLB_USED,
    VTD_CORE_IOTLB_BUSY,            /* someone has the IOMMU lock */
} VTDCoreIOTLB;

/* With or without the BQL; never waits. */
VTDCoreIOTLB vtd_core_iotlb_use(IntelIOMMUState *s);

/**
 * vtd_core_iotlb_forget: What a sound IOTLB or PASID-IOTLB descriptor names is
 * not in that cache any more.  Nobody is notified.
 * @val: its first two quadwords
 *
 * With or without the BQL; never waits.
 *
 * Return: false if nothing was done, as someone has the IOMMU lock.
 */
bool vtd_core_iotlb_forget(IntelIOMMUState *s, uint8_t type,
                           const uint64_t val[2]);

/* IQH_REG tells the guest how far the queue has come. */
void vtd_core_set_iqh(IntelIOMMUState *s);

/* RTADDR_REG.TTM, as the register has it now. */
unsigned vtd_core_ttm(IntelIOMMUState *s);

/* The IVA_REG of a register-based page-selective invalidation. */
uint64_t vtd_core_iva(IntelIOMMUState *s);

/* The PASID cache lost entries: let translation decide again. */
void vtd_core_switch_address_spaces(IntelIOMMUState *s);

/*
 * A bottom half does so where a thread without the BQL met a pass-through
 * entry, of the ordinary translation: from then on nothing is translated.
 */
void vtd_core_pt_bh(void *opaque);

/*
 * The same for emulated devices of the ordinary translation, whose cache is
 * found by requester ID: what changed entries left in it goes, too.
 */
void vtd_core_forget_pasid_entries(IntelIOMMUState *s);
/* ... of one PASID, whatever domain-id its entry had */
void vtd_core_forget_pasid(IntelIOMMUState *s, uint32_t pasid);

#endif
