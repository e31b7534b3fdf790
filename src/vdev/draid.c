/* SPDX-License-Identifier: MIT */
/*
 * The vdev type "draid" (format/raid.md 5): configuration, sizes, maps. The I/O is the column
 * engine's (raid_io.c). Distributed spares are in draid_spare.c.
 */
#include "vdev/draid.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "vdev/raid_io.h"
#include "vdev/raid_sitout.h"

struct vdev_draid {
    struct draid_layout layout;
    bool has_nchildren; /* the config names the children of a failure group */
    struct raid_sitout sitout;
};

void vdev_draid_layout(const struct vdev *vd, struct draid_layout *l)
{
    const struct vdev_draid *d = vd->priv;
    *l = d->layout;
    if (vd->ashift != 0)
        l->ashift = (unsigned)vd->ashift;
}

static int draid_key(const struct nvlist *config, const char *name, unsigned *out)
{
    uint64_t v;
    int err = nvlist_lookup_u64(config, name, &v);
    if (err != 0)
        return err_raise(ZE_VDEVCONFIG, "draid: %s is missing", name);
    if (v > RAID_MAX_CHILDREN)
        return err_raise(ZE_VDEVCONFIG, "draid: %s is %llu", name, (unsigned long long)v);
    *out = (unsigned)v;
    return 0;
}

static int draid_create(struct vdev *vd, const struct nvlist *config)
{
    if (vd->top != vd)
        return err_raise(ZE_VDEVCONFIG, "a draid vdev is not at the top level");
    struct vdev_draid *d = vd->priv = mem_zalloc(sizeof(*d));
    if (d == NULL)
        return err_raise(ZE_NOMEM, "draid");
    struct draid_layout *l = &d->layout;
    int err = draid_key(config, "nparity", &l->nparity);
    if (err == 0)
        err = draid_key(config, "draid_ndata", &l->ndata);
    if (err == 0)
        err = draid_key(config, "draid_nspares", &l->nspares);
    if (err == 0)
        err = draid_key(config, "draid_ngroups", &l->ngroups);
    d->has_nchildren = nvlist_exists(config, "draid_nchildren");
    l->group_children = vd->nchildren;
    if (err == 0 && d->has_nchildren)
        err = draid_key(config, "draid_nchildren", &l->group_children);
    if (err != 0)
        return err;
    vd->nparity = l->nparity;
    l->width = vd->nchildren;
    l->ashift = vd->ashift != 0 ? (unsigned)vd->ashift : 9; /* being created: known once open */
    return draid_layout_init(l);
}

static void draid_destroy(struct vdev *vd)
{
    struct vdev_draid *d = vd->priv;
    if (d == NULL)
        return;
    draid_layout_fini(&d->layout);
    free(d);
    vd->priv = NULL;
}

/* Failed children; of a vdev with failure domains, several in one domain cost each group only one
 * disk. */
static unsigned draid_failures(const struct vdev *vd, bool (*is_bad)(const struct vdev *))
{
    const struct vdev_draid *d = vd->priv;
    unsigned c = d->layout.group_children, total = 0, domains = 0, most = 0;
    for (unsigned g = 0; g < d->layout.fgroups; g++) {
        unsigned in_group = 0;
        for (unsigned i = 0; i < c; i++)
            in_group += is_bad(vd->child[g * c + i]);
        total += in_group;
        most = max_of(most, in_group);
    }
    for (unsigned i = 0; i < c; i++) {
        bool bad = false;
        for (unsigned g = 0; g < d->layout.fgroups; g++)
            bad |= is_bad(vd->child[g * c + i]);
        domains += bad;
    }
    return most <= vd->nparity ? domains : total;
}

static bool is_unusable(const struct vdev *vd)
{
    return !vdev_is_usable(vd);
}

static int draid_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    const struct vdev_draid *d = vd->priv;
    unsigned failed = draid_failures(vd, is_unusable);
    if (failed > vd->nparity) {
        *aux = VDEV_AUX_NO_REPLICAS;
        return err_raise(ZE_NXIO, "draid-%llu: %u of %u children cannot be opened, parity is %llu",
                         (unsigned long long)vd->id, failed, vd->nchildren,
                         (unsigned long long)vd->nparity);
    }
    uint64_t asize = UINT64_MAX, max_asize = UINT64_MAX;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        const struct vdev *child = vd->child[i];
        if (!vdev_is_usable(child) || child->type == VDEV_DRAID_SPARE)
            continue;
        asize = min_of(asize, child->asize);
        max_asize = min_of(max_asize, child->max_asize);
    }
    if (asize < DRAID_CHILD_RESERVE || asize > INT64_MAX / RAID_MAX_CHILDREN ||
        max_asize > INT64_MAX / RAID_MAX_CHILDREN)
        return err_raise(ZE_NXIO, "draid-%llu: children of %llu bytes", (unsigned long long)vd->id,
                         (unsigned long long)asize);
    geo->asize = draid_vdev_asize(&d->layout, asize);
    geo->max_asize = draid_vdev_asize(&d->layout, max_asize);
    vdev_geometry_ashift(vd, geo);
    return 0;
}

static void draid_state(const struct vdev *vd, const struct vdev_child_counts *n,
                        enum vdev_state *state, enum vdev_aux *aux)
{
    const struct vdev_draid *d = vd->priv;
    *aux = VDEV_AUX_NONE;
    *state = VDEV_STATE_HEALTHY;
    if (n->faulted > vd->nparity * d->layout.fgroups) {
        *state = VDEV_STATE_CANT_OPEN;
        *aux = VDEV_AUX_NO_REPLICAS;
    } else if (n->faulted + n->degraded > 0) {
        *state = VDEV_STATE_DEGRADED;
    }
}

static uint64_t draid_ops_asize(const struct vdev *vd, uint64_t psize, uint64_t txg)
{
    struct draid_layout l;
    vdev_draid_layout(vd, &l);
    return draid_asize(&l, psize);
}

static uint64_t draid_ops_psize(const struct vdev *vd, uint64_t asize, uint64_t txg)
{
    struct draid_layout l;
    vdev_draid_layout(vd, &l);
    return draid_psize(&l, asize);
}

static uint64_t draid_min_asize_of_child(const struct vdev *vd, const struct vdev *child)
{
    const struct vdev_draid *d = vd->priv;
    return draid_child_min_asize(&d->layout, vd->min_asize);
}

/* Format/raid.md 5.6: only blocks that lie on a child that misses the txg; unknown birth: on one
 * that is not whole. */
static bool draid_need_resilver(const struct vdev *vd, uint64_t offset, uint64_t psize,
                                uint64_t phys_birth)
{
    struct draid_layout l;
    vdev_draid_layout(vd, &l);
    if (phys_birth != 0 && !vdev_dtl_contains(vd, VDEV_DTL_PARTIAL, phys_birth))
        return false;
    struct raid_map *map = NULL;
    uint64_t size = round_up_pow2(psize, (uint64_t)1 << l.ashift);
    if (draid_map_create(&l, offset, size, &map) != 0)
        return true; /* the read will say what is wrong with it */
    bool need = false;
    for (unsigned r = 0; r < map->nrows; r++) {
        for (unsigned c = 0; c < map->row[r].ncols; c++) {
            const struct raid_col *col = &map->row[r].col[c];
            const struct vdev *child = vd->child[col->child];
            if (phys_birth != 0)
                need |= vdev_dtl_contains(child, VDEV_DTL_PARTIAL, phys_birth) ||
                        vdev_child_state_at(child, col->offset, phys_birth) != 0;
            else
                need |=
                    child->state != VDEV_STATE_HEALTHY || !vdev_dtl_empty(child, VDEV_DTL_PARTIAL);
        }
    }
    free(map);
    return need;
}

static int draid_config_add(const struct vdev *vd, struct nvlist *nv)
{
    const struct vdev_draid *d = vd->priv;
    int err = nvlist_add_u64(nv, "nparity", vd->nparity);
    if (err == 0)
        err = nvlist_add_u64(nv, "draid_ndata", d->layout.ndata);
    if (err == 0)
        err = nvlist_add_u64(nv, "draid_nspares", d->layout.nspares);
    if (err == 0)
        err = nvlist_add_u64(nv, "draid_ngroups", d->layout.ngroups);
    if (err == 0 && d->has_nchildren)
        err = nvlist_add_u64(nv, "draid_nchildren", d->layout.group_children);
    return err;
}

static void draid_display_name(const struct vdev *vd, char *buf, size_t len)
{
    const struct draid_layout *l = &((const struct vdev_draid *)vd->priv)->layout;
    if (l->fgroups > 1)
        snprintf(buf, len, "draid%u:%ud:%uc:%uw:%us", l->nparity, l->ndata, l->group_children,
                 l->width, l->nspares);
    else
        snprintf(buf, len, "draid%u:%ud:%uc:%us", l->nparity, l->ndata, l->width, l->nspares);
}

/* ---- I/O ---- */

static int draid_io_map(const struct vdev *vd, const struct vdev_io *io, struct raid_map **out)
{
    struct draid_layout l;
    vdev_draid_layout(vd, &l);
    return draid_map_create(&l, io->offset, io->rsize, out);
}

static int draid_child_state(const struct vdev *vd, unsigned child, uint64_t offset, uint64_t txg)
{
    return vdev_child_state_at(vd->child[child], offset, txg);
}

static bool draid_sitting_out(const struct vdev *vd, unsigned child)
{
    struct vdev_draid *d = vd->priv;
    return raid_sitout_is_out(&d->sitout, vd, child);
}

static void draid_io_start(struct vdev_io *io)
{
    static const struct raid_io_ops ops = {
        .map = draid_io_map,
        .child_state = draid_child_state,
        .sitting_out = draid_sitting_out,
    };
    struct vdev_draid *d = io->vd->priv;
    if (io->op == DEVICE_READ)
        raid_sitout_check(&d->sitout, io->vd);
    raid_io_start(io, &ops);
}

struct raid_sitout *vdev_draid_sitout(struct vdev *vd)
{
    struct vdev_draid *d = vd->priv;
    return &d->sitout;
}

const struct vdev_ops vdev_draid_ops = {
    .name = "draid",
    .create = draid_create,
    .destroy = draid_destroy,
    .open = draid_open,
    .state_of_children = draid_state,
    .io_start = draid_io_start,
    .psize_to_asize = draid_ops_asize,
    .asize_to_psize = draid_ops_psize,
    .min_asize_of_child = draid_min_asize_of_child,
    .need_resilver = draid_need_resilver,
    .config_add = draid_config_add,
    .display_name = draid_display_name,
};
