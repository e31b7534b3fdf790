/* SPDX-License-Identifier: MIT */
#include "fuse/fuse_impl.h"

#include <stdlib.h>
#include <string.h>

#define OBJECT_BITS 48
#define OBJECT_MASK ((1ull << OBJECT_BITS) - 1)
#define MAX_SLOTS   0xffffu

static struct zpl *slot_get(struct fuse_nodes *t, unsigned slot)
{
    MUTEX_GUARD(&t->slot_lock);

    return slot < t->n ? t->slot[slot] : NULL;
}

int fuse_nodes_init(struct fuse_nodes *t, struct zpl *z)
{
    rwlock_init(&t->lock, RANK_FUSE);
    mutex_init(&t->slot_lock, RANK_LEAF);
    t->slot = mem_calloc(1, sizeof(*t->slot));
    if (t->slot == NULL)
        return ZE_NOMEM;
    t->slot[0] = z;
    t->n = 1;
    return 0;
}

void fuse_nodes_fini(struct fuse_nodes *t)
{
    while (t->grafts != NULL) {
        struct fuse_graft *g = t->grafts;

        t->grafts = g->next;
        zpl_unmount(g->z);
        free(g);
    }
    free(t->slot);
    rwlock_destroy(&t->lock);
    mutex_destroy(&t->slot_lock);
}

/* Snapshots and grafts get the next slot when the kernel first sees one of their nodes. */
static int slot_of(struct fuse_nodes *t, struct zpl *z, unsigned *slot)
{
    MUTEX_GUARD(&t->slot_lock);
    struct zpl **more;

    for (unsigned i = 0; i < t->n; i++) {
        if (t->slot[i] == z) {
            *slot = i;
            return 0;
        }
    }
    if (t->n == MAX_SLOTS)
        return err_raise(ZE_NOMEM, "more than %u file systems in one mount", MAX_SLOTS);
    more = reallocarray(t->slot, t->n + 1, sizeof(*more));
    if (more == NULL)
        return ZE_NOMEM;
    t->slot = more;
    t->slot[t->n] = z;
    *slot = t->n++;
    return 0;
}

/* A file system goes: its numbers, and those of its snapshots, name nothing from now on. */
static void forget_slots(struct fuse_nodes *t, struct zpl *z)
{
    MUTEX_GUARD(&t->slot_lock);

    for (unsigned i = 0; i < t->n; i++) {
        if (t->slot[i] != NULL && zpl_is_or_snapshot_of(t->slot[i], z))
            t->slot[i] = NULL;
    }
}

int fuse_nodes_number(struct fuse_nodes *t, struct zpl_node *n, fuse_ino_t *ino)
{
    unsigned slot = 0;
    int err = slot_of(t, zpl_node_zpl(n), &slot);

    if (err != 0)
        return err;
    *ino = (fuse_ino_t)((uint64_t)slot << OBJECT_BITS | zpl_node_object(n));
    if (slot == 0 && zpl_node_object(n) == t->root_object)
        *ino = FUSE_ROOT_ID;
    return 0;
}

int fuse_nodes_hold(struct fuse_nodes *t, fuse_ino_t ino, struct zpl_node **out)
{
    struct zpl *z = slot_get(t, (unsigned)(ino >> OBJECT_BITS));

    if (z == NULL)
        return err_raise(ZE_STALE, "node %llx", (unsigned long long)ino);
    return zpl_get(z, ino == FUSE_ROOT_ID ? t->root_object : ino & OBJECT_MASK, 0, out);
}

/* ---- grafts ---- */

static struct fuse_graft *graft_at(struct fuse_nodes *t, struct zpl *host, uint64_t object)
{
    for (struct fuse_graft *g = t->grafts; g != NULL; g = g->next) {
        if (g->host == host && g->object == object)
            return g;
    }
    return NULL;
}

int fuse_nodes_lookup(struct fuse_nodes *t, struct zpl_node *dir, const char *name,
                      struct zpl_node **out)
{
    struct fuse_graft *g;
    int err = zpl_lookup(dir, name, out);

    if (err != 0 || t->grafts == NULL)
        return err;
    g = graft_at(t, zpl_node_zpl(*out), zpl_node_object(*out));
    if (g == NULL)
        return 0;
    zpl_node_rele(*out);
    return zpl_root(g->z, out);
}

/* The directory that path names, and the last component's parent and name. */
static int walk(struct fuse_nodes *t, const char *path, struct fuse_graft *g, struct zpl_node **out)
{
    char *copy AUTO_FREE = mem_strdup(path);
    AUTO_FUSE_NODE struct zpl_node *n = NULL;
    char *save = NULL;
    int err = copy == NULL ? ZE_NOMEM : zpl_root(t->slot[0], &n);

    for (char *part = copy == NULL ? NULL : strtok_r(copy, "/", &save); err == 0 && part != NULL;
         part = strtok_r(NULL, "/", &save)) {
        struct zpl_node *next = NULL;

        err = fuse_nodes_number(t, n, &g->parent);
        snprintf(g->name, sizeof(g->name), "%s", part);
        err = err != 0 ? err : fuse_nodes_lookup(t, n, part, &next);
        if (err == 0) {
            zpl_node_rele(n);
            n = next;
        }
    }
    if (err == 0 && g->name[0] == '\0')
        err = err_raise(ZE_BUSY, "'%s' is the mount itself", path);
    if (err == 0) {
        *out = n;
        n = NULL;
    }
    return err;
}

int fuse_mount_graft(struct fuse_mount *m, const char *path, struct zpl *z)
{
    AUTO_FUSE_NODE struct zpl_node *dir = NULL;
    struct fuse_graft *g = mem_zalloc(sizeof(*g));
    struct zpl_attr a;
    int err;

    if (g == NULL)
        return ZE_NOMEM;
    rwlock_wrlock(&m->nodes.lock);
    err = walk(&m->nodes, path, g, &dir);
    err = err != 0 ? err : zpl_getattr(dir, &a);
    if (err == 0 && (a.mode & 0170000) != 0040000)
        err = err_raise(ZE_NOTDIR, "'%s' is not a directory", path);
    if (err == 0) {
        g->host = zpl_node_zpl(dir);
        g->object = zpl_node_object(dir);
        g->z = z;
        g->next = m->nodes.grafts;
        m->nodes.grafts = g;
    }
    rwlock_unlock(&m->nodes.lock);
    if (err != 0) {
        free(g);
        return err;
    }
    (void)fuse_lowlevel_notify_inval_entry(m->se, g->parent, g->name, strlen(g->name));
    return 0;
}

void fuse_mount_ungraft(struct fuse_mount *m, struct zpl *z)
{
    struct fuse_graft **at, *g;

    rwlock_wrlock(&m->nodes.lock);
    for (at = &m->nodes.grafts; *at != NULL && (*at)->z != z; at = &(*at)->next)
        ;
    g = *at;
    if (g != NULL) {
        *at = g->next;
        forget_slots(&m->nodes, z);
    }
    rwlock_unlock(&m->nodes.lock);
    if (g == NULL)
        return;
    (void)fuse_lowlevel_notify_inval_entry(m->se, g->parent, g->name, strlen(g->name));
    zpl_unmount(g->z);
    free(g);
}
