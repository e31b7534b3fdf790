/* SPDX-License-Identifier: MIT */
/*
 * A whole object set of any bytes. Input: the root block pointer (128 bytes, host order), then the
 * disk: a block pointer's DVA offset counts from its start, and a read gives the logical size it
 * names (zeros beyond the end), with no checksum, so that everything reaches the dmu. Opens the
 * object set, lists objects, holds dnodes, reads, searches holes, opens ZAPs, walks the whole tree.
 */
#include <stdlib.h>
#include <string.h>

#include "dmu/bpobj.h"
#include "dmu/dmu_impl.h"
#include "dmu/traverse.h"
#include "dmu/zap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    const uint8_t *data;
    size_t size;
    unsigned reads, left;
} disk;

/* One input must not read forever: wide trees of shared blocks have as many paths as they like. */
#define READS_MAX 3000u

int arc_read(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
             enum vdev_prio prio, unsigned zio_flags, struct arc_buf **out)
{
    *out = NULL;
    if (disk.left == 0)
        return err_raise(ZE_IO, "enough");
    disk.left--;
    uint64_t size = bp_lsize(bp), off = dva_offset(&bp->dva[0]);
    if (bp_is_embedded(bp)) {
        off = 0;
        if (size == 0)
            return ZE_IO;
    }
    struct arc_buf *buf = malloc(sizeof(*buf));
    uint8_t *copy = calloc(1, size);
    if (off < disk.size)
        memcpy(copy, disk.data + off, min_of(size, disk.size - off));
    *buf = (struct arc_buf){.data = copy, .size = size};
    *out = buf;
    return 0;
}

int arc_read_many(struct zio_pool *pool, const struct blkptr *const *bps,
                  const struct bookmark *zbs, unsigned n, enum vdev_prio prio, unsigned zio_flags,
                  struct arc_buf **out, int *err)
{
    for (unsigned i = 0; i < n; i++)
        err[i] = arc_read(pool, bps[i], &zbs[i], prio, zio_flags, &out[i]);
    return 0;
}

void arc_release(struct arc_buf *buf)
{
    free((void *)(uintptr_t)buf->data);
    free(buf);
}

void arc_prefetch(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb) {}

void arc_reclaimer_add(struct arc *arc, struct arc_reclaimer *r) {}

void arc_reclaimer_remove(struct arc *arc, struct arc_reclaimer *r) {}

static int count_bp(void *arg, const struct blkptr *bp, bool freed)
{
    return ++*(unsigned *)arg > 10000 ? ZE_CANCELED : 0;
}

static void try_zap(struct dnode *dn)
{
    static struct zap_entry e;
    struct zap *zap;
    struct zap_cursor c;
    if (zap_open_dnode(dn, &zap) != 0)
        return;
    zap_cursor_init(&c, zap);
    for (unsigned i = 0; i < 100 && zap_cursor_next(&c, &e) == 0; i++)
        ;
    zap_cursor_fini(&c);
    zap_close(zap);
}

static void try_object(struct objset *os, uint64_t object)
{
    static uint8_t buf[8192];
    struct dnode *dn;
    struct bpobj *bpo;
    if (dnode_hold(os, object, &dn) != 0)
        return;
    const uint64_t at[] = {0, 4000, dnode_size(dn) / 2, dnode_size(dn) - 1, UINT64_MAX - 9000};
    for (unsigned i = 0; i < array_len(at); i++) {
        uint64_t off = at[i];
        dmu_read(dn, at[i], buf, sizeof(buf));
        dmu_read_uncached(dn, at[i], buf, 3000);
        dmu_next_offset(dn, i % 2, &off);
    }
    struct iovec iov[4];
    unsigned n = 4;
    struct dmu_pin *pin;
    if (dmu_pin(dn, 100, 1000, &pin, iov, &n) == 0)
        dmu_unpin(pin);
    uint8_t *spill;
    size_t len;
    bool swapped;
    if (dnode_spill_read(dn, &spill, &len, &swapped) == 0)
        free(spill);
    try_zap(dn);
    if (bpobj_open(os, object, &bpo) == 0) {
        unsigned entries = 0;
        bpobj_iterate(bpo, count_bp, &entries);
        bpobj_close(bpo);
    }
    dnode_rele(dn);
}

static int visit(void *arg, const struct traverse_visit *v)
{
    return ++*(unsigned *)arg > 20000 ? ZE_CANCELED : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blkptr root;
    if (size < sizeof(root))
        return 0;
    memcpy(&root, data, sizeof(root));
    disk.data = data + sizeof(root);
    disk.size = size - sizeof(root);
    disk.left = READS_MAX;
    struct zio_pool zp = {0};
    struct objset *os;
    if (objset_open(&zp, 5, &root, 0, &os) == 0) {
        uint64_t object = 0;
        for (unsigned i = 0; i < 60; i++) {
            if (objset_next_object(os, &object) == ZE_NOENT)
                break;
            try_object(os, object);
        }
        for (uint64_t i = 0; i < 3; i++)
            try_object(os, UINT64_MAX - i);
        objset_close(os);
    }
    unsigned visits = 0;
    struct traverse t = {.pool = &zp,
                         .dataset = 5,
                         .root = root,
                         .flags = TRAVERSE_PRE | TRAVERSE_POST | TRAVERSE_DNODES |
                                  TRAVERSE_CONTINUE | TRAVERSE_HOLES,
                         .prio = VDEV_PRIO_SCRUB,
                         .fn = visit,
                         .arg = &visits};
    disk.left = READS_MAX;
    traverse_objset(&t);
    if (zp.dmu != NULL)
        abort(); /* something is still held */
    return 0;
}
