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
    uint64_t stage2;        /* SSPTPTR: host-physical */
} VTDHostEntry;

/**
 * vtd_host_pasid_entry: Reads it from dmar_translation_struct.
 * @bdf: "0000:00:04.0"
 */
VTDHostEntry vtd_host_pasid_entry(const char *bdf, uint32_t pasid);
/* That of requests without PASID: Linux has it at PASID 0. */
VTDHostEntry vtd_host_entry(const char *bdf);

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
