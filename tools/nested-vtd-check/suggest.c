/*
 * nested-vtd-check: the command line and the XML that fit host and device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What every device of a list has is offered: the vIOMMU is one for all.
 */

#include <stdio.h>
#include <string.h>
#include "check.h"

#define MAX_SUGGESTED 64

typedef struct Offer {
    bool pasid, pri, device_iotlb;
} Offer;

static const char *suggested[MAX_SUGGESTED];
static unsigned num_suggested;

void suggest_device(const char *bdf)
{
    if (num_suggested < MAX_SUGGESTED) {
        suggested[num_suggested++] = bdf;
    }
}

static Offer offer_of(const char *bdf)
{
    char unit[64] = "";
    DeviceCaps caps;

    if (!device_caps(bdf, &caps) || !device_iommu(bdf, unit, sizeof(unit))) {
        return (Offer) { 0 };
    }
    return (Offer) {
        .pasid = caps.pasid && iommu_has(unit, "iommu-pasid") &&
                 kernel_at_least(6, 15),
        .pri = caps.pri && caps.ats && iommu_has(unit, "iommu-prs"),
        .device_iotlb = caps.ats,
    };
}

/* PASIDs and page requests are refused unless each device's unit has them. */
static Offer offer_of_all(void)
{
    Offer all = { true, true, false };

    for (unsigned i = 0; i < num_suggested; i++) {
        Offer one = offer_of(suggested[i]);

        all.pasid &= one.pasid;
        all.pri &= one.pri;
        all.device_iotlb |= one.device_iotlb;
    }
    return all;
}

static void print_line(const Offer *offer)
{
    printf("\nQEMU:\n"
           "  -M q35 -object iommufd,id=iommufd0 \\\n"
           "  -device intel-iommu,nested=on%s%s%s \\\n",
           offer->pasid ? ",pasid=on" : "", offer->pri ? ",pri=on" : "",
           offer->device_iotlb ? ",device-iotlb=on" : "");
    for (unsigned i = 0; i < num_suggested; i++) {
        printf("  -device vfio-pci,host=%s,iommufd=iommufd0%s\n", suggested[i],
               i + 1 < num_suggested ? " \\" : "");
    }
}

static void print_property(const char *name)
{
    printf("      <qemu:property name='%s' type='bool' value='true'/>\n", name);
}

static void print_hostdev(const char *bdf, unsigned i)
{
    unsigned domain, bus, slot, function;

    if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4) {
        return;
    }
    printf("  <hostdev mode='subsystem' type='pci' managed='yes'>\n"
           "    <driver name='vfio'/>\n"
           "    <source>\n"
           "      <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
           "function='0x%x'/>\n"
           "    </source>\n"
           "    <alias name='ua-dev%u'/>\n"
           "  </hostdev>\n", domain, bus, slot, function, i);
}

static void print_override(const Offer *offer)
{
    puts("  <qemu:override>\n"
         "    <qemu:device alias='iommu0'><qemu:frontend>");
    print_property("nested");
    if (offer->pasid) {
        print_property("pasid");
    }
    if (offer->pri) {
        print_property("pri");
    }
    puts("    </qemu:frontend></qemu:device>");
    for (unsigned i = 0; i < num_suggested; i++) {
        printf("    <qemu:device alias='ua-dev%u'><qemu:frontend>\n"
               "      <qemu:property name='iommufd' type='string' "
               "value='iommufd0'/>\n"
               "    </qemu:frontend></qemu:device>\n", i);
    }
    puts("  </qemu:override>");
}

static void print_xml(const Offer *offer)
{
    printf("\nlibvirt (libvirt/nested.xml is a whole domain):\n"
           "  <iommu model='intel'><driver intremap='on' aw_bits='48'%s/>"
           "</iommu>\n", offer->device_iotlb ? " iotlb='on'" : "");
    for (unsigned i = 0; i < num_suggested; i++) {
        print_hostdev(suggested[i], i);
    }
    puts("  <qemu:commandline>\n"
         "    <qemu:arg value='-object'/>\n"
         "    <qemu:arg value='iommufd,id=iommufd0'/>\n"
         "  </qemu:commandline>");
    print_override(offer);
}

void suggest_print(void)
{
    Offer offer;

    if (num_suggested) {
        offer = offer_of_all();
        print_line(&offer);
        print_xml(&offer);
    }
}
