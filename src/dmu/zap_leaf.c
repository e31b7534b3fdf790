/* SPDX-License-Identifier: MIT */
/*
 * Inside one leaf of a fat ZAP (format/dmu.md, "9.4 Fat ZAP"). A leaf may hold anything: every
 * chunk number is checked, and a walk ends with ZE_BADZAP after as many steps as there are chunks.
 * Pure functions on a held leaf.
 */
#include "dmu/zap_impl.h"

struct leaf_walk {
    const struct zap *zap;
    const void *leaf;
    unsigned steps; /* chunks visited so far, over all buckets */
    int (*fn)(void *arg, const struct zap_leaf_entry *e, unsigned chunk);
    void *arg;
};

static int walk_chain(struct leaf_walk *w, unsigned bucket)
{
    const struct zap *zap = w->zap;
    unsigned chunk = zap_leaf_hash_table(w->leaf)[bucket];
    while (chunk != ZAP_CHUNK_END) {
        const struct zap_leaf_entry *e = zap_leaf_entry_at(w->leaf, zap->shift, chunk);
        if (e == NULL || w->steps++ >= zap_leaf_chunks(zap->shift))
            return err_raise(ZE_BADZAP, "ZAP object %llu: %s in bucket %u of a leaf",
                             zap_object(zap), e == NULL ? "no entry where one belongs" : "loop",
                             bucket);
        int rc = w->fn(w->arg, e, chunk);
        if (rc != 0)
            return rc;
        chunk = e->next;
    }
    return 0;
}

int zap_leaf_each(const struct zap *zap, const void *leaf, int bucket,
                  int (*fn)(void *arg, const struct zap_leaf_entry *e, unsigned chunk), void *arg)
{
    struct leaf_walk w = {.zap = zap, .leaf = leaf, .fn = fn, .arg = arg};
    if (bucket >= 0)
        return walk_chain(&w, (unsigned)bucket);
    for (unsigned b = 0; b < zap_leaf_buckets(zap->shift); b++) {
        int rc = walk_chain(&w, b);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int zap_leaf_name(const struct zap *zap, const void *leaf, const struct zap_leaf_entry *e,
                  uint8_t *out, size_t room, size_t *len)
{
    size_t bytes = (size_t)e->name_numints * zap_key_width(zap);
    if (bytes == 0 || bytes > room)
        return err_raise(ZE_BADZAP, "ZAP object %llu: name of %zu bytes", zap_object(zap), bytes);
    int err = zap_leaf_array_read(leaf, zap->shift, e->name_chunk, bytes, out);
    if (err != 0)
        return err_context(err, "object %llu: ", zap_object(zap));
    /* A string may end before its stored length says, but it must end. */
    if (zap_key_width(zap) == 1 && out[bytes - 1] != '\0')
        return err_raise(ZE_BADZAP, "ZAP object %llu: name without end", zap_object(zap));
    *len = bytes;
    return 0;
}
