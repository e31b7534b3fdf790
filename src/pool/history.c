/* SPDX-License-Identifier: MIT */
/* The pool's history, read; see history.h. */
#include "pool/history.h"

#include "base/err.h"
#include "base/mem.h"
#include "disk/history_phys.h"

struct reader {
    struct dnode *dn;
    struct history_phys phys;
};

/* Bytes [off, off+len) of the logical log; the ring may wrap inside. */
static int history_read(struct reader *r, uint64_t off, uint8_t *buf, uint64_t len)
{
    while (len > 0) {
        uint64_t at = history_physical(&r->phys, off);
        uint64_t limit =
            at < r->phys.pool_create_len ? r->phys.pool_create_len : r->phys.phys_max_off;
        uint64_t part = min_of(len, limit - at);
        int err = part == 0 ? ZE_CORRUPT : dmu_read(r->dn, at, buf, part);
        if (err != 0)
            return err;
        off += part;
        buf += part;
        len -= part;
    }
    return 0;
}

static int history_range(struct reader *r, uint64_t off, uint64_t end,
                         int (*fn)(void *arg, const struct nvlist *record), void *arg)
{
    while (off < end) {
        uint8_t word[8];
        int err = end - off < sizeof(word) ? ZE_CORRUPT : history_read(r, off, word, sizeof(word));
        if (err != 0)
            return err_context(err, "history at %llu: ", (unsigned long long)off);
        uint64_t len = load_le64(word);
        if (len > HISTORY_RECORD_MAX || len > end - off - sizeof(word))
            return err_raise(ZE_CORRUPT, "history record at %llu has %llu bytes",
                             (unsigned long long)off, (unsigned long long)len);
        AUTO_FREE uint8_t *buf = malloc(len == 0 ? 1 : len);
        AUTO_NVLIST struct nvlist *nv = NULL;
        if (buf == NULL)
            return ZE_NOMEM;
        if ((err = history_read(r, off + sizeof(word), buf, len)) != 0 ||
            (err = nvlist_decode(span_of(buf, len), &nv)) != 0)
            return err_context(err, "history record at %llu: ", (unsigned long long)off);
        if ((err = fn(arg, nv)) != 0)
            return err;
        off += sizeof(word) + len;
    }
    return 0;
}

int pool_history_each(struct pool *pool, int (*fn)(void *arg, const struct nvlist *record),
                      void *arg)
{
    struct reader r;
    if (pool->history_object == 0)
        return 0;
    int err = dnode_hold(pool->mos, pool->history_object, &r.dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(r.dn);
    err = history_phys_load(&r.phys, bonus.data, bonus.len);
    if (err == 0)
        err = history_range(&r, 0, min_of(r.phys.pool_create_len, r.phys.bof), fn, arg);
    if (err == 0)
        err = history_range(&r, r.phys.bof, r.phys.eof, fn, arg);
    dnode_rele(r.dn);
    return err;
}
