/* SPDX-License-Identifier: MIT */
/*
 * The configuration nvlist of a vdev and what is below it, in the order of keys that other
 * implementations write (format/pool.md 4.3). Callers: pool/ (labels, MOS config, status). The
 * result is the caller's.
 */
#include "base/err.h"
#include "base/mem.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_stats.h"

/* The first error sticks, so that a list of keys reads as one. */
struct adder {
    struct nvlist *nv;
    int err;
};

static void add_u64(struct adder *a, const char *name, uint64_t v)
{
    if (a->err == 0)
        a->err = nvlist_add_u64(a->nv, name, v);
}

static void add_u64_if(struct adder *a, const char *name, uint64_t v)
{
    if (v != 0)
        add_u64(a, name, v);
}

static void add_string_if(struct adder *a, const char *name, const char *v)
{
    if (v != NULL && a->err == 0)
        a->err = nvlist_add_string(a->nv, name, v);
}

static void add_identity(struct adder *a, const struct vdev *vd)
{
    add_string_if(a, "type", vd->ops->name);
    if (vd->parent != NULL || vd->type == VDEV_ROOT)
        add_u64(a, "id", vd->id);
    add_u64(a, "guid", vd->guid);
    add_string_if(a, "path", vd->path);
    add_string_if(a, "devid", vd->devid);
    add_string_if(a, "phys_path", vd->physpath);
    add_string_if(a, "vdev_enc_sysfs_path", vd->enc_sysfs_path);
    add_string_if(a, "fru", vd->fru);
    if (a->err == 0 && vd->ops->config_add != NULL)
        a->err = vd->ops->config_add(vd, a->nv);
    if (vd->has_whole_disk)
        add_u64(a, "whole_disk", vd->whole_disk);
    add_u64_if(a, "not_present", vd->not_present);
    add_u64_if(a, "is_spare", vd->is_spare);
    if (vd->parent == NULL && vd->type != VDEV_ROOT)
        add_u64_if(a, "ashift", vd->ashift);
}

static void add_top(struct adder *a, const struct vdev *vd, unsigned flags)
{
    add_u64(a, "metaslab_array", vd->metaslab_array);
    add_u64(a, "metaslab_shift", vd->metaslab_shift);
    add_u64(a, "ashift", vd->ashift);
    add_u64(a, "asize", vd->asize);
    add_u64_if(a, "min_alloc", vd->min_alloc);
    if (vd->has_is_log)
        add_u64(a, "is_log", vd->is_log);
    add_u64_if(a, "non_allocating", vd->non_allocating);
    if (!vd->is_log)
        add_u64_if(a, "removing", vd->removing);
    if (flags & VDEV_CONFIG_STATS) {
        const char *bias = vd->alloc_bias != NULL ? vd->alloc_bias : vd->is_log ? "log" : NULL;
        add_string_if(a, "alloc_bias", bias);
    }
}

static void add_stats(struct adder *a, const struct vdev *vd)
{
    uint64_t stats[VDEV_STATS_COUNT];
    struct nvlist *ex = NULL;
    vdev_stats_get(vd, stats);
    if (a->err == 0)
        a->err = nvlist_add_u64_array(a->nv, "vdev_stats", stats, VDEV_STATS_COUNT);
    if (a->err == 0)
        a->err = vdev_stats_ex(vd, &ex);
    if (a->err == 0)
        a->err = nvlist_take_nvlist(a->nv, "vdev_stats_ex", ex);
}

static void add_objects(struct adder *a, const struct vdev *vd, unsigned flags)
{
    add_u64_if(a, "DTL", vd->dtl_object);
    add_u64_if(a, "com.delphix:indirect_object", vd->indirect_object);
    add_u64_if(a, "com.delphix:indirect_births", vd->indirect_births);
    if (vd->prev_indirect != UINT64_MAX)
        add_u64(a, "com.delphix:prev_indirect_vdev", vd->prev_indirect);
    add_u64_if(a, "create_txg", vd->create_txg);
    add_u64_if(a, "expansion_time", vd->expansion_time);
    if (!(flags & VDEV_CONFIG_MOS))
        return;
    add_u64_if(a, "com.delphix:vdev_zap_leaf", vd->leaf_zap);
    add_u64_if(a, "com.delphix:vdev_zap_top", vd->top_zap);
    add_u64_if(a, "com.klarasystems:vdev_zap_root", vd->root_zap);
    if (vd->resilver_deferred && a->err == 0)
        a->err = nvlist_add_boolean(a->nv, "com.datto:resilver_defer");
}

static void add_leaf_state(struct adder *a, const struct vdev *vd)
{
    if (vd->offline && !vd->tmp_offline)
        add_u64(a, "offline", 1);
    add_u64_if(a, "resilver_txg", vd->resilver_txg);
    add_u64_if(a, "rebuild_txg", vd->rebuild_txg);
    add_u64_if(a, "faulted", vd->faulted);
    add_u64_if(a, "degraded", vd->degraded);
    add_u64_if(a, "removed", vd->removed);
    add_u64_if(a, "unspare", vd->unspare);
    if (vd->type == VDEV_HOLE)
        add_u64(a, "is_hole", 1);
    if (vd->faulted || vd->degraded) {
        if (vd->label_aux == VDEV_AUX_EXTERNAL)
            add_string_if(a, "aux_state", "external");
        else if (vd->label_aux == VDEV_AUX_ERR_EXCEEDED)
            add_string_if(a, "aux_state", "err_exceeded");
    }
    add_u64_if(a, "orig_guid", vd->orig_guid);
}

static void add_children(struct adder *a, const struct vdev *vd, unsigned flags)
{
    if (a->err != 0 || (vd->nchildren == 0 && vd->type != VDEV_INDIRECT))
        return; /* a removed vdev keeps an empty list */
    struct nvlist **list = mem_calloc(vd->nchildren + 1, sizeof(struct nvlist *));
    if (list == NULL) {
        a->err = ZE_NOMEM;
        return;
    }
    for (unsigned i = 0; i < vd->nchildren && a->err == 0; i++)
        a->err = vdev_config_generate(vd->child[i], flags, &list[i]);
    if (a->err == 0)
        a->err = nvlist_add_nvlist_array(a->nv, "children", list, vd->nchildren);
    for (unsigned i = 0; i < vd->nchildren; i++)
        nvlist_free(list[i]);
    free(list);
}

int vdev_config_generate(const struct vdev *vd, unsigned flags, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct adder a = {.err = nvlist_create(&nv)};
    a.nv = nv;
    if (a.err != 0)
        return a.err;
    add_identity(&a, vd);
    if (vd->top == vd && vd->parent != NULL && vd->type != VDEV_MISSING)
        add_top(&a, vd, flags);
    if (flags & VDEV_CONFIG_STATS)
        add_stats(&a, vd);
    add_objects(&a, vd, flags);
    add_children(&a, vd, flags);
    if (vd->ops->leaf)
        add_leaf_state(&a, vd);
    if (a.err != 0)
        return a.err;
    *out = nv;
    nv = NULL;
    return 0;
}
