/* SPDX-License-Identifier: MIT */
/*
 * Reading object data by byte range (format/dmu.md, "6.4 Block tree addressing"), zero-copy pins,
 * spill blocks, and the search for data and holes by fill counts ("2.6 Fill count").
 *
 * Callers: zpl/, zvol/, everything that reads metadata objects. A range in one cached block costs
 * two shard locks and the copy. Several blocks are read in parallel, at most DMU_READ_BATCH at a
 * time. Locks: none held across I/O. Errors: zio's, ZE_BADBP, ZE_INVAL for ranges that wrap.
 */
#include "base/mem.h"
#include "dmu/dmu_impl.h"

/* Number of whole or partial blocks in [off, off + len), which must not wrap or be empty. */
static uint64_t blocks_covering(const struct dnode *dn, uint64_t off, uint64_t len)
{
    return (off + len - 1) / dn->blksz - off / dn->blksz + 1;
}

static unsigned batch_limit(const struct dnode *dn, uint64_t blocks)
{
    uint64_t n = max_of((uint64_t)1, DMU_READ_BATCH_MAX / dn->blksz);
    n = min_of(n, (uint64_t)DMU_READ_BATCH);
    return (unsigned)min_of(n, blocks);
}

/* Cut the range at the end of the last block; the rest of buf is zeros. Returns what is left. */
static uint64_t clip_and_zero(const struct dnode *dn, uint64_t off, uint8_t *buf, uint64_t len)
{
    uint64_t end = dn->nlevels == 0 ? 0 : dnode_size(dn);
    uint64_t inside = off >= end ? 0 : min_of(len, end - off);
    memset(buf + inside, 0, len - inside);
    return inside;
}

/* Copy the part of block (data == NULL: hole) that lies in the range; returns its length. */
static uint64_t copy_part(const struct dnode *dn, const void *data, uint64_t off, uint8_t *buf,
                          uint64_t len)
{
    uint64_t skip = off % dn->blksz;
    uint64_t n = min_of(len, dn->blksz - skip);
    if (data == NULL)
        memset(buf, 0, n);
    else
        memcpy(buf, (const uint8_t *)data + skip, n);
    return n;
}

static int read_blocks(struct dnode *dn, uint64_t off, uint8_t *buf, uint64_t len)
{
    uint64_t first = off / dn->blksz;
    uint64_t left = blocks_covering(dn, off, len);
    prefetch_access(dn, first, left);
    while (left > 0) {
        struct dbuf *db[DMU_READ_BATCH];
        unsigned n = batch_limit(dn, left);
        int err = dbuf_hold_many(dn, first, n, db);
        if (err != 0)
            return err;
        for (unsigned i = 0; i < n; i++) {
            uint64_t part = copy_part(dn, db[i] != NULL ? db[i]->data : NULL, off, buf, len);
            dbuf_rele(db[i]);
            off += part;
            buf += part;
            len -= part;
        }
        first += n;
        left -= n;
    }
    return 0;
}

static int range_check(uint64_t off, uint64_t len)
{
    uint64_t end;
    if (__builtin_add_overflow(off, len, &end))
        return err_raise(ZE_INVAL, "range %llu+%llu", (unsigned long long)off,
                         (unsigned long long)len);
    return 0;
}

int dmu_read(struct dnode *dn, uint64_t off, void *buf, uint64_t len)
{
    int err = range_check(off, len);
    if (err != 0)
        return err;
    len = clip_and_zero(dn, off, buf, len);
    if (len == 0)
        return 0;
    if (off % dn->blksz + len <= dn->blksz) {
        struct dbuf *db = dbuf_find_ready(dn, 0, off / dn->blksz);
        if (db != NULL) {
            prefetch_access(dn, off / dn->blksz, 1);
            copy_part(dn, db->data, off, buf, len);
            dbuf_rele(db);
            return 0;
        }
    }
    return read_blocks(dn, off, buf, len);
}

/* ---- reads that leave no dbufs behind ---- */

struct uncached_batch {
    unsigned n;
    unsigned index[DMU_READ_BATCH]; /* of the block in the range */
    struct blkptr bp[DMU_READ_BATCH];
    const struct blkptr *bpp[DMU_READ_BATCH];
    struct bookmark zb[DMU_READ_BATCH];
    struct arc_buf *arc[DMU_READ_BATCH];
    int err[DMU_READ_BATCH];
};

static int uncached_collect(struct dnode *dn, uint64_t first, unsigned n, struct uncached_batch *b)
{
    struct dbuf *parent = NULL;
    int err = 0;
    b->n = 0;
    for (unsigned i = 0; err == 0 && i < n; i++) {
        struct blkptr *bp = &b->bp[b->n];
        err = dbuf_blkptr(dn, 0, first + i, &parent, bp);
        if (err != 0 || bp_is_hole(bp))
            continue;
        err = dbuf_blkptr_check(dn, 0, first + i, bp);
        b->bpp[b->n] = bp;
        b->zb[b->n] = dnode_bookmark(dn, 0, first + i);
        b->index[b->n++] = i;
    }
    dbuf_rele(parent);
    return err;
}

/* The part of block first+index inside [off, off+len) of the caller's buffer, from data. */
static void uncached_place(const struct dnode *dn, uint64_t blkid, const uint8_t *data,
                           uint64_t off, uint8_t *buf, uint64_t len)
{
    uint64_t start = blkid * dn->blksz;
    uint64_t from = max_of(start, off);
    uint64_t to = min_of(start + dn->blksz, off + len);
    memcpy(buf + (from - off), data + (from - start), to - from);
}

static int uncached_finish(struct dnode *dn, uint64_t first, struct uncached_batch *b, uint64_t off,
                           uint8_t *buf, uint64_t len)
{
    int err = 0;
    for (unsigned i = 0; i < b->n; i++) {
        void *copy = NULL;
        const void *data = NULL;
        int e = b->err[i];
        if (e != 0)
            e = dbuf_read_error(dn, 0, first + b->index[i], e);
        else
            e = dbuf_decode(&b->bp[i], 0, bp_type(&b->bp[i]), b->arc[i], dn->blksz, &copy, &data);
        if (e == 0)
            uncached_place(dn, first + b->index[i], data, off, buf, len);
        if (b->err[i] == 0)
            arc_release(b->arc[i]);
        free(copy);
        if (err == 0)
            err = e;
    }
    return err;
}

int dmu_read_uncached(struct dnode *dn, uint64_t off, void *buf, uint64_t len)
{
    int err = range_check(off, len);
    if (err != 0)
        return err;
    len = clip_and_zero(dn, off, buf, len);
    if (len == 0)
        return 0;
    struct uncached_batch *b AUTO_FREE = malloc(sizeof(*b));
    if (b == NULL)
        return err_raise(ZE_NOMEM, "read of %llu bytes", (unsigned long long)len);
    memset(buf, 0, len);
    uint64_t first = off / dn->blksz;
    uint64_t left = blocks_covering(dn, off, len);
    while (err == 0 && left > 0) {
        unsigned n = batch_limit(dn, left);
        err = uncached_collect(dn, first, n, b);
        if (err == 0 && b->n > 0) {
            arc_read_many(dn->os->zp, b->bpp, b->zb, b->n, VDEV_PRIO_SYNC_READ,
                          dbuf_zio_flags(dn, 0, &b->bp[0]), b->arc, b->err);
            err = uncached_finish(dn, first, b, off, buf, len);
        }
        first += n;
        left -= n;
    }
    return err;
}

int dmu_read_object(struct objset *os, uint64_t object, uint64_t off, void *buf, uint64_t len)
{
    struct dnode *dn;
    int err = dnode_hold(os, object, &dn);
    if (err != 0)
        return err;
    err = dmu_read(dn, off, buf, len);
    dnode_rele(dn);
    return err;
}

void dmu_prefetch(struct dnode *dn, uint64_t off, uint64_t len)
{
    if (len == 0 || dn->nlevels == 0 || range_check(off, len) != 0)
        return;
    uint64_t first = off / dn->blksz;
    uint64_t last = min_of((off + len - 1) / dn->blksz, dn->maxblkid);
    struct dbuf *parent = NULL;
    for (uint64_t id = first; id <= last && id - first < DMU_READ_BATCH_MAX / SECTOR_SIZE; id++) {
        struct blkptr bp;
        if (dbuf_blkptr(dn, 0, id, &parent, &bp) != 0)
            break;
        if (bp_is_hole(&bp) || bp_is_embedded(&bp) || dbuf_blkptr_check(dn, 0, id, &bp) != 0)
            continue;
        struct bookmark zb = dnode_bookmark(dn, 0, id);
        arc_prefetch(dn->os->zp, &bp, &zb);
    }
    dbuf_rele(parent);
}

/* ---- pins ---- */

struct dmu_pin {
    unsigned n;
    struct dbuf *db[];
};

static int pin_fill(struct dnode *dn, uint64_t off, uint64_t len, struct dmu_pin *pin,
                    struct iovec *iov)
{
    uint64_t first = off / dn->blksz;
    unsigned total = (unsigned)blocks_covering(dn, off, len);
    while (pin->n < total) {
        unsigned n = batch_limit(dn, total - pin->n);
        int err = dbuf_hold_many(dn, first + pin->n, n, pin->db + pin->n);
        if (err != 0)
            return err;
        pin->n += n;
    }
    for (unsigned i = 0; i < total; i++) {
        uint64_t skip = off % dn->blksz;
        uint64_t part = min_of(len, dn->blksz - skip);
        const uint8_t *data = pin->db[i] != NULL ? pin->db[i]->data : dn->dp->zeros;
        iov[i] = (struct iovec){(void *)(uintptr_t)(data + skip), part};
        off += part;
        len -= part;
    }
    return 0;
}

int dmu_pin(struct dnode *dn, uint64_t off, uint64_t len, struct dmu_pin **out, struct iovec *iov,
            unsigned *iovcnt)
{
    *out = NULL;
    int err = range_check(off, len);
    if (err != 0)
        return err;
    if (len == 0 || dn->nlevels == 0 || off + len > dnode_size(dn))
        return err_raise(ZE_RANGE, "pin of %llu+%llu in object %llu", (unsigned long long)off,
                         (unsigned long long)len, (unsigned long long)dn->object);
    uint64_t total = blocks_covering(dn, off, len);
    if (total > *iovcnt)
        return err_raise(ZE_RANGE, "pin needs %llu segments, %u given", (unsigned long long)total,
                         *iovcnt);
    struct dmu_pin *pin = mem_zalloc(sizeof(*pin) + total * sizeof(pin->db[0]));
    if (pin == NULL)
        return err_raise(ZE_NOMEM, "pin of %llu blocks", (unsigned long long)total);
    prefetch_access(dn, off / dn->blksz, total);
    err = pin_fill(dn, off, len, pin, iov);
    if (err != 0) {
        dmu_unpin(pin);
        return err;
    }
    *iovcnt = (unsigned)total;
    *out = pin;
    return 0;
}

void dmu_unpin(struct dmu_pin *pin)
{
    if (pin == NULL)
        return;
    for (unsigned i = 0; i < pin->n; i++)
        dbuf_rele(pin->db[i]);
    free(pin);
}

/* ---- single pointers, spill ---- */

int dmu_blkptr(struct dnode *dn, unsigned level, uint64_t blkid, struct blkptr *out)
{
    struct dbuf *parent = NULL;
    int err = dbuf_blkptr(dn, level, blkid, &parent, out);
    dbuf_rele(parent);
    return err;
}

#define SPILL_MAX BLOCK_OLD_MAX_SIZE

int dnode_spill_read(struct dnode *dn, uint8_t **data, size_t *len, bool *swapped)
{
    *data = NULL;
    const struct blkptr *bp = dnode_phys_spill(dn->phys);
    if (bp == NULL || bp_is_hole(bp))
        return ZE_NOENT;
    int err = bp_validate(bp);
    if (err == 0 && (bp_level(bp) != 0 || bp_lsize(bp) > SPILL_MAX || bp_lsize(bp) == 0))
        err = err_raise(ZE_BADBP, "spill of %llu bytes, level %u", (unsigned long long)bp_lsize(bp),
                        bp_level(bp));
    if (err == 0 && dn->os->encrypted && !bp_uses_crypt(bp))
        err = err_raise(ZE_AUTH, "spill block is not protected");
    if (err != 0)
        return err_context(err, "dataset %llu, object %llu: ", (unsigned long long)dn->os->dataset,
                           (unsigned long long)dn->object);
    struct bookmark zb = dnode_bookmark(dn, 0, BOOKMARK_BLKID_SPILL);
    struct arc_buf *arc;
    err = arc_read(dn->os->zp, bp, &zb, VDEV_PRIO_SYNC_READ, 0, &arc);
    if (err != 0)
        return dbuf_read_error(dn, 0, BOOKMARK_BLKID_SPILL, err);
    void *copy;
    const void *plain;
    size_t size = arc->size;
    err = dbuf_decode(bp, 0, bp_type(bp), arc, size, &copy, &plain);
    if (err == 0 && copy == NULL) {
        copy = malloc(size);
        if (copy != NULL)
            memcpy(copy, plain, size);
        else
            err = err_raise(ZE_NOMEM, "spill block");
    }
    arc_release(arc);
    if (err != 0)
        return err;
    *data = copy;
    *len = size;
    *swapped = bp_is_swapped(bp);
    return 0;
}

/* ---- data and holes ---- */

struct hole_search {
    struct dnode *dn;
    bool hole;
    uint64_t start;     /* first level-0 block that counts */
    uint64_t found;     /* result; on error the first block behind what could not be read */
    unsigned fruitless; /* indirect blocks that did not hold what their fill count promised */
};

/* Level-0 blocks below one block pointer of a level, as a shift. */
static unsigned level_shift(const struct dnode *dn, unsigned level)
{
    return min_of(level * dn->epbs, 63u);
}

/* First level-0 block behind block blkid of a level; saturates. */
static uint64_t block_end(const struct dnode *dn, unsigned level, uint64_t blkid)
{
    unsigned shift = level_shift(dn, level);
    return blkid >= UINT64_MAX >> shift ? UINT64_MAX : (blkid + 1) << shift;
}

static bool pointer_may_hold(const struct hole_search *s, const struct blkptr *bp, unsigned level)
{
    if (!s->hole)
        return !bp_is_hole(bp) && (bp_is_embedded(bp) || bp_fill(bp) > 0);
    if (bp_is_hole(bp))
        return true;
    return level > 0 && bp_fill(bp) < (uint64_t)1 << level_shift(s->dn, level);
}

static int search_pointers(struct hole_search *s, unsigned level, uint64_t base,
                           const struct blkptr *bps, uint64_t n);

static int search_below(struct hole_search *s, unsigned level, uint64_t blkid)
{
    struct dnode *dn = s->dn;
    struct dbuf *db;
    int err = dbuf_hold(dn, level, blkid, &db);
    if (err != 0) {
        s->found = block_end(dn, level, blkid);
        return err;
    }
    err = db->hole ? ZE_NOENT
                   : search_pointers(s, level - 1, blkid << dn->epbs, dbuf_data(db),
                                     (uint64_t)1 << dn->epbs);
    dbuf_rele(db);
    return err;
}

/* n pointers to blocks base, base+1, ... of a level: find the first block wanted below them. */
static int search_pointers(struct hole_search *s, unsigned level, uint64_t base,
                           const struct blkptr *bps, uint64_t n)
{
    struct dnode *dn = s->dn;
    unsigned shift = level_shift(dn, level);
    uint64_t from = s->start >> shift, last = dn->maxblkid >> shift;
    for (uint64_t i = from > base ? from - base : 0; i < n && base + i <= last; i++) {
        uint64_t id = base + i;
        if (!pointer_may_hold(s, &bps[i], level))
            continue;
        if (level == 0 || bp_is_hole(&bps[i])) {
            s->found = max_of(id << shift, s->start);
            return 0;
        }
        int err = search_below(s, level, id);
        if (err != ZE_NOENT)
            return err;
        /* Rightly fruitless only along the edges of the range; more than that is a lie. */
        if (++s->fruitless > 8 * DNODE_MAX_LEVELS) {
            s->found = block_end(dn, level, id);
            return err_raise(ZE_BADDNODE, "dataset %llu, object %llu: wrong fill counts",
                             (unsigned long long)dn->os->dataset, (unsigned long long)dn->object);
        }
    }
    return ZE_NOENT;
}

int dmu_next_offset(struct dnode *dn, bool hole, uint64_t *off)
{
    if (dn->nlevels == 0 || *off >= dnode_size(dn))
        return ZE_NOENT;
    struct hole_search s = {.dn = dn, .hole = hole, .start = *off / dn->blksz};
    int err = search_pointers(&s, dn->nlevels - 1, 0, dn->phys->blkptr, dn->phys->nblkptr);
    if (err == ZE_NOENT)
        return err;
    uint64_t pos;
    if (__builtin_mul_overflow(s.found, dn->blksz, &pos))
        pos = UINT64_MAX;
    *off = max_of(*off, pos);
    return err;
}
