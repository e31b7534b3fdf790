/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: block pointers: validation, every accessor, both text forms (disk/blkptr.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "disk/blkptr.h"
#include "disk/gang.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(struct blkptr *bp)
{
    char text[BP_TEXT_MAX];
    uint8_t payload[BLKPTR_EMBEDDED_MAX], salt[8], iv[12], mac[16];

    (void)bp_validate(bp);
    if (bp_format(text, sizeof(text), bp) >= (int)sizeof(text))
        __builtin_trap(); /* BP_TEXT_MAX promises to be enough */
    (void)bp_format_compact(text, sizeof(text), bp);
    (void)bp_format(NULL, 0, bp);
    if (bp_embedded_payload(bp, payload) > sizeof(payload))
        __builtin_trap();
    bp_crypt_params(bp, salt, iv);
    bp_crypt_mac(bp, mac);
    if (bp_ndvas(bp) > BLKPTR_DVAS)
        __builtin_trap();
    (void)(bp_asize(bp) + bp_ucsize(bp) + bp_fill(bp) + bp_birth(bp) + bp_same(bp, bp));
    bp_bswap(bp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blkptr bp;
    _Alignas(8) uint8_t header[GANG_HEADER_OLD_SIZE];
    unsigned members;

    for (size_t at = 0; at + sizeof(bp) <= size && at < 64 * sizeof(bp); at += sizeof(bp)) {
        memcpy(&bp, data + at, sizeof(bp));
        one(&bp);
    }
    if (size >= sizeof(header) + sizeof(bp)) {
        memcpy(header, data, sizeof(header));
        memcpy(&bp, data + sizeof(header), sizeof(bp));
        (void)gang_header_validate(header, sizeof(header), &bp, &members);
        gang_header_bswap(header, sizeof(header));
    }
    return 0;
}
