/* SPDX-License-Identifier: MIT */
#include "fuse/fuse_impl.h"

#include <stdlib.h>

static struct fuse_node **bucket_of(struct fuse_nodes *t, const struct zpl_node *n)
{
    return &t->bucket[((uintptr_t)n >> 4) % FUSE_NODE_BUCKETS];
}

struct fuse_node *fuse_nodes_get(struct fuse_nodes *t, struct zpl_node *n)
{
    struct fuse_node *f;

    if (n == t->root.n) {
        zpl_node_rele(n);
        return &t->root;
    }
    mutex_lock(&t->lock);
    for (f = *bucket_of(t, n); f != NULL && f->n != n; f = f->hash_next)
        ;
    if (f != NULL) {
        f->lookups++;
        mutex_unlock(&t->lock);
        zpl_node_rele(n);
        return f;
    }
    f = mem_zalloc(sizeof(*f));
    if (f != NULL) {
        f->n = n;
        f->lookups = 1;
        f->hash_next = *bucket_of(t, n);
        *bucket_of(t, n) = f;
    }
    mutex_unlock(&t->lock);
    if (f == NULL)
        zpl_node_rele(n);
    return f;
}

void fuse_nodes_forget(struct fuse_nodes *t, struct fuse_node *f, uint64_t lookups)
{
    struct fuse_node **at;

    if (f == &t->root)
        return;
    mutex_lock(&t->lock);
    f->lookups -= min_of(lookups, f->lookups);
    if (f->lookups != 0) {
        mutex_unlock(&t->lock);
        return;
    }
    for (at = bucket_of(t, f->n); *at != f; at = &(*at)->hash_next)
        ;
    *at = f->hash_next;
    mutex_unlock(&t->lock);
    zpl_node_rele(f->n);
    free(f);
}

void fuse_nodes_clear(struct fuse_nodes *t)
{
    for (size_t i = 0; i < FUSE_NODE_BUCKETS; i++) {
        while (t->bucket[i] != NULL) {
            struct fuse_node *f = t->bucket[i];

            t->bucket[i] = f->hash_next;
            zpl_node_rele(f->n);
            free(f);
        }
    }
    if (t->root.n != NULL)
        zpl_node_rele(t->root.n);
    t->root.n = NULL;
}
