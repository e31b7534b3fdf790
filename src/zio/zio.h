/* SPDX-License-Identifier: MIT */
/*
 * I/O on block pointers for one pool: read = choose a DVA, read the vdev, verify the checksum, try
 * other copies, follow gang headers, decrypt, decompress (format/dmu.md 2-5, crypto-dedup.md
 * A10-A17). Write (issue "Write") adds the transform/allocate/write stages to the same pipeline.
 * The ARC sits in front (arc.h).
 *
 * Callers: dmu/ (through the ARC), pool/ (MOS bootstrap), inspect/ (verify). Ownership: the caller
 * owns buffers. Locks: none held across calls; blocking calls assert lock_assert_may_block().
 * Errors: ZE_CKSUM (every copy wrong), ZE_IO, ZE_NXIO, ZE_BADBP, ZE_BADGANG, ZE_DECOMPRESS,
 * ZE_AUTH, ZE_NOKEY, ZE_REDACTED.
 */
#ifndef ZUSE_ZIO_ZIO_H
#define ZUSE_ZIO_ZIO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/worker.h"
#include "disk/blkptr.h"
#include "vdev/vdev.h"

struct arc;
struct zio_pool;

/* Seam: dataset keys, implemented by dsl/. All methods thread-safe. */
struct crypt_key; /* codec/crypt.h: unwrapped master key of one DSL crypto key object */
struct zio_keystore {
    /*
     * Key for blocks of objset (dataset object number), referenced; ZE_NOKEY if not loaded. *suite-
     * independent: the crypt_key knows its suite.
     */
    int (*key_hold)(struct zio_keystore *self, uint64_t objset, struct crypt_key **out);
    void (*key_rele)(struct zio_keystore *self, struct crypt_key *key);
};

/* Seam: space, implemented by alloc/ (write support). */
struct zio_allocator {
    int (*alloc)(struct zio_allocator *self, uint64_t txg, uint64_t psize, unsigned copies,
                 unsigned flags, struct blkptr *bp);
    void (*free)(struct zio_allocator *self, uint64_t txg, const struct blkptr *bp);
};

/* Seam: dedup and clone tables, implemented by alloc/ (write support). */
struct zio_block_tables {
    bool (*is_shared)(struct zio_block_tables *self, const struct blkptr *bp);
};

enum zio_flags {
    ZIO_RAW = 1 << 0,          /* psize bytes as stored: no decrypt, no decompress */
    ZIO_RAW_COMPRESS = 1 << 1, /* decrypted but still compressed */
    ZIO_SPECULATIVE = 1 << 2,  /* failure is expected: count no errors */
    ZIO_SCRUB = 1 << 3,        /* verify every copy, side and parity; buf may be NULL */
    ZIO_NO_REPAIR = 1 << 4,
    ZIO_CANFAIL = 1 << 5,
};

struct zio_stats {
    _Atomic uint64_t reads, read_bytes, checksum_ns, decompress_ns, repaired, gang_reads;
};

struct zio_pool {
    struct env *env;
    struct vdev_tree *vdevs;
    struct arc *arc; /* shared by all pools of a service; may be NULL (then: no caching) */
    struct zio_keystore *keystore;   /* NULL until dsl/ is up */
    struct zio_allocator *allocator; /* NULL in a read-only pool */
    struct zio_block_tables *tables; /* may be NULL */
    uint64_t guid;                   /* pool GUID; with `load` names this open in the ARC */
    uint64_t load;                   /* distinguishes successive opens */
    uint8_t salt[32];                /* for salted checksums */
    bool config_trusted;             /* DVAs are checked against the vdev tree */
    bool has_dynamic_gang;           /* feature dynamic_gang_header is active */
    struct zio_stats stats;
    struct dmu_pool *dmu; /* private to dmu/: caches of the open object sets; zero at start */
    _Atomic int dmu_lock;
};

/* Result of scrubbing one block: how many copies were read and how many of them were bad. */
struct zio_scrub_result {
    unsigned copies, bad;
};

struct zio_read {
    struct zio_pool *pool;
    struct blkptr bp;         /* a copy */
    struct bookmark bookmark; /* for keys and error reports */
    enum vdev_prio prio;
    unsigned flags;
    void *buf;   /* lsize bytes, or psize with ZIO_RAW / ZIO_RAW_COMPRESS */
    size_t size; /* of what is wanted: zio_read_size() */
    size_t cap;  /* bytes usable at buf when that is more than size, else 0 */
    /*
     * On any thread, perhaps before zio_read_submit() returns; must not block. On failure the
     * detail text is the calling thread's err_detail().
     */
    void (*done)(struct zio_read *r, int err);
    void *arg;
    struct zio_scrub_result scrub; /* filled with ZIO_SCRUB */
    /* Results for protected blocks: with which key, or unchecked as no key is loaded. */
    bool used_key, unverified;
    uint64_t key_guid;
    /* private */
    void *state;
};

/* Size of buffer a read of bp with these flags fills. */
size_t zio_read_size(const struct blkptr *bp, unsigned flags);
void zio_read_submit(struct zio_read *r); /* asynchronous */
int zio_read_run(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
                 enum vdev_prio prio, unsigned flags, void *buf, size_t size); /* blocking */
/*
 * Check a bp that came from a device: its fields, and (config_trusted) its DVAs against the vdev
 * tree (format/dmu.md 2.7). 0 or ZE_BADBP. Reads do this themselves.
 */
int zio_check_bp(struct zio_pool *pool, const struct blkptr *bp);
/*
 * Read and verify every copy of every block of bp (all DVAs, gang members, mirror sides, parity).
 * Data is not decrypted (MACs are checked if the key is there). 0 if all were right; ZE_CKSUM/ZE_IO
 * if the block is lost.
 */
int zio_scrub_run(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
                  struct zio_scrub_result *res);
/* The members of a gang block, for walkers: calls fn for each constituent bp (also nested headers'
 * own DVAs). */
int zio_gang_walk(struct zio_pool *pool, const struct blkptr *bp,
                  int (*fn)(void *arg, const struct blkptr *member, bool is_header), void *arg);

#endif
