/* SPDX-License-Identifier: MIT */
/*
 * RAID-Z arithmetic: arguments, short columns and the equations for missing columns; the loops over
 * bytes are in raidz_kernels.c. Contract in raidz_math.h; format/raid.md 3.4 and 3.5.
 */
#include "codec/raidz_math.h"

#include <string.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/raidz_kernels.h"

/* Powers of the generator 2 and their logarithms (gf_log[0] is unused). */
static const uint8_t gf_exp[255] = {
    1,   2,   4,   8,   16,  32,  64,  128, 29,  58,  116, 232, 205, 135, 19,  38,  76,  152, 45,
    90,  180, 117, 234, 201, 143, 3,   6,   12,  24,  48,  96,  192, 157, 39,  78,  156, 37,  74,
    148, 53,  106, 212, 181, 119, 238, 193, 159, 35,  70,  140, 5,   10,  20,  40,  80,  160, 93,
    186, 105, 210, 185, 111, 222, 161, 95,  190, 97,  194, 153, 47,  94,  188, 101, 202, 137, 15,
    30,  60,  120, 240, 253, 231, 211, 187, 107, 214, 177, 127, 254, 225, 223, 163, 91,  182, 113,
    226, 217, 175, 67,  134, 17,  34,  68,  136, 13,  26,  52,  104, 208, 189, 103, 206, 129, 31,
    62,  124, 248, 237, 199, 147, 59,  118, 236, 197, 151, 51,  102, 204, 133, 23,  46,  92,  184,
    109, 218, 169, 79,  158, 33,  66,  132, 21,  42,  84,  168, 77,  154, 41,  82,  164, 85,  170,
    73,  146, 57,  114, 228, 213, 183, 115, 230, 209, 191, 99,  198, 145, 63,  126, 252, 229, 215,
    179, 123, 246, 241, 255, 227, 219, 171, 75,  150, 49,  98,  196, 149, 55,  110, 220, 165, 87,
    174, 65,  130, 25,  50,  100, 200, 141, 7,   14,  28,  56,  112, 224, 221, 167, 83,  166, 81,
    162, 89,  178, 121, 242, 249, 239, 195, 155, 43,  86,  172, 69,  138, 9,   18,  36,  72,  144,
    61,  122, 244, 245, 247, 243, 251, 235, 203, 139, 11,  22,  44,  88,  176, 125, 250, 233, 207,
    131, 27,  54,  108, 216, 173, 71,  142,
};
static const uint8_t gf_log[256] = {
    0,   0,   1,   25,  2,   50,  26,  198, 3,   223, 51,  238, 27,  104, 199, 75,  4,   100, 224,
    14,  52,  141, 239, 129, 28,  193, 105, 248, 200, 8,   76,  113, 5,   138, 101, 47,  225, 36,
    15,  33,  53,  147, 142, 218, 240, 18,  130, 69,  29,  181, 194, 125, 106, 39,  249, 185, 201,
    154, 9,   120, 77,  228, 114, 166, 6,   191, 139, 98,  102, 221, 48,  253, 226, 152, 37,  179,
    16,  145, 34,  136, 54,  208, 148, 206, 143, 150, 219, 189, 241, 210, 19,  92,  131, 56,  70,
    64,  30,  66,  182, 163, 195, 72,  126, 110, 107, 58,  40,  84,  250, 133, 186, 61,  202, 94,
    155, 159, 10,  21,  121, 43,  78,  212, 229, 172, 115, 243, 167, 87,  7,   112, 192, 247, 140,
    128, 99,  13,  103, 74,  222, 237, 49,  197, 254, 24,  227, 165, 153, 119, 38,  184, 180, 124,
    17,  68,  146, 217, 35,  32,  137, 46,  55,  63,  209, 91,  149, 188, 207, 205, 144, 135, 151,
    178, 220, 252, 190, 97,  242, 86,  211, 171, 20,  42,  93,  158, 132, 60,  57,  83,  71,  109,
    65,  162, 31,  45,  67,  216, 183, 123, 164, 118, 196, 23,  73,  236, 127, 12,  111, 246, 108,
    161, 59,  82,  41,  157, 85,  170, 251, 96,  134, 177, 187, 204, 62,  90,  203, 89,  95,  176,
    156, 169, 160, 81,  11,  245, 22,  235, 122, 117, 44,  215, 79,  174, 213, 233, 230, 231, 173,
    232, 116, 214, 244, 234, 168, 80,  88,  175,
};

uint8_t gf_times(uint8_t a, uint8_t b)
{
    if (a == 0 || b == 0)
        return 0;
    return gf_exp[(gf_log[a] + gf_log[b]) % 255];
}

static uint8_t gf_invert(uint8_t a)
{
    return gf_exp[(255 - gf_log[a]) % 255];
}

/* Factor of the column at position x of m in parity row which: 1, 2 or 4 to the power m-1-x. */
static uint8_t gf_factor(unsigned which, unsigned m, unsigned x)
{
    return gf_exp[which * (m - 1 - x) % 255];
}

static const struct raidz_kernel *kernel_best(void)
{
    const struct raidz_kernel *k = raidz_kernels;
    while (!k->usable())
        k++;
    return k;
}

static const struct raidz_kernel *kernel_named(const char *name)
{
    for (const struct raidz_kernel *k = raidz_kernels; k->name != NULL; k++)
        if (strcmp(k->name, name) == 0 && k->usable())
            return k;
    return NULL;
}

static const struct raidz_kernel *kernel_reference(void)
{
    const struct raidz_kernel *k = raidz_kernels;
    while (k[1].name != NULL)
        k++;
    return k;
}

const char *raidz_variant_name(unsigned index)
{
    for (const struct raidz_kernel *k = raidz_kernels; k->name != NULL; k++)
        if (k->usable() && index-- == 0)
            return k->name;
    return NULL;
}

const char *raidz_variant_default(void)
{
    return kernel_best()->name;
}

static void row_run(const struct raidz_kernel *kernel, const uint8_t *src[], struct raidz_row *row,
                    size_t len)
{
    size_t done = kernel->run(row, len);
    if (done == len)
        return;
    for (unsigned j = 0; j < row->ncols; j++)
        if (src[j] != NULL)
            src[j] += done;
    for (unsigned i = 0; i < RAIDZ_MAX_PARITY; i++) {
        row->par[i] = row->par[i] == NULL ? NULL : row->par[i] + done;
        row->out[i] = row->out[i] == NULL ? NULL : row->out[i] + done;
    }
    kernel_reference()->run(row, len - done);
}

/* End of the stretch starting at from in which no column ends. */
static size_t stretch_end(const struct raidz_col *cols, unsigned ndata, size_t from, size_t size)
{
    size_t end = size;
    for (unsigned j = 0; j < ndata; j++)
        if (cols[j].len > from && cols[j].len < end)
            end = cols[j].len;
    return end;
}

static void stretch_sources(const struct raidz_col *cols, unsigned ndata, size_t from, size_t end,
                            const uint8_t *src[])
{
    for (unsigned j = 0; j < ndata; j++)
        src[j] = cols[j].len >= end ? (const uint8_t *)cols[j].data + from : NULL;
}

static int check_columns(const struct raidz_col *cols, unsigned ndata, size_t size)
{
    if (ndata == 0 || ndata > RAIDZ_MAX_DATA)
        return err_raise(ZE_INVAL, "raidz: %u data columns", ndata);
    for (unsigned j = 0; j < ndata; j++) {
        if (cols[j].len > size)
            return err_raise(ZE_INVAL, "raidz: column %u has %zu bytes in a row of %zu", j,
                             cols[j].len, size);
        if (cols[j].data == NULL && cols[j].len > 0)
            return err_raise(ZE_INVAL, "raidz: column %u has no buffer", j);
    }
    return 0;
}

static int generate(const struct raidz_kernel *kernel, unsigned nparity,
                    const struct raidz_col *cols, unsigned ndata, void *const parity[], size_t size)
{
    if (nparity == 0 || nparity > RAIDZ_MAX_PARITY)
        return err_raise(ZE_INVAL, "raidz: %u parity columns", nparity);
    int err = check_columns(cols, ndata, size);
    if (err != 0)
        return err;
    const uint8_t *src[RAIDZ_MAX_DATA];
    for (size_t from = 0, end; from < size; from = end) {
        struct raidz_row row = {.src = src, .ncols = ndata, .mode = ROW_GENERATE};
        for (unsigned i = 0; i < nparity; i++) {
            if (parity[i] == NULL)
                continue;
            row.which |= 1u << i;
            row.out[i] = (uint8_t *)parity[i] + from;
        }
        if (row.which == 0)
            return 0;
        end = stretch_end(cols, ndata, from, size);
        stretch_sources(cols, ndata, from, end, src);
        row_run(kernel, src, &row, end - from);
    }
    return 0;
}

/* Invert the n x n matrix a into inv by Gauss-Jordan. False: singular (cannot happen, see header).
 */
static bool matrix_invert(uint8_t a[RAIDZ_MAX_PARITY][RAIDZ_MAX_PARITY], unsigned n,
                          uint8_t inv[RAIDZ_MAX_PARITY][RAIDZ_MAX_PARITY])
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            inv[i][j] = i == j;
    for (unsigned col = 0; col < n; col++) {
        unsigned pivot = col;
        while (pivot < n && a[pivot][col] == 0)
            pivot++;
        if (pivot == n)
            return false;
        for (unsigned j = 0; j < n && pivot != col; j++) {
            uint8_t t = a[col][j];
            a[col][j] = a[pivot][j];
            a[pivot][j] = t;
            t = inv[col][j];
            inv[col][j] = inv[pivot][j];
            inv[pivot][j] = t;
        }
        const uint8_t scale = gf_invert(a[col][col]);
        for (unsigned j = 0; j < n; j++) {
            a[col][j] = gf_times(a[col][j], scale);
            inv[col][j] = gf_times(inv[col][j], scale);
        }
        for (unsigned i = 0; i < n; i++) {
            const uint8_t f = a[i][col];
            if (i == col || f == 0)
                continue;
            for (unsigned j = 0; j < n; j++) {
                a[i][j] ^= gf_times(f, a[col][j]);
                inv[i][j] ^= gf_times(f, inv[col][j]);
            }
        }
    }
    return true;
}

static int check_missing(const unsigned missing[], unsigned n, void *const parity[],
                         const unsigned use[], unsigned ndata)
{
    if (n > RAIDZ_MAX_PARITY)
        return err_raise(ZE_INVAL, "raidz: %u missing columns", n);
    for (unsigned i = 0; i < n; i++) {
        if (missing[i] >= ndata || (i > 0 && missing[i] <= missing[i - 1]))
            return err_raise(ZE_INVAL, "raidz: missing column %u of %u", missing[i], ndata);
        if (use[i] >= RAIDZ_MAX_PARITY || (i > 0 && use[i] <= use[i - 1]) || parity[use[i]] == NULL)
            return err_raise(ZE_INVAL, "raidz: parity column %u cannot be used", use[i]);
    }
    return 0;
}

/* Recover the unknown columns of one stretch with as many parities as there are unknowns. */
static int stretch_solve(const struct raidz_kernel *kernel, const uint8_t *src[], unsigned ndata,
                         const unsigned unknown[], unsigned n, struct raidz_row *row,
                         const unsigned use[], size_t len)
{
    uint8_t a[RAIDZ_MAX_PARITY][RAIDZ_MAX_PARITY];
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            a[i][j] = gf_factor(use[i], ndata, unknown[j]);
    if (!matrix_invert(a, n, row->inverse))
        return err_raise(ZE_BUG, "raidz: equations of %u columns are dependent", n);
    for (unsigned i = 0; i < n; i++)
        row->which |= 1u << use[i];
    row->nout = n;
    row->mode = row->which == ROW_P ? ROW_SYNDROME : ROW_SOLVE;
    row_run(kernel, src, row, len);
    return 0;
}

static int reconstruct(const struct raidz_kernel *kernel, const struct raidz_col *cols,
                       unsigned ndata, const unsigned missing[], unsigned n,
                       void *const parity[RAIDZ_MAX_PARITY], const unsigned use[], size_t size)
{
    int err = check_columns(cols, ndata, size);
    if (err == 0)
        err = check_missing(missing, n, parity, use, ndata);
    if (err != 0)
        return err;
    const uint8_t *src[RAIDZ_MAX_DATA];
    for (size_t from = 0, end; from < size; from = end) {
        end = stretch_end(cols, ndata, from, size);
        stretch_sources(cols, ndata, from, end, src);
        struct raidz_row row = {.src = src, .ncols = ndata};
        unsigned unknown[RAIDZ_MAX_PARITY], left = 0;
        for (unsigned i = 0; i < n; i++) {
            if (src[missing[i]] == NULL)
                continue; /* the column has ended: known to be zero */
            row.out[left] = (uint8_t *)cols[missing[i]].data + from;
            unknown[left++] = missing[i];
            src[missing[i]] = NULL;
        }
        if (left == 0)
            return 0; /* later stretches have no unknowns either */
        for (unsigned i = 0; i < left; i++)
            row.par[use[i]] = (const uint8_t *)parity[use[i]] + from;
        err = stretch_solve(kernel, src, ndata, unknown, left, &row, use, end - from);
        if (err != 0)
            return err;
    }
    return 0;
}

int raidz_generate(unsigned nparity, const struct raidz_col *cols, unsigned ndata,
                   void *const parity[], size_t size)
{
    return generate(kernel_best(), nparity, cols, ndata, parity, size);
}

int raidz_reconstruct(const struct raidz_col *cols, unsigned ndata, const unsigned missing[],
                      unsigned n, void *const parity[RAIDZ_MAX_PARITY], const unsigned use[],
                      size_t size)
{
    return reconstruct(kernel_best(), cols, ndata, missing, n, parity, use, size);
}

int raidz_generate_with(const char *variant, unsigned nparity, const struct raidz_col *cols,
                        unsigned ndata, void *const parity[], size_t size)
{
    const struct raidz_kernel *kernel = kernel_named(variant);
    if (kernel == NULL)
        return err_raise(ZE_NOTSUP, "raidz: no variant \"%s\" on this processor", variant);
    return generate(kernel, nparity, cols, ndata, parity, size);
}

int raidz_reconstruct_with(const char *variant, const struct raidz_col *cols, unsigned ndata,
                           const unsigned missing[], unsigned n,
                           void *const parity[RAIDZ_MAX_PARITY], const unsigned use[], size_t size)
{
    const struct raidz_kernel *kernel = kernel_named(variant);
    if (kernel == NULL)
        return err_raise(ZE_NOTSUP, "raidz: no variant \"%s\" on this processor", variant);
    return reconstruct(kernel, cols, ndata, missing, n, parity, use, size);
}

int raidz_verify(unsigned nparity, const struct raidz_col *cols, unsigned ndata,
                 void *const parity[], size_t size, unsigned *bad)
{
    enum { PIECE = 4096 };
    _Alignas(64) uint8_t want[RAIDZ_MAX_PARITY][PIECE];
    *bad = 0;
    if (nparity == 0 || nparity > RAIDZ_MAX_PARITY)
        return err_raise(ZE_INVAL, "raidz: %u parity columns", nparity);
    int err = check_columns(cols, ndata, size);
    if (err != 0)
        return err;
    for (size_t from = 0, len; from < size; from += len) {
        len = min_of(size - from, (size_t)PIECE);
        struct raidz_col piece[RAIDZ_MAX_DATA];
        for (unsigned j = 0; j < ndata; j++) {
            const size_t left = cols[j].len > from ? cols[j].len - from : 0;
            piece[j].len = min_of(left, len);
            piece[j].data = left > 0 ? (uint8_t *)cols[j].data + from : NULL;
        }
        void *out[RAIDZ_MAX_PARITY] = {NULL};
        for (unsigned i = 0; i < nparity; i++)
            out[i] = parity[i] != NULL && (*bad & 1u << i) == 0 ? want[i] : NULL;
        err = generate(kernel_best(), nparity, piece, ndata, out, len);
        if (err != 0)
            return err;
        for (unsigned i = 0; i < nparity; i++)
            if (out[i] != NULL && memcmp(out[i], (const uint8_t *)parity[i] + from, len) != 0)
                *bad |= 1u << i;
    }
    return 0;
}
