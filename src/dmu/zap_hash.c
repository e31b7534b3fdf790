/* SPDX-License-Identifier: MIT */
/*
 * ZAP hashes and name normalisation (format/dmu.md, "9.1 Hash", "9.6 Names, matching,
 * normalization"). Pure functions.
 */
#include "codec/crc64.h"
#include "dmu/zap_impl.h"

static uint64_t hash_cut(const struct zap *zap, uint64_t h)
{
    return h & ~(UINT64_MAX >> zap->hash_bits);
}

uint64_t zap_hash_bytes(const struct zap *zap, const void *bytes, size_t len)
{
    return hash_cut(zap, crc64_update(zap->salt, bytes, len));
}

uint64_t zap_hash_words(const struct zap *zap, const uint64_t *words, unsigned n)
{
    if (zap->flags & ZAP_FLAG_PRE_HASHED_KEY)
        return hash_cut(zap, n > 0 ? words[0] : 0);
    uint64_t h = zap->salt;
    for (unsigned i = 0; i < n; i++)
        h = crc64_update_u64(h, words[i]);
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
