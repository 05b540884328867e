/*
 * VFIO on iommufd: BARs that other devices reach by DMA
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel cannot pin a BAR.  It makes a dma-buf of a part of it, which an
 * IOAS maps as a file.  The kernel revokes the dma-buf before the BAR is of no
 * use: the device's memory is disabled, it leaves D0, it is reset, or closed.
 * The mapping is empty then and stays so when the BAR is back; it has to be
 * unmapped and made anew.
 *
 * All but a reset that the guest writes to config space takes the BAR out of the
 * guest's memory, and VFIO's memory listener unmaps it.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "hw/vfio/pci.h"
#include "nvtd/vfio.h"
#include "trace.h"
#include "internal.h"
#include "pci-bars.h"

/* Linux 6.19 brought it, and QEMU's headers are older. */
#define FEATURE_DMA_BUF     11      /* VFIO_DEVICE_FEATURE_DMA_BUF */

/* struct vfio_device_feature with a vfio_device_feature_dma_buf of one range */
typedef struct VFIODmaBuf {
    uint32_t argsz;
    uint32_t feature;
    uint32_t region_index;
    uint32_t open_flags;
    uint32_t flags;
    uint32_t nr_ranges;
    uint64_t offset;
    uint64_t length;
} VFIODmaBuf;

/* Part of a BAR in the guest's memory */
typedef struct BarSlice {
    VFIODevice *vbasedev;
    const VFIORegion *region;
    uint64_t offset;            /* in the BAR */
    uint64_t size;
} BarSlice;

static bool find_mmap(VFIOPCIDevice *vdev, const MemoryRegion *mr,
                      BarSlice *slice)
{
    for (int nr = 0; nr < PCI_ROM_SLOT; nr++) {
        const VFIORegion *region = &vdev->bars[nr].region;

        for (uint32_t i = 0; i < region->nr_mmaps; i++) {
            if (&region->mmaps[i].mem == mr) {
                slice->region = region;
                slice->offset += region->mmaps[i].offset;
                return true;
            }
        }
    }
    return false;
}

/* Return: false if what is at @vaddr is no BAR that is mapped to user space. */
static bool find_slice(void *vaddr, BarSlice *slice)
{
    ram_addr_t offset;
    MemoryRegion *mr;

    RCU_READ_LOCK_GUARD();
    mr = memory_region_from_host(vaddr, &offset);
    if (!mr || !memory_region_is_ram_device(mr)) {
        return false;
    }
    slice->vbasedev = vfio_get_vfio_device(memory_region_owner(mr));
    slice->offset = offset;
    return slice->vbasedev &&
           find_mmap(container_of(slice->vbasedev, VFIOPCIDevice, vbasedev), mr,
                     slice);
}

/* A BAR is where the guest put it: maybe where no device can reach. */
static bool is_reachable(const VFIOContainer *bcontainer, hwaddr iova,
                         uint64_t size)
{
    Range wanted;

    range_set_bounds(&wanted, iova, iova + size - 1);
    for (GList *l = bcontainer->iova_ranges; l; l = l->next) {
        if (range_contains_range(l->data, &wanted)) {
            return true;
        }
    }
    return !bcontainer->iova_ranges;
}

static void set_export_error(const BarSlice *slice, int err, Error **errp)
{
    switch (err) {
    case ENOTTY:
        error_setg(errp, "the host's kernel does not share BARs, which "
                   "requires Linux 6.19 or later with CONFIG_PCI_P2PDMA");
        break;
    case EOPNOTSUPP:
        error_setg(errp, "the host's driver of the device does not share "
                   "BARs; vfio-pci does");
        break;
    default:
        error_setg_errno(errp, err, "VFIO_DEVICE_FEATURE_DMA_BUF failed for "
                         "0x%" PRIx64 " bytes at 0x%" PRIx64 " of the BAR",
                         slice->size, slice->offset);
    }
}

/* Return: the file of a dma-buf, or -1 with @errp. */
static int export_slice(IOMMUFDBackend *be, const BarSlice *slice, Error **errp)
{
    VFIODmaBuf cmd = {
        .argsz = sizeof(cmd),
        .feature = VFIO_DEVICE_FEATURE_GET | FEATURE_DMA_BUF,
        .region_index = slice->region->nr,
        .open_flags = O_RDWR | O_CLOEXEC,
        .nr_ranges = 1,
        .offset = slice->offset,
        .length = slice->size,
    };
    int ret;

    if (slice->offset + slice->size > slice->region->size) {
        error_setg(errp, "the BAR has %zu bytes, less than a page",
                   slice->region->size);
        return -1;
    }
    ret = iommufd_backend_call(be, IOMMUFD_IOCTL_DMA_BUF, slice->vbasedev->fd,
                               &cmd);
    trace_vfio_iommufd_export_bar(slice->vbasedev->name, slice->region->nr,
                                  slice->offset, slice->size, ret);
    if (ret < 0) {
        set_export_error(slice, -ret, errp);
        return -1;
    }
    return ret;
}

static bool map_slice(VFIOIOMMUFDContainer *container, hwaddr iova,
                      const BarSlice *slice, Error **errp)
{
    IOMMUFDBar bar = {
        .device = slice->vbasedev->name,
        .nr = slice->region->nr,
        .offset = slice->offset,
        .size = slice->size,
    };
    int fd = export_slice(container->be, slice, errp), ret;

    if (fd < 0) {
        return false;
    }
    ret = iommufd_backend_map_bar(container->be, container->ioas_id, iova, fd,
                                  &bar);
    /* The IOAS has a reference of its own. */
    close(fd);
    if (ret) {
        error_setg_errno(errp, -ret, "IOMMU_IOAS_MAP_FILE failed for 0x%" PRIx64
                         " bytes of the BAR at 0x%" HWADDR_PRIx, slice->size,
                         iova);
    }
    return !ret;
}

/* Once a device: its driver moves BARs, enables and disables them at will. */
static bool is_first_warning(const VFIODevice *vbasedev)
{
    static GHashTable *warned;

    if (!warned) {
        warned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    return g_hash_table_add(warned, g_strdup(vbasedev->name));
}

bool vfio_iommufd_bar_map(VFIOIOMMUFDContainer *container, hwaddr iova,
                          ram_addr_t size, void *vaddr)
{
    BarSlice slice = { .size = size };
    Error *err = NULL;

    if (!find_slice(vaddr, &slice)) {
        return false;
    }
    if (!is_reachable(VFIO_IOMMU(container), iova, size)) {
        trace_vfio_iommufd_skip_bar(container->be->fd, container->ioas_id, iova,
                                    size);
    } else if (!map_slice(container, iova, &slice, &err)) {
        if (is_first_warning(slice.vbasedev)) {
            warn_report("vfio %s: other devices cannot reach BAR %d by DMA: %s",
                        slice.vbasedev->name, slice.region->nr,
                        error_get_pretty(err));
        }
        error_free(err);
    }
    return true;
}

/* A bit for each BAR that is now in no address space, but was */
static uint32_t hide_bars(VFIOPCIDevice *vdev)
{
    uint32_t hidden = 0;

    memory_region_transaction_begin();
    for (int nr = 0; nr < PCI_ROM_SLOT; nr++) {
        VFIORegion *region = &vdev->bars[nr].region;

        /* All of a BAR are enabled, or none. */
        if (region->nr_mmaps && region->mmaps[0].mmap &&
            region->mmaps[0].mem.enabled) {
            vfio_region_mmaps_set_enabled(region, false);
            hidden |= 1u << nr;
        }
    }
    memory_region_transaction_commit();
    return hidden;
}

static void show_bars(VFIOPCIDevice *vdev, uint32_t hidden)
{
    memory_region_transaction_begin();
    for (int nr = 0; nr < PCI_ROM_SLOT; nr++) {
        if (hidden & 1u << nr) {
            vfio_region_mmaps_set_enabled(&vdev->bars[nr].region, true);
        }
    }
    memory_region_transaction_commit();
}

bool vfio_pci_bars_reset(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                         int len)
{
    uint32_t hidden;

    if (!iommufd_nesting_exists()) {
        return false;
    }
    hidden = hide_bars(vdev);
    if (!hidden) {
        return false;
    }
    /* It comes here again, and finds nothing to hide. */
    vfio_pci_write_config(PCI_DEVICE(vdev), addr, val, len);
    show_bars(vdev, hidden);
    return true;
}
