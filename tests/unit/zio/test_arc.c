/* SPDX-License-Identifier: MIT */
/*
 * The ARC: what a read gives, what is cached, what goes first, how much memory it takes. Random
 * operations are compared with what was written; the byte limit is looked at after each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "disk/objtype.h"
#include "fake_vdev.h"
#include "zio/arc.h"

static const struct bookmark zb = {1, 2, 0, 3};

static struct arc *new_arc(struct fake_world *w, uint64_t limit)
{
    struct arc *arc;

    assert_int_equal(arc_create(&w->env, limit, &arc), 0);
    w->pool.arc = arc;
    return arc;
}

static int setup(void **state)
{
    *state = fake_create(128 << 20, 9, false);
    return 0;
}

static int teardown(void **state)
{
    struct fake_world *w = *state;

    if (w->pool.arc != NULL) {
        arc_drop_pool(w->pool.arc, &w->pool);
        struct arc_stats st;
        arc_stats_get(w->pool.arc, &st);
        assert_int_equal(st.blocks, 0);
        arc_destroy(w->pool.arc);
    }
    assert_int_equal(w->env.mem.used, 0);
    fake_destroy(w);
    return 0;
}

static int get(struct fake_world *w, const struct blkptr *bp, struct arc_buf **out)
{
    return arc_read(&w->pool, bp, &zb, VDEV_PRIO_SYNC_READ, 0, out);
}

/* Read and let go; true if no device was asked. */
static bool use(struct fake_world *w, const struct blkptr *bp)
{
    struct arc_buf *buf;
    uint64_t before = w->reads;

    assert_int_equal(get(w, bp, &buf), 0);
    arc_release(buf);
    return w->reads == before;
}

static struct blkptr block(struct fake_world *w, uint64_t seed, uint64_t size,
                           enum compress_id comp)
{
    AUTO_FREE uint8_t *data = malloc(size);

    fake_fill(data, size, seed);
    return fake_write(w, data, size, comp, CHECKSUM_FLETCHER_4, OBJTYPE_PLAIN_FILE, 0, 10 + seed,
                      1);
}

static void test_hit(void **state)
{
    struct fake_world *w = *state;
    struct arc *arc = new_arc(w, 8 << 20);
    struct arc_buf *a, *b, *raw;
    struct arc_stats st;
    uint8_t expect[16384];

    fake_fill(expect, sizeof(expect), 1);
    struct blkptr bp = block(w, 1, 16384, COMPRESS_LZ4);
    assert_false(arc_is_cached(&w->pool, &bp));
    assert_int_equal(get(w, &bp, &a), 0);
    assert_true(arc_is_cached(&w->pool, &bp));
    assert_int_equal(a->size, 16384);
    assert_memory_equal(a->data, expect, 16384);
    assert_int_equal(get(w, &bp, &b), 0);
    assert_ptr_equal(a->data, b->data); /* holders share */
    assert_int_equal(w->reads, 1);
    assert_int_equal(arc_read(&w->pool, &bp, &zb, VDEV_PRIO_SYNC_READ, ZIO_RAW_COMPRESS, &raw), 0);
    assert_int_equal(raw->size, bp_psize(&bp));
    assert_memory_equal(raw->data, w->disk[0] + dva_offset(&bp.dva[0]), bp_psize(&bp));
    assert_int_equal(w->reads, 1);
    arc_stats_get(arc, &st);
    assert_int_equal(st.hits, 2);
    assert_int_equal(st.misses, 1);
    assert_true(st.size < 16384 + bp_psize(&bp) + 4096);
    /* holds outlive the cached block */
    arc_drop_pool(arc, &w->pool);
    assert_false(arc_is_cached(&w->pool, &bp));
    assert_memory_equal(a->data, expect, 16384);
    arc_release(a);
    arc_release(b);
    arc_release(raw);
    arc_stats_get(arc, &st);
    assert_int_equal(st.size, 0);
}

static void test_special_blocks(void **state)
{
    struct fake_world *w = *state;
    struct arc_buf *buf;
    struct blkptr bp = {0};
    uint64_t *word = (uint64_t *)&bp;

    new_arc(w, 8 << 20);
    assert_int_equal(get(w, &bp, &buf), ZE_HOLE);
    assert_null(buf);
    word[0] = 0x0001621f0e000000; /* format/dmu.md 16.3 */
    word[1] = 0x62626250eaffffff;
    word[2] = 0x6262;
    word[6] = 0x801a008f220003ff;
    word[10] = 7;
    assert_int_equal(get(w, &bp, &buf), 0);
    assert_int_equal(buf->size, 1024);
    assert_int_equal(((const uint8_t *)buf->data)[1023], 0x62);
    arc_release(buf);
    arc_release(NULL);
    /* errors are not cached */
    bp = block(w, 2, 4096, COMPRESS_OFF);
    w->disk[0][dva_offset(&bp.dva[0])] ^= 1;
    assert_int_equal(get(w, &bp, &buf), ZE_CKSUM);
    assert_int_equal(get(w, &bp, &buf), ZE_CKSUM);
    assert_non_null(strstr(err_detail(), "<1, 2, 0, 3>"));
    assert_int_equal(w->cksum_errors, 2);
    w->disk[0][dva_offset(&bp.dva[0])] ^= 1;
    assert_int_equal(get(w, &bp, &buf), 0);
    arc_release(buf);
}

/* A second bp with the same DVA that claims something else must not get the first one's data. */
static void test_identity(void **state)
{
    struct fake_world *w = *state;
    struct arc_buf *buf;

    new_arc(w, 8 << 20);
    struct blkptr bp = block(w, 3, 8192, COMPRESS_OFF), other = bp;
    use(w, &bp);
    other.cksum.word[1] ^= 1;
    assert_int_equal(get(w, &other, &buf), ZE_CKSUM);
    other = bp;
    other.prop = fake_prop(4096, 4096, COMPRESS_OFF, CHECKSUM_OFF, 19, 0);
    assert_int_equal(get(w, &other, &buf), 0);
    assert_int_equal(buf->size, 4096);
    arc_release(buf);
    other = bp;
    other.birth += 5; /* dedup and clones: older physical birth */
    other.phys_birth = bp.birth;
    other.prop |= 1ull << 62;
    assert_true(use(w, &other));
    w->pool.load++; /* imported again */
    assert_false(use(w, &bp));
    w->pool.load--;
    struct zio_pool second = w->pool;
    second.load++;
    arc_drop_pool(w->pool.arc, &second);
    assert_true(use(w, &bp));
}

static void test_without_cache(void **state)
{
    struct fake_world *w = *state;
    struct blkptr bp = block(w, 4, 8192, COMPRESS_LZ4);
    struct arc_buf *buf[2];
    int err[2];

    assert_false(use(w, &bp));
    assert_false(use(w, &bp));
    const struct blkptr *bps[2] = {&bp, &bp};
    const struct bookmark zbs[2] = {zb, zb};
    assert_int_equal(arc_read_many(&w->pool, bps, zbs, 2, VDEV_PRIO_SYNC_READ, 0, buf, err), 0);
    assert_memory_equal(buf[0]->data, buf[1]->data, 8192);
    arc_release(buf[0]);
    arc_release(buf[1]);
}

/* ---- many, coalescing ---- */

static void test_many(void **state)
{
    struct fake_world *w = *state;
    enum { N = 40 };
    struct blkptr bp[N];
    const struct blkptr *bps[N];
    struct bookmark zbs[N];
    struct arc_buf *buf[N];
    int err[N];

    new_arc(w, 32 << 20);
    for (unsigned i = 0; i < N; i++) {
        bp[i] =
            block(w, 100 + i, i % 3 == 0 ? 131072 : 4096, i % 2 == 0 ? COMPRESS_LZ4 : COMPRESS_OFF);
        bps[i] = &bp[i];
        zbs[i] = zb;
    }
    bps[5] = &bp[6]; /* twice in one call */
    bp[20] = (struct blkptr){0};
    w->disk[0][dva_offset(&bp[30].dva[0])] ^= 1;
    for (unsigned round = 0; round < 2; round++) {
        int first = arc_read_many(&w->pool, bps, zbs, N, VDEV_PRIO_SYNC_READ, 0, buf, err);
        assert_int_equal(first, ZE_HOLE);
        for (unsigned i = 0; i < N; i++) {
            if (i == 20 || i == 30) {
                assert_int_equal(err[i], i == 20 ? ZE_HOLE : ZE_CKSUM);
                assert_null(buf[i]);
                continue;
            }
            AUTO_FREE uint8_t *expect = malloc(buf[i]->size);
            fake_fill(expect, buf[i]->size, 100 + (i == 5 ? 6 : i));
            assert_int_equal(err[i], 0);
            assert_int_equal(buf[i]->size, bp_lsize(bps[i]));
            assert_memory_equal(buf[i]->data, expect, buf[i]->size);
        }
        assert_ptr_equal(buf[5]->data, buf[6]->data);
        for (unsigned i = 0; i < N; i++)
            arc_release(buf[i]);
    }
    assert_int_equal(w->reads, N - 2 + 1); /* each once, the damaged one twice; 5 is 6, 20 a hole */
}

struct reader {
    struct fake_world *w;
    const struct blkptr *bp;
    const void *data;
    int err;
    char detail[200];
    pthread_t thread;
};

static void *reader_main(void *arg)
{
    struct reader *r = arg;
    struct arc_buf *buf;

    r->err = get(r->w, r->bp, &buf);
    if (r->err != 0)
        err_detail_get(r->detail, sizeof(r->detail));
    else
        r->data = buf->data;
    arc_release(buf);
    return NULL;
}

/* Readers that come while the block is being read all wait for that one read. */
static void coalesce(struct fake_world *w, const struct blkptr *bp, int expect)
{
    struct reader r[8];
    struct arc_stats st;

    uint64_t before = w->reads;
    arc_stats_get(w->pool.arc, &st);
    uint64_t joined = st.coalesced;
    atomic_store(&w->hold, true);
    for (unsigned i = 0; i < 8; i++) {
        r[i] = (struct reader){.w = w, .bp = bp};
        assert_int_equal(pthread_create(&r[i].thread, NULL, reader_main, &r[i]), 0);
    }
    do {
        usleep(1000);
        arc_stats_get(w->pool.arc, &st);
    } while (st.coalesced < joined + 7);
    fake_release(w);
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(r[i].thread, NULL);
        assert_int_equal(r[i].err, expect);
        if (expect != 0)
            assert_non_null(strstr(r[i].detail, "vdev 0"));
    }
    assert_int_equal(w->reads, before + 1);
}

static void test_coalescing(void **state)
{
    struct fake_world *w = *state;

    new_arc(w, 8 << 20);
    struct blkptr bp = block(w, 5, 65536, COMPRESS_LZ4);
    coalesce(w, &bp, 0);
    bp = block(w, 6, 65536, COMPRESS_LZ4);
    w->disk[0][dva_offset(&bp.dva[0])] ^= 1;
    coalesce(w, &bp, ZE_CKSUM); /* the detail reaches every waiter */
}

static void test_prefetch(void **state)
{
    struct fake_world *w = *state;
    struct arc_stats st;

    struct arc *arc = new_arc(w, 8 << 20);
    struct blkptr bp = block(w, 7, 65536, COMPRESS_LZ4);
    arc_prefetch(&w->pool, &bp, &zb);
    arc_prefetch(&w->pool, &bp, &zb);
    assert_int_equal(w->reads, 1);
    assert_true(use(w, &bp));
    assert_true(use(w, &bp));
    arc_stats_get(arc, &st);
    assert_int_equal(st.prefetches, 1);
    assert_int_equal(st.prefetch_hits, 1);
    assert_int_equal(st.hits, 2);
    /* export waits for a read that nobody waits for */
    bp = block(w, 8, 65536, COMPRESS_LZ4);
    atomic_store(&w->hold, true);
    arc_prefetch(&w->pool, &bp, &zb);
    assert_true(arc_is_cached(&w->pool, &bp));
    fake_release(w);
    arc_drop_pool(arc, &w->pool);
    /* a bad block is forgotten silently */
    w->disk[0][dva_offset(&bp.dva[0])] ^= 1;
    arc_prefetch(&w->pool, &bp, &zb);
    assert_false(arc_is_cached(&w->pool, &bp));
    assert_int_equal(w->cksum_errors, 0);
}

/* ---- replacement ---- */

#define UNIT 16384u

static void make_blocks(struct fake_world *w, struct blkptr *bp, unsigned n, uint64_t seed)
{
    for (unsigned i = 0; i < n; i++)
        bp[i] = block(w, seed + i, UNIT, COMPRESS_OFF);
}

static unsigned cached(struct fake_world *w, const struct blkptr *bp, unsigned n)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n; i++)
        count += arc_is_cached(&w->pool, &bp[i]);
    return count;
}

/* Blocks used once go in the order they came. */
static void test_order(void **state)
{
    struct fake_world *w = *state;
    enum { N = 200 };
    struct blkptr bp[N];

    new_arc(w, 100 * (UNIT + 1024));
    make_blocks(w, bp, N, 1000);
    for (unsigned i = 0; i < N; i++)
        use(w, &bp[i]);
    unsigned first = 0;
    while (!arc_is_cached(&w->pool, &bp[first]))
        first++;
    assert_in_range(first, N - 107, N - 90);
    assert_int_equal(cached(w, bp + first, N - first), N - first); /* no gaps */
}

/* A long scan does not push out what is used again and again. */
static void test_scan_resistance(void **state)
{
    struct fake_world *w = *state;
    enum { HOT = 40, SCAN = 1500 };
    static struct blkptr hot[HOT], scan[SCAN];
    struct arc_stats st;

    struct arc *arc = new_arc(w, 100 * (UNIT + 1024));
    make_blocks(w, hot, HOT, 5000);
    make_blocks(w, scan, SCAN, 10000);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < HOT; i++)
            use(w, &hot[i]);
        env_sim_advance(&w->env, 1000000000);
    }
    for (unsigned i = 0; i < SCAN; i++)
        use(w, &scan[i]);
    assert_int_equal(cached(w, hot, HOT), HOT);
    for (unsigned i = 0; i < HOT; i++)
        assert_true(use(w, &hot[i]));
    arc_stats_get(arc, &st);
    assert_true(st.mfu_hits >= HOT);
}

/* Reading a block in many pieces is one use. */
static void test_correlated_uses(void **state)
{
    struct fake_world *w = *state;
    enum { N = 300 };
    static struct blkptr bp[N];

    struct arc *arc = new_arc(w, 100 * (UNIT + 1024));
    make_blocks(w, bp, N, 20000);
    for (unsigned i = 0; i < N; i++)
        for (unsigned piece = 0; piece < 8; piece++)
            use(w, &bp[i]);
    struct arc_stats st;
    arc_stats_get(arc, &st);
    assert_int_equal(st.mfu_hits, 0);
}

/* Ghost hits move the target: a working set a little larger than MRU's share gets more of it. */
static void test_adaptation(void **state)
{
    struct fake_world *w = *state;
    enum { N = 120 };
    static struct blkptr bp[N];
    struct arc_stats st0, st;

    struct arc *arc = new_arc(w, 100 * (UNIT + 1024));
    make_blocks(w, bp, N, 30000);
    arc_stats_get(arc, &st0);
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < N; i++)
            use(w, &bp[i]);
    arc_stats_get(arc, &st);
    assert_true(st.ghost_hits > N);
    assert_true(st.hits > 2 * N); /* plain LRU would have none */
    assert_true(st.target_mru != st0.target_mru);
    assert_true(st.target_mru <= st.limit);
    assert_true(st.ghost_size <= st.limit);
}

/* Metadata is not pushed out by streaming data, nor the other way round. */
static void test_metadata_balance(void **state)
{
    struct fake_world *w = *state;
    enum { META = 20, DATA = 1000 };
    static struct blkptr meta[META], data[DATA];
    uint8_t buf[UNIT];

    struct arc *arc = new_arc(w, 100 * (UNIT + 1024));
    for (unsigned i = 0; i < META; i++) {
        fake_fill(buf, UNIT, 40000 + i);
        meta[i] = fake_write(w, buf, UNIT, COMPRESS_OFF, CHECKSUM_FLETCHER_4, OBJTYPE_DNODE, 0,
                             40000 + i, 1);
        use(w, &meta[i]);
    }
    make_blocks(w, data, DATA, 50000);
    for (unsigned i = 0; i < DATA; i++)
        use(w, &data[i]);
    assert_int_equal(cached(w, meta, META), META);
    struct arc_stats st;
    arc_stats_get(arc, &st);
    assert_true(st.meta_size >= META * UNIT);
    assert_true(st.data_size > st.meta_size);
}

static void test_held_are_kept(void **state)
{
    struct fake_world *w = *state;
    enum { HELD = 20, N = 300 };
    static struct blkptr bp[N];
    struct arc_buf *held[HELD];

    struct arc *arc = new_arc(w, 100 * (UNIT + 1024));
    make_blocks(w, bp, N, 60000);
    for (unsigned i = 0; i < HELD; i++)
        assert_int_equal(get(w, &bp[i], &held[i]), 0);
    for (unsigned i = HELD; i < N; i++) {
        struct arc_stats st;
        use(w, &bp[i]);
        arc_stats_get(arc, &st);
        assert_true(st.size <= st.limit);
        assert_int_equal(st.overcommits, 0);
    }
    assert_int_equal(cached(w, bp, HELD), HELD);
    for (unsigned i = 0; i < HELD; i++)
        arc_release(held[i]);
}

/* Decompressed copies that nobody holds stay few. */
static void test_decoded_bound(void **state)
{
    struct fake_world *w = *state;
    enum { N = 200 };
    struct arc_stats st;

    struct arc *arc = new_arc(w, 16 << 20);
    for (unsigned i = 0; i < N; i++) {
        struct blkptr bp = block(w, 65000 + i, 32768, COMPRESS_LZ4);
        use(w, &bp);
        arc_stats_get(arc, &st);
        assert_true(st.decoded_size <= 1 << 20);
    }
    assert_true(st.decoded_size > 1 << 19);
}

/* More held than the limit: reads go on, within the slack. */
static void test_more_held_than_fits(void **state)
{
    struct fake_world *w = *state;
    enum { N = 64 };
    static struct blkptr bp[N];
    struct arc_buf *held[N];
    struct arc_stats st;

    struct arc *arc = new_arc(w, 32 * UNIT);
    make_blocks(w, bp, N, 70000);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(get(w, &bp[i], &held[i]), 0);
    arc_stats_get(arc, &st);
    assert_true(st.size > st.limit);
    assert_true(st.size <= st.limit + ARC_SLACK);
    for (unsigned i = 0; i < N; i++)
        arc_release(held[i]);
    struct blkptr one = block(w, 71000, UNIT, COMPRESS_OFF);
    use(w, &one);
    arc_stats_get(arc, &st);
    assert_true(st.size <= st.limit);
}

struct keeper {
    struct arc_reclaimer r;
    struct arc_buf *held[64];
    unsigned n, calls;
};

static void keeper_reclaim(struct arc_reclaimer *self, uint64_t bytes)
{
    struct keeper *k = container_of(self, struct keeper, r);

    k->calls++;
    while (k->n > 0)
        arc_release(k->held[--k->n]);
}

static void test_reclaimer(void **state)
{
    struct fake_world *w = *state;
    enum { N = 60 };
    static struct blkptr bp[N];
    struct keeper k = {.r.reclaim = keeper_reclaim};
    struct arc_stats st;

    struct arc *arc = new_arc(w, 32 * UNIT);
    arc_reclaimer_add(arc, &k.r);
    make_blocks(w, bp, N, 72000);
    for (unsigned i = 0; i < N; i++) {
        struct arc_buf *buf;
        assert_int_equal(get(w, &bp[i], &buf), 0);
        k.held[k.n++] = buf;
        arc_stats_get(arc, &st);
        assert_true(st.size <= st.limit);
    }
    assert_true(k.calls > 0);
    keeper_reclaim(&k.r, 0);
    arc_reclaimer_remove(arc, &k.r);
}

static void test_shrink(void **state)
{
    struct fake_world *w = *state;
    enum { N = 200 };
    static struct blkptr bp[N];
    struct arc_stats st;

    struct arc *arc = new_arc(w, 100 * (UNIT + 1024));
    make_blocks(w, bp, N, 80000);
    for (unsigned i = 0; i < N; i++)
        use(w, &bp[i]);
    arc_stats_get(arc, &st);
    uint64_t before = st.size;
    arc_shrink(arc, before / 2);
    arc_stats_get(arc, &st);
    assert_true(st.size <= before - before / 2);
    for (unsigned i = 0; i < N; i++) {
        use(w, &bp[i]);
        arc_stats_get(arc, &st);
        assert_true(st.size <= before - before / 2); /* pressure is remembered */
    }
    env_sim_advance(&w->env, 60000000000ull);
    for (unsigned i = 0; i < N; i++)
        use(w, &bp[i]);
    arc_stats_get(arc, &st);
    assert_true(st.size > before * 9 / 10);
    arc_set_limit(arc, 20 * UNIT);
    arc_stats_get(arc, &st);
    assert_true(st.size <= 20 * UNIT);
}

/* ---- model ---- */

static uint64_t rnd(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* Random reads, holds, prefetches, shrinks and drops against the blocks as written. */
static void test_model(void **state)
{
    struct fake_world *w = *state;
    enum { N = 400, HOLD = 16, STEPS = 20000 };
    static struct blkptr bp[N];
    static uint64_t size[N];
    struct {
        struct arc_buf *buf;
        unsigned block;
    } held[HOLD] = {{0}};
    struct arc_stats st;
    uint64_t seed = 88172645463325252ull, last_hits = 0;
    uint8_t *expect = malloc(131072);
    static const enum compress_id comps[] = {COMPRESS_OFF, COMPRESS_LZ4, COMPRESS_ZLE,
                                             COMPRESS_OFF};

    struct arc *arc = new_arc(w, 4 << 20);
    for (unsigned i = 0; i < N; i++) {
        size[i] = 512u << rnd(&seed) % 9;
        bp[i] = block(w, 90000 + i, size[i], comps[i % 4]);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t r = rnd(&seed);
        /* a skewed choice: low numbers more often */
        unsigned i = (unsigned)(rnd(&seed) % N * (rnd(&seed) % N) / N), h = r / 64 % HOLD;
        switch (r % 64) {
        case 0:
            arc_prefetch(&w->pool, &bp[i], &zb);
            break;
        case 1:
            if (step % 50 == 0)
                arc_shrink(arc, 1 << 20);
            env_sim_advance(&w->env, 3000000000ull);
            break;
        case 2:
            if (step % 100 == 0)
                arc_drop_pool(arc, &w->pool);
            break;
        default:
            if (held[h].buf != NULL) {
                fake_fill(expect, size[held[h].block], 90000 + held[h].block);
                assert_memory_equal(held[h].buf->data, expect, size[held[h].block]);
                arc_release(held[h].buf);
            }
            assert_int_equal(get(w, &bp[i], &held[h].buf), 0);
            held[h].block = i;
            assert_int_equal(held[h].buf->size, size[i]);
            fake_fill(expect, size[i], 90000 + i);
            assert_memory_equal(held[h].buf->data, expect, size[i]);
            break;
        }
        arc_stats_get(arc, &st);
        assert_true(st.size <= st.limit);
        assert_true(st.meta_size + st.data_size <= st.size);
        assert_true(st.target_mru <= st.limit && st.target_meta <= st.limit);
        assert_true(st.hits >= last_hits);
        last_hits = st.hits;
    }
    assert_true(st.hits > STEPS / 4); /* it does cache */
    assert_true(st.evictions > 0 && st.ghost_hits > 0);
    assert_int_equal(st.overcommits, 0);
    for (unsigned h = 0; h < HOLD; h++)
        arc_release(held[h].buf);
    free(expect);
}

/* ---- limits of the machine ---- */

static void put_file(const char *root, const char *path, const char *text)
{
    char name[600], cmd[700];

    snprintf(name, sizeof(name), "%s%s", root, path);
    snprintf(cmd, sizeof(cmd), "mkdir -p \"$(dirname '%s')\"", name);
    assert_int_equal(system(cmd), 0);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_default_limit(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char root[300], cmd[400];

    snprintf(root, sizeof(root), "%s/zuse-arc-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(root));
    put_file(root, "/proc/meminfo", "MemTotal:        8388608 kB\nMemAvailable:    4194304 kB\n");
    assert_int_equal(arc_default_limit(root), 4ull << 30);
    put_file(root, "/proc/self/cgroup", "0::/a/b\n");
    put_file(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    assert_int_equal(arc_default_limit(root), 4ull << 30);
    put_file(root, "/sys/fs/cgroup/a/memory.high", "1073741824\n"); /* of the parent */
    assert_int_equal(arc_default_limit(root), (1ull << 30) - (256 << 20));
    put_file(root, "/sys/fs/cgroup/a/b/memory.max", "268435456\n");
    assert_int_equal(arc_default_limit(root), 128 << 20);
    put_file(root, "/proc/self/cgroup", "9:cpu:/x\n4:memory:/y\n0::/\n"); /* version 1 */
    put_file(root, "/sys/fs/cgroup/memory/y/memory.limit_in_bytes", "536870912\n");
    put_file(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(arc_default_limit(root), 256 << 20);
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
    assert_int_equal(system(cmd), 0);
    assert_true(arc_default_limit("") >= 32 << 20);
}

static void test_pressure_thread(void **state)
{
    struct fake_world *w = *state;
    struct arc *arc = new_arc(w, 8 << 20);

    assert_int_equal(arc_pressure_start(arc), 0);
    struct blkptr bp = block(w, 9, 4096, COMPRESS_OFF);
    use(w, &bp);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_hit),
        T(test_special_blocks),
        T(test_identity),
        T(test_without_cache),
        T(test_many),
        T(test_coalescing),
        T(test_prefetch),
        T(test_order),
        T(test_scan_resistance),
        T(test_correlated_uses),
        T(test_adaptation),
        T(test_metadata_balance),
        T(test_held_are_kept),
        T(test_decoded_bound),
        T(test_more_held_than_fits),
        T(test_reclaimer),
        T(test_shrink),
        T(test_model),
        T(test_default_limit),
        T(test_pressure_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
