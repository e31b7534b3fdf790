/* SPDX-License-Identifier: MIT */
/*
 * The vdev type "raidz" (format/raid.md 3, 4): configuration, sizes, and which map a block has. The
 * I/O itself is the column engine's (raid_io.c). The progress of an expansion comes from the
 * uberblock through the tree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vdev/raid_io.h"
#include "vdev/raid_sitout.h"

/* Scratch state 1 of the uberblock's reflow word: the part below the offset is good in the scratch
 * area only. */
#define REFLOW_SCRATCH_VALID 1

struct vdev_raidz {
    bool expanding;
    unsigned ntxgs;
    uint64_t *txgs;
    struct raid_sitout sitout;
};

static void raidz_layout_of(const struct vdev *vd, struct raidz_layout *l)
{
    const struct vdev_raidz *rz = vd->priv;
    *l = (struct raidz_layout){
        .ashift = (unsigned)vd->ashift,
        .nparity = (unsigned)vd->nparity,
        .children = vd->nchildren,
        .expanding = rz->expanding,
        .ntxgs = rz->ntxgs,
        .txgs = rz->txgs,
        .synced = vd->tree->raidz_reflow_offset,
        .copied = vd->tree->raidz_reflow_offset,
        .scratch = vd->tree->raidz_reflow_state == REFLOW_SCRATCH_VALID,
    };
}

static int raidz_parse_txgs(struct vdev_raidz *rz, const struct nvlist *config)
{
    const uint64_t *txgs;
    size_t n;
    if (!nvlist_exists(config, "raidz_expand_txgs"))
        return 0;
    int err = nvlist_lookup_u64_array(config, "raidz_expand_txgs", &txgs, &n);
    if (err != 0)
        return err_context(ZE_VDEVCONFIG, "raidz_expand_txgs: ");
    if (n > RAID_MAX_CHILDREN)
        return err_raise(ZE_VDEVCONFIG, "raidz: %zu expansions", n);
    rz->txgs = mem_calloc(n, sizeof(uint64_t));
    if (rz->txgs == NULL)
        return err_raise(ZE_NOMEM, "raidz");
    memcpy(rz->txgs, txgs, n * sizeof(uint64_t));
    rz->ntxgs = (unsigned)n;
    return 0;
}

static int raidz_create(struct vdev *vd, const struct nvlist *config)
{
    if (vd->top != vd)
        return err_raise(ZE_VDEVCONFIG, "a raidz vdev is not at the top level");
    struct vdev_raidz *rz = vd->priv = mem_zalloc(sizeof(*rz));
    if (rz == NULL)
        return err_raise(ZE_NOMEM, "raidz");
    vd->nparity = nvlist_u64(config, "nparity", 1); /* absent in pools before version 3 */
    if (vd->nparity > RAID_MAX_PARITY)
        return err_raise(ZE_VDEVCONFIG, "raidz: nparity %llu", (unsigned long long)vd->nparity);
    rz->expanding = nvlist_exists(config, "raidz_expanding");
    int err = raidz_parse_txgs(rz, config);
    if (err != 0)
        return err;
    struct raidz_layout l;
    raidz_layout_of(vd, &l);
    if (l.ashift == 0)
        l.ashift = 9; /* being created; known once the devices are open */
    return raidz_layout_check(&l);
}

static void raidz_destroy(struct vdev *vd)
{
    struct vdev_raidz *rz = vd->priv;
    if (rz == NULL)
        return;
    free(rz->txgs);
    free(rz);
    vd->priv = NULL;
}

static int raidz_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    const struct vdev_raidz *rz = vd->priv;
    int err = raid_open_children(vd, aux);
    if (err != 0)
        return err;
    uint64_t asize = UINT64_MAX, max_asize = UINT64_MAX;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        const struct vdev *child = vd->child[i];
        if (!vdev_is_usable(child))
            continue;
        asize = min_of(asize, child->asize);
        max_asize = min_of(max_asize, child->max_asize);
    }
    unsigned width = vd->nchildren - (rz->expanding ? 1 : 0);
    if (__builtin_mul_overflow(asize, (uint64_t)width, &geo->asize) ||
        __builtin_mul_overflow(max_asize, (uint64_t)width, &geo->max_asize))
        return err_raise(ZE_OVERFLOW, "raidz: size of %u children", width);
    vdev_geometry_ashift(vd, geo);
    return 0;
}

static uint64_t raidz_ops_asize(const struct vdev *vd, uint64_t psize, uint64_t txg)
{
    struct raidz_layout l;
    raidz_layout_of(vd, &l);
    return raidz_asize(&l, psize, txg);
}

static uint64_t raidz_ops_psize(const struct vdev *vd, uint64_t asize, uint64_t txg)
{
    struct raidz_layout l;
    raidz_layout_of(vd, &l);
    return raidz_psize(&l, asize, txg);
}

static uint64_t raidz_min_asize_of_child(const struct vdev *vd, const struct vdev *child)
{
    return div_round_up(vd->min_asize, vd->nchildren);
}

/* Format/raid.md 3.11. */
static bool raidz_need_resilver(const struct vdev *vd, uint64_t offset, uint64_t psize,
                                uint64_t phys_birth)
{
    const struct vdev_raidz *rz = vd->priv;
    if (!vdev_dtl_contains(vd, VDEV_DTL_PARTIAL, phys_birth))
        return false;
    uint64_t sectors = psize != 0 ? ((psize - 1) >> vd->ashift) + 1 : 0;
    if (rz->expanding || sectors + vd->nparity >= vd->nchildren)
        return true;
    uint64_t first = (offset >> vd->ashift) % vd->nchildren;
    for (uint64_t i = 0; i < sectors + vd->nparity; i++)
        if (!vdev_dtl_empty(vd->child[(first + i) % vd->nchildren], VDEV_DTL_PARTIAL))
            return true;
    return false;
}

static int raidz_config_add(const struct vdev *vd, struct nvlist *nv)
{
    const struct vdev_raidz *rz = vd->priv;
    bool implied = vd->nparity == 1 && !nvlist_exists(vd->config, "nparity");
    int err = implied ? 0 : nvlist_add_u64(nv, "nparity", vd->nparity);
    if (err == 0 && rz->expanding)
        err = nvlist_add_boolean(nv, "raidz_expanding");
    if (err == 0 && rz->ntxgs > 0)
        err = nvlist_add_u64_array(nv, "raidz_expand_txgs", rz->txgs, rz->ntxgs);
    return err;
}

static void raidz_display_name(const struct vdev *vd, char *buf, size_t len)
{
    snprintf(buf, len, "raidz%llu", (unsigned long long)vd->nparity);
}

/* ---- I/O ---- */

static int raidz_io_map(const struct vdev *vd, const struct vdev_io *io, struct raid_map **out)
{
    struct raidz_layout l;
    raidz_layout_of(vd, &l);
    return raidz_map_create(&l, io->offset, io->rsize, io->txg, out);
}

static int raidz_child_state(const struct vdev *vd, unsigned child, uint64_t offset, uint64_t txg)
{
    if (!vdev_readable(vd->child[child]))
        return ZE_NXIO;
    return vdev_dtl_contains(vd->child[child], VDEV_DTL_MISSING, txg) ? ZE_STALE : 0;
}

static bool raidz_sitting_out(const struct vdev *vd, unsigned child)
{
    struct vdev_raidz *rz = vd->priv;
    return raid_sitout_is_out(&rz->sitout, vd, child);
}

static unsigned raidz_ops_original_width(const struct vdev *vd)
{
    struct raidz_layout l;
    raidz_layout_of(vd, &l);
    return raidz_original_width(&l);
}

static void raidz_io_start(struct vdev_io *io)
{
    static const struct raid_io_ops ops = {
        .map = raidz_io_map,
        .child_state = raidz_child_state,
        .sitting_out = raidz_sitting_out,
        .original_width = raidz_ops_original_width,
    };
    struct vdev_raidz *rz = io->vd->priv;
    if (io->op == DEVICE_READ)
        raid_sitout_check(&rz->sitout, io->vd);
    raid_io_start(io, &ops);
}

struct raid_sitout *vdev_raidz_sitout(struct vdev *vd)
{
    struct vdev_raidz *rz = vd->priv;
    return &rz->sitout;
}

const struct vdev_ops vdev_raidz_ops = {
    .name = "raidz",
    .create = raidz_create,
    .destroy = raidz_destroy,
    .open = raidz_open,
    .state_of_children = raid_state_of_children,
    .io_start = raidz_io_start,
    .psize_to_asize = raidz_ops_asize,
    .asize_to_psize = raidz_ops_psize,
    .min_asize_of_child = raidz_min_asize_of_child,
    .need_resilver = raidz_need_resilver,
    .config_add = raidz_config_add,
    .display_name = raidz_display_name,
};
