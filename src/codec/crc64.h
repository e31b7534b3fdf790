/* SPDX-License-Identifier: MIT */
/*
 * The CRC-64 of ZAP hashes (format/dmu.md, "9.1 Hash"): reflected polynomial 0xC96C5795D7870F42,
 * fed byte by byte into a running value that starts as the ZAP's salt.
 */
#ifndef ZUSE_CODEC_CRC64_H
#define ZUSE_CODEC_CRC64_H

#include <stddef.h>
#include <stdint.h>

uint64_t crc64_update(uint64_t crc, const void *data, size_t len);
/* The eight bytes of a number, least significant first, whatever the host's byte order. */
uint64_t crc64_update_u64(uint64_t crc, uint64_t word);

#endif
