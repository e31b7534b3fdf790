/* SPDX-License-Identifier: MIT */
/*
 * One read of a block pointer, as callers see it (zio.h): validate, fetch the stored bytes
 * (zio_phys.c), decrypt or authenticate, decompress to exactly lsize, check the MACs of indirect
 * blocks (format/dmu.md 2.7, 5.2; crypto-dedup.md A18). Small blocks are transformed on the
 * completing thread, large ones on a worker; the blocking form does it on the caller's own thread.
 *
 * Ownership: read_state belongs to the read until done(). Locks: none.
 */
#include <string.h>

#include "base/mem.h"
#include "zio/zio_impl.h"

struct read_state {
    struct zio_phys phys;
    struct work work;
    struct zio_read *r;
    void *pbuf; /* stored bytes; r->buf itself where they are what is wanted */
    size_t pcap;
    int err;
};

static bool wants_stored(unsigned flags)
{
    return flags & (ZIO_RAW | ZIO_RAW_COMPRESS);
}

size_t zio_read_size(const struct blkptr *bp, unsigned flags)
{
    return wants_stored(flags) ? bp_psize(bp) : bp_lsize(bp);
}

/* ---- transforms ---- */

/* In place in data, psize bytes that passed their checksum. */
static int decrypt(struct zio_read *r, void *data, size_t psize)
{
    struct zio_pool *pool = r->pool;
    const struct blkptr *bp = &r->bp;
    const struct bookmark *zb = &r->bookmark;
    enum crypt_block_kind kind = crypt_block_kind(bp);
    struct crypt_key *key = NULL;

    if (kind == CRYPT_BLOCK_NONE || kind == CRYPT_BLOCK_INDIRECT || kind == CRYPT_BLOCK_OBJSET)
        return 0;
    int err = pool->keystore == NULL
                  ? err_raise(ZE_NOKEY, "dataset %llu", (unsigned long long)zb->objset)
                  : pool->keystore->key_hold(pool->keystore, zb->objset, &key);
    if (err == ZE_NOKEY && kind == CRYPT_BLOCK_AUTH) {
        r->unverified = true;
        return 0;
    }
    if (err != 0)
        return err;
    r->used_key = true;
    r->key_guid = crypt_key_guid(key);
    err = crypt_block_decrypt(key, bp, data, psize, data);
    pool->keystore->key_rele(pool->keystore, key);
    return err;
}

int zio_decode(struct zio_pool *pool, const struct blkptr *bp, const void *src, void *dst)
{
    size_t lsize = bp_lsize(bp), psize = bp_psize(bp);
    uint64_t start = 0;
    int err = 0;

    if (lsize >= ZIO_INLINE_MAX)
        start = env_mono_ns(pool->env);
    if (bp_compress(bp) != COMPRESS_OFF)
        err = compress_decode(bp_compress(bp), src, psize, dst, lsize);
    else if (src != dst)
        memcpy(dst, src, lsize); /* psize == lsize: zio_check_sizes() */
    if (err == 0 && crypt_block_kind(bp) == CRYPT_BLOCK_INDIRECT)
        err = crypt_indirect_verify(bp, dst, lsize);
    if (lsize >= ZIO_INLINE_MAX)
        atomic_fetch_add_explicit(&pool->stats.decompress_ns, env_mono_ns(pool->env) - start,
                                  memory_order_relaxed);
    return err;
}

int zio_decode_embedded(const struct blkptr *bp, void *dst)
{
    uint8_t payload[BLKPTR_EMBEDDED_MAX];
    unsigned len = bp_embedded_payload(bp, payload);

    if (bp_compress(bp) != COMPRESS_OFF)
        return compress_decode(bp_compress(bp), payload, len, dst, bp_lsize(bp));
    if (len != bp_lsize(bp))
        return err_raise(ZE_BADBP, "embedded: psize %u but lsize %llu", len,
                         (unsigned long long)bp_lsize(bp));
    memcpy(dst, payload, len);
    return 0;
}

/* Sizes that only make sense together (format/dmu.md 2.7, "a defensive reader"). */
int zio_check_sizes(const struct blkptr *bp)
{
    uint64_t lsize = bp_lsize(bp), psize = bp_psize(bp);

    if (bp_compress(bp) == COMPRESS_OFF ? psize != lsize : psize > lsize)
        return err_raise(ZE_BADBP, "psize %llu, lsize %llu, compression %s",
                         (unsigned long long)psize, (unsigned long long)lsize,
                         compress_name(bp_compress(bp)));
    return 0;
}

/* ---- the pipeline ---- */

static int name_block(const struct zio_read *r, int err)
{
    const struct bookmark *zb = &r->bookmark;

    return err_context(err, "<%llu, %llu, %lld, %llu>: ", (unsigned long long)zb->objset,
                       (unsigned long long)zb->object, (long long)zb->level,
                       (unsigned long long)zb->blkid);
}

static void state_free(struct read_state *s)
{
    struct zio_read *r = s->r;

    if (s->pbuf != NULL && s->pbuf != r->buf) {
        iobuf_free(s->pbuf, s->pcap);
        memacct_uncharge(&r->pool->env->mem, s->pcap);
    }
    r->state = NULL;
    free(s);
}

/* After the stored bytes are in pbuf and right. */
static int read_transform(struct read_state *s)
{
    struct zio_read *r = s->r;
    const struct blkptr *bp = &r->bp;
    int err;

    if (r->flags & ZIO_RAW)
        return 0;
    err = decrypt(r, s->pbuf, bp_psize(bp));
    if (r->flags & ZIO_SCRUB) {
        if (err == ZE_NOKEY)
            return 0;
        r->scrub.bad += err != 0;
        return err;
    }
    if (err != 0 || r->flags & ZIO_RAW_COMPRESS)
        return err;
    return zio_decode(r->pool, bp, s->pbuf, r->buf);
}

static void read_finish(struct read_state *s, int err)
{
    struct zio_read *r = s->r;

    state_free(s);
    if (err != 0)
        name_block(r, err);
    r->done(r, err);
}

static void read_work(struct work *work)
{
    struct read_state *s = container_of(work, struct read_state, work);

    read_finish(s, read_transform(s));
}

static bool needs_transform(const struct zio_read *r)
{
    if (r->flags & ZIO_RAW)
        return false;
    if (bp_uses_crypt(&r->bp))
        return true;
    return !(r->flags & (ZIO_RAW_COMPRESS | ZIO_SCRUB)) && bp_compress(&r->bp) != COMPRESS_OFF;
}

static void read_phys_done(struct zio_phys *zp, int err)
{
    struct read_state *s = zp->arg;
    struct zio_read *r = s->r;
    struct workers *w = r->pool->env->workers;

    r->scrub = zp->scrub;
    if (err != 0) {
        read_finish(s, err);
        return;
    }
    if (!needs_transform(r) || bp_lsize(&r->bp) < ZIO_INLINE_MAX || w == NULL ||
        workers_is_member(w)) {
        read_work(&s->work);
        return;
    }
    s->work.run = read_work;
    workers_submit(w, &s->work);
}

/* Everything that can be said before any I/O. *done: the read is complete (embedded). */
static int read_check(struct zio_read *r, bool *done)
{
    const struct blkptr *bp = &r->bp;
    bool scrub = r->flags & ZIO_SCRUB;
    int err = zio_check_bp(r->pool, bp);

    *done = false;
    if (err != 0)
        return err;
    if (bp_is_hole(bp))
        return err_raise(ZE_HOLE, "read of a hole");
    if (bp_is_redacted(bp))
        return err_raise(ZE_REDACTED, "read of a redacted block");
    if (!(scrub && r->buf == NULL) && r->size != zio_read_size(bp, r->flags))
        return err_raise(ZE_INVAL, "buffer of %zu bytes for a block of %zu", r->size,
                         zio_read_size(bp, r->flags));
    if (!bp_is_embedded(bp))
        return wants_stored(r->flags) ? 0 : zio_check_sizes(bp);
    *done = true;
    if (r->buf == NULL)
        return 0;
    if (!wants_stored(r->flags))
        return zio_decode_embedded(bp, r->buf);
    uint8_t payload[BLKPTR_EMBEDDED_MAX];
    unsigned len = bp_embedded_payload(bp, payload);
    memcpy(r->buf, payload, min_of((size_t)len, r->size));
    return 0;
}

/* NULL with *err == 0: nothing left to do. */
static struct read_state *read_prepare(struct zio_read *r, int *err)
{
    const struct blkptr *bp = &r->bp;
    bool done;

    r->scrub = (struct zio_scrub_result){0};
    r->unverified = r->used_key = false;
    *err = read_check(r, &done);
    if (*err != 0 || done)
        return NULL;
    struct read_state *s = mem_zalloc(sizeof(*s));
    if (s == NULL) {
        *err = err_raise(ZE_NOMEM, "read");
        return NULL;
    }
    s->r = r;
    r->state = s;
    size_t psize = bp_psize(bp);
    if (r->buf != NULL && (wants_stored(r->flags) || bp_compress(bp) == COMPRESS_OFF)) {
        s->pbuf = r->buf;
        s->pcap = max_of(r->cap, psize);
    } else {
        s->pcap = round_up_pow2(psize, (size_t)ZIO_BUF_ALIGN);
        *err = memacct_charge(&r->pool->env->mem, s->pcap);
        if (*err == 0)
            s->pbuf = iobuf_alloc(s->pcap);
        if (*err == 0 && s->pbuf == NULL) {
            memacct_uncharge(&r->pool->env->mem, s->pcap);
            *err = err_raise(ZE_NOMEM, "buffer of %zu bytes", s->pcap);
        }
    }
    if (*err != 0) {
        state_free(s);
        return NULL;
    }
    struct zio_phys *zp = &s->phys;
    zp->pool = r->pool;
    zp->bp = *bp;
    zp->bookmark = &r->bookmark;
    zp->prio = r->prio;
    zp->flags = r->flags;
    zp->buf = s->pbuf;
    zp->cap = s->pcap;
    zp->arg = s;
    return s;
}

void zio_read_submit(struct zio_read *r)
{
    int err;
    struct read_state *s = read_prepare(r, &err);

    if (s == NULL) {
        if (err != 0)
            name_block(r, err);
        r->done(r, err);
        return;
    }
    s->phys.done = read_phys_done;
    zio_phys_start(&s->phys);
}

struct run_wait {
    struct done done;
    char detail[ZIO_DETAIL_MAX];
};

static void run_phys_done(struct zio_phys *zp, int err)
{
    struct read_state *s = zp->arg;
    struct run_wait *w = s->r->arg;

    s->r->scrub = zp->scrub;
    if (err != 0)
        err_detail_get(w->detail, sizeof(w->detail));
    done_signal(&w->done, err);
}

/* Blocking: waits for the stored bytes and does the rest here. Used by zio_read_run and
 * zio_scrub_run. */
int zio_read_wait(struct zio_read *r)
{
    struct run_wait w = {.detail = ""};
    int err;

    lock_assert_may_block("zio_read");
    struct read_state *s = read_prepare(r, &err);
    if (s == NULL)
        return err != 0 ? name_block(r, err) : 0;
    r->arg = &w;
    done_init(&w.done);
    s->phys.done = run_phys_done;
    zio_phys_start(&s->phys);
    err = done_wait(&w.done);
    if (err != 0)
        err_detail_put(w.detail);
    else
        err = read_transform(s);
    state_free(s);
    return err != 0 ? name_block(r, err) : 0;
}

int zio_read_run(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
                 enum vdev_prio prio, unsigned flags, void *buf, size_t size)
{
    struct zio_read r = {
        .pool = pool,
        .bp = *bp,
        .bookmark = *zb,
        .prio = prio,
        .flags = flags & ~(unsigned)ZIO_SCRUB,
        .buf = buf,
        .size = size,
    };
    return zio_read_wait(&r);
}
