/* SPDX-License-Identifier: MIT */
/* Resume tokens: the worked example of format/send.md 21.5, round trips, and text of other kinds.
 */
#include "../hex.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "dsl/resume_token.h"

static const char example[] =
    "1-b7fb5166a-d8-"
    "789c636064000310a500c4ec50360710e72765a52697303030419460caa7a515a796806498e0f26c48f2499525a9"
    "c540bae10b2356fd25f9e9a599290c0c075f9f93db79fddb7d0d24794eb07c5e626e2a904ecccbd64f2b7628ce4b"
    "2c8099c3cd807077727e6e41516a71717e36031c0000fa861dc0";

static void test_worked_example(void **state)
{
    struct nvlist *nv;

    assert_int_equal(resume_token_decode(example, &nv), 0);
    assert_int_equal(nvlist_u64(nv, "object", 0), 2);
    assert_int_equal(nvlist_u64(nv, "offset", 0), 0x20000);
    assert_int_equal(nvlist_u64(nv, "bytes", 0), 0x1f480);
    assert_true(nvlist_u64(nv, "toguid", 0) == 0xdff6d7b91eceebc1);
    assert_string_equal(nvlist_string(nv, "toname", ""), "tank/fs@snap");
    assert_true(nvlist_exists(nv, "compressok"));
    /* the expected bytes are the native encoding of a little-endian host */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint8_t *packed;
    size_t len;
    assert_int_equal(nvlist_encode(nv, NV_ENC_NATIVE, &packed, &len), 0);
    assert_hex(packed, len,
               "000100000000000001000000"
               "20000000070000000100000008000000 6f626a65637400 00 0200000000000000"
               "20000000070000000100000008000000 6f666673657400 00 0000020000000000"
               "20000000060000000100000008000000 627974657300 0000 80f4010000000000"
               "20000000070000000100000008000000 746f6775696400 00 c1ebce1eb9d7f6df"
               "28000000070000000100000009000000 746f6e616d6500 00 74616e6b2f667340736e617000000000"
               "200000000b0000000000000001000000 636f6d70726573736f6b00 0000000000"
               "00000000");
    free(packed);
#endif
    nvlist_free(nv);
}

static void test_round_trip(void **state)
{
    struct nvlist *nv, *back;
    uint64_t guids[] = {1, UINT64_MAX, 7}, *got;
    char *token;
    size_t n;

    assert_int_equal(nvlist_create(&nv), 0);
    assert_int_equal(nvlist_add_u64(nv, "toguid", UINT64_MAX), 0);
    assert_int_equal(nvlist_add_u64_array(nv, "redact_snaps", guids, 3), 0);
    assert_int_equal(resume_token_encode(nv, &token), 0);
    assert_memory_equal(token, "1-", 2);
    assert_int_equal(resume_token_decode(token, &back), 0);
    assert_true(nvlist_u64(back, "toguid", 0) == UINT64_MAX);
    assert_int_equal(nvlist_lookup_u64_array(back, "redact_snaps", (const uint64_t **)&got, &n), 0);
    assert_int_equal(n, 3);
    assert_memory_equal(got, guids, sizeof(guids));
    nvlist_free(back);
    nvlist_free(nv);
    free(token);
}

static void refuse(const char *token, const char *why)
{
    struct nvlist *nv = NULL;

    assert_int_equal(resume_token_decode(token, &nv), ZE_BADSTREAM);
    assert_non_null(strstr(err_detail(), why));
}

static void test_refused(void **state)
{
    char bad[sizeof(example)];

    refuse("", "invalid format");
    refuse("nothing", "invalid format");
    refuse("1-2", "invalid format");
    refuse("2-b7fb5166a-d8-00", "invalid version 2");
    refuse("1-b7fb5166a-d8-xy", "not hex-encoded");
    refuse("1-b7fb5166a-d8-00", "incorrect checksum");
    refuse("1-0-ffffffffffffffff-00", "size");
    refuse("1-0-8-00", "decompression failed");
    for (size_t i = strlen("1-b7fb5166a-d8-"); i + 9 < sizeof(example); i += 7) {
        memcpy(bad, example, sizeof(bad)); /* any changed digit the checksum covers */
        bad[i] = bad[i] == '0' ? '1' : '0';
        refuse(bad, "checksum");
    }
    memcpy(bad, example, sizeof(bad));
    memcpy(strstr(bad, "-d8-"), "-d7-", 4); /* the size is not under the checksum */
    refuse(bad, "decompression failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_example),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
