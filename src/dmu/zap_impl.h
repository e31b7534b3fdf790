/* SPDX-License-Identifier: MIT */
/*
 * Inside the ZAP. A struct zap is what was parsed of one object: for a micro ZAP a copy of its
 * block with an index sorted by (hash, cd), for a fat one its header. It hangs off the dnode and is
 * shared by all who have it open (an open handle is a hold of both), so looking something up
 * parses nothing again.
 *
 * It does not change once made. Writing will replace it as a whole under the dnode's lock (micro)
 * or take ZAP locks around the header (fat).
 */
#ifndef ZUSE_DMU_ZAP_IMPL_H
#define ZUSE_DMU_ZAP_IMPL_H

#include "base/err.h"
#include "base/mem.h"
#include "codec/unicode.h"
#include "disk/zap_phys.h"
#include "dmu/dmu_impl.h"
#include "dmu/zap_source.h"

#define ZAP_VALUE_MAX    8192u /* bytes of one entry's value */
#define ZAP_HASH_BITS    28u
#define ZAP_HASH_BITS_64 48u
/* A name with NUL, and what normalising can make of one. */
#define ZAP_NORM_MAX UNICODE_NORMALIZED_MAX(ZAP_NAME_MAX)

struct mzap_index {
    uint64_t hash;
    uint32_t cd;
    uint32_t slot;
};

struct zap {
    struct zap_source *src;
    struct zap_source dnode_src; /* src of a ZAP in a dnode */
    struct dnode *dn;            /* NULL when the source is not a dnode */
    bool micro;
    uint64_t normflags, salt, flags;
    unsigned hash_bits;
    unsigned shift;           /* log2 of the block size; fat only */
    uint64_t count;           /* entries */
    void *mblock;             /* micro: copy of the block */
    struct mzap_index *index; /* micro: count of them */
    struct zap_header header; /* fat */
};

/* What is looked for. */
struct zap_query {
    const uint8_t *key; /* as stored: name with NUL, or the words in big-endian */
    size_t key_len;
    uint64_t hash;
    unsigned norm;    /* normalise both sides by these flags before comparing; 0 = exact */
    const char *want; /* the normalised name, without NUL */
    size_t want_len;
    unsigned limit; /* give up after so many names of this hash, as if they matched; 0 = none */
};

/* An entry found, wherever it lies. leaf.data is held (fat) until zap_hit_release(). */
struct zap_hit {
    struct zap_block leaf;
    const struct zap_leaf_entry *le; /* fat */
    const struct mzap_entry *me;     /* micro */
};

static inline unsigned zap_key_width(const struct zap *zap) /* bytes of a key integer */
{
    return zap->flags & ZAP_FLAG_UINT64_KEY ? 8 : 1;
}
static inline uint64_t zap_max_cd(const struct zap *zap)
{
    return zap->flags & ZAP_FLAG_HASH64 ? 65535 : UINT32_MAX;
}
static inline uint32_t zap_hit_cd(const struct zap_hit *h)
{
    return h->me != NULL ? h->me->cd : h->le->cd;
}
static inline unsigned zap_hit_intlen(const struct zap_hit *h)
{
    return h->me != NULL ? 8 : h->le->value_intlen;
}
static inline uint64_t zap_hit_numints(const struct zap_hit *h)
{
    return h->me != NULL ? 1 : h->le->value_numints;
}
static inline unsigned long long zap_object(const struct zap *zap)
{
    return zap->src->object;
}

/* zap_hash.c */
uint64_t zap_hash_bytes(const struct zap *zap, const void *bytes, size_t len);
uint64_t zap_hash_words(const struct zap *zap, const uint64_t *words, unsigned n);
/* name (len bytes, no NUL) normalised by flags into out (ZAP_NORM_MAX); returns the length. */
int zap_normalize(unsigned flags, const char *name, size_t len, char *out, size_t *out_len);
int zap_hash_name(const struct zap *zap, const char *name, size_t len, uint64_t *hash);

/* zap_micro.c */
int zap_micro_load(struct zap *zap, const void *block);
int zap_micro_find(struct zap *zap, const struct zap_query *q, struct zap_hit *hit,
                   unsigned *matches);
/* Index of the first entry at or after (hash, cd). */
unsigned zap_micro_seek(const struct zap *zap, uint64_t hash, uint32_t cd);

/* zap_fat.c */
int zap_fat_load(struct zap *zap, const void *block);
/* Hold and check the leaf for a hash; *prefix_len of it. */
int zap_fat_leaf(struct zap *zap, uint64_t hash, struct zap_block *leaf, unsigned *prefix_len);
int zap_fat_leaf_hold(struct zap *zap, uint64_t blkid, struct zap_block *leaf);
/* Entry idx of the pointer table: a leaf's block number. */
int zap_fat_table(struct zap *zap, uint64_t idx, uint64_t *blkid);
int zap_fat_find(struct zap *zap, const struct zap_query *q, struct zap_hit *hit,
                 unsigned *matches);

/* zap_leaf.c */
/*
 * Each entry of a leaf's bucket, or of all buckets (bucket < 0). Bounded whatever the chains look
 * like. fn's answer other than 0 ends it and is returned.
 */
int zap_leaf_each(const struct zap *zap, const void *leaf, int bucket,
                  int (*fn)(void *arg, const struct zap_leaf_entry *e, unsigned chunk), void *arg);
/* Name bytes as stored into out (room bytes). */
int zap_leaf_name(const struct zap *zap, const void *leaf, const struct zap_leaf_entry *e,
                  uint8_t *out, size_t room, size_t *len);

/* zap.c */
/* Does the entry's stored name answer the query? name with NUL (or big-endian words). */
int zap_query_matches(const struct zap_query *q, const uint8_t *name, size_t len, bool *matches);
int zap_hit_name(const struct zap *zap, const struct zap_hit *hit, uint8_t *out, size_t room,
                 size_t *len);
/* Up to count integers of integer_size bytes, host order; widening. */
int zap_hit_value(const struct zap *zap, const struct zap_hit *hit, unsigned integer_size,
                  uint64_t count, void *buf, uint64_t *got);
void zap_hit_release(struct zap *zap, struct zap_hit *hit);

#endif
