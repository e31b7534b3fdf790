/* SPDX-License-Identifier: MIT */
/* lz4: big-endian length, then one raw LZ4 block (format/dmu.md 5.7), through liblz4. */
#include <limits.h>
#include <lz4.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/compressors.h"

enum { HEADER = 4 };

int lz4_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    if (src_len < HEADER)
        return err_raise(ZE_DECOMPRESS, "lz4: %zu bytes of input", src_len);
    const uint32_t n = load_be32(src);
    if (n > src_len - HEADER || n > INT_MAX || dst_len > INT_MAX)
        return err_raise(ZE_DECOMPRESS, "lz4: length %u in a block of %zu bytes", n, src_len);
    const int got =
        LZ4_decompress_safe((const char *)src + HEADER, (char *)dst, (int)n, (int)dst_len);
    if (got < 0 || (size_t)got != dst_len)
        return err_raise(ZE_DECOMPRESS, "lz4: damaged data, result %d instead of %zu bytes", got,
                         dst_len);
    return 0;
}

/* Larger steps where nothing matches: several times faster, a few percent worse. */
enum { HASTE = 8 };

size_t lz4_encode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    if (dst_len <= HEADER || src_len > LZ4_MAX_INPUT_SIZE)
        return 0;
    const int room = (int)min_of(dst_len - HEADER, (size_t)INT_MAX);
    const int n = LZ4_compress_default((const char *)src, (char *)dst + HEADER, (int)src_len, room);
    if (n <= 0)
        return 0;
    store_be32(dst, (uint32_t)n);
    return (size_t)n + HEADER;
}

bool lz4_shrinks(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    if (src_len > LZ4_MAX_INPUT_SIZE)
        return false;
    const int room = (int)min_of(dst_len, (size_t)INT_MAX);
    return LZ4_compress_fast((const char *)src, (char *)dst, (int)src_len, room, HASTE) > 0;
}
