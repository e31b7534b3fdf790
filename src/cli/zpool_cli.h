/* SPDX-License-Identifier: MIT */
/*
 * The zpool command's own parts. Commands work on the configuration that the service gives
 * (docs/service.md, "pool_config"; pool/config.h says what is in it). Callers: zpool_*.c.
 */
#ifndef ZUSE_CLI_ZPOOL_CLI_H
#define ZUSE_CLI_ZPOOL_CLI_H

#include "cli/cli.h"
#include "cli/usage.h"
#include "vdev/vdev_stats.h"

/* ---- vdevs (zpool_vdev.c) ---- */
enum vdev_name_flags {
    VDEV_NAME_GUID = 1 << 0,   /* -g */
    VDEV_NAME_FOLLOW = 1 << 1, /* -L */
    VDEV_NAME_PATH = 1 << 2,   /* -P */
    VDEV_NAME_NO_ID = 1 << 3,  /* without "-0" */
};
void zpool_vdev_name(const struct nvlist *vd, unsigned flags, char *buf, size_t len);
struct nvlist *const *zpool_children(const struct nvlist *vd, const char *key,
                                     size_t *n); /* "children", "spares", "l2cache" */
uint64_t zpool_stat(const struct nvlist *vd, enum vdev_stat index);
bool zpool_vdev_is_type(const struct nvlist *vd, const char *type);
const char *zpool_state_text(uint64_t state, uint64_t aux);
/* "log", "special", "dedup" or "" for a top-level vdev. */
const char *zpool_vdev_class(const struct nvlist *vd);
/* Longest "indent + name" of the tree, at least 10. */
size_t zpool_name_width(const struct nvlist *vd, unsigned flags, size_t depth, size_t width);

/* ---- why a pool is not well (zpool_reason.c) ---- */
struct zpool_reason {
    const char *status, *action; /* NULL: nothing to say */
    const char *message_id;      /* "2Q" or NULL */
    bool problem;                /* shown by status -x */
};
void zpool_reason_find(const struct nvlist *item, bool import, struct zpool_reason *out);

/* The rows of a config section: status and import. */
struct zpool_rows_options {
    unsigned name_flags;
    bool slow, power, dio, trim, init, errors_only, import;
};
void zpool_rows_print(const struct nvlist *root, const char *pool,
                      const struct zpool_rows_options *o);
/* "  scan: ..." lines, remove, checkpoint, expand. */
void zpool_scan_print(const struct nvlist *root, unsigned name_flags);

int zpool_cannot(struct cli *cli, const char *action, const char *name, int err);
char *zpool_duration(uint64_t seconds, char *buf); /* 00:00:01, "2 days 00:00:01" */

/* ---- shared (zpool_util.c) ---- */
bool zpool_exists(struct cli *cli, const char *name);
bool zpool_date_check(const char *arg); /* is it "d" or "u" (-T) */
void zpool_date_print(char how);
struct zpool_interval {
    double seconds; /* 0: once */
    unsigned long count, done;
};
/* Takes "interval [count]" off the end of the arguments; false after a message. */
bool zpool_interval_take(struct zpool_interval *every, int *argc, char **argv);
bool zpool_interval_next(struct zpool_interval *every); /* waits; false: that was the last report */

/* Says that the action does not work yet, or that there is no such pool. Returns 1. */
int zpool_not_yet(struct cli *cli, const char *action, const char *pool);
/* Commands that change pools (zpool_write.c). False: it is none of them. */
bool zpool_write_command(struct cli *cli, int argc, char **argv, int *status);

/* pool_list items of the named pools (n == 0: all); says what it cannot open. Exit status. */
int zpool_fetch(struct cli *cli, int n, char **names, struct cli_items *items);
int zpool_list(struct cli *cli, int argc, char **argv);
int zpool_status(struct cli *cli, int argc, char **argv);
int zpool_import(struct cli *cli, int argc, char **argv);
int zpool_export(struct cli *cli, int argc, char **argv);
int zpool_get(struct cli *cli, int argc, char **argv);
int zpool_history(struct cli *cli, int argc, char **argv);
int zpool_events(struct cli *cli, int argc, char **argv);
int zpool_labelclear(struct cli *cli, int argc, char **argv);
int zpool_iostat(struct cli *cli, int argc, char **argv);
int zpool_upgrade(struct cli *cli, int argc, char **argv);
int zpool_set(struct cli *cli, int argc, char **argv);
int zpool_sync(struct cli *cli, int argc, char **argv);
int zpool_wait(struct cli *cli, int argc, char **argv);
int zpool_reopen(struct cli *cli, int argc, char **argv);

#endif
