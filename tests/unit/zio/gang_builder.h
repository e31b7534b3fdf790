/* SPDX-License-Identifier: MIT */
/* Writes gang blocks onto the fake disks (format/dmu.md 3.3, 3.4), for test_gang.c and fuzz_gang.c.
 */
#ifndef ZUSE_TESTS_GANG_BUILDER_H
#define ZUSE_TESTS_GANG_BUILDER_H

#include "fake_vdev.h"

#define GANG_MAGIC 0x0210da7ab10c7a11ull

/* Checksum the header for what bp says and store it at bp's first ncopies DVAs. */
static inline void gang_put_header(struct fake_world *w, const struct blkptr *bp, uint8_t *header,
                                   size_t hsize, unsigned ncopies)
{
    struct cksum verifier = gang_header_verifier(bp), sum;
    uint64_t magic = GANG_MAGIC;

    memcpy(header + hsize - 40, &magic, 8);
    memcpy(header + hsize - 32, verifier.word, 32);
    checksum_compute(CHECKSUM_SHA256, header, hsize, false, NULL, &sum);
    if (bp_uses_crypt(bp) && bp_type(bp) != 11) {
        sum.word[0] ^= sum.word[2];
        sum.word[1] ^= sum.word[3];
        sum.word[2] = sum.word[3] = 0;
    }
    memcpy(header + hsize - 32, sum.word, 32);
    for (unsigned i = 0; i < ncopies; i++)
        memcpy(w->disk[i] + dva_offset(&bp->dva[i]), header, hsize);
}

/*
 * Gang bp for data[0..psize): members sizes[0..n); a size with GANG_NEST set becomes a nested
 * header that splits it in two. All with ncopies copies.
 */
#define GANG_NEST (1ull << 40)
static inline struct blkptr gang_write(struct fake_world *w, const uint8_t *data, uint64_t psize,
                                       const uint64_t *sizes, unsigned n, size_t hsize,
                                       unsigned ncopies, unsigned type)
{
    struct blkptr bp = {
        .birth = 10, .prop = fake_prop(psize, psize, COMPRESS_OFF, CHECKSUM_FLETCHER_4, type, 0)};
    uint8_t *header = mem_zalloc(hsize);
    struct blkptr *m = (struct blkptr *)header;
    uint64_t at = 0;

    for (unsigned i = 0; i < n; i++) {
        uint64_t size = sizes[i] & ~GANG_NEST;
        if (sizes[i] & GANG_NEST) {
            const uint64_t halves[2] = {round_up_pow2(size / 2, 512),
                                        size - round_up_pow2(size / 2, 512)};
            m[i] = gang_write(w, data + at, size, halves, 2, hsize, ncopies, 0);
        } else {
            m[i].birth = 10;
            m[i].prop = fake_prop(size, size, COMPRESS_OFF, CHECKSUM_FLETCHER_4, 0, 0);
            fake_store(w, &m[i], data + at, size, ncopies);
            checksum_compute(CHECKSUM_FLETCHER_4, data + at, size, false, NULL, &m[i].cksum);
        }
        at += size;
    }
    for (unsigned i = 0; i < ncopies; i++)
        dva_set(&bp.dva[i], i, fake_alloc(w, i, hsize), psize + 512, true);
    checksum_compute(CHECKSUM_FLETCHER_4, data, psize, false, NULL, &bp.cksum);
    gang_put_header(w, &bp, header, hsize, ncopies);
    free(header);
    return bp;
}

#endif
