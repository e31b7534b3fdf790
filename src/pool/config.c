/* SPDX-License-Identifier: MIT */
/* The configuration of a pool as commands get it; see config.h. */
#include "pool/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"
#include "pool/errlog.h"
#include "pool/pool_features.h"
#include "pool/space.h"
#include "vdev/indirect.h"
#include "vdev/vdev_stats.h"

/* ---- statistics that only the pool knows ---- */

static void leaf_zap_u64(struct pool *pool, uint64_t zap, const char *key, uint64_t *out)
{
    uint64_t v;
    if (pool->mos != NULL && zap != 0 && zap_get_u64(pool->mos, zap, key, &v) == 0)
        *out = v;
}

static void patch_leaf(struct pool *pool, const struct nvlist *vd, uint64_t *stats)
{
    uint64_t zap = nvlist_u64(vd, "com.delphix:vdev_zap_leaf", 0);
    leaf_zap_u64(pool, zap, "com.delphix:vdev_initialize_state",
                 &stats[VDEV_STAT_INITIALIZE_STATE]);
    leaf_zap_u64(pool, zap, "com.delphix:next_offset_to_initialize",
                 &stats[VDEV_STAT_INITIALIZE_BYTES]);
    leaf_zap_u64(pool, zap, "com.delphix:vdev_initialize_action_time",
                 &stats[VDEV_STAT_INITIALIZE_TIME]);
    leaf_zap_u64(pool, zap, "org.zfsonlinux:vdev_trim_state", &stats[VDEV_STAT_TRIM_STATE]);
    leaf_zap_u64(pool, zap, "org.zfsonlinux:next_offset_to_trim", &stats[VDEV_STAT_TRIM_BYTES]);
    leaf_zap_u64(pool, zap, "org.zfsonlinux:vdev_trim_action_time", &stats[VDEV_STAT_TRIM_TIME]);
}

static void patch_top(struct pool *pool, uint64_t id, const struct top_space *space,
                      uint64_t *stats)
{
    const struct vdev *vd = pool->vdevs->root->child[id];
    if (space == NULL)
        return;
    stats[VDEV_STAT_ALLOC] = space[id].alloc;
    stats[VDEV_STAT_SPACE] = space[id].size;
    stats[VDEV_STAT_DSPACE] = (space[id].size >> SECTOR_SHIFT) * vd->deflate_ratio;
    stats[VDEV_STAT_FRAGMENTATION] = space[id].fragmentation;
    stats[VDEV_STAT_CHECKPOINT] = space[id].checkpoint;
}

static int patch_children(struct pool *pool, struct nvlist *nv, unsigned depth,
                          const struct top_space *space);

static int patch_vdev(struct pool *pool, struct nvlist *nv, unsigned depth, uint64_t id,
                      const struct top_space *space)
{
    const uint64_t *stored;
    uint64_t stats[VDEV_STATS_COUNT];
    size_t n;
    if (nvlist_lookup_u64_array(nv, "vdev_stats", &stored, &n) != 0 || n != VDEV_STATS_COUNT)
        return 0;
    memcpy(stats, stored, sizeof(stats));
    if (depth == 1)
        patch_top(pool, id, space, stats);
    if (!nvlist_exists(nv, "children"))
        patch_leaf(pool, nv, stats);
    int err = nvlist_add_u64_array(nv, "vdev_stats", stats, VDEV_STATS_COUNT);
    return err != 0 ? err : patch_children(pool, nv, depth, space);
}

/* The lists inside an array may be changed in place. */
static int patch_children(struct pool *pool, struct nvlist *nv, unsigned depth,
                          const struct top_space *space)
{
    struct nvlist *const *list;
    size_t n;
    if (nvlist_lookup_nvlist_array(nv, "children", &list, &n) != 0 || n == 0)
        return 0;
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++)
        err = patch_vdev(pool, list[i], depth + 1, i, space);
    return err;
}

/* Without what dedup and clones save. */
static uint64_t tops_dspace(const struct pool *pool, const struct top_space *space)
{
    uint64_t sum = 0;
    for (unsigned i = 0; space != NULL && i < pool->vdevs->root->nchildren; i++) {
        const struct vdev *vd = pool->vdevs->root->child[i];
        if (!vd->is_log)
            sum += (space[i].size >> SECTOR_SHIFT) * vd->deflate_ratio;
    }
    return sum;
}

static int patch_root(struct pool *pool, struct nvlist *root, uint64_t dspace)
{
    const uint64_t *stored;
    uint64_t stats[VDEV_STATS_COUNT];
    size_t n;
    struct pool_space total;
    if (nvlist_lookup_u64_array(root, "vdev_stats", &stored, &n) != 0 || n != VDEV_STATS_COUNT)
        return 0;
    memcpy(stats, stored, sizeof(stats));
    if (pool->dsl != NULL && !pool->tried && pool_space_get(pool, &total) == 0) {
        stats[VDEV_STAT_ALLOC] = total.alloc;
        stats[VDEV_STAT_SPACE] = total.size;
        stats[VDEV_STAT_DSPACE] = dspace;
        stats[VDEV_STAT_ESIZE] = total.expandable;
        stats[VDEV_STAT_FRAGMENTATION] = total.fragmentation;
        stats[VDEV_STAT_CHECKPOINT] = total.checkpoint;
    }
    return nvlist_add_u64_array(root, "vdev_stats", stats, VDEV_STATS_COUNT);
}

/* ---- spares, cache, progress ---- */

/* A cache device has a header of one block before its contents. */
static int patch_cache(const struct vdev *vd, struct nvlist *nv)
{
    const uint64_t *stored;
    uint64_t stats[VDEV_STATS_COUNT], header = 1ull << max_of(vd->ashift, (uint64_t)SECTOR_SHIFT);
    size_t n;
    if (nvlist_lookup_u64_array(nv, "vdev_stats", &stored, &n) != 0 || n != VDEV_STATS_COUNT)
        return 0;
    memcpy(stats, stored, sizeof(stats));
    if (stats[VDEV_STAT_SPACE] > header)
        stats[VDEV_STAT_SPACE] -= header;
    stats[VDEV_STAT_FRAGMENTATION] = 0;
    return nvlist_add_u64_array(nv, "vdev_stats", stats, VDEV_STATS_COUNT);
}

static int add_aux(const struct vdev_tree *tree, struct nvlist *root, bool l2cache)
{
    struct vdev **list = l2cache ? tree->l2cache : tree->spares;
    unsigned n = l2cache ? tree->nl2cache : tree->nspares;
    if (n == 0)
        return 0;
    struct nvlist **nv = mem_calloc(n, sizeof(struct nvlist *));
    int err = nv == NULL ? ZE_NOMEM : 0;
    for (unsigned i = 0; i < n && err == 0; i++)
        err = vdev_config_generate(list[i], VDEV_CONFIG_STATS, &nv[i]);
    for (unsigned i = 0; i < n && err == 0 && l2cache; i++)
        err = patch_cache(list[i], nv[i]);
    /* A spare that stands in for a disk of this pool has its twin in the tree. */
    for (unsigned i = 0; i < n && err == 0 && !l2cache; i++) {
        const struct vdev *twin = vdev_find_guid(tree->root, list[i]->guid);
        if (twin != NULL)
            err = nvlist_add_u64(nv[i], "spare_in_use", 1);
    }
    if (err == 0)
        err = nvlist_add_nvlist_array(root, l2cache ? "l2cache" : "spares", nv, n);
    for (unsigned i = 0; nv != NULL && i < n; i++)
        nvlist_free(nv[i]);
    free(nv);
    return err;
}

static int add_checkpoint(struct pool *pool, struct nvlist *root, const struct top_space *space)
{
    uint64_t words[sizeof(struct uberblock) / 8] = {0}, stats[3] = {pool->checkpoint_txg, 0, 0};
    size_t got = 0;
    bool discarding =
        pool->checkpoint_txg == 0 && pool_feature_active(pool->features, FEATURE_ZPOOL_CHECKPOINT);
    if (pool->checkpoint_txg == 0 && !discarding)
        return 0;
    if (pool_directory_array(pool, "com.delphix:zpool_checkpoint", words, array_len(words), &got) ==
        0)
        stats[1] = ((const struct uberblock *)words)->timestamp;
    for (unsigned i = 0; space != NULL && i < pool->vdevs->root->nchildren; i++)
        stats[2] += space[i].checkpoint;
    return nvlist_add_u64_array(root, "checkpoint_stats", stats, array_len(stats));
}

static int add_expansion(struct pool *pool, struct nvlist *root, const struct top_space *space)
{
    for (unsigned i = 0; i < pool->vdevs->root->nchildren; i++) {
        const struct vdev *vd = pool->vdevs->root->child[i];
        uint64_t stats[6] = {vd->id, 0, 0, 0, 0, 0};
        leaf_zap_u64(pool, vd->top_zap, "org.openzfs:raidz_expand_state", &stats[1]);
        if (vd->type != VDEV_RAIDZ || stats[1] == 0)
            continue;
        leaf_zap_u64(pool, vd->top_zap, "org.openzfs:raidz_expand_start_time", &stats[2]);
        leaf_zap_u64(pool, vd->top_zap, "org.openzfs:raidz_expand_end_time", &stats[3]);
        stats[4] = space != NULL ? space[i].alloc : 0;
        leaf_zap_u64(pool, vd->top_zap, "org.openzfs:raidz_expand_bytes_copied", &stats[5]);
        return nvlist_add_u64_array(root, "raidz_expand_stats", stats, array_len(stats));
    }
    return 0;
}

/* The words of com.delphix:removing and the bytes of all mappings of removed vdevs. */
static int add_removal(struct pool *pool, struct nvlist *root)
{
    uint64_t stats[array_len(pool->removing) + 1];
    memcpy(stats, pool->removing, sizeof(pool->removing));
    stats[array_len(pool->removing)] = 0;
    for (unsigned i = 0; i < pool->vdevs->root->nchildren; i++)
        stats[array_len(pool->removing)] +=
            vdev_indirect_mapping_bytes(pool->vdevs->root->child[i]);
    return nvlist_add_u64_array(root, "removal_stats", stats, array_len(stats));
}

static bool any_nonzero(const uint64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] != 0)
            return true;
    }
    return false;
}

static int add_progress(struct pool *pool, struct nvlist *root, const struct top_space *space)
{
    int err = 0;
    if (pool->has_scan)
        err = nvlist_add_u64_array(root, "scan_stats", pool->scan, array_len(pool->scan));
    if (err == 0 && any_nonzero(pool->error_scrub, array_len(pool->error_scrub)))
        err = nvlist_add_u64_array(root, "error_scrub_stats", pool->error_scrub,
                                   array_len(pool->error_scrub));
    if (err == 0 && pool->removing[0] != 0)
        err = add_removal(pool, root);
    if (err == 0)
        err = add_checkpoint(pool, root, space);
    return err != 0 ? err : add_expansion(pool, root, space);
}

static int generate_tree(struct pool *pool, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *root = NULL;
    AUTO_FREE struct top_space *space = NULL;
    int err = vdev_config_generate(pool->vdevs->root, VDEV_CONFIG_STATS | VDEV_CONFIG_MOS, &root);
    if (err != 0)
        return err;
    /* A status display must not fail on damaged space maps, a list of importable pools needs none.
     */
    if (pool->dsl != NULL && !pool->tried && pool_top_spaces(pool, &space) != 0)
        space = NULL;
    if ((err = patch_children(pool, root, 0, space)) != 0 ||
        (err = patch_root(pool, root, tops_dspace(pool, space))) != 0 ||
        (err = add_aux(pool->vdevs, root, false)) != 0 ||
        (err = add_aux(pool->vdevs, root, true)) != 0)
        return err;
    if (pool->dsl != NULL && (err = add_progress(pool, root, space)) != 0)
        return err;
    *out = root;
    root = NULL;
    return 0;
}

/* ---- the pool's own keys ---- */

static int add_pool_keys(struct pool *pool, struct nvlist *nv)
{
    uint64_t errors = 0, label_state = nvlist_u64(pool->label != NULL ? pool->label : pool->config,
                                                  "state", POOL_STATE_ACTIVE);
    int err = nvlist_add_string(nv, "name", pool->name);
    if (err == 0)
        err = nvlist_add_u64(nv, "version", pool->version);
    if (err == 0 && pool->ub.txg != 0)
        err = nvlist_add_u64(nv, "txg", pool->ub.txg);
    if (err == 0)
        err = nvlist_add_u64(nv, "pool_guid", pool->guid);
    if (err == 0)
        err = nvlist_add_u64(nv, "label_state", label_state);
    if (err == 0)
        err = nvlist_add_u64(nv, "errata", pool->errata);
    if (err == 0)
        err = nvlist_add_bool(nv, "readonly", pool->readonly);
    if (err == 0)
        err = nvlist_add_u64(nv, "initial_load_time", pool->load_ns);
    if (err == 0)
        err = nvlist_add_nvlist(nv, "load_info", pool->load_info);
    if (err == 0 && pool->dsl != NULL && pool_errlog_count(pool, &errors) != 0)
        errors = 1; /* the log itself is damaged */
    return err != 0 ? err : nvlist_add_u64(nv, "error_count", errors);
}

int pool_config_generate(struct pool *pool, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct nvlist *tree = NULL;
    int err = nvlist_dup(pool->config, &nv);
    if (err != 0 || (err = add_pool_keys(pool, nv)) != 0)
        return err;
    if (pool->vdevs != NULL) {
        if ((err = generate_tree(pool, &tree)) != 0 ||
            (err = nvlist_take_nvlist(nv, "vdev_tree", tree)) != 0)
            return err;
    }
    *out = nv;
    nv = NULL;
    return 0;
}

int pool_config_add_dedup(struct pool *pool, struct nvlist *config)
{
    AUTO_FREE struct pool_dedup *d = mem_zalloc(sizeof(*d));
    uint64_t hist[DDT_STAT_BUCKETS * 8];
    int err = d == NULL ? ZE_NOMEM : pool_dedup_get(pool, d);
    if (err != 0)
        return err;
    for (unsigned i = 0; i < DDT_STAT_BUCKETS; i++) {
        const struct ddt_stat_phys *s = &d->hist[i];
        const uint64_t row[8] = {s->blocks,     s->lsize,     s->psize,     s->dsize,
                                 s->ref_blocks, s->ref_lsize, s->ref_psize, s->ref_dsize};
        memcpy(&hist[(size_t)i * 8], row, sizeof(row));
    }
    const uint64_t object[] = {d->entries, d->dspace, d->mspace};
    err = nvlist_add_u64_array(config, "ddt_object_stats", object, array_len(object));
    return err != 0 ? err : nvlist_add_u64_array(config, "ddt_histogram", hist, array_len(hist));
}

int pool_config_for_cache(struct pool *pool, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct nvlist *tree = NULL;
    int err = nvlist_dup(pool->config, &nv);
    if (err != 0 || (err = vdev_config_generate(pool->vdevs->root, VDEV_CONFIG_MOS, &tree)) != 0 ||
        (err = nvlist_take_nvlist(nv, "vdev_tree", tree)) != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}
