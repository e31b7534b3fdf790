/* SPDX-License-Identifier: MIT */
/*
 * dRAID address arithmetic (format/raid.md 5.1-5.5, 5.7, 5.8): children are permuted anew for every
 * slice of the vdev, so that data, parity and spare space are spread evenly. Pure, no I/O; used by
 * draid.c and tests.
 *
 * Ownership: draid_layout_init() allocates the permutation table (at most 128 KiB),
 * draid_layout_fini() frees it. Locks: none, immutable once made. Errors: ZE_VDEVCONFIG, ZE_BADBP,
 * ZE_NOMEM.
 */
#ifndef ZUSE_VDEV_DRAID_MAP_H
#define ZUSE_VDEV_DRAID_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "vdev/raidz_map.h"

#define DRAID_ROW_HEIGHT    (16ull << 20) /* bytes of one child in one row of a group */
#define DRAID_CHILD_RESERVE (32ull << 20) /* at the end of every child */
#define DRAID_MAX_SPARES    100
#define DRAID_MAX_GROUPS    255

struct draid_layout {
    /* given */
    unsigned ashift, nparity, ndata, nspares, ngroups;
    unsigned group_children; /* of one failure group: the permuted unit */
    unsigned width;          /* all children */
    /* derived */
    unsigned group_width; /* ndata + nparity */
    unsigned ndisks;      /* width - nspares */
    unsigned fgroups;     /* failure groups, 1 without failure domains */
    unsigned nperms;      /* rows of the permutation table in use */
    uint64_t group_size;  /* bytes of vdev address space in one group */
    uint64_t slice_size;  /* bytes of each child in one slice (permutation) */
    unsigned slice_rows;  /* rows of DRAID_ROW_HEIGHT in a slice */
    uint8_t *perm;        /* nperms rows of group_children ids */
};

/* Check the given fields, fill in the rest. */
int draid_layout_init(struct draid_layout *l);
void draid_layout_fini(struct draid_layout *l);

uint64_t draid_asize(const struct draid_layout *l, uint64_t psize);
uint64_t draid_psize(const struct draid_layout *l, uint64_t asize);
/* Size of the vdev from that of its smallest child; what a child must have for the vdev to have
 * asize. */
uint64_t draid_vdev_asize(const struct draid_layout *l, uint64_t child_asize);
uint64_t draid_child_min_asize(const struct draid_layout *l, uint64_t vdev_asize);

/* Map [offset, offset+size); one row, or two where the block crosses the end of a group. */
int draid_map_create(const struct draid_layout *l, uint64_t offset, uint64_t size,
                     struct raid_map **out);
/* Child that distributed spare number `spare` uses at vdev-relative offset of the child. */
unsigned draid_spare_child(const struct draid_layout *l, unsigned spare, uint64_t child_offset);
/* Space usable for allocation in [start, start+size): multiples of a group row. */
void draid_align_metaslab(const struct draid_layout *l, uint64_t *start, uint64_t *size);

#endif
