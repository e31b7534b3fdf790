/* SPDX-License-Identifier: MIT */
/*
 * Checksums: format/dmu.md 16.1, published vectors (FIPS 180-4, Edon-R of the chapter, BLAKE3 by
 * its own tool over its test pattern), the SIMD variants against plain definitions, and blocks,
 * labels, gang headers and log blocks of real pools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../fixture.h"
#include "../hex.h"
#include "base/err.h"
#include "base/span.h"
#include "codec/checksum.h"
#include "codec/fletcher.h"
#include "codec/hashes.h"

static void assert_words(const struct cksum *got, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    assert_int_equal(got->word[0], a);
    assert_int_equal(got->word[1], b);
    assert_int_equal(got->word[2], c);
    assert_int_equal(got->word[3], d);
}

static void fill_lcg(uint8_t *p, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (uint8_t)(seed >> 24);
    }
}

enum input { Z512, P1024, P4096 };

static void test_chapter_vectors(void **state)
{
    static const struct {
        enum checksum_id id;
        enum input input;
        bool big; /* writer */
        struct cksum want;
    } rows[] = {
        {CHECKSUM_FLETCHER_2, Z512, false, {{0}}},
        {CHECKSUM_FLETCHER_4, Z512, false, {{0}}},
        {CHECKSUM_OFF, P1024, false, {{0}}},
        {CHECKSUM_NOPARITY, P1024, false, {{0}}},
        {CHECKSUM_FLETCHER_2,
         P1024,
         false,
         {{0xdf9f5f1ede9e5e00, 0xe1a16120e0a06000, 0x8e663e15edc59a00, 0xcfa77f572f06db00}}},
        {CHECKSUM_FLETCHER_2,
         P1024,
         true,
         {{0x1e5e9edf1f5f9fc0, 0x2060a0e12161a1c0, 0x85add5fe264e72e0, 0xc6ef173f678fb3e0}}},
        {CHECKSUM_FLETCHER_4,
         P1024,
         false,
         {{0x00000081807f7e00, 0x00003ba6a5a46a00, 0x001323ce780f5500, 0x049ef6b459949300}}},
        {CHECKSUM_FLETCHER_4,
         P1024,
         true,
         {{0x0000007e7f808100, 0x00003a24a5a66b80, 0x0012a22278bbd600, 0x047e2a73853633c0}}},
        {CHECKSUM_FLETCHER_4,
         P4096,
         false,
         {{0x000001fffffffe00, 0x0003ffee1c778f00, 0x055664326c278200, 0x587334b373c10f80}}},
        {CHECKSUM_SHA256,
         Z512,
         false,
         {{0x076a27c79e5ace2a, 0x3d47f9dd2e83e4ff, 0x6ea8872b3c2218f6, 0x6c92b89b55f36560}}},
        {CHECKSUM_SHA256,
         P1024,
         false,
         {{0x785b0751fc2c53dc, 0x14a4ce3d800e69ef, 0x9ce1009eb327ccf4, 0x58afe09c242c26c9}}},
        {CHECKSUM_SHA256,
         P1024,
         true,
         {{0x785b0751fc2c53dc, 0x14a4ce3d800e69ef, 0x9ce1009eb327ccf4, 0x58afe09c242c26c9}}},
        {CHECKSUM_SHA512,
         Z512,
         false,
         {{0x5b9416975c402b55, 0x1bc2ae9be6ae0cfc, 0xb88df5fb0b56052a, 0xa6422bc42c4c1abd}}},
        {CHECKSUM_SHA512,
         P1024,
         false,
         {{0xd398df51a3baeb14, 0xe7f936d60947b7fb, 0xea7685140ad37eed, 0xc675909b09cfe88e}}},
        {CHECKSUM_SHA512,
         P1024,
         true,
         {{0x14ebbaa351df98d3, 0xfbb74709d636f9e7, 0xed7ed30a148576ea, 0x8ee8cf099b9075c6}}},
        {CHECKSUM_SKEIN,
         Z512,
         false,
         {{0x109f2ea97b30f4fc, 0xf23d66cc23e4eef4, 0x7a78159e8b3761c5, 0x70f32bd924fee9e0}}},
        {CHECKSUM_SKEIN,
         P1024,
         false,
         {{0x82a9f5ecb590285c, 0x6c3aa58ab411a0da, 0x3902da6dbd657208, 0x3fb4ef7987fff020}}},
        {CHECKSUM_EDONR,
         Z512,
         false,
         {{0x0d00b58664fa7c50, 0x7802fba8da630b5d, 0x57d4f6db197c77b8, 0x8c1fe4b0b798f54c}}},
        {CHECKSUM_EDONR,
         P1024,
         false,
         {{0xc211c19fcd1ceb27, 0x03372cb6f4f350e0, 0x79675e935a3f0499, 0x5963ab40abe78e2c}}},
        {CHECKSUM_BLAKE3,
         Z512,
         false,
         {{0xc752cd04d56f8f60, 0xf53871be99de6f63, 0x1adbe7b8d8843e49, 0xc25011996e4b107c}}},
        {CHECKSUM_BLAKE3,
         P1024,
         false,
         {{0x76dc5339ae7b73c1, 0xe8400e7b2494bf68, 0xb8e0f98c8f8d18d6, 0x156d9dc98b3242d0}}},
    };
    uint8_t salt[32], buf[4096];
    for (unsigned i = 0; i < 32; i++)
        salt[i] = (uint8_t)i;
    for (size_t r = 0; r < array_len(rows); r++) {
        const size_t len = rows[r].input == Z512 ? 512 : rows[r].input == P1024 ? 1024 : 4096;
        for (size_t i = 0; i < len; i++)
            buf[i] = rows[r].input == Z512    ? 0
                     : rows[r].input == P1024 ? (uint8_t)i
                                              : (uint8_t)(7 * i + (i >> 8));
        struct cksum got;
        assert_int_equal(
            checksum_compute(rows[r].id, buf, len, rows[r].big == HOST_IS_LITTLE, salt, &got), 0);
        const uint64_t *w = rows[r].want.word;
        assert_words(&got, w[0], w[1], w[2], w[3]);
    }
}

static void test_dispatch_errors(void **state)
{
    struct cksum c;
    uint8_t b[64] = {0};
    assert_int_equal(checksum_compute(CHECKSUM_INHERIT, b, 64, false, NULL, &c), ZE_NOTSUP);
    assert_int_equal(checksum_compute(CHECKSUM_ON, b, 64, false, NULL, &c), ZE_NOTSUP);
    assert_int_equal(checksum_compute((enum checksum_id)15, b, 64, false, NULL, &c), ZE_NOTSUP);
    assert_int_equal(checksum_compute(CHECKSUM_SKEIN, b, 64, false, NULL, &c), ZE_INVAL);
    assert_null(checksum_info((enum checksum_id)15));
    assert_null(checksum_info((enum checksum_id) - 1));
    assert_int_equal(checksum_id_of("edonr"), CHECKSUM_EDONR);
    assert_int_equal(checksum_id_of("crc32"), -1);
    assert_true(checksum_info(CHECKSUM_BLAKE3)->traits & CHECKSUM_TRAIT_SALTED);
    assert_false(checksum_info(CHECKSUM_EDONR)->traits & CHECKSUM_TRAIT_DEDUP);
}

/* --- fletcher --- */

static void fletcher4_plain(const uint8_t *p, size_t len, bool swapped, struct cksum *out)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i + 4 <= len; i += 4) {
        const uint32_t x = swapped ? __builtin_bswap32(load_ne32(p + i)) : load_ne32(p + i);
        a += x, b += a, c += b, d += c;
    }
    *out = (struct cksum){{a, b, c, d}};
}

static void test_fletcher4_variants(void **state)
{
    enum { MAX = (1 << 20) + 777 * 4 };
    uint8_t *buf = malloc(MAX + 1);
    const char *v;
    fill_lcg(buf, MAX + 1, 5);
    memset(buf + 4096, 0xff, 8192); /* carries */
    for (unsigned i = 0; (v = fletcher4_variant_name(i)) != NULL; i++) {
        for (size_t len = 0; len <= MAX; len += len < 2100 ? 4 : len < 70000 ? 1940 : 300004) {
            for (unsigned swapped = 0; swapped < 2; swapped++) {
                struct cksum want, got;
                fletcher4_plain(buf + 1, len, swapped, &want);
                assert_true(fletcher4_with(v, buf + 1, len, swapped, &got));
                assert_memory_equal(&got, &want, sizeof(got));
            }
        }
    }
    assert_false(fletcher4_with("none", buf, 4, false, &(struct cksum){{0}}));
    free(buf);
}

static void test_fletcher4_in_pieces(void **state)
{
    enum { MAX = 300 * 1024 };
    uint8_t *buf = malloc(MAX);
    uint32_t seed = 9;
    fill_lcg(buf, MAX, 6);
    for (unsigned swapped = 0; swapped < 2; swapped++)
        for (unsigned round = 0; round < 50; round++) {
            struct cksum want, got;
            fletcher4_plain(buf, MAX, swapped, &want);
            fletcher4_init(&got);
            for (size_t off = 0, n; off < MAX; off += n) {
                seed = seed * 1664525u + 1013904223u;
                n = min_of((size_t)(seed >> 8) % (round % 2 == 0 ? 400u : 90000u) / 4 * 4,
                           MAX - off);
                fletcher4_update(&got, buf + off, n, swapped);
            }
            assert_memory_equal(&got, &want, sizeof(got));
        }
    free(buf);
}

static void test_fletcher2_plain(void **state)
{
    uint8_t buf[4096 + 1];
    fill_lcg(buf, sizeof(buf), 7);
    for (size_t len = 0; len <= 4096; len += 16) {
        for (unsigned swapped = 0; swapped < 2; swapped++) {
            uint64_t s[4] = {0};
            for (size_t i = 0; i < len; i += 16) {
                const uint64_t x = load_ne64(buf + 1 + i), y = load_ne64(buf + 9 + i);
                s[0] += swapped ? __builtin_bswap64(x) : x;
                s[1] += swapped ? __builtin_bswap64(y) : y;
                s[2] += s[0], s[3] += s[1];
            }
            struct cksum got;
            fletcher2(buf + 1, len, swapped, &got);
            assert_words(&got, s[0], s[1], s[2], s[3]);
        }
    }
}

/* --- published vectors --- */

static void test_sha2_published(void **state)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static const char two_long[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                   "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    uint8_t d[32];
    assert_int_equal(sha2_256("", 0, d), 0);
    assert_hex(d, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(sha2_256("abc", 3, d), 0);
    assert_hex(d, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sha2_256(two_blocks, 56, d), 0);
    assert_hex(d, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    const struct span parts[] = {
        {(const uint8_t *)two_blocks, 10}, {NULL, 0}, {(const uint8_t *)two_blocks + 10, 46}};
    assert_int_equal(sha2_256_parts(parts, 3, d), 0);
    assert_hex(d, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_int_equal(sha2_512_256("abc", 3, d), 0);
    assert_hex(d, 32, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
    assert_int_equal(sha2_512_256(two_long, 112, d), 0);
    assert_hex(d, 32, "3928e184fb8690f840da3988121d31be65cb9d3ef83ee6146feac861e19b563a");
}

static void test_edonr_chapter(void **state)
{
    uint8_t d[64];
    edonr_512("", 0, d);
    assert_hex(d, 64,
               "c57f7e17fdc1ce5074cc748c9bd38f9f51ebe88fbe6eda3190c4314cafb1abb2"
               "980fac582d6e4ba8c641947d944bc56b74fb15de5546ad4f77934fca00052719");
    edonr_512("abc", 3, d);
    assert_hex(d, 64,
               "1b14db155f1d406594b8cef70a4362ec6b5de6a5daf50ec999e987c19d3049e2"
               "de5977bb05b1bb220050a1ea5b46a9f1740acafbf6b45032adc90c628372c22b");
}

/* Around the padding rule every length must give another digest, of the same prefix-free stream. */
static void test_edonr_lengths_differ(void **state)
{
    uint8_t buf[300] = {0}, d[300][64];
    for (unsigned n = 0; n < 300; n++) {
        edonr_512(buf, n, d[n]);
        for (unsigned i = 0; i < n; i++)
            assert_memory_not_equal(d[i], d[n], 64);
    }
}

/* Input byte i is i mod 251, as in BLAKE3's own test vectors; plain, then keyed. */
static const struct {
    uint32_t len;
    const char *plain, *keyed;
} blake3_rows[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
     "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b",
     "bb1eb5d4afa793c1ebdd9fb08def6c36d10096986ae0cfe148cd101170ce37ae"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
     "ba8ced36f327700d213f120b1a207a3b8c04330528586f414d09f2f7d9ccb7e6"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee",
     "c0a4edefa2d2accb9277c371ac12fcdbb52988a86edc54f0716e1591b4326e72"},
    {127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d",
     "c64200ae7dfaf35577ac5a9521c47863fb71514a3bcad18819218b818de85818"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
     "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
     "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
     "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69"},
    {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
     "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1"},
    {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
     "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5"},
    {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2",
     "044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770"},
    {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3",
     "68dede9bef00ba89e43f31a6825f4cf433389fedae75c04ee9f0cf16a427c95a"},
    {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969",
     "befc660aea2f1718884cd8deb9902811d332f4fc4a38cf7c7300d597a081bfc0"},
    {4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995",
     "00df940cd36bb9fa7cbbc3556744e0dbc8191401afe70520ba292ee3ca80abbc"},
    {5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833",
     "2c493e48e9b9bf31e0553a22b23503c0a3388f035cece68eb438d22fa1943e20"},
    {6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205",
     "3d6b6d21281d0ade5b2b016ae4034c5dec10ca7e475f90f76eac7138e9bc8f1d"},
    {7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a",
     "b42835e40e9d4a7f42ad8cc04f85a963a76e18198377ed84adddeaecacc6f3fc"},
    {8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63",
     "dc9637c8845a770b4cbf76b8daec0eebf7dc2eac11498517f08d44c8fc00d58a"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b",
     "954a2a75420c8d6547e3ba5b98d963e6fa6491addc8c023189cc519821b4a1f5"},
    {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4",
     "9e9fc4eb7cf081ea7c47d1807790ed211bfec56aa25bb7037784c13c4b707b0d"},
    {17409, "50bc54238ac9271c9f3471f5206a04eb25d2e26b3214ed971cc55230b0d22864",
     "c7b5166cb456cb8a082b876006205ad15ab5f966ac2aab1f97a5a3840b90c767"},
    {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
     "efa53b389ab67c593dba624d898d0f7353ab99e4ac9d42302ee64cbf9939a419"},
    {65536, "68d647e619a930e7b1082f74f334b0c65a315725569bdc123f0ee11881717bfe",
     "160fb7538a11d83b9b311825a6baef08484d6aabb8276900a1fb08648085cca2"},
    {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
     "1c35d1a5811083fd7119f5d5d1ba027b4d01c0c6c49fb6ff2cf75393ea5db4a7"},
    {131072, "306baba93b1a393cbd35172837c98b0f59a41f64e1b2682ae102d8b2534b9e1c",
     "def66234dd1a614a994a3dbe7bbc8edf9bbc3fae90222334c8a77320f94d3fe8"},
    {131073, "f837d4254d24ba3d50fe3743d46e4af6db5f5d6ab0469197d94e7ba1e906c4d8",
     "a904833ff34d5679c332d6c30378bf7b4b4321f8fea0fa3ef87551ba2240f512"},
    {133120, "891c7105927a7e032e5f7caa6e2790984c42e4a24f87396a4cd34657d8e44689",
     "774a6a2c449ce1e82b1df4f9b29ff8b0dadc553ca951a5c32f837235679e237c"},
    {262144, "d57dc906e20d3fd326ffaa85535500486f46a0979f5a323f028dcabfd381fd4a",
     "78b2f14279f6b0c44ad68e55dbf038e8e5a7f5d09cd328e8b4a8ce0f6ea900a0"},
    {393217, "23793d665bd3c0b578269cc6d66b30eab4b66ab17f38524d1501e5c5fbf707bb",
     "418cad701f5e8191bf1a9c92257b69f8758fc066a2e6ced8b74f8bf85d676a88"},
    {1048576, "74cb441fd087764ca9c3694da742ebe30cbeb3060a17009ca81825c7a8d10343",
     "59b889b0821111fc4c249dc98b5435b767b44fb881542c61a85c1bebbffb2906"},
    {1053577, "ce8ba6eeca2cb2dcfc0df2b0c1e075acd32fe39feee5e2ca17210e97567286c2",
     "d7199eaa6b521499d418e0897d94259e274f6c4ae0823a691b4f25019b311cb2"},
};

static void test_blake3_vectors(void **state)
{
    static const uint8_t key[33] = "whats the Elvish word for friend";
    const uint32_t most = blake3_rows[array_len(blake3_rows) - 1].len;
    uint8_t *buf = malloc(most), d[32];
    const char *v;
    for (uint32_t i = 0; i < most; i++)
        buf[i] = (uint8_t)(i % 251);
    for (unsigned n = 0; (v = blake3_variant_name(n)) != NULL; n++)
        for (size_t r = 0; r < array_len(blake3_rows); r++) {
            assert_true(blake3_hash_with(v, NULL, buf, blake3_rows[r].len, d));
            assert_hex(d, 32, blake3_rows[r].plain);
            assert_true(blake3_hash_with(v, key, buf, blake3_rows[r].len, d));
            assert_hex(d, 32, blake3_rows[r].keyed);
        }
    assert_false(blake3_hash_with("none", NULL, buf, 1, d));
    free(buf);
}

/* All variants agree at every chunk count up to several pieces. */
static void test_blake3_variants_agree(void **state)
{
    enum { MAX = 530 * 1024 };
    uint8_t *buf = malloc(MAX), want[32], got[32];
    const char *v;
    fill_lcg(buf, MAX, 11);
    for (size_t len = 500; len <= MAX; len += len < 140000 ? 1000 : 31000) {
        blake3_hash_with("scalar", NULL, buf, len, want);
        for (unsigned n = 0; (v = blake3_variant_name(n)) != NULL; n++) {
            blake3_hash_with(v, NULL, buf, len, got);
            assert_memory_equal(got, want, 32);
        }
    }
    free(buf);
}

/* --- embedded --- */

static void test_embedded_round_trip(void **state)
{
    static const enum checksum_id ids[] = {CHECKSUM_LABEL, CHECKSUM_GANG_HEADER, CHECKSUM_ZILOG,
                                           CHECKSUM_ZILOG2};
    const struct cksum verifier = {{0x1122334455667788, 2, 3, 4}};
    uint8_t b[8192], s[8192];
    bool swapped;
    for (unsigned i = 0; i < array_len(ids); i++) {
        for (unsigned prot = 0; prot < 2; prot++) {
            fill_lcg(b, sizeof(b), 20 + i);
            if (ids[i] == CHECKSUM_ZILOG2)
                store_ne64(b + 136, 5000);
            int (*write)(enum checksum_id, void *, size_t, const struct cksum *) =
                prot ? checksum_embedded_write_protected : checksum_embedded_write;
            int (*verify)(enum checksum_id, const void *, size_t, const struct cksum *, bool *) =
                prot ? checksum_embedded_verify_protected : checksum_embedded_verify;
            const size_t trailer = ids[i] == CHECKSUM_ZILOG2 ? 144 : sizeof(b) - 40;
            uint8_t mac[16];
            memcpy(mac, b + trailer + 24, 16);
            assert_int_equal(write(ids[i], b, sizeof(b), &verifier), 0);
            assert_int_equal(verify(ids[i], b, sizeof(b), &verifier, &swapped), 0);
            assert_false(swapped);
            if (prot)
                assert_memory_equal(b + trailer + 24, mac, 16);
            struct cksum other = verifier;
            other.word[0]++; /* word 3 is last: a folded fletcher2 cannot see it */
            assert_int_equal(verify(ids[i], b, sizeof(b), &other, &swapped), ZE_CKSUM);
            memcpy(s, b, sizeof(s));
            for (unsigned at = 0; at < sizeof(b); at += 97) {
                b[at] ^= 4;
                const bool in_mac = prot && at >= trailer + 24 && at < trailer + 40;
                assert_int_equal(verify(ids[i], b, sizeof(b), &verifier, &swapped),
                                 in_mac ? 0 : ZE_CKSUM);
                b[at] ^= 4;
            }
            assert_memory_equal(b, s, sizeof(b));
        }
    }
}

/* A block of the other byte order: same words, everything stored swapped. */
static void test_embedded_swapped(void **state)
{
    const struct cksum verifier = {{7, 8, 9, 10}};
    uint8_t b[4096] = {0};
    bool swapped;
    store_ne64(b + 136, __builtin_bswap64(3000));
    fill_lcg(b + 184, sizeof(b) - 184, 3);
    store_ne64(b + 144, __builtin_bswap64(0x0210da7ab10c7a11));
    for (unsigned i = 0; i < 4; i++)
        store_ne64(b + 152 + 8 * i, __builtin_bswap64(verifier.word[i]));
    struct cksum c;
    fletcher4_plain(b, sizeof(b), true, &c);
    for (unsigned i = 0; i < 4; i++)
        store_ne64(b + 152 + 8 * i, __builtin_bswap64(c.word[i]));
    assert_int_equal(checksum_embedded_verify(CHECKSUM_ZILOG2, b, sizeof(b), &verifier, &swapped),
                     0);
    assert_true(swapped);
}

static void test_embedded_hostile(void **state)
{
    uint8_t b[4096] = {0};
    const struct cksum verifier = {{0}};
    bool swapped;
    for (unsigned id = 0; id < 20; id++)
        for (size_t len = 0; len < 200; len += 8)
            assert_int_not_equal(
                checksum_embedded_verify((enum checksum_id)id, b, len, &verifier, &swapped), 0);
    store_ne64(b + 144, 0x0210da7ab10c7a11);
    static const uint64_t used[] = {0, 183, 4097, UINT64_MAX, UINT64_MAX - 4095};
    for (unsigned i = 0; i < array_len(used); i++) {
        store_ne64(b + 136, used[i]);
        assert_int_equal(
            checksum_embedded_verify(CHECKSUM_ZILOG2, b, sizeof(b), &verifier, &swapped), ZE_CKSUM);
        assert_int_equal(checksum_embedded_write(CHECKSUM_ZILOG2, b, sizeof(b), &verifier),
                         ZE_INVAL);
    }
}

/* --- real pools --- */

enum { DATA_START = 0x400000 };

static void read_at(int fd, uint64_t off, void *buf, size_t len)
{
    assert_int_equal(pread(fd, buf, len, (off_t)off), (ssize_t)len);
}

static int fixture_or_skip(const char *name)
{
    const char *why = "";
    int fd = fixture_open(name, "d0", &why);
    if (fd < 0) {
        print_message("skipped: %s\n", why);
        skip();
    }
    return fd;
}

/* Blocks of the pool cksum-all: {function, DVA offset, PSIZE, words of the block pointer}. */
static void test_real_blocks(void **state)
{
    static const struct {
        enum checksum_id id;
        uint32_t offset, size;
        struct cksum want;
    } rows[] = {
        {CHECKSUM_FLETCHER_2,
         0x1a6000,
         0xe000,
         {{0x87305fc7842277c6, 0x30612751eb56b835, 0x1ac84da7a6e0a494, 0xc4133128b2b40d46}}},
        {CHECKSUM_FLETCHER_2,
         0x1ef000,
         0x5000,
         {{0x8bc6425ac2714a1, 0x7c91694b14a208b7, 0xd8ba27f386d3c7ee, 0x6e54882c01277950}}},
        {CHECKSUM_FLETCHER_2,
         0x1e5000,
         0xa000,
         {{0x90a185a61859ceed, 0x3e8714d6acb07f46, 0x562d6ec72823faf, 0x2776e8175290bb04}}},
        {CHECKSUM_FLETCHER_2,
         0x1f5000,
         0x400,
         {{0x248809b7737c633a, 0x14818f5cf1a77ef9, 0xe4ea229887d0fd66, 0xe6b6c23456c90e85}}},
        {CHECKSUM_FLETCHER_4,
         0x2ba000,
         0x1000,
         {{0x7a15bb4d6e, 0x179426a732957, 0x25416b1a24ae084, 0x81a25c95038fc087}}},
        {CHECKSUM_FLETCHER_4,
         0x22a000,
         0x200,
         {{0x6bb2e7217, 0x1fda07155cb, 0x59bf3bdd230f, 0xb951b0113d6d9}}},
        {CHECKSUM_FLETCHER_4,
         0x247000,
         0xe000,
         {{0x7a7270ab33f, 0xe6a628f24bf93c, 0x3e7f6401c5bd70a, 0x71e2bacf99f6ec61}}},
        {CHECKSUM_FLETCHER_4,
         0x287000,
         0x5000,
         {{0x2f64616e950, 0x1db4b294645732, 0xc6ec49761052b8af, 0x8fef4a3fede33808}}},
        {CHECKSUM_SHA256,
         0x359000,
         0x1000,
         {{0x8947d066a8e2dec4, 0x1338959bc90a9397, 0xd2e343b089dbb14a, 0x50006933e802fa90}}},
        {CHECKSUM_SHA256,
         0x2e5000,
         0xe000,
         {{0xe0a6a39e499e4bf3, 0x42234644d1f727e3, 0x97894286399f8cfc, 0xcd1851ec59a0aa38}}},
        {CHECKSUM_SHA256,
         0x32c000,
         0x5000,
         {{0xd3c4996ea7eaa9b9, 0xee893936feaf032a, 0x9e6f8dfb66bce12c, 0x78503b83987df037}}},
        {CHECKSUM_SHA256,
         0x55000,
         0x4000,
         {{0xb9e694fbad729d03, 0xae1c985f7501ce12, 0xa67d65dbe178db66, 0xd7730d0756cd8578}}},
        {CHECKSUM_SHA512,
         0x498000,
         0x1000,
         {{0x1cdeb861ff5088a3, 0xf1bd1bb2b07036b3, 0x112c67795db5e8d, 0xfc95c51c696c5e1c}}},
        {CHECKSUM_SHA512,
         0x423000,
         0xe000,
         {{0x7864061c34e871ae, 0xf89965e657333938, 0x38858a5bf1718dc7, 0x1a80e0f8da901e05}}},
        {CHECKSUM_SHA512,
         0x469000,
         0x5000,
         {{0x9da3746197dd3bfc, 0x913f8d5b3462809, 0x6279304f0f09f6fc, 0xbe481296ace38074}}},
        {CHECKSUM_SHA512,
         0x45e000,
         0xa000,
         {{0x75d4ef91aee2f0f0, 0x92b4f19d78ce64ed, 0xb5c794a965420375, 0x4b9e8e7ea279a407}}},
        {CHECKSUM_SKEIN,
         0x513000,
         0x1000,
         {{0xfbfceb6338e82b5b, 0x41b5bd67bc458cd8, 0x12f2adc5c631f2eb, 0xcea3f4913704a403}}},
        {CHECKSUM_SKEIN,
         0x4c7000,
         0xe000,
         {{0xe96afc817be540cc, 0x6ee53f3477717038, 0xfb1c0b1b3009bc2e, 0xb5d4eb64adf77100}}},
        {CHECKSUM_SKEIN,
         0x50d000,
         0x5000,
         {{0x25cdb4e50a9bae81, 0x92f74f4c2df45ef6, 0xeafd639736cc4fd4, 0x476cf0da113db7db}}},
        {CHECKSUM_SKEIN,
         0x53b000,
         0x800,
         {{0xbaf59a6430fb3fa, 0x452abacb44724e1e, 0x61ccbe6d3223ed60, 0xa4dd6149b687cd78}}},
        {CHECKSUM_EDONR,
         0x5b7000,
         0x1000,
         {{0x53bb2595a997e2c7, 0x7665dd2e575d3094, 0x707df1260ab9951f, 0xbcf1fce8b3732ea1}}},
        {CHECKSUM_EDONR,
         0x56b000,
         0xe000,
         {{0xe867b30f4696e86a, 0x37f98892dff81bd8, 0x98e9697ec9e75a88, 0x4c66aa51ca69c0f1}}},
        {CHECKSUM_EDONR,
         0x5a6000,
         0x5000,
         {{0xf43ef1f3650d4280, 0x875a1e01b6fcd7e3, 0x3baeb1c7c47a426a, 0xec8aa8c0ddaf60ac}}},
        {CHECKSUM_EDONR,
         0x5d0000,
         0x800,
         {{0x8bcdb95b18b6a1e6, 0x8526640d66248947, 0xb9d0a5d3d32bc70e, 0xeb3008b264903d3b}}},
        {CHECKSUM_BLAKE3,
         0x684000,
         0x1000,
         {{0x8ea3e9b3fc480c75, 0x498c6eb42d0365d7, 0x41c901f0f8bebcae, 0x66e016cf6b2cf7b8}}},
        {CHECKSUM_BLAKE3,
         0x60e000,
         0xe000,
         {{0xf9e2a365e0496791, 0xc45192a32436b827, 0x3611e9efa71a34f, 0x30b2555a110697ee}}},
        {CHECKSUM_BLAKE3,
         0x656000,
         0x5000,
         {{0x91827ac0c311127, 0xceb25264fd7ef6bb, 0x4f6a61ca496867d8, 0xd639c1c61e6e843}}},
        {CHECKSUM_BLAKE3,
         0x64b000,
         0xa000,
         {{0xa67342adfaa9dfa6, 0xfdca12508b32f9df, 0x864a61bfd50532da, 0xe7af7ec8f3d875d0}}},
    };
    uint8_t salt[32], buf[0xe000];
    hex_bytes("4717798cbf5886fb0e60c5ffd982139db9e314b1e67319f359b6385256c9c8c3", salt, 32);
    int fd = fixture_or_skip("cksum-all");
    for (size_t r = 0; r < array_len(rows); r++) {
        struct cksum got;
        read_at(fd, DATA_START + rows[r].offset, buf, rows[r].size);
        assert_int_equal(
            checksum_compute(rows[r].id, buf, rows[r].size, !HOST_IS_LITTLE, salt, &got), 0);
        assert_memory_equal(&got, &rows[r].want, sizeof(got));
    }
    close(fd);
}

static void test_real_labels(void **state)
{
    enum { NVLIST_AT = 0x4000, NVLIST_SIZE = 0x1c000, RING_AT = 0x20000, SLOT = 4096 };
    uint8_t *buf = malloc(NVLIST_SIZE);
    bool swapped;
    int fd = fixture_or_skip("cksum-all");
    for (unsigned label = 0; label < 2; label++) {
        const uint64_t at = 0x40000 * label + NVLIST_AT;
        read_at(fd, at, buf, NVLIST_SIZE);
        assert_int_equal(checksum_embedded_verify(CHECKSUM_LABEL, buf, NVLIST_SIZE,
                                                  &(struct cksum){{at}}, &swapped),
                         0);
        assert_int_equal(swapped, !HOST_IS_LITTLE);
        assert_int_equal(checksum_embedded_verify(CHECKSUM_LABEL, buf, NVLIST_SIZE,
                                                  &(struct cksum){{at + 8}}, &swapped),
                         ZE_CKSUM);
        unsigned good = 0;
        for (unsigned slot = 0; slot < 32; slot++) {
            const uint64_t ub = 0x40000 * label + RING_AT + slot * SLOT;
            read_at(fd, ub, buf, SLOT);
            good += checksum_embedded_verify(CHECKSUM_LABEL, buf, SLOT, &(struct cksum){{ub}},
                                             &swapped) == 0;
        }
        assert_true(good > 10);
    }
    close(fd);
    free(buf);
}

static void test_real_gang_headers(void **state)
{
    static const uint64_t offsets[] = {0xb7800, 0xb7a00, 0xb7c00, 0xe3000, 0xedc00};
    uint8_t b[512];
    bool swapped;
    int fd = fixture_or_skip("ashift-gang");
    for (unsigned i = 0; i < array_len(offsets); i++) {
        read_at(fd, DATA_START + offsets[i], b, sizeof(b));
        struct cksum verifier = {{0, offsets[i], 16, 0}};
        assert_int_equal(
            checksum_embedded_verify(CHECKSUM_GANG_HEADER, b, sizeof(b), &verifier, &swapped), 0);
        verifier.word[2] = 17;
        assert_int_equal(
            checksum_embedded_verify(CHECKSUM_GANG_HEADER, b, sizeof(b), &verifier, &swapped),
            ZE_CKSUM);
    }
    close(fd);
}

static void test_real_log_blocks(void **state)
{
    static const struct {
        uint32_t offset, size;
        struct cksum verifier;
    } rows[] = {
        {0xc800, 4096, {{0xe41c49a463339dd4, 0xadc808845d13c079, 0x45, 2}}},
        {0x6600, 8192, {{0xe41c49a463339dd4, 0xadc808845d13c079, 0x45, 3}}},
        {0xf800, 4096, {{0xe41c49a463339dd4, 0xadc808845d13c079, 0x45, 4}}},
    };
    uint8_t b[24576];
    bool swapped;
    int fd = fixture_or_skip("zil-dirty");
    for (unsigned i = 0; i < array_len(rows); i++) {
        read_at(fd, DATA_START + rows[i].offset, b, rows[i].size);
        assert_int_equal(
            checksum_embedded_verify(CHECKSUM_ZILOG2, b, rows[i].size, &rows[i].verifier, &swapped),
            0);
        b[200] ^= 1;
        assert_int_equal(
            checksum_embedded_verify(CHECKSUM_ZILOG2, b, rows[i].size, &rows[i].verifier, &swapped),
            ZE_CKSUM);
    }
    close(fd);
    fd = fixture_or_skip("zil-dirty-enc");
    const struct cksum verifier = {{0x1202f52c3da18e58, 0x51c5d56b1307b037, 0x53, 9}};
    read_at(fd, DATA_START + 0x16800, b, 24576);
    assert_int_equal(
        checksum_embedded_verify_protected(CHECKSUM_ZILOG2, b, 24576, &verifier, &swapped), 0);
    assert_int_equal(checksum_embedded_verify(CHECKSUM_ZILOG2, b, 24576, &verifier, &swapped),
                     ZE_CKSUM);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chapter_vectors),     cmocka_unit_test(test_dispatch_errors),
        cmocka_unit_test(test_fletcher4_variants),  cmocka_unit_test(test_fletcher4_in_pieces),
        cmocka_unit_test(test_fletcher2_plain),     cmocka_unit_test(test_sha2_published),
        cmocka_unit_test(test_edonr_chapter),       cmocka_unit_test(test_edonr_lengths_differ),
        cmocka_unit_test(test_blake3_vectors),      cmocka_unit_test(test_blake3_variants_agree),
        cmocka_unit_test(test_embedded_round_trip), cmocka_unit_test(test_embedded_swapped),
        cmocka_unit_test(test_embedded_hostile),    cmocka_unit_test(test_real_blocks),
        cmocka_unit_test(test_real_labels),         cmocka_unit_test(test_real_gang_headers),
        cmocka_unit_test(test_real_log_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
