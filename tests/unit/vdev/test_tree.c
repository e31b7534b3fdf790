/* SPDX-License-Identifier: MIT */
/* Building vdev trees from configurations: what is refused, names, guid sums, regeneration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "vdev/vdev.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_stats.h"

static struct env env;

static struct nvlist *leaf(uint64_t id, uint64_t guid, const char *path)
{
    struct nvlist *nv;
    assert_int_equal(nvlist_create(&nv), 0);
    nvlist_add_string(nv, "type", "file");
    nvlist_add_u64(nv, "id", id);
    nvlist_add_u64(nv, "guid", guid);
    nvlist_add_string(nv, "path", path);
    return nv;
}

static struct nvlist *interior(const char *type, uint64_t id, uint64_t guid, struct nvlist **child,
                               size_t n)
{
    struct nvlist *nv;
    assert_int_equal(nvlist_create(&nv), 0);
    nvlist_add_string(nv, "type", type);
    nvlist_add_u64(nv, "id", id);
    nvlist_add_u64(nv, "guid", guid);
    if (n > 0)
        nvlist_add_nvlist_array(nv, "children", child, n);
    for (size_t i = 0; i < n; i++)
        nvlist_free(child[i]);
    return nv;
}

static struct nvlist *mirror_pool(void)
{
    struct nvlist *l[] = {leaf(0, 11, "/a"), leaf(1, 12, "/b")};
    struct nvlist *m = interior("mirror", 0, 10, NULL, 0);
    nvlist_add_u64(m, "metaslab_array", 133);
    nvlist_add_u64(m, "metaslab_shift", 24);
    nvlist_add_u64(m, "ashift", 12);
    nvlist_add_u64(m, "asize", 62390272);
    nvlist_add_u64(m, "is_log", 0);
    nvlist_add_u64(m, "create_txg", 4);
    nvlist_add_nvlist_array(m, "children", l, 2);
    nvlist_free(l[0]);
    nvlist_free(l[1]);
    return interior("root", 0, 1, &m, 1);
}

static void builds_and_names(void **state)
{
    AUTO_NVLIST struct nvlist *nv = mirror_pool();
    struct vdev_tree *t;
    char name[64];
    assert_int_equal(vdev_tree_create(&env, nv, NULL, &t), 0);
    assert_int_equal(t->root->nchildren, 1);
    struct vdev *m = vdev_tree_top(t, 0);
    assert_int_equal(m->type, VDEV_MIRROR);
    assert_int_equal(m->ashift, 12);
    assert_int_equal(m->metaslab_shift, 24);
    assert_ptr_equal(m->child[1]->top, m);
    assert_ptr_equal(vdev_find_guid(t->root, 12), m->child[1]);
    assert_null(vdev_find_guid(t->root, 99));
    assert_null(vdev_tree_top(t, 1));
    assert_int_equal(vdev_guid_sum(t->root), 1 + 10 + 11 + 12);
    vdev_display_name(m, name, sizeof(name));
    assert_string_equal(name, "mirror-0");
    vdev_display_name(m->child[0], name, sizeof(name));
    assert_string_equal(name, "/a");
    assert_int_equal(vdev_psize_to_asize(m, 512, 0), 4096);
    assert_int_equal(vdev_copies(m), 2);
    vdev_tree_destroy(t);
}

static void disk_names_lose_directory_and_partition(void **state)
{
    static const struct {
        const char *path, *name;
        uint64_t whole;
    } cases[] = {{"/dev/disk/by-id/ata-X-part1", "ata-X", 1},
                 {"/dev/sda1", "sda", 1},
                 {"/dev/sda1", "sda1", 0},
                 {"/dev/nvme0n1p1", "nvme0n1", 1},
                 {"/srv/disk1", "/srv/disk1", 0}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct nvlist *l = leaf(0, 11, cases[i].path);
        nvlist_add_string(l, "type", "disk");
        nvlist_add_u64(l, "whole_disk", cases[i].whole);
        AUTO_NVLIST struct nvlist *root = interior("root", 0, 1, &l, 1);
        struct vdev_tree *t;
        char name[64];
        assert_int_equal(vdev_tree_create(&env, root, NULL, &t), 0);
        vdev_display_name(t->root->child[0], name, sizeof(name));
        assert_string_equal(name, cases[i].name);
        vdev_tree_destroy(t);
    }
}

static void refuses(struct nvlist *nv)
{
    struct vdev_tree *t;
    assert_int_equal(vdev_tree_create(&env, nv, NULL, &t), ZE_VDEVCONFIG);
    assert_true(strlen(err_detail()) > 0);
    nvlist_free(nv);
}

static void refuses_bad_configurations(void **state)
{
    struct nvlist *l;
    refuses(leaf(0, 5, "/x")); /* not a root */

    l = leaf(0, 5, "/x");
    nvlist_add_string(l, "type", "floppy");
    refuses(interior("root", 0, 1, &l, 1));

    l = leaf(1, 5, "/x"); /* id is not the position */
    refuses(interior("root", 0, 1, &l, 1));

    l = leaf(0, 5, "/x");
    nvlist_remove(l, "guid");
    refuses(interior("root", 0, 1, &l, 1));

    l = leaf(0, 5, "/x");
    nvlist_add_u64(l, "ashift", 17);
    refuses(interior("root", 0, 1, &l, 1));

    l = leaf(0, 5, "/x");
    nvlist_add_u64(l, "metaslab_shift", 64);
    refuses(interior("root", 0, 1, &l, 1));

    l = interior("mirror", 0, 5, NULL, 0); /* childless */
    refuses(interior("root", 0, 1, &l, 1));

    l = interior("root", 0, 5, NULL, 0); /* a root below a root */
    refuses(interior("root", 0, 1, &l, 1));

    l = leaf(0, 5, "/x");
    for (int i = 0; i < 12; i++)
        l = interior("mirror", 0, 6, &l, 1);
    refuses(interior("root", 0, 1, &l, 1));

    struct nvlist *r[] = {leaf(0, 5, "/x"), leaf(1, 6, "/y")};
    l = interior("raidz", 0, 7, r, 2);
    nvlist_add_u64(l, "nparity", 4);
    refuses(interior("root", 0, 1, &l, 1));
}

static void stored_faults_count_only_if_forced(void **state)
{
    struct nvlist *l[] = {leaf(0, 5, "/x"), leaf(1, 6, "/y"), leaf(2, 7, "/z")};
    nvlist_add_u64(l[0], "faulted", 1);
    nvlist_add_string(l[0], "aux_state", "external");
    nvlist_add_u64(l[1], "faulted", 1);
    nvlist_add_u64(l[2], "degraded", 1);
    nvlist_add_string(l[2], "aux_state", "err_exceeded");
    AUTO_NVLIST struct nvlist *root = interior("root", 0, 1, l, 3);
    struct vdev_tree *t;
    assert_int_equal(vdev_tree_create(&env, root, NULL, &t), 0);
    assert_true(t->root->child[0]->faulted);
    assert_int_equal(t->root->child[0]->label_aux, VDEV_AUX_EXTERNAL);
    assert_false(t->root->child[1]->faulted);
    assert_true(t->root->child[2]->degraded);
    vdev_tree_destroy(t);
}

static void same_nvlist(const struct nvlist *a, const struct nvlist *b)
{
    uint8_t *pa, *pb;
    size_t la, lb;
    assert_int_equal(nvlist_encode(a, NV_ENC_XDR, &pa, &la), 0);
    assert_int_equal(nvlist_encode(b, NV_ENC_XDR, &pb, &lb), 0);
    assert_int_equal(la, lb);
    assert_memory_equal(pa, pb, la);
    free(pa);
    free(pb);
}

static void regenerates_what_it_read(void **state)
{
    AUTO_NVLIST struct nvlist *nv = mirror_pool();
    AUTO_NVLIST struct nvlist *again = NULL;
    struct vdev_tree *t;
    assert_int_equal(vdev_tree_create(&env, nv, NULL, &t), 0);
    assert_int_equal(vdev_config_generate(t->root, VDEV_CONFIG_MOS, &again), 0);
    same_nvlist(nv, again);
    vdev_tree_destroy(t);
}

static void statistics_are_in_the_configuration(void **state)
{
    AUTO_NVLIST struct nvlist *nv = mirror_pool();
    AUTO_NVLIST struct nvlist *out = NULL;
    struct vdev_tree *t;
    const uint64_t *stats;
    size_t n;
    assert_int_equal(vdev_tree_create(&env, nv, NULL, &t), 0);
    vdev_tree_top(t, 0)->child[1]->stats.checksum_errors = 3;
    assert_int_equal(vdev_config_generate(t->root, VDEV_CONFIG_STATS, &out), 0);
    struct nvlist *const *top, *const *leaves;
    assert_int_equal(nvlist_lookup_nvlist_array(out, "children", &top, &n), 0);
    assert_int_equal(nvlist_lookup_u64_array(top[0], "vdev_stats", &stats, &n), 0);
    assert_int_equal(n, VDEV_STATS_COUNT);
    assert_int_equal(stats[VDEV_STAT_SPACE], 3u << 24);
    assert_int_equal(nvlist_lookup_nvlist_array(top[0], "children", &leaves, &n), 0);
    assert_int_equal(nvlist_lookup_u64_array(leaves[1], "vdev_stats", &stats, &n), 0);
    assert_int_equal(stats[VDEV_STAT_CHECKSUM_ERRORS], 3);
    assert_non_null(nvlist_child(leaves[1], "vdev_stats_ex"));
    vdev_stats_clear_errors(t->root);
    assert_int_equal(vdev_tree_top(t, 0)->child[1]->stats.checksum_errors, 0);
    vdev_tree_destroy(t);
}

static void placeholders_hold_their_slots(void **state)
{
    struct nvlist *l[] = {leaf(0, 5, "/x"), interior("hole", 1, 0, NULL, 0),
                          interior("missing", 2, 0, NULL, 0)};
    AUTO_NVLIST struct nvlist *root = interior("root", 0, 1, l, 3);
    struct vdev_tree *t;
    assert_int_equal(vdev_tree_create(&env, root, NULL, &t), 0);
    assert_false(vdev_is_concrete(t->root->child[1]));
    assert_false(vdev_is_concrete(t->root->child[2]));
    assert_int_equal(vdev_guid_sum(t->root), 6);
    vdev_tree_destroy(t);
}

static void state_names(void **state)
{
    assert_string_equal(vdev_state_name(VDEV_STATE_HEALTHY, 0), "ONLINE");
    assert_string_equal(vdev_state_name(VDEV_STATE_CANT_OPEN, VDEV_AUX_OPEN_FAILED), "UNAVAIL");
    assert_string_equal(vdev_state_name(VDEV_STATE_CANT_OPEN, VDEV_AUX_CORRUPT_DATA), "FAULTED");
    assert_string_equal(vdev_state_name(VDEV_STATE_CANT_OPEN, VDEV_AUX_SPLIT_POOL), "SPLIT");
    assert_string_equal(vdev_state_name(VDEV_STATE_OFFLINE, 0), "OFFLINE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_and_names),
        cmocka_unit_test(disk_names_lose_directory_and_partition),
        cmocka_unit_test(refuses_bad_configurations),
        cmocka_unit_test(stored_faults_count_only_if_forced),
        cmocka_unit_test(regenerates_what_it_read),
        cmocka_unit_test(statistics_are_in_the_configuration),
        cmocka_unit_test(placeholders_hold_their_slots),
        cmocka_unit_test(state_names),
    };
    if (env_init_simulated(&env, 1, 1) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    env_fini(&env);
    return failed;
}
