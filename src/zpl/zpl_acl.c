/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: mode bits, POSIX ACLs, NFSv4 ACLs (format/zpl-zil.md, "8.8 Access check"). With
 * a trivial ACL this is the ordinary mode check, which FUSE's default_permissions does as well.
 */
#include "zpl/zpl_impl.h"

#include <string.h>
#include <unistd.h>

#define ACE_READ_DATA  0x1u
#define ACE_WRITE_DATA 0x2u
#define ACE_APPEND     0x4u
#define ACE_EXECUTE    0x20u

#define POSIX_ACL_VERSION 2u
#define POSIX_ACL_ENTRY   8u
#define POSIX_ACL_XATTR   "system.posix_acl_access"
enum {
    TAG_USER_OBJ = 1,
    TAG_USER = 2,
    TAG_GROUP_OBJ = 4,
    TAG_GROUP = 8,
    TAG_MASK = 0x10,
    TAG_OTHER = 0x20
};

static bool in_group(const struct zpl_cred *c, uint32_t gid)
{
    if (c->gid == gid)
        return true;
    for (unsigned i = 0; i < c->ngroups; i++) {
        if (c->groups[i] == gid)
            return true;
    }
    return false;
}

static bool superuser_may(const struct zpl_node *n, int mask)
{
    return (mask & X_OK) == 0 || zpl_node_is_dir(n) || (n->attr.mode & 0111) != 0;
}

static bool mode_allows(const struct zpl_node *n, const struct zpl_cred *c, int mask)
{
    unsigned bits = n->attr.mode & 7;

    if (c->uid == n->attr.uid)
        bits = n->attr.mode >> 6 & 7;
    else if (in_group(c, n->attr.gid))
        bits = n->attr.mode >> 3 & 7;
    return ((unsigned)mask & ~bits & 7) == 0;
}

/* ---- POSIX ACLs, in the xattr form of Linux ---- */

struct posix_entry {
    unsigned tag, perm;
    uint32_t id;
};

static bool posix_entry_at(const uint8_t *acl, size_t len, size_t i, struct posix_entry *e)
{
    size_t at = 4 + i * POSIX_ACL_ENTRY;

    if (at + POSIX_ACL_ENTRY > len)
        return false;
    *e =
        (struct posix_entry){load_le16(acl + at), load_le16(acl + at + 2), load_le32(acl + at + 4)};
    return true;
}

static bool posix_allows(const struct zpl_node *n, const struct zpl_cred *c, int mask,
                         const uint8_t *acl, size_t len)
{
    struct posix_entry e;
    unsigned want = (unsigned)mask & 7, mask_perm = 7, other = 0;
    bool group_matched = false, group_allowed = false;

    for (size_t i = 0; posix_entry_at(acl, len, i, &e); i++) {
        if (e.tag == TAG_MASK)
            mask_perm = e.perm;
    }
    for (size_t i = 0; posix_entry_at(acl, len, i, &e); i++) {
        bool group = (e.tag == TAG_GROUP_OBJ && in_group(c, n->attr.gid)) ||
                     (e.tag == TAG_GROUP && in_group(c, e.id));

        if (e.tag == TAG_USER_OBJ && c->uid == n->attr.uid)
            return (want & ~e.perm) == 0;
        if (e.tag == TAG_USER && c->uid == e.id)
            return (want & ~(e.perm & mask_perm)) == 0;
        group_matched |= group;
        group_allowed |= group && (want & ~(e.perm & mask_perm)) == 0;
        if (e.tag == TAG_OTHER)
            other = e.perm;
    }
    return group_matched ? group_allowed : (want & ~other) == 0;
}

/* ---- NFSv4 ACLs ---- */

/* The object's ACEs in host order; version 0 or 1. ZE_NOENT: no ACL stored. */
static int read_aces(struct zpl_node *n, uint8_t **aces, size_t *len, unsigned *version)
{
    struct sa_view v;
    int err = zpl_view(n, &v);

    if (err != 0)
        return err;
    *version = 1;
    if (v.znode == NULL) {
        err = sa_get_alloc(&v, SA_DACL_ACES, aces, len);
    } else {
        const struct znode_phys *zp = v.znode;
        uint64_t bytes = zp->acl_version == 0 ? (uint64_t)zp->acl_size * ACE_V0_SIZE : zp->acl_size;

        *version = zp->acl_version == 0 ? 0 : 1;
        *aces = bytes > ACE_MAX_ENTRIES * ACE_SIZE_MAX ? NULL : mem_zalloc(bytes + 1);
        *len = bytes;
        if (*aces == NULL)
            err = err_raise(ZE_BADACL, "object %llu: ACL of %llu bytes",
                            (unsigned long long)n->object, (unsigned long long)bytes);
        else if (zp->acl_extern_obj != 0)
            err = dmu_read_object(n->z->os, zp->acl_extern_obj, 0, *aces, bytes);
        else if (bytes > ZNODE_ACL_EMBEDDED)
            err = err_raise(ZE_BADACL, "object %llu: embedded ACL of %llu bytes",
                            (unsigned long long)n->object, (unsigned long long)bytes);
        else
            memcpy(*aces, zp->acl_aces, bytes);
    }
    sa_view_close(&v);
    return err;
}

static bool ace_applies(const struct zpl_node *n, const struct zpl_cred *c, const struct ace *a)
{
    switch (a->flags & ACE_WHO_MASK) {
    case ACE_FLAG_OWNER:
        return c->uid == n->attr.uid;
    case ACE_FLAG_GROUP | ACE_FLAG_IDGROUP:
        return in_group(c, n->attr.gid);
    case ACE_FLAG_EVERYONE:
        return true;
    case ACE_FLAG_IDGROUP:
        return a->fuid >> 32 == 0 && in_group(c, (uint32_t)a->fuid);
    case 0:
        return a->fuid == c->uid;
    default:
        return false;
    }
}

static int aces_allow(struct zpl_node *n, const struct zpl_cred *c, uint32_t need,
                      const uint8_t *aces, size_t len, unsigned version, bool *allowed)
{
    struct ace a;
    size_t pos = 0;
    int err;

    *allowed = true;
    while (need != 0 && (err = ace_next(span_of(aces, len), version, &pos, &a)) != ZE_NOENT) {
        if (err != 0)
            return err;
        if ((a.type != ACE_ALLOW && a.type != ACE_DENY) || (a.flags & 0x8) != 0 ||
            !ace_applies(n, c, &a))
            continue;
        if (a.type == ACE_DENY && (a.mask & need) != 0)
            *allowed = false;
        need &= ~a.mask;
    }
    *allowed = *allowed && need == 0;
    return 0;
}

static int acl_allows(struct zpl_node *n, const struct zpl_cred *c, int mask, bool *allowed)
{
    uint8_t *aces AUTO_FREE = NULL;
    size_t len = 0;
    unsigned version;
    uint32_t need = (mask & R_OK ? ACE_READ_DATA : 0) | (mask & W_OK ? ACE_WRITE_DATA : 0) |
                    (mask & X_OK ? ACE_EXECUTE : 0);
    int err = read_aces(n, &aces, &len, &version);

    if (err == ZE_NOENT) {
        *allowed = mode_allows(n, c, mask);
        return 0;
    }
    return err != 0 ? err : aces_allow(n, c, need, aces, len, version, allowed);
}

static int trivial_allows(struct zpl_node *n, const struct zpl_cred *c, int mask, bool *allowed)
{
    uint8_t acl[4 + POSIX_ACL_ENTRY * 1024];
    size_t len;
    int err =
        n->z->posix_acl ? zpl_getxattr(n, POSIX_ACL_XATTR, acl, sizeof(acl), &len) : ZE_NODATA;

    if (err == ZE_NODATA) {
        *allowed = mode_allows(n, c, mask);
        return 0;
    }
    if (err != 0)
        return err;
    if (len < 4 || load_le32(acl) != POSIX_ACL_VERSION)
        return err_raise(ZE_BADACL, "object %llu: POSIX ACL of %zu bytes",
                         (unsigned long long)n->object, len);
    *allowed = posix_allows(n, c, mask, acl, len);
    return 0;
}

int zpl_access(struct zpl_node *n, const struct zpl_cred *cred, int mask)
{
    bool allowed = false;
    int err;

    if (mask & W_OK)
        return err_raise(ZE_ROFS, "file system is read-only");
    if (n->kind != ZPL_NODE_OBJECT || mask == 0)
        return 0;
    if (n->attr.pflags & ZPL_FLAG_AV_QUARANTINED && mask & (R_OK | X_OK) && !zpl_node_is_dir(n))
        return err_raise(ZE_ACCES, "file is quarantined");
    if (cred == NULL || cred->uid == 0)
        return superuser_may(n, mask) ? 0 : err_raise(ZE_ACCES, "no execute permission");
    err = n->attr.pflags & ZPL_FLAG_ACL_TRIVIAL ? trivial_allows(n, cred, mask, &allowed)
                                                : acl_allows(n, cred, mask, &allowed);
    if (err != 0)
        return err;
    return allowed ? 0
                   : err_raise(ZE_ACCES, "uid %u may not access object %llu", cred->uid,
                               (unsigned long long)n->object);
}
