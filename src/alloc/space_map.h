/* SPDX-License-Identifier: MIT */
/*
 * One space map object: a log of allocations and frees (format/pool.md, "16 Space maps"), read.
 *
 * Callers: metaslab_read, log_spacemap, pool/ (DTLs), inspect/. Ownership: the struct holds its
 * dnode until space_map_close(). Locks: none; one thread at a time, or several that only read.
 * Errors: ZE_BADSPACEMAP with the object's number, ZE_BADOBJ, dmu's.
 */
#ifndef ZUSE_ALLOC_SPACE_MAP_H
#define ZUSE_ALLOC_SPACE_MAP_H

#include "base/range_tree.h"
#include "disk/spacemap_phys.h"
#include "dmu/dmu.h"

struct space_map {
    struct dnode *dn;
    uint64_t object;
    uint64_t start, size; /* bytes it describes: [start, start + size) */
    unsigned shift;       /* log2 of the unit of entries */
    struct spacemap_phys phys;
    bool has_histogram;
};

int space_map_open(struct objset *mos, uint64_t object, uint64_t start, uint64_t size,
                   unsigned shift, struct space_map **out);
void space_map_close(struct space_map *sm); /* NULL is fine */

/* An entry with its place in bytes, and the txg and pass of the last debug word before it (0:
 * none). */
struct space_map_entry {
    struct spacemap_entry phys; /* also DEBUG and PADDING words */
    uint64_t start, size;       /* ALLOC and FREE: bytes */
    uint64_t txg;
    unsigned pass;
};
/* Every entry of the first `length` bytes of the log (UINT64_MAX: all). fn's non-zero answer ends
 * it. */
typedef int (*space_map_fn)(void *arg, const struct space_map_entry *e);
int space_map_iterate(const struct space_map *sm, uint64_t length, space_map_fn fn, void *arg);

enum space_map_load_flags {
    SPACE_MAP_LENIENT = 1 << 0, /* double allocations and frees are taken as they come */
    SPACE_MAP_FREES = 1 << 1,   /* collect FREE entries, not ALLOC (checkpoint maps) */
};
/*
 * Replay the log into an empty or filled set: ALLOC adds, FREE removes (SPACE_MAP_FREES: the other
 * way round). An allocation of what is in the set or a free of what is not: ZE_BADSPACEMAP.
 */
int space_map_load(const struct space_map *sm, unsigned flags, struct range_tree *into);

#endif
