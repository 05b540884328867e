/*
 * Intel VT-d, nested=on: passed-through devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "hw/pci/pci_bus.h"
#include "internal.h"
#include "thread.h"
#include "hw/i386/vtd/trace.h"

/*
 * A device is known by its bus and devfn, not by its requester ID: the guest
 * numbers the buses after the devices exist, and may do so again.
 */
static guint device_hash(gconstpointer v)
{
    const VTDNestedDevice *dev = v;

    return g_direct_hash(dev->bus) ^ dev->devfn;
}

static gboolean device_equal(gconstpointer a, gconstpointer b)
{
    const VTDNestedDevice *x = a, *y = b;

    return x->bus == y->bus && x->devfn == y->devfn;
}

static void device_free(gpointer v)
{
    VTDNestedDevice *dev = v;

    vtd_nested_sweep_end(dev);
    g_hash_table_destroy(dev->attaches);
    object_unref(OBJECT(dev->idev));
    g_free(dev);
}

void vtd_nested_devices_init(VTDNested *n)
{
    n->devices = g_hash_table_new_full(device_hash, device_equal,
                                       device_free, NULL);
}

bool vtd_nested_sweep_devices(VTDNested *n)
{
    VTDNestedDevice *dev;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, n->devices);
    while (n->sweeps && vtd_nested_may_work(n) &&
           g_hash_table_iter_next(&iter, (gpointer *)&dev, NULL)) {
        vtd_nested_sweep(dev);
    }
    return !n->sweeps;
}

static void device_add(VTDNested *n, PCIBus *bus, int devfn,
                       HostIOMMUDeviceIOMMUFD *idev)
{
    VTDNestedDevice *dev = g_new0(VTDNestedDevice, 1);

    dev->nested = n;
    dev->bus = bus;
    dev->devfn = devfn;
    dev->idev = idev;
    object_ref(OBJECT(idev));
    dev->attaches = g_hash_table_new_full(g_direct_hash, g_direct_equal,
                                          NULL, vtd_nested_attach_free);
    g_hash_table_add(n->devices, dev);
    vtd_nested_narrow_caps(n, idev);
    vtd_nested_kernel_warn(n);
    if (n->nesting.pasid) {
        dev->pasid_bits = MIN(idev->max_pasid_log2, n->host_pasid_bits);
    }
    vtd_nested_attach_new(dev, IOMMUFD_NO_PASID);
    trace_vtd_nested_set_device(vtd_nested_device_sid(dev), idev->devid,
                                idev->hwpt_id);

    /* Hot-plugged under a guest that has its tables in place. */
    vtd_nested_sweep_start(dev);
    vtd_nested_sweep(dev);
    vtd_nested_inv_flush(n->iommu);
}

/* Return: @hiod as one that can be nested, or NULL with @errp. */
static HostIOMMUDeviceIOMMUFD *device_check(PCIBus *bus, int devfn,
                                            HostIOMMUDevice *hiod, Error **errp)
{
    HostIOMMUDeviceIOMMUFD *idev = (HostIOMMUDeviceIOMMUFD *)
        object_dynamic_cast(OBJECT(hiod), TYPE_HOST_IOMMU_DEVICE_IOMMUFD);

    if (!idev) {
        error_setg(errp, "intel-iommu nested=on: device %s uses the legacy "
                   "VFIO container, must use an iommufd", hiod->name);
        error_append_hint(errp, "Add -object iommufd,id=iommufd0 and "
                          "iommufd=iommufd0 to the vfio-pci device\n");
        return NULL;
    }
    if (hiod->aliased_bus != bus || hiod->aliased_devfn != devfn) {
        error_setg(errp, "intel-iommu nested=on: device %s is behind a PCI "
                   "bridge that gives it requester ID %02x:%02x.%x, must have "
                   "a requester ID of its own", hiod->name,
                   pci_bus_num(hiod->aliased_bus),
                   PCI_SLOT(hiod->aliased_devfn),
                   PCI_FUNC(hiod->aliased_devfn));
        error_append_hint(errp, "Put it on pcie.0 or behind a "
                          "pcie-root-port\n");
        return NULL;
    }
    if (!idev->hwpt_id) {
        error_setg(errp, "intel-iommu nested=on: device %s was attached to "
                   "no nest parent, must be attached to one", hiod->name);
        return NULL;
    }
    return idev;
}

bool vtd_nested_set_device(IntelIOMMUState *s, PCIBus *bus, int devfn,
                           HostIOMMUDevice *hiod, Error **errp)
{
    VTDNested *n = s->ext.nest;
    HostIOMMUDeviceIOMMUFD *idev = device_check(bus, devfn, hiod, errp);
    VTDNestedDevice key = { .bus = bus, .devfn = devfn };

    assert(bql_locked());
    if (!idev) {
        return false;
    }
    assert(!g_hash_table_contains(n->devices, &key));
    vtd_nested_hold(n);
    device_add(n, bus, devfn, idev);
    vtd_nested_release(n);
    return true;
}

void vtd_nested_unset_device(IntelIOMMUState *s, PCIBus *bus, int devfn)
{
    VTDNestedDevice key = { .bus = bus, .devfn = devfn };

    assert(bql_locked());
    trace_vtd_nested_unset_device(PCI_BUILD_BDF(pci_bus_num(bus), devfn));
    vtd_nested_hold(s->ext.nest);
    /* Not there if vtd_nested_set_device() refused it. */
    g_hash_table_remove(s->ext.nest->devices, &key);
    vtd_nested_release(s->ext.nest);
}

void vtd_nested_refresh_function(IntelIOMMUState *s, uint16_t sid,
                                 uint16_t sid_mask)
{
    VTDNestedDevice *dev;
    GHashTableIter iter;

    assert(bql_locked() && vtd_nested_is_held(s->ext.nest));
    vtd_nested_inv_flush(s);
    g_hash_table_iter_init(&iter, s->ext.nest->devices);
    while (g_hash_table_iter_next(&iter, (gpointer *)&dev, NULL)) {
        if (!((vtd_nested_device_sid(dev) ^ sid) & sid_mask)) {
            vtd_nested_sweep_start(dev);
        }
    }
    vtd_nested_sweep_devices(s->ext.nest);
    vtd_nested_inv_flush(s);
}

void vtd_nested_refresh_all(IntelIOMMUState *s)
{
    vtd_nested_refresh_function(s, 0, 0);
}
