/* SPDX-License-Identifier: MIT */
/*
 * bpobj.h: headers of all ages, entries, sub-objects. Sub-objects form a tree in which every object
 * has one parent, so an object met twice is damage; that also bounds the walk, which keeps its own
 * stack. Format: dmu.md 10.
 */
#include "dmu/bpobj.h"

#include "base/mem.h"
#include "dmu/dmu_impl.h"

#define CHUNK_BPS     1024u
#define CHUNK_SUBOBJS 1024u

struct bpobj {
    struct bpobj_source *src;
    struct bpobj_source mos_src; /* src of one in the MOS */
    struct objset *mos;
    uint64_t object;
    size_t bonus_len;
    struct bpobj_phys phys;
};

/* ---- sources ---- */

static int mos_info(struct bpobj_source *src, uint64_t object, struct bpobj_object *out)
{
    struct bpobj *bpo = container_of(src, struct bpobj, mos_src);
    struct dnode *dn;
    int err = dnode_hold(bpo->mos, object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    *out = (struct bpobj_object){.type = dnode_phys(dn)->type,
                                 .bonustype = dnode_phys(dn)->bonustype,
                                 .size = dnode_size(dn),
                                 .bonus_len = bonus.len};
    if (bonus.len > 0)
        memcpy(out->bonus, bonus.data, min_of(bonus.len, sizeof(out->bonus)));
    dnode_rele(dn);
    return 0;
}

static int mos_read(struct bpobj_source *src, uint64_t object, uint64_t off, void *buf,
                    uint64_t len)
{
    struct bpobj *bpo = container_of(src, struct bpobj, mos_src);
    return dmu_read_object(bpo->mos, object, off, buf, len);
}

static int bpobj_load(struct bpobj *bpo)
{
    struct bpobj_object o;
    int err = bpo->src->info(bpo->src, bpo->object, &o);
    if (err != 0)
        return err;
    if (o.type != OBJTYPE_BPOBJ || o.bonustype != OBJTYPE_BPOBJ_HEADER)
        return err_raise(ZE_BADOBJ, "object %llu of type %u, bonus type %u is no bpobj",
                         (unsigned long long)bpo->object, o.type, o.bonustype);
    bpo->bonus_len = min_of(o.bonus_len, sizeof(o.bonus));
    return bpobj_phys_load(&bpo->phys, o.bonus, bpo->bonus_len, o.size, bpo->object);
}

static struct bpobj *bpobj_alloc(uint64_t object)
{
    struct bpobj *bpo = mem_zalloc(sizeof(*bpo));
    if (bpo != NULL)
        bpo->object = object;
    return bpo;
}

static int bpobj_finish_open(struct bpobj *bpo, struct bpobj **out)
{
    int err = bpobj_load(bpo);
    if (err != 0) {
        free(bpo);
        return err;
    }
    *out = bpo;
    return 0;
}

int bpobj_open(struct objset *mos, uint64_t object, struct bpobj **out)
{
    *out = NULL;
    struct bpobj *bpo = bpobj_alloc(object);
    if (bpo == NULL)
        return err_raise(ZE_NOMEM, "bpobj");
    bpo->mos = mos;
    bpo->mos_src = (struct bpobj_source){mos_info, mos_read};
    bpo->src = &bpo->mos_src;
    return bpobj_finish_open(bpo, out);
}

int bpobj_open_source(struct bpobj_source *src, uint64_t object, struct bpobj **out)
{
    *out = NULL;
    struct bpobj *bpo = bpobj_alloc(object);
    if (bpo == NULL)
        return err_raise(ZE_NOMEM, "bpobj");
    bpo->src = src;
    return bpobj_finish_open(bpo, out);
}

void bpobj_close(struct bpobj *bpo)
{
    free(bpo);
}

void bpobj_space(const struct bpobj *bpo, struct bpobj_space *out)
{
    *out = (struct bpobj_space){.bytes = bpo->phys.bytes,
                                .comp = bpo->phys.comp,
                                .uncomp = bpo->phys.uncomp,
                                .has_comp = bpobj_has_comp(bpo->bonus_len)};
}

bool bpobj_is_empty(const struct bpobj *bpo)
{
    return bpo->phys.num_blkptrs == 0 && bpo->phys.num_subobjs == 0;
}

const struct bpobj_phys *bpobj_header(const struct bpobj *bpo)
{
    return &bpo->phys;
}

bool bpobj_counts_freed(const struct bpobj *bpo)
{
    return bpobj_has_freed(bpo->bonus_len);
}

/* ---- entries ---- */

static int entries_each(const struct bpobj *bpo, const struct blkptr *bps, uint64_t n,
                        uint64_t first, bpobj_fn fn, void *arg)
{
    for (uint64_t i = 0; i < n; i++) {
        int err = bp_validate(&bps[i]);
        if (err == 0 && bp_is_hole(&bps[i]))
            err = err_raise(ZE_BADDSL, "a hole");
        if (err != 0)
            return err_context(err, "bpobj %llu, entry %llu: ", (unsigned long long)bpo->object,
                               (unsigned long long)(first + i));
        err = fn(arg, &bps[i], bpobj_entry_is_freed(&bps[i]));
        if (err != 0)
            return err;
    }
    return 0;
}

int bpobj_iterate_own(const struct bpobj *bpo, bpobj_fn fn, void *arg)
{
    uint64_t total = bpo->phys.num_blkptrs;
    if (total == 0)
        return 0;
    struct blkptr *bps AUTO_FREE = mem_calloc(min_of(total, (uint64_t)CHUNK_BPS), sizeof(*bps));
    if (bps == NULL)
        return err_raise(ZE_NOMEM, "bpobj");
    for (uint64_t first = 0; first < total; first += CHUNK_BPS) {
        uint64_t n = min_of(total - first, (uint64_t)CHUNK_BPS);
        int err =
            bpo->src->read(bpo->src, bpo->object, first * sizeof(*bps), bps, n * sizeof(*bps));
        if (err == 0)
            err = entries_each(bpo, bps, n, first, fn, arg);
        if (err != 0)
            return err;
    }
    return 0;
}

/* ---- the tree of sub-objects ---- */

/* Every object number met so far (open addressing; 0 is free) and those still to visit. */
struct bpobj_walk {
    uint64_t *seen;
    size_t nseen, room;
    uint64_t *todo;
    size_t ntodo, todo_room;
};

static bool seen_insert(uint64_t *table, size_t room, uint64_t object)
{
    size_t i = dmu_hash(0, object, 0, 0) & (room - 1);
    while (table[i] != 0 && table[i] != object)
        i = (i + 1) & (room - 1);
    bool fresh = table[i] == 0;
    table[i] = object;
    return fresh;
}

static int seen_grow(struct bpobj_walk *w)
{
    size_t room = w->room == 0 ? 64 : w->room * 2;
    uint64_t *table = mem_calloc(room, sizeof(*table));
    if (table == NULL)
        return err_raise(ZE_NOMEM, "set of bpobjs");
    for (size_t i = 0; i < w->room; i++)
        if (w->seen[i] != 0)
            seen_insert(table, room, w->seen[i]);
    free(w->seen);
    w->seen = table;
    w->room = room;
    return 0;
}

static int walk_push(struct bpobj_walk *w, uint64_t parent, uint64_t object)
{
    int err = w->nseen * 2 >= w->room ? seen_grow(w) : 0;
    if (err != 0)
        return err;
    if (object == 0 || !seen_insert(w->seen, w->room, object))
        return err_raise(ZE_BADDSL, "bpobj %llu: sub-object %llu %s", (unsigned long long)parent,
                         (unsigned long long)object,
                         object == 0 ? "is missing" : "has two parents");
    w->nseen++;
    if (w->ntodo == w->todo_room) {
        size_t room = w->todo_room == 0 ? 64 : w->todo_room * 2;
        uint64_t *more = realloc(w->todo, room * sizeof(*more));
        if (more == NULL)
            return err_raise(ZE_NOMEM, "bpobjs to visit");
        w->todo = more;
        w->todo_room = room;
    }
    w->todo[w->ntodo++] = object;
    return 0;
}

/* Push the sub-objects of bpo. */
static int walk_subobjs(struct bpobj_walk *w, const struct bpobj *bpo)
{
    uint64_t total = bpo->phys.num_subobjs;
    if (total == 0)
        return 0;
    struct bpobj_object o;
    int err = bpo->src->info(bpo->src, bpo->phys.subobjs, &o);
    if (err != 0)
        return err_context(err, "bpobj %llu: ", (unsigned long long)bpo->object);
    if (o.type != OBJTYPE_BPOBJ_SUBOBJ || total > o.size / sizeof(uint64_t))
        return err_raise(ZE_BADDSL, "bpobj %llu: list of %llu sub-objects in object %llu, type %u",
                         (unsigned long long)bpo->object, (unsigned long long)total,
                         (unsigned long long)bpo->phys.subobjs, o.type);
    uint64_t sub[CHUNK_SUBOBJS];
    for (uint64_t first = 0; err == 0 && first < total; first += CHUNK_SUBOBJS) {
        uint64_t n = min_of(total - first, (uint64_t)CHUNK_SUBOBJS);
        err = bpo->src->read(bpo->src, bpo->phys.subobjs, first * sizeof(sub[0]), sub,
                             n * sizeof(sub[0]));
        for (uint64_t i = 0; err == 0 && i < n; i++)
            err = walk_push(w, bpo->object, sub[i]);
    }
    return err;
}

/* Calls fn for the bpobj and everything below it. */
static int walk_run(const struct bpobj *top, int (*fn)(void *arg, const struct bpobj *bpo),
                    void *arg)
{
    struct bpobj_walk w = {0};
    struct bpobj cur = *top;
    /* The MOS source finds its bpobj by address: share the top one's. */
    cur.src = top->src;
    int err = walk_push(&w, 0, top->object);
    while (err == 0 && w.ntodo > 0) {
        cur.object = w.todo[--w.ntodo];
        err = bpobj_load(&cur);
        if (err == 0)
            err = fn(arg, &cur);
        if (err == 0)
            err = walk_subobjs(&w, &cur);
    }
    free(w.seen);
    free(w.todo);
    return err;
}

struct iterate_arg {
    bpobj_fn fn;
    void *arg;
};

static int iterate_one(void *arg, const struct bpobj *bpo)
{
    struct iterate_arg *a = arg;
    return bpobj_iterate_own(bpo, a->fn, a->arg);
}

int bpobj_iterate(const struct bpobj *bpo, bpobj_fn fn, void *arg)
{
    struct iterate_arg a = {fn, arg};
    return walk_run(bpo, iterate_one, &a);
}

struct object_arg {
    int (*fn)(void *arg, uint64_t object);
    void *arg;
};

static int object_one(void *arg, const struct bpobj *bpo)
{
    struct object_arg *a = arg;
    int err = a->fn(a->arg, bpo->object);
    if (err == 0 && bpo->phys.subobjs != 0)
        err = a->fn(a->arg, bpo->phys.subobjs);
    return err;
}

int bpobj_each_object(const struct bpobj *bpo, int (*fn)(void *arg, uint64_t object), void *arg)
{
    struct object_arg a = {fn, arg};
    return walk_run(bpo, object_one, &a);
}

/* ---- bptree ---- */

int bptree_iterate(struct objset *mos, uint64_t object, struct bptree_phys *header,
                   int (*fn)(void *arg, const struct bptree_entry_phys *e), void *arg)
{
    struct dnode *dn;
    int err = dnode_hold(mos, object, &dn);
    if (err != 0)
        return err;
    struct bptree_phys h;
    struct span bonus = dnode_bonus(dn);
    err = bptree_phys_load(&h, bonus.data, bonus.len, dnode_size(dn), object);
    if (err == 0 && header != NULL)
        *header = h;
    for (uint64_t i = h.begin; err == 0 && fn != NULL && i < h.end; i++) {
        struct bptree_entry_phys e;
        err = dmu_read(dn, i * sizeof(e), &e, sizeof(e));
        if (err == 0)
            err = bptree_entry_validate(&e);
        if (err != 0)
            err = err_context(err, "bptree %llu, entry %llu: ", (unsigned long long)object,
                              (unsigned long long)i);
        else
            err = fn(arg, &e);
    }
    dnode_rele(dn);
    return err;
}
