/* SPDX-License-Identifier: MIT */
/* base/span: endian accessors, bounds, bit fields */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/span.h"

static void loads_and_stores(void **state)
{
    static const uint8_t b[9] = {0xff, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t out[8];

    assert_int_equal(load_le16(b + 1), 0x0201);
    assert_int_equal(load_be16(b + 1), 0x0102);
    assert_int_equal(load_le32(b + 1), 0x04030201);
    assert_int_equal(load_be32(b + 1), 0x01020304);
    assert_true(load_le64(b + 1) == 0x0807060504030201u);
    assert_true(load_be64(b + 1) == 0x0102030405060708u);
    store_be64(out, 0x0102030405060708u);
    assert_memory_equal(out, b + 1, 8);
    store_le32(out, 0x04030201);
    assert_memory_equal(out, b + 1, 4);
    assert_true(load_ne64(b + 1) == (HOST_IS_LITTLE ? load_le64(b + 1) : load_be64(b + 1)));
}

static void arrays_swap_in_place(void **state)
{
    uint8_t b[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const uint8_t by16[4] = {1, 0, 3, 2}, by32[4] = {3, 2, 1, 0};

    bswap16_array(b, 4);
    assert_memory_equal(b, by16, 4);
    bswap16_array(b, 4);
    bswap32_array(b, 8);
    assert_memory_equal(b, by32, 4);
    bswap32_array(b, 8);
    bswap64_array(b, 16);
    assert_int_equal(b[0], 7);
    assert_int_equal(b[8], 15);
}

static void sub_spans_stay_inside(void **state)
{
    uint8_t b[10];
    struct span s = span_of(b, 10), o;

    assert_true(span_sub(s, 3, 7, &o));
    assert_ptr_equal(o.data, b + 3);
    assert_true(span_sub(s, 10, 0, &o));
    assert_false(span_sub(s, 11, 0, &o));
    assert_false(span_sub(s, 3, 8, &o));
    assert_false(span_sub(s, 3, UINT64_MAX, &o));
    assert_false(span_sub(s, UINT64_MAX, 2, &o));
}

static void small_arithmetic(void **state)
{
    uint64_t w = 0;

    assert_int_equal(highbit64(0), 0);
    assert_int_equal(highbit64(1), 1);
    assert_int_equal(highbit64(1ull << 63), 64);
    assert_int_equal(round_up_pow2(4097, 4096), 8192);
    assert_int_equal(round_down_pow2(8191, 4096), 4096);
    assert_int_equal(div_round_up(10, 3), 4);
    assert_true(div_round_up(UINT64_MAX, 1) == UINT64_MAX);
    assert_true(is_pow2(512) && !is_pow2(0) && !is_pow2(3));
    BITS_SET(w, 40, 8, 0x1ab);
    assert_true(w == 0xabull << 40);
    assert_int_equal(BITS_GET(w, 40, 8), 0xab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_and_stores),
        cmocka_unit_test(arrays_swap_in_place),
        cmocka_unit_test(sub_spans_stay_inside),
        cmocka_unit_test(small_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
