/* SPDX-License-Identifier: MIT */
/*
 * Dedup tables, read: both formats, the log of fast dedup, statistics, lookup, iteration
 * (format/crypto-dedup.md, part B).
 *
 * Callers: inspect/ (zdb -D, leak check, scrub order), pool/ (statistics). Ownership: struct
 * ddt_tables is everything of one pool, freed by ddt_tables_close(). Locks: none; one thread at a
 * time, or several that only look up. Errors: ZE_BADDDT, zap's, dmu's. Memory: the entries of the
 * logs; ZAPs are read on demand.
 */
#ifndef ZUSE_ALLOC_DDT_H
#define ZUSE_ALLOC_DDT_H

#include "disk/ddt_phys.h"
#include "dmu/zap.h"

struct vdev_tree;

struct ddt_entry {
    struct ddt_key_phys key;
    struct ddt_value value;
    unsigned type, class; /* where it is (or was, if from a log) in the ZAPs; NONE: nowhere */
    bool from_log;
    uint64_t cursor; /* position behind it in its ZAP, as zdb -DDDD prints it */
};

/* The ZAP of one class of one table. */
struct ddt_class_object {
    uint64_t object; /* 0: no such class */
    uint64_t entries;
    uint64_t dspace; /* bytes on disk */
    uint64_t mspace; /* bytes in memory: non-hole blocks at full size */
    struct ddt_stat_phys stats[DDT_STAT_BUCKETS];
};

struct ddt_log {
    uint64_t object; /* 0: none */
    struct ddt_log_phys phys;
    struct ddt_entry *entry; /* sorted by key, the latest version of each */
    size_t n;
};

struct ddt_table {
    enum checksum_id cksum;
    const char *name; /* "sha256" */
    unsigned version; /* DDT_VERSION_LEGACY, DDT_VERSION_FDT */
    unsigned flags;
    uint64_t dir_object; /* holds the class entries; 1 (the MOS directory) for legacy tables */
    struct ddt_class_object class[DDT_CLASSES];
    struct ddt_log log[2];             /* by number: DDT-log-NAME-0, -1 */
    struct ddt_log *active, *flushing; /* NULL for legacy tables */
    struct objset *mos;
};

struct ddt_tables {
    struct ddt_table *table;
    unsigned n; /* 0: the pool has no dedup tables */
};

/* Find all tables and read their logs. */
int ddt_tables_open(struct objset *mos, struct ddt_tables **out);
void ddt_tables_close(struct ddt_tables *t); /* NULL is fine */
/* The table of blocks with this checksum function; NULL if there is none. */
const struct ddt_table *ddt_table_find(const struct ddt_tables *t, enum checksum_id cksum);

/* Current version of an entry: active log, flushing log, ZAPs. ZE_NOENT. */
int ddt_lookup(const struct ddt_table *t, const struct ddt_key_phys *key, struct ddt_entry *out);
/* The slot of an entry that a block pointer was counted in (B4), or NULL. */
const struct ddt_slot_phys *ddt_entry_slot(const struct ddt_entry *e, const struct blkptr *bp);

/* fn's non-zero answer ends an iteration and is returned. */
typedef int (*ddt_fn)(void *arg, const struct ddt_entry *e);
/* Entries as one ZAP holds them, superseded by a log or not. */
int ddt_iterate_class(const struct ddt_table *t, unsigned class, ddt_fn fn, void *arg);
/* The current version of every entry of a table: logs first, then what they do not supersede. */
int ddt_iterate(const struct ddt_table *t, ddt_fn fn, void *arg);

/* Add an entry to a histogram of 64 buckets; dsize needs the vdevs' deflate ratios (NULL: not
 * deflated). */
void ddt_stat_add(struct ddt_stat_phys hist[DDT_STAT_BUCKETS], const struct ddt_entry *e,
                  const struct vdev_tree *vdevs);
/* Sum over all tables and logs, for zdb -DD and zpool status -D. */
void ddt_histogram(const struct ddt_tables *t, const struct vdev_tree *vdevs,
                   struct ddt_stat_phys hist[DDT_STAT_BUCKETS]);
void ddt_stat_total(const struct ddt_stat_phys hist[DDT_STAT_BUCKETS], struct ddt_stat_phys *out);

#endif
