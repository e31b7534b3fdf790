/* SPDX-License-Identifier: MIT */
/*
 * Throughput of the codec floor beside what limits it: checksums beside reading and copying memory
 * and libcrypto called directly, compressors beside their library called directly, RAID-Z
 * arithmetic beside ISA-L and, given its output, beside OpenZFS's `raidz_test -B`.
 *
 * Times are CPU times of this thread, each figure the best of several trials, so that a busy
 * machine disturbs little. GB/s = 10^9 bytes of input a second; "cached" repeats one 128 KiB block,
 * "stream" walks through 256 MiB of them.
 *
 * Usage: bench_codec [-t SECONDS A FIGURE, default 0.15] [-r FILE WITH OUTPUT OF raidz_test -B] [-a
 * (all variants)]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lz4.h>
#include <openssl/evp.h>
#include <zstd.h>
#if defined(HAVE_ISAL)
#include <isa-l.h>
#endif

#include "base/span.h"
#include "codec/checksum.h"
#include "codec/compress.h"
#include "codec/fletcher.h"
#include "codec/hashes.h"
#include "codec/raidz_math.h"

enum { BLOCK = 128 << 10, STREAM = 256 << 20, TRIALS = 7 };

static double figure_seconds = 0.15;
static bool all_variants;
static volatile uint64_t sink;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One thing to measure: work(ctx, i) does its i-th repetition. */
typedef void work_fn(void *ctx, size_t i);

/* Seconds of one repetition, the best of TRIALS stretches. */
static double best_time(work_fn *work, void *ctx)
{
    double best = 1e9;
    size_t reps = 1, i = 0;
    for (unsigned trial = 0; trial < TRIALS;) {
        const double start = cpu_seconds();
        for (size_t r = 0; r < reps; r++)
            work(ctx, i++);
        const double took = cpu_seconds() - start;
        if (took < figure_seconds / TRIALS / 2) {
            reps *= 2;
            continue;
        }
        best = min_of(best, took / (double)reps);
        trial++;
    }
    return best;
}

/* --- checksums --- */

struct memory {
    uint8_t *base;   /* STREAM bytes */
    uint8_t *target; /* BLOCK bytes */
    size_t blocks;   /* used of base */
    void (*hash)(const void *block, uint8_t out[32]);
    const char *variant;
};

static const uint8_t *block_at(const struct memory *m, size_t i)
{
    return m->base + (size_t)BLOCK * (i % m->blocks);
}

#define READ_BODY                                                                                  \
    typedef uint64_t wide __attribute__((vector_size(64), may_alias));                             \
    wide a = {0}, b = {0}, c = {0}, d = {0};                                                       \
    for (size_t off = 0; off < BLOCK; off += 256) {                                                \
        a |= *(const wide *)(p + off);                                                             \
        b |= *(const wide *)(p + off + 64);                                                        \
        c |= *(const wide *)(p + off + 128);                                                       \
        d |= *(const wide *)(p + off + 192);                                                       \
    }                                                                                              \
    a |= b | c | d;                                                                                \
    return a[0] | a[3] | a[7];

static uint64_t read_plain(const uint8_t *p)
{
    READ_BODY
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_avx2(const uint8_t *p)
{
    READ_BODY
}
__attribute__((target("avx512f"))) static uint64_t read_avx512(const uint8_t *p)
{
    READ_BODY
}
#endif

static void work_read(void *ctx, size_t i)
{
    const uint8_t *p = block_at(ctx, i);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        sink = read_avx512(p);
    else if (__builtin_cpu_supports("avx2"))
        sink = read_avx2(p);
    else
#endif
        sink = read_plain(p);
}

static void work_copy(void *ctx, size_t i)
{
    const struct memory *m = ctx;
    memcpy(m->target, block_at(m, i), BLOCK);
    sink = m->target[i % BLOCK];
}

static void work_hash(void *ctx, size_t i)
{
    const struct memory *m = ctx;
    uint8_t out[32];
    m->hash(block_at(m, i), out);
    sink = out[0];
}

static const uint8_t salt[32] = {1, 2, 3};

static void hash_fletcher2(const void *p, uint8_t out[32])
{
    fletcher2(p, BLOCK, false, (struct cksum *)(void *)out);
}
static void hash_fletcher4(const void *p, uint8_t out[32])
{
    fletcher4(p, BLOCK, false, (struct cksum *)(void *)out);
}
static void hash_fletcher4_swapped(const void *p, uint8_t out[32])
{
    fletcher4(p, BLOCK, true, (struct cksum *)(void *)out);
}
static void hash_sha256(const void *p, uint8_t out[32])
{
    sha2_256(p, BLOCK, out);
}
static void hash_sha512(const void *p, uint8_t out[32])
{
    sha2_512_256(p, BLOCK, out);
}
static void hash_skein(const void *p, uint8_t out[32])
{
    skein_512_256(salt, p, BLOCK, out);
}
static void hash_edonr(const void *p, uint8_t out[32])
{
    edonr_512_salted(salt, p, BLOCK, out);
}
static void hash_blake3(const void *p, uint8_t out[32])
{
    blake3_hash(salt, p, BLOCK, out);
}
static void hash_evp_sha256(const void *p, uint8_t out[32])
{
    EVP_Digest(p, BLOCK, out, NULL, EVP_sha256(), NULL);
}
static void hash_evp_sha512(const void *p, uint8_t out[32])
{
    EVP_Digest(p, BLOCK, out, NULL, EVP_sha512_256(), NULL);
}
static void hash_evp_blake2s(const void *p, uint8_t out[32])
{
    EVP_Digest(p, BLOCK, out, NULL, EVP_blake2s256(), NULL);
}

static void work_fletcher4_variant(void *ctx, size_t i)
{
    const struct memory *m = ctx;
    struct cksum c;
    fletcher4_with(m->variant, block_at(m, i), BLOCK, false, &c);
    sink = c.word[3];
}

static void work_blake3_variant(void *ctx, size_t i)
{
    const struct memory *m = ctx;
    uint8_t out[32];
    blake3_hash_with(m->variant, salt, block_at(m, i), BLOCK, out);
    sink = out[0];
}

struct speed {
    double cached, stream; /* GB/s */
};

static struct speed speed_of(struct memory *m, work_fn *work)
{
    struct speed s;
    m->blocks = 1;
    s.cached = BLOCK / best_time(work, m) / 1e9;
    m->blocks = STREAM / BLOCK;
    s.stream = BLOCK / best_time(work, m) / 1e9;
    return s;
}

static void print_speed(const char *name, struct speed s, struct speed read, struct speed copy)
{
    printf("%-22s %8.2f %8.2f %8.2f   %8.2f %8.2f %8.2f\n", name, s.cached, s.cached / read.cached,
           s.cached / copy.cached, s.stream, s.stream / read.stream, s.stream / copy.stream);
}

static void bench_checksums(struct memory *m)
{
    static const struct {
        const char *name;
        void (*hash)(const void *, uint8_t *);
    } rows[] = {
        {"fletcher2", hash_fletcher2},
        {"fletcher4", hash_fletcher4},
        {"fletcher4 swapped", hash_fletcher4_swapped},
        {"sha256", hash_sha256},
        {"  libcrypto alone", hash_evp_sha256},
        {"sha512 (512/256)", hash_sha512},
        {"  libcrypto alone", hash_evp_sha512},
        {"skein", hash_skein},
        {"edonr", hash_edonr},
        {"blake3", hash_blake3},
        {"  libcrypto blake2s", hash_evp_blake2s},
    };
    printf("Checksums of 128 KiB     cached   x read   x copy     stream   x read   x copy\n");
    const struct speed read = speed_of(m, work_read), copy = speed_of(m, work_copy);
    print_speed("memory read", read, read, copy);
    print_speed("memory copy", copy, read, copy);
    for (size_t r = 0; r < array_len(rows); r++) {
        m->hash = rows[r].hash;
        print_speed(rows[r].name, speed_of(m, work_hash), read, copy);
    }
    char name[64];
    for (unsigned i = 0; all_variants && (m->variant = fletcher4_variant_name(i)) != NULL; i++) {
        snprintf(name, sizeof(name), "fletcher4 %s", m->variant);
        print_speed(name, speed_of(m, work_fletcher4_variant), read, copy);
    }
    for (unsigned i = 0; all_variants && (m->variant = blake3_variant_name(i)) != NULL; i++) {
        snprintf(name, sizeof(name), "blake3 %s", m->variant);
        print_speed(name, speed_of(m, work_blake3_variant), read, copy);
    }
}

/* --- compressors --- */

struct pack {
    enum compress_id id;
    int level;
    const uint8_t *plain;
    uint8_t *packed, *out;
    size_t packed_len; /* of ours */
    size_t room;
};

static void work_encode(void *ctx, size_t i)
{
    struct pack *p = ctx;
    p->packed_len = compress_encode(p->id, p->level, p->plain, BLOCK, p->packed, p->room);
}
static void work_decode(void *ctx, size_t i)
{
    struct pack *p = ctx;
    sink = (uint64_t)compress_decode(p->id, p->packed, p->packed_len, p->out, BLOCK);
}
static void work_lz4_encode(void *ctx, size_t i)
{
    struct pack *p = ctx;
    p->packed_len = (size_t)LZ4_compress_default((const char *)p->plain, (char *)p->packed, BLOCK,
                                                 (int)p->room);
}
static void work_lz4_decode(void *ctx, size_t i)
{
    struct pack *p = ctx;
    sink = (uint64_t)LZ4_decompress_safe((const char *)p->packed, (char *)p->out,
                                         (int)p->packed_len, BLOCK);
}
static void work_zstd_encode(void *ctx, size_t i)
{
    struct pack *p = ctx;
    p->packed_len = ZSTD_compress(p->packed, p->room, p->plain, BLOCK, p->level);
}
static void work_zstd_decode(void *ctx, size_t i)
{
    struct pack *p = ctx;
    sink = ZSTD_decompress(p->out, BLOCK, p->packed, p->packed_len);
}

/* Text-like data: words by a skewed choice, some numbers; compresses about 3 to 1. */
static void fill_text(uint8_t *d, size_t n)
{
    uint64_t z = 1;
    for (size_t i = 0; i < n;) {
        z = z * 6364136223846793005u + 1442695040888963407u;
        unsigned word = (unsigned)(z >> 40) % 512;
        word = word * word / 512;
        const unsigned len = 2 + word % 9;
        for (unsigned k = 0; k < len && i < n; k++)
            d[i++] = (uint8_t)('a' + (word * 7 + k * k * 5 + word / 9 * k) % 26);
        if (i < n)
            d[i++] = (z >> 60) == 0 ? '\n' : ' ';
    }
}

static void print_pack(const char *name, struct pack *p, work_fn *encode, work_fn *decode)
{
    const double e = best_time(encode, p), d = best_time(decode, p);
    printf("%-22s %8.2f %12.3f %12.3f\n", name, (double)BLOCK / (double)p->packed_len,
           BLOCK / e / 1e9, BLOCK / d / 1e9);
}

static void bench_compressors(void)
{
    const size_t room = 2 * BLOCK;
    uint8_t *plain = malloc(BLOCK), *packed = malloc(room), *out = malloc(BLOCK);
    struct pack p = {.plain = plain, .packed = packed, .out = out, .room = room};
    fill_text(plain, BLOCK);
    printf("\nCompressors, 128 KiB text  ratio   compress   decompress  (GB/s)\n");
    static const struct {
        const char *name;
        enum compress_id id;
        int level;
    } rows[] = {{"lzjb", COMPRESS_LZJB, 0},
                {"zle", COMPRESS_ZLE, 0},
                {"gzip-6", (enum compress_id)(COMPRESS_GZIP_1 + 5), 0},
                {"lz4", COMPRESS_LZ4, 0},
                {"zstd-1", COMPRESS_ZSTD, 1},
                {"zstd-3", COMPRESS_ZSTD, 3}};
    for (size_t r = 0; r < array_len(rows); r++) {
        p.id = rows[r].id;
        p.level = rows[r].level;
        print_pack(rows[r].name, &p, work_encode, work_decode);
        if (p.id == COMPRESS_LZ4)
            print_pack("  liblz4 alone", &p, work_lz4_encode, work_lz4_decode);
        if (p.id == COMPRESS_ZSTD)
            print_pack("  libzstd alone", &p, work_zstd_encode, work_zstd_decode);
    }
    free(plain);
    free(packed);
    free(out);
}

/* --- RAID-Z --- */

enum { DATA = 8 };

struct parity {
    const char *variant;
    size_t len; /* bytes a column */
    uint8_t *data[DATA], *par[3];
    struct raidz_col cols[DATA];
    unsigned n, use[3];
    uint8_t tables[32 * DATA * 3]; /* of ISA-L */
};

static void work_generate(void *ctx, size_t i)
{
    struct parity *p = ctx;
    raidz_generate_with(p->variant, p->n, p->cols, DATA, (void *const *)p->par, p->len);
}

static void work_reconstruct(void *ctx, size_t i)
{
    static const unsigned missing[3] = {1, 4, 6};
    struct parity *p = ctx;
    raidz_reconstruct_with(p->variant, p->cols, DATA, missing, p->n, (void *const *)p->par, p->use,
                           p->len);
}

#if defined(HAVE_ISAL)
static void work_isal_generate(void *ctx, size_t i)
{
    struct parity *p = ctx;
    void *all[DATA + 2];
    for (unsigned j = 0; j < DATA; j++)
        all[j] = p->data[j];
    all[DATA] = p->par[0];
    all[DATA + 1] = p->par[1];
    if (p->n == 1)
        xor_gen(DATA + 1, (int)p->len, all);
    else if (p->n == 2)
        pq_gen(DATA + 2, (int)p->len, all);
    else
        ec_encode_data((int)p->len, DATA, 3, p->tables, p->data, p->par);
}

/* What any erasure decoder of ISA-L does: as many dot products as columns are missing. */
static void work_isal_reconstruct(void *ctx, size_t i)
{
    struct parity *p = ctx;
    void *all[DATA + 1];
    for (unsigned j = 0; j < DATA; j++)
        all[j] = p->data[j];
    all[DATA] = p->par[0];
    if (p->n == 1 && p->use[0] == RAIDZ_P)
        xor_gen(DATA + 1, (int)p->len, all);
    else
        ec_encode_data((int)p->len, DATA, (int)p->n, p->tables, p->data, p->par);
}
#endif

/*
 * The best implementation's GB/s for one method with 8 data columns and 128 KiB blocks, of DATA + n
 * columns; 0 = none. raidz_test goes by the clock on the wall: a line "# cpu SHARE" (run.sh writes
 * it) says how much of a processor it really had.
 */
static double raidz_test_best(const char *path, const char *method, unsigned n, char impl[32])
{
    FILE *f = path != NULL ? fopen(path, "r") : NULL;
    char line[256];
    double best = 0, share = 1;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        char who[32], math[32];
        unsigned cols, size;
        double disk; /* MB/s of one column */
        if (sscanf(line, "# cpu %lf", &share) == 1)
            continue;
        if (sscanf(line, " %31[^,], %31[^,], %u, %u, %lf", who, math, &cols, &size, &disk) == 5 &&
            strcmp(math, method) == 0 && cols == DATA && size == BLOCK && disk > best) {
            best = disk;
            snprintf(impl, 32, "%s", who);
        }
    }
    if (f != NULL)
        fclose(f);
    return best * 1048576 * (DATA + n) / share / 1e9;
}

static void print_parity(const char *name, struct parity *p, work_fn *ours, work_fn *isal,
                         const char *theirs)
{
    char impl[32] = "";
    /* The columns read or written: all data, and the parity in use. */
    const double bytes = (double)(DATA + p->n) * (double)p->len;
    double mine = bytes / best_time(ours, p) / 1e9, other = 0;
    if (isal != NULL)
        other = bytes / best_time(isal, p) / 1e9;
    const double test = raidz_test_best(theirs, name, p->n, impl);
    printf("%-8s %-12s %8.2f", name, p->variant, mine);
    if (other > 0)
        printf(" %8.2f %7.2f", other, mine / other);
    else
        printf(" %8s %7s", "-", "-");
    if (test > 0)
        printf("   %8.2f %7.2f  %s", test, mine / test, impl);
    printf("\n");
}

static void bench_parity_row(const char *name, struct parity *p, work_fn *ours, work_fn *isal,
                             const char *theirs)
{
    p->variant = raidz_variant_default();
    print_parity(name, p, ours, isal, theirs);
    for (unsigned i = 0; all_variants && (p->variant = raidz_variant_name(i)) != NULL; i++)
        if (strcmp(p->variant, raidz_variant_default()) != 0)
            print_parity(name, p, ours, NULL, NULL);
}

static void bench_parity(size_t len, const char *theirs)
{
    static const struct {
        const char *name;
        unsigned n, use[3];
    } rec[] = {{"rec_p", 1, {0}},        {"rec_q", 1, {1}},     {"rec_r", 1, {2}},
               {"rec_pq", 2, {0, 1}},    {"rec_pr", 2, {0, 2}}, {"rec_qr", 2, {1, 2}},
               {"rec_pqr", 3, {0, 1, 2}}};
    static const char *const gen[] = {"gen_p", "gen_pq", "gen_pqr"};
    work_fn *isal_generate = NULL, *isal_reconstruct = NULL;
    uint8_t *mem = NULL;
    struct parity p = {.len = len};
    if (posix_memalign((void **)&mem, 4096, (DATA + 3) * len) != 0)
        return;
    fill_text(mem, DATA * len);
    for (unsigned j = 0; j < DATA; j++) {
        p.data[j] = mem + j * len;
        p.cols[j] = (struct raidz_col){p.data[j], len};
    }
    for (unsigned j = 0; j < 3; j++)
        p.par[j] = mem + (DATA + j) * len;
#if defined(HAVE_ISAL)
    uint8_t matrix[(DATA + 3) * DATA];
    gf_gen_rs_matrix(matrix, DATA + 3, DATA);
    ec_init_tables(DATA, 3, matrix + DATA * DATA, p.tables);
    isal_generate = work_isal_generate;
    isal_reconstruct = work_isal_reconstruct;
#endif
    printf("\nRAID-Z, %d data columns of %zu KiB (GB/s over all columns)\n"
           "method   variant          ours    ISA-L   ratio  %s\n",
           DATA, len >> 10, theirs != NULL ? " raidz_test   ratio  its best" : "");
    for (p.n = 1; p.n <= 3; p.n++)
        bench_parity_row(gen[p.n - 1], &p, work_generate, isal_generate, theirs);
    p.variant = raidz_variant_default();
    p.n = 3;
    work_generate(&p, 0);
    for (size_t r = 0; r < array_len(rec); r++) {
        p.n = rec[r].n;
        memcpy(p.use, rec[r].use, sizeof(p.use));
        bench_parity_row(rec[r].name, &p, work_reconstruct, isal_reconstruct, theirs);
    }
    free(mem);
}

int main(int argc, char **argv)
{
    const char *theirs = NULL;
    for (int opt; (opt = getopt(argc, argv, "t:r:a")) != -1;) {
        if (opt == 't')
            figure_seconds = strtod(optarg, NULL);
        else if (opt == 'r')
            theirs = optarg;
        else if (opt == 'a')
            all_variants = true;
        else
            return 2;
    }
    struct memory m = {0};
    if (posix_memalign((void **)&m.base, 4096, STREAM) != 0 ||
        posix_memalign((void **)&m.target, 4096, BLOCK) != 0)
        return 1;
    fill_text(m.base, BLOCK);
    for (size_t off = BLOCK; off < STREAM; off += BLOCK)
        memcpy(m.base + off, m.base, BLOCK);
    printf("fletcher4: %s; blake3: %s; raidz: %s\n\n", fletcher4_variant_default(),
           blake3_variant_default(), raidz_variant_default());
    bench_checksums(&m);
    bench_compressors();
    bench_parity(BLOCK / DATA, theirs);
    bench_parity(1 << 20, NULL);
    free(m.base);
    free(m.target);
    return 0;
}
