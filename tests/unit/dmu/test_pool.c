/* SPDX-License-Identifier: MIT */
/*
 * The dmu floor on a pool that OpenZFS made (fixture basic-single). What is expected here is what
 * zdb prints for it: `zdb -d` (objects, sizes) and `zdb -dddd` (contents and statistics of ZAPs).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dmu/traverse.h"
#include "../fixture.h"
#include "pool_rig.h"

static struct pool_rig rig;
static const char *why_not;
static char image[64];
static int fd = -1;

static int setup(void **state)
{
    fd = fixture_open("basic-single", "d0", &why_not);
    if (fd < 0)
        return 0;
    snprintf(image, sizeof(image), "/proc/self/fd/%d", fd);
    rig.path[rig.images++] = image;
    int err = rig_open(&rig);
    if (err != 0)
        print_error("%s: %s\n", err_name(err), err_detail());
    return err;
}

static int teardown(void **state)
{
    rig_close(&rig);
    if (fd >= 0)
        close(fd);
    return 0;
}

#define NEED_FIXTURE()                                                                             \
    do {                                                                                           \
        if (fd < 0) {                                                                              \
            print_message("skipped: %s\n", why_not);                                               \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* Names and order as zdb lists object 1. */
static void object_directory(void **state)
{
    static const struct {
        const char *name;
        uint64_t value;
    } want[] = {{"history", 60},
                {"features_for_write", 52},
                {"creation_version", 5000},
                {"org.illumos:checksum_salt", 0},
                {"config", 61},
                {"pool_props", 63},
                {"root_dataset", 32},
                {"com.delphix:vdev_zap_map", 65},
                {"feature_descriptions", 53},
                {"sync_bplist", 62},
                {"com.delphix:log_spacemap_zap", 129},
                {"empty_bpobj", 142},
                {"feature_enabled_txg", 64},
                {"free_bpobj", 41},
                {"deflate", 1},
                {"features_for_read", 51}};
    NEED_FIXTURE();
    struct zap *zap;
    struct zap_cursor c;
    struct zap_entry e;
    assert_int_equal(zap_open(rig.mos, 1, &zap), 0);
    assert_int_equal(zap_count(zap), array_len(want));
    zap_cursor_init(&c, zap);
    for (unsigned i = 0; i < array_len(want); i++) {
        assert_int_equal(zap_cursor_next(&c, &e), 0);
        assert_string_equal(e.name, want[i].name);
        assert_int_equal(e.first, want[i].value);
    }
    assert_int_equal(zap_cursor_next(&c, &e), ZE_NOENT);
    zap_cursor_fini(&c);
    uint8_t salt[32];
    assert_int_equal(zap_lookup(zap, "org.illumos:checksum_salt", 1, 32, salt, NULL), 0);
    assert_memory_equal(salt, "\xcb\x82\xa5\xd1\x65\x92\xfb\x70", 8);
    zap_close(zap);
}

static uint64_t count_objects(struct objset *os)
{
    uint64_t object = 0, n = 0;
    int err;
    while ((err = objset_next_object(os, &object)) == 0)
        n++;
    assert_int_equal(err, ZE_NOENT);
    return n;
}

struct totals {
    uint64_t asize, dnodes, errors;
};

static int total(void *arg, const struct traverse_visit *v)
{
    struct totals *t = arg;
    t->errors += v->event == TRAVERSE_ERROR;
    t->dnodes += v->event == TRAVERSE_DNODE;
    if (v->event == TRAVERSE_BLOCK)
        t->asize += bp_asize(v->bp);
    return 0;
}

/* "Dataset basic/files [ZPL], ID 139, cr_txg 9, 1.28M, 5421 objects" and others of `zdb -d`. */
static void datasets(void **state)
{
    static const struct {
        uint64_t id, objects, asize;
    } want[] = {{0, 485, 705024}, {139, 5421, 1342976}, {325, 8, 188416},
                {364, 26, 52224}, {614, 2, 358912},     {341, 26, 31744}};
    NEED_FIXTURE();
    for (unsigned i = 0; i < array_len(want); i++) {
        struct blkptr root = rig.ub.rootbp;
        struct objset *os = rig.mos;
        if (want[i].id != 0)
            assert_int_equal(rig_dataset(&rig, want[i].id, 0, &root, &os), 0);
        assert_int_equal(count_objects(os), want[i].objects);
        assert_int_equal(bp_fill(&root), want[i].objects);
        struct totals sum = {0};
        struct traverse t = {.pool = &rig.zp,
                             .dataset = want[i].id,
                             .root = root,
                             .flags = TRAVERSE_PRE | TRAVERSE_DNODES | TRAVERSE_CONTINUE,
                             .prio = VDEV_PRIO_SCRUB,
                             .fn = total,
                             .arg = &sum};
        assert_int_equal(traverse_objset(&t), 0);
        assert_int_equal(sum.errors, 0);
        assert_int_equal(sum.asize, want[i].asize);
        if (want[i].id != 0)
            objset_close(os);
    }
}

/* Every block of every dataset, through every way of reading it. */
static void all_data_reads_alike(void **state)
{
    enum { CHUNK = 1 << 20 };
    NEED_FIXTURE();
    struct blkptr root;
    struct objset *os;
    assert_int_equal(rig_dataset(&rig, 84, 0, &root, &os), 0); /* 512-byte records */
    uint8_t *a = malloc(CHUNK), *b = malloc(CHUNK);
    uint64_t object = 0, bytes = 0;
    while (objset_next_object(os, &object) == 0) {
        struct dnode *dn;
        assert_int_equal(dnode_hold(os, object, &dn), 0);
        for (uint64_t off = 0; off < dnode_size(dn); off += CHUNK) {
            uint64_t n = min_of(dnode_size(dn) - off, (uint64_t)CHUNK);
            assert_int_equal(dmu_read(dn, off, a, n), 0);
            assert_int_equal(dmu_read_uncached(dn, off, b, n), 0);
            assert_memory_equal(a, b, n);
            bytes += n;
        }
        dnode_rele(dn);
    }
    assert_int_equal(bytes, 2133504);
    free(a);
    free(b);
    objset_close(os);
}

/* The directory of 5000 entries in 40 leaves. */
static void statistics_of_a_fat_zap(void **state)
{
    NEED_FIXTURE();
    struct blkptr root;
    struct objset *os;
    assert_int_equal(rig_dataset(&rig, 139, 0, &root, &os), 0);
    uint64_t object = 0, found = 0;
    while (found == 0 && objset_next_object(os, &object) == 0) {
        struct dnode *dn;
        assert_int_equal(dnode_hold(os, object, &dn), 0);
        if (dnode_phys(dn)->type == OBJTYPE_DIRECTORY && dnode_size(dn) > 40 * 16384)
            found = object;
        dnode_rele(dn);
    }
    struct zap *zap;
    struct zap_stats s;
    assert_int_equal(zap_open(os, found, &zap), 0);
    assert_int_equal(zap_stats_get(zap, &s), 0);
    assert_int_equal(s.num_entries, 5000);
    assert_int_equal(s.num_leafs, 40);
    assert_int_equal(s.num_blocks, 41);
    assert_int_equal(s.salt, 0x101cad);
    assert_int_equal(s.leafs_2n_ptrs[4], 16);
    assert_int_equal(s.leafs_2n_ptrs[5], 24);
    assert_int_equal(s.blocks_n5_entries[9], 40);
    assert_int_equal(s.blocks_n10_full[5], 8);
    assert_int_equal(s.blocks_n10_full[6], 8);
    assert_int_equal(s.blocks_n10_full[9], 24);
    assert_int_equal(s.entries_n_chunks[4], 5000);
    assert_int_equal(s.buckets_n_entries[0], 15672);
    assert_int_equal(s.buckets_n_entries[1], 4616);
    assert_int_equal(s.buckets_n_entries[2], 192);
    zap_close(zap);
    objset_close(os);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_directory),
        cmocka_unit_test(datasets),
        cmocka_unit_test(all_data_reads_alike),
        cmocka_unit_test(statistics_of_a_fat_zap),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
