/* SPDX-License-Identifier: MIT */
/*
 * Lists of block pointers in the MOS: bpobj headers of all ages and the async-destroy tree list
 * (format/dmu.md 10.1, 10.4; format/pool.md 14.3). Callers: dmu/bpobj, dsl/, inspect/. Host order.
 */
#ifndef ZUSE_DISK_BPOBJ_PHYS_H
#define ZUSE_DISK_BPOBJ_PHYS_H

#include "disk/fields.h"

#define BPOBJ_PHYS_FIELDS(F, S)                                                                    \
    F(S, 0, U64, num_blkptrs, , DEC)                                                               \
    F(S, 8, U64, bytes, , NICE)                                                                    \
    F(S, 16, U64, comp, , NICE)                                                                    \
    F(S, 24, U64, uncomp, , NICE)                                                                  \
    F(S, 32, U64, subobjs, , DEC)                                                                  \
    F(S, 40, U64, num_subobjs, , DEC)                                                              \
    F(S, 48, U64, num_freed, , DEC)
LAYOUT_STRUCT(bpobj_phys, 56, BPOBJ_PHYS_FIELDS);
#define BPOBJ_SIZE_V0   16u
#define BPOBJ_SIZE_V1   32u /* comp, uncomp */
#define BPOBJ_SIZE_V2   48u /* sub-objects */
#define BPOBJ_SIZE_FREE 56u /* num_freed */

static inline bool bpobj_has_comp(size_t bonuslen)
{
    return bonuslen > BPOBJ_SIZE_V0;
}
static inline bool bpobj_has_subobjs(size_t bonuslen)
{
    return bonuslen > BPOBJ_SIZE_V1;
}
static inline bool bpobj_has_freed(size_t bonuslen)
{
    return bonuslen > BPOBJ_SIZE_V2;
}
/* Entries of a livelist tell frees from allocations in the fill word. */
static inline bool bpobj_entry_is_freed(const struct blkptr *bp)
{
    return bp->fill & 1;
}

/*
 * From a bonus of bonuslen bytes; fields it does not have are zero. data_size: bytes of the object,
 * so that num_blkptrs can be bounded. ZE_BADDSL naming object.
 */
int bpobj_phys_load(struct bpobj_phys *out, const void *bonus, size_t bonuslen, uint64_t data_size,
                    uint64_t object);

#define BPTREE_PHYS_FIELDS(F, S)                                                                   \
    F(S, 0, U64, begin, , DEC)                                                                     \
    F(S, 8, U64, end, , DEC)                                                                       \
    F(S, 16, U64, bytes, , NICE)                                                                   \
    F(S, 24, U64, comp, , NICE)                                                                    \
    F(S, 32, U64, uncomp, , NICE)
LAYOUT_STRUCT(bptree_phys, 40, BPTREE_PHYS_FIELDS);

#define BPTREE_ENTRY_PHYS_FIELDS(F, S)                                                             \
    F(S, 0, BP, bp, , AUTO)                                                                        \
    F(S, 128, U64, birth_txg, , DEC)                                                               \
    F(S, 136, U64, objset, , DEC)                                                                  \
    F(S, 144, U64, object, , DEC)                                                                  \
    F(S, 152, I64, level, , SDEC)                                                                  \
    F(S, 160, U64, blkid, , DEC)
LAYOUT_STRUCT(bptree_entry_phys, 168, BPTREE_ENTRY_PHYS_FIELDS);

int bptree_phys_load(struct bptree_phys *out, const void *bonus, size_t bonuslen,
                     uint64_t data_size, uint64_t object);
int bptree_entry_validate(const struct bptree_entry_phys *e);

#endif
