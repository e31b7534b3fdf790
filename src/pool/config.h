/* SPDX-License-Identifier: MIT */
/*
 * The configuration of a pool as commands get it: the keys of format/pool.md 4.2 and 4.3 with
 * statistics, spares, cache devices and progress of scan, removal, checkpoint and expansion.
 * Callers: import.c, service/.
 * (`zdb -C` prints pool->config, what the MOS holds.)
 */
#ifndef ZUSE_POOL_CONFIG_H
#define ZUSE_POOL_CONFIG_H

#include "pool/pool.h"

/*
 * Works for partly loaded pools too. Besides pool.md's keys: "vdev_tree" carries "vdev_stats"
 * (vdev/vdev_stats.h), "spares", "l2cache", "scan_stats" (24 words, format/raid.md 10.1),
 * "error_scrub_stats" (9), "removal_stats" (7, com.delphix:removing), "checkpoint_stats" (txg,
 * time, bytes), "raidz_expand_stats" (vdev id, state, start, end, to reflow, reflowed); at the top
 * "load_info", "error_count", "initial_load_time" (ns), "readonly", "label_state".
 */
int pool_config_generate(struct pool *pool, struct nvlist **out);
/* As it belongs into a cache file: the MOS configuration with current paths. */
int pool_config_for_cache(struct pool *pool, struct nvlist **out);

/*
 * Adds "ddt_object_stats" (entries, bytes on disk, bytes in memory) and "ddt_histogram" (64 rows by
 * power of two of the reference count: blocks, lsize, psize, dsize, the same as referenced).
 */
int pool_config_add_dedup(struct pool *pool, struct nvlist *config);

#endif
