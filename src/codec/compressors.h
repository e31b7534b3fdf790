/* SPDX-License-Identifier: MIT */
/*
 * The compressors behind compress.h, one file each (format/dmu.md 5.4-5.8). Called by compress.c
 * and tests. Decoders take hostile input, fill dst exactly or raise ZE_DECOMPRESS, never read or
 * write outside the buffers given, and ignore padding after the compressed data. Encoders return
 * the size used, 0 if the result does not fit dst_len. No locks; library contexts are per thread.
 */
#ifndef ZUSE_CODEC_COMPRESSORS_H
#define ZUSE_CODEC_COMPRESSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int lzjb_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);
size_t lzjb_encode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

int zle_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);
size_t zle_encode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

int gzip_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);
/* level: 1..9 */
size_t gzip_encode(int level, const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

int lz4_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);
size_t lz4_encode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);
/* A hasty try: true if src surely fits dst_len bytes. dst is scratch. */
bool lz4_shrinks(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);

int zstd_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);
/* level: as the property and the block header have it; 0 or 255 = default. */
size_t zstd_encode(int level, const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len);
/* The level in a block's header; 0: none or invalid. */
int zstd_header_level(const uint8_t *src, size_t src_len);

#endif
