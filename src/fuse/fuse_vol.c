/* SPDX-License-Identifier: MIT */
/*
 * Volumes as files. The tree is the dataset tree: a directory for each dataset that has children, a
 * regular file for each volume and, beside it, NAME@SNAP for its snapshots. Node numbers are
 * dataset objects (bit 63: the directory of that dataset). Loop devices and qemu read these files.
 */
#include "fuse/fuse_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "zvol/zvol.h"

#define VOL_DIR       (1ull << 63)
#define VOL_OBJECT(i) ((i) & ~VOL_DIR)
#define VOL_TIMEOUT   1.0

/* Node number of the pool's root directory is FUSE_ROOT_ID. */
static int hold_ino(struct fuse_mount *m, fuse_ino_t ino, struct dsl_dataset **ds)
{
    if (ino == FUSE_ROOT_ID)
        return dsl_dataset_hold(m->dp, dsl_pool_name(m->dp), ds);
    return dsl_dataset_hold_object(m->dp, VOL_OBJECT(ino), ds);
}

static int stat_dataset(struct dsl_dataset *ds, bool dir, struct stat *st)
{
    const struct dsl_dataset_phys *phys = dsl_dataset_phys(ds);
    struct zvol *v;
    int err;

    memset(st, 0, sizeof(*st));
    st->st_ino = dsl_dataset_object(ds) | (dir ? VOL_DIR : 0);
    st->st_mode = dir ? 0040555 : 0100440;
    st->st_nlink = dir ? 2 : 1;
    st->st_mtim.tv_sec = st->st_ctim.tv_sec = st->st_atim.tv_sec = (time_t)phys->creation_time;
    if (dir)
        return 0;
    err = zvol_open(ds, &v);
    if (err != 0)
        return err;
    st->st_size = (off_t)zvol_size(v);
    st->st_blksize = (blksize_t)zvol_block_size(v);
    st->st_blocks = (blkcnt_t)(phys->referenced_bytes / 512);
    zvol_close(v);
    return 0;
}

static bool is_volume(struct dsl_dataset *ds)
{
    struct objset *os;

    return dsl_dataset_objset(ds, &os) == 0 && objset_type(os) == OBJSET_TYPE_ZVOL;
}

static void vol_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_mount *m = fuse_req_userdata(req);
    struct dsl_dataset *dir, *ds;
    struct fuse_entry_param e = {.attr_timeout = VOL_TIMEOUT, .entry_timeout = VOL_TIMEOUT};
    char full[2 * DATASET_NAME_MAX], parent_name[DATASET_NAME_MAX];
    int err = hold_ino(m, parent, &dir);

    if (err == 0) {
        dsl_dataset_name(dir, parent_name);
        dsl_dataset_rele(dir);
        snprintf(full, sizeof(full), "%s/%s", parent_name, name);
        err =
            strlen(name) >= DATASET_NAME_MAX ? ZE_NAMETOOLONG : dsl_dataset_hold(m->dp, full, &ds);
    }
    if (err == 0) {
        bool vol = is_volume(ds);

        if (!vol && dsl_dataset_is_snapshot(ds))
            err = ZE_NOENT;
        else
            err = stat_dataset(ds, !vol, &e.attr);
        e.ino = dsl_dataset_object(ds) | (vol ? 0 : VOL_DIR);
        dsl_dataset_rele(ds);
    }
    if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_entry(req, &e);
}

static void vol_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct fuse_mount *m = fuse_req_userdata(req);
    struct dsl_dataset *ds;
    struct stat st;
    int err = hold_ino(m, ino, &ds);

    if (err == 0) {
        err = stat_dataset(ds, ino == FUSE_ROOT_ID || (ino & VOL_DIR) != 0, &st);
        dsl_dataset_rele(ds);
    }
    if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_attr(req, &st, VOL_TIMEOUT);
}

struct vol_lister {
    fuse_req_t req;
    struct fuse_mount *m;
    char *buf;
    size_t len, used;
    uint64_t skip, at;
    const char *volume; /* whose snapshots are listed */
};

static int vol_add(struct vol_lister *l, const char *name, uint64_t ino, unsigned type)
{
    struct stat st = {.st_ino = ino, .st_mode = (mode_t)type << 12};
    size_t size;

    if (l->at++ < l->skip)
        return 0;
    size = fuse_add_direntry(l->req, l->buf + l->used, l->len - l->used, name, &st, (off_t)l->at);
    if (size > l->len - l->used)
        return 1;
    l->used += size;
    return 0;
}

static int vol_add_snapshot(void *arg, const char *short_name, uint64_t dsobj, uint64_t createtxg)
{
    struct vol_lister *l = arg;
    char name[2 * DATASET_NAME_MAX];

    snprintf(name, sizeof(name), "%s@%s", l->volume, short_name);
    return vol_add(l, name, dsobj, DT_REG);
}

static int vol_add_child(void *arg, const char *name, uint64_t dsobj)
{
    struct vol_lister *l = arg;
    struct dsl_dataset *ds;
    int err = dsl_dataset_hold_object(l->m->dp, dsobj, &ds);

    if (err != 0)
        return 0; /* unreadable: not listed */
    if (is_volume(ds)) {
        l->volume = name;
        err = vol_add(l, name, dsobj, DT_REG);
        if (err == 0)
            err = dsl_snapshots_each(ds, vol_add_snapshot, l);
    } else {
        err = vol_add(l, name, dsobj | VOL_DIR, DT_DIR);
    }
    dsl_dataset_rele(ds);
    return err;
}

static void vol_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                        struct fuse_file_info *fi)
{
    struct vol_lister l = {
        .req = req, .m = fuse_req_userdata(req), .len = size, .skip = (uint64_t)off};
    char *buf AUTO_FREE = malloc(size);
    struct dsl_dataset *ds;
    int err = buf == NULL ? ZE_NOMEM : hold_ino(l.m, ino, &ds);

    if (err != 0) {
        fuse_fail(req, err);
        return;
    }
    l.buf = buf;
    err = vol_add(&l, ".", ino, DT_DIR);
    err = err != 0 ? err : vol_add(&l, "..", ino, DT_DIR);
    err = err != 0 ? err : dsl_children_each(ds, false, vol_add_child, &l);
    dsl_dataset_rele(ds);
    if (err < 0 && l.used == 0)
        fuse_fail(req, err);
    else
        fuse_reply_buf(req, buf, l.used);
}

static void vol_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct fuse_mount *m = fuse_req_userdata(req);
    struct dsl_dataset *ds;
    struct zvol *v = NULL;
    int err;

    if ((fi->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, EROFS);
        return;
    }
    err = hold_ino(m, ino, &ds);
    if (err == 0) {
        err = zvol_open(ds, &v);
        dsl_dataset_rele(ds);
    }
    if (err != 0) {
        fuse_fail(req, err);
        return;
    }
    fi->fh = (uint64_t)(uintptr_t)v;
    fi->keep_cache = 1;
    fuse_reply_open(req, fi);
}

static void vol_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    zvol_close((struct zvol *)(uintptr_t)fi->fh);
    fuse_reply_err(req, 0);
}

static void vol_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
    struct zvol *v = (struct zvol *)(uintptr_t)fi->fh;
    uint64_t at = (uint64_t)off;
    size_t len = at >= zvol_size(v) ? 0 : (size_t)min_of((uint64_t)size, zvol_size(v) - at);
    char *buf AUTO_FREE = malloc(len + 1);
    int err = buf == NULL ? ZE_NOMEM : zvol_read(v, at, buf, len);

    if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_buf(req, buf, len);
}

static void vol_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
                      struct fuse_file_info *fi)
{
    uint64_t at = (uint64_t)off;
    int err = whence == SEEK_DATA || whence == SEEK_HOLE
                  ? zvol_seek((struct zvol *)(uintptr_t)fi->fh, whence == SEEK_HOLE, &at)
                  : ZE_INVAL;

    if (err == ZE_NODATA)
        fuse_reply_err(req, ENXIO);
    else if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_lseek(req, (off_t)at);
}

static void vol_init(void *userdata, struct fuse_conn_info *conn)
{
    conn->max_write = FUSE_MAX_IO;
    conn->max_readahead = FUSE_MAX_IO;
}

static const struct fuse_lowlevel_ops vol_ops = {
    .init = vol_init,
    .lookup = vol_lookup,
    .getattr = vol_getattr,
    .readdir = vol_readdir,
    .open = vol_open,
    .release = vol_release,
    .read = vol_read,
    .lseek = vol_lseek,
};

int fuse_mount_volumes(struct dsl_pool *dp, const struct fuse_mount_options *opt,
                       void (*gone)(void *arg), void *arg, struct fuse_mount **out)
{
    struct fuse_mount *m = mem_zalloc(sizeof(*m));
    int err;

    if (m == NULL)
        return ZE_NOMEM;
    m->dp = dp;
    m->gone = gone;
    m->gone_arg = arg;
    err = fuse_mount_run(m, &vol_ops, sizeof(vol_ops), opt, true);
    if (err == 0)
        *out = m;
    return err;
}
