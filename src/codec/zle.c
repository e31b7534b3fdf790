/* SPDX-License-Identifier: MIT */
/*
 * zle: items of a byte k; k < 64: k+1 literal bytes follow, else k-63 zero bytes
 * (format/dmu.md 5.5). Pure functions.
 */
#include <string.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/compressors.h"

enum { LITERALS = 64, ZEROS = 256 - LITERALS };

int zle_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    size_t in = 0, out = 0;
    while (out < dst_len) {
        if (in == src_len)
            return err_raise(ZE_DECOMPRESS, "zle: input ends at %zu of %zu bytes", out, dst_len);
        const size_t k = (size_t)src[in++] + 1;
        const bool literal = k <= LITERALS;
        const size_t len = literal ? k : k - LITERALS;
        if (len > dst_len - out)
            return err_raise(ZE_DECOMPRESS, "zle: run of %zu at %zu of %zu bytes", len, out,
                             dst_len);
        if (!literal) {
            memset(dst + out, 0, len);
        } else {
            if (len > src_len - in)
                return err_raise(ZE_DECOMPRESS, "zle: literals end at %zu of %zu bytes", out,
                                 dst_len);
            memcpy(dst + out, src + in, len);
            in += len;
        }
        out += len;
    }
    return 0;
}

static size_t zeros_at(const uint8_t *src, size_t len)
{
    size_t n = 0;
    while (n < len && n < ZEROS && src[n] == 0)
        n++;
    return n;
}

/* A single zero between other bytes is cheaper as a literal than as an item of its own. */
static size_t literals_at(const uint8_t *src, size_t len)
{
    size_t n = 0;
    while (n < len && n < LITERALS && !(src[n] == 0 && (n + 1 == len || src[n + 1] == 0)))
        n++;
    return n;
}

size_t zle_encode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    size_t in = 0, out = 0;
    while (in < src_len) {
        const size_t zeros = zeros_at(src + in, src_len - in);
        if (zeros > 0) {
            if (out == dst_len)
                return 0;
            dst[out++] = (uint8_t)(zeros + LITERALS - 1);
            in += zeros;
            continue;
        }
        const size_t n = literals_at(src + in, src_len - in);
        if (n + 1 > dst_len - out)
            return 0;
        dst[out] = (uint8_t)(n - 1);
        memcpy(dst + out + 1, src + in, n);
        out += n + 1;
        in += n;
    }
    return out;
}
