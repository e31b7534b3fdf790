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
    char source[512];   /* as the SOURCE column shows it */
    char received[8192]; /* "-" if none */
    const char *source_type; /* NONE DEFAULT LOCAL INHERITED RECEIVED TEMPORARY */
    char source_data[512];   /* JSON: dataset for inherited, else "-" */
    bool set;           /* there is a value */
};
/*
 * What prop shows for a dataset_list item. literal: -p. A property that has no value gives "-".
 */
void zfs_value_get(const struct nvlist *item, const char *prop, bool literal, struct zfs_value *out);
/* Column header: NAME, or the user property's name in upper case. */
void zfs_prop_header(const char *prop, char *buf, size_t len);
bool zfs_prop_right_aligned(const char *prop);
/* Full native name of a name or alias, or the name itself for user and virtual properties; NULL: no such. */
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

int zfs_list(struct cli *cli, int argc, char **argv);

#endif
