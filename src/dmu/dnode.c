/* SPDX-License-Identifier: MIT */
/*
 * Dnodes in memory (format/dmu.md, "6. Dnodes and object trees"): copied out of their block into
 * host order and validated when first held, then shared by everybody who holds the object and kept
 * for a while after. What a user derives from an object (the ZAP's index) hangs off its dnode, with
 * holds and a limit of its own.
 *
 * Callers: dsl/, zpl/, inspect/ through dmu.h. Ownership: counted holds; an objset outlives its
 * dnodes. Locks: the shard's mutex (DNODE_HASH) for the table, the step to or from zero holds and
 * what hangs off a dnode; a make_lock (DNODE) while that is made. Errors: ZE_NOENT (no such
 * object), ZE_BADDNODE, zio's.
 */
#include "base/mem.h"
#include "dmu/dmu_impl.h"

static uint64_t dnode_charge(const struct dnode *dn) /* bytes */
{
    return sizeof(*dn) + dn->size +
           (atomic_load(&dn->prefetch) != NULL ? sizeof(struct prefetch) : 0);
}

static struct dnode_shard *dnode_shard_of(struct dmu_pool *dp, uint64_t hash)
{
    return &dp->dnodes[hash % DMU_SHARDS];
}

static struct dnode **dnode_slot(struct dnode_shard *sh, uint64_t hash)
{
    return &sh->bucket[hash / DMU_SHARDS % DMU_SHARD_BUCKETS];
}

static uint64_t dnode_hash(uint64_t os_id, uint64_t object)
{
    return dmu_hash(os_id, object, 0, 0);
}

static void dnode_free(struct dnode *dn)
{
    if (dn->user != NULL)
        dn->user_free(dn->user);
    prefetch_free(atomic_load(&dn->prefetch));
    if (!dn->special)
        free(dn->phys);
    free(dn);
}

static struct dnode *dnode_alloc(struct objset *os, uint64_t object, struct dnode_phys *phys)
{
    struct dnode *dn = mem_zalloc(sizeof(*dn));
    if (dn == NULL)
        return NULL;
    dmu_list_init(&dn->lru);
    dmu_list_init(&dn->user_lru);
    dn->os = os;
    dn->dp = os->dp;
    dn->os_id = os->id;
    dn->object = object;
    atomic_store(&dn->refs, 1);
    dn->phys = phys;
    dn->size = dnode_phys_size(phys);
    dn->blksz = dnode_phys_blksz(phys);
    dn->maxblkid = phys->maxblkid;
    dn->nlevels = phys->nlevels;
    dn->epbs = phys->indblkshift >= DNODE_MIN_INDBLKSHIFT ? dnode_phys_epbs(phys) : 0;
    return dn;
}

int dnode_create_special(struct objset *os, uint64_t object, const struct dnode_phys *phys,
                         struct dnode **out)
{
    if (phys->type != OBJTYPE_NONE) {
        int err = dnode_phys_validate(phys, 1, object);
        if (err != 0)
            return err;
    }
    /* The objset's own copy, which lives as long; never written through this pointer. */
    struct dnode *dn = dnode_alloc(os, object, (struct dnode_phys *)(uintptr_t)phys);
    if (dn == NULL)
        return err_raise(ZE_NOMEM, "dnode");
    dn->special = true;
    if (phys->type == OBJTYPE_NONE)
        dn->nlevels = 0; /* every block is a hole */
    *out = dn;
    return 0;
}

/* Shard locked: dn goes, and its user thing with it. */
static void user_forget(struct dmu_pool *dp, struct dnode *dn)
{
    if (dn->user == NULL)
        return;
    dmu_list_remove(&dn->user_lru);
    atomic_fetch_sub(&dp->user_cached, dn->user_size);
}

void dnode_destroy_special(struct dnode *dn)
{
    if (dn == NULL)
        return;
    struct dnode_shard *sh = dnode_shard_of(dn->dp, dnode_hash(dn->os_id, dn->object));
    mutex_lock(&sh->lock);
    user_forget(dn->dp, dn);
    mutex_unlock(&sh->lock);
    dnode_free(dn);
}

/* ---- the cache ---- */

static struct dnode *shard_find(struct dnode_shard *sh, uint64_t hash, uint64_t os_id,
                                uint64_t object)
{
    struct dnode *dn = *dnode_slot(sh, hash);
    while (dn != NULL && (dn->object != object || dn->os_id != os_id))
        dn = dn->hash_next;
    return dn;
}

static void shard_unhash(struct dnode_shard *sh, uint64_t hash, struct dnode *dn)
{
    struct dnode **p = dnode_slot(sh, hash);
    while (*p != dn)
        p = &(*p)->hash_next;
    *p = dn->hash_next;
}

/* Shard locked. */
static void dnode_hold_locked(struct dmu_pool *dp, struct dnode *dn)
{
    if (atomic_fetch_add(&dn->refs, 1) == 0) {
        dmu_list_remove(&dn->lru);
        atomic_fetch_sub(&dp->dnode_cached, dnode_charge(dn));
    }
}

static struct dnode *shard_pop(struct dmu_pool *dp, struct dnode_shard *sh)
{
    MUTEX_GUARD(&sh->lock);
    if (dmu_list_empty(&sh->lru))
        return NULL;
    struct dnode *dn = container_of(sh->lru.next, struct dnode, lru);
    dmu_list_remove(&dn->lru);
    atomic_fetch_sub(&dp->dnode_cached, dnode_charge(dn));
    shard_unhash(sh, dnode_hash(dn->os_id, dn->object), dn);
    user_forget(dp, dn);
    return dn;
}

static void dnode_evict(struct dmu_pool *dp)
{
    unsigned barren = 0;
    while (atomic_load(&dp->dnode_cached) > DMU_DNODE_CACHE && barren < DMU_SHARDS) {
        unsigned i = atomic_fetch_add(&dp->evict_hand, 1) % DMU_SHARDS;
        struct dnode *dn = shard_pop(dp, &dp->dnodes[i]);
        barren = dn == NULL ? barren + 1 : 0;
        if (dn != NULL)
            dnode_free(dn);
    }
}

void dnode_cache_fini(struct dmu_pool *dp)
{
    for (unsigned i = 0; i < DMU_SHARDS; i++)
        for (struct dnode *dn; (dn = shard_pop(dp, &dp->dnodes[i])) != NULL;)
            dnode_free(dn);
}

void dnode_ref(struct dnode *dn)
{
    atomic_fetch_add(&dn->refs, 1);
}

void dnode_rele(struct dnode *dn)
{
    if (dn == NULL)
        return;
    unsigned refs = atomic_load(&dn->refs);
    while (refs > 1 || dn->special)
        if (atomic_compare_exchange_weak(&dn->refs, &refs, refs - 1))
            return;
    struct dmu_pool *dp = dn->dp;
    struct dnode_shard *sh = dnode_shard_of(dp, dnode_hash(dn->os_id, dn->object));
    bool over = false;
    mutex_lock(&sh->lock);
    if (atomic_fetch_sub(&dn->refs, 1) == 1) {
        dmu_list_push(&sh->lru, &dn->lru);
        uint64_t charge = dnode_charge(dn);
        over = atomic_fetch_add(&dp->dnode_cached, charge) + charge > DMU_DNODE_CACHE;
    }
    mutex_unlock(&sh->lock);
    if (over)
        dnode_evict(dp);
}

/* ---- reading one in ---- */

/* Copy the dnode at slot out of a block in host order, if there is one. */
static int dnode_extract(const struct dbuf *db, uint64_t object, struct dnode_phys **out)
{
    const uint8_t *block = dbuf_data(db);
    unsigned nslots = (unsigned)(dbuf_size(db) >> DNODE_SLOT_SHIFT);
    unsigned slot = (unsigned)(object % DNODE_SLOTS_PER_BLOCK);
    /* From slot 0: a slot inside a large dnode holds its bonus, whatever that looks like. */
    unsigned i = 0;
    while (i < slot && i < nslots) {
        const struct dnode_phys *p = (const struct dnode_phys *)(block + i * DNODE_SLOT_SIZE);
        i += p->type != OBJTYPE_NONE ? dnode_phys_slots(p) : 1;
    }
    const struct dnode_phys *p = (const struct dnode_phys *)(block + slot * DNODE_SLOT_SIZE);
    if (i != slot || slot >= nslots || p->type == OBJTYPE_NONE)
        return ZE_NOENT;
    int err = dnode_phys_validate(p, nslots - slot, object);
    if (err != 0)
        return err;
    *out = malloc(dnode_phys_size(p));
    if (*out == NULL)
        return err_raise(ZE_NOMEM, "dnode");
    memcpy(*out, p, dnode_phys_size(p));
    return 0;
}

static int dnode_load(struct objset *os, uint64_t object, struct dnode **out)
{
    uint64_t blkid = object / DNODE_SLOTS_PER_BLOCK;
    struct dbuf *db;
    prefetch_access(os->meta, blkid, 1);
    int err = dbuf_hold(os->meta, 0, blkid, &db);
    if (err != 0)
        return err;
    struct dnode_phys *phys = NULL;
    err = dbuf_is_hole(db) ? ZE_NOENT : dnode_extract(db, object, &phys);
    bool swapped = db->swapped;
    dbuf_rele(db);
    if (err == ZE_NOENT)
        return err_raise(err, "dataset %llu has no object %llu", (unsigned long long)os->dataset,
                         (unsigned long long)object);
    if (err != 0)
        return err_context(err, "dataset %llu: ", (unsigned long long)os->dataset);
    struct dnode *dn = dnode_alloc(os, object, phys);
    if (dn == NULL) {
        free(phys);
        return err_raise(ZE_NOMEM, "dnode");
    }
    dn->swapped = swapped;
    dn->bonus_unreadable = os->encrypted && (os->flags & OBJSET_RAW) &&
                           objtype_is_encrypted(phys->bonustype) && phys->bonuslen != 0;
    *out = dn;
    return 0;
}

static int hold_special(struct objset *os, uint64_t object, struct dnode **out)
{
    struct dnode *dn =
        object == OBJSET_OBJECT_META ? os->meta : os->used[OBJSET_OBJECT_USERUSED - object];
    if (dn == NULL)
        return err_raise(ZE_NOENT, "dataset %llu has no object %lld",
                         (unsigned long long)os->dataset, (long long)object);
    dnode_ref(dn);
    *out = dn;
    return 0;
}

int dnode_hold(struct objset *os, uint64_t object, struct dnode **out)
{
    *out = NULL;
    if (object == OBJSET_OBJECT_META || object >= OBJSET_OBJECT_PROJECTUSED)
        return hold_special(os, object, out);
    if (object > DNODE_MAX_OBJECT)
        return err_raise(ZE_NOENT, "object number %llu is too large", (unsigned long long)object);
    struct dmu_pool *dp = os->dp;
    uint64_t hash = dnode_hash(os->id, object);
    struct dnode_shard *sh = dnode_shard_of(dp, hash);
    mutex_lock(&sh->lock);
    struct dnode *dn = shard_find(sh, hash, os->id, object);
    if (dn != NULL)
        dnode_hold_locked(dp, dn);
    mutex_unlock(&sh->lock);
    if (dn != NULL) {
        *out = dn;
        return 0;
    }
    struct dnode *mine = NULL;
    int err = dnode_load(os, object, &mine);
    if (err != 0)
        return err;
    mutex_lock(&sh->lock);
    dn = shard_find(sh, hash, os->id, object);
    if (dn != NULL) {
        dnode_hold_locked(dp, dn);
    } else {
        dn = mine;
        mine = NULL;
        dn->hash_next = *dnode_slot(sh, hash);
        *dnode_slot(sh, hash) = dn;
    }
    mutex_unlock(&sh->lock);
    if (mine != NULL)
        dnode_free(mine);
    *out = dn;
    return 0;
}

/* ---- what hangs off a dnode ---- */

/* Unlink the coldest user thing of a shard, for the caller to free. */
static void *user_pop(struct dmu_pool *dp, struct dnode_shard *sh, void (**user_free)(void *user))
{
    MUTEX_GUARD(&sh->lock);
    if (dmu_list_empty(&sh->user_lru))
        return NULL;
    struct dnode *dn = container_of(sh->user_lru.next, struct dnode, user_lru);
    void *user = dn->user;
    user_forget(dp, dn);
    *user_free = dn->user_free;
    dn->user = NULL;
    return user;
}

static void user_evict(struct dmu_pool *dp)
{
    unsigned barren = 0;
    while (atomic_load(&dp->user_cached) > DMU_USER_CACHE && barren < DMU_SHARDS) {
        unsigned i = atomic_fetch_add(&dp->evict_hand, 1) % DMU_SHARDS;
        void (*user_free)(void *user) = NULL;
        void *user = user_pop(dp, &dp->dnodes[i], &user_free);
        barren = user == NULL ? barren + 1 : 0;
        if (user != NULL)
            user_free(user);
    }
}

static void *user_ref(struct dnode *dn, struct dnode_shard *sh)
{
    MUTEX_GUARD(&sh->lock);
    if (dn->user != NULL && dn->user_refs++ == 0)
        user_forget(dn->dp, dn);
    return dn->user;
}

int dnode_user_get(struct dnode *dn, int (*make)(struct dnode *dn, void **user, size_t *size),
                   void (*user_free)(void *user), void **out)
{
    uint64_t hash = dnode_hash(dn->os_id, dn->object);
    struct dnode_shard *sh = dnode_shard_of(dn->dp, hash);
    *out = user_ref(dn, sh);
    if (*out != NULL)
        return 0;
    MUTEX_GUARD(&dn->dp->make_lock[hash / DMU_SHARDS % DMU_MAKE_LOCKS]);
    *out = user_ref(dn, sh);
    if (*out != NULL)
        return 0;
    size_t size = 0;
    int err = make(dn, out, &size);
    if (err != 0)
        return err;
    MUTEX_GUARD(&sh->lock);
    dn->user = *out;
    dn->user_free = user_free;
    dn->user_size = size;
    dn->user_refs = 1;
    return 0;
}

void dnode_user_put(struct dnode *dn)
{
    struct dmu_pool *dp = dn->dp;
    struct dnode_shard *sh = dnode_shard_of(dp, dnode_hash(dn->os_id, dn->object));
    bool over = false;
    mutex_lock(&sh->lock);
    if (--dn->user_refs == 0) {
        dmu_list_push(&sh->user_lru, &dn->user_lru);
        over = atomic_fetch_add(&dp->user_cached, dn->user_size) + dn->user_size > DMU_USER_CACHE;
    }
    mutex_unlock(&sh->lock);
    if (over)
        user_evict(dp);
}

/* ---- what dmu.h shows ---- */

uint64_t dnode_object(const struct dnode *dn)
{
    return dn->object;
}

struct objset *dnode_objset(const struct dnode *dn)
{
    return dn->os;
}

const struct dnode_phys *dnode_phys(const struct dnode *dn)
{
    return dn->phys;
}

struct span dnode_bonus(const struct dnode *dn)
{
    if (dn->bonus_unreadable || dn->phys->bonustype == OBJTYPE_NONE)
        return span_of(NULL, 0);
    return span_of(dnode_phys_bonus(dn->phys), dn->phys->bonuslen);
}

bool dnode_bonus_is_encrypted(const struct dnode *dn)
{
    return dn->bonus_unreadable;
}

bool dnode_bonus_swapped(const struct dnode *dn)
{
    return dn->swapped && dn->phys->bonustype == OBJTYPE_SA;
}

uint64_t dnode_blksz(const struct dnode *dn)
{
    return dn->blksz;
}

uint64_t dnode_maxblkid(const struct dnode *dn)
{
    return dn->maxblkid;
}

uint64_t dnode_size(const struct dnode *dn)
{
    uint64_t blocks, bytes;
    if (__builtin_add_overflow(dn->maxblkid, 1, &blocks) ||
        __builtin_mul_overflow(blocks, dn->blksz, &bytes))
        return UINT64_MAX;
    return bytes;
}
