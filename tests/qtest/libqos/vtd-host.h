/*
 * What the host's VT-d hardware was told, as the kernel's debugfs shows it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs CONFIG_INTEL_IOMMU_DEBUGFS, a mounted debugfs and root.
 */

#ifndef QTEST_LIBQOS_VTD_HOST_H
#define QTEST_LIBQOS_VTD_HOST_H

/* A PASID entry of a device */
typedef struct VTDHostEntry {
    bool present;
    unsigned pgtt;          /* 1 first-stage, 2 second, 3 nested, 4 pass */
    unsigned s2_levels;     /* 3 to 5, if there is a stage 2 */
    unsigned domain_id;
    uint64_t stage1;        /* FSPTPTR: guest-physical if nested */
    unsigned flags;         /* beside it: SRE, FSPM, WPE, EAFE */
    bool pwsnp;             /* walks snoop the processors' caches */
    uint64_t stage2;        /* SSPTPTR: host-physical */
} VTDHostEntry;

/**
 * vtd_host_pasid_entry: Reads it from dmar_translation_struct.
 * @bdf: "0000:00:04.0"
 */
VTDHostEntry vtd_host_pasid_entry(const char *bdf, uint32_t pasid);
/* That of requests without PASID: Linux has it at PASID 0. */
VTDHostEntry vtd_host_entry(const char *bdf);

/* Where there is none, programs only list their cases. */
bool vtd_host_has_unit(void);

/* Are @nr huge pages of 2^@page_lg2 bytes free?  Or the row is skipped. */
bool vtd_host_has_hugepages(unsigned page_lg2, unsigned nr);
/* "cap" or "ecap" of its units, which are taken to be alike */
uint64_t vtd_host_register(const char *name);

/* Opens the device's file of VFIO, which no other may have open. */
int vtd_host_open_device(const char *bdf);

/* What the kernel holds, in all of the host. */
typedef struct VTDHostObjects {
    int64_t domains;        /* domain IDs that the VT-d units have in use */
    int64_t table_pages;    /* pages of tables for IOMMUs */
    int64_t pinned_pages;   /* pages pinned for DMA, once for each pin */
    int64_t heap;           /* kmalloc()ed objects, of everything else too */
} VTDHostObjects;

/**
 * vtd_host_objects: Counts them, in sysfs, /proc/vmstat and /proc/slabinfo.  An
 * object of iommufd's or of the driver's that was forgotten holds at least one
 * of each kind that it is made of; all but @heap are as they were after a run
 * that left nothing.  @heap moves a little by itself: compare it with how many
 * objects could have been forgotten.
 *
 * Needs CONFIG_SLUB_DEBUG, and Linux 6.11 for @table_pages.
 */
VTDHostObjects vtd_host_objects(void);
/* Asserts that all but @heap are the same. */
void vtd_host_check_objects(const VTDHostObjects *then,
                            const VTDHostObjects *now);

/**
 * vtd_host_page_lg2: Looks @addr up in the stage 2 of the device, which has to
 * be attached.
 *
 * Return: the size of the page that maps it, 0 if none does.
 */
unsigned vtd_host_page_lg2(const char *bdf, uint64_t addr);

/**
 * vtd_host_device: The device to test with: environment variable VTD_TEST_BDF,
 * bound to vfio-pci already.
 *
 * Return: NULL if the variable is not set.
 */
const char *vtd_host_device(void);

#endif
