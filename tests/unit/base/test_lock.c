/* SPDX-License-Identifier: MIT */
/* base/lock: exclusion, timeouts, and the rank checker's verdicts (in a child process) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/worker.h"

static struct mutex outer, inner, inner2;
static struct rwlock tree;
static struct cond cond;
static unsigned counter;

static void count(void *arg)
{
    for (unsigned i = 0; i < 20000; i++) {
        MUTEX_GUARD(&inner);
        counter++;
    }
}

static void guards_exclude(void **state)
{
    struct thread *t[4];

    counter = 0;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(thread_start("count", count, NULL, &t[i]), 0);
    for (unsigned i = 0; i < 4; i++)
        thread_join(t[i]);
    assert_int_equal(counter, 80000);
    assert_true(mutex_trylock(&inner)); /* the guards let go */
    mutex_unlock(&inner);
}

static void waiting_times_out(void **state)
{
    mutex_lock(&inner);
    assert_false(cond_wait_ns(&cond, &inner, 1000000));
    mutex_unlock(&inner);
}

static void right_order(void)
{
    mutex_lock(&outer);
    rwlock_rdlock(&tree);
    mutex_lock(&inner);
    mutex_lock_nested(&inner2);
    mutex_unlock(&outer); /* not in reverse: allowed */
    mutex_unlock(&inner2);
    mutex_unlock(&inner);
    rwlock_unlock(&tree);
    lock_assert_may_block("test");
}
static void wrong_order(void)
{
    mutex_lock(&inner);
    mutex_lock(&outer);
}
static void same_rank(void)
{
    mutex_lock(&inner);
    mutex_lock(&inner2);
}
static void blocks_under_noblock(void)
{
    mutex_lock(&inner);
    lock_assert_may_block("test");
}
static void blocks_under_block(void)
{
    mutex_lock(&outer);
    lock_assert_may_block("test");
    mutex_unlock(&outer);
}

/* True if fn ends by abort(). */
static bool aborts(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

static void ranks_are_checked(void **state)
{
    assert_false(aborts(right_order));
    assert_false(aborts(blocks_under_block));
#ifdef ZUSE_LOCK_RANKS_CHECKED
    assert_true(aborts(wrong_order));
    assert_true(aborts(same_rank));
    assert_true(aborts(blocks_under_noblock));
#else
    assert_false(aborts(wrong_order));
    assert_false(aborts(same_rank));
    assert_false(aborts(blocks_under_noblock));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guards_exclude),
        cmocka_unit_test(waiting_times_out),
        cmocka_unit_test(ranks_are_checked),
    };
    mutex_init(&outer, RANK_POOL);
    rwlock_init(&tree, RANK_VDEV_TREE);
    mutex_init(&inner, RANK_LEAF);
    mutex_init(&inner2, RANK_LEAF);
    cond_init(&cond);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
