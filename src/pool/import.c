/* SPDX-License-Identifier: MIT */
/*
 * Importing a pool: names, the host check, rewinding, the checkpoint, and what a listing of
 * importable pools shows (format/pool.md 7.3, 7.6, 18.3). The steps themselves are in load.c. See
 * pool.h.
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "dmu/bpobj.h"
#include "pool/config.h"
#include "pool/events.h"
#include "pool/load.h"
#include "pool/observer.h"
#include "pool/pool_features.h"
#include "pool/pool_props.h"

#define REWIND_SAFE_TXGS 2 /* frees of that many txgs back have not been reused */
#define REWIND_FIRST_TXG 4

/* ---- names ---- */

int pool_name_check(const char *name, bool import)
{
    size_t len = strlen(name);
    if (len == 0)
        return err_raise(ZE_INVAL, "name must not be empty");
    if (len >= POOL_NAME_MAX - 16)
        return err_raise(ZE_NAMETOOLONG, "name is too long");
    for (const char *p = name; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && strchr("-_.: ", *p) == NULL)
            return err_raise(ZE_INVAL, "invalid character '%c' in pool name", *p);
    }
    if (!isalpha((unsigned char)name[0]))
        return err_raise(ZE_INVAL, "name must begin with a letter");
    static const char *const reserved[] = {"mirror", "raidz", "draid", "spare"};
    for (size_t i = 0; i < array_len(reserved); i++) {
        bool whole = strcmp(name, reserved[i]) == 0;
        bool prefix = strncmp(name, reserved[i], strlen(reserved[i])) == 0;
        if ((whole && i < 3) || (prefix && !import))
            return err_raise(ZE_INVAL, "name is reserved");
    }
    if (!import && strcmp(name, "log") == 0)
        return err_raise(ZE_INVAL, "name is reserved");
    return 0;
}

/* ---- making and ending a pool ---- */

static int copy_optional(char **out, const char *s)
{
    if (s == NULL)
        return 0;
    *out = mem_strdup(s);
    return *out == NULL ? ZE_NOMEM : 0;
}

static int pool_new(struct env *env, const struct nvlist *config,
                    const struct pool_import_args *args, struct pool_events *events,
                    struct pool **out)
{
    const char *name = nvlist_string(config, "name", "");
    const char *as = args->new_name != NULL ? args->new_name : name;
    int err;
    if (strlen(name) >= POOL_NAME_MAX || strlen(as) >= POOL_NAME_MAX)
        return err_raise(ZE_NAMETOOLONG, "pool name is too long");
    if (!(args->flags & POOL_IMPORT_TRY) && (err = pool_name_check(as, true)) != 0)
        return err;
    struct pool *p = mem_zalloc(sizeof(*p));
    if (p == NULL)
        return ZE_NOMEM;
    p->env = env;
    p->events = events;
    p->readonly = true;
    p->tried = args->flags & POOL_IMPORT_TRY;
    p->import_flags = args->flags;
    strcpy(p->name, as);
    strcpy(p->disk_name, name);
    rwlock_init(&p->config_lock, RANK_POOL_CONFIG);
    mutex_init(&p->space_lock, RANK_POOL);
    p->guid = nvlist_u64(config, "pool_guid", 0);
    env_random_bytes(env, &p->load_guid, sizeof(p->load_guid));
    p->zio.env = env;
    p->zio.arc = args->arc;
    p->zio.guid = p->guid;
    p->zio.load = p->load_guid;
    pool_observer_init(p);
    err = nvlist_create(&p->load_info);
    if (err == 0)
        err = nvlist_dup(config, &p->config);
    if (err == 0)
        err = copy_optional(&p->altroot, args->altroot);
    if (err == 0)
        err = pool_props_import(p, args->props);
    if (err != 0) {
        pool_close(p);
        return err;
    }
    *out = p;
    return 0;
}

void pool_close(struct pool *pool)
{
    if (pool == NULL)
        return;
    pool_unload(pool);
    nvlist_free(pool->config);
    nvlist_free(pool->load_info);
    nvlist_free(pool->import_props);
    free(pool->altroot);
    free(pool->cachefile);
    rwlock_destroy(&pool->config_lock);
    mutex_destroy(&pool->space_lock);
    free(pool);
}

void pool_hold(struct pool *pool)
{
    atomic_fetch_add(&pool->holds, 1);
}

void pool_rele(struct pool *pool)
{
    atomic_fetch_sub(&pool->holds, 1);
}

/* ---- checkpoint ---- */

/* Second load, from the uberblock the checkpoint kept. */
static int load_checkpoint(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    uint64_t words[sizeof(struct uberblock) / 8];
    size_t got = 0;
    int err =
        pool_directory_array(pool, "com.delphix:zpool_checkpoint", words, array_len(words), &got);
    if (err == ZE_NOENT || (err == 0 && got != array_len(words)))
        return err_raise(ZE_NOCHECKPOINT, "the pool has no checkpoint");
    if (err != 0)
        return err;
    struct uberblock ub;
    memcpy(&ub, words, sizeof(ub));
    if ((err = uberblock_validate(&ub)) != 0)
        return err_context(err, "checkpoint: ");
    ld->checkpoint = &ub;
    ld->extreme = true; /* labels are newer than the checkpoint */
    err = pool_load_once(ld);
    ld->checkpoint = NULL;
    return err;
}

/* ---- rewinding (7.6) ---- */

static int note_rewind(struct pool *pool, uint64_t lost_from)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    int err = nvlist_create(&nv);
    if (err == 0)
        err = nvlist_add_u64(nv, "rewind_txg", pool->ub.txg);
    if (err == 0)
        err = nvlist_add_u64(nv, "rewind_time", pool->ub.timestamp);
    if (err == 0)
        err = nvlist_add_i64(
            nv, "seconds_of_rewind",
            lost_from > pool->ub.timestamp ? (int64_t)(lost_from - pool->ub.timestamp) : 0);
    return err != 0 ? err : nvlist_add_nvlist(pool->load_info, "rewind_info", nv);
}

static bool rewind_is_hopeless(int err)
{
    return err == 0 || err == ZE_ACTIVEPOOL || err == ZE_HOSTID || err == ZE_CANCELED ||
           err == ZE_NOCHECKPOINT || err == ZE_NOMEM || err == ZE_FEATURE || err == ZE_VERSION ||
           err == ZE_DEVINUSE;
}

static int load_with_rewind(struct pool_load *ld)
{
    struct pool *pool = ld->pool;
    unsigned flags = ld->args->flags;
    if (ld->args->request_txg != 0) {
        ld->max_txg = ld->args->request_txg;
        ld->extreme = true;
    }
    bool rewind = flags & (POOL_IMPORT_REWIND | POOL_IMPORT_EXTREME);
    ld->verify = rewind;
    int err = pool_load_once(ld), first = err;
    char detail[512];
    err_detail_get(detail, sizeof(detail));
    if (!rewind || rewind_is_hopeless(err))
        return err;
    uint64_t tried = pool->ub.txg, last = tried, lost_from = pool->ub.timestamp;
    uint64_t floor = flags & POOL_IMPORT_EXTREME ? REWIND_FIRST_TXG
                     : last > REWIND_SAFE_TXGS   ? last - REWIND_SAFE_TXGS
                                                 : 0;
    while (err != 0 && !rewind_is_hopeless(err) && tried > floor && tried > 1) {
        ld->max_txg = tried - 1;
        /* Labels are younger than an old uberblock; an exported pool's are written with its last
         * txg. */
        ld->extreme = flags & POOL_IMPORT_EXTREME;
        err = pool_load_once(ld);
        if (pool->ub.txg >= tried || pool->ub.txg < floor)
            break;
        tried = pool->ub.txg;
    }
    if (err != 0 || pool->ub.txg < floor) {
        err_detail_put(detail);
        return first;
    }
    return note_rewind(pool, lost_from);
}

/* ---- may this host have it? ---- */

static int check_owner(struct pool *pool, const struct pool_import_args *args)
{
    if (args->flags & (POOL_IMPORT_FORCE | POOL_IMPORT_TRY))
        return 0;
    uint64_t state = nvlist_u64(pool->label, "state", POOL_STATE_ACTIVE);
    uint64_t hostid = nvlist_u64(pool->config, "hostid", 0);
    if (state != POOL_STATE_ACTIVE || hostid == 0 || hostid == pool->env->hostid)
        return 0;
    time_t last = (time_t)pool->ub.timestamp;
    char when[64] = "?";
    struct tm tm;
    if (localtime_r(&last, &tm) != NULL)
        strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
    return err_raise(ZE_HOSTID,
                     "pool was previously in use from another system.\n"
                     "Last accessed by %s (hostid=%llx) at %s\n"
                     "The pool can be imported, use 'zpool import -f' to import the pool.",
                     nvlist_string(pool->config, "hostname", "<unknown>"),
                     (unsigned long long)hostid, when);
}

static int check_state(const struct nvlist *config, const struct pool_import_args *args)
{
    if (nvlist_u64(config, "state", POOL_STATE_ACTIVE) == POOL_STATE_DESTROYED &&
        !(args->flags & (POOL_IMPORT_DESTROYED | POOL_IMPORT_TRY)))
        return err_raise(ZE_DESTROYED, "pool '%s' was destroyed",
                         nvlist_string(config, "name", ""));
    return 0;
}

/* What dsl/ needs to say "available". Failing to find out is no reason not to import. */
static void tell_space(struct pool *pool)
{
    struct pool_space space;
    struct bpobj_space deferred = {0};
    uint64_t object, taken;
    struct bpobj *list;
    if (pool_space_get(pool, &space) != 0)
        return;
    /* Frees that wait for the next transaction group (format/pool.md 19.3). */
    if (pool_directory_u64(pool, "sync_bplist", &object) == 0 &&
        bpobj_open(pool->mos, object, &list) == 0) {
        bpobj_space(list, &deferred);
        bpobj_close(list);
    }
    taken = space.checkpoint + deferred.bytes;
    dsl_pool_set_space(pool->dsl, space.dspace > taken ? space.dspace - taken : 0, space.slop);
}

static int import_load(struct pool *pool, const struct nvlist *config,
                       const struct pool_import_args *args)
{
    struct pool_load ld = {.pool = pool, .args = args, .config = config, .max_txg = UINT64_MAX};
    int err = load_with_rewind(&ld);
    if (err == 0 && (args->flags & POOL_IMPORT_CHECKPOINT))
        err = load_checkpoint(&ld);
    if (err == 0)
        err = check_owner(pool, args);
    if (err == 0 && !pool->tried)
        tell_space(pool);
    if (err == 0 && pool->dsl != NULL && pool->altroot != NULL)
        err = dsl_pool_set_altroot(pool->dsl, pool->altroot);
    pool->load_error = err;
    return err;
}

int pool_import(struct env *env, const struct nvlist *config, const struct pool_import_args *args,
                struct pool_events *events, struct nvlist **info, struct pool **out)
{
    struct pool *pool;
    uint64_t start = env_mono_ns(env);
    int err;
    if (!(args->flags & POOL_IMPORT_READONLY))
        return err_raise(ZE_NOTYET, "importing a pool for writing is not supported yet: "
                                    "use -o readonly=on");
    if ((err = check_state(config, args)) != 0 ||
        (err = pool_new(env, config, args, events, &pool)) != 0)
        return err;
    err = import_load(pool, config, args);
    if (info != NULL) {
        int dup = nvlist_dup(pool->load_info, info);
        err = dup != 0 ? dup : err;
    }
    if (err != 0) {
        char detail[512];
        err_detail_get(detail, sizeof(detail));
        pool_close(pool);
        err_detail_put(detail);
        return err;
    }
    pool->load_ns = env_mono_ns(env) - start;
    pool_events_post_pool(pool, "sysevent.fs.zfs.pool_import");
    env_log(env, LOGL_NOTICE, "pool %s imported read-only at txg %llu", pool->name,
            (unsigned long long)pool->ub.txg);
    *out = pool;
    return 0;
}

int pool_try_import(struct env *env, const struct nvlist *config, struct nvlist **out)
{
    struct pool_import_args args = {.flags = POOL_IMPORT_TRY | POOL_IMPORT_READONLY};
    struct pool *pool;
    int err = pool_new(env, config, &args, NULL, &pool);
    if (err != 0)
        return err;
    AUTO_NVLIST struct nvlist *nv = NULL;
    int load = import_load(pool, config, &args);
    err = pool_config_generate(pool, &nv);
    if (err == 0)
        err = nvlist_add_i64(nv, "load_error", load);
    if (err == 0 && load != 0) {
        char detail[512];
        err_detail_get(detail, sizeof(detail));
        err = nvlist_add_string(nv, "load_error_text", detail);
    }
    pool_close(pool);
    if (err != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}
