/* SPDX-License-Identifier: MIT */
/* Inside of service/. */
#ifndef ZUSE_SERVICE_SERVICE_IMPL_H
#define ZUSE_SERVICE_SERVICE_IMPL_H

#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "dsl/dsl.h"
#include "fuse/fuse_mount.h"
#include "pool/pool.h"
#include "service/service.h"
#include "zio/arc.h"

struct svc_pool {
    struct svc_pool *next;
    struct pool *pool;
    struct fuse_mount *volumes; /* NULL: none served */
    bool exporting;
};

struct svc_mount {
    struct svc_mount *next;
    struct service *s;
    struct pool *pool;
    char dataset[DATASET_NAME_MAX];
    char *mountpoint;
    struct nvlist *options;  /* temporary property overrides: name -> uint64 */
    struct fuse_mount *fuse; /* NULL: grafted into host's */
    struct svc_mount *host;
    struct zpl *grafted; /* owned by host's mount */
    bool made_dir;       /* the directory was made for the mount */
    bool gone;           /* unmounted from outside: to be reaped */
};

struct service {
    struct env *env;
    struct arc *arc;
    struct pool_events *events;
    char *cache_file, *runtime_dir;
    bool persistent;
    struct mutex lock; /* RANK_SERVICE */
    struct svc_pool *pools;
    struct mutex mount_lock; /* RANK_MOUNT: list of mounts */
    struct svc_mount *mounts;
};

enum op_flags {
    OP_READ = 1 << 0, /* anybody may */
};
struct op {
    const char *name;
    int (*run)(struct service *s, struct op_context *ctx, const struct nvlist *args,
               struct nvlist *result);
    unsigned flags;
};
/* Each op_*.c has a table that ends with a NULL name. */
extern const struct op ops_pool[], ops_dataset[], ops_mount[], ops_key[], ops_file[], ops_inspect[];

/* ---- helpers of operations ---- */
int op_item(struct op_context *ctx,
            const struct nvlist *item); /* ZE_CANCELED when the caller had enough */
void op_progress(struct op_context *ctx, const char *what, uint64_t done, uint64_t total,
                 const char *unit);
bool op_cancelled(struct op_context *ctx);
int op_arg_string(const struct nvlist *args, const char *name,
                  const char **out); /* ZE_INVAL if absent */

/* Pool by name or GUID in decimal, held; ZE_NOPOOL. */
int service_pool_hold(struct service *s, const char *name, struct pool **out);
/* Pool that a dataset name (or snapshot, bookmark) is in. */
int service_pool_of(struct service *s, const char *dataset, struct pool **out);
static inline void pool_auto_rele(struct pool **p)
{
    if (*p != NULL)
        pool_rele(*p);
}
#define AUTO_POOL __attribute__((cleanup(pool_auto_rele)))
static inline void service_dataset_auto_rele(struct dsl_dataset **ds)
{
    if (*ds != NULL)
        dsl_dataset_rele(*ds);
}
#define AUTO_DS __attribute__((cleanup(service_dataset_auto_rele)))
/* Dataset by name with its pool, both held. */
int service_dataset_hold(struct service *s, const char *name, struct pool **pool,
                         struct dsl_dataset **ds);
/* Every imported pool, held one after the other. fn nonzero stops. */
int service_pools_each(struct service *s, int (*fn)(void *arg, struct pool *pool), void *arg);

/* ---- mounts (mounts.c) ---- */
struct mount_request {
    const char *mountpoint;      /* NULL: by property */
    const char *options;         /* comma list as given, or NULL */
    bool overlay, force, legacy; /* legacy: called by mount(8) */
    bool all; /* part of `mount -a`: what cannot be mounted is silently skipped */
};
int mounts_add(struct service *s, struct pool *pool, struct dsl_dataset *ds,
               const struct mount_request *req);
/* By dataset name. ZE_NOENT if not mounted, ZE_BUSY. */
int mounts_remove(struct service *s, const char *dataset, bool force);
int mounts_remove_point(struct service *s, const char *mountpoint, bool force);
/* Everything of a pool (NULL: of all), deepest mountpoint first. */
int mounts_remove_pool(struct service *s, struct pool *pool, bool force);
bool mounts_is_mounted(struct service *s, const char *dataset, char *point, size_t len);
int mounts_each(struct service *s,
                int (*fn)(void *arg, const char *dataset, const char *mountpoint), void *arg);
/* Value of a mount option that overrides a property of a mounted dataset; false if none. */
bool mounts_override(struct service *s, const char *dataset, const char *prop, uint64_t *value);
/* Mount all of a pool (NULL: of all) as `zfs mount -a` does; *mounted counts. First error is kept,
 * the rest goes on. */
int mounts_all(struct service *s, struct op_context *ctx, struct pool *pool, const char *options,
               uint64_t *mounted);

#endif
