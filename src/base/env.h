/* SPDX-License-Identifier: MIT */
/*
 * The environment handle: all time, randomness, device I/O and worker threads come through it, so
 * that a test drives the engine with a simulated clock, seeded randomness and simulated disks. Made
 * once by the composition root (service, tool or test), outlives everything that uses it.
 */
#ifndef ZUSE_BASE_ENV_H
#define ZUSE_BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct env;
struct log;
struct workers;
struct device;

struct env_clock_ops {
    uint64_t (*mono_ns)(struct env *env); /* monotonic, nanoseconds */
    uint64_t (*wall_ns)(struct env *env); /* since 1970, nanoseconds */
    void (*sleep_ns)(struct env *env, uint64_t ns);
};

struct env_random_ops {
    void (*bytes)(struct env *env, void *buf,
                  size_t len); /* cryptographically strong unless simulated */
};

enum device_open_flags {
    DEVICE_OPEN_READ = 0,
    DEVICE_OPEN_WRITE = 1 << 0,
    DEVICE_OPEN_EXCL = 1 << 1,   /* O_EXCL on block devices, OFD lock on files; busy: ZE_DEVINUSE */
    DEVICE_OPEN_DIRECT = 1 << 2, /* bypass the page cache where possible */
};

/* Opens devices by path. The system provider knows files, block devices and nbd: URIs. */
struct env_device_ops {
    int (*open)(struct env *env, const char *path, unsigned flags, struct device **out);
    void (*fini)(struct env *env); /* called by env_fini; may be NULL. All devices are closed */
};

struct env {
    const struct env_clock_ops *clock;
    const struct env_random_ops *random;
    const struct env_device_ops *devices;
    void *clock_state, *random_state, *device_state;
    struct workers *workers; /* CPU-heavy stages, one thread a core */
    struct log *log;
    struct memacct mem; /* everything of this environment */
    uint32_t hostid;    /* 0 = none; as /etc/hostid or the boot parameter gives it */
    char hostname[256];
};

/* Real clock, getrandom(), no devices (vdev/backend.h installs them), nthreads workers (0 = cores).
 */
int env_init_system(struct env *env, unsigned nthreads);
/* Clock that only moves when slept on or advanced; random from seed (reproducible). */
int env_init_simulated(struct env *env, uint64_t seed, unsigned nthreads);
void env_sim_advance(struct env *env, uint64_t ns);
void env_fini(struct env *env);

static inline uint64_t env_mono_ns(struct env *env)
{
    return env->clock->mono_ns(env);
}
static inline uint64_t env_wall_ns(struct env *env)
{
    return env->clock->wall_ns(env);
}
static inline uint64_t env_wall_sec(struct env *env)
{
    return env->clock->wall_ns(env) / 1000000000u;
}
static inline void env_random_bytes(struct env *env, void *buf, size_t len)
{
    env->random->bytes(env, buf, len);
}

#endif
