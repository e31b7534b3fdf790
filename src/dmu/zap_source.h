/* SPDX-License-Identifier: MIT */
/*
 * Where a ZAP's blocks come from: the dnode it is stored in, or (tests, fuzzing) memory. Blocks are
 * in host order and may have any contents. Ownership: the source outlives the zap made on it.
 */
#ifndef ZUSE_DMU_ZAP_SOURCE_H
#define ZUSE_DMU_ZAP_SOURCE_H

#include <stdint.h>

#include "dmu/zap.h"

struct zap_block {
    const void *data; /* block_size bytes, aligned for uint64_t */
    void *ref;        /* the source's */
};

struct zap_source {
    uint64_t blocks;     /* number of blocks, holes included */
    uint64_t block_size; /* bytes */
    uint64_t object;     /* for messages */
    int (*hold)(struct zap_source *src, uint64_t blkid, struct zap_block *out);
    void (*rele)(struct zap_source *src, struct zap_block *b);
    void (*prefetch)(struct zap_source *src); /* all of it will be wanted; may be NULL */
};

int zap_open_source(struct zap_source *src, struct zap **out);

#endif
