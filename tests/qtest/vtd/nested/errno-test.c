/*
 * intel-iommu,nested=on: each ioctl, each errno
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs what intel-iommu-nested-test needs.  The iommufd object's x-inject lets
 * the ioctl fail.  EINTR and EAGAIN are made up for, unless they do not end.
 */

#include "qemu/osdep.h"
#include "nested-flow.h"

#define ALL_TRIES       8       /* IOMMUFD_TRIES of backends/iommufd.c */

static const int errnos[] = { EBUSY, EIO, EINTR, EAGAIN, ENODEV, ENOMEM };

static bool is_transient(int err)
{
    return err == EINTR || err == EAGAIN;
}

static void inject(NestedTest *t, const char *ioctl_name, int err,
                   unsigned count, unsigned skip)
{
    g_autofree char *value = g_strdup_printf("%s %d %u %u", ioctl_name, err,
                                             count, skip);

    g_test_message("%s: %s, %u times after %u", ioctl_name, strerror(err),
                   count, skip);
    nested_inject(t, value);
}

/* An ioctl that fails in a flow, and what comes of it */
typedef enum Outcome {
    BLOCKS,             /* with a fault, until the guest does something */
    GOES_ON,            /* as if nothing had happened */
} Outcome;

typedef struct FlowRow {
    NestedFlow flow;
    const char *ioctl_name;
    unsigned count;     /* failures that it takes, EINTR and EAGAIN apart */
    Outcome outcome;
} FlowRow;

#define ALLOC           "iommu-hwpt-alloc"
#define ATTACH          "vfio-device-attach-iommufd-pt"
#define DETACH          "vfio-device-detach-iommufd-pt"
#define DESTROY         "iommu-destroy"
#define INVALIDATE      "iommu-hwpt-invalidate"

static const FlowRow flow_rows[] = {
    { { "attach", TE_OFF, TE_ON, HOST_NESTED_A, TO_A }, ALLOC, 1 },
    { { "attach", TE_OFF, TE_ON, HOST_NESTED_A, TO_A }, ATTACH, 1 },
    { { "replace", TE_ON, SET_B, HOST_NESTED_B, TO_B }, ALLOC, 1 },
    { { "replace", TE_ON, SET_B, HOST_NESTED_B, TO_B }, ATTACH, 1 },
    /* The HWPT that was left is destroyed when the file is closed. */
    { { "replace", TE_ON, SET_B, HOST_NESTED_B, TO_B }, DESTROY, 1, GOES_ON },
    { { "pass-through", TE_ON, SET_PASS, HOST_STAGE2, IDENTITY }, ATTACH, 1 },
    { { "from-pass", SET_PASS, SET_A, HOST_NESTED_A, TO_A }, ATTACH, 1 },
    { { "from-blocked", SET_NONE, SET_A, HOST_NESTED_A, TO_A }, ATTACH, 1 },
    { { "off", TE_ON, TE_OFF, HOST_STAGE2, IDENTITY }, ATTACH, 1 },
    { { "detach", TE_ON, SET_NONE, HOST_NOTHING, BLOCKED }, DESTROY, 1,
      GOES_ON },
    { { "invalidate", REMAP_B, INV_PAGE, HOST_NESTED_A, TO_B }, INVALIDATE, 3 },
    { { "invalidate", REMAP_B, INV_PAGE, HOST_NESTED_A, TO_B }, INVALIDATE, 2,
      GOES_ON },
};

static void run_flow(NestedTest *t, const FlowRow *row, int err,
                     unsigned count, Outcome outcome)
{
    nested_flow_start(t, &row->flow);
    inject(t, row->ioctl_name, err, count, 0);
    nested_step(t, row->flow.op);
    if (outcome == GOES_ON) {
        nested_flow_check(t, &row->flow);
    } else {
        nested_flow_check_blocked(t);
    }
    inject(t, row->ioctl_name, err, 0, 0);
    nested_flow_recover(t);
    nested_check_host(t, row->flow.pgtt, t->tables[row->flow.table].root);
}

static void test_flow(gconstpointer opaque)
{
    const FlowRow *row = opaque;
    bool retried = strcmp(row->ioctl_name, INVALIDATE);
    NestedTest t;

    nested_setup(&t);
    for (unsigned i = 0; i < ARRAY_SIZE(errnos) && !g_test_failed(); i++) {
        unsigned count = row->count;

        if (is_transient(errnos[i]) && retried) {
            run_flow(&t, row, errnos[i], ALL_TRIES - 1, GOES_ON);
            count = ALL_TRIES;
        }
        run_flow(&t, row, errnos[i], count, row->outcome);
    }
    g_free(t.edu.dev);
    g_free(t.vtd);
    qpci_free_pc(t.pci);
    qvtd_quit(t.qts);
}

/* A detach has no errno of the kernel's but those of a malformed request. */
static void test_detach(void)
{
    const NestedFlow flow = {
        "detach", TE_ON, SET_NONE, HOST_NOTHING, BLOCKED
    };
    NestedTest t;

    nested_setup(&t);
    for (unsigned i = 0; i < ARRAY_SIZE(errnos) && !g_test_failed(); i++) {
        if (is_transient(errnos[i])) {
            nested_flow_start(&t, &flow);
            inject(&t, DETACH, errnos[i], ALL_TRIES - 1, 0);
            nested_step(&t, flow.op);
            nested_flow_check(&t, &flow);
        }
    }
    nested_teardown(&t);
}

/* An ioctl that fails while a device is plugged, under translation */
typedef struct PlugRow {
    const char *ioctl_name;
    unsigned skip;
    const char *message;    /* the device is refused with; NULL: blocked */
    bool goes_on;           /* neither: it works, with a warning */
} PlugRow;

static const PlugRow plug_rows[] = {
    { "vfio-device-bind-iommufd", 0, "VFIO_DEVICE_BIND_IOMMUFD" },
    { "iommu-get-hw-info", 0, "IOMMU_GET_HW_INFO" },
    { "iommu-ioas-alloc", 0, "IOMMU_IOAS_ALLOC" },
    /* Maps outside of them would fail by themselves. */
    { "iommu-ioas-iova-ranges", 0, NULL, true },
    { ALLOC, 0, "IOMMU_HWPT_ALLOC" },
    { ATTACH, 0, "VFIO_DEVICE_ATTACH_IOMMUFD_PT" },
    { "iommu-ioas-map", 0, "cannot map the guest's memory" },
    /* From here on the device is there: it is the guest's tables' turn. */
    { ALLOC, 1, NULL },
    { ATTACH, 1, NULL },
};

static void check_plugged(NestedTest *t)
{
    nested_check_host(t, PGTT_NESTED, t->tables[TABLE_A].root);
    nested_check_fault(t, 0);
}

static void run_plug(NestedTest *t, const PlugRow *row, int err,
                     unsigned count, bool works)
{
    g_autofree char *message = NULL;

    inject(t, row->ioctl_name, err, count, row->skip);
    message = nested_plug(t);
    if (works) {
        g_assert_cmpstr(message, ==, NULL);
        check_plugged(t);
    } else if (row->message) {
        g_test_message("refused: %s", message);
        g_assert_nonnull(message);
        g_assert_nonnull(strstr(message ?: "", row->message));
        /* Memory is told of in bytes. */
        g_assert_true(strstr(message ?: "", strerror(err)) ||
                      (err == ENOMEM && strstr(message ?: "",
                                               "RLIMIT_MEMLOCK allows")));
    } else {
        g_assert_cmpstr(message, ==, NULL);
        nested_flow_check_blocked(t);
        nested_flow_recover(t);
        check_plugged(t);
    }
    inject(t, row->ioctl_name, err, 0, 0);
    if (!message) {
        nested_unplug(t);
    }
    g_assert_cmpint(nested_objects(t), ==, 0);
}

static void test_plug(gconstpointer opaque)
{
    const PlugRow *row = opaque;
    g_autofree char *message = NULL;
    NestedTest t;

    nested_plug_start(&t);
    for (unsigned i = 0; i < ARRAY_SIZE(errnos) && !g_test_failed(); i++) {
        unsigned count = 1;

        if (is_transient(errnos[i])) {
            run_plug(&t, row, errnos[i], ALL_TRIES - 1, true);
            count = ALL_TRIES;
        }
        run_plug(&t, row, errnos[i], count, row->goes_on);
    }
    /* Nothing was left behind that would be in the way. */
    message = nested_plug(&t);
    g_assert_cmpstr(message, ==, NULL);
    check_plugged(&t);
    g_assert_cmpint(nested_probe(&t), ==, TO_A);
    nested_teardown(&t);
}

int main(int argc, char **argv)
{
    if (!nested_test_init(&argc, &argv)) {
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(flow_rows); i++) {
        const FlowRow *row = &flow_rows[i];
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/errno/%s/%s/%u", row->flow.name,
            row->ioctl_name, row->count);

        qtest_add_data_func(path, row, test_flow);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(plug_rows); i++) {
        const PlugRow *row = &plug_rows[i];
        g_autofree char *path = g_strdup_printf(
            "/intel-iommu/nested/errno/plug/%s/%u", row->ioctl_name,
            row->skip);

        qtest_add_data_func(path, row, test_plug);
    }
    qtest_add_func("/intel-iommu/nested/errno/detach/" DETACH, test_detach);
    return nested_test_run();
}
