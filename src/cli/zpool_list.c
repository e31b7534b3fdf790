/* SPDX-License-Identifier: MIT */
/* zpool list: pool properties in columns, with -v those of vdevs (format/raid.md 17.6). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/zpool_prop.h"

static const char default_columns[] = "name,size,allocated,free,checkpoint,expandsize,"
                                      "fragmentation,capacity,dedupratio,health,altroot";

struct list_options {
    bool scripted, literal, verbose;
    unsigned name_flags;
    struct zpool_json_options json;
    char *text;
    char *column[ZPOOL_MAX_COLUMNS];
    size_t ncolumns;
    char date;
};

/* ---- options ---- */

static int split_columns(struct list_options *o)
{
    o->ncolumns = cli_split(o->text, o->column, ZPOOL_MAX_COLUMNS);
    for (size_t i = 0; i < o->ncolumns; i++) {
        const char *name = zpool_prop_canonical(o->column[i], false);

        if (name == NULL || strcmp(name, "all") == 0) {
            fprintf(stderr, "bad property list: invalid property '%s'\n", o->column[i]);
            return CLI_USAGE;
        }
        o->column[i] = (char *)name;
    }
    return 0;
}

enum { OPT_JSON_INT = 1000, OPT_KEY_GUID };
static const struct option longs[] = {
    {"json", no_argument, NULL, 'j'},
    {"json-int", no_argument, NULL, OPT_JSON_INT},
    {"json-pool-key-guid", no_argument, NULL, OPT_KEY_GUID},
    {NULL, 0, NULL, 0},
};

static int parse_one(int c, struct list_options *o)
{
    switch (c) {
    case 'g':
        o->name_flags |= VDEV_NAME_GUID;
        return 0;
    case 'L':
        o->name_flags |= VDEV_NAME_FOLLOW;
        return 0;
    case 'P':
        o->name_flags |= VDEV_NAME_PATH;
        return 0;
    case 'H':
        o->scripted = true;
        return 0;
    case 'p':
        o->literal = o->json.literal = true;
        return 0;
    case 'v':
        o->verbose = true;
        return 0;
    case 'j':
        o->json.on = true;
        return 0;
    case 'o':
        free(o->text);
        o->text = mem_strdup(optarg);
        return o->text != NULL ? 0 : CLI_FAILED;
    case 'T':
        o->date = optarg[0];
        return zpool_date_check(optarg) ? 0 : CLI_USAGE;
    case OPT_JSON_INT:
        o->json.as_int = o->json.literal = o->literal = true;
        return 0;
    case OPT_KEY_GUID:
        o->json.key_guid = true;
        return 0;
    default:
        return CLI_USAGE;
    }
}

static int parse_list(int argc, char **argv, struct list_options *o)
{
    int c, err = 0;

    cli_getopt_reset();
    while (err == 0 && (c = cli_getopt(argc, argv, "gjHLo:pPT:v", longs)) != -1)
        err = parse_one(c, o);
    if (err == 0 && !o->json.on && (o->json.as_int || o->json.key_guid)) {
        fprintf(stderr, "'--json-%s' only works with '-j' option\n",
                o->json.as_int ? "int" : "pool-key-guid");
        err = CLI_USAGE;
    }
    if (err == 0 && o->text == NULL)
        o->text = mem_strdup(default_columns);
    return err != 0 ? err : split_columns(o);
}

/* ---- cells of vdevs ---- */

static void capacity_cell(uint64_t alloc, uint64_t space, bool literal, char *buf, size_t len)
{
    double percent = space != 0 ? 100.0 * (double)alloc / (double)space : 0;

    if (literal)
        snprintf(buf, len, "%llu", (unsigned long long)percent);
    else
        snprintf(buf, len,
                 percent < 10    ? "%1.2f%%"
                 : percent < 100 ? "%2.1f%%"
                                 : "%3.0f%%",
                 percent);
}

/* What a vdev shows in the column of a pool property; "-" where the property makes no sense. */
static void vdev_cell(const struct nvlist *vd, const char *prop, bool literal, bool top, char *buf,
                      size_t len)
{
    uint64_t space = zpool_stat(vd, VDEV_STAT_SPACE), alloc = zpool_stat(vd, VDEV_STAT_ALLOC);
    uint64_t pspace = zpool_stat(vd, VDEV_STAT_PSPACE);

    snprintf(buf, len, "-");
    if (strcmp(prop, "size") == 0) {
        uint64_t size = pspace != 0 ? pspace : top ? space : 0;

        if (size != 0)
            zpool_prop_format("size", size, literal, buf, len);
    } else if (strcmp(prop, "expandsize") == 0) {
        zpool_prop_format(prop, zpool_stat(vd, VDEV_STAT_ESIZE), literal, buf, len);
    } else if (strcmp(prop, "health") == 0) {
        snprintf(buf, len, "%s",
                 zpool_state_text(zpool_stat(vd, VDEV_STAT_STATE), zpool_stat(vd, VDEV_STAT_AUX)));
    } else if (!top) {
        return;
    } else if (strcmp(prop, "allocated") == 0) {
        zpool_prop_format(prop, alloc, literal, buf, len);
    } else if (strcmp(prop, "free") == 0) {
        zpool_prop_format(prop, space - alloc, literal, buf, len);
    } else if (strcmp(prop, "checkpoint") == 0) {
        zpool_prop_format(prop, zpool_stat(vd, VDEV_STAT_CHECKPOINT), literal, buf, len);
    } else if (strcmp(prop, "fragmentation") == 0) {
        zpool_prop_format(prop, zpool_stat(vd, VDEV_STAT_FRAGMENTATION), literal, buf, len);
    } else if (strcmp(prop, "capacity") == 0) {
        capacity_cell(alloc, space, literal, buf, len);
    }
}

static const char *spare_state(const struct nvlist *vd)
{
    uint64_t state = zpool_stat(vd, VDEV_STAT_STATE), aux = zpool_stat(vd, VDEV_STAT_AUX);

    if (aux == VDEV_AUX_SPARED || nvlist_u64(vd, "spare_in_use", 0) != 0)
        return "INUSE";
    return state == VDEV_STATE_HEALTHY ? "AVAIL" : zpool_state_text(state, aux);
}

/* ---- the table ---- */

struct lister {
    const struct list_options *o;
    size_t width[ZPOOL_MAX_COLUMNS];
    bool right[ZPOOL_MAX_COLUMNS];
    char header[ZPOOL_MAX_COLUMNS][64];
    char cell[ZPOOL_MAX_COLUMNS][8192];
};

static bool is_name(const struct lister *l, size_t i)
{
    return strcmp(l->o->column[i], "name") == 0;
}

static void start_columns(struct lister *l)
{
    for (size_t i = 0; i < l->o->ncolumns; i++) {
        zpool_prop_header(l->o->column[i], l->header[i], sizeof(l->header[i]));
        l->right[i] = zpool_prop_right_aligned(l->o->column[i]);
        l->width[i] =
            max_of(strlen(l->header[i]), (size_t)(!l->right[i]                             ? 0
                                                  : strcmp(l->o->column[i], "health") == 0 ? 8
                                                                                           : 5));
    }
}

/* Cells up to n; wide: in columns even if scripted. */
static void print_cells(const struct lister *l, size_t n, bool scripted, const char *indent)
{
    fputs(indent, stdout);
    for (size_t i = 0; i < n; i++) {
        const char *cell = l->cell[i];
        bool last = i + 1 == l->o->ncolumns;

        if (i > 0)
            fputs(scripted ? "\t" : "  ", stdout);
        if (scripted || (!l->right[i] && last))
            fputs(cell, stdout);
        else
            printf(l->right[i] ? "%*s" : "%-*s", (int)l->width[i], cell);
    }
    putchar('\n');
}

/* Rows of vdevs have no altroot: what is left out at the end is not printed at all. */
static size_t shown_columns(const struct lister *l)
{
    size_t n = l->o->ncolumns;

    return n > 1 && strcmp(l->o->column[n - 1], "altroot") == 0 ? n - 1 : n;
}

static void print_vdev(struct lister *l, const struct nvlist *vd, size_t depth, bool top,
                       bool spare)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    char name[4096];

    zpool_vdev_name(vd, l->o->name_flags, name, sizeof(name));
    for (size_t i = 0; i < l->o->ncolumns; i++) {
        if (is_name(l, i))
            snprintf(l->cell[i], sizeof(l->cell[i]), "%*s%s", l->o->scripted ? 0 : (int)depth, "",
                     name);
        else if (spare && strcmp(l->o->column[i], "health") == 0)
            snprintf(l->cell[i], sizeof(l->cell[i]), "%s", spare_state(vd));
        else
            vdev_cell(vd, l->o->column[i], l->o->literal, top, l->cell[i], sizeof(l->cell[i]));
    }
    print_cells(l, shown_columns(l), l->o->scripted, l->o->scripted ? "\t" : "");
    for (size_t i = 0; i < n; i++)
        print_vdev(l, child[i], depth + 2, false, spare);
}

/* The headline of a class keeps its columns in scripts, too: so they know it. */
static void print_title(struct lister *l, const char *title)
{
    for (size_t i = 0; i < l->o->ncolumns; i++)
        snprintf(l->cell[i], sizeof(l->cell[i]), "%s", is_name(l, i) ? title : "-");
    print_cells(l, shown_columns(l), false, "");
}

static void print_class(struct lister *l, const struct nvlist *root, const char *class,
                        const char *title)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, "children", &n);
    bool headed = title == NULL;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(zpool_vdev_class(child[i]), class) != 0 || zpool_vdev_is_type(child[i], "hole"))
            continue;
        if (!headed)
            print_title(l, title);
        headed = true;
        print_vdev(l, child[i], 2, !zpool_vdev_is_type(child[i], "indirect"), false);
    }
}

static void print_aux(struct lister *l, const struct nvlist *root, const char *key,
                      const char *title)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, key, &n);

    if (n > 0)
        print_title(l, title);
    for (size_t i = 0; i < n; i++)
        print_vdev(l, child[i], 2, strcmp(key, "l2cache") == 0, strcmp(key, "spares") == 0);
}

static const struct nvlist *root_of(const struct nvlist *item)
{
    const struct nvlist *config = nvlist_child(item, "config");

    return config != NULL ? nvlist_child(config, "vdev_tree") : NULL;
}

static void print_vdevs(struct lister *l, const struct nvlist *item)
{
    const struct nvlist *root = root_of(item);

    if (root == NULL)
        return;
    print_class(l, root, "", NULL);
    print_class(l, root, "dedup", "dedup");
    print_class(l, root, "special", "special");
    print_class(l, root, "log", "logs");
    print_aux(l, root, "l2cache", "cache");
    print_aux(l, root, "spares", "spare");
}

/* With -v the names of vdevs count, and the column has at least ten characters as in status. */
static size_t name_width(const struct list_options *o, const struct nvlist *item, size_t width)
{
    const struct nvlist *root = root_of(item);

    width = max_of(width, strlen(nvlist_string(item, "name", "")));
    return o->verbose && root != NULL
               ? max_of(width, zpool_name_width(root, o->name_flags, 0, width))
               : width;
}

static void pool_cells(struct lister *l, const struct nvlist *item)
{
    for (size_t i = 0; i < l->o->ncolumns; i++)
        (void)zpool_prop_text(item, l->o->column[i], l->o->literal, l->cell[i], sizeof(l->cell[i]),
                              NULL);
}

static void measure(struct lister *l, const struct cli_items *items)
{
    for (size_t p = 0; p < items->n; p++) {
        pool_cells(l, items->item[p]);
        for (size_t i = 0; i < l->o->ncolumns; i++) {
            if (is_name(l, i))
                l->width[i] = name_width(l->o, items->item[p], l->width[i]);
            else if (!l->o->scripted)
                l->width[i] = max_of(l->width[i], strlen(l->cell[i]));
        }
    }
}

static int print_list(const struct cli_items *items, const struct list_options *o)
{
    struct lister *l AUTO_FREE = mem_zalloc(sizeof(*l));

    if (l == NULL)
        return CLI_FAILED;
    l->o = o;
    start_columns(l);
    measure(l, items);
    if (!o->scripted) {
        for (size_t i = 0; i < o->ncolumns; i++)
            snprintf(l->cell[i], sizeof(l->cell[i]), "%s", l->header[i]);
        print_cells(l, o->ncolumns, false, "");
    }
    for (size_t p = 0; p < items->n; p++) {
        pool_cells(l, items->item[p]);
        print_cells(l, o->ncolumns, o->scripted, "");
        if (o->verbose)
            print_vdevs(l, items->item[p]);
    }
    return CLI_OK;
}

/* ---- JSON ---- */

static void json_vdevs(json_t *into, const struct nvlist *vd, const struct list_options *o,
                       const char *class);

/* listed: among the pool's spares, where it is AVAIL or INUSE. */
static json_t *json_vdev(const struct nvlist *vd, const struct list_options *o, const char *class,
                         bool top, bool listed)
{
    char name[4096], text[4096];
    json_t *j, *props = json_object(), *below = json_object();

    zpool_vdev_name(vd, o->name_flags, name, sizeof(name));
    j = zpool_json_vdev_head(vd, name, class, &o->json);
    for (size_t i = 0; i < o->ncolumns; i++) {
        if (strcmp(o->column[i], "name") == 0 || strcmp(o->column[i], "altroot") == 0)
            continue;
        vdev_cell(vd, o->column[i], o->literal, top, text, sizeof(text));
        if (listed && strcmp(o->column[i], "health") == 0)
            snprintf(text, sizeof(text), "%s", spare_state(vd));
        json_object_set_new(props, o->column[i], zpool_prop_json(text, "", o->json.as_int));
    }
    json_object_set_new(j, "properties", props);
    json_vdevs(below, vd, o, class);
    if (json_object_size(below) > 0)
        json_object_set(j, "vdevs", below);
    json_decref(below);
    return j;
}

static void json_vdevs(json_t *into, const struct nvlist *vd, const struct list_options *o,
                       const char *class)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    char name[4096];

    for (size_t i = 0; i < n; i++) {
        zpool_vdev_name(child[i], o->name_flags, name, sizeof(name));
        json_object_set_new(into, name,
                            json_vdev(child[i], o,
                                      zpool_vdev_is_type(child[i], "dspare") ? "spare" : class,
                                      false, false));
    }
}

static void json_class(json_t *into, const struct nvlist *root, const char *from, const char *class,
                       const char *title, const struct list_options *o)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, from, &n);
    json_t *list = title != NULL ? json_object() : json_incref(into);
    bool aux = strcmp(from, "children") != 0, spares = strcmp(from, "spares") == 0;
    char name[4096];

    for (size_t i = 0; i < n; i++) {
        if (!aux && (strcmp(zpool_vdev_class(child[i]), title != NULL ? class : "") != 0 ||
                     zpool_vdev_is_type(child[i], "hole")))
            continue;
        zpool_vdev_name(child[i], o->name_flags, name, sizeof(name));
        json_object_set_new(list, name,
                            json_vdev(child[i], o, class,
                                      !spares && !zpool_vdev_is_type(child[i], "indirect"),
                                      spares));
    }
    if (title != NULL && json_object_size(list) > 0)
        json_object_set(into, title, list);
    json_decref(list);
}

static json_t *json_pool(const struct nvlist *item, const struct list_options *o)
{
    json_t *j = zpool_json_pool(item, &o->json), *props = json_object(), *vdevs = json_object();
    const struct nvlist *root = root_of(item);
    char text[8192];

    for (size_t i = 0; i < o->ncolumns; i++) {
        const char *source;

        if (strcmp(o->column[i], "name") == 0)
            continue;
        (void)zpool_prop_text(item, o->column[i], o->literal, text, sizeof(text), &source);
        json_object_set_new(props, o->column[i], zpool_prop_json(text, source, o->json.as_int));
    }
    json_object_set_new(j, "properties", props);
    if (o->verbose && root != NULL) {
        json_class(vdevs, root, "children", "normal", NULL, o);
        json_class(vdevs, root, "children", "dedup", "dedup", o);
        json_class(vdevs, root, "children", "special", "special", o);
        json_class(vdevs, root, "children", "log", "logs", o);
        json_class(vdevs, root, "l2cache", "l2cache", "l2cache", o);
        json_class(vdevs, root, "spares", "spare", "spares", o);
        json_object_set(j, "vdevs", vdevs);
    }
    json_decref(vdevs);
    return j;
}

static void print_json(const struct cli_items *items, const struct list_options *o)
{
    json_t *root = cli_json_begin("zpool list"), *pools = json_object();
    char guid[32];

    for (size_t p = 0; p < items->n; p++) {
        snprintf(guid, sizeof(guid), "%llu",
                 (unsigned long long)nvlist_u64(items->item[p], "guid", 0));
        json_object_set_new(pools,
                            o->json.key_guid ? guid : nvlist_string(items->item[p], "name", ""),
                            json_pool(items->item[p], o));
    }
    json_object_set_new(root, "pools", pools);
    cli_json_print(root);
}

/* ---- fetching ---- */

int zpool_fetch(struct cli *cli, int n, char **names, struct cli_items *items)
{
    int status = CLI_OK;

    memset(items, 0, sizeof(*items));
    if (n == 0)
        return cli_call_items(cli, "pool_list", NULL, items) != 0 ? CLI_FAILED : CLI_OK;
    for (int i = 0; i < n; i++) {
        AUTO_NVLIST struct nvlist *args = NULL;
        const char *const name[] = {names[i]};
        struct cli_items one = {0};
        int err = nvlist_create(&args);

        err = err != 0 ? err : nvlist_add_string_array(args, "pools", name, 1);
        err = err != 0 ? err : cli_call_items(cli, "pool_list", args, &one);
        if (err != 0)
            status = zpool_cannot(cli, "open", names[i], err);
        if (one.n > 0) {
            struct nvlist **more = reallocarray(items->item, items->n + 1, sizeof(*more));

            if (more != NULL) {
                items->item = more;
                items->item[items->n++] = one.item[0];
                one.n = 0;
            }
        }
        cli_items_free(&one);
    }
    return status;
}

static int report(struct cli *cli, int argc, char **argv, const struct list_options *o)
{
    struct cli_items items;
    int status = zpool_fetch(cli, argc, argv, &items);

    if (o->date != 0 && !o->json.on)
        zpool_date_print(o->date);
    if (items.n == 0 && status == CLI_OK && argc == 0) {
        if (!o->scripted && !o->json.on)
            puts("no pools available");
    } else if (o->json.on) {
        print_json(&items, o);
    } else if (items.n > 0) {
        (void)print_list(&items, o);
    }
    cli_items_free(&items);
    return status;
}

int zpool_list(struct cli *cli, int argc, char **argv)
{
    struct list_options o = {0};
    struct zpool_interval every;
    int status = parse_list(argc, argv, &o);

    if (status != 0) {
        free(o.text);
        return zpool_usage_print(stderr, "list");
    }
    argc -= optind;
    argv += optind;
    if (!zpool_interval_take(&every, &argc, argv)) {
        free(o.text);
        return zpool_usage_print(stderr, "list");
    }
    do
        status = report(cli, argc, argv, &o);
    while (zpool_interval_next(&every));
    free(o.text);
    return status;
}
