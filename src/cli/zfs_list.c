/* SPDX-License-Identifier: MIT */
/* zfs list (format/dsl.md 18.4). */
#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zfs_cli.h"

#define MAX_COLUMNS 128
#define MAX_SORTS   32

static const char default_columns[] = "name,used,available,referenced,mountpoint";
static const char space_columns[] = "name,available,used,usedbysnapshots,usedbydataset,usedbyrefreservation,usedbychildren";

struct sort_key {
    const char *prop;
    bool descending;
};
struct list_options {
    bool scripted, literal, json, json_int;
    uint64_t types, depth;
    bool types_given, recursive, depth_given;
    char *columns;
    const char *column[MAX_COLUMNS];
    size_t ncolumns;
    struct sort_key sort[MAX_SORTS];
    size_t nsorts;
};

/* ---- order ---- */

/* Datasets by name; snapshots and bookmarks behind their dataset, by createtxg. */
static int by_default(const struct nvlist *a, const struct nvlist *b)
{
    const char *x = nvlist_string(a, "name", ""), *y = nvlist_string(b, "name", "");
    size_t lx = strcspn(x, "@#"), ly = strcspn(y, "@#");
    int c = strncmp(x, y, min_of(lx, ly));
    uint64_t tx, ty;

    if (c != 0)
        return c;
    if (lx != ly)
        return lx < ly ? -1 : 1;
    if (x[lx] == '\0' || y[ly] == '\0')
        return (x[lx] != '\0') - (y[ly] != '\0');
    if (x[lx] != y[ly]) /* snapshots before bookmarks */
        return x[lx] == '@' ? -1 : 1;
    tx = nvlist_u64(a, "createtxg", 0);
    ty = nvlist_u64(b, "createtxg", 0);
    if (tx != ty)
        return tx < ty ? -1 : 1;
    return strcmp(x, y);
}

static const struct nvpair *raw_value(const struct nvlist *item, const char *prop)
{
    struct nvlist *props = nvlist_child(item, "props");
    struct nvlist *entry = props != NULL ? nvlist_child(props, prop) : NULL;

    return entry != NULL ? nvlist_find(entry, "value") : NULL;
}

/* Ascending; *invalid: one of them has no such property, then it sorts last in both directions. */
static int by_prop(const struct nvlist *a, const struct nvlist *b, const char *prop, bool *invalid)
{
    const struct nvpair *x, *y;
    const char *sx, *sy;
    uint64_t nx = 0, ny = 0;

    *invalid = false;
    if (strcmp(prop, "name") == 0)
        return strcmp(nvlist_string(a, "name", ""), nvlist_string(b, "name", ""));
    x = raw_value(a, prop);
    y = raw_value(b, prop);
    if (x == NULL || y == NULL) {
        *invalid = (x == NULL) != (y == NULL);
        return (x == NULL) - (y == NULL);
    }
    if (nvpair_string(x, &sx) == 0 && nvpair_string(y, &sy) == 0)
        return strcmp(sx, sy);
    (void)nvpair_u64(x, &nx);
    (void)nvpair_u64(y, &ny);
    return nx < ny ? -1 : nx > ny;
}

static int compare(const struct nvlist *a, const struct nvlist *b, const struct list_options *o)
{
    for (size_t i = 0; i < o->nsorts; i++) {
        bool invalid;
        int c = by_prop(a, b, o->sort[i].prop, &invalid);

        if (c != 0)
            return o->sort[i].descending && !invalid ? -c : c;
    }
    return by_default(a, b);
}

/* Stable merge sort: a comparison that needs the options. */
static void sort_items(struct nvlist **v, struct nvlist **tmp, size_t n, const struct list_options *o)
{
    size_t mid = n / 2, i = 0, j = mid, k = 0;

    if (n < 2)
        return;
    sort_items(v, tmp, mid, o);
    sort_items(v + mid, tmp, n - mid, o);
    while (i < mid || j < n)
        tmp[k++] = j == n || (i < mid && compare(v[i], v[j], o) <= 0) ? v[i++] : v[j++];
    memcpy(v, tmp, n * sizeof(*v));
}

static void drop_duplicates(struct cli_items *items)
{
    size_t kept = 0;

    for (size_t i = 0; i < items->n; i++) {
        if (kept > 0 && strcmp(nvlist_string(items->item[i], "name", ""),
                               nvlist_string(items->item[kept - 1], "name", "")) == 0)
            nvlist_free(items->item[i]);
        else
            items->item[kept++] = items->item[i];
    }
    items->n = kept;
}

/* ---- output ---- */

static int print_text(const struct cli_items *items, const struct list_options *o)
{
    struct cli_table t;
    const char *cell[MAX_COLUMNS];
    struct zfs_value *v AUTO_FREE = mem_calloc(o->ncolumns, sizeof(*v));
    char header[MAX_COLUMNS][64];

    if (v == NULL || cli_table_init(&t, o->ncolumns) != 0)
        return CLI_FAILED;
    for (size_t c = 0; c < o->ncolumns; c++) {
        zfs_prop_header(o->column[c], header[c], sizeof(header[c]));
        cli_table_column(&t, c, header[c], zfs_prop_right_aligned(o->column[c]));
    }
    for (size_t i = 0; i < items->n; i++) {
        for (size_t c = 0; c < o->ncolumns; c++) {
            zfs_value_get(items->item[i], o->column[c], o->literal, &v[c]);
            cell[c] = v[c].text;
        }
        (void)cli_table_add(&t, cell);
    }
    cli_table_print(&t, o->scripted, stdout);
    cli_table_free(&t);
    return CLI_OK;
}

json_t *zfs_json_value(const struct zfs_value *v, const char *prop, bool as_int)
{
    const struct prop_def *p = prop_find(prop);
    char *end;
    unsigned long long n = strtoull(v->text, &end, 10);
    json_t *j = json_object();
    bool number = as_int && p != NULL && p->kind == PROP_NUMBER && isdigit((unsigned char)v->text[0]) && *end == '\0';

    json_object_set_new(j, "value", number && n <= INT64_MAX ? json_integer((json_int_t)n) : json_string(v->text));
    json_object_set_new(j, "source", json_pack("{s:s, s:s}", "type", v->source_type, "data", v->source_data));
    return j;
}

json_t *zfs_json_dataset(const struct nvlist *item, bool as_int)
{
    static const struct {
        uint64_t type;
        const char *name;
    } rows[] = {{1, "FILESYSTEM"}, {2, "SNAPSHOT"}, {4, "VOLUME"}, {16, "BOOKMARK"}};
    const char *name = nvlist_string(item, "name", ""), *type = "";
    json_t *j = json_object();

    for (size_t i = 0; i < array_len(rows); i++) {
        if (rows[i].type == nvlist_u64(item, "type", 0))
            type = rows[i].name;
    }
    json_object_set_new(j, "name", json_string(name));
    json_object_set_new(j, "type", json_string(type));
    json_object_set_new(j, "pool", json_string(nvlist_string(item, "pool", "")));
    json_object_set_new(j, "createtxg", cli_json_number(nvlist_u64(item, "createtxg", 0), as_int));
    if (strchr(name, '@') != NULL) {
        json_object_set_new(j, "dataset", json_stringn(name, strcspn(name, "@")));
        json_object_set_new(j, "snapshot_name", json_string(strchr(name, '@') + 1));
    }
    return j;
}

static int print_json(const struct cli_items *items, const struct list_options *o)
{
    json_t *root = cli_json_begin("zfs list"), *datasets = json_object();
    struct zfs_value *v AUTO_FREE = mem_zalloc(sizeof(*v));

    for (size_t i = 0; v != NULL && i < items->n; i++) {
        json_t *j = zfs_json_dataset(items->item[i], o->json_int), *props = json_object();

        for (size_t c = 0; c < o->ncolumns; c++) {
            if (strcmp(o->column[c], "name") == 0)
                continue;
            zfs_value_get(items->item[i], o->column[c], o->literal || o->json_int, v);
            json_object_set_new(props, o->column[c], zfs_json_value(v, o->column[c], o->json_int));
        }
        json_object_set_new(j, "properties", props);
        json_object_set_new(datasets, nvlist_string(items->item[i], "name", ""), j);
    }
    json_object_set_new(root, "datasets", datasets);
    cli_json_print(root);
    return CLI_OK;
}

/* ---- options ---- */

static int add_sort(struct list_options *o, const char *name, bool descending)
{
    const char *prop = strcmp(name, "name") == 0 ? "name" : zfs_prop_canonical(name);

    if (prop == NULL || o->nsorts == MAX_SORTS) {
        fprintf(stderr, "invalid property '%s'\n", name);
        return CLI_USAGE;
    }
    o->sort[o->nsorts++] = (struct sort_key){prop, descending};
    return 0;
}

static int parse_columns(struct list_options *o)
{
    char *field[MAX_COLUMNS];
    size_t n = cli_split(o->columns, field, MAX_COLUMNS);

    for (size_t i = 0; i < n; i++) {
        const char *prop = strcmp(field[i], "name") == 0 ? "name" : zfs_prop_canonical(field[i]);

        if (prop == NULL) {
            fprintf(stderr, "bad property list: invalid property '%s'\n", field[i]);
            return CLI_USAGE;
        }
        o->column[o->ncolumns++] = prop;
    }
    return 0;
}

static const struct option longs[] = {
    {"json", no_argument, NULL, 'j'},
    {"json-int", no_argument, NULL, 1000},
    {NULL, 0, NULL, 0},
};

static int parse_depth(const char *text, struct list_options *o)
{
    char *end;

    o->depth = strtoull(text, &end, 10);
    if (*end != '\0' || end == text) {
        fprintf(stderr, "%s is not an integer\n", text);
        return CLI_USAGE;
    }
    o->depth_given = true;
    return 0;
}

static int parse(int argc, char **argv, struct list_options *o)
{
    int c, err = 0;

    o->types = 1 | 4;
    cli_getopt_reset();
    while (err == 0 && (c = cli_getopt(argc, argv, "HS:d:jo:prs:t:", longs)) != -1) {
        switch (c) {
        case 'H':
            o->scripted = true;
            break;
        case 'p':
            o->literal = true;
            break;
        case 'j':
            o->json = true;
            break;
        case 1000:
            o->json_int = o->literal = true;
            break;
        case 'r':
            o->recursive = true;
            break;
        case 'd':
            err = parse_depth(optarg, o);
            break;
        case 'o':
            free(o->columns);
            o->columns = mem_strdup(strcmp(optarg, "space") == 0 ? space_columns : optarg);
            break;
        case 's':
        case 'S':
            err = add_sort(o, optarg, c == 'S');
            break;
        case 't':
            o->types_given = true;
            if (!zfs_types_parse(optarg, &o->types))
                err = CLI_USAGE;
            break;
        default:
            err = CLI_USAGE;
        }
    }
    if (err == 0 && o->json_int && !o->json) {
        fprintf(stderr, "'--json-int' only works with '-j' option\n");
        err = CLI_USAGE;
    }
    if (err == 0 && o->columns == NULL)
        o->columns = mem_strdup(default_columns);
    return err != 0 ? err : parse_columns(o);
}

static int collect(struct cli *cli, const struct list_options *o, const char *root, struct cli_items *items)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *props[MAX_COLUMNS + MAX_SORTS];
    size_t n = 0;
    uint64_t depth = o->depth_given ? o->depth : o->recursive || root == NULL ? UINT64_MAX : 0;
    int err = nvlist_create(&args);

    for (size_t i = 0; i < o->ncolumns; i++)
        props[n++] = o->column[i];
    for (size_t i = 0; i < o->nsorts; i++)
        props[n++] = o->sort[i].prop;
    if (root != NULL && !o->depth_given && !o->recursive && o->types_given && (o->types & 5) == 0)
        depth = 1;
    err = err != 0 ? err : nvlist_add_string_array(args, "props", props, n);
    err = err != 0 ? err : nvlist_add_u64(args, "types", o->types);
    err = err != 0 ? err : nvlist_add_u64(args, "depth", depth);
    if (root != NULL) {
        uint64_t types = o->types | (strchr(root, '@') != NULL ? 2 : strchr(root, '#') != NULL ? 16 : 0);

        if (!o->types_given)
            err = err != 0 ? err : nvlist_add_u64(args, "types", types);
        err = err != 0 ? err : nvlist_add_string_array(args, "roots", &root, 1);
    }
    return err != 0 ? err : cli_call_items(cli, "dataset_list", args, items);
}

int zfs_list(struct cli *cli, int argc, char **argv)
{
    struct list_options o = {0};
    struct cli_items all = {0};
    struct nvlist **tmp AUTO_FREE = NULL;
    int status = CLI_OK, err = parse(argc, argv, &o);
    bool named = argc > optind;

    if (err != 0) {
        free(o.columns);
        return zfs_usage_print(stderr, "list");
    }
    for (int i = optind; i < argc || !named; i++) {
        struct cli_items part = {0};

        err = collect(cli, &o, named ? argv[i] : NULL, &part);
        if (err != 0)
            status = zfs_cannot(cli, "open", named ? argv[i] : "", err);
        for (size_t k = 0; k < part.n; k++) {
            struct nvlist **more = reallocarray(all.item, all.n + 1, sizeof(*more));

            if (more == NULL)
                break;
            all.item = more;
            all.item[all.n++] = part.item[k];
        }
        free(part.item);
        if (!named)
            break;
    }
    tmp = mem_calloc(all.n + 1, sizeof(*tmp));
    if (tmp != NULL)
        sort_items(all.item, tmp, all.n, &o);
    drop_duplicates(&all);
    if (o.json)
        (void)print_json(&all, &o);
    else if (all.n > 0)
        (void)print_text(&all, &o);
    else if (status == CLI_OK && !named)
        fprintf(stderr, "no datasets available\n");
    cli_items_free(&all);
    free(o.columns);
    return status;
}
