/* SPDX-License-Identifier: MIT */
/*
 * The thread pool behind file devices (vdev/backend_impl.h): preadv/pwritev on as many threads as
 * there are requests, up to a limit. Threads are started when work finds none idle and stay.
 * Locks: the pool's (RANK_DEVICE), not held during a system call.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/worker.h"
#include "vdev/backend_impl.h"

#define THREADS_DEFAULT 16u /* enough to keep an SSD busy; blocked threads cost little */
#define IOV_CHUNK       64u

struct io_threads {
    struct mutex lock;
    struct cond wake;
    struct device_io *head, **tail;
    unsigned idle, nthreads, max, queued;
    bool stop;
    struct thread **thread;
};

/* The part of io's buffers that starts `skip` bytes in; at most IOV_CHUNK pieces. */
static unsigned iov_from(const struct device_io *io, uint64_t skip, struct iovec *out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < io->iovcnt && n < IOV_CHUNK; i++) {
        size_t len = io->iov[i].iov_len;
        if (skip >= len) {
            skip -= len;
            continue;
        }
        out[n].iov_base = (uint8_t *)io->iov[i].iov_base + skip;
        out[n++].iov_len = len - (size_t)skip;
        skip = 0;
    }
    return n;
}

/* 0, errno, or -1 when the device ends early. */
static int run_transfer(const struct file_device *fd, struct device_io *io)
{
    int sys_fd = io->priv.moved == 0 ? file_io_fd(fd, io) : fd->fd; /* a rest may be unaligned */

    while (io->priv.moved < io->size) {
        struct iovec iov[IOV_CHUNK];
        unsigned n = iov_from(io, io->priv.moved, iov);
        off_t at = (off_t)(io->offset + io->priv.moved);
        ssize_t got = io->op == DEVICE_READ ? preadv(sys_fd, iov, (int)n, at)
                                            : pwritev(sys_fd, iov, (int)n, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EINVAL && sys_fd != fd->fd) {
            sys_fd = fd->fd; /* stricter alignment than we know of */
            continue;
        }
        if (got < 0)
            return errno;
        if (got == 0)
            return -1;
        io->priv.moved += (uint64_t)got;
    }
    return 0;
}

static int run_trim(const struct file_device *fd, struct device_io *io)
{
    while (io->priv.moved < io->size) {
        uint64_t at = io->offset + io->priv.moved;
        uint64_t len = min_of(io->size - io->priv.moved, (uint64_t)FILE_TRIM_CHUNK);
        uint64_t range[2] = {at, len};
        int rc = fd->dev.is_block ? ioctl(fd->fd, BLKDISCARD, range)
                                  : fallocate(fd->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                              (off_t)at, (off_t)len);
        if (rc != 0 && errno == EINTR)
            continue;
        if (rc != 0)
            return errno;
        io->priv.moved += len;
    }
    return 0;
}

static int run_flush(const struct file_device *fd)
{
    int rc;

    do {
        rc = fdatasync(fd->fd);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : errno;
}

static void run_io(struct device_io *io)
{
    const struct file_device *fd = container_of(io->priv.dev, struct file_device, dev);
    int result;

    if (io->op == DEVICE_FLUSH)
        result = run_flush(fd);
    else if (io->op == DEVICE_TRIM)
        result = run_trim(fd, io);
    else
        result = run_transfer(fd, io);
    file_io_complete(io, result);
}

static void threads_main(void *arg)
{
    struct io_threads *t = arg;

    mutex_lock(&t->lock);
    for (;;) {
        while (t->head == NULL && !t->stop) {
            t->idle++;
            cond_wait(&t->wake, &t->lock);
            t->idle--;
        }
        struct device_io *io = t->head;
        if (io == NULL)
            break;
        t->head = io->next;
        if (t->head == NULL)
            t->tail = &t->head;
        t->queued--;
        mutex_unlock(&t->lock);
        io->next = NULL;
        run_io(io);
        mutex_lock(&t->lock);
    }
    mutex_unlock(&t->lock);
}

int io_threads_create(unsigned max_threads, struct io_threads **out)
{
    struct io_threads *t = mem_zalloc(sizeof(*t));

    if (t == NULL)
        return err_raise(ZE_NOMEM, "I/O threads");
    t->max = max_threads != 0 ? max_threads : THREADS_DEFAULT;
    t->tail = &t->head;
    mutex_init(&t->lock, RANK_DEVICE);
    cond_init(&t->wake);
    t->thread = mem_calloc(t->max, sizeof(struct thread *));
    int err = t->thread == NULL ? err_raise(ZE_NOMEM, "I/O threads") : 0;
    /* The first one now: afterwards a failure to start another only means less parallelism. */
    if (err == 0)
        err = thread_start("zuse-io0", threads_main, t, &t->thread[0]);
    if (err == 0)
        t->nthreads = 1;
    if (err != 0) {
        io_threads_destroy(t);
        return err;
    }
    *out = t;
    return 0;
}

void io_threads_destroy(struct io_threads *t)
{
    mutex_lock(&t->lock);
    t->stop = true;
    cond_broadcast(&t->wake);
    mutex_unlock(&t->lock);
    for (unsigned i = 0; i < t->nthreads; i++)
        thread_join(t->thread[i]);
    cond_destroy(&t->wake);
    mutex_destroy(&t->lock);
    free(t->thread);
    free(t);
}

void io_threads_submit(struct io_threads *t, struct device_io *batch)
{
    MUTEX_GUARD(&t->lock);
    *t->tail = batch;
    for (; *t->tail != NULL; t->tail = &(*t->tail)->next) {
        t->queued++;
        if (t->idle > 0)
            cond_signal(&t->wake);
    }
    for (unsigned more = t->queued > t->idle ? t->queued - t->idle : 0;
         more > 0 && t->nthreads < t->max; more--) {
        char name[16];
        snprintf(name, sizeof(name), "zuse-io%u", t->nthreads % 1000);
        if (thread_start(name, threads_main, t, &t->thread[t->nthreads]) != 0)
            break; /* those that run will get to it */
        t->nthreads++;
    }
}
