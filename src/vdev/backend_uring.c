/* SPDX-License-Identifier: MIT */
/*
 * io_uring behind file devices (vdev/backend_impl.h). A few rings are shared by all devices: a
 * submitter fills the ring of the CPU it runs on and enters the kernel once a batch; each ring has
 * one thread that takes completions and calls done(). At most RING_DEPTH requests of a ring are in
 * the kernel, the rest waits in a list, so completions never overflow.
 *
 * A thread that submitted and then exits takes its queued buffered I/O with it (the kernel cancels
 * it: ECANCELED), and a transfer may be short; both go to the thread pool, which finishes them.
 *
 * Locks: one per ring (RANK_DEVICE), around submission and accounting. The completing thread takes
 * it before it touches a request: that also orders it after the submitter for thread checkers.
 */
#include <errno.h>

#include "base/err.h"
#include "vdev/backend_impl.h"

#ifdef HAVE_URING

#include <liburing.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/span.h"
#include "base/worker.h"

#define RING_ENTRIES 128u
#define RING_DEPTH   512u
#define RING_REAP    32u
#define RING_MAX_IO  (1u << 30) /* larger transfers: the threads loop */
#define RING_MAX_IOV 1024u
#define RINGS_MAX    4u

struct ring {
    struct io_uring u;
    struct mutex lock;
    struct device_io *backlog, **backlog_tail;
    unsigned inflight;
    struct io_threads *helper;
    struct thread *thread;
};

struct io_rings {
    unsigned n;
    struct ring ring[];
};

static bool ring_can(const struct device_io *io)
{
    return io->op == DEVICE_FLUSH || (io->size <= RING_MAX_IO && io->iovcnt <= RING_MAX_IOV);
}

static void ring_prepare(struct io_uring_sqe *sqe, struct device_io *io)
{
    const struct file_device *fd = container_of(io->priv.dev, struct file_device, dev);
    int sys_fd = file_io_fd(fd, io);

    if (io->op == DEVICE_FLUSH)
        io_uring_prep_fsync(sqe, sys_fd, IORING_FSYNC_DATASYNC);
    else if (io->op == DEVICE_READ && io->iovcnt == 1)
        io_uring_prep_read(sqe, sys_fd, io->iov[0].iov_base, (unsigned)io->size, io->offset);
    else if (io->op == DEVICE_READ)
        io_uring_prep_readv(sqe, sys_fd, io->iov, io->iovcnt, io->offset);
    else if (io->iovcnt == 1)
        io_uring_prep_write(sqe, sys_fd, io->iov[0].iov_base, (unsigned)io->size, io->offset);
    else
        io_uring_prep_writev(sqe, sys_fd, io->iov, io->iovcnt, io->offset);
    io_uring_sqe_set_data(sqe, io);
}

/* Hand filled entries to the kernel; it may be short of memory for a moment. */
static void ring_enter(struct ring *r)
{
    static const struct timespec pause = {.tv_nsec = 100000};
    int rc;

    while ((rc = io_uring_submit(&r->u)) == -EAGAIN || rc == -EBUSY || rc == -EINTR)
        nanosleep(&pause, NULL);
}

/* Move requests from the backlog into the ring. Lock held. */
static void ring_fill(struct ring *r)
{
    unsigned filled = 0;

    while (r->backlog != NULL && r->inflight < RING_DEPTH) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&r->u);
        if (sqe == NULL) {
            ring_enter(r);
            filled = 0;
            continue;
        }
        struct device_io *io = r->backlog;
        r->backlog = io->next;
        if (r->backlog == NULL)
            r->backlog_tail = &r->backlog;
        io->next = NULL;
        ring_prepare(sqe, io);
        r->inflight++;
        filled++;
    }
    if (filled > 0)
        ring_enter(r);
}

static void ring_finish(struct ring *r, struct device_io *io, int res)
{
    if (res == -EAGAIN || res == -EINTR || res == -ECANCELED || res == -EINVAL) {
        io_threads_submit(r->helper, io); /* EINVAL: O_DIRECT alignment, the threads know */
        return;
    }
    if (res < 0 || io->op == DEVICE_FLUSH) {
        file_io_complete(io, -res);
        return;
    }
    io->priv.moved = (uint64_t)res;
    if (io->priv.moved == io->size)
        file_io_complete(io, 0);
    else if (res == 0)
        file_io_complete(io, -1);
    else
        io_threads_submit(r->helper, io);
}

/* Take up to RING_REAP completions; false once the stop mark came by. */
static bool ring_reap(struct ring *r)
{
    struct io_uring_cqe *cqe[RING_REAP];
    struct device_io *io[RING_REAP];
    int res[RING_REAP];
    bool go_on = true;

    mutex_lock(&r->lock);
    unsigned n = io_uring_peek_batch_cqe(&r->u, cqe, RING_REAP);
    for (unsigned i = 0; i < n; i++) {
        io[i] = io_uring_cqe_get_data(cqe[i]);
        res[i] = cqe[i]->res;
        if (io[i] == NULL)
            go_on = false;
        else
            r->inflight--;
    }
    io_uring_cq_advance(&r->u, n);
    if (r->backlog != NULL)
        ring_fill(r);
    mutex_unlock(&r->lock);
    for (unsigned i = 0; i < n; i++)
        if (io[i] != NULL)
            ring_finish(r, io[i], res[i]);
    return go_on;
}

static void ring_main(void *arg)
{
    struct ring *r = arg;
    struct io_uring_cqe *cqe;
    bool go_on = true;

    while (go_on) {
        if (io_uring_wait_cqe(&r->u, &cqe) == 0)
            go_on = ring_reap(r);
    }
}

static int ring_start(struct ring *r, struct io_threads *helper)
{
    struct io_uring_params p = {.flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
                                .cq_entries = 2 * RING_DEPTH};
    int rc = io_uring_queue_init_params(RING_ENTRIES, &r->u, &p);

    if (rc != 0)
        return err_raise(ZE_NOTSUP, "io_uring: error %d", -rc);
    r->helper = helper;
    r->backlog_tail = &r->backlog;
    mutex_init(&r->lock, RANK_DEVICE);
    int err = thread_start("zuse-ring", ring_main, r, &r->thread);
    if (err != 0) {
        mutex_destroy(&r->lock);
        io_uring_queue_exit(&r->u);
    }
    return err;
}

static void ring_stop(struct ring *r)
{
    mutex_lock(&r->lock);
    struct io_uring_sqe *sqe;
    while ((sqe = io_uring_get_sqe(&r->u)) == NULL)
        ring_enter(r);
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, NULL);
    ring_enter(r);
    mutex_unlock(&r->lock);
    thread_join(r->thread);
    mutex_destroy(&r->lock);
    io_uring_queue_exit(&r->u);
}

int io_rings_create(unsigned nrings, struct io_threads *helper, struct io_rings **out)
{
    cpu_set_t set;

    if (nrings == 0)
        nrings = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    nrings = min_of(nrings, RINGS_MAX);
    struct io_rings *all = mem_zalloc(sizeof(*all) + nrings * sizeof(struct ring));
    if (all == NULL)
        return err_raise(ZE_NOMEM, "io_uring");
    int err = 0;
    while (err == 0 && all->n < nrings) {
        err = ring_start(&all->ring[all->n], helper);
        if (err == 0)
            all->n++;
    }
    if (all->n == 0) {
        free(all);
        return err;
    }
    *out = all; /* fewer rings than wanted (locked memory limit) still work */
    return 0;
}

void io_rings_destroy(struct io_rings *all)
{
    if (all == NULL)
        return;
    for (unsigned i = 0; i < all->n; i++)
        ring_stop(&all->ring[i]);
    free(all);
}

void io_rings_submit(struct io_rings *all, struct device_io *batch)
{
    int cpu = all->n > 1 ? sched_getcpu() : 0;
    struct ring *r = &all->ring[cpu > 0 ? (unsigned)cpu % all->n : 0];
    struct device_io *large = NULL;

    mutex_lock(&r->lock);
    for (struct device_io *io = batch, *next; io != NULL; io = next) {
        next = io->next;
        if (!ring_can(io)) {
            io->next = large;
            large = io;
            continue;
        }
        io->next = NULL;
        *r->backlog_tail = io;
        r->backlog_tail = &io->next;
    }
    ring_fill(r);
    mutex_unlock(&r->lock);
    if (large != NULL)
        io_threads_submit(r->helper, large);
}

#else

int io_rings_create(unsigned nrings, struct io_threads *helper, struct io_rings **out)
{
    return err_raise(ZE_NOTSUP, "built without liburing");
}

void io_rings_destroy(struct io_rings *all) {}

void io_rings_submit(struct io_rings *all, struct device_io *batch)
{
    for (struct device_io *io = batch, *next; io != NULL; io = next) {
        next = io->next;
        file_io_complete(io, ENOSYS); /* nobody has rings to come here with */
    }
}

#endif
