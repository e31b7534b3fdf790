/* SPDX-License-Identifier: MIT */
/* The file commands of zuse(8), over the operations file_list, file_stat and file_read. Callers:
 * zuse_main.c. */
#ifndef ZUSE_CLI_ZUSE_CMD_H
#define ZUSE_CLI_ZUSE_CMD_H

#include "cli/cli.h"

struct zuse_ls_options {
    bool longs, recursive;
};
/* args: dataset, path. 0 or an error of the call. */
int zuse_ls(struct cli *cli, struct nvlist *args, const struct zuse_ls_options *o);
/* Copy out a file or (recursive) a tree with modes, owners (as root), times, links and xattrs. Exit
 * status. */
int zuse_cp(struct cli *cli, const char *dataset, const char *path, const char *dest,
            bool recursive);
/* A pax archive with xattrs, hard links and sparse files to fd. Exit status. */
int zuse_tar(struct cli *cli, const char *dataset, const char *path, int fd);

#endif
