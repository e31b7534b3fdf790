/* SPDX-License-Identifier: MIT */
/*
 * The caches that all object sets of one pool share: made with the first open object set, freed
 * with the last. Callers: objset.c. Locks: a spin flag in the zio_pool guards that life cycle; it
 * is held for a few instructions, but for the first open and the last close.
 */
#include <sched.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "dmu/dmu_impl.h"

static void life_lock(struct zio_pool *zp)
{
    int free_value = 0;
    while (!atomic_compare_exchange_weak(&zp->dmu_lock, &free_value, 1)) {
        free_value = 0;
        sched_yield();
    }
}

static void life_unlock(struct zio_pool *zp)
{
    atomic_store(&zp->dmu_lock, 0);
}

static void dmu_reclaim(struct arc_reclaimer *self, uint64_t bytes)
{
    dbuf_cache_shrink(container_of(self, struct dmu_pool, reclaimer), bytes);
}

static struct dmu_pool *dmu_pool_create(struct zio_pool *zp)
{
    /* Only ever read, so all of it is the kernel's one zero page. */
    void *zeros = mmap(NULL, DMU_ZERO_REGION, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (zeros == MAP_FAILED)
        return NULL;
    struct dmu_pool *dp = mem_zalloc(sizeof(*dp));
    if (dp == NULL) {
        munmap(zeros, DMU_ZERO_REGION);
        return NULL;
    }
    dp->zp = zp;
    dp->zeros = zeros;
    atomic_store(&dp->next_os_id, 1);
    for (unsigned i = 0; i < DMU_SHARDS; i++) {
        mutex_init(&dp->dbufs[i].lock, RANK_DBUF_HASH);
        cond_init(&dp->dbufs[i].ready);
        dmu_list_init(&dp->dbufs[i].lru);
        mutex_init(&dp->dnodes[i].lock, RANK_DNODE_HASH);
        dmu_list_init(&dp->dnodes[i].lru);
        dmu_list_init(&dp->dnodes[i].user_lru);
    }
    for (unsigned i = 0; i < DMU_MAKE_LOCKS; i++)
        mutex_init(&dp->make_lock[i], RANK_DNODE);
    dp->reclaimer.reclaim = dmu_reclaim;
    if (zp->arc != NULL)
        arc_reclaimer_add(zp->arc, &dp->reclaimer);
    return dp;
}

static void dmu_pool_destroy(struct dmu_pool *dp)
{
    if (dp->zp->arc != NULL)
        arc_reclaimer_remove(dp->zp->arc, &dp->reclaimer);
    dnode_cache_fini(dp);
    dbuf_cache_fini(dp);
    for (unsigned i = 0; i < DMU_SHARDS; i++) {
        mutex_destroy(&dp->dbufs[i].lock);
        cond_destroy(&dp->dbufs[i].ready);
        mutex_destroy(&dp->dnodes[i].lock);
    }
    for (unsigned i = 0; i < DMU_MAKE_LOCKS; i++)
        mutex_destroy(&dp->make_lock[i]);
    munmap((void *)(uintptr_t)dp->zeros, DMU_ZERO_REGION);
    free(dp);
}

int dmu_pool_get(struct zio_pool *zp, struct dmu_pool **out)
{
    life_lock(zp);
    struct dmu_pool *dp = zp->dmu;
    if (dp == NULL)
        dp = zp->dmu = dmu_pool_create(zp);
    if (dp != NULL)
        dp->objsets++;
    life_unlock(zp);
    *out = dp;
    return dp != NULL ? 0 : err_raise(ZE_NOMEM, "object caches");
}

void dmu_pool_put(struct dmu_pool *dp)
{
    struct zio_pool *zp = dp->zp;
    life_lock(zp);
    bool last = --dp->objsets == 0;
    if (last)
        zp->dmu = NULL;
    life_unlock(zp);
    if (last)
        dmu_pool_destroy(dp);
}
