/* SPDX-License-Identifier: MIT */
/*
 * The vdev type "dspare": a distributed spare of a dRAID vdev (format/raid.md 5.8). It has no
 * device and no labels; each slice of it lies on another child of the dRAID. A leaf of the tree in
 * every other respect.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "vdev/draid.h"
#include "vdev/vdev_impl.h"

/* A spare may stand in for a child that itself was replaced by a spare, and so on. */
#define SPARE_MAX_DEPTH 16
/* A request is within one row of a dRAID group, so it meets at most one end of a slice. */
#define SPARE_MAX_PARTS 4

struct vdev_draid_spare {
    uint64_t top_guid, spare;
};

static struct vdev *spare_top(const struct vdev *spare)
{
    const struct vdev_draid_spare *s = spare->priv;
    const struct vdev *root = spare->tree->root;
    for (unsigned i = 0; i < root->nchildren; i++)
        if (root->child[i]->guid == s->top_guid && root->child[i]->type == VDEV_DRAID)
            return root->child[i];
    return NULL;
}

struct vdev *vdev_draid_spare_target(const struct vdev *spare, uint64_t offset)
{
    const struct vdev_draid_spare *s = spare->priv;
    struct vdev *top = spare_top(spare);
    if (top == NULL)
        return NULL;
    struct draid_layout l;
    vdev_draid_layout(top, &l);
    return s->spare < l.nspares ? top->child[draid_spare_child(&l, (unsigned)s->spare, offset)]
                                : NULL;
}

uint64_t vdev_draid_spare_run(const struct vdev *spare, uint64_t offset)
{
    struct vdev *top = spare_top(spare);
    if (top == NULL)
        return UINT64_MAX;
    struct draid_layout l;
    vdev_draid_layout(top, &l);
    return l.slice_size - offset % l.slice_size;
}

static int state_at(const struct vdev *vd, uint64_t offset, uint64_t txg, unsigned depth)
{
    if (depth > SPARE_MAX_DEPTH || !vdev_readable(vd))
        return ZE_NXIO;
    if (vd->type == VDEV_DRAID_SPARE) {
        const struct vdev *target = vdev_draid_spare_target(vd, offset);
        int err = target == NULL ? ZE_NXIO : state_at(target, offset, txg, depth + 1);
        if (err != 0)
            return err;
    }
    bool copies = vd->type == VDEV_SPARE || vd->type == VDEV_REPLACING || vd->type == VDEV_MIRROR;
    if (!copies)
        return vdev_dtl_contains(vd, VDEV_DTL_MISSING, txg) ? ZE_STALE : 0;
    int best = ZE_NXIO;
    for (unsigned i = 0; i < vd->nchildren && best != 0; i++) {
        int err = state_at(vd->child[i], offset, txg, depth + 1);
        best = err == 0 || best == ZE_NXIO ? err : best;
    }
    return best;
}

int vdev_child_state_at(const struct vdev *vd, uint64_t offset, uint64_t txg)
{
    return state_at(vd, offset, txg, 0);
}

/* ---- the type ---- */

static int spare_create(struct vdev *vd, const struct nvlist *config)
{
    struct vdev_draid_spare *s = vd->priv = mem_zalloc(sizeof(*s));
    if (s == NULL)
        return err_raise(ZE_NOMEM, "dspare");
    if (nvlist_lookup_u64(config, "top_guid", &s->top_guid) != 0 ||
        nvlist_lookup_u64(config, "spareid", &s->spare) != 0)
        return err_raise(ZE_VDEVCONFIG, "dspare: top_guid or spareid is missing");
    if (s->spare >= DRAID_MAX_SPARES)
        return err_raise(ZE_VDEVCONFIG, "dspare: spareid %llu", (unsigned long long)s->spare);
    return 0;
}

static void spare_destroy(struct vdev *vd)
{
    free(vd->priv);
    vd->priv = NULL;
}

static int spare_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    const struct vdev *top = spare_top(vd);
    if (top == NULL || vdev_draid_spare_target(vd, 0) == NULL) {
        *aux = VDEV_AUX_OPEN_FAILED;
        return err_raise(ZE_VDEVCONFIG, "distributed spare %s: there is no such dRAID or spare",
                         vd->path != NULL ? vd->path : "");
    }
    *geo = (struct vdev_geometry){.asize = UINT64_MAX, .max_asize = UINT64_MAX};
    for (unsigned i = 0; i < top->nchildren; i++) {
        const struct vdev *child = top->child[i];
        if (!vdev_is_usable(child) || child->type == VDEV_DRAID_SPARE)
            continue;
        geo->asize = min_of(geo->asize, child->asize);
        geo->max_asize = min_of(geo->max_asize, child->max_asize);
        geo->logical_ashift = max_of(geo->logical_ashift, child->logical_ashift);
        geo->physical_ashift = max_of(geo->physical_ashift, child->physical_ashift);
    }
    if (geo->asize == UINT64_MAX) {
        *aux = VDEV_AUX_OPEN_FAILED;
        return err_raise(ZE_NXIO, "distributed spare %s: its dRAID has no usable child",
                         vd->path != NULL ? vd->path : "");
    }
    vd->psize = geo->asize + VDEV_START_OFFSET + VDEV_END_RESERVE;
    vd->logical_ashift = geo->logical_ashift;
    vd->physical_ashift = geo->physical_ashift;
    return 0;
}

static int spare_config_add(const struct vdev *vd, struct nvlist *nv)
{
    const struct vdev_draid_spare *s = vd->priv;
    int err = nvlist_add_u64(nv, "top_guid", s->top_guid);
    return err != 0 ? err : nvlist_add_u64(nv, "spareid", s->spare);
}

struct spare_io {
    struct vdev_io *child[SPARE_MAX_PARTS];
    unsigned n;
};

static void spare_done(struct vdev_io *io)
{
    struct spare_io *s = io->state;
    int err = 0;
    for (unsigned i = 0; i < s->n; i++) {
        err = vdev_io_worst_error(err, s->child[i] != NULL ? s->child[i]->error : ZE_NXIO);
        vdev_io_free(s->child[i]);
    }
    free(s);
    io->state = NULL;
    vdev_io_complete(io, err);
}

/* How many spares the I/O has come through; a hostile tree could send it round in circles. */
static unsigned spare_depth(const struct vdev_io *io)
{
    unsigned n = 0;
    for (; io != NULL; io = io->parent)
        n += io->vd->type == VDEV_DRAID_SPARE;
    return n;
}

static void spare_io_start(struct vdev_io *io)
{
    if (io->op == DEVICE_FLUSH) {
        vdev_io_complete(io, 0); /* the children of the dRAID are flushed themselves */
        return;
    }
    if ((io->flags & VDEV_IO_PHYSICAL) != 0 || spare_depth(io) > SPARE_MAX_DEPTH) {
        vdev_io_complete(io, ZE_NXIO); /* no labels here */
        return;
    }
    struct spare_io *s = mem_zalloc(sizeof(*s));
    if (s == NULL) {
        vdev_io_complete(io, err_raise(ZE_NOMEM, "spare I/O"));
        return;
    }
    io->state = s;
    uint64_t done = 0;
    while (done < io->rsize && s->n < SPARE_MAX_PARTS) {
        uint64_t at = io->offset + done;
        uint64_t len = min_of(io->rsize - done, vdev_draid_spare_run(io->vd, at));
        struct vdev *target = vdev_draid_spare_target(io->vd, at);
        if (target == NULL)
            break;
        struct vdev_io *child =
            vdev_io_child(io, target, io->op, at, len, (uint8_t *)io->buf + done);
        if (child != NULL && len == io->rsize && io->verify != NULL)
            child->verify = vdev_io_verify_as_parent;
        s->child[s->n++] = child;
        done += len;
    }
    if (done < io->rsize) {
        for (unsigned i = 0; i < s->n; i++)
            vdev_io_free(s->child[i]);
        free(s);
        io->state = NULL;
        vdev_io_complete(io, ZE_NXIO);
        return;
    }
    vdev_io_submit_children(io, s->child, s->n, spare_done);
}

const struct vdev_ops vdev_draid_spare_ops = {
    .name = "dspare",
    .leaf = true,
    .create = spare_create,
    .destroy = spare_destroy,
    .open = spare_open,
    .config_add = spare_config_add,
    .io_start = spare_io_start,
};
