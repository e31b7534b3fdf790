/* SPDX-License-Identifier: MIT */
/* Operations on pools: scan, import, export, list, configuration. */
#include "service/service_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/assemble.h"
#include "pool/cachefile.h"
#include "pool/config.h"
#include "pool/errlog.h"
#include "pool/events.h"
#include "pool/history.h"
#include "pool/pool_props.h"
#include "pool/vdev_props.h"
#include "pool/scan.h"
#include "vdev/vdev_label.h"
#include "zpl/zpl.h"

/* ---- finding ---- */

static int find_candidates(struct service *s, const struct nvlist *args,
                           struct pool_candidates **out)
{
    const char *cachefile = nvlist_string(args, "cachefile", NULL);
    struct pool_scan_args sa = {0};
    struct pool_scan *scan;
    int err;

    if (cachefile != NULL)
        return cachefile_candidates(cachefile, out);
    if (nvlist_lookup_string_array(args, "paths", &sa.paths, &sa.npaths) != 0)
        sa.paths = NULL;
    err = pool_scan_devices(s->env, &sa, &scan);
    if (err != 0)
        return err;
    err = pool_assemble(scan, out);
    pool_scan_free(scan);
    return err;
}

static bool is_imported(struct service *s, uint64_t guid)
{
    MUTEX_GUARD(&s->lock);

    for (struct svc_pool *p = s->pools; p != NULL; p = p->next) {
        if (p->pool->guid == guid)
            return true;
    }
    return false;
}

/* Not exported, and by another host. */
static bool is_foreign(struct service *s, const struct nvlist *config)
{
    uint64_t hostid = nvlist_u64(config, "hostid", 0);

    return nvlist_u64(config, "state", POOL_STATE_EXPORTED) == POOL_STATE_ACTIVE && hostid != 0 &&
           hostid != s->env->hostid;
}

static int op_pool_scan(struct service *s, struct op_context *ctx, const struct nvlist *args,
                        struct nvlist *result)
{
    bool destroyed = nvlist_bool(args, "destroyed", false);
    struct pool_candidates *c;
    int err = find_candidates(s, args, &c);

    for (size_t i = 0; err == 0 && i < c->n; i++) {
        AUTO_NVLIST struct nvlist *tried = NULL;
        bool is_destroyed = nvlist_u64(c->config[i], "state", 0) == POOL_STATE_DESTROYED;

        op_progress(ctx, "looking at pools", i, c->n, "pools");
        if (is_destroyed != destroyed || is_imported(s, nvlist_u64(c->config[i], "pool_guid", 0)))
            continue;
        err = pool_try_import(s->env, c->config[i], &tried);
        if (err == 0 && is_foreign(s, c->config[i]))
            err = nvlist_add_u64(tried, "hostid_mismatch", 1);
        err = err != 0 ? err : op_item(ctx, tried);
    }
    if (err == 0)
        pool_candidates_free(c);
    return err;
}

/* ---- import ---- */

static unsigned import_flags(const struct nvlist *args)
{
    static const struct {
        const char *name;
        unsigned flag;
    } rows[] = {
        {"force", POOL_IMPORT_FORCE},
        {"missing_log", POOL_IMPORT_MISSING_LOG},
        {"temp_name", POOL_IMPORT_TEMP_NAME},
        {"checkpoint", POOL_IMPORT_CHECKPOINT},
        {"rewind", POOL_IMPORT_REWIND},
        {"extreme", POOL_IMPORT_EXTREME},
        {"dry_run", POOL_IMPORT_TRY},
        {"destroyed", POOL_IMPORT_DESTROYED},
        {"skip_mmp", POOL_IMPORT_SKIP_MMP},
        {"no_excl", POOL_IMPORT_NO_EXCL},
        {"missing_tops", POOL_IMPORT_MISSING_TOPS},
    };
    unsigned flags = POOL_IMPORT_READONLY | POOL_IMPORT_LOAD_SPARES;

    for (size_t i = 0; i < array_len(rows); i++) {
        if (nvlist_bool(args, rows[i].name, false))
            flags |= rows[i].flag;
    }
    return flags;
}

static bool interrupted(void *arg)
{
    return op_cancelled(arg);
}

static int check_name_free(struct service *s, const char *name, uint64_t guid)
{
    MUTEX_GUARD(&s->lock);

    for (struct svc_pool *p = s->pools; p != NULL; p = p->next) {
        if (strcmp(p->pool->name, name) == 0)
            return err_raise(ZE_POOLEXISTS, "a pool with that name already exists");
        if (p->pool->guid == guid) /* as if there were no such devices, as with OpenZFS */
            return err_raise(ZE_NOPOOL, "pool is already imported as '%s'", p->pool->name);
    }
    return 0;
}

static int add_pool(struct service *s, struct pool *pool)
{
    struct svc_pool *p = mem_zalloc(sizeof(*p));

    if (p == NULL)
        return ZE_NOMEM;
    p->pool = pool;
    mutex_lock(&s->lock);
    p->next = s->pools;
    s->pools = p;
    mutex_unlock(&s->lock);
    return 0;
}

/* Volumes of the pool as files below RUNTIME_DIR/zvol/POOL; without FUSE there are none. */
static void serve_volumes(struct service *s, struct pool *pool)
{
    struct fuse_mount_options o = {.source = pool->name, .allow_other = geteuid() == 0};
    struct fuse_mount *m = NULL;
    char dir[4096];

    if (s->runtime_dir == NULL || pool->dsl == NULL)
        return;
    snprintf(dir, sizeof(dir), "%s/zvol", s->runtime_dir);
    (void)mkdir(dir, 0755);
    snprintf(dir, sizeof(dir), "%s/zvol/%s", s->runtime_dir, pool->name);
    (void)mkdir(dir, 0755);
    o.mountpoint = dir;
    if (fuse_mount_volumes(pool->dsl, &o, NULL, NULL, &m) != 0) {
        env_log(s->env, LOGL_WARN, "volumes of '%s' are not served: %s", pool->name, err_detail());
        return;
    }
    mutex_lock(&s->lock);
    for (struct svc_pool *p = s->pools; p != NULL; p = p->next) {
        if (p->pool == pool)
            p->volumes = m;
    }
    mutex_unlock(&s->lock);
}

/* A pool with an alternate root, or imported with cachefile=none, is not remembered. */
static void remember(struct service *s, struct pool *pool)
{
    AUTO_NVLIST struct nvlist *config = NULL;
    const char *file = s->cache_file;

    if (pool->cachefile != NULL)
        file = strcmp(pool->cachefile, "none") == 0 ? NULL : pool->cachefile;
    else if (pool->altroot != NULL)
        file = NULL;
    if (file == NULL || pool_config_for_cache(pool, &config) != 0)
        return;
    if (cachefile_update(file, pool->name, config) != 0)
        env_log(s->env, LOGL_WARN, "cache file: %s", err_detail());
}

static int run_import(struct service *s, struct op_context *ctx, const struct nvlist *config,
                      const struct nvlist *args, struct nvlist *result, struct pool **out)
{
    AUTO_NVLIST struct nvlist *info = NULL;
    struct pool_import_args ia = {
        .flags = import_flags(args),
        .new_name = nvlist_string(args, "newname", NULL),
        .altroot = nvlist_string(args, "altroot", NULL),
        .props = nvlist_child(args, "props"),
        .request_txg = nvlist_u64(args, "txg", 0),
        .arc = s->arc,
        .interrupted = interrupted,
        .interrupted_arg = ctx,
    };
    const char *name = ia.new_name != NULL ? ia.new_name : nvlist_string(config, "name", "");
    int err = check_name_free(s, name, nvlist_u64(config, "pool_guid", 0));

    if (err == 0)
        err = pool_import(s->env, config, &ia, s->events, &info, out);
    if (info != NULL) {
        char detail[1024];

        err_detail_get(detail, sizeof(detail));
        (void)nvlist_add_nvlist(result, "load_info", info);
        err_detail_put(detail);
    }
    return err;
}

static int finish_import(struct service *s, struct op_context *ctx, struct pool *pool,
                         const struct nvlist *args, struct nvlist *result)
{
    uint64_t mounted = 0;
    int err = add_pool(s, pool);

    if (err != 0) {
        pool_close(pool);
        return err;
    }
    pool_hold(pool);
    err = nvlist_add_string(result, "name", pool->name);
    if (s->persistent) {
        serve_volumes(s, pool);
        remember(s, pool);
    }
    if (err == 0 && nvlist_bool(args, "load_keys", false)) {
        AUTO_NVLIST struct nvlist *key_args = NULL, *key_result = NULL;

        if (nvlist_create(&key_args) == 0 &&
            nvlist_add_string(key_args, "dataset", pool->name) == 0 &&
            nvlist_add_bool(key_args, "recursive", true) == 0)
            err = service_call(s, ctx, "load_key", key_args, &key_result);
    }
    if (err == 0 && !nvlist_bool(args, "no_mount", false) && s->persistent)
        err = mounts_all(s, ctx, pool, nvlist_string(args, "mntopts", NULL), &mounted);
    pool_rele(pool);
    if (err != 0) { /* imported all the same: say what else failed */
        err = nvlist_add_string(result, "warning", err_detail());
        if (err != 0)
            return err;
    }
    return nvlist_add_u64(result, "mounted", mounted);
}

static int op_pool_import(struct service *s, struct op_context *ctx, const struct nvlist *args,
                          struct nvlist *result)
{
    const char *name = nvlist_string(args, "pool", NULL);
    bool destroyed = nvlist_bool(args, "destroyed", false);
    struct pool_candidates *c = NULL;
    const struct nvlist *config = nvlist_child(args, "config");
    struct pool *pool;
    int err = 0;

    if (config == NULL && name == NULL)
        return err_raise(ZE_INVAL, "argument 'pool' is missing");
    if (config == NULL) {
        err = find_candidates(s, args, &c);
        err = err != 0 ? err : pool_candidates_find(c, name, destroyed, &config);
    }
    if (err == 0)
        err = run_import(s, ctx, config, args, result, &pool);
    pool_candidates_free(c);
    if (err != 0 || nvlist_bool(args, "dry_run", false)) {
        if (err == 0)
            pool_close(pool);
        return err;
    }
    return finish_import(s, ctx, pool, args, result);
}

static void restore_one(struct service *s, const struct nvlist *config)
{
    struct op_context ctx = {.privileged = true, .fd = -1};
    AUTO_NVLIST struct nvlist *args = NULL, *result = NULL;
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_nvlist(args, "config", config);
    err = err != 0 ? err : service_call(s, &ctx, "pool_import", args, &result);
    if (err != 0)
        env_log(s->env, LOGL_ERROR, "cannot import '%s': %s", nvlist_string(config, "name", "?"),
                err_detail());
}

void service_restore(struct service *s)
{
    struct pool_candidates *c;

    if (s->cache_file == NULL || access(s->cache_file, R_OK) != 0)
        return;
    if (cachefile_candidates(s->cache_file, &c) != 0) {
        env_log(s->env, LOGL_ERROR, "cache file '%s': %s", s->cache_file, err_detail());
        return;
    }
    for (size_t i = 0; i < c->n; i++)
        restore_one(s, c->config[i]);
    pool_candidates_free(c);
}

/* ---- export ---- */

static struct svc_pool *begin_export(struct service *s, struct pool *pool)
{
    MUTEX_GUARD(&s->lock);

    for (struct svc_pool *p = s->pools; p != NULL; p = p->next) {
        if (p->pool == pool && !p->exporting) {
            p->exporting = true;
            return p;
        }
    }
    return NULL;
}

static int end_export(struct service *s, struct svc_pool *p)
{
    struct svc_pool **at;

    mutex_lock(&s->lock);
    if (pool_busy(p->pool)) {
        p->exporting = false;
        mutex_unlock(&s->lock);
        return err_raise(ZE_BUSY, "pool is busy");
    }
    for (at = &s->pools; *at != p; at = &(*at)->next)
        ;
    *at = p->next;
    mutex_unlock(&s->lock);
    if (p->volumes != NULL)
        (void)fuse_mount_stop(p->volumes, true);
    if (s->cache_file != NULL && s->persistent)
        (void)cachefile_update(s->cache_file, p->pool->name, NULL);
    pool_close(p->pool);
    free(p);
    return 0;
}

static int op_pool_export(struct service *s, struct op_context *ctx, const struct nvlist *args,
                          struct nvlist *result)
{
    struct pool *pool;
    struct svc_pool *p;
    const char *name;
    int err = op_arg_string(args, "pool", &name);

    err = err != 0 ? err : service_pool_hold(s, name, &pool);
    if (err != 0)
        return err;
    err = mounts_remove_pool(
        s, pool, nvlist_bool(args, "force", false) || nvlist_bool(args, "hardforce", false));
    p = err == 0 ? begin_export(s, pool) : NULL;
    pool_rele(pool);
    if (err != 0)
        return err;
    return p != NULL ? end_export(s, p) : err_raise(ZE_BUSY, "pool is being exported");
}

/* ---- looking ---- */

static int pool_item(struct pool *pool, bool with_props, bool with_dedup, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *item = NULL, *config = NULL, *props = NULL;
    int err = nvlist_create(&item);

    err = err != 0 ? err : pool_config_generate(pool, &config);
    if (err == 0 && with_dedup && pool->dsl != NULL)
        err = pool_config_add_dedup(pool, config);
    err = err != 0 ? err : nvlist_add_string(item, "name", pool->name);
    err = err != 0 ? err : nvlist_add_u64(item, "guid", pool->guid);
    err = err != 0 ? err : nvlist_add_bool(item, "readonly", pool->readonly);
    if (err == 0 && pool->altroot != NULL)
        err = nvlist_add_string(item, "altroot", pool->altroot);
    err = err != 0 ? err : nvlist_add_nvlist(item, "config", config);
    if (err == 0 && with_props) {
        err = pool_props_get(pool, NULL, 0, &props);
        err = err != 0 ? err : nvlist_add_nvlist(item, "props", props);
    }
    if (err == 0) {
        *out = item;
        item = NULL;
    }
    return err;
}

struct pool_lister {
    struct op_context *ctx;
    bool with_props, with_dedup;
};

static int list_pool(void *arg, struct pool *pool)
{
    struct pool_lister *l = arg;
    AUTO_NVLIST struct nvlist *item = NULL;
    int err = pool_item(pool, l->with_props, l->with_dedup, &item);

    return err != 0 ? err : op_item(l->ctx, item);
}

/* Items, one a pool: by name, or all in the order of names. */
static int each_pool(struct service *s, struct op_context *ctx, const struct nvlist *args,
                     bool with_props)
{
    struct pool_lister l = {ctx, with_props, nvlist_bool(args, "dedup", false)};
    const char *const *names;
    size_t n;
    int err = 0;

    if (nvlist_lookup_string_array(args, "pools", &names, &n) != 0)
        return service_pools_each(s, list_pool, &l);
    for (size_t i = 0; err == 0 && i < n; i++) {
        AUTO_POOL struct pool *pool = NULL;

        err = service_pool_hold(s, names[i], &pool);
        if (err != 0) {
            pool = NULL;
            break;
        }
        err = list_pool(&l, pool);
    }
    return err;
}

static int op_pool_list(struct service *s, struct op_context *ctx, const struct nvlist *args,
                        struct nvlist *result)
{
    return each_pool(s, ctx, args, true);
}

static int op_pool_config(struct service *s, struct op_context *ctx, const struct nvlist *args,
                          struct nvlist *result)
{
    return each_pool(s, ctx, args, nvlist_bool(args, "props", false));
}

/* One item a vdev. */
static int get_vdevs(struct op_context *ctx, struct pool *pool, const char *const *vdevs,
                     size_t nvdevs, const char *const *names, size_t n)
{
    int err = 0;

    for (size_t i = 0; i < nvdevs && err == 0; i++) {
        AUTO_NVLIST struct nvlist *item = NULL, *props = NULL;
        const struct vdev *vd = pool_vdev_find(pool, vdevs[i]);

        if (vd == NULL)
            return err_raise(ZE_NOENT, "no such device in pool");
        err = nvlist_create(&item);
        err = err != 0 ? err : pool_vdev_props_get(pool, vd, names, n, &props);
        err = err != 0 ? err : nvlist_add_string(item, "name", vdevs[i]);
        err = err != 0 ? err : nvlist_add_u64(item, "guid", vd->guid);
        err = err != 0 ? err : nvlist_add_nvlist(item, "props", props);
        err = err != 0 ? err : op_item(ctx, item);
    }
    return err;
}

static int op_pool_get(struct service *s, struct op_context *ctx, const struct nvlist *args,
                       struct nvlist *result)
{
    AUTO_POOL struct pool *pool = NULL;
    AUTO_NVLIST struct nvlist *props = NULL;
    const char *const *names = NULL, *const * vdevs;
    const char *name;
    size_t n = 0, nvdevs;
    int err = op_arg_string(args, "pool", &name);

    err = err != 0 ? err : service_pool_hold(s, name, &pool);
    if (err != 0) {
        pool = NULL;
        return err;
    }
    (void)nvlist_lookup_string_array(args, "props", &names, &n);
    if (nvlist_lookup_string_array(args, "vdevs", &vdevs, &nvdevs) == 0)
        return get_vdevs(ctx, pool, vdevs, nvdevs, names, n);
    err = pool_props_get(pool, names, n, &props);
    return err != 0 ? err : nvlist_add_nvlist(result, "props", props);
}

/* ---- history, errors, events ---- */

static int emit(void *arg, const struct nvlist *item)
{
    return op_item(arg, item);
}

static int op_pool_history(struct service *s, struct op_context *ctx, const struct nvlist *args,
                           struct nvlist *result)
{
    AUTO_POOL struct pool *pool = NULL;
    const char *name;
    int err = op_arg_string(args, "pool", &name);

    err = err != 0 ? err : service_pool_hold(s, name, &pool);
    if (err != 0) {
        pool = NULL;
        return err;
    }
    return pool_history_each(pool, emit, ctx);
}

struct error_lister {
    struct op_context *ctx;
    struct pool *pool;
};

/* "dataset:<0x12>" when the file has no name any more; "<metadata>:<0x3d>" for the MOS
 * (format/pool.md 12.3). */
static void error_path(struct pool *pool, const struct bookmark *zb, char *buf, size_t len)
{
    struct dsl_dataset *ds = NULL;
    struct zpl *z = NULL;
    char name[DATASET_NAME_MAX] = "<metadata>", path[4096];

    if (zb->objset != 0 && dsl_dataset_hold_object(pool->dsl, zb->objset, &ds) == 0)
        dsl_dataset_name(ds, name);
    else if (zb->objset != 0)
        snprintf(name, sizeof(name), "<0x%llx>", (unsigned long long)zb->objset);
    if (ds != NULL && zpl_mount(ds, 0, &z) == 0 &&
        zpl_object_path(z, zb->object, path, sizeof(path)) == 0)
        snprintf(buf, len, "%s:%s", name, path);
    else
        snprintf(buf, len, "%s:<0x%llx>", name, (unsigned long long)zb->object);
    zpl_unmount(z);
    if (ds != NULL)
        dsl_dataset_rele(ds);
}

static int emit_error(void *arg, const struct pool_error *e)
{
    struct error_lister *l = arg;
    AUTO_NVLIST struct nvlist *item = NULL;
    char path[4096 + DATASET_NAME_MAX];
    int err = nvlist_create(&item);

    error_path(l->pool, &e->zb, path, sizeof(path));
    err = err != 0 ? err : nvlist_add_u64(item, "dataset", e->zb.objset);
    err = err != 0 ? err : nvlist_add_u64(item, "object", e->zb.object);
    err = err != 0 ? err : nvlist_add_i64(item, "level", e->zb.level);
    err = err != 0 ? err : nvlist_add_u64(item, "blkid", e->zb.blkid);
    err = err != 0 ? err : nvlist_add_string(item, "path", path);
    return err != 0 ? err : op_item(l->ctx, item);
}

static int op_pool_errors(struct service *s, struct op_context *ctx, const struct nvlist *args,
                          struct nvlist *result)
{
    AUTO_POOL struct pool *pool = NULL;
    const char *name;
    int err = op_arg_string(args, "pool", &name);

    err = err != 0 ? err : service_pool_hold(s, name, &pool);
    if (err != 0) {
        pool = NULL;
        return err;
    }
    return pool_errlog_each(pool, emit_error, &(struct error_lister){ctx, pool});
}

static int op_pool_events(struct service *s, struct op_context *ctx, const struct nvlist *args,
                          struct nvlist *result)
{
    bool follow = nvlist_bool(args, "follow", false);
    uint64_t after = 0;
    int err = 0;

    if (nvlist_bool(args, "clear", false))
        return nvlist_add_u64(result, "cleared", pool_events_clear(s->events));
    while (err == 0) {
        AUTO_NVLIST struct nvlist *event = NULL;

        err = pool_events_next(s->events, after, &event, NULL);
        if (err == 0) {
            after = nvlist_u64(event, "eid", after + 1);
            err = op_item(ctx, event);
        } else if (err == ZE_NOENT && follow) {
            err = op_cancelled(ctx) ? ZE_CANCELED : 0;
            if (err == 0)
                (void)pool_events_wait(s->events, after, 500000000u);
        }
    }
    return err == ZE_NOENT ? 0 : err;
}

static int op_version(struct service *s, struct op_context *ctx, const struct nvlist *args,
                      struct nvlist *result)
{
    return nvlist_add_string(result, "engine", "zuse-" ZUSE_VERSION);
}

/* ---- labelclear ---- */

/* A device whose labels say it is part of a pool that may be active is only cleared by force. */
static int check_label(struct service *s, const char *path, const struct nvlist *config, bool force)
{
    const char *name = nvlist_string(config, "name", "?");
    uint64_t state = nvlist_u64(config, "state", POOL_STATE_ACTIVE);

    if (is_imported(s, nvlist_u64(config, "pool_guid", 0)))
        return err_raise(ZE_BUSY, "%s is a member (ACTIVE) of pool \"%s\"", path, name);
    if (force || state == POOL_STATE_DESTROYED)
        return 0;
    return err_raise(ZE_EXISTS,
                     "use '-f' to override the following error:\n%s is a member of %s pool \"%s\"",
                     path, state == POOL_STATE_EXPORTED ? "exported" : "potentially active", name);
}

static int check_clearable(struct service *s, const char *path, bool force)
{
    const char *const paths[] = {path};
    struct pool_scan_args args = {.paths = paths, .npaths = 1};
    struct pool_scan *scan;
    int err = pool_scan_devices(s->env, &args, &scan);

    if (err != 0)
        return err;
    err = scan->n == 0 ? err_raise(ZE_NOENT, "there is no label")
                       : check_label(s, path, scan->dev[0].config, force);
    pool_scan_free(scan);
    return err;
}

static int op_labelclear(struct service *s, struct op_context *ctx, const struct nvlist *args,
                         struct nvlist *result)
{
    const char *path;
    struct device *dev;
    int err = op_arg_string(args, "device", &path);

    err = err != 0 ? err : check_clearable(s, path, nvlist_bool(args, "force", false));
    err = err != 0
              ? err
              : s->env->devices->open(s->env, path, DEVICE_OPEN_WRITE | DEVICE_OPEN_EXCL, &dev);
    if (err != 0)
        return err;
    err = label_clear(dev);
    device_close(dev);
    return err;
}

const struct op ops_pool[] = {
    {"labelclear", op_labelclear, 0},
    {"version", op_version, OP_READ},
    {"pool_scan", op_pool_scan, 0},
    {"pool_import", op_pool_import, 0},
    {"pool_export", op_pool_export, 0},
    {"pool_list", op_pool_list, OP_READ},
    {"pool_config", op_pool_config, OP_READ},
    {"pool_iostat", op_pool_config, OP_READ},
    {"pool_get", op_pool_get, OP_READ},
    {"pool_history", op_pool_history, 0},
    {"pool_errors", op_pool_errors, OP_READ},
    {"pool_events", op_pool_events, 0},
    {NULL, NULL, 0},
};
