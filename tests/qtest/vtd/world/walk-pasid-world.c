/*
 * A machine with pasid-testdev, and address spaces for its PASIDs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each space maps one address, the same in all, to two pages of its own.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/pci-pc.h"
#include "walk-pasid-world.h"

#define POOL_START      0x01000000ULL
#define POOL_END        0x04000000ULL
#define DATA(n)         (0x09123000ULL + (n) * 0x10000)
#define S2_SHIFT        0x40000000ULL       /* data: GPA - address in RAM */
#define S1_TABLE_SHIFT  0x80000000ULL       /* tables: the same */

static void map_page(QVTD *v, PasidSpace *sp, uint64_t iova, uint64_t data,
                     uint64_t *leaf)
{
    switch (sp->pgtt) {
    case 1:
        *leaf = qvtd_map(v, &sp->s1, iova, data, 12, QVTD_S1_PAGE);
        break;
    case 2:
        *leaf = qvtd_map(v, &sp->s2, iova, data, 12, QVTD_S2_PAGE);
        break;
    case 3:
        qvtd_map(v, &sp->s1, iova, data + S2_SHIFT, 12, QVTD_S1_PAGE);
        qvtd_map_tables(v, &sp->s2, &sp->s1, iova, 1);
        *leaf = qvtd_map(v, &sp->s2, data + S2_SHIFT, data, 12, QVTD_S2_PAGE);
        break;
    }
}

static void space_init(PasidWorld *w, unsigned n, uint32_t pasid, unsigned pgtt)
{
    PasidSpace *sp = &w->space[n];
    uint64_t shift = pgtt == 3 ? S1_TABLE_SHIFT : 0, second;

    *sp = (PasidSpace) {
        .pasid = pasid,
        .pgtt = pgtt,
        .did = PASIDS_DID(n),
        .data = pgtt == 4 ? PASIDS_IOVA : DATA(n),
    };
    qvtd_table_init(&w->vtd, &sp->s1, 4, shift, QVTD_S1_LINK);
    qvtd_table_init(&w->vtd, &sp->s2, 4, 0, QVTD_S2_LINK);
    map_page(&w->vtd, sp, PASIDS_IOVA, sp->data, &sp->leaf);
    map_page(&w->vtd, sp, PASIDS_IOVA + 4096, sp->data + 4096, &second);
}

static void space_publish(PasidWorld *w, PasidSpace *sp)
{
    const QVTDPasid entry = {
        .pgtt = sp->pgtt,
        .did = sp->did,
        .stage1 = sp->s1.root + sp->s1.shift,
        .stage2 = sp->s2.root,
        .aw = 2,
    };

    sp->slot = qvtd_pasid_slot(&w->vtd, w->context, sp->pasid);
    qvtd_write_pasid(&w->vtd, sp->slot, &entry);
}

void pasids_pattern(unsigned n, uint8_t buf[PASIDS_BYTES])
{
    unsigned i;

    for (i = 0; i < PASIDS_BYTES; i++) {
        buf[i] = i / 16 + 0x40 * (n + 1);
    }
}

static void boot(PasidWorld *w, const PasidSetup *setup)
{
    g_autofree char *unit = qvtd_unit_props(setup->props ?: "ecap-nest=on");
    uint8_t pattern[PASIDS_BYTES];
    unsigned n;

    w->qts = qtest_initf("-M q35 -m 256M -nodefaults -vga none "
                         "-device intel-iommu,%s "
                         "-device pasid-testdev,addr=5%s%s",
                         unit,
                         setup->device ? "," : "", setup->device ?: "");
    w->bus = qpci_new_pc(w->qts, NULL);
    qvtd_init(&w->vtd, w->qts, POOL_START, POOL_END);
    qtestdev_init(&w->dev, w->qts, qpci_device_find(w->bus,
                                                    QPCI_DEVFN(5, 0)));
    qtestdev_enable(&w->dev, setup->enable ?: QTESTDEV_PASID);
    for (n = 0; n < PASIDS_SPACES; n++) {
        pasids_pattern(n, pattern);
        qtestdev_memwrite(&w->dev, n * 0x4000, pattern, PASIDS_BYTES);
    }
}

void pasids_start(PasidWorld *w, const PasidSetup *setup)
{
    static const uint32_t pasid[] = { PASIDS_A, PASIDS_B, PASIDS_RID };
    unsigned n;

    *w = (PasidWorld) {};
    boot(w, setup);
    w->context = qvtd_context(&w->vtd, PASIDS_SID, 7, PASIDS_RID,
                              setup->context ?: PASIDE);
    for (n = 0; n < PASIDS_SPACES; n++) {
        space_init(w, n, pasid[n], setup->pgtt[n] ?: 1);
        space_publish(w, &w->space[n]);
    }
    qvtd_set_root(&w->vtd, w->vtd.root, VTD_RTADDR_SMT);
    qvtd_enable_queue(&w->vtd);
    if (!setup->off) {
        qvtd_enable_translation(&w->vtd, true);
    }
}

void pasids_stop(PasidWorld *w)
{
    g_free(w->dev.dev);
    qpci_free_pc(w->bus);
    qvtd_quit(w->qts);
}

QTestdevCommand pasids_command(PasidWorld *w, unsigned n, uint32_t op)
{
    return (QTestdevCommand) {
        .channel = n,
        .op = op | (w->space[n].pasid == PASIDS_RID ? 0
                                                    : PASID_TESTDEV_WITH_PASID),
        .pasid = w->space[n].pasid,
        .iova = PASIDS_IOVA,
        .length = PASIDS_BYTES,
        .buffer = n * 0x4000,
    };
}

void pasids_write_16(PasidWorld *w, unsigned n, uint32_t op)
{
    QTestdevCommand c = pasids_command(w, n, op);

    qtest_memset(w->qts, w->space[n].data, 0, PASIDS_BYTES);
    c.length = 16;
    g_assert_cmpuint(qtestdev_run(&w->dev, &c), ==, PASID_TESTDEV_OK);
}

bool pasids_arrived_16(PasidWorld *w, unsigned n)
{
    uint8_t pattern[PASIDS_BYTES], got[16];

    pasids_pattern(n, pattern);
    qtest_bufread(w->qts, w->space[n].data, got, sizeof(got));
    return !memcmp(got, pattern, sizeof(got));
}

bool pasids_holds(PasidWorld *w, uint64_t addr, unsigned n)
{
    uint8_t wanted[PASIDS_BYTES], got[PASIDS_BYTES];

    pasids_pattern(n, wanted);
    qtest_bufread(w->qts, addr, got, PASIDS_BYTES);
    return !memcmp(wanted, got, PASIDS_BYTES);
}
