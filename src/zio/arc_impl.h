/* SPDX-License-Identifier: MIT */
/*
 * Inside of the ARC, shared by arc*.c only.
 *
 *   arc.c           reading: hit, join, miss, decompress, prefetch
 *   arc_hash.c      headers by key: striped hash table, one lock a stripe
 *   arc_lists.c     what to keep: lists, ghosts, adaptation, eviction
 *   arc_mem.c       buffers and the byte limit
 *   arc_pressure.c  default limit, PSI
 *
 * A header is in one of these states (hdr->state, changed under its stripe's lock):
 *
 *   NEW         a read is under way (hdr->io), on no list; also a ghost whose block is being read
 * again MRU, MFU    hdr->data holds the stored bytes; on the list of that name
 *   *_GHOST     no data, remembers that the block was there
 *
 * Replacement is the clock form of ARC: a hit only marks the header (no list lock on the hit path);
 * the mark is looked at when the header is next in line for eviction: marked ones move to (the
 * young end of) MFU, unmarked ones go. A hit counts only when some other blocks were read since the
 * last one, so a block read in pieces is one use, not many.
 *
 * Locks. Stripe lock (ARC_HASH): chain, state, data, dec, io, flags of its headers. List lock
 * (ARC_LIST): list links, list sizes, targets. Order: stripe, list. The evictor holds the list lock
 * and only tries stripe locks. A header is freed with both held, so whoever holds either may look
 * at it.
 */
#ifndef ZUSE_ZIO_ARC_IMPL_H
#define ZUSE_ZIO_ARC_IMPL_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/lock.h"
#include "zio/arc.h"

#define ARC_STRIPES    256u
#define ARC_DETAIL_MAX 256u
#define ARC_MIN_HASH   8u /* buckets a stripe starts with */
/* Blocks under this are kept in plain memory of their size, not in whole pages. */
#define ARC_SMALL       4096u
#define ARC_EVICT_BATCH 32u

/* A reference-counted buffer. buf.data points behind the struct (small) or to an I/O buffer. */
struct arc_data {
    struct arc_buf buf; /* first: what holders see */
    struct arc *arc;    /* NULL: made for a pool without cache */
    struct env *env;
    _Atomic uint32_t refs;
    _Atomic bool used; /* since the decoded list was last looked at */
    bool small;
    size_t real; /* bytes charged, this struct included */
};

struct arc_key {
    uint64_t guid, load, dva[2],
        birth; /* dva[1] bit 62 is free: 1 = as stored, of an encrypted block */
};

enum arc_state { ARC_NEW, ARC_MRU, ARC_MFU, ARC_MRU_GHOST, ARC_MFU_GHOST, ARC_STATES };
enum arc_class { ARC_DATA, ARC_META, ARC_CLASSES };

enum arc_hdr_flags {
    ARC_HDR_PREFETCH = 1 << 0,   /* nobody asked for it yet */
    ARC_HDR_DECODING = 1 << 1,   /* someone decompresses it: wait for the stripe's cond */
    ARC_HDR_KEYED = 1 << 2,      /* decrypted or authenticated with the key key_guid */
    ARC_HDR_UNVERIFIED = 1 << 3, /* authenticated data read without a key */
    ARC_HDR_MAC_OK = 1 << 4,     /* uncompressed indirect block whose MACs were checked */
};

struct arc_io;

struct arc_hdr {
    struct arc_key key;
    uint64_t ident[2]; /* what else must agree: sizes, functions, checksum */
    uint64_t key_guid;
    struct arc_hdr *chain;
    struct arc_hdr *prev, *next;   /* list of its state */
    struct arc_hdr *dprev, *dnext; /* list of headers with dec */
    struct arc_data *data, *dec;
    struct arc_io *io;
    uint64_t touched;    /* arc->clock at the last use */
    uint64_t touched_ns; /* env time then */
    uint64_t size;       /* bytes it takes, or took when it had data */
    uint32_t stripe;
    uint8_t state;        /* enum arc_state */
    uint8_t flags;        /* enum arc_hdr_flags; 0 in a ghost */
    uint8_t class;        /* enum arc_class; never changes */
    bool was_ghost;       /* NEW: goes to MFU when the data is there */
    bool marked;          /* used again since it was last in line */
    bool listed, dlisted; /* list lock */
};

struct arc_list {
    struct arc_hdr *old, *young;
    uint64_t bytes, count;
};

struct arc_stripe {
    struct mutex lock;
    struct cond decoded;
    struct arc_hdr **bucket;
    uint32_t nbuckets, count;
    uint64_t hits, misses, prefetch_hits, mru_hits, mfu_hits, ghost_hits, coalesced, prefetches;
} __attribute__((aligned(128)));

struct arc {
    struct env *env;
    _Atomic uint64_t limit, target; /* bytes; target <= limit */
    _Atomic uint64_t size;          /* bytes charged */
    _Atomic uint64_t clock;         /* blocks brought in so far */
    _Atomic uint64_t no_grow_until; /* env time */
    _Atomic uint32_t prefetching;   /* prefetch reads under way */
    _Atomic uint32_t ios;           /* struct arc_io alive */
    _Atomic uint64_t overcommits, evictions;

    struct mutex list_lock;
    struct arc_list list[ARC_STATES][ARC_CLASSES];
    struct arc_list decoded; /* linked through dprev, dnext */
    uint64_t target_mru[ARC_CLASSES], target_meta;

    struct mutex wait_lock; /* for memory */
    struct cond wait_cond;
    _Atomic uint32_t waiters;

    pthread_rwlock_t reclaim_lock;
    struct arc_reclaimer *reclaimers;
    struct arc_pressure *pressure;
    struct arc_stripe stripe[ARC_STRIPES];
};

/* ---- arc_mem.c ---- */

enum arc_mem_flags { ARC_MEM_NOWAIT = 1 };

/* Charge bytes against the limit, evicting as needed. ZE_NOMEM only with ARC_MEM_NOWAIT. */
int arc_charge(struct arc *arc, uint64_t bytes, unsigned flags);
bool arc_try_charge(struct arc *arc, uint64_t bytes); /* without evicting; any locks held */
void arc_uncharge(struct arc *arc, uint64_t bytes);
/* Buffer of size bytes, one reference. arc may be NULL: then only env's account counts it. */
int arc_data_alloc(struct arc *arc, struct env *env, size_t size, unsigned flags,
                   struct arc_data **out);
void arc_data_rele(struct arc_data *d);
static inline void arc_data_hold(struct arc_data *d)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
}
/* Held by others than the cache's own n references? Stripe lock held, so no new holds come. */
static inline bool arc_data_busy(struct arc_data *d, unsigned own)
{
    return atomic_load_explicit(&d->refs, memory_order_acquire) > own;
}
static inline void *arc_data_bytes(struct arc_data *d)
{
    return (void *)(uintptr_t)d->buf.data;
}
size_t arc_data_cap(const struct arc_data *d); /* usable bytes */

/* ---- arc_hash.c ---- */

int arc_hash_init(struct arc *arc);
void arc_hash_fini(struct arc *arc);
uint64_t arc_key_hash(const struct arc_key *key);
static inline struct arc_stripe *arc_key_stripe(struct arc *arc, uint64_t hash)
{
    return &arc->stripe[hash % ARC_STRIPES];
}
/* Stripe lock held for all of these. */
struct arc_hdr *arc_hash_find(struct arc_stripe *s, const struct arc_key *key, uint64_t hash);
void arc_hash_insert(struct arc *arc, struct arc_stripe *s, struct arc_hdr *hdr, uint64_t hash);
void arc_hash_remove(struct arc_stripe *s, struct arc_hdr *hdr);

/* ---- arc_lists.c ---- */

void arc_lists_init(struct arc *arc);
static inline enum arc_class arc_hdr_class(const struct arc_hdr *hdr)
{
    return (enum arc_class)hdr->class;
}
/* Stripe lock held. Put hdr (not listed) at the young end of the list of its state. */
void arc_list_add(struct arc *arc, struct arc_hdr *hdr);
/* Stripe lock held. Take hdr off its lists if it is on one. */
void arc_list_del(struct arc *arc, struct arc_hdr *hdr);
/* Stripe lock held, hdr is a ghost: adapt the targets and take it off its list. */
void arc_ghost_hit(struct arc *arc, struct arc_hdr *hdr);
/* Stripe lock held: hdr->dec was set. True: there are too many now, arc_decoded_trim() is due. */
bool arc_decoded_add(struct arc *arc, struct arc_hdr *hdr);
void arc_decoded_trim(struct arc *arc); /* no locks held */
/* Stripe lock held: unlink hdr from everything and free it. Its data is handed back, to release
 * without locks. */
void arc_hdr_destroy(struct arc *arc, struct arc_stripe *s, struct arc_hdr *hdr,
                     struct arc_data *drop[2]);
/* No locks held. Frees about `bytes`; returns what it freed, 0 if nothing can go. */
uint64_t arc_evict(struct arc *arc, uint64_t bytes);
uint64_t arc_decoded_max(const struct arc *arc);

/* ---- arc_pressure.c ---- */

void arc_pressure_stop(struct arc *arc);

#endif
