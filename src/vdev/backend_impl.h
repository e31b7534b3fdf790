/* SPDX-License-Identifier: MIT */
/*
 * Private to the system backends (backend_file.c, backend_threads.c, backend_uring.c,
 * backend_nbd.c).
 *
 * A file device hands requests to an engine: io_uring rings when the kernel allows them, else a
 * pool of threads. The pool exists in both cases; it also does what rings cannot (TRIM of block
 * devices, the rest of a short transfer). Engines end every request with file_io_complete().
 */
#ifndef ZUSE_VDEV_BACKEND_IMPL_H
#define ZUSE_VDEV_BACKEND_IMPL_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/device.h"
#include "base/env.h"
#include "base/lock.h"

struct io_threads;
struct io_rings;

struct backend_system { /* env->device_state */
    struct io_threads *threads;
    struct io_rings *rings; /* NULL: io_uring is not to be had */
};

struct file_device {
    struct device dev;
    struct backend_system *sys;
    int fd;
    int fd_direct; /* same object opened O_DIRECT, -1 if not asked for or not possible */
    uint32_t direct_align;
    atomic_bool no_nowait; /* the file system has no RWF_NOWAIT */
    struct mutex lock;     /* RANK_DEVICE */
    struct cond idle;
    uint64_t inflight;
};

int file_device_open(struct env *env, const char *path, unsigned flags, struct device **out);
/* The descriptor a request must use: the direct one only if buffers and offsets are aligned. */
int file_io_fd(const struct file_device *fd, const struct device_io *io);
/* End a request. sys_errno 0: all bytes moved; -1: the device ended early. */
void file_io_complete(struct device_io *io, int sys_errno);

#define FILE_TRIM_CHUNK (1ull << 30) /* bytes a discard call is asked for at once */

int io_threads_create(unsigned max_threads, struct io_threads **out);
void io_threads_destroy(struct io_threads *t); /* nothing may be queued */
void io_threads_submit(struct io_threads *t, struct device_io *batch);

/* ZE_NOTSUP if the kernel, a container or this build has no io_uring. */
int io_rings_create(unsigned nrings, struct io_threads *helper, struct io_rings **out);
void io_rings_destroy(struct io_rings *r);
void io_rings_submit(struct io_rings *r, struct device_io *batch);

/* ZE_NOTSUP when built without libnbd. */
int nbd_device_open(struct env *env, const char *uri, unsigned flags, struct device **out);

#endif
