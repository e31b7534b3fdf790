/* SPDX-License-Identifier: MIT */
/*
 * Mounts: a file system or snapshot, or the volumes of a pool as files, served to the kernel
 * through FUSE's low-level interface by threads of their own.
 *
 * Callers: service/ and the `zuse` command. Ownership: the mount owns the zpl (or volume list) it
 * was given and closes it when it ends. Errors: ZE_NOTSUP (built without FUSE), ZE_SYS with the
 * mount error.
 */
#ifndef ZUSE_FUSE_FUSE_MOUNT_H
#define ZUSE_FUSE_FUSE_MOUNT_H

#include <stdbool.h>

#include "dsl/dsl.h"
#include "zpl/zpl.h"

struct fuse_mount;

struct fuse_mount_options {
    const char *mountpoint; /* an existing directory */
    const char *source;     /* shown in /proc/mounts: the dataset's name */
    bool allow_other;       /* visible to other users; needs root or user_allow_other */
    bool suid, dev, exec, atime, relatime;
    bool own_permission_checks; /* NFSv4 ACLs: ask zpl_access() instead of the kernel's
                                   default_permissions */
    bool posix_acl;             /* let the kernel evaluate POSIX ACLs */
    const char *extra;          /* further options as given by the user, comma-separated, or NULL */
};

/* gone: called once, on a thread of the mount, when it was unmounted from outside or failed; may be
 * NULL. */
int fuse_mount_fs(struct zpl *z, const struct fuse_mount_options *opt, void (*gone)(void *arg),
                  void *arg, struct fuse_mount **out);
/*
 * A directory tree with a regular file POOL/NAME for each volume (and NAME@SNAP for its snapshots);
 * datasets are looked up when they are opened.
 */
int fuse_mount_volumes(struct dsl_pool *dp, const struct fuse_mount_options *opt,
                       void (*gone)(void *arg), void *arg, struct fuse_mount **out);
/*
 * Show another file system at a directory inside the mount, instead of mounting it there: an
 * ordinary user may not mount inside a FUSE mount of his own. path is relative to the mount's root
 * and may lead through other grafts. The mount owns z from success on. ZE_NOENT, ZE_NOTDIR, ZE_BUSY
 * (something is grafted there already).
 */
int fuse_mount_graft(struct fuse_mount *m, const char *path, struct zpl *z);
/* Waits for requests in flight, closes z. */
void fuse_mount_ungraft(struct fuse_mount *m, struct zpl *z);
/*
 * Unmount and end the threads. ZE_BUSY if files are open, unless force: then what is open fails
 * with ENOTCONN from now on.
 */
int fuse_mount_stop(struct fuse_mount *m, bool force);
/* End after gone() was called, from another thread. */
void fuse_mount_reap(struct fuse_mount *m);
const char *fuse_mount_point(const struct fuse_mount *m);

#endif
