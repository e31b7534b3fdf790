/* SPDX-License-Identifier: MIT */
/*
 * A set of disjoint uint64 ranges [start, start+size), kept merged: dirty time logs (of txgs),
 * space maps and free space (of bytes). A B+ tree of our own, some 20-30 bytes a range, O(log n).
 * Ranges that touch are joined. start+size must not exceed 2^64-1 (ZE_OVERFLOW).
 * Owner: whoever created it. Locks: none, the caller's. Errors: ZE_NOMEM leaves the set unchanged.
 */
#ifndef ZUSE_BASE_RANGE_TREE_H
#define ZUSE_BASE_RANGE_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct range_tree;
struct range {
    uint64_t start, size;
};

int range_tree_create(struct range_tree **out);
void range_tree_destroy(struct range_tree *rt); /* NULL is fine */

/* Union with [start, start+size); overlap is fine. size 0 does nothing. */
int range_tree_add(struct range_tree *rt, uint64_t start, uint64_t size);
/* As range_tree_add, but ZE_EXISTS if any part is in the set already (a double allocation). */
int range_tree_add_new(struct range_tree *rt, uint64_t start, uint64_t size);
/* Take out whatever of [start, start+size) is in the set. */
int range_tree_remove(struct range_tree *rt, uint64_t start, uint64_t size);
/* As range_tree_remove, but ZE_NOENT unless all of it is in the set (a double free). */
int range_tree_remove_all(struct range_tree *rt, uint64_t start, uint64_t size);
void range_tree_clear(struct range_tree *rt);

/* All of [start, start+size) is in the set; true for size 0. */
bool range_tree_contains(const struct range_tree *rt, uint64_t start, uint64_t size);
/* Any part of it is in the set. */
bool range_tree_overlaps(const struct range_tree *rt, uint64_t start, uint64_t size);

/*
 * Iteration, also while the set is being changed:
 *     struct range r;
 *     for (bool ok = range_tree_first(rt, &r); ok; ok = range_tree_next(rt, &r)) ...
 */
bool range_tree_first(const struct range_tree *rt, struct range *out);
bool range_tree_last(const struct range_tree *rt, struct range *out);
/* The first range after *r. */
bool range_tree_next(const struct range_tree *rt, struct range *r);
/* The first range that holds at or lies after at. */
bool range_tree_find(const struct range_tree *rt, uint64_t at, struct range *out);
/* Walk all in order, faster than first/next; the set must not change. Stops at non-zero, returns
 * it. */
int range_tree_walk(const struct range_tree *rt, int (*fn)(const struct range *r, void *arg),
                    void *arg);

/* dst |= src; dst -= src. On ZE_NOMEM dst holds part of the result. */
int range_tree_union(struct range_tree *dst, const struct range_tree *src);
int range_tree_subtract(struct range_tree *dst, const struct range_tree *src);
void range_tree_swap(struct range_tree *a, struct range_tree *b);

uint64_t range_tree_total(const struct range_tree *rt);  /* sum of sizes */
uint64_t range_tree_count(const struct range_tree *rt);  /* number of ranges */
uint64_t range_tree_memory(const struct range_tree *rt); /* bytes */
bool range_tree_is_empty(const struct range_tree *rt);

#endif
