/* SPDX-License-Identifier: MIT */
/*
 * RAID-Z and dRAID arithmetic over one row of columns (format/raid.md 3.4 "Parity", 3.5
 * "Reconstruction"): P, Q, R generation and recovery of up to three missing data columns.
 * Called by the vdev floor, which owns all buffers. Pure functions: no locks, no state, no
 * allocation; any thread. The fastest variant for the running processor is used; all give identical
 * bytes.
 *
 * Columns are positions in the Horner sequence, in column order. A short column counts as padded
 * with zeros to the row's size (the length of its parity columns), and a column of length 0 still
 * counts as a position. Buffers of one call must not overlap. No alignment is needed (64 bytes is
 * fastest).
 */
#ifndef ZUSE_CODEC_RAIDZ_MATH_H
#define ZUSE_CODEC_RAIDZ_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum raidz_limits {
    RAIDZ_MAX_PARITY = 3,
    RAIDZ_MAX_DATA = 255, /* more positions would make the equations dependent */
};

enum raidz_parity { RAIDZ_P = 0, RAIDZ_Q = 1, RAIDZ_R = 2 };

struct raidz_col {
    void *data; /* may be NULL when len is 0 */
    size_t len; /* bytes, at most the row's size */
};

/*
 * Compute parity[0..nparity), each size bytes, from ndata columns. A NULL entry in parity is
 * skipped (to regenerate only some). ZE_INVAL: nparity, ndata or a length out of range.
 */
int raidz_generate(unsigned nparity, const struct raidz_col *cols, unsigned ndata,
                   void *const parity[], size_t size);

/*
 * Fill in the n columns cols[missing[0..n)] (their old contents are ignored) from the others and
 * the n parity columns parity[use[0..n)], which must be good and size bytes long; missing and use
 * are strictly ascending, use holds enum raidz_parity values. parity is indexed by enum
 * raidz_parity; entries not in use may be NULL. n = 0 does nothing. ZE_INVAL as above or for bad
 * indexes.
 */
int raidz_reconstruct(const struct raidz_col *cols, unsigned ndata, const unsigned missing[],
                      unsigned n, void *const parity[RAIDZ_MAX_PARITY], const unsigned use[],
                      size_t size);

/*
 * Compare the stored parity columns with what the data columns give. Bit i of *bad is set if
 * parity[i] differs; NULL entries are not looked at. Works in pieces on the stack, no buffers.
 */
int raidz_verify(unsigned nparity, const struct raidz_col *cols, unsigned ndata,
                 void *const parity[], size_t size, unsigned *bad);

/* Variants, for tests and benchmarks. Names of those this processor can run; NULL past the last. */
const char *raidz_variant_name(unsigned index);
/* The variant used by the functions above. */
const char *raidz_variant_default(void);
/* As raidz_generate and raidz_reconstruct with a given variant. */
int raidz_generate_with(const char *variant, unsigned nparity, const struct raidz_col *cols,
                        unsigned ndata, void *const parity[], size_t size);
int raidz_reconstruct_with(const char *variant, const struct raidz_col *cols, unsigned ndata,
                           const unsigned missing[], unsigned n,
                           void *const parity[RAIDZ_MAX_PARITY], const unsigned use[], size_t size);

#endif
