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
