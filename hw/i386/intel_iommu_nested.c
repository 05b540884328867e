/*
 * Intel VT-d, nested=on: policy
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is offered to the guest, what is asked of the host, and which devices
 * take part.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "nvtd/base.h"
#include "hw/pci/pci_bus.h"
#include "hw/qdev-core.h"
#include "system/iothread.h"
#include "hw/i386/vtd/nested.h"
#include "hw/i386/vtd/prq.h"
#include "hw/i386/vtd/nested/internal.h"
#include "hw/i386/vtd/nested/thread.h"

#define TYPE_VFIO_PCI_NAME      "vfio-pci"

/* The domain-ids of a host IOMMU have 16 bits, and it needs some itself. */
#define MAX_HWPTS_LIMIT         65535

static bool check_legacy(IntelIOMMUState *s, Error **errp)
{
    if (!s->ext.nested_legacy) {
        return true;
    }
    if (!s->ext.nested) {
        error_setg(errp, "intel-iommu: legacy=%s requires nested=on, which is "
                   "off", s->ext.nested_legacy);
        error_append_hint(errp, "It says what nested=on does for a guest that "
                          "uses legacy mode: leave legacy out\n");
        return false;
    }
    if (strcmp(s->ext.nested_legacy, "shadow") &&
        strcmp(s->ext.nested_legacy, "block")) {
        error_setg(errp, "intel-iommu: legacy is '%s', must be shadow or block",
                   s->ext.nested_legacy);
        error_append_hint(errp, "shadow copies the tables of a guest that uses "
                          "legacy mode, block blocks its devices\n");
        return false;
    }
    return true;
}

static bool check_bounds(IntelIOMMUState *s, Error **errp)
{
    if (s->ext.nested_max_hwpts < 1 ||
        s->ext.nested_max_hwpts > MAX_HWPTS_LIMIT) {
        error_setg(errp, "intel-iommu: max-hwpts is %" PRIu32 ", must be 1 to "
                   "%d", s->ext.nested_max_hwpts, MAX_HWPTS_LIMIT);
        error_append_hint(errp, "Each first-stage table of the guest takes a "
                          "domain-id of the host's IOMMU: set it to what one "
                          "guest may have of them\n");
        return false;
    }
    if (s->ext.nested_max_maps < 1) {
        error_setg(errp, "intel-iommu: max-maps is 0, must be 1 or more");
        error_append_hint(errp, "It is how many pages a table of legacy mode "
                          "may map: leave max-maps out\n");
        return false;
    }
    if (s->ext.nested_stay_budget < 1) {
        error_setg(errp, "intel-iommu: x-stay-budget is 0, must be 1 or more");
        error_append_hint(errp, "Leave x-stay-budget out\n");
        return false;
    }
    return true;
}

/* What would be swallowed without a word */
static bool check_contradictions(IntelIOMMUState *s, Error **errp)
{
    if (s->ext.switched_off) {
        error_setg(errp, "intel-iommu: nested=on requires scalable mode and "
                   "first-stage translation, but %s=off was given",
                   s->ext.switched_off);
        error_append_hint(errp, "nested=on turns both on: leave %s out\n",
                          s->ext.switched_off);
        return false;
    }
    if (!nvtd_dma_translation(s)) {
        error_setg(errp, "intel-iommu: nested=on and dma-translation=off "
                   "exclude each other");
        error_append_hint(errp, "nested=on is about the translation of DMA: "
                          "leave dma-translation out\n");
        return false;
    }
    if (s->snoop_control) {
        error_setg(errp, "intel-iommu: nested=on and snoop-control=on exclude "
                   "each other");
        error_append_hint(errp, "The host kernel takes no snoop control for a "
                          "guest's table: leave snoop-control out\n");
        return false;
    }
    return true;
}

bool vtd_nested_decide_config(IntelIOMMUState *s, Error **errp)
{
    if (!vtd_nested_kernel_check_property(s, errp)) {
        return false;
    }
    if (s->ext.nested_pri && !s->ext.nested) {
        error_setg(errp, "intel-iommu: pri=on requires nested=on, which is "
                   "off");
        error_append_hint(errp, "It is for passed-through devices; emulated "
                          "ones request pages with ecap-nest=on,"
                          "device-iotlb=on\n");
        return false;
    }
    if (!check_legacy(s, errp)) {
        return false;
    }
    if (s->ext.iothread && !s->ext.nested) {
        g_autofree char *id = iothread_get_id(s->ext.iothread);

        error_setg(errp, "intel-iommu: iothread=%s requires nested=on, which "
                   "is off", id);
        error_append_hint(errp, "It serves invalidations for passed-through "
                          "devices: leave iothread out\n");
        return false;
    }
    if (!s->ext.nested) {
        return true;
    }
    if (s->caching_mode) {
        error_setg(errp, "intel-iommu: nested=on and caching-mode=on exclude "
                   "each other");
        error_append_hint(errp, "caching-mode=on shadows the guest's page "
                          "tables, nested=on lets the host walk them: leave "
                          "caching-mode out\n");
        return false;
    }
    if (s->ext.ecap_nest) {
        error_setg(errp, "intel-iommu: nested=on and ecap-nest=on exclude each "
                   "other");
        error_append_hint(errp, "nested=on uses the host's IOMMU for "
                          "passed-through devices, ecap-nest=on emulates one "
                          "that can nest, for emulated devices\n");
        return false;
    }
    if (!check_contradictions(s, errp)) {
        return false;
    }
    if (s->ext.nested_pri && !X86_IOMMU_DEVICE(s)->dt_supported) {
        error_setg(errp, "intel-iommu: pri=on requires device-iotlb=on, which "
                   "is off");
        error_append_hint(errp, "Devices request pages after a translation "
                          "request found none: add device-iotlb=on\n");
        return false;
    }
    if (!check_bounds(s, errp)) {
        return false;
    }
    s->scalable_mode = true;
    s->flts = true;
    return true;
}

/* Realized, and on a bus that the vIOMMU translates: false ends the search. */
static int find_early_device(Object *obj, void *opaque)
{
    Object **found = opaque;

    if (!object_dynamic_cast(obj, TYPE_VFIO_PCI_NAME) ||
        !DEVICE(obj)->realized ||
        pci_bus_bypass_iommu(pci_get_bus(PCI_DEVICE(obj)))) {
        return 0;
    }
    *found = obj;
    return 1;
}

static bool check_order(Error **errp)
{
    g_autofree char *path = NULL;
    Object *early = NULL;

    object_child_foreach_recursive(object_get_root(), find_early_device,
                                   &early);
    if (!early) {
        return true;
    }
    path = object_get_canonical_path(early);
    error_setg(errp, "intel-iommu: nested=on would miss the vfio-pci device "
               "%s, which was created before it", path);
    error_append_hint(errp, "Put -device intel-iommu before vfio-pci on the "
                      "command line, and write both in the same syntax: QEMU "
                      "creates plain -device options before JSON ones\n");
    return false;
}

/* Stage 2 must take every address that the guest's stage 1 can put out. */
static unsigned host_stage2_width(uint64_t cap)
{
    unsigned sagaw = VTD_CAP_SAGAW(cap);
    unsigned width = sagaw & 8 ? 57 : sagaw & 4 ? 48 : sagaw & 2 ? 39 : 0;

    return MIN(width, VTD_CAP_MGAW_BITS(cap));
}

static bool check_type(const char *name, uint32_t type, Error **errp)
{
    if (type != IOMMU_HW_INFO_TYPE_INTEL_VTD) {
        error_setg(errp, "intel-iommu nested=on: the host IOMMU of device %s "
                   "has type %u, must be %u (Intel VT-d)", name, type,
                   IOMMU_HW_INFO_TYPE_INTEL_VTD);
        return false;
    }
    return true;
}

static bool check_nest(const char *name, uint64_t ecap, Error **errp)
{
    if (!(ecap & VTD_ECAP_SMTS) || !(ecap & VTD_ECAP_NEST)) {
        error_setg(errp, "intel-iommu nested=on: the host IOMMU of device %s "
                   "has ECAP.SMTS=%d ECAP.NEST=%d (ECAP 0x%" PRIx64
                   "), both must be 1", name, !!(ecap & VTD_ECAP_SMTS),
                   !!(ecap & VTD_ECAP_NEST), ecap);
        error_append_hint(errp, "Nested translation needs a host IOMMU in "
                          "scalable mode: boot the host with "
                          "intel_iommu=on,sm_on, or use caching-mode=on\n");
        return false;
    }
    return true;
}

static bool check_widths(IntelIOMMUState *s, const char *name, uint64_t cap,
                         Error **errp)
{
    unsigned width = host_stage2_width(cap);

    if (width < s->aw_bits) {
        error_setg(errp, "intel-iommu nested=on: the host IOMMU of device %s "
                   "has a %u-bit stage 2 (CAP 0x%" PRIx64 "), must be %u bits "
                   "or more (aw-bits)", name, width, cap, s->aw_bits);
        return false;
    }
    if (s->ext.fs5lp && !(cap & VTD_CAP_5LP)) {
        error_setg(errp, "intel-iommu nested=on: the host IOMMU of device %s "
                   "has CAP.FS5LP=0 (CAP 0x%" PRIx64 "), must be 1 for "
                   "fs5lp=on", name, cap);
        return false;
    }
    return true;
}

/* The capabilities that go without a word as long as no guest has seen them. */
static bool check_optional(IntelIOMMUState *s, const char *name, uint64_t cap,
                           uint64_t ecap, Error **errp)
{
    if (!vtd_nested_caps_are_told()) {
        return true;
    }
    for (const VTDNestedCap *c = vtd_nested_caps; c->name; c++) {
        uint64_t told = c->ecap ? s->ecap : s->cap;
        uint64_t host = c->ecap ? ecap : cap;

        if (told & ~host & c->bit) {
            error_setg(errp, "intel-iommu nested=on: the host IOMMU of device "
                       "%s has %s=0 (%s 0x%" PRIx64 "), but the guest was told "
                       "1", name, c->name, c->ecap ? "ECAP" : "CAP", host);
            error_append_hint(errp, "Start with %s=off to plug this device\n",
                              c->property);
            return false;
        }
    }
    return true;
}

/* What the guest's kernel requires for SVA, and svm=on asks for */
static bool check_svm(IntelIOMMUState *s, const char *name, uint64_t ecap,
                      Error **errp)
{
    static const struct {
        const char *field;
        uint64_t bit;
    } required[] = {
        { "SMPWC", VTD_ECAP_SMPWC },
        { "PRS", VTD_ECAP_PRS },
        { "PDS", VTD_ECAP_PDS },
    };

    for (int i = 0; s->ext.svm && i < ARRAY_SIZE(required); i++) {
        if (!(ecap & required[i].bit)) {
            error_setg(errp, "intel-iommu nested=on: the host IOMMU of device "
                       "%s has ECAP.%s=0 (ECAP 0x%" PRIx64 "), must be 1 for "
                       "svm=on", name, required[i].field, ecap);
            error_append_hint(errp, "A guest has no SVA on this host: leave "
                              "svm=on out\n");
            return false;
        }
    }
    return true;
}

static bool check_pasid(IOMMUFDNesting *nesting, const char *name,
                        uint64_t ecap, Error **errp)
{
    VTDNested *n = container_of(nesting, VTDNested, nesting);
    unsigned bits = VTD_ECAP_PASID_BITS(ecap);

    if (!nesting->pasid) {
        return true;
    }
    if (!bits) {
        error_setg(errp, "intel-iommu nested=on: the host IOMMU of device %s "
                   "has ECAP.PASID=0 (ECAP 0x%" PRIx64 "), must be 1 for "
                   "pasid=on", name, ecap);
        error_append_hint(errp, "Leave pasid=on out\n");
        return false;
    }
    if (vtd_nested_caps_are_told() && bits < n->host_pasid_bits) {
        error_setg(errp, "intel-iommu nested=on: the host IOMMU of device %s "
                   "has PASIDs of %u bits (ECAP 0x%" PRIx64 "), but the guest "
                   "was told %u", name, bits, ecap, n->host_pasid_bits);
        error_append_hint(errp, "Start with this device, to plug others like "
                          "it later\n");
        return false;
    }
    return true;
}

static bool nesting_check(IOMMUFDNesting *nesting, HostIOMMUDeviceIOMMUFD *idev,
                          Error **errp)
{
    VTDNested *n = container_of(nesting, VTDNested, nesting);
    IntelIOMMUState *s = n->iommu;
    const char *name = idev->parent_obj.name;
    uint64_t cap = idev->vtd.cap, ecap = idev->vtd.ecap;

    return check_type(name, idev->parent_obj.caps.type, errp) &&
           check_widths(s, name, cap, errp) &&
           check_nest(name, ecap, errp) &&
           check_pasid(nesting, name, ecap, errp) &&
           check_svm(s, name, ecap, errp) &&
           check_optional(s, name, cap, ecap, errp);
}

static void nesting_device_reset(IOMMUFDNesting *nesting,
                                 HostIOMMUDeviceIOMMUFD *idev)
{
    VTDNested *n = container_of(nesting, VTDNested, nesting);
    VTDNestedDevice *dev;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, n->devices);
    while (g_hash_table_iter_next(&iter, (gpointer *)&dev, NULL)) {
        if (dev->idev == idev) {
            vtd_nested_hold(n);
            vtd_nested_prq_reset(dev);
            vtd_nested_release(n);
            return;
        }
    }
}

static bool nested_realize(IntelIOMMUState *s, PCIBus *bus, Error **errp)
{
    VTDNested *n;

    if (!check_order(errp)) {
        return false;
    }

    n = g_new0(VTDNested, 1);
    n->iommu = s;
    n->host_cap = UINT64_MAX;
    n->host_ecap = UINT64_MAX;
    n->host_mamv = UINT_MAX;
    vtd_nested_kernel_init(n);
    n->host_pasid_bits = s->ext.pasid_bits ?: VTD_PASID_ID_SHIFT;
    QSIMPLEQ_INIT(&n->dirty);
    vtd_nested_devices_init(n);
    vtd_nested_hwpts_init(n);
    vtd_nested_tags_init(n);
    vtd_nested_shadows_init(n);
    vtd_nested_blocker_init(n);
    vtd_nested_prq_init(n);
    vtd_nested_queue_init(n);
    vtd_nested_state_init(n);
    if (!vtd_nested_thread_init(n, errp)) {
        return false;
    }

    /*
     * What emulated devices see while translation is off: the system address
     * space under the interrupt range, where writes are remapped.  As all
     * nested devices have it from now on, VFIO fills one IOAS for them.
     */
    address_space_init(&n->as, &s->mr_nodmar, "vtd-nested");
    n->nesting.as = &n->as;
    n->nesting.pasid = s->pasid;
    n->nesting.check = nesting_check;
    n->nesting.device_reset = nesting_device_reset;
    iommufd_nesting_register(&n->nesting);

    s->ext.nest = n;
    return true;
}

static void nested_cap_init(IntelIOMMUState *s)
{
    vtd_nested_queue_reset(s->ext.nest);
    s->ext.nest->ttm = 0;
    vtd_nested_caps_make(s);
}

/* Around what reaches the unit with the BQL; vtd/nested/thread.h */

static void nested_hold(IntelIOMMUState *s)
{
    vtd_nested_hold(s->ext.nest);
}

static void nested_release(IntelIOMMUState *s)
{
    vtd_nested_release(s->ext.nest);
}

/* What the guest put into the queue before is served first. */
static void nested_write_begin(IntelIOMMUState *s)
{
    vtd_nested_hold(s->ext.nest);
    if (s->ext.nest->thread) {
        vtd_nested_queue_catch_up(s->ext.nest);
    }
}

static void nested_notifiers_changed(IntelIOMMUState *s)
{
    vtd_nested_hold(s->ext.nest);
    s->ext.nest->has_notifiers = !QLIST_EMPTY(&s->vtd_as_with_notifiers);
    vtd_nested_release(s->ext.nest);
}

static bool nested_iqa_is_held(IntelIOMMUState *s)
{
    return s->qi_enabled;
}

static void nested_set_root(IntelIOMMUState *s)
{
    s->ext.nest->ttm = vtd_core_ttm(s);
}

static uint64_t nested_desc_before(IntelIOMMUState *s, uint8_t type,
                                   const uint64_t val[2])
{
    return type == VTD_INV_DESC_WAIT ? vtd_prq_wait_desc(s, val[0]) : 0;
}

/* vtd_nested_desc_begin() saw to it that nothing is left to flush. */
static bool nested_wait_before(IntelIOMMUState *s, uint64_t lo)
{
    vtd_nested_inv_flush(s);
    return !vtd_prq_is_fence(lo);
}

static AddressSpace *nested_address_space(IntelIOMMUState *s, PCIBus *bus,
                                          int devfn)
{
    PCIDevice *pdev = bus->devices[devfn];

    if (!pdev || !object_dynamic_cast(OBJECT(pdev), TYPE_VFIO_PCI_NAME) ||
        !object_property_get_link(OBJECT(pdev), "iommufd", NULL)) {
        return NULL;
    }
    return &s->ext.nest->as;
}

const VTDExtOps vtd_nested_ops = {
    .realize = nested_realize,
    .cap_init = nested_cap_init,
    .reset_begin = nested_hold,
    .reset_end = nested_release,
    .post_load = vtd_nested_post_load,
    .write_begin = nested_write_begin,
    .write_end = nested_release,
    .gcmd_begin = vtd_nested_gcmd_begin,
    .gcmd_end = vtd_nested_gcmd_end,
    .iqa_is_held = nested_iqa_is_held,
    .set_root = nested_set_root,
    .refresh_all = vtd_nested_refresh_all,
    .refresh_function = vtd_nested_refresh_function,
    .iotlb_reg = vtd_nested_iotlb_reg,
    .queue_begin = vtd_nested_queue_begin,
    .queue_more = vtd_nested_queue_more,
    .queue_end = vtd_nested_queue_end,
    .desc_begin = vtd_nested_desc_begin,
    .desc_before = nested_desc_before,
    .wait_before = nested_wait_before,
    .desc_after = vtd_nested_desc_after,
    .notifiers_changed = nested_notifiers_changed,
    .address_space = nested_address_space,
    .set_device = vtd_nested_set_device,
    .unset_device = vtd_nested_unset_device,
};
