/* SPDX-License-Identifier: MIT */
/*
 * The service: owns imported pools and mounts, and runs operations. Used by the zused process
 * (server.h) and in-process (zuse_open_local()). Operations run on the caller's thread, several at
 * a time.
 *
 * Locks: s->lock (SERVICE) guards the lists of pools and mounts and is held only to look them up or
 * change them; an operation keeps a pool alive with a counted hold.
 */
#ifndef ZUSE_SERVICE_SERVICE_H
#define ZUSE_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/env.h"
#include "codec/nvlist.h"

struct service;

struct service_options {
    uint64_t cache_limit;    /* ARC, bytes; 0 = default */
    const char *cache_file;  /* where imported pools are remembered; NULL: nowhere */
    const char *runtime_dir; /* volumes are served below it; NULL: no volume files */
    bool persistent;         /* zused: mounts outlive the operation that made them */
};

/* Who asks, and where parts of the answer go. */
struct op_context {
    uid_t uid;
    gid_t gid;
    const uint32_t *groups;
    size_t ngroups;
    bool privileged; /* root, the owner of the process, or in-process */
    int (*item)(void *arg, const struct nvlist *item);
    void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total, const char *unit);
    bool (*cancelled)(void *arg);
    void *arg;
    int fd; /* of the caller, -1 if none */
};

int service_create(struct env *env, const struct service_options *opt, struct service **out);
/* Unmounts and exports (in memory only: pools stay in the cache file). */
void service_destroy(struct service *s);
/* Import what the cache file lists and mount it; failures are logged. */
void service_restore(struct service *s);
bool service_is_idle(struct service *s); /* no pools imported */
/* Run one operation. *result is a new list (also when empty); with an error it may be
 * one that says more (load_info), or stay as it was. */
int service_call(struct service *s, struct op_context *ctx, const char *op,
                 const struct nvlist *args, struct nvlist **result);

#endif
