/*
 * intel-iommu,nested=on,pri=on: page requests of a machine that is moved
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Needs a pasid-testdev that is bound to pasid-testdev-vfio.  The machine is saved
 * while the device waits for a page, and loaded with the same device.
 */

#include "qemu/osdep.h"
#include "libqos/vtd-migrate.h"
#include "nested-prq-world.h"

#define RUNNING_POLLS   2000

/* Saves, ends the QEMU, and goes on in another one. */
static void move(PrqWorld *w)
{
    g_autofree char *file = NULL;
    g_autofree char *devices = g_strdup_printf(
        "-device pcie-root-port,id=rp,chassis=1,slot=1,addr=3 "
        "-device vfio-pci,id=dev,host=%s,iommufd=iommufd0,addr=%d "
        "-incoming defer", vtd_host_device(), SLOT);
    int fd = g_file_open_tmp("migrate-XXXXXX", &file, NULL);
    NestedTest *t = &w->t;
    QPCIBar bar = w->dev.bar;
    QVTD vtd = *t->vtd;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    qvtd_save(t->qts, file);
    prq_stop(w);

    nested_start_props(t, PRQ_PROPS, devices);
    vtd.qts = t->qts;
    *t->vtd = vtd;
    qvtd_load(t->qts, file, "completed");
    qvtd_await_running(t->qts, RUNNING_POLLS);
    w->dev = (QTestdev) {
        .qts = t->qts, .dev = qpci_device_find(t->pci, w->sid), .bar = bar,
    };
    unlink(file);
}

/*
 * What it asked for before nobody will answer: it asks again.  The guest may find
 * both requests in its queue, and answer twice.
 */
static void test_outstanding(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_check_request(&w, 0);
    move(&w);
    prq_await_tail(&w, 2);
    prq_check_request(&w, 0);
    prq_check_request(&w, 1);
    g_assert_false(prq_written(&w));
    prq_serve_write(&w);
    prq_respond(&w, w.sid, QTESTDEV_NO_PASID, PASID_TESTDEV_PRGI_CHANNEL,
                QVTD_SUCCESS);
    prq_check_counted(&w, "requests 1 groups 1 answered 1 unexpected 1");
    prq_stop(&w);
}

/* The guest answered at the source, and the device got it: nothing is left. */
static void test_answered(void)
{
    PrqWorld w;

    prq_start(&w, QTESTDEV_NO_PASID, 0);
    prq_start_write(&w);
    prq_await_tail(&w, 1);
    prq_serve_write(&w);
    move(&w);
    g_assert_cmpuint(prq_tail(&w), ==, 1);
    g_assert_true(prq_written(&w));
    prq_check_counted(&w, "");
    prq_start_write(&w);
    g_assert_cmpuint(qtestdev_finish(&w.dev, 0), ==, PASID_TESTDEV_OK);
    prq_stop(&w);
}

int main(int argc, char **argv)
{
    if (!prq_test_init(&argc, &argv)) {
        return 0;
    }
    qtest_add_func("/intel-iommu/nested/migrate/page-request", test_outstanding);
    qtest_add_func("/intel-iommu/nested/migrate/page-request-answered",
                   test_answered);

    return nested_test_run();
}
