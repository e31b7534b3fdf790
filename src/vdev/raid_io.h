/* SPDX-License-Identifier: MIT */
/*
 * The column engine: reads, writes, reconstructs, verifies and repairs blocks laid out in rows of
 * parity and data columns (struct raid_map). RAID-Z and dRAID are this engine with different maps
 * (format/raid.md 3.4-3.10, 4.5, 5.6). Called by raidz.c and draid.c as their io_start.
 *
 * Data columns are read straight into the caller's buffer; parity is read only when something is
 * missing or a scrub wants all of it. Ownership: all state hangs off io->state and is gone when the
 * I/O completes. Locks: none (one step of an I/O runs at a time). Errors: ZE_CKSUM if no
 * reconstruction verifies, else the worst column error.
 */
#ifndef ZUSE_VDEV_RAID_IO_H
#define ZUSE_VDEV_RAID_IO_H

#include "vdev/raidz_map.h"
#include "vdev/vdev_impl.h"

/* What differs between the users of the engine. */
struct raid_io_ops {
    int (*map)(const struct vdev *vd, const struct vdev_io *io, struct raid_map **out);
    /* May the child's sectors at offset be read for a block born in txg? 0, ZE_NXIO (no) or
     * ZE_STALE (old data). */
    int (*child_state)(const struct vdev *vd, unsigned child, uint64_t offset, uint64_t txg);
    /* Is the child so slow just now that reconstruction is preferred (format/raid.md 6)? May be
     * NULL. */
    bool (*sitting_out)(const struct vdev *vd, unsigned child);
    /* Widths that an expanded vdev had, for combinatorial reconstruction; NULL: none but the
     * present. */
    unsigned (*original_width)(const struct vdev *vd);
};

void raid_io_start(struct vdev_io *io, const struct raid_io_ops *ops);

/* Common to both types: states from children, and whether opening may go on with what is there. */
void raid_state_of_children(const struct vdev *vd, const struct vdev_child_counts *n,
                            enum vdev_state *state, enum vdev_aux *aux);
int raid_open_children(const struct vdev *vd, enum vdev_aux *aux);

#endif
