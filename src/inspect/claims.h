/* SPDX-License-Identifier: MIT */
/*
 * Who owns which space: every block pointer of a pool is claimed here, then what was claimed is
 * compared with what the space maps say (format/pool.md 23, crypto-dedup.md E). Knows gang blocks,
 * dedup and clone references, removed vdevs, a removal in progress and the checkpoint.
 *
 * Callers: verify, zdb. Ownership: freed by claims_free(). Locks: none; one thread. Memory: one bit
 * for each allocation unit of the vdev, in pages made when they are needed; 24 bytes for each entry
 * of dedup and clone tables; one metaslab's allocated set while comparing. Errors: ZE_NOMEM; what
 * cannot be read is told to the sink and counted.
 */
#ifndef ZUSE_INSPECT_CLAIMS_H
#define ZUSE_INSPECT_CLAIMS_H

#include "pool/pool.h"

struct claims;

enum claim_result {
    CLAIM_NEW,     /* first owner */
    CLAIM_DEDUP,   /* another reference of a dedup entry */
    CLAIM_CLONE,   /* another reference of a cloned block */
    CLAIM_TWICE,   /* (partly) somebody else's already, or more references than recorded */
    CLAIM_NOWHERE, /* not on an existing vdev */
};

/* What is wrong, one line each, without newline. */
struct claims_sink {
    void (*tell)(void *arg, const char *text);
    void *arg;
};

struct claims_totals {
    uint64_t claimed, allocated; /* bytes, raw */
    uint64_t leaked, doubled, unallocated;
    uint64_t dedup_bytes, dedup_refs; /* saved by references beyond the first */
    uint64_t clone_bytes, clone_refs;
    uint64_t checkpoint, removing; /* held for them */
    uint64_t wrong_refs;           /* entries of dedup and clone tables with a wrong count */
    uint64_t unreadable;           /* maps, tables and gang headers that could not be read */
};

/* Reads the dedup and clone tables. */
int claims_create(struct pool *pool, const struct claims_sink *sink, struct claims **out);
void claims_free(struct claims *c); /* NULL is fine */
int claims_add(struct claims *c, const struct blkptr *bp, const struct bookmark *zb,
               enum claim_result *res);
/*
 * Compare with the space maps. partial: not all blocks could be visited, so nothing is called
 * leaked.
 */
int claims_compare(struct claims *c, bool partial);
/* Is the place of bp's first DVA claimed already? */
bool claims_has(const struct claims *c, const struct blkptr *bp);
const struct claims_totals *claims_totals(const struct claims *c);

#endif
