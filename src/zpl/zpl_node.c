/* SPDX-License-Identifier: MIT */
/* Nodes: loading an object's attributes, the table of held nodes. */
#include "zpl/zpl_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static struct zpl_node **bucket_of(struct zpl *z, uint64_t object)
{
    return &z->bucket[object % ZPL_BUCKETS];
}

static struct zpl_node *find_held(struct zpl *z, uint64_t object)
{
    for (struct zpl_node *n = *bucket_of(z, object); n != NULL; n = n->hash_next) {
        if (n->object == object) {
            n->refs++;
            return n;
        }
    }
    return NULL;
}

static int get_time(struct sa_view *v, enum sa_attr attr, struct timespec *out)
{
    uint64_t t[2];
    int err = sa_get(v, attr, t, sizeof(t));

    if (err == 0)
        *out = (struct timespec){(time_t)t[0], (long)(t[1] % 1000000000u)};
    return err;
}

/* Device numbers are stored as the kernel keeps them: major << 20 | minor in the low 32 bits (6).
 */
static uint64_t decode_rdev(uint64_t stored)
{
    uint32_t v = (uint32_t)stored;

    return makedev(v >> 20, v & 0xfffff);
}

static bool mode_type_is_known(uint64_t mode)
{
    switch (mode & 0170000) {
    case 0010000:
    case 0020000:
    case 0040000:
    case 0060000:
    case 0100000:
    case 0120000:
    case 0140000:
        return true;
    default:
        return false;
    }
}

static int load_optional(struct sa_view *v, struct zpl_node *n)
{
    uint64_t rdev = 0;
    int err = sa_get_u64(v, SA_XATTR, &n->xattr_dir);

    if (err == 0 || err == ZE_NOENT)
        err = sa_get_u64(v, SA_RDEV, &rdev);
    if (err == 0)
        n->attr.rdev = decode_rdev(rdev);
    if ((err == 0 || err == ZE_NOENT) && n->attr.pflags & ZPL_FLAG_PROJID)
        return sa_get_u64(v, SA_PROJID, &n->attr.project);
    return err == ZE_NOENT ? 0 : err;
}

static int load_attrs(struct sa_view *v, struct zpl_node *n)
{
    const struct dnode_phys *dp = dnode_phys(n->dn);
    struct zpl_attr *a = &n->attr;
    uint64_t mode, links, uid, gid;
    int err = sa_get_u64(v, SA_MODE, &mode);

    err = err != 0 ? err : sa_get_u64(v, SA_GEN, &a->generation);
    err = err != 0 ? err : sa_get_u64(v, SA_SIZE, &a->size);
    err = err != 0 ? err : sa_get_u64(v, SA_LINKS, &links);
    err = err != 0 ? err : sa_get_u64(v, SA_FLAGS, &a->pflags);
    err = err != 0 ? err : sa_get_u64(v, SA_PARENT, &n->parent);
    err = err != 0 ? err : sa_get_u64(v, SA_UID, &uid);
    err = err != 0 ? err : sa_get_u64(v, SA_GID, &gid);
    err = err != 0 ? err : get_time(v, SA_ATIME, &a->atime);
    err = err != 0 ? err : get_time(v, SA_MTIME, &a->mtime);
    err = err != 0 ? err : get_time(v, SA_CTIME, &a->ctime);
    err = err != 0 ? err : get_time(v, SA_CRTIME, &a->btime);
    err = err != 0 ? err : load_optional(v, n);
    if (err != 0)
        return err_context(err, "object %llu: ", (unsigned long long)n->object);
    if (!mode_type_is_known(mode))
        return err_raise(ZE_BADSA, "object %llu: mode 0%llo", (unsigned long long)n->object,
                         (unsigned long long)mode);
    if (a->generation == 0)
        return err_raise(ZE_NOENT, "object %llu has generation 0", (unsigned long long)n->object);
    a->object = n->object;
    a->mode = (uint32_t)mode;
    a->nlink = (uint32_t)links;
    a->uid = (uint32_t)uid;
    a->gid = (uint32_t)gid;
    a->blocks = (dnode_phys_used(dp) + 256) / 512 + dnode_phys_slots(dp);
    a->blksize = (uint32_t)dnode_blksz(n->dn);
    if (n->object == n->z->root && n->z->flags & ZPL_MOUNT_SNAPDIR_VISIBLE)
        a->nlink++;
    return 0;
}

static void node_free(struct zpl_node *n)
{
    if (n->dn != NULL)
        dnode_rele(n->dn);
    free(n);
}

static int load(struct zpl *z, uint64_t object, struct zpl_node **out)
{
    struct zpl_node *n = mem_zalloc(sizeof(*n));
    struct sa_view v;
    int err = n == NULL ? ZE_NOMEM : 0;

    if (err != 0)
        return err;
    n->z = z;
    n->object = object;
    n->refs = 1;
    err = dnode_hold(z->os, object, &n->dn);
    if (err == 0)
        err = sa_view_open(z->sa, n->dn, &v);
    if (err == 0) {
        err = load_attrs(&v, n);
        sa_view_close(&v);
    }
    if (err != 0) {
        node_free(n);
        return err;
    }
    *out = n;
    return 0;
}

int zpl_node_load(struct zpl *z, uint64_t object, struct zpl_node **out)
{
    struct zpl_node *n, *other;
    int err;

    if (object == 0 || object > DNODE_MAX_OBJECT)
        return err_raise(ZE_BADSA, "object number %llu", (unsigned long long)object);
    mutex_lock(&z->cache_lock);
    *out = find_held(z, object);
    mutex_unlock(&z->cache_lock);
    if (*out != NULL)
        return 0;
    err = load(z, object, &n);
    if (err != 0)
        return err;
    mutex_lock(&z->cache_lock);
    other = find_held(z, object);
    if (other == NULL) {
        n->hash_next = *bucket_of(z, object);
        *bucket_of(z, object) = n;
    }
    mutex_unlock(&z->cache_lock);
    if (other != NULL)
        node_free(n);
    *out = other != NULL ? other : n;
    return 0;
}

int zpl_root(struct zpl *z, struct zpl_node **out)
{
    return zpl_node_load(z, z->root, out);
}

int zpl_get(struct zpl *z, uint64_t object, uint64_t generation, struct zpl_node **out)
{
    int err;

    if (zpl_has_ctldir(z) && (object == ZPL_INO_CTLDIR || object == ZPL_INO_SNAPDIR)) {
        *out = object == ZPL_INO_CTLDIR ? &z->ctl_node : &z->snapdir_node;
        return 0;
    }
    err = zpl_node_load(z, object, out);
    if (err != 0)
        return err == ZE_NOENT
                   ? err_raise(ZE_STALE, "object %llu is gone", (unsigned long long)object)
                   : err;
    if ((generation != 0 && (uint32_t)(*out)->attr.generation != (uint32_t)generation) ||
        (*out)->attr.nlink == 0) {
        zpl_node_rele(*out);
        *out = NULL;
        return err_raise(ZE_STALE, "object %llu has another generation",
                         (unsigned long long)object);
    }
    return 0;
}

void zpl_node_hold(struct zpl_node *n)
{
    if (n->kind != ZPL_NODE_OBJECT)
        return;
    mutex_lock(&n->z->cache_lock);
    n->refs++;
    mutex_unlock(&n->z->cache_lock);
}

void zpl_node_rele(struct zpl_node *n)
{
    struct zpl *z = n->z;
    bool last;

    if (n->kind != ZPL_NODE_OBJECT)
        return;
    mutex_lock(&z->cache_lock);
    last = --n->refs == 0;
    if (last) {
        struct zpl_node **at = bucket_of(z, n->object);

        while (*at != n)
            at = &(*at)->hash_next;
        *at = n->hash_next;
    }
    mutex_unlock(&z->cache_lock);
    if (last)
        node_free(n);
}

uint64_t zpl_node_object(const struct zpl_node *n)
{
    return n->object;
}

struct zpl *zpl_node_zpl(const struct zpl_node *n)
{
    return n->z;
}

int zpl_getattr(struct zpl_node *n, struct zpl_attr *out)
{
    *out = n->attr;
    return 0;
}

int zpl_view(struct zpl_node *n, struct sa_view *view)
{
    return sa_view_open(n->z->sa, n->dn, view);
}
