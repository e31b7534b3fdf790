/* SPDX-License-Identifier: MIT */
/*
 * Compressors: format/dmu.md 16.2, round trips, damaged input at every position (meant to run under
 * the address sanitizer too: every buffer is a malloc of its exact size), threads, and real pool
 * blocks.
 */
#include <pthread.h>
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
#include "codec/compress.h"
#include "codec/compressors.h"
#include "codec/hashes.h"
#include "codec/thread_cache.h"

static uint64_t random_seed = 1;
static uint32_t next_random(void)
{
    uint64_t z = (random_seed += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    return (uint32_t)((z ^ (z >> 27)) >> 16);
}

/* --- chapter vectors --- */

static const char lz4_hex[] =
    "0000005a1f6101002cff31000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
    "2425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f7f002c0f0200121f000100ff0450000000000"
    "0";
static const char lzjb_hex[] =
    "0261f00100010203040500060708090a0b0c0d000e0f10111213141500161718191a1b1c1d001e1f20212223242500"
    "262728292a2b2c2d002e2f30313233343500363738393a3b3c3dec3e3ff07f883f00fc01fc42fc4201fc4200000000"
    "0000000000000000000000000000000000";
static const char zstd_hex[] =
    "00000045030028a50000050200040361626354686520717569636b2062726f776e20666f78206a756d7073206f7665"
    "7220746865206c617a7920646f672e200400a091500106502178c5cfb901";
static const char gzip_hex[] =
    "789c4b4c4a4ec486423252150a4b3393b315928af2cbf314d2f22b14b24a730b8a15f2cb528b144a80d2398955950a"
    "29f9e97a0a584d183564d490514306bb2100435578a1";

static void fill_letters(uint8_t d[512])
{
    memset(d, 0, 512);
    memset(d, 'a', 64);
    for (unsigned i = 0; i < 64; i++)
        d[64 + i] = (uint8_t)i;
    memset(d + 128, 'a', 100);
}

static void fill_text(uint8_t d[1024])
{
    static const char fox[] = "The quick brown fox jumps over the lazy dog. ";
    size_t n = 0;
    memset(d, 0, 1024);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 24; i++, n++)
            if (n < 1024)
                d[n] = (uint8_t) "abc"[i % 3];
        for (unsigned i = 0; i < sizeof(fox) - 1; i++, n++)
            if (n < 1024)
                d[n] = (uint8_t)fox[i];
    }
}

static size_t fill_zle(uint8_t plain[512], uint8_t packed[82])
{
    memset(plain, 0, 512);
    memcpy(plain + 10, "\1\2\3\0\4", 5);
    memset(plain + 10 + 5 + 302, 5, 70);
    size_t n = hex_bytes("49 04 0102030004 ff ad 3f", packed, 82);
    memset(packed + n, 5, 64);
    n += 64;
    n += hex_bytes("05 050505050505 bc", packed + n, 82 - n);
    return n;
}

static void check_decode(enum compress_id id, const uint8_t *src, size_t src_len,
                         const uint8_t *want, size_t len)
{
    uint8_t *in = malloc(src_len), *out = malloc(len);
    memcpy(in, src, src_len);
    assert_int_equal(compress_decode(id, in, src_len, out, len), 0);
    assert_memory_equal(out, want, len);
    free(in);
    free(out);
}

static void test_chapter_vectors(void **state)
{
    uint8_t letters[512], text[1024], plain[512], packed[82], buf[128], out[1024];
    fill_letters(letters);
    fill_text(text);
    size_t n = hex_bytes(lz4_hex, buf, sizeof(buf));
    check_decode(COMPRESS_LZ4, buf, n, letters, 512);

    n = hex_bytes(lzjb_hex, buf, sizeof(buf));
    check_decode(COMPRESS_LZJB, buf, n, letters, 512);
    assert_int_equal(compress_encode(COMPRESS_LZJB, 0, letters, 512, out, 448), n);
    assert_memory_equal(out, buf, n);

    n = fill_zle(plain, packed);
    assert_int_equal(n, 82);
    check_decode(COMPRESS_ZLE, packed, n, plain, 512);
    assert_int_equal(compress_encode(COMPRESS_ZLE, 0, plain, 512, out, 448), n);
    assert_memory_equal(out, packed, n);

    n = hex_bytes(zstd_hex, buf, sizeof(buf));
    check_decode(COMPRESS_ZSTD, buf, n, text, 1024);
    assert_int_equal(compress_zstd_level(buf, n), 3);

    n = hex_bytes(gzip_hex, buf, sizeof(buf));
    check_decode((enum compress_id)10, buf, n, text, 1024);
}

static void test_zstd_historic_headers(void **state)
{
    static const struct {
        const char *words; /* replaces bytes 4..7 */
        int level;
    } rows[] = {
        {"030028a5", 3},                    /* standard */
        {"03a52800", 3},                    /* version reversed */
        {"0028a503", 3},                    /* level last */
        {"a5280003", 3},                    /* level last, version reversed */
        {"7b0028a5", 123},                  /* fast-1000 */
        {"670028a5", 103}, {"660028a5", 0}, /* a marker, not a level */
        {"140028a5", 0},   {"7c0028a5", 0}, {"000028a5", 0}, {"030128a5", 0}, /* no zero byte */
        {"00000000", 0},
    };
    uint8_t text[1024], out[1024], buf[128];
    fill_text(text);
    const size_t n = hex_bytes(zstd_hex, buf, sizeof(buf));
    for (size_t r = 0; r < array_len(rows); r++) {
        hex_bytes(rows[r].words, buf + 4, 4);
        assert_int_equal(compress_zstd_level(buf, n), rows[r].level);
        assert_int_equal(compress_decode(COMPRESS_ZSTD, buf, n, out, sizeof(out)),
                         rows[r].level != 0 ? 0 : ZE_DECOMPRESS);
    }
    assert_int_equal(compress_zstd_level(buf, 7), 0);
}

/* --- round trips --- */

enum kind { KIND_ZERO, KIND_TEXT, KIND_RANDOM, KIND_RUNS, KIND_SPARSE, KIND_COUNT };

static void fill_kind(uint8_t *d, size_t n, enum kind kind)
{
    static const char words[] = "pool vdev block txg dnode snapshot clone checksum mirror ";
    for (size_t i = 0; i < n;) {
        if (kind == KIND_ZERO) {
            d[i++] = 0;
        } else if (kind == KIND_TEXT) {
            for (size_t at = next_random() % 40; i < n && at < 57 && words[at] != ' '; at++)
                d[i++] = (uint8_t)words[at];
            if (i < n)
                d[i++] = ' ';
        } else if (kind == KIND_RANDOM) {
            d[i++] = (uint8_t)next_random();
        } else if (kind == KIND_RUNS) {
            const uint8_t byte = (uint8_t)next_random();
            for (size_t run = 1 + next_random() % 300; i < n && run > 0; run--)
                d[i++] = byte;
        } else {
            d[i++] = next_random() % 8 == 0 ? (uint8_t)next_random() : 0;
        }
    }
}

static void round_trip(enum compress_id id, int level, const uint8_t *src, size_t len, size_t max,
                       bool must_fit)
{
    uint8_t *packed = malloc(max + 1), *out = malloc(len);
    packed[max] = 0xa5;
    const size_t n = compress_encode(id, level, src, len, packed, max);
    assert_int_equal(packed[max], 0xa5);
    assert_true(n <= max);
    if (must_fit && n == 0)
        fail_msg("%s level %d: %zu bytes do not fit %zu", compress_name(id), level, len, max);
    if (n > 0) {
        memset(out, 0xee, len);
        assert_int_equal(compress_decode(id, packed, n, out, len), 0);
        assert_memory_equal(out, src, len);
        /* Padding behind does not matter, any other length does. */
        uint8_t *padded = calloc(1, n + 511);
        memcpy(padded, packed, n);
        assert_int_equal(compress_decode(id, padded, n + 511, out, len), 0);
        assert_memory_equal(out, src, len);
        if (id != COMPRESS_LZJB && id != COMPRESS_ZLE)
            assert_int_equal(compress_decode(id, padded, n + 511, out, len - 1), ZE_DECOMPRESS);
        uint8_t *longer = malloc(len + 1);
        assert_int_equal(compress_decode(id, packed, n, longer, len + 1), ZE_DECOMPRESS);
        free(longer);
        free(padded);
    }
    free(packed);
    free(out);
}

/* Combinations that any sane encoder gets down by an eighth. */
static bool must_shrink(enum compress_id id, int level, enum kind kind, size_t len)
{
    if (level >= 122 && level != 255)
        return kind == KIND_ZERO && len >= 16384;
    if (kind == KIND_ZERO)
        return len >= 1024 || (len >= 512 && id != COMPRESS_LZJB);
    if (kind == KIND_RANDOM || kind == KIND_SPARSE || len < 1024)
        return false;
    if (level >= 102 && level != 255)
        return kind == KIND_RUNS && len >= 16384;
    return id != COMPRESS_ZLE;
}

static void round_trip_sizes(enum compress_id id, int level)
{
    static const size_t sizes[] = {1, 3, 511, 512, 513, 4096, 16384, 131072};
    for (size_t s = 0; s < array_len(sizes); s++) {
        for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
            const size_t len = sizes[s];
            uint8_t *src = malloc(len);
            fill_kind(src, len, kind);
            const bool easy = must_shrink(id, level, kind, len);
            round_trip(id, level, src, len, len - len / 8, easy);
            round_trip(id, level, src, len, 2 * len + 64, true);
            for (size_t max = 0; max < (len <= 4096 ? 40 : 1); max++)
                round_trip(id, level, src, len, max, false);
            free(src);
        }
    }
}

static void test_round_trips(void **state)
{
    round_trip_sizes(COMPRESS_LZJB, 0);
    round_trip_sizes(COMPRESS_ZLE, 0);
    round_trip_sizes(COMPRESS_LZ4, 0);
    for (int level = 1; level <= 9; level += 4)
        round_trip_sizes((enum compress_id)(COMPRESS_GZIP_1 + level - 1), 0);
    static const int levels[] = {0, 1, 3, 9, 19, 102, 103, 112, 113, 121, 122, 123, 255};
    for (size_t i = 0; i < array_len(levels); i++)
        round_trip_sizes(COMPRESS_ZSTD, levels[i]);
}

static void test_zstd_level_is_stored(void **state)
{
    static const struct {
        int given, stored;
    } rows[] = {{0, 3},     {255, 3},   {1, 1},  {19, 19}, {102, 103}, {103, 103}, {112, 112},
                {113, 113}, {123, 123}, {20, 0}, {124, 0}, {-1, 0},    {101, 0},   {251, 0}};
    uint8_t text[1024], out[1200];
    fill_text(text);
    for (size_t r = 0; r < array_len(rows); r++) {
        const size_t n =
            compress_encode(COMPRESS_ZSTD, rows[r].given, text, sizeof(text), out, sizeof(out));
        assert_int_equal(n > 0, rows[r].stored != 0);
        if (n > 0)
            assert_int_equal(compress_zstd_level(out, n), rows[r].stored);
    }
}

static void test_zstd_gives_up_early(void **state)
{
    enum { SIZE = 256 << 10 };
    uint8_t *src = malloc(SIZE), *dst = malloc(SIZE);
    fill_kind(src, SIZE, KIND_RANDOM);
    assert_int_equal(compress_encode(COMPRESS_ZSTD, 19, src, SIZE, dst, SIZE - SIZE / 8), 0);
    fill_kind(src, SIZE / 2, KIND_TEXT);
    assert_true(compress_encode(COMPRESS_ZSTD, 19, src, SIZE, dst, SIZE - SIZE / 8) > 0);
    free(src);
    free(dst);
}

/* --- hostile input --- */

/* Any result but a crash; success must have filled the output. */
static void decode_hostile(enum compress_id id, const uint8_t *src, size_t src_len, size_t dst_len)
{
    uint8_t *in = malloc(src_len == 0 ? 1 : src_len), *out = malloc(dst_len);
    if (src_len > 0)
        memcpy(in, src, src_len);
    const int err = compress_decode(id, src_len == 0 ? in + 1 : in, src_len, out, dst_len);
    assert_true(err == 0 || err == ZE_DECOMPRESS);
    free(in);
    free(out);
}

static void test_damaged_at_every_position(void **state)
{
    static const enum compress_id ids[] = {COMPRESS_LZJB, COMPRESS_ZLE, COMPRESS_LZ4, COMPRESS_ZSTD,
                                           (enum compress_id)10};
    enum { LEN = 700 };
    for (size_t i = 0; i < array_len(ids); i++) {
        for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
            uint8_t src[LEN], packed[2 * LEN + 64];
            fill_kind(src, LEN, kind);
            const size_t n = compress_encode(ids[i], 3, src, LEN, packed, sizeof(packed));
            assert_true(n > 0);
            for (size_t cut = 0; cut < n; cut++) {
                uint8_t out[LEN];
                uint8_t *in = malloc(cut == 0 ? 1 : cut);
                memcpy(in, packed, cut);
                assert_int_equal(compress_decode(ids[i], in, cut, out, LEN), ZE_DECOMPRESS);
                free(in);
            }
            for (size_t at = 0; at < n; at++) {
                static const uint8_t values[] = {0, 1, 0x3f, 0x7f, 0x80, 0xff};
                const uint8_t old = packed[at];
                for (size_t v = 0; v < array_len(values); v++) {
                    packed[at] = values[v];
                    decode_hostile(ids[i], packed, n, LEN);
                }
                packed[at] = (uint8_t)next_random();
                decode_hostile(ids[i], packed, n, LEN);
                packed[at] = old;
            }
        }
    }
}

static void test_noise(void **state)
{
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t src[300];
        const size_t n = next_random() % sizeof(src);
        for (size_t i = 0; i < n; i++)
            src[i] = (uint8_t)next_random();
        const enum compress_id id = (enum compress_id)(next_random() % 20);
        if (n >= 8 && (id == COMPRESS_LZ4 || id == COMPRESS_ZSTD)) { /* get past the header */
            store_be32(src, (uint32_t)(n - (id == COMPRESS_LZ4 ? 4 : 8)));
            store_be32(src + 4, id == COMPRESS_LZ4 ? load_be32(src + 4) : 0x030028a5);
        }
        decode_hostile(id, src, n, 1 + next_random() % 2000);
    }
}

static void test_ids_never_stored(void **state)
{
    uint8_t b[16] = {0}, out[16];
    assert_int_equal(compress_decode(COMPRESS_INHERIT, b, 16, out, 16), ZE_DECOMPRESS);
    assert_int_equal(compress_decode(COMPRESS_ON, b, 16, out, 16), ZE_DECOMPRESS);
    assert_int_equal(compress_decode(COMPRESS_EMPTY, b, 16, out, 16), ZE_DECOMPRESS);
    assert_int_equal(compress_decode(COMPRESS_COUNT, b, 16, out, 16), ZE_DECOMPRESS);
    assert_int_equal(compress_decode(COMPRESS_OFF, b, 15, out, 16), ZE_DECOMPRESS);
    assert_int_equal(compress_decode(COMPRESS_OFF, b, 16, out, 16), 0);
    assert_int_equal(compress_encode(COMPRESS_OFF, 0, b, 16, out, 16), 0);
    assert_string_equal(compress_name(COMPRESS_OFF), "uncompressed");
    assert_string_equal(compress_name((enum compress_id)10), "gzip-6");
    assert_string_equal(compress_name(COMPRESS_COUNT), "unknown");
}

/* --- contexts belong to threads --- */

static void *thread_main(void *arg)
{
    uint8_t text[1024], out[1024], back[1024];
    fill_text(text);
    for (unsigned i = 0; i < 50; i++)
        for (unsigned id = COMPRESS_LZJB; id < COMPRESS_COUNT; id++) {
            const size_t n =
                compress_encode((enum compress_id)id, 3, text, sizeof(text), out, sizeof(out));
            if (n == 0)
                continue;
            if (compress_decode((enum compress_id)id, out, n, back, sizeof(back)) != 0 ||
                memcmp(text, back, sizeof(back)) != 0)
                return (void *)1; /* damaged */
        }
    if (arg != NULL)
        codec_thread_cache_drop(); /* early, then again at exit: nothing left */
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t t[4];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, thread_main, i % 2 ? t : NULL), 0);
    for (unsigned i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(t[i], &result), 0);
        assert_null(result);
    }
    assert_null(thread_main(t));
}

/* --- real blocks --- */

/* Blocks of the pool comp-all: {function, DVA offset, PSIZE, LSIZE, sha256 of the plain block}. */
static void test_real_blocks(void **state)
{
    enum { DATA_START = 0x400000 };
    static const struct {
        enum compress_id id;
        uint32_t offset, psize, lsize;
        const char *sha256;
    } rows[] = {
        {(enum compress_id)10, 0x318f600, 0x28c00, 0x100000,
         "77a679430275c9242e998d37b51589c705d37779f0357b8a3d1c9a32c811d85b"}, /* big-gzip-6 text */
        {COMPRESS_LZ4, 0x30a6e00, 0x68c00, 0x100000,
         "77a679430275c9242e998d37b51589c705d37779f0357b8a3d1c9a32c811d85b"}, /* big-lz4 text */
        {COMPRESS_ZSTD, 0x31fca00, 0x30600, 0x100000,
         "77a679430275c9242e998d37b51589c705d37779f0357b8a3d1c9a32c811d85b"}, /* big-zstd-3 text */
        {(enum compress_id)10, 0x4ad800, 0xaa00, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* gzip mixed */
        {(enum compress_id)10, 0x4cfc00, 0x1600, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* gzip pat */
        {(enum compress_id)10, 0x4ad600, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* gzip small */
        {(enum compress_id)5, 0x512000, 0xb200, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* gzip-1 mixed */
        {(enum compress_id)5, 0x50be00, 0x1800, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* gzip-1 pat */
        {(enum compress_id)5, 0x544600, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* gzip-1 small */
        {(enum compress_id)10, 0x575400, 0xaa00, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* gzip-6 mixed */
        {(enum compress_id)10, 0x597800, 0x1600, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* gzip-6 pat */
        {(enum compress_id)10, 0x575200, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* gzip-6 small */
        {(enum compress_id)13, 0x5d2e00, 0xaa00, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* gzip-9 mixed */
        {(enum compress_id)13, 0x5be200, 0x1600, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* gzip-9 pat */
        {(enum compress_id)13, 0x5fa800, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* gzip-9 small */
        {COMPRESS_LZ4, 0x44ea00, 0xc000, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* lz4 mixed */
        {COMPRESS_LZ4, 0x483e00, 0x2800, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* lz4 pat */
        {COMPRESS_LZ4, 0x44e800, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* lz4 small */
        {COMPRESS_LZ4, 0x3275c00, 0x800, 0x1000,
         "168bc31bb24c45c14b8ca48d4dbdb78e4ec3dac429871a757045cbba93165445"}, /* lz4-4k text */
        {COMPRESS_LZJB, 0x2ad400, 0xce00, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* lzjb mixed */
        {COMPRESS_LZJB, 0x2d7000, 0x2200, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* lzjb pat */
        {COMPRESS_LZJB, 0x2d6e00, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* lzjb small */
        {COMPRESS_LZ4, 0x238a00, 0xc000, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* on mixed */
        {COMPRESS_LZ4, 0x22ea00, 0x2800, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* on pat */
        {COMPRESS_LZ4, 0x25f800, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* on small */
        {COMPRESS_ZLE, 0x3be400, 0x18800, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* zle mixed */
        {COMPRESS_ZLE, 0x32a400, 0xb600, 0x20000,
         "ac04635c706073fdad6f2cb348ccd81100eae0254af14521ae3fbef1d87f9dfc"}, /* zle text */
        {COMPRESS_ZLE, 0x3bda00, 0xa00, 0x7e00,
         "f7823ec66d9ab44ee47b3a9632f48b1a0ee404af814d72f397dd96ec4440b495"}, /* zle zruns */
        {COMPRESS_ZSTD, 0x622400, 0xa400, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* zstd mixed */
        {COMPRESS_ZSTD, 0x651a00, 0x800, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* zstd pat */
        {COMPRESS_ZSTD, 0x658c00, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* zstd small */
        {COMPRESS_ZSTD, 0x685800, 0xa600, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* zstd-1 mixed */
        {COMPRESS_ZSTD, 0x683400, 0x800, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* zstd-1 pat */
        {COMPRESS_ZSTD, 0x6bb400, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* zstd-1 small */
        {COMPRESS_ZSTD, 0x6f3600, 0x9e00, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* zstd-19 mixed */
        {COMPRESS_ZSTD, 0x6e1c00, 0x800, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* zstd-19 pat */
        {COMPRESS_ZSTD, 0x718a00, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* zstd-19 small */
        {COMPRESS_ZSTD, 0x745800, 0xa800, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* zstd-fast mixed */
        {COMPRESS_ZSTD, 0x766a00, 0xc00, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* zstd-fast pat */
        {COMPRESS_ZSTD, 0x77f400, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* zstd-fast small */
        {COMPRESS_ZSTD, 0x7abe00, 0xae00, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* zstd-fast-10 mixed
                                                                               */
        {COMPRESS_ZSTD, 0x7ce400, 0xc00, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* zstd-fast-10 pat */
        {COMPRESS_ZSTD, 0x7e6400, 0x200, 0x400,
         "60e22cdf91ff4b2c43e56703da3cecd1fac4eec1d43c1a3264647460ef5be1c6"}, /* zstd-fast-10 small
                                                                               */
        {COMPRESS_ZSTD, 0x304d800, 0x15200, 0x20000,
         "94b8e14b82b87b24e6c50ff88f21167e32c9b22672ae7f3011f9e74a1aa53c5a"}, /* zstd-fast-1000
                                                                                 mixed */
        {COMPRESS_ZSTD, 0x3033800, 0x1e00, 0x20000,
         "b247c76363d6265aaa3031f818dd3e4542ea2ef6e3621002c5be410923138aea"}, /* zstd-fast-1000 pat
                                                                               */
        {COMPRESS_ZSTD, 0x3020000, 0xb400, 0x20000,
         "ac04635c706073fdad6f2cb348ccd81100eae0254af14521ae3fbef1d87f9dfc"}, /* zstd-fast-1000 text
                                                                               */
    };
    const char *why = "";
    int fd = fixture_open("comp-all", "d0", &why);
    if (fd < 0) {
        print_message("skipped: %s\n", why);
        skip();
    }
    for (size_t r = 0; r < array_len(rows); r++) {
        uint8_t *in = malloc(rows[r].psize), *out = malloc(rows[r].lsize), digest[32];
        assert_int_equal(pread(fd, in, rows[r].psize, DATA_START + rows[r].offset), rows[r].psize);
        assert_int_equal(compress_decode(rows[r].id, in, rows[r].psize, out, rows[r].lsize), 0);
        assert_int_equal(sha2_256(out, rows[r].lsize, digest), 0);
        assert_hex(digest, 32, rows[r].sha256);
        free(in);
        free(out);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chapter_vectors),
        cmocka_unit_test(test_zstd_historic_headers),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_zstd_level_is_stored),
        cmocka_unit_test(test_zstd_gives_up_early),
        cmocka_unit_test(test_damaged_at_every_position),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_ids_never_stored),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_real_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
