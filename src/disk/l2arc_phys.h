/* SPDX-License-Identifier: MIT */
/*
 * Persistent cache device format (format/raid.md, "15. L2ARC persistent format"). Callers: zio/,
 * inspect/.
 */
#ifndef ZUSE_DISK_L2ARC_PHYS_H
#define ZUSE_DISK_L2ARC_PHYS_H

#include "disk/fields.h"

#define L2ARC_HEADER_MAGIC     0x5a46534341434845ull /* "ZFSCACHE" */
#define L2ARC_LOG_MAGIC        0x4c4f47424c4b4844ull /* "LOGBLKHD" */
#define L2ARC_VERSION          1u
#define L2ARC_HEADER_OFFSET    (4ull << 20)
#define L2ARC_LOG_BLOCK_SIZE   (64u << 10)
#define L2ARC_LOG_ENTRIES      1022u
#define L2ARC_FLAG_EVICT_FIRST 1u

#define L2ARC_LOG_POINTER_FIELDS(F, S)                                                             \
    F(S, 0, U64, daddr, , HEX)                                                                     \
    F(S, 8, U64, payload_asize, , DEC)                                                             \
    F(S, 16, U64, payload_start, , HEX)                                                            \
    F(S, 24, U64, prop, , HEX)                                                                     \
    F(S, 32, CKSUM, cksum, , AUTO)
LAYOUT_STRUCT(l2arc_log_pointer, 64, L2ARC_LOG_POINTER_FIELDS);
static inline uint64_t l2arc_pointer_lsize(const struct l2arc_log_pointer *p) /* bytes */
{
    return (BITS_GET(p->prop, 0, 16) + 1) << SECTOR_SHIFT;
}
static inline uint64_t l2arc_pointer_asize(const struct l2arc_log_pointer *p) /* bytes */
{
    return (BITS_GET(p->prop, 16, 16) + 1) << SECTOR_SHIFT;
}
static inline enum compress_id l2arc_pointer_compress(const struct l2arc_log_pointer *p)
{
    return (enum compress_id)BITS_GET(p->prop, 32, 7);
}
static inline enum checksum_id l2arc_pointer_checksum(const struct l2arc_log_pointer *p)
{
    return (enum checksum_id)BITS_GET(p->prop, 40, 8);
}

#define L2ARC_HEADER_PHYS_FIELDS(F, S)                                                             \
    F(S, 0, U64, magic, , HEX)                                                                     \
    F(S, 8, U64, version, , DEC)                                                                   \
    F(S, 16, U64, spa_guid, , DEC)                                                                 \
    F(S, 24, U64, vdev_guid, , DEC)                                                                \
    F(S, 32, U64, log_entries, , DEC)                                                              \
    F(S, 40, U64, evict, , DEC)                                                                    \
    F(S, 48, U64, flags, , DEC)                                                                    \
    F(S, 56, U64, start, , DEC)                                                                    \
    F(S, 64, U64, end, , DEC)                                                                      \
    F(S, 72, U64, start_lbps, [16], HEX) /* two log pointers: newest, second newest */             \
    F(S, 200, U64, lb_asize, , DEC)                                                                \
    F(S, 208, U64, lb_count, , DEC)                                                                \
    F(S, 216, U64, trim_action_time, , DEC)                                                        \
    F(S, 224, U64, trim_state, , DEC)                                                              \
    F(S, 232, U64, pad, [30], NONE)                                                                \
    F(S, 472, U64, trailer, [5], NONE)
LAYOUT_STRUCT(l2arc_header_phys, 512, L2ARC_HEADER_PHYS_FIELDS);
static inline const struct l2arc_log_pointer *
l2arc_header_pointer(const struct l2arc_header_phys *h, unsigned i)
{
    return (const struct l2arc_log_pointer *)h->start_lbps + i;
}

#define L2ARC_LOG_ENTRY_FIELDS(F, S)                                                               \
    F(S, 0, DVA, dva, , AUTO)                                                                      \
    F(S, 16, U64, birth, , DEC)                                                                    \
    F(S, 24, U64, prop, , HEX)                                                                     \
    F(S, 32, U64, daddr, , HEX)                                                                    \
    F(S, 40, U64, complevel, , DEC)                                                                \
    F(S, 48, U64, pad, [2], NONE)
LAYOUT_STRUCT(l2arc_log_entry, 64, L2ARC_LOG_ENTRY_FIELDS);

#define L2ARC_LOG_HEAD_FIELDS(F, S)                                                                \
    F(S, 0, U64, magic, , HEX)                                                                     \
    F(S, 8, U64, prev_lbp, [8], HEX)                                                               \
    F(S, 72, U64, pad, [7], NONE)
LAYOUT_STRUCT(l2arc_log_head, 128, L2ARC_LOG_HEAD_FIELDS);

/* Header as read from a cache device, trailer verified: swap by magic, check. ZE_BADVDEV. */
int l2arc_header_load(struct l2arc_header_phys *out, const void *block, size_t len);
/* A pointer worth following on this device: lengths and place. */
bool l2arc_pointer_is_valid(const struct l2arc_header_phys *h, const struct l2arc_log_pointer *p);
/* Decompressed log block in place to host order; L2ARC_LOG_BLOCK_SIZE bytes. ZE_BADVDEV. */
int l2arc_log_load(void *block, size_t len);
static inline const struct l2arc_log_entry *l2arc_log_entry_at(const void *block, unsigned i)
{
    return (const struct l2arc_log_entry *)((const uint8_t *)block +
                                            sizeof(struct l2arc_log_head)) +
           i;
}

#endif
