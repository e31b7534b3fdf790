/* SPDX-License-Identifier: MIT */
/*
 * Pool versions, filesystem versions and feature flags (format/pool.md, "9 Feature flags", and the
 * texts that `zpool upgrade -v` and `zfs upgrade -v` print). Callers: pool/, cli/, inspect/,
 * everything that asks "may I read this". Constant data.
 */
#ifndef ZUSE_DISK_FEATURES_H
#define ZUSE_DISK_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_VERSION_FEATURES 5000u
#define POOL_VERSION_LEGACY   28u /* highest without feature flags */
#define ZPL_VERSION_MAX       5u

#define FEATURE_FLAG_RO          1u /* a pool using it can be read without knowing it */
#define FEATURE_FLAG_MOS         2u /* needed to read the MOS: active ones are listed in the labels */
#define FEATURE_FLAG_AOE         4u /* active when enabled */
#define FEATURE_FLAG_PER_DATASET 8u
#define FEATURE_FLAG_NO_UPGRADE  16u /* not enabled by `zpool upgrade` */

/* In the order in which pool creation enables them (format/pool.md 9.3). */
enum feature {
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
    FEATURE_COUNT,
    FEATURE_NONE = FEATURE_COUNT
};

#define FEATURE_MAX_DEPENDS 3u

struct feature_info {
    enum feature id;
    const char *name; /* short: feature@NAME */
    const char *guid; /* org.example:name */
    const char *description;
    unsigned flags;
    enum feature depends[FEATURE_MAX_DEPENDS + 1]; /* ended by FEATURE_NONE */
    bool readable; /* we can open a pool (read-only) in which it is active */
};

/* Valid for every enum value below FEATURE_COUNT. */
const struct feature_info *feature_info(enum feature f);
/* By short name or GUID; NULL for unknown features (not an error by itself). */
const struct feature_info *feature_find(const char *name);
const struct feature_info *feature_find_guid(const char *guid);
/* One colon, [a-z0-9.-]+ before, [a-z0-9_]+ after it. */
bool feature_guid_is_valid(const char *guid);
/* Set of features as a bit mask. */
static inline uint64_t feature_bit(enum feature f)
{
    return (uint64_t)1 << f;
}
/* f and everything it depends on. */
uint64_t feature_closure(enum feature f);

struct version_info {
    unsigned version;
    const char *description;
};
/* NULL for versions that never were. */
const struct version_info *pool_version_info(unsigned version); /* 1..28 and 5000 */
const struct version_info *zpl_version_info(unsigned version);  /* 1..5 */
static inline bool pool_version_is_valid(uint64_t v)
{
    return (v >= 1 && v <= POOL_VERSION_LEGACY) || v == POOL_VERSION_FEATURES;
}

#endif
