/* SPDX-License-Identifier: MIT */
/* Usage texts as data, shared by zpool and zfs. Callers: zfs_main.c, zpool_main.c and their
 * commands. */
#ifndef ZUSE_CLI_USAGE_H
#define ZUSE_CLI_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct usage_entry {
    const char *name;
    bool gap;         /* an empty line follows in the list of all commands */
    const char *text; /* synopsis lines with their tabs */
};
extern const struct usage_entry zfs_usage[], zpool_usage[]; /* end with a NULL name */

/* All commands (name NULL) or one; returns the exit status 2, or 0 when out is stdout (asked for).
 */
int zfs_usage_print(FILE *out, const char *name);
int zpool_usage_print(FILE *out, const char *name);

#endif
