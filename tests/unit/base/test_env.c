/* SPDX-License-Identifier: MIT */
/* base/env: simulated time and randomness are reproducible, the system's are not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/device.h"
#include "base/env.h"
#include "base/err.h"

static void simulated_is_reproducible(void **state)
{
    struct env a, b, c;
    uint8_t ra[37], rb[37], rc[37];

    assert_int_equal(env_init_simulated(&a, 1, 1), 0);
    assert_int_equal(env_init_simulated(&b, 1, 1), 0);
    assert_int_equal(env_init_simulated(&c, 2, 1), 0);
    env_random_bytes(&a, ra, sizeof(ra));
    env_random_bytes(&b, rb, sizeof(rb));
    env_random_bytes(&c, rc, sizeof(rc));
    assert_memory_equal(ra, rb, sizeof(ra));
    assert_memory_not_equal(ra, rc, sizeof(ra));
    env_fini(&a);
    env_fini(&b);
    env_fini(&c);
}

static void simulated_clock_moves_only_when_told(void **state)
{
    struct env e;

    assert_int_equal(env_init_simulated(&e, 1, 1), 0);
    uint64_t mono = env_mono_ns(&e), wall = env_wall_sec(&e);
    assert_int_equal(env_mono_ns(&e), mono);
    env_sim_advance(&e, 5000000000u);
    assert_int_equal(env_mono_ns(&e), mono + 5000000000u);
    e.clock->sleep_ns(&e, 1000000000u);
    assert_int_equal(env_wall_sec(&e), wall + 6);
    env_fini(&e);
}

static void system_clock_and_random_work(void **state)
{
    struct env e;
    uint8_t a[32], b[32];

    assert_int_equal(env_init_system(&e, 0), 0);
    uint64_t before = env_mono_ns(&e);
    e.clock->sleep_ns(&e, 2000000);
    assert_true(env_mono_ns(&e) - before >= 2000000);
    assert_true(env_wall_sec(&e) > 1700000000u);
    env_random_bytes(&e, a, sizeof(a));
    env_random_bytes(&e, b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(e.hostname[0] != '\0');
    env_fini(&e);
}

static void no_backend_means_no_devices(void **state)
{
    struct env e;
    struct device *d;

    assert_int_equal(env_init_simulated(&e, 1, 1), 0);
    assert_int_equal(e.devices->open(&e, "/dev/null", DEVICE_OPEN_READ, &d), ZE_NXIO);
    env_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_is_reproducible),
        cmocka_unit_test(simulated_clock_moves_only_when_told),
        cmocka_unit_test(system_clock_and_random_work),
        cmocka_unit_test(no_backend_means_no_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
