/* SPDX-License-Identifier: MIT */
/* Derived space figures (format/dsl.md, "5.5 Availability", "6.4 Derived numbers"). All in bytes.
 */
#include "dsl/dsl_impl.h"

#include <string.h>

/* From the root down: min over ancestors, each adding what it reserved beyond its use. */
int dsl_dir_available(struct dsl_dir *dd, uint64_t *out)
{
    const struct dsl_dir *chain[DSL_MAX_DEPTH + 2];
    unsigned n = 0;
    uint64_t avail = UINT64_MAX;

    for (const struct dsl_dir *d = dd; d != NULL && n < array_len(chain); d = d->parent)
        chain[n++] = d;
    while (n-- > 0) {
        const struct dsl_dir *d = chain[n];
        uint64_t used = d->phys.used_bytes;
        uint64_t quota = d->phys.quota != 0 ? d->phys.quota : UINT64_MAX;

        if (d->parent == NULL) {
            uint64_t adjusted = d->dp->usable_bytes > d->dp->slop_bytes
                                    ? d->dp->usable_bytes - d->dp->slop_bytes
                                    : 0;
            quota = min_of(quota, adjusted);
        }
        if (d->phys.reserved > used && avail != UINT64_MAX)
            avail += d->phys.reserved - used;
        avail = used > quota ? 0 : min_of(avail, quota - used);
    }
    *out = avail;
    return 0;
}

/* Is old a snapshot on the history of new: earlier on its branch, or on one it was cloned from? */
static int is_before(struct dsl_dataset *new, struct dsl_dataset *old, bool *before)
{
    uint64_t dir = new->dir->object, txg = new->phys.creation_txg;
    bool head = !dsl_dataset_is_snapshot(new);

    *before = false;
    for (unsigned hops = 0; hops < 1000; hops++) {
        struct dsl_dir_phys phys;
        struct dsl_dataset_phys origin;
        int err;

        if (old->dir->object == dir) {
            *before =
                head || old->phys.creation_txg < txg || (hops > 0 && old->phys.creation_txg == txg);
            return 0;
        }
        err = dsl_bonus_read(new->dp->mos, dir, OBJTYPE_DSL_DIR, 256, &phys, sizeof(phys), NULL);
        if (err != 0)
            return err;
        if (phys.origin_obj == 0)
            return 0;
        err = dsl_bonus_read(new->dp->mos, phys.origin_obj, OBJTYPE_DSL_DATASET, 320, &origin,
                             sizeof(origin), NULL);
        if (err != 0)
            return err;
        dir = origin.dir_obj;
        txg = origin.creation_txg;
        head = false;
    }
    return err_raise(ZE_BADDSL, "chain of origins of dataset %llu does not end",
                     (unsigned long long)new->object);
}

/*
 * Walk new and its predecessors while they are newer than txg, adding what each freed of blocks
 * born up to txg. *last_deadlist: of the dataset whose predecessor is at or before txg.
 */
static int walk_back(struct dsl_dataset *new, uint64_t txg, struct dsl_space *sp,
                     uint64_t *last_deadlist)
{
    struct dsl_dataset_phys at = new->phys;
    uint64_t prev_txg = UINT64_MAX;

    while (at.prev_snap_txg > txg) {
        int err = dsl_deadlist_space_range(new->dp, at.deadlist_obj, 0, txg, sp);

        if (err != 0)
            return err;
        if (at.prev_snap_txg >= prev_txg)
            return err_raise(ZE_BADDSL, "snapshot chain of dataset %llu does not go back in time",
                             (unsigned long long)new->object);
        prev_txg = at.prev_snap_txg;
        err = dsl_bonus_read(new->dp->mos, at.prev_snap_obj, OBJTYPE_DSL_DATASET, 320, &at,
                             sizeof(at), NULL);
        if (err != 0)
            return err;
    }
    *last_deadlist = at.deadlist_obj;
    return 0;
}

int dsl_space_written(struct dsl_dataset *from, struct dsl_dataset *to, uint64_t *used)
{
    struct dsl_space sp = {0};
    uint64_t deadlist;
    bool before;
    int err = is_before(to, from, &before);

    if (err != 0)
        return err;
    if (!before)
        return err_raise(ZE_INVAL, "the snapshot is not an earlier one of the dataset");
    sp.used = to->phys.referenced_bytes - from->phys.referenced_bytes;
    err = walk_back(to, from->phys.creation_txg, &sp, &deadlist);
    if (err == 0)
        err = dsl_deadlist_space(to->dp, deadlist, &sp);
    *used = sp.used;
    return err;
}

static int written_since_bookmark(struct dsl_dataset *ds, const char *short_name, uint64_t *used)
{
    struct bookmark_phys bm;
    struct dsl_space sp = {0};
    uint64_t deadlist;
    int err = dsl_bookmark_lookup(ds, short_name, &bm);

    if (err != 0)
        return err;
    if ((bm.flags & BOOKMARK_FLAG_HAS_FBN) == 0)
        return err_raise(ZE_NOTSUP, "bookmark '%s' has no space figures", short_name);
    sp.used = ds->phys.referenced_bytes - bm.referenced_bytes_refd;
    err = walk_back(ds, bm.creation_txg, &sp, &deadlist);
    *used = sp.used + bm.referenced_freed_before_next_snap;
    return err;
}

int dsl_space_written_since(struct dsl_dataset *ds, const char *since, uint64_t *used)
{
    AUTO_DATASET struct dsl_dataset *from = NULL;
    char name[DATASET_NAME_MAX];
    const char *hash = strchr(since, '#');
    int err, n;

    if (hash != NULL)
        return written_since_bookmark(ds, hash + 1, used);
    if (strchr(since, '@') > since) {
        n = snprintf(name, sizeof(name), "%s", since);
    } else {
        char dir[DATASET_NAME_MAX];

        dsl_dir_name(ds->dir, dir);
        n = snprintf(name, sizeof(name), "%s@%s", dir, since[0] == '@' ? since + 1 : since);
    }
    if (n < 0 || (size_t)n >= sizeof(name))
        return err_raise(ZE_NAMETOOLONG, "snapshot name '%s'", since);
    err = dsl_dataset_hold(ds->dp, name, &from);
    if (err != 0)
        return err;
    return dsl_space_written(from, ds, used);
}

int dsl_space_reclaim(struct dsl_dataset *first, struct dsl_dataset *last, uint64_t *used,
                      uint64_t *comp, uint64_t *uncomp)
{
    struct dsl_space sp = {0};
    uint64_t object = last->phys.next_snap_obj;
    uint64_t newer = UINT64_MAX;

    if (!dsl_dataset_is_snapshot(first) || !dsl_dataset_is_snapshot(last) ||
        first->dir->object != last->dir->object ||
        first->phys.creation_txg > last->phys.creation_txg)
        return err_raise(ZE_INVAL, "not a range of snapshots of one dataset");
    while (object != first->object) {
        struct dsl_dataset_phys at;
        int err =
            dsl_bonus_read(first->dp->mos, object, OBJTYPE_DSL_DATASET, 320, &at, sizeof(at), NULL);

        if (err == 0)
            err = dsl_deadlist_space_range(first->dp, at.deadlist_obj, first->phys.prev_snap_txg,
                                           UINT64_MAX, &sp);
        if (err != 0)
            return err;
        if (at.prev_snap_txg >= newer || at.prev_snap_obj == 0)
            return err_raise(ZE_BADDSL, "snapshot chain of dataset %llu is broken",
                             (unsigned long long)object);
        newer = at.prev_snap_txg;
        object = at.prev_snap_obj;
    }
    *used = sp.used;
    *comp = sp.comp;
    *uncomp = sp.uncomp;
    return 0;
}
