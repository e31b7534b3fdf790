/* SPDX-License-Identifier: MIT */
/* From labels to pools, the cache file, and how long an activity check takes. No devices involved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "pool/assemble.h"
#include "pool/cachefile.h"
#include "pool/events.h"
#include "pool/load.h"
#include "pool/pool.h"

struct builder {
    struct pool_scan scan;
    struct scan_device dev[16];
};

static struct nvlist *label(struct builder *b, const char *path, uint64_t pool, uint64_t top,
                            uint64_t top_id, uint64_t guid, uint64_t txg)
{
    struct nvlist *nv, *tree;
    struct scan_device *d = &b->dev[b->scan.n];
    assert_int_equal(nvlist_create(&nv), 0);
    assert_int_equal(nvlist_create(&tree), 0);
    nvlist_add_u64(nv, "version", 5000);
    nvlist_add_string(nv, "name", "tank");
    nvlist_add_u64(nv, "state", 0);
    nvlist_add_u64(nv, "txg", txg);
    nvlist_add_u64(nv, "pool_guid", pool);
    nvlist_add_u64(nv, "top_guid", top);
    nvlist_add_u64(nv, "guid", guid);
    nvlist_add_u64(nv, "vdev_children", 2);
    nvlist_add_string(tree, "type", "file");
    nvlist_add_u64(tree, "id", top_id);
    nvlist_add_u64(tree, "guid", guid);
    nvlist_add_string(tree, "path", "/old/place");
    nvlist_take_nvlist(nv, "vdev_tree", tree);
    *d = (struct scan_device){
        .path = mem_strdup(path), .config = nv, .num_labels = 4, .order = (unsigned)b->scan.n};
    b->scan.dev = b->dev;
    b->scan.n++;
    return nv;
}

static void builder_end(struct builder *b)
{
    for (size_t i = 0; i < b->scan.n; i++) {
        free(b->dev[i].path);
        nvlist_free(b->dev[i].config);
    }
}

static const char *child_string(const struct nvlist *config, size_t i, const char *name)
{
    struct nvlist *const *child;
    size_t n;
    const struct nvlist *tree = nvlist_child(config, "vdev_tree");
    assert_int_equal(nvlist_lookup_nvlist_array(tree, "children", &child, &n), 0);
    assert_true(i < n);
    return nvlist_string(child[i], name, "");
}

static void slots_are_filled(void **state)
{
    struct builder b = {0};
    struct pool_candidates *c;
    label(&b, "/new/b", 7, 21, 1, 21, 100);
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_int_equal(c->n, 1);
    assert_string_equal(child_string(c->config[0], 0, "type"), "missing");
    assert_string_equal(child_string(c->config[0], 1, "type"), "file");
    assert_string_equal(child_string(c->config[0], 1, "path"), "/new/b");
    pool_candidates_free(c);
    uint64_t holes[] = {0};
    nvlist_add_u64_array(b.dev[0].config, "hole_array", holes, 1);
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_string_equal(child_string(c->config[0], 0, "type"), "hole");
    assert_int_equal(nvlist_u64(nvlist_child(c->config[0], "vdev_tree"), "guid", 0), 7);
    pool_candidates_free(c);
    builder_end(&b);
}

static void newest_label_describes_the_pool(void **state)
{
    struct builder b = {0};
    struct pool_candidates *c;
    nvlist_add_string(label(&b, "/a", 7, 20, 0, 20, 90), "name", "oldname");
    label(&b, "/b", 7, 21, 1, 21, 100);
    /* the same slot in an older label, under another top-level guid: replaced since */
    label(&b, "/c", 7, 22, 1, 22, 50);
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_int_equal(c->n, 1);
    assert_string_equal(nvlist_string(c->config[0], "name", ""), "tank");
    assert_string_equal(child_string(c->config[0], 0, "path"), "/a");
    assert_string_equal(child_string(c->config[0], 1, "path"), "/b");
    pool_candidates_free(c);
    builder_end(&b);
}

static void better_paths_win(void **state)
{
    struct builder b = {0};
    struct pool_candidates *c;
    label(&b, "/x", 7, 20, 0, 20, 100);
    label(&b, "/y", 7, 20, 0, 20, 100);
    b.dev[0].num_labels = 2;
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_string_equal(child_string(c->config[0], 0, "path"), "/y"); /* more labels */
    pool_candidates_free(c);
    label(&b, "/old/place", 7, 20, 0, 20, 100);
    b.dev[2].num_labels = 1;
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_string_equal(child_string(c->config[0], 0, "path"), "/old/place"); /* where it was */
    pool_candidates_free(c);
    builder_end(&b);
}

/* Two labels of one txg: the one that no checksum vouches for does not describe the pool. */
static void damaged_labels_come_last(void **state)
{
    struct builder b = {0};
    struct pool_candidates *c;
    nvlist_add_string(label(&b, "/a", 7, 20, 0, 20, 100), "name", "damaged");
    label(&b, "/b", 7, 21, 1, 21, 100);
    b.dev[0].num_labels = 0;
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_int_equal(c->n, 1);
    assert_string_equal(nvlist_string(c->config[0], "name", ""), "tank");
    assert_string_equal(child_string(c->config[0], 0, "path"), "/a"); /* still a device of it */
    pool_candidates_free(c);
    builder_end(&b);
}

static void hostile_labels_make_no_pool(void **state)
{
    struct builder b = {0};
    struct pool_candidates *c;
    nvlist_add_u64(label(&b, "/a", 7, 20, 0, 20, 100), "vdev_children", 1ull << 60);
    label(&b, "/b", 8, 20, 1ull << 40, 20, 100);
    label(&b, "/c", 9, 20, 0, 20, 0);
    nvlist_add_u64(label(&b, "/d", 10, 20, 0, 20, 5), "state", POOL_STATE_SPARE);
    nvlist_remove(label(&b, "/e", 11, 20, 0, 20, 5), "name");
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_int_equal(c->n, 0);
    pool_candidates_free(c);
    builder_end(&b);
}

static void finding_by_name_and_guid(void **state)
{
    struct builder b = {0};
    struct pool_candidates *c;
    const struct nvlist *found;
    label(&b, "/a", 7, 20, 0, 20, 100);
    label(&b, "/b", 8, 30, 0, 30, 100);
    nvlist_add_u64(label(&b, "/c", 9, 40, 0, 40, 100), "state", POOL_STATE_DESTROYED);
    assert_int_equal(pool_assemble(&b.scan, &c), 0);
    assert_int_equal(c->n, 3);
    assert_int_equal(pool_candidates_find(c, "tank", false, &found), ZE_EXISTS);
    assert_int_equal(pool_candidates_find(c, "8", false, &found), 0);
    assert_int_equal(nvlist_u64(found, "pool_guid", 0), 8);
    assert_int_equal(pool_candidates_find(c, "tank", true, &found), 0);
    assert_int_equal(nvlist_u64(found, "pool_guid", 0), 9);
    assert_int_equal(pool_candidates_find(c, "9", false, &found), ZE_NOPOOL);
    assert_int_equal(pool_candidates_find(c, "nope", false, &found), ZE_NOPOOL);
    pool_candidates_free(c);
    builder_end(&b);
}

static void cache_file_round_trip(void **state)
{
    struct builder b = {0};
    struct pool_candidates *c;
    char path[] = "/tmp/zuse-cache-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    assert_int_equal(cachefile_candidates(path, &c), ZE_NOENT);
    struct nvlist *nv = label(&b, "/a", 7, 20, 0, 20, 100);
    assert_int_equal(cachefile_update(path, "tank", nv), 0);
    assert_int_equal(cachefile_update(path, "other", nv), 0);
    assert_int_equal(cachefile_candidates(path, &c), 0);
    assert_int_equal(c->n, 2);
    assert_int_equal(nvlist_u64(c->config[0], "pool_guid", 0), 7);
    struct nvlist *moved;
    assert_int_equal(pool_config_fix_paths(nv, &b.scan, &moved), 0);
    assert_string_equal(nvlist_string(nvlist_child(moved, "vdev_tree"), "path", ""), "/a");
    nvlist_free(moved);
    pool_candidates_free(c);
    assert_int_equal(cachefile_update(path, "tank", NULL), 0);
    assert_int_equal(cachefile_update(path, "tank", NULL), 0);
    assert_int_equal(cachefile_update(path, "other", NULL), 0);
    assert_int_not_equal(access(path, F_OK), 0); /* empty: gone */
    FILE *f = fopen(path, "w");
    fputs("not a cache file at all", f);
    fclose(f);
    assert_int_not_equal(cachefile_candidates(path, &c), 0);
    unlink(path);
    builder_end(&b);
}

static void pool_names(void **state)
{
    assert_int_equal(pool_name_check("tank", true), 0);
    assert_int_equal(pool_name_check("t-a_n.k:1 x", true), 0);
    assert_int_not_equal(pool_name_check("", true), 0);
    assert_int_not_equal(pool_name_check("1tank", true), 0);
    assert_int_not_equal(pool_name_check("a/b", true), 0);
    assert_string_equal(err_detail(), "invalid character '/' in pool name");
    assert_int_not_equal(pool_name_check("mirror", true), 0);
    assert_int_equal(pool_name_check("mirrors", true), 0);
    assert_int_not_equal(pool_name_check("mirrors", false), 0);
    assert_int_not_equal(pool_name_check("log", false), 0);
    assert_int_equal(pool_name_check("log", true), 0);
    char name[300];
    memset(name, 'a', sizeof(name));
    name[299] = '\0';
    assert_int_equal(pool_name_check(name, true), ZE_NAMETOOLONG);
}

/* format/pool.md 6.3 */
static void activity_check_duration(void **state)
{
    const uint64_t s = 1000000000;
    AUTO_NVLIST struct nvlist *nv = NULL;
    assert_int_equal(nvlist_create(&nv), 0);
    nvlist_add_u64(nv, "state", POOL_STATE_ACTIVE);
    struct uberblock ub = {
        .mmp_magic = UBERBLOCK_MMP_MAGIC, .mmp_delay = s / 2, .mmp_config = 0x000A00010003E807ull};
    assert_int_equal(mmp_check_duration(&ub, nv, 5), 20 * s); /* 10 intervals of 1 s, doubled */
    ub.mmp_config = 0x0000000A0003E807ull;
    assert_int_equal(mmp_check_duration(&ub, nv, 5), 30 * s); /* never suspends: (1+0.5)*20 */
    ub.mmp_config = 0;
    assert_int_equal(mmp_check_duration(&ub, nv, 5), 30 * s);
    nvlist_add_u64(nv, "state", POOL_STATE_EXPORTED);
    nvlist_add_u64(nv, "hostid", 5);
    assert_int_equal(mmp_check_duration(&ub, nv, 5), 0);
    assert_int_equal(mmp_check_duration(&ub, nv, 6), 30 * s);
    ub.mmp_delay = 0;
    assert_int_equal(mmp_check_duration(&ub, nv, 6), 0);
    ub.mmp_delay = UINT64_MAX; /* hostile: still an end */
    assert_true(mmp_check_duration(&ub, nv, 6) <= 24 * 3600 * s);
    ub.mmp_magic = 0;
    assert_int_equal(mmp_check_duration(&ub, nv, 6), 0);
}

static void event_ring_forgets_the_oldest(void **state)
{
    struct env env;
    struct pool_events *ev;
    struct nvlist *nv;
    uint64_t dropped;
    assert_int_equal(env_init_simulated(&env, 1, 1), 0);
    assert_int_equal(pool_events_create(&env, &ev), 0);
    for (unsigned i = 0; i < POOL_EVENTS_MAX + 10; i++) {
        assert_int_equal(nvlist_create(&nv), 0);
        nvlist_add_u64(nv, "n", i);
        pool_events_post(ev, "ereport.fs.zfs.test", nv);
    }
    assert_int_equal(pool_events_next(ev, 0, &nv, &dropped), 0);
    assert_int_equal(dropped, 10);
    assert_int_equal(nvlist_u64(nv, "eid", 0), 11);
    assert_int_equal(nvlist_u64(nv, "n", 0), 10);
    nvlist_free(nv);
    assert_int_equal(pool_events_wait(ev, 1, 0), 0);
    assert_int_equal(pool_events_wait(ev, POOL_EVENTS_MAX + 10, 1000), ZE_TIMEDOUT);
    assert_int_equal(pool_events_clear(ev), POOL_EVENTS_MAX);
    pool_events_destroy(ev);
    env_fini(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_filled),
        cmocka_unit_test(newest_label_describes_the_pool),
        cmocka_unit_test(better_paths_win),
        cmocka_unit_test(damaged_labels_come_last),
        cmocka_unit_test(hostile_labels_make_no_pool),
        cmocka_unit_test(finding_by_name_and_guid),
        cmocka_unit_test(cache_file_round_trip),
        cmocka_unit_test(pool_names),
        cmocka_unit_test(activity_check_duration),
        cmocka_unit_test(event_ring_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
