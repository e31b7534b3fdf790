/* SPDX-License-Identifier: MIT */
/*
 * The DSL's structures in the MOS: directories, datasets, bookmarks, deadlists, redaction lists,
 * scan state, crypto key entries (format/dsl.md 2, 3, 6.1, 8; format/raid.md 10.1, 11;
 * crypto-dedup.md A4). Callers: dsl/, pool/, inspect/. Host order: bonus buffers are swapped by
 * type when the dnode is read.
 */
#ifndef ZUSE_DISK_DSL_PHYS_H
#define ZUSE_DISK_DSL_PHYS_H

#include "disk/fields.h"

/* --- directory: bonus of type 12 --- */

enum dsl_dir_used {
    DSL_DIR_USED_HEAD,
    DSL_DIR_USED_SNAP,
    DSL_DIR_USED_CHILD,
    DSL_DIR_USED_CHILD_RSRV,
    DSL_DIR_USED_REFRSRV,
    DSL_DIR_USED_COUNT
};
#define DSL_DIR_PHYS_FIELDS(F, S)                                                                  \
    F(S, 0, U64, creation_time, , TIME)                                                            \
    F(S, 8, U64, head_dataset_obj, , DEC)                                                          \
    F(S, 16, U64, parent_obj, , DEC)                                                               \
    F(S, 24, U64, origin_obj, , DEC)                                                               \
    F(S, 32, U64, child_dir_zapobj, , DEC)                                                         \
    F(S, 40, U64, used_bytes, , NICE)                                                              \
    F(S, 48, U64, compressed_bytes, , NICE)                                                        \
    F(S, 56, U64, uncompressed_bytes, , NICE)                                                      \
    F(S, 64, U64, quota, , NICE)                                                                   \
    F(S, 72, U64, reserved, , NICE)                                                                \
    F(S, 80, U64, props_zapobj, , DEC)                                                             \
    F(S, 88, U64, deleg_zapobj, , DEC)                                                             \
    F(S, 96, U64, flags, , XDEC)                                                                   \
    F(S, 104, U64, used_breakdown, [DSL_DIR_USED_COUNT], NICE)                                     \
    F(S, 144, U64, clones, , DEC)                                                                  \
    F(S, 152, U64, pad, [13], NONE)
LAYOUT_STRUCT(dsl_dir_phys, 256, DSL_DIR_PHYS_FIELDS);
#define DSL_DIR_FLAG_USED_BREAKDOWN 1u

/* --- dataset: bonus of type 16 --- */

#define DSL_DATASET_PHYS_FIELDS(F, S)                                                              \
    F(S, 0, U64, dir_obj, , DEC)                                                                   \
    F(S, 8, U64, prev_snap_obj, , DEC)                                                             \
    F(S, 16, U64, prev_snap_txg, , DEC)                                                            \
    F(S, 24, U64, next_snap_obj, , DEC)                                                            \
    F(S, 32, U64, snapnames_zapobj, , DEC)                                                         \
    F(S, 40, U64, num_children, , DEC)                                                             \
    F(S, 48, U64, creation_time, , TIME)                                                           \
    F(S, 56, U64, creation_txg, , DEC)                                                             \
    F(S, 64, U64, deadlist_obj, , DEC)                                                             \
    F(S, 72, U64, referenced_bytes, , NICE)                                                        \
    F(S, 80, U64, compressed_bytes, , NICE)                                                        \
    F(S, 88, U64, uncompressed_bytes, , NICE)                                                      \
    F(S, 96, U64, unique_bytes, , NICE)                                                            \
    F(S, 104, U64, fsid_guid, , DEC)                                                               \
    F(S, 112, U64, guid, , DEC)                                                                    \
    F(S, 120, U64, flags, , XDEC)                                                                  \
    F(S, 128, BP, bp, , AUTO)                                                                      \
    F(S, 256, U64, next_clones_obj, , DEC)                                                         \
    F(S, 264, U64, props_obj, , DEC)                                                               \
    F(S, 272, U64, userrefs_obj, , DEC)                                                            \
    F(S, 280, U64, pad, [5], NONE)
LAYOUT_STRUCT(dsl_dataset_phys, 320, DSL_DATASET_PHYS_FIELDS);
#define DSL_DATASET_FLAG_INCONSISTENT    0x1u
#define DSL_DATASET_FLAG_NOPROMOTE       0x2u
#define DSL_DATASET_FLAG_UNIQUE_ACCURATE 0x4u
#define DSL_DATASET_FLAG_DEFER_DESTROY   0x8u
#define DSL_DATASET_FLAG_CI              0x10000u

/* Bonus length, links that must be there, the root bp's structure. ZE_BADDSL naming object. */
int dsl_dir_phys_validate(const struct dsl_dir_phys *dd, size_t bonuslen, uint64_t object);
int dsl_dataset_phys_validate(const struct dsl_dataset_phys *ds, size_t bonuslen, uint64_t object);
static inline bool dsl_dataset_phys_is_snapshot(const struct dsl_dataset_phys *ds)
{
    return ds->next_snap_obj != 0;
}

/* --- bookmark: value in the bookmarks ZAP, 3 words (V1) or 12 (V2) --- */

#define BOOKMARK_PHYS_FIELDS(F, S)                                                                 \
    F(S, 0, U64, guid, , DEC)                                                                      \
    F(S, 8, U64, creation_txg, , DEC)                                                              \
    F(S, 16, U64, creation_time, , DEC)                                                            \
    F(S, 24, U64, redaction_obj, , DEC)                                                            \
    F(S, 32, U64, flags, , XDEC)                                                                   \
    F(S, 40, U64, referenced_bytes_refd, , DEC)                                                    \
    F(S, 48, U64, compressed_bytes_refd, , DEC)                                                    \
    F(S, 56, U64, uncompressed_bytes_refd, , DEC)                                                  \
    F(S, 64, U64, referenced_freed_before_next_snap, , DEC)                                        \
    F(S, 72, U64, compressed_freed_before_next_snap, , DEC)                                        \
    F(S, 80, U64, uncompressed_freed_before_next_snap, , DEC)                                      \
    F(S, 88, U64, ivset_guid, , DEC)
LAYOUT_STRUCT(bookmark_phys, 96, BOOKMARK_PHYS_FIELDS);
#define BOOKMARK_PHYS_SIZE_V1         24u
#define BOOKMARK_FLAG_HAS_FBN         1u
#define BOOKMARK_FLAG_SNAPSHOT_EXISTS 2u
/* From the words of a ZAP value; missing ones are zero. ZE_BADDSL for fewer than 3. */
int bookmark_phys_load(struct bookmark_phys *out, const uint64_t *words, size_t count);

/* --- deadlist header: bonus of type 51 --- */

#define DEADLIST_PHYS_FIELDS(F, S)                                                                 \
    F(S, 0, U64, used, , NICE)                                                                     \
    F(S, 8, U64, comp, , NICE)                                                                     \
    F(S, 16, U64, uncomp, , NICE)                                                                  \
    F(S, 24, U64, pad, [37], NONE)
LAYOUT_STRUCT(deadlist_phys, 320, DEADLIST_PHYS_FIELDS);

/* --- redaction list: header in bonus or spill, entries in the data --- */

#define REDACTION_LIST_PHYS_FIELDS(F, S)                                                           \
    F(S, 0, U64, last_object, , DEC)                                                               \
    F(S, 8, U64, last_blkid, , DEC)                                                                \
    F(S, 16, U64, num_entries, , DEC)                                                              \
    F(S, 24, U64, num_snaps, , DEC) /* their guids follow */
LAYOUT_STRUCT(redaction_list_phys, 32, REDACTION_LIST_PHYS_FIELDS);
#define REDACTION_ENTRY_PHYS_FIELDS(F, S)                                                          \
    F(S, 0, U64, object, , DEC)                                                                    \
    F(S, 8, U64, blkid, , DEC)                                                                     \
    F(S, 16, U64, size_count, , HEX)                                                               \
    F(S, 24, U64, pad, , NONE)
LAYOUT_STRUCT(redaction_entry_phys, 32, REDACTION_ENTRY_PHYS_FIELDS);
static inline uint64_t redaction_entry_block_size(const struct redaction_entry_phys *e) /* bytes */
{
    return BITS_GET(e->size_count, 48, 16) << SECTOR_SHIFT;
}
static inline uint64_t redaction_entry_blocks(const struct redaction_entry_phys *e)
{
    return BITS_GET(e->size_count, 0, 48) + 1;
}
static inline bool redaction_list_is_complete(const struct redaction_list_phys *rl)
{
    return rl->last_object == UINT64_MAX && rl->last_blkid == UINT64_MAX;
}
/* header_len: bytes of the bonus or spill; data_len: bytes of the object. ZE_BADDSL. */
int redaction_list_validate(const struct redaction_list_phys *rl, size_t header_len,
                            uint64_t data_len);

/* --- scan, error scrub, rebuild: arrays of words in ZAPs --- */

#define SCAN_PHYS_FIELDS(F, S)                                                                     \
    F(S, 0, U64, func, , DEC)                                                                      \
    F(S, 8, U64, state, , DEC)                                                                     \
    F(S, 16, U64, queue_obj, , DEC)                                                                \
    F(S, 24, U64, min_txg, , DEC)                                                                  \
    F(S, 32, U64, max_txg, , DEC)                                                                  \
    F(S, 40, U64, cur_min_txg, , DEC)                                                              \
    F(S, 48, U64, cur_max_txg, , DEC)                                                              \
    F(S, 56, U64, start_time, , DEC)                                                               \
    F(S, 64, U64, end_time, , DEC)                                                                 \
    F(S, 72, U64, to_examine, , DEC)                                                               \
    F(S, 80, U64, examined, , DEC)                                                                 \
    F(S, 88, U64, skipped, , DEC)                                                                  \
    F(S, 96, U64, processed, , DEC)                                                                \
    F(S, 104, U64, errors, , DEC)                                                                  \
    F(S, 112, U64, ddt_class_max, , DEC)                                                           \
    F(S, 120, U64, ddt_class, , DEC)                                                               \
    F(S, 128, U64, ddt_type, , DEC)                                                                \
    F(S, 136, U64, ddt_checksum, , DEC)                                                            \
    F(S, 144, U64, ddt_cursor, , HEX)                                                              \
    F(S, 152, U64, objset, , DEC)                                                                  \
    F(S, 160, U64, object, , DEC)                                                                  \
    F(S, 168, I64, level, , SDEC)                                                                  \
    F(S, 176, U64, blkid, , DEC)                                                                   \
    F(S, 184, U64, flags, , HEX)
LAYOUT_STRUCT(scan_phys, 192, SCAN_PHYS_FIELDS);
#define SCAN_PHYS_WORDS     24u
#define SCAN_PHYS_WORDS_ODD 25u /* written by an old Linux release, see raid.md 10.1 */
enum scan_func { SCAN_FUNC_NONE, SCAN_FUNC_SCRUB, SCAN_FUNC_RESILVER, SCAN_FUNC_ERRORSCRUB };
enum scan_state {
    SCAN_STATE_NONE,
    SCAN_STATE_SCANNING,
    SCAN_STATE_FINISHED,
    SCAN_STATE_CANCELED,
    SCAN_STATE_ERRORSCRUBBING
};
#define SCAN_FLAG_VISIT_DS_AGAIN 1u
#define SCAN_FLAG_SCRUB_PAUSED   2u
#define SCAN_FLAGS               3u

/*
 * From the words of the `scan` entry: 24, or 25 (then *odd is set: the pool needs a scrub, errata
 * 1). A 25-word entry with unknown flags is ZE_BADDSL (errata 2).
 */
int scan_phys_load(struct scan_phys *out, const uint64_t *words, size_t count, bool *odd);

#define ERROR_SCRUB_PHYS_FIELDS(F, S)                                                              \
    F(S, 0, U64, func, , DEC)                                                                      \
    F(S, 8, U64, state, , DEC)                                                                     \
    F(S, 16, U64, cursor, , HEX)                                                                   \
    F(S, 24, U64, start_time, , DEC)                                                               \
    F(S, 32, U64, end_time, , DEC)                                                                 \
    F(S, 40, U64, to_examine, , DEC)                                                               \
    F(S, 48, U64, examined, , DEC)                                                                 \
    F(S, 56, U64, errors, , DEC)                                                                   \
    F(S, 64, U64, paused, , DEC)
LAYOUT_STRUCT(error_scrub_phys, 72, ERROR_SCRUB_PHYS_FIELDS);

#define REBUILD_PHYS_FIELDS(F, S)                                                                  \
    F(S, 0, U64, state, , DEC)                                                                     \
    F(S, 8, U64, last_offset, , HEX)                                                               \
    F(S, 16, U64, min_txg, , DEC)                                                                  \
    F(S, 24, U64, max_txg, , DEC)                                                                  \
    F(S, 32, U64, start_time, , DEC)                                                               \
    F(S, 40, U64, end_time, , DEC)                                                                 \
    F(S, 48, U64, scan_time_ms, , DEC)                                                             \
    F(S, 56, U64, bytes_scanned, , DEC)                                                            \
    F(S, 64, U64, bytes_issued, , DEC)                                                             \
    F(S, 72, U64, bytes_rebuilt, , DEC)                                                            \
    F(S, 80, U64, bytes_est, , DEC)                                                                \
    F(S, 88, U64, errors, , DEC)
LAYOUT_STRUCT(rebuild_phys, 96, REBUILD_PHYS_FIELDS);
enum rebuild_state { REBUILD_NONE, REBUILD_ACTIVE, REBUILD_CANCELED, REBUILD_COMPLETE };

/* --- DSL crypto key object: entries of a ZAP --- */

#define CRYPTO_KEY_ZAP_SUITE       "DSL_CRYPTO_SUITE"        /* 8 x 1 */
#define CRYPTO_KEY_ZAP_GUID        "DSL_CRYPTO_GUID"         /* 8 x 1 */
#define CRYPTO_KEY_ZAP_IV          "DSL_CRYPTO_IV"           /* 1 x 12 */
#define CRYPTO_KEY_ZAP_MAC         "DSL_CRYPTO_MAC"          /* 1 x 16 */
#define CRYPTO_KEY_ZAP_MASTER_KEY  "DSL_CRYPTO_MASTER_KEY_1" /* 1 x 32 */
#define CRYPTO_KEY_ZAP_HMAC_KEY    "DSL_CRYPTO_HMAC_KEY_1"   /* 1 x 64 */
#define CRYPTO_KEY_ZAP_ROOT_DDOBJ  "DSL_CRYPTO_ROOT_DDOBJ"   /* 8 x 1 */
#define CRYPTO_KEY_ZAP_REFCOUNT    "DSL_CRYPTO_REFCOUNT"     /* 8 x 1 */
#define CRYPTO_KEY_ZAP_VERSION     "DSL_CRYPTO_VERSION"      /* 8 x 1; absent: 0 */
#define CRYPTO_KEY_ZAP_KEYFORMAT   "keyformat"
#define CRYPTO_KEY_ZAP_PBKDF2SALT  "pbkdf2salt"
#define CRYPTO_KEY_ZAP_PBKDF2ITERS "pbkdf2iters"
#define CRYPTO_KEY_VERSION         1u

#endif
