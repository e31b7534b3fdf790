/* SPDX-License-Identifier: MIT */
/*
 * Shows every block a pool refers to, each once: MOS, all datasets and snapshots (a block belongs
 * to the oldest snapshot that has it, format/dsl.md 4), intent logs (format/zpl-zil.md 15.4), and
 * what is on its way to being freed: deferred frees, destroyed snapshots, trees and livelists
 * (format/pool.md 14.2). No keys are needed.
 *
 * Callers: verify, zdb. Ownership: a visit's pointers live during the call. Locks: none held during
 * calls; one thread. Errors: damage is shown to the callback (err != 0) and stepped over; only
 * ZE_NOMEM and what the callback answers end the walk.
 */
#ifndef ZUSE_INSPECT_POOL_WALK_H
#define ZUSE_INSPECT_POOL_WALK_H

#include "dmu/traverse.h"
#include "pool/pool.h"

enum pool_walk_kind {
    POOL_WALK_MOS,
    POOL_WALK_DATASET,
    POOL_WALK_ZIL,       /* a log block that is there */
    POOL_WALK_ZIL_TAIL,  /* allocated, but (perhaps) never written */
    POOL_WALK_ZIL_DATA,  /* what a claimed write record points to */
    POOL_WALK_DEFERRED,  /* frees of the last txg */
    POOL_WALK_FREEING,   /* of destroyed snapshots */
    POOL_WALK_DESTROYED, /* trees of destroyed datasets */
    POOL_WALK_LIVELIST,  /* of destroyed clones */
};

struct pool_walk_visit {
    enum pool_walk_kind kind;
    struct bookmark zb;
    const struct blkptr *bp;        /* NULL: the error is not about one block */
    const struct dnode_phys *dnode; /* whose block it is; NULL if none is known */
    int err;                        /* what zb leads to could not be followed; detail set */
};

/* 0, or what ends the walk. Blocks with damage below are shown themselves (err 0) before. */
typedef int (*pool_walk_fn)(void *arg, const struct pool_walk_visit *v);

int pool_walk(struct pool *pool, pool_walk_fn fn, void *arg);

#endif
