/* SPDX-License-Identifier: MIT */
/* Reading metaslabs; see metaslab_read.h. */
#include "alloc/metaslab_read.h"

#include <inttypes.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"

#define METASLABS_MAX  ((uint64_t)1 << 20) /* of one vdev; OpenZFS makes at most 131072 */
#define CHECKPOINT_MAP "com.delphix:pool_checkpoint_sm"
#define OBSOLETE_MAP   "com.delphix:indirect_obsolete_sm"

unsigned metaslab_shift_for(uint64_t asize)
{
    uint64_t n = asize >> 29;
    unsigned shift = 29;

    if (n < 16)
        shift = highbit64(asize / 16);
    else if (n > 200)
        shift = highbit64(asize / 200);
    /* highbit64() here counts from 1; the chapter's highbit64 of a size is the same function */
    shift = max_of(shift, 24u);
    if (shift > 34)
        shift = asize >> 34 > 131072 ? highbit64(asize / 131072) : 34;
    return shift;
}

void metaslab_bounds(const struct vdev *top, uint64_t id, uint64_t *start, uint64_t *size)
{
    uint64_t from = id << top->metaslab_shift, to = (id + 1) << top->metaslab_shift;

    if (top->type == VDEV_DRAID) {
        uint64_t stripe = vdev_psize_to_asize(top, (uint64_t)1 << top->ashift, 0);
        if (stripe != 0) {
            from = div_round_up(from, stripe) * stripe;
            to = from < to ? from + (to - from) / stripe * stripe : from;
        }
    }
    *start = from;
    *size = to - from;
}

static void metaslab_free_ranges(struct metaslab *ms)
{
    range_tree_destroy(ms->unflushed_allocs);
    range_tree_destroy(ms->unflushed_frees);
}

void metaslabs_close(struct metaslabs *m)
{
    if (m == NULL)
        return;
    for (unsigned i = 0; i < m->nvdevs; i++) {
        for (uint64_t id = 0; id < m->vdev[i].count; id++)
            metaslab_free_ranges(&m->vdev[i].ms[id]);
        free(m->vdev[i].ms);
    }
    log_spacemaps_free(&m->logs);
    free(m->vdev);
    free(m);
}

/* --- headers --- */

static int metaslab_read_header(struct objset *mos, const struct vdev *vd, struct metaslab *ms)
{
    struct space_map *sm;

    if (ms->object == 0)
        return 0;
    int err = space_map_open(mos, ms->object, ms->start, ms->size, (unsigned)vd->ashift, &sm);
    if (err != 0)
        return err_context(err, "metaslab %" PRIu64 " of vdev %" PRIu64 ": ", ms->id, vd->id);
    ms->map_length = sm->phys.length;
    ms->map_alloc = sm->phys.alloc;
    ms->has_histogram = sm->has_histogram;
    memcpy(ms->histogram, sm->phys.histogram, sizeof(ms->histogram));
    space_map_close(sm);
    if (ms->map_alloc < 0 || (uint64_t)ms->map_alloc > ms->size)
        return err_raise(ZE_BADSPACEMAP,
                         "metaslab %" PRIu64 " of vdev %" PRIu64 ": smp_alloc %" PRId64, ms->id,
                         vd->id, ms->map_alloc);
    return 0;
}

static int vdev_read_arrays(struct metaslabs *m, struct metaslab_vdev *mv, uint64_t count,
                            uint64_t *objects, uint64_t *txgs)
{
    struct vdev *vd = mv->vd;
    int err = 0;

    if (vd->metaslab_array != 0)
        err = dmu_read_object(m->mos, vd->metaslab_array, 0, objects, count * sizeof(*objects));
    if (err == 0)
        err = log_spacemap_unflushed(m->mos, vd->top_zap, count, txgs, &mv->unflushed_object);
    return err == 0 ? 0 : err_context(err, "metaslabs of vdev %" PRIu64 ": ", vd->id);
}

static int vdev_read_metaslabs(struct metaslabs *m, struct metaslab_vdev *mv)
{
    struct vdev *vd = mv->vd;
    uint64_t count = vd->asize >> vd->metaslab_shift;

    if (count > METASLABS_MAX)
        return err_raise(ZE_BADVDEV, "vdev %" PRIu64 ": %" PRIu64 " metaslabs", vd->id, count);
    if (count == 0)
        return 0;
    AUTO_FREE uint64_t *objects = mem_calloc((size_t)count, 8),
                       *txgs = mem_calloc((size_t)count, 8);
    mv->ms = mem_calloc((size_t)count, sizeof(*mv->ms));
    if (objects == NULL || txgs == NULL || mv->ms == NULL)
        return err_raise(ZE_NOMEM, "metaslabs of vdev %" PRIu64, vd->id);
    int err = vdev_read_arrays(m, mv, count, objects, txgs);
    for (uint64_t id = 0; err == 0 && id < count; id++) {
        struct metaslab *ms = &mv->ms[id];
        ms->id = id;
        ms->object = objects[id];
        ms->unflushed_txg = txgs[id];
        metaslab_bounds(vd, id, &ms->start, &ms->size);
        mv->count = id + 1;
        err = metaslab_read_header(m->mos, vd, ms);
    }
    return err;
}

static int vdev_map_object(struct metaslabs *m, const struct vdev *vd, const char *key,
                           uint64_t *object)
{
    *object = 0;
    if (vd->top_zap == 0)
        return 0;
    int err = zap_get_u64(m->mos, vd->top_zap, key, object);
    return err == ZE_NOENT ? 0 : err;
}

static int vdev_read(struct metaslabs *m, struct metaslab_vdev *mv)
{
    struct vdev *vd = mv->vd;
    struct space_map *sm;
    int err = vdev_map_object(m, vd, CHECKPOINT_MAP, &mv->checkpoint_object);

    if (err == 0)
        err = vdev_map_object(m, vd, OBSOLETE_MAP, &mv->obsolete_object);
    if (err == 0 && mv->checkpoint_object != 0 &&
        (err = space_map_open(m->mos, mv->checkpoint_object, 0, vd->asize, (unsigned)vd->ashift,
                              &sm)) == 0) {
        mv->checkpoint_alloc = sm->phys.alloc;
        space_map_close(sm);
    }
    if (err != 0 || !vdev_is_concrete(vd) || vd->metaslab_shift == 0)
        return err;
    if (vd->metaslab_shift < vd->ashift || vd->metaslab_shift > 62)
        return err_raise(ZE_BADVDEV, "vdev %" PRIu64 ": metaslab shift %" PRIu64, vd->id,
                         vd->metaslab_shift);
    return vdev_read_metaslabs(m, mv);
}

/* --- logs --- */

struct log_apply {
    struct metaslabs *m;
    struct log_spacemap *log;
    uint64_t txg;
};

static int ensure_trees(struct metaslab *ms)
{
    int err = ms->unflushed_allocs != NULL ? 0 : range_tree_create(&ms->unflushed_allocs);
    if (err == 0 && ms->unflushed_frees == NULL)
        err = range_tree_create(&ms->unflushed_frees);
    return err;
}

/* What is in `cancel` is taken out of it; the rest of the range goes to `add` (17.3). */
static int exclusive_or(struct range_tree *cancel, struct range_tree *add, uint64_t start,
                        uint64_t size)
{
    uint64_t end = start + size;
    struct range r;

    while (start < end) {
        bool hit = range_tree_find(cancel, start, &r) && r.start < end;
        uint64_t from = hit ? max_of(r.start, start) : end;
        uint64_t to = hit ? min_of(r.start + r.size, end) : end;
        int err = range_tree_add_new(add, start, from - start);
        if (err == 0 && hit)
            err = range_tree_remove_all(cancel, from, to - from);
        if (err != 0)
            return err;
        start = to;
    }
    return 0;
}

static int apply_entry(void *arg, const struct space_map_entry *e)
{
    struct log_apply *a = arg;
    struct metaslabs *m = a->m;

    if (e->phys.kind == SPACEMAP_DEBUG || e->phys.kind == SPACEMAP_PADDING)
        return 0;
    a->log->entries++;
    if (!e->phys.two_words || e->phys.vdev >= m->nvdevs)
        return err_raise(ZE_BADSPACEMAP, "log space map of txg %" PRIu64 ": entry of vdev %u",
                         a->txg, e->phys.vdev);
    struct metaslab_vdev *mv = &m->vdev[e->phys.vdev];
    uint64_t id = mv->count == 0 ? 0 : e->start >> mv->vd->metaslab_shift;
    if (id >= mv->count || a->txg < mv->ms[id].unflushed_txg)
        return 0; /* flushed since, or of a vdev that is gone */
    a->log->valid++;
    struct metaslab *ms = &mv->ms[id];
    if (e->start < ms->start || e->size > ms->start + ms->size - e->start || ms->unflushed_txg == 0)
        return err_raise(ZE_BADSPACEMAP,
                         "log space map of txg %" PRIu64 ": entry %" PRIx64 " + %" PRIx64
                         " of metaslab %" PRIu64 " of vdev %u",
                         a->txg, e->start, e->size, id, e->phys.vdev);
    int err = ensure_trees(ms);
    if (err == 0 && e->phys.kind == SPACEMAP_ALLOC)
        err = exclusive_or(ms->unflushed_frees, ms->unflushed_allocs, e->start, e->size);
    else if (err == 0)
        err = exclusive_or(ms->unflushed_allocs, ms->unflushed_frees, e->start, e->size);
    if (err == ZE_EXISTS)
        return err_raise(ZE_BADSPACEMAP,
                         "log space map of txg %" PRIu64 ": %" PRIx64 " + %" PRIx64 " twice",
                         a->txg, e->start, e->size);
    return err;
}

static int apply_logs(struct metaslabs *m)
{
    int err = log_spacemaps_list(m->mos, &m->logs);
    for (size_t i = 0; err == 0 && i < m->logs.n; i++) {
        struct log_apply a = {m, &m->logs.log[i], m->logs.log[i].txg};
        struct space_map *sm;
        if ((err = log_spacemap_open(m->mos, &m->logs.log[i], &sm)) != 0)
            break;
        err = space_map_iterate(sm, UINT64_MAX, apply_entry, &a);
        space_map_close(sm);
    }
    return err;
}

/* Each unflushed txg must have its log (17.2, 1). */
static int check_logs(const struct metaslabs *m)
{
    for (unsigned i = 0; i < m->nvdevs; i++) {
        for (uint64_t id = 0; id < m->vdev[i].count; id++) {
            uint64_t txg = m->vdev[i].ms[id].unflushed_txg;
            if (txg != 0 && !log_spacemaps_has(&m->logs, txg))
                return err_raise(ZE_BADSPACEMAP,
                                 "metaslab %" PRIu64
                                 " of vdev %u: no log space map of txg %" PRIu64,
                                 id, i, txg);
        }
    }
    return 0;
}

int metaslabs_open(struct objset *mos, struct vdev_tree *tree, struct metaslabs **out)
{
    struct metaslabs *m = mem_zalloc(sizeof(*m));
    int err = 0;

    if (m == NULL)
        return err_raise(ZE_NOMEM, "metaslabs");
    m->mos = mos;
    m->vdev = mem_calloc(tree->root->nchildren + 1u, sizeof(*m->vdev));
    if (m->vdev == NULL)
        err = err_raise(ZE_NOMEM, "metaslabs");
    else
        m->nvdevs = tree->root->nchildren;
    for (unsigned i = 0; i < m->nvdevs; i++)
        m->vdev[i].vd = tree->root->child[i];
    for (unsigned i = 0; err == 0 && i < m->nvdevs; i++)
        err = vdev_read(m, &m->vdev[i]);
    if (err == 0)
        err = apply_logs(m);
    if (err == 0)
        err = check_logs(m);
    if (err != 0) {
        metaslabs_close(m);
        return err;
    }
    *out = m;
    return 0;
}

/* --- allocated sets --- */

uint64_t metaslab_allocated(const struct metaslab *ms)
{
    uint64_t plus = ms->unflushed_allocs != NULL ? range_tree_total(ms->unflushed_allocs) : 0;
    uint64_t minus = ms->unflushed_frees != NULL ? range_tree_total(ms->unflushed_frees) : 0;
    uint64_t alloc = (uint64_t)ms->map_alloc + plus;
    return alloc < minus ? 0 : alloc - minus;
}

static int add_new(const struct range *r, void *arg)
{
    return range_tree_add_new(arg, r->start, r->size);
}

static int remove_all(const struct range *r, void *arg)
{
    return range_tree_remove_all(arg, r->start, r->size);
}

static int load_with_logs(const struct metaslabs *m, const struct vdev *vd,
                          const struct metaslab *ms, struct range_tree *into)
{
    struct space_map *sm;
    int err = 0;

    if (ms->object != 0) {
        err = space_map_open(m->mos, ms->object, ms->start, ms->size, (unsigned)vd->ashift, &sm);
        if (err != 0)
            return err;
        err = space_map_load(sm, 0, into);
        space_map_close(sm);
    }
    if (err == 0 && range_tree_total(into) != (uint64_t)ms->map_alloc)
        return err_raise(ZE_BADSPACEMAP,
                         "%" PRIu64 " bytes are allocated, the header says %" PRId64,
                         range_tree_total(into), ms->map_alloc);
    if (err == 0 && ms->unflushed_frees != NULL)
        err = range_tree_walk(ms->unflushed_frees, remove_all, into);
    if (err == 0 && ms->unflushed_allocs != NULL)
        err = range_tree_walk(ms->unflushed_allocs, add_new, into);
    if (err == ZE_EXISTS || err == ZE_NOENT)
        return err_raise(ZE_BADSPACEMAP, "the logs contradict space map %" PRIu64, ms->object);
    return err;
}

int metaslab_load(const struct metaslabs *m, unsigned vdev, uint64_t id, struct range_tree **out)
{
    struct range_tree *rt;

    if (vdev >= m->nvdevs || id >= m->vdev[vdev].count)
        return err_raise(ZE_NOENT, "no metaslab %" PRIu64 " of vdev %u", id, vdev);
    int err = range_tree_create(&rt);
    if (err != 0)
        return err;
    err = load_with_logs(m, m->vdev[vdev].vd, &m->vdev[vdev].ms[id], rt);
    if (err != 0) {
        range_tree_destroy(rt);
        return err_context(err, "metaslab %" PRIu64 " of vdev %u: ", id, vdev);
    }
    *out = rt;
    return 0;
}

int metaslabs_load_vdev(const struct metaslabs *m, unsigned vdev, struct range_tree *into)
{
    for (uint64_t id = 0; vdev < m->nvdevs && id < m->vdev[vdev].count; id++) {
        struct range_tree *one;
        int err = metaslab_load(m, vdev, id, &one);
        if (err != 0)
            return err;
        err = range_tree_union(into, one);
        range_tree_destroy(one);
        if (err != 0)
            return err;
    }
    return 0;
}

static int load_map(const struct metaslabs *m, uint64_t object, uint64_t size, unsigned shift,
                    unsigned flags, struct range_tree *into)
{
    struct space_map *sm;

    if (object == 0)
        return 0;
    int err = space_map_open(m->mos, object, 0, size, shift, &sm);
    if (err != 0)
        return err;
    err = space_map_load(sm, flags, into);
    space_map_close(sm);
    return err;
}

int metaslabs_load_checkpoint(const struct metaslabs *m, unsigned vdev, struct range_tree *into)
{
    const struct metaslab_vdev *mv = &m->vdev[vdev];
    return load_map(m, mv->checkpoint_object, mv->vd->asize, (unsigned)mv->vd->ashift,
                    SPACE_MAP_FREES, into);
}

int metaslabs_load_obsolete(const struct metaslabs *m, unsigned vdev, struct range_tree *into)
{
    const struct metaslab_vdev *mv = &m->vdev[vdev];
    return load_map(m, mv->obsolete_object, mv->vd->asize, 0, 0, into);
}

void metaslab_free_histogram(const struct range_tree *allocated, uint64_t start, uint64_t size,
                             uint64_t histogram[64])
{
    uint64_t at = start, end = start + size;
    struct range r;

    memset(histogram, 0, 64 * sizeof(*histogram));
    for (bool ok = range_tree_find(allocated, start, &r); ok && r.start < end;
         ok = range_tree_next(allocated, &r)) {
        if (r.start > at)
            histogram[highbit64(r.start - at) - 1]++;
        at = max_of(at, r.start + r.size);
    }
    if (at < end)
        histogram[highbit64(end - at) - 1]++;
}
