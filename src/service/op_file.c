/* SPDX-License-Identifier: MIT */
/*
 * Operations on files without a mount: list, stat, read. `zuse ls`, `cat`, `cp` and `tar` are made
 * of them. Paths are relative to the dataset's root; ".." and ".zfs" work as on a mount. Symbolic
 * links are not followed.
 */
#include "service/service_impl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/range_tree.h"
#include "zpl/zpl.h"
#include "zvol/zvol.h"

#define READ_CHUNK (1u << 20)

static inline void node_auto_rele(struct zpl_node **n)
{
    if (*n != NULL)
        zpl_node_rele(*n);
}
#define AUTO_ZNODE __attribute__((cleanup(node_auto_rele)))

static int walk(struct zpl *z, const char *path, struct zpl_node **out)
{
    char *copy AUTO_FREE = mem_strdup(path);
    char *save = NULL;
    struct zpl_node *n = NULL;
    int err = copy == NULL ? ZE_NOMEM : zpl_root(z, &n);

    for (char *part = copy == NULL ? NULL : strtok_r(copy, "/", &save); err == 0 && part != NULL;
         part = strtok_r(NULL, "/", &save)) {
        struct zpl_node *next = NULL;

        err = zpl_lookup(n, part, &next);
        zpl_node_rele(n);
        n = next;
    }
    if (err != 0)
        return err_context(err, "'%s': ", path);
    *out = n;
    return 0;
}

static int add_stat(struct nvlist *item, struct zpl_node *n)
{
    struct zpl_attr a;
    char target[4097];
    size_t got;
    int err = zpl_getattr(n, &a);

    err = err != 0 ? err : nvlist_add_u64(item, "object", a.object);
    err = err != 0 ? err : nvlist_add_u64(item, "mode", a.mode);
    err = err != 0 ? err : nvlist_add_u64(item, "nlink", a.nlink);
    err = err != 0 ? err : nvlist_add_u64(item, "uid", a.uid);
    err = err != 0 ? err : nvlist_add_u64(item, "gid", a.gid);
    err = err != 0 ? err : nvlist_add_u64(item, "size", a.size);
    err = err != 0 ? err : nvlist_add_u64(item, "blocks", a.blocks);
    err = err != 0 ? err : nvlist_add_u64(item, "rdev", a.rdev);
    err = err != 0 ? err : nvlist_add_u64(item, "flags", a.pflags);
    err = err != 0 ? err : nvlist_add_u64(item, "project", a.project);
    err = err != 0 ? err : nvlist_add_i64(item, "atime", a.atime.tv_sec);
    err = err != 0 ? err : nvlist_add_i64(item, "atime_ns", a.atime.tv_nsec);
    err = err != 0 ? err : nvlist_add_i64(item, "mtime", a.mtime.tv_sec);
    err = err != 0 ? err : nvlist_add_i64(item, "mtime_ns", a.mtime.tv_nsec);
    err = err != 0 ? err : nvlist_add_i64(item, "ctime", a.ctime.tv_sec);
    err = err != 0 ? err : nvlist_add_i64(item, "ctime_ns", a.ctime.tv_nsec);
    err = err != 0 ? err : nvlist_add_i64(item, "btime", a.btime.tv_sec);
    err = err != 0 ? err : nvlist_add_i64(item, "btime_ns", a.btime.tv_nsec);
    if (err == 0 && (a.mode & 0170000) == 0120000) {
        err = zpl_readlink(n, target, sizeof(target) - 1, &got);
        if (err == 0) {
            target[got] = '\0';
            err = nvlist_add_string(item, "target", target);
        }
    }
    return err;
}

static int add_xattrs(struct nvlist *item, struct zpl_node *n)
{
    AUTO_NVLIST struct nvlist *xattrs = NULL;
    char *names AUTO_FREE = NULL;
    size_t need = 0;
    int err = zpl_listxattr(n, NULL, 0, &need);

    if (err != 0 || need == 0)
        return err;
    names = mem_zalloc(need + 1);
    err = names == NULL ? ZE_NOMEM : zpl_listxattr(n, names, need, &need);
    err = err != 0 ? err : nvlist_create(&xattrs);
    for (char *name = names; err == 0 && name < names + need; name += strlen(name) + 1) {
        uint8_t *value AUTO_FREE = NULL;
        size_t len = 0;

        err = zpl_getxattr(n, name, NULL, 0, &len);
        if (err == 0)
            value = mem_zalloc(len + 1);
        if (err == 0 && value == NULL)
            err = ZE_NOMEM;
        if (err == 0 && len != 0)
            err = zpl_getxattr(n, name, value, len, &len);
        err = err != 0 ? err : nvlist_add_byte_array(xattrs, name, value, len);
    }
    return err != 0 ? err : nvlist_add_nvlist(item, "xattrs", xattrs);
}

/* ---- mounting for one request ---- */

struct file_request {
    struct pool *pool;
    struct dsl_dataset *ds;
    struct zpl *z;
    struct zpl_node *n;
};

static void request_end(struct file_request *r)
{
    if (r->n != NULL)
        zpl_node_rele(r->n);
    if (r->z != NULL)
        zpl_unmount(r->z);
    if (r->ds != NULL)
        dsl_dataset_rele(r->ds);
    if (r->pool != NULL)
        pool_rele(r->pool);
}
#define AUTO_REQUEST __attribute__((cleanup(request_end)))

static int request_begin(struct service *s, const struct nvlist *args, struct file_request *r)
{
    const char *dataset;
    int err = op_arg_string(args, "dataset", &dataset);

    err = err != 0 ? err : service_dataset_hold(s, dataset, &r->pool, &r->ds);
    err = err != 0 ? err : zpl_mount(r->ds, ZPL_MOUNT_SNAPDIR_HIDDEN, &r->z);
    return err != 0 ? err : walk(r->z, nvlist_string(args, "path", "/"), &r->n);
}

static int op_file_stat(struct service *s, struct op_context *ctx, const struct nvlist *args,
                        struct nvlist *result)
{
    AUTO_REQUEST struct file_request r = {0};
    int err = request_begin(s, args, &r);

    err = err != 0 ? err : add_stat(result, r.n);
    return err != 0 ? err : add_xattrs(result, r.n);
}

struct file_lister {
    struct op_context *ctx;
    struct zpl_node *dir;
    struct zpl *z; /* of the directory asked for; snapshots below .zfs have numbers of their own */
    bool recursive, xattrs;
    char prefix[8192]; /* of the directory at hand, "" or "a/b/" */
    unsigned depth;
    struct range_tree *entered; /* object numbers: damage can make directories contain themselves */
};

static int list_entry(void *arg, const struct zpl_dirent *e);

static int list_dir(struct file_lister *l, struct zpl_node *dir)
{
    struct zpl_node *outer = l->dir;
    int err;

    l->dir = dir;
    l->depth++;
    err = zpl_readdir(dir, 0, list_entry, l);
    l->depth--;
    l->dir = outer;
    return err;
}

static int list_below(struct file_lister *l, const char *name, struct zpl_node *n)
{
    size_t at = strlen(l->prefix);
    uint64_t object = zpl_node_object(n);
    int err;

    if (zpl_node_zpl(n) == l->z) {
        err = range_tree_add_new(l->entered, object, 1);
        if (err != 0)
            return err_raise(err == ZE_NOMEM ? err : ZE_CORRUPT,
                             "directory %llu is in '%s' and elsewhere too",
                             (unsigned long long)object, l->prefix);
    }
    if (l->depth > 1024 || at + strlen(name) + 2 > sizeof(l->prefix))
        return err_raise(ZE_NAMETOOLONG, "path below '%s'", l->prefix);
    sprintf(l->prefix + at, "%s/", name);
    err = list_dir(l, n);
    l->prefix[at] = '\0';
    return err;
}

static int list_entry(void *arg, const struct zpl_dirent *e)
{
    struct file_lister *l = arg;
    AUTO_NVLIST struct nvlist *item = NULL;
    AUTO_ZNODE struct zpl_node *n = NULL;
    struct zpl_attr a;
    int err;

    if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
        return 0;
    err = nvlist_create(&item);
    err = err != 0 ? err : nvlist_add_stringf(item, "path", "%s%s", l->prefix, e->name);
    err = err != 0 ? err : zpl_lookup(l->dir, e->name, &n);
    err = err != 0 ? err : add_stat(item, n);
    if (err == 0 && l->xattrs)
        err = add_xattrs(item, n);
    err = err != 0 ? err : op_item(l->ctx, item);
    if (err == 0 && l->recursive && zpl_getattr(n, &a) == 0 && (a.mode & 0170000) == 0040000 &&
        !zpl_is_ctldir(n))
        err = list_below(l, e->name, n);
    return err;
}

static int op_file_list(struct service *s, struct op_context *ctx, const struct nvlist *args,
                        struct nvlist *result)
{
    AUTO_REQUEST struct file_request r = {0};
    struct file_lister *l AUTO_FREE = mem_zalloc(sizeof(*l));
    int err = l == NULL ? ZE_NOMEM : request_begin(s, args, &r);

    if (err != 0)
        return err;
    l->ctx = ctx;
    l->recursive = nvlist_bool(args, "recursive", false);
    l->xattrs = nvlist_bool(args, "xattrs", false);
    l->z = zpl_node_zpl(r.n);
    err = range_tree_create(&l->entered);
    if (err == 0)
        err = range_tree_add(l->entered, zpl_node_object(r.n), 1);
    err = err != 0 ? err : list_dir(l, r.n);
    range_tree_destroy(l->entered);
    return err;
}

/* ---- contents: written to the caller's descriptor ---- */

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_from_errno(errno, "write");
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Zeros become a hole of a fresh regular file. */
static int write_sparse(int fd, const uint8_t *data, size_t len)
{
    if (len == 0 || data[0] != 0 || memcmp(data, data + 1, len - 1) != 0)
        return write_all(fd, data, len);
    return lseek(fd, (off_t)len, SEEK_CUR) < 0 ? err_from_errno(errno, "lseek") : 0;
}

struct source {
    struct zpl_node *n; /* a file, or */
    struct zvol *v;     /* a volume */
    uint64_t size;
};

static int source_read(const struct source *src, uint64_t off, void *buf, size_t len)
{
    size_t got = len;
    int err =
        src->n != NULL ? zpl_read(src->n, off, buf, len, &got) : zvol_read(src->v, off, buf, len);

    if (err == 0 && got != len)
        err = err_raise(ZE_IO, "short read at %llu", (unsigned long long)off);
    return err;
}

static int copy_out(struct op_context *ctx, const struct source *src, const struct nvlist *args,
                    struct nvlist *result)
{
    uint64_t off = nvlist_u64(args, "offset", 0), end = src->size, start = off;
    uint64_t len = nvlist_u64(args, "length", UINT64_MAX);
    uint8_t *buf AUTO_FREE = mem_zalloc(READ_CHUNK);
    bool sparse = nvlist_bool(args, "sparse", false);
    int err = buf == NULL ? ZE_NOMEM : 0;

    if (ctx->fd < 0)
        return err_raise(ZE_INVAL, "no descriptor to write to");
    if (off < end && len < end - off)
        end = off + len;
    while (err == 0 && off < end) {
        size_t n = (size_t)min_of((uint64_t)READ_CHUNK, end - off);

        err = source_read(src, off, buf, n);
        err = err != 0 ? err : sparse ? write_sparse(ctx->fd, buf, n) : write_all(ctx->fd, buf, n);
        off += n;
        if (err == 0 && op_cancelled(ctx))
            err = err_raise(ZE_CANCELED, "the caller ended the operation");
        op_progress(ctx, "reading", off - start, end - start, "bytes");
    }
    if (err == 0 && sparse && ftruncate(ctx->fd, lseek(ctx->fd, 0, SEEK_CUR)) != 0)
        err = err_from_errno(errno, "ftruncate");
    return err != 0 ? err : nvlist_add_u64(result, "bytes", off > start ? off - start : 0);
}

static int read_volume(struct op_context *ctx, struct dsl_dataset *ds, const struct nvlist *args,
                       struct nvlist *result)
{
    struct source src = {0};
    int err = zvol_open(ds, &src.v);

    if (err != 0)
        return err;
    src.size = zvol_size(src.v);
    err = copy_out(ctx, &src, args, result);
    zvol_close(src.v);
    return err;
}

static bool is_volume(struct dsl_dataset *ds)
{
    struct objset *os;

    return dsl_dataset_objset(ds, &os) == 0 && objset_type(os) == OBJSET_TYPE_ZVOL;
}

static int op_file_read(struct service *s, struct op_context *ctx, const struct nvlist *args,
                        struct nvlist *result)
{
    AUTO_REQUEST struct file_request r = {0};
    struct source src = {0};
    struct zpl_attr a;
    const char *dataset;
    int err = op_arg_string(args, "dataset", &dataset);

    err = err != 0 ? err : service_dataset_hold(s, dataset, &r.pool, &r.ds);
    if (err == 0 && is_volume(r.ds))
        return read_volume(ctx, r.ds, args, result);
    err = err != 0 ? err : zpl_mount(r.ds, ZPL_MOUNT_SNAPDIR_HIDDEN, &r.z);
    err = err != 0 ? err : walk(r.z, nvlist_string(args, "path", "/"), &r.n);
    err = err != 0 ? err : zpl_getattr(r.n, &a);
    if (err != 0)
        return err;
    src.n = r.n;
    src.size = a.size;
    return copy_out(ctx, &src, args, result);
}

const struct op ops_file[] = {
    {"file_stat", op_file_stat, 0},
    {"file_list", op_file_list, 0},
    {"file_read", op_file_read, 0},
    {NULL, NULL, 0},
};
