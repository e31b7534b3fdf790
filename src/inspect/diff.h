/* SPDX-License-Identifier: MIT */
/*
 * What changed in a file system between a snapshot and a later state (format/zpl-zil.md, "18 zfs
 * diff"). Caller: service/. Ownership: a change's strings are valid during the call. Locks: none
 * held during calls. Errors: ZE_RANGE when from is not earlier on the line of to, those of zpl and
 * dmu, what the callback returns.
 */
#ifndef ZUSE_INSPECT_DIFF_H
#define ZUSE_INSPECT_DIFF_H

#include <stdint.h>
#include <time.h>

#include "dsl/dsl.h"
#include "pool/pool.h"

struct diff_change {
    char kind;           /* + - M R */
    const char *path;    /* from the root of the file system, begins with '/' */
    const char *newpath; /* R only, else NULL */
    uint32_t mode;
    struct timespec ctime;
    int64_t links; /* change of the number of hard links, 0 if it does not matter */
};

/* to: a later snapshot, or the file system itself. Changes come in the order of object numbers. */
int diff_datasets(struct pool *pool, struct dsl_dataset *from, struct dsl_dataset *to,
                  int (*fn)(void *arg, const struct diff_change *change), void *arg);

#endif
