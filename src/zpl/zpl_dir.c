/* SPDX-License-Identifier: MIT */
/* Directories: lookup by the file system's name rules, readdir, object to path (format/zpl-zil.md,
 * 5). */
#include "zpl/zpl_impl.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "codec/unicode.h"

#define COOKIE_DOT     0
#define COOKIE_DOTDOT  1
#define COOKIE_CTLDIR  2
#define COOKIE_ENTRIES 3 /* at or below: start at the first entry of the ZAP */
#define MAX_PATH_DEPTH 4096

enum { CASE_SENSITIVE, CASE_INSENSITIVE, CASE_MIXED };

/* Which ZAP matching a POSIX lookup uses (5.3). */
static unsigned match_of(const struct zpl *z)
{
    if (z->case_mode == CASE_INSENSITIVE)
        return ZAP_MATCH_NORMALIZED;
    if (z->case_mode == CASE_MIXED)
        return ZAP_MATCH_NORMALIZED | ZAP_MATCH_CASE;
    return z->normalization != 0 ? ZAP_MATCH_NORMALIZED : ZAP_MATCH_EXACT;
}

static int check_name(const struct zpl *z, const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || strchr(name, '/') != NULL)
        return err_raise(ZE_INVAL, "file name '%s'", name);
    if (len >= ZAP_NAME_MAX)
        return err_raise(ZE_NAMETOOLONG, "file name of %zu bytes", len);
    if (z->utf8only && !unicode_utf8_valid(name, len))
        return err_raise(ZE_UNICODE, "file name is not UTF-8");
    return 0;
}

int zpl_dir_find(struct zpl_node *dir, const char *name, uint64_t *value)
{
    struct zap *zap;
    int err = check_name(dir->z, name);

    if (err != 0)
        return err;
    err = zap_open_dnode(dir->dn, &zap);
    if (err != 0)
        return err;
    err = zap_lookup_match(zap, name, match_of(dir->z), 8, 1, value, NULL, 0, NULL);
    zap_close(zap);
    return err == ZE_RANGE ? 0 : err; /* more integers than one: the first counts */
}

static int lookup_parent(struct zpl_node *dir, struct zpl_node **out)
{
    struct zpl *z = dir->z;

    if (dir->object != z->root)
        return zpl_node_load(z, dir->parent, out);
    if (z->parent != NULL) {
        *out = &z->parent->snapdir_node;
        return 0;
    }
    zpl_node_hold(dir);
    *out = dir;
    return 0;
}

int zpl_lookup(struct zpl_node *dir, const char *name, struct zpl_node **out)
{
    uint64_t value;
    int err;

    if (dir->kind != ZPL_NODE_OBJECT)
        return zpl_ctldir_lookup(dir, name, out);
    if (!zpl_node_is_dir(dir))
        return err_raise(ZE_NOTDIR, "object %llu is not a directory",
                         (unsigned long long)dir->object);
    if (strcmp(name, ".") == 0) {
        zpl_node_hold(dir);
        *out = dir;
        return 0;
    }
    if (strcmp(name, "..") == 0)
        return lookup_parent(dir, out);
    if (dir->object == dir->z->root && strcmp(name, ".zfs") == 0 && zpl_has_ctldir(dir->z)) {
        *out = &dir->z->ctl_node;
        return 0;
    }
    err = zpl_dir_find(dir, name, &value);
    if (err != 0)
        return err;
    err = zpl_node_load(dir->z, ZPL_DIRENT_OBJ(value), out);
    if (err == ZE_NOENT)
        return err_raise(
            ZE_BADSA, "entry '%s' of directory %llu names object %llu, which does not exist", name,
            (unsigned long long)dir->object, (unsigned long long)ZPL_DIRENT_OBJ(value));
    return err;
}

static int emit(int (*fn)(void *arg, const struct zpl_dirent *e), void *arg, struct zpl_dirent *e,
                const char *name, uint64_t object, uint8_t type, uint64_t next)
{
    strcpy(e->name, name);
    e->object = object;
    e->type = type;
    e->next = next;
    return fn(arg, e);
}

/* ".", ".." and, in the root of a file system that shows it, ".zfs". *stop: fn had enough. */
static int emit_special(struct zpl_node *dir, uint64_t cookie, struct zpl_dirent *e,
                        int (*fn)(void *arg, const struct zpl_dirent *e), void *arg)
{
    struct zpl *z = dir->z;
    int err = 0;

    if (cookie == COOKIE_DOT)
        err = emit(fn, arg, e, ".", dir->object, DT_DIR, COOKIE_DOTDOT);
    if (err == 0 && cookie <= COOKIE_DOTDOT)
        err = emit(fn, arg, e, "..", dir->object == z->root ? z->root : dir->parent, DT_DIR,
                   COOKIE_CTLDIR);
    if (err == 0 && cookie <= COOKIE_CTLDIR && dir->object == z->root &&
        z->flags & ZPL_MOUNT_SNAPDIR_VISIBLE)
        err = emit(fn, arg, e, ".zfs", ZPL_INO_CTLDIR, DT_DIR, COOKIE_ENTRIES);
    return err;
}

static int emit_entries(struct zpl_node *dir, uint64_t cookie, struct zpl_dirent *out,
                        int (*fn)(void *arg, const struct zpl_dirent *e), void *arg)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    err = zap_open_dnode(dir->dn, &zap);
    if (err != 0)
        return err;
    if (cookie <= COOKIE_ENTRIES)
        zap_cursor_init(&c, zap);
    else
        zap_cursor_init_at(&c, zap, cookie);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        if (e->integer_size != 8 || e->count < 1) {
            err = err_raise(ZE_BADZAP, "directory %llu: malformed entry '%s'",
                            (unsigned long long)dir->object, e->name);
            break;
        }
        err = emit(fn, arg, out, e->name, ZPL_DIRENT_OBJ(e->first), ZPL_DIRENT_TYPE(e->first),
                   zap_cursor_serialize(&c));
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

int zpl_readdir(struct zpl_node *dir, uint64_t cookie,
                int (*fn)(void *arg, const struct zpl_dirent *e), void *arg)
{
    struct zpl_dirent *e AUTO_FREE = mem_zalloc(sizeof(*e));
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    if (dir->kind != ZPL_NODE_OBJECT)
        return zpl_ctldir_readdir(dir, cookie, fn, arg);
    if (!zpl_node_is_dir(dir))
        return err_raise(ZE_NOTDIR, "object %llu is not a directory",
                         (unsigned long long)dir->object);
    if (dir->attr.nlink == 0)
        return 0;
    err = emit_special(dir, cookie, e, fn, arg);
    if (err == 0)
        err = emit_entries(dir, cookie, e, fn, arg);
    return err > 0 ? 0 : err;
}

/* ---- object to path ---- */

struct name_search {
    uint64_t object;
    char *name;
    bool found;
};

static int match_object(void *arg, const struct zpl_dirent *e)
{
    struct name_search *s = arg;

    if (e->object != s->object || strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
        return 0;
    strcpy(s->name, e->name);
    s->found = true;
    return 1;
}

static int component_of(struct zpl_node *n, struct zpl_node *parent, char name[ZAP_NAME_MAX])
{
    struct name_search s = {n->object, name, false};
    int err;

    if (n->attr.pflags & ZPL_FLAG_XATTR && zpl_node_is_dir(n)) {
        strcpy(name, "<xattrdir>");
        return 0;
    }
    if (!zpl_node_is_dir(parent))
        return err_raise(ZE_NOENT, "parent of object %llu is no directory",
                         (unsigned long long)n->object);
    err = zpl_readdir(parent, COOKIE_ENTRIES, match_object, &s);
    if (err == 0 && !s.found)
        err = err_raise(ZE_NOENT, "object %llu is not in directory %llu",
                        (unsigned long long)n->object, (unsigned long long)parent->object);
    return err;
}

static bool is_unlinked(struct zpl *z, uint64_t object)
{
    char key[24];
    uint64_t value;

    snprintf(key, sizeof(key), "%llx", (unsigned long long)object);
    return z->unlinked != 0 && zap_get_u64(z->os, z->unlinked, key, &value) == 0;
}

/* Components are collected from the end of buf towards its start, then moved to the front. */
int zpl_object_path(struct zpl *z, uint64_t object, char *buf, size_t len)
{
    char *name AUTO_FREE = mem_zalloc(ZAP_NAME_MAX);
    AUTO_NODE struct zpl_node *n = NULL;
    size_t at = len;
    int err = name == NULL ? ZE_NOMEM : 0;

    if (err != 0)
        return err;
    if (len < 2)
        return err_raise(ZE_RANGE, "path buffer");
    if (is_unlinked(z, object))
        return err_raise(ZE_STALE, "object %llu is unlinked", (unsigned long long)object);
    err = zpl_node_load(z, object, &n);
    buf[--at] = '\0';
    for (unsigned depth = 0; err == 0 && n->object != z->root; depth++) {
        struct zpl_node *parent;
        size_t part;

        if (depth == MAX_PATH_DEPTH)
            return err_raise(ZE_BADSA, "object %llu: parents do not lead to the root",
                             (unsigned long long)object);
        err = zpl_node_load(z, n->parent, &parent);
        if (err != 0)
            break;
        err = component_of(n, parent, name);
        zpl_node_rele(n);
        n = parent;
        part = strlen(name);
        if (err == 0 && part + 1 > at)
            err = err_raise(ZE_NAMETOOLONG, "path of object %llu", (unsigned long long)object);
        if (err != 0)
            break;
        at -= part;
        memcpy(buf + at, name, part);
        buf[--at] = '/';
    }
    if (err != 0)
        return err;
    if (buf[at] == '\0')
        buf[--at] = '/';
    memmove(buf, buf + at, len - at);
    return 0;
}
