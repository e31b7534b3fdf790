/* SPDX-License-Identifier: MIT */
/* Operations on datasets that only look: listing with properties, holds, delegation, space by user.
 */
#include "service/service_impl.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "dsl/prop_table.h"
#include "inspect/diff.h"
#include "zpl/zpl.h"

#define POOL_VERSION_USERSPACE 15

struct lister {
    struct service *s;
    struct op_context *ctx;
    struct pool *pool;
    uint64_t types;
    uint64_t depth; /* levels below the root that are still wanted; UINT64_MAX: all */
    const char *const *props;
    size_t nprops;
    bool all_props;
};

static int add_identity(struct nvlist *item, struct pool *pool, const char *name,
                        struct dsl_dataset *ds, enum dataset_kind kind)
{
    const struct dsl_dataset_phys *phys = dsl_dataset_phys(ds);
    int err = nvlist_add_string(item, "name", name);

    err = err != 0 ? err : nvlist_add_string(item, "pool", pool->name);
    err = err != 0 ? err : nvlist_add_u64(item, "type", (uint64_t)kind);
    err = err != 0 ? err : nvlist_add_u64(item, "objset", dsl_dataset_object(ds));
    err = err != 0 ? err : nvlist_add_u64(item, "createtxg", phys->creation_txg);
    err = err != 0 ? err : nvlist_add_u64(item, "guid", phys->guid);
    return err != 0 ? err : nvlist_add_bool(item, "inconsistent", dsl_dataset_is_inconsistent(ds));
}

static bool wants(const struct lister *l, const char *prop)
{
    for (size_t i = 0; i < l->nprops; i++) {
        if (strcmp(l->props[i], prop) == 0)
            return true;
    }
    return l->all_props;
}

/* Mount options given by hand show as temporary values of their properties. */
static int overlay_temporary(struct lister *l, const char *name, struct nvlist *props)
{
    static const char *const overridable[] = {"atime",  "relatime", "devices", "exec",
                                              "setuid", "readonly", "xattr",   "nbmand"};
    int err = 0;

    for (size_t i = 0; err == 0 && i < array_len(overridable); i++) {
        uint64_t v;
        struct nvlist *entry = nvlist_child(props, overridable[i]);

        if (entry == NULL || !mounts_override(l->s, name, overridable[i], &v) ||
            nvlist_u64(entry, "value", v) == v)
            continue;
        err = nvlist_add_u64(entry, "value", v);
        err = err != 0 ? err : nvlist_add_string(entry, "source", "$temporary");
    }
    return err;
}

static int add_mounted(struct lister *l, const char *name, struct nvlist *props)
{
    struct nvlist *entry;
    int err = nvlist_create(&entry);

    err = err != 0 ? err : nvlist_add_u64(entry, "value", mounts_is_mounted(l->s, name, NULL, 0));
    err = err != 0 ? err : nvlist_add_string(entry, "source", "");
    return err != 0 ? err : nvlist_take_nvlist(props, "mounted", entry);
}

/* A pool that is imported read-only makes its mounted file systems so. */
static int force_readonly(struct lister *l, const char *name, struct nvlist *props)
{
    struct nvlist *entry = nvlist_child(props, "readonly");
    int err;

    if (entry == NULL || !l->pool->readonly || nvlist_u64(entry, "value", 1) == 1 ||
        !mounts_is_mounted(l->s, name, NULL, 0))
        return 0;
    err = nvlist_add_u64(entry, "value", 1);
    return err != 0 ? err : nvlist_add_string(entry, "source", "$temporary");
}

/* ---- userused@NAME and its like ---- */

struct owner_prop {
    const char *kind;
    bool objects, quota;
    uint64_t id, value;
    const char *sid; /* or NULL */
};

static bool parse_owner(const char *who, struct owner_prop *o)
{
    struct passwd pw, *found_pw = NULL;
    struct group gr, *found_gr = NULL;
    char buf[4096], *end;

    o->id = strtoull(who, &end, 10);
    if (*end == '\0' && end != who)
        return true;
    if (strncmp(who, "S-1-", 4) == 0) {
        o->sid = who;
        return true;
    }
    if (strcmp(o->kind, "user") == 0 && getpwnam_r(who, &pw, buf, sizeof(buf), &found_pw) == 0 &&
        found_pw != NULL)
        o->id = pw.pw_uid;
    else if (strcmp(o->kind, "group") == 0 &&
             getgrnam_r(who, &gr, buf, sizeof(buf), &found_gr) == 0 && found_gr != NULL)
        o->id = gr.gr_gid;
    return found_pw != NULL || found_gr != NULL;
}

static bool parse_owner_prop(const char *name, struct owner_prop *o)
{
    static const char *const kinds[] = {"user", "group", "project"};
    const char *rest = NULL;

    for (size_t i = 0; i < array_len(kinds) && rest == NULL; i++) {
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0) {
            o->kind = kinds[i];
            rest = name + strlen(kinds[i]);
        }
    }
    if (rest == NULL)
        return false;
    o->objects = strncmp(rest, "obj", 3) == 0;
    rest += o->objects ? 3 : 0;
    o->quota = strncmp(rest, "quota@", 6) == 0;
    if (!o->quota && strncmp(rest, "used@", 5) != 0)
        return false;
    return parse_owner(strchr(rest, '@') + 1, o);
}

static int match_owner(void *arg, const char *who, uint64_t id, uint64_t used, uint64_t quota,
                       uint64_t objused, uint64_t objquota)
{
    struct owner_prop *o = arg;
    bool same = o->sid != NULL ? strcmp(o->sid, who) == 0 : who[0] == '\0' && id == o->id;

    if (same && o->objects)
        o->value = o->quota ? objquota : objused;
    else if (same)
        o->value = o->quota ? quota : used;
    return 0;
}

/* Whatever keeps us from knowing means: no value. */
static int add_owner_prop(struct dsl_dataset *ds, const char *name, struct nvlist *props)
{
    struct owner_prop o = {.kind = NULL};
    struct nvlist *entry;
    struct zpl *z;
    int err;

    if (strchr(name, '@') == NULL || !parse_owner_prop(name, &o) || zpl_mount(ds, 0, &z) != 0)
        return 0;
    err = zpl_space_each(z, o.kind, match_owner, &o);
    zpl_unmount(z);
    err = err != 0 ? err : nvlist_create(&entry);
    if (err != 0)
        return err;
    err = nvlist_add_u64(entry, "value", o.value);
    err = err != 0 ? err : nvlist_add_string(entry, "source", "");
    if (err != 0) {
        nvlist_free(entry);
        return err;
    }
    return nvlist_take_nvlist(props, name, entry);
}

static int add_props(struct lister *l, const char *name, struct dsl_dataset *ds,
                     enum dataset_kind kind, struct nvlist *item)
{
    struct nvlist *props;
    int err = dsl_props_get(ds, l->all_props ? NULL : l->props, l->nprops, &props);

    if (err != 0)
        return err_context(err, "dataset '%s': ", name);
    if (kind == DATASET_FILESYSTEM && wants(l, "mounted"))
        err = add_mounted(l, name, props);
    for (size_t i = 0; err == 0 && kind != DATASET_VOLUME && i < l->nprops; i++)
        err = add_owner_prop(ds, l->props[i], props);
    if (err == 0 && kind == DATASET_FILESYSTEM)
        err = overlay_temporary(l, name, props);
    if (err == 0 && kind == DATASET_FILESYSTEM)
        err = force_readonly(l, name, props);
    if (err != 0) {
        nvlist_free(props);
        return err;
    }
    return nvlist_take_nvlist(item, "props", props);
}

static int emit(struct lister *l, struct dsl_dataset *ds, enum dataset_kind kind)
{
    AUTO_NVLIST struct nvlist *item = NULL;
    char name[DATASET_NAME_MAX];
    int err = nvlist_create(&item);

    dsl_dataset_name(ds, name);
    if (err == 0)
        err = add_identity(item, l->pool, name, ds, kind);
    if (err == 0 && (l->all_props || l->nprops > 0))
        err = add_props(l, name, ds, kind, item);
    return err != 0 ? err : op_item(l->ctx, item);
}

static int emit_snapshot(void *arg, const char *short_name, uint64_t dsobj, uint64_t createtxg)
{
    struct lister *l = arg;
    AUTO_DS struct dsl_dataset *snap = NULL;
    int err = dsl_dataset_hold_object(l->pool->dsl, dsobj, &snap);

    return err != 0 ? err : emit(l, snap, DATASET_SNAPSHOT);
}

struct bookmark_arg {
    struct lister *l;
    const char *head;
    const char *only; /* one bookmark by name, or NULL */
    bool found;
};

static int emit_bookmark(void *arg, const char *short_name, const struct nvlist *props)
{
    struct bookmark_arg *b = arg;
    AUTO_NVLIST struct nvlist *item = NULL;
    uint64_t txg = 0, guid = 0;
    int err;

    if (b->only != NULL && strcmp(b->only, short_name) != 0)
        return 0;
    b->found = true;
    txg = nvlist_u64(nvlist_child(props, "createtxg"), "value", 0);
    guid = nvlist_u64(nvlist_child(props, "guid"), "value", 0);
    err = nvlist_create(&item);
    err = err != 0 ? err : nvlist_add_stringf(item, "name", "%s#%s", b->head, short_name);
    err = err != 0 ? err : nvlist_add_string(item, "pool", b->l->pool->name);
    err = err != 0 ? err : nvlist_add_u64(item, "type", DATASET_BOOKMARK);
    err = err != 0 ? err : nvlist_add_u64(item, "createtxg", txg);
    err = err != 0 ? err : nvlist_add_u64(item, "guid", guid);
    err = err != 0 ? err : nvlist_add_nvlist(item, "props", props);
    return err != 0 ? err : op_item(b->l->ctx, item);
}

static int emit_bookmarks(struct lister *l, struct dsl_dataset *ds, const char *only)
{
    char name[DATASET_NAME_MAX];
    struct bookmark_arg b = {l, name, only, false};
    int err;

    dsl_dataset_name(ds, name);
    err = dsl_bookmarks_each(ds, emit_bookmark, &b);
    if (err == 0 && only != NULL && !b.found)
        err = err_raise(ZE_NODATASET, "'%s#%s'", name, only);
    return err;
}

static int walk(struct lister *l, struct dsl_dataset *ds, uint64_t depth);

struct child_arg {
    struct lister *l;
    uint64_t depth;
};

static int walk_child(void *arg, const char *name, uint64_t dsobj)
{
    struct child_arg *c = arg;
    AUTO_DS struct dsl_dataset *child = NULL;
    int err = dsl_dataset_hold_object(c->l->pool->dsl, dsobj, &child);

    return err != 0 ? err : walk(c->l, child, c->depth);
}

/* A dataset, then (one level down) its snapshots and bookmarks, then its children. */
static int walk(struct lister *l, struct dsl_dataset *ds, uint64_t depth)
{
    enum dataset_kind kind = dsl_dataset_kind(ds);
    struct child_arg c = {l, depth == UINT64_MAX ? UINT64_MAX : depth - 1};
    int err = l->types & (uint64_t)kind ? emit(l, ds, kind) : 0;

    if (err != 0 || depth == 0 || kind == DATASET_SNAPSHOT)
        return err;
    if (l->types & DATASET_SNAPSHOT)
        err = dsl_snapshots_each(ds, emit_snapshot, l);
    if (err == 0 && l->types & DATASET_BOOKMARK)
        err = emit_bookmarks(l, ds, NULL);
    return err != 0 ? err : dsl_children_each(ds, false, walk_child, &c);
}

static int list_pool(void *arg, struct pool *pool)
{
    struct lister *l = arg;
    AUTO_DS struct dsl_dataset *root = NULL;
    int err;

    if (pool->dsl == NULL)
        return 0;
    l->pool = pool;
    err = dsl_dataset_hold(pool->dsl, pool->name, &root);
    return err != 0 ? err : walk(l, root, l->depth);
}

static int list_root(struct lister *l, const char *name)
{
    AUTO_POOL struct pool *pool = NULL;
    AUTO_DS struct dsl_dataset *ds = NULL;
    const char *hash = strchr(name, '#');
    char head[DATASET_NAME_MAX];
    int err;

    snprintf(head, sizeof(head), "%.*s", hash != NULL ? (int)(hash - name) : (int)strlen(name),
             name);
    err = service_dataset_hold(l->s, head, &pool, &ds);
    if (err != 0)
        return err;
    l->pool = pool;
    return hash != NULL ? emit_bookmarks(l, ds, hash + 1) : walk(l, ds, l->depth);
}

static int op_dataset_list(struct service *s, struct op_context *ctx, const struct nvlist *args,
                           struct nvlist *result)
{
    struct lister l = {.s = s, .ctx = ctx};
    const char *const *roots;
    size_t n;
    int err = 0;

    l.types = nvlist_u64(args, "types", DATASET_FILESYSTEM | DATASET_VOLUME);
    l.depth = nvlist_u64(args, "depth", nvlist_bool(args, "recursive", false) ? UINT64_MAX : 0);
    l.all_props = nvlist_lookup_string_array(args, "props", &l.props, &l.nprops) != 0;
    if (l.all_props) {
        l.props = NULL;
        l.nprops = 0;
    }
    if (nvlist_lookup_string_array(args, "roots", &roots, &n) != 0) {
        l.depth = nvlist_u64(args, "depth", UINT64_MAX);
        return service_pools_each(s, list_pool, &l);
    }
    for (size_t i = 0; err == 0 && i < n; i++)
        err = list_root(&l, roots[i]);
    return err;
}

/* ---- holds ---- */

struct hold_arg {
    struct op_context *ctx;
    struct pool *pool;
};

static int emit_holds(struct op_context *ctx, struct dsl_dataset *snap)
{
    AUTO_NVLIST struct nvlist *holds = NULL;
    char name[DATASET_NAME_MAX];
    const struct nvpair *p = NULL;
    int err = dsl_holds_get(snap, &holds);

    dsl_dataset_name(snap, name);
    while (err == 0 && (p = nvlist_next(holds, p)) != NULL) {
        AUTO_NVLIST struct nvlist *item = NULL;
        uint64_t when = 0;

        err = nvlist_create(&item);
        err = err != 0 ? err : nvpair_u64(p, &when);
        err = err != 0 ? err : nvlist_add_string(item, "snapshot", name);
        err = err != 0 ? err : nvlist_add_string(item, "tag", nvpair_name(p));
        err = err != 0 ? err : nvlist_add_u64(item, "time", when);
        err = err != 0 ? err : op_item(ctx, item);
    }
    return err;
}

struct recursive_holds {
    struct op_context *ctx;
    struct pool *pool;
    const char *snap; /* short name */
};

static int holds_below(struct recursive_holds *r, const char *fs);

static int holds_of_child(void *arg, const char *name, uint64_t dsobj)
{
    struct recursive_holds *r = arg;
    AUTO_DS struct dsl_dataset *ds = NULL;
    char full[DATASET_NAME_MAX];
    int err = dsl_dataset_hold_object(r->pool->dsl, dsobj, &ds);

    if (err != 0)
        return err;
    dsl_dataset_name(ds, full);
    return holds_below(r, full);
}

static int holds_below(struct recursive_holds *r, const char *fs)
{
    AUTO_DS struct dsl_dataset *snap = NULL, *head = NULL;
    char name[2 * DATASET_NAME_MAX];
    int err;

    snprintf(name, sizeof(name), "%s@%s", fs, r->snap);
    err = dsl_dataset_hold(r->pool->dsl, name, &snap);
    if (err == 0)
        err = emit_holds(r->ctx, snap);
    else if (err == ZE_NODATASET)
        err = 0;
    err = err != 0 ? err : dsl_dataset_hold(r->pool->dsl, fs, &head);
    return err != 0 ? err : dsl_children_each(head, false, holds_of_child, r);
}

static int holds_of(struct service *s, struct op_context *ctx, const char *name, bool recursive)
{
    AUTO_POOL struct pool *pool = NULL;
    AUTO_DS struct dsl_dataset *snap = NULL;
    const char *at = strchr(name, '@');
    char fs[DATASET_NAME_MAX];
    int err = service_dataset_hold(s, name, &pool, &snap);

    if (err != 0)
        return err;
    if (at == NULL)
        return err_raise(ZE_WRONGTYPE, "'%s' is not a snapshot", name);
    if (!recursive)
        return emit_holds(ctx, snap);
    snprintf(fs, sizeof(fs), "%.*s", (int)(at - name), name);
    return holds_below(&(struct recursive_holds){ctx, pool, at + 1}, fs);
}

static int op_holds(struct service *s, struct op_context *ctx, const struct nvlist *args,
                    struct nvlist *result)
{
    const char *const *names;
    size_t n;
    int err = nvlist_lookup_string_array(args, "snapshots", &names, &n);

    if (err != 0)
        return err_raise(ZE_INVAL, "argument 'snapshots' is missing");
    for (size_t i = 0; err == 0 && i < n; i++)
        err = holds_of(s, ctx, names[i], nvlist_bool(args, "recursive", false));
    return err;
}

/* ---- delegation, space ---- */

static int op_deleg_get(struct service *s, struct op_context *ctx, const struct nvlist *args,
                        struct nvlist *result)
{
    AUTO_POOL struct pool *pool = NULL;
    AUTO_DS struct dsl_dataset *ds = NULL;
    AUTO_NVLIST struct nvlist *all = NULL;
    const char *name;
    int err = op_arg_string(args, "dataset", &name);

    err = err != 0 ? err : service_dataset_hold(s, name, &pool, &ds);
    err = err != 0 ? err : dsl_deleg_get(ds, &all);
    return err != 0 ? err : nvlist_merge(result, all);
}

struct owner_list {
    struct op_context *ctx;
    uint64_t quota, objquota; /* of who has none of their own */
};

static int emit_owner(void *arg, const char *who, uint64_t id, uint64_t used, uint64_t quota,
                      uint64_t objused, uint64_t objquota)
{
    const struct owner_list *l = arg;
    AUTO_NVLIST struct nvlist *item = NULL;
    int err = nvlist_create(&item);

    quota = quota != 0 ? quota : l->quota;
    objquota = objquota != 0 ? objquota : l->objquota;
    err = err != 0 ? err : nvlist_add_string(item, "who", who);
    err = err != 0 ? err : nvlist_add_u64(item, "id", id);
    err = err != 0 ? err : nvlist_add_u64(item, "used", used);
    err = err != 0 ? err : nvlist_add_u64(item, "quota", quota);
    err = err != 0 ? err : nvlist_add_u64(item, "objused", objused);
    err = err != 0 ? err : nvlist_add_u64(item, "objquota", objquota);
    return err != 0 ? err : op_item(l->ctx, item);
}

static int op_userspace(struct service *s, struct op_context *ctx, const struct nvlist *args,
                        struct nvlist *result)
{
    AUTO_POOL struct pool *pool = NULL;
    AUTO_DS struct dsl_dataset *ds = NULL;
    struct owner_list l = {.ctx = ctx};
    const char *name, *kind = nvlist_string(args, "kind", "user");
    char prop[64];
    struct zpl *z;
    int err = op_arg_string(args, "dataset", &name);

    err = err != 0 ? err : service_dataset_hold(s, name, &pool, &ds);
    if (err == 0 && dsl_pool_version(pool->dsl) < POOL_VERSION_USERSPACE &&
        strcmp(kind, "project") != 0)
        err = err_raise(ZE_NOTSUP, "pool version %u has no accounting by user",
                        (unsigned)dsl_pool_version(pool->dsl));
    err = err != 0 ? err : zpl_mount(ds, 0, &z);
    if (err != 0)
        return err;
    snprintf(prop, sizeof(prop), "default%.16squota", kind);
    (void)dsl_prop_u64(ds, prop, &l.quota, NULL, 0);
    snprintf(prop, sizeof(prop), "default%.16sobjquota", kind);
    (void)dsl_prop_u64(ds, prop, &l.objquota, NULL, 0);
    err = zpl_space_each(z, kind, emit_owner, &l);
    zpl_unmount(z);
    return err;
}

/* ---- differences ---- */

static int emit_change(void *arg, const struct diff_change *c)
{
    AUTO_NVLIST struct nvlist *item = NULL;
    int err = nvlist_create(&item);

    err = err != 0 ? err : nvlist_add_stringf(item, "change", "%c", c->kind);
    err = err != 0 ? err : nvlist_add_string(item, "path", c->path);
    if (c->newpath != NULL)
        err = err != 0 ? err : nvlist_add_string(item, "newpath", c->newpath);
    err = err != 0 ? err : nvlist_add_u64(item, "mode", c->mode);
    err = err != 0 ? err : nvlist_add_i64(item, "ctime", c->ctime.tv_sec);
    err = err != 0 ? err : nvlist_add_i64(item, "ctime_ns", c->ctime.tv_nsec);
    err = err != 0 ? err : nvlist_add_i64(item, "links", c->links);
    return err != 0 ? err : op_item(arg, item);
}

static int op_diff(struct service *s, struct op_context *ctx, const struct nvlist *args,
                   struct nvlist *result)
{
    AUTO_POOL struct pool *pool = NULL, *to_pool = NULL;
    AUTO_DS struct dsl_dataset *from = NULL, *to = NULL;
    const char *from_name, *to_name;
    int err = op_arg_string(args, "from", &from_name);

    err = err != 0 ? err : op_arg_string(args, "to", &to_name);
    err = err != 0 ? err : service_dataset_hold(s, from_name, &pool, &from);
    err = err != 0 ? err : service_dataset_hold(s, to_name, &to_pool, &to);
    if (err != 0)
        return err;
    if (!dsl_dataset_is_snapshot(from))
        return err_raise(ZE_INVAL, "'%s' is not a snapshot", from_name);
    if (pool != to_pool)
        return err_raise(ZE_RANGE, "'%s' and '%s' are in different pools", from_name, to_name);
    if (!ctx->privileged)
        err = dsl_deleg_check(from, "diff", ctx->uid, ctx->groups, ctx->ngroups);
    return err != 0 ? err : diff_datasets(pool, from, to, emit_change, ctx);
}

const struct op ops_dataset[] = {
    {"dataset_list", op_dataset_list, OP_READ},
    {"holds", op_holds, OP_READ},
    {"deleg_get", op_deleg_get, OP_READ},
    {"userspace", op_userspace, OP_READ},
    {"diff", op_diff, OP_READ}, /* checks delegation itself */
    {NULL, NULL, 0},
};
