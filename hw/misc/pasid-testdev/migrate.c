/*
 * pasid-testdev: stop, save and restore
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * While it is stopped, the device sends nothing, so that its registers and its
 * memory are its state.  What is loaded may come from anywhere: it is checked
 * before anything is sent by it.
 */

#include "qemu/osdep.h"
#include "internal.h"

#define PAGE            4096u

bool pasid_testdev_is_stopped(PASIDTestdev *d)
{
    return d->migration & PASID_TESTDEV_STOP;
}

bool pasid_testdev_is_loading(PASIDTestdev *d)
{
    return d->migration & PASID_TESTDEV_LOAD;
}

static void load_status(PASIDTestdevChannel *c, uint32_t val)
{
    unsigned state = val & PASID_TESTDEV_STATE;

    /* The answer went to where it came from: it asks again. */
    c->state = state == PASID_TESTDEV_WAITING ? PASID_TESTDEV_BUSY
                                              : MIN(state, PASID_TESTDEV_ENDED);
    c->code = PASID_TESTDEV_CODE(val);
    c->tries = 0;
    c->retry = false;
}

static void load_channel(PASIDTestdevChannel *c, unsigned offset, uint32_t val)
{
    switch (offset) {
    case PASID_TESTDEV_COMMAND:
        c->command = val;
        break;
    case PASID_TESTDEV_STATUS:
        load_status(c, val);
        break;
    case PASID_TESTDEV_DONE:
        c->done = val;
        break;
    case PASID_TESTDEV_REQUESTS:
        c->requests = val;
        break;
    case PASID_TESTDEV_RESULT:
        c->result = deposit64(c->result, 0, 32, val);
        break;
    case PASID_TESTDEV_RESULT + 4:
        c->result = deposit64(c->result, 32, 32, val);
        break;
    default:
        pasid_testdev_set_argument(c, offset, val);
    }
}

static void load_event(PASIDTestdevEvent *e, unsigned offset, uint32_t val)
{
    switch (offset) {
    case PASID_TESTDEV_EVENT:
        e->event = val;
        break;
    case PASID_TESTDEV_EVENT_PASID:
        e->pasid = val;
        break;
    case PASID_TESTDEV_EVENT_FIRST:
        e->first = deposit64(e->first, 0, 32, val);
        break;
    case PASID_TESTDEV_EVENT_FIRST + 4:
        e->first = deposit64(e->first, 32, 32, val);
        break;
    case PASID_TESTDEV_EVENT_LAST:
        e->last = deposit64(e->last, 0, 32, val);
        break;
    case PASID_TESTDEV_EVENT_LAST + 4:
        e->last = deposit64(e->last, 32, 32, val);
        break;
    }
}

void pasid_testdev_load(PASIDTestdev *d, hwaddr addr, uint32_t val)
{
    if (addr >= PASID_TESTDEV_CHANNEL(0) &&
        addr < PASID_TESTDEV_CHANNEL(PASID_TESTDEV_CHANNELS)) {
        load_channel(&d->channel[(addr - PASID_TESTDEV_CHANNEL(0)) / 64],
                     addr % 64, val);
        return;
    }
    if (addr >= PASID_TESTDEV_LOG &&
        addr < PASID_TESTDEV_LOG + PASID_TESTDEV_LOG_ENTRIES * 32) {
        load_event(&d->log[(addr - PASID_TESTDEV_LOG) / 32], addr % 32, val);
        return;
    }
    switch (addr) {
    case PASID_TESTDEV_CONTROL:
        d->control = val & PASID_TESTDEV_CONTROL_BITS;
        break;
    case PASID_TESTDEV_INTERRUPTS:
        d->interrupts = val & MAKE_64BIT_MASK(0, PASID_TESTDEV_CHANNELS);
        break;
    case PASID_TESTDEV_LOG_COUNT:
        d->log_count = val;
        break;
    }
}

/* Is there something left of the command?  A loaded one may say otherwise. */
static bool has_rest(const PASIDTestdevChannel *c)
{
    switch (c->command & PASID_TESTDEV_OP) {
    case PASID_TESTDEV_TRANSLATE:
        return true;
    case PASID_TESTDEV_PAGE_REQUEST:
        return c->done < DIV_ROUND_UP(c->length, PAGE);
    default:
        return c->done < c->length;
    }
}

static void check_loaded(PASIDTestdev *d)
{
    for (unsigned i = 0; i < PASID_TESTDEV_CHANNELS; i++) {
        PASIDTestdevChannel *c = &d->channel[i];

        if (c->state == PASID_TESTDEV_BUSY &&
            (!pasid_testdev_makes_sense(d, c) || !has_rest(c))) {
            c->state = PASID_TESTDEV_ENDED;
            c->code = PASID_TESTDEV_BAD;
        }
    }
}

void pasid_testdev_set_migration(PASIDTestdev *d, uint32_t val)
{
    bool loaded = pasid_testdev_is_loading(d);

    /* It loads only what is stopped. */
    d->migration = val & PASID_TESTDEV_STOP
                   ? val & (PASID_TESTDEV_STOP | PASID_TESTDEV_LOAD) : 0;
    if (loaded && !pasid_testdev_is_loading(d)) {
        pasid_testdev_atc_clear(d);
        check_loaded(d);
    }
    if (!pasid_testdev_is_stopped(d)) {
        qemu_bh_schedule(d->bh);
    }
}
