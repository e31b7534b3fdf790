/* SPDX-License-Identifier: MIT */
/* Multi-modifier protection, the importer's side (format/pool.md 6.3). See load.h. */
#include "base/err.h"
#include "pool/load.h"

#define MMP_LOCAL_INTERVAL_MS 1000u
#define MMP_IMPORT_INTERVALS  20u
#define MMP_IMPORT_SAFETY_PCT 200u
#define MSEC                  1000000ull
#define SEC                   1000000000ull

static bool mmp_not_needed(const struct uberblock *ub, const struct nvlist *label, uint32_t hostid)
{
    if (!uberblock_mmp_valid(ub) || ub->mmp_delay == 0)
        return true;
    uint64_t state = nvlist_u64(label, "state", POOL_STATE_ACTIVE);
    uint64_t owner = nvlist_u64(label, "hostid", 0);
    return state == POOL_STATE_DESTROYED ||
           (state == POOL_STATE_EXPORTED && owner != 0 && owner == hostid);
}

uint64_t mmp_check_duration(const struct uberblock *ub, const struct nvlist *label, uint32_t hostid)
{
    if (mmp_not_needed(ub, label, hostid))
        return 0;
    uint64_t least = max_of(SEC, (uint64_t)MMP_IMPORT_INTERVALS * MMP_LOCAL_INTERVAL_MS * MSEC);
    uint64_t interval = uberblock_mmp_interval(ub) * MSEC;
    uint64_t fail = uberblock_mmp_fail_intervals(ub);
    /* A hostile delay must not make us wait for ever. */
    uint64_t delay = min_of(ub->mmp_delay, 3600 * SEC);
    bool has_both = uberblock_mmp_has_interval(ub) && uberblock_mmp_has_fail(ub);
    uint64_t d;
    if (has_both && fail > 0)
        d = fail * interval * MMP_IMPORT_SAFETY_PCT / 100;
    else if (has_both)
        d = max_of(least, (interval + delay) * MMP_IMPORT_INTERVALS);
    else
        d = max_of(least, (MMP_LOCAL_INTERVAL_MS * MSEC + delay) * MMP_IMPORT_INTERVALS);
    return min_of(d, 24 * 3600 * SEC);
}

static int mmp_report(struct pool *pool, enum mmp_state state, const struct uberblock *ub)
{
    struct nvlist *info = pool->load_info;
    int err = nvlist_add_u64(info, "mmp_state", state);
    if (err == 0)
        err = nvlist_add_u64(info, "mmp_txg", ub->txg);
    if (err == 0)
        err = nvlist_add_u64(info, "mmp_seq", uberblock_mmp_seq(ub));
    if (err == 0)
        err = nvlist_add_string(info, "mmp_hostname", nvlist_string(pool->label, "hostname", ""));
    if (err == 0)
        err = nvlist_add_u64(info, "mmp_hostid", nvlist_u64(pool->label, "hostid", 0));
    return err;
}

static bool mmp_same(const struct uberblock *a, const struct uberblock *b)
{
    return a->txg == b->txg && a->timestamp == b->timestamp &&
           uberblock_mmp_seq(a) == uberblock_mmp_seq(b);
}

int mmp_activity_check(struct pool *pool, const struct pool_import_args *args,
                       const struct uberblock *ub)
{
    struct env *env = pool->env;
    uint64_t wait = mmp_check_duration(ub, pool->label, env->hostid);
    if ((args->flags & POOL_IMPORT_SKIP_MMP) || wait == 0)
        return 0;
    int err;
    if (env->hostid == 0) {
        if ((err = mmp_report(pool, MMP_NO_HOSTID, ub)) != 0)
            return err;
        return err_raise(ZE_ACTIVEPOOL,
                         "pool has the multihost property on and the\n"
                         "system's hostid is not set. Set a unique system hostid with "
                         "the zgenhostid(8) command.");
    }
    uint32_t jitter;
    env_random_bytes(env, &jitter, sizeof(jitter));
    uint64_t end = env_mono_ns(env) + wait + wait / 4 * (jitter % 1024) / 1024;
    while (env_mono_ns(env) < end) {
        struct uberblock_choice now;
        if (args->interrupted != NULL && args->interrupted(args->interrupted_arg))
            return err_raise(ZE_CANCELED, "interrupted while checking whether the pool is in use");
        if ((err = vdev_uberblock_choose(pool->vdevs, UINT64_MAX, &now)) != 0)
            return err;
        if (!mmp_same(&now.latest, ub)) {
            if ((err = mmp_report(pool, MMP_ACTIVE, &now.latest)) != 0)
                return err;
            return err_raise(ZE_ACTIVEPOOL,
                             "pool is imported on host '%s' (hostid=%llx).\n"
                             "Export the pool on the other system, then run 'zpool import'.",
                             nvlist_string(pool->label, "hostname", "?"),
                             (unsigned long long)nvlist_u64(pool->label, "hostid", 0));
        }
        uint64_t at = env_mono_ns(env), left = at < end ? end - at : 0;
        env->clock->sleep_ns(env, min_of(SEC, left));
    }
    return mmp_report(pool, MMP_INACTIVE, ub);
}
