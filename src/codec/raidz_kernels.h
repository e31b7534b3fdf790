/* SPDX-License-Identifier: MIT */
/*
 * Between raidz_math.c (arguments, equations, short columns) and raidz_kernels.c (the loops over
 * bytes): one stretch of a row in which every column is either whole or absent. Private to codec.
 */
#ifndef ZUSE_CODEC_RAIDZ_KERNELS_H
#define ZUSE_CODEC_RAIDZ_KERNELS_H

#include "codec/raidz_math.h"

enum raidz_row_which { ROW_P = 1 << RAIDZ_P, ROW_Q = 1 << RAIDZ_Q, ROW_R = 1 << RAIDZ_R };

enum raidz_row_mode {
    ROW_GENERATE, /* out[P,Q,R] = the parities */
    ROW_SYNDROME, /* out[0] = par[P] + sum of the columns: the one missing column, from P */
    ROW_SOLVE,    /* out[0..nout) = inverse * syndromes of the parities in which */
};

struct raidz_row {
    const uint8_t *const *src; /* ncols pointers, NULL = all zero */
    unsigned ncols;
    unsigned which; /* ROW_ bits */
    enum raidz_row_mode mode;
    unsigned nout;
    const uint8_t *par[RAIDZ_MAX_PARITY];
    uint8_t *out[RAIDZ_MAX_PARITY];
    uint8_t inverse[RAIDZ_MAX_PARITY][RAIDZ_MAX_PARITY];
};

struct raidz_kernel {
    const char *name;
    bool (*usable)(void); /* on this processor */
    /* Works on a prefix of len bytes, returns its length; the rest is less than 1 KiB. */
    size_t (*run)(const struct raidz_row *row, size_t len);
};

/* Best first; the last is the byte-wise reference, which does any length. Ends with name NULL. */
extern const struct raidz_kernel raidz_kernels[];

/* 2 * x in GF(2^8) modulo x^8+x^4+x^3+x^2+1. */
static inline uint8_t gf_times2(uint8_t x)
{
    return (uint8_t)((x << 1) ^ (x & 0x80 ? 0x1d : 0));
}
uint8_t gf_times(uint8_t a, uint8_t b);

#endif
