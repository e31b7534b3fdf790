/* SPDX-License-Identifier: MIT */
/* One attempt to load a pool; see load.h. Steps are numbered as in format/pool.md 7.4. */
#include "pool/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/traverse.h"
#include "dmu/zap.h"
#include "pool/pool_features.h"
#include "pool/space.h"
#include "zio/arc.h"

#define MOS_DIRECTORY 1

/* ---- the MOS directory ---- */

int pool_directory_u64(struct pool *pool, const char *key, uint64_t *out)
{
    return zap_get_u64(pool->mos, MOS_DIRECTORY, key, out);
}

int pool_directory_array(struct pool *pool, const char *key, uint64_t *out, size_t n, size_t *got)
{
    struct zap *zap;
    uint64_t have = 0;
    int err = zap_open(pool->mos, MOS_DIRECTORY, &zap);
    if (err != 0)
        return err;
    err = zap_lookup(zap, key, 8, n, out, &have);
    zap_close(zap);
    if (got != NULL)
        *got = (size_t)have;
    return err;
}

static int directory_optional(struct pool *pool, const char *key, uint64_t *out)
{
    int err = pool_directory_u64(pool, key, out);
    if (err == ZE_NOENT)
        *out = 0;
    return err == ZE_NOENT ? 0 : err;
}

/* ---- failing ---- */

/* Record what a status display shows: the state of the root. */
static int load_fail(struct pool *pool, int err, enum vdev_aux aux)
{
    if (err != 0 && pool->vdevs != NULL && err != ZE_NOMEM)
        vdev_state_set(pool->vdevs->root, VDEV_STATE_CANT_OPEN, aux);
    return err;
}

void pool_unload(struct pool *pool)
{
    pool_space_forget(pool);
    dsl_pool_close(pool->dsl);
    pool->dsl = NULL;
    if (pool->mos != NULL)
        objset_close(pool->mos);
    pool->mos = NULL;
    pool_features_free(pool->features);
    pool->features = NULL;
    if (pool->zio.arc != NULL)
        arc_drop_pool(pool->zio.arc, &pool->zio); /* reads ahead may be under way */
    vdev_tree_destroy(pool->vdevs);
    pool->vdevs = NULL;
    pool->zio.vdevs = NULL;
    pool->zio.config_trusted = false;
    pool->zio.has_dynamic_gang = false;
    nvlist_free(pool->label);
    pool->label = NULL;
    memset(pool->removing, 0, sizeof(pool->removing));
    memset(pool->scan, 0, sizeof(pool->scan));
    memset(pool->error_scrub, 0, sizeof(pool->error_scrub));
    pool->has_scan = false;
    pool->checkpoint_txg = 0;
    pool->errata = POOL_ERRATA_NONE;
}

/* ---- steps 1 to 4: devices and the uberblock ---- */

static int step_open_vdevs(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    const struct nvlist *tree = nvlist_child(ld->config, "vdev_tree");
    uint64_t guid;
    if (nvlist_lookup_u64(ld->config, "pool_guid", &guid) != 0 || tree == NULL)
        return err_raise(ZE_INVAL, "the configuration has no pool_guid or no vdev_tree");
    pool->guid = guid;
    pool->version = nvlist_u64(ld->config, "version", 1);
    int err = vdev_tree_create(pool->env, tree, &pool->observer, &pool->vdevs);
    if (err != 0)
        return err;
    unsigned flags = DEVICE_OPEN_READ;
    if (!(ld->args->flags & (POOL_IMPORT_TRY | POOL_IMPORT_NO_EXCL)))
        flags |= DEVICE_OPEN_EXCL;
    if (ld->args->flags & POOL_IMPORT_MISSING_TOPS)
        pool->vdevs->missing_tops_allowed = UINT32_MAX;
    else if (ld->args->flags & POOL_IMPORT_CACHED)
        pool->vdevs->missing_tops_allowed = 2;
    pool->zio.vdevs = pool->vdevs;
    pool->zio.guid = guid;
    pool->zio.config_trusted = false;
    return vdev_tree_open(pool->vdevs, flags);
}

static bool root_is_dead(const struct pool *pool)
{
    return pool->vdevs->root->state == VDEV_STATE_CANT_OPEN;
}

/* The first reason found below, for the message. */
static int leaf_error(void *arg, struct vdev *vd)
{
    const struct vdev **bad = arg;
    if (!vdev_is_leaf(vd) || vdev_readable(vd))
        return 0;
    *bad = vd;
    return 1;
}

static int root_dead_error(struct pool *pool)
{
    struct vdev *bad = NULL;
    vdev_each(pool->vdevs->root, leaf_error, &bad);
    char name[256] = "a device";
    if (bad != NULL)
        vdev_display_name(bad, name, sizeof(name));
    return err_raise(ZE_NXIO, "too many devices are missing or damaged, %s is %s", name,
                     bad != NULL ? vdev_state_name(bad->state, bad->aux) : "UNAVAIL");
}

static int step_check_label_features(struct pool *pool)
{
    const struct nvlist *features = nvlist_child(pool->label, "features_for_read");
    if (pool->version < POOL_VERSION_FEATURES)
        return 0;
    if (features == NULL)
        return err_raise(ZE_CORRUPT, "the label has no features_for_read");
    struct nvlist *unknown = NULL;
    int err = pool_features_check_label(features, &unknown);
    if (unknown != NULL) {
        int added = nvlist_take_nvlist(pool->load_info, "unsup_feat", unknown);
        err = added != 0 ? added : err;
    }
    return err;
}

static int check_version(uint64_t version)
{
    if (pool_version_is_valid(version))
        return 0;
    return err_raise(ZE_VERSION, "pool version %llu is not supported", (unsigned long long)version);
}

static int step_choose_uberblock(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    struct uberblock_choice c;
    int err = vdev_uberblock_choose(pool->vdevs, ld->max_txg, &c);
    if (err != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    pool->ub = ld->checkpoint != NULL ? *ld->checkpoint : c.best;
    pool->latest_txg = c.latest.txg;
    pool->first_txg = (ld->max_txg == UINT64_MAX ? pool->ub.txg : c.latest.txg) + 1;
    pool->version = pool->ub.version;
    if ((err = check_version(pool->version)) != 0)
        return load_fail(pool, err, VDEV_AUX_VERSION_NEWER);
    err = vdev_label_config(c.leaf, c.best.txg, &pool->label);
    if (err != 0 && ld->extreme)
        err = vdev_label_config(c.leaf, UINT64_MAX, &pool->label);
    if (err != 0 && pool->version < POOL_VERSION_FEATURES)
        err = nvlist_create(&pool->label);
    if (err != 0)
        return load_fail(pool, err_context(ZE_CORRUPT, "label of the chosen uberblock: "),
                         VDEV_AUX_CORRUPT_DATA);
    if (!ld->mmp_checked && ld->checkpoint == NULL) {
        if ((err = mmp_activity_check(pool, ld->args, &c.latest)) != 0)
            return load_fail(pool, err, VDEV_AUX_ACTIVE);
        ld->mmp_checked = true;
    }
    if ((err = step_check_label_features(pool)) != 0)
        return load_fail(pool, err,
                         err == ZE_FEATURE ? VDEV_AUX_UNSUP_FEAT : VDEV_AUX_CORRUPT_DATA);
    pool->vdevs->raidz_reflow_offset = uberblock_reflow_offset(&pool->ub);
    pool->vdevs->raidz_reflow_state = uberblock_reflow_state(&pool->ub);
    return 0;
}

/* ---- steps 5 to 9: MOS, trusted configuration, logs, guid sum ---- */

static int open_mos(struct pool *pool)
{
    int err = objset_open(&pool->zio, 0, &pool->ub.rootbp, 0, &pool->mos);
    if (err != 0)
        pool->mos = NULL;
    return err == 0 || err == ZE_NOMEM
               ? err
               : err_context(err, "MOS of txg %llu: ", (unsigned long long)pool->ub.txg);
}

static int step_check_logs(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    struct vdev *root = pool->vdevs->root;
    AUTO_NVLIST struct nvlist *missing = NULL;
    struct nvlist *list[64];
    unsigned n = 0;
    int err = 0;
    for (unsigned i = 0; i < root->nchildren && n < array_len(list) && err == 0; i++) {
        if (root->child[i]->is_log && root->child[i]->state == VDEV_STATE_CANT_OPEN)
            err = vdev_config_generate(root->child[i], 0, &list[n++]);
    }
    if (err != 0)
        n--;
    if (err == 0 && n > 0 && (err = nvlist_create(&missing)) == 0 &&
        (err = nvlist_add_nvlist_array(missing, "children", list, n)) == 0)
        err = nvlist_add_nvlist(pool->load_info, "missing_vdevs", missing);
    for (unsigned i = 0; i < n; i++)
        nvlist_free(list[i]);
    if (err != 0 || n == 0 || (ld->args->flags & POOL_IMPORT_MISSING_LOG))
        return err;
    return err_raise(ZE_MISSINGLOG, "%u log device%s missing", n, n == 1 ? " is" : "s are");
}

static int step_guid_sum(struct pool *pool)
{
    uint64_t sum = vdev_guid_sum(pool->vdevs->root);
    if (sum == pool->ub.guid_sum)
        return 0;
    return err_raise(ZE_GUIDSUM, "sum of the guids is %llu, the uberblock says %llu",
                     (unsigned long long)sum, (unsigned long long)pool->ub.guid_sum);
}

static int note_owner(struct pool *pool)
{
    uint64_t hostid = nvlist_u64(pool->config, "hostid", 0);
    int err = hostid == 0 ? 0 : nvlist_add_u64(pool->load_info, "hostid", hostid);
    const char *name = nvlist_string(pool->config, "hostname", NULL);
    return err != 0 || name == NULL ? err : nvlist_add_string(pool->load_info, "hostname", name);
}

static int step_trusted_config(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    int err = open_mos(pool);
    if (err != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    if ((err = load_trusted_config(ld)) != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    if ((err = note_owner(pool)) != 0 || ld->want_reload)
        return err;
    if (root_is_dead(pool))
        return root_dead_error(pool);
    if ((err = step_check_logs(ld)) != 0)
        return load_fail(pool, err,
                         err == ZE_MISSINGLOG ? VDEV_AUX_NO_REPLICAS : VDEV_AUX_CORRUPT_DATA);
    if ((err = step_guid_sum(pool)) != 0)
        return load_fail(pool, err, VDEV_AUX_BAD_GUID_SUM);
    if ((err = open_mos(pool)) != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    return 0;
}

/* ---- steps 11 to 16 ---- */

static int step_features(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    if (pool->version < POOL_VERSION_FEATURES)
        return 0;
    int err = pool_features_load(pool->mos, &pool->features);
    if (err != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    const struct pool_feature_state *f = pool->features;
    err = nvlist_add_nvlist(pool->load_info, "enabled_feat", f->enabled);
    if (err == 0 && !nvlist_empty(f->unsupported_descriptions))
        err = nvlist_add_nvlist(pool->load_info, "unsup_feat", f->unsupported_descriptions);
    if (err == 0 && f->can_readonly)
        err = nvlist_add_boolean(pool->load_info, "can_rdonly");
    if (err != 0)
        return err;
    /* Old encrypted snapshots may lack what a raw receive checks (crypto-dedup.md A21). */
    if (pool_feature_enabled(f, FEATURE_ENCRYPTION) &&
        !pool_feature_enabled(f, FEATURE_BOOKMARK_V2))
        pool->errata = POOL_ERRATA_IVSET;
    pool->zio.has_dynamic_gang = pool_feature_active(f, FEATURE_DYNAMIC_GANG_HEADER);
    if (!f->can_readonly || (!f->can_write && !pool->readonly))
        return load_fail(pool,
                         err_raise(ZE_FEATURE, "the pool uses the unsupported feature %s",
                                   nvpair_name(nvlist_next(f->unsupported_descriptions, NULL))),
                         VDEV_AUX_UNSUP_FEAT);
    return 0;
}

static int load_salt(struct pool *pool)
{
    struct zap *zap;
    int err = zap_open(pool->mos, MOS_DIRECTORY, &zap);
    if (err != 0)
        return err;
    err = zap_lookup(zap, "org.illumos:checksum_salt", 1, sizeof(pool->zio.salt), pool->zio.salt,
                     NULL);
    zap_close(zap);
    if (err == ZE_NOENT) /* nothing salted has been written yet */
        env_random_bytes(pool->env, pool->zio.salt, sizeof(pool->zio.salt));
    return err == ZE_NOENT ? 0 : err;
}

static int load_scan(struct pool *pool)
{
    uint64_t words[25] = {0};
    size_t got = 0;
    int err = pool_directory_array(pool, "scan", words, array_len(words), &got);
    if (err == 0 && got >= array_len(pool->scan)) {
        memcpy(pool->scan, words, sizeof(pool->scan));
        pool->has_scan = true;
        if (got == 25) { /* an old release wrote a word too many; flags sit behind it */
            pool->scan[23] = words[24];
            pool->errata = POOL_ERRATA_SCRUB;
        }
    }
    if (err != 0 && err != ZE_NOENT)
        return err;
    memset(words, 0, sizeof(words));
    err = pool_directory_array(pool, "error_scrub", words, 9, &got);
    if (err == 0)
        memcpy(pool->error_scrub, words, sizeof(pool->error_scrub));
    return err == ZE_NOENT || err == ZE_RANGE ? 0 : err;
}

static int load_checkpoint_txg(struct pool *pool)
{
    uint64_t words[sizeof(struct uberblock) / 8];
    size_t got = 0;
    int err =
        pool_directory_array(pool, "com.delphix:zpool_checkpoint", words, array_len(words), &got);
    if (err == ZE_NOENT)
        return 0;
    if (err != 0 || got != array_len(words))
        return err != 0 ? err : err_raise(ZE_CORRUPT, "the checkpoint entry has %zu words", got);
    struct uberblock ub;
    memcpy(&ub, words, sizeof(ub));
    pool->checkpoint_txg = ub.checkpoint_txg;
    return 0;
}

static int load_directory(struct pool *pool)
{
    const struct {
        const char *key;
        uint64_t *value;
    } entries[] = {
        {"deflate", &pool->deflate},         {"creation_version", &pool->creation_version},
        {"errlog_last", &pool->errlog_last}, {"errlog_scrub", &pool->errlog_scrub},
        {"history", &pool->history_object},  {"com.delphix:vdev_zap_map", &pool->avz_object},
        {"pool_props", &pool->props_object}, {"last_scrubbed_txg", &pool->last_scrubbed_txg},
    };
    int err = 0;
    for (size_t i = 0; i < array_len(entries) && err == 0; i++)
        err = directory_optional(pool, entries[i].key, entries[i].value);
    return err;
}

static int step_directory(struct pool *pool)
{
    int err = load_salt(pool);
    if (err == 0)
        err = load_directory(pool);
    /* One without the other: some software lost the vdevs' ZAPs. */
    if (err == 0 && pool->avz_object == 0 &&
        nvlist_exists(pool->config, "com.delphix:has_per_vdev_zaps"))
        err = err_raise(ZE_CORRUPT, "the list of vdev ZAPs is missing");
    if (err == 0)
        err = load_scan(pool);
    if (err == 0)
        err = load_checkpoint_txg(pool);
    if (err == 0)
        err = dsl_pool_open(&pool->zio, pool->mos, pool->name, pool->version, &pool->dsl);
    return err;
}

/* ---- step 19: only when rewinding ---- */

struct verify_count {
    uint64_t meta_errors;
};

static int verify_visit(void *arg, const struct traverse_visit *v)
{
    struct verify_count *c = arg;
    if (v->event == TRAVERSE_ERROR)
        c->meta_errors++;
    return 0;
}

static int verify_objset(struct pool *pool, uint64_t dataset, const struct blkptr *root)
{
    struct verify_count count = {0};
    struct traverse t = {
        .pool = &pool->zio,
        .dataset = dataset,
        .root = *root,
        .flags = TRAVERSE_PRE | TRAVERSE_CONTINUE | TRAVERSE_RAW,
        .prio = VDEV_PRIO_SCRUB,
        /* Older blocks cannot have been freed and overwritten: frees are deferred that long. */
        .min_txg = pool->ub.txg > 3 ? pool->ub.txg - 3 : 0,
        .fn = verify_visit,
        .arg = &count,
    };
    int err = traverse_objset(&t);
    if (err == 0 && count.meta_errors != 0)
        err = err_raise(ZE_CORRUPT, "%llu metadata blocks of txg %llu are damaged",
                        (unsigned long long)count.meta_errors, (unsigned long long)pool->ub.txg);
    return err;
}

/* Every object set that was written lately: metadata must be whole. */
static int step_verify(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    if (!ld->verify)
        return 0;
    int err = verify_objset(pool, 0, &pool->ub.rootbp);
    uint64_t object = 0;
    while (err == 0 && (err = objset_next_object(pool->mos, &object)) == 0) {
        struct dsl_dataset *ds;
        struct dnode *dn;
        if ((err = dnode_hold(pool->mos, object, &dn)) != 0)
            break;
        bool is_dataset = dnode_phys(dn)->bonustype == OBJTYPE_DSL_DATASET;
        dnode_rele(dn);
        if (!is_dataset || dsl_dataset_hold_object(pool->dsl, object, &ds) != 0)
            continue;
        struct blkptr root = dsl_dataset_phys(ds)->bp;
        dsl_dataset_rele(ds);
        if (!bp_is_hole(&root) && bp_birth(&root) + 3 > pool->ub.txg)
            err = verify_objset(pool, object, &root);
    }
    return err == ZE_NOENT ? 0 : err;
}

/* ---- all of it ---- */

static int load_attempt(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    int err = step_open_vdevs(ld);
    if (err != 0)
        return err;
    if (root_is_dead(pool))
        return root_dead_error(pool);
    if ((err = vdev_tree_validate(pool->vdevs, UINT64_MAX, 0, NULL)) != 0)
        return err;
    if (root_is_dead(pool))
        return root_dead_error(pool);
    if ((err = step_choose_uberblock(ld)) != 0 || (err = step_trusted_config(ld)) != 0 ||
        ld->want_reload)
        return err;
    pool->zio.config_trusted = true;
    if ((err = load_removals(pool)) != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    if ((err = step_features(ld)) != 0)
        return err;
    if ((err = step_directory(pool)) != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    if ((err = load_aux_lists(pool, ld->args->flags &
                                        (POOL_IMPORT_LOAD_SPARES | POOL_IMPORT_TRY))) != 0 ||
        (err = load_vdev_metadata(pool)) != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    if (root_is_dead(pool))
        return root_dead_error(pool);
    if ((err = step_verify(ld)) != 0)
        return load_fail(pool, err, VDEV_AUX_CORRUPT_DATA);
    return 0;
}

int pool_load_once(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    pool_unload(pool);
    int err = load_attempt(ld);
    if (err == 0 && ld->want_reload) {
        /* Start over with the configuration just read; it must not happen twice. */
        AUTO_NVLIST struct nvlist *trusted = NULL;
        struct nvlist *tree = NULL;
        const struct nvlist *scanned = ld->config;
        if ((err = nvlist_dup(pool->config, &trusted)) != 0 ||
            (err = vdev_config_generate(pool->vdevs->root, VDEV_CONFIG_MOS, &tree)) != 0 ||
            (err = nvlist_take_nvlist(trusted, "vdev_tree", tree)) != 0)
            return err;
        ld->config = trusted;
        ld->reloaded = true;
        ld->want_reload = false;
        pool_unload(pool);
        err = load_attempt(ld);
        ld->config = scanned;
        ld->reloaded = false;
    }
    pool->load_error = err;
    return err;
}
