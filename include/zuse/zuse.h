/* SPDX-License-Identifier: MIT */
/*
 * libzuse: everything the zpool, zfs and zuse commands can do, for programs. A call names an
 * operation and takes and gives name-value lists; docs/service.md lists the operations.
 *
 * A handle talks to zused (started on demand) or holds the engine in this process; both answer
 * alike. A handle is used by one thread at a time. Return values are 0 or negative error codes
 * (zuse_error_name()); the text of the last failure names what was wrong.
 */
#ifndef ZUSE_ZUSE_H
#define ZUSE_ZUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "zuse/nvlist.h"

#ifdef __cplusplus
extern "C" {
#endif

struct zuse;

enum zuse_open_flags {
    ZUSE_OPEN_NO_START = 1 << 0, /* do not start zused if it is not running */
};

struct zuse_callbacks {
    /* One part of a streamed answer, valid during the call. Nonzero stops the operation. */
    int (*item)(void *arg, const struct nvlist *item);
    /* Long work: how far it is. total 0: unknown. unit "bytes", "blocks", "devices". */
    void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total, const char *unit);
    bool (*cancelled)(void *arg); /* polled; true cancels the operation */
    void *arg;
    int fd; /* handed to operations that read or write a stream; -1: none */
};

/* Connect to zused. ZE_NOSERVICE if it cannot be reached or started. */
int zuse_open(unsigned flags, struct zuse **out);
/* The engine in this process, with no pools yet. cache_limit: bytes for the ARC, 0 = default. */
int zuse_open_local(uint64_t cache_limit, struct zuse **out);
void zuse_close(struct zuse *z);
/* result (may be NULL) is a new list the caller frees with nvlist_free(); cb may be NULL. */
int zuse_call(struct zuse *z, const char *op, const struct nvlist *args, struct nvlist **result,
              const struct zuse_callbacks *cb);
/* Of the last failed call on this handle: "dataset does not exist: no dataset 'x' below 'tank'". */
const char *zuse_error_text(const struct zuse *z);
const char *zuse_error_name(int code); /* "NODATASET" */
int zuse_error_errno(int code);

#ifdef __cplusplus
}
#endif
#endif
