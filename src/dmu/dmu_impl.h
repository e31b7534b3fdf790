/* SPDX-License-Identifier: MIT */
/*
 * Inside the dmu floor: the caches one pool's object sets share, and the structures behind the
 * handles of dmu.h.
 *
 * One struct dmu_pool hangs off a struct zio_pool while any object set of it is open. It holds two
 * sharded hash tables:
 *
 *   dbufs   blocks of objects, decoded to host order, keyed (objset id, object, level, blkid)
 *   dnodes  dnodes copied out of their blocks and validated, keyed (objset id, object)
 *
 * Entries nobody holds stay on their shard's LRU list until the pool-wide byte limit pushes them
 * out. An entry without holders never refers to its objset or dnode, only to the id, so closing an
 * objset is cheap: its leftovers age out. Ids are never reused.
 *
 * Written with writing in mind: whoever dirties a block will hold its dbuf by a record per txg (the
 * dbuf then has holders and is not evictable), and replaces data in that record while readers keep
 * the old arc_buf. Nothing here assumes that an object's blocks never change except what prefetch
 * and ZAP indexes derive, which hang off the dnode.
 *
 * Locks: a shard's mutex (DNODE_HASH, DBUF_HASH); never held during I/O. Reference counts of dbufs
 * and of dnodes at zero change under it.
 */
#ifndef ZUSE_DMU_DMU_IMPL_H
#define ZUSE_DMU_DMU_IMPL_H

#include "base/err.h"
#include "base/lock.h"
#include "dmu/dmu.h"
#include "zio/arc.h"

#define DMU_SHARDS         64u
#define DMU_SHARD_BUCKETS  256u
#define DMU_DBUF_CACHE     (16u << 20) /* bytes of blocks nobody holds */
#define DMU_DNODE_CACHE    (8u << 20)  /* bytes of dnodes nobody holds */
#define DMU_USER_CACHE     (8u << 20) /* bytes of what hangs off dnodes (ZAP indexes), not in use */
#define DMU_MAKE_LOCKS     16u
#define DMU_ZERO_REGION    BLOCK_MAX_SIZE
#define DMU_READ_BATCH     64u         /* blocks asked for at once */
#define DMU_READ_BATCH_MAX (32u << 20) /* bytes */

struct dmu_list {
    struct dmu_list *prev, *next;
};

static inline void dmu_list_init(struct dmu_list *l)
{
    l->prev = l->next = l;
}
static inline bool dmu_list_empty(const struct dmu_list *l)
{
    return l->next == l;
}
static inline void dmu_list_push(struct dmu_list *head, struct dmu_list *e) /* at the tail */
{
    e->prev = head->prev;
    e->next = head;
    head->prev->next = e;
    head->prev = e;
}
static inline void dmu_list_remove(struct dmu_list *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
    e->prev = e->next = e;
}

enum dbuf_state {
    DBUF_READING, /* its creator is fetching it; others wait on the shard's cond */
    DBUF_READY,
    DBUF_FAILED, /* goes with its last holder */
};

struct dbuf {
    struct dbuf *hash_next;
    struct dmu_list lru; /* linked only while refs == 0 */
    struct dmu_pool *dp;
    uint64_t os_id, object, blkid;
    unsigned level;
    unsigned refs; /* shard lock */
    enum dbuf_state state;
    int err;
    bool hole;
    bool swapped;        /* its writer had the other byte order */
    const void *data;    /* into arc, copy or the zero region */
    size_t size;         /* bytes */
    struct arc_buf *arc; /* held, or NULL */
    void *copy;          /* own memory: swapped or zero-extended block */
    char *err_detail;
};

struct dbuf_shard {
    struct mutex lock;
    struct cond ready;
    struct dmu_list lru;
    struct dbuf *bucket[DMU_SHARD_BUCKETS];
};

/* A sequential reader of one object; prefetch.c explains. */
#define PREFETCH_STREAMS 8u
struct prefetch_stream {
    uint64_t next;     /* block the reader is expected to want next */
    uint64_t ahead;    /* blocks below this were asked for */
    uint64_t distance; /* blocks to stay ahead */
    uint64_t l1_ahead; /* level-1 blocks below this were asked for */
    uint64_t stamp;    /* of the last use; 0 = free */
};
struct prefetch {
    struct mutex lock;
    uint64_t clock;
    struct prefetch_stream stream[PREFETCH_STREAMS];
};

struct dnode {
    struct dnode *hash_next;
    struct dmu_list lru;
    struct objset *os; /* valid while held */
    struct dmu_pool *dp;
    uint64_t os_id, object;
    _Atomic unsigned refs;
    bool special;          /* lives in the objset block and with its objset; not in the hash */
    bool swapped;          /* its block's writer had the other byte order */
    bool bonus_unreadable; /* ciphertext: opened without key */
    size_t size;           /* bytes of phys */
    uint64_t blksz, maxblkid;
    unsigned epbs, nlevels;
    struct dnode_phys *phys;             /* host order, validated */
    _Atomic(struct prefetch *) prefetch; /* NULL until somebody reads a second time */
    /*
     * What somebody derived from the object (the ZAP's index); shared and counted apart from the
     * dnode, which a mount may hold for very long. Shard lock.
     */
    struct dmu_list user_lru; /* linked only while user_refs == 0 */
    void *user;
    void (*user_free)(void *user);
    size_t user_size; /* bytes */
    unsigned user_refs;
};

struct dnode_shard {
    struct mutex lock;
    struct dmu_list lru;      /* dnodes nobody holds */
    struct dmu_list user_lru; /* dnodes whose user thing is not in use */
    struct dnode *bucket[DMU_SHARD_BUCKETS];
};

struct dmu_pool {
    struct zio_pool *zp;
    unsigned objsets; /* open; under zp->dmu_lock */
    _Atomic uint64_t next_os_id;
    _Atomic uint64_t dbuf_cached;  /* bytes on LRU lists */
    _Atomic uint64_t dnode_cached; /* bytes on LRU lists */
    _Atomic uint64_t user_cached;  /* bytes on LRU lists */
    _Atomic unsigned evict_hand;
    const uint8_t *zeros; /* DMU_ZERO_REGION bytes */
    struct arc_reclaimer reclaimer;
    struct dbuf_shard dbufs[DMU_SHARDS];
    struct dnode_shard dnodes[DMU_SHARDS];
    struct mutex make_lock[DMU_MAKE_LOCKS]; /* DNODE: one maker of a user thing, by dnode */
};

struct objset {
    struct zio_pool *zp;
    struct dmu_pool *dp;
    uint64_t id;      /* in the caches */
    uint64_t dataset; /* object of the DSL dataset */
    unsigned flags;   /* enum objset_flags */
    bool encrypted;   /* every block must be protected */
    struct blkptr root;
    struct objset_phys phys;
    struct dnode *meta;
    struct dnode *used[3]; /* user, group, project accounting; NULL if none */
};

static inline uint64_t dmu_hash(uint64_t os_id, uint64_t object, uint64_t level, uint64_t blkid)
{
    uint64_t h = os_id * 0x9e3779b97f4a7c15u ^ (object + (level << 56)) * 0xc2b2ae3d27d4eb4fu ^
                 (blkid + 0x165667b19e3779f9u) * 0x94d049bb133111ebu;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

/* pool.c of this floor: dmu_pool.c. Get the caches of zp, made by the first caller. */
int dmu_pool_get(struct zio_pool *zp, struct dmu_pool **out);
void dmu_pool_put(struct dmu_pool *dp);

/* dbuf.c */
void dbuf_cache_fini(struct dmu_pool *dp);
/* Let go of about so many bytes of blocks nobody holds. */
void dbuf_cache_shrink(struct dmu_pool *dp, uint64_t bytes);
/* A dbuf that is cached and ready, held; NULL otherwise. Never blocks on I/O. */
struct dbuf *dbuf_find_ready(struct dnode *dn, unsigned level, uint64_t blkid);
/*
 * Hold n consecutive level-0 blocks, reading missing ones in parallel; out[i] is NULL for a hole.
 * On error nothing is held. uncached: read blocks are not kept when released.
 */
int dbuf_hold_many(struct dnode *dn, uint64_t first, unsigned n, struct dbuf **out);
/*
 * Block pointer of (level, blkid), a zeroed one for a hole. *parent carries the indirect block held
 * from call to call; start with NULL, release at the end.
 */
int dbuf_blkptr(struct dnode *dn, unsigned level, uint64_t blkid, struct dbuf **parent,
                struct blkptr *out);
/* May this pointer stand at (level) of dn? Size, level, protection. */
int dbuf_blkptr_check(const struct dnode *dn, unsigned level, uint64_t blkid,
                      const struct blkptr *bp);
/* Name the block in the detail of a read that failed; returns err. */
int dbuf_read_error(const struct dnode *dn, unsigned level, uint64_t blkid, int err);
/* zio flags with which a block of the object is read (raw dnode blocks without key). */
unsigned dbuf_zio_flags(const struct dnode *dn, unsigned level, const struct blkptr *bp);
/*
 * Bytes of a block just read, in host order and exactly `size` long: arc->data itself or a new copy
 * (*copy, to be freed).
 */
int dbuf_decode(const struct blkptr *bp, unsigned level, unsigned type, const struct arc_buf *arc,
                size_t size, void **copy, const void **data);

static inline struct bookmark dnode_bookmark(const struct dnode *dn, unsigned level, uint64_t blkid)
{
    return (struct bookmark){dn->os->dataset, dn->object, (int64_t)level, blkid};
}
static inline bool dnode_is_meta(const struct dnode *dn)
{
    return dn->object == OBJSET_OBJECT_META;
}
static inline uint64_t dnode_level_size(const struct dnode *dn, unsigned level) /* bytes a block */
{
    return level == 0 ? dn->blksz : (uint64_t)1 << dn->phys->indblkshift;
}

/* dnode.c */
void dnode_cache_fini(struct dmu_pool *dp);
/* For a dnode inside the objset block. */
int dnode_create_special(struct objset *os, uint64_t object, const struct dnode_phys *phys,
                         struct dnode **out);
void dnode_destroy_special(struct dnode *dn);
void dnode_ref(struct dnode *dn); /* one more hold on a held dnode */
/*
 * What hangs off a dnode: make() builds it (under a lock, may do I/O), others get the same until it
 * is evicted, which it is not between get and put.
 */
int dnode_user_get(struct dnode *dn, int (*make)(struct dnode *dn, void **user, size_t *size),
                   void (*user_free)(void *user), void **out);
void dnode_user_put(struct dnode *dn);

/* prefetch.c */
void prefetch_free(struct prefetch *p); /* NULL is fine */
/* The caller is about to read blocks [first, first + n) of dn. */
void prefetch_access(struct dnode *dn, uint64_t first, uint64_t n);

#endif
