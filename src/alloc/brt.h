/* SPDX-License-Identifier: MIT */
/*
 * The block reference table (cloned blocks), read (format/crypto-dedup.md, part C).
 *
 * Callers: inspect/ (zdb -T, leak check), pool/ (properties). Ownership: freed by brt_close().
 * Locks: none. Errors: ZE_BADBRT, zap's, dmu's.
 */
#ifndef ZUSE_ALLOC_BRT_H
#define ZUSE_ALLOC_BRT_H

#include "disk/brt_phys.h"
#include "dmu/zap.h"

struct brt_vdev {
    uint64_t vdev;   /* id */
    uint64_t object; /* "BRT vdev object" */
    struct brt_vdev_phys phys;
};
struct brt {
    struct objset *mos;
    struct brt_vdev *vdev; /* ascending by id; only vdevs that have cloned blocks */
    unsigned n;
};

int brt_open(struct objset *mos, struct brt **out);
void brt_close(struct brt *brt);                                            /* NULL is fine */
const struct brt_vdev *brt_vdev_find(const struct brt *brt, uint64_t vdev); /* NULL if none */

/* Totals over all vdevs, bytes (deflated). */
uint64_t brt_used(const struct brt *brt);
uint64_t brt_saved(const struct brt *brt);
/* (used + saved) / used in hundredths, as bcloneratio shows it; 100 without clones. */
uint64_t brt_ratio(const struct brt *brt);

/* References beyond the first of the block at DVA d; 0 if it has no entry. */
int brt_lookup(const struct brt *brt, const struct dva *d, uint64_t *refs);
/* Each entry of a vdev in the order of the ZAP: offset in bytes, references beyond the first. */
typedef int (*brt_fn)(void *arg, uint64_t vdev, uint64_t offset, uint64_t refs);
int brt_iterate(const struct brt *brt, const struct brt_vdev *bv, brt_fn fn, void *arg);
/* The counters of entries per range; *counters is the caller's (free()), *n of them. */
int brt_counters(const struct brt *brt, const struct brt_vdev *bv, uint16_t **counters,
                 uint64_t *n);

#endif
