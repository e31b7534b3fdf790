/* SPDX-License-Identifier: MIT */
/*
 * Leaf vdevs with a device: open, queue, retry, probe, verify, count. Types "disk" and "file"
 * differ only in how sector sizes are taken. Locks: the queue's; probe_lock (VDEV_IO) for the list
 * of I/O waiting for a probe. Format: format/raid.md 1.1, 1.5, 18.1.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/worker.h"
#include "disk/label.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_queue.h"
#include "vdev/vdev_stats.h"

/* Reads this large are verified on a worker instead of the thread that collects completions. */
#define LEAF_OFFLOAD_BYTES (32u << 10)
#define PROBE_LABELS       3

struct vdev_leaf {
    struct vdev_queue queue;
    bool queue_ready;
    struct mutex probe_lock;
    struct vdev_io *probe_waiters; /* through ->next; failed I/O that waits for the verdict */
    bool probing;
};

struct probe_slot {
    struct leaf_probe *probe;
    struct device_io dio;
    struct iovec iov;
    bool good;
};
struct leaf_probe {
    struct vdev *vd;
    atomic_uint pending, good_reads, good_writes;
    bool writing;
    struct probe_slot slot[PROBE_LABELS];
    uint8_t *buf;
};

/* ---- open and close ---- */

static int leaf_create(struct vdev *vd, const struct nvlist *config)
{
    struct vdev_leaf *leaf = mem_zalloc(sizeof(*leaf));
    if (leaf == NULL)
        return ZE_NOMEM;
    mutex_init(&leaf->probe_lock, RANK_VDEV_IO);
    vd->priv = leaf;
    return 0;
}

static void leaf_close(struct vdev *vd)
{
    struct vdev_leaf *leaf = vd->priv;
    if (vd->dev != NULL)
        device_close(vd->dev);
    vd->dev = NULL;
    if (leaf->queue_ready)
        vdev_queue_fini(&leaf->queue);
    leaf->queue_ready = false;
}

static void leaf_destroy(struct vdev *vd)
{
    struct vdev_leaf *leaf = vd->priv;
    if (leaf == NULL)
        return;
    leaf_close(vd);
    mutex_destroy(&leaf->probe_lock);
    free(leaf);
    vd->priv = NULL;
}

static uint64_t sector_ashift(uint32_t sector)
{
    uint64_t shift = SECTOR_SHIFT;
    while (shift < 32 && (1ull << shift) < sector)
        shift++;
    return shift;
}

static int leaf_open_device(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    struct vdev_leaf *leaf = vd->priv;
    struct env *env = vd->tree->env;
    *aux = VDEV_AUX_OPEN_FAILED;
    if (vd->path == NULL || vd->path[0] == '\0')
        return err_raise(ZE_NXIO, "vdev %016llx has no path", (unsigned long long)vd->guid);
    if (vd->path[0] != '/' && strchr(vd->path, ':') == NULL) {
        *aux = VDEV_AUX_BAD_LABEL;
        return err_raise(ZE_INVAL, "vdev path '%s' is not absolute", vd->path);
    }
    if (env->devices == NULL)
        return err_raise(ZE_NXIO, "no device provider");
    leaf_close(vd); /* a reopen */
    int err = env->devices->open(env, vd->path, vd->tree->open_flags, &vd->dev);
    if (err != 0) {
        vd->dev = NULL;
        return err;
    }
    *aux = VDEV_AUX_NONE;
    vdev_queue_init(&leaf->queue, vd, vd->tree->max_inflight);
    leaf->queue_ready = true;
    vd->psize = label_psize(vd->dev->size);
    geo->asize = vd->psize < LABEL_MIN_DEVSIZE ? 0 : label_asize(vd->psize);
    geo->max_asize = geo->asize;
    geo->logical_ashift = sector_ashift(vd->dev->logical_sector);
    geo->physical_ashift = max_of(sector_ashift(vd->dev->physical_sector), geo->logical_ashift);
    return 0;
}

static int file_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    int err = leaf_open_device(vd, geo, aux);
    /* The file system below copes with any sector size. */
    if (err == 0 && !vd->dev->is_block)
        geo->logical_ashift = geo->physical_ashift = SECTOR_SHIFT;
    return err;
}

/* ---- completion ---- */

static void leaf_finish(struct vdev_io *io, int err)
{
    struct vdev *vd = io->vd;
    if (err == 0 && io->op == DEVICE_READ && io->verify != NULL) {
        err = vdev_io_verify(io, io->buf);
        if (err == ZE_CKSUM)
            vdev_io_checksum_error(io);
    }
    if (err == 0)
        vdev_stats_count(vd, io, env_mono_ns(vd->tree->env));
    vdev_io_complete(io, err);
}

static void leaf_finish_work(struct work *work)
{
    leaf_finish(container_of(work, struct vdev_io, work), 0);
}

/* The device survived its probe (or there was none): the error is this I/O's own. */
static void leaf_fail(struct vdev_io *io, int err)
{
    struct vdev *vd = io->vd;
    if (io->flags & VDEV_IO_SPECULATIVE || io->op > DEVICE_WRITE || err == ZE_NOTSUP) {
        leaf_finish(io, err);
        return;
    }
    bool read = io->op == DEVICE_READ;
    atomic_fetch_add_explicit(read ? &vd->stats.read_errors : &vd->stats.write_errors, 1,
                              memory_order_relaxed);
    struct vdev_observer *o = vd->tree->observer;
    if (o != NULL && o->error != NULL)
        o->error(o, vd, read ? VDEV_ERROR_READ : VDEV_ERROR_WRITE, io);
    leaf_finish(io, err);
}

static void probe_verdict(struct leaf_probe *probe)
{
    struct vdev *vd = probe->vd;
    struct vdev_leaf *leaf = vd->priv;
    bool writable = vd->tree->open_flags & DEVICE_OPEN_WRITE;
    bool alive =
        atomic_load(&probe->good_reads) > 0 && (!writable || atomic_load(&probe->good_writes) > 0);
    iobuf_free(probe->buf, PROBE_LABELS * LABEL_BOOTENV_SIZE);
    free(probe);
    if (!alive) {
        atomic_store(&vd->cant_read, true);
        atomic_store(&vd->cant_write, true);
        struct vdev_observer *o = vd->tree->observer;
        if (o != NULL && o->error != NULL)
            o->error(o, vd, VDEV_ERROR_PROBE, NULL);
        vdev_state_set(vd, VDEV_STATE_FAULTED, VDEV_AUX_ERR_EXCEEDED);
    }
    mutex_lock(&leaf->probe_lock);
    struct vdev_io *io = leaf->probe_waiters;
    leaf->probe_waiters = NULL;
    leaf->probing = false;
    mutex_unlock(&leaf->probe_lock);
    for (struct vdev_io *next; io != NULL; io = next) {
        next = io->next;
        if (alive)
            leaf_fail(io, io->error);
        else
            leaf_finish(io, ZE_NXIO);
    }
}

/* Second half on a writable pool: what could be read is written back unchanged. */
static void probe_write(struct leaf_probe *probe)
{
    struct device_io *batch = NULL;
    unsigned n = 0;
    for (unsigned i = 0; i < PROBE_LABELS; i++) {
        if (!probe->slot[i].good)
            continue;
        probe->slot[i].dio.op = DEVICE_WRITE;
        probe->slot[i].dio.next = batch;
        batch = &probe->slot[i].dio;
        n++;
    }
    probe->writing = true;
    atomic_store(&probe->pending, n);
    probe->vd->dev->ops->submit(probe->vd->dev, batch);
}

static void probe_io_done(struct device_io *dio, int err)
{
    struct probe_slot *slot = container_of(dio, struct probe_slot, dio);
    struct leaf_probe *probe = slot->probe;
    bool writing = probe->writing;
    if (err == 0 && !writing)
        slot->good = true;
    if (err == 0)
        atomic_fetch_add(writing ? &probe->good_writes : &probe->good_reads, 1);
    if (atomic_fetch_sub(&probe->pending, 1) != 1)
        return;
    bool writable = probe->vd->tree->open_flags & DEVICE_OPEN_WRITE;
    if (!writing && writable && atomic_load(&probe->good_reads) > 0)
        probe_write(probe);
    else
        probe_verdict(probe);
}

static bool probe_start(struct vdev *vd)
{
    struct leaf_probe *probe = mem_zalloc(sizeof(*probe));
    if (probe == NULL)
        return false;
    probe->buf = iobuf_alloc(PROBE_LABELS * LABEL_BOOTENV_SIZE);
    if (probe->buf == NULL) {
        free(probe);
        return false;
    }
    probe->vd = vd;
    atomic_store(&probe->pending, PROBE_LABELS);
    for (unsigned i = 0; i < PROBE_LABELS; i++) {
        struct probe_slot *slot = &probe->slot[i];
        slot->probe = probe;
        slot->iov = (struct iovec){probe->buf + i * LABEL_BOOTENV_SIZE, LABEL_BOOTENV_SIZE};
        slot->dio = (struct device_io){
            .op = DEVICE_READ,
            .offset = label_offset(vd->psize, i + 1, LABEL_BOOTENV_OFFSET),
            .size = LABEL_BOOTENV_SIZE,
            .iov = &slot->iov,
            .iovcnt = 1,
            .done = probe_io_done,
            .next = i + 1 < PROBE_LABELS ? &probe->slot[i + 1].dio : NULL,
        };
    }
    vd->dev->ops->submit(vd->dev, &probe->slot[0].dio);
    return true;
}

/* The I/O failed twice: is it the device? One probe serves all that fail meanwhile. */
static void leaf_probe_or_fail(struct vdev_io *io, int err)
{
    struct vdev *vd = io->vd;
    struct vdev_leaf *leaf = vd->priv;
    io->error = err;
    mutex_lock(&leaf->probe_lock);
    io->next = leaf->probe_waiters;
    leaf->probe_waiters = io;
    bool start = !leaf->probing;
    leaf->probing = true;
    mutex_unlock(&leaf->probe_lock);
    if (!start || probe_start(vd))
        return;
    mutex_lock(&leaf->probe_lock);
    struct vdev_io *waiters = leaf->probe_waiters;
    leaf->probe_waiters = NULL;
    leaf->probing = false;
    mutex_unlock(&leaf->probe_lock);
    for (struct vdev_io *next; waiters != NULL; waiters = next) {
        next = waiters->next;
        leaf_fail(waiters, waiters->error);
    }
}

static void leaf_slow_check(struct vdev_io *io)
{
    struct vdev *vd = io->vd;
    if (io->issued_ns == 0 || io->op > DEVICE_WRITE || vd->tree->slow_io_ns == 0)
        return;
    if (env_mono_ns(vd->tree->env) - io->queued_ns < vd->tree->slow_io_ns)
        return;
    atomic_fetch_add_explicit(&vd->stats.slow_ios, 1, memory_order_relaxed);
    struct vdev_observer *o = vd->tree->observer;
    if (o != NULL && o->error != NULL)
        o->error(o, vd, VDEV_ERROR_SLOW, io);
}

static void leaf_io_done(struct vdev_io *io, int err)
{
    struct vdev *vd = io->vd;
    struct vdev_leaf *leaf = vd->priv;
    leaf_slow_check(io);
    if (err == 0) {
        struct workers *w = vd->tree->env->workers;
        if (io->op == DEVICE_READ && io->rsize >= LEAF_OFFLOAD_BYTES && w != NULL &&
            !workers_is_member(w)) {
            io->work.run = leaf_finish_work;
            workers_submit(w, &io->work);
            return;
        }
        leaf_finish(io, 0);
    } else if (io->op > DEVICE_WRITE || (io->flags & VDEV_IO_PHYSICAL)) {
        leaf_fail(io, err);
    } else if (!io->retried && err != ZE_NXIO) {
        io->retried = true;
        io->flags |= VDEV_IO_TRYHARD;
        io->dev.size = io->rsize;
        vdev_queue_add(&leaf->queue, io);
    } else {
        leaf_probe_or_fail(io, err);
    }
}

void vdev_leaf_request_done(struct device_io *dio, int err)
{
    struct vdev_io *io = container_of(dio, struct vdev_io, dev);
    struct vdev_leaf *leaf = io->vd->priv;
    if (dio->iov != &io->iov && dio->iov != NULL)
        free(dio->iov);
    dio->iov = NULL;
    vdev_queue_done(&leaf->queue, io);
    for (struct vdev_io *next; io != NULL; io = next) {
        next = io->run;
        io->run = NULL;
        leaf_io_done(io, err);
    }
}

static void leaf_direct_done(struct device_io *dio, int err)
{
    leaf_io_done(container_of(dio, struct vdev_io, dev), err);
}

static void leaf_io_start(struct vdev_io *io)
{
    struct vdev *vd = io->vd;
    struct vdev_leaf *leaf = vd->priv;
    bool write = io->op != DEVICE_READ;
    if (vd->dev == NULL || atomic_load(write ? &vd->cant_write : &vd->cant_read)) {
        vdev_io_complete(io, ZE_NXIO);
        return;
    }
    bool physical = io->flags & VDEV_IO_PHYSICAL;
    bool direct = io->op == DEVICE_FLUSH || (io->flags & VDEV_IO_NO_QUEUE);
    io->iov = (struct iovec){io->buf, io->rsize};
    io->dev = (struct device_io){
        .op = io->op,
        .offset = io->op == DEVICE_FLUSH ? 0 : io->offset + (physical ? 0 : VDEV_START_OFFSET),
        .size = io->rsize,
        .iov = &io->iov,
        .iovcnt = 1,
        .done = direct ? leaf_direct_done : vdev_leaf_request_done,
    };
    if (direct) {
        io->queued_ns = io->issued_ns = env_mono_ns(vd->tree->env);
        vd->dev->ops->submit(vd->dev, &io->dev);
        return;
    }
    if (io->prio >= VDEV_PRIOS)
        io->prio = write ? VDEV_PRIO_ASYNC_WRITE : VDEV_PRIO_SYNC_READ;
    vdev_queue_add(&leaf->queue, io);
}

const struct vdev_ops vdev_disk_ops = {.name = "disk",
                                       .leaf = true,
                                       .create = leaf_create,
                                       .destroy = leaf_destroy,
                                       .open = leaf_open_device,
                                       .close = leaf_close,
                                       .io_start = leaf_io_start};
const struct vdev_ops vdev_file_ops = {.name = "file",
                                       .leaf = true,
                                       .create = leaf_create,
                                       .destroy = leaf_destroy,
                                       .open = file_open,
                                       .close = leaf_close,
                                       .io_start = leaf_io_start};

/* ---- load ---- */

static bool has_queue(const struct vdev *vd)
{
    return (vd->type == VDEV_DISK || vd->type == VDEV_FILE) && vd->priv != NULL &&
           ((const struct vdev_leaf *)vd->priv)->queue_ready;
}

void vdev_queue_lengths(const struct vdev *leaf, unsigned queued[VDEV_PRIOS],
                        unsigned active[VDEV_PRIOS])
{
    if (!has_queue(leaf))
        return;
    struct vdev_queue *q = &((struct vdev_leaf *)leaf->priv)->queue;
    MUTEX_GUARD(&q->lock);
    for (unsigned p = 0; p < VDEV_PRIOS; p++) {
        queued[p] += q->class[p].queued;
        active[p] += q->class[p].active;
    }
}

/* Format/raid.md 2.2: sequential reads stay on the device they are on. */
static unsigned seek_cost(const struct vdev *vd, uint64_t last_end, uint64_t offset)
{
    if (last_end == offset)
        return 0;
    if (!vd->dev->rotational)
        return 1;
    uint64_t distance = last_end > offset ? last_end - offset : offset - last_end;
    return distance < (1u << 20) ? 2 : 5;
}

unsigned vdev_load(const struct vdev *vd, uint64_t offset)
{
    if (has_queue(vd) && vd->dev != NULL) {
        struct vdev_queue *q = &((struct vdev_leaf *)vd->priv)->queue;
        MUTEX_GUARD(&q->lock);
        return q->queued + q->active + seek_cost(vd, q->last_end, offset + VDEV_START_OFFSET);
    }
    unsigned best = vd->nchildren == 0 ? 0 : UINT32_MAX;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        if (vdev_readable(vd->child[i]))
            best = min_of(best, vdev_load(vd->child[i], offset));
    }
    return best;
}
