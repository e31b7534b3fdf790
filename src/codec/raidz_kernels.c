/* SPDX-License-Identifier: MIT */
/*
 * The loops of RAID-Z arithmetic, once per instruction set from one body (raidz_kernel.h), and the
 * byte-wise reference. Called by raidz_math.c. Plain vector types wherever the compiler does well
 * with them; intrinsics only for byte shuffles and Galois-field instructions.
 *
 * Multiplication by a constant: with GFNI one affine transform (works for any polynomial), with
 * byte shuffles two 16-entry tables (low and high nibble), elsewhere shift-and-add over the
 * constant's bits.
 */
#include "codec/raidz_kernels.h"

#include <string.h>

/* --- byte-wise reference --- */

static bool always_usable(void)
{
    return true;
}

static size_t reference_run(const struct raidz_row *row, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t sum[RAIDZ_MAX_PARITY] = {0};
        for (unsigned j = 0; j < row->ncols; j++) {
            const uint8_t d = row->src[j] == NULL ? 0 : row->src[j][i];
            sum[RAIDZ_P] ^= d;
            sum[RAIDZ_Q] = gf_times2(sum[RAIDZ_Q]) ^ d;
            sum[RAIDZ_R] = gf_times2(gf_times2(sum[RAIDZ_R])) ^ d;
        }
        if (row->mode == ROW_GENERATE) {
            for (unsigned p = 0; p < RAIDZ_MAX_PARITY; p++)
                if (row->which & 1u << p)
                    row->out[p][i] = sum[p];
            continue;
        }
        uint8_t syndrome[RAIDZ_MAX_PARITY];
        unsigned n = 0;
        for (unsigned p = 0; p < RAIDZ_MAX_PARITY; p++)
            if (row->which & 1u << p)
                syndrome[n++] = sum[p] ^ row->par[p][i];
        for (unsigned x = 0; x < row->nout; x++) {
            uint8_t v = 0;
            for (unsigned s = 0; s < n; s++)
                v ^= gf_times(syndrome[s], row->inverse[x][s]);
            row->out[x][i] = v;
        }
    }
    return len;
}

/* --- any processor: 16-byte vectors as the compiler lowers them --- */

typedef int8_t vec16 __attribute__((vector_size(16)));
typedef uint8_t uvec16 __attribute__((vector_size(16)));

struct bits_const {
    vec16 mask[8]; /* all ones where the factor has the bit */
};

static inline void bits_prepare(struct bits_const *c, uint8_t factor)
{
    for (unsigned b = 0; b < 8; b++)
        memset(&c->mask[b], factor >> b & 1 ? 0xff : 0, sizeof(c->mask[b]));
}

/* Doubled as unsigned bytes (u), which may overflow; tested for the top bit as signed ones. */
#define VEC_TIMES2(u, v) ((__typeof__(v))((u)(v) + (u)(v)) ^ (((v) < 0) & 0x1d))
#define VEC_TIMES4(u, v)                                                                           \
    ({                                                                                             \
        const __typeof__(v) v2_ = VEC_TIMES2(u, v);                                                \
        VEC_TIMES2(u, v2_);                                                                        \
    })
#define VEC16_TIMES2(v) VEC_TIMES2(uvec16, v)
#define VEC16_TIMES4(v) VEC_TIMES4(uvec16, v)

#define BITS_TIMES(v, c)                                                                           \
    ({                                                                                             \
        const vec16 v_ = (v);                                                                      \
        vec16 sum_ = v_ & (c)->mask[7];                                                            \
        for (int b_ = 6; b_ >= 0; b_--)                                                            \
            sum_ = VEC16_TIMES2(sum_) ^ (v_ & (c)->mask[b_]);                                      \
        sum_;                                                                                      \
    })

#define RZ_FN(name) vec_##name
#define RZ_TARGET
#define RZ_VEC           vec16
#define RZ_BYTES         16
#define RZ_LANES         2
#define RZ_EACH(X)       X(0) X(1)
#define RZ_TIMES2        VEC16_TIMES2
#define RZ_TIMES4        VEC16_TIMES4
#define RZ_CONST         struct bits_const
#define RZ_PREPARE(c, f) bits_prepare(c, f)
#define RZ_TIMES         BITS_TIMES
#include "codec/raidz_kernel.h"

#if defined(__x86_64__) || defined(__i386__) || (defined(__aarch64__) && defined(__ARM_NEON))

/* Products of one factor with all low and all high nibbles. */
struct nibble_const {
    uint8_t lo[16], hi[16];
};

static inline void nibble_prepare(struct nibble_const *c, uint8_t factor)
{
    c->lo[0] = c->hi[0] = 0;
    for (unsigned bit = 1; bit < 16; bit <<= 1) {
        for (unsigned i = 0; i < bit; i++)
            c->lo[bit + i] = c->lo[i] ^ factor;
        factor = gf_times2(factor);
    }
    for (unsigned bit = 1; bit < 16; bit <<= 1) {
        for (unsigned i = 0; i < bit; i++)
            c->hi[bit + i] = c->hi[i] ^ factor;
        factor = gf_times2(factor);
    }
}
#endif

#if defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>

#define NEON_TIMES(v, c)                                                                           \
    ({                                                                                             \
        const uint8x16_t v_ = (uint8x16_t)(v);                                                     \
        (vec16)(vqtbl1q_u8(vld1q_u8((c)->lo), vandq_u8(v_, vdupq_n_u8(15))) ^                      \
                vqtbl1q_u8(vld1q_u8((c)->hi), vshrq_n_u8(v_, 4)));                                 \
    })

#define RZ_FN(name) neon_##name
#define RZ_TARGET
#define RZ_VEC           vec16
#define RZ_BYTES         16
#define RZ_LANES         4
#define RZ_EACH(X)       X(0) X(1) X(2) X(3)
#define RZ_TIMES2        VEC16_TIMES2
#define RZ_TIMES4        VEC16_TIMES4
#define RZ_CONST         struct nibble_const
#define RZ_PREPARE(c, f) nibble_prepare(c, f)
#define RZ_TIMES         NEON_TIMES
#include "codec/raidz_kernel.h"
#endif

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>

typedef int8_t vec32 __attribute__((vector_size(32)));
typedef uint8_t uvec32 __attribute__((vector_size(32)));
typedef int8_t vec64 __attribute__((vector_size(64)));

/* --- SSSE3, AVX2: nibble tables --- */

#define SSSE3_TIMES(v, c)                                                                          \
    ({                                                                                             \
        const __m128i v_ = (__m128i)(v), m_ = _mm_set1_epi8(15);                                   \
        (vec16) _mm_xor_si128(                                                                     \
            _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(c)->lo), _mm_and_si128(v_, m_)),    \
            _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(c)->hi),                            \
                             _mm_and_si128(_mm_srli_epi16(v_, 4), m_)));                           \
    })

#define RZ_FN(name)      ssse3_##name
#define RZ_TARGET        __attribute__((target("ssse3")))
#define RZ_VEC           vec16
#define RZ_BYTES         16
#define RZ_LANES         2
#define RZ_EACH(X)       X(0) X(1)
#define RZ_TIMES2        VEC16_TIMES2
#define RZ_TIMES4        VEC16_TIMES4
#define RZ_CONST         struct nibble_const
#define RZ_PREPARE(c, f) nibble_prepare(c, f)
#define RZ_TIMES         SSSE3_TIMES
#include "codec/raidz_kernel.h"

static bool ssse3_usable(void)
{
    return __builtin_cpu_supports("ssse3");
}

#define AVX2_TABLE(t) _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(t)))
#define AVX2_TIMES(v, c)                                                                           \
    ({                                                                                             \
        const __m256i v_ = (__m256i)(v), m_ = _mm256_set1_epi8(15);                                \
        (vec32)                                                                                    \
            _mm256_xor_si256(_mm256_shuffle_epi8(AVX2_TABLE((c)->lo), _mm256_and_si256(v_, m_)),   \
                             _mm256_shuffle_epi8(AVX2_TABLE((c)->hi),                              \
                                                 _mm256_and_si256(_mm256_srli_epi16(v_, 4), m_))); \
    })

#define RZ_FN(name)      avx2_##name
#define RZ_TARGET        __attribute__((target("avx2")))
#define RZ_VEC           vec32
#define RZ_BYTES         32
#define RZ_LANES         2
#define RZ_EACH(X)       X(0) X(1)
#define RZ_TIMES2(v)     VEC_TIMES2(uvec32, v)
#define RZ_TIMES4(v)     VEC_TIMES4(uvec32, v)
#define RZ_CONST         struct nibble_const
#define RZ_PREPARE(c, f) nibble_prepare(c, f)
#define RZ_TIMES         AVX2_TIMES
#include "codec/raidz_kernel.h"

static bool avx2_usable(void)
{
    return __builtin_cpu_supports("avx2");
}

/* --- AVX-512 without GFNI --- */

#define AVX512_TIMES2(v)                                                                           \
    ({                                                                                             \
        const __m512i v_ = (__m512i)(v), d_ = _mm512_add_epi8(v_, v_);                             \
        (vec64) _mm512_xor_si512(                                                                  \
            d_, _mm512_maskz_mov_epi8(_mm512_movepi8_mask(v_), _mm512_set1_epi8(0x1d)));           \
    })
#define AVX512_TIMES4(v)                                                                           \
    ({                                                                                             \
        const vec64 w_ = AVX512_TIMES2(v);                                                         \
        AVX512_TIMES2(w_);                                                                         \
    })
#define AVX512_TABLE(t) _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(t)))
#define AVX512_TIMES(v, c)                                                                         \
    ({                                                                                             \
        const __m512i v_ = (__m512i)(v), m_ = _mm512_set1_epi8(15);                                \
        (vec64)                                                                                    \
            _mm512_xor_si512(_mm512_shuffle_epi8(AVX512_TABLE((c)->lo), _mm512_and_si512(v_, m_)), \
                             _mm512_shuffle_epi8(AVX512_TABLE((c)->hi),                            \
                                                 _mm512_and_si512(_mm512_srli_epi16(v_, 4), m_))); \
    })

#define RZ_FN(name)      avx512_##name
#define RZ_TARGET        __attribute__((target("avx512f,avx512bw")))
#define RZ_VEC           vec64
#define RZ_BYTES         64
#define RZ_LANES         2
#define RZ_EACH(X)       X(0) X(1)
#define RZ_TIMES2        AVX512_TIMES2
#define RZ_TIMES4        AVX512_TIMES4
#define RZ_CONST         struct nibble_const
#define RZ_PREPARE(c, f) nibble_prepare(c, f)
#define RZ_TIMES         AVX512_TIMES
#include "codec/raidz_kernel.h"

static bool avx512_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

/* --- GFNI --- */

/* The bit matrix of multiplication by factor: row i (byte 7-i) selects what makes up bit i. */
static inline uint64_t affine_matrix(uint8_t factor)
{
    uint64_t m = 0;
    for (unsigned k = 0; k < 8; k++) {
        for (unsigned i = 0; i < 8; i++)
            m |= (uint64_t)(factor >> i & 1) << ((7 - i) * 8 + k);
        factor = gf_times2(factor);
    }
    return m;
}
#define AFFINE_2 0x8001828488102040 /* affine_matrix(2) */
#define AFFINE_4 0x408041c2c4881020 /* affine_matrix(4) */

#define GFNI256_BY(v, m)                                                                           \
    ((vec32)_mm256_gf2p8affine_epi64_epi8((__m256i)(v), _mm256_set1_epi64x((long long)(m)), 0))

#define RZ_FN(name)      gfni256_##name
#define RZ_TARGET        __attribute__((target("avx2,gfni")))
#define RZ_VEC           vec32
#define RZ_BYTES         32
#define RZ_LANES         2
#define RZ_EACH(X)       X(0) X(1)
#define RZ_TIMES2(v)     GFNI256_BY(v, AFFINE_2)
#define RZ_TIMES4(v)     GFNI256_BY(v, AFFINE_4)
#define RZ_CONST         uint64_t
#define RZ_PREPARE(c, f) (*(c) = affine_matrix(f))
#define RZ_TIMES(v, c)   GFNI256_BY(v, *(c))
#include "codec/raidz_kernel.h"

static bool gfni256_usable(void)
{
    return avx2_usable() && __builtin_cpu_supports("gfni");
}

#define GFNI512_BY(v, m)                                                                           \
    ((vec64)_mm512_gf2p8affine_epi64_epi8((__m512i)(v), _mm512_set1_epi64((long long)(m)), 0))

#define RZ_FN(name)      gfni512_##name
#define RZ_TARGET        __attribute__((target("avx512f,avx512bw,gfni")))
#define RZ_VEC           vec64
#define RZ_BYTES         64
#define RZ_LANES         4
#define RZ_EACH(X)       X(0) X(1) X(2) X(3)
#define RZ_TIMES2(v)     GFNI512_BY(v, AFFINE_2)
#define RZ_TIMES4(v)     GFNI512_BY(v, AFFINE_4)
#define RZ_CONST         uint64_t
#define RZ_PREPARE(c, f) (*(c) = affine_matrix(f))
#define RZ_TIMES(v, c)   GFNI512_BY(v, *(c))
#include "codec/raidz_kernel.h"

static bool gfni512_usable(void)
{
    return avx512_usable() && __builtin_cpu_supports("gfni");
}
#endif

const struct raidz_kernel raidz_kernels[] = {
#if defined(__x86_64__) || defined(__i386__)
    {"avx512-gfni", gfni512_usable, gfni512_run},
    {"avx512", avx512_usable, avx512_run},
    {"avx2-gfni", gfni256_usable, gfni256_run},
    {"avx2", avx2_usable, avx2_run},
    {"ssse3", ssse3_usable, ssse3_run},
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
    {"neon", always_usable, neon_run},
#endif
    {"vector", always_usable, vec_run},
    {"reference", always_usable, reference_run},
    {NULL, NULL, NULL},
};
