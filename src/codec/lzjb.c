/* SPDX-License-Identifier: MIT */
/*
 * lzjb: groups of a map byte and eight items, each a literal byte or a two-byte match of
 * length 3..66 at distance 1..1023 (format/dmu.md 5.4). Pure functions.
 */
#include <string.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/compressors.h"

enum {
    MATCH_MIN = 3,
    MATCH_MAX = 66,
    DISTANCE_MASK = 0x3ff,
    TABLE_SIZE = 1024,
    GROUP_MOST = 1 + 8 * 2, /* bytes a group can need */
};

/* Copy within the output; overlap repeats the pattern, as the format wants. */
static void match_copy(uint8_t *dst, size_t at, size_t distance, size_t len)
{
    if (distance >= len) {
        memcpy(dst + at, dst + at - distance, len);
        return;
    }
    for (size_t i = 0; i < len; i++)
        dst[at + i] = dst[at + i - distance];
}

int lzjb_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    size_t in = 0, out = 0;
    unsigned map = 0, bits = 0;
    while (out < dst_len) {
        if (bits == 0) {
            if (in == src_len)
                return err_raise(ZE_DECOMPRESS, "lzjb: input ends at %zu of %zu bytes", out,
                                 dst_len);
            map = src[in++];
            bits = 8;
        }
        const bool match = map & 1;
        map >>= 1;
        bits--;
        if (src_len - in < (match ? 2u : 1u))
            return err_raise(ZE_DECOMPRESS, "lzjb: input ends at %zu of %zu bytes", out, dst_len);
        if (!match) {
            dst[out++] = src[in++];
            continue;
        }
        const size_t len = (src[in] >> 2) + MATCH_MIN;
        const size_t distance = (src[in] << 8 | src[in + 1]) & DISTANCE_MASK;
        in += 2;
        if (distance == 0 || distance > out)
            return err_raise(ZE_DECOMPRESS, "lzjb: match at %zu reaches back %zu bytes", out,
                             distance);
        const size_t fits = min_of(len, dst_len - out);
        match_copy(dst, out, distance, fits);
        out += fits;
    }
    return 0;
}

static unsigned hash3(const uint8_t *p)
{
    unsigned v = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
    v += v >> 9;
    v += v >> 5;
    return v & (TABLE_SIZE - 1);
}

/* Length of the match of src[at..] with the position the table remembers; 0 for none. */
static size_t match_find(const uint8_t *src, size_t at, uint16_t *table, size_t *distance)
{
    uint16_t *slot = &table[hash3(src + at)];
    *distance = (uint16_t)(at - *slot) & DISTANCE_MASK;
    *slot = (uint16_t)at;
    if (*distance == 0 || *distance > at)
        return 0;
    const uint8_t *p = src + at, *q = p - *distance;
    if (p[0] != q[0] || p[1] != q[1] || p[2] != q[2])
        return 0;
    size_t len = MATCH_MIN;
    while (len < MATCH_MAX && p[len] == q[len])
        len++;
    return len;
}

size_t lzjb_encode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    uint16_t table[TABLE_SIZE] = {0};
    size_t in = 0, out = 0, map_at = 0;
    unsigned bit = 8;
    while (in < src_len) {
        if (bit == 8) {
            if (dst_len < GROUP_MOST || out >= dst_len - GROUP_MOST)
                return 0;
            map_at = out;
            dst[out++] = 0;
            bit = 0;
        }
        size_t distance, len = 0;
        if (src_len - in > MATCH_MAX) /* a match may then run its full length */
            len = match_find(src, in, table, &distance);
        if (len == 0) {
            dst[out++] = src[in++];
        } else {
            dst[map_at] |= (uint8_t)(1u << bit);
            dst[out++] = (uint8_t)((len - MATCH_MIN) << 2 | distance >> 8);
            dst[out++] = (uint8_t)distance;
            in += len;
        }
        bit++;
    }
    return out;
}
