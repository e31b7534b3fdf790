/* SPDX-License-Identifier: MIT */
/*
 * The ARC's hit path: nanoseconds a hit takes, by block size and form, and how hits scale with
 * threads; then misses with eviction. Reads come from memory disks (tests/unit/zio/fake_vdev.h), so
 * the numbers are the cache's alone. The same copy out of plain memory is the limit to compare
 * with.
 *
 * Usage: bench_arc [seconds for each line, default 0.5]
 */
#include <stdio.h>

#include "../tests/unit/zio/fake_vdev.h"
#include "zio/arc.h"

#define MAX_THREADS 16u

enum mode { COPY_ONLY, HIT, HIT_COPY, MISS };

struct load {
    struct fake_world *w;
    const struct blkptr *bp;
    unsigned n;
    enum mode mode;
    uint64_t until, count;
    uint64_t seed;
    uint8_t *out;
    size_t size;
    pthread_t thread;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void one(struct load *l, unsigned i)
{
    static const struct bookmark zb = {1, 2, 0, 3};
    struct arc_buf *buf;

    if (l->mode == COPY_ONLY) {
        memcpy(l->out, l->w->disk[0] + dva_offset(&l->bp[i].dva[0]), l->size);
        return;
    }
    if (arc_read(&l->w->pool, &l->bp[i], &zb, VDEV_PRIO_SYNC_READ, 0, &buf) != 0)
        abort();
    if (l->mode == HIT_COPY)
        memcpy(l->out, buf->data, buf->size);
    arc_release(buf);
}

static void *load_main(void *arg)
{
    struct load *l = arg;

    while (now_ns() < l->until) {
        for (unsigned k = 0; k < 64; k++) {
            l->seed = l->seed * 6364136223846793005ull + 1442695040888963407ull;
            one(l, (unsigned)(l->seed >> 33) % l->n);
        }
        l->count += 64;
    }
    return NULL;
}

static void run(struct fake_world *w, const char *what, const struct blkptr *bp, unsigned n,
                size_t size, enum mode mode, unsigned threads, double seconds)
{
    struct load l[MAX_THREADS];
    uint64_t start = now_ns(), total = 0;

    for (unsigned i = 0; i < threads; i++) {
        l[i] = (struct load){.w = w,
                             .bp = bp,
                             .n = n,
                             .mode = mode,
                             .until = start + (uint64_t)(seconds * 1e9),
                             .seed = i * 77 + 1,
                             .out = malloc(size),
                             .size = size};
        if (pthread_create(&l[i].thread, NULL, load_main, &l[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(l[i].thread, NULL);
        total += l[i].count;
        free(l[i].out);
    }
    double ns = (double)(now_ns() - start);
    printf("%-36s %2u thread%s %9.0f ns each %11.0f /s\n", what, threads,
           threads == 1 ? ": " : "s:", ns * threads / (double)total, (double)total / ns * 1e9);
}

static struct blkptr *make(struct fake_world *w, unsigned n, size_t size, enum compress_id comp)
{
    struct blkptr *bp = malloc(n * sizeof(*bp));
    uint8_t *data = malloc(size);

    for (unsigned i = 0; i < n; i++) {
        fake_fill(data, size, i + 1);
        bp[i] = fake_write(w, data, size, comp, CHECKSUM_FLETCHER_4, 19, 0, 10 + i, 1);
    }
    free(data);
    return bp;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.5;
    struct fake_world *w = fake_create(512 << 20, 9, true);
    enum { N = 1000 };
    struct blkptr *plain = make(w, N, 4096, COMPRESS_OFF);
    struct blkptr *packed = make(w, N, 4096, COMPRESS_LZ4);
    struct blkptr *large = make(w, N, 131072, COMPRESS_LZ4);
    struct blkptr *many = make(w, 20000, 4096, COMPRESS_OFF);

    if (arc_create(&w->env, 256 << 20, &w->pool.arc) != 0)
        return 1;
    run(w, "4 KiB copy from memory", plain, N, 4096, COPY_ONLY, 1, seconds);
    run(w, "4 KiB hit, stored plain", plain, N, 4096, HIT, 1, seconds);
    run(w, "4 KiB hit and copy", plain, N, 4096, HIT_COPY, 1, seconds);
    run(w, "4 KiB hit, lz4, decoded copy cached", packed, N, 4096, HIT, 1, seconds);
    run(w, "4 KiB same block, all threads", packed, 1, 4096, HIT, 4, seconds);
    for (unsigned t = 1; t <= MAX_THREADS; t *= 2)
        run(w, "4 KiB hit, stored plain", plain, N, 4096, HIT, t, seconds);
    run(w, "128 KiB hit, lz4, mostly decoding", large, N, 131072, HIT, 1, seconds);
    run(w, "128 KiB hit, lz4, mostly decoding", large, N, 131072, HIT, 2, seconds);
    arc_set_limit(w->pool.arc, 16 << 20);
    w->async = false; /* misses without the thread switch of a device */
    run(w, "4 KiB, 80 % misses with eviction", many, 20000, 4096, HIT, 1, seconds);
    struct arc_stats st;
    arc_stats_get(w->pool.arc, &st);
    printf("hits %llu, misses %llu, evictions %llu, size %llu of %llu\n",
           (unsigned long long)st.hits, (unsigned long long)st.misses,
           (unsigned long long)st.evictions, (unsigned long long)st.size,
           (unsigned long long)st.limit);
    arc_drop_pool(w->pool.arc, &w->pool);
    arc_destroy(w->pool.arc);
    w->async = true;
    fake_destroy(w);
    free(plain);
    free(packed);
    free(large);
    free(many);
    return 0;
}
