/* SPDX-License-Identifier: MIT */
/*
 * The parts of loading a pool that concern devices: the trusted configuration, mappings of removed
 * vdevs, DTLs, allocation classes, spares and cache devices (format/pool.md 7.4 steps 6, 11, 15,
 * 16; format/raid.md 7, 8). See load.h.
 */
#include <string.h>

#include "alloc/space_map.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "disk/indirect_phys.h"
#include "dmu/zap.h"
#include "pool/load.h"
#include "vdev/dtl.h"
#include "vdev/indirect.h"
#include "zio/arc.h"

#define PACKED_NVLIST_MAX   (64u << 20)
#define MAPPING_MAX_ENTRIES (1ull << 28) /* 6 GiB of mapping: more than any real pool has */
#define RECORDS_AT_ONCE     65536ull

/* ---- packed nvlist objects ---- */

int pool_read_nvlist(struct objset *mos, uint64_t object, struct nvlist **out)
{
    struct dnode *dn;
    uint64_t size = 0;
    int err = dnode_hold(mos, object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    if (bonus.len >= 8)
        size = load_ne64(bonus.data);
    if (size == 0 || size > PACKED_NVLIST_MAX || size > dnode_size(dn)) {
        dnode_rele(dn);
        return err_raise(ZE_CORRUPT, "packed nvlist object %llu: size %llu",
                         (unsigned long long)object, (unsigned long long)size);
    }
    AUTO_FREE uint8_t *buf = malloc(size);
    err = buf == NULL ? ZE_NOMEM : dmu_read(dn, 0, buf, size);
    dnode_rele(dn);
    if (err == 0)
        err = nvlist_decode(span_of(buf, size), out);
    return err == 0 || err == ZE_NOMEM
               ? err
               : err_context(err, "packed nvlist object %llu: ", (unsigned long long)object);
}

/* ---- trusted configuration ---- */

static int replace_string(char **field, const char *value)
{
    char *copy = value == NULL ? NULL : mem_strdup(value);
    if (value != NULL && copy == NULL)
        return ZE_NOMEM;
    free(*field);
    *field = copy;
    return 0;
}

static bool same_shape(const struct vdev *a, const struct vdev *b)
{
    if (a->type != b->type || a->nchildren != b->nchildren)
        return false;
    for (unsigned i = 0; i < a->nchildren; i++) {
        if (!same_shape(a->child[i], b->child[i]))
            return false;
    }
    return true;
}

/* Where the scan found a device is better than where the configuration says it was. */
static int carry_paths(struct vdev *vd, const struct vdev *twin, struct vdev_tree *old)
{
    int err = 0;
    if (vdev_is_leaf(vd) && vdev_is_concrete(vd) && vd->guid != 0) {
        const struct vdev *from = vdev_find_guid(old->root, vd->guid);
        if (from == NULL)
            from = twin;
        if (from != NULL && from->path != NULL) {
            err = replace_string(&vd->path, from->path);
            if (err == 0 && from->devid != NULL)
                err = replace_string(&vd->devid, from->devid);
            if (err == 0 && from->physpath != NULL)
                err = replace_string(&vd->physpath, from->physpath);
        }
    }
    for (unsigned i = 0; i < vd->nchildren && err == 0; i++) {
        const struct vdev *t = twin != NULL && i < twin->nchildren ? twin->child[i] : NULL;
        if (vd->parent == NULL && t != NULL && !same_shape(vd->child[i], t))
            t = NULL;
        err = carry_paths(vd->child[i], t, old);
    }
    return err;
}

static unsigned healthy_tops(const struct vdev *root)
{
    unsigned n = 0;
    for (unsigned i = 0; i < root->nchildren; i++) {
        const struct vdev *c = root->child[i];
        n += vdev_is_concrete(c) && !c->is_log && c->state >= VDEV_STATE_DEGRADED;
    }
    return n;
}

/* Shown by guid, as "was PATH": nobody knows what is at that path now. */
static int mark_not_present(void *arg, struct vdev *vd)
{
    if ((vd->type == VDEV_DISK || vd->type == VDEV_FILE) && vd->state == VDEV_STATE_CANT_OPEN &&
        vd->aux == VDEV_AUX_OPEN_FAILED)
        vd->not_present = 1;
    return 0;
}

/* A newer uberblock on three vdevs the scan did not show would have been missed. */
#define RELOAD_THRESHOLD 3

int load_trusted_config(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    uint64_t object;
    struct nvlist *config;
    int err = pool_directory_u64(pool, "config", &object);
    if (err == 0)
        err = pool_read_nvlist(pool->mos, object, &config);
    if (err != 0)
        return err == ZE_NOMEM ? err : err_context(ZE_CORRUPT, "MOS configuration: ");
    nvlist_free(pool->config);
    pool->config = config;
    const struct nvlist *tree_config = nvlist_child(config, "vdev_tree");
    if (tree_config == NULL)
        return err_raise(ZE_CORRUPT, "MOS configuration: no vdev tree");

    struct vdev_tree *tree, *old = pool->vdevs;
    if ((err = vdev_tree_create(pool->env, tree_config, &pool->observer, &tree)) != 0)
        return err_context(err, "MOS configuration: ");
    tree->raidz_reflow_offset = old->raidz_reflow_offset;
    tree->raidz_reflow_state = old->raidz_reflow_state;
    tree->missing_tops_allowed = old->missing_tops_allowed;
    unsigned before = healthy_tops(old->root), flags = old->open_flags;
    if ((err = carry_paths(tree->root, old->root, old)) != 0) {
        vdev_tree_destroy(tree);
        return err;
    }
    /* Devices are claimed exclusively, so the old tree has to let go first. */
    objset_close(pool->mos);
    pool->mos = NULL;
    if (pool->zio.arc != NULL)
        arc_drop_pool(pool->zio.arc, &pool->zio); /* waits for reads ahead on the old tree */
    pool->zio.vdevs = tree;
    pool->vdevs = tree;
    vdev_tree_destroy(old);
    if ((err = vdev_tree_open(tree, flags)) != 0 ||
        (err = vdev_tree_validate(tree, pool->ub.txg,
                                  LABEL_TRUSTED | (ld->extreme ? LABEL_EXTREME : 0), NULL)) != 0)
        return err;
    if (!(ld->args->flags & POOL_IMPORT_TRY))
        vdev_each(tree->root, mark_not_present, NULL);
    if (!ld->reloaded && healthy_tops(tree->root) >= before + RELOAD_THRESHOLD)
        ld->want_reload = true;
    return 0;
}

/* ---- removed vdevs ---- */

/*
 * Records of `record` bytes, in pieces: an object may claim to be huge and consist of holes, but no
 * valid record is all zeros, so that shows in the first piece.
 */
static int read_records(struct objset *mos, uint64_t object, uint64_t n, size_t record,
                        uint64_t **out)
{
    struct dnode *dn;
    uint64_t *buf = NULL, have = 0;
    int err = dnode_hold(mos, object, &dn);
    if (err != 0)
        return err;
    while (err == 0 && have < n) {
        uint64_t part = min_of(n - have, RECORDS_AT_ONCE);
        uint64_t *more = realloc(buf, (have + part) * record);
        if (more == NULL) {
            err = ZE_NOMEM;
            break;
        }
        buf = more;
        err = dmu_read(dn, have * record, buf + have * record / 8, part * record);
        for (uint64_t i = have; err == 0 && i < have + part; i++) {
            uint64_t any = 0;
            for (size_t w = 0; w < record / 8; w++)
                any |= buf[i * record / 8 + w];
            if (any == 0)
                err = err_raise(ZE_BADVDEV, "object %llu: record %llu is empty",
                                (unsigned long long)object, (unsigned long long)i);
        }
        have += part;
    }
    dnode_rele(dn);
    if (err != 0) {
        free(buf);
        return err;
    }
    *out = buf;
    return 0;
}

static int read_mapping(struct objset *mos, uint64_t object, uint64_t **out, uint64_t *n)
{
    struct indirect_mapping_phys phys;
    struct dnode *dn;
    int err = dnode_hold(mos, object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    err = indirect_mapping_phys_load(&phys, bonus.data, bonus.len, dnode_size(dn), object);
    dnode_rele(dn);
    if (err != 0)
        return err;
    if (phys.num_entries > MAPPING_MAX_ENTRIES)
        return err_raise(ZE_BADVDEV, "mapping object %llu has %llu entries",
                         (unsigned long long)object, (unsigned long long)phys.num_entries);
    *n = phys.num_entries;
    return read_records(mos, object, *n, sizeof(struct indirect_entry_phys), out);
}

static int read_births(struct objset *mos, uint64_t object, uint64_t **out, uint64_t *n)
{
    struct dnode *dn;
    int err = dnode_hold(mos, object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    *n = bonus.len >= 8 ? load_ne64(bonus.data) : 0;
    dnode_rele(dn);
    if (*n > MAPPING_MAX_ENTRIES)
        return err_raise(ZE_BADVDEV, "births object %llu has %llu entries",
                         (unsigned long long)object, (unsigned long long)*n);
    return read_records(mos, object, *n, sizeof(struct indirect_birth_phys), out);
}

static int load_mapping(struct pool *pool, struct vdev *vd)
{
    AUTO_FREE uint64_t *entries = NULL;
    AUTO_FREE uint64_t *births = NULL;
    uint64_t n = 0, nbirths = 0;
    if (vd->indirect_object == 0 || vd->indirect_births == 0)
        return err_raise(ZE_BADVDEV, "removed vdev %llu has no mapping",
                         (unsigned long long)vd->id);
    int err = read_mapping(pool->mos, vd->indirect_object, &entries, &n);
    if (err == 0)
        err = read_births(pool->mos, vd->indirect_births, &births, &nbirths);
    if (err == 0)
        err = vdev_indirect_set_mapping_raw(vd, entries, n, births, nbirths);
    return err == 0 ? 0 : err_context(err, "removed vdev %llu: ", (unsigned long long)vd->id);
}

/*
 * Newest removal first: the mapping of an older one may have been copied to a vdev removed later. A
 * vdev still being evacuated keeps serving reads itself; its mapping matters to writers only.
 */
int load_removals(struct pool *pool)
{
    size_t got = 0;
    int err = pool_directory_array(pool, "com.delphix:removing", pool->removing, 7, &got);
    if (err == ZE_NOENT)
        return 0;
    if (err != 0)
        return err;
    const unsigned dss_scanning = 1;
    if (pool->removing[0] == dss_scanning && vdev_tree_top(pool->vdevs, pool->removing[1]) == NULL)
        return err_raise(ZE_CORRUPT, "vdev %llu is being removed but does not exist",
                         (unsigned long long)pool->removing[1]);
    uint64_t id = pool->removing[2];
    for (unsigned steps = 0; id != UINT64_MAX; steps++) {
        struct vdev *vd = vdev_tree_top(pool->vdevs, id);
        if (vd == NULL || vd->type != VDEV_INDIRECT || steps > pool->vdevs->root->nchildren)
            return err_raise(ZE_CORRUPT, "chain of removed vdevs is broken at vdev %llu",
                             (unsigned long long)id);
        if ((err = load_mapping(pool, vd)) != 0)
            return err;
        id = vd->prev_indirect;
    }
    return 0;
}

/* ---- dirty time logs ---- */

static int dtl_entry(void *arg, const struct space_map_entry *e)
{
    return e->phys.kind == SPACEMAP_ALLOC ? vdev_dtl_add_missing(arg, e->start, e->size) : 0;
}

static int dtl_load(struct pool *pool, struct vdev *leaf)
{
    struct space_map *sm;
    int err = space_map_open(pool->mos, leaf->dtl_object, 0, UINT64_MAX, 0, &sm);
    if (err != 0)
        return err;
    err = space_map_iterate(sm, UINT64_MAX, dtl_entry, leaf);
    space_map_close(sm);
    return err;
}

static int load_leaf(void *arg, struct vdev *vd)
{
    struct pool *pool = arg;
    if (!vdev_is_leaf(vd) || vd->dtl_object == 0 || !vdev_is_concrete(vd))
        return 0;
    int err = dtl_load(pool, vd);
    if (err == 0 || err == ZE_NOMEM)
        return err;
    /* Without it nobody knows what the device lacks: it must not be read. */
    env_log(pool->env, LOGL_WARN, "pool %s: DTL of vdev %016llx: %s", pool->name,
            (unsigned long long)vd->guid, err_detail());
    vd->open_error = err;
    vdev_state_set(vd, VDEV_STATE_CANT_OPEN, VDEV_AUX_CORRUPT_DATA);
    return 0;
}

/* ---- top-level vdevs ---- */

static int load_top(struct pool *pool, struct vdev *vd)
{
    if (!vdev_is_concrete(vd))
        return 0;
    if (vd->ashift == 0 || vd->asize == 0) {
        vdev_state_set(vd, VDEV_STATE_CANT_OPEN, VDEV_AUX_CORRUPT_DATA);
        return err_raise(ZE_CORRUPT, "vdev %llu has no size", (unsigned long long)vd->id);
    }
    uint64_t psize = 1u << 17, asize = vdev_psize_to_asize(vd, psize, 0);
    vd->deflate_ratio = asize >> SECTOR_SHIFT == 0 ? 512 : psize / (asize >> SECTOR_SHIFT);
    if (vd->top_zap == 0)
        return 0;
    char bias[32] = {0};
    struct zap *zap;
    int err = zap_open(pool->mos, vd->top_zap, &zap);
    if (err != 0)
        return err_context(err, "ZAP of vdev %llu: ", (unsigned long long)vd->id);
    err = zap_lookup(zap, "org.zfsonlinux:allocation_bias", 1, sizeof(bias) - 1, bias, NULL);
    zap_close(zap);
    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : replace_string(&vd->alloc_bias, bias);
}

int load_vdev_metadata(struct pool *pool)
{
    struct vdev *root = pool->vdevs->root;
    int err = 0;
    for (unsigned i = 0; i < root->nchildren && err == 0; i++)
        err = load_top(pool, root->child[i]);
    if (err == 0)
        err = vdev_each(root, load_leaf, pool);
    return err != 0 ? err : vdev_dtl_reassess(pool->vdevs);
}

/* ---- spares and cache devices ---- */

static int load_aux_list(struct pool *pool, const char *name, bool l2cache)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct nvlist *const *list;
    size_t n;
    uint64_t object;
    int err = pool_directory_u64(pool, name, &object);
    if (err != 0 || object == 0)
        return err == ZE_NOENT ? 0 : err;
    if ((err = pool_read_nvlist(pool->mos, object, &nv)) != 0)
        return err;
    if (nvlist_lookup_nvlist_array(nv, name, &list, &n) != 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        err = vdev_tree_add_aux(pool->vdevs, list[i], l2cache);
        if (err == ZE_NOMEM)
            return err;
    }
    return 0;
}

int load_aux_lists(struct pool *pool, bool open)
{
    int err = load_aux_list(pool, "spares", false);
    if (err == 0)
        err = load_aux_list(pool, "l2cache", true);
    /* A read-only pool works without them. */
    if (err != 0 && err != ZE_NOMEM && pool->readonly)
        err = 0;
    return err == 0 && open ? vdev_aux_open(pool->vdevs) : err;
}
