/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing a tree, and the state machine: leaves are opened in parallel, interior vdevs
 * get sizes and states from their children, state changes propagate to the root
 * (format/raid.md 9.3). Locks: state_lock for state and aux; the observer is called without it.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/worker.h"
#include "disk/label.h"
#include "vdev/dtl.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_parallel.h"

#define OPEN_THREADS 16

/* ---- doing something with every leaf at once ---- */

struct leaf_list {
    struct vdev **leaf;
    size_t n, room;
    atomic_size_t next;
    void (*fn)(void *arg, struct vdev *leaf);
    void *arg;
};

static int leaf_collect(void *arg, struct vdev *vd)
{
    struct leaf_list *list = arg;
    if (!vd->ops->leaf)
        return 0;
    if (list->n == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        struct vdev **more = realloc(list->leaf, room * sizeof(struct vdev *));
        if (more == NULL)
            return ZE_NOMEM;
        list->leaf = more;
        list->room = room;
    }
    list->leaf[list->n++] = vd;
    return 0;
}

static void leaf_worker(void *arg)
{
    struct leaf_list *list = arg;
    for (size_t i; (i = atomic_fetch_add(&list->next, 1)) < list->n;)
        list->fn(list->arg, list->leaf[i]);
}

int vdev_each_leaf_parallel(struct vdev_tree *tree, bool aux,
                            void (*fn)(void *arg, struct vdev *leaf), void *arg)
{
    struct leaf_list list = {.fn = fn, .arg = arg};
    int err = vdev_each(tree->root, leaf_collect, &list);
    for (unsigned i = 0; aux && err == 0 && i < tree->nspares; i++)
        err = leaf_collect(&list, tree->spares[i]);
    for (unsigned i = 0; aux && err == 0 && i < tree->nl2cache; i++)
        err = leaf_collect(&list, tree->l2cache[i]);
    struct thread *threads[OPEN_THREADS];
    unsigned n = 0;
    while (err == 0 && n < OPEN_THREADS && n + 1 < list.n &&
           thread_start("zuse-leaf", leaf_worker, &list, &threads[n]) == 0)
        n++;
    if (err == 0)
        leaf_worker(&list);
    for (unsigned i = 0; i < n; i++)
        thread_join(threads[i]);
    free(list.leaf);
    return err;
}

/* ---- states ---- */

bool vdev_readable(const struct vdev *vd)
{
    return vd->state >= VDEV_STATE_DEGRADED && !atomic_load(&vd->cant_read);
}

bool vdev_writeable(const struct vdev *vd)
{
    return vd->state >= VDEV_STATE_DEGRADED && !atomic_load(&vd->cant_write) &&
           vdev_is_concrete(vd);
}

static void state_store(struct vdev *vd, enum vdev_state state, enum vdev_aux aux)
{
    if (vd->state == state && vd->aux == aux)
        return;
    vd->prev_state = vd->state;
    vd->state = state;
    vd->aux = aux;
}

static void count_children(const struct vdev *vd, struct vdev_child_counts *n)
{
    *n = (struct vdev_child_counts){0};
    bool writable = vd->tree->open_flags & DEVICE_OPEN_WRITE;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        const struct vdev *c = vd->child[i];
        if (c->type == VDEV_HOLE || c->type == VDEV_INDIRECT)
            continue;
        n->total++;
        if (!vdev_readable(c) || (writable && !vdev_writeable(c))) {
            n->faulted++;
            /* A log that is gone costs synchronous writes not yet replayed, not the pool. */
            n->offline += c->state == VDEV_STATE_OFFLINE;
        } else if (c->state == VDEV_STATE_DEGRADED) {
            n->degraded++;
        }
    }
}

static bool has_corrupt_child(const struct vdev *vd)
{
    for (unsigned i = 0; i < vd->nchildren; i++) {
        if (vd->child[i]->aux == VDEV_AUX_CORRUPT_DATA)
            return true;
    }
    return false;
}

/* New state of an interior vdev that could be opened, from its children. */
static void state_derive(struct vdev *vd, enum vdev_state *state, enum vdev_aux *aux)
{
    struct vdev_child_counts n;
    *state = VDEV_STATE_HEALTHY;
    *aux = VDEV_AUX_NONE;
    count_children(vd, &n);
    if (vd->ops->state_of_children != NULL)
        vd->ops->state_of_children(vd, &n, state, aux);
    if (vd->type == VDEV_ROOT && *state == VDEV_STATE_CANT_OPEN && has_corrupt_child(vd))
        *aux = VDEV_AUX_CORRUPT_DATA;
}

/* An interior vdev's own verdict on its size or configuration outlives what its children do. */
static bool state_is_own(const struct vdev *vd)
{
    return vd->state == VDEV_STATE_CANT_OPEN &&
           (vd->aux == VDEV_AUX_TOO_SMALL || vd->aux == VDEV_AUX_BAD_LABEL ||
            vd->aux == VDEV_AUX_BAD_GUID_SUM || vd->aux == VDEV_AUX_BAD_ASHIFT ||
            vd->aux == VDEV_AUX_UNSUP_FEAT || vd->aux == VDEV_AUX_VERSION_NEWER);
}

struct state_change {
    struct vdev *vd;
    enum vdev_state from;
};

void vdev_state_set(struct vdev *vd, enum vdev_state state, enum vdev_aux aux)
{
    struct state_change change[16];
    unsigned n = 0;
    struct vdev_observer *o = vd->tree->observer;
    mutex_lock(&vd->tree->state_lock);
    for (struct vdev *v = vd; v != NULL; v = v->parent) {
        enum vdev_state from = v->state;
        if (v != vd) {
            if (state_is_own(v))
                break;
            state_derive(v, &state, &aux);
        }
        state_store(v, state, aux);
        if (from != state && n < array_len(change))
            change[n++] = (struct state_change){v, from};
    }
    mutex_unlock(&vd->tree->state_lock);
    for (unsigned i = 0; i < n && o != NULL && o->state_changed != NULL; i++)
        o->state_changed(o, change[i].vd, change[i].from);
}

static void propagate(struct vdev *vd)
{
    for (unsigned i = 0; i < vd->nchildren; i++)
        propagate(vd->child[i]);
    if (vd->ops->leaf || vd->type == VDEV_INDIRECT || state_is_own(vd) ||
        vd->state < VDEV_STATE_OFFLINE)
        return;
    enum vdev_state state;
    enum vdev_aux aux;
    state_derive(vd, &state, &aux);
    state_store(vd, state, aux);
}

void vdev_propagate_state(struct vdev *vd)
{
    MUTEX_GUARD(&vd->tree->state_lock);
    propagate(vd);
    for (vd = vd->parent; vd != NULL && !state_is_own(vd); vd = vd->parent) {
        enum vdev_state state;
        enum vdev_aux aux;
        state_derive(vd, &state, &aux);
        state_store(vd, state, aux);
    }
}

/* ---- open ---- */

/* The smallest size each vdev may have, top down: it depends only on configured sizes. */
static void set_min_asize(struct vdev *vd)
{
    vd->min_asize =
        vd->type == VDEV_ROOT || !vdev_is_concrete(vd) ? 0 : vdev_min_asize_required(vd);
    for (unsigned i = 0; i < vd->nchildren; i++)
        set_min_asize(vd->child[i]);
}

static int open_failed(struct vdev *vd, int err, enum vdev_state state, enum vdev_aux aux)
{
    vd->open_error = err;
    state_store(vd, state, aux);
    return err;
}

static int open_error_state(struct vdev *vd, int err, enum vdev_aux aux)
{
    if (vd->removed && (err == ZE_NOENT || err == ZE_NXIO))
        return open_failed(vd, err, VDEV_STATE_REMOVED, VDEV_AUX_NONE);
    vd->removed = false;
    if (aux == VDEV_AUX_CHILDREN_OFFLINE)
        return open_failed(vd, err, VDEV_STATE_OFFLINE, aux);
    if (aux == VDEV_AUX_NONE)
        aux = vd->ops->leaf ? VDEV_AUX_OPEN_FAILED : VDEV_AUX_NO_REPLICAS;
    return open_failed(vd, err, VDEV_STATE_CANT_OPEN, aux);
}

static int open_check_size(struct vdev *vd, const struct vdev_geometry *geo)
{
    bool small = vd->ops->leaf && vd->dev != NULL
                     ? vd->psize < LABEL_MIN_DEVSIZE
                     : geo->asize < LABEL_MIN_DEVSIZE - LABEL_START_SIZE - LABEL_END_SIZE;
    if (small) {
        open_failed(vd, ZE_DEVSIZE, VDEV_STATE_CANT_OPEN, VDEV_AUX_TOO_SMALL);
        return err_raise(ZE_DEVSIZE, "vdev %016llx is too small", (unsigned long long)vd->guid);
    }
    if (geo->asize < vd->min_asize) {
        open_failed(vd, ZE_INVAL, VDEV_STATE_CANT_OPEN, VDEV_AUX_BAD_LABEL);
        return err_raise(ZE_DEVSIZE, "vdev %016llx has %llu bytes, less than the configured %llu",
                         (unsigned long long)vd->guid, (unsigned long long)geo->asize,
                         (unsigned long long)vd->min_asize);
    }
    return 0;
}

static int open_check_ashift(struct vdev *vd, const struct vdev_geometry *geo)
{
    vd->logical_ashift = geo->logical_ashift;
    vd->physical_ashift = geo->physical_ashift;
    struct vdev *top = vd->top;
    if (top != NULL && top->ashift == 0 && top == vd) {
        if (geo->logical_ashift > 16) {
            open_failed(vd, ZE_RANGE, VDEV_STATE_CANT_OPEN, VDEV_AUX_ASHIFT_TOO_BIG);
            return err_raise(ZE_RANGE, "vdev %016llx: sector size is too large",
                             (unsigned long long)vd->guid);
        }
        vd->ashift = max_of(geo->logical_ashift, 9u);
    }
    if (vd->ops->leaf && top != NULL && top->ashift != 0 && geo->logical_ashift > top->ashift) {
        open_failed(vd, ZE_RANGE, VDEV_STATE_CANT_OPEN, VDEV_AUX_BAD_LABEL);
        return err_raise(ZE_RANGE, "vdev %016llx: sectors of 2^%llu bytes do not fit ashift %llu",
                         (unsigned long long)vd->guid, (unsigned long long)geo->logical_ashift,
                         (unsigned long long)top->ashift);
    }
    return 0;
}

/* A top-level vdev keeps its configured size unless the devices shrank; growth needs an explicit
 * request. */
static void open_adopt_size(struct vdev *vd, const struct vdev_geometry *geo)
{
    vd->max_asize = geo->max_asize;
    bool configured = vd->top == vd && vd->asize != 0 && !vd->is_spare && !vd->is_l2cache;
    if (!configured || geo->asize < vd->asize)
        vd->asize = geo->asize;
}

static int vdev_open_one(struct vdev *vd)
{
    struct vdev_geometry geo = {0};
    enum vdev_aux aux = VDEV_AUX_NONE;
    atomic_store(&vd->cant_read, false);
    atomic_store(&vd->cant_write, false);
    if (vd->faulted && !vd->removed)
        return open_failed(vd, ZE_NXIO, VDEV_STATE_FAULTED, vd->label_aux);
    if (vd->offline || vd->tmp_offline)
        return open_failed(vd, ZE_NXIO, VDEV_STATE_OFFLINE, VDEV_AUX_NONE);
    int err = vd->ops->open(vd, &geo, &aux);
    if (err != 0)
        return open_error_state(vd, err, aux);
    vd->removed = false;
    vd->open_error = 0;
    if (vd->degraded)
        state_store(vd, VDEV_STATE_DEGRADED, vd->label_aux);
    else
        state_store(vd, VDEV_STATE_HEALTHY, VDEV_AUX_NONE);
    if (!vdev_is_concrete(vd) && vd->type != VDEV_ROOT)
        return 0;
    if (!vd->ops->leaf) {
        enum vdev_state state;
        state_derive(vd, &state, &aux);
        state_store(vd, state, aux);
    }
    if (vd->type == VDEV_ROOT)
        return 0;
    if (vd->type == VDEV_DRAID_SPARE) {
        vd->asize = vd->max_asize = geo.asize;
        return 0;
    }
    geo.asize = vd->ops->leaf ? geo.asize : round_down_pow2(geo.asize, LABEL_SIZE);
    if ((err = open_check_size(vd, &geo)) != 0 || (err = open_check_ashift(vd, &geo)) != 0)
        return err;
    open_adopt_size(vd, &geo);
    return 0;
}

static void open_leaf(void *arg, struct vdev *vd)
{
    if (vd->type != VDEV_DRAID_SPARE)
        vdev_open_one(vd);
}

/* Leaves first, then upward; distributed spares after everything, they live on another top-level
 * vdev. */
static void open_interior(struct vdev *vd)
{
    for (unsigned i = 0; i < vd->nchildren; i++)
        open_interior(vd->child[i]);
    if (!vd->ops->leaf)
        vdev_open_one(vd);
}

static int open_draid_spare(void *arg, struct vdev *vd)
{
    if (vd->type == VDEV_DRAID_SPARE) {
        vdev_open_one(vd);
        *(bool *)arg = true;
    }
    return 0;
}

int vdev_tree_open(struct vdev_tree *tree, unsigned device_open_flags)
{
    tree->open_flags = device_open_flags;
    set_min_asize(tree->root);
    int err = vdev_each_leaf_parallel(tree, true, open_leaf, NULL);
    if (err != 0)
        return err;
    bool spares = false;
    MUTEX_GUARD(&tree->state_lock);
    open_interior(tree->root);
    vdev_each(tree->root, open_draid_spare, &spares);
    for (unsigned i = 0; i < tree->nspares; i++)
        open_draid_spare(&spares, tree->spares[i]);
    if (spares)
        open_interior(tree->root);
    return 0;
}

int vdev_aux_open(struct vdev_tree *tree)
{
    unsigned flags = tree->open_flags;
    tree->open_flags &= ~(unsigned)(DEVICE_OPEN_EXCL | DEVICE_OPEN_WRITE);
    for (unsigned i = 0; i < tree->nspares; i++)
        vdev_open_one(tree->spares[i]);
    for (unsigned i = 0; i < tree->nl2cache; i++)
        vdev_open_one(tree->l2cache[i]);
    tree->open_flags = flags;
    return 0;
}

static int close_one(void *arg, struct vdev *vd)
{
    if (vd->ops->close != NULL)
        vd->ops->close(vd);
    vd->open_error = ZE_NXIO;
    vd->state = VDEV_STATE_CLOSED;
    return 0;
}

void vdev_tree_close(struct vdev_tree *tree)
{
    vdev_each(tree->root, close_one, NULL);
    for (unsigned i = 0; i < tree->nspares; i++)
        close_one(NULL, tree->spares[i]);
    for (unsigned i = 0; i < tree->nl2cache; i++)
        close_one(NULL, tree->l2cache[i]);
}
