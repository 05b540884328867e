/*
 * iommufd: ioctls that fail on purpose, for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BACKENDS_IOMMUFD_INJECT_H
#define BACKENDS_IOMMUFD_INJECT_H

#include "system/iommufd.h"

/**
 * iommufd_inject_ioctl: ioctl(), unless a property of the object says that it
 * shall fail.
 *
 * Return: as ioctl() does, with errno.
 */
int iommufd_inject_ioctl(IOMMUFDBackend *be, IOMMUFDIoctl nr, int fd,
                         unsigned long request, void *arg);

/* Whether a call that is no ioctl must fail; sets errno then. */
bool iommufd_inject_fails(IOMMUFDBackend *be, IOMMUFDIoctl nr);

void iommufd_inject_init(IOMMUFDBackend *be);
void iommufd_inject_finalize(IOMMUFDBackend *be);
/* The properties "x-inject" and "x-fail-nth" */
void iommufd_inject_class_init(ObjectClass *oc);

#endif
