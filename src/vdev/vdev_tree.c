/* SPDX-License-Identifier: MIT */
/*
 * The shape of a vdev tree: built and validated from a configuration nvlist, searched, named and
 * destroyed. Also the root, hole and missing types, which do no I/O. Callers: pool/ (build, find),
 * the rest of vdev/. A tree and its vdevs are allocated here and freed by vdev_tree_destroy().
 * Errors: ZE_VDEVCONFIG with the path of the bad vdev. Format: format/pool.md 4.3,
 * format/raid.md 9.
 */
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/range_tree.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_stats.h"

/* root -> raidz -> spare -> replacing -> leaf, and some air. */
#define VDEV_DEPTH_MAX    10
#define VDEV_PARITY_WIDTH 255
#define VDEV_CHILDREN_MAX (1u << 16)
#define VDEV_ASHIFT_MIN   9
#define VDEV_ASHIFT_MAX   16
#define VDEV_MAX_INFLIGHT 64
#define VDEV_SLOW_IO_NS   (30ull * 1000000000u)

/* ---- types ---- */

static int vdev_root_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    *geo = (struct vdev_geometry){0};
    return 0;
}

static void vdev_root_state(const struct vdev *vd, const struct vdev_child_counts *n,
                            enum vdev_state *state, enum vdev_aux *aux)
{
    unsigned gone = 0;
    for (unsigned i = 0; i < vd->nchildren; i++) {
        const struct vdev *c = vd->child[i];
        if (!vdev_readable(c) && !c->is_log)
            gone++;
    }
    *aux = VDEV_AUX_NONE;
    if (gone > vd->tree->missing_tops_allowed) {
        *state = VDEV_STATE_CANT_OPEN;
        *aux = VDEV_AUX_NO_REPLICAS;
    } else {
        *state = n->faulted + n->degraded > 0 ? VDEV_STATE_DEGRADED : VDEV_STATE_HEALTHY;
    }
}

static void vdev_no_io(struct vdev_io *io)
{
    vdev_io_complete(io, ZE_NXIO);
}

/* A missing one "opens" too: until the trusted configuration is read it may be an indirect vdev. */
static int vdev_hole_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    *geo = (struct vdev_geometry){0};
    return 0;
}

const struct vdev_ops vdev_root_ops = {.name = "root",
                                       .open = vdev_root_open,
                                       .state_of_children = vdev_root_state,
                                       .io_start = vdev_no_io};
const struct vdev_ops vdev_hole_ops = {
    .name = "hole", .leaf = true, .open = vdev_hole_open, .io_start = vdev_no_io};
const struct vdev_ops vdev_missing_ops = {
    .name = "missing", .leaf = true, .open = vdev_hole_open, .io_start = vdev_no_io};

static const struct {
    const char *name;
    const struct vdev_ops *ops;
} vdev_types[VDEV_TYPES] = {
    [VDEV_ROOT] = {"root", &vdev_root_ops},
    [VDEV_DISK] = {"disk", &vdev_disk_ops},
    [VDEV_FILE] = {"file", &vdev_file_ops},
    [VDEV_MIRROR] = {"mirror", &vdev_mirror_ops},
    [VDEV_RAIDZ] = {"raidz", &vdev_raidz_ops},
    [VDEV_DRAID] = {"draid", &vdev_draid_ops},
    [VDEV_DRAID_SPARE] = {"dspare", &vdev_draid_spare_ops},
    [VDEV_REPLACING] = {"replacing", &vdev_replacing_ops},
    [VDEV_SPARE] = {"spare", &vdev_spare_ops},
    [VDEV_INDIRECT] = {"indirect", &vdev_indirect_ops},
    [VDEV_HOLE] = {"hole", &vdev_hole_ops},
    [VDEV_MISSING] = {"missing", &vdev_missing_ops},
    [VDEV_L2CACHE] = {"l2cache", NULL},
};

const char *vdev_type_name(enum vdev_type type)
{
    return type < VDEV_TYPES ? vdev_types[type].name : "unknown";
}

static int vdev_type_parse(const char *name, enum vdev_type *out)
{
    for (unsigned t = 0; t < VDEV_TYPES; t++) {
        if (vdev_types[t].ops != NULL && strcmp(vdev_types[t].name, name) == 0) {
            *out = (enum vdev_type)t;
            return 0;
        }
    }
    return err_raise(ZE_VDEVCONFIG, "unknown vdev type '%.32s'", name);
}

bool vdev_is_leaf(const struct vdev *vd)
{
    return vd->ops->leaf;
}

bool vdev_is_concrete(const struct vdev *vd)
{
    return vd->type != VDEV_INDIRECT && vd->type != VDEV_HOLE && vd->type != VDEV_MISSING &&
           vd->type != VDEV_ROOT;
}

/* ---- one vdev from its nvlist ---- */

static int vdev_string(const struct nvlist *nv, const char *name, char **out)
{
    const char *s;
    if (nvlist_lookup_string(nv, name, &s) != 0)
        return 0;
    *out = mem_strdup(s);
    return *out == NULL ? ZE_NOMEM : 0;
}

static int vdev_parse_strings(struct vdev *vd, const struct nvlist *nv)
{
    const struct {
        const char *name;
        char **field;
    } strings[] = {{"path", &vd->path},
                   {"devid", &vd->devid},
                   {"phys_path", &vd->physpath},
                   {"fru", &vd->fru},
                   {"vdev_enc_sysfs_path", &vd->enc_sysfs_path},
                   {"alloc_bias", &vd->alloc_bias}};
    for (size_t i = 0; i < array_len(strings); i++) {
        int err = vdev_string(nv, strings[i].name, strings[i].field);
        if (err != 0)
            return err;
    }
    return 0;
}

static int vdev_parse_top(struct vdev *vd, const struct nvlist *nv)
{
    vd->metaslab_array = nvlist_u64(nv, "metaslab_array", 0);
    vd->metaslab_shift = nvlist_u64(nv, "metaslab_shift", 0);
    vd->ashift = nvlist_u64(nv, "ashift", 0);
    vd->asize = nvlist_u64(nv, "asize", 0);
    vd->min_alloc = nvlist_u64(nv, "min_alloc", 0);
    vd->is_log = nvlist_u64(nv, "is_log", 0) != 0;
    vd->has_is_log = nvlist_exists(nv, "is_log");
    vd->removing = nvlist_u64(nv, "removing", 0);
    vd->non_allocating = nvlist_u64(nv, "non_allocating", 0);
    vd->top_zap = nvlist_u64(nv, "com.delphix:vdev_zap_top", 0);
    vd->indirect_object = nvlist_u64(nv, "com.delphix:indirect_object", 0);
    vd->indirect_births = nvlist_u64(nv, "com.delphix:indirect_births", 0);
    vd->prev_indirect = nvlist_u64(nv, "com.delphix:prev_indirect_vdev", UINT64_MAX);
    if (vd->ashift != 0 && (vd->ashift < VDEV_ASHIFT_MIN || vd->ashift > VDEV_ASHIFT_MAX))
        return err_raise(ZE_VDEVCONFIG, "vdev %llu: ashift %llu is not within 9..16",
                         (unsigned long long)vd->id, (unsigned long long)vd->ashift);
    if (vd->metaslab_shift >= 64)
        return err_raise(ZE_VDEVCONFIG, "vdev %llu: metaslab_shift %llu is too large",
                         (unsigned long long)vd->id, (unsigned long long)vd->metaslab_shift);
    if (vd->asize > INT64_MAX)
        return err_raise(ZE_VDEVCONFIG, "vdev %llu: asize %llu is too large",
                         (unsigned long long)vd->id, (unsigned long long)vd->asize);
    return 0;
}

/* A stored fault counts only if the administrator forced it; others get another chance
 * (raid.md 9.2). */
static void vdev_parse_fault(struct vdev *vd, const struct nvlist *nv)
{
    vd->faulted = nvlist_u64(nv, "faulted", 0) != 0;
    vd->degraded = nvlist_u64(nv, "degraded", 0) != 0;
    vd->removed = nvlist_u64(nv, "removed", 0) != 0;
    if (!vd->faulted && !vd->degraded)
        return;
    if (strcmp(nvlist_string(nv, "aux_state", ""), "external") == 0) {
        vd->label_aux = VDEV_AUX_EXTERNAL;
    } else {
        vd->label_aux = VDEV_AUX_ERR_EXCEEDED;
        vd->faulted = false;
    }
}

static void vdev_parse_leaf(struct vdev *vd, const struct nvlist *nv)
{
    vd->not_present = nvlist_u64(nv, "not_present", 0);
    vd->offline = nvlist_u64(nv, "offline", 0) != 0;
    vd->is_spare = nvlist_u64(nv, "is_spare", 0) != 0;
    vd->unspare = nvlist_u64(nv, "unspare", 0) != 0;
    vd->resilver_txg = nvlist_u64(nv, "resilver_txg", 0);
    vd->rebuild_txg = nvlist_u64(nv, "rebuild_txg", 0);
    vd->resilver_deferred = nvlist_exists(nv, "com.datto:resilver_defer");
    vd->dtl_object = nvlist_u64(nv, "DTL", 0);
    vd->leaf_zap = nvlist_u64(nv, "com.delphix:vdev_zap_leaf", 0);
    vdev_parse_fault(vd, nv);
}

static int vdev_children_parse(struct vdev *vd, const struct nvlist *nv, unsigned depth);

static void vdev_destroy(struct vdev *vd)
{
    for (unsigned i = 0; i < vd->nchildren; i++) {
        if (vd->child[i] != NULL)
            vdev_destroy(vd->child[i]);
    }
    if (vd->ops != NULL && vd->ops->destroy != NULL)
        vd->ops->destroy(vd);
    for (unsigned k = 0; k < VDEV_DTL_KINDS; k++)
        range_tree_destroy(vd->dtl[k]);
    free(vd->child);
    free(vd->path);
    free(vd->devid);
    free(vd->physpath);
    free(vd->fru);
    free(vd->enc_sysfs_path);
    free(vd->alloc_bias);
    free(vd->stats.histograms);
    nvlist_free(vd->config);
    free(vd);
}

static int vdev_init(struct vdev *vd, const struct nvlist *nv, unsigned depth)
{
    const char *type;
    int err;
    if (nvlist_lookup_string(nv, "type", &type) != 0)
        return err_raise(ZE_VDEVCONFIG, "a vdev has no type");
    if ((err = vdev_type_parse(type, &vd->type)) != 0)
        return err;
    if ((vd->type == VDEV_ROOT) != (depth == 0))
        return err_raise(ZE_VDEVCONFIG, "a vdev of type '%s' is not at the place for it", type);
    if (nvlist_lookup_u64(nv, "guid", &vd->guid) != 0)
        return err_raise(ZE_VDEVCONFIG, "a vdev of type '%s' has no guid", type);
    vd->orig_guid = nvlist_u64(nv, "orig_guid", 0);
    vd->create_txg = nvlist_u64(nv, "create_txg", 0);
    vd->expansion_time = nvlist_u64(nv, "expansion_time", 0);
    vd->has_whole_disk = nvlist_exists(nv, "whole_disk"); /* some interior vdevs have it, as 0 */
    vd->whole_disk = nvlist_u64(nv, "whole_disk", 0);
    vd->prev_indirect = UINT64_MAX;
    vd->is_hole_or_missing = vd->type == VDEV_HOLE || vd->type == VDEV_MISSING;
    vd->ops = vdev_types[vd->type].ops;
    if ((err = nvlist_dup(nv, &vd->config)) != 0 || (err = vdev_parse_strings(vd, nv)) != 0)
        return err;
    nvlist_remove(vd->config, "children");
    if ((vd->stats.histograms = mem_zalloc(sizeof(*vd->stats.histograms))) == NULL)
        return ZE_NOMEM;
    if (vd->top == vd && (err = vdev_parse_top(vd, nv)) != 0)
        return err;
    if (vd->type == VDEV_ROOT)
        vd->root_zap = nvlist_u64(nv, "com.klarasystems:vdev_zap_root", 0);
    if (vd->ops->leaf)
        vdev_parse_leaf(vd, nv);
    else if ((err = vdev_children_parse(vd, nv, depth)) != 0)
        return err;
    return vd->ops->create != NULL ? vd->ops->create(vd, nv) : 0;
}

static int vdev_create(struct vdev_tree *tree, struct vdev *parent, uint64_t id,
                       const struct nvlist *nv, unsigned depth, struct vdev **out)
{
    struct vdev *vd = mem_zalloc(sizeof(*vd));
    if (vd == NULL)
        return ZE_NOMEM;
    vd->tree = tree;
    vd->parent = parent;
    vd->id = id;
    vd->state = VDEV_STATE_CLOSED;
    vd->prev_state = VDEV_STATE_UNKNOWN;
    vd->open_error = ZE_NXIO;
    if (parent != NULL)
        vd->top = parent->parent == NULL ? vd : parent->top;
    int err = vdev_init(vd, nv, depth);
    if (err != 0) {
        vdev_destroy(vd);
        return err;
    }
    *out = vd;
    return 0;
}

static int vdev_children_parse(struct vdev *vd, const struct nvlist *nv, unsigned depth)
{
    struct nvlist *const *list = NULL;
    size_t n = 0;
    nvlist_lookup_nvlist_array(nv, "children", &list, &n);
    bool may_be_empty = vd->type == VDEV_ROOT || vd->type == VDEV_INDIRECT;
    if (n == 0 && !may_be_empty)
        return err_raise(ZE_VDEVCONFIG, "%s vdev %llu has no children", vd->ops->name,
                         (unsigned long long)vd->id);
    if (vd->type == VDEV_INDIRECT || n == 0)
        return 0;
    bool parity = vd->type == VDEV_RAIDZ || vd->type == VDEV_DRAID;
    if (n > (vd->type == VDEV_ROOT ? VDEV_CHILDREN_MAX : parity ? VDEV_CHILDREN_MAX : 1024u))
        return err_raise(ZE_VDEVCONFIG, "%s vdev %llu has %zu children", vd->ops->name,
                         (unsigned long long)vd->id, n);
    if (depth + 1 >= VDEV_DEPTH_MAX)
        return err_raise(ZE_VDEVCONFIG, "the vdev tree is nested too deeply");
    if ((vd->child = mem_calloc(n, sizeof(*vd->child))) == NULL)
        return ZE_NOMEM;
    vd->nchildren = (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        uint64_t id;
        if (nvlist_lookup_u64(list[i], "id", &id) != 0 || id != i)
            return err_raise(ZE_VDEVCONFIG, "child %zu of %s vdev %llu: its id is not its position",
                             i, vd->ops->name, (unsigned long long)vd->id);
        int err = vdev_create(vd->tree, vd, i, list[i], depth + 1, &vd->child[i]);
        if (err != 0)
            return err;
    }
    return 0;
}

/* ---- the tree ---- */

int vdev_tree_create(struct env *env, const struct nvlist *config, struct vdev_observer *observer,
                     struct vdev_tree **out)
{
    struct vdev_tree *tree = mem_zalloc(sizeof(*tree));
    if (tree == NULL)
        return ZE_NOMEM;
    tree->env = env;
    tree->observer = observer;
    tree->max_inflight = VDEV_MAX_INFLIGHT;
    tree->slow_io_ns = VDEV_SLOW_IO_NS;
    rwlock_init(&tree->lock, RANK_VDEV_TREE);
    rwlock_init(&tree->dtl_lock, RANK_VDEV_DTL);
    mutex_init(&tree->state_lock, RANK_VDEV_STAT);
    int err = vdev_create(tree, NULL, 0, config, 0, &tree->root);
    if (err != 0) {
        vdev_tree_destroy(tree);
        return err;
    }
    tree->pool_guid = tree->root->guid;
    *out = tree;
    return 0;
}

void vdev_tree_destroy(struct vdev_tree *tree)
{
    if (tree == NULL)
        return;
    if (tree->root != NULL) {
        vdev_tree_close(tree);
        vdev_destroy(tree->root);
    }
    for (unsigned i = 0; i < tree->nspares; i++)
        vdev_destroy(tree->spares[i]);
    for (unsigned i = 0; i < tree->nl2cache; i++)
        vdev_destroy(tree->l2cache[i]);
    free(tree->spares);
    free(tree->l2cache);
    rwlock_destroy(&tree->lock);
    rwlock_destroy(&tree->dtl_lock);
    mutex_destroy(&tree->state_lock);
    free(tree);
}

int vdev_tree_add_aux(struct vdev_tree *tree, const struct nvlist *config, bool l2cache)
{
    struct vdev ***list = l2cache ? &tree->l2cache : &tree->spares;
    unsigned *n = l2cache ? &tree->nl2cache : &tree->nspares;
    if (*n >= VDEV_CHILDREN_MAX)
        return err_raise(ZE_VDEVCONFIG, "too many auxiliary vdevs");
    struct vdev **bigger = realloc(*list, (*n + 1) * sizeof(**list));
    if (bigger == NULL)
        return ZE_NOMEM;
    *list = bigger;
    struct vdev *vd;
    int err = vdev_create(tree, NULL, *n, config, 1, &vd);
    if (err != 0)
        return err;
    if (!vd->ops->leaf) {
        vdev_destroy(vd);
        return err_raise(ZE_VDEVCONFIG, "an auxiliary vdev is not a leaf");
    }
    vd->top = vd;
    vd->ashift = nvlist_u64(config, "ashift", 0);
    if (vd->ashift > VDEV_ASHIFT_MAX)
        vd->ashift = 0;
    vd->is_l2cache = l2cache;
    vd->is_spare = !l2cache;
    bigger[(*n)++] = vd;
    return 0;
}

struct vdev *vdev_tree_top(struct vdev_tree *tree, uint64_t id)
{
    return id < tree->root->nchildren ? tree->root->child[id] : NULL;
}

int vdev_each(struct vdev *vd, int (*fn)(void *arg, struct vdev *vd), void *arg)
{
    int res = fn(arg, vd);
    for (unsigned i = 0; res == 0 && i < vd->nchildren; i++)
        res = vdev_each(vd->child[i], fn, arg);
    return res;
}

struct vdev *vdev_find_guid(struct vdev *root, uint64_t guid)
{
    if (root->guid == guid)
        return root;
    for (unsigned i = 0; i < root->nchildren; i++) {
        struct vdev *found = vdev_find_guid(root->child[i], guid);
        if (found != NULL)
            return found;
    }
    return NULL;
}

uint64_t vdev_guid_sum(const struct vdev *root)
{
    uint64_t sum = root->guid;
    for (unsigned i = 0; i < root->nchildren; i++)
        sum += vdev_guid_sum(root->child[i]);
    return sum;
}

unsigned vdev_copies(const struct vdev *top)
{
    return top->ops->copies != NULL ? top->ops->copies(top) : 1;
}

/* ---- sizes (format/raid.md 1.3) ---- */

static uint64_t vdev_default_asize(const struct vdev *vd, uint64_t psize, uint64_t txg)
{
    uint64_t asize = round_up_pow2(psize, 1ull << vd->top->ashift);
    for (unsigned i = 0; i < vd->nchildren; i++)
        asize = max_of(asize, vdev_psize_to_asize(vd->child[i], psize, txg));
    return asize;
}

uint64_t vdev_psize_to_asize(const struct vdev *top, uint64_t psize, uint64_t txg)
{
    if (top->ops->psize_to_asize != NULL)
        return top->ops->psize_to_asize(top, psize, txg);
    return vdev_default_asize(top, psize, txg);
}

uint64_t vdev_asize_to_psize(const struct vdev *top, uint64_t asize, uint64_t txg)
{
    return top->ops->asize_to_psize != NULL ? top->ops->asize_to_psize(top, asize, txg) : asize;
}

uint64_t vdev_gang_header_asize(const struct vdev *top)
{
    return vdev_psize_to_asize(top, 512, 0);
}

uint64_t vdev_min_asize_required(const struct vdev *vd)
{
    if (vd->parent == NULL)
        return vd->asize;
    if (vd->top == vd)
        return round_down_pow2(vd->asize, 1ull << vd->metaslab_shift);
    const struct vdev *p = vd->parent;
    if (p->ops->min_asize_of_child != NULL)
        return p->ops->min_asize_of_child(p, vd);
    return p->min_asize;
}

void vdev_geometry_ashift(const struct vdev *vd, struct vdev_geometry *geo)
{
    for (unsigned i = 0; i < vd->nchildren; i++) {
        const struct vdev *c = vd->child[i];
        if (!vdev_is_usable(c))
            continue;
        geo->logical_ashift = max_of(geo->logical_ashift, c->logical_ashift);
        geo->physical_ashift = max_of(geo->physical_ashift, c->physical_ashift);
    }
}

/* ---- names ---- */

/* "/dev/disk/by-id/x-part1" of a disk the pool owns whole is shown as "x": tools hide the
 * partition. */
static void vdev_strip_partition(char *name)
{
    size_t len = strlen(name), end = len;
    while (end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9')
        end--;
    if (end == len || end == 0)
        return;
    if (end >= 5 && strncmp(name + end - 5, "-part", 5) == 0)
        name[end - 5] = '\0';
    else if (end >= 2 && name[end - 1] == 'p' && name[end - 2] >= '0' && name[end - 2] <= '9')
        name[end - 1] = '\0';
    else if ((name[0] == 's' || name[0] == 'h' || name[0] == 'v' || name[0] == 'x') && end >= 3)
        name[end] = '\0';
}

static void vdev_leaf_name(const struct vdev *vd, char *buf, size_t len)
{
    if (vd->path == NULL || vd->not_present != 0) {
        snprintf(buf, len, "%llu", (unsigned long long)vd->guid);
        return;
    }
    const char *base = vd->path;
    if (vd->type == VDEV_DISK && strncmp(base, "/dev/", 5) == 0)
        base = strrchr(base, '/') + 1;
    snprintf(buf, len, "%s", base);
    if (vd->type == VDEV_DISK && vd->whole_disk != 0)
        vdev_strip_partition(buf);
}

void vdev_display_name(const struct vdev *vd, char *buf, size_t len)
{
    if (vd->type == VDEV_ROOT || vd->type == VDEV_HOLE) {
        snprintf(buf, len, "%s", vd->ops->name);
        return;
    }
    if (vd->ops->leaf && vd->type != VDEV_MISSING) {
        vdev_leaf_name(vd, buf, len);
        return;
    }
    char base[128];
    if (vd->ops->display_name != NULL)
        vd->ops->display_name(vd, base, sizeof(base));
    else
        snprintf(base, sizeof(base), "%s", vd->ops->name);
    snprintf(buf, len, "%s-%llu", base, (unsigned long long)vd->id);
}

const char *vdev_state_name(enum vdev_state state, enum vdev_aux aux)
{
    switch (state) {
    case VDEV_STATE_CLOSED:
    case VDEV_STATE_OFFLINE:
        return "OFFLINE";
    case VDEV_STATE_REMOVED:
        return "REMOVED";
    case VDEV_STATE_CANT_OPEN:
        if (aux == VDEV_AUX_CORRUPT_DATA || aux == VDEV_AUX_BAD_LOG)
            return "FAULTED";
        return aux == VDEV_AUX_SPLIT_POOL ? "SPLIT" : "UNAVAIL";
    case VDEV_STATE_FAULTED:
        return "FAULTED";
    case VDEV_STATE_DEGRADED:
        return "DEGRADED";
    case VDEV_STATE_HEALTHY:
        return "ONLINE";
    case VDEV_STATE_UNKNOWN:
        break;
    }
    return "UNKNOWN";
}
