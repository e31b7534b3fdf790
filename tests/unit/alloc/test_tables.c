/* SPDX-License-Identifier: MIT */
/*
 * Dedup tables of both formats and the block reference table of real pools, against `zdb -D` and
 * `zdb -T`.
 */
#include "alloc_rig.h"

#include "alloc/brt.h"
#include "alloc/ddt.h"

struct walk {
    const struct ddt_table *t;
    uint64_t entries, refs;
    struct ddt_stat_phys hist[DDT_STAT_BUCKETS];
    const struct vdev_tree *vdevs;
};

/* Each entry of an iteration is found again by its key, as the same. */
static int seen(void *arg, const struct ddt_entry *e)
{
    struct walk *w = arg;
    struct ddt_entry again;
    struct blkptr bp;

    w->entries++;
    w->refs += ddt_value_refcnt(&e->value);
    ddt_stat_add(w->hist, e, w->vdevs);
    assert_done(ddt_lookup(w->t, &e->key, &again));
    assert_memory_equal(&e->value, &again.value, sizeof(e->value));
    for (unsigned i = 0; i < ddt_value_slots(&e->value); i++) {
        if (e->value.slot[i].phys_birth == 0)
            continue;
        ddt_slot_bp(&e->key, &e->value.slot[i], w->t->cksum, &bp);
        assert_done(bp_validate(&bp));
        assert_ptr_equal(ddt_entry_slot(e, &bp), &e->value.slot[i]);
    }
    return 0;
}

/* The statistics kept on disk must follow from the entries. */
static void check_table(struct alloc_rig *r, const struct ddt_table *t, uint64_t duplicate,
                        uint64_t unique)
{
    struct walk w = {.t = t, .vdevs = r->pool.zp.vdevs};
    struct ddt_stat_phys stored[DDT_STAT_BUCKETS];
    struct ddt_key_phys nowhere = {.prop = 1};

    assert_int_equal(t->class[DDT_CLASS_DUPLICATE].entries, duplicate);
    assert_int_equal(t->class[DDT_CLASS_UNIQUE].entries, unique);
    assert_done(ddt_iterate(t, seen, &w));
    assert_int_equal(w.entries, duplicate + unique);
    struct ddt_tables one = {.table = (struct ddt_table *)t, .n = 1};
    ddt_histogram(&one, r->pool.zp.vdevs, stored);
    assert_memory_equal(stored, w.hist, sizeof(stored));
    assert_int_equal(ddt_lookup(t, &nowhere, &(struct ddt_entry){0}), ZE_NOENT);
}

static void fast(void **state)
{
    struct alloc_rig r;
    struct ddt_tables *t;
    struct ddt_stat_phys hist[DDT_STAT_BUCKETS], total;

    alloc_rig_open(&r, "dedup-fast", 1);
    assert_done(ddt_tables_open(r.pool.mos, &t));
    assert_int_equal(t->n, 3);
    const struct ddt_table *sha = ddt_table_find(t, CHECKSUM_SHA256);
    assert_non_null(sha);
    assert_null(ddt_table_find(t, CHECKSUM_SKEIN));
    assert_int_equal(sha->version, DDT_VERSION_FDT);
    assert_int_equal(sha->flags, 3);
    assert_int_equal(sha->dir_object, 87);
    assert_int_equal(sha->class[DDT_CLASS_DUPLICATE].object, 147);
    assert_int_equal(sha->class[DDT_CLASS_DUPLICATE].dspace, 27648);
    assert_int_equal(sha->class[DDT_CLASS_DUPLICATE].mspace, 65536);
    assert_int_equal(sha->flushing->object, 88);
    assert_int_equal(sha->active->object, 89);
    assert_int_equal(sha->active->phys.first_txg, 35);
    check_table(&r, sha, 44, 4);
    check_table(&r, ddt_table_find(t, CHECKSUM_SHA512), 25, 2);
    check_table(&r, ddt_table_find(t, CHECKSUM_BLAKE3), 25, 2);
    /* zdb -DD: buckets 1, 2, 4 and the total */
    ddt_histogram(t, r.pool.zp.vdevs, hist);
    assert_int_equal(hist[0].blocks, 8);
    assert_int_equal(hist[1].blocks, 69);
    assert_int_equal(hist[2].blocks, 25);
    ddt_stat_total(hist, &total);
    assert_int_equal(total.blocks, 102);
    assert_int_equal(total.ref_blocks, 271);
    assert_int_equal((total.ref_dsize * 1000 / total.dsize + 5) / 10, 267);
    ddt_tables_close(t);
    alloc_rig_close(&r);
}

static int first_cursor(void *arg, const struct ddt_entry *e)
{
    *(uint64_t *)arg = e->cursor;
    return 7;
}

static void legacy(void **state)
{
    static const enum checksum_id ids[] = {CHECKSUM_SHA512, CHECKSUM_SKEIN, CHECKSUM_EDONR,
                                           CHECKSUM_BLAKE3};
    struct alloc_rig r;
    struct ddt_tables *t;
    uint64_t cursor = 0;

    alloc_rig_open(&r, "dedup", 1);
    assert_done(ddt_tables_open(r.pool.mos, &t));
    assert_int_equal(t->n, 5);
    const struct ddt_table *sha = ddt_table_find(t, CHECKSUM_SHA256);
    assert_int_equal(sha->version, DDT_VERSION_LEGACY);
    assert_int_equal(sha->dir_object, 1);
    assert_int_equal(sha->class[DDT_CLASS_UNIQUE].dspace, 23040);
    assert_null(sha->active);
    check_table(&r, sha, 25, 4);
    for (size_t i = 0; i < array_len(ids); i++)
        check_table(&r, ddt_table_find(t, ids[i]), 25, 2);
    assert_int_equal(ddt_iterate_class(sha, DDT_CLASS_UNIQUE, first_cursor, &cursor), 7);
    assert_int_not_equal(cursor, 0);
    ddt_tables_close(t);
    alloc_rig_close(&r);
}

/* Positions as zdb -DDDD prints them. */
static void cursors(void **state)
{
    struct alloc_rig r;
    struct ddt_tables *t;
    uint64_t cursor = 0;

    alloc_rig_open(&r, "dedup-fast", 1);
    assert_done(ddt_tables_open(r.pool.mos, &t));
    assert_int_equal(ddt_iterate_class(ddt_table_find(t, CHECKSUM_SHA256), DDT_CLASS_DUPLICATE,
                                       first_cursor, &cursor),
                     7);
    assert_int_equal(cursor, 0x1010d6d9ecd8f);
    ddt_tables_close(t);
    alloc_rig_close(&r);
}

static void none(void **state)
{
    struct alloc_rig r;
    struct ddt_tables *t;
    struct brt *b;
    uint64_t refs;
    struct dva d = {{8, 8}};

    alloc_rig_open(&r, "basic-single", 1);
    assert_done(ddt_tables_open(r.pool.mos, &t));
    assert_int_equal(t->n, 0);
    ddt_tables_close(t);
    assert_done(brt_open(r.pool.mos, &b));
    assert_int_equal(b->n, 0);
    assert_int_equal(brt_ratio(b), 100);
    assert_done(brt_lookup(b, &d, &refs));
    assert_int_equal(refs, 0);
    brt_close(b);
    alloc_rig_close(&r);
}

struct brt_walk {
    const struct brt *brt;
    uint64_t entries, first_offset, first_refs, per_range[16];
};

static int brt_seen(void *arg, uint64_t vdev, uint64_t offset, uint64_t refs)
{
    struct brt_walk *w = arg;
    uint64_t again;
    struct dva d;

    if (w->entries++ == 0) {
        w->first_offset = offset;
        w->first_refs = refs;
    }
    if (offset / BRT_RANGE_SIZE < array_len(w->per_range))
        w->per_range[offset / BRT_RANGE_SIZE]++;
    dva_set(&d, vdev, offset, 512, false);
    assert_done(brt_lookup(w->brt, &d, &again));
    assert_int_equal(again, refs);
    return 0;
}

static void brt(void **state)
{
    struct alloc_rig r;
    struct brt *b;
    struct brt_walk w = {0};
    uint16_t *counters;
    uint64_t n;

    alloc_rig_open(&r, "bclone", 1);
    assert_done(brt_open(r.pool.mos, &b));
    assert_int_equal(b->n, 1);
    w.brt = b;
    assert_int_equal(brt_used(b), 608 << 10);
    assert_int_equal(brt_saved(b), 1073152); /* "bp cloned" of zdb -b */
    assert_int_equal(brt_ratio(b), 272);
    assert_done(brt_iterate(b, &b->vdev[0], brt_seen, &w));
    assert_int_equal(w.entries, 26);
    assert_int_equal(b->vdev[0].phys.total_count, 26);
    /* first line of zdb -TTTTT: "0:32000  3" counts all references but one is ours */
    assert_int_equal(w.first_offset, 0x32000);
    assert_int_equal(w.first_refs, 3);
    assert_done(brt_counters(b, &b->vdev[0], &counters, &n));
    for (uint64_t i = 0; i < n && i < array_len(w.per_range); i++)
        assert_int_equal(counters[i], w.per_range[i]);
    free(counters);
    assert_null(brt_vdev_find(b, 1));
    brt_close(b);
    alloc_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fast), cmocka_unit_test(legacy),
                                       cmocka_unit_test(cursors), cmocka_unit_test(none),
                                       cmocka_unit_test(brt)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
