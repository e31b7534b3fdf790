/* SPDX-License-Identifier: MIT */
/* Operations: mount, unmount, what is mounted. */
#include "service/service_impl.h"

#include <string.h>

static int mount_one(struct service *s, const char *name, const struct nvlist *args,
                     uint64_t *mounted)
{
    AUTO_POOL struct pool *pool = NULL;
    AUTO_DS struct dsl_dataset *ds = NULL;
    struct mount_request req = {
        .mountpoint = nvlist_string(args, "mountpoint", NULL),
        .options = nvlist_string(args, "options", NULL),
        .overlay = nvlist_bool(args, "overlay", false),
        .force = nvlist_bool(args, "force", false),
        .legacy = nvlist_bool(args, "legacy", false),
    };
    int err = service_dataset_hold(s, name, &pool, &ds);

    err = err != 0 ? err : mounts_add(s, pool, ds, &req);
    if (err == 0)
        ++*mounted;
    return err;
}

struct below {
    struct service *s;
    struct pool *pool;
    const struct nvlist *args;
    uint64_t *mounted;
};

static int mount_tree(struct below *b, const char *name);

static int mount_child(void *arg, const char *name, uint64_t dsobj)
{
    struct below *b = arg;
    AUTO_DS struct dsl_dataset *ds = NULL;
    char full[DATASET_NAME_MAX];
    int err = dsl_dataset_hold_object(b->pool->dsl, dsobj, &ds);

    if (err != 0)
        return err;
    dsl_dataset_name(ds, full);
    return mount_tree(b, full);
}

/* What is not to be mounted, or is already, is passed over. */
static int mount_tree(struct below *b, const char *name)
{
    AUTO_DS struct dsl_dataset *ds = NULL;
    int err = mount_one(b->s, name, b->args, b->mounted);

    if (err != 0 && err != ZE_MOUNTED && err != ZE_NOMOUNTPOINT && err != ZE_LEGACYMOUNT &&
        err != ZE_CANMOUNTOFF && err != ZE_WRONGTYPE && err != ZE_NOKEY)
        return err;
    err = dsl_dataset_hold(b->pool->dsl, name, &ds);
    return err != 0 ? err : dsl_children_each(ds, false, mount_child, b);
}

static int op_mount(struct service *s, struct op_context *ctx, const struct nvlist *args,
                    struct nvlist *result)
{
    const char *name = nvlist_string(args, "dataset", NULL);
    AUTO_POOL struct pool *pool = NULL;
    uint64_t mounted = 0;
    int err;

    if (name == NULL) {
        err = mounts_all(s, ctx, NULL, nvlist_string(args, "options", NULL), &mounted);
    } else if (nvlist_bool(args, "recursive", false)) {
        err = service_pool_of(s, name, &pool);
        err = err != 0 ? err : mount_tree(&(struct below){s, pool, args, &mounted}, name);
    } else {
        err = mount_one(s, name, args, &mounted);
    }
    return err != 0 ? err : nvlist_add_u64(result, "mounted", mounted);
}

static int op_unmount(struct service *s, struct op_context *ctx, const struct nvlist *args,
                      struct nvlist *result)
{
    const char *name = nvlist_string(args, "dataset", NULL);
    const char *point = nvlist_string(args, "mountpoint", NULL);
    bool force = nvlist_bool(args, "force", false);

    if (name != NULL)
        return mounts_remove(s, name, force);
    if (point != NULL)
        return mounts_remove_point(s, point, force);
    return mounts_remove_pool(s, NULL, force);
}

static int emit_mount(void *arg, const char *dataset, const char *mountpoint)
{
    AUTO_NVLIST struct nvlist *item = NULL;
    int err = nvlist_create(&item);

    err = err != 0 ? err : nvlist_add_string(item, "name", dataset);
    err = err != 0 ? err : nvlist_add_string(item, "mountpoint", mountpoint);
    return err != 0 ? err : op_item(arg, item);
}

static int op_dataset_mounts(struct service *s, struct op_context *ctx, const struct nvlist *args,
                             struct nvlist *result)
{
    return mounts_each(s, emit_mount, ctx);
}

const struct op ops_mount[] = {
    {"mount", op_mount, 0},
    {"unmount", op_unmount, 0},
    {"dataset_mounts", op_dataset_mounts, OP_READ},
    {NULL, NULL, 0},
};
