/* SPDX-License-Identifier: MIT */
/* From labels to pool configurations; see assemble.h. */
#include "pool/assemble.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "pool/pool.h"

#define ASSEMBLE_TOPS_MAX  65536
#define ASSEMBLE_DEPTH_MAX 12

struct found_top {
    uint64_t guid, id, txg;
    const struct nvlist *label;
};
struct found_pool {
    uint64_t guid, txg;
    const struct nvlist *best; /* the label with the highest txg */
    struct found_top *top;
    size_t ntops;
};
struct found {
    struct found_pool *pool;
    size_t n;
};

static void found_free(struct found *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->pool[i].top);
    free(f->pool);
}

static struct found_pool *found_pool_get(struct found *f, uint64_t guid)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->pool[i].guid == guid)
            return &f->pool[i];
    }
    struct found_pool *more = realloc(f->pool, (f->n + 1) * sizeof(*more));
    if (more == NULL)
        return NULL;
    f->pool = more;
    more[f->n] = (struct found_pool){.guid = guid};
    return &more[f->n++];
}

static struct found_top *found_top_get(struct found_pool *p, uint64_t guid, uint64_t id)
{
    for (size_t i = 0; i < p->ntops; i++) {
        if (p->top[i].guid == guid)
            return &p->top[i];
    }
    struct found_top *more = realloc(p->top, (p->ntops + 1) * sizeof(*more));
    if (more == NULL)
        return NULL;
    p->top = more;
    more[p->ntops] = (struct found_top){.guid = guid, .id = id};
    return &more[p->ntops++];
}

static int found_add(struct found *f, const struct nvlist *label)
{
    uint64_t pool_guid = nvlist_u64(label, "pool_guid", 0);
    uint64_t top_guid = nvlist_u64(label, "top_guid", 0);
    uint64_t txg = nvlist_u64(label, "txg", 0), id;
    const struct nvlist *tree = nvlist_child(label, "vdev_tree");
    if (nvlist_u64(label, "state", POOL_STATE_SPARE) >= POOL_STATE_SPARE || pool_guid == 0 ||
        top_guid == 0 || txg == 0 || nvlist_u64(label, "guid", 0) == 0 || tree == NULL ||
        nvlist_string(label, "name", NULL) == NULL || nvlist_lookup_u64(tree, "id", &id) != 0 ||
        id >= ASSEMBLE_TOPS_MAX)
        return 0;
    struct found_pool *p = found_pool_get(f, pool_guid);
    struct found_top *t = p == NULL ? NULL : found_top_get(p, top_guid, id);
    if (t == NULL)
        return ZE_NOMEM;
    if (txg > t->txg) {
        t->txg = txg;
        t->label = label;
        t->id = id;
    }
    if (txg > p->txg) {
        p->txg = txg;
        p->best = label;
    }
    return 0;
}

/* ---- paths ---- */

static const char *leaf_path(const struct pool_scan *scan, uint64_t guid, const char *stored)
{
    const struct scan_device *best = NULL;
    for (size_t i = 0; i < scan->n; i++) {
        const struct scan_device *d = &scan->dev[i];
        if (nvlist_u64(d->config, "guid", 0) != guid)
            continue;
        if (stored != NULL && strcmp(stored, d->path) == 0)
            return d->path;
        if (best == NULL || d->num_labels > best->num_labels)
            best = d;
    }
    return best != NULL ? best->path : NULL;
}

static int fix_paths(const struct nvlist *vd, const struct pool_scan *scan, unsigned depth,
                     struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *copy = NULL;
    struct nvlist *const *child = NULL;
    size_t n = 0;
    int err = nvlist_dup(vd, &copy);
    if (err != 0)
        return err;
    const char *path = leaf_path(scan, nvlist_u64(vd, "guid", 0), nvlist_string(vd, "path", NULL));
    if (path != NULL && nvlist_exists(vd, "path"))
        err = nvlist_add_string(copy, "path", path);
    nvlist_lookup_nvlist_array(vd, "children", &child, &n);
    if (err == 0 && n > 0) {
        if (depth >= ASSEMBLE_DEPTH_MAX)
            return err_raise(ZE_VDEVCONFIG, "the vdev tree is nested too deeply");
        struct nvlist **fixed = mem_calloc(n, sizeof(struct nvlist *));
        err = fixed == NULL ? ZE_NOMEM : 0;
        for (size_t i = 0; i < n && err == 0; i++)
            err = fix_paths(child[i], scan, depth + 1, &fixed[i]);
        if (err == 0)
            err = nvlist_add_nvlist_array(copy, "children", fixed, n);
        for (size_t i = 0; fixed != NULL && i < n; i++)
            nvlist_free(fixed[i]);
        free(fixed);
    }
    if (err != 0)
        return err;
    *out = copy;
    copy = NULL;
    return 0;
}

int pool_config_fix_paths(const struct nvlist *config, const struct pool_scan *scan,
                          struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *copy = NULL;
    struct nvlist *tree = nvlist_child(config, "vdev_tree"), *fixed = NULL;
    if (tree == NULL)
        return err_raise(ZE_VDEVCONFIG, "the configuration has no vdev tree");
    int err = nvlist_dup(config, &copy);
    if (err != 0 || (err = fix_paths(tree, scan, 0, &fixed)) != 0 ||
        (err = nvlist_take_nvlist(copy, "vdev_tree", fixed)) != 0)
        return err;
    *out = copy;
    copy = NULL;
    return 0;
}

/* ---- one pool ---- */

static int placeholder(const char *type, uint64_t id, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    int err = nvlist_create(&nv);
    if (err != 0 || (err = nvlist_add_string(nv, "type", type)) != 0 ||
        (err = nvlist_add_u64(nv, "id", id)) != 0 || (err = nvlist_add_u64(nv, "guid", 0)) != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}

static bool is_hole(const struct nvlist *label, uint64_t id)
{
    const uint64_t *holes;
    size_t n;
    if (nvlist_lookup_u64_array(label, "hole_array", &holes, &n) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (holes[i] == id)
            return true;
    }
    return false;
}

/* Slot id: the label with the highest txg that claims it, a hole, or unknown for now. */
static int assemble_child(const struct found_pool *p, const struct pool_scan *scan, uint64_t id,
                          struct nvlist **out)
{
    const struct found_top *best = NULL;
    if (is_hole(p->best, id))
        return placeholder("hole", id, out);
    for (size_t i = 0; i < p->ntops; i++) {
        if (p->top[i].id == id && (best == NULL || p->top[i].txg > best->txg))
            best = &p->top[i];
    }
    if (best == NULL)
        return placeholder("missing", id, out);
    return fix_paths(nvlist_child(best->label, "vdev_tree"), scan, 0, out);
}

static uint64_t child_count(const struct found_pool *p)
{
    uint64_t n;
    if (nvlist_lookup_u64(p->best, "vdev_children", &n) == 0)
        return n;
    n = 0; /* labels of old pools do not say */
    for (size_t i = 0; i < p->ntops; i++)
        n = max_of(n, p->top[i].id + 1);
    return n;
}

static int assemble_tree(const struct found_pool *p, const struct pool_scan *scan,
                         struct nvlist **out)
{
    uint64_t n = child_count(p);
    if (n == 0 || n > ASSEMBLE_TOPS_MAX)
        return err_raise(ZE_BADLABEL, "vdev_children is %llu", (unsigned long long)n);
    AUTO_NVLIST struct nvlist *root = NULL;
    struct nvlist **child = mem_calloc(n, sizeof(struct nvlist *));
    int err = child == NULL ? ZE_NOMEM : nvlist_create(&root);
    for (uint64_t i = 0; i < n && err == 0; i++)
        err = assemble_child(p, scan, i, &child[i]);
    if (err == 0 && (err = nvlist_add_string(root, "type", "root")) == 0 &&
        (err = nvlist_add_u64(root, "id", 0)) == 0 &&
        (err = nvlist_add_u64(root, "guid", p->guid)) == 0)
        err = nvlist_add_nvlist_array(root, "children", child, n);
    for (uint64_t i = 0; child != NULL && i < n; i++)
        nvlist_free(child[i]);
    free(child);
    if (err != 0)
        return err;
    *out = root;
    root = NULL;
    return 0;
}

static int assemble_pool(const struct found_pool *p, const struct pool_scan *scan,
                         struct nvlist **out)
{
    static const char *const copied[] = {"version",   "name",     "state",      "txg",
                                         "pool_guid", "errata",   "comment",    "compatibility",
                                         "hostid",    "hostname", "hole_array", "vdev_children"};
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct nvlist *tree = NULL;
    int err = nvlist_create(&nv);
    for (size_t i = 0; err == 0 && i < array_len(copied); i++) {
        const struct nvpair *pair = nvlist_find(p->best, copied[i]);
        if (pair != NULL)
            err = nvlist_add_pair(nv, copied[i], pair);
    }
    if (err != 0 || (err = assemble_tree(p, scan, &tree)) != 0 ||
        (err = nvlist_take_nvlist(nv, "vdev_tree", tree)) != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}

int pool_assemble(const struct pool_scan *scan, struct pool_candidates **out)
{
    struct found f = {0};
    struct pool_candidates *c = mem_zalloc(sizeof(*c));
    int err = c == NULL ? ZE_NOMEM : 0;
    /* Devices none of whose labels has a right checksum come last: of two configurations with the
     * same txg the first stands, and a damaged one must not describe the pool. */
    for (int damaged = 0; damaged <= 1; damaged++)
        for (size_t i = 0; i < scan->n && err == 0; i++)
            if ((scan->dev[i].num_labels == 0) == damaged)
                err = found_add(&f, scan->dev[i].config);
    if (err == 0 && (c->config = mem_calloc(f.n == 0 ? 1 : f.n, sizeof(struct nvlist *))) == NULL)
        err = ZE_NOMEM;
    for (size_t i = 0; i < f.n && err == 0; i++) {
        err = assemble_pool(&f.pool[i], scan, &c->config[c->n]);
        if (err == 0)
            c->n++;
        else if (err != ZE_NOMEM)
            err = 0; /* a label that contradicts itself is no pool */
    }
    found_free(&f);
    if (err != 0) {
        pool_candidates_free(c);
        return err;
    }
    *out = c;
    return 0;
}

void pool_candidates_free(struct pool_candidates *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n; i++)
        nvlist_free(c->config[i]);
    free(c->config);
    free(c);
}

int pool_candidates_find(const struct pool_candidates *c, const char *name_or_guid, bool destroyed,
                         const struct nvlist **out)
{
    char *end;
    unsigned long long guid = strtoull(name_or_guid, &end, 10);
    bool is_guid = *end == '\0' && guid != 0;
    const struct nvlist *found = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct nvlist *nv = c->config[i];
        if ((nvlist_u64(nv, "state", 0) == POOL_STATE_DESTROYED) != destroyed)
            continue;
        if (is_guid ? nvlist_u64(nv, "pool_guid", 0) != guid
                    : strcmp(nvlist_string(nv, "name", ""), name_or_guid) != 0)
            continue;
        if (found != NULL)
            return err_raise(ZE_EXISTS,
                             "more than one matching pool '%s': import by numeric ID instead",
                             name_or_guid);
        found = nv;
    }
    if (found == NULL)
        return err_raise(ZE_NOPOOL, "no such pool available: '%s'", name_or_guid);
    *out = found;
    return 0;
}
