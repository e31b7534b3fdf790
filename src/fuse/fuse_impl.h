/* SPDX-License-Identifier: MIT */
/*
 * Inside of fuse/: a running session, and how the kernel's node numbers name our nodes. Only fuse/
 * includes this.
 *
 * A node number is the object number with, in the upper 16 bits, a slot: 0 for the file system
 * itself, others for snapshots reached through .zfs. So nothing is kept for a node the kernel
 * remembers, however many there are.
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

#define FUSE_MAX_IO  (1u << 20)
#define FUSE_FOREVER 86400.0 /* seconds: we are the only writer */

/* Another file system shown at a directory of this mount (fuse_mount_graft()). */
struct fuse_graft {
    struct fuse_graft *next;
    struct zpl *host, *z; /* z is owned */
    uint64_t object;      /* directory of host that z's root stands for */
    uint64_t root_object; /* of z */
    fuse_ino_t parent;    /* where the kernel looked it up, to make it forget */
    char name[1024];
};

struct fuse_nodes {
    /* RANK_FUSE. Read for the length of a request, written to add slots and grafts: so no request
     * is using a file system that is taken out. */
    struct rwlock lock;
    struct mutex slot_lock; /* RANK_LEAF: slots are added while requests run */
    struct zpl **slot; /* by slot; snapshots live as long as their file system; NULL: taken out */
    unsigned n;
    uint64_t root_object;
    struct fuse_graft *grafts;
};

int fuse_nodes_init(struct fuse_nodes *t, struct zpl *z);
void fuse_nodes_fini(struct fuse_nodes *t); /* closes grafts */
int fuse_nodes_number(struct fuse_nodes *t, struct zpl_node *n, fuse_ino_t *ino);
/* Held; ZE_STALE for a number that names nothing. */
int fuse_nodes_hold(struct fuse_nodes *t, fuse_ino_t ino, struct zpl_node **out);
/* Look up, going over into what is grafted at the entry found. */
int fuse_nodes_lookup(struct fuse_nodes *t, struct zpl_node *dir, const char *name,
                      struct zpl_node **out);
static inline void fuse_node_auto_rele(struct zpl_node **n)
{
    if (*n != NULL)
        zpl_node_rele(*n);
}
#define AUTO_FUSE_NODE __attribute__((cleanup(fuse_node_auto_rele)))

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
