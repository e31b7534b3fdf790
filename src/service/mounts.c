/* SPDX-License-Identifier: MIT */
/* Which datasets are mounted where, mounting by properties and options (format/zpl-zil.md, "17
 * Mounting"). */
#include "service/service_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zpl/zpl.h"

enum { CANMOUNT_OFF, CANMOUNT_ON, CANMOUNT_NOAUTO };
enum { SNAPDIR_HIDDEN, SNAPDIR_VISIBLE, SNAPDIR_DISABLED };
enum { ACLTYPE_OFF, ACLTYPE_POSIX, ACLTYPE_NFSV4 };

/* ---- list ---- */

static struct svc_mount *find_locked(struct service *s, const char *dataset)
{
    for (struct svc_mount *m = s->mounts; m != NULL; m = m->next) {
        if (!m->gone && strcmp(m->dataset, dataset) == 0)
            return m;
    }
    return NULL;
}

static void unlink_locked(struct service *s, struct svc_mount *m)
{
    struct svc_mount **at = &s->mounts;

    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
}

static void free_entry(struct svc_mount *m)
{
    if (m->made_dir)
        (void)rmdir(m->mountpoint);
    nvlist_free(m->options);
    free(m->mountpoint);
    pool_rele(m->pool);
    free(m);
}

/* On a thread of the mount: someone ran umount(8). The entry is freed by the next one who takes the
 * list. */
static void mount_is_gone(void *arg)
{
    struct svc_mount *m = arg;

    m->gone = true;
}

static void reap(struct service *s)
{
    struct svc_mount *dead = NULL, **at;

    mutex_lock(&s->mount_lock);
    for (at = &s->mounts; *at != NULL;) {
        struct svc_mount *m = *at;

        if (!m->gone && (m->host == NULL || !m->host->gone)) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        m->next = dead;
        dead = m;
    }
    mutex_unlock(&s->mount_lock);
    while (dead != NULL) {
        struct svc_mount *m = dead;

        dead = m->next;
        if (m->host == NULL) /* what was grafted into a mount ended with it */
            fuse_mount_reap(m->fuse);
        free_entry(m);
    }
}

/* ---- options ---- */

static const struct {
    const char *option, *prop;
    uint64_t value;
} option_table[] = {
    {"ro", "readonly", 1},          {"rw", "readonly", 0},       {"atime", "atime", 1},
    {"noatime", "atime", 0},        {"relatime", "relatime", 1}, {"norelatime", "relatime", 0},
    {"strictatime", "relatime", 0}, {"dev", "devices", 1},       {"nodev", "devices", 0},
    {"devices", "devices", 1},      {"nodevices", "devices", 0}, {"exec", "exec", 1},
    {"noexec", "exec", 0},          {"suid", "setuid", 1},       {"nosuid", "setuid", 0},
    {"setuid", "setuid", 1},        {"nosetuid", "setuid", 0},   {"xattr", "xattr", 2},
    {"saxattr", "xattr", 2},        {"dirxattr", "xattr", 1},    {"noxattr", "xattr", 0},
    {"mand", "nbmand", 1},          {"nomand", "nbmand", 0},
};

/* Unknown options are passed over, as mount -s would. */
static int parse_options(const char *text, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    char *copy AUTO_FREE = mem_strdup(text != NULL ? text : "");
    int err = copy == NULL ? ZE_NOMEM : nvlist_create(&nv);
    char *save = NULL;

    for (char *o = copy == NULL ? NULL : strtok_r(copy, ",", &save); err == 0 && o != NULL;
         o = strtok_r(NULL, ",", &save)) {
        for (size_t i = 0; err == 0 && i < array_len(option_table); i++) {
            if (strcmp(option_table[i].option, o) == 0)
                err = nvlist_add_u64(nv, option_table[i].prop, option_table[i].value);
        }
    }
    if (err == 0) {
        *out = nv;
        nv = NULL;
    }
    return err;
}

static bool setting(struct dsl_dataset *ds, const struct nvlist *options, const char *prop,
                    uint64_t dflt)
{
    uint64_t v = dflt;

    (void)dsl_prop_u64(ds, prop, &v, NULL, 0);
    return nvlist_u64(options, prop, v) != 0;
}

static void fill_options(struct dsl_dataset *ds, const struct nvlist *options,
                         struct fuse_mount_options *o)
{
    uint64_t acltype = ACLTYPE_OFF;

    (void)dsl_prop_u64(ds, "acltype", &acltype, NULL, 0);
    o->allow_other = geteuid() == 0;
    o->suid = setting(ds, options, "setuid", 1);
    o->dev = setting(ds, options, "devices", 1);
    o->exec = setting(ds, options, "exec", 1);
    o->atime = setting(ds, options, "atime", 1);
    o->relatime = setting(ds, options, "relatime", 1);
    o->own_permission_checks = acltype == ACLTYPE_NFSV4;
    o->posix_acl = acltype == ACLTYPE_POSIX;
}

static unsigned snapdir_flags(struct dsl_dataset *ds)
{
    uint64_t snapdir = SNAPDIR_HIDDEN;

    if (dsl_dataset_is_snapshot(ds))
        return 0;
    (void)dsl_prop_u64(ds, "snapdir", &snapdir, NULL, 0);
    if (snapdir == SNAPDIR_DISABLED)
        return 0;
    return snapdir == SNAPDIR_VISIBLE ? ZPL_MOUNT_SNAPDIR_VISIBLE : ZPL_MOUNT_SNAPDIR_HIDDEN;
}

/* ---- the directory ---- */

static bool dir_is_empty(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    bool empty = true;

    if (d == NULL)
        return true;
    while (empty && (e = readdir(d)) != NULL)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    closedir(d);
    return empty;
}

/* Make the directory and its parents, 0755. *made: the last one was not there. */
static int make_dir(const char *path, bool *made)
{
    char *copy AUTO_FREE = mem_strdup(path);
    struct stat st;

    if (copy == NULL)
        return ZE_NOMEM;
    *made = false;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        return err_raise(ZE_NOTDIR, "'%s' is not a directory", path);
    }
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            return err_from_errno(errno, "failed to create mountpoint: '%s'", copy);
        *slash = '/';
    }
    if (mkdir(copy, 0755) != 0 && errno != EEXIST)
        return err_from_errno(errno, "failed to create mountpoint: '%s'", copy);
    *made = true;
    return 0;
}

static int find_mountpoint(struct dsl_dataset *ds, const struct mount_request *req, char **out)
{
    char value[4096] = "";
    int err = 0;

    if (req->mountpoint == NULL) {
        err = dsl_dataset_is_snapshot(ds)
                  ? err_raise(ZE_WRONGTYPE, "a snapshot needs a mount point")
                  : dsl_prop_string(ds, "mountpoint", value, sizeof(value), NULL, 0);
        if (err != 0)
            return err;
        if (strcmp(value, "legacy") == 0)
            return err_raise(ZE_LEGACYMOUNT, "use mount(8) to mount this filesystem");
        if (strcmp(value, "none") == 0)
            return err_raise(ZE_NOMOUNTPOINT, "no mountpoint set");
    }
    *out = mem_strdup(req->mountpoint != NULL ? req->mountpoint : value);
    return *out == NULL ? ZE_NOMEM : 0;
}

static int check_mountable(struct service *s, struct pool *pool, struct dsl_dataset *ds,
                           const char *name, const struct mount_request *req)
{
    uint64_t canmount = CANMOUNT_ON, redacted = 0;

    if (dsl_dataset_kind(ds) == DATASET_VOLUME)
        return err_raise(ZE_WRONGTYPE, "a volume cannot be mounted");
    if (mounts_is_mounted(s, name, NULL, 0))
        return err_raise(ZE_MOUNTED, "filesystem already mounted");
    if (dsl_dataset_is_inconsistent(ds))
        return err_raise(ZE_BUSY, "dataset is a partial receive");
    if (!dsl_dataset_is_snapshot(ds) && !req->legacy) {
        (void)dsl_prop_u64(ds, "canmount", &canmount, NULL, 0);
        if (canmount == CANMOUNT_OFF)
            return err_raise(ZE_CANMOUNTOFF, "'canmount' property is set to 'off'");
    }
    if (!req->force && dsl_prop_u64(ds, "redacted", &redacted, NULL, 0) == 0 && redacted != 0)
        return err_raise(ZE_BUSY, "'%s' is redacted and was not forced", name);
    return 0;
}

/* The mount of ours that path lies in; NULL if there is none. */
static struct svc_mount *mount_around(struct service *s, const char *path)
{
    MUTEX_GUARD(&s->mount_lock);
    struct svc_mount *best = NULL;

    for (struct svc_mount *m = s->mounts; m != NULL; m = m->next) {
        size_t len = strlen(m->mountpoint);

        if (m->host == NULL && !m->gone && strncmp(path, m->mountpoint, len) == 0 &&
            path[len] == '/' && (best == NULL || len > strlen(best->mountpoint)))
            best = m;
    }
    return best;
}

/* The kernel lets an ordinary user not mount inside a FUSE mount: show it there through that mount.
 */
static int graft(struct svc_mount *m, struct svc_mount *host, struct zpl *z)
{
    int err = fuse_mount_graft(host->fuse, m->mountpoint + strlen(host->mountpoint), z);

    if (err != 0) {
        zpl_unmount(z);
        return err;
    }
    m->host = host;
    m->grafted = z;
    return 0;
}

static int start(struct service *s, struct svc_mount *m, struct dsl_dataset *ds,
                 const struct mount_request *req)
{
    struct fuse_mount_options o = {.mountpoint = m->mountpoint, .source = m->dataset};
    struct svc_mount *host = geteuid() != 0 ? mount_around(s, m->mountpoint) : NULL;
    struct zpl *z;
    int err = parse_options(req->options, &m->options);

    err = err != 0 ? err : make_dir(m->mountpoint, &m->made_dir);
    if (err == 0 && !req->overlay && !setting(ds, NULL, "overlay", 1) &&
        !dir_is_empty(m->mountpoint))
        err = err_raise(ZE_NOTEMPTY, "directory is not empty");
    err = err != 0 ? err : zpl_mount(ds, snapdir_flags(ds), &z);
    if (err != 0)
        return err;
    if (host != NULL)
        return graft(m, host, z);
    fill_options(ds, m->options, &o);
    return fuse_mount_fs(z, &o, mount_is_gone, m, &m->fuse);
}

int mounts_add(struct service *s, struct pool *pool, struct dsl_dataset *ds,
               const struct mount_request *req)
{
    struct svc_mount *m;
    char name[DATASET_NAME_MAX];
    int err;

    reap(s);
    dsl_dataset_name(ds, name);
    err = check_mountable(s, pool, ds, name, req);
    if (err != 0)
        return err;
    m = mem_zalloc(sizeof(*m));
    if (m == NULL)
        return ZE_NOMEM;
    m->s = s;
    m->pool = pool;
    pool_hold(pool);
    strcpy(m->dataset, name);
    err = find_mountpoint(ds, req, &m->mountpoint);
    err = err != 0 ? err : start(s, m, ds, req);
    if (err != 0) {
        free_entry(m);
        return err;
    }
    mutex_lock(&s->mount_lock);
    m->next = s->mounts;
    s->mounts = m;
    mutex_unlock(&s->mount_lock);
    return 0;
}

/* ---- unmounting ---- */

static bool hosts_others(struct service *s, const struct svc_mount *host)
{
    MUTEX_GUARD(&s->mount_lock);

    for (struct svc_mount *m = s->mounts; m != NULL; m = m->next) {
        if (m->host == host)
            return true;
    }
    return false;
}

static int remove_entry(struct service *s, struct svc_mount *m, bool force)
{
    int err = 0;

    if (m->host != NULL)
        fuse_mount_ungraft(m->host->fuse, m->grafted);
    else
        err = hosts_others(s, m)
                  ? err_raise(ZE_BUSY, "file systems are mounted inside '%s'", m->mountpoint)
                  : fuse_mount_stop(m->fuse, force);
    if (err != 0) { /* busy: back into the list */
        mutex_lock(&s->mount_lock);
        m->next = s->mounts;
        s->mounts = m;
        mutex_unlock(&s->mount_lock);
        return err;
    }
    free_entry(m);
    return 0;
}

int mounts_remove(struct service *s, const char *dataset, bool force)
{
    struct svc_mount *m;

    reap(s);
    mutex_lock(&s->mount_lock);
    m = find_locked(s, dataset);
    if (m != NULL)
        unlink_locked(s, m);
    mutex_unlock(&s->mount_lock);
    if (m == NULL)
        return err_raise(ZE_NOTMOUNTED, "not currently mounted");
    return remove_entry(s, m, force);
}

int mounts_remove_point(struct service *s, const char *mountpoint, bool force)
{
    struct svc_mount *m;

    reap(s);
    mutex_lock(&s->mount_lock);
    for (m = s->mounts; m != NULL && strcmp(m->mountpoint, mountpoint) != 0; m = m->next)
        ;
    if (m != NULL)
        unlink_locked(s, m);
    mutex_unlock(&s->mount_lock);
    if (m == NULL)
        return err_raise(ZE_NOTMOUNTED, "not currently mounted");
    return remove_entry(s, m, force);
}

/* The longest path first: a mount below another comes before it. */
static struct svc_mount *take_deepest(struct service *s, struct pool *pool)
{
    struct svc_mount *best = NULL;

    mutex_lock(&s->mount_lock);
    for (struct svc_mount *m = s->mounts; m != NULL; m = m->next) {
        if ((pool == NULL || m->pool == pool) && !m->gone &&
            (best == NULL || strlen(m->mountpoint) > strlen(best->mountpoint)))
            best = m;
    }
    if (best != NULL)
        unlink_locked(s, best);
    mutex_unlock(&s->mount_lock);
    return best;
}

int mounts_remove_pool(struct service *s, struct pool *pool, bool force)
{
    struct svc_mount *m;

    reap(s);
    while ((m = take_deepest(s, pool)) != NULL) {
        int err = remove_entry(s, m, force);

        if (err != 0)
            return err;
    }
    reap(s);
    return 0;
}

/* ---- questions ---- */

bool mounts_is_mounted(struct service *s, const char *dataset, char *point, size_t len)
{
    MUTEX_GUARD(&s->mount_lock);
    struct svc_mount *m = find_locked(s, dataset);

    if (m != NULL && point != NULL)
        snprintf(point, len, "%s", m->mountpoint);
    return m != NULL;
}

bool mounts_override(struct service *s, const char *dataset, const char *prop, uint64_t *value)
{
    MUTEX_GUARD(&s->mount_lock);
    struct svc_mount *m = find_locked(s, dataset);

    return m != NULL && nvlist_lookup_u64(m->options, prop, value) == 0;
}

int mounts_each(struct service *s,
                int (*fn)(void *arg, const char *dataset, const char *mountpoint), void *arg)
{
    struct {
        char *dataset, *point;
    } *list = NULL;
    size_t n = 0, i = 0;
    int err = 0;

    reap(s);
    mutex_lock(&s->mount_lock);
    for (struct svc_mount *m = s->mounts; m != NULL; m = m->next)
        n++;
    list = mem_calloc(n + 1, sizeof(*list));
    for (struct svc_mount *m = s->mounts; list != NULL && m != NULL; m = m->next) {
        n--; /* the list is newest first */
        list[n].dataset = mem_strdup(m->dataset);
        list[n].point = mem_strdup(m->mountpoint);
        i++;
    }
    mutex_unlock(&s->mount_lock);
    if (list == NULL)
        return ZE_NOMEM;
    for (size_t k = 0; k < i; k++) {
        if (err == 0 && list[k].dataset != NULL && list[k].point != NULL)
            err = fn(arg, list[k].dataset, list[k].point);
        free(list[k].dataset);
        free(list[k].point);
    }
    free(list);
    return err;
}

/* ---- mount -a ---- */

struct candidate {
    char *point;
    uint64_t dsobj;
    struct pool *pool; /* held */
};
struct candidates {
    struct service *s;
    struct candidate *item;
    size_t n, cap;
    struct pool *pool;
};

static int add_candidate(struct candidates *c, const char *point, uint64_t dsobj)
{
    if (c->n == c->cap) {
        size_t cap = c->cap == 0 ? 64 : 2 * c->cap;
        struct candidate *item = reallocarray(c->item, cap, sizeof(*item));

        if (item == NULL)
            return ZE_NOMEM;
        c->item = item;
        c->cap = cap;
    }
    c->item[c->n] = (struct candidate){mem_strdup(point), dsobj, c->pool};
    if (c->item[c->n].point == NULL)
        return ZE_NOMEM;
    pool_hold(c->pool);
    c->n++;
    return 0;
}

static int consider(struct candidates *c, struct dsl_dataset *ds)
{
    uint64_t canmount = CANMOUNT_ON, keystatus = 0;
    char point[4096], name[DATASET_NAME_MAX];

    dsl_dataset_name(ds, name);
    if (dsl_dataset_kind(ds) != DATASET_FILESYSTEM || dsl_dataset_is_inconsistent(ds) ||
        mounts_is_mounted(c->s, name, NULL, 0))
        return 0;
    (void)dsl_prop_u64(ds, "canmount", &canmount, NULL, 0);
    (void)dsl_prop_u64(ds, "keystatus", &keystatus, NULL, 0);
    if (canmount != CANMOUNT_ON || keystatus == 1 ||
        dsl_prop_string(ds, "mountpoint", point, sizeof(point), NULL, 0) != 0 || point[0] != '/')
        return 0;
    return add_candidate(c, point, dsl_dataset_object(ds));
}

static int consider_tree(struct candidates *c, struct dsl_dataset *ds);

static int consider_child(void *arg, const char *name, uint64_t dsobj)
{
    struct candidates *c = arg;
    AUTO_DS struct dsl_dataset *ds = NULL;
    int err = dsl_dataset_hold_object(c->pool->dsl, dsobj, &ds);

    return err != 0 ? err : consider_tree(c, ds);
}

static int consider_tree(struct candidates *c, struct dsl_dataset *ds)
{
    int err = consider(c, ds);

    return err != 0 ? err : dsl_children_each(ds, false, consider_child, c);
}

static int consider_pool(void *arg, struct pool *pool)
{
    struct candidates *c = arg;
    AUTO_DS struct dsl_dataset *root = NULL;
    int err = dsl_dataset_hold(pool->dsl, pool->name, &root);

    c->pool = pool;
    return err != 0 ? err : consider_tree(c, root);
}

/* '/' sorts before every other character, so parents come before their children. */
static int by_point(const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)((const struct candidate *)a)->point;
    const unsigned char *y = (const unsigned char *)((const struct candidate *)b)->point;

    while (*x == *y && *x != '\0') {
        x++;
        y++;
    }
    return (*x == '/' ? 1 : *x == '\0' ? 0 : *x + 1) - (*y == '/' ? 1 : *y == '\0' ? 0 : *y + 1);
}

static int mount_candidate(struct service *s, const struct candidate *c, const char *options)
{
    AUTO_DS struct dsl_dataset *ds = NULL;
    struct mount_request req = {.options = options, .all = true};
    char name[DATASET_NAME_MAX];
    int err = dsl_dataset_hold_object(c->pool->dsl, c->dsobj, &ds);

    if (err != 0)
        return err;
    dsl_dataset_name(ds, name);
    err = mounts_add(s, c->pool, ds, &req);
    return err != 0 ? err_context(err, "cannot mount '%s': ", name) : 0;
}

int mounts_all(struct service *s, struct op_context *ctx, struct pool *pool, const char *options,
               uint64_t *mounted)
{
    struct candidates c = {.s = s};
    char first_text[1024] = "";
    int err = pool != NULL ? consider_pool(&c, pool) : service_pools_each(s, consider_pool, &c);
    int first = err;

    if (c.n > 1)
        qsort(c.item, c.n, sizeof(*c.item), by_point);
    for (size_t i = 0; i < c.n; i++) {
        err = op_cancelled(ctx) ? ZE_CANCELED : mount_candidate(s, &c.item[i], options);
        if (err == 0)
            ++*mounted;
        else if (first == 0) {
            first = err;
            err_detail_get(first_text, sizeof(first_text));
        }
        op_progress(ctx, "mounting", i + 1, c.n, "file systems");
        pool_rele(c.item[i].pool);
        free(c.item[i].point);
    }
    free(c.item);
    if (first != 0 && first_text[0] != '\0')
        err_detail_put(first_text);
    return first;
}
