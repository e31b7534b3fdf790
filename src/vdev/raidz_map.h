/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of one block lie on the children of a RAID-Z vdev
 * (format/raid.md 3.2-3.3, 4.3-4.5), and the shape that dRAID shares (draid_map.h): a block is a
 * list of rows, a row is nparity parity columns followed by data columns. Pure arithmetic, no I/O;
 * used by raidz.c, tests and tools.
 *
 * Ownership: a map is one allocation, freed with free(). Locks: none. Errors: ZE_BADBP for a range
 * that cannot be a block of this vdev, ZE_VDEVCONFIG for an impossible geometry, ZE_NOMEM.
 */
#ifndef ZUSE_VDEV_RAIDZ_MAP_H
#define ZUSE_VDEV_RAIDZ_MAP_H

#include <stdbool.h>
#include <stdint.h>

#define RAID_MAX_PARITY   3
#define RAID_MAX_CHILDREN 255
#define RAID_MAX_IO       (32u << 20) /* bytes; twice the largest block */
#define RAID_SCRATCH_SIZE 0x380000u   /* boot area of a child, used as scratch by an expansion */

struct raid_col {
    uint64_t offset; /* on the child, in its allocatable area (may be "negative": scratch area) */
    uint64_t size;   /* bytes carried; 0 for a column that only counts as a position */
    uint64_t pos;    /* data columns: where its bytes sit in the block */
    uint64_t shadow_offset; /* second place a write goes to while an expansion copies this sector */
    uint32_t empty;         /* dRAID: bytes of zeros stored right behind the column */
    uint8_t child;
    uint8_t shadow_child;
    bool has_shadow;
};

struct raid_row {
    struct raid_col *col; /* parity P,Q,R first, then data in Horner order */
    unsigned ncols;
    uint64_t parity_size; /* bytes of each parity column: of the longest column */
    unsigned width;       /* sector-wise map: children its sectors are dealt over now; else 0 */
    bool scratch;         /* offsets are in the scratch area */
};

struct raid_map {
    unsigned ashift, nparity, nrows;
    uint64_t size;  /* of the block, bytes, multiple of the sector */
    uint64_t asize; /* what the block occupies, padding included */
    unsigned nskip,
        skipcol; /* padding sectors behind column skipcol and the following (standard map) */
    struct raid_row *row;
};

/* Geometry of one raidz vdev, and how far an expansion has come. */
struct raidz_layout {
    unsigned ashift, nparity;
    unsigned children; /* physical width; the child being added included */
    bool expanding;
    unsigned ntxgs;       /* completed expansions */
    const uint64_t *txgs; /* first txg of the new width of each, ascending */
    /* while expanding, vdev-relative bytes: */
    uint64_t synced; /* below: in the new layout, as the last synced uberblock says */
    uint64_t copied; /* below: already copied in memory (>= synced) */
    bool scratch;    /* synced part is valid in the scratch area only */
};

/* 0 or ZE_VDEVCONFIG. */
int raidz_layout_check(const struct raidz_layout *l);
/* Number of children a block born in txg was laid out for; txg 0: the original width. */
unsigned raidz_logical_width(const struct raidz_layout *l, uint64_t txg);
unsigned raidz_original_width(const struct raidz_layout *l);
/* Allocation charged for psize bytes / most bytes that fit in asize, for blocks born in txg. */
uint64_t raidz_asize(const struct raidz_layout *l, uint64_t psize, uint64_t txg);
uint64_t raidz_psize(const struct raidz_layout *l, uint64_t asize, uint64_t txg);

/* Map [offset, offset+size) born in txg; picks the standard or the expanded map. */
int raidz_map_create(const struct raidz_layout *l, uint64_t offset, uint64_t size, uint64_t txg,
                     struct raid_map **out);
/* The two maps by themselves; width is the logical width. */
int raidz_map_standard(const struct raidz_layout *l, unsigned width, uint64_t offset, uint64_t size,
                       struct raid_map **out);
int raidz_map_expanded(const struct raidz_layout *l, unsigned width, uint64_t offset, uint64_t size,
                       struct raid_map **out);

/* Range of child that holds the part [start, end) of the vdev, as TRIM and initialize need it. */
void raidz_translate(const struct raidz_layout *l, unsigned child, uint64_t start, uint64_t end,
                     uint64_t *child_start, uint64_t *child_end);

/* For the map builders: one allocation with room for nrows rows of up to ncols columns in total. */
struct raid_map *raid_map_alloc(unsigned nrows, unsigned ncols);

#endif
