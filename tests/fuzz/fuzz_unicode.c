/* SPDX-License-Identifier: MIT */
/*
 * Names under every combination of normalization flags: the result stays within its bound and is
 * the same when normalized again (without case folding, which can make a new composition possible).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned forms[] = {0,
                                     UNICODE_FORM_D,
                                     UNICODE_FORM_C,
                                     UNICODE_FORM_KD,
                                     UNICODE_FORM_KC,
                                     UNICODE_COMPOSE,
                                     UNICODE_TOUPPER,
                                     UNICODE_TOUPPER | UNICODE_FORM_D,
                                     UNICODE_TOUPPER | UNICODE_FORM_C,
                                     UNICODE_TOUPPER | UNICODE_FORM_KC,
                                     UNICODE_FLAGS};
    const char *s = (const char *)data;
    size_t n, again, cap, tight;
    char *a, *b;

    if (size > 4096)
        size = 4096;
    cap = UNICODE_NORMALIZED_MAX(size);
    a = malloc(cap);
    must(a != NULL);
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        must(unicode_normalize(s, size, forms[i], a, cap, &n) == 0 && n <= cap);
        if (unicode_utf8_valid(s, size))
            must(unicode_utf8_valid(a, n));
        b = malloc(UNICODE_NORMALIZED_MAX(n));
        must(b != NULL);
        must(unicode_normalize(a, n, forms[i], b, UNICODE_NORMALIZED_MAX(n), &again) == 0);
        /* The joiners of overlong sequences move when they are cut again. */
        if (i < 5 && size < 31)
            must(n == again && memcmp(a, b, n) == 0);
        free(b);
        if (n != 0)
            must(unicode_normalize(s, size, forms[i], a, n - 1, &tight) != 0);
        must(unicode_same(s, size, s, size, forms[i]));
    }
    free(a);
    return 0;
}
