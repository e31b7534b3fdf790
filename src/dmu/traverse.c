/* SPDX-License-Identifier: MIT */
/*
 * The walk of traverse.h. One struct walk lives on the stack of the caller; recursion is bounded by
 * the levels of the meta-dnode plus those of one object, whatever the block pointers say, since a
 * pointer of another level than its place asks for is refused.
 *
 * Reading ahead: while child i of an indirect block is visited, its followers up to a window are on
 * their way. Format: dmu.md 2.6-2.8, 6.2, 6.4, 8.1.
 */
#include "dmu/traverse.h"

#include "base/mem.h"
#include "dmu/dmu_impl.h"

#define WINDOW_BLOCKS 32u
#define WINDOW_BYTES  (16u << 20)

struct walk {
    const struct traverse *t;
    struct objset_phys *objset; /* NULL when walking a single dnode */
    unsigned meta_indblkshift;
    bool resuming; /* something before t->resume may still be ahead */
    bool encrypted;
};

/* What the blocks being visited belong to. */
struct owner {
    const struct dnode_phys *dn;
    uint64_t object;
};

struct content {
    struct arc_buf *arc;
    void *copy;
    const void *data;
    size_t size;
};

static void content_release(struct content *c)
{
    if (c->arc != NULL)
        arc_release(c->arc);
    free(c->copy);
    *c = (struct content){0};
}

/* ---- positions ---- */

struct position {
    uint64_t object, l0, level;
};

#define META_LEVEL_BASE 0x80000000u

static uint64_t shift_left_saturating(uint64_t v, uint64_t shift)
{
    if (v == 0)
        return 0;
    return shift >= 64 || v > UINT64_MAX >> shift ? UINT64_MAX : v << shift;
}

static struct position position_of(const struct bookmark *zb, unsigned indblkshift)
{
    unsigned epbs = indblkshift < BLKPTR_SHIFT ? 0 : indblkshift - BLKPTR_SHIFT;
    /* A dnode comes before all blocks of its object, the root before everything. */
    if (zb->level == TRAVERSE_LEVEL_DNODE)
        return (struct position){zb->object, 0, META_LEVEL_BASE - 1};
    if (zb->level < 0)
        return (struct position){0, 0, UINT64_MAX};
    uint64_t l0 = shift_left_saturating(zb->blkid, (uint64_t)zb->level * epbs);
    if (zb->object != OBJSET_OBJECT_META)
        return (struct position){zb->object, l0, (uint64_t)zb->level};
    uint64_t object = shift_left_saturating(l0, DNODE_BLOCK_SHIFT - DNODE_SLOT_SHIFT);
    return (struct position){object, 0, (uint64_t)zb->level + META_LEVEL_BASE};
}

static int position_compare(const struct position *a, const struct position *b)
{
    if (a->object != b->object)
        return a->object < b->object ? -1 : 1;
    if (a->l0 != b->l0)
        return a->l0 < b->l0 ? -1 : 1;
    return a->level == b->level ? 0 : a->level > b->level ? -1 : 1;
}

int traverse_bookmark_compare(const struct bookmark *a, unsigned a_indblkshift,
                              const struct bookmark *b, unsigned b_indblkshift)
{
    /* Only the intent log has several bookmarks of one negative level. */
    if (a->level == BOOKMARK_LEVEL_ZIL && b->level == BOOKMARK_LEVEL_ZIL)
        return a->blkid == b->blkid ? 0 : a->blkid < b->blkid ? -1 : 1;
    if (a->level != b->level && a->level < 0 && b->level < 0 && a->level != TRAVERSE_LEVEL_DNODE &&
        b->level != TRAVERSE_LEVEL_DNODE)
        return a->level > b->level ? -1 : 1;
    struct position pa = position_of(a, a_indblkshift), pb = position_of(b, b_indblkshift);
    return position_compare(&pa, &pb);
}

enum resume_side { RESUME_ALL_BEFORE, RESUME_INSIDE, RESUME_REACHED };

/* Where the subtree of zb lies, seen from the point to resume at. */
static enum resume_side walk_resume(struct walk *w, const struct bookmark *zb, unsigned indblkshift)
{
    if (!w->resuming)
        return RESUME_REACHED;
    const struct bookmark *r = &w->t->resume;
    /* The object of the resume point decides its shape; blocks of other objects compare by object.
     */
    unsigned r_shift = r->object == OBJSET_OBJECT_META ? w->meta_indblkshift : indblkshift;
    struct position here = position_of(zb, indblkshift), want = position_of(r, r_shift);
    if (position_compare(&here, &want) >= 0) {
        w->resuming = false;
        return RESUME_REACHED;
    }
    if (zb->level < 0)
        return RESUME_INSIDE;
    struct bookmark after = *zb; /* first bookmark of the same level behind the subtree */
    after.blkid++;
    struct position end = position_of(&after, indblkshift);
    if (zb->object == OBJSET_OBJECT_META)
        return end.object <= want.object ? RESUME_ALL_BEFORE : RESUME_INSIDE;
    if (zb->object != want.object)
        return RESUME_ALL_BEFORE;
    return end.l0 <= want.l0 ? RESUME_ALL_BEFORE : RESUME_INSIDE;
}

/* ---- visits ---- */

static struct traverse_visit visit_of(const struct walk *w, enum traverse_event event,
                                      const struct owner *o, const struct bookmark *zb,
                                      const struct blkptr *bp)
{
    return (struct traverse_visit){.event = event,
                                   .zb = *zb,
                                   .bp = bp,
                                   .dnode = o != NULL ? o->dn : NULL,
                                   .objset = w->objset};
}

/* An error at zb: shown and forgotten, or the end of the walk. */
static int walk_error(struct walk *w, const struct owner *o, const struct bookmark *zb,
                      const struct blkptr *bp, int err)
{
    if (!(w->t->flags & TRAVERSE_CONTINUE))
        return err;
    struct traverse_visit v = visit_of(w, TRAVERSE_ERROR, o, zb, bp);
    v.err = err;
    int rc = w->t->fn(w->t->arg, &v);
    return rc == TRAVERSE_SKIP ? 0 : rc;
}

static uint64_t walk_birth(const struct walk *w, const struct blkptr *bp)
{
    return w->t->flags & TRAVERSE_LOGICAL_BIRTH ? bp->birth : bp_birth(bp);
}

/* Is there anything to show or to find at this pointer? */
static bool walk_wants(const struct walk *w, const struct blkptr *bp)
{
    unsigned flags = w->t->flags;
    if (bp_is_hole(bp)) {
        if (walk_birth(w, bp) == 0)
            return (flags & TRAVERSE_UNBORN_HOLES) != 0;
        return (flags & TRAVERSE_HOLES) && walk_birth(w, bp) > w->t->min_txg;
    }
    return walk_birth(w, bp) > w->t->min_txg;
}

static int pointer_check(const struct walk *w, const struct owner *o, unsigned level,
                         const struct blkptr *bp, uint64_t blkid)
{
    int err = bp_validate(bp);
    if (err != 0)
        return err;
    bool spill = blkid == BOOKMARK_BLKID_SPILL;
    bool inner = level > 0 || o->dn->type == OBJTYPE_DNODE;
    uint64_t want = level > 0 ? (uint64_t)1 << o->dn->indblkshift : dnode_phys_blksz(o->dn);
    if (bp_level(bp) != level)
        return err_raise(ZE_BADBP, "level %u where level %u belongs", bp_level(bp), level);
    if (inner && (bp_is_embedded(bp) || (!spill && bp_lsize(bp) != want)))
        return err_raise(ZE_BADBP, "block of %llu bytes where %llu belong",
                         (unsigned long long)bp_lsize(bp), (unsigned long long)want);
    if (w->encrypted && !bp_uses_crypt(bp))
        return err_raise(ZE_AUTH, "block is not protected");
    return 0;
}

static int content_read(struct walk *w, const struct owner *o, const struct bookmark *zb,
                        const struct blkptr *bp, struct content *c)
{
    unsigned level = bp_level(bp), flags = 0;
    if ((w->t->flags & TRAVERSE_RAW) && level == 0 && bp_uses_crypt(bp) &&
        bp_compress(bp) == COMPRESS_OFF && bp_psize(bp) == bp_lsize(bp))
        flags = ZIO_RAW;
    int err = arc_read(w->t->pool, bp, zb, w->t->prio, flags, &c->arc);
    if (err != 0)
        return err;
    c->size = c->arc->size;
    err = dbuf_decode(bp, level, o->dn->type, c->arc, c->size, &c->copy, &c->data);
    if (err != 0)
        content_release(c);
    return err;
}

/* ---- reading ahead ---- */

struct window {
    struct walk *w;
    const struct blkptr *bps;
    uint64_t n, asked;
    uint64_t max; /* pointers to stay ahead */
    struct bookmark zb;
    bool useful;
};

static void window_init(struct window *win, struct walk *w, const struct owner *o, unsigned level,
                        uint64_t base, const struct blkptr *bps, uint64_t n)
{
    bool inner = level > 0 || o->dn->type == OBJTYPE_DNODE;
    uint64_t size = level > 0 ? (uint64_t)1 << o->dn->indblkshift : dnode_phys_blksz(o->dn);
    uint64_t blocks = max_of((uint64_t)1, WINDOW_BYTES / size);
    *win = (struct window){.w = w, .bps = bps, .n = n};
    win->max = min_of(blocks, (uint64_t)WINDOW_BLOCKS);
    win->zb = (struct bookmark){w->t->dataset, o->object, (int64_t)level, base};
    win->useful = w->t->pool->arc != NULL && level >= w->t->min_level &&
                  (inner || (w->t->flags & TRAVERSE_PREFETCH_DATA));
}

static void window_advance(struct window *win, uint64_t i)
{
    if (!win->useful || win->w->resuming)
        return;
    for (win->asked = max_of(win->asked, i + 1); win->asked < win->n && win->asked <= i + win->max;
         win->asked++) {
        const struct blkptr *bp = &win->bps[win->asked];
        if (bp_is_hole(bp) || bp_is_embedded(bp) || !walk_wants(win->w, bp) || bp_validate(bp) != 0)
            continue;
        struct bookmark zb = win->zb;
        zb.blkid += win->asked;
        arc_prefetch(win->w->t->pool, bp, &zb);
    }
}

/* ---- the tree ---- */

static int walk_block(struct walk *w, const struct owner *o, const struct bookmark *zb,
                      const struct blkptr *bp);
static int walk_object(struct walk *w, const struct owner *o, bool swapped);

/* n pointers to blocks base, base + 1, ... of one level. */
static int walk_pointers(struct walk *w, const struct owner *o, unsigned level, uint64_t base,
                         const struct blkptr *bps, uint64_t n)
{
    struct window win;
    window_init(&win, w, o, level, base, bps, n);
    uint64_t last = dnode_phys_level_blkid(o->dn, level, o->dn->maxblkid);
    int err = 0;
    for (uint64_t i = 0; err == 0 && i < n; i++) {
        /* Holes behind the last block are not part of the object. */
        if (base + i > last && bp_is_hole(&bps[i]))
            continue;
        struct bookmark zb = {w->t->dataset, o->object, (int64_t)level, base + i};
        window_advance(&win, i);
        err = walk_block(w, o, &zb, &bps[i]);
    }
    return err;
}

static int walk_dnode_block(struct walk *w, const struct bookmark *zb, const struct blkptr *bp,
                            const struct content *c)
{
    unsigned nslots = (unsigned)(c->size >> DNODE_SLOT_SHIFT);
    uint64_t first = zb->blkid * DNODE_SLOTS_PER_BLOCK;
    for (unsigned slot = 0; slot < nslots;) {
        const struct dnode_phys *dn =
            (const struct dnode_phys *)(const void *)((const uint8_t *)c->data +
                                                      slot * DNODE_SLOT_SIZE);
        if (dn->type == OBJTYPE_NONE) {
            slot++;
            continue;
        }
        struct owner o = {dn, first + slot};
        int err = dnode_phys_validate(dn, nslots - slot, o.object);
        if (err != 0) {
            struct bookmark dzb = {w->t->dataset, o.object, TRAVERSE_LEVEL_DNODE, 0};
            struct owner none = {NULL, o.object};
            err = walk_error(w, &none, &dzb, bp, err);
        } else {
            err = walk_object(w, &o, bp_is_swapped(bp));
        }
        if (err != 0)
            return err;
        slot += dnode_phys_slots(dn);
    }
    return 0;
}

/* What hangs below a block that was read. */
static int walk_content(struct walk *w, const struct owner *o, const struct bookmark *zb,
                        const struct blkptr *bp, const struct content *c)
{
    if (zb->level == 0)
        return walk_dnode_block(w, zb, bp, c);
    unsigned epbs = dnode_phys_epbs(o->dn);
    return walk_pointers(w, o, (unsigned)zb->level - 1, zb->blkid << epbs, c->data,
                         c->size >> BLKPTR_SHIFT);
}

static int walk_block(struct walk *w, const struct owner *o, const struct bookmark *zb,
                      const struct blkptr *bp)
{
    const struct traverse *t = w->t;
    if (!walk_wants(w, bp) || zb->level < (int64_t)t->min_level)
        return 0;
    enum resume_side side = walk_resume(w, zb, o->dn->indblkshift);
    if (side == RESUME_ALL_BEFORE)
        return 0;
    bool spill = zb->blkid == BOOKMARK_BLKID_SPILL;
    bool inner = !bp_is_hole(bp) && !spill && (zb->level > 0 || o->dn->type == OBJTYPE_DNODE);
    int err = bp_is_hole(bp) ? 0 : pointer_check(w, o, (unsigned)zb->level, bp, zb->blkid);
    if (err != 0)
        return walk_error(w, o, zb, bp, err);
    struct traverse_visit v = visit_of(w, TRAVERSE_BLOCK, o, zb, bp);
    if ((t->flags & TRAVERSE_PRE) && side == RESUME_REACHED && (err = t->fn(t->arg, &v)) != 0)
        return err == TRAVERSE_SKIP ? 0 : err;
    struct content c = {0};
    if (inner) {
        err = content_read(w, o, zb, bp, &c);
        if (err != 0)
            return walk_error(w, o, zb, bp, err);
        err = walk_content(w, o, zb, bp, &c);
    }
    if (err == 0 && (t->flags & TRAVERSE_POST)) {
        v.event = TRAVERSE_BLOCK_DONE;
        v.data = c.data;
        v.size = c.size;
        err = t->fn(t->arg, &v);
        err = err == TRAVERSE_SKIP ? 0 : err;
    }
    content_release(&c);
    return err;
}

static int walk_object(struct walk *w, const struct owner *o, bool swapped)
{
    const struct traverse *t = w->t;
    if (w->resuming && o->object < t->resume.object && o->object != OBJSET_OBJECT_META)
        return 0;
    if ((t->flags & TRAVERSE_DNODES) && o->object != OBJSET_OBJECT_META) {
        struct bookmark zb = {t->dataset, o->object, TRAVERSE_LEVEL_DNODE, 0};
        if (walk_resume(w, &zb, o->dn->indblkshift) == RESUME_REACHED) {
            struct traverse_visit v = visit_of(w, TRAVERSE_DNODE, o, &zb, NULL);
            v.swapped = swapped;
            int rc = t->fn(t->arg, &v);
            if (rc != 0)
                return rc == TRAVERSE_SKIP ? 0 : rc;
        }
    }
    int err = walk_pointers(w, o, o->dn->nlevels - 1u, 0, o->dn->blkptr, o->dn->nblkptr);
    const struct blkptr *spill = dnode_phys_spill(o->dn);
    if (err == 0 && spill != NULL) {
        struct bookmark zb = {t->dataset, o->object, 0, BOOKMARK_BLKID_SPILL};
        err = walk_block(w, o, &zb, spill);
    }
    return err;
}

/* ---- entry points ---- */

static bool bookmark_is_zero(const struct bookmark *zb)
{
    return zb->objset == 0 && zb->object == 0 && zb->level == 0 && zb->blkid == 0;
}

static int root_load(struct walk *w, const struct bookmark *zb)
{
    const struct traverse *t = w->t;
    const struct blkptr *bp = &t->root;
    int err = bp_validate(bp);
    if (err != 0)
        return err;
    if (bp_is_embedded(bp) || bp_level(bp) != 0 || bp_type(bp) != OBJTYPE_OBJSET ||
        !objset_phys_size_ok(bp_lsize(bp)))
        return err_raise(ZE_BADOBJSET, "dataset %llu: not a root pointer",
                         (unsigned long long)t->dataset);
    bool raw = (t->flags & TRAVERSE_RAW) && bp_uses_crypt(bp) && bp_compress(bp) == COMPRESS_OFF;
    struct arc_buf *arc;
    err = arc_read(t->pool, bp, zb, t->prio, raw ? ZIO_RAW : 0, &arc);
    if (err != 0)
        return err;
    err = objset_phys_load(w->objset, arc->data, arc->size, bp_is_swapped(bp));
    arc_release(arc);
    w->meta_indblkshift = w->objset->meta_dnode.indblkshift;
    w->encrypted = bp_uses_crypt(bp);
    return err;
}

static int walk_special(struct walk *w, uint64_t object)
{
    const struct dnode_phys *dn = objset_phys_special(w->objset, object);
    if (dn == NULL || dn->type == OBJTYPE_NONE)
        return 0;
    struct owner o = {dn, object};
    int err = dnode_phys_validate(dn, 1, object);
    if (err == 0 && object == OBJSET_OBJECT_META &&
        (dn->type != OBJTYPE_DNODE || dnode_phys_blksz(dn) != DNODE_BLOCK_SIZE))
        err =
            err_raise(ZE_BADOBJSET, "dataset %llu: meta-dnode", (unsigned long long)w->t->dataset);
    if (err == 0)
        return walk_object(w, &o, bp_is_swapped(&w->t->root));
    struct bookmark zb = {w->t->dataset, object, TRAVERSE_LEVEL_DNODE, 0};
    struct owner none = {NULL, object};
    return walk_error(w, &none, &zb, &w->t->root, err);
}

/* Everything below the root, in the order of bookmarks: the accounting objects have the highest
 * numbers. */
static int walk_objset(struct walk *w)
{
    static const uint64_t order[] = {OBJSET_OBJECT_META, OBJSET_OBJECT_PROJECTUSED,
                                     OBJSET_OBJECT_GROUPUSED, OBJSET_OBJECT_USERUSED};
    int err = 0;
    if (w->t->zil != NULL && !w->resuming)
        err = w->t->zil(w->t->arg, w->objset);
    for (unsigned i = 0; err == 0 && i < array_len(order); i++)
        err = walk_special(w, order[i]);
    return err;
}

int traverse_objset(const struct traverse *t)
{
    struct objset_phys *objset AUTO_FREE = mem_zalloc(sizeof(*objset));
    if (objset == NULL)
        return err_raise(ZE_NOMEM, "object set");
    struct walk w = {.t = t, .objset = objset, .resuming = !bookmark_is_zero(&t->resume)};
    struct bookmark zb = {t->dataset, 0, BOOKMARK_LEVEL_ROOT, 0};
    if (bp_is_hole(&t->root) || !walk_wants(&w, &t->root))
        return 0;
    int err = root_load(&w, &zb);
    if (err != 0)
        return walk_error(&w, NULL, &zb, &t->root, err);
    struct traverse_visit v = visit_of(&w, TRAVERSE_BLOCK, NULL, &zb, &t->root);
    if ((t->flags & TRAVERSE_PRE) && !w.resuming)
        err = t->fn(t->arg, &v);
    if (err != 0)
        return err == TRAVERSE_SKIP ? 0 : err;
    err = walk_objset(&w);
    if (err == 0 && (t->flags & TRAVERSE_POST)) {
        v.event = TRAVERSE_BLOCK_DONE;
        v.data = objset;
        v.size = bp_lsize(&t->root);
        err = t->fn(t->arg, &v);
    }
    return err == TRAVERSE_SKIP ? 0 : err;
}

int traverse_dnode(const struct traverse *t, uint64_t object, const struct dnode_phys *dn)
{
    struct walk w = {.t = t, .resuming = !bookmark_is_zero(&t->resume)};
    w.meta_indblkshift = dn->indblkshift;
    struct owner o = {dn, object};
    return walk_object(&w, &o, false);
}
