/* SPDX-License-Identifier: MIT */
/*
 * Reading through the ARC (arc.h; how it is put together: arc_impl.h). A read is: find the header;
 * cached - hold the buffer; being read - wait for that read; else start one (zio_read with
 * RAW_COMPRESS, so the stored form is what is cached). Then, unless the stored form was asked for,
 * decompress, once for all who want it at the same time.
 *
 * Called by dmu/, inspect/, pool/. Locks: stripe locks here; never held over I/O, decompression or
 * memory waits. An arc_io is counted: one reference of the read itself, one of each waiter.
 */
#include <sched.h>
#include <string.h>

#include "base/mem.h"
#include "codec/crypt.h"
#include "disk/objtype.h"
#include "zio/arc_impl.h"
#include "zio/zio_impl.h"

#define RAW_VARIANT      (1ull << 62) /* in key.dva[1]: see struct arc_key */
#define CORRELATED_READS 32u          /* uses closer together than this many blocks read ... */
#define CORRELATED_NS    50000000u    /* ... and this time are one use */
#define PREFETCH_MAX     64u          /* reads ahead under way */
#define PREFETCH_PART    8u           /* and at most this part of the target as data of them */

struct arc_io {
    struct zio_read zr;
    struct arc *arc;
    struct arc_hdr *hdr;
    struct arc_data *data;
    _Atomic uint32_t refs;
    bool prefetch;
    struct mutex lock;
    struct cond cond;
    bool finished;
    int err;
    char detail[ARC_DETAIL_MAX];
};

/* What a reader gets from the table. */
enum found { FOUND_DATA, FOUND_IO, FOUND_STARTED, FOUND_BYPASS, FOUND_ERROR };

struct request {
    struct zio_pool *pool;
    const struct blkptr *bp;
    const struct bookmark *zb;
    enum vdev_prio prio;
    unsigned flags;
    struct arc_key key;
    uint64_t ident[2], hash;
    /* result of lookup and of the read */
    struct arc_data *stored;
    struct arc_io *io;
    bool mac_ok;
};

/* ---- identity ---- */

static void request_init(struct request *q, struct zio_pool *pool, const struct blkptr *bp,
                         const struct bookmark *zb, enum vdev_prio prio, unsigned flags)
{
    uint64_t prop = bp->prop;

    *q = (struct request){
        .pool = pool, .bp = bp, .zb = zb, .prio = prio, .flags = flags & ~(unsigned)ZIO_SCRUB};
    q->key = (struct arc_key){
        .guid = pool->guid,
        .load = pool->load,
        .dva = {bp->dva[0].word[0], bp->dva[0].word[1] & ~RAW_VARIANT},
        .birth = bp_physical_birth(bp),
    };
    if (flags & ZIO_RAW && bp_uses_crypt(bp))
        q->key.dva[1] |= RAW_VARIANT;
    q->hash = arc_key_hash(&q->key);
    /* Dedup hits and clones reach a block through bps of another type, level 0 and dedup bit. */
    if (!bp_uses_crypt(bp))
        prop &= ~(0x1full << 56 | 0xffull << 48 | 1ull << 62);
    q->ident[0] = prop ^ bp->cksum.word[0] << 1 ^ bp->cksum.word[0] >> 63;
    q->ident[1] = bp->cksum.word[1] ^ (bp->cksum.word[2] << 7 | bp->cksum.word[2] >> 57) ^
                  (bp->cksum.word[3] << 23 | bp->cksum.word[3] >> 41);
}

static bool is_metadata(const struct blkptr *bp)
{
    return bp_level(bp) > 0 || objtype_is_metadata(bp_type(bp));
}

/* ---- an I/O under way ---- */

static void io_rele(struct arc_io *io)
{
    if (atomic_fetch_sub_explicit(&io->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct arc *arc = io->arc;
    arc_data_rele(io->data);
    cond_destroy(&io->cond);
    mutex_destroy(&io->lock);
    free(io);
    arc_uncharge(arc, sizeof(*io));
    atomic_fetch_sub(&arc->ios, 1);
}

static int io_wait(struct arc_io *io)
{
    lock_assert_may_block("ARC read");
    mutex_lock(&io->lock);
    while (!io->finished)
        cond_wait(&io->cond, &io->lock);
    mutex_unlock(&io->lock);
    if (io->err != 0)
        err_detail_put(io->detail);
    return io->err;
}

/* Stripe lock held. */
static void hdr_drop(struct arc *arc, struct arc_stripe *s, struct arc_hdr *hdr)
{
    struct arc_data *drop[2];

    arc_hdr_destroy(arc, s, hdr, drop);
    arc_data_rele(drop[0]);
    arc_data_rele(drop[1]);
}

/* Stripe lock held. */
static void io_settle(struct arc *arc, struct arc_stripe *s, struct arc_io *io, int err)
{
    struct arc_hdr *hdr = io->hdr;

    hdr->io = NULL;
    if (err != 0) {
        hdr_drop(arc, s, hdr);
        return;
    }
    arc_data_hold(io->data);
    hdr->data = io->data;
    hdr->size = sizeof(*hdr) + io->data->real;
    hdr->state = hdr->was_ghost ? ARC_MFU : ARC_MRU;
    hdr->marked = false;
    hdr->touched = atomic_fetch_add_explicit(&arc->clock, 1, memory_order_relaxed);
    hdr->touched_ns = env_mono_ns(arc->env);
    hdr->key_guid = io->zr.key_guid;
    hdr->flags = (uint8_t)((hdr->flags & ARC_HDR_PREFETCH) | (io->zr.used_key ? ARC_HDR_KEYED : 0) |
                           (io->zr.unverified ? ARC_HDR_UNVERIFIED : 0));
    arc_list_add(arc, hdr);
}

static void io_done(struct zio_read *zr, int err)
{
    struct arc_io *io = zr->arg;
    struct arc *arc = io->arc;
    struct arc_stripe *s = &arc->stripe[io->hdr->stripe];

    if (err != 0)
        err_detail_get(io->detail, sizeof(io->detail));
    if (io->prefetch)
        atomic_fetch_sub(&arc->prefetching, 1);
    mutex_lock(&s->lock);
    io_settle(arc, s, io, err);
    mutex_unlock(&s->lock);
    mutex_lock(&io->lock);
    io->err = err;
    io->finished = true;
    cond_broadcast(&io->cond);
    mutex_unlock(&io->lock);
    io_rele(io);
}

static int io_create(struct arc *arc, const struct request *q, bool prefetch, struct arc_io **out)
{
    unsigned mem = prefetch ? ARC_MEM_NOWAIT : 0;
    int err = arc_charge(arc, sizeof(struct arc_io), mem);

    if (err != 0)
        return err;
    struct arc_io *io = mem_zalloc(sizeof(*io));
    if (io == NULL) {
        arc_uncharge(arc, sizeof(*io));
        return err_raise(ZE_NOMEM, "ARC read");
    }
    atomic_fetch_add(&arc->ios, 1);
    mutex_init(&io->lock, RANK_LEAF);
    cond_init(&io->cond);
    io->arc = arc;
    io->prefetch = prefetch;
    atomic_init(&io->refs, 1);
    err = arc_data_alloc(arc, arc->env, bp_psize(q->bp), mem, &io->data);
    if (err != 0) {
        io_rele(io);
        return err;
    }
    io->zr = (struct zio_read){
        .pool = q->pool,
        .bp = *q->bp,
        .bookmark = *q->zb,
        .prio = q->prio,
        .flags = (q->flags & ~(unsigned)(ZIO_RAW | ZIO_RAW_COMPRESS)) |
                 (q->key.dva[1] & RAW_VARIANT ? ZIO_RAW : ZIO_RAW_COMPRESS),
        .buf = arc_data_bytes(io->data),
        .size = bp_psize(q->bp),
        .cap = arc_data_cap(io->data),
        .done = io_done,
        .arg = io,
    };
    *out = io;
    return 0;
}

/* ---- lookup ---- */

/* Stripe lock held, hdr has data: one more use. */
static void touch(struct arc *arc, struct arc_stripe *s, struct arc_hdr *hdr)
{
    uint64_t now = atomic_load_explicit(&arc->clock, memory_order_relaxed);

    s->hits++;
    if (hdr->flags & ARC_HDR_PREFETCH) { /* its first use, not its second */
        hdr->flags &= (uint8_t)~ARC_HDR_PREFETCH;
        s->prefetch_hits++;
    } else if (!hdr->marked) {
        uint64_t ns = env_mono_ns(arc->env);
        hdr->marked =
            now - hdr->touched >= CORRELATED_READS || ns - hdr->touched_ns >= CORRELATED_NS;
        hdr->touched_ns = ns;
    }
    hdr->touched = now;
    if (hdr->state == ARC_MFU)
        s->mfu_hits++;
    else
        s->mru_hits++;
}

/* Key of the reader's dataset. Asked for before the stripe's lock is taken. */
struct key_state {
    bool loaded;
    uint64_t guid;
};

static struct key_state key_of(const struct request *q)
{
    struct crypt_key *key;
    struct zio_keystore *ks = q->pool->keystore;

    if (!bp_uses_crypt(q->bp) || q->flags & ZIO_RAW || ks == NULL ||
        ks->key_hold(ks, q->zb->objset, &key) != 0)
        return (struct key_state){.loaded = false};
    struct key_state st = {true, crypt_key_guid(key)};
    ks->key_rele(ks, key);
    return st;
}

/*
 * May this reader have what was decrypted with a key, now? The key may have been unloaded since, or
 * the bp may belong to another dataset. What is only authenticated is readable without a key, but
 * has to be checked once there is one.
 */
static bool key_fits(const struct arc_hdr *hdr, const struct request *q, struct key_state key)
{
    if (!(hdr->flags & (ARC_HDR_KEYED | ARC_HDR_UNVERIFIED)))
        return true;
    if (!key.loaded)
        return crypt_block_kind(q->bp) == CRYPT_BLOCK_AUTH;
    return hdr->flags & ARC_HDR_KEYED && key.guid == hdr->key_guid;
}

/* Stripe lock held. */
static enum found lookup(struct arc *arc, struct arc_stripe *s, struct request *q,
                         struct key_state key, struct arc_hdr **ghost)
{
    struct arc_hdr *hdr = arc_hash_find(s, &q->key, q->hash);

    *ghost = NULL;
    if (hdr == NULL)
        return FOUND_STARTED;
    if (hdr->ident[0] != q->ident[0] || hdr->ident[1] != q->ident[1])
        return FOUND_BYPASS;
    if (hdr->io != NULL) {
        q->io = hdr->io;
        atomic_fetch_add_explicit(&q->io->refs, 1, memory_order_relaxed);
        hdr->flags &= (uint8_t)~ARC_HDR_PREFETCH;
        s->misses++;
        s->coalesced++;
        return FOUND_IO;
    }
    if (hdr->data == NULL) {
        *ghost = hdr;
        return FOUND_STARTED;
    }
    if (!key_fits(hdr, q, key)) {
        if (!key.loaded)
            return FOUND_BYPASS;
        hdr_drop(arc, s, hdr); /* from before the key was loaded, or of an older one */
        return FOUND_STARTED;
    }
    touch(arc, s, hdr);
    q->mac_ok = hdr->flags & ARC_HDR_MAC_OK;
    if (hdr->dec != NULL && !(q->flags & (ZIO_RAW | ZIO_RAW_COMPRESS))) {
        q->stored = hdr->dec; /* decoded already: mac_ok too */
        q->mac_ok = true;
        atomic_store_explicit(&hdr->dec->used, true, memory_order_relaxed);
    } else {
        q->stored = hdr->data;
    }
    arc_data_hold(q->stored);
    return FOUND_DATA;
}

/* Stripe lock held; nobody reads the block yet. */
static int start_miss(struct arc *arc, struct arc_stripe *s, struct request *q, struct arc_io *io,
                      struct arc_hdr *hdr, struct arc_hdr *fresh)
{
    s->misses++;
    if (hdr != NULL) {
        s->ghost_hits++;
        arc_ghost_hit(arc, hdr);
        hdr->was_ghost = true;
        hdr->state = ARC_NEW;
    } else {
        hdr = fresh;
        hdr->key = q->key;
        hdr->ident[0] = q->ident[0];
        hdr->ident[1] = q->ident[1];
        hdr->class = is_metadata(q->bp) ? ARC_META : ARC_DATA;
        arc_hash_insert(arc, s, hdr, q->hash);
    }
    hdr->flags = io->prefetch ? ARC_HDR_PREFETCH : 0;
    hdr->io = io;
    io->hdr = hdr;
    return hdr == fresh;
}

static void hdr_discard(struct arc *arc, struct arc_hdr *hdr)
{
    if (hdr == NULL)
        return;
    free(hdr);
    arc_uncharge(arc, sizeof(*hdr));
}

static struct arc_hdr *hdr_alloc(struct arc *arc, unsigned mem)
{
    if (arc_charge(arc, sizeof(struct arc_hdr), mem) != 0)
        return NULL;
    struct arc_hdr *hdr = mem_zalloc(sizeof(*hdr));
    if (hdr == NULL)
        arc_uncharge(arc, sizeof(*hdr));
    return hdr;
}

/*
 * Find or start. FOUND_DATA: q->stored is held. FOUND_IO, FOUND_STARTED: q->io is held (not for a
 * prefetch). Memory is got before the lock is taken again, so the table is looked at twice on a
 * miss.
 */
static enum found find_or_start(struct request *q, bool prefetch, int *err)
{
    struct arc *arc = q->pool->arc;
    struct arc_stripe *s = arc_key_stripe(arc, q->hash);
    struct key_state key = key_of(q);
    struct arc_hdr *ghost, *fresh;
    struct arc_io *io = NULL;

    mutex_lock(&s->lock);
    enum found f = lookup(arc, s, q, key, &ghost);
    mutex_unlock(&s->lock);
    if (f != FOUND_STARTED)
        return f;
    fresh = hdr_alloc(arc, prefetch ? ARC_MEM_NOWAIT : 0);
    *err = fresh == NULL ? err_raise(ZE_NOMEM, "ARC header") : io_create(arc, q, prefetch, &io);
    if (*err != 0) {
        hdr_discard(arc, fresh);
        return FOUND_ERROR;
    }
    mutex_lock(&s->lock);
    f = lookup(arc, s, q, key, &ghost);
    if (f == FOUND_STARTED && start_miss(arc, s, q, io, ghost, fresh))
        fresh = NULL;
    if (f == FOUND_STARTED && !prefetch) {
        atomic_fetch_add_explicit(&io->refs, 1, memory_order_relaxed);
        q->io = io;
    }
    s->prefetches += f == FOUND_STARTED && prefetch;
    mutex_unlock(&s->lock);
    hdr_discard(arc, fresh);
    if (f != FOUND_STARTED) {
        io_rele(io);
        return f;
    }
    if (prefetch)
        atomic_fetch_add(&arc->prefetching, 1);
    zio_read_submit(&io->zr);
    return f;
}

/* ---- decompression ---- */

static bool wants_stored(const struct request *q)
{
    return q->flags & (ZIO_RAW | ZIO_RAW_COMPRESS);
}

static bool needs_decode(const struct request *q)
{
    if (wants_stored(q) || q->mac_ok)
        return false;
    return bp_compress(q->bp) != COMPRESS_OFF || crypt_block_kind(q->bp) == CRYPT_BLOCK_INDIRECT;
}

enum decode_turn { DECODE_HAVE, DECODE_MINE, DECODE_BUSY };

/* The header that still has the very bytes we hold. Stripe lock held. */
static struct arc_hdr *hdr_of_stored(struct arc_stripe *s, const struct request *q)
{
    struct arc_hdr *hdr = arc_hash_find(s, &q->key, q->hash);

    return hdr != NULL && hdr->data == q->stored ? hdr : NULL;
}

/* Is it decoded, or for us to decode, or being decoded (wait: until it is not)? HAVE swaps
 * q->stored. */
static enum decode_turn decode_begin(struct request *q, bool wait)
{
    struct arc *arc = q->pool->arc;
    struct arc_stripe *s = arc_key_stripe(arc, q->hash);
    struct arc_data *stored = NULL;
    enum decode_turn turn = DECODE_MINE;

    mutex_lock(&s->lock);
    struct arc_hdr *hdr = hdr_of_stored(s, q);
    while (wait && hdr != NULL && hdr->flags & ARC_HDR_DECODING) {
        cond_wait(&s->decoded, &s->lock);
        hdr = hdr_of_stored(s, q);
    }
    if (hdr != NULL && hdr->flags & ARC_HDR_DECODING) {
        turn = DECODE_BUSY;
    } else if (hdr != NULL && (hdr->dec != NULL || hdr->flags & ARC_HDR_MAC_OK)) {
        turn = DECODE_HAVE;
        if (hdr->dec != NULL) {
            stored = q->stored;
            q->stored = hdr->dec;
            arc_data_hold(q->stored);
        }
    } else if (hdr != NULL) {
        hdr->flags |= ARC_HDR_DECODING;
    }
    mutex_unlock(&s->lock);
    arc_data_rele(stored);
    return turn;
}

/* The decoder's result for others: dec, or NULL if it failed or the stored bytes are what is
 * wanted. */
static void decode_publish(struct request *q, struct arc_data *dec, int err)
{
    struct arc *arc = q->pool->arc;
    struct arc_stripe *s = arc_key_stripe(arc, q->hash);
    bool full = false;

    mutex_lock(&s->lock);
    struct arc_hdr *hdr = hdr_of_stored(s, q);
    if (hdr != NULL) {
        hdr->flags &= (uint8_t)~ARC_HDR_DECODING;
        if (err == 0 && dec == NULL)
            hdr->flags |= ARC_HDR_MAC_OK;
        if (dec != NULL) {
            arc_data_hold(dec);
            hdr->dec = dec;
            full = arc_decoded_add(arc, hdr);
        }
    }
    /* also when the header is gone: its waiters decode for themselves */
    cond_broadcast(&s->decoded);
    mutex_unlock(&s->lock);
    if (full)
        arc_decoded_trim(arc);
}

struct decode_job {
    struct work work;
    struct request *q;
    struct arc_data *dec; /* NULL: nothing to decompress, only MACs to check */
    struct done *done;
    _Atomic unsigned *left;
    int err;
    char detail[ARC_DETAIL_MAX];
};

/* The buffer is got here, on the reader's thread: workers must not wait for memory. */
static int decode_prepare(struct decode_job *job, struct request *q)
{
    job->q = q;
    job->dec = NULL;
    if (bp_compress(q->bp) == COMPRESS_OFF)
        return 0;
    return arc_data_alloc(q->pool->arc, q->pool->env, bp_lsize(q->bp), 0, &job->dec);
}

static void decode_run(struct decode_job *job)
{
    struct request *q = job->q;
    void *dst = arc_data_bytes(job->dec != NULL ? job->dec : q->stored);

    job->err = zio_decode(q->pool, q->bp, q->stored->buf.data, dst);
    if (job->err != 0)
        err_detail_get(job->detail, sizeof(job->detail));
}

/* Publish, and make q->stored what the reader wants. */
static int decode_finish(struct decode_job *job, int err)
{
    struct request *q = job->q;

    if (err != 0) {
        arc_data_rele(job->dec);
        job->dec = NULL;
    }
    if (q->pool->arc != NULL)
        decode_publish(q, job->dec, err);
    if (job->dec != NULL) {
        arc_data_rele(q->stored);
        q->stored = job->dec;
    }
    return err;
}

static int decode_inline(struct request *q)
{
    struct decode_job job;
    int err = decode_prepare(&job, q);

    if (err == 0) {
        decode_run(&job);
        err = job.err;
    }
    return decode_finish(&job, err);
}

static int decode_wait(struct request *q)
{
    if (q->pool->arc != NULL && decode_begin(q, true) == DECODE_HAVE)
        return 0;
    return decode_inline(q);
}

static int finish_request(struct request *q, int err, struct arc_buf **out)
{
    const struct bookmark *zb = q->zb;

    if (err == 0) {
        *out = &q->stored->buf;
        return 0;
    }
    arc_data_rele(q->stored);
    q->stored = NULL;
    *out = NULL;
    return err_context(err, "<%llu, %llu, %lld, %llu>: ", (unsigned long long)zb->objset,
                       (unsigned long long)zb->object, (long long)zb->level,
                       (unsigned long long)zb->blkid);
}

/* ---- reads that do not go through the table ---- */

static int read_private(struct request *q)
{
    size_t size = zio_read_size(q->bp, q->flags);
    int err = arc_data_alloc(q->pool->arc, q->pool->env, size, 0, &q->stored);

    if (err != 0)
        return err;
    struct zio_read zr = {
        .pool = q->pool,
        .bp = *q->bp,
        .bookmark = *q->zb,
        .prio = q->prio,
        .flags = q->flags,
        .buf = arc_data_bytes(q->stored),
        .size = size,
        .cap = arc_data_cap(q->stored),
    };
    q->mac_ok = true;
    err = zio_read_wait(&zr);
    if (err == 0)
        return 0;
    arc_data_rele(q->stored);
    q->stored = NULL;
    return err;
}

/* What is known without any I/O. */
static int check_request(const struct request *q)
{
    int err = zio_check_bp(q->pool, q->bp);

    if (err != 0)
        return err;
    if (bp_is_hole(q->bp))
        return err_raise(ZE_HOLE, "read of a hole");
    if (bp_is_redacted(q->bp))
        return err_raise(ZE_REDACTED, "read of a redacted block");
    if (bp_is_embedded(q->bp) || wants_stored(q))
        return 0;
    return zio_check_sizes(q->bp);
}

/* Wait for q->io and take its data. A failure of a speculative read does not speak for others. */
static int await_io(struct request *q, bool joined)
{
    int err = io_wait(q->io);
    bool again = err != 0 && joined && (q->io->zr.flags & ~q->flags & ZIO_SPECULATIVE);

    if (err == 0) {
        q->stored = q->io->data;
        arc_data_hold(q->stored);
        /* Encrypted: joined a read with another dataset's key, or none? Then read for ourselves. */
        if (joined && bp_uses_crypt(q->bp)) {
            struct key_state key = key_of(q);
            struct zio_read *zr = &q->io->zr;
            again = (zr->used_key && !(key.loaded && key.guid == zr->key_guid)) ||
                    (zr->unverified && key.loaded);
        }
    }
    io_rele(q->io);
    q->io = NULL;
    if (!again)
        return err;
    arc_data_rele(q->stored);
    q->stored = NULL;
    return read_private(q);
}

static int read_stored(struct request *q)
{
    int err = check_request(q);

    if (err != 0)
        return err;
    if (q->pool->arc == NULL || bp_is_embedded(q->bp))
        return read_private(q);
    switch (find_or_start(q, false, &err)) {
    case FOUND_DATA:
        return 0;
    case FOUND_STARTED:
        return await_io(q, false);
    case FOUND_IO:
        return await_io(q, true);
    case FOUND_BYPASS:
        return read_private(q);
    case FOUND_ERROR:
        break;
    }
    return err;
}

int arc_read(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
             enum vdev_prio prio, unsigned zio_flags, struct arc_buf **out)
{
    struct request q;

    request_init(&q, pool, bp, zb, prio, zio_flags);
    int err = read_stored(&q);
    if (err == 0 && needs_decode(&q))
        err = decode_wait(&q);
    return finish_request(&q, err, out);
}

void arc_prefetch(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb)
{
    struct arc *arc = pool->arc;
    struct request q;
    int err;

    if (arc == NULL || bp_is_hole(bp) || bp_is_embedded(bp) || arc_is_cached(pool, bp) ||
        zio_check_bp(pool, bp) != 0)
        return;
    uint32_t most = (uint32_t)min_of((uint64_t)PREFETCH_MAX,
                                     atomic_load(&arc->target) / PREFETCH_PART / bp_psize(bp));
    if (atomic_load_explicit(&arc->prefetching, memory_order_relaxed) >= most)
        return;
    request_init(&q, pool, bp, zb, VDEV_PRIO_ASYNC_READ, ZIO_RAW_COMPRESS | ZIO_SPECULATIVE);
    switch (find_or_start(&q, true, &err)) {
    case FOUND_DATA:
        arc_data_rele(q.stored);
        break;
    case FOUND_IO:
        io_rele(q.io);
        break;
    default:
        break;
    }
}

bool arc_is_cached(struct zio_pool *pool, const struct blkptr *bp)
{
    const struct bookmark none = {0};
    struct request q;

    if (pool->arc == NULL || bp_is_hole(bp) || bp_is_embedded(bp))
        return false;
    request_init(&q, pool, bp, &none, VDEV_PRIO_SYNC_READ, 0);
    struct arc_stripe *s = arc_key_stripe(pool->arc, q.hash);
    MUTEX_GUARD(&s->lock);
    struct arc_hdr *hdr = arc_hash_find(s, &q.key, q.hash);
    return hdr != NULL && (hdr->data != NULL || hdr->io != NULL);
}

/* ---- many ---- */

static void job_work(struct work *work)
{
    struct decode_job *job = container_of(work, struct decode_job, work);
    struct done *done = job->done;

    decode_run(job);
    if (atomic_fetch_sub(job->left, 1) == 1)
        done_signal(done, 0);
}

/*
 * Decode all that are ours to decode: all but one on the workers, that one here. Those that others
 * decode are waited for only when ours are published, so that two such calls cannot wait for each
 * other.
 */
static void decode_many(struct request *q, unsigned n, int *err, struct decode_job *jobs)
{
    struct workers *w = q[0].pool->env->workers;
    bool parallel = w != NULL && !workers_is_member(w);
    _Atomic unsigned left = 1;
    struct done done;
    unsigned njobs = 0, last = 0;

    for (unsigned i = 0; i < n; i++) {
        if (err[i] != 0 || !needs_decode(&q[i]))
            continue;
        enum decode_turn turn = q[i].pool->arc != NULL ? decode_begin(&q[i], false) : DECODE_MINE;
        q[i].mac_ok = turn == DECODE_HAVE;
        if (turn != DECODE_MINE)
            continue;
        err[i] = decode_prepare(&jobs[njobs], &q[i]);
        if (err[i] != 0)
            decode_finish(&jobs[njobs], err[i]);
        else
            njobs++;
    }
    if (njobs != 0)
        last = njobs - 1;
    done_init(&done);
    for (unsigned i = 0; i < njobs; i++) {
        jobs[i].done = &done;
        jobs[i].left = &left;
        jobs[i].work.run = job_work;
        if (!parallel || i == last || bp_lsize(jobs[i].q->bp) < ZIO_INLINE_MAX) {
            decode_run(&jobs[i]);
            continue;
        }
        atomic_fetch_add(&left, 1);
        workers_submit(w, &jobs[i].work);
    }
    if (atomic_fetch_sub(&left, 1) == 1)
        done_signal(&done, 0);
    done_wait(&done);
    for (unsigned i = 0; i < njobs; i++) {
        struct request *mine = jobs[i].q;
        if (jobs[i].err != 0)
            err_detail_put(jobs[i].detail);
        err[mine - q] = decode_finish(&jobs[i], jobs[i].err);
        mine->mac_ok = true;
    }
    for (unsigned i = 0; i < n; i++)
        if (err[i] == 0 && needs_decode(&q[i]))
            err[i] = decode_wait(&q[i]);
}

static void start_one(struct request *q, enum found *f, int *err)
{
    *f = FOUND_ERROR;
    *err = check_request(q);
    if (*err != 0)
        return;
    if (q->pool->arc == NULL || bp_is_embedded(q->bp))
        *f = FOUND_BYPASS;
    else
        *f = find_or_start(q, false, err);
}

int arc_read_many(struct zio_pool *pool, const struct blkptr *const *bps,
                  const struct bookmark *zbs, unsigned n, enum vdev_prio prio, unsigned zio_flags,
                  struct arc_buf **out, int *err)
{
    AUTO_FREE struct request *q = mem_calloc(n, sizeof(*q));
    AUTO_FREE enum found *f = mem_calloc(n, sizeof(*f));
    AUTO_FREE struct decode_job *jobs = mem_calloc(n, sizeof(*jobs));
    int first = 0;

    if (q == NULL || f == NULL || jobs == NULL) {
        for (unsigned i = 0; i < n; i++) {
            out[i] = NULL;
            err[i] = ZE_NOMEM;
        }
        return err_raise(ZE_NOMEM, "read of %u blocks", n);
    }
    for (unsigned i = 0; i < n; i++) {
        request_init(&q[i], pool, bps[i], &zbs[i], prio, zio_flags);
        start_one(&q[i], &f[i], &err[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        if (f[i] == FOUND_STARTED || f[i] == FOUND_IO)
            err[i] = await_io(&q[i], f[i] == FOUND_IO);
        else if (f[i] == FOUND_BYPASS)
            err[i] = read_private(&q[i]);
    }
    if (n != 0)
        decode_many(q, n, err, jobs);
    for (unsigned i = 0; i < n; i++) {
        finish_request(&q[i], err[i], &out[i]);
        if (first == 0)
            first = err[i];
    }
    return first;
}

/* ---- life ---- */

int arc_create(struct env *env, uint64_t limit, struct arc **out)
{
    struct arc *arc;

    if (posix_memalign((void **)&arc, _Alignof(struct arc), sizeof(*arc)) != 0)
        return err_raise(ZE_NOMEM, "ARC");
    memset(arc, 0, sizeof(*arc));
    arc->env = env;
    if (limit == 0)
        limit = arc_default_limit("");
    atomic_init(&arc->limit, limit);
    atomic_init(&arc->target, limit);
    arc_lists_init(arc);
    mutex_init(&arc->wait_lock, RANK_LEAF);
    cond_init(&arc->wait_cond);
    pthread_rwlock_init(&arc->reclaim_lock, NULL);
    int err = arc_hash_init(arc);
    if (err != 0) {
        arc_destroy(arc);
        return err;
    }
    *out = arc;
    return 0;
}

/* Stripe lock held by nobody. One pass over a stripe; an I/O under way is returned, held. */
static struct arc_io *drop_stripe(struct arc *arc, struct arc_stripe *s,
                                  const struct zio_pool *pool)
{
    struct arc_io *io = NULL;

    mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->nbuckets && io == NULL; i++) {
        struct arc_hdr *next;
        for (struct arc_hdr *hdr = s->bucket[i]; hdr != NULL && io == NULL; hdr = next) {
            next = hdr->chain;
            if (pool != NULL && (hdr->key.load != pool->load || hdr->key.guid != pool->guid))
                continue;
            if (hdr->io != NULL) {
                io = hdr->io;
                atomic_fetch_add(&io->refs, 1);
                continue;
            }
            hdr_drop(arc, s, hdr);
        }
    }
    mutex_unlock(&s->lock);
    return io;
}

static void drop_all(struct arc *arc, const struct zio_pool *pool)
{
    for (unsigned i = 0; i < ARC_STRIPES; i++) {
        struct arc_io *io;
        while ((io = drop_stripe(arc, &arc->stripe[i], pool)) != NULL) {
            io_wait(io);
            io_rele(io);
        }
    }
}

void arc_drop_pool(struct arc *arc, const struct zio_pool *pool)
{
    drop_all(arc, pool);
}

void arc_destroy(struct arc *arc)
{
    if (arc == NULL)
        return;
    arc_pressure_stop(arc);
    if (arc->stripe[ARC_STRIPES - 1].bucket != NULL)
        drop_all(arc, NULL);
    /* A read that has finished for its waiters is still letting go on the thread that completed it.
     */
    while (atomic_load(&arc->ios) != 0)
        sched_yield();
    arc_hash_fini(arc);
    mutex_destroy(&arc->list_lock);
    mutex_destroy(&arc->wait_lock);
    cond_destroy(&arc->wait_cond);
    pthread_rwlock_destroy(&arc->reclaim_lock);
    free(arc);
}

void arc_set_limit(struct arc *arc, uint64_t limit)
{
    atomic_store(&arc->limit, limit);
    atomic_store(&arc->target, limit);
    uint64_t size = atomic_load(&arc->size);
    if (size > limit)
        arc_evict(arc, size - limit);
}

#define SHRINK_HOLD_NS 10000000000ull
#define SHRINK_FLOOR   32u /* target never falls below 1/32 of the limit */

void arc_shrink(struct arc *arc, uint64_t bytes)
{
    uint64_t size = atomic_load(&arc->size), limit = atomic_load(&arc->limit);
    uint64_t target = max_of(size > bytes ? size - bytes : 0, limit / SHRINK_FLOOR);

    atomic_store(&arc->no_grow_until, env_mono_ns(arc->env) + SHRINK_HOLD_NS);
    if (target < atomic_load(&arc->target))
        atomic_store(&arc->target, target);
    if (size > target)
        arc_evict(arc, size - target);
}

void arc_stats_get(struct arc *arc, struct arc_stats *out)
{
    *out = (struct arc_stats){0};
    for (unsigned i = 0; i < ARC_STRIPES; i++) {
        struct arc_stripe *s = &arc->stripe[i];
        MUTEX_GUARD(&s->lock);
        out->hits += s->hits;
        out->misses += s->misses;
        out->prefetch_hits += s->prefetch_hits;
        out->mru_hits += s->mru_hits;
        out->mfu_hits += s->mfu_hits;
        out->ghost_hits += s->ghost_hits;
        out->coalesced += s->coalesced;
        out->prefetches += s->prefetches;
    }
    out->evictions = atomic_load(&arc->evictions);
    out->overcommits = atomic_load(&arc->overcommits);
    out->size = atomic_load(&arc->size);
    out->limit = atomic_load(&arc->limit);
    out->target = atomic_load(&arc->target);
    MUTEX_GUARD(&arc->list_lock);
    out->target_mru = arc->target_mru[ARC_DATA] + arc->target_mru[ARC_META];
    out->target_meta = arc->target_meta;
    out->decoded_size = arc->decoded.bytes;
    for (unsigned c = 0; c < ARC_CLASSES; c++) {
        uint64_t bytes = arc->list[ARC_MRU][c].bytes + arc->list[ARC_MFU][c].bytes;
        out->blocks += arc->list[ARC_MRU][c].count + arc->list[ARC_MFU][c].count;
        out->ghost_size += arc->list[ARC_MRU_GHOST][c].bytes + arc->list[ARC_MFU_GHOST][c].bytes;
        if (c == ARC_META)
            out->meta_size = bytes;
        else
            out->data_size = bytes;
    }
}
