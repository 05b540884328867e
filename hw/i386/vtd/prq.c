/*
 * Intel VT-d: the page request queue
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "nvtd/base.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "system/dma.h"
#include "trace.h"
#include "core.h"
#include "prq.h"
#include "regs.h"

struct VTDPRQ {
    const VTDPRQOps *ops;
};

/* Registers */

static uint32_t reg_get(IntelIOMMUState *s, hwaddr addr)
{
    return ldl_le_p(&s->csr[addr]);
}

static void reg_set(IntelIOMMUState *s, hwaddr addr, uint32_t val)
{
    stl_le_p(&s->csr[addr], val);
    vtd_regs_changed(s, addr);
}

static uint64_t reg_get_quad(IntelIOMMUState *s, hwaddr addr)
{
    return ldq_le_p(&s->csr[addr]);
}

static void define(IntelIOMMUState *s, hwaddr addr, uint32_t val,
                   uint32_t wmask, uint32_t w1cmask)
{
    stl_le_p(&s->csr[addr], val);
    stl_le_p(&s->wmask[addr], wmask);
    stl_le_p(&s->w1cmask[addr], w1cmask);
}

static void define_quad(IntelIOMMUState *s, hwaddr addr, uint64_t wmask)
{
    define(s, addr, 0, wmask, 0);
    define(s, addr + 4, 0, wmask >> 32, 0);
}

void vtd_prq_setup(IntelIOMMUState *s, const VTDPRQOps *ops)
{
    s->ext.prq = g_new0(struct VTDPRQ, 1);
    s->ext.prq->ops = ops;
}

void vtd_prq_reset(IntelIOMMUState *s)
{
    if (!vtd_prq_present(s)) {
        return;
    }
    define_quad(s, DMAR_PQH_REG, VTD_PQ_OFFSET);
    define_quad(s, DMAR_PQT_REG, VTD_PQ_OFFSET);
    define_quad(s, DMAR_PQA_REG, VTD_PQA_WMASK);
    define(s, DMAR_PRS_REG, 0, 0, VTD_PRS_PPR | VTD_PRS_PRO);
    define(s, DMAR_PECTL_REG, VTD_PECTL_IM, VTD_PECTL_IM, 0);
    define(s, DMAR_PEDATA_REG, 0, 0xffff, 0);
    define(s, DMAR_PEADDR_REG, 0, 0xfffffffc, 0);
    define(s, DMAR_PEUADDR_REG, 0, s->ecap & VTD_ECAP_EIM ? UINT32_MAX : 0, 0);
}

/* Page request event, VT-d 7.5.2: not subject to interrupt remapping */

static void event_send(IntelIOMMUState *s)
{
    MSIMessage msi = {
        .address = reg_get(s, DMAR_PEADDR_REG) |
                   (uint64_t)reg_get(s, DMAR_PEUADDR_REG) << 32,
        .data = reg_get(s, DMAR_PEDATA_REG),
    };

    reg_set(s, DMAR_PECTL_REG, reg_get(s, DMAR_PECTL_REG) & ~VTD_PECTL_IP);
    trace_vtd_prq_event(msi.address, msi.data);
    apic_get_class(NULL)->send_msi(&msi);
}

/* A status bit gets set: no event for what is set already. */
static void status_raise(IntelIOMMUState *s, uint32_t bit)
{
    uint32_t status = reg_get(s, DMAR_PRS_REG);

    if (status & bit) {
        return;
    }
    reg_set(s, DMAR_PRS_REG, status | bit);
    reg_set(s, DMAR_PECTL_REG, reg_get(s, DMAR_PECTL_REG) | VTD_PECTL_IP);
    if (!(reg_get(s, DMAR_PECTL_REG) & VTD_PECTL_IM)) {
        event_send(s);
    }
}

static void prs_written(IntelIOMMUState *s)
{
    if (!(reg_get(s, DMAR_PRS_REG) & (VTD_PRS_PPR | VTD_PRS_PRO))) {
        reg_set(s, DMAR_PECTL_REG, reg_get(s, DMAR_PECTL_REG) & ~VTD_PECTL_IP);
    }
}

static void pectl_written(IntelIOMMUState *s)
{
    uint32_t pectl = reg_get(s, DMAR_PECTL_REG);

    if ((pectl & VTD_PECTL_IP) && !(pectl & VTD_PECTL_IM)) {
        event_send(s);
    }
}

void vtd_prq_reg_write(IntelIOMMUState *s, hwaddr addr, uint64_t val,
                       unsigned size)
{
    vtd_core_reg_write(s, addr, val, size);
    if (!vtd_prq_present(s)) {
        return;
    }
    if (addr == DMAR_PRS_REG) {
        prs_written(s);
    } else if (addr == DMAR_PECTL_REG) {
        pectl_written(s);
    }
}

/* Requests */

static bool is_stop_marker(const VTDPageRequest *req)
{
    return req->last && !req->read && !req->write;
}

void vtd_prq_auto_respond(IntelIOMMUState *s, const VTDPageRequest *req,
                          uint8_t code)
{
    const VTDPageResponse response = {
        .sid = req->sid,
        .has_pasid = req->has_pasid,
        .pasid = req->pasid,
        .prgi = req->prgi,
        .automatic = true,
        .code = code,
    };

    if (!req->last || is_stop_marker(req)) {
        return;
    }
    trace_vtd_prq_auto_respond(req->sid, req->pasid, req->prgi, code);
    s->ext.prq->ops->respond(s, &response);
}

static bool desc_write(hwaddr addr, const VTDPageRequest *req)
{
    const MemTxAttrs ram_only = { .memory = 1 };
    uint64_t desc[VTD_PQ_DESC_SIZE / sizeof(uint64_t)] = {};

    desc[0] = VTD_PQ_DESC_TYPE | (uint64_t)req->sid << 16;
    if (req->has_pasid) {
        desc[0] |= 1ULL << 8 | (uint64_t)(req->pasid & 0xfffff) << 32 |
                   (uint64_t)req->exec << 52 | (uint64_t)req->priv << 53;
    }
    desc[1] = (uint64_t)req->read | (uint64_t)req->write << 1 |
              (uint64_t)req->last << 2 | (uint64_t)(req->prgi & 0x1ff) << 3 |
              (req->addr & ~0xfffULL);
    desc[0] = cpu_to_le64(desc[0]);
    desc[1] = cpu_to_le64(desc[1]);
    return dma_memory_write(&address_space_memory, addr, desc, sizeof(desc),
                            ram_only) == MEMTX_OK;
}

/*
 * VT-d 7.4.2: from the overflow on nothing is queued until software clears PRO;
 * a group that ends meanwhile is told success, and the device tries again.
 */
bool vtd_prq_put(IntelIOMMUState *s, const VTDPageRequest *req)
{
    uint64_t pqa = reg_get_quad(s, DMAR_PQA_REG);
    uint64_t size = 4096ULL << VTD_PQA_PQS(pqa);
    uint64_t head = reg_get_quad(s, DMAR_PQH_REG) & (size - 1);
    uint64_t tail = reg_get_quad(s, DMAR_PQT_REG) & (size - 1);
    uint64_t next = (tail + VTD_PQ_DESC_SIZE) & (size - 1);

    if (!VTD_PQA_BASE(pqa)) {
        /* Software never set a queue up: nobody will look at it. */
        vtd_prq_auto_respond(s, req, VTD_PRQ_FAILURE);
        return false;
    }
    if (next == head || reg_get(s, DMAR_PRS_REG) & VTD_PRS_PRO) {
        trace_vtd_prq_overflow(req->sid, req->pasid, req->prgi);
        status_raise(s, VTD_PRS_PRO);
        vtd_prq_auto_respond(s, req, VTD_PRQ_SUCCESS);
        return false;
    }
    if (!desc_write(VTD_PQA_BASE(pqa) + tail, req)) {
        vtd_prq_auto_respond(s, req, VTD_PRQ_FAILURE);
        return false;
    }
    trace_vtd_prq_put(req->sid, req->pasid, req->addr, req->prgi, req->last,
                      tail);
    stq_le_p(&s->csr[DMAR_PQT_REG], next);
    vtd_regs_changed(s, DMAR_PQT_REG);
    status_raise(s, VTD_PRS_PPR);
    return true;
}

/* What comes through the invalidation queue */

bool vtd_prq_response_desc(IntelIOMMUState *s, const uint64_t val[2])
{
    const VTDPageResponse response = {
        .sid = val[0] >> 16,
        .has_pasid = val[0] & VTD_PGRESP_HAS_PASID,
        .pasid = (val[0] >> 32) & 0xfffff,
        .prgi = (val[1] >> 3) & 0x1ff,
        .code = (val[0] >> 12) & 0xf,
    };

    if (!vtd_prq_present(s) || val[0] & VTD_PGRESP_LO_RSVD ||
        val[1] & VTD_PGRESP_HI_RSVD) {
        return false;
    }
    trace_vtd_prq_response(response.sid, response.pasid, response.prgi,
                           response.code);
    s->ext.prq->ops->respond(s, &response);
    return true;
}

uint64_t vtd_prq_wait_desc(IntelIOMMUState *s, uint64_t lo)
{
    if (!vtd_prq_present(s) || !(lo & VTD_INV_WAIT_PD)) {
        return 0;
    }
    if (s->ext.prq->ops->drain) {
        s->ext.prq->ops->drain(s);
    }
    return VTD_INV_WAIT_PD;
}

bool vtd_prq_is_fence(uint64_t lo)
{
    return !(lo & VTD_INV_DESC_WAIT_RSVD_LO) &&
           (lo & (VTD_INV_DESC_WAIT_FN | VTD_INV_DESC_WAIT_SW |
                  VTD_INV_DESC_WAIT_IF)) == VTD_INV_DESC_WAIT_FN;
}
