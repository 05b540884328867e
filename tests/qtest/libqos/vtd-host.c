/*
 * What the host's VT-d hardware was told, as the kernel's debugfs shows it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "vtd-host.h"

#define INTEL   "/sys/kernel/debug/iommu/intel"
#define TABLES  INTEL "/dmar_translation_struct"

const char *vtd_host_device(void)
{
    return getenv("VTD_TEST_BDF");
}

VTDHostEntry vtd_host_pasid_entry(const char *bdf, uint32_t pasid)
{
    const char *short_bdf = strchr(bdf, ':') + 1;
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) err = NULL;
    VTDHostEntry entry = {};

    g_file_get_contents(TABLES, &text, NULL, &err);
    g_assert_no_error(err);
    lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        uint64_t hi, mid, lo;
        int of;

        /* B.D.F, root entry, context entry, PASID, words 2, 1 and 0 */
        if (!g_str_has_prefix(*line, short_bdf) ||
            sscanf(*line + strlen(short_bdf), " %*[0-9a-fx:] %*[0-9a-fx:] %d "
                   "%" SCNx64 ":%" SCNx64 ":%" SCNx64,
                   &of, &hi, &mid, &lo) != 4 || of != (int)pasid) {
            continue;
        }
        entry.present = lo & 1;
        entry.pgtt = extract64(lo, 6, 3);
        entry.s2_levels = extract64(lo, 2, 3) + 2;
        entry.domain_id = extract64(mid, 0, 16);
        entry.stage1 = hi & ~0xfffULL;
        entry.flags = hi & 0xfff;
        entry.pwsnp = extract64(mid, 23, 1);
        entry.stage2 = lo & ~0xfffULL;
    }
    return entry;
}

unsigned vtd_host_page_lg2(const char *bdf, uint64_t addr)
{
    g_autofree char *path = g_strdup_printf(INTEL "/%s/"
                                            "domain_translation_struct", bdf);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) err = NULL;

    g_file_get_contents(path, &text, NULL, &err);
    g_assert_no_error(err);
    lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        uint64_t frame, entry;
        unsigned lg2;
        int levels;

        /* Page frame, entries of levels 5, 4, 3; then of 2 and 1, if any */
        levels = sscanf(*line, "0x%" SCNx64 " | 0x%" SCNx64 " 0x%" SCNx64
                        " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64, &frame,
                        &entry, &entry, &entry, &entry, &entry) - 1;
        if (levels < 3) {
            continue;
        }
        lg2 = 12 + 9 * (5 - levels);
        if (frame << 12 >> lg2 == addr >> lg2) {
            return lg2;
        }
    }
    return 0;
}

VTDHostEntry vtd_host_entry(const char *bdf)
{
    return vtd_host_pasid_entry(bdf, 0);
}

static int64_t vmstat(const char *text, const char *name)
{
    g_autofree char *key = g_strdup_printf("\n%s ", name);
    const char *line = strstr(text, key);

    if (!line) {
        g_test_message("no %s in /proc/vmstat", name);
    }
    g_assert_nonnull(line);
    return line ? g_ascii_strtoll(line + strlen(key), NULL, 10) : 0;
}

static char *contents(const char *file)
{
    g_autoptr(GError) err = NULL;
    char *text = NULL;

    g_file_get_contents(file, &text, NULL, &err);
    g_assert_no_error(err);
    return text;
}

static int64_t domains_used(void)
{
    g_autoptr(GDir) dir = g_dir_open("/sys/class/iommu", 0, NULL);
    const char *unit;
    int64_t used = 0;

    g_assert_nonnull(dir);
    while ((unit = g_dir_read_name(dir))) {
        g_autofree char *file = g_strdup_printf(
            "/sys/class/iommu/%s/intel-iommu/domains_used", unit);

        if (g_file_test(file, G_FILE_TEST_EXISTS)) {
            g_autofree char *text = contents(file);

            used += g_ascii_strtoll(text, NULL, 10);
        }
    }
    return used;
}

static int64_t heap_objects(void)
{
    g_autofree char *text = contents("/proc/slabinfo");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int64_t objects = 0;

    for (char **line = lines; *line; line++) {
        int64_t active;

        if (g_str_has_prefix(*line, "kmalloc-") &&
            sscanf(*line, "%*s %" SCNd64, &active) == 1) {
            objects += active;
        }
    }
    return objects;
}

VTDHostObjects vtd_host_objects(void)
{
    g_autofree char *refresh = NULL;
    g_autofree char *text = NULL;

    /* Reading it adds up what each processor has counted for itself. */
    g_file_get_contents("/proc/sys/vm/stat_refresh", &refresh, NULL, NULL);
    text = contents("/proc/vmstat");
    return (VTDHostObjects) {
        .domains = domains_used(),
        .table_pages = vmstat(text, "nr_iommu_pages"),
        .pinned_pages = vmstat(text, "nr_foll_pin_acquired") -
                        vmstat(text, "nr_foll_pin_released"),
        .heap = heap_objects(),
    };
}

void vtd_host_check_objects(const VTDHostObjects *then,
                            const VTDHostObjects *now)
{
    g_test_message("domain IDs %" PRId64 ", was %" PRId64 "; pages of tables %"
                   PRId64 ", was %" PRId64 "; pinned pages %" PRId64 ", was %"
                   PRId64 "; kmalloc()ed %" PRId64 ", was %" PRId64,
                   now->domains, then->domains, now->table_pages,
                   then->table_pages, now->pinned_pages, then->pinned_pages,
                   now->heap, then->heap);
    g_assert_cmpint(now->domains, ==, then->domains);
    g_assert_cmpint(now->table_pages, ==, then->table_pages);
    g_assert_cmpint(now->pinned_pages, ==, then->pinned_pages);
}

#define UNIT            "/sys/class/iommu/dmar0/intel-iommu"

bool vtd_host_has_unit(void)
{
    return !access(UNIT, F_OK);
}

uint64_t vtd_host_register(const char *name)
{
    g_autofree char *path = g_strdup_printf(UNIT "/%s", name);
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;

    g_file_get_contents(path, &text, NULL, &err);
    g_assert_no_error(err);
    return g_ascii_strtoull(text, NULL, 16);
}

int vtd_host_open_device(const char *bdf)
{
    g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s/vfio-dev",
                                            bdf);
    g_autofree char *node = NULL;
    GDir *dir = g_dir_open(path, 0, NULL);
    int fd;

    g_assert_nonnull(dir);
    node = g_strdup_printf("/dev/vfio/devices/%s", g_dir_read_name(dir));
    g_dir_close(dir);
    fd = open(node, O_RDWR);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

bool vtd_host_has_hugepages(unsigned page_lg2, unsigned nr)
{
    g_autofree char *path = g_strdup_printf(
        "/sys/kernel/mm/hugepages/hugepages-%llukB/free_hugepages",
        (1ULL << page_lg2) / 1024);
    g_autofree char *text = NULL;
    g_autofree char *why = NULL;
    unsigned have;

    g_file_get_contents(path, &text, NULL, NULL);
    have = text ? atoi(text) : 0;
    if (have >= nr) {
        return true;
    }
    why = g_strdup_printf("the host has %u free huge pages of 2^%u bytes, "
                          "requires %u", have, page_lg2, nr);
    g_test_skip(why);
    return false;
}
