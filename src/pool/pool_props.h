/* SPDX-License-Identifier: MIT */
/*
 * Pool properties: stored, computed, given at import (format/dsl.md 12.1, format/pool.md 12.1).
 * Callers: service/ (`zpool get`, `zpool list`).
 */
#ifndef ZUSE_POOL_POOL_PROPS_H
#define ZUSE_POOL_POOL_PROPS_H

#include "pool/pool.h"

/*
 * All properties in the order in which `zpool get all` shows them: nvlist name -> nvlist {"value",
 * "source"}. value is a uint64 for sizes, counts, percentages and ratios (in 1/100), a string for
 * everything else ("on", "wait", a name; "" = not set). source: "" (none), "default" or "local".
 * Features and user properties follow. Sizes that are unknown are UINT64_MAX. names NULL: all, else
 * only those.
 */
int pool_props_get(struct pool *pool, const char *const *names, size_t n, struct nvlist **out);
/* Check and keep the properties of `zpool import -o`. ZE_BADPROP. */
int pool_props_import(struct pool *pool, const struct nvlist *props);
/* What `zpool status` and the health property say of the whole pool: "ONLINE", "DEGRADED",
 * "SUSPENDED"... */
const char *pool_health(const struct pool *pool);

#endif
