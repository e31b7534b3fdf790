/* SPDX-License-Identifier: MIT */
/* dRAID permutations, maps and sizes against the worked examples of format/raid.md 22.4, 22.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "vdev/draid_map.h"

static struct draid_layout layout(unsigned p, unsigned d, unsigned c, unsigned w, unsigned s,
                                  unsigned groups)
{
    return (struct draid_layout){.ashift = 12,
                                 .nparity = p,
                                 .ndata = d,
                                 .nspares = s,
                                 .ngroups = groups,
                                 .group_children = c,
                                 .width = w};
}

static unsigned smallest_ngroups(unsigned gw, unsigned disks)
{
    unsigned g = 1;
    while (g * gw % disks != 0)
        g++;
    return g;
}

static void every_permutation_table_has_its_checksum(void **state)
{
    for (unsigned c = 2; c <= 255; c++) {
        struct draid_layout l = layout(1, c - 1, c, c, 0, 1);
        assert_int_equal(draid_layout_init(&l), 0);
        assert_int_equal(l.nperms, c < 32 ? 256 : 512);
        draid_layout_fini(&l);
    }
}

static void permutation_rows(void **state)
{
    static const struct {
        unsigned c, rows;
        uint8_t perm[3][14];
    } ex[] = {
        {5, 3, {{2, 3, 1, 4, 0}, {0, 3, 4, 1, 2}, {1, 2, 4, 0, 3}}},
        {7, 3, {{5, 0, 6, 1, 4, 3, 2}, {3, 0, 5, 2, 1, 6, 4}, {0, 1, 3, 4, 6, 2, 5}}},
        {9, 2, {{7, 3, 6, 5, 0, 2, 8, 4, 1}, {8, 1, 5, 2, 3, 7, 0, 6, 4}}},
        {14,
         2,
         {{1, 7, 3, 13, 9, 0, 12, 5, 6, 10, 4, 11, 8, 2},
          {7, 2, 10, 8, 5, 6, 1, 9, 0, 12, 11, 13, 4, 3}}},
    };
    for (unsigned i = 0; i < array_len(ex); i++) {
        struct draid_layout l = layout(1, ex[i].c - 1, ex[i].c, ex[i].c, 0, 1);
        assert_int_equal(draid_layout_init(&l), 0);
        for (unsigned r = 0; r < ex[i].rows; r++)
            assert_memory_equal(l.perm + r * ex[i].c, ex[i].perm[r], ex[i].c);
        draid_layout_fini(&l);
    }
}

static void map_gives_the_real_places(void **state)
{
    struct draid_layout l = layout(1, 2, 7, 7, 1, 2);
    assert_int_equal(draid_layout_init(&l), 0);
    assert_int_equal(l.group_size, 0x3000000);
    assert_int_equal(l.slice_size, 0x1000000);
    assert_int_equal(draid_vdev_asize(&l, 263716864), 1308622848);
    assert_int_equal(draid_asize(&l, 0x2200), 0x6000);
    static const struct {
        uint64_t offset, size;
        unsigned child[3];
        uint64_t at, sizes[3];
    } ex[] = {
        {0x18e4000, 0x1000, {5, 0, 6}, 0x84c000, {0x1000, 0x1000, 0}},
        {0x1001a000, 0x20000, {3, 6, 5}, 0x255e000, {0x10000, 0x10000, 0x10000}},
        {0x17df000, 0x3000, {5, 0, 6}, 0x7f5000, {0x2000, 0x2000, 0x1000}},
        {0x123f9000, 0x2000, {1, 3, 2}, 0x3153000, {0x1000, 0x1000, 0x1000}},
        {0x100b0000, 0x4000, {3, 6, 5}, 0x2590000, {0x2000, 0x2000, 0x2000}},
        {0x18114000, 0x2000, {2, 4, 3}, 0x405c000, {0x1000, 0x1000, 0x1000}},
        {0x2010f000, 0x2000, {3, 5, 4}, 0x5b05000, {0x1000, 0x1000, 0x1000}},
        {0x4e00000, 0x1000, {1, 4, 3}, 0xa00000, {0x1000, 0x1000, 0}},
    };
    for (unsigned i = 0; i < array_len(ex); i++) {
        AUTO_FREE struct raid_map *map = NULL;
        assert_int_equal(draid_map_create(&l, ex[i].offset, ex[i].size, &map), 0);
        assert_int_equal(map->nrows, 1);
        const struct raid_row *row = &map->row[0];
        assert_int_equal(row->ncols, 3);
        for (unsigned c = 0; c < 3; c++) {
            assert_int_equal(row->col[c].child, ex[i].child[c]);
            assert_int_equal(row->col[c].offset, ex[i].at);
            assert_int_equal(row->col[c].size, ex[i].sizes[c]);
            assert_int_equal(row->col[c].size + row->col[c].empty, row->parity_size);
        }
    }
    draid_layout_fini(&l);
}

static void failure_domains(void **state)
{
    struct draid_layout l = layout(1, 3, 5, 10, 2, 2);
    assert_int_equal(draid_layout_init(&l), 0);
    assert_int_equal(l.ndisks, 8);
    static const uint8_t rows[4][5] = {
        {2, 8, 1, 9, 0}, {5, 3, 4, 6, 7}, {6, 2, 4, 5, 8}, {9, 1, 0, 3, 7}};
    assert_memory_equal(l.perm, rows, sizeof(rows));
    static const struct {
        uint64_t offset;
        unsigned child[4];
        uint64_t at;
    } ex[] = {
        {0, {2, 8, 1, 9}, 0},
        {0x4000000, {3, 4, 6, 7}, 0},
        {0x8000000, {1, 9, 0, 2}, 0x1000000},
        {0xc000000, {6, 7, 5, 3}, 0x1000000},
        {0x28010000, {6, 2, 4, 5}, 0x5004000},
    };
    for (unsigned i = 0; i < array_len(ex); i++) {
        AUTO_FREE struct raid_map *map = NULL;
        assert_int_equal(draid_map_create(&l, ex[i].offset, 0x3000, &map), 0);
        for (unsigned c = 0; c < 4; c++) {
            assert_int_equal(map->row[0].col[c].child, ex[i].child[c]);
            assert_int_equal(map->row[0].col[c].offset, ex[i].at);
        }
    }
    draid_layout_fini(&l);
}

/* Walk group rows at a coarse step: nothing may be used twice, and not what spares use. */
static void check_disjoint(struct draid_layout *l)
{
    assert_int_equal(draid_layout_init(l), 0);
    enum { SLICES = 6 };
    unsigned rows = SLICES * l->slice_rows;
    uint8_t *used = calloc(rows, l->width);
    for (uint64_t group = 0; group < (uint64_t)SLICES * l->ngroups; group++) {
        AUTO_FREE struct raid_map *map = NULL;
        uint64_t size = (uint64_t)l->ndata << l->ashift;
        assert_int_equal(draid_map_create(l, group * l->group_size, size, &map), 0);
        uint8_t domain[RAID_MAX_CHILDREN] = {0};
        for (unsigned c = 0; c < l->group_width; c++) {
            const struct raid_col *col = &map->row[0].col[c];
            uint64_t row = col->offset / DRAID_ROW_HEIGHT;
            assert_true(row < rows && col->child < l->width);
            assert_int_equal(used[row * l->width + col->child], 0);
            used[row * l->width + col->child] = 1;
            assert_int_equal(domain[col->child % l->group_children]++, 0);
        }
    }
    for (unsigned row = 0; row < rows; row++) {
        for (unsigned s = 0; s < l->nspares; s++) {
            unsigned child = draid_spare_child(l, s, row * DRAID_ROW_HEIGHT);
            assert_true(child < l->width);
            assert_int_equal(used[row * l->width + child], 0);
            used[row * l->width + child] = 2;
        }
        for (unsigned c = 0; c < l->width; c++)
            assert_int_not_equal(used[row * l->width + c], 0);
    }
    free(used);
    draid_layout_fini(l);
}

static void groups_and_spares_never_overlap(void **state)
{
    for (unsigned c = 3; c <= 40; c++)
        for (unsigned p = 1; p <= 3; p++)
            for (unsigned d = 1; d + p <= c; d += 3)
                for (unsigned s = 0; d + p + s <= c && s < 4; s++) {
                    struct draid_layout l = layout(p, d, c, c, s, smallest_ngroups(d + p, c - s));
                    if (l.ngroups <= 255)
                        check_disjoint(&l);
                }
}

static void failure_groups_never_overlap(void **state)
{
    for (unsigned n = 2; n <= 5; n++)
        for (unsigned c = 4; c <= 14; c++)
            for (unsigned s = 0; s <= 2 * n; s++)
                for (unsigned d = 1; d <= 8; d++) {
                    unsigned p = 1 + (d + c) % 3, nd1 = c - s / n;
                    unsigned nd2 = s % n != 0 ? nd1 - 1 : nd1, gw = d + p;
                    if (gw > nd2)
                        continue;
                    unsigned g = 1;
                    while (g * gw % nd2 != 0 || (nd1 != nd2 && (g + 1) * gw % nd1 != 0))
                        g++;
                    unsigned total = nd1 == nd2 ? g * n : g * (s % n) + (g + 1) * (n - s % n);
                    struct draid_layout l = layout(p, d, c, c * n, s, total);
                    if (total <= 255)
                        check_disjoint(&l);
                }
}

static void block_across_a_group_end_has_two_rows(void **state)
{
    struct draid_layout l = layout(1, 2, 7, 7, 1, 2);
    assert_int_equal(draid_layout_init(&l), 0);
    AUTO_FREE struct raid_map *map = NULL;
    assert_int_equal(draid_map_create(&l, 0x3000000 - 2 * 0x3000, 0x5000, &map), 0);
    assert_int_equal(map->nrows, 2);
    assert_int_equal(map->asize, 0x9000);
    assert_int_equal(map->row[0].col[1].size, 0x2000);
    assert_int_equal(map->row[0].col[2].pos, 0x2000);
    assert_int_equal(map->row[1].col[1].pos, 0x4000);
    assert_int_equal(map->row[1].col[1].size, 0x1000);
    assert_int_equal(map->row[1].col[2].size, 0);
    assert_int_equal(map->row[1].col[2].empty, 0x1000);
    draid_layout_fini(&l);
}

static void metaslab_alignment(void **state)
{
    struct draid_layout l = layout(1, 2, 7, 7, 1, 2);
    assert_int_equal(draid_layout_init(&l), 0);
    uint64_t start = 1 << 24, size = 1 << 24;
    draid_align_metaslab(&l, &start, &size);
    assert_int_equal(start % 0x3000, 0);
    assert_int_equal(size % 0x3000, 0);
    assert_true(start >= 1 << 24 && start + size <= 1 << 25 && start + size + 0x3000 > 1 << 25);
    draid_layout_fini(&l);
}

static void impossible_geometry_is_refused(void **state)
{
    struct draid_layout bad[] = {
        layout(0, 2, 7, 7, 1, 2),   layout(4, 2, 7, 7, 1, 2),     layout(1, 0, 7, 7, 1, 2),
        layout(1, 2, 7, 7, 101, 2), layout(1, 2, 7, 7, 5, 2),     layout(1, 2, 7, 7, 1, 0),
        layout(1, 2, 7, 7, 1, 256), layout(1, 2, 7, 7, 1, 1),     layout(1, 2, 7, 9, 1, 2),
        layout(1, 2, 1, 1, 0, 1),   layout(1, 2, 256, 256, 0, 1), layout(1, 3, 5, 10, 2, 3),
        layout(1, 1, 4, 8, 1, 6),
    };
    for (unsigned i = 0; i < array_len(bad); i++)
        assert_int_equal(draid_layout_init(&bad[i]), ZE_VDEVCONFIG);
    struct draid_layout l = layout(1, 2, 7, 7, 1, 2);
    assert_int_equal(draid_layout_init(&l), 0);
    struct raid_map *map = NULL;
    assert_int_equal(draid_map_create(&l, 0x1000, 0x1000, &map), ZE_BADBP);
    assert_int_equal(draid_map_create(&l, 0x3000, 0x1200, &map), ZE_BADBP);
    draid_layout_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_permutation_table_has_its_checksum),
        cmocka_unit_test(permutation_rows),
        cmocka_unit_test(map_gives_the_real_places),
        cmocka_unit_test(failure_domains),
        cmocka_unit_test(groups_and_spares_never_overlap),
        cmocka_unit_test(failure_groups_never_overlap),
        cmocka_unit_test(block_across_a_group_end_has_two_rows),
        cmocka_unit_test(metaslab_alignment),
        cmocka_unit_test(impossible_geometry_is_refused),
    };
    return cmocka_run_group_tests_name("draid_map", tests, NULL, NULL);
}
