/* SPDX-License-Identifier: MIT */
/*
 * Priority queue of one leaf device; see vdev_queue.h. Classes are served in two rounds: first each
 * up to its guaranteed share in order of priority, then up to its limit. So scrub and prefetch
 * always get on, but never fill the device while somebody waits for a read.
 */
#include "vdev/vdev_queue.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/span.h"
#include "vdev/vdev_stats.h"

#define QUEUE_RUN_BYTES (1u << 20) /* largest merged request */
#define QUEUE_RUN_IOV   64         /* pieces of a merged request */
#define QUEUE_LOOKAHEAD 64         /* how far to look for neighbours */

static const struct {
    uint16_t share, limit;
} class_limits[VDEV_PRIOS] = {
    [VDEV_PRIO_SYNC_READ] = {16, 64}, [VDEV_PRIO_SYNC_WRITE] = {16, 64},
    [VDEV_PRIO_ASYNC_READ] = {4, 32}, [VDEV_PRIO_ASYNC_WRITE] = {4, 32},
    [VDEV_PRIO_SCRUB] = {2, 16},      [VDEV_PRIO_REMOVAL] = {1, 8},
    [VDEV_PRIO_INITIALIZE] = {1, 2},  [VDEV_PRIO_TRIM] = {1, 4},
    [VDEV_PRIO_REBUILD] = {2, 16},
};

static _Thread_local struct vdev_plug *plug_current;

void vdev_queue_init(struct vdev_queue *q, struct vdev *vd, unsigned max_active)
{
    *q = (struct vdev_queue){.vd = vd, .max_active = max_active};
    mutex_init(&q->lock, RANK_VDEV_QUEUE);
    cond_init(&q->idle);
}

void vdev_queue_fini(struct vdev_queue *q)
{
    mutex_lock(&q->lock);
    while (q->issuing)
        cond_wait(&q->idle, &q->lock);
    mutex_unlock(&q->lock);
    cond_destroy(&q->idle);
    mutex_destroy(&q->lock);
}

static void queue_unlink(struct vdev_queue *q, struct vdev_io *io)
{
    if (io->queue_prev != NULL)
        io->queue_prev->queue_next = io->queue_next;
    else
        q->class[io->prio].first = io->queue_next;
    if (io->queue_next != NULL)
        io->queue_next->queue_prev = io->queue_prev;
    else
        q->class[io->prio].last = io->queue_prev;
    io->queue_next = io->queue_prev = NULL;
    q->class[io->prio].queued--;
    q->queued--;
}

static bool plug_take(struct vdev_queue *q)
{
    struct vdev_plug *p = plug_current;
    if (p == NULL)
        return false;
    for (unsigned i = 0; i < p->n; i++) {
        if (p->queue[i] == q)
            return true;
    }
    if (p->n == array_len(p->queue))
        return false;
    p->queue[p->n++] = q;
    return true;
}

void vdev_plug_start(struct vdev_plug *plug)
{
    plug->n = 0;
    plug->outer = plug_current;
    if (plug_current == NULL)
        plug_current = plug;
}

void vdev_plug_finish(struct vdev_plug *plug)
{
    if (plug_current != plug)
        return; /* nested in another one, which will do it, or done already */
    plug_current = NULL;
    for (unsigned i = 0; i < plug->n; i++)
        vdev_queue_kick(plug->queue[i]);
    plug->n = 0;
}

/* A thread about to wait must not sit on plugged I/O. */
void vdev_plug_flush_thread(void)
{
    struct vdev_plug *p = plug_current;
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->n; i++)
        vdev_queue_kick(p->queue[i]);
    p->n = 0;
}

/* Class to serve next, or VDEV_PRIOS. */
static unsigned queue_choose(const struct vdev_queue *q)
{
    if (q->active >= q->max_active)
        return VDEV_PRIOS;
    for (unsigned p = 0; p < VDEV_PRIOS; p++) {
        if (q->class[p].first != NULL && q->class[p].active < class_limits[p].share)
            return p;
    }
    for (unsigned p = 0; p < VDEV_PRIOS; p++) {
        if (q->class[p].first != NULL && q->class[p].active < class_limits[p].limit)
            return p;
    }
    return VDEV_PRIOS;
}

static bool can_merge(const struct vdev_io *io)
{
    return io->op <= DEVICE_WRITE &&
           !(io->flags & (VDEV_IO_TRYHARD | VDEV_IO_NO_QUEUE | VDEV_IO_PHYSICAL));
}

/*
 * Take the class's first I/O and every queued one that extends it to a contiguous range. The run is
 * a list through ->run in order of offset; its first I/O carries the device request.
 */
static struct vdev_io *queue_take_run(struct vdev_queue *q, unsigned prio, unsigned *count)
{
    struct vdev_io *first = q->class[prio].first, *last = first;
    queue_unlink(q, first);
    *count = 1;
    if (!can_merge(first) || first->dev.size >= QUEUE_RUN_BYTES)
        return first;
    uint64_t start = first->dev.offset, end = start + first->dev.size;
    bool grown = true;
    while (grown && *count < QUEUE_RUN_IOV) {
        grown = false;
        unsigned looked = 0;
        struct vdev_io *next;
        for (struct vdev_io *io = q->class[prio].first; io != NULL && looked < QUEUE_LOOKAHEAD;
             io = next, looked++) {
            next = io->queue_next;
            if (io->op != first->op || !can_merge(io) ||
                end - start + io->dev.size > QUEUE_RUN_BYTES || *count == QUEUE_RUN_IOV)
                continue;
            if (io->dev.offset == end) {
                queue_unlink(q, io);
                last->run = io;
                last = io;
                end += io->dev.size;
            } else if (io->dev.offset + io->dev.size == start) {
                queue_unlink(q, io);
                io->run = first;
                first = io;
                start = io->dev.offset;
            } else {
                continue;
            }
            (*count)++;
            grown = true;
        }
    }
    return first;
}

/* Turn a run into one device request. Out of memory: false, the caller issues them one by one. */
static bool run_prepare(struct vdev_io *run, unsigned count)
{
    run->dev.iov = &run->iov;
    run->dev.iovcnt = 1;
    if (count == 1)
        return true;
    struct iovec *iov = mem_calloc(count, sizeof(*iov));
    if (iov == NULL)
        return false;
    unsigned i = 0;
    uint64_t size = 0;
    for (struct vdev_io *io = run; io != NULL; io = io->run) {
        iov[i++] = io->iov;
        size += io->iov.iov_len;
    }
    run->dev.iov = iov;
    run->dev.iovcnt = count;
    run->dev.size = size;
    return true;
}

static void run_count(struct vdev *vd, struct vdev_io *run, unsigned count, uint64_t now)
{
    for (struct vdev_io *io = run; io != NULL; io = io->run)
        io->issued_ns = now;
    vdev_stats_count_request(vd, run->prio, run->op, run->dev.size, count > 1);
}

/* Chain requests for one run at the head of *batch. */
static void run_issue(struct vdev_queue *q, struct vdev_io *run, unsigned count, uint64_t now,
                      struct device_io ***tail)
{
    q->class[run->prio].active++;
    q->active++;
    if (run_prepare(run, count)) {
        run_count(q->vd, run, count, now);
        **tail = &run->dev;
        *tail = &run->dev.next;
        q->last_end = run->dev.offset + run->dev.size;
        return;
    }
    /* No memory for the vector: each on its own. The limits may be exceeded a little. */
    for (struct vdev_io *io = run, *next; io != NULL; io = next) {
        next = io->run;
        io->run = NULL;
        if (io != run) {
            q->class[io->prio].active++;
            q->active++;
        }
        run_prepare(io, 1);
        run_count(q->vd, io, 1, now);
        **tail = &io->dev;
        *tail = &io->dev.next;
    }
}

/*
 * Issue what the limits allow. The lock is held on entry and exit, and let go while the device is
 * called. When the last I/O of a tree completes meanwhile, vdev_queue_fini() waits for us: nobody
 * enters here without having taken the lock before its own I/O could complete.
 */
static void queue_issue_locked(struct vdev_queue *q)
{
    if (q->issuing)
        return; /* the issuing thread looks again before it leaves */
    q->issuing = true;
    for (;;) {
        struct device_io *batch = NULL, **tail = &batch;
        uint64_t now = 0;
        for (unsigned p; (p = queue_choose(q)) < VDEV_PRIOS;) {
            unsigned count;
            struct vdev_io *run = queue_take_run(q, p, &count);
            if (now == 0)
                now = env_mono_ns(q->vd->tree->env);
            run_issue(q, run, count, now, &tail);
        }
        *tail = NULL;
        if (batch == NULL)
            break;
        mutex_unlock(&q->lock);
        q->vd->dev->ops->submit(q->vd->dev, batch);
        mutex_lock(&q->lock);
    }
    q->issuing = false;
    cond_broadcast(&q->idle);
}

void vdev_queue_kick(struct vdev_queue *q)
{
    MUTEX_GUARD(&q->lock);
    queue_issue_locked(q);
}

void vdev_queue_add(struct vdev_queue *q, struct vdev_io *io)
{
    io->queued_ns = env_mono_ns(q->vd->tree->env);
    io->queue_next = NULL;
    io->run = NULL;
    bool plugged = plug_take(q);
    MUTEX_GUARD(&q->lock);
    io->queue_prev = q->class[io->prio].last;
    if (io->queue_prev != NULL)
        io->queue_prev->queue_next = io;
    else
        q->class[io->prio].first = io;
    q->class[io->prio].last = io;
    q->class[io->prio].queued++;
    q->queued++;
    if (!plugged)
        queue_issue_locked(q);
}

void vdev_queue_done(struct vdev_queue *q, struct vdev_io *run)
{
    MUTEX_GUARD(&q->lock);
    q->class[run->prio].active--;
    q->active--;
    queue_issue_locked(q);
}
