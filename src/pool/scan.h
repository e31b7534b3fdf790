/* SPDX-License-Identifier: MIT */
/*
 * Looking for devices that carry pool labels (format/pool.md 7.1): in given directories and
 * devices, or along the default search path. Reads labels of many devices at once. Callers:
 * assemble, commands (labels of one device). The result owns its configs.
 */
#ifndef ZUSE_POOL_SCAN_H
#define ZUSE_POOL_SCAN_H

#include "base/env.h"
#include "codec/nvlist.h"

struct scan_device {
    char *path;
    struct nvlist *config; /* label_scan_config() */
    unsigned num_labels;   /* with a right checksum; 0 if none */
    unsigned order;        /* of the search; lower is preferred */
};

struct pool_scan {
    struct scan_device *dev;
    size_t n;
    size_t tried; /* devices looked at */
};

struct pool_scan_args {
    const char *const *paths; /* directories, devices, files; NULL: search path */
    size_t npaths;
    unsigned threads; /* 0: a sensible number */
};

/*
 * Devices without label, unreadable ones and missing paths are left out silently. ZE_NOMEM. The
 * search path is that of the environment variable ZPOOL_IMPORT_PATH (colon separated), else the
 * usual directories below /dev.
 */
int pool_scan_devices(struct env *env, const struct pool_scan_args *args, struct pool_scan **out);
void pool_scan_free(struct pool_scan *scan);

#endif
