/* SPDX-License-Identifier: MIT */
/*
 * Block checksums by id, and blocks that carry their own checksum (format/dmu.md 4.1-4.3). Called
 * by vdev/ (labels), zio/ (blocks, gang headers, log blocks) and stream/. Pure functions.
 */
#include "codec/checksum.h"

#include <string.h>

#include "base/err.h"
#include "base/span.h"
#include "codec/fletcher.h"
#include "codec/hashes.h"

enum trailer {
    TRAILER_SIZE = 40, /* magic, four words */
    TRAILER_CKSUM = 8,
    CHAIN_SIZE = 184, /* ZIL chain header: format/zpl-zil.md 14.3 */
    CHAIN_NUSED = 136,
    CHAIN_TRAILER = 144,
    ZIL_UNIT = 4096, /* zilog2 covers whole units */
};
#define TRAILER_MAGIC 0x0210da7ab10c7a11

#define M CHECKSUM_TRAIT_METADATA
#define E CHECKSUM_TRAIT_EMBEDDED
#define D CHECKSUM_TRAIT_DEDUP
#define S CHECKSUM_TRAIT_SALTED
#define N CHECKSUM_TRAIT_NOPWRITE
static const struct checksum_info infos[CHECKSUM_COUNT] = {
    [CHECKSUM_INHERIT] = {"inherit", 0},
    [CHECKSUM_ON] = {"on", 0},
    [CHECKSUM_OFF] = {"off", 0},
    [CHECKSUM_LABEL] = {"label", M | E},
    [CHECKSUM_GANG_HEADER] = {"gang_header", M | E},
    [CHECKSUM_ZILOG] = {"zilog", E},
    [CHECKSUM_FLETCHER_2] = {"fletcher2", 0},
    [CHECKSUM_FLETCHER_4] = {"fletcher4", M},
    [CHECKSUM_SHA256] = {"sha256", M | D | N},
    [CHECKSUM_ZILOG2] = {"zilog2", E},
    [CHECKSUM_NOPARITY] = {"noparity", 0},
    [CHECKSUM_SHA512] = {"sha512", M | D | N},
    [CHECKSUM_SKEIN] = {"skein", M | D | S | N},
    [CHECKSUM_EDONR] = {"edonr", M | S | N},
    [CHECKSUM_BLAKE3] = {"blake3", M | D | S | N},
};
#undef M
#undef E
#undef D
#undef S
#undef N

const struct checksum_info *checksum_info(enum checksum_id id)
{
    return (unsigned)id < CHECKSUM_COUNT ? &infos[id] : NULL;
}

int checksum_id_of(const char *name)
{
    for (int id = 0; id < CHECKSUM_COUNT; id++)
        if (strcmp(infos[id].name, name) == 0)
            return id;
    return -1;
}

/* Digest bytes as words of the writer's order. */
static void words_of_writer(const uint8_t digest[32], bool swapped, struct cksum *out)
{
    memcpy(out->word, digest, 32);
    if (swapped)
        for (unsigned i = 0; i < 4; i++)
            out->word[i] = __builtin_bswap64(out->word[i]);
}

static int compute_sha256(const void *data, size_t len, struct cksum *out)
{
    uint8_t digest[32];
    int err = sha2_256(data, len, digest);
    for (unsigned i = 0; err == 0 && i < 4; i++)
        out->word[i] = load_be64(digest + 8 * i);
    return err;
}

static int compute_hash(enum checksum_id id, const void *data, size_t len, bool swapped,
                        const uint8_t salt[32], struct cksum *out)
{
    uint8_t digest[32];
    if ((infos[id].traits & CHECKSUM_TRAIT_SALTED) && salt == NULL)
        return err_raise(ZE_INVAL, "checksum %s: no salt", infos[id].name);
    switch (id) {
    case CHECKSUM_SHA512: {
        int err = sha2_512_256(data, len, digest);
        if (err != 0)
            return err;
        break;
    }
    case CHECKSUM_SKEIN:
        skein_512_256(salt, data, len, digest);
        break;
    case CHECKSUM_EDONR:
        edonr_512_salted(salt, data, len, digest);
        break;
    default:
        blake3_hash(salt, data, len, digest);
        break;
    }
    words_of_writer(digest, swapped, out);
    return 0;
}

int checksum_compute(enum checksum_id id, const void *data, size_t len, bool swapped,
                     const uint8_t salt[32], struct cksum *out)
{
    memset(out, 0, sizeof(*out));
    switch (id) {
    case CHECKSUM_OFF:
    case CHECKSUM_NOPARITY:
        return 0;
    case CHECKSUM_FLETCHER_2:
    case CHECKSUM_ZILOG:
        fletcher2(data, len, swapped, out);
        return 0;
    case CHECKSUM_FLETCHER_4:
    case CHECKSUM_ZILOG2:
        fletcher4(data, len, swapped, out);
        return 0;
    case CHECKSUM_LABEL:
    case CHECKSUM_GANG_HEADER:
    case CHECKSUM_SHA256:
        return compute_sha256(data, len, out);
    case CHECKSUM_SHA512:
    case CHECKSUM_SKEIN:
    case CHECKSUM_EDONR:
    case CHECKSUM_BLAKE3:
        return compute_hash(id, data, len, swapped, salt, out);
    default:
        return err_raise(ZE_NOTSUP, "checksum function %u does not exist", (unsigned)id);
    }
}

void checksum_protect(enum checksum_id id, struct cksum *c)
{
    const struct checksum_info *info = checksum_info(id);
    if (info == NULL || !(info->traits & CHECKSUM_TRAIT_DEDUP)) {
        c->word[0] ^= c->word[2];
        c->word[1] ^= c->word[3];
    }
    c->word[2] = c->word[3] = 0;
}

/* --- blocks with a checksum inside --- */

/* Offsets in a block: the trailer and the end of what is hashed. */
struct cover {
    size_t trailer, end;
};

/* Where zilog2's chain header says the used part ends, rounded up; 0 = says nonsense. */
static size_t zilog2_end(const uint8_t *block, size_t len, bool swapped)
{
    uint64_t used = load_ne64(block + CHAIN_NUSED);
    if (swapped)
        used = __builtin_bswap64(used);
    if (used < CHAIN_SIZE || used > len)
        return 0;
    const uint64_t end = round_up_pow2(used, ZIL_UNIT);
    return end <= len ? (size_t)end : 0;
}

static int cover_find(enum checksum_id id, const uint8_t *block, size_t len, struct cover *c)
{
    const struct checksum_info *info = checksum_info(id);
    if (info == NULL || !(info->traits & CHECKSUM_TRAIT_EMBEDDED))
        return err_raise(ZE_INVAL, "checksum function %u is not an embedded one", (unsigned)id);
    const size_t least = id == CHECKSUM_ZILOG2 ? CHAIN_SIZE : TRAILER_SIZE;
    if (len < least)
        return err_raise(ZE_CKSUM, "%s: block of %zu bytes has no room for a checksum", info->name,
                         len);
    *c = (struct cover){id == CHECKSUM_ZILOG2 ? CHAIN_TRAILER : len - TRAILER_SIZE, len};
    return 0;
}

static void words_store(uint8_t *p, const struct cksum *c, bool swapped)
{
    for (unsigned i = 0; i < 4; i++)
        store_ne64(p + 8 * i, swapped ? __builtin_bswap64(c->word[i]) : c->word[i]);
}

static void words_load(struct cksum *c, const uint8_t *p, bool swapped)
{
    for (unsigned i = 0; i < 4; i++)
        c->word[i] = swapped ? __builtin_bswap64(load_ne64(p + 8 * i)) : load_ne64(p + 8 * i);
}

/* Hash the block with the verifier in place of the stored words. */
static int cover_hash(enum checksum_id id, const uint8_t *block, const struct cover *c,
                      const struct cksum *verifier, bool swapped, struct cksum *out)
{
    uint8_t inserted[32];
    words_store(inserted, verifier, swapped);
    const size_t at = c->trailer + TRAILER_CKSUM, after = at + sizeof(inserted);
    const struct span parts[3] = {
        {block, at}, {inserted, sizeof(inserted)}, {block + after, c->end - after}};
    memset(out, 0, sizeof(*out));
    if (id == CHECKSUM_LABEL || id == CHECKSUM_GANG_HEADER) {
        uint8_t digest[32];
        int err = sha2_256_parts(parts, array_len(parts), digest);
        for (unsigned i = 0; err == 0 && i < 4; i++)
            out->word[i] = load_be64(digest + 8 * i);
        return err;
    }
    for (unsigned i = 0; i < array_len(parts); i++) {
        if (id == CHECKSUM_ZILOG)
            fletcher2_update(out, parts[i].data, parts[i].len, swapped);
        else
            fletcher4_update(out, parts[i].data, parts[i].len, swapped);
    }
    return 0;
}

static int embedded_verify(enum checksum_id id, const uint8_t *block, size_t len,
                           const struct cksum *verifier, bool protected, bool *swapped)
{
    struct cover c;
    struct cksum actual, stored;
    *swapped = false;
    int err = cover_find(id, block, len, &c);
    if (err != 0)
        return err;
    const uint64_t magic = load_ne64(block + c.trailer);
    *swapped = magic == __builtin_bswap64(TRAILER_MAGIC);
    if (magic != TRAILER_MAGIC && !*swapped)
        return err_raise(ZE_CKSUM, "%s: no checksum trailer (magic %016llx)", infos[id].name,
                         (unsigned long long)magic);
    if (id == CHECKSUM_ZILOG2) {
        c.end = zilog2_end(block, len, *swapped);
        if (c.end == 0)
            return err_raise(ZE_CKSUM, "zilog2: used length is outside the block of %zu bytes",
                             len);
    }
    err = cover_hash(id, block, &c, verifier, *swapped, &actual);
    if (err != 0)
        return err;
    words_load(&stored, block + c.trailer + TRAILER_CKSUM, *swapped);
    if (protected) {
        checksum_protect(id, &actual);
        stored.word[2] = stored.word[3] = 0;
    }
    if (!checksum_equal(&actual, &stored))
        return err_raise(ZE_CKSUM, "%s: stored %016llx:%016llx, computed %016llx:%016llx",
                         infos[id].name, (unsigned long long)stored.word[0],
                         (unsigned long long)stored.word[1], (unsigned long long)actual.word[0],
                         (unsigned long long)actual.word[1]);
    return 0;
}

static int embedded_write(enum checksum_id id, uint8_t *block, size_t len,
                          const struct cksum *verifier, bool protected)
{
    struct cover c;
    struct cksum words, kept;
    int err = cover_find(id, block, len, &c);
    if (err != 0)
        return err;
    if (id == CHECKSUM_ZILOG2) {
        c.end = zilog2_end(block, len, false);
        if (c.end == 0)
            return err_raise(ZE_INVAL, "zilog2: used length is outside the block of %zu bytes",
                             len);
    }
    store_ne64(block + c.trailer, TRAILER_MAGIC);
    err = cover_hash(id, block, &c, verifier, false, &words);
    if (err != 0)
        return err;
    if (protected) {
        words_load(&kept, block + c.trailer + TRAILER_CKSUM, false);
        checksum_protect(id, &words);
        words.word[2] = kept.word[2];
        words.word[3] = kept.word[3];
    }
    words_store(block + c.trailer + TRAILER_CKSUM, &words, false);
    return 0;
}

int checksum_embedded_verify(enum checksum_id id, const void *block, size_t len,
                             const struct cksum *verifier, bool *swapped)
{
    return embedded_verify(id, block, len, verifier, false, swapped);
}

int checksum_embedded_verify_protected(enum checksum_id id, const void *block, size_t len,
                                       const struct cksum *verifier, bool *swapped)
{
    return embedded_verify(id, block, len, verifier, true, swapped);
}

int checksum_embedded_write(enum checksum_id id, void *block, size_t len,
                            const struct cksum *verifier)
{
    return embedded_write(id, block, len, verifier, false);
}

int checksum_embedded_write_protected(enum checksum_id id, void *block, size_t len,
                                      const struct cksum *verifier)
{
    return embedded_write(id, block, len, verifier, true);
}
