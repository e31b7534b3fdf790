/* SPDX-License-Identifier: MIT */
#include "inspect/diff.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/traverse.h"
#include "zpl/zpl.h"

#define MASTER_NODE   1
#define MAX_ANCESTORS 100000 /* snapshots on a line */
#define DIFF_PATH_MAX 8192
#define DNODE_SHIFT   9
#define BP_SHIFT      7

struct file_state {
    bool exists;
    struct zpl_attr attr;
    char path[DIFF_PATH_MAX];
};
struct differ {
    struct zpl *from_fs, *to_fs;
    struct objset *from_os, *to_os;
    uint64_t from_shares, to_shares;
    uint64_t next; /* objects below are done */
    struct file_state from, to;
    int (*fn)(void *arg, const struct diff_change *change);
    void *arg;
};

/* ---- one object ---- */

static bool is_file_object(struct objset *os, uint64_t object)
{
    struct dnode *dn;
    bool is;

    if (dnode_hold(os, object, &dn) != 0)
        return false;
    is = dnode_phys(dn)->bonustype == OBJTYPE_SA || dnode_phys(dn)->bonustype == OBJTYPE_ZNODE;
    dnode_rele(dn);
    return is;
}

/* State in one of the two; what is no file there, or unlinked but open, does not exist. */
static int state_of(struct zpl *z, struct objset *os, uint64_t shares, uint64_t object,
                    struct file_state *s)
{
    struct zpl_node *n;
    int err;

    s->exists = false;
    if (object == shares || !is_file_object(os, object))
        return 0;
    err = zpl_get(z, object, 0, &n);
    if (err == 0) {
        err = zpl_getattr(n, &s->attr);
        zpl_node_rele(n);
    }
    if (err == 0)
        err = zpl_object_path(z, object, s->path, sizeof(s->path));
    if (err == ZE_NOENT || err == ZE_STALE)
        return 0;
    s->exists = err == 0;
    return err;
}

static int tell(struct differ *d, char kind, const struct file_state *s, const char *newpath,
                int64_t links)
{
    struct diff_change c = {kind, s->path, newpath, s->attr.mode, s->attr.ctime, links};

    if (newpath != NULL)
        c.ctime = d->to.attr.ctime;
    return d->fn(d->arg, &c);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int compare(struct differ *d)
{
    const struct zpl_attr *f = &d->from.attr, *t = &d->to.attr;
    int64_t links = 0;
    int err;

    if (f->generation != t->generation || (f->mode & 0170000) != (t->mode & 0170000)) {
        err = tell(d, '-', &d->from, NULL, 0); /* the number was used again */
        return err != 0 ? err : tell(d, '+', &d->to, NULL, 0);
    }
    if (same_time(&f->ctime, &t->ctime))
        return 0;
    if ((f->mode & 0170000) != 0040000 && f->nlink != 0 && t->nlink != 0)
        links = (int64_t)t->nlink - (int64_t)f->nlink;
    if (links > 0) { /* a name that was there before, with the state of now */
        strcpy(d->to.path, d->from.path);
        return tell(d, 'M', &d->to, NULL, links);
    }
    if (links != 0 || strcmp(d->from.path, d->to.path) == 0)
        return tell(d, 'M', &d->to, NULL, links);
    return tell(d, 'R', &d->from, d->to.path, 0);
}

static int diff_object(struct differ *d, uint64_t object)
{
    int err = state_of(d->from_fs, d->from_os, d->from_shares, object, &d->from);

    err = err != 0 ? err : state_of(d->to_fs, d->to_os, d->to_shares, object, &d->to);
    if (err != 0)
        return err_context(err, "object %llu: ", (unsigned long long)object);
    if (d->from.exists && d->to.exists)
        return compare(d);
    if (d->from.exists)
        return tell(d, '-', &d->from, NULL, 0);
    return d->to.exists ? tell(d, '+', &d->to, NULL, 0) : 0;
}

/* Every object in [first, end) that is allocated on either side. */
static int diff_range(struct differ *d, uint64_t first, uint64_t end)
{
    uint64_t from = first > 0 ? first - 1 : 0, to = from;
    int from_err = objset_next_object(d->from_os, &from),
        to_err = objset_next_object(d->to_os, &to);

    for (;;) {
        bool from_in = from_err == 0 && from < end, to_in = to_err == 0 && to < end;
        uint64_t object = from_in && (!to_in || from <= to) ? from : to;
        int err;

        if (!from_in && !to_in)
            break;
        err = diff_object(d, object);
        if (err != 0)
            return err;
        if (from_in && from == object)
            from_err = objset_next_object(d->from_os, &from);
        if (to_in && to == object)
            to_err = objset_next_object(d->to_os, &to);
    }
    if (from_err != 0 && from_err != ZE_NOENT)
        return from_err;
    return to_err != 0 && to_err != ZE_NOENT ? to_err : 0;
}

/* ---- which objects may have changed ---- */

/* Blocks of the meta-dnode that are new, and holes in it: only these hold changed dnodes. */
static int visit(void *arg, const struct traverse_visit *v)
{
    struct differ *d = arg;
    unsigned shift;
    uint64_t per, first, end;
    int err;

    if (v->event == TRAVERSE_ERROR)
        return v->err;
    if (v->event == TRAVERSE_DNODE || v->dnode == NULL)
        return v->event == TRAVERSE_DNODE ? TRAVERSE_SKIP : 0;
    if (v->zb.object != 0)
        return TRAVERSE_SKIP;
    if (v->zb.level > 0 && !bp_is_hole(v->bp))
        return 0;
    shift = (unsigned)v->zb.level * (unsigned)(v->dnode->indblkshift - BP_SHIFT);
    per = (uint64_t)v->dnode->datablkszsec << (9 - DNODE_SHIFT);
    if (shift >= 48 || v->zb.blkid >= (UINT64_C(1) << 48 >> shift))
        return TRAVERSE_SKIP;
    first = (v->zb.blkid << shift) * per;
    end = ((v->zb.blkid + 1) << shift) * per;
    first = max_of(first, d->next);
    if (first >= end)
        return TRAVERSE_SKIP;
    d->next = end;
    err = diff_range(d, first, end);
    return err != 0 ? err : TRAVERSE_SKIP;
}

/* from must lie on the line of snapshots behind to, also across the origin of a clone. */
static int check_line(struct dsl_dataset *from, struct dsl_dataset *to)
{
    struct dsl_pool *dp = dsl_dataset_pool(to);
    uint64_t want = dsl_dataset_object(from), at = dsl_dataset_phys(to)->prev_snap_obj;
    uint64_t txg = dsl_dataset_phys(from)->creation_txg;

    for (unsigned i = 0; at != 0 && i < MAX_ANCESTORS; i++) {
        struct dsl_dataset *ds;
        int err;

        if (at == want)
            return 0;
        err = dsl_dataset_hold_object(dp, at, &ds);
        if (err != 0)
            return err;
        at = dsl_dataset_phys(ds)->creation_txg < txg ? 0 : dsl_dataset_phys(ds)->prev_snap_obj;
        dsl_dataset_rele(ds);
    }
    return err_raise(ZE_RANGE, "not an earlier snapshot of the same file system");
}

static int walk(struct differ *d, struct pool *pool, struct dsl_dataset *from,
                struct dsl_dataset *to)
{
    struct traverse t = {
        .pool = &pool->zio,
        .dataset = dsl_dataset_object(to),
        .root = *objset_root(d->to_os),
        .flags = TRAVERSE_PRE | TRAVERSE_DNODES | TRAVERSE_HOLES | TRAVERSE_UNBORN_HOLES,
        .prio = VDEV_PRIO_ASYNC_READ,
        .min_txg = dsl_dataset_phys(from)->creation_txg,
        .fn = visit,
        .arg = d,
    };
    int err = bp_is_hole(&t.root) ? 0 : traverse_objset(&t);

    /* What lies behind the end of to's object numbers is gone altogether. */
    return err != 0 ? err : diff_range(d, d->next, UINT64_MAX);
}

int diff_datasets(struct pool *pool, struct dsl_dataset *from, struct dsl_dataset *to,
                  int (*fn)(void *arg, const struct diff_change *change), void *arg)
{
    struct differ *d AUTO_FREE = mem_zalloc(sizeof(*d));
    int err = d == NULL ? ZE_NOMEM : check_line(from, to);

    if (err != 0)
        return err;
    d->fn = fn;
    d->arg = arg;
    err = zpl_mount(from, 0, &d->from_fs);
    err = err != 0 ? err : zpl_mount(to, 0, &d->to_fs);
    err = err != 0 ? err : dsl_dataset_objset(from, &d->from_os);
    err = err != 0 ? err : dsl_dataset_objset(to, &d->to_os);
    if (err == 0) {
        (void)zap_get_u64(d->from_os, MASTER_NODE, "SHARES", &d->from_shares);
        (void)zap_get_u64(d->to_os, MASTER_NODE, "SHARES", &d->to_shares);
        err = walk(d, pool, from, to);
    }
    if (d->to_fs != NULL)
        zpl_unmount(d->to_fs);
    if (d->from_fs != NULL)
        zpl_unmount(d->from_fs);
    return err;
}
