/* SPDX-License-Identifier: MIT */
/* base/mem: accounts with limits, overflow checks, I/O buffers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

static void account_limits_hold_up_the_chain(void **state)
{
    struct memacct all, cache;

    memacct_init(&all, "all", NULL, 1000);
    memacct_init(&cache, "cache", &all, 0);
    assert_int_equal(memacct_charge(&cache, 600), 0);
    assert_int_equal(memacct_charge(&cache, 600), ZE_NOMEM);
    assert_non_null(strstr(err_detail(), "\"all\""));
    assert_int_equal(cache.used, 600); /* nothing left charged */
    assert_int_equal(all.used, 600);
    assert_int_equal(memacct_charge(&cache, 400), 0);
    memacct_uncharge(&cache, 1000);
    assert_int_equal(all.used, 0);
    assert_int_equal(all.peak, 1000);
    assert_int_equal(memacct_charge(&all, UINT64_MAX), ZE_NOMEM);
}

static void calloc_checks_overflow(void **state)
{
    assert_null(mem_calloc(SIZE_MAX / 2, 3));
    AUTO_FREE char *p = mem_calloc(3, 5);
    assert_memory_equal(p, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
    AUTO_FREE char *none = mem_calloc(0, 5);
    assert_non_null(none);
    AUTO_FREE char *s = mem_printf("%s/%d", "tank", 3);
    assert_string_equal(s, "tank/3");
}

/* Every size is aligned, really that large, and two live buffers never overlap. */
static void iobufs_are_aligned_and_apart(void **state)
{
    enum { N = 64 };
    unsigned char *buf[N] = {0};
    size_t size[N];
    uint64_t seed = 42;

    for (unsigned round = 0; round < 4000; round++) {
        unsigned i = round % N;
        if (buf[i] != NULL) {
            assert_int_equal(buf[i][0], i);
            assert_int_equal(buf[i][size[i] - 1], i);
            iobuf_free(buf[i], size[i]);
        }
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size[i] = 2 + (seed >> 33) % (round % 7 == 0 ? 5u << 20 : 300u << 10);
        buf[i] = iobuf_alloc(size[i]);
        assert_non_null(buf[i]);
        assert_int_equal((uintptr_t)buf[i] % 4096, 0);
        buf[i][0] = buf[i][size[i] - 1] = (unsigned char)i;
    }
    for (unsigned i = 0; i < N; i++)
        iobuf_free(buf[i], size[i]);
    assert_null(iobuf_alloc(SIZE_MAX));
    iobuf_free(iobuf_alloc(0), 0);
    iobuf_free(NULL, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_limits_hold_up_the_chain),
        cmocka_unit_test(calloc_checks_overflow),
        cmocka_unit_test(iobufs_are_aligned_and_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
