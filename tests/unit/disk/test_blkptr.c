/* SPDX-License-Identifier: MIT */
/*
 * Block pointers and gang headers: the examples of format/dmu.md 16.3 and 16.4, and the text of zdb
 * for block pointers of real pools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../hex.h"
#include "base/err.h"
#include "disk/blkptr.h"
#include "disk/gang.h"
#include "disk/objtype.h"

static void assert_text(const struct blkptr *bp, const char *expect)
{
    char text[BP_TEXT_MAX];
    assert_int_equal(bp_format(text, sizeof(text), bp), strlen(expect));
    assert_string_equal(text, expect);
}

static void set_word(struct blkptr *bp, unsigned i, uint64_t v)
{
    memcpy((uint8_t *)bp + 8 * i, &v, 8);
}

static void embedded(void **state)
{
    struct blkptr bp = {0};
    uint8_t payload[BLKPTR_EMBEDDED_MAX];

    set_word(&bp, 0, 0x0001621f0e000000);
    set_word(&bp, 1, 0x62626250eaffffff);
    set_word(&bp, 2, 0x0000000000006262);
    set_word(&bp, 6, 0x801a008f220003ff);
    set_word(&bp, 10, 7);
    assert_int_equal(bp_validate(&bp), 0);
    assert_true(bp_is_embedded(&bp));
    assert_false(bp_is_hole(&bp));
    assert_int_equal(bp_lsize(&bp), 1024);
    assert_int_equal(bp_psize(&bp), 18);
    assert_int_equal(bp_compress(&bp), COMPRESS_LZ4);
    assert_int_equal(bp_type(&bp), OBJTYPE_OTHER_UINT64);
    assert_int_equal(bp_birth(&bp), 7);
    assert_int_equal(bp_physical_birth(&bp), 0);
    assert_int_equal(bp_ndvas(&bp), 0);
    assert_int_equal(bp_asize(&bp), 0);
    assert_int_equal(bp_fill(&bp), 1);
    assert_int_equal(bp_ucsize(&bp), 1024); /* 26 is no metadata */
    assert_int_equal(bp_embedded_payload(&bp, payload), 18);
    assert_hex(payload, 18, "0000000e1f620100ffffffea506262626262");
    assert_text(&bp, "EMBEDDED [L0 other uint64[]] et=0 lz4 size=400L/12P birth=7L");

    /* the payload does not depend on the order of the containing block */
    bp_bswap(&bp);
    bp_bswap(&bp);
    assert_int_equal(bp_embedded_payload(&bp, payload), 18);

    BITS_SET(bp.prop, 25, 7, 112); /* 113 bytes */
    assert_int_equal(bp_validate(&bp), ZE_BADBP);
    assert_int_equal(bp_embedded_payload(&bp, payload), BLKPTR_EMBEDDED_MAX);
    BITS_SET(bp.prop, 25, 7, 111);
    BITS_SET(bp.prop, 40, 8, 3);
    assert_int_equal(bp_validate(&bp), ZE_BADBP);
    BITS_SET(bp.prop, 40, 8, BP_ETYPE_REDACTED);
    assert_int_equal(bp_validate(&bp), 0);
    assert_true(bp_is_redacted(&bp));
    assert_int_equal(bp_lsize(&bp), 0);
    assert_int_equal(bp_embedded_lsize(&bp), 1024);
}

static void indirect_of_meta_dnode(struct blkptr *bp)
{
    static const uint64_t word[16] = {0x4,
                                      0x1c4ce,
                                      0x100000004,
                                      0x726d0,
                                      0x4,
                                      0x2ddb6,
                                      0x850a080f000100ff,
                                      0,
                                      0,
                                      0,
                                      0x3e9,
                                      0x20,
                                      0xd9c5d805da2f3e91,
                                      0x6290f7dd88f9aad3,
                                      0x7ed64aeccabc5c3b,
                                      0x9b515ab7be810c13};
    memcpy(bp, word, sizeof(*bp));
}

static void normal(void **state)
{
    struct blkptr bp, other;
    char text[BP_TEXT_MAX];

    indirect_of_meta_dnode(&bp);
    assert_int_equal(bp_validate(&bp), 0);
    assert_int_equal(dva_vdev(&bp.dva[1]), 1);
    assert_int_equal(dva_offset(&bp.dva[0]), 0x3899c00);
    assert_int_equal(dva_offset(&bp.dva[1]), 0xe4da000);
    assert_int_equal(dva_asize(&bp.dva[0]), 0x800);
    assert_int_equal(bp_lsize(&bp), 131072);
    assert_int_equal(bp_psize(&bp), 1024);
    assert_int_equal(bp_level(&bp), 5);
    assert_int_equal(bp_birth(&bp), 1001);
    assert_int_equal(bp_physical_birth(&bp), 1001);
    assert_int_equal(bp_fill(&bp), 32);
    assert_int_equal(bp_ndvas(&bp), 3);
    assert_int_equal(bp_asize(&bp), 0x1800);
    assert_int_equal(bp_ucsize(&bp), 1024); /* level > 0: PSIZE */
    assert_false(bp_is_encrypted(&bp));
    assert_text(
        &bp, "DVA[0]=<0:3899c00:800> DVA[1]=<1:e4da000:800> DVA[2]=<0:5bb6c00:800> [L5 DMU dnode] "
             "sha256 lz4 unencrypted LE contiguous unique triple size=20000L/400P "
             "birth=1001L/1001P fill=32 "
             "cksum=d9c5d805da2f3e91:6290f7dd88f9aad3:7ed64aeccabc5c3b:9b515ab7be810c13");
    bp_format_compact(text, sizeof(text), &bp);
    assert_string_equal(
        text, "0:3899c00:800 1:e4da000:800 0:5bb6c00:800 20000L/400P F=32 B=1001/1001 "
              "cksum=d9c5d805da2f3e91:6290f7dd88f9aad3:7ed64aeccabc5c3b:9b515ab7be810c13");
    other = bp;
    assert_true(bp_same(&bp, &other));
    other.phys_birth = 1000;
    assert_false(bp_same(&bp, &other));
    /* a rewrite counts as born when it was rewritten */
    other.phys_birth = 2000;
    other.pad[0] = (uint64_t)1 << 63;
    assert_int_equal(bp_birth(&other), 2000);
    assert_int_equal(bp_birth(&bp), 1001);
    /* truncated output is bounded and tells the length */
    char small[10];
    assert_true(bp_format(small, sizeof(small), &bp) > 100);
    assert_int_equal(strlen(small), 9);
}

static void holes(void **state)
{
    struct blkptr bp = {0};

    assert_true(bp_is_hole(&bp));
    assert_int_equal(bp_validate(&bp), 0);
    assert_text(&bp, "HOLE [L0 unallocated] size=200L birth=0L");
    set_word(&bp, 6, 0x041a00000000000f);
    set_word(&bp, 10, 0x30);
    assert_true(bp_is_hole(&bp));
    assert_int_equal(bp_lsize(&bp), 8192);
    assert_int_equal(bp_level(&bp), 4);
    assert_int_equal(bp_birth(&bp), 48);
    assert_int_equal(bp_fill(&bp), 0);
    assert_int_equal(bp_ucsize(&bp), 0);
    assert_text(&bp, "HOLE [L4 other uint64[]] size=2000L birth=48L");
    char text[BP_TEXT_MAX];
    bp_format_compact(text, sizeof(text), &bp);
    assert_string_equal(text, "2000L B=48");
}

static void encrypted(void **state)
{
    static const uint64_t word[16] = {0x40,
                                      0x1a330,
                                      0x100000040,
                                      0x63fe2,
                                      0xb843aba370b80a0c,
                                      0x9f1ca65a6953cef4,
                                      0xa00a0802001f001f,
                                      0,
                                      0,
                                      0,
                                      0x3c4,
                                      0x016ed25100000003,
                                      0x8b01d988332fffe0,
                                      0x49ac0e42cec91b8f,
                                      0x526794422c177552,
                                      0x4a72625d1f1377bd};
    struct blkptr bp;
    uint8_t salt[8], iv[12], mac[16];

    memcpy(&bp, word, sizeof(bp));
    assert_int_equal(bp_validate(&bp), 0);
    assert_true(bp_is_encrypted(&bp));
    assert_false(bp_is_authenticated(&bp));
    assert_int_equal(bp_ndvas(&bp), 2);
    assert_int_equal(bp_asize(&bp), 0x10000);
    assert_int_equal(bp_fill(&bp), 3);
    bp_crypt_params(&bp, salt, iv);
    bp_crypt_mac(&bp, mac);
    assert_hex(salt, 8, "0c0ab870a3ab43b8");
    assert_hex(iv, 12, "f4ce53695aa61c9f51d26e01");
    assert_hex(mac, 16, "5275172c42946752bd77131f5d62724a");
    assert_text(
        &bp,
        "DVA[0]=<0:3466000:8000> DVA[1]=<1:c7fc400:8000> salt=b843aba370b80a0c "
        "iv=9f1ca65a6953cef4:16ed251 [L0 DMU dnode] sha256 uncompressed encrypted LE contiguous "
        "unique double size=4000L/4000P birth=964L/964P fill=3 "
        "cksum=8b01d988332fffe0:49ac0e42cec91b8f:526794422c177552:4a72625d1f1377bd");

    /* the same block pointer written by a big-endian machine holds the bytes the other way round */
    bp.prop &= ~((uint64_t)1 << 63);
    bp_crypt_params(&bp, salt, iv);
    assert_hex(salt, 8, "b843aba370b80a0c");
    assert_hex(iv, 12, "9f1ca65a6953cef4016ed251");

    set_word(&bp, 6, 0xa50a080f000100ff);
    assert_true(bp_has_indirect_mac(&bp));
    assert_false(bp_is_encrypted(&bp));
    set_word(&bp, 6, 0xa00b0802001f001f); /* an objset is only authenticated */
    assert_true(bp_is_authenticated(&bp));
}

/* Lines of `zdb -bbbbbb` on the fixtures: types with encoded properties, dedup, gang, no
 * compression. */
static void real_text(void **state)
{
    struct blkptr bp = {0};

    dva_set(&bp.dva[0], 0, 0xc4edc00, 0x400, false);
    dva_set(&bp.dva[1], 0, 0xe06c200, 0x400, false);
    dva_set(&bp.dva[2], 0, 0x2064e00, 0x400, false);
    bp.prop = 0x80c4070f00010003;
    bp.birth = 288;
    bp.fill = 1;
    bp.cksum = (struct cksum){{0x2ba5011c81, 0x1ecd181f1dc7, 0xb834b8fc56d4b, 0x303db4b6ca86e5f}};
    assert_text(
        &bp, "DVA[0]=<0:c4edc00:400> DVA[1]=<0:e06c200:400> DVA[2]=<0:2064e00:400> [L0 bswap "
             "metadata zap] fletcher4 lz4 unencrypted LE contiguous unique triple size=800L/400P "
             "birth=288L/288P fill=1 "
             "cksum=0000002ba5011c81:00001ecd181f1dc7:000b834b8fc56d4b:0303db4b6ca86e5f");
    memset(&bp, 0, sizeof(bp));
    dva_set(&bp.dva[0], 0, 0x129200, 0x1c00, true);
    bp.prop = 0x4031080f000d001f; /* big-endian, dedup, type 49 */
    bp.birth = 30;
    bp.phys_birth = 27;
    bp.fill = 1;
    assert_text(
        &bp, "DVA[0]=<0:129200:1c00> [L0 deduplicated block] sha256 lz4 unencrypted BE gang dedup "
             "single size=4000L/1c00P birth=30L/27P fill=1 "
             "cksum=0000000000000000:0000000000000000:0000000000000000:0000000000000000");
}

static void invalid(void **state)
{
    static const struct {
        unsigned low, len;
        uint64_t value;
    } bad[] = {
        {48, 8, 54},           /* TYPE beyond the numbered ones */
        {48, 8, 0x80 | 10},    /* encoded TYPE with byte swap class 10 */
        {32, 7, 17},           /* COMP */
        {40, 8, 15},           /* CKSUM */
        {0, 16, (16u << 11)},  /* LSIZE 16 MiB + 512 */
        {16, 16, (16u << 11)}, /* PSIZE */
    };
    struct blkptr bp;

    for (size_t i = 0; i < array_len(bad); i++) {
        indirect_of_meta_dnode(&bp);
        BITS_SET(bp.prop, bad[i].low, bad[i].len, bad[i].value);
        assert_int_equal(bp_validate(&bp), ZE_BADBP);
    }
    indirect_of_meta_dnode(&bp);
    BITS_SET(bp.dva[0].word[0], 0, 24, 0);
    assert_int_equal(bp_validate(&bp), ZE_BADBP);
}

static void gang_header(void **state)
{
    _Alignas(8) uint8_t header[512] = {0};
    struct blkptr leader = {0}, *m = (struct blkptr *)header;
    unsigned members;

    /* format/dmu.md 16.4 */
    leader.prop = 0x8013070f000900ff;
    dva_set(&leader.dva[0], 0, 0x1270800, 0x2c00, true);
    leader.birth = 904;
    struct cksum v = gang_header_verifier(&leader);
    assert_int_equal(v.word[0], 0);
    assert_int_equal(v.word[1], 0x1270800);
    assert_int_equal(v.word[2], 904);
    for (unsigned i = 0; i < 3; i++) {
        m[i].prop = 0x8000070200000000 | (i == 0 ? 0x30003 : 0x20002);
        dva_set(&m[i].dva[0], 0, 0x100000 * (i + 1), i == 0 ? 0x1000 : 0xc00, false);
        m[i].birth = 904;
    }
    assert_int_equal(m[0].prop, 0x8000070200030003);
    assert_int_equal(gang_header_members(512), 3);
    assert_int_equal(gang_header_members(4096), 31);
    assert_int_equal(gang_header_validate(header, 512, &leader, &members), 0);
    assert_int_equal(members, 3);
    gang_header_bswap(header, 512);
    assert_int_equal(gang_header_validate(header, 512, &leader, &members), ZE_BADGANG);
    gang_header_bswap(header, 512);
    m[2].prop = 0x8000070200030003; /* members hold more than the leader */
    assert_int_equal(gang_header_validate(header, 512, &leader, &members), ZE_BADGANG);
    m[2].prop = 0x8000080200020002; /* another checksum function */
    assert_int_equal(gang_header_validate(header, 512, &leader, &members), ZE_BADGANG);
    assert_int_equal(gang_header_validate(header, 100, &leader, &members), ZE_BADGANG);
}

static void objtypes(void **state)
{
    assert_true(objtype_is_metadata(0xc4));
    assert_false(objtype_is_encrypted(0xc4));
    assert_true(objtype_is_encrypted(164));
    assert_false(objtype_is_metadata(164));
    assert_int_equal(objtype_info(OBJTYPE_UINT64_METADATA)->bswap, OBJTYPE_BSWAP_UINT64);
    assert_string_equal(objtype_name(OBJTYPE_ZAP_METADATA), "zap");
    assert_string_equal(objtype_name(13), "DSL directory child map");
    assert_null(objtype_info(54));
    assert_null(objtype_info(0x80 | 10));
    assert_null(objtype_info(300));
    assert_false(objtype_is_metadata(OBJTYPE_PLAIN_FILE));
    assert_true(objtype_is_encrypted(OBJTYPE_PLAIN_FILE));
    assert_true(objtype_info(OBJTYPE_DSL_CLONES)->metadata_cached);
    uint64_t words[2] = {1, 0x0102030405060708};
    assert_int_equal(objtype_bswap(OBJTYPE_SPACE_MAP, words, 16), 0);
    assert_int_equal(words[1], 0x0807060504030201);
    assert_int_equal(objtype_bswap(54, words, 16), ZE_BADOBJ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embedded),    cmocka_unit_test(normal),    cmocka_unit_test(holes),
        cmocka_unit_test(encrypted),   cmocka_unit_test(real_text), cmocka_unit_test(invalid),
        cmocka_unit_test(gang_header), cmocka_unit_test(objtypes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
