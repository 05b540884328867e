/*
 * The state of a vIOMMU that another version of this QEMU has saved
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The streams are in streams/, as VERSION-NAME.xz.  With VTD_TEST_STREAM_SAVE=VERSION a
 * row saves one to the current directory, and with VTD_TEST_STREAM_DIR it loads those
 * of another; docs/development.rst says what for.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "walk-world.h"
#include "rows.h"

/* Those that streams/ has */
static const char *const versions[] = { "0.2" };

/* The oldest that all bases have */
#define MACHINE "pc-q35-10.0"
#define PRESENT 0x1
#define FAULT_S1_NOT_PRESENT 0x71

typedef struct StreamRow {
    const char *name;
    WorldSetup setup;
} StreamRow;

static const StreamRow rows[] = {
    { "walk", { .machine = MACHINE } },
    { "walk-first-stage", { .machine = MACHINE, .pgtt = 1 } },
    { "nested", { .machine = MACHINE, .props = "nested=on", .pgtt = 1 } },
    { "nested-pasid", { .machine = MACHINE, .pgtt = 1,
                        .props = "nested=on,pasid=on,pri=on,device-iotlb=on" } },
};

static void save(const StreamRow *row, const char *version)
{
    g_autofree char *file = g_strdup_printf("%s-%s", version, row->name);
    World w;

    world_start(&w, &row->setup);
    qvtd_set_root(&w.vtd, w.vtd.root, VTD_RTADDR_SMT);
    world_translate(&w);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    qvtd_invalidate_all(&w.vtd);
    world_save(&w, file);
    world_stop(&w);
}

static char *stream_uri(const char *version, const StreamRow *row)
{
    const char *other = getenv("VTD_TEST_STREAM_DIR");
    g_autofree char *dir = other ? g_strdup(other)
                                 : g_test_build_filename(G_TEST_DIST, "vtd",
                                                         "walk", "streams",
                                                         NULL);
    g_autofree char *file = g_strdup_printf("%s/%s-%s.xz", dir, version,
                                            row->name);

    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    return g_strdup_printf("exec:xz -dc '%s'", file);
}

/* It translates as before, and its queue goes on. */
static void load(const char *version, const StreamRow *row)
{
    g_autofree char *uri = stream_uri(version, row);
    QVTDFault fault;
    World w;

    world_load(&w, &row->setup, uri);
    world_load_pattern_translated(&w);
    g_assert_cmphex(qvtd_readl(&w.vtd, DMAR_GSTS_REG) &
                    (VTD_GSTS_TES | VTD_GSTS_QIES), ==,
                    VTD_GSTS_TES | VTD_GSTS_QIES);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);

    world_edit(&w, S1_LEAF, PRESENT, 0);
    qvtd_invalidate_all(&w.vtd);
    g_assert_cmpint(world_write(&w, w.iova), ==, NO_PAGE);
    g_assert_true(qvtd_take_fault(&w.vtd, &fault));
    g_assert_cmphex(fault.reason, ==, FAULT_S1_NOT_PRESENT);
    g_assert_cmphex(fault.addr, ==, w.iova);

    world_edit(&w, S1_LEAF, 0, PRESENT);
    qvtd_invalidate_all(&w.vtd);
    g_assert_cmpint(world_write(&w, w.iova), ==, DATA_PAGE);
    world_stop(&w);
}

typedef struct StreamCase {
    const char *version;
    const StreamRow *row;
} StreamCase;

static void test_stream(const void *data)
{
    const char *version = getenv("VTD_TEST_STREAM_SAVE");
    const StreamCase *c = data;

    if (version) {
        save(c->row, version);
    } else {
        load(c->version, c->row);
    }
}

void add_tests(void)
{
    static StreamCase cases[ARRAY_SIZE(versions)][ARRAY_SIZE(rows)];

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        g_autofree char *prefix = g_strdup_printf("/vtd-stream/%s",
                                                  versions[i]);

        for (size_t j = 0; j < ARRAY_SIZE(rows); j++) {
            cases[i][j] = (StreamCase) { versions[i], &rows[j] };
            qtest_add_row(prefix, rows[j].name, &cases[i][j], test_stream);
        }
    }
}
