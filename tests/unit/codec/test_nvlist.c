/* SPDX-License-Identifier: MIT */
/*
 * Name-value lists: one list with every type in both packed forms and both byte orders, made by
 * another implementation and accepted by `zdb -C` (format/pool.md, "3 nvlist encodings"); damage at
 * every byte; the list operations; printing; JSON.
 */
#include "../hex.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "codec/nvlist.h"
#include "codec/nvlist_json.h"

#define PACKED_XDR                                                                                 \
    "010100000000000000000001000000180000001800000004666c616700000001000000000000001c"             \
    "0000002000000002627600000000001500000001000000010000001c000000200000000362763000"             \
    "0000001500000001000000000000001c00000020000000046279746500000002000000010000009f"             \
    "0000001c0000002000000002693800000000001600000001000000fd0000001c0000002000000002"             \
    "753800000000001700000001000000c80000001c0000002000000003693136000000000300000001"             \
    "0000fed40000001c00000020000000037531360000000004000000010000ea600000001c00000020"             \
    "00000003693332000000000500000001fffffff90000001c00000020000000037533320000000006"             \
    "00000001ee6b2800000000200000002000000003693634000000000700000001fffffffffffffffb"             \
    "000000200000002000000003753634000000000800000001ffffffffffffffff0000002400000020"             \
    "00000006687274696d65000000000012000000010000011f71fb04cb000000240000002000000006"             \
    "646f75626c6500000000001b00000001bff800000000000000000024000000200000000673747269"             \
    "6e6700000000000900000001000000046162636400000024000000280000000c656d707479207374"             \
    "72696e6700000009000000010000000000000020000000200000000562797465730000000000000a"             \
    "000000036162ff0000000024000000200000000369386100000000190000000200000002000000ff"             \
    "00000002000000280000002000000003753861000000001a000000030000000300000001000000ff"             \
    "00000003000000240000002000000004693136610000000b00000002000000020000fffe00000005"             \
    "000000200000002000000004753136610000000c00000001000000010000ffff0000002400000020"             \
    "00000004693332610000000d0000000200000002fffffff700000009000000280000002800000004"             \
    "753332610000000e0000000300000003000000010000000200000003000000240000002000000004"             \
    "693634610000000f0000000100000001ffffffffffffffff0000002c000000280000000475363461"             \
    "00000010000000020000000200000000000000018000000000000000000000280000002800000002"             \
    "62610000000000180000000300000003000000000000000100000001000000200000002000000008"             \
    "753634206e6f6e65000000100000000000000020000000200000000a6279746573206e6f6e650000"             \
    "0000000a00000000000000340000004000000007737472696e677300000000110000000300000003"             \
    "6f6e65000000000000000005746872656500000000000020000000200000000a6e6f20737472696e"             \
    "6773000000000011000000000000009000000030000000046c697374000000130000000100000000"             \
    "00000001000000200000002000000001780000000000000800000001000000000000000100000048"             \
    "00000030000000046465657000000013000000010000000000000001000000200000002000000001"             \
    "73000000000000090000000100000001790000000000000000000000000000000000000000000090"             \
    "00000078000000056c69737473000000000000140000000300000000000000010000002000000020"             \
    "00000001780000000000000800000001000000000000000100000000000000000000000000000001"             \
    "000000000000000000000000000000010000002400000020000000036f6464000000000900000001"             \
    "00000005616263646500000000000000000000000000001c00000020000000086e6f206c69737473"             \
    "00000014000000000000002c0000003000000005656d707479000000000000130000000100000000"             \
    "0000000100000000000000000000002000000020000000046c617374000000080000000100000000"             \
    "000000070000000000000000"

#define PACKED_LITTLE                                                                              \
    "00010000000000000100000018000000050000000000000001000000666c61670000000020000000"             \
    "03000000010000001500000062760000000000000100000000000000200000000400000001000000"             \
    "15000000627630000000000000000000000000002000000005000000010000000200000062797465"             \
    "000000009f00000000000000200000000300000001000000160000006938000000000000fd000000"             \
    "00000000200000000300000001000000170000007538000000000000c80000000000000020000000"             \
    "0400000001000000030000006931360000000000d4fe000000000000200000000400000001000000"             \
    "04000000753136000000000060ea0000000000002000000004000000010000000500000069333200"             \
    "00000000f9ffffff0000000020000000040000000100000006000000753332000000000000286bee"             \
    "00000000200000000400000001000000070000006936340000000000fbffffffffffffff20000000"             \
    "0400000001000000080000007536340000000000ffffffffffffffff200000000700000001000000"             \
    "12000000687274696d650000cb04fb711f0100002000000007000000010000001b000000646f7562"             \
    "6c650000000000000000f8bf20000000070000000100000009000000737472696e67000061626364"             \
    "00000000280000000d0000000100000009000000656d70747920737472696e670000000000000000"             \
    "000000002000000006000000030000000a00000062797465730000006162ff000000000020000000"             \
    "0400000002000000190000006938610000000000ff02000000000000200000000400000003000000"             \
    "1a000000753861000000000001ff0300000000002000000005000000020000000b00000069313661"             \
    "00000000feff0500000000002000000005000000010000000c0000007531366100000000ffff0000"             \
    "000000002000000005000000020000000d0000006933326100000000f7ffffff0900000028000000"             \
    "05000000030000000e00000075333261000000000100000002000000030000000000000020000000"             \
    "05000000010000000f0000006936346100000000ffffffffffffffff280000000500000002000000"             \
    "10000000753634610000000001000000000000000000000000000080280000000300000003000000"             \
    "18000000626100000000000000000000010000000100000000000000200000000900000000000000"             \
    "10000000753634206e6f6e650000000000000000200000000b000000000000000a00000062797465"             \
    "73206e6f6e6500000000000040000000080000000300000011000000737472696e67730000000000"             \
    "00000000000000000000000000000000000000006f6e650000746872656500000000000020000000"             \
    "0b00000000000000110000006e6f20737472696e6773000000000000300000000500000001000000"             \
    "130000006c6973740000000000000000010000000000000000000000000000000000000020000000"             \
    "02000000010000000800000078000000000000000100000000000000300000000500000001000000"             \
    "13000000646565700000000000000000010000000000000000000000000000000000000020000000"             \
    "02000000010000000900000073000000000000007900000000000000000000000000000078000000"             \
    "0600000003000000140000006c697374730000000000000000000000000000000000000000000000"             \
    "00000000000000000100000000000000000000000000000000000000000000000100000000000000"             \
    "00000000000000000000000000000000010000000000000000000000000000000000000020000000"             \
    "02000000010000000800000078000000000000000100000000000000000000000000000020000000"             \
    "0400000001000000090000006f646400000000006162636465000000000000002000000009000000"             \
    "00000000140000006e6f206c69737473000000000000000030000000060000000100000013000000"             \
    "656d7074790000000000000001000000000000000000000000000000000000000000000020000000"             \
    "0500000001000000080000006c61737400000000070000000000000000000000"

#define PACKED_BIG                                                                                 \
    "00000000000000000000000100000018000500000000000000000001666c61670000000000000020"             \
    "00030000000000010000001562760000000000000000000100000000000000200004000000000001"             \
    "00000015627630000000000000000000000000000000002000050000000000010000000262797465"             \
    "000000009f00000000000000000000200003000000000001000000166938000000000000fd000000"             \
    "00000000000000200003000000000001000000177538000000000000c80000000000000000000020"             \
    "0004000000000001000000036931360000000000fed4000000000000000000200004000000000001"             \
    "000000047531360000000000ea600000000000000000002000040000000000010000000569333200"             \
    "00000000fffffff900000000000000200004000000000001000000067533320000000000ee6b2800"             \
    "00000000000000200004000000000001000000076936340000000000fffffffffffffffb00000020"             \
    "0004000000000001000000087536340000000000ffffffffffffffff000000200007000000000001"             \
    "00000012687274696d6500000000011f71fb04cb0000002000070000000000010000001b646f7562"             \
    "6c650000bff800000000000000000020000700000000000100000009737472696e67000061626364"             \
    "0000000000000028000d00000000000100000009656d70747920737472696e670000000000000000"             \
    "000000000000002000060000000000030000000a62797465730000006162ff000000000000000020"             \
    "0004000000000002000000196938610000000000ff02000000000000000000200004000000000003"             \
    "0000001a753861000000000001ff0300000000000000002000050000000000020000000b69313661"             \
    "00000000fffe0005000000000000002000050000000000010000000c7531366100000000ffff0000"             \
    "000000000000002000050000000000020000000d6933326100000000fffffff70000000900000028"             \
    "00050000000000030000000e75333261000000000000000100000002000000030000000000000020"             \
    "00050000000000010000000f6936346100000000ffffffffffffffff000000280005000000000002"             \
    "00000010753634610000000000000000000000018000000000000000000000280003000000000003"             \
    "00000018626100000000000000000000000000010000000100000000000000200009000000000000"             \
    "00000010753634206e6f6e65000000000000000000000020000b0000000000000000000a62797465"             \
    "73206e6f6e6500000000000000000040000800000000000300000011737472696e67730000000000"             \
    "00000000000000000000000000000000000000006f6e650000746872656500000000000000000020"             \
    "000b000000000000000000116e6f20737472696e6773000000000000000000300005000000000001"             \
    "000000136c6973740000000000000000000000010000000000000000000000000000000000000020"             \
    "00020000000000010000000878000000000000000000000000000001000000300005000000000001"             \
    "00000013646565700000000000000000000000010000000000000000000000000000000000000020"             \
    "00020000000000010000000973000000000000007900000000000000000000000000000000000078"             \
    "0006000000000003000000146c697374730000000000000000000000000000000000000000000000"             \
    "00000000000000000000000100000000000000000000000000000000000000000000000100000000"             \
    "00000000000000000000000000000000000000010000000000000000000000000000000000000020"             \
    "00020000000000010000000878000000000000000000000000000001000000000000000000000020"             \
    "0004000000000001000000096f646400000000006162636465000000000000000000002000090000"             \
    "00000000000000146e6f206c69737473000000000000000000000030000600000000000100000013"             \
    "656d7074790000000000000000000001000000000000000000000000000000000000000000000020"             \
    "0005000000000001000000086c61737400000000000000000000000700000000"

/* How zdb prints it (hrtime, double and boolean arrays, which it does not know, as we do). */
static const char PRINTED[] = "  flag\n"
                              "  bv: true\n"
                              "  bv0: false\n"
                              "  byte: 159\n"
                              "  i8: -3\n"
                              "  u8: 200\n"
                              "  i16: -300\n"
                              "  u16: 60000\n"
                              "  i32: -7\n"
                              "  u32: 4000000000\n"
                              "  i64: -5\n"
                              "  u64: 18446744073709551615\n"
                              "  hrtime: 1234567890123\n"
                              "  double: -1.500000\n"
                              "  string: 'abcd'\n"
                              "  empty string: ''\n"
                              "  bytes[0]: 97\n"
                              "  bytes[1]: 98\n"
                              "  bytes[2]: 255\n"
                              "  i8a[0]: -1\n"
                              "  i8a[1]: 2\n"
                              "  u8a[0]: 1\n"
                              "  u8a[1]: 255\n"
                              "  u8a[2]: 3\n"
                              "  i16a[0]: -2\n"
                              "  i16a[1]: 5\n"
                              "  u16a[0]: 65535\n"
                              "  i32a[0]: -9\n"
                              "  i32a[1]: 9\n"
                              "  u32a[0]: 1\n"
                              "  u32a[1]: 2\n"
                              "  u32a[2]: 3\n"
                              "  i64a[0]: -1\n"
                              "  u64a[0]: 1\n"
                              "  u64a[1]: 9223372036854775808\n"
                              "  ba[0]: false\n"
                              "  ba[1]: true\n"
                              "  ba[2]: true\n"
                              "  strings[0]: 'one'\n"
                              "  strings[1]: ''\n"
                              "  strings[2]: 'three'\n"
                              "  list:\n"
                              "      x: 1\n"
                              "      deep:\n"
                              "          s: 'y'\n"
                              "  lists[0]:\n"
                              "      x: 1\n"
                              "  lists[1]:\n"
                              "  lists[2]:\n"
                              "      odd: 'abcde'\n"
                              "  empty:\n"
                              "  last: 7\n";

static const char JSON[] =
    "{\"flag\":true,\"bv\":true,\"bv0\":false,\"byte\":159,\"i8\":-3,\"u8\":200,\"i16\":-300,"
    "\"u16\":60000,\"i32\":-7,\"u32\":4000000000,\"i64\":-5,\"u64\":18446744073709551615,"
    "\"hrtime\":1234567890123,\"double\":-1.5,\"string\":\"abcd\",\"empty string\":\"\","
    "\"bytes\":[97,98,255],\"i8a\":[-1,2],\"u8a\":[1,255,3],\"i16a\":[-2,5],\"u16a\":[65535],"
    "\"i32a\":[-9,9],\"u32a\":[1,2,3],\"i64a\":[-1],\"u64a\":[1,9223372036854775808],"
    "\"ba\":[false,true,true],\"u64 none\":[],\"bytes "
    "none\":[],\"strings\":[\"one\",\"\",\"three\"],"
    "\"no strings\":[],\"list\":{\"x\":1,\"deep\":{\"s\":\"y\"}},"
    "\"lists\":[{\"x\":1},{},{\"odd\":\"abcde\"}],\"no lists\":[],\"empty\":{},\"last\":7}";

static const char *const FORMS[] = {PACKED_XDR, PACKED_LITTLE, PACKED_BIG};
static uint8_t packed[4096];

static struct nvlist *decoded(const char *hex)
{
    struct nvlist *nv = NULL;
    size_t len = hex_bytes(hex, packed, sizeof(packed)), used;

    assert_int_equal(nvlist_decode_used(span_of(packed, len + 9), &nv, &used), 0);
    assert_int_equal(used, len);
    return nv;
}

static void assert_prints(const struct nvlist *nv, const char *expect)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    nvlist_print(nv, f, 2);
    fclose(f);
    assert_string_equal(text, expect);
    free(text);
}

static void every_type_in_every_form(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        AUTO_NVLIST struct nvlist *nv = decoded(FORMS[i]);
        assert_prints(nv, PRINTED);
    }
}

static void encoding_gives_the_same_bytes(void **state)
{
    AUTO_NVLIST struct nvlist *nv = decoded(PACKED_BIG), *copy = NULL;
    uint8_t *buf;
    size_t len;

    assert_int_equal(nvlist_dup(nv, &copy), 0);
    assert_int_equal(nvlist_encode(copy, NV_ENC_XDR, &buf, &len), 0);
    assert_int_equal(nvlist_encoded_size(nv, NV_ENC_XDR), len);
    if (HOST_IS_LITTLE)
        assert_hex(buf, len, PACKED_XDR);
    free(buf);
    assert_int_equal(nvlist_encode(copy, NV_ENC_NATIVE, &buf, &len), 0);
    assert_int_equal(nvlist_encoded_size(nv, NV_ENC_NATIVE), len);
    assert_hex(buf, len, HOST_IS_LITTLE ? PACKED_LITTLE : PACKED_BIG);
    free(buf);
}

static void cut_off_anywhere_is_malformed(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        size_t len = hex_bytes(FORMS[i], packed, sizeof(packed));
        for (size_t n = 0; n < len; n++) {
            uint8_t *tight = malloc(n + 1);
            struct nvlist *nv = NULL;
            memcpy(tight, packed, n);
            assert_int_equal(nvlist_decode(span_of(tight, n), &nv), ZE_NVLIST);
            assert_null(nv);
            free(tight);
        }
    }
}

/* Any damage is either refused or gives a list that survives a round trip. */
static void damage_anywhere_is_survived(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        size_t len = hex_bytes(FORMS[i], packed, sizeof(packed)), size;
        for (size_t n = 0; n < len * 3; n++) {
            static const uint8_t flips[] = {0x01, 0x80, 0xff};
            AUTO_NVLIST struct nvlist *nv = NULL, *again = NULL;
            uint8_t *buf;
            packed[n / 3] ^= flips[n % 3];
            if (nvlist_decode(span_of(packed, len), &nv) == 0) {
                assert_int_equal(nvlist_encode(nv, NV_ENC_XDR, &buf, &size), 0);
                assert_int_equal(nvlist_decode(span_of(buf, size), &again), 0);
                free(buf);
            }
            packed[n / 3] ^= flips[n % 3];
        }
    }
}

static void refuses(const char *hex)
{
    struct nvlist *nv = NULL;
    size_t len = hex_bytes(hex, packed, sizeof(packed));

    assert_int_equal(nvlist_decode(span_of(packed, len), &nv), ZE_NVLIST);
}

static void hostile_lists(void **state)
{
    refuses("02010000 00000000 00000001 00000000 00000000"); /* encoding */
    refuses("00020000 00000000 01000000 00000000");          /* byte order */
    refuses("01010000 00000001 00000001 00000000 00000000"); /* version */
    /* XDR: decoded size off by 8, unknown type, boolean of 2, scalar of count 2, padding, NUL in a
     * name */
    refuses("01010000 00000000 00000001 00000020 00000028 00000001 61000000 00000008 00000001"
            "0000000000000005 0000000000000000");
    refuses("01010000 00000000 00000001 00000020 00000020 00000001 61000000 0000001c 00000001"
            "0000000000000005 0000000000000000");
    refuses("01010000 00000000 00000001 0000001c 00000020 00000001 61000000 00000015 00000001"
            "00000002 0000000000000000");
    refuses("01010000 00000000 00000001 00000020 00000020 00000001 61000000 00000008 00000002"
            "0000000000000005 0000000000000000");
    refuses("01010000 00000000 00000001 00000020 00000020 00000001 61000001 00000008 00000001"
            "0000000000000005 0000000000000000");
    refuses("01010000 00000000 00000001 00000020 00000020 00000002 61000000 00000008 00000001"
            "0000000000000005 0000000000000000");
    /* huge counts */
    refuses("01010000 00000000 00000001 00000020 00000020 00000001 61000000 00000010 7fffffff"
            "7fffffff 00000005 0000000000000000");
    refuses("01010000 00000000 00000001 00000020 00000020 00000001 61000000 00000014 7fffffff"
            "7fffffff 00000005 0000000000000000");
    refuses("01010000 00000000 00000001 00000020 00000020 00000001 61000000 00000011 7fffffff"
            "00000000 00000000 0000000000000000");
}

static void deep_lists(void **state)
{
    for (int depth = 31; depth <= 32; depth++) {
        AUTO_NVLIST struct nvlist *nv = NULL, *back = NULL;
        uint8_t *buf;
        size_t len;

        assert_int_equal(nvlist_create(&nv), 0);
        for (int i = 0; i < depth; i++) {
            struct nvlist *outer;
            assert_int_equal(nvlist_create(&outer), 0);
            assert_int_equal(nvlist_take_nvlist(outer, "in", nv), 0);
            nv = outer;
        }
        for (int enc = 0; enc < 2; enc++) {
            int err = nvlist_encode(nv, (enum nv_encoding)enc, &buf, &len);
            assert_int_equal(err, depth < 32 ? 0 : ZE_NVLIST);
            if (err == 0) {
                assert_int_equal(nvlist_decode(span_of(buf, len), &back), 0);
                nvlist_free(back);
                back = NULL;
                free(buf);
            }
        }
    }
    /* 1000 open lists and no end */
    size_t at = 12;
    hex_bytes("01010000 00000000 00000001", packed, 12);
    while (at + 32 <= sizeof(packed))
        at += hex_bytes("00000024 00000030 00000001 61000000 00000013 00000001 00000000 00000001",
                        packed + at, 32);
    struct nvlist *nv = NULL;
    assert_int_equal(nvlist_decode(span_of(packed, at), &nv), ZE_NVLIST);
}

static void adding_replaces_and_moves_to_the_end(void **state)
{
    AUTO_NVLIST struct nvlist *nv = NULL;

    assert_int_equal(nvlist_create(&nv), 0);
    assert_true(nvlist_empty(nv));
    assert_int_equal(nvlist_add_u64(nv, "a", 1), 0);
    assert_int_equal(nvlist_add_u64(nv, "b", 2), 0);
    assert_int_equal(nvlist_add_string(nv, "a", "x"), 0);
    assert_int_equal(nvlist_count(nv), 2);
    assert_prints(nv, "  b: 2\n  a: 'x'\n");
    assert_int_equal(nvlist_remove(nv, "b"), 0);
    assert_int_equal(nvlist_remove(nv, "b"), ZE_NOENT);
    assert_prints(nv, "  a: 'x'\n");
}

static void decoded_duplicates_follow_the_lists_flags(void **state)
{
    /* XDR {a: 5, a: 6} with flags 1 (unique names), 2 (unique name and type) and 0 */
    static const char pairs[] = "00000020 00000020 00000001 61000000 00000008 00000001"
                                "0000000000000005"
                                "00000020 00000020 00000001 61000000 00000008 00000001"
                                "0000000000000006 0000000000000000";
    static const struct {
        const char *head;
        size_t count;
        uint64_t a;
    } t[] = {{"01010000 00000000 00000001", 1, 6},
             {"01010000 00000000 00000002", 1, 6},
             {"01010000 00000000 00000000", 2, 5}};

    for (unsigned i = 0; i < 3; i++) {
        AUTO_NVLIST struct nvlist *nv = NULL;
        size_t len = hex_bytes(t[i].head, packed, sizeof(packed));
        len += hex_bytes(pairs, packed + len, sizeof(packed) - len);
        assert_int_equal(nvlist_decode(span_of(packed, len), &nv), 0);
        assert_int_equal(nvlist_count(nv), t[i].count);
        assert_int_equal(nvlist_u64(nv, "a", 0), t[i].a);
    }
}

static void many_names(void **state)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    const struct nvpair *p = NULL;
    char name[32];
    uint64_t v;

    assert_int_equal(nvlist_create(&nv), 0);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(nvlist_add_u64(nv, name, i), 0);
    }
    for (unsigned i = 0; i < 5000; i += 2) {
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(nvlist_remove(nv, name), 0);
    }
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(nvlist_lookup_u64(nv, name, &v), i % 2 ? 0 : ZE_NOENT);
        if (i % 2) {
            assert_int_equal(v, i);
            p = nvlist_next(nv, p);
            assert_string_equal(nvpair_name(p), name);
        }
    }
    assert_null(nvlist_next(nv, p));
}

static void lookups_check_types(void **state)
{
    AUTO_NVLIST struct nvlist *nv = decoded(PACKED_XDR);
    const uint64_t *words;
    const uint8_t *bytes;
    const char *const *strings;
    struct nvlist *const *lists, *list;
    const char *s;
    uint64_t u;
    int64_t i;
    size_t n;
    bool b;

    assert_int_equal(nvlist_lookup_u64(nv, "u16", &u), 0);
    assert_int_equal(u, 60000);
    assert_int_equal(nvlist_lookup_u64(nv, "i16", &u), ZE_NVTYPE);
    assert_int_equal(nvlist_lookup_i64(nv, "i16", &i), 0);
    assert_int_equal(i, -300);
    assert_int_equal(nvlist_lookup_i64(nv, "u64", &i), ZE_NVTYPE);
    assert_int_equal(nvlist_lookup_u64(nv, "nothing", &u), ZE_NOENT);
    assert_int_equal(nvlist_lookup_bool(nv, "bv", &b), 0);
    assert_int_equal(nvlist_lookup_bool(nv, "flag", &b), ZE_NVTYPE);
    assert_true(nvlist_bool(nv, "flag", false));
    assert_false(nvlist_bool(nv, "bv0", true));
    assert_true(nvlist_bool(nv, "u64", true));
    assert_int_equal(nvlist_lookup_string(nv, "string", &s), 0);
    assert_string_equal(s, "abcd");
    assert_int_equal(nvlist_lookup_string(nv, "u64", &s), ZE_NVTYPE);
    assert_int_equal(nvlist_lookup_u64_array(nv, "u64a", &words, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(words[1], (uint64_t)1 << 63);
    assert_int_equal(nvlist_lookup_u64_array(nv, "u32a", &words, &n), ZE_NVTYPE);
    assert_int_equal(nvlist_lookup_u64_array(nv, "u64 none", &words, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(nvlist_lookup_byte_array(nv, "u8a", &bytes, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(nvlist_lookup_byte_array(nv, "bytes", &bytes, &n), 0);
    assert_int_equal(bytes[2], 255);
    assert_int_equal(nvlist_lookup_string_array(nv, "strings", &strings, &n), 0);
    assert_string_equal(strings[2], "three");
    assert_int_equal(nvlist_lookup_nvlist_array(nv, "lists", &lists, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(nvlist_lookup_nvlist(nv, "list", &list), 0);
    assert_ptr_equal(list, nvlist_child(nv, "list"));
    assert_null(nvlist_child(nv, "lists"));
    assert_int_equal(nvlist_u64(nv, "list", 3), 3);
    assert_int_equal(nvlist_u64(nv, "double", 3), 3);
}

static void json(void **state)
{
    AUTO_NVLIST struct nvlist *nv = decoded(PACKED_XDR), *small = NULL, *back = NULL;
    char *text;

    assert_int_equal(nvlist_to_json(nv, &text), 0);
    assert_string_equal(text, JSON);
    free(text);
    assert_int_equal(nvlist_create(&small), 0);
    assert_int_equal(nvlist_add_string(small, "q\"\\\n", "\x01\xff\xc3\xbc/"), 0);
    assert_int_equal(nvlist_to_json(small, &text), 0);
    assert_string_equal(text, "{\"q\\\"\\\\\\n\":\"\\u0001\\ufffd\xc3\xbc/\"}");
    assert_int_equal(nvlist_from_json(text, strlen(text), &back), 0);
    assert_string_equal(nvlist_string(back, "q\"\\\n", ""), "\x01\xef\xbf\xbd\xc3\xbc/");
    free(text);
}

static void json_back(void **state)
{
    static const char text[] = "{\"u\":1,\"i\":-1,\"d\":1.5,\"t\":true,\"f\":false,\"s\":\"x\","
                               "\"o\":{\"y\":[{},{\"z\":3}]},\"n\":[1,2],\"e\":[],\"w\":[\"a\"]}";
    static const char *const bad[] = {
        "", "[]", "{", "{\"a\":[1,\"x\"]}", "{\"a\":[{},1]}", "{\"a\":[[1]]}", "{\"a\":[-1]}"};
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct nvlist *none = NULL;
    char *again;

    assert_int_equal(nvlist_from_json(text, strlen(text), &nv), 0);
    assert_int_equal(nvpair_type(nvlist_find(nv, "u")), NV_UINT64);
    assert_int_equal(nvpair_type(nvlist_find(nv, "i")), NV_INT64);
    assert_int_equal(nvpair_type(nvlist_find(nv, "o")), NV_NVLIST);
    assert_int_equal(nvlist_to_json(nv, &again), 0);
    assert_string_equal(again, text);
    free(again);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_not_equal(nvlist_from_json(bad[i], strlen(bad[i]), &none), 0);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_in_every_form),
        cmocka_unit_test(encoding_gives_the_same_bytes),
        cmocka_unit_test(cut_off_anywhere_is_malformed),
        cmocka_unit_test(damage_anywhere_is_survived),
        cmocka_unit_test(hostile_lists),
        cmocka_unit_test(deep_lists),
        cmocka_unit_test(adding_replaces_and_moves_to_the_end),
        cmocka_unit_test(decoded_duplicates_follow_the_lists_flags),
        cmocka_unit_test(many_names),
        cmocka_unit_test(lookups_check_types),
        cmocka_unit_test(json),
        cmocka_unit_test(json_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
