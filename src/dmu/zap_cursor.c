/* SPDX-License-Identifier: MIT */
/*
 * Listing a ZAP in the order of (hash, cd) (format/dmu.md, "9.7 Cursors"). A cursor on a fat ZAP
 * keeps the leaf it is in, with its entries sorted. The position always grows, so a listing ends
 * whatever the leaves hold.
 *
 * Callers: zap.h. Ownership: the cursor holds one leaf; the caller keeps the zap open. Errors:
 * ZE_NOENT at the end, ZE_BADZAP, the source's.
 */
#include "dmu/zap_impl.h"

struct leaf_item {
    uint64_t hash;
    uint32_t cd;
    unsigned chunk;
};

/* cursor->leaf of a fat ZAP. */
struct cursor_leaf {
    struct zap_block block;
    unsigned prefix_len;
    uint64_t prefix;
    unsigned n, room;
    struct leaf_item *item; /* sorted */
    struct zap_hit last;    /* the entry last returned; its leaf is ours */
};

static void leaf_drop(struct zap_cursor *c)
{
    struct cursor_leaf *l = c->leaf;
    c->leaf = NULL;
    if (l == NULL)
        return;
    c->zap->src->rele(c->zap->src, &l->block);
    free(l->item);
    free(l);
}

void zap_cursor_init(struct zap_cursor *c, struct zap *zap)
{
    *c = (struct zap_cursor){.zap = zap};
}

void zap_cursor_init_at(struct zap_cursor *c, struct zap *zap, uint64_t serialized)
{
    zap_cursor_init(c, zap);
    if (serialized == UINT64_MAX) {
        c->done = true;
        return;
    }
    uint64_t cd = serialized >> zap->hash_bits;
    c->hash = serialized << (64 - zap->hash_bits);
    c->cd = cd >= zap_max_cd(zap) ? 0 : (uint32_t)cd;
}

uint64_t zap_cursor_serialize(const struct zap_cursor *c)
{
    if (c->done)
        return UINT64_MAX;
    return c->hash >> (64 - c->zap->hash_bits) | (uint64_t)c->cd << c->zap->hash_bits;
}

void zap_cursor_fini(struct zap_cursor *c)
{
    leaf_drop(c);
    c->done = true;
}

/* Step to the first position behind (hash, cd). */
static void cursor_step(struct zap_cursor *c, uint64_t hash, uint32_t cd)
{
    c->hash = hash;
    c->cd = cd + 1;
    if (cd < UINT32_MAX)
        return;
    c->cd = 0;
    c->hash = hash + ((uint64_t)1 << (64 - c->zap->hash_bits));
    c->done = c->hash == 0;
}

/* ---- leaves ---- */

static int item_compare(const void *a, const void *b)
{
    const struct leaf_item *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->cd != y->cd)
        return x->cd < y->cd ? -1 : 1;
    return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static int leaf_collect(void *arg, const struct zap_leaf_entry *e, unsigned chunk)
{
    struct cursor_leaf *l = arg;
    if (l->prefix_len > 0 && e->hash >> (64 - l->prefix_len) != l->prefix)
        return err_raise(ZE_BADZAP, "entry with hash 0x%llx is in the wrong leaf",
                         (unsigned long long)e->hash);
    if (l->n == l->room) {
        unsigned room = l->room == 0 ? 64 : l->room * 2;
        struct leaf_item *more = realloc(l->item, room * sizeof(*more));
        if (more == NULL)
            return err_raise(ZE_NOMEM, "ZAP cursor");
        l->item = more;
        l->room = room;
    }
    l->item[l->n++] = (struct leaf_item){e->hash, e->cd, chunk};
    return 0;
}

static int leaf_enter(struct zap_cursor *c)
{
    struct zap *zap = c->zap;
    struct cursor_leaf *l = mem_zalloc(sizeof(*l));
    if (l == NULL)
        return err_raise(ZE_NOMEM, "ZAP cursor");
    int err = zap_fat_leaf(zap, c->hash, &l->block, &l->prefix_len);
    if (err != 0) {
        free(l);
        return err;
    }
    l->prefix = ((const struct zap_leaf *)l->block.data)->prefix;
    c->leaf = l;
    err = zap_leaf_each(zap, l->block.data, -1, leaf_collect, l);
    if (err != 0) {
        leaf_drop(c);
        return err_context(err, "ZAP object %llu: ", zap_object(zap));
    }
    if (l->n > 0)
        qsort(l->item, l->n, sizeof(l->item[0]), item_compare);
    return 0;
}

static bool leaf_covers(const struct cursor_leaf *l, uint64_t hash)
{
    return l->prefix_len == 0 || hash >> (64 - l->prefix_len) == l->prefix;
}

static struct leaf_item *leaf_seek(struct cursor_leaf *l, uint64_t hash, uint32_t cd)
{
    unsigned lo = 0, hi = l->n;
    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        const struct leaf_item *x = &l->item[mid];
        if (x->hash < hash || (x->hash == hash && x->cd < cd))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < l->n ? &l->item[lo] : NULL;
}

/* ---- entries ---- */

static int entry_fill(struct zap *zap, const struct zap_hit *hit, uint64_t hash,
                      struct zap_entry *e)
{
    uint8_t name[ZAP_NAME_MAX];
    size_t len;
    int err = zap_hit_name(zap, hit, name, sizeof(name), &len);
    if (err != 0)
        return err;
    e->hash = hash;
    e->cd = zap_hit_cd(hit);
    e->integer_size = zap_hit_intlen(hit);
    e->count = zap_hit_numints(hit);
    e->first = 0;
    e->conflict = false;
    if (zap->flags & ZAP_FLAG_UINT64_KEY) {
        for (size_t i = 0; i + 8 <= len; i += 8)
            store_ne64(e->name + i, load_be64(name + i));
        e->name_len = len;
    } else {
        memcpy(e->name, name, len);
        e->name_len = strnlen((const char *)name, len);
    }
    if (e->integer_size == 8 && e->count > 0) {
        err = zap_hit_value(zap, hit, 8, 1, &e->first, NULL);
        if (err == ZE_RANGE)
            err = 0;
    }
    return err;
}

#define CONFLICT_COMPARISONS 256u

/* Do two entries of equal hash look alike once normalised? Assumed so where very many share it. */
static int entry_conflict(struct zap *zap, struct zap_entry *e)
{
    char want[ZAP_NORM_MAX];
    struct zap_query q = {.hash = e->hash,
                          .norm = (unsigned)zap->normflags,
                          .want = want,
                          .limit = CONFLICT_COMPARISONS};
    int err = zap_normalize(q.norm, e->name, e->name_len, want, &q.want_len);
    struct zap_hit hit = {0};
    unsigned matches = 0;
    if (err == 0)
        err = zap->micro ? zap_micro_find(zap, &q, &hit, &matches)
                         : zap_fat_find(zap, &q, &hit, &matches);
    zap_hit_release(zap, &hit);
    e->conflict = matches > 1;
    return err == ZE_NOENT ? 0 : err;
}

static int micro_next(struct zap_cursor *c, struct zap_entry *e)
{
    struct zap *zap = c->zap;
    unsigned i = zap_micro_seek(zap, c->hash, c->cd);
    if (i >= zap->count) {
        c->done = true;
        return ZE_NOENT;
    }
    const struct mzap_index *x = &zap->index[i];
    struct zap_hit hit = {.me = mzap_entry_at(zap->mblock, x->slot)};
    c->index = x->slot;
    int err = entry_fill(zap, &hit, x->hash, e);
    cursor_step(c, x->hash, x->cd);
    return err;
}

static int fat_next(struct zap_cursor *c, struct zap_entry *e)
{
    struct zap *zap = c->zap;
    if (c->leaf == NULL && c->hash == 0 && zap->src->prefetch != NULL)
        zap->src->prefetch(zap->src);
    while (!c->done) {
        struct cursor_leaf *l = c->leaf;
        if (l != NULL && !leaf_covers(l, c->hash)) {
            leaf_drop(c);
            l = NULL;
        }
        int err = l == NULL ? leaf_enter(c) : 0;
        if (err != 0)
            return err;
        l = c->leaf;
        struct leaf_item *it = leaf_seek(l, c->hash, c->cd);
        if (it != NULL) {
            l->last = (struct zap_hit){
                .leaf = l->block, .le = zap_leaf_entry_at(l->block.data, zap->shift, it->chunk)};
            err = entry_fill(zap, &l->last, it->hash, e);
            cursor_step(c, it->hash, it->cd);
            return err;
        }
        uint64_t below = l->prefix_len == 0 ? UINT64_MAX : UINT64_MAX >> l->prefix_len;
        c->hash = (c->hash | below) + 1;
        c->cd = 0;
        c->done = c->hash == 0;
    }
    return ZE_NOENT;
}

int zap_cursor_next(struct zap_cursor *c, struct zap_entry *e)
{
    if (c->done)
        return ZE_NOENT;
    int err = c->zap->micro ? micro_next(c, e) : fat_next(c, e);
    if (err == 0 && c->zap->normflags != 0)
        err = entry_conflict(c->zap, e);
    return err;
}

int zap_entry_value(struct zap_cursor *c, const struct zap_entry *e, void *buf, uint64_t count)
{
    struct zap_hit hit = {0};
    if (c->zap->micro) {
        if (c->index >= mzap_entries(c->zap->src->block_size))
            return err_raise(ZE_INVAL, "no entry was returned");
        hit.me = mzap_entry_at(c->zap->mblock, c->index);
    } else {
        struct cursor_leaf *l = c->leaf;
        if (l == NULL || l->last.le == NULL)
            return err_raise(ZE_INVAL, "no entry was returned");
        hit = l->last;
    }
    return zap_hit_value(c->zap, &hit, e->integer_size, count, buf, NULL);
}
