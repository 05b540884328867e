/*
 * Intel VT-d: the names that QEMU 11 has for properties
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Command lines and XML that were written for it work unchanged.  There,
 * fsts=on nests passed-through devices on an iommufd; caching-mode=on is
 * required for them, and here is what nested=on does anyway: CAP.CM is set, and
 * tables of legacy mode are shadowed.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/i386/x86-iommu.h"
#include "core.h"
#include "names.h"

static bool check_requires(IntelIOMMUState *s, bool given, const char *name,
                           Error **errp)
{
    if (!given || s->ext.nested) {
        return true;
    }
    error_setg(errp, "intel-iommu: %s requires nested=on, which is off", name);
    error_append_hint(errp, "Add nested=on, or scalable-mode=on,fsts=on, which "
                      "is the same without ecap-nest=on\n");
    return false;
}

static bool take_fsts(IntelIOMMUState *s, Error **errp)
{
    if (!s->ext.fsts) {
        return true;
    }
    if (!s->scalable_mode && !s->ext.nested && !s->ext.ecap_nest) {
        error_setg(errp, "intel-iommu: fsts=on requires scalable-mode=on, "
                   "which is off");
        error_append_hint(errp, "Add scalable-mode=on\n");
        return false;
    }
    s->flts = true;
    if (!s->ext.ecap_nest && !s->ext.nested) {
        s->ext.nested = true;
        s->caching_mode = false;
    }
    return true;
}

/* All that a guest's kernel requires for SVA, or a word of what is missing */
static bool take_svm(IntelIOMMUState *s, Error **errp)
{
    const char *missing = !s->pasid ? "pasid-bits or pasid=on" :
                          !X86_IOMMU_DEVICE(s)->dt_supported ?
                          "device-iotlb=on" :
                          !s->ext.smpwc ? "x-smpwc=on" : NULL;

    if (missing) {
        error_setg(errp, "intel-iommu: svm=on requires %s", missing);
        error_append_hint(errp, "A guest shares a process's address space "
                          "with a device by PASID, and the device asks for "
                          "pages: add it, or leave svm=on out\n");
        return false;
    }
    s->ext.nested_pri = true;
    return true;
}

bool vtd_names_take(IntelIOMMUState *s, Error **errp)
{
    if (s->ext.pasid_bits > VTD_PASID_ID_SHIFT) {
        error_setg(errp, "intel-iommu: pasid-bits is %u, must be 0 to %d",
                   s->ext.pasid_bits, VTD_PASID_ID_SHIFT);
        error_append_hint(errp, "0 offers no PASIDs; 20 offers as many bits as "
                          "the host IOMMUs have\n");
        return false;
    }
    if (!take_fsts(s, errp) ||
        !check_requires(s, s->ext.pasid_bits, "pasid-bits", errp) ||
        !check_requires(s, s->ext.svm, "svm=on", errp)) {
        return false;
    }
    if (s->ext.pasid_bits) {
        s->pasid = true;
    }
    return !s->ext.svm || take_svm(s, errp);
}
