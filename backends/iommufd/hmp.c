/*
 * iommufd: "info iommufd"
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The QMP answer, as a person reads them.
 */

#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands-iommufd.h"
#include "hmp.h"

void iommufd_hmp_print_stage1(Monitor *mon, const IommufdVtdStage1 *s1)
{
    IommufdVtdStage1FlagList *flag;

    monitor_printf(mon, "table 0x%" PRIx64 ", %" PRIu32 " bits", s1->pointer,
                   s1->addr_width);
    for (flag = s1->flags; flag; flag = flag->next) {
        monitor_printf(mon, ", %s", IommufdVtdStage1Flag_str(flag->value));
    }
}

void iommufd_hmp_print_requests(Monitor *mon, const char *device,
                                bool has_pasid, uint32_t pasid)
{
    monitor_printf(mon, "%s", device);
    if (has_pasid) {
        monitor_printf(mon, ", PASID %" PRIu32, pasid);
    }
}

static void print_hwpt(Monitor *mon, const IommufdHwptInfo *hwpt)
{
    IommufdHwptFlagList *flag;

    monitor_printf(mon, "  HWPT %" PRIu32 " on %" PRIu32 ": %" PRIu32 " users",
                   hwpt->id, hwpt->parent, hwpt->users);
    for (flag = hwpt->flags; flag; flag = flag->next) {
        monitor_printf(mon, ", %s", IommufdHwptFlag_str(flag->value));
    }
    if (hwpt->vtd_stage1) {
        monitor_printf(mon, "; ");
        iommufd_hmp_print_stage1(mon, hwpt->vtd_stage1);
    }
    if (hwpt->has_fault_queue) {
        monitor_printf(mon, "; fault queue %" PRIu32, hwpt->fault_queue);
    }
    monitor_printf(mon, "\n");
}

static void print_ioas(Monitor *mon, const IommufdIoasInfo *ioas)
{
    IommufdBarInfoList *bar;

    monitor_printf(mon, "  IOAS %" PRIu32 ": %" PRIu32 " users, 0x%" PRIx64
                   " bytes mapped, %" PRIu64 " maps, %" PRIu64 " unmaps\n",
                   ioas->id, ioas->users, ioas->mapped, ioas->maps,
                   ioas->unmaps);
    for (bar = ioas->bars; bar; bar = bar->next) {
        monitor_printf(mon, "    BAR %" PRIu32 " of %s + 0x%" PRIx64
                       ": 0x%" PRIx64 " bytes at 0x%" PRIx64 "\n",
                       bar->value->bar, bar->value->device,
                       bar->value->offset, bar->value->size,
                       bar->value->iova);
    }
}

static void print_ioctl(Monitor *mon, const IommufdIoctlInfo *ioctl)
{
    IommufdErrorCountList *error;

    if (!ioctl->calls) {
        return;
    }
    monitor_printf(mon, "  %s: %" PRIu64 " calls", ioctl->name, ioctl->calls);
    for (error = ioctl->errors; error; error = error->next) {
        monitor_printf(mon, ", %" PRIu64 " failed (%s)", error->value->count,
                       strerror(error->value->q_errno));
    }
    monitor_printf(mon, "\n");
}

static void print_iommufd(Monitor *mon, const IommufdInfo *info)
{
    IommufdFaultQueueInfoList *queue;
    IommufdAttachmentInfoList *at;
    IommufdIoasInfoList *ioas;
    IommufdIoctlInfoList *ioctl;
    IommufdHwptInfoList *hwpt;

    monitor_printf(mon, "%s: %" PRIu32 " devices\n", info->id, info->users);
    for (ioas = info->ioas; ioas; ioas = ioas->next) {
        print_ioas(mon, ioas->value);
    }
    for (hwpt = info->hwpts; hwpt; hwpt = hwpt->next) {
        print_hwpt(mon, hwpt->value);
    }
    for (queue = info->fault_queues; queue; queue = queue->next) {
        monitor_printf(mon, "  fault queue %" PRIu32 ": %" PRIu32 " users\n",
                       queue->value->id, queue->value->users);
    }
    for (at = info->attachments; at; at = at->next) {
        monitor_printf(mon, "  ");
        iommufd_hmp_print_requests(mon, at->value->device,
                                   at->value->has_pasid, at->value->pasid);
        monitor_printf(mon, ": on %" PRIu32 "\n", at->value->page_table);
    }
    for (ioctl = info->ioctls; ioctl; ioctl = ioctl->next) {
        print_ioctl(mon, ioctl->value);
    }
}

void hmp_info_iommufd(Monitor *mon, const QDict *qdict)
{
    g_autoptr(IommufdInfoList) list = qmp_x_query_iommufd(NULL);

    if (!list) {
        monitor_printf(mon, "No iommufd object\n");
    }
    for (IommufdInfoList *l = list; l; l = l->next) {
        print_iommufd(mon, l->value);
    }
}
