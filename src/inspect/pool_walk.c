/* SPDX-License-Identifier: MIT */
/*
 * The walk of pool_walk.h. Datasets are found by their dnodes in the MOS, so that those no
 * directory leads to any more (a damaged name, a temporary clone) are seen as well.
 */
#include "inspect/pool_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "disk/bpobj_phys.h"
#include "disk/zil_phys.h"
#include "dmu/bpobj.h"
#include "dmu/zap.h"

#define ZIL_BLOCKS_MAX (1u << 22) /* of one chain: more is a loop */

struct walker {
    struct pool *pool;
    pool_walk_fn fn;
    void *arg;
    enum pool_walk_kind kind;
    uint64_t dataset;
    bool zil; /* the dataset's log belongs to it */
    uint64_t *found;
    size_t nfound, cap;
};

static int show(struct walker *w, enum pool_walk_kind kind, const struct bookmark *zb,
                const struct blkptr *bp, int err)
{
    struct pool_walk_visit v = {.kind = kind, .zb = *zb, .bp = bp, .err = err};

    return w->fn(w->arg, &v);
}

/* Something other than a block cannot be read. */
static int show_error(struct walker *w, enum pool_walk_kind kind, uint64_t object, int err)
{
    struct bookmark zb = {0, object, TRAVERSE_LEVEL_DNODE, 0};

    return err == ZE_NOMEM || err == ZE_CANCELED ? err : show(w, kind, &zb, NULL, err);
}

/* ---- trees ---- */

static int note_dataset(struct walker *w, uint64_t object)
{
    if (w->nfound == w->cap) {
        size_t cap = w->cap == 0 ? 64 : w->cap * 2;
        uint64_t *more = realloc(w->found, cap * sizeof(*more));

        if (more == NULL)
            return err_raise(ZE_NOMEM, "list of datasets");
        w->found = more;
        w->cap = cap;
    }
    w->found[w->nfound++] = object;
    return 0;
}

static int visit(void *arg, const struct traverse_visit *tv)
{
    struct walker *w = arg;
    struct pool_walk_visit v = {.kind = w->kind, .zb = tv->zb, .bp = tv->bp, .dnode = tv->dnode};

    if (tv->event == TRAVERSE_DNODE) {
        bool dataset = w->kind == POOL_WALK_MOS && tv->dnode->bonustype == OBJTYPE_DSL_DATASET;

        return dataset ? note_dataset(w, tv->zb.object) : 0;
    }
    if (tv->event == TRAVERSE_ERROR) {
        if (tv->err == ZE_NOMEM)
            return tv->err;
        v.err = tv->err;
    }
    return w->fn(w->arg, &v);
}

static int walk_tree(struct walker *w, const struct traverse *base)
{
    struct traverse t = *base;

    if (bp_is_hole(&t.root))
        return 0;
    t.pool = &w->pool->zio;
    t.flags |= TRAVERSE_PRE | TRAVERSE_CONTINUE | TRAVERSE_RAW;
    t.prio = VDEV_PRIO_SCRUB;
    t.fn = visit;
    t.arg = w;
    w->dataset = t.dataset;
    return traverse_objset(&t);
}

/* ---- intent logs ---- */

struct zil_walk {
    struct walker *w;
    uint64_t claim_txg, first_txg; /* claim_txg 0: not claimed */
    uint64_t max_seq, max_lr, last_lr;
};

static int zil_record(struct zil_walk *z, const struct zil_chain_phys *chain, struct span rec,
                      bool *stop)
{
    const struct lr_head *head = (const void *)rec.data;
    const struct lr_write *lr = (const void *)rec.data;
    struct bookmark zb;

    if (head->seq > z->max_lr) {
        *stop = true;
        return 0;
    }
    z->last_lr = head->seq;
    if ((head->txtype & ~ZIL_CI) != ZIL_TX_WRITE || head->reclen < sizeof(*lr) ||
        rec.len < sizeof(*lr))
        return 0;
    if (z->claim_txg == 0 || bp_is_hole(&lr->blkptr) || bp_birth(&lr->blkptr) < z->claim_txg)
        return 0;
    zb = (struct bookmark){z->w->dataset, lr->foid, BOOKMARK_LEVEL_ZIL, lr->offset};
    if (bp_validate(&lr->blkptr) != 0)
        return show(z->w, POOL_WALK_ZIL, &zb, NULL, ZE_BADBP);
    return show(z->w, POOL_WALK_ZIL_DATA, &zb, &lr->blkptr, 0);
}

/* One block: *next is the following pointer, a hole at the end. */
static int zil_block(struct zil_walk *z, const struct blkptr *bp, void *buf, struct blkptr *next,
                     bool *readable)
{
    struct bookmark zb = {z->w->dataset, 0, BOOKMARK_LEVEL_ZIL, zil_bp_seq(bp)};
    struct zil_chain_phys *chain;
    struct span records, rec;
    size_t pos = 0;
    bool stop = false;
    int err;

    memset(next, 0, sizeof(*next));
    *readable = false;
    if (zio_read_run(&z->w->pool->zio, bp, &zb, VDEV_PRIO_SCRUB, ZIO_RAW | ZIO_SPECULATIVE, buf,
                     bp_psize(bp)) != 0 ||
        zil_block_load(buf, bp_psize(bp), bp_checksum(bp), bp_is_swapped(bp), &chain, &records) !=
            0)
        return 0;
    *readable = true;
    while ((err = zil_record_next(records, &pos, &rec)) == 0 && !stop) {
        err = zil_record(z, chain, rec, &stop);
        if (err != 0)
            return err;
    }
    if (stop || (err != ZE_NOENT && err != 0))
        return 0;
    if (zil_chain_follows(bp, &chain->next_blk) && bp_validate(&chain->next_blk) == 0)
        *next = chain->next_blk;
    return 0;
}

static int walk_zil(void *arg, const struct objset_phys *os)
{
    struct walker *w = arg;
    const struct zil_header_phys *zh = &os->zil_header;
    struct zil_walk z = {
        .w = w, .claim_txg = zh->claim_txg, .max_seq = UINT64_MAX, .max_lr = UINT64_MAX};
    struct blkptr bp = zh->log, next;
    AUTO_FREE void *buf = NULL;
    int err = 0;

    if (!w->zil || bp_is_hole(&bp) || bp_validate(&bp) != 0)
        return 0;
    if (z.claim_txg != 0) {
        z.max_seq = zh->claim_blk_seq;
        if (zh->flags & ZIL_FLAG_CLAIM_LR_SEQ_VALID)
            z.max_lr = zh->claim_lr_seq;
    }
    buf = malloc(BLOCK_MAX_SIZE);
    if (buf == NULL)
        return err_raise(ZE_NOMEM, "log block");
    for (unsigned n = 0; err == 0 && !bp_is_hole(&bp) && n < ZIL_BLOCKS_MAX; n++, bp = next) {
        struct bookmark zb = {w->dataset, 0, BOOKMARK_LEVEL_ZIL, zil_bp_seq(&bp)};
        bool readable;

        if (zil_bp_seq(&bp) > z.max_seq || bp_is_embedded(&bp))
            break;
        err = zil_block(&z, &bp, buf, &next, &readable);
        /* An unclaimed block of a txg that never became durable is not in the space maps. */
        if (err == 0 && (z.claim_txg != 0 || bp_birth(&bp) <= w->pool->ub.txg))
            err = show(w, readable ? POOL_WALK_ZIL : POOL_WALK_ZIL_TAIL, &zb, &bp, 0);
        if (zil_bp_seq(&bp) == z.max_seq && z.last_lr == z.max_lr)
            break;
    }
    return err;
}

/* ---- datasets ---- */

static int read_dataset(struct pool *pool, uint64_t object, struct dsl_dataset_phys *out)
{
    struct dnode *dn;
    int err = dnode_hold(pool->mos, object, &dn);
    struct span bonus;

    if (err != 0)
        return err;
    bonus = dnode_bonus(dn);
    memset(out, 0, sizeof(*out));
    memcpy(out, bonus.data, min_of(bonus.len, sizeof(*out)));
    err = dsl_dataset_phys_validate(out, bonus.len, object);
    dnode_rele(dn);
    return err;
}

/* The log of a head that did not change since its snapshot: the tree's walk does not get to it. */
static int walk_zil_alone(struct walker *w, const struct dsl_dataset_phys *ds, uint64_t object)
{
    struct objset *os;
    int err = objset_open(&w->pool->zio, object, &ds->bp, OBJSET_RAW, &os);

    if (err != 0)
        return 0; /* the snapshot's walk shows why */
    w->dataset = object;
    err = walk_zil(w, objset_phys(os));
    objset_close(os);
    return err;
}

static int walk_dataset(struct walker *w, uint64_t object)
{
    struct dsl_dataset_phys ds;
    struct traverse t = {.dataset = object, .zil = walk_zil};
    int err = read_dataset(w->pool, object, &ds);

    if (err != 0)
        return show_error(w, POOL_WALK_MOS, object, err);
    t.root = ds.bp;
    t.min_txg = ds.prev_snap_txg;
    w->kind = POOL_WALK_DATASET;
    w->zil = !dsl_dataset_phys_is_snapshot(&ds);
    if (w->zil && !bp_is_hole(&ds.bp) && bp_birth(&ds.bp) <= ds.prev_snap_txg)
        return walk_zil_alone(w, &ds, object);
    return walk_tree(w, &t);
}

/* ---- what is being freed ---- */

struct list_arg {
    struct walker *w;
    enum pool_walk_kind kind;
    uint64_t object;
    int stop;
};

static int show_entry(void *arg, const struct blkptr *bp, bool freed)
{
    struct list_arg *l = arg;
    struct bookmark zb = {0, l->object, BOOKMARK_LEVEL_ROOT, 0};

    if (bp_is_hole(bp) || bp_is_embedded(bp))
        return 0;
    return l->stop = show(l->w, l->kind, &zb, bp, 0);
}

static int walk_bpobj(struct walker *w, const char *key, enum pool_walk_kind kind)
{
    struct list_arg l = {.w = w, .kind = kind};
    struct bpobj *bpo;
    int err = pool_directory_u64(w->pool, key, &l.object);

    if (err == ZE_NOENT || (err == 0 && l.object == 0))
        return 0;
    err = err != 0 ? err : bpobj_open(w->pool->mos, l.object, &bpo);
    if (err != 0)
        return show_error(w, kind, l.object, err);
    err = bpobj_iterate(bpo, show_entry, &l);
    bpobj_close(bpo);
    if (l.stop != 0)
        return l.stop;
    return err == 0 ? 0 : show_error(w, kind, l.object, err);
}

static int walk_destroyed_tree(void *arg, const struct bptree_entry_phys *e)
{
    struct list_arg *l = arg;
    struct traverse t = {.root = e->bp, .min_txg = e->birth_txg};

    if (e->birth_txg == UINT64_MAX) /* done */
        return 0;
    t.resume = (struct bookmark){e->objset, e->object, e->level, e->blkid};
    t.dataset = e->objset;
    l->w->kind = POOL_WALK_DESTROYED;
    return l->stop = walk_tree(l->w, &t);
}

static int walk_bptree(struct walker *w)
{
    struct list_arg l = {.w = w};
    int err = pool_directory_u64(w->pool, "bptree_obj", &l.object);

    if (err == ZE_NOENT || (err == 0 && l.object == 0))
        return 0;
    err = err != 0 ? err : bptree_iterate(w->pool->mos, l.object, NULL, walk_destroyed_tree, &l);
    if (l.stop != 0)
        return l.stop;
    return err == 0 ? 0 : show_error(w, POOL_WALK_DESTROYED, l.object, err);
}

/* ---- livelists of destroyed clones ---- */

struct live_entry {
    struct dva dva;
    uint64_t order;
    bool freed;
};
struct live_list {
    struct live_entry *e;
    size_t n, cap;
};

static int live_add(void *arg, const struct blkptr *bp, bool freed)
{
    struct live_list *l = arg;

    if (bp_is_hole(bp) || bp_is_embedded(bp))
        return 0;
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 1024 : l->cap * 2;
        struct live_entry *more = realloc(l->e, cap * sizeof(*more));

        if (more == NULL)
            return err_raise(ZE_NOMEM, "livelist of %zu entries", cap);
        l->e = more;
        l->cap = cap;
    }
    l->e[l->n] = (struct live_entry){bp->dva[0], l->n, freed};
    l->n++;
    return 0;
}

static int live_compare(const void *a, const void *b)
{
    const struct live_entry *x = a, *y = b;
    uint64_t xv = dva_vdev(&x->dva), yv = dva_vdev(&y->dva);
    uint64_t xo = dva_offset(&x->dva), yo = dva_offset(&y->dva);

    if (xv != yv)
        return xv < yv ? -1 : 1;
    if (xo != yo)
        return xo < yo ? -1 : 1;
    return x->order > y->order ? -1 : x->order < y->order; /* newest first */
}

/* Mark what survives (format/dsl.md 6.5): alive[order]. */
static void live_cancel(struct live_list *l, uint8_t *alive)
{
    uint64_t frees = 0;

    if (l->n > 1)
        qsort(l->e, l->n, sizeof(*l->e), live_compare);
    for (size_t i = 0; i < l->n; i++) {
        const struct live_entry *e = &l->e[i], *prev = i > 0 ? &l->e[i - 1] : NULL;

        if (prev == NULL || dva_vdev(&prev->dva) != dva_vdev(&e->dva) ||
            dva_offset(&prev->dva) != dva_offset(&e->dva))
            frees = 0;
        if (e->freed)
            frees++;
        else if (frees > 0)
            frees--;
        else
            alive[e->order] = 1;
    }
}

struct live_show {
    struct list_arg l;
    const uint8_t *alive;
    size_t at;
};

static int live_show(void *arg, const struct blkptr *bp, bool freed)
{
    struct live_show *s = arg;

    if (bp_is_hole(bp) || bp_is_embedded(bp) || !s->alive[s->at++])
        return 0;
    return show_entry(&s->l, bp, freed);
}

static int walk_sublist(struct walker *w, uint64_t object)
{
    struct live_show s = {.l = {.w = w, .kind = POOL_WALK_LIVELIST, .object = object}};
    struct live_list list = {0};
    uint8_t *alive AUTO_FREE = NULL;
    struct bpobj *bpo;
    int err = bpobj_open(w->pool->mos, object, &bpo);

    if (err != 0)
        return show_error(w, POOL_WALK_LIVELIST, object, err);
    err = bpobj_iterate(bpo, live_add, &list);
    if (err == 0 && (alive = mem_calloc(list.n + 1, 1)) == NULL)
        err = err_raise(ZE_NOMEM, "livelist");
    if (err == 0) {
        live_cancel(&list, alive);
        s.alive = alive;
        err = bpobj_iterate(bpo, live_show, &s);
    }
    bpobj_close(bpo);
    free(list.e);
    if (s.l.stop != 0)
        return s.l.stop;
    return err == 0 ? 0 : show_error(w, POOL_WALK_LIVELIST, object, err);
}

/* Calls fn with the first integer of every entry of a ZAP. */
static int zap_values(struct walker *w, uint64_t object,
                      int (*fn)(struct walker *w, uint64_t value))
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err = e == NULL ? err_raise(ZE_NOMEM, "zap") : zap_open(w->pool->mos, object, &zap);

    if (err != 0)
        return show_error(w, POOL_WALK_LIVELIST, object, err);
    zap_cursor_init(&c, zap);
    int rc = 0;
    while (rc == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        if (e->integer_size == 8 && e->count == 1)
            rc = fn(w, e->first);
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    if (rc != 0)
        return rc;
    return err == ZE_NOENT ? 0 : show_error(w, POOL_WALK_LIVELIST, object, err);
}

static int walk_livelist(struct walker *w, uint64_t object)
{
    return zap_values(w, object, walk_sublist);
}

static int walk_livelists(struct walker *w)
{
    uint64_t object;
    int err = pool_directory_u64(w->pool, "com.delphix:deleted_clones", &object);

    if (err == ZE_NOENT)
        return 0;
    if (err != 0)
        return show_error(w, POOL_WALK_LIVELIST, 0, err);
    return zap_values(w, object, walk_livelist);
}

int pool_walk(struct pool *pool, pool_walk_fn fn, void *arg)
{
    struct walker w = {.pool = pool, .fn = fn, .arg = arg, .kind = POOL_WALK_MOS};
    struct traverse t = {.root = pool->ub.rootbp, .flags = TRAVERSE_DNODES};
    int err = walk_bpobj(&w, "sync_bplist", POOL_WALK_DEFERRED);

    err = err != 0 ? err : walk_bpobj(&w, "free_bpobj", POOL_WALK_FREEING);
    err = err != 0 ? err : walk_bptree(&w);
    err = err != 0 ? err : walk_livelists(&w);
    w.kind = POOL_WALK_MOS;
    err = err != 0 ? err : walk_tree(&w, &t);
    for (size_t i = 0; err == 0 && i < w.nfound; i++)
        err = walk_dataset(&w, w.found[i]);
    free(w.found);
    return err;
}
