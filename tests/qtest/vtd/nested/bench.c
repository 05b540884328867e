/*
 * intel-iommu,nested=on: what an invalidation costs QEMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not a test: scripts/bench-inv runs it, with QEMU under callgrind, which is told
 * to write what it counted at each x-query-intel-iommu-nested, and to begin anew.
 * For each number in BENCH_DESCRIPTORS there is a row: so many descriptors of the
 * page-selective kind, no two of one range, by one write of the tail register;
 * BENCH_ROUNDS times.  All devices of VTD_TEST_BDFS share a table, and so do
 * BENCH_PASIDS PASIDs of the last one, each with a domain-id of its own; with
 * PASIDs the descriptors name one of them.  BENCH_READY is a command that runs
 * when all is attached: instrumentation before that would only take time.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "libqos/number-from.h"
#include "nested-world.h"

#define FIRST_PASID     64
#define FIRST_DID       64

/* One function of each slot, from slot 2 on, or eight of each. */
static unsigned devfn_of(unsigned n, unsigned devices)
{
    return devices <= 16 ? QPCI_DEVFN(2 + n, 0) : QPCI_DEVFN(2 + n / 8, n % 8);
}

static char *device_options(char **bdfs, unsigned devices)
{
    GString *options = g_string_new(NULL);

    for (unsigned n = 0; n < devices; n++) {
        unsigned devfn = devfn_of(n, devices);

        g_string_append_printf(options, " -device vfio-pci,host=%s,"
                               "iommufd=iommufd0,addr=%x.%x,multifunction=%s",
                               bdfs[n], devfn >> 3, devfn & 7,
                               devices > 16 ? "on" : "off");
    }
    return g_string_free(options, false);
}

static void say_ready(void)
{
    const char *command = getenv("BENCH_READY");

    if (command) {
        g_assert_cmpint(system(command), ==, 0);
    }
}

static void build(NestedTest *t, unsigned devices, unsigned pasids)
{
    QVTD *v = t->vtd;
    QVTDPasid entry = { .pgtt = PGTT_STAGE1, .did = DID };
    QVTDTable table;
    uint64_t context = 0;

    qvtd_set_root(v, v->root, ROOT_SCALABLE);
    qvtd_size_queue(v, 4);
    qvtd_enable_queue(v);
    qvtd_table_init(v, &table, 4, 0, QVTD_S1_LINK);
    qvtd_map(v, &table, IOVA_SRC, PAGE_A, 12, QVTD_S1_PAGE);
    entry.stage1 = table.root;
    for (unsigned n = 0; n < devices; n++) {
        context = qvtd_context(v, devfn_of(n, devices), 6, 0,
                               pasids ? QVTD_CONTEXT_PASIDE : 0);
        qvtd_write_pasid(v, qvtd_pasid_slot(v, context, 0), &entry);
    }
    for (unsigned n = 0; n < pasids; n++) {
        entry.did = FIRST_DID + n;
        qvtd_write_pasid(v, qvtd_pasid_slot(v, context, FIRST_PASID + n),
                         &entry);
    }
    qvtd_enable_translation(v, true);
}

/* For PASIDs, the first of them; else for all devices. */
static void round_of(NestedTest *t, unsigned descriptors, unsigned pasids)
{
    uint64_t lo = pasids ? QVTD_INV_PIOTLB_PAGE(FIRST_DID, FIRST_PASID)
                         : QVTD_INV_PIOTLB_PAGE(DID, 0);

    for (unsigned n = 0; n < descriptors; n++) {
        const uint64_t desc[4] = { lo, IOVA_SRC + 2 * PAGE * (uint64_t)n };

        qvtd_queue_put(t->vtd, desc);
    }
    g_assert_true(qvtd_queue_wait(t->vtd, 0));
}

/* Which of callgrind's dumps has the row comes first. */
static void run_row(NestedTest *t, unsigned descriptors, unsigned rounds,
                    unsigned pasids)
{
    static unsigned dump;
    int64_t entries = nested_counter(t, "invalidation-entries");
    int64_t calls = nested_calls(t, "iommu-hwpt-invalidate");

    for (unsigned n = 0; n < rounds; n++) {
        round_of(t, descriptors, pasids);
    }
    dump += 2;
    entries = nested_counter(t, "invalidation-entries") - entries;
    calls = nested_calls(t, "iommu-hwpt-invalidate") - calls;
    printf("row %u %u %u %" PRId64 " %" PRId64 "\n", dump, descriptors, rounds,
           calls, entries);
    fflush(stdout);
}

int main(void)
{
    unsigned rounds = number_from("BENCH_ROUNDS", 0);
    unsigned pasids = number_from("BENCH_PASIDS", 0);
    g_auto(GStrv) rows = g_strsplit(getenv("BENCH_DESCRIPTORS"), ",", 0);
    g_auto(GStrv) bdfs = g_strsplit(getenv("VTD_TEST_BDFS"), " ", 0);
    unsigned devices = g_strv_length(bdfs);
    g_autofree char *options = device_options(bdfs, devices);
    NestedTest t;

    g_setenv("VTD_TEST_BDF", bdfs[0], true);
    nested_start_props(&t, getenv("BENCH_PROPS"), options);
    build(&t, devices, pasids);
    /* Each device was on the nest parent before. */
    g_assert_cmpint(nested_calls(&t, "vfio-device-attach-iommufd-pt"), ==,
                    2 * devices + pasids);
    say_ready();
    for (char **row = rows; *row; row++) {
        run_row(&t, strtoul(*row, NULL, 10), rounds, pasids);
    }
    nested_teardown(&t);
    return 0;
}
