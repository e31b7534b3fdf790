/* SPDX-License-Identifier: MIT */
/*
 * Space maps as stored: the header in the bonus, and the words of the log (format/pool.md, "16
 * Space maps"). Callers: alloc/space_map.c, vdev/ (DTLs through alloc's callers), inspect/. Host
 * order.
 */
#ifndef ZUSE_DISK_SPACEMAP_PHYS_H
#define ZUSE_DISK_SPACEMAP_PHYS_H

#include "disk/fields.h"

#define SPACEMAP_HISTOGRAM_BUCKETS 32u
#define SPACEMAP_SIZE_OLD          24u
#define SPACEMAP_PHYS_FIELDS(F, S)                                                                 \
    F(S, 0, U64, object, , DEC)                                                                    \
    F(S, 8, U64, length, , HEX)                                                                    \
    F(S, 16, I64, alloc, , HEX)                                                                    \
    F(S, 24, U64, pad, [5], NONE)                                                                  \
    F(S, 64, U64, histogram, [SPACEMAP_HISTOGRAM_BUCKETS], DEC)
LAYOUT_STRUCT(spacemap_phys, 320, SPACEMAP_PHYS_FIELDS);

/*
 * From a bonus of bonuslen bytes (24 or 320); what it does not have is zero. data_size: bytes of
 * the object. ZE_BADSPACEMAP.
 */
int spacemap_phys_load(struct spacemap_phys *out, const void *bonus, size_t bonuslen,
                       uint64_t data_size, uint64_t object);

enum spacemap_kind { SPACEMAP_ALLOC, SPACEMAP_FREE, SPACEMAP_DEBUG, SPACEMAP_PADDING };
#define SPACEMAP_NO_VDEV        ((uint64_t)1 << 24) /* one-word entries */
#define SPACEMAP_ONE_WORD_RUN   ((uint64_t)1 << 15)
#define SPACEMAP_TWO_WORD_RUN   ((uint64_t)1 << 36)
#define SPACEMAP_ONE_WORD_LIMIT ((uint64_t)1 << 47) /* offsets below */

struct spacemap_entry {
    enum spacemap_kind kind;
    bool two_words;
    uint64_t offset, run; /* units of 1 << shift; ALLOC and FREE */
    uint32_t vdev;        /* two-word entries */
    uint64_t txg;         /* DEBUG */
    unsigned pass;        /* DEBUG */
    bool debug_free;      /* DEBUG: action */
};

/*
 * Decode the entry at words[*pos] and step over it. ZE_NOENT at n. ZE_BADSPACEMAP for a two-word
 * entry cut off by the end or with reserved bits.
 */
int spacemap_entry_decode(const uint64_t *words, size_t n, size_t *pos, struct spacemap_entry *e);
/* Words written (1 or 2), 0 if the values fit in neither form. */
unsigned spacemap_entry_encode(const struct spacemap_entry *e, uint64_t out[2]);
/* As zdb -mmmmm lists it, without the index: start and shift are the map's. */
int spacemap_entry_format(char *buf, size_t len, const struct spacemap_entry *e, uint64_t start,
                          unsigned shift);

#endif
