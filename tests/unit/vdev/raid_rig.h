/* SPDX-License-Identifier: MIT */
/*
 * A vdev tree on simulated disks for the redundancy tests, and a slow independent writer: parity
 * byte by byte as format/raid.md 3.4 says, straight onto the disks, past the code under test.
 */
#ifndef ZUSE_TEST_RAID_RIG_H
#define ZUSE_TEST_RAID_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/range_tree.h"
#include "base/span.h"
#include "base/worker.h"
#include "vdev/backend_sim.h"
#include "vdev/raidz_map.h"
#include "vdev/vdev.h"
#include "vdev/vdev_impl.h"

#define RIG_MAX_DISKS 64

struct rig {
    struct env env;
    struct sim_world *world;
    struct sim_disk *disk[RIG_MAX_DISKS];
    unsigned ndisks;
    struct vdev_tree *tree;
    struct vdev *top; /* the first top-level vdev */
    uint64_t rng;
};

static inline uint64_t rig_random(struct rig *r)
{
    r->rng ^= r->rng << 13;
    r->rng ^= r->rng >> 7;
    r->rng ^= r->rng << 17;
    return r->rng;
}

static inline void rig_fill(struct rig *r, uint8_t *buf, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t)(rig_random(r) >> 24);
}

static inline void rig_init(struct rig *r, unsigned ndisks, uint64_t size, uint32_t sector)
{
    memset(r, 0, sizeof(*r));
    r->rng = 0x9e3779b97f4a7c15ull + ndisks;
    assert_int_equal(env_init_simulated(&r->env, 1, 2), 0);
    assert_int_equal(sim_world_create(1, &r->world), 0);
    assert_int_equal(backend_install_sim(&r->env, r->world), 0);
    r->ndisks = ndisks;
    for (unsigned i = 0; i < ndisks; i++) {
        char path[16];
        snprintf(path, sizeof(path), "/d%u", i);
        assert_int_equal(sim_disk_add(r->world, path, size, sector, &r->disk[i]), 0);
    }
}

/* An interior vdev nvlist over disks [first, first+n). */
static inline struct nvlist *rig_leaf(unsigned disk, uint64_t id)
{
    struct nvlist *nv;
    assert_int_equal(nvlist_create(&nv), 0);
    nvlist_add_string(nv, "type", "file");
    nvlist_add_u64(nv, "id", id);
    nvlist_add_u64(nv, "guid", 1000 + disk);
    nvlist_add_stringf(nv, "path", "/d%u", disk);
    return nv;
}

static inline struct nvlist *rig_group(const char *type, uint64_t id, struct nvlist **child,
                                       unsigned n)
{
    struct nvlist *nv;
    assert_int_equal(nvlist_create(&nv), 0);
    nvlist_add_string(nv, "type", type);
    nvlist_add_u64(nv, "id", id);
    nvlist_add_u64(nv, "guid", 10 + id * 17 + n);
    assert_int_equal(nvlist_add_nvlist_array(nv, "children", child, n), 0);
    for (unsigned i = 0; i < n; i++)
        nvlist_free(child[i]);
    return nv;
}

static inline struct nvlist *rig_row(const char *type, uint64_t id, unsigned first, unsigned n,
                                     unsigned ashift)
{
    struct nvlist *child[RAID_MAX_CHILDREN];
    for (unsigned i = 0; i < n; i++)
        child[i] = rig_leaf(first + i, i);
    struct nvlist *nv = rig_group(type, id, child, n);
    nvlist_add_u64(nv, "ashift", ashift);
    nvlist_add_u64(nv, "metaslab_shift", 24);
    return nv;
}

/* tops are consumed. */
static inline int rig_try_open(struct rig *r, struct nvlist **tops, unsigned n, bool writable)
{
    struct nvlist *root = rig_group("root", 0, tops, n);
    int err = vdev_tree_create(&r->env, root, NULL, &r->tree);
    nvlist_free(root);
    if (err != 0)
        return err;
    err = vdev_tree_open(r->tree, writable ? DEVICE_OPEN_WRITE : DEVICE_OPEN_READ);
    r->top = r->tree->root->child[0];
    return err;
}

static inline void rig_open(struct rig *r, struct nvlist **tops, unsigned n, bool writable)
{
    assert_int_equal(rig_try_open(r, tops, n, writable), 0);
    assert_true(vdev_readable(r->top));
}

static inline void rig_close(struct rig *r)
{
    vdev_tree_destroy(r->tree);
    r->tree = NULL;
}

static inline void rig_fini(struct rig *r)
{
    if (r->tree != NULL)
        rig_close(r);
    env_fini(&r->env);
    sim_world_destroy(r->world);
}

/* ---- I/O ---- */

struct rig_io {
    struct vdev_io io;
    const uint8_t *expect; /* NULL: no checksum */
};

static inline int rig_verify(struct vdev_io *io, const void *buf)
{
    struct rig_io *r = container_of(io, struct rig_io, io);
    return memcmp(buf, r->expect, io->size) == 0 ? 0 : ZE_CKSUM;
}

static inline int rig_read_flags(struct vdev *vd, uint64_t offset, uint64_t size, uint64_t txg,
                                 void *buf, const uint8_t *expect, unsigned flags, unsigned *bad)
{
    struct rig_io r = {.expect = expect};
    r.io = (struct vdev_io){.vd = vd,
                            .op = DEVICE_READ,
                            .prio = VDEV_PRIO_SYNC_READ,
                            .flags = flags,
                            .offset = offset,
                            .size = size,
                            .buf = buf,
                            .txg = txg};
    if (expect != NULL)
        r.io.verify = rig_verify;
    int err = vdev_io_run(&r.io);
    if (bad != NULL)
        *bad = r.io.bad_copies;
    return err;
}

static inline int rig_read(struct vdev *vd, uint64_t offset, uint64_t size, uint64_t txg, void *buf,
                           const uint8_t *expect)
{
    return rig_read_flags(vd, offset, size, txg, buf, expect, 0, NULL);
}

static inline int rig_write(struct vdev *vd, uint64_t offset, uint64_t size, uint64_t txg,
                            const void *data)
{
    uint8_t *buf = iobuf_alloc(size + 65536);
    memcpy(buf, data, size);
    struct vdev_io io = {.vd = vd,
                         .op = DEVICE_WRITE,
                         .prio = VDEV_PRIO_ASYNC_WRITE,
                         .offset = offset,
                         .size = size,
                         .buf = buf,
                         .txg = txg};
    int err = vdev_io_run(&io);
    iobuf_free(buf, size + 65536);
    return err;
}

/* ---- the independent writer ---- */

static inline uint8_t gf_mul2(uint8_t x)
{
    return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1d : 0));
}

/* Bytes of column c of the row, size parity_size (zero-extended). */
static inline void slow_column(const struct raid_map *map, const struct raid_row *row, unsigned c,
                               const uint8_t *block, uint8_t *out)
{
    memset(out, 0, row->parity_size);
    if (c >= map->nparity) {
        memcpy(out, block + row->col[c].pos, row->col[c].size);
        return;
    }
    for (unsigned d = map->nparity; d < row->ncols; d++) {
        const struct raid_col *col = &row->col[d];
        for (uint64_t i = 0; c > 0 && i < row->parity_size; i++)
            out[i] = c == 1 ? gf_mul2(out[i]) : gf_mul2(gf_mul2(out[i]));
        for (uint64_t i = 0; i < col->size; i++)
            out[i] ^= block[col->pos + i];
    }
}

static inline void poke(struct rig *r, unsigned disk, uint64_t offset, const void *p, uint64_t n)
{
    if (n > 0)
        assert_int_equal(sim_disk_poke(r->disk[disk], offset + VDEV_START_OFFSET, p, n), 0);
}

static inline void peek(struct rig *r, unsigned disk, uint64_t offset, void *p, uint64_t n)
{
    if (n > 0)
        assert_int_equal(sim_disk_peek(r->disk[disk], offset + VDEV_START_OFFSET, p, n), 0);
}

/* Visit every column with the bytes that belong on disk, the dRAID padding included. */
static inline void slow_each(const struct raid_map *map, const uint8_t *block,
                             void (*fn)(void *arg, const struct raid_col *col, const uint8_t *bytes,
                                        uint64_t n),
                             void *arg)
{
    for (unsigned i = 0; i < map->nrows; i++) {
        const struct raid_row *row = &map->row[i];
        uint8_t *bytes = malloc(row->parity_size);
        for (unsigned c = 0; c < row->ncols; c++) {
            slow_column(map, row, c, block, bytes);
            fn(arg, &row->col[c], bytes, row->col[c].size + row->col[c].empty);
        }
        free(bytes);
    }
}

static inline void slow_put(void *arg, const struct raid_col *col, const uint8_t *bytes, uint64_t n)
{
    poke(arg, col->child, col->offset, bytes, n);
}

static inline void slow_expect(void *arg, const struct raid_col *col, const uint8_t *bytes,
                               uint64_t n)
{
    uint8_t *have = malloc(n + 1);
    peek(arg, col->child, col->offset, have, n);
    assert_memory_equal(have, bytes, n);
    free(have);
}

static inline void rig_put_block(struct rig *r, const struct raid_map *map, const uint8_t *block)
{
    slow_each(map, block, slow_put, r);
}

static inline void rig_expect_block(struct rig *r, const struct raid_map *map, const uint8_t *block)
{
    slow_each(map, block, slow_expect, r);
}

#endif
