/* SPDX-License-Identifier: MIT */
/* The persistent error log; see errlog.h. */
#include "pool/errlog.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "disk/errlog_phys.h"
#include "dmu/zap.h"
#include "pool/pool_features.h"

struct walk {
    struct pool *pool;
    int (*fn)(void *arg, const struct pool_error *e);
    void *arg;
    uint64_t head; /* head_errlog: dataset of the sub-ZAP being walked, 0 = not in one */
};

static int walk_zap(struct walk *w, uint64_t object,
                    int (*entry)(struct walk *w, const struct zap_entry *e))
{
    struct zap *zap;
    int err = zap_open(w->pool->mos, object, &zap);
    if (err != 0)
        return err;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    bool end = false;
    zap_cursor_init(&c, zap);
    err = e == NULL ? ZE_NOMEM : 0;
    while (err == 0 && !end) {
        err = zap_cursor_next(&c, e);
        end = err == ZE_NOENT;
        err = end ? 0 : err == 0 ? entry(w, e) : err;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err;
}

static int old_entry(struct walk *w, const struct zap_entry *e)
{
    struct pool_error pe = {0};
    int err = errlog_key_parse(e->name, &pe.zb);
    return err != 0 ? err : w->fn(w->arg, &pe);
}

static int head_entry(struct walk *w, const struct zap_entry *e)
{
    struct pool_error pe = {0};
    int err = errlog_head_key_parse(e->name, &pe.zb, &pe.birth);
    pe.zb.objset = w->head;
    return err != 0 ? err : w->fn(w->arg, &pe);
}

static int dataset_entry(struct walk *w, const struct zap_entry *e)
{
    char *end;
    w->head = strtoull(e->name, &end, 16);
    if (*end != '\0' || e->integer_size != 8 || e->count != 1)
        return err_raise(ZE_CORRUPT, "error log: entry '%s'", e->name);
    return walk_zap(w, e->first, head_entry);
}

int pool_errlog_each(struct pool *pool, int (*fn)(void *arg, const struct pool_error *e), void *arg)
{
    struct walk w = {.pool = pool, .fn = fn, .arg = arg};
    const uint64_t logs[] = {pool->errlog_last, pool->errlog_scrub};
    bool by_head = pool_feature_active(pool->features, FEATURE_HEAD_ERRLOG);
    int err = 0;
    for (size_t i = 0; i < array_len(logs) && err == 0; i++) {
        if (logs[i] != 0)
            err = walk_zap(&w, logs[i], by_head ? dataset_entry : old_entry);
    }
    return err;
}

static int count_one(void *arg, const struct pool_error *e)
{
    ++*(uint64_t *)arg;
    return 0;
}

int pool_errlog_count(struct pool *pool, uint64_t *out)
{
    *out = 0;
    return pool_errlog_each(pool, count_one, out);
}
