/* SPDX-License-Identifier: MIT */
/*
 * The table of feature flags and of pool and filesystem versions (format/pool.md, "9.3 Table").
 */
#include "disk/features.h"

#include <string.h>

#include "base/span.h"

#define DEPENDS(...)                                                                               \
    {                                                                                              \
        __VA_ARGS__, FEATURE_NONE                                                                  \
    }
#define ALONE                                                                                      \
    {                                                                                              \
        FEATURE_NONE                                                                               \
    }

static const struct feature_info features[FEATURE_COUNT] = {
    [FEATURE_ASYNC_DESTROY] = {FEATURE_ASYNC_DESTROY, "async_destroy", "com.delphix:async_destroy",
                               "Destroy filesystems asynchronously.", FEATURE_FLAG_RO, ALONE, true},
    [FEATURE_EMPTY_BPOBJ] = {FEATURE_EMPTY_BPOBJ, "empty_bpobj", "com.delphix:empty_bpobj",
                             "Snapshots use less space.", FEATURE_FLAG_RO, ALONE, true},
    [FEATURE_LZ4_COMPRESS] = {FEATURE_LZ4_COMPRESS, "lz4_compress", "org.illumos:lz4_compress",
                              "LZ4 compression algorithm support.", FEATURE_FLAG_AOE, ALONE, true},
    [FEATURE_MULTI_VDEV_CRASH_DUMP] = {FEATURE_MULTI_VDEV_CRASH_DUMP, "multi_vdev_crash_dump",
                                       "com.joyent:multi_vdev_crash_dump",
                                       "Crash dumps to multiple vdev pools.", 0, ALONE, true},
    [FEATURE_SPACEMAP_HISTOGRAM] = {FEATURE_SPACEMAP_HISTOGRAM, "spacemap_histogram",
                                    "com.delphix:spacemap_histogram",
                                    "Spacemaps maintain space histograms.", FEATURE_FLAG_RO, ALONE,
                                    true},
    [FEATURE_ENABLED_TXG] = {FEATURE_ENABLED_TXG, "enabled_txg", "com.delphix:enabled_txg",
                             "Record txg at which a feature is enabled", FEATURE_FLAG_RO, ALONE,
                             true},
    [FEATURE_HOLE_BIRTH] = {FEATURE_HOLE_BIRTH, "hole_birth", "com.delphix:hole_birth",
                            "Retain hole birth txg for more precise zfs send",
                            FEATURE_FLAG_MOS | FEATURE_FLAG_AOE, DEPENDS(FEATURE_ENABLED_TXG),
                            true},
    [FEATURE_EXTENSIBLE_DATASET] = {FEATURE_EXTENSIBLE_DATASET, "extensible_dataset",
                                    "com.delphix:extensible_dataset",
                                    "Enhanced dataset functionality, used by other features.", 0,
                                    ALONE, true},
    [FEATURE_EMBEDDED_DATA] = {FEATURE_EMBEDDED_DATA, "embedded_data", "com.delphix:embedded_data",
                               "Blocks which compress very well use even less space.",
                               FEATURE_FLAG_MOS | FEATURE_FLAG_AOE, ALONE, true},
    [FEATURE_BOOKMARKS] = {FEATURE_BOOKMARKS, "bookmarks", "com.delphix:bookmarks",
                           "\"zfs bookmark\" command", FEATURE_FLAG_RO,
                           DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_FILESYSTEM_LIMITS] = {FEATURE_FILESYSTEM_LIMITS, "filesystem_limits",
                                   "com.joyent:filesystem_limits",
                                   "Filesystem and snapshot limits.", FEATURE_FLAG_RO,
                                   DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_LARGE_BLOCKS] = {FEATURE_LARGE_BLOCKS, "large_blocks", "org.open-zfs:large_blocks",
                              "Support for blocks larger than 128KB.", FEATURE_FLAG_PER_DATASET,
                              DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_LARGE_DNODE] = {FEATURE_LARGE_DNODE, "large_dnode", "org.zfsonlinux:large_dnode",
                             "Variable on-disk size of dnodes.", FEATURE_FLAG_PER_DATASET,
                             DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_SHA512] = {FEATURE_SHA512, "sha512", "org.illumos:sha512",
                        "SHA-512/256 hash algorithm.", FEATURE_FLAG_PER_DATASET,
                        DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_SKEIN] = {FEATURE_SKEIN, "skein", "org.illumos:skein", "Skein hash algorithm.",
                       FEATURE_FLAG_PER_DATASET, DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_EDONR] = {FEATURE_EDONR, "edonr", "org.illumos:edonr", "Edon-R hash algorithm.",
                       FEATURE_FLAG_PER_DATASET, DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_USEROBJ_ACCOUNTING] = {FEATURE_USEROBJ_ACCOUNTING, "userobj_accounting",
                                    "org.zfsonlinux:userobj_accounting",
                                    "User/Group object accounting.",
                                    FEATURE_FLAG_RO | FEATURE_FLAG_PER_DATASET,
                                    DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_ENCRYPTION] = {FEATURE_ENCRYPTION, "encryption", "com.datto:encryption",
                            "Support for dataset level encryption", FEATURE_FLAG_PER_DATASET,
                            DEPENDS(FEATURE_EXTENSIBLE_DATASET, FEATURE_BOOKMARK_V2), true},
    [FEATURE_PROJECT_QUOTA] = {FEATURE_PROJECT_QUOTA, "project_quota",
                               "org.zfsonlinux:project_quota",
                               "space/object accounting based on project ID.",
                               FEATURE_FLAG_RO | FEATURE_FLAG_PER_DATASET,
                               DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_DEVICE_REMOVAL] = {FEATURE_DEVICE_REMOVAL, "device_removal",
                                "com.delphix:device_removal",
                                "Top-level vdevs can be removed, reducing logical pool size.",
                                FEATURE_FLAG_MOS, ALONE, true},
    [FEATURE_OBSOLETE_COUNTS] =
        {FEATURE_OBSOLETE_COUNTS, "obsolete_counts", "com.delphix:obsolete_counts",
         "Reduce memory used by removed devices when their blocks are freed or remapped.",
         FEATURE_FLAG_RO, DEPENDS(FEATURE_EXTENSIBLE_DATASET, FEATURE_DEVICE_REMOVAL), true},
    [FEATURE_ZPOOL_CHECKPOINT] = {FEATURE_ZPOOL_CHECKPOINT, "zpool_checkpoint",
                                  "com.delphix:zpool_checkpoint",
                                  "Pool state can be checkpointed, allowing rewind later.",
                                  FEATURE_FLAG_RO, ALONE, true},
    [FEATURE_SPACEMAP_V2] = {FEATURE_SPACEMAP_V2, "spacemap_v2", "com.delphix:spacemap_v2",
                             "Space maps representing large segments are more efficient.",
                             FEATURE_FLAG_RO | FEATURE_FLAG_AOE, ALONE, true},
    [FEATURE_ALLOCATION_CLASSES] = {FEATURE_ALLOCATION_CLASSES, "allocation_classes",
                                    "org.zfsonlinux:allocation_classes",
                                    "Support for separate allocation classes.", FEATURE_FLAG_RO,
                                    ALONE, true},
    [FEATURE_RESILVER_DEFER] = {FEATURE_RESILVER_DEFER, "resilver_defer",
                                "com.datto:resilver_defer",
                                "Support for deferring new resilvers when one is already running.",
                                FEATURE_FLAG_RO, ALONE, true},
    [FEATURE_BOOKMARK_V2] = {FEATURE_BOOKMARK_V2, "bookmark_v2", "com.datto:bookmark_v2",
                             "Support for larger bookmarks", 0,
                             DEPENDS(FEATURE_EXTENSIBLE_DATASET, FEATURE_BOOKMARKS), true},
    [FEATURE_REDACTION_BOOKMARKS] =
        {FEATURE_REDACTION_BOOKMARKS, "redaction_bookmarks", "com.delphix:redaction_bookmarks",
         "Support for bookmarks which store redaction lists for zfs redacted send/recv.", 0,
         DEPENDS(FEATURE_BOOKMARK_V2, FEATURE_EXTENSIBLE_DATASET, FEATURE_BOOKMARKS), true},
    [FEATURE_REDACTED_DATASETS] =
        {FEATURE_REDACTED_DATASETS, "redacted_datasets", "com.delphix:redacted_datasets",
         "Support for redacted datasets, produced by receiving a redacted zfs send stream.",
         FEATURE_FLAG_PER_DATASET, DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_BOOKMARK_WRITTEN] =
        {FEATURE_BOOKMARK_WRITTEN, "bookmark_written", "com.delphix:bookmark_written",
         "Additional accounting, enabling the written#<bookmark> property (space written since a "
         "bookmark), and estimates of send stream sizes for incrementals from bookmarks.",
         0, DEPENDS(FEATURE_BOOKMARK_V2, FEATURE_EXTENSIBLE_DATASET, FEATURE_BOOKMARKS), true},
    [FEATURE_LOG_SPACEMAP] =
        {FEATURE_LOG_SPACEMAP, "log_spacemap", "com.delphix:log_spacemap",
         "Log metaslab changes on a single spacemap and flush them periodically.", FEATURE_FLAG_RO,
         DEPENDS(FEATURE_SPACEMAP_V2), true},
    [FEATURE_LIVELIST] = {FEATURE_LIVELIST, "livelist", "com.delphix:livelist",
                          "Improved clone deletion performance.", FEATURE_FLAG_RO,
                          DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_DEVICE_REBUILD] = {FEATURE_DEVICE_REBUILD, "device_rebuild",
                                "org.openzfs:device_rebuild",
                                "Support for sequential mirror/dRAID device rebuilds",
                                FEATURE_FLAG_RO, ALONE, true},
    [FEATURE_ZSTD_COMPRESS] = {FEATURE_ZSTD_COMPRESS, "zstd_compress", "org.freebsd:zstd_compress",
                               "zstd compression algorithm support.", FEATURE_FLAG_PER_DATASET,
                               DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_DRAID] = {FEATURE_DRAID, "draid", "org.openzfs:draid",
                       "Support for distributed spare RAID", FEATURE_FLAG_MOS, ALONE, true},
    [FEATURE_ZILSAXATTR] = {FEATURE_ZILSAXATTR, "zilsaxattr", "org.openzfs:zilsaxattr",
                            "Support for xattr=sa extended attribute logging in ZIL.",
                            FEATURE_FLAG_RO | FEATURE_FLAG_PER_DATASET,
                            DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_HEAD_ERRLOG] = {FEATURE_HEAD_ERRLOG, "head_errlog", "com.delphix:head_errlog",
                             "Support for per-dataset on-disk error logs.", FEATURE_FLAG_AOE, ALONE,
                             true},
    [FEATURE_BLAKE3] = {FEATURE_BLAKE3, "blake3", "org.openzfs:blake3", "BLAKE3 hash algorithm.",
                        FEATURE_FLAG_PER_DATASET, DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_BLOCK_CLONING] = {FEATURE_BLOCK_CLONING, "block_cloning",
                               "com.fudosecurity:block_cloning",
                               "Support for block cloning via Block Reference Table.",
                               FEATURE_FLAG_RO, ALONE, true},
    [FEATURE_VDEV_ZAPS_V2] = {FEATURE_VDEV_ZAPS_V2, "vdev_zaps_v2", "com.klarasystems:vdev_zaps_v2",
                              "Support for root vdev ZAP.", FEATURE_FLAG_MOS, ALONE, true},
    [FEATURE_REDACTION_LIST_SPILL] =
        {FEATURE_REDACTION_LIST_SPILL, "redaction_list_spill", "com.delphix:redaction_list_spill",
         "Support for increased number of redaction_snapshot arguments in zfs redact.", 0,
         DEPENDS(FEATURE_REDACTION_BOOKMARKS), true},
    [FEATURE_RAIDZ_EXPANSION] = {FEATURE_RAIDZ_EXPANSION, "raidz_expansion",
                                 "org.openzfs:raidz_expansion", "Support for raidz expansion",
                                 FEATURE_FLAG_MOS, ALONE, true},
    [FEATURE_FAST_DEDUP] = {FEATURE_FAST_DEDUP, "fast_dedup", "com.klarasystems:fast_dedup",
                            "Support for advanced deduplication", FEATURE_FLAG_RO, ALONE, true},
    [FEATURE_LONGNAME] = {FEATURE_LONGNAME, "longname", "org.zfsonlinux:longname",
                          "support filename up to 1024 bytes", FEATURE_FLAG_PER_DATASET,
                          DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
    [FEATURE_LARGE_MICROZAP] = {FEATURE_LARGE_MICROZAP, "large_microzap",
                                "com.klarasystems:large_microzap",
                                "Support for microzaps larger than 128KB.",
                                FEATURE_FLAG_RO | FEATURE_FLAG_PER_DATASET,
                                DEPENDS(FEATURE_EXTENSIBLE_DATASET, FEATURE_LARGE_BLOCKS), true},
    [FEATURE_DYNAMIC_GANG_HEADER] = {FEATURE_DYNAMIC_GANG_HEADER, "dynamic_gang_header",
                                     "com.klarasystems:dynamic_gang_header",
                                     "Support for dynamically sized gang headers",
                                     FEATURE_FLAG_MOS | FEATURE_FLAG_NO_UPGRADE, ALONE, true},
    [FEATURE_BLOCK_CLONING_ENDIAN] = {FEATURE_BLOCK_CLONING_ENDIAN, "block_cloning_endian",
                                      "com.truenas:block_cloning_endian",
                                      "Fixes BRT ZAP endianness on new pools.", FEATURE_FLAG_RO,
                                      ALONE, true},
    [FEATURE_PHYSICAL_REWRITE] = {FEATURE_PHYSICAL_REWRITE, "physical_rewrite",
                                  "com.truenas:physical_rewrite",
                                  "Support for preserving logical birth time during rewrite.",
                                  FEATURE_FLAG_RO | FEATURE_FLAG_PER_DATASET,
                                  DEPENDS(FEATURE_EXTENSIBLE_DATASET), true},
};

const struct feature_info *feature_info(enum feature f)
{
    return &features[f];
}

const struct feature_info *feature_find(const char *name)
{
    for (size_t i = 0; i < array_len(features); i++)
        if (strcmp(features[i].name, name) == 0)
            return &features[i];
    return feature_find_guid(name);
}

const struct feature_info *feature_find_guid(const char *guid)
{
    for (size_t i = 0; i < array_len(features); i++)
        if (strcmp(features[i].guid, guid) == 0)
            return &features[i];
    return NULL;
}

bool feature_guid_is_valid(const char *guid)
{
    size_t domain = strspn(guid, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    if (domain == 0 || guid[domain] != ':')
        return false;
    const char *name = guid + domain + 1;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && name[len] == '\0';
}

uint64_t feature_closure(enum feature f)
{
    uint64_t set = feature_bit(f);
    for (const enum feature *d = features[f].depends; *d != FEATURE_NONE; d++)
        set |= feature_closure(*d); /* the table has no circles; a test walks it */
    return set;
}

static const struct version_info pool_versions[] = {
    {1, "Initial ZFS version"},
    {2, "Ditto blocks (replicated metadata)"},
    {3, "Hot spares and double parity RAID-Z"},
    {4, "zpool history"},
    {5, "Compression using the gzip algorithm"},
    {6, "bootfs pool property"},
    {7, "Separate intent log devices"},
    {8, "Delegated administration"},
    {9, "refquota and refreservation properties"},
    {10, "Cache devices"},
    {11, "Improved scrub performance"},
    {12, "Snapshot properties"},
    {13, "snapused property"},
    {14, "passthrough-x aclinherit"},
    {15, "user/group space accounting"},
    {16, "stmf property support"},
    {17, "Triple-parity RAID-Z"},
    {18, "Snapshot user holds"},
    {19, "Log device removal"},
    {20, "Compression using zle (zero-length encoding)"},
    {21, "Deduplication"},
    {22, "Received properties"},
    {23, "Slim ZIL"},
    {24, "System attributes"},
    {25, "Improved scrub stats"},
    {26, "Improved snapshot deletion performance"},
    {27, "Improved snapshot creation performance"},
    {28, "Multiple vdev replacements"},
    {POOL_VERSION_FEATURES, "Feature flags"},
};

static const struct version_info zpl_versions[] = {
    {1, "Initial ZFS filesystem version"},
    {2, "Enhanced directory entries"},
    {3, "Case insensitive and filesystem user identifier (FUID)"},
    {4, "userquota, groupquota properties"},
    {5, "System attributes"},
};

static const struct version_info *version_find(const struct version_info *v, size_t n,
                                               unsigned version)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].version == version)
            return &v[i];
    return NULL;
}

const struct version_info *pool_version_info(unsigned version)
{
    return version_find(pool_versions, array_len(pool_versions), version);
}

const struct version_info *zpl_version_info(unsigned version)
{
    return version_find(zpl_versions, array_len(zpl_versions), version);
}
