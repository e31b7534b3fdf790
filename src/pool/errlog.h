/* SPDX-License-Identifier: MIT */
/* The persistent error log, read in both formats (format/pool.md 12.3, 12.4). */
#ifndef ZUSE_POOL_ERRLOG_H
#define ZUSE_POOL_ERRLOG_H

#include "pool/pool.h"

struct pool_error {
    struct bookmark zb; /* objset: dataset object (head_errlog: of the head) */
    uint64_t birth;     /* 0 in the old format */
};

int pool_errlog_count(struct pool *pool, uint64_t *out);
/* Each entry of the last completed log, then of the one being written by a scan; duplicates are
 * possible. */
int pool_errlog_each(struct pool *pool, int (*fn)(void *arg, const struct pool_error *e),
                     void *arg);

#endif
