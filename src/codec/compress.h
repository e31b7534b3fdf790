/* SPDX-License-Identifier: MIT */
/*
 * Block compressors (format/dmu.md, "5. Compression"). Pure functions. Ids are the stored values.
 */
#ifndef ZUSE_CODEC_COMPRESS_H
#define ZUSE_CODEC_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

enum compress_id {
    COMPRESS_INHERIT = 0,
    COMPRESS_ON = 1,
    COMPRESS_OFF = 2,
    COMPRESS_LZJB = 3,
    COMPRESS_EMPTY = 4,
    COMPRESS_GZIP_1 = 5,
    COMPRESS_GZIP_9 = 13,
    COMPRESS_ZLE = 14,
    COMPRESS_LZ4 = 15,
    COMPRESS_ZSTD = 16,
    COMPRESS_COUNT
};

/* dst must be filled exactly (dst_len bytes) or ZE_DECOMPRESS. Safe on hostile input. COMPRESS_OFF
 * copies. */
int compress_decode(enum compress_id id, const void *src, size_t src_len, void *dst,
                    size_t dst_len);
/*
 * Returns the compressed size (<= dst_len) or 0 if it does not fit. level: zstd level as stored in
 * the property (see format/dmu.md 5.8), ignored by others.
 */
size_t compress_encode(enum compress_id id, int level, const void *src, size_t src_len, void *dst,
                       size_t dst_len);
const char *compress_name(enum compress_id id); /* as zdb prints: "lz4" */
/* Level kept in a zstd block's header, 0 if none. */
int compress_zstd_level(const void *src, size_t src_len);

#endif
