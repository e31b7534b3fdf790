/* SPDX-License-Identifier: MIT */
/*
 * Bounds-checked byte spans, endian loads/stores, and overflow-checked size arithmetic. Every
 * parser of on-disk or streamed bytes goes through these. A span does not own its memory.
 */
#ifndef ZUSE_BASE_SPAN_H
#define ZUSE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t len;
};

struct mspan {
    uint8_t *data;
    size_t len;
};

static inline struct span span_of(const void *data, size_t len)
{
    return (struct span){data, len};
}

/* True and *out set if [off, off+len) lies inside s. */
static inline bool span_sub(struct span s, uint64_t off, uint64_t len, struct span *out)
{
    if (off > s.len || len > s.len - off)
        return false;
    *out = (struct span){s.data + off, (size_t)len};
    return true;
}

#define SPAN_BSWAP_16 __builtin_bswap16
#define SPAN_BSWAP_32 __builtin_bswap32
#define SPAN_BSWAP_64 __builtin_bswap64
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_IS_LITTLE   1
#define SPAN_LE(bits, x) (x)
#define SPAN_BE(bits, x) SPAN_BSWAP_##bits(x)
#else
#define HOST_IS_LITTLE   0
#define SPAN_LE(bits, x) SPAN_BSWAP_##bits(x)
#define SPAN_BE(bits, x) (x)
#endif

/* Unaligned loads and stores: load_le32(p), load_be64(p), load_ne16(p) (host order), store_le64(p,
 * v)... */
#define SPAN_ACCESSORS(bits)                                                                       \
    static inline uint##bits##_t load_ne##bits(const void *p)                                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return v;                                                                                  \
    }                                                                                              \
    static inline uint##bits##_t load_le##bits(const void *p)                                      \
    {                                                                                              \
        return SPAN_LE(bits, load_ne##bits(p));                                                    \
    }                                                                                              \
    static inline uint##bits##_t load_be##bits(const void *p)                                      \
    {                                                                                              \
        return SPAN_BE(bits, load_ne##bits(p));                                                    \
    }                                                                                              \
    static inline void store_ne##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        memcpy(p, &v, sizeof(v));                                                                  \
    }                                                                                              \
    static inline void store_le##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        store_ne##bits(p, SPAN_LE(bits, v));                                                       \
    }                                                                                              \
    static inline void store_be##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        store_ne##bits(p, SPAN_BE(bits, v));                                                       \
    }
SPAN_ACCESSORS(16)
SPAN_ACCESSORS(32)
SPAN_ACCESSORS(64)
#undef SPAN_ACCESSORS

/* Swap n bytes in place as an array of 16/32/64-bit integers (n a multiple of the width). */
void bswap16_array(void *p, size_t n);
void bswap32_array(void *p, size_t n);
void bswap64_array(void *p, size_t n);

static inline bool is_pow2(uint64_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}
static inline uint64_t round_up_pow2(uint64_t x, uint64_t align)
{
    return (x + align - 1) & ~(align - 1);
}
static inline uint64_t round_down_pow2(uint64_t x, uint64_t align)
{
    return x & ~(align - 1);
}
static inline uint64_t div_round_up(uint64_t x, uint64_t d)
{
    return x / d + (x % d != 0);
}
/* 1 + index of the highest set bit, 0 for 0. */
static inline unsigned highbit64(uint64_t x)
{
    return x == 0 ? 0 : 64 - (unsigned)__builtin_clzll(x);
}

#define BITS_GET(word, low, len) (((word) >> (low)) & (((uint64_t)1 << (len)) - 1))
#define BITS_SET(word, low, len, val)                                                              \
    ((word) = ((word) & ~((((uint64_t)1 << (len)) - 1) << (low))) |                                \
              (((uint64_t)(val) & (((uint64_t)1 << (len)) - 1)) << (low)))

#define array_len(a)                 (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, mem) ((type *)((char *)(ptr)-offsetof(type, mem)))
#define min_of(a, b)                                                                               \
    ({                                                                                             \
        __typeof__(a) a_ = (a);                                                                    \
        __typeof__(b) b_ = (b);                                                                    \
        a_ < b_ ? a_ : b_;                                                                         \
    })
#define max_of(a, b)                                                                               \
    ({                                                                                             \
        __typeof__(a) a_ = (a);                                                                    \
        __typeof__(b) b_ = (b);                                                                    \
        a_ > b_ ? a_ : b_;                                                                         \
    })

#endif
