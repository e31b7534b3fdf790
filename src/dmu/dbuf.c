/* SPDX-License-Identifier: MIT */
/*
 * Dbufs: blocks of objects in host order (format/dmu.md, "6.4 Block tree addressing", "7.3
 * Byteswapping rules"). A dbuf holds its ARC buffer, and a copy of its own only when the block had
 * to be swapped or extended. The first to ask for a block reads it, everybody else who asks
 * meanwhile waits for that read.
 *
 * Callers: the rest of dmu/, metadata walkers through dmu.h. Ownership: dbuf_hold() and
 * dbuf_rele(). Locks: the shard's mutex (DBUF_HASH), not held during I/O. A thread that has entries
 * to fill fills all of them before it waits for anybody else's, and waits only upwards in the tree
 * in between, so no two wait for each other. Errors: zio's, ZE_BADBP for pointers that cannot stand
 * where they are.
 */
#include <stdio.h>

#include "base/mem.h"
#include "dmu/dmu_impl.h"

/* ---- the cache ---- */

static uint64_t dbuf_charge(const struct dbuf *db) /* bytes */
{
    return sizeof(*db) + (db->arc != NULL || db->copy != NULL ? db->size : 0);
}

static void dbuf_free(struct dbuf *db)
{
    if (db->arc != NULL)
        arc_release(db->arc);
    free(db->copy);
    free(db->err_detail);
    free(db);
}

static struct dbuf_shard *dbuf_shard_of(struct dmu_pool *dp, uint64_t hash)
{
    return &dp->dbufs[hash % DMU_SHARDS];
}

static struct dbuf **dbuf_slot(struct dbuf_shard *sh, uint64_t hash)
{
    return &sh->bucket[hash / DMU_SHARDS % DMU_SHARD_BUCKETS];
}

static struct dbuf *shard_find(struct dbuf_shard *sh, uint64_t hash, const struct dnode *dn,
                               unsigned level, uint64_t blkid)
{
    struct dbuf *db = *dbuf_slot(sh, hash);
    while (db != NULL && (db->blkid != blkid || db->object != dn->object || db->level != level ||
                          db->os_id != dn->os_id))
        db = db->hash_next;
    return db;
}

static void shard_unhash(struct dbuf_shard *sh, uint64_t hash, struct dbuf *db)
{
    struct dbuf **p = dbuf_slot(sh, hash);
    while (*p != db)
        p = &(*p)->hash_next;
    *p = db->hash_next;
}

static uint64_t dbuf_hash(const struct dbuf *db)
{
    return dmu_hash(db->os_id, db->object, db->level, db->blkid);
}

/* Shard locked. Hold db, taking it off the LRU list if it was there. */
static void dbuf_hold_locked(struct dmu_pool *dp, struct dbuf *db)
{
    if (db->refs++ == 0) {
        dmu_list_remove(&db->lru);
        atomic_fetch_sub(&dp->dbuf_cached, dbuf_charge(db));
    }
}

/* Unlink the coldest entry of a shard, for the caller to free. NULL if it has none. */
static struct dbuf *shard_pop(struct dmu_pool *dp, struct dbuf_shard *sh)
{
    MUTEX_GUARD(&sh->lock);
    if (dmu_list_empty(&sh->lru))
        return NULL;
    struct dbuf *db = container_of(sh->lru.next, struct dbuf, lru);
    dmu_list_remove(&db->lru);
    atomic_fetch_sub(&dp->dbuf_cached, dbuf_charge(db));
    shard_unhash(sh, dbuf_hash(db), db);
    return db;
}

static void dbuf_evict(struct dmu_pool *dp, uint64_t target)
{
    unsigned barren = 0;
    while (atomic_load(&dp->dbuf_cached) > target && barren < DMU_SHARDS) {
        unsigned i = atomic_fetch_add(&dp->evict_hand, 1) % DMU_SHARDS;
        struct dbuf *db = shard_pop(dp, &dp->dbufs[i]);
        barren = db == NULL ? barren + 1 : 0;
        if (db != NULL)
            dbuf_free(db);
    }
}

void dbuf_cache_shrink(struct dmu_pool *dp, uint64_t bytes)
{
    uint64_t cached = atomic_load(&dp->dbuf_cached);
    dbuf_evict(dp, cached > bytes ? cached - bytes : 0);
}

void dbuf_cache_fini(struct dmu_pool *dp)
{
    for (unsigned i = 0; i < DMU_SHARDS; i++)
        for (struct dbuf *db; (db = shard_pop(dp, &dp->dbufs[i])) != NULL;)
            dbuf_free(db);
}

struct dbuf *dbuf_find_ready(struct dnode *dn, unsigned level, uint64_t blkid)
{
    struct dmu_pool *dp = dn->dp;
    uint64_t hash = dmu_hash(dn->os_id, dn->object, level, blkid);
    struct dbuf_shard *sh = dbuf_shard_of(dp, hash);
    MUTEX_GUARD(&sh->lock);
    struct dbuf *db = shard_find(sh, hash, dn, level, blkid);
    if (db == NULL || db->state != DBUF_READY)
        return NULL;
    dbuf_hold_locked(dp, db);
    return db;
}

/* Held entry for the block; *created: it is the caller's to fill. NULL: none there and !create, or
 * no memory. */
static struct dbuf *dbuf_enter(struct dnode *dn, unsigned level, uint64_t blkid, bool create,
                               bool *created)
{
    struct dmu_pool *dp = dn->dp;
    uint64_t hash = dmu_hash(dn->os_id, dn->object, level, blkid);
    struct dbuf_shard *sh = dbuf_shard_of(dp, hash);
    *created = false;
    MUTEX_GUARD(&sh->lock);
    struct dbuf *db = shard_find(sh, hash, dn, level, blkid);
    if (db != NULL) {
        dbuf_hold_locked(dp, db);
        return db;
    }
    if (!create || (db = mem_zalloc(sizeof(*db))) == NULL)
        return NULL;
    dmu_list_init(&db->lru);
    db->dp = dp;
    db->os_id = dn->os_id;
    db->object = dn->object;
    db->level = level;
    db->blkid = blkid;
    db->size = dnode_level_size(dn, level);
    db->refs = 1;
    db->state = DBUF_READING;
    db->hash_next = *dbuf_slot(sh, hash);
    *dbuf_slot(sh, hash) = db;
    *created = true;
    return db;
}

void dbuf_rele(struct dbuf *db)
{
    if (db == NULL)
        return;
    struct dmu_pool *dp = db->dp;
    uint64_t hash = dbuf_hash(db);
    struct dbuf_shard *sh = dbuf_shard_of(dp, hash);
    bool over = false;
    mutex_lock(&sh->lock);
    if (--db->refs > 0) {
        db = NULL;
    } else if (db->state == DBUF_READY) {
        dmu_list_push(&sh->lru, &db->lru);
        uint64_t charge = dbuf_charge(db);
        over = atomic_fetch_add(&dp->dbuf_cached, charge) + charge > DMU_DBUF_CACHE;
        db = NULL;
    } else {
        shard_unhash(sh, hash, db);
    }
    mutex_unlock(&sh->lock);
    if (db != NULL)
        dbuf_free(db);
    if (over)
        dbuf_evict(dp, DMU_DBUF_CACHE);
}

/* ---- filling ---- */

/* Make the outcome of the caller's read visible. Consumes arc. */
static void dbuf_publish(struct dbuf *db, const struct blkptr *bp, unsigned type,
                         struct arc_buf *arc, int err)
{
    void *copy = NULL;
    const void *data = NULL;
    if (err == 0 && arc != NULL)
        err = dbuf_decode(bp, db->level, type, arc, db->size, &copy, &data);
    if (arc != NULL && (err != 0 || copy != NULL)) {
        arc_release(arc);
        arc = NULL;
    }
    struct dbuf_shard *sh = dbuf_shard_of(db->dp, dbuf_hash(db));
    MUTEX_GUARD(&sh->lock);
    db->err = err;
    db->arc = arc;
    db->copy = copy;
    db->hole = err == 0 && data == NULL;
    db->data = data != NULL ? data : db->dp->zeros;
    db->swapped = !db->hole && bp_is_swapped(bp);
    db->state = err == 0 ? DBUF_READY : DBUF_FAILED;
    if (err != 0)
        db->err_detail = mem_strdup(err_detail());
    cond_broadcast(&sh->ready);
}

/* Wait for the one who fills db; on failure drop the hold. */
static int dbuf_wait(struct dbuf *db)
{
    struct dbuf_shard *sh = dbuf_shard_of(db->dp, dbuf_hash(db));
    mutex_lock(&sh->lock);
    while (db->state == DBUF_READING)
        cond_wait(&sh->ready, &sh->lock);
    int err = db->state == DBUF_FAILED ? db->err : 0;
    mutex_unlock(&sh->lock);
    if (err != 0) {
        err_detail_put(db->err_detail != NULL ? db->err_detail : "");
        dbuf_rele(db);
    }
    return err;
}

int dbuf_decode(const struct blkptr *bp, unsigned level, unsigned type, const struct arc_buf *arc,
                size_t size, void **copy, const void **data)
{
    *copy = NULL;
    *data = arc->data;
    bool swap = bp_is_swapped(bp);
    if (swap && level == 0) {
        const struct objtype_info *info = objtype_info(type);
        swap = info != NULL && info->bswap != OBJTYPE_BSWAP_UINT8;
    }
    if (!swap && arc->size == size)
        return 0;
    if (arc->size > size)
        return err_raise(ZE_BADBP, "block of %zu bytes where %zu are expected", arc->size, size);
    uint8_t *p = malloc(size);
    if (p == NULL)
        return err_raise(ZE_NOMEM, "block of %zu bytes", size);
    memcpy(p, arc->data, arc->size);
    memset(p + arc->size, 0, size - arc->size);
    int err = 0;
    if (swap && level > 0)
        bswap64_array(p, arc->size & ~(size_t)7);
    else if (swap)
        err = objtype_bswap(type, p, arc->size);
    if (err != 0) {
        free(p);
        return err;
    }
    *copy = p;
    *data = p;
    return 0;
}

int dbuf_blkptr_check(const struct dnode *dn, unsigned level, uint64_t blkid,
                      const struct blkptr *bp)
{
    int err = bp_validate(bp);
    const char *what = NULL;
    uint64_t want = dnode_level_size(dn, level);
    if (err == 0 && bp_is_redacted(bp))
        return err_raise(ZE_REDACTED, "object %llu, block %llu", (unsigned long long)dn->object,
                         (unsigned long long)blkid);
    if (err == 0 && bp_level(bp) != level)
        what = "level";
    else if (err == 0 && (bp_lsize(bp) > want || (level > 0 && bp_lsize(bp) != want)))
        what = "size";
    else if (err == 0 && (level > 0 || dnode_is_meta(dn)) && bp_is_embedded(bp))
        what = "embedding";
    if (what != NULL)
        err = err_raise(ZE_BADBP, "wrong %s", what);
    /* An unprotected block inside an encrypted dataset was planted there. */
    if (err == 0 && dn->os->encrypted && !bp_uses_crypt(bp))
        err = err_raise(ZE_AUTH, "block is not protected");
    if (err != 0)
        err = err_context(err, "dataset %llu, object %llu, level %u, block %llu: ",
                          (unsigned long long)dn->os->dataset, (unsigned long long)dn->object,
                          level, (unsigned long long)blkid);
    return err;
}

int dbuf_read_error(const struct dnode *dn, unsigned level, uint64_t blkid, int err)
{
    /* Behind zio's own "<objset, object, level, block>: ", of which a batch leaves several. */
    char text[256], block[64] = "spill block";
    const char *cause = text;
    err_detail_get(text, sizeof(text));
    for (const char *p = text; (p = strstr(p, ">: ")) != NULL;)
        cause = p += 3;
    if (*cause == '<' || *cause == '\0') /* cut off */
        cause = err_sentence(err);
    if (blkid != BOOKMARK_BLKID_SPILL)
        snprintf(block, sizeof(block), "level %u, block %llu", level, (unsigned long long)blkid);
    return err_raise(err, "dataset %llu, object %llu, %s: %s", (unsigned long long)dn->os->dataset,
                     (unsigned long long)dn->object, block, cause);
}

unsigned dbuf_zio_flags(const struct dnode *dn, unsigned level, const struct blkptr *bp)
{
    /* Dnode blocks are stored uncompressed with only bonus areas enciphered: raw is readable. */
    bool raw = (dn->os->flags & OBJSET_RAW) && level == 0 && dnode_is_meta(dn) &&
               bp_uses_crypt(bp) && bp_compress(bp) == COMPRESS_OFF && bp_psize(bp) == bp_lsize(bp);
    return raw ? ZIO_RAW : 0;
}

int dbuf_blkptr(struct dnode *dn, unsigned level, uint64_t blkid, struct dbuf **parent,
                struct blkptr *out)
{
    static const struct blkptr hole;
    *out = hole;
    if (level >= dn->nlevels || blkid > dnode_phys_level_blkid(dn->phys, level, dn->maxblkid))
        return 0;
    if (level == dn->nlevels - 1) {
        if (blkid < dn->phys->nblkptr)
            *out = dn->phys->blkptr[blkid];
        return 0;
    }
    uint64_t up = blkid >> dn->epbs;
    if (*parent != NULL && ((*parent)->level != level + 1 || (*parent)->blkid != up)) {
        dbuf_rele(*parent);
        *parent = NULL;
    }
    if (*parent == NULL) {
        int err = dbuf_hold(dn, level + 1, up, parent);
        if (err != 0)
            return err;
    }
    if (!(*parent)->hole) {
        const struct blkptr *bps = (*parent)->data;
        *out = bps[blkid & (((uint64_t)1 << dn->epbs) - 1)];
    }
    return 0;
}

static int dbuf_read(struct dnode *dn, const struct dbuf *db, const struct blkptr *bp,
                     struct arc_buf **arc)
{
    struct bookmark zb = dnode_bookmark(dn, db->level, db->blkid);
    int err = dbuf_blkptr_check(dn, db->level, db->blkid, bp);
    if (err != 0)
        return err;
    err =
        arc_read(dn->os->zp, bp, &zb, VDEV_PRIO_SYNC_READ, dbuf_zio_flags(dn, db->level, bp), arc);
    return err == 0 ? 0 : dbuf_read_error(dn, db->level, db->blkid, err);
}

static void dbuf_fill(struct dnode *dn, struct dbuf *db)
{
    struct blkptr bp;
    struct dbuf *parent = NULL;
    struct arc_buf *arc = NULL;
    int err = dbuf_blkptr(dn, db->level, db->blkid, &parent, &bp);
    if (err == 0 && !bp_is_hole(&bp))
        err = dbuf_read(dn, db, &bp, &arc);
    dbuf_publish(db, &bp, bp_type(&bp), arc, err);
    dbuf_rele(parent);
}

int dbuf_hold(struct dnode *dn, unsigned level, uint64_t blkid, struct dbuf **out)
{
    *out = NULL;
    if (level >= DNODE_MAX_LEVELS)
        return err_raise(ZE_INVAL, "level %u", level);
    bool created;
    struct dbuf *db = dbuf_enter(dn, level, blkid, true, &created);
    if (db == NULL)
        return err_raise(ZE_NOMEM, "block buffer");
    if (created)
        dbuf_fill(dn, db);
    int err = dbuf_wait(db);
    if (err == 0)
        *out = db;
    return err;
}

/* Entries of one dbuf_hold_many() that its caller has to read. */
struct hold_batch {
    unsigned n;
    struct dbuf *db[DMU_READ_BATCH];
    struct blkptr bp[DMU_READ_BATCH];
    const struct blkptr *bpp[DMU_READ_BATCH];
    struct bookmark zb[DMU_READ_BATCH];
    struct arc_buf *arc[DMU_READ_BATCH];
    int err[DMU_READ_BATCH];
};

/* Find or make the entry of one block; one that has to be read joins the batch. */
static int batch_enter(struct dnode *dn, uint64_t blkid, struct hold_batch *b, struct dbuf **parent,
                       struct dbuf **out)
{
    bool created;
    *out = dbuf_enter(dn, 0, blkid, false, &created);
    if (*out != NULL)
        return 0;
    struct blkptr *bp = &b->bp[b->n];
    int err = dbuf_blkptr(dn, 0, blkid, parent, bp);
    if (err != 0 || bp_is_hole(bp))
        return err;
    err = dbuf_blkptr_check(dn, 0, blkid, bp);
    if (err != 0)
        return err;
    *out = dbuf_enter(dn, 0, blkid, true, &created);
    if (*out == NULL)
        return err_raise(ZE_NOMEM, "block buffer");
    if (!created)
        return 0;
    b->db[b->n] = *out;
    b->bpp[b->n] = bp;
    b->zb[b->n] = dnode_bookmark(dn, 0, blkid);
    b->n++;
    return 0;
}

static void batch_read(struct dnode *dn, struct hold_batch *b)
{
    if (b->n == 0)
        return;
    if (b->n == 1)
        b->err[0] = arc_read(dn->os->zp, &b->bp[0], &b->zb[0], VDEV_PRIO_SYNC_READ,
                             dbuf_zio_flags(dn, 0, &b->bp[0]), &b->arc[0]);
    else
        arc_read_many(dn->os->zp, b->bpp, b->zb, b->n, VDEV_PRIO_SYNC_READ,
                      dbuf_zio_flags(dn, 0, &b->bp[0]), b->arc, b->err);
    for (unsigned i = 0; i < b->n; i++) {
        int err = b->err[i];
        if (err != 0)
            err = dbuf_read_error(dn, 0, b->db[i]->blkid, err);
        dbuf_publish(b->db[i], &b->bp[i], bp_type(&b->bp[i]), err == 0 ? b->arc[i] : NULL, err);
    }
}

int dbuf_hold_many(struct dnode *dn, uint64_t first, unsigned n, struct dbuf **out)
{
    struct hold_batch *b AUTO_FREE = malloc(sizeof(*b));
    if (b == NULL)
        return err_raise(ZE_NOMEM, "read of %u blocks", n);
    b->n = 0;
    struct dbuf *parent = NULL;
    int err = 0;
    unsigned entered = 0;
    for (; err == 0 && entered < n && entered < DMU_READ_BATCH; entered++)
        err = batch_enter(dn, first + entered, b, &parent, &out[entered]);
    if (err != 0)
        out[--entered] = NULL;
    char detail[256] = "";
    if (err != 0)
        err_detail_get(detail, sizeof(detail));
    batch_read(dn, b); /* also after an error: others may be waiting for these */
    dbuf_rele(parent);
    for (unsigned i = 0; i < entered; i++) {
        int e = out[i] == NULL ? 0 : dbuf_wait(out[i]);
        if (e != 0)
            out[i] = NULL;
        if (e != 0 && err == 0) {
            err = e;
            err_detail_get(detail, sizeof(detail));
        }
    }
    if (err == 0)
        return 0;
    for (unsigned i = 0; i < entered; i++)
        dbuf_rele(out[i]);
    err_detail_put(detail);
    return err;
}

/* ---- what dmu.h shows ---- */

const void *dbuf_data(const struct dbuf *db)
{
    return db->data;
}

size_t dbuf_size(const struct dbuf *db)
{
    return db->size;
}

bool dbuf_is_hole(const struct dbuf *db)
{
    return db->hole;
}
