/* SPDX-License-Identifier: MIT */
/* Dirty time logs; see dtl.h. */
#include "vdev/dtl.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/range_tree.h"
#include "vdev/vdev_impl.h"

bool vdev_dtl_contains(const struct vdev *vd, enum vdev_dtl_kind kind, uint64_t txg)
{
    if (txg == 0 || vd->dtl[kind] == NULL)
        return false;
    READ_GUARD(&vd->tree->dtl_lock);
    return range_tree_contains(vd->dtl[kind], txg, 1);
}

bool vdev_dtl_empty(const struct vdev *vd, enum vdev_dtl_kind kind)
{
    if (vd->dtl[kind] == NULL)
        return true;
    READ_GUARD(&vd->tree->dtl_lock);
    return range_tree_count(vd->dtl[kind]) == 0;
}

static int dtl_ensure(struct vdev *vd)
{
    for (unsigned k = 0; k < VDEV_DTL_KINDS; k++) {
        int err = vd->dtl[k] != NULL ? 0 : range_tree_create(&vd->dtl[k]);
        if (err != 0)
            return err;
    }
    return 0;
}

int vdev_dtl_add_missing(struct vdev *leaf, uint64_t start, uint64_t count)
{
    WRITE_GUARD(&leaf->tree->dtl_lock);
    int err = dtl_ensure(leaf);
    if (err != 0)
        return err;
    if ((err = range_tree_add(leaf->dtl[VDEV_DTL_MISSING], start, count)) == ZE_OVERFLOW)
        return err_raise(ZE_BADVDEV, "DTL of vdev %016llx: txg range %llu+%llu overflows",
                         (unsigned long long)leaf->guid, (unsigned long long)start,
                         (unsigned long long)count);
    return err;
}

/* ---- sets over children ---- */

struct edge {
    uint64_t txg;
    int step; /* +1 a range starts, -1 it ends */
};

static int edge_compare(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->txg != y->txg)
        return x->txg < y->txg ? -1 : 1;
    return y->step - x->step; /* starts first, so that touching ranges stay joined */
}

/* out = txgs that are in at least `least` of the children's sets of one kind. */
static int dtl_at_least(const struct vdev *vd, enum vdev_dtl_kind kind, unsigned least,
                        struct range_tree *out)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        if (vd->child[i]->dtl[kind] != NULL)
            n += 2 * range_tree_count(vd->child[i]->dtl[kind]);
    }
    range_tree_clear(out);
    if (n == 0)
        return 0;
    AUTO_FREE struct edge *edges = mem_calloc(n, sizeof(*edges));
    if (edges == NULL)
        return ZE_NOMEM;
    uint64_t k = 0;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        struct range r;
        const struct range_tree *rt = vd->child[i]->dtl[kind];
        if (rt == NULL)
            continue;
        for (bool ok = range_tree_first(rt, &r); ok && k + 1 < n; ok = range_tree_next(rt, &r)) {
            edges[k++] = (struct edge){r.start, 1};
            edges[k++] = (struct edge){r.start + r.size, -1};
        }
    }
    qsort(edges, k, sizeof(*edges), edge_compare);
    int depth = 0;
    for (uint64_t i = 0; i + 1 < k; i++) {
        depth += edges[i].step;
        if (depth < (int)least || edges[i + 1].txg == edges[i].txg)
            continue;
        int err = range_tree_add(out, edges[i].txg, edges[i + 1].txg - edges[i].txg);
        if (err != 0)
            return err;
    }
    return 0;
}

static int dtl_reassess_leaf(struct vdev *vd, const struct vdev *pretend_gone)
{
    range_tree_clear(vd->dtl[VDEV_DTL_PARTIAL]);
    range_tree_clear(vd->dtl[VDEV_DTL_OUTAGE]);
    int err = range_tree_union(vd->dtl[VDEV_DTL_PARTIAL], vd->dtl[VDEV_DTL_MISSING]);
    if (err != 0)
        return err;
    if (vd == pretend_gone || !vdev_readable(vd))
        return range_tree_add(vd->dtl[VDEV_DTL_OUTAGE], 0, UINT64_MAX);
    return range_tree_union(vd->dtl[VDEV_DTL_OUTAGE], vd->dtl[VDEV_DTL_MISSING]);
}

static int dtl_reassess(struct vdev *vd, const struct vdev *pretend_gone)
{
    int err = 0;
    for (unsigned i = 0; i < vd->nchildren && err == 0; i++)
        err = dtl_reassess(vd->child[i], pretend_gone);
    if (err != 0 || !vdev_is_concrete(vd))
        return err;
    if ((err = dtl_ensure(vd)) != 0)
        return err;
    if (vd->ops->leaf)
        return dtl_reassess_leaf(vd, pretend_gone);
    bool parity = vd->type == VDEV_RAIDZ || vd->type == VDEV_DRAID;
    unsigned most = parity ? (unsigned)vd->nparity + 1 : vd->nchildren;
    if ((err = dtl_at_least(vd, VDEV_DTL_PARTIAL, 1, vd->dtl[VDEV_DTL_PARTIAL])) != 0 ||
        (err = dtl_at_least(vd, VDEV_DTL_OUTAGE, most, vd->dtl[VDEV_DTL_OUTAGE])) != 0)
        return err;
    return dtl_at_least(vd, VDEV_DTL_OUTAGE, most, vd->dtl[VDEV_DTL_MISSING]);
}

int vdev_dtl_reassess(struct vdev_tree *tree)
{
    WRITE_GUARD(&tree->dtl_lock);
    return dtl_reassess(tree->root, NULL);
}

bool vdev_dtl_required(struct vdev *vd)
{
    if (vd->parent == NULL || vd->top == vd)
        return true;
    WRITE_GUARD(&vd->tree->dtl_lock);
    bool required =
        dtl_reassess(vd->top, vd) != 0 || range_tree_count(vd->top->dtl[VDEV_DTL_OUTAGE]) != 0;
    if (dtl_reassess(vd->top, NULL) != 0)
        return true;
    return required;
}

static void resilver_bounds(const struct vdev *vd, uint64_t *min_txg, uint64_t *max_txg)
{
    for (unsigned i = 0; i < vd->nchildren; i++)
        resilver_bounds(vd->child[i], min_txg, max_txg);
    struct range first, last;
    const struct range_tree *missing = vd->dtl[VDEV_DTL_MISSING];
    if (!vd->ops->leaf || missing == NULL || !vdev_writeable(vd) || vd->resilver_deferred ||
        !range_tree_first(missing, &first) || !range_tree_last(missing, &last))
        return;
    *min_txg = min_of(*min_txg, first.start == 0 ? 0 : first.start - 1);
    *max_txg = max_of(*max_txg, last.start + last.size);
}

bool vdev_resilver_needed(struct vdev *vd, uint64_t *min_txg, uint64_t *max_txg)
{
    READ_GUARD(&vd->tree->dtl_lock);
    *min_txg = UINT64_MAX;
    *max_txg = 0;
    resilver_bounds(vd, min_txg, max_txg);
    return *max_txg != 0;
}

void vdev_dtl_each(const struct vdev *vd, int kind,
                   void (*fn)(void *arg, uint64_t start, uint64_t count), void *arg)
{
    const struct range_tree *rt = vd->dtl[kind];
    struct range r;
    if (rt == NULL)
        return;
    READ_GUARD(&vd->tree->dtl_lock);
    for (bool ok = range_tree_first(rt, &r); ok; ok = range_tree_next(rt, &r))
        fn(arg, r.start, r.size);
}
