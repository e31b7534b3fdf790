/* SPDX-License-Identifier: MIT */
/*
 * Space figures from what the pool stores about itself: space map headers and their logs, dedup
 * statistics, block reference totals (format/pool.md 16, 17, 19). Nothing is loaded into memory for
 * long. Callers: pool/ (properties, configuration), inspect/.
 */
#ifndef ZUSE_POOL_SPACE_H
#define ZUSE_POOL_SPACE_H

#include "disk/ddt_phys.h"
#include "pool/pool.h"

struct top_space {
    uint64_t size;       /* metaslab count << shift */
    uint64_t alloc;      /* with the space map logs applied */
    uint64_t checkpoint; /* bytes held for the checkpoint only */
    uint64_t metaslabs;
    uint64_t fragmentation; /* percent, UINT64_MAX = unknown */
};
/* One struct for each top-level vdev, in order; free() it. */
int pool_top_spaces(struct pool *pool, struct top_space **out);

/* Percent, UINT64_MAX = unknown: one metaslab by its histogram. */
struct metaslab;
uint64_t pool_metaslab_fragmentation(const struct metaslab *ms, unsigned ashift);

struct pool_savings { /* bytes, deflated */
    uint64_t dedup_dsize, dedup_ref_dsize, dedup_table_size;
    uint64_t clone_used, clone_saved;
};
/* Read again next time (after a load, after a txg). */
void pool_space_forget(struct pool *pool);
int pool_savings_get(struct pool *pool, struct pool_savings *out);

/* The dedup tables all together, as `zpool status -D` shows them; read from the tables each time.
 */
struct pool_dedup {
    uint64_t entries, dspace, mspace;
    struct ddt_stat_phys hist[DDT_STAT_BUCKETS];
};
int pool_dedup_get(struct pool *pool, struct pool_dedup *out);

#endif
