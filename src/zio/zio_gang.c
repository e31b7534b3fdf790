/* SPDX-License-Identifier: MIT */
/*
 * Gang blocks (format/dmu.md 3.3): a block whose data is scattered over members named in a header,
 * which may be headers again. Read: header (any copy), its members into their places of the
 * caller's buffer, then the checksum of the whole. Called by zio_phys.c; zio_gang_walk() by walkers
 * of inspect/ and alloc/.
 *
 * Everything in a header is hostile though its checksum is right. Bounds: member sizes of each
 * header add up exactly to the block's, nesting stops at ZIO_GANG_MAX_DEPTH, and a whole tree may
 * have no more headers than it could need (one for each pair of sectors, and some). Members of the
 * top header are fetched in parallel, nested ones one at a time, so that memory stays bounded by
 * width plus depth.
 *
 * Ownership: a gang_node belongs to the zio_phys of its bp and dies before that one's done().
 * Locks: one LEAF lock a node; never held while I/O is started.
 */
#include <string.h>

#include "base/mem.h"
#include "codec/checksum.h"
#include "zio/zio_impl.h"

#define GANG_PARALLEL     8u
#define GANG_SPARE_BUDGET 16u

struct gang_budget {
    atomic_int headers_left;
};

struct gang_node {
    struct zio_phys *zp;        /* the gang bp that is being read */
    struct gang_budget *budget; /* owned by the node of depth 0 */
    struct zio_phys header_read;
    void *header;
    size_t header_cap;
    unsigned members, next;
    size_t filled; /* bytes of zp->buf given to members so far */
    struct mutex lock;
    unsigned inflight;
    bool pumping, again;
    int err;
    char detail[ZIO_DETAIL_MAX];
};

unsigned zio_vdev_min_alloc(const struct vdev *top)
{
    uint64_t min = (uint64_t)1 << min_of(top->ashift, (uint64_t)16);

    /* dRAID allocates whole rows; the vdev knows its row from the configuration */
    if (top->type == VDEV_DRAID && top->min_alloc > min && top->min_alloc <= GANG_HEADER_MAX_SIZE)
        min = top->min_alloc;
    return (unsigned)min;
}

unsigned zio_gang_header_size(struct zio_pool *pool, const struct blkptr *bp)
{
    unsigned size = 0;

    for (unsigned i = 0; pool->has_dynamic_gang && i < bp_ndvas(bp); i++) {
        struct vdev *vd = vdev_tree_top(pool->vdevs, dva_vdev(&bp->dva[i]));
        if (vd == NULL)
            continue;
        unsigned min = zio_vdev_min_alloc(vd);
        size = size == 0 ? min : min_of(size, min);
    }
    return max_of(size, GANG_HEADER_OLD_SIZE);
}

int zio_gang_parse(struct zio_pool *pool, const struct blkptr *bp, void *buf, size_t hsize,
                   unsigned *members)
{
    const uint64_t magic = 0x0210da7ab10c7a11ull;

    if (zio_checksum_verify_gang(bp, buf, hsize) != 0) {
        hsize = GANG_HEADER_OLD_SIZE;
        if (zio_checksum_verify_gang(bp, buf, hsize) != 0)
            return err_raise(ZE_CKSUM, "gang header");
    }
    if (load_ne64((uint8_t *)buf + hsize - GANG_TRAILER_SIZE) != magic)
        gang_header_bswap(buf, hsize);
    int err = gang_header_validate(buf, hsize, bp, members);
    if (err != 0)
        return err;
    struct blkptr *slots = buf;
    unsigned used = 0;
    for (unsigned i = 0; i < gang_header_members(hsize); i++) {
        if (bp_is_hole(&slots[i]))
            continue;
        if (zio_check_bp(pool, &slots[i]) != 0)
            return err_context(ZE_BADGANG, "member %u: ", i);
        slots[used++] = slots[i];
    }
    *members = used;
    return 0;
}

/* ---- reading ---- */

static void gang_node_free(struct gang_node *g)
{
    struct env *env = g->zp->pool->env;

    if (g->header != NULL) {
        iobuf_free(g->header, g->header_cap);
        memacct_uncharge(&env->mem, g->header_cap);
    }
    if (g->zp->depth == 0)
        free(g->budget);
    mutex_destroy(&g->lock);
    free(g);
}

static void gang_finish(struct gang_node *g)
{
    struct zio_phys *zp = g->zp;
    int err = g->err;
    uint64_t psize = bp_psize(&zp->bp);

    if (err != 0) {
        err_raise(err, "gang block %llu:%llx: %s", (unsigned long long)dva_vdev(&zp->bp.dva[0]),
                  (unsigned long long)dva_offset(&zp->bp.dva[0]),
                  g->detail[0] != '\0' ? g->detail : err_sentence(err));
    } else if (zp->depth == 0) {
        err = zio_checksum_verify(zp->pool, &zp->bp, zp->buf, psize);
        if (err != 0) {
            err_raise(err, "gang block %llu:%llx: members are right but not the whole",
                      (unsigned long long)dva_vdev(&zp->bp.dva[0]),
                      (unsigned long long)dva_offset(&zp->bp.dva[0]));
            zp->scrub.bad++;
        }
    }
    zp->gang = NULL;
    gang_node_free(g);
    zp->done(zp, err);
}

static void gang_note_error(struct gang_node *g, int err)
{
    MUTEX_GUARD(&g->lock);
    if (g->err != 0)
        return;
    g->err = err;
    err_detail_get(g->detail, sizeof(g->detail));
}

static void gang_pump(struct gang_node *g, const struct zio_phys *finished_member);

static void gang_member_done(struct zio_phys *child, int err)
{
    struct gang_node *g = child->arg;

    if (err != 0)
        gang_note_error(g, err);
    gang_pump(g, child);
    free(child);
}

/* Called by the pump only, so one at a time. */
static int gang_launch(struct gang_node *g, unsigned slot)
{
    struct zio_phys *zp = g->zp, *child = mem_zalloc(sizeof(*child));
    const struct blkptr *m = gang_header_bp(g->header, slot);
    size_t len = bp_psize(m);

    if (child == NULL)
        return err_raise(ZE_NOMEM, "gang member");
    child->pool = zp->pool;
    child->bp = *m;
    child->bookmark = zp->bookmark;
    child->prio = zp->prio;
    child->flags = zp->flags;
    child->buf = (uint8_t *)zp->buf + g->filled;
    child->cap = len; /* what follows belongs to the next member */
    child->depth = zp->depth + 1;
    child->budget = g->budget;
    child->done = gang_member_done;
    child->arg = g;
    g->filled += len; /* validated: the sum is exactly psize */
    zio_phys_start(child);
    return 0;
}

/*
 * Start members while there is room; whoever finds nothing left to wait for finishes the node.
 * Members that complete at once call back into a pump that is already running: it only notes that
 * there is more to do, so the stack does not grow with the number of members.
 */
static void gang_pump(struct gang_node *g, const struct zio_phys *finished_member)
{
    unsigned parallel = g->zp->depth == 0 ? GANG_PARALLEL : 1;

    mutex_lock(&g->lock);
    /* Under the same hold that decides who finishes: between two, another member could end the
     * node. */
    if (finished_member != NULL) {
        g->zp->scrub.copies += finished_member->scrub.copies;
        g->zp->scrub.bad += finished_member->scrub.bad;
        g->inflight--;
    }
    g->again = true;
    if (g->pumping) {
        mutex_unlock(&g->lock);
        return;
    }
    g->pumping = true;
    bool scrub = g->zp->flags & ZIO_SCRUB; /* looks at everything even when something is lost */
    while (g->again) {
        g->again = false;
        while (g->next < g->members && g->inflight < parallel && (g->err == 0 || scrub)) {
            unsigned slot = g->next++;
            g->inflight++;
            mutex_unlock(&g->lock);
            int err = gang_launch(g, slot);
            if (err != 0)
                gang_note_error(g, err);
            mutex_lock(&g->lock);
            g->inflight -= err != 0;
        }
    }
    g->pumping = false;
    bool finished = g->inflight == 0;
    mutex_unlock(&g->lock);
    if (finished)
        gang_finish(g);
}

static void gang_header_done(struct zio_phys *header_read, int err)
{
    struct gang_node *g = header_read->arg;
    struct zio_phys *zp = g->zp;

    zp->scrub = header_read->scrub;
    if (err == 0)
        err = zio_gang_parse(zp->pool, &zp->bp, g->header, header_read->hsize, &g->members);
    if (err != 0) {
        g->members = 0;
        gang_note_error(g, err);
    }
    gang_pump(g, NULL);
}

static int gang_prepare(struct gang_node *g)
{
    struct zio_phys *zp = g->zp;
    struct env *env = zp->pool->env;

    if (zp->depth == 0) {
        g->budget = mem_zalloc(sizeof(*g->budget));
        if (g->budget == NULL)
            return err_raise(ZE_NOMEM, "gang block");
        uint64_t most = bp_psize(&zp->bp) / (2 * SECTOR_SIZE) + GANG_SPARE_BUDGET;
        atomic_init(&g->budget->headers_left, (int)most);
    } else {
        g->budget = zp->budget;
    }
    if (zp->depth >= ZIO_GANG_MAX_DEPTH)
        return err_raise(ZE_BADGANG, "nested more than %u deep", ZIO_GANG_MAX_DEPTH);
    if (atomic_fetch_sub(&g->budget->headers_left, 1) <= 0)
        return err_raise(ZE_BADGANG, "more headers than its size can need");
    unsigned hsize = zio_gang_header_size(zp->pool, &zp->bp);
    size_t cap = round_up_pow2(hsize, ZIO_BUF_ALIGN);
    int err = memacct_charge(&env->mem, cap);
    if (err != 0)
        return err;
    g->header = iobuf_alloc(cap);
    if (g->header == NULL) {
        memacct_uncharge(&env->mem, cap);
        return err_raise(ZE_NOMEM, "gang header");
    }
    g->header_cap = cap;
    g->header_read = (struct zio_phys){
        .pool = zp->pool,
        .bp = zp->bp,
        .bookmark = zp->bookmark,
        .prio = zp->prio,
        .flags = zp->flags,
        .buf = g->header,
        .cap = cap,
        .is_header = true,
        .hsize = hsize,
        .done = gang_header_done,
        .arg = g,
    };
    return 0;
}

void zio_gang_start(struct zio_phys *zp)
{
    struct gang_node *g = mem_zalloc(sizeof(*g));

    if (g == NULL) {
        zp->done(zp, err_raise(ZE_NOMEM, "gang block"));
        return;
    }
    g->zp = zp;
    mutex_init(&g->lock, RANK_LEAF);
    zp->gang = g;
    atomic_fetch_add_explicit(&zp->pool->stats.gang_reads, 1, memory_order_relaxed);
    int err = gang_prepare(g);
    if (err != 0) {
        gang_note_error(g, err);
        gang_finish(g);
        return;
    }
    zio_phys_start(&g->header_read);
}

/* ---- walking ---- */

struct gang_walk {
    struct zio_pool *pool;
    int (*fn)(void *arg, const struct blkptr *member, bool is_header);
    void *arg;
    int headers_left;
};

static void walk_header_done(struct zio_phys *zp, int err)
{
    if (err != 0) /* to the waiting thread */
        err_detail_get(zp->detail, sizeof(zp->detail));
    done_signal(zp->arg, err);
}

static int walk_read_header(struct gang_walk *w, const struct blkptr *bp, void *buf, size_t cap,
                            unsigned *members)
{
    AUTO_FREE struct zio_phys *zp = mem_zalloc(sizeof(*zp));
    struct done wait;

    if (zp == NULL)
        return err_raise(ZE_NOMEM, "gang header");
    zp->pool = w->pool;
    zp->bp = *bp;
    zp->prio = VDEV_PRIO_SYNC_READ;
    zp->buf = buf;
    zp->cap = cap;
    zp->is_header = true;
    zp->hsize = zio_gang_header_size(w->pool, bp);
    zp->done = walk_header_done;
    zp->arg = &wait;
    done_init(&wait);
    zio_phys_start(zp);
    int err = done_wait(&wait);
    if (err != 0) {
        err_detail_put(zp->detail);
        return err;
    }
    return zio_gang_parse(w->pool, bp, buf, zp->hsize, members);
}

static int walk_node(struct gang_walk *w, const struct blkptr *bp, unsigned depth)
{
    unsigned members;

    if (depth >= ZIO_GANG_MAX_DEPTH)
        return err_raise(ZE_BADGANG, "nested more than %u deep", ZIO_GANG_MAX_DEPTH);
    if (w->headers_left-- <= 0)
        return err_raise(ZE_BADGANG, "more headers than its size can need");
    int err = w->fn(w->arg, bp, true);
    if (err != 0)
        return err;
    void *buf = iobuf_alloc(GANG_HEADER_MAX_SIZE);
    if (buf == NULL)
        return err_raise(ZE_NOMEM, "gang header");
    err = walk_read_header(w, bp, buf, GANG_HEADER_MAX_SIZE, &members);
    for (unsigned i = 0; err == 0 && i < members; i++) {
        const struct blkptr *m = gang_header_bp(buf, i);
        err = bp_is_gang(m) ? walk_node(w, m, depth + 1) : w->fn(w->arg, m, false);
    }
    iobuf_free(buf, GANG_HEADER_MAX_SIZE);
    return err;
}

int zio_gang_walk(struct zio_pool *pool, const struct blkptr *bp,
                  int (*fn)(void *arg, const struct blkptr *member, bool is_header), void *arg)
{
    int err = zio_check_bp(pool, bp);

    if (err != 0)
        return err;
    if (!bp_is_gang(bp))
        return err_raise(ZE_INVAL, "not a gang block");
    struct gang_walk w = {
        .pool = pool,
        .fn = fn,
        .arg = arg,
        .headers_left = (int)(bp_psize(bp) / (2 * SECTOR_SIZE) + GANG_SPARE_BUDGET),
    };
    return walk_node(&w, bp, 0);
}
