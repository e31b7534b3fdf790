/* SPDX-License-Identifier: MIT */
/*
 * Resume tokens of any text. Input: the token; or, behind a first byte 1, packed bytes that get a
 * right header and checksum, so that what is behind the checksum is reached. What decodes must
 * survive being encoded and decoded again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "dsl/resume_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PACKED_MAX 65536u

static char *wrap(const uint8_t *data, size_t size)
{
    uLongf len = compressBound(size);
    uint8_t *small = malloc(len);
    uint64_t sum = 0;
    char *text = malloc(2 * len + 64);

    if (small == NULL || text == NULL || compress2(small, &len, data, size, 6) != Z_OK)
        abort();
    for (size_t i = 0; i + 4 <= len; i += 4)
        sum += load_le32(small + i);
    int at = sprintf(text, "1-%" PRIx64 "-%zx-", sum, size);
    for (size_t i = 0; i < len; i++)
        at += sprintf(text + at, "%02x", small[i]);
    free(small);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvlist *nv = NULL, *again = NULL;
    char *text, *token = NULL;

    if (size > PACKED_MAX)
        return 0;
    text = size > 0 && data[0] == 1 ? wrap(data + 1, size - 1) : strndup((const char *)data, size);
    if (text != NULL && resume_token_decode(text, &nv) == 0) {
        if (resume_token_encode(nv, &token) == 0 && resume_token_decode(token, &again) != 0)
            abort();
        nvlist_free(again);
        nvlist_free(nv);
        free(token);
    }
    free(text);
    return 0;
}
