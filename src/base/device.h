/* SPDX-License-Identifier: MIT */
/*
 * One open device: asynchronous, batched byte-addressed I/O. Implemented by the backends in vdev/
 * (file, block device, network block device, simulated). A request is owned by the submitter until
 * done() is called, on any thread, possibly before submit returns. done() must not block.
 * Errors: ZE_IO for a failed request (short reads too), ZE_NXIO once the device has gone.
 */
#ifndef ZUSE_BASE_DEVICE_H
#define ZUSE_BASE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct env;
struct device;

enum device_op { DEVICE_READ, DEVICE_WRITE, DEVICE_FLUSH, DEVICE_TRIM };

struct device_io {
    enum device_op op;
    uint64_t offset; /* bytes */
    uint64_t size;   /* bytes; the sum of iov for read and write */
    struct iovec *iov;
    unsigned iovcnt;
    void (*done)(struct device_io *io, int err);
    struct device_io *next; /* chains a batch */
    struct {                /* the backend's own while submitted; needs no initialising */
        struct device *dev;
        uint64_t moved; /* bytes already transferred */
    } priv;
};

struct device_ops {
    void (*submit)(struct device *dev, struct device_io *batch);
    int (*refresh)(struct device *dev); /* size may have changed */
    void (*close)(struct device *dev);  /* waits for all I/O */
};

struct device {
    const struct device_ops *ops;
    struct env *env;
    char *path;
    uint64_t size;                            /* bytes */
    uint32_t logical_sector, physical_sector; /* bytes */
    bool is_block; /* a block device: whole_disk and partitions make sense */
    bool rotational, can_trim, read_only;
};

/* Blocking helpers over submit. */
int device_read(struct device *dev, uint64_t offset, void *buf, uint64_t size);
int device_write(struct device *dev, uint64_t offset, const void *buf, uint64_t size);
int device_flush(struct device *dev);
void device_close(struct device *dev);

#endif
