/* SPDX-License-Identifier: MIT */
/*
 * Micro ZAPs (format/dmu.md, "9.3 Microzap"): one block of 64-byte entries in no order. It is
 * copied and indexed by (hash, cd) when opened, since large ones (up to 1 MiB) have 16383 entries.
 * Errors: ZE_BADZAP, ZE_NOENT.
 */
#include "dmu/zap_impl.h"

static int index_compare(const void *a, const void *b)
{
    const struct mzap_index *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->cd != y->cd)
        return x->cd < y->cd ? -1 : 1;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int index_build(struct zap *zap)
{
    size_t slots = mzap_entries(zap->src->block_size);
    uint64_t used = 0;
    for (size_t i = 0; i < slots; i++)
        used += mzap_entry_used(mzap_entry_at(zap->mblock, i));
    zap->index = mem_calloc(used > 0 ? used : 1, sizeof(zap->index[0]));
    if (zap->index == NULL)
        return err_raise(ZE_NOMEM, "index of ZAP object %llu", zap_object(zap));
    for (size_t i = 0; i < slots; i++) {
        const struct mzap_entry *e = mzap_entry_at(zap->mblock, i);
        if (!mzap_entry_used(e))
            continue;
        struct mzap_index *x = &zap->index[zap->count++];
        *x = (struct mzap_index){.cd = e->cd, .slot = (uint32_t)i};
        int err = zap_hash_name(zap, e->name, strlen(e->name), &x->hash);
        if (err != 0)
            return err;
    }
    qsort(zap->index, zap->count, sizeof(zap->index[0]), index_compare);
    return 0;
}

int zap_micro_load(struct zap *zap, const void *block)
{
    size_t size = zap->src->block_size;
    if (zap->src->blocks != 1)
        return err_raise(ZE_BADZAP, "ZAP object %llu: micro form in %llu blocks", zap_object(zap),
                         (unsigned long long)zap->src->blocks);
    char what[32];
    snprintf(what, sizeof(what), "object %llu", zap_object(zap));
    int err = mzap_validate(block, size, what);
    if (err != 0)
        return err;
    zap->mblock = malloc(size);
    if (zap->mblock == NULL)
        return err_raise(ZE_NOMEM, "ZAP object %llu", zap_object(zap));
    memcpy(zap->mblock, block, size);
    const struct mzap_header *h = zap->mblock;
    zap->micro = true;
    zap->salt = h->salt;
    zap->normflags = h->normflags;
    zap->hash_bits = ZAP_HASH_BITS;
    return index_build(zap);
}

unsigned zap_micro_seek(const struct zap *zap, uint64_t hash, uint32_t cd)
{
    unsigned lo = 0, hi = (unsigned)zap->count;
    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        const struct mzap_index *x = &zap->index[mid];
        if (x->hash < hash || (x->hash == hash && x->cd < cd))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int zap_micro_find(struct zap *zap, const struct zap_query *q, struct zap_hit *hit,
                   unsigned *matches)
{
    *matches = 0;
    unsigned compared = 0;
    for (unsigned i = zap_micro_seek(zap, q->hash, 0);
         i < zap->count && zap->index[i].hash == q->hash; i++) {
        const struct mzap_entry *e = mzap_entry_at(zap->mblock, zap->index[i].slot);
        bool match;
        int err = zap_query_matches(q, (const uint8_t *)e->name, strlen(e->name) + 1, &match);
        if (err != 0)
            return err;
        if (match && (*matches)++ == 0)
            *hit = (struct zap_hit){.me = e};
        if (q->limit != 0 && ++compared >= q->limit)
            *matches = UINT32_MAX;
        if (*matches > 1)
            break;
    }
    return hit->me != NULL ? 0 : ZE_NOENT;
}
