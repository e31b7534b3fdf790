/* SPDX-License-Identifier: MIT */
/*
 * When the stored bytes of a block are right (format/dmu.md 4, crypto-dedup.md A17): the 256-bit
 * checksum of the bp, its truncated form in protected bps, and the checksums that sit inside gang
 * headers and intent log blocks. Called from verify callbacks of vdev I/O on any thread; no locks.
 */
#include "disk/objtype.h"
#include "zio/zio_impl.h"

/* Words 2 and 3 of the bp hold a MAC; only words 0 and 1 are checksum. */
bool zio_bp_truncates_checksum(const struct blkptr *bp)
{
    return bp_uses_crypt(bp) && bp_type(bp) != OBJTYPE_OBJSET;
}

static int embedded_verify(const struct blkptr *bp, enum checksum_id id, const void *block,
                           size_t len, const struct cksum *verifier)
{
    bool swapped;

    if (zio_bp_truncates_checksum(bp))
        return checksum_embedded_verify_protected(id, block, len, verifier, &swapped);
    return checksum_embedded_verify(id, block, len, verifier, &swapped);
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
    case CHECKSUM_ZILOG2:
        return embedded_verify(bp, id, data, len, &bp->cksum);
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
    if (!zio_bp_truncates_checksum(bp))
        return checksum_equal(&sum, &bp->cksum) ? 0 : ZE_CKSUM;
    checksum_protect(id, &sum);
    return ((sum.word[0] ^ bp->cksum.word[0]) | (sum.word[1] ^ bp->cksum.word[1])) == 0 ? 0
                                                                                        : ZE_CKSUM;
}

int zio_checksum_verify_gang(const struct blkptr *bp, const void *header, size_t hsize)
{
    struct cksum verifier = gang_header_verifier(bp);

    if (hsize < GANG_HEADER_OLD_SIZE)
        return ZE_CKSUM;
    return embedded_verify(bp, CHECKSUM_GANG_HEADER, header, hsize, &verifier);
}
