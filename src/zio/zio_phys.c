/* SPDX-License-Identifier: MIT */
/*
 * The stored bytes of one block pointer: choose a copy (DVA), read it from its top-level vdev with
 * a verify callback that computes the checksum, go on to the next copy on failure. With ZIO_SCRUB
 * every copy is read. Gang bps go to zio_gang.c. Called by zio_read.c and zio_gang.c; asynchronous;
 * takes no locks.
 *
 * Devices read into 4 KiB-aligned buffers of whole device sectors; where the caller's is not that,
 * the bytes pass through a bounce buffer. Errors: of all copies the most telling one (checksum
 * before I/O before missing).
 */
#include <string.h>

#include "zio/zio_impl.h"

static void phys_next(struct zio_phys *zp);

int zio_dva_vdev(struct zio_pool *pool, const struct dva *dva, struct vdev **out)
{
    struct vdev *vd = vdev_tree_top(pool->vdevs, dva_vdev(dva));

    if (vd == NULL)
        return err_raise(ZE_NXIO, "vdev %llu does not exist", (unsigned long long)dva_vdev(dva));
    if (vd->type == VDEV_HOLE || vd->type == VDEV_MISSING)
        return err_raise(ZE_NXIO, "vdev %llu is %s", (unsigned long long)dva_vdev(dva),
                         vd->type == VDEV_HOLE ? "a hole" : "missing");
    *out = vd;
    return 0;
}

/* DVA slots of a bp: the third of an encrypted one holds its salt and IV. */
static unsigned dva_slots(const struct blkptr *bp)
{
    return bp_is_encrypted(bp) ? 2 : BLKPTR_DVAS;
}

/* Format/dmu.md 2.7 rule 9. */
static int check_dva(struct zio_pool *pool, const struct blkptr *bp, unsigned i)
{
    const struct dva *dva = &bp->dva[i];
    struct vdev *vd = vdev_tree_top(pool->vdevs, dva_vdev(dva));
    uint64_t asize = dva_asize(dva), end;

    if (vd == NULL)
        return err_raise(ZE_BADBP, "DVA %u: no vdev %llu", i, (unsigned long long)dva_vdev(dva));
    if (vd->type == VDEV_HOLE)
        return err_raise(ZE_BADBP, "DVA %u: vdev %llu is a hole", i,
                         (unsigned long long)dva_vdev(dva));
    if (vd->type == VDEV_MISSING)
        return 0;
    if (dva_is_gang(dva))
        asize = vdev_gang_header_asize(vd);
    if (__builtin_add_overflow(dva_offset(dva), asize, &end) || end > vd->asize)
        return err_raise(ZE_BADBP, "DVA %u: offset %llx asize %llx beyond the end of vdev %llu", i,
                         (unsigned long long)dva_offset(dva), (unsigned long long)asize,
                         (unsigned long long)dva_vdev(dva));
    return 0;
}

int zio_check_bp(struct zio_pool *pool, const struct blkptr *bp)
{
    int err = bp_validate(bp);

    if (err != 0 || bp_is_embedded(bp) || bp_is_hole(bp))
        return err;
    for (unsigned i = 0; err == 0 && i < dva_slots(bp); i++) {
        if (!dva_is_valid(&bp->dva[i]))
            continue;
        if (dva_is_gang(&bp->dva[i]) != bp_is_gang(bp))
            return err_raise(ZE_BADBP, "DVA %u: gang and ordinary copies mixed", i);
        if (pool->config_trusted)
            err = check_dva(pool, bp, i);
    }
    return err;
}

/* Lower is better. Copies on healthy concrete vdevs come first; what cannot be read at all comes
 * last. */
static unsigned dva_score(struct zio_pool *pool, const struct dva *dva)
{
    struct vdev *vd = vdev_tree_top(pool->vdevs, dva_vdev(dva));

    if (vd == NULL || !vdev_readable(vd))
        return 3;
    if (vd->state != VDEV_STATE_HEALTHY)
        return 2;
    return vd->type == VDEV_INDIRECT; /* one more hop */
}

static void choose_order(struct zio_phys *zp)
{
    unsigned score[BLKPTR_DVAS];

    zp->ncopies = 0;
    for (unsigned i = 0; i < dva_slots(&zp->bp); i++) {
        if (!dva_is_valid(&zp->bp.dva[i]))
            continue;
        unsigned j = zp->ncopies++, s = dva_score(zp->pool, &zp->bp.dva[i]);
        for (; j > 0 && score[j - 1] > s;
             j--) { /* stable insertion: equal ones stay in DVA order */
            score[j] = score[j - 1];
            zp->order[j] = zp->order[j - 1];
        }
        score[j] = s;
        zp->order[j] = (uint8_t)i;
    }
}

static unsigned error_rank(int err)
{
    return err == ZE_CKSUM ? 3 : err == ZE_IO ? 2 : err == 0 ? 0 : 1;
}

static void note_error(struct zio_phys *zp, int err)
{
    if (error_rank(err) <= error_rank(zp->err))
        return;
    zp->err = err;
    err_detail_get(zp->detail, sizeof(zp->detail));
}

static void phys_free_bounce(struct zio_phys *zp)
{
    if (zp->bounce == NULL)
        return;
    iobuf_free(zp->bounce, zp->bounce_size);
    memacct_uncharge(&zp->pool->env->mem, zp->bounce_size);
    zp->bounce = NULL;
}

static void phys_finish(struct zio_phys *zp, int err)
{
    phys_free_bounce(zp);
    if (err != 0) {
        const struct dva *d = &zp->bp.dva[0];
        err_raise(err, "block %llu:%llx:%llx: %s", (unsigned long long)dva_vdev(d),
                  (unsigned long long)dva_offset(d), (unsigned long long)dva_asize(d),
                  zp->detail[0] != '\0' ? zp->detail : err_sentence(err));
    }
    zp->done(zp, err);
}

static int phys_verify(struct vdev_io *io, const void *buf)
{
    struct zio_phys *zp = io->arg;
    struct env *env = zp->pool->env;
    size_t len = zp->is_header ? zp->hsize : bp_psize(&zp->bp);

    if (zp->is_header) {
        if (zio_checksum_verify_gang(&zp->bp, buf, zp->hsize) == 0)
            return 0;
        return zp->hsize > GANG_HEADER_OLD_SIZE
                   ? zio_checksum_verify_gang(&zp->bp, buf, GANG_HEADER_OLD_SIZE)
                   : ZE_CKSUM;
    }
    if (len < ZIO_INLINE_MAX)
        return zio_checksum_verify(zp->pool, &zp->bp, buf, len);
    uint64_t start = env_mono_ns(env);
    int err = zio_checksum_verify(zp->pool, &zp->bp, buf, len);
    atomic_fetch_add_explicit(&zp->pool->stats.checksum_ns, env_mono_ns(env) - start,
                              memory_order_relaxed);
    return err;
}

static void phys_io_done(struct vdev_io *io, int err)
{
    struct zio_phys *zp = io->arg;
    bool scrub = zp->flags & ZIO_SCRUB;
    size_t len = zp->is_header ? zp->hsize : bp_psize(&zp->bp);

    atomic_fetch_add_explicit(&zp->pool->stats.reads, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&zp->pool->stats.read_bytes, len, memory_order_relaxed);
    if (scrub) {
        unsigned copies = max_of(vdev_copies(io->vd), 1u);
        zp->scrub.copies += copies;
        zp->scrub.bad += err != 0 ? copies : min_of(io->bad_copies, copies);
    }
    if (err == 0) {
        if (zp->bounce != NULL)
            memcpy(zp->buf, zp->bounce, len);
        zp->good = true;
        if (!scrub) {
            phys_finish(zp, 0);
            return;
        }
    } else {
        note_error(zp, err);
    }
    zp->at++;
    phys_next(zp);
}

/*
 * Buffer for the device: whole sectors of vd, aligned. Scrubbing always bounces, so that a bad copy
 * read after a good one does not spoil the caller's buffer.
 */
static int phys_buffer(struct zio_phys *zp, const struct vdev *vd, size_t len, void **out)
{
    size_t need = round_up_pow2(len, (uint64_t)1 << min_of(vd->ashift, (uint64_t)16));

    if ((uintptr_t)zp->buf % ZIO_BUF_ALIGN == 0 && zp->cap >= need && !(zp->flags & ZIO_SCRUB)) {
        *out = zp->buf;
        return 0;
    }
    if (zp->bounce != NULL && zp->bounce_size < need)
        phys_free_bounce(zp);
    if (zp->bounce == NULL) {
        int err = memacct_charge(&zp->pool->env->mem, need);
        if (err != 0)
            return err;
        zp->bounce = iobuf_alloc(need);
        if (zp->bounce == NULL) {
            memacct_uncharge(&zp->pool->env->mem, need);
            return err_raise(ZE_NOMEM, "I/O buffer of %zu bytes", need);
        }
        zp->bounce_size = need;
    }
    *out = zp->bounce;
    return 0;
}

static int phys_issue(struct zio_phys *zp, const struct dva *dva)
{
    struct vdev *vd;
    void *buf = NULL;
    size_t len = zp->is_header ? zp->hsize : bp_psize(&zp->bp);
    int err = zio_dva_vdev(zp->pool, dva, &vd);

    if (err == 0)
        err = phys_buffer(zp, vd, len, &buf);
    if (err != 0)
        return err;
    unsigned flags = zp->flags & ZIO_SPECULATIVE ? VDEV_IO_SPECULATIVE : 0;
    if (zp->flags & ZIO_SCRUB)
        flags |= VDEV_IO_SCRUB;
    if (zp->flags & ZIO_NO_REPAIR)
        flags |= VDEV_IO_NO_REPAIR;
    if (!zp->is_header && bp_checksum(&zp->bp) == CHECKSUM_NOPARITY)
        flags |= VDEV_IO_NOPARITY;
    zp->io = (struct vdev_io){
        .vd = vd,
        .op = DEVICE_READ,
        .prio = zp->prio,
        .flags = flags,
        .offset = dva_offset(dva),
        .size = len,
        .buf = buf,
        .txg = bp_physical_birth(&zp->bp),
        .asize = zp->is_header ? vdev_gang_header_asize(vd) : dva_asize(dva),
        .verify = phys_verify,
        .done = phys_io_done,
        .arg = zp,
        .blkinfo = zp->bookmark,
    };
    vdev_io_submit(&zp->io);
    return 0;
}

static void phys_next(struct zio_phys *zp)
{
    for (; zp->at < zp->ncopies; zp->at++) {
        int err = phys_issue(zp, &zp->bp.dva[zp->order[zp->at]]);
        if (err == 0)
            return;
        note_error(zp, err);
        if (zp->flags & ZIO_SCRUB) {
            zp->scrub.copies++;
            zp->scrub.bad++;
        }
    }
    phys_finish(zp, zp->good ? 0 : zp->err != 0 ? zp->err : ZE_IO);
}

/* Precondition: zio_check_bp() said yes, and bp is neither hole nor embedded. */
void zio_phys_start(struct zio_phys *zp)
{
    zp->err = 0;
    zp->detail[0] = '\0';
    zp->bounce = NULL;
    zp->at = 0;
    zp->good = false;
    zp->scrub = (struct zio_scrub_result){0};
    if (bp_is_gang(&zp->bp) && !zp->is_header) {
        zio_gang_start(zp);
        return;
    }
    choose_order(zp);
    phys_next(zp);
}
