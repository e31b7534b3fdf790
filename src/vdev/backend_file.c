/* SPDX-License-Identifier: MIT */
/*
 * Regular files and block devices as devices (vdev/backend.h). A block device opened with
 * DEVICE_OPEN_EXCL is claimed with O_EXCL, which a mounted file system, the kernel's own ZFS, md,
 * dm or another zused holds as well; a file is guarded by an open-file-description lock, shared for
 * readers. With DEVICE_OPEN_DIRECT a second descriptor bypasses the page cache for aligned
 * requests.
 *
 * Locks: file_device.lock (RANK_DEVICE) around the count of requests in flight.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "vdev/backend.h"
#include "vdev/backend_impl.h"

#define DIRECT_ALIGN_MIN 512u
#define CACHED_READ_MAX  (128u << 10)

static struct file_device *file_of(struct device *dev)
{
    return container_of(dev, struct file_device, dev);
}

/* --- requests ------------------------------------------------------------------------------- */

static const char *const op_names[] = {"read", "write", "flush", "trim"};

int file_io_fd(const struct file_device *fd, const struct device_io *io)
{
    uint64_t mask = fd->direct_align - 1;

    if (fd->fd_direct < 0 || io->op == DEVICE_FLUSH || io->op == DEVICE_TRIM)
        return fd->fd;
    if (((io->offset | io->size) & mask) != 0)
        return fd->fd;
    for (unsigned i = 0; i < io->iovcnt; i++)
        if ((((uintptr_t)io->iov[i].iov_base | io->iov[i].iov_len) & mask) != 0)
            return fd->fd;
    return fd->fd_direct;
}

static int io_error(const struct device_io *io, int sys_errno)
{
    const char *path = io->priv.dev->path, *op = op_names[io->op];
    unsigned long long off = io->offset, size = io->size;

    if (sys_errno == 0)
        return 0;
    if (sys_errno < 0)
        return err_raise(ZE_IO, "%s: %s of %llu bytes at %llu: the device ended after %llu", path,
                         op, size, off, (unsigned long long)io->priv.moved);
    int code = err_from_errno(sys_errno, "%s: %s of %llu bytes at %llu", path, op, size, off);
    if (sys_errno == ENXIO || sys_errno == ENODEV || sys_errno == ENOMEDIUM ||
        sys_errno == ESHUTDOWN)
        return ZE_NXIO;
    return code == ZE_NOTSUP && io->op == DEVICE_TRIM ? ZE_NOTSUP : ZE_IO;
}

static void file_forget(struct file_device *fd, uint64_t n)
{
    MUTEX_GUARD(&fd->lock);
    fd->inflight -= n;
    if (fd->inflight == 0)
        cond_broadcast(&fd->idle);
}

void file_io_complete(struct device_io *io, int sys_errno)
{
    struct file_device *fd = file_of(io->priv.dev); /* io is gone after done() */

    io->done(io, io_error(io, sys_errno));
    file_forget(fd, 1);
}

/* What must hold before the kernel sees a request. 0, or the error to end it with. */
static int io_validate(const struct device *dev, const struct device_io *io)
{
    uint64_t end, sum = 0;

    if (io->op == DEVICE_FLUSH)
        return 0;
    if (dev->read_only && io->op != DEVICE_READ)
        return err_raise(ZE_ROFS, "%s: %s on a device opened read-only", dev->path,
                         op_names[io->op]);
    if (__builtin_add_overflow(io->offset, io->size, &end) || end > dev->size)
        return err_raise(ZE_IO, "%s: %s of %llu bytes at %llu is beyond the end (%llu)", dev->path,
                         op_names[io->op], (unsigned long long)io->size,
                         (unsigned long long)io->offset, (unsigned long long)dev->size);
    if (io->op == DEVICE_TRIM)
        return dev->can_trim ? 0 : err_raise(ZE_NOTSUP, "%s: cannot trim", dev->path);
    for (unsigned i = 0; i < io->iovcnt; i++)
        sum += io->iov[i].iov_len;
    if (sum != io->size)
        return err_raise(ZE_BUG, "%s: request of %llu bytes with buffers of %llu", dev->path,
                         (unsigned long long)io->size, (unsigned long long)sum);
    return 0;
}

/*
 * A lone small read of what the page cache has is done here and now, without waking anybody. Not
 * from within such a read's own done(): a chain of reads would grow the stack. False: take the long
 * way.
 */
static bool read_cached(struct file_device *fd, struct device_io *io)
{
    static _Thread_local bool inside;

    if (inside || io->next != NULL || io->op != DEVICE_READ || io->size == 0 ||
        io->size > CACHED_READ_MAX || fd->fd_direct >= 0 || io->iovcnt > IOV_MAX || fd->no_nowait ||
        io_validate(&fd->dev, io) != 0)
        return false;
    ssize_t n = preadv2(fd->fd, io->iov, (int)io->iovcnt, (off_t)io->offset, RWF_NOWAIT);
    if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
        fd->no_nowait = true;
    if (n != (ssize_t)io->size)
        return false;
    inside = true;
    io->done(io, 0);
    inside = false;
    return true;
}

static void file_submit(struct device *dev, struct device_io *batch)
{
    struct file_device *fd = file_of(dev);
    struct device_io *ringed = NULL, **ring_tail = &ringed;
    struct device_io *threaded = NULL, **thread_tail = &threaded;
    uint64_t n = 0, ended = 0;

    if (read_cached(fd, batch))
        return;
    for (struct device_io *io = batch; io != NULL; io = io->next)
        n++;
    mutex_lock(&fd->lock);
    fd->inflight += n;
    mutex_unlock(&fd->lock);
    for (struct device_io *io = batch, *next; io != NULL; io = next) {
        next = io->next;
        io->next = NULL;
        io->priv.dev = dev;
        io->priv.moved = 0;
        int err = io_validate(dev, io);
        if (err != 0 || (io->op != DEVICE_FLUSH && io->size == 0) ||
            (io->op == DEVICE_FLUSH && dev->read_only)) {
            io->done(io, err);
            ended++;
        } else if (fd->sys->rings != NULL && io->op != DEVICE_TRIM) {
            *ring_tail = io;
            ring_tail = &io->next;
        } else {
            *thread_tail = io;
            thread_tail = &io->next;
        }
    }
    if (ringed != NULL)
        io_rings_submit(fd->sys->rings, ringed);
    if (threaded != NULL)
        io_threads_submit(fd->sys->threads, threaded);
    if (ended > 0)
        file_forget(fd, ended);
}

/* --- opening -------------------------------------------------------------------------------- */

/* One number of a sysfs file below the device's queue directory; fallback if it is not there. */
static uint64_t queue_attr(dev_t rdev, const char *name, uint64_t fallback)
{
    static const char *const where[] = {"queue", "../queue"}; /* a partition has its disk's */
    char path[128], text[32];

    for (unsigned i = 0; i < array_len(where); i++) {
        snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(rdev), minor(rdev),
                 where[i], name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        ssize_t n = read(fd, text, sizeof(text) - 1);
        close(fd);
        if (n > 0) {
            text[n] = '\0';
            return strtoull(text, NULL, 10);
        }
    }
    return fallback;
}

static int block_geometry(struct file_device *fd, const struct stat *st)
{
    struct device *dev = &fd->dev;
    uint64_t size;
    int logical = 512;
    unsigned physical = 512;

    if (ioctl(fd->fd, BLKGETSIZE64, &size) != 0)
        return err_from_errno(errno, "%s: size of the block device", dev->path);
    if (ioctl(fd->fd, BLKSSZGET, &logical) != 0 || logical < 512 || !is_pow2((uint64_t)logical))
        logical = 512;
    if (ioctl(fd->fd, BLKPBSZGET, &physical) != 0 || !is_pow2(physical))
        physical = (unsigned)logical;
    dev->size = size;
    dev->logical_sector = (uint32_t)logical;
    dev->physical_sector = max_of(physical, (unsigned)logical);
    dev->is_block = true;
    dev->rotational = queue_attr(st->st_rdev, "rotational", 0) != 0;
    dev->can_trim = queue_attr(st->st_rdev, "discard_max_bytes", 0) != 0;
    return 0;
}

/* A file has no sectors of its own; 512 lets pools made with any ashift open. */
static void regular_geometry(struct file_device *fd, const struct stat *st)
{
    fd->dev.size = (uint64_t)st->st_size;
    fd->dev.logical_sector = fd->dev.physical_sector = 512;
    fd->dev.is_block = false;
    fd->dev.can_trim = true; /* a file system without hole punching answers ENOTSUP then */
}

static int file_geometry(struct file_device *fd)
{
    struct stat st;

    if (fstat(fd->fd, &st) != 0)
        return err_from_errno(errno, "%s: stat", fd->dev.path);
    if (S_ISBLK(st.st_mode))
        return block_geometry(fd, &st);
    if (!S_ISREG(st.st_mode))
        return err_raise(ZE_NXIO, "%s: neither a file nor a block device", fd->dev.path);
    regular_geometry(fd, &st);
    return 0;
}

static int file_lock(struct file_device *fd, struct env *env)
{
    struct flock lk = {.l_type = fd->dev.read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd->fd, F_OFD_SETLK, &lk) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return err_raise(ZE_DEVINUSE, "%s: in use (locked by another process)", fd->dev.path);
    /* Some network file systems cannot lock; refusing them would make their pools unreachable. */
    env_log(env, LOGL_WARN, "%s: cannot be locked against other users: %s", fd->dev.path,
            strerror(errno));
    return 0;
}

static int open_error(const char *path, int sys_errno, bool excl)
{
    if (excl && sys_errno == EBUSY)
        return err_raise(ZE_DEVINUSE, "%s: in use (mounted or held by another subsystem)", path);
    int code = err_from_errno(sys_errno, "%s: open", path);
    return code == ZE_SYS ? ZE_NXIO : code;
}

static void open_direct(struct file_device *fd, int oflags)
{
    fd->fd_direct = open(fd->dev.path, (oflags & ~O_EXCL) | O_DIRECT);
    if (fd->fd_direct < 0)
        return; /* tmpfs and friends: the page cache it is */
    fd->direct_align = max_of(fd->dev.logical_sector, DIRECT_ALIGN_MIN);
    if (!fd->dev.is_block)
        fd->direct_align = 4096; /* the sector size below the file system, without asking */
}

static int file_open_into(struct file_device *fd, struct env *env, unsigned flags)
{
    const char *path = fd->dev.path;
    bool excl = (flags & DEVICE_OPEN_EXCL) != 0;
    int oflags = O_CLOEXEC | (fd->dev.read_only ? O_RDONLY : O_RDWR);
    struct stat st;

    if (stat(path, &st) != 0)
        return open_error(path, errno, false);
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) /* never open a FIFO or a tape */
        return err_raise(ZE_NXIO, "%s: neither a file nor a block device", path);
    if (S_ISBLK(st.st_mode) && excl)
        oflags |= O_EXCL;
    fd->fd = open(path, oflags);
    if (fd->fd < 0)
        return open_error(path, errno, excl);
    int err = file_geometry(fd);
    if (err == 0 && excl && !fd->dev.is_block)
        err = file_lock(fd, env);
    if (err == 0 && (flags & DEVICE_OPEN_DIRECT) != 0)
        open_direct(fd, oflags);
    return err;
}

static int file_refresh(struct device *dev)
{
    return file_geometry(file_of(dev));
}

static void file_free(struct file_device *fd)
{
    if (fd->fd_direct >= 0)
        close(fd->fd_direct);
    if (fd->fd >= 0)
        close(fd->fd);
    cond_destroy(&fd->idle);
    mutex_destroy(&fd->lock);
    free(fd->dev.path);
    free(fd);
}

static void file_close(struct device *dev)
{
    struct file_device *fd = file_of(dev);

    mutex_lock(&fd->lock);
    while (fd->inflight > 0)
        cond_wait(&fd->idle, &fd->lock);
    mutex_unlock(&fd->lock);
    file_free(fd);
}

static const struct device_ops file_ops = {file_submit, file_refresh, file_close};

int file_device_open(struct env *env, const char *path, unsigned flags, struct device **out)
{
    struct file_device *fd = mem_zalloc(sizeof(*fd));

    if (fd == NULL)
        return err_raise(ZE_NOMEM, "%s: open", path);
    fd->dev.ops = &file_ops;
    fd->dev.env = env;
    fd->dev.read_only = (flags & DEVICE_OPEN_WRITE) == 0;
    fd->sys = env->device_state;
    fd->fd = fd->fd_direct = -1;
    mutex_init(&fd->lock, RANK_DEVICE);
    cond_init(&fd->idle);
    fd->dev.path = mem_strdup(path);
    int err = fd->dev.path == NULL ? err_raise(ZE_NOMEM, "%s: open", path)
                                   : file_open_into(fd, env, flags);
    if (err != 0) {
        file_free(fd);
        return err;
    }
    *out = &fd->dev;
    return 0;
}

/* --- the provider --------------------------------------------------------------------------- */

static int system_open(struct env *env, const char *path, unsigned flags, struct device **out)
{
    if (strncmp(path, "nbd:", 4) == 0 || strncmp(path, "nbds:", 5) == 0 ||
        strncmp(path, "nbd+", 4) == 0 || strncmp(path, "nbds+", 5) == 0)
        return nbd_device_open(env, path, flags, out);
    return file_device_open(env, path, flags, out);
}

static void system_fini(struct env *env)
{
    struct backend_system *sys = env->device_state;

    io_rings_destroy(sys->rings); /* before the threads, which finish what rings leave */
    io_threads_destroy(sys->threads);
    free(sys);
    env->device_state = NULL;
}

static const struct env_device_ops system_devices = {system_open, system_fini};

int backend_install_system_with(struct env *env, const struct backend_options *options)
{
    struct backend_system *sys = mem_zalloc(sizeof(*sys));

    if (sys == NULL)
        return err_raise(ZE_NOMEM, "device backends");
    int err = io_threads_create(options->threads, &sys->threads);
    if (err != 0) {
        free(sys);
        return err;
    }
    /* Without io_uring (old kernel, container, sysctl) the threads do everything. */
    if (options->no_uring || io_rings_create(options->rings, sys->threads, &sys->rings) != 0)
        sys->rings = NULL;
    err_detail_clear();
    env->devices = &system_devices;
    env->device_state = sys;
    return 0;
}

int backend_install_system(struct env *env)
{
    return backend_install_system_with(env, &(struct backend_options){0});
}

const char *backend_engine_name(const struct env *env)
{
    const struct backend_system *sys = env->device_state;

    if (env->devices != &system_devices)
        return "none";
    return sys->rings != NULL ? "io_uring" : "threads";
}
