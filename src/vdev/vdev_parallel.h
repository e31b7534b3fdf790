/* SPDX-License-Identifier: MIT */
/* Blocking work on every leaf of a tree at once: open, read labels. Used inside vdev/ and by pool/.
 */
#ifndef ZUSE_VDEV_VDEV_PARALLEL_H
#define ZUSE_VDEV_VDEV_PARALLEL_H

#include "vdev/vdev.h"

/*
 * Calls fn for every leaf (hole and missing ones too; with aux also the spares and l2cache lists)
 * on up to 16 temporary threads and waits for all. fn must be thread-safe. 0 or ZE_NOMEM (then fn
 * was not called).
 */
int vdev_each_leaf_parallel(struct vdev_tree *tree, bool aux,
                            void (*fn)(void *arg, struct vdev *leaf), void *arg);

#endif
