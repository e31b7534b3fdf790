/* SPDX-License-Identifier: MIT */
/*
 * CRC-64: see crc64.h.
 */
#include "codec/crc64.h"

/*
 * Entry i of the table is linear in the bits of i, so the entries of the eight single bits make all
 * of it. Entry 0x80 is the polynomial, each lower one is the one above shifted once more.
 */
#define BIT(i, bit, v) ((i) & (bit) ? (v) : 0)
#define ENTRY(i)                                                                                   \
    (BIT(i, 0x80, 0xc96c5795d7870f42u) ^ BIT(i, 0x40, 0x64b62bcaebc387a1u) ^                       \
     BIT(i, 0x20, 0xfb374270a266cc92u) ^ BIT(i, 0x10, 0x7d9ba13851336649u) ^                       \
     BIT(i, 0x08, 0xf7a18709ff1ebc66u) ^ BIT(i, 0x04, 0x7bd0c384ff8f5e33u) ^                       \
     BIT(i, 0x02, 0xf4843657a840a05bu) ^ BIT(i, 0x01, 0xb32e4cbe03a75f6fu))
#define ENTRY4(i)  ENTRY(i), ENTRY(i + 1), ENTRY(i + 2), ENTRY(i + 3)
#define ENTRY16(i) ENTRY4(i), ENTRY4(i + 4), ENTRY4(i + 8), ENTRY4(i + 12)
#define ENTRY64(i) ENTRY16(i), ENTRY16(i + 16), ENTRY16(i + 32), ENTRY16(i + 48)

static const uint64_t table[256] = {ENTRY64(0), ENTRY64(64), ENTRY64(128), ENTRY64(192)};

uint64_t crc64_update(uint64_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++)
        crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xff];
    return crc;
}

uint64_t crc64_update_u64(uint64_t crc, uint64_t word)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        crc = crc >> 8 ^ table[(crc ^ word >> shift) & 0xff];
    return crc;
}
