/* SPDX-License-Identifier: MIT */
/*
 * Inside of the read pipeline, shared by the files of zio/ only.
 *
 *   zio_read.c      one read as the callers see it: validate, fetch, decrypt, decompress
 *   zio_phys.c      the stored bytes of one bp: copy after copy until one verifies
 *   zio_gang.c      the stored bytes of a gang bp: header, members, nested headers
 *   zio_checksum.c  what "verifies" means for a bp and for a gang header
 *   zio_scrub.c     the blocking scrub entry
 *
 * A zio_phys is owned by whoever started it until its done() is called, which may be on any thread
 * and before zio_phys_start() returns.
 */
#ifndef ZUSE_ZIO_ZIO_IMPL_H
#define ZUSE_ZIO_ZIO_IMPL_H

#include "base/err.h"
#include "base/lock.h"
#include "disk/gang.h"
#include "zio/crypt_block.h"
#include "zio/zio.h"

#define ZIO_DETAIL_MAX 256
/* From this size on, checksum, cipher and decompressor run on the worker pool. */
#define ZIO_INLINE_MAX (32u << 10)
/* Alignment of buffers that devices read into directly. */
#define ZIO_BUF_ALIGN 4096u

/* Nesting of a real gang tree is at most log3(16 MiB / 512) = 10 (format/dmu.md 3.4). */
#define ZIO_GANG_MAX_DEPTH 16

struct gang_node;
struct gang_budget;

struct zio_phys {
    struct zio_pool *pool;
    struct blkptr bp;
    const struct bookmark *bookmark; /* outlives the read */
    enum vdev_prio prio;
    unsigned flags;                             /* enum zio_flags */
    void *buf;                                  /* bp_psize bytes */
    size_t cap;                                 /* usable bytes at buf, >= bp_psize */
    void (*done)(struct zio_phys *zp, int err); /* detail in err_detail() if err != 0 */
    void *arg;
    struct zio_scrub_result scrub;

    /* private to zio_phys.c and zio_gang.c */
    bool is_header;             /* reads a gang header of hsize bytes instead of the data */
    unsigned hsize;             /* bytes to read and to try first */
    unsigned depth;             /* of gang nesting */
    struct gang_budget *budget; /* of the whole gang tree */
    struct gang_node *gang;
    struct vdev_io io;
    void *bounce;
    size_t bounce_size;
    uint8_t order[BLKPTR_DVAS];
    unsigned ncopies, at;
    bool good; /* a copy verified and is in buf */
    int err;
    char detail[ZIO_DETAIL_MAX];
};

/* zio_phys.c */
void zio_phys_start(struct zio_phys *zp);
/* Vdev of a DVA; ZE_BADBP / ZE_NXIO if there is none. */
int zio_dva_vdev(struct zio_pool *pool, const struct dva *dva, struct vdev **out);
unsigned zio_vdev_min_alloc(const struct vdev *top);

/* zio_gang.c: zp->bp is a gang bp */
void zio_gang_start(struct zio_phys *zp);
/* Bytes of header a reader of bp has to try first: 512 unless dynamic headers are active. */
unsigned zio_gang_header_size(struct zio_pool *pool, const struct blkptr *bp);
/*
 * Which size of header buf[0..hsize) holds (hsize or 512), swap it to host order, validate it and
 * its members as those of bp and move the used ones to the front. ZE_BADGANG, ZE_CKSUM.
 */
int zio_gang_parse(struct zio_pool *pool, const struct blkptr *bp, void *buf, size_t hsize,
                   unsigned *members);

/* zio_checksum.c: 0, ZE_CKSUM (no detail: called often), or ZE_BADBP for a function that does not
 * exist */
int zio_checksum_verify(struct zio_pool *pool, const struct blkptr *bp, const void *data,
                        size_t len);
int zio_checksum_verify_gang(const struct blkptr *bp, const void *header, size_t hsize);
bool zio_bp_truncates_checksum(const struct blkptr *bp);

/* zio_read.c: like zio_read_submit(), but waits; r->done and r->arg are not used. */
int zio_read_wait(struct zio_read *r);
/* Sizes of a bp (not embedded) that only make sense together. ZE_BADBP. */
int zio_check_sizes(const struct blkptr *bp);
/* Decompress to exactly lsize bytes and check what can only be checked then (MACs of indirect
 * blocks). */
int zio_decode(struct zio_pool *pool, const struct blkptr *bp, const void *src, void *dst);
/* Payload of an embedded bp, decompressed into dst of bp_lsize bytes. */
int zio_decode_embedded(const struct blkptr *bp, void *dst);

#endif
