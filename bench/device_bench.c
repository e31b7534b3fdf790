/* SPDX-License-Identifier: MIT */
/*
 * Random 4 KiB and sequential 1 MiB reads of a file or block device through the device backends:
 * which engine, and how many rings. Usage: device_bench PATH [direct]. Compare with `fio
 * --filename=PATH --rw=randread --bs=4k --iodepth=32 --ioengine=io_uring`.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/device.h"
#include "base/env.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/worker.h"
#include "vdev/backend.h"

#define RUN_NS 1000000000u

struct slot {
    struct device_io io;
    struct iovec iov;
    struct load *load;
};
struct load {
    struct env *env;
    struct device *dev;
    uint64_t size, span, until;
    bool sequential;
    _Atomic uint64_t next, count;
    atomic_uint live;
    struct done done;
};

static void slot_go(struct slot *s)
{
    struct load *l = s->load;
    uint64_t n = atomic_fetch_add(&l->next, 1);

    if (!l->sequential)
        n = n * 0x9e3779b97f4a7c15u >> 20;
    s->io.offset = n % (l->span / l->size) * l->size;
    s->io.next = NULL;
    l->dev->ops->submit(l->dev, &s->io);
}

static void slot_done(struct device_io *io, int err)
{
    struct slot *s = container_of(io, struct slot, io);
    struct load *l = s->load;

    if (err != 0)
        fprintf(stderr, "%s\n", err_detail());
    atomic_fetch_add(&l->count, 1);
    if (err == 0 && env_mono_ns(l->env) < l->until)
        slot_go(s);
    else if (atomic_fetch_sub(&l->live, 1) == 1)
        done_signal(&l->done, 0);
}

static void measure(struct env *env, struct device *dev, const char *what, uint64_t size,
                    unsigned depth, bool sequential)
{
    struct load l = {
        .env = env, .dev = dev, .size = size, .span = dev->size, .sequential = sequential};
    struct slot *s = mem_calloc(depth, sizeof(*s));

    if (s == NULL)
        return;
    done_init(&l.done);
    atomic_init(&l.live, depth);
    uint64_t start = env_mono_ns(env);
    l.until = start + RUN_NS;
    for (unsigned i = 0; i < depth; i++) {
        s[i].load = &l;
        s[i].iov = (struct iovec){iobuf_alloc(size), size};
        s[i].io = (struct device_io){
            .op = DEVICE_READ, .size = size, .iov = &s[i].iov, .iovcnt = 1, .done = slot_done};
        slot_go(&s[i]);
    }
    done_wait(&l.done);
    double sec = (double)(env_mono_ns(env) - start) / 1e9;
    printf("  %-22s %9.0f IO/s %8.0f MiB/s\n", what, (double)l.count / sec,
           (double)l.count * (double)size / sec / 1048576);
    for (unsigned i = 0; i < depth; i++)
        iobuf_free(s[i].iov.iov_base, size);
    free(s);
}

/* One thread that waits for each read: what a cache miss costs the caller. */
static void measure_blocking(struct env *env, struct device *dev)
{
    uint64_t start = env_mono_ns(env), count = 0;
    uint8_t *buf = iobuf_alloc(4096);

    while (buf != NULL && env_mono_ns(env) < start + RUN_NS)
        if (device_read(dev, (count++ * 0x9e3779b97f4a7c15u >> 20) % (dev->size / 4096) * 4096, buf,
                        4096) != 0)
            break;
    double sec = (double)(env_mono_ns(env) - start) / 1e9;
    printf("  %-22s %9.0f IO/s %8.1f us each\n", "4 KiB blocking", (double)count / sec,
           sec * 1e6 / (double)count);
    iobuf_free(buf, 4096);
}

static int run(const char *path, unsigned flags, const char *name, struct backend_options options)
{
    struct env env;
    struct device *dev;

    if (env_init_system(&env, 1) != 0 || backend_install_system_with(&env, &options) != 0)
        return 1;
    int err = env.devices->open(&env, path, flags, &dev);
    if (err != 0) {
        fprintf(stderr, "%s\n", err_detail());
        env_fini(&env);
        return 1;
    }
    printf("%s (%s)\n", name, backend_engine_name(&env));
    measure_blocking(&env, dev);
    measure(&env, dev, "4 KiB random, 1 deep", 4096, 1, false);
    measure(&env, dev, "4 KiB random, 32 deep", 4096, 32, false);
    measure(&env, dev, "128 KiB random, 8 deep", 128 << 10, 8, false);
    measure(&env, dev, "1 MiB in order, 4 deep", 1 << 20, 4, true);
    device_close(dev);
    env_fini(&env);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s PATH [direct]\n", argv[0]);
        return 2;
    }
    unsigned flags = argc > 2 && strcmp(argv[2], "direct") == 0 ? DEVICE_OPEN_DIRECT : 0;
    return run(argv[1], flags, "threads", (struct backend_options){.no_uring = true}) |
           run(argv[1], flags, "one ring", (struct backend_options){.rings = 1}) |
           run(argv[1], flags, "a ring per CPU", (struct backend_options){.rings = 0});
}
