/* SPDX-License-Identifier: MIT */
/* Dirty time logs: from leaves upward, who is required, who needs a resilver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "vdev/dtl.h"
#include "vdev/vdev_impl.h"

static struct env env;

static struct vdev_tree *tree_of(const char *type, unsigned n, uint64_t nparity)
{
    struct nvlist *l[8], *top, *root;
    struct vdev_tree *t;
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(nvlist_create(&l[i]), 0);
        nvlist_add_string(l[i], "type", "file");
        nvlist_add_u64(l[i], "id", i);
        nvlist_add_u64(l[i], "guid", 10 + i);
    }
    assert_int_equal(nvlist_create(&top), 0);
    nvlist_add_string(top, "type", type);
    nvlist_add_u64(top, "id", 0);
    nvlist_add_u64(top, "guid", 5);
    if (nparity != 0)
        nvlist_add_u64(top, "nparity", nparity);
    nvlist_add_nvlist_array(top, "children", l, n);
    assert_int_equal(nvlist_create(&root), 0);
    nvlist_add_string(root, "type", "root");
    nvlist_add_u64(root, "id", 0);
    nvlist_add_u64(root, "guid", 1);
    nvlist_add_nvlist_array(root, "children", &top, 1);
    assert_int_equal(vdev_tree_create(&env, root, NULL, &t), 0);
    for (unsigned i = 0; i < n; i++)
        nvlist_free(l[i]);
    nvlist_free(top);
    nvlist_free(root);
    t->root->child[0]->state = VDEV_STATE_HEALTHY;
    for (unsigned i = 0; i < n; i++)
        t->root->child[0]->child[i]->state = VDEV_STATE_HEALTHY;
    return t;
}

static void mirror_misses_what_all_miss(void **state)
{
    struct vdev_tree *t = tree_of("mirror", 2, 0);
    struct vdev *m = t->root->child[0];
    assert_int_equal(vdev_dtl_add_missing(m->child[0], 10, 10), 0);
    assert_int_equal(vdev_dtl_add_missing(m->child[1], 15, 10), 0);
    assert_int_equal(vdev_dtl_reassess(t), 0);
    assert_true(vdev_dtl_contains(m->child[0], VDEV_DTL_MISSING, 10));
    assert_false(vdev_dtl_contains(m->child[0], VDEV_DTL_MISSING, 20));
    assert_true(vdev_dtl_contains(m, VDEV_DTL_PARTIAL, 10));
    assert_true(vdev_dtl_contains(m, VDEV_DTL_PARTIAL, 24));
    assert_false(vdev_dtl_contains(m, VDEV_DTL_PARTIAL, 25));
    assert_false(vdev_dtl_contains(m, VDEV_DTL_MISSING, 14));
    assert_true(vdev_dtl_contains(m, VDEV_DTL_MISSING, 15));
    assert_true(vdev_dtl_contains(m, VDEV_DTL_MISSING, 19));
    assert_false(vdev_dtl_contains(m, VDEV_DTL_MISSING, 20));
    assert_false(vdev_dtl_contains(m, VDEV_DTL_MISSING, 0));
    vdev_tree_destroy(t);
}

static void raidz_misses_beyond_its_parity(void **state)
{
    struct vdev_tree *t = tree_of("raidz", 4, 1);
    struct vdev *z = t->root->child[0];
    assert_int_equal(vdev_dtl_add_missing(z->child[0], 10, 10), 0);
    assert_int_equal(vdev_dtl_reassess(t), 0);
    assert_true(vdev_dtl_empty(z, VDEV_DTL_MISSING));
    assert_int_equal(vdev_dtl_add_missing(z->child[3], 18, 1), 0);
    assert_int_equal(vdev_dtl_reassess(t), 0);
    assert_true(vdev_dtl_contains(z, VDEV_DTL_MISSING, 18));
    assert_false(vdev_dtl_contains(z, VDEV_DTL_MISSING, 17));
    assert_false(vdev_dtl_contains(z, VDEV_DTL_MISSING, 19));
    vdev_tree_destroy(t);
}

static void unreadable_leaf_is_an_outage(void **state)
{
    struct vdev_tree *t = tree_of("mirror", 2, 0);
    struct vdev *m = t->root->child[0];
    m->child[1]->state = VDEV_STATE_CANT_OPEN;
    assert_int_equal(vdev_dtl_add_missing(m->child[0], 10, 1), 0);
    assert_int_equal(vdev_dtl_reassess(t), 0);
    assert_true(vdev_dtl_contains(m->child[1], VDEV_DTL_OUTAGE, 123456));
    assert_true(vdev_dtl_contains(m, VDEV_DTL_MISSING, 10)); /* the only good copy is gone */
    assert_false(vdev_dtl_contains(m, VDEV_DTL_MISSING, 11));
    vdev_tree_destroy(t);
}

static void required_if_nothing_else_has_it(void **state)
{
    struct vdev_tree *t = tree_of("mirror", 2, 0);
    struct vdev *m = t->root->child[0];
    assert_int_equal(vdev_dtl_reassess(t), 0);
    assert_false(vdev_dtl_required(m->child[0]));
    assert_int_equal(vdev_dtl_add_missing(m->child[1], 10, 1), 0);
    assert_int_equal(vdev_dtl_reassess(t), 0);
    assert_true(vdev_dtl_required(m->child[0]));
    assert_false(vdev_dtl_required(m->child[1]));
    assert_true(vdev_dtl_required(m));               /* top-level */
    assert_true(vdev_dtl_empty(m, VDEV_DTL_OUTAGE)); /* asking changed nothing */
    vdev_tree_destroy(t);
}

static void resilver_bounds_exclude_the_edges(void **state)
{
    struct vdev_tree *t = tree_of("mirror", 2, 0);
    struct vdev *m = t->root->child[0];
    uint64_t min, max;
    assert_int_equal(vdev_dtl_reassess(t), 0);
    assert_false(vdev_resilver_needed(t->root, &min, &max));
    assert_int_equal(vdev_dtl_add_missing(m->child[1], 10, 5), 0);
    assert_int_equal(vdev_dtl_add_missing(m->child[1], 30, 1), 0);
    assert_true(vdev_resilver_needed(t->root, &min, &max));
    assert_int_equal(min, 9);
    assert_int_equal(max, 31);
    m->child[1]->resilver_deferred = true;
    assert_false(vdev_resilver_needed(t->root, &min, &max));
    vdev_tree_destroy(t);
}

static void absurd_ranges_are_refused(void **state)
{
    struct vdev_tree *t = tree_of("mirror", 2, 0);
    struct vdev *leaf = t->root->child[0]->child[0];
    assert_int_equal(vdev_dtl_add_missing(leaf, UINT64_MAX - 1, 10), ZE_BADVDEV);
    vdev_tree_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mirror_misses_what_all_miss),
        cmocka_unit_test(raidz_misses_beyond_its_parity),
        cmocka_unit_test(unreadable_leaf_is_an_outage),
        cmocka_unit_test(required_if_nothing_else_has_it),
        cmocka_unit_test(resilver_bounds_exclude_the_edges),
        cmocka_unit_test(absurd_ranges_are_refused),
    };
    if (env_init_simulated(&env, 1, 1) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    env_fini(&env);
    return failed;
}
