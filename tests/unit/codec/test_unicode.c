/* SPDX-License-Identifier: MIT */
/*
 * Unicode normalization: the vectors of format/dmu.md 16.7, the names of the casesens fixture,
 * limits of the Unicode 5.0 data, ill-formed UTF-8. CRC-64 entries of format/dmu.md 9.1.
 */
#include "../hex.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/crc64.h"
#include "codec/unicode.h"

#define UP UNICODE_TOUPPER
#define D  UNICODE_FORM_D
#define C  UNICODE_FORM_C
#define KD UNICODE_FORM_KD
#define KC UNICODE_FORM_KC

static void check(const char *in, unsigned flags, const char *expect)
{
    char out[256];
    size_t len = 0;

    assert_int_equal(unicode_normalize(in, strlen(in), flags, out, sizeof(out), &len), 0);
    assert_int_equal(len, strlen(expect));
    assert_memory_equal(out, expect, len);
}

static void vectors(void **state)
{
    static const struct {
        const char *in, *nfd, *nfc, *nfc_up, *nfd_up;
    } v[] = {
        {"e\u0301", "e\u0301", "\u00e9", "\u00c9", "E\u0301"},
        {"\u1e0b\u0323", "d\u0323\u0307", "\u1e0d\u0307", "\u1e0c\u0307", "D\u0323\u0307"},
        {"\uac01", "\u1100\u1161\u11a8", "\uac01", "\uac01", "\u1100\u1161\u11a8"},
        {"\u03b1\u0345", "\u03b1\u0345", "\u1fb3", "\u0391\u0399", "\u0391\u0399"},
        {"I\u0307", "I\u0307", "\u0130", "\u0130", "I\u0307"},
    };

    for (unsigned i = 0; i < array_len(v); i++) {
        check(v[i].in, D, v[i].nfd);
        check(v[i].in, C, v[i].nfc);
        check(v[i].in, C | UP, v[i].nfc_up);
        check(v[i].in, D | UP, v[i].nfd_up);
        check(v[i].nfd, C, v[i].nfc);
        check(v[i].in, 0, v[i].in);
    }
}

static void compatibility_forms(void **state)
{
    check("\ufb01ligature", C, "\ufb01ligature");
    check("\ufb01ligature", KC, "filigature");
    check("\ufb01ligature", KD, "filigature");
    check("\u212b", C, "\u00c5");
    check("\u212b", KD, "A\u030a");
    check("\u1e9b\u0323", C, "\u1e9b\u0323");
    check("\u1e9b\u0323", D, "\u017f\u0323\u0307");
    check("\u1e9b\u0323", KC, "\u1e69");
    check("\u1e9b\u0323", KD, "s\u0323\u0307");
    check("\u1112\u1161\u11ab", C, "\ud55c");
    check("\u1112\u1161", KC, "\ud558");
    check("\ud558\u11ab", C, "\ud55c");
    check("\u09c7\u09be", C, "\u09cb"); /* two starters */
    check("\u09c7\u0334\u09be", C, "\u09c7\u0334\u09be");
    check("\u1b06", C, "\u1b06");       /* new in 5.0, as is its second half */
    check("\u0958", C, "\u0915\u093c"); /* excluded from composition */
}

static void upper_case_of_5_0(void **state)
{
    check("stra\u00dfe", UP, "STRA\u00dfE"); /* one to one only */
    check("\u1f80", UP, "\u1f88");
    check("\u00ff", UP, "\u0178");
    check("\u01c5", UP, "\u01c4");
    check("\u0131", UP, "I");
    check("\u10d0", UP, "\u10d0"); /* got a partner later */
    check("\u0250\u0271", UP, "\u0250\u0271");
    check("\U00010428", UP, "\U00010400");
    check("\u2c61", UP, "\u2c60");            /* new in 5.0 */
    check("\ufa2e\ufa6b", D, "\ufa2e\ufa6b"); /* later than 5.0 */
    check("\ufa70", D, "\u4e26");
}

static void ill_formed_bytes_pass_through(void **state)
{
    check("e\xcc", C, "e\xcc");
    check("bad\xff\xc3\xa9", UP, "BAD\xff\xc3\x89");
    check("\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", KC, "\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80");
    check("e\xff\u0301", C, "e\xff\u0301");
}

static void utf8_validity(void **state)
{
    static const char *const good[] = {"", "abc", "\u00fc", "\uffff", "\U0010ffff", "\u0800"};
    static const char *const bad[] = {"\xff",
                                      "\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "a\xc3",
                                      "\xe2\x82",
                                      "\xc3(",
                                      "\xe2(\xa1"};

    for (unsigned i = 0; i < array_len(good); i++)
        assert_true(unicode_utf8_valid(good[i], strlen(good[i])));
    for (unsigned i = 0; i < array_len(bad); i++)
        assert_false(unicode_utf8_valid(bad[i], strlen(bad[i])));
    assert_true(unicode_utf8_valid("a\0b", 3));
}

static void long_sequences_get_a_joiner(void **state)
{
    char in[256] = "a", expect[256] = "a";

    for (int i = 0; i < 40; i++) {
        if (i == 30)
            strcat(expect, "\u034f");
        strcat(in, "\u0321"); /* a mark that composes with nothing */
        strcat(expect, "\u0321");
    }
    check(in, C, expect);
    check(in, D, expect);
}

static void output_is_bounded(void **state)
{
    char in[4096] = "", out[UNICODE_NORMALIZED_MAX(sizeof(in))];
    size_t len;

    for (int i = 0; i < 300; i++)
        strcat(in, "\ufdfa");
    assert_int_equal(unicode_normalize(in, strlen(in), KD, out, 100, &len), ZE_RANGE);
    assert_int_equal(
        unicode_normalize(in, strlen(in), KD, out, UNICODE_NORMALIZED_MAX(strlen(in)), &len), 0);
    assert_int_equal(len, 300 * 33);
    assert_true(unicode_same(in, strlen(in), out, len, KD));
    assert_false(unicode_same(in, strlen(in), out, len - 1, KD));
}

/* What behaviour.txt of the fixture shows real OpenZFS do. */
static void lookups_of_the_casesens_fixture(void **state)
{
    static const char nfc[] = "\u00dcn\u00efcode", nfd[] = "U\u0308ni\u0308code";
    static const char foo[] = "Foo.TXT", asked[] = "FOO.txt";

    assert_true(unicode_same(foo, 7, asked, 7, UP));
    assert_false(unicode_same(foo, 7, asked, 7, C));
    assert_false(unicode_same(nfc, strlen(nfc), nfd, strlen(nfd), UP));
    for (unsigned flags = D; flags <= KC; flags += 0x10)
        if (flags != 0x30 && flags != 0x40)
            assert_true(unicode_same(nfc, strlen(nfc), nfd, strlen(nfd), flags));
    assert_true(unicode_same(nfc, strlen(nfc), nfd, strlen(nfd), C | UP));
    assert_false(unicode_same("u\u0308", 3, nfd, strlen(nfd), C));
}

static void crc64(void **state)
{
    uint8_t one = 1, top = 128, all = 255, abc[] = "abc";
    uint64_t word = 0x1122334455667788, crc;
    uint8_t le[8];

    assert_int_equal(crc64_update(0, &one, 1), 0xb32e4cbe03a75f6f);
    assert_int_equal(crc64_update(0, &top, 1), 0xc96c5795d7870f42);
    assert_int_equal(crc64_update(0, &all, 1), 0xe0ada17364673f59);
    store_le64(le, word);
    assert_int_equal(crc64_update_u64(7, word), crc64_update(7, le, 8));
    crc = crc64_update(5, abc, 1);
    assert_int_equal(crc64_update(crc, abc + 1, 2), crc64_update(5, abc, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(compatibility_forms),
        cmocka_unit_test(upper_case_of_5_0),
        cmocka_unit_test(ill_formed_bytes_pass_through),
        cmocka_unit_test(utf8_validity),
        cmocka_unit_test(long_sequences_get_a_joiner),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(lookups_of_the_casesens_fixture),
        cmocka_unit_test(crc64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
