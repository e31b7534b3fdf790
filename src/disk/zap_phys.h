/* SPDX-License-Identifier: MIT */
/*
 * ZAP blocks as stored (format/dmu.md, "9.3 Microzap", "9.4 Fat ZAP"): micro blocks, the fat header
 * and its leaves. Validation here is per block; the walks over chains are bounded by the number of
 * chunks. Callers: dmu/zap.c. Everything in host order (zap_block_bswap() ran when the block was
 * read).
 */
#ifndef ZUSE_DISK_ZAP_PHYS_H
#define ZUSE_DISK_ZAP_PHYS_H

#include "disk/fields.h"

#define ZAP_BLOCK_LEAF   (((uint64_t)1 << 63) + 0)
#define ZAP_BLOCK_HEADER (((uint64_t)1 << 63) + 1)
#define ZAP_BLOCK_MICRO  (((uint64_t)1 << 63) + 3)
#define ZAP_MAGIC        0x2f52ab2abull
#define ZAP_LEAF_MAGIC   0x2ab1eafu

#define ZAP_MIN_SHIFT 9u
#define ZAP_MAX_SHIFT 24u

/* Flags word of the fat header (9.2). */
#define ZAP_FLAG_HASH64         1u
#define ZAP_FLAG_UINT64_KEY     2u
#define ZAP_FLAG_PRE_HASHED_KEY 4u

/* --- micro --- */

#define MZAP_ENTRY_SIZE 64u
#define MZAP_NAME_LEN   50u
#define MZAP_HEADER_FIELDS(F, S)                                                                   \
    F(S, 0, U64, block_type, , HEX)                                                                \
    F(S, 8, U64, salt, , HEX)                                                                      \
    F(S, 16, U64, normflags, , HEX)                                                                \
    F(S, 24, U64, pad, [5], NONE)
LAYOUT_STRUCT(mzap_header, 64, MZAP_HEADER_FIELDS);

#define MZAP_ENTRY_FIELDS(F, S)                                                                    \
    F(S, 0, U64, value, , DEC)                                                                     \
    F(S, 8, U32, cd, , DEC)                                                                        \
    F(S, 12, U16, pad, , NONE)                                                                     \
    F(S, 14, CHAR, name, [MZAP_NAME_LEN], TEXT)
LAYOUT_STRUCT(mzap_entry, 64, MZAP_ENTRY_FIELDS);

static inline size_t mzap_entries(size_t block_size)
{
    return block_size < MZAP_ENTRY_SIZE ? 0 : block_size / MZAP_ENTRY_SIZE - 1;
}
static inline const struct mzap_entry *mzap_entry_at(const void *block, size_t i)
{
    return (const struct mzap_entry *)block + 1 + i;
}
static inline bool mzap_entry_used(const struct mzap_entry *e)
{
    return e->name[0] != '\0';
}

/* --- fat header --- */

#define ZAP_HEADER_FIELDS(F, S)                                                                    \
    F(S, 0, U64, block_type, , HEX)                                                                \
    F(S, 8, U64, magic, , HEX)                                                                     \
    F(S, 16, U64, zt_blk, , DEC)                                                                   \
    F(S, 24, U64, zt_numblks, , DEC)                                                               \
    F(S, 32, U64, zt_shift, , DEC)                                                                 \
    F(S, 40, U64, zt_nextblk, , DEC)                                                               \
    F(S, 48, U64, zt_blks_copied, , DEC)                                                           \
    F(S, 56, U64, freeblk, , DEC)                                                                  \
    F(S, 64, U64, num_leafs, , DEC)                                                                \
    F(S, 72, U64, num_entries, , DEC)                                                              \
    F(S, 80, U64, salt, , HEX)                                                                     \
    F(S, 88, U64, normflags, , HEX)                                                                \
    F(S, 96, U64, flags, , HEX)
LAYOUT_STRUCT(zap_header, 104, ZAP_HEADER_FIELDS);

/* Entries of the pointer table inside a header block of 2^shift bytes, and log2 of it. */
static inline unsigned zap_embedded_shift(unsigned shift)
{
    return shift - 4;
}
static inline const uint64_t *zap_embedded_table(const void *header_block, unsigned shift)
{
    return (const uint64_t *)header_block + ((size_t)1 << (shift - 4));
}

/* --- leaf --- */

#define ZAP_CHUNK_SIZE     24u
#define ZAP_CHUNK_ARRAY    251u
#define ZAP_CHUNK_ENTRY    252u
#define ZAP_CHUNK_FREE     253u
#define ZAP_CHUNK_END      0xffffu
#define ZAP_ARRAY_BYTES    21u
#define ZAP_LEAF_CD_SORTED 1u

#define ZAP_LEAF_FIELDS(F, S)                                                                      \
    F(S, 0, U64, block_type, , HEX)                                                                \
    F(S, 8, U64, pad1, , NONE)                                                                     \
    F(S, 16, U64, prefix, , HEX)                                                                   \
    F(S, 24, U32, magic, , HEX)                                                                    \
    F(S, 28, U16, nfree, , DEC)                                                                    \
    F(S, 30, U16, nentries, , DEC)                                                                 \
    F(S, 32, U16, prefix_len, , DEC)                                                               \
    F(S, 34, U16, freelist, , DEC)                                                                 \
    F(S, 36, U8, flags, , HEX)                                                                     \
    F(S, 37, U8, pad2, [11], NONE)
LAYOUT_STRUCT(zap_leaf, 48, ZAP_LEAF_FIELDS);

#define ZAP_LEAF_ENTRY_FIELDS(F, S)                                                                \
    F(S, 0, U8, type, , DEC)                                                                       \
    F(S, 1, U8, value_intlen, , DEC)                                                               \
    F(S, 2, U16, next, , DEC)                                                                      \
    F(S, 4, U16, name_chunk, , DEC)                                                                \
    F(S, 6, U16, name_numints, , DEC)                                                              \
    F(S, 8, U16, value_chunk, , DEC)                                                               \
    F(S, 10, U16, value_numints, , DEC)                                                            \
    F(S, 12, U32, cd, , DEC)                                                                       \
    F(S, 16, U64, hash, , HEX)
LAYOUT_STRUCT(zap_leaf_entry, 24, ZAP_LEAF_ENTRY_FIELDS);

struct zap_leaf_array {
    uint8_t type;
    uint8_t bytes[ZAP_ARRAY_BYTES];
    uint16_t next;
};
static_assert(sizeof(struct zap_leaf_array) == ZAP_CHUNK_SIZE, "zap_leaf_array");

static inline unsigned zap_leaf_hash_shift(unsigned shift) /* log2 of the buckets */
{
    return shift - 5;
}
static inline unsigned zap_leaf_buckets(unsigned shift)
{
    return 1u << zap_leaf_hash_shift(shift);
}
static inline unsigned zap_leaf_chunks(unsigned shift)
{
    return ((1u << shift) - 2u * zap_leaf_buckets(shift)) / ZAP_CHUNK_SIZE - 2;
}
static inline const uint16_t *zap_leaf_hash_table(const void *leaf)
{
    return (const uint16_t *)((uintptr_t)leaf + sizeof(struct zap_leaf));
}
/* Chunk i < zap_leaf_chunks(): as bytes; the first one is its type. */
static inline const uint8_t *zap_leaf_chunk(const void *leaf, unsigned shift, unsigned i)
{
    return (const uint8_t *)leaf + sizeof(struct zap_leaf) + 2u * zap_leaf_buckets(shift) +
           (size_t)i * ZAP_CHUNK_SIZE;
}
static inline unsigned zap_leaf_bucket_of(unsigned shift, unsigned prefix_len, uint64_t hash)
{
    unsigned down = 64 - zap_leaf_hash_shift(shift) - prefix_len;
    return (unsigned)(hash >> down) & (zap_leaf_buckets(shift) - 1);
}
/* Chunks that an array of `bytes` takes. */
static inline unsigned zap_leaf_array_chunks(size_t bytes)
{
    return (unsigned)((bytes + ZAP_ARRAY_BYTES - 1) / ZAP_ARRAY_BYTES);
}

/* By its first word; the array bytes of a leaf are not swapped. Any block is safe. */
void zap_block_bswap(void *block, size_t len);

/* All ZE_BADZAP with the field in the detail; `what` (may be NULL) names the object for it. */
int mzap_validate(const void *block, size_t len, const char *what);
/* Header block of a fat ZAP; object_blocks: how many blocks the object has. */
int zap_header_validate(const void *block, size_t len, uint64_t object_blocks, const char *what);
/*
 * A leaf: header, every bucket and every chain: types, in range, no cycles; entries: lengths and
 * the chains of name and value long enough. key_width: bytes of a name integer (1, or 8 for uint64
 * keys).
 */
int zap_leaf_validate(const void *block, size_t len, unsigned key_width, const char *what);
/*
 * Copy `bytes` of an array chain into out (big-endian integers as stored). Bounded, so it may be
 * used on a leaf that was not validated; shift: log2 of the block size. ZE_BADZAP.
 */
int zap_leaf_array_read(const void *leaf, unsigned shift, unsigned chunk, size_t bytes,
                        uint8_t *out);
/* Entry chunk i, or NULL if i is out of range or not an entry. */
const struct zap_leaf_entry *zap_leaf_entry_at(const void *leaf, unsigned shift, unsigned i);

#endif
