/* SPDX-License-Identifier: MIT */
/*
 * One attempt to load a pool (format/pool.md 7.4), and the steps it consists of. Used by import.c
 * only; what can be repeated (rewind, checkpoint, reload with the trusted configuration) is
 * import.c's business.
 */
#ifndef ZUSE_POOL_LOAD_H
#define ZUSE_POOL_LOAD_H

#include "pool/pool.h"
#include "vdev/vdev_label.h"

struct pool_load {
    struct pool *pool;
    const struct pool_import_args *args;
    const struct nvlist *config; /* what to start from: scanned, cached, or the MOS's on a reload */
    uint64_t max_txg;            /* UINT64_MAX: any */
    bool extreme;                /* accept labels of any txg */
    bool verify;                 /* rewinding: check metadata before accepting */
    bool reloaded;               /* config came from the MOS of an earlier attempt */
    bool mmp_checked;            /* the activity check was done */
    const struct uberblock *checkpoint; /* use this one instead of the best */
    bool want_reload; /* result: the trusted tree has many more vdevs than the scan showed */
};

/* 0, or why not: pool->load_error and states in pool->vdevs say what a command shows. */
int pool_load_once(struct pool_load *ld);
/* Undo: close DSL, MOS, devices. The pool can be loaded again. */
void pool_unload(struct pool *pool);

/* ---- load_vdev.c ---- */
/* Replace the untrusted tree by that of the MOS configuration, with the paths that worked so far.
 */
int load_trusted_config(struct pool_load *ld);
int load_removals(struct pool *pool);      /* mappings of removed vdevs */
int load_vdev_metadata(struct pool *pool); /* DTLs, classes, sanity of sizes */
int load_aux_lists(struct pool *pool, bool open);

/* ---- mmp.c ---- */
enum mmp_state { MMP_ACTIVE, MMP_INACTIVE, MMP_NO_HOSTID }; /* "mmp_state" in load_info */
/* Is another host using the pool? Waits if it has to (6.3). 0, ZE_ACTIVEPOOL, ZE_CANCELED. Fills
 * mmp_* of load_info. */
int mmp_activity_check(struct pool *pool, const struct pool_import_args *args,
                       const struct uberblock *ub);
/* Nanoseconds an activity check of this uberblock takes, without the random part; 0 = not needed.
 */
uint64_t mmp_check_duration(const struct uberblock *ub, const struct nvlist *label,
                            uint32_t hostid);

#endif
