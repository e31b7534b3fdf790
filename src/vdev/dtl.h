/* SPDX-License-Identifier: MIT */
/*
 * Dirty time logs: which txgs each vdev lacks (format/raid.md 8). A leaf's MISSING set comes from
 * the pool (pool/ reads the space map object named by the config); the others and those of interior
 * vdevs are derived by vdev_dtl_reassess(). Queried by redundancy code for every read
 * (vdev_dtl_contains). Locks: tree->dtl_lock inside. Errors: ZE_NOMEM, ZE_BADVDEV.
 */
#ifndef ZUSE_VDEV_DTL_H
#define ZUSE_VDEV_DTL_H

#include "vdev/vdev.h"

/* Add txgs [start, start+count) to the leaf's MISSING set, then reassess. */
int vdev_dtl_add_missing(struct vdev *leaf, uint64_t start, uint64_t count);
/* Derive PARTIAL, OUTAGE and interior MISSING of the whole tree from leaves; after load and state
 * changes. */
int vdev_dtl_reassess(struct vdev_tree *tree);
/* Would data become unreadable without this vdev? (offline, detach) */
bool vdev_dtl_required(struct vdev *vd);
/* True if some leaf below vd must be resilvered; then *min < birth < *max are the blocks in
 * question. */
bool vdev_resilver_needed(struct vdev *vd, uint64_t *min_txg, uint64_t *max_txg);
/* Ranges of one kind, for dumps: calls fn(start, count). */
void vdev_dtl_each(const struct vdev *vd, int kind,
                   void (*fn)(void *arg, uint64_t start, uint64_t count), void *arg);

#endif
