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
    return class[0] != '\0' ? class : dflt;
}

static json_t *vdev_json(const struct nvlist *vd, const char *name, const char *class,
                         const struct zpool_json_options *o, unsigned flags);

static void add_children(json_t *j, const struct nvlist *vd, const char *class,
                         const struct zpool_json_options *o, unsigned flags, bool top)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    json_t *list = json_object();
    char name[4096];

    for (size_t i = 0; i < n; i++) {
        const char *own = class_of(child[i], class);

        if (top && (strcmp(own, "normal") != 0 || zpool_vdev_is_type(child[i], "indirect")))
            continue;
        zpool_vdev_name(child[i], flags, name, sizeof(name));
        json_object_set_new(list, name, vdev_json(child[i], name, own, o, flags));
    }
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
    if (strcmp(class, "spare") == 0)
        json_object_set_new(
            j, "state", json_string(nvlist_u64(vd, "spare_in_use", 0) != 0 ? "INUSE" : "AVAIL"));
    else
        json_object_set_new(j, "state", json_string(state_text(vd)));
    return j;
}

static json_t *vdev_json(const struct nvlist *vd, const char *name, const char *class,
                         const struct zpool_json_options *o, unsigned flags)
{
    bool root = zpool_vdev_is_type(vd, "root"), spare = strcmp(class, "spare") == 0;
    json_t *j = zpool_json_vdev_head(vd, name, class, o);
    size_t nchildren;

    (void)zpool_children(vd, "children", &nchildren);
    if (!spare) {
        add_nonzero(j, "alloc_space", zpool_stat(vd, VDEV_STAT_ALLOC), o);
        add_nonzero(j, "total_space", zpool_stat(vd, VDEV_STAT_SPACE), o);
        add_nonzero(j, "def_space", zpool_stat(vd, VDEV_STAT_DSPACE), o);
        if (!root)
            add_nonzero(j, "rep_dev_size", zpool_stat(vd, VDEV_STAT_RSIZE), o);
        add_nonzero(j, "ex_dev_size", zpool_stat(vd, VDEV_STAT_ESIZE), o);
        add_nonzero(j, "self_healed", zpool_stat(vd, VDEV_STAT_SELF_HEALED), o);
        if (nchildren == 0)
            add_nonzero(j, "phys_space", zpool_stat(vd, VDEV_STAT_PSPACE), o);
        json_object_set_new(j, "read_errors", number(zpool_stat(vd, VDEV_STAT_READ_ERRORS), o));
        json_object_set_new(j, "write_errors", number(zpool_stat(vd, VDEV_STAT_WRITE_ERRORS), o));
        json_object_set_new(j, "checksum_errors",
                            number(zpool_stat(vd, VDEV_STAT_CHECKSUM_ERRORS), o));
        if (nchildren == 0)
            json_object_set_new(j, "slow_ios", number(zpool_stat(vd, VDEV_STAT_SLOW_IOS), o));
    }
    if (nvlist_u64(vd, "not_present", 0) != 0) {
        json_object_set_new(j, "not_present", exact(1, o));
        json_object_set_new(j, "was", json_string(nvlist_string(vd, "path", "")));
    }
    add_children(j, vd, class, o, flags, root);
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
        json_object_set_new(list, name, vdev_json(child[i], name, class, o, flags));
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
        json_object_set_new(list, name, vdev_json(child[i], name, class, o, flags));
    }
    if (json_object_size(list) > 0)
        json_object_set(pool, from, list);
    json_decref(list);
}

static json_t *status_of(const struct nvlist *item, const struct zpool_json_options *o,
                         unsigned flags)
{
    const struct nvlist *config = nvlist_child(item, "config");
    const struct nvlist *root = config != NULL ? nvlist_child(config, "vdev_tree") : NULL;
    json_t *j = zpool_json_pool(item, o), *vdevs = json_object();
    const char *name = nvlist_string(item, "name", "");
    struct zpool_reason why;

    json_object_del(j, "type");
    zpool_reason_find(item, false, &why);
    if (why.status != NULL) {
        json_object_set_new(j, "status", json_string(why.status));
        json_object_set_new(j, "action", json_string(why.action));
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
        json_object_set_new(vdevs, name, vdev_json(root, name, "normal", o, flags));
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
