/* SPDX-License-Identifier: MIT */
/*
 * Walks over the tree of blocks of one object set (format/dmu.md 6-8): root, intent log (by a
 * hook), meta-dnode, every dnode and its blocks, accounting dnodes; depth first, in the order of
 * bookmarks
 * ("2.8 Bookmarks"). Only what leads further is read: indirect and dnode blocks; data blocks are
 * shown, not read.
 *
 * Callers: inspect/ (verify, zdb), dsl/ (diff), later send and scrub. Ownership: everything a visit
 * points to is valid during the call. Locks: none held during calls. Blocks go through the ARC, not
 * the dbuf cache, so that a scan does not push out what is in use. Errors: zio's, ZE_BADBP,
 * ZE_BADDNODE, ZE_BADOBJSET, whatever the callback returns.
 */
#ifndef ZUSE_DMU_TRAVERSE_H
#define ZUSE_DMU_TRAVERSE_H

#include "disk/dnode.h"
#include "disk/objset.h"
#include "zio/zio.h"

enum traverse_flags {
    TRAVERSE_PRE = 1 << 0,          /* TRAVERSE_BLOCK before what is below a block */
    TRAVERSE_POST = 1 << 1,         /* TRAVERSE_BLOCK_DONE after what is below a block */
    TRAVERSE_DNODES = 1 << 2,       /* TRAVERSE_DNODE before the blocks of each allocated dnode */
    TRAVERSE_HOLES = 1 << 3,        /* show holes born after min_txg */
    TRAVERSE_UNBORN_HOLES = 1 << 4, /* show holes without birth too (pools without hole_birth) */
    TRAVERSE_CONTINUE = 1 << 5,     /* an error is shown as TRAVERSE_ERROR and stepped over */
    TRAVERSE_RAW = 1 << 6,          /* no keys needed: dnode blocks as stored, bonuses enciphered */
    TRAVERSE_PREFETCH_DATA =
        1 << 7, /* read ahead of data blocks too: the callback will read them */
    TRAVERSE_LOGICAL_BIRTH =
        1 << 8, /* prune by logical birth (send), not by that of the allocation */
};

enum traverse_event {
    TRAVERSE_BLOCK,
    TRAVERSE_BLOCK_DONE,
    TRAVERSE_DNODE,
    TRAVERSE_ERROR, /* the block of zb cannot be read or is wrong: err, with its detail set */
};

#define TRAVERSE_LEVEL_DNODE (-3) /* level of the bookmark of a dnode visit */
#define TRAVERSE_SKIP        1    /* callback's answer: do not go below this one */

struct traverse_visit {
    enum traverse_event event;
    int err;
    struct bookmark zb;
    const struct blkptr *bp;          /* NULL for TRAVERSE_DNODE */
    const struct dnode_phys *dnode;   /* whose block it is; NULL for the root */
    const struct objset_phys *objset; /* NULL until the root has been read */
    bool swapped;                     /* TRAVERSE_DNODE: its writer had the other byte order */
    /* TRAVERSE_BLOCK_DONE of an indirect or dnode block: contents in host order. */
    const void *data;
    size_t size;
};

/* 0, TRAVERSE_SKIP, or an error that ends the walk and becomes its result. */
typedef int (*traverse_fn)(void *arg, const struct traverse_visit *v);

struct traverse {
    struct zio_pool *pool;
    uint64_t dataset; /* object of the DSL dataset, for the bookmarks */
    struct blkptr root;
    unsigned flags;
    enum vdev_prio prio;
    uint64_t min_txg;       /* only what was born later */
    unsigned min_level;     /* do not show or follow blocks of objects below this level */
    struct bookmark resume; /* start here; all zero: at the beginning */
    traverse_fn fn;
    void *arg;
    /* The intent log's blocks, if the caller knows how; called once, after the root. */
    int (*zil)(void *arg, const struct objset_phys *objset);
};

int traverse_objset(const struct traverse *t);
/* The blocks of one dnode (host order, validated, whole). root is not used. */
int traverse_dnode(const struct traverse *t, uint64_t object, const struct dnode_phys *dn);
/*
 * Order of two bookmarks of one object set, by the shapes of their objects' trees: indblkshift of
 * each; the meta-dnode's is given by its own bookmarks. <0, 0, >0.
 */
int traverse_bookmark_compare(const struct bookmark *a, unsigned a_indblkshift,
                              const struct bookmark *b, unsigned b_indblkshift);

#endif
