/* SPDX-License-Identifier: MIT */
/*
 * Claims of claims.h. Sets of claimed space are bitmaps in pages of 4 KiB: whatever a pool's
 * fragmentation, they take no more than asize >> ashift bits. Allocated sets come from alloc/ one
 * metaslab at a time.
 */
#include "inspect/claims.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/brt.h"
#include "alloc/ddt.h"
#include "alloc/metaslab_read.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/range_tree.h"
#include "disk/indirect_phys.h"
#include "vdev/indirect.h"

#define PAGE_BITS_SHIFT 15 /* bits in a page of 4 KiB */
#define PAGE_BITS       (1u << PAGE_BITS_SHIFT)
#define PAGE_WORDS      (PAGE_BITS / 64)
#define TELL_MAX        100 /* lines of one kind */

/* ---- sets of space ---- */

struct bitset {
    uint64_t **page;
    uint64_t bits;
};

static int bitset_init(struct bitset *b, uint64_t bits)
{
    uint64_t pages = (bits >> PAGE_BITS_SHIFT) + 1;

    b->bits = bits;
    b->page = mem_calloc(pages, sizeof(*b->page));
    return b->page == NULL ? err_raise(ZE_NOMEM, "map of claimed space") : 0;
}

static void bitset_fini(struct bitset *b)
{
    for (uint64_t i = 0; b->page != NULL && i <= b->bits >> PAGE_BITS_SHIFT; i++)
        free(b->page[i]);
    free(b->page);
    b->page = NULL;
}

static uint64_t word_mask(unsigned from, unsigned n)
{
    return (n == 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1) << from;
}

/* Set n bits from `at`; *had: how many were set already. */
static int bitset_set(struct bitset *b, uint64_t at, uint64_t n, uint64_t *had)
{
    while (n > 0) {
        uint64_t **page = &b->page[at >> PAGE_BITS_SHIFT];
        unsigned bit = (unsigned)(at & 63);
        unsigned len = (unsigned)min_of((uint64_t)(64 - bit), n);
        uint64_t mask = word_mask(bit, len), *word;

        if (*page == NULL && (*page = mem_calloc(PAGE_WORDS, sizeof(uint64_t))) == NULL)
            return err_raise(ZE_NOMEM, "map of claimed space");
        word = &(*page)[(at & (PAGE_BITS - 1)) / 64];
        *had += (uint64_t)__builtin_popcountll(*word & mask);
        *word |= mask;
        at += len;
        n -= len;
    }
    return 0;
}

/* First position in [at, end) whose bit is `want`, else end. */
static uint64_t bitset_find(const struct bitset *b, uint64_t at, uint64_t end, bool want)
{
    while (at < end) {
        const uint64_t *page = b->page[at >> PAGE_BITS_SHIFT];
        uint64_t word;

        if (page == NULL) {
            if (!want)
                return at;
            at = ((at >> PAGE_BITS_SHIFT) + 1) << PAGE_BITS_SHIFT;
            continue;
        }
        word = page[(at & (PAGE_BITS - 1)) / 64];
        word = (want ? word : ~word) >> (at & 63);
        if (word != 0) {
            at += (uint64_t)__builtin_ctzll(word);
            return min_of(at, end);
        }
        at = (at | 63) + 1;
    }
    return end;
}

/* ---- reference counts ---- */

struct ref {
    uint64_t vdev,
        offset; /* vdev: id, number of DVAs in the upper half; 0 refs and offset: free slot */
    uint64_t refs : 62, used : 1, seen : 1;
};
struct ref_table {
    struct ref *slot;
    uint64_t mask, n;
};

static uint64_t ref_hash(uint64_t vdev, uint64_t offset)
{
    uint64_t h = (offset >> SECTOR_SHIFT) * 0x9e3779b97f4a7c15ull + vdev * 0xc2b2ae3d27d4eb4full;

    return h ^ h >> 29;
}

static struct ref *ref_find(const struct ref_table *t, uint64_t vdev, uint64_t offset)
{
    if (t->slot == NULL)
        return NULL;
    for (uint64_t i = ref_hash(vdev, offset);; i++) {
        struct ref *r = &t->slot[i & t->mask];

        if (!r->used)
            return NULL;
        if ((r->vdev & UINT32_MAX) == vdev && r->offset == offset)
            return r;
    }
}

static int ref_grow(struct ref_table *t)
{
    struct ref_table bigger = {.mask = t->slot == NULL ? 1023 : t->mask * 2 + 1, .n = t->n};

    bigger.slot = mem_calloc(bigger.mask + 1, sizeof(*bigger.slot));
    if (bigger.slot == NULL)
        return err_raise(ZE_NOMEM, "reference counts");
    for (uint64_t i = 0; t->slot != NULL && i <= t->mask; i++) {
        uint64_t at = ref_hash(t->slot[i].vdev & UINT32_MAX, t->slot[i].offset);

        if (!t->slot[i].used)
            continue;
        while (bigger.slot[at & bigger.mask].used)
            at++;
        bigger.slot[at & bigger.mask] = t->slot[i];
    }
    free(t->slot);
    *t = bigger;
    return 0;
}

static int ref_add(struct ref_table *t, uint64_t vdev, uint64_t offset, unsigned dvas,
                   uint64_t refs)
{
    struct ref *r = ref_find(t, vdev, offset);
    uint64_t at = ref_hash(vdev, offset);
    int err;

    if (r != NULL) {
        r->refs += refs;
        return 0;
    }
    if ((t->slot == NULL || t->n >= t->mask / 4 * 3) && (err = ref_grow(t)) != 0)
        return err;
    while (t->slot[at & t->mask].used)
        at++;
    t->slot[at & t->mask] = (struct ref){
        .vdev = vdev | (uint64_t)dvas << 32, .offset = offset, .refs = refs, .used = 1};
    t->n++;
    return 0;
}

/* ---- the claims ---- */

struct claim_vdev {
    struct vdev *vd;
    unsigned shift;
    struct bitset claimed; /* no pages: not concrete */
};

struct claims {
    struct pool *pool;
    struct claims_sink sink;
    struct claim_vdev *vdev;
    unsigned nvdevs;
    struct ddt_tables *ddt;
    struct ref_table dedup, clones;
    struct claims_totals total;
    unsigned told[4];
};

enum tell_kind { TELL_DOUBLE, TELL_LEAK, TELL_UNALLOCATED, TELL_REFS };

static __attribute__((format(printf, 3, 4))) void tell(struct claims *c, enum tell_kind kind,
                                                       const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (c->told[kind]++ > TELL_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->sink.tell(c->sink.arg, c->told[kind] > TELL_MAX ? "(more of the same)" : text);
}

static void tell_unreadable(struct claims *c, const char *what)
{
    char text[700];

    snprintf(text, sizeof(text), "%s: %s", what, err_detail());
    c->total.unreadable++;
    c->sink.tell(c->sink.arg, text);
}

static int note_clone(void *arg, uint64_t vdev, uint64_t offset, uint64_t refs)
{
    struct claims *c = arg;

    return ref_add(&c->clones, vdev, offset, 0, refs);
}

static int note_dedup(void *arg, const struct ddt_entry *e)
{
    struct claims *c = arg;
    int err = 0;

    for (unsigned i = 0; err == 0 && i < ddt_value_slots(&e->value); i++) {
        const struct ddt_slot_phys *s = &e->value.slot[i];
        unsigned dvas = 0;

        if (s->refcnt == 0 || !dva_is_valid(&s->dva[0]))
            continue;
        while (dvas < BLKPTR_DVAS && dva_is_valid(&s->dva[dvas]))
            dvas++;
        err = ref_add(&c->dedup, dva_vdev(&s->dva[0]), dva_offset(&s->dva[0]), dvas, s->refcnt);
    }
    return err;
}

static int read_tables(struct claims *c)
{
    struct brt *brt = NULL;
    int err = brt_open(c->pool->mos, &brt);

    for (unsigned i = 0; err == 0 && i < brt->n; i++)
        err = brt_iterate(brt, &brt->vdev[i], note_clone, c);
    brt_close(brt);
    if (err == ZE_NOMEM)
        return err;
    if (err != 0)
        tell_unreadable(c, "block reference table");
    err = ddt_tables_open(c->pool->mos, &c->ddt);
    for (unsigned i = 0; err == 0 && i < c->ddt->n; i++)
        err = ddt_iterate(&c->ddt->table[i], note_dedup, c);
    if (err == ZE_NOMEM)
        return err;
    if (err != 0)
        tell_unreadable(c, "dedup tables");
    return 0;
}

int claims_create(struct pool *pool, const struct claims_sink *sink, struct claims **out)
{
    struct claims *c = mem_zalloc(sizeof(*c));
    struct vdev *root = pool->vdevs->root;
    int err = 0;

    if (c == NULL)
        return err_raise(ZE_NOMEM, "claims");
    c->pool = pool;
    c->sink = *sink;
    c->nvdevs = root->nchildren;
    c->vdev = mem_calloc(c->nvdevs + 1, sizeof(*c->vdev));
    if (c->vdev == NULL)
        err = err_raise(ZE_NOMEM, "claims");
    for (unsigned i = 0; err == 0 && i < c->nvdevs; i++) {
        struct vdev *vd = root->child[i];

        c->vdev[i].vd = vd;
        c->vdev[i].shift = (unsigned)max_of(vd->ashift, (uint64_t)SECTOR_SHIFT);
        if (vdev_is_concrete(vd) && c->vdev[i].shift < 64)
            err = bitset_init(&c->vdev[i].claimed, vd->asize >> c->vdev[i].shift);
    }
    err = err != 0 ? err : read_tables(c);
    if (err != 0) {
        claims_free(c);
        return err;
    }
    *out = c;
    return 0;
}

void claims_free(struct claims *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; c->vdev != NULL && i < c->nvdevs; i++)
        bitset_fini(&c->vdev[i].claimed);
    ddt_tables_close(c->ddt);
    free(c->dedup.slot);
    free(c->clones.slot);
    free(c->vdev);
    free(c);
}

const struct claims_totals *claims_totals(const struct claims *c)
{
    return &c->total;
}

/* ---- ranges ---- */

struct range_claim {
    struct claims *c;
    const struct bookmark *zb;
    uint64_t had; /* bytes claimed before */
    bool nowhere;
};

static int claim_concrete(struct range_claim *rc, uint64_t vdev, uint64_t offset, uint64_t size)
{
    struct claim_vdev *cv = &rc->c->vdev[vdev];
    uint64_t unit = (uint64_t)1 << cv->shift, had = 0;
    int err;

    if (cv->claimed.page == NULL || ((offset | size) & (unit - 1)) != 0 || size > cv->vd->asize ||
        offset > cv->vd->asize - size) {
        rc->nowhere = true;
        return 0;
    }
    err = bitset_set(&cv->claimed, offset >> cv->shift, size >> cv->shift, &had);
    rc->had += had << cv->shift;
    rc->c->total.claimed += size - (had << cv->shift);
    if (had != 0 && rc->zb != NULL)
        tell(rc->c, TELL_DOUBLE,
             "allocated twice: %" PRIu64 ":%" PRIx64 ":%" PRIx64 " (%" PRIu64
             " bytes of it), again by <%" PRIu64 ", %" PRIu64 ", %" PRId64 ", %" PRIu64 ">",
             vdev, offset, size, had << cv->shift, rc->zb->objset, rc->zb->object, rc->zb->level,
             rc->zb->blkid);
    return err;
}

static int claim_remapped(void *arg, struct vdev *target, uint64_t offset, uint64_t size,
                          uint64_t txg)
{
    return claim_concrete(arg, target->id, offset, size);
}

static int claim_range(struct range_claim *rc, uint64_t vdev, uint64_t offset, uint64_t size)
{
    int err;

    if (vdev >= rc->c->nvdevs) {
        rc->nowhere = true;
        return 0;
    }
    if (rc->c->vdev[vdev].vd->type != VDEV_INDIRECT)
        return claim_concrete(rc, vdev, offset, size);
    err = vdev_indirect_remap(rc->c->vdev[vdev].vd, offset, size, claim_remapped, rc);
    if (err == 0 || err == ZE_NOMEM)
        return err;
    rc->nowhere = true;
    return 0;
}

static int claim_dvas(struct range_claim *rc, const struct blkptr *bp, bool header)
{
    int err = 0;

    for (unsigned i = 0; err == 0 && i < bp_ndvas(bp); i++) {
        const struct dva *d = &bp->dva[i];
        struct vdev *vd = vdev_tree_top(rc->c->pool->vdevs, dva_vdev(d));

        err = claim_range(rc, dva_vdev(d), dva_offset(d),
                          header && vd != NULL ? vdev_gang_header_asize(vd) : dva_asize(d));
    }
    return err;
}

static int claim_gang_member(void *arg, const struct blkptr *member, bool is_header)
{
    return claim_dvas(arg, member, is_header);
}

static int claim_block(struct range_claim *rc, const struct blkptr *bp)
{
    int err;

    if (!bp_is_gang(bp))
        return claim_dvas(rc, bp, false);
    err = zio_gang_walk(&rc->c->pool->zio, bp, claim_gang_member, rc);
    if (err == 0 || err == ZE_NOMEM)
        return err;
    tell_unreadable(rc->c, "members of a gang block");
    return 0;
}

/* ---- blocks ---- */

/* The block pointer with all DVAs of its dedup entry, which may have more than the one given. */
static void whole_dedup_block(struct claims *c, const struct ref *r, struct blkptr *bp)
{
    const struct ddt_table *table = ddt_table_find(c->ddt, bp_checksum(bp));
    struct ddt_key_phys key;
    struct ddt_entry *e AUTO_FREE = NULL;
    const struct ddt_slot_phys *slot;

    if (r->vdev >> 32 == bp_ndvas(bp) || table == NULL || (e = mem_zalloc(sizeof(*e))) == NULL)
        return;
    ddt_key_of_bp(bp, &key);
    if (ddt_lookup(table, &key, e) == 0 && (slot = ddt_entry_slot(e, bp)) != NULL)
        memcpy(bp->dva, slot->dva, sizeof(bp->dva));
}

/* One more reference to an entry. True: its space is claimed already (res says how). */
static bool take_reference(struct claims *c, struct ref *r, bool extra_first, uint64_t asize,
                           const struct bookmark *zb, enum claim_result *res)
{
    if (!r->seen) {
        r->seen = 1;
        r->refs -= extra_first && r->refs > 0;
        return false;
    }
    if (r->refs > 0) {
        r->refs--;
        *res = extra_first ? CLAIM_DEDUP : CLAIM_CLONE;
        return true;
    }
    *res = CLAIM_TWICE;
    c->total.doubled += asize;
    c->total.wrong_refs++;
    tell(c, TELL_REFS,
         "more references than the %s table counts: %" PRIu64 ":%" PRIx64 ", again by <%" PRIu64
         ", %" PRIu64 ", %" PRId64 ", %" PRIu64 ">",
         extra_first ? "dedup" : "clone", r->vdev & UINT32_MAX, r->offset, zb->objset, zb->object,
         zb->level, zb->blkid);
    return true;
}

int claims_add(struct claims *c, const struct blkptr *bp, const struct bookmark *zb,
               enum claim_result *res)
{
    struct range_claim rc = {.c = c, .zb = zb};
    struct blkptr whole = *bp;
    struct ref *r = NULL;
    int err;

    *res = CLAIM_NEW;
    if (bp_is_hole(bp) || bp_is_embedded(bp))
        return 0;
    if (bp_is_dedup(bp))
        r = ref_find(&c->dedup, dva_vdev(&bp->dva[0]), dva_offset(&bp->dva[0]));
    if (r != NULL && take_reference(c, r, true, bp_asize(bp), zb, res)) {
        if (*res == CLAIM_DEDUP) {
            c->total.dedup_bytes += bp_asize(bp);
            c->total.dedup_refs++;
        }
        return 0;
    }
    if (r != NULL) {
        whole_dedup_block(c, r, &whole);
    } else if ((r = ref_find(&c->clones, dva_vdev(&bp->dva[0]), dva_offset(&bp->dva[0]))) != NULL &&
               take_reference(c, r, false, bp_asize(bp), zb, res)) {
        if (*res == CLAIM_CLONE) {
            c->total.clone_bytes += bp_asize(bp);
            c->total.clone_refs++;
        }
        return 0;
    }
    err = claim_block(&rc, &whole);
    c->total.doubled += rc.had;
    if (rc.nowhere) {
        c->total.unallocated += bp_asize(bp);
        *res = CLAIM_NOWHERE;
        tell(c, TELL_UNALLOCATED,
             "not on a device: block of <%" PRIu64 ", %" PRIu64 ", %" PRId64 ", %" PRIu64 ">",
             zb->objset, zb->object, zb->level, zb->blkid);
    } else if (rc.had != 0) {
        *res = CLAIM_TWICE;
    }
    return err;
}

bool claims_has(const struct claims *c, const struct blkptr *bp)
{
    uint64_t vdev = dva_vdev(&bp->dva[0]), at = dva_offset(&bp->dva[0]);
    const struct claim_vdev *cv = vdev < c->nvdevs ? &c->vdev[vdev] : NULL;

    if (cv == NULL || cv->claimed.page == NULL || at >> cv->shift >= cv->claimed.bits)
        return false;
    at >>= cv->shift;
    return bitset_find(&cv->claimed, at, at + 1, true) == at;
}

/* ---- comparing ---- */

struct compare {
    struct claims *c;
    struct claim_vdev *cv;
    uint64_t vdev, at, end; /* bytes; at: everything before was compared */
    bool partial;
};

/* Claimed parts of [from, to), which no space map has. */
static void compare_gap(struct compare *cmp, uint64_t from, uint64_t to)
{
    const struct bitset *b = &cmp->cv->claimed;
    unsigned shift = cmp->cv->shift;
    uint64_t at = from >> shift, end = min_of(to >> shift, b->bits);

    while ((at = bitset_find(b, at, end, true)) < end) {
        uint64_t stop = bitset_find(b, at, end, false);

        cmp->c->total.unallocated += (stop - at) << shift;
        tell(cmp->c, TELL_UNALLOCATED, "in use but not allocated: %" PRIu64 ":%" PRIx64 ":%" PRIx64,
             cmp->vdev, at << shift, (stop - at) << shift);
        at = stop;
    }
}

static int compare_range(const struct range *r, void *arg)
{
    struct compare *cmp = arg;
    const struct bitset *b = &cmp->cv->claimed;
    unsigned shift = cmp->cv->shift;
    uint64_t at = r->start >> shift, end = min_of((r->start + r->size) >> shift, b->bits);

    compare_gap(cmp, cmp->at, r->start);
    cmp->at = r->start + r->size;
    cmp->c->total.allocated += r->size;
    while (!cmp->partial && (at = bitset_find(b, at, end, false)) < end) {
        uint64_t stop = bitset_find(b, at, end, true);

        cmp->c->total.leaked += (stop - at) << shift;
        tell(cmp->c, TELL_LEAK, "leaked: %" PRIu64 ":%" PRIx64 ":%" PRIx64, cmp->vdev, at << shift,
             (stop - at) << shift);
        at = stop;
    }
    return 0;
}

static int compare_metaslab(struct compare *cmp, const struct metaslabs *m,
                            const struct metaslab *ms)
{
    struct range_tree *allocated = NULL;
    int err = metaslab_load(m, (unsigned)cmp->vdev, ms->id, &allocated);

    compare_gap(cmp, cmp->at, ms->start); /* dRAID: between metaslabs */
    cmp->at = ms->start + ms->size;
    if (err != 0) {
        tell_unreadable(cmp->c, "space map");
        return err == ZE_NOMEM ? err : 0;
    }
    cmp->at = ms->start;
    err = range_tree_walk(allocated, compare_range, cmp);
    compare_gap(cmp, cmp->at, ms->start + ms->size);
    cmp->at = ms->start + ms->size;
    range_tree_destroy(allocated);
    return err;
}

static int compare_vdev(struct claims *c, const struct metaslabs *m, unsigned id, bool partial)
{
    struct compare cmp = {.c = c, .cv = &c->vdev[id], .vdev = id, .partial = partial};
    const struct metaslab_vdev *mv = &m->vdev[id];
    int err = 0;

    if (cmp.cv->claimed.page == NULL)
        return 0;
    for (uint64_t i = 0; err == 0 && i < mv->count; i++)
        err = compare_metaslab(&cmp, m, &mv->ms[i]);
    if (err == 0)
        compare_gap(&cmp, cmp.at, cmp.cv->claimed.bits << cmp.cv->shift);
    return err;
}

/* ---- the checkpoint, a removal under way ---- */

static int claim_checkpoint(struct claims *c, const struct metaslabs *m, unsigned id)
{
    struct bookmark zb = {0, 0, BOOKMARK_LEVEL_ROOT, 0};
    struct range_claim rc = {.c = c, .zb = &zb};
    struct range_tree *held;
    struct range r;
    int err = range_tree_create(&held);

    if (err == 0 && (err = metaslabs_load_checkpoint(m, id, held)) != 0 && err != ZE_NOMEM) {
        tell_unreadable(c, "space map of the checkpoint");
        err = 0;
    }
    for (bool ok = err == 0 && range_tree_first(held, &r); err == 0 && ok;
         ok = range_tree_next(held, &r)) {
        c->total.checkpoint += r.size;
        err = claim_range(&rc, id, r.start, r.size);
    }
    c->total.doubled += rc.had;
    range_tree_destroy(held);
    return err;
}

static int read_removal_mapping(struct pool *pool, uint64_t object,
                                struct indirect_mapping_phys *map, struct indirect_entry_phys **out)
{
    struct dnode *dn;
    struct span bonus;
    size_t size;
    int err = dnode_hold(pool->mos, object, &dn);

    if (err != 0)
        return err;
    bonus = dnode_bonus(dn);
    err = indirect_mapping_phys_load(map, bonus.data, bonus.len, dnode_size(dn), object);
    size = err == 0 ? map->num_entries * sizeof(**out) : 0;
    *out = mem_zalloc(size + 1);
    if (err == 0 && *out == NULL)
        err = err_raise(ZE_NOMEM, "removal mapping");
    if (err == 0 && size != 0)
        err = dmu_read(dn, 0, *out, size);
    dnode_rele(dn);
    return err != 0 ? err : indirect_entries_validate(*out, map->num_entries, map->max_offset);
}

/* Copies that a removal under way has made of [start, start + size). */
static int claim_copies(struct range_claim *rc, const struct indirect_entry_phys *e, uint64_t n,
                        const struct range *r)
{
    uint64_t end = r->start + r->size;
    int err = 0;

    for (uint64_t i = indirect_entries_find(e, n, r->start); err == 0 && i < n; i++) {
        uint64_t src = indirect_entry_offset(&e[i]), len = indirect_entry_length(&e[i]);
        uint64_t from = max_of(src, r->start), to = min_of(src + len, end);

        if (src >= end)
            break;
        rc->c->total.removing += to - from;
        err = claim_range(rc, dva_vdev(&e[i].dst), dva_offset(&e[i].dst) + (from - src), to - from);
    }
    return err;
}

static int claim_removing(struct claims *c, const struct metaslabs *m)
{
    struct bookmark zb = {0, 0, BOOKMARK_LEVEL_ROOT, 0};
    struct range_claim rc = {.c = c, .zb = &zb};
    struct indirect_entry_phys *e AUTO_FREE = NULL;
    struct indirect_mapping_phys map = {0};
    uint64_t id = c->pool->removing[1];
    struct range_tree *allocated;
    struct range r;
    int err;

    if (c->pool->removing[0] != 1 || id >= c->nvdevs || c->vdev[id].vd->indirect_object == 0)
        return 0;
    err = range_tree_create(&allocated);
    err = err != 0 ? err : read_removal_mapping(c->pool, c->vdev[id].vd->indirect_object, &map, &e);
    err = err != 0 ? err : metaslabs_load_vdev(m, (unsigned)id, allocated);
    if (err != 0 && err != ZE_NOMEM) {
        tell_unreadable(c, "removal under way");
        err = 0;
    }
    for (bool ok = err == 0 && range_tree_first(allocated, &r); err == 0 && ok;
         ok = range_tree_next(allocated, &r))
        err = claim_copies(&rc, e, map.num_entries, &r);
    c->total.doubled += rc.had;
    range_tree_destroy(allocated);
    return err;
}

/* References of entries that some block used, but not all of them. */
static void compare_refs(struct claims *c, const struct ref_table *t, const char *what)
{
    for (uint64_t i = 0; t->slot != NULL && i <= t->mask; i++) {
        const struct ref *r = &t->slot[i];

        if (!r->used || r->refs == 0)
            continue;
        c->total.wrong_refs++;
        tell(c, TELL_REFS, "%s table counts %" PRIu64 " references too many: %" PRIu64 ":%" PRIx64,
             what, (uint64_t)r->refs, r->vdev & UINT32_MAX, r->offset);
    }
}

int claims_compare(struct claims *c, bool partial)
{
    struct metaslabs *m = NULL;
    int err = metaslabs_open(c->pool->mos, c->pool->vdevs, &m);

    if (err != 0) {
        if (err != ZE_NOMEM)
            tell_unreadable(c, "space maps");
        return err == ZE_NOMEM ? err : 0;
    }
    for (unsigned i = 0; err == 0 && i < c->nvdevs && i < m->nvdevs; i++)
        err = claim_checkpoint(c, m, i);
    err = err != 0 ? err : claim_removing(c, m);
    for (unsigned i = 0; err == 0 && i < c->nvdevs && i < m->nvdevs; i++)
        err = compare_vdev(c, m, i, partial);
    metaslabs_close(m);
    if (!partial) {
        compare_refs(c, &c->dedup, "dedup");
        compare_refs(c, &c->clones, "clone");
    }
    return err;
}
