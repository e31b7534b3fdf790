/* SPDX-License-Identifier: MIT */
/* zfs get (format/dsl.md 18.4, 19.1). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zfs_cli.h"

#define MAX_PROPS 512
#define ALL_TYPES (1u | 2u | 4u | 16u)

enum field { FIELD_NAME, FIELD_PROPERTY, FIELD_VALUE, FIELD_RECEIVED, FIELD_SOURCE, FIELD_COUNT };
static const char *const field_name[] = {"name", "property", "value", "received", "source"};
static const char *const field_header[] = {"NAME", "PROPERTY", "VALUE", "RECEIVED", "SOURCE"};

struct get_options {
    bool scripted, literal, json, json_int, recursive, depth_given, all;
    uint64_t types, depth;
    enum field field[FIELD_COUNT];
    size_t nfields;
    unsigned sources; /* bits by row of source_name; 0: all */
    char *names;      /* owns prop[]'s text */
    const char *prop[MAX_PROPS];
    size_t nprops;
};

static const struct {
    const char *name, *type;
} source_name[] = {{"local", "LOCAL"},       {"default", "DEFAULT"},     {"inherited", "INHERITED"},
                   {"received", "RECEIVED"}, {"temporary", "TEMPORARY"}, {"none", "NONE"}};

/* ---- options ---- */

static int parse_fields(char *text, struct get_options *o)
{
    char *part[16];
    size_t n = cli_split(text, part, array_len(part));

    o->nfields = 0;
    for (size_t i = 0; i < n; i++) {
        size_t f = 0;

        if (strcmp(part[i], "all") == 0) {
            if (i != 0) {
                fprintf(stderr, "\"all\" conflicts with specific fields given to -o option\n");
                return CLI_USAGE;
            }
            for (; f < FIELD_COUNT; f++)
                o->field[o->nfields++] = (enum field)f;
            continue;
        }
        while (f < FIELD_COUNT && strcmp(part[i], field_name[f]) != 0)
            f++;
        if (f == FIELD_COUNT) {
            fprintf(stderr, "invalid column name '%s'\n", part[i]);
            return CLI_USAGE;
        }
        if (o->nfields == FIELD_COUNT) {
            fprintf(stderr, "too many fields given to -o option\n");
            return CLI_USAGE;
        }
        o->field[o->nfields++] = (enum field)f;
    }
    return 0;
}

static int parse_sources(char *text, struct get_options *o)
{
    char *part[16];
    size_t n = cli_split(text, part, array_len(part));

    for (size_t i = 0; i < n; i++) {
        size_t s = 0;

        while (s < array_len(source_name) && strcmp(part[i], source_name[s].name) != 0)
            s++;
        if (s == array_len(source_name)) {
            fprintf(stderr, "invalid source '%s'\n", part[i]);
            return CLI_USAGE;
        }
        o->sources |= 1u << s;
    }
    return 0;
}

static int parse_props(const char *text, struct get_options *o)
{
    char *part[MAX_PROPS];
    size_t n;

    if (strcmp(text, "all") == 0) {
        o->all = true;
        for (size_t i = 0; i < prop_table_count(); i++) {
            if (!prop_table_at(i)->hidden)
                o->prop[o->nprops++] = prop_table_at(i)->name;
        }
        return 0;
    }
    o->names = mem_strdup(text);
    n = o->names == NULL ? 0 : cli_split(o->names, part, MAX_PROPS);
    for (size_t i = 0; i < n; i++) {
        const char *prop = zfs_prop_canonical(part[i]);

        if (prop == NULL) {
            fprintf(stderr, "bad property list: invalid property '%s'\n", part[i]);
            return CLI_USAGE;
        }
        o->prop[o->nprops++] = prop;
    }
    return 0;
}

static int parse_depth(const char *text, struct get_options *o)
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

static int parse_option(int c, struct get_options *o)
{
    switch (c) {
    case 'H':
        o->scripted = true;
        return 0;
    case 'p':
        o->literal = true;
        return 0;
    case 'r':
        o->recursive = true;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case 1000:
        o->json_int = o->literal = true;
        return 0;
    case 'd':
        return parse_depth(optarg, o);
    case 'o':
        return parse_fields(optarg, o);
    case 's':
        return parse_sources(optarg, o);
    case 't':
        return zfs_types_parse(optarg, &o->types) ? 0 : CLI_USAGE;
    default:
        return CLI_USAGE;
    }
}

static int parse(int argc, char **argv, struct get_options *o)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"json-int", no_argument, NULL, 1000},
                                          {NULL, 0, NULL, 0}};
    static const enum field usual[] = {FIELD_NAME, FIELD_PROPERTY, FIELD_VALUE, FIELD_SOURCE};
    int c;

    o->types = ALL_TYPES;
    memcpy(o->field, usual, sizeof(usual));
    o->nfields = array_len(usual);
    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "d:o:s:jrt:Hp", longs)) != -1) {
        if (parse_option(c, o) != 0)
            return CLI_USAGE;
    }
    if (o->json_int && !o->json) {
        fprintf(stderr, "'--json-int' only works with '-j' option\n");
        return CLI_USAGE;
    }
    if (optind == argc) {
        fprintf(stderr, "missing property argument\n");
        return CLI_USAGE;
    }
    return parse_props(argv[optind++], o);
}

/* ---- output ---- */

typedef int (*row_fn)(void *arg, const struct nvlist *item, const char *prop,
                      const struct zfs_value *v);

static bool source_wanted(const struct get_options *o, const struct zfs_value *v)
{
    for (size_t s = 0; o->sources != 0 && s < array_len(source_name); s++) {
        if (strcmp(source_name[s].type, v->source_type) == 0)
            return (o->sources >> s & 1) != 0;
    }
    return o->sources == 0;
}

static int each_value(const struct get_options *o, const struct nvlist *item, row_fn fn, void *arg)
{
    const struct nvlist *props = nvlist_child(item, "props");
    const struct nvpair *p = NULL;
    struct zfs_value *v AUTO_FREE = mem_zalloc(sizeof(*v));
    int err = v == NULL ? ZE_NOMEM : 0;

    for (size_t i = 0; err == 0 && i < o->nprops; i++) {
        zfs_value_get(item, o->prop[i], o->literal, v);
        if ((v->set || !o->all) && source_wanted(o, v))
            err = fn(arg, item, o->prop[i], v);
    }
    while (err == 0 && o->all && props != NULL && (p = nvlist_next(props, p)) != NULL) {
        if (!prop_is_user(nvpair_name(p)))
            continue;
        zfs_value_get(item, nvpair_name(p), o->literal, v);
        if (source_wanted(o, v))
            err = fn(arg, item, nvpair_name(p), v);
    }
    return err;
}

struct text_output {
    const struct get_options *o;
    struct cli_table t;
};

static int add_row(void *arg, const struct nvlist *item, const char *prop,
                   const struct zfs_value *v)
{
    struct text_output *out = arg;
    const char *const all[] = {nvlist_string(item, "name", ""), prop, v->text, v->received,
                               v->source};
    const char *cell[FIELD_COUNT];

    for (size_t f = 0; f < out->o->nfields; f++)
        cell[f] = all[out->o->field[f]];
    return cli_table_add(&out->t, cell);
}

/* Wide enough for every value that a listed property may have, also where it is not shown. */
static void set_widths(struct text_output *out, const struct cli_items *items)
{
    const struct get_options *o = out->o;
    size_t width[FIELD_COUNT];

    for (size_t f = 0; f < FIELD_COUNT; f++)
        width[f] = strlen(field_header[f]);
    for (size_t i = 0; i < o->nprops; i++) {
        width[FIELD_PROPERTY] = max_of(width[FIELD_PROPERTY], strlen(o->prop[i]));
        width[FIELD_VALUE] = max_of(width[FIELD_VALUE], zfs_prop_width(o->prop[i]));
    }
    for (size_t i = 0; i < items->n; i++) {
        size_t len = strlen(nvlist_string(items->item[i], "name", ""));

        width[FIELD_NAME] = max_of(width[FIELD_NAME], len);
        width[FIELD_SOURCE] = max_of(width[FIELD_SOURCE], len + strlen("inherited from "));
    }
    for (size_t f = 0; f < o->nfields; f++) {
        cli_table_column(&out->t, f, field_header[o->field[f]], false);
        out->t.col[f].width = width[o->field[f]];
    }
}

static int print_text(const struct get_options *o, const struct cli_items *items)
{
    struct text_output out = {.o = o};
    int err = cli_table_init(&out.t, o->nfields);

    if (err != 0)
        return CLI_FAILED;
    set_widths(&out, items);
    for (size_t i = 0; err == 0 && i < items->n; i++)
        err = each_value(o, items->item[i], add_row, &out);
    if (out.t.nrows > 0)
        cli_table_print(&out.t, o->scripted, stdout);
    cli_table_free(&out.t);
    return err != 0 ? CLI_FAILED : CLI_OK;
}

struct json_output {
    const struct get_options *o;
    json_t *props;
};

static int add_json(void *arg, const struct nvlist *item, const char *prop,
                    const struct zfs_value *v)
{
    struct json_output *out = arg;

    json_object_set_new(out->props, prop, zfs_json_value(v, prop, out->o->json_int));
    return 0;
}

static int print_json(const struct get_options *o, const struct cli_items *items)
{
    json_t *root = cli_json_begin("zfs get"), *datasets = json_object();
    int err = 0;

    for (size_t i = 0; err == 0 && i < items->n; i++) {
        json_t *j = zfs_json_dataset(items->item[i], o->json_int);
        struct json_output out = {o, json_object()};

        err = each_value(o, items->item[i], add_json, &out);
        json_object_set_new(j, "properties", out.props);
        json_object_set_new(datasets, nvlist_string(items->item[i], "name", ""), j);
    }
    json_object_set_new(root, "datasets", datasets);
    cli_json_print(root);
    return err != 0 ? CLI_FAILED : CLI_OK;
}

/* ---- the command ---- */

static int collect(struct cli *cli, const struct get_options *o, int argc, char **argv,
                   struct cli_items *all)
{
    uint64_t depth = o->depth_given ? o->depth : o->recursive || argc == 0 ? UINT64_MAX : 0;
    const char *const *props = o->all ? NULL : o->prop;
    int status = CLI_OK, err;

    if (argc == 0) {
        err = zfs_collect(cli, NULL, o->types, depth, props, o->nprops, all);
        return err != 0 ? zfs_cannot(cli, "open", "", err) : CLI_OK;
    }
    for (int i = 0; i < argc; i++) {
        char name[512];

        if (!zfs_name_of(cli, argv[i], name, sizeof(name))) {
            status = CLI_FAILED;
            continue;
        }
        err = zfs_collect(cli, name, o->types, depth, props, o->nprops, all);
        if (err != 0)
            status = zfs_cannot(cli, "open", name, err);
    }
    return status;
}

int zfs_get(struct cli *cli, int argc, char **argv)
{
    struct get_options *o AUTO_FREE = mem_zalloc(sizeof(*o));
    struct cli_items all = {0};
    int status = o == NULL ? CLI_FAILED : parse(argc, argv, o);

    if (status == CLI_USAGE) {
        free(o->names);
        return zfs_usage_print(stderr, "get");
    }
    if (o == NULL)
        return status;
    status = collect(cli, o, argc - optind, argv + optind, &all);
    (void)zfs_items_order(&all, &(struct zfs_sort){.n = 0});
    if (o->json)
        status = max_of(status, print_json(o, &all));
    else if (all.n > 0)
        status = max_of(status, print_text(o, &all));
    cli_items_free(&all);
    free(o->names);
    return status;
}
