/* SPDX-License-Identifier: MIT */
/* zfs list (format/dsl.md 18.4). */
#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zfs_cli.h"

#define MAX_COLUMNS 128

static const char default_columns[] = "name,used,available,referenced,mountpoint";
static const char space_columns[] =
    "name,available,used,usedbysnapshots,usedbydataset,usedbyrefreservation,usedbychildren";

struct list_options {
    bool scripted, literal, json, json_int;
    uint64_t types, depth;
    bool types_given, recursive, depth_given;
    char *columns;
    const char *column[MAX_COLUMNS];
    size_t ncolumns;
    struct zfs_sort sort;
};

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
        t.col[c].width = max_of(t.col[c].width, zfs_prop_width(o->column[c]));
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
    bool number = as_int && (p == NULL || p->kind != PROP_STRING) &&
                  isdigit((unsigned char)v->text[0]) && *end == '\0';

    json_object_set_new(
        j, "value", number && n <= INT64_MAX ? json_integer((json_int_t)n) : json_string(v->text));
    json_object_set_new(j, "source",
                        json_pack("{s:s, s:s}", "type", v->source_type, "data", v->source_data));
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

    if (prop == NULL || o->sort.n == array_len(o->sort.key)) {
        fprintf(stderr, "invalid property '%s'\n", name);
        return CLI_USAGE;
    }
    o->sort.key[o->sort.n++] = (struct zfs_sort_key){prop, descending};
    return 0;
}

static int parse_columns(struct list_options *o)
{
    char *field[MAX_COLUMNS];
    size_t n = cli_split(o->columns, field, MAX_COLUMNS);

    if (n == 1 && strcmp(field[0], "all") == 0) {
        o->column[o->ncolumns++] = "name";
        for (size_t i = 0; i < prop_table_count() && o->ncolumns < MAX_COLUMNS; i++) {
            if (!prop_table_at(i)->hidden)
                o->column[o->ncolumns++] = prop_table_at(i)->name;
        }
        return 0;
    }
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

static int collect(struct cli *cli, const struct list_options *o, const char *root,
                   struct cli_items *items)
{
    const char *props[MAX_COLUMNS + array_len(o->sort.key)];
    size_t n = 0;
    uint64_t depth = o->depth_given                 ? o->depth
                     : o->recursive || root == NULL ? UINT64_MAX
                                                    : 0,
             types = o->types;

    for (size_t i = 0; i < o->ncolumns; i++)
        props[n++] = o->column[i];
    for (size_t i = 0; i < o->sort.n; i++)
        props[n++] = o->sort.key[i].prop;
    if (root != NULL && !o->depth_given && !o->recursive && o->types_given && (o->types & 5) == 0)
        depth = 1;
    if (root != NULL && !o->types_given)
        types |= strchr(root, '@') != NULL ? 2 : strchr(root, '#') != NULL ? 16 : 0;
    return zfs_collect(cli, root, types, depth, props, n, items);
}

/* Without names: everything. */
static int collect_all(struct cli *cli, const struct list_options *o, int argc, char **argv,
                       struct cli_items *all)
{
    int status = CLI_OK;

    if (argc == 0) {
        int err = collect(cli, o, NULL, all);

        return err != 0 ? zfs_cannot(cli, "open", "", err) : CLI_OK;
    }
    for (int i = 0; i < argc; i++) {
        char name[512];
        int err;

        if (!zfs_name_of(cli, argv[i], name, sizeof(name))) {
            status = CLI_FAILED;
            continue;
        }
        err = collect(cli, o, name, all);
        if (err != 0)
            status = zfs_cannot(cli, "open", name, err);
    }
    return status;
}

int zfs_list(struct cli *cli, int argc, char **argv)
{
    struct list_options o = {0};
    struct cli_items all = {0};
    int status = parse(argc, argv, &o);

    if (status != 0) {
        free(o.columns);
        return zfs_usage_print(stderr, "list");
    }
    status = collect_all(cli, &o, argc - optind, argv + optind, &all);
    (void)zfs_items_order(&all, &o.sort);
    if (o.json)
        (void)print_json(&all, &o);
    else if (all.n > 0)
        (void)print_text(&all, &o);
    if (all.n == 0 && status == CLI_OK && optind == argc && !o.scripted)
        fprintf(stderr, "no datasets available\n");
    cli_items_free(&all);
    free(o.columns);
    return status;
}
