/* SPDX-License-Identifier: MIT */
/*
 * Edon-R-512 with the tweaked feed-forward, and its salted form for blocks (format/dmu.md 4.9,
 * which defines the quasigroup operation by the tables below). Called by checksum.c. Pure
 * functions.
 */
#include <string.h>

#include "base/span.h"
#include "codec/hashes.h"

enum { BLOCK = 128, WORDS = 16 };

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return n == 0 ? x : x << n | x >> (64 - n);
}

#define SUM(v, a, b, c, d, e) ((v)[a] + (v)[b] + (v)[c] + (v)[d] + (v)[e])

/* out := x * y. out may be x or y. */
static inline __attribute__((always_inline)) void quasigroup(uint64_t out[8], const uint64_t x[8],
                                                             const uint64_t y[8])
{
    const uint64_t s0 = SUM(x, 0, 1, 2, 4, 7) + 0xaaaaaaaaaaaaaaaa;
    const uint64_t s1 = rotl(SUM(x, 0, 1, 3, 4, 7), 5);
    const uint64_t s2 = rotl(SUM(x, 0, 1, 4, 6, 7), 15);
    const uint64_t s3 = rotl(SUM(x, 2, 3, 5, 6, 7), 22);
    const uint64_t s4 = rotl(SUM(x, 1, 2, 3, 5, 6), 31);
    const uint64_t s5 = rotl(SUM(x, 0, 2, 3, 4, 5), 40);
    const uint64_t s6 = rotl(SUM(x, 0, 1, 5, 6, 7), 50);
    const uint64_t s7 = rotl(SUM(x, 2, 3, 4, 5, 6), 59);
    const uint64_t t0 = SUM(y, 0, 1, 2, 5, 7) + 0x5555555555555555;
    const uint64_t t1 = rotl(SUM(y, 0, 1, 3, 4, 6), 10);
    const uint64_t t2 = rotl(SUM(y, 0, 1, 2, 3, 5), 19);
    const uint64_t t3 = rotl(SUM(y, 2, 3, 4, 6, 7), 29);
    const uint64_t t4 = rotl(SUM(y, 0, 1, 3, 4, 5), 36);
    const uint64_t t5 = rotl(SUM(y, 2, 4, 5, 6, 7), 44);
    const uint64_t t6 = rotl(SUM(y, 1, 2, 5, 6, 7), 48);
    const uint64_t t7 = rotl(SUM(y, 0, 3, 4, 6, 7), 55);
    out[0] = (s0 ^ s1 ^ s4) + (t0 ^ t1 ^ t5);
    out[1] = (s0 ^ s4 ^ s7) + (t2 ^ t6 ^ t7);
    out[2] = (s1 ^ s6 ^ s7) + (t0 ^ t1 ^ t3);
    out[3] = (s2 ^ s3 ^ s4) + (t0 ^ t3 ^ t4);
    out[4] = (s0 ^ s1 ^ s7) + (t1 ^ t2 ^ t5);
    out[5] = (s3 ^ s5 ^ s6) + (t3 ^ t4 ^ t6);
    out[6] = (s2 ^ s5 ^ s6) + (t2 ^ t5 ^ t7);
    out[7] = (s2 ^ s3 ^ s5) + (t4 ^ t6 ^ t7);
}

static inline void reversed(uint64_t out[8], const uint64_t in[8])
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = in[7 - i];
}

static void block_process(uint64_t pipe[WORDS], const uint8_t *block)
{
    uint64_t lo[8], hi[8], a[8], b[8], r[8];
    for (unsigned i = 0; i < 8; i++) {
        lo[i] = load_le64(block + 8 * i);
        hi[i] = load_le64(block + 64 + 8 * i);
    }
    reversed(r, hi);
    quasigroup(a, r, lo);
    quasigroup(b, a, hi);
    quasigroup(a, pipe + 8, a);
    quasigroup(b, a, b);
    quasigroup(a, a, pipe);
    quasigroup(b, b, a);
    reversed(r, lo);
    quasigroup(a, r, a);
    quasigroup(b, a, b);
    for (unsigned i = 0; i < 8; i++) {
        pipe[i] ^= hi[i] ^ a[i];
        pipe[8 + i] ^= lo[i] ^ b[i];
    }
}

static void pipe_start(uint64_t pipe[WORDS])
{
    for (unsigned i = 0; i < WORDS; i++)
        pipe[i] = 0x8081828384858687 + 0x0808080808080808 * (uint64_t)i;
}

/* Hash data, which prefix bytes (a multiple of the block) already in pipe came before. */
static void pipe_finish(uint64_t pipe[WORDS], size_t prefix, const uint8_t *data, size_t len,
                        uint8_t out[64])
{
    const uint64_t bits = ((uint64_t)prefix + len) * 8;
    for (; len >= BLOCK; len -= BLOCK, data += BLOCK)
        block_process(pipe, data);
    uint8_t last[2 * BLOCK] = {0};
    if (len > 0)
        memcpy(last, data, len);
    last[len] = 0x80;
    const size_t padded = len + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    store_le64(last + padded - 8, bits);
    for (size_t off = 0; off < padded; off += BLOCK)
        block_process(pipe, last + off);
    for (unsigned i = 0; i < 8; i++)
        store_le64(out + 8 * i, pipe[8 + i]);
}

void edonr_512(const void *data, size_t len, uint8_t out[64])
{
    uint64_t pipe[WORDS];
    pipe_start(pipe);
    pipe_finish(pipe, 0, data, len, out);
}

void edonr_512_salted(const uint8_t salt[32], const void *data, size_t len, uint8_t out[32])
{
    uint8_t prefix[BLOCK], digest[64];
    uint64_t pipe[WORDS];
    edonr_512(salt, 32, prefix);
    edonr_512(prefix, 64, prefix + 64);
    pipe_start(pipe);
    block_process(pipe, prefix);
    pipe_finish(pipe, BLOCK, data, len, digest);
    memcpy(out, digest, 32);
}
