/* SPDX-License-Identifier: MIT */
/*
 * The ARC: one cache per service for blocks of all pools, keyed by (pool GUID and load, DVA[0],
 * physical birth). Adaptive replacement between recently and frequently used, for data and metadata
 * apart, with ghost lists; blocks are kept as on disk (compressed; encrypted blocks decrypted)
 * under a byte limit that counts headers, buffers in flight and buffers held. Decompressed
 * copies are shared by those who hold them; a small number stays cached after that. Shrinks on
 * pressure (arc_pressure_start, arc_shrink).
 *
 * The limit is hard for what could be evicted. Only when everything is in flight or held, reads go
 * up to ARC_SLACK over it, then wait for others to let go; after ARC_WAIT_NS they go on all the
 * same (a reader that holds blocks may be the one all wait for) and stats.overcommits counts it.
 *
 * Ownership: an arc_buf belongs to the ARC; holders release it, on any thread. Locks: hash stripe
 * (ARC_HASH), then list lock (ARC_LIST); none is held during I/O, decompression or across calls.
 * Errors: those of zio_read; ZE_HOLE; ZE_NOMEM.
 */
#ifndef ZUSE_ZIO_ARC_H
#define ZUSE_ZIO_ARC_H

#include "zio/zio.h"

#define ARC_SLACK   (32u << 20)
#define ARC_WAIT_NS 5000000000ull

struct arc_stats {
    uint64_t hits, misses, prefetch_hits, mru_hits, mfu_hits, ghost_hits, evictions;
    uint64_t size, target_mru, limit, meta_size, data_size;
    uint64_t target;       /* bytes aimed at now: the limit, or less under pressure */
    uint64_t target_meta;  /* bytes aimed at for metadata */
    uint64_t decoded_size; /* cached decompressed copies */
    uint64_t ghost_size;   /* bytes that the blocks on the ghost lists had */
    uint64_t coalesced;    /* misses that joined a read under way */
    uint64_t prefetches, overcommits, blocks;
};

/* limit in bytes, 0 = default: smaller of half the memory and what the cgroup allows. */
int arc_create(struct env *env, uint64_t limit, struct arc **out);
/* All pools dropped, all buffers released. */
void arc_destroy(struct arc *arc);
void arc_set_limit(struct arc *arc, uint64_t limit);
/* Give back bytes now and do not grow for some seconds. */
void arc_shrink(struct arc *arc, uint64_t bytes);
void arc_stats_get(struct arc *arc, struct arc_stats *out);
/* Drop every cached block of one pool load (export); waits for reads under way. */
void arc_drop_pool(struct arc *arc, const struct zio_pool *pool);

/*
 * Somebody who keeps buffers held for long (dmu/'s cache of dbufs) says how to get them back:
 * called without locks, on a thread that needs memory; release what nobody uses, about `bytes` of
 * it, without blocking on I/O. One per owner; registered before the first read.
 */
struct arc_reclaimer {
    void (*reclaim)(struct arc_reclaimer *self, uint64_t bytes);
    struct arc_reclaimer *next; /* private */
};
void arc_reclaimer_add(struct arc *arc, struct arc_reclaimer *r);
void arc_reclaimer_remove(struct arc *arc, struct arc_reclaimer *r);

/*
 * Watch memory pressure (PSI, and the memory still available to the machine and the cgroup) on a
 * thread of its own and shrink. Without PSI in the kernel the thread polls. Stopped by
 * arc_destroy().
 */
int arc_pressure_start(struct arc *arc);
/* What arc_create(0) takes. root: where /proc and /sys are, "" on a real system (tests give a
 * directory). */
uint64_t arc_default_limit(const char *root);

/* A held, readable block. data is decompressed (or raw, as asked), immutable, valid until release.
 */
struct arc_buf {
    const void *data;
    size_t size;
};

/* Blocking. Cached hit: no thread hop, no pool-wide lock. Holes give ZE_HOLE, embedded are decoded.
 */
int arc_read(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
             enum vdev_prio prio, unsigned zio_flags, struct arc_buf **out);
void arc_release(struct arc_buf *buf); /* NULL is fine */
/* Start reading into the cache, no result. Does nothing when memory or the number of reads under
 * way is short. */
void arc_prefetch(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb);
/* Is the block cached now? For scans that would rather not disturb the cache. */
bool arc_is_cached(struct zio_pool *pool, const struct blkptr *bp);
/* Many at once: starts all reads, waits for all; out[i] NULL and err[i] set where one failed. 0, or
 * the first error. */
int arc_read_many(struct zio_pool *pool, const struct blkptr *const *bps,
                  const struct bookmark *zbs, unsigned n, enum vdev_prio prio, unsigned zio_flags,
                  struct arc_buf **out, int *err);

#endif
