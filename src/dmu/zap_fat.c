/* SPDX-License-Identifier: MIT */
/*
 * Fat ZAPs (format/dmu.md, "9.4 Fat ZAP"): header, pointer table inside the header block or in
 * blocks of its own, leaves found by hash prefix. Nothing but the header is kept; blocks are held
 * from their source each time, where they are cached. Errors: ZE_BADZAP, the source's, ZE_NOENT.
 */
#include "dmu/zap_impl.h"

int zap_fat_load(struct zap *zap, const void *block)
{
    size_t size = zap->src->block_size;
    char what[32];
    snprintf(what, sizeof(what), "object %llu", zap_object(zap));
    int err = zap_header_validate(block, size, zap->src->blocks, what);
    if (err != 0)
        return err;
    memcpy(&zap->header, block, sizeof(zap->header));
    const struct zap_header *h = &zap->header;
    zap->shift = highbit64(size) - 1;
    zap->salt = h->salt;
    zap->normflags = h->normflags;
    zap->flags = h->flags;
    if (zap->flags & ZAP_FLAG_PRE_HASHED_KEY)
        zap->flags |= ZAP_FLAG_UINT64_KEY;
    zap->hash_bits = zap->flags & ZAP_FLAG_HASH64 ? ZAP_HASH_BITS_64 : ZAP_HASH_BITS;
    zap->count = h->num_entries;
    if ((zap->flags & ZAP_FLAG_UINT64_KEY) && zap->normflags != 0)
        return err_raise(ZE_BADZAP, "ZAP object %llu: normalising with uint64 keys",
                         zap_object(zap));
    if (h->zt_shift > zap->hash_bits)
        return err_raise(ZE_BADZAP, "ZAP object %llu: zt_shift %llu", zap_object(zap),
                         (unsigned long long)h->zt_shift);
    return 0;
}

int zap_fat_table(struct zap *zap, uint64_t idx, uint64_t *blkid)
{
    const struct zap_header *h = &zap->header;
    struct zap_block b;
    bool embedded = h->zt_numblks == 0;
    unsigned per_block = zap->shift - 3; /* log2 of the words in a block */
    int err = zap->src->hold(zap->src, embedded ? 0 : h->zt_blk + (idx >> per_block), &b);
    if (err != 0)
        return err;
    const uint64_t *words = embedded ? zap_embedded_table(b.data, zap->shift) : b.data;
    *blkid = words[embedded ? idx : idx & (((uint64_t)1 << per_block) - 1)];
    zap->src->rele(zap->src, &b);
    if (*blkid == 0 || *blkid >= zap->src->blocks || *blkid >= h->freeblk)
        return err_raise(ZE_BADZAP, "ZAP object %llu: leaf block %llu of %llu", zap_object(zap),
                         (unsigned long long)*blkid, (unsigned long long)zap->src->blocks);
    return 0;
}

int zap_fat_leaf_hold(struct zap *zap, uint64_t blkid, struct zap_block *leaf)
{
    int err = zap->src->hold(zap->src, blkid, leaf);
    if (err != 0)
        return err;
    const struct zap_leaf *l = leaf->data;
    const char *wrong = NULL;
    if (l->block_type != ZAP_BLOCK_LEAF || l->magic != ZAP_LEAF_MAGIC)
        wrong = "magic";
    else if (l->prefix_len > zap->header.zt_shift ||
             l->prefix_len > 64 - zap_leaf_hash_shift(zap->shift))
        wrong = "prefix_len";
    if (wrong == NULL)
        return 0;
    zap->src->rele(zap->src, leaf);
    return err_raise(ZE_BADZAP, "ZAP object %llu, leaf in block %llu: wrong %s", zap_object(zap),
                     (unsigned long long)blkid, wrong);
}

int zap_fat_leaf(struct zap *zap, uint64_t hash, struct zap_block *leaf, unsigned *prefix_len)
{
    uint64_t shift = zap->header.zt_shift;
    uint64_t blkid;
    int err = zap_fat_table(zap, shift == 0 ? 0 : hash >> (64 - shift), &blkid);
    if (err == 0)
        err = zap_fat_leaf_hold(zap, blkid, leaf);
    if (err != 0)
        return err;
    const struct zap_leaf *l = leaf->data;
    *prefix_len = l->prefix_len;
    if (l->prefix_len == 0 || hash >> (64 - l->prefix_len) == l->prefix)
        return 0;
    zap->src->rele(zap->src, leaf);
    return err_raise(ZE_BADZAP, "ZAP object %llu, leaf in block %llu: wrong prefix",
                     zap_object(zap), (unsigned long long)blkid);
}

struct fat_find {
    const struct zap *zap;
    const void *leaf;
    const struct zap_query *q;
    const struct zap_leaf_entry *best; /* lowest cd that matches */
    unsigned matches, compared;
};

static int fat_find_entry(void *arg, const struct zap_leaf_entry *e, unsigned chunk)
{
    struct fat_find *f = arg;
    if (e->hash != f->q->hash)
        return 0;
    if (f->q->limit != 0 && ++f->compared > f->q->limit) {
        f->matches = 2;
        return 0;
    }
    uint8_t name[ZAP_NAME_MAX];
    size_t len;
    bool matches;
    int err = zap_leaf_name(f->zap, f->leaf, e, name, sizeof(name), &len);
    if (err == 0)
        err = zap_query_matches(f->q, name, len, &matches);
    if (err != 0 || !matches)
        return err;
    f->matches += f->matches < 2;
    if (f->best == NULL || e->cd < f->best->cd)
        f->best = e;
    return 0;
}

int zap_fat_find(struct zap *zap, const struct zap_query *q, struct zap_hit *hit, unsigned *matches)
{
    struct zap_block leaf;
    unsigned prefix_len;
    int err = zap_fat_leaf(zap, q->hash, &leaf, &prefix_len);
    if (err != 0)
        return err;
    struct fat_find f = {.zap = zap, .leaf = leaf.data, .q = q};
    unsigned bucket = zap_leaf_bucket_of(zap->shift, prefix_len, q->hash);
    err = zap_leaf_each(zap, leaf.data, (int)bucket, fat_find_entry, &f);
    *matches = f.matches;
    if (err == 0 && f.best != NULL) {
        *hit = (struct zap_hit){.leaf = leaf, .le = f.best};
        return 0;
    }
    zap->src->rele(zap->src, &leaf);
    return err != 0 ? err : ZE_NOENT;
}
