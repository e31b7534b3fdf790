/* SPDX-License-Identifier: MIT */
/*
 * System attributes of one file system: the registry (attribute numbers by name), the layouts, and
 * reading attributes of one object from its bonus and spill (format/zpl-zil.md, "3 System
 * attributes"). Old znodes look the same through this interface.
 *
 * Callers: zpl/ only. Ownership: a table per mount; a view per object, which points into the
 * dnode's bonus and owns the spill copy. Locks: the table is immutable after loading; a view
 * belongs to one thread. Errors: ZE_NOENT (attribute absent), ZE_BADSA.
 */
#ifndef ZUSE_ZPL_SA_H
#define ZUSE_ZPL_SA_H

#include "disk/sa_phys.h"
#include "dmu/dmu.h"

/* The attributes we know, by name; 0-15 are also their numbers in old znodes. */
#define SA_ATTRIBUTES(X)                                                                           \
    X(ATIME, 16)                                                                                   \
    X(MTIME, 16)                                                                                   \
    X(CTIME, 16)                                                                                   \
    X(CRTIME, 16)                                                                                  \
    X(GEN, 8)                                                                                      \
    X(MODE, 8)                                                                                     \
    X(SIZE, 8)                                                                                     \
    X(PARENT, 8)                                                                                   \
    X(LINKS, 8)                                                                                    \
    X(XATTR, 8)                                                                                    \
    X(RDEV, 8)                                                                                     \
    X(FLAGS, 8)                                                                                    \
    X(UID, 8)                                                                                      \
    X(GID, 8)                                                                                      \
    X(PAD, 32)                                                                                     \
    X(ZNODE_ACL, 88)                                                                               \
    X(DACL_COUNT, 8)                                                                               \
    X(SYMLINK, 0)                                                                                  \
    X(SCANSTAMP, 32)                                                                               \
    X(DACL_ACES, 0)                                                                                \
    X(DXATTR, 0)                                                                                   \
    X(PROJID, 8)                                                                                   \
    X(SEQ, 8)

enum sa_attr {
#define X(name, len) SA_##name,
    SA_ATTRIBUTES(X)
#undef X
        SA_ATTR_COUNT
};

struct sa_table;
/* sa_master: object from the master node, 0 for file systems before ZPL 5 (old znodes only). */
int sa_table_load(struct objset *os, uint64_t sa_master, struct sa_table **out);
void sa_table_free(struct sa_table *t);

struct sa_buffer {
    struct span bytes;
    struct sa_header header;
    const struct sa_layout *layout;
    struct sa_extent *extent; /* layout's count of them */
};
struct sa_view {
    const struct sa_table *table;
    struct dnode *dn;
    const struct znode_phys *znode; /* old form */
    struct sa_buffer bonus, spill;
    uint8_t *spill_bytes;
    bool spill_tried;
};
/* The dnode must stay held while the view is used. ZE_BADSA for bonus types without attributes. */
int sa_view_open(const struct sa_table *t, struct dnode *dn, struct sa_view *out);
void sa_view_close(struct sa_view *v);
/* Fixed-size attribute into buf in host order; its length must be len. */
int sa_get(struct sa_view *v, enum sa_attr attr, void *buf, size_t len);
static inline int sa_get_u64(struct sa_view *v, enum sa_attr attr, uint64_t *out)
{
    return sa_get(v, attr, out, sizeof(*out));
}
/* Variable-size attribute: a malloc'ed copy in host order. */
int sa_get_alloc(struct sa_view *v, enum sa_attr attr, uint8_t **data, size_t *len);

#endif
