/* SPDX-License-Identifier: MIT */
/*
 * Dedup tables as stored: keys, legacy and flat values, the dedup log (format/crypto-dedup.md,
 * B2-B8). Callers: alloc/ddt.c, inspect/. Decoded entries are in host order.
 */
#ifndef ZUSE_DISK_DDT_PHYS_H
#define ZUSE_DISK_DDT_PHYS_H

#include "disk/fields.h"

#define DDT_STATISTICS_NAME "DDT-statistics"
#define DDT_NAME_MAX        64u
#define DDT_VERSION_LEGACY  0u
#define DDT_VERSION_FDT     1u
#define DDT_FLAG_FLAT       1u
#define DDT_FLAG_LOG        2u
#define DDT_FLAGS           3u

enum ddt_class { DDT_CLASS_DITTO, DDT_CLASS_DUPLICATE, DDT_CLASS_UNIQUE, DDT_CLASSES };
#define DDT_TYPE_ZAP   0u
#define DDT_TYPE_NONE  1u
#define DDT_CLASS_NONE 3u

#define DDT_KEY_PHYS_FIELDS(F, S)                                                                  \
    F(S, 0, CKSUM, cksum, , AUTO)                                                                  \
    F(S, 32, U64, prop, , HEX)
LAYOUT_STRUCT(ddt_key_phys, 40, DDT_KEY_PHYS_FIELDS);
#define DDT_KEY_WORDS 5u

static inline uint64_t ddt_key_lsize(const struct ddt_key_phys *k) /* bytes */
{
    return (BITS_GET(k->prop, 0, 16) + 1) << SECTOR_SHIFT;
}
static inline uint64_t ddt_key_psize(const struct ddt_key_phys *k) /* bytes */
{
    return (BITS_GET(k->prop, 16, 16) + 1) << SECTOR_SHIFT;
}
static inline enum compress_id ddt_key_compress(const struct ddt_key_phys *k)
{
    return (enum compress_id)BITS_GET(k->prop, 32, 7);
}
static inline bool ddt_key_is_encrypted(const struct ddt_key_phys *k)
{
    return BITS_GET(k->prop, 39, 1);
}
void ddt_key_of_bp(const struct blkptr *bp, struct ddt_key_phys *out);
int ddt_key_compare(const struct ddt_key_phys *a, const struct ddt_key_phys *b);

/* One set of copies; a legacy value has four of them. */
#define DDT_SLOT_PHYS_FIELDS(F, S)                                                                 \
    F(S, 0, DVA, dva, [BLKPTR_DVAS], AUTO)                                                         \
    F(S, 48, U64, refcnt, , DEC)                                                                   \
    F(S, 56, U64, phys_birth, , DEC)
LAYOUT_STRUCT(ddt_slot_phys, 64, DDT_SLOT_PHYS_FIELDS);
#define DDT_LEGACY_SLOTS 4u
#define DDT_LEGACY_SIZE  256u
#define DDT_FLAT_SIZE    72u

struct ddt_value {
    struct ddt_slot_phys slot[DDT_LEGACY_SLOTS]; /* flat: only [0] */
    uint64_t class_start;                        /* flat: seconds */
    bool flat;
};
static inline unsigned ddt_value_slots(const struct ddt_value *v)
{
    return v->flat ? 1 : DDT_LEGACY_SLOTS;
}
uint64_t ddt_value_refcnt(const struct ddt_value *v); /* over all used slots */
/* Value of an entry ZAP (header byte and payload). ZE_BADDDT. */
int ddt_value_decode(struct span stored, bool flat, struct ddt_value *out);
/* Into out (1 + DDT_LEGACY_SIZE bytes), uncompressed, host order; returns the length. */
size_t ddt_value_encode(const struct ddt_value *v, uint8_t *out);
/* The words of a flat value as the log holds them, in host order. */
void ddt_value_of_flat(const void *words, struct ddt_value *out);
/*
 * A block pointer for one slot, as zdb shows and scrub reads it: level 0, dedup bit, type 49.
 * cksum: the table's checksum function.
 */
void ddt_slot_bp(const struct ddt_key_phys *k, const struct ddt_slot_phys *slot,
                 enum checksum_id cksum, struct blkptr *out);

/* Statistics object: one bucket (dsize is deflated). */
#define DDT_STAT_PHYS_FIELDS(F, S)                                                                 \
    F(S, 0, U64, blocks, , DEC)                                                                    \
    F(S, 8, U64, lsize, , DEC)                                                                     \
    F(S, 16, U64, psize, , DEC)                                                                    \
    F(S, 24, U64, dsize, , DEC)                                                                    \
    F(S, 32, U64, ref_blocks, , DEC)                                                               \
    F(S, 40, U64, ref_lsize, , DEC)                                                                \
    F(S, 48, U64, ref_psize, , DEC)                                                                \
    F(S, 56, U64, ref_dsize, , DEC)
LAYOUT_STRUCT(ddt_stat_phys, 64, DDT_STAT_PHYS_FIELDS);
#define DDT_STAT_BUCKETS 64u

/* --- log --- */

#define DDT_LOG_BLOCK_SIZE      (128u << 10)
#define DDT_LOG_VERSION         1u
#define DDT_LOG_FLAG_FLUSHING   1u
#define DDT_LOG_FLAG_CHECKPOINT 2u
#define DDT_LOG_PHYS_FIELDS(F, S)                                                                  \
    F(S, 0, U64, info, , HEX)                                                                      \
    F(S, 8, U64, length, , DEC)                                                                    \
    F(S, 16, U64, first_txg, , DEC)                                                                \
    F(S, 24, CKSUM, checkpoint_cksum, , AUTO)                                                      \
    F(S, 56, U64, checkpoint_prop, , HEX)
LAYOUT_STRUCT(ddt_log_phys, 64, DDT_LOG_PHYS_FIELDS);
static inline unsigned ddt_log_version(const struct ddt_log_phys *l)
{
    return (unsigned)BITS_GET(l->info, 0, 8);
}
static inline unsigned ddt_log_flags(const struct ddt_log_phys *l)
{
    return (unsigned)BITS_GET(l->info, 8, 8);
}
int ddt_log_phys_load(struct ddt_log_phys *out, const void *bonus, size_t bonuslen,
                      uint64_t data_size, uint64_t object);

#define DDT_LOG_RECORD_SIZE 120u
struct ddt_log_record {
    struct ddt_key_phys key;
    struct ddt_value value;
    unsigned type, class; /* storage type and class it was found in */
};
/*
 * Next record of one log block (DDT_LOG_BLOCK_SIZE bytes, host order) at *pos. ZE_NOENT at the
 * block's end, ZE_BADDDT for an unknown record type or a bad length.
 */
int ddt_log_record_next(struct span block, size_t *pos, struct ddt_log_record *out);

const char *ddt_class_name(unsigned class);
/* "DDT-sha256-zap-unique"; buf of DDT_NAME_MAX bytes. cksum_name: "sha256". */
void ddt_object_name(char *buf, const char *cksum_name, unsigned class);

#endif
