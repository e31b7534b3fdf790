/* SPDX-License-Identifier: MIT */
/* Space figures from stored metadata; see space.h. */
#include "pool/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "disk/brt_phys.h"
#include "disk/ddt_phys.h"
#include "disk/spacemap_phys.h"
#include "dmu/zap.h"
#include "pool/pool_features.h"

#define METASLABS_MAX   (1ull << 24)
#define LOG_CHUNK_WORDS 16384
#define SLOP_SHIFT      5
#define SLOP_MAX        (128ull << 30)
#define SLOP_MIN        (128ull << 20)

static int spacemap_header(struct pool *pool, uint64_t object, struct spacemap_phys *out)
{
    struct dnode *dn;
    int err = dnode_hold(pool->mos, object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    err = spacemap_phys_load(out, bonus.data, bonus.len, dnode_size(dn), object);
    dnode_rele(dn);
    return err;
}

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

static void fragmentation_add(struct fragmentation *f, const struct spacemap_phys *sm,
                              unsigned shift, bool has_histogram)
{
    uint64_t total = 0, weighted = 0;
    if (!has_histogram) {
        f->unknown = true;
        return;
    }
    for (unsigned i = 0; i < SPACEMAP_HISTOGRAM_BUCKETS; i++) {
        if (sm->histogram[i] == 0 || i + shift >= 60 || sm->histogram[i] > UINT32_MAX)
            continue;
        uint64_t space = sm->histogram[i] << (i + shift);
        total += space;
        weighted += space / 128 * fragment_weight(i + shift);
    }
    f->metaslabs++;
    if (total > 0)
        f->sum += weighted / (total / 128 == 0 ? 1 : total / 128);
}

/* Bytes of metaslab i: all but what dRAID loses to whole stripes (format/raid.md 5.5). */
static uint64_t metaslab_size(const struct vdev *vd, uint64_t i)
{
    uint64_t start = i << vd->metaslab_shift, end = (i + 1) << vd->metaslab_shift;
    if (vd->type != VDEV_DRAID)
        return end - start;
    uint64_t stripe = vdev_psize_to_asize(vd, 1ull << vd->ashift, 0);
    if (stripe == 0)
        return end - start;
    start = div_round_up(start, stripe) * stripe;
    return start < end ? (end - start) / stripe * stripe : 0;
}

static int top_metaslabs(struct pool *pool, struct vdev *vd, struct top_space *out)
{
    uint64_t n = vd->asize >> vd->metaslab_shift;
    if (n > METASLABS_MAX)
        return err_raise(ZE_BADVDEV, "vdev %llu has %llu metaslabs", (unsigned long long)vd->id,
                         (unsigned long long)n);
    out->metaslabs = n;
    for (uint64_t i = 0; i < n; i++)
        out->size += metaslab_size(vd, i);
    if (vd->metaslab_array == 0 || n == 0)
        return 0;
    AUTO_FREE uint64_t *object = mem_calloc(n, sizeof(*object));
    if (object == NULL)
        return ZE_NOMEM;
    int err = dmu_read_object(pool->mos, vd->metaslab_array, 0, object, n * sizeof(*object));
    struct fragmentation f = {0};
    bool histogram = pool_feature_active(pool->features, FEATURE_SPACEMAP_HISTOGRAM);
    for (uint64_t i = 0; i < n && err == 0; i++) {
        struct spacemap_phys sm;
        if (object[i] == 0) {
            f.metaslabs++;
            continue;
        }
        if ((err = spacemap_header(pool, object[i], &sm)) == 0) {
            out->alloc += sm.alloc > 0 ? (uint64_t)sm.alloc : 0;
            fragmentation_add(&f, &sm, (unsigned)vd->ashift, histogram);
        }
    }
    out->fragmentation = f.unknown || f.metaslabs == 0 ? UINT64_MAX : f.sum / f.metaslabs;
    return err;
}

static int top_checkpoint(struct pool *pool, struct vdev *vd, struct top_space *out)
{
    struct spacemap_phys sm;
    uint64_t object;
    if (vd->top_zap == 0)
        return 0;
    int err = zap_get_u64(pool->mos, vd->top_zap, "com.delphix:pool_checkpoint_sm", &object);
    if (err != 0)
        return err == ZE_NOENT ? 0 : err;
    if ((err = spacemap_header(pool, object, &sm)) == 0 && sm.alloc < 0)
        out->checkpoint = (uint64_t)-sm.alloc;
    return err;
}

/* ---- logs of several metaslabs ---- */

struct log_fold {
    struct pool *pool;
    uint64_t **unflushed; /* per top-level vdev: txg of each metaslab, NULL = none */
    struct top_space *space;
    unsigned ntops;
};

static int load_unflushed(struct pool *pool, struct vdev *vd, uint64_t n, uint64_t **out)
{
    uint64_t object;
    if (vd->top_zap == 0 || !vdev_is_concrete(vd) || n == 0)
        return 0;
    int err = zap_get_u64(pool->mos, vd->top_zap, "com.delphix:ms_unflushed_phys_txgs", &object);
    if (err != 0)
        return err == ZE_NOENT ? 0 : err;
    if ((*out = mem_calloc(n, sizeof(**out))) == NULL)
        return ZE_NOMEM;
    return dmu_read_object(pool->mos, object, 0, *out, n * sizeof(**out));
}

static void fold_entry(struct log_fold *f, uint64_t txg, const struct spacemap_entry *e)
{
    if (e->kind > SPACEMAP_FREE || e->vdev >= f->ntops || f->unflushed[e->vdev] == NULL)
        return;
    const struct vdev *vd = f->pool->vdevs->root->child[e->vdev];
    uint64_t ms = (e->offset << SECTOR_SHIFT) >> vd->metaslab_shift, run = e->run << SECTOR_SHIFT;
    if (ms >= f->space[e->vdev].metaslabs || txg < f->unflushed[e->vdev][ms])
        return;
    if (e->kind == SPACEMAP_ALLOC)
        f->space[e->vdev].alloc += run;
    else
        f->space[e->vdev].alloc -= run;
}

static int fold_log(struct log_fold *f, uint64_t txg, uint64_t object)
{
    struct spacemap_phys sm;
    int err = spacemap_header(f->pool, object, &sm);
    AUTO_FREE uint64_t *words = mem_calloc(LOG_CHUNK_WORDS, 8);
    if (words == NULL)
        return ZE_NOMEM;
    /* Entries never straddle blocks of 128 KiB, and a chunk is one block. */
    for (uint64_t off = 0; err == 0 && off < sm.length; off += LOG_CHUNK_WORDS * 8ull) {
        uint64_t bytes = min_of(sm.length - off, LOG_CHUNK_WORDS * 8ull);
        if ((err = dmu_read_object(f->pool->mos, object, off, words, bytes)) != 0)
            break;
        struct spacemap_entry e;
        for (size_t pos = 0; (err = spacemap_entry_decode(words, bytes / 8, &pos, &e)) == 0;)
            fold_entry(f, txg, &e);
        if (err == ZE_NOENT)
            err = 0;
    }
    return err;
}

static int fold_logs(struct log_fold *f)
{
    uint64_t object;
    struct zap *zap;
    int err = pool_directory_u64(f->pool, "com.delphix:log_spacemap_zap", &object);
    if (err != 0)
        return err == ZE_NOENT ? 0 : err;
    if ((err = zap_open(f->pool->mos, object, &zap)) != 0)
        return err;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    zap_cursor_init(&c, zap);
    err = e == NULL ? ZE_NOMEM : 0;
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0)
        err = fold_log(f, strtoull(e->name, NULL, 16), e->first);
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

int pool_top_spaces(struct pool *pool, struct top_space **out)
{
    struct vdev *root = pool->vdevs->root;
    unsigned n = root->nchildren;
    struct log_fold f = {.pool = pool, .ntops = n};
    f.space = mem_calloc(n == 0 ? 1 : n, sizeof(*f.space));
    f.unflushed = mem_calloc(n == 0 ? 1 : n, sizeof(*f.unflushed));
    int err = f.space == NULL || f.unflushed == NULL ? ZE_NOMEM : 0;
    for (unsigned i = 0; i < n && err == 0; i++) {
        f.space[i].fragmentation = UINT64_MAX;
        if (!vdev_is_concrete(root->child[i]))
            continue;
        if ((err = top_metaslabs(pool, root->child[i], &f.space[i])) == 0 &&
            (err = top_checkpoint(pool, root->child[i], &f.space[i])) == 0)
            err = load_unflushed(pool, root->child[i], f.space[i].metaslabs, &f.unflushed[i]);
    }
    if (err == 0)
        err = fold_logs(&f);
    for (unsigned i = 0; i < n && f.unflushed != NULL; i++)
        free(f.unflushed[i]);
    free(f.unflushed);
    if (err != 0) {
        free(f.space);
        return err;
    }
    *out = f.space;
    return 0;
}

/* ---- dedup and clones ---- */

static int dedup_totals(struct pool *pool, struct pool_savings *out)
{
    uint64_t object;
    struct zap *zap;
    int err = pool_directory_u64(pool, DDT_STATISTICS_NAME, &object);
    if (err != 0)
        return err == ZE_NOENT ? 0 : err;
    if ((err = zap_open(pool->mos, object, &zap)) != 0)
        return err;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    AUTO_FREE struct ddt_stat_phys *stat = mem_calloc(DDT_STAT_BUCKETS, sizeof(*stat));
    struct zap_cursor c;
    zap_cursor_init(&c, zap);
    err = e == NULL || stat == NULL ? ZE_NOMEM : 0;
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        memset(stat, 0, DDT_STAT_BUCKETS * sizeof(*stat));
        if (e->integer_size != 8 || zap_entry_value(&c, e, stat, DDT_STAT_BUCKETS * 8) != 0)
            continue;
        for (unsigned i = 0; i < DDT_STAT_BUCKETS; i++) {
            out->dedup_dsize += stat[i].dsize;
            out->dedup_ref_dsize += stat[i].ref_dsize;
        }
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

static uint64_t object_used(struct pool *pool, uint64_t object)
{
    struct dnode *dn;
    if (dnode_hold(pool->mos, object, &dn) != 0)
        return 0;
    uint64_t used = dnode_phys_used(dnode_phys(dn));
    dnode_rele(dn);
    return used;
}

/* Sum of the objects named DDT-... in the MOS directory, or in the directory of one table. */
static int table_size(struct pool *pool, uint64_t directory, bool top, uint64_t *size)
{
    struct zap *zap;
    int err = zap_open(pool->mos, directory, &zap);
    if (err != 0)
        return err;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    zap_cursor_init(&c, zap);
    err = e == NULL ? ZE_NOMEM : 0;
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        if (strncmp(e->name, "DDT-", 4) != 0 || strcmp(e->name, DDT_STATISTICS_NAME) == 0 ||
            e->integer_size != 8 || e->count != 1)
            continue;
        bool is_directory = top && strchr(e->name + 4, '-') == NULL;
        if (is_directory)
            err = table_size(pool, e->first, false, size);
        else
            *size += object_used(pool, e->first);
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

static int clone_totals(struct pool *pool, struct pool_savings *out)
{
    if (!pool_feature_active(pool->features, FEATURE_BLOCK_CLONING))
        return 0;
    for (unsigned i = 0; i < pool->vdevs->root->nchildren; i++) {
        char key[64];
        uint64_t object;
        struct dnode *dn;
        struct brt_vdev_phys brt;
        snprintf(key, sizeof(key), "%s%u", BRT_NAME_PREFIX, i);
        int err = pool_directory_u64(pool, key, &object);
        if (err == ZE_NOENT)
            continue;
        if (err != 0 || (err = dnode_hold(pool->mos, object, &dn)) != 0)
            return err;
        struct span bonus = dnode_bonus(dn);
        err = brt_vdev_phys_load(&brt, bonus.data, bonus.len, dnode_size(dn), i);
        dnode_rele(dn);
        if (err != 0)
            return err;
        out->clone_used += brt.used_space;
        out->clone_saved += brt.saved_space;
    }
    return 0;
}

int pool_savings_get(struct pool *pool, struct pool_savings *out)
{
    *out = (struct pool_savings){0};
    int err = dedup_totals(pool, out);
    if (err == 0)
        err = table_size(pool, 1, true, &out->dedup_table_size);
    return err != 0 ? err : clone_totals(pool, out);
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

int pool_space_get(struct pool *pool, struct pool_space *out)
{
    AUTO_FREE struct top_space *tops = NULL;
    struct pool_savings savings;
    int err = pool_top_spaces(pool, &tops);
    if (err == 0)
        err = pool_savings_get(pool, &savings);
    if (err != 0)
        return err;
    *out = (struct pool_space){0};
    uint64_t rdspace = 0, class_alloc = 0, frag_sum = 0, frag_n = 0;
    bool frag_unknown = false;
    for (unsigned i = 0; i < pool->vdevs->root->nchildren; i++) {
        const struct vdev *vd = pool->vdevs->root->child[i];
        if (!vdev_is_concrete(vd) || vd->is_log)
            continue;
        bool normal = vd->alloc_bias == NULL;
        out->size += tops[i].size;
        out->alloc += tops[i].alloc;
        out->checkpoint += tops[i].checkpoint;
        if (normal && !vd->non_allocating)
            rdspace += deflated(pool, vd, tops[i].size);
        if (!normal)
            class_alloc += deflated(pool, vd, tops[i].alloc);
        if (vd->max_asize > vd->asize && vd->metaslab_shift != 0)
            out->expandable +=
                round_down_pow2(vd->max_asize - vd->asize, 1ull << vd->metaslab_shift);
        if (!normal)
            continue;
        frag_unknown |= tops[i].fragmentation == UINT64_MAX;
        frag_sum += tops[i].fragmentation;
        frag_n++;
    }
    out->free = out->size > out->alloc ? out->size - out->alloc : 0;
    out->fragmentation = frag_unknown || frag_n == 0 ? UINT64_MAX : frag_sum / frag_n;
    out->dspace = rdspace + class_alloc + savings.clone_saved;
    if (savings.dedup_ref_dsize > savings.dedup_dsize)
        out->dspace += savings.dedup_ref_dsize - savings.dedup_dsize;
    out->slop = slop_space(rdspace);
    out->freeing = dir_used(pool, "$FREE");
    out->leaked = dir_used(pool, "$LEAK");
    return 0;
}
