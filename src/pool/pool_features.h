/* SPDX-License-Identifier: MIT */
/*
 * Feature flags (format/pool.md 9): the table of known features and what one pool has enabled and
 * active. Callers: pool/ (import checks), commands (feature@ properties, `zpool upgrade -v`). The
 * state belongs to the pool; read-only after load.
 */
#ifndef ZUSE_POOL_POOL_FEATURES_H
#define ZUSE_POOL_POOL_FEATURES_H

#include "codec/nvlist.h"
#include "dmu/dmu.h"

enum pool_feature_flags {
    FEATURE_RO_COMPAT = 1 << 0,
    FEATURE_MOS = 1 << 1, /* needed to read the MOS: listed in labels when active */
    FEATURE_AOE = 1 << 2, /* active as soon as enabled */
    FEATURE_PER_DATASET = 1 << 3,
    FEATURE_NO_UPGRADE = 1 << 4, /* not enabled by `zpool upgrade` */
};

enum pool_feature_id {
    FEATURE_ASYNC_DESTROY,
    FEATURE_EMPTY_BPOBJ,
    FEATURE_LZ4_COMPRESS,
    FEATURE_MULTI_VDEV_CRASH_DUMP,
    FEATURE_SPACEMAP_HISTOGRAM,
    FEATURE_ENABLED_TXG,
    FEATURE_HOLE_BIRTH,
    FEATURE_EXTENSIBLE_DATASET,
    FEATURE_EMBEDDED_DATA,
    FEATURE_BOOKMARKS,
    FEATURE_FILESYSTEM_LIMITS,
    FEATURE_LARGE_BLOCKS,
    FEATURE_LARGE_DNODE,
    FEATURE_SHA512,
    FEATURE_SKEIN,
    FEATURE_EDONR,
    FEATURE_USEROBJ_ACCOUNTING,
    FEATURE_ENCRYPTION,
    FEATURE_PROJECT_QUOTA,
    FEATURE_DEVICE_REMOVAL,
    FEATURE_OBSOLETE_COUNTS,
    FEATURE_ZPOOL_CHECKPOINT,
    FEATURE_SPACEMAP_V2,
    FEATURE_ALLOCATION_CLASSES,
    FEATURE_RESILVER_DEFER,
    FEATURE_BOOKMARK_V2,
    FEATURE_REDACTION_BOOKMARKS,
    FEATURE_REDACTED_DATASETS,
    FEATURE_BOOKMARK_WRITTEN,
    FEATURE_LOG_SPACEMAP,
    FEATURE_LIVELIST,
    FEATURE_DEVICE_REBUILD,
    FEATURE_ZSTD_COMPRESS,
    FEATURE_DRAID,
    FEATURE_ZILSAXATTR,
    FEATURE_HEAD_ERRLOG,
    FEATURE_BLAKE3,
    FEATURE_BLOCK_CLONING,
    FEATURE_VDEV_ZAPS_V2,
    FEATURE_REDACTION_LIST_SPILL,
    FEATURE_RAIDZ_EXPANSION,
    FEATURE_FAST_DEDUP,
    FEATURE_LONGNAME,
    FEATURE_LARGE_MICROZAP,
    FEATURE_DYNAMIC_GANG_HEADER,
    FEATURE_BLOCK_CLONING_ENDIAN,
    FEATURE_PHYSICAL_REWRITE,
    FEATURE_DRAID_FAILURE_DOMAINS,
    FEATURE_COUNT
};

struct pool_feature_info {
    const char *name, *guid, *description;
    unsigned flags;
    uint8_t depends[4]; /* ids + 1, 0 ends */
};
extern const struct pool_feature_info pool_feature_table[FEATURE_COUNT];
/* By GUID ("org.illumos:lz4_compress") or short name; -1 if unknown. */
int pool_feature_by_guid(const char *guid);
int pool_feature_by_name(const char *name);

#define FEATURE_DISABLED UINT64_MAX /* count of a feature without entry */
struct pool_feature_state {
    uint64_t count[FEATURE_COUNT]; /* FEATURE_DISABLED, 0 = enabled, >0 = active */
    struct nvlist *unsupported;    /* GUID -> uint64 count, of unknown features with an entry */
    struct nvlist *unsupported_descriptions; /* GUID -> description, of active unknown ones that
                                                forbid the open */
    struct nvlist *enabled; /* GUID -> uint64 count, all with an entry ("enabled_feat") */
    bool can_readonly;      /* nothing unknown is active in the read list */
    bool can_write;
};

/* Are all features a label's features_for_read lists known? ZE_FEATURE; *unknown: GUID -> "" (may
 * be NULL). */
int pool_features_check_label(const struct nvlist *features_for_read, struct nvlist **unknown);
/*
 * Load from the MOS (version 5000). Fills *out whatever unknown features there are; the caller
 * decides by can_readonly/ can_write. ZE_CORRUPT when one of the three objects is missing.
 */
int pool_features_load(struct objset *mos, struct pool_feature_state **out);
void pool_features_free(struct pool_feature_state *state);
static inline bool pool_feature_active(const struct pool_feature_state *s, enum pool_feature_id id)
{
    return s != NULL && s->count[id] != FEATURE_DISABLED && s->count[id] != 0;
}
static inline bool pool_feature_enabled(const struct pool_feature_state *s, enum pool_feature_id id)
{
    return s != NULL && s->count[id] != FEATURE_DISABLED;
}
const char *pool_feature_state_name(const struct pool_feature_state *s, enum pool_feature_id id);

#endif
