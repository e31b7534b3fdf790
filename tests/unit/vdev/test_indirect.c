/* SPDX-License-Identifier: MIT */
/* Removed vdevs (format/raid.md 7.2): mapping lookups, split blocks, and their reconstruction from
 * copies. */
#include "raid_rig.h"

#include "vdev/indirect.h"

#define DISK_SIZE (70ull << 20)

/* Top-levels: 0 indirect, 1 mirror of two, 2 mirror of three, 3 plain disk, 4 indirect onto 0. */
static void open_tree(struct rig *r, bool writable)
{
    rig_init(r, 6, DISK_SIZE, 512);
    struct nvlist *tops[5];
    for (unsigned i = 0; i < 5; i += 4) {
        assert_int_equal(nvlist_create(&tops[i]), 0);
        nvlist_add_string(tops[i], "type", "indirect");
        nvlist_add_u64(tops[i], "id", i);
        nvlist_add_u64(tops[i], "guid", 500 + i);
        nvlist_add_u64(tops[i], "asize", 64u << 20);
        nvlist_add_u64(tops[i], "ashift", 9);
        nvlist_add_u64(tops[i], "metaslab_shift", 24);
    }
    tops[1] = rig_row("mirror", 1, 0, 2, 9);
    tops[2] = rig_row("mirror", 2, 2, 3, 9);
    tops[3] = rig_leaf(5, 3);
    nvlist_add_u64(tops[3], "ashift", 9);
    nvlist_add_u64(tops[3], "metaslab_shift", 24);
    rig_open(r, tops, 5, writable);
}

static int set_mapping(struct vdev *vd, const struct vdev_indirect_entry *e, size_t n)
{
    struct vdev_indirect_entry *copy = malloc(n * sizeof(*e) + 1);
    struct vdev_indirect_birth *births = malloc(2 * sizeof(*births));
    memcpy(copy, e, n * sizeof(*e));
    births[0] = (struct vdev_indirect_birth){0x10000, 100};
    births[1] = (struct vdev_indirect_birth){0x4000000, 200};
    return vdev_indirect_set_mapping(vd, copy, n, births, 2);
}

static const struct vdev_indirect_entry first_map[] = {
    {0x1000, 0x3000, 1, 0x8000},
    {0x4000, 0x2000, 2, 0x20000},
    {0x6000, 0x2800, 3, 0x100000},
    {0x20000, 0x10000, 1, 0x40000},
};

struct seen {
    unsigned n;
    uint64_t vdev[8], offset[8], size[8], txg[8];
};

static int see(void *arg, struct vdev *target, uint64_t offset, uint64_t size, uint64_t txg)
{
    struct seen *s = arg;
    s->vdev[s->n] = target->id;
    s->offset[s->n] = offset;
    s->size[s->n] = size;
    s->txg[s->n++] = txg;
    return 0;
}

static void offsets_are_looked_up(void **state)
{
    struct rig r;
    open_tree(&r, false);
    struct vdev *second = r.tree->root->child[4];
    assert_int_equal(set_mapping(r.top, first_map, array_len(first_map)), 0);
    const struct vdev_indirect_entry onto[] = {{0, 0x1000, 0, 0x3800}, {0x1000, 0x200, 3, 0x5000}};
    assert_int_equal(set_mapping(second, onto, 2), 0);
    struct seen s = {0};
    assert_int_equal(vdev_indirect_remap(r.top, 0x2000, 0x5000, see, &s), 0);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.vdev[0], 1);
    assert_int_equal(s.offset[0], 0x9000);
    assert_int_equal(s.size[0], 0x2000);
    assert_int_equal(s.offset[2], 0x100000);
    assert_int_equal(s.size[2], 0x1000);
    s.n = 0;
    assert_int_equal(vdev_indirect_remap(second, 0x200, 0x1000, see, &s), 0);
    assert_int_equal(s.n, 3); /* through both mappings */
    assert_int_equal(s.vdev[0], 1);
    assert_int_equal(s.offset[0], 0x8000 + 0x2a00);
    assert_int_equal(s.size[0], 0x600);
    assert_int_equal(s.vdev[1], 2);
    assert_int_equal(s.offset[1], 0x20000);
    assert_int_equal(s.size[1], 0x800);
    assert_int_equal(s.vdev[2], 3);
    assert_int_equal(s.txg[2], 100);
    assert_int_equal(vdev_indirect_birth_of(r.top, 0xffff), 100);
    assert_int_equal(vdev_indirect_birth_of(r.top, 0x10000), 200);
    assert_int_equal(vdev_indirect_birth_of(r.top, 0x4000000), 0);
    assert_int_equal(vdev_indirect_remap(r.top, 0, 0x200, see, &s), ZE_BADVDEV);
    assert_int_equal(vdev_indirect_remap(r.top, 0x8600, 0x400, see, &s), ZE_BADVDEV);
    assert_int_equal(vdev_indirect_remap(r.top, 0x30000, 0x200, see, &s), ZE_BADVDEV);
    rig_fini(&r);
}

static void bad_mappings_are_refused(void **state)
{
    struct rig r;
    open_tree(&r, false);
    static const struct vdev_indirect_entry bad[][2] = {
        {{0, 0x1000, 1, 0}, {0x800, 0x1000, 1, 0x8000}},
        {{0, 0, 1, 0}, {0x800, 0x1000, 1, 0x8000}},
        {{0, 0x1000, 9, 0}, {0x1000, 0x1000, 1, 0x8000}},
        {{0, 0x1000, 0, 0}, {0x1000, 0x1000, 1, 0x8000}},
        {{0x100, 0x1000, 1, 0}, {0x2000, 0x1000, 1, 0x8000}},
        {{UINT64_MAX - 511, 0x1000, 1, 0}, {0x2000, 0x1000, 1, 0x8000}},
    };
    for (unsigned i = 0; i < array_len(bad); i++)
        assert_int_equal(set_mapping(r.top, bad[i], 2), ZE_BADVDEV);
    /* Two removed vdevs that point at each other. */
    const struct vdev_indirect_entry a = {0, 0x1000, 4, 0}, b = {0, 0x1000, 0, 0};
    assert_int_equal(set_mapping(r.top, &a, 1), 0);
    assert_int_equal(set_mapping(r.tree->root->child[4], &b, 1), 0);
    struct seen s = {0};
    assert_int_equal(vdev_indirect_remap(r.top, 0, 0x1000, see, &s), ZE_BADVDEV);
    uint8_t buf[512];
    assert_int_equal(rig_read(r.top, 0, 512, 5, buf, NULL), ZE_BADVDEV);
    /* As the object has it: offset 0x400, 0x200 bytes, to vdev 1 at 0x600. */
    const uint64_t raw[] = {2, (uint64_t)1 << 32 | 1, 3}, births[] = {0x1000, 77};
    assert_int_equal(vdev_indirect_set_mapping_raw(r.top, raw, 1, births, 1), 0);
    assert_int_equal(vdev_indirect_remap(r.top, 0x400, 0x200, see, &s), 0);
    assert_int_equal(s.vdev[0], 1);
    assert_int_equal(s.offset[0], 0x600);
    assert_int_equal(s.txg[0], 77);
    const uint64_t huge[] = {(uint64_t)1 << 62, (uint64_t)1 << 32 | 1, 3};
    assert_int_equal(vdev_indirect_set_mapping_raw(r.top, huge, 1, births, 1), ZE_BADVDEV);
    rig_fini(&r);
}

/* Where the pieces of a block at 0x2000, 0x5000 long, are: disk, offset on it, position in the
 * block, size. */
static const struct {
    unsigned disk;
    uint64_t offset, pos, size;
} homes[] = {
    {0, 0x9000, 0, 0x2000},       {1, 0x9000, 0, 0x2000},       {2, 0x20000, 0x2000, 0x2000},
    {3, 0x20000, 0x2000, 0x2000}, {4, 0x20000, 0x2000, 0x2000}, {5, 0x100000, 0x4000, 0x1000},
};

static void split_block_is_put_together_from_any_good_copies(void **state)
{
    struct rig r;
    open_tree(&r, true);
    assert_int_equal(set_mapping(r.top, first_map, array_len(first_map)), 0);
    uint8_t *block = iobuf_alloc(0x5000), *buf = iobuf_alloc(0x5000);
    rig_fill(&r, block, 0x5000);
    for (unsigned flags = 0; flags <= VDEV_IO_SCRUB; flags += VDEV_IO_SCRUB) {
        for (unsigned mask = 0; mask < 64; mask++) { /* which copies are damaged */
            for (unsigned i = 0; i < 6; i++) {
                poke(&r, homes[i].disk, homes[i].offset, block + homes[i].pos, homes[i].size);
                uint8_t junk = (uint8_t)~block[homes[i].pos + 9 + i];
                if ((mask & 1u << i) != 0)
                    poke(&r, homes[i].disk, homes[i].offset + 9 + i, &junk, 1);
            }
            bool lost = (mask & 3) == 3 || (mask & 0x1c) == 0x1c || (mask & 0x20) != 0;
            int err = rig_read_flags(r.top, 0x2000, 0x5000, 5, buf, block, flags, NULL);
            assert_int_equal(err, lost ? ZE_CKSUM : 0);
            if (lost)
                continue;
            assert_memory_equal(buf, block, 0x5000);
            if (flags == 0)
                continue; /* nothing wrong may have been noticed */
            for (unsigned i = 0; i < 6; i++) {
                peek(&r, homes[i].disk, homes[i].offset, buf, homes[i].size);
                assert_memory_equal(buf, block + homes[i].pos, homes[i].size);
            }
        }
    }
    iobuf_free(block, 0x5000);
    iobuf_free(buf, 0x5000);
    rig_fini(&r);
}

static void whole_block_is_read_from_its_new_place(void **state)
{
    struct rig r;
    open_tree(&r, false);
    assert_int_equal(set_mapping(r.top, first_map, array_len(first_map)), 0);
    uint8_t *block = iobuf_alloc(0x4000), *buf = iobuf_alloc(0x4000);
    rig_fill(&r, block, 0x4000);
    poke(&r, 1, 0x42000, block, 0x4000); /* the other copy holds zeros */
    assert_int_equal(rig_read(r.top, 0x22000, 0x4000, 5, buf, block), 0);
    assert_memory_equal(buf, block, 0x4000);
    poke(&r, 1, 0x42000, "junk", 4);
    assert_int_equal(rig_read(r.top, 0x22000, 0x4000, 5, buf, block), ZE_CKSUM);
    iobuf_free(block, 0x4000);
    iobuf_free(buf, 0x4000);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_looked_up),
        cmocka_unit_test(bad_mappings_are_refused),
        cmocka_unit_test(split_block_is_put_together_from_any_good_copies),
        cmocka_unit_test(whole_block_is_read_from_its_new_place),
    };
    return cmocka_run_group_tests_name("indirect", tests, NULL, NULL);
}
