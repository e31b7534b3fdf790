/* SPDX-License-Identifier: MIT */
/*
 * The dmu's paths when everything is cached: a 4 KiB read out of blocks of several sizes, holding a
 * dnode, looking a name up in a micro and a fat ZAP, listing one, and how reads scale with threads.
 * Beside it the same copy out of plain memory as the limit. Blocks come from a memory ARC
 * (tests/unit/dmu/fake_arc.h), so only the dmu is measured.
 *
 * Usage: bench_dmu [seconds for each line, default 0.5]
 */
#include <stdio.h>
#include <time.h>

#include "../tests/unit/dmu/fake_arc.h"
#include "../tests/unit/dmu/zap_builder.h"

#define MAX_THREADS 16u
#define FILE_BYTES  (4u << 20)

static double seconds = 0.5;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct bench {
    struct zio_pool zp;
    struct objset *os;
    struct dnode *dn;
    struct zap *zap;
    unsigned names;
    _Alignas(8) uint8_t slots[32 * 512];
    uint8_t *memory;
};

typedef void (*bench_fn)(struct bench *b, uint64_t i, uint8_t *buf);

struct load {
    struct bench *b;
    bench_fn fn;
    uint64_t until, count;
    uint64_t seed;
};

static void *load_main(void *arg)
{
    struct load *l = arg;
    uint8_t *buf = malloc(4096);
    while (now_ns() < l->until)
        for (unsigned k = 0; k < 64; k++, l->count++) {
            l->seed = l->seed * 6364136223846793005u + 1442695040888963407u;
            l->fn(l->b, l->seed >> 33, buf);
        }
    free(buf);
    return NULL;
}

static void run(const char *what, struct bench *b, bench_fn fn, unsigned threads)
{
    struct load l[MAX_THREADS];
    pthread_t t[MAX_THREADS];
    uint64_t start = now_ns(), total = 0;
    for (unsigned i = 0; i < threads; i++) {
        l[i] = (struct load){b, fn, start + (uint64_t)(seconds * 1e9), 0, i + 1};
        pthread_create(&t[i], NULL, load_main, &l[i]);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(t[i], NULL);
        total += l[i].count;
    }
    double ns = (double)(now_ns() - start);
    printf("%-44s %2u threads %9.1f ns each %8.2f M/s\n", what, threads,
           ns * threads / (double)total, (double)total * 1e3 / ns);
}

static void copy_memory(struct bench *b, uint64_t i, uint8_t *buf)
{
    memcpy(buf, b->memory + i % (FILE_BYTES / 4096) * 4096, 4096);
}

static void read_4k(struct bench *b, uint64_t i, uint8_t *buf)
{
    if (dmu_read(b->dn, i % (FILE_BYTES / 4096) * 4096, buf, 4096) != 0)
        abort();
}

static void hold_dnode(struct bench *b, uint64_t i, uint8_t *buf)
{
    struct dnode *dn;
    if (dnode_hold(b->os, 1, &dn) != 0)
        abort();
    dnode_rele(dn);
}

static void look_up(struct bench *b, uint64_t i, uint8_t *buf)
{
    char name[32];
    uint64_t v;
    snprintf(name, sizeof(name), "file-%u", (unsigned)(i % b->names));
    if (zap_lookup(b->zap, name, 8, 1, &v, NULL) != 0)
        abort();
}

static void list_all(struct bench *b, uint64_t i, uint8_t *buf)
{
    static _Thread_local struct zap_entry e;
    struct zap_cursor c;
    zap_cursor_init(&c, b->zap);
    while (zap_cursor_next(&c, &e) == 0)
        ;
    zap_cursor_fini(&c);
}

static void bench_reads(unsigned block_size, bool foreign)
{
    struct bench *b = calloc(1, sizeof(*b));
    unsigned n = FILE_BYTES / block_size;
    struct blkptr *bps = calloc(n, sizeof(*bps));
    b->memory = calloc(1, FILE_BYTES);
    for (unsigned i = 0; i < n; i++)
        bps[i] = fake_write(b->memory + (size_t)i * block_size, block_size, OBJTYPE_PLAIN_FILE, 0,
                            10, 1, foreign);
    struct dnode_phys phys = fake_dnode(OBJTYPE_PLAIN_FILE, block_size);
    fake_tree(&phys, bps, n, foreign);
    memcpy(b->slots + 512, &phys, sizeof(phys));
    struct blkptr root = fake_objset(b->slots, 32, 4096, foreign);
    if (objset_open(&b->zp, 1, &root, 0, &b->os) != 0 || dnode_hold(b->os, 1, &b->dn) != 0)
        abort();
    char what[64];
    snprintf(what, sizeof(what), "cached 4 KiB read, %u KiB blocks", block_size >> 10);
    for (unsigned threads = 1; threads <= 4; threads *= 2) {
        run("copy 4 KiB out of memory", b, copy_memory, threads);
        run(what, b, read_4k, threads);
    }
    run("hold and release a dnode", b, hold_dnode, 1);
    dnode_rele(b->dn);
    objset_close(b->os);
    free(b->memory);
    free(bps);
    free(b);
    fake_reset();
}

static void bench_zap(const char *kind, struct zap_source *src, unsigned names)
{
    struct bench *b = calloc(1, sizeof(*b));
    char what[64];
    b->names = names;
    if (zap_open_source(src, &b->zap) != 0)
        abort();
    snprintf(what, sizeof(what), "look a name up in a %s ZAP of %u", kind, names);
    run(what, b, look_up, 1);
    snprintf(what, sizeof(what), "list a %s ZAP of %u", kind, names);
    run(what, b, list_all, 1);
    zap_close(b->zap);
    free(b);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seconds = strtod(argv[1], NULL);
    bench_reads(4096, false);
    bench_reads(131072, false);
    struct mem_zap m;
    char name[32];
    build_micro(&m, 131072, 12345, 0);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "file-%u", i);
        micro_put(&m, i, name, i, 0);
    }
    bench_zap("micro", &m.src, 2000);
    mem_zap_fini(&m);
    struct fat_builder f;
    build_fat(&f, 14, 5, 12345, 0, 0, false);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "file-%u", i);
        fat_put_u64(&f, name, i, 0);
    }
    bench_zap("fat", &f.m.src, 3000);
    mem_zap_fini(&f.m);
    return 0;
}
