/*
 * Intel VT-d, nested=on: "info intel-iommu-nested"
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The QMP answer, as a person reads it.
 */

#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands-intel-iommu.h"
#include "backends/iommufd/hmp.h"

static void print_attach(Monitor *mon, const char *device,
                         const VtdNestedAttachInfo *at)
{
    monitor_printf(mon, "  ");
    iommufd_hmp_print_requests(mon, device, at->has_pasid, at->pasid);
    monitor_printf(mon, ": %s (%s)", VtdNestedTarget_str(at->target),
                   VtdNestedReason_str(at->reason));
    if (at->has_page_table) {
        monitor_printf(mon, ", HWPT %" PRIu32, at->page_table);
    }
    if (at->has_domain_id) {
        monitor_printf(mon, ", domain-id %u", at->domain_id);
    }
    if (at->stage1) {
        monitor_printf(mon, ", ");
        iommufd_hmp_print_stage1(mon, at->stage1);
    }
    if (at->fault) {
        monitor_printf(mon, ", fault 0x%x recorded", at->fault);
    }
    monitor_printf(mon, "\n");
}

static void print_counters(Monitor *mon, const VtdNestedCounters *c)
{
    monitor_printf(mon, "  %" PRIu64 " moves, %" PRIu64 " blocks, %" PRIu64
                   " faults recorded, %" PRIu64 " nested HWPTs made\n",
                   c->moves, c->blocks, c->faults, c->hwpts);
    monitor_printf(mon, "  %" PRIu64 " PASID-cache invalidations, %" PRIu64
                   " looks at entries of PASIDs\n",
                   c->pasid_cache_invalidations, c->pasid_entries);
    monitor_printf(mon, "  %" PRIu64 " invalidations sent, with %" PRIu64
                   " entries; %" PRIu64 " full ones, %" PRIu64 " by a new "
                   "HWPT\n", c->invalidations, c->invalidation_entries,
                   c->full_flushes, c->replaced_hwpts);
    monitor_printf(mon, "  %" PRIu64 " units of work, %" PRIu64 " at most in "
                   "one go, %" PRIu64 " breaks\n", c->work, c->longest_stay,
                   c->stays_cut);
}

static void print_page_requests(Monitor *mon, const VtdNestedPageRequests *p)
{
    monitor_printf(mon, "  %" PRIu64 " page requests in %" PRIu64 " groups, %"
                   PRIu64 " lost; groups: %" PRIu64 " answered, %" PRIu64
                   " automatically, %" PRIu64 " refused, %" PRIu64
                   " forgotten, %" PRIu64 " outstanding; answers: %" PRIu64
                   " unexpected, %" PRIu64 " late\n", p->requests, p->groups,
                   p->lost, p->answered, p->automatic, p->refused,
                   p->forgotten, p->outstanding, p->unexpected, p->late);
}

static void print_nested(Monitor *mon, const VtdNestedInfo *info)
{
    VtdNestedCapabilityList *cap;
    VtdNestedDeviceInfoList *dev;
    VtdNestedAttachInfoList *at;

    monitor_printf(mon, "%s: translation is %s\n", info->qom_path,
                   info->translation ? "on" : "off");
    monitor_printf(mon, "  capabilities, guest (host):");
    for (cap = info->capabilities; cap; cap = cap->next) {
        monitor_printf(mon, " %s=%d(%s)", cap->value->name, cap->value->guest,
                       !cap->value->has_host ? "-" :
                       cap->value->host ? "1" : "0");
    }
    monitor_printf(mon, "\n  invalidations: all by %s, pages %s\n",
                   VtdNestedFlush_str(info->flush),
                   info->page_selective ? "by ranges" : "by all");
    for (dev = info->devices; dev; dev = dev->next) {
        for (at = dev->value->attaches; at; at = at->next) {
            print_attach(mon, dev->value->host, at->value);
        }
    }
    print_counters(mon, info->counters);
    if (info->work_left) {
        monitor_printf(mon, "  the guest's queue is being served\n");
    }
    if (info->page_requests) {
        print_page_requests(mon, info->page_requests);
    }
}

void hmp_info_intel_iommu_nested(Monitor *mon, const QDict *qdict)
{
    g_autoptr(VtdNestedInfoList) list = qmp_x_query_intel_iommu_nested(NULL);

    if (!list) {
        monitor_printf(mon, "No intel-iommu with nested=on\n");
    }
    for (VtdNestedInfoList *l = list; l; l = l->next) {
        print_nested(mon, l->value);
    }
}
