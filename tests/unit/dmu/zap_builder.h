/* SPDX-License-Identifier: MIT */
/*
 * Small ZAPs in memory for tests: a micro block, or a fat ZAP of one header and leaves that split
 * by prefix, written straight from format/dmu.md 9.3-9.5. Blocks are in host order.
 */
#ifndef ZUSE_TESTS_UNIT_DMU_ZAP_BUILDER_H
#define ZUSE_TESTS_UNIT_DMU_ZAP_BUILDER_H

#include <stdlib.h>
#include <string.h>

#include "dmu/zap_impl.h"

struct mem_zap {
    struct zap_source src;
    uint8_t *data;
    unsigned holds;
    uint64_t fail_block; /* reading this one fails; UINT64_MAX = none */
};

static inline int mem_zap_hold(struct zap_source *src, uint64_t blkid, struct zap_block *out)
{
    struct mem_zap *m = container_of(src, struct mem_zap, src);
    if (blkid >= src->blocks || blkid == m->fail_block)
        return err_raise(ZE_IO, "block %llu", (unsigned long long)blkid);
    out->data = m->data + blkid * src->block_size;
    out->ref = m;
    m->holds++;
    return 0;
}

static inline void mem_zap_rele(struct zap_source *src, struct zap_block *b)
{
    container_of(src, struct mem_zap, src)->holds--;
}

static inline void mem_zap_init(struct mem_zap *m, uint64_t blocks, uint64_t block_size)
{
    *m = (struct mem_zap){.src = {.blocks = blocks,
                                  .block_size = block_size,
                                  .object = 7,
                                  .hold = mem_zap_hold,
                                  .rele = mem_zap_rele},
                          .fail_block = UINT64_MAX};
    m->data = calloc(blocks, block_size);
}

static inline void mem_zap_fini(struct mem_zap *m)
{
    free(m->data);
}

static inline uint8_t *mem_zap_block(struct mem_zap *m, uint64_t blkid)
{
    return m->data + blkid * m->src.block_size;
}

/* ---- micro ---- */

static inline void build_micro(struct mem_zap *m, uint64_t size, uint64_t salt, uint64_t normflags)
{
    mem_zap_init(m, 1, size);
    struct mzap_header *h = (struct mzap_header *)m->data;
    h->block_type = ZAP_BLOCK_MICRO;
    h->salt = salt;
    h->normflags = normflags;
}

static inline void micro_put(struct mem_zap *m, unsigned slot, const char *name, uint64_t value,
                             uint32_t cd)
{
    struct mzap_entry *e = (struct mzap_entry *)m->data + 1 + slot;
    e->value = value;
    e->cd = cd;
    strncpy(e->name, name, sizeof(e->name) - 1);
}

/* ---- fat ---- */

struct fat_builder {
    struct mem_zap m;
    struct zap zap; /* salt, flags, hash_bits, shift: for the hash functions */
    unsigned prefix_len;
};

static inline uint8_t *fat_chunk(struct fat_builder *b, uint8_t *leaf, unsigned i)
{
    return (uint8_t *)(uintptr_t)zap_leaf_chunk(leaf, b->zap.shift, i);
}

static inline void fat_leaf_init(struct fat_builder *b, uint8_t *leaf, uint64_t prefix)
{
    struct zap_leaf *l = (struct zap_leaf *)leaf;
    unsigned chunks = zap_leaf_chunks(b->zap.shift);
    *l = (struct zap_leaf){.block_type = ZAP_BLOCK_LEAF,
                           .prefix = prefix,
                           .magic = ZAP_LEAF_MAGIC,
                           .nfree = (uint16_t)chunks,
                           .prefix_len = (uint16_t)b->prefix_len};
    memset(leaf + sizeof(*l), 0xff, 2u * zap_leaf_buckets(b->zap.shift));
    for (unsigned i = 0; i < chunks; i++) {
        uint8_t *c = fat_chunk(b, leaf, i);
        c[0] = ZAP_CHUNK_FREE;
        store_ne16(c + 22, (uint16_t)(i + 1 < chunks ? i + 1 : ZAP_CHUNK_END));
    }
}

/* 2^prefix_len leaves of 2^shift bytes; external: the pointer table in a block of its own. */
static inline void build_fat(struct fat_builder *b, unsigned shift, unsigned prefix_len,
                             uint64_t salt, uint64_t flags, uint64_t normflags, bool external)
{
    unsigned leaves = 1u << prefix_len;
    unsigned first = external ? 2 : 1;
    *b = (struct fat_builder){.prefix_len = prefix_len};
    mem_zap_init(&b->m, first + leaves, (uint64_t)1 << shift);
    b->zap.salt = salt;
    b->zap.flags = flags;
    b->zap.normflags = normflags;
    b->zap.hash_bits = flags & ZAP_FLAG_HASH64 ? 48 : 28;
    b->zap.shift = shift;
    struct zap_header *h = (struct zap_header *)b->m.data;
    *h = (struct zap_header){.block_type = ZAP_BLOCK_HEADER,
                             .magic = ZAP_MAGIC,
                             .zt_shift = external ? shift - 3 : shift - 4,
                             .zt_blk = external ? 1 : 0,
                             .zt_numblks = external ? 1 : 0,
                             .freeblk = first + leaves,
                             .num_leafs = leaves,
                             .salt = salt,
                             .normflags = normflags,
                             .flags = flags};
    uint64_t *table = external ? (uint64_t *)mem_zap_block(&b->m, 1)
                               : (uint64_t *)b->m.data + ((size_t)1 << (shift - 4));
    for (uint64_t i = 0; i < (uint64_t)1 << h->zt_shift; i++)
        table[i] = first + (i >> (h->zt_shift - prefix_len));
    for (unsigned i = 0; i < leaves; i++)
        fat_leaf_init(b, mem_zap_block(&b->m, first + i), i);
}

static inline unsigned fat_take_chunk(struct fat_builder *b, uint8_t *leaf)
{
    struct zap_leaf *l = (struct zap_leaf *)leaf;
    unsigned i = l->freelist;
    l->freelist = load_ne16(fat_chunk(b, leaf, i) + 22);
    l->nfree--;
    return i;
}

/* A chain of array chunks holding bytes; its first chunk. */
static inline unsigned fat_put_array(struct fat_builder *b, uint8_t *leaf, const uint8_t *bytes,
                                     size_t n)
{
    unsigned first = ZAP_CHUNK_END, last = ZAP_CHUNK_END;
    for (size_t at = 0; at < n; at += ZAP_ARRAY_BYTES) {
        unsigned i = fat_take_chunk(b, leaf);
        uint8_t *c = fat_chunk(b, leaf, i);
        memset(c, 0, ZAP_CHUNK_SIZE);
        c[0] = ZAP_CHUNK_ARRAY;
        memcpy(c + 1, bytes + at, n - at < ZAP_ARRAY_BYTES ? n - at : ZAP_ARRAY_BYTES);
        store_ne16(c + 22, ZAP_CHUNK_END);
        if (last == ZAP_CHUNK_END)
            first = i;
        else
            store_ne16(fat_chunk(b, leaf, last) + 22, (uint16_t)i);
        last = i;
    }
    return first;
}

/* key as stored (name with NUL, big-endian words); value big-endian. Returns the entry's chunk. */
static inline unsigned fat_put_raw(struct fat_builder *b, uint64_t hash, const uint8_t *key,
                                   size_t key_len, unsigned intlen, const uint8_t *value,
                                   unsigned count, uint32_t cd)
{
    uint64_t blkid = (b->m.src.blocks - (1u << b->prefix_len)) +
                     (b->prefix_len == 0 ? 0 : hash >> (64 - b->prefix_len));
    uint8_t *leaf = mem_zap_block(&b->m, blkid);
    struct zap_leaf *l = (struct zap_leaf *)leaf;
    unsigned bucket = zap_leaf_bucket_of(b->zap.shift, b->prefix_len, hash);
    uint16_t *table = (uint16_t *)(uintptr_t)zap_leaf_hash_table(leaf);
    unsigned chunk = fat_take_chunk(b, leaf);
    unsigned width = b->zap.flags & ZAP_FLAG_UINT64_KEY ? 8 : 1;
    struct zap_leaf_entry e = {.type = ZAP_CHUNK_ENTRY,
                               .value_intlen = (uint8_t)intlen,
                               .next = table[bucket],
                               .name_chunk = (uint16_t)fat_put_array(b, leaf, key, key_len),
                               .name_numints = (uint16_t)(key_len / width),
                               .value_chunk =
                                   (uint16_t)fat_put_array(b, leaf, value, intlen * count),
                               .value_numints = (uint16_t)count,
                               .cd = cd,
                               .hash = hash};
    memcpy(fat_chunk(b, leaf, chunk), &e, sizeof(e));
    table[bucket] = (uint16_t)chunk;
    l->nentries++;
    ((struct zap_header *)b->m.data)->num_entries++;
    return chunk;
}

static inline unsigned fat_put_u64(struct fat_builder *b, const char *name, uint64_t value,
                                   uint32_t cd)
{
    uint8_t raw[8];
    uint64_t hash = 0;
    store_be64(raw, value);
    zap_hash_name(&b->zap, name, strlen(name), &hash);
    return fat_put_raw(b, hash, (const uint8_t *)name, strlen(name) + 1, 8, raw, 1, cd);
}

#endif
