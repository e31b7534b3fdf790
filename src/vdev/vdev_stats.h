/* SPDX-License-Identifier: MIT */
/*
 * Counters and histograms of one vdev, and the form in which commands get them: the uint64 array
 * "vdev_stats" (indices below) and the nvlist "vdev_stats_ex" of queue lengths and histogram
 * arrays, both made by vdev_config_generate(VDEV_CONFIG_STATS). Updated lock-free with relaxed
 * atomics; a reader sees each counter whole but no common instant.
 */
#ifndef ZUSE_VDEV_VDEV_STATS_H
#define ZUSE_VDEV_VDEV_STATS_H

#include "vdev/vdev.h"

#define VDEV_LATENCY_BUCKETS 37 /* bucket i: up to 2^i ns; the last one takes the rest */
#define VDEV_SIZE_BUCKETS    25 /* bucket i: up to 2^i bytes (16 MiB) */

/* Latency histograms of `zpool iostat -w`, in column order. */
enum vdev_latency_histogram {
    VDEV_LAT_TOTAL_READ,
    VDEV_LAT_TOTAL_WRITE,
    VDEV_LAT_DISK_READ,
    VDEV_LAT_DISK_WRITE,
    VDEV_LAT_SYNCQ_READ,
    VDEV_LAT_SYNCQ_WRITE,
    VDEV_LAT_ASYNCQ_READ,
    VDEV_LAT_ASYNCQ_WRITE,
    VDEV_LAT_SCRUB,
    VDEV_LAT_TRIM,
    VDEV_LAT_REBUILD,
    VDEV_LATS
};
const char *vdev_latency_name(enum vdev_latency_histogram h); /* key in "vdev_stats_ex" */

/* Request size histograms of `zpool iostat -r` exist per class, individual and aggregated. */
enum vdev_size_class {
    VDEV_SIZE_SYNC_READ,
    VDEV_SIZE_SYNC_WRITE,
    VDEV_SIZE_ASYNC_READ,
    VDEV_SIZE_ASYNC_WRITE,
    VDEV_SIZE_SCRUB,
    VDEV_SIZE_TRIM,
    VDEV_SIZE_REBUILD,
    VDEV_SIZE_CLASSES
};
const char *
vdev_size_class_name(enum vdev_size_class c); /* "sync_read": keys are NAME_ind and NAME_agg */

struct vdev_histograms {
    _Atomic uint64_t latency[VDEV_LATS][VDEV_LATENCY_BUCKETS];
    _Atomic uint64_t size_ind[VDEV_SIZE_CLASSES][VDEV_SIZE_BUCKETS];
    _Atomic uint64_t size_agg[VDEV_SIZE_CLASSES][VDEV_SIZE_BUCKETS];
};

/* Indices of the array "vdev_stats". Sizes in bytes, time in seconds. */
enum vdev_stat {
    VDEV_STAT_TIMESTAMP_NS, /* monotonic */
    VDEV_STAT_STATE,
    VDEV_STAT_AUX,
    VDEV_STAT_ALLOC, /* filled in by pool/, which knows the space maps */
    VDEV_STAT_SPACE,
    VDEV_STAT_DSPACE,
    VDEV_STAT_RSIZE, /* replaceable size */
    VDEV_STAT_ESIZE, /* expandable size */
    VDEV_STAT_PSPACE,
    VDEV_STAT_OPS_READ,
    VDEV_STAT_OPS_WRITE,
    VDEV_STAT_OPS_FLUSH,
    VDEV_STAT_OPS_TRIM,
    VDEV_STAT_BYTES_READ,
    VDEV_STAT_BYTES_WRITE,
    VDEV_STAT_BYTES_FLUSH,
    VDEV_STAT_BYTES_TRIM,
    VDEV_STAT_READ_ERRORS,
    VDEV_STAT_WRITE_ERRORS,
    VDEV_STAT_CHECKSUM_ERRORS,
    VDEV_STAT_SLOW_IOS,
    VDEV_STAT_SELF_HEALED,
    VDEV_STAT_FRAGMENTATION, /* UINT64_MAX = unknown; by pool/ */
    VDEV_STAT_RESILVER_DEFERRED,
    VDEV_STAT_CONFIGURED_ASHIFT,
    VDEV_STAT_LOGICAL_ASHIFT,
    VDEV_STAT_PHYSICAL_ASHIFT,
    VDEV_STAT_SCAN_PROCESSED, /* bytes resilvered on this leaf */
    VDEV_STAT_REBUILD_PROCESSED,
    VDEV_STAT_INITIALIZE_STATE, /* leaf ZAP, by pool/ */
    VDEV_STAT_INITIALIZE_BYTES,
    VDEV_STAT_INITIALIZE_TIME,
    VDEV_STAT_TRIM_STATE,
    VDEV_STAT_TRIM_BYTES,
    VDEV_STAT_TRIM_TIME,
    VDEV_STAT_NOALLOC,
    VDEV_STAT_LATENCY_READ_NS, /* sums; divide by ops */
    VDEV_STAT_LATENCY_WRITE_NS,
    VDEV_STAT_CHECKPOINT, /* bytes; by pool/ */
    VDEV_STATS_COUNT
};

/* One finished leaf I/O. aggregated: it went to the device as part of a larger one of run_size
 * bytes. */
void vdev_stats_count(struct vdev *vd, const struct vdev_io *io, uint64_t now_ns);
void vdev_stats_count_request(struct vdev *vd, enum vdev_prio prio, enum device_op op,
                              uint64_t size, bool aggregated);
/* Array for "vdev_stats". For an interior vdev the sum of leaves where it has no counters of its
 * own (root). */
void vdev_stats_get(const struct vdev *vd, uint64_t out[VDEV_STATS_COUNT]);
/* Queue lengths and histograms as an nvlist "vdev_stats_ex". */
int vdev_stats_ex(const struct vdev *vd, struct nvlist **out);
void vdev_stats_clear_errors(struct vdev *vd); /* `zpool clear`: this vdev and below */

#endif
