/* SPDX-License-Identifier: MIT */
/*
 * What other redundancy code must know of dRAID: a distributed spare has no place of its own, so
 * whether it can be read depends on the offset (format/raid.md 5.6, 5.8). Called by mirror.c,
 * draid.c, draid_spare.c. No locks.
 */
#ifndef ZUSE_VDEV_DRAID_H
#define ZUSE_VDEV_DRAID_H

#include "vdev/draid_map.h"
#include "vdev/vdev.h"

/*
 * Can vd (any vdev below a top-level one) be read at offset for a block born in txg, distributed
 * spares being followed to the devices they live on? 0, ZE_NXIO, or ZE_STALE (only old data).
 */
int vdev_child_state_at(const struct vdev *vd, uint64_t offset, uint64_t txg);
/* The layout of a dRAID vdev, with its present ashift; the permutation table stays the vdev's. */
void vdev_draid_layout(const struct vdev *vd, struct draid_layout *l);
/* Child of the dRAID that a distributed spare uses at offset, NULL if its dRAID is not there. */
struct vdev *vdev_draid_spare_target(const struct vdev *spare, uint64_t offset);
/* Bytes from offset to the end of the spare's slice: at most this much is on one child. */
uint64_t vdev_draid_spare_run(const struct vdev *spare, uint64_t offset);

#endif
