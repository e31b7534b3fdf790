/* SPDX-License-Identifier: MIT */
/*
 * An ARC of blocks in memory for the tests of dmu/, instead of zio/'s: a block's number is its
 * DVA's offset in sectors. Reads are counted, can fail, and can be held back to test who waits for
 * whom. Plus a writer of small object sets in either byte order.
 */
#ifndef ZUSE_TESTS_UNIT_DMU_FAKE_ARC_H
#define ZUSE_TESTS_UNIT_DMU_FAKE_ARC_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dmu/dmu_impl.h"

#define FAKE_BLOCKS 4096u

static struct {
    struct {
        uint8_t *data;
        size_t size;
    } block[FAKE_BLOCKS];
    unsigned n;
    _Atomic unsigned reads, prefetches, held;
    _Atomic unsigned fail; /* block number whose reads fail; 0 = none */
    _Atomic unsigned last_flags;
    pthread_mutex_t gate; /* locked by a test: reads wait */
} fake = {.n = 1, .gate = PTHREAD_MUTEX_INITIALIZER};

struct fake_buf {
    struct arc_buf buf;
};

int arc_read(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
             enum vdev_prio prio, unsigned zio_flags, struct arc_buf **out)
{
    uint64_t n = dva_offset(&bp->dva[0]) >> SECTOR_SHIFT;
    pthread_mutex_lock(&fake.gate);
    pthread_mutex_unlock(&fake.gate);
    *out = NULL;
    fake.reads++;
    fake.last_flags = zio_flags;
    if (n == 0 || n >= fake.n || n == fake.fail)
        return err_raise(ZE_CKSUM, "fake block %llu", (unsigned long long)n);
    struct fake_buf *b = malloc(sizeof(*b));
    /* A copy of exactly that size, so that address checkers see a read past the end. */
    uint8_t *data = malloc(fake.block[n].size);
    memcpy(data, fake.block[n].data, fake.block[n].size);
    b->buf = (struct arc_buf){.data = data, .size = fake.block[n].size};
    fake.held++;
    *out = &b->buf;
    return 0;
}

int arc_read_many(struct zio_pool *pool, const struct blkptr *const *bps,
                  const struct bookmark *zbs, unsigned n, enum vdev_prio prio, unsigned zio_flags,
                  struct arc_buf **out, int *err)
{
    int first = 0;
    for (unsigned i = 0; i < n; i++) {
        err[i] = arc_read(pool, bps[i], &zbs[i], prio, zio_flags, &out[i]);
        if (first == 0)
            first = err[i];
    }
    return first;
}

void arc_release(struct arc_buf *buf)
{
    free((void *)(uintptr_t)buf->data);
    free(buf);
    fake.held--;
}

void arc_prefetch(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb)
{
    fake.prefetches++;
}

void arc_reclaimer_add(struct arc *arc, struct arc_reclaimer *r) {}

void arc_reclaimer_remove(struct arc *arc, struct arc_reclaimer *r) {}

static inline void fake_reset(void)
{
    for (unsigned i = 0; i < fake.n; i++) {
        free(fake.block[i].data);
        fake.block[i].data = NULL;
    }
    fake.n = 1;
    fake.reads = fake.prefetches = 0;
    fake.fail = 0;
}

/* ---- writing: blocks are given in host order, `foreign` stores them in the other one ---- */

static inline void foreign_dnode(uint8_t *p)
{
    struct dnode_phys *dn = (struct dnode_phys *)p;
    size_t size = dnode_phys_size(dn), bps = (size_t)dn->nblkptr * 128;
    bool bonus64 = dn->bonustype == OBJTYPE_OTHER_UINT64 || dn->bonustype == OBJTYPE_DSL_DATASET;
    if (dnode_phys_has_spill(dn))
        bswap64_array(p + size - 128, 128);
    if (bonus64)
        bswap64_array(p + 64 + bps, size - 64 - bps - (dnode_phys_has_spill(dn) ? 128 : 0));
    bswap64_array(p + 64, bps);
    bswap16_array(p + 8, 4);
    bswap64_array(p + 16, 16);
}

static inline void foreign_block(uint8_t *p, size_t size, unsigned type, unsigned level)
{
    if (level > 0 || type == OBJTYPE_OTHER_UINT64) {
        bswap64_array(p, size);
    } else if (type == OBJTYPE_DNODE) {
        for (size_t at = 0; at < size;) {
            size_t step = 512;
            if (((struct dnode_phys *)(p + at))->type != 0) {
                step = dnode_phys_size((struct dnode_phys *)(p + at));
                foreign_dnode(p + at);
            }
            at += step;
        }
    } else if (type == OBJTYPE_OBJSET) {
        struct objset_phys *os = (struct objset_phys *)p;
        bswap64_array(&os->zil_header, 192);
        bswap64_array(&os->type, 16);
        foreign_dnode(p);
        if (size >= 2048) {
            foreign_dnode(p + 1024);
            foreign_dnode(p + 1536);
        }
        if (size >= 4096)
            foreign_dnode(p + 2048);
    }
}

static inline struct blkptr fake_write(const void *data, size_t size, unsigned type, unsigned level,
                                       uint64_t birth, uint64_t fill, bool foreign)
{
    struct blkptr bp = {.birth = birth, .fill = fill};
    unsigned n = fake.n++;
    fake.block[n].data = malloc(size);
    fake.block[n].size = size;
    memcpy(fake.block[n].data, data, size);
    if (foreign)
        foreign_block(fake.block[n].data, size, type, level);
    dva_set(&bp.dva[0], 0, (uint64_t)n << SECTOR_SHIFT, size, false);
    BITS_SET(bp.prop, 0, 16, (size >> SECTOR_SHIFT) - 1);
    BITS_SET(bp.prop, 16, 16, (size >> SECTOR_SHIFT) - 1);
    BITS_SET(bp.prop, 32, 7, COMPRESS_OFF);
    BITS_SET(bp.prop, 40, 8, 7);
    BITS_SET(bp.prop, 48, 8, type);
    BITS_SET(bp.prop, 56, 5, level);
    BITS_SET(bp.prop, 63, 1, (uint64_t)(foreign ? !HOST_IS_LITTLE : HOST_IS_LITTLE));
    return bp;
}

static inline unsigned fake_number(const struct blkptr *bp)
{
    return (unsigned)(dva_offset(&bp->dva[0]) >> SECTOR_SHIFT);
}

/*
 * An indirect tree over given level-0 pointers (n of them, holes allowed) of one object into dn; 4
 * KiB indirect blocks (32 pointers each).
 */
static inline void fake_tree(struct dnode_phys *dn, struct blkptr *bps, uint64_t n, bool foreign)
{
    uint64_t birth = 10;
    struct blkptr *level = malloc(n * sizeof(*level));
    memcpy(level, bps, n * sizeof(*level));
    dn->indblkshift = 12;
    dn->maxblkid = n - 1;
    dn->nlevels = 1;
    while (n > dn->nblkptr) {
        uint64_t up = (n + 31) / 32;
        struct blkptr *next = calloc(up, sizeof(*next));
        for (uint64_t i = 0; i < up; i++) {
            struct blkptr block[32] = {0};
            uint64_t fill = 0;
            for (uint64_t k = 0; k < 32 && i * 32 + k < n; k++) {
                block[k] = level[i * 32 + k];
                fill += bp_is_hole(&block[k]) ? 0 : block[k].fill;
            }
            if (fill > 0)
                next[i] =
                    fake_write(block, sizeof(block), dn->type, dn->nlevels, birth, fill, foreign);
        }
        free(level);
        level = next;
        n = up;
        dn->nlevels++;
    }
    memcpy(dn->blkptr, level, n * sizeof(*level));
    free(level);
}

static inline struct dnode_phys fake_dnode(unsigned type, uint64_t blksz)
{
    return (struct dnode_phys){.type = (uint8_t)type,
                               .indblkshift = 12,
                               .nlevels = 1,
                               .nblkptr = 3,
                               .datablkszsec = (uint16_t)(blksz >> SECTOR_SHIFT),
                               .flags = DNODE_FLAG_USED_BYTES};
}

/* A root block over n slots of dnodes (a multiple of 32) in dnode blocks. */
static inline struct blkptr fake_objset(const void *slots, unsigned n, size_t root_size,
                                        bool foreign)
{
    struct objset_phys os = {.type = OBJSET_TYPE_ZFS};
    unsigned blocks = n / 32;
    struct blkptr *bps = calloc(blocks, sizeof(*bps));
    uint64_t objects = 0;
    for (unsigned b = 0; b < blocks; b++) {
        const uint8_t *block = (const uint8_t *)slots + (size_t)b * DNODE_BLOCK_SIZE;
        uint64_t fill = 0;
        for (unsigned s = 0; s < 32;) {
            const struct dnode_phys *dn = (const struct dnode_phys *)(block + s * 512);
            fill += dn->type != 0;
            s += dn->type != 0 ? dnode_phys_slots(dn) : 1;
        }
        if (fill > 0)
            bps[b] = fake_write(block, DNODE_BLOCK_SIZE, OBJTYPE_DNODE, 0, 10, fill, foreign);
        objects += fill;
    }
    os.meta_dnode = fake_dnode(OBJTYPE_DNODE, DNODE_BLOCK_SIZE);
    fake_tree(&os.meta_dnode, bps, blocks, foreign);
    free(bps);
    return fake_write(&os, root_size, OBJTYPE_OBJSET, 0, 10, objects, foreign);
}

#endif
