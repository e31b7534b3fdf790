/* SPDX-License-Identifier: MIT */
#include "cli/zpool_json.h"

#include <string.h>

static json_t *number(uint64_t n, const struct zpool_json_options *o)
{
    char text[32];

    if (o->as_int || o->literal)
        return cli_json_number(n, o->as_int);
    return json_string(cli_nicenum(n, text));
}

static json_t *exact(uint64_t n, const struct zpool_json_options *o)
{
    return cli_json_number(n, o->as_int);
}

static void add_nonzero(json_t *j, const char *key, uint64_t n, const struct zpool_json_options *o)
{
    if (n != 0)
        json_object_set_new(j, key, number(n, o));
}

static const char *state_text(const struct nvlist *vd)
{
    static const char *const names[] = {"UNKNOWN",   "CLOSED",  "OFFLINE",  "REMOVED",
                                        "CANT_OPEN", "FAULTED", "DEGRADED", "ONLINE"};
    uint64_t state = zpool_stat(vd, VDEV_STAT_STATE);

    return state < array_len(names) ? names[state] : "UNKNOWN";
}

json_t *zpool_json_pool(const struct nvlist *item, const struct zpool_json_options *o)
{
    const struct nvlist *config = nvlist_child(item, "config");
    const struct nvlist *root = config != NULL ? nvlist_child(config, "vdev_tree") : NULL;
    json_t *j = json_object();

    json_object_set_new(j, "name", json_string(nvlist_string(item, "name", "")));
    json_object_set_new(j, "type", json_string("POOL"));
    json_object_set_new(j, "state", json_string(root != NULL ? state_text(root) : "UNAVAIL"));
    json_object_set_new(j, "pool_guid", exact(nvlist_u64(item, "guid", 0), o));
    json_object_set_new(j, "spa_version", json_string("5000"));
    json_object_set_new(j, "zpl_version", json_string("5"));
    if (o->as_int) {
        json_object_set_new(j, "spa_version", json_integer(5000));
        json_object_set_new(j, "zpl_version", json_integer(5));
    }
    return j;
}

static const char *class_of(const struct nvlist *vd, const char *dflt)
{
    const char *class = zpool_vdev_class(vd);

    if (zpool_vdev_is_type(vd, "hole"))
        return "hole";
    if (zpool_vdev_is_type(vd, "dspare"))
        return "spare";
    return class[0] != '\0' ? class : dflt;
}

static json_t *vdev_json(const struct nvlist *vd, const struct nvlist *parent, const char *name,
                         const char *class, const struct zpool_json_options *o, unsigned flags);

/* --json-flat-vdevs: all vdevs below in one object, children first, each with its parent's name. */
static void add_flat(json_t *list, const struct nvlist *vd, const char *class,
                     const struct zpool_json_options *o, unsigned flags)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    bool top = zpool_vdev_is_type(vd, "root");
    char name[4096];

    for (size_t i = 0; i < n; i++) {
        const char *own = class_of(child[i], class);

        if (top && (strcmp(own, "normal") != 0 || zpool_vdev_is_type(child[i], "indirect")))
            continue;
        add_flat(list, child[i], own, o, flags);
        zpool_vdev_name(child[i], flags, name, sizeof(name));
        json_object_set_new(list, name, vdev_json(child[i], vd, name, own, o, flags));
    }
}

static void add_children(json_t *j, const struct nvlist *vd, const char *class,
                         const struct zpool_json_options *o, unsigned flags)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    json_t *list = json_object();
    bool top = zpool_vdev_is_type(vd, "root");
    char name[4096];

    for (size_t i = 0; i < n && !o->flat; i++) {
        const char *own = class_of(child[i], class);

        if (top && (strcmp(own, "normal") != 0 || zpool_vdev_is_type(child[i], "indirect")))
            continue;
        zpool_vdev_name(child[i], flags, name, sizeof(name));
        json_object_set_new(list, name, vdev_json(child[i], vd, name, own, o, flags));
    }
    if (o->flat)
        add_flat(list, vd, class, o, flags);
    if (json_object_size(list) > 0)
        json_object_set(j, "vdevs", list);
    json_decref(list);
}

json_t *zpool_json_vdev_head(const struct nvlist *vd, const char *name, const char *class,
                             const struct zpool_json_options *o)
{
    static const char *const paths[] = {"path", "phys_path", "devid"};
    json_t *j = json_object();

    json_object_set_new(j, "name", json_string(name));
    json_object_set_new(j, "vdev_type", json_string(nvlist_string(vd, "type", "")));
    json_object_set_new(j, "guid", exact(nvlist_u64(vd, "guid", 0), o));
    for (size_t i = 0; i < array_len(paths); i++) {
        if (nvlist_exists(vd, paths[i]))
            json_object_set_new(j, paths[i], json_string(nvlist_string(vd, paths[i], "")));
    }
    json_object_set_new(j, "class", json_string(class));
    json_object_set_new(j, "state", json_string(state_text(vd)));
    return j;
}

static const char *aux_name(uint64_t aux)
{
    static const char *const names[] = {
        [VDEV_AUX_OPEN_FAILED] = "OPEN_FAILED",
        [VDEV_AUX_CORRUPT_DATA] = "CORRUPT_DATA",
        [VDEV_AUX_NO_REPLICAS] = "NO_REPLICAS",
        [VDEV_AUX_BAD_GUID_SUM] = "BAD_GUID_SUM",
        [VDEV_AUX_TOO_SMALL] = "TOO_SMALL",
        [VDEV_AUX_BAD_LABEL] = "BAD_LABEL",
        [VDEV_AUX_VERSION_NEWER] = "VERSION_NEWER",
        [VDEV_AUX_VERSION_OLDER] = "VERSION_OLDER",
        [VDEV_AUX_UNSUP_FEAT] = "UNSUP_FEAT",
        [VDEV_AUX_SPARED] = "SPARED",
        [VDEV_AUX_ERR_EXCEEDED] = "ERR_EXCEEDED",
        [VDEV_AUX_IO_FAILURE] = "IO_FAILURE",
        [VDEV_AUX_BAD_LOG] = "BAD_LOG",
        [VDEV_AUX_EXTERNAL] = "EXTERNAL",
        [VDEV_AUX_SPLIT_POOL] = "SPLIT_POOL",
        [VDEV_AUX_BAD_ASHIFT] = "BAD_ASHIFT",
        [VDEV_AUX_EXTERNAL_PERSIST] = "EXTERNAL_PERSIST",
        [VDEV_AUX_ACTIVE] = "ACTIVE",
        [VDEV_AUX_CHILDREN_OFFLINE] = "CHILDREN_OFFLINE",
        [VDEV_AUX_ASHIFT_TOO_BIG] = "ASHIFT_TOO_BIG",
    };
    const char *name = aux < array_len(names) ? names[aux] : NULL;

    return name != NULL ? name : "UNKNOWN";
}

/* Sizes and counters; spares of a pool have none. */
static void add_stats(json_t *j, const struct nvlist *vd, bool leaf,
                      const struct zpool_json_options *o)
{
    static const struct {
        const char *key;
        enum vdev_stat stat;
        bool of_leaf, of_root;
    } nonzero[] = {
        {"alloc_space", VDEV_STAT_ALLOC, true, true},
        {"total_space", VDEV_STAT_SPACE, true, true},
        {"def_space", VDEV_STAT_DSPACE, true, true},
        {"rep_dev_size", VDEV_STAT_RSIZE, true, false},
        {"ex_dev_size", VDEV_STAT_ESIZE, true, true},
        {"self_healed", VDEV_STAT_SELF_HEALED, true, true},
        {"phys_space", VDEV_STAT_PSPACE, true, false},
    };
    bool root = zpool_vdev_is_type(vd, "root");

    for (size_t i = 0; i < array_len(nonzero); i++) {
        if ((nonzero[i].of_root || !root) && (leaf || nonzero[i].stat != VDEV_STAT_PSPACE))
            add_nonzero(j, nonzero[i].key, zpool_stat(vd, nonzero[i].stat), o);
    }
    json_object_set_new(j, "read_errors", number(zpool_stat(vd, VDEV_STAT_READ_ERRORS), o));
    json_object_set_new(j, "write_errors", number(zpool_stat(vd, VDEV_STAT_WRITE_ERRORS), o));
    json_object_set_new(j, "checksum_errors", number(zpool_stat(vd, VDEV_STAT_CHECKSUM_ERRORS), o));
    add_nonzero(j, "scan_processed", zpool_stat(vd, VDEV_STAT_SCAN_PROCESSED), o);
    if (!root)
        add_nonzero(j, "checkpoint_space", zpool_stat(vd, VDEV_STAT_CHECKPOINT), o);
    add_nonzero(j, "resilver_deferred", zpool_stat(vd, VDEV_STAT_RESILVER_DEFERRED), o);
    if (leaf)
        json_object_set_new(j, "slow_ios", number(zpool_stat(vd, VDEV_STAT_SLOW_IOS), o));
}

static void add_remarks(json_t *j, const struct nvlist *vd, bool leaf,
                        const struct zpool_json_options *o)
{
    uint64_t aux = zpool_stat(vd, VDEV_STAT_AUX),
             ashift = zpool_stat(vd, VDEV_STAT_CONFIGURED_ASHIFT);

    if (nvlist_u64(vd, "not_present", 0) != 0) {
        json_object_set_new(j, "not_present", exact(1, o));
        json_object_set_new(j, "was", json_string(nvlist_string(vd, "path", "")));
    } else if (aux != VDEV_AUX_NONE) {
        json_object_set_new(j, "aux", json_string(aux_name(aux)));
    } else if (leaf && ashift != 0 && ashift < zpool_stat(vd, VDEV_STAT_PHYSICAL_ASHIFT)) {
        json_object_set_new(j, "configured_ashift", exact(ashift, o));
        json_object_set_new(j, "physical_ashift",
                            exact(zpool_stat(vd, VDEV_STAT_PHYSICAL_ASHIFT), o));
    }
    if (nvlist_u64(vd, "removing", 0) != 0)
        json_object_set_new(j, "removing", exact(1, o));
    else if (zpool_stat(vd, VDEV_STAT_NOALLOC) != 0)
        json_object_set_new(j, "noalloc", exact(1, o));
}

static json_t *vdev_json(const struct nvlist *vd, const struct nvlist *parent, const char *name,
                         const char *class, const struct zpool_json_options *o, unsigned flags)
{
    json_t *j = zpool_json_vdev_head(vd, name, class, o);
    size_t nchildren;
    bool leaf;

    (void)zpool_children(vd, "children", &nchildren);
    leaf = nchildren == 0 && !zpool_vdev_is_type(vd, "root");
    if (o->flat && parent != NULL) {
        char above[4096];

        if (zpool_vdev_is_type(parent, "root"))
            snprintf(above, sizeof(above), "%s", o->pool);
        else
            zpool_vdev_name(parent, flags, above, sizeof(above));
        json_object_set_new(j, "parent", json_string(above));
    }
    add_stats(j, vd, leaf, o);
    add_remarks(j, vd, leaf, o);
    add_children(j, vd, class, o, flags);
    return j;
}

static json_t *spare_json(const struct nvlist *vd, const char *name,
                          const struct zpool_json_options *o)
{
    bool used =
        zpool_stat(vd, VDEV_STAT_AUX) == VDEV_AUX_SPARED || nvlist_u64(vd, "spare_in_use", 0) != 0;
    json_t *j = zpool_json_vdev_head(vd, name, "spare", o);

    json_object_set_new(j, "state", json_string(used ? "INUSE" : "AVAIL"));
    if (used)
        json_object_set_new(j, "aux", json_string("SPARED"));
    return j;
}

static void add_class(json_t *pool, const struct nvlist *root, const char *class, const char *key,
                      const struct zpool_json_options *o, unsigned flags)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, "children", &n);
    json_t *list = json_object();
    char name[4096];

    for (size_t i = 0; i < n; i++) {
        if (strcmp(zpool_vdev_class(child[i]), class) != 0 || zpool_vdev_is_type(child[i], "hole"))
            continue;
        zpool_vdev_name(child[i], flags, name, sizeof(name));
        json_object_set_new(list, name, vdev_json(child[i], root, name, class, o, flags));
    }
    if (json_object_size(list) > 0)
        json_object_set(pool, key, list);
    json_decref(list);
}

static void add_aux(json_t *pool, const struct nvlist *root, const char *from, const char *class,
                    const struct zpool_json_options *o, unsigned flags)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, from, &n);
    json_t *list = json_object();
    char name[4096];

    for (size_t i = 0; i < n; i++) {
        zpool_vdev_name(child[i], flags, name, sizeof(name));
        json_object_set_new(list, name,
                            strcmp(class, "spare") == 0
                                ? spare_json(child[i], name, o)
                                : vdev_json(child[i], root, name, class, o, flags));
    }
    if (json_object_size(list) > 0)
        json_object_set(pool, from, list);
    json_decref(list);
}

static json_t *status_of(const struct nvlist *item, const struct zpool_json_options *opt,
                         unsigned flags)
{
    struct zpool_json_options own = *opt, *o = &own;
    const struct nvlist *config = nvlist_child(item, "config");
    const struct nvlist *root = config != NULL ? nvlist_child(config, "vdev_tree") : NULL;
    json_t *j = zpool_json_pool(item, o), *vdevs = json_object();
    const char *name = nvlist_string(item, "name", "");
    struct zpool_reason why;

    own.pool = name;
    json_object_del(j, "type");
    zpool_reason_find(item, false, &why);
    if (why.status != NULL) {
        json_object_set_new(j, "status", json_sprintf("%s\n", why.status));
        json_object_set_new(j, "action", json_sprintf("%s\n", why.action));
    }
    if (why.message_id != NULL) {
        char id[64];

        snprintf(id, sizeof(id), "ZFS-8000-%s", why.message_id);
        json_object_set_new(j, "msgid", json_string(id));
        snprintf(id, sizeof(id), "https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-%s",
                 why.message_id);
        json_object_set_new(j, "moreinfo", json_string(id));
    }
    if (root != NULL) {
        zpool_json_stats(j, root, o, flags);
        if (o->flat)
            add_flat(vdevs, root, "normal", o, flags);
        json_object_set_new(vdevs, name, vdev_json(root, NULL, name, "normal", o, flags));
        json_object_set(j, "vdevs", vdevs);
        add_class(j, root, "dedup", "dedup", o, flags);
        add_class(j, root, "special", "special", o, flags);
        add_class(j, root, "log", "logs", o, flags);
        add_aux(j, root, "l2cache", "l2cache", o, flags);
        add_aux(j, root, "spares", "spare", o, flags);
    }
    json_decref(vdevs);
    json_object_set_new(j, "error_count",
                        number(config != NULL ? nvlist_u64(config, "error_count", 0) : 0, o));
    return j;
}

void zpool_json_status(struct cli *cli, const struct cli_items *items,
                       const struct zpool_json_options *o, unsigned name_flags)
{
    json_t *root = cli_json_begin("zpool status"), *pools = json_object();
    char guid[32];

    for (size_t i = 0; i < items->n; i++) {
        snprintf(guid, sizeof(guid), "%llu",
                 (unsigned long long)nvlist_u64(items->item[i], "guid", 0));
        json_object_set_new(pools, o->key_guid ? guid : nvlist_string(items->item[i], "name", ""),
                            status_of(items->item[i], o, name_flags));
    }
    json_object_set_new(root, "pools", pools);
    cli_json_print(root);
}
