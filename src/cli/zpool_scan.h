/* SPDX-License-Identifier: MIT */
/* Words of the progress arrays in a pool's configuration. Callers: zpool_scan.c,
 * zpool_json_stats.c. */
#ifndef ZUSE_CLI_ZPOOL_SCAN_H
#define ZUSE_CLI_ZPOOL_SCAN_H

#include "codec/nvlist.h"

/* scan_stats: dsl_scan_phys (format/raid.md 10.1). */
enum {
    SCAN_FUNC,
    SCAN_STATE,
    SCAN_START = 7,
    SCAN_END,
    SCAN_TO_EXAMINE,
    SCAN_EXAMINED,
    SCAN_SKIPPED,
    SCAN_PROCESSED,
    SCAN_ERRORS,
    SCAN_FLAGS = 23,
    SCAN_WORDS
};
enum { SCAN_FUNC_NONE, SCAN_FUNC_SCRUB, SCAN_FUNC_RESILVER };
enum { SCAN_STATE_NONE, SCAN_STATE_SCANNING, SCAN_STATE_FINISHED, SCAN_STATE_CANCELED };
/* removal_stats: com.delphix:removing (7.1) and the bytes its mapping takes. */
enum {
    REMOVAL_STATE,
    REMOVAL_VDEV,
    REMOVAL_PREV,
    REMOVAL_START,
    REMOVAL_END,
    REMOVAL_TO_COPY,
    REMOVAL_COPIED,
    REMOVAL_MEMORY
};
enum { EXPAND_VDEV, EXPAND_STATE, EXPAND_START, EXPAND_END, EXPAND_TO_REFLOW, EXPAND_REFLOWED };

static inline uint64_t scan_issued(const uint64_t *s)
{
    return s[SCAN_EXAMINED] > s[SCAN_SKIPPED] ? s[SCAN_EXAMINED] - s[SCAN_SKIPPED] : 0;
}
const struct nvlist *scan_top_by_id(const struct nvlist *root, uint64_t id);

#endif
