/* SPDX-License-Identifier: MIT */
/*
 * Fletcher sums. Contract in fletcher.h, definition in format/dmu.md 4.4 and 4.5.
 *
 * fletcher4 is order dependent, yet can be summed in L independent lanes. A word that m words
 * follow (itself included) has weights 1, m, m(m+1)/2, m(m+1)(m+2)/6 in a, b, c, d. In lane k, n
 * rounds long, the word of round i has m' = n - i in the lane's own sums and m = L * m' - k in the
 * block's. Writing the weights for m as combinations of those for m' gives the integer factors in
 * lanes_combine().
 */
#include "codec/fletcher.h"

#include <string.h>

#include "base/span.h"

enum { LANES_MAX = 16 };

struct fletcher_lanes {
    unsigned count;
    struct cksum sum[LANES_MAX];
};

struct fletcher_kernel {
    const char *name;
    bool (*usable)(void);
    /* Sums a prefix of data in lanes and returns its length. */
    size_t (*run)(struct fletcher_lanes *lanes, const uint8_t *data, size_t len, bool swapped);
};

static bool always_usable(void)
{
    return true;
}

/* Rotate by 8 both ways and take alternate bytes; words is the vector type of 32-bit words. */
#define SWAP32(words, v)                                                                           \
    ({                                                                                             \
        const words w_ = (words)(v);                                                               \
        (__typeof__(v))(((w_ << 8 | w_ >> 24) & 0x00ff00ff) |                                      \
                        ((w_ >> 8 | w_ << 24) & 0xff00ff00));                                      \
    })

/* Two 64-bit units are what SSE2, NEON, AltiVec and the z vector facility hold. */
typedef uint32_t words16 __attribute__((vector_size(16)));
#define FL_FN(name) vec_##name
#define FL_TARGET
#define FL_WIDTH     2
#define FL_SWAP32(v) SWAP32(words16, v)
#include "codec/fletcher_kernel.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>

#define FL_FN(name) avx2_##name
#define FL_TARGET   __attribute__((target("avx2")))
#define FL_WIDTH    4
#define FL_SWAP32(v)                                                                               \
    ((__typeof__(v))_mm256_shuffle_epi8(                                                           \
        (__m256i)(v), _mm256_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12,    \
                                      13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)))
#include "codec/fletcher_kernel.h"

static bool avx2_usable(void)
{
    return __builtin_cpu_supports("avx2");
}

/* The byte shuffle would need AVX-512BW; rotations do as well. */
typedef uint32_t words64 __attribute__((vector_size(64)));
#define FL_FN(name)  avx512_##name
#define FL_TARGET    __attribute__((target("avx512f")))
#define FL_WIDTH     8
#define FL_SWAP32(v) SWAP32(words64, v)
#include "codec/fletcher_kernel.h"

static bool avx512_usable(void)
{
    return __builtin_cpu_supports("avx512f");
}
#endif

static size_t scalar_run(struct fletcher_lanes *lanes, const uint8_t *data, size_t len,
                         bool swapped)
{
    lanes->count = 0;
    return 0;
}

static const struct fletcher_kernel kernels[] = {
#if defined(__x86_64__) || defined(__i386__)
    {"avx512", avx512_usable, avx512_run},
    {"avx2", avx2_usable, avx2_run},
#endif
    {"vector", always_usable, vec_run},
    {"scalar", always_usable, scalar_run},
    {NULL, NULL, NULL},
};

static const struct fletcher_kernel *kernel_best(void)
{
    const struct fletcher_kernel *k = kernels;
    while (!k->usable())
        k++;
    return k;
}

static void lanes_combine(const struct fletcher_lanes *lanes, struct cksum *out)
{
    const int64_t l = lanes->count;
    memset(out, 0, sizeof(*out));
    for (int64_t k = 0; k < l; k++) {
        const uint64_t *s = lanes->sum[k].word;
        const int64_t c_b = l * (1 - 2 * k - l) / 2, c_a = k * (k - 1) / 2;
        const int64_t d_c = l * l * (1 - k - l);
        const int64_t d_b = (l * l * l - 3 * l * l * (1 - k) + l * (3 * k * k - 6 * k + 2)) / 6;
        const int64_t d_a = -(k * (k - 1) * (k - 2) / 6);
        out->word[0] += s[0];
        out->word[1] += (uint64_t)l * s[1] - (uint64_t)k * s[0];
        out->word[2] += (uint64_t)(l * l) * s[2] + (uint64_t)c_b * s[1] + (uint64_t)c_a * s[0];
        out->word[3] += (uint64_t)(l * l * l) * s[3] + (uint64_t)d_c * s[2] + (uint64_t)d_b * s[1] +
                        (uint64_t)d_a * s[0];
    }
}

/* state := sums of (what state covers) followed by (words words that sum to tail). */
static void sums_append(struct cksum *state, const struct cksum *tail, uint64_t words)
{
    const uint64_t t1 = words, t2 = words * (words + 1) / 2,
                   t3 = words * (words + 1) / 2 * (words + 2) / 3;
    const uint64_t a = state->word[0], b = state->word[1], c = state->word[2];
    state->word[0] += tail->word[0];
    state->word[1] += t1 * a + tail->word[1];
    state->word[2] += t1 * b + t2 * a + tail->word[2];
    state->word[3] += t1 * c + t2 * b + t3 * a + tail->word[3];
}

static void update_scalar(struct cksum *state, const uint8_t *data, size_t len, bool swapped)
{
    uint64_t a = state->word[0], b = state->word[1], c = state->word[2], d = state->word[3];
    for (size_t off = 0; len - off >= 4; off += 4) {
        const uint32_t x = load_ne32(data + off);
        a += swapped ? __builtin_bswap32(x) : x;
        b += a;
        c += b;
        d += c;
    }
    *state = (struct cksum){{a, b, c, d}};
}

static void update(const struct fletcher_kernel *kernel, struct cksum *state, const uint8_t *data,
                   size_t len, bool swapped)
{
    /* 2^18 words a piece: the products in sums_append() stay far below 2^64. */
    enum { PIECE = 1 << 20, SMALL = 256 };
    while (len >= SMALL) {
        struct fletcher_lanes lanes;
        struct cksum sums;
        const size_t done = kernel->run(&lanes, data, min_of(len, (size_t)PIECE), swapped);
        if (done == 0)
            break;
        lanes_combine(&lanes, &sums);
        sums_append(state, &sums, done / 4);
        data += done;
        len -= done;
    }
    update_scalar(state, data, len, swapped);
}

void fletcher4_init(struct cksum *state)
{
    memset(state, 0, sizeof(*state));
}

void fletcher4_update(struct cksum *state, const void *data, size_t len, bool swapped)
{
    update(kernel_best(), state, data, len, swapped);
}

void fletcher4(const void *data, size_t len, bool swapped, struct cksum *out)
{
    fletcher4_init(out);
    fletcher4_update(out, data, len, swapped);
}

const char *fletcher4_variant_name(unsigned index)
{
    for (const struct fletcher_kernel *k = kernels; k->name != NULL; k++)
        if (k->usable() && index-- == 0)
            return k->name;
    return NULL;
}

const char *fletcher4_variant_default(void)
{
    return kernel_best()->name;
}

bool fletcher4_with(const char *variant, const void *data, size_t len, bool swapped,
                    struct cksum *out)
{
    for (const struct fletcher_kernel *k = kernels; k->name != NULL; k++) {
        if (strcmp(k->name, variant) != 0 || !k->usable())
            continue;
        fletcher4_init(out);
        update(k, out, data, len, swapped);
        return true;
    }
    return false;
}

/* Two interleaved sums by definition: one two-word vector runs as fast as its two dependent adds.
 */
void fletcher2_update(struct cksum *state, const void *data, size_t len, bool swapped)
{
    typedef uint64_t pair __attribute__((vector_size(16)));
    typedef uint64_t pair_mem __attribute__((vector_size(16), aligned(1), may_alias));
    const uint8_t *p = data;
    pair a = {state->word[0], state->word[1]}, b = {state->word[2], state->word[3]};
    if (!swapped) {
        for (size_t off = 0; len - off >= 16; off += 16) {
            a += *(const pair_mem *)(p + off);
            b += a;
        }
    } else {
        for (size_t off = 0; len - off >= 16; off += 16) {
            a += (pair){__builtin_bswap64(load_ne64(p + off)),
                        __builtin_bswap64(load_ne64(p + off + 8))};
            b += a;
        }
    }
    *state = (struct cksum){{a[0], a[1], b[0], b[1]}};
}

void fletcher2(const void *data, size_t len, bool swapped, struct cksum *out)
{
    memset(out, 0, sizeof(*out));
    fletcher2_update(out, data, len, swapped);
}
