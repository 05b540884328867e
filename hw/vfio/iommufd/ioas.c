/*
 * VFIO on iommufd: the container, which is an IOAS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/iommufd.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "hw/vfio/trace.h"
#include "trace.h"
#include "internal.h"

bool vfio_iommufd_container_nests(const VFIOIOMMUFDContainer *container)
{
    return iommufd_nesting_find(VFIO_IOMMU(container)->space->as) != NULL;
}

/*
 * Valid only once a device is attached: what it and its IOMMU cannot reach,
 * or reserve, is left out by the kernel.
 */
static bool ioas_read_ranges(VFIOIOMMUFDContainer *container, Error **errp)
{
    VFIOContainer *bcontainer = VFIO_IOMMU(container);
    g_autofree struct iommu_iova_range *ranges = NULL;
    struct iommu_ioas_iova_ranges cmd = {
        .size = sizeof(cmd),
        .ioas_id = container->ioas_id,
        .num_iovas = 16,
    };
    uint32_t room;
    int ret;

    /* With EMSGSIZE the kernel returns the number of ranges. */
    do {
        room = cmd.num_iovas;
        ranges = g_renew(struct iommu_iova_range, ranges, room);
        cmd.allowed_iovas = (uintptr_t)ranges;
        ret = iommufd_backend_call(container->be,
                                   IOMMUFD_IOCTL_IOAS_IOVA_RANGES,
                                   container->be->fd, &cmd);
    } while (ret == -EMSGSIZE && cmd.num_iovas > room);
    trace_vfio_iommufd_iova_ranges(container->be->fd, container->ioas_id,
                                   cmd.num_iovas, cmd.out_iova_alignment, ret);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_IOAS_IOVA_RANGES failed for IOAS "
                         "%u", container->ioas_id);
        return false;
    }

    for (uint32_t i = 0; i < cmd.num_iovas; i++) {
        Range *range = g_new0(Range, 1);

        range_set_bounds(range, ranges[i].start, ranges[i].last);
        bcontainer->iova_ranges = range_list_insert(bcontainer->iova_ranges,
                                                    range);
    }
    bcontainer->pgsizes = cmd.out_iova_alignment;
    return true;
}

static VFIOIOMMUFDContainer *container_alloc(IOMMUFDBackend *be,
                                             VFIOAddressSpace *space,
                                             Error **errp)
{
    VFIOIOMMUFDContainer *container;
    uint32_t ioas_id;

    if (!iommufd_backend_alloc_ioas(be, &ioas_id, errp)) {
        return NULL;
    }
    trace_iommufd_cdev_alloc_ioas(be->fd, ioas_id);

    container = VFIO_IOMMU_IOMMUFD(object_new(TYPE_VFIO_IOMMU_IOMMUFD));
    container->be = be;
    container->ioas_id = ioas_id;
    QLIST_INIT(&container->hwpt_list);
    vfio_address_space_insert(space, VFIO_IOMMU(container));
    return container;
}

static void container_free(VFIOIOMMUFDContainer *container)
{
    iommufd_backend_free_id(container->be, container->ioas_id);
    object_unref(OBJECT(container));    /* leaves the address space's list */
}

/* Map the address space into the IOAS, now and whenever it changes. */
static bool container_listen(VFIOIOMMUFDContainer *container, Error **errp)
{
    ERRP_GUARD();
    VFIOContainer *bcontainer = VFIO_IOMMU(container);

    if (!vfio_listener_register(bcontainer, errp)) {
        vfio_listener_unregister(bcontainer);
        error_prepend(errp, "IOAS %u cannot map the guest's memory: ",
                      container->ioas_id);
        bcontainer->error = NULL;
        return false;
    }
    bcontainer->initialized = true;
    return true;
}

/*
 * While devices are assigned, pages must not be discarded without an unmap.  A
 * RamDiscardManager notifies VFIO, so virtio-mem may.
 */
static bool discard_disable(Error **errp)
{
    int ret = ram_block_uncoordinated_discard_disable(true);

    if (ret) {
        error_setg_errno(errp, -ret, "discarding of RAM (balloon?) is in use "
                         "and cannot be disabled");
    }
    return !ret;
}

static void discard_enable(void)
{
    ram_block_uncoordinated_discard_disable(false);
}

static bool container_try_join(VFIODevice *vbasedev,
                               VFIOIOMMUFDContainer *container, Error **errp)
{
    if (!vfio_iommufd_hwpt_get(vbasedev, container, errp)) {
        return false;
    }
    if (!discard_disable(errp)) {
        goto out_put_hwpt;
    }
    return true;

out_put_hwpt:
    vfio_iommufd_hwpt_put(vbasedev, container);
    return false;
}

static VFIOIOMMUFDContainer *container_new(VFIODevice *vbasedev,
                                           VFIOAddressSpace *space,
                                           Error **errp)
{
    VFIOIOMMUFDContainer *container;
    Error *err = NULL;

    container = container_alloc(vbasedev->iommufd, space, errp);
    if (!container) {
        return NULL;
    }
    if (!container_try_join(vbasedev, container, errp)) {
        goto out_free_container;
    }
    if (!ioas_read_ranges(container, &err)) {
        error_append_hint(&err, "Any 64-bit IOVA and pages of %zu bytes are "
                          "assumed to be usable.\n",
                          (size_t)qemu_real_host_page_size());
        warn_report_err(err);
        VFIO_IOMMU(container)->pgsizes = qemu_real_host_page_size();
    }
    if (!container_listen(container, errp)) {
        goto out_leave;
    }
    /*
     * Once a container: the notifier is in the container, and a list cannot
     * hold it twice.
     */
    if (!vfio_iommufd_cpr_register_container(container, errp)) {
        goto out_unlisten;
    }
    return container;

out_unlisten:
    vfio_listener_unregister(VFIO_IOMMU(container));
out_leave:
    discard_enable();
    vfio_iommufd_hwpt_put(vbasedev, container);
out_free_container:
    container_free(container);
    return NULL;
}

/*
 * A nest parent takes all devices of its address space or none: an IOAS that
 * was filled before the address space nested may map read-only sections.
 */
static bool container_fits(VFIODevice *vbasedev,
                           const VFIOContainer *bcontainer)
{
    VFIOIOMMUFDContainer *container;
    VFIOIOASHwpt *hwpt;
    bool nests;

    if (!object_dynamic_cast(OBJECT(bcontainer), TYPE_VFIO_IOMMU_IOMMUFD)) {
        return false;
    }
    container = vfio_iommufd_container(bcontainer);
    if (container->be != vbasedev->iommufd) {
        return false;
    }
    nests = vfio_iommufd_container_nests(container);
    QLIST_FOREACH(hwpt, &container->hwpt_list, next) {
        if (nests != !!(hwpt->hwpt_flags & IOMMU_HWPT_ALLOC_NEST_PARENT)) {
            return false;
        }
    }
    return true;
}

VFIOIOMMUFDContainer *vfio_iommufd_container_join(VFIODevice *vbasedev,
                                                  VFIOAddressSpace *space,
                                                  Error **errp)
{
    VFIOContainer *bcontainer;

    QLIST_FOREACH(bcontainer, &space->containers, next) {
        Error *err = NULL;

        if (!container_fits(vbasedev, bcontainer)) {
            continue;
        }
        if (container_try_join(vbasedev, vfio_iommufd_container(bcontainer),
                               &err)) {
            return vfio_iommufd_container(bcontainer);
        }
        trace_iommufd_cdev_fail_attach_existing_container(
            error_get_pretty(err));
        if (vfio_iommufd_container_nests(vfio_iommufd_container(bcontainer))) {
            /* A second IOAS would pin the guest's memory a second time. */
            error_propagate(errp, err);
            return NULL;
        }
        /* Another IOAS, with other mappings, may fit. */
        error_free(err);
    }
    return container_new(vbasedev, space, errp);
}

void vfio_iommufd_container_leave(VFIODevice *vbasedev,
                                  VFIOIOMMUFDContainer *container)
{
    VFIOContainer *bcontainer = VFIO_IOMMU(container);

    if (!vbasedev->ram_block_discard_allowed) {
        discard_enable();
    }
    vfio_iommufd_hwpt_put(vbasedev, container);
    if (QLIST_EMPTY(&bcontainer->device_list)) {
        vfio_iommufd_cpr_unregister_container(container);
        vfio_listener_unregister(bcontainer);
        container_free(container);
    }
}
