/* SPDX-License-Identifier: MIT */
/*
 * I/O through a removed vdev (format/raid.md 7.2). A block in one piece is the target's business. A
 * split block can only be verified whole: when it is wrong, all copies of every piece are read and
 * combinations tried.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vdev/indirect_impl.h"

#define MAX_COMBINATIONS 4096

struct piece {
    struct vdev *target;
    uint64_t offset, size, pos, txg;
    unsigned ncopies;
    struct vdev_io **copy; /* all of them, while reconstructing */
    unsigned *distinct;    /* copies that differ from all before */
    unsigned ndistinct, pick;
};

struct indirect_io {
    struct vdev_io *io;
    struct piece *piece;
    unsigned n, max;
    struct vdev_io **set;
    unsigned nset;
    struct work work;
};

static void free_set(struct indirect_io *x)
{
    for (unsigned i = 0; i < x->nset; i++)
        vdev_io_free(x->set[i]);
    free(x->set);
    x->set = NULL;
    x->nset = 0;
}

static void finish(struct indirect_io *x, int err)
{
    struct vdev_io *io = x->io;
    free_set(x);
    for (unsigned i = 0; i < x->n; i++) {
        free(x->piece[i].distinct);
    }
    free(x->piece);
    free(x);
    io->state = NULL;
    vdev_io_complete(io, err);
}

static int add_piece(void *arg, struct vdev *target, uint64_t offset, uint64_t size, uint64_t txg)
{
    struct indirect_io *x = arg;
    uint64_t sector = (uint64_t)1 << target->ashift;
    /* A piece that is not whole sectors of its target could not be read by itself. */
    if (offset % sector != 0 || size % sector != 0)
        return err_raise(ZE_BADVDEV,
                         "removed vdev %llu: a piece of %llu bytes at %llu of vdev %llu",
                         (unsigned long long)x->io->vd->id, (unsigned long long)size,
                         (unsigned long long)offset, (unsigned long long)target->id);
    if (x->n == x->max) {
        unsigned max = x->max != 0 ? x->max * 2 : 4;
        struct piece *bigger = realloc(x->piece, max * sizeof(*bigger));
        if (bigger == NULL)
            return err_raise(ZE_NOMEM, "split block");
        x->piece = bigger;
        x->max = max;
    }
    uint64_t pos = x->n == 0 ? 0 : x->piece[x->n - 1].pos + x->piece[x->n - 1].size;
    x->piece[x->n++] =
        (struct piece){.target = target, .offset = offset, .size = size, .pos = pos, .txg = txg};
    return 0;
}

static uint8_t *at(const struct indirect_io *x, const struct piece *p)
{
    return (uint8_t *)x->io->buf + p->pos;
}

static struct vdev_io *piece_io(struct indirect_io *x, const struct piece *p, void *buf)
{
    struct vdev_io *io = vdev_io_child(x->io, p->target, x->io->op, p->offset, p->size, buf);
    if (io != NULL && p->txg != 0)
        io->txg = p->txg;
    return io;
}

static bool alloc_set(struct indirect_io *x, unsigned n)
{
    free_set(x);
    x->set = mem_calloc(n, sizeof(struct vdev_io *));
    return x->set != NULL;
}

/* ---- one piece, and repair ---- */

static void only_done(struct vdev_io *io)
{
    struct indirect_io *x = io->state;
    io->bad_copies += x->set[0]->bad_copies;
    finish(x, x->set[0]->error);
}

static void start_only(struct indirect_io *x)
{
    struct vdev_io *io = x->io;
    if (!alloc_set(x, 1) || (x->set[0] = piece_io(x, &x->piece[0], io->buf)) == NULL) {
        finish(x, err_raise(ZE_NOMEM, "removed vdev"));
        return;
    }
    x->nset = 1;
    if (io->verify != NULL)
        x->set[0]->verify = vdev_io_verify_as_parent;
    vdev_io_submit_children(io, x->set, 1, only_done);
}

static void repaired(struct vdev_io *io)
{
    finish(io->state, 0);
}

/* The block is right now; write the pieces anew whose copies were not all so. */
static void repair(struct indirect_io *x, const bool *wrong)
{
    struct vdev_io *io = x->io;
    unsigned n = 0;
    if (!vdev_io_may_repair(io) || !alloc_set(x, x->n)) {
        finish(x, 0);
        return;
    }
    for (unsigned i = 0; i < x->n; i++) {
        struct piece *p = &x->piece[i];
        if (!wrong[i])
            continue;
        x->set[n] = vdev_io_repair_child(io, p->target, p->offset, p->size, at(x, p), true);
        if (x->set[n] != NULL) {
            x->set[n]->txg = p->txg != 0 ? p->txg : io->txg;
            n++;
        }
    }
    x->nset = n;
    vdev_io_submit_children(io, x->set, n, repaired);
}

/* ---- reconstruction ---- */

static void blame_copy(struct indirect_io *x, const struct piece *p, unsigned c)
{
    struct vdev *vd = p->ncopies > 1 && c < p->target->nchildren ? p->target->child[c] : p->target;
    struct vdev_io *io = vdev_io_child(x->io, vd, DEVICE_READ, p->offset, p->size, x->io->buf);
    if (io == NULL)
        return;
    vdev_io_checksum_error(io);
    vdev_io_free(io);
}

static int find_distinct(struct piece *p)
{
    int worst = ZE_NXIO;
    p->distinct = mem_calloc(p->ncopies, sizeof(unsigned));
    if (p->distinct == NULL)
        return err_raise(ZE_NOMEM, "split block");
    for (unsigned c = 0; c < p->ncopies; c++) {
        if (p->copy[c] == NULL || p->copy[c]->error != 0) {
            worst = vdev_io_worst_error(worst, p->copy[c] != NULL ? p->copy[c]->error : ZE_NOMEM);
            continue;
        }
        bool known = false;
        for (unsigned d = 0; d < p->ndistinct; d++)
            known |= memcmp(p->copy[p->distinct[d]]->buf, p->copy[c]->buf, p->size) == 0;
        if (!known)
            p->distinct[p->ndistinct++] = c;
    }
    return p->ndistinct != 0 ? 0 : worst;
}

static void choose(struct indirect_io *x, struct piece *p, unsigned pick)
{
    p->pick = pick;
    memcpy(at(x, p), p->copy[p->distinct[pick]]->buf, p->size);
}

/* Next combination, like an odometer; false after the last. */
static bool next_combination(struct indirect_io *x)
{
    for (unsigned i = 0; i < x->n; i++) {
        struct piece *p = &x->piece[i];
        if (p->pick + 1 < p->ndistinct) {
            choose(x, p, p->pick + 1);
            return true;
        }
        if (p->ndistinct > 1)
            choose(x, p, 0);
    }
    return false;
}

static void random_combination(struct indirect_io *x)
{
    for (unsigned i = 0; i < x->n; i++) {
        struct piece *p = &x->piece[i];
        uint32_t r;
        if (p->ndistinct == 1)
            continue;
        env_random_bytes(x->io->vd->tree->env, &r, sizeof(r));
        choose(x, p, r % p->ndistinct);
    }
}

static bool find_combination(struct indirect_io *x)
{
    uint64_t combinations = 1;
    for (unsigned i = 0; i < x->n; i++) {
        choose(x, &x->piece[i], 0);
        if (combinations <= MAX_COMBINATIONS)
            combinations *= x->piece[i].ndistinct;
    }
    if (combinations <= MAX_COMBINATIONS) {
        do {
            if (vdev_io_verify(x->io, x->io->buf) == 0)
                return true;
        } while (next_combination(x));
        return false;
    }
    for (unsigned i = 0; i < MAX_COMBINATIONS; i++) {
        if (vdev_io_verify(x->io, x->io->buf) == 0)
            return true;
        random_combination(x);
    }
    return false;
}

static void reconstruct(struct indirect_io *x)
{
    for (unsigned i = 0; i < x->n; i++) {
        int err = find_distinct(&x->piece[i]);
        if (err != 0) {
            finish(x, err);
            return;
        }
    }
    bool found = find_combination(x);
    AUTO_FREE bool *wrong = mem_calloc(x->n, sizeof(bool));
    for (unsigned i = 0; i < x->n; i++) {
        struct piece *p = &x->piece[i];
        for (unsigned c = 0; c < p->ncopies; c++) {
            const struct vdev_io *copy = p->copy[c];
            if (copy == NULL)
                continue;
            /* Without a winner only copies that disagree among themselves can be said to be bad. */
            bool bad = copy->error != 0 ||
                       (found ? memcmp(copy->buf, at(x, p), p->size) != 0 : p->ndistinct > 1);
            if (bad && copy->error == 0)
                blame_copy(x, p, c);
            x->io->bad_copies += found && bad;
            if (wrong != NULL)
                wrong[i] |= bad;
        }
    }
    if (!found)
        finish(x, ZE_CKSUM);
    else if (wrong == NULL)
        finish(x, 0);
    else
        repair(x, wrong);
}

static void reconstruct_work(struct work *work)
{
    reconstruct(container_of(work, struct indirect_io, work));
}

static void copies_done(struct vdev_io *io)
{
    struct indirect_io *x = io->state;
    struct workers *w = io->vd->tree->env->workers;
    if (w == NULL || workers_is_member(w)) {
        reconstruct(x);
        return;
    }
    x->work.run = reconstruct_work;
    workers_submit(w, &x->work);
}

static void read_copies(struct indirect_io *x)
{
    unsigned n = 0;
    for (unsigned i = 0; i < x->n; i++)
        n += x->piece[i].ncopies = vdev_copies(x->piece[i].target);
    if (!alloc_set(x, n)) {
        finish(x, err_raise(ZE_NOMEM, "split block"));
        return;
    }
    for (unsigned i = 0; i < x->n; i++) {
        struct piece *p = &x->piece[i];
        p->copy = &x->set[x->nset];
        for (unsigned c = 0; c < p->ncopies; c++) {
            struct vdev_io *io = piece_io(x, p, NULL);
            if (io != NULL && p->ncopies > 1)
                io->copy = c + 1;
            x->set[x->nset++] = io;
        }
    }
    vdev_io_submit_children(x->io, x->set, x->nset, copies_done);
}

/* ---- several pieces ---- */

static void pieces_done(struct vdev_io *io)
{
    struct indirect_io *x = io->state;
    int err = 0;
    for (unsigned i = 0; i < x->nset; i++)
        err = vdev_io_worst_error(err, x->set[i] != NULL ? x->set[i]->error : ZE_NOMEM);
    if (io->op != DEVICE_READ)
        finish(x, err);
    else if (err == 0 && vdev_io_verify(io, io->buf) == 0)
        finish(x, 0);
    else if (err == 0 || err == ZE_CKSUM)
        read_copies(x);
    else
        finish(x, err); /* each target has tried all its copies already */
}

static void start_pieces(struct indirect_io *x)
{
    if (!alloc_set(x, x->n)) {
        finish(x, err_raise(ZE_NOMEM, "split block"));
        return;
    }
    for (unsigned i = 0; i < x->n; i++)
        x->set[x->nset++] = piece_io(x, &x->piece[i], at(x, &x->piece[i]));
    vdev_io_submit_children(x->io, x->set, x->nset, pieces_done);
}

void vdev_indirect_io_start(struct vdev_io *io)
{
    struct indirect_io *x = mem_zalloc(sizeof(*x));
    if (x == NULL) {
        vdev_io_complete(io, err_raise(ZE_NOMEM, "removed vdev"));
        return;
    }
    io->state = x;
    x->io = io;
    int err = vdev_indirect_remap(io->vd, io->offset, io->rsize, add_piece, x);
    if (err != 0)
        finish(x, err);
    else if (x->n == 1)
        start_only(x);
    else if (io->op == DEVICE_READ && (io->flags & (VDEV_IO_SCRUB | VDEV_IO_RESILVER)) != 0)
        read_copies(x);
    else
        start_pieces(x);
}
