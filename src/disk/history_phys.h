/* SPDX-License-Identifier: MIT */
/*
 * The history ring and the txg time log (format/pool.md, "12.2 History object", "12.5 txg time
 * log"). Callers: pool/, inspect/. Host order; a record's length word is little-endian.
 */
#ifndef ZUSE_DISK_HISTORY_PHYS_H
#define ZUSE_DISK_HISTORY_PHYS_H

#include "disk/fields.h"

#define HISTORY_PHYS_FIELDS(F, S)                                                                  \
    F(S, 0, U64, pool_create_len, , DEC)                                                           \
    F(S, 8, U64, phys_max_off, , DEC)                                                              \
    F(S, 16, U64, bof, , DEC)                                                                      \
    F(S, 24, U64, eof, , DEC)                                                                      \
    F(S, 32, U64, records_lost, , DEC)
LAYOUT_STRUCT(history_phys, 40, HISTORY_PHYS_FIELDS);

/* ZE_CORRUPT unless the ring is sane: create_len < max_off, bof <= eof, no more than the ring
 * holds. */
int history_phys_load(struct history_phys *out, const void *bonus, size_t bonuslen);
/* Where the ever-increasing offset off is in the object. */
static inline uint64_t history_physical(const struct history_phys *h, uint64_t off)
{
    uint64_t ring = h->phys_max_off - h->pool_create_len;
    return off < h->pool_create_len ? off : (off - h->pool_create_len) % ring + h->pool_create_len;
}
#define HISTORY_RECORD_MAX (1u << 20) /* far more than any record; a longer one is damage */

/* MOS directory entries txg_log_time_...: head, tail, length, then a ring of (time, txg). */
#define TXG_TIME_LOG_SLOTS 256u
#define TXG_TIME_LOG_WORDS 515u
struct txg_time_log {
    uint64_t head, tail, length;
    struct {
        uint64_t time, txg;
    } slot[TXG_TIME_LOG_SLOTS];
};
static_assert(sizeof(struct txg_time_log) == TXG_TIME_LOG_WORDS * 8, "txg_time_log");

#endif
