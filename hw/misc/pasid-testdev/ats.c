/*
 * pasid-testdev: its address translation cache, and page requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "trace.h"
#include "internal.h"

static void log_event(PASIDTestdev *d, uint32_t event, uint32_t pasid,
                      uint64_t first, uint64_t last)
{
    d->log[d->log_count++ % PASID_TESTDEV_LOG_ENTRIES] = (PASIDTestdevEvent) {
        .event = event,
        .pasid = pasid,
        .first = first,
        .last = last,
    };
}

/* Address translation cache */

void pasid_testdev_atc_clear(PASIDTestdev *d)
{
    memset(d->atc, 0, sizeof(d->atc));
    d->atc_next = 0;
}

unsigned pasid_testdev_atc_count(PASIDTestdev *d)
{
    unsigned i, count = 0;

    for (i = 0; i < ATC_ENTRIES; i++) {
        count += d->atc[i].valid;
    }
    return count;
}

static uint64_t page_last(const PCIATSTranslation *page)
{
    return page->iova + ((1ULL << page->size_lg2) - 1);
}

static bool entry_is_of(const PASIDTestdevATCEntry *e,
                        const PCIPASIDPrefix *prefix)
{
    return e->valid && e->pasid == prefix->pasid && e->priv == prefix->priv;
}

static void atc_add(PASIDTestdev *d, const PCIPASIDPrefix *prefix,
                    const PCIATSTranslation *page)
{
    PASIDTestdevATCEntry *e = &d->atc[d->atc_next++ % ATC_ENTRIES];

    *e = (PASIDTestdevATCEntry) {
        .valid = true,
        .pasid = prefix->pasid,
        .priv = prefix->priv,
        .page = *page,
    };
}

bool pasid_testdev_atc_find(PASIDTestdev *d, const PCIPASIDPrefix *prefix,
                            uint64_t addr, bool write, PCIATSTranslation *page)
{
    unsigned i;

    for (i = 0; i < ATC_ENTRIES; i++) {
        PASIDTestdevATCEntry *e = &d->atc[i];

        if (entry_is_of(e, prefix) && e->page.iova <= addr &&
            addr <= page_last(&e->page) &&
            (write ? e->page.write : e->page.read)) {
            *page = e->page;
            return true;
        }
    }
    if (!pci_ats_request(&d->parent_obj, prefix, addr, write, page)) {
        return false;
    }
    /* A translation without rights must not be kept, PCIe 10.2.3.5. */
    if (page->read || page->write) {
        atc_add(d, prefix, page);
    }
    return true;
}

static bool entry_doomed(const PASIDTestdevATCEntry *e,
                         const PCIATSInvalidation *inv)
{
    bool mine = inv->global ? e->pasid != PCI_NO_PASID
                            : e->pasid == inv->pasid;

    return e->valid && mine && e->page.iova <= inv->last &&
           page_last(&e->page) >= inv->first;
}

/* The last one that HOLD_ONLY names ends the hold. */
static bool is_held(PASIDTestdev *d)
{
    if (!(d->control & PASID_TESTDEV_HOLD_INVALIDATIONS)) {
        return false;
    }
    if (d->control >> 16) {
        d->control -= PASID_TESTDEV_HOLD_ONLY(1u);
        if (!(d->control >> 16)) {
            d->control &= ~PASID_TESTDEV_HOLD_INVALIDATIONS;
        }
    }
    return true;
}

static bool testdev_invalidate(PCIDevice *dev, const PCIATSInvalidation *inv)
{
    PASIDTestdev *d = PASID_TESTDEV(dev);
    unsigned i, dropped = 0;

    log_event(d, PASID_TESTDEV_INVALIDATION |
              (inv->global ? PASID_TESTDEV_EVENT_GLOBAL : 0), inv->pasid,
              inv->first, inv->last);
    if (is_held(d)) {
        return false;
    }
    for (i = 0; i < ATC_ENTRIES; i++) {
        if (entry_doomed(&d->atc[i], inv)) {
            d->atc[i].valid = false;
            dropped++;
        }
    }
    trace_pasid_testdev_invalidate(pci_get_bdf(dev), inv->pasid, inv->first,
                                   inv->last, dropped);
    return true;
}

/* Page requests */

bool pasid_testdev_send_page_request(PASIDTestdev *d,
                                     const PCIPageRequest *request)
{
    bool stop_marker = request->last && !request->read && !request->write;

    if (!stop_marker) {
        if (d->outstanding >= pasid_testdev_pri_allocation(d)) {
            return false;
        }
        d->outstanding++;
        d->in_group[request->prgi % PRG_NR]++;
        d->group_pasid[request->prgi % PRG_NR] = request->prefix.pasid;
    }
    trace_pasid_testdev_page_request(pci_get_bdf(&d->parent_obj),
                                     request->prefix.pasid, request->prgi,
                                     request->addr, request->last);
    if (!pci_ats_page_request(&d->parent_obj, request) && !stop_marker) {
        /* Nobody is there to answer. */
        d->outstanding--;
        d->in_group[request->prgi % PRG_NR]--;
        pasid_testdev_answered(d, request->prgi, PCI_PRG_FAILURE);
    }
    return true;
}

void pasid_testdev_forget_requests(PASIDTestdev *d)
{
    d->outstanding = 0;
    memset(d->in_group, 0, sizeof(d->in_group));
}

/*
 * PCIe 10.4.2.1: with PRG Response PASID Required a response has the PASID of
 * its group.
 */
static bool is_expected(PASIDTestdev *d, const PCIPRGResponse *response)
{
    unsigned prgi = response->prgi % PRG_NR;

    return d->in_group[prgi] &&
           (!d->prg_pasid || d->group_pasid[prgi] == response->pasid);
}

/* PCIe 10.5.2.3: what ends badly is kept in the status register. */
static void testdev_prg_response(PCIDevice *dev, const PCIPRGResponse *response)
{
    PASIDTestdev *d = PASID_TESTDEV(dev);
    unsigned prgi = response->prgi % PRG_NR;
    bool expected = is_expected(d, response);

    trace_pasid_testdev_prg_response(pci_get_bdf(dev), response->pasid, prgi,
                                     response->code);
    log_event(d, PASID_TESTDEV_RESPONSE | response->code << 4 |
              (expected ? 0 : PASID_TESTDEV_UNEXPECTED), response->pasid,
              prgi, prgi);
    if (!expected) {
        pasid_testdev_pri_set_status(d, PCI_PRI_STATUS_UPRGI);
        return;
    }
    d->outstanding -= d->in_group[prgi];
    d->in_group[prgi] = 0;
    if (response->code >= PCI_PRG_FAILURE) {
        pasid_testdev_pri_set_status(d, PCI_PRI_STATUS_RF);
    }
    pasid_testdev_pri_update_stopped(d);
    pasid_testdev_answered(d, prgi, response->code);
}

const PCIATSDeviceOps pasid_testdev_ats_ops = {
    .invalidate = testdev_invalidate,
    .prg_response = testdev_prg_response,
};
