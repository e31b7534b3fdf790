/* SPDX-License-Identifier: MIT */
/*
 * The cryptographic hashes behind block checksums (format/dmu.md 4.6-4.10), one file each: sha2.c,
 * skein.c, edonr.c, blake3.c. Called by checksum.c; no locks, any thread. Digests are bytes in the
 * order the algorithm's own standard gives; checksum.c turns them into words.
 */
#ifndef ZUSE_CODEC_HASHES_H
#define ZUSE_CODEC_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* libcrypto. ZE_NOMEM or ZE_NOTSUP when it has no context or no such algorithm. */
int sha2_256(const void *data, size_t len, uint8_t out[32]);
int sha2_256_parts(const struct span *parts, size_t count, uint8_t out[32]); /* concatenated */
int sha2_512_256(const void *data, size_t len, uint8_t out[32]);

/* Skein-512-256; key NULL: plain hash, else a MAC with a key of 32 bytes. */
void skein_512_256(const uint8_t key[32], const void *data, size_t len, uint8_t out[32]);

/* Edon-R-512 of data; and of a salted prefix block followed by data, cut to 32 bytes. */
void edonr_512(const void *data, size_t len, uint8_t out[64]);
void edonr_512_salted(const uint8_t salt[32], const void *data, size_t len, uint8_t out[32]);

/* BLAKE3; key NULL: plain hash, else keyed. */
void blake3_hash(const uint8_t key[32], const void *data, size_t len, uint8_t out[32]);
/* Variants, for tests and benchmarks (see raidz_math.h). */
const char *blake3_variant_name(unsigned index);
const char *blake3_variant_default(void);
bool blake3_hash_with(const char *variant, const uint8_t key[32], const void *data, size_t len,
                      uint8_t out[32]);

#endif
