/*
 * VT-d from a guest's side: registers, tables, invalidation queue, faults
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For emulated and for passed-through devices alike: nothing here knows what
 * is behind the vIOMMU.  Addresses of tables are guest RAM as the test sees it.
 */

#ifndef QTEST_LIBQOS_VTD_H
#define QTEST_LIBQOS_VTD_H

#include "../libqtest.h"
#include "pci.h"

typedef struct QVTD {
    QTestState *qts;
    uint64_t next, end;     /* RAM to build tables in, end exclusive */
    uint64_t root;          /* the root table */
    uint64_t queue;         /* invalidation queue */
    unsigned queue_order;   /* it has 2^queue_order pages */
    bool narrow;            /* its descriptors have 128 bits, not 256 */
    unsigned tail;
    uint64_t status;        /* where wait descriptors write */
    uint32_t status_seq;
} QVTD;

/**
 * qvtd_init: Takes [@start, @end) of guest RAM; touches no register.
 */
void qvtd_init(QVTD *v, QTestState *qts, uint64_t start, uint64_t end);

/*
 * Of a unit whose state was loaded, as its registers say; tables to come are
 * built in [@start, @end).
 */
void qvtd_resume(QVTD *v, QTestState *qts, uint64_t start, uint64_t end);

/*
 * Properties of a unit: @props, and those that the environment adds to all with
 * ecap-nest=on (VTD_TEST_PROPS).  Freed by the caller.
 */
char *qvtd_unit_props(const char *props);

/* Does the environment add x-strict=on? */
bool qvtd_is_strict(void);

/* qtest_quit(), which by itself looks every 100 ms whether QEMU has ended */
void qvtd_quit(QTestState *qts);

/* Return: the number of /proc/PID/status that QEMU has as @field */
uint64_t qvtd_process_status(QTestState *qts, const char *field);

/* Return: @pages zeroed pages, aligned to 4 KiB. */
uint64_t qvtd_alloc(QVTD *v, unsigned pages);

/* Registers: @offset is DMAR_*_REG. */
uint32_t qvtd_readl(QVTD *v, unsigned offset);
uint64_t qvtd_readq(QVTD *v, unsigned offset);
void qvtd_writel(QVTD *v, unsigned offset, uint32_t val);
void qvtd_writeq(QVTD *v, unsigned offset, uint64_t val);

/* One 64-bit table entry: old value & ~@clear | @set. Return: the old value. */
uint64_t qvtd_edit(QVTD *v, uint64_t slot, uint64_t clear, uint64_t set);

/**
 * qvtd_set_root: Writes RTADDR_REG, sets the root table pointer.
 * @flags: of RTADDR_REG: TTM in bits 11:10, 1 for scalable mode
 */
void qvtd_set_root(QVTD *v, uint64_t table, uint64_t flags);
/* Of 2^@order pages, before it is enabled; one page otherwise. */
void qvtd_size_queue(QVTD *v, unsigned order);
void qvtd_enable_queue(QVTD *v);
/* The last descriptor must have been a wait descriptor. */
void qvtd_disable_queue(QVTD *v);
void qvtd_enable_translation(QVTD *v, bool on);

/* Scalable-mode tables: each returns the slot, and makes the tables above. */

#define QVTD_ROOT_SLOT(v, sid)  ((v)->root + ((sid) >> 8) * 16 + \
                                 ((sid) & 0x80 ? 8 : 0))

/* Flags of a context entry, VT-d 9.4 */
#define QVTD_CONTEXT_DTE        (1 << 2)
#define QVTD_CONTEXT_PASIDE     (1 << 3)
#define QVTD_CONTEXT_PRE        (1 << 4)

/**
 * qvtd_context: Context entry of @sid with a directory of its own.
 * @pdts: the directory has 2^(@pdts + 7) entries
 * @flags: of the entry's first quadword, beside P
 */
uint64_t qvtd_context(QVTD *v, uint16_t sid, unsigned pdts, uint32_t rid_pasid,
                      uint64_t flags);
uint64_t qvtd_dir_slot(QVTD *v, uint64_t context, uint32_t pasid);
/* Makes the directory entry if there is none. */
uint64_t qvtd_pasid_slot(QVTD *v, uint64_t context, uint32_t pasid);

typedef struct QVTDPasid {
    unsigned pgtt;          /* 1 first-stage, 2 second, 3 nested, 4 pass */
    uint16_t did;
    uint64_t stage1, stage2;
    unsigned fspm;          /* 0: 4 levels, 1: 5 levels */
    unsigned aw;            /* 1: 39 bits, 2: 48 bits */
    uint64_t flags[3];      /* of each of the first quadwords, beside these */
} QVTDPasid;

/* Writes quadword 0, with the present bit, last. */
void qvtd_write_pasid(QVTD *v, uint64_t slot, const QVTDPasid *pasid);

/*
 * A page table.  @shift is what its tables' addresses gain when stage 1 names
 * them: the guest-physical address of a table at t is t + shift.
 */
typedef struct QVTDTable {
    uint64_t root;          /* in RAM */
    unsigned levels;
    uint64_t shift;
    uint64_t link;          /* flags of an entry that names a table */
} QVTDTable;

#define QVTD_S1_LINK    0x7     /* P, R/W, U/S */
#define QVTD_S1_PAGE    0x7
#define QVTD_S2_LINK    0x3     /* R, W */
#define QVTD_S2_PAGE    0x3

void qvtd_table_init(QVTD *v, QVTDTable *t, unsigned levels, uint64_t shift,
                     uint64_t link);

/* Return: the slot of @addr's entry at @level; makes tables down to it. */
uint64_t qvtd_table_slot(QVTD *v, QVTDTable *t, uint64_t addr, unsigned level);

/* Map 2^@size_lg2 bytes around @addr to those around @to. */
uint64_t qvtd_map(QVTD *v, QVTDTable *t, uint64_t addr, uint64_t to,
                  unsigned size_lg2, uint64_t flags);

/* Map, 4 KiB each, the tables of @s1 in @s2 where @s1 says they are. */
void qvtd_map_tables(QVTD *v, QVTDTable *s2, QVTDTable *s1, uint64_t addr,
                     unsigned leaf_level);

/* Invalidation descriptors */
#define QVTD_INV_CC_GLOBAL          (0x1ULL | 1 << 4)
#define QVTD_INV_CC_DOMAIN(did)     (0x1ULL | 2 << 4 | (uint64_t)(did) << 16)
#define QVTD_INV_CC_DEVICE(sid)     (0x1ULL | 3 << 4 | (uint64_t)(sid) << 32)
#define QVTD_INV_IOTLB_GLOBAL       (0x2ULL | 1 << 4)
#define QVTD_INV_IOTLB_DOMAIN(did)  (0x2ULL | 2 << 4 | (uint64_t)(did) << 16)
#define QVTD_INV_IOTLB_PAGE(did)    (0x2ULL | 3 << 4 | (uint64_t)(did) << 16)
/* Of @sid and those like it but for the lowest @fm bits of the function */
#define QVTD_INV_CC_FUNCTIONS(sid, fm) \
    (QVTD_INV_CC_DEVICE(sid) | (uint64_t)(fm) << 48)
/* Device TLB, without and with PASID */
#define QVTD_INV_DEVTLB(sid)        (0x3ULL | (uint64_t)(sid) << 32)
#define QVTD_INV_PDEVTLB(sid, pasid) \
    (0x8ULL | (uint64_t)(sid) << 16 | (uint64_t)(pasid) << 32)
/* Interrupt entries: all, or 2^@im from @index on */
#define QVTD_INV_IEC_GLOBAL         0x4ULL
#define QVTD_INV_IEC(index, im) \
    (0x4ULL | 1 << 4 | (uint64_t)(im) << 27 | (uint64_t)(index) << 32)
#define QVTD_INV_PIOTLB_ALL(did, pasid) \
    (0x6ULL | 2 << 4 | (uint64_t)(did) << 16 | (uint64_t)(pasid) << 32)
#define QVTD_INV_PIOTLB_PAGE(did, pasid) \
    (0x6ULL | 3 << 4 | (uint64_t)(did) << 16 | (uint64_t)(pasid) << 32)
#define QVTD_INV_PC_DOMAIN(did)     (0x7ULL | (uint64_t)(did) << 16)
#define QVTD_INV_PC_PASID(did, pasid) \
    (0x7ULL | 1 << 4 | (uint64_t)(did) << 16 | (uint64_t)(pasid) << 32)
#define QVTD_INV_PC_GLOBAL          (0x7ULL | 3 << 4)

/* Page group response, VT-d 7.6.1; the index is in the second quadword. */
#define QVTD_INV_RESPONSE(sid, code) \
    (0x9ULL | (uint64_t)(code) << 12 | (uint64_t)(sid) << 16)
#define QVTD_INV_RESPONSE_PASID(pasid)  (1ULL << 4 | (uint64_t)(pasid) << 32)
#define QVTD_INV_RESPONSE_HI(prgi)      ((uint64_t)(prgi) << 3)

/* Codes of a page group response; PRS_REG */
#define QVTD_SUCCESS                    0x0
#define QVTD_INVALID                    0x1
#define QVTD_FAILURE                    0xf
#define QVTD_PRS_PPR                    (1u << 0)
#define QVTD_PRS_PRO                    (1u << 1)

/* @am: pages are 2^@am; @ih: the invalidation hint */
#define QVTD_INV_ADDR(addr, am, ih) ((addr) | (am) | (ih) << 6)

/* Writes a descriptor into the queue; the hardware is not told yet. */
void qvtd_queue_put(QVTD *v, const uint64_t desc[4]);
/* Writes the tail register. */
void qvtd_queue_submit(QVTD *v);
/* Waits until the queue is done, or stopped by an error. */
void qvtd_queue_settle(QVTD *v);
/* Submits, and waits for, a wait descriptor that has @flags beside the status write. */
bool qvtd_queue_wait(QVTD *v, uint64_t flags);

/**
 * qvtd_invalidate: Queues a descriptor and a wait descriptor.
 *
 * Return: whether the wait completed; false on an invalidation queue error.
 */
bool qvtd_invalidate(QVTD *v, uint64_t lo, uint64_t hi);

/* All that the unit keeps: context cache, PASID cache, IOTLB. */
void qvtd_invalidate_all(QVTD *v);

typedef struct QVTDFault {
    unsigned reason;
    uint16_t sid;
    uint64_t addr;          /* of the page */
    bool read;
    bool has_pasid;
    bool priv;              /* this and exec: of a request with PASID */
    bool exec;
    bool page_request;
    uint32_t pasid;
    unsigned type;          /* 0 untranslated, 1 translation, 2 translated */
} QVTDFault;

/* Reads and clears the fault record.  Return: false if there is none. */
bool qvtd_take_fault(QVTD *v, QVTDFault *fault);

/* The edu device as a source of DMA */
typedef struct QVTDEdu {
    QVTD *v;
    QPCIDevice *dev;
    QPCIBar bar;
} QVTDEdu;

/* @dev: edu, or what passes one through; its dma_mask should be all ones. */
void qvtd_edu_init(QVTDEdu *edu, QVTD *v, QPCIDevice *dev);
/* Device buffer to RAM, and RAM to device buffer; up to 4 KiB. */
void qvtd_edu_write(QVTDEdu *edu, uint64_t iova, unsigned bytes);
void qvtd_edu_read(QVTDEdu *edu, uint64_t iova, unsigned bytes);
/* The same in two steps */
void qvtd_edu_start_write(QVTDEdu *edu, uint64_t iova, unsigned bytes);
void qvtd_edu_start_read(QVTDEdu *edu, uint64_t iova, unsigned bytes);
void qvtd_edu_finish(QVTDEdu *edu);
bool qvtd_edu_is_busy(QVTDEdu *edu);
/* Virtual time that passes from start to finish */
#define QVTD_EDU_DELAY_NS   (100 * 1000 * 1000)

#endif
