/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead of sequential readers. Each dnode remembers a few streams: places where a reader is
 * expected to go on. A read that continues one doubles the distance that stream stays ahead, up to
 * PREFETCH_MAX bytes; a read that continues none takes the place of the stream unused for longest
 * and asks for nothing yet. Level-1 indirect blocks are asked for one step earlier than the data
 * below them, since asking for data needs its pointers.
 *
 * Callers: dmu_read.c. Locks: the dnode's prefetch mutex (LEAF) while a plan is made, none while
 * blocks are asked for. Errors: none; what cannot be prefetched is read (and reported) when it is
 * wanted.
 */
#include "base/mem.h"
#include "dmu/dmu_impl.h"

#define PREFETCH_MIN  (256u << 10) /* bytes ahead at the start of a stream */
#define PREFETCH_MAX  (16u << 20)  /* bytes ahead at most */
#define PREFETCH_SLOP 4u           /* blocks a reader may skip and still be sequential */

struct prefetch_plan {
    uint64_t from, to;       /* data blocks to ask for: [from, to) */
    uint64_t l1_from, l1_to; /* level-1 blocks */
};

void prefetch_free(struct prefetch *p)
{
    if (p == NULL)
        return;
    mutex_destroy(&p->lock);
    free(p);
}

/* Streams of dn, made by the first who asks; NULL without memory. */
static struct prefetch *prefetch_of(struct dnode *dn)
{
    struct prefetch *p = atomic_load(&dn->prefetch);
    if (p != NULL)
        return p;
    struct prefetch *mine = mem_zalloc(sizeof(*mine));
    if (mine == NULL)
        return NULL;
    mutex_init(&mine->lock, RANK_LEAF);
    if (atomic_compare_exchange_strong(&dn->prefetch, &p, mine))
        return mine;
    prefetch_free(mine);
    return p;
}

static struct prefetch_stream *stream_match(struct prefetch *p, uint64_t first, uint64_t n)
{
    for (unsigned i = 0; i < PREFETCH_STREAMS; i++) {
        struct prefetch_stream *s = &p->stream[i];
        if (s->stamp != 0 && first <= s->next + PREFETCH_SLOP && first + n > s->next)
            return s;
    }
    return NULL;
}

static void stream_start(struct prefetch *p, uint64_t next)
{
    struct prefetch_stream *s = &p->stream[0];
    for (unsigned i = 1; i < PREFETCH_STREAMS; i++)
        if (p->stream[i].stamp < s->stamp)
            s = &p->stream[i];
    *s = (struct prefetch_stream){.next = next, .ahead = next, .stamp = ++p->clock};
}

/* Does a stream already stand here? Re-reads of one block must not use up the table. */
static bool stream_touched(struct prefetch *p, uint64_t first, uint64_t n)
{
    for (unsigned i = 0; i < PREFETCH_STREAMS; i++)
        if (p->stream[i].stamp != 0 && p->stream[i].next == first + n)
            return true;
    return false;
}

static bool stream_advance(struct dnode *dn, struct prefetch_stream *s, uint64_t first, uint64_t n,
                           struct prefetch_plan *plan)
{
    uint64_t bs = dn->blksz;
    uint64_t least = max_of((uint64_t)1, PREFETCH_MIN / bs);
    uint64_t most = max_of((uint64_t)2, PREFETCH_MAX / bs);
    s->next = first + n;
    s->ahead = max_of(s->ahead, s->next);
    /* Ask in portions: not for one block each time the reader moves by one. */
    if (s->distance != 0 && s->ahead - s->next > s->distance / 2)
        return false;
    if (s->distance == 0)
        s->distance = max_of(least, n);
    else
        s->distance *= 2;
    s->distance = min_of(s->distance, most);
    plan->from = s->ahead;
    plan->to = min_of(s->next + s->distance, dn->maxblkid + 1);
    if (plan->to <= plan->from)
        return false;
    s->ahead = plan->to;
    if (dn->nlevels > 1) {
        plan->l1_from = max_of(s->l1_ahead, (plan->from >> dn->epbs) + 1);
        plan->l1_to = min_of((plan->to + s->distance) >> dn->epbs, dn->maxblkid >> dn->epbs) + 1;
        s->l1_ahead = max_of(s->l1_ahead, plan->l1_to);
    }
    return true;
}

static void prefetch_level(struct dnode *dn, unsigned level, uint64_t from, uint64_t to)
{
    struct dbuf *parent = NULL;
    for (uint64_t id = from; id < to; id++) {
        struct blkptr bp;
        struct dbuf *have = dbuf_find_ready(dn, level, id);
        if (have != NULL) {
            dbuf_rele(have);
            continue;
        }
        if (dbuf_blkptr(dn, level, id, &parent, &bp) != 0)
            break;
        if (bp_is_hole(&bp) || bp_is_embedded(&bp) || dbuf_blkptr_check(dn, level, id, &bp) != 0)
            continue;
        struct bookmark zb = dnode_bookmark(dn, level, id);
        arc_prefetch(dn->os->zp, &bp, &zb);
    }
    dbuf_rele(parent);
}

void prefetch_access(struct dnode *dn, uint64_t first, uint64_t n)
{
    struct prefetch *p = dn->maxblkid == 0 || dn->os->zp->arc == NULL ? NULL : prefetch_of(dn);
    if (p == NULL)
        return;
    struct prefetch_plan plan = {0};
    mutex_lock(&p->lock);
    struct prefetch_stream *s = stream_match(p, first, n);
    bool go = false;
    if (s != NULL) {
        s->stamp = ++p->clock;
        go = stream_advance(dn, s, first, n, &plan);
    } else if (!stream_touched(p, first, n)) {
        stream_start(p, first + n);
    }
    mutex_unlock(&p->lock);
    if (!go)
        return;
    prefetch_level(dn, 1, plan.l1_from, plan.l1_to);
    prefetch_level(dn, 0, plan.from, plan.to);
}
