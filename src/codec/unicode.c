/* SPDX-License-Identifier: MIT */
/*
 * Unicode normalization and case folding: see unicode.h. The text is cut into sequences, a starter
 * and the combining marks behind it, each of which is decomposed, put in canonical order and
 * composed in a fixed buffer. The tables are generated at build time (gen_unicode.py).
 */
#include "codec/unicode.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"

struct unicode_pair {
    uint32_t from, to;
};

/* Full decompositions in decomposed_chars; canon_len 0: none under the canonical forms. */
struct unicode_decomposition {
    uint32_t cp;
    uint16_t canon_at;
    uint8_t canon_len;
    uint16_t compat_at;
    uint8_t compat_len;
};

struct unicode_range {
    uint32_t first, last;
    uint8_t ccc;
};

struct unicode_composition {
    uint32_t first, second, composed;
};

#include "codec/unicode_tables.h" /* generated */

/* The first character with a decomposition, a mark or (but for ASCII) a case partner is above
 * these. */
#define FIRST_SPECIAL 0xa0u
#define FIRST_MARK    0x300u

#define HANGUL_S  0xac00u
#define HANGUL_L  0x1100u
#define HANGUL_V  0x1161u
#define HANGUL_T  0x11a7u
#define HANGUL_LN 19u
#define HANGUL_VN 21u
#define HANGUL_TN 28u
#define HANGUL_SN (HANGUL_LN * HANGUL_VN * HANGUL_TN)

/* After so many characters of one sequence a joiner is inserted and a new sequence starts. */
#define SEQUENCE_MAX     31u
#define GRAPHEME_JOINER  0x34fu
#define DECOMPOSED_MAX   18u /* the longest: U+FDFA */
#define STACK_NAME_BYTES 256u

/* ---- UTF-8 ---- */

/* Length of the well-formed character at s, 0 if ill-formed. */
static size_t utf8_decode(const uint8_t *s, size_t len, uint32_t *cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n;
    uint32_t v;

    if (s[0] < 0x80) {
        *cp = s[0];
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (n > len)
        return 0;
    v = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3f);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
        return 0;
    *cp = v;
    return n;
}

static size_t utf8_encode(uint32_t cp, uint8_t out[4])
{
    if (cp < 0x80) {
        out[0] = (uint8_t)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (uint8_t)(0xc0 | cp >> 6);
        out[1] = (uint8_t)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (uint8_t)(0xe0 | cp >> 12);
        out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | cp >> 18);
    out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (cp & 0x3f));
    return 4;
}

bool unicode_utf8_valid(const char *s, size_t len)
{
    const uint8_t *p = (const uint8_t *)s;
    uint32_t cp;

    for (size_t at = 0, n; at < len; at += n) {
        n = utf8_decode(p + at, len - at, &cp);
        if (n == 0)
            return false;
    }
    return true;
}

/* ---- tables ---- */

static int compare_pair(const void *key, const void *row)
{
    uint32_t cp = *(const uint32_t *)key, at = ((const struct unicode_pair *)row)->from;

    return cp < at ? -1 : cp > at;
}

static uint32_t to_upper(uint32_t cp)
{
    const struct unicode_pair *p;

    if (cp < 0x80)
        return cp >= 'a' && cp <= 'z' ? cp - 'a' + 'A' : cp;
    p = bsearch(&cp, upper_table, array_len(upper_table), sizeof(upper_table[0]), compare_pair);
    return p != NULL ? p->to : cp;
}

static int compare_range(const void *key, const void *row)
{
    const struct unicode_range *r = row;
    uint32_t cp = *(const uint32_t *)key;

    return cp < r->first ? -1 : cp > r->last;
}

static uint8_t combining_class(uint32_t cp)
{
    const struct unicode_range *r;

    if (cp < FIRST_MARK)
        return 0;
    r = bsearch(&cp, combining_table, array_len(combining_table), sizeof(combining_table[0]),
                compare_range);
    return r != NULL ? r->ccc : 0;
}

static int compare_decomposition(const void *key, const void *row)
{
    uint32_t cp = *(const uint32_t *)key, at = ((const struct unicode_decomposition *)row)->cp;

    return cp < at ? -1 : cp > at;
}

static size_t decompose_hangul(uint32_t cp, uint32_t *out)
{
    uint32_t s = cp - HANGUL_S, t = s % HANGUL_TN;

    out[0] = HANGUL_L + s / (HANGUL_VN * HANGUL_TN);
    out[1] = HANGUL_V + s / HANGUL_TN % HANGUL_VN;
    out[2] = HANGUL_T + t;
    return t != 0 ? 3 : 2;
}

static size_t decompose(uint32_t cp, unsigned flags, uint32_t out[DECOMPOSED_MAX])
{
    const struct unicode_decomposition *d;
    bool compat = flags & UNICODE_DECOMPOSE_COMPAT;
    size_t len;

    out[0] = cp;
    if (cp < FIRST_SPECIAL || !(flags & (UNICODE_DECOMPOSE | UNICODE_DECOMPOSE_COMPAT)))
        return 1;
    if (cp >= HANGUL_S && cp < HANGUL_S + HANGUL_SN)
        return decompose_hangul(cp, out);
    d = bsearch(&cp, decomposition_table, array_len(decomposition_table),
                sizeof(decomposition_table[0]), compare_decomposition);
    if (d == NULL || (!compat && d->canon_len == 0))
        return 1;
    len = compat ? d->compat_len : d->canon_len;
    memcpy(out, &decomposed_chars[compat ? d->compat_at : d->canon_at], len * sizeof(*out));
    return len;
}

static int compare_composition(const void *key, const void *row)
{
    const struct unicode_composition *k = key, *r = row;

    if (k->first != r->first)
        return k->first < r->first ? -1 : 1;
    return k->second < r->second ? -1 : k->second > r->second;
}

/* The character that first and second make together, 0 if none. */
static uint32_t compose(uint32_t first, uint32_t second)
{
    struct unicode_composition key = {first, second, 0};
    const struct unicode_composition *c;

    if (first - HANGUL_L < HANGUL_LN && second - HANGUL_V < HANGUL_VN)
        return HANGUL_S + ((first - HANGUL_L) * HANGUL_VN + (second - HANGUL_V)) * HANGUL_TN;
    if (first - HANGUL_S < HANGUL_SN && (first - HANGUL_S) % HANGUL_TN == 0 &&
        second - (HANGUL_T + 1) < HANGUL_TN - 1)
        return first + (second - HANGUL_T);
    c = bsearch(&key, composition_table, array_len(composition_table), sizeof(composition_table[0]),
                compare_composition);
    return c != NULL ? c->composed : 0;
}

/* ---- sequences ---- */

struct sequence {
    uint32_t cp[SEQUENCE_MAX + 1];
    uint8_t ccc[SEQUENCE_MAX + 1];
    unsigned n;
};

struct writer {
    uint8_t *out;
    size_t len, cap;
    unsigned flags;
    bool overflow;
    struct sequence seq;
};

static void write_bytes(struct writer *w, const uint8_t *p, size_t n)
{
    if (n > w->cap - w->len) {
        w->overflow = true;
        return;
    }
    memcpy(w->out + w->len, p, n);
    w->len += n;
}

/* Canonical order: marks sorted by class, equal classes stay as they are. */
static void sequence_sort(struct sequence *s)
{
    for (unsigned i = 1; i < s->n; i++) {
        uint32_t cp = s->cp[i];
        uint8_t ccc = s->ccc[i];
        unsigned j = i;
        for (; j > 0 && ccc != 0 && s->ccc[j - 1] > ccc; j--) {
            s->cp[j] = s->cp[j - 1];
            s->ccc[j] = s->ccc[j - 1];
        }
        s->cp[j] = cp;
        s->ccc[j] = ccc;
    }
}

/* Marks that are not blocked by an equal class before them melt into the starter. */
static void sequence_compose(struct sequence *s)
{
    unsigned kept = 1;

    if (s->n == 0 || s->ccc[0] != 0)
        return;
    for (unsigned i = 1; i < s->n; i++) {
        bool blocked = kept > 1 && s->ccc[kept - 1] >= s->ccc[i];
        uint32_t c = blocked ? 0 : compose(s->cp[0], s->cp[i]);
        if (c != 0) {
            s->cp[0] = c;
            continue;
        }
        s->cp[kept] = s->cp[i];
        s->ccc[kept++] = s->ccc[i];
    }
    s->n = kept;
}

static void sequence_finish(struct writer *w)
{
    if (w->seq.n < 2)
        return;
    if (w->flags & (UNICODE_DECOMPOSE | UNICODE_DECOMPOSE_COMPAT))
        sequence_sort(&w->seq);
    if (w->flags & UNICODE_COMPOSE)
        sequence_compose(&w->seq);
}

static void sequence_flush(struct writer *w)
{
    uint8_t bytes[4];

    sequence_finish(w);
    for (unsigned i = 0; i < w->seq.n; i++)
        write_bytes(w, bytes, utf8_encode(w->seq.cp[i], bytes));
    w->seq.n = 0;
}

static void sequence_push(struct writer *w, uint32_t cp, uint8_t ccc)
{
    w->seq.cp[w->seq.n] = cp;
    w->seq.ccc[w->seq.n++] = ccc;
}

static void add_starter(struct writer *w, uint32_t cp)
{
    uint32_t c = 0;

    sequence_finish(w);
    /* Two starters compose only if nothing stands between them: Hangul, a few Indic vowels. */
    if (w->seq.n == 1 && w->seq.ccc[0] == 0 && (w->flags & UNICODE_COMPOSE))
        c = compose(w->seq.cp[0], cp);
    if (c != 0) {
        w->seq.cp[0] = c;
        return;
    }
    sequence_flush(w);
    sequence_push(w, cp, 0);
}

static void add_mark(struct writer *w, uint32_t cp, uint8_t ccc)
{
    if (w->seq.n == SEQUENCE_MAX) {
        sequence_push(w, GRAPHEME_JOINER, 0);
        sequence_flush(w);
    }
    sequence_push(w, cp, ccc);
}

static void add_character(struct writer *w, uint32_t cp)
{
    uint32_t parts[DECOMPOSED_MAX];
    size_t n;

    if (w->flags & UNICODE_TOUPPER)
        cp = to_upper(cp);
    n = decompose(cp, w->flags, parts);
    for (size_t i = 0; i < n; i++) {
        uint8_t ccc = combining_class(parts[i]);
        if (ccc == 0)
            add_starter(w, parts[i]);
        else
            add_mark(w, parts[i], ccc);
    }
}

int unicode_normalize(const char *s, size_t len, unsigned flags, char *out, size_t out_cap,
                      size_t *out_len)
{
    struct writer w = {.out = (uint8_t *)out, .cap = out_cap, .flags = flags & UNICODE_FLAGS};
    const uint8_t *p = (const uint8_t *)s;
    uint32_t cp = 0;

    if (w.flags == 0) {
        write_bytes(&w, p, len);
        len = 0;
    }
    for (size_t at = 0, n; at < len && !w.overflow; at += n) {
        n = utf8_decode(p + at, len - at, &cp);
        if (n != 0) {
            add_character(&w, cp);
            continue;
        }
        n = 1;
        sequence_flush(&w);
        write_bytes(&w, p + at, n);
    }
    sequence_flush(&w);
    if (w.overflow)
        return err_raise(ZE_RANGE, "normalized name does not fit in %zu bytes", out_cap);
    *out_len = w.len;
    return 0;
}

bool unicode_same(const char *a, size_t a_len, const char *b, size_t b_len, unsigned flags)
{
    char stack[2 * UNICODE_NORMALIZED_MAX(STACK_NAME_BYTES)];
    AUTO_FREE char *heap = NULL;
    char *room = stack;
    size_t a_max = UNICODE_NORMALIZED_MAX(a_len), b_max = UNICODE_NORMALIZED_MAX(b_len), a_out,
           b_out;

    if (a_len == b_len && memcmp(a, b, a_len) == 0)
        return true;
    if ((flags & UNICODE_FLAGS) == 0)
        return false;
    if (a_max + b_max > sizeof(stack)) {
        heap = malloc(a_max + b_max);
        if (heap == NULL)
            return false;
        room = heap;
    }
    if (unicode_normalize(a, a_len, flags, room, a_max, &a_out) != 0 ||
        unicode_normalize(b, b_len, flags, room + a_max, b_max, &b_out) != 0)
        return false;
    return a_out == b_out && memcmp(room, room + a_max, a_out) == 0;
}
