/* SPDX-License-Identifier: MIT */
/*
 * zuse cp: a file or a tree out of a dataset, with modes, owners (as root), times, hard links,
 * symbolic links, special files (as root) and extended attributes. Names come from the pool, which
 * nobody vouches for: every directory on the way is opened without following links, below the
 * destination only.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/zuse_cmd.h"

#define NAME_LIMIT 255 /* what Linux file systems take */

struct linked {
    uint64_t object;
    const char *path; /* the first name that was copied */
};
struct copier {
    struct cli *cli;
    const char *dataset, *source; /* path in the dataset */
    int root;                     /* directory that paths of items are relative to */
    struct linked *link;
    size_t nlinks, link_cap;
    int status;
};

static void complain(struct copier *c, const char *path, const char *why)
{
    cli_progress_end();
    fprintf(stderr, "zuse: %s: %s\n", path, why);
    c->status = CLI_FAILED;
}

/* ---- names ---- */

/* Directory that holds path's last component, which *last gets. Negative: errno. */
static int open_parent(int root, const char *path, const char **last)
{
    int fd = dup(root);

    while (fd >= 0) {
        size_t len = strcspn(path, "/");
        char part[NAME_LIMIT + 1];
        int next;

        if (len == 0 || len > NAME_LIMIT || (len == 1 && path[0] == '.') ||
            (len == 2 && memcmp(path, "..", 2) == 0)) {
            close(fd);
            errno = EINVAL;
            return -1;
        }
        if (path[len] == '\0') {
            *last = path;
            return fd;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(fd);
        fd = next;
        path += len + 1;
    }
    return -1;
}

/* ---- attributes ---- */

static void set_xattrs(struct copier *c, const struct nvlist *item, const char *path,
                       const char *proc)
{
    const struct nvlist *xattrs = nvlist_child(item, "xattrs");
    const struct nvpair *p = NULL;

    while (xattrs != NULL && (p = nvlist_next(xattrs, p)) != NULL) {
        const void *value;
        size_t len;

        if (nvpair_bytes(p, &value, &len) != 0 ||
            lsetxattr(proc, nvpair_name(p), value, len, 0) == 0)
            continue;
        if (errno != ENOTSUP && errno != EPERM)
            complain(c, path, strerror(errno));
        else
            fprintf(stderr, "zuse: %s: attribute '%s' is not kept: %s\n", path, nvpair_name(p),
                    strerror(errno));
    }
}

static int64_t signed_of(const struct nvlist *item, const char *name)
{
    int64_t v = 0;

    (void)nvlist_lookup_i64(item, name, &v);
    return v;
}

static void set_attributes(struct copier *c, const struct nvlist *item, int dir, const char *name,
                           const char *path)
{
    struct timespec times[2] = {
        {.tv_sec = (time_t)signed_of(item, "atime"), .tv_nsec = (long)signed_of(item, "atime_ns")},
        {.tv_sec = (time_t)signed_of(item, "mtime"), .tv_nsec = (long)signed_of(item, "mtime_ns")},
    };
    mode_t mode = (mode_t)nvlist_u64(item, "mode", 0);
    char proc[64 + NAME_LIMIT];

    snprintf(proc, sizeof(proc), "/proc/self/fd/%d/%s", dir, name);
    if (geteuid() == 0 && fchownat(dir, name, (uid_t)nvlist_u64(item, "uid", 0),
                                   (gid_t)nvlist_u64(item, "gid", 0), AT_SYMLINK_NOFOLLOW) != 0)
        complain(c, path, strerror(errno));
    set_xattrs(c, item, path, proc);
    if (!S_ISLNK(mode) && fchmodat(dir, name, mode & 07777, 0) != 0)
        complain(c, path, strerror(errno));
    if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) != 0)
        complain(c, path, strerror(errno));
}

/* ---- entries ---- */

static int copy_data(struct copier *c, const char *path, int fd)
{
    struct zuse_callbacks cb = {.progress = cli_progress, .arg = c->cli, .fd = fd};
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *slash = c->source[0] != '\0' && path[0] != '\0' ? "/" : "";
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_string(args, "dataset", c->dataset);
    err = err != 0 ? err : nvlist_add_stringf(args, "path", "%s%s%s", c->source, slash, path);
    err = err != 0 ? err : nvlist_add_bool(args, "sparse", true);
    err = err != 0 ? err : zuse_call(c->cli->z, "file_read", args, NULL, &cb);
    cli_progress_end();
    return err;
}

/* True: made as a link to a name copied before. */
static bool link_earlier(struct copier *c, const struct nvlist *item, int dir, const char *name,
                         const char *path)
{
    uint64_t object = nvlist_u64(item, "object", 0);

    if (nvlist_u64(item, "nlink", 1) < 2)
        return false;
    for (size_t i = 0; i < c->nlinks; i++) {
        const char *last;
        int from, made;

        if (c->link[i].object != object)
            continue;
        from = open_parent(c->root, c->link[i].path, &last);
        made = from < 0 ? -1 : linkat(from, last, dir, name, 0);
        if (made != 0)
            complain(c, path, strerror(errno));
        if (from >= 0)
            close(from);
        return true;
    }
    if (c->nlinks == c->link_cap) {
        size_t cap = c->link_cap == 0 ? 64 : 2 * c->link_cap;
        struct linked *more = reallocarray(c->link, cap, sizeof(*more));

        if (more == NULL)
            return false;
        c->link = more;
        c->link_cap = cap;
    }
    c->link[c->nlinks++] = (struct linked){object, path};
    return false;
}

static void make_file(struct copier *c, int dir, const char *name, const char *in_source,
                      const char *path)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        complain(c, path, strerror(errno));
        return;
    }
    if (copy_data(c, in_source, fd) != 0)
        complain(c, path, zuse_error_text(c->cli->z));
    if (close(fd) != 0)
        complain(c, path, strerror(errno));
}

/* name below dir; in_source: its path below the copied one. Directories get their attributes at the
 * end. */
static void make_entry(struct copier *c, const struct nvlist *item, int dir, const char *name,
                       const char *in_source, const char *path)
{
    mode_t mode = (mode_t)nvlist_u64(item, "mode", 0);
    int made = 0;

    if (S_ISDIR(mode)) {
        if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
            complain(c, path, strerror(errno));
        return;
    }
    if (link_earlier(c, item, dir, name, path))
        return;
    if (S_ISREG(mode))
        make_file(c, dir, name, in_source, path);
    else if (S_ISLNK(mode))
        made = symlinkat(nvlist_string(item, "target", ""), dir, name);
    else
        made = mknodat(dir, name, (mode & S_IFMT) | 0600, (dev_t)nvlist_u64(item, "rdev", 0));
    if (made != 0)
        complain(c, path, strerror(errno));
    else
        set_attributes(c, item, dir, name, path);
}

static void each_item(struct copier *c, const struct cli_items *items, bool directories)
{
    for (size_t k = 0; k < items->n; k++) {
        const struct nvlist *item = items->item[directories ? items->n - 1 - k : k];
        const char *path = nvlist_string(item, "path", ""), *last = path;
        bool is_dir = S_ISDIR((mode_t)nvlist_u64(item, "mode", 0));
        int dir;

        if (directories && !is_dir)
            continue;
        dir = open_parent(c->root, path, &last);
        if (dir < 0) {
            complain(c, path, strerror(errno));
            continue;
        }
        if (directories)
            set_attributes(c, item, dir, last, path);
        else
            make_entry(c, item, dir, last, path, path);
        close(dir);
    }
}

static int copy_tree(struct copier *c, struct nvlist *args, const struct nvlist *top,
                     const char *dest)
{
    struct cli_items items = {0};
    int err;

    if (mkdir(dest, 0700) != 0 && errno != EEXIST) {
        complain(c, dest, strerror(errno));
        return c->status;
    }
    c->root = open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->root < 0) {
        complain(c, dest, strerror(errno));
        return c->status;
    }
    err = nvlist_add_bool(args, "recursive", true);
    err = err != 0 ? err : nvlist_add_bool(args, "xattrs", true);
    err = err != 0 ? err : cli_call_items(c->cli, "file_list", args, &items);
    if (err != 0)
        complain(c, c->dataset, zuse_error_text(c->cli->z));
    each_item(c, &items, false);
    each_item(c, &items, true);
    set_attributes(c, top, c->root, ".", dest);
    cli_items_free(&items);
    return c->status;
}

static int copy_one(struct copier *c, const struct nvlist *top, const char *dest)
{
    char *where AUTO_FREE = mem_strdup(dest), *copy AUTO_FREE = mem_strdup(dest);
    const char *name = copy == NULL ? NULL : basename(copy);

    c->root = where == NULL || name == NULL
                  ? -1
                  : open(dirname(where), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->root < 0)
        complain(c, dest, strerror(errno));
    else
        make_entry(c, top, c->root, name, "", dest);
    return c->status;
}

int zuse_cp(struct cli *cli, const char *dataset, const char *path, const char *dest,
            bool recursive)
{
    struct copier c = {.cli = cli, .dataset = dataset, .source = path, .root = -1};
    AUTO_NVLIST struct nvlist *args = NULL, *top = NULL;
    char *into AUTO_FREE = NULL, *copy AUTO_FREE = mem_strdup(path);
    const char *base = copy == NULL ? "" : basename(copy);
    struct stat st;
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_string(args, "dataset", dataset);
    err = err != 0 ? err : nvlist_add_string(args, "path", path);
    err = err != 0 ? err : zuse_call(cli->z, "file_stat", args, &top, NULL);
    if (err != 0) {
        fprintf(stderr, "zuse: %s: %s\n", dataset, zuse_error_text(cli->z));
        return CLI_FAILED;
    }
    if (S_ISDIR((mode_t)nvlist_u64(top, "mode", 0)) && !recursive) {
        fprintf(stderr, "zuse: %s is a directory (not copied without -R)\n", path);
        return CLI_FAILED;
    }
    if (stat(dest, &st) == 0 && S_ISDIR(st.st_mode) && base[0] != '\0' && base[0] != '/' &&
        base[0] != '.' && asprintf(&into, "%s/%s", dest, base) > 0)
        dest = into;
    if (S_ISDIR((mode_t)nvlist_u64(top, "mode", 0)))
        (void)copy_tree(&c, args, top, dest);
    else
        (void)copy_one(&c, top, dest);
    if (c.root >= 0)
        close(c.root);
    free(c.link);
    return c.status;
}
