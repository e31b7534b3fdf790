/* SPDX-License-Identifier: MIT */
/*
 * Gang headers (format/dmu.md, "3.3 Gang block header").
 */
#include "disk/gang.h"

#include <inttypes.h>

#include "base/err.h"

void gang_header_bswap(void *header, size_t header_size)
{
    bswap64_array(header, header_size & ~(size_t)7);
}

static int gang_member_validate(const struct blkptr *m, const struct blkptr *bp, unsigned i)
{
    int err = bp_validate(m);
    if (err != 0)
        return err_raise(ZE_BADGANG, "gang header: member %u is not a valid block pointer", i);
    if (bp_is_embedded(m) || bp_level(m) != 0 || bp_is_dedup(m))
        return err_raise(ZE_BADGANG, "gang header: member %u has word 6 %" PRIx64, i, m->prop);
    if (bp_compress(m) != COMPRESS_OFF)
        return err_raise(ZE_BADGANG, "gang header: member %u is compressed", i);
    if (bp_checksum(m) != bp_checksum(bp))
        return err_raise(ZE_BADGANG, "gang header: member %u has checksum function %u", i,
                         (unsigned)bp_checksum(m));
    return 0;
}

int gang_header_validate(const void *header, size_t header_size, const struct blkptr *bp,
                         unsigned *members)
{
    unsigned used = 0;
    uint64_t sum = 0;

    if (header_size < GANG_HEADER_OLD_SIZE || header_size > GANG_HEADER_MAX_SIZE)
        return err_raise(ZE_BADGANG, "gang header: size %zu", header_size);
    for (unsigned i = 0; i < gang_header_members(header_size); i++) {
        const struct blkptr *m = gang_header_bp(header, i);
        if (bp_is_hole(m))
            continue;
        int err = gang_member_validate(m, bp, i);
        if (err != 0)
            return err;
        sum += bp_psize(m);
        used++;
    }
    if (sum != bp_psize(bp))
        return err_raise(ZE_BADGANG, "gang header: members hold %" PRIu64 " of %" PRIu64 " bytes",
                         sum, bp_psize(bp));
    *members = used;
    return 0;
}
