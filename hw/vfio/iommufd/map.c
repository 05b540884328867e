/*
 * VFIO on iommufd: guest memory on its way into the IOAS and out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "exec/memory.h"
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
    AddressSpace *as = container->bcontainer.space->as;
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
        const VFIOContainerBase *other = vbasedev->bcontainer;

        /* Each by the first of its devices; ours may have none yet. */
        if (other && other != &container->bcontainer &&
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

static bool has_shadows(const VFIOContainerBase *bcontainer)
{
    return !QLIST_EMPTY(&bcontainer->giommu_list);
}

/* Return: the caller's result: @ret, or 0 if the failure only blocks DMA. */
static int map_failed(VFIOIOMMUFDContainer *container, hwaddr iova,
                      ram_addr_t size, void *vaddr, int ret)
{
    VFIOContainerBase *bcontainer = &container->bcontainer;
    Error *err = NULL;
    ram_addr_t offset;
    MemoryRegion *mr;

    RCU_READ_LOCK_GUARD();
    mr = memory_region_from_host(vaddr, &offset);
    if (!mr || memory_region_is_ram_device(mr)) {
        /* VFIO's listener warns of a BAR that cannot be mapped. */
        return ret;
    }

    set_map_error(container, iova, size, -ret, &err);
    if (has_shadows(bcontainer) || memory_region_has_ram_discard_manager(mr)) {
        /* A guest's map, or its driver's plug, which fails: hence once. */
        warn_report_once("vfio: IOAS %u: %s", container->ioas_id,
                         error_get_pretty(err));
    }
    if (!bcontainer->initialized && !has_shadows(bcontainer)) {
        /* The device is refused, with the first of the errors. */
        if (!bcontainer->error) {
            bcontainer->error = g_steal_pointer(&err);
        }
    } else if (bcontainer->initialized &&
               vfio_iommufd_container_nests(container) &&
               !memory_region_has_ram_discard_manager(mr)) {
        /*
         * Memory was plugged, or moved by the guest.  VFIO would end the
         * machine; DMA to memory that is not mapped is blocked, hence safe.
         */
        error_report_once("vfio: IOAS %u: DMA to 0x%" PRIx64 " bytes at 0x%"
                          HWADDR_PRIx " is blocked: %s", container->ioas_id,
                          (uint64_t)size, iova, error_get_pretty(err));
        ret = 0;
    }
    error_free(err);
    return ret;
}

int vfio_iommufd_dma_map(const VFIOContainerBase *bcontainer, hwaddr iova,
                         ram_addr_t size, void *vaddr, bool readonly)
{
    VFIOIOMMUFDContainer *container = vfio_iommufd_container(bcontainer);
    int ret;

    if (readonly && vfio_iommufd_container_nests(container)) {
        /*
         * Sapphire Rapids erratum 772415 (SPR17): under nested translation
         * hardware may write to what the nest parent maps read-only.  The
         * kernel reports it for every VT-d host.  DMA to ROMs faults.
         */
        trace_vfio_iommufd_skip_readonly(container->be->fd,
                                         container->ioas_id, iova, size);
        return 0;
    }
    ret = iommufd_backend_map_dma(container->be, container->ioas_id, iova,
                                  size, vaddr, readonly);
    return ret ? map_failed(container, iova, size, vaddr, ret) : 0;
}

/*
 * @iotlb asks for the dirty bits of the range.  iommufd has them by another
 * ioctl only; migration with a shadowed vIOMMU is blocked anyway.
 */
int vfio_iommufd_dma_unmap(const VFIOContainerBase *bcontainer, hwaddr iova,
                           ram_addr_t size, IOMMUTLBEntry *iotlb)
{
    VFIOIOMMUFDContainer *container = vfio_iommufd_container(bcontainer);

    return iommufd_backend_unmap_dma(container->be, container->ioas_id, iova,
                                     size);
}
