/* SPDX-License-Identifier: MIT */
/* base/worker: all work runs, nested submissions too; completions carry results */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdatomic.h>

#include "base/span.h"
#include "base/worker.h"

static atomic_uint ran, on_pool;
static struct workers *pool;

static void run_one(struct work *w)
{
    on_pool += workers_is_member(pool);
    ran++;
    free(w);
}

static void run_two_more(struct work *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct work *n = calloc(1, sizeof(*n));
        n->run = run_one;
        workers_submit(pool, n);
    }
    ran++;
    free(w);
}

static void everything_queued_runs_before_destroy_returns(void **state)
{
    ran = on_pool = 0;
    assert_int_equal(workers_create(3, &pool), 0);
    assert_int_equal(workers_count(pool), 3);
    assert_false(workers_is_member(pool));
    for (unsigned i = 0; i < 5000; i++) {
        struct work *n = calloc(1, sizeof(*n));
        n->run = run_two_more;
        workers_submit(pool, n);
    }
    workers_destroy(pool);
    assert_int_equal(ran, 15000);
    assert_int_equal(on_pool, 10000);
}

struct later {
    struct work work;
    struct done *done;
    int result;
};

static void signal_it(struct work *w)
{
    struct later *l = container_of(w, struct later, work);
    done_signal(l->done, l->result);
}

static void done_carries_the_result(void **state)
{
    assert_int_equal(workers_create(0, &pool), 0);
    assert_true(workers_count(pool) >= 1);
    for (int i = 0; i < 1000; i++) {
        struct done d; /* gone as soon as done_wait returns */
        struct later l = {.work.run = signal_it, .done = &d, .result = i};
        done_init(&d);
        workers_submit(pool, &l.work);
        assert_int_equal(done_wait(&d), i);
    }
    workers_destroy(pool);
    workers_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_queued_runs_before_destroy_returns),
        cmocka_unit_test(done_carries_the_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
