/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: file attributes: SA header and layout walk, znodes, ACLs; ZAP blocks (disk/sa_phys.h,
 * zap_phys.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "disk/sa_phys.h"
#include "disk/zap_phys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void acl(struct span s)
{
    struct ace ace;
    for (unsigned version = 0; version < 2; version++) {
        size_t pos = 0;
        while (ace_next(s, version, &pos, &ace) == 0)
            ;
        (void)acl_validate(s, version, s.len / 8);
    }
}

static void sa(struct span s)
{
    static const uint16_t lengths[16] = {8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 8, 8, 8, 0, 0};
    struct sa_extent at[16];
    struct sa_header h;
    uint8_t copy[65536];

    if (sa_header_decode(s, &h) != 0 || sa_layout_locate(s, &h, lengths, 16, at) != 0)
        return;
    for (unsigned i = 0; i < 16; i++)
        sa_attr_copy(copy, s.data + at[i].offset, at[i].length, (enum sa_bswap)(i % 5), h.swapped);
}

static void zap(uint8_t *block, size_t len)
{
    uint8_t out[256];

    (void)mzap_validate(block, len, "fuzz");
    (void)zap_header_validate(block, len, 16, "fuzz");
    (void)zap_leaf_validate(block, len, 1, "fuzz");
    (void)zap_leaf_validate(block, len, 8, "fuzz");
    if (is_pow2(len) && len >= 1u << ZAP_MIN_SHIFT)
        (void)zap_leaf_array_read(block, highbit64(len) - 1, block[1], sizeof(out), out);
    zap_block_bswap(block, len);
    (void)zap_leaf_validate(block, len, 1, "fuzz");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 8 || size > 65536)
        return 0;
    uint8_t *block = malloc(size);
    if (block == NULL)
        return 0;
    memcpy(block, data, size);
    acl(span_of(block, size));
    sa(span_of(block, size));
    if (size >= sizeof(struct znode_phys))
        (void)znode_phys_validate((const struct znode_phys *)(const void *)block, size);
    znode_bonus_bswap(block, size);
    ace_v0_bswap(block, size);
    ace_bswap(block, size);
    memcpy(block, data, size);
    zap(block, size);
    free(block);
    return 0;
}
