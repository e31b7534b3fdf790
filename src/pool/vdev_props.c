/* SPDX-License-Identifier: MIT */
/* Properties of one vdev; see vdev_props.h. */
#include "pool/vdev_props.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/device.h"
#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"
#include "pool/space.h"
#include "vdev/vdev_stats.h"

#define VALUE_MAX 8192
#define NAMES_MAX 65536

struct getter {
    struct pool *pool;
    const struct vdev *vd;
    struct top_space space;
    uint64_t stats[VDEV_STATS_COUNT];
    struct zap *stored;
    const char *const *names;
    size_t nnames;
    struct nvlist *out;
    int err; /* the first; later ones do nothing */
};

static bool wanted(const struct getter *g, const char *name)
{
    for (size_t i = 0; i < g->nnames; i++) {
        if (strcmp(g->names[i], name) == 0)
            return true;
    }
    return g->names == NULL;
}

static void put(struct getter *g, const char *name, const char *string, uint64_t number,
                const char *source)
{
    struct nvlist *nv;
    if (g->err != 0 || !wanted(g, name) || (g->err = nvlist_create(&nv)) != 0)
        return;
    g->err = string != NULL ? nvlist_add_string(nv, "value", string)
                            : nvlist_add_u64(nv, "value", number);
    if (g->err == 0)
        g->err = nvlist_add_string(nv, "source", source);
    if (g->err == 0)
        g->err = nvlist_take_nvlist(g->out, name, nv);
    else
        nvlist_free(nv);
}

static void put_number(struct getter *g, const char *name, uint64_t value)
{
    put(g, name, NULL, value, "");
}

/* A string of the configuration: unset ones count as default. */
static void put_text(struct getter *g, const char *name, const char *value)
{
    put(g, name, value != NULL ? value : "", 0, value != NULL && *value != '\0' ? "" : "default");
}

/* ---- stored ---- */

static void put_stored_text(struct getter *g, const char *name)
{
    char *value = mem_zalloc(VALUE_MAX);
    int err = value == NULL ? ZE_NOMEM : ZE_NOENT;
    if (value != NULL && g->stored != NULL)
        err = zap_lookup(g->stored, name, 1, VALUE_MAX - 1, value, NULL);
    put(g, name, err == 0 ? value : "", 0, err == 0 ? "local" : "default");
    free(value);
}

static void put_stored_switch(struct getter *g, const char *name)
{
    uint64_t value = 1;
    bool local = g->stored != NULL && zap_lookup(g->stored, name, 8, 1, &value, NULL) == 0;
    put(g, name, value != 0 ? "on" : "off", 0, local ? "local" : "default");
}

static void put_stored_number(struct getter *g, const char *name)
{
    uint64_t value = UINT64_MAX;
    bool local = g->stored != NULL && zap_lookup(g->stored, name, 8, 1, &value, NULL) == 0;
    put(g, name, NULL, value, local ? "local" : "default");
}

static void put_user(struct getter *g)
{
    if (g->stored == NULL || g->err != 0)
        return;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    AUTO_FREE char *value = mem_zalloc(VALUE_MAX);
    struct zap_cursor c;
    zap_cursor_init(&c, g->stored);
    int err = e == NULL || value == NULL ? ZE_NOMEM : 0;
    while (err == 0 && g->err == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        /* OpenZFS shows its own string entries (the allocation bias) as user properties too. */
        if (strchr(e->name, ':') == NULL || e->integer_size != 1 || e->count >= VALUE_MAX)
            continue;
        memset(value, 0, VALUE_MAX);
        if ((err = zap_entry_value(&c, e, value, e->count)) == 0)
            put(g, e->name, value, 0, "local");
    }
    zap_cursor_fini(&c);
    if (g->err == 0 && err != ZE_NOENT)
        g->err = err;
}

/* ---- computed ---- */

static void plain_name(const struct pool *pool, const struct vdev *vd, char *buf, size_t len)
{
    if (vd->type == VDEV_ROOT)
        snprintf(buf, len, "%s", pool->name);
    else if (vdev_is_leaf(vd) && vd->path != NULL)
        snprintf(buf, len, "%s", vd->path);
    else
        snprintf(buf, len, "%s-%llu", vdev_type_name(vd->type), (unsigned long long)vd->id);
}

static void put_family(struct getter *g)
{
    const struct vdev *vd = g->vd;
    char name[1024];
    if (vd->parent != NULL)
        plain_name(g->pool, vd->parent, name, sizeof(name));
    put_text(g, "parent", vd->parent != NULL ? name : NULL);
    AUTO_FREE char *list = mem_zalloc(NAMES_MAX);
    if (list == NULL) {
        g->err = ZE_NOMEM;
        return;
    }
    for (unsigned i = 0; i < vd->nchildren; i++) {
        plain_name(g->pool, vd->child[i], name, sizeof(name));
        size_t used = strlen(list);
        snprintf(list + used, NAMES_MAX - used, "%s%s", i == 0 ? "" : ",", name);
    }
    put_text(g, "children", list);
    put_number(g, "numchildren", vd->nchildren);
}

static void put_sizes(struct getter *g)
{
    const struct vdev *vd = g->vd;
    const struct top_space *s = &g->space;
    bool root = vd->type == VDEV_ROOT, leaf = vdev_is_leaf(vd);
    uint64_t size = s->size, alloc = s->alloc;
    put_number(g, "capacity", size == 0 ? 0 : alloc / 128 * 100 / (size / 128));
    put_number(g, "state", vd->state);
    put_number(g, "guid", vd->guid);
    put_number(g, "asize", root ? 0 : vd->asize);
    put_number(g, "psize", leaf && vd->dev != NULL ? vd->dev->size : 0);
    put_number(g, "ashift", root ? 0 : vd->top == vd ? vd->ashift : vd->logical_ashift);
    put_number(g, "size", size);
    put_number(g, "free", size > alloc ? size - alloc : 0);
    put_number(g, "allocated", alloc);
    put_stored_text(g, "comment");
    uint64_t grow = g->stats[VDEV_STAT_ESIZE];
    put_number(g, "expandsize", grow == 0 ? UINT64_MAX : grow);
    put_number(g, "fragmentation", s->fragmentation);
    put(g, "bootsize", NULL, 0, "default");
    put_number(g, "parity", vd->nparity);
}

static void put_counters(struct getter *g)
{
    const uint64_t *s = g->stats;
    put_number(g, "read_errors", s[VDEV_STAT_READ_ERRORS]);
    put_number(g, "write_errors", s[VDEV_STAT_WRITE_ERRORS]);
    put_number(g, "checksum_errors", s[VDEV_STAT_CHECKSUM_ERRORS]);
    put_number(g, "initialize_errors", 0);
    put_number(g, "null_ops", 0);
    put_number(g, "read_ops", s[VDEV_STAT_OPS_READ]);
    put_number(g, "write_ops", s[VDEV_STAT_OPS_WRITE]);
    put_number(g, "free_ops", 0);
    put_number(g, "claim_ops", 0);
    put_number(g, "trim_ops", s[VDEV_STAT_OPS_TRIM]);
    put_number(g, "null_bytes", 0);
    put_number(g, "read_bytes", s[VDEV_STAT_BYTES_READ]);
    put_number(g, "write_bytes", s[VDEV_STAT_BYTES_WRITE]);
    put_number(g, "free_bytes", 0);
    put_number(g, "claim_bytes", 0);
    put_number(g, "trim_bytes", s[VDEV_STAT_BYTES_TRIM]);
}

static void put_behaviour(struct getter *g)
{
    const struct vdev *vd = g->vd;
    bool leaf = vdev_is_leaf(vd), root = vd->type == VDEV_ROOT;
    put(g, "removing", vd->removing ? "on" : "off", 0, "");
    bool closed = vd->non_allocating && !vd->removing; /* a removal in progress does not count */
    if (root || vd->top == vd)
        put(g, "allocating", closed ? "off" : "on", 0, closed ? "local" : "default");
    else
        put(g, "allocating", "", 0, "");
    put_stored_switch(g, "failfast");
    put_stored_number(g, "checksum_n");
    put_stored_number(g, "checksum_t");
    put_stored_number(g, "io_n");
    put_stored_number(g, "io_t");
    if (vd->type == VDEV_RAIDZ)
        put(g, "raidz_expanding", nvlist_exists(vd->config, "raidz_expanding") ? "on" : "off", 0,
            "");
    put_stored_number(g, "slow_io_n");
    put_stored_number(g, "slow_io_t");
    bool can_trim = vd->dev != NULL ? vd->dev->can_trim : vd->state == VDEV_STATE_CANT_OPEN;
    put(g, "trim_support", !leaf ? "" : can_trim ? "on" : "off", 0, "");
    put_number(g, "trim_errors", 0);
    put_number(g, "slow_ios", g->stats[VDEV_STAT_SLOW_IOS]);
    put_stored_switch(g, "slow_io_events");
}

static uint64_t deflated(const struct vdev *top, uint64_t bytes)
{
    return (bytes >> SECTOR_SHIFT) * (top->deflate_ratio != 0 ? top->deflate_ratio : 512);
}

/* Sizes here are deflated: what blocks can fill, parity taken off. */
static int find_space(struct pool *pool, const struct vdev *vd, struct top_space *out)
{
    AUTO_FREE struct top_space *tops = NULL;
    struct pool_space total;
    const struct vdev *root = pool->vdevs->root;
    int err = 0;
    *out = (struct top_space){0};
    if ((vd != root && vd->top != vd) || (err = pool_top_spaces(pool, &tops)) != 0)
        return err;
    for (unsigned i = 0; i < root->nchildren; i++) {
        const struct vdev *top = root->child[i];
        if ((vd != root && vd != top) || (vd == root && top->is_log))
            continue;
        out->size += deflated(top, tops[i].size);
        out->alloc += deflated(top, tops[i].alloc);
        out->fragmentation = tops[i].fragmentation;
    }
    if (vd == root && (err = pool_space_get(pool, &total)) == 0)
        out->fragmentation = total.fragmentation;
    return err;
}

int pool_vdev_props_get(struct pool *pool, const struct vdev *vd, const char *const *names,
                        size_t n, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct getter g = {.pool = pool, .vd = vd, .names = names, .nnames = n};
    if (vd->parent == NULL && vd->type != VDEV_ROOT)
        return err_raise(ZE_INVAL, "spares and cache devices have no properties");
    g.err = nvlist_create(&nv);
    g.out = nv;
    if (g.err == 0)
        g.err = find_space(pool, vd, &g.space);
    uint64_t zap = vd->root_zap != 0 ? vd->root_zap : vd->top_zap != 0 ? vd->top_zap : vd->leaf_zap;
    if (g.err == 0 && zap != 0)
        g.err = zap_open(pool->mos, zap, &g.stored);
    if (g.err != 0)
        return g.err;
    vdev_stats_get(vd, g.stats);
    put_sizes(&g);
    put_text(&g, "path", vd->path);
    put_text(&g, "devid", vd->devid);
    put_text(&g, "physpath", vd->physpath);
    put_text(&g, "encpath", vd->enc_sysfs_path);
    put_text(&g, "fru", vd->fru);
    put_family(&g);
    put_counters(&g);
    put_behaviour(&g);
    put_user(&g);
    if (g.stored != NULL)
        zap_close(g.stored);
    if (g.err != 0)
        return g.err;
    *out = nv;
    nv = NULL;
    return 0;
}

/* ---- by name ---- */

struct wanted_vdev {
    const char *name;
    uint64_t guid;
    struct vdev *found;
};

static int match_vdev(void *arg, struct vdev *vd)
{
    struct wanted_vdev *w = arg;
    char name[512];
    if (vd->type == VDEV_HOLE || vd->type == VDEV_INDIRECT)
        return 0;
    vdev_display_name(vd, name, sizeof(name));
    const char *base = vd->path != NULL ? strrchr(vd->path, '/') : NULL;
    bool hit = strcmp(name, w->name) == 0 || (w->guid != 0 && vd->guid == w->guid) ||
               (vd->path != NULL && strcmp(vd->path, w->name) == 0) ||
               (base != NULL && strcmp(base + 1, w->name) == 0) ||
               (vd->type == VDEV_ROOT && strcmp(w->name, "root-0") == 0);
    if (hit)
        w->found = vd;
    return hit;
}

struct vdev *pool_vdev_find(struct pool *pool, const char *name)
{
    char *end;
    struct wanted_vdev w = {.name = name, .guid = strtoull(name, &end, 10)};
    if (*end != '\0')
        w.guid = 0;
    vdev_each(pool->vdevs->root, match_vdev, &w);
    for (unsigned i = 0; i < pool->vdevs->nspares && w.found == NULL; i++)
        match_vdev(&w, pool->vdevs->spares[i]);
    for (unsigned i = 0; i < pool->vdevs->nl2cache && w.found == NULL; i++)
        match_vdev(&w, pool->vdevs->l2cache[i]);
    return w.found;
}
