/* SPDX-License-Identifier: MIT */
/* zdb -b, -c: block statistics, leaks, checksums, by verify; -D, -T: dedup and clone tables. */
#include "cli/zdb_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "alloc/brt.h"
#include "alloc/ddt.h"
#include "alloc/metaslab_read.h"
#include "disk/objtype.h"
#include "disk/indirect_phys.h"

#define LEVELS      DNODE_MAX_LEVELS
#define TYPE_FREE   OBJTYPE_COUNT /* deferred free */
#define TYPE_DITTO  (OBJTYPE_COUNT + 1)
#define TYPE_OTHER  (OBJTYPE_COUNT + 2)
#define TYPE_TOTAL  (OBJTYPE_COUNT + 3)
#define TYPES       (OBJTYPE_COUNT + 4)
#define LEVEL_TOTAL LEVELS
#define HIST        16 /* 512 to 16M */

struct block_sum {
    uint64_t count, lsize, psize, asize, gangs;
};
struct hist {
    uint64_t count[HIST], size[HIST];
};
struct block_stats {
    struct zdb *z;
    struct block_sum sum[LEVELS + 1][TYPES];
    struct hist psize, lsize, asize;
    uint64_t embedded[256], same_vdev, same_ms;
    uint64_t shift; /* metaslab shift of vdev 0 */
};

static void sum_add(struct block_sum *s, const struct blkptr *bp)
{
    s->count++;
    s->lsize += bp_lsize(bp);
    s->psize += bp_is_embedded(bp) ? 0 : bp_psize(bp);
    s->asize += bp_is_embedded(bp) ? 0 : bp_asize(bp);
    s->gangs += bp_is_gang(bp) ? bp_ndvas(bp) : 0; /* headers */
}

static void hist_add(struct hist *h, uint64_t size)
{
    unsigned i = 0;

    while (i < HIST - 1 && size >= (uint64_t)SECTOR_SIZE << (i + 1))
        i++;
    h->count[i]++;
    h->size[i] += size;
}

static void count_dittos(struct block_stats *s, const struct blkptr *bp)
{
    unsigned n = bp_ndvas(bp), equal = 0;

    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = i + 1; k < n; k++)
            equal += dva_vdev(&bp->dva[i]) == dva_vdev(&bp->dva[k]);
    }
    s->same_vdev += equal != 0;
}

static void count_block(void *arg, const struct pool_walk_visit *v, enum claim_result claim)
{
    struct block_stats *s = arg;
    const struct blkptr *bp = v->bp;
    bool freeing = v->kind >= POOL_WALK_DEFERRED;
    unsigned level = min_of(bp_level(bp), LEVELS - 1u), type = bp_type(bp);

    if (bp_is_hole(bp))
        return;
    if (bp_is_embedded(bp))
        s->embedded[bp_etype(bp)]++;
    type = freeing ? TYPE_FREE : type >= OBJTYPE_COUNT ? TYPE_OTHER : type;
    sum_add(&s->sum[level][type], bp);
    sum_add(&s->sum[LEVEL_TOTAL][type], bp);
    sum_add(&s->sum[level][TYPE_TOTAL], bp);
    sum_add(&s->sum[LEVEL_TOTAL][TYPE_TOTAL], bp);
    if (bp_is_embedded(bp))
        return;
    hist_add(&s->psize, bp_psize(bp));
    hist_add(&s->lsize, bp_lsize(bp));
    hist_add(&s->asize, bp_asize(bp));
    count_dittos(s, bp);
}

/* ---- printing ---- */

static double ratio(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (double)a / (double)b;
}

static void print_row(struct zdb *z, const struct block_sum *s, uint64_t total, const char *name)
{
    char a[5][32];

    printf("%6s\t%5s\t%5s\t%5s\t%5s\t%5.2f\t%6.2f\t%s\n", zdb_num(z, s->count, a[0]),
           zdb_num(z, s->lsize, a[1]), zdb_num(z, s->psize, a[2]), zdb_num(z, s->asize, a[3]),
           zdb_num(z, s->asize / s->count, a[4]), ratio(s->lsize, s->psize),
           100 * ratio(s->asize, total), name);
}

static void print_type(struct block_stats *s, unsigned type, const char *name)
{
    const struct block_sum *all = &s->sum[LEVEL_TOTAL][type];
    uint64_t total = s->sum[LEVEL_TOTAL][TYPE_TOTAL].asize;
    char text[96];

    if (all->asize == 0) {
        printf("%6s\t%5s\t%5s\t%5s\t%5s\t%5s\t%6s\t%s\n", "-", "-", "-", "-", "-", "-", "-", name);
        return;
    }
    for (unsigned l = LEVELS; s->z->opt['b'] > 2 && l-- > 0;) {
        const struct block_sum *one = &s->sum[l][type];

        if (one->count == 0 || one->count == all->count)
            continue;
        snprintf(text, sizeof(text), "    L%u %s", l, name);
        print_row(s->z, one, total, text);
    }
    print_row(s->z, all, total, name);
}

/* Metadata of the numbered types; those of which everything is embedded are left out. */
static void sum_metadata(const struct block_stats *s, struct block_sum *out)
{
    for (unsigned t = 0; t < OBJTYPE_COUNT; t++) {
        for (unsigned l = objtype_is_metadata(t) ? 0 : 1;
             s->sum[LEVEL_TOTAL][t].asize != 0 && l < LEVELS; l++) {
            out->count += s->sum[l][t].count;
            out->lsize += s->sum[l][t].lsize;
            out->psize += s->sum[l][t].psize;
            out->asize += s->sum[l][t].asize;
        }
    }
}

static void print_types(struct block_stats *s)
{
    struct block_sum meta = {0};

    printf("\nBlocks\tLSIZE\tPSIZE\tASIZE\t  avg\t comp\t%%Total\tType\n");
    for (unsigned t = 0; t < OBJTYPE_COUNT; t++)
        print_type(s, t, objtype_info(t)->name);
    print_type(s, TYPE_FREE, "deferred free");
    print_type(s, TYPE_DITTO, "dedup ditto");
    print_type(s, TYPE_OTHER, "other");
    print_type(s, TYPE_TOTAL, "Total");
    sum_metadata(s, &meta);
    if (meta.count != 0)
        print_row(s->z, &meta, s->sum[LEVEL_TOTAL][TYPE_TOTAL].asize, "Metadata Total");
}

static void print_histogram(struct block_stats *s)
{
    const struct hist *h[] = {&s->psize, &s->lsize, &s->asize};
    uint64_t sum[3] = {0};
    char a[32];

    printf("\nBlock Size Histogram\n\n  block   psize                lsize                asize\n"
           "   size   Count   Size   Cum.  Count   Size   Cum.  Count   Size   Cum.\n");
    for (unsigned i = 0; i < HIST; i++) {
        printf("%7s:", zdb_num(s->z, (uint64_t)SECTOR_SIZE << i, a));
        for (unsigned k = 0; k < 3; k++) {
            sum[k] += h[k]->size[i];
            printf("%7s", zdb_num(s->z, h[k]->count[i], a));
            printf("%7s", zdb_num(s->z, h[k]->size[i], a));
            printf("%7s", zdb_num(s->z, sum[k], a));
        }
        printf("\n");
    }
}

/* Allocated in the space maps alone, without the logs; in all metaslabs of a class. */
static void print_class(const struct metaslabs *m, const char *name, const char *bias, bool always)
{
    uint64_t alloc = 0, space = 0;

    for (unsigned i = 0; i < m->nvdevs; i++) {
        const struct metaslab_vdev *mv = &m->vdev[i];
        const char *is = mv->vd == NULL ? "" : mv->vd->is_log ? "log" : mv->vd->alloc_bias;

        if (strcmp(is != NULL ? is : "", bias) != 0)
            continue;
        for (uint64_t k = 0; k < mv->count; k++) {
            alloc += (uint64_t)mv->ms[k].map_alloc;
            space += mv->ms[k].size;
        }
    }
    if (always || alloc != 0)
        printf("\t%-17s%14" PRIu64 "     used: %5.2f%%\n", name, alloc, 100 * ratio(alloc, space));
}

static void print_classes(struct zdb *z)
{
    struct metaslabs *m;

    if (metaslabs_open(z->pool->mos, z->pool->vdevs, &m) != 0)
        return;
    print_class(m, "Normal class:", "", true);
    print_class(m, "Special class", "special", false);
    print_class(m, "Dedup class", "dedup", false);
    printf("\t%-19s%14u     used: %5.2f%%\n", "Embedded log class", 0u, -(double)NAN);
    metaslabs_close(m);
}

static void print_sums(struct block_stats *s, const struct verify_report *r)
{
    const struct block_sum *t = &s->sum[LEVEL_TOTAL][TYPE_TOTAL];
    uint64_t n = t->count == 0 ? 1 : t->count;
    unsigned first = 0;

    printf("\tbp count:       %15" PRIu64 "\n", t->count);
    printf("\tganged count:   %15" PRIu64 "\n", t->gangs);
    printf("\tbp logical:     %15" PRIu64 "      avg: %6" PRIu64 "\n", t->lsize, t->lsize / n);
    printf("\tbp physical:    %15" PRIu64 "      avg: %6" PRIu64 "     compression: %6.2f\n",
           t->psize, t->psize / n, ratio(t->lsize, t->psize));
    printf("\tbp allocated:   %15" PRIu64 "      avg: %6" PRIu64 "     compression: %6.2f\n",
           t->asize, t->asize / n, ratio(t->lsize, t->asize));
    printf("\tbp deduped:     %15" PRIu64 "    ref>1: %6" PRIu64 "   deduplication: %6.2f\n",
           r->space.dedup_bytes, r->space.dedup_refs, ratio(r->space.dedup_bytes, t->asize) + 1);
    printf("\tbp cloned:      %15" PRIu64 "    count: %6" PRIu64 "\n", r->space.clone_bytes,
           r->space.clone_refs);
    print_classes(s->z);
    for (unsigned i = 0; i < array_len(s->embedded); i++) {
        if (s->embedded[i] != 0)
            printf("%s\tadditional, non-pointer bps of type %u: %10" PRIu64 "\n",
                   first++ == 0 ? "\n" : "", i, s->embedded[i]);
    }
    if (s->same_vdev != 0)
        printf("\tDittoed blocks on same vdev: %" PRIu64 "\n", s->same_vdev);
}

static int tell_stats(void *arg, const char *text)
{
    printf("%s\n", text);
    return 0;
}

static void print_leaks(struct zdb *z, const struct verify_report *r)
{
    const struct claims_totals *t = &r->space;
    int64_t off = (int64_t)(t->claimed - t->unallocated - t->allocated);

    if (z->opt['L'])
        return;
    if (t->leaked == 0 && t->doubled == 0 && t->unallocated == 0 && t->wrong_refs == 0 &&
        !r->partial) {
        printf("\n\tNo leaks (block sum matches space maps exactly)\n");
        return;
    }
    printf("\n\tblock traversal size %" PRIu64 " != alloc %" PRIu64 " (%s %" PRId64 ")\n",
           t->claimed, t->allocated, off < 0 ? "leaked" : "unreachable", off < 0 ? -off : off);
}

static uint64_t indirect_segments(struct zdb *z, const struct vdev *vd)
{
    struct indirect_mapping_phys map = {0};
    struct dnode *dn;

    if (vd->indirect_object == 0 || dnode_hold(z->pool->mos, vd->indirect_object, &dn) != 0)
        return 0;
    if (indirect_mapping_phys_load(&map, dnode_bonus(dn).data, dnode_bonus(dn).len, dnode_size(dn),
                                   vd->indirect_object) != 0)
        map.num_entries = 0;
    dnode_rele(dn);
    return map.num_entries;
}

int zdb_blocks(struct zdb *z)
{
    struct block_stats *s AUTO_FREE = mem_zalloc(sizeof(*s));
    struct verify_args va = {.pool = z->pool, .tell = tell_stats, .block = count_block, .arg = s};
    struct verify_report r;
    int err;

    if (s == NULL)
        return ZE_NOMEM;
    s->z = z;
    va.flags = VERIFY_NO_CHECKPOINT | VERIFY_SPACE;
    if (z->opt['c'])
        va.flags |= VERIFY_READ_META | (z->opt['c'] > 1 ? VERIFY_READ_DATA : 0u);
    printf("\nTraversing all blocks %s%s%s%s...\n\n",
           z->opt['c'] || !z->opt['L'] ? "to verify " : "",
           z->opt['c'] == 1 ? "metadata checksums "
           : z->opt['c']    ? "checksums "
                            : "",
           z->opt['c'] && !z->opt['L'] ? "and verify " : "", !z->opt['L'] ? "nothing leaked " : "");
    err = verify_run(&va, &r);
    if (err != 0)
        return err;
    print_leaks(z, &r);
    printf("\n");
    print_sums(s, &r);
    for (unsigned i = 0; i < z->pool->vdevs->root->nchildren; i++) {
        const struct vdev *vd = z->pool->vdevs->root->child[i];
        uint64_t n = indirect_segments(s->z, vd);

        if (n != 0)
            printf("\tindirect vdev id %u has %" PRIu64 " segments (%" PRIu64 " in memory)\n", i, n,
                   n);
    }
    if (z->opt['b'] > 1) {
        print_types(s);
        print_histogram(s);
    }
    printf("\n");
    if (r.lost != 0)
        z->status = 3;
    else if (!verify_is_clean(&r) && !z->opt['L'])
        z->status = 2;
    return 0;
}

/* ---- dedup ---- */

static void print_bucket(struct zdb *z, const char *label, const struct ddt_stat_phys *d)
{
    char a[8][32];

    printf("%6s   %6s   %5s   %5s   %5s   %6s   %5s   %5s   %5s\n", label,
           zdb_num(z, d->blocks, a[0]), zdb_num(z, d->lsize, a[1]), zdb_num(z, d->psize, a[2]),
           zdb_num(z, d->dsize, a[3]), zdb_num(z, d->ref_blocks, a[4]),
           zdb_num(z, d->ref_lsize, a[5]), zdb_num(z, d->ref_psize, a[6]),
           zdb_num(z, d->ref_dsize, a[7]));
}

static void print_ddt_histogram(struct zdb *z, const struct ddt_stat_phys *hist)
{
    struct ddt_stat_phys total;
    char label[32];

    printf("bucket              allocated                       referenced          \n"
           "______   ______________________________   ______________________________\n"
           "refcnt   blocks   LSIZE   PSIZE   DSIZE   blocks   LSIZE   PSIZE   DSIZE\n"
           "------   ------   -----   -----   -----   ------   -----   -----   -----\n");
    for (unsigned i = 0; i < DDT_STAT_BUCKETS; i++) {
        if (hist[i].blocks != 0)
            print_bucket(z, cli_nicenum((uint64_t)1 << i, label), &hist[i]);
    }
    ddt_stat_total(hist, &total);
    print_bucket(z, "Total", &total);
}

static void print_table(struct zdb *z, const struct ddt_table *t)
{
    static const enum ddt_class order[] = {DDT_CLASS_DITTO, DDT_CLASS_DUPLICATE, DDT_CLASS_UNIQUE};

    printf("DDT-%s: version=%u [%s]; flags=0x%02x%s%s%s; rootobj=%" PRIu64 "\n", t->name,
           t->version, t->version == DDT_VERSION_LEGACY ? "LEGACY" : "FDT", t->flags,
           t->flags != 0 ? " [" : "",
           (t->flags & DDT_FLAGS) == DDT_FLAGS ? "FLAT LOG"
           : t->flags & DDT_FLAG_FLAT          ? "FLAT"
           : t->flags & DDT_FLAG_LOG           ? "LOG"
                                               : "",
           t->flags != 0 ? "]" : "", t->dir_object);
    for (unsigned c = 0; c < array_len(order); c++) {
        const struct ddt_class_object *o = &t->class[order[c]];
        char name[DDT_NAME_MAX];

        if (o->object == 0 || o->entries == 0)
            continue;
        ddt_object_name(name, t->name, order[c]);
        printf("%s: dspace=%" PRIu64 "; mspace=%" PRIu64 "; entries=%" PRIu64 "\n", name, o->dspace,
               o->mspace, o->entries);
    }
}

static void print_ddt_logs(const struct ddt_table *t)
{
    for (unsigned i = 0; i < array_len(t->log); i++) {
        const struct ddt_log *l = &t->log[i];

        if (l->object != 0)
            printf("DDT-log-%s-%u: flags=0x%02x%s; obj=%" PRIu64 "; len=%" PRIu64 "; txg=%" PRIu64
                   "; entries=%zu\n",
                   t->name, i, ddt_log_flags(&l->phys),
                   ddt_log_flags(&l->phys) & DDT_LOG_FLAG_FLUSHING ? " [FLUSHING]" : "", l->object,
                   l->phys.length, l->phys.first_txg, l->n);
    }
}

int zdb_dedup(struct zdb *z)
{
    struct ddt_stat_phys hist[DDT_STAT_BUCKETS] = {0}, total;
    struct ddt_tables *t;
    double dedup, comp, copies;
    int err = ddt_tables_open(z->pool->mos, &t);

    if (err != 0)
        return err;
    ddt_histogram(t, z->pool->vdevs, hist);
    ddt_stat_total(hist, &total);
    for (unsigned i = 0; i < t->n; i++) {
        print_table(z, &t->table[i]);
        print_ddt_logs(&t->table[i]);
    }
    ddt_tables_close(t);
    if (total.blocks == 0) {
        printf("All DDTs are empty\n");
        return 0;
    }
    if (z->opt['D'] > 1) {
        printf("\nDDT histogram (aggregated over all DDTs):\n\n");
        print_ddt_histogram(z, hist);
    }
    dedup = ratio(total.ref_dsize, total.dsize);
    comp = ratio(total.ref_lsize, total.ref_psize);
    copies = ratio(total.ref_dsize, total.ref_psize);
    printf("\ndedup = %.2f, compress = %.2f, copies = %.2f, dedup * compress / copies = %.2f\n\n",
           dedup, comp, copies, copies == 0 ? 0 : dedup * comp / copies);
    return 0;
}

int zdb_brt(struct zdb *z)
{
    char a[2][32];
    struct brt *brt;
    int err = brt_open(z->pool->mos, &brt);

    if (err != 0)
        return err;
    if (brt->n == 0) {
        printf("BRT: empty\n");
    } else {
        printf("BRT: used %s; saved %s; ratio %.2fx\n", zdb_num(z, brt_used(brt), a[0]),
               zdb_num(z, brt_saved(brt), a[1]), (double)brt_ratio(brt) / 100);
    }
    brt_close(brt);
    return 0;
}
