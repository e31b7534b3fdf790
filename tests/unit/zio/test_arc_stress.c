/* SPDX-License-Identifier: MIT */
/*
 * The ARC under many threads: reads, holds, reads of many, prefetch, shrink, drop and changes of
 * the limit at once, on blocks whose contents are known, with devices that complete on threads of
 * their own. Made to be run under ThreadSanitizer as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "disk/objtype.h"
#include "fake_vdev.h"
#include "zio/arc.h"

enum { BLOCKS = 300, THREADS = 6, STEPS = 3000, HOLD = 4, MANY = 6 };

static struct blkptr bp[BLOCKS];
static uint64_t block_size[BLOCKS];
static uint8_t *contents[BLOCKS];
static _Atomic bool finished;
static _Atomic uint64_t max_size;

struct worker {
    struct fake_world *w;
    pthread_t thread;
    uint64_t seed;
    unsigned wrong;
};

static uint64_t rnd(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void check(struct worker *t, unsigned i, const struct arc_buf *buf)
{
    if (buf == NULL || buf->size != block_size[i] ||
        memcmp(buf->data, contents[i], block_size[i]) != 0)
        t->wrong++;
}

static void read_some(struct worker *t)
{
    const struct blkptr *bps[MANY];
    struct bookmark zbs[MANY];
    struct arc_buf *buf[MANY];
    unsigned which[MANY];
    int err[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        which[i] = (unsigned)(rnd(&t->seed) % BLOCKS);
        bps[i] = &bp[which[i]];
        zbs[i] = (struct bookmark){1, 1, 0, which[i]};
    }
    if (arc_read_many(&t->w->pool, bps, zbs, MANY, VDEV_PRIO_SYNC_READ, 0, buf, err) != 0)
        t->wrong++;
    for (unsigned i = 0; i < MANY; i++) {
        check(t, which[i], buf[i]);
        arc_release(buf[i]);
    }
}

static void *worker_main(void *arg)
{
    struct worker *t = arg;
    struct arc_buf *held[HOLD] = {0};
    unsigned which[HOLD] = {0};

    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t r = rnd(&t->seed);
        unsigned i = (unsigned)(r >> 32) % BLOCKS, h = r / 16 % HOLD;
        struct bookmark zb = {1, 1, 0, i};
        if (r % 16 == 0) {
            read_some(t);
        } else if (r % 16 == 1) {
            arc_prefetch(&t->w->pool, &bp[i], &zb);
        } else {
            if (held[h] != NULL) {
                check(t, which[h], held[h]);
                arc_release(held[h]);
            }
            if (arc_read(&t->w->pool, &bp[i], &zb, VDEV_PRIO_SYNC_READ, 0, &held[h]) != 0)
                t->wrong++;
            which[h] = i;
            check(t, i, held[h]);
        }
    }
    for (unsigned h = 0; h < HOLD; h++)
        arc_release(held[h]);
    return NULL;
}

static void *nuisance_main(void *arg)
{
    struct fake_world *w = arg;
    struct arc_stats st;

    for (unsigned n = 0; !atomic_load(&finished); n++) {
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
        arc_stats_get(w->pool.arc, &st);
        if (st.size > atomic_load(&max_size))
            atomic_store(&max_size, st.size);
        if (n % 20 == 5)
            arc_shrink(w->pool.arc, 1 << 20);
        if (n % 20 == 10)
            arc_set_limit(w->pool.arc, 4 << 20);
        if (n % 50 == 49)
            arc_drop_pool(w->pool.arc, &w->pool);
    }
    return NULL;
}

static void test_stress(void **state)
{
    struct fake_world *w = fake_create(64 << 20, 9, true);
    struct worker t[THREADS];
    pthread_t nuisance;
    struct arc *arc;
    struct arc_stats st;

    assert_int_equal(arc_create(&w->env, 4 << 20, &arc), 0);
    w->pool.arc = arc;
    for (unsigned i = 0; i < BLOCKS; i++) {
        block_size[i] = 512u << i % 9;
        contents[i] = malloc(block_size[i]);
        fake_fill(contents[i], block_size[i], i + 1);
        bp[i] = fake_write(w, contents[i], block_size[i], i % 2 ? COMPRESS_LZ4 : COMPRESS_OFF,
                           CHECKSUM_FLETCHER_4, i % 3 ? OBJTYPE_PLAIN_FILE : OBJTYPE_DNODE, 0,
                           10 + i, 1 + i % 2);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        t[i] = (struct worker){.w = w, .seed = 77 + i * 1234567};
        assert_int_equal(pthread_create(&t[i].thread, NULL, worker_main, &t[i]), 0);
    }
    assert_int_equal(pthread_create(&nuisance, NULL, nuisance_main, w), 0);
    unsigned wrong = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i].thread, NULL);
        wrong += t[i].wrong;
    }
    atomic_store(&finished, true);
    pthread_join(nuisance, NULL);
    assert_int_equal(wrong, 0);
    arc_stats_get(arc, &st);
    print_message("hits %lu misses %lu joined %lu evictions %lu, at most %lu of %lu bytes\n",
                  (unsigned long)st.hits, (unsigned long)st.misses, (unsigned long)st.coalesced,
                  (unsigned long)st.evictions, (unsigned long)max_size, (unsigned long)st.limit);
    assert_int_equal(st.overcommits, 0);
    assert_true(max_size <= st.limit + ARC_SLACK);
    arc_drop_pool(arc, &w->pool);
    arc_destroy(arc);
    assert_int_equal(w->env.mem.used, 0);
    for (unsigned i = 0; i < BLOCKS; i++)
        free(contents[i]);
    fake_destroy(w);
}

/* Six readers hold 16 MiB blocks in turn: together more than limit and slack, so they have to take
 * turns. */
enum { LARGE = 5, LARGE_STEPS = 12 };
#define LARGE_SIZE (16u << 20)

static void *large_main(void *arg)
{
    struct worker *t = arg;
    struct arc_buf *buf;

    for (unsigned step = 0; step < LARGE_STEPS; step++) {
        unsigned i = (unsigned)(rnd(&t->seed) % LARGE);
        struct bookmark zb = {1, 1, 0, i};
        if (arc_read(&t->w->pool, &bp[i], &zb, VDEV_PRIO_SYNC_READ, 0, &buf) != 0) {
            t->wrong++;
            continue;
        }
        if (buf->size != LARGE_SIZE || memcmp(buf->data, contents[i], LARGE_SIZE) != 0)
            t->wrong++;
        arc_release(buf);
    }
    return NULL;
}

static void test_large_blocks(void **state)
{
    struct fake_world *w = fake_create(48 << 20, 9, true);
    const uint64_t limit = 32 << 20;
    struct worker t[THREADS];
    struct arc *arc;
    struct arc_stats st;

    assert_int_equal(arc_create(&w->env, limit, &arc), 0);
    w->pool.arc = arc;
    for (unsigned i = 0; i < LARGE; i++) {
        contents[i] = malloc(LARGE_SIZE);
        fake_fill(contents[i], LARGE_SIZE, i + 1);
        bp[i] = fake_write(w, contents[i], LARGE_SIZE, COMPRESS_LZ4, CHECKSUM_FLETCHER_4,
                           OBJTYPE_PLAIN_FILE, 0, 10 + i, 1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        t[i] = (struct worker){.w = w, .seed = 99 + i * 1234567};
        assert_int_equal(pthread_create(&t[i].thread, NULL, large_main, &t[i]), 0);
    }
    unsigned wrong = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i].thread, NULL);
        wrong += t[i].wrong;
    }
    assert_int_equal(wrong, 0);
    arc_stats_get(arc, &st);
    print_message("16 MiB blocks: at most %lu MiB at a limit of %lu MiB\n",
                  (unsigned long)(w->env.mem.peak >> 20), (unsigned long)(limit >> 20));
    assert_int_equal(st.overcommits, 0);
    assert_true(w->env.mem.peak <= limit + ARC_SLACK + (4 << 20));
    arc_drop_pool(arc, &w->pool);
    arc_destroy(arc);
    for (unsigned i = 0; i < LARGE; i++)
        free(contents[i]);
    fake_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stress),
                                       cmocka_unit_test(test_large_blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
