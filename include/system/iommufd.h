/*
 * iommufd: QEMU's side of /dev/iommu
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One wrapper an ioctl, no policy.  Objects are named by the 32-bit IDs that
 * the kernel hands out, which are valid on one IOMMUFDBackend only.
 *
 * Sources: the kernel's include/uapi/linux/iommufd.h and linux/vfio.h.
 */

#ifndef SYSTEM_IOMMUFD_H
#define SYSTEM_IOMMUFD_H

#include "qemu/queue.h"
#include "qemu/thread.h"
#include "qom/object.h"
#include "exec/hwaddr.h"
#include "exec/cpu-common.h"
#include "system/host_iommu_device.h"

#define TYPE_IOMMUFD_BACKEND "iommufd"
OBJECT_DECLARE_TYPE(IOMMUFDBackend, IOMMUFDBackendClass, IOMMUFD_BACKEND)

struct IOMMUFDBackendClass {
    ObjectClass parent_class;
};

/* The ioctls that are counted, in the order of the kernel's command numbers. */
typedef enum IOMMUFDIoctl {
    IOMMUFD_IOCTL_DESTROY,
    IOMMUFD_IOCTL_IOAS_ALLOC,
    IOMMUFD_IOCTL_IOAS_IOVA_RANGES,
    IOMMUFD_IOCTL_IOAS_MAP,
    IOMMUFD_IOCTL_IOAS_UNMAP,
    IOMMUFD_IOCTL_HWPT_ALLOC,
    IOMMUFD_IOCTL_GET_HW_INFO,
    IOMMUFD_IOCTL_HWPT_SET_DIRTY,
    IOMMUFD_IOCTL_HWPT_GET_DIRTY,
    IOMMUFD_IOCTL_HWPT_INVALIDATE,
    IOMMUFD_IOCTL_FAULT_QUEUE_ALLOC,
    IOMMUFD_IOCTL_IOAS_MAP_FILE,
    IOMMUFD_IOCTL_BIND,             /* VFIO_DEVICE_BIND_IOMMUFD */
    IOMMUFD_IOCTL_ATTACH,           /* VFIO_DEVICE_ATTACH_IOMMUFD_PT */
    IOMMUFD_IOCTL_DETACH,           /* VFIO_DEVICE_DETACH_IOMMUFD_PT */
    IOMMUFD_IOCTL_DMA_BUF,          /* VFIO_DEVICE_FEATURE_DMA_BUF */
    IOMMUFD_IOCTL_FAULT_READ,       /* read() of a fault queue's file */
    IOMMUFD_IOCTL__MAX,
} IOMMUFDIoctl;

/* What QEMU has in the kernel: backends/iommufd/objects.c */
typedef struct IOMMUFDObjects IOMMUFDObjects;

struct IOMMUFDBackend {
    Object parent;

    /*< protected >*/
    int fd;            /* /dev/iommu file descriptor, -1 while closed */
    bool owned;        /* opened here, as opposed to passed in by "fd" */
    uint32_t users;    /* devices connected; the last one closes an owned fd */
    Error *cpr_blocker;
    bool map_file;     /* "x-map-file", and the kernel is not known to lack it */

    /* Calls and failed calls of each ioctl since the object was made. */
    uint64_t calls[IOMMUFD_IOCTL__MAX];
    uint64_t failures[IOMMUFD_IOCTL__MAX];
    IOMMUFDObjects *objects;

    /* For tests, "x-inject": what the next calls of one ioctl come to. */
    struct {
        QemuMutex lock;
        IOMMUFDIoctl nr;
        unsigned skip;      /* how many are made before that */
        unsigned part;      /* invalidations carried out all the same */
        unsigned count;     /* how many more calls fail, without being made */
        int err;            /* a positive errno */
    } inject;
    /* For tests, "x-fail-nth": the kernel's own fault injection. */
    struct {
        int fd;             /* fail-nth of the thread that set it, or -1 */
        unsigned left;      /* allocations until one fails, 0: none will */
    } fail_nth;
};

bool iommufd_backend_connect(IOMMUFDBackend *be, Error **errp);
void iommufd_backend_disconnect(IOMMUFDBackend *be);
/* For migration mode cpr-transfer of QEMU 10.1 and later: false. */
bool iommufd_change_process_capable(IOMMUFDBackend *be);
bool iommufd_change_process(IOMMUFDBackend *be, Error **errp);

bool iommufd_backend_alloc_ioas(IOMMUFDBackend *be, uint32_t *ioas_id,
                                Error **errp);
void iommufd_backend_free_id(IOMMUFDBackend *be, uint32_t id);
/* Return: 0 or -errno; prints nothing. */
int iommufd_backend_try_free_id(IOMMUFDBackend *be, uint32_t id);
int iommufd_backend_map_dma(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                            uint64_t size, void *vaddr, bool readonly);
int iommufd_backend_unmap_dma(IOMMUFDBackend *be, uint32_t ioas_id,
                              hwaddr iova, uint64_t size);
bool iommufd_backend_get_device_info(IOMMUFDBackend *be, uint32_t devid,
                                     uint32_t *type, void *data, uint32_t len,
                                     uint64_t *caps, uint8_t *max_pasid_log2,
                                     Error **errp);
/* Part of a BAR */
typedef struct IOMMUFDBar {
    const char *device;
    int nr;                     /* of the BAR */
    uint64_t offset;            /* in the BAR */
    uint64_t size;
} IOMMUFDBar;

/**
 * iommufd_backend_map_bar: IOMMU_IOAS_MAP_FILE, of a dma-buf
 * @fd: a dma-buf that is this part of the BAR, Linux 6.19 and later.  It may be
 *      closed then.
 *
 * Once the dma-buf is revoked nothing is at @iova any more, until it is
 * unmapped, as any other mapping, and mapped again.
 */
int iommufd_backend_map_bar(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                            int fd, const IOMMUFDBar *bar);
/* Whether iommufd_backend_map_file_dma() is worth a call */
bool iommufd_backend_maps_files(const IOMMUFDBackend *be);
/**
 * iommufd_backend_map_file_dma: IOMMU_IOAS_MAP_FILE, Linux 6.13 and later
 * @fd: of a file in tmpfs (a memfd) or hugetlbfs
 * @start: where in the file
 *
 * Return: 0 or -errno.
 */
int iommufd_backend_map_file_dma(IOMMUFDBackend *be, uint32_t ioas_id,
                                 hwaddr iova, uint64_t size, int fd,
                                 uint64_t start, bool readonly);
/* What IOMMU_HWPT_ALLOC is asked for */
typedef struct IOMMUFDHwptAlloc {
    uint32_t dev_id;
    uint32_t pt_id;             /* an IOAS, or the nest parent below */
    uint32_t flags;             /* IOMMU_HWPT_ALLOC_* */
    uint32_t data_type;         /* IOMMU_HWPT_DATA_* */
    uint32_t data_len;
    const void *data;
    uint32_t fault_id;          /* with IOMMU_HWPT_FAULT_ID_VALID */
} IOMMUFDHwptAlloc;

/**
 * iommufd_backend_alloc_hwpt: IOMMU_HWPT_ALLOC
 * @hwpt_id: out
 *
 * Attaching one with a fault queue fails with ENODEV for a device whose page
 * requests the kernel has not enabled.
 */
bool iommufd_backend_alloc_hwpt(IOMMUFDBackend *be,
                                const IOMMUFDHwptAlloc *alloc,
                                uint32_t *hwpt_id, Error **errp);
/**
 * iommufd_backend_alloc_fault_queue: IOMMU_FAULT_QUEUE_ALLOC
 * @id: out: for IOMMU_HWPT_ALLOC, and to destroy it after its last HWPT
 * @fd: out: an open file, close-on-exec, to be closed before that.  Reads give
 *      struct iommu_hwpt_pgfault, whole groups of them, and never wait; writes
 *      take struct iommu_hwpt_page_response.
 */
bool iommufd_backend_alloc_fault_queue(IOMMUFDBackend *be, uint32_t *id,
                                       int *fd, Error **errp);

/**
 * iommufd_backend_read_faults: What is in a fault queue, without waiting.
 * @fd: of the queue
 * @faults: room for struct iommu_hwpt_pgfault, @size bytes
 *
 * Return: the bytes read, or a negated errno.
 */
ssize_t iommufd_backend_read_faults(IOMMUFDBackend *be, int fd, void *faults,
                                    size_t size);
bool iommufd_backend_set_dirty_tracking(IOMMUFDBackend *be, uint32_t hwpt_id,
                                        bool start, Error **errp);
bool iommufd_backend_get_dirty_bitmap(IOMMUFDBackend *be, uint32_t hwpt_id,
                                      uint64_t iova, uint64_t size,
                                      uint64_t page_size, uint64_t *data,
                                      Error **errp);

/**
 * iommufd_backend_invalidate_cache: IOMMU_HWPT_INVALIDATE
 * @hwpt_id: a nested HWPT
 * @data_type: IOMMU_HWPT_INVALIDATE_DATA_*
 * @entry_len: bytes in one element of @data
 * @entry_num: in: elements in @data; out: how many the kernel processed,
 *             which after a failure may be anything below the input
 * @data: the array
 *
 * Return: true if all elements were processed.  Errors, from the kernel's
 * hw_pagetable.c and intel/nested.c: EINVAL for an unaligned address,
 * EOPNOTSUPP for an unknown flag, ENOENT for an ID that is no HWPT.
 */
bool iommufd_backend_invalidate_cache(IOMMUFDBackend *be, uint32_t hwpt_id,
                                      uint32_t data_type, uint32_t entry_len,
                                      uint32_t *entry_num, const void *data,
                                      Error **errp);

/**
 * iommufd_backend_ioctl_name: The kernel's name of an ioctl, for reports.
 */
const char *iommufd_backend_ioctl_name(IOMMUFDIoctl nr);
/* As properties are written, such as "iommu-hwpt-alloc"; to be freed. */
char *iommufd_backend_property_name(IOMMUFDIoctl nr);

/**
 * iommufd_backend_call: Make one of the counted ioctls and count it.
 * @fd: be->fd, or a device: for ATTACH and DETACH one that is bound to @be
 * @arg: the ioctl's struct
 *
 * For the wrappers only; everybody else calls a wrapper.
 *
 * Return: -errno, or what the ioctl returns: 0, but for a file.
 */
int iommufd_backend_call(IOMMUFDBackend *be, IOMMUFDIoctl nr, int fd,
                         void *arg);

/* Whoever attaches a device, or a PASID of it, says so; for x-query-iommufd. */
void iommufd_backend_note_attach(IOMMUFDBackend *be, uint32_t devid,
                                 const char *device, uint32_t pasid,
                                 uint32_t pt_id);
void iommufd_backend_note_detach(IOMMUFDBackend *be, uint32_t devid,
                                 uint32_t pasid);

/* A guest's table, for QMP answers.  @flags: IOMMU_VTD_S1_* */
struct IommufdVtdStage1 *iommufd_vtd_stage1(uint64_t pointer,
                                            uint32_t addr_width,
                                            uint64_t flags);

#define TYPE_HOST_IOMMU_DEVICE_IOMMUFD TYPE_HOST_IOMMU_DEVICE "-iommufd"
OBJECT_DECLARE_TYPE(HostIOMMUDeviceIOMMUFD, HostIOMMUDeviceIOMMUFDClass,
                    HOST_IOMMU_DEVICE_IOMMUFD)

/* No PASID: the request carries the requester ID alone. */
#define IOMMUFD_NO_PASID UINT32_MAX

/*
 * Since Linux 6.15, and QEMU's headers are older.  The names are the kernel's,
 * for the day when they are not.
 */
#define IOMMUFD_HWPT_ALLOC_PASID    (1u << 3)   /* IOMMU_HWPT_ALLOC_PASID */
#define IOMMUFD_HW_CAP_PASID_EXEC   (1u << 1)  /* IOMMU_HW_CAP_PCI_PASID_EXEC */
#define IOMMUFD_HW_CAP_PASID_PRIV   (1u << 2)  /* IOMMU_HW_CAP_PCI_PASID_PRIV */
/* IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED */
#define IOMMUFD_HW_CAP_NO_ATS       (1u << 3)

/*
 * A host device that is bound to an iommufd.  Filled in by whoever bound it
 * (VFIO) when it realizes the object, before the device is attached.
 */
struct HostIOMMUDeviceIOMMUFD {
    HostIOMMUDevice parent_obj;

    IOMMUFDBackend *iommufd;
    uint32_t devid;             /* from VFIO_DEVICE_BIND_IOMMUFD */
    /*
     * The stage-2 HWPT that the device was attached to first, a nest parent
     * if the device's address space asked for one, 0 while there is none.
     * Belongs to VFIO, which destroys it after the device is detached.
     */
    uint32_t hwpt_id;

    /* IOMMU_GET_HW_INFO's answer for IOMMU_HW_INFO_TYPE_INTEL_VTD, else 0. */
    struct {
        uint32_t flags;         /* IOMMU_HW_INFO_VTD_* */
        uint64_t cap;           /* the host IOMMU's CAP_REG */
        uint64_t ecap;          /* ... and ECAP_REG */
    } vtd;
    uint8_t max_pasid_log2;     /* 0: no PASIDs for this device */
    /* The host kernel enabled the device's page requests (PCIe PRI). */
    bool page_requests;
    int group;                  /* the host's IOMMU group, -1: unknown */
};

struct HostIOMMUDeviceIOMMUFDClass {
    HostIOMMUDeviceClass parent_class;

    /**
     * @attach_hwpt: attach the device, or one PASID of it, to a HWPT or an
     * IOAS.  What it was attached to before is replaced, without a moment in
     * between in which its DMA reaches neither.
     *
     * Return: false with @errp if the kernel refused; the device is then
     * attached to what it was attached to before, or blocked.
     */
    bool (*attach_hwpt)(HostIOMMUDeviceIOMMUFD *idev, uint32_t pasid,
                        uint32_t pt_id, Error **errp);
    /**
     * @detach_hwpt: detach the device, or one PASID of it; its DMA is blocked.
     * Cannot fail; detaching what is not attached does nothing.
     */
    void (*detach_hwpt)(HostIOMMUDeviceIOMMUFD *idev, uint32_t pasid);
};

bool host_iommu_device_iommufd_attach_hwpt(HostIOMMUDeviceIOMMUFD *idev,
                                           uint32_t pasid, uint32_t pt_id,
                                           Error **errp);
void host_iommu_device_iommufd_detach_hwpt(HostIOMMUDeviceIOMMUFD *idev,
                                           uint32_t pasid);

/*
 * Nesting: an address space whose devices want their stage-2 HWPT to be a
 * nest parent (IOMMU_HWPT_ALLOC_NEST_PARENT).  The vIOMMU registers it before
 * the first device is attached, so that VFIO, which allocates the HWPT, need
 * not know the vIOMMU.
 */
typedef struct IOMMUFDNesting IOMMUFDNesting;
struct IOMMUFDNesting {
    AddressSpace *as;
    /*
     * The guest may use PASIDs: nest parents are allocated for that
     * (IOMMU_HWPT_ALLOC_PASID), and devices that have PASIDs show it.
     */
    bool pasid;
    /*
     * Can the host nest for @idev what the vIOMMU offers?  Called with the BQL
     * held, before anything is allocated for the device.  False refuses the
     * device; @errp names the capability, the host's and the wanted value.
     */
    bool (*check)(IOMMUFDNesting *nesting, HostIOMMUDeviceIOMMUFD *idev,
                  Error **errp);
    /*
     * @idev is about to be reset, by the guest or with the machine: the pages
     * that it asked for are of no use to it any more.
     */
    void (*device_reset)(IOMMUFDNesting *nesting, HostIOMMUDeviceIOMMUFD *idev);
    QLIST_ENTRY(IOMMUFDNesting) next;
};

void iommufd_nesting_register(IOMMUFDNesting *nesting);
void iommufd_nesting_unregister(IOMMUFDNesting *nesting);
/* Return: the nesting registered for @as, or NULL. */
IOMMUFDNesting *iommufd_nesting_find(AddressSpace *as);
/* Is there any? */
bool iommufd_nesting_exists(void);

#endif
