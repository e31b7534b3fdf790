/* SPDX-License-Identifier: MIT */
/* zpool list and get: pool properties in columns (format/raid.md 17.6). */
#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/zpool_cli.h"
#include "cli/zpool_json.h"

#define MAX_COLUMNS 128

static const char default_columns[] =
    "name,size,allocated,free,checkpoint,expandsize,fragmentation,capacity,dedupratio,health,altroot";

/* How pool properties are shown; the rest are strings. */
enum kind { K_STRING, K_BYTES, K_PERCENT, K_RATIO, K_NUMBER };
static const struct {
    const char *name, *alias, *header;
    enum kind kind;
} columns[] = {
    {"name", "name", "NAME", K_STRING},
    {"size", "size", "SIZE", K_BYTES},
    {"allocated", "alloc", "ALLOC", K_BYTES},
    {"free", "free", "FREE", K_BYTES},
    {"checkpoint", "ckpoint", "CKPOINT", K_BYTES},
    {"expandsize", "expandsz", "EXPANDSZ", K_BYTES},
    {"fragmentation", "frag", "FRAG", K_PERCENT},
    {"capacity", "cap", "CAP", K_PERCENT},
    {"dedupratio", "dedup", "DEDUP", K_RATIO},
    {"bcloneratio", "bclone_ratio", "BCLONE_RATIO", K_RATIO},
    {"bcloneused", "bclone_used", "BCLONE_USED", K_BYTES},
    {"bclonesaved", "bclone_saved", "BCLONE_SAVED", K_BYTES},
    {"dedup_table_size", "ddtsize", "DDTSIZE", K_BYTES},
    {"freeing", "freeing", "FREEING", K_BYTES},
    {"leaked", "leaked", "LEAKED", K_BYTES},
    {"health", "health", "HEALTH", K_STRING},
    {"altroot", "altroot", "ALTROOT", K_STRING},
    {"guid", "guid", "GUID", K_NUMBER},
    {"load_guid", "load_guid", "LOAD_GUID", K_NUMBER},
    {"ashift", "ashift", "ASHIFT", K_NUMBER},
    {"version", "version", "VERSION", K_NUMBER},
    {"last_scrubbed_txg", "last_scrubbed_txg", "LAST_SCRUBBED_TXG", K_NUMBER},
};

static int column_index(const char *name)
{
    for (size_t i = 0; i < array_len(columns); i++) {
        if (strcmp(columns[i].name, name) == 0 || strcmp(columns[i].alias, name) == 0)
            return (int)i;
    }
    return -1;
}

static enum kind kind_of(const char *prop)
{
    int i = column_index(prop);

    return i >= 0 ? columns[i].kind : K_STRING;
}

static void format_u64(const char *prop, uint64_t v, bool literal, char *buf, size_t len)
{
    bool zero_is_unset = strcmp(prop, "checkpoint") == 0 || strcmp(prop, "expandsize") == 0;
    char num[32];

    if (v == UINT64_MAX || (v == 0 && zero_is_unset)) {
        snprintf(buf, len, "-");
        return;
    }
    switch (kind_of(prop)) {
    case K_BYTES:
        snprintf(buf, len, "%s", literal ? (sprintf(num, "%llu", (unsigned long long)v), num) : cli_nicenum(v, num));
        break;
    case K_PERCENT:
        snprintf(buf, len, "%llu%s", (unsigned long long)v, literal ? "" : "%");
        break;
    case K_RATIO:
        snprintf(buf, len, "%s", cli_ratio(v, literal, num));
        break;
    default:
        snprintf(buf, len, "%llu", (unsigned long long)v);
    }
}

/* Text of a property of a pool_list item; false if the pool does not know it. */
static bool prop_text(const struct nvlist *item, const char *prop, bool literal, char *buf, size_t len,
                      const char **source)
{
    const struct nvlist *props = nvlist_child(item, "props");
    const struct nvlist *entry = props != NULL ? nvlist_child(props, prop) : NULL;
    const struct nvpair *value;
    const char *text;
    uint64_t v;

    if (source != NULL)
        *source = "-";
    if (strcmp(prop, "name") == 0) {
        snprintf(buf, len, "%s", nvlist_string(item, "name", "-"));
        return true;
    }
    value = entry != NULL ? nvlist_find(entry, "value") : NULL;
    snprintf(buf, len, "-");
    if (value == NULL)
        return false;
    if (source != NULL && nvlist_string(entry, "source", "")[0] != '\0')
        *source = nvlist_string(entry, "source", "");
    if (nvpair_string(value, &text) == 0)
        snprintf(buf, len, "%s", text[0] != '\0' ? text : "-");
    else if (nvpair_u64(value, &v) == 0)
        format_u64(prop, v, literal, buf, len);
    return true;
}

/* ---- options ---- */

struct list_options {
    bool scripted, literal, verbose;
    unsigned name_flags;
    struct zpool_json_options json;
    char *text;
    char *column[MAX_COLUMNS];
    size_t ncolumns;
    char date;
};

static bool is_property_name(const char *name)
{
    return column_index(name) >= 0 || strncmp(name, "feature@", 8) == 0 || strchr(name, ':') != NULL ||
           strncmp(name, "unsupported@", 12) == 0;
}

/* Names that only `get` shows by default, as the properties of a pool list them. */
static const char *const other_props[] = {"delegation",  "autoreplace",   "cachefile",     "failmode",
                                          "listsnapshots", "autoexpand",  "readonly",      "comment",
                                          "multihost",   "autotrim",      "compatibility", "bootfs",
                                          "dedup_table_quota", "all"};

static const char *canonical(const char *name)
{
    int i = column_index(name);

    if (i >= 0)
        return columns[i].name;
    if (is_property_name(name))
        return name;
    for (size_t k = 0; k < array_len(other_props); k++) {
        if (strcmp(other_props[k], name) == 0)
            return name;
    }
    return NULL;
}

static int split_columns(struct list_options *o)
{
    o->ncolumns = cli_split(o->text, o->column, MAX_COLUMNS);
    for (size_t i = 0; i < o->ncolumns; i++) {
        const char *name = canonical(o->column[i]);

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

static int parse_list(int argc, char **argv, struct list_options *o)
{
    int c, err = 0;

    cli_getopt_reset();
    while (err == 0 && (c = cli_getopt(argc, argv, "gjHLo:pPT:v", longs)) != -1) {
        switch (c) {
        case 'g':
            o->name_flags |= VDEV_NAME_GUID;
            break;
        case 'L':
            o->name_flags |= VDEV_NAME_FOLLOW;
            break;
        case 'P':
            o->name_flags |= VDEV_NAME_PATH;
            break;
        case 'H':
            o->scripted = true;
            break;
        case 'p':
            o->literal = o->json.literal = true;
            break;
        case 'v':
            o->verbose = true;
            break;
        case 'j':
            o->json.on = true;
            break;
        case 'o':
            free(o->text);
            o->text = mem_strdup(optarg);
            break;
        case 'T':
            o->date = optarg[0];
            break;
        case OPT_JSON_INT:
            o->json.as_int = o->json.literal = o->literal = true;
            break;
        case OPT_KEY_GUID:
            o->json.key_guid = true;
            break;
        default:
            err = CLI_USAGE;
        }
    }
    if (err == 0 && o->text == NULL)
        o->text = mem_strdup(default_columns);
    return err != 0 ? err : split_columns(o);
}

/* ---- vdev rows of list -v ---- */

static void vdev_cell(const struct nvlist *vd, const char *prop, bool literal, bool top, bool leaf, char *buf,
                      size_t len)
{
    uint64_t space = zpool_stat(vd, VDEV_STAT_SPACE), alloc = zpool_stat(vd, VDEV_STAT_ALLOC);
    uint64_t pspace = zpool_stat(vd, VDEV_STAT_PSPACE), frag = zpool_stat(vd, VDEV_STAT_FRAGMENTATION);
    double percent = space != 0 ? 100.0 * (double)alloc / (double)space : 0;

    snprintf(buf, len, "-");
    if (strcmp(prop, "size") == 0) {
        uint64_t size = leaf && pspace != 0 ? pspace : top ? space : pspace;

        if (size != 0)
            format_u64("size", size, literal, buf, len);
    } else if (strcmp(prop, "allocated") == 0 && top) {
        format_u64("size", alloc, literal, buf, len);
    } else if (strcmp(prop, "free") == 0 && top) {
        format_u64("size", space - alloc, literal, buf, len);
    } else if (strcmp(prop, "checkpoint") == 0 && top) {
        format_u64("checkpoint", zpool_stat(vd, VDEV_STAT_CHECKPOINT), literal, buf, len);
    } else if (strcmp(prop, "expandsize") == 0) {
        format_u64("expandsize", zpool_stat(vd, VDEV_STAT_ESIZE), literal, buf, len);
    } else if (strcmp(prop, "fragmentation") == 0 && top) {
        format_u64("fragmentation", frag, literal, buf, len);
    } else if (strcmp(prop, "capacity") == 0 && top) {
        if (literal)
            snprintf(buf, len, "%llu", (unsigned long long)percent);
        else
            snprintf(buf, len, percent < 10 ? "%1.2f%%" : percent < 100 ? "%2.1f%%" : "%3.0f%%", percent);
    } else if (strcmp(prop, "health") == 0) {
        snprintf(buf, len, "%s", zpool_state_text(zpool_stat(vd, VDEV_STAT_STATE), zpool_stat(vd, VDEV_STAT_AUX)));
    }
}

struct lister {
    struct cli_table t;
    const struct list_options *o;
    char cell[MAX_COLUMNS][4096];
    const char *ptr[MAX_COLUMNS];
};

static void add_row(struct lister *l)
{
    for (size_t i = 0; i < l->o->ncolumns; i++)
        l->ptr[i] = l->cell[i];
    (void)cli_table_add(&l->t, l->ptr);
}

/* ALTROOT and what has no meaning for a vdev stays empty at the end of the row, "-" elsewhere. */
static void add_vdev(struct lister *l, const struct nvlist *vd, size_t depth, bool top, bool spare)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    char name[4000];

    zpool_vdev_name(vd, l->o->name_flags, name, sizeof(name));
    for (size_t i = 0; i < l->o->ncolumns; i++) {
        const char *prop = l->o->column[i];

        if (strcmp(prop, "name") == 0)
            snprintf(l->cell[i], sizeof(l->cell[i]), "%*s%s", l->o->scripted ? 0 : (int)depth, "", name);
        else if (strcmp(prop, "altroot") == 0)
            l->cell[i][0] = '\0';
        else if (spare && strcmp(prop, "health") == 0)
            strcpy(l->cell[i], nvlist_u64(vd, "spare_in_use", 0) != 0 ? "INUSE" : "AVAIL");
        else
            vdev_cell(vd, prop, l->o->literal, top, n == 0, l->cell[i], sizeof(l->cell[i]));
    }
    add_row(l);
    for (size_t i = 0; i < n; i++)
        add_vdev(l, child[i], depth + 2, false, false);
}

static void add_title(struct lister *l, const char *title)
{
    for (size_t i = 0; i < l->o->ncolumns; i++)
        strcpy(l->cell[i], strcmp(l->o->column[i], "name") == 0      ? title
                           : strcmp(l->o->column[i], "altroot") == 0 ? ""
                                                                     : "-");
    add_row(l);
}

static void add_class(struct lister *l, const struct nvlist *root, const char *class, const char *title)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, "children", &n);
    bool headed = false;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(zpool_vdev_class(child[i]), class) != 0 || zpool_vdev_is_type(child[i], "hole") ||
            zpool_vdev_is_type(child[i], "indirect"))
            continue;
        if (!headed && title != NULL)
            add_title(l, title);
        headed = true;
        add_vdev(l, child[i], 2, true, false);
    }
}

static void add_aux(struct lister *l, const struct nvlist *root, const char *key, const char *title)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, key, &n);

    if (n > 0)
        add_title(l, title);
    for (size_t i = 0; i < n; i++)
        add_vdev(l, child[i], 2, strcmp(key, "l2cache") == 0, strcmp(key, "spares") == 0);
}

static void add_vdevs(struct lister *l, const struct nvlist *item)
{
    const struct nvlist *config = nvlist_child(item, "config");
    const struct nvlist *root = config != NULL ? nvlist_child(config, "vdev_tree") : NULL;

    if (root == NULL)
        return;
    add_class(l, root, "", NULL);
    add_class(l, root, "dedup", "dedup");
    add_class(l, root, "special", "special");
    add_class(l, root, "log", "logs");
    add_aux(l, root, "l2cache", "cache");
    add_aux(l, root, "spares", "spare");
}

/* A row of a vdev ends behind HEALTH: print rows by hand when the last cells are empty. */
static void print_table(const struct lister *l)
{
    const struct cli_table *t = &l->t;

    if (!l->o->verbose) {
        cli_table_print(t, l->o->scripted, stdout);
        return;
    }
    for (size_t r = 0; r < t->nrows + 1; r++) {
        size_t last = t->ncols;

        if (r == 0 && l->o->scripted)
            continue;
        while (r > 0 && last > 1 && t->cell[(r - 1) * t->ncols + last - 1][0] == '\0')
            last--;
        for (size_t i = 0; i < last; i++) {
            const char *cell = r == 0 ? t->col[i].header : t->cell[(r - 1) * t->ncols + i];

            if (l->o->scripted)
                printf("%s%s", cell, i + 1 < last ? "\t" : "");
            else if (t->col[i].right)
                printf("%*s%s", (int)t->col[i].width, cell, i + 1 < last ? "  " : "");
            else if (i + 1 == last)
                fputs(cell, stdout);
            else
                printf("%-*s  ", (int)t->col[i].width, cell);
        }
        putchar('\n');
    }
}

static int print_list(const struct cli_items *items, const struct list_options *o)
{
    struct lister *l AUTO_FREE = mem_zalloc(sizeof(*l));
    char header[MAX_COLUMNS][64];

    if (l == NULL || cli_table_init(&l->t, o->ncolumns) != 0)
        return CLI_FAILED;
    l->o = o;
    for (size_t i = 0; i < o->ncolumns; i++) {
        int k = column_index(o->column[i]);

        snprintf(header[i], sizeof(header[i]), "%s", k >= 0 ? columns[k].header : o->column[i]);
        for (char *c = header[i]; k < 0 && *c != '\0'; c++)
            *c = (char)toupper((unsigned char)*c);
        cli_table_column(&l->t, i, header[i],
                         (k >= 0 && columns[k].kind != K_STRING) || strcmp(o->column[i], "health") == 0);
    }
    for (size_t p = 0; p < items->n; p++) {
        for (size_t i = 0; i < o->ncolumns; i++)
            (void)prop_text(items->item[p], o->column[i], o->literal, l->cell[i], sizeof(l->cell[i]), NULL);
        add_row(l);
        if (o->verbose) {
            size_t before = l->t.nrows;

            add_vdevs(l, items->item[p]);
            for (size_t r = before; o->scripted && r < l->t.nrows; r++) { /* a tab instead of the indent */
                char *cell = mem_printf("\t%s", l->t.cell[r * l->t.ncols]);

                free(l->t.cell[r * l->t.ncols]);
                l->t.cell[r * l->t.ncols] = cell;
            }
        }
    }
    print_table(l);
    cli_table_free(&l->t);
    return CLI_OK;
}

static int print_list_json(const struct cli_items *items, const struct list_options *o, const char *command)
{
    json_t *root = cli_json_begin(command), *pools = json_object();
    char text[4096], guid[32];

    for (size_t p = 0; p < items->n; p++) {
        const struct nvlist *item = items->item[p];
        json_t *j = zpool_json_pool(item, &o->json), *props = json_object();

        for (size_t i = 0; i < o->ncolumns; i++) {
            const char *source;
            char *end;
            unsigned long long n;
            json_t *v;

            if (strcmp(o->column[i], "name") == 0)
                continue;
            (void)prop_text(item, o->column[i], o->literal || o->json.as_int, text, sizeof(text), &source);
            n = strtoull(text, &end, 10);
            v = o->json.as_int && *end == '\0' && isdigit((unsigned char)text[0]) ? cli_json_number(n, true)
                                                                                  : json_string(text);
            json_object_set_new(props, o->column[i],
                                json_pack("{s:o, s:{s:s, s:s}}", "value", v, "source", "type",
                                          strcmp(source, "local") == 0     ? "LOCAL"
                                          : strcmp(source, "default") == 0 ? "DEFAULT"
                                                                           : "NONE",
                                          "data", "-"));
        }
        json_object_set_new(j, "properties", props);
        snprintf(guid, sizeof(guid), "%llu", (unsigned long long)nvlist_u64(item, "guid", 0));
        json_object_set_new(pools, o->json.key_guid ? guid : nvlist_string(item, "name", ""), j);
    }
    json_object_set_new(root, "pools", pools);
    cli_json_print(root);
    return CLI_OK;
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

int zpool_list(struct cli *cli, int argc, char **argv)
{
    struct list_options o = {0};
    struct cli_items items;
    int status = parse_list(argc, argv, &o);

    if (status != 0) {
        free(o.text);
        return zpool_usage_print(stderr, "list");
    }
    status = zpool_fetch(cli, argc - optind, argv + optind, &items);
    if (o.json.on)
        (void)print_list_json(&items, &o, "zpool list");
    else if (items.n > 0)
        (void)print_list(&items, &o);
    else if (status == CLI_OK)
        puts("no pools available");
    cli_items_free(&items);
    free(o.text);
    return status;
}

/* ---- get ---- */

struct get_options {
    struct list_options list;
    bool field[4]; /* name property value source, in this order unless -o says else */
    unsigned order[4], nfields;
    bool all;
};

static const char *const field_names[] = {"name", "property", "value", "source"};

static int parse_fields(char *text, struct get_options *o)
{
    char *field[8];
    size_t n = cli_split(text, field, array_len(field));

    o->nfields = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned k = 0;

        if (strcmp(field[i], "all") == 0) {
            for (o->nfields = 0; o->nfields < 4; o->nfields++)
                o->order[o->nfields] = o->nfields;
            return 0;
        }
        while (k < 4 && strcmp(field_names[k], field[i]) != 0)
            k++;
        if (k == 4 || o->nfields == 4) {
            fprintf(stderr, "invalid column name '%s'\n", field[i]);
            return CLI_USAGE;
        }
        o->order[o->nfields++] = k;
    }
    return 0;
}

static void add_get_row(struct cli_table *t, const struct get_options *o, const char *pool, const char *prop,
                        const char *value, const char *source)
{
    const char *all[4] = {pool, prop, value, source}, *cells[4];

    for (unsigned i = 0; i < o->nfields; i++)
        cells[i] = all[o->order[i]];
    (void)cli_table_add(t, cells);
}

static void get_pool(struct cli_table *t, const struct get_options *o, const struct nvlist *item)
{
    const char *pool = nvlist_string(item, "name", "?"), *source;
    const struct nvlist *props = nvlist_child(item, "props");
    const struct nvpair *p = NULL;
    char text[8192];

    for (size_t i = 0; i < o->list.ncolumns; i++) {
        if (strcmp(o->list.column[i], "all") != 0) {
            (void)prop_text(item, o->list.column[i], o->list.literal, text, sizeof(text), &source);
            add_get_row(t, o, pool, o->list.column[i], text, source);
            continue;
        }
        while (props != NULL && (p = nvlist_next(props, p)) != NULL) {
            (void)prop_text(item, nvpair_name(p), o->list.literal, text, sizeof(text), &source);
            add_get_row(t, o, pool, nvpair_name(p), text, source);
        }
    }
}

static int print_get(const struct cli_items *items, struct get_options *o)
{
    static const char *const headers[] = {"NAME", "PROPERTY", "VALUE", "SOURCE"};
    struct cli_table t;

    if (cli_table_init(&t, o->nfields) != 0)
        return CLI_FAILED;
    for (unsigned i = 0; i < o->nfields; i++)
        cli_table_column(&t, i, headers[o->order[i]], false);
    for (size_t i = 0; i < items->n; i++)
        get_pool(&t, o, items->item[i]);
    cli_table_print(&t, o->list.scripted, stdout);
    cli_table_free(&t);
    return CLI_OK;
}

/* With "all" the JSON names every property of the first pool. */
static void expand_all(const struct cli_items *items, struct list_options *o)
{
    const struct nvlist *props = items->n > 0 ? nvlist_child(items->item[0], "props") : NULL;
    const struct nvpair *p = NULL;

    if (o->ncolumns != 1 || strcmp(o->column[0], "all") != 0)
        return;
    o->ncolumns = 0;
    while (props != NULL && o->ncolumns < MAX_COLUMNS && (p = nvlist_next(props, p)) != NULL)
        o->column[o->ncolumns++] = (char *)nvpair_name(p);
}

static int parse_get(int argc, char **argv, struct get_options *o)
{
    int c, err = 0;

    for (o->nfields = 0; o->nfields < 4; o->nfields++)
        o->order[o->nfields] = o->nfields;
    cli_getopt_reset();
    while (err == 0 && (c = cli_getopt(argc, argv, "jHpo:", longs)) != -1) {
        if (c == 'H')
            o->list.scripted = true;
        else if (c == 'p')
            o->list.literal = o->list.json.literal = true;
        else if (c == 'j')
            o->list.json.on = true;
        else if (c == OPT_JSON_INT)
            o->list.json.as_int = o->list.json.literal = o->list.literal = true;
        else if (c == OPT_KEY_GUID)
            o->list.json.key_guid = true;
        else
            err = c == 'o' ? parse_fields(optarg, o) : CLI_USAGE;
    }
    if (err == 0 && optind == argc) {
        fprintf(stderr, "missing property argument\n");
        err = CLI_USAGE;
    }
    return err;
}

int zpool_get(struct cli *cli, int argc, char **argv)
{
    struct get_options o = {0};
    struct cli_items items;
    int status = parse_get(argc, argv, &o);

    if (status != 0)
        return zpool_usage_print(stderr, "get");
    o.list.ncolumns = cli_split(argv[optind], o.list.column, MAX_COLUMNS);
    for (size_t i = 0; i < o.list.ncolumns; i++) {
        const char *name = canonical(o.list.column[i]);

        if (name == NULL) {
            fprintf(stderr, "bad property list: invalid property '%s'\n", o.list.column[i]);
            return zpool_usage_print(stderr, "get");
        }
        o.list.column[i] = (char *)name;
    }
    status = zpool_fetch(cli, argc - optind - 1, argv + optind + 1, &items);
    if (o.list.json.on) {
        expand_all(&items, &o.list);
        (void)print_list_json(&items, &o.list, "zpool get");
    } else if (items.n > 0) {
        (void)print_get(&items, &o);
    }
    cli_items_free(&items);
    return status;
}
