/* SPDX-License-Identifier: MIT */
/* RAID-Z maps and sizes against the worked examples of format/raid.md 22.1, 22.2, 22.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "vdev/raidz_map.h"

struct place {
    unsigned child;
    uint64_t offset, size;
};

static void expect_cols(const struct raid_row *row, const struct place *want, unsigned n)
{
    assert_int_equal(row->ncols, n);
    for (unsigned c = 0; c < n; c++) {
        assert_int_equal(row->col[c].child, want[c].child);
        assert_int_equal(row->col[c].offset, want[c].offset);
        assert_int_equal(row->col[c].size, want[c].size);
    }
}

static void standard_map_gives_the_real_places(void **state)
{
    static const struct {
        uint64_t offset, psize, asize;
        unsigned n, nskip, skipcol;
        struct place col[5];
    } ex[] = {
        {0x603000,
         0x2000,
         0x6000,
         4,
         2,
         4,
         {{4, 0x133000, 0x1000},
          {0, 0x134000, 0x1000},
          {1, 0x134000, 0x1000},
          {2, 0x134000, 0x1000}}},
        {0x43f99000,
         0x2000,
         0x6000,
         4,
         2,
         4,
         {{0, 0xd985000, 0x1000},
          {1, 0xd985000, 0x1000},
          {2, 0xd985000, 0x1000},
          {3, 0xd985000, 0x1000}}},
        {0x13cd2000,
         0x4000,
         0x9000,
         5,
         1,
         3,
         {{1, 0x3f5d000, 0x2000},
          {2, 0x3f5d000, 0x2000},
          {3, 0x3f5d000, 0x2000},
          {4, 0x3f5d000, 0x1000},
          {0, 0x3f5e000, 0x1000}}},
        {0x30036000,
         0x1000,
         0x3000,
         3,
         0,
         3,
         {{2, 0x99a4000, 0x1000}, {3, 0x99a4000, 0x1000}, {4, 0x99a4000, 0x1000}}},
        {0x10fc6000,
         0x20000,
         0x36000,
         5,
         0,
         4,
         {{4, 0x365a000, 0xb000},
          {0, 0x365b000, 0xb000},
          {1, 0x365b000, 0xb000},
          {2, 0x365b000, 0xb000},
          {3, 0x365b000, 0xa000}}},
    };
    struct raidz_layout l = {.ashift = 12, .nparity = 2, .children = 5};
    assert_int_equal(raidz_layout_check(&l), 0);
    for (unsigned i = 0; i < array_len(ex); i++) {
        AUTO_FREE struct raid_map *map = NULL;
        assert_int_equal(raidz_map_create(&l, ex[i].offset, ex[i].psize, 5, &map), 0);
        assert_int_equal(map->nrows, 1);
        assert_int_equal(map->asize, ex[i].asize);
        assert_int_equal(map->nskip, ex[i].nskip);
        assert_int_equal(map->skipcol, ex[i].skipcol);
        expect_cols(&map->row[0], ex[i].col, ex[i].n);
        assert_int_equal(raidz_asize(&l, ex[i].psize, 0), ex[i].asize);
    }
}

/* Sector sN of the block in the column. */
struct cell {
    unsigned child;
    uint64_t offset;
    int sector; /* -1: parity */
};

static void expect_row(const struct raid_row *row, const struct cell *want, unsigned n)
{
    assert_int_equal(row->ncols, n);
    for (unsigned c = 0; c < n; c++) {
        assert_int_equal(row->col[c].child, want[c].child);
        assert_int_equal(row->col[c].offset, want[c].offset);
        assert_int_equal(row->col[c].size, 0x1000);
        if (want[c].sector >= 0)
            assert_int_equal(row->col[c].pos, (uint64_t)want[c].sector << 12);
    }
}

static void expanding_map_gives_the_real_places(void **state)
{
    struct raidz_layout l = {.ashift = 12,
                             .nparity = 1,
                             .children = 5,
                             .expanding = true,
                             .synced = 1585614848,
                             .copied = 1585614848};
    assert_int_equal(raidz_layout_check(&l), 0);
    assert_int_equal(raidz_logical_width(&l, 50), 4);
    static const struct {
        uint64_t offset, psize;
        unsigned nrows, ncols;
        struct cell row[3][4];
    } ex[] = {
        {0x4a14c000,
         0x10000,
         6,
         4,
         {{{2, 0xed0f000, -1}, {1, 0xed0f000, 0}, {3, 0xed0f000, 6}, {4, 0xed0f000, 11}},
          {{1, 0xed10000, -1}, {0, 0xed10000, 1}, {2, 0xed10000, 7}, {3, 0xed10000, 12}},
          {{0, 0xed11000, -1}, {4, 0xed10000, 2}, {1, 0xed11000, 8}, {2, 0xed11000, 13}}}},
        {0x70ab8000,
         0x10000,
         6,
         4,
         {{{0, 0x1c2ae000, -1}, {1, 0x1c2ae000, 0}, {2, 0x1c2ae000, 6}, {3, 0x1c2ae000, 11}}}},
        {0x651c0000,
         0x20000,
         11,
         4,
         {{{1, 0x19470000, -1}, {0, 0x19470000, 0}, {2, 0x19470000, 11}, {3, 0x19470000, 22}}}},
        {0x4b924000, 0x2000, 1, 3, {{{1, 0xf1d4000, -1}, {0, 0xf1d4000, 0}, {2, 0xf1d4000, 1}}}},
        {0x18024000, 0x1000, 1, 2, {{{0, 0x4cd4000, -1}, {1, 0x4cd4000, 0}}}},
        {0x12fa000,
         0x10000,
         6,
         4,
         {{{3, 0x3cb000, -1}, {4, 0x3cb000, 0}, {0, 0x3cc000, 6}, {1, 0x3cc000, 11}}}},
    };
    for (unsigned i = 0; i < array_len(ex); i++) {
        AUTO_FREE struct raid_map *map = NULL;
        assert_int_equal(raidz_map_create(&l, ex[i].offset, ex[i].psize, 50, &map), 0);
        assert_int_equal(map->nrows, ex[i].nrows);
        for (unsigned r = 0; r < 3 && r < map->nrows && ex[i].row[r][1].offset != 0; r++)
            expect_row(&map->row[r], ex[i].row[r], ex[i].ncols);
    }
}

static void stripe_across_the_reflow_offset_keeps_the_old_place(void **state)
{
    struct raidz_layout l = {.ashift = 9,
                             .nparity = 1,
                             .children = 4,
                             .expanding = true,
                             .synced = 512 * 302,
                             .copied = 512 * 302};
    AUTO_FREE struct raid_map *map = NULL;
    /* Old width 3: a row of three sectors, 300..302: the last one is not below sector 302. */
    assert_int_equal(raidz_map_create(&l, 512 * 300, 1024, 9, &map), 0);
    const struct raid_col *col = map->row[0].col;
    for (unsigned c = 0; c < 3; c++) {
        assert_int_equal(col[c].child, (300 + c) % 3);
        assert_int_equal(col[c].offset, (300 + c) / 3 * 512);
        assert_int_equal(col[c].has_shadow, c < 2);
    }
    assert_int_equal(col[1].shadow_child, 301 % 4);
    assert_int_equal(col[1].shadow_offset, 301 / 4 * 512);
    free(map);
    l.synced = l.copied = 512 * 303;
    l.scratch = true;
    assert_int_equal(raidz_map_create(&l, 512 * 300, 1024, 9, &map), 0);
    assert_int_equal(map->row[0].col[0].child, 300 % 4);
    assert_int_equal(map->row[0].col[0].offset, 300ull / 4 * 512 - 0x380000);
}

static void expanded_map_is_the_standard_map_at_equal_width(void **state)
{
    for (unsigned p = 1; p <= 3; p++) {
        for (unsigned n = p + 1; n <= 9; n++) {
            struct raidz_layout l = {.ashift = 9, .nparity = p, .children = n};
            for (uint64_t sectors = 1; sectors <= 60; sectors++) {
                uint64_t offset = (sectors * 7919 << 9) | (sectors % 2 << 20);
                AUTO_FREE struct raid_map *a = NULL, *b = NULL;
                assert_int_equal(raidz_map_standard(&l, n, offset, sectors << 9, &a), 0);
                assert_int_equal(raidz_map_expanded(&l, n, offset, sectors << 9, &b), 0);
                assert_int_equal(a->asize, b->asize);
                for (unsigned r = 0; r < b->nrows; r++) {
                    for (unsigned c = 0; c < b->row[r].ncols; c++) {
                        const struct raid_col *x = &a->row[0].col[c], *y = &b->row[r].col[c];
                        if (y->size == 0) {
                            assert_true(x->size <= (uint64_t)r << 9);
                            continue;
                        }
                        assert_int_equal(x->child, y->child);
                        assert_int_equal(x->offset + (r << 9), y->offset);
                        if (c >= p)
                            assert_int_equal(x->pos + (r << 9), y->pos);
                    }
                }
            }
        }
    }
}

static void sizes(void **state)
{
    struct raidz_layout z1 = {.ashift = 12, .nparity = 1, .children = 4};
    struct raidz_layout z2 = {.ashift = 12, .nparity = 2, .children = 5};
    assert_int_equal(raidz_asize(&z1, 0x10000, 0), 0x16000);
    assert_int_equal(raidz_asize(&z2, 0x1000, 0), 0x3000);
    assert_int_equal(raidz_asize(&z2, 0x4000, 0), 0x9000);
    assert_int_equal(raidz_psize(&z2, 0x9000, 0), 0x5000);
    assert_int_equal(131072 / (raidz_asize(&z2, 131072, 0) >> 9), 303);
    for (unsigned p = 1; p <= 3; p++)
        for (unsigned n = p + 1; n < 14; n++)
            for (uint64_t s = 1; s < 300; s++) {
                struct raidz_layout l = {.ashift = 9, .nparity = p, .children = n};
                uint64_t asize = raidz_asize(&l, s << 9, 1);
                assert_true(raidz_psize(&l, asize, 1) >= s << 9);
                AUTO_FREE struct raid_map *map = NULL;
                assert_int_equal(raidz_map_create(&l, 0, s << 9, 1, &map), 0);
                assert_int_equal(map->asize, asize);
            }
}

static void width_follows_the_birth_txg(void **state)
{
    const uint64_t txgs[] = {100, 200};
    struct raidz_layout l = {.ashift = 12, .nparity = 1, .children = 6, .ntxgs = 2, .txgs = txgs};
    assert_int_equal(raidz_logical_width(&l, 0), 4);
    assert_int_equal(raidz_logical_width(&l, 99), 4);
    assert_int_equal(raidz_logical_width(&l, 100), 5);
    assert_int_equal(raidz_logical_width(&l, 199), 5);
    assert_int_equal(raidz_logical_width(&l, 200), 6);
    l.expanding = true;
    assert_int_equal(raidz_logical_width(&l, 0), 3);
    assert_int_equal(raidz_logical_width(&l, 1000), 5);
    assert_int_equal(raidz_original_width(&l), 3);
}

static void impossible_input_is_refused(void **state)
{
    struct raidz_layout l = {.ashift = 12, .nparity = 1, .children = 3};
    struct raid_map *map = NULL;
    assert_int_equal(raidz_map_create(&l, 0x800, 0x1000, 1, &map), ZE_BADBP);
    assert_int_equal(raidz_map_create(&l, 0, 0x800, 1, &map), ZE_BADBP);
    assert_int_equal(raidz_map_create(&l, 0, 0, 1, &map), ZE_BADBP);
    assert_int_equal(raidz_map_create(&l, 0, 1ull << 40, 1, &map), ZE_BADBP);
    const uint64_t txgs[] = {5, 4, 6};
    struct raidz_layout bad[] = {
        {.ashift = 12, .nparity = 0, .children = 3},
        {.ashift = 12, .nparity = 4, .children = 8},
        {.ashift = 12, .nparity = 2, .children = 2},
        {.ashift = 12, .nparity = 1, .children = 256},
        {.ashift = 30, .nparity = 1, .children = 3},
        {.ashift = 12, .nparity = 1, .children = 4, .ntxgs = 3, .txgs = txgs},
        {.ashift = 12, .nparity = 1, .children = 9, .ntxgs = 3, .txgs = txgs},
        {.ashift = 12, .nparity = 1, .children = 2, .expanding = true},
    };
    for (unsigned i = 0; i < array_len(bad); i++)
        assert_int_equal(raidz_layout_check(&bad[i]), ZE_VDEVCONFIG);
}

static void translation_covers_what_the_map_uses(void **state)
{
    struct raidz_layout l = {.ashift = 9, .nparity = 1, .children = 5};
    for (uint64_t first = 0; first < 40; first++) {
        for (uint64_t n = 1; n < 30; n++) {
            uint64_t total = 0;
            for (unsigned c = 0; c < 5; c++) {
                uint64_t a, b;
                raidz_translate(&l, c, first << 9, (first + n) << 9, &a, &b);
                assert_true(a <= b);
                total += b - a;
                for (uint64_t s = first; s < first + n; s++)
                    if (s % 5 == c)
                        assert_true(s / 5 << 9 >= a && s / 5 << 9 < b);
            }
            assert_int_equal(total, n << 9);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_map_gives_the_real_places),
        cmocka_unit_test(expanding_map_gives_the_real_places),
        cmocka_unit_test(stripe_across_the_reflow_offset_keeps_the_old_place),
        cmocka_unit_test(expanded_map_is_the_standard_map_at_equal_width),
        cmocka_unit_test(sizes),
        cmocka_unit_test(width_follows_the_birth_txg),
        cmocka_unit_test(impossible_input_is_refused),
        cmocka_unit_test(translation_covers_what_the_map_uses),
    };
    return cmocka_run_group_tests_name("raidz_map", tests, NULL, NULL);
}
