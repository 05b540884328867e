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

/*
 * Guest memory; the IOVAs are guest-physical addresses of RAM as well.  There is
 * no more of it than is used: all of it is cleared and pinned, case by case.
 */
#define RAM_MIB         64
#define RAM             stringify(RAM_MIB) "M"
#define RAM_END         (RAM_MIB * MIB)
#define IOVA_SRC        (16 * MIB)
#define IOVA_DST        (IOVA_SRC + PAGE)
#define PAGE_A          (20 * MIB)
#define PAGE_B          (PAGE_A + PAGE)
#define PAGE_DST        (PAGE_A + 2 * PAGE)
#define TABLES          (24 * MIB)
#define TABLES_END      (40 * MIB)

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

/* Where the device's read of NestedTest.src ended up */
typedef enum Dma {
    BLOCKED,
    TO_A,
    TO_B,
    IDENTITY,           /* at the guest-physical address IOVA_SRC */
    SKIP,
} Dma;

enum { TABLE_NONE, TABLE_A, TABLE_B, TABLE_5_LEVELS, TABLES_NR };

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
    QVTDTable tables[TABLES_NR];    /* that of 5 levels leads to page B */
    uint64_t src;               /* what the device reads: IOVA_SRC */
    int64_t injected_destroys;  /* failures of IOMMU_DESTROY, by x-inject */
} NestedTest;

/*
 * g_test_init() for programs whose device VTD_TEST_BDF names.  False, with a
 * reason in TAP, if it names none and the cases are not just listed.
 */
bool nested_test_init(int *argc, char ***argv);
/*
 * Can the device copy memory on command, as an edu can?  With one that cannot,
 * what a case says of DMA is not looked at; and a case that says nothing else is
 * skipped.
 */
bool nested_device_copies(void);
/* qtest_add_func() and qtest_add_data_func() for a case of that kind */
void nested_add_func(const char *path, void (*func)(void));
void nested_add_data_func(const char *path, gconstpointer data,
                          GTestDataFunc func);
/* g_test_run(), then the end of the shared machine */
int nested_test_run(void);
/* VTD_TEST_PROPS has iothread=io0: the queue is served by a thread. */
bool nested_has_thread(void);
/* What is unlike the usual machine; NULL: nothing */
typedef struct NestedMachine {
    const char *env;            /* variable that names QEMU's binary */
    const char *memory;         /* options in the place of -m RAM */
    const char *iommufd;        /* more of the iommufd object: ",fd=3" */
    const char *props;          /* of intel-iommu, in the place of nested=on */
    const char *viommu;         /* more of them: ",fs5lp=on" */
} NestedMachine;

/* The host's kernel is of this version or a later one. */
bool nested_host_at_least(unsigned major, unsigned minor);
/*
 * The program needs @what of the host's kernel.  Return: false, with the whole
 * program skipped, if that is older.
 */
bool nested_test_requires(unsigned major, unsigned minor, const char *what);
/* The iommufd object's x-inject: ioctl, errno, how often, and so on */
void nested_inject(NestedTest *t, const char *what);

/*
 * Has the kernel fault injection?  Allows it to fail all allocations; if not, the
 * case is skipped.
 */
bool nested_can_fail_nth(void);
/* The @nth allocation that the kernel makes in ioctls from now on fails. */
void nested_fail_nth(NestedTest *t, unsigned nth);
/* Return: whether one has failed; none will, any more. */
bool nested_has_failed(NestedTest *t);

void nested_start_machine(NestedTest *t, const NestedMachine *machine,
                          const char *devices);
/* A machine with the vIOMMU and @devices, and no tables. */
void nested_start(NestedTest *t, const char *devices);
/* The same with "-device intel-iommu,@props". */
void nested_start_props(NestedTest *t, const char *props, const char *devices);
/* ... with the device in SLOT, its tables built but not used yet. */
void nested_setup(NestedTest *t);
void nested_setup_props(NestedTest *t, const char *props);
/*
 * A machine with two devices, in SLOT and SLOT2, whose tables are built but not
 * used yet.  @t2 shares all but the device and its entries with @t; the test
 * frees @t2->edu.dev.
 *
 * Return: false, with a reason in TAP, if there is no second one.
 */
bool nested_setup_two(NestedTest *t, NestedTest *t2);
/* Takes the device there for the one that does DMA. */
void nested_setup_device(NestedTest *t, uint8_t bus, uint8_t devfn);
/* A bridge at @sid that leads to buses @bus to @last; memory for BARs there */
void nested_setup_bridge(NestedTest *t, uint16_t sid, uint8_t bus,
                         uint8_t last);
/*
 * Unplugs @id as the guest's ACPI code does: it lets slot 0 of the only bus with
 * hot-plug go, and QEMU is done when this returns.
 */
/* Device "dev" comes, behind root port "rp". */
void nested_device_add(QTestState *qts, const char *bdf);
void nested_eject(QTestState *qts, const char *id);
/* Does QEMU ask the guest for what is in that slot? */
bool nested_is_to_eject(QTestState *qts);
/* Resets the bus behind the bridge at @sid. */
void nested_reset_bus(NestedTest *t, uint16_t sid);
/* Queue, root table, and stage-1 tables A and B; translation is off. */
void nested_build_tables(NestedTest *t);
/* Context and PASID entries of the device. */
void nested_build_entries(NestedTest *t);
/*
 * A machine for many short cases; made anew after one that failed, or that had
 * a machine of its own.  As nested_setup() leaves it:
 */
NestedTest *nested_shared_boot(void);
/* With the device on table A and translation on, which the cases restore: */
NestedTest *nested_shared(void);
/* After each of them; @last also ends QEMU. */
void nested_shared_done(bool last);
/* system_reset, then the device and the tables as nested_setup() leaves them */
void nested_reboot(NestedTest *t);
/* Table A: t->src now leads to @page. */
void nested_map_src(NestedTest *t, uint64_t page);
/* What QEMU says: it is started between the first two. */
typedef struct NestedLog {
    char *name;                 /* of a file */
    int stderr_copy;
} NestedLog;

void nested_log_begin(NestedLog *log);
void nested_log_started(NestedLog *log);
/* How often @text is in it */
unsigned nested_log_count(const NestedLog *log, const char *text);
void nested_log_end(NestedLog *log);
/* Ends QEMU.  Asserts that every object was destroyed in a good order. */
void nested_teardown(NestedTest *t);
/* A number that QEMU's iommufd object has, such as x-calls-*. */
int64_t nested_iommufd_number(NestedTest *t, const char *property);
/* How often QEMU made an ioctl: "iommu-hwpt-alloc". */
int64_t nested_calls(NestedTest *t, const char *ioctl_name);
/* What it takes on this host to invalidate all of a stage 1 */
typedef struct NestedFlush {
    int calls;                  /* IOMMU_HWPT_INVALIDATE; 0: a new HWPT */
    int entries;                /* ... and what these ask for */
    bool page_selective;        /* it may also be less than all */
} NestedFlush;

NestedFlush nested_flush(NestedTest *t);
/* A number of x-query-intel-iommu-nested's counters */
int64_t nested_counter(NestedTest *t, const char *name);
/* The host's PASID entry: @pgtt, 0 for not present, and if nested @stage1. */
void nested_check_host(NestedTest *t, unsigned pgtt, uint64_t stage1);
/* Takes the guest's fault record: reason @want, or 0 for none. */
void nested_check_fault(NestedTest *t, unsigned want);
/*
 * Takes the QMP event that the device's DMA was blocked, for @reason; NULL:
 * asserts that there was none.  Not with PASIDs; the device has the ID "dev".
 */
void nested_check_event(NestedTest *t, const char *reason);
/* Has the device copy a page from t->src to IOVA_DST. */
Dma nested_probe(NestedTest *t);
/* Asserts that it ends up there; not if the device does not copy. */
void nested_check_dma(NestedTest *t, Dma want);

#endif
