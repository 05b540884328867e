/*
 * intel-iommu,nested=on: RAM that is mapped by the file that it is in
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.  Where the host's kernel has
 * IOMMU_IOAS_MAP_FILE, shared memory of tmpfs and hugetlbfs is mapped by its file;
 * all else by its address, as on older kernels.
 */

#include "qemu/osdep.h"
#include <sys/mount.h>
#include "nested-flow.h"

#define GIB             (1024 * MIB)
#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3"
#define PORT            3
#define PORT_BUS        1

#define ENOTTY_TEXT     "25"

#define BACKEND(type, more) "-m " RAM " -machine memory-backend=ram " \
    "-object memory-backend-" type ",id=ram,size=" RAM more

typedef struct FileRow {
    const char *name;
    const char *memory;
    bool by_file;               /* on a kernel that can */
    const char *inject;         /* before the device is plugged */
    bool off;                   /* x-map-file=off */
    uint64_t gpa;               /* what is reached, beside the middle of RAM */
} FileRow;

static const FileRow file_rows[] = {
    { "anonymous", BACKEND("ram", "") },
    { "memfd", BACKEND("memfd", ""), true },
    { "memfd-split", BACKEND("memfd", " -machine max-ram-below-4g=48M"), true,
      .gpa = 4 * GIB + 15 * MIB },
    { "offset", BACKEND("file", ",mem-path=/dev/shm/ram,share=on,offset=2M"),
      true },
    { "tmpfs", BACKEND("file", ",mem-path=/dev/shm,share=on"), true },
    { "private", BACKEND("file", ",mem-path=/dev/shm,share=off") },
    { "off", BACKEND("memfd", ""), .off = true },
    { "kernel-lacks", BACKEND("memfd", ""),
      .inject = "iommu-ioas-map-file " ENOTTY_TEXT " 1" },
    { "fails", BACKEND("memfd", ""), .inject = "iommu-ioas-map-file 22 2" },
};

static void set_map_file(NestedTest *t, bool on)
{
    qtest_qmp_assert_success(t->qts, "{'execute': 'qom-set', 'arguments': "
                             "{'path': '/objects/iommufd0', 'property': "
                             "'x-map-file', 'value': %i}}", on);
}

/* Return: why the device could not be plugged, or NULL */
static char *start_with_file(NestedTest *t, const FileRow *row)
{
    nested_start_machine(t, &(NestedMachine) { .memory = row->memory },
                         ROOT_PORT);
    nested_setup_bridge(t, PORT << 3, PORT_BUS, PORT_BUS);
    t->bus = PORT_BUS;
    if (row->inject) {
        nested_inject(t, row->inject);
    }
    set_map_file(t, !row->off);
    return nested_plug(t);
}

static void check_maps(NestedTest *t, const FileRow *row)
{
    /* The device's BAR is a file as well. */
    int64_t bars = nested_calls(t, "vfio-device-feature-dma-buf") -
        nested_iommufd_number(t, "x-failures-vfio-device-feature-dma-buf");
    int64_t files = nested_calls(t, "iommu-ioas-map-file") - bars;
    int64_t failed = nested_iommufd_number(t, "x-failures-iommu-ioas-map-file");

    if (row->by_file && nested_host_at_least(6, 13)) {
        g_assert_cmpint(files, >, 0);
        g_assert_cmpint(failed, ==, 0);
        /* Nothing else of RAM is left to be mapped by its address. */
        g_assert_cmpint(nested_calls(t, "iommu-ioas-map"), ==, 0);
    } else {
        g_assert_cmpint(files, ==, failed);
        g_assert_cmpint(nested_calls(t, "iommu-ioas-map"), >, 0);
    }
    if (row->inject && strstr(row->inject, " " ENOTTY_TEXT " ")) {
        g_assert_cmpint(failed, ==, 1);
    }
}

static void test_file(gconstpointer data)
{
    const FileRow *row = data;
    g_autofree char *message = NULL;
    int64_t objects;
    NestedTest t;

    message = start_with_file(&t, row);
    g_assert_cmpstr(message, ==, NULL);
    check_maps(&t, row);
    nested_build_tables(&t);
    nested_map_mark(&t);
    nested_step(&t, SET_A);
    nested_step(&t, TE_ON);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    g_assert_true(nested_reaches(&t, RAM_END / 2));
    if (row->gpa) {
        g_assert_true(nested_reaches(&t, row->gpa));
    }
    objects = nested_objects(&t);
    nested_unplug(&t);
    g_assert_cmpint(nested_objects(&t), <, objects);
    nested_teardown(&t);
}

/*
 * Of no other file system does the kernel pin pages for long.  It says so when
 * they are mapped by address, and by file only at an attachment.
 */
#define RAMFS "/tmp/nested-ramfs"

static void test_ramfs(void)
{
    static const FileRow row = {
        .memory = BACKEND("file", ",mem-path=" RAMFS ",share=on"),
    };
    g_autofree char *message = NULL;
    NestedTest t;

    g_assert_cmpint(g_mkdir_with_parents(RAMFS, 0700), ==, 0);
    g_assert_cmpint(mount("none", RAMFS, "ramfs", 0, NULL), ==, 0);
    message = start_with_file(&t, &row);
    g_assert_nonnull(message);
    g_test_message("%s", message);
    g_assert_nonnull(strstr(message, "IOMMU_IOAS_MAP failed"));
    g_assert_cmpint(nested_calls(&t, "iommu-ioas-map-file"), ==, 0);
    nested_teardown(&t);
    g_assert_cmpint(umount(RAMFS), ==, 0);
    g_assert_cmpint(rmdir(RAMFS), ==, 0);
}

/* What is pinned is the same; what it took is printed, ROUNDS times. */

#define COST_MIB    512
#define COST_RAM    stringify(COST_MIB) "M"

typedef struct Cost {
    int64_t us;
    uint64_t pinned_kib;
} Cost;

/* The memory is there before: its pages are pinned, not allocated. */
static Cost plug_cost(bool by_file, const char *more)
{
    g_autofree char *memory = g_strdup_printf(
        "-m " COST_RAM " -machine memory-backend=ram -object "
        "memory-backend-memfd,id=ram,prealloc=on,size=" COST_RAM "%s", more);
    g_autofree char *message = NULL;
    int64_t begin, ready;
    NestedTest t;
    Cost cost;

    nested_start_machine(&t, &(NestedMachine) { .memory = memory }, ROOT_PORT);
    set_map_file(&t, by_file);
    nested_setup_bridge(&t, PORT << 3, PORT_BUS, PORT_BUS);
    t.bus = PORT_BUS;
    begin = g_get_monotonic_time();
    message = nested_plug(&t);
    ready = g_get_monotonic_time();
    g_assert_cmpstr(message, ==, NULL);
    cost = (Cost) { ready - begin, qvtd_process_status(t.qts, "VmPin") };
    nested_teardown(&t);
    return cost;
}

static void test_cost(gconstpointer more)
{
    if (*(const char *)more && !vtd_host_has_hugepages(21, COST_MIB / 2)) {
        return;
    }
    for (int i = 0; i < atoi(getenv("ROUNDS") ?: "1"); i++) {
        Cost file = plug_cost(true, more), address = plug_cost(false, more);

        g_assert_cmpuint(file.pinned_kib, ==, address.pinned_kib);
        g_test_message("a device plugged with " COST_RAM " to map: by file "
                       "%" PRId64 " us, by address %" PRId64 " us, %" PRIu64
                       " KiB pinned", file.us, address.us, file.pinned_kib);
    }
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(file_rows); i++) {
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/file/%s", file_rows[i].name);

        qtest_add_data_func(path, &file_rows[i], test_file);
    }
    qtest_add_func("/intel-iommu/nested/file/ramfs", test_ramfs);
    qtest_add_data_func("/intel-iommu/nested/file/cost/4k", "", test_cost);
    qtest_add_data_func("/intel-iommu/nested/file/cost/2m",
                        ",hugetlb=on,hugetlbsize=2M", test_cost);
    return nested_test_run();
}
