/* SPDX-License-Identifier: MIT */
/* Counters and histograms of one vdev; see vdev_stats.h. */
#include "vdev/vdev_stats.h"

#include <stdio.h>

#include "base/err.h"
#include "base/span.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_queue.h"

static const char *const latency_names[VDEV_LATS] = {
    "total_read",  "total_write",  "disk_read", "disk_write", "syncq_read", "syncq_write",
    "asyncq_read", "asyncq_write", "scrub",     "trim",       "rebuild"};
static const char *const size_names[VDEV_SIZE_CLASSES] = {
    "sync_read", "sync_write", "async_read", "async_write", "scrub", "trim", "rebuild"};

const char *vdev_latency_name(enum vdev_latency_histogram h)
{
    return h < VDEV_LATS ? latency_names[h] : "";
}

const char *vdev_size_class_name(enum vdev_size_class c)
{
    return c < VDEV_SIZE_CLASSES ? size_names[c] : "";
}

static void stat_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t stat_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static unsigned bucket_of(uint64_t v, unsigned buckets)
{
    unsigned b = v <= 1 ? 0 : highbit64(v - 1);
    return min_of(b, buckets - 1);
}

static void count_latency(struct vdev_histograms *h, enum vdev_latency_histogram which, uint64_t ns)
{
    stat_add(&h->latency[which][bucket_of(ns, VDEV_LATENCY_BUCKETS)], 1);
}

/* Histogram of the time spent queued, by class; VDEV_LATS if the class has none. */
static enum vdev_latency_histogram queue_histogram(enum vdev_prio prio)
{
    switch (prio) {
    case VDEV_PRIO_SYNC_READ:
        return VDEV_LAT_SYNCQ_READ;
    case VDEV_PRIO_SYNC_WRITE:
        return VDEV_LAT_SYNCQ_WRITE;
    case VDEV_PRIO_ASYNC_READ:
        return VDEV_LAT_ASYNCQ_READ;
    case VDEV_PRIO_ASYNC_WRITE:
        return VDEV_LAT_ASYNCQ_WRITE;
    case VDEV_PRIO_SCRUB:
        return VDEV_LAT_SCRUB;
    case VDEV_PRIO_TRIM:
        return VDEV_LAT_TRIM;
    case VDEV_PRIO_REBUILD:
        return VDEV_LAT_REBUILD;
    default:
        return VDEV_LATS;
    }
}

void vdev_stats_count(struct vdev *vd, const struct vdev_io *io, uint64_t now_ns)
{
    stat_add(&vd->stats.ops[io->op], 1);
    stat_add(&vd->stats.bytes[io->op], io->size);
    if (io->issued_ns == 0 || io->op > DEVICE_WRITE)
        return;
    struct vdev_histograms *h = vd->stats.histograms;
    bool write = io->op == DEVICE_WRITE;
    uint64_t total = now_ns - io->queued_ns, disk = now_ns - io->issued_ns;
    stat_add(&vd->stats.latency_ns[io->op], total);
    count_latency(h, write ? VDEV_LAT_TOTAL_WRITE : VDEV_LAT_TOTAL_READ, total);
    count_latency(h, write ? VDEV_LAT_DISK_WRITE : VDEV_LAT_DISK_READ, disk);
    enum vdev_latency_histogram q = queue_histogram(io->prio);
    if (q < VDEV_LATS)
        count_latency(h, q, io->issued_ns - io->queued_ns);
}

void vdev_stats_count_request(struct vdev *vd, enum vdev_prio prio, enum device_op op,
                              uint64_t size, bool aggregated)
{
    static const uint8_t classes[VDEV_PRIOS] = {
        [VDEV_PRIO_SYNC_READ] = VDEV_SIZE_SYNC_READ,
        [VDEV_PRIO_SYNC_WRITE] = VDEV_SIZE_SYNC_WRITE,
        [VDEV_PRIO_ASYNC_READ] = VDEV_SIZE_ASYNC_READ,
        [VDEV_PRIO_ASYNC_WRITE] = VDEV_SIZE_ASYNC_WRITE,
        [VDEV_PRIO_SCRUB] = VDEV_SIZE_SCRUB,
        [VDEV_PRIO_REMOVAL] = VDEV_SIZE_SCRUB,
        [VDEV_PRIO_INITIALIZE] = VDEV_SIZE_ASYNC_WRITE,
        [VDEV_PRIO_TRIM] = VDEV_SIZE_TRIM,
        [VDEV_PRIO_REBUILD] = VDEV_SIZE_REBUILD,
    };
    if (op == DEVICE_FLUSH || prio >= VDEV_PRIOS)
        return;
    struct vdev_histograms *h = vd->stats.histograms;
    unsigned b = bucket_of(size, VDEV_SIZE_BUCKETS);
    stat_add(aggregated ? &h->size_agg[classes[prio]][b] : &h->size_ind[classes[prio]][b], 1);
}

static void stats_counters(const struct vdev *vd, uint64_t *out)
{
    for (unsigned op = 0; op < 4; op++) {
        out[VDEV_STAT_OPS_READ + op] += stat_get(&vd->stats.ops[op]);
        out[VDEV_STAT_BYTES_READ + op] += stat_get(&vd->stats.bytes[op]);
    }
    out[VDEV_STAT_LATENCY_READ_NS] += stat_get(&vd->stats.latency_ns[DEVICE_READ]);
    out[VDEV_STAT_LATENCY_WRITE_NS] += stat_get(&vd->stats.latency_ns[DEVICE_WRITE]);
    out[VDEV_STAT_SELF_HEALED] += stat_get(&vd->stats.self_healed);
}

static void stats_sizes(const struct vdev *vd, uint64_t *out)
{
    if (vd->type == VDEV_ROOT || vd->is_hole_or_missing)
        return;
    if (vd->top == vd)
        out[VDEV_STAT_SPACE] = vd->metaslab_shift == 0
                                   ? vd->asize
                                   : round_down_pow2(vd->asize, 1ull << vd->metaslab_shift);
    /* A leaf that could not be opened has it, too: from its parent. */
    if ((vd->asize != 0 || (vd->ops->leaf && vd->parent != NULL)) && vd->type != VDEV_INDIRECT) {
        uint64_t reserve = vd->ops->leaf ? VDEV_START_OFFSET + VDEV_END_RESERVE : 0;
        out[VDEV_STAT_RSIZE] = vdev_min_asize_required(vd) + reserve;
    }
    if (vd->ops->leaf)
        out[VDEV_STAT_PSPACE] = vd->psize;
    if (vd->top == vd && vd->max_asize > vd->asize && vd->metaslab_shift != 0)
        out[VDEV_STAT_ESIZE] =
            round_down_pow2(vd->max_asize - vd->asize, 1ull << vd->metaslab_shift);
}

void vdev_stats_get(const struct vdev *vd, uint64_t out[VDEV_STATS_COUNT])
{
    memset(out, 0, VDEV_STATS_COUNT * sizeof(*out));
    out[VDEV_STAT_TIMESTAMP_NS] = env_mono_ns(vd->tree->env);
    out[VDEV_STAT_STATE] = vd->state;
    out[VDEV_STAT_AUX] = vd->aux;
    if (vd->type == VDEV_ROOT) {
        for (unsigned i = 0; i < vd->nchildren; i++)
            stats_counters(vd->child[i], out);
    } else {
        stats_counters(vd, out);
    }
    stats_sizes(vd, out);
    out[VDEV_STAT_READ_ERRORS] = stat_get(&vd->stats.read_errors);
    out[VDEV_STAT_WRITE_ERRORS] = stat_get(&vd->stats.write_errors);
    out[VDEV_STAT_CHECKSUM_ERRORS] = stat_get(&vd->stats.checksum_errors);
    out[VDEV_STAT_SLOW_IOS] = stat_get(&vd->stats.slow_ios);
    out[VDEV_STAT_FRAGMENTATION] = UINT64_MAX;
    out[VDEV_STAT_RESILVER_DEFERRED] = vd->resilver_deferred;
    out[VDEV_STAT_CONFIGURED_ASHIFT] = vd->top != NULL ? vd->top->ashift : 0;
    out[VDEV_STAT_LOGICAL_ASHIFT] = vd->logical_ashift;
    out[VDEV_STAT_PHYSICAL_ASHIFT] = vd->physical_ashift;
    out[VDEV_STAT_NOALLOC] = vd->non_allocating;
}

/* Sum a histogram over vd if it is a leaf, else over the leaves below. */
static void sum_buckets(const struct vdev *vd, size_t offset, unsigned n, uint64_t *out)
{
    for (unsigned i = 0; i < vd->nchildren; i++)
        sum_buckets(vd->child[i], offset, n, out);
    if (!vd->ops->leaf)
        return;
    const _Atomic uint64_t *h =
        (const _Atomic uint64_t *)((const char *)vd->stats.histograms + offset);
    for (unsigned i = 0; i < n; i++)
        out[i] += stat_get(&h[i]);
}

static void sum_queues(const struct vdev *vd, unsigned *queued, unsigned *active)
{
    for (unsigned i = 0; i < vd->nchildren; i++)
        sum_queues(vd->child[i], queued, active);
    if (vd->ops->leaf)
        vdev_queue_lengths(vd, queued, active);
}

static int add_queues(const struct vdev *vd, struct nvlist *nv)
{
    static const char *const names[VDEV_PRIOS] = {
        [VDEV_PRIO_SYNC_READ] = "sync_read",   [VDEV_PRIO_SYNC_WRITE] = "sync_write",
        [VDEV_PRIO_ASYNC_READ] = "async_read", [VDEV_PRIO_ASYNC_WRITE] = "async_write",
        [VDEV_PRIO_SCRUB] = "scrub",           [VDEV_PRIO_REMOVAL] = "removal",
        [VDEV_PRIO_INITIALIZE] = "initialize", [VDEV_PRIO_TRIM] = "trim",
        [VDEV_PRIO_REBUILD] = "rebuild",
    };
    unsigned queued[VDEV_PRIOS] = {0}, active[VDEV_PRIOS] = {0};
    sum_queues(vd, queued, active);
    for (unsigned p = 0; p < VDEV_PRIOS; p++) {
        char key[48];
        snprintf(key, sizeof(key), "%s_pending", names[p]);
        int err = nvlist_add_u64(nv, key, queued[p]);
        snprintf(key, sizeof(key), "%s_active", names[p]);
        if (err != 0 || (err = nvlist_add_u64(nv, key, active[p])) != 0)
            return err;
    }
    return 0;
}

static int add_sizes(const struct vdev *vd, struct nvlist *nv, const char *suffix, size_t base)
{
    for (unsigned c = 0; c < VDEV_SIZE_CLASSES; c++) {
        uint64_t sum[VDEV_SIZE_BUCKETS] = {0};
        sum_buckets(vd, base + c * VDEV_SIZE_BUCKETS * sizeof(uint64_t), VDEV_SIZE_BUCKETS, sum);
        char key[48];
        snprintf(key, sizeof(key), "%s_%s", size_names[c], suffix);
        int err = nvlist_add_u64_array(nv, key, sum, VDEV_SIZE_BUCKETS);
        if (err != 0)
            return err;
    }
    return 0;
}

int vdev_stats_ex(const struct vdev *vd, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    int err = nvlist_create(&nv);
    if (err != 0 || (err = add_queues(vd, nv)) != 0)
        return err;
    for (unsigned l = 0; l < VDEV_LATS; l++) {
        uint64_t sum[VDEV_LATENCY_BUCKETS] = {0};
        sum_buckets(vd, offsetof(struct vdev_histograms, latency[l]), VDEV_LATENCY_BUCKETS, sum);
        if ((err = nvlist_add_u64_array(nv, latency_names[l], sum, VDEV_LATENCY_BUCKETS)) != 0)
            return err;
    }
    if ((err = add_sizes(vd, nv, "ind", offsetof(struct vdev_histograms, size_ind))) != 0 ||
        (err = add_sizes(vd, nv, "agg", offsetof(struct vdev_histograms, size_agg))) != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}

void vdev_stats_clear_errors(struct vdev *vd)
{
    atomic_store(&vd->stats.read_errors, 0);
    atomic_store(&vd->stats.write_errors, 0);
    atomic_store(&vd->stats.checksum_errors, 0);
    atomic_store(&vd->stats.slow_ios, 0);
    for (unsigned i = 0; i < vd->nchildren; i++)
        vdev_stats_clear_errors(vd->child[i]);
}
