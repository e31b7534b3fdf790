/* SPDX-License-Identifier: MIT */
/*
 * Block pointers, DVAs and bookmarks as stored (format/dmu.md, "2. Block pointers"). All accessors
 * take words in host order; a block holding block pointers is swapped (64-bit words) before they
 * are used.
 */
#ifndef ZUSE_DISK_BLKPTR_H
#define ZUSE_DISK_BLKPTR_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "codec/checksum.h"
#include "codec/compress.h"

#define SECTOR_SHIFT        9
#define SECTOR_SIZE         512u
#define BLOCK_MAX_SHIFT     24
#define BLOCK_MAX_SIZE      (1u << BLOCK_MAX_SHIFT) /* 16 MiB */
#define BLOCK_OLD_MAX_SIZE  (128u << 10)
#define BLKPTR_SHIFT        7
#define BLKPTR_DVAS         3
#define BLKPTR_EMBEDDED_MAX 112

struct dva {
    uint64_t word[2];
};

struct blkptr {
    struct dva dva[BLKPTR_DVAS];
    uint64_t prop;
    uint64_t pad[2]; /* pad[0] bit 63: rewrite flag */
    uint64_t phys_birth;
    uint64_t birth; /* logical */
    uint64_t fill;
    struct cksum cksum;
};
static_assert(sizeof(struct blkptr) == 128, "blkptr");

/* <objset, object, level, blkid>: where a block sits in the logical tree. */
struct bookmark {
    uint64_t objset, object;
    int64_t level;
    uint64_t blkid;
};
#define BOOKMARK_LEVEL_ROOT  (-1)
#define BOOKMARK_LEVEL_ZIL   (-2)
#define BOOKMARK_BLKID_SPILL (UINT64_MAX - 1)
#define BOOKMARK_BLKID_BONUS UINT64_MAX

static inline uint64_t dva_asize(const struct dva *d) /* bytes */
{
    return BITS_GET(d->word[0], 0, 24) << SECTOR_SHIFT;
}
static inline uint64_t dva_vdev(const struct dva *d)
{
    return BITS_GET(d->word[0], 32, 24);
}
static inline uint64_t dva_offset(const struct dva *d) /* bytes in the allocatable area */
{
    return BITS_GET(d->word[1], 0, 63) << SECTOR_SHIFT;
}
static inline bool dva_is_gang(const struct dva *d)
{
    return d->word[1] >> 63;
}
static inline bool dva_is_valid(const struct dva *d)
{
    return dva_asize(d) != 0;
}
static inline void dva_set(struct dva *d, uint64_t vdev, uint64_t offset, uint64_t asize, bool gang)
{
    d->word[0] = vdev << 32 | asize >> SECTOR_SHIFT;
    d->word[1] = offset >> SECTOR_SHIFT | (uint64_t)gang << 63;
}

static inline bool bp_is_embedded(const struct blkptr *bp)
{
    return BITS_GET(bp->prop, 39, 1);
}
static inline bool bp_is_hole(const struct blkptr *bp)
{
    return !bp_is_embedded(bp) && (bp->dva[0].word[0] | bp->dva[0].word[1]) == 0;
}
static inline unsigned bp_level(const struct blkptr *bp)
{
    return BITS_GET(bp->prop, 56, 5);
}
static inline unsigned bp_type(const struct blkptr *bp)
{
    return BITS_GET(bp->prop, 48, 8);
}
static inline enum compress_id bp_compress(const struct blkptr *bp)
{
    return (enum compress_id)BITS_GET(bp->prop, 32, 7);
}
static inline enum checksum_id bp_checksum(const struct blkptr *bp)
{
    return (enum checksum_id)BITS_GET(bp->prop, 40, 8);
}
static inline unsigned bp_etype(const struct blkptr *bp)
{
    return BITS_GET(bp->prop, 40, 8);
}
#define BP_ETYPE_DATA     0
#define BP_ETYPE_RESERVED 1
#define BP_ETYPE_REDACTED 2
static inline bool bp_is_redacted(const struct blkptr *bp)
{
    return bp_is_embedded(bp) && bp_etype(bp) == BP_ETYPE_REDACTED;
}
static inline bool bp_is_little(const struct blkptr *bp)
{
    return BITS_GET(bp->prop, 63, 1);
}
static inline bool bp_is_swapped(const struct blkptr *bp)
{
    return bp_is_little(bp) != (bool)HOST_IS_LITTLE;
}
static inline bool bp_is_dedup(const struct blkptr *bp)
{
    return BITS_GET(bp->prop, 62, 1);
}
static inline bool
bp_uses_crypt(const struct blkptr *bp) /* the X bit: see bp_is_encrypted() etc. */
{
    return BITS_GET(bp->prop, 61, 1);
}
static inline uint64_t bp_lsize(const struct blkptr *bp) /* bytes */
{
    if (bp_is_embedded(bp))
        return bp_etype(bp) == BP_ETYPE_DATA ? BITS_GET(bp->prop, 0, 25) + 1 : 0;
    return (BITS_GET(bp->prop, 0, 16) + 1) << SECTOR_SHIFT;
}
/* LSIZE field of an embedded bp whatever its etype (redacted blocks keep the block size there). */
static inline uint64_t bp_embedded_lsize(const struct blkptr *bp)
{
    return BITS_GET(bp->prop, 0, 25) + 1;
}
static inline uint64_t bp_psize(const struct blkptr *bp) /* bytes */
{
    if (bp_is_embedded(bp))
        return BITS_GET(bp->prop, 25, 7) + 1;
    return (BITS_GET(bp->prop, 16, 16) + 1) << SECTOR_SHIFT;
}
static inline bool bp_is_gang(const struct blkptr *bp)
{
    return !bp_is_embedded(bp) && dva_is_gang(&bp->dva[0]);
}
static inline bool bp_is_rewrite(const struct blkptr *bp)
{
    return !bp_is_embedded(bp) && bp->pad[0] >> 63;
}
static inline uint64_t bp_physical_birth(const struct blkptr *bp)
{
    if (bp_is_embedded(bp))
        return 0;
    return bp->phys_birth != 0 ? bp->phys_birth : bp->birth;
}
/* Allocation birth: snapshot comparisons, deadlists, freeing. */
static inline uint64_t bp_birth(const struct blkptr *bp)
{
    return bp_is_rewrite(bp) ? bp_physical_birth(bp) : bp->birth;
}

/* Implemented in blkptr.c. */
bool bp_is_encrypted(const struct blkptr *bp);     /* X, level 0, type has the encrypted property */
bool bp_is_authenticated(const struct blkptr *bp); /* X, level 0, other type */
bool bp_has_indirect_mac(const struct blkptr *bp); /* X, level > 0 */
unsigned bp_ndvas(const struct blkptr *bp);
uint64_t bp_asize(const struct blkptr *bp);                   /* sum over the DVAs, bytes */
uint64_t bp_ucsize(const struct blkptr *bp);                  /* for space statistics */
uint64_t bp_fill(const struct blkptr *bp);                    /* 32 bits only when encrypted */
bool bp_same(const struct blkptr *a, const struct blkptr *b); /* births and DVAs equal */
/* Payload of an embedded bp into buf (BLKPTR_EMBEDDED_MAX bytes); returns its size. */
unsigned bp_embedded_payload(const struct blkptr *bp, uint8_t *buf);
/* Salt (8), IV (12), MAC (16 bytes) of encrypted / authenticated / indirect-MAC bps. */
void bp_crypt_params(const struct blkptr *bp, uint8_t salt[8], uint8_t iv[12]);
void bp_crypt_mac(const struct blkptr *bp, uint8_t mac[16]);
void bp_bswap(struct blkptr *bp);
/*
 * Structural validation of an untrusted bp (format/dmu.md 2.7 rules 1-8). 0 or ZE_BADBP with the
 * offending field in the detail. DVA against vdev checks are zio's.
 */
int bp_validate(const struct blkptr *bp);
/* The text form that zdb prints for -bbb/-ddddd; returns the length as snprintf. */
int bp_format(char *buf, size_t len, const struct blkptr *bp);
#define BP_TEXT_MAX 512 /* enough for bp_format() of any bp */
/* The short form of zdb's "Indirect blocks" lists (-ddddd, -dddddd). */
int bp_format_compact(char *buf, size_t len, const struct blkptr *bp);

#endif
