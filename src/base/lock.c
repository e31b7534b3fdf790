/* SPDX-License-Identifier: MIT */
/*
 * Ranked locks (base/lock.h). With ZUSE_LOCK_RANKS_CHECKED each thread keeps the list of locks it
 * holds; taking one out of order, unlocking one not held, or blocking under a NOBLOCK lock prints
 * every lock held and aborts: a bug of ours, found in tests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/lock.h"

/* A pthread call on our own lock can only fail by a bug (EDEADLK, EPERM, EINVAL). */
static void must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "zuse: %s failed: error %d\n", what, rc);
    abort();
}

#ifdef ZUSE_LOCK_RANKS_CHECKED

#define BLOCK   true
#define NOBLOCK false
static const struct {
    const char *name;
    bool may_block;
} rank_table[] = {
#define X(name, block) {#name, block},
    ZUSE_LOCK_RANKS(X)
#undef X
};
#undef BLOCK
#undef NOBLOCK

#define HELD_MAX 64
static _Thread_local struct {
    const void *lock;
    enum lock_rank rank;
} held[HELD_MAX];
static _Thread_local unsigned nheld;

__attribute__((noreturn, cold)) static void violation(const char *what, const char *name)
{
    fprintf(stderr, "zuse: lock order: %s %s while holding:", what, name);
    for (unsigned i = 0; i < nheld; i++)
        fprintf(stderr, " %s", rank_table[held[i].rank].name);
    fprintf(stderr, "\n");
    abort();
}

static void rank_check(const void *lock, enum lock_rank rank, bool nested)
{
    for (unsigned i = 0; i < nheld; i++) {
        if (held[i].lock == lock)
            violation("taking again", rank_table[rank].name);
        if (held[i].rank > rank || (held[i].rank == rank && !nested))
            violation("taking", rank_table[rank].name);
    }
}

static void rank_push(const void *lock, enum lock_rank rank)
{
    if (nheld == HELD_MAX)
        violation("too many locks: taking", rank_table[rank].name);
    held[nheld].lock = lock;
    held[nheld++].rank = rank;
}

static void rank_pop(const void *lock, enum lock_rank rank)
{
    unsigned i = nheld;

    while (i > 0 && held[i - 1].lock != lock)
        i--;
    if (i == 0)
        violation("releasing (not held)", rank_table[rank].name);
    for (; i < nheld; i++)
        held[i - 1] = held[i];
    nheld--;
}

static void assert_may_block(const char *what, const void *except)
{
    for (unsigned i = 0; i < nheld; i++)
        if (held[i].lock != except && !rank_table[held[i].rank].may_block)
            violation("blocking in", what);
}

#else

static inline void rank_check(const void *lock, enum lock_rank rank, bool nested) {}
static inline void rank_push(const void *lock, enum lock_rank rank) {}
static inline void rank_pop(const void *lock, enum lock_rank rank) {}
static inline void assert_may_block(const char *what, const void *except) {}

#endif

void lock_assert_may_block(const char *what)
{
    assert_may_block(what, NULL);
}

void mutex_init(struct mutex *m, enum lock_rank rank)
{
    must(pthread_mutex_init(&m->m, NULL), "mutex_init");
    m->rank = rank;
}

void mutex_destroy(struct mutex *m)
{
    must(pthread_mutex_destroy(&m->m), "mutex_destroy");
}

void mutex_lock(struct mutex *m)
{
    rank_check(m, m->rank, false);
    must(pthread_mutex_lock(&m->m), "mutex_lock");
    rank_push(m, m->rank);
}

void mutex_lock_nested(struct mutex *m)
{
    rank_check(m, m->rank, true);
    must(pthread_mutex_lock(&m->m), "mutex_lock");
    rank_push(m, m->rank);
}

bool mutex_trylock(struct mutex *m)
{
    int rc = pthread_mutex_trylock(&m->m);

    if (rc == EBUSY)
        return false;
    must(rc, "mutex_trylock");
    rank_push(m, m->rank); /* no order to check: it cannot wait */
    return true;
}

void mutex_unlock(struct mutex *m)
{
    rank_pop(m, m->rank);
    must(pthread_mutex_unlock(&m->m), "mutex_unlock");
}

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
    pthread_rwlockattr_t attr;

    must(pthread_rwlockattr_init(&attr), "rwlockattr_init");
#ifdef __GLIBC__
    /* The default lets a stream of readers starve a writer for ever. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    must(pthread_rwlock_init(&l->l, &attr), "rwlock_init");
    pthread_rwlockattr_destroy(&attr);
    l->rank = rank;
}

void rwlock_destroy(struct rwlock *l)
{
    must(pthread_rwlock_destroy(&l->l), "rwlock_destroy");
}

void rwlock_rdlock(struct rwlock *l)
{
    rank_check(l, l->rank, false);
    must(pthread_rwlock_rdlock(&l->l), "rwlock_rdlock");
    rank_push(l, l->rank);
}

void rwlock_wrlock(struct rwlock *l)
{
    rank_check(l, l->rank, false);
    must(pthread_rwlock_wrlock(&l->l), "rwlock_wrlock");
    rank_push(l, l->rank);
}

void rwlock_unlock(struct rwlock *l)
{
    rank_pop(l, l->rank);
    must(pthread_rwlock_unlock(&l->l), "rwlock_unlock");
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;

    must(pthread_condattr_init(&attr), "condattr_init");
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "condattr_setclock");
    must(pthread_cond_init(&c->c, &attr), "cond_init");
    pthread_condattr_destroy(&attr);
}

void cond_destroy(struct cond *c)
{
    must(pthread_cond_destroy(&c->c), "cond_destroy");
}

void cond_wait(struct cond *c, struct mutex *m)
{
    assert_may_block("cond_wait", m);
    rank_pop(m, m->rank);
    must(pthread_cond_wait(&c->c, &m->m), "cond_wait");
    rank_push(m, m->rank);
}

bool cond_wait_ns(struct cond *c, struct mutex *m, uint64_t ns)
{
    struct timespec ts;

    assert_may_block("cond_wait_ns", m);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    uint64_t nsec = (uint64_t)ts.tv_nsec + ns % 1000000000u;
    ts.tv_sec += (time_t)(ns / 1000000000u + nsec / 1000000000u);
    ts.tv_nsec = (long)(nsec % 1000000000u);
    rank_pop(m, m->rank);
    int rc = pthread_cond_timedwait(&c->c, &m->m, &ts);
    rank_push(m, m->rank);
    if (rc == ETIMEDOUT)
        return false;
    must(rc, "cond_timedwait");
    return true;
}

void cond_signal(struct cond *c)
{
    must(pthread_cond_signal(&c->c), "cond_signal");
}

void cond_broadcast(struct cond *c)
{
    must(pthread_cond_broadcast(&c->c), "cond_broadcast");
}
