/*
 * VFIO on iommufd: guest memory on its way into the IOAS and out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/vfio/trace.h"
#include "trace.h"
#include "internal.h"

static int add_populated(MemoryRegionSection *section, void *opaque)
{
    *(uint64_t *)opaque += int128_get64(section->size);
    return 0;
}

/* The bytes of its address space that one IOAS pins. */
typedef struct Pinned {
    uint64_t bytes;
    bool roms;                  /* mapped as well */
} Pinned;

/* flatview_cb */
static bool add_pinned(Int128 start, Int128 len, const MemoryRegion *const_mr,
                       hwaddr offset_in_region, void *opaque)
{
    MemoryRegion *mr = (MemoryRegion *)const_mr;
    Pinned *pinned = opaque;
    MemoryRegionSection section = {
        .mr = mr,
        .offset_within_region = offset_in_region,
        .size = len,
    };

    if (memory_region_has_ram_discard_manager(mr)) {
        ram_discard_manager_replay_populated(
            memory_region_get_ram_discard_manager(mr), &section, add_populated,
            &pinned->bytes);
    } else if (memory_region_is_ram(mr) &&
               (pinned->roms || !memory_region_is_rom(mr)) &&
               !memory_region_is_ram_device(mr)) {
        pinned->bytes += int128_get64(len);
    }
    return false;
}

static uint64_t container_bytes(const VFIOIOMMUFDContainer *container)
{
    AddressSpace *as = VFIO_IOMMU(container)->space->as;
    Pinned pinned = { .roms = !vfio_iommufd_container_nests(container) };

    RCU_READ_LOCK_GUARD();
    flatview_for_each_range(address_space_to_flatview(as), add_pinned, &pinned);
    return pinned.bytes;
}

/*
 * Each IOAS pins the guest's memory for itself: one an iommufd, and one more
 * for its devices outside a nesting vIOMMU.
 * @ioases: out: how many there are, with that of @container
 */
static uint64_t bytes_to_pin(const VFIOIOMMUFDContainer *container,
                             unsigned *ioases)
{
    uint64_t bytes = container_bytes(container);
    VFIODevice *vbasedev;

    *ioases = 1;
    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        const VFIOContainer *other = vbasedev->bcontainer;

        /* Each by the first of its devices; ours may have none yet. */
        if (other && other != VFIO_IOMMU(container) &&
            vbasedev == QLIST_FIRST(&other->device_list) &&
            object_dynamic_cast(OBJECT(other), TYPE_VFIO_IOMMU_IOMMUFD)) {
            bytes += container_bytes(vfio_iommufd_container(other));
            ++*ioases;
        }
    }
    return bytes;
}

/*
 * The kernel counts pinned memory for each user, over all programs, and
 * compares it with the limit of the process that maps, unless that has
 * CAP_IPC_LOCK.
 */
static void set_map_error(const VFIOIOMMUFDContainer *container, hwaddr iova,
                          ram_addr_t size, int err, Error **errp)
{
    struct rlimit limit = { .rlim_cur = RLIM_INFINITY };
    g_autofree char *where = NULL;
    uint64_t bytes;
    unsigned ioases;

    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (err == ENOMEM && limit.rlim_cur != RLIM_INFINITY) {
        bytes = bytes_to_pin(container, &ioases);
        if (ioases > 1) {
            where = g_strdup_printf(" in %u IOASes", ioases);
        }
        error_setg(errp, "no memory to pin 0x%" PRIx64 " bytes at 0x%"
                   HWADDR_PRIx ": the guest has %" PRIu64 " bytes to pin in "
                   "all%s, RLIMIT_MEMLOCK allows the user %" PRIu64 " bytes",
                   (uint64_t)size, iova, bytes, where ?: "",
                   (uint64_t)limit.rlim_cur);
    } else {
        error_setg_errno(errp, err, "IOMMU_IOAS_MAP failed for 0x%" PRIx64
                         " bytes at 0x%" HWADDR_PRIx, (uint64_t)size, iova);
    }
}

static bool has_shadows(const VFIOContainer *bcontainer)
{
    return !QLIST_EMPTY(&bcontainer->giommu_list);
}

/* What follows from a map that failed, and who is told */
typedef enum MapFailure {
    MAP_FAILURE_BAR_IS_LEFT_OUT,    /* VFIO's listener warns, and goes on */
    MAP_FAILURE_DEVICE_IS_REFUSED,  /* it is being realized */
    MAP_FAILURE_GUEST_IS_REFUSED,   /* its map, or its driver's plug */
    MAP_FAILURE_BOTH_ARE_REFUSED,   /* a device, with memory a driver plugs */
    MAP_FAILURE_DMA_IS_BLOCKED,     /* and the machine goes on */
    MAP_FAILURE_MACHINE_ENDS,       /* VFIO's listener sees to it */
} MapFailure;

static MapFailure map_failure(VFIOIOMMUFDContainer *container, void *vaddr)
{
    VFIOContainer *bcontainer = VFIO_IOMMU(container);
    bool shadows = has_shadows(bcontainer), plugged;
    ram_addr_t offset;
    MemoryRegion *mr;

    RCU_READ_LOCK_GUARD();
    mr = memory_region_from_host(vaddr, &offset);
    if (!mr || memory_region_is_ram_device(mr)) {
        return MAP_FAILURE_BAR_IS_LEFT_OUT;
    }
    plugged = memory_region_has_ram_discard_manager(mr);
    if (!bcontainer->initialized && !shadows) {
        return plugged ? MAP_FAILURE_BOTH_ARE_REFUSED
                       : MAP_FAILURE_DEVICE_IS_REFUSED;
    }
    /*
     * Memory was plugged, or moved by the guest.  VFIO would end the machine;
     * but what is not mapped is blocked, and so is safe.
     */
    if (bcontainer->initialized && !plugged &&
        vfio_iommufd_container_nests(container)) {
        return MAP_FAILURE_DMA_IS_BLOCKED;
    }
    return shadows || plugged ? MAP_FAILURE_GUEST_IS_REFUSED
                              : MAP_FAILURE_MACHINE_ENDS;
}

/* Return: what the caller is told: @ret, or 0 if it has to live with it. */
static int map_failed(VFIOIOMMUFDContainer *container, hwaddr iova,
                      ram_addr_t size, void *vaddr, int ret)
{
    VFIOContainer *bcontainer = VFIO_IOMMU(container);
    MapFailure failure = map_failure(container, vaddr);
    Error *err = NULL;

    if (failure == MAP_FAILURE_BAR_IS_LEFT_OUT ||
        failure == MAP_FAILURE_MACHINE_ENDS) {
        return ret;
    }
    set_map_error(container, iova, size, -ret, &err);
    if (failure == MAP_FAILURE_DMA_IS_BLOCKED) {
        error_report_once("vfio: IOAS %u: DMA to 0x%" PRIx64 " bytes at 0x%"
                          HWADDR_PRIx " is blocked: %s", container->ioas_id,
                          (uint64_t)size, iova, error_get_pretty(err));
        ret = 0;
    }
    if (failure == MAP_FAILURE_GUEST_IS_REFUSED ||
        failure == MAP_FAILURE_BOTH_ARE_REFUSED) {
        /* A guest can do so at any time: hence once. */
        warn_report_once("vfio: IOAS %u: %s", container->ioas_id,
                         error_get_pretty(err));
    }
    if (!bcontainer->error && (failure == MAP_FAILURE_DEVICE_IS_REFUSED ||
                               failure == MAP_FAILURE_BOTH_ARE_REFUSED)) {
        /* With the first of the errors. */
        bcontainer->error = g_steal_pointer(&err);
    }
    error_free(err);
    return ret;
}

/*
 * Return: 0 or -errno.  A failure while the container is filled is left in
 * bcontainer->error.  Later, with nesting, what cannot be mapped is 0 as well:
 * DMA to it is blocked, which is reported.
 */
int vfio_iommufd_dma_map(const VFIOContainer *bcontainer, hwaddr iova,
                         uint64_t size, void *vaddr, bool readonly,
                         MemoryRegion *mr)
{
    VFIOIOMMUFDContainer *container = vfio_iommufd_container(bcontainer);
    bool nests = vfio_iommufd_container_nests(container);
    int ret;

    if (readonly && nests) {
        /*
         * Sapphire Rapids erratum 772415 (SPR17): under nested translation
         * hardware may write to what the nest parent maps read-only.  The
         * kernel reports it for every VT-d host.  DMA to ROMs faults.
         */
        trace_vfio_iommufd_skip_readonly(container->be->fd,
                                         container->ioas_id, iova, size);
        vfio_iommufd_unmapped_add(container, iova, size);
        return 0;
    }
    if (nests && vfio_iommufd_bar_map(container, iova, size, vaddr)) {
        return 0;
    }
    /* A shadow is mapped page by page: there a file's folios gain nothing. */
    if (!has_shadows(bcontainer) &&
        vfio_iommufd_file_map(container, iova, size, vaddr, readonly)) {
        return 0;
    }
    ret = iommufd_backend_map_dma(container->be, container->ioas_id, iova,
                                  size, vaddr, readonly);
    if (ret) {
        ret = map_failed(container, iova, size, vaddr, ret);
        if (!ret) {
            vfio_iommufd_unmapped_add(container, iova, size);
        }
    }
    return ret;
}

/*
 * @iotlb asks for the dirty bits of the range.  iommufd has them by another
 * ioctl only; migration with a shadowed vIOMMU is blocked anyway.
 */
int vfio_iommufd_dma_unmap(const VFIOContainer *bcontainer, hwaddr iova,
                           uint64_t size, IOMMUTLBEntry *iotlb, bool unmap_all)
{
    VFIOIOMMUFDContainer *container = vfio_iommufd_container(bcontainer);

    if (unmap_all) {
        size = UINT64_MAX;
    }
    vfio_iommufd_unmapped_remove(container, iova, size);
    return iommufd_backend_unmap_dma(container->be, container->ioas_id, iova,
                                     size);
}
