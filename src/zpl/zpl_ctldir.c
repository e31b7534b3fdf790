/* SPDX-License-Identifier: MIT */
/*
 * The .zfs directory (format/zpl-zil.md, "12"): .zfs/snapshot/NAME leads into the snapshot itself,
 * which is opened on first use and stays open until the file system is unmounted.
 */
#include "zpl/zpl_impl.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define COOKIE_SNAPSHOTS 16 /* first snapshot; then one up a snapshot */

static void init_node(struct zpl *z, struct zpl_node *n, enum zpl_node_kind kind, uint64_t object)
{
    const struct dsl_dataset_phys *ds = dsl_dataset_phys(z->ds);
    struct timespec when = {(time_t)ds->creation_time, 0};

    n->z = z;
    n->kind = kind;
    n->object = object;
    n->refs = 1;
    n->attr = (struct zpl_attr){.object = object,
                                .generation = 1,
                                .mode = 0040555,
                                .nlink = 2,
                                .size = 2,
                                .blksize = 512,
                                .atime = when,
                                .mtime = when,
                                .ctime = when,
                                .btime = when};
}

void zpl_ctldir_init(struct zpl *z)
{
    init_node(z, &z->ctl_node, ZPL_NODE_CTLDIR, ZPL_INO_CTLDIR);
    init_node(z, &z->snapdir_node, ZPL_NODE_SNAPDIR, ZPL_INO_SNAPDIR);
}

void zpl_ctldir_fini(struct zpl *z)
{
    while (z->snaps != NULL) {
        struct zpl_snapmount *s = z->snaps;

        z->snaps = s->next;
        zpl_unmount(s->z);
        free(s);
    }
}

static int open_snapshot(struct zpl *z, const char *name, struct zpl_snapmount **out)
{
    struct zpl_snapmount *s = mem_zalloc(sizeof(*s));
    struct dsl_dataset *ds = NULL;
    char full[2 * DATASET_NAME_MAX];
    char fs[DATASET_NAME_MAX];
    int err = s == NULL ? ZE_NOMEM : 0;

    if (err != 0)
        return err;
    dsl_dataset_name(z->ds, fs);
    snprintf(full, sizeof(full), "%s@%s", fs, name);
    err = dsl_dataset_hold(dsl_dataset_pool(z->ds), full, &ds);
    if (err == ZE_NODATASET || err == ZE_NAMETOOLONG)
        err = err_raise(ZE_NOENT, "no snapshot '%s'", full);
    if (err == 0) {
        err = zpl_mount(ds, 0, &s->z);
        dsl_dataset_rele(ds);
    }
    if (err != 0) {
        free(s);
        return err;
    }
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->z->parent = z;
    s->next = z->snaps;
    z->snaps = s;
    *out = s;
    return 0;
}

static int snapshot_root(struct zpl *z, const char *name, struct zpl_node **out)
{
    MUTEX_GUARD(&z->snap_lock);
    struct zpl_snapmount *s = z->snaps;

    if (strlen(name) >= DATASET_NAME_MAX || strchr(name, '/') != NULL || name[0] == '\0')
        return err_raise(ZE_NOENT, "no snapshot '%s'", name);
    while (s != NULL && strcmp(s->name, name) != 0)
        s = s->next;
    if (s == NULL) {
        int err = open_snapshot(z, name, &s);

        if (err != 0)
            return err;
    }
    return zpl_root(s->z, out);
}

bool zpl_is_ctldir(const struct zpl_node *n)
{
    return n->kind != ZPL_NODE_OBJECT;
}

int zpl_ctldir_lookup(struct zpl_node *dir, const char *name, struct zpl_node **out)
{
    struct zpl *z = dir->z;

    if (strcmp(name, ".") == 0) {
        *out = dir;
        return 0;
    }
    if (dir->kind == ZPL_NODE_SNAPDIR) {
        if (strcmp(name, "..") != 0)
            return snapshot_root(z, name, out);
        *out = &z->ctl_node;
        return 0;
    }
    if (strcmp(name, "..") == 0)
        return zpl_root(z, out);
    if (strcmp(name, "snapshot") != 0)
        return err_raise(ZE_NOENT, "no '%s' in .zfs", name);
    *out = &z->snapdir_node;
    return 0;
}

struct snap_lister {
    uint64_t skip, at;
    struct zpl_dirent *e;
    int (*fn)(void *arg, const struct zpl_dirent *e);
    void *arg;
};

static int list_one(struct snap_lister *l, const char *name, uint64_t object, uint64_t next)
{
    snprintf(l->e->name, sizeof(l->e->name), "%s", name);
    l->e->object = object;
    l->e->type = DT_DIR;
    l->e->next = next;
    return l->fn(l->arg, l->e);
}

static int list_snapshot(void *arg, const char *short_name, uint64_t dsobj, uint64_t createtxg)
{
    struct snap_lister *l = arg;

    if (l->at++ < l->skip)
        return 0;
    return list_one(l, short_name, 0x0000fffffffffffcull - dsobj, COOKIE_SNAPSHOTS + l->at);
}

int zpl_ctldir_readdir(struct zpl_node *dir, uint64_t cookie,
                       int (*fn)(void *arg, const struct zpl_dirent *e), void *arg)
{
    struct zpl_dirent *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct snap_lister l = {cookie > COOKIE_SNAPSHOTS ? cookie - COOKIE_SNAPSHOTS : 0, 0, e, fn,
                            arg};
    bool snapdir = dir->kind == ZPL_NODE_SNAPDIR;
    int err = e == NULL ? ZE_NOMEM : 0;

    if (err == 0 && cookie < 1)
        err = list_one(&l, ".", dir->object, 1);
    if (err == 0 && cookie < 2)
        err = list_one(&l, "..", snapdir ? ZPL_INO_CTLDIR : dir->z->root, 2);
    if (err == 0 && !snapdir && cookie < 3)
        err = list_one(&l, "snapshot", ZPL_INO_SNAPDIR, 3);
    if (err == 0 && snapdir)
        err = dsl_snapshots_each(dir->z->ds, list_snapshot, &l);
    return err > 0 ? 0 : err;
}
