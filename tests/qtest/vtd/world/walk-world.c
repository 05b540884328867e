/*
 * A machine with both stages set up around one page of data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * No address is the same before and after a stage, so that a stage left out
 * shows.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/pci-pc.h"
#include "libqos/vtd-migrate.h"
#include "walk-world.h"

#define POOL_START      0x01000000ULL
#define POOL_END        0x04000000ULL
#define SCRATCH         0x05000000ULL
#define DATA_PAGE_ADDR  0x09123000ULL       /* not the first of a 2M page */
#define OTHER_PAGE_ADDR 0x0b123000ULL
#define NOTE            0x0c000000ULL       /* world_save(): a WorldNote */
#define LATER_START     0x0d000000ULL       /* tables of one that was loaded */
#define LATER_END       0x0e000000ULL
#define LOAD_POLLS      3000
/* All are multiples of 1 GiB: the place in a page of any size stays. */
#define S2_SHIFT        0x40000000ULL       /* data: GPA - address in RAM */
#define S1_TABLE_SHIFT  0x80000000ULL       /* tables: the same */

#define PATTERN_BYTES   16
static const char pattern[PATTERN_BYTES] = "both stages, yes";
static const char content[PATTERN_BYTES] = "what RAM held...";

/*
 * What a saved world tells the one that it becomes; in the stream, so little
 * endian and never changed.
 */
typedef struct WorldNote {
    uint64_t magic;
    uint64_t iova, gpa, data, other;
    uint64_t s1_leaf;       /* the slot */
    uint64_t rtaddr;        /* the register */
} WorldNote;
#define NOTE_MAGIC      0x65746f6e20647476ULL

static void world_map_nested(World *w, const WorldSetup *setup)
{
    unsigned s1_leaf = (setup->s1_lg2 - 12) / 9 + 1;
    QVTD *v = &w->vtd;

    w->slot[S1_LEAF] = qvtd_map(v, &w->s1, w->iova, w->gpa, setup->s1_lg2,
                                QVTD_S1_PAGE);
    if (w->pgtt != 3) {
        return;
    }
    qvtd_map_tables(v, &w->s2, &w->s1, w->iova, s1_leaf);
    w->slot[S2_OF_S1_TOP] =
        qvtd_table_slot(v, &w->s2, w->s1.root + w->s1.shift, 1);
    w->slot[S2_OF_S1_LEAF] =
        qvtd_table_slot(v, &w->s2, w->slot[S1_LEAF] + w->s1.shift, 1);
    w->slot[S2_LEAF] = qvtd_map(v, &w->s2, w->gpa, w->data, setup->s2_lg2,
                                QVTD_S2_PAGE);
}

static void world_map(World *w, const WorldSetup *setup)
{
    QVTD *v = &w->vtd;
    bool nested = w->pgtt == 3;

    w->data = DATA_PAGE_ADDR;
    w->other = OTHER_PAGE_ADDR;
    w->gpa = w->data + (nested ? S2_SHIFT : 0);
    w->iova = w->pgtt == 4 ? w->data
                           : w->gpa + WORLD_IOVA_SHIFT + setup->iova_base;

    qvtd_table_init(v, &w->s1, setup->s1_levels, nested ? S1_TABLE_SHIFT : 0,
                    QVTD_S1_LINK);
    qvtd_table_init(v, &w->s2, setup->s2_levels, 0, QVTD_S2_LINK);
    if (w->pgtt == 2) {
        w->gpa = w->iova;
        w->slot[S2_LEAF] = qvtd_map(v, &w->s2, w->iova, w->data,
                                    setup->s2_lg2, QVTD_S2_PAGE);
    } else {
        world_map_nested(w, setup);
    }
    w->slot[S1_TOP] = qvtd_table_slot(v, &w->s1, w->iova, w->s1.levels);
    w->slot[S1_MIDDLE] = qvtd_table_slot(v, &w->s1, w->iova, 3);
    w->slot[S2_TOP] = qvtd_table_slot(v, &w->s2, w->gpa, w->s2.levels);
}

static void world_bind(World *w, const WorldSetup *setup)
{
    QVTD *v = &w->vtd;
    uint32_t pasid = setup->rid_pasid & 0xfffff;
    const QVTDPasid entry = {
        .pgtt = w->pgtt,
        .did = WORLD_DID,
        .stage1 = w->s1.root + w->s1.shift,
        .stage2 = w->s2.root,
        .fspm = w->s1.levels - 4,
        .aw = w->s2.levels - 2,
        .flags = { setup->pe_flags[0], setup->pe_flags[1],
                   setup->pe_flags[2] },
    };

    w->slot[ROOT] = QVTD_ROOT_SLOT(v, WORLD_SID);
    w->slot[CONTEXT0] = qvtd_context(v, WORLD_SID, setup->pdts_small ? 0 : 7,
                                     setup->rid_pasid, 0);
    w->slot[CONTEXT1] = w->slot[CONTEXT0] + 8;
    w->slot[CONTEXT2] = w->slot[CONTEXT0] + 16;
    w->slot[PASID_DIR] = qvtd_dir_slot(v, w->slot[CONTEXT0], pasid);
    w->slot[PASID0] = qvtd_pasid_slot(v, w->slot[CONTEXT0], pasid);
    w->slot[PASID1] = w->slot[PASID0] + 8;
    w->slot[PASID2] = w->slot[PASID0] + 16;
    w->slot[PASID3] = w->slot[PASID0] + 24;
    qvtd_write_pasid(v, w->slot[PASID0], &entry);
}

char *world_rom_file(void)
{
    const uint64_t entry = cpu_to_le64(DATA_PAGE_ADDR | QVTD_S1_PAGE);
    uint64_t rom[128 * 1024 / sizeof(uint64_t)];
    char *name = NULL;
    int fd = g_file_open_tmp("vtd-rom-XXXXXX", &name, NULL), i;

    g_assert_cmpint(fd, >=, 0);
    for (i = 0; i < ARRAY_SIZE(rom); i++) {
        rom[i] = entry;
    }
    g_assert_cmpint(write(fd, rom, sizeof(rom)), ==, sizeof(rom));
    close(fd);
    return name;
}

static void world_load_pattern(World *w)
{
    qtest_memwrite(w->qts, SCRATCH, pattern, PATTERN_BYTES);
    qvtd_edu_read(&w->edu, SCRATCH, PATTERN_BYTES);
}

static void world_boot(World *w, const WorldSetup *setup, const char *more)
{
    g_autofree char *rom = world_rom_file();
    g_autofree char *unit = qvtd_unit_props(setup->props);

    w->qts = qtest_initf("-M %s -m 256M -nodefaults -vga none "
                         "-bios %s -device intel-iommu,%s "
                         "-device edu,addr=4,dma_mask=0xffffffffffffffff %s",
                         setup->machine, rom, unit, more);
    unlink(rom);
    w->bus = qpci_new_pc(w->qts, NULL);
}

static void world_find_edu(World *w)
{
    qvtd_edu_init(&w->edu, &w->vtd,
                  qpci_device_find(w->bus, QPCI_DEVFN(4, 0)));
}

static WorldSetup with_defaults(const WorldSetup *given)
{
    WorldSetup setup = *given;

    setup.machine = setup.machine ?: "q35";
    setup.props = setup.props ?: "ecap-nest=on";
    setup.pgtt = setup.pgtt ?: 3;
    setup.s1_lg2 = setup.s1_lg2 ?: 12;
    setup.s2_lg2 = setup.s2_lg2 ?: 12;
    setup.s1_levels = setup.s1_levels ?: 4;
    setup.s2_levels = setup.s2_levels ?: 4;
    setup.rid_pasid = setup.rid_pasid ?: WORLD_PASID;
    return setup;
}

void world_start(World *w, const WorldSetup *given)
{
    WorldSetup setup = with_defaults(given);

    *w = (World) { .pgtt = setup.pgtt };
    world_boot(w, &setup, "");
    qvtd_init(&w->vtd, w->qts, POOL_START, POOL_END);
    world_find_edu(w);
    world_load_pattern(w);
    world_map(w, &setup);
    world_bind(w, &setup);
}

void world_rebuild(World *w, const WorldSetup *given)
{
    WorldSetup setup = with_defaults(given);

    qvtd_init(&w->vtd, w->qts, POOL_START, POOL_END);
    world_load_pattern(w);
    world_map(w, &setup);
    world_bind(w, &setup);
}

void world_save(World *w, const char *file)
{
    const WorldNote note = {
        .magic = cpu_to_le64(NOTE_MAGIC),
        .iova = cpu_to_le64(w->iova),
        .gpa = cpu_to_le64(w->gpa),
        .data = cpu_to_le64(w->data),
        .other = cpu_to_le64(w->other),
        .s1_leaf = cpu_to_le64(w->slot[S1_LEAF]),
        .rtaddr = cpu_to_le64(qvtd_readq(&w->vtd, DMAR_RTADDR_REG)),
    };

    qtest_memwrite(w->qts, NOTE, &note, sizeof(note));
    qvtd_save(w->qts, file);
}

static void world_read_note(World *w)
{
    WorldNote note;

    qtest_memread(w->qts, NOTE, &note, sizeof(note));
    g_assert_cmphex(le64_to_cpu(note.magic), ==, NOTE_MAGIC);
    w->iova = le64_to_cpu(note.iova);
    w->gpa = le64_to_cpu(note.gpa);
    w->data = le64_to_cpu(note.data);
    w->other = le64_to_cpu(note.other);
    w->slot[S1_LEAF] = le64_to_cpu(note.s1_leaf);
    g_assert_cmphex(qvtd_readq(&w->vtd, DMAR_RTADDR_REG), ==,
                    le64_to_cpu(note.rtaddr));
}

void world_load(World *w, const WorldSetup *given, const char *uri)
{
    WorldSetup setup = with_defaults(given);

    *w = (World) { .pgtt = setup.pgtt };
    world_boot(w, &setup, "-incoming defer");
    qvtd_load_uri(w->qts, uri, "completed");
    qvtd_await_running(w->qts, LOAD_POLLS);
    qvtd_resume(&w->vtd, w->qts, LATER_START, LATER_END);
    world_read_note(w);
    world_find_edu(w);
}

void world_load_pattern_translated(World *w)
{
    qtest_memwrite(w->qts, w->data, pattern, PATTERN_BYTES);
    qvtd_edu_read(&w->edu, w->iova, PATTERN_BYTES);
}

void world_edit(World *w, Where where, uint64_t clear, uint64_t set)
{
    if (where == NOWHERE || where == RTADDR) {
        return;
    }
    g_assert_cmphex(w->slot[where], !=, 0);
    qvtd_edit(&w->vtd, w->slot[where], clear, set);
}

uint64_t world_entry(World *w, Where where)
{
    g_assert_cmphex(w->slot[where], !=, 0);
    return qtest_readq(w->qts, w->slot[where]);
}

void world_translate(World *w)
{
    qvtd_enable_queue(&w->vtd);
    if (qvtd_is_strict()) {
        /* A new root pointer alone takes nothing out. */
        qvtd_invalidate_all(&w->vtd);
    }
    qvtd_enable_translation(&w->vtd, true);
}

void world_stop(World *w)
{
    g_free(w->edu.dev);
    qpci_free_pc(w->bus);
    qvtd_quit(w->qts);
}

static bool page_holds(World *w, uint64_t addr, const char *what)
{
    char got[PATTERN_BYTES];

    qtest_memread(w->qts, addr, got, sizeof(got));
    return !memcmp(got, what, sizeof(got));
}

Landed world_write(World *w, uint64_t iova)
{
    bool data, other;

    qtest_memset(w->qts, w->data, 0, PATTERN_BYTES);
    qtest_memset(w->qts, w->other, 0, PATTERN_BYTES);
    qvtd_edu_write(&w->edu, iova, PATTERN_BYTES);
    data = page_holds(w, w->data, pattern);
    other = page_holds(w, w->other, pattern);
    g_assert_false(data && other);
    return data ? DATA_PAGE : other ? OTHER_PAGE : NO_PAGE;
}

bool world_read(World *w)
{
    qtest_memwrite(w->qts, w->data, content, PATTERN_BYTES);
    qvtd_edu_read(&w->edu, w->iova, PATTERN_BYTES);
    /* Only without translation can the buffer be seen, past any table. */
    qvtd_enable_translation(&w->vtd, false);
    qvtd_edu_write(&w->edu, SCRATCH, PATTERN_BYTES);
    return page_holds(w, SCRATCH, content);
}
