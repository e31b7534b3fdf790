/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: address arithmetic of parity vdevs and removed vdevs with any geometry. Whatever is
 * accepted must be a real placement: data columns tile the block, no two columns share a sector,
 * nothing lies outside the allocation.
 *
 * Input: kind (0 RAID-Z, 1 dRAID, 2 removed), geometry bytes, offset and size.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "vdev/draid_map.h"
#include "vdev/indirect.h"
#include "vdev/raidz_map.h"
#include "vdev/vdev_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NEED(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            __builtin_trap();                                                                      \
    } while (0)

#define MOST_SECTORS 600u

/* ---- invariants of any map ---- */

struct extent {
    unsigned child;
    int64_t offset;
};

static int order(const void *va, const void *vb)
{
    const struct extent *a = va, *b = vb;
    if (a->child != b->child)
        return a->child < b->child ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void check_row(const struct raid_map *map, const struct raid_row *row, unsigned children,
                      uint8_t *seen)
{
    uint8_t used[RAID_MAX_CHILDREN] = {0};
    uint64_t sector = 1ull << map->ashift;
    NEED(row->ncols > map->nparity && row->ncols <= children);
    for (unsigned c = 0; c < row->ncols; c++) {
        const struct raid_col *col = &row->col[c];
        NEED(col->child < children && col->size <= row->parity_size && col->size % sector == 0);
        NEED(!used[col->child]++);
        if (c < map->nparity) {
            NEED(col->size == row->parity_size);
            continue;
        }
        NEED(col->pos <= map->size && col->size <= map->size - col->pos);
        for (uint64_t at = col->pos; at < col->pos + col->size; at += sector)
            NEED(!seen[at / sector]++);
    }
}

static void check_disjoint(const struct raid_map *map)
{
    uint64_t sector = 1ull << map->ashift, n = 0, total = 0;
    for (unsigned i = 0; i < map->nrows; i++)
        for (unsigned c = 0; c < map->row[i].ncols; c++)
            total += (map->row[i].col[c].size + map->row[i].col[c].empty) / sector;
    NEED(total * sector <= map->asize);
    struct extent *x = calloc(total, sizeof(*x));
    if (x == NULL)
        return;
    for (unsigned i = 0; i < map->nrows; i++) {
        for (unsigned c = 0; c < map->row[i].ncols; c++) {
            const struct raid_col *col = &map->row[i].col[c];
            for (uint64_t at = 0; at < col->size + col->empty; at += sector)
                x[n++] = (struct extent){col->child, (int64_t)(col->offset + at)};
        }
    }
    qsort(x, n, sizeof(*x), order);
    for (uint64_t i = 1; i < n; i++)
        NEED(order(&x[i - 1], &x[i]) != 0);
    free(x);
}

static void check_map(const struct raid_map *map, unsigned children, uint64_t size)
{
    uint8_t *seen = calloc(size >> map->ashift, 1);
    if (seen == NULL)
        return;
    NEED(map->size == size);
    for (unsigned i = 0; i < map->nrows; i++)
        check_row(map, &map->row[i], children, seen);
    for (uint64_t i = 0; i < size >> map->ashift; i++)
        NEED(seen[i] == 1);
    check_disjoint(map);
    free(seen);
}

/* ---- RAID-Z ---- */

/* Each sector, taken back to its number in the vdev, lies in the block's allocation. */
static void check_inside(const struct raidz_layout *l, const struct raid_map *map, uint64_t offset)
{
    for (unsigned i = 0; i < map->nrows; i++) {
        const struct raid_row *row = &map->row[i];
        unsigned width = row->width != 0 ? row->width : l->children;
        for (unsigned c = 0; c < row->ncols; c++) {
            const struct raid_col *col = &row->col[c];
            uint64_t first = (col->offset + (row->scratch ? RAID_SCRATCH_SIZE : 0)) >> l->ashift;
            for (uint64_t k = 0; k < col->size >> l->ashift; k++) {
                uint64_t b = (first + k) * width + col->child;
                NEED(b >= offset >> l->ashift && b < (offset + map->asize) >> l->ashift);
            }
        }
    }
}

static void fuzz_raidz(const uint8_t *p)
{
    uint64_t txgs[8];
    struct raidz_layout l = {
        .nparity = p[0] % 5,
        .ashift = 8u + p[1] % 10,
        .children = p[2],
        .expanding = p[3] & 1,
        .scratch = p[3] & 2,
        .ntxgs = p[4] % 9,
        .txgs = txgs,
        .synced = load_le64(p + 8),
        .copied = load_le64(p + 8),
    };
    for (unsigned i = 0; i < 8; i++)
        txgs[i] = p[5] + i * p[6];
    if (l.ntxgs > 8 || raidz_layout_check(&l) != 0)
        return;
    uint64_t offset = load_le64(p + 16) >> (p[7] & 63), txg = load_le16(p + 24);
    uint64_t size = (load_le16(p + 26) % MOST_SECTORS) << l.ashift;
    if ((p[28] & 1) == 0)
        offset = offset >> l.ashift << l.ashift;
    struct raid_map *map = NULL;
    if (raidz_map_create(&l, offset, size, txg, &map) != 0)
        return;
    check_map(map, l.children, size);
    check_inside(&l, map, offset);
    uint64_t asize = raidz_asize(&l, size, txg), back = raidz_psize(&l, asize, txg);
    NEED(map->asize == asize && back >= size && raidz_asize(&l, back, txg) == asize);
    free(map);
}

/* ---- dRAID ---- */

static void fuzz_draid(const uint8_t *p)
{
    struct draid_layout l = {
        .nparity = p[0] % 5,
        .ashift = 8u + p[1] % 10,
        .ndata = p[2],
        .nspares = p[3],
        .ngroups = p[4],
        .group_children = p[5],
        .width = p[6] & 128 ? (unsigned)p[5] * (1 + p[6] % 4) : p[5],
    };
    if (draid_layout_init(&l) != 0)
        return;
    uint64_t unit = (uint64_t)l.group_width << l.ashift;
    uint64_t offset = load_le64(p + 16) >> (p[7] & 63);
    uint64_t size = (load_le16(p + 26) % MOST_SECTORS) << l.ashift;
    if ((p[28] & 1) == 0)
        offset -= offset % unit;
    struct raid_map *map = NULL;
    if (draid_map_create(&l, offset, size, &map) == 0) {
        check_map(map, l.width, size);
        NEED(map->asize == draid_asize(&l, size) && draid_psize(&l, map->asize) >= size);
        for (unsigned i = 0; i < map->nrows; i++)
            for (unsigned c = 0; c < map->row[i].ncols; c++)
                for (unsigned s = 0; s < l.nspares; s++) {
                    const struct raid_col *col = &map->row[i].col[c];
                    unsigned spare = draid_spare_child(&l, s, col->offset);
                    NEED(spare < l.width && spare != col->child);
                }
        free(map);
    }
    uint64_t start = offset >> 1, len = load_le64(p + 8) >> 2, end = start + len;
    draid_align_metaslab(&l, &start, &len);
    NEED(len == 0 || (start % unit == 0 && len % unit == 0 && start + len <= end));
    draid_layout_fini(&l);
}

/* ---- removed vdevs ---- */

static int add_up(void *arg, struct vdev *target, uint64_t offset, uint64_t size, uint64_t txg)
{
    NEED(target->type != VDEV_INDIRECT && size > 0);
    *(uint64_t *)arg += size;
    return 0;
}

static void fuzz_indirect(const uint8_t *p, size_t n)
{
    struct vdev_tree tree = {0};
    struct vdev root = {.tree = &tree, .nchildren = 4}, top[4], *child[4];
    memset(top, 0, sizeof(top));
    tree.root = &root;
    root.child = child;
    for (unsigned i = 0; i < 4; i++) {
        child[i] = &top[i];
        top[i].id = i;
        top[i].tree = &tree;
        top[i].top = &top[i];
        top[i].type = i < 2 ? VDEV_INDIRECT : VDEV_DISK;
        if (i < 2 && vdev_indirect_ops.create(&top[i], NULL) != 0)
            return;
    }
    uint64_t words[3 * 32];
    uint64_t births[4] = {load_le64(p), load_le16(p), load_le64(p + 8), load_le16(p + 1)};
    size_t count = min_of((n - 16) / 8 / 3, (size_t)32);
    for (size_t i = 0; i < count * 3; i++)
        words[i] = load_le64(p + 16 + i * 8);
    int err = 0;
    for (unsigned i = 0; i < 2; i++)
        err |= vdev_indirect_set_mapping_raw(&top[i], words + i * 3 * (count / 2), count / 2,
                                             births, 2);
    for (unsigned i = 0; err == 0 && i < 2; i++) {
        for (unsigned k = 0; k < 8; k++) {
            uint64_t sum = 0, at = (uint64_t)p[k] << 9, len = (uint64_t)p[8 + k] << 9;
            if (vdev_indirect_remap(&top[i], at, len, add_up, &sum) == 0)
                NEED(sum == len);
        }
    }
    for (unsigned i = 0; i < 2; i++)
        vdev_indirect_ops.destroy(&top[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 33)
        return 0;
    switch (data[0] % 3) {
    case 0:
        fuzz_raidz(data + 1);
        break;
    case 1:
        fuzz_draid(data + 1);
        break;
    default:
        fuzz_indirect(data + 1, size - 1);
    }
    return 0;
}
