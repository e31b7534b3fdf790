/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic over the columns of one block in memory. See raid_solve.h.
 *
 * Sector-wise maps have a row a sector; neighbouring rows in the same situation are contiguous in
 * memory column by column, so they are computed together as a "run" of rows.
 */
#include "vdev/raid_solve.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/raidz_math.h"
#include "vdev/vdev_impl.h"

int raid_block_init(struct raid_block *b, struct raid_map *map, void *buf, unsigned nchildren,
                    unsigned original_width)
{
    b->map = map;
    b->buf = buf;
    b->nchildren = nchildren;
    b->original_width = original_width;
    b->first = map->row[0].col;
    b->ncols = 0;
    for (unsigned i = 0; i < map->nrows; i++)
        b->ncols += map->row[i].ncols;
    b->col = mem_calloc(b->ncols, sizeof(struct column));
    if (b->col == NULL)
        return err_raise(ZE_NOMEM, "columns of a block");
    for (unsigned i = 0; i < map->nrows; i++)
        for (unsigned c = map->nparity; c < map->row[i].ncols; c++)
            raid_column(b, i, c)->data = (uint8_t *)buf + map->row[i].col[c].pos;
    return 0;
}

void raid_block_fini(struct raid_block *b)
{
    free(b->col);
    b->col = NULL;
}

static bool is_good(const struct column *col)
{
    return col->tried && col->error == 0;
}

/* ---- runs of rows ---- */

/* What a row needs: data columns to compute and parity to compute them from. */
struct plan {
    unsigned n;
    unsigned missing[RAID_MAX_PARITY], use[RAID_MAX_PARITY];
};

/* False if the row has too little. Suspects count as missing when with_suspects. */
static bool plan_row(const struct raid_block *b, unsigned row, bool with_suspects, struct plan *p)
{
    const struct raid_row *rw = &b->map->row[row];
    unsigned nparity = b->map->nparity, use = 0;
    *p = (struct plan){0};
    for (unsigned c = nparity; c < rw->ncols; c++) {
        const struct column *col = raid_column(b, row, c);
        if (rw->col[c].size == 0 || (is_good(col) && !(with_suspects && col->suspect)))
            continue;
        if (p->n == nparity)
            return false;
        p->missing[p->n++] = c - nparity;
    }
    for (unsigned c = 0; c < nparity && use < p->n; c++) {
        const struct column *col = raid_column(b, row, c);
        if (is_good(col) && !(with_suspects && col->suspect))
            p->use[use++] = c;
    }
    return use == p->n;
}

static bool same_plan(const struct plan *a, const struct plan *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Row + 1 goes on in memory where row ends, column by column. */
static bool rows_adjoin(const struct raid_block *b, unsigned row)
{
    const struct raid_row *a = &b->map->row[row], *z = a + 1;
    if (a->ncols != z->ncols)
        return false;
    for (unsigned c = b->map->nparity; c < a->ncols; c++) {
        if (a->col[c].size != a->parity_size)
            return false;
        if (z->col[c].size != 0 && z->col[c].pos != a->col[c].pos + a->col[c].size)
            return false;
    }
    return true;
}

/* Operands of rows [row, end) taken together. parity entries are NULL where parity has no memory.
 */
struct operands {
    struct raidz_col col[RAIDZ_MAX_DATA];
    void *parity[RAIDZ_MAX_PARITY];
    unsigned ndata;
    size_t size;
};

static void gather(const struct raid_block *b, unsigned row, unsigned end, struct operands *o)
{
    const struct raid_row *rw = &b->map->row[row];
    o->ndata = rw->ncols - b->map->nparity;
    o->size = 0;
    for (unsigned i = 0; i < RAIDZ_MAX_PARITY; i++)
        o->parity[i] = i < b->map->nparity ? raid_column(b, row, i)->data : NULL;
    for (unsigned j = 0; j < o->ndata; j++)
        o->col[j] = (struct raidz_col){raid_column(b, row, b->map->nparity + j)->data, 0};
    for (unsigned i = row; i < end; i++) {
        o->size += b->map->row[i].parity_size;
        for (unsigned j = 0; j < o->ndata; j++)
            o->col[j].len += b->map->row[i].col[b->map->nparity + j].size;
    }
}

/* End of the run that starts at row, and its plan; 0 if a row has too little. */
static unsigned run_of(const struct raid_block *b, unsigned row, bool with_suspects, struct plan *p)
{
    if (!plan_row(b, row, with_suspects, p))
        return 0;
    unsigned end = row + 1;
    struct plan next;
    while (end < b->map->nrows && rows_adjoin(b, end - 1) &&
           plan_row(b, end, with_suspects, &next) && same_plan(p, &next))
        end++;
    return end;
}

static int rebuild(const struct raid_block *b, bool with_suspects)
{
    for (unsigned row = 0, end; row < b->map->nrows; row = end) {
        struct plan p;
        end = run_of(b, row, with_suspects, &p);
        if (end == 0)
            return ZE_IO;
        if (p.n == 0)
            continue;
        struct operands o;
        gather(b, row, end, &o);
        int err = raidz_reconstruct(o.col, o.ndata, p.missing, p.n, o.parity, p.use, o.size);
        if (err != 0)
            return err;
    }
    return 0;
}

int raid_block_rebuild(struct raid_block *b)
{
    return rebuild(b, false);
}

/* ---- search for silently wrong columns (3.7, 4.5) ---- */

/* A disk that may have been bad: now (width 0), or when sectors were dealt over fewer children. */
struct target {
    unsigned width, id;
};

struct search {
    struct raid_block *b;
    struct target *target;
    unsigned ntargets;
    uint8_t *orig; /* the block as read */
    int (*verify)(void *arg);
    void *arg;
};

/* Number of a column's sector in the vdev's address space; only for sector-wise maps. */
static uint64_t sector_of(const struct raid_block *b, unsigned row, const struct raid_col *col)
{
    const struct raid_row *rw = &b->map->row[row];
    uint64_t offset = col->offset + (rw->scratch ? RAID_SCRATCH_SIZE : 0);
    return (offset >> b->map->ashift) * rw->width + col->child;
}

static bool is_hit(const struct raid_block *b, unsigned row, const struct raid_col *col,
                   const struct target *t)
{
    return t->width == 0 ? col->child == t->id : sector_of(b, row, col) % t->width == t->id;
}

static int list_targets(struct search *s)
{
    const struct raid_block *b = s->b;
    unsigned n = b->nchildren;
    unsigned low = b->map->row[0].width != 0 && b->original_width != 0 ? b->original_width : n;
    for (unsigned w = low; w < b->nchildren; w++)
        n += w;
    s->target = mem_calloc(n, sizeof(*s->target));
    if (s->target == NULL)
        return err_raise(ZE_NOMEM, "reconstruction");
    for (unsigned id = 0; id < b->nchildren; id++)
        s->target[s->ntargets++] = (struct target){0, id};
    for (unsigned w = b->nchildren - 1; w >= low; w--)
        for (unsigned id = 0; id < w; id++)
            s->target[s->ntargets++] = (struct target){w, id};
    return 0;
}

static void mark_suspects(const struct search *s, const unsigned *pick, unsigned k)
{
    const struct raid_block *b = s->b;
    for (unsigned row = 0; row < b->map->nrows; row++) {
        for (unsigned c = 0; c < b->map->row[row].ncols; c++) {
            bool hit = false;
            for (unsigned i = 0; i < k; i++)
                hit |= is_hit(b, row, &b->map->row[row].col[c], &s->target[pick[i]]);
            raid_column(b, row, c)->suspect = hit;
        }
    }
}

/* All rows can be computed without the suspects, and some row differently from before. */
static bool worth_trying(const struct raid_block *b)
{
    bool gain = false;
    for (unsigned row = 0; row < b->map->nrows; row++) {
        struct plan with, without;
        if (!plan_row(b, row, true, &with))
            return false;
        gain |= !plan_row(b, row, false, &without) || !same_plan(&with, &without);
    }
    return gain;
}

static void restore(const struct search *s)
{
    const struct raid_block *b = s->b;
    for (unsigned row = 0; row < b->map->nrows; row++) {
        struct plan p;
        if (!plan_row(b, row, true, &p))
            continue;
        for (unsigned i = 0; i < p.n; i++) {
            const struct raid_col *col = &b->map->row[row].col[b->map->nparity + p.missing[i]];
            memcpy(b->buf + col->pos, s->orig + col->pos, col->size);
        }
    }
}

static bool try_pick(const struct search *s, const unsigned *pick, unsigned k)
{
    mark_suspects(s, pick, k);
    if (!worth_trying(s->b))
        return false;
    if (rebuild(s->b, true) == 0 && s->verify(s->arg) == 0)
        return true;
    restore(s);
    return false;
}

/* Next k-subset of [0, n) in lexical order; false after the last. */
static bool next_pick(unsigned *pick, unsigned k, unsigned n)
{
    for (unsigned i = k; i-- > 0;) {
        if (pick[i] + (k - i) >= n)
            continue;
        pick[i]++;
        for (unsigned j = i + 1; j < k; j++)
            pick[j] = pick[j - 1] + 1;
        return true;
    }
    return false;
}

static bool try_all(const struct search *s)
{
    for (unsigned k = 1; k <= s->b->map->nparity && k <= s->ntargets; k++) {
        unsigned pick[RAID_MAX_PARITY];
        for (unsigned i = 0; i < k; i++)
            pick[i] = i;
        do {
            if (try_pick(s, pick, k))
                return true;
        } while (next_pick(pick, k, s->ntargets));
    }
    return false;
}

/* Columns that were read well but are not what the verified block has. */
static void mark_wrong(const struct search *s)
{
    const struct raid_block *b = s->b;
    for (unsigned row = 0; row < b->map->nrows; row++) {
        for (unsigned c = b->map->nparity; c < b->map->row[row].ncols; c++) {
            const struct raid_col *place = &b->map->row[row].col[c];
            struct column *col = raid_column(b, row, c);
            if (!is_good(col) || memcmp(col->data, s->orig + place->pos, place->size) == 0)
                continue;
            col->error = ZE_CKSUM;
            col->wrong = true;
        }
    }
}

int raid_block_search(struct raid_block *b, int (*verify)(void *arg), void *arg)
{
    struct search s = {.b = b, .verify = verify, .arg = arg};
    s.orig = iobuf_alloc(b->map->size);
    int err = s.orig == NULL ? err_raise(ZE_NOMEM, "reconstruction") : list_targets(&s);
    if (err == 0) {
        memcpy(s.orig, b->buf, b->map->size);
        err = try_all(&s) ? 0 : ZE_CKSUM;
    }
    if (err == 0)
        mark_wrong(&s);
    for (unsigned i = 0; i < b->ncols; i++)
        b->col[i].suspect = false;
    free(s.target);
    iobuf_free(s.orig, b->map->size);
    return err;
}

/* ---- parity ---- */

/* Bit i: parity column i was read and may be compared. 0 unless there is more of it than the row
 * needed. */
static unsigned spare_parity(const struct raid_block *b, unsigned row)
{
    const struct raid_row *rw = &b->map->row[row];
    unsigned mask = 0, good = 0, missing = 0;
    for (unsigned c = 0; c < rw->ncols; c++) {
        bool ok = is_good(raid_column(b, row, c));
        if (c >= b->map->nparity) {
            missing += rw->col[c].size > 0 && !ok;
        } else if (ok) {
            mask |= 1u << c;
            good++;
        }
    }
    return good > missing ? mask : 0;
}

static unsigned compare_parity(const struct raid_block *b, unsigned row, unsigned end,
                               unsigned mask)
{
    struct operands o;
    gather(b, row, end, &o);
    for (unsigned i = 0; i < b->map->nparity; i++)
        if ((mask & 1u << i) == 0)
            o.parity[i] = NULL;
    unsigned bad = 0;
    int err = raidz_verify(b->map->nparity, o.col, o.ndata, o.parity, o.size, &bad);
    return err == 0 ? bad : 0;
}

void raid_block_check_parity(struct raid_block *b)
{
    for (unsigned row = 0, end; row < b->map->nrows; row = end) {
        unsigned mask = spare_parity(b, row);
        end = row + 1;
        while (end < b->map->nrows && rows_adjoin(b, end - 1) && spare_parity(b, end) == mask)
            end++;
        if (mask == 0 || compare_parity(b, row, end, mask) == 0)
            continue;
        for (unsigned i = row; i < end; i++) {
            unsigned bad = compare_parity(b, i, i + 1, mask);
            for (unsigned c = 0; c < b->map->nparity; c++) {
                if ((bad & 1u << c) == 0)
                    continue;
                struct column *col = raid_column(b, i, c);
                col->error = ZE_CKSUM;
                col->wrong = true;
            }
        }
    }
}

void raid_block_check_empty(struct raid_block *b)
{
    for (unsigned i = 0; i < b->ncols; i++) {
        struct column *col = &b->col[i];
        size_t len = b->first[i].empty;
        if (!col->empty_read || len == 0)
            continue;
        /* All bytes are equal to their neighbour and the first one is zero. */
        if (col->empty[0] == 0 && memcmp(col->empty, col->empty + 1, len - 1) == 0)
            continue;
        memset(col->empty, 0, len);
        col->empty_bad = true;
        col->wrong = true;
    }
}

static int generate(struct raid_block *b, bool only_bad)
{
    for (unsigned row = 0, end; row < b->map->nrows; row = end) {
        struct operands o;
        end = row + 1;
        while (!only_bad && end < b->map->nrows && rows_adjoin(b, end - 1))
            end++;
        gather(b, row, end, &o);
        bool any = false;
        for (unsigned i = 0; i < b->map->nparity; i++) {
            if (only_bad && is_good(raid_column(b, row, i)))
                o.parity[i] = NULL;
            any |= o.parity[i] != NULL;
        }
        int err = any ? raidz_generate(b->map->nparity, o.col, o.ndata, o.parity, o.size) : 0;
        if (err != 0)
            return err;
    }
    return 0;
}

int raid_block_generate(struct raid_block *b)
{
    return generate(b, false);
}

int raid_block_regenerate(struct raid_block *b)
{
    return generate(b, true);
}

/* ---- results ---- */

int raid_block_error(const struct raid_block *b)
{
    int worst = 0;
    for (unsigned row = 0; row < b->map->nrows; row++) {
        struct plan p;
        if (plan_row(b, row, false, &p))
            continue;
        int err = ZE_NXIO;
        for (unsigned c = 0; c < b->map->row[row].ncols; c++) {
            int e = raid_column(b, row, c)->error;
            if (e != ZE_STALE && e != ZE_BUSY)
                err = vdev_io_worst_error(err, e);
        }
        worst = vdev_io_worst_error(worst, err);
    }
    return worst;
}

unsigned raid_block_bad_columns(const struct raid_block *b)
{
    unsigned n = 0;
    for (unsigned i = 0; i < b->ncols; i++)
        n += (b->col[i].error != 0 && !b->col[i].skipped) || b->col[i].empty_bad;
    return n;
}
