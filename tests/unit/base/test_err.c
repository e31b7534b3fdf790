/* SPDX-License-Identifier: MIT */
/* base/err: every code has a name, sentence and errno; the detail text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/err.h"

static void codes_are_complete_and_distinct(void **state)
{
    static const int codes[] = {
#define X(name, cls, text) ZE_##name,
        ZUSE_ERRORS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_true(codes[i] < -ZUSE_ERR_FIRST);
        assert_true(err_errno(codes[i]) > 0);
        assert_true(strlen(err_sentence(codes[i])) > 3);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(err_name(codes[i]), err_name(codes[j]));
    }
}

static void code_maps_to_its_own_row(void **state)
{
    assert_string_equal(err_name(ZE_NOMEM), "NOMEM");
    assert_string_equal(err_name(ZE_CKSUM), "CKSUM");
    assert_string_equal(err_sentence(ZE_CKSUM), "checksum mismatch");
    assert_int_equal(err_errno(ZE_HOSTID), EBADF);
    assert_string_equal(err_name(ZE_BADUSAGE), "BADUSAGE");
    assert_int_equal(err_errno(0), 0);
    assert_string_equal(err_name(0), "OK");
}

static void unknown_codes_are_survived(void **state)
{
    assert_int_equal(err_errno(5), EIO);
    assert_int_equal(err_errno(-1), EIO);
    assert_int_equal(err_errno(-ZUSE_ERR_LIMIT), EIO);
    assert_string_equal(err_name(-100000), "UNKNOWN");
}

static void raise_records_and_context_prefixes(void **state)
{
    assert_int_equal(err_raise(ZE_BADBP, "level %d", 40), ZE_BADBP);
    assert_string_equal(err_detail(), "level 40");
    assert_int_equal(err_context(ZE_BADBP, "object %d: ", 7), ZE_BADBP);
    assert_string_equal(err_detail(), "object 7: level 40");
    err_raise(ZE_IO, "again: %s", err_detail()); /* its own text as argument */
    assert_string_equal(err_detail(), "again: object 7: level 40");
    err_detail_clear();
    assert_string_equal(err_detail(), "");
    err_context(ZE_CKSUM, "block: ");
    assert_string_equal(err_detail(), "block: checksum mismatch");
}

static void long_details_are_cut(void **state)
{
    char text[2000], small[8];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_raise(ZE_IO, "%s", text);
    assert_true(strlen(err_detail()) < 600);
    err_context(ZE_IO, "%s", text);
    err_detail_get(small, sizeof(small));
    assert_string_equal(small, "xxxxxxx");
    err_detail_put("short");
    assert_string_equal(err_detail(), "short");
}

static void errno_maps_to_nearest(void **state)
{
    assert_int_equal(err_from_errno(ENOENT, "open %s", "/x"), ZE_NOENT);
    assert_non_null(strstr(err_detail(), "open /x: "));
    assert_int_equal(err_from_errno(ENOTSUP, "x"), ZE_NOTSUP);
    assert_int_equal(err_from_errno(ENODEV, "x"), ZE_NXIO);
    assert_int_equal(err_from_errno(EXDEV, "x"), ZE_SYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_complete_and_distinct),
        cmocka_unit_test(code_maps_to_its_own_row),
        cmocka_unit_test(unknown_codes_are_survived),
        cmocka_unit_test(raise_records_and_context_prefixes),
        cmocka_unit_test(long_details_are_cut),
        cmocka_unit_test(errno_maps_to_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
