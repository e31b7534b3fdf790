/* SPDX-License-Identifier: MIT */
/* vdev/backend_sim: faults, recording, and what a power cut leaves */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>

#include "base/device.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/worker.h"
#include "vdev/backend_sim.h"

static struct sim_world *world;
static struct sim_disk *disk;
static struct env env;
static struct device *dev;

static int setup(void **state)
{
    assert_int_equal(sim_world_create(7, &world), 0);
    assert_int_equal(sim_disk_add(world, "/a", 1 << 20, 512, &disk), 0);
    assert_int_equal(env_init_simulated(&env, 1, 1), 0);
    assert_int_equal(backend_install_sim(&env, world), 0);
    assert_int_equal(env.devices->open(&env, "/a", DEVICE_OPEN_WRITE | DEVICE_OPEN_EXCL, &dev), 0);
    return 0;
}

static int teardown(void **state)
{
    device_close(dev);
    env_fini(&env);
    sim_world_destroy(world);
    return 0;
}

static void put(unsigned sector, unsigned count, uint8_t with)
{
    uint8_t b[8192];

    memset(b, with, sizeof(b));
    assert_int_equal(device_write(dev, sector * 512u, b, count * 512u), 0);
}

/* First byte of each of the first n sectors of /a in a world. */
static void sectors(struct sim_world *w, unsigned n, char *out)
{
    uint8_t b[512];

    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(sim_disk_peek(sim_disk_find(w, "/a"), i * 512u, b, 512), 0);
        for (unsigned k = 1; k < 512; k++)
            assert_int_equal(b[k], b[0]); /* sectors never tear */
        out[i] = b[0] != 0 ? (char)b[0] : '.';
    }
    out[n] = '\0';
}

static void stores_and_checks(void **state)
{
    uint8_t b[1024];
    struct device *other;

    put(3, 1, 'x');
    assert_int_equal(device_read(dev, 3 * 512 - 1, b, 514), 0);
    assert_true(b[0] == 0 && b[1] == 'x' && b[512] == 'x' && b[513] == 0);
    assert_int_equal(device_write(dev, 100, b, 512), ZE_INVAL);
    assert_int_equal(device_read(dev, 1 << 20, b, 1), ZE_IO);
    assert_int_equal(env.devices->open(&env, "/a", DEVICE_OPEN_EXCL, &other), ZE_DEVINUSE);
    assert_int_equal(env.devices->open(&env, "/b", DEVICE_OPEN_READ, &other), ZE_NOENT);
    sim_disk_set_missing(disk, true);
    assert_int_equal(device_read(dev, 0, b, 512), ZE_NXIO);
    sim_disk_set_missing(disk, false);
    assert_int_equal(sim_disk_damage(disk, 3 * 512, 512), 0);
    assert_int_equal(device_read(dev, 3 * 512, b, 512), 0);
    for (unsigned i = 0; i < 512; i++)
        assert_int_not_equal(b[i], 'x');
}

static void hook(void *arg, const struct sim_request *req, struct sim_verdict *v)
{
    if (req->op == DEVICE_WRITE && req->offset == 0)
        v->lose = true;
    if (req->op == DEVICE_READ && req->offset == 512)
        v->corrupt = true;
    if (req->op == DEVICE_READ && req->offset == 1024)
        v->err = ZE_IO;
    if (req->op == DEVICE_FLUSH)
        v->latency_ns = 5000;
}

static void faults_hit_where_told(void **state)
{
    uint8_t b[512];

    sim_world_set_hook(world, hook, NULL);
    put(0, 1, 'a');
    put(1, 1, 'b');
    assert_int_equal(device_read(dev, 0, b, 512), 0);
    assert_int_equal(b[0], 0);
    assert_int_equal(device_read(dev, 512, b, 512), 0);
    assert_int_not_equal(b[0], 'b');
    assert_int_equal(device_read(dev, 1024, b, 512), ZE_IO);
    uint64_t before = env_mono_ns(&env);
    assert_int_equal(device_flush(dev), 0);
    assert_int_equal(env_mono_ns(&env) - before, 5000);
    sim_world_set_hook(world, NULL, NULL);
    uint64_t nth = sim_world_requests(world);
    sim_world_fail_at(world, nth + 1, ZE_IO);
    assert_int_equal(device_read(dev, 0, b, 512), 0);
    assert_int_equal(device_read(dev, 0, b, 512), ZE_IO);
    assert_int_equal(device_read(dev, 0, b, 512), 0);
    sim_world_cut_at(world, nth + 3);
    assert_int_equal(device_write(dev, 0, b, 512), ZE_NXIO);
    assert_int_equal(device_read(dev, 0, b, 512), ZE_NXIO);
}

static void crash_to(uint64_t events, enum sim_unflushed u, bool reorder, bool torn, uint64_t seed,
                     char *out)
{
    struct sim_crash c = {events, u, reorder, torn, seed};
    struct sim_world *after;

    assert_int_equal(sim_world_crash(world, &c, &after), 0);
    sectors(after, 8, out);
    sim_world_destroy(after);
}

static void nothing(struct device_io *io, int err)
{
    assert_int_equal(err, 0);
}

static void every_prefix_is_played_back(void **state)
{
    /* before: 0 old 'o'; events: 0 a, 1 b, 2 flush, 3 c over a, 4 trim of b, 5 flush */
    static const char *const keep[] = {"oo......", "ao......", "ab......", "ab......",
                                       "cb......", "c.......", "c......."};
    static const char *const drop[] = {"oo......", "oo......", "oo......", "ab......",
                                       "ab......", "ab......", "c......."};
    struct device_io trim = {.op = DEVICE_TRIM, .offset = 512, .size = 512};
    char got[16], name[64];

    put(0, 2, 'o');
    assert_int_equal(sim_world_record(world), 0);
    put(0, 1, 'a');
    put(1, 1, 'b');
    assert_int_equal(device_flush(dev), 0);
    put(0, 1, 'c');
    trim.done = nothing;
    dev->ops->submit(dev, &trim);
    assert_int_equal(device_flush(dev), 0);
    assert_int_equal(sim_world_events(world), 6);
    sim_world_event_name(world, 1, name, sizeof(name));
    assert_string_equal(name, "write /a 512+512");
    for (unsigned pass = 0; pass < 2; pass++) /* the second pass goes back in time */
        for (unsigned k = 0; k <= 6; k++) {
            crash_to(k, SIM_KEEP, false, false, 1, got);
            assert_string_equal(got, keep[k]);
            crash_to(k, SIM_DROP, false, false, 1, got);
            assert_string_equal(got, drop[k]);
        }
    struct sim_crash beyond = {.events = 7};
    struct sim_world *after;
    assert_int_equal(sim_world_crash(world, &beyond, &after), ZE_INVAL);
}

/* Every subset of three unflushed writes turns up, every order of two, and tears of whole sectors.
 */
static void random_cuts_reach_all_outcomes(void **state)
{
    unsigned subsets = 0, orders = 0, tears = 0;
    char got[16];

    assert_int_equal(sim_world_record(world), 0);
    put(0, 1, 'a');
    put(1, 1, 'b');
    put(2, 1, 'c');
    put(4, 2, 'd');
    put(4, 2, 'e');
    for (uint64_t seed = 0; seed < 300; seed++) {
        crash_to(3, SIM_RANDOM, false, false, seed, got);
        subsets |= 1u << ((got[0] == 'a') + 2 * (got[1] == 'b') + 4 * (got[2] == 'c'));
        crash_to(5, SIM_KEEP, true, false, seed, got);
        assert_memory_equal(got, "abc", 3);
        assert_int_equal(got[4], got[5]);
        orders |= got[4] == 'd' ? 1 : 2;
        crash_to(5, SIM_KEEP, false, true, seed, got);
        tears |= got[4] == got[5] ? 1 : got[4] == 'e' ? 2 : 4;
    }
    assert_int_equal(subsets, 0xff);
    assert_int_equal(orders, 3);
    assert_int_equal(tears, 7);
    char again[16];
    crash_to(5, SIM_RANDOM, true, true, 99, got);
    crash_to(5, SIM_RANDOM, true, true, 99, again);
    assert_string_equal(got, again);
}

static atomic_uint left;
static unsigned order_len;
static unsigned char order_of[64];
static struct device_io ios[64];

static void note_order(struct device_io *io, int err)
{
    order_of[order_len++] = (unsigned char)(io - ios);
    left--;
}

static void chain(struct device_io *io, int err)
{
    if (--left > 0)
        dev->ops->submit(dev, io); /* must not recurse: would overflow the stack */
}

static void inline_completion_does_not_recurse(void **state)
{
    struct device_io io = {.op = DEVICE_FLUSH, .done = chain};

    left = 1000000;
    dev->ops->submit(dev, &io);
    assert_int_equal(left, 0);
}

static void async_completes_out_of_order(void **state)
{
    uint8_t b[512];
    struct iovec iov = {b, sizeof(b)};
    bool shuffled = false;

    sim_world_set_async(world, true);
    order_len = 0;
    left = 64;
    for (unsigned i = 0; i < 64; i++)
        ios[i] = (struct device_io){.op = DEVICE_READ,
                                    .offset = i * 512,
                                    .size = 512,
                                    .iov = &iov,
                                    .iovcnt = 1,
                                    .done = note_order,
                                    .next = i < 63 ? &ios[i + 1] : NULL};
    dev->ops->submit(dev, ios);
    assert_int_equal(device_flush(dev), 0);
    while (left > 0)
        sched_yield();
    for (unsigned i = 0; i < 64; i++)
        shuffled |= order_of[i] != i;
    assert_true(shuffled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(stores_and_checks),
        T(faults_hit_where_told),
        T(every_prefix_is_played_back),
        T(random_cuts_reach_all_outcomes),
        T(inline_completion_does_not_recurse),
        T(async_completes_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
