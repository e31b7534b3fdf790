/* SPDX-License-Identifier: MIT */
/*
 * RAID-Z address arithmetic (format/raid.md 3.2, 3.3, 4.3-4.5). See raidz_map.h.
 *
 * The standard map deals a block out over all children in whole columns, so a row is the whole
 * block. In an expanded vdev a block keeps the grouping of the width it was written with, but its
 * sectors were dealt out again over more children; there each row holds one sector a column.
 */
#include "vdev/raidz_map.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"

/* Bit of a block's offset that makes RAID-Z1 exchange its parity and first data column. */
#define RAIDZ1_SWAP_BIT (1u << 20)

/* A block cut into sectors for a width: whole rows, left-over data sectors, "big" columns. */
struct deal {
    uint64_t sectors; /* of data */
    uint64_t q, r;    /* full rows, data sectors of the last short row */
    uint64_t big;     /* columns that have q+1 sectors */
    uint64_t total;   /* sectors with parity */
};

static struct deal deal_sectors(uint64_t sectors, unsigned width, unsigned nparity)
{
    unsigned ndata = width - nparity;
    struct deal d = {.sectors = sectors, .q = sectors / ndata};
    d.r = sectors - d.q * ndata;
    d.big = d.r == 0 ? 0 : d.r + nparity;
    d.total = sectors + nparity * (d.q + (d.r != 0));
    return d;
}

struct raid_map *raid_map_alloc(unsigned nrows, unsigned ncols)
{
    size_t rows_at = round_up_pow2(sizeof(struct raid_map), 16);
    size_t cols_at = round_up_pow2(rows_at + nrows * sizeof(struct raid_row), 16);
    char *mem = mem_zalloc(cols_at + (size_t)ncols * sizeof(struct raid_col));
    if (mem == NULL)
        return NULL;
    struct raid_map *map = (struct raid_map *)(void *)mem;
    map->nrows = nrows;
    map->row = (struct raid_row *)(void *)(mem + rows_at);
    if (nrows > 0)
        map->row[0].col = (struct raid_col *)(void *)(mem + cols_at);
    return map;
}

unsigned raidz_original_width(const struct raidz_layout *l)
{
    return l->children - l->ntxgs - (l->expanding ? 1 : 0);
}

int raidz_layout_check(const struct raidz_layout *l)
{
    if (l->nparity < 1 || l->nparity > RAID_MAX_PARITY)
        return err_raise(ZE_VDEVCONFIG, "raidz: nparity %u", l->nparity);
    if (l->ashift < 9 || l->ashift > 16)
        return err_raise(ZE_VDEVCONFIG, "raidz: ashift %u", l->ashift);
    if (l->children <= l->nparity || l->children > RAID_MAX_CHILDREN)
        return err_raise(ZE_VDEVCONFIG, "raidz%u: %u children", l->nparity, l->children);
    if (l->ntxgs + (l->expanding ? 1u : 0) >= l->children - l->nparity)
        return err_raise(ZE_VDEVCONFIG, "raidz%u: %u expansions of %u children", l->nparity,
                         l->ntxgs, l->children);
    for (unsigned i = 1; i < l->ntxgs; i++)
        if (l->txgs[i] < l->txgs[i - 1])
            return err_raise(ZE_VDEVCONFIG, "raidz: raidz_expand_txgs is not ascending");
    return 0;
}

unsigned raidz_logical_width(const struct raidz_layout *l, uint64_t txg)
{
    unsigned width = raidz_original_width(l);
    for (unsigned i = 0; i < l->ntxgs && l->txgs[i] <= txg; i++)
        width++;
    return width;
}

uint64_t raidz_asize(const struct raidz_layout *l, uint64_t psize, uint64_t txg)
{
    if (psize == 0)
        return 0;
    uint64_t sectors = ((psize - 1) >> l->ashift) + 1;
    unsigned ndata = raidz_logical_width(l, txg) - l->nparity;
    sectors += l->nparity * div_round_up(sectors, ndata);
    return div_round_up(sectors, l->nparity + 1) * (l->nparity + 1) << l->ashift;
}

uint64_t raidz_psize(const struct raidz_layout *l, uint64_t asize, uint64_t txg)
{
    unsigned width = raidz_logical_width(l, txg);
    uint64_t total = asize >> l->ashift;
    uint64_t rest = total % width;
    if (rest <= l->nparity)
        total -= rest; /* a row of parity alone holds nothing */
    return (total - l->nparity * div_round_up(total, width)) << l->ashift;
}

static int range_check(const struct raidz_layout *l, unsigned width, uint64_t offset, uint64_t size)
{
    uint64_t mask = ((uint64_t)1 << l->ashift) - 1;
    if (size == 0 || size > RAID_MAX_IO || (size & mask) != 0)
        return err_raise(ZE_BADBP, "raidz: block of %llu bytes, sector %llu",
                         (unsigned long long)size, (unsigned long long)mask + 1);
    if ((offset & mask) != 0 || offset > INT64_MAX)
        return err_raise(ZE_BADBP, "raidz: block offset %llu", (unsigned long long)offset);
    if (width <= l->nparity || width > l->children)
        return err_raise(ZE_VDEVCONFIG, "raidz: logical width %u of %u children", width,
                         l->children);
    return 0;
}

static void swap_place(struct raid_col *a, struct raid_col *b)
{
    struct raid_col t = *a;
    a->child = b->child;
    a->offset = b->offset;
    a->has_shadow = b->has_shadow;
    a->shadow_child = b->shadow_child;
    a->shadow_offset = b->shadow_offset;
    b->child = t.child;
    b->offset = t.offset;
    b->has_shadow = t.has_shadow;
    b->shadow_child = t.shadow_child;
    b->shadow_offset = t.shadow_offset;
}

static void map_totals(struct raid_map *map, const struct raidz_layout *l, const struct deal *d)
{
    uint64_t padded = div_round_up(d->total, l->nparity + 1) * (l->nparity + 1);
    map->ashift = l->ashift;
    map->nparity = l->nparity;
    map->size = d->sectors << l->ashift;
    map->asize = padded << l->ashift;
    map->nskip = (unsigned)(padded - d->total);
    map->skipcol = (unsigned)d->big;
}

int raidz_map_standard(const struct raidz_layout *l, unsigned width, uint64_t offset, uint64_t size,
                       struct raid_map **out)
{
    int err = range_check(l, width, offset, size);
    if (err != 0)
        return err;
    struct deal d = deal_sectors(size >> l->ashift, width, l->nparity);
    unsigned ncols = d.q == 0 ? (unsigned)d.big : width;
    struct raid_map *map = raid_map_alloc(1, ncols);
    if (map == NULL)
        return err_raise(ZE_NOMEM, "raidz map of %llu bytes", (unsigned long long)size);
    map_totals(map, l, &d);

    uint64_t first = offset >> l->ashift;
    unsigned f = (unsigned)(first % width);
    uint64_t start = (first / width) << l->ashift, pos = 0;
    struct raid_row *row = &map->row[0];
    row->ncols = ncols;
    for (unsigned c = 0; c < ncols; c++) {
        struct raid_col *col = &row->col[c];
        bool wrapped = f + c >= width;
        col->child = (uint8_t)(wrapped ? f + c - width : f + c);
        col->offset = start + (wrapped ? (uint64_t)1 << l->ashift : 0);
        col->size = (c < d.big ? d.q + 1 : d.q) << l->ashift;
        if (c >= l->nparity) {
            col->pos = pos;
            pos += col->size;
        }
    }
    row->parity_size = row->col[0].size;
    if (l->nparity == 1 && (offset & RAIDZ1_SWAP_BIT) != 0) {
        swap_place(&row->col[0], &row->col[1]);
        if (map->skipcol == 0)
            map->skipcol = 1;
    }
    *out = map;
    return 0;
}

/* Where sector b of an expanding vdev is, in a row whose stripe is complete in the new layout or
 * not. */
static void place_sector(const struct raidz_layout *l, uint64_t b, unsigned width, bool scratch,
                         struct raid_col *col)
{
    col->child = (uint8_t)(b % width);
    col->offset = (b / width) << l->ashift;
    if (scratch)
        col->offset -= RAID_SCRATCH_SIZE;
    if (width != l->children && b < l->copied >> l->ashift) {
        col->has_shadow = true;
        col->shadow_child = (uint8_t)(b % l->children);
        col->shadow_offset = (b / l->children) << l->ashift;
    }
}

int raidz_map_expanded(const struct raidz_layout *l, unsigned width, uint64_t offset, uint64_t size,
                       struct raid_map **out)
{
    int err = range_check(l, width, offset, size);
    if (err != 0)
        return err;
    if (l->expanding && width >= l->children)
        return err_raise(ZE_VDEVCONFIG, "raidz: logical width %u while expanding to %u", width,
                         l->children);
    struct deal d = deal_sectors(size >> l->ashift, width, l->nparity);
    unsigned cols = (unsigned)min_of(d.total, (uint64_t)width);
    unsigned nrows = (unsigned)div_round_up(d.total, width);
    struct raid_map *map = raid_map_alloc(nrows, nrows * cols);
    if (map == NULL)
        return err_raise(ZE_NOMEM, "raidz map of %llu bytes", (unsigned long long)size);
    map_totals(map, l, &d);

    uint64_t sector = (uint64_t)1 << l->ashift;
    uint64_t synced = l->expanding ? l->synced >> l->ashift : UINT64_MAX;
    for (unsigned r = 0; r < nrows; r++) {
        struct raid_row *row = &map->row[r];
        row->col = map->row[0].col + (size_t)r * cols;
        row->ncols = cols;
        row->parity_size = sector;
        uint64_t b = (offset >> l->ashift) + (uint64_t)r * width;
        bool moved = b + cols <= synced;
        unsigned w = moved ? l->children : l->children - 1;
        row->width = w;
        row->scratch = moved && l->expanding && l->scratch;
        for (unsigned c = 0; c < cols; c++) {
            struct raid_col *col = &row->col[c];
            place_sector(l, b + c, w, row->scratch, col);
            if (r == nrows - 1 && d.big != 0 && c >= d.big)
                continue; /* the last row is short */
            col->size = sector;
            if (c < l->nparity)
                continue;
            uint64_t dc = c - l->nparity;
            uint64_t index =
                c < d.big || d.r == 0 ? dc * nrows + r : d.r * nrows + (dc - d.r) * (nrows - 1) + r;
            col->pos = index << l->ashift;
        }
        if (l->nparity == 1 && cols > 1 && (offset & RAIDZ1_SWAP_BIT) != 0)
            swap_place(&row->col[0], &row->col[1]);
    }
    *out = map;
    return 0;
}

int raidz_map_create(const struct raidz_layout *l, uint64_t offset, uint64_t size, uint64_t txg,
                     struct raid_map **out)
{
    unsigned width = raidz_logical_width(l, txg);
    if (width == l->children && !l->expanding)
        return raidz_map_standard(l, width, offset, size, out);
    return raidz_map_expanded(l, width, offset, size, out);
}

static uint64_t child_row(uint64_t b, unsigned child, unsigned width)
{
    return b > child ? (b - child - 1) / width + 1 : 0;
}

void raidz_translate(const struct raidz_layout *l, unsigned child, uint64_t start, uint64_t end,
                     uint64_t *child_start, uint64_t *child_end)
{
    *child_start = *child_end = 0;
    if (l->expanding || end <= start)
        return;
    *child_start = child_row(start >> l->ashift, child, l->children) << l->ashift;
    *child_end = child_row(end >> l->ashift, child, l->children) << l->ashift;
}
