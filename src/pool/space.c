/* SPDX-License-Identifier: MIT */
/* Space figures from stored metadata; see space.h. */
#include "pool/space.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/brt.h"
#include "alloc/ddt.h"
#include "alloc/metaslab_read.h"
#include "base/err.h"
#include "base/mem.h"
#include "disk/dsl_phys.h"
#include "dmu/zap.h"

struct pool_figures {
    struct top_space *tops;
    struct pool_savings savings;
    struct pool_space total;
};

#define SLOP_SHIFT 5
#define SLOP_MAX   (128ull << 30)
#define SLOP_MIN   (128ull << 20)

/* ---- metaslabs of one top-level vdev ---- */

/*
 * Percent of free space that lies in small pieces, by the histogram of free segments: a segment of
 * 512 bytes counts 100, one of 16 MiB or more 0.
 */
static unsigned fragment_weight(unsigned log2_size)
{
    static const uint8_t weight[] = {100, 100, 98, 95, 90, 80, 70, 60,
                                     50,  40,  30, 20, 15, 10, 5,  0};
    if (log2_size < 9)
        return 100;
    return log2_size - 9 < array_len(weight) ? weight[log2_size - 9] : 0;
}

struct fragmentation {
    uint64_t sum, metaslabs;
    bool unknown;
};

static void fragmentation_add(struct fragmentation *f, const struct metaslab *ms, unsigned shift)
{
    uint64_t total = 0, weighted = 0;
    if (ms->object != 0 && !ms->has_histogram) {
        f->unknown = true;
        return;
    }
    f->metaslabs++;
    for (unsigned i = 0; ms->object != 0 && i < SPACEMAP_HISTOGRAM_BUCKETS; i++) {
        if (ms->histogram[i] == 0 || i + shift >= 60 || ms->histogram[i] > UINT32_MAX)
            continue;
        uint64_t space = ms->histogram[i] << (i + shift);
        total += space;
        weighted += space / 128 * fragment_weight(i + shift);
    }
    if (total >= 128)
        f->sum += weighted / (total / 128);
}

uint64_t pool_metaslab_fragmentation(const struct metaslab *ms, unsigned ashift)
{
    struct fragmentation f = {0};
    fragmentation_add(&f, ms, ashift);
    return f.unknown ? UINT64_MAX : f.sum;
}

static void top_space_sum(const struct metaslab_vdev *mv, struct top_space *out)
{
    struct fragmentation f = {0};
    out->metaslabs = mv->count;
    for (uint64_t i = 0; i < mv->count; i++) {
        out->size += mv->ms[i].size;
        out->alloc += metaslab_allocated(&mv->ms[i]);
        fragmentation_add(&f, &mv->ms[i], (unsigned)mv->vd->ashift);
    }
    out->checkpoint = mv->checkpoint_alloc < 0 ? (uint64_t)-mv->checkpoint_alloc : 0;
    out->fragmentation = f.unknown || f.metaslabs == 0 ? UINT64_MAX : f.sum / f.metaslabs;
}

static int read_tops(struct pool *pool, struct top_space **out)
{
    struct metaslabs *m;
    int err = metaslabs_open(pool->mos, pool->vdevs, &m);
    if (err != 0)
        return err;
    unsigned n = pool->vdevs->root->nchildren;
    struct top_space *tops = mem_calloc(n == 0 ? 1 : n, sizeof(*tops));
    for (unsigned i = 0; i < n && tops != NULL; i++) {
        tops[i].fragmentation = UINT64_MAX;
        if (i < m->nvdevs && m->vdev[i].count != 0)
            top_space_sum(&m->vdev[i], &tops[i]);
    }
    metaslabs_close(m);
    if (tops == NULL)
        return ZE_NOMEM;
    *out = tops;
    return 0;
}

/* ---- dedup and clones ---- */

static uint64_t object_used(struct pool *pool, uint64_t object)
{
    struct dnode *dn;
    if (object == 0 || dnode_hold(pool->mos, object, &dn) != 0)
        return 0;
    uint64_t used = dnode_phys_used(dnode_phys(dn));
    dnode_rele(dn);
    return used;
}

static void add_table(struct pool *pool, const struct ddt_table *table, struct pool_dedup *out)
{
    for (unsigned c = 0; c < DDT_CLASSES; c++) {
        out->entries += table->class[c].entries;
        out->dspace += table->class[c].dspace;
        out->mspace += table->class[c].mspace;
    }
    for (unsigned l = 0; l < array_len(table->log); l++) {
        out->entries += table->log[l].n;
        out->dspace += object_used(pool, table->log[l].object);
    }
}

int pool_dedup_get(struct pool *pool, struct pool_dedup *out)
{
    struct ddt_tables *t;
    memset(out, 0, sizeof(*out));
    int err = ddt_tables_open(pool->mos, &t);
    if (err != 0)
        return err;
    ddt_histogram(t, pool->vdevs, out->hist);
    for (unsigned i = 0; i < t->n; i++)
        add_table(pool, &t->table[i], out);
    ddt_tables_close(t);
    return 0;
}

static int read_dedup(struct pool *pool, struct pool_savings *out)
{
    struct ddt_stat_phys total;
    AUTO_FREE struct pool_dedup *dedup = mem_zalloc(sizeof(*dedup));
    int err = dedup == NULL ? ZE_NOMEM : pool_dedup_get(pool, dedup);
    if (err != 0)
        return err;
    ddt_stat_total(dedup->hist, &total);
    out->dedup_dsize = total.dsize;
    out->dedup_ref_dsize = total.ref_dsize;
    out->dedup_table_size = dedup->dspace;
    return 0;
}

static int read_savings(struct pool *pool, struct pool_savings *out)
{
    struct brt *brt;
    int err = read_dedup(pool, out);
    if (err != 0 || (err = brt_open(pool->mos, &brt)) != 0)
        return err;
    out->clone_used = brt_used(brt);
    out->clone_saved = brt_saved(brt);
    brt_close(brt);
    return 0;
}

/* ---- the pool ---- */

static uint64_t deflated(const struct pool *pool, const struct vdev *vd, uint64_t bytes)
{
    if (pool->deflate == 0)
        return bytes;
    return (bytes >> SECTOR_SHIFT) * vd->deflate_ratio;
}

static uint64_t slop_space(uint64_t rdspace)
{
    uint64_t slop = min_of(rdspace >> SLOP_SHIFT, SLOP_MAX);
    uint64_t least = min_of(rdspace / 2, SLOP_MIN);
    return max_of(slop, least);
}

static int dir_phys(struct pool *pool, uint64_t object, struct dsl_dir_phys *out)
{
    struct dnode *dn;
    int err = dnode_hold(pool->mos, object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    if (bonus.len < sizeof(*out))
        err = err_raise(ZE_BADDSL, "directory object %llu", (unsigned long long)object);
    else
        memcpy(out, bonus.data, sizeof(*out));
    dnode_rele(dn);
    return err;
}

/* Bytes charged to a hidden directory of the pool's root; 0 if it does not exist. */
static uint64_t dir_used(struct pool *pool, const char *name)
{
    uint64_t object;
    struct dsl_dir_phys dir;
    if (pool_directory_u64(pool, "root_dataset", &object) != 0 ||
        dir_phys(pool, object, &dir) != 0 ||
        zap_get_u64(pool->mos, dir.child_dir_zapobj, name, &object) != 0 ||
        dir_phys(pool, object, &dir) != 0)
        return 0;
    return dir.used_bytes;
}

static void sum_total(struct pool *pool, const struct pool_figures *f, struct pool_space *out)
{
    uint64_t rdspace = 0, class_alloc = 0, frag_sum = 0, frag_n = 0;
    bool frag_unknown = false;
    for (unsigned i = 0; i < pool->vdevs->root->nchildren; i++) {
        const struct vdev *vd = pool->vdevs->root->child[i];
        const struct top_space *top = &f->tops[i];
        if (!vdev_is_concrete(vd) || vd->is_log)
            continue;
        bool normal = vd->alloc_bias == NULL;
        out->size += top->size;
        out->alloc += top->alloc;
        out->checkpoint += top->checkpoint;
        if (normal && !vd->non_allocating)
            rdspace += deflated(pool, vd, top->size);
        if (!normal)
            class_alloc += deflated(pool, vd, top->alloc);
        if (vd->max_asize > vd->asize && vd->metaslab_shift != 0)
            out->expandable +=
                round_down_pow2(vd->max_asize - vd->asize, 1ull << vd->metaslab_shift);
        if (!normal)
            continue;
        frag_unknown |= top->fragmentation == UINT64_MAX;
        frag_sum += top->fragmentation;
        frag_n++;
    }
    out->free = out->size > out->alloc ? out->size - out->alloc : 0;
    out->fragmentation = frag_unknown || frag_n == 0 ? UINT64_MAX : frag_sum / frag_n;
    out->dspace = rdspace + class_alloc + f->savings.clone_saved;
    if (f->savings.dedup_ref_dsize > f->savings.dedup_dsize)
        out->dspace += f->savings.dedup_ref_dsize - f->savings.dedup_dsize;
    out->slop = slop_space(rdspace);
    out->freeing = dir_used(pool, "$FREE");
    out->leaked = dir_used(pool, "$LEAK");
}

/* ---- reading once ---- */

/* Nothing of this changes in a pool that is not written to. */
static int figures_get(struct pool *pool, const struct pool_figures **out)
{
    MUTEX_GUARD(&pool->space_lock);
    if (pool->figures == NULL) {
        struct pool_figures *f = mem_zalloc(sizeof(*f));
        if (f == NULL)
            return ZE_NOMEM;
        int err = read_tops(pool, &f->tops);
        if (err == 0)
            err = read_savings(pool, &f->savings);
        if (err != 0) {
            free(f->tops);
            free(f);
            return err;
        }
        sum_total(pool, f, &f->total);
        pool->figures = f;
    }
    *out = pool->figures;
    return 0;
}

void pool_space_forget(struct pool *pool)
{
    MUTEX_GUARD(&pool->space_lock);
    if (pool->figures == NULL)
        return;
    free(pool->figures->tops);
    free(pool->figures);
    pool->figures = NULL;
}

int pool_space_get(struct pool *pool, struct pool_space *out)
{
    const struct pool_figures *f;
    int err = figures_get(pool, &f);
    if (err == 0)
        *out = f->total;
    return err;
}

int pool_savings_get(struct pool *pool, struct pool_savings *out)
{
    const struct pool_figures *f;
    int err = figures_get(pool, &f);
    if (err == 0)
        *out = f->savings;
    return err;
}

int pool_top_spaces(struct pool *pool, struct top_space **out)
{
    const struct pool_figures *f;
    int err = figures_get(pool, &f);
    if (err != 0)
        return err;
    unsigned n = pool->vdevs->root->nchildren;
    struct top_space *copy = mem_calloc(n == 0 ? 1 : n, sizeof(*copy));
    if (copy == NULL)
        return ZE_NOMEM;
    memcpy(copy, f->tops, n * sizeof(*copy));
    *out = copy;
    return 0;
}
