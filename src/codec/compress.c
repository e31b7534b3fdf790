/* SPDX-License-Identifier: MIT */
/* Compression by id (format/dmu.md 5.1, 5.2). Contract in compress.h; the functions are in
 * compressors.h. */
#include "codec/compress.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "codec/compressors.h"

static const char *const names[COMPRESS_COUNT] = {
    [COMPRESS_INHERIT] = "inherit",   [COMPRESS_ON] = "on",
    [COMPRESS_OFF] = "uncompressed",  [COMPRESS_LZJB] = "lzjb",
    [COMPRESS_EMPTY] = "empty",       [COMPRESS_GZIP_1] = "gzip-1",
    [COMPRESS_GZIP_1 + 1] = "gzip-2", [COMPRESS_GZIP_1 + 2] = "gzip-3",
    [COMPRESS_GZIP_1 + 3] = "gzip-4", [COMPRESS_GZIP_1 + 4] = "gzip-5",
    [COMPRESS_GZIP_1 + 5] = "gzip-6", [COMPRESS_GZIP_1 + 6] = "gzip-7",
    [COMPRESS_GZIP_1 + 7] = "gzip-8", [COMPRESS_GZIP_9] = "gzip-9",
    [COMPRESS_ZLE] = "zle",           [COMPRESS_LZ4] = "lz4",
    [COMPRESS_ZSTD] = "zstd",
};

const char *compress_name(enum compress_id id)
{
    return (unsigned)id < COMPRESS_COUNT ? names[id] : "unknown";
}

static bool is_gzip(enum compress_id id)
{
    return id >= COMPRESS_GZIP_1 && id <= COMPRESS_GZIP_9;
}

int compress_decode(enum compress_id id, const void *src, size_t src_len, void *dst, size_t dst_len)
{
    if (is_gzip(id))
        return gzip_decode(src, src_len, dst, dst_len);
    switch (id) {
    case COMPRESS_OFF:
        if (src_len < dst_len)
            return err_raise(ZE_DECOMPRESS, "%zu stored bytes for a block of %zu", src_len,
                             dst_len);
        memcpy(dst, src, dst_len);
        return 0;
    case COMPRESS_LZJB:
        return lzjb_decode(src, src_len, dst, dst_len);
    case COMPRESS_ZLE:
        return zle_decode(src, src_len, dst, dst_len);
    case COMPRESS_LZ4:
        return lz4_decode(src, src_len, dst, dst_len);
    case COMPRESS_ZSTD:
        return zstd_decode(src, src_len, dst, dst_len);
    default:
        return err_raise(ZE_DECOMPRESS, "compression function %u is never stored", (unsigned)id);
    }
}

size_t compress_encode(enum compress_id id, int level, const void *src, size_t src_len, void *dst,
                       size_t dst_len)
{
    if (is_gzip(id))
        return gzip_encode((int)id - COMPRESS_GZIP_1 + 1, src, src_len, dst, dst_len);
    switch (id) {
    case COMPRESS_LZJB:
        return lzjb_encode(src, src_len, dst, dst_len);
    case COMPRESS_ZLE:
        return zle_encode(src, src_len, dst, dst_len);
    case COMPRESS_LZ4:
        return lz4_encode(src, src_len, dst, dst_len);
    case COMPRESS_ZSTD:
        return zstd_encode(level, src, src_len, dst, dst_len);
    default:
        return 0; /* off, empty: nothing to compress with */
    }
}

int compress_zstd_level(const void *src, size_t src_len)
{
    return zstd_header_level(src, src_len);
}
