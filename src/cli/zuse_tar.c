/* SPDX-License-Identifier: MIT */
/* zuse tar: a pax archive of a tree, written by libarchive; without it the command says so. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/zuse_cmd.h"

#ifndef HAVE_ARCHIVE

int zuse_tar(struct cli *cli, const char *dataset, const char *path, int fd)
{
    fprintf(stderr, "zuse: tar: this zuse was built without libarchive\n");
    return CLI_FAILED;
}

#else

#include <archive.h>
#include <archive_entry.h>

#define CHUNK (8u << 20) /* of a file that is held in memory at a time */

struct archiver {
    struct cli *cli;
    const char *dataset, *source;
    struct archive *a;
    struct archive_entry_linkresolver *links;
    int window; /* memfd that file_read writes to */
    int status;
};

static void complain(struct archiver *t, const char *path, const char *why)
{
    fprintf(stderr, "zuse: %s: %s\n", path, why);
    t->status = CLI_FAILED;
}

static int64_t signed_of(const struct nvlist *item, const char *name)
{
    int64_t v = 0;

    (void)nvlist_lookup_i64(item, name, &v);
    return v;
}

static void add_xattrs(struct archive_entry *e, const struct nvlist *item)
{
    const struct nvlist *xattrs = nvlist_child(item, "xattrs");
    const struct nvpair *p = NULL;

    while (xattrs != NULL && (p = nvlist_next(xattrs, p)) != NULL) {
        const void *value;
        size_t len;

        if (nvpair_bytes(p, &value, &len) == 0)
            archive_entry_xattr_add_entry(e, nvpair_name(p), value, len);
    }
}

static struct archive_entry *entry_of(const struct nvlist *item, const char *path)
{
    struct archive_entry *e = archive_entry_new();
    mode_t mode = (mode_t)nvlist_u64(item, "mode", 0);

    archive_entry_set_pathname(e, path);
    archive_entry_set_mode(e, mode);
    archive_entry_set_uid(e, (la_int64_t)nvlist_u64(item, "uid", 0));
    archive_entry_set_gid(e, (la_int64_t)nvlist_u64(item, "gid", 0));
    archive_entry_set_size(e, S_ISREG(mode) ? (la_int64_t)nvlist_u64(item, "size", 0) : 0);
    archive_entry_set_ino64(e, (la_int64_t)nvlist_u64(item, "object", 0));
    archive_entry_set_nlink(e, (unsigned)nvlist_u64(item, "nlink", 1));
    archive_entry_set_mtime(e, (time_t)signed_of(item, "mtime"), (long)signed_of(item, "mtime_ns"));
    archive_entry_set_atime(e, (time_t)signed_of(item, "atime"), (long)signed_of(item, "atime_ns"));
    archive_entry_set_ctime(e, (time_t)signed_of(item, "ctime"), (long)signed_of(item, "ctime_ns"));
    if (S_ISLNK(mode))
        archive_entry_set_symlink(e, nvlist_string(item, "target", ""));
    if (S_ISCHR(mode) || S_ISBLK(mode))
        archive_entry_set_rdev(e, (dev_t)nvlist_u64(item, "rdev", 0));
    add_xattrs(e, item);
    return e;
}

/* The next part of a file into the window. */
static int fetch(struct archiver *t, const char *path, uint64_t off, uint64_t len)
{
    struct zuse_callbacks cb = {.fd = t->window};
    AUTO_NVLIST struct nvlist *args = NULL;
    int err = nvlist_create(&args);

    if (lseek(t->window, 0, SEEK_SET) != 0)
        return err_from_errno(errno, "lseek");
    err = err != 0 ? err : nvlist_add_string(args, "dataset", t->dataset);
    err = err != 0 ? err : nvlist_add_stringf(args, "path", "%s/%s", t->source, path);
    err = err != 0 ? err : nvlist_add_u64(args, "offset", off);
    err = err != 0 ? err : nvlist_add_u64(args, "length", len);
    return err != 0 ? err : zuse_call(t->cli->z, "file_read", args, NULL, &cb);
}

static void write_data(struct archiver *t, const char *path, uint64_t size)
{
    char *buf AUTO_FREE = mem_zalloc(CHUNK);

    for (uint64_t off = 0; buf != NULL && off < size; off += CHUNK) {
        uint64_t len = min_of((uint64_t)CHUNK, size - off);

        if (fetch(t, path, off, len) != 0) {
            complain(t, path, zuse_error_text(t->cli->z));
            return; /* libarchive pads with zeros */
        }
        if (pread(t->window, buf, len, 0) != (ssize_t)len ||
            archive_write_data(t->a, buf, len) < 0) {
            complain(t, path,
                     archive_error_string(t->a) != NULL ? archive_error_string(t->a)
                                                        : "short read");
            return;
        }
    }
}

static bool write_item(struct archiver *t, const struct nvlist *item, const char *path)
{
    struct archive_entry *e = entry_of(item, path), *later = NULL;
    bool regular = S_ISREG((mode_t)nvlist_u64(item, "mode", 0)), ok;

    if ((nvlist_u64(item, "mode", 0) & S_IFMT) == S_IFSOCK) {
        archive_entry_free(e);
        fprintf(stderr, "zuse: %s: socket is left out\n", path);
        return true;
    }
    archive_entry_linkify(t->links, &e, &later);
    ok = archive_write_header(t->a, e) >= ARCHIVE_WARN;
    if (!ok)
        complain(t, path, archive_error_string(t->a));
    else if (regular && archive_entry_hardlink(e) == NULL)
        write_data(t, path, nvlist_u64(item, "size", 0));
    archive_entry_free(e);
    archive_entry_free(later);
    return ok;
}

static int write_tree(struct archiver *t)
{
    AUTO_NVLIST struct nvlist *args = NULL, *top = NULL;
    struct cli_items items = {0};
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_string(args, "dataset", t->dataset);
    err = err != 0 ? err : nvlist_add_string(args, "path", t->source);
    err = err != 0 ? err : nvlist_add_bool(args, "recursive", true);
    err = err != 0 ? err : nvlist_add_bool(args, "xattrs", true);
    err = err != 0 ? err : zuse_call(t->cli->z, "file_stat", args, &top, NULL);
    if (err == 0 && S_ISDIR((mode_t)nvlist_u64(top, "mode", 0)))
        err = cli_call_items(t->cli, "file_list", args, &items);
    if (err != 0) {
        complain(t, t->dataset, zuse_error_text(t->cli->z));
        return t->status;
    }
    (void)write_item(t, top, ".");
    for (size_t i = 0; i < items.n; i++) {
        if (!write_item(t, items.item[i], nvlist_string(items.item[i], "path", "")))
            break;
        if (i % 64 == 0)
            cli_progress(t->cli, "archiving", i, items.n, "files");
    }
    cli_progress_end();
    cli_items_free(&items);
    return t->status;
}

int zuse_tar(struct cli *cli, const char *dataset, const char *path, int fd)
{
    struct archiver t = {.cli = cli, .dataset = dataset, .source = path};

    t.window = memfd_create("zuse-tar", MFD_CLOEXEC);
    t.a = archive_write_new();
    t.links = archive_entry_linkresolver_new();
    if (t.window < 0 || t.a == NULL || t.links == NULL) {
        complain(&t, "tar", strerror(errno));
    } else {
        archive_entry_linkresolver_set_strategy(t.links, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
        archive_write_set_format_pax(t.a);
        archive_write_add_filter_none(t.a);
        if (archive_write_open_fd(t.a, fd) != ARCHIVE_OK || write_tree(&t) != CLI_OK ||
            archive_write_close(t.a) != ARCHIVE_OK)
            t.status = CLI_FAILED;
    }
    archive_entry_linkresolver_free(t.links);
    archive_write_free(t.a);
    if (t.window >= 0)
        close(t.window);
    return t.status;
}

#endif
