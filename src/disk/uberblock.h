/* SPDX-License-Identifier: MIT */
/*
 * The uberblock (format/pool.md, "5 Uberblock"): magic, order, MMP and reflow words. The slot's
 * checksum trailer is not part of it. Callers: vdev/ (ring), pool/ (choice, MMP), inspect/ (zdb
 * -u).
 */
#ifndef ZUSE_DISK_UBERBLOCK_H
#define ZUSE_DISK_UBERBLOCK_H

#include "disk/fields.h"

#define UBERBLOCK_MAGIC     0x00bab10cull
#define UBERBLOCK_MMP_MAGIC 0xa11cea11ull

#define UBERBLOCK_FIELDS(F, S)                                                                     \
    F(S, 0x00, U64, magic, , HEX)                                                                  \
    F(S, 0x08, U64, version, , DEC)                                                                \
    F(S, 0x10, U64, txg, , DEC)                                                                    \
    F(S, 0x18, U64, guid_sum, , DEC)                                                               \
    F(S, 0x20, U64, timestamp, , TIME)                                                             \
    F(S, 0x28, BP, rootbp, , AUTO)                                                                 \
    F(S, 0xa8, U64, software_version, , DEC)                                                       \
    F(S, 0xb0, U64, mmp_magic, , HEX)                                                              \
    F(S, 0xb8, U64, mmp_delay, , DEC)                                                              \
    F(S, 0xc0, U64, mmp_config, , HEX)                                                             \
    F(S, 0xc8, U64, checkpoint_txg, , DEC)                                                         \
    F(S, 0xd0, U64, raidz_reflow_info, , HEX)
struct uberblock {
    UBERBLOCK_FIELDS(FIELD_MEMBER, uberblock)
};
static_assert(sizeof(struct uberblock) == 216, "uberblock");
UBERBLOCK_FIELDS(FIELD_ASSERT, uberblock)
extern const struct layout uberblock_layout;

/* Multi-modifier protection; intervals in milliseconds. */
static inline bool uberblock_mmp_valid(const struct uberblock *ub)
{
    return ub->mmp_magic == UBERBLOCK_MMP_MAGIC;
}
static inline bool uberblock_mmp_has_interval(const struct uberblock *ub)
{
    return uberblock_mmp_valid(ub) && (ub->mmp_config & 1);
}
static inline bool uberblock_mmp_has_seq(const struct uberblock *ub)
{
    return uberblock_mmp_valid(ub) && (ub->mmp_config & 2);
}
static inline bool uberblock_mmp_has_fail(const struct uberblock *ub)
{
    return uberblock_mmp_valid(ub) && (ub->mmp_config & 4);
}
static inline uint64_t uberblock_mmp_interval(const struct uberblock *ub)
{
    return BITS_GET(ub->mmp_config, 8, 24);
}
static inline uint64_t uberblock_mmp_seq(const struct uberblock *ub) /* 0 if not there */
{
    return uberblock_mmp_has_seq(ub) ? BITS_GET(ub->mmp_config, 32, 16) : 0;
}
static inline uint64_t uberblock_mmp_fail_intervals(const struct uberblock *ub)
{
    return BITS_GET(ub->mmp_config, 48, 16);
}

enum uberblock_scratch { /* raid-z reflow scratch area (format/raid.md 4.1) */
                         UBERBLOCK_SCRATCH_NOT_IN_USE,
                         UBERBLOCK_SCRATCH_VALID,
                         UBERBLOCK_SCRATCH_INVALID_SYNCED,
                         UBERBLOCK_SCRATCH_INVALID_SYNCED_ON_IMPORT,
                         UBERBLOCK_SCRATCH_INVALID_SYNCED_REFLOW,
};
static inline uint64_t uberblock_reflow_offset(const struct uberblock *ub) /* bytes */
{
    return BITS_GET(ub->raidz_reflow_info, 0, 55) << SECTOR_SHIFT;
}
static inline unsigned uberblock_reflow_state(const struct uberblock *ub)
{
    return (unsigned)BITS_GET(ub->raidz_reflow_info, 55, 9);
}

/*
 * Take an uberblock from the start of a ring slot (at least 216 bytes) whose trailer is good:
 * decides the byte order by the magic, swaps, validates. ZE_BADUB.
 */
int uberblock_load(struct uberblock *out, const void *slot, size_t len);
/* Magic, version, txg, root bp structure. 0 or ZE_BADUB. */
int uberblock_validate(const struct uberblock *ub);
/* <0, 0, >0: a is older than, as old as, newer than b (txg, timestamp, MMP sequence). */
int uberblock_compare(const struct uberblock *a, const struct uberblock *b);
void uberblock_bswap(struct uberblock *ub);
/* As `zdb -u` / `zdb -lu` print it: header names the block ("Uberblock[3]"). */
void uberblock_dump(const struct uberblock *ub, FILE *out);
struct json_t *uberblock_json(const struct uberblock *ub);

#endif
