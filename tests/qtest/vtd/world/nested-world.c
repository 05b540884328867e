/*
 * intel-iommu,nested=on: the world of its tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "hw/i386/intel_iommu_internal.h"
#include "hw/i386/vtd_host_kernel.h"
#include "hw/pci/pci_regs.h"
#include "nvtd/qtest.h"
#include "nested-world.h"

/* Setting up */

/* "-l": prints the names of the cases, for which no device is needed. */
static bool is_listing(char **argv)
{
    return g_strv_contains((const char *const *)argv, "-l");
}

bool nested_test_init(int *argc, char ***argv)
{
    bool listing = is_listing(*argv);

    g_test_init(argc, argv, NULL);
    /* A case that fails ends there; the next one has a machine of its own. */
    g_test_set_nonfatal_assertions();
    if (!vtd_host_device() && !listing) {
        g_print("1..0 # SKIP VTD_TEST_BDF names no device bound to vfio-pci\n");
        return false;
    }
    return true;
}

bool nested_host_at_least(unsigned major, unsigned minor)
{
    VTDHostKernel kernel = {};
    struct utsname uts;

    g_assert_cmpint(uname(&uts), ==, 0);
    vtd_host_kernel_version(&kernel, uts.release);
    return vtd_host_kernel_at_least(&kernel, major, minor);
}

bool nested_test_requires(unsigned major, unsigned minor, const char *what)
{
    /* Without a device, the cases are listed. */
    if (!vtd_host_device() || nested_host_at_least(major, minor)) {
        return true;
    }
    g_print("1..0 # SKIP %s: needs Linux %u.%u or later\n", what, major,
            minor);
    return false;
}

/* "0x1234", of a file in the device's directory in sysfs */
static char *sysfs_id(const char *file)
{
    g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s/%s",
                                            vtd_host_device(), file);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_strstrip(text);
}

bool nested_device_copies(void)
{
    g_autofree char *vendor = NULL;
    g_autofree char *device = NULL;

    if (!vtd_host_device()) {
        return true;
    }
    vendor = sysfs_id("vendor");
    device = sysfs_id("device");
    return g_str_equal(vendor, "0x1234") && g_str_equal(device, "0x11e8");
}

static void skip_dma(void)
{
    g_autofree char *vendor = sysfs_id("vendor");
    g_autofree char *device = sysfs_id("device");
    g_autofree char *why = g_strdup_printf(
        "device %s is %s:%s; needs one that copies memory on command, an edu",
        vtd_host_device(), vendor + 2, device + 2);

    g_test_skip(why);
}

static void skip_dma_data(gconstpointer data)
{
    skip_dma();
}

void nested_add_func(const char *path, void (*func)(void))
{
    qtest_add_func(path, nested_device_copies() ? func : skip_dma);
}

void nested_add_data_func(const char *path, gconstpointer data,
                          GTestDataFunc func)
{
    qtest_add_data_func(path, data,
                        nested_device_copies() ? func : skip_dma_data);
}

bool nested_has_thread(void)
{
    const char *props = getenv("VTD_TEST_PROPS");

    return props && strstr(props, "iothread=");
}

void nested_start_machine(NestedTest *t, const NestedMachine *m,
                          const char *devices)
{
    g_autofree char *args = g_strdup_printf(
        "-machine q35 %s -nodefaults -object iommufd,id=iommufd0%s%s "
        "-device intel-iommu,%s%s%s %s", m->memory ?: "-m " RAM,
        m->iommufd ?: "",
        nested_has_thread() ? " -object iothread,id=io0" : "",
        m->props ?: "nested=on", m->viommu ?: "",
        getenv("VTD_TEST_PROPS") ?: "", devices);

    /* The device is another machine's from now on. */
    nested_shared_done(true);
    *t = (NestedTest) { .bdf = vtd_host_device(), .src = IOVA_SRC };
    t->qts = qtest_init_ext(m->env, args, NULL, true);
    t->pci = qpci_new_pc(t->qts, NULL);
    t->vtd = g_new0(QVTD, 1);
    qvtd_init(t->vtd, t->qts, TABLES, TABLES_END);
}

void nested_start(NestedTest *t, const char *devices)
{
    nested_start_machine(t, &(NestedMachine) {}, devices);
}

void nested_start_props(NestedTest *t, const char *props, const char *devices)
{
    nested_start_machine(t, &(NestedMachine) { .props = props }, devices);
}

void nested_build_entries(NestedTest *t)
{
    t->context = qvtd_context(t->vtd, t->bus << 8 | t->devfn, 0, 0, 0);
    t->entry = qvtd_pasid_slot(t->vtd, t->context, 0);
    t->context_val[0] = qtest_readq(t->qts, t->context);
    t->context_val[1] = qtest_readq(t->qts, t->context + 8);
}

void nested_build_tables(NestedTest *t)
{
    static const uint64_t page[] = { 0, PAGE_A, PAGE_B, PAGE_B };

    qvtd_set_root(t->vtd, t->vtd->root, ROOT_SCALABLE);
    qvtd_enable_queue(t->vtd);
    nested_build_entries(t);
    for (int i = TABLE_A; i < TABLES_NR; i++) {
        QVTDTable *table = &t->tables[i];

        qvtd_table_init(t->vtd, table, i == TABLE_5_LEVELS ? 5 : 4, 0,
                        QVTD_S1_LINK);
        qvtd_map(t->vtd, table, IOVA_SRC, page[i], 12, QVTD_S1_PAGE);
        qvtd_map(t->vtd, table, IOVA_DST, PAGE_DST, 12, QVTD_S1_PAGE);
    }
}

void nested_setup_device(NestedTest *t, uint8_t bus, uint8_t devfn)
{
    QPCIDevice *pci;

    t->bus = bus;
    t->devfn = devfn;
    pci = qpci_device_find(t->pci, bus << 8 | devfn);
    g_assert_nonnull(pci);
    if (nested_device_copies() || !g_str_equal(t->bdf, vtd_host_device())) {
        qvtd_edu_init(&t->edu, t->vtd, pci);
    } else {
        t->edu.dev = pci;
    }
}

void nested_setup_bridge(NestedTest *t, uint16_t sid, uint8_t bus,
                         uint8_t last)
{
    QPCIDevice *bridge = qpci_device_find(t->pci, sid);

    g_assert_nonnull(bridge);
    qpci_config_writeb(bridge, PCI_SECONDARY_BUS, bus);
    qpci_config_writeb(bridge, PCI_SUBORDINATE_BUS, last);
    qpci_config_writew(bridge, PCI_MEMORY_BASE, 0xe000);
    qpci_config_writew(bridge, PCI_MEMORY_LIMIT, 0xe7f0);
    qpci_device_enable(bridge);
    g_free(bridge);
}

void nested_reset_bus(NestedTest *t, uint16_t sid)
{
    QPCIDevice *bridge = qpci_device_find(t->pci, sid);

    g_assert_nonnull(bridge);
    qpci_config_writew(bridge, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET);
    qpci_config_writew(bridge, PCI_BRIDGE_CONTROL, 0);
    g_free(bridge);
}

void nested_setup_props(NestedTest *t, const char *props)
{
    const char *token = getenv("VTD_TEST_TOKEN");
    g_autofree char *device = NULL;

    device = g_strdup_printf("-device vfio-pci,id=dev,host=%s,"
                             "iommufd=iommufd0,addr=%d%s%s", vtd_host_device(),
                             SLOT, token ? ",vf-token=" : "", token ?: "");
    nested_start_props(t, props, device);
    nested_setup_device(t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(t);
}

void nested_setup(NestedTest *t)
{
    nested_setup_props(t, "nested=on");
}

bool nested_setup_two(NestedTest *t, NestedTest *t2)
{
    const char *bdf2 = getenv("VTD_TEST_BDF2");
    g_autofree char *devices = NULL;

    if (!bdf2) {
        g_test_skip("VTD_TEST_BDF2 names no second device");
        return false;
    }
    devices = g_strdup_printf(
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d "
        "-device vfio-pci,host=%s,iommufd=iommufd0,addr=%d",
        vtd_host_device(), SLOT, bdf2, SLOT2);
    nested_start(t, devices);
    nested_setup_device(t, 0, QPCI_DEVFN(SLOT, 0));
    nested_build_tables(t);

    *t2 = *t;
    t2->bdf = bdf2;
    nested_setup_device(t2, 0, QPCI_DEVFN(SLOT2, 0));
    nested_build_entries(t2);
    return true;
}

void nested_reboot(NestedTest *t)
{
    qtest_system_reset(t->qts);
    g_free(t->edu.dev);
    qvtd_init(t->vtd, t->qts, TABLES, TABLES_END);
    nested_setup_device(t, t->bus, t->devfn);
    nested_build_tables(t);
}

void nested_map_src(NestedTest *t, uint64_t page)
{
    qvtd_map(t->vtd, &t->tables[TABLE_A], t->src, page, 12, QVTD_S1_PAGE);
}

/* A number that QEMU's iommufd object has */
int64_t nested_iommufd_number(NestedTest *t, const char *property)
{
    QDict *reply = qtest_qmp(t->qts, "{'execute': 'qom-get', 'arguments': {"
                             "'path': '/objects/iommufd0', 'property': %s}}",
                             property);
    int64_t number = qdict_get_int(reply, "return");

    qobject_unref(reply);
    return number;
}

/* x-calls-* and x-failures-*, by ioctl */
static int64_t counter(NestedTest *t, const char *what, const char *ioctl_name)
{
    g_autofree char *property = g_strdup_printf("x-%s-%s", what, ioctl_name);

    return nested_iommufd_number(t, property);
}

int64_t nested_calls(NestedTest *t, const char *ioctl_name)
{
    return counter(t, "calls", ioctl_name);
}

/* What QMP tells of the vIOMMU: a reference */
static QDict *query_unit(NestedTest *t)
{
    QDict *reply = qtest_qmp(t->qts,
                             "{'execute': 'x-query-intel-iommu-nested'}");
    QList *units = qdict_get_qlist(reply, "return");
    QDict *unit = qobject_to(QDict, qlist_peek(units));

    qobject_ref(unit);
    qobject_unref(reply);
    return unit;
}

int64_t nested_counter(NestedTest *t, const char *name)
{
    QDict *unit = query_unit(t);
    int64_t number = qdict_get_int(qdict_get_qdict(unit, "counters"), name);

    qobject_unref(unit);
    return number;
}

NestedFlush nested_flush(NestedTest *t)
{
    QDict *unit = query_unit(t);
    const char *how = qdict_get_str(unit, "flush");
    NestedFlush flush = {
        .calls = !g_str_equal(how, "replace"),
        .page_selective = qdict_get_bool(unit, "page-selective"),
    };

    flush.entries = flush.calls * (1 + g_str_equal(how, "ranges"));
    qobject_unref(unit);
    return flush;
}

/* The kernel's fault injection */

bool nested_can_fail_nth(void)
{
    const char *knob = "/sys/kernel/debug/failslab/ignore-gfp-wait";

    if (!access("/proc/self/fail-nth", W_OK) &&
        g_file_set_contents_full(knob, "N", 1, G_FILE_SET_CONTENTS_NONE,
                                 0644, NULL)) {
        return true;
    }
    g_test_skip("the kernel has no fault injection: CONFIG_FAILSLAB and "
                "CONFIG_FAULT_INJECTION_DEBUG_FS");
    return false;
}

void nested_inject(NestedTest *t, const char *what)
{
    qtest_qmp_assert_success(t->qts, "{'execute': 'qom-set', 'arguments': {"
                             "'path': '/objects/iommufd0', "
                             "'property': 'x-inject', 'value': %s}}", what);
}

void nested_fail_nth(NestedTest *t, unsigned nth)
{
    qtest_qmp_assert_success(t->qts, "{'execute': 'qom-set', 'arguments': {"
                             "'path': '/objects/iommufd0', "
                             "'property': 'x-fail-nth', 'value': %u}}", nth);
}

bool nested_has_failed(NestedTest *t)
{
    bool failed = !nested_iommufd_number(t, "x-fail-nth");

    nested_fail_nth(t, 0);
    return failed;
}

void nested_teardown(NestedTest *t)
{
    /* Every object was destroyed in an order that the kernel takes. */
    g_assert_cmpint(counter(t, "failures", "iommu-destroy"), ==,
                    t->injected_destroys);
    g_free(t->edu.dev);
    g_free(t->vtd);
    qpci_free_pc(t->pci);
    qvtd_quit(t->qts);
}

/* ACPI PCI hotplug of Q35, QEMU's docs/specs/acpi_pci_hotplug.rst */
#define PCIHP_BASE      0x0cc0
#define PCIHP_DOWN      0x04
#define PCIHP_EJECT     0x08
#define PCIHP_SELECT    0x10

void nested_device_add(QTestState *qts, const char *bdf)
{
    qtest_qmp_device_add(qts, "vfio-pci", "dev", "{'host': %s, "
                         "'iommufd': 'iommufd0', 'bus': 'rp'}", bdf);
}

void nested_eject(QTestState *qts, const char *id)
{
    qtest_qmp_device_del_send(qts, id);
    qtest_outl(qts, PCIHP_BASE + PCIHP_SELECT, 0);
    qtest_outl(qts, PCIHP_BASE + PCIHP_EJECT, 1);
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
}

bool nested_is_to_eject(QTestState *qts)
{
    qtest_outl(qts, PCIHP_BASE + PCIHP_SELECT, 0);
    return qtest_inl(qts, PCIHP_BASE + PCIHP_DOWN) & 1;
}

/* QEMU's messages */

void nested_log_begin(NestedLog *log)
{
    int fd = g_file_open_tmp("nested-XXXXXX", &log->name, NULL);

    g_assert_cmpint(fd, >=, 0);
    log->stderr_copy = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

void nested_log_started(NestedLog *log)
{
    dup2(log->stderr_copy, STDERR_FILENO);
    close(log->stderr_copy);
}

unsigned nested_log_count(const NestedLog *log, const char *text)
{
    g_autofree char *all = NULL;
    g_auto(GStrv) parts = NULL;

    g_assert_true(g_file_get_contents(log->name, &all, NULL, NULL));
    parts = g_strsplit(all, text, -1);
    /* Nothing is no part. */
    return *all ? g_strv_length(parts) - 1 : 0;
}

void nested_log_end(NestedLog *log)
{
    unlink(log->name);
    g_free(log->name);
}

/* A machine for many cases */

static NestedTest shared_machine;
static enum {
    SHARED_DOWN,
    SHARED_BOOTED,
    SHARED_TRANSLATED,
} shared_state;

NestedTest *nested_shared_boot(void)
{
    if (shared_state == SHARED_DOWN) {
        nested_setup(&shared_machine);
    } else {
        nested_reboot(&shared_machine);
    }
    shared_state = SHARED_BOOTED;
    return &shared_machine;
}

NestedTest *nested_shared(void)
{
    NestedTest *t = &shared_machine;

    if (shared_state != SHARED_TRANSLATED) {
        QVTDPasid pasid = { .pgtt = PGTT_STAGE1, .did = DID };

        nested_shared_boot();
        pasid.stage1 = t->tables[TABLE_A].root;
        qvtd_write_pasid(t->vtd, t->entry, &pasid);
        qvtd_enable_translation(t->vtd, true);
        /* A queue can be turned off behind a wait descriptor only. */
        g_assert_true(qvtd_queue_wait(t->vtd, 0));
        shared_state = SHARED_TRANSLATED;
    }
    return t;
}

void nested_shared_done(bool last)
{
    if (shared_state != SHARED_DOWN && (last || g_test_failed())) {
        shared_state = SHARED_DOWN;
        nested_teardown(&shared_machine);
    }
}

int nested_test_run(void)
{
    int status = g_test_run();

    nested_shared_done(true);
    return status;
}

/* Looking */

static bool page_is(NestedTest *t, uint64_t addr, uint8_t fill)
{
    uint8_t data[PAGE], want[PAGE];

    qtest_bufread(t->qts, addr, data, PAGE);
    memset(want, fill, PAGE);
    return !memcmp(data, want, PAGE);
}

void nested_check_event(NestedTest *t, const char *reason)
{
    QDict *event, *data;

    /* One a second is sent, and comes before an answer; the clock stands. */
    qtest_clock_step(t->qts, NANOSECONDS_PER_SECOND);
    qtest_qmp_assert_success(t->qts, "{'execute': 'query-status'}");
    event = qtest_qmp_event_ref(t->qts, "INTEL_IOMMU_DMA_BLOCKED");
    if (!reason) {
        g_assert_null(event);
        return;
    }
    g_assert_nonnull(event);
    if (!event) {
        return;
    }
    data = qdict_get_qdict(event, "data");
    g_assert_cmpstr(qdict_get_str(data, "reason"), ==, reason);
    g_assert_cmpstr(qdict_get_str(data, "host"), ==, t->bdf);
    g_assert_cmpstr(qdict_get_str(data, "qom-path"), ==,
                    "/machine/peripheral/dev");
    g_assert_false(qdict_haskey(data, "pasid"));
    qobject_unref(event);
}

Dma nested_probe(NestedTest *t)
{
    qtest_memset(t->qts, PAGE_A, 'A', PAGE);
    qtest_memset(t->qts, PAGE_B, 'B', PAGE);
    qtest_memset(t->qts, IOVA_SRC, 'I', PAGE);
    qtest_memset(t->qts, PAGE_DST, 0, PAGE);
    qtest_memset(t->qts, IOVA_DST, 0, PAGE);

    qvtd_edu_read(&t->edu, t->src, PAGE);
    qvtd_edu_write(&t->edu, IOVA_DST, PAGE);

    if (page_is(t, IOVA_DST, 'I') && page_is(t, PAGE_DST, 0)) {
        return IDENTITY;
    }
    g_assert_true(page_is(t, IOVA_DST, 0));
    if (page_is(t, PAGE_DST, 'A')) {
        return TO_A;
    }
    if (page_is(t, PAGE_DST, 'B')) {
        return TO_B;
    }
    g_assert_true(page_is(t, PAGE_DST, 0));
    return BLOCKED;
}

void nested_check_dma(NestedTest *t, Dma want)
{
    if (nested_device_copies()) {
        g_assert_cmpint(nested_probe(t), ==, want);
    }
}

void nested_check_host(NestedTest *t, unsigned pgtt, uint64_t stage1)
{
    VTDHostEntry host = vtd_host_entry(t->bdf);

    g_assert_cmpuint(host.present ? host.pgtt : 0, ==, pgtt);
    if (pgtt == PGTT_NESTED) {
        g_assert_cmphex(host.stage1, ==, stage1);
    }
    if (pgtt) {
        g_assert_cmphex(host.stage2, !=, 0);
    }
}

void nested_check_fault(NestedTest *t, unsigned want)
{
    QVTDFault fault;
    bool any = qvtd_take_fault(t->vtd, &fault);

    g_assert_cmphex(any ? fault.reason : 0, ==, want);
    if (want) {
        g_assert_cmphex(fault.sid, ==, t->bus << 8 | t->devfn);
    }
}
