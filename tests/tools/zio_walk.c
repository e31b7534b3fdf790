/* SPDX-License-Identifier: MIT */
/*
 * Reads every block of a pool through zio/ and the ARC with as little of the engine as possible:
 * labels, uberblock, then block pointers as they are found in raw indirect blocks, dnodes and
 * dataset bonuses. Each block is scrubbed (every copy, side and parity) and read decoded. For tests
 * of zio/ and vdev/ on real pools.
 *
 * Usage: zio_walk [-q] DEVICE...    all devices of one pool
 * Prints one line of totals; exit 0 if every block is right, 1 if some copy is bad, 2 if a block is
 * lost. Blocks of removed vdevs need the pool's mappings, which are not loaded here: they are
 * counted apart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "disk/dnode.h"
#include "disk/dsl_phys.h"
#include "disk/objset.h"
#include "dmu/zap.h"
#include "vdev/backend.h"
#include "vdev/vdev_label.h"
#include "zio/arc.h"

#define MAX_TOPS 64u

struct totals {
    uint64_t blocks, bytes, copies, embedded, holes, gang, protected, nokey, removed;
    uint64_t bad_copies, lost, unreadable;
};

struct walk {
    struct env env;
    struct zio_pool pool;
    struct vdev_tree *tree;
    struct totals t;
    bool quiet;
};

static void complain(struct walk *w, const char *what, const struct blkptr *bp, int err)
{
    char text[BP_TEXT_MAX];

    if (w->quiet)
        return;
    bp_format(text, sizeof(text), bp);
    fprintf(stderr, "%s: %s: %s: %s\n  %s\n", what, err_name(err), err_sentence(err), err_detail(),
            text);
}

/* ---- the pool from its labels ---- */

static int set_path(struct nvlist *vdev, uint64_t guid, const char *path)
{
    struct nvlist *const *child;
    size_t n;

    if (nvlist_lookup_nvlist_array(vdev, "children", &child, &n) == 0) {
        for (size_t i = 0; i < n; i++)
            if (set_path(child[i], guid, path) == 0)
                return 0;
        return ZE_NOENT;
    }
    return nvlist_u64(vdev, "guid", 0) == guid ? nvlist_add_string(vdev, "path", path) : ZE_NOENT;
}

static int add_device(struct walk *w, const char *name, struct nvlist *tops[MAX_TOPS],
                      struct nvlist **any)
{
    AUTO_FREE char *path = realpath(name, NULL); /* vdevs have absolute paths */
    struct device *dev;
    struct nvlist *config, *vt;
    unsigned labels;
    int err = w->env.devices->open(&w->env, path != NULL ? path : name, DEVICE_OPEN_READ, &dev);

    if (err != 0)
        return err;
    err = label_scan_config(dev, &config, &labels);
    device_close(dev);
    if (err != 0)
        return err;
    if (nvlist_lookup_nvlist(config, "vdev_tree", &vt) == 0) { /* not a spare or cache device */
        uint64_t id = nvlist_u64(vt, "id", MAX_TOPS);
        if (id < MAX_TOPS && tops[id] == NULL)
            err = nvlist_dup(vt, &tops[id]);
        if (err == 0 && id < MAX_TOPS)
            err = set_path(tops[id], nvlist_u64(config, "guid", 0), path);
        if (*any == NULL || nvlist_u64(config, "txg", 0) > nvlist_u64(*any, "txg", 0)) {
            nvlist_free(*any);
            *any = config;
            return err;
        }
    }
    nvlist_free(config);
    return err;
}

static int make_tree(struct walk *w, struct nvlist *tops[MAX_TOPS], const struct nvlist *any)
{
    AUTO_NVLIST struct nvlist *root = NULL;
    uint64_t n = nvlist_u64(any, "vdev_children", 1);
    int err = nvlist_create(&root);

    w->pool.guid = nvlist_u64(any, "pool_guid", 0);
    for (uint64_t i = 0; err == 0 && i < n && i < MAX_TOPS; i++) {
        if (tops[i] != NULL)
            continue;
        err = nvlist_create(&tops[i]); /* a removed or unseen one */
        if (err == 0)
            err = nvlist_add_string(tops[i], "type", "missing");
        if (err == 0)
            err = nvlist_add_u64(tops[i], "id", i);
        if (err == 0)
            err = nvlist_add_u64(tops[i], "guid", 0);
    }
    if (err == 0)
        err = nvlist_add_string(root, "type", "root");
    if (err == 0)
        err = nvlist_add_u64(root, "id", 0);
    if (err == 0)
        err = nvlist_add_u64(root, "guid", w->pool.guid);
    if (err == 0)
        err = nvlist_add_nvlist_array(root, "children", tops, n < MAX_TOPS ? n : MAX_TOPS);
    if (err == 0)
        err = vdev_tree_create(&w->env, root, NULL, &w->tree);
    if (err == 0)
        err = vdev_tree_open(w->tree, DEVICE_OPEN_READ);
    w->pool.vdevs = w->tree;
    return err;
}

/* ---- walking ---- */

static void walk_objset(struct walk *w, uint64_t dataset, const struct blkptr *root);

static bool on_removed_vdev(struct walk *w, const struct blkptr *bp)
{
    struct vdev *vd = vdev_tree_top(w->tree, dva_vdev(&bp->dva[0]));

    return vd == NULL || vd->type == VDEV_MISSING || vd->type == VDEV_INDIRECT;
}

/* Scrub and read one block. NULL: nothing to look at below. */
static struct arc_buf *visit(struct walk *w, const struct blkptr *bp, const struct bookmark *zb)
{
    struct zio_scrub_result res;
    struct arc_buf *buf = NULL;

    if (bp_is_hole(bp)) {
        w->t.holes++;
        return NULL;
    }
    if (bp_is_embedded(bp)) {
        w->t.embedded++;
    } else {
        if (on_removed_vdev(w, bp)) {
            w->t.removed++;
            return NULL;
        }
        w->t.blocks++;
        w->t.bytes += bp_psize(bp);
        w->t.gang += bp_is_gang(bp);
        w->t.protected += bp_uses_crypt(bp);
        int err = zio_scrub_run(&w->pool, bp, zb, &res);
        w->t.copies += res.copies;
        w->t.bad_copies += res.bad;
        if (err != 0) {
            w->t.lost++;
            complain(w, "scrub", bp, err);
        }
    }
    int err = arc_read(&w->pool, bp, zb, VDEV_PRIO_SYNC_READ, 0, &buf);
    if (err == ZE_NOKEY) {
        w->t.nokey++;
        err = arc_read(&w->pool, bp, zb, VDEV_PRIO_SYNC_READ, ZIO_RAW, &buf);
    }
    if (err == 0)
        return buf;
    w->t.unreadable++;
    complain(w, "read", bp, err);
    return NULL;
}

/* Function of a level-0 block, given in host order. */
typedef void (*leaf_fn)(struct walk *w, const struct bookmark *zb, void *block, size_t len);

static void walk_tree(struct walk *w, const struct blkptr *bp, const struct bookmark *zb,
                      leaf_fn leaf)
{
    struct arc_buf *buf = visit(w, bp, zb);

    if (buf == NULL)
        return;
    AUTO_FREE void *copy = NULL;
    if (zb->level > 0 || leaf != NULL)
        copy = malloc(buf->size);
    size_t len = buf->size;
    if (copy != NULL)
        memcpy(copy, buf->data, len);
    arc_release(buf);
    if (copy == NULL)
        return;
    if (zb->level == 0) {
        if (bp_is_swapped(bp))
            objtype_bswap(bp_type(bp), copy, len);
        leaf(w, zb, copy, len);
        return;
    }
    if (bp_is_swapped(bp))
        bswap64_array(copy, len);
    const struct blkptr *child = copy;
    uint64_t n = len / sizeof(*child);
    for (uint64_t i = 0; i < n; i++) {
        struct bookmark below = {zb->objset, zb->object, zb->level - 1, zb->blkid * n + i};
        walk_tree(w, &child[i], &below, leaf);
    }
}

static void walk_dnode(struct walk *w, uint64_t objset, uint64_t object,
                       const struct dnode_phys *dn, leaf_fn leaf)
{
    for (unsigned i = 0; i < dn->nblkptr; i++) {
        struct bookmark zb = {objset, object, dn->nlevels - 1, i};
        walk_tree(w, &dn->blkptr[i], &zb, leaf);
    }
    const struct blkptr *spill = dnode_phys_spill(dn);
    if (spill != NULL) {
        struct bookmark zb = {objset, object, 0, BOOKMARK_BLKID_SPILL};
        walk_tree(w, spill, &zb, NULL);
    }
}

static void dnode_block(struct walk *w, const struct bookmark *zb, void *block, size_t len)
{
    unsigned nslots = (unsigned)(len >> DNODE_SLOT_SHIFT);
    uint64_t first = zb->blkid * nslots;

    if (dnode_block_validate(block, len, first) != 0) {
        w->t.unreadable++;
        fprintf(stderr, "objset %llu block %llu of dnodes: %s\n", (unsigned long long)zb->objset,
                (unsigned long long)zb->blkid, err_detail());
        return;
    }
    for (unsigned s = dnode_block_next(block, nslots, 0); s < nslots;) {
        const struct dnode_phys *dn = (const struct dnode_phys *)block + s;
        walk_dnode(w, zb->objset, first + s, dn, NULL);
        if (zb->objset == 0 && dn->bonustype == OBJTYPE_DSL_DATASET &&
            dn->bonuslen >= sizeof(struct dsl_dataset_phys)) {
            const struct dsl_dataset_phys *ds = (const void *)dnode_phys_bonus(dn);
            walk_objset(w, first + s, &ds->bp);
        }
        s = dnode_block_next(block, nslots, s + dnode_phys_slots(dn));
    }
}

static void walk_objset(struct walk *w, uint64_t dataset, const struct blkptr *root)
{
    static const uint64_t special[] = {OBJSET_OBJECT_USERUSED, OBJSET_OBJECT_GROUPUSED,
                                       OBJSET_OBJECT_PROJECTUSED};
    const struct bookmark zb = {dataset, 0, BOOKMARK_LEVEL_ROOT, 0};
    struct objset_phys os;
    struct arc_buf *buf = visit(w, root, &zb);

    if (buf == NULL)
        return;
    int err = objset_phys_load(&os, buf->data, buf->size, bp_is_swapped(root));
    arc_release(buf);
    if (err != 0) {
        w->t.unreadable++;
        complain(w, "objset", root, err);
        return;
    }
    walk_dnode(w, dataset, OBJSET_OBJECT_META, &os.meta_dnode, dnode_block);
    for (unsigned i = 0; i < array_len(special); i++) {
        const struct dnode_phys *dn = objset_phys_special(&os, special[i]);
        if (dn != NULL && dn->type != 0)
            walk_dnode(w, dataset, special[i], dn, NULL);
    }
}

/* Pool salt and feature state from the object directory, object 1 of the MOS. */
static int load_directory(struct walk *w, const struct blkptr *root)
{
    struct objset *mos;
    struct zap *zap;
    uint64_t refs, read_features = 0;
    int err = objset_open(&w->pool, 0, root, 0, &mos);

    if (err != 0)
        return err;
    err = zap_open(mos, 1, &zap);
    if (err == 0) {
        if (zap_lookup(zap, "org.illumos:checksum_salt", 1, 32, w->pool.salt, NULL) != 0)
            err_detail_clear();
        zap_close(zap);
    }
    if (err == 0 && zap_get_u64(mos, 1, "features_for_read", &read_features) == 0)
        w->pool.has_dynamic_gang =
            zap_get_u64(mos, read_features, "com.klarasystems:dynamic_gang_header", &refs) == 0 &&
            refs != 0;
    objset_close(mos);
    return err;
}

static int run(struct walk *w, int n, char **paths)
{
    struct nvlist *tops[MAX_TOPS] = {NULL};
    AUTO_NVLIST struct nvlist *any = NULL;
    struct uberblock_choice ub;
    int err = 0;

    for (int i = 0; err == 0 && i < n; i++) {
        err = add_device(w, paths[i], tops, &any);
        if (err == ZE_BADLABEL || err == ZE_CKSUM || err == ZE_NVLIST) {
            fprintf(stderr, "%s: %s\n", paths[i], err_detail());
            err = 0;
        }
    }
    if (err == 0 && any == NULL)
        err = err_raise(ZE_BADLABEL, "no pool on these devices");
    if (err == 0)
        err = make_tree(w, tops, any);
    for (unsigned i = 0; i < MAX_TOPS; i++)
        nvlist_free(tops[i]);
    if (err == 0)
        err = vdev_uberblock_choose(w->tree, UINT64_MAX, &ub);
    if (err != 0)
        return err;
    w->tree->raidz_reflow_offset = uberblock_reflow_offset(&ub.best);
    w->tree->raidz_reflow_state = uberblock_reflow_state(&ub.best);
    err = load_directory(w, &ub.best.rootbp);
    if (err == 0)
        walk_objset(w, 0, &ub.best.rootbp);
    return err;
}

int main(int argc, char **argv)
{
    static struct walk w;
    int first = 1;

    if (argc > 1 && strcmp(argv[1], "-q") == 0) {
        w.quiet = true;
        first = 2;
    }
    if (first >= argc || env_init_system(&w.env, 0) != 0 || backend_install_system(&w.env) != 0 ||
        arc_create(&w.env, 64 << 20, &w.pool.arc) != 0) {
        fprintf(stderr, "usage: zio_walk [-q] DEVICE...\n");
        return 2;
    }
    w.pool.env = &w.env;
    w.pool.load = 1;
    int err = run(&w, argc - first, argv + first);
    if (err != 0)
        fprintf(stderr, "zio_walk: %s: %s\n", err_sentence(err), err_detail());
    const struct totals *t = &w.t;
    printf("blocks %llu bytes %llu copies %llu embedded %llu gang %llu protected %llu nokey %llu "
           "removed %llu bad "
           "%llu lost %llu unreadable %llu\n",
           (unsigned long long)t->blocks, (unsigned long long)t->bytes,
           (unsigned long long)t->copies, (unsigned long long)t->embedded,
           (unsigned long long)t->gang, (unsigned long long)t->protected,
           (unsigned long long)t->nokey, (unsigned long long)t->removed,
           (unsigned long long)t->bad_copies, (unsigned long long)t->lost,
           (unsigned long long)t->unreadable);
    arc_drop_pool(w.pool.arc, &w.pool);
    if (w.tree != NULL)
        vdev_tree_destroy(w.tree);
    arc_destroy(w.pool.arc);
    env_fini(&w.env);
    return err != 0 || t->lost + t->unreadable != 0 ? 2 : t->bad_copies != 0 ? 1 : 0;
}
