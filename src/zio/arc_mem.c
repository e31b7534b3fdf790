/* SPDX-License-Identifier: MIT */
/*
 * Memory of the ARC: reference-counted buffers and the byte limit over everything the cache owns or
 * has handed out (arc.h). Called by the other arc files. Locks: wait_lock (a leaf); reclaim_lock,
 * held as reader around the owners' own locks and therefore without a rank.
 */
#include "base/mem.h"
#include "zio/arc_impl.h"

/* Wait this long for others to let go before going over the limit at all. */
#define FIRST_WAIT_NS 20000000ull
#define GROW_SHARE    64u /* target grows back by this part of the limit at a time */

static bool take(struct arc *arc, uint64_t bytes, uint64_t below)
{
    uint64_t used = atomic_load_explicit(&arc->size, memory_order_relaxed), want;

    do {
        if (__builtin_add_overflow(used, bytes, &want) || want > below)
            return false;
    } while (!atomic_compare_exchange_weak(&arc->size, &used, want));
    return true;
}

/* Back towards the limit once pressure has been away for a while. */
static void maybe_grow(struct arc *arc, uint64_t bytes)
{
    uint64_t target = atomic_load(&arc->target), limit = atomic_load(&arc->limit);

    if (target >= limit || env_mono_ns(arc->env) < atomic_load(&arc->no_grow_until))
        return;
    uint64_t more = target + max_of(bytes, limit / GROW_SHARE);
    atomic_compare_exchange_strong(&arc->target, &target, min_of(more, limit));
}

static bool reclaim(struct arc *arc, uint64_t bytes)
{
    pthread_rwlock_rdlock(&arc->reclaim_lock);
    bool any = arc->reclaimers != NULL;
    for (struct arc_reclaimer *r = arc->reclaimers; r != NULL; r = r->next)
        r->reclaim(r, bytes);
    pthread_rwlock_unlock(&arc->reclaim_lock);
    return any;
}

/* Until bytes fit below `below`, at most ns. */
static bool wait_for(struct arc *arc, uint64_t bytes, uint64_t below, uint64_t ns)
{
    const uint64_t step = FIRST_WAIT_NS / 4;
    bool got = false;

    atomic_fetch_add(&arc->waiters, 1);
    for (uint64_t waited = 0; waited < ns && !got; waited += step) {
        mutex_lock(&arc->wait_lock);
        cond_wait_ns(&arc->wait_cond, &arc->wait_lock, step);
        mutex_unlock(&arc->wait_lock);
        uint64_t size = atomic_load(&arc->size);
        if (size + bytes > below)
            arc_evict(arc, size + bytes - below);
        got = take(arc, bytes, below);
    }
    atomic_fetch_sub(&arc->waiters, 1);
    return got;
}

/* Nothing can be evicted: everything is held or in flight. */
static int charge_slow(struct arc *arc, uint64_t bytes, unsigned flags)
{
    uint64_t limit = atomic_load(&arc->limit);

    if (take(arc, bytes, limit))
        return 0;
    if (flags & ARC_MEM_NOWAIT)
        return ZE_NOMEM;
    lock_assert_may_block("ARC memory");
    if (reclaim(arc, bytes)) {
        arc_evict(arc, bytes);
        if (take(arc, bytes, limit))
            return 0;
    }
    if (wait_for(arc, bytes, limit, FIRST_WAIT_NS) || take(arc, bytes, limit + ARC_SLACK) ||
        wait_for(arc, bytes, limit + ARC_SLACK, ARC_WAIT_NS))
        return 0;
    atomic_fetch_add(&arc->size, bytes);
    atomic_fetch_add(&arc->overcommits, 1);
    return 0;
}

int arc_charge(struct arc *arc, uint64_t bytes, unsigned flags)
{
    while (!take(arc, bytes, atomic_load_explicit(&arc->target, memory_order_relaxed))) {
        maybe_grow(arc, bytes);
        uint64_t target = atomic_load(&arc->target), size = atomic_load(&arc->size);
        if (size + bytes <= target)
            continue;
        if (arc_evict(arc, size + bytes - target) != 0)
            continue;
        int err = charge_slow(arc, bytes, flags);
        if (err != 0)
            return err;
        break;
    }
    if (memacct_charge(&arc->env->mem, bytes) == 0)
        return 0;
    atomic_fetch_sub(&arc->size, bytes);
    return ZE_NOMEM;
}

bool arc_try_charge(struct arc *arc, uint64_t bytes)
{
    return take(arc, bytes, atomic_load_explicit(&arc->target, memory_order_relaxed)) &&
           memacct_charge(&arc->env->mem, bytes) == 0;
}

void arc_uncharge(struct arc *arc, uint64_t bytes)
{
    atomic_fetch_sub(&arc->size, bytes);
    memacct_uncharge(&arc->env->mem, bytes);
    if (atomic_load(&arc->waiters) == 0)
        return;
    mutex_lock(&arc->wait_lock);
    cond_broadcast(&arc->wait_cond);
    mutex_unlock(&arc->wait_lock);
}

/* ---- buffers ---- */

size_t arc_data_cap(const struct arc_data *d)
{
    return d->small ? d->buf.size : iobuf_real_size(d->buf.size);
}

int arc_data_alloc(struct arc *arc, struct env *env, size_t size, unsigned flags,
                   struct arc_data **out)
{
    bool small = size < ARC_SMALL;
    size_t real = sizeof(struct arc_data) + (small ? size : iobuf_real_size(size));
    int err = arc != NULL ? arc_charge(arc, real, flags) : memacct_charge(&env->mem, real);

    if (err != 0)
        return err_raise(ZE_NOMEM, "cache buffer of %zu bytes", size);
    struct arc_data *d = malloc(sizeof(*d) + (small ? size : 0));
    void *bytes = d == NULL ? NULL : small ? (void *)(d + 1) : iobuf_alloc(size);
    if (bytes == NULL) {
        free(d);
        if (arc != NULL)
            arc_uncharge(arc, real);
        else
            memacct_uncharge(&env->mem, real);
        return err_raise(ZE_NOMEM, "cache buffer of %zu bytes", size);
    }
    *d = (struct arc_data){
        .buf = {bytes, size}, .arc = arc, .env = env, .refs = 1, .small = small, .real = real};
    *out = d;
    return 0;
}

void arc_data_rele(struct arc_data *d)
{
    if (d == NULL || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct arc *arc = d->arc;
    struct env *env = d->env;
    size_t real = d->real;
    if (!d->small)
        iobuf_free(arc_data_bytes(d), d->buf.size);
    free(d);
    if (arc != NULL)
        arc_uncharge(arc, real);
    else
        memacct_uncharge(&env->mem, real);
}

void arc_release(struct arc_buf *buf)
{
    if (buf != NULL)
        arc_data_rele(container_of(buf, struct arc_data, buf));
}

void arc_reclaimer_add(struct arc *arc, struct arc_reclaimer *r)
{
    pthread_rwlock_wrlock(&arc->reclaim_lock);
    r->next = arc->reclaimers;
    arc->reclaimers = r;
    pthread_rwlock_unlock(&arc->reclaim_lock);
}

void arc_reclaimer_remove(struct arc *arc, struct arc_reclaimer *r)
{
    pthread_rwlock_wrlock(&arc->reclaim_lock);
    struct arc_reclaimer **at = &arc->reclaimers;
    while (*at != NULL && *at != r)
        at = &(*at)->next;
    if (*at != NULL)
        *at = r->next;
    pthread_rwlock_unlock(&arc->reclaim_lock);
}
