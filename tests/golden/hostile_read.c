/* SPDX-License-Identifier: MIT */
/* Reading all of a pool that may be damaged; see hostile_pool.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc/brt.h"
#include "alloc/ddt.h"
#include "alloc/metaslab_read.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/range_tree.h"
#include "codec/nvlist.h"
#include "dmu/traverse.h"
#include "dsl/crypt_keys.h"
#include "hostile_pool.h"
#include "pool/errlog.h"
#include "pool/history.h"
#include "pool/pool.h"
#include "zio/arc.h"
#include "zpl/zpl.h"
#include "zvol/zvol.h"

#define FILE_PART  (128u << 10)
#define FILE_MOST  (2u << 20) /* of one file */
#define DEPTH_MAX  24
#define XATTR_MOST (256u << 10)
#define CACHE_SIZE (32u << 20)

struct reading {
    struct hostile_report *r;
    struct pool *pool;
    char name[4096];
    struct zpl *z;
    uint8_t *buf;
};

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (; len >= 8; p += 8, len -= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (; len > 0; p++, len--)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t mix_u64(uint64_t h, uint64_t v)
{
    return mix(h, &v, sizeof(v));
}

static void note(struct reading *rd, const char *what, int err, uint64_t digest)
{
    rd->r->errors += err != 0;
    if (rd->r->note != NULL)
        rd->r->note(rd->r->arg, what, rd->name, err, digest);
}

static bool enough(const struct reading *rd)
{
    return rd->r->bytes >= rd->r->bytes_max || rd->r->entries >= rd->r->entries_max;
}

/* ---- files ---- */

static void read_data(struct reading *rd, struct zpl_node *n, uint64_t size)
{
    uint64_t h = size, off = 0, budget = FILE_MOST;
    int err = 0;

    while (off < size && budget > 0 && !enough(rd)) {
        size_t got = 0;
        err = zpl_seek(n, false, &off);
        if (err != 0)
            break;
        err = zpl_read(n, off, rd->buf, FILE_PART, &got);
        if (err != 0 || got == 0)
            break;
        h = mix(mix_u64(h, off), rd->buf, got);
        rd->r->bytes += got;
        budget -= min_of(budget, (uint64_t)got);
        off += got;
    }
    if (!enough(rd))
        note(rd, "data", err == ZE_NODATA || err == ZE_NOENT ? 0 : err, h);
}

static void read_pinned(struct reading *rd, struct zpl_node *n)
{
    struct iovec iov[64];
    struct dmu_pin *pin;
    unsigned cnt = 64;
    size_t got;
    uint64_t sum = 0;

    if (zpl_read_pin(n, 0, FILE_PART, &pin, iov, &cnt, &got) != 0)
        return;
    for (unsigned i = 0; i < cnt; i++)
        sum = mix(sum, iov[i].iov_base, iov[i].iov_len);
    if (pin != NULL)
        dmu_unpin(pin);
}

static void read_xattrs(struct reading *rd, struct zpl_node *n)
{
    char names[4096];
    size_t need = 0;
    uint64_t h = 0;
    int err = zpl_listxattr(n, names, sizeof(names), &need);

    for (const char *s = names; err == 0 && s < names + need && need <= sizeof(names);
         s += strlen(s) + 1) {
        size_t len = 0;
        uint8_t *value = malloc(XATTR_MOST);
        err = zpl_getxattr(n, s, value, XATTR_MOST, &len);
        if (err == 0)
            h = mix(mix(h, s, strlen(s)), value, min_of(len, (size_t)XATTR_MOST));
        free(value);
        if (err == ZE_RANGE)
            err = 0;
    }
    note(rd, "xattr", err, h);
}

static void read_access(struct reading *rd, struct zpl_node *n)
{
    const uint32_t groups[] = {100, 2000};
    struct zpl_cred cred = {.uid = 1000, .gid = 1000, .groups = groups, .ngroups = 2};
    uint64_t h = 0;
    int failed = 0;

    for (int i = 1; i < 16; i++) {
        cred.uid = i < 8 ? 1000 : 0;
        int err = zpl_access(n, &cred, i & 7);
        h = mix_u64(h, err == 0);
        if (err != 0 && err != ZE_ACCES && err != ZE_PERM && err != ZE_ROFS)
            failed = err;
    }
    note(rd, "access", failed, h);
}

static int read_attr(struct reading *rd, struct zpl_node *n, struct zpl_attr *a)
{
    int err = zpl_getattr(n, a);
    uint64_t h = 0;

    if (err == 0) {
        const uint64_t v[] = {a->object,
                              a->mode,
                              a->nlink,
                              a->uid,
                              a->gid,
                              a->size,
                              a->rdev,
                              a->pflags,
                              a->project,
                              (uint64_t)a->mtime.tv_sec,
                              (uint64_t)a->mtime.tv_nsec,
                              (uint64_t)a->ctime.tv_sec,
                              (uint64_t)a->btime.tv_sec};
        h = mix(h, v, sizeof(v));
    }
    note(rd, "attr", err, h);
    return err;
}

struct listing {
    struct reading *rd;
    struct zpl_node *dir;
    uint64_t digest;
    unsigned depth;
    char (*name)[256];
    size_t n, room;
};

static int list_entry(void *arg, const struct zpl_dirent *e)
{
    struct listing *l = arg;

    l->digest = mix(mix_u64(l->digest, e->object), e->name, strlen(e->name));
    if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0 || strcmp(e->name, ".zfs") == 0)
        return 0;
    if (l->rd->r->entries++ >= l->rd->r->entries_max)
        return 1;
    if (strlen(e->name) >= sizeof(l->name[0]))
        return 0;
    if (l->n == l->room) {
        l->room = l->room == 0 ? 16 : l->room * 2;
        l->name = realloc(l->name, l->room * sizeof(l->name[0]));
        if (l->name == NULL)
            exit(3);
    }
    strcpy(l->name[l->n++], e->name);
    return 0;
}

static void read_node(struct reading *rd, struct zpl_node *n, unsigned depth);

static void read_dir(struct reading *rd, struct zpl_node *dir, unsigned depth)
{
    struct listing l = {.rd = rd, .dir = dir, .depth = depth};
    size_t len = strlen(rd->name);
    int err = zpl_readdir(dir, 0, list_entry, &l);

    if (!enough(rd))
        note(rd, "dir", err, l.digest);
    for (size_t i = 0; i < l.n && depth < DEPTH_MAX && !enough(rd); i++) {
        struct zpl_node *n;
        if (len + 1 + strlen(l.name[i]) >= sizeof(rd->name))
            break;
        sprintf(rd->name + len, "/%s", l.name[i]);
        err = zpl_lookup(dir, l.name[i], &n);
        if (err != 0) {
            note(rd, "lookup", err, 0);
        } else {
            read_node(rd, n, depth + 1);
            zpl_node_rele(n);
        }
        rd->name[len] = '\0';
    }
    free(l.name);
}

static void read_node(struct reading *rd, struct zpl_node *n, unsigned depth)
{
    struct zpl_attr a;
    char path[4096];
    size_t got = 0;

    if (read_attr(rd, n, &a) != 0)
        return;
    read_xattrs(rd, n);
    read_access(rd, n);
    if (a.object % 16 == 0) /* searches directories by value: slow in large ones */
        (void)zpl_object_path(rd->z, a.object, path, sizeof(path));
    switch (a.mode & 0170000) {
    case 0040000:
        read_dir(rd, n, depth);
        break;
    case 0100000:
        read_data(rd, n, a.size);
        read_pinned(rd, n);
        break;
    case 0120000: {
        int err = zpl_readlink(n, path, sizeof(path), &got);
        note(rd, "link", err, err == 0 ? mix(0, path, got) : 0);
        break;
    }
    default:
        break;
    }
}

static int no_space(void *arg, const char *who, uint64_t id, uint64_t used, uint64_t quota,
                    uint64_t objused, uint64_t objquota)
{
    uint64_t *h = arg;

    *h = mix(*h, who, strlen(who)) ^ used;
    return 0;
}

static void read_files(struct reading *rd, struct dsl_dataset *ds)
{
    static const char *const kinds[] = {"user", "group", "project"};
    struct zpl_statfs fs;
    struct zpl_node *root;
    int err = zpl_mount(ds, ZPL_MOUNT_SNAPDIR_HIDDEN, &rd->z);

    if (err != 0) {
        note(rd, "mount", err, 0);
        return;
    }
    (void)zpl_statfs(rd->z, &fs);
    err = zpl_root(rd->z, &root);
    if (err == 0) {
        read_node(rd, root, 0);
        zpl_node_rele(root);
    } else {
        note(rd, "root", err, 0);
    }
    for (unsigned i = 0; i < array_len(kinds); i++) {
        uint64_t h = 0;
        (void)zpl_space_each(rd->z, kinds[i], no_space, &h);
    }
    zpl_unmount(rd->z);
}

static void read_volume(struct reading *rd, struct dsl_dataset *ds)
{
    struct zvol *v;
    uint64_t h, off = 0, budget = FILE_MOST;
    int err = zvol_open(ds, &v);

    if (err != 0) {
        note(rd, "volume", err, 0);
        return;
    }
    h = zvol_size(v);
    while (budget > 0 && !enough(rd) && off < zvol_size(v)) {
        uint64_t from = off, n;
        if ((err = zvol_seek(v, false, &off)) != 0 || off < from || off >= zvol_size(v))
            break;
        n = min_of((uint64_t)FILE_PART, zvol_size(v) - off);
        if ((err = zvol_read(v, off, rd->buf, n)) != 0)
            break;
        h = mix(mix_u64(h, off), rd->buf, n);
        rd->r->bytes += n;
        budget -= min_of(budget, n);
        off += n;
    }
    if (!enough(rd))
        note(rd, "volume", err == ZE_NODATA ? 0 : err, h);
    zvol_close(v);
}

/* ---- data sets ---- */

struct names {
    char (*name)[DATASET_NAME_MAX];
    size_t n, room;
    uint64_t digest;
};

static void keep_name(struct names *l, const char *name)
{
    if (l->n == l->room) {
        l->room = l->room == 0 ? 8 : l->room * 2;
        l->name = realloc(l->name, l->room * sizeof(l->name[0]));
        if (l->name == NULL)
            exit(3);
    }
    l->digest = mix(l->digest, name, strlen(name));
    snprintf(l->name[l->n++], DATASET_NAME_MAX, "%s", name);
}

static int on_child(void *arg, const char *name, uint64_t dsobj)
{
    keep_name(arg, name);
    return ((struct names *)arg)->n > 1000;
}

static int on_snapshot(void *arg, const char *name, uint64_t dsobj, uint64_t createtxg)
{
    keep_name(arg, name);
    return ((struct names *)arg)->n > 1000;
}

static int on_bookmark(void *arg, const char *name, const struct nvlist *props)
{
    keep_name(arg, name);
    return ((struct names *)arg)->n > 1000;
}

struct dead {
    uint64_t n;
};

static int on_dead(void *arg, const struct blkptr *bp, bool freed)
{
    return ++((struct dead *)arg)->n > 100000;
}

static int on_visit(void *arg, const struct traverse_visit *v)
{
    struct reading *rd = arg;

    return rd->r->objects++ > 4u * rd->r->entries_max ? ZE_CANCELED : 0;
}

static void read_tree(struct reading *rd, struct dsl_dataset *ds)
{
    struct objset *os;

    if (dsl_dataset_objset(ds, &os) != 0)
        return;
    struct traverse t = {.pool = &rd->pool->zio,
                         .dataset = dsl_dataset_object(ds),
                         .root = *objset_root(os),
                         .flags = TRAVERSE_PRE | TRAVERSE_DNODES | TRAVERSE_CONTINUE | TRAVERSE_RAW,
                         .prio = VDEV_PRIO_SCRUB,
                         .fn = on_visit,
                         .arg = rd};
    (void)traverse_objset(&t);
}

static void read_meta(struct reading *rd, struct dsl_dataset *ds)
{
    struct nvlist *nv = NULL;
    struct names l = {0};
    struct dead dead = {0};
    uint64_t a, b, c;

    if (dsl_props_get(ds, NULL, 0, &nv) == 0)
        nvlist_free(nv);
    nv = NULL;
    if (dsl_deleg_get(ds, &nv) == 0)
        nvlist_free(nv);
    (void)dsl_deleg_check(ds, "snapshot", 1000, NULL, 0);
    nv = NULL;
    if (dsl_dataset_is_snapshot(ds) && dsl_holds_get(ds, &nv) == 0)
        nvlist_free(nv);
    if (!dsl_dataset_is_snapshot(ds))
        (void)dsl_bookmarks_each(ds, on_bookmark, &l);
    else
        (void)dsl_space_reclaim(ds, ds, &a, &b, &c);
    free(l.name);
    (void)dsl_deadlist_each(ds, on_dead, &dead);
}

static void read_dataset(struct reading *rd, const char *name, unsigned depth);

static void read_list(struct reading *rd, const struct names *l, const char *base, char sep,
                      unsigned depth)
{
    char name[2 * DATASET_NAME_MAX];

    for (size_t i = 0; i < l->n && !enough(rd); i++) {
        snprintf(name, sizeof(name), "%s%c%s", base, sep, l->name[i]);
        if (strlen(name) < DATASET_NAME_MAX)
            read_dataset(rd, name, depth + 1);
    }
}

static void read_content(struct reading *rd, struct dsl_dataset *ds)
{
    struct objset *os;
    int err = dsl_dataset_objset(ds, &os);

    if (err != 0) {
        note(rd, "objset", err, 0);
        return;
    }
    read_tree(rd, ds);
    if (dsl_dataset_kind(ds) == DATASET_VOLUME || objset_type(os) == OBJSET_TYPE_ZVOL)
        read_volume(rd, ds);
    else
        read_files(rd, ds);
}

static void read_dataset(struct reading *rd, const char *name, unsigned depth)
{
    struct dsl_dataset *ds;
    struct names children = {0}, snaps = {0};
    int err = dsl_dataset_hold(rd->pool->dsl, name, &ds);

    snprintf(rd->name, sizeof(rd->name), "%s:", name + strcspn(name, "/@"));
    if (err != 0) {
        note(rd, "dataset", err, 0);
        return;
    }
    read_meta(rd, ds);
    read_content(rd, ds);
    snprintf(rd->name, sizeof(rd->name), "%s:", name + strcspn(name, "/@"));
    if (!dsl_dataset_is_snapshot(ds)) {
        err = dsl_children_each(ds, true, on_child, &children);
        note(rd, "children", err, children.digest);
        err = dsl_snapshots_each(ds, on_snapshot, &snaps);
        note(rd, "snapshots", err, snaps.digest);
    }
    dsl_dataset_rele(ds);
    if (depth < DEPTH_MAX) {
        read_list(rd, &snaps, name, '@', depth);
        read_list(rd, &children, name, '/', depth);
    }
    free(children.name);
    free(snaps.name);
}

/* ---- the pool's own ---- */

static int on_record(void *arg, const struct nvlist *record)
{
    return ++*(uint64_t *)arg > 10000;
}

static int on_error(void *arg, const struct pool_error *e)
{
    return ++*(uint64_t *)arg > 10000;
}

static int on_ddt(void *arg, const struct ddt_entry *e)
{
    return ++*(uint64_t *)arg > 100000;
}

static int on_brt(void *arg, uint64_t vdev, uint64_t offset, uint64_t refs)
{
    return ++*(uint64_t *)arg > 100000;
}

static void read_tables(struct pool *pool)
{
    struct ddt_tables *ddt;
    struct brt *brt;
    uint64_t n = 0;

    if (ddt_tables_open(pool->mos, &ddt) == 0) {
        for (unsigned i = 0; i < ddt->n; i++)
            (void)ddt_iterate(&ddt->table[i], on_ddt, &n);
        ddt_tables_close(ddt);
    }
    if (brt_open(pool->mos, &brt) == 0) {
        for (unsigned i = 0; i < brt->n; i++)
            (void)brt_iterate(brt, &brt->vdev[i], on_brt, &n);
        brt_close(brt);
    }
}

static void read_space(struct reading *rd)
{
    struct metaslabs *m;
    struct pool_space sp;

    (void)pool_space_get(rd->pool, &sp);
    if (metaslabs_open(rd->pool->mos, rd->pool->vdevs, &m) != 0)
        return;
    for (unsigned v = 0; v < m->nvdevs; v++) {
        for (uint64_t i = 0; i < m->vdev[v].count && i < 256; i++) {
            struct range_tree *rt = NULL;
            int err = metaslab_load(m, v, i, &rt);
            if (err == 0)
                range_tree_destroy(rt);
        }
    }
    metaslabs_close(m);
}

static void load_key(struct reading *rd, const char *key, const char *child)
{
    char name[DATASET_NAME_MAX];
    struct dsl_dataset *ds;
    struct dsl_key_info info;

    int len = snprintf(name, sizeof(name), "%s/%s", rd->pool->name, child);
    if (len < 0 || (size_t)len >= sizeof(name) || dsl_dataset_hold(rd->pool->dsl, name, &ds) != 0)
        return;
    if (dsl_dataset_key_info(ds, &info) == 0 && info.keyformat == 1)
        (void)dsl_key_load(ds, (const uint8_t *)key, 32, false);
    dsl_dataset_rele(ds);
}

static void load_keys(struct reading *rd, const char *key)
{
    struct names l = {0};
    struct dsl_dataset *ds;

    if (key == NULL || dsl_dataset_hold(rd->pool->dsl, rd->pool->name, &ds) != 0)
        return;
    (void)dsl_children_each(ds, false, on_child, &l);
    dsl_dataset_rele(ds);
    for (size_t i = 0; i < l.n; i++)
        load_key(rd, key, l.name[i]);
    free(l.name);
}

void hostile_read(struct hostile_pool *hp, struct hostile_report *r)
{
    struct reading rd = {.r = r};
    struct arc *arc = NULL;
    uint64_t n = 0;

    if (arc_create(&hp->env, CACHE_SIZE, &arc) != 0 || (rd.buf = malloc(FILE_PART)) == NULL)
        exit(3);
    r->import_err = hostile_import(hp, arc, &rd.pool);
    if (r->import_err == 0) {
        r->txg = rd.pool->ub.txg;
        load_keys(&rd, hp->key);
        read_dataset(&rd, rd.pool->name, 0);
        read_space(&rd);
        read_tables(rd.pool);
        (void)pool_history_each(rd.pool, on_record, &n);
        (void)pool_errlog_each(rd.pool, on_error, &n);
        pool_close(rd.pool);
    }
    free(rd.buf);
    arc_destroy(arc);
}
