/* SPDX-License-Identifier: MIT */
/*
 * A file system through FUSE: each request is one call into zpl/. Round trips are what costs:
 * entries, attributes and absent names are cached by the kernel for a day, file data stays in its
 * page cache, and open and opendir are answered so that they are never asked again.
 */
#include "fuse/fuse_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIN_MAX_BLOCKS 64 /* more and smaller blocks than this are copied instead of gathered */

static struct fuse_mount *mount_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* The node of a request, held; on failure the request is answered and NULL returned. */
static struct zpl_node *hold(fuse_req_t req, fuse_ino_t ino)
{
    struct zpl_node *n = NULL;
    int err = fuse_nodes_hold(&mount_of(req)->nodes, ino, &n);

    if (err == 0)
        return n;
    fuse_fail(req, err);
    return NULL;
}

/*
 * Inode numbers must differ between the file system and the snapshots that are reached through
 * .zfs, or programs would take a file and its older self for hard links.
 */
static uint64_t shown_ino(const struct fuse_mount *m, struct zpl_node *n)
{
    struct zpl *z = zpl_node_zpl(n);
    uint64_t object = zpl_node_object(n);

    return z == m->z ? object : object ^ dsl_dataset_object(zpl_dataset(z)) << 48;
}

static void fill_stat(const struct fuse_mount *m, struct zpl_node *n, struct stat *st)
{
    struct zpl_attr a;

    memset(st, 0, sizeof(*st));
    if (zpl_getattr(n, &a) != 0)
        return;
    st->st_ino = shown_ino(m, n);
    st->st_mode = a.mode;
    st->st_nlink = a.nlink;
    st->st_uid = a.uid;
    st->st_gid = a.gid;
    st->st_rdev = a.rdev;
    st->st_size = (off_t)a.size;
    st->st_blocks = (blkcnt_t)a.blocks;
    st->st_blksize = (blksize_t)a.blksize;
    st->st_atim = a.atime;
    st->st_mtim = a.mtime;
    st->st_ctim = a.ctime;
}

/* ---- permission checks of our own (NFSv4 ACLs) ---- */

static int check_access(fuse_req_t req, struct zpl_node *n, int mask)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    gid_t groups[256];
    uint32_t ids[256];
    struct zpl_cred cred = {.uid = ctx->uid, .gid = ctx->gid, .groups = ids};
    int got;

    if (!mount_of(req)->own_permission_checks)
        return 0;
    got = fuse_req_getgroups(req, (int)array_len(groups), groups);
    for (int i = 0; i < got && i < (int)array_len(groups); i++)
        ids[cred.ngroups++] = groups[i];
    return zpl_access(n, &cred, mask);
}

/* ---- names ---- */

/* Drops the hold on n. */
static int fill_entry(struct fuse_mount *m, struct zpl_node *n, struct fuse_entry_param *e)
{
    int err;

    memset(e, 0, sizeof(*e));
    fill_stat(m, n, &e->attr);
    err = fuse_nodes_number(&m->nodes, n, &e->ino);
    zpl_node_rele(n);
    e->attr_timeout = FUSE_FOREVER;
    e->entry_timeout = m->entry_timeout;
    return err;
}

static void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_mount *m = mount_of(req);
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *dir = hold(req, parent);
    struct zpl_node *n;
    struct fuse_entry_param e;
    int err;

    if (dir == NULL)
        return;
    err = check_access(req, dir, X_OK);
    if (err == 0)
        err = fuse_nodes_lookup(&m->nodes, dir, name, &n);
    if (err == ZE_NOENT) {
        memset(&e, 0, sizeof(e));
        e.entry_timeout = zpl_is_ctldir(dir) ? 0 : m->entry_timeout;
        fuse_reply_entry(req, &e);
        return;
    }
    if (err == 0)
        err = fill_entry(m, n, &e);
    if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_entry(req, &e);
}

static void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    struct stat st;

    if (n == NULL)
        return;
    fill_stat(mount_of(req), n, &st);
    fuse_reply_attr(req, &st, FUSE_FOREVER);
}

static void fs_readlink(fuse_req_t req, fuse_ino_t ino)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    char target[4096 + 1];
    size_t got;
    int err;

    if (n == NULL)
        return;
    err = zpl_readlink(n, target, sizeof(target) - 1, &got);

    if (err != 0) {
        fuse_fail(req, err);
        return;
    }
    target[got] = '\0';
    fuse_reply_readlink(req, target);
}

static void fs_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);

    if (n != NULL)
        fuse_fail(req, check_access(req, n, mask));
}

/* ---- directories ---- */

struct dir_filler {
    fuse_req_t req;
    struct fuse_mount *m;
    struct zpl_node *dir;
    char *buf;
    size_t len, used;
    bool plus;
};

static int add_plain(struct dir_filler *d, const struct zpl_dirent *e)
{
    struct stat st = {.st_ino = e->object, .st_mode = (mode_t)e->type << 12};
    size_t size =
        fuse_add_direntry(d->req, d->buf + d->used, d->len - d->used, e->name, &st, (off_t)e->next);

    if (size > d->len - d->used)
        return 1;
    d->used += size;
    return 0;
}

/* An entry whose object cannot be read is listed all the same; reading it will tell. */
static int add_plus(struct dir_filler *d, const struct zpl_dirent *e)
{
    struct fuse_entry_param p = {.attr.st_ino = e->object, .attr.st_mode = (mode_t)e->type << 12};
    size_t size = fuse_add_direntry_plus(d->req, NULL, 0, e->name, NULL, 0);
    struct zpl_node *n;

    if (size > d->len - d->used)
        return 1;
    if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0 && !zpl_is_ctldir(d->dir) &&
        fuse_nodes_lookup(&d->m->nodes, d->dir, e->name, &n) == 0 && fill_entry(d->m, n, &p) != 0)
        memset(&p, 0, sizeof(p));
    (void)fuse_add_direntry_plus(d->req, d->buf + d->used, d->len - d->used, e->name, &p,
                                 (off_t)e->next);
    d->used += size;
    return 0;
}

static int add_entry(void *arg, const struct zpl_dirent *e)
{
    struct dir_filler *d = arg;

    return d->plus ? add_plus(d, e) : add_plain(d, e);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    struct dir_filler d = {.req = req, .m = mount_of(req), .dir = n, .len = size, .plus = plus};
    char *buf AUTO_FREE = malloc(size);
    int err;

    if (n == NULL)
        return;
    err = buf == NULL ? ZE_NOMEM : check_access(req, n, R_OK);

    d.buf = buf;
    if (err == 0)
        err = zpl_readdir(d.dir, (uint64_t)off, add_entry, &d);
    if (err != 0 && d.used == 0)
        fuse_fail(req, err);
    else
        fuse_reply_buf(req, buf, d.used);
}

static void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                       struct fuse_file_info *fi)
{
    list(req, ino, size, off, false);
}

static void fs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                           struct fuse_file_info *fi)
{
    list(req, ino, size, off, true);
}

/* ---- files ---- */

/* ENOSYS means "always fine": the kernel opens files itself from then on and keeps their pages. */
static void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = NULL;
    struct fuse_mount *m = mount_of(req);
    int err;

    if ((fi->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, EROFS);
        return;
    }
    if (!m->own_permission_checks) {
        fuse_reply_err(req, ENOSYS);
        return;
    }
    n = hold(req, ino);
    if (n == NULL)
        return;
    err = check_access(req, n, R_OK);
    fi->keep_cache = 1;
    if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_open(req, fi);
}

static void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct fuse_mount *m = mount_of(req);
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    int err;

    if (n == NULL)
        return;
    if (!m->own_permission_checks && !zpl_is_ctldir(n)) {
        fuse_reply_err(req, ENOSYS);
        return;
    }
    err = check_access(req, n, R_OK);
    if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_open(req, fi);
}

static void reply_copied(fuse_req_t req, struct zpl_node *n, size_t size, off_t off)
{
    char *buf AUTO_FREE = malloc(size);
    size_t got = 0;
    int err = buf == NULL ? ZE_NOMEM : zpl_read(n, (uint64_t)off, buf, size, &got);

    if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_buf(req, buf, got);
}

/* Whole cached blocks go to the kernel from where they are. */
static void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    struct fuse_file_info *fi)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    struct iovec iov[PIN_MAX_BLOCKS];
    unsigned iovcnt = PIN_MAX_BLOCKS;
    struct dmu_pin *pin;
    size_t got;
    int err;

    if (n == NULL)
        return;
    err = zpl_read_pin(n, (uint64_t)off, size, &pin, iov, &iovcnt, &got);

    if (err == ZE_RANGE) {
        reply_copied(req, n, size, off);
        return;
    }
    if (err != 0) {
        fuse_fail(req, err);
        return;
    }
    if (got == 0)
        fuse_reply_buf(req, NULL, 0);
    else
        fuse_reply_iov(req, iov, (int)iovcnt);
    if (pin != NULL)
        dmu_unpin(pin);
}

static void fs_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
                     struct fuse_file_info *fi)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    uint64_t at = (uint64_t)off;
    int err;

    if (n == NULL)
        return;
    if (whence != SEEK_DATA && whence != SEEK_HOLE) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    err = zpl_seek(n, whence == SEEK_HOLE, &at);
    if (err == ZE_NODATA)
        fuse_reply_err(req, ENXIO);
    else if (err != 0)
        fuse_fail(req, err);
    else
        fuse_reply_lseek(req, (off_t)at);
}

static void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    fuse_reply_err(req, ENOSYS);
}

static void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    fuse_reply_err(req, 0);
}

static void fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    struct zpl_statfs s;
    struct statvfs st = {0};
    int err;

    if (n == NULL)
        return;
    err = zpl_statfs(zpl_node_zpl(n), &s);

    if (err != 0) {
        fuse_fail(req, err);
        return;
    }
    st.f_bsize = s.bsize;
    st.f_frsize = s.frsize;
    st.f_blocks = s.blocks;
    st.f_bfree = s.bfree;
    st.f_bavail = s.bavail;
    st.f_files = s.files;
    st.f_ffree = s.ffree;
    st.f_favail = s.ffree;
    st.f_namemax = s.namemax;
    fuse_reply_statfs(req, &st);
}

/* ---- extended attributes ---- */

static void reply_xattr(fuse_req_t req, int err, const char *buf, size_t size, size_t need)
{
    if (err != 0)
        fuse_fail(req, err);
    else if (size == 0)
        fuse_reply_xattr(req, need);
    else
        fuse_reply_buf(req, buf, need);
}

static void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    char *buf AUTO_FREE = size != 0 ? malloc(size) : NULL;
    size_t need = 0;
    int err;

    if (n == NULL)
        return;
    err = size != 0 && buf == NULL ? ZE_NOMEM : zpl_getxattr(n, name, buf, size, &need);
    reply_xattr(req, err, buf, size, need);
}

static void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    READ_GUARD(&mount_of(req)->nodes.lock);
    AUTO_FUSE_NODE struct zpl_node *n = hold(req, ino);
    char *buf AUTO_FREE = size != 0 ? malloc(size) : NULL;
    size_t need = 0;
    int err;

    if (n == NULL)
        return;
    err = size != 0 && buf == NULL ? ZE_NOMEM : zpl_listxattr(n, buf, size, &need);
    reply_xattr(req, err, buf, size, need);
}

/* ---- session ---- */

static void want(struct fuse_conn_info *conn, unsigned cap)
{
    if (conn->capable & cap)
        conn->want |= cap;
}

static void fs_init(void *userdata, struct fuse_conn_info *conn)
{
    struct fuse_mount *m = userdata;

    conn->max_write = FUSE_MAX_IO;
    conn->max_readahead = FUSE_MAX_IO;
    conn->max_background = 64;
    conn->congestion_threshold = 48;
    conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
    want(conn, FUSE_CAP_ASYNC_READ);
    want(conn, FUSE_CAP_PARALLEL_DIROPS);
    want(conn, FUSE_CAP_READDIRPLUS);
    want(conn, FUSE_CAP_READDIRPLUS_AUTO);
    want(conn, FUSE_CAP_CACHE_SYMLINKS);
    if (!m->own_permission_checks) {
        want(conn, FUSE_CAP_NO_OPEN_SUPPORT);
        want(conn, FUSE_CAP_NO_OPENDIR_SUPPORT);
    }
    if (m->posix_acl)
        want(conn, FUSE_CAP_POSIX_ACL);
}

static const struct fuse_lowlevel_ops fs_ops = {
    .init = fs_init,
    .lookup = fs_lookup,
    .getattr = fs_getattr,
    .readlink = fs_readlink,
    .access = fs_access,
    .readdir = fs_readdir,
    .readdirplus = fs_readdirplus,
    .open = fs_open,
    .opendir = fs_opendir,
    .read = fs_read,
    .lseek = fs_lseek,
    .flush = fs_flush,
    .release = fs_release,
    .releasedir = fs_release,
    .statfs = fs_statfs,
    .getxattr = fs_getxattr,
    .listxattr = fs_listxattr,
};

static void close_fs(struct fuse_mount *m)
{
    fuse_nodes_fini(&m->nodes);
    zpl_unmount(m->z);
}

int fuse_mount_fs(struct zpl *z, const struct fuse_mount_options *opt, void (*gone)(void *arg),
                  void *arg, struct fuse_mount **out)
{
    struct fuse_mount *m = mem_zalloc(sizeof(*m));
    struct zpl_node *root;
    int err;

    if (m == NULL) {
        zpl_unmount(z);
        return ZE_NOMEM;
    }
    m->z = z;
    m->close = close_fs;
    m->gone = gone;
    m->gone_arg = arg;
    m->own_permission_checks = opt->own_permission_checks;
    m->posix_acl = opt->posix_acl && !opt->own_permission_checks;
    m->entry_timeout = opt->own_permission_checks ? 0 : FUSE_FOREVER;
    err = fuse_nodes_init(&m->nodes, z);
    err = err != 0 ? err : zpl_root(z, &root);
    if (err == 0) {
        m->nodes.root_object = zpl_node_object(root);
        zpl_node_rele(root);
    }
    if (err != 0) {
        close_fs(m);
        free(m);
        return err;
    }
    err = fuse_mount_run(m, &fs_ops, sizeof(fs_ops), opt, !opt->own_permission_checks);
    if (err == 0)
        *out = m;
    return err;
}
