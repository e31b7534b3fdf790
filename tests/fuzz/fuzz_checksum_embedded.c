/* SPDX-License-Identifier: MIT */
/*
 * Blocks that carry their own checksum, with arbitrary contents. Byte 0 selects function and
 * protection, bytes 1-32 are the verifier, the rest is the block: verify it as it is, then write a
 * checksum and expect it to verify, and to fail after a change.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "codec/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 1 + 32 };

static void must(int ok)
{
    if (!ok)
        abort();
}

static int verify(unsigned choice, const uint8_t *block, size_t len, const struct cksum *verifier,
                  bool *swapped)
{
    const enum checksum_id id = (enum checksum_id)(choice & 15);
    return choice & 16 ? checksum_embedded_verify_protected(id, block, len, verifier, swapped)
                       : checksum_embedded_verify(id, block, len, verifier, swapped);
}

static int write(unsigned choice, uint8_t *block, size_t len, const struct cksum *verifier)
{
    const enum checksum_id id = (enum checksum_id)(choice & 15);
    return choice & 16 ? checksum_embedded_write_protected(id, block, len, verifier)
                       : checksum_embedded_write(id, block, len, verifier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cksum verifier;
    bool swapped = false;

    if (size < HEAD)
        return 0;
    memcpy(&verifier, data + 1, sizeof(verifier));
    /* Sums over 32- and 64-bit words: blocks are a multiple of 16 bytes. */
    const size_t len = (size - HEAD) & ~(size_t)15;
    uint8_t *block = malloc(len == 0 ? 1 : len);
    must(block != NULL);
    memcpy(block, data + HEAD, len);
    verify(data[0], block, len, &verifier, &swapped);
    if (write(data[0], block, len, &verifier) == 0) {
        must(verify(data[0], block, len, &verifier, &swapped) == 0 && !swapped);
        if (!(data[0] & 16)) { /* folded fletcher sums are weaker than one changed bit */
            block[0] ^= 1;
            must(verify(data[0], block, len, &verifier, &swapped) != 0);
        }
    }
    free(block);
    return 0;
}
