/* SPDX-License-Identifier: MIT */
/*
 * Headers of the ARC by key: ARC_STRIPES independent hash tables, each with its own lock and size,
 * so that readers of different blocks do not meet and growing stops only one part in 256. Called by
 * arc.c and arc_lists.c; memory of the tables is charged to the cache.
 */
#include "base/mem.h"
#include "zio/arc_impl.h"

int arc_hash_init(struct arc *arc)
{
    for (unsigned i = 0; i < ARC_STRIPES; i++) {
        struct arc_stripe *s = &arc->stripe[i];
        mutex_init(&s->lock, RANK_ARC_HASH);
        cond_init(&s->decoded);
        s->bucket = mem_calloc(ARC_MIN_HASH, sizeof(struct arc_hdr *));
        if (s->bucket == NULL)
            return err_raise(ZE_NOMEM, "ARC hash table");
        s->nbuckets = ARC_MIN_HASH;
    }
    return 0;
}

void arc_hash_fini(struct arc *arc)
{
    for (unsigned i = 0; i < ARC_STRIPES; i++) {
        struct arc_stripe *s = &arc->stripe[i];
        if (s->nbuckets > ARC_MIN_HASH)
            arc_uncharge(arc, (s->nbuckets - ARC_MIN_HASH) * sizeof(struct arc_hdr *));
        free(s->bucket);
        cond_destroy(&s->decoded);
        mutex_destroy(&s->lock);
    }
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ull;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ull;
    return h ^ h >> 32;
}

uint64_t arc_key_hash(const struct arc_key *key)
{
    uint64_t h = mix(key->dva[1] + 0x9e3779b97f4a7c15ull * key->birth);

    return mix(h ^ key->dva[0] ^ key->load << 40 ^ key->guid);
}

static struct arc_hdr **bucket_of(struct arc_stripe *s, uint64_t hash)
{
    return &s->bucket[hash / ARC_STRIPES & (s->nbuckets - 1)];
}

static bool key_equal(const struct arc_key *a, const struct arc_key *b)
{
    return ((a->dva[1] ^ b->dva[1]) | (a->dva[0] ^ b->dva[0]) | (a->birth ^ b->birth) |
            (a->load ^ b->load) | (a->guid ^ b->guid)) == 0;
}

struct arc_hdr *arc_hash_find(struct arc_stripe *s, const struct arc_key *key, uint64_t hash)
{
    struct arc_hdr *hdr = *bucket_of(s, hash);

    while (hdr != NULL && !key_equal(&hdr->key, key))
        hdr = hdr->chain;
    return hdr;
}

/* Twice the buckets; without memory for that the chains just get longer. */
static void stripe_grow(struct arc *arc, struct arc_stripe *s)
{
    uint32_t old_n = s->nbuckets, n = old_n * 2;
    struct arc_hdr **old = s->bucket, **bucket;

    uint64_t more = (uint64_t)(n - old_n) * sizeof(struct arc_hdr *);

    if (n > 1u << 24 || !arc_try_charge(arc, more))
        return;
    bucket = mem_calloc(n, sizeof(struct arc_hdr *));
    if (bucket == NULL) {
        arc_uncharge(arc, more);
        return;
    }
    s->bucket = bucket;
    s->nbuckets = n;
    for (uint32_t i = 0; i < old_n; i++) {
        struct arc_hdr *next;
        for (struct arc_hdr *hdr = old[i]; hdr != NULL; hdr = next) {
            next = hdr->chain;
            struct arc_hdr **b = bucket_of(s, arc_key_hash(&hdr->key));
            hdr->chain = *b;
            *b = hdr;
        }
    }
    free(old);
}

void arc_hash_insert(struct arc *arc, struct arc_stripe *s, struct arc_hdr *hdr, uint64_t hash)
{
    if (s->count >= 2 * s->nbuckets)
        stripe_grow(arc, s);
    struct arc_hdr **b = bucket_of(s, hash);
    hdr->stripe = (uint32_t)(s - arc->stripe);
    hdr->chain = *b;
    *b = hdr;
    s->count++;
}

void arc_hash_remove(struct arc_stripe *s, struct arc_hdr *hdr)
{
    struct arc_hdr **at = bucket_of(s, arc_key_hash(&hdr->key));

    while (*at != hdr)
        at = &(*at)->chain;
    *at = hdr->chain;
    hdr->chain = NULL;
    s->count--;
}
