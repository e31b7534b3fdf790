/* SPDX-License-Identifier: MIT */
/* Feature flags; see pool_features.h. Descriptions are those that `zpool upgrade -v` prints. */
#include "pool/pool_features.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"

#define FEATURE_OBJECT_MAX_ENTRIES 4096 /* in one feature ZAP; there are some fifty */

const struct pool_feature_info pool_feature_table[FEATURE_COUNT] = {
    [FEATURE_ASYNC_DESTROY] = {"async_destroy",
                               "com.delphix:async_destroy",
                               "Destroy filesystems asynchronously.",
                               FEATURE_RO_COMPAT,
                               {}},
    [FEATURE_EMPTY_BPOBJ] = {"empty_bpobj",
                             "com.delphix:empty_bpobj",
                             "Snapshots use less space.",
                             FEATURE_RO_COMPAT,
                             {}},
    [FEATURE_LZ4_COMPRESS] = {"lz4_compress",
                              "org.illumos:lz4_compress",
                              "LZ4 compression algorithm support.",
                              FEATURE_AOE,
                              {}},
    [FEATURE_MULTI_VDEV_CRASH_DUMP] = {"multi_vdev_crash_dump",
                                       "com.joyent:multi_vdev_crash_dump",
                                       "Crash dumps to multiple vdev pools.",
                                       0,
                                       {}},
    [FEATURE_SPACEMAP_HISTOGRAM] = {"spacemap_histogram",
                                    "com.delphix:spacemap_histogram",
                                    "Spacemaps maintain space histograms.",
                                    FEATURE_RO_COMPAT,
                                    {}},
    [FEATURE_ENABLED_TXG] = {"enabled_txg",
                             "com.delphix:enabled_txg",
                             "Record txg at which a feature is enabled",
                             FEATURE_RO_COMPAT,
                             {}},
    [FEATURE_HOLE_BIRTH] = {"hole_birth",
                            "com.delphix:hole_birth",
                            "Retain hole birth txg for more precise zfs send",
                            FEATURE_MOS | FEATURE_AOE,
                            {FEATURE_ENABLED_TXG + 1}},
    [FEATURE_EXTENSIBLE_DATASET] = {"extensible_dataset",
                                    "com.delphix:extensible_dataset",
                                    "Enhanced dataset functionality, used by other features.",
                                    0,
                                    {}},
    [FEATURE_EMBEDDED_DATA] = {"embedded_data",
                               "com.delphix:embedded_data",
                               "Blocks which compress very well use even less space.",
                               FEATURE_MOS | FEATURE_AOE,
                               {}},
    [FEATURE_BOOKMARKS] = {"bookmarks",
                           "com.delphix:bookmarks",
                           "\"zfs bookmark\" command",
                           FEATURE_RO_COMPAT,
                           {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_FILESYSTEM_LIMITS] = {"filesystem_limits",
                                   "com.joyent:filesystem_limits",
                                   "Filesystem and snapshot limits.",
                                   FEATURE_RO_COMPAT,
                                   {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_LARGE_BLOCKS] = {"large_blocks",
                              "org.open-zfs:large_blocks",
                              "Support for blocks larger than 128KB.",
                              FEATURE_PER_DATASET,
                              {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_LARGE_DNODE] = {"large_dnode",
                             "org.zfsonlinux:large_dnode",
                             "Variable on-disk size of dnodes.",
                             FEATURE_PER_DATASET,
                             {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_SHA512] = {"sha512",
                        "org.illumos:sha512",
                        "SHA-512/256 hash algorithm.",
                        FEATURE_PER_DATASET,
                        {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_SKEIN] = {"skein",
                       "org.illumos:skein",
                       "Skein hash algorithm.",
                       FEATURE_PER_DATASET,
                       {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_EDONR] = {"edonr",
                       "org.illumos:edonr",
                       "Edon-R hash algorithm.",
                       FEATURE_PER_DATASET,
                       {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_USEROBJ_ACCOUNTING] = {"userobj_accounting",
                                    "org.zfsonlinux:userobj_accounting",
                                    "User/Group object accounting.",
                                    FEATURE_RO_COMPAT | FEATURE_PER_DATASET,
                                    {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_ENCRYPTION] = {"encryption",
                            "com.datto:encryption",
                            "Support for dataset level encryption",
                            FEATURE_PER_DATASET,
                            {FEATURE_EXTENSIBLE_DATASET + 1, FEATURE_BOOKMARK_V2 + 1}},
    [FEATURE_PROJECT_QUOTA] = {"project_quota",
                               "org.zfsonlinux:project_quota",
                               "space/object accounting based on project ID.",
                               FEATURE_RO_COMPAT | FEATURE_PER_DATASET,
                               {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_DEVICE_REMOVAL] = {"device_removal",
                                "com.delphix:device_removal",
                                "Top-level vdevs can be removed, reducing logical pool size.",
                                FEATURE_MOS,
                                {}},
    [FEATURE_OBSOLETE_COUNTS] =
        {"obsolete_counts",
         "com.delphix:obsolete_counts",
         "Reduce memory used by removed devices when their blocks are freed or remapped.",
         FEATURE_RO_COMPAT,
         {FEATURE_EXTENSIBLE_DATASET + 1, FEATURE_DEVICE_REMOVAL + 1}},
    [FEATURE_ZPOOL_CHECKPOINT] = {"zpool_checkpoint",
                                  "com.delphix:zpool_checkpoint",
                                  "Pool state can be checkpointed, allowing rewind later.",
                                  FEATURE_RO_COMPAT,
                                  {}},
    [FEATURE_SPACEMAP_V2] = {"spacemap_v2",
                             "com.delphix:spacemap_v2",
                             "Space maps representing large segments are more efficient.",
                             FEATURE_RO_COMPAT | FEATURE_AOE,
                             {}},
    [FEATURE_ALLOCATION_CLASSES] = {"allocation_classes",
                                    "org.zfsonlinux:allocation_classes",
                                    "Support for separate allocation classes.",
                                    FEATURE_RO_COMPAT,
                                    {}},
    [FEATURE_RESILVER_DEFER] = {"resilver_defer",
                                "com.datto:resilver_defer",
                                "Support for deferring new resilvers when one is already running.",
                                FEATURE_RO_COMPAT,
                                {}},
    [FEATURE_BOOKMARK_V2] = {"bookmark_v2",
                             "com.datto:bookmark_v2",
                             "Support for larger bookmarks",
                             0,
                             {FEATURE_EXTENSIBLE_DATASET + 1, FEATURE_BOOKMARKS + 1}},
    [FEATURE_REDACTION_BOOKMARKS] =
        {"redaction_bookmarks",
         "com.delphix:redaction_bookmarks",
         "Support for bookmarks which store redaction lists for zfs redacted send/recv.",
         0,
         {FEATURE_BOOKMARK_V2 + 1, FEATURE_EXTENSIBLE_DATASET + 1, FEATURE_BOOKMARKS + 1}},
    [FEATURE_REDACTED_DATASETS] =
        {"redacted_datasets",
         "com.delphix:redacted_datasets",
         "Support for redacted datasets, produced by receiving a redacted zfs send stream.",
         FEATURE_PER_DATASET,
         {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_BOOKMARK_WRITTEN] =
        {"bookmark_written",
         "com.delphix:bookmark_written",
         "Additional accounting, enabling the written#<bookmark> property (space written since a "
         "bookmark), and estimates of send stream sizes for incrementals from bookmarks.",
         0,
         {FEATURE_BOOKMARK_V2 + 1, FEATURE_EXTENSIBLE_DATASET + 1, FEATURE_BOOKMARKS + 1}},
    [FEATURE_LOG_SPACEMAP] =
        {"log_spacemap",
         "com.delphix:log_spacemap",
         "Log metaslab changes on a single spacemap and flush them periodically.",
         FEATURE_RO_COMPAT,
         {FEATURE_SPACEMAP_V2 + 1}},
    [FEATURE_LIVELIST] = {"livelist",
                          "com.delphix:livelist",
                          "Improved clone deletion performance.",
                          FEATURE_RO_COMPAT,
                          {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_DEVICE_REBUILD] = {"device_rebuild",
                                "org.openzfs:device_rebuild",
                                "Support for sequential mirror/dRAID device rebuilds",
                                FEATURE_RO_COMPAT,
                                {}},
    [FEATURE_ZSTD_COMPRESS] = {"zstd_compress",
                               "org.freebsd:zstd_compress",
                               "zstd compression algorithm support.",
                               FEATURE_PER_DATASET,
                               {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_DRAID] =
        {"draid", "org.openzfs:draid", "Support for distributed spare RAID", FEATURE_MOS, {}},
    [FEATURE_ZILSAXATTR] = {"zilsaxattr",
                            "org.openzfs:zilsaxattr",
                            "Support for xattr=sa extended attribute logging in ZIL.",
                            FEATURE_RO_COMPAT | FEATURE_PER_DATASET,
                            {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_HEAD_ERRLOG] = {"head_errlog",
                             "com.delphix:head_errlog",
                             "Support for per-dataset on-disk error logs.",
                             FEATURE_AOE,
                             {}},
    [FEATURE_BLAKE3] = {"blake3",
                        "org.openzfs:blake3",
                        "BLAKE3 hash algorithm.",
                        FEATURE_PER_DATASET,
                        {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_BLOCK_CLONING] = {"block_cloning",
                               "com.fudosecurity:block_cloning",
                               "Support for block cloning via Block Reference Table.",
                               FEATURE_RO_COMPAT,
                               {}},
    [FEATURE_VDEV_ZAPS_V2] = {"vdev_zaps_v2",
                              "com.klarasystems:vdev_zaps_v2",
                              "Support for root vdev ZAP.",
                              FEATURE_MOS,
                              {}},
    [FEATURE_REDACTION_LIST_SPILL] =
        {"redaction_list_spill",
         "com.delphix:redaction_list_spill",
         "Support for increased number of redaction_snapshot arguments in zfs redact.",
         0,
         {FEATURE_REDACTION_BOOKMARKS + 1}},
    [FEATURE_RAIDZ_EXPANSION] = {"raidz_expansion",
                                 "org.openzfs:raidz_expansion",
                                 "Support for raidz expansion",
                                 FEATURE_MOS,
                                 {}},
    [FEATURE_FAST_DEDUP] = {"fast_dedup",
                            "com.klarasystems:fast_dedup",
                            "Support for advanced deduplication",
                            FEATURE_RO_COMPAT,
                            {}},
    [FEATURE_LONGNAME] = {"longname",
                          "org.zfsonlinux:longname",
                          "support filename up to 1024 bytes",
                          FEATURE_PER_DATASET,
                          {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_LARGE_MICROZAP] = {"large_microzap",
                                "com.klarasystems:large_microzap",
                                "Support for microzaps larger than 128KB.",
                                FEATURE_RO_COMPAT | FEATURE_PER_DATASET,
                                {FEATURE_EXTENSIBLE_DATASET + 1, FEATURE_LARGE_BLOCKS + 1}},
    [FEATURE_DYNAMIC_GANG_HEADER] = {"dynamic_gang_header",
                                     "com.klarasystems:dynamic_gang_header",
                                     "Support for dynamically sized gang headers",
                                     FEATURE_MOS | FEATURE_NO_UPGRADE,
                                     {}},
    [FEATURE_BLOCK_CLONING_ENDIAN] = {"block_cloning_endian",
                                      "com.truenas:block_cloning_endian",
                                      "Fixes BRT ZAP endianness on new pools.",
                                      FEATURE_RO_COMPAT,
                                      {}},
    [FEATURE_PHYSICAL_REWRITE] = {"physical_rewrite",
                                  "com.truenas:physical_rewrite",
                                  "Support for preserving logical birth time during rewrite.",
                                  FEATURE_RO_COMPAT | FEATURE_PER_DATASET,
                                  {FEATURE_EXTENSIBLE_DATASET + 1}},
    [FEATURE_DRAID_FAILURE_DOMAINS] = {"draid_failure_domains",
                                       "com.seagate:draid_failure_domains",
                                       "Support for failure domains in dRAID",
                                       FEATURE_MOS,
                                       {FEATURE_DRAID + 1}},
};

int pool_feature_by_guid(const char *guid)
{
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (strcmp(pool_feature_table[i].guid, guid) == 0)
            return i;
    }
    return -1;
}

int pool_feature_by_name(const char *name)
{
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (strcmp(pool_feature_table[i].name, name) == 0)
            return i;
    }
    return -1;
}

int pool_features_check_label(const struct nvlist *features_for_read, struct nvlist **unknown)
{
    AUTO_NVLIST struct nvlist *bad = NULL;
    int err = nvlist_create(&bad);
    for (const struct nvpair *p = NULL;
         err == 0 && (p = nvlist_next(features_for_read, p)) != NULL;) {
        if (pool_feature_by_guid(nvpair_name(p)) < 0)
            err = nvlist_add_string(bad, nvpair_name(p), "");
    }
    if (err != 0)
        return err;
    if (nvlist_empty(bad))
        return 0;
    err = err_raise(ZE_FEATURE, "the pool uses the unsupported feature %s",
                    nvpair_name(nvlist_next(bad, NULL)));
    if (unknown != NULL) {
        *unknown = bad;
        bad = NULL;
    }
    return err;
}

/* ---- from the MOS ---- */

static int feature_object(struct objset *mos, const char *name, struct zap **out)
{
    uint64_t object;
    int err = zap_get_u64(mos, 1, name, &object);
    if (err == 0)
        err = zap_open(mos, object, out);
    if (err == 0 && zap_count(*out) > FEATURE_OBJECT_MAX_ENTRIES) {
        zap_close(*out);
        return err_raise(ZE_CORRUPT, "%s has too many entries", name);
    }
    if (err != 0 && err != ZE_NOMEM)
        return err_context(ZE_CORRUPT, "%s: ", name);
    return err;
}

static void feature_description(struct zap *descriptions, const char *guid, char *buf, size_t len)
{
    uint64_t got;
    memset(buf, 0, len);
    if (zap_lookup(descriptions, guid, 1, len - 1, buf, &got) != 0)
        buf[0] = '\0';
}

static int feature_record(struct pool_feature_state *s, struct zap *descriptions, bool for_read,
                          const struct zap_entry *e)
{
    int err = nvlist_add_u64(s->enabled, e->name, e->first);
    int id = pool_feature_by_guid(e->name);
    if (err != 0)
        return err;
    if (id >= 0) {
        s->count[id] = e->first;
        return 0;
    }
    if ((err = nvlist_add_u64(s->unsupported, e->name, e->first)) != 0 || e->first == 0)
        return err;
    s->can_write = false;
    if (for_read)
        s->can_readonly = false;
    char text[256];
    feature_description(descriptions, e->name, text, sizeof(text));
    return nvlist_add_string(s->unsupported_descriptions, e->name, text);
}

static int features_load_object(struct objset *mos, const char *name, bool for_read,
                                struct zap *descriptions, struct pool_feature_state *s)
{
    struct zap *zap;
    int err = feature_object(mos, name, &zap);
    if (err != 0)
        return err;
    struct zap_entry *e = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    zap_cursor_init(&c, zap);
    err = e == NULL ? ZE_NOMEM : 0;
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        if (e->integer_size != 8 || e->count != 1)
            err = err_raise(ZE_CORRUPT, "%s: the entry %s is not one number", name, e->name);
        else
            err = feature_record(s, descriptions, for_read, e);
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    free(e);
    return err == ZE_NOENT ? 0 : err;
}

int pool_features_load(struct objset *mos, struct pool_feature_state **out)
{
    struct pool_feature_state *s = mem_zalloc(sizeof(*s));
    struct zap *descriptions = NULL;
    if (s == NULL)
        return ZE_NOMEM;
    for (unsigned i = 0; i < FEATURE_COUNT; i++)
        s->count[i] = FEATURE_DISABLED;
    s->can_readonly = s->can_write = true;
    int err = nvlist_create(&s->enabled);
    if (err == 0)
        err = nvlist_create(&s->unsupported);
    if (err == 0)
        err = nvlist_create(&s->unsupported_descriptions);
    if (err == 0)
        err = feature_object(mos, "feature_descriptions", &descriptions);
    if (err == 0)
        err = features_load_object(mos, "features_for_read", true, descriptions, s);
    if (err == 0)
        err = features_load_object(mos, "features_for_write", false, descriptions, s);
    if (descriptions != NULL)
        zap_close(descriptions);
    if (err != 0) {
        pool_features_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void pool_features_free(struct pool_feature_state *state)
{
    if (state == NULL)
        return;
    nvlist_free(state->unsupported);
    nvlist_free(state->unsupported_descriptions);
    nvlist_free(state->enabled);
    free(state);
}

const char *pool_feature_state_name(const struct pool_feature_state *s, enum pool_feature_id id)
{
    if (!pool_feature_enabled(s, id))
        return "disabled";
    return pool_feature_active(s, id) ? "active" : "enabled";
}
