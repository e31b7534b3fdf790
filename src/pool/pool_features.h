/* SPDX-License-Identifier: MIT */
/*
 * What features one pool has enabled and active (format/pool.md 9; the table is disk/features.h).
 * Callers: pool/ (import checks), commands (feature@ properties, `zpool upgrade -v`). The state
 * belongs to the pool; read-only after load.
 */
#ifndef ZUSE_POOL_POOL_FEATURES_H
#define ZUSE_POOL_POOL_FEATURES_H

#include "codec/nvlist.h"
#include "disk/features.h"
#include "dmu/dmu.h"

#define FEATURE_DISABLED UINT64_MAX /* count of a feature without entry */
struct pool_feature_state {
    uint64_t count[FEATURE_COUNT]; /* FEATURE_DISABLED, 0 = enabled, >0 = active */
    struct nvlist *unsupported;    /* GUID -> uint64 count, of unknown features with an entry */
    struct nvlist *unsupported_descriptions; /* GUID -> description, of active unknown ones that
                                                forbid the open */
    struct nvlist *enabled; /* GUID -> uint64 count, all with an entry ("enabled_feat") */
    bool can_readonly;      /* nothing unknown is active in the read list */
    bool can_write;
};

/* Are all features a label's features_for_read lists known? ZE_FEATURE; *unknown: GUID -> "" (may
 * be NULL). */
int pool_features_check_label(const struct nvlist *features_for_read, struct nvlist **unknown);
/*
 * Load from the MOS (version 5000). Fills *out whatever unknown features there are; the caller
 * decides by can_readonly/ can_write. ZE_CORRUPT when one of the three objects is missing.
 */
int pool_features_load(struct objset *mos, struct pool_feature_state **out);
void pool_features_free(struct pool_feature_state *state);
static inline bool pool_feature_active(const struct pool_feature_state *s, enum feature id)
{
    return s != NULL && s->count[id] != FEATURE_DISABLED && s->count[id] != 0;
}
static inline bool pool_feature_enabled(const struct pool_feature_state *s, enum feature id)
{
    return s != NULL && s->count[id] != FEATURE_DISABLED;
}
const char *pool_feature_state_name(const struct pool_feature_state *s, enum feature id);

#endif
