/* SPDX-License-Identifier: MIT */
/*
 * The block reference table as stored (format/crypto-dedup.md, "C2. MOS objects", "C3. Entry ZAP").
 * Callers: alloc/brt.c, inspect/.
 */
#ifndef ZUSE_DISK_BRT_PHYS_H
#define ZUSE_DISK_BRT_PHYS_H

#include "disk/fields.h"

#define BRT_NAME_PREFIX "com.fudosecurity:brt:vdev:" /* decimal vdev id follows */
#define BRT_RANGE_SIZE  (16ull << 20)
#define BRT_BLOCK_SIZE  (32u << 10)

#define BRT_VDEV_PHYS_FIELDS(F, S)                                                                 \
    F(S, 0, U64, entries_obj, , DEC)                                                               \
    F(S, 8, U64, size, , DEC)                                                                      \
    F(S, 16, U64, byteorder, , DEC) /* of the counters: 0 little, 1 big */                         \
    F(S, 24, U64, total_count, , DEC)                                                              \
    F(S, 32, U64, range_size, , DEC)                                                               \
    F(S, 40, U64, used_space, , DEC)                                                               \
    F(S, 48, U64, saved_space, , DEC)
LAYOUT_STRUCT(brt_vdev_phys, 56, BRT_VDEV_PHYS_FIELDS);

/* data_size: bytes of the object. ZE_BADBRT. */
int brt_vdev_phys_load(struct brt_vdev_phys *out, const void *bonus, size_t bonuslen,
                       uint64_t data_size, uint64_t vdev);
/* Counters in place to host order. */
void brt_counters_to_host(uint16_t *counters, size_t n, const struct brt_vdev_phys *brt);
/*
 * Value of an entry: integer_size and count as the ZAP stores it, value in host order if the
 * integers are 8 bytes, else 8 bytes as stored (the order of the machine that wrote them: this
 * host's). ZE_BADBRT.
 */
int brt_entry_value(unsigned integer_size, uint64_t count, const void *value, uint64_t *refs);

#endif
