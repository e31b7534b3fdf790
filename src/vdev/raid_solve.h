/* SPDX-License-Identifier: MIT */
/*
 * One RAID-Z or dRAID block in memory: rebuilding its missing columns, finding silently wrong ones
 * by trial, checking and generating parity (format/raid.md 3.4-3.8, 4.5). No I/O. Called by
 * raid_io.c, and by tests.
 *
 * Ownership: the block borrows map and buffers. Locks: none. Long-running on large blocks: call
 * from a worker.
 */
#ifndef ZUSE_VDEV_RAID_SOLVE_H
#define ZUSE_VDEV_RAID_SOLVE_H

#include <stddef.h>

#include "vdev/raidz_map.h"

/* State of one column, parallel to the map's columns. A column counts as good when tried and
 * without error. */
struct column {
    uint8_t *data;    /* size bytes: in the caller's buffer, or parity memory */
    uint8_t *empty;   /* dRAID: the padding, when it is read or written */
    int error;        /* 0, or why the column cannot be used */
    int shadow_error; /* of writing the second place during an expansion */
    bool tried;       /* asked from the device */
    bool skipped;     /* has an error by plan: missing, stale or slow child */
    bool stale;       /* the child missed writes of that txg; read as a last resort */
    bool wrong;       /* read well, but the bytes were found to be wrong */
    bool suspect;     /* taken for bad in the present trial */
    bool empty_read, empty_bad;
};

struct raid_block {
    struct raid_map *map;
    struct raid_col *first; /* all columns of the map, row by row */
    struct column *col;
    unsigned ncols;
    unsigned nchildren, original_width; /* original_width 0: never expanded */
    uint8_t *buf;                       /* the block */
};

/* map must have its columns in one array, as raid_map_alloc() makes it. col is allocated: free()
 * it. */
int raid_block_init(struct raid_block *b, struct raid_map *map, void *buf, unsigned nchildren,
                    unsigned original_width);
void raid_block_fini(struct raid_block *b);

static inline struct column *raid_column(const struct raid_block *b, unsigned row, unsigned c)
{
    return &b->col[(size_t)(b->map->row[row].col - b->first) + c];
}
static inline const struct raid_col *raid_col_of(const struct raid_block *b,
                                                 const struct column *col)
{
    return &b->first[col - b->col];
}

/* Compute every data column that is not good from good parity. ZE_IO if some row has too little. */
int raid_block_rebuild(struct raid_block *b);
/*
 * The block does not verify though it could be put together: try which good columns are wrong, up
 * to nparity children at a time, until verify() answers 0. Then marks the wrong columns (error,
 * wrong) and returns 0; else restores the block and returns ZE_CKSUM.
 */
int raid_block_search(struct raid_block *b, int (*verify)(void *arg), void *arg);
/* Data is right: mark good parity columns, and padding, that do not agree with it. */
void raid_block_check_parity(struct raid_block *b);
void raid_block_check_empty(struct raid_block *b);
/* Parity of all rows; of those parity columns only that are not good. Parity memory must be there.
 */
int raid_block_generate(struct raid_block *b);
int raid_block_regenerate(struct raid_block *b);
/* Worst column error if some row has more failures than parity, else 0. */
int raid_block_error(const struct raid_block *b);
/* Columns that gave wrong or no bytes, those left out by plan aside. */
unsigned raid_block_bad_columns(const struct raid_block *b);

#endif
