/* SPDX-License-Identifier: MIT */
/*
 * Blocking helpers over a device's asynchronous submit (base/device.h). The calling thread sleeps;
 * the detail text of a failed request is carried over from the completing thread.
 */
#include "base/device.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/worker.h"

struct blocking_io {
    struct device_io io;
    struct iovec iov;
    struct done done;
    char detail[256];
};

static void blocking_done(struct device_io *io, int err)
{
    struct blocking_io *b = (struct blocking_io *)io; /* io is the first member */

    if (err != 0)
        err_detail_get(b->detail, sizeof(b->detail));
    done_signal(&b->done, err);
}

static int blocking_run(struct device *dev, enum device_op op, uint64_t offset, void *buf,
                        uint64_t size)
{
    struct blocking_io b = {
        .io = {.op = op, .offset = offset, .size = size, .done = blocking_done},
        .iov = {.iov_base = buf, .iov_len = (size_t)size},
    };

    if (buf != NULL) {
        b.io.iov = &b.iov;
        b.io.iovcnt = 1;
    }
    done_init(&b.done);
    dev->ops->submit(dev, &b.io);
    int err = done_wait(&b.done);
    if (err != 0)
        err_detail_put(b.detail);
    return err;
}

int device_read(struct device *dev, uint64_t offset, void *buf, uint64_t size)
{
    return size == 0 ? 0 : blocking_run(dev, DEVICE_READ, offset, buf, size);
}

int device_write(struct device *dev, uint64_t offset, const void *buf, uint64_t size)
{
    /* An iovec has no const form; backends only read from the buffer of a write. */
    return size == 0 ? 0 : blocking_run(dev, DEVICE_WRITE, offset, (void *)(uintptr_t)buf, size);
}

int device_flush(struct device *dev)
{
    return blocking_run(dev, DEVICE_FLUSH, 0, NULL, 0);
}

void device_close(struct device *dev)
{
    if (dev != NULL)
        dev->ops->close(dev);
}
