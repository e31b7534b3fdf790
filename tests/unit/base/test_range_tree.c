/* SPDX-License-Identifier: MIT */
/* base/range_tree against a bitmap model, at the borders of uint64, and with millions of ranges */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/range_tree.h"

#define MODEL 20000u
static uint8_t model[MODEL];
static uint64_t seed;

static uint64_t rnd(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

/* Same members, maximal ranges, right totals. */
static void compare_with_model(const struct range_tree *rt)
{
    uint64_t total = 0, count = 0;
    struct range r;
    bool ok = range_tree_first(rt, &r);

    for (unsigned at = 0; at < MODEL;) {
        if (!model[at]) {
            at++;
            continue;
        }
        unsigned end = at;
        while (end < MODEL && model[end])
            end++;
        assert_true(ok);
        assert_int_equal(r.start, at);
        assert_int_equal(r.size, end - at);
        total += end - at;
        count++;
        ok = range_tree_next(rt, &r);
        at = end;
    }
    assert_false(ok);
    assert_int_equal(range_tree_total(rt), total);
    assert_int_equal(range_tree_count(rt), count);
}

static void random_operations(uint64_t with_seed, unsigned longest, unsigned rounds, unsigned bias)
{
    struct range_tree *rt;

    seed = with_seed;
    memset(model, 0, sizeof(model));
    assert_int_equal(range_tree_create(&rt), 0);
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t start = rnd(MODEL), size = rnd(longest + 1);
        if (size > MODEL - start)
            size = MODEL - start;
        bool any = false, all = true;
        for (uint64_t k = start; k < start + size; k++) {
            any |= model[k];
            all &= model[k];
        }
        assert_int_equal(range_tree_overlaps(rt, start, size), any);
        assert_int_equal(range_tree_contains(rt, start, size), all);
        /* phases of mostly adding and mostly removing, so the tree grows deep and shrinks again */
        bool add = rnd(100) < ((i / (rounds / 4)) % 2 == 0 ? bias : 100 - bias);
        if (add && rnd(4) == 0) {
            int err = range_tree_add_new(rt, start, size);
            assert_int_equal(err, any ? ZE_EXISTS : 0);
            add = err == 0;
            if (!add)
                continue;
        } else if (add) {
            assert_int_equal(range_tree_add(rt, start, size), 0);
        } else if (rnd(4) == 0) {
            int err = range_tree_remove_all(rt, start, size);
            assert_int_equal(err, all ? 0 : ZE_NOENT);
            if (err != 0)
                continue;
        } else {
            assert_int_equal(range_tree_remove(rt, start, size), 0);
        }
        memset(model + start, add, size);
        if (i % (rounds / 50) == 0)
            compare_with_model(rt);
    }
    compare_with_model(rt);
    range_tree_destroy(rt);
}

static void agrees_with_a_bitmap(void **state)
{
    random_operations(1, 3, 60000, 80);
    random_operations(2, 1, 60000, 95);
    random_operations(3, 40, 20000, 70);
    random_operations(4, 3000, 4000, 50);
}

static void touching_ranges_join(void **state)
{
    struct range_tree *rt;
    struct range r;

    assert_int_equal(range_tree_create(&rt), 0);
    assert_false(range_tree_first(rt, &r));
    assert_true(range_tree_is_empty(rt));
    range_tree_add(rt, 10, 10);
    range_tree_add(rt, 30, 10);
    assert_int_equal(range_tree_count(rt), 2);
    range_tree_add(rt, 20, 10);
    assert_int_equal(range_tree_count(rt), 1);
    assert_true(range_tree_find(rt, 39, &r));
    assert_int_equal(r.start, 10);
    assert_int_equal(r.size, 30);
    assert_false(range_tree_find(rt, 40, &r));
    range_tree_remove(rt, 15, 1);
    assert_true(range_tree_last(rt, &r));
    assert_int_equal(r.start, 16);
    assert_int_equal(range_tree_total(rt), 29);
    range_tree_destroy(rt);
    range_tree_destroy(NULL);
}

static void works_at_the_ends_of_the_number_line(void **state)
{
    struct range_tree *rt;
    struct range r;

    assert_int_equal(range_tree_create(&rt), 0);
    assert_int_equal(range_tree_add(rt, UINT64_MAX, 1), ZE_OVERFLOW);
    assert_int_equal(range_tree_remove(rt, 2, UINT64_MAX), ZE_OVERFLOW);
    assert_int_equal(range_tree_add(rt, 0, UINT64_MAX), 0);
    assert_true(range_tree_contains(rt, UINT64_MAX - 1, 1));
    assert_false(range_tree_contains(rt, UINT64_MAX, 1));
    assert_int_equal(range_tree_remove(rt, 0, 1), 0);
    assert_int_equal(range_tree_remove(rt, UINT64_MAX - 1, 1), 0);
    assert_true(range_tree_first(rt, &r));
    assert_int_equal(r.start, 1);
    assert_true(r.size == UINT64_MAX - 2);
    assert_int_equal(range_tree_remove(rt, 0, UINT64_MAX), 0);
    assert_true(range_tree_is_empty(rt));
    range_tree_destroy(rt);
}

static void sets_unite_and_subtract(void **state)
{
    struct range_tree *a, *b;

    assert_int_equal(range_tree_create(&a), 0);
    assert_int_equal(range_tree_create(&b), 0);
    for (unsigned i = 0; i < 1000; i++) {
        range_tree_add(a, i * 10, 5);
        range_tree_add(b, i * 10 + 3, 4);
    }
    assert_int_equal(range_tree_union(a, b), 0);
    assert_int_equal(range_tree_total(a), 7000);
    assert_int_equal(range_tree_count(a), 1000);
    assert_int_equal(range_tree_subtract(a, b), 0);
    assert_int_equal(range_tree_total(a), 3000);
    range_tree_swap(a, b);
    assert_int_equal(range_tree_total(a), 4000);
    assert_int_equal(range_tree_subtract(a, a), 0);
    assert_true(range_tree_is_empty(a));
    range_tree_destroy(a);
    range_tree_destroy(b);
}

/* Two million ranges in scattered order: time is bounded by the test's timeout, memory here. */
static void millions_of_ranges(void **state)
{
    const uint64_t n = 2u << 20;
    struct range_tree *rt;

    assert_int_equal(range_tree_create(&rt), 0);
    for (uint64_t i = 0; i < n; i++) /* an odd multiplier visits every residue once */
        assert_int_equal(range_tree_add(rt, (i * 1315423911u % n) * 8192, 4096), 0);
    assert_int_equal(range_tree_count(rt), n);
    assert_true(range_tree_memory(rt) < n * 34);
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(range_tree_remove_all(rt, (i * 2654435761u % n) * 8192, 4096), 0);
    assert_true(range_tree_is_empty(rt));
    assert_true(range_tree_memory(rt) < 4096);
    for (uint64_t i = 0; i < n / 2; i++) /* in order: full leaves */
        assert_int_equal(range_tree_add(rt, i * 8192, 4096), 0);
    assert_true(range_tree_memory(rt) < n / 2 * 18);
    assert_int_equal(range_tree_remove(rt, 4096, n * 8192), 0);
    assert_int_equal(range_tree_count(rt), 1);
    range_tree_destroy(rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_bitmap),
        cmocka_unit_test(touching_ranges_join),
        cmocka_unit_test(works_at_the_ends_of_the_number_line),
        cmocka_unit_test(sets_unite_and_subtract),
        cmocka_unit_test(millions_of_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
