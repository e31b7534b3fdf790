/* SPDX-License-Identifier: MIT */
/*
 * Network block devices by URI (nbd://host/export, nbd+unix:///export?socket=/path, nbds://...)
 * through libnbd; vdev/backend.h. One connection and one thread a device: the thread owns the
 * libnbd handle, since its calls hold the handle's lock; submitters only queue and wake it. When
 * the connection dies, all requests end with ZE_NXIO until the device is opened again.
 *
 * NBD has no exclusive open: DEVICE_OPEN_EXCL is up to the server.
 * Locks: nbd_device.lock (RANK_DEVICE) around the queue and the count in flight.
 */
#include "base/err.h"
#include "vdev/backend_impl.h"

#ifdef HAVE_NBD

#include <errno.h>
#include <libnbd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/span.h"
#include "base/worker.h"

#define NBD_MAX_REQUEST (32u << 20) /* what every server must take */
#define NBD_TRIM_CHUNK  (1u << 30)

struct nbd_device {
    struct device dev;
    struct nbd_handle *nbd;
    struct thread *thread;
    int wake_fd;
    uint32_t max_request;
    bool can_flush;
    struct mutex lock;
    struct device_io *queue, **tail;
    bool stop;
};

/* One device_io as commands on the wire, one for each buffer. */
struct nbd_req {
    struct device_io *io;
    struct nbd_device *nd;
    unsigned pending; /* commands under way, plus one while they are being sent */
    int sys_errno;
};

static struct nbd_device *nbd_of(struct device *dev)
{
    return container_of(dev, struct nbd_device, dev);
}

static void nbd_finish(struct nbd_device *nd, struct device_io *io, int sys_errno)
{
    int err = 0;

    if (sys_errno == ENOTCONN || sys_errno == EPIPE || sys_errno == ECONNRESET ||
        sys_errno == ESHUTDOWN)
        err = err_raise(ZE_NXIO, "%s: connection lost", nd->dev.path);
    else if (sys_errno != 0)
        err = err_context(ZE_IO, "%s: %s of %llu bytes at %llu: ", nd->dev.path,
                          io->op == DEVICE_READ    ? "read"
                          : io->op == DEVICE_WRITE ? "write"
                                                   : "flush or trim",
                          (unsigned long long)io->size, (unsigned long long)io->offset);
    io->done(io, err);
}

static void req_put(struct nbd_req *req)
{
    if (--req->pending > 0)
        return;
    if (req->sys_errno != 0)
        err_from_errno(req->sys_errno, "server");
    nbd_finish(req->nd, req->io, req->sys_errno);
    free(req);
}

/* Runs on the device's thread, inside libnbd. 1: libnbd may forget the command. */
static int command_done(void *user_data, int *error)
{
    struct nbd_req *req = user_data;

    if (*error != 0)
        req->sys_errno = *error;
    req_put(req);
    return 1;
}

static void command_send(struct nbd_req *req, uint64_t offset, void *buf, uint64_t size)
{
    struct nbd_handle *h = req->nd->nbd;
    nbd_completion_callback cb = {.callback = command_done, .user_data = req};
    int64_t cookie = -1;

    req->pending++;
    switch (req->io->op) {
    case DEVICE_READ:
        cookie = nbd_aio_pread(h, buf, (size_t)size, offset, cb, 0);
        break;
    case DEVICE_WRITE:
        cookie = nbd_aio_pwrite(h, buf, (size_t)size, offset, cb, 0);
        break;
    case DEVICE_FLUSH:
        cookie = nbd_aio_flush(h, cb, 0);
        break;
    case DEVICE_TRIM:
        cookie = nbd_aio_trim(h, size, offset, cb, 0);
        break;
    }
    if (cookie >= 0)
        return;
    /* Not queued, the callback will not be called. */
    bool gone = nbd_aio_is_dead(h) || nbd_aio_is_closed(h);
    int sys_errno = gone ? ENOTCONN : nbd_get_errno();
    if (req->sys_errno == 0)
        req->sys_errno = sys_errno != 0 ? sys_errno : EIO;
    req->pending--;
}

static void send_buffers(struct nbd_req *req)
{
    const struct device_io *io = req->io;
    uint64_t at = io->offset;

    for (unsigned i = 0; i < io->iovcnt; i++) {
        uint8_t *p = io->iov[i].iov_base;
        for (uint64_t left = io->iov[i].iov_len, n; left > 0; left -= n, p += n, at += n) {
            n = min_of(left, (uint64_t)req->nd->max_request);
            command_send(req, at, p, n);
        }
    }
}

static void request_start(struct nbd_device *nd, struct device_io *io)
{
    struct nbd_req *req = mem_zalloc(sizeof(*req));

    if (req == NULL) {
        io->done(io, err_raise(ZE_NOMEM, "%s", nd->dev.path));
        return;
    }
    req->io = io;
    req->nd = nd;
    req->pending = 1;
    if (io->op == DEVICE_FLUSH) {
        command_send(req, 0, NULL, 0);
    } else if (io->op == DEVICE_TRIM) {
        for (uint64_t at = 0, n; at < io->size; at += n) {
            n = min_of(io->size - at, (uint64_t)NBD_TRIM_CHUNK);
            command_send(req, io->offset + at, NULL, n);
        }
    } else {
        send_buffers(req);
    }
    req_put(req);
}

/* Start everything queued; false when it is time to stop. */
static bool take_queue(struct nbd_device *nd)
{
    mutex_lock(&nd->lock);
    struct device_io *io = nd->queue;
    bool stop = nd->stop && io == NULL;
    nd->queue = NULL;
    nd->tail = &nd->queue;
    mutex_unlock(&nd->lock);
    for (struct device_io *next; io != NULL; io = next) {
        next = io->next;
        io->next = NULL;
        request_start(nd, io);
    }
    return !stop || nbd_aio_in_flight(nd->nbd) > 0;
}

static void nbd_main(void *arg)
{
    struct nbd_device *nd = arg;
    uint64_t drain;

    while (take_queue(nd)) {
        struct pollfd p[2] = {{.fd = nd->wake_fd, .events = POLLIN}, {.fd = -1}};
        unsigned dir = 0;
        if (!nbd_aio_is_dead(nd->nbd) && !nbd_aio_is_closed(nd->nbd)) {
            dir = nbd_aio_get_direction(nd->nbd);
            p[1].fd = nbd_aio_get_fd(nd->nbd);
            p[1].events = (short)(((dir & LIBNBD_AIO_DIRECTION_READ) != 0 ? POLLIN : 0) |
                                  ((dir & LIBNBD_AIO_DIRECTION_WRITE) != 0 ? POLLOUT : 0));
        }
        if (poll(p, 2, -1) < 0)
            continue;
        if ((p[0].revents & POLLIN) != 0 && read(nd->wake_fd, &drain, sizeof(drain)) < 0)
            continue;
        /* A hang-up must be noticed by reading, whatever direction is wanted. */
        if ((p[1].revents & POLLIN) != 0 || (p[1].revents & (POLLHUP | POLLERR)) != 0)
            nbd_aio_notify_read(nd->nbd);
        else if ((p[1].revents & POLLOUT) != 0)
            nbd_aio_notify_write(nd->nbd);
    }
}

static int request_validate(const struct nbd_device *nd, const struct device_io *io)
{
    uint64_t end, sum = 0;

    if (io->op == DEVICE_FLUSH)
        return 0;
    if (nd->dev.read_only && io->op != DEVICE_READ)
        return err_raise(ZE_ROFS, "%s: opened read-only", nd->dev.path);
    if (__builtin_add_overflow(io->offset, io->size, &end) || end > nd->dev.size)
        return err_raise(ZE_IO, "%s: request of %llu bytes at %llu is beyond the end (%llu)",
                         nd->dev.path, (unsigned long long)io->size, (unsigned long long)io->offset,
                         (unsigned long long)nd->dev.size);
    if (io->op == DEVICE_TRIM)
        return nd->dev.can_trim ? 0 : err_raise(ZE_NOTSUP, "%s: cannot trim", nd->dev.path);
    for (unsigned i = 0; i < io->iovcnt; i++)
        sum += io->iov[i].iov_len;
    return sum == io->size ? 0 : err_raise(ZE_BUG, "%s: buffers of another size", nd->dev.path);
}

static void nbd_wake(const struct nbd_device *nd)
{
    const uint64_t one = 1;

    while (write(nd->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void nbd_submit(struct device *dev, struct device_io *batch)
{
    struct nbd_device *nd = nbd_of(dev);
    bool wake = false;

    for (struct device_io *io = batch, *next; io != NULL; io = next) {
        next = io->next;
        io->next = NULL;
        int err = request_validate(nd, io);
        if (err != 0 || (io->op != DEVICE_FLUSH && io->size == 0) ||
            (io->op == DEVICE_FLUSH && (!nd->can_flush || dev->read_only))) {
            io->done(io, err);
            continue;
        }
        mutex_lock(&nd->lock);
        *nd->tail = io;
        nd->tail = &io->next;
        mutex_unlock(&nd->lock);
        wake = true;
    }
    if (wake)
        nbd_wake(nd);
}

static int nbd_refresh(struct device *dev)
{
    return 0; /* the protocol as servers speak it has no resize */
}

static void nbd_free(struct nbd_device *nd)
{
    if (nd->nbd != NULL)
        nbd_close(nd->nbd);
    if (nd->wake_fd >= 0)
        close(nd->wake_fd);
    mutex_destroy(&nd->lock);
    free(nd->dev.path);
    free(nd);
}

static void nbd_device_close(struct device *dev)
{
    struct nbd_device *nd = nbd_of(dev);

    mutex_lock(&nd->lock);
    nd->stop = true;
    mutex_unlock(&nd->lock);
    nbd_wake(nd);
    thread_join(nd->thread);
    nbd_shutdown(nd->nbd, 0);
    nbd_free(nd);
}

static const struct device_ops nbd_ops = {nbd_submit, nbd_refresh, nbd_device_close};

static int nbd_failed(const char *uri, const char *what)
{
    int code = err_raise(ZE_NXIO, "%s: %s: %s", uri, what, nbd_get_error());

    return code;
}

static uint32_t block_size(struct nbd_handle *h, int which, uint32_t fallback)
{
    int64_t n = nbd_get_block_size(h, which);

    return n >= 512 && n <= (16 << 20) && is_pow2((uint64_t)n) ? (uint32_t)n : fallback;
}

static int nbd_describe(struct nbd_device *nd)
{
    struct nbd_handle *h = nd->nbd;
    struct device *dev = &nd->dev;
    int64_t size = nbd_get_size(h);
    int64_t max = nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM);

    if (size < 0)
        return nbd_failed(dev->path, "size");
    if (!dev->read_only && nbd_is_read_only(h) > 0)
        return err_raise(ZE_ROFS, "%s: the server exports it read-only", dev->path);
    dev->size = (uint64_t)size;
    dev->logical_sector = block_size(h, LIBNBD_SIZE_MINIMUM, 512);
    dev->physical_sector =
        max_of(block_size(h, LIBNBD_SIZE_PREFERRED, dev->logical_sector), dev->logical_sector);
    dev->rotational = nbd_is_rotational(h) > 0;
    dev->can_trim = nbd_can_trim(h) > 0;
    nd->can_flush = nbd_can_flush(h) > 0;
    nd->max_request = max >= 4096 && max < NBD_MAX_REQUEST ? (uint32_t)max : NBD_MAX_REQUEST;
    return 0;
}

static int nbd_open_into(struct nbd_device *nd)
{
    if (nd->dev.path == NULL)
        return err_raise(ZE_NOMEM, "nbd device");
    nd->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (nd->wake_fd < 0)
        return err_from_errno(errno, "%s: eventfd", nd->dev.path);
    nd->nbd = nbd_create();
    if (nd->nbd == NULL)
        return err_raise(ZE_NOMEM, "%s: libnbd", nd->dev.path);
    if (nbd_connect_uri(nd->nbd, nd->dev.path) != 0)
        return nbd_failed(nd->dev.path, "connect");
    int err = nbd_describe(nd);
    return err != 0 ? err : thread_start("zuse-nbd", nbd_main, nd, &nd->thread);
}

int nbd_device_open(struct env *env, const char *uri, unsigned flags, struct device **out)
{
    struct nbd_device *nd = mem_zalloc(sizeof(*nd));

    if (nd == NULL)
        return err_raise(ZE_NOMEM, "%s", uri);
    nd->dev.ops = &nbd_ops;
    nd->dev.env = env;
    nd->dev.path = mem_strdup(uri);
    nd->dev.read_only = (flags & DEVICE_OPEN_WRITE) == 0;
    nd->wake_fd = -1;
    nd->tail = &nd->queue;
    mutex_init(&nd->lock, RANK_DEVICE);
    int err = nbd_open_into(nd);
    if (err != 0) {
        nbd_free(nd);
        return err;
    }
    *out = &nd->dev;
    return 0;
}

#else

int nbd_device_open(struct env *env, const char *uri, unsigned flags, struct device **out)
{
    return err_raise(ZE_NOTSUP, "%s: built without libnbd", uri);
}

#endif
