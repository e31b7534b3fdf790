/* SPDX-License-Identifier: MIT */
/*
 * Body of the RAID-Z row kernels, included once per instruction set by raidz_kernels.c (no include
 * guard on purpose). Each lane is one vector of RZ_BYTES bytes; RZ_EACH(X) expands X for the lanes
 * worked on together, so that every sum stays in a register.
 *
 * The includer defines: RZ_FN(name), RZ_TARGET, RZ_VEC (a vector of signed bytes), RZ_BYTES,
 * RZ_LANES, RZ_EACH(X), RZ_TIMES2(v), RZ_TIMES4(v), RZ_CONST (a prepared constant), RZ_PREPARE(ptr,
 * factor) and RZ_TIMES(v, ptr). All are undefined again at the end.
 */

/* Unaligned access. */
typedef RZ_VEC RZ_FN(mem) __attribute__((aligned(1), may_alias));
#define RZ_LOAD(p, u)     (*(const RZ_FN(mem) *)((p) + (u) * (size_t)RZ_BYTES))
#define RZ_STORE(p, u, v) (*(RZ_FN(mem) *)((p) + (u) * (size_t)RZ_BYTES) = (v))

/*
 * One Horner pass over all columns per stretch of RZ_LANES vectors, then the parities are added
 * (mode ROW_SYNDROME, ROW_SOLVE) and the small linear system is multiplied out (ROW_SOLVE). which
 * and mode are constants at every call, so each combination becomes its own loop.
 */
RZ_TARGET static inline __attribute__((always_inline)) size_t
RZ_FN(pass)(const struct raidz_row *row, size_t len, const unsigned which,
            const enum raidz_row_mode mode)
{
    const unsigned ncols = row->ncols;
    RZ_CONST k[RAIDZ_MAX_PARITY][RAIDZ_MAX_PARITY];
    if (mode == ROW_SOLVE)
        for (unsigned i = 0; i < row->nout; i++)
            for (unsigned j = 0; j < row->nout; j++)
                RZ_PREPARE(&k[i][j], row->inverse[i][j]);

    size_t off = 0;
    for (; len - off >= RZ_LANES * RZ_BYTES; off += RZ_LANES * RZ_BYTES) {
#define RZ_X(u) RZ_VEC p##u = {0}, q##u = {0}, r##u = {0};
        RZ_EACH(RZ_X)
#undef RZ_X
        for (unsigned j = 0; j < ncols; j++) {
            const uint8_t *src = row->src[j];
#define RZ_X(u)                                                                                    \
    if (which & ROW_Q)                                                                             \
        q##u = RZ_TIMES2(q##u);                                                                    \
    if (which & ROW_R)                                                                             \
        r##u = RZ_TIMES4(r##u);
            RZ_EACH(RZ_X)
#undef RZ_X
            if (src == NULL)
                continue;
            src += off;
#define RZ_X(u)                                                                                    \
    {                                                                                              \
        const RZ_VEC d = RZ_LOAD(src, u);                                                          \
        if (which & ROW_P)                                                                         \
            p##u ^= d;                                                                             \
        if (which & ROW_Q)                                                                         \
            q##u ^= d;                                                                             \
        if (which & ROW_R)                                                                         \
            r##u ^= d;                                                                             \
    }
            RZ_EACH(RZ_X)
#undef RZ_X
        }
        if (mode == ROW_GENERATE) {
#define RZ_X(u)                                                                                    \
    if (which & ROW_P)                                                                             \
        RZ_STORE(row->out[RAIDZ_P] + off, u, p##u);                                                \
    if (which & ROW_Q)                                                                             \
        RZ_STORE(row->out[RAIDZ_Q] + off, u, q##u);                                                \
    if (which & ROW_R)                                                                             \
        RZ_STORE(row->out[RAIDZ_R] + off, u, r##u);
            RZ_EACH(RZ_X)
#undef RZ_X
            continue;
        }
#define RZ_X(u)                                                                                    \
    {                                                                                              \
        RZ_VEC s[RAIDZ_MAX_PARITY];                                                                \
        unsigned n = 0;                                                                            \
        if (which & ROW_P)                                                                         \
            s[n++] = p##u ^ RZ_LOAD(row->par[RAIDZ_P] + off, u);                                   \
        if (which & ROW_Q)                                                                         \
            s[n++] = q##u ^ RZ_LOAD(row->par[RAIDZ_Q] + off, u);                                   \
        if (which & ROW_R)                                                                         \
            s[n++] = r##u ^ RZ_LOAD(row->par[RAIDZ_R] + off, u);                                   \
        if (mode == ROW_SYNDROME) {                                                                \
            RZ_STORE(row->out[0] + off, u, s[0]);                                                  \
        } else if (n == 1) {                                                                       \
            RZ_STORE(row->out[0] + off, u, RZ_TIMES(s[0], &k[0][0]));                              \
        } else if (n == 2) {                                                                       \
            const RZ_VEC x = RZ_TIMES(s[0], &k[0][0]) ^ RZ_TIMES(s[1], &k[0][1]);                  \
            RZ_STORE(row->out[0] + off, u, x);                                                     \
            if (which & ROW_P)                                                                     \
                RZ_STORE(row->out[1] + off, u, s[0] ^ x);                                          \
            else                                                                                   \
                RZ_STORE(row->out[1] + off, u,                                                     \
                         RZ_TIMES(s[0], &k[1][0]) ^ RZ_TIMES(s[1], &k[1][1]));                     \
        } else if (n == 3) {                                                                       \
            const RZ_VEC x =                                                                       \
                RZ_TIMES(s[0], &k[0][0]) ^ RZ_TIMES(s[1], &k[0][1]) ^ RZ_TIMES(s[2], &k[0][2]);    \
            const RZ_VEC y =                                                                       \
                RZ_TIMES(s[0], &k[1][0]) ^ RZ_TIMES(s[1], &k[1][1]) ^ RZ_TIMES(s[2], &k[1][2]);    \
            RZ_STORE(row->out[0] + off, u, x);                                                     \
            RZ_STORE(row->out[1] + off, u, y);                                                     \
            RZ_STORE(row->out[2] + off, u, s[0] ^ x ^ y);                                          \
        }                                                                                          \
    }
        RZ_EACH(RZ_X)
#undef RZ_X
    }
    return off;
}

/* Returns how many of the len bytes were done: all but less than one stretch. */
RZ_TARGET static size_t RZ_FN(run)(const struct raidz_row *row, size_t len)
{
#define RZ_CASE(w, m)                                                                              \
    case (w) + 8 * (m):                                                                            \
        return RZ_FN(pass)(row, len, (w), (m));
    switch (row->which + 8 * row->mode) {
        RZ_CASE(ROW_P, ROW_GENERATE)
        RZ_CASE(ROW_Q, ROW_GENERATE)
        RZ_CASE(ROW_R, ROW_GENERATE)
        RZ_CASE(ROW_P | ROW_Q, ROW_GENERATE)
        RZ_CASE(ROW_P | ROW_R, ROW_GENERATE)
        RZ_CASE(ROW_Q | ROW_R, ROW_GENERATE)
        RZ_CASE(ROW_P | ROW_Q | ROW_R, ROW_GENERATE)
        RZ_CASE(ROW_P, ROW_SYNDROME)
        RZ_CASE(ROW_Q, ROW_SOLVE)
        RZ_CASE(ROW_R, ROW_SOLVE)
        RZ_CASE(ROW_P | ROW_Q, ROW_SOLVE)
        RZ_CASE(ROW_P | ROW_R, ROW_SOLVE)
        RZ_CASE(ROW_Q | ROW_R, ROW_SOLVE)
        RZ_CASE(ROW_P | ROW_Q | ROW_R, ROW_SOLVE)
    default:
        return 0;
    }
#undef RZ_CASE
}

#undef RZ_LOAD
#undef RZ_STORE
#undef RZ_FN
#undef RZ_TARGET
#undef RZ_VEC
#undef RZ_BYTES
#undef RZ_LANES
#undef RZ_EACH
#undef RZ_TIMES2
#undef RZ_TIMES4
#undef RZ_CONST
#undef RZ_PREPARE
#undef RZ_TIMES
