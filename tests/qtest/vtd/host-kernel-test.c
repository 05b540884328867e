/*
 * Which class a host's kernel is of
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The symbols are lines of /proc/kallsyms as kernels have them: of a driver
 * with and without its data, of distributions that took changes over, and with
 * the suffixes that compilers append.
 */

#include "qemu/osdep.h"
#include "hw/i386/vtd_host_kernel.h"

#define DRIVER      "0000000000000000 T qi_submit_sync\n"
#define DATA        "0000000000000000 d intel_nested_domain_ops\n"
#define OLD_FLUSH   "0000000000000000 T qi_flush_piotlb\n"
#define NEW_FLUSH   "0000000000000000 T qi_flush_piotlb_all\n"
#define SPLIT       "0000000000000000 R intel_fs_paging_domain_ops\n"

typedef struct KernelRow {
    const char *name;
    const char *release;
    const char *symbols;
    VTDHostFlush flush;
} KernelRow;

static const KernelRow rows[] = {
    { "6.12", "6.12.118", DRIVER DATA OLD_FLUSH, VTD_HOST_FLUSH_RANGE },
    { "6.17", "6.17.0-amd64", DRIVER DATA OLD_FLUSH SPLIT,
      VTD_HOST_FLUSH_COARSE },
    { "7.1", "7.1.0", DRIVER DATA NEW_FLUSH SPLIT, VTD_HOST_FLUSH_ALL },
    { "7.3", "7.3.4+deb13-amd64", DRIVER DATA NEW_FLUSH SPLIT,
      VTD_HOST_FLUSH_ALL },
    /* A distribution's 6.12, with what later ones have */
    { "backport/split", "6.12.0-124.el10", DRIVER DATA OLD_FLUSH SPLIT,
      VTD_HOST_FLUSH_COARSE },
    { "backport/all", "6.12.0-200.el10", DRIVER DATA NEW_FLUSH SPLIT,
      VTD_HOST_FLUSH_ALL },
    { "suffix/all", "6.12.0", DRIVER
      "0000000000000000 T qi_flush_piotlb_all.llvm.123\n",
      VTD_HOST_FLUSH_ALL },
    { "suffix/data", "6.12.0", DRIVER
      "0000000000000000 d intel_nested_domain_ops.llvm.5\n",
      VTD_HOST_FLUSH_RANGE },
    { "suffix/module", "6.17.0", "0000000000000000 t qi_submit_sync\t[iommu]\n"
      DATA SPLIT, VTD_HOST_FLUSH_COARSE },
    /* A name that only begins like it */
    { "prefix", "6.12.0", DRIVER DATA
      "0000000000000000 T qi_flush_piotlb_all_of_it\n", VTD_HOST_FLUSH_RANGE },
    /* No CONFIG_KALLSYMS_ALL: the version tells */
    { "no-data/6.12", "6.12.1", DRIVER OLD_FLUSH, VTD_HOST_FLUSH_RANGE },
    { "no-data/6.16", "6.16.12", DRIVER OLD_FLUSH, VTD_HOST_FLUSH_RANGE },
    { "no-data/6.17", "6.17.0", DRIVER OLD_FLUSH, VTD_HOST_FLUSH_COARSE },
    { "no-data/7.0", "7.0.9", DRIVER OLD_FLUSH, VTD_HOST_FLUSH_COARSE },
    /* A later kernel of which the change was taken back */
    { "no-data/7.3", "7.3.0", DRIVER OLD_FLUSH, VTD_HOST_FLUSH_COARSE },
    /* Symbols that cannot be read */
    { "hidden/6.12", "6.12.1", "", VTD_HOST_FLUSH_RANGE },
    { "hidden/6.17", "6.17.1", "", VTD_HOST_FLUSH_COARSE },
    { "hidden/7.1", "7.1.1", "", VTD_HOST_FLUSH_COARSE },
    { "hidden/7.2", "7.2-rc1", "", VTD_HOST_FLUSH_ALL },
    { "hidden/8.0", "8.0.1", "", VTD_HOST_FLUSH_ALL },
    { "hidden/odd", "custom", "", VTD_HOST_FLUSH_COARSE },
    { "odd-lines", "custom", "\nx\nx y\n \n", VTD_HOST_FLUSH_COARSE },
};

static void test_kernel(gconstpointer data)
{
    const KernelRow *row = data;
    g_autofree char *path = NULL;
    VTDHostKernel kernel = {};
    int fd = g_file_open_tmp("kallsyms-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_true(g_file_set_contents(path, row->symbols, -1, NULL));
    vtd_host_kernel_version(&kernel, row->release);
    vtd_host_kernel_read(&kernel, path);
    unlink(path);
    g_assert_cmpint(vtd_host_kernel_flush(&kernel), ==, row->flush);
}

static void test_absent(void)
{
    VTDHostKernel kernel = {};

    vtd_host_kernel_version(&kernel, "6.12.1");
    vtd_host_kernel_read(&kernel, "/nonexistent/kallsyms");
    g_assert_cmpint(vtd_host_kernel_flush(&kernel), ==, VTD_HOST_FLUSH_RANGE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *path = g_strdup_printf("/vtd-host-kernel/%s",
                                                rows[i].name);

        g_test_add_data_func(path, &rows[i], test_kernel);
    }
    g_test_add_func("/vtd-host-kernel/absent", test_absent);
    return g_test_run();
}
