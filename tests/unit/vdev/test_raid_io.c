/* SPDX-License-Identifier: MIT */
/*
 * RAID-Z and dRAID on simulated disks: blocks laid down by an independent writer are read back with
 * every combination of missing, silently damaged and failing devices up to the parity, and beyond
 * it, where the read must fail. Also what the engine writes, repairs and blames.
 */
#include "raid_rig.h"

#include "vdev/draid_map.h"
#include "vdev/raid_sitout.h"

#define DISK_SIZE (96ull << 20)

static const uint64_t txg_of_blocks = 50;

/* ---- damage ---- */

enum damage { NONE, MISSING, CORRUPT, FAILING };

/* What belongs on disk: computed once, the slow writer is slow. */
struct image {
    const struct raid_col *col;
    uint8_t *bytes;
    uint64_t n;
};

struct scene {
    struct rig *rig;
    const struct raid_map *map;
    const uint8_t *block;
    enum damage damage[RAID_MAX_CHILDREN];
    struct image *image;
    unsigned nimages;
};

static void keep_image(void *arg, const struct raid_col *col, const uint8_t *bytes, uint64_t n)
{
    struct scene *s = arg;
    s->image = realloc(s->image, (s->nimages + 1) * sizeof(*s->image));
    uint8_t *copy = malloc(n + 1);
    memcpy(copy, bytes, n);
    s->image[s->nimages++] = (struct image){col, copy, n};
}

static void free_images(struct scene *s)
{
    for (unsigned i = 0; i < s->nimages; i++)
        free(s->image[i].bytes);
    free(s->image);
}

static void corrupt_col(void *arg, const struct raid_col *col, const uint8_t *bytes, uint64_t n)
{
    struct scene *s = arg;
    if (s->damage[col->child] != CORRUPT || n == 0)
        return;
    uint8_t *bad = malloc(n);
    for (uint64_t i = 0; i < n; i++)
        bad[i] = (uint8_t)(bytes[i] ^ (1 + rig_random(s->rig) % 255));
    poke(s->rig, col->child, col->offset, bad, n);
    free(bad);
}

static void fail_requests(void *arg, const struct sim_request *req, struct sim_verdict *v)
{
    struct scene *s = arg;
    for (unsigned i = 0; i < s->rig->ndisks; i++)
        if (s->rig->disk[i] == req->disk && s->damage[i] == FAILING && req->op == DEVICE_READ &&
            req->offset >= VDEV_START_OFFSET && req->offset < DISK_SIZE * 8 - VDEV_END_RESERVE)
            v->err = ZE_IO;
}

static void apply(struct scene *s)
{
    for (unsigned i = 0; i < s->rig->top->nchildren; i++)
        atomic_store(&s->rig->top->child[i]->cant_read, s->damage[i] == MISSING);
    for (unsigned i = 0; i < s->nimages; i++)
        corrupt_col(s, s->image[i].col, s->image[i].bytes, s->image[i].n);
    sim_world_set_hook(s->rig->world, fail_requests, s);
}

static void heal(struct scene *s)
{
    sim_world_set_hook(s->rig->world, NULL, NULL);
    for (unsigned i = 0; i < s->rig->top->nchildren; i++)
        atomic_store(&s->rig->top->child[i]->cant_read, false);
    for (unsigned i = 0; i < s->nimages; i++)
        if (s->damage[s->image[i].col->child] == CORRUPT)
            slow_put(s->rig, s->image[i].col, s->image[i].bytes, s->image[i].n);
}

/* Most failures in one row. */
static unsigned worst_row(const struct scene *s)
{
    unsigned worst = 0;
    for (unsigned i = 0; i < s->map->nrows; i++) {
        unsigned n = 0;
        for (unsigned c = 0; c < s->map->row[i].ncols; c++)
            n += s->map->row[i].col[c].size > 0 && s->damage[s->map->row[i].col[c].child] != NONE;
        worst = max_of(worst, n);
    }
    return worst;
}

static void read_damaged(struct scene *s, uint64_t offset, uint64_t psize)
{
    unsigned kinds[4] = {0}, bad = 0;
    for (unsigned i = 0; i < RAID_MAX_CHILDREN; i++)
        kinds[s->damage[i]]++;
    apply(s);
    uint8_t *buf = iobuf_alloc(s->map->size);
    memset(buf, 0xa5, s->map->size);
    int err = rig_read_flags(s->rig->top, offset, psize, txg_of_blocks, buf, s->block, 0, &bad);
    unsigned lost = worst_row(s);
    if (lost <= s->map->nparity && kinds[CORRUPT] <= s->map->nparity)
        assert_int_equal(err, 0);
    if (lost > s->map->nparity)
        assert_int_not_equal(err, 0);
    if (err != 0 && kinds[MISSING] + kinds[FAILING] == 0)
        assert_int_equal(err, ZE_CKSUM);
    if (err == 0)
        assert_memory_equal(buf, s->block, psize);
    iobuf_free(buf, s->map->size);
    heal(s);
}

/* ---- subsets of the children a block uses ---- */

static unsigned used_children(const struct raid_map *map, unsigned *list)
{
    bool used[RAID_MAX_CHILDREN] = {false};
    unsigned n = 0;
    for (unsigned i = 0; i < map->nrows; i++)
        for (unsigned c = 0; c < map->row[i].ncols; c++)
            if (map->row[i].col[c].size > 0)
                used[map->row[i].col[c].child] = true;
    for (unsigned i = 0; i < RAID_MAX_CHILDREN; i++)
        if (used[i])
            list[n++] = i;
    return n;
}

static enum damage random_damage(struct rig *r)
{
    uint64_t x = rig_random(r) >> 40;
    return x % 8 < 4 ? CORRUPT : x % 8 < 7 ? MISSING : FAILING;
}

static void try_subset(struct scene *s, const unsigned *used, uint32_t mask, bool all_corrupt,
                       uint64_t offset, uint64_t psize)
{
    memset(s->damage, 0, sizeof(s->damage));
    for (unsigned i = 0; i < 32; i++)
        if ((mask & 1u << i) != 0)
            s->damage[used[i]] = all_corrupt ? CORRUPT : random_damage(s->rig);
    read_damaged(s, offset, psize);
}

/* Every subset up to one more than parity if there are few, else `samples` of them. */
static void damage_block(struct rig *r, const struct raid_map *map, const uint8_t *block,
                         uint64_t offset, uint64_t psize, unsigned samples)
{
    struct scene *s = calloc(1, sizeof(*s));
    unsigned used[RAID_MAX_CHILDREN], n = used_children(map, used);
    *s = (struct scene){.rig = r, .map = map, .block = block};
    assert_true(n < 32);
    slow_each(map, block, keep_image, s);
    for (unsigned i = 0; i < s->nimages; i++)
        slow_put(r, s->image[i].col, s->image[i].bytes, s->image[i].n);
    unsigned total = 0;
    for (uint32_t mask = 0; mask < 1u << n; mask++)
        total += (unsigned)__builtin_popcount(mask) <= map->nparity + 1;
    for (uint32_t mask = 0; mask < 1u << n; mask++) {
        if ((unsigned)__builtin_popcount(mask) > map->nparity + 1)
            continue;
        if (total > samples && rig_random(r) % total >= samples)
            continue;
        try_subset(s, used, mask, false, offset, psize);
        if (total <= samples)
            try_subset(s, used, mask, true, offset, psize);
    }
    free_images(s);
    free(s);
}

/* ---- RAID-Z ---- */

static void open_raidz(struct rig *r, unsigned nparity, unsigned n, unsigned ashift, bool writable)
{
    rig_init(r, n, DISK_SIZE, 1u << ashift);
    struct nvlist *nv = rig_row("raidz", 0, 0, n, ashift);
    nvlist_add_u64(nv, "nparity", nparity);
    rig_open(r, &nv, 1, writable);
}

static uint64_t random_offset(struct rig *r, uint64_t limit, unsigned ashift)
{
    return (rig_random(r) >> 8) % (limit >> ashift) << ashift;
}

static const uint64_t psizes[] = {512, 1024, 4096, 4608, 12288, 20480, 131072, 1048576};

static void raidz_geometry(unsigned nparity, unsigned n, unsigned ashift)
{
    struct rig r;
    open_raidz(&r, nparity, n, ashift, false);
    struct raidz_layout l = {.ashift = ashift, .nparity = nparity, .children = n};
    for (unsigned i = 0; i < array_len(psizes); i++) {
        uint64_t size = round_up_pow2(psizes[i], 1ull << ashift);
        uint64_t offset = random_offset(&r, 64u << 20, ashift);
        AUTO_FREE struct raid_map *map = NULL;
        assert_int_equal(raidz_map_create(&l, offset, size, txg_of_blocks, &map), 0);
        uint8_t *block = iobuf_alloc(size);
        memset(block, 0, size);
        rig_fill(&r, block, psizes[i]);
        damage_block(&r, map, block, offset, psizes[i],
                     size > 65536 ? (size > 1000000 ? 2 : 6)
                     : n <= 7     ? 200
                                  : 30);
        iobuf_free(block, size);
    }
    rig_fini(&r);
}

static void raidz_survives_parity_many_failures(void **state)
{
    for (unsigned p = 1; p <= 3; p++)
        for (unsigned n = p + 1; n <= 12; n++)
            for (unsigned ashift = 9; ashift <= 12; ashift += 3)
                raidz_geometry(p, n, ashift);
}

static void raidz_writes_what_the_slow_writer_writes(void **state)
{
    for (unsigned p = 1; p <= 3; p++) {
        for (unsigned n = p + 1; n <= 12; n += 2) {
            struct rig r;
            open_raidz(&r, p, n, 9, true);
            struct raidz_layout l = {.ashift = 9, .nparity = p, .children = n};
            for (unsigned i = 0; i < array_len(psizes); i++) {
                uint64_t offset = random_offset(&r, 64u << 20, 9);
                AUTO_FREE struct raid_map *map = NULL;
                assert_int_equal(raidz_map_create(&l, offset, psizes[i], 7, &map), 0);
                uint8_t *block = iobuf_alloc(psizes[i]);
                rig_fill(&r, block, psizes[i]);
                assert_int_equal(rig_write(r.top, offset, psizes[i], 7, block), 0);
                rig_expect_block(&r, map, block);
                iobuf_free(block, psizes[i]);
            }
            rig_fini(&r);
        }
    }
}

static void degraded_write_succeeds_up_to_parity(void **state)
{
    struct rig r;
    open_raidz(&r, 2, 5, 9, true);
    struct raidz_layout l = {.ashift = 9, .nparity = 2, .children = 5};
    uint8_t *block = iobuf_alloc(65536), *buf = iobuf_alloc(65536);
    rig_fill(&r, block, 65536);
    atomic_store(&r.top->child[1]->cant_write, true);
    atomic_store(&r.top->child[3]->cant_write, true);
    assert_int_equal(rig_write(r.top, 512 * 77, 65536, 7, block), 0);
    atomic_store(&r.top->child[1]->cant_read, true);
    atomic_store(&r.top->child[3]->cant_read, true);
    assert_int_equal(rig_read(r.top, 512 * 77, 65536, 7, buf, block), 0);
    atomic_store(&r.top->child[0]->cant_write, true);
    assert_int_not_equal(rig_write(r.top, 512 * 77, 65536, 7, block), 0);
    AUTO_FREE struct raid_map *map = NULL;
    assert_int_equal(raidz_map_create(&l, 512 * 77, 65536, 7, &map), 0);
    iobuf_free(block, 65536);
    iobuf_free(buf, 65536);
    rig_fini(&r);
}

static void bad_columns_are_blamed_and_rewritten(void **state)
{
    struct rig r;
    open_raidz(&r, 2, 6, 9, true);
    struct raidz_layout l = {.ashift = 9, .nparity = 2, .children = 6};
    AUTO_FREE struct raid_map *map = NULL;
    uint64_t offset = 512 * 1001, size = 40 * 512;
    assert_int_equal(raidz_map_create(&l, offset, size, 7, &map), 0);
    uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
    rig_fill(&r, block, size);
    rig_put_block(&r, map, block);
    unsigned data = map->row[0].col[3].child, parity = map->row[0].col[1].child, bad = 0;
    struct scene *s = calloc(1, sizeof(*s));
    *s = (struct scene){.rig = &r, .map = map, .block = block};
    s->damage[data] = s->damage[parity] = CORRUPT;
    slow_each(map, block, corrupt_col, s);
    assert_int_equal(rig_read_flags(r.top, offset, size, 7, buf, block, 0, &bad), 0);
    assert_int_equal(bad, 2);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(r.top->child[i]->stats.checksum_errors, i == data || i == parity);
    rig_expect_block(&r, map, block); /* healed */

    /* Parity alone: only a scrub sees it. */
    s->damage[data] = NONE;
    slow_each(map, block, corrupt_col, s);
    assert_int_equal(rig_read_flags(r.top, offset, size, 7, buf, block, 0, &bad), 0);
    assert_int_equal(bad, 0);
    assert_int_equal(rig_read_flags(r.top, offset, size, 7, buf, block, VDEV_IO_SCRUB, &bad), 0);
    assert_int_equal(bad, 1);
    assert_int_equal(r.top->child[parity]->stats.checksum_errors, 2);
    rig_expect_block(&r, map, block);
    assert_int_equal(rig_read_flags(r.top, offset, size, 7, buf, block, VDEV_IO_SCRUB, &bad), 0);
    assert_int_equal(bad, 0);
    free(s);
    iobuf_free(block, size);
    iobuf_free(buf, size);
    rig_fini(&r);
}

static void stale_child_is_not_believed(void **state)
{
    struct rig r;
    open_raidz(&r, 1, 4, 9, false);
    struct raidz_layout l = {.ashift = 9, .nparity = 1, .children = 4};
    AUTO_FREE struct raid_map *map = NULL;
    uint64_t size = 30 * 512;
    assert_int_equal(raidz_map_create(&l, 0, size, 60, &map), 0);
    uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
    rig_fill(&r, block, size);
    rig_put_block(&r, map, block);
    unsigned stale = map->row[0].col[2].child, other = map->row[0].col[1].child;
    struct vdev *child = r.top->child[stale];
    assert_int_equal(range_tree_create(&child->dtl[VDEV_DTL_MISSING]), 0);
    assert_int_equal(range_tree_add(child->dtl[VDEV_DTL_MISSING], 50, 20), 0);
    struct scene *s = calloc(1, sizeof(*s));
    *s = (struct scene){.rig = &r, .map = map, .block = block};
    s->damage[stale] = CORRUPT;
    slow_each(map, block, corrupt_col, s);
    /* Without a checksum only the DTL tells, and it does. */
    assert_int_equal(rig_read(r.top, 0, size, 60, buf, NULL), 0);
    assert_memory_equal(buf, block, size);
    assert_int_equal(rig_read(r.top, 0, size, 60, buf, block), 0);
    assert_int_equal(child->stats.checksum_errors, 0);
    /* As a last resort its data is tried, and may be good after all. */
    rig_put_block(&r, map, block);
    atomic_store(&r.top->child[other]->cant_read, true);
    assert_int_equal(rig_read(r.top, 0, size, 60, buf, block), 0);
    free(s);
    iobuf_free(block, size);
    iobuf_free(buf, size);
    rig_fini(&r);
}

/* ---- expanded RAID-Z ---- */

struct address_space { /* sectors of a vdev by number, as a block of a given width fills them */
    struct rig *rig;
    unsigned ashift, old_width, phys, moved_width;
    uint64_t synced; /* sectors */
};

/* The block was laid out for old_width; each of its sectors then moved on by its number. */
static void put_moved(void *arg, const struct raid_col *col, const uint8_t *bytes, uint64_t n)
{
    struct address_space *a = arg;
    uint64_t sector = 1ull << a->ashift;
    for (uint64_t i = 0; i * sector < n; i++) {
        uint64_t b = ((col->offset >> a->ashift) + i) * a->old_width + col->child;
        unsigned w = b < a->synced ? a->phys : a->phys - 1;
        poke(a->rig, (unsigned)(b % w), (b / w) << a->ashift, bytes + i * sector, sector);
        if (b < a->synced) /* what was there before may be anything now */
            continue;
    }
}

static void expanded_geometry(unsigned p, unsigned old, unsigned phys, unsigned ashift,
                              bool expanding)
{
    struct rig r;
    rig_init(&r, phys, DISK_SIZE, 1u << ashift);
    struct nvlist *nv = rig_row("raidz", 0, 0, phys, ashift);
    nvlist_add_u64(nv, "nparity", p);
    uint64_t txgs[16];
    unsigned ntxgs = phys - old - (expanding ? 1 : 0);
    for (unsigned i = 0; i < ntxgs; i++)
        txgs[i] = 100 + i;
    if (ntxgs > 0)
        nvlist_add_u64_array(nv, "raidz_expand_txgs", txgs, ntxgs);
    if (expanding)
        nvlist_add_boolean(nv, "raidz_expanding");
    rig_open(&r, &nv, 1, false);
    struct raidz_layout l = {.ashift = ashift, .nparity = p, .children = old};
    struct raidz_layout now = {.ashift = ashift,
                               .nparity = p,
                               .children = phys,
                               .ntxgs = ntxgs,
                               .txgs = txgs,
                               .expanding = expanding};
    for (unsigned i = 0; i < array_len(psizes); i++) {
        uint64_t size = round_up_pow2(psizes[i], 1ull << ashift);
        uint64_t offset = random_offset(&r, 24u << 20, ashift);
        AUTO_FREE struct raid_map *map = NULL, *real = NULL;
        assert_int_equal(raidz_map_standard(&l, old, offset, size, &map), 0);
        /* Somewhere in the block; rows that straddle the point are still read at the old place. */
        uint64_t middle = (offset >> ashift) + rig_random(&r) % (map->asize >> ashift);
        uint64_t at = middle - (middle - (offset >> ashift)) % old;
        r.tree->raidz_reflow_offset = now.synced = now.copied = at << ashift;
        r.tree->raidz_reflow_state = 4;
        struct address_space a = {&r, ashift, old, phys, 0, expanding ? at : UINT64_MAX};
        uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
        memset(block, 0, size);
        rig_fill(&r, block, psizes[i]);
        slow_each(map, block, put_moved, &a);
        assert_int_equal(rig_read(r.top, offset, psizes[i], txg_of_blocks, buf, block), 0);
        assert_memory_equal(buf, block, psizes[i]);
        assert_int_equal(rig_read_flags(r.top, offset, psizes[i], txg_of_blocks, buf, block,
                                        VDEV_IO_SCRUB, NULL),
                         0);
        for (unsigned c = 0; c < phys; c++)
            assert_int_equal(r.top->child[c]->stats.checksum_errors, 0);
        assert_int_equal(raidz_map_create(&now, offset, size, txg_of_blocks, &real), 0);
        damage_block(&r, real, block, offset, psizes[i], size > 65536 ? 2 : 12);
        for (unsigned c = 0; c < phys; c++)
            r.top->child[c]->stats.checksum_errors = 0;
        iobuf_free(block, size);
        iobuf_free(buf, size);
    }
    rig_fini(&r);
}

static void expanded_raidz_survives_too(void **state)
{
    for (unsigned p = 1; p <= 3; p++)
        for (unsigned old = p + 1; old <= 6; old++)
            for (unsigned more = 1; more <= 3; more++)
                for (unsigned expanding = 0; expanding < 2; expanding++)
                    if (more == 1 || !expanding)
                        expanded_geometry(p, old, old + more, old % 2 != 0 ? 9 : 12,
                                          expanding != 0);
}

/* A disk was bad while the vdev was narrower: after the reflow its sectors are on all disks. */
static void damage_from_before_an_expansion_is_found(void **state)
{
    for (unsigned p = 1; p <= 3; p++) {
        struct rig r;
        unsigned old = p + 3, phys = old + 2;
        rig_init(&r, phys, DISK_SIZE, 512);
        struct nvlist *nv = rig_row("raidz", 0, 0, phys, 9);
        const uint64_t txgs[] = {100, 200};
        nvlist_add_u64(nv, "nparity", p);
        nvlist_add_u64_array(nv, "raidz_expand_txgs", txgs, 2);
        rig_open(&r, &nv, 1, false);
        struct raidz_layout l = {.ashift = 9, .nparity = p, .children = old};
        AUTO_FREE struct raid_map *map = NULL;
        uint64_t size = 37 * 512, offset = 512 * 4711;
        assert_int_equal(raidz_map_standard(&l, old, offset, size, &map), 0);
        uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
        rig_fill(&r, block, size);
        struct address_space a = {&r, 9, old, phys, 0, UINT64_MAX};
        slow_each(map, block, put_moved, &a);
        for (unsigned c = 0; c < p; c++) { /* p whole columns of the old layout */
            const struct raid_col *col = &map->row[0].col[p + c];
            for (uint64_t i = 0; i < col->size >> 9; i++) {
                uint64_t b = ((col->offset >> 9) + i) * old + col->child;
                uint8_t junk[512];
                rig_fill(&r, junk, 512);
                poke(&r, (unsigned)(b % phys), b / phys << 9, junk, 512);
            }
        }
        assert_int_equal(rig_read(r.top, offset, size, txg_of_blocks, buf, block), 0);
        assert_memory_equal(buf, block, size);
        iobuf_free(block, size);
        iobuf_free(buf, size);
        rig_fini(&r);
    }
}

static void expanding_write_goes_to_both_places(void **state)
{
    struct rig r;
    rig_init(&r, 4, DISK_SIZE, 512);
    struct nvlist *nv = rig_row("raidz", 0, 0, 4, 9);
    nvlist_add_u64(nv, "nparity", 1);
    nvlist_add_boolean(nv, "raidz_expanding");
    rig_open(&r, &nv, 1, true);
    r.tree->raidz_reflow_offset = 512 * 6000;
    struct raidz_layout l = {.ashift = 9,
                             .nparity = 1,
                             .children = 4,
                             .expanding = true,
                             .synced = 512 * 6000,
                             .copied = 512 * 6000};
    uint64_t size = 20 * 512, offset = 512 * 5995;
    AUTO_FREE struct raid_map *map = NULL;
    assert_int_equal(raidz_map_create(&l, offset, size, 9, &map), 0);
    uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
    rig_fill(&r, block, size);
    assert_int_equal(rig_write(r.top, offset, size, 9, block), 0);
    rig_expect_block(&r, map, block);
    assert_int_equal(rig_read(r.top, offset, size, 9, buf, block), 0);
    unsigned shadows = 0;
    for (unsigned i = 0; i < map->nrows; i++) {
        for (unsigned c = 0; c < map->row[i].ncols; c++) {
            const struct raid_col *col = &map->row[i].col[c];
            uint8_t a[512], b[512];
            if (!col->has_shadow || col->size == 0)
                continue;
            shadows++;
            peek(&r, col->child, col->offset, a, 512);
            peek(&r, col->shadow_child, col->shadow_offset, b, 512);
            assert_memory_equal(a, b, 512);
        }
    }
    assert_true(shadows > 0);
    iobuf_free(block, size);
    iobuf_free(buf, size);
    rig_fini(&r);
}

static void scratch_area_is_read_before_the_copy_back(void **state)
{
    struct rig r;
    rig_init(&r, 4, DISK_SIZE, 512);
    struct nvlist *nv = rig_row("raidz", 0, 0, 4, 9);
    nvlist_add_u64(nv, "nparity", 1);
    nvlist_add_boolean(nv, "raidz_expanding");
    rig_open(&r, &nv, 1, false);
    r.tree->raidz_reflow_offset = 4 * 0x380000;
    r.tree->raidz_reflow_state = 1;
    struct raidz_layout l = {.ashift = 9,
                             .nparity = 1,
                             .children = 4,
                             .expanding = true,
                             .synced = 4 * 0x380000,
                             .copied = 4 * 0x380000,
                             .scratch = true};
    uint64_t size = 50 * 512, offset = 512 * 900;
    AUTO_FREE struct raid_map *map = NULL;
    assert_int_equal(raidz_map_create(&l, offset, size, 9, &map), 0);
    uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
    rig_fill(&r, block, size);
    rig_put_block(&r, map, block);
    uint8_t sector[512]; /* first data sector: number 901 of the vdev, on four disks */
    assert_int_equal(sim_disk_peek(r.disk[901 % 4], 0x80000 + 901 / 4 * 512, sector, 512), 0);
    assert_memory_equal(sector, block, 512);
    assert_int_equal(rig_read(r.top, offset, size, 9, buf, block), 0);
    atomic_store(&r.top->child[2]->cant_read, true);
    assert_int_equal(rig_read(r.top, offset, size, 9, buf, block), 0);
    iobuf_free(block, size);
    iobuf_free(buf, size);
    rig_fini(&r);
}

/* ---- dRAID ---- */

static void open_draid(struct rig *r, struct draid_layout *l, bool writable)
{
    rig_init(r, l->width, (32u << 20) + (5 * 16u << 20) + (8u << 20), 1u << l->ashift);
    assert_int_equal(draid_layout_init(l), 0);
    struct nvlist *nv = rig_row("draid", 0, 0, l->width, l->ashift);
    nvlist_add_u64(nv, "nparity", l->nparity);
    nvlist_add_u64(nv, "draid_ndata", l->ndata);
    nvlist_add_u64(nv, "draid_nspares", l->nspares);
    nvlist_add_u64(nv, "draid_ngroups", l->ngroups);
    if (l->group_children != l->width)
        nvlist_add_u64(nv, "draid_nchildren", l->group_children);
    rig_open(r, &nv, 1, writable);
}

static const struct draid_layout draids[] = {
    {.ashift = 12,
     .nparity = 1,
     .ndata = 2,
     .nspares = 1,
     .ngroups = 2,
     .group_children = 7,
     .width = 7},
    {.ashift = 9,
     .nparity = 1,
     .ndata = 1,
     .nspares = 0,
     .ngroups = 1,
     .group_children = 2,
     .width = 2},
    {.ashift = 9,
     .nparity = 2,
     .ndata = 3,
     .nspares = 2,
     .ngroups = 9,
     .group_children = 11,
     .width = 11},
    {.ashift = 12,
     .nparity = 3,
     .ndata = 4,
     .nspares = 1,
     .ngroups = 1,
     .group_children = 8,
     .width = 8},
    {.ashift = 9,
     .nparity = 3,
     .ndata = 5,
     .nspares = 3,
     .ngroups = 5,
     .group_children = 13,
     .width = 13},
    {.ashift = 9,
     .nparity = 1,
     .ndata = 3,
     .nspares = 2,
     .ngroups = 2,
     .group_children = 5,
     .width = 10},
};

static void draid_survives_parity_many_failures(void **state)
{
    for (unsigned d = 0; d < array_len(draids); d++) {
        struct rig r;
        struct draid_layout l = draids[d];
        open_draid(&r, &l, false);
        uint64_t row = (uint64_t)l.group_width << l.ashift;
        for (unsigned i = 0; i < array_len(psizes) + 1; i++) {
            bool across = i == array_len(psizes); /* two rows, in two groups */
            uint64_t psize = across ? 12 * ((uint64_t)l.ndata << l.ashift) : psizes[i];
            uint64_t size = round_up_pow2(psize, 1ull << l.ashift);
            uint64_t offset =
                across ? l.group_size - 5 * row : rig_random(&r) % (l.group_size * 2 / row) * row;
            if (offset + draid_asize(&l, size) > r.top->asize)
                continue;
            AUTO_FREE struct raid_map *map = NULL;
            assert_int_equal(draid_map_create(&l, offset, size, &map), 0);
            uint8_t *block = iobuf_alloc(size);
            memset(block, 0, size);
            rig_fill(&r, block, psize);
            damage_block(&r, map, block, offset, psize, size > 65536 ? 4 : 40);
            iobuf_free(block, size);
        }
        draid_layout_fini(&l);
        rig_fini(&r);
    }
}

static void soil(void *arg, const struct raid_col *col, const uint8_t *bytes, uint64_t n)
{
    uint8_t *junk = malloc(n + 1);
    memset(junk, 0xee, n + 1);
    poke(arg, col->child, col->offset, junk, n);
    free(junk);
}

static void draid_writes_what_the_slow_writer_writes(void **state)
{
    for (unsigned d = 0; d < array_len(draids); d++) {
        struct rig r;
        struct draid_layout l = draids[d];
        open_draid(&r, &l, true);
        uint64_t row = (uint64_t)l.group_width << l.ashift;
        for (unsigned i = 0; i < array_len(psizes); i++) {
            uint64_t size = round_up_pow2(psizes[i], 1ull << l.ashift);
            uint64_t offset = l.group_size - (i % 3 + 1) * row;
            AUTO_FREE struct raid_map *map = NULL;
            assert_int_equal(draid_map_create(&l, offset, size, &map), 0);
            uint8_t *block = iobuf_alloc(size);
            memset(block, 0, size);
            rig_fill(&r, block, psizes[i]);
            slow_each(map, block, soil, &r); /* padding must be written, not found there */
            assert_int_equal(rig_write(r.top, offset, psizes[i], 7, block), 0);
            rig_expect_block(&r, map, block);
            iobuf_free(block, size);
        }
        draid_layout_fini(&l);
        rig_fini(&r);
    }
}

static void draid_padding_that_is_not_zero_is_found_by_a_scrub(void **state)
{
    struct rig r;
    struct draid_layout l = draids[0];
    open_draid(&r, &l, true);
    AUTO_FREE struct raid_map *map = NULL;
    uint64_t size = 3 * 4096;
    assert_int_equal(draid_map_create(&l, 0x3000 * 50, size, &map), 0);
    uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
    rig_fill(&r, block, size);
    rig_put_block(&r, map, block);
    const struct raid_col *col = &map->row[0].col[2];
    assert_int_equal(col->empty, 4096);
    poke(&r, col->child, col->offset + col->size + 100, "x", 1);
    unsigned bad = 0;
    assert_int_equal(rig_read_flags(r.top, 0x3000 * 50, size, 7, buf, block, 0, &bad), 0);
    assert_int_equal(bad, 0);
    assert_int_equal(rig_read_flags(r.top, 0x3000 * 50, size, 7, buf, block, VDEV_IO_SCRUB, &bad),
                     0);
    assert_int_equal(bad, 1);
    assert_int_equal(r.top->child[col->child]->stats.checksum_errors, 1);
    rig_expect_block(&r, map, block);
    iobuf_free(block, size);
    iobuf_free(buf, size);
    draid_layout_fini(&l);
    rig_fini(&r);
}

static void distributed_spare_stands_in(void **state)
{
    struct rig r;
    struct draid_layout l = draids[0];
    rig_init(&r, 7, (32u << 20) + (5 * 16u << 20) + (8u << 20), 4096);
    assert_int_equal(draid_layout_init(&l), 0);
    struct nvlist *child[7], *pair[2];
    for (unsigned i = 0; i < 7; i++)
        child[i] = rig_leaf(i, i);
    pair[0] = child[3];
    assert_int_equal(nvlist_create(&pair[1]), 0);
    nvlist_add_string(pair[1], "type", "dspare");
    nvlist_add_u64(pair[1], "id", 1);
    nvlist_add_u64(pair[1], "guid", 777);
    nvlist_add_u64(pair[1], "top_guid", 17); /* rig_group(): 10 + 0 * 17 + 7 */
    nvlist_add_u64(pair[1], "spareid", 0);
    nvlist_add_u64(pair[0], "id", 0);
    child[3] = rig_group("spare", 3, pair, 2);
    struct nvlist *nv = rig_group("draid", 0, child, 7);
    nvlist_add_u64(nv, "ashift", 12);
    nvlist_add_u64(nv, "metaslab_shift", 24);
    nvlist_add_u64(nv, "nparity", 1);
    nvlist_add_u64(nv, "draid_ndata", 2);
    nvlist_add_u64(nv, "draid_nspares", 1);
    nvlist_add_u64(nv, "draid_ngroups", 2);
    rig_open(&r, &nv, 1, true);
    struct vdev *spare = r.top->child[3]->child[1];
    assert_int_equal(spare->state, VDEV_STATE_HEALTHY);

    uint64_t size = 128 << 10;
    uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
    unsigned used = 0;
    for (unsigned g = 0; g < 6; g++) {
        AUTO_FREE struct raid_map *map = NULL;
        uint64_t offset = g * l.group_size + 0x3000 * 11;
        assert_int_equal(draid_map_create(&l, offset, size, &map), 0);
        rig_fill(&r, block, size);
        assert_int_equal(rig_write(r.top, offset, size, 7, block), 0);
        /* The original of child 3 is gone, and one more disk that is not where the spare is. */
        atomic_store(&r.top->child[3]->child[0]->cant_read, true);
        for (unsigned c = 0; c < 3; c++) {
            unsigned other = map->row[0].col[c].child;
            unsigned home = draid_spare_child(&l, 0, map->row[0].col[c].offset);
            if (other == 3) {
                used++;
                continue;
            }
            assert_int_not_equal(other, home);
            atomic_store(&r.top->child[other]->cant_read, true);
            assert_int_equal(rig_read(r.top, offset, size, 7, buf, block), 0);
            assert_memory_equal(buf, block, size);
            assert_int_equal(rig_read(r.top, offset, size, 7, buf, NULL), 0);
            assert_memory_equal(buf, block, size);
            atomic_store(&r.top->child[other]->cant_read, false);
        }
        atomic_store(&r.top->child[3]->child[0]->cant_read, false);
    }
    assert_true(used > 0);
    iobuf_free(block, size);
    iobuf_free(buf, size);
    draid_layout_fini(&l);
    rig_fini(&r);
}

/* ---- slow children ---- */

static void child_sits_out_and_is_reconstructed(void **state)
{
    struct rig r;
    open_raidz(&r, 1, 6, 9, false);
    struct raidz_layout l = {.ashift = 9, .nparity = 1, .children = 6};
    AUTO_FREE struct raid_map *map = NULL;
    uint64_t size = 50 * 512;
    assert_int_equal(raidz_map_create(&l, 0, size, 7, &map), 0);
    uint8_t *block = iobuf_alloc(size), *buf = iobuf_alloc(size);
    rig_fill(&r, block, size);
    rig_put_block(&r, map, block);
    unsigned slow = map->row[0].col[3].child;
    struct vdev_stats *stats = &r.top->child[slow]->stats;
    struct raid_sitout *s = vdev_raidz_sitout(r.top);
    atomic_store(&s->enabled, true);
    uint64_t now = env_mono_ns(&r.env);
    for (unsigned round = 0; round < 8; round++) { /* 5 points a look, out beyond 20 */
        assert_int_equal(raid_sitout_is_out(s, r.top, slow), round > 4);
        for (unsigned c = 0; c < 6; c++) {
            r.top->child[c]->stats.ops[DEVICE_READ] += 10;
            r.top->child[c]->stats.latency_ns[DEVICE_READ] += c == slow ? 9000000000 : 10000000 + c;
        }
        env_sim_advance(&r.env, 1000000001);
        raid_sitout_check(s, r.top);
    }
    for (unsigned c = 0; c < 6; c++)
        assert_int_equal(raid_sitout_is_out(s, r.top, c), c == slow);
    atomic_store(&s->enabled, false);
    uint64_t before = stats->ops[DEVICE_READ];
    assert_int_equal(rig_read(r.top, 0, size, 7, buf, block), 0);
    assert_int_equal(stats->ops[DEVICE_READ], before);
    assert_int_equal(rig_read_flags(r.top, 0, size, 7, buf, block, VDEV_IO_SCRUB, NULL), 0);
    assert_int_equal(stats->ops[DEVICE_READ], before + 1);
    /* Another disk is bad: the slow one is needed after all. */
    struct scene *x = calloc(1, sizeof(*x));
    *x = (struct scene){.rig = &r, .map = map, .block = block};
    x->damage[map->row[0].col[1].child] = CORRUPT;
    slow_each(map, block, corrupt_col, x);
    assert_int_equal(rig_read(r.top, 0, size, 7, buf, block), 0);
    assert_memory_equal(buf, block, size);
    assert_int_equal(stats->ops[DEVICE_READ], before + 2);
    assert_int_equal(stats->checksum_errors, 0);
    env_sim_advance(&r.env, 600 * 1000000000ull + (env_mono_ns(&r.env) - now));
    assert_false(raid_sitout_is_out(s, r.top, slow));
    free(x);
    iobuf_free(block, size);
    iobuf_free(buf, size);
    rig_fini(&r);
}

/* ---- many at once, on many threads ---- */

enum { AT_ONCE = 48 };

struct flight {
    struct rig_io r[AT_ONCE];
    uint8_t *block[AT_ONCE], *buf[AT_ONCE];
    struct done done;
    atomic_uint pending;
    atomic_int err;
};

static void landed(struct vdev_io *io, int err)
{
    struct flight *f = io->arg;
    if (err != 0)
        atomic_store(&f->err, err);
    if (atomic_fetch_sub(&f->pending, 1) == 1)
        done_signal(&f->done, 0);
}

static void reads_in_parallel_do_not_disturb_each_other(void **state)
{
    struct rig r;
    open_raidz(&r, 2, 7, 9, true);
    struct raidz_layout l = {.ashift = 9, .nparity = 2, .children = 7};
    struct flight *f = calloc(1, sizeof(*f));
    struct scene *s = calloc(1, sizeof(*s));
    uint64_t size = 100 * 512;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        uint64_t offset = (uint64_t)i << 20;
        AUTO_FREE struct raid_map *map = NULL;
        assert_int_equal(raidz_map_create(&l, offset, size, 7, &map), 0);
        f->block[i] = iobuf_alloc(size);
        f->buf[i] = iobuf_alloc(size);
        rig_fill(&r, f->block[i], size);
        rig_put_block(&r, map, f->block[i]);
        *s = (struct scene){.rig = &r, .map = map, .block = f->block[i]};
        s->damage[i % 7] = s->damage[(i / 2) % 7] = CORRUPT;
        if (i % 3 != 0)
            slow_each(map, f->block[i], corrupt_col, s);
    }
    sim_world_set_async(r.world, true);
    atomic_store(&r.top->child[4]->cant_read, false);
    for (unsigned round = 0; round < 4; round++) {
        done_init(&f->done);
        atomic_store(&f->pending, AT_ONCE);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            f->r[i] = (struct rig_io){.expect = f->block[i]};
            f->r[i].io = (struct vdev_io){.vd = r.top,
                                          .op = DEVICE_READ,
                                          .offset = (uint64_t)i << 20,
                                          .size = size,
                                          .buf = f->buf[i],
                                          .txg = 7,
                                          .verify = rig_verify,
                                          .done = landed,
                                          .arg = f};
            f->r[i].io.flags = round >= 2 ? VDEV_IO_SCRUB : 0;
            vdev_io_submit(&f->r[i].io);
        }
        done_wait(&f->done);
        assert_int_equal(atomic_load(&f->err), 0);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            assert_memory_equal(f->buf[i], f->block[i], size);
            if (round == 3)
                assert_int_equal(f->r[i].io.bad_copies, 0); /* healed, parity included */
        }
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        iobuf_free(f->block[i], size);
        iobuf_free(f->buf[i], size);
    }
    free(f);
    free(s);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raidz_survives_parity_many_failures),
        cmocka_unit_test(raidz_writes_what_the_slow_writer_writes),
        cmocka_unit_test(degraded_write_succeeds_up_to_parity),
        cmocka_unit_test(bad_columns_are_blamed_and_rewritten),
        cmocka_unit_test(stale_child_is_not_believed),
        cmocka_unit_test(expanded_raidz_survives_too),
        cmocka_unit_test(damage_from_before_an_expansion_is_found),
        cmocka_unit_test(expanding_write_goes_to_both_places),
        cmocka_unit_test(scratch_area_is_read_before_the_copy_back),
        cmocka_unit_test(draid_survives_parity_many_failures),
        cmocka_unit_test(draid_writes_what_the_slow_writer_writes),
        cmocka_unit_test(draid_padding_that_is_not_zero_is_found_by_a_scrub),
        cmocka_unit_test(distributed_spare_stands_in),
        cmocka_unit_test(child_sits_out_and_is_reconstructed),
        cmocka_unit_test(reads_in_parallel_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests_name("raid_io", tests, NULL, NULL);
}
