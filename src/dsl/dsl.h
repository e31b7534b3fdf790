/* SPDX-License-Identifier: MIT */
/*
 * The dataset and snapshot layer of one pool (format/dsl.md): directories, datasets, snapshots,
 * clones, bookmarks, properties with their sources, holds, delegation, deadlists, encryption keys.
 *
 * Callers: pool/ (opens it on the MOS), zpl/, zvol/, inspect/, service/. Ownership: a dsl_dataset
 * is a counted hold; release what you hold. Names are looked up case-sensitively. Locks: DSL_POOL
 * (config, reader for all lookups), then DSL_DATASET. Errors: ZE_NODATASET, ZE_BADNAME, ZE_BADDSL,
 * ZE_NOKEY, those of dmu.
 */
#ifndef ZUSE_DSL_DSL_H
#define ZUSE_DSL_DSL_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/nvlist.h"
#include "disk/dsl_phys.h"
#include "dmu/dmu.h"
#include "dmu/zap.h"

#define DATASET_NAME_MAX 256 /* with NUL, format/dsl.md 14 */

struct dsl_pool;
struct dsl_dataset;
struct dsl_keystore;

/* ---- pool ---- */
/* mos: held open by the caller for the life of the dsl_pool. version: pool version (1..28, 5000).
 * name: as imported. */
int dsl_pool_open(struct zio_pool *zp, struct objset *mos, const char *name, uint64_t version,
                  struct dsl_pool **out);
void dsl_pool_close(struct dsl_pool *dp); /* also installs/uninstalls zp->keystore */
struct objset *dsl_pool_mos(struct dsl_pool *dp);
struct dsl_keystore *dsl_pool_keystore(struct dsl_pool *dp);
const char *dsl_pool_name(const struct dsl_pool *dp);
uint64_t dsl_pool_version(const struct dsl_pool *dp);
/* Prefixed to every mountpoint; "" for none. */
int dsl_pool_set_altroot(struct dsl_pool *dp, const char *altroot);
/* Pool root directory figures: used, and what `zfs list` calls available (needs pool totals,
 * bytes). */
void dsl_pool_set_space(struct dsl_pool *dp, uint64_t usable_bytes, uint64_t slop_bytes);

/* ---- datasets ---- */
enum dataset_kind {
    DATASET_FILESYSTEM = 1,
    DATASET_SNAPSHOT = 2,
    DATASET_VOLUME = 4,
    DATASET_BOOKMARK = 16
}; /* bit set */

/* "pool", "pool/a/b", "pool/a@snap"; also pool/a/%recv. */
int dsl_dataset_hold(struct dsl_pool *dp, const char *name, struct dsl_dataset **out);
int dsl_dataset_hold_object(struct dsl_pool *dp, uint64_t dsobj, struct dsl_dataset **out);
void dsl_dataset_rele(struct dsl_dataset *ds);
void dsl_dataset_name(struct dsl_dataset *ds, char name[DATASET_NAME_MAX]);
struct dsl_pool *dsl_dataset_pool(struct dsl_dataset *ds);
uint64_t dsl_dataset_object(const struct dsl_dataset *ds);
uint64_t dsl_dataset_dir_object(const struct dsl_dataset *ds);
const struct dsl_dataset_phys *dsl_dataset_phys(const struct dsl_dataset *ds);
const struct dsl_dir_phys *dsl_dataset_dir_phys(const struct dsl_dataset *ds);
bool dsl_dataset_is_snapshot(const struct dsl_dataset *ds);
bool dsl_dataset_is_inconsistent(const struct dsl_dataset *ds); /* a partial receive */
enum dataset_kind dsl_dataset_kind(struct dsl_dataset *ds);
/* Shared open objset of the dataset (opened on first use, closed with the last hold). */
int dsl_dataset_objset(struct dsl_dataset *ds, struct objset **out);

/* Child file systems/volumes of ds (sorted by name), hidden ones ($MOS, $ORIGIN, %recv) only with
 * hidden. */
int dsl_children_each(struct dsl_dataset *ds, bool hidden,
                      int (*fn)(void *arg, const char *name, uint64_t dsobj), void *arg);
/* Snapshots of ds ordered by creation txg. */
int dsl_snapshots_each(struct dsl_dataset *ds,
                       int (*fn)(void *arg, const char *short_name, uint64_t dsobj,
                                 uint64_t createtxg),
                       void *arg);
/* Bookmarks of ds: name (after '#') and its properties as `zfs get` shows them. */
int dsl_bookmarks_each(struct dsl_dataset *ds,
                       int (*fn)(void *arg, const char *short_name, const struct nvlist *props),
                       void *arg);

/* ---- properties (dsl_prop*.c; table in dsl/prop_table.h) ---- */
/*
 * All properties of ds as commands need them: nvlist name -> nvlist {"value": uint64 or string,
 * "source": string} with source "" (none), "default", the dataset's own name (local), another name
 * (inherited), "$recvd" (received), and for received values additionally "received": value.
 * Includes the computed ones (used, available, referenced, compressratio, origin, creation, guid,
 * createtxg, written, logicalused, userrefs, defer_destroy, keystatus, encryption...). names NULL:
 * all; else only those (user properties too, written@SNAP, userused@.. etc. computed on demand).
 */
int dsl_props_get(struct dsl_dataset *ds, const char *const *names, size_t n, struct nvlist **out);
int dsl_prop_u64(struct dsl_dataset *ds, const char *name, uint64_t *value, char *source,
                 size_t source_len);
int dsl_prop_string(struct dsl_dataset *ds, const char *name, char *value, size_t len, char *source,
                    size_t source_len);

/* ---- holds, delegation, deadlists ---- */
int dsl_holds_get(struct dsl_dataset *snap, struct nvlist **out); /* tag -> uint64 time (seconds) */
/* Stored permissions of ds and its ancestors: nvlist DATASET -> nvlist WHOKEY ("ul$1000", ...) ->
 * nvlist of permissions. */
int dsl_deleg_get(struct dsl_dataset *ds, struct nvlist **out);
/* Is uid/gids allowed perm on ds? 0 or ZE_ACCES. */
int dsl_deleg_check(struct dsl_dataset *ds, const char *perm, uint32_t uid, const uint32_t *gids,
                    size_t ngids);
/* Every block pointer of the dataset's deadlist(s) and the pool's free lists, for leak checks. */
int dsl_deadlist_each(struct dsl_dataset *ds,
                      int (*fn)(void *arg, const struct blkptr *bp, bool freed), void *arg);
/* Space that destroying the snapshots first..last would free, bytes. */
int dsl_space_reclaim(struct dsl_dataset *first, struct dsl_dataset *last, uint64_t *used,
                      uint64_t *comp, uint64_t *uncomp);
int dsl_space_written(struct dsl_dataset *from, struct dsl_dataset *to, uint64_t *used);

/* ---- keys (crypt_keys.h has the detail) ---- */
int dsl_key_load(struct dsl_dataset *root, const uint8_t *key, size_t len, bool dry_run);
int dsl_key_unload(struct dsl_dataset *root); /* ZE_BUSY while an objset below is open */

#endif
