/* SPDX-License-Identifier: MIT */
/*
 * From labels found on devices to the configurations of whole pools (format/pool.md 7.2), and
 * choosing one by name or GUID. Pure functions over nvlists; results are the caller's.
 */
#ifndef ZUSE_POOL_ASSEMBLE_H
#define ZUSE_POOL_ASSEMBLE_H

#include "pool/scan.h"

struct pool_candidates {
    struct nvlist **config; /* as pool_import() takes them; ordered by first appearance */
    size_t n;
};

/* Labels that contradict the format are left out. ZE_NOMEM. */
int pool_assemble(const struct pool_scan *scan, struct pool_candidates **out);
void pool_candidates_free(struct pool_candidates *c);
/*
 * The candidate called so: a decimal GUID or a name. Destroyed pools count only if destroyed is set
 * (then only they do). ZE_NOPOOL; ZE_EXISTS: several pools of that name, use the GUID.
 */
int pool_candidates_find(const struct pool_candidates *c, const char *name_or_guid, bool destroyed,
                         const struct nvlist **out);
/*
 * Replace the paths of leaves by those of devices found with the same guid (cache file configs of
 * moved devices). *out is a new configuration.
 */
int pool_config_fix_paths(const struct nvlist *config, const struct pool_scan *scan,
                          struct nvlist **out);

#endif
