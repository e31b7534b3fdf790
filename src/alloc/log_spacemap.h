/* SPDX-License-Identifier: MIT */
/*
 * Log space maps: changes of all metaslabs of one txg in one object, not yet flushed to the
 * metaslabs' own maps (format/pool.md, "17 Log space maps"), read.
 *
 * Callers: metaslab_read, inspect/. Ownership: the list is the caller's, freed with
 * log_spacemaps_free(). Errors: ZE_BADSPACEMAP, zap's, dmu's. Locks: none.
 */
#ifndef ZUSE_ALLOC_LOG_SPACEMAP_H
#define ZUSE_ALLOC_LOG_SPACEMAP_H

#include "alloc/space_map.h"

#define LOG_SPACEMAP_ZAP "com.delphix:log_spacemap_zap" /* in the MOS directory */
#define LOG_SPACEMAP_UNFLUSHED                                                                     \
    "com.delphix:ms_unflushed_phys_txgs" /* in a top-level vdev's ZAP                              \
                                          */
#define LOG_SPACEMAP_SHIFT 9u

struct log_spacemap {
    uint64_t txg, object;
    uint64_t entries, valid; /* counted by metaslabs_open(); valid: not flushed since */
};
struct log_spacemaps {
    struct log_spacemap *log; /* ascending by txg */
    size_t n;
};

/* The logs there are; none (n = 0) in a pool without the feature. mos_directory: object 1. */
int log_spacemaps_list(struct objset *mos, struct log_spacemaps *out);
void log_spacemaps_free(struct log_spacemaps *logs);
bool log_spacemaps_has(const struct log_spacemaps *logs, uint64_t txg);
int log_spacemap_open(struct objset *mos, const struct log_spacemap *log, struct space_map **out);

/*
 * Unflushed txgs of the first n metaslabs of a top-level vdev (0: none), all zero without the entry
 * in its ZAP. *object (may be NULL): of the array, 0 if there is none.
 */
int log_spacemap_unflushed(struct objset *mos, uint64_t top_zap, uint64_t n, uint64_t *txgs,
                           uint64_t *object);

#endif
