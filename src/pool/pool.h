/* SPDX-License-Identifier: MIT */
/*
 * An imported pool: the composition root of the engine. Found by pool/scan.h and pool/assemble.h,
 * opened by pool_import() (format/pool.md 7), examined by service/, inspect/ and the commands
 * through this header.
 *
 * Ownership: pool_import() makes a pool, pool_close() ends it; nothing that came from it may be in
 * use then (pool_busy()). Locks: config_lock (POOL_CONFIG) for name, configuration and tree shape;
 * readers of the trees of a read-only pool need none while they hold the pool. Errors: import
 * errors carry their detail; what a command prints besides is in the load_info nvlist.
 *
 * This release imports read-only: pool_import() without POOL_IMPORT_READONLY answers ZE_NOTYET.
 */
#ifndef ZUSE_POOL_POOL_H
#define ZUSE_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/lock.h"
#include "codec/nvlist.h"
#include "disk/features.h"
#include "disk/uberblock.h"
#include "dmu/dmu.h"
#include "dsl/dsl.h"
#include "vdev/vdev.h"
#include "zio/zio.h"

#define POOL_NAME_MAX 256 /* with NUL */

enum pool_state { /* of labels and configs */
                  POOL_STATE_ACTIVE,
                  POOL_STATE_EXPORTED,
                  POOL_STATE_DESTROYED,
                  POOL_STATE_SPARE,
                  POOL_STATE_L2CACHE
};

enum pool_errata { /* found when loading; never stored */
                   POOL_ERRATA_NONE,
                   POOL_ERRATA_SCRUB,
                   POOL_ERRATA_ASYNC_DESTROY,
                   POOL_ERRATA_KEY_VERSION, /* a crypto key object of version 0 */
                   POOL_ERRATA_IVSET        /* encrypted snapshots without IV set guid */
};

enum pool_import_flags {
    POOL_IMPORT_READONLY = 1 << 0,    /* -o readonly=on; the only way in this release */
    POOL_IMPORT_FORCE = 1 << 1,       /* -f: used by another host, or may be active */
    POOL_IMPORT_MISSING_LOG = 1 << 2, /* -m */
    POOL_IMPORT_TEMP_NAME = 1 << 3,   /* -t: new_name is not kept on disk */
    POOL_IMPORT_SKIP_MMP = 1 << 4,    /* no activity check (zdb) */
    POOL_IMPORT_CHECKPOINT = 1 << 5,  /* --rewind-to-checkpoint */
    POOL_IMPORT_REWIND = 1 << 6,      /* -F: go back a few txgs if need be */
    POOL_IMPORT_EXTREME = 1 << 7,     /* -X */
    POOL_IMPORT_TRY = 1 << 8,         /* look only: stop short of what changes or locks anything */
    POOL_IMPORT_DESTROYED = 1 << 9,   /* -D: the pool may be marked destroyed */
    POOL_IMPORT_NO_EXCL = 1 << 10,    /* do not claim devices (zdb on pools in use) */
    POOL_IMPORT_MISSING_TOPS = 1 << 11, /* rescue: open although top-level vdevs are missing */
    POOL_IMPORT_CACHED = 1 << 12,       /* config is from a cache file: devices are where it says */
    POOL_IMPORT_LOAD_SPARES = 1 << 13,  /* open spare and cache devices too */
};

struct pool_import_args {
    unsigned flags;
    const char *new_name;           /* NULL: keep */
    const char *altroot;            /* -R; NULL: none */
    const struct nvlist *props;     /* -o: pool property name -> string or uint64; may be NULL */
    uint64_t request_txg;           /* -T: highest txg to use, 0 = any */
    struct arc *arc;                /* may be NULL */
    bool (*interrupted)(void *arg); /* polled during an activity check; may be NULL */
    void *interrupted_arg;
};

struct pool_events; /* events.h */
struct pool_feature_state;
struct pool_figures; /* space.c */

struct pool {
    struct env *env;
    char name[POOL_NAME_MAX];      /* as imported */
    char disk_name[POOL_NAME_MAX]; /* in the labels */
    uint64_t guid, load_guid, version;
    bool readonly, suspended, tried;
    char *altroot, *cachefile; /* NULL: none given */
    unsigned import_flags;
    struct rwlock config_lock;
    _Atomic uint64_t holds; /* pool_hold() */

    struct nvlist *config;       /* MOS configuration as read, or the given one before that */
    struct nvlist *load_info;    /* mmp_*, unsup_feat, can_rdonly, missing_vdevs, rewind results */
    struct nvlist *label;        /* label of the leaf that had the chosen uberblock */
    struct nvlist *import_props; /* -o, validated */
    struct uberblock ub;
    uint64_t latest_txg; /* of the highest uberblock seen */
    uint64_t first_txg;  /* the next one */
    int load_error;      /* why the last attempt failed */
    uint64_t load_ns;    /* how long the import took */

    struct vdev_observer observer;
    struct vdev_tree *vdevs;
    struct zio_pool zio;
    struct objset *mos;   /* NULL until loaded */
    struct dsl_pool *dsl; /* NULL until loaded */
    struct pool_feature_state *features;
    uint64_t deflate, creation_version;
    uint64_t checkpoint_txg; /* 0: none; of the checkpoint that exists (not of one rewound to) */
    uint64_t removing[7];    /* com.delphix:removing; all 0: never removed anything */
    uint64_t history_object, errlog_last, errlog_scrub, props_object, avz_object;
    uint64_t scan[24]; /* dsl_scan_phys */
    bool has_scan;
    uint64_t error_scrub[9];
    uint64_t last_scrubbed_txg;
    uint64_t errata;
    _Atomic uint64_t report_second, reports; /* observer.c: ereports are limited */
    struct mutex space_lock;                 /* RANK_POOL: figures */
    struct pool_figures *figures;            /* space.c: NULL until asked for */
    struct pool_events *events; /* the environment's or a service's ring; may be NULL */
};

/*
 * Import the pool that config (pool/assemble.h, a cache file or a label) describes. info (may be
 * NULL) receives load_info as a new nvlist, on errors too. A pool whose name is taken is the
 * caller's to refuse: it keeps the list. Errors: ZE_NOTYET (writable), ZE_HOSTID, ZE_ACTIVEPOOL,
 * ZE_VERSION, ZE_FEATURE, ZE_MISSINGLOG, ZE_GUIDSUM, ZE_NOUB, ZE_NXIO (devices), ZE_CORRUPT,
 * ZE_NOCHECKPOINT, ZE_DESTROYED, ZE_INVAL (name, property).
 */
int pool_import(struct env *env, const struct nvlist *config, const struct pool_import_args *args,
                struct pool_events *events, struct nvlist **info, struct pool **out);
/*
 * What `zpool import` shows of an importable pool: opens it as far as possible without claiming
 * devices and returns its configuration with vdev_stats and load_info (key "load_info"), even if it
 * cannot be imported: then the state and aux of the root and "load_error" (int64 code) say why.
 * ZE_VDEVCONFIG and ZE_NOMEM only.
 */
int pool_try_import(struct env *env, const struct nvlist *config, struct nvlist **out);
void pool_close(struct pool *pool);

void pool_hold(struct pool *pool);
void pool_rele(struct pool *pool);
static inline bool pool_busy(struct pool *pool)
{
    return atomic_load(&pool->holds) != 0;
}

/* ZE_INVAL with the reason as OpenZFS words it ("name is reserved", "invalid character '%c' in pool
 * name"). */
int pool_name_check(const char *name, bool import);

/* uint64 values of a MOS directory entry (numbers of 8 bytes); ZE_NOENT if absent. */
int pool_directory_u64(struct pool *pool, const char *key, uint64_t *out);
int pool_directory_array(struct pool *pool, const char *key, uint64_t *out, size_t n, size_t *got);
/* A packed nvlist object of the MOS. */
int pool_read_nvlist(struct objset *mos, uint64_t object, struct nvlist **out);

/* Space of the pool, bytes (raw: of the vdevs, not deflated). alloc comes from the space maps'
 * headers. */
struct pool_space {
    uint64_t size, alloc, free, expandable;
    uint64_t dspace; /* deflated size of the normal class */
    uint64_t slop;
    uint64_t checkpoint; /* bytes only the checkpoint refers to */
    uint64_t freeing, leaked;
    uint64_t fragmentation; /* percent, UINT64_MAX = unknown */
};
int pool_space_get(struct pool *pool, struct pool_space *out);

#endif
