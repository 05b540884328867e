/*
 * pasid-testdev: its DMA engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bottom half gives each busy channel one page in turn, so that commands of
 * several channels are under way side by side.
 */

#include "qemu/osdep.h"
#include "trace.h"
#include "hw/pci/msix.h"
#include "internal.h"

#define PAGE            4096u
#define TRIES_MAX       1000
#define RETRY_MS        1

static unsigned channel_nr(PASIDTestdev *d, const PASIDTestdevChannel *c)
{
    return c - d->channel;
}

static unsigned op_of(const PASIDTestdevChannel *c)
{
    return c->command & PASID_TESTDEV_OP;
}

static bool is_memory_op(const PASIDTestdevChannel *c)
{
    return op_of(c) == PASID_TESTDEV_WRITE || op_of(c) == PASID_TESTDEV_READ;
}

static PCIPASIDPrefix prefix_of(const PASIDTestdevChannel *c)
{
    bool with = c->command & PASID_TESTDEV_WITH_PASID;

    return (PCIPASIDPrefix) {
        .pasid = with ? c->pasid : PCI_NO_PASID,
        .priv = with && (c->command & PASID_TESTDEV_PRIVILEGED),
        .exec = with && (c->command & PASID_TESTDEV_EXECUTE),
    };
}

static void end(PASIDTestdev *d, PASIDTestdevChannel *c, unsigned code)
{
    unsigned nr = channel_nr(d, c);

    c->state = PASID_TESTDEV_ENDED;
    c->code = code;
    c->retry = false;
    d->interrupts |= 1u << nr;
    trace_pasid_testdev_done(pci_get_bdf(&d->parent_obj), nr, code, c->done);
    if (c->command & PASID_TESTDEV_INTERRUPT) {
        msix_notify(&d->parent_obj, (c->command >> 12) & (VECTORS - 1));
    }
}

/* What config space allows can change while a command is under way. */
static bool is_enabled(PASIDTestdev *d, const PASIDTestdevChannel *c)
{
    uint16_t bits = PCI_PASID_CTRL_ENABLE;

    if (!(pci_get_word(d->parent_obj.config + PCI_COMMAND) &
          PCI_COMMAND_MASTER)) {
        return false;
    }
    if (c->command & PASID_TESTDEV_WITH_PASID) {
        bits |= c->command & PASID_TESTDEV_PRIVILEGED ? PCI_PASID_CTRL_PRIV : 0;
        bits |= c->command & PASID_TESTDEV_EXECUTE ? PCI_PASID_CTRL_EXEC : 0;
        if (!pasid_testdev_pasid_enabled(d, bits)) {
            return false;
        }
    }
    if ((op_of(c) == PASID_TESTDEV_TRANSLATE ||
         c->command & PASID_TESTDEV_ATS) && !pasid_testdev_ats_enabled(d)) {
        return false;
    }
    return !(op_of(c) == PASID_TESTDEV_PAGE_REQUEST ||
             c->command & PASID_TESTDEV_PRI) || pasid_testdev_pri_enabled(d);
}

bool pasid_testdev_makes_sense(PASIDTestdev *d, const PASIDTestdevChannel *c)
{
    if (c->command & PASID_TESTDEV_WITH_PASID && c->pasid >> d->pasid_bits) {
        return false;
    }
    if (c->command & PASID_TESTDEV_PRI && !(c->command & PASID_TESTDEV_ATS)) {
        return false;
    }
    if (c->command & PASID_TESTDEV_REPEAT &&
        op_of(c) != PASID_TESTDEV_WRITE) {
        return false;
    }
    switch (op_of(c)) {
    case PASID_TESTDEV_WRITE:
    case PASID_TESTDEV_READ:
        return c->length && c->buffer < PASID_TESTDEV_MEMORY_SIZE &&
               c->length <= PASID_TESTDEV_MEMORY_SIZE - c->buffer;
    case PASID_TESTDEV_PAGE_REQUEST:
        return c->length;
    case PASID_TESTDEV_TRANSLATE:
        return true;
    default:
        return false;
    }
}

void pasid_testdev_start(PASIDTestdev *d, unsigned channel, uint32_t command)
{
    PASIDTestdevChannel *c = &d->channel[channel];

    if (c->state == PASID_TESTDEV_BUSY || c->state == PASID_TESTDEV_WAITING) {
        return;
    }
    c->command = command;
    c->done = c->requests = c->tries = 0;
    c->result = 0;
    c->code = PASID_TESTDEV_OK;
    trace_pasid_testdev_command(pci_get_bdf(&d->parent_obj), channel, command,
                                c->pasid, c->iova, c->length);
    if (!pasid_testdev_makes_sense(d, c)) {
        end(d, c, PASID_TESTDEV_BAD);
        return;
    }
    c->state = PASID_TESTDEV_BUSY;
    qemu_bh_schedule(d->bh);
}

/* Page requests */

static void wait_for_timer(PASIDTestdev *d, PASIDTestdevChannel *c)
{
    c->state = PASID_TESTDEV_WAITING;
    c->retry = true;
    timer_mod(d->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + RETRY_MS);
}

static void ask_for_page(PASIDTestdev *d, PASIDTestdevChannel *c, uint64_t addr,
                         bool write)
{
    const PCIPageRequest request = {
        .prefix = prefix_of(c),
        .addr = addr & ~(uint64_t)(PAGE - 1),
        .prgi = PASID_TESTDEV_PRGI_CHANNEL + channel_nr(d, c),
        .read = !write,
        .write = write,
        .last = true,
    };

    if (c->tries++ >= TRIES_MAX) {
        end(d, c, PASID_TESTDEV_TRIES);
        return;
    }
    /* The response may come before the call returns. */
    c->state = PASID_TESTDEV_WAITING;
    c->requests++;
    if (!pasid_testdev_send_page_request(d, &request)) {
        c->requests--;
        wait_for_timer(d, c);
    }
}

void pasid_testdev_answered(PASIDTestdev *d, unsigned prgi, unsigned code)
{
    PASIDTestdevChannel *c;

    if (prgi < PASID_TESTDEV_PRGI_CHANNEL ||
        prgi >= PASID_TESTDEV_PRGI_CHANNEL + PASID_TESTDEV_CHANNELS) {
        return;
    }
    c = &d->channel[prgi - PASID_TESTDEV_PRGI_CHANNEL];
    if (c->state != PASID_TESTDEV_WAITING || c->retry || !is_memory_op(c)) {
        return;
    }
    if (code == PCI_PRG_INVALID) {
        end(d, c, PASID_TESTDEV_INVALID);
    } else if (code != PCI_PRG_SUCCESS) {
        end(d, c, PASID_TESTDEV_FAILURE);
    } else if (c->tries > 1) {
        /* An overflown queue says success too: give it time. */
        wait_for_timer(d, c);
    } else {
        c->state = PASID_TESTDEV_BUSY;
        qemu_bh_schedule(d->bh);
    }
}

void pasid_testdev_wake(void *opaque)
{
    PASIDTestdev *d = opaque;
    unsigned i;

    for (i = 0; i < PASID_TESTDEV_CHANNELS; i++) {
        PASIDTestdevChannel *c = &d->channel[i];

        if (c->state == PASID_TESTDEV_WAITING && c->retry) {
            c->retry = false;
            c->state = PASID_TESTDEV_BUSY;
        }
    }
    qemu_bh_schedule(d->bh);
}

/* One page request message a step; LENGTH / 4096 in all. */
static void step_page_request(PASIDTestdev *d, PASIDTestdevChannel *c)
{
    bool one_group = c->command & PASID_TESTDEV_ONE_GROUP;
    uint32_t total = DIV_ROUND_UP(c->length, PAGE);
    const PCIPageRequest request = {
        .prefix = prefix_of(c),
        .addr = (c->iova & ~(uint64_t)(PAGE - 1)) + (uint64_t)c->done * PAGE,
        .prgi = (c->prgi + (one_group ? 0 : c->done)) % PRG_NR,
        .read = c->command & PASID_TESTDEV_WANT_READ,
        .write = c->command & PASID_TESTDEV_WANT_WRITE,
        .last = c->command & PASID_TESTDEV_LAST &&
                (!one_group || c->done + 1 == total),
    };

    /* An index is free again when its group is answered. */
    if ((!one_group && d->in_group[request.prgi]) ||
        !pasid_testdev_send_page_request(d, &request)) {
        wait_for_timer(d, c);
        return;
    }
    c->requests++;
    if (++c->done >= total) {
        end(d, c, PASID_TESTDEV_OK);
    }
}

/* Memory requests and translation requests */

static void step_translate(PASIDTestdev *d, PASIDTestdevChannel *c)
{
    const PCIPASIDPrefix prefix = prefix_of(c);
    PCIATSTranslation page;

    if (!pasid_testdev_atc_find(d, &prefix, c->iova,
                                c->command & PASID_TESTDEV_WANT_WRITE, &page)) {
        end(d, c, PASID_TESTDEV_ATS_REFUSED);
        return;
    }
    c->result = page.addr | page.size_lg2 << 4 |
                (page.read ? PASID_TESTDEV_RESULT_READ : 0) |
                (page.write ? PASID_TESTDEV_RESULT_WRITE : 0) |
                (page.untranslated ? PASID_TESTDEV_RESULT_UNTRANSLATED : 0);
    end(d, c, page.read || page.write ? PASID_TESTDEV_OK
                                      : PASID_TESTDEV_NO_PAGE);
}

/* Return: false if the channel ended, or waits for the page. */
static bool translated_page(PASIDTestdev *d, PASIDTestdevChannel *c,
                            uint64_t addr, bool write, uint64_t *out,
                            bool *untranslated)
{
    const PCIPASIDPrefix prefix = prefix_of(c);
    PCIATSTranslation page;

    if (!pasid_testdev_atc_find(d, &prefix, addr, write, &page)) {
        end(d, c, PASID_TESTDEV_ATS_REFUSED);
        return false;
    }
    if (!(write ? page.write : page.read)) {
        if (c->command & PASID_TESTDEV_PRI) {
            ask_for_page(d, c, addr, write);
        } else {
            end(d, c, PASID_TESTDEV_NO_PAGE);
        }
        return false;
    }
    *out = page.addr + (addr - page.iova);
    *untranslated = page.untranslated;
    return true;
}

static uint8_t *memory_of(PASIDTestdev *d, uint32_t at)
{
    return (uint8_t *)memory_region_get_ram_ptr(&d->memory) + at;
}

/* Each pass is told from others by the number that its pages begin with. */
static void repeat(PASIDTestdev *d, PASIDTestdevChannel *c)
{
    c->result++;
    for (uint32_t at = 0; at + sizeof(uint32_t) <= c->length; at += PAGE) {
        stl_le_p(memory_of(d, c->buffer + at), c->result);
        memory_region_set_dirty(&d->memory, c->buffer + at, sizeof(uint32_t));
    }
    c->done = 0;
    wait_for_timer(d, c);
}

static void step_memory(PASIDTestdev *d, PASIDTestdevChannel *c)
{
    const PCIPASIDPrefix prefix = prefix_of(c);
    bool write = op_of(c) == PASID_TESTDEV_WRITE;
    uint64_t addr = c->iova + c->done, translated = addr;
    uint32_t here = MIN(c->length - c->done, PAGE - addr % PAGE);
    uint32_t at = c->buffer + c->done;
    uint8_t *buf = memory_of(d, at);
    bool as_is = !(c->command & (PASID_TESTDEV_ATS | PASID_TESTDEV_FORGED));
    MemTxResult ret;

    if (c->command & PASID_TESTDEV_ATS &&
        !translated_page(d, c, addr, write, &translated, &as_is)) {
        return;
    }
    if (!as_is) {
        ret = pci_ats_dma_translated(&d->parent_obj, translated, buf, here,
                                     write);
    } else if (c->command & PASID_TESTDEV_WITH_PASID) {
        ret = pci_ats_dma(&d->parent_obj, &prefix, addr, buf, here, write);
    } else if (d->iotlb) {
        ret = pasid_testdev_iotlb_rw(d, addr, buf, here, write);
    } else {
        ret = pci_dma_rw(&d->parent_obj, addr, buf, here,
                         write ? DMA_DIRECTION_FROM_DEVICE
                               : DMA_DIRECTION_TO_DEVICE,
                         MEMTXATTRS_UNSPECIFIED);
    }
    if (!write) {
        memory_region_set_dirty(&d->memory, at, here);
    }
    if (ret != MEMTX_OK) {
        end(d, c, PASID_TESTDEV_FAULT);
        return;
    }
    c->tries = 0;
    c->done += here;
    if (c->done < c->length) {
        return;
    }
    if (c->command & PASID_TESTDEV_REPEAT) {
        repeat(d, c);
    } else {
        end(d, c, PASID_TESTDEV_OK);
    }
}

static void step(PASIDTestdev *d, PASIDTestdevChannel *c)
{
    if (!is_enabled(d, c)) {
        end(d, c, PASID_TESTDEV_DISABLED);
        return;
    }
    switch (op_of(c)) {
    case PASID_TESTDEV_TRANSLATE:
        step_translate(d, c);
        break;
    case PASID_TESTDEV_PAGE_REQUEST:
        step_page_request(d, c);
        break;
    default:
        step_memory(d, c);
    }
}

void pasid_testdev_run(void *opaque)
{
    PASIDTestdev *d = opaque;
    bool more = false;
    unsigned i;

    if (pasid_testdev_is_stopped(d)) {
        return;
    }
    for (i = 0; i < PASID_TESTDEV_CHANNELS; i++) {
        if (d->channel[i].state == PASID_TESTDEV_BUSY) {
            step(d, &d->channel[i]);
            more |= d->channel[i].state == PASID_TESTDEV_BUSY;
        }
    }
    if (more) {
        qemu_bh_schedule(d->bh);
    }
}

void pasid_testdev_stop_waiting(PASIDTestdev *d)
{
    unsigned i;

    for (i = 0; i < PASID_TESTDEV_CHANNELS; i++) {
        PASIDTestdevChannel *c = &d->channel[i];

        if (c->state == PASID_TESTDEV_WAITING && !c->retry) {
            end(d, c, PASID_TESTDEV_FAILURE);
        }
    }
}
