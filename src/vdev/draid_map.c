/* SPDX-License-Identifier: MIT */
/* dRAID address arithmetic. See draid_map.h; format/raid.md 5. */
#include "vdev/draid_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "vdev/draid_seeds.h"

/* The generator of the permutations (5.2). */
struct prng {
    uint64_t s0, s1;
};

static uint64_t rotl64(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static uint64_t prng_next(struct prng *p)
{
    uint64_t r = rotl64(p->s0 + p->s1, 17) + p->s0;
    uint64_t t = p->s1 ^ p->s0;
    p->s0 = rotl64(p->s0, 49) ^ t ^ (t << 21);
    p->s1 = rotl64(t, 28);
    return r;
}

static struct prng prng_for(unsigned children)
{
    return (struct prng){0xd7a1d5eedull, draid_seeds[children - DRAID_MIN_CHILDREN].seed};
}

static void swap_bytes(uint8_t *a, uint8_t *b)
{
    uint8_t t = *a;
    *a = *b;
    *b = t;
}

/* Fill the table: each row is a shuffle of the row before it. */
static int perm_generate(uint8_t *perm, unsigned children)
{
    unsigned nperms = DRAID_NPERMS(children);
    struct prng rng = prng_for(children);
    uint64_t sum = 0;
    for (unsigned i = 0; i < nperms; i++) {
        uint8_t *row = perm + (size_t)i * children;
        if (i > 0)
            memcpy(row, row - children, children);
        else
            for (unsigned c = 0; c < children; c++)
                row[c] = (uint8_t)c;
        for (unsigned j = children - 1; j > 0; j--)
            swap_bytes(&row[j], &row[prng_next(&rng) % (j + 1)]);
    }
    for (size_t i = 0; i < (size_t)nperms * children; i += 4)
        sum += load_le32(perm + i);
    if (sum != draid_seeds[children - DRAID_MIN_CHILDREN].checksum)
        return err_raise(ZE_VDEVCONFIG, "draid: permutations for %u children have checksum %llx",
                         children, (unsigned long long)sum);
    return 0;
}

/*
 * Failure domains (5.7): n rows of the table become one permutation of n times as many children, in
 * such a way that ids which are equal modulo the group's children never meet in a row.
 */
static void perm_spread_domains(uint8_t *perm, unsigned children, unsigned nperms, unsigned n)
{
    struct prng rng = prng_for(children);
    uint8_t place[RAID_MAX_CHILDREN];
    for (unsigned i = 0; i < nperms; i += n) {
        uint8_t *rows = perm + (size_t)i * children;
        for (unsigned j = 0; j < children; j++) {
            place[0] = (uint8_t)j;
            for (unsigned k = n - 1; k > 0; k--) {
                const uint8_t *row = rows + (size_t)k * children;
                const uint8_t *at = memchr(row, rows[j], children);
                place[k] = at != NULL ? (uint8_t)(at - row) : 0;
            }
            for (unsigned k = n - 1; k > 0; k--)
                rows[(size_t)k * children + place[k]] += (uint8_t)(k * children);
            for (unsigned k = n - 1; k > 0; k--) {
                unsigned l = (unsigned)(prng_next(&rng) % (k + 1));
                if (l != k)
                    swap_bytes(&rows[(size_t)k * children + place[k]],
                               &rows[(size_t)l * children + place[l]]);
            }
        }
    }
}

static unsigned fgroup_disks(const struct draid_layout *l, unsigned f)
{
    unsigned big = l->nspares % l->fgroups;
    return l->ndisks / l->fgroups + (big != 0 && f >= big ? 1 : 0);
}

/* Groups of one slice that belong to failure group f: the first `big` ones have a disk, and a
 * group, less. */
static unsigned fgroup_groups(const struct draid_layout *l, unsigned f)
{
    unsigned big = l->nspares % l->fgroups;
    return l->ngroups / l->fgroups + (big != 0 && f >= big ? 1 : 0);
}

static int layout_check(const struct draid_layout *l)
{
    if (l->nparity < 1 || l->nparity > RAID_MAX_PARITY)
        return err_raise(ZE_VDEVCONFIG, "draid: nparity %u", l->nparity);
    if (l->ashift < 9 || l->ashift > 16)
        return err_raise(ZE_VDEVCONFIG, "draid: ashift %u", l->ashift);
    if (l->ndata < 1 || l->ndata > RAID_MAX_CHILDREN)
        return err_raise(ZE_VDEVCONFIG, "draid: draid_ndata %u", l->ndata);
    if (l->nspares > DRAID_MAX_SPARES)
        return err_raise(ZE_VDEVCONFIG, "draid: draid_nspares %u", l->nspares);
    if (l->ngroups < 1 || l->ngroups > DRAID_MAX_GROUPS)
        return err_raise(ZE_VDEVCONFIG, "draid: draid_ngroups %u", l->ngroups);
    if (l->group_children < DRAID_MIN_CHILDREN || l->group_children > DRAID_MAX_CHILDREN)
        return err_raise(ZE_VDEVCONFIG, "draid: %u children", l->group_children);
    if (l->width > RAID_MAX_CHILDREN || l->width < l->group_children ||
        l->width % l->group_children != 0)
        return err_raise(ZE_VDEVCONFIG, "draid: %u children in groups of %u", l->width,
                         l->group_children);
    unsigned spares = (unsigned)div_round_up(l->nspares, l->width / l->group_children);
    if (l->group_children < l->ndata + l->nparity + spares)
        return err_raise(ZE_VDEVCONFIG, "draid%u: %u data and %u spare disks in %u children",
                         l->nparity, l->ndata, l->nspares, l->group_children);
    return 0;
}

/* Every slice must end at a row's end in every failure group, or addresses would overlap. */
static int layout_check_rows(const struct draid_layout *l)
{
    uint64_t cells = (uint64_t)l->group_width * l->ngroups;
    if (cells % l->ndisks != 0 || l->ngroups < l->fgroups)
        return err_raise(ZE_VDEVCONFIG, "draid: draid_ngroups %u does not fill rows of %u disks",
                         l->ngroups, l->ndisks);
    unsigned groups = 0;
    for (unsigned f = 0; f < l->fgroups; f++) {
        uint64_t own = (uint64_t)l->group_width * fgroup_groups(l, f);
        if (own != (cells / l->ndisks) * fgroup_disks(l, f))
            return err_raise(ZE_VDEVCONFIG,
                             "draid: draid_ngroups %u does not fill failure group %u", l->ngroups,
                             f);
        groups += fgroup_groups(l, f);
    }
    if (groups != l->ngroups)
        return err_raise(ZE_VDEVCONFIG, "draid: draid_ngroups %u in %u failure groups", l->ngroups,
                         l->fgroups);
    return 0;
}

int draid_layout_init(struct draid_layout *l)
{
    l->perm = NULL;
    int err = layout_check(l);
    if (err != 0)
        return err;
    l->group_width = l->ndata + l->nparity;
    l->ndisks = l->width - l->nspares;
    l->fgroups = l->width / l->group_children;
    l->group_size = l->group_width * DRAID_ROW_HEIGHT;
    err = layout_check_rows(l);
    if (err != 0)
        return err;
    l->slice_rows = l->group_width * l->ngroups / l->ndisks;
    l->slice_size = l->slice_rows * DRAID_ROW_HEIGHT;
    l->nperms = DRAID_NPERMS(l->group_children) / l->fgroups * l->fgroups;

    uint8_t *perm = mem_zalloc((size_t)DRAID_NPERMS(l->group_children) * l->group_children);
    if (perm == NULL)
        return err_raise(ZE_NOMEM, "draid permutations");
    err = perm_generate(perm, l->group_children);
    if (err != 0) {
        free(perm);
        return err;
    }
    if (l->fgroups > 1)
        perm_spread_domains(perm, l->group_children, l->nperms, l->fgroups);
    l->perm = perm;
    return 0;
}

void draid_layout_fini(struct draid_layout *l)
{
    free(l->perm);
    l->perm = NULL;
}

uint64_t draid_asize(const struct draid_layout *l, uint64_t psize)
{
    if (psize == 0)
        return 0;
    return ((psize - 1) / ((uint64_t)l->ndata << l->ashift) + 1) * l->group_width << l->ashift;
}

uint64_t draid_psize(const struct draid_layout *l, uint64_t asize)
{
    return asize / l->group_width * l->ndata;
}

uint64_t draid_vdev_asize(const struct draid_layout *l, uint64_t child_asize)
{
    if (child_asize < DRAID_CHILD_RESERVE)
        return 0;
    uint64_t usable = (child_asize - DRAID_CHILD_RESERVE) / DRAID_ROW_HEIGHT * DRAID_ROW_HEIGHT;
    uint64_t asize = usable * l->ndisks / l->group_size * l->group_size;
    if (l->fgroups > 1) {
        uint64_t slice = l->slice_size * l->ndisks;
        asize = asize / slice * slice;
    }
    return asize;
}

uint64_t draid_child_min_asize(const struct draid_layout *l, uint64_t vdev_asize)
{
    return DRAID_CHILD_RESERVE +
           div_round_up(div_round_up(vdev_asize, l->ndisks), DRAID_ROW_HEIGHT) * DRAID_ROW_HEIGHT;
}

/* Child at position idx of permutation number perm. */
static unsigned perm_child(const struct draid_layout *l, uint64_t perm, unsigned idx)
{
    unsigned c = l->group_children, n = l->fgroups;
    unsigned at = (unsigned)(perm % ((uint64_t)l->nperms * c));
    if (n == 1) {
        unsigned iter = at % c;
        return (l->perm[(size_t)(at / c) * c + idx] + iter) % c;
    }
    unsigned base = at / (c * n) * n;
    unsigned iter = at % c + (unsigned)(perm % n) * c;
    return l->perm[(size_t)(base + iter / c) * c + (idx + iter) % c];
}

/* Place of a group chunk: which permutation, first position, and first row on each child. */
struct group_place {
    uint64_t perm, row;
    unsigned start, disks;
};

static struct group_place place_group(const struct draid_layout *l, uint64_t group)
{
    struct group_place p = {.perm = group / l->ngroups, .disks = l->ndisks};
    unsigned g = (unsigned)(group % l->ngroups);
    uint64_t slice = p.perm;
    if (l->fgroups > 1) {
        unsigned f = 0;
        while (g >= fgroup_groups(l, f))
            g -= fgroup_groups(l, f++);
        p.perm = slice * l->fgroups + f;
        p.disks = fgroup_disks(l, f);
    }
    p.start = g * l->group_width % p.disks;
    p.row = slice * l->slice_rows + g * l->group_width / p.disks;
    return p;
}

/* One row: `sectors` of the block from byte pos on, at vdev offset inside one group. */
static void map_row(const struct draid_layout *l, struct raid_row *row, uint64_t offset,
                    uint64_t sectors, uint64_t pos)
{
    uint64_t q = sectors / l->ndata, r = sectors % l->ndata;
    uint64_t big = r == 0 ? 0 : r + l->nparity;
    uint64_t group = offset / l->group_size;
    struct group_place p = place_group(l, group);
    uint64_t at = (offset - group * l->group_size) / l->group_width + p.row * DRAID_ROW_HEIGHT;

    row->ncols = l->group_width;
    row->parity_size = (q + (r != 0)) << l->ashift;
    for (unsigned c = 0; c < l->group_width; c++) {
        struct raid_col *col = &row->col[c];
        bool wrapped = p.start + c >= p.disks;
        col->child = (uint8_t)perm_child(l, p.perm, (p.start + c) % p.disks);
        col->offset = at + (wrapped ? DRAID_ROW_HEIGHT : 0);
        col->size = (c < big ? q + 1 : q) << l->ashift;
        col->empty = (uint32_t)(row->parity_size - col->size);
        if (c >= l->nparity) {
            col->pos = pos;
            pos += col->size;
        }
    }
}

int draid_map_create(const struct draid_layout *l, uint64_t offset, uint64_t size,
                     struct raid_map **out)
{
    uint64_t sector = (uint64_t)1 << l->ashift;
    if (size == 0 || size > RAID_MAX_IO || size % sector != 0)
        return err_raise(ZE_BADBP, "draid: block of %llu bytes", (unsigned long long)size);
    if (offset > INT64_MAX || offset % (l->group_width * sector) != 0)
        return err_raise(ZE_BADBP, "draid: block offset %llu is not a group row",
                         (unsigned long long)offset);
    uint64_t asize = draid_asize(l, size);
    uint64_t group_end = (offset / l->group_size + 1) * l->group_size;
    bool split = asize > group_end - offset;

    struct raid_map *map = raid_map_alloc(split ? 2 : 1, (split ? 2 : 1) * l->group_width);
    if (map == NULL)
        return err_raise(ZE_NOMEM, "draid map of %llu bytes", (unsigned long long)size);
    map->ashift = l->ashift;
    map->nparity = l->nparity;
    map->size = size;
    map->asize = asize;
    uint64_t first = split ? draid_psize(l, group_end - offset) : size;
    map_row(l, &map->row[0], offset, first >> l->ashift, 0);
    if (split) {
        map->row[1].col = map->row[0].col + l->group_width;
        map_row(l, &map->row[1], group_end, (size - first) >> l->ashift, first);
    }
    *out = map;
    return 0;
}

unsigned draid_spare_child(const struct draid_layout *l, unsigned spare, uint64_t child_offset)
{
    uint64_t slice = child_offset / l->slice_size;
    if (l->fgroups == 1)
        return perm_child(l, slice, l->group_children - 1 - spare);
    return perm_child(l, slice * l->fgroups + spare % l->fgroups,
                      l->group_children - 1 - spare / l->fgroups);
}

void draid_align_metaslab(const struct draid_layout *l, uint64_t *start, uint64_t *size)
{
    uint64_t unit = (uint64_t)l->group_width << l->ashift;
    uint64_t end = *start + *size;
    *start = div_round_up(*start, unit) * unit;
    *size = end > *start ? (end - *start) / unit * unit : 0;
}
