/* SPDX-License-Identifier: MIT */
/*
 * Gang block headers (format/dmu.md, "3.3 Gang block header"): an array of block pointers and an
 * embedded checksum, 512 bytes (old) or as large as the vdev's allocation unit (feature
 * dynamic_gang_header). Callers: zio/. Words are in host order after gang_header_bswap().
 */
#ifndef ZUSE_DISK_GANG_H
#define ZUSE_DISK_GANG_H

#include "disk/fields.h"

#define GANG_HEADER_OLD_SIZE 512u
#define GANG_HEADER_MAX_SIZE (64u << 10) /* ashift 16 */
#define GANG_TRAILER_SIZE    40u
#define GANG_OLD_MEMBERS     3u
#define GANG_MAX_MEMBERS     ((GANG_HEADER_MAX_SIZE - GANG_TRAILER_SIZE) / 128u)
#define GANG_MAX_DEPTH       64u /* of nested headers; far more than 16 MiB can need */

static inline unsigned gang_header_members(size_t header_size)
{
    return header_size < GANG_HEADER_OLD_SIZE
               ? 0
               : (unsigned)((header_size - GANG_TRAILER_SIZE) / sizeof(struct blkptr));
}
static inline const struct blkptr *gang_header_bp(const void *header, unsigned i)
{
    return (const struct blkptr *)header + i;
}
/* What the trailer's checksum is seeded with. bp: the one that points to the header. */
static inline struct cksum gang_header_verifier(const struct blkptr *bp)
{
    return (struct cksum){
        {dva_vdev(&bp->dva[0]), dva_offset(&bp->dva[0]), bp_physical_birth(bp), 0}};
}
/* Swap a whole header (all of it 64-bit words). */
void gang_header_bswap(void *header, size_t header_size);
/*
 * Is this (checksummed, swapped) header plausible for the gang bp: members valid, all of one
 * checksum function, uncompressed, their sizes adding up to bp's psize? *members: used ones.
 * ZE_BADGANG.
 */
int gang_header_validate(const void *header, size_t header_size, const struct blkptr *bp,
                         unsigned *members);

#endif
