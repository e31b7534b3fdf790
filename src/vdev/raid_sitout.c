/* SPDX-License-Identifier: MIT */
/* Read sit-out; see raid_sitout.h. */
#include "vdev/raid_sitout.h"

#include <stdlib.h>

#include "base/span.h"
#include "vdev/vdev_impl.h"

#define SITOUT_SECONDS       600u
#define SITOUT_INTERVAL_NS   1000000000ull
#define SITOUT_FENCE         50 /* interquartile ranges above the third quartile */
#define SITOUT_MIN_CHILDREN  5
#define SITOUT_COUNT         20 /* outlier points that send a child out */
#define SITOUT_MAX_INCREMENT 5

void raid_sitout_set(struct raid_sitout *s, unsigned child, uint64_t until_ns)
{
    uint64_t before = atomic_exchange(&s->child[child].until_ns, until_ns);
    if (before == 0 && until_ns != 0)
        atomic_fetch_add(&s->out_count, 1);
    else if (before != 0 && until_ns == 0)
        atomic_fetch_sub(&s->out_count, 1);
}

bool raid_sitout_is_out(struct raid_sitout *s, const struct vdev *vd, unsigned child)
{
    if (atomic_load_explicit(&s->out_count, memory_order_relaxed) == 0)
        return false;
    uint64_t until = atomic_load(&s->child[child].until_ns);
    if (until == 0)
        return false;
    if (env_mono_ns(vd->tree->env) < until)
        return true;
    raid_sitout_set(s, child, 0);
    return false;
}

static int order_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t median(const uint64_t *v, unsigned n)
{
    return n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Mean latency of the child's reads since the last look; 0: no reads. */
static uint64_t mean_latency(const struct raid_sitout *s, const struct vdev *child, unsigned i)
{
    uint64_t ops = atomic_load(&child->stats.ops[DEVICE_READ]) - s->child[i].ops;
    uint64_t ns = atomic_load(&child->stats.latency_ns[DEVICE_READ]) - s->child[i].latency_ns;
    return ops == 0 ? 0 : max_of(ns / ops, (uint64_t)1);
}

static void take_points(struct raid_sitout *s, const struct vdev *vd, unsigned slowest,
                        unsigned points)
{
    s->child[slowest].outliers += points;
    s->outliers += points;
    if (s->child[slowest].outliers > SITOUT_COUNT) {
        raid_sitout_set(s, slowest, env_mono_ns(vd->tree->env) + SITOUT_SECONDS * 1000000000ull);
        for (unsigned i = 0; i < vd->nchildren; i++)
            s->child[i].outliers = 0;
        s->outliers = 0;
    } else if (s->outliers >= vd->nchildren) {
        for (unsigned i = 0; i < vd->nchildren; i++)
            s->child[i].outliers -= min_of(s->child[i].outliers, 2u);
        s->outliers = 0;
    }
}

static void compare_children(struct raid_sitout *s, const struct vdev *vd)
{
    uint64_t latency[RAID_MAX_CHILDREN], worst = 0;
    unsigned n = 0, unfit = 0, slowest = 0;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        const struct vdev *child = vd->child[i];
        if (raid_sitout_is_out(s, vd, i) || child->state != VDEV_STATE_HEALTHY) {
            unfit++;
            continue;
        }
        uint64_t ns = mean_latency(s, child, i);
        if (ns == 0)
            return; /* wait until each of them was read */
        latency[n++] = ns;
        if (ns > worst) {
            worst = ns;
            slowest = i;
        }
    }
    if (unfit >= vd->nparity || n < 4)
        return;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        s->child[i].ops = atomic_load(&vd->child[i]->stats.ops[DEVICE_READ]);
        s->child[i].latency_ns = atomic_load(&vd->child[i]->stats.latency_ns[DEVICE_READ]);
    }
    qsort(latency, n, sizeof(latency[0]), order_u64);
    uint64_t q1 = median(latency, n / 2), q3 = median(latency + (n + 1) / 2, n / 2);
    uint64_t spread = max_of(q3 - q1, q1 / 4), iqr = spread != 0 ? spread : 1;
    uint64_t fence = q3 + SITOUT_FENCE * iqr;
    if (worst <= fence)
        return;
    uint64_t points = (worst - fence) / iqr;
    points = points == 0 ? 1 : min_of(points, (uint64_t)SITOUT_MAX_INCREMENT);
    take_points(s, vd, slowest, (unsigned)points);
}

void raid_sitout_check(struct raid_sitout *s, const struct vdev *vd)
{
    if (!atomic_load_explicit(&s->enabled, memory_order_relaxed) ||
        vd->nchildren < SITOUT_MIN_CHILDREN)
        return;
    uint64_t now = env_mono_ns(vd->tree->env);
    if (now < atomic_load(&s->next_check_ns) || atomic_exchange(&s->checking, true))
        return;
    atomic_store(&s->next_check_ns, now + SITOUT_INTERVAL_NS);
    compare_children(s, vd);
    atomic_store(&s->checking, false);
}
