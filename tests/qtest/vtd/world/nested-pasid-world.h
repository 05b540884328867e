/*
 * intel-iommu,nested=on,pasid=on: the world of its tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A QEMU with a passed-through pasid-testdev, which tags its requests.
 */

#ifndef QTEST_INTEL_IOMMU_NESTED_PASID_WORLD_H
#define QTEST_INTEL_IOMMU_NESTED_PASID_WORLD_H

#include "nested-world.h"
#include "libqos/pasid-testdev.h"

/* In the first table of the directory, and in another one */
#define PASID_X     5
#define PASID_Y     70
#define PASIDS      2
/* Each has a domain-id of its own. */
#define DID_X       21
#define DID_Y       22

typedef struct PasidTest {
    NestedTest n;           /* .edu has no more than the device */
    QTestdev dev;
} PasidTest;

/*
 * Translation is on: requests without PASID are identity mapped by a pass-through
 * entry, no PASID has an entry.  @props: more of intel-iommu's
 */
void pasid_setup(PasidTest *t, const char *props);
/* The same; @device_props: more of the vfio-pci device's */
void pasid_setup_device(PasidTest *t, const char *props,
                        const char *device_props);
/* The same with the device behind a root port, to be unplugged */
void pasid_setup_behind(PasidTest *t, const char *props);
/* The same; @unit: all of intel-iommu's properties; @bdf: of the host's device */
void pasid_setup_machine(PasidTest *t, const char *unit, const char *bdf,
                         const char *device_props);
void pasid_teardown(PasidTest *t);
/* A context entry with a directory of 2^(@pdts + 7) entries, and invalidates */
void pasid_set_context(PasidTest *t, unsigned pdts, bool pasids);
/* Writes the entry of @pasid; invalidates nothing. */
void pasid_write(PasidTest *t, uint32_t pasid, const QVTDPasid *entry);
/* Where a read of IOVA_SRC by @pasid ends up; QTESTDEV_NO_PASID: without one */
Dma pasid_probe(PasidTest *t, uint32_t pasid);

#endif
