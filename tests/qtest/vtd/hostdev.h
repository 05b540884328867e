/*
 * A PCI device for a program: VFIO's character device, and iommufd
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each function that returns int gives 0, or the negated errno of the ioctl
 * that failed, after it said which.
 */

#ifndef VTD_HOSTDEV_H
#define VTD_HOSTDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/iommufd.h>

#define HOSTDEV_NO_PASID UINT32_MAX

typedef struct HostDev {
    int iommufd;
    int fd;                 /* of the device */
    uint32_t id;            /* to iommufd */
    uint8_t max_pasid_log2; /* 0: no PASIDs */
    volatile uint8_t *bar;  /* BAR 0 */
    size_t bar_size;
} HostDev;

/* @bdf: of a device bound to vfio-pci.  Bus mastering is turned on. */
int hostdev_open(HostDev *d, const char *bdf);
void hostdev_close(HostDev *d);

int hostdev_ioas_alloc(HostDev *d, uint32_t *ioas);
int hostdev_map(HostDev *d, uint32_t ioas, uint64_t iova, void *page,
                size_t size);
int hostdev_unmap(HostDev *d, uint32_t ioas, uint64_t iova, size_t size);

int hostdev_fault_queue(HostDev *d, uint32_t *id, int *fd);

/* A page table of @ioas, fit for PASIDs; faults go to @fault unless it is 0. */
int hostdev_hwpt_alloc(HostDev *d, uint32_t ioas, uint32_t fault,
                       uint32_t *hwpt);

/* The device, or one PASID of it */
int hostdev_attach(HostDev *d, uint32_t pasid, uint32_t pt);
int hostdev_detach(HostDev *d, uint32_t pasid);

int hostdev_destroy(HostDev *d, uint32_t object);

/* Return: false if no fault came in time. */
bool hostdev_read_fault(int fd, struct iommu_hwpt_pgfault *fault);
int hostdev_answer(int fd, uint32_t cookie, uint32_t code);

#endif
