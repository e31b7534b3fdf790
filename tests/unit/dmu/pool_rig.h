/* SPDX-License-Identifier: MIT */
/*
 * For tests of dmu/: a real pool opened read-only from its images without the floors above: the
 * vdev tree from the labels, the newest uberblock, the MOS. Enough for pools whose labels are
 * current. Everything on one thread; failures come back as codes with their detail.
 */
#ifndef ZUSE_TESTS_UNIT_DMU_POOL_RIG_H
#define ZUSE_TESTS_UNIT_DMU_POOL_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/nvlist.h"
#include "disk/dsl_phys.h"
#include "dmu/dmu.h"
#include "dmu/zap.h"
#include "vdev/backend.h"
#include "vdev/vdev_label.h"
#include "zio/arc.h"

#define RIG_IMAGES 16u

struct pool_rig {
    struct env env;
    struct zio_pool zp;
    struct uberblock ub;
    struct objset *mos;
    const char *path[RIG_IMAGES];
    uint64_t guid[RIG_IMAGES];
    unsigned images;
    bool env_up;
};

/* Point every leaf of a vdev configuration at the image that carries its guid. */
static inline int rig_fix_paths(struct pool_rig *rig, const struct nvlist *in, struct nvlist **out)
{
    struct nvlist *const *child;
    size_t n = 0;
    int err = nvlist_dup(in, out);
    if (err != 0)
        return err;
    uint64_t guid = nvlist_u64(in, "guid", 0);
    for (unsigned i = 0; i < rig->images; i++)
        if (rig->guid[i] == guid && (err = nvlist_add_string(*out, "path", rig->path[i])) != 0)
            return err;
    if (nvlist_lookup_nvlist_array(in, "children", &child, &n) != 0)
        return 0;
    struct nvlist *fixed[64];
    size_t done = 0;
    while (err == 0 && done < n && done < array_len(fixed)) {
        err = rig_fix_paths(rig, child[done], &fixed[done]);
        done++;
    }
    if (err == 0)
        err = nvlist_add_nvlist_array(*out, "children", fixed, done);
    for (size_t i = 0; i < done; i++)
        nvlist_free(fixed[i]);
    return err;
}

static inline int rig_config(struct pool_rig *rig, struct nvlist **out)
{
    struct nvlist *top[64] = {0};
    size_t ntop = 0;
    int err = nvlist_create(out);
    uint64_t pool_guid = 0;
    for (unsigned i = 0; err == 0 && i < rig->images; i++) {
        struct device *dev;
        struct nvlist *label = NULL;
        unsigned labels;
        err = rig->env.devices->open(&rig->env, rig->path[i], DEVICE_OPEN_READ, &dev);
        if (err != 0)
            break;
        if (label_scan_config(dev, &label, &labels) == 0) {
            rig->guid[i] = nvlist_u64(label, "guid", 0);
            pool_guid = nvlist_u64(label, "pool_guid", 0);
            const struct nvlist *tree = nvlist_child(label, "vdev_tree");
            uint64_t id = tree != NULL ? nvlist_u64(tree, "id", 64) : 64;
            if (id < 64 && top[id] == NULL)
                err = nvlist_dup(tree, &top[id]);
            if (id < 64 && id + 1 > ntop)
                ntop = id + 1;
            nvlist_free(label);
        }
        device_close(dev);
    }
    struct nvlist *child[64] = {0};
    for (size_t i = 0; err == 0 && i < ntop; i++) {
        if (top[i] != NULL) {
            err = rig_fix_paths(rig, top[i], &child[i]);
        } else {
            err = nvlist_create(&child[i]);
            nvlist_add_string(child[i], "type", "missing");
            nvlist_add_u64(child[i], "id", i);
            nvlist_add_u64(child[i], "guid", i + 1);
        }
    }
    if (err == 0)
        err = nvlist_add_string(*out, "type", "root");
    if (err == 0)
        err = nvlist_add_u64(*out, "id", 0);
    if (err == 0)
        err = nvlist_add_u64(*out, "guid", pool_guid);
    if (err == 0)
        err = nvlist_add_nvlist_array(*out, "children", child, ntop);
    for (size_t i = 0; i < ntop; i++) {
        nvlist_free(top[i]);
        nvlist_free(child[i]);
    }
    rig->zp.guid = pool_guid;
    return err;
}

static inline void rig_close(struct pool_rig *rig)
{
    if (rig->mos != NULL)
        objset_close(rig->mos);
    if (rig->zp.arc != NULL) {
        arc_drop_pool(rig->zp.arc, &rig->zp);
        arc_destroy(rig->zp.arc);
    }
    if (rig->zp.vdevs != NULL)
        vdev_tree_destroy(rig->zp.vdevs);
    if (rig->env_up)
        env_fini(&rig->env);
}

/* path[] and images are set. A failed rig must be closed too. */
static inline int rig_open(struct pool_rig *rig)
{
    int err = env_init_system(&rig->env, 2);
    if (err != 0)
        return err;
    rig->env_up = true;
    err = backend_install_system(&rig->env);
    struct nvlist *config AUTO_NVLIST = NULL;
    if (err == 0)
        err = rig_config(rig, &config);
    rig->zp.env = &rig->env;
    rig->zp.load = 1;
    if (err == 0)
        err = arc_create(&rig->env, 64 << 20, &rig->zp.arc);
    if (err == 0)
        err = vdev_tree_create(&rig->env, config, NULL, &rig->zp.vdevs);
    if (err == 0)
        err = vdev_tree_open(rig->zp.vdevs, DEVICE_OPEN_READ);
    struct uberblock_choice choice;
    if (err == 0)
        err = vdev_uberblock_choose(rig->zp.vdevs, UINT64_MAX, &choice);
    if (err != 0)
        return err;
    rig->ub = choice.best;
    return objset_open(&rig->zp, 0, &rig->ub.rootbp, 0, &rig->mos);
}

/* The salt of salted checksums and the header size of gang blocks, as the MOS tells. */
static inline void rig_learn(struct pool_rig *rig)
{
    struct zap *zap;
    if (zap_open(rig->mos, 1, &zap) != 0)
        return;
    (void)zap_lookup(zap, "org.illumos:checksum_salt", 1, 32, rig->zp.salt, NULL);
    uint64_t features, refs;
    if (zap_lookup(zap, "features_for_read", 8, 1, &features, NULL) == 0 &&
        zap_get_u64(rig->mos, features, "com.klarasystems:dynamic_gang_header", &refs) == 0)
        rig->zp.has_dynamic_gang = refs > 0;
    zap_close(zap);
}

/* Open the dataset whose DSL dataset object this is. */
static inline int rig_dataset(struct pool_rig *rig, uint64_t object, unsigned flags,
                              struct blkptr *root, struct objset **out)
{
    struct dnode *dn;
    int err = dnode_hold(rig->mos, object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    struct dsl_dataset_phys ds;
    err = bonus.len < sizeof(ds) ? err_raise(ZE_BADDSL, "not a dataset") : 0;
    if (err == 0)
        memcpy(&ds, bonus.data, sizeof(ds));
    dnode_rele(dn);
    if (err != 0)
        return err;
    *root = ds.bp;
    return out == NULL ? 0 : objset_open(&rig->zp, object, &ds.bp, flags, out);
}

#endif
