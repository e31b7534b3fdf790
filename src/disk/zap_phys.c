/* SPDX-License-Identifier: MIT */
/*
 * ZAP blocks: byte swap and validation (format/dmu.md, "9. ZAP").
 */
#include "disk/zap_phys.h"

#include <inttypes.h>

#include "base/err.h"
#include "base/mem.h"

LAYOUT_DEFINE(mzap_header, MZAP_HEADER_FIELDS);
LAYOUT_DEFINE(mzap_entry, MZAP_ENTRY_FIELDS);
LAYOUT_DEFINE(zap_header, ZAP_HEADER_FIELDS);
LAYOUT_DEFINE(zap_leaf, ZAP_LEAF_FIELDS);
LAYOUT_DEFINE(zap_leaf_entry, ZAP_LEAF_ENTRY_FIELDS);

static void mzap_bswap(void *block, size_t len)
{
    mzap_header_bswap(block);
    for (size_t i = 0; i < mzap_entries(len); i++)
        mzap_entry_bswap((struct mzap_entry *)block + 1 + i);
}

static void zap_leaf_block_bswap(void *block, unsigned shift)
{
    zap_leaf_bswap(block);
    bswap16_array((uint8_t *)block + sizeof(struct zap_leaf), 2u * zap_leaf_buckets(shift));
    for (unsigned i = 0; i < zap_leaf_chunks(shift); i++) {
        uint8_t *chunk = (uint8_t *)(uintptr_t)zap_leaf_chunk(block, shift, i);
        if (chunk[0] == ZAP_CHUNK_ENTRY)
            zap_leaf_entry_bswap((struct zap_leaf_entry *)chunk);
        else /* array or free: `next` is the last field of both */
            bswap16_array(chunk + ZAP_CHUNK_SIZE - 2, 2);
    }
}

void zap_block_bswap(void *block, size_t len)
{
    if (len < 1u << ZAP_MIN_SHIFT) {
        bswap64_array(block, len & ~(size_t)7);
        return;
    }
    /* Either direction: the tag says what the block is in the order it has now or in the other. */
    uint64_t now = load_ne64(block), then = __builtin_bswap64(now);
    unsigned shift = highbit64(len) - 1;
    if (now == ZAP_BLOCK_MICRO || then == ZAP_BLOCK_MICRO)
        mzap_bswap(block, len);
    else if ((now == ZAP_BLOCK_LEAF || then == ZAP_BLOCK_LEAF) && is_pow2(len) &&
             shift <= ZAP_MAX_SHIFT)
        zap_leaf_block_bswap(block, shift);
    else /* header and pointer table */
        bswap64_array(block, len & ~(size_t)7);
}

static int zap_bad(const char *what, const char *field, uint64_t value)
{
    return err_raise(ZE_BADZAP, "ZAP %s: %s %" PRIu64, what != NULL ? what : "block", field, value);
}

int mzap_validate(const void *block, size_t len, const char *what)
{
    const struct mzap_header *h = block;

    if (len < 2 * MZAP_ENTRY_SIZE || len % MZAP_ENTRY_SIZE != 0)
        return zap_bad(what, "micro block size", len);
    if (h->block_type != ZAP_BLOCK_MICRO)
        return zap_bad(what, "block type", h->block_type);
    for (size_t i = 0; i < mzap_entries(len); i++) {
        const struct mzap_entry *e = mzap_entry_at(block, i);
        if (memchr(e->name, '\0', sizeof(e->name)) == NULL)
            return zap_bad(what, "name without end in micro entry", i);
    }
    return 0;
}

static int zap_table_validate(const struct zap_header *h, unsigned shift, uint64_t object_blocks,
                              const char *what)
{
    if (h->zt_numblks == 0) {
        if (h->zt_blk != 0 || h->zt_shift != zap_embedded_shift(shift))
            return zap_bad(what, "zt_shift of the embedded table", h->zt_shift);
        return 0;
    }
    if (h->zt_blk == 0 || h->zt_blk >= object_blocks || h->zt_numblks > object_blocks - h->zt_blk)
        return zap_bad(what, "zt_blk", h->zt_blk);
    /* 2^zt_shift words must lie in zt_numblks blocks of 2^(shift-3) words */
    if (h->zt_shift > 48 || h->zt_numblks > UINT64_MAX >> shift ||
        (uint64_t)1 << h->zt_shift > h->zt_numblks << (shift - 3))
        return zap_bad(what, "zt_shift", h->zt_shift);
    return 0;
}

int zap_header_validate(const void *block, size_t len, uint64_t object_blocks, const char *what)
{
    const struct zap_header *h = block;
    unsigned shift = highbit64(len) - 1;

    if (!is_pow2(len) || shift < ZAP_MIN_SHIFT || shift > ZAP_MAX_SHIFT)
        return zap_bad(what, "block size", len);
    if (h->block_type != ZAP_BLOCK_HEADER)
        return zap_bad(what, "block type", h->block_type);
    if (h->magic != ZAP_MAGIC)
        return zap_bad(what, "magic", h->magic);
    return zap_table_validate(h, shift, object_blocks, what);
}

/* --- leaf --- */

const struct zap_leaf_entry *zap_leaf_entry_at(const void *leaf, unsigned shift, unsigned i)
{
    if (i >= zap_leaf_chunks(shift))
        return NULL;
    const uint8_t *chunk = zap_leaf_chunk(leaf, shift, i);
    return chunk[0] == ZAP_CHUNK_ENTRY ? (const struct zap_leaf_entry *)chunk : NULL;
}

static const struct zap_leaf_array *zap_leaf_array_at(const void *leaf, unsigned shift, unsigned i)
{
    if (i >= zap_leaf_chunks(shift))
        return NULL;
    const uint8_t *chunk = zap_leaf_chunk(leaf, shift, i);
    return chunk[0] == ZAP_CHUNK_ARRAY ? (const struct zap_leaf_array *)chunk : NULL;
}

int zap_leaf_array_read(const void *leaf, unsigned shift, unsigned chunk, size_t bytes,
                        uint8_t *out)
{
    while (bytes > 0) {
        const struct zap_leaf_array *a = zap_leaf_array_at(leaf, shift, chunk);
        if (a == NULL)
            return zap_bad(NULL, "array chunk", chunk);
        size_t n = min_of(bytes, sizeof(a->bytes));
        memcpy(out, a->bytes, n);
        out += n;
        bytes -= n;
        chunk = a->next;
    }
    return 0;
}

struct leaf_check {
    const void *leaf;
    unsigned shift, nchunks, key_width;
    const char *what;
    uint8_t *seen; /* a bit a chunk: no chunk belongs to two chains */
};

static int leaf_claim(struct leaf_check *c, unsigned chunk, const char *kind)
{
    if (chunk >= c->nchunks)
        return zap_bad(c->what, kind, chunk);
    if (c->seen[chunk / 8] & 1u << chunk % 8)
        return zap_bad(c->what, "chunk used twice", chunk);
    c->seen[chunk / 8] |= (uint8_t)(1u << chunk % 8);
    return 0;
}

static int leaf_check_array(struct leaf_check *c, unsigned chunk, size_t bytes, const char *kind)
{
    for (unsigned left = zap_leaf_array_chunks(bytes); left > 0; left--) {
        int err = leaf_claim(c, chunk, kind);
        if (err != 0)
            return err;
        const struct zap_leaf_array *a = zap_leaf_array_at(c->leaf, c->shift, chunk);
        if (a == NULL)
            return zap_bad(c->what, kind, chunk);
        chunk = a->next;
    }
    return 0;
}

static int leaf_check_entry(struct leaf_check *c, const struct zap_leaf_entry *e)
{
    if (!is_pow2(e->value_intlen) || e->value_intlen > 8)
        return zap_bad(c->what, "value integer size", e->value_intlen);
    if (e->name_numints == 0)
        return zap_bad(c->what, "name length", 0);
    int err =
        leaf_check_array(c, e->name_chunk, (size_t)e->name_numints * c->key_width, "name chunk");
    if (err != 0)
        return err;
    return leaf_check_array(c, e->value_chunk, (size_t)e->value_numints * e->value_intlen,
                            "value chunk");
}

static int leaf_check_chains(struct leaf_check *c, unsigned *entries)
{
    const uint16_t *table = zap_leaf_hash_table(c->leaf);

    for (unsigned b = 0; b < zap_leaf_buckets(c->shift); b++) {
        unsigned chunk = table[b];
        while (chunk != ZAP_CHUNK_END) {
            int err = leaf_claim(c, chunk, "entry chunk");
            if (err != 0)
                return err;
            const struct zap_leaf_entry *e = zap_leaf_entry_at(c->leaf, c->shift, chunk);
            if (e == NULL)
                return zap_bad(c->what, "not an entry: chunk", chunk);
            if ((err = leaf_check_entry(c, e)) != 0)
                return err;
            (*entries)++;
            chunk = e->next;
        }
    }
    return 0;
}

int zap_leaf_validate(const void *block, size_t len, unsigned key_width, const char *what)
{
    const struct zap_leaf *l = block;
    unsigned shift = highbit64(len) - 1, entries = 0;

    if (!is_pow2(len) || shift < ZAP_MIN_SHIFT || shift > ZAP_MAX_SHIFT)
        return zap_bad(what, "block size", len);
    if (l->block_type != ZAP_BLOCK_LEAF)
        return zap_bad(what, "block type of leaf", l->block_type);
    if (l->magic != ZAP_LEAF_MAGIC)
        return zap_bad(what, "leaf magic", l->magic);
    if (l->prefix_len > 64 - zap_leaf_hash_shift(shift))
        return zap_bad(what, "leaf prefix_len", l->prefix_len);
    struct leaf_check c = {block, shift, zap_leaf_chunks(shift), key_width, what, NULL};
    AUTO_FREE uint8_t *seen = mem_zalloc(c.nchunks / 8 + 1);
    if (seen == NULL)
        return err_raise(ZE_NOMEM, "ZAP leaf check");
    c.seen = seen;
    int err = leaf_check_chains(&c, &entries);
    if (err == 0 && entries != l->nentries)
        err = zap_bad(what, "leaf nentries", l->nentries);
    return err;
}
