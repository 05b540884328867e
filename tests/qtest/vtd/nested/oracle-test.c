/*
 * intel-iommu,nested=on: an emulated device and a passed-through one behave
 * alike
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * VTD_TEST_BDF is a pasid-testdev bound to vfio-pci; a second, emulated one is on
 * the same guest's tables.  Without the first, the second is judged by the
 * reference walker alone.
 *
 * Operations come in batches, each on tables made anew.  What shows a difference
 * is done again without some of its operations, and the shortest is printed.
 */

#include "qemu/osdep.h"
#include "libqos/number-from.h"
#include "oracle-world.h"

#define BATCH           100
#define OPERATIONS      50000
#define SHRINK_TRIES    200
#define PROGRESS        1000

static uint64_t counts[CHANGES], inv_counts[INVS];

/* Return: false if there is a difference, after operation @last. */
static bool run_batch(OracleWorld *w, const OracleOperation *ops,
                      unsigned *last)
{
    oracle_world_build(w);
    for (unsigned i = 0; i < BATCH; i++) {
        if (ops[i].skip) {
            continue;
        }
        *last = i;
        if (!oracle_world_operate(w, &ops[i])) {
            return false;
        }
    }
    return true;
}

static void make_batch(OracleOperation *ops, uint64_t seed, uint64_t number)
{
    static const uint8_t changes[] = {
        CHANGE_LEAF, CHANGE_LEAF, CHANGE_LEAF, CHANGE_LEAF, CHANGE_LEAF,
        CHANGE_L2, CHANGE_L2, CHANGE_L3, CHANGE_L4, CHANGE_PASID, CHANGE_PASID,
        CHANGE_PASID, CHANGE_DIRECTORY, CHANGE_CONTEXT, CHANGE_ENABLE,
    };
    const guint32 seeds[] = { seed, seed >> 32, number, number >> 32 };
    GRand *rand = g_rand_new_with_seed_array(seeds, ARRAY_SIZE(seeds));

    for (unsigned i = 0; i < BATCH; i++) {
        OracleChange kind = changes[g_rand_int_range(rand, 0,
                                                     ARRAY_SIZE(changes))];
        OracleInv inv = g_rand_int_range(rand, 0, INVS);

        /* Mostly what the change asks for */
        if (g_rand_int_range(rand, 0, 3)) {
            inv = kind < CHANGE_PASID ? INV_PAGE :
                  kind == CHANGE_PASID ? INV_ENTRY :
                  kind == CHANGE_DIRECTORY ? INV_GLOBAL : INV_ALL;
        }
        ops[i] = (OracleOperation) {
            .change = kind,
            .inv = inv,
            .where = g_rand_int(rand),
            .what = g_rand_int(rand),
            .probes = g_rand_int(rand),
        };
    }
    g_rand_free(rand);
}

/* Leaves out what is not needed for a difference, half of it first. */
static void shrink(OracleWorld *w, OracleOperation *ops, unsigned last)
{
    unsigned tries = 0;

    for (unsigned i = last + 1; i < BATCH; i++) {
        ops[i].skip = true;
    }
    for (unsigned part = MAX(1, (last + 1) / 2); part; part /= 2) {
        for (unsigned at = 0; at <= last && tries < SHRINK_TRIES; at += part) {
            g_autofree OracleOperation *fewer = g_memdup2(ops,
                                                          sizeof(*ops) * BATCH);
            unsigned end;

            for (unsigned i = at; i < MIN(at + part, last + 1); i++) {
                fewer[i].skip = true;
            }
            tries++;
            if (!run_batch(w, fewer, &end)) {
                memcpy(ops, fewer, sizeof(*ops) * BATCH);
            }
        }
    }
    run_batch(w, ops, &last);
}

static void print_batch(const OracleOperation *ops)
{
    static const char *const change_names[] = {
        "level 1", "level 2", "level 3", "level 4", "PASID entry",
        "directory entry", "context entries", "translation",
    };
    static const char *const inv_names[] = {
        "none", "page", "PASID", "domain", "IOTLB", "PASID entry",
        "PASID cache and IOTLB", "all",
    };

    for (unsigned i = 0; i < BATCH; i++) {
        if (!ops[i].skip) {
            g_test_message("%u: %s at 0x%x, 0x%x; invalidation: %s", i,
                           change_names[ops[i].change], ops[i].where,
                           ops[i].what, inv_names[ops[i].inv]);
        }
    }
}

static void report(OracleWorld *w, OracleOperation *ops, unsigned last,
                   uint64_t seed, uint64_t number)
{
    g_test_message("%s", w->difference);
    shrink(w, ops, last);
    print_batch(ops);
    g_test_message("after these: %s", w->difference ?: "nothing");
    g_test_message("VTD_ORACLE_SEED=%" PRIu64 " VTD_ORACLE_FIRST=%" PRIu64
                   " VTD_ORACLE_OPS=%d repeats it", seed, number, BATCH);
    g_test_fail();
}

static void count(const OracleOperation *ops)
{
    for (unsigned i = 0; i < BATCH; i++) {
        counts[ops[i].change]++;
        inv_counts[ops[i].inv]++;
    }
}

/* What was not tried is no proof. */
static void check_counts(OracleWorld *w, uint64_t done, int64_t us)
{
    g_test_message("%" PRIu64 " operations, %.0f a second: %" PRIu64 " pages "
                   "alike, of these %" PRIu64 " blocked; %" PRIu64 " not "
                   "compared, as caches may have them", done,
                   done * 1e6 / us, w->alike, w->blocked, w->left_out);
    for (unsigned i = 0; i < CHANGES; i++) {
        g_assert_cmpuint(counts[i], >, 0);
    }
    for (unsigned i = 0; i < INVS; i++) {
        g_assert_cmpuint(inv_counts[i], >, 0);
    }
    g_assert_cmpuint(w->blocked, >, 0);
    g_assert_cmpuint(w->alike - w->blocked, >, 0);
    g_assert_true(oracle_world_is_intact(w));
}

static void test_alike(void)
{
    uint64_t wanted = number_from("VTD_ORACLE_OPS", OPERATIONS);
    uint64_t seed = number_from("VTD_ORACLE_SEED", 1);
    uint64_t number = number_from("VTD_ORACLE_FIRST", 0), done;
    g_autofree OracleWorld *w = g_new0(OracleWorld, 1);
    int64_t begun = g_get_monotonic_time();
    OracleOperation ops[BATCH];
    unsigned last;

    oracle_world_start(w);
    for (done = 0; done < wanted; done += BATCH, number++) {
        make_batch(ops, seed, number);
        if (!run_batch(w, ops, &last)) {
            report(w, ops, last, seed, number);
            oracle_world_stop(w);
            return;
        }
        count(ops);
        if (done % PROGRESS == 0) {
            /* A host VM that says nothing is taken for one that stands still. */
            g_test_message("batch %" PRIu64, number);
        }
    }
    check_counts(w, done, g_get_monotonic_time() - begun);
    oracle_world_stop(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/intel-iommu/nested/oracle", test_alike);
    return g_test_run();
}
