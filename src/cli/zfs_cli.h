/* SPDX-License-Identifier: MIT */
/* The zfs command's own parts: one function a command, and what they share. Callers: zfs_*.c. */
#ifndef ZUSE_CLI_ZFS_CLI_H
#define ZUSE_CLI_ZFS_CLI_H

#include "cli/cli.h"
#include "cli/usage.h"
#include "dsl/prop_table.h"

/* ---- values (zfs_value.c) ---- */
struct zfs_value {
    char text[8192];
    char source[512];        /* as the SOURCE column shows it */
    char received[8192];     /* "-" if none */
    const char *source_type; /* NONE DEFAULT LOCAL INHERITED RECEIVED TEMPORARY */
    char source_data[512];   /* JSON: dataset for inherited, else "-" */
    bool set;                /* there is a value */
};
/*
 * What prop shows for a dataset_list item. literal: -p. A property that has no value gives "-".
 */
void zfs_value_get(const struct nvlist *item, const char *prop, bool literal,
                   struct zfs_value *out);
/* Column header: NAME, or the user property's name in upper case. */
void zfs_prop_header(const char *prop, char *buf, size_t len);
bool zfs_prop_right_aligned(const char *prop);
/* Full native name of a name or alias, or the name itself for user and virtual properties; NULL: no
 * such. */
const char *zfs_prop_canonical(const char *name);
/* Does a property of this name apply to the type (enum dataset_kind)? */
bool zfs_prop_applies(const char *prop, uint64_t type);

/* ---- datasets ---- */
#define ZFS_TYPE_DATASETS 7u /* file systems, snapshots, volumes */
/* "filesystem,snap,..." to bits; false after printing "invalid type 'x'". */
bool zfs_types_parse(char *text, uint64_t *types);
const char *zfs_type_name(uint64_t type);
/* Prints "cannot open 'X': dataset does not exist" and the like; returns 1. */
int zfs_cannot(struct cli *cli, const char *action, const char *name, int err);

/* {"value":..., "source":{...}} */
json_t *zfs_json_value(const struct zfs_value *v, const char *prop, bool as_int);
/* name, type, pool, createtxg of a dataset_list item. */
json_t *zfs_json_dataset(const struct nvlist *item, bool as_int);

/* ---- order (zfs_order.c) ---- */
struct zfs_sort_key {
    const char *prop;
    bool descending;
};
struct zfs_sort {
    struct zfs_sort_key key[32];
    size_t n;
};
/* Sorts, the default rule deciding ties, and drops what is there twice. */
int zfs_items_order(struct cli_items *items, const struct zfs_sort *sort);

/* ---- naming datasets (zfs_main.c) ---- */
/*
 * Dataset name of what the user typed: itself, or for a path (it begins with '/' or '.') the file
 * system mounted there. False after printing why not.
 */
bool zfs_name_of(struct cli *cli, const char *arg, char *name, size_t len);
/* Is it a dataset (snapshot...) name? False after printing "cannot ACTION 'X': ...". */
bool zfs_name_check(const char *action, const char *name);
/* Append the items of `dataset_list`; root NULL: of all pools. props NULL: all. depth UINT64_MAX:
 * all below. */
int zfs_collect(struct cli *cli, const char *root, uint64_t types, uint64_t depth,
                const char *const *props, size_t nprops, struct cli_items *all);
/* One dataset's item; NULL after printing "cannot open 'X': ...". types: which kinds will do. */
struct nvlist *zfs_open(struct cli *cli, const char *name, uint64_t types, const char *const *props,
                        size_t nprops);
/* Width that a property's column has at least. */
size_t zfs_prop_width(const char *prop);
/* Message (if any) and the usage text of the command; exit status 2. */
int zfs_usage_error(const char *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- commands ---- */
int zfs_list(struct cli *cli, int argc, char **argv);
int zfs_get(struct cli *cli, int argc, char **argv);
int zfs_mount(struct cli *cli, int argc, char **argv);
int zfs_unmount(struct cli *cli, int argc, char **argv);
int zfs_load_key(struct cli *cli, int argc, char **argv);
int zfs_unload_key(struct cli *cli, int argc, char **argv);
int zfs_userspace(struct cli *cli, int argc, char **argv);
int zfs_groupspace(struct cli *cli, int argc, char **argv);
int zfs_projectspace(struct cli *cli, int argc, char **argv);
int zfs_holds(struct cli *cli, int argc, char **argv);
int zfs_allow(struct cli *cli, int argc, char **argv);
int zfs_unallow(struct cli *cli, int argc, char **argv);
int zfs_diff(struct cli *cli, int argc, char **argv);
int zfs_version(struct cli *cli, int argc, char **argv);
int zfs_upgrade(struct cli *cli, int argc, char **argv);
/* Commands that change pools: options and their errors, then "not supported yet" (zfs_write.c).
 * False: no such. */
bool zfs_write_command(struct cli *cli, int argc, char **argv, int *status);

#endif
