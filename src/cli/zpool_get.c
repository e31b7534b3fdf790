/* SPDX-License-Identifier: MIT */
/* zpool get: properties of pools, or of vdevs of one pool (format/dsl.md 12). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zpool_prop.h"

enum { F_NAME, F_PROPERTY, F_VALUE, F_SOURCE, FIELDS };
static const char *const field_names[FIELDS] = {"name", "property", "value", "source"};
static const char *const field_headers[FIELDS] = {"NAME", "PROPERTY", "VALUE", "SOURCE"};

struct get_options {
    bool scripted, literal, vdevs;
    struct zpool_json_options json;
    unsigned field[FIELDS];
    unsigned nfields;
    char *prop[ZPOOL_MAX_COLUMNS];
    size_t nprops;
};

/* ---- options ---- */

static int parse_fields(char *text, struct get_options *o)
{
    char *field[8];
    size_t n = cli_split(text, field, array_len(field));

    o->nfields = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned k = 0;

        if (strcmp(field[i], "all") == 0) {
            for (o->nfields = 0; o->nfields < FIELDS; o->nfields++)
                o->field[o->nfields] = o->nfields;
            return 0;
        }
        while (k < FIELDS && strcmp(field_names[k], field[i]) != 0)
            k++;
        if (k == FIELDS) {
            fprintf(stderr, "invalid column name '%s'\n", field[i]);
            return CLI_USAGE;
        }
        if (o->nfields == FIELDS) {
            fprintf(stderr, "too many fields given to -o option\n");
            return CLI_USAGE;
        }
        o->field[o->nfields++] = k;
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

static int parse_get(int argc, char **argv, struct get_options *o)
{
    int c, err = 0;

    for (o->nfields = 0; o->nfields < FIELDS; o->nfields++)
        o->field[o->nfields] = o->nfields;
    cli_getopt_reset();
    while (err == 0 && (c = cli_getopt(argc, argv, "jHpo:", longs)) != -1) {
        if (c == 'H')
            o->scripted = true;
        else if (c == 'p')
            o->literal = o->json.literal = true;
        else if (c == 'j')
            o->json.on = true;
        else if (c == OPT_JSON_INT)
            o->json.as_int = o->json.literal = o->literal = true;
        else if (c == OPT_KEY_GUID)
            o->json.key_guid = true;
        else
            err = c == 'o' ? parse_fields(optarg, o) : CLI_USAGE;
    }
    if (err == 0 && !o->json.on && (o->json.as_int || o->json.key_guid)) {
        fprintf(stderr, "'--json-%s' only works with '-j' option\n",
                o->json.as_int ? "int" : "pool-key-guid");
        err = CLI_USAGE;
    }
    if (err == 0 && optind == argc) {
        fprintf(stderr, "missing property argument\n");
        err = CLI_USAGE;
    }
    return err;
}

static int take_props(struct get_options *o, char *text)
{
    o->nprops = cli_split(text, o->prop, ZPOOL_MAX_COLUMNS);
    for (size_t i = 0; i < o->nprops; i++) {
        const char *name = zpool_prop_canonical(o->prop[i], o->vdevs);

        if (name == NULL) {
            fprintf(stderr, "bad property list: invalid property '%s'\n", o->prop[i]);
            return CLI_USAGE;
        }
        o->prop[i] = (char *)name;
    }
    return 0;
}

/* ---- output ---- */

/* Calls fn for each property of an item that was asked for, "all" being those the item has. */
typedef void (*prop_fn)(void *arg, const char *prop, const char *value, const char *source);

static void each_prop(const struct get_options *o, const struct nvlist *item, prop_fn fn, void *arg)
{
    const struct nvlist *props = nvlist_child(item, "props");
    const struct nvpair *p = NULL;
    const char *source;
    char text[8192];

    for (size_t i = 0; i < o->nprops; i++) {
        if (strcmp(o->prop[i], "all") != 0) {
            (void)zpool_prop_text(item, o->prop[i], o->literal, text, sizeof(text), &source);
            fn(arg, o->prop[i], text, source);
            continue;
        }
        while (props != NULL && (p = nvlist_next(props, p)) != NULL) {
            (void)zpool_prop_text(item, nvpair_name(p), o->literal, text, sizeof(text), &source);
            fn(arg, nvpair_name(p), text, source);
        }
    }
}

struct printer {
    const struct get_options *o;
    const char *name;
    size_t width[FIELDS];
};

static void measure(void *arg, const char *prop, const char *value, const char *source)
{
    struct printer *p = arg;
    char header[128];

    zpool_prop_header(prop, header, sizeof(header));
    p->width[F_NAME] = max_of(p->width[F_NAME], strlen(p->name));
    p->width[F_PROPERTY] = max_of(p->width[F_PROPERTY], strlen(prop));
    p->width[F_VALUE] = max_of(p->width[F_VALUE], strlen(value));
    p->width[F_VALUE] = max_of(p->width[F_VALUE], strlen(header));
    p->width[F_SOURCE] = max_of(p->width[F_SOURCE], strlen(source));
}

static void print_fields(const struct printer *p, const char *const cell[FIELDS])
{
    const struct get_options *o = p->o;

    for (unsigned i = 0; i < o->nfields; i++) {
        unsigned f = o->field[i];

        if (i > 0)
            fputs(o->scripted ? "\t" : "  ", stdout);
        if (o->scripted || i + 1 == o->nfields)
            fputs(cell[f], stdout);
        else
            printf("%-*s", (int)p->width[f], cell[f]);
    }
    putchar('\n');
}

static void print_prop(void *arg, const char *prop, const char *value, const char *source)
{
    const struct printer *p = arg;
    const char *const cell[FIELDS] = {p->name, prop, value, source};

    print_fields(p, cell);
}

/* Columns fit all pools, but only the first of several vdevs. */
static void print_get(const struct cli_items *items, const struct get_options *o)
{
    struct printer p = {.o = o};

    for (unsigned f = 0; f < FIELDS; f++)
        p.width[f] = strlen(field_headers[f]);
    for (size_t i = 0; i < items->n && (i == 0 || !o->vdevs); i++) {
        p.name = nvlist_string(items->item[i], "name", "?");
        each_prop(o, items->item[i], measure, &p);
    }
    if (!o->scripted && items->n > 0)
        print_fields(&p, field_headers);
    for (size_t i = 0; i < items->n; i++) {
        p.name = nvlist_string(items->item[i], "name", "?");
        each_prop(o, items->item[i], print_prop, &p);
    }
}

struct json_props {
    json_t *into;
    bool as_int;
};

static void json_prop(void *arg, const char *prop, const char *value, const char *source)
{
    const struct json_props *j = arg;

    json_object_set_new(j->into, prop, zpool_prop_json(value, source, j->as_int));
}

static json_t *json_item(json_t *j, const struct nvlist *item, const struct get_options *o)
{
    struct json_props props = {json_object(), o->json.as_int};

    each_prop(o, item, json_prop, &props);
    json_object_set_new(j, "properties", props.into);
    return j;
}

static void print_json(const struct cli_items *items, const struct get_options *o)
{
    json_t *root = cli_json_begin("zpool get"), *all = json_object();
    char guid[32];

    for (size_t i = 0; i < items->n; i++) {
        const char *name = nvlist_string(items->item[i], "name", "");
        json_t *j =
            o->vdevs ? json_pack("{s:s}", "name", name) : zpool_json_pool(items->item[i], &o->json);

        snprintf(guid, sizeof(guid), "%llu",
                 (unsigned long long)nvlist_u64(items->item[i], "guid", 0));
        json_object_set_new(all, o->json.key_guid ? guid : name, json_item(j, items->item[i], o));
    }
    json_object_set_new(root, o->vdevs ? "vdevs" : "pools", all);
    cli_json_print(root);
}

/* ---- what the arguments mean ---- */

static int get_pools(struct cli *cli, int n, char **names, struct cli_items *items)
{
    int status = CLI_OK;

    memset(items, 0, sizeof(*items));
    if (n == 0)
        return cli_call_items(cli, "pool_list", NULL, items) != 0 ? CLI_FAILED : CLI_OK;
    for (int i = 0; i < n && status == CLI_OK; i++) {
        if (!zpool_exists(cli, names[i])) {
            if (cli->z != NULL)
                fprintf(stderr, "Cannot get properties of %s: no such pool available.\n", names[i]);
            status = CLI_FAILED;
        }
    }
    return status != CLI_OK ? status : zpool_fetch(cli, n, names, items);
}

/* The vdevs of a pool with the names that commands show. */
struct vdev_names {
    struct {
        char name[4096], guid[24], path[4096];
    } * v;
    size_t n, cap;
};

static void collect(struct vdev_names *names, const struct nvlist *vd)
{
    static const char *const lists[] = {"children", "spares", "l2cache"};
    bool root = zpool_vdev_is_type(vd, "root");
    size_t n;

    if (zpool_vdev_is_type(vd, "hole") || zpool_vdev_is_type(vd, "indirect"))
        return;
    if (names->n == names->cap) {
        size_t cap = names->cap == 0 ? 16 : 2 * names->cap;
        void *more = reallocarray(names->v, cap, sizeof(*names->v));

        if (more == NULL)
            return;
        names->v = more;
        names->cap = cap;
    }
    zpool_vdev_name(vd, 0, names->v[names->n].name, sizeof(names->v[0].name));
    snprintf(names->v[names->n].guid, sizeof(names->v[0].guid), "%llu",
             (unsigned long long)nvlist_u64(vd, "guid", 0));
    snprintf(names->v[names->n].path, sizeof(names->v[0].path), "%s",
             nvlist_string(vd, "path", ""));
    names->n++;
    for (size_t k = 0; k < array_len(lists) && (k == 0 || root); k++) {
        struct nvlist *const *child = zpool_children(vd, lists[k], &n);

        for (size_t i = 0; i < n; i++)
            collect(names, child[i]);
    }
}

static int vdevs_of(struct cli *cli, char *pool, struct vdev_names *names)
{
    struct cli_items items;
    int status = zpool_fetch(cli, 1, &pool, &items);
    const struct nvlist *config = items.n > 0 ? nvlist_child(items.item[0], "config") : NULL;
    const struct nvlist *root = config != NULL ? nvlist_child(config, "vdev_tree") : NULL;

    if (root != NULL)
        collect(names, root);
    cli_items_free(&items);
    return status;
}

static bool is_named(const struct vdev_names *names, size_t i, const char *arg)
{
    const char *slash = strrchr(names->v[i].path, '/');

    return strcmp(names->v[i].name, arg) == 0 || strcmp(names->v[i].guid, arg) == 0 ||
           strcmp(names->v[i].path, arg) == 0 || (slash != NULL && strcmp(slash + 1, arg) == 0);
}

/* Append the properties of one vdev; a spare or cache device has none. */
static int get_vdev(struct cli *cli, const char *pool, const struct vdev_names *names, size_t i,
                    bool all, struct cli_items *items)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *const guid[] = {names->v[i].guid};
    struct cli_items one;
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_string(args, "pool", pool);
    err = err != 0 ? err : nvlist_add_string_array(args, "vdevs", guid, 1);
    err = err != 0 ? err : cli_call_items(cli, "pool_get", args, &one);
    if (err != 0) {
        if (!all)
            fprintf(stderr,
                    "cannot get vdev properties for %s in %s: invalid argument for this pool "
                    "operation\n",
                    names->v[i].name, pool);
        return all ? CLI_OK : CLI_FAILED;
    }
    if (one.n > 0 && nvlist_add_string(one.item[0], "name", names->v[i].name) == 0) {
        struct nvlist **more = reallocarray(items->item, items->n + 1, sizeof(*more));

        if (more != NULL) {
            items->item = more;
            items->item[items->n++] = one.item[0];
            one.n = 0;
        }
    }
    cli_items_free(&one);
    return CLI_OK;
}

/* POOL VDEV... or POOL all-vdevs; CLI_USAGE after saying which of the names are not vdevs. */
static int get_vdevs(struct cli *cli, char *pool, int n, char **args, struct cli_items *items)
{
    struct vdev_names names = {0};
    bool all = n == 1 && strcmp(args[0], "all-vdevs") == 0, bad = false;
    int status = vdevs_of(cli, pool, &names);

    for (int k = 0; k < n && status == CLI_OK && !all; k++) {
        size_t i = 0;

        while (i < names.n && !is_named(&names, i, args[k]))
            i++;
        if (i < names.n)
            continue;
        if (!bad)
            fprintf(stderr, "Expected a list of vdevs in \"%s\", but got:\n", pool);
        fprintf(stderr, "\t%s (unknown)\n", args[k]);
        bad = true;
    }
    if (bad)
        fputc('\n', stderr);
    for (int k = 0; k < n && status == CLI_OK && !bad; k++) {
        for (size_t i = 0; i < names.n; i++) {
            if ((all || is_named(&names, i, args[k])) &&
                get_vdev(cli, pool, &names, i, all, items) != CLI_OK)
                status = CLI_FAILED;
        }
    }
    free(names.v);
    return bad ? CLI_USAGE : status;
}

int zpool_get(struct cli *cli, int argc, char **argv)
{
    struct get_options o = {0};
    struct cli_items items = {0};
    int status = parse_get(argc, argv, &o), n = argc - optind - 1;
    char *props, **names;

    if (status != 0)
        return zpool_usage_print(stderr, "get");
    props = argv[optind];
    names = argv + optind + 1;
    o.vdevs = n >= 2 && !zpool_exists(cli, names[1]);
    if (take_props(&o, props) != 0)
        return zpool_usage_print(stderr, "get");
    status = o.vdevs ? get_vdevs(cli, names[0], n - 1, names + 1, &items)
                     : get_pools(cli, n, names, &items);
    if (status == CLI_USAGE)
        return zpool_usage_print(stderr, "get");
    if (o.json.on && status == CLI_OK)
        print_json(&items, &o);
    else if (items.n > 0)
        print_get(&items, &o);
    cli_items_free(&items);
    return status;
}
