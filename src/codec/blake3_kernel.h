/* SPDX-License-Identifier: MIT */
/*
 * Body of the BLAKE3 lane kernels, included once per instruction set by blake3.c (no include guard
 * on purpose): B3_LANES independent inputs of whole 64-byte blocks are hashed side by side, word i
 * of all of them in one vector.
 *
 * The includer defines: B3_FN(name), B3_TARGET, B3_LANES, B3_LOG2_LANES, B3_ZIP_LO(a, b) and
 * B3_ZIP_HI(a, b) (interleave the lower and upper halves of two vectors), B3_ROTR16(v),
 * B3_ROTR8(v), B3_NATIVE(v) (words loaded little-endian to host order and back). All are undefined
 * again at the end.
 */
typedef uint32_t B3_FN(vec) __attribute__((vector_size(4 * B3_LANES)));
typedef uint32_t B3_FN(mem) __attribute__((vector_size(4 * B3_LANES), aligned(1), may_alias));

/* Transpose: log2 times interleave row i with row i + half; each round moves one index bit over. */
B3_TARGET static inline __attribute__((always_inline)) void B3_FN(transpose)(B3_FN(vec) r[B3_LANES])
{
    UNROLL_ALL
    for (unsigned round = 0; round < B3_LOG2_LANES; round++) {
        B3_FN(vec) t[B3_LANES];
        UNROLL_ALL
        for (unsigned i = 0; i < B3_LANES / 2; i++) {
            t[2 * i] = B3_ZIP_LO(r[i], r[i + B3_LANES / 2]);
            t[2 * i + 1] = B3_ZIP_HI(r[i], r[i + B3_LANES / 2]);
        }
        UNROLL_ALL
        for (unsigned i = 0; i < B3_LANES; i++)
            r[i] = t[i];
    }
}

#define B3_G(a, b, c, d, x, y)                                                                     \
    do {                                                                                           \
        v[a] += v[b] + m[x];                                                                       \
        v[d] ^= v[a];                                                                              \
        v[d] = B3_ROTR16(v[d]);                                                                    \
        v[c] += v[d];                                                                              \
        v[b] ^= v[c];                                                                              \
        v[b] = v[b] >> 12 | v[b] << 20;                                                            \
        v[a] += v[b] + m[y];                                                                       \
        v[d] ^= v[a];                                                                              \
        v[d] = B3_ROTR8(v[d]);                                                                     \
        v[c] += v[d];                                                                              \
        v[b] ^= v[c];                                                                              \
        v[b] = v[b] >> 7 | v[b] << 25;                                                             \
    } while (0)

B3_TARGET BLAKE3_NO_UBSAN static void B3_FN(run)(const struct blake3_lanes *job, uint8_t *out)
{
    typedef B3_FN(vec) vec;
    vec h[8], counter_lo, counter_hi;
    for (unsigned i = 0; i < 8; i++)
        h[i] = (vec){0} + job->key[i];
    for (unsigned i = 0; i < B3_LANES; i++) {
        const uint64_t counter = job->counter + (job->count_up ? i : 0);
        counter_lo[i] = (uint32_t)counter;
        counter_hi[i] = (uint32_t)(counter >> 32);
    }
    for (unsigned block = 0; block < job->nblocks; block++) {
        vec m[16];
        UNROLL_ALL
        for (unsigned part = 0; part < 16; part += B3_LANES) {
            vec rows[B3_LANES];
            UNROLL_ALL
            for (unsigned i = 0; i < B3_LANES; i++)
                rows[i] = *(const B3_FN(mem) *)(job->in[i] + 64 * (size_t)block + 4 * part);
            B3_FN(transpose)(rows);
            UNROLL_ALL
            for (unsigned i = 0; i < B3_LANES; i++)
                m[part + i] = B3_NATIVE(rows[i]);
        }
        uint32_t flags = job->flags;
        if (block == 0)
            flags |= job->flags_first;
        if (block + 1 == job->nblocks)
            flags |= job->flags_last;
        const vec zero = {0};
        vec v[16] = {h[0],
                     h[1],
                     h[2],
                     h[3],
                     h[4],
                     h[5],
                     h[6],
                     h[7],
                     zero + blake3_iv[0],
                     zero + blake3_iv[1],
                     zero + blake3_iv[2],
                     zero + blake3_iv[3],
                     counter_lo,
                     counter_hi,
                     zero + BLAKE3_BLOCK,
                     zero + flags};
        BLAKE3_ROUNDS(B3_G);
        UNROLL_ALL
        for (unsigned i = 0; i < 8; i++)
            h[i] = v[i] ^ v[i + 8];
        for (unsigned i = 0; i < B3_LANES;
             i++) /* streams too many for the hardware's own prefetch */
            __builtin_prefetch(job->in[i] + 64 * (size_t)block + 256);
    }
    for (unsigned i = 0; i < 8; i++)
        h[i] = B3_NATIVE(h[i]);
    for (unsigned lane = 0; lane < B3_LANES; lane++)
        for (unsigned i = 0; i < 8; i++)
            store_ne32(out + 32 * lane + 4 * i, h[i][lane]);
}

#undef B3_G
#undef B3_FN
#undef B3_TARGET
#undef B3_LANES
#undef B3_LOG2_LANES
#undef B3_ZIP_LO
#undef B3_ZIP_HI
#undef B3_ROTR16
#undef B3_ROTR8
#undef B3_NATIVE
