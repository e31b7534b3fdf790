/* SPDX-License-Identifier: MIT */
/*
 * The column engine: moving columns between devices and memory, and the steps of a read and a
 * write. See raid_io.h. What is computed on columns in memory is in raid_solve.c.
 */
#include "vdev/raid_io.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vdev/raid_solve.h"

/* Sector-sized pieces of one child (expanded maps) that lie close together become one device
 * request. */
#define MERGE_PIECE (16u << 10)
#define MERGE_GAP   (8u << 10) /* reads only */
#define MERGE_MAX   (1u << 20)
/* Below this much data arithmetic is done on the completing thread. */
#define INLINE_CPU (32u << 10)

enum piece_kind { PIECE_COLUMN, PIECE_EMPTY, PIECE_SHADOW };

/* Bytes to move between memory and one child. */
struct piece {
    struct column *col;
    uint8_t *data;
    uint64_t offset, size;
    uint8_t child;
    uint8_t kind;
    bool self_heal;
};

/* One device request: a piece, or several through a bounce buffer. */
struct seg {
    unsigned first, n;
    uint8_t *bounce;
    uint64_t size;
};

struct raid_io {
    struct raid_block b; /* first: what raid_solve.c works on */
    struct vdev_io *io;
    const struct raid_io_ops *ops;
    struct work work;
    void (*cpu)(struct raid_io *r);
    void (*step)(struct raid_io *r); /* after the present set of pieces */
    struct piece *piece;
    unsigned npieces, max_pieces;
    struct seg *seg;
    struct vdev_io **child;
    unsigned nsegs;
    enum device_op op;
    bool repair, split, all_read;
    uint8_t *parity, *empties;
    uint64_t parity_len, empties_len;
};

static void raid_free(struct raid_io *r)
{
    iobuf_free(r->parity, r->parity_len);
    iobuf_free(r->empties, r->empties_len);
    raid_block_fini(&r->b);
    free(r->piece);
    free(r->b.map);
    free(r);
}

static void raid_complete(struct raid_io *r, int err)
{
    struct vdev_io *io = r->io;
    io->state = NULL;
    raid_free(r);
    vdev_io_complete(io, err);
}

static void run_work(struct work *work)
{
    struct raid_io *r = container_of(work, struct raid_io, work);
    r->cpu(r);
}

/* Arithmetic on much data belongs on the worker pool. */
static void run_cpu(struct raid_io *r, void (*fn)(struct raid_io *))
{
    struct workers *w = r->io->vd->tree->env->workers;
    if (w == NULL || r->b.map->size < INLINE_CPU || workers_is_member(w)) {
        fn(r);
        return;
    }
    r->cpu = fn;
    r->work.run = run_work;
    workers_submit(w, &r->work);
}

/* ---- moving pieces ---- */

static int add_piece(struct raid_io *r, struct column *col, enum piece_kind kind, bool self_heal)
{
    if (r->npieces == r->max_pieces) {
        unsigned n = r->max_pieces != 0 ? r->max_pieces * 2 : 16;
        struct piece *bigger = realloc(r->piece, n * sizeof(*bigger));
        if (bigger == NULL)
            return err_raise(ZE_NOMEM, "raid I/O");
        r->piece = bigger;
        r->max_pieces = n;
    }
    const struct raid_col *c = raid_col_of(&r->b, col);
    struct piece *p = &r->piece[r->npieces++];
    *p = (struct piece){.col = col, .kind = kind, .self_heal = self_heal, .child = c->child};
    p->offset = c->offset;
    p->size = c->size;
    p->data = col->data;
    if (kind == PIECE_EMPTY) {
        p->offset += c->size;
        p->size = c->empty;
        p->data = col->empty;
    } else if (kind == PIECE_SHADOW) {
        p->child = c->shadow_child;
        p->offset = c->shadow_offset;
    }
    return 0;
}

static int piece_order(const void *va, const void *vb)
{
    const struct piece *a = va, *b = vb;
    if (a->child != b->child)
        return a->child < b->child ? -1 : 1;
    /* Scratch offsets are negative. */
    int64_t x = (int64_t)a->offset, y = (int64_t)b->offset;
    return x < y ? -1 : x > y;
}

static bool may_join(const struct raid_io *r, const struct seg *s, const struct piece *p)
{
    const struct piece *first = &r->piece[s->first], *last = &r->piece[s->first + s->n - 1];
    if (r->split || p->child != first->child || p->self_heal != first->self_heal)
        return false;
    uint64_t gap = p->offset - (last->offset + last->size);
    return gap <= (r->op == DEVICE_READ ? MERGE_GAP : 0) && p->size <= MERGE_PIECE &&
           last->size <= MERGE_PIECE && p->offset + p->size - first->offset <= MERGE_MAX &&
           p->col->stale == first->col->stale;
}

static void cut_segments(struct raid_io *r)
{
    r->nsegs = 0;
    for (unsigned i = 0; i < r->npieces; i++) {
        const struct piece *p = &r->piece[i];
        if (r->nsegs > 0 && may_join(r, &r->seg[r->nsegs - 1], p)) {
            struct seg *s = &r->seg[r->nsegs - 1];
            s->n++;
            s->size = p->offset + p->size - r->piece[s->first].offset;
        } else {
            r->seg[r->nsegs++] = (struct seg){.first = i, .n = 1, .size = p->size};
        }
    }
}

static void bounce_copy(struct raid_io *r, struct seg *s)
{
    uint64_t base = r->piece[s->first].offset;
    for (unsigned i = s->first; i < s->first + s->n; i++) {
        struct piece *p = &r->piece[i];
        if (r->op == DEVICE_READ)
            memcpy(p->data, s->bounce + (p->offset - base), p->size);
        else
            memcpy(s->bounce + (p->offset - base), p->data, p->size);
    }
}

static struct vdev_io *segment_io(struct raid_io *r, struct seg *s)
{
    const struct piece *p = &r->piece[s->first];
    struct vdev *child = r->io->vd->child[p->child];
    void *buf = p->data;
    if (s->n > 1) {
        buf = s->bounce = iobuf_alloc(s->size);
        if (buf == NULL)
            return NULL;
        if (r->op == DEVICE_WRITE)
            bounce_copy(r, s);
    }
    bool scratch = (int64_t)p->offset < 0;
    uint64_t offset = scratch ? p->offset + VDEV_START_OFFSET : p->offset;
    struct vdev_io *io =
        r->repair ? vdev_io_repair_child(r->io, child, offset, s->size, buf, p->self_heal)
                  : vdev_io_child(r->io, child, r->op, offset, s->size, buf);
    if (io == NULL)
        return NULL;
    if (scratch)
        io->flags |= VDEV_IO_PHYSICAL;
    if (p->col->stale && r->op == DEVICE_READ)
        io->flags |= VDEV_IO_SPECULATIVE;
    return io;
}

static void note_result(struct raid_io *r, const struct piece *p, int err)
{
    if (r->repair)
        return;
    switch ((enum piece_kind)p->kind) {
    case PIECE_COLUMN:
        p->col->tried = true;
        p->col->error = err;
        break;
    case PIECE_EMPTY:
        p->col->empty_read = err == 0;
        if (r->op == DEVICE_WRITE)
            p->col->error = vdev_io_worst_error(p->col->error, err);
        break;
    case PIECE_SHADOW:
        p->col->shadow_error = err;
        break;
    }
}

static void issue(struct raid_io *r);

static void set_done(struct vdev_io *io)
{
    struct raid_io *r = io->state;
    unsigned again = 0;
    for (unsigned i = 0; i < r->nsegs; i++) {
        struct seg *s = &r->seg[i];
        struct vdev_io *c = r->child[i];
        int err = c != NULL ? c->error : ZE_NOMEM;
        /* Find out which sectors of a merged request are bad: each counts by itself. */
        bool retry = err != 0 && err != ZE_NXIO && s->n > 1 && !r->repair;
        if (err == 0 && s->n > 1 && r->op == DEVICE_READ)
            bounce_copy(r, s);
        for (unsigned k = s->first; k < s->first + s->n; k++) {
            if (retry)
                r->piece[again++] = r->piece[k];
            else
                note_result(r, &r->piece[k], err);
        }
        iobuf_free(s->bounce, s->size);
        vdev_io_free(c);
    }
    free(r->seg);
    free(r->child);
    r->seg = NULL;
    r->child = NULL;
    r->npieces = again;
    if (again > 0) {
        r->split = true;
        issue(r);
        return;
    }
    r->step(r);
}

static void issue(struct raid_io *r)
{
    if (r->b.map->nrows > 2 && r->npieces > 1)
        qsort(r->piece, r->npieces, sizeof(r->piece[0]), piece_order);
    r->nsegs = 0;
    r->seg = mem_calloc(r->npieces, sizeof(*r->seg));
    r->child = mem_calloc(r->npieces, sizeof(struct vdev_io *));
    if (r->seg == NULL || r->child == NULL) {
        free(r->seg);
        free(r->child);
        raid_complete(r, err_raise(ZE_NOMEM, "raid I/O"));
        return;
    }
    cut_segments(r);
    for (unsigned i = 0; i < r->nsegs; i++)
        r->child[i] = segment_io(r, &r->seg[i]);
    vdev_io_submit_children(r->io, r->child, r->nsegs, set_done);
}

/* Hand out the collected pieces, then go on with step. */
static void move_pieces(struct raid_io *r, enum device_op op, void (*step)(struct raid_io *))
{
    r->op = op;
    r->split = false;
    r->step = step;
    issue(r);
}

/* ---- memory of parity and empty sectors ---- */

/* Parity column i of successive rows is contiguous, so that rows can be computed together. */
static int alloc_parity(struct raid_io *r)
{
    if (r->parity != NULL)
        return 0;
    const struct raid_map *map = r->b.map;
    uint64_t len = 0;
    for (unsigned i = 0; i < map->nrows; i++)
        len += map->row[i].parity_size;
    r->parity_len = len * map->nparity;
    r->parity = iobuf_alloc(r->parity_len);
    if (r->parity == NULL)
        return err_raise(ZE_NOMEM, "parity of %llu bytes", (unsigned long long)r->parity_len);
    uint64_t at = 0;
    for (unsigned i = 0; i < map->nrows; i++) {
        for (unsigned p = 0; p < map->nparity; p++)
            raid_column(&r->b, i, p)->data = r->parity + p * len + at;
        at += map->row[i].parity_size;
    }
    return 0;
}

static int alloc_empties(struct raid_io *r)
{
    const struct raid_map *map = r->b.map;
    uint64_t len = 0;
    for (unsigned i = 0; i < r->b.ncols; i++)
        len += r->b.first[i].empty;
    if (len == 0 || r->empties != NULL)
        return 0;
    r->empties_len = len;
    r->empties = iobuf_alloc(len);
    if (r->empties == NULL)
        return err_raise(ZE_NOMEM, "padding of %llu bytes", (unsigned long long)len);
    memset(r->empties, 0, len);
    uint64_t at = 0;
    for (unsigned i = 0; i < map->nrows; i++) {
        for (unsigned c = 0; c < map->row[i].ncols; c++) {
            raid_column(&r->b, i, c)->empty = r->empties + at;
            at += map->row[i].col[c].empty;
        }
    }
    return 0;
}

/* ---- repair ---- */

static void repair_done(struct raid_io *r)
{
    raid_complete(r, 0);
}

static int repair_row(struct raid_io *r, unsigned row, bool resilver)
{
    const struct raid_row *rw = &r->b.map->row[row];
    unsigned unexpected = 0;
    for (unsigned c = 0; c < rw->ncols; c++) {
        const struct column *col = raid_column(&r->b, row, c);
        unexpected += col->error != 0 && !col->skipped && rw->col[c].size > 0;
    }
    int err = 0;
    for (unsigned c = 0; err == 0 && c < rw->ncols; c++) {
        struct column *col = raid_column(&r->b, row, c);
        const struct raid_col *place = &rw->col[c];
        if (place->size > 0 && col->error != 0 && (unexpected > 0 || resilver) &&
            vdev_writeable(r->io->vd->child[place->child]))
            err = add_piece(r, col, PIECE_COLUMN, unexpected > 0);
        if (err == 0 && place->empty > 0 && col->empty_bad)
            err = add_piece(r, col, PIECE_EMPTY, true);
        if (err == 0 && place->size > 0 && place->has_shadow && resilver && col->data != NULL)
            err = add_piece(r, col, PIECE_SHADOW, true);
    }
    return err;
}

/* The block is right: rewrite what was not. */
static void repair(struct raid_io *r)
{
    bool scan = (r->io->flags & (VDEV_IO_SCRUB | VDEV_IO_RESILVER)) != 0;
    bool resilver = (r->io->flags & VDEV_IO_RESILVER) != 0;
    r->io->bad_copies += raid_block_bad_columns(&r->b);
    if (!vdev_io_may_repair(r->io)) {
        raid_complete(r, 0);
        return;
    }
    bool shadows = false, parity = false;
    for (unsigned i = 0; i < r->b.ncols; i++) {
        shadows |= r->b.first[i].has_shadow;
        parity |= r->b.col[i].error != 0;
    }
    bool needed = parity || (scan && shadows);
    int err = needed ? alloc_parity(r) : 0;
    if (err == 0 && needed)
        err = raid_block_regenerate(&r->b);
    r->npieces = 0;
    for (unsigned i = 0; err == 0 && i < r->b.map->nrows; i++)
        err = repair_row(r, i, resilver || (scan && shadows));
    if (err != 0 || r->npieces == 0) {
        raid_complete(r, 0); /* the data is good all the same */
        return;
    }
    r->repair = true;
    move_pieces(r, DEVICE_WRITE, repair_done);
}

/* ---- read ---- */

static void blame(struct raid_io *r, unsigned child)
{
    if ((r->io->flags & VDEV_IO_SPECULATIVE) != 0)
        return;
    struct vdev_io *io = vdev_io_child(r->io, r->io->vd->child[child], DEVICE_READ, r->io->offset,
                                       r->io->size, r->io->buf);
    if (io == NULL)
        return;
    vdev_io_checksum_error(io);
    vdev_io_free(io);
}

static void blame_children(struct raid_io *r, const bool *hit)
{
    for (unsigned c = 0; c < r->io->vd->nchildren; c++)
        if (hit[c])
            blame(r, c);
}

/* A column of these children was read well and found wrong. */
static void blame_wrong(struct raid_io *r)
{
    bool hit[RAID_MAX_CHILDREN] = {false};
    for (unsigned i = 0; i < r->b.ncols; i++)
        hit[r->b.first[i].child] |= r->b.col[i].wrong && !r->b.col[i].stale;
    blame_children(r, hit);
}

static void read_good(struct raid_io *r)
{
    if (r->io->verify != NULL) {
        if ((r->io->flags & VDEV_IO_NOPARITY) == 0)
            raid_block_check_parity(&r->b);
        raid_block_check_empty(&r->b);
    }
    blame_wrong(r);
    repair(r);
}

static void read_failed(struct raid_io *r)
{
    int err = raid_block_error(&r->b);
    if (err == 0) {
        bool hit[RAID_MAX_CHILDREN] = {false};
        for (unsigned i = 0; i < r->b.ncols; i++)
            hit[r->b.first[i].child] |= r->b.col[i].tried && r->b.col[i].error == 0;
        blame_children(r, hit);
        if ((r->io->flags & VDEV_IO_SPECULATIVE) == 0)
            atomic_fetch_add(&r->io->vd->stats.checksum_errors, 1);
        err = ZE_CKSUM;
    }
    raid_complete(r, err);
}

static void read_check(struct raid_io *r);

static void read_arrived(struct raid_io *r)
{
    run_cpu(r, read_check);
}

/* Columns that were left out so far: parity, slow children, as a last resort stale ones. */
static int add_untried(struct raid_io *r)
{
    int err = alloc_parity(r);
    for (unsigned i = 0; err == 0 && i < r->b.ncols; i++) {
        struct column *col = &r->b.col[i];
        if (col->tried || r->b.first[i].size == 0 || col->error == ZE_NXIO)
            continue;
        col->skipped = col->stale; /* a slow one counts like any other from now on */
        err = add_piece(r, col, PIECE_COLUMN, false);
    }
    return err;
}

static int verify_block(void *arg)
{
    struct raid_io *r = arg;
    return vdev_io_verify(r->io, r->io->buf);
}

static void read_check(struct raid_io *r)
{
    int err = raid_block_rebuild(&r->b);
    if (err == 0 && verify_block(r) == 0) {
        read_good(r);
        return;
    }
    if (!r->all_read) {
        r->all_read = true;
        r->npieces = 0;
        int bad = add_untried(r);
        if (bad != 0) {
            raid_complete(r, bad);
            return;
        }
        if (r->npieces > 0) {
            move_pieces(r, DEVICE_READ, read_arrived);
            return;
        }
    }
    if (err == 0 && r->io->verify != NULL && raid_block_search(&r->b, verify_block, r) == 0) {
        read_good(r);
        return;
    }
    read_failed(r);
}

/* What each child is good for. Only sector-wise maps have many rows, and theirs do not depend on
 * offsets. */
static void find_missing(struct raid_io *r)
{
    const struct vdev *vd = r->io->vd;
    int known[RAID_MAX_CHILDREN];
    bool cached[RAID_MAX_CHILDREN] = {false};
    bool cache = r->b.map->nrows > 2;
    for (unsigned i = 0; i < r->b.ncols; i++) {
        const struct raid_col *place = &r->b.first[i];
        struct column *col = &r->b.col[i];
        if (place->size == 0)
            continue;
        if (!cache || !cached[place->child])
            known[place->child] = r->ops->child_state(vd, place->child, place->offset, r->io->txg);
        cached[place->child] = true;
        col->error = known[place->child];
        col->skipped = col->error != 0;
        col->stale = col->error == ZE_STALE;
    }
}

/* Leave out one slow column of a row if parity makes up for it. */
static void sit_out(struct raid_io *r, unsigned row, unsigned missing, unsigned lost_parity)
{
    const struct raid_row *rw = &r->b.map->row[row];
    if (r->ops->sitting_out == NULL || (r->io->flags & (VDEV_IO_SCRUB | VDEV_IO_RESILVER)) != 0 ||
        r->b.map->nparity - lost_parity < missing + 1)
        return;
    for (unsigned c = rw->ncols; c-- > r->b.map->nparity;) {
        struct column *col = raid_column(&r->b, row, c);
        if (rw->col[c].size == 0 || col->error != 0 ||
            !r->ops->sitting_out(r->io->vd, rw->col[c].child))
            continue;
        col->error = ZE_BUSY;
        col->skipped = true;
        return;
    }
}

static int plan_row(struct raid_io *r, unsigned row, bool scan)
{
    const struct raid_row *rw = &r->b.map->row[row];
    unsigned nparity = r->b.map->nparity, missing = 0, lost_parity = 0;
    for (unsigned c = 0; c < rw->ncols; c++) {
        if (raid_column(&r->b, row, c)->error != 0)
            *(c < nparity ? &lost_parity : &missing) += 1;
    }
    sit_out(r, row, missing, lost_parity);
    missing = 0;
    int err = 0;
    for (unsigned c = nparity; err == 0 && c < rw->ncols; c++) {
        struct column *col = raid_column(&r->b, row, c);
        if (rw->col[c].size == 0)
            continue;
        if (col->error != 0)
            missing++;
        else
            err = add_piece(r, col, PIECE_COLUMN, false);
    }
    if (err == 0 && (scan || missing > 0))
        err = alloc_parity(r);
    for (unsigned c = 0; err == 0 && c < nparity; c++) {
        struct column *col = raid_column(&r->b, row, c);
        if (col->error != 0 || (!scan && missing == 0))
            continue;
        missing -= missing > 0;
        err = add_piece(r, col, PIECE_COLUMN, false);
    }
    for (unsigned c = 0; err == 0 && scan && c < rw->ncols; c++) {
        struct column *col = raid_column(&r->b, row, c);
        if (rw->col[c].empty > 0 &&
            r->ops->child_state(r->io->vd, rw->col[c].child, rw->col[c].offset, r->io->txg) == 0)
            err = add_piece(r, col, PIECE_EMPTY, false);
    }
    return err;
}

static void start_read(struct raid_io *r)
{
    bool scan = (r->io->flags & (VDEV_IO_SCRUB | VDEV_IO_RESILVER)) != 0;
    find_missing(r);
    int err = scan ? alloc_empties(r) : 0;
    for (unsigned i = 0; err == 0 && i < r->b.map->nrows; i++)
        err = plan_row(r, i, scan);
    if (err != 0)
        raid_complete(r, err);
    else
        move_pieces(r, DEVICE_READ, read_arrived);
}

/* ---- write ---- */

static void write_done(struct raid_io *r)
{
    int err = 0;
    for (unsigned i = 0; i < r->b.map->nrows; i++) {
        unsigned failed = 0, shadow_failed = 0;
        int worst = 0;
        for (unsigned c = 0; c < r->b.map->row[i].ncols; c++) {
            const struct column *col = raid_column(&r->b, i, c);
            failed += col->error != 0;
            shadow_failed += col->shadow_error != 0;
            worst = vdev_io_worst_error(worst, vdev_io_worst_error(col->error, col->shadow_error));
        }
        if (failed > r->b.map->nparity || shadow_failed > r->b.map->nparity)
            err = vdev_io_worst_error(err, worst);
    }
    raid_complete(r, err);
}

static void write_columns(struct raid_io *r)
{
    int err = raid_block_generate(&r->b);
    for (unsigned i = 0; err == 0 && i < r->b.ncols; i++) {
        const struct raid_col *place = &r->b.first[i];
        struct column *col = &r->b.col[i];
        if (place->size > 0)
            err = add_piece(r, col, PIECE_COLUMN, false);
        if (err == 0 && place->size > 0 && place->has_shadow)
            err = add_piece(r, col, PIECE_SHADOW, false);
        if (err == 0 && place->empty > 0)
            err = add_piece(r, col, PIECE_EMPTY, false);
    }
    if (err != 0)
        raid_complete(r, err);
    else
        move_pieces(r, DEVICE_WRITE, write_done);
}

static void start_write(struct raid_io *r)
{
    int err = alloc_parity(r);
    if (err == 0)
        err = alloc_empties(r);
    if (err != 0) {
        raid_complete(r, err);
        return;
    }
    run_cpu(r, write_columns);
}

/* ---- entry ---- */

void raid_io_start(struct vdev_io *io, const struct raid_io_ops *ops)
{
    if (io->op != DEVICE_READ && io->op != DEVICE_WRITE) {
        vdev_io_complete(
            io, err_raise(ZE_NOTSUP, "%s: operation on a whole parity vdev", io->vd->ops->name));
        return;
    }
    struct raid_map *map = NULL;
    int err = ops->map(io->vd, io, &map);
    if (err != 0) {
        vdev_io_complete(io, err);
        return;
    }
    struct raid_io *r = mem_zalloc(sizeof(*r));
    if (r == NULL) {
        free(map);
        vdev_io_complete(io, err_raise(ZE_NOMEM, "raid I/O"));
        return;
    }
    io->state = r;
    r->io = io;
    r->ops = ops;
    err = raid_block_init(&r->b, map, io->buf, io->vd->nchildren,
                          ops->original_width != NULL ? ops->original_width(io->vd) : 0);
    if (err != 0)
        raid_complete(r, err);
    else if (io->op == DEVICE_READ)
        start_read(r);
    else
        start_write(r);
}

/* ---- states ---- */

void raid_state_of_children(const struct vdev *vd, const struct vdev_child_counts *n,
                            enum vdev_state *state, enum vdev_aux *aux)
{
    *aux = VDEV_AUX_NONE;
    *state = VDEV_STATE_HEALTHY;
    if (n->faulted > vd->nparity) {
        *state = VDEV_STATE_CANT_OPEN;
        *aux = VDEV_AUX_NO_REPLICAS;
    } else if (n->faulted + n->degraded > 0) {
        *state = VDEV_STATE_DEGRADED;
    }
}

int raid_open_children(const struct vdev *vd, enum vdev_aux *aux)
{
    unsigned failed = 0;
    for (unsigned i = 0; i < vd->nchildren; i++)
        failed += !vdev_is_usable(vd->child[i]);
    if (failed <= vd->nparity)
        return 0;
    *aux = VDEV_AUX_NO_REPLICAS;
    return err_raise(ZE_NXIO, "%s-%llu: %u of %u children cannot be opened, parity is %llu",
                     vd->ops->name, (unsigned long long)vd->id, failed, vd->nchildren,
                     (unsigned long long)vd->nparity);
}
