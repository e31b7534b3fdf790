/* SPDX-License-Identifier: MIT */
/*
 * Fletcher sums (format/dmu.md 4.4, 4.5). Called by checksum.c for blocks and by stream/ for send
 * streams, whose running checksum is fletcher4 over the records. Pure functions: no locks, no
 * state.
 *
 * swapped: the words were written by a machine of the other byte order.
 */
#ifndef ZUSE_CODEC_FLETCHER_H
#define ZUSE_CODEC_FLETCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "codec/checksum.h"

/* len: a multiple of 16 (fletcher2) or 4 (fletcher4); a remainder is not looked at. */
void fletcher2(const void *data, size_t len, bool swapped, struct cksum *out);
void fletcher4(const void *data, size_t len, bool swapped, struct cksum *out);

/* Incremental: any split into multiples of 4 (fletcher2: 16) bytes gives the same words as one
 * call. */
void fletcher4_init(struct cksum *state); /* all zero */
void fletcher2_update(struct cksum *state, const void *data, size_t len, bool swapped);
void fletcher4_update(struct cksum *state, const void *data, size_t len, bool swapped);

/* Variants this processor can run, for tests and benchmarks; NULL past the last. */
const char *fletcher4_variant_name(unsigned index);
const char *fletcher4_variant_default(void);
/* False: no such variant here. */
bool fletcher4_with(const char *variant, const void *data, size_t len, bool swapped,
                    struct cksum *out);

#endif
