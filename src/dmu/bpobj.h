/* SPDX-License-Identifier: MIT */
/*
 * Lists of block pointers kept in objects (format/dmu.md, "10. bpobj, bplist, bptree"): deadlists,
 * pending frees, livelists, with their sub-objects, of all header versions; and the list of trees
 * being destroyed.
 *
 * Callers: dsl/, inspect/. Ownership: a struct bpobj is what was parsed of the header, freed by
 * bpobj_close(); it holds nothing. Locks: none (it does not change once open). Errors: ZE_BADDSL,
 * ZE_BADOBJ (wrong object type), ZE_BADBP, dmu's.
 */
#ifndef ZUSE_DMU_BPOBJ_H
#define ZUSE_DMU_BPOBJ_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/bpobj_phys.h"
#include "dmu/dmu.h"

struct bpobj;

/* Totals kept in the header: sub-objects included, freed entries subtracted. */
struct bpobj_space {
    uint64_t bytes;        /* device space, deflated */
    uint64_t comp, uncomp; /* bytes; 0 in headers of old pools */
    bool has_comp;
};

int bpobj_open(struct objset *mos, uint64_t object, struct bpobj **out);
void bpobj_close(struct bpobj *bpo);
void bpobj_space(const struct bpobj *bpo, struct bpobj_space *out);
bool bpobj_is_empty(const struct bpobj *bpo); /* neither pointers nor sub-objects */
/* The header; fields its version does not have are zero. */
const struct bpobj_phys *bpobj_header(const struct bpobj *bpo);
bool bpobj_counts_freed(const struct bpobj *bpo);

/*
 * Every entry of the object and of all its sub-objects, each object's oldest first. freed: a
 * livelist entry that cancels an allocation. fn's answer other than 0 ends it and is returned.
 */
typedef int (*bpobj_fn)(void *arg, const struct blkptr *bp, bool freed);
int bpobj_iterate(const struct bpobj *bpo, bpobj_fn fn, void *arg);
/* Only the object's own entries. */
int bpobj_iterate_own(const struct bpobj *bpo, bpobj_fn fn, void *arg);
/* The object and everything below it: fn gets the object numbers of bpobjs, then of their
 * sub-object lists. */
int bpobj_each_object(const struct bpobj *bpo, int (*fn)(void *arg, uint64_t object), void *arg);

/* The trees waiting to be destroyed, in order. header may be NULL. */
int bptree_iterate(struct objset *mos, uint64_t object, struct bptree_phys *header,
                   int (*fn)(void *arg, const struct bptree_entry_phys *e), void *arg);

/* ---- where the objects come from: the MOS, or (tests, fuzzing) memory ---- */
struct bpobj_object {
    unsigned type, bonustype;
    uint64_t size; /* bytes of data */
    uint8_t bonus[64];
    size_t bonus_len; /* as stored; may be more than fits above */
};
struct bpobj_source {
    int (*info)(struct bpobj_source *src, uint64_t object, struct bpobj_object *out);
    int (*read)(struct bpobj_source *src, uint64_t object, uint64_t off, void *buf, uint64_t len);
};
int bpobj_open_source(struct bpobj_source *src, uint64_t object, struct bpobj **out);

#endif
