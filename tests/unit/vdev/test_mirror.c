/* SPDX-License-Identifier: MIT */
/* Mirrors, replacing and spare vdevs on simulated disks (format/raid.md 2): which copy is read,
 * blamed, rewritten. */
#include "raid_rig.h"

#define DISK_SIZE (70ull << 20)
#define SIZE      (24u << 10)

static uint64_t reads_of(const struct vdev *vd)
{
    return vd->stats.ops[DEVICE_READ];
}

static void open_mirror(struct rig *r, unsigned n, bool writable)
{
    rig_init(r, n, DISK_SIZE, 512);
    struct nvlist *nv = rig_row("mirror", 0, 0, n, 9);
    rig_open(r, &nv, 1, writable);
}

static void copies_are_tried_until_one_is_right(void **state)
{
    struct rig r;
    open_mirror(&r, 3, false);
    uint8_t *block = iobuf_alloc(SIZE), *buf = iobuf_alloc(SIZE), *junk = iobuf_alloc(SIZE);
    rig_fill(&r, block, SIZE);
    rig_fill(&r, junk, SIZE);
    assert_int_equal(vdev_copies(r.top), 3);
    for (unsigned mask = 0; mask < 64; mask++) { /* two bits a side: good, junk, gone */
        unsigned good = 0, wrong = 0;
        uint64_t offset = (uint64_t)mask << 21;
        for (unsigned c = 0; c < 3; c++) {
            unsigned what = mask >> 2 * c & 3;
            poke(&r, c, offset % (64u << 20), what == 1 ? junk : block, SIZE);
            atomic_store(&r.top->child[c]->cant_read, what >= 2);
            good += what == 0;
            wrong += what == 1;
        }
        unsigned bad = 0;
        int err = rig_read_flags(r.top, offset % (64u << 20), SIZE, 5, buf, block, 0, &bad);
        assert_int_equal(err, good > 0 ? 0 : wrong > 0 ? ZE_CKSUM : ZE_NXIO);
        if (err == 0)
            assert_memory_equal(buf, block, SIZE);
        for (unsigned c = 0; c < 3; c++) {
            unsigned what = mask >> 2 * c & 3;
            err = rig_read_flags(r.top, offset % (64u << 20), SIZE, 5, buf, NULL, 0, NULL);
            struct rig_io x = {.expect = block};
            x.io = (struct vdev_io){.vd = r.top,
                                    .op = DEVICE_READ,
                                    .offset = offset % (64u << 20),
                                    .size = SIZE,
                                    .buf = buf,
                                    .verify = rig_verify,
                                    .copy = c + 1};
            assert_int_equal(vdev_io_run(&x.io), what == 0 ? 0 : what == 1 ? ZE_CKSUM : ZE_NXIO);
        }
    }
    iobuf_free(block, SIZE);
    iobuf_free(buf, SIZE);
    iobuf_free(junk, SIZE);
    rig_fini(&r);
}

static void bad_copy_is_blamed_and_rewritten(void **state)
{
    struct rig r;
    open_mirror(&r, 2, true);
    uint8_t *block = iobuf_alloc(SIZE), *buf = iobuf_alloc(SIZE);
    rig_fill(&r, block, SIZE);
    assert_int_equal(rig_write(r.top, 8192, SIZE, 5, block), 0);
    for (unsigned c = 0; c < 2; c++) {
        peek(&r, c, 8192, buf, SIZE);
        assert_memory_equal(buf, block, SIZE);
    }
    unsigned bad = 0;
    poke(&r, 1, 8192 + 77, "junk", 4);
    assert_int_equal(rig_read_flags(r.top, 8192, SIZE, 5, buf, block, VDEV_IO_SCRUB, &bad), 0);
    assert_int_equal(bad, 1);
    assert_int_equal(r.top->child[0]->stats.checksum_errors, 0);
    assert_int_equal(r.top->child[1]->stats.checksum_errors, 1);
    peek(&r, 1, 8192, buf, SIZE);
    assert_memory_equal(buf, block, SIZE);
    assert_int_equal(rig_read_flags(r.top, 8192, SIZE, 5, buf, block, VDEV_IO_SCRUB, &bad), 0);
    assert_int_equal(bad, 0);
    /* The first copy only: a scrub has to choose the other for the answer. */
    poke(&r, 0, 8192 + 77, "junk", 4);
    assert_int_equal(rig_read_flags(r.top, 8192, SIZE, 5, buf, block, VDEV_IO_SCRUB, &bad), 0);
    assert_memory_equal(buf, block, SIZE);
    assert_int_equal(bad, 1);
    /* NO_REPAIR leaves it alone. */
    poke(&r, 0, 8192 + 77, "junk", 4);
    assert_int_equal(
        rig_read_flags(r.top, 8192, SIZE, 5, buf, block, VDEV_IO_SCRUB | VDEV_IO_NO_REPAIR, &bad),
        0);
    peek(&r, 0, 8192, buf, SIZE);
    assert_memory_not_equal(buf, block, SIZE);
    iobuf_free(block, SIZE);
    iobuf_free(buf, SIZE);
    rig_fini(&r);
}

static void stale_copy_is_the_last_resort(void **state)
{
    struct rig r;
    open_mirror(&r, 2, false);
    uint8_t *block = iobuf_alloc(SIZE), *buf = iobuf_alloc(SIZE);
    rig_fill(&r, block, SIZE);
    poke(&r, 0, 0, block, SIZE); /* child 1 holds zeros */
    assert_int_equal(range_tree_create(&r.top->child[1]->dtl[VDEV_DTL_MISSING]), 0);
    assert_int_equal(range_tree_add(r.top->child[1]->dtl[VDEV_DTL_MISSING], 10, 10), 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(rig_read(r.top, 0, SIZE, 15, buf, NULL), 0);
        assert_memory_equal(buf, block, SIZE);
    }
    assert_int_equal(reads_of(r.top->child[1]), 0);
    atomic_store(&r.top->child[0]->cant_read, true);
    assert_int_equal(rig_read(r.top, 0, SIZE, 15, buf, block), ZE_NXIO);
    assert_int_equal(r.top->child[1]->stats.checksum_errors, 0); /* nobody's fault */
    poke(&r, 1, 0, block, SIZE);
    assert_int_equal(rig_read(r.top, 0, SIZE, 15, buf, block), 0);
    iobuf_free(block, SIZE);
    iobuf_free(buf, SIZE);
    rig_fini(&r);
}

static void resilver_fills_the_copy_that_missed_the_txg(void **state)
{
    struct rig r;
    open_mirror(&r, 2, true);
    uint8_t *block = iobuf_alloc(SIZE), *buf = iobuf_alloc(SIZE);
    rig_fill(&r, block, SIZE);
    poke(&r, 0, 0, block, SIZE);
    for (unsigned k = VDEV_DTL_MISSING; k <= VDEV_DTL_PARTIAL; k++) {
        assert_int_equal(range_tree_create(&r.top->child[1]->dtl[k]), 0);
        assert_int_equal(range_tree_add(r.top->child[1]->dtl[k], 10, 10), 0);
    }
    assert_int_equal(rig_read_flags(r.top, 0, SIZE, 15, buf, block, VDEV_IO_RESILVER, NULL), 0);
    peek(&r, 1, 0, buf, SIZE);
    assert_memory_equal(buf, block, SIZE);
    iobuf_free(block, SIZE);
    iobuf_free(buf, SIZE);
    rig_fini(&r);
}

static void reads_are_spread_and_sequences_stay_together(void **state)
{
    struct rig r;
    open_mirror(&r, 2, false);
    uint8_t *buf = iobuf_alloc(4096);
    for (uint64_t at = 0; at < 1u << 20; at += 4096)
        assert_int_equal(rig_read(r.top, at, 4096, 0, buf, NULL), 0);
    /* One child took the whole sequence. */
    assert_true(reads_of(r.top->child[0]) == 0 || reads_of(r.top->child[1]) == 0);
    for (uint64_t i = 0; i < 256; i++)
        assert_int_equal(
            rig_read(r.top, (rig_random(&r) >> 20) % (60u << 8) << 12, 4096, 0, buf, NULL), 0);
    assert_true(reads_of(r.top->child[0]) > 60 && reads_of(r.top->child[1]) > 60);
    iobuf_free(buf, 4096);
    rig_fini(&r);
}

/* raidz1 of three, one of them a replacing pair. */
static void replacing_below_raidz(void **state)
{
    struct rig r;
    rig_init(&r, 4, DISK_SIZE, 512);
    struct nvlist *pair[2] = {rig_leaf(1, 0), rig_leaf(3, 1)};
    struct nvlist *child[3] = {rig_leaf(0, 0), rig_group("replacing", 1, pair, 2), rig_leaf(2, 2)};
    struct nvlist *nv = rig_group("raidz", 0, child, 3);
    nvlist_add_u64(nv, "ashift", 9);
    nvlist_add_u64(nv, "metaslab_shift", 24);
    nvlist_add_u64(nv, "nparity", 1);
    rig_open(&r, &nv, 1, true);
    uint8_t *block = iobuf_alloc(SIZE), *buf = iobuf_alloc(SIZE), *other = iobuf_alloc(SIZE);
    rig_fill(&r, block, SIZE);
    assert_int_equal(rig_write(r.top, 512 * 10, SIZE, 5, block), 0);
    uint64_t column = (10 / 3) * 512;
    peek(&r, 1, column, buf, 8192);
    peek(&r, 3, column, other, 8192);
    assert_memory_equal(buf, other, 8192); /* both got the column */
    struct vdev *old = r.top->child[1]->child[0], *fresh = r.top->child[1]->child[1];
    atomic_store(&old->cant_read, true);
    assert_int_equal(rig_read(r.top, 512 * 10, SIZE, 5, buf, block), 0);
    /* The new one lacks the txg: the column comes from parity. */
    assert_int_equal(range_tree_create(&fresh->dtl[VDEV_DTL_MISSING]), 0);
    assert_int_equal(range_tree_add(fresh->dtl[VDEV_DTL_MISSING], 4, 100), 0);
    poke(&r, 3, column, "junk", 4);
    assert_int_equal(rig_read(r.top, 512 * 10, SIZE, 5, buf, block), 0);
    atomic_store(&old->cant_read, false);
    assert_int_equal(rig_read(r.top, 512 * 10, SIZE, 5, buf, NULL), 0);
    assert_memory_equal(buf, block, SIZE);
    iobuf_free(block, SIZE);
    iobuf_free(buf, SIZE);
    iobuf_free(other, SIZE);
    rig_fini(&r);
}

static void copies_of_a_column_that_disagree_are_reconstructed(void **state)
{
    struct rig r;
    rig_init(&r, 4, DISK_SIZE, 512);
    struct nvlist *pair[2] = {rig_leaf(1, 0), rig_leaf(3, 1)};
    struct nvlist *child[3] = {rig_leaf(0, 0), rig_group("spare", 1, pair, 2), rig_leaf(2, 2)};
    struct nvlist *nv = rig_group("raidz", 0, child, 3);
    nvlist_add_u64(nv, "ashift", 9);
    nvlist_add_u64(nv, "metaslab_shift", 24);
    nvlist_add_u64(nv, "nparity", 1);
    rig_open(&r, &nv, 1, true);
    uint8_t *block = iobuf_alloc(SIZE), *buf = iobuf_alloc(SIZE), *other = iobuf_alloc(SIZE);
    rig_fill(&r, block, SIZE);
    assert_int_equal(rig_write(r.top, 512 * 10, SIZE, 5, block), 0);
    peek(&r, 1, 10 / 3 * 512, other, 4096);
    poke(&r, 3, 10 / 3 * 512, "junk", 4);
    unsigned bad = 0;
    assert_int_equal(rig_read_flags(r.top, 512 * 10, SIZE, 5, buf, block, VDEV_IO_SCRUB, &bad), 0);
    assert_int_equal(bad, 1);
    peek(&r, 3, 10 / 3 * 512, buf, 4096);
    assert_memory_equal(buf, other, 4096); /* rewritten */
    iobuf_free(block, SIZE);
    iobuf_free(buf, SIZE);
    iobuf_free(other, SIZE);
    rig_fini(&r);
}

static void write_needs_one_good_copy(void **state)
{
    struct rig r;
    open_mirror(&r, 2, true);
    uint8_t *block = iobuf_alloc(SIZE);
    rig_fill(&r, block, SIZE);
    atomic_store(&r.top->child[0]->cant_write, true);
    assert_int_equal(rig_write(r.top, 0, SIZE, 5, block), 0);
    atomic_store(&r.top->child[1]->cant_write, true);
    assert_int_not_equal(rig_write(r.top, 0, SIZE, 5, block), 0);
    iobuf_free(block, SIZE);
    rig_fini(&r);
}

static void states_follow_the_children(void **state)
{
    struct rig r;
    open_mirror(&r, 2, false);
    assert_int_equal(r.top->state, VDEV_STATE_HEALTHY);
    rig_close(&r);
    sim_disk_set_missing(r.disk[0], true);
    struct nvlist *nv = rig_row("mirror", 0, 0, 2, 9);
    rig_open(&r, &nv, 1, false);
    assert_int_equal(r.top->state, VDEV_STATE_DEGRADED);
    rig_close(&r);
    sim_disk_set_missing(r.disk[1], true);
    nv = rig_row("mirror", 0, 0, 2, 9);
    assert_int_equal(rig_try_open(&r, &nv, 1, false), 0);
    assert_int_equal(r.top->state, VDEV_STATE_CANT_OPEN);
    assert_int_equal(r.top->aux, VDEV_AUX_NO_REPLICAS);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_tried_until_one_is_right),
        cmocka_unit_test(bad_copy_is_blamed_and_rewritten),
        cmocka_unit_test(stale_copy_is_the_last_resort),
        cmocka_unit_test(resilver_fills_the_copy_that_missed_the_txg),
        cmocka_unit_test(reads_are_spread_and_sequences_stay_together),
        cmocka_unit_test(replacing_below_raidz),
        cmocka_unit_test(copies_of_a_column_that_disagree_are_reconstructed),
        cmocka_unit_test(write_needs_one_good_copy),
        cmocka_unit_test(states_follow_the_children),
    };
    return cmocka_run_group_tests_name("mirror", tests, NULL, NULL);
}
