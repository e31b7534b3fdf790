/* SPDX-License-Identifier: MIT */
/*
 * Object sets, dnodes and object data (format/dmu.md 6-8). An objset is opened from its root bp;
 * objects are held by number; data is read through cached dbufs (dbuf.h) over the ARC. Blocks are
 * byte-swapped by type and validated once, when they become a dbuf.
 *
 * Callers: dsl/, zpl/, zvol/, pool/, inspect/. Ownership: holds are counted; release what you hold.
 * Locks: internal (OBJSET, DNODE, DBUF). Errors: those of zio, ZE_BADDNODE, ZE_BADOBJSET, ZE_NOENT
 * (no such object), ZE_BADOBJ (unexpected type).
 */
#ifndef ZUSE_DMU_DMU_H
#define ZUSE_DMU_DMU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/span.h"
#include "disk/blkptr.h"
#include "disk/dnode.h"
#include "disk/objset.h"
#include "zio/zio.h"

struct objset;
struct dnode;
struct dbuf;

enum objset_flags {
    OBJSET_RAW = 1 << 0, /* encrypted dataset without key: only what is not encrypted can be read */
};

/* dataset: object number of the DSL dataset, 0 for the MOS. A zero (hole) root bp gives an empty
 * objset. */
int objset_open(struct zio_pool *pool, uint64_t dataset, const struct blkptr *root, unsigned flags,
                struct objset **out);
void objset_close(struct objset *os);
uint64_t objset_dataset(const struct objset *os);
unsigned objset_type(const struct objset *os); /* enum objset_type: none, meta, zfs, zvol, other */
const struct objset_phys *objset_phys(const struct objset *os); /* host order */
const struct blkptr *objset_root(const struct objset *os);
bool objset_is_encrypted(const struct objset *os);   /* the root block is protected */
unsigned objset_open_flags(const struct objset *os); /* enum objset_flags */
struct zio_pool *objset_pool(struct objset *os);
/*
 * Next allocated object number > *object (start with 0); ZE_NOENT at the end. On another error
 * *object has moved behind what could not be read: a caller may note the error and go on.
 */
int objset_next_object(struct objset *os, uint64_t *object);
/* The special dnodes: meta 0, user accounting -1, group -2, project -3 (as objects
 * UINT64_MAX-0..-2). */
struct dnode *objset_meta_dnode(struct objset *os);

int dnode_hold(struct objset *os, uint64_t object, struct dnode **out);
void dnode_rele(struct dnode *dn);
uint64_t dnode_object(const struct dnode *dn);
struct objset *dnode_objset(const struct dnode *dn);
const struct dnode_phys *
dnode_phys(const struct dnode *dn); /* host order, validated; 512*(1+extra) bytes */
/* Bonus bytes in host order if the bonus type says how to swap; SA bonus is left in *swapped order.
 */
struct span dnode_bonus(const struct dnode *dn);
bool dnode_bonus_swapped(const struct dnode *dn);
/* OBJSET_RAW and the bonus is ciphertext: dnode_bonus() is then empty. */
bool dnode_bonus_is_encrypted(const struct dnode *dn);
uint64_t dnode_blksz(const struct dnode *dn); /* data block size, bytes */
uint64_t dnode_maxblkid(const struct dnode *dn);
uint64_t dnode_size(const struct dnode *dn); /* (maxblkid+1)*blksz: upper bound of data, bytes */
/* Spill block contents (held as arc buffer copy); ZE_NOENT if none. Free with free(). */
int dnode_spill_read(struct dnode *dn, uint8_t **data, size_t *len, bool *swapped);

/*
 * Read [off, off+len): holes and beyond maxblkid read as zeros. Several blocks are fetched in
 * parallel. Data is in host order if the object's type says how to swap.
 */
int dmu_read(struct dnode *dn, uint64_t off, void *buf, uint64_t len);
/* Same, without prefetch and caching above the ARC (scans). */
int dmu_read_uncached(struct dnode *dn, uint64_t off, void *buf, uint64_t len);
int dmu_read_object(struct objset *os, uint64_t object, uint64_t off, void *buf, uint64_t len);
void dmu_prefetch(struct dnode *dn, uint64_t off, uint64_t len);
/*
 * Scatter access without copy: pins consecutive blocks covering [off, off+len), which must lie
 * below dnode_size(). iov entries point into cached blocks (zeros for holes), one a block; *iovcnt:
 * room, then used; ZE_RANGE if the room is too small. dmu_unpin releases.
 */
struct dmu_pin;
int dmu_pin(struct dnode *dn, uint64_t off, uint64_t len, struct dmu_pin **out, struct iovec *iov,
            unsigned *iovcnt);
void dmu_unpin(struct dmu_pin *pin);
/*
 * Next data (hole == false) or hole (true) at or after *off by the fill counts; ZE_NOENT when there
 * is none up to the last block. On another error *off has moved behind what could not be read.
 */
int dmu_next_offset(struct dnode *dn, bool hole, uint64_t *off);
/* Block pointer of (level, blkid) with its size; a hole bp if not allocated. */
int dmu_blkptr(struct dnode *dn, unsigned level, uint64_t blkid, struct blkptr *out);

/* Held decoded blocks for metadata walkers (indirects, ZAP, dnodes). */
int dbuf_hold(struct dnode *dn, unsigned level, uint64_t blkid, struct dbuf **out);
void dbuf_rele(struct dbuf *db);
const void *dbuf_data(const struct dbuf *db); /* host order */
size_t dbuf_size(const struct dbuf *db);
bool dbuf_is_hole(const struct dbuf *db);

#endif
