/* SPDX-License-Identifier: MIT */
/*
 * Space maps, logs and metaslabs of real pools. `allocated` is what `zdb -b` counts by walking
 * every block
 * ("bp allocated"), so maps and logs must agree with a block traversal.
 */
#include "alloc_rig.h"

#include "alloc/metaslab_read.h"

/* Every metaslab loads without contradiction; the sum over all vdevs. */
static uint64_t load_all(struct metaslabs *m)
{
    uint64_t total = 0, headers = 0;

    for (unsigned v = 0; v < m->nvdevs; v++) {
        struct range_tree *rt, *whole;
        assert_done(range_tree_create(&whole));
        for (uint64_t id = 0; id < m->vdev[v].count; id++) {
            assert_done(metaslab_load(m, v, id, &rt));
            assert_int_equal(range_tree_total(rt), metaslab_allocated(&m->vdev[v].ms[id]));
            total += range_tree_total(rt);
            range_tree_destroy(rt);
            headers += metaslab_allocated(&m->vdev[v].ms[id]);
        }
        assert_done(metaslabs_load_vdev(m, v, whole));
        range_tree_destroy(whole);
    }
    assert_int_equal(total, headers);
    return total;
}

static void check_pool(const char *fixture, unsigned images, uint64_t allocated)
{
    struct alloc_rig r;
    struct metaslabs *m;

    alloc_rig_open(&r, fixture, images);
    assert_done(metaslabs_open(r.pool.mos, r.pool.zp.vdevs, &m));
    assert_int_equal(load_all(m), allocated);
    metaslabs_close(m);
    alloc_rig_close(&r);
}

static void single(void **state)
{
    check_pool("basic-single", 1, 50489856);
}

static void version_1(void **state)
{
    check_pool("old-v1", 1, 163328);
}

/* zdb counts each reference to a cloned block; "bp cloned" is what the clones saved. */
static void cloned_blocks(void **state)
{
    check_pool("bclone", 1, 2551808 - 1073152);
}

static void many(void **state)
{
    static const struct {
        const char *fixture;
        unsigned images;
        uint64_t allocated; /* without what dedup saved */
    } t[] = {{"raidz1-3", 3, 13831168},      {"draid1", 6, 18837504},
             {"stripe2", 2, 9011712},        {"mirror2", 2, 10727424},
             {"raidz3-7", 7, 17057792},      {"raidz-expanded", 4, 18771968},
             {"old-v28", 1, 5305344},        {"v24-features", 1, 6670848},
             {"ashift-gang", 1, 12917760},   {"encrypted", 1, 9494528 - 32768},
             {"dedup", 1, 3190784 - 1433600}};

    for (size_t i = 0; i < array_len(t); i++) {
        print_message("# %s\n", t[i].fixture);
        check_pool(t[i].fixture, t[i].images, t[i].allocated);
    }
}

/* Metaslab headers and logs of basic-single as `zdb -m` shows them. */
static void headers(void **state)
{
    struct alloc_rig r;
    struct metaslabs *m;

    alloc_rig_open(&r, "basic-single", 1);
    assert_done(metaslabs_open(r.pool.mos, r.pool.zp.vdevs, &m));
    assert_int_equal(m->nvdevs, 1);
    const struct metaslab_vdev *mv = &m->vdev[0];
    assert_int_equal(mv->count, 15);
    assert_int_equal(mv->unflushed_object, 132);
    assert_int_equal(mv->ms[0].object, 134);
    assert_int_equal(mv->ms[0].map_length, 0x380);
    assert_int_equal(mv->ms[0].map_alloc, 0x86f200);
    assert_int_equal(mv->ms[14].object, 306);
    assert_int_equal(mv->ms[3].start, 0x3000000);
    assert_int_equal(mv->ms[0].unflushed_txg, 379);
    assert_true(mv->ms[0].has_histogram);
    assert_int_equal(m->logs.n, 1);
    assert_int_equal(m->logs.log[0].txg, 379);
    assert_int_equal(m->logs.log[0].object, 795);
    assert_int_equal(m->logs.log[0].entries, 69);
    assert_int_equal(m->logs.log[0].valid, 69);
    assert_int_equal(metaslab_load(m, 0, 15, &(struct range_tree *){NULL}), ZE_NOENT);
    assert_int_equal(metaslab_load(m, 1, 0, &(struct range_tree *){NULL}), ZE_NOENT);
    metaslabs_close(m);
    alloc_rig_close(&r);
}

/* Space that only the checkpoint holds stays allocated in the metaslabs. */
static void checkpoint(void **state)
{
    struct alloc_rig r;
    struct metaslabs *m;
    struct range_tree *rt, *ms;

    alloc_rig_open(&r, "checkpoint", 1);
    assert_done(metaslabs_open(r.pool.mos, r.pool.zp.vdevs, &m));
    assert_int_equal(m->vdev[0].checkpoint_object, 188);
    assert_done(range_tree_create(&rt));
    assert_done(range_tree_create(&ms));
    assert_done(metaslabs_load_checkpoint(m, 0, rt));
    assert_int_equal(range_tree_total(rt), (uint64_t)-m->vdev[0].checkpoint_alloc);
    assert_int_equal(load_all(m), 8815616 + range_tree_total(rt));
    assert_done(metaslabs_load_vdev(m, 0, ms));
    struct range x;
    for (bool ok = range_tree_first(rt, &x); ok; ok = range_tree_next(rt, &x))
        assert_true(range_tree_contains(ms, x.start, x.size));
    range_tree_destroy(rt);
    range_tree_destroy(ms);
    metaslabs_close(m);
    alloc_rig_close(&r);
}

/* vdev 1 was removed: no metaslabs, an obsolete map (object 157). */
static void removed(void **state)
{
    struct alloc_rig r;
    struct metaslabs *m;
    struct range_tree *rt;

    alloc_rig_open(&r, "removed", 3);
    assert_done(metaslabs_open(r.pool.mos, r.pool.zp.vdevs, &m));
    assert_int_equal(m->vdev[1].count, 0);
    assert_int_equal(m->vdev[1].obsolete_object, 157);
    assert_done(range_tree_create(&rt));
    assert_done(metaslabs_load_obsolete(m, 1, rt));
    assert_true(range_tree_total(rt) > 0);
    assert_true(range_tree_total(rt) <= 0x2dc600); /* what was mapped */
    range_tree_destroy(rt);
    (void)load_all(m);
    metaslabs_close(m);
    alloc_rig_close(&r);
}

static int count_debug(void *arg, const struct space_map_entry *e)
{
    unsigned *n = arg;
    if (e->phys.kind == SPACEMAP_DEBUG)
        n[0]++;
    else if (e->phys.kind != SPACEMAP_PADDING)
        n[1] += e->txg != 0 && e->size != 0;
    return n[1] == 5 ? 1234 : 0;
}

static void iteration(void **state)
{
    struct alloc_rig r;
    struct space_map *sm;
    unsigned n[2] = {0};
    struct range_tree *rt;

    alloc_rig_open(&r, "removed", 3);
    /* the list `zdb -mmmmm` shows for space map 82: a debug word, five allocations, ... */
    assert_done(space_map_open(r.pool.mos, 82, 0, 1 << 24, 9, &sm));
    assert_int_equal(space_map_iterate(sm, UINT64_MAX, count_debug, n), 1234);
    assert_int_equal(n[0], 1);
    assert_int_equal(n[1], 5);
    assert_int_equal(sm->phys.length, 0x728);
    assert_done(range_tree_create(&rt));
    assert_done(space_map_load(sm, 0, rt));
    assert_int_equal(range_tree_total(rt), 0x5ada00);
    /* loading it again allocates everything twice */
    assert_int_equal(space_map_load(sm, 0, rt), ZE_BADSPACEMAP);
    range_tree_destroy(rt);
    space_map_close(sm);
    assert_done(
        space_map_open(r.pool.mos, 82, 0, 1 << 20, 9, &sm)); /* smaller than its entries say */
    assert_done(range_tree_create(&rt));
    assert_int_equal(space_map_load(sm, 0, rt), ZE_BADSPACEMAP);
    range_tree_destroy(rt);
    space_map_close(sm);
    assert_int_equal(space_map_open(r.pool.mos, 1, 0, 1 << 24, 9, &sm), ZE_BADOBJ);
    alloc_rig_close(&r);
}

static void division(void **state)
{
    static const struct {
        uint64_t device;
        unsigned shift, count;
    } t[] = {{64ull << 20, 24, 3},    {256ull << 20, 24, 15}, {1ull << 30, 26, 15},
             {8ull << 30, 29, 15},    {10ull << 30, 29, 19},  {100ull << 30, 29, 199},
             {101ull << 30, 30, 100}, {1ull << 40, 33, 127},  {10ull << 40, 34, 639},
             {1ull << 50, 34, 65535}};

    for (size_t i = 0; i < array_len(t); i++) {
        uint64_t asize = t[i].device - 0x480000;
        assert_int_equal(metaslab_shift_for(asize), t[i].shift);
        assert_int_equal(asize >> t[i].shift, t[i].count);
    }
}

static void histogram(void **state)
{
    struct range_tree *rt;
    uint64_t h[64];

    assert_done(range_tree_create(&rt));
    range_tree_add(rt, 0x1000, 0x1000);
    range_tree_add(rt, 0x2200, 0x200);
    metaslab_free_histogram(rt, 0, 0x4000, h);
    assert_int_equal(h[12], 2); /* [0, 0x1000), [0x2400, 0x4000) */
    assert_int_equal(h[9], 1);  /* [0x2000, 0x2200) */
    range_tree_clear(rt);
    metaslab_free_histogram(rt, 0, 0x4000, h);
    assert_int_equal(h[14], 1);
    range_tree_destroy(rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single),    cmocka_unit_test(version_1), cmocka_unit_test(cloned_blocks),
        cmocka_unit_test(many),      cmocka_unit_test(headers),   cmocka_unit_test(checkpoint),
        cmocka_unit_test(removed),   cmocka_unit_test(iteration), cmocka_unit_test(division),
        cmocka_unit_test(histogram),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
