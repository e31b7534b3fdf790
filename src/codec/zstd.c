/* SPDX-License-Identifier: MIT */
/*
 * zstd: a header of length, level and version, then one frame without magic number, checksum or
 * content size (format/dmu.md 5.8), through libzstd with one context per thread and direction.
 */
#define ZSTD_STATIC_LINKING_ONLY    /* the frame format parameter; it exists in the shared library \
                                       too */
#include <zstd.h>

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/compressors.h"
#include "codec/thread_cache.h"

enum {
    HEADER = 8,
    LEVEL_MAX = 19,
    LEVEL_DEFAULT = 3,
    FAST_MARK = 102,
    FAST_FIRST = 103, /* -1 */
    FAST_TENTH = 112, /* -10 */
    FAST_LAST = 123,  /* -1000 */
    PROP_DEFAULT = 255,
    /* Pre-check of big blocks at slower levels. */
    ABORT_LEVEL = 3,
    ABORT_SIZE = 128 << 10,
    /* A context bigger than this is not kept: slow levels on big blocks take up to 100 MiB. */
    CONTEXT_KEEP = 16 << 20,
};

/* Stored level to what libzstd calls it; 0: not a valid stored level. */
static int library_level(int level)
{
    static const int16_t fast[] = {-20, -30, -40, -50, -60, -70, -80, -90, -100, -500, -1000};
    if (level >= 1 && level <= LEVEL_MAX)
        return level;
    if (level >= FAST_FIRST && level <= FAST_TENTH)
        return FAST_MARK - level;
    if (level > FAST_TENTH && level <= FAST_LAST)
        return fast[level - FAST_TENTH - 1];
    return 0;
}

/*
 * Writers of the other byte order and early versions stored level and version in other
 * arrangements; the version's high byte is always 0 and tells which one it is.
 */
static int header_level(const uint8_t *src)
{
    const uint32_t v = load_be32(src + 4);
    unsigned zero = 0;
    while (zero < 4 && (v >> 8 * zero & 0xff) != 0)
        zero++;
    if (zero == 4)
        return 0;
    const int level = zero == 0 || zero == 2 ? (int)(v >> 24) : (int)(v & 0xff);
    return library_level(level) != 0 ? level : 0;
}

int zstd_header_level(const uint8_t *src, size_t src_len)
{
    return src_len >= HEADER ? header_level(src) : 0;
}

static void *decoder_create(void)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (ctx == NULL)
        return NULL;
    if (!ZSTD_isError(ZSTD_DCtx_setParameter(ctx, ZSTD_d_format, ZSTD_f_zstd1_magicless)))
        return ctx;
    ZSTD_freeDCtx(ctx);
    return NULL;
}

static void decoder_destroy(void *ctx)
{
    ZSTD_freeDCtx(ctx);
}

static void *encoder_create(void)
{
    ZSTD_CCtx *ctx = ZSTD_createCCtx();
    if (ctx == NULL)
        return NULL;
    if (!ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_format, ZSTD_f_zstd1_magicless)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 0)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_dictIDFlag, 0)))
        return ctx;
    ZSTD_freeCCtx(ctx);
    return NULL;
}

static void encoder_destroy(void *ctx)
{
    ZSTD_freeCCtx(ctx);
}

int zstd_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    if (src_len < HEADER)
        return err_raise(ZE_DECOMPRESS, "zstd: %zu bytes of input", src_len);
    const uint32_t n = load_be32(src);
    if (n > src_len - HEADER)
        return err_raise(ZE_DECOMPRESS, "zstd: length %u in a block of %zu bytes", n, src_len);
    if (header_level(src) == 0)
        return err_raise(ZE_DECOMPRESS, "zstd: header %08x has no valid level", load_be32(src + 4));
    ZSTD_DCtx *ctx = codec_thread_cache(CODEC_SLOT_ZSTD_IN, decoder_create, decoder_destroy);
    if (ctx == NULL)
        return err_raise(ZE_NOMEM, "zstd: no decompression context");
    const size_t got = ZSTD_decompressDCtx(ctx, dst, dst_len, src + HEADER, n);
    if (ZSTD_isError(got))
        return err_raise(ZE_DECOMPRESS, "zstd: %s", ZSTD_getErrorName(got));
    if (got != dst_len)
        return err_raise(ZE_DECOMPRESS, "zstd: %zu instead of %zu bytes", got, dst_len);
    return 0;
}

static size_t encode_at(ZSTD_CCtx *ctx, int library, const uint8_t *src, size_t src_len,
                        uint8_t *dst, size_t dst_len)
{
    if (ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, library)))
        return 0;
    const size_t n = ZSTD_compress2(ctx, dst, dst_len, src, src_len);
    return ZSTD_isError(n) ? 0 : n;
}

/* Cheap trials tell whether a slow level is worth its time. dst is scratch. */
static bool worth_trying(ZSTD_CCtx *ctx, const uint8_t *src, size_t src_len, uint8_t *dst,
                         size_t dst_len)
{
    return lz4_shrinks(src, src_len, dst, dst_len) ||
           encode_at(ctx, 1, src, src_len, dst + HEADER, dst_len - HEADER) != 0;
}

size_t zstd_encode(int level, const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    if (level == 0 || level == PROP_DEFAULT)
        level = LEVEL_DEFAULT;
    if (level == FAST_MARK)
        level = FAST_FIRST;
    const int library = library_level(level);
    if (library == 0 || dst_len <= HEADER)
        return 0;
    ZSTD_CCtx *ctx = codec_thread_cache(CODEC_SLOT_ZSTD_OUT, encoder_create, encoder_destroy);
    if (ctx == NULL)
        return 0;
    size_t n = 0;
    if (library < ABORT_LEVEL || src_len < ABORT_SIZE ||
        worth_trying(ctx, src, src_len, dst, dst_len))
        n = encode_at(ctx, library, src, src_len, dst + HEADER, dst_len - HEADER);
    if (ZSTD_sizeof_CCtx(ctx) > CONTEXT_KEEP)
        codec_thread_cache_forget(CODEC_SLOT_ZSTD_OUT);
    if (n == 0 || n > UINT32_MAX)
        return 0;
    store_be32(dst, (uint32_t)n);
    store_be32(dst + 4, (uint32_t)level << 24 | (ZSTD_versionNumber() & 0xffffff));
    return n + HEADER;
}
