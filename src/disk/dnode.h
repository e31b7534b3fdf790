/* SPDX-License-Identifier: MIT */
/*
 * Dnodes as stored (format/dmu.md, "6. Dnodes and object trees"). A dnode takes 1 to 32 slots of
 * 512 bytes; struct dnode_phys describes the first slot and the accessors reach the rest, so they
 * must only be used on a pointer into a whole dnode that dnode_phys_validate() has accepted.
 * Host order everywhere except dnode_phys_bswap()'s input. Callers: dmu/, inspect/.
 */
#ifndef ZUSE_DISK_DNODE_H
#define ZUSE_DISK_DNODE_H

#include "disk/fields.h"
#include "disk/objtype.h"

#define DNODE_SLOT_SHIFT      9
#define DNODE_SLOT_SIZE       512u
#define DNODE_BLOCK_SHIFT     14
#define DNODE_BLOCK_SIZE      (1u << DNODE_BLOCK_SHIFT)
#define DNODE_SLOTS_PER_BLOCK 32u
#define DNODE_MAX_SIZE        DNODE_BLOCK_SIZE
#define DNODE_CORE_SIZE       64u
#define DNODE_MAX_NBLKPTR     3u
#define DNODE_MAX_LEVELS      12u
#define DNODE_MIN_INDBLKSHIFT 12u
#define DNODE_MAX_INDBLKSHIFT 17u
#define DNODE_OLD_MAX_BONUS   320u
#define DNODE_MAX_BONUS       (DNODE_MAX_SIZE - DNODE_CORE_SIZE - 128u)
#define DNODE_MAX_OBJECT      (((uint64_t)1 << 48) - 1)

#define DNODE_PHYS_FIELDS(F, S)                                                                    \
    F(S, 0, U8, type, , DEC)                                                                       \
    F(S, 1, U8, indblkshift, , DEC)                                                                \
    F(S, 2, U8, nlevels, , DEC)                                                                    \
    F(S, 3, U8, nblkptr, , DEC)                                                                    \
    F(S, 4, U8, bonustype, , DEC)                                                                  \
    F(S, 5, U8, checksum, , DEC)                                                                   \
    F(S, 6, U8, compress, , DEC)                                                                   \
    F(S, 7, U8, flags, , HEX)                                                                      \
    F(S, 8, U16, datablkszsec, , DEC)                                                              \
    F(S, 10, U16, bonuslen, , DEC)                                                                 \
    F(S, 12, U8, extra_slots, , DEC)                                                               \
    F(S, 13, U8, pad2, [3], NONE)                                                                  \
    F(S, 16, U64, maxblkid, , DEC)                                                                 \
    F(S, 24, U64, used, , DEC)                                                                     \
    F(S, 32, U64, pad3, [4], NONE)                                                                 \
    F(S, 64, BP, blkptr, [DNODE_MAX_NBLKPTR], NONE) /* nblkptr of them, then the bonus */          \
    F(S, 448, U8, tail, [64], NONE)

struct dnode_phys {
    DNODE_PHYS_FIELDS(FIELD_MEMBER, dnode_phys)
};
static_assert(sizeof(struct dnode_phys) == DNODE_SLOT_SIZE, "dnode_phys");
DNODE_PHYS_FIELDS(FIELD_ASSERT, dnode_phys)
extern const struct layout dnode_phys_layout;

#define DNODE_FLAG_USED_BYTES            1u
#define DNODE_FLAG_USERUSED_ACCOUNTED    2u
#define DNODE_FLAG_SPILL                 4u
#define DNODE_FLAG_USEROBJUSED_ACCOUNTED 8u

static inline unsigned dnode_phys_slots(const struct dnode_phys *dn)
{
    return 1u + dn->extra_slots;
}
static inline size_t dnode_phys_size(const struct dnode_phys *dn) /* bytes of the whole dnode */
{
    return (size_t)dnode_phys_slots(dn) << DNODE_SLOT_SHIFT;
}
static inline bool dnode_phys_has_spill(const struct dnode_phys *dn)
{
    return (dn->flags & DNODE_FLAG_SPILL) != 0;
}
static inline struct blkptr *dnode_phys_spill(const struct dnode_phys *dn) /* NULL if none */
{
    if (!dnode_phys_has_spill(dn))
        return NULL;
    return (struct blkptr *)((uintptr_t)dn + dnode_phys_size(dn) - sizeof(struct blkptr));
}
static inline uint8_t *dnode_phys_bonus(const struct dnode_phys *dn)
{
    return (uint8_t *)((uintptr_t)dn + DNODE_CORE_SIZE + dn->nblkptr * sizeof(struct blkptr));
}
/* Room for the bonus: the part swapped by bonus type; bonuslen of it mean something. Bytes. */
static inline size_t dnode_phys_bonus_capacity(const struct dnode_phys *dn)
{
    return dnode_phys_size(dn) - DNODE_CORE_SIZE - dn->nblkptr * sizeof(struct blkptr) -
           (dnode_phys_has_spill(dn) ? sizeof(struct blkptr) : 0);
}
static inline uint64_t dnode_phys_blksz(const struct dnode_phys *dn) /* data block size, bytes */
{
    return (uint64_t)dn->datablkszsec << SECTOR_SHIFT;
}
static inline unsigned dnode_phys_epbs(const struct dnode_phys *dn) /* log2 of bps per indirect */
{
    return dn->indblkshift - (unsigned)BLKPTR_SHIFT;
}
static inline uint64_t dnode_phys_used(const struct dnode_phys *dn) /* bytes */
{
    return dn->flags & DNODE_FLAG_USED_BYTES ? dn->used : dn->used << SECTOR_SHIFT;
}
/* Block id at level that covers level-0 block blkid0. */
static inline uint64_t dnode_phys_level_blkid(const struct dnode_phys *dn, unsigned level,
                                              uint64_t blkid0)
{
    unsigned shift = level * dnode_phys_epbs(dn);
    return shift >= 64 ? 0 : blkid0 >> shift;
}
/* How many block ids a tree of this shape can address at a level; UINT64_MAX if more than 2^64-1.
 */
uint64_t dnode_phys_level_limit(const struct dnode_phys *dn, unsigned level);

/*
 * Is this slot run a well-formed dnode? slots_left: slots from here to the end of the block (a
 * dnode never crosses it). object: for the detail text. Checks type, slots, levels, pointer count,
 * block sizes, bonus bounds, spill and maxblkid; not the block pointers (bp_validate() before use).
 * A free slot (type 0) is fine. 0 or ZE_BADDNODE.
 */
int dnode_phys_validate(const struct dnode_phys *dn, unsigned slots_left, uint64_t object);
/* A block of slots: every dnode in it, walked by their slots. first: object number of slot 0. */
int dnode_block_validate(const void *block, size_t len, uint64_t first);
/*
 * Next allocated dnode at slot >= from in a validated block of nslots; returns its slot, or
 * nslots when there is none. Interior slots are skipped only if from is a dnode's own slot.
 */
unsigned dnode_block_next(const void *block, unsigned nslots, unsigned from);
/* Does slot belong to a dnode that starts before it? */
bool dnode_block_is_interior(const void *block, unsigned nslots, unsigned slot);

/*
 * Swap one dnode (slots_left bounds it) from the other byte order, with bonus (by bonus type) and
 * spill pointer. Never touches more than slots_left slots, whatever the fields say.
 */
void dnode_phys_bswap(struct dnode_phys *dn, unsigned slots_left);
void dnode_block_bswap(void *block, size_t len);

/* dn as zdb -dddd shows its header line values; see inspect/ for the whole. */
void dnode_phys_dump(const struct dnode_phys *dn, FILE *out);
struct json_t *dnode_phys_json(const struct dnode_phys *dn);

/* How many block pointers a new dnode gets (dmu.md 6.1). */
unsigned dnode_nblkptr_for(unsigned slots, unsigned bonustype, unsigned bonuslen);
/* Levels needed so that block id fits (dmu.md 6.5). */
unsigned dnode_levels_for(unsigned nblkptr, unsigned indblkshift, uint64_t blkid);

#endif
