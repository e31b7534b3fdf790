/* SPDX-License-Identifier: MIT */
/*
 * Packed nvlists of any form: what decodes must encode in both forms and decode to the same again.
 * Also read as JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/nvlist.h"
#include "codec/nvlist_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void round_trip(const struct nvlist *nv, enum nv_encoding enc)
{
    AUTO_NVLIST struct nvlist *again = NULL;
    uint8_t *a, *b;
    size_t a_len, b_len;

    must(nvlist_encode(nv, enc, &a, &a_len) == 0);
    must(nvlist_encoded_size(nv, enc) == a_len);
    must(nvlist_decode(span_of(a, a_len), &again) == 0);
    must(nvlist_encode(again, enc, &b, &b_len) == 0);
    must(a_len == b_len && memcmp(a, b, a_len) == 0);
    free(a);
    free(b);
}

static void decode(const uint8_t *data, size_t size)
{
    AUTO_NVLIST struct nvlist *nv = NULL, *copy = NULL;
    size_t used;
    char *text;

    if (nvlist_decode_used(span_of(data, size), &nv, &used) != 0)
        return;
    must(used <= size);
    must(nvlist_dup(nv, &copy) == 0);
    round_trip(copy, NV_ENC_XDR);
    round_trip(copy, NV_ENC_NATIVE);
    must(nvlist_to_json(nv, &text) == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    uint8_t *copy = malloc(size + 4);

    must(copy != NULL);
    /* As given, and with each of the three headers in front. */
    decode(data, size);
    for (unsigned form = 0; form < 3; form++) {
        memcpy(copy, (uint8_t[4]){form == 2, form == 1, 0, 0}, 4);
        if (size != 0)
            memcpy(copy + 4, data, size);
        decode(copy, size + 4);
    }
    free(copy);
    if (nvlist_from_json((const char *)data, size, &nv) == 0)
        must(nv != NULL);
    return 0;
}
