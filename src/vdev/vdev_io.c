/* SPDX-License-Identifier: MIT */
/*
 * Life of a vdev_io: checks at submission, children, completion, error accounting. See vdev_impl.h
 * for the protocol with the vdev types. No locks of its own; counts are atomics. Format:
 * format/raid.md 1.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/worker.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_queue.h"
#include "vdev/vdev_stats.h"

static bool io_is_write(const struct vdev_io *io)
{
    return io->op == DEVICE_WRITE || io->op == DEVICE_TRIM;
}

void vdev_io_complete(struct vdev_io *io, int err)
{
    io->error = err;
    if (!vdev_is_leaf(io->vd) && err == 0)
        vdev_stats_count(io->vd, io, 0);
    if (err != 0 && io->parent == NULL) {
        char name[256];
        vdev_display_name(io->vd, name, sizeof(name));
        err_raise(err, "vdev %s: %s of %llu bytes at offset %llu failed", name,
                  io->op == DEVICE_READ    ? "read"
                  : io->op == DEVICE_WRITE ? "write"
                                           : "operation",
                  (unsigned long long)io->size, (unsigned long long)io->offset);
    }
    io->done(io, err);
}

/* ---- submission ---- */

static int io_check_range(const struct vdev_io *io)
{
    const struct vdev *vd = io->vd;
    uint64_t end, limit = io->flags & VDEV_IO_PHYSICAL ? vd->psize : vd->asize;
    if (io->size == 0 || io->size % 512 != 0 || io->offset % 512 != 0)
        return ZE_INVAL;
    if (__builtin_add_overflow(io->offset, io->rsize, &end) || end > limit)
        return ZE_RANGE;
    return 0;
}

static int io_check_access(const struct vdev_io *io)
{
    const struct vdev *vd = io->vd;
    if (vd->type == VDEV_ROOT || vd->is_hole_or_missing)
        return ZE_NXIO;
    if (!io_is_write(io))
        return vdev_readable(vd) ? 0 : ZE_NXIO;
    if (!(vd->tree->open_flags & DEVICE_OPEN_WRITE))
        return ZE_ROFS;
    return vdev_writeable(vd) ? 0 : ZE_NXIO;
}

/* Rule 1.4: a repair that no resilver asked for goes only to devices that miss this txg. */
static bool io_repair_is_needless(const struct vdev_io *io)
{
    if (io->op != DEVICE_WRITE || !(io->flags & VDEV_IO_REPAIR) || (io->flags & VDEV_IO_SELF_HEAL))
        return false;
    const struct vdev *top = io->vd->top;
    if (io->txg == 0 || io->vd->type == VDEV_INDIRECT || (top != NULL && top->type == VDEV_DRAID))
        return false;
    return !vdev_dtl_contains(io->vd, VDEV_DTL_PARTIAL, io->txg);
}

static void flush_done(struct vdev_io *io)
{
    struct vdev_io **children = io->state;
    int err = 0;
    for (unsigned i = 0; i < io->vd->nchildren; i++) {
        if (children[i] != NULL && children[i]->error != ZE_NOTSUP)
            err = vdev_io_worst_error(err, children[i]->error);
        vdev_io_free(children[i]);
    }
    free(children);
    vdev_io_complete(io, err);
}

/* A flush of an interior vdev is one of every writeable child. */
static void flush_start(struct vdev_io *io)
{
    struct vdev_io **children = mem_calloc(io->vd->nchildren, sizeof(struct vdev_io *));
    if (children == NULL) {
        vdev_io_complete(io, io->vd->nchildren == 0 ? 0 : ZE_NOMEM);
        return;
    }
    io->state = children;
    bool short_of_memory = false;
    for (unsigned i = 0; i < io->vd->nchildren; i++) {
        if (!vdev_writeable(io->vd->child[i]))
            continue;
        children[i] = vdev_io_child(io, io->vd->child[i], DEVICE_FLUSH, 0, 0, NULL);
        short_of_memory |= children[i] == NULL;
    }
    if (short_of_memory) {
        for (unsigned i = 0; i < io->vd->nchildren; i++)
            vdev_io_free(children[i]);
        free(children);
        vdev_io_complete(io, ZE_NOMEM);
        return;
    }
    vdev_io_submit_children(io, children, io->vd->nchildren, flush_done);
}

void vdev_io_submit(struct vdev_io *io)
{
    struct vdev *vd = io->vd;
    int err;
    io->error = 0;
    io->bad_copies = 0;
    io->retried = false;
    io->issued_ns = 0;
    if (io->op == DEVICE_FLUSH) {
        io->rsize = 0;
        if (vdev_is_leaf(vd))
            vd->ops->io_start(io);
        else
            flush_start(io);
        return;
    }
    io->rsize = io->size;
    if (io->parent == NULL && !(io->flags & VDEV_IO_PHYSICAL) && vd->top != NULL)
        io->rsize = round_up_pow2(io->size, 1ull << vd->top->ashift);
    if ((err = io_check_access(io)) != 0 || (err = io_check_range(io)) != 0) {
        vdev_io_complete(io, err);
        return;
    }
    if ((io->flags & VDEV_IO_PHYSICAL) && !vdev_is_leaf(vd)) {
        vdev_io_complete(io, ZE_INVAL);
        return;
    }
    if (io_repair_is_needless(io)) {
        vdev_io_complete(io, 0);
        return;
    }
    if (io->op == DEVICE_TRIM && !vdev_is_leaf(vd)) {
        vdev_io_complete(io, ZE_NOTYET);
        return;
    }
    if (io->op == DEVICE_WRITE && io->rsize > io->size)
        memset((char *)io->buf + io->size, 0, io->rsize - io->size);
    vd->ops->io_start(io);
}

struct io_wait {
    struct done done;
    char detail[512];
};

static void io_run_done(struct vdev_io *io, int err)
{
    struct io_wait *w = io->arg;
    if (err != 0)
        err_detail_get(w->detail, sizeof(w->detail));
    done_signal(&w->done, err);
}

int vdev_io_run(struct vdev_io *io)
{
    struct io_wait w;
    void (*done)(struct vdev_io *, int) = io->done;
    void *arg = io->arg;
    w.detail[0] = '\0';
    lock_assert_may_block("vdev I/O");
    done_init(&w.done);
    io->done = io_run_done;
    io->arg = &w;
    vdev_io_submit(io);
    vdev_plug_flush_thread();
    int err = done_wait(&w.done);
    if (err != 0)
        err_detail_put(w.detail);
    io->done = done;
    io->arg = arg;
    return err;
}

/* ---- children ---- */

static void child_done(struct vdev_io *child, int err)
{
    struct vdev_io *parent = child->parent;
    if (atomic_fetch_sub(&parent->pending, 1) == 1)
        parent->all_done(parent);
}

struct vdev_io *vdev_io_child(struct vdev_io *parent, struct vdev *child, enum device_op op,
                              uint64_t offset, uint64_t size, void *buf)
{
    struct vdev_io *io = mem_zalloc(sizeof(*io));
    if (io == NULL)
        return NULL;
    if (buf == NULL && size != 0 && op <= DEVICE_WRITE) {
        if ((buf = iobuf_alloc(size)) == NULL) {
            free(io);
            return NULL;
        }
        io->owns_buf = true;
    }
    io->vd = child;
    io->op = op;
    io->prio = parent->prio;
    io->flags = parent->flags & ~(unsigned)VDEV_IO_PHYSICAL;
    io->offset = offset;
    io->size = size;
    io->buf = buf;
    io->txg = parent->txg;
    io->asize = parent->asize;
    io->blkinfo = parent->blkinfo;
    io->parent = parent;
    io->done = child_done;
    return io;
}

void vdev_io_free(struct vdev_io *child)
{
    if (child == NULL)
        return;
    if (child->owns_buf)
        iobuf_free(child->buf, child->size);
    free(child);
}

void vdev_io_submit_children(struct vdev_io *parent, struct vdev_io *const *children, unsigned n,
                             void (*all_done)(struct vdev_io *parent))
{
    unsigned count = 1; /* one for this loop, so that the set cannot finish under it */
    for (unsigned i = 0; i < n; i++)
        count += children[i] != NULL;
    parent->all_done = all_done;
    atomic_store(&parent->pending, count);
    struct vdev_plug plug;
    vdev_plug_start(&plug);
    for (unsigned i = 0; i < n; i++) {
        if (children[i] != NULL)
            vdev_io_submit(children[i]);
    }
    vdev_plug_finish(&plug);
    if (atomic_fetch_sub(&parent->pending, 1) == 1)
        all_done(parent);
}

int vdev_io_verify_as_parent(struct vdev_io *child, const void *buf)
{
    return vdev_io_verify(child->parent, buf);
}

struct vdev_io *vdev_io_repair_child(struct vdev_io *parent, struct vdev *child, uint64_t offset,
                                     uint64_t size, void *buf, bool self_heal)
{
    struct vdev_io *io = vdev_io_child(parent, child, DEVICE_WRITE, offset, size, buf);
    if (io == NULL)
        return NULL;
    io->flags |= VDEV_IO_REPAIR | (self_heal ? VDEV_IO_SELF_HEAL : 0);
    if (io->prio != VDEV_PRIO_REBUILD)
        io->prio = VDEV_PRIO_ASYNC_WRITE;
    if (self_heal)
        atomic_fetch_add_explicit(&child->stats.self_healed, size, memory_order_relaxed);
    return io;
}

bool vdev_io_may_repair(const struct vdev_io *io)
{
    return (io->vd->tree->open_flags & DEVICE_OPEN_WRITE) && !(io->flags & VDEV_IO_NO_REPAIR) &&
           io->verify != NULL;
}

/* ---- errors ---- */

static void observe_error(struct vdev_io *io, enum vdev_error_kind kind)
{
    struct vdev_observer *o = io->vd->tree->observer;
    if (o != NULL && o->error != NULL)
        o->error(o, io->vd, kind, io);
}

void vdev_io_checksum_error(struct vdev_io *child)
{
    if (child->flags & VDEV_IO_SPECULATIVE)
        return;
    atomic_fetch_add_explicit(&child->vd->stats.checksum_errors, 1, memory_order_relaxed);
    observe_error(child, VDEV_ERROR_CHECKSUM);
}

static int error_rank(int err)
{
    return err == 0 ? 0 : err == ZE_NXIO ? 1 : err == ZE_CKSUM ? 2 : 3;
}

int vdev_io_worst_error(int a, int b)
{
    return error_rank(b) > error_rank(a) ? b : a;
}
