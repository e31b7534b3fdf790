/* SPDX-License-Identifier: MIT */
#include "service/service_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool/events.h"

static const struct op *const op_tables[] = {ops_pool, ops_dataset, ops_mount,
                                             ops_key,  ops_file,    ops_inspect};

int service_create(struct env *env, const struct service_options *opt, struct service **out)
{
    struct service *s = mem_zalloc(sizeof(*s));
    int err = s == NULL ? ZE_NOMEM : 0;

    if (err != 0)
        return err;
    s->env = env;
    s->persistent = opt->persistent;
    mutex_init(&s->lock, RANK_SERVICE);
    mutex_init(&s->mount_lock, RANK_MOUNT);
    if (opt->cache_file != NULL && (s->cache_file = mem_strdup(opt->cache_file)) == NULL)
        err = ZE_NOMEM;
    if (opt->runtime_dir != NULL && (s->runtime_dir = mem_strdup(opt->runtime_dir)) == NULL)
        err = ZE_NOMEM;
    if (err == 0)
        err = pool_events_create(env, &s->events);
    if (err == 0)
        err = arc_create(env, opt->cache_limit, &s->arc);
    if (err == 0 && opt->persistent)
        err = arc_pressure_start(s->arc);
    if (err != 0) {
        service_destroy(s);
        return err;
    }
    *out = s;
    return 0;
}

void service_destroy(struct service *s)
{
    if (s == NULL)
        return;
    (void)mounts_remove_pool(s, NULL, true);
    while (s->pools != NULL) {
        struct svc_pool *p = s->pools;

        s->pools = p->next;
        if (p->volumes != NULL)
            (void)fuse_mount_stop(p->volumes, true);
        pool_close(p->pool);
        free(p);
    }
    if (s->arc != NULL)
        arc_destroy(s->arc);
    if (s->events != NULL)
        pool_events_destroy(s->events);
    mutex_destroy(&s->lock);
    mutex_destroy(&s->mount_lock);
    free(s->cache_file);
    free(s->runtime_dir);
    free(s);
}

bool service_is_idle(struct service *s)
{
    MUTEX_GUARD(&s->lock);

    return s->pools == NULL;
}

/* ---- dispatch ---- */

static const struct op *find_op(const char *name)
{
    for (size_t t = 0; t < array_len(op_tables); t++) {
        for (const struct op *op = op_tables[t]; op->name != NULL; op++) {
            if (strcmp(op->name, name) == 0)
                return op;
        }
    }
    return NULL;
}

int service_call(struct service *s, struct op_context *ctx, const char *name,
                 const struct nvlist *args, struct nvlist **result)
{
    const struct op *op = find_op(name);
    AUTO_NVLIST struct nvlist *empty = NULL;
    struct nvlist *nv;
    int err;

    err_detail_clear();
    if (op == NULL)
        return err_raise(ZE_NOTYET, "operation '%s'", name);
    if (!ctx->privileged && (op->flags & OP_READ) == 0)
        return err_raise(ZE_PERM, "'%s' needs to be root or the owner of the service", name);
    err = nvlist_create(&nv);
    if (err == 0 && args == NULL)
        err = nvlist_create(&empty);
    if (err == 0)
        err = op->run(s, ctx, args != NULL ? args : empty, nv);
    if (err != 0 && nvlist_empty(nv))
        nvlist_free(nv);
    else
        *result = nv;
    return err;
}

int op_item(struct op_context *ctx, const struct nvlist *item)
{
    if (op_cancelled(ctx))
        return err_raise(ZE_CANCELED, "the caller ended the operation");
    if (ctx->item != NULL && ctx->item(ctx->arg, item) != 0)
        return err_raise(ZE_CANCELED, "the caller ended the operation");
    return 0;
}

void op_progress(struct op_context *ctx, const char *what, uint64_t done, uint64_t total,
                 const char *unit)
{
    if (ctx->progress != NULL)
        ctx->progress(ctx->arg, what, done, total, unit);
}

bool op_cancelled(struct op_context *ctx)
{
    return ctx->cancelled != NULL && ctx->cancelled(ctx->arg);
}

int op_arg_string(const struct nvlist *args, const char *name, const char **out)
{
    if (nvlist_lookup_string(args, name, out) != 0)
        return err_raise(ZE_INVAL, "argument '%s' is missing", name);
    return 0;
}

/* ---- pools ---- */

int service_pool_hold(struct service *s, const char *name, struct pool **out)
{
    char *end;
    uint64_t guid = strtoull(name, &end, 10);
    MUTEX_GUARD(&s->lock);

    for (struct svc_pool *p = s->pools; p != NULL; p = p->next) {
        bool by_guid = *end == '\0' && end != name && guid == p->pool->guid;

        if (!p->exporting && (by_guid || strcmp(p->pool->name, name) == 0)) {
            pool_hold(p->pool);
            *out = p->pool;
            return 0;
        }
    }
    return err_raise(ZE_NOPOOL, "'%s'", name);
}

int service_pool_of(struct service *s, const char *dataset, struct pool **out)
{
    char name[POOL_NAME_MAX];
    size_t len = strcspn(dataset, "/@#");

    if (len >= sizeof(name))
        return err_raise(ZE_NAMETOOLONG, "dataset name '%s'", dataset);
    memcpy(name, dataset, len);
    name[len] = '\0';
    return service_pool_hold(s, name, out);
}

int service_dataset_hold(struct service *s, const char *name, struct pool **pool,
                         struct dsl_dataset **ds)
{
    int err = service_pool_of(s, name, pool);

    if (err != 0) {
        *pool = NULL;
        return err == ZE_NOPOOL ? err_raise(ZE_NODATASET, "'%s'", name) : err;
    }
    err = dsl_dataset_hold((*pool)->dsl, name, ds);
    if (err != 0)
        *ds = NULL;
    return err;
}

static int by_pool_name(const void *a, const void *b)
{
    struct pool *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

int service_pools_each(struct service *s, int (*fn)(void *arg, struct pool *pool), void *arg)
{
    struct pool **held AUTO_FREE = NULL;
    size_t n = 0, i = 0;
    int err = 0;

    mutex_lock(&s->lock);
    for (struct svc_pool *p = s->pools; p != NULL; p = p->next)
        n++;
    held = mem_calloc(n + 1, sizeof(*held));
    for (struct svc_pool *p = s->pools; held != NULL && p != NULL; p = p->next) {
        if (p->exporting)
            continue;
        pool_hold(p->pool);
        held[i++] = p->pool;
    }
    mutex_unlock(&s->lock);
    if (held == NULL)
        return ZE_NOMEM;
    if (i > 1)
        qsort(held, i, sizeof(*held), by_pool_name);
    for (size_t k = 0; k < i; k++) {
        if (err == 0)
            err = fn(arg, held[k]);
        pool_rele(held[k]);
    }
    return err;
}
