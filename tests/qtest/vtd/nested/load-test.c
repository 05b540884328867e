/*
 * intel-iommu,nested=on: a state that is saved and loaded
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.  A machine without the device is
 * saved while its guest translates; where the state is loaded there is one.
 */

#include "qemu/osdep.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "nested-steps.h"
#include "libqos/vtd-migrate.h"
#include "libqos/patience.h"

#define PORT            3           /* the root port's slot */
#define ROOT_PORT "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3 "
#define BEHIND_BUS      7
#define RESERVED_MODE   (ROOT_SCALABLE << 1)    /* RTADDR_REG.TTM */

#define POLL_US         10000
#define PATIENCE        3000        /* polls */

/* A guest's tables, in a file with the rest of its machine */
typedef struct Saved {
    char *file;
    NestedTest t;               /* where they are; t.vtd is the one below */
    QVTD v;
} Saved;

/* The tables for a device that is not there, with translation on */
static void build_without_device(NestedTest *t, bool behind)
{
    if (behind) {
        nested_setup_bridge(t, PORT << 3, BEHIND_BUS, BEHIND_BUS);
    }
    t->bus = behind ? BEHIND_BUS : 0;
    t->devfn = behind ? 0 : QPCI_DEVFN(SLOT, 0);
    nested_build_tables(t);
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
}

static void save_begin(Saved *s)
{
    int fd = g_file_open_tmp("nested-XXXXXX", &s->file, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
}

static void save_end(Saved *s)
{
    NestedTest *t = &s->t;

    qvtd_save(t->qts, s->file);
    s->v = *t->vtd;
    nested_teardown(t);
    t->vtd = &s->v;
}

/* @change: what the guest does last, or NULL */
static void save_props(Saved *s, const char *props, bool behind,
                       void (*change)(NestedTest *t))
{
    NestedTest *t = &s->t;

    save_begin(s);
    nested_start_props(t, props, ROOT_PORT);
    build_without_device(t, behind);
    if (change) {
        change(t);
    }
    save_end(s);
}

static void save(Saved *s, bool behind, void (*change)(NestedTest *t))
{
    save_props(s, "nested=on", behind, change);
}

/* The guest's tables are where they were. */
static void load_into(NestedTest *t, Saved *s, const char *want)
{
    s->v.qts = t->qts;
    *t->vtd = s->v;
    t->bus = s->t.bus;
    t->devfn = s->t.devfn;
    t->entry = s->t.entry;
    t->context = s->t.context;
    memcpy(t->tables, s->t.tables, sizeof(t->tables));
    qvtd_load(t->qts, s->file, want);
    unlink(s->file);
    g_free(s->file);
}

/* Another QEMU, with the device, which loads the state */
static void load(NestedTest *t, Saved *s, const char *props, const char *want)
{
    g_autofree char *devices = g_strdup_printf(
        ROOT_PORT "-device vfio-pci,host=%s,iommufd=iommufd0,%s "
        "-incoming defer", vtd_host_device(),
        s->t.bus ? "bus=rp" : "addr=" stringify(SLOT));

    nested_start_props(t, props, devices);
    nested_check_host(t, PGTT_STAGE2, 0);
    load_into(t, s, want);
}

/* The slot was saved without a device, so it is loaded with its power off. */
static void power_slot(NestedTest *t)
{
    QPCIDevice *port = qpci_device_find(t->pci, PORT << 3);
    uint16_t slot;

    g_assert_nonnull(port);
    slot = qpci_find_capability(port, PCI_CAP_ID_EXP, 0) + PCI_EXP_SLTCTL;
    qpci_config_writew(port, slot, qpci_config_readw(port, slot) &
                       ~PCI_EXP_SLTCTL_PCC);
    g_free(port);
}

/* Works as if it had been there: at first on table A. */
static void check_works(NestedTest *t)
{
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    nested_check_fault(t, 0);
    if (t->bus) {
        power_slot(t);
    }
    nested_setup_device(t, t->bus, t->devfn);
    nested_check_dma(t, TO_A);
    nested_step(t, SET_B);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_B].root);
    nested_check_dma(t, TO_B);
}

static void test_incoming(void)
{
    NestedTest t;
    Saved s;

    save(&s, false, NULL);
    load(&t, &s, "nested=on", "completed");
    check_works(&t);
    nested_teardown(&t);
}

/* Its requester ID is known once the bridge was loaded, after the vIOMMU. */
static void test_behind_port(void)
{
    NestedTest t;
    Saved s;

    save(&s, true, NULL);
    load(&t, &s, "nested=on", "completed");
    check_works(&t);
    nested_teardown(&t);
}

/* RTADDR_REG acts when the root pointer is set, here and there. */

static void write_register(NestedTest *t)
{
    qvtd_writeq(t->vtd, DMAR_RTADDR_REG, t->vtd->root | RESERVED_MODE);
}

static void set_reserved_mode(NestedTest *t)
{
    nested_step(t, TTM_RESERVED);
    qvtd_writeq(t->vtd, DMAR_RTADDR_REG, t->vtd->root | ROOT_SCALABLE);
}

static void test_mode_written(void)
{
    NestedTest t;
    Saved s;

    save(&s, false, write_register);
    load(&t, &s, "nested=on", "completed");
    check_works(&t);
    nested_step(&t, TTM_RESERVED);
    nested_check_host(&t, 0, 0);
    nested_check_fault(&t, 0x30);
    nested_teardown(&t);
}

static void test_mode_set(void)
{
    NestedTest t;
    Saved s;

    save(&s, false, set_reserved_mode);
    load(&t, &s, "nested=on", "completed");
    nested_check_host(&t, 0, 0);
    nested_check_fault(&t, 0x30);
    nested_step(&t, SRTP);
    check_works(&t);
    nested_teardown(&t);
}

/* The guest relies on what it was told; a vIOMMU that has less is refused. */
static void test_told_more(void)
{
    NestedTest t;
    Saved s;

    save(&s, false, NULL);
    load(&t, &s, "nested=on,x-srs=off", "failed");
    nested_check_host(&t, PGTT_STAGE2, 0);
    nested_teardown(&t);
}

/* What it was not told, it has not here either. */
static void test_told_less(void)
{
    uint64_t told, now;
    NestedTest t;
    Saved s;

    save_props(&s, "nested=on,x-srs=off,fs1gp=off", false, NULL);
    load(&t, &s, "nested=on", "completed");
    told = qvtd_readq(t.vtd, DMAR_ECAP_REG);
    check_works(&t);
    nested_step(&t, SET_SRE);
    nested_check_host(&t, 0, 0);

    /* A reset tells it anew. */
    nested_reboot(&t);
    now = qvtd_readq(t.vtd, DMAR_ECAP_REG);
    g_assert_cmphex(now ^ told, ==, VTD_ECAP_SRS);
    nested_step(&t, SET_SRE);
    nested_step(&t, TE_ON);
    nested_check_host(&t, PGTT_NESTED, t.tables[TABLE_A].root);
    nested_teardown(&t);
}

/*
 * Unplugged, moved, plugged: a device whose driver in the host cannot migrate
 * leaves before, and another comes when the guest runs elsewhere.
 */

#define BLOCKED_BY "VFIO migration is not supported in kernel"

static void start_with_device(NestedTest *t)
{
    g_autofree char *devices = g_strdup_printf(
        ROOT_PORT "-device vfio-pci,id=dev,host=%s,iommufd=iommufd0,bus=rp",
        vtd_host_device());

    nested_start_props(t, "nested=on", devices);
    nested_setup_bridge(t, PORT << 3, BEHIND_BUS, BEHIND_BUS);
    nested_setup_device(t, BEHIND_BUS, 0);
    nested_build_tables(t);
    nested_step(t, SET_A);
    nested_step(t, TE_ON);
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    nested_check_dma(t, TO_A);
}

static void save_unplugged(Saved *s)
{
    NestedTest *t = &s->t;
    g_autofree char *reason = NULL;

    save_begin(s);
    start_with_device(t);
    reason = qvtd_blocked_by(t->qts, BLOCKED_BY);
    g_assert_nonnull(reason);
    g_clear_pointer(&t->edu.dev, g_free);
    nested_eject(t->qts, "dev");
    g_assert_null(qvtd_blocked_by(t->qts, ""));
    save_end(s);
}

static void test_unplugged(void)
{
    NestedTest t;
    Saved s;

    save_unplugged(&s);
    nested_start_props(&t, "nested=on", ROOT_PORT "-incoming defer");
    load_into(&t, &s, "completed");

    nested_device_add(t.qts, t.bdf);
    check_works(&t);
    nested_teardown(&t);
}

/* In one QEMU: saved, plugged, loaded */

#define JOB_FILE    "{'execute': 'blockdev-create', 'arguments': {'job-id': " \
                    "'job', 'options': {'driver': 'file', 'filename': %s, " \
                    "'size': 0}}}"
#define JOB_QCOW2   "{'execute': 'blockdev-create', 'arguments': {'job-id': " \
                    "'job', 'options': {'driver': 'qcow2', 'file': 'file', " \
                    "'size': 1048576}}}"
#define JOB_SNAPSHOT "{'execute': %s, 'arguments': {'job-id': 'job', " \
                    "'tag': 'x', 'vmstate': 'disk', 'devices': ['disk']}}"

/* Waits for the one job, and asserts that it was carried out. */
static void finish_job(NestedTest *t)
{
    QDict *reply = NULL, *job;
    unsigned polls = 0;

    do {
        qobject_unref(reply);
        reply = qtest_qmp(t->qts, "{'execute': 'query-jobs'}");
        job = qobject_to(QDict, qlist_peek(qdict_get_qlist(reply, "return")));
        g_assert_nonnull(job);
        g_usleep(POLL_US);
    } while (!g_str_equal(qdict_get_str(job, "status"), "concluded") &&
             has_patience(&polls, PATIENCE));
    g_assert_cmpstr(qdict_get_str(job, "status"), ==, "concluded");
    g_assert_cmpstr(qdict_get_try_str(job, "error"), ==, NULL);
    qobject_unref(reply);
    qtest_qmp_assert_success(t->qts, "{'execute': 'job-dismiss', "
                             "'arguments': {'id': 'job'}}");
}

/* A disk that snapshots can be in */
static char *add_disk(NestedTest *t)
{
    char *file = NULL;
    int fd = g_file_open_tmp("nested-XXXXXX", &file, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    qtest_qmp_assert_success(t->qts, JOB_FILE, file);
    finish_job(t);
    qtest_qmp_assert_success(t->qts, "{'execute': 'blockdev-add', 'arguments': "
                             "{'driver': 'file', 'node-name': 'file', "
                             "'filename': %s}}", file);
    qtest_qmp_assert_success(t->qts, JOB_QCOW2);
    finish_job(t);
    qtest_qmp_assert_success(t->qts, "{'execute': 'blockdev-add', 'arguments': "
                             "{'driver': 'qcow2', 'node-name': 'disk', "
                             "'file': 'file'}}");
    return file;
}

static void test_snapshot(void)
{
    g_autofree char *file = NULL;
    NestedTest t;

    nested_start(&t, ROOT_PORT);
    file = add_disk(&t);
    build_without_device(&t, true);
    qtest_qmp_assert_success(t.qts, JOB_SNAPSHOT, "snapshot-save");
    finish_job(&t);
    nested_step(&t, TE_OFF);
    nested_device_add(t.qts, t.bdf);
    nested_check_host(&t, PGTT_STAGE2, 0);

    qtest_qmp_assert_success(t.qts, JOB_SNAPSHOT, "snapshot-load");
    finish_job(&t);
    check_works(&t);
    nested_teardown(&t);
    unlink(file);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/load/incoming", test_incoming);
    qtest_add_func("/intel-iommu/nested/load/behind-port", test_behind_port);
    qtest_add_func("/intel-iommu/nested/load/mode-written",
                   test_mode_written);
    qtest_add_func("/intel-iommu/nested/load/mode-set", test_mode_set);
    qtest_add_func("/intel-iommu/nested/load/told-more", test_told_more);
    qtest_add_func("/intel-iommu/nested/load/told-less", test_told_less);
    qtest_add_func("/intel-iommu/nested/load/unplugged", test_unplugged);
    qtest_add_func("/intel-iommu/nested/load/snapshot", test_snapshot);

    return nested_test_run();
}
