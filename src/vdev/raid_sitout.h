/* SPDX-License-Identifier: MIT */
/*
 * Read sit-out (format/raid.md 6): a child of a parity vdev that is far slower than its siblings is
 * not read for a while; its columns are reconstructed instead. Kept in memory by raidz.c and
 * draid.c, off unless `enabled` (property autosit) is set; raid_sitout_set() is the hand-set leaf
 * property sit_out.
 *
 * Locks: one check at a time by an atomic flag; the rest are atomics. Never blocks.
 */
#ifndef ZUSE_VDEV_RAID_SITOUT_H
#define ZUSE_VDEV_RAID_SITOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vdev/raidz_map.h"
#include "vdev/vdev.h"

struct raid_sitout {
    atomic_bool enabled;
    atomic_bool checking;
    _Atomic uint64_t next_check_ns;
    atomic_uint out_count; /* children with an end time, to answer "nobody" fast */
    unsigned outliers;     /* since the counts were last reduced; the checker's */
    struct {
        _Atomic uint64_t until_ns;
        uint64_t ops, latency_ns; /* at the last check */
        unsigned outliers;
    } child[RAID_MAX_CHILDREN];
};

/* Called for each read: now and then compares the children's latencies. */
void raid_sitout_check(struct raid_sitout *s, const struct vdev *vd);
bool raid_sitout_is_out(struct raid_sitout *s, const struct vdev *vd, unsigned child);
/* Until 0 ends it. */
void raid_sitout_set(struct raid_sitout *s, unsigned child, uint64_t until_ns);
/* Of a raidz or dRAID vdev. */
struct raid_sitout *vdev_raidz_sitout(struct vdev *vd);
struct raid_sitout *vdev_draid_sitout(struct vdev *vd);

#endif
