/* SPDX-License-Identifier: MIT */
/*
 * The corruption campaign: damages a real pool in memory at random, imports and reads all of it,
 * many times over. What is read must be what the undamaged pool has, or an error; nothing may
 * crash, hang, leak or grow without bound (sanitizers watch). Three kinds of damage:
 *   bytes    flipped anywhere where there is content: checksums notice
 *   sectors  zeroed, random, or another sector's content, single and in runs: checksums notice
 *   forged   fields of metadata changed with checksums put right up to the uberblock: any content
 *            may be read, nothing else may happen
 *
 * usage: corrupt [-n COUNT] [-s SEED] [-t SECONDS] [-k KEYFILE] [-K bsf] [-v] DIRECTORY
 * Run i has seed SEED+i: "-s THAT -n 1" repeats it. Exit 1 if something was wrong.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "disk/dnode.h"
#include "disk/label.h"
#include "hostile_pool.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define LEAK_CHECK() __lsan_do_recoverable_leak_check()
#endif
#endif
#ifndef LEAK_CHECK
#define LEAK_CHECK() 0
#endif

#define CPU_SECONDS  20
#define WALL_SECONDS 240
#define FACTS_MAX    (1u << 18)

static uint64_t running_seed;

/* ---- what the undamaged pool has ---- */

struct fact {
    uint64_t key, digest;
};
struct campaign {
    struct hostile_pool hp;
    struct fact *fact;
    size_t nfacts;
    bool baseline, compare, verbose;
    bool one_disk; /* of a redundant pool: nothing may be lost */
    unsigned disk;
    uint64_t txg, rng;
    uint64_t runs, unimportable, other_txg, things, failed, wrong;
    double slowest;
};

static uint64_t next_random(struct campaign *c)
{
    uint64_t z = (c->rng += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t below(struct campaign *c, uint64_t n)
{
    return n == 0 ? 0 : next_random(c) % n;
}

static uint64_t key_of(const char *what, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (; *what != '\0'; what++)
        h = (h ^ (uint8_t)*what) * 0x100000001b3u;
    for (h *= 31; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h | 1;
}

static struct fact *find_fact(struct campaign *c, uint64_t key)
{
    size_t i = key % FACTS_MAX;

    while (c->fact[i].key != 0 && c->fact[i].key != key)
        i = (i + 1) % FACTS_MAX;
    return &c->fact[i];
}

static void on_note(void *arg, const char *what, const char *name, int err, uint64_t digest)
{
    struct campaign *c = arg;
    struct fact *f = find_fact(c, key_of(what, name));

    if (c->baseline) {
        if (err != 0 && err != ZE_NOKEY)
            printf("# undamaged: %s of %s: %s: %s\n", what, name, err_name(err), err_detail());
        if (err == 0 && c->nfacts < FACTS_MAX / 2) {
            c->nfacts += f->key == 0;
            *f = (struct fact){key_of(what, name), digest};
        }
        return;
    }
    c->things++;
    c->failed += err != 0;
    if (err != 0 && c->verbose)
        printf("  %s of %s: %s: %s\n", what, name, err_name(err), err_detail());
    if (err != 0 && c->one_disk && f->key != 0) {
        c->wrong++;
        printf("not ok - seed %" PRIu64 ": one bad disk of several, %s of %s: %s: %s\n",
               running_seed, what, name, err_name(err), err_detail());
    }
    if (err != 0 || !c->compare || (f->key != 0 && f->digest == digest))
        return;
    c->wrong++;
    printf("not ok - seed %" PRIu64 ": %s of %s is %s\n", running_seed, what, name,
           f->key == 0 ? "not in the undamaged pool" : "wrong");
}

/* ---- damage that checksums notice ---- */

/* A place with content, seldom in a label: without one there is nothing to look at. */
static void choose_place(struct campaign *c, unsigned *disk, uint64_t *offset)
{
    struct hostile_pool *hp = &c->hp;

    if (below(c, 64) == 0) {
        *disk = c->one_disk ? c->disk : (unsigned)below(c, hp->ndisks);
        *offset = label_offset(label_psize(hp->disk_size[*disk]), (unsigned)below(c, 4),
                               below(c, LABEL_SIZE));
        return;
    }
    for (unsigned tries = 0; tries < 256; tries++) {
        uint64_t u = hp->used[below(c, hp->nused)];
        *disk = (unsigned)(u >> 40);
        *offset = (u & (((uint64_t)1 << 40) - 1)) * 4096 + below(c, 4096);
        if (*offset >= LABEL_START_SIZE && *offset < hp->disk_size[*disk] - LABEL_END_SIZE &&
            (!c->one_disk || *disk == c->disk))
            return;
    }
}

static void noise(struct campaign *c, uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (uint8_t)next_random(c);
}

static void damage_bytes(struct campaign *c)
{
    for (uint64_t n = (uint64_t)1 << below(c, c->one_disk ? 14 : 9); n > 0; n--) {
        unsigned disk;
        uint64_t offset;
        uint8_t b = (uint8_t)next_random(c);
        choose_place(c, &disk, &offset);
        (void)hostile_poke(&c->hp, disk, offset, &b, 1);
    }
}

/* Every copy of a metadata block. */
static void damage_block(struct campaign *c)
{
    struct hostile_pool *hp = &c->hp;
    static uint8_t buf[65536];

    if (!hp->editable || hp->nblocks == 0 || c->one_disk)
        return;
    const struct blkptr *bp = &hp->block[below(c, hp->nblocks)].bp;
    size_t len = min_of((size_t)bp_psize(bp), sizeof(buf));
    uint64_t from = below(c, len), n = 1 + below(c, len - from);
    for (unsigned i = 0; i < BLKPTR_DVAS; i++) {
        const struct dva *d = &bp->dva[i];
        if (!dva_is_valid(d) || dva_vdev(d) != 0 || dva_is_gang(d))
            continue;
        noise(c, buf, n);
        for (unsigned disk = 0; disk < hp->ndisks; disk++) {
            if (hp->top_disk[0] >> disk & 1)
                (void)hostile_poke(hp, disk, dva_offset(d) + LABEL_START_SIZE + from, buf, n);
        }
    }
}

static void damage_sectors(struct campaign *c)
{
    static uint8_t buf[65536];

    for (uint64_t n = (uint64_t)1 << below(c, c->one_disk ? 11 : 6); n > 0; n--) {
        size_t sector = below(c, 2) != 0 ? 512 : 4096, len = sector << below(c, 5);
        unsigned disk, other;
        uint64_t offset, from;
        choose_place(c, &disk, &offset);
        choose_place(c, &other, &from);
        len = min_of(len, sizeof(buf));
        switch (below(c, 4)) {
        case 0:
            memset(buf, 0, len);
            break;
        case 1:
            noise(c, buf, len);
            break;
        case 2: /* a write that went to the wrong place */
            if (hostile_peek(&c->hp, other, round_down_pow2(from, sector), buf, len) != 0)
                continue;
            break;
        default:
            damage_block(c);
            continue;
        }
        (void)hostile_poke(&c->hp, disk, round_down_pow2(offset, sector), buf, len);
    }
}

/* ---- damage that checksums do not notice ---- */

static uint64_t odd_number(struct campaign *c, uint64_t was)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     3,
                                     0x7f,
                                     0xff,
                                     0x100,
                                     0x7fff,
                                     0xffff,
                                     0x10000,
                                     0x7fffffff,
                                     0xffffffff,
                                     0x100000000,
                                     INT64_MAX,
                                     UINT64_MAX,
                                     UINT64_MAX - 1,
                                     (uint64_t)1 << 63,
                                     (uint64_t)1 << 48,
                                     (uint64_t)1 << 62,
                                     512,
                                     4096};

    switch (below(c, 6)) {
    case 0:
        return was + 1;
    case 1:
        return was - 1;
    case 2:
        return was ^ (uint64_t)1 << below(c, 64);
    case 3:
        return next_random(c);
    case 4:
        return was << below(c, 32);
    default:
        return edges[below(c, array_len(edges))];
    }
}

static void set_word(struct campaign *c, uint8_t *p, size_t width)
{
    uint64_t v = 0;

    memcpy(&v, p, width);
    v = odd_number(c, v);
    memcpy(p, &v, width); /* little-endian: the low bytes */
}

/* Fields of the head of an allocated dnode, or a word of its pointers or bonus. */
static void forge_dnode(struct campaign *c, uint8_t *data, size_t size)
{
    for (unsigned tries = 0; tries < 32; tries++) {
        uint8_t *dn = data + below(c, size / 512) * 512;
        if (dn[0] == 0)
            continue;
        if (below(c, 2) == 0)
            set_word(c, dn + below(c, 16), 1);
        else
            set_word(c, dn + 8 * below(c, 64), 8);
        return;
    }
}

static void forge_pointer(struct campaign *c, uint8_t *p, size_t size)
{
    size_t n = size / sizeof(struct blkptr);
    uint8_t *bp = p + below(c, n) * sizeof(struct blkptr);

    for (unsigned tries = 0; tries < 64 && ((struct blkptr *)(void *)bp)->prop == 0; tries++)
        bp = p + below(c, n) * sizeof(struct blkptr);
    switch (below(c, 4)) {
    case 0: /* another pointer of this block */
        memmove(bp, p + below(c, n) * sizeof(struct blkptr), sizeof(struct blkptr));
        break;
    case 1: { /* a block of another place in the pool: checksum right, meaning wrong */
        const struct hostile_block *b = &c->hp.block[below(c, c->hp.nblocks)];
        memcpy(bp, &b->bp, sizeof(b->bp));
        break;
    }
    case 2:
        set_word(c, bp + 48, 8); /* properties */
        break;
    default:
        set_word(c, bp + 8 * below(c, 16), 8);
    }
}

static void forge_any(struct campaign *c, uint8_t *data, size_t size)
{
    size_t used = size;

    while (used > 64 && below(c, 4) != 0 && data[used - 1] == 0) /* mostly where content is */
        used--;
    switch (below(c, 7)) {
    case 0:
        data[below(c, used)] ^= (uint8_t)(1u << below(c, 8));
        break;
    case 1:
        data[below(c, used)] = (uint8_t)next_random(c);
        break;
    case 2:
        set_word(c, data + (below(c, used - 1) & ~(size_t)1), 2);
        break;
    case 3:
        set_word(c, data + (below(c, used) & ~(size_t)3 & (size - 4)), 4);
        break;
    case 4: {
        size_t from = below(c, used), to = below(c, used), n = 1 + below(c, 64);
        if (from + n <= size && to + n <= size)
            memmove(data + to, data + from, n);
        break;
    }
    case 5: /* heads are where counts and sizes are */
        set_word(c, data + 8 * below(c, min_of(size / 8, (size_t)16)), 8);
        break;
    default:
        set_word(c, data + (below(c, used) / 8) * 8, 8);
    }
}

/* Most blocks are dnodes and file system indirects: choose the type first, then the block. */
static size_t choose_block(struct campaign *c)
{
    const struct hostile_pool *hp = &c->hp;
    unsigned seen_types[64], n = 0;

    if (below(c, 3) == 0)
        return below(c, hp->nblocks);
    for (unsigned tries = 0; tries < 400 && n < 64; tries++) {
        unsigned t = bp_type(&hp->block[below(c, hp->nblocks)].bp), i = 0;
        while (i < n && seen_types[i] != t)
            i++;
        if (i == n)
            seen_types[n++] = t;
    }
    unsigned want = seen_types[below(c, n)];
    size_t i = below(c, hp->nblocks);
    while (bp_type(&hp->block[i].bp) != want)
        i = (i + 1) % hp->nblocks;
    return i;
}

static void damage_forged(struct campaign *c)
{
    for (uint64_t n = 1 + below(c, 8) * below(c, 2); n > 0; n--) {
        size_t i = choose_block(c);
        const struct hostile_block *b = &c->hp.block[i];
        uint8_t *data = hostile_edit(&c->hp, i);
        unsigned type = bp_type(&b->bp);
        if (data == NULL)
            exit(3);
        for (uint64_t k = 1 + below(c, 3); k > 0; k--) {
            if (bp_level(&b->bp) > 0 && below(c, 8) != 0)
                forge_pointer(c, data, b->size);
            else if ((type == OBJTYPE_DNODE || type == OBJTYPE_OBJSET) && below(c, 3) != 0)
                forge_dnode(c, data, b->size);
            else
                forge_any(c, data, b->size);
        }
    }
    (void)hostile_commit(&c->hp); /* ZE_NOSPC: some of it is not there; fine */
}

/* ---- runs ---- */

static void too_long(int sig)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "not ok - seed %" PRIu64 " takes too long (%s)\n",
                     running_seed, sig == SIGPROF ? "CPU" : "waiting");

    (void)!write(1, text, (size_t)n);
    abort();
}

static void watch(bool on)
{
    struct itimerval it = {.it_value.tv_sec = on ? CPU_SECONDS : 0};

    setitimer(ITIMER_PROF, &it, NULL);
    alarm(on ? WALL_SECONDS : 0);
}

static double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void read_pool(struct campaign *c)
{
    struct hostile_report r = {
        .note = on_note, .arg = c, .bytes_max = 256u << 20, .entries_max = 20000};
    uint64_t mem = atomic_load(&c->hp.env.mem.used);
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);

    watch(true);
    hostile_read(&c->hp, &r);
    watch(false);
    double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    if (took > c->slowest)
        c->slowest = took;
    if (c->verbose)
        printf("seed %" PRIu64 ": %s, txg %" PRIu64 ", %" PRIu64 " bytes, %" PRIu64
               " errors, %.2f s\n",
               running_seed, r.import_err == 0 ? "imported" : err_name(r.import_err), r.txg,
               r.bytes, r.errors, took);
    if (atomic_load(&c->hp.env.mem.used) != mem) {
        printf("not ok - seed %" PRIu64 ": memory accounted %" PRIu64 " before, %" PRIu64
               " after\n",
               running_seed, mem, (uint64_t)atomic_load(&c->hp.env.mem.used));
        c->wrong++;
    }
    if (c->baseline) {
        c->txg = r.txg;
        return;
    }
    if (r.import_err != 0 && c->one_disk) {
        printf("not ok - seed %" PRIu64 ": not importable with one bad disk: %s: %s\n",
               running_seed, err_name(r.import_err), err_detail());
        c->wrong++;
    }
    if (r.import_err != 0)
        c->unimportable++;
    else if (r.txg != c->txg)
        c->other_txg++;
}

/* An older uberblock has other content: find out first which one the damaged pool opens with. */
static bool same_txg(struct campaign *c)
{
    struct hostile_report r = {.entries_max = 0, .bytes_max = 0};

    hostile_read(&c->hp, &r);
    return r.import_err == 0 && r.txg == c->txg;
}

static void run(struct campaign *c, uint64_t seed, const char *kinds)
{
    char kind = kinds[seed % strlen(kinds)];

    running_seed = seed;
    c->rng = seed * 0x2545f4914f6cdd1du;
    if (kind == 'f' && !c->hp.editable)
        kind = 's';
    c->one_disk = kind != 'f' && c->hp.redundant && below(c, 2) != 0;
    c->disk = (unsigned)below(c, c->hp.ndisks);
    if (kind == 'f')
        damage_forged(c);
    else if (kind == 's')
        damage_sectors(c);
    else
        damage_bytes(c);
    c->compare = kind != 'f' && same_txg(c);
    read_pool(c);
    hostile_restore(&c->hp);
    c->runs++;
}

static char *read_key(const char *path)
{
    static char key[32];
    FILE *f = fopen(path, "rb");

    if (f == NULL || fread(key, 1, sizeof(key), f) != sizeof(key))
        exit(2);
    fclose(f);
    return key;
}

static int summary(const struct campaign *c, const char *name)
{
    struct rusage ru;

    getrusage(RUSAGE_SELF, &ru);
    printf("%s: %" PRIu64 " runs, %" PRIu64 " not importable, %" PRIu64
           " from an older txg; %" PRIu64 " things read, %" PRIu64 " with errors, %" PRIu64
           " wrong; slowest %.2f s, at most %ld MiB\n",
           name, c->runs, c->unimportable, c->other_txg, c->things, c->failed, c->wrong, c->slowest,
           ru.ru_maxrss / 1024);
    return c->wrong != 0;
}

int main(int argc, char **argv)
{
    static struct campaign c;
    uint64_t count = 100, seed = 1;
    double limit = 1e9;
    const char *kinds = "bsf", *key = NULL;
    int o;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((o = getopt(argc, argv, "n:s:t:k:K:v")) != -1) {
        if (o == 'n')
            count = strtoull(optarg, NULL, 0);
        else if (o == 's')
            seed = strtoull(optarg, NULL, 0);
        else if (o == 't')
            limit = atof(optarg);
        else if (o == 'k')
            key = read_key(optarg);
        else if (o == 'K')
            kinds = optarg;
        else if (o == 'v')
            c.verbose = true;
        else
            return 2;
    }
    if (optind + 1 != argc || *kinds == '\0' ||
        (c.fact = calloc(FACTS_MAX, sizeof(*c.fact))) == NULL)
        return 2;
    signal(SIGALRM, too_long);
    signal(SIGPROF, too_long);
    int err = hostile_open(&c.hp, argv[optind], 1);
    if (err != 0) {
        fprintf(stderr, "%s: %s: %s\n", argv[optind], err_name(err), err_detail());
        return 2;
    }
    c.hp.key = key;
    c.baseline = true;
    read_pool(&c);
    c.baseline = false;
    printf("# %s: %zu facts, %zu metadata blocks, %s\n", argv[optind], c.nfacts, c.hp.nblocks,
           c.hp.editable ? "forgeable" : "not forgeable");
    double start = seconds(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < count && seconds(CLOCK_MONOTONIC) - start < limit; i++) {
        run(&c, seed + i, kinds);
        if (i % 200 == 199 && LEAK_CHECK() != 0) {
            printf("not ok - a leak before seed %" PRIu64 "\n", seed + i);
            c.wrong++;
            break;
        }
    }
    int rc = summary(&c, argv[optind]);
    hostile_close(&c.hp);
    free(c.fact);
    return rc;
}
