/* SPDX-License-Identifier: MIT */
/* Properties of one vdev, computed and stored (format/dsl.md 12.2, format/pool.md 20). Callers:
 * service/. */
#ifndef ZUSE_POOL_VDEV_PROPS_H
#define ZUSE_POOL_VDEV_PROPS_H

#include "pool/pool.h"

/*
 * As pool_props_get(): name -> {"value", "source"}, in the order of `zpool get all POOL VDEV`;
 * sizes, counts and the state number are uint64, "" and UINT64_MAX stand for "-". names NULL: all.
 * ZE_INVAL for spares and cache devices.
 */
int pool_vdev_props_get(struct pool *pool, const struct vdev *vd, const char *const *names,
                        size_t n, struct nvlist **out);
/*
 * The vdev a user means by name: display name ("mirror-0"), path or its last component, or GUID;
 * "root-0" is the root. Also among spares and cache devices. NULL if there is none.
 */
struct vdev *pool_vdev_find(struct pool *pool, const char *name);

#endif
