/* SPDX-License-Identifier: MIT */
/*
 * The environment handle (base/env.h): the system's clock and randomness, or a simulated clock and
 * a seeded generator for tests. Devices are installed by vdev/backend.h. Locks: the simulated state
 * has one of RANK_LEAF.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/device.h"
#include "base/env.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/span.h"
#include "base/worker.h"

#define NS_PER_SEC 1000000000u

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t sys_mono_ns(struct env *env)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t sys_wall_ns(struct env *env)
{
    return clock_ns(CLOCK_REALTIME);
}

static void sys_sleep_ns(struct env *env, uint64_t ns)
{
    struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)};

    lock_assert_may_block("sleep");
    while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
        ;
}

static void sys_random_bytes(struct env *env, void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            /* Keys and salts come from here: going on without randomness is not an option. */
            fprintf(stderr, "zuse: getrandom: %s\n", strerror(errno));
            abort();
        }
        p += n;
        len -= (size_t)n;
    }
}

static const struct env_clock_ops sys_clock = {sys_mono_ns, sys_wall_ns, sys_sleep_ns};
static const struct env_random_ops sys_random = {sys_random_bytes};

static int no_devices_open(struct env *env, const char *path, unsigned flags, struct device **out)
{
    return err_raise(ZE_NXIO, "%s: this environment has no devices", path);
}

static const struct env_device_ops no_devices = {.open = no_devices_open};

/* spl.spl_hostid=VALUE of the boot command line; 0 if not there. */
static uint32_t hostid_from_cmdline(void)
{
    static const char key[] = "spl.spl_hostid=";
    char text[4096];
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *at = strstr(text, key);
    return at != NULL ? (uint32_t)strtoul(at + sizeof(key) - 1, NULL, 0) : 0;
}

/* /etc/hostid holds the number in this machine's byte order, as gethostid(3) reads it. */
static uint32_t hostid_from_file(void)
{
    uint32_t id = 0;
    int fd = open("/etc/hostid", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (read(fd, &id, sizeof(id)) != (ssize_t)sizeof(id))
        id = 0;
    close(fd);
    return id;
}

static int env_init_common(struct env *env, unsigned nthreads)
{
    memacct_init(&env->mem, "zuse", NULL, 0);
    env->devices = &no_devices;
    int err = log_create(STDERR_FILENO, LOGL_WARN, &env->log);
    if (err == 0)
        err = workers_create(nthreads, &env->workers);
    if (err != 0)
        env_fini(env);
    return err;
}

int env_init_system(struct env *env, unsigned nthreads)
{
    memset(env, 0, sizeof(*env));
    env->clock = &sys_clock;
    env->random = &sys_random;
    env->hostid = hostid_from_cmdline();
    if (env->hostid == 0)
        env->hostid = hostid_from_file();
    if (gethostname(env->hostname, sizeof(env->hostname) - 1) != 0)
        env->hostname[0] = '\0';
    return env_init_common(env, nthreads);
}

/* --- simulated ------------------------------------------------------------------------------ */

#define SIM_EPOCH_SEC 1735689600u /* 2025-01-01 00:00:00 UTC */

struct sim_state {
    struct mutex lock;
    uint64_t now;     /* monotonic ns */
    uint64_t word[4]; /* xoshiro256** */
};

static uint64_t rotl64(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t sim_next(uint64_t s[4])
{
    uint64_t result = rotl64(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl64(s[3], 45);
    return result;
}

static uint64_t sim_mono_ns(struct env *env)
{
    struct sim_state *sim = env->clock_state;

    MUTEX_GUARD(&sim->lock);
    return sim->now;
}

static uint64_t sim_wall_ns(struct env *env)
{
    return (uint64_t)SIM_EPOCH_SEC * NS_PER_SEC + sim_mono_ns(env);
}

static void sim_random_bytes(struct env *env, void *buf, size_t len)
{
    struct sim_state *sim = env->clock_state;
    uint8_t *p = buf;

    MUTEX_GUARD(&sim->lock);
    while (len > 0) {
        uint8_t word[8];
        size_t n = len < sizeof(word) ? len : sizeof(word);
        store_le64(word, sim_next(sim->word)); /* the same bytes on every host */
        memcpy(p, word, n);
        p += n;
        len -= n;
    }
}

static const struct env_clock_ops sim_clock = {sim_mono_ns, sim_wall_ns, env_sim_advance};
static const struct env_random_ops sim_random = {sim_random_bytes};

int env_init_simulated(struct env *env, uint64_t seed, unsigned nthreads)
{
    memset(env, 0, sizeof(*env));
    struct sim_state *sim = mem_zalloc(sizeof(*sim));
    if (sim == NULL)
        return err_raise(ZE_NOMEM, "simulated environment");
    mutex_init(&sim->lock, RANK_LEAF);
    for (unsigned i = 0; i < 4; i++)
        sim->word[i] = splitmix64(&seed);
    sim->now = NS_PER_SEC;
    env->clock = &sim_clock;
    env->random = &sim_random;
    env->clock_state = sim;
    env->hostid = 0x5eed0001;
    snprintf(env->hostname, sizeof(env->hostname), "simulated");
    return env_init_common(env, nthreads);
}

void env_sim_advance(struct env *env, uint64_t ns)
{
    struct sim_state *sim = env->clock_state;

    MUTEX_GUARD(&sim->lock);
    sim->now += ns;
}

void env_fini(struct env *env)
{
    if (env->devices != NULL && env->devices->fini != NULL)
        env->devices->fini(env);
    workers_destroy(env->workers);
    log_destroy(env->log);
    if (env->clock == &sim_clock) {
        struct sim_state *sim = env->clock_state;
        mutex_destroy(&sim->lock);
        free(sim);
    }
    memset(env, 0, sizeof(*env));
}
