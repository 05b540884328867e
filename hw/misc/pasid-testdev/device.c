/*
 * pasid-testdev: a PCIe endpoint with PASID, ATS, PRI and a DMA engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests of IOMMUs; a driver tells it what to send.  docs/pasid-testdev.rst
 * describes the registers.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "nvtd/ats.h"
#include "nvtd/base.h"
#include "internal.h"

#define REGS_SIZE       PASID_TESTDEV_MEMORY
#define PM_OFFSET       0x60
#define AF_OFFSET       0x70
#define EXP_OFFSET      0x80
#define EXT_OFFSET      PCI_CONFIG_SPACE_SIZE   /* where the first must be */
#define EXT_SIZE        0x10                    /* of each, rounded up */
#define DEVCAP2_EETLP_MAX_1 (1u << 22)
#define PM_VERSION      3
#define PM_D3HOT        3

/* Config space */

static uint8_t *config(PASIDTestdev *d, unsigned offset)
{
    return d->parent_obj.config + offset;
}

bool pasid_testdev_pasid_enabled(PASIDTestdev *d, uint16_t bits)
{
    return d->pasid_cap &&
           (pci_get_word(config(d, d->pasid_cap + PCI_PASID_CTRL)) & bits) ==
           bits;
}

bool pasid_testdev_ats_enabled(PASIDTestdev *d)
{
    return d->ats_cap && pci_get_word(config(d, d->ats_cap + PCI_ATS_CTRL)) &
                         PCI_ATS_CTRL_ENABLE;
}

bool pasid_testdev_pri_enabled(PASIDTestdev *d)
{
    return d->pri_cap &&
           pci_get_word(config(d, d->pri_cap + PCI_PRI_CTRL)) &
           PCI_PRI_CTRL_ENABLE &&
           !(pci_get_word(config(d, d->pri_cap + PCI_PRI_STATUS)) &
             PCI_PRI_STATUS_RF);
}

uint32_t pasid_testdev_pri_allocation(PASIDTestdev *d)
{
    return MIN(pci_get_long(config(d, d->pri_cap + PCI_PRI_ALLOC_REQ)),
               d->max_requests);
}

void pasid_testdev_pri_set_status(PASIDTestdev *d, uint16_t set)
{
    if (d->pri_cap) {
        pci_word_test_and_set_mask(config(d, d->pri_cap + PCI_PRI_STATUS), set);
    }
}

void pasid_testdev_pri_update_stopped(PASIDTestdev *d)
{
    uint8_t *status;

    if (!d->pri_cap) {
        return;
    }
    status = config(d, d->pri_cap + PCI_PRI_STATUS);
    if (pasid_testdev_pri_enabled(d) || d->outstanding) {
        pci_word_test_and_clear_mask(status, PCI_PRI_STATUS_STOPPED);
    } else {
        pci_word_test_and_set_mask(status, PCI_PRI_STATUS_STOPPED);
    }
}

static unsigned power_state(PASIDTestdev *d)
{
    uint8_t pm = d->parent_obj.pm_cap;

    return pm ? pci_get_word(config(d, pm + PCI_PM_CTRL)) &
                PCI_PM_CTRL_STATE_MASK : 0;
}

static bool af_reset_written(PASIDTestdev *d)
{
    return d->af_cap && pci_byte_test_and_clear_mask(
        config(d, d->af_cap + PCI_AF_CTRL), PCI_AF_CTRL_FLR);
}

static void testdev_write_config(PCIDevice *dev, uint32_t addr, uint32_t val,
                                 int len)
{
    PASIDTestdev *d = PASID_TESTDEV(dev);
    unsigned old_state = power_state(d);
    uint16_t ctrl;

    pci_default_write_config(dev, addr, val, len);
    if (!pasid_testdev_ats_enabled(d)) {
        pasid_testdev_atc_clear(d);
    }
    if (d->pri_cap) {
        ctrl = pci_get_word(config(d, d->pri_cap + PCI_PRI_CTRL));
        if ((ctrl & PCI_PRI_CTRL_RESET) && !(ctrl & PCI_PRI_CTRL_ENABLE)) {
            pasid_testdev_forget_requests(d);
            pasid_testdev_stop_waiting(d);
        }
        pci_set_word(config(d, d->pri_cap + PCI_PRI_CTRL),
                     ctrl & ~PCI_PRI_CTRL_RESET);
        pasid_testdev_pri_update_stopped(d);
    }
    pcie_cap_flr_write_config(dev, addr, val, len);
    if (af_reset_written(d) || (old_state == PM_D3HOT && !power_state(d))) {
        pci_device_reset(dev);
    }
}

static bool add_pm(PASIDTestdev *d, Error **errp)
{
    PCIDevice *dev = &d->parent_obj;

    if (pci_pm_init(dev, PM_OFFSET, errp) < 0) {
        return false;
    }
    /* No_Soft_Reset is clear: what is powered up again is reset. */
    pci_set_word(config(d, PM_OFFSET + PCI_PM_PMC), PM_VERSION);
    pci_set_word(dev->wmask + PM_OFFSET + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

static bool add_af(PASIDTestdev *d, Error **errp)
{
    if (pci_add_capability(&d->parent_obj, PCI_CAP_ID_AF, AF_OFFSET,
                           PCI_CAP_AF_SIZEOF, errp) < 0) {
        return false;
    }
    d->af_cap = AF_OFFSET;
    *config(d, AF_OFFSET + PCI_AF_LENGTH) = PCI_CAP_AF_SIZEOF;
    *config(d, AF_OFFSET + PCI_AF_CAP) = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;
    d->parent_obj.wmask[AF_OFFSET + PCI_AF_CTRL] = PCI_AF_CTRL_FLR;
    return true;
}

static void add_pri(PASIDTestdev *d, uint16_t offset)
{
    PCIDevice *dev = &d->parent_obj;

    pcie_add_capability(dev, PCI_EXT_CAP_ID_PRI, 1, offset,
                        PCI_EXT_CAP_PRI_SIZEOF);
    d->pri_cap = offset;
    pci_set_long(config(d, offset + PCI_PRI_MAX_REQ), d->max_requests);
    pci_set_word(dev->wmask + offset + PCI_PRI_CTRL,
                 PCI_PRI_CTRL_ENABLE | PCI_PRI_CTRL_RESET);
    pci_set_word(dev->w1cmask + offset + PCI_PRI_STATUS,
                 PCI_PRI_STATUS_RF | PCI_PRI_STATUS_UPRGI);
    pci_set_long(dev->wmask + offset + PCI_PRI_ALLOC_REQ, UINT32_MAX);
}

static void add_pasid(PASIDTestdev *d, uint16_t offset)
{
    PCIDevice *dev = &d->parent_obj;
    uint16_t cap = d->pasid_bits << 8, ctrl = PCI_PASID_CTRL_ENABLE;

    if (d->exec) {
        cap |= PCI_PASID_CAP_EXEC;
        ctrl |= PCI_PASID_CTRL_EXEC;
    }
    if (d->priv) {
        cap |= PCI_PASID_CAP_PRIV;
        ctrl |= PCI_PASID_CTRL_PRIV;
    }
    pcie_add_capability(dev, PCI_EXT_CAP_ID_PASID, 1, offset,
                        PCI_EXT_CAP_PASID_SIZEOF);
    d->pasid_cap = offset;
    nvtd_pcie_pasid_added(dev, offset);
    pci_set_word(config(d, offset + PCI_PASID_CAP), cap);
    pci_set_word(dev->wmask + offset + PCI_PASID_CTRL, ctrl);
}

static bool add_capabilities(PASIDTestdev *d, Error **errp)
{
    PCIDevice *dev = &d->parent_obj;
    uint16_t offset = EXT_OFFSET;

    if ((d->pm && !add_pm(d, errp)) || (d->af && !add_af(d, errp))) {
        return false;
    }
    if (pcie_endpoint_cap_init(dev, EXP_OFFSET) < 0) {
        error_setg(errp, "pasid-testdev: no room for a PCIe capability");
        return false;
    }
    if (d->flr) {
        pcie_cap_flr_init(dev);
    }
    /* Its TLPs have one prefix at most: the PASID. */
    pci_long_test_and_set_mask(config(d, EXP_OFFSET + PCI_EXP_DEVCAP2),
                               DEVCAP2_EETLP_MAX_1);
    if (d->ats) {
        pcie_ats_init(dev, offset, true);
        d->ats_cap = offset;
        offset += EXT_SIZE;
    }
    if (d->pri) {
        add_pri(d, offset);
        offset += EXT_SIZE;
    }
    if (d->pasid_bits) {
        add_pasid(d, offset);
        offset += EXT_SIZE;
    }
    if (d->acs) {
        pcie_acs_init(dev, offset);
    }
    return true;
}

/* Registers */

static uint32_t read_channel(PASIDTestdevChannel *c, unsigned offset)
{
    switch (offset) {
    case PASID_TESTDEV_COMMAND:
        return c->command;
    case PASID_TESTDEV_STATUS:
        return c->state | c->code << 8;
    case PASID_TESTDEV_IOVA:
        return c->iova;
    case PASID_TESTDEV_IOVA + 4:
        return c->iova >> 32;
    case PASID_TESTDEV_LENGTH:
        return c->length;
    case PASID_TESTDEV_BUFFER:
        return c->buffer;
    case PASID_TESTDEV_PASID:
        return c->pasid;
    case PASID_TESTDEV_PRGI:
        return c->prgi;
    case PASID_TESTDEV_DONE:
        return c->done;
    case PASID_TESTDEV_REQUESTS:
        return c->requests;
    case PASID_TESTDEV_RESULT:
        return c->result;
    case PASID_TESTDEV_RESULT + 4:
        return c->result >> 32;
    default:
        return 0;
    }
}

static uint32_t read_event(const PASIDTestdevEvent *e, unsigned offset)
{
    switch (offset) {
    case PASID_TESTDEV_EVENT:
        return e->event;
    case PASID_TESTDEV_EVENT_PASID:
        return e->pasid;
    case PASID_TESTDEV_EVENT_FIRST:
        return e->first;
    case PASID_TESTDEV_EVENT_FIRST + 4:
        return e->first >> 32;
    case PASID_TESTDEV_EVENT_LAST:
        return e->last;
    case PASID_TESTDEV_EVENT_LAST + 4:
        return e->last >> 32;
    default:
        return 0;
    }
}

static bool is_channel(hwaddr addr)
{
    return addr >= PASID_TESTDEV_CHANNEL(0) &&
           addr < PASID_TESTDEV_CHANNEL(PASID_TESTDEV_CHANNELS);
}

static uint64_t testdev_read(void *opaque, hwaddr addr, unsigned size)
{
    PASIDTestdev *d = opaque;

    if (is_channel(addr)) {
        return read_channel(&d->channel[(addr - PASID_TESTDEV_CHANNEL(0)) / 64],
                            addr % 64);
    }
    if (addr >= PASID_TESTDEV_LOG &&
        addr < PASID_TESTDEV_LOG + PASID_TESTDEV_LOG_ENTRIES * 32) {
        return read_event(&d->log[(addr - PASID_TESTDEV_LOG) / 32], addr % 32);
    }
    switch (addr) {
    case PASID_TESTDEV_ID:
        return PASID_TESTDEV_MAGIC;
    case PASID_TESTDEV_CONTROL:
        return d->control;
    case PASID_TESTDEV_INTERRUPTS:
        return d->interrupts;
    case PASID_TESTDEV_LOG_COUNT:
        return d->log_count;
    case PASID_TESTDEV_ATC_COUNT:
        return pasid_testdev_atc_count(d);
    case PASID_TESTDEV_OUTSTANDING:
        return d->outstanding;
    case PASID_TESTDEV_MIGRATION:
        return d->migration;
    default:
        return 0;
    }
}

void pasid_testdev_set_argument(PASIDTestdevChannel *c, unsigned offset,
                                uint32_t val)
{
    switch (offset) {
    case PASID_TESTDEV_IOVA:
        c->iova = deposit64(c->iova, 0, 32, val);
        break;
    case PASID_TESTDEV_IOVA + 4:
        c->iova = deposit64(c->iova, 32, 32, val);
        break;
    case PASID_TESTDEV_LENGTH:
        c->length = val;
        break;
    case PASID_TESTDEV_BUFFER:
        c->buffer = val;
        break;
    case PASID_TESTDEV_PASID:
        c->pasid = val;
        break;
    case PASID_TESTDEV_PRGI:
        c->prgi = val % PRG_NR;
        break;
    }
}

static void write_channel(PASIDTestdev *d, unsigned channel, unsigned offset,
                          uint32_t val)
{
    PASIDTestdevChannel *c = &d->channel[channel];

    if (c->state == PASID_TESTDEV_BUSY || c->state == PASID_TESTDEV_WAITING) {
        if (offset == PASID_TESTDEV_COMMAND && !val) {
            /* The pass that is under way is the last one. */
            c->command &= ~PASID_TESTDEV_REPEAT;
        }
        return;
    }
    if (offset == PASID_TESTDEV_COMMAND) {
        pasid_testdev_start(d, channel, val);
    } else {
        pasid_testdev_set_argument(c, offset, val);
    }
}

static void testdev_write(void *opaque, hwaddr addr, uint64_t val,
                          unsigned size)
{
    PASIDTestdev *d = opaque;

    if (addr == PASID_TESTDEV_MIGRATION) {
        pasid_testdev_set_migration(d, val);
        return;
    }
    if (pasid_testdev_is_loading(d)) {
        pasid_testdev_load(d, addr, val);
        return;
    }
    if (is_channel(addr)) {
        write_channel(d, (addr - PASID_TESTDEV_CHANNEL(0)) / 64, addr % 64,
                      val);
        return;
    }
    switch (addr) {
    case PASID_TESTDEV_CONTROL:
        d->control = val & PASID_TESTDEV_CONTROL_BITS;
        break;
    case PASID_TESTDEV_INTERRUPTS:
        d->interrupts &= ~val;
        break;
    case PASID_TESTDEV_LOG_COUNT:
        d->log_count = 0;
        break;
    case PASID_TESTDEV_ATC_COUNT:
        pasid_testdev_atc_clear(d);
        break;
    }
}

static const MemoryRegionOps testdev_ops = {
    .read = testdev_read,
    .write = testdev_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

/* Life */

static void testdev_reset(DeviceState *qdev)
{
    PASIDTestdev *d = PASID_TESTDEV(qdev);

    qemu_bh_cancel(d->bh);
    timer_del(d->timer);
    memset(d->channel, 0, sizeof(d->channel));
    d->control = d->migration = d->interrupts = d->log_count = 0;
    memset(d->log, 0, sizeof(d->log));
    pasid_testdev_atc_clear(d);
    pasid_testdev_forget_requests(d);
    if (d->ats_cap) {
        pci_set_word(config(d, d->ats_cap + PCI_ATS_CTRL), 0);
    }
    if (d->pri_cap) {
        pci_set_word(config(d, d->pri_cap + PCI_PRI_CTRL), 0);
        pci_set_word(config(d, d->pri_cap + PCI_PRI_STATUS),
                     PCI_PRI_STATUS_STOPPED |
                     (d->prg_pasid ? PCI_PRI_STATUS_PASID : 0));
        pci_set_long(config(d, d->pri_cap + PCI_PRI_ALLOC_REQ), 0);
    }
    if (d->pasid_cap) {
        pci_set_word(config(d, d->pasid_cap + PCI_PASID_CTRL), 0);
    }
}

static bool check_properties(PASIDTestdev *d, Error **errp)
{
    if (!pci_bus_is_express(pci_get_bus(&d->parent_obj))) {
        error_setg(errp, "pasid-testdev: bus %s is not PCI Express: choose "
                   "pcie.0 or a pcie-root-port",
                   qdev_get_parent_bus(DEVICE(d))->name);
        return false;
    }
    if (d->pasid_bits > 20) {
        error_setg(errp, "pasid-testdev: pasid-bits=%u: a PASID has 20 at most",
                   d->pasid_bits);
        return false;
    }
    if (d->pri && !d->ats) {
        error_setg(errp, "pasid-testdev: pri=on requires ats=on");
        return false;
    }
    if (d->acs && !PCI_FUNC(d->parent_obj.devfn) &&
        !(d->parent_obj.cap_present & QEMU_PCI_CAP_MULTIFUNCTION)) {
        error_setg(errp, "pasid-testdev: acs=on requires multifunction=on: a "
                   "single function has no other to be kept apart from");
        return false;
    }
    return true;
}

static void testdev_realize(PCIDevice *dev, Error **errp)
{
    PASIDTestdev *d = PASID_TESTDEV(dev);

    if (!check_properties(d, errp) || !add_capabilities(d, errp)) {
        return;
    }
    memory_region_init(&d->bar, OBJECT(d), "pasid-testdev",
                       PASID_TESTDEV_BAR_SIZE);
    memory_region_init_io(&d->regs, OBJECT(d), &testdev_ops, d,
                          "pasid-testdev-regs", REGS_SIZE);
    if (!memory_region_init_ram(&d->memory, OBJECT(d), "pasid-testdev-memory",
                                PASID_TESTDEV_MEMORY_SIZE, errp)) {
        return;
    }
    memory_region_add_subregion(&d->bar, 0, &d->regs);
    memory_region_add_subregion(&d->bar, PASID_TESTDEV_MEMORY, &d->memory);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &d->bar);
    if (msix_init_exclusive_bar(dev, VECTORS, 2, errp)) {
        return;
    }
    for (unsigned i = 0; i < VECTORS; i++) {
        msix_vector_use(dev, i);
    }
    d->bh = qemu_bh_new_guarded(pasid_testdev_run, d,
                                &DEVICE(d)->mem_reentrancy_guard);
    d->timer = timer_new_ms(QEMU_CLOCK_REALTIME, pasid_testdev_wake, d);
    pci_ats_register_device(dev, &pasid_testdev_ats_ops);
    pasid_testdev_iotlb_realize(d);
}

static void testdev_exit(PCIDevice *dev)
{
    PASIDTestdev *d = PASID_TESTDEV(dev);

    pasid_testdev_iotlb_exit(d);
    pci_ats_unregister_device(dev);
    timer_free(d->timer);
    qemu_bh_delete(d->bh);
    msix_uninit_exclusive_bar(dev);
    pcie_cap_exit(dev);
}

static const VMStateDescription vmstate_testdev = {
    .name = TYPE_PASID_TESTDEV,
    .unmigratable = 1,
};

static const Property testdev_properties[] = {
    DEFINE_PROP_BOOL("ats", PASIDTestdev, ats, true),
    DEFINE_PROP_BOOL("pri", PASIDTestdev, pri, true),
    DEFINE_PROP_BOOL("flr", PASIDTestdev, flr, true),
    DEFINE_PROP_BOOL("af", PASIDTestdev, af, false),
    DEFINE_PROP_BOOL("pm", PASIDTestdev, pm, false),
    DEFINE_PROP_BOOL("acs", PASIDTestdev, acs, false),
    DEFINE_PROP_BOOL("prg-pasid", PASIDTestdev, prg_pasid, true),
    DEFINE_PROP_BOOL("iotlb", PASIDTestdev, iotlb_on, false),
    DEFINE_PROP_BOOL("iotlb-map", PASIDTestdev, iotlb_map, false),
    DEFINE_PROP_UINT8("pasid-bits", PASIDTestdev, pasid_bits, 20),
    DEFINE_PROP_BOOL("exec", PASIDTestdev, exec, true),
    DEFINE_PROP_BOOL("priv", PASIDTestdev, priv, true),
    DEFINE_PROP_UINT32("max-page-requests", PASIDTestdev, max_requests, 16384),
};

static void testdev_class_init(ObjectClass *klass, NVTDClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = testdev_realize;
    k->exit = testdev_exit;
    k->config_write = testdev_write_config;
    k->vendor_id = PASID_TESTDEV_VENDOR;
    k->device_id = PASID_TESTDEV_DEVICE;
    k->class_id = PCI_CLASS_OTHERS;
    dc->desc = "PCIe test device with PASID, ATS and PRI";
    dc->vmsd = &vmstate_testdev;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_legacy_reset(dc, testdev_reset);
    device_class_set_props(dc, testdev_properties);
}

static const TypeInfo testdev_info = {
    .name = TYPE_PASID_TESTDEV,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PASIDTestdev),
    .class_init = testdev_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        {}
    },
};

static void testdev_register_types(void)
{
    type_register_static(&testdev_info);
}

type_init(testdev_register_types)
