/* SPDX-License-Identifier: MIT */
#include "fuse/fuse_impl.h"

#include <stdlib.h>

#define OBJECT_BITS 48
#define OBJECT_MASK ((1ull << OBJECT_BITS) - 1)
#define MAX_SLOTS   0xffffu

static struct zpl *slot_get(struct fuse_nodes *t, unsigned slot)
{
    MUTEX_GUARD(&t->lock);

    return slot < t->n ? t->slot[slot] : NULL;
}

int fuse_nodes_init(struct fuse_nodes *t, struct zpl *z)
{
    mutex_init(&t->lock, RANK_FUSE);
    t->slot = mem_calloc(1, sizeof(*t->slot));
    if (t->slot == NULL)
        return ZE_NOMEM;
    t->slot[0] = z;
    t->n = 1;
    return 0;
}

void fuse_nodes_fini(struct fuse_nodes *t)
{
    free(t->slot);
    mutex_destroy(&t->lock);
}

/* Snapshots get the next slot when the kernel first sees one of their nodes. */
static int slot_of(struct fuse_nodes *t, struct zpl *z, unsigned *slot)
{
    MUTEX_GUARD(&t->lock);
    struct zpl **more;

    for (unsigned i = 0; i < t->n; i++) {
        if (t->slot[i] == z) {
            *slot = i;
            return 0;
        }
    }
    if (t->n == MAX_SLOTS)
        return err_raise(ZE_NOMEM, "more than %u snapshots in use through .zfs", MAX_SLOTS);
    more = reallocarray(t->slot, t->n + 1, sizeof(*more));
    if (more == NULL)
        return ZE_NOMEM;
    t->slot = more;
    t->slot[t->n] = z;
    *slot = t->n++;
    return 0;
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
