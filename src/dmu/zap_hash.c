/* SPDX-License-Identifier: MIT */
/*
 * ZAP hashes and name normalisation (format/dmu.md, "9.1 Hash", "9.6 Names, matching,
 * normalization"). Pure functions.
 */
#include "dmu/zap_impl.h"

/*
 * CRC-64 of one byte. The table is linear in the bits of its index, so eight constants (the entries
 * 1, 2, 4, ... 128) make all of it.
 */
#define CRC_BIT(i, bit, v) ((i) & (bit) ? (v) : 0)
#define CRC(i)                                                                                     \
    (CRC_BIT(i, 0x80, 0xc96c5795d7870f42u) ^ CRC_BIT(i, 0x40, 0x64b62bcaebc387a1u) ^               \
     CRC_BIT(i, 0x20, 0xfb374270a266cc92u) ^ CRC_BIT(i, 0x10, 0x7d9ba13851336649u) ^               \
     CRC_BIT(i, 0x08, 0xf7a18709ff1ebc66u) ^ CRC_BIT(i, 0x04, 0x7bd0c384ff8f5e33u) ^               \
     CRC_BIT(i, 0x02, 0xf4843657a840a05bu) ^ CRC_BIT(i, 0x01, 0xb32e4cbe03a75f6fu))
#define CRC4(i)  CRC(i), CRC(i + 1), CRC(i + 2), CRC(i + 3)
#define CRC16(i) CRC4(i), CRC4(i + 4), CRC4(i + 8), CRC4(i + 12)
#define CRC64(i) CRC16(i), CRC16(i + 16), CRC16(i + 32), CRC16(i + 48)

static const uint64_t crc_table[256] = {CRC64(0), CRC64(64), CRC64(128), CRC64(192)};

static uint64_t hash_byte(uint64_t h, uint8_t c)
{
    return h >> 8 ^ crc_table[(h ^ c) & 0xff];
}

static uint64_t hash_cut(const struct zap *zap, uint64_t h)
{
    return h & ~(UINT64_MAX >> zap->hash_bits);
}

uint64_t zap_hash_bytes(const struct zap *zap, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t h = zap->salt;
    for (size_t i = 0; i < len; i++)
        h = hash_byte(h, p[i]);
    return hash_cut(zap, h);
}

uint64_t zap_hash_words(const struct zap *zap, const uint64_t *words, unsigned n)
{
    if (zap->flags & ZAP_FLAG_PRE_HASHED_KEY)
        return hash_cut(zap, n > 0 ? words[0] : 0);
    uint64_t h = zap->salt;
    for (unsigned i = 0; i < n; i++)
        for (unsigned shift = 0; shift < 64; shift += 8)
            h = hash_byte(h, (uint8_t)(words[i] >> shift));
    return hash_cut(zap, h);
}

int zap_normalize(unsigned flags, const char *name, size_t len, char *out, size_t *out_len)
{
    return unicode_normalize(name, len, flags & UNICODE_FLAGS, out, ZAP_NORM_MAX, out_len);
}

int zap_hash_name(const struct zap *zap, const char *name, size_t len, uint64_t *hash)
{
    if (zap->normflags == 0) {
        *hash = zap_hash_bytes(zap, name, len);
        return 0;
    }
    char normal[ZAP_NORM_MAX];
    size_t normal_len;
    int err = zap_normalize((unsigned)zap->normflags, name, len, normal, &normal_len);
    if (err == 0)
        *hash = zap_hash_bytes(zap, normal, normal_len);
    return err;
}
