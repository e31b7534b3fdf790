/* SPDX-License-Identifier: MIT */
/*
 * Inside of zpl/: a mounted file system and its nodes. Nothing outside zpl/ includes this.
 *
 * Nodes are cached by object number while held. A node's attributes are read once when it is loaded
 * (a read-only file system: they never change). z->cache_lock guards the table and the hold counts;
 * loading happens without it, and the loser of a race drops its copy.
 */
#ifndef ZUSE_ZPL_ZPL_IMPL_H
#define ZUSE_ZPL_ZPL_IMPL_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "zpl/fuid.h"
#include "zpl/sa.h"
#include "zpl/zpl.h"

#define ZPL_BUCKETS        4096
#define ZPL_DIRENT_OBJ(v)  ((v)&0xffffffffffffull)
#define ZPL_DIRENT_TYPE(v) ((uint8_t)((v) >> 60)) /* equals DT_* */

/* Attribute flags we act on (format/zpl-zil.md, "4 z_pflags"). */
#define ZPL_FLAG_XATTR          0x1ull
#define ZPL_FLAG_ACL_TRIVIAL    0x4ull
#define ZPL_FLAG_READONLY       0x100000000ull
#define ZPL_FLAG_IMMUTABLE      0x1000000000ull
#define ZPL_FLAG_AV_QUARANTINED 0x20000000000ull
#define ZPL_FLAG_PROJID         0x800000000000ull

/* Inode numbers of the control directory (12). */
#define ZPL_INO_CTLDIR  0x0000ffffffffffffull
#define ZPL_INO_SNAPDIR 0x0000fffffffffffdull

enum zpl_node_kind { ZPL_NODE_OBJECT, ZPL_NODE_CTLDIR, ZPL_NODE_SNAPDIR };

struct zpl_node {
    struct zpl *z;
    struct zpl_node *hash_next;
    unsigned refs;
    enum zpl_node_kind kind;
    uint64_t object;
    struct dnode *dn; /* held; NULL for control nodes */
    struct zpl_attr attr;
    uint64_t parent;
    uint64_t xattr_dir; /* 0: none */
};

struct zpl_snapmount {
    struct zpl_snapmount *next;
    char name[DATASET_NAME_MAX];
    struct zpl *z;
};

struct zpl {
    struct dsl_dataset *ds;
    struct objset *os;
    struct zpl *parent; /* the file system through whose .zfs this snapshot was reached; not held */
    unsigned flags;     /* enum zpl_mount_flags */
    uint64_t version, root, unlinked, fuid_object;
    uint64_t normalization, case_mode; /* 0 sensitive, 1 insensitive, 2 mixed */
    bool utf8only, posix_acl;
    struct sa_table *sa;
    struct fuid_table *fuids;
    uint64_t quota_object[6]; /* user group project userobj groupobj projectobj */
    struct mutex cache_lock;  /* RANK_ZPL_CACHE */
    struct zpl_node *bucket[ZPL_BUCKETS];
    struct mutex snap_lock; /* RANK_ZPL_MOUNT: list of snapshots reached through .zfs */
    struct zpl_snapmount *snaps;
    struct zpl_node ctl_node, snapdir_node;
};

int zpl_node_load(struct zpl *z, uint64_t object, struct zpl_node **out);
/* Entry of a directory ZAP by the file system's matching rules. */
int zpl_dir_find(struct zpl_node *dir, const char *name, uint64_t *value);
int zpl_view(struct zpl_node *n, struct sa_view *view);
static inline bool zpl_node_is_dir(const struct zpl_node *n)
{
    return (n->attr.mode & 0170000) == 0040000;
}
static inline void zpl_node_auto_rele(struct zpl_node **n)
{
    if (*n != NULL)
        zpl_node_rele(*n);
}
#define AUTO_NODE __attribute__((cleanup(zpl_node_auto_rele)))

/* .zfs (zpl_ctldir.c) */
void zpl_ctldir_init(struct zpl *z);
void zpl_ctldir_fini(struct zpl *z);
int zpl_ctldir_lookup(struct zpl_node *dir, const char *name, struct zpl_node **out);
int zpl_ctldir_readdir(struct zpl_node *dir, uint64_t cookie,
                       int (*fn)(void *arg, const struct zpl_dirent *e), void *arg);
static inline bool zpl_has_ctldir(const struct zpl *z)
{
    return (z->flags & (ZPL_MOUNT_SNAPDIR_HIDDEN | ZPL_MOUNT_SNAPDIR_VISIBLE)) != 0;
}

#endif
