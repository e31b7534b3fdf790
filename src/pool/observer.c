/* SPDX-License-Identifier: MIT */
/* Device errors and state changes as events; see observer.h. Payload names are those of
 * zpool-events(8). */
#include "pool/observer.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/events.h"

static struct pool *pool_of(struct vdev_observer *o)
{
    return container_of(o, struct pool, observer);
}

struct payload {
    struct nvlist *nv;
    int err;
};

static void put_u64(struct payload *p, const char *name, uint64_t v)
{
    if (p->err == 0)
        p->err = nvlist_add_u64(p->nv, name, v);
}

static void put_string(struct payload *p, const char *name, const char *v)
{
    if (p->err == 0 && v != NULL)
        p->err = nvlist_add_string(p->nv, name, v);
}

static void put_pool(struct payload *p, const struct pool *pool)
{
    put_string(p, "pool", pool->name);
    put_u64(p, "pool_guid", pool->guid);
    put_u64(p, "pool_context", 0);
}

static void put_vdev(struct payload *p, const struct vdev *vd)
{
    put_u64(p, "vdev_guid", vd->guid);
    put_string(p, "vdev_type", vdev_type_name(vd->type));
    put_string(p, "vdev_path", vd->path);
    put_string(p, "vdev_devid", vd->devid);
    put_string(p, "vdev_physpath", vd->physpath);
    put_string(p, "vdev_fru", vd->fru);
    put_u64(p, "vdev_ashift", vd->top != NULL ? vd->top->ashift : 0);
    put_u64(p, "vdev_read_errors", atomic_load(&vd->stats.read_errors));
    put_u64(p, "vdev_write_errors", atomic_load(&vd->stats.write_errors));
    put_u64(p, "vdev_cksum_errors", atomic_load(&vd->stats.checksum_errors));
    if (vd->parent == NULL)
        return;
    put_u64(p, "parent_guid", vd->parent->guid);
    put_string(p, "parent_type", vdev_type_name(vd->parent->type));
}

static void put_io(struct payload *p, const struct vdev_io *io)
{
    put_u64(p, "zio_err", (uint64_t)err_errno(io->error));
    put_u64(p, "zio_offset", io->offset);
    put_u64(p, "zio_size", io->size);
    put_u64(p, "zio_flags", io->flags);
    put_u64(p, "zio_priority", io->prio);
    const struct bookmark *zb = io->blkinfo;
    if (zb == NULL)
        return;
    put_u64(p, "zio_objset", zb->objset);
    put_u64(p, "zio_object", zb->object);
    put_u64(p, "zio_level", (uint64_t)zb->level);
    put_u64(p, "zio_blkid", zb->blkid);
}

/* A dying device must not spend our time on describing each of its errors. */
#define REPORTS_A_SECOND 50

static bool report_allowed(struct pool *pool)
{
    uint64_t second = env_mono_ns(pool->env) / 1000000000u;
    if (atomic_exchange(&pool->report_second, second) != second)
        atomic_store(&pool->reports, 0);
    return atomic_fetch_add(&pool->reports, 1) < REPORTS_A_SECOND;
}

static void observed_error(struct vdev_observer *self, struct vdev *leaf, enum vdev_error_kind kind,
                           const struct vdev_io *io)
{
    static const char *const classes[] = {
        [VDEV_ERROR_READ] = "ereport.fs.zfs.io",
        [VDEV_ERROR_WRITE] = "ereport.fs.zfs.io",
        [VDEV_ERROR_CHECKSUM] = "ereport.fs.zfs.checksum",
        [VDEV_ERROR_SLOW] = "ereport.fs.zfs.delay",
        [VDEV_ERROR_PROBE] = "ereport.fs.zfs.probe_failure",
    };
    struct pool *pool = pool_of(self);
    struct payload p = {0};
    if (pool->events == NULL || !report_allowed(pool) || nvlist_create(&p.nv) != 0)
        return;
    put_pool(&p, pool);
    put_vdev(&p, leaf);
    if (io != NULL)
        put_io(&p, io);
    if (p.err == 0)
        pool_events_post(pool->events, classes[kind], p.nv);
    else
        nvlist_free(p.nv);
}

static void observed_state(struct vdev_observer *self, struct vdev *vd, enum vdev_state from)
{
    struct pool *pool = pool_of(self);
    char name[256];
    vdev_display_name(vd, name, sizeof(name));
    if (!pool->tried)
        env_log(pool->env, LOGL_NOTICE, "pool %s: vdev %s is now %s", pool->name, name,
                vdev_state_name(vd->state, vd->aux));
    struct payload p = {0};
    if (pool->events == NULL || nvlist_create(&p.nv) != 0)
        return;
    put_pool(&p, pool);
    put_u64(&p, "vdev_guid", vd->guid);
    put_u64(&p, "vdev_state", vd->state);
    put_string(&p, "vdev_path", vd->path);
    put_u64(&p, "vdev_laststate", from);
    if (p.err == 0)
        pool_events_post(pool->events, "resource.fs.zfs.statechange", p.nv);
    else
        nvlist_free(p.nv);
}

void pool_observer_init(struct pool *pool)
{
    pool->observer =
        (struct vdev_observer){.error = observed_error, .state_changed = observed_state};
}
