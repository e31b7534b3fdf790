/* SPDX-License-Identifier: MIT */
/*
 * Inside of fuse/: a running session, and the table of nodes the kernel knows. Only fuse/ includes
 * this.
 *
 * A node number the kernel uses is the address of a fuse_node; one exists for each zpl_node the
 * kernel holds, counted by its lookups. The table makes hard links meet in one number.
 */
#ifndef ZUSE_FUSE_FUSE_IMPL_H
#define ZUSE_FUSE_FUSE_IMPL_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/worker.h"
#include "fuse/fuse_mount.h"

#define FUSE_NODE_BUCKETS 4096
#define FUSE_MAX_IO       (1u << 20)
#define FUSE_FOREVER      86400.0 /* seconds: we are the only writer */

struct fuse_node {
    struct fuse_node *hash_next;
    struct zpl_node *n; /* held */
    uint64_t lookups;
};

struct fuse_nodes {
    struct mutex lock; /* RANK_FUSE */
    struct fuse_node *bucket[FUSE_NODE_BUCKETS];
    struct fuse_node root;
};

/* Takes over the caller's hold on n. NULL: out of memory (hold dropped). */
struct fuse_node *fuse_nodes_get(struct fuse_nodes *t, struct zpl_node *n);
void fuse_nodes_forget(struct fuse_nodes *t, struct fuse_node *f, uint64_t lookups);
void fuse_nodes_clear(struct fuse_nodes *t);

struct fuse_mount {
    struct fuse_session *se;
    char *point;
    struct thread *thread;
    void (*gone)(void *arg);
    void *gone_arg;
    _Atomic bool stopping;
    void (*close)(struct fuse_mount *m); /* of the kind: frees state */
    /* a file system */
    struct zpl *z;
    struct fuse_nodes nodes;
    bool own_permission_checks, posix_acl;
    double entry_timeout;
    /* volumes */
    struct dsl_pool *dp;
    void *volumes;
};

int fuse_mount_run(struct fuse_mount *m, const struct fuse_lowlevel_ops *ops, size_t ops_size,
                   const struct fuse_mount_options *opt, bool default_permissions);
static inline void fuse_fail(fuse_req_t req, int err)
{
    fuse_reply_err(req, err_errno(err));
}

#endif
