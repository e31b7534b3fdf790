/* SPDX-License-Identifier: MIT */
/*
 * Vdev types with whole copies: "mirror", "replacing" and "spare" (format/raid.md 2). Reads choose
 * the least busy copy and go on to the next until one verifies; scrubs read all of them; bad and
 * missing copies are rewritten.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vdev/draid.h"
#include "vdev/vdev_impl.h"

/* Neighbouring reads go to one child, so that its readahead works. */
#define MIRROR_LOCALITY_SHIFT 21

struct mirror_side {
    struct vdev_io *io;
    int error;
    bool tried;
    bool skipped; /* has an error by plan */
    bool stale;   /* missed writes of this txg: a last resort, and nobody's fault */
};

struct mirror_io {
    struct vdev_io *io;
    unsigned n, at;
    struct vdev_io **set; /* children under way */
    struct mirror_side side[];
};

static void mirror_complete(struct mirror_io *m, int err)
{
    struct vdev_io *io = m->io;
    for (unsigned i = 0; i < m->n; i++)
        vdev_io_free(m->side[i].io);
    io->state = NULL;
    free(m->set);
    free(m);
    vdev_io_complete(io, err);
}

static struct mirror_io *mirror_begin(struct vdev_io *io)
{
    unsigned n = io->vd->nchildren;
    struct mirror_io *m = mem_zalloc(sizeof(*m) + n * sizeof(m->side[0]));
    struct vdev_io **set = mem_calloc(n, sizeof(struct vdev_io *));
    if (m == NULL || set == NULL) {
        free(m);
        free(set);
        vdev_io_complete(io, err_raise(ZE_NOMEM, "mirror I/O"));
        return NULL;
    }
    m->io = io;
    m->n = n;
    m->set = set;
    io->state = m;
    return m;
}

/* Errors of what was tried count; those of sides left out only if there is nothing else. */
static int mirror_worst(const struct mirror_io *m)
{
    int err = 0;
    for (unsigned i = 0; i < m->n; i++)
        if (!m->side[i].skipped)
            err = vdev_io_worst_error(err, m->side[i].error);
    for (unsigned i = 0; err == 0 && i < m->n; i++)
        if (m->side[i].error != 0 && m->side[i].error != ZE_STALE)
            err = m->side[i].error;
    return err != 0 ? err : ZE_NXIO;
}

static unsigned mirror_unexpected(const struct mirror_io *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->n; i++)
        n += m->side[i].error != 0 && !m->side[i].skipped;
    return n;
}

/* A new device is being filled from the others. */
static bool mirror_is_resilvering(const struct vdev *vd)
{
    if (vd->type == VDEV_MIRROR)
        return false;
    for (unsigned i = 0; i < vd->nchildren; i++)
        if (!vdev_dtl_empty(vd->child[i], VDEV_DTL_MISSING))
            return true;
    return false;
}

/* ---- repair ---- */

static void repair_done(struct vdev_io *io)
{
    mirror_complete(io->state, 0);
}

static bool side_needs_repair(const struct mirror_io *m, unsigned i)
{
    const struct mirror_side *s = &m->side[i];
    const struct vdev *child = m->io->vd->child[i];
    if (!vdev_writeable(child))
        return false;
    if (s->error != 0)
        return true;
    if (s->tried)
        return false;
    return (m->io->flags & (VDEV_IO_SCRUB | VDEV_IO_RESILVER)) != 0 ||
           child->type == VDEV_DRAID_SPARE ||
           vdev_dtl_contains(child, VDEV_DTL_PARTIAL, m->io->txg);
}

/* io->buf is right: rewrite the copies that are not. */
static void mirror_repair(struct mirror_io *m)
{
    struct vdev_io *io = m->io;
    unsigned unexpected = mirror_unexpected(m), n = 0;
    bool wanted = unexpected > 0 || (io->flags & VDEV_IO_RESILVER) != 0 ||
                  ((io->flags & VDEV_IO_SCRUB) != 0 && mirror_is_resilvering(io->vd));
    io->bad_copies += unexpected;
    for (unsigned i = 0; i < m->n; i++)
        io->bad_copies += m->side[i].io != NULL ? m->side[i].io->bad_copies : 0;
    if (!wanted || io->copy != 0 || !vdev_io_may_repair(io)) {
        mirror_complete(m, 0);
        return;
    }
    for (unsigned i = 0; i < m->n; i++) {
        vdev_io_free(m->side[i].io);
        m->side[i].io = NULL;
        if (side_needs_repair(m, i))
            m->side[i].io = vdev_io_repair_child(io, io->vd->child[i], io->offset, io->rsize,
                                                 io->buf, unexpected > 0);
        if (m->side[i].io != NULL)
            m->set[n++] = m->side[i].io;
    }
    vdev_io_submit_children(io, m->set, n, repair_done);
}

/* ---- reading one copy after the other ---- */

static void classify(struct mirror_io *m, unsigned i)
{
    struct mirror_side *s = &m->side[i];
    s->error = vdev_child_state_at(m->io->vd->child[i], m->io->offset, m->io->txg);
    s->skipped = s->error != 0;
    s->stale = s->error == ZE_STALE;
    s->tried = s->error == ZE_NXIO;
}

/* Side to read next, or -1. */
static int pick_side(struct mirror_io *m)
{
    struct vdev *vd = m->io->vd;
    unsigned best = UINT32_MAX, count = 0;
    for (unsigned i = 0; i < m->n; i++) {
        const struct mirror_side *s = &m->side[i];
        if (s->tried || s->skipped)
            continue;
        if (vd->child[i]->type == VDEV_DRAID_SPARE)
            return (int)i;
        unsigned load = vdev_load(vd->child[i], m->io->offset);
        count = load < best ? 1 : load == best ? count + 1 : count;
        best = min_of(best, load);
    }
    if (count > 0) {
        unsigned want = (unsigned)((m->io->offset >> MIRROR_LOCALITY_SHIFT) % count);
        int found = -1;
        for (unsigned i = 0; i < m->n; i++) {
            const struct mirror_side *s = &m->side[i];
            if (s->tried || s->skipped)
                continue;
            /* Loads change under us; whatever is left is good enough. */
            found = (int)i;
            if (vdev_load(vd->child[i], m->io->offset) <= best && want-- == 0)
                break;
        }
        return found;
    }
    for (unsigned i = 0; i < m->n; i++)
        if (!m->side[i].tried)
            return (int)i;
    return -1;
}

static struct vdev_io *side_read(struct mirror_io *m, unsigned i, void *buf)
{
    struct vdev_io *io =
        vdev_io_child(m->io, m->io->vd->child[i], DEVICE_READ, m->io->offset, m->io->rsize, buf);
    if (io == NULL)
        return NULL;
    if (m->io->verify != NULL)
        io->verify = vdev_io_verify_as_parent;
    if (m->side[i].stale)
        io->flags |= VDEV_IO_SPECULATIVE;
    return io;
}

static void read_next(struct mirror_io *m);

static void read_done(struct vdev_io *io)
{
    struct mirror_io *m = io->state;
    struct mirror_side *s = &m->side[m->at];
    s->error = s->io->error;
    s->tried = true;
    if (s->error != 0) {
        vdev_io_free(s->io);
        s->io = NULL;
        read_next(m);
        return;
    }
    mirror_repair(m);
}

static void read_side(struct mirror_io *m, unsigned i)
{
    m->at = i;
    m->side[i].io = m->set[0] = side_read(m, i, m->io->buf);
    if (m->set[0] == NULL) {
        mirror_complete(m, err_raise(ZE_NOMEM, "mirror I/O"));
        return;
    }
    vdev_io_submit_children(m->io, m->set, 1, read_done);
}

static void read_next(struct mirror_io *m)
{
    int i = m->io->copy != 0 ? -1 : pick_side(m);
    if (i < 0)
        mirror_complete(m, mirror_worst(m));
    else
        read_side(m, (unsigned)i);
}

/* ---- reading all copies ---- */

/* Copies of one column under a parity vdev have no checksum of their own: they must at least agree.
 */
static int compare_copies(struct mirror_io *m)
{
    const struct vdev_io *first = NULL, *spare = NULL;
    bool differ = false;
    for (unsigned i = 0; i < m->n; i++) {
        const struct mirror_side *s = &m->side[i];
        if (s->io == NULL || s->error != 0 || s->stale)
            continue;
        if (first == NULL)
            first = s->io;
        else
            differ |= memcmp(first->buf, s->io->buf, m->io->rsize) != 0;
        if (m->io->vd->child[i]->type == VDEV_DRAID_SPARE)
            spare = s->io;
    }
    if (differ && spare != NULL && spare->buf != m->io->buf)
        memcpy(m->io->buf, spare->buf, m->io->rsize);
    return differ ? ZE_CKSUM : 0;
}

static void read_all_done(struct vdev_io *io)
{
    struct mirror_io *m = io->state;
    const struct vdev_io *good = NULL, *old = NULL;
    for (unsigned i = 0; i < m->n; i++) {
        struct mirror_side *s = &m->side[i];
        if (s->io == NULL)
            continue;
        s->tried = true;
        s->error = s->io->error;
        if (s->error == 0 && s->stale)
            old = old != NULL ? old : s->io;
        else if (s->error == 0)
            good = good != NULL ? good : s->io;
    }
    good = good != NULL ? good : old;
    if (good == NULL) {
        mirror_complete(m, mirror_worst(m));
        return;
    }
    if (good->buf != io->buf)
        memcpy(io->buf, good->buf, io->rsize);
    int err = io->verify == NULL && io->vd->top != io->vd ? compare_copies(m) : 0;
    if (err != 0)
        mirror_complete(m, err);
    else
        mirror_repair(m);
}

static void read_all(struct mirror_io *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->n; i++) {
        if (m->side[i].error == ZE_NXIO)
            continue;
        m->side[i].io = side_read(m, i, n == 0 ? m->io->buf : NULL);
        if (m->side[i].io != NULL)
            m->set[n++] = m->side[i].io;
    }
    vdev_io_submit_children(m->io, m->set, n, read_all_done);
}

static void start_read(struct mirror_io *m)
{
    struct vdev_io *io = m->io;
    for (unsigned i = 0; i < m->n; i++)
        classify(m, i);
    if (io->copy > m->n)
        mirror_complete(m, err_raise(ZE_INVAL, "%s: copy %u", io->vd->ops->name, io->copy));
    else if (io->copy != 0 && m->side[io->copy - 1].error == ZE_NXIO)
        mirror_complete(m, ZE_NXIO);
    else if (io->copy != 0)
        read_side(m, io->copy - 1);
    else if ((io->flags & (VDEV_IO_SCRUB | VDEV_IO_RESILVER)) != 0 &&
             !mirror_is_resilvering(io->vd))
        read_all(m);
    else
        read_next(m);
}

/* ---- write ---- */

static void write_done(struct vdev_io *io)
{
    struct mirror_io *m = io->state;
    int worst = ZE_NXIO;
    bool any = false;
    for (unsigned i = 0; i < m->n; i++) {
        int err = m->side[i].io != NULL ? m->side[i].io->error : ZE_NOMEM;
        any |= err == 0;
        worst = vdev_io_worst_error(worst, err);
    }
    mirror_complete(m, any ? 0 : worst);
}

static void start_write(struct mirror_io *m)
{
    struct vdev_io *io = m->io;
    for (unsigned i = 0; i < m->n; i++)
        m->side[i].io = m->set[i] =
            vdev_io_child(io, io->vd->child[i], DEVICE_WRITE, io->offset, io->rsize, io->buf);
    vdev_io_submit_children(io, m->set, m->n, write_done);
}

static void mirror_io_start(struct vdev_io *io)
{
    struct mirror_io *m = mirror_begin(io);
    if (m == NULL)
        return;
    if (io->op == DEVICE_READ)
        start_read(m);
    else if (io->op == DEVICE_WRITE)
        start_write(m);
    else
        mirror_complete(m,
                        err_raise(ZE_NOTSUP, "%s: operation on a whole mirror", io->vd->ops->name));
}

/* ---- size and state ---- */

static int mirror_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    unsigned usable = 0, offline = 0;
    geo->asize = geo->max_asize = UINT64_MAX;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        const struct vdev *child = vd->child[i];
        offline += child->state == VDEV_STATE_OFFLINE;
        if (!vdev_is_usable(child))
            continue;
        usable++;
        geo->asize = min_of(geo->asize, child->asize);
        geo->max_asize = min_of(geo->max_asize, child->max_asize);
    }
    if (usable == 0) {
        *aux = offline == vd->nchildren ? VDEV_AUX_CHILDREN_OFFLINE : VDEV_AUX_NO_REPLICAS;
        return err_raise(ZE_NXIO, "%s-%llu: none of its %u devices can be opened", vd->ops->name,
                         (unsigned long long)vd->id, vd->nchildren);
    }
    vdev_geometry_ashift(vd, geo);
    return 0;
}

static void mirror_state(const struct vdev *vd, const struct vdev_child_counts *n,
                         enum vdev_state *state, enum vdev_aux *aux)
{
    *aux = VDEV_AUX_NONE;
    *state = VDEV_STATE_HEALTHY;
    if (n->total > 0 && n->faulted == n->total) {
        bool offline = n->offline == n->total;
        *state = offline ? VDEV_STATE_OFFLINE : VDEV_STATE_CANT_OPEN;
        *aux = offline ? VDEV_AUX_CHILDREN_OFFLINE : VDEV_AUX_NO_REPLICAS;
    } else if (n->faulted + n->degraded > 0) {
        *state = VDEV_STATE_DEGRADED;
    }
}

static unsigned mirror_copies(const struct vdev *vd)
{
    return vd->nchildren;
}

const struct vdev_ops vdev_mirror_ops = {
    .name = "mirror",
    .open = mirror_open,
    .state_of_children = mirror_state,
    .io_start = mirror_io_start,
    .copies = mirror_copies,
};
const struct vdev_ops vdev_replacing_ops = {
    .name = "replacing",
    .open = mirror_open,
    .state_of_children = mirror_state,
    .io_start = mirror_io_start,
    .copies = mirror_copies,
};
const struct vdev_ops vdev_spare_ops = {
    .name = "spare",
    .open = mirror_open,
    .state_of_children = mirror_state,
    .io_start = mirror_io_start,
    .copies = mirror_copies,
};
