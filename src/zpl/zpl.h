/* SPDX-License-Identifier: MIT */
/*
 * The POSIX file system on an object set (format/zpl-zil.md): lookup, attributes, data, xattrs,
 * ACLs, symlinks, the .zfs directory. Front-end neutral: fuse/, service/, cli (through requests)
 * and inspect/ call it.
 *
 * Ownership: znodes are counted holds (zpl_node_rele). Locks: ZPL_*; all calls are thread-safe and
 * may block. Errors: errno classes are what a POSIX caller expects (ZE_NOENT, ZE_NOTDIR,
 * ZE_NAMETOOLONG, ZE_NODATA ...).
 */
#ifndef ZUSE_ZPL_ZPL_H
#define ZUSE_ZPL_ZPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

#include "dsl/dsl.h"

struct zpl;      /* one mounted file system or snapshot */
struct zpl_node; /* one file, directory... */

enum zpl_mount_flags {
    ZPL_MOUNT_SNAPDIR_HIDDEN = 1 << 0,
    ZPL_MOUNT_SNAPDIR_VISIBLE = 1 << 1, /* neither: no .zfs (snapdir=disabled, or a snapshot) */
};
struct zpl_cred { /* who asks; NULL = the superuser */
    uint32_t uid, gid;
    const uint32_t *groups;
    unsigned ngroups;
};
struct zpl_attr {
    uint64_t object, generation;
    uint32_t mode; /* with type bits */
    uint32_t nlink;
    uint32_t uid, gid;     /* FUIDs mapped: ids without a mapping become nobody */
    uint64_t size, blocks; /* blocks of 512 bytes */
    uint32_t blksize;
    uint64_t rdev; /* Linux dev_t, makedev() */
    struct timespec atime, mtime, ctime, btime;
    uint64_t pflags; /* stored attribute flags, format/zpl-zil.md 4 */
    uint64_t project;
};

int zpl_mount(struct dsl_dataset *ds, unsigned flags,
              struct zpl **out); /* keeps its own hold on ds */
void zpl_unmount(struct zpl *z); /* all nodes released */
struct dsl_dataset *zpl_dataset(struct zpl *z);
/* Is z the file system fs, or a snapshot reached through its .zfs? */
bool zpl_is_or_snapshot_of(const struct zpl *z, const struct zpl *fs);
struct zpl_statfs {
    uint64_t blocks, bfree, bavail, files, ffree;
    uint32_t bsize, frsize, namemax;
    uint64_t fsid;
};
int zpl_statfs(struct zpl *z, struct zpl_statfs *out);

int zpl_root(struct zpl *z, struct zpl_node **out);
/* By object number and generation (NFS handles, FUSE forget/lookup). generation 0: any. */
int zpl_get(struct zpl *z, uint64_t object, uint64_t generation, struct zpl_node **out);
void zpl_node_hold(struct zpl_node *n);
void zpl_node_rele(struct zpl_node *n);
uint64_t zpl_node_object(const struct zpl_node *n);
/* The file system or snapshot n belongs to: a lookup through .zfs/snapshot leads into another one.
 */
struct zpl *zpl_node_zpl(const struct zpl_node *n);
int zpl_getattr(struct zpl_node *n, struct zpl_attr *out);
int zpl_lookup(struct zpl_node *dir, const char *name,
               struct zpl_node **out); /* "." and ".." too; case rules apply */
int zpl_access(struct zpl_node *n, const struct zpl_cred *cred,
               int mask); /* R_OK|W_OK|X_OK; NFSv4 and POSIX ACLs */

struct zpl_dirent {
    char name[1024];
    uint64_t object;
    uint8_t type;  /* DT_* */
    uint64_t next; /* cookie to continue behind this entry */
};
/* From cookie (0 = start; includes "." and ".."); fn returns nonzero to stop (entry not consumed).
 */
int zpl_readdir(struct zpl_node *dir, uint64_t cookie,
                int (*fn)(void *arg, const struct zpl_dirent *e), void *arg);
int zpl_read(struct zpl_node *n, uint64_t off, void *buf, size_t len, size_t *got);
/* Pinned zero-copy read for FUSE: iov entries stay valid until dmu_unpin. len is cut at EOF.
 * ZE_RANGE: more blocks than *iovcnt, or a sparse tail; use zpl_read(). */
int zpl_read_pin(struct zpl_node *n, uint64_t off, size_t len, struct dmu_pin **pin,
                 struct iovec *iov, unsigned *iovcnt, size_t *got);
int zpl_seek(struct zpl_node *n, bool hole,
             uint64_t *off); /* ZE_NODATA behind EOF -> ENXIO is the caller's */
int zpl_readlink(struct zpl_node *n, char *buf, size_t len, size_t *got);
/* xattr names as Linux shows them: "user.x", "security.selinux", "trusted.y",
 * "system.posix_acl_access"... */
int zpl_listxattr(struct zpl_node *n, char *buf, size_t len, size_t *need);
int zpl_getxattr(struct zpl_node *n, const char *name, void *buf, size_t len, size_t *need);
/* Path from the root of z, for diff and error lists; ZE_STALE if it has none. */
int zpl_object_path(struct zpl *z, uint64_t object, char *buf, size_t len);

/* .zfs: snapshots appear as directories; the front end mounts them on first lookup. */
bool zpl_is_ctldir(const struct zpl_node *n);

/* user/group/project accounting: kind "user","group","project"; fn(id or SID string, space, quota,
 * objused, objquota). */
int zpl_space_each(struct zpl *z, const char *kind,
                   int (*fn)(void *arg, const char *who, uint64_t id, uint64_t used, uint64_t quota,
                             uint64_t objused, uint64_t objquota),
                   void *arg);

#endif
