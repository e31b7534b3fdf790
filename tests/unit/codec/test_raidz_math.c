/* SPDX-License-Identifier: MIT */
/*
 * RAID-Z arithmetic: real rows of format/raid.md 22.1, and every variant against an independent
 * definition (powers and sums, no Horner) for all failure combinations up to 8+3 columns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/raidz_math.h"

enum { ROW = 1024 + 64 * 5 + 23, DATA_MAX = 8 };

/* Multiplication by its definition, so that no table of the code under test is trusted. */
static uint8_t mul_slow(uint8_t a, uint8_t b)
{
    unsigned r = 0, x = a;
    for (unsigned bit = 0; bit < 8; bit++) {
        if (b >> bit & 1)
            r ^= x << bit;
    }
    for (int bit = 15; bit >= 8; bit--)
        if (r >> bit & 1)
            r ^= 0x11du << (bit - 8);
    return (uint8_t)r;
}

static uint8_t pow_slow(uint8_t g, unsigned n)
{
    uint8_t r = 1;
    while (n-- > 0)
        r = mul_slow(r, g);
    return r;
}

static void parity_slow(const struct raidz_col *cols, unsigned m, uint8_t out[3][ROW], size_t size)
{
    static const uint8_t generator[3] = {1, 2, 4};
    memset(out, 0, 3 * ROW);
    for (unsigned p = 0; p < 3; p++) {
        for (unsigned j = 0; j < m; j++) {
            const uint8_t f = pow_slow(generator[p], m - 1 - j);
            uint8_t table[256];
            for (unsigned v = 0; v < 256; v++)
                table[v] = mul_slow(f, (uint8_t)v);
            for (size_t i = 0; i < cols[j].len && i < size; i++)
                out[p][i] ^= table[((const uint8_t *)cols[j].data)[i]];
        }
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill_random(void *p, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)next_random(seed);
}

static uint64_t hex8(const char *s)
{
    return strtoull(s, NULL, 16);
}

/* First 8 bytes of the columns of real blocks. */
static void test_real_rows(void **state)
{
    static const struct {
        const char *p, *q, *data[3];
    } rows[] = {
        {"03024c523dc00678", "030268a46b300578", {"00001c5232500100", "030250000f900778"}},
        {"510f4a7ee00e4801", "510f64f6bd0d4801", {"00001a78c0010000", "510f5006200f4801"}},
        {"21a9d451ae3ab36c",
         "fbf30c2132dddda6",
         {"1a0c05011a000001", "932247d85a5dd145", "a8879688ee676228"}},
        {"888f804910e5d0b3", "888f804910e5d0b3", {"888f804910e5d0b3"}},
        {"ed71a4ccdb9d91fa",
         "263fb0863666891a",
         {"c801606e278e8949", "f739ac7f322d8e70", "d24968ddce3e96c3"}},
    };
    for (size_t r = 0; r < array_len(rows); r++) {
        uint8_t data[3][8], p[8], q[8], want[8];
        struct raidz_col cols[3];
        unsigned m = 0;
        for (; m < 3 && rows[r].data[m] != NULL; m++) {
            store_be64(data[m], hex8(rows[r].data[m]));
            cols[m] = (struct raidz_col){data[m], 8};
        }
        assert_int_equal(raidz_generate(2, cols, m, (void *[]){p, q}, 8), 0);
        store_be64(want, hex8(rows[r].p));
        assert_memory_equal(p, want, 8);
        store_be64(want, hex8(rows[r].q));
        assert_memory_equal(q, want, 8);
    }
}

struct row {
    uint8_t data[DATA_MAX][ROW], saved[DATA_MAX][ROW];
    struct raidz_col cols[DATA_MAX];
    uint8_t want[3][ROW], got[3][ROW];
};

/* Lengths as in a block (whole columns first, then one "sector" less), or with gaps and empty ones.
 */
static void make_row(struct row *r, unsigned m, size_t size, unsigned shape, uint32_t *seed)
{
    for (unsigned j = 0; j < m; j++) {
        size_t len = size;
        if (shape == 1 && j > m / 2)
            len = size - size / 3;
        if (shape == 2)
            len = j == 0 ? size : next_random(seed) % (size + 1);
        if (shape == 3)
            len = j % 2 == 0 ? size : 0;
        fill_random(r->data[j], ROW, seed);
        memcpy(r->saved[j], r->data[j], ROW);
        r->cols[j] = (struct raidz_col){len == 0 ? NULL : r->data[j], len};
    }
    parity_slow(r->cols, m, r->want, size);
}

static void check_generate(const char *variant, struct row *r, unsigned m, size_t size)
{
    for (unsigned mask = 1; mask < 8; mask++) {
        memset(r->got, 0xee, sizeof(r->got));
        void *out[3];
        for (unsigned p = 0; p < 3; p++)
            out[p] = mask >> p & 1 ? r->got[p] : NULL;
        assert_int_equal(raidz_generate_with(variant, 3, r->cols, m, out, size), 0);
        for (unsigned p = 0; p < 3; p++) {
            if (mask >> p & 1)
                assert_memory_equal(r->got[p], r->want[p], size);
            for (size_t i = mask >> p & 1 ? size : 0; i < ROW; i++)
                assert_int_equal(r->got[p][i], 0xee); /* nothing beyond the row */
        }
    }
}

static void check_reconstruct(const char *variant, struct row *r, unsigned m, size_t size,
                              unsigned lost, unsigned use_mask)
{
    unsigned missing[3], n = 0, use[3], nuse = 0;
    for (unsigned j = 0; j < m; j++)
        if (lost >> j & 1) {
            missing[n++] = j;
            memset(r->data[j], 0x5a, r->cols[j].len);
        }
    void *parity[3] = {NULL};
    for (unsigned p = 0; p < 3; p++)
        if (use_mask >> p & 1) {
            use[nuse++] = p;
            parity[p] = r->want[p];
        }
    assert_int_equal(n, nuse);
    assert_int_equal(raidz_reconstruct_with(variant, r->cols, m, missing, n, parity, use, size), 0);
    for (unsigned j = 0; j < m; j++)
        assert_memory_equal(r->data[j], r->saved[j], ROW); /* restored, nothing else touched */
}

static void check_row(const char *variant, struct row *r, unsigned m, size_t size)
{
    check_generate(variant, r, m, size);
    for (unsigned lost = 0; lost < 1u << m; lost++)
        for (unsigned use = 0; use < 8; use++)
            if (__builtin_popcount(lost) <= 3 &&
                __builtin_popcount(lost) == __builtin_popcount(use))
                check_reconstruct(variant, r, m, size, lost, use);
}

static void test_every_combination(void **state)
{
    static const size_t sizes[] = {1, 8, 512, 1024, ROW};
    struct row *r = calloc(1, sizeof(*r));
    uint32_t seed = 1;
    const char *variant;
    for (unsigned v = 0; (variant = raidz_variant_name(v)) != NULL; v++)
        for (unsigned m = 1; m <= DATA_MAX; m++)
            for (unsigned shape = 0; shape < 4; shape++) {
                /* Every size for a few widths, two for all. */
                for (size_t s = 0; s < array_len(sizes); s++) {
                    if (m > 4 && m < DATA_MAX && s != 2)
                        continue;
                    make_row(r, m, sizes[s], shape, &seed);
                    check_row(variant, r, m, sizes[s]);
                }
            }
    free(r);
}

/* The widest row: factors up to 4^254. */
static void test_widest_row(void **state)
{
    enum { M = RAIDZ_MAX_DATA, SIZE = 512 };
    uint8_t *data = malloc(M * SIZE), *saved = malloc(M * SIZE), parity[3][SIZE];
    struct raidz_col cols[M];
    uint32_t seed = 7;
    fill_random(data, M * SIZE, &seed);
    memcpy(saved, data, M * SIZE);
    for (unsigned j = 0; j < M; j++)
        cols[j] = (struct raidz_col){data + j * SIZE, SIZE};
    void *par[3] = {parity[0], parity[1], parity[2]};
    assert_int_equal(raidz_generate(3, cols, M, par, SIZE), 0);
    for (unsigned round = 0; round < 300; round++) {
        unsigned missing[3] = {next_random(&seed) % 85, 85 + next_random(&seed) % 85,
                               170 + next_random(&seed) % 85};
        for (unsigned i = 0; i < 3; i++)
            memset(cols[missing[i]].data, 0, SIZE);
        assert_int_equal(raidz_reconstruct(cols, M, missing, 3, par, (unsigned[]){0, 1, 2}, SIZE),
                         0);
        assert_memory_equal(data, saved, M * SIZE);
    }
    free(data);
    free(saved);
}

static void test_verify_names_the_bad_parity(void **state)
{
    enum { SIZE = 9000 };
    uint8_t *buf = calloc(7, SIZE);
    struct raidz_col cols[4];
    uint32_t seed = 3;
    fill_random(buf, 4 * SIZE, &seed);
    for (unsigned j = 0; j < 4; j++)
        cols[j] = (struct raidz_col){buf + j * SIZE, j < 2 ? SIZE : SIZE - 512};
    void *par[3] = {buf + 4 * SIZE, buf + 5 * SIZE, buf + 6 * SIZE};
    unsigned bad = 9;
    assert_int_equal(raidz_generate(3, cols, 4, par, SIZE), 0);
    assert_int_equal(raidz_verify(3, cols, 4, par, SIZE, &bad), 0);
    assert_int_equal(bad, 0);
    for (unsigned p = 0; p < 3; p++) {
        static const size_t at[] = {0, 4096, SIZE - 1};
        for (size_t i = 0; i < array_len(at); i++) {
            ((uint8_t *)par[p])[at[i]] ^= 0x10;
            assert_int_equal(raidz_verify(3, cols, 4, par, SIZE, &bad), 0);
            assert_int_equal(bad, 1u << p);
            ((uint8_t *)par[p])[at[i]] ^= 0x10;
        }
    }
    ((uint8_t *)cols[3].data)[100] ^= 1;
    assert_int_equal(raidz_verify(3, cols, 4, par, SIZE, &bad), 0);
    assert_int_equal(bad, 7);
    par[1] = NULL;
    assert_int_equal(raidz_verify(3, cols, 4, par, SIZE, &bad), 0);
    assert_int_equal(bad, 5);
    free(buf);
}

static void test_bad_arguments(void **state)
{
    uint8_t a[16], b[16], p[16];
    struct raidz_col cols[2] = {{a, 16}, {b, 16}};
    void *par[3] = {p, p, NULL};
    assert_int_equal(raidz_generate(0, cols, 2, par, 16), ZE_INVAL);
    assert_int_equal(raidz_generate(4, cols, 2, par, 16), ZE_INVAL);
    assert_int_equal(raidz_generate(1, cols, 0, par, 16), ZE_INVAL);
    assert_int_equal(raidz_generate(1, cols, 256, par, 16), ZE_INVAL);
    assert_int_equal(raidz_generate(1, cols, 2, par, 15), ZE_INVAL);
    cols[1].data = NULL;
    assert_int_equal(raidz_generate(1, cols, 2, par, 16), ZE_INVAL);
    cols[1].data = b;
    const unsigned two[] = {0, 1}, swapped[] = {1, 0}, out[] = {2}, same[] = {0, 0};
    assert_int_equal(raidz_reconstruct(cols, 2, swapped, 2, par, two, 16), ZE_INVAL);
    assert_int_equal(raidz_reconstruct(cols, 2, two, 2, par, same, 16), ZE_INVAL);
    assert_int_equal(raidz_reconstruct(cols, 2, out, 1, par, two, 16), ZE_INVAL);
    assert_int_equal(raidz_reconstruct(cols, 2, two, 1, par, out, 16), ZE_INVAL); /* R is NULL */
    assert_int_equal(raidz_reconstruct(cols, 2, two, 4, par, two, 16), ZE_INVAL);
    assert_int_equal(raidz_generate_with("abacus", 1, cols, 2, par, 16), ZE_NOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_rows),     cmocka_unit_test(test_every_combination),
        cmocka_unit_test(test_widest_row),    cmocka_unit_test(test_verify_names_the_bad_parity),
        cmocka_unit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
