/* SPDX-License-Identifier: MIT */
/*
 * When the stored bytes of a block are right (format/dmu.md 4, crypto-dedup.md A17): the 256-bit
 * checksum of the bp, its truncated form in protected bps, and the checksums that sit inside gang
 * headers and intent log blocks. Called from verify callbacks of vdev I/O on any thread; takes no
 * locks and raises no detail, since a reconstruction may try many wrong combinations.
 */
#include <string.h>

#include "disk/objtype.h"
#include "zio/zio_impl.h"

#define ECK_MAGIC       0x0210da7ab10c7a11ull
#define ZILOG2_NUSED    136u /* in struct zil_chain, format/zpl-zil.md */
#define ZILOG2_TRAILER  144u
#define ZILOG2_BLOCKING 4096u

/* Words 2 and 3 of the bp hold a MAC; only words 0 and 1 are checksum. */
bool zio_bp_truncates_checksum(const struct blkptr *bp)
{
    return bp_uses_crypt(bp) && bp_type(bp) != OBJTYPE_OBJSET;
}

static bool truncated_equal(enum checksum_id id, const struct cksum *computed,
                            const uint64_t stored[2])
{
    const struct checksum_info *info = checksum_info(id);
    uint64_t w0 = computed->word[0], w1 = computed->word[1];

    if (info == NULL || !(info->traits & CHECKSUM_TRAIT_DEDUP)) {
        w0 ^= computed->word[2];
        w1 ^= computed->word[3];
    }
    return ((w0 ^ stored[0]) | (w1 ^ stored[1])) == 0;
}

/*
 * Checksum of block[0..len) in which the 32 bytes at cksum_off are replaced by verifier. fletcher
 * sums are not restartable through codec/, so the covered part is copied: these blocks are small or
 * rare.
 */
static int embedded_compute(enum checksum_id base, const uint8_t *block, size_t len,
                            size_t cksum_off, const uint64_t verifier[4], bool swapped,
                            struct cksum *out)
{
    AUTO_FREE uint8_t *copy = malloc(len);
    if (copy == NULL)
        return ZE_NOMEM;
    memcpy(copy, block, len);
    for (unsigned i = 0; i < 4; i++)
        store_ne64(copy + cksum_off + 8 * i, swapped ? SPAN_BSWAP_64(verifier[i]) : verifier[i]);
    return checksum_compute(base, copy, len, swapped, NULL, out);
}

/* trailer: byte offset of the 40-byte {magic, checksum} */
static int embedded_verify(enum checksum_id id, enum checksum_id base, const uint8_t *block,
                           size_t len, size_t trailer, const uint64_t verifier[4], bool truncated)
{
    uint64_t magic = load_ne64(block + trailer), stored[4];
    bool swapped = magic == SPAN_BSWAP_64(ECK_MAGIC);

    if (magic != ECK_MAGIC && !swapped)
        return ZE_CKSUM;
    for (unsigned i = 0; i < 4; i++) {
        stored[i] = load_ne64(block + trailer + 8 + 8 * i);
        if (swapped)
            stored[i] = SPAN_BSWAP_64(stored[i]);
    }
    struct cksum sum;
    int err = embedded_compute(base, block, len, trailer + 8, verifier, swapped, &sum);
    if (err != 0)
        return err;
    if (truncated)
        return truncated_equal(id, &sum, stored) ? 0 : ZE_CKSUM;
    return memcmp(sum.word, stored, sizeof(stored)) == 0 ? 0 : ZE_CKSUM;
}

static int zilog2_verify(const struct blkptr *bp, const uint8_t *block, size_t len)
{
    if (len < ZILOG2_TRAILER + GANG_TRAILER_SIZE)
        return ZE_CKSUM;
    uint64_t nused = load_ne64(block + ZILOG2_NUSED);
    if (load_ne64(block + ZILOG2_TRAILER) == SPAN_BSWAP_64(ECK_MAGIC))
        nused = SPAN_BSWAP_64(nused);
    if (nused > len || nused < ZILOG2_TRAILER + GANG_TRAILER_SIZE)
        return ZE_CKSUM;
    uint64_t covered = round_up_pow2(nused, ZILOG2_BLOCKING);
    if (covered > len)
        return ZE_CKSUM;
    return embedded_verify(CHECKSUM_ZILOG2, CHECKSUM_FLETCHER_4, block, covered, ZILOG2_TRAILER,
                           bp->cksum.word, zio_bp_truncates_checksum(bp));
}

int zio_checksum_verify(struct zio_pool *pool, const struct blkptr *bp, const void *data,
                        size_t len)
{
    enum checksum_id id = bp_checksum(bp);
    struct cksum sum;

    switch (id) {
    case CHECKSUM_OFF:
    case CHECKSUM_NOPARITY:
        return 0;
    case CHECKSUM_ZILOG:
        if (len < GANG_TRAILER_SIZE)
            return ZE_CKSUM;
        return embedded_verify(id, CHECKSUM_FLETCHER_2, data, len, len - GANG_TRAILER_SIZE,
                               bp->cksum.word, zio_bp_truncates_checksum(bp));
    case CHECKSUM_ZILOG2:
        return zilog2_verify(bp, data, len);
    case CHECKSUM_FLETCHER_2:
    case CHECKSUM_FLETCHER_4:
    case CHECKSUM_SHA256:
    case CHECKSUM_SHA512:
    case CHECKSUM_SKEIN:
    case CHECKSUM_EDONR:
    case CHECKSUM_BLAKE3:
        break;
    default:
        return ZE_BADBP;
    }
    int err = checksum_compute(id, data, len, bp_is_swapped(bp), pool->salt, &sum);
    if (err != 0)
        return err;
    if (zio_bp_truncates_checksum(bp))
        return truncated_equal(id, &sum, bp->cksum.word) ? 0 : ZE_CKSUM;
    return checksum_equal(&sum, &bp->cksum) ? 0 : ZE_CKSUM;
}

int zio_checksum_verify_gang(const struct blkptr *bp, const void *header, size_t hsize)
{
    struct cksum verifier = gang_header_verifier(bp);

    if (hsize < GANG_HEADER_OLD_SIZE)
        return ZE_CKSUM;
    return embedded_verify(CHECKSUM_GANG_HEADER, CHECKSUM_SHA256, header, hsize,
                           hsize - GANG_TRAILER_SIZE, verifier.word, zio_bp_truncates_checksum(bp));
}
