/* SPDX-License-Identifier: MIT */
/*
 * Figures of one ZAP as zdb shows them: histograms whose last class holds everything beyond.
 * Callers: inspect/. Errors: those of reading the leaves.
 */
#include "dmu/zap_impl.h"

#define HISTOGRAM_LAST 9u

struct leaf_stats {
    const struct zap *zap;
    struct zap_stats *out;
    unsigned *per_bucket;
};

static void histogram_add(uint64_t *histogram, uint64_t n)
{
    histogram[min_of(n, (uint64_t)HISTOGRAM_LAST)]++;
}

static int count_entry(void *arg, const struct zap_leaf_entry *e, unsigned chunk)
{
    struct leaf_stats *s = arg;
    unsigned chunks = 1 + zap_leaf_array_chunks((size_t)e->name_numints * zap_key_width(s->zap)) +
                      zap_leaf_array_chunks((size_t)e->value_numints * e->value_intlen);
    histogram_add(s->out->entries_n_chunks, chunks);
    (*s->per_bucket)++;
    return 0;
}

static int count_leaf(struct zap *zap, const struct zap_leaf *l, struct zap_stats *out)
{
    uint64_t size = zap->src->block_size;
    uint64_t unused = sizeof(*l) + (uint64_t)l->nfree * ZAP_CHUNK_SIZE;
    uint64_t used = size - min_of(unused, size);
    histogram_add(out->leafs_2n_ptrs, zap->header.zt_shift - l->prefix_len);
    histogram_add(out->blocks_n5_entries, l->nentries / 5);
    /* Ninths, counted from 1: what zdb prints, found by comparing it with leaves of all sizes. */
    histogram_add(out->blocks_n10_full, 1 + used * 9 / size);
    for (unsigned b = 0; b < zap_leaf_buckets(zap->shift); b++) {
        unsigned n = 0;
        struct leaf_stats s = {zap, out, &n};
        int err = zap_leaf_each(zap, l, (int)b, count_entry, &s);
        if (err != 0)
            return err;
        histogram_add(out->buckets_n_entries, n);
    }
    return 0;
}

static int count_leaves(struct zap *zap, struct zap_stats *out)
{
    uint64_t hash = 0;
    do {
        struct zap_block leaf;
        unsigned prefix_len;
        int err = zap_fat_leaf(zap, hash, &leaf, &prefix_len);
        if (err != 0)
            return err;
        err = count_leaf(zap, leaf.data, out);
        zap->src->rele(zap->src, &leaf);
        if (err != 0)
            return err;
        hash = (hash | (prefix_len == 0 ? UINT64_MAX : UINT64_MAX >> prefix_len)) + 1;
    } while (hash != 0);
    return 0;
}

int zap_stats_get(struct zap *zap, struct zap_stats *out)
{
    *out = (struct zap_stats){.blocksize = zap->src->block_size,
                              .num_entries = zap->count,
                              .num_blocks = 1,
                              .salt = zap->salt,
                              .normflags = zap->normflags,
                              .micro = zap->micro};
    if (zap->micro) {
        out->block_type = ZAP_BLOCK_MICRO;
        return 0;
    }
    const struct zap_header *h = &zap->header;
    out->num_blocks = h->freeblk;
    out->num_leafs = h->num_leafs;
    out->ptrtbl_len = (uint64_t)1 << h->zt_shift;
    out->ptrtbl_blk = h->zt_blk;
    out->ptrtbl_numblks = h->zt_numblks;
    out->ptrtbl_shift = h->zt_shift;
    out->nextblk = h->zt_nextblk;
    out->blks_copied = h->zt_blks_copied;
    out->block_type = h->block_type;
    out->magic = h->magic;
    out->flags = h->flags;
    return count_leaves(zap, out);
}
