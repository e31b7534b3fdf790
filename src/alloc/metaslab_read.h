/* SPDX-License-Identifier: MIT */
/*
 * What of a pool's vdevs is allocated, as the space maps say: metaslabs with their own maps and
 * unflushed log entries, checkpoint and obsolete maps (format/pool.md 15.1, 16.4, 17;
 * format/raid.md 5.5, 7.8).
 *
 * Callers: inspect/ (leak check, zdb -m), pool/ (space). Ownership: one struct metaslabs for a
 * pool, freed by metaslabs_close(); it refers to the MOS and the vdev tree. Locks: none; do not
 * share while loading. Errors: ZE_BADSPACEMAP, ZE_BADVDEV (impossible division), dmu's. Memory: the
 * ranges of unflushed changes of all metaslabs; allocated sets only of those the caller loads.
 */
#ifndef ZUSE_ALLOC_METASLAB_READ_H
#define ZUSE_ALLOC_METASLAB_READ_H

#include "alloc/log_spacemap.h"
#include "vdev/vdev.h"

struct metaslab {
    uint64_t id;
    uint64_t start, size;   /* bytes of the top-level vdev */
    uint64_t object;        /* space map, 0: never written, all free */
    uint64_t map_length;    /* bytes of the space map's log */
    int64_t map_alloc;      /* allocated as of the space map alone */
    uint64_t unflushed_txg; /* 0: no log entries count */
    struct range_tree *unflushed_allocs, *unflushed_frees; /* NULL: none */
    bool has_histogram;
    uint64_t histogram[SPACEMAP_HISTOGRAM_BUCKETS]; /* as stored */
};

struct metaslab_vdev {
    struct vdev *vd;
    struct metaslab *ms;
    uint64_t count;
    uint64_t unflushed_object;                   /* array of unflushed txgs, 0 = none */
    uint64_t checkpoint_object, obsolete_object; /* space maps, 0 = none */
    int64_t checkpoint_alloc;                    /* negative: bytes only the checkpoint holds */
};

struct metaslabs {
    struct objset *mos;
    struct metaslab_vdev *vdev; /* one a top-level vdev, by id; count 0 for holes, indirect... */
    unsigned nvdevs;
    struct log_spacemaps logs;
};

/*
 * Read the metaslab arrays, headers and logs of all top-level vdevs. The logs' entries that are not
 * yet in a metaslab's own map are in its unflushed sets afterwards.
 */
int metaslabs_open(struct objset *mos, struct vdev_tree *tree, struct metaslabs **out);
void metaslabs_close(struct metaslabs *m); /* NULL is fine */

/* Bytes allocated in a metaslab, logs included. */
uint64_t metaslab_allocated(const struct metaslab *ms);
/*
 * The set of allocated ranges of one metaslab into *out (bytes of the vdev); ZE_BADSPACEMAP if the
 * map contradicts itself, its logs or the amount in its header.
 */
int metaslab_load(const struct metaslabs *m, unsigned vdev, uint64_t id, struct range_tree **out);
/* The same for a whole top-level vdev, metaslab after metaslab, into one set. */
int metaslabs_load_vdev(const struct metaslabs *m, unsigned vdev, struct range_tree *into);
/* Ranges held for the checkpoint only / obsolete ranges of an indirect vdev; empty if there is no
 * map. */
int metaslabs_load_checkpoint(const struct metaslabs *m, unsigned vdev, struct range_tree *into);
int metaslabs_load_obsolete(const struct metaslabs *m, unsigned vdev, struct range_tree *into);

/* Division of a top-level vdev: bounds of metaslab id (dRAID: trimmed to whole stripes). */
void metaslab_bounds(const struct vdev *top, uint64_t id, uint64_t *start, uint64_t *size);
/* log2 of the metaslab size for a new top-level vdev of this allocatable size (15.1). */
unsigned metaslab_shift_for(uint64_t asize);
/* Free segments of [start, start + size) by log2 of their size: what `allocated` leaves. */
void metaslab_free_histogram(const struct range_tree *allocated, uint64_t start, uint64_t size,
                             uint64_t histogram[64]);

#endif
