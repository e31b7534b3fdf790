/* SPDX-License-Identifier: MIT */
/*
 * Mutexes, read-write locks and condition variables with ranks. A thread may only take a lock of a
 * higher rank than every lock it holds (equal ranks only with mutex_lock_nested()); debug builds
 * (-Dlock_ranks=true) abort with both names on a violation. The ranks are one list: outer first.
 */
#ifndef ZUSE_BASE_LOCK_H
#define ZUSE_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Outermost first. BLOCK says the lock may be held across a blocking wait (I/O). */
#define ZUSE_LOCK_RANKS(X)                                                                         \
    X(SERVICE, BLOCK)                                                                              \
    X(MOUNT, BLOCK)                                                                                \
    X(FUSE, BLOCK)                                                                                 \
    X(POOL_LIST, BLOCK)                                                                            \
    X(POOL_CONFIG, BLOCK)                                                                          \
    X(POOL, BLOCK)                                                                                 \
    X(SCAN, BLOCK)                                                                                 \
    X(ZPL_MOUNT, BLOCK)                                                                            \
    X(ZPL_RENAME, BLOCK)                                                                           \
    X(ZPL_DIR, BLOCK)                                                                              \
    X(ZPL_NODE, BLOCK)                                                                             \
    X(ZPL_CACHE, NOBLOCK)                                                                          \
    X(ZPL_SA, BLOCK)                                                                               \
    X(ZIL, BLOCK)                                                                                  \
    X(DSL_POOL, BLOCK)                                                                             \
    X(DSL_DATASET, BLOCK)                                                                          \
    X(DSL_DIR, BLOCK)                                                                              \
    X(DSL_DEADLIST, BLOCK)                                                                         \
    X(DSL_KEYS, BLOCK)                                                                             \
    X(TX, BLOCK)                                                                                   \
    X(BPOBJ, BLOCK)                                                                                \
    X(ZAP, BLOCK)                                                                                  \
    X(OBJSET, BLOCK)                                                                               \
    X(DNODE, BLOCK)                                                                                \
    X(DNODE_HASH, NOBLOCK)                                                                         \
    X(DBUF, BLOCK)                                                                                 \
    X(DBUF_HASH, NOBLOCK)                                                                          \
    X(METASLAB_GROUP, BLOCK)                                                                       \
    X(METASLAB, BLOCK)                                                                             \
    X(SPACEMAP, BLOCK)                                                                             \
    X(DDT, BLOCK)                                                                                  \
    X(BRT, BLOCK)                                                                                  \
    X(ARC_HASH, NOBLOCK)                                                                           \
    X(ARC_HEADER, NOBLOCK)                                                                         \
    X(ARC_LIST, NOBLOCK)                                                                           \
    X(ZIO, NOBLOCK)                                                                                \
    X(VDEV_TREE, BLOCK)                                                                            \
    X(VDEV_DTL, NOBLOCK)                                                                           \
    X(VDEV_IO, NOBLOCK)                                                                            \
    X(VDEV_STAT, NOBLOCK)                                                                          \
    X(VDEV_QUEUE, NOBLOCK)                                                                         \
    X(DEVICE, NOBLOCK)                                                                             \
    X(EVENTS, NOBLOCK)                                                                             \
    X(WORKER, NOBLOCK)                                                                             \
    X(MEM, NOBLOCK)                                                                                \
    X(LOG, NOBLOCK)                                                                                \
    X(LEAF, NOBLOCK) /* private to one small object, nothing is taken under it */

enum lock_rank {
#define X(name, block) RANK_##name,
    ZUSE_LOCK_RANKS(X)
#undef X
};

struct mutex {
    pthread_mutex_t m;
    enum lock_rank rank;
};
struct rwlock {
    pthread_rwlock_t l;
    enum lock_rank rank;
};
struct cond {
    pthread_cond_t c;
};

void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_destroy(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_lock_nested(struct mutex *m); /* same rank as one already held; order by address */
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);

void rwlock_init(struct rwlock *l, enum lock_rank rank);
void rwlock_destroy(struct rwlock *l);
void rwlock_rdlock(struct rwlock *l);
void rwlock_wrlock(struct rwlock *l);
void rwlock_unlock(struct rwlock *l);

void cond_init(struct cond *c); /* on CLOCK_MONOTONIC */
void cond_destroy(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* False on timeout. */
bool cond_wait_ns(struct cond *c, struct mutex *m, uint64_t ns);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/* Debug builds: abort if this thread holds a NOBLOCK lock. Call before any blocking wait. */
void lock_assert_may_block(const char *what);

static inline void mutex_guard_release(struct mutex **m)
{
    if (*m != NULL)
        mutex_unlock(*m);
}
static inline void rwlock_guard_release(struct rwlock **l)
{
    if (*l != NULL)
        rwlock_unlock(*l);
}
static inline struct mutex *mutex_guard_take(struct mutex *m)
{
    mutex_lock(m);
    return m;
}
static inline struct rwlock *rwlock_guard_read(struct rwlock *l)
{
    rwlock_rdlock(l);
    return l;
}
static inline struct rwlock *rwlock_guard_write(struct rwlock *l)
{
    rwlock_wrlock(l);
    return l;
}
#define LOCK_CAT2(a, b) a##b
#define LOCK_CAT(a, b)  LOCK_CAT2(a, b)
/* Scope-bound: MUTEX_GUARD(&x->lock); unlocks at the end of the block. */
#define MUTEX_GUARD(mutex_ptr)                                                                     \
    __attribute__((cleanup(mutex_guard_release), unused)) struct mutex *LOCK_CAT(                  \
        guard_, __LINE__) = mutex_guard_take(mutex_ptr)
#define READ_GUARD(rwlock_ptr)                                                                     \
    __attribute__((cleanup(rwlock_guard_release), unused)) struct rwlock *LOCK_CAT(                \
        guard_, __LINE__) = rwlock_guard_read(rwlock_ptr)
#define WRITE_GUARD(rwlock_ptr)                                                                    \
    __attribute__((cleanup(rwlock_guard_release), unused)) struct rwlock *LOCK_CAT(                \
        guard_, __LINE__) = rwlock_guard_write(rwlock_ptr)

#endif
