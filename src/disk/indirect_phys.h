/* SPDX-License-Identifier: MIT */
/*
 * Device removal as stored: mapping, births, removal and condensing state (format/raid.md, "7.1
 * On-disk objects"). Callers: vdev/ (through its loader in pool/), alloc/, inspect/. Host order.
 */
#ifndef ZUSE_DISK_INDIRECT_PHYS_H
#define ZUSE_DISK_INDIRECT_PHYS_H

#include "disk/fields.h"

#define INDIRECT_MAPPING_PHYS_FIELDS(F, S)                                                         \
    F(S, 0, U64, max_offset, , HEX)                                                                \
    F(S, 8, U64, bytes_mapped, , HEX)                                                              \
    F(S, 16, U64, num_entries, , DEC)                                                              \
    F(S, 24, U64, counts_object, , DEC)
LAYOUT_STRUCT(indirect_mapping_phys, 32, INDIRECT_MAPPING_PHYS_FIELDS);
#define INDIRECT_MAPPING_SIZE_OLD 24u

#define INDIRECT_ENTRY_PHYS_FIELDS(F, S)                                                           \
    F(S, 0, U64, src, , HEX)                                                                       \
    F(S, 8, DVA, dst, , AUTO)
LAYOUT_STRUCT(indirect_entry_phys, 24, INDIRECT_ENTRY_PHYS_FIELDS);
static inline uint64_t indirect_entry_offset(const struct indirect_entry_phys *e) /* bytes */
{
    return BITS_GET(e->src, 0, 63) << SECTOR_SHIFT;
}
static inline uint64_t indirect_entry_length(const struct indirect_entry_phys *e) /* bytes */
{
    return dva_asize(&e->dst);
}
int indirect_mapping_phys_load(struct indirect_mapping_phys *out, const void *bonus,
                               size_t bonuslen, uint64_t data_size, uint64_t object);
/* Sorted, not overlapping, non-empty, within max_offset. ZE_BADVDEV. */
int indirect_entries_validate(const struct indirect_entry_phys *e, uint64_t count,
                              uint64_t max_offset);
/* Index of the first entry that ends after offset, count if none. */
uint64_t indirect_entries_find(const struct indirect_entry_phys *e, uint64_t count,
                               uint64_t offset);

#define INDIRECT_BIRTH_PHYS_FIELDS(F, S)                                                           \
    F(S, 0, U64, offset, , HEX)                                                                    \
    F(S, 8, U64, phys_birth, , DEC)
LAYOUT_STRUCT(indirect_birth_phys, 16, INDIRECT_BIRTH_PHYS_FIELDS);
int indirect_births_validate(const struct indirect_birth_phys *b, uint64_t count);
/* txg in which source offset was copied; 0 if beyond the last entry. */
uint64_t indirect_births_lookup(const struct indirect_birth_phys *b, uint64_t count,
                                uint64_t offset);

/* MOS directory entry com.delphix:removing */
#define REMOVING_PHYS_FIELDS(F, S)                                                                 \
    F(S, 0, U64, state, , DEC)                                                                     \
    F(S, 8, U64, removing_vdev, , DEC)                                                             \
    F(S, 16, U64, prev_indirect_vdev, , DEC)                                                       \
    F(S, 24, U64, start_time, , DEC)                                                               \
    F(S, 32, U64, end_time, , DEC)                                                                 \
    F(S, 40, U64, to_copy, , DEC)                                                                  \
    F(S, 48, U64, copied, , DEC)
LAYOUT_STRUCT(removing_phys, 56, REMOVING_PHYS_FIELDS);

/* MOS directory entry com.delphix:condensing_indirect */
#define CONDENSING_PHYS_FIELDS(F, S)                                                               \
    F(S, 0, U64, vdev, , DEC)                                                                      \
    F(S, 8, U64, prev_obsolete_sm, , DEC)                                                          \
    F(S, 16, U64, next_mapping_obj, , DEC)
LAYOUT_STRUCT(condensing_phys, 24, CONDENSING_PHYS_FIELDS);

#endif
