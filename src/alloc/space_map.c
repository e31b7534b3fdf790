/* SPDX-License-Identifier: MIT */
/* Reading space maps; see space_map.h. */
#include "alloc/space_map.h"

#include <inttypes.h>

#include "base/err.h"
#include "base/mem.h"

/* Entries are decoded in pieces of this size; a two-word entry may lie across two pieces. */
#define CHUNK_WORDS 16384u

int space_map_open(struct objset *mos, uint64_t object, uint64_t start, uint64_t size,
                   unsigned shift, struct space_map **out)
{
    struct space_map *sm = mem_zalloc(sizeof(*sm));
    if (sm == NULL)
        return err_raise(ZE_NOMEM, "space map %" PRIu64, object);
    *sm = (struct space_map){.object = object, .start = start, .size = size, .shift = shift};
    int err = dnode_hold(mos, object, &sm->dn);
    if (err == 0 && dnode_phys(sm->dn)->bonustype != OBJTYPE_SPACE_MAP_HEADER)
        err = err_raise(ZE_BADOBJ, "object %" PRIu64 " is no space map: bonus type %u", object,
                        dnode_phys(sm->dn)->bonustype);
    if (err == 0) {
        struct span bonus = dnode_bonus(sm->dn);
        sm->has_histogram = bonus.len >= sizeof(sm->phys);
        err = spacemap_phys_load(&sm->phys, bonus.data, bonus.len, dnode_size(sm->dn), object);
    }
    if (err != 0) {
        space_map_close(sm);
        return err;
    }
    *out = sm;
    return 0;
}

void space_map_close(struct space_map *sm)
{
    if (sm == NULL)
        return;
    if (sm->dn != NULL)
        dnode_rele(sm->dn);
    free(sm);
}

struct decoder {
    const struct space_map *sm;
    space_map_fn fn;
    void *arg;
    uint64_t txg;
    unsigned pass;
};

/* Put an entry's range into bytes, checked against the map. */
static int place_entry(const struct space_map *sm, struct space_map_entry *e)
{
    uint64_t limit = sm->size >> sm->shift;

    if (e->phys.offset > limit || e->phys.run > limit - e->phys.offset)
        return err_raise(ZE_BADSPACEMAP,
                         "space map %" PRIu64 ": entry at %" PRIx64 " + %" PRIx64 " lies outside",
                         sm->object, e->phys.offset << sm->shift, e->phys.run << sm->shift);
    e->start = sm->start + (e->phys.offset << sm->shift);
    e->size = e->phys.run << sm->shift;
    return 0;
}

static int give_entry(struct decoder *d, struct space_map_entry *e)
{
    if (e->phys.kind == SPACEMAP_DEBUG) {
        d->txg = e->phys.txg;
        d->pass = e->phys.pass;
    } else if (e->phys.kind != SPACEMAP_PADDING) {
        int err = place_entry(d->sm, e);
        if (err != 0)
            return err;
    }
    e->txg = d->txg;
    e->pass = d->pass;
    return d->fn(d->arg, e);
}

/* Decode words[0..n); *left: words of an entry cut off by the end (0 or 1). */
static int decode_chunk(struct decoder *d, const uint64_t *words, size_t n, bool last, size_t *left)
{
    size_t pos = 0;

    *left = 0;
    while (pos < n) {
        struct space_map_entry e = {0};
        if (!last && pos + 1 == n && words[pos] >> 62 == 3) {
            *left = 1;
            return 0;
        }
        int err = spacemap_entry_decode(words, n, &pos, &e.phys);
        if (err != 0)
            return err_context(err, "space map %" PRIu64 ": ", d->sm->object);
        if ((err = give_entry(d, &e)) != 0)
            return err;
    }
    return 0;
}

int space_map_iterate(const struct space_map *sm, uint64_t length, space_map_fn fn, void *arg)
{
    struct decoder d = {sm, fn, arg, 0, 0};
    uint64_t total = min_of(length, sm->phys.length) / 8, done = 0;
    size_t carried = 0;
    int err = 0;

    AUTO_FREE uint64_t *words = mem_calloc(CHUNK_WORDS + 1, 8);
    if (words == NULL)
        return err_raise(ZE_NOMEM, "space map %" PRIu64, sm->object);
    while (err == 0 && done < total) {
        size_t n = (size_t)min_of(total - done, (uint64_t)CHUNK_WORDS);
        err = dmu_read_uncached(sm->dn, done * 8, words + carried, n * 8);
        done += n;
        size_t have = carried + n;
        if (err == 0)
            err = decode_chunk(&d, words, have, done == total, &carried);
        if (carried != 0)
            words[0] = words[have - 1];
    }
    return err;
}

struct loader {
    const struct space_map *sm;
    struct range_tree *into;
    unsigned flags;
};

static int load_entry(void *arg, const struct space_map_entry *e)
{
    struct loader *l = arg;
    int err;

    if (e->phys.kind == SPACEMAP_DEBUG || e->phys.kind == SPACEMAP_PADDING)
        return 0;
    bool add = (e->phys.kind == SPACEMAP_ALLOC) != ((l->flags & SPACE_MAP_FREES) != 0);
    if (l->flags & SPACE_MAP_LENIENT)
        return add ? range_tree_add(l->into, e->start, e->size)
                   : range_tree_remove(l->into, e->start, e->size);
    err = add ? range_tree_add_new(l->into, e->start, e->size)
              : range_tree_remove_all(l->into, e->start, e->size);
    if (err == ZE_EXISTS || err == ZE_NOENT)
        return err_raise(ZE_BADSPACEMAP,
                         "space map %" PRIu64 ": %s of %" PRIx64 " + %" PRIx64 " in txg %" PRIu64,
                         l->sm->object, add ? "double allocation" : "double free", e->start,
                         e->size, e->txg);
    return err;
}

int space_map_load(const struct space_map *sm, unsigned flags, struct range_tree *into)
{
    struct loader l = {sm, into, flags};
    return space_map_iterate(sm, UINT64_MAX, load_entry, &l);
}
