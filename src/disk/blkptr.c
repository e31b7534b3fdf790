/* SPDX-License-Identifier: MIT */
/*
 * Block pointers: derived values, structural validation, and the text that zdb prints
 * (format/dmu.md, "2. Block pointers"). Pure functions.
 */
#include "disk/blkptr.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "disk/objtype.h"

#define BP_ETYPES 3u

bool bp_is_encrypted(const struct blkptr *bp)
{
    return bp_uses_crypt(bp) && !bp_is_embedded(bp) && bp_level(bp) == 0 &&
           objtype_is_encrypted(bp_type(bp));
}

bool bp_is_authenticated(const struct blkptr *bp)
{
    return bp_uses_crypt(bp) && !bp_is_embedded(bp) && bp_level(bp) == 0 &&
           !objtype_is_encrypted(bp_type(bp));
}

bool bp_has_indirect_mac(const struct blkptr *bp)
{
    return bp_uses_crypt(bp) && !bp_is_embedded(bp) && bp_level(bp) > 0;
}

/* An encrypted bp keeps its salt and IV where the third DVA would be. */
static unsigned bp_dva_limit(const struct blkptr *bp)
{
    if (bp_is_embedded(bp))
        return 0;
    return bp_is_encrypted(bp) ? BLKPTR_DVAS - 1 : BLKPTR_DVAS;
}

unsigned bp_ndvas(const struct blkptr *bp)
{
    unsigned n = 0;
    for (unsigned i = 0; i < bp_dva_limit(bp); i++)
        n += dva_is_valid(&bp->dva[i]);
    return n;
}

uint64_t bp_asize(const struct blkptr *bp)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < bp_dva_limit(bp); i++)
        sum += dva_asize(&bp->dva[i]);
    return sum;
}

uint64_t bp_ucsize(const struct blkptr *bp)
{
    bool metadata = bp_level(bp) > 0 || objtype_is_metadata(bp_type(bp));
    if (bp_is_hole(bp))
        return 0;
    if (!metadata)
        return bp_lsize(bp);
    return bp_is_embedded(bp) ? 0 : bp_psize(bp);
}

uint64_t bp_fill(const struct blkptr *bp)
{
    if (bp_is_embedded(bp))
        return 1;
    return bp_is_encrypted(bp) ? BITS_GET(bp->fill, 0, 32) : bp->fill;
}

bool bp_same(const struct blkptr *a, const struct blkptr *b)
{
    return bp_physical_birth(a) == bp_physical_birth(b) && a->birth == b->birth &&
           memcmp(a->dva, b->dva, sizeof(a->dva)) == 0;
}

unsigned bp_embedded_payload(const struct blkptr *bp, uint8_t *buf)
{
    const uint64_t *word = (const uint64_t *)bp;
    uint8_t all[BLKPTR_EMBEDDED_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < sizeof(*bp) / sizeof(*word); i++) {
        if (i == 6 || i == 10) /* prop and birth */
            continue;
        store_le64(all + n, word[i]);
        n += 8;
    }
    unsigned len = (unsigned)min_of(bp_psize(bp), (uint64_t)BLKPTR_EMBEDDED_MAX);
    memcpy(buf, all, len);
    return len;
}

/* Crypt parameters are byte strings laid into words in the order of the block's writer (bit B). */
static void bp_store64(const struct blkptr *bp, uint8_t *to, uint64_t v)
{
    if (bp_is_little(bp))
        store_le64(to, v);
    else
        store_be64(to, v);
}

void bp_crypt_params(const struct blkptr *bp, uint8_t salt[8], uint8_t iv[12])
{
    uint32_t tail = (uint32_t)BITS_GET(bp->fill, 32, 32);

    bp_store64(bp, salt, bp->dva[2].word[0]);
    bp_store64(bp, iv, bp->dva[2].word[1]);
    if (bp_is_little(bp))
        store_le32(iv + 8, tail);
    else
        store_be32(iv + 8, tail);
}

void bp_crypt_mac(const struct blkptr *bp, uint8_t mac[16])
{
    bp_store64(bp, mac, bp->cksum.word[2]);
    bp_store64(bp, mac + 8, bp->cksum.word[3]);
}

void bp_bswap(struct blkptr *bp)
{
    bswap64_array(bp, sizeof(*bp));
}

int bp_validate(const struct blkptr *bp)
{
    if (!objtype_is_valid(bp_type(bp)))
        return err_raise(ZE_BADBP, "block pointer: TYPE %u", bp_type(bp));
    if (bp_compress(bp) >= COMPRESS_COUNT)
        return err_raise(ZE_BADBP, "block pointer: COMP %u", (unsigned)bp_compress(bp));
    if (bp_lsize(bp) > BLOCK_MAX_SIZE)
        return err_raise(ZE_BADBP, "block pointer: LSIZE %" PRIu64, bp_lsize(bp));
    if (bp_is_embedded(bp)) {
        if (bp_etype(bp) >= BP_ETYPES)
            return err_raise(ZE_BADBP, "embedded block pointer: ETYPE %u", bp_etype(bp));
        if (bp_psize(bp) > BLKPTR_EMBEDDED_MAX)
            return err_raise(ZE_BADBP, "embedded block pointer: PSIZE %" PRIu64, bp_psize(bp));
        return 0;
    }
    if (bp_is_hole(bp))
        return 0;
    if (!dva_is_valid(&bp->dva[0]))
        return err_raise(ZE_BADBP, "block pointer: ASIZE 0 in DVA 0");
    if (bp_checksum(bp) >= CHECKSUM_COUNT)
        return err_raise(ZE_BADBP, "block pointer: CKSUM %u", (unsigned)bp_checksum(bp));
    if (bp_psize(bp) > BLOCK_MAX_SIZE)
        return err_raise(ZE_BADBP, "block pointer: PSIZE %" PRIu64, bp_psize(bp));
    return 0;
}

/* --- text --- */

struct text {
    char *buf;
    size_t len; /* of buf */
    size_t used;
};

static void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    size_t at = min_of(t->used, t->len);

    va_start(ap, fmt);
    int n = vsnprintf(t->len == 0 ? NULL : t->buf + at, t->len - at, fmt, ap);
    va_end(ap);
    t->used += n < 0 ? 0 : (size_t)n;
}

static const char *bp_checksum_text(const struct blkptr *bp)
{
    static const char *const names[CHECKSUM_COUNT] = {
        "inherit", "on",     "off",      "label",  "gang_header", "zilog", "fletcher2", "fletcher4",
        "sha256",  "zilog2", "noparity", "sha512", "skein",       "edonr", "blake3"};
    unsigned id = bp_checksum(bp);
    return id < CHECKSUM_COUNT ? names[id] : "unknown";
}

static const char *bp_compress_text(const struct blkptr *bp)
{
    static const char *const names[COMPRESS_COUNT] = {
        "inherit", "on",     "uncompressed", "lzjb",   "empty",  "gzip-1",
        "gzip-2",  "gzip-3", "gzip-4",       "gzip-5", "gzip-6", "gzip-7",
        "gzip-8",  "gzip-9", "zle",          "lz4",    "zstd"};
    unsigned id = bp_compress(bp);
    return id < COMPRESS_COUNT ? names[id] : "unknown";
}

static const char *bp_crypt_text(const struct blkptr *bp)
{
    if (bp_is_encrypted(bp))
        return "encrypted";
    if (bp_is_authenticated(bp))
        return "authenticated";
    return bp_has_indirect_mac(bp) ? "indirect-MAC" : "unencrypted";
}

/* "[L0 ZFS plain file]"; the types that encode their properties get them spelled out. */
static void bp_format_type(struct text *t, const struct blkptr *bp)
{
    unsigned type = bp_type(bp);

    text_add(t, "[L%u ", bp_level(bp));
    if (type & OBJTYPE_ENCODED)
        text_add(t, "bswap %s ", type & OBJTYPE_ENCODED_META ? "metadata" : "data");
    text_add(t, "%s]", objtype_name(type));
}

static void bp_format_dvas(struct text *t, const struct blkptr *bp)
{
    for (unsigned i = 0; i < bp_dva_limit(bp); i++) {
        const struct dva *d = &bp->dva[i];
        if (dva_is_valid(d))
            text_add(t, "DVA[%u]=<%" PRIu64 ":%" PRIx64 ":%" PRIx64 "> ", i, dva_vdev(d),
                     dva_offset(d), dva_asize(d));
    }
    if (bp_is_encrypted(bp))
        text_add(t, "salt=%" PRIx64 " iv=%" PRIx64 ":%" PRIx64 " ", bp->dva[2].word[0],
                 bp->dva[2].word[1], BITS_GET(bp->fill, 32, 32));
}

static void bp_format_cksum(struct text *t, const struct blkptr *bp)
{
    const uint64_t *w = bp->cksum.word;
    text_add(t, "cksum=%016" PRIx64 ":%016" PRIx64 ":%016" PRIx64 ":%016" PRIx64, w[0], w[1], w[2],
             w[3]);
}

int bp_format(char *buf, size_t len, const struct blkptr *bp)
{
    static const char *const copies[] = {"zero", "single", "double", "triple"};
    struct text t = {buf, len, 0};

    if (bp_is_hole(bp)) {
        text_add(&t, "HOLE ");
        bp_format_type(&t, bp);
        text_add(&t, " size=%" PRIx64 "L birth=%" PRIu64 "L", bp_lsize(bp), bp->birth);
    } else if (bp_is_embedded(bp)) {
        text_add(&t, "EMBEDDED ");
        bp_format_type(&t, bp);
        text_add(&t, " et=%u %s size=%" PRIx64 "L/%" PRIx64 "P birth=%" PRIu64 "L", bp_etype(bp),
                 bp_compress_text(bp), bp_lsize(bp), bp_psize(bp), bp->birth);
    } else {
        bp_format_dvas(&t, bp);
        bp_format_type(&t, bp);
        text_add(&t, " %s %s %s %s %s %s %s size=%" PRIx64 "L/%" PRIx64 "P", bp_checksum_text(bp),
                 bp_compress_text(bp), bp_crypt_text(bp), bp_is_little(bp) ? "LE" : "BE",
                 bp_is_gang(bp) ? "gang" : "contiguous", bp_is_dedup(bp) ? "dedup" : "unique",
                 copies[bp_ndvas(bp)], bp_lsize(bp), bp_psize(bp));
        text_add(&t, " birth=%" PRIu64 "L/%" PRIu64 "P fill=%" PRIu64 " ", bp->birth,
                 bp_physical_birth(bp), bp_fill(bp));
        bp_format_cksum(&t, bp);
    }
    return (int)t.used;
}

int bp_format_compact(char *buf, size_t len, const struct blkptr *bp)
{
    struct text t = {buf, len, 0};

    if (bp_is_embedded(bp)) {
        text_add(&t, "EMBEDDED et=%u %" PRIx64 "L/%" PRIx64 "P B=%" PRIu64, bp_etype(bp),
                 bp_lsize(bp), bp_psize(bp), bp->birth);
        return (int)t.used;
    }
    for (unsigned i = 0; i < bp_dva_limit(bp); i++) {
        const struct dva *d = &bp->dva[i];
        if (dva_is_valid(d))
            text_add(&t, "%" PRIu64 ":%" PRIx64 ":%" PRIx64 " ", dva_vdev(d), dva_offset(d),
                     dva_asize(d));
    }
    if (bp_is_hole(bp)) {
        text_add(&t, "%" PRIx64 "L B=%" PRIu64, bp_lsize(bp), bp->birth);
        return (int)t.used;
    }
    text_add(&t, "%" PRIx64 "L/%" PRIx64 "P F=%" PRIu64 " B=%" PRIu64 "/%" PRIu64 " ", bp_lsize(bp),
             bp_psize(bp), bp_fill(bp), bp->birth, bp_physical_birth(bp));
    bp_format_cksum(&t, bp);
    return (int)t.used;
}
