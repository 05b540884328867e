/*
 * Intel VT-d, nested=on: what keeps the machine from migrating
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Stage 2 has dirty bits; the IOAS of a guest's second-stage table has none.  So
 * as long as there is one, what its devices write would be left behind.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/pci_bus.h"
#include "migration/blocker.h"
#include "migration/misc.h"
#include "internal.h"

static void set_reason(Error **errp)
{
    error_setg(errp, "intel-iommu nested=on: a device uses a second-stage table "
               "of the guest's (legacy mode), whose dirty pages are not known: "
               "the guest must use scalable mode, or unplug the device");
}

/*
 * The primary device of a virtio-net device with failover is unplugged before any
 * memory is sent.
 */
static bool goes_first(const VTDNestedDevice *dev)
{
    const PCIDevice *pdev = dev->bus->devices[dev->devfn];

    return pdev && pdev->failover_pair_id;
}

static bool blocks(const VTDNested *n)
{
    VTDNestedShadow *shadow;
    VTDNestedAttach *at;

    QLIST_FOREACH(shadow, &n->shadows, next) {
        QLIST_FOREACH(at, &shadow->attaches, shadow_next) {
            if (!goes_first(at->dev)) {
                return true;
            }
        }
    }
    return false;
}

/* A migration that is under way already ends; the guest is not asked. */
static void blocker_add(VTDNested *n)
{
    Error *reason = NULL;

    set_reason(&n->blocker);
    if (migrate_add_blocker_normal(&n->blocker, NULL) &&
        migration_is_running()) {
        set_reason(&reason);
        migration_file_set_error(-EOPNOTSUPP, reason);
    }
}

/* The blocker could not be added while another migration ran. */
static int migration_starts(NotifierWithReturn *notify, MigrationEvent *e,
                            Error **errp)
{
    VTDNested *n = container_of(notify, VTDNested, migration);

    if (e->type == MIG_EVENT_PRECOPY_SETUP && blocks(n)) {
        set_reason(errp);
        return -EOPNOTSUPP;
    }
    return 0;
}

void vtd_nested_blocker_update(VTDNested *n)
{
    if (!blocks(n)) {
        migrate_del_blocker(&n->blocker);
    } else if (!n->blocker) {
        blocker_add(n);
    }
}

void vtd_nested_blocker_init(VTDNested *n)
{
    migration_add_notifier(&n->migration, migration_starts);
}
