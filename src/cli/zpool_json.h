/* SPDX-License-Identifier: MIT */
/* JSON of zpool list, get and status (format/raid.md 17.7). Callers: zpool_*.c. */
#ifndef ZUSE_CLI_ZPOOL_JSON_H
#define ZUSE_CLI_ZPOOL_JSON_H

#include "cli/zpool_cli.h"

struct zpool_json_options {
    bool on, literal, as_int, flat, key_guid;
    const char *pool; /* set while a pool is written: what the root vdev is called */
};
/* name, type, state, pool_guid, txg, versions of one pool_list / pool_config item. */
json_t *zpool_json_pool(const struct nvlist *item, const struct zpool_json_options *o);
/* name, vdev_type, guid, paths, class, state of a vdev. */
json_t *zpool_json_vdev_head(const struct nvlist *vd, const char *name, const char *class,
                             const struct zpool_json_options *o);
/* scan_stats, removal_stats, checkpoint_stats, raidz_expand_stats (zpool_json_stats.c). */
void zpool_json_stats(json_t *pool, const struct nvlist *root, const struct zpool_json_options *o,
                      unsigned name_flags);
void zpool_json_status(struct cli *cli, const struct cli_items *items,
                       const struct zpool_json_options *o, unsigned name_flags);

#endif
