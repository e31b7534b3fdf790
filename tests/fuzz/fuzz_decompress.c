/* SPDX-License-Identifier: MIT */
/*
 * Decompressors on arbitrary input. Byte 0 selects the function, bytes 1-2 the output size
 * (1..65536), byte 3 bit 0 puts a valid lz4 or zstd header in front. Output that decodes must also
 * survive being compressed and decoded again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "codec/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 4, FRAME = 8 };

static void must(int ok)
{
    if (!ok)
        abort();
}

static void encode_and_back(enum compress_id id, const uint8_t *plain, size_t len)
{
    const size_t room = len + len / 4 + 64;
    uint8_t *packed = malloc(room), *again = malloc(len);

    must(packed != NULL && again != NULL);
    const size_t n = compress_encode(id, 3, plain, len, packed, room);
    must(n <= room);
    if (n > 0) {
        must(compress_decode(id, packed, n, again, len) == 0);
        must(memcmp(plain, again, len) == 0);
    }
    free(packed);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    const enum compress_id id = (enum compress_id)(data[0] % (COMPRESS_COUNT + 1));
    const size_t len = (size_t)load_le16(data + 1) + 1;
    const size_t frame = id == COMPRESS_LZ4 ? 4 : id == COMPRESS_ZSTD ? FRAME : 0;
    const size_t head = data[3] & 1 ? frame : 0, n = size - HEAD;
    /* Buffers of the exact size: a sanitizer sees the first byte too far. */
    uint8_t *in = malloc(head + n + (head + n == 0)), *out = malloc(len);

    must(in != NULL && out != NULL);
    if (head > 0)
        store_be32(in, (uint32_t)n);
    if (head == FRAME)
        store_be32(in + 4, 0x030028a5); /* level 3, version 10405 */
    memcpy(in + head, data + HEAD, n);
    if (compress_decode(id, in, head + n, out, len) == 0)
        encode_and_back(id, out, len);
    compress_zstd_level(in, head + n);
    free(in);
    free(out);
    return 0;
}
