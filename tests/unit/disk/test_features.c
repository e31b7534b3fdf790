/* SPDX-License-Identifier: MIT */
/*
 * The feature table against itself, versions, compatibility sets (format/pool.md 9, 10).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "disk/compat.h"

static void table(void **state)
{
    for (unsigned f = 0; f < FEATURE_COUNT; f++) {
        const struct feature_info *info = feature_info((enum feature)f);
        assert_int_equal(info->id, f);
        assert_true(feature_guid_is_valid(info->guid));
        assert_ptr_equal(feature_find(info->name), info);
        assert_ptr_equal(feature_find_guid(info->guid), info);
        assert_true(info->readable);
        for (const enum feature *d = info->depends; *d != FEATURE_NONE; d++)
            assert_false(feature_closure(*d) & feature_bit((enum feature)f)); /* no circle */
        assert_true(feature_closure((enum feature)f) & feature_bit((enum feature)f));
    }
    assert_int_equal(feature_closure(FEATURE_ENCRYPTION),
                     feature_bit(FEATURE_ENCRYPTION) | feature_bit(FEATURE_EXTENSIBLE_DATASET) |
                         feature_bit(FEATURE_BOOKMARK_V2) | feature_bit(FEATURE_BOOKMARKS));
    assert_null(feature_find("no_such_feature"));
    assert_int_equal(feature_info(FEATURE_HOLE_BIRTH)->flags, FEATURE_FLAG_MOS | FEATURE_FLAG_AOE);
    assert_string_equal(feature_find("com.datto:encryption")->name, "encryption");
    assert_false(feature_guid_is_valid("noprefix"));
    assert_false(feature_guid_is_valid("a:b:c"));
    assert_false(feature_guid_is_valid("org.example:"));
    assert_false(feature_guid_is_valid("Org.example:x"));
}

static void versions(void **state)
{
    for (unsigned v = 1; v <= 28; v++) {
        assert_true(pool_version_is_valid(v));
        assert_int_equal(pool_version_info(v)->version, v);
    }
    assert_true(pool_version_is_valid(5000));
    assert_false(pool_version_is_valid(0));
    assert_false(pool_version_is_valid(29));
    assert_false(pool_version_is_valid(5001));
    assert_null(pool_version_info(29));
    assert_string_equal(pool_version_info(23)->description, "Slim ZIL");
    assert_string_equal(zpl_version_info(5)->description, "System attributes");
    assert_null(zpl_version_info(6));
}

static uint64_t builtin(const char *name)
{
    uint64_t set = 0;
    assert_true(compat_builtin(name, &set));
    return set;
}

static void compatibility(void **state)
{
    const char *name;

    for (size_t i = 0; (name = compat_builtin_name(i)) != NULL; i++)
        assert_int_not_equal(builtin(name), 0);
    assert_int_equal(builtin("2018"), builtin("zol-0.6.5"));
    assert_int_equal(builtin("grub2"), builtin("grub2-2.12"));
    assert_int_equal(builtin("openzfs-2.0-linux") ^ builtin("openzfs-2.0-freebsd"),
                     feature_bit(FEATURE_EDONR));
    assert_int_equal(builtin("openzfs-2.4") & ~builtin("openzfs-2.3"),
                     feature_bit(FEATURE_BLOCK_CLONING_ENDIAN) |
                         feature_bit(FEATURE_DYNAMIC_GANG_HEADER) |
                         feature_bit(FEATURE_PHYSICAL_REWRITE));
    /* everything of 2.4 is in its set */
    assert_int_equal(builtin("openzfs-2.4"), COMPAT_ALL_FEATURES);
    uint64_t set;
    assert_false(compat_builtin("openzfs-9.9", &set));
}

static enum compat_result parse(const char *text, bool trusted, uint64_t *set, char bad[32])
{
    return compat_parse(span_of(text, strlen(text)), trusted, set, bad, 32);
}

static void files(void **state)
{
    uint64_t set;
    char bad[32];

    assert_int_equal(
        parse("# comment, lz4_compress\nasync_destroy,edonr\t skein#x\n", false, &set, bad),
        COMPAT_OK);
    assert_int_equal(set, feature_bit(FEATURE_ASYNC_DESTROY) | feature_bit(FEATURE_EDONR) |
                              feature_bit(FEATURE_SKEIN));
    assert_int_equal(parse("edonr\nnonsense\n", false, &set, bad), COMPAT_BADTOKEN);
    assert_string_equal(bad, "nonsense");
    assert_int_equal(parse("edonr\nnonsense\n", true, &set, bad), COMPAT_WARNTOKEN);
    assert_int_equal(set, feature_bit(FEATURE_EDONR));
    assert_int_equal(parse("edonr", true, &set, bad), COMPAT_BADFILE);
    assert_int_equal(parse("", true, &set, bad), COMPAT_BADFILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(versions),
                                       cmocka_unit_test(compatibility), cmocka_unit_test(files)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
