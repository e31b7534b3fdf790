/* SPDX-License-Identifier: MIT */
/*
 * Block checksums (format/dmu.md, "4. Checksums"). Pure functions over bytes; SIMD variants are
 * chosen at run time. Ids are the values stored in block pointers.
 */
#ifndef ZUSE_CODEC_CHECKSUM_H
#define ZUSE_CODEC_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cksum {
    uint64_t word[4];
};

enum checksum_id {
    CHECKSUM_INHERIT = 0,
    CHECKSUM_ON = 1,
    CHECKSUM_OFF = 2,
    CHECKSUM_LABEL = 3,
    CHECKSUM_GANG_HEADER = 4,
    CHECKSUM_ZILOG = 5,
    CHECKSUM_FLETCHER_2 = 6,
    CHECKSUM_FLETCHER_4 = 7,
    CHECKSUM_SHA256 = 8,
    CHECKSUM_ZILOG2 = 9,
    CHECKSUM_NOPARITY = 10,
    CHECKSUM_SHA512 = 11,
    CHECKSUM_SKEIN = 12,
    CHECKSUM_EDONR = 13,
    CHECKSUM_BLAKE3 = 14,
    CHECKSUM_COUNT
};

enum checksum_trait {
    CHECKSUM_TRAIT_METADATA = 1 << 0, /* strong enough for metadata */
    CHECKSUM_TRAIT_EMBEDDED = 1 << 1, /* checksum sits in the block's own trailer */
    CHECKSUM_TRAIT_DEDUP = 1 << 2,    /* collision resistant: dedup without verify */
    CHECKSUM_TRAIT_SALTED = 1 << 3,   /* keyed with the pool salt */
    CHECKSUM_TRAIT_NOPWRITE = 1 << 4,
};

struct checksum_info {
    const char *name; /* property value name */
    unsigned traits;
};
const struct checksum_info *checksum_info(enum checksum_id id); /* NULL: no such function */

/*
 * Checksum of data[0..len). swapped: the writer's byte order is the other one (words are loaded
 * swapped). salt: 32 bytes, needed by salted functions. Embedded ids (label, gang, zilog) hash with
 * their underlying function and zilog2's length rule is the caller's; see checksum_embedded_*.
 * Returns 0, ZE_NOTSUP for ids without a function.
 */
int checksum_compute(enum checksum_id id, const void *data, size_t len, bool swapped,
                     const uint8_t salt[32], struct cksum *out);
static inline bool checksum_equal(const struct cksum *a, const struct cksum *b)
{
    return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
            (a->word[3] ^ b->word[3])) == 0;
}

/*
 * Self-checksummed blocks (trailer of 40 bytes: magic, cksum; format/dmu.md 4.3). verifier is what
 * the trailer's cksum field holds while hashing (label offset, gang DVA, zil chain words). verify:
 * 0, or ZE_CKSUM; *swapped tells the writer's order. For CHECKSUM_ZILOG2 the used length comes from
 * the chain header at the block's start. The block is not changed by verify. Thread-safe; nothing
 * is allocated.
 */
int checksum_embedded_verify(enum checksum_id id, const void *block, size_t len,
                             const struct cksum *verifier, bool *swapped);
int checksum_embedded_write(enum checksum_id id, void *block, size_t len,
                            const struct cksum *verifier);
/*
 * The same for protected blocks (bp with X set and a type other than objset): words 0 and 1 are
 * folded as checksum_protect() does and only they are compared; write keeps words 2 and 3 (the MAC)
 * of the block's trailer.
 */
int checksum_embedded_verify_protected(enum checksum_id id, const void *block, size_t len,
                                       const struct cksum *verifier, bool *swapped);
int checksum_embedded_write_protected(enum checksum_id id, void *block, size_t len,
                                      const struct cksum *verifier);

/*
 * What a bp of a protected block keeps of a computed checksum: words 0 and 1 (folded with 2 and 3
 * unless the function has the dedup trait); words 2 and 3 become 0, the MAC goes there.
 */
void checksum_protect(enum checksum_id id, struct cksum *c);
/* Property name ("fletcher4") to id; -1: no such name. */
int checksum_id_of(const char *name);

#endif
