/* SPDX-License-Identifier: MIT */
/*
 * BLAKE3, plain and keyed, 32 bytes of output (format/dmu.md 4.10; the algorithm is public). Called
 * by checksum.c. Pure functions, nothing allocated.
 *
 * The input is cut into pieces of 128 chunks (1 KiB each). The chunks of a piece are hashed in
 * vector lanes, then pairs of results level by level, also in lanes, until one is left; results of
 * whole pieces are merged on a small stack like the digits of a binary counter. Pairing neighbours
 * and passing an odd last one up gives exactly BLAKE3's left-heavy tree.
 */
#include <string.h>

#include "base/span.h"
#include "codec/hashes.h"

enum { BLAKE3_BLOCK = 64, CHUNK = 1024, PIECE_CHUNKS = 128, LANES_MAX = 16, STACK_MAX = 48 };
enum flag {
    FLAG_CHUNK_START = 1,
    FLAG_CHUNK_END = 2,
    FLAG_PARENT = 4,
    FLAG_ROOT = 8,
    FLAG_KEYED = 16,
};

static const uint32_t blake3_iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Seven rounds: mix columns, mix diagonals, with the message words permuted from round to round. */
/* clang-format off */
#define BLAKE3_ROUNDS(G)                                                                           \
    do {                                                                                           \
        G(0, 4, 8, 12, 0, 1); G(1, 5, 9, 13, 2, 3); G(2, 6, 10, 14, 4, 5); G(3, 7, 11, 15, 6, 7); \
        G(0, 5, 10, 15, 8, 9); G(1, 6, 11, 12, 10, 11); G(2, 7, 8, 13, 12, 13); G(3, 4, 9, 14, 14, 15); \
        G(0, 4, 8, 12, 2, 6); G(1, 5, 9, 13, 3, 10); G(2, 6, 10, 14, 7, 0); G(3, 7, 11, 15, 4, 13); \
        G(0, 5, 10, 15, 1, 11); G(1, 6, 11, 12, 12, 5); G(2, 7, 8, 13, 9, 14); G(3, 4, 9, 14, 15, 8); \
        G(0, 4, 8, 12, 3, 4); G(1, 5, 9, 13, 10, 12); G(2, 6, 10, 14, 13, 2); G(3, 7, 11, 15, 7, 14); \
        G(0, 5, 10, 15, 6, 5); G(1, 6, 11, 12, 9, 0); G(2, 7, 8, 13, 11, 15); G(3, 4, 9, 14, 8, 1); \
        G(0, 4, 8, 12, 10, 7); G(1, 5, 9, 13, 12, 9); G(2, 6, 10, 14, 14, 3); G(3, 7, 11, 15, 13, 15); \
        G(0, 5, 10, 15, 4, 0); G(1, 6, 11, 12, 11, 2); G(2, 7, 8, 13, 5, 8); G(3, 4, 9, 14, 1, 6); \
        G(0, 4, 8, 12, 12, 13); G(1, 5, 9, 13, 9, 11); G(2, 6, 10, 14, 15, 10); G(3, 7, 11, 15, 14, 8); \
        G(0, 5, 10, 15, 7, 2); G(1, 6, 11, 12, 5, 3); G(2, 7, 8, 13, 0, 1); G(3, 4, 9, 14, 6, 4); \
        G(0, 4, 8, 12, 9, 14); G(1, 5, 9, 13, 11, 5); G(2, 6, 10, 14, 8, 12); G(3, 7, 11, 15, 15, 1); \
        G(0, 5, 10, 15, 13, 3); G(1, 6, 11, 12, 0, 10); G(2, 7, 8, 13, 2, 6); G(3, 4, 9, 14, 4, 7); \
        G(0, 4, 8, 12, 11, 15); G(1, 5, 9, 13, 5, 0); G(2, 6, 10, 14, 1, 9); G(3, 7, 11, 15, 8, 6); \
        G(0, 5, 10, 15, 14, 10); G(1, 6, 11, 12, 2, 12); G(2, 7, 8, 13, 3, 4); G(3, 4, 9, 14, 7, 13); \
    } while (0)
/* clang-format on */

/* One call of a lane kernel: every input is nblocks whole blocks. */
struct blake3_lanes {
    const uint8_t *in[LANES_MAX];
    unsigned nblocks;
    const uint32_t *key;
    uint64_t counter;
    bool count_up; /* lane i has counter + i */
    uint32_t flags, flags_first, flags_last;
};

struct kernel {
    const char *name;
    bool (*usable)(void);
    unsigned lanes;
    /* Fewest inputs for which padding up to all lanes beats hashing one by one. */
    unsigned worth;
    void (*run)(const struct blake3_lanes *job, uint8_t *out); /* out: 32 bytes per lane */
};

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#endif
#endif
#ifndef SHUFFLE
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (__typeof__(a)){__VA_ARGS__})
#endif

/* Loops over arrays of vectors must be unrolled for the arrays to become registers. */
/*
 * Instrumented, the unrolled kernels take a compiler minutes: sanitizer builds keep the loops and
 * check addresses only.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(undefined_behavior_sanitizer)
#define BLAKE3_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BLAKE3_SANITIZED 1
#endif
#ifdef BLAKE3_SANITIZED
#define BLAKE3_NO_UBSAN __attribute__((no_sanitize("undefined")))
#define UNROLL_ALL
#else
#define BLAKE3_NO_UBSAN
#if defined(__clang__)
#define UNROLL_ALL _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ALL _Pragma("GCC unroll 16")
#endif
#endif

#define ROTR(v, n) ((v) >> (n) | (v) << (32 - (n)))
#if HOST_IS_LITTLE
#define NATIVE(v) (v)
#else
#define NATIVE(v) (ROTR((v)&0x00ff00ff, 8) | (ROTR((v), 24) & 0x00ff00ff))
#endif

/* --- any processor --- */

static bool always_usable(void)
{
    return true;
}

#define B3_FN(name) vec_##name
#define B3_TARGET
#define B3_LANES        4
#define B3_LOG2_LANES   2
#define B3_ZIP_LO(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define B3_ZIP_HI(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#define B3_ROTR16(v)    ROTR(v, 16)
#define B3_ROTR8(v)     ROTR(v, 8)
#define B3_NATIVE(v)    NATIVE(v)
#include "codec/blake3_kernel.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>

/* --- AVX2: rotations by whole bytes are shuffles --- */

#define AVX2_BYTES(v, a, b, c, d)                                                                  \
    ((avx2_vec)_mm256_shuffle_epi8(                                                                \
        (__m256i)(v),                                                                              \
        _mm256_setr_epi8(a, b, c, d, a + 4, b + 4, c + 4, d + 4, a + 8, b + 8, c + 8, d + 8,       \
                         a + 12, b + 12, c + 12, d + 12, a, b, c, d, a + 4, b + 4, c + 4, d + 4,   \
                         a + 8, b + 8, c + 8, d + 8, a + 12, b + 12, c + 12, d + 12)))

#define B3_FN(name)     avx2_##name
#define B3_TARGET       __attribute__((target("avx2")))
#define B3_LANES        8
#define B3_LOG2_LANES   3
#define B3_ZIP_LO(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define B3_ZIP_HI(a, b) SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define B3_ROTR16(v)    AVX2_BYTES(v, 2, 3, 0, 1)
#define B3_ROTR8(v)     AVX2_BYTES(v, 1, 2, 3, 0)
#define B3_NATIVE(v)    (v)
#include "codec/blake3_kernel.h"

static bool avx2_usable(void)
{
    return __builtin_cpu_supports("avx2");
}

/* --- AVX-512: has a rotate instruction, which the compiler finds --- */

#define B3_FN(name)     avx512_##name
#define B3_TARGET       __attribute__((target("avx512f,avx512vl")))
#define B3_LANES        16
#define B3_LOG2_LANES   4
#define B3_ZIP_LO(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define B3_ZIP_HI(a, b) SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define B3_ROTR16(v)    ROTR(v, 16)
#define B3_ROTR8(v)     ROTR(v, 8)
#define B3_NATIVE(v)    (v)
#include "codec/blake3_kernel.h"

static bool avx512_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#endif

static const struct kernel kernels[] = {
#if defined(__x86_64__) || defined(__i386__)
    {"avx512", avx512_usable, 16, 3, avx512_run},
    {"avx2", avx2_usable, 8, 3, avx2_run},
#endif
    {"vector", always_usable, 4, 3, vec_run},
    {"scalar", always_usable, 1, 2, NULL},
    {NULL, NULL, 0, 0, NULL},
};

static const struct kernel *kernel_best(void)
{
    const struct kernel *k = kernels;
    while (!k->usable())
        k++;
    return k;
}

/* --- one input --- */

static void compress(uint32_t h[8], const uint8_t block[BLAKE3_BLOCK], unsigned len,
                     uint64_t counter, uint32_t flags)
{
    uint32_t m[16];
    for (unsigned i = 0; i < 16; i++)
        m[i] = load_le32(block + 4 * i);
    uint32_t v[16] = {h[0],
                      h[1],
                      h[2],
                      h[3],
                      h[4],
                      h[5],
                      h[6],
                      h[7],
                      blake3_iv[0],
                      blake3_iv[1],
                      blake3_iv[2],
                      blake3_iv[3],
                      (uint32_t)counter,
                      (uint32_t)(counter >> 32),
                      len,
                      flags};
#define G(a, b, c, d, x, y)                                                                        \
    do {                                                                                           \
        v[a] += v[b] + m[x];                                                                       \
        v[d] ^= v[a];                                                                              \
        v[d] = ROTR(v[d], 16);                                                                     \
        v[c] += v[d];                                                                              \
        v[b] ^= v[c];                                                                              \
        v[b] = ROTR(v[b], 12);                                                                     \
        v[a] += v[b] + m[y];                                                                       \
        v[d] ^= v[a];                                                                              \
        v[d] = ROTR(v[d], 8);                                                                      \
        v[c] += v[d];                                                                              \
        v[b] ^= v[c];                                                                              \
        v[b] = ROTR(v[b], 7);                                                                      \
    } while (0)
    BLAKE3_ROUNDS(G);
#undef G
    for (unsigned i = 0; i < 8; i++)
        h[i] = v[i] ^ v[i + 8];
}

static void words_store(uint8_t out[32], const uint32_t h[8])
{
    for (unsigned i = 0; i < 8; i++)
        store_le32(out + 4 * i, h[i]);
}

struct mode {
    const struct kernel *kernel;
    uint32_t key[8];
    uint32_t flags; /* in every block */
};

static void chunk_hash(const struct mode *mode, const uint8_t *data, size_t len, uint64_t counter,
                       uint32_t root, uint8_t out[32])
{
    uint32_t h[8];
    memcpy(h, mode->key, sizeof(h));
    uint32_t flags = mode->flags | FLAG_CHUNK_START;
    for (; len > BLAKE3_BLOCK; len -= BLAKE3_BLOCK, data += BLAKE3_BLOCK) {
        compress(h, data, BLAKE3_BLOCK, counter, flags);
        flags = mode->flags;
    }
    uint8_t last[BLAKE3_BLOCK] = {0};
    if (len > 0)
        memcpy(last, data, len);
    compress(h, last, (unsigned)len, counter, flags | FLAG_CHUNK_END | root);
    words_store(out, h);
}

/* pair: two neighbouring results. out may be pair. */
static void parent_hash(const struct mode *mode, const uint8_t pair[64], uint32_t root,
                        uint8_t out[32])
{
    uint32_t h[8];
    memcpy(h, mode->key, sizeof(h));
    compress(h, pair, BLAKE3_BLOCK, 0, mode->flags | FLAG_PARENT | root);
    words_store(out, h);
}

/* --- a piece: up to PIECE_CHUNKS chunks --- */

/*
 * Hash n inputs of in_len bytes (whole blocks), one after the other at data, in lanes as far as
 * that pays. Returns how many were done. out may be data: results are shorter than inputs and
 * written behind.
 */
static unsigned lanes_hash(const struct mode *mode, struct blake3_lanes *job, const uint8_t *data,
                           size_t in_len, unsigned n, uint8_t *out)
{
    const struct kernel *k = mode->kernel;
    unsigned done = 0;
    job->key = mode->key;
    job->nblocks = (unsigned)(in_len / BLAKE3_BLOCK);
    while (k->run != NULL && n - done >= k->worth) {
        const unsigned take = min_of(n - done, k->lanes);
        uint8_t results[32 * LANES_MAX];
        for (unsigned i = 0; i < k->lanes; i++)
            job->in[i] = data + in_len * (done + min_of(i, take - 1));
        k->run(job, results);
        memcpy(out + 32 * (size_t)done, results, 32 * (size_t)take);
        done += take;
        job->counter += job->count_up ? take : 0;
    }
    return done;
}

static void chunks_hash(const struct mode *mode, const uint8_t *data, size_t len,
                        uint64_t first_chunk, uint8_t *out)
{
    struct blake3_lanes job = {.counter = first_chunk,
                               .count_up = true,
                               .flags = mode->flags,
                               .flags_first = FLAG_CHUNK_START,
                               .flags_last = FLAG_CHUNK_END};
    const unsigned whole = (unsigned)(len / CHUNK);
    unsigned i = lanes_hash(mode, &job, data, CHUNK, whole, out);
    for (; (size_t)i * CHUNK < len; i++)
        chunk_hash(mode, data + (size_t)i * CHUNK, min_of(len - (size_t)i * CHUNK, (size_t)CHUNK),
                   first_chunk + i, 0, out + 32 * i);
}

/* Combine n neighbouring results in place into ceil(n / 2). */
static unsigned parents_hash(const struct mode *mode, uint8_t *results, unsigned n)
{
    struct blake3_lanes job = {.flags = mode->flags | FLAG_PARENT};
    const unsigned pairs = n / 2;
    for (unsigned i = lanes_hash(mode, &job, results, 64, pairs, results); i < pairs; i++)
        parent_hash(mode, results + 64 * i, 0, results + 32 * i);
    if (n % 2 != 0)
        memmove(results + 32 * pairs, results + 64 * pairs, 32);
    return pairs + n % 2;
}

/* Hash a piece down to at most `keep` (1 or 2) results; returns how many there are. */
static unsigned piece_hash(const struct mode *mode, const uint8_t *data, size_t len,
                           uint64_t first_chunk, unsigned keep, uint8_t *results)
{
    unsigned n = (unsigned)div_round_up(len, CHUNK);
    chunks_hash(mode, data, len, first_chunk, results);
    while (n > keep)
        n = parents_hash(mode, results, n);
    return n;
}

static void tree_hash(const struct mode *mode, const uint8_t *data, size_t len, uint8_t out[32])
{
    const size_t piece = (size_t)PIECE_CHUNKS * CHUNK;
    uint8_t stack[STACK_MAX][32], results[32 * PIECE_CHUNKS];
    unsigned depth = 0;
    uint64_t chunk = 0;
    for (uint64_t count = 1; len > piece; count++) {
        piece_hash(mode, data, piece, chunk, 1, results);
        memcpy(stack[depth++], results, 32);
        for (uint64_t c = count; c % 2 == 0; c /= 2) {
            depth--;
            parent_hash(mode, stack[depth - 1], 0, stack[depth - 1]);
        }
        data += piece;
        len -= piece;
        chunk += PIECE_CHUNKS;
    }
    if (depth == 0) { /* one piece: its last pair is the root */
        piece_hash(mode, data, len, 0, 2, results);
        parent_hash(mode, results, FLAG_ROOT, out);
        return;
    }
    piece_hash(mode, data, len, chunk, 1, results);
    memcpy(stack[depth], results, 32);
    for (; depth > 0; depth--)
        parent_hash(mode, stack[depth - 1], depth == 1 ? FLAG_ROOT : 0, stack[depth - 1]);
    memcpy(out, stack[0], 32);
}

static void hash(const struct kernel *kernel, const uint8_t key[32], const void *data, size_t len,
                 uint8_t out[32])
{
    struct mode mode = {.kernel = kernel, .flags = key != NULL ? FLAG_KEYED : 0};
    for (unsigned i = 0; i < 8; i++)
        mode.key[i] = key != NULL ? load_le32(key + 4 * i) : blake3_iv[i];
    if (len <= CHUNK)
        chunk_hash(&mode, data, len, 0, FLAG_ROOT, out);
    else
        tree_hash(&mode, data, len, out);
}

void blake3_hash(const uint8_t key[32], const void *data, size_t len, uint8_t out[32])
{
    hash(kernel_best(), key, data, len, out);
}

const char *blake3_variant_name(unsigned index)
{
    for (const struct kernel *k = kernels; k->name != NULL; k++)
        if (k->usable() && index-- == 0)
            return k->name;
    return NULL;
}

const char *blake3_variant_default(void)
{
    return kernel_best()->name;
}

bool blake3_hash_with(const char *variant, const uint8_t key[32], const void *data, size_t len,
                      uint8_t out[32])
{
    for (const struct kernel *k = kernels; k->name != NULL; k++) {
        if (strcmp(k->name, variant) != 0 || !k->usable())
            continue;
        hash(k, key, data, len, out);
        return true;
    }
    return false;
}
