/* SPDX-License-Identifier: MIT */
/*
 * For unit tests: bytes from hex text (blanks are skipped), and a comparison against hex text.
 */
#ifndef ZUSE_TESTS_UNIT_HEX_H
#define ZUSE_TESTS_UNIT_HEX_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

/* Returns the number of bytes; fails the test on bad text or when it does not fit. */
static inline size_t hex_bytes(const char *text, void *out, size_t cap)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *p = out;
    size_t n = 0;

    for (; *text != '\0'; text++) {
        const char *d = strchr(digits, *text);
        if (*text == ' ' || *text == '\n')
            continue;
        assert_non_null(d);
        assert_true(n / 2 < cap);
        p[n / 2] = (uint8_t)(n % 2 == 0 ? (d - digits) << 4 : p[n / 2] | (d - digits));
        n++;
    }
    assert_int_equal(n % 2, 0);
    return n / 2;
}

#define assert_hex(ptr, len, text)                                                                 \
    do {                                                                                           \
        uint8_t expect_[8192];                                                                     \
        assert_int_equal(hex_bytes(text, expect_, sizeof(expect_)), len);                          \
        assert_memory_equal(ptr, expect_, len);                                                    \
    } while (0)

#endif
