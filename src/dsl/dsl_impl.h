/* SPDX-License-Identifier: MIT */
/*
 * Inside of dsl/: the in-core pool, directories and datasets. Nothing outside dsl/ includes this.
 *
 * Directories and datasets are cached by object number while held and freed with the last hold. A
 * dataset holds its directory, a directory holds its parent, so a name can always be built.
 * dp->lock guards both tables, all hold counts, and loading (which reads the MOS under it); the
 * phys copies never change in a read-only pool.
 */
#ifndef ZUSE_DSL_DSL_IMPL_H
#define ZUSE_DSL_DSL_IMPL_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "dsl/dsl.h"

#define DSL_TABLE_BUCKETS 1024
#define DSL_MAX_DEPTH     50 /* directories from the root down, format/dsl.md 14 */

struct dsl_dir {
    struct dsl_pool *dp;
    struct dsl_dir *parent; /* NULL for the root; held */
    struct dsl_dir *hash_next;
    unsigned refs;
    unsigned depth;
    uint64_t object;
    bool zapified;
    uint64_t crypto_key_obj; /* 0: not encrypted */
    struct dsl_dir_phys phys;
    char name[DATASET_NAME_MAX]; /* own component; the pool's name for the root */
};

struct dsl_dataset {
    struct dsl_pool *dp;
    struct dsl_dir *dir; /* held */
    struct dsl_dataset *hash_next;
    unsigned refs;
    uint64_t object;
    bool zapified;
    struct dsl_dataset_phys phys;
    char snap_name[DATASET_NAME_MAX]; /* "" for a head */
    struct mutex lock;                /* RANK_DSL_DATASET: what follows */
    struct objset *os;
    bool key_attached; /* known to the keystore, while os is open */
    bool macs_checked; /* those of the root block, once the key was there */
};

struct dsl_pool {
    struct zio_pool *zp;
    struct objset *mos;
    char name[DATASET_NAME_MAX];
    char altroot[1024]; /* "" or "/mnt": prefixed to mountpoints */
    uint64_t version;
    uint64_t root_dir_obj;
    uint64_t origin_snap_obj; /* $ORIGIN@$ORIGIN, 0 in old pools */
    uint64_t free_bpobj, bptree_obj, empty_bpobj;
    uint64_t usable_bytes, slop_bytes;
    struct dsl_keystore *keystore;
    struct mutex lock; /* RANK_DSL_POOL */
    struct dsl_dir *dirs[DSL_TABLE_BUCKETS];
    struct dsl_dataset *datasets[DSL_TABLE_BUCKETS];
};

/* ---- directories (dsl_dir.c); *_locked need dp->lock ---- */
int dsl_dir_hold_locked(struct dsl_pool *dp, uint64_t object, struct dsl_dir **out);
/* Child by component name, without knowing its object yet. */
int dsl_dir_child_locked(struct dsl_dir *parent, const char *name, size_t len,
                         struct dsl_dir **out);
void dsl_dir_rele_locked(struct dsl_dir *dd);
int dsl_dir_hold(struct dsl_pool *dp, uint64_t object, struct dsl_dir **out);
void dsl_dir_rele(struct dsl_dir *dd);
static inline void dsl_dir_auto_rele(struct dsl_dir **dd)
{
    if (*dd != NULL)
        dsl_dir_rele(*dd);
}
#define AUTO_DIR __attribute__((cleanup(dsl_dir_auto_rele)))
void dsl_dir_name(const struct dsl_dir *dd, char name[DATASET_NAME_MAX]);
/* One uint64 of a zapified directory's or dataset's own ZAP; ZE_NOENT if absent or not zapified. */
int dsl_dir_attr(struct dsl_dir *dd, const char *key, uint64_t *value);
int dsl_dataset_attr(struct dsl_dataset *ds, const char *key, uint64_t *value);
bool dsl_name_is_hidden(const char *component); /* $MOS, %recv ... */

/* ---- datasets (dsl_dataset.c) ---- */
static inline void dsl_dataset_auto_rele(struct dsl_dataset **ds)
{
    if (*ds != NULL)
        dsl_dataset_rele(*ds);
}
#define AUTO_DATASET __attribute__((cleanup(dsl_dataset_auto_rele)))
void dsl_dataset_hold_again(struct dsl_dataset *ds);

/* Bonus of a MOS object of this bonus type, at least min bytes, copied (zero-filled to size). */
int dsl_bonus_read(struct objset *mos, uint64_t object, unsigned bonustype, size_t min, void *out,
                   size_t size, unsigned *type_out);

/* ---- space (dsl_deadlist.c, dsl_space.c) ---- */
struct dsl_space {
    uint64_t used, comp, uncomp; /* bytes */
};
/* Whole deadlist. */
int dsl_deadlist_space(struct dsl_pool *dp, uint64_t object, struct dsl_space *out);
/* Blocks with min_txg < birth <= max_txg; added to *out. */
int dsl_deadlist_space_range(struct dsl_pool *dp, uint64_t object, uint64_t min_txg,
                             uint64_t max_txg, struct dsl_space *out);
int dsl_dir_available(struct dsl_dir *dd, uint64_t *out);
/* written since a snapshot/bookmark named "@x", "#x" or by full name. */
int dsl_space_written_since(struct dsl_dataset *ds, const char *since, uint64_t *used);

/* ---- bookmarks (dsl_bookmark.c) ---- */
int dsl_bookmark_lookup(struct dsl_dataset *ds, const char *short_name, struct bookmark_phys *out);
int dsl_redaction_snaps(struct dsl_pool *dp, uint64_t object, uint64_t **guids, size_t *n,
                        bool *complete);

/* ---- properties ---- */
int dsl_prop_entry(struct nvlist *props, const char *name, uint64_t number, const char *string,
                   const char *source);
/* Add computed and structural properties (names NULL: all of them). */
struct prop_def;
/* Does the property exist for this dataset? For a snapshot: for its head's type, too. */
bool dsl_prop_applies(struct dsl_dataset *ds, const struct prop_def *def);
int dsl_props_computed(struct dsl_dataset *ds, const char *const *names, size_t n,
                       struct nvlist *props);

#endif
