/* SPDX-License-Identifier: MIT */
/*
 * The ARC: one cache per service for blocks of all pools, keyed by (pool load, DVA[0], physical birth).
 * Adaptive replacement between recently and frequently used, with ghost lists; blocks are kept as on disk
 * (compressed; encrypted blocks decrypted) under a hard byte limit and also, while somebody holds
 * them, decompressed. Shrinks on pressure (PSI, arc_shrink).
 *
 * Locks: hash-bucket locks, then header lock, then list locks (ranks ARC_*). No lock is held during I/O.
 */
#ifndef ZUSE_ZIO_ARC_H
#define ZUSE_ZIO_ARC_H

#include "zio/zio.h"

struct arc_stats {
    uint64_t hits, misses, prefetch_hits, mru_hits, mfu_hits, ghost_hits, evictions;
    uint64_t size, target_mru, limit, meta_size, data_size;
};

/* limit in bytes (hard), 0 = default: smaller of half the memory and what the cgroup allows. */
int arc_create(struct env *env, uint64_t limit, struct arc **out);
void arc_destroy(struct arc *arc);
void arc_set_limit(struct arc *arc, uint64_t limit);
void arc_shrink(struct arc *arc, uint64_t bytes);
void arc_stats_get(struct arc *arc, struct arc_stats *out);
/* Drop every cached block of one pool load (export). */
void arc_drop_pool(struct arc *arc, const struct zio_pool *pool);

/* A held, readable block. data is decompressed (or raw, as asked), immutable, valid until release. */
struct arc_buf {
    const void *data;
    size_t size;
};

/* Blocking. Cached hit: no thread hop, no pool-wide lock. Holes give ZE_HOLE, embedded are decoded. */
int arc_read(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
             enum vdev_prio prio, unsigned zio_flags, struct arc_buf **out);
void arc_release(struct arc_buf *buf);
/* Start reading into the cache, no result. */
void arc_prefetch(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb);
/* Many at once: starts all reads, waits for all; out[i] NULL and err[i] set where one failed. */
int arc_read_many(struct zio_pool *pool, const struct blkptr *const *bps, const struct bookmark *zbs,
                  unsigned n, enum vdev_prio prio, unsigned zio_flags, struct arc_buf **out, int *err);

#endif
