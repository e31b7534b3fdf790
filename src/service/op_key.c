/* SPDX-License-Identifier: MIT */
/*
 * Operations: load and unload encryption keys. The caller brings the key's text or bytes ("key");
 * without it the key is read from keylocation, if that is a file. Prompting is the command's.
 */
#include "service/service_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dsl/crypt_keys.h"

#define KEY_FILE_MAX 4096

static int read_key_file(const char *uri, uint8_t buf[KEY_FILE_MAX], size_t *len)
{
    ssize_t n;
    int fd;

    if (strncmp(uri, "file:///", 8) != 0)
        return err_raise(ZE_NOKEY, "the key must be given: keylocation is '%s'", uri);
    fd = open(uri + 7, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_from_errno(errno, "Failed to open key material file: '%s'", uri + 7);
    n = read(fd, buf, KEY_FILE_MAX);
    close(fd);
    if (n < 0)
        return err_from_errno(errno, "read '%s'", uri + 7);
    *len = (size_t)n;
    return 0;
}

/* A passphrase or hex key may end in a newline; a raw key never does. */
static size_t trimmed(uint64_t keyformat, const uint8_t *key, size_t len)
{
    return keyformat != 1 && len > 0 && key[len - 1] == '\n' ? len - 1 : len;
}

/* A location of the caller's is a file this process reads: for root and the owner only. */
static int load_one(struct op_context *ctx, struct dsl_dataset *ds, const struct nvlist *args)
{
    uint8_t file[KEY_FILE_MAX];
    const uint8_t *key;
    size_t len;
    uint64_t keyformat = 0;
    char location[1024] = "";
    int err = dsl_prop_u64(ds, "keyformat", &keyformat, NULL, 0);

    if (err == 0 && nvlist_exists(args, "location") && !ctx->privileged)
        err = err_raise(ZE_PERM, "only root and the owner of the service may name a key file");
    if (err == 0 && nvlist_lookup_byte_array(args, "key", &key, &len) != 0) {
        (void)dsl_prop_string(ds, "keylocation", location, sizeof(location), NULL, 0);
        err = read_key_file(nvlist_string(args, "location", location), file, &len);
        key = file;
    }
    if (err == 0)
        err = dsl_key_load(ds, key, trimmed(keyformat, key, len), nvlist_bool(args, "noop", false));
    explicit_bzero(file, sizeof(file));
    return err;
}

struct key_walk {
    struct pool *pool;
    struct op_context *ctx;
    const struct nvlist *args;
    bool unload;
    uint64_t done, attempted;
};

static int key_tree(struct key_walk *w, struct dsl_dataset *ds);

static int key_child(void *arg, const char *name, uint64_t dsobj)
{
    struct key_walk *w = arg;
    AUTO_DS struct dsl_dataset *ds = NULL;
    int err = dsl_dataset_hold_object(w->pool->dsl, dsobj, &ds);

    return err != 0 ? err : key_tree(w, ds);
}

/* Each root's outcome is one item; a failure does not end the walk. */
static int report(struct key_walk *w, const char *name, int err)
{
    AUTO_NVLIST struct nvlist *item = NULL;
    char text[512];
    int e;

    err_detail_get(text, sizeof(text));
    e = nvlist_create(&item);
    e = e != 0 ? e : nvlist_add_string(item, "name", name);
    e = e != 0 ? e : nvlist_add_i32(item, "error", err);
    e = e != 0 ? e : nvlist_add_string(item, "message", err != 0 ? text : "");
    return e != 0 ? e : op_item(w->ctx, item);
}

static int key_tree(struct key_walk *w, struct dsl_dataset *ds)
{
    char name[DATASET_NAME_MAX], root[DATASET_NAME_MAX] = "";
    uint64_t status = 0;
    int err;

    dsl_dataset_name(ds, name);
    (void)dsl_prop_string(ds, "encryptionroot", root, sizeof(root), NULL, 0);
    (void)dsl_prop_u64(ds, "keystatus", &status, NULL, 0);
    if (strcmp(root, name) == 0 && (w->unload ? status == 2 : status == 1)) {
        w->attempted++;
        err = w->unload ? dsl_key_unload(ds) : load_one(w->ctx, ds, w->args);
        w->done += err == 0;
        err = report(w, name, err);
        if (err != 0)
            return err;
    }
    return dsl_children_each(ds, false, key_child, w);
}

static int key_pool(void *arg, struct pool *pool)
{
    struct key_walk *w = arg;
    AUTO_DS struct dsl_dataset *root = NULL;
    int err;

    w->pool = pool;
    err = dsl_dataset_hold(pool->dsl, pool->name, &root);
    return err != 0 ? err : key_tree(w, root);
}

static int run(struct service *s, struct op_context *ctx, const struct nvlist *args,
               struct nvlist *result, bool unload)
{
    AUTO_POOL struct pool *pool = NULL;
    AUTO_DS struct dsl_dataset *ds = NULL;
    struct key_walk w = {.ctx = ctx, .args = args, .unload = unload};
    const char *name = nvlist_string(args, "dataset", NULL);
    int err;

    if (name == NULL && !ctx->privileged)
        return err_raise(ZE_PERM, "permission denied");
    if (name == NULL) {
        err = service_pools_each(s, key_pool, &w);
    } else {
        err = service_dataset_hold(s, name, &pool, &ds);
        if (err == 0 && !ctx->privileged)
            err = dsl_deleg_check(ds, "load-key", ctx->uid, ctx->groups, ctx->ngroups);
        w.pool = pool;
        if (err == 0 && nvlist_bool(args, "recursive", false)) {
            err = key_tree(&w, ds);
        } else if (err == 0) {
            w.attempted = 1;
            err = unload ? dsl_key_unload(ds) : load_one(ctx, ds, args);
            w.done = err == 0;
        }
    }
    err = err != 0 ? err : nvlist_add_u64(result, unload ? "unloaded" : "loaded", w.done);
    return err != 0 ? err : nvlist_add_u64(result, "attempted", w.attempted);
}

static int op_load_key(struct service *s, struct op_context *ctx, const struct nvlist *args,
                       struct nvlist *result)
{
    return run(s, ctx, args, result, false);
}

static int op_unload_key(struct service *s, struct op_context *ctx, const struct nvlist *args,
                         struct nvlist *result)
{
    return run(s, ctx, args, result, true);
}

const struct op ops_key[] = {
    {"load_key", op_load_key, OP_READ}, /* checks delegation itself */
    {"unload_key", op_unload_key, OP_READ},
    {NULL, NULL, 0},
};
