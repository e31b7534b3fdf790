/* SPDX-License-Identifier: MIT */
/*
 * The ceiling for mounted reads: a FUSE file system that does nothing. One directory with one file
 * of SIZE bytes of zeros, served from one static buffer through the same low-level interface and
 * options that zuse uses, and with -c without keeping pages, so that every read arrives.
 *
 * usage: nullfs MOUNTPOINT SIZE
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

#define FILE_INO 2
#define MAX_IO   (1u << 20)

static char zeros[MAX_IO];
static off_t file_size;

static void fill(fuse_ino_t ino, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    st->st_ino = ino;
    st->st_mode = ino == FILE_INO ? S_IFREG | 0444 : S_IFDIR | 0755;
    st->st_nlink = 1;
    st->st_size = ino == FILE_INO ? file_size : 0;
}

static void null_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param e = {.ino = FILE_INO, .attr_timeout = 3600, .entry_timeout = 3600};

    (void)parent;
    if (strcmp(name, "file") != 0) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    fill(FILE_INO, &e.attr);
    fuse_reply_entry(req, &e);
}

static void null_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st;

    (void)fi;
    fill(ino, &st);
    fuse_reply_attr(req, &st, 3600);
}

static void null_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    fuse_reply_err(req, ENOSYS);
}

static void null_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                      struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    if (off >= file_size)
        size = 0;
    else if (size > (size_t)(file_size - off))
        size = (size_t)(file_size - off);
    fuse_reply_buf(req, zeros, size < MAX_IO ? size : MAX_IO);
}

static void null_init(void *userdata, struct fuse_conn_info *conn)
{
    (void)userdata;
    conn->max_write = MAX_IO;
    conn->max_readahead = MAX_IO;
    conn->max_background = 64;
    if (conn->capable & FUSE_CAP_NO_OPEN_SUPPORT)
        conn->want |= FUSE_CAP_NO_OPEN_SUPPORT;
}

static const struct fuse_lowlevel_ops ops = {.init = null_init,
                                             .lookup = null_lookup,
                                             .getattr = null_getattr,
                                             .open = null_open,
                                             .read = null_read};

int main(int argc, char **argv)
{
    char *fuse_argv[] = {argv[0], (char *)"-o", (char *)"ro,fsname=nullfs,default_permissions",
                         NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, fuse_argv);
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    struct fuse_session *se;

    if (argc != 3 || config == NULL)
        return 2;
    file_size = (off_t)strtoull(argv[2], NULL, 10);
    se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
    if (se == NULL || fuse_set_signal_handlers(se) != 0 || fuse_session_mount(se, argv[1]) != 0)
        return 1;
    fuse_loop_cfg_set_clone_fd(config, 1);
    fuse_session_loop_mt(se, config);
    fuse_session_unmount(se);
    fuse_remove_signal_handlers(se);
    fuse_session_destroy(se);
    return 0;
}
