/* SPDX-License-Identifier: MIT */
/* vdev/backend: files through both engines: content, errors, locks, close with I/O in flight */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/device.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/worker.h"
#include "vdev/backend.h"

#define FILE_SIZE (8u << 20)

static char path[64];
static bool no_uring;

static int setup(void **state)
{
    struct env *env = malloc(sizeof(*env));

    snprintf(path, sizeof(path), "backend-test.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
    close(fd);
    assert_int_equal(env_init_system(env, 1), 0);
    struct backend_options o = {.no_uring = no_uring};
    assert_int_equal(backend_install_system_with(env, &o), 0);
    *state = env;
    return 0;
}

static int teardown(void **state)
{
    env_fini(*state);
    free(*state);
    unlink(path);
    return 0;
}

static struct device *open_dev(struct env *env, unsigned flags)
{
    struct device *dev = NULL;

    assert_int_equal(env->devices->open(env, path, flags, &dev), 0);
    return dev;
}

static void fill(uint8_t *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(seed >> 56);
    }
}

static void reads_back_what_was_written(void **state)
{
    struct device *dev = open_dev(*state, DEVICE_OPEN_WRITE);
    AUTO_FREE uint8_t *a = malloc(1 << 20), *b = malloc(1 << 20);

    fill(a, 1 << 20, 1);
    assert_int_equal(dev->size, FILE_SIZE);
    assert_int_equal(dev->logical_sector, 512);
    assert_false(dev->is_block || dev->read_only);
    assert_int_equal(device_write(dev, 4096, a, 1 << 20), 0);
    assert_int_equal(device_write(dev, 7, a, 3), 0); /* no alignment asked for */
    assert_int_equal(device_flush(dev), 0);
    assert_int_equal(device_read(dev, 4096, b, 1 << 20), 0);
    assert_memory_equal(a, b, 1 << 20);
    assert_int_equal(device_read(dev, 7, b, 3), 0);
    assert_memory_equal(a, b, 3);
    device_close(dev);
}

static void direct_takes_unaligned_buffers_too(void **state)
{
    struct device *dev = open_dev(*state, DEVICE_OPEN_WRITE | DEVICE_OPEN_DIRECT);
    uint8_t *a = iobuf_alloc(128 << 10), *b = iobuf_alloc(128 << 10);

    fill(a, 128 << 10, 2);
    assert_int_equal(device_write(dev, 1 << 20, a, 64 << 10), 0);
    assert_int_equal(device_read(dev, 1 << 20, b, 64 << 10), 0);
    assert_memory_equal(a, b, 64 << 10);
    assert_int_equal(device_write(dev, (1 << 20) + 512, a + 3, 1000), 0);
    assert_int_equal(device_read(dev, (1 << 20) + 512, b + 5, 1000), 0);
    assert_memory_equal(a + 3, b + 5, 1000);
    assert_int_equal(device_read(dev, 1 << 20, b, 4096), 0); /* direct sees the buffered write */
    assert_memory_equal(a, b, 512);
    assert_memory_equal(a + 3, b + 512, 1000);
    iobuf_free(a, 128 << 10);
    iobuf_free(b, 128 << 10);
    device_close(dev);
}

static void bad_requests_are_refused(void **state)
{
    struct device *dev = open_dev(*state, DEVICE_OPEN_READ);
    uint8_t b[4096];

    assert_true(dev->read_only);
    assert_int_equal(device_read(dev, FILE_SIZE - 100, b, 101), ZE_IO);
    assert_non_null(strstr(err_detail(), path));
    assert_int_equal(device_read(dev, UINT64_MAX, b, 2), ZE_IO);
    assert_int_equal(device_write(dev, 0, b, 1), ZE_ROFS);
    assert_int_equal(device_read(dev, FILE_SIZE - 100, b, 100), 0);
    assert_int_equal(device_flush(dev), 0);
    /* The file shrinks behind our back: a short read is an error, and refresh notices. */
    assert_int_equal(truncate(path, 6000), 0);
    assert_int_equal(device_read(dev, 4096, b, 4096), ZE_IO);
    assert_int_equal(device_read(dev, 8192, b, 4096), ZE_IO);
    assert_int_equal(dev->ops->refresh(dev), 0);
    assert_int_equal(dev->size, 6000);
    device_close(dev);
}

static void only_files_and_block_devices_open(void **state)
{
    struct env *env = *state;
    struct device *dev;

    assert_int_equal(env->devices->open(env, "/nonexistent/x", 0, &dev), ZE_NOENT);
    assert_int_equal(env->devices->open(env, "/", 0, &dev), ZE_NXIO);
    assert_int_equal(env->devices->open(env, "/dev/null", DEVICE_OPEN_WRITE, &dev), ZE_NXIO);
}

static void a_locked_file_is_in_use(void **state)
{
    struct env *env = *state;
    struct device *dev = open_dev(env, DEVICE_OPEN_WRITE | DEVICE_OPEN_EXCL), *other;

    assert_int_equal(env->devices->open(env, path, DEVICE_OPEN_EXCL, &other), ZE_DEVINUSE);
    assert_int_equal(env->devices->open(env, path, DEVICE_OPEN_READ, &other),
                     0); /* unlocked look */
    device_close(other);
    device_close(dev);
    dev = open_dev(env, DEVICE_OPEN_EXCL); /* readers share */
    assert_int_equal(env->devices->open(env, path, DEVICE_OPEN_EXCL, &other), 0);
    device_close(other);
    assert_int_equal(env->devices->open(env, path, DEVICE_OPEN_EXCL | DEVICE_OPEN_WRITE, &other),
                     ZE_DEVINUSE);
    device_close(dev);
}

struct trim {
    struct device_io io;
    struct done done;
};

static void trim_done(struct device_io *io, int err)
{
    done_signal(&container_of(io, struct trim, io)->done, err);
}

static void trim_punches_holes(void **state)
{
    struct device *dev = open_dev(*state, DEVICE_OPEN_WRITE);
    struct trim t = {.io = {.op = DEVICE_TRIM, .offset = 4096, .size = 4096, .done = trim_done}};
    uint8_t b[8192], zero[4096] = {0};

    memset(b, 7, sizeof(b));
    assert_int_equal(device_write(dev, 0, b, sizeof(b)), 0);
    done_init(&t.done);
    dev->ops->submit(dev, &t.io);
    int err = done_wait(&t.done);
    assert_true(err == 0 || err == ZE_NOTSUP); /* not every file system can */
    assert_int_equal(device_read(dev, 0, b, sizeof(b)), 0);
    assert_int_equal(b[4095], 7);
    if (err == 0)
        assert_memory_equal(b + 4096, zero, 4096);
    device_close(dev);
}

enum { BATCH = 3000 };
static atomic_uint finished, failed;

static void count_done(struct device_io *io, int err)
{
    if (err != 0)
        failed++;
    finished++;
}

/* More requests than any queue is deep, several buffers each; close() must wait for all of them. */
static void large_batches_complete_before_close(void **state)
{
    struct device *dev = open_dev(*state, DEVICE_OPEN_WRITE);
    struct device_io *io = calloc(BATCH, sizeof(*io));
    struct iovec(*iov)[3] = calloc(BATCH, sizeof(*iov));
    AUTO_FREE uint8_t *data = malloc(BATCH * 2048), *back = malloc(BATCH * 2048);

    fill(data, BATCH * 2048, 3);
    for (unsigned pass = 0; pass < 2; pass++) {
        uint8_t *p = pass == 0 ? data : back;
        finished = failed = 0;
        for (unsigned i = 0; i < BATCH; i++) {
            iov[i][0] = (struct iovec){p + i * 2048, 512};
            iov[i][1] = (struct iovec){p + i * 2048 + 512, 1024};
            iov[i][2] = (struct iovec){p + i * 2048 + 1536, 512};
            io[i] = (struct device_io){.op = pass == 0 ? DEVICE_WRITE : DEVICE_READ,
                                       .offset = (uint64_t)(i * 1013 % BATCH) * 2048,
                                       .size = 2048,
                                       .iov = iov[i],
                                       .iovcnt = 3,
                                       .done = count_done,
                                       .next = i + 1 < BATCH ? &io[i + 1] : NULL};
        }
        dev->ops->submit(dev, io);
        device_close(dev);
        assert_int_equal(finished, BATCH);
        assert_int_equal(failed, 0);
        dev = open_dev(*state, DEVICE_OPEN_READ);
    }
    assert_memory_equal(data, back, BATCH * 2048);
    device_close(dev);
    free(io);
    free(iov);
}

struct one {
    struct device *dev;
    uint8_t seed;
};

/* A thread that writes, reads and ends: its I/O must not die with it. */
static void one_thread(void *arg)
{
    struct one *o = arg;
    uint8_t a[4096], b[4096];

    for (unsigned i = 0; i < 50; i++) {
        memset(a, o->seed + (int)i, sizeof(a));
        assert_int_equal(device_write(o->dev, o->seed * 65536u + i * 512, a, sizeof(a)), 0);
        assert_int_equal(device_read(o->dev, o->seed * 65536u + i * 512, b, sizeof(b)), 0);
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void many_threads_share_a_device(void **state)
{
    struct device *dev = open_dev(*state, DEVICE_OPEN_WRITE);
    struct one one[8];
    struct thread *t[8];

    for (unsigned i = 0; i < 8; i++) {
        one[i] = (struct one){dev, (uint8_t)(i + 1)};
        assert_int_equal(thread_start("t", one_thread, &one[i], &t[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++)
        thread_join(t[i]);
    device_close(dev);
}

static void engine_is_as_asked(void **state)
{
    if (no_uring)
        assert_string_equal(backend_engine_name(*state), "threads");
    else
        print_message("engine: %s\n", backend_engine_name(*state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(engine_is_as_asked),
        T(reads_back_what_was_written),
        T(direct_takes_unaligned_buffers_too),
        T(bad_requests_are_refused),
        T(only_files_and_block_devices_open),
        T(a_locked_file_is_in_use),
        T(trim_punches_holes),
        T(large_batches_complete_before_close),
        T(many_threads_share_a_device),
    };
    int rc = cmocka_run_group_tests_name("as the kernel allows", tests, NULL, NULL);
    no_uring = true;
    return rc + cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
