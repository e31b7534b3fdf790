/* SPDX-License-Identifier: MIT */
/* Labels: real ones from fixtures, and damage of all kinds on a simulated disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fixture.h"
#include "base/err.h"
#include "codec/checksum.h"
#include "vdev/backend_sim.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_label.h"

#define SIZE (64ull << 20)
#define GUID 0x1234u
#define POOL 0x77u

struct rig {
    struct env env;
    struct sim_world *w;
    struct sim_disk *disk;
    struct vdev_tree *tree;
};

/* ---- writing labels ---- */

static void seal(uint8_t *block, size_t len, uint64_t offset)
{
    struct cksum verifier = {{offset, 0, 0, 0}};
    assert_int_equal(checksum_embedded_write(CHECKSUM_LABEL, block, len, &verifier), 0);
}

static struct nvlist *label_nvlist(uint64_t txg, uint64_t guid, uint64_t pool_guid)
{
    struct nvlist *nv, *tree;
    assert_int_equal(nvlist_create(&nv), 0);
    assert_int_equal(nvlist_create(&tree), 0);
    nvlist_add_u64(nv, "version", 5000);
    nvlist_add_string(nv, "name", "tank");
    nvlist_add_u64(nv, "state", 0);
    nvlist_add_u64(nv, "txg", txg);
    nvlist_add_u64(nv, "pool_guid", pool_guid);
    nvlist_add_u64(nv, "top_guid", guid);
    nvlist_add_u64(nv, "guid", guid);
    nvlist_add_string(tree, "type", "file");
    nvlist_add_u64(tree, "id", 0);
    nvlist_add_u64(tree, "guid", guid);
    nvlist_take_nvlist(nv, "vdev_tree", tree);
    return nv;
}

static void put_label(struct rig *r, unsigned l, uint64_t txg, uint64_t guid, uint64_t pool_guid)
{
    AUTO_NVLIST struct nvlist *nv = label_nvlist(txg, guid, pool_guid);
    uint8_t *packed, *block = calloc(1, LABEL_VDEV_SIZE);
    size_t len;
    uint64_t at = label_offset(SIZE, l, LABEL_VDEV_OFFSET);
    assert_int_equal(nvlist_encode(nv, NV_ENC_XDR, &packed, &len), 0);
    memcpy(block, packed, len);
    seal(block, LABEL_VDEV_SIZE, at);
    assert_int_equal(sim_disk_poke(r->disk, at, block, LABEL_VDEV_SIZE), 0);
    free(packed);
    free(block);
}

static void put_uberblock(struct rig *r, unsigned l, unsigned ashift, unsigned slot, uint64_t txg,
                          uint64_t timestamp, uint64_t reflow, bool swapped)
{
    uint32_t size = label_slot_size(ashift);
    uint8_t *block = calloc(1, size);
    struct uberblock ub = {.magic = UBERBLOCK_MAGIC,
                           .version = 5000,
                           .txg = txg,
                           .timestamp = timestamp,
                           .software_version = 5000,
                           .raidz_reflow_info = reflow};
    /* A root block pointer that looks like one: an uncompressed object set of 1 KiB. */
    dva_set(&ub.rootbp.dva[0], 0, 1 << 20, 1024, false);
    ub.rootbp.prop = 1ull | 1ull << 16 | 2ull << 32 | 7ull << 40 | 11ull << 48 |
                     (uint64_t)(HOST_IS_LITTLE != swapped) << 63;
    ub.rootbp.birth = txg;
    uint64_t at = label_offset(SIZE, l, label_slot_inner(ashift, slot));
    if (swapped)
        uberblock_bswap(&ub);
    memcpy(block, &ub, sizeof(ub));
    seal(block, size, at);
    if (swapped) {
        /* The trailer of the other byte order: verifier, digest words and magic swapped. */
        uint8_t *t = block + size - LABEL_TRAILER_SIZE;
        store_ne64(t, __builtin_bswap64(LABEL_EMBEDDED_MAGIC));
        memset(t + 8, 0, 32);
        store_ne64(t + 8, __builtin_bswap64(at));
        struct cksum c;
        assert_int_equal(checksum_compute(CHECKSUM_SHA256, block, size, false, NULL, &c), 0);
        for (unsigned i = 0; i < 4; i++)
            store_ne64(t + 8 + 8 * i, __builtin_bswap64(c.word[i]));
    }
    assert_int_equal(sim_disk_poke(r->disk, at, block, size), 0);
    free(block);
}

static void rig_open(struct rig *r, unsigned ashift)
{
    struct nvlist *root, *leaf;
    memset(r, 0, sizeof(*r));
    assert_int_equal(sim_world_create(7, &r->w), 0);
    assert_int_equal(sim_disk_add(r->w, "/disk/0", SIZE, 512, &r->disk), 0);
    assert_int_equal(env_init_simulated(&r->env, 7, 1), 0);
    assert_int_equal(backend_install_sim(&r->env, r->w), 0);
    assert_int_equal(nvlist_create(&root), 0);
    assert_int_equal(nvlist_create(&leaf), 0);
    nvlist_add_string(leaf, "type", "file");
    nvlist_add_u64(leaf, "id", 0);
    nvlist_add_u64(leaf, "guid", GUID);
    nvlist_add_string(leaf, "path", "/disk/0");
    nvlist_add_u64(leaf, "ashift", ashift);
    nvlist_add_u64(leaf, "asize", SIZE - 0x480000);
    nvlist_add_u64(leaf, "metaslab_shift", 24);
    nvlist_add_string(root, "type", "root");
    nvlist_add_u64(root, "id", 0);
    nvlist_add_u64(root, "guid", POOL);
    nvlist_add_nvlist_array(root, "children", &leaf, 1);
    assert_int_equal(vdev_tree_create(&r->env, root, NULL, &r->tree), 0);
    assert_int_equal(vdev_tree_open(r->tree, DEVICE_OPEN_WRITE), 0);
    nvlist_free(root);
    nvlist_free(leaf);
}

static void rig_close(struct rig *r)
{
    vdev_tree_destroy(r->tree);
    env_fini(&r->env);
    sim_world_destroy(r->w);
}

static struct vdev *leaf_of(struct rig *r)
{
    return vdev_tree_top(r->tree, 0);
}

/* ---- configurations ---- */

static uint64_t best_label_txg(struct rig *r, uint64_t max_txg)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    return vdev_label_config(leaf_of(r), max_txg, &nv) != 0 ? UINT64_MAX
                                                            : nvlist_u64(nv, "txg", 99);
}

static void best_label_is_the_newest_allowed(void **state)
{
    struct rig r;
    rig_open(&r, 12);
    assert_int_equal(best_label_txg(&r, UINT64_MAX), UINT64_MAX);
    put_label(&r, 0, 10, GUID, POOL);
    put_label(&r, 1, 12, GUID, POOL);
    put_label(&r, 2, 14, GUID, POOL);
    assert_int_equal(best_label_txg(&r, UINT64_MAX), 14);
    assert_int_equal(best_label_txg(&r, 13), 12);
    assert_int_equal(best_label_txg(&r, 9), UINT64_MAX);
    sim_disk_damage(r.disk, label_offset(SIZE, 2, LABEL_VDEV_OFFSET) + 5000, 16);
    assert_int_equal(best_label_txg(&r, UINT64_MAX), 12);
    put_label(&r, 0, 0, GUID, POOL); /* txg 0 comes first: taken at once */
    assert_int_equal(best_label_txg(&r, UINT64_MAX), 0);
    rig_close(&r);
}

static void label_at_another_place_is_invalid(void **state)
{
    struct rig r;
    uint8_t *copy = malloc(LABEL_VDEV_SIZE);
    rig_open(&r, 12);
    put_label(&r, 0, 10, GUID, POOL);
    sim_disk_peek(r.disk, LABEL_VDEV_OFFSET, copy, LABEL_VDEV_SIZE);
    sim_disk_poke(r.disk, label_offset(SIZE, 1, LABEL_VDEV_OFFSET), copy, LABEL_VDEV_SIZE);
    struct nvlist *nv;
    assert_int_equal(label_read_config(leaf_of(&r)->dev, 1, LABEL_VERIFY, &nv), ZE_CKSUM);
    assert_int_equal(label_read_config(leaf_of(&r)->dev, 1, 0, &nv), 0); /* a scan does not mind */
    nvlist_free(nv);
    free(copy);
    rig_close(&r);
}

static void scan_counts_labels_of_one_guid(void **state)
{
    struct rig r;
    struct nvlist *nv;
    unsigned n;
    rig_open(&r, 12);
    assert_int_equal(label_scan_config(leaf_of(&r)->dev, &nv, &n), ZE_BADLABEL);
    put_label(&r, 0, 0, GUID, POOL); /* initialised only: not acceptable */
    put_label(&r, 1, 5, GUID, POOL);
    put_label(&r, 2, 6, GUID, POOL);
    put_label(&r, 3, 7, GUID + 1, POOL);
    assert_int_equal(label_scan_config(leaf_of(&r)->dev, &nv, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(nvlist_u64(nv, "txg", 0), 5);
    nvlist_free(nv);
    rig_close(&r);
}

static enum vdev_aux verdict(struct rig *r, uint64_t max_txg, unsigned flags)
{
    unsigned bad = 0;
    vdev_tree_close(r->tree);
    assert_int_equal(vdev_tree_open(r->tree, DEVICE_OPEN_WRITE), 0);
    assert_int_equal(vdev_tree_validate(r->tree, max_txg, flags, &bad), 0);
    assert_int_equal(bad, leaf_of(r)->aux != VDEV_AUX_NONE);
    assert_int_equal(leaf_of(r)->state, bad ? VDEV_STATE_CANT_OPEN : VDEV_STATE_HEALTHY);
    return leaf_of(r)->aux;
}

static void leaves_are_validated(void **state)
{
    struct rig r;
    rig_open(&r, 12);
    assert_int_equal(verdict(&r, UINT64_MAX, 0), VDEV_AUX_BAD_LABEL);
    put_label(&r, 0, 10, GUID, POOL);
    assert_int_equal(verdict(&r, UINT64_MAX, LABEL_TRUSTED), VDEV_AUX_NONE);
    assert_int_equal(verdict(&r, 9, LABEL_TRUSTED), VDEV_AUX_BAD_LABEL);
    assert_int_equal(verdict(&r, 9, LABEL_TRUSTED | LABEL_EXTREME), VDEV_AUX_NONE);
    put_label(&r, 0, 10, GUID, POOL + 1);
    assert_int_equal(verdict(&r, UINT64_MAX, LABEL_TRUSTED), VDEV_AUX_CORRUPT_DATA);
    assert_int_equal(verdict(&r, UINT64_MAX, 0), VDEV_AUX_NONE);
    put_label(&r, 0, 10, GUID + 1, POOL);
    assert_int_equal(verdict(&r, UINT64_MAX, LABEL_TRUSTED), VDEV_AUX_CORRUPT_DATA);
    assert_int_equal(r.tree->root->aux, VDEV_AUX_CORRUPT_DATA);
    put_label(&r, 0, 0, GUID, POOL);
    assert_int_equal(verdict(&r, UINT64_MAX, 0), VDEV_AUX_BAD_LABEL);
    rig_close(&r);
}

static void clearing_removes_labels_only(void **state)
{
    struct rig r;
    uint8_t pad[512], after[512];
    rig_open(&r, 12);
    struct device *dev = leaf_of(&r)->dev;
    assert_int_equal(label_clear(dev), ZE_BADLABEL);
    memset(pad, 0x42, sizeof(pad));
    sim_disk_poke(r.disk, 0x2000, pad, sizeof(pad));
    put_label(&r, 0, 10, GUID, POOL);
    put_label(&r, 3, 10, GUID, POOL);
    put_uberblock(&r, 0, 12, 10, 10, 1, 0, false);
    assert_int_equal(label_clear(dev), 0);
    assert_int_equal(best_label_txg(&r, UINT64_MAX), UINT64_MAX);
    sim_disk_peek(r.disk, 0x2000, after, sizeof(after));
    assert_memory_equal(pad, after, sizeof(pad));
    struct uberblock_choice c;
    assert_int_equal(vdev_uberblock_choose(r.tree, UINT64_MAX, &c), ZE_NOUB);
    rig_close(&r);
}

/* ---- uberblocks ---- */

static void newest_uberblock_wins(void **state)
{
    struct rig r;
    struct uberblock_choice c;
    rig_open(&r, 12);
    assert_int_equal(vdev_uberblock_choose(r.tree, UINT64_MAX, &c), ZE_NOUB);
    put_uberblock(&r, 0, 12, 1, 100, 50, 0, false);
    put_uberblock(&r, 3, 12, 2, 101, 40, 0, false);
    put_uberblock(&r, 2, 12, 5, 101, 41, 0, false); /* same txg, later */
    assert_int_equal(vdev_uberblock_choose(r.tree, UINT64_MAX, &c), 0);
    assert_int_equal(c.best.txg, 101);
    assert_int_equal(c.best.timestamp, 41);
    assert_int_equal(c.label, 2);
    assert_int_equal(c.slot, 5);
    assert_int_equal(c.found, 3);
    assert_int_equal(vdev_uberblock_choose(r.tree, 100, &c), 0);
    assert_int_equal(c.best.txg, 100);
    assert_int_equal(c.latest.txg, 101);
    assert_int_equal(vdev_uberblock_choose(r.tree, 99, &c), ZE_NOUB);
    sim_disk_damage(r.disk, label_offset(SIZE, 2, label_slot_inner(12, 5)) + 8, 8);
    assert_int_equal(vdev_uberblock_choose(r.tree, UINT64_MAX, &c), 0);
    assert_int_equal(c.label, 3);
    rig_close(&r);
}

static void both_byte_orders_are_compared(void **state)
{
    struct rig r;
    struct uberblock_choice c;
    rig_open(&r, 9);
    put_uberblock(&r, 0, 9, 1, 100, 50, 0, false);
    put_uberblock(&r, 0, 9, 100, 102, 50, 0, true);
    assert_int_equal(vdev_uberblock_choose(r.tree, UINT64_MAX, &c), 0);
    assert_int_equal(c.best.txg, 102);
    assert_int_equal(c.slot, 100);
    assert_int_equal(c.best.rootbp.birth, 102);
    rig_close(&r);
}

static void reflow_progress_forbids_going_back(void **state)
{
    struct rig r;
    struct uberblock_choice c;
    rig_open(&r, 12);
    put_uberblock(&r, 0, 12, 1, 100, 50, 0, false);
    put_uberblock(&r, 0, 12, 2, 101, 51, 4ull << 55 | 1000, false);
    assert_int_equal(vdev_uberblock_choose(r.tree, UINT64_MAX, &c), 0);
    assert_int_equal(uberblock_reflow_offset(&c.best), 1000 << 9);
    assert_int_equal(vdev_uberblock_choose(r.tree, 100, &c), ZE_NOUB);
    rig_close(&r);
}

/* ---- a real device ---- */

static void real_labels(void **state)
{
    const char *why;
    int fd = fixture_open("mirror2", "d0", &why);
    if (fd < 0) {
        print_message("skipped: %s\n", why);
        skip();
    }
    struct rig r;
    char path[64];
    rig_open(&r, 12);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    assert_int_equal(sim_disk_load(r.disk, path), 0);
    close(fd);
    struct nvlist *nv;
    unsigned n;
    assert_int_equal(label_scan_config(leaf_of(&r)->dev, &nv, &n), 0);
    assert_int_equal(n, 4);
    assert_string_equal(nvlist_string(nv, "name", ""), "pmirror2");
    assert_int_equal(nvlist_u64(nv, "pool_guid", 0), 1985634256772231985ull);
    assert_int_equal(nvlist_u64(nv, "guid", 0), 3599243244576603853ull);
    nvlist_free(nv);
    assert_int_equal(best_label_txg(&r, UINT64_MAX), 588);
    struct uberblock_choice c;
    assert_int_equal(vdev_uberblock_choose(r.tree, UINT64_MAX, &c), 0);
    assert_int_equal(c.best.txg, 588);
    assert_int_equal(c.best.guid_sum, 9330785792932319101ull);
    assert_int_equal(c.found, 4 * 32);
    /* as `zdb -lu` prints slot 0 */
    uint8_t *ring = malloc(LABEL_RING_SIZE);
    struct uberblock ub;
    assert_int_equal(label_read_ring(leaf_of(&r)->dev, 3, ring), 0);
    assert_int_equal(label_ring_uberblock(leaf_of(&r)->dev, 3, ring, 12, 0, &ub), 0);
    assert_int_equal(ub.txg, 544);
    assert_int_equal(ub.timestamp, 1795236186);
    assert_int_equal(dva_offset(&ub.rootbp.dva[0]), 0x2546000);
    assert_int_equal(ub.rootbp.fill, 84);
    assert_int_equal(label_ring_uberblock(leaf_of(&r)->dev, 2, ring, 12, 0, &ub), ZE_CKSUM);
    assert_int_equal(label_ring_uberblock(leaf_of(&r)->dev, 3, ring, 12, 32, &ub), ZE_INVAL);
    free(ring);
    assert_int_equal(label_read_bootenv(leaf_of(&r)->dev, 1, &nv), 0);
    assert_int_equal(nvlist_u64(nv, "version", 9), 0);
    nvlist_free(nv);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_label_is_the_newest_allowed),
        cmocka_unit_test(label_at_another_place_is_invalid),
        cmocka_unit_test(scan_counts_labels_of_one_guid),
        cmocka_unit_test(leaves_are_validated),
        cmocka_unit_test(clearing_removes_labels_only),
        cmocka_unit_test(newest_uberblock_wins),
        cmocka_unit_test(both_byte_orders_are_compared),
        cmocka_unit_test(reflow_progress_forbids_going_back),
        cmocka_unit_test(real_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
