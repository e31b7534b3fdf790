/* SPDX-License-Identifier: MIT */
/*
 * Body of the fletcher4 kernels, included once per instruction set by fletcher.c (no include guard
 * on purpose). Lane i of 2 * FL_WIDTH sums up words i, i + lanes, i + 2 * lanes... Each vector of
 * 64-bit units holds even words (low halves) and odd ones (high halves), so no widening load is
 * needed. Sums are linear modulo 2^64: the even lanes add up whole units, and what the high halves
 * contributed is taken off at the end.
 *
 * The includer defines FL_FN(name), FL_TARGET, FL_WIDTH and FL_SWAP32(v), which swaps the bytes of
 * every 32-bit word; all are undefined again at the end.
 */
typedef uint64_t FL_FN(vec) __attribute__((vector_size(8 * FL_WIDTH)));
typedef uint64_t FL_FN(mem) __attribute__((vector_size(8 * FL_WIDTH), aligned(1), may_alias));

FL_TARGET static inline __attribute__((always_inline)) size_t
FL_FN(pass)(struct fletcher_lanes *lanes, const uint8_t *data, size_t len, const bool swapped)
{
    typedef FL_FN(vec) vec;
    vec a0 = {0}, b0 = {0}, c0 = {0}, d0 = {0}, a1 = {0}, b1 = {0}, c1 = {0}, d1 = {0};
    size_t off = 0;
    for (; len - off >= sizeof(vec); off += sizeof(vec)) {
        vec v = *(const FL_FN(mem) *)(data + off);
        if (swapped)
            v = FL_SWAP32(v);
        const vec odd = v >> 32;
        a0 += v;
        a1 += odd;
        b0 += a0;
        b1 += a1;
        c0 += b0;
        c1 += b1;
        d0 += c0;
        d1 += c1;
    }
    a0 -= a1 << 32;
    b0 -= b1 << 32;
    c0 -= c1 << 32;
    d0 -= d1 << 32;
    /* On a big-endian machine the first word is the high half. */
    enum { FIRST = HOST_IS_LITTLE ? 0 : 1, SECOND = 1 - FIRST };
    for (unsigned i = 0; i < FL_WIDTH; i++) {
        lanes->sum[2 * i + FIRST] = (struct cksum){{a0[i], b0[i], c0[i], d0[i]}};
        lanes->sum[2 * i + SECOND] = (struct cksum){{a1[i], b1[i], c1[i], d1[i]}};
    }
    lanes->count = 2 * FL_WIDTH;
    return off;
}

FL_TARGET static size_t FL_FN(run)(struct fletcher_lanes *lanes, const uint8_t *data, size_t len,
                                   bool swapped)
{
    return swapped ? FL_FN(pass)(lanes, data, len, true) : FL_FN(pass)(lanes, data, len, false);
}

#undef FL_FN
#undef FL_TARGET
#undef FL_WIDTH
#undef FL_SWAP32
