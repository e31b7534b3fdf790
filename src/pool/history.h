/* SPDX-License-Identifier: MIT */
/* The pool's history, read (format/pool.md 12.2). Callers: service/ (`zpool history`), inspect/
 * (`zdb -h`). */
#ifndef ZUSE_POOL_HISTORY_H
#define ZUSE_POOL_HISTORY_H

#include "pool/pool.h"

/*
 * Calls fn for each record, oldest first, the creation records before the ring. fn's answer other
 * than 0 ends the walk and is returned. A damaged record ends it with ZE_CORRUPT. A pool without
 * history has no records.
 */
int pool_history_each(struct pool *pool, int (*fn)(void *arg, const struct nvlist *record),
                      void *arg);

#endif
