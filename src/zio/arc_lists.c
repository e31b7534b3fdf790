/* SPDX-License-Identifier: MIT */
/*
 * What the ARC keeps: MRU and MFU lists and their ghosts, for data and for metadata, and the
 * targets that hits on ghosts move:
 *
 *   target_mru[class]  bytes of the class that MRU may take, the rest is MFU's
 *   target_meta        bytes of the whole that metadata may take, the rest is data's
 *
 * A hit on a ghost says: that list was too short. The target moves by the size of the block, more
 * when that ghost list is the shorter one (it is then the stronger sign). Targets only say who
 * gives way when room is needed; a class or list may use what others do not.
 *
 * Called by arc.c and arc_mem.c. Locks: the list lock; stripe locks are only tried, see arc_impl.h.
 */
#include "base/mem.h"
#include "zio/arc_impl.h"

#define RATIO_MAX      16u /* how much faster than the block's size a target moves */
#define SHARE_MIN      16u /* no list or class is pushed below 1/16 */
#define GHOST_HDR_PART 32u /* ghost headers may take 1/32 of the target */

static uint64_t clamp_u64(uint64_t v, uint64_t lo, uint64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

void arc_lists_init(struct arc *arc)
{
    uint64_t target = atomic_load(&arc->target);

    mutex_init(&arc->list_lock, RANK_ARC_LIST);
    arc->target_meta = target / 4;
    arc->target_mru[ARC_META] = target / 8;
    arc->target_mru[ARC_DATA] = target / 8 * 3;
}

uint64_t arc_decoded_max(const struct arc *arc)
{
    return clamp_u64(atomic_load_explicit(&arc->limit, memory_order_relaxed) / 16, 256u << 10,
                     64u << 20);
}

/* ---- lists: list lock held ---- */

static void list_append(struct arc_list *l, struct arc_hdr *hdr)
{
    hdr->prev = l->young;
    hdr->next = NULL;
    if (l->young != NULL)
        l->young->next = hdr;
    else
        l->old = hdr;
    l->young = hdr;
    l->bytes += hdr->size;
    l->count++;
}

static void list_unlink(struct arc_list *l, struct arc_hdr *hdr)
{
    if (hdr->prev != NULL)
        hdr->prev->next = hdr->next;
    else
        l->old = hdr->next;
    if (hdr->next != NULL)
        hdr->next->prev = hdr->prev;
    else
        l->young = hdr->prev;
    hdr->prev = hdr->next = NULL;
    l->bytes -= hdr->size;
    l->count--;
}

static struct arc_list *list_of(struct arc *arc, const struct arc_hdr *hdr)
{
    return &arc->list[hdr->state][arc_hdr_class(hdr)];
}

static void decoded_append(struct arc *arc, struct arc_hdr *hdr)
{
    struct arc_list *l = &arc->decoded;

    hdr->dprev = l->young;
    hdr->dnext = NULL;
    if (l->young != NULL)
        l->young->dnext = hdr;
    else
        l->old = hdr;
    l->young = hdr;
    l->bytes += hdr->dec->real;
    l->count++;
    hdr->dlisted = true;
}

static void decoded_unlink(struct arc *arc, struct arc_hdr *hdr)
{
    struct arc_list *l = &arc->decoded;

    if (hdr->dprev != NULL)
        hdr->dprev->dnext = hdr->dnext;
    else
        l->old = hdr->dnext;
    if (hdr->dnext != NULL)
        hdr->dnext->dprev = hdr->dprev;
    else
        l->young = hdr->dprev;
    hdr->dprev = hdr->dnext = NULL;
    l->bytes -= hdr->dec->real;
    l->count--;
    hdr->dlisted = false;
}

void arc_list_add(struct arc *arc, struct arc_hdr *hdr)
{
    MUTEX_GUARD(&arc->list_lock);
    list_append(list_of(arc, hdr), hdr);
    hdr->listed = true;
}

void arc_list_del(struct arc *arc, struct arc_hdr *hdr)
{
    MUTEX_GUARD(&arc->list_lock);
    if (hdr->listed)
        list_unlink(list_of(arc, hdr), hdr);
    hdr->listed = false;
}

bool arc_decoded_add(struct arc *arc, struct arc_hdr *hdr)
{
    MUTEX_GUARD(&arc->list_lock);
    decoded_append(arc, hdr);
    return arc->decoded.bytes > arc_decoded_max(arc);
}

void arc_hdr_destroy(struct arc *arc, struct arc_stripe *s, struct arc_hdr *hdr,
                     struct arc_data *drop[2])
{
    arc_hash_remove(s, hdr);
    mutex_lock(&arc->list_lock);
    if (hdr->listed)
        list_unlink(list_of(arc, hdr), hdr);
    if (hdr->dlisted)
        decoded_unlink(arc, hdr);
    mutex_unlock(&arc->list_lock);
    drop[0] = hdr->data;
    drop[1] = hdr->dec;
    free(hdr);
    arc_uncharge(arc, sizeof(*hdr));
}

/* ---- adaptation ---- */

static uint64_t ghost_step(uint64_t size, uint64_t own, uint64_t other)
{
    uint64_t ratio = own == 0 ? RATIO_MAX : other / own;

    return size * clamp_u64(ratio, 1, RATIO_MAX);
}

static uint64_t moved(uint64_t target, uint64_t step, bool up, uint64_t total)
{
    uint64_t lo = total / SHARE_MIN, hi = total - lo;

    target = up ? target + step : target > step ? target - step : 0;
    return clamp_u64(target, lo, hi);
}

static uint64_t class_target(const struct arc *arc, enum arc_class c)
{
    uint64_t target = atomic_load_explicit(&arc->target, memory_order_relaxed);
    uint64_t meta = min_of(arc->target_meta, target);

    return c == ARC_META ? meta : target - meta;
}

void arc_ghost_hit(struct arc *arc, struct arc_hdr *hdr)
{
    enum arc_class c = arc_hdr_class(hdr), o = c == ARC_META ? ARC_DATA : ARC_META;
    bool mru = hdr->state == ARC_MRU_GHOST;

    MUTEX_GUARD(&arc->list_lock);
    uint64_t b1 = arc->list[ARC_MRU_GHOST][c].bytes, b2 = arc->list[ARC_MFU_GHOST][c].bytes;
    uint64_t other = arc->list[ARC_MRU_GHOST][o].bytes + arc->list[ARC_MFU_GHOST][o].bytes;
    uint64_t step = mru ? ghost_step(hdr->size, b1, b2) : ghost_step(hdr->size, b2, b1);
    arc->target_mru[c] = moved(arc->target_mru[c], step, mru, class_target(arc, c));
    step = ghost_step(hdr->size, b1 + b2, other);
    arc->target_meta = moved(arc->target_meta, step, c == ARC_META, atomic_load(&arc->target));
    if (hdr->listed)
        list_unlink(list_of(arc, hdr), hdr);
    hdr->listed = false;
}

/* ---- eviction ---- */

struct batch {
    struct arc_data *data[2 * ARC_EVICT_BATCH];
    struct arc_hdr *hdr[ARC_EVICT_BATCH]; /* unlinked from everything: to be freed */
    unsigned ndata, nhdr;
    uint64_t freed;
};

static uint64_t resident(const struct arc *arc, enum arc_class c)
{
    return arc->list[ARC_MRU][c].bytes + arc->list[ARC_MFU][c].bytes;
}

/* Which list gives way. List lock held. NULL: nothing is resident. */
static struct arc_list *victim_list(struct arc *arc)
{
    uint64_t meta = resident(arc, ARC_META), data = resident(arc, ARC_DATA);

    if (meta + data == 0)
        return NULL;
    enum arc_class c = data == 0 || (meta > arc->target_meta) ? ARC_META : ARC_DATA;
    struct arc_list *mru = &arc->list[ARC_MRU][c], *mfu = &arc->list[ARC_MFU][c];
    if (mfu->count == 0)
        return mru;
    if (mru->count == 0)
        return mfu;
    return mru->bytes > min_of(arc->target_mru[c], class_target(arc, c)) ? mru : mfu;
}

static void requeue(struct arc *arc, struct arc_list *from, struct arc_hdr *hdr, enum arc_state to)
{
    list_unlink(from, hdr);
    if (hdr->state != to) /* only then the stripe's lock is held too */
        hdr->state = (uint8_t)to;
    list_append(list_of(arc, hdr), hdr);
}

/* Both locks held; hdr has data. Turn it into a ghost (or into nothing). */
static void make_ghost(struct arc *arc, struct arc_list *l, struct arc_hdr *hdr, struct batch *b)
{
    b->data[b->ndata++] = hdr->data;
    b->freed += hdr->data->real;
    hdr->data = NULL;
    if (hdr->dec != NULL) {
        decoded_unlink(arc, hdr);
        b->freed += hdr->dec->real;
        b->data[b->ndata++] = hdr->dec;
        hdr->dec = NULL;
    }
    atomic_fetch_add_explicit(&arc->evictions, 1, memory_order_relaxed);
    if (hdr->flags & ARC_HDR_PREFETCH) { /* nobody ever asked for it: nothing to remember */
        list_unlink(l, hdr);
        hdr->listed = false;
        arc_hash_remove(&arc->stripe[hdr->stripe], hdr);
        b->hdr[b->nhdr++] = hdr;
        return;
    }
    hdr->flags = 0;
    requeue(arc, l, hdr, hdr->state == ARC_MRU ? ARC_MRU_GHOST : ARC_MFU_GHOST);
}

/* List lock held. Look at the oldest of l; true if it went. */
static bool evict_one(struct arc *arc, struct arc_list *l, struct batch *b)
{
    struct arc_hdr *hdr = l->old;
    struct arc_stripe *s = &arc->stripe[hdr->stripe];
    bool went = false;

    if (!mutex_trylock(&s->lock)) { /* in use right now */
        requeue(arc, l, hdr, (enum arc_state)hdr->state);
        return false;
    }
    bool busy = hdr->flags & ARC_HDR_DECODING || arc_data_busy(hdr->data, 1) ||
                (hdr->dec != NULL && arc_data_busy(hdr->dec, 1));
    if (hdr->marked && !busy) {
        hdr->marked = false;
        requeue(arc, l, hdr, ARC_MFU);
    } else if (busy) {
        requeue(arc, l, hdr, (enum arc_state)hdr->state);
    } else {
        make_ghost(arc, l, hdr, b);
        went = true;
    }
    mutex_unlock(&s->lock);
    return went;
}

/* List lock held. Forget the oldest ghosts: they may remember as much as the cache holds. */
static void trim_ghosts(struct arc *arc, struct batch *b)
{
    uint64_t target = atomic_load_explicit(&arc->target, memory_order_relaxed);
    struct arc_list *g = NULL;

    for (unsigned tries = 0; tries < ARC_EVICT_BATCH && b->nhdr < ARC_EVICT_BATCH; tries++) {
        struct arc_list(*l)[ARC_CLASSES] = arc->list;
        uint64_t b1 = l[ARC_MRU_GHOST][0].bytes + l[ARC_MRU_GHOST][1].bytes;
        uint64_t b2 = l[ARC_MFU_GHOST][0].bytes + l[ARC_MFU_GHOST][1].bytes;
        uint64_t count = l[ARC_MRU_GHOST][0].count + l[ARC_MRU_GHOST][1].count +
                         l[ARC_MFU_GHOST][0].count + l[ARC_MFU_GHOST][1].count;
        if (b1 + b2 <= target && count * sizeof(struct arc_hdr) <= target / GHOST_HDR_PART)
            break;
        enum arc_state st = b1 >= b2 ? ARC_MRU_GHOST : ARC_MFU_GHOST;
        g = &l[st][l[st][ARC_DATA].bytes >= l[st][ARC_META].bytes ? ARC_DATA : ARC_META];
        struct arc_hdr *hdr = g->old;
        struct arc_stripe *s = &arc->stripe[hdr->stripe];
        if (!mutex_trylock(&s->lock)) {
            requeue(arc, g, hdr, st);
            continue;
        }
        list_unlink(g, hdr);
        hdr->listed = false;
        arc_hash_remove(s, hdr);
        mutex_unlock(&s->lock);
        b->hdr[b->nhdr++] = hdr;
        b->freed += sizeof(*hdr);
    }
}

/* List lock held. Drop decompressed copies nobody holds until the rest is at most max bytes. */
static void trim_decoded(struct arc *arc, struct batch *b, uint64_t max, bool used_too)
{
    struct arc_list *l = &arc->decoded;
    uint64_t look = l->count;

    while (l->bytes > max && look-- > 0 && b->ndata < ARC_EVICT_BATCH) {
        struct arc_hdr *hdr = l->old;
        struct arc_stripe *s = &arc->stripe[hdr->stripe];
        struct arc_data *dec = hdr->dec;
        decoded_unlink(arc, hdr);
        /* without the stripe's lock a new hold may come, so look again with it */
        bool used = atomic_exchange_explicit(&dec->used, false, memory_order_relaxed);
        if ((used && !used_too) || !mutex_trylock(&s->lock)) {
            decoded_append(arc, hdr);
            continue;
        }
        if (arc_data_busy(dec, 1)) {
            decoded_append(arc, hdr);
        } else {
            hdr->dec = NULL;
            b->data[b->ndata++] = dec;
            b->freed += dec->real;
        }
        mutex_unlock(&s->lock);
    }
}

static void batch_free(struct arc *arc, struct batch *b)
{
    for (unsigned i = 0; i < b->ndata; i++)
        arc_data_rele(b->data[i]);
    for (unsigned i = 0; i < b->nhdr; i++)
        free(b->hdr[i]);
    if (b->nhdr != 0)
        arc_uncharge(arc, b->nhdr * sizeof(struct arc_hdr));
}

void arc_decoded_trim(struct arc *arc)
{
    struct batch b = {.ndata = 0};

    mutex_lock(&arc->list_lock);
    trim_decoded(arc, &b, arc_decoded_max(arc), false);
    mutex_unlock(&arc->list_lock);
    batch_free(arc, &b);
}

static uint64_t evict_batch(struct arc *arc, uint64_t bytes, uint64_t *look)
{
    struct batch b = {.ndata = 0};

    mutex_lock(&arc->list_lock);
    trim_decoded(arc, &b, arc_decoded_max(arc), false);
    unsigned tries = 0;
    while (b.freed < bytes && b.ndata < ARC_EVICT_BATCH && b.nhdr < ARC_EVICT_BATCH &&
           tries<4 * ARC_EVICT_BATCH && * look> 0) {
        struct arc_list *l = victim_list(arc);
        if (l == NULL)
            break;
        evict_one(arc, l, &b);
        tries++;
        (*look)--;
    }
    trim_ghosts(arc, &b);
    mutex_unlock(&arc->list_lock);
    batch_free(arc, &b);
    return b.freed;
}

uint64_t arc_evict(struct arc *arc, uint64_t bytes)
{
    uint64_t freed = 0, look;

    /* marked ones are seen twice at most before one must go; busy ones once */
    mutex_lock(&arc->list_lock);
    look = 16;
    for (unsigned c = 0; c < ARC_CLASSES; c++)
        look += 2 * (arc->list[ARC_MRU][c].count + arc->list[ARC_MFU][c].count);
    mutex_unlock(&arc->list_lock);
    while (freed < bytes && look > 0) {
        uint64_t before = look, n = evict_batch(arc, bytes - freed, &look);
        freed += n;
        if (n == 0 && look == before)
            break;
    }
    if (freed != 0)
        return freed;
    struct batch b = {.ndata = 0}; /* last resort */
    mutex_lock(&arc->list_lock);
    trim_decoded(arc, &b, 0, true);
    mutex_unlock(&arc->list_lock);
    batch_free(arc, &b);
    return b.freed;
}
