/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes from both stores: the DXATTR list in the system attributes and the hidden
 * attribute directory (format/zpl-zil.md, "7 Extended attributes"). Names are as Linux shows them.
 */
#include "zpl/zpl_impl.h"

#include <string.h>

#define USER_PREFIX "user."

/* ---- names ---- */

static bool has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_namespaced(const char *name)
{
    return has_prefix(name, "user.") || has_prefix(name, "trusted.") ||
           has_prefix(name, "security.") || has_prefix(name, "system.");
}

/* POSIX ACLs exist only where acltype=posix, whatever is stored. */
static bool is_unused_acl(const struct zpl *z, const char *name)
{
    return !z->posix_acl && has_prefix(name, "system.posix_acl_");
}

static bool is_hidden(const char *stored)
{
    return has_prefix(stored, "freebsd:");
}

/* A second stored form to try: "user.x" may be stored as plain "x" by other systems. */
static const char *bare_form(const char *name)
{
    return has_prefix(name, USER_PREFIX) ? name + strlen(USER_PREFIX) : NULL;
}

static int check_request(const char *name)
{
    const char *bare = bare_form(name);

    if (bare != NULL && (is_namespaced(bare) || is_hidden(bare)))
        return err_raise(ZE_INVAL, "extended attribute name '%s'", name);
    return 0;
}

/* ---- stores ---- */

/* The list in the system attributes; NULL if there is none. */
static int sa_list(struct zpl_node *n, struct nvlist **out)
{
    uint8_t *packed AUTO_FREE = NULL;
    struct sa_view v;
    size_t len;
    int err = zpl_view(n, &v);

    *out = NULL;
    if (err != 0)
        return err;
    err = sa_get_alloc(&v, SA_DXATTR, &packed, &len);
    sa_view_close(&v);
    if (err == ZE_NOENT || (err == 0 && len == 0))
        return 0;
    if (err == 0)
        err = nvlist_decode(span_of(packed, len), out);
    return err != 0 ? err_context(err, "xattrs of object %llu: ", (unsigned long long)n->object)
                    : 0;
}

static int xattr_dir(struct zpl_node *n, struct zpl_node **out)
{
    int err;

    *out = NULL;
    if (n->xattr_dir == 0)
        return 0;
    err = zpl_node_load(n->z, n->xattr_dir, out);
    if (err == 0 && !zpl_node_is_dir(*out)) {
        zpl_node_rele(*out);
        *out = NULL;
        err = err_raise(ZE_BADSA, "xattr directory of object %llu is not a directory",
                        (unsigned long long)n->object);
    }
    return err;
}

/* Hand a value out by the rules of getxattr: len 0 asks for the size, too small a buffer is ERANGE.
 */
static int give(const void *value, size_t size, void *buf, size_t len, size_t *need)
{
    *need = size;
    if (len == 0)
        return 0;
    if (size > len)
        return err_raise(ZE_RANGE, "extended attribute of %zu bytes", size);
    memcpy(buf, value, size);
    return 0;
}

static int get_from_sa(struct zpl_node *n, const char *name, void *buf, size_t len, size_t *need)
{
    AUTO_NVLIST struct nvlist *list = NULL;
    const uint8_t *value;
    size_t size;
    int err = sa_list(n, &list);

    if (err == 0 && list == NULL)
        err = ZE_NOENT;
    if (err == 0)
        err = nvlist_lookup_byte_array(list, name, &value, &size);
    return err != 0 ? err : give(value, size, buf, len, need);
}

static int get_from_dir(struct zpl_node *n, const char *name, void *buf, size_t len, size_t *need)
{
    AUTO_NODE struct zpl_node *dir = NULL, *file = NULL;
    uint64_t value;
    size_t got;
    int err = xattr_dir(n, &dir);

    if (err == 0 && dir == NULL)
        err = ZE_NOENT;
    if (err == 0)
        err = zpl_dir_find(dir, name, &value);
    if (err == 0)
        err = zpl_node_load(n->z, ZPL_DIRENT_OBJ(value), &file);
    if (err != 0)
        return err;
    if (len == 0) {
        *need = file->attr.size;
        return 0;
    }
    if (file->attr.size > len)
        return err_raise(ZE_RANGE, "extended attribute of %llu bytes",
                         (unsigned long long)file->attr.size);
    *need = file->attr.size;
    return zpl_read(file, 0, buf, *need, &got);
}

static int get_stored(struct zpl_node *n, const char *name, void *buf, size_t len, size_t *need)
{
    int err = get_from_sa(n, name, buf, len, need);

    return err == ZE_NOENT ? get_from_dir(n, name, buf, len, need) : err;
}

int zpl_getxattr(struct zpl_node *n, const char *name, void *buf, size_t len, size_t *need)
{
    int err = check_request(name);

    if (n->kind != ZPL_NODE_OBJECT || is_unused_acl(n->z, name))
        err = ZE_NOENT;
    if (err == 0)
        err = get_stored(n, name, buf, len, need);
    if (err == ZE_NOENT && bare_form(name) != NULL && n->kind == ZPL_NODE_OBJECT)
        err = get_stored(n, bare_form(name), buf, len, need);
    if (err == ZE_NOENT || err == ZE_NAMETOOLONG)
        return err_raise(ZE_NODATA, "no extended attribute '%s'", name);
    return err;
}

/* ---- listing ---- */

struct lister {
    const struct zpl *z;
    char *buf;
    size_t len, need;
};

static void list_add(struct lister *l, const char *stored)
{
    const char *prefix = is_namespaced(stored) ? "" : USER_PREFIX;
    size_t size = strlen(prefix) + strlen(stored) + 1;

    if (is_hidden(stored) || is_unused_acl(l->z, stored))
        return;
    if (l->need + size <= l->len) {
        strcpy(l->buf + l->need, prefix);
        strcat(l->buf + l->need, stored);
    }
    l->need += size;
}

static int list_dirent(void *arg, const struct zpl_dirent *e)
{
    if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
        list_add(arg, e->name);
    return 0;
}

int zpl_listxattr(struct zpl_node *n, char *buf, size_t len, size_t *need)
{
    AUTO_NVLIST struct nvlist *list = NULL;
    AUTO_NODE struct zpl_node *dir = NULL;
    struct lister l = {n->z, buf, len, 0};
    const struct nvpair *p = NULL;
    int err;

    *need = 0;
    if (n->kind != ZPL_NODE_OBJECT)
        return 0;
    err = sa_list(n, &list);
    while (err == 0 && list != NULL && (p = nvlist_next(list, p)) != NULL)
        list_add(&l, nvpair_name(p));
    if (err == 0)
        err = xattr_dir(n, &dir);
    if (err == 0 && dir != NULL)
        err = zpl_readdir(dir, 0, list_dirent, &l);
    if (err != 0)
        return err;
    *need = l.need;
    if (len != 0 && l.need > len)
        return err_raise(ZE_RANGE, "list of extended attributes of %zu bytes", l.need);
    return 0;
}
