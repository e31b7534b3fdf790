/* SPDX-License-Identifier: MIT */
/*
 * Skein-512 with 256 bits of output, plain or as a MAC (format/dmu.md 4.8). Called by checksum.c.
 * Pure functions. The whole state is eight words; rounds are written out with renamed words instead
 * of permuting them, which repeats after four rounds.
 */
#include <string.h>

#include "base/span.h"
#include "codec/hashes.h"

enum { BLOCK = 64 };
enum block_type { TYPE_KEY = 0, TYPE_CONFIG = 4, TYPE_MESSAGE = 48, TYPE_OUTPUT = 63 };

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

#define MIX(i, j, r) (x##i += x##j, x##j = rotl(x##j, r), x##j ^= x##i)

#define FOUR_ROUNDS(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3)                \
    do {                                                                                           \
        MIX(0, 1, a0), MIX(2, 3, a1), MIX(4, 5, a2), MIX(6, 7, a3);                                \
        MIX(2, 1, b0), MIX(4, 7, b1), MIX(6, 5, b2), MIX(0, 3, b3);                                \
        MIX(4, 1, c0), MIX(6, 3, c1), MIX(0, 5, c2), MIX(2, 7, c3);                                \
        MIX(6, 1, d0), MIX(0, 7, d1), MIX(2, 5, d2), MIX(4, 3, d3);                                \
    } while (0)

#define ADD_SUBKEY(s)                                                                              \
    do {                                                                                           \
        x0 += k[(s) % 9], x1 += k[((s) + 1) % 9], x2 += k[((s) + 2) % 9];                          \
        x3 += k[((s) + 3) % 9], x4 += k[((s) + 4) % 9];                                            \
        x5 += k[((s) + 5) % 9] + t[(s) % 3], x6 += k[((s) + 6) % 9] + t[((s) + 1) % 3];            \
        x7 += k[((s) + 7) % 9] + (s);                                                              \
    } while (0)

#define EIGHT_ROUNDS(s)                                                                            \
    do {                                                                                           \
        FOUR_ROUNDS(46, 36, 19, 37, 33, 27, 14, 42, 17, 49, 36, 39, 44, 9, 54, 56);                \
        ADD_SUBKEY(s);                                                                             \
        FOUR_ROUNDS(39, 30, 34, 24, 13, 50, 10, 17, 25, 29, 39, 43, 8, 35, 56, 22);                \
        ADD_SUBKEY((s) + 1);                                                                       \
    } while (0)

/* g := Threefish-512(key g, tweak t0:t1, block) xor block. */
static void block_process(uint64_t g[8], uint64_t t0, uint64_t t1, const uint8_t *block)
{
    const uint64_t t[3] = {t0, t1, t0 ^ t1};
    uint64_t k[9], w[8];
    k[8] = 0x1bd11bdaa9fc1a22;
    for (unsigned i = 0; i < 8; i++) {
        k[i] = g[i];
        k[8] ^= g[i];
        w[i] = load_le64(block + 8 * i);
    }
    uint64_t x0 = w[0], x1 = w[1], x2 = w[2], x3 = w[3], x4 = w[4], x5 = w[5], x6 = w[6], x7 = w[7];
    ADD_SUBKEY(0);
    EIGHT_ROUNDS(1);
    EIGHT_ROUNDS(3);
    EIGHT_ROUNDS(5);
    EIGHT_ROUNDS(7);
    EIGHT_ROUNDS(9);
    EIGHT_ROUNDS(11);
    EIGHT_ROUNDS(13);
    EIGHT_ROUNDS(15);
    EIGHT_ROUNDS(17);
    g[0] = x0 ^ w[0], g[1] = x1 ^ w[1], g[2] = x2 ^ w[2], g[3] = x3 ^ w[3];
    g[4] = x4 ^ w[4], g[5] = x5 ^ w[5], g[6] = x6 ^ w[6], g[7] = x7 ^ w[7];
}

/* Unique block iteration: chain data through g. Empty data is one block of zeros. */
static void ubi(uint64_t g[8], const uint8_t *data, size_t len, enum block_type type)
{
    const uint64_t type_bits = (uint64_t)type << 56, first = (uint64_t)1 << 62,
                   final = (uint64_t)1 << 63;
    uint64_t done = 0, flags = first;
    for (; len > BLOCK; len -= BLOCK, data += BLOCK) {
        done += BLOCK;
        block_process(g, done, type_bits | flags, data);
        flags = 0;
    }
    uint8_t last[BLOCK] = {0};
    if (len > 0)
        memcpy(last, data, len);
    block_process(g, done + len, type_bits | flags | final, last);
}

void skein_512_256(const uint8_t key[32], const void *data, size_t len, uint8_t out[32])
{
    uint64_t g[8] = {0};
    uint8_t config[32] = {0}, counter[8] = {0};
    if (key != NULL)
        ubi(g, key, 32, TYPE_KEY);
    store_le64(config, 0x0000000133414853); /* "SHA3", version 1 */
    store_le64(config + 8, 256);            /* output bits */
    ubi(g, config, sizeof(config), TYPE_CONFIG);
    ubi(g, data, len, TYPE_MESSAGE);
    ubi(g, counter, sizeof(counter), TYPE_OUTPUT);
    for (unsigned i = 0; i < 4; i++)
        store_le64(out + 8 * i, g[i]);
}
